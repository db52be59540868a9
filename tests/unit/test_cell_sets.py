"""Cells that get another name than their part: only sets that have the evidence for it, never by the part or the label around."""

from _cell_sets import candidates, move_cells, overruled, set_apart
from _cell_types import name_groups

import numpy as np
import pandas as pd
from helpers.planted_cells import MARKERS, PROFILES, draw

LIMITS = 0.25, 0.1


def named(kinds, part_of, **options):
    """Cells of kinds, a table of them with the names of their parts, which part_of numbers by kind, and the parts' evidence."""
    cells, group = draw(kinds, **options)
    part = np.array([part_of[name] for name in kinds])[group]
    evidence = name_groups(cells, part, MARKERS, PROFILES)
    table = pd.DataFrame({"part": part, "sample": "S1", "truth": np.array(list(kinds))[group]})
    for column in ("lineage", "cell_type"):
        table[column] = evidence[column].to_numpy(object)[part]
    return cells, table, evidence


def expression(cells):
    return cells.counts.multiply(1e4 / cells.umis[:, None]).tocsr().log1p()


def test_an_impure_part_is_taken_apart_into_sets_that_have_their_evidence():
    kinds = {"naive B": 40, "CD8 T": 40, "classical monocyte": 60}
    cells, table, parts = named(kinds, {"naive B": 0, "CD8 T": 0, "classical monocyte": 1})
    assert set(table.loc[table["part"] == 0, "lineage"]) == {"unassigned"}
    evidence = set_apart(table, cells, parts, MARKERS, PROFILES, *LIMITS)
    right = table["lineage"] == table["truth"].map(MARKERS["lineage"])
    assert right.mean() > 0.95 and (evidence["markers"] >= 2).all() and set(evidence["origin"]) == {"cells set apart"}


def test_lone_cells_get_their_type_and_cells_without_markers_none():
    cells, table, parts = named({"CD4 T": 80, "plasma cell": 3}, {"CD4 T": 0, "plasma cell": 0}, depth=10_000)
    assert set(table["cell_type"]) == {"CD4 T"}
    set_apart(table, cells, parts, MARKERS, PROFILES, *LIMITS)
    assert (table["cell_type"] == table["truth"]).all()
    empty = cells._replace(counts=cells.counts * 0)
    assert set(candidates(empty, table["part"].to_numpy(), parts, MARKERS, PROFILES)[0]) == {""}


def test_a_named_part_keeps_its_name_for_the_cells_that_speak_for_it():
    kinds = {"HSPC": 33, "megakaryocyte": 12, "CD8 T": 60}
    cells, table, parts = named(kinds, {"HSPC": 0, "megakaryocyte": 0, "CD8 T": 1}, depth=5000)
    assert parts["cell_type"][0] in kinds and parts["cell_type"][1] == "CD8 T"
    set_apart(table, cells, parts, MARKERS, PROFILES, *LIMITS)
    assert (table["cell_type"] == table["truth"]).mean() > 0.97


def test_precursors_among_mature_b_cells_are_not_called_mature():
    kinds = {"B precursor": 8, "naive B": 25, "memory B": 5, "CD8 T": 60}
    cells, table, parts = named(kinds, {name: int(name == "CD8 T") for name in kinds}, depth=5000)
    assert parts["cell_type"][0] == "unassigned" and parts["lineage"][0] == "B"
    set_apart(table, cells, parts, MARKERS, PROFILES, *LIMITS)
    own = table.groupby("truth")["cell_type"].value_counts(normalize=True)
    assert set(own["B precursor"].index) <= {"unassigned", "B precursor"}
    assert own["naive B"]["naive B"] > 0.6 and "memory B" not in own["naive B"]


