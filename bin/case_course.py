#!/usr/bin/env python3
"""What the course of a case looks like: figures of therapy, laboratory, bulk MRD, CAR-T cells and FISH, as data.

Each figure is {id, section, title, alt, finding, caption, table, kind, ...}; CASE_CURVES and CASE_DRAWINGS lay them out. `alt` states the finding; `finding`
is what stands beside the drawing where that is shorter.
"""

import json
import re
from importlib.metadata import version
from pathlib import Path

import click

PACKAGES = ("click", "pandas")
RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


def read(folder: Path, name: str, patient: str):
    """Rows of the patient in a table of the folder; None where there is no such table or no row. Names are text: 28 and NA too."""
    import pandas as pd

    path = folder / name
    if not path.exists() or not path.stat().st_size:
        return None
    names = ("sample", "patient", "timepoint", "from", "to", "clone", "matched_clone", "population", "label", "parent", "stratum",
             "cell_type", "subset", "source", "target", "event", "kind", "parameter", "unit", "probe", "region", "abnormality",
             "arm", "verdict", "words")  # fmt: skip
    how = {"dtype": dict.fromkeys(names, str), "keep_default_na": False, "na_values": [""]}
    table = pd.read_csv(path, sep="\t", low_memory=False, **how)
    table = table[table["patient"] == patient] if "patient" in table else table
    return table if len(table) else None


def percent(share: float) -> str:
    """Three figures: `0.041 %`, `98.5 %`."""
    return f"{100 * share:.3g} %"


def written(unit: str) -> str:
    """A laboratory's unit as print shows it: powers raised, `10^9/L` as `10⁹/L`, `m2` as `m²`; all else as it was given."""
    raised = re.sub(r"(?<=\d)\^(-?\d+)", lambda power: power[1].translate(RAISED), unit)
    return re.sub(r"\b([cm]?m)\^?([23])\b", lambda part: part[1] + part[2].translate(RAISED), raised)


def points(rows, value: str = "value", low: str = "", high: str = "") -> list[list]:
    """[day, value, low, high] per row with a value, by day; null where there is no interval."""
    found = []
    for row in rows.dropna(subset=[value]).sort_values("day", kind="stable").to_dict("records"):
        bounds = [row[name] if name and row[name] == row[name] else None for name in (low, high)]
        found.append([float(row["day"]), float(row[value]), *bounds])
    return found


def timeline(samples, events) -> dict:
    """Treatment and samples on one axis of days (as Fig. 1A of a case report)."""
    listed = [] if events is None else events.sort_values("day", kind="stable").to_dict("records")
    marks = [{"day": float(row["day"]), "label": row["timepoint"]} for row in samples.to_dict("records")]
    shown = [
        {
            "day": float(row["day"]),
            "end": float(row["end_day"]) if row["end_day"] == row["end_day"] else None,
            "label": str(row["event"]),
            "kind": str(row["kind"]) if row["kind"] == row["kind"] else "",
        }
        for row in listed
    ]
    names = ", ".join(f"{mark['label']} on day {mark['day']:.0f}" for mark in marks)
    told = "; ".join(f"day {event['day']:.0f}: {event['label']}" for event in shown)
    return {
        "id": "timeline", "section": "course", "title": "Therapy and samples", "kind": "timeline",
        "alt": f"Samples {names}. Events: {told or 'none given'}.", "table": "events.tsv" if shown else "samples.tsv",
        "finding": "", "caption": "Bars are periods, diamonds single days, lines the single-cell samples. Day 0 is the reference event.",
        "events": shown, "marks": marks
    }  # fmt: skip


def laboratory(clinical, skipped: set[str]) -> dict:
    """One small curve per clinical parameter with its reference range."""
    panels, out = [], []
    for name, rows in clinical.groupby("parameter", sort=False):
        if name in skipped:
            continue
        rows = rows.sort_values("day", kind="stable")
        curve = points(rows)
        if not curve:
            continue
        low, high = (
            rows[side].dropna().iloc[-1] if rows[side].notna().any() else None for side in ("low", "high")
        )
        last = curve[-1][1]
        unit = written(rows["unit"].dropna().iloc[-1]) if rows["unit"].notna().any() else ""
        side = "▼" if low is not None and last < low else "▲" if high is not None and last > high else ""
        if side:
            out.append(" ".join(part for part in (str(name), f"{last:g}", unit, side) if part))
        panels.append(
            {
                "title": str(name),
                "unit": unit,
                "band": [low, high],
                "series": [{"name": "", "points": curve}],
            }
        )
    told = (
        f"outside of the reference range at the last value: {', '.join(out)}"
        if out
        else "no last value is outside of its reference range"
    )
    return {
        "id": "clinical", "section": "course", "title": "Clinical parameters", "kind": "multiples", "panels": panels,
        "alt": f"{len(panels)} parameters over time; {told}.", "table": "clinical.tsv", "columns": 4,
        "caption": "Grey bands are the given reference ranges; the number is the last value, ▲ above and ▼ below its range. Dotted: day 0."
    }  # fmt: skip


