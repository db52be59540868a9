"""Single cells of another type than their part: named by their own markers, doublets are not."""

from _lone_cells import lone_cells
from _naming import group_means

import numpy as np
import scipy.sparse as sp
from helpers.planted_cells import GENES, MARKERS, blood


def test_single_cells_with_the_markers_of_another_type_are_named_and_doublets_are_not():
    """Two plasma cells and two doublets in a part of T cells, and plasma cells in a part of their own."""
    x, _ = blood(["CD4 T", "plasma cell"])
    doublets = x[60:62] + x[:2]
    x = sp.vstack([x[:60], x[62:64], doublets, x[64:]], format="csr")
    part = np.array([0] * 64 + [1] * (x.shape[0] - 64))
    lone = lone_cells(x, part, group_means(x, part)[0], MARKERS.loc[["plasma cell", "NK"]], GENES)
    assert list(np.flatnonzero(lone)) == [60, 61] and set(lone[60:62]) == {"plasma cell"}


def test_kinds_of_a_type_are_told_apart_by_groups_only():
    x, _ = blood(["CD4 T", "naive B"])
    x = sp.vstack([x[:60], x[60:61]], format="csr")
    part = np.zeros(61, int)
    assert not lone_cells(x, part, group_means(x, part)[0], MARKERS.loc[["B lineage", "naive B"]], GENES).any()


def test_types_of_few_measured_genes_name_no_cell():
    x, _ = blood(["CD4 T", "plasma cell"])
    part = np.zeros(120, int)
    few = MARKERS.loc[["plasma cell"]].assign(positive=[["MZB1", "SDC1", "JCHAIN", "XBP1"]])
    assert not lone_cells(x, part, group_means(x, part)[0], few, GENES).any()
