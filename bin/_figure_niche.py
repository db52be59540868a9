#!/usr/bin/env python3
"""Figures of what surrounds the clone: communication and interferon state."""

from _results import Case
from _times import last_step
from _words import percent

SENDERS = 14  # drawn in the heat map
CHANGES = 14  # drawn among the changes
SILENT = ("absent", "not tested")
GREW = ("gained", "strengthened")
CHANGED = (*GREW, "weakened", "lost")


def colours_of_groups(table, palette: dict) -> dict[str, str]:
    """Colour of each cell group (lineage, cell type or subset): that of its cell type."""
    found = dict(palette)
    for level in ("subset", "cell_type"):
        for group, kinds in table.groupby(level, observed=True)["cell_type"]:
            if len(kinds) and str(group) not in found:
                found[str(group)] = palette.get(str(kinds.astype(str).mode().iloc[0]), palette["unassigned"])
    return found


def strength_map(pairs, focus: list[str], all_times: list[str], patient: str) -> dict | None:
    """Heat map of summed strength: senders in rows, receivers of the focus by time in columns."""
    pairs = pairs[pairs["target"].isin(focus) & ~pairs["to_itself"]]
    if not len(pairs):
        return None
    times = pairs.drop_duplicates("timepoint").sort_values("day", kind="stable")["timepoint"].tolist()
    columns = [(time, group) for group in focus for time in times]
    last = pairs[pairs["timepoint"] == times[-1]].groupby("source")["strength"].sum()
    order = last.sort_values(ascending=False, kind="stable").head(SENDERS).index.tolist()
    value = pairs.groupby(["source", "timepoint", "target"])["strength"].sum()
    top, cells = float(value.max()), []
    for at, source in enumerate(order):
        for to, (time, group) in enumerate(columns):
            seen = value.get((source, time, group))
            if seen is not None:
                cells.append([at, to, 1.0, float(seen / top), f"{source} to {group} at {time}: strength {seen:.1f}"])
    silent = [time for time in all_times if time not in times]
    lacking = f" Not shown: {', '.join(silent)}, with too few cells of the focus or its senders." if silent else ""
    return {
        "id": "communication", "section": "niche", "title": "Communication to the focus cells", "kind": "grid", "shape": "square",
        "scale": ["0", f"{top:.0f}"],
        "rows": order, "columns": [f"{group} {time}" for time, group in columns], "cells": cells,
        "table": f"{patient}.communication_pairs.tsv", "alt": f"Strongest senders per cell at {times[-1]}: {', '.join(order[:3])}.{lacking}",
        "caption": "Summed strength of all expressed ligand-receptor pairs (geometric mean of both mean log expressions). It speaks of one "
        "cell of a group, not of how many there are. Empty: too few cells or no pair. Expression of both partners does not prove a contact. Signals of the focus to itself are not drawn."
    }  # fmt: skip


