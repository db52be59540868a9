#!/usr/bin/env python3
"""Figures of the cells and clones of a case over time: composition, clones, and subsets of the lineages."""

from itertools import combinations

from _cautions import of_shares, steps_of
from _results import Case
from _words import fate_in_words, percent

LINEAGES = ("plasma", "T", "NK", "myeloid", "B", "blast")  # with figures and maps of their own, in this order
CLONES = 7  # dominant clones drawn per receptor
BINS = 32  # of a violin
SMOOTH = (0.03, 0.11, 0.22, 0.28, 0.22, 0.11, 0.03)  # about one bin and a half wide
FEW = 8  # cells below which a violin would pretend to a shape
MARKERS = 6  # genes drawn per subset


def seen(row: dict) -> str:
    """`12.3 %`, or what not seeing any still allows: `none (at most 0.04 %)`."""
    return percent(row["share"]) if row["n"] else f"none (at most {percent(row['high'])})"


def largest_change(here: list[dict]) -> tuple[dict, dict] | None:
    """The two rows, the earlier first, that differ most of those whose intervals do not overlap."""
    pairs = [(one, two) for one, two in combinations(here, 2) if one["low"] > two["high"] or one["high"] < two["low"]]
    return max(pairs, key=lambda pair: abs(pair[0]["share"] - pair[1]["share"]), default=None)


def composition(rows, colour_of, figure: dict, caution: str = "") -> dict | None:
    """Small curves of a label's share with interval; labels in the order of their largest share.

    rows: composition.tsv of one level and parent; figure: id, section, title, table; caution: of _cautions.of_shares. Labels with fewer than FEW cells
    over all time points have no curve and are named in the caption.
    """
    rows = rows[rows["share"].notna()]
    size = rows.groupby("label")["n"].sum()
    rows = rows[rows["label"].map(size) >= FEW]
    largest = rows.groupby("label")["share"].max().sort_values(ascending=False, kind="stable")
    largest = largest[largest > 0]
    if not len(largest):
        return None
    panels, told = [], []
    for label in largest.index:
        here = rows[rows["label"] == label].sort_values("day", kind="stable").to_dict("records")
        curve = [[float(row["day"]), row["share"], row["low"], row["high"]] for row in here]
        series = [{"name": "", "colour": colour_of(label), "points": curve, "joined": False}]
        panels.append({"title": label, "unit": "", "percent": True, "series": series})
        moved = largest_change(here)
        if moved:
            text = ", ".join(f"{seen(row)} at {row['timepoint']}" for row in moved)
            told.append((abs(moved[1]["share"] - moved[0]["share"]), f"{label} {text}"))
    texts = [text for _size, text in sorted(told, reverse=True)]
    more = f"; and {len(texts) - 4} more" if len(texts) > 4 else ""
    found = "At no two time points do a share's intervals lie apart."
    if texts:
        found = f"Moved, with intervals that lie apart: {'; '.join(texts[:4])}{more}."
    if rows["day"].nunique() < 2:
        found = f"Largest: {', '.join(f'{label} {percent(share)}' for label, share in largest.head(3).items())}."
    return figure | {
        "kind": "multiples", "columns": 4, "panels": panels, "alt": found,
        "caption": "Share of cells with 95 % intervals (Wilson, wider where names are doubtful); they say how certain the share of this sample is, not how "
        "samples of one state differ." + caution + left_out(size)
    }  # fmt: skip


def left_out(size) -> str:
    """Sentence on the labels with too few cells; size: cells over all time points by label."""
    few = [f"{name} ({n:.0f})" for name, n in size[(size > 0) & (size < FEW)].sort_index().items()]
    return f" Not shown, with fewer than {FEW} cells over all time points: {', '.join(few)}." if few else ""


def bounds(row: dict) -> str:
    """`0.43 to 3.6 %`, or the upper bound where nothing was seen."""
    if not row["n"]:
        return f"at most {percent(row['high'])}"
    return f"{100 * row['low']:.3g} to {percent(row['high'])}"


