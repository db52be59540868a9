#!/usr/bin/env python3
"""Points of a case's UMAPs with their colourings, as small numbers that a page can hold.

Coordinates become whole numbers from 0 to 65,535, categories and scores from 0 to 255, each list as base64 text.
"""

import base64
from pathlib import Path

from _figure_cells import LINEAGES, subset_colours
from _results import Case

NONE, NONE_COLOUR, REST_COLOUR = "none seen", "#E3E3E3", "#8F8F8F"
CLONES = 7  # largest clones with a colour of their own
NAMED = 30  # categories at most; the rest is one


def packed(values, kind: str) -> str:
    """Base64 of little-endian whole numbers of the kind `u1` or `u2`."""
    import numpy as np

    return base64.b64encode(np.ascontiguousarray(values).astype(f"<{kind}").tobytes()).decode()


def chosen(table, limit: int, seed: int):
    """At most about `limit` cells: all of the rare subsets, an equal part of the others; a random sample, stated."""
    import numpy as np

    if len(table) <= limit:
        return table
    rng = np.random.default_rng(seed)
    size = table.groupby(["cell_type", "sample"], observed=True)["cell_id"].transform("size")
    keep = rng.random(len(table)) < np.maximum(limit / len(table), np.minimum(50 / size, 1))
    return table[keep]


def category(name: str, values, colours: dict, series: list[str], order=None) -> dict:
    """A colouring by category. values: texts, missing where none; order: the categories, else by frequency."""
    import pandas as pd

    text = values.astype(object).where(values.notna(), NONE).astype(str)
    order = list(order) if order is not None else text[text != NONE].value_counts().index.tolist()
    order = [label for label in order if (text == label).any()][:NAMED]
    labels = [*order, NONE] if (text == NONE).any() else order
    rest = ~text.isin(labels)
    if rest.any():
        labels = [*labels, "all others"]
        text = text.where(~rest, "all others")
    free = {
        label: series[at % len(series)] for at, label in enumerate(label for label in order if label not in colours)
    }
    known = {**free, **colours, NONE: NONE_COLOUR, "all others": REST_COLOUR}
    codes = pd.Categorical(text, labels).codes
    counts = [int((codes == at).sum()) for at in range(len(labels))]
    return {"name": name, "kind": "category", "labels": labels, "colours": [known[label] for label in labels],
            "counts": counts, "values": packed(codes, "u1")}  # fmt: skip


def score(name: str, values) -> dict:
    """A colouring by number, cut at the 1st and 99th percentile; 255 stands for a missing value."""
    import numpy as np

    values = values.to_numpy(float)
    low, high = (float(v) for v in np.nanquantile(values, [0.01, 0.99]))
    scaled = np.clip((values - low) / max(high - low, 1e-9), 0, 1) * 254
    codes = np.where(np.isnan(values), 255, np.nan_to_num(scaled).round())
    return {"name": name, "kind": "number", "low": low, "high": high, "values": packed(codes, "u1")}


def clones(values):
    """The largest clones by name, missing where a cell has none; `all others` for the rest."""

    text = values.astype(object)
    top = text.dropna().value_counts().head(CLONES).index
    return text.where(text.isna() | text.isin(top), "all others"), [*top]


