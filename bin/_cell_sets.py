#!/usr/bin/env python3
"""Cells that get another name than their part: sets of cells, each named by the same evidence as a part.

Cells of parts without a name, single cells with the markers of another type, and cells that refinement moves are candidates
only. They are pooled to sets, and a set that has not the evidence for its new name keeps the old one.
"""

from _cell_types import MIN_MARKERS, MIXED, Cells, likeliest_types, name_groups
from _kinds import early_markers
from _lone_cells import lone_cells
from _naming import group_means, marker_genes
from _profiles import Profiles
from _refine import log_odds, refine
from _tables import UNASSIGNED

import numpy as np

FEWEST = 3  # cells of a named part that may be of another type
SIZEABLE, MOST = 0.1, 0.5  # share of the part from which on another type, or another kind of its type, is looked at
SAMPLE_CELLS = 10  # of a part in one sample, to overrule its name
SET_MARKERS = 3  # that are detected in cells which are set apart from their part
NAMED = ["lineage", "cell_type"]


def candidates(cells: Cells, part: np.ndarray, parts, markers, profiles: Profiles) -> tuple[np.ndarray, np.ndarray]:
    """The type (N,) that cells may be of, '' for most; and the part (N,) whose cells are looked at together, -1 for all named ones.

    parts: evidence table of the parts, in order. In parts without a name it is the type that explains a cell's own marker genes best,
    a kind where kinds are mixed. In named ones it is another type of a sizeable share of the cells, another kind of most, or
    that of lone cells.
    """
    import scipy.sparse as sp

    genes = marker_genes(markers)
    x = cells.counts[:, [profiles.genes.index(gene) for gene in genes]]
    x = (sp.diags((1e4 / np.maximum(cells.umis, 1)).astype(np.float32)) @ x).tocsr().log1p()
    lone = lone_cells(x, part, group_means(x, part)[0], markers, genes)
    name, winner = (parts[column].to_numpy(object)[part] for column in ("cell_type", "winner"))
    own = markers["parent"].where(markers["parent"] != "", markers.index).reindex(winner).to_numpy(object)
    top = likeliest_types(cells, np.arange(len(part)), markers, profiles)
    kind = likeliest_kinds(cells, np.where((top == own) & (winner != own), own, ""), markers, profiles)
    nameless, mixed = name == UNASSIGNED, (parts["reason"] == MIXED).to_numpy()[part] & (winner != own) & (top == own)
    other = shared(part, np.where(top == own, "", top), SIZEABLE)
    other = np.where(other == "", shared(part, np.where(kind == name, "", kind), MOST), other)
    found = np.where(nameless, np.where(mixed, kind, top), np.where(other == "", lone, other))
    return found, np.where(nameless | (other != ""), part, -1)


def likeliest_kinds(cells: Cells, type_: np.ndarray, markers, profiles: Profiles) -> np.ndarray:
    """The kind of type_ (N,; '' for none) that explains each cell's marker genes best, '' where none does.

    Immature kinds are not given: which of them it is takes a population.
    """
    result = np.full(len(type_), "", dtype=object)
    for name in set(type_) - {""}:
        rows, kinds = np.flatnonzero(type_ == name), markers[markers["parent"] == name].assign(parent="")
        result[rows] = likeliest_types(cells, rows, kinds, profiles)
        immature = [kind for kind in kinds.index if early_markers(kind, markers, profiles) is not None]
        result[np.isin(result, immature)] = ""
    return result


def shared(part: np.ndarray, type_: np.ndarray, share: float) -> np.ndarray:
    """type_ (N,), where FEWEST cells of a part and more than a share of them have it; '' for others."""
    import pandas as pd

    table = pd.DataFrame({"part": part, "type": type_})
    n, size = (table.groupby(keys)["type"].transform("size").to_numpy() for keys in (["part", "type"], ["part"]))
    return np.where((n >= FEWEST) & (n > share * size), type_, "").astype(object)


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


