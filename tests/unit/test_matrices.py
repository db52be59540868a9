"""Blocks and normalisations of counts: immunoglobulin genes are left out of a cell's depth where genes are compared."""

from _matrices import IMMUNOGLOBULIN, gene_selection, log_per_10k, log_per_10k_without_ig, read_blocks, read_log_per_10k

import numpy as np
import pytest
from helpers.signals_data import draw_sample, levels
from scipy.sparse import csr_matrix


def test_immunoglobulin_does_not_change_other_genes():
    counts = csr_matrix(np.array([[5, 10, 0], [5, 10, 900]], dtype=np.int32))
    matrix = log_per_10k_without_ig(counts, ["ISG15", "ACTB", "IGHG1"]).toarray()
    assert matrix[0, 0] == matrix[1, 0] == pytest.approx(np.log1p(1e4 / 3))


@pytest.mark.parametrize(
    "gene",
    ["IGHV3-21", "IGHD", "IGHD3-10", "IGHJ4", "IGHG1", "IGHA2", "IGHM", "IGHGP", "IGKC", "IGKV1-5", "IGLC2", "IGLV2-23", "IGLJ1"],
)  # fmt: skip
def test_immunoglobulin_names(gene):
    assert IMMUNOGLOBULIN.match(gene)


@pytest.mark.parametrize("gene", ["IGHMBP2", "IGLL1", "IGLL5", "IGLON5", "IGF1R", "IGSF6", "IGFBP7"])
def test_other_names_that_begin_alike(gene):
    assert not IMMUNOGLOBULIN.match(gene)


@pytest.mark.parametrize("by", ["ids", "mask"])
def test_blocks_hold_the_wanted_cells_in_the_files_order(tmp_path, by):
    cells, _ = draw_sample("S", {"Plasma_1": 60}, levels(), 1)
    cells.write_h5ad(tmp_path / "S.h5ad")
    rows = np.array([1, 2, 30, 59])
    wanted = cells.obs_names[rows[::-1]] if by == "ids" else np.isin(np.arange(60), rows)
    positions, counts = zip(*read_blocks(tmp_path / "S.h5ad", wanted, block=25), strict=True)
    assert [block.tolist() for block in positions] == [[1, 2], [30], [59]]
    np.testing.assert_array_equal(np.vstack([block.toarray() for block in counts]), cells.X.toarray()[rows])


def test_selected_columns_are_of_the_whole_cells_depth(tmp_path):
    cells, _ = draw_sample("S", {"Plasma_1": 60}, levels(), 1)
    cells.write_h5ad(tmp_path / "S.h5ad")
    genes = [cells.var_names[5], "not measured", cells.var_names[2]]
    columns = read_log_per_10k(tmp_path / "S.h5ad", gene_selection(cells.var_names, genes)).toarray()
    np.testing.assert_array_equal(columns[:, [0, 2]], log_per_10k(cells.X)[:, [5, 2]].toarray())
    assert not columns[:, 1].any()


def test_of_a_symbol_that_occurs_twice_the_first_column_is_taken():
    assert (csr_matrix([[1, 2, 3]]) @ gene_selection(["A", "B", "A"], ["A", "B"])).toarray().tolist() == [[1, 2]]
