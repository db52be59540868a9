#!/usr/bin/env python3
"""Which T cells of a sample carry the CAR: a mixture of carriers and others, and each cell's probability.

UMIs of the CAR in a cell of n UMIs: of a cell that does not carry it Poisson with mean ambient * n; of a carrier negative binomial with mean
(expression + ambient) * n and a size that says how uneven carriers are, so that a carrier without a read is as likely as its depth makes it.
The share of carriers, the ambient, the expression and the size are integrated over a grid: what the counts leave open stays open
in the probabilities and in the interval of the share.

Priors, set on the sorted samples of two patients (P02, P03) of a public CAR-T cohort and judged on seven others: docs/methods/transgene.md.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

EXPRESSION = (5e-4, 1.2)  # of carriers, share of their UMIs: median and standard deviation of its logarithm
SIZE = (2.1, 0.35)  # of the negative binomial: median and standard deviation of its logarithm
# Beta of the carriers' share, by what the samplesheet's sort says of the CAR: a sort for it is 95 % pure.
SORT_PRIOR = {"": (1.0, 1.0), "+": (19.0, 1.0), "-": (1.0, 19.0)}
# How alike the cells of a clone may be (small: all or none): sum of a beta's parameters.
CLONAL = (0.2, 0.5, 1.0, 2.0, 5.0, 20.0)
CLONE_GAIN = 3.0  # log-likelihood by which clones have to be alike before a clone says anything of its cells
LEAST = 0.9  # of a called cell's own probability, whatever the false discovery rate of all is
BINS = 8  # of depth, per doubling
POINTS = (25, 7, 21)  # of the grids of the share, the size and the expression
ROUNDS, WIDTH = 3, 4.0  # times that the grids close in on the posterior, and how far: standard deviations
TINY = np.finfo(float).tiny


class Grids(NamedTuple):
    """Points at equal steps: logit of the carriers' share, logarithms of the size and of the expression."""

    share: np.ndarray
    size: np.ndarray
    expression: np.ndarray


def expit(logit):
    """The share of a logit."""
    return 1 / (1 + np.exp(-logit))


@dataclass(frozen=True)
class Mixture:
    """Carriers among the T cells of a sample.

    share, low, high: of carriers, mean and 95 % credible interval. expression, size: of carriers, means. carrying: (cells,) probability.
    likelihoods: (cells, 2) of the count of a cell that does not carry it, and of one that does.
    """

    share: float
    low: float
    high: float
    expression: float
    size: float
    carrying: np.ndarray
    likelihoods: np.ndarray


def log_prior(grids: Grids, prior: tuple[float, float]) -> np.ndarray:
    """Log density (share x size x expression) of the grids' points: beta of the share, normal of the logarithms of the others."""
    from scipy.stats import beta, norm

    share = expit(grids.share)
    of_share = beta.logpdf(share, *prior) + np.log(share) + np.log1p(-share)  # of its logit
    size = norm.logpdf(grids.size, np.log(SIZE[0]), SIZE[1])
    expression = norm.logpdf(grids.expression, np.log(EXPRESSION[0]), EXPRESSION[1])
    return of_share[:, None, None] + size[:, None] + expression


def likelihoods(y, depth, rate: float, grids: Grids) -> tuple[np.ndarray, np.ndarray]:
    """(of kinds of cells without the CAR, of carriers: size x expression x kinds) for counts y at depths and an ambient rate."""
    from scipy.stats import nbinom, poisson

    size = np.exp(grids.size)[:, None, None]
    mean = (np.exp(grids.expression)[:, None] + rate) * depth
    return poisson.pmf(y, rate * depth), nbinom.pmf(y, size, size / (size + mean[None]))


def on_grids(y, depth, n, ambient, grids: Grids, prior: tuple[float, float]) -> np.ndarray:
    """Posterior (ambient x share x size x expression), sum 1, of n cells of each kind (y, depth)."""
    log = np.empty((len(ambient), *(len(grid) for grid in grids)))
    for at, rate in enumerate(ambient):
        other, carrier = likelihoods(y, depth, rate, grids)
        for row, p in enumerate(expit(grids.share)):
            log[at, row] = np.log(p * carrier + (1 - p) * other + TINY) @ n
    log += log_prior(grids, prior)
    posterior = np.exp(log - log.max())
    return posterior / posterior.sum()


def closer(grids: Grids, posterior) -> Grids:
    """Grids of the same lengths where the posterior is: its mean and WIDTH standard deviations on either side, and one step."""
    found = []
    for axis, grid in enumerate(grids, start=1):
        weights = posterior.sum(tuple(other for other in range(4) if other != axis))
        mean = weights @ grid
        half = WIDTH * np.sqrt(weights @ (grid - mean) ** 2) + (grid[1] - grid[0])
        found.append(np.linspace(max(grid[0], mean - half), min(grid[-1], mean + half), len(grid)))
    return Grids(*found)


