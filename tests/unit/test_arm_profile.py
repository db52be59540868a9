"""Profile of arms: windows equal to infercnvpy's, shifts of arms between populations."""

import _arm_profile

import numpy as np
import pandas as pd
import pytest
from helpers.tumour_room import run_steps


@pytest.fixture(scope="module")
def tirosh():
    """infercnvpy's bundled oligodendroglioma, its genes in genome order."""
    infercnvpy = pytest.importorskip("infercnvpy")
    data = infercnvpy.datasets.oligodendroglioma()
    place = data.var.chromosome.str.removeprefix("chr")
    data = data[:, place.str.fullmatch(r"\d+").fillna(False)].copy()
    order = np.lexsort((data.var.start.astype(int), data.var.chromosome.str.removeprefix("chr").astype(int)))
    return data[:, order].copy()


@pytest.mark.parametrize(("window", "step"), [(100, 10), (250, 1)])
def test_windows_are_those_of_infercnvpy(tirosh, window, step):
    import infercnvpy

    data = tirosh[:60].copy()
    dense = data.X.toarray() if hasattr(data.X, "toarray") else np.asarray(data.X)
    reference = dense[40:].mean(axis=0)
    options = {"window_size": window, "step": step, "dynamic_threshold": None, "n_jobs": 1, "inplace": False}
    starts, theirs, _ = infercnvpy.tl.infercnv(data, reference=reference, **options)
    chromosome = data.var.chromosome.str.removeprefix("chr").astype(int).to_numpy()
    ours, first, last = _arm_profile.window_signal(dense, reference, chromosome, window, step)
    assert ours == pytest.approx(theirs.toarray(), abs=1e-5)
    firsts = {f"chr{number}": int(np.argmax(chromosome[first] == number)) for number in np.unique(chromosome)}
    assert firsts == {name: int(at) for name, at in starts.items()}
    assert (chromosome[first] == chromosome[last]).all()


def test_shift_of_an_arm_is_not_that_of_its_loudest_genes():
    rng = np.random.default_rng(0)
    reference = rng.integers(100, 1000, 1000).astype(float)
    arm = np.repeat(["1p", "1q", "2p", "2q", "3p", "3q", "4p", "4q", "5p", "5q"], 100)
    counts = reference * np.exp(rng.normal(0, 0.1, 1000))
    counts[arm == "1q"] *= 1.5
    counts[300:320] *= 30  # a lineage's own genes on 2q
    found = _arm_profile.arm_shift(counts, reference, arm)
    assert found["1q"]["shift"] == pytest.approx(np.log2(1.5), abs=0.08)
    assert found["1q"]["shift"] > 4.5 * found["1q"]["error"]
    assert abs(found["2q"]["shift"]) < 0.1
    assert found["1q"]["agreeing"] > 0.95


def test_populations_without_baseline_are_held_against_the_nearest_lineage(tmp_path, monkeypatch):
    run_steps(tmp_path, monkeypatch, last="cnv")
    shifts = pd.read_csv("P.arm_shifts.tsv", sep="\t")
    blasts = shifts[shifts.population == "blasts"]
    assert set(blasts.baseline) == {"own mean"}
    assert set(blasts.reference) == {"plasma lineage"}
    clone = shifts[shifts.population == "P.B1"].set_index("arm")
    assert clone["shift"]["1q"] == pytest.approx(np.log2(1 + 0.5 * 0.8), abs=0.06)
    assert clone["shift"]["13q"] == pytest.approx(np.log2(1 - 0.5 * 0.6), abs=0.1)
    assert clone["shift"].drop(["1q", "13q"]).abs().max() < 0.25
    windows = pd.read_csv("P.cnv_windows.tsv", sep="\t")
    of_clone = windows[windows.population == "P.B1"].groupby("arm").signal.mean()
    assert of_clone.idxmax() == "1q"
    assert of_clone.idxmin() == "13q"
