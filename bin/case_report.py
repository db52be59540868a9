#!/usr/bin/env python3
"""The case report: answer, figures, maps and tables of a patient in one page that opens without a network."""

import base64
import gzip
import io
import json
import re
from importlib.metadata import version
from pathlib import Path

import click

PACKAGES = ("click", "jinja2", "pandas")
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
# Sections in the order of the page: id, name in the navigation, title.
SECTIONS = (
    ("answer", "Answer", "Answer"),
    ("summary", "Drawing", "The case in one drawing"),
    ("course", "Course", "Course of the disease"),
    ("cells", "Cells", "Cells"),
    ("clones", "Clones", "Clones over time"),
    ("subsets", "Subsets", "Subsets within lineages"),
    ("niche", "Surroundings", "What surrounds the clone"),
    ("methods", "Methods and tables", "Methods, numbers and terms"),
)
# What a section lacks where a figure is not there, and what would fill it.
NEEDED = (
    ("clinical", "course", "Clinical parameters: give them with --clinical (patient, day, parameter, value)."),
    ("mrd", "course", "Bulk MRD curves: give bulk rearrangements with --mrd (patient, day, clone, junction, fraction)."),
    ("car", "course", "CAR-T cells: the reference needs the CAR's sequence as a gene, or --car its name."),
    ("fish", "course", "FISH beside single cells: give FISH results with --fish (patient, day, probe, region, percent)."),
    ("composition", "cells", "Cell types over time: they need the table of COMPOSITION and a cell type with 8 cells."),
    ("clones_bcr", "clones", "B-cell clones: add vdj_b to the samplesheet; they need at least one sample with BCR contigs."),
    ("clones_tcr", "clones", "T-cell clones: add vdj_t to the samplesheet; they need at least one sample with TCR contigs."),
    ("communication", "niche", "Communication: it needs a focus (--focus) with enough cells, and senders beside it."),
    ("change", "niche", "Change of communication: it needs two time points with enough cells of focus and senders."),
    ("interferon", "niche", "Interferon-high cells: the ISG score has no threshold in this run; --isg_threshold sets one."),
)  # fmt: skip
# Tables that are in the page beside those that figures name.
EXTRA = (
    "mrd",
    "mrd_curve",
    "mrd_matches",
    "clones",
    "clone_cells",
    "fates",
    "cnv",
    "malignancy",
    "car",
    "communication_senders",
)
CITATIONS = (
    "Wolf 2018, scanpy, doi:10.1186/s13059-017-1382-0",
    "Sturm 2020, scirpy, doi:10.1093/bioinformatics/btaa611",
    "Korsunsky 2019, Harmony, doi:10.1038/s41592-019-0619-0",
    "McInnes 2018, UMAP, doi:10.21105/joss.00861",
    "Blondel 2008, Louvain, doi:10.1088/1742-5468/2008/10/P10008",
    "Wolock 2019, Scrublet, doi:10.1016/j.cels.2018.11.005",
    "Dimitrov 2022, LIANA, doi:10.1038/s41467-022-30755-0",
    "Badia-i-Mompel 2022, decoupler, doi:10.1093/bioadv/vbac016",
    "Vander Heiden 2018, AIRR, doi:10.3389/fimmu.2018.02206",
    "Wilson 1927, interval of a proportion, doi:10.1080/01621459.1927.10502953",
)


def read_tables(folder: Path, names: set[str], patient: str) -> dict[str, dict]:
    """The patient's rows of tables as CSV text and their number, by the tables' file names, in order."""
    import pandas as pd

    found = {}
    for name in sorted(names):
        path = folder / name
        if path.exists() and path.stat().st_size:
            table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
            table = table[table["patient"] == patient] if "patient" in table else table
            found[name] = {"csv": table.to_csv(index=False), "rows": len(table)}
    return found


def packed(text: str) -> str:
    """Text as base64 of gzip, without a time stamp so that equal runs give equal pages."""
    held = io.BytesIO()
    with gzip.GzipFile(fileobj=held, mode="wb", mtime=0) as file:
        file.write(text.encode())
    return base64.b64encode(held.getvalue()).decode()


