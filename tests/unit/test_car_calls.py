"""The mixture of CAR-T cells and others: shares with intervals, probabilities, clones, calls at a false discovery rate."""

import _car_calls as calls

import numpy as np
import pytest

AMBIENT = np.array([2e-6, 5e-6, 1e-5])


def draw(n, share, seed=0, expression=6e-4, size=2.3, ambient=5e-6, depth=3000):
    """(CAR UMIs, UMIs, whether it carries the CAR) of n cells."""
    rng = np.random.default_rng(seed)
    total = (depth * rng.lognormal(0, 0.4, n)).round()
    car = rng.random(n) < share
    mean = np.where(car, expression * rng.gamma(size, 1 / size, n), 0) + ambient
    return rng.poisson(mean * total), total, car


@pytest.mark.parametrize("share", [0.02, 0.2, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("seed", [1, 2])
def test_the_interval_holds_the_share_of_carriers_and_not_that_of_cells_with_a_umi(share, seed):
    umi, total, car = draw(2000, share, seed)
    found = calls.mixture(umi, total, AMBIENT)
    assert found.low <= car.mean() <= found.high + 0.015
    assert (umi > 0).mean() < found.share or share < 0.1


def test_few_cells_leave_the_share_open():
    umi, total, _ = draw(20, 0.5, 3)
    found = calls.mixture(umi, total, AMBIENT)
    assert found.high - found.low > 0.3


def test_deep_cells_without_a_umi_are_less_likely_carriers():
    umi, total, _ = draw(1000, 0.8, 4)
    found = calls.mixture(umi, total, AMBIENT)
    silent = umi == 0
    shallow, deep = (found.carrying[silent & mask].mean() for mask in (total < 2000, total > 5000))
    assert shallow > deep + 0.2


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_calls_keep_the_false_discovery_rate(share):
    umi, total, car = draw(5000, share, 5, ambient=2e-5)
    found = calls.mixture(umi, total, np.array([1e-5, 2e-5, 4e-5]))
    mask, false = calls.called(found.carrying, 0.05)
    assert (mask & ~car).sum() / mask.sum() < 0.07 and false <= 0.05


def test_no_cell_and_no_probable_cell():
    assert calls.called(np.zeros(0), 0.05)[1] == 0
    assert not calls.called(np.array([0.89, 0.5]), 0.5)[0].any()


def test_cells_of_one_probability_are_called_together():
    carrying = np.array([0.99, 0.92, 0.92, 0.92, 0.91])
    mask, false = calls.called(carrying, 0.063)
    assert mask.tolist() == [True, True, True, True, False]
    assert false == pytest.approx((1 - carrying[mask]).mean())


def test_ambient_alone_calls_nobody():
    rng = np.random.default_rng(6)
    total = np.full(3000, 3000.0)
    umi = rng.poisson(2e-5 * total)
    found = calls.mixture(umi, total, np.array([1e-5, 2e-5, 4e-5]))
    assert not calls.called(found.carrying, 0.05)[0].any()
    assert found.share < 0.2  # what expression far below any known CAR would look like is not refuted


def test_clones_that_carry_it_throughout_tell_of_their_silent_cells():
    rng = np.random.default_rng(7)
    clone = np.repeat(np.arange(200), 5)
    of_clone = rng.random(200) < 0.6
    total = np.full(1000, 3000.0)
    car = of_clone[clone]
    umi = rng.poisson(np.where(car, 6e-4 * rng.gamma(2.3, 1 / 2.3, 1000), 5e-6) * total)
    found = calls.mixture(umi, total, AMBIENT)
    carrying, alike = calls.with_clones(found, clone.astype(object))
    assert alike <= 1
    mask, _ = calls.called(carrying, 0.05)
    alone, _ = calls.called(found.carrying, 0.05)
    silent = umi == 0
    assert (mask & silent & car).sum() > 30 > (alone & silent).sum()
    assert (mask & ~car).sum() / mask.sum() < 0.05


def test_clones_of_both_kinds_tell_nothing():
    umi, total, _ = draw(1000, 0.3, 8)
    found = calls.mixture(umi, total, AMBIENT)
    carrying, alike = calls.with_clones(found, np.repeat(np.arange(250), 4).astype(object))
    assert np.isinf(alike) and (carrying == found.carrying).all()


def test_cells_without_a_clone_stay_as_they_are():
    umi, total, _ = draw(50, 0.3, 9)
    found = calls.mixture(umi, total, AMBIENT)
    assert (calls.with_clones(found, np.array([None] * 50, dtype=object))[0] == found.carrying).all()


def test_a_sort_for_the_car_is_a_prior_that_counts_can_refute():
    umi, total, _ = draw(3000, 0.1, 10, depth=8000)
    found = calls.mixture(umi, total, AMBIENT, calls.SORT_PRIOR["+"])
    assert found.low < 0.1 < found.high < 0.2