def test_most_cells_of_a_part_tell_its_kind_and_few_do_not():
    """A part that is called CD8 T for its rates: its cells are CD4 T where most of them say so by each half of the genes."""
    for n, right in ((70, "CD4 T"), (30, "CD8 T")):
        kinds = {"CD4 T": n, "CD8 T": 100 - n, "CD8 T+CD8 T": 60}
        cells, table, parts = named(kinds, {"CD4 T": 0, "CD8 T": 0, "CD8 T+CD8 T": 1}, depth=5000)
        parts.loc[0, ["cell_type", "winner"]] = "CD8 T"
        table.loc[table["part"] == 0, "cell_type"] = "CD8 T"
        set_apart(table, cells, parts, MARKERS, PROFILES, *LIMITS)
        is_cd4 = table["truth"] == "CD4 T"
        assert (table.loc[is_cd4, "cell_type"] == right).mean() > 0.8, right
        assert (table.loc[~is_cd4, "cell_type"] == "CD8 T").mean() > 0.95


def test_a_sample_whose_cells_are_of_another_name_than_their_part_overrules_it():
    kinds = {"nonclassical monocyte": 70, "classical monocyte": 15, "CD8 T": 60}
    cells, table, _parts = named(kinds, {"nonclassical monocyte": 0, "classical monocyte": 0, "CD8 T": 1}, depth=5000)
    assert set(table.loc[table["part"] == 0, "cell_type"]) == {"nonclassical monocyte"}
    second = (table["truth"] == "classical monocyte") | (table.index < 3)  # with three nonclassical monocytes
    cells = cells._replace(sample=second.to_numpy(int), soup=np.repeat(cells.soup, 2, axis=0))
    table["sample"] = np.where(second, "S2", "S1")
    assert (overruled(table, cells, MARKERS, PROFILES, *LIMITS) == second).all()
    few = cells._replace(sample=(second & (table.index % 2 == 0)).to_numpy(int))
    assert not overruled(table, few, MARKERS, PROFILES, *LIMITS).any()
    move_cells(table, expression(cells), cells, MARKERS, PROFILES, *LIMITS, 2.0)
    own = table[second].groupby("truth")["cell_type"]
    assert not own.get_group("classical monocyte").eq("nonclassical monocyte").any()
    assert not own.get_group("nonclassical monocyte").eq("classical monocyte").any()


def test_unassigned_precursors_among_t_cells_stay_of_their_lineage():
    """In a sample whose only other label is a T cell, 53 precursors without a name do not become one."""
    cells, table, _parts = named({"CD8 T": 300, "B precursor": 53}, {"CD8 T": 0, "B precursor": 1})
    table.loc[table["part"] == 1, "cell_type"] = "unassigned"
    move_cells(table, expression(cells), cells, MARKERS, PROFILES, *LIMITS, 2.0)
    assert set(table.loc[table["part"] == 1, "cell_type"]) == {"unassigned"}
    assert set(table.loc[table["part"] == 1, "lineage"]) <= {"B", "blast"}


def test_cells_move_to_the_label_whose_markers_they_show_and_not_against_them():
    kinds = {"CD4 T": 200, "CD8 T": 200, "NK": 100, "CD8 T ": 30}
    kinds = {name.strip() if name != "CD8 T " else "CD8 T+CD8 T": n for name, n in kinds.items()}
    cells, table, _parts = named(kinds, {"CD4 T": 0, "CD8 T": 1, "NK": 2, "CD8 T+CD8 T": 0})
    assert set(table.loc[table["part"] == 0, "cell_type"]) == {"CD4 T"}
    moved = move_cells(table, expression(cells), cells, MARKERS, PROFILES, *LIMITS, 2.0)
    wrong = table["truth"] == "CD8 T+CD8 T"
    assert (table.loc[wrong, "cell_type"] == "CD8 T").mean() > 0.9
    assert (table.loc[~wrong, "cell_type"] == table.loc[~wrong, "truth"]).mean() > 0.98
    assert moved["origin"].str.startswith("cells moved from CD4 T in S1").any() and (moved["markers"] >= 2).all()