def merged(entries: list[dict]) -> list[dict]:
    """Bulk clones of one single-cell clone and carrier as one row; each keeps its own matched cells and bulk curve.

    Clones that no cell shows are one row where the same is said of them.
    """
    rows: list[dict] = []
    for entry in entries:
        bulk, cells = split_moves(entry["moves"])
        alike = next(
            (
                row for row in rows
                if all(row[name] == entry[name] for name in ("matched", "carrier", "confidence", "why", "carries"))
                and (entry["matched"] or texts(row["who"][0]["said"]) == texts(entry["who"]))
            ),
            None,
        )  # fmt: skip
        if alike is None:
            alike = entry | {"names": [], "moves": [], "who": [], "beside": [], "cells": cells}
            rows.append(alike)
        alike["names"].append(entry["clone"])
        alike["moves"].append({"name": entry["clone"], "said": bulk})
        same = next((part for part in alike["who"] if texts(part["said"]) == texts(entry["who"])), None)
        if same:
            same["names"].append(entry["clone"])
        else:
            alike["who"].append({"names": [entry["clone"]], "said": entry["who"]})
        if entry["beside"] and texts(entry["beside"]) not in map(texts, alike["beside"]):
            alike["beside"].append(entry["beside"])
    return sorted(rows, key=lambda row: not row["carrier"])  # those whose carrier is known stand first


def grouped(warnings: list[dict]) -> list[dict]:
    """Warnings that differ only in numbers as one, with all its samples and texts; warnings before notes."""
    found: dict[tuple, dict] = {}
    for warning in warnings:
        key = (warning["level"], re.sub(r"[0-9]+", "#", warning["text"]))
        entry = found.setdefault(key, {"level": warning["level"], "samples": [], "texts": []})
        entry["samples"] += [warning["sample"]] if warning.get("sample") else []
        entry["texts"].append(warning["text"])
    return sorted(found.values(), key=lambda entry: entry["level"] == "note")


def texts(statement: list) -> str:
    """A statement as plain text."""
    return "".join(part if isinstance(part, str) else part["text"] for part in statement)


def split_moves(statement: list) -> tuple[list, list]:
    """The part of a movement about bulk, and the part about single cells."""
    at = next(
        (i for i, part in enumerate(statement) if isinstance(part, str) and part.startswith("Single cells")),
        len(statement),
    )
    return statement[:at], statement[at:]


def arrange(figures: list[dict], maps: list[dict]) -> list[dict]:
    """Sections with their figures, maps, tabs and what is missing."""
    there = {figure["id"] for figure in figures}
    sections = []
    for name, short, title in SECTIONS:
        section = {"id": name, "name": short, "title": title, "maps": [], "tabs": []}
        section["figures"] = [figure for figure in figures if figure["section"] == name]
        section["missing"] = [
            words for figure, where, words in NEEDED if where == name and figure not in there
        ]
        if name == "cells":
            section["maps"] = [item for item in maps if item["id"] == "all"]
        if name == "subsets":
            lineages = list(
                dict.fromkeys(
                    f["section"].removeprefix("subsets_")
                    for f in figures
                    if f["section"].startswith("subsets_")
                )
            )
            section["tabs"] = [
                {"id": lineage, "name": f"{lineage} cells", "maps": [item for item in maps if item["id"] == lineage],
                 "figures": [figure for figure in figures if figure["section"] == f"subsets_{lineage}"]}
                for lineage in lineages
            ]  # fmt: skip
            if not lineages:
                section["missing"].append("Subsets: no lineage has two subsets with enough cells.")
        sections.append(section)
    return sections


def samples_of(folder: Path, patient: str) -> list[dict]:
    """The patient's samples by day, with kept cells, those before quality control where known, and status."""
    import pandas as pd

    sheet = pd.read_csv(folder / "samples.tsv", sep="\t", dtype=str, keep_default_na=False)
    sheet = sheet[sheet["patient"] == patient].assign(day=lambda t: t["day"].astype(int))
    cells = pd.read_parquet(folder / "cells.parquet", columns=["sample"])["sample"].astype(str).value_counts()
    status, before = {}, {}
    if (folder / "qc.tsv").exists():
        table = pd.read_csv(folder / "qc.tsv", sep="\t", dtype=str, keep_default_na=False)
        status = table.set_index("sample")["status"].to_dict()
        if "cells_before" in table:
            before = table.set_index("sample")["cells_before"].to_dict()
    return [
        row
        | {"cells": int(cells.get(row["sample"], 0)), "status": status.get(row["sample"], "pass")}
        | {"before": int(before.get(row["sample"]) or 0)}
        for row in sheet.sort_values("day", kind="stable").to_dict("records")
    ]


