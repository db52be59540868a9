#!/usr/bin/env python3
"""Labels of single cells by their own expression: a part is named as a whole, its cells need not be alike.

N cells, G variable genes, K labels. Every sample has a model of its own: what a label's cells express in one sample is not what
they express in another, and expression is not integrated. Cells only move where genes that had no say in it agree.
"""

from _tables import UNASSIGNED

import numpy as np

SEEN = 3  # a label that fewer cells of a sample have by markers is not given to others of that sample
FEW = 8  # a label of fewer cells of a sample has no profile there
LEAST_Z = 2.0  # standard errors by which the hidden genes of moved cells must favour their new label
ROUNDS, THRESHOLD = (
    5,
    2.0,
)  # of moves at most; standard errors by which a label's mean departs where a gene counts for it


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


def refine(x, label: np.ndarray, sample: np.ndarray, odds: float = 2.0) -> np.ndarray:
    """Labels (N,) after moving cells to a label that is exp(odds) times likelier in their sample, where hidden genes agree.

    x: (N, G) log-normalised, sparse. label: (N,) names, `unassigned` where there is none. sample: (N,) names. A label is open in
    samples where at least SEEN cells had it. An unassigned cell gets a label only where there are others to choose from and the
    cell lies no farther from it than 95 % of the label's own cells.
    """
    result = label.astype(object).copy()
    for name in np.unique(sample.astype(str)):
        rows = np.flatnonzero(sample.astype(str) == name)
        before, after = result[rows], result[rows].copy()
        allowed = open_labels(before)
        for _ in range(ROUNDS):
            model = Model(x[rows], after, allowed)
            if not model.usable:
                break
            move, best = model.moves(after, before == UNASSIGNED, odds)
            after[move] = model.names[best][move]
            if not move.any():
                break
        helps = helpful_moves(x[rows], before, allowed, odds) if (after != before).any() else set()
        kept = [(str(old), str(new)) in helps for old, new in zip(before, after, strict=True)]
        result[rows] = np.where(kept, after, before)
    return result


def log_odds(x, label: np.ndarray, sample: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each cell's log odds (N,) of its label against the likeliest other one of its sample, and that label ('' where there is none).

    NaN for cells without a label, and of labels that have no profile in the sample.
    """
    margin, rival = np.full(len(label), np.nan), np.full(len(label), "", dtype=object)
    for name in np.unique(sample.astype(str)):
        rows = np.flatnonzero(sample.astype(str) == name)
        model = Model(x[rows], label[rows].astype(object), open_labels(label[rows]))
        if model.usable:
            known = np.flatnonzero(model.known)
            own = model.value[known, model.code[known]]
            others = np.where(model.code[known, None] == np.arange(len(model.names)), -np.inf, model.value[known])
            margin[rows[known]], rival[rows[known]] = own - others.max(1), model.names[others.argmax(1)]
    return margin, rival


def open_labels(label: np.ndarray) -> set[str]:
    """The labels that at least SEEN cells have."""
    names, counts = np.unique(label.astype(str), return_counts=True)
    return set(names[counts >= SEEN]) - {UNASSIGNED}


class Model:
    """The labels of a sample's cells that have a profile, and every cell's log posterior of them."""

    def __init__(self, x, label: np.ndarray, allowed: set[str]) -> None:
        names, counts = np.unique(label[label != UNASSIGNED].astype(str), return_counts=True)
        keep = (counts >= FEW) & np.isin(names, list(allowed))
        self.names, counts = names[keep].astype(object), counts[keep]
        self.usable = len(self.names) > 1
        if not self.usable:
            return
        place = {name: k for k, name in enumerate(self.names)}
        self.code = np.array([place.get(name, -1) for name in label])  # (N,) -1 without a label that has a profile
        self.known = self.code >= 0
        self.distance = label_distances(x, self.code, counts, self.known, THRESHOLD)
        self.value = np.log(counts / counts.sum()) - self.distance / 2

    def moves(self, label: np.ndarray, open_: np.ndarray, odds: float) -> tuple[np.ndarray, np.ndarray]:
        """Which cells move (N,), and where each would best be (N,). open_: (N,) cells without a label that may get one."""
        rows = np.arange(len(label))
        best = self.value.argmax(1)
        lead = self.value[rows, best] - np.partition(self.value, -2, axis=1)[:, -2]
        of_label = [self.code == k for k in range(len(self.names))]
        limit = np.array([np.quantile(self.distance[of, k], 0.95) for k, of in enumerate(of_label)])
        enter = open_ & (lead > odds) & (self.distance[rows, best] < limit[best])
        leave = self.known & (self.value[rows, best] - self.value[rows, self.code] > odds)
        return np.where(self.known, leave, enter) & (label != self.names[best]), best


def helpful_moves(x, label: np.ndarray, allowed: set[str], odds: float) -> set[tuple[str, str]]:
    """Moves (from, to) that raise the likelihood of genes which had no say in them.

    Half of the genes choose the cells that move; by the other half these must be likelier in their new label than in their old
    one (of an unassigned cell: than in any other), by LEAST_Z standard errors of the mean over the cells, and the other way round.
    """
    models = [Model(x[:, np.arange(start, x.shape[1], 2)], label, allowed) for start in (0, 1)]
    gains: dict[tuple[str, str], list[float]] = {}
    for choose, judge in (models, models[::-1]):
        if not choose.usable or not judge.usable:
            continue
        move, best = choose.moves(label, label == UNASSIGNED, odds)
        for i in np.flatnonzero(move):
            distances = judge.distance[i]
            others = np.delete(distances, best[i]).min() if label[i] == UNASSIGNED else distances[judge.code[i]]
            gains.setdefault((str(label[i]), str(choose.names[best[i]])), []).append((others - distances[best[i]]) / 2)
    return {
        move
        for move, of in gains.items()
        if len(of) > 1 and np.mean(of) > LEAST_Z * np.std(of, ddof=1) / np.sqrt(len(of))
    }


def max_count(values: np.ndarray):
    """The most frequent value, the first in order of several."""
    names, counts = np.unique(values.astype(str), return_counts=True)
    return names[counts.argmax()]
