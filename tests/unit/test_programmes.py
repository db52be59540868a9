"""Programmes of single cells: interferon-high by resting cells at the same depth, cycling by several genes in one cell."""

import _programmes
from _errors import InputError
from _guards import thin

import numpy as np
import pytest
import scipy.sparse as sp
from helpers.lineage_cells import ASSETS, RESTING

T = RESTING["T"]
MEASURED = np.ones(len(T.genes), bool)


def counts(fold: float, umis: np.ndarray, seed: int = 0) -> sp.csr_matrix:
    """Counts of cells that show `fold` of what resting T cells show, with the table's dispersion between cells."""
    rng = np.random.default_rng(seed)
    level = rng.gamma(1 / T.dispersion, T.dispersion, len(umis))
    return sp.csr_matrix(rng.poisson(fold * level[:, None] * umis[:, None] * T.rate / 1e4))


@pytest.mark.parametrize("depth", [800, 3000, 12000])
def test_one_in_a_hundred_resting_cells_is_high_at_any_depth(depth):
    umis = np.full(20000, float(depth))
    high = _programmes.interferon_high(counts(1, umis), umis, MEASURED, T)
    assert 0.004 <= high.mean() <= 0.012  # counts are whole: at most a hundredth lies above the quantile


def test_cells_of_a_response_are_high_even_where_all_cells_are():
    umis = np.random.default_rng(1).uniform(1000, 5000, 3000)
    assert _programmes.interferon_high(counts(15, umis), umis, MEASURED, T).mean() > 0.95
    assert _programmes.interferon_high(counts(0.3, umis), umis, MEASURED, T).mean() < 0.001


def test_a_deeper_cell_needs_more_counts():
    umis = np.array([1000.0, 10000.0])
    same = sp.csr_matrix(np.tile(np.eye(1, len(T.genes), 3) * 8, (2, 1)))
    assert _programmes.interferon_high(same, umis, MEASURED, T).tolist() == [True, False]


def test_genes_that_a_reference_lacks_are_not_expected():
    umis, half = np.full(4000, 3000.0), np.arange(len(T.genes)) % 2 == 0
    x = counts(1, umis).multiply(half).tocsr()
    assert 0.002 <= _programmes.interferon_high(x, umis, half, T).mean() <= 0.015
    few = np.arange(len(T.genes)) < 5
    assert not _programmes.interferon_high(counts(50, umis), umis, few, T).any()


def test_a_cell_cycles_with_several_genes_not_with_much_of_one():
    x = sp.csr_matrix([[9, 0, 0, 0], [1, 1, 0, 0], [1, 1, 0, 1]])
    assert _programmes.cycling(x).tolist() == [False, False, True]


def test_the_table_of_resting_cells(tmp_path):
    assert _programmes.read_resting(ASSETS / "interferon_resting.tsv", "erythroid") is None
    assert {"DDX58", "RIGI"} <= set(T.genes)  # the gene's two symbols: a reference holds one of them
    assert T.rate.min() > 0 and 0 < T.dispersion < 2
    (tmp_path / "own.tsv").write_text("gene\taliases\tT\nISG15\t\tmany\ndispersion\t\t1\n")
    with pytest.raises(InputError, match=r"own\.tsv: the column T holds text"):
        _programmes.read_resting(tmp_path / "own.tsv", "T")
    (tmp_path / "own.tsv").write_text("gene\taliases\tT\nISG15\t\t2\n")
    with pytest.raises(InputError, match="needs one row 'dispersion'"):
        _programmes.read_resting(tmp_path / "own.tsv", "T")


@pytest.mark.parametrize(("fold", "least", "most"), [(1.0, 0.0, 0.02), (12.0, 0.94, 1.0)])
def test_cells_are_as_interferon_high_at_a_third_of_their_depth(fold, least, most):
    """Counts are held against resting cells at the cell's own depth: no sample is higher for being deeper (methods/guards.md)."""
    umis = np.random.default_rng(1).integers(4000, 12_000, 2000)
    deep = counts(fold, umis)
    thinned = thin(deep.astype(np.int32), 1 / 3, np.random.default_rng(2))
    shares = [_programmes.interferon_high(*cells, MEASURED, T).mean() for cells in ((deep, umis), (thinned, umis / 3))]
    assert all(least <= share <= most for share in shares), shares
