"""Genes that groups express: beyond ambient RNA, as strongly as expressing cells do; small groups say less, not `no`."""

import _detected
from _detected import DETECTED, NOT_DETECTED, NOT_TESTABLE

import numpy as np
import pytest
import scipy.sparse as sp

DEPTH = 4000  # counts of all genes in a cell
RATES = {"T": [6, 3, 0, 0], "B": [0, 0, 8, 2], "few": [6, 0, 0, 0]}  # per 10,000, of four genes


def cells(n: dict[str, int], soup_share=0.05, n_samples=2, seed=0):
    """Counts (N, 4), counts of all genes (N,), group and sample numbers of n cells of each kind, with soup of the mean profile."""
    rng = np.random.default_rng(seed)
    group = np.repeat(np.arange(len(n)), list(n.values()))
    own = np.array([RATES[kind] for kind in n], float) / 1e4
    profile = own[group].mean(0)
    mean = DEPTH * ((1 - soup_share) * own[group] + soup_share * profile)
    sample = np.arange(len(group)) % n_samples
    return sp.csr_matrix(rng.poisson(mean)), np.full(len(group), DEPTH), group, sample


def detection(n, soup_share=0.05, rate=None, n_samples=2):
    pools = _detected.pool_counts(*cells(n, soup_share, n_samples))
    profile = _detected.soup_profile(pools)
    share = _detected.soup_share(pools, profile)
    return _detected.detect(pools, _detected.soup_per_cell(pools, profile, share), rate), share


def test_pools_hold_the_counts_of_a_group_in_a_sample():
    counts = sp.csr_matrix([[1, 0], [2, 0], [0, 3], [5, 5]])
    pools = _detected.pool_counts(counts, np.array([10, 20, 30, 40]), np.array([0, 0, 0, 2]), np.array([1, 1, 0, 0]))
    assert pools.group.tolist() == [0, 0, 2] and pools.sample.tolist() == [0, 1, 0]
    assert pools.cells.tolist() == [1, 2, 1] and pools.umis.tolist() == [30, 30, 40]
    assert pools.counts.tolist() == [[0, 3], [3, 0], [5, 5]] and pools.expressing.tolist() == [[0, 1], [2, 0], [1, 1]]
    assert _detected.soup_profile(pools).tolist() == [[5 / 70, 8 / 70], [0.1, 0]]


def test_the_soup_is_bounded_by_the_group_that_has_least():
    _, share = detection({"T": 1500, "B": 500}, 0.05)
    assert (share >= 0.045).all() and (share < 0.1).all()
    # One kind of cells alone bounds nothing: the stated largest share is taken.
    assert detection({"T": 500}, 0.05)[1].tolist() == [_detected.SOUP] * 2


@pytest.mark.parametrize("rate", [None, [6, 3, 8, 2]])
def test_own_genes_are_detected_and_those_of_the_soup_are_not(rate):
    found, _ = detection({"T": 1500, "B": 500}, 0.05, rate)
    own = [[True, True, False, False], [False, False, True, True]]
    assert (found.state == DETECTED).tolist() == own
    if rate:  # without a rate the soup of a strong gene could hide a weak one
        assert (found.state != NOT_TESTABLE).all()
    assert found.excess[0, 0] == pytest.approx(6 * 0.95, rel=0.1) and found.excess[1, 0] < 0.3
    assert found.rate[1, 0] > found.excess[1, 0]


def test_one_kind_of_cells_alone_keeps_its_genes():
    found, _ = detection({"T": 60}, 0.05, [6, 3, 8, 2], n_samples=1)
    assert found.state.tolist() == [[DETECTED, DETECTED, NOT_DETECTED, NOT_DETECTED]]


def test_a_gene_far_below_the_rate_of_expressing_cells_is_not_detected():
    """Haemoglobin on T cells: beyond doubt there, and a hundredth of what erythroid cells show."""
    found, _ = detection({"T": 500, "B": 500}, 0.0, [600, 3, 8, 2])
    assert found.state[0].tolist() == [NOT_DETECTED, DETECTED, NOT_DETECTED, NOT_DETECTED]
    assert found.p[0, 0] < 1e-9


def test_few_cells_are_not_testable_for_a_weak_gene_and_so_for_nothing_absent():
    found, _ = detection({"T": 400, "few": 4}, 0.02, [6, 3, 8, 2], n_samples=1)
    assert found.state[1].tolist() == [DETECTED, NOT_TESTABLE, NOT_TESTABLE, NOT_TESTABLE]
    assert found.state[0, 2:].tolist() == [NOT_DETECTED] * 2


def test_a_gene_of_few_cells_of_a_group_is_not_that_groups():
    """Ten doublets among a hundred cells: strong counts, of a tenth of the cells only."""
    counts, umis, group, sample = cells({"T": 100}, 0.0, 1)
    counts = counts.tolil()
    counts[:10, 2] = 30
    pools = _detected.pool_counts(counts, umis, group, sample)
    assert _detected.detect(pools, np.zeros((1, 4)), [6, 3, 8, 2]).state[0, 2] == NOT_DETECTED