def wilson(n: int, total: int) -> tuple[float, float]:
    """95 % bounds of a share n / total: Wilson, and 1 - 0.05^(1/total) above where nothing was seen."""
    if n == 0:
        return 0.0, 1 - 0.05 ** (1 / total)
    share, z2 = n / total, 1.959964**2
    middle, half = share + z2 / (2 * total), (z2 * (share * (1 - share) / total + z2 / (4 * total**2))) ** 0.5
    return (middle - half) / (1 + z2 / total), min((middle + half) / (1 + z2 / total), 1.0)


def mrd_curves(curve, mrd, kept: dict[str, int], marks: list[dict], colours: list[str], patient: str) -> dict:
    """Bulk clones (dashed) and their cells' share of all kept cells (solid) on one logarithmic axis.

    kept: cells by time point. Clones with the same cells share one solid curve.
    """
    series, told, solid = [], [], []
    for at, (name, rows) in enumerate(curve.groupby("clone", sort=False)):
        colour, bulk = colours[at % len(colours)], points(rows, "fraction")
        series.append({"name": f"{name}, bulk", "colour": colour, "dash": True, "points": bulk})
        seen = mrd[(mrd["clone"] == name) & mrd["cells_share"].notna()] if mrd is not None else curve.iloc[:0]
        cells = []
        for row in seen.drop_duplicates("timepoint").sort_values("day", kind="stable").to_dict("records"):
            total = kept.get(str(row["timepoint"]), 0)
            bounds = wilson(round(row["cells_share"] * total), total) if total else (None, None)
            cells.append([float(row["day"]), float(row["cells_share"]), *bounds])
        alike = next((other for other in solid if other["points"] == cells), None)
        if alike:
            alike["clones"].append(name)
        elif cells:
            solid.append({"clones": [name], "colour": colour, "points": cells, "marker": True})
        last = "not seen" if bulk[-1][1] == 0 else percent(bulk[-1][1])
        way = "stays" if len(bulk) < 2 else "falls" if bulk[-1][1] < bulk[0][1] else "rises"
        told.append(
            f"{name} {way} {'at' if way == 'stays' else 'from ' + percent(bulk[0][1]) + ' to'} {last}"
        )
    series += [line | {"name": f"{', '.join(line.pop('clones'))}: cells"} for line in solid]
    return {
        "id": "mrd", "section": "course", "title": "Bulk MRD clones and their cells", "kind": "lines", "log": True,
        "alt": "; ".join(told) + ".", "table": f"{patient}.mrd_curve.tsv", "series": series, "samples": marks,
        "caption": "Dashed: fraction in the bulk assay. Solid with squares: the matched cells' share of all kept cells of the sample, "
        "with 95 % intervals. The two have different denominators: compare how they move, not their heights. "
        "Hollow marks on the lowest line: not seen, which is not absent."
    }  # fmt: skip


@click.command()
@click.argument("results", type=FOLDER)
@click.option("--patient", required=True, help="Name of the patient.")
@click.option("--colours", required=True, type=FILE, help="Table: level, label, colour.")
@click.version_option(" ".join(f"{name}={version(name)}" for name in PACKAGES), message="%(version)s")
def main(results, patient, colours):
    """Figures of the course of a PATIENT from the tables of the folder RESULTS, whichever of them are there."""
    import pandas as pd

    palette = pd.read_csv(colours, sep="\t", dtype=str)
    series = palette.loc[palette["level"] == "series", "colour"].tolist()
    samples = read(results, "samples.tsv", patient)
    if samples is None:
        raise click.ClickException(
            f"{results}/samples.tsv: has no sample of {patient}; give the samplesheet of the run"
        )
    samples = samples.sort_values("day", kind="stable").drop_duplicates("timepoint")
    clinical, car = (
        read(results, "clinical.tsv", patient),
        read(results, f"{patient}.car_kinetics.tsv", patient),
    )
    curve = read(results, f"{patient}.mrd_curve.tsv", patient)
    figures = [timeline(samples, read(results, "events.tsv", patient))]
    if clinical is not None:
        figures.append(laboratory(clinical, set() if car is None else set(car["parameter"])))
    if curve is not None:
        cells = pd.read_parquet(results / "cells.parquet", columns=["patient", "timepoint"])
        kept = (
            cells.loc[cells["patient"].astype(str) == patient, "timepoint"]
            .astype(str)
            .value_counts()
            .to_dict()
        )
        matched = read(results, f"{patient}.mrd.tsv", patient)
        figures.append(mrd_curves(curve, matched, kept, figures[0]["marks"], series, patient))
    text = json.dumps(
        [figure for figure in figures if figure.get("panels") != []], indent=1, allow_nan=False, default=float
    )
    Path(f"{patient}.course.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
