"""Parts of a lineage: divided by state and sample, unfit ones without a name, numbers, and names that their cells must bear out."""

from _subset_parts import failing_names, name_numbered, name_parts, out_of_state, state_of, with_soup
from _tables import UNASSIGNED

import numpy as np
import pytest
from helpers.lineage_cells import TYPES, draw, subsets


def parts_of(kind):
    return np.unique(kind, return_inverse=True)[1]


def test_a_sample_that_is_high_throughout_has_a_state_of_its_own():
    group, sample = np.zeros(40, int), np.repeat([0, 1], 20)
    high = np.r_[np.zeros(19), np.ones(21)].astype(bool)  # one cell in twenty of the first, all of the second
    state = state_of(group, sample, high, np.zeros(40, bool))
    assert set(state[:20]) == {""} and set(state[20:]) == {"interferon"}
    # Five cells that are none of them high are a state too; four of five are not.
    sample = np.repeat([0, 1], [5, 35])
    assert set(state_of(group, sample, np.r_[np.zeros(5), np.ones(35)].astype(bool), high & False)[:5]) == {""}
    assert set(state_of(group, sample, np.r_[1, np.zeros(4), np.ones(35)].astype(bool), high & False)[:5]) == {
        "interferon"
    }
    assert set(state_of(group, sample, high, np.ones(40, bool))) == {"cycling"}


def test_interferon_beta_before_and_after_names_the_cells_after_whatever_their_cluster():
    """Two samples of the same cells, integrated: parts hold both."""
    kinds = {"CD4_naive": 60, "CD4_memory": 60, "CD4_naive+ISG": 60, "CD4_memory+ISG": 60}
    cells, kind = draw(kinds, "T", "CD4 T", samples={"CD4_naive+ISG": 1, "CD4_memory+ISG": 1})
    part = np.where(np.char.startswith(kind, "CD4_naive"), 0, 1)
    table, of_part, fit = name_parts(cells, part, part, subsets("T"), TYPES)
    named = table["cell_type"].to_numpy()[of_part]
    assert set(named[cells.sample == 1]) == {"CD4_ISG+"} and set(named[kind == "CD4_naive"]) == {"CD4_naive"}
    assert set(named[kind == "CD4_memory"]) == {"CD4_memory"} and fit.all()
    words = table.loc[table["cell_type"] == "CD4_ISG+", "evidence"]
    assert words.str.contains(r"interferon-high \d+% \(of the lineage \d+% in S2\)").all()
    assert (table["evidence"] != "").all()


def test_resting_cells_get_no_interferon_name_and_naive_cells_none_of_a_cycle():
    cells, _ = draw({"CD4_naive": 300}, "T", "CD4 T", seed=2)
    genes = cells.columns(["ISG15", "IFI6", "IFIT3", "MX1"])
    more = cells.logged[:, genes].toarray().sum(1) > np.quantile(cells.logged[:, genes].toarray().sum(1), 0.8)
    table, *_ = name_parts(cells, more.astype(int), more.astype(int), subsets("T"), TYPES)
    assert set(table["cell_type"]) <= {"CD4_naive", UNASSIGNED} and (table["cycling"] < 0.02).all()


def test_doublets_and_foreign_receptors_leave_their_cluster_without_a_name():
    cells, _ = draw({"CD56dim": 90}, "NK", "NK")
    part, cluster = np.repeat([0, 1, 2], 30), np.zeros(90, int)
    has = np.repeat([False, True, False], 30)
    cells = cells._replace(
        doublet_like=np.repeat([False, False, True], 30), receptors={"TCR": (has, np.ones(90, bool), 0.9)}
    )
    table, _, fit = name_parts(cells, cluster, part, subsets("NK"), TYPES)
    assert list(table["cell_type"]) == ["CD56dim", UNASSIGNED, UNASSIGNED]
    assert table.at[1, "evidence"] == "unnamed: 100% of its cells carry a TCR"
    assert table.at[2, "evidence"] == "unnamed: 100% of its cells look like doublets"
    assert fit.tolist() == [True] * 30 + [False] * 60 and table["doublets"].tolist() == [0, 0, 1]


def test_numbers_follow_size_and_have_markers_of_the_type_as_evidence():
    cells, _ = draw({"plasma": 200}, "plasma", "plasma cell")
    cluster = np.repeat([0, 1, 2], [60, 125, 15])
    part = np.r_[np.repeat(0, 60), np.repeat([1, 2], [100, 25]), np.repeat(3, 15)]
    cells = cells._replace(doublet_like=np.repeat([False, True, False], [160, 25, 15]))
    table, of_part, fit = name_numbered(cells, cluster, part, "Plasma", TYPES)
    named = table["cell_type"].to_numpy()[of_part]
    assert set(named[:60]) == {"Plasma_2"} and set(named[60:160]) == {"Plasma_1"} and set(named[160:]) == {UNASSIGNED}
    assert (~fit).sum() == 25 and table["evidence"].str.contains("MZB1").sum() == 2
    assert "15 cells are too few for a number" in " ".join(table["evidence"])


def test_numbered_cells_without_the_markers_of_their_type_have_no_number():
    cells, _ = draw({"CD4_naive": 60}, "plasma", "plasma cell")
    table, *_ = name_numbered(cells, np.zeros(60, int), np.zeros(60, int), "Plasma", TYPES)
    assert (
        list(table["cell_type"]) == [UNASSIGNED]
        and table.at[0, "evidence"] == "unnamed: 0 markers of plasma cell detected"
    )


def test_names_that_their_cells_do_not_bear_out_are_told():
    cells, kind = draw({"CD56dim": 60, "CD56bright": 40}, "NK", "NK")
    assert failing_names(cells, kind.astype(object), subsets("NK"), TYPES) == {}
    wrong = np.where(kind == "CD56dim", "CD56bright", "CD56dim_ISG+").astype(object)
    failing = failing_names(cells, wrong, subsets("NK"), TYPES)
    assert set(failing) == {"CD56bright", "CD56dim_ISG+"}
    assert "it shows" in failing["CD56bright"] and "FCGR3A" in failing["CD56bright"]
    assert failing_names(cells, np.repeat(UNASSIGNED, 100).astype(object), subsets("NK"), TYPES) == {}


def test_cells_follow_others_into_an_interferon_subset_only_if_raised():
    cells, kind = draw({"CD56dim": 30, "CD56dim+ISG": 30}, "NK", "NK")
    of_part = np.where(kind == "CD56dim", "CD56dim", "CD56dim_ISG+").astype(object)
    into = np.repeat("CD56dim_ISG+", 60).astype(object)
    back = out_of_state(cells, of_part, into, subsets("NK"))
    assert back[:30].mean() > 0.9 and not back[30:].any()
    out = np.repeat("CD56dim", 60).astype(object)
    assert (out_of_state(cells, of_part, out, subsets("NK"))[30:] == cells.high[30:]).all()


def test_soup_is_bounded_in_samples_that_have_cells_and_taken_as_large_elsewhere():
    cells, kind = draw({"CD56dim": 200, "CD56bright": 200}, "NK", "NK", soup=0.05)
    cells = cells._replace(profile=np.vstack([cells.profile, cells.profile]))
    bounded = with_soup(cells, ["FCGR3A", "FGFBP2", "GZMK", "XCL1", "SELL", "IL7R"], parts_of(kind))
    assert 0.04 < bounded.soup[0] < 0.12 and bounded.soup[1] == pytest.approx(0.2)
