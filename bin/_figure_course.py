#!/usr/bin/env python3
"""The course of a case as figures: therapy and samples, laboratory, bulk MRD clones and their cells.

A figure is {id, section, title, alt, caption, table, kind, ...}: its `kind` names the function that lays it out, `alt` states
the finding, and `finding`, where there is one, is the shorter text of the page.
"""

import re

from _results import Case
from _shares import wilson
from _words import percent

RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def written(unit: str) -> str:
    """A laboratory's unit as print shows it: powers raised, `10^9/L` as `10⁹/L`, `m2` as `m²`; all else as it was given."""
    raised = re.sub(r"(?<=\d)\^(-?\d+)", lambda power: power[1].translate(RAISED), unit)
    return re.sub(r"\b([cm]?m)\^?([23])\b", lambda part: part[1] + part[2].translate(RAISED), raised)


def points(rows, value: str = "value", low: str = "", high: str = "") -> list[list]:
    """[day, value, low, high] per row with a value, by day; null where there is no interval.

    A value of 0 with a limit of detection (column `limit`) has it as a fifth entry.
    """
    found = []
    for row in rows.dropna(subset=[value]).sort_values("day", kind="stable").to_dict("records"):
        bounds = [row[name] if name and row[name] == row[name] else None for name in (low, high)]
        limit = [float(row["limit"])] if row[value] == 0 and row.get("limit", 0) > 0 else []
        found.append([float(row["day"]), float(row[value]), *bounds, *limit])
    return found


def events_of(events) -> list[dict]:
    """Events (events.tsv, or None) in order of days: {day, end: None for a single day, label, kind}."""
    if events is None:
        return []
    return [
        {
            "day": float(row["day"]),
            "end": float(row["end_day"]) if row["end_day"] == row["end_day"] else None,
            "label": str(row["event"]),
            "kind": str(row["kind"]) if row["kind"] == row["kind"] else "",
        }
        for row in events.sort_values("day", kind="stable").to_dict("records")
    ]


def marks_of(samples) -> list[dict]:
    """{day, label} of each time point of a table of samples."""
    samples = samples.drop_duplicates("timepoint")
    return [{"day": float(row["day"]), "label": row["timepoint"]} for row in samples.to_dict("records")]


def timeline(marks: list[dict], events) -> dict:
    """Treatment and samples on one axis of days (as Fig. 1A of a case report); marks: of marks_of."""
    shown = events_of(events)
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
        low, high = (rows[side].dropna().iloc[-1] if rows[side].notna().any() else None for side in ("low", "high"))
        last, limit = curve[-1][1], "".join(f"< {bound:g}" for bound in curve[-1][4:])
        below = low is not None and max(last, *curve[-1][4:], last) < low
        unit = written(rows["unit"].dropna().iloc[-1]) if rows["unit"].notna().any() else ""
        side = "▼" if below else "▲" if high is not None and last > high else ""
        if side:
            out.append(" ".join(part for part in (str(name), limit or f"{last:g}", unit, side) if part))
        panels.append(
            {"title": str(name), "unit": unit, "band": [low, high], "series": [{"name": "", "points": curve}]}
        )
    told = (
        f"outside of the reference range at the last value: {', '.join(out)}"
        if out
        else "no last value is outside of its reference range"
    )
    return {
        "id": "clinical", "section": "course", "title": "Clinical parameters", "kind": "multiples", "panels": panels,
        "alt": f"{len(panels)} parameters over time; {told}.", "table": "clinical.tsv", "columns": 4,
        "caption": "Grey bands are the given reference ranges; the number is the last value, ▲ above and ▼ below its range. Dotted: day 0. "
        "Hollow triangles: not detected, drawn at the limit of detection."
    }  # fmt: skip


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
            bounds = map(float, wilson(round(row["cells_share"] * total), total)[1:]) if total else (None, None)
            cells.append([float(row["day"]), float(row["cells_share"]), *bounds])
        alike = next((other for other in solid if other["points"] == cells), None)
        if alike:
            alike["clones"].append(name)
        elif cells:
            solid.append({"clones": [name], "colour": colour, "points": cells, "marker": True})
        limit = "".join(f" (limit {percent(bound)})" for bound in bulk[-1][4:])
        last = f"not seen{limit}" if bulk[-1][1] == 0 else percent(bulk[-1][1])
        way = "stays" if len(bulk) < 2 else "falls" if bulk[-1][1] < bulk[0][1] else "rises"
        told.append(f"{name} {way} {'at' if way == 'stays' else 'from ' + percent(bulk[0][1]) + ' to'} {last}")
    series += [line | {"name": f"{', '.join(line.pop('clones'))}: cells"} for line in solid]
    return {
        "id": "mrd", "section": "course", "title": "Bulk MRD clones and their cells", "kind": "lines", "log": True,
        "alt": "; ".join(told) + ".", "table": f"{patient}.mrd_curve.tsv", "series": series, "samples": marks,
        "caption": "Dashed: fraction in the bulk assay. Solid with squares: the matched cells' share of all kept cells of the sample, "
        "with 95 % intervals. The two have different denominators: compare how they move, not their heights. "
        "Hollow marks on the lowest line: not seen, which is not absent; hollow triangles: not seen, at the assay's limit of detection."
    }  # fmt: skip


def course(case: Case, colours: list[str]) -> list[dict]:
    """Figures of the course; colours: of series."""
    sampled = marks_of(case.series[case.series["series"] != "product"])
    clinical, car, curve = case.rows("clinical.tsv"), case.own("car_kinetics"), case.own("mrd_curve")
    figures = [timeline(sampled, case.rows("events.tsv"))]
    if clinical is not None:
        figures.append(laboratory(clinical, set() if car is None else set(car["parameter"])))
    if curve is not None:
        kept = case.compared(case.cells)["timepoint"].astype(str).value_counts().to_dict()
        figures.append(
            mrd_curves(curve, case.compared(case.own("mrd")), kept, marks_of(case.main), colours, case.patient)
        )
    return figures
