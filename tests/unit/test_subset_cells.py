"""Single cells and their subsets: moved where they fit, and back where genes that had no say speak against it."""

from _subset_cells import contradicted_moves, held_out_gain, place_cells

import numpy as np
import scipy.sparse as sp
from helpers.planted_cells import profiles


def one(label):
    return np.repeat("", len(label)), np.repeat("S1", len(label))


def test_cells_of_wrongly_named_parts_go_where_they_fit():
    x, truth = profiles(np.random.default_rng(0))
    given = truth.copy()
    given[:40], given[620:], given[300:320] = "b", "a", "unassigned"
    found, margin, rival = place_cells(x, given, *one(given), odds=2.0)
    assert (found == truth).mean() > 0.99 and np.nanmedian(margin) > 2
    assert set(rival) == {"a", "b", "rare"} and not (rival == found).any()


def test_all_samples_make_one_profile_and_a_label_that_a_sample_lacks_is_not_given_to_its_cells():
    x, truth = profiles(np.random.default_rng(4))
    given = truth.copy()
    given[:30] = "b"
    sample = np.where(np.arange(len(truth)) < 30, "late", "early")
    found, *_ = place_cells(x, given, one(given)[0], sample, odds=2.0)
    assert (found[:30] == "b").all() and (found[30:] == truth[30:]).mean() > 0.99
    # Four cells of the label in a sample are too few for a profile of its own, and enough for it to be open.
    given[:4] = truth[:4]
    found, *_ = place_cells(x, given, one(given)[0], sample, odds=2.0)
    assert (found == truth).mean() > 0.99


def test_cells_stay_within_their_parent():
    x, truth = profiles(np.random.default_rng(3))
    given = truth.copy()
    given[:30] = "b"
    parent = np.where(np.arange(len(truth)) < 30, "other", "same")
    found, *_ = place_cells(x, given, parent, one(given)[1], odds=2.0)
    assert (found[:30] == "b").all()


def judges(seed=0, depth=(1.0, 1.0)):
    """Expression of 300 genes of two labels, 100 cells each, that differ in a tenth of them, at relative depths; and the labels."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(["a", "b"], 100).astype(object)
    rate = np.full((200, 300), 0.3)
    rate[:100, :15], rate[100:, 15:30] = 1.2, 1.2
    counts = rng.poisson(rate * np.repeat(depth, 100)[:, None])
    return sp.csr_matrix(np.log1p(1e4 * counts / counts.sum(1, keepdims=True))), truth


def test_right_moves_gain_likelihood_and_wrong_ones_lose_it():
    x, truth = judges()
    before = truth.copy()
    before[:20] = "b"
    assert (held_out_gain(x, before, truth)[:20] > 0).mean() > 0.9
    assert np.isnan(held_out_gain(x, before, truth)[20:]).all()
    after = truth.copy()
    after[:20] = "b"
    assert (held_out_gain(x, truth, after)[:20] < 0).mean() > 0.9
    parent = np.repeat("T", 200)
    assert not contradicted_moves(x, before, truth, parent).any()
    assert contradicted_moves(x, truth, after, parent).tolist() == [True] * 20 + [False] * 180


def test_depth_favours_no_label():
    x, truth = judges(depth=(0.3, 3.0))
    before = truth.copy()
    before[:20] = "b"
    assert (held_out_gain(x, before, truth)[:20] > 0).mean() > 0.7
    before = truth.copy()
    before[-20:] = "a"
    assert (held_out_gain(x, before, truth)[-20:] > 0).mean() > 0.9


def test_labels_of_few_cells_are_not_judged():
    x, truth = judges()
    before = truth.copy()
    before[100:160] = "a"  # 40 cells of b stayed
    assert np.isnan(held_out_gain(x, before, truth)).all()
    assert not contradicted_moves(x, before, truth, np.repeat("T", 200)).any()
    before = np.where(np.arange(200) < 20, "b", truth).astype(object)
    assert not contradicted_moves(x[:, :0], before, truth, np.repeat("T", 200)).any()  # no gene to judge by