def watched_dots(change, all_times: list[str], patient: str) -> dict | None:
    """Watched pairs to the focus per sender and time: size is the supply, colour the strength per cell."""
    live = change[change["focus"] & ~change["to_itself"] & change["watch"].fillna("").ne("")]
    live = live[live["expressed_from"] | live["expressed_to"]]
    steps = live.drop_duplicates(["from", "to"])[["from", "to"]].to_dict("records")
    if not steps:
        return None
    times = list(dict.fromkeys([step["from"] for step in steps] + [step["to"] for step in steps]))
    found: dict[tuple, list[float]] = {}
    for row in live.to_dict("records"):
        for side in ("from", "to"):
            key = (f"{row['watch']}: {row['source']}", row[side])
            supply, strength = row[f"supply_{side}"], row[f"strength_{side}"]
            if row[f"expressed_{side}"] and supply > found.get(key, [0])[0]:
                found[key] = [float(supply), float(strength)]
    if not found:
        return None
    largest: dict[str, float] = {}
    for (name, _), (supply, _) in found.items():
        largest[name] = max(largest.get(name, 0), supply)
    now = {name: found.get((name, times[-1]), [0.0])[0] for name in largest}
    by_supply = sorted(largest, key=lambda name: (-now[name], -largest[name]))
    rose = live[live.index.isin(last_step(change, all_times).index)]
    rose = rose[rose["class"].isin(GREW)].sort_values("supply_difference", ascending=False, kind="stable")
    growing = list(dict.fromkeys(f"{row['watch']}: {row['source']}" for row in rose.to_dict("records")))
    shown = list(dict.fromkeys([*growing[:SENDERS], *by_supply]))[: 2 * SENDERS]
    rows = [name for name in by_supply if name in shown]
    more = f" and {len(growing) - 4} more" if len(growing) > 4 else ""
    told = f"None grows for sure to {times[-1]}"
    if growing:
        told = f"Growing to {times[-1]}: {', '.join(growing[:4]).replace(': ', ' from ')}{more}"
    most, strong = max(v[0] for v in found.values()), max(v[1] for v in found.values())
    cells = [
        [rows.index(name), times.index(time), (supply / most) ** 0.5, strength / max(strong, 1e-9),
         f"{name} at {time}: supply {supply:.3g}, strength {strength:.3g}"]
        for (name, time), (supply, strength) in found.items() if name in rows
    ]  # fmt: skip
    return {
        "id": "watched", "section": "niche", "title": "Watched pairs to the focus cells", "kind": "grid", "shape": "dot", "rows": rows,
        "columns": times, "cells": cells, "table": f"{patient}.communication_change.tsv", "wide": True,
        "alt": f"{told}. Largest supply then: {rows[0].replace(': ', ' from ')} ({now[rows[0]]:.3g}).",
        "scale": ["0", f"{strong:.2g} per cell"], "sizes": [[1.0, f"supply {most:.2g}"], [0.5, f"supply {most / 4:.2g}"]],
        "caption": f"{len(rows)} of {len(by_supply)} pairs: those that grow most, and the largest supplies. Area: supply (strength times the sender's share "
        "of cells). Colour: strength per cell. Only the best receiver is shown; empty: not expressed by enough cells of both sides."
    }  # fmt: skip


def changes(change, all_times: list[str], patient: str) -> dict | None:
    """The largest certain changes of supply to the focus, last comparison, with intervals."""
    known = change[
        change["focus"] & ~change["to_itself"] & ~change["class"].isin(SILENT) & change["supply_difference"].notna()
    ]
    if not len(known):
        return None
    known = known[known.index.isin(last_step(change, all_times).index)]
    if known.empty:
        return None
    last = known.iloc[0]
    sure = known[known["class"].isin(CHANGED)]
    order = sure.assign(size=sure["supply_difference"].abs()).sort_values("size", ascending=False, kind="stable")
    rows = [
        {"label": f"{row['ligand']}-{row['receptor']}: {row['source']} to {row['target']}", "note": f"{row['class']}: {row['driver']}",
         "bars": [{"name": "change", "value": row["supply_difference"], "low": row["supply_low"], "high": row["supply_high"],
                   "colour": "#D55E00" if row["supply_difference"] > 0 else "#0072B2"}]}
        for row in order.head(CHANGES).to_dict("records")
    ]  # fmt: skip
    if not rows:
        return None
    return {
        "id": "change", "section": "niche", "title": f"Changes from {last['from']} to {last['to']}", "kind": "bars", "signed": True,
        "rows": rows, "table": f"{patient}.communication_change.tsv",
        "alt": f"{len(order):,} of {len(known):,} tested pairs change their supply; largest: {rows[0]['label']} ({rows[0]['note']}).",
        "caption": "Difference of supply (strength per cell times the sender's share of cells) with 95 % bootstrap intervals over cells, and what it comes from. Called changed: interval clear of zero, false discovery rate up to 5 % over "
        "all tested pairs, and a large enough fold. One patient: an interval over cells is not one over patients."
    }  # fmt: skip


