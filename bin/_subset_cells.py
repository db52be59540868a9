#!/usr/bin/env python3
"""The subset of every single cell, by its own expression: a part is named as a whole, its cells need not be alike.

N cells of a lineage, all samples together: a subset's few cells of one sample would make no profile. G variable genes, K labels.
"""

from _refine import FEW, SEEN, label_distances, max_count
from _shares import wilson
from _tables import UNASSIGNED

import numpy as np

PROFILED = 50  # cells of a label that stayed, for its share of a gene to be known well enough to judge a move
SHRINKAGE = 20  # cells of all labels that each label is thought to hold besides its own


def place_cells(x, label, parent, sample, odds: float, rounds: int = 5, threshold: float = 2.0):
    """Labels (N,) after moving cells to a label that is exp(odds) times likelier, each cell's log odds against the likeliest other
    label, and that label ('' where there is none).

    x: (N, G) log-normalised, sparse. label: (N,) names, `unassigned` where there is none. parent, sample: (N,) names; a label is open
    to the cells whose parent is that of most of its cells, in samples where at least SEEN cells had it. An unassigned cell gets a
    label only where that is clear and the cell lies no farther from it than 95 % of the label's own cells.
    """
    result = label.astype(object).copy()
    margin, rival = np.full(len(label), np.nan), np.full(len(label), "", dtype=object)
    rows = np.arange(len(label))
    samples, sample_number = np.unique(sample.astype(str), return_inverse=True)
    for _ in range(rounds):
        names, counts = np.unique(result[result != UNASSIGNED].astype(str), return_counts=True)
        names, counts = names[counts >= FEW], counts[counts >= FEW]
        if len(names) < 2:
            break
        known = np.isin(result, names)
        position = np.searchsorted(names, result.astype(str)).clip(0, len(names) - 1)
        code = np.where(known, position, -1)
        distance = label_distances(x, code, counts, known, threshold)
        value = np.log(counts / counts.sum()) - distance / 2
        home = np.array([max_count(parent[result == name]) for name in names])
        seen = [np.bincount(sample_number[label == name], minlength=len(samples)) >= SEEN for name in names]
        closed = ~np.array(seen).T[sample_number] | (home[None, :] != parent[:, None])
        value[closed & (code[:, None] != np.arange(len(names)))] = -np.inf
        best = value.argmax(1)
        with np.errstate(invalid="ignore"):  # cells to which no label is open
            ahead = value[rows, best] - np.partition(value, -2, axis=1)[:, -2]
            limit = np.array([np.quantile(distance[known & (code == k), k], 0.95) for k in range(len(names))])
            enter = (label == UNASSIGNED) & (ahead > odds) & (distance[rows, best] < limit[best])
            leave = value[rows, best] - value[rows, code] > odds
        move = np.where(known, leave, enter) & (result != names[best])
        result[move] = names[best][move]
        given = np.where(move, best, code)
        others = np.where(given[:, None] == np.arange(len(names)), -np.inf, value)
        with np.errstate(invalid="ignore"):
            lead = value[rows, given] - others.max(1)
        stated = (known | move) & np.isfinite(lead)
        margin = np.where(stated, lead, np.nan)
        rival = np.where(stated, names[others.argmax(1)], "")
        if not move.any():
            break
    return result, margin, rival


def held_out_gain(x, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Log likelihood (N,) per 10,000 counts that cells which moved from one label to another gain by it; NaN for others.

    x: (N, H) ln(1 + counts per 10,000), sparse, of genes that neither made clusters nor moved cells. A cell's counts of these are
    multinomial with the shares that PROFILED or more cells of the label show which stayed, as if SHRINKAGE cells of all labels were among them:
    so neither a cell's depth nor a label's size favours a label.
    """
    import scipy.sparse as sp

    gain = np.full(len(before), np.nan)
    stayed = np.flatnonzero((before == after) & (after != UNASSIGNED))
    names, size = np.unique(after[stayed].astype(str), return_counts=True)
    stayed = stayed[np.isin(after[stayed].astype(str), names[size >= PROFILED])]
    names, code = np.unique(after[stayed].astype(str), return_inverse=True)
    moved = np.flatnonzero((before != after) & np.isin(before.astype(str), names) & np.isin(after.astype(str), names))
    if not len(moved) or not x.shape[1]:
        return gain
    counts = x.expm1()
    member = sp.csr_matrix((np.ones(len(stayed)), (code, stayed)), (len(names), len(before)))
    total, of_all = np.asarray((member @ counts).todense()), np.asarray(counts[stayed].mean(0)).ravel() + 1e-3
    share = total + SHRINKAGE * of_all
    share /= share.sum(1, keepdims=True)
    to, of = (share[np.searchsorted(names, labels[moved].astype(str))] for labels in (after, before))
    gain[moved] = np.asarray(counts[moved].multiply(np.log(to / of)).sum(1)).ravel()
    return gain


def contradicted_moves(x, before: np.ndarray, after: np.ndarray, parent: np.ndarray) -> np.ndarray:
    """Cells (N,) of parents whose moves lower the likelihood of genes that had no say in them: of clearly more than half of the cells.

    Moved cells of one parent are judged together: by the upper 95 % bound of the share of them that gain.
    """
    gain, back = held_out_gain(x, before, after), np.zeros(len(before), bool)
    for name in np.unique(parent[~np.isnan(gain)]):
        of_parent = (parent == name) & (before != after)
        judged = of_parent & ~np.isnan(gain)
        if wilson((gain[judged] > 0).sum(), judged.sum())[2] < 0.5:
            back |= of_parent
    return back
