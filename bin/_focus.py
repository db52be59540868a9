#!/usr/bin/env python3
"""The receivers of communication: the groups that hold the clone that bulk MRD sees, or what stands for it."""

from pathlib import Path

from _evidence import expanded_clones
from _words import listed

LEAST = 0.1  # share of a clone's cells that a group holds to be one of its


def read_cells(labels, kinds, clones: Path | None, carriers: Path | None, owners):
    """(cells, bulk): labels with group (missing where none), candidate, clone and light; which of these cells carry bulk clones.

    labels: of read_labels, with sample, lineage, cell_type and subset; kinds: lineage, cell_type and group that occur; clones:
    clones.parquet; carriers: mrd_cells.parquet; owners: lineages of cells that have a BCR of their own, the candidates.
    """
    import pandas as pd

    known = set(kinds[["lineage", "cell_type", "group"]].itertuples(index=False, name=None))
    cells = labels.set_index("cell_id").assign(candidate=labels["lineage"].isin(owners).to_numpy())
    rows = zip(cells["lineage"], cells["cell_type"], cells["subset"], strict=True)
    groups = [
        next((of for of in (subset, kind) if (lineage, kind, of) in known), None) for lineage, kind, subset in rows
    ]
    cells["group"] = pd.Series(groups, cells.index, dtype=object)
    receptors = pd.read_parquet(clones).set_index("cell_id") if clones else pd.DataFrame()
    for name, column in (("clone", "bcr_clone"), ("light", "receptor_subtype_bcr")):
        cells[name] = receptors.get(column, pd.Series(dtype=object)).reindex(cells.index)
    cells["light"] = cells["light"].astype("string").str.extract(r"(IG[KL])", expand=False)
    bulk = pd.read_parquet(carriers) if carriers else pd.DataFrame(columns=["cell_id", "chain_type", "clone"])
    return cells, bulk[bulk["cell_id"].isin(cells.index[cells["candidate"]])]


def clones_in_question(cells, bulk, min_cells: int):
    """(its cells, what they are, its name) of the bulk clone that most cells carry, then of the largest expanded clone.

    Of bulk clones those of heavy chains come first, where min_cells carry one: a light chain is shared by clones.
    """
    sizes = bulk.groupby(["chain_type", "clone"], observed=True).size().sort_values(ascending=False, kind="stable")
    if len(sizes):
        heavy = sizes[(sizes.index.get_level_values("chain_type") == "VDJ") & (sizes >= min_cells)]
        chain, name = (heavy if len(heavy) else sizes).index[0]
        mine = bulk[(bulk["chain_type"] == chain) & (bulk["clone"] == name)]
        yield cells.index.isin(mine["cell_id"]), f"cells that carry {name}", name
    expanded = [row for row in expanded_clones(cells) if row["restricted"] is not False]
    if expanded:
        name = max(expanded, key=lambda row: row["cells"])["clone"]
        yield cells["candidate"] & (cells["clone"] == name), f"cells of the largest expanded clone, {name}", name


def receivers(cells, bulk, focus: str | None, min_cells: int) -> dict:
    """groups, and `text` that says who they are: the focus, or the bulk clone's, the expanded clone's, plasma cells, blasts, or none.

    focus: lineages, cell types or groups, with commas. The first that is enough is taken: min_cells of a clone, and in one group of a
    sample. The groups of a clone hold at least LEAST of its cells each. Also clone, n (its cells) and held (of these in the groups).
    """
    if focus:
        named = cells[["lineage", "cell_type", "group"]].isin([word.strip() for word in focus.split(",")]).any(axis=1)
        asked = [(named, f"cells of the focus '{focus}'", None, 0)]
    else:
        asked = [(*clone, LEAST) for clone in clones_in_question(cells, bulk, min_cells)]
        asked += [
            (cells["lineage"] == name, of, None, 0) for name, of in (("plasma", "plasma cells"), ("blast", "blasts"))
        ]
    lacking = []
    for mine, words, clone, least in asked:
        share = cells.loc[mine, "group"].value_counts() / max(mine.sum(), 1)
        groups = sorted(share.index[share >= least])
        inside = cells["group"].isin(groups)
        most = cells[inside].groupby(["sample", "group"]).size().max() if groups else 0
        if (enough := min(mine.sum(), most)) >= min_cells:
            held = int((mine & inside).sum())
            text = f"Receivers: the {mine.sum():,} {words}; {held:,} of them are in {listed(groups)} ({inside.sum():,} cells)"
            text += f". Not testable: {', '.join(lacking)}, {min_cells} needed" if lacking else ""
            return {"groups": groups, "text": text, "clone": clone, "n": int(mine.sum()), "held": held}
        lacking.append(f"{enough:,} {words}")
    why = f"Not testable: {', '.join(lacking)} in a sample, {min_cells} needed; name others with --focus"
    if focus and not groups:
        why = f"No receivers: no cell is of the focus '{focus}'"
    there = ", ".join(sorted(set(cells["group"].dropna()))) or "none"
    return {"groups": [], "text": f"{why}; groups are: {there}", "clone": None, "n": 0, "held": 0}
