"""Single cells by their own expression: planted labels, wrongly named parts, mixtures, and what has to agree for a move."""

from _refine import helpful_moves, log_odds, open_labels, refine

import numpy as np
import scipy.sparse as sp
from helpers.planted_cells import profiles


def one(label):
    """One sample for all cells."""
    return np.repeat("S1", len(label))


def test_a_label_that_a_sample_lacks_is_not_given_to_its_cells():
    x, truth = profiles(np.random.default_rng(4))
    given = truth.copy()
    given[:30] = "b"
    sample = np.where(np.arange(len(truth)) < 30, "late", "early")
    found = refine(x, given, sample)
    assert (found[:30] == "b").all() and (found[30:] == truth[30:]).mean() > 0.99


def test_cells_of_wrongly_named_parts_go_where_they_fit():
    x, truth = profiles(np.random.default_rng(0))
    given = truth.copy()
    given[:40], given[620:], given[300:320] = "b", "a", "unassigned"
    found = refine(x, given, one(given))
    assert (found == truth).mean() > 0.99
    margin, rival = log_odds(x, found, one(found))
    assert np.nanmedian(margin) > 2
    assert set(rival) == {"a", "b", "rare"} and not (rival == found).any()


def test_a_mixture_of_two_labels_is_not_claimed_by_either():
    rng = np.random.default_rng(1)
    x, truth = profiles(rng)
    both = np.maximum(x[:30].toarray(), x[300:330].toarray())
    label = np.r_[truth, np.repeat("unassigned", 30).astype(object)]
    found = refine(sp.vstack([x, sp.csr_matrix(both)]).tocsr(), label, one(label))
    assert (found[-30:] == "unassigned").mean() > 0.8
    assert (found[:-30] == truth).mean() > 0.99


def test_unassigned_cells_are_never_absorbed_by_the_only_label_of_their_sample():
    x, truth = profiles(np.random.default_rng(2))
    label = np.where(truth == "a", "a", "unassigned").astype(object)
    assert (refine(x, label, one(label)) == label).all()
    margin, rival = log_odds(x, label, one(label))
    assert np.isnan(margin).all() and set(rival) == {""}


def test_nothing_moves_where_genes_that_had_no_say_do_not_agree():
    """Cells of b that show the labels' genes of one half of the genes only: in that half they are of a, in the other of b."""
    rng = np.random.default_rng(3)
    x, truth = profiles(rng)
    dense, odd = x.toarray(), np.arange(x.shape[1]) % 2 == 1
    moving = np.flatnonzero(truth == "b")[:40]
    dense[np.ix_(moving, odd)] = dense[:40][:, odd]
    x = sp.csr_matrix(dense)
    assert ("b", "a") not in helpful_moves(x, truth, open_labels(truth), 2.0)
    assert (refine(x, truth, one(truth)) == truth).all()


def test_every_sample_has_a_model_of_its_own():
    """In the second sample all cells have other background expression, which makes them look like b by the first one's means."""
    x, truth = profiles(np.random.default_rng(5))
    shifted = x.toarray()
    shifted[:, 15:30] += 1.0
    both = sp.csr_matrix(np.vstack([x.toarray(), shifted]))
    label, sample = np.r_[truth, truth], np.repeat(["S1", "S2"], len(truth))
    assert (refine(both, label, sample) == label).mean() > 0.99
