#!/usr/bin/env python3
"""Labels of single cells by their own expression: a part is named as a whole, its cells need not be alike.

N cells, G variable genes, K labels.
"""

from _tables import UNASSIGNED

import numpy as np

SEEN = 3  # a label that fewer cells of a sample have by markers is not given to others of that sample
FEW = 8  # a label of fewer cells has no profile of its own


def shrunken_directions(x, code: np.ndarray, n: np.ndarray, threshold: float) -> np.ndarray:
    """Directions (G, K) along which labels' profiles differ, as nearest shrunken centroids (Tibshirani 2002).

    x: (N, G) log-normalised, sparse. code: (N,) label number. n: (K,) cells per label. A gene counts for a label
    only where the label's mean departs from the labels' mean by more than `threshold` standard errors.
    """
    import scipy.sparse as sp

    total = len(code)
    member = sp.csr_matrix((np.ones(total), (code, np.arange(total))), (len(n), total))
    means = np.asarray((member @ x).todense()) / n[:, None]
    square = np.asarray((member @ x.multiply(x)).sum(0)).ravel()
    within = np.sqrt(np.maximum(square - (n[:, None] * means**2).sum(0), 0) / max(total - len(n), 1))
    within += np.median(within[within > 0]) if (within > 0).any() else 1.0
    error = np.sqrt(1 / n + 1 / total)[:, None] * within
    departure = (means - means.mean(0)) / error
    shrunken = np.sign(departure) * np.maximum(np.abs(departure) - threshold, 0)
    return (shrunken * error / within**2).T


def label_distances(x, code: np.ndarray, n: np.ndarray, known: np.ndarray, threshold: float) -> np.ndarray:
    """Squared Mahalanobis distance (N, K) of every cell to every label, within the shrunken directions.

    known: (N,) which cells define the labels. The pooled covariance within labels accounts for genes that vary
    together, as in linear discriminant analysis.
    """
    rows = np.flatnonzero(known)
    z = np.asarray(x @ shrunken_directions(x[rows], code[rows], n, threshold))
    z /= np.maximum(z[rows].std(0), 1e-9)
    means = np.stack([z[rows][code[rows] == k].mean(0) for k in range(len(n))])
    spread = z[rows] - means[code[rows]]
    covariance = spread.T @ spread / max(len(rows) - len(n), 1)
    covariance += (0.02 * np.trace(covariance) / len(n) + 1e-6) * np.eye(len(n))
    root = np.linalg.cholesky(np.linalg.inv(covariance))
    z, means = z @ root, means @ root
    return np.stack([((z - centre) ** 2).sum(1) for centre in means], axis=1)


def refine(x, label, parent, sample, rounds: int = 5, odds: float = 2.0, threshold: float = 2.0):
    """Labels (N,) after moving cells to a label that is exp(odds) times likelier, each cell's log odds against the
    likeliest other label, and that label ('' where there is none).

    label: (N,) names, `unassigned` where there is none. parent, sample: (N,) names; a label is open to the cells
    whose parent is that of most of its cells, in samples where at least SEEN cells had it. An unassigned cell gets a
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
        code = np.where(known, np.searchsorted(names, result.astype(str)).clip(0, len(names) - 1), -1)
        distance = label_distances(x, code, counts, known, threshold)
        value = np.log(counts / counts.sum()) - distance / 2
        home = np.array([max_count(parent[result == name]) for name in names])
        seen = [np.bincount(sample_number[label == name], minlength=len(samples)) >= SEEN for name in names]
        value[~np.array(seen).T[sample_number] & (code[:, None] != np.arange(len(names)))] = -np.inf
        value[(home[None, :] != parent[:, None]) & (code[:, None] != np.arange(len(names)))] = -np.inf
        best = value.argmax(1)
        ahead = value[rows, best] - np.partition(value, -2, axis=1)[:, -2]
        limit = np.array([np.quantile(distance[known & (code == k), k], 0.95) for k in range(len(names))])
        open_ = (label == UNASSIGNED) & (ahead > odds) & (distance[rows, best] < limit[best])
        move = np.where(known, value[rows, best] - value[rows, code] > odds, open_) & (result != names[best])
        result[move] = names[best][move]
        given = np.where(move, best, code)
        others = np.where(given[:, None] == np.arange(len(names)), -np.inf, value)
        lead = value[rows, given] - others.max(1)
        stated = (known | move) & np.isfinite(lead)
        margin = np.where(stated, lead, np.nan)
        rival = np.where(stated, names[others.argmax(1)], "")
        if not move.any():
            break
    return result, margin, rival


def max_count(values: np.ndarray):
    """The most frequent value, the first in order of several."""
    names, counts = np.unique(values.astype(str), return_counts=True)
    return names[counts.argmax()]