def clones_over_time(fates, receptor: str, colours: list[str], patient: str, without: str = "") -> dict | None:
    """The largest clones' shares of the cells with a receptor, as bands from time to time; without: the times without its library."""
    rows = fates[fates["receptor"] == receptor]
    times = rows.drop_duplicates("timepoint").sort_values("day", kind="stable")
    times = times[times["total"] > 0]
    if not len(times):
        return None
    rows = rows[rows["timepoint"].isin(times["timepoint"])]
    best = rows.groupby("clone")["share"].max().sort_values(ascending=False, kind="stable").head(CLONES)
    bands, told = [], []
    for at, clone in enumerate(best.index):
        here = rows[rows["clone"] == clone].sort_values("day", kind="stable")
        shares, n = here["share"].tolist(), here["n"].astype(int).tolist()
        label = here["label"].iloc[0]
        fate, kind = fate_in_words(*here[["fate", "change"]].iloc[0]), here["lineage"].iloc[0]
        bands.append({"name": str(clone), "label": str(label), "lineage": kind, "fate": fate,
                      "colour": colours[at % len(colours)], "shares": shares, "n": n})  # fmt: skip
        told_of = here.iloc[[0, -1]] if len(here) > 4 else here
        steps = ", ".join(
            f"{row['timepoint']} "
            + (f"{percent(row['share'])} ({bounds(row)})" if row["n"] else f"not seen ({bounds(row)})")
            for row in told_of.to_dict("records")
        )
        if here["fate"].iloc[0] != "undetermined" and len(told) < 3:
            told.append(f"{clone} ({kind}) {fate}: {steps}")
    unsure = sum(band["fate"] == "undetermined" for band in bands)
    told += [f"without a fate, for too few cells: {unsure}"] if unsure else []
    columns = [{"label": str(row["timepoint"]), "total": int(row["total"])} for row in times.to_dict("records")]
    told = [f"{without}: fates are from {columns[0]['label']} to {columns[-1]['label']}", *told] if without else told
    return {
        "id": f"clones_{receptor.lower()}", "section": "clones", "title": f"Dominant {receptor} clones over time",
        "kind": "alluvial", "columns": columns, "bands": bands, "alt": "; ".join(told) + ".", "table": f"{patient}.fates.tsv",
        "caption": f"Share of the cells with a {receptor}; their number stands below. The grey rest are all other clones. "
        "Clones too small to be followed have no band." + (f" Not drawn: {without}." if without else "")
    }  # fmt: skip


def subset_colours(names: list[str], fixed: dict, series: list[str]) -> dict[str, str]:
    """One colour per subset of a lineage, the same in all its panels and, for names of the table, in all runs."""
    free = [colour for colour in series if colour not in {fixed.get(name) for name in names}] or series
    others = {name: free[at % len(free)] for at, name in enumerate(n for n in names if n not in fixed)}
    return {name: fixed.get(name) or others[name] for name in names}


def violins(cells, names: list[str], colour_of: dict, lineage: str, threshold: float | None) -> dict | None:
    """Distributions of the ISG score per subset and time; cells above the threshold are interferon-high."""
    import numpy as np

    cells = cells[cells["isg_score"].notna()]
    if not len(cells):
        return None
    low, high = (float(value) for value in np.quantile(cells["isg_score"], [0, 0.999]))
    high = max(high, threshold or high)
    edges = np.linspace(low, high + 1e-9, BINS + 1)
    groups, medians = [], {}
    for name in names:
        shapes = []
        for (_, time), part in cells[cells["subset"] == name].groupby(["day", "timepoint"], observed=True, sort=True):
            values = part["isg_score"].to_numpy()
            quartiles = [float(value) for value in np.quantile(values, [0.25, 0.5, 0.75])]
            shape = {"name": str(time), "n": len(values), "quartiles": quartiles}
            if len(values) < FEW:
                shapes.append(shape | {"points": [round(float(value), 4) for value in values.clip(low, high)]})
                continue
            density = np.histogram(values.clip(low, high), edges)[0].astype(float)
            density = np.convolve(density, SMOOTH, "same")
            shapes.append(shape | {"density": [round(float(v), 4) for v in density / max(density.max(), 1e-9)]})
            medians[name] = quartiles[1]
        groups.append({"label": name, "colour": colour_of[name], "shapes": shapes})
    top = max(medians, key=medians.get) if medians else ""
    told = f"Too few cells to compare: no subset has {FEW} at any time."
    if medians:
        high_median, low_median = f"{medians[top]:.2f}", f"{min(medians.values()):.2f}"
        told = f"Highest median at its last time: {top} ({high_median}); lowest {low_median}."
        if high_median == low_median:
            told = f"At its last time every subset has a median of {low_median}."
    return {
        "id": f"isg_{lineage}", "section": f"subsets_{lineage}", "title": f"Interferon score of {lineage} subsets",
        "kind": "violin", "groups": groups, "low": low, "high": high, "threshold": threshold, "table": "signatures.tsv",
        "alt": told,
        "caption": "Each shape is the distribution over the cells of one sample, as wide at its peak as the others; the bar spans the quartiles, the dot is the median. Fewer than 8 cells are shown one by one."
        + (" Dashed: above it a cell is called interferon-high." if threshold is not None else "")
    }  # fmt: skip


