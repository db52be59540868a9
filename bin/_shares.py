#!/usr/bin/env python3
"""Shares with their 95 % intervals, differences and ratios of shares, and false discovery rates: one convention each.

A share of nothing (total 0) is not observable: share and bounds are NaN. A share that was looked for and not seen
(n 0 of a total) is 0, from 0 to the one-sided 95 % bound 1 - 0.05^(1/total).
"""

import numpy as np


def wilson(n, total) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Share, lower and upper 95 % bound of n of total (Wilson 1927, doi 10.1080/01621459.1927.10502953).

    n, total: counts, arrays of one shape or scalars. Returns arrays of float (0-dimensional for scalars).
    """
    from statsmodels.stats.proportion import proportion_confint

    n, total = np.asarray(n, float), np.asarray(total, float)
    observed = np.where(total > 0, total, np.nan)
    low, high = proportion_confint(n, observed, method="wilson")
    none = n == 0
    return n / observed, np.where(none, 0 * observed, low), np.where(none, zero_bound(observed), high)


def zero_bound(total):
    """The largest share that is not seen in `total` cells with a chance of 5 %: one-sided 95 % bound of a zero."""
    return 1 - np.float_power(0.05, 1 / np.asarray(total, float))  # the same of arrays as of numbers; `**` is not


def newcombe(n_before: int, total_before: int, n_after: int, total_after: int) -> tuple[float, float, float]:
    """Difference of two shares, after - before, and its 95 % bounds from two Wilson intervals (Newcombe 1998, method 10).

    NaN where a total is 0.
    """
    from statsmodels.stats.proportion import confint_proportions_2indep

    if not (total_before and total_after):
        return np.nan, np.nan, np.nan
    low, high = confint_proportions_2indep(
        n_after, total_after, n_before, total_before, method="newcomb", compare="diff"
    )
    return n_after / total_after - n_before / total_before, float(low), float(high)


def share_ratio(n_before: int, total_before: int, n_after: int, total_after: int) -> tuple[float, float, float]:
    """Ratio of two shares, after / before, and its 95 % bounds on the log scale; NaN where a count is 0."""
    from statsmodels.stats.proportion import confint_proportions_2indep

    if not (n_before and n_after):
        return np.nan, np.nan, np.nan
    low, high = confint_proportions_2indep(n_after, total_after, n_before, total_before, method="log", compare="ratio")
    return n_after / total_after / (n_before / total_before), float(low), float(high)


def fdr(p) -> np.ndarray:
    """False discovery rates of p values (Benjamini and Hochberg 1995); a NaN was not tested, stays and does not count."""
    from scipy.stats import false_discovery_control

    p = np.asarray(p, float)
    rates, tested = np.full(p.shape, np.nan), ~np.isnan(p)
    if tested.any():
        rates[tested] = false_discovery_control(p[tested])
    return rates