def set_apart(table, cells: Cells, parts, markers, profiles: Profiles, least: float, lead: float):
    """Give candidates in table (N rows: part, lineage, cell_type) the type that their set has evidence for.

    parts: evidence table of the parts, in order. A set is the candidates of one type in a part, or the lone cells of all named parts
    together; in named parts they get only the type that they are candidates of. It needs SET_MARKERS. Where a set shows
    markers of other types it loses its part's name. Returns the evidence of the sets that got a name.
    """
    part = table["part"].to_numpy()
    type_, of_part = candidates(cells, part, parts, markers, profiles)
    set_, keys = numbered(type_ != "", type_, of_part)
    if keys.empty:
        return None
    evidence = name_sets(cells, part, set_, markers, profiles, least, lead)
    evidence["part"], evidence["origin"] = keys[1], "cells set apart"
    nameless = (keys[1] >= 0) & (parts["cell_type"] == UNASSIGNED).to_numpy()[keys[1]]
    enough = (evidence["cell_type"] != UNASSIGNED) & (evidence["markers"] >= SET_MARKERS)
    given = enough & (nameless | (evidence["cell_type"] == keys[0]))
    lost = (evidence["reason"] == MIXED) & (keys[1] >= 0)
    rows = np.flatnonzero(set_ >= 0)
    rows = rows[(given | lost).to_numpy()[set_[rows]]]
    for column in NAMED:
        table.loc[rows, column] = evidence[column].to_numpy(object)[set_[rows]]
    return evidence[given]


def overruled(table, cells: Cells, markers, profiles: Profiles, least: float, lead: float) -> np.ndarray:
    """Which cells (N,) of table have their part's name from other samples: those of their own have the evidence of another name.

    They number SAMPLE_CELLS or more, are at most half of the part, and the other name leads twice as clearly as a part's must.
    """
    part, before = table["part"].to_numpy(), table["cell_type"].to_numpy(object)
    by = table.assign(sample=cells.sample).groupby
    n, size = (by(keys)["part"].transform("size").to_numpy() for keys in (["part", "sample"], ["part"]))
    set_, keys = numbered((n >= SAMPLE_CELLS) & (n <= size / 2), part, cells.sample)
    if keys.empty:
        return np.zeros(len(part), bool)
    evidence = name_sets(cells, part, set_, markers, profiles, least, lead)
    name = evidence["cell_type"].where(evidence["margin"] >= 2 * lead, UNASSIGNED).to_numpy(object)
    of_sample = np.where(set_ >= 0, name[set_], UNASSIGNED)
    of_part = by("part")["cell_type"].transform(lambda names: names.mode().iloc[0]).to_numpy(object)
    return (of_sample != UNASSIGNED) & (of_part != UNASSIGNED) & (before == of_part) & (of_sample != before)


def move_cells(table, expression, cells: Cells, markers, profiles: Profiles, least: float, lead: float, odds: float):
    """Move cells of table (N rows) to the label that their own expression gives them, where the moved ones have its evidence.

    expression: (N, variable genes). A set is the cells of one sample that go from one label to another. It moves where it has
    the evidence for the new label; between kinds of one type, and for cells of which only the type is known, it is enough that
    MIN_MARKERS are detected and no other kind leads clearly. Overruled cells lose their name, and are compared with the labels of all
    samples first: their own may have none of their type.
    Fills cell_type, lineage, margin and rival, and returns the evidence of the sets that moved.
    """
    sample, before = table["sample"].to_numpy(str), table["cell_type"].to_numpy(object, copy=True)
    after, foreign = before.copy(), overruled(table, cells, markers, profiles, least, lead)
    if foreign.any():
        before[foreign] = UNASSIGNED
        after[foreign] = refine(expression, before, np.zeros(len(before), int), odds)[foreign]
    after = refine(expression, after, sample, odds)
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
