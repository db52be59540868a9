"""What cells would have shown with 95 %: the closed forms, and libraries drawn whole."""

import _detection
from _shares import zero_bound

import numpy as np
import pytest
from helpers import libraries
from scipy.stats import binom


def test_the_limit_of_what_is_always_seen_is_the_bound_of_a_zero():
    for cells in (20, 400, 9000):
        assert _detection.unseen_limit(cells, 1e9, 1e-3) == pytest.approx(zero_bound(cells), rel=1e-4)
        assert _detection.unseen_limit(cells, 3e6, 7e6) == pytest.approx(min(1, zero_bound(cells) / 0.3), rel=0.01)


def test_a_capture_of_which_nothing_is_known_leaves_no_limit():
    assert _detection.unseen_limit(5000, 0.5, 300.5) == pytest.approx(1)
    one = float(_detection.unseen_limit(5000, 1.5, 299.5))  # one of 300: some 12 % where it were known
    assert zero_bound(5000) * 300 < one < 1


def test_cells_to_see_is_the_limit_turned_round():
    limit = float(_detection.unseen_limit(700, 12.5, 30.5))
    assert _detection.cells_to_see(limit, 12.5, 30.5) == pytest.approx(700, abs=1)


def test_capture_of_few_cells_leans_on_the_other_samples_and_of_many_does_not():
    hits, misses = _detection.capture([[0, 900], [80, 80]], [[0, 1000], [100, 200]])
    assert _detection.observed(hits, misses)[:, 1] == pytest.approx(
        [0.892, 0.445], abs=0.01
    )  # 0.9 and 0.4 by themselves
    assert (hits[0, 0], misses[0, 0]) == pytest.approx((16.5, 4.5))  # 20 cells, of which 80 % show it
    assert (hits[1, 0], misses[1, 0]) == (80.5, 20.5)


def test_shares_that_would_have_been_called_are_called_with_95_percent():
    total, lowest, rise = 500, 20, 61

    def called(counts):
        return np.where(counts < lowest, -1, np.where(counts >= rise, 1, 0))

    shown = _detection.detectable([total], called)
    assert binom.sf(rise - 1, total, shown["detectable_high"]) == pytest.approx(0.95)
    assert binom.cdf(lowest - 1, total, shown["detectable_low"]) == pytest.approx(0.95)
    never = _detection.detectable([total], np.zeros_like)
    assert np.isnan(never["detectable_low"]).all() and np.isnan(never["detectable_high"]).all()


def test_cells_for_a_twofold_change_show_a_halving_with_95_percent():
    rng, share = np.random.default_rng(4), 0.02
    cells = int(_detection.cells_for_fold(share))
    before, after = rng.binomial(cells, share, 20000), rng.binomial(cells, share / 2, 20000)
    error = np.sqrt(1 / before + 1 / after - 2 / cells)
    assert (np.log(before / after) > 1.96 * error).mean() == pytest.approx(0.95, abs=0.015)


def test_a_fold_of_a_value_with_errors_is_called_with_95_percent():
    rng = np.random.default_rng(5)
    for spread in (0.05, 0.15):
        fold, more = _detection.fold_of_error(spread, 0.05, np.inf, 1.0)
        old, new = rng.normal(1, spread, 20000), rng.normal(fold, fold * spread, 20000)
        called = new - old > 1.96 * spread * np.sqrt(1 + fold**2)
        assert called.mean() == pytest.approx(0.95, abs=0.01)
        again, _ = _detection.fold_of_error(spread / np.sqrt(more), 0.05, np.inf, 1.0)
        assert again == pytest.approx(2)
    assert np.isnan(_detection.fold_of_error(0.6, 0.05, np.inf, 1.4)[0])
    assert _detection.fold_of_error(0.01, 0.05, np.inf, 1.4)[0] == pytest.approx(1.4, rel=0.03)


def at_least(holds, errors: float = 3, chance: float = 0.95) -> bool:
    """Whether as many statements hold as should, with these standard errors of slack."""
    return np.mean(holds) >= chance - errors * np.sqrt(chance * (1 - chance) / len(holds))


@pytest.mark.parametrize(("level", "enough"), [(0.95, True), (0.8, False)])
def test_limits_of_unseen_clones_hold_in_whole_libraries(level, enough):
    """Of shares below and above what the cells would show; limits of 80 % do not hold."""
    table = libraries.unseen_clones(100, 800, 1.0, (0.6, 1.1), np.random.default_rng(1), level)
    known = table[table["limit"].notna()]
    holds = known["seen"] | (known["truth"] <= known["limit"])
    assert len(known) > 500
    assert all(at_least(part) for _, part in holds.groupby(known["multiple"])) == enough
    if enough:
        assert (known["limit"] / known["ideal"]).groupby(known["lineage"]).median().between(0.9, 1.5).all()


@pytest.mark.parametrize(("level", "enough"), [(0.95, True), (0.8, False)])
def test_steps_just_beyond_the_limits_are_shown_in_whole_libraries(level, enough, monkeypatch):
    monkeypatch.setattr(_detection, "SHOWN", level)
    folds = (0.5, 0.6, 0.7, 0.8, 1.25, 1.4, 1.6, 1.8, 2.2, 2.6)
    shares, steps = libraries.shares_and_steps(150, 500, folds, np.random.default_rng(2))
    assert at_least((shares["low"] <= shares["truth"]) & (shares["truth"] <= shares["high"]))
    truth, low, high = (steps[name] for name in ("truth", "detectable_low", "detectable_high"))
    near = (truth > high) & (truth < 1.15 * high) | (truth < low) & (truth > low / 1.15)
    assert near.sum() > 100 and at_least(steps["shown"][near], errors=2) == enough
    if enough:
        assert at_least(steps["shown"] | (truth <= high.fillna(1)) & (truth >= low.fillna(0)))
        assert (high / steps["ideal_detectable_high"]).median() < 1.5 and (
            steps["ideal_detectable_low"] / low
        ).median() < 1.5


def test_pairs_that_are_not_called_did_not_change_by_the_fold():
    table = libraries.supplies(25, 60, (0.1, 0.3, 0.6, 1, 1.5, 2.5, 5), np.random.default_rng(3))
    silent = table["class"].isin(["kept", "unclear"])
    outside = (table["truth"] > table["detectable_fold"]) | (table["truth"] < 1 / table["detectable_fold"])
    assert at_least(~outside[silent])
    assert (table["detectable_fold"] / table["ideal"])[silent].median() < 1.5
