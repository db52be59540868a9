"""Runs the pipeline on cases of which parts are missing or many, and opens every page in Chromium.

    python tests/benchmarks/accept_report.py FOLDER [kind ...]

Kinds: gex (no receptors), tcr, bcr (one kind of receptor), one (one time point), twelve (time points), two (patients).
Each becomes FOLDER/<kind>/results; a run is resumed. Pictures of all sections are FOLDER/<kind>/pictures/*.png.
Printed per page: size, milliseconds to open, errors and requests heard, width on a small screen, and what it says is
not in it.
"""

import os
import subprocess
import sys
from pathlib import Path

import h5py
import pandas as pd

PROJECT = Path(__file__).resolve().parents[2]
TABLES = ("mrd", "clinical", "events", "fish")
KINDS = {
    "gex": {"without": ("vdj_b", "vdj_t")},
    "tcr": {"without": ("vdj_b",)},
    "bcr": {"without": ("vdj_t",)},
    "one": {"times": ("T2",)},
    "twelve": {"parts": 4},
    "two": {"patients": 2},
}
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def simulate(folder: Path, patients: int = 1) -> Path:
    """A case of 2,000 barcodes for each patient."""
    if not (folder / "samples.csv").exists():
        command = [sys.executable, PROJECT / "tests" / "simulate_case.py", "--out", folder]
        command += ["--cells", str(2000 * patients), "--patients", str(patients), "--seed", "1"]
        subprocess.run(list(map(str, command)), check=True, capture_output=True)
    return folder


def part_of_matrix(path: Path, to: Path, part: int, parts: int) -> list[str]:
    """Write every `parts`-th barcode of a Cell Ranger matrix, from `part` on; returns these barcodes."""
    with h5py.File(path) as old, h5py.File(to, "w") as new:
        old.copy("matrix/features", new.create_group("matrix"), "features")
        pointers = old["matrix/indptr"][:]
        chosen = range(part, len(pointers) - 1, parts)
        slices = [slice(pointers[at], pointers[at + 1]) for at in chosen]
        for name in ("data", "indices"):
            held = old[f"matrix/{name}"][:]
            new[f"matrix/{name}"] = [value for piece in slices for value in held[piece]]
        ends = [0]
        for piece in slices:
            ends.append(ends[-1] + piece.stop - piece.start)
        new["matrix/indptr"] = ends
        new["matrix/barcodes"] = old["matrix/barcodes"][:][list(chosen)]
        new["matrix/shape"] = [old["matrix/shape"][0], len(slices)]
        return new["matrix/barcodes"].asstr()[:].tolist()


def split(case: Path, sheet: pd.DataFrame, to: Path, parts: int) -> pd.DataFrame:
    """Each sample as several time points of one patient: what one of many short intervals looks like."""
    rows = []
    for row in sheet.to_dict("records"):
        for part in range(parts):
            name = f"{row['sample']}{'abcdefgh'[part]}"
            here = to / name
            here.mkdir(parents=True, exist_ok=True)
            matrix = here / "filtered_feature_bc_matrix.h5"
            barcodes = part_of_matrix(case / row["gex"], matrix, part, parts)
            for locus in ("vdj_b", "vdj_t"):
                contigs = pd.read_csv(case / row[locus], dtype=str, keep_default_na=False)
                contigs[contigs["barcode"].isin(barcodes)].to_csv(here / f"{locus}.csv", index=False)
            rows.append(
                row
                | {"sample": name, "timepoint": f"{row['timepoint']}{'abcdefgh'[part]}", "batch": name}
                | {"day": int(row["day"]) + 12 * part, "gex": matrix}
                | {locus: here / f"{locus}.csv" for locus in ("vdj_b", "vdj_t")}
            )
    return pd.DataFrame(rows)


def run(kind: str, folder: Path) -> Path:
    """The results of a kind of run."""
    asked = KINDS[kind]
    case = simulate(folder / f"case{asked.get('patients', 1)}", asked.get("patients", 1))
    here = folder / kind
    here.mkdir(exist_ok=True)
    sheet = pd.read_csv(case / "samples.csv").drop(columns=list(asked.get("without", ())))
    if "times" in asked:
        sheet = sheet[sheet["timepoint"].isin(asked["times"])]
    if "parts" in asked:
        sheet = split(case, sheet, here / "parts", asked["parts"])
    for column in {"gex", "vdj_b", "vdj_t"} & set(sheet):
        sheet[column] = [str(case / value) for value in sheet[column]]
    sheet.to_csv(here / "samples.csv", index=False)
    command = ["nextflow", "run", PROJECT, "-resume", "--input", "samples.csv", "--outdir", "results"]
    for name in TABLES:
        command += [f"--{name}", case / f"{name}.csv"]
    places = [PROJECT / ".venv" / "bin", PROJECT / ".runtime", *os.environ["PATH"].split(":")]
    environment = os.environ | {"PATH": ":".join(map(str, places)), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        list(map(str, command)),
        cwd=here,
        env=environment | {"NXF_ANSI_LOG": "false", "NXF_OFFLINE": "true"},
        capture_output=True,
        text=True,
    )
    (here / "run.log").write_text(done.stdout + done.stderr)
    if done.returncode:
        raise SystemExit(f"{kind}: the run failed, see {here / 'run.log'}")
    return here / "results" / "report"


def look(browser, path: Path, pictures: Path) -> dict:
    """What a page does in Chromium without a network; a picture of every section at two widths."""
    pictures.mkdir(parents=True, exist_ok=True)
    heard, found = [], {"page": path.name, "MB": round(path.stat().st_size / 1e6, 1)}
    for width in (1280, 400):
        context = browser.new_context(viewport={"width": width, "height": 900}, offline=True)
        page = context.new_page()
        page.on("console", lambda message: heard.append(message.text))
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on("request", lambda asked: heard.append(asked.url) if asked.url.startswith("http") else None)
        page.goto(path.resolve().as_uri())
        page.wait_for_timeout(500)
        found[f"width at {width}"] = page.evaluate("document.documentElement.scrollWidth")
        found["ms"] = round(page.evaluate("performance.getEntriesByType('navigation')[0].duration"))
        page.screenshot(path=pictures / f"{path.stem}.{width}.first.png")
        page.add_style_tag(content="nav { position: static !important; }")
        for section in page.query_selector_all("main section"):
            name = section.get_attribute("id") or "section"
            for tab in section.query_selector_all("[role=tab]") or [None]:
                if tab:
                    tab.click()
                end = f".{tab.get_attribute('id')}" if tab else ""
                section.screenshot(path=pictures / f"{path.stem}.{width}.{name}{end}.png")
        context.close()
    page = browser.new_page()
    page.goto(path.resolve().as_uri())
    found["headline"] = "".join(page.locator(".headline").all_inner_texts())
    found["not in it"] = [words.split(":")[0] for words in page.locator(".needs").all_inner_texts()]
    page.close()
    return found | {"heard": heard}


def main() -> None:
    from playwright.sync_api import sync_playwright

    folder = Path(sys.argv[1]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for kind in sys.argv[2:] or KINDS:
        report = run(kind, folder)
        with sync_playwright() as started:
            chromium = os.environ.get("CHROMIUM", "/usr/bin/chromium")
            browser = started.chromium.launch(executable_path=chromium, args=FLAGS)
            for path in sorted(report.glob("*_report.html")):
                if not path.name.startswith("multiqc"):
                    print(kind, look(browser, path, folder / kind / "pictures"), flush=True)
            browser.close()


if __name__ == "__main__":
    main()