def marker_dots(markers, names: list[str], lineage: str, table: str) -> dict | None:
    """Dot plot of each subset's strongest markers: size is the share of cells, colour the mean expression."""
    if not {"gene", "subset", "rank", "detected_in", "mean_in"} <= set(markers):
        return None
    ranked = markers.dropna(subset="rank").sort_values("rank", kind="stable")
    first_of = {name: list(ranked.loc[ranked["subset"] == name, "gene"].head(MARKERS)) for name in names}
    chosen = list(dict.fromkeys(gene for name in names for gene in first_of[name]))
    rows = markers[markers["gene"].isin(chosen)].drop_duplicates(["gene", "subset"])
    if not len(rows):
        return None
    top = rows.groupby("gene")["mean_in"].transform("max").clip(lower=1e-9)
    dots = [
        [names.index(row["subset"]), chosen.index(row["gene"]), float(row["detected_in"]), float(row["mean_in"] / row["top"]),
         f"{row['gene']} in {row['subset']}: {percent(row['detected_in'])} of cells, mean {row['mean_in']:.2f}"]
        for row in rows.assign(top=top).to_dict("records") if row["subset"] in names
    ]  # fmt: skip
    first = "; ".join(f"{name}: {', '.join(first_of[name][:3])}" for name in names if first_of[name])
    return {
        "id": f"markers_{lineage}", "section": f"subsets_{lineage}", "title": f"Markers of {lineage} subsets", "kind": "grid",
        "shape": "dot", "rows": names, "columns": chosen, "cells": dots, "alt": f"First markers of {first}.", "table": table,
        "caption": "Size: share of the subset's cells that express the gene. Colour: mean expression against the highest subset."
    }  # fmt: skip


def subset_panels(case: Case, shares, fixed: dict, series: list[str]) -> list[dict]:
    """Per lineage with subsets: proportions, interferon score, markers; of the samples that are compared."""
    found, table, steps = [], case.compared(case.cells), steps_of(case)
    for lineage in LINEAGES:
        cells = table[
            (table["lineage"] == lineage) & ~table["subset"].isin(["unassigned", ""]) & table["subset"].notna()
        ]
        size = cells["subset"].astype(str).value_counts()
        names = sorted(size.index[size >= FEW])
        if len(names) < 2:
            continue
        colour_of = subset_colours(names, fixed, series)
        about = {"id": f"shares_{lineage}", "section": f"subsets_{lineage}", "table": "composition.tsv",
                 "title": f"Subsets of {lineage} cells over time"}  # fmt: skip
        known = cells["isg_high"].astype("boolean")
        above = cells.loc[known.fillna(False).astype(bool), "isg_score"]
        below = cells.loc[(~known.fillna(True)).astype(bool), "isg_score"]
        threshold = (
            float(above.min() + below.max()) / 2 if len(above) and len(below) and above.min() >= below.max() else None
        )
        parts = [violins(cells.assign(subset=cells["subset"].astype(str)), names, colour_of, lineage, threshold)]
        if shares is not None:
            rows = shares[(shares["level"] == "subset") & shares["label"].isin(size.index)]
            parts.insert(0, composition(rows, colour_of.get, about, of_shares(steps, "subset", lineage)))
        markers = case.rows(f"{lineage}.markers.tsv")
        if markers is not None:
            parts.append(marker_dots(markers, names, lineage, f"{lineage}.markers.tsv"))
        found += [part for part in parts if part]
        for part in [part for part in parts if part and part["kind"] != "multiples"]:
            part["caption"] += left_out(size)
    return found


def cells(case: Case, palette: dict[str, dict[str, str]]) -> list[dict | None]:
    """Figures of cells, clones and subsets; palette: level -> label -> colour."""
    types, series = palette["cell_type"], list(palette["series"].values())
    shares, fates, figures = case.compared(case.rows("composition.tsv")), case.own("fates"), []
    if shares is not None:
        about = {"id": "composition", "section": "cells", "title": "Cell types over time", "table": "composition.tsv"}
        rows = shares[shares["level"] == "cell_type"]
        caution = of_shares(steps_of(case), "cell_type", "all")
        figures.append(composition(rows, lambda label: types.get(label, types["unassigned"]), about, caution))
    if fates is not None:
        figures += [clones_over_time(fates, name, series, case.patient, case.without(name)) for name in ("BCR", "TCR")]
    return figures + subset_panels(case, shares, palette.get("subset", {}), series)
