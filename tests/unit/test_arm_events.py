"""Events of arms: mixtures, and what counts as an event."""

import _arm_events

import numpy as np
import pandas as pd
import pytest


def cells_of(levels, rng, expected=80.0, halves=(0.5, 0.5), baseline="polyclonal plasma cell"):
    """Cells whose arm `1q` is expressed at given levels (per half: two columns), counted with `expected` counts."""
    levels = np.asarray(levels, float)
    levels = levels if levels.ndim == 2 else np.column_stack([levels, levels])
    parts = [rng.poisson(levels[:, i] * expected * halves[i]) for i in (0, 1)]
    table = pd.DataFrame({"1q": sum(parts) / expected, "1q:half": parts[0] / (expected * halves[0])})
    table["1q:expected"], table["1q:half_expected"] = expected, expected * halves[0]
    return table.assign(baseline=baseline, group="g", normal=False)


def mixed(n, share, level, rng):
    """Levels of n cells of which a share is altered."""
    return np.where(rng.random(n) < share, level, 1.0)


def judged(cells, event="gain", shift=None):
    return _arm_events.judge_arm(cells, "1q", event, 1e-4, shift or {}, ["1q"] * 39, 0.05)


@pytest.mark.parametrize(("event", "level"), [("gain", 1.5), ("loss", 0.5)])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_the_share_of_altered_cells_is_found_with_its_interval(event, level, share):
    rng = np.random.default_rng(3)
    row = judged(cells_of(mixed(1500, share, level, rng), rng), event)
    assert row["verdict"] == "detected"
    assert row["share"] == pytest.approx(share, abs=0.05)
    assert row["low"] <= share <= row["high"]
    assert row["replicated"] == pytest.approx(1, abs=0.25)


def test_intervals_cover_the_truth():
    rng = np.random.default_rng(4)
    covered = 0
    for _ in range(40):
        levels = mixed(150, 0.3, 1.5, rng)
        value, expected = _arm_events.signal(cells_of(levels, rng), "1q")
        fit = {"centre": 1.0, "expression": 1.5, "spread": 1.0}
        row = _arm_events.interval(_arm_events.share_curve(*_arm_events.densities(value, expected, 1e-4, fit)))
        covered += row["low"] <= 0.3 <= row["high"]
    assert covered >= 34


def test_noise_alone_is_no_event():
    rng = np.random.default_rng(5)
    found = [judged(cells_of(np.ones(600), rng), event) for _ in range(20) for event in ("gain", "loss")]
    assert {row["verdict"] for row in found} == {"not detected"}
    assert max(row["high"] for row in found) < 0.06
    assert all(row["share"] == 0 and row["n"] == 0 for row in found)


def test_wide_noise_is_no_event():
    rng = np.random.default_rng(6)
    found = [judged(cells_of(rng.lognormal(0, 0.15, 800), rng), event) for event in ("gain", "loss")]
    assert "detected" not in {row["verdict"] for row in found}


def test_genes_of_one_state_move_half_an_arm_and_are_not_copy_number():
    rng = np.random.default_rng(7)
    high = mixed(1500, 0.3, 2.4, rng)
    row = judged(cells_of(np.column_stack([high, np.ones(1500)]), rng))
    assert row["verdict"] == "cell state"
    assert row["replicated"] < 0.3


def test_two_kinds_of_cells_under_one_label_are_not_copy_number():
    rng = np.random.default_rng(13)
    kind = rng.random(1500) < 0.3
    parts = {}
    for number in range(12):
        level = 1.5 if number == 0 else float(np.exp(rng.normal(0, 0.25)))
        part = cells_of(np.where(kind, level, 1.0), rng)
        name = "1q" if number == 0 else f"{number}p"
        parts |= {column.replace("1q", name): values for column, values in part.items()}
    arms = ["1q", *(f"{number}p" for number in range(1, 12))]
    cells = pd.DataFrame(parts)
    row = _arm_events.judge_arm(cells, "1q", "gain", 1e-4, {}, arms, 0.05)
    assert row["verdict"] == "cell state"
    assert row["replicated"] > 0.8
    assert row["elsewhere"] > 0.125
    for name in arms[1:]:
        quiet = cells_of(np.ones(1500), rng)
        cells[[name, f"{name}:expected"]] = quiet[["1q", "1q:expected"]].to_numpy()
    row = _arm_events.judge_arm(cells, "1q", "gain", 1e-4, {}, arms, 0.05)
    assert row["verdict"] == "detected"
    assert row["elsewhere"] < 0.05


