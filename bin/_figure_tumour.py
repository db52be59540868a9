#!/usr/bin/env python3
"""Figures of the CAR-T cells beside clinical copies and of FISH beside single cells."""

from _car_words import car_remarks
from _figure_course import points
from _results import Case
from _series import DESIGN, design_in_words
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


def of_design(rows, design: dict):
    """The rows of one tissue and sort; all of a table that has no such columns."""
    for name, value in design.items():
        rows = rows[rows[name].fillna("") == value] if name in rows else rows
    return rows


def car_panel(name: str, rows, change) -> tuple[dict, list[str]]:
    """(panel of one parameter in one tissue and sort, what it shows in words); rows: of car_kinetics.tsv."""
    share = (rows["unit"] == "share").all()
    top = rows.loc[rows["value"].idxmax()]
    unit = "" if share else next(iter(rows["unit"].dropna()), "")
    where = design_in_words(top)
    title = f"{name} ({where})" if where else str(name)
    highest = share_in_words(rows, top) if share else f"highest {top['value']:,.10g} {unit}".strip()
    told = [f"{title}: {highest}" + (f" on day {top['day']:.0f}" if top["value"] or not share else "")]
    series = [
        {"name": "", "joined": not share, "points": points(rows, "value", *(("low", "high") if share else ("", "")))}
    ]
    carriers = points(rows, "carriers", "carriers_low", "carriers_high") if share and "carriers" in rows else []
    if carriers:
        best = rows.loc[rows["carriers"].idxmax()]
        told.append(
            f"estimated carriers, also without a transcript: highest {percent(best['carriers'])} "
            f"({100 * best['carriers_low']:.3g} to {percent(best['carriers_high'])}) on day {best['day']:.0f}"
        )
        series.append({"name": "estimated carriers", "joined": False, "colour": ESTIMATE, "points": carriers})
    if share and change is not None and len(change):
        told.append(car_changes(change))
    return {"title": title, "unit": unit, "percent": bool(share), "series": series}, told


def car_kinetics(car, change, samples: dict[str, dict], patient: str) -> dict:
    """Share of T cells with CAR transcripts per tissue and sort, with interval and change, beside the clinical copies.

    samples: facts of TRANSGENE by sample, as car.json holds them.
    """
    panels, told = [], []
    keys = [name for name in ("parameter", *DESIGN) if name in car]
    for key, rows in car.assign(**{name: car[name].fillna("") for name in keys}).groupby(keys, sort=False):
        if rows["value"].notna().any():
            design = dict(zip(keys[1:], key[1:], strict=True))
            panel, words = car_panel(key[0], rows, None if change is None else of_design(change, design))
            panels.append(panel)
            told += words
    caption = (
        "T cells with CAR transcripts that ambient RNA does not explain, with 95 % intervals: the least that carry it, for transcripts are "
        "sparse. A share is of one tissue and one sort, and shares of different sorts are not compared; beside them the clinical copies. "
        "The number is the last value; dotted: day 0. A change is counted with one threshold of UMIs for both times. Grey: the share "
        "estimated to carry it, those without a transcript included, where the counts allow an estimate."
    )
    return {
        "id": "car", "section": "course", "title": "CAR-T cells", "kind": "multiples", "panels": panels, "columns": 2,
        "alt": "; ".join(told) + ".", "table": f"{patient}.car_kinetics.tsv",
        "caption": " ".join([caption, *car_remarks(samples)])
    }  # fmt: skip


def fish_says(row: dict) -> str:
    """What FISH and single cells say of one probe, as the start of a sentence about all probes that are alike."""
    said = str(row["verdict"])
    if said == "agrees":
        return "neither sees" if str(row["words"]).startswith("neither") else "both see"
    return {"differs": "both see, in different shares,", "no probe": "no probe for what single cells see:",
            "FISH only": "FISH alone sees", "single cells only": "single cells alone see"}.get(said, f"{said}:")  # fmt: skip


def fish_bars(fish, colours: list[str], patient: str, without: str = "") -> dict:
    """FISH percentage and expression-inferred share per probe; without: the times without a BCR library, in words."""
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
        f"{of} ({', '.join(dict.fromkeys(names))})" if len(measured) > 1 else of for of, names in measured.items()
    )
    unknown = f" (of a clone: {without})" if without else ""
    cells = f"Single cells: share of the cells {cells}{unknown}; whiskers are 95 % intervals. " if cells else ""
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
    facts = case.facts(f"{case.patient}.car.json", {}).get("samples", {})
    figures = [] if car is None else [car_kinetics(car, case.own("car_change"), facts, case.patient)]
    return figures + ([] if fish is None else [fish_bars(fish, colours, case.patient, case.without("BCR"))])
