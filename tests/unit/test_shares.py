"""Shares, their intervals and false discovery rates: one convention, and published numbers."""

from _shares import fdr, newcombe, share_ratio, wilson, zero_bound

import numpy as np
import pytest
from scipy.stats import false_discovery_control


@pytest.mark.parametrize(
    "n, total, low, high", [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (1, 29, 0.0061, 0.1718)]
)
def test_wilson_gives_the_published_bounds(n, total, low, high):
    """Newcombe, Statistics in Medicine 1998, table I, method 3."""
    assert [float(value) for value in wilson(n, total)] == pytest.approx([n / total, low, high], abs=5e-5)


def test_none_of_some_has_a_one_sided_bound_and_none_of_none_is_not_observable():
    share, low, high = wilson([0, 0, 5], [300, 0, 5])
    assert share[0] == low[0] == 0 and high[0] == pytest.approx(1 - 0.05 ** (1 / 300))
    assert np.isnan([share[1], low[1], high[1]]).all()
    assert share[2] == 1 and 0.5 < low[2] < high[2] == pytest.approx(1)


def test_a_share_of_the_zero_bound_is_missed_once_in_twenty_times():
    assert (1 - zero_bound(150)) ** 150 == pytest.approx(0.05)


def test_scalars_give_scalars():
    assert [float(value) for value in wilson(1, 2)] == pytest.approx([0.5, 0.0945, 0.9055], abs=1e-4)


def test_differences_and_ratios_need_what_they_compare():
    difference, low, high = newcombe(10, 100, 30, 100)
    assert difference == pytest.approx(0.2) and 0.08 < low < 0.2 < high < 0.32
    assert np.isnan(newcombe(0, 0, 3, 10)).all()
    ratio, low, high = share_ratio(10, 100, 30, 100)
    assert ratio == pytest.approx(3) and 1 < low < 3 < high
    assert np.isnan(share_ratio(0, 100, 3, 100)).all()


def test_what_was_not_tested_stays_and_does_not_count():
    p = np.array([0.01, np.nan, 0.04, 0.03])
    rates = fdr(p)
    assert np.isnan(rates[1])
    assert np.array_equal(rates[[0, 2, 3]], false_discovery_control(p[[0, 2, 3]]))
    assert np.isnan(fdr([np.nan, np.nan])).all() and fdr([]).shape == (0,)
