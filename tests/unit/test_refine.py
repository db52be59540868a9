"""Single cells by their own expression: planted labels, wrongly named parts, mixtures, samples and parents that bound a move."""

from _refine import refine

import numpy as np
import scipy.sparse as sp
from helpers.planted_cells import profiles


def one(label):
    """One parent and one sample for all cells."""
    return np.repeat("", len(label)), np.repeat("S1", len(label))


def test_a_label_that_a_sample_lacks_is_not_given_to_its_cells():
    x, truth = profiles(np.random.default_rng(4))
    given = truth.copy()
    given[:30] = "b"
    sample = np.where(np.arange(len(truth)) < 30, "late", "early")
    found, *_ = refine(x, given, one(given)[0], sample)
    assert (found[:30] == "b").all() and (found[30:] == truth[30:]).mean() > 0.99


def test_cells_of_wrongly_named_parts_go_where_they_fit():
    x, truth = profiles(np.random.default_rng(0))
    given = truth.copy()
    given[:40], given[620:], given[300:320] = "b", "a", "unassigned"
    found, margin, rival = refine(x, given, *one(given))
    assert (found == truth).mean() > 0.99
    assert np.nanmedian(margin) > 2
    assert set(rival) == {"a", "b", "rare"} and not (rival == found).any()


def test_a_mixture_of_two_labels_is_not_claimed_by_either():
    rng = np.random.default_rng(1)
    x, truth = profiles(rng)
    both = np.maximum(x[:30].toarray(), x[300:330].toarray())
    label = np.r_[truth, np.repeat("unassigned", 30).astype(object)]
    found, *_ = refine(sp.vstack([x, sp.csr_matrix(both)]).tocsr(), label, *one(label))
    assert (found[-30:] == "unassigned").mean() > 0.8
    assert (found[:-30] == truth).mean() > 0.99


def test_cells_stay_within_their_parent():
    x, truth = profiles(np.random.default_rng(3))
    given = truth.copy()
    given[:30] = "b"
    parent = np.where(np.arange(len(truth)) < 30, "other", "same")
    found, *_ = refine(x, given, parent, one(given)[1])
    assert (found[:30] == "b").all() and (found[30:] == truth[30:]).mean() > 0.99
