#!/usr/bin/env python3
"""Bootstrap over cells: who is drawn, and the interval from the spread of what was drawn."""

import numpy as np


def drawn_counts(n: int, draws: int, rng) -> np.ndarray:
    """How often each of n cells is in each bootstrap sample: draws x n.

    n - 1 of n cells are drawn, with replacement: so the spread of the samples' means is the unbiased standard error.
    """
    picks = rng.integers(0, n, (draws, max(n - 1, 1))) + n * np.arange(draws)[:, None]
    return np.bincount(picks.ravel(), minlength=draws * n).reshape(draws, n)


def t_interval(value, error, degrees) -> tuple[np.ndarray, np.ndarray]:
    """95 % interval of values with their bootstrap standard errors: Student's t with these degrees of freedom."""
    from scipy.special import stdtrit

    half = stdtrit(degrees, 0.975) * error
    return value - half, value + half
