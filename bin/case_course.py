#!/usr/bin/env python3
"""What the course of a case looks like: figures of therapy, laboratory, bulk MRD, CAR-T cells and FISH, as data.

Each figure is {id, section, title, alt, finding, caption, table, kind, ...}; CASE_CURVES and CASE_DRAWINGS lay them out. `alt` states the finding; `finding`
is what stands beside the drawing where that is shorter.
"""

import json
from importlib.metadata import version
from pathlib import Path

import click

PACKAGES = ("click", "pandas")
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
# Columns that are text even where all of their values look like numbers.
NAMES = [
    "patient",
    "sample",
    "timepoint",
    "from",
    "to",
    "clone",
    "matched_clone",
    "event",
    "kind",
    "parameter",
    "unit",
    "probe",
    "region",
    "abnormality",
    "arm",
    "population",
    "verdict",
    "words",
]
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


def read(folder: Path, name: str, patient: str):
    """Rows of the patient in a table of the folder; None where there is no such table or no row."""
    import pandas as pd

    path = folder / name
    if not path.exists() or not path.stat().st_size:
        return None
    table = pd.read_csv(path, sep="\t", dtype=dict.fromkeys(NAMES, str), low_memory=False)
    table = table[table["patient"] == patient] if "patient" in table else table
    return table if len(table) else None


def percent(share: float) -> str:
    """Three figures: `0.041 %`, `98.5 %`."""
    return f"{100 * share:.3g} %"


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
        unit = rows["unit"].dropna().iloc[-1] if rows["unit"].notna().any() else ""
        side = "▼" if low is not None and last < low else "▲" if high is not None and last > high else ""
        if side:
            out.append(" ".join(part for part in (str(name), f"{last:g}", str(unit), side) if part))
        panels.append(
            {
                "title": str(name),
                "unit": str(unit),
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


def car_changes(change) -> str:
    """The changes of the CAR-positive share in words: of both time points counted with one threshold."""
    told = []
    for row in change.to_dict("records"):
        if row["ratio"] == row["ratio"]:
            how = f"ratio {row['ratio']:.3g} ({row['ratio_low']:.3g} to {row['ratio_high']:.3g})"
        else:
            low, high = 100 * row["low"], 100 * row["high"]
            how = f"{100 * row['difference']:+.3g} points ({low:.3g} to {high:.3g})"
        told.append(f"{how} {row['from']} to {row['to']}")
    return f"with one threshold: {', '.join(told)}"


def car_kinetics(car, change, patient: str) -> dict:
    """CAR-positive share of T cells with interval and change, beside the clinical copies."""
    panels, told = [], []
    for name, rows in car.groupby("parameter", sort=False):
        share = (rows["unit"] == "share").all()
        curve = points(rows, "value", *(("low", "high") if share else ("", "")))
        if not curve:
            continue
        top = max(curve, key=lambda point: point[1])
        unit = "" if share else next(iter(rows["unit"].dropna()), "")
        highest = percent(top[1]) if share else f"{top[1]:,.10g} {unit}".strip()
        told.append(f"{name}: highest {highest} on day {top[0]:.0f}")
        if share and change is not None:
            told.append(car_changes(change))
        panels.append(
            {
                "title": str(name),
                "unit": unit,
                "percent": bool(share),
                "series": [{"name": "", "points": curve}],
            }
        )
    return {
        "id": "car", "section": "course", "title": "CAR-T cells", "kind": "multiples", "panels": panels, "columns": 2,
        "alt": "; ".join(told) + ".", "table": f"{patient}.car_kinetics.tsv",
        "caption": "T cells whose CAR transcripts ambient RNA does not explain, with 95 % intervals; beside them the clinical copies. "
        "The number is the last value; dotted: day 0. Each sample's share has its own threshold of UMI; a change is told with one for both. Transcripts are sparse: the share is a lower bound of the CAR-T cells."
    }  # fmt: skip


def fish_says(row: dict) -> str:
    """What FISH and single cells say of one probe, as the start of a sentence about all probes that are alike."""
    said = str(row["verdict"])
    if said == "agrees":
        return "neither sees" if str(row["words"]).startswith("neither") else "both see"
    return {"differs": "both see, in different shares,", "no probe": "no probe for what single cells see:",
            "FISH only": "FISH alone sees", "single cells only": "single cells alone see"}.get(said, f"{said}:")  # fmt: skip


def fish_bars(fish, colours: list[str], patient: str) -> dict:
    """FISH percentage and expression-inferred share per probe."""
    rows, told, groups, measured = [], [], {}, {}
    dated = fish["day"].nunique() > 1
    for row in fish.to_dict("records"):
        region = row["region"] if isinstance(row["region"], str) else row["arm"]
        what = row["abnormality"] if isinstance(row["abnormality"], str) else row["event"]
        found = f"{region} {what}"
        probe = [row["probe"]] if isinstance(row["probe"], str) else []
        probe += [f"day {row['day']:.0f}"] if dated and row["day"] == row["day"] else []
        name = f"{found} ({', '.join(probe)})" if probe else found
        bars = []
        if row["percent"] == row["percent"]:
            bars.append({"name": "FISH", "value": row["percent"] / 100, "colour": colours[0]})
        if row["share"] == row["share"]:
            bars.append({"name": "single cells", "value": row["share"], "colour": colours[1]}
                        | {side: row[side] if row[side] == row[side] else None for side in ("low", "high")})  # fmt: skip
            if isinstance(row.get("population"), str):
                when = "over all time points" if row["timepoint"] == "all" else f"at {row['timepoint']}"
                measured.setdefault(f"of {row['population']} {when}", []).append(found)
        rows.append({"label": name, "bars": bars, "note": str(row["verdict"])})
        told.append(f"{name}: {row['verdict']}, {row['words']}")
        if fish_says(row) == "neither sees":
            name = f"{found} ({'; '.join([*probe, 'single cells at most ' + percent(row['high'])])})"
        groups.setdefault(fish_says(row), []).append(name)
    cells = ", ".join(
        f"{of} ({', '.join(dict.fromkeys(names))})" if len(measured) > 1 else of
        for of, names in measured.items()
    )
    cells = f"Single cells: share of the cells {cells}; whiskers are 95 % intervals. " if cells else ""
    return {
        "id": "fish", "section": "course", "title": "FISH beside single cells", "kind": "bars", "rows": rows,
        "alt": "; ".join(told) + ".", "table": f"{patient}.fish.tsv",
        "finding": "; ".join(f"{said} {', '.join(names)}" for said, names in groups.items()) + ".",
        "caption": f"FISH: share of nuclei with the abnormality. {cells}Balanced rearrangements move no expression and cannot be compared."
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
    curve, fish = (read(results, f"{patient}.{name}.tsv", patient) for name in ("mrd_curve", "fish"))
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
    if car is not None:
        figures.append(car_kinetics(car, read(results, f"{patient}.car_change.tsv", patient), patient))
    if fish is not None:
        figures.append(fish_bars(fish, series, patient))
    text = json.dumps(
        [figure for figure in figures if figure.get("panels") != []], indent=1, allow_nan=False, default=float
    )
    Path(f"{patient}.course.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
