#!/usr/bin/env python3
"""Figures of the CAR-T cells beside clinical copies and of FISH beside single cells."""

from _figure_course import points
from _results import Case
from _words import capitalised, percent

ESTIMATE = "#767676"  # of the share that cannot be told cell by cell


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


def share_in_words(rows, top) -> str:
    """`highest 5.68 % (4.92 to 6.56 %)` of a share's rows and that with the highest value; bounds where none was called."""
    if not top["value"]:
        return f"none called at any time (at most {percent(rows['high'].min())} at the best sampled)"
    known = top["low"] == top["low"]
    return f"highest {percent(top['value'])}" + (
        f" ({100 * top['low']:.3g} to {percent(top['high'])})" if known else ""
    )


def car_kinetics(car, change, patient: str) -> dict:
    """CAR-positive share of T cells with interval and change, beside the clinical copies."""
    panels, told = [], []
    for name, rows in car.groupby("parameter", sort=False):
        share = (rows["unit"] == "share").all()
        curve = points(rows, "value", *(("low", "high") if share else ("", "")))
        if not curve:
            continue
        top = rows.loc[rows["value"].idxmax()]
        unit = "" if share else next(iter(rows["unit"].dropna()), "")
        series = [{"name": "", "points": curve}]
        highest = share_in_words(rows, top) if share else f"highest {top['value']:,.10g} {unit}".strip()
        told.append(f"{name}: {highest}" + (f" on day {top['day']:.0f}" if top["value"] or not share else ""))
        above = points(rows, "above_ambient") if share and "above_ambient" in rows else []
        if above:
            best = rows.loc[rows["above_ambient"].idxmax()]
            told.append(
                f"estimate beyond ambient RNA: highest {percent(best['above_ambient'])} on day {best['day']:.0f}"
            )
            name_of = {"name": "estimate beyond ambient RNA", "dash": True, "colour": ESTIMATE}
            series.append(name_of | {"points": above})
        if share and change is not None:
            told.append(car_changes(change))
        panels.append(
            {
                "title": str(name),
                "unit": unit,
                "percent": bool(share),
                "series": series,
            }
        )
    return {
        "id": "car", "section": "course", "title": "CAR-T cells", "kind": "multiples", "panels": panels, "columns": 2,
        "alt": "; ".join(told) + ".", "table": f"{patient}.car_kinetics.tsv",
        "caption": "T cells whose CAR transcripts ambient RNA does not explain, with 95 % intervals; beside them the clinical copies. "
        "The number is the last value; dotted: day 0. Each sample's share has its own threshold of UMI; a change is told with one for both. "
        "Dashed grey: the share with any CAR UMI beyond what ambient RNA explains, an estimate over all cells without an interval. "
        "Transcripts are sparse: both miss CAR-T cells without any read."
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
    finding = "; ".join(f"{said} {', '.join(names)}" for said, names in groups.items()) + "."
    return {
        "id": "fish", "section": "course", "title": "FISH beside single cells", "kind": "bars", "rows": rows,
        "alt": "; ".join(told) + ".", "table": f"{patient}.fish.tsv",
        "finding": capitalised(finding),
        "caption": f"FISH: share of nuclei with the abnormality. {cells}Balanced rearrangements move no expression and cannot be compared."
    }  # fmt: skip


def tumour(case: Case, colours: list[str]) -> list[dict]:
    """Figures of CAR-T cells and FISH; colours: of series."""
    car, fish = case.own("car_kinetics"), case.own("fish")
    figures = [] if car is None else [car_kinetics(car, case.own("car_change"), case.patient)]
    return figures + ([] if fish is None else [fish_bars(fish, colours, case.patient)])