def test_arm_with_too_few_counts_is_not_assessable():
    rng = np.random.default_rng(8)
    row = judged(cells_of(mixed(500, 0.5, 1.5, rng), rng, expected=8.0))
    assert row["verdict"] == "not assessable"
    assert "share" not in row


def test_rare_event_below_the_limit_is_named_so():
    rng = np.random.default_rng(9)
    assert judged(cells_of(mixed(4000, 0.03, 1.5, rng), rng))["verdict"] == "below limit"


def own_mean(levels, rng):
    """Cells held against their own mean."""
    return cells_of(levels / levels.mean(), rng, baseline="own mean")


def test_without_a_baseline_the_mixture_and_the_genes_decide():
    rng = np.random.default_rng(10)
    cells = own_mean(mixed(2000, 0.7, 1.5, rng), rng)
    up = {"shift": np.log2(1.35), "error": 0.05, "agreeing": 0.8, "genes": 200}
    row = judged(cells, "gain", up)
    assert row["verdict"] == "detected"
    assert row["share"] == pytest.approx(0.7, abs=0.05)
    assert judged(cells, "loss", up)["verdict"] == "not detected"


def test_whole_population_altered_shows_only_in_its_genes():
    rng = np.random.default_rng(11)
    cells = own_mean(np.ones(800), rng)
    row = judged(cells, "gain", {"shift": 0.58, "error": 0.06, "agreeing": 0.75, "genes": 120})
    assert (row["verdict"], row["share"]) == ("detected", 1.0)
    calm = judged(cells, "gain", {"shift": 0.05, "error": 0.06, "agreeing": 0.52, "genes": 120})
    assert calm["verdict"] == "not detected"
    assert calm["high"] < 0.3


@pytest.mark.parametrize(
    "genes, agreeing, verdict", [(12, 11, "not detected"), (9, 7, "not detected"), (12, 12, "detected")]
)
def test_a_few_genes_agree_by_chance(genes, agreeing, verdict):
    """11 of the 12 genes of 2p in naive B cells of healthy blood, 7 of 9 of 9p in a simulated clone without a loss there."""
    rng = np.random.default_rng(12)
    cells = own_mean(np.ones(80), rng)
    shift = {"shift": -0.5, "error": 0.07, "agreeing": agreeing / genes, "genes": genes}
    arms = ["1q", *(f"{number}p" for number in range(1, 40))]
    assert _arm_events.judge_arm(cells, "1q", "loss", 1e-4, shift, arms, 0.05)["verdict"] == verdict


@pytest.mark.parametrize("arm", ["1q", "4"])
def test_populations_and_chromosomes_named_by_numbers_keep_their_shift(arm):
    rng = np.random.default_rng(6)
    cells = cells_of(mixed(200, 0.5, 1.5, rng), rng).assign(population="1", cell_type="1")
    cells = cells.rename(columns=lambda name: name.replace("1q", arm)).assign(normal=np.arange(200) < 100)
    shift = {"population": "1", "cell_type": "1", "arm": arm, "shift": 0.123, "error": 0.01, "agreeing": 0.8}
    shifts = pd.DataFrame([shift | {"genes": 300, "scored_genes": 300, "mb": 100.0}])
    rows, _ = _arm_events.judge(cells, [arm], shifts, min_cells=20, min_share=0.05, seed=0)
    assert len(rows) and (rows["shift"] == 0.123).all()