def rules_of(folder: Path, patient: str) -> list[dict]:
    """Rule texts that steps wrote beside their tables."""
    found = []
    for name, file, keys in (
        ("Clones", f"{patient}.clonotypes.json", ("rule_text",)),
        ("Fates", f"{patient}.fates.json", ("rule",)),
        ("Interferon-high cells", "signatures.json", ("isg_high", "basis")),
        ("Differences of signatures", "signature_change.json", ("basis",)),
    ):
        if (folder / file).exists():
            value = json.loads((folder / file).read_text())
            for key in keys:
                value = value.get(key, {}) if isinstance(value, dict) else {}
            if isinstance(value, str):
                found.append({"name": name, "text": value})
    return found


def versions_of(path: Path | None) -> list[tuple[str, str]]:
    """(step, packages) of versions.yml, which holds `STEP:` and indented `package: version`."""
    found: dict[str, list[str]] = {}
    for line in path.read_text().splitlines() if path else []:
        if line and not line.startswith(" "):
            found[line.rstrip(":")] = []
        elif line.strip() and found:
            found[list(found)[-1]].append(line.strip().replace(": ", " "))
    return sorted((step, ", ".join(packages)) for step, packages in found.items())


def fill(assets: Path, **content) -> str:
    """The page: template, style and script of the folder assets with their content."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(assets),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    # Our own files and SVG, in which texts were escaped when they were drawn, go in as they are.
    raw = {
        name: jinja2.utils.markupsafe.Markup((assets / f"case.{kind}").read_text())
        for name, kind in (("css", "css"), ("script", "js"))
    }
    for section in content["sections"]:
        for figure in [
            *section["figures"],
            *(figure for tab in section["tabs"] for figure in tab["figures"]),
        ]:
            figure["svg"] = {name: jinja2.utils.markupsafe.Markup(svg) for name, svg in figure["svg"].items()}
    return environment.get_template("case.html.j2").render(**raw, **content)


@click.command()
@click.argument("results", type=FOLDER)
@click.option("--patient", required=True, help="Name of the patient.")
@click.option("--answer", required=True, type=FILE, help="<patient>.answer.json")
@click.option("--surroundings", required=True, type=FILE, help="<patient>.surroundings.json")
@click.option(
    "--figures",
    required=True,
    multiple=True,
    type=FILE,
    help="<patient>.course.json, .tumour.json, .cells.json, .niche.json, .summary.json",
)
@click.option("--maps", required=True, type=FILE, help="<patient>.map.json")
@click.option("--assets", required=True, type=FOLDER, help="Folder with case.html.j2, case.css and case.js.")
@click.option("--columns", required=True, type=FILE, help="Dictionary: column, file, from, kind, meaning.")
@click.option("--parameters", type=FILE, help="params.json of the run.")
@click.option("--versions", type=FILE, help="versions.yml of the run.")
@click.option("--release", default="", help="Version of clonewatch.")
@click.version_option(" ".join(f"{name}={version(name)}" for name in PACKAGES), message="%(version)s")
def main(
    results, patient, answer, surroundings, figures, maps, assets, columns, parameters, versions, release
):
    """Fill the page of a PATIENT with the tables of RESULTS and the drawings in the folders figures and narrow."""
    import pandas as pd

    specs = [spec for path in figures for spec in json.loads(path.read_text())]
    for spec in specs:
        name = f"{patient}.{spec['id']}.svg"
        spec["svg"] = {
            width: Path(folder, name).read_text()
            for width, folder in (("wide", "figures"), ("narrow", "narrow"))
        }
    layouts, said = json.loads(maps.read_text()), json.loads(answer.read_text())
    said["surroundings"] = json.loads(surroundings.read_text())
    samples = samples_of(results, patient)
    mine = {sample["sample"] for sample in samples} | {"", None}
    said["warnings"] = grouped([warning for warning in said["warnings"] if warning.get("sample") in mine])
    said["clones"] = merged(said["clones"])
    tables = read_tables(
        results, {spec["table"] for spec in specs} | {f"{patient}.{name}.tsv" for name in EXTRA}, patient
    )
    page = fill(
        assets, patient=patient, samples=samples, answer=said, sections=arrange(specs, layouts), maps=layouts,
        tables={name: {"rows": entry["rows"]} for name, entry in tables.items()}, rules=rules_of(results, patient),
        packed={name: packed(entry["csv"]) for name, entry in tables.items()}, citations=CITATIONS, release=release,
        dictionary=pd.read_csv(columns, sep="\t", dtype=str).to_dict("records"), versions=versions_of(versions),
        parameters=sorted(json.loads(parameters.read_text()).items()) if parameters else [],
    )  # fmt: skip
    Path(f"{patient}.case_report.html").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
