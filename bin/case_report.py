#!/usr/bin/env python3
"""The case report: answer, figures, maps and tables of a patient in one page that opens without a network."""

import base64
import gzip
import io
import re
from pathlib import Path

from _car_words import car_remarks
from _cli import FILE, FOLDER, command, read_json
from _page import raw, render
from _results import Case
from _series import told_apart
from _tables import read_text_table
from _vega import runtime

import click

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
    ("car", "course", "CAR-T cells: no result of CAR_KINETICS."),
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
    "precursors",
    "car",
    "communication_senders",
)
# What a spreadsheet program would run: a text, no number, that begins with one of = + - @. An apostrophe before it makes it text.
FORMULA = r"^(?![+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$)[=+\-@\t\r]"


def read_tables(folder: Path, names: set[str], patient: str) -> dict[str, dict]:
    """The patient's rows of tables as CSV text and their number, by the tables' file names, in order."""
    tables = {}
    for name in sorted(names):
        path = folder / name
        if path.exists() and path.stat().st_size:
            table = read_text_table(path)
            table = table[table["patient"] == patient] if "patient" in table else table
            tables[name] = {
                "csv": table.replace(FORMULA, r"'\g<0>", regex=True).to_csv(index=False),
                "rows": len(table),
            }
    return tables


def packed(text: str) -> str:
    """Text as base64 of gzip, without a time stamp so that equal runs give equal pages."""
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as file:
        file.write(text.encode())
    return base64.b64encode(buffer.getvalue()).decode()


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
    """Warnings that differ only in numbers as one, with all its samples and texts."""
    found: dict[tuple, dict] = {}
    for warning in warnings:
        key = (warning["level"], re.sub(r"[0-9]+", "#", warning["text"]))
        entry = found.setdefault(key, {"level": warning["level"], "samples": [], "texts": []})
        entry["samples"] += [warning["sample"]] if warning.get("sample") else []
        entry["texts"].append(warning["text"])
    return list(found.values())


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


def reasons_of(case: Case) -> dict[str, str]:
    """Why a figure is not there, by its id, in the words of the step that knows; of others NEEDED says it."""
    samples = case.facts(f"{case.patient}.car.json", {}).get("samples", {})
    texts = car_remarks(samples)
    return {"car": f"CAR-T cells: {' '.join(texts)}"} if texts else {}


