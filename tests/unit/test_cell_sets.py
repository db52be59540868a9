"""Cells that get another name than their part: only sets that have the evidence for it, never by the part or the label around."""

from _cell_sets import candidates, move_cells, set_apart
from _cell_types import name_groups

import numpy as np
import pandas as pd
from helpers.planted_cells import MARKERS, PROFILES, draw

LIMITS = 0.25, 0.1


def named(kinds, part_of, **options):
    """Cells of kinds, and a table of them with the names of their parts, which part_of numbers by kind."""
    cells, group = draw(kinds, **options)
    part = np.array([part_of[name] for name in kinds])[group]
    evidence = name_groups(cells, part, MARKERS, PROFILES)
    table = pd.DataFrame({"part": part, "sample": "S1", "truth": np.array(list(kinds))[group]})
    for column in ("lineage", "cell_type"):
        table[column] = evidence[column].to_numpy(object)[part]
    return cells, table


def expression(cells):
    return cells.counts.multiply(1e4 / cells.umis[:, None]).tocsr().log1p()


def test_an_impure_part_is_taken_apart_into_sets_that_have_their_evidence():
    kinds = {"naive B": 40, "CD8 T": 40, "classical monocyte": 60}
    cells, table = named(kinds, {"naive B": 0, "CD8 T": 0, "classical monocyte": 1})
    assert set(table.loc[table["part"] == 0, "lineage"]) == {"unassigned"}
    evidence = set_apart(table, cells, MARKERS, PROFILES, *LIMITS)
    right = table["lineage"] == table["truth"].map(MARKERS["lineage"])
    assert right.mean() > 0.95 and (evidence["markers"] >= 2).all() and set(evidence["origin"]) == {"cells set apart"}


def test_lone_cells_get_their_type_and_cells_without_markers_none():
    cells, table = named({"CD4 T": 80, "plasma cell": 3}, {"CD4 T": 0, "plasma cell": 0}, depth=10_000)
    assert set(table["cell_type"]) == {"CD4 T"}
    set_apart(table, cells, MARKERS, PROFILES, *LIMITS)
    assert (table["cell_type"] == table["truth"]).all()
    empty = cells._replace(counts=cells.counts * 0)
    assert set(candidates(empty, table["part"].to_numpy(), np.ones(len(table), bool), MARKERS, PROFILES)) == {""}


def test_unassigned_precursors_among_t_cells_stay_of_their_lineage():
    """In a sample whose only other label is a T cell, 53 precursors without a name do not become one."""
    cells, table = named({"CD8 T": 300, "B precursor": 53}, {"CD8 T": 0, "B precursor": 1})
    table.loc[table["part"] == 1, "cell_type"] = "unassigned"
    move_cells(table, expression(cells), cells, MARKERS, PROFILES, *LIMITS, 2.0)
    assert set(table.loc[table["part"] == 1, "cell_type"]) == {"unassigned"}
    assert set(table.loc[table["part"] == 1, "lineage"]) <= {"B", "blast"}


def test_cells_move_to_the_label_whose_markers_they_show_and_not_against_them():
    kinds = {"CD4 T": 200, "CD8 T": 200, "NK": 100, "CD8 T ": 30}
    kinds = {name.strip() if name != "CD8 T " else "CD8 T+CD8 T": n for name, n in kinds.items()}
    cells, table = named(kinds, {"CD4 T": 0, "CD8 T": 1, "NK": 2, "CD8 T+CD8 T": 0})
    assert set(table.loc[table["part"] == 0, "cell_type"]) == {"CD4 T"}
    moved = move_cells(table, expression(cells), cells, MARKERS, PROFILES, *LIMITS, 2.0)
    wrong = table["truth"] == "CD8 T+CD8 T"
    assert (table.loc[wrong, "cell_type"] == "CD8 T").mean() > 0.9
    assert (table.loc[~wrong, "cell_type"] == table.loc[~wrong, "truth"]).mean() > 0.98
    assert moved["origin"].str.startswith("cells moved from CD4 T in S1").any() and (moved["markers"] >= 2).all()
