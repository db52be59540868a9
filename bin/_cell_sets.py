#!/usr/bin/env python3
"""Cells that get another name than their part: sets of cells, each named by the same evidence as a part.

Cells of parts without a name, single cells with the markers of another type, and cells that refinement moves are candidates
only. They are pooled to sets, and a set that has not the evidence for its new name keeps the old one.
"""

from _cell_types import MIN_MARKERS, Cells, likeliest_tops, name_groups
from _lone_cells import lone_cells
from _naming import group_means, marker_genes
from _profiles import Profiles
from _refine import log_odds, refine
from _tables import UNASSIGNED

import numpy as np

SET_MARKERS = 3  # that are detected in cells which are set apart from their part
NAMED = ["lineage", "cell_type"]


def candidates(cells: Cells, part: np.ndarray, nameless: np.ndarray, markers, profiles: Profiles) -> np.ndarray:
    """The type without a parent (N,) that cells may be of, other than their part's; '' for most.

    Of cells of nameless (N,) parts the type that explains their own marker genes best; of others that of lone cells.
    """
    import scipy.sparse as sp

    genes = marker_genes(markers)
    x = cells.counts[:, [profiles.genes.index(gene) for gene in genes]]
    x = (sp.diags((1e4 / np.maximum(cells.umis, 1)).astype(np.float32)) @ x).tocsr().log1p()
    result = lone_cells(x, part, group_means(x, part)[0], markers, genes)
    rows = np.flatnonzero(nameless)
    if len(rows):
        result[rows] = likeliest_tops(cells, rows, markers, profiles)
    return result


def name_sets(cells: Cells, part: np.ndarray, set_: np.ndarray, markers, profiles: Profiles, least: float, lead: float):
    """The evidence table of sets of cells, in order of their numbers, named among the other cells of all parts.

    part, set_: (N,) numbers; -1 for cells that are in no set.
    """
    group = np.where(set_ < 0, part, part.max() + 1 + set_)
    numbers, group = np.unique(group, return_inverse=True)
    evidence = name_groups(cells, group, markers, profiles, least, lead)
    return evidence[numbers > part.max()].reset_index(drop=True)


def numbered(is_candidate: np.ndarray, *keys: np.ndarray):
    """The set (N,) of every candidate, -1 for the others, and the sets' keys: one row each, columns numbered from 0."""
    import pandas as pd

    table = pd.DataFrame(dict(enumerate(keys)))[is_candidate]
    number = np.full(len(is_candidate), -1)
    number[is_candidate] = table.groupby(list(table), sort=True).ngroup()
    return number, table.drop_duplicates().sort_values(list(table)).reset_index(drop=True)


def set_apart(table, cells: Cells, markers, profiles: Profiles, least: float, lead: float):
    """Give candidates in table (N rows: part, lineage, cell_type) the type that their set has evidence for.

    A set is the candidates of one type in a part without a name, or of all other parts together; these get only the type that
    they are candidates of. It needs SET_MARKERS. Returns the evidence of the sets that got a name.
    """
    part, nameless = table["part"].to_numpy(), (table["cell_type"] == UNASSIGNED).to_numpy()
    type_ = candidates(cells, part, nameless, markers, profiles)
    set_, keys = numbered(type_ != "", type_, np.where(nameless, part, -1))
    if keys.empty:
        return None
    evidence = name_sets(cells, part, set_, markers, profiles, least, lead)
    evidence["part"], evidence["origin"] = keys[1], "cells set apart"
    enough = (evidence["cell_type"] != UNASSIGNED) & (evidence["markers"] >= SET_MARKERS)
    given = enough & ((keys[1] >= 0) | (evidence["cell_type"] == keys[0]))
    rows = np.flatnonzero(set_ >= 0)
    rows = rows[given.to_numpy()[set_[rows]]]
    for column in NAMED:
        table.loc[rows, column] = evidence[column].to_numpy(object)[set_[rows]]
    return evidence[given]


def move_cells(table, expression, cells: Cells, markers, profiles: Profiles, least: float, lead: float, odds: float):
    """Move cells of table (N rows) to the label that their own expression gives them, where the moved ones have its evidence.

    expression: (N, variable genes). A set is the cells of one sample that go from one label to another. It moves where it has
    the evidence for the new label; between kinds of one type, and for cells of which only the type is known, it is enough that
    MIN_MARKERS are detected and no other kind leads clearly.
    Fills cell_type, lineage, margin and rival, and returns the evidence of the sets that moved.
    """
    sample, before = table["sample"].to_numpy(str), table["cell_type"].to_numpy(object, copy=True)
    after = refine(expression, before, sample, odds)
    set_, keys = numbered(before != after, before, after, sample, table["lineage"].to_numpy(str))
    moved = None
    if len(keys):
        old, new, of_sample, lineage = (keys[column] for column in keys)
        evidence = name_sets(cells, table["part"].to_numpy(), set_, markers, profiles, least, lead)
        evidence["part"], evidence["origin"] = -1, "cells moved from " + old + " in " + of_sample
        parent = markers["parent"].where(markers["parent"] != "", None)
        of_parent = new.map(parent).map(markers["lineage"])
        kinds = old.map(parent).eq(new.map(parent)) | ((old == UNASSIGNED) & lineage.eq(of_parent))
        same_type, nameless = evidence["winner"].map(parent).eq(new.map(parent)), old == UNASSIGNED
        undecided = same_type & (evidence["reason"] == "no clear lead")
        fits = same_type & (evidence["runner_up"] == new) & (evidence["runner_up_fits"] | nameless)
        enough = kinds & ((evidence["winner"] == new) | undecided | fits) & (evidence["markers"] >= MIN_MARKERS)
        other = nameless & (evidence["cell_type"] != UNASSIGNED) & ~same_type
        new = new.mask(other, evidence["cell_type"])
        right = (evidence["cell_type"] == new) | enough
        chosen = np.flatnonzero(set_ >= 0)
        back = chosen[~right.to_numpy()[set_[chosen]]]
        after[back] = before[back]
        after[chosen] = np.where(other.to_numpy()[set_[chosen]], new.to_numpy(object)[set_[chosen]], after[chosen])
        given = {"cell_type": new, "lineage": new.map(markers["lineage"]), "reason": "", "would_decide": ""}
        moved = evidence.assign(**given)[right]
    margin, rival = log_odds(expression, after, sample)
    table["cell_type"], table["margin"], table["rival"] = after, margin.astype(np.float32), rival.astype(str)
    lineages = table["cell_type"].map(markers.loc[markers["lineage"] != "", "lineage"])
    table["lineage"] = table["lineage"].where(after == before, lineages)
    return moved