def arrange(figures: list[dict], maps: list[dict], reasons: dict[str, str]) -> list[dict]:
    """Sections with their figures, maps, tabs and what is missing; reasons: of reasons_of."""
    there = {figure["id"] for figure in figures}
    sections = []
    for name, short, title in SECTIONS:
        section = {"id": name, "name": short, "title": title, "maps": [], "tabs": []}
        section["figures"] = [figure for figure in figures if figure["section"] == name]
        section["missing"] = [
            reasons.get(figure, words) for figure, where, words in NEEDED if where == name and figure not in there
        ]
        if name == "cells":
            section["maps"] = [item for item in maps if item["id"] == "all"]
        if name == "subsets":
            lineages = list(
                dict.fromkeys(
                    f["section"].removeprefix("subsets_") for f in figures if f["section"].startswith("subsets_")
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
    """The patient's samples by day, with kept cells, those before quality control where known, status, and what tells them apart."""
    import pandas as pd

    sheet = read_text_table(folder / "samples.tsv").astype({"day": int})
    sheet = sheet[sheet["patient"] == patient].sort_values("day", kind="stable")
    cells = pd.read_parquet(folder / "cells.parquet", columns=["sample"])["sample"].astype(str).value_counts()
    status, before = {}, {}
    if (folder / "qc.tsv").exists():
        table = read_text_table(folder / "qc.tsv").set_index("sample")
        status = table["status"].to_dict()
        before = table["cells_before"].to_dict() if "cells_before" in table else {}
    return [
        row
        | {"cells": int(cells.get(row["sample"], 0)), "status": status.get(row["sample"], "pass")}
        | {"before": int(before.get(row["sample"]) or 0), "design": design}
        for row, design in zip(sheet.to_dict("records"), told_apart(sheet), strict=True)
    ]


def failures_of(path: Path | None, folder: Path, patient: str) -> list[dict]:
    """Rows of failed_steps.tsv that bear on the patient: its own, its samples' and those of lineages and the run."""
    if path is None:
        return []
    sheet = read_text_table(folder / "samples.tsv")
    others = sheet[sheet["patient"] != patient]
    rows = read_text_table(path)
    return rows[~rows["of"].isin({*others["patient"], *others["sample"]} - {patient})].to_dict("records")


def rules_of(case: Case) -> list[dict]:
    """Rule texts that steps wrote beside their tables."""
    rules = []
    for name, file, keys in (
        ("Clones", f"{case.patient}.clonotypes.json", ("rule_text",)),
        ("Fates", f"{case.patient}.fates.json", ("rule",)),
        ("Interferon-high cells", "signatures.json", ("isg_high", "basis")),
        ("Differences of signatures", "signature_change.json", ("basis",)),
    ):
        value = case.facts(file, {})
        for key in keys:
            value = value.get(key, {}) if isinstance(value, dict) else {}
        if isinstance(value, str):
            rules.append({"name": name, "text": value})
    return rules


def versions_of(path: Path | None) -> list[tuple[str, str]]:
    """(step, packages) of a file with a line `STEP package=version package=version` per step."""
    lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines()] if path else []
    return sorted((step, ", ".join(packages).replace("=", " ")) for step, *packages in lines)


def literature_of(table: Path, versions: list[tuple[str, str]]) -> list[str]:
    """What to cite: the rows of a table package, cited whose package is among those of `versions_of`."""
    ran = {package.split()[0] for _step, packages in versions for package in packages.split(", ") if package}
    rows = read_text_table(table)
    return list(rows.loc[rows["package"].isin(ran), "cited"])


@command()
@click.argument("results", type=FOLDER)
@click.option("--patient", required=True, help="Name of the patient.")
@click.option("--answer", required=True, type=FILE, help="<patient>.answer.json")
@click.option("--figures", required=True, type=FILE, help="<patient>.figures.json")
@click.option("--charts", required=True, type=FILE, help="<patient>.charts.json")
@click.option("--maps", required=True, type=FILE, help="<patient>.map.json")
@click.option(
    "--assets", required=True, type=FOLDER, help="Folder with case.html.j2, case.css, case.js and literature.tsv."
)
@click.option("--columns", required=True, type=FILE, help="Dictionary: column, file, from, kind, meaning.")
@click.option("--parameters", type=FILE, help="Parameters of the run, as JSON.")
@click.option("--versions", type=FILE, help="Versions: a line `STEP package=version ...` per step.")
@click.option("--failures", type=FILE, help="Failed steps of the run: step, of, reason.")
@click.option("--release", default="", help="Version of clonewatch.")
def main(
    results: Path, patient: str, answer: Path, figures: Path, charts: Path, maps: Path, assets: Path, columns: Path,
    parameters: Path | None, versions: Path | None, failures: Path | None, release: str,
) -> None:  # fmt: skip
    """Fill the page of a PATIENT with the tables of RESULTS, its figures as specifications, and what draws them."""
    specs, layouts, statements = read_json(figures), read_json(maps), read_json(answer)
    samples = samples_of(results, patient)
    names = {sample["sample"] for sample in samples} | {patient, "", None}
    warnings = [warning for warning in statements["warnings"] if warning.get("sample") in names]
    of_levels = {
        level: [w for w in warnings if (w["level"] == "note") == (level == "notes")] for level in ("warnings", "notes")
    }
    statements |= {level: grouped(listed) for level, listed in of_levels.items()}
    statements |= {"clones": merged(statements["clones"])}
    ran = versions_of(versions)
    named = {spec["table"] for spec in specs} | {"composition_change.tsv"} | {f"{patient}.{name}.tsv" for name in EXTRA}
    tables = read_tables(results, named, patient)
    page = render(
        assets, "case.html.j2", patient=patient, samples=samples, answer=statements,
        failures=failures_of(failures, results, patient), sections=arrange(specs, layouts, reasons_of(Case(results, patient))),
        maps=layouts, tables={name: {"rows": entry["rows"]} for name, entry in tables.items()},
        packed={name: packed(entry["csv"]) for name, entry in tables.items()}, release=release,
        charts=packed(charts.read_text(encoding="utf-8")), vega=raw(runtime()),
        rules=rules_of(Case(results, patient)), dictionary=read_text_table(columns).to_dict("records"),
        versions=ran, citations=literature_of(assets / "literature.tsv", ran),
        parameters=sorted(read_json(parameters).items()) if parameters else [],
        **{name: raw((assets / file).read_text()) for name, file in (("css", "case.css"), ("script", "case.js"))},
    )  # fmt: skip
    Path(f"{patient}.case_report.html").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
