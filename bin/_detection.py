#!/usr/bin/env python3
"""What these cells would have shown with 95 %: the smallest share of what is not seen, the smallest fold of a change that is not shown.

docs/methods/detection.md. The bound of a zero of which every carrier would be seen is _shares.zero_bound; here carriers are seen in part.
"""

from collections.abc import Callable

import numpy as np

SHOWN = 0.95  # chance with which a share or a fold would have been shown
OTHER_TIMES = 20  # cells that a capture rate of other samples counts for, at most: rates differ between samples
FOLD = 2.0  # of the change for which the cells are counted that would show it


def capture(seen, sizes) -> tuple[np.ndarray, np.ndarray]:
    """Beta parameters of the part of a group's cells that shows a chain: arrays (samples, groups), from counts of that shape.

    Jeffreys' prior and the sample's own cells, with those of the other samples as a prior of OTHER_TIMES cells at most (power
    prior: Ibrahim and Chen 2000, doi 10.1214/ss/1009212673): a rate of few cells leans on the others, that of many on none.
    """
    seen, sizes = np.asarray(seen, float), np.asarray(sizes, float)
    others, seen_there = sizes.sum(0) - sizes, seen.sum(0) - seen
    weight = np.minimum(1, OTHER_TIMES / np.maximum(others, 1))
    hits, misses = seen + weight * seen_there, (sizes - seen) + weight * (others - seen_there)
    return hits + 0.5, misses + 0.5


def observed(hits, misses):
    """Part of the cells that shows a chain, without Jeffreys' prior, from the parameters of capture."""
    return (hits - 0.5) / (hits + misses - 1)


def _missed(share, cells, rates: np.ndarray) -> np.ndarray:
    """Chance that none of `cells` shows a clone of this share, over the capture rates in the last axis."""
    return ((1 - share[..., None] * rates) ** np.asarray(cells, float)[..., None]).mean(-1)


def _rates(hits, misses) -> np.ndarray:
    """Capture rates of Beta distributions: their mid-quantiles in a new last axis."""
    from scipy.special import betaincinv

    return betaincinv(np.asarray(hits)[..., None], np.asarray(misses)[..., None], (np.arange(200) + 0.5) / 200)


def _bisect(missed: Callable, low, high) -> np.ndarray:
    """Where a falling chance reaches 1 - SHOWN, between two arrays above 0, on the log scale; the upper end where it does not."""
    low, high = np.log(low), np.log(high)
    for _ in range(50):
        middle = (low + high) / 2
        over = missed(np.exp(middle)) > 1 - SHOWN
        low, high = np.where(over, middle, low), np.where(over, high, middle)
    return np.exp(high)


def unseen_limit(cells, hits, misses) -> np.ndarray:
    """Largest share of `cells` that a clone may have of which none is seen (one-sided 95 %), capture being Beta(hits, misses).

    The chance to see none, (1 - share x capture)^cells, is averaged over what capture may be. 1 where any share may be unseen.
    """
    cells, hits, misses = np.broadcast_arrays(np.asarray(cells, float), hits, misses)
    rates = _rates(hits, misses)
    return _bisect(lambda share: _missed(share, cells, rates), np.full(cells.shape, 1e-12), np.ones(cells.shape))


def cells_to_see(share: float, hits: float, misses: float) -> float:
    """Cells of which at least one shows a clone of this share with 95 %: the inverse of unseen_limit."""
    rates, share = _rates(hits, misses), np.asarray(share, float)
    return float(np.ceil(_bisect(lambda cells: _missed(share, cells, rates), np.ones(()), np.full((), 1e12))))


def _first(true_at: Callable, ceiling: np.ndarray) -> np.ndarray:
    """Smallest count from 0 to `ceiling` from which true_at(counts) holds, ceiling + 1 where it never does."""
    low, high = np.zeros_like(ceiling), ceiling + 1
    while (low < high).any():
        middle = (low + high) // 2
        here = true_at(np.minimum(middle, ceiling)) & (middle <= ceiling) | (low >= high)
        low, high = np.where(here, low, middle + 1), np.where(here, middle, high)
    return high


def detectable(total, called: Callable) -> dict[str, np.ndarray]:
    """Shares after a change that these cells would have shown with 95 %: below detectable_low, above detectable_high.

    total: cells of the later time (array); called(counts): -1, 0, 1 of a fall, no change or a rise, had there been these counts
    among them, given what was counted before. Exact (binomial); missing where no fall, or no rise, would be called.
    """
    from scipy.special import betaincinv

    total = np.asarray(total).astype(int)
    lowest, rise = (_first(lambda counts, over=over: called(counts) > over, total) for over in (-1, 0))
    low, high = (
        betaincinv(count.clip(1), (total - count + 1).clip(1), chance)
        for count, chance in ((lowest, 1 - SHOWN), (rise, SHOWN))
    )
    return {
        "detectable_low": np.where((lowest > 0) & (lowest <= total), low, np.nan),
        "detectable_high": np.where(rise <= total, high, np.nan),
    }


def p_limit(rates, limit: float) -> float:
    """The p that would make one more of the tests a discovery; rates: their false discovery rates, NaN where not tested."""
    tested, called = np.isfinite(rates).sum(), (np.nan_to_num(rates, nan=1) < limit).sum()
    return limit * min(called + 1, max(tested, 1)) / max(tested, 1)


def errors_apart(p=0.05, degrees=np.inf) -> np.ndarray:
    """Standard errors by which a change must differ from none to have, with a chance of 95 %, a two-sided p below this (t test)."""
    from scipy.special import stdtrit

    return stdtrit(degrees, 1 - np.asarray(p) / 2) + stdtrit(degrees, SHOWN)


def cells_for_fold(share, p=0.05) -> np.ndarray:
    """Cells at each of two times that would show a halving of this share with 95 %, and a doubling."""
    share = np.asarray(share, float)
    with np.errstate(divide="ignore", invalid="ignore"):
        cells = (errors_apart(p) / np.log(FOLD)) ** 2 * ((1 + FOLD) / share - 2)
    return np.where(share > 0, np.ceil(cells), np.nan)


def fold_of_error(spread, p, degrees, min_fold: float) -> tuple[np.ndarray, np.ndarray]:
    """(smallest fold of a value that would have been called with 95 %, by how much more cells a change by FOLD would be).

    spread: standard error of a value relative to it, at each of both times; called are differences with a two-sided p below `p`
    (t test) and a fold of min_fold. Of F-fold values the difference is F - 1 and its error spread x sqrt(1 + F^2). The fold is
    missing where none would be.
    """
    apart = errors_apart(p, degrees) * spread
    with np.errstate(invalid="ignore", divide="ignore"):
        fold = (1 + np.sqrt(apart**2 * (2 - apart**2))) / (1 - apart**2)
        noise = np.sqrt(2) * errors_apart(1) * spread  # of the log fold
        more = np.maximum(apart**2 * (1 + FOLD**2) / (FOLD - 1) ** 2, (noise / np.log(FOLD / min_fold)) ** 2)
    return np.where(apart < 1, np.maximum(fold, min_fold * np.exp(noise)), np.nan), more
