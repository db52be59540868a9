"""Names of subsets: the leading subset whose markers are there, in its state, and evidence for every name and its lack."""

import _subset_names
from _subset_parts import groups_of
from _tables import UNASSIGNED

import numpy as np
import pandas as pd
from helpers.lineage_cells import draw, in_soup_of_nk_cells, subsets


def name(cells, part, cluster=None, lineage="NK", state=None):
    """The evidence table of parts (N,), called like clusters (N,): the same if not given."""
    table = subsets(lineage)
    genes, cluster = table.genes(), part if cluster is None else cluster
    state = np.repeat("", len(part)) if state is None else state
    fit = np.ones(len(part), bool)
    parts, clusters = (groups_of(cells, group, genes, fit, state.astype(object)) for group in (part, cluster))
    of = pd.Series(cluster).groupby(part).first().to_numpy()
    return _subset_names.name_subsets(parts, clusters, of, table, genes, cells.measured[cells.columns(genes)])


def numbers(kind):
    return np.unique(kind, return_inverse=True)[1]


def test_planted_subsets_are_named_with_the_markers_that_they_show():
    cells, kind = draw({"CD56dim": 80, "CD56bright": 40}, "NK", "NK")
    table = name(cells, numbers(kind))
    assert list(table["cell_type"]) == ["CD56bright", "CD56dim"]
    assert "GZMK" in table.at[0, "evidence"] and "FCGR3A" not in table.at[0, "evidence"]
    assert "FGFBP2" in table.at[1, "evidence"] and not table["against"].any()


def test_nk_cells_with_fcgr3a_are_not_cd56bright_however_they_vary():
    """Healthy blood: all NK cells are CD56dim; some parts have a little more of what CD56bright cells express."""
    cells, _ = draw({"CD56dim": 200}, "NK", "NK", seed=3)
    high = np.argsort(-cells.logged[:, cells.columns(["SELL", "GZMK", "XCL1", "IL7R", "CD44"])].toarray().sum(1))
    part = np.ones(200, int)
    part[high[:50]] = 0
    table = name(cells, part)
    assert set(table["cell_type"]) == {"CD56dim"}


def test_a_part_that_shows_what_a_subset_lacks_is_not_that_subset():
    cells, kind = draw({"CD56dim": 60, "CD56bright": 60}, "NK", "NK")
    mixed = np.arange(120) % 2
    table = name(cells, np.where(kind == "CD56dim", 0, 1))
    assert table.at[1, "cell_type"] == "CD56bright"
    table = name(cells, mixed)  # both parts hold both kinds
    assert not set(table["cell_type"]) & {"CD56bright"}


def test_without_the_genes_that_tell_nothing_is_named():
    cells, kind = draw({"CD56dim": 60, "CD56bright": 60}, "NK", "NK", unmeasured=("FCGR3A", "FGFBP2"))
    table = name(cells, numbers(kind))
    assert set(table["cell_type"]) == {UNASSIGNED}
    assert table["evidence"].str.startswith("unnamed: ").all()
    assert table["evidence"].str.contains("FCGR3A, FGFBP2 not measured").any()


def test_soup_is_no_marker():
    """T cells in a sample of many NK cells: granzyme of the soup makes no cytotoxic CD4 cell."""
    cells = in_soup_of_nk_cells()
    table = name(cells, np.zeros(100, int), lineage="T")
    assert table.at[0, "cell_type"] == "CD4_memory"


def test_the_state_of_the_cells_decides_which_names_are_in_question():
    kinds = {"CD56dim": 60, "CD56dim+ISG": 60, "CD56bright+ISG": 40, "CD56dim+cycle": 40}
    cells, kind = draw(kinds, "NK", "NK")
    state = np.where(
        np.char.find(kind, "ISG") > 0, "interferon", np.where(np.char.find(kind, "cycle") > 0, "cycling", "")
    )
    table = name(cells, numbers(kind), state=state)
    assert list(table["cell_type"]) == ["CD56bright_ISG+", "CD56dim", "CD56dim_ISG+", "NK_proliferating"]
    assert "MKI67" in table.at[3, "evidence"] and "IFI" in table.at[2, "evidence"]
    # The same cells without the state: the word is not given, whatever the genes.
    assert not set(name(cells, numbers(kind))["cell_type"]) & {"CD56bright_ISG+", "CD56dim_ISG+", "NK_proliferating"}


def test_a_part_is_called_like_its_cluster_unless_another_name_leads_clearly(monkeypatch):
    cells, kind = draw({"CD56dim": 100, "CD56bright": 40}, "NK", "NK")
    part, cluster = np.r_[np.repeat([0, 1], 50), np.repeat(2, 40)], np.zeros(140, int)
    assert list(name(cells, part, cluster)["cell_type"]) == ["CD56dim", "CD56dim", "CD56bright"]
    # A part of few cells cannot show its markers: it has its cluster's name and evidence.
    part = np.r_[np.repeat([0, 1], [97, 3]), np.repeat(2, 40)]
    table = name(cells, part, np.where(kind == "CD56dim", 0, 1))
    assert table.at[1, "cell_type"] == "CD56dim"


def test_cells_without_a_type_or_without_subsets():
    cells, kind = draw({"CD56dim": 30}, "NK", "mast cell")
    assert list(name(cells, numbers(kind))["cell_type"]) == ["mast_cell"]
    cells = cells._replace(cell_type=np.repeat(UNASSIGNED, 30).astype(object))
    table = name(cells, numbers(kind))
    assert (
        list(table["cell_type"]) == [UNASSIGNED] and table.at[0, "evidence"] == "unnamed: its cells have no cell type"
    )


def test_a_negative_gene_counts_as_no_more_than_cells_with_it_show():
    special, weight = np.ones((1, 3)), np.ones(3)
    for of_rate, score in ((0.25, 0.8), (2.0, 0.2), (np.nan, 0.2)):
        rate = np.array([[np.nan, np.nan, of_rate]])
        value = _subset_names.relative_score(["A", "B"], ["C"], special, rate, weight, ["A", "B", "C"])
        np.testing.assert_allclose(value, score)