def mixture(car, total, ambient, prior: tuple[float, float] = SORT_PRIOR[""]) -> Mixture:
    """The mixture of T cells.

    car, total: (cells,) UMIs of the CAR and of all genes; ambient: equally likely values of the expected CAR UMIs per UMI of a cell; prior:
    beta of the carriers' share. Integrated over grids that close in on the posterior; cells of one count and depth are one kind.
    """
    octave = np.round(BINS * np.log2(np.maximum(total, 1))).astype(int)
    pairs, of_cell, n = np.unique(np.column_stack([car, octave]), axis=0, return_inverse=True, return_counts=True)
    y, depth = pairs[:, 0], np.exp2(pairs[:, 1] / BINS)
    grids = Grids(
        np.linspace(-11, 9, POINTS[0]),
        np.log(SIZE[0]) + SIZE[1] * np.linspace(-3, 3, POINTS[1]),
        np.log(EXPRESSION[0]) + EXPRESSION[1] * np.linspace(-3, 3, POINTS[2]),
    )
    for _ in range(ROUNDS):
        posterior = on_grids(y, depth, n, ambient, grids, prior)
        grids = closer(grids, posterior)
    posterior = on_grids(y, depth, n, ambient, grids, prior)

    share = expit(grids.share)
    carrying, of_other, of_carrier = np.zeros(len(y)), np.zeros(len(y)), np.zeros(len(y))
    for rate, part in zip(ambient, posterior, strict=True):
        other, carrier = likelihoods(y, depth, rate, grids)
        of_other += part.sum() * other
        of_carrier += np.einsum("se,sek->k", part.sum(0), carrier)
        for p, weights in zip(share, part, strict=True):
            chance = p * carrier / (p * carrier + (1 - p) * other + TINY)
            carrying += np.einsum("se,sek->k", weights, chance)
    of_share, of_rest = posterior.sum((0, 2, 3)), posterior.sum((0, 1))
    low, high = np.interp([0.025, 0.975], np.cumsum(of_share) - of_share / 2, share)
    return Mixture(
        float(share @ of_share), float(low), float(high),
        float(of_rest.sum(0) @ np.exp(grids.expression)), float(of_rest.sum(1) @ np.exp(grids.size)),
        carrying[of_cell.ravel()].clip(0, 1), np.column_stack([of_other, of_carrier])[of_cell.ravel()],
    )  # fmt: skip


def with_clones(found: Mixture, clone) -> tuple[np.ndarray, float]:
    """(probability of each cell given its clone's other cells, how alike clones are; infinite where they say nothing).

    clone: (cells,) names, missing where a cell has none. The share of carriers in a clone is beta distributed around the sample's, with a sum
    of parameters chosen by likelihood: clones of a product may be carriers throughout, and in blood a clone may hold both kinds.
    """
    import pandas as pd
    from scipy.stats import beta

    code, _ = pd.factorize(pd.Series(np.asarray(clone, dtype=object)))
    code = code.astype(int)
    size = np.bincount(code[code >= 0], minlength=code.max(initial=-1) + 1)
    member = np.flatnonzero((code >= 0) & (size[code.clip(0)] > 1)) if len(size) else np.zeros(0, int)
    if not len(member) or not 0 < found.share < 1:
        return found.carrying, np.inf
    code, _ = pd.factorize(code[member])
    shares, edges = np.linspace(0.0125, 0.9875, 40), np.linspace(0, 1, 41)
    other, carrier = found.likelihoods[member].T + TINY
    each = shares[:, None] * carrier + (1 - shares[:, None]) * other  # shares x cells
    log = np.zeros((code.max() + 1, len(shares)))
    np.add.at(log, code, np.log(each).T)
    alone = np.log(found.share * carrier + (1 - found.share) * other).sum()
    best, concentration, posterior = alone + CLONE_GAIN, np.inf, None
    for total in CLONAL:
        prior = np.diff(beta.cdf(edges, total * found.share, total * (1 - found.share)))
        top = log.max(1, keepdims=True)
        weighted = np.exp(log - top) * prior
        likelihood = float((np.log(weighted.sum(1)) + top[:, 0]).sum())
        if likelihood > best:
            best, concentration = likelihood, total
            posterior = weighted / weighted.sum(1, keepdims=True)
    carrying = found.carrying.copy()
    if posterior is not None:
        carrying[member] = (posterior[code].T * (shares[:, None] * carrier / each)).sum(0)
    return carrying, concentration


def called(carrying, max_fdr: float) -> tuple[np.ndarray, float]:
    """(mask of the called cells, expected share of false ones among them).

    The most probable cells whose expected share of false ones is at most max_fdr, none of them less probable than LEAST. Cells of one
    probability are called together.
    """
    candidates = np.flatnonzero(carrying >= LEAST)
    order = candidates[np.argsort(-carrying[candidates], kind="stable")]
    ranked = carrying[order]
    false = np.cumsum(1 - ranked) / np.arange(1, len(ranked) + 1)
    last_of_ties = np.append(ranked[1:] != ranked[:-1], True) if len(ranked) else np.zeros(0, bool)
    fitting = np.flatnonzero((false <= max_fdr) & last_of_ties)
    mask = np.zeros(len(carrying), bool)
    if not len(fitting):
        return mask, 0.0
    mask[order[: fitting[-1] + 1]] = True
    return mask, float(false[fitting[-1]])