def network(senders, all_times: list[str], colour_of: dict, patient: str) -> dict | None:
    """Senders around the focus at the last comparison; width is the supply."""
    if senders is None or not len(senders):
        return None
    last = last_step(senders, all_times)
    last = last[~last["to_itself"]]
    total = (
        last.groupby("source")[["supply_from", "supply_to"]]
        .sum()
        .sort_values("supply_to", ascending=False, kind="stable")
    )
    total = total[total["supply_to"] > 0].head(10)
    if not len(total):
        return None
    edges = [
        {"name": name, "width": row.supply_to / total["supply_to"].max(), "before": row.supply_from, "after": row.supply_to,
         "colour": colour_of.get(name, "#777777"), "text": f"{name}: supply {row.supply_from:.3g} to {row.supply_to:.3g}"}
        for name, row in zip(total.index, total.itertuples(), strict=True)
    ]  # fmt: skip
    focus = sorted(set(last["target"]))
    return {
        "id": "network", "section": "niche", "title": f"Senders to the focus at {last['to'].iloc[0]}", "kind": "network",
        "focus": ", ".join(focus), "edges": edges, "table": f"{patient}.communication_senders.tsv",
        "alt": f"Largest supply from {', '.join(total.index[:3])}.",
        "caption": f"Width: summed supply at {last['to'].iloc[0]}; under each name its supply at {last['from'].iloc[0]} and then. All expressed pairs to {', '.join(focus)}."
    }  # fmt: skip


def interferon(signatures, colour_of: dict) -> dict | None:
    """ISG-high share of the subsets that reach most, over time."""
    rows = signatures[
        (signatures["signature"] == "isg_score")
        & (signatures["level"] == "subset")
        & signatures["share_high"].notna()
        & (signatures["n"] >= 5)
    ]
    if not len(rows):
        return None
    latest = rows[rows["day"] == rows["day"].max()].sort_values("share_low", ascending=False, kind="stable")
    best = rows.groupby("label")["share_low"].max().sort_values(ascending=False, kind="stable").head(12)
    panels = []
    for label in best.index:
        here = rows[rows["label"] == label].sort_values("day", kind="stable")
        curve = [[float(r["day"]), r["share_high"], r["share_low"], r["share_up"]] for r in here.to_dict("records")]
        panels.append(
            {
                "title": label,
                "unit": "",
                "percent": True,
                "series": [{"name": "", "colour": colour_of.get(label), "points": curve, "joined": False}],
            }
        )
    told = ", ".join(f"{row['label']} {percent(row['share_high'])}" for row in latest.head(3).to_dict("records"))
    return {
        "id": "interferon", "section": "niche", "title": "Interferon-high cells", "kind": "multiples", "columns": 4, "panels": panels,
        "alt": f"Highest shares of interferon-high cells at {latest['timepoint'].iloc[0]}: {told}.", "table": "signatures.tsv",
        "caption": "Share of a subset's interferon-high cells (methods: by which threshold), with 95 % intervals; subsets of at least 5 cells."
    }  # fmt: skip


def niche(case: Case, types: dict[str, str]) -> list[dict | None]:
    """Figures of what surrounds the clones; types: colours of cell types."""
    colour_of = colours_of_groups(case.cells, types)
    names = ("communication_pairs", "communication_change", "communication_senders")
    pairs, change, senders = map(case.own, names)
    pairs = case.compared(pairs)
    # Not from the changes alone: one time point has none.
    asked = [table for table in (pairs, change) if table is not None and "focus" in table]
    focus = sorted({str(target) for table in asked for target in table.loc[table["focus"], "target"]})
    figures = []
    if pairs is not None and focus:
        figures.append(strength_map(pairs, focus, case.times, case.patient))
    if change is not None:
        figures += [
            watched_dots(change, case.times, case.patient),
            network(senders, case.times, colour_of, case.patient),
            changes(change, case.times, case.patient),
        ]
    signatures = case.compared(case.rows("signatures.tsv"))
    return figures + ([] if signatures is None else [interferon(signatures, colour_of)])
