"""Bulk clones that no cell carries: the chance to have missed them, and what moves as they do."""

import _mrd_unseen

import numpy as np
import pandas as pd
import pytest


def test_a_correlation_needs_three_times_at_which_both_are_seen():
    times = {"T1": 0, "T2": 50, "T3": 100, "T4": 150}

    def says(bulk, **series):
        return _mrd_unseen.co_dynamics(pd.DataFrame({"day": times.values(), "fraction": bulk}), times, series)

    seen = says([0.5, 0.05, 0.005, 0], blasts=[0.4, 0.04, 0.004, 0], others=[0.1, 0.2, 0.3, 0.4])
    assert "over 3 time points it moves as blasts do (r of log shares 1.00), unlike others" in seen
    once = says([0.5, 0, 0, 0], blasts=[0.4, 0, 0, 0], others=[0.1, 0, 0, 0.1])
    assert once == "seen at T1 only, as blasts are (4 sampled time points); indirect, not a match"
    assert "as no cell type is" in says([0.5, 0.1, 0, 0], blasts=[0.4, 0, 0, 0])
    assert "does not see it" in says([0, 0, 0, 0], blasts=[0.4, 0, 0, 0])
    assert "fewer than three" in says([0.5, 0.1, None, None], blasts=[0.4, 0.1, 0, 0])


def test_chance_to_have_missed_is_the_closed_form():
    curve = pd.DataFrame({"day": [0, 100], "fraction": [0.001, 0.01]})
    assert _mrd_unseen.missed(curve, {0: 500, 110: 200}, {0: 0.5, 110: 0.5}) == pytest.approx(
        (1 - 0.0005) ** 500 * (1 - 0.005) ** 200
    )
    assert np.isnan(_mrd_unseen.missed(curve, {400: 500}, {400: 0.5}))
