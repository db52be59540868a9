#!/usr/bin/env python3
"""The case in one drawing: the line of time above, per time point the cells and what reaches the focus below."""

import itertools

from _figure_course import events_of
from _figure_niche import GREW, SILENT
from _results import Case
from _words import percent

ARROWS = 5  # per time point
COLUMNS = 6  # time points drawn
LEAST = 0.01  # share of the cells from which a cell type is drawn


def arrows_at(change, types: dict, time: str, before: str | None) -> list[dict]:
    """Watched pairs that are expressed at a time, one per sending cell type, those that grew since the sample before first.

    Of a cell type's subsets the one whose supply grew is told, or that of the largest supply: an arrow is one row of the
    table. types: cell type of each group (subset or cell type).
    """
    if change is None:
        return []
    found: dict[tuple, dict] = {}
    live = change[change["focus"] & ~change["to_itself"] & change["watch"].fillna("").ne("")]
    for side in ("from", "to"):
        here = live[(live[side].astype(str) == time) & live[f"expressed_{side}"]]
        for row in here.to_dict("records"):
            sender = str(row["source"])
            rises = side == "to" and str(row["from"]) == before and row["class"] in GREW
            arrow = {"from": types.get(sender, sender), "sender": sender, "label": str(row["watch"]),
                     "supply": float(row[f"supply_{side}"]), "rises": rises}  # fmt: skip
            key = arrow["from"], arrow["label"]
            found[key] = max(found.get(key, arrow), arrow, key=lambda one: (one["rises"], one["supply"]))
    return sorted(found.values(), key=lambda one: (not one["rises"], -one["supply"]))


def summary(case: Case, colour_of: dict[str, str]) -> dict:
    """The case in one drawing: per time point of the main series the cells, interferon-high ones marked, and supported arrows to the focus.

    colour_of: colours of cell types.
    """
    table, events, change = case.compared(case.cells), case.rows("events.tsv"), case.own("communication_change")
    focus = sorted(set(change.loc[change["focus"], "target"].astype(str))) if change is not None else []
    times = case.main.drop_duplicates("timepoint").to_dict("records")
    before = {str(b["timepoint"]): str(a["timepoint"]) for a, b in itertools.pairwise(times)}
    left_out = 0
    if len(times) > COLUMNS:  # evenly over the course, with the first and the last
        chosen = [round(at * (len(times) - 1) / (COLUMNS - 1)) for at in range(COLUMNS)]
        left_out, times = len(times) - COLUMNS, [times[at] for at in chosen]
    columns, told = [], []
    table = table.assign(cell_type=table["cell_type"].astype(str), subset=table["subset"].astype(str))
    types = table.groupby("subset")["cell_type"].agg(lambda part: part.value_counts().index[0]).to_dict()
    types |= {name: name for name in table["cell_type"].unique()}
    targets = table.loc[table["subset"].isin(focus) | table["cell_type"].isin(focus), "cell_type"].astype(str)
    core = targets.mode().iloc[0] if len(targets) else ""
    for time in times:
        cells = table[table["timepoint"].astype(str) == str(time["timepoint"])]
        share = cells["cell_type"].astype(str).value_counts(normalize=True)
        high = cells.assign(high=cells["isg_high"].astype("float")).groupby("cell_type", observed=True)["high"].mean()
        circles = [
            {"name": name, "share": float(part), "colour": colour_of.get(name, "#CFCFCF"),
             "isg": float(high[name]) if name in high and high[name] == high[name] else 0.0}
            for name, part in share.items() if part >= LEAST and name != "unassigned"
        ]  # fmt: skip
        here = {circle["name"] for circle in circles} - {core}
        found = arrows_at(change, types, str(time["timepoint"]), before.get(str(time["timepoint"])))
        shown = [arrow for arrow in found if arrow["from"] in here][:ARROWS]
        compared = change is not None and time["timepoint"] in set(
            change.loc[change["focus"] & ~change["class"].isin(SILENT), ["from", "to"]].to_numpy().ravel()
        )
        columns.append({
            "label": f"{time['timepoint']}, day {time['day']}", "n": len(cells), "circles": circles, "arrows": shown,
            "why": "no watched pair is expressed" if compared else "too few focus cells to ask" if focus else "no focus cells to ask"
        })  # fmt: skip
        first = ", ".join(f"{c['name']} {percent(c['share'])}" for c in circles[:3])
        told.append(
            f"{time['timepoint']}: {first}"
            + (f"; arrows from {', '.join(sorted({a['from'] for a in shown}))}" if shown else "")
        )
    order = list(dict.fromkeys(circle["name"] for column in columns for circle in column["circles"]))
    order = sorted(order, key=list(colour_of).index) if set(order) <= set(colour_of) else order
    more = f" {left_out} further time points are not drawn." if left_out else ""
    return {
        "id": "summary", "section": "summary", "title": "The case in one drawing", "kind": "summary", "columns": columns,
        "events": events_of(events),
        "marks": [{"day": float(time["day"]), "label": str(time["timepoint"])} for time in times],
        "focus": core, "order": order, "alt": ". ".join(told) + "." + more, "table": "composition.tsv",
        "caption": "Areas of circles are shares of the sample's cells; the dark arc of the rim is the share of interferon-high cells among them. Arrows: "
        f"watched pairs to the focus cells that enough cells of both sides express, as wide as their supply (the number); ▲ grew for sure since the sample "
        f"before. At most {ARROWS} at a time, those that grew first; all others are in the table of communication."
    }  # fmt: skip