def between(ramp: list[str], place: float) -> str:
    """The colour at a place from 0 to 1 along a ramp of colours."""
    at = min(int(place * (len(ramp) - 1)), max(len(ramp) - 2, 0))
    pair = (ramp[at], ramp[min(at + 1, len(ramp) - 1)])
    part = place * (len(ramp) - 1) - at
    one, two = ([int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in pair)
    return "#" + "".join(f"{round(a + (b - a) * part):02X}" for a, b in zip(one, two, strict=True))


def colours_of_subsets(table, types: dict, fixed: dict, series: list[str], within: bool) -> dict[str, str]:
    """Within a lineage one colour per name, as the figures give them; over all cells shades of the cell type."""
    named = table[table["subset"].notna() & ~table["subset"].isin(["unassigned", ""])]
    kinds = named.groupby(named["subset"].astype(str))["cell_type"].agg(lambda part: part.astype(str).mode().iloc[0])
    found = {"unassigned": types.get("unassigned", REST_COLOUR)}
    if within:
        return found | subset_colours(sorted(kinds.index), fixed, series)
    for kind in kinds.unique():
        names, base = sorted(kinds.index[kinds == kind]), types.get(kind, REST_COLOUR)
        ramp = [between([base, "#FFFFFF"], 0.55), base, between([base, "#000000"], 0.45)]
        found |= {name: between(ramp, (at + 0.5) / len(names)) for at, name in enumerate(names)}
    return found


def colourings(table, palette: dict, within: bool) -> list[dict]:
    """Every colouring that the table has values for; within: of one lineage, subset first."""
    series, types, fixed = list(palette["series"].values()), palette["cell_type"], palette.get("subset", {})
    times = table.drop_duplicates("timepoint").sort_values("day", kind="stable")["timepoint"].astype(str).tolist()
    ramp = list(palette["time"].values())
    of_time = {t: between(ramp, at / max(len(times) - 1, 1)) for at, t in enumerate(times)}
    found = [
        category("cell type", table["cell_type"], types, series),
        category("subset", table["subset"], colours_of_subsets(table, types, fixed, series, within), series),
    ]
    found = found[::-1] if within else found
    found.append(category("time point", table["timepoint"], of_time, series, times))
    if table["sample"].nunique() > len(times):
        found.append(category("sample", table["sample"], {}, series))
    for name, column in (("B-cell clone", "bcr_clone"), ("T-cell clone", "tcr_clone")):
        if table[column].notna().any():
            values, top = clones(table[column])
            found.append(category(name, values, {"all others": REST_COLOUR}, series, [*top, "all others"]))
    if table["mrd_clone"].notna().any():
        found.append(category("bulk MRD clone", table["mrd_clone"], {}, series))
    if table["isg_score"].notna().any():
        found.append(score("interferon score", table["isg_score"]))
    words = palette["verdict"]
    for name, column in (("arms gained or lost", "cnv_profile"), ("malignancy", "malignancy")):
        if table[column].notna().any():
            found.append(category(name, table[column], {**words, "none": NONE_COLOUR}, series))
    if table["car_positive"].notna().any():
        text = table["car_positive"].map({True: "yes", False: "no"}).astype(object)
        found.append(category("CAR-positive", text, words, series, ["yes", "no"]))
    return found


def make_map(name: str, title: str, table, palette: dict, limit: int, seed: int) -> dict:
    """One map: points in their layout, and colourings; drawn is fewer than total where a sample was taken."""
    import numpy as np

    total = len(table)
    table = chosen(table, limit, seed)
    table = table.iloc[np.random.default_rng(seed).permutation(len(table))]  # so that no sample hides another
    points = table[["umap_1", "umap_2"]].to_numpy(float)
    low, span = points.min(0), max(float(np.ptp(points, axis=0).max()), 1e-6)
    scaled = ((points - low) / span + (1 - np.ptp(points, axis=0) / span) / 2) * 65535  # in the middle
    return {"id": name, "title": title, "total": total, "drawn": len(table), "x": packed(scaled[:, 0], "u2"),
            "y": packed(65535 - scaled[:, 1], "u2"), "colourings": colourings(table, palette, name != "all")}  # fmt: skip


def maps_of(case: Case, subsets: Path | None, palette: dict, most: int, seed: int) -> list[dict]:
    """All cells of a case, and each lineage that has a layout of its own: <lineage>.subsets.parquet in the folder subsets."""
    import pandas as pd

    maps = [make_map("all", "All cells", case.cells, palette, most, seed)]
    for lineage in LINEAGES if subsets else ():
        path = subsets / f"{lineage}.subsets.parquet"
        if path.exists():
            layout = pd.read_parquet(path, columns=["cell_id", "umap_1", "umap_2"])
            table = case.cells.drop(columns=["umap_1", "umap_2"]).merge(layout, on="cell_id")
            if len(table) >= 10:
                maps.append(make_map(lineage, f"{lineage} cells", table, palette, most // 4, seed))
    return maps
