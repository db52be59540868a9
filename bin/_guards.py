#!/usr/bin/env python3
"""Guards: what lets a comparison say less than it seems to. Processing that changed with time, depth, doubtful names, doublets.

`before` and `after` are tables of the cells of two times, with the columns of PROCESSING and n_umi; methods/guards.md says why and when.
"""

from collections.abc import Sequence

import numpy as np

PROCESSING = (
    "batch",
    "chemistry",
    "software",
    "reference",
)  # of a sample: of the samplesheet, and of Cell Ranger's files
CELLS = [*PROCESSING, "n_umi"]  # columns of labels.parquet that the guards read
FOLD = 2.0  # of UMIs per cell, from which samples differ in depth
FEW = 10  # cells of a type, at both times, for its UMIs to be compared
ROUNDS = 20  # at most, until the ratio of depths moves by less than a hundredth
DOUBTFUL = 0.2  # share of cells that may as well be of another name, from which a statement on the name carries it
DOUBLETS = 0.008  # share of droplets with two cells, for each 1,000 cells (10x Genomics)
SURE, FEWEST = 0.001, 3  # chance up to which, and cells from which, a clone has more cells elsewhere than doublets make
USUAL = 0.05  # chance from which it has as many
ALONE = 0.9  # part of the doublets to be expected, above which the other clones do not tell
MORE = "more than doublets make"


def with_processing(samples):
    """A table of samples or cells with PROCESSING as text, '' where nothing is known."""
    known = {
        name: samples[name].astype(object).fillna("").astype(str) if name in samples else "" for name in PROCESSING
    }
    return samples.assign(**known)


def confounded(before, after) -> list[str]:
    """What of PROCESSING no sample of one time has in common with one of the other; what is not known of all is not judged."""
    found = []
    for name in PROCESSING:
        one, other = (set(rows[name].astype(str)) for rows in (before, after))
        if "" not in one | other and not one & other:
            found.append(name)
    return found


def of_medians(before, after) -> float:
    """UMIs per cell at the later time, in multiples of those at the earlier one; NaN without cells.

    The ratio of medians within each cell type with FEW cells at both times, averaged over types (logarithms, weighted by the fewer
    cells): a sample of larger cells is not deeper. Where no type is at both times, of all cells.
    """
    kinds = [
        rows.astype({"cell_type": str}).groupby("cell_type")["n_umi"].agg(["median", "size"])
        for rows in (before, after)
    ]
    both = kinds[0].join(kinds[1], lsuffix="_from", rsuffix="_to", how="inner")
    weight = both[["size_from", "size_to"]].min(axis=1)
    both, weight = both[weight >= FEW], weight[weight >= FEW]
    if both.empty:
        return float(after["n_umi"].median() / before["n_umi"].median())
    return float(np.exp(np.average(np.log(both["median_to"] / both["median_from"]), weights=weight)))


def as_deep(before, after, ratio: float) -> tuple:
    """The cells of both times that would be kept at the depth of the shallower: the deeper's with its lowest UMIs when thinned."""
    if ratio > 1:
        return before, after[after["n_umi"] / ratio >= before["n_umi"].min()]
    return before[before["n_umi"] * ratio >= after["n_umi"].min()], after


def depth_ratio(before, after) -> float:
    """Ratio of medians (of_medians) between the cells that both depths keep: of the shallower time small cells were lost."""
    ratio = of_medians(before, after)
    for _ in range(ROUNDS):
        again = of_medians(*as_deep(before, after, ratio))
        if not abs(again / ratio - 1) > 0.01:
            break
        ratio = again
    return ratio


def differs(ratio: float) -> bool:
    """Whether a ratio of depths is more than FOLD, either way."""
    return bool(max(ratio, 1 / ratio) > FOLD) if ratio > 0 else False


def cautions(before, after, ratio: float) -> str:
    """`batch; depth`: what a change between two times may come from instead; '' where nothing is known to."""
    return "; ".join([*confounded(before, after), *(["depth"] if differs(ratio) else [])])


def thin(counts, share, rng):
    """Counts (CSR, integers) of which each UMI is kept with a chance: share, one of 0 to 1, or one per row."""
    thinned = counts.copy()
    each = np.repeat(np.broadcast_to(share, counts.shape[0]), np.diff(counts.indptr))
    thinned.data = rng.binomial(counts.data.astype(np.int64), each).astype(counts.data.dtype)
    thinned.eliminate_zeros()
    return thinned


def holds(change: Sequence[float], thinned: Sequence[float]) -> str:
    """`yes` or `no`: whether a change (value, low, high) that excludes 0 does so, to the same side, at equal depth; '' where it does not."""
    if not change[1] * change[2] > 0:
        return ""
    return "yes" if thinned[1] * thinned[2] > 0 and thinned[1] * change[1] > 0 else "no"


def in_doublets(home: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Doublets that each clone makes with other cells, before any are left out: home (clones, samples), others (samples,), counts.

    Of N cells DOUBLETS N^2 / 1,000 are two; a clone of h and c others are a pair in 2 h c / N^2 of them.
    """
    return 2 * DOUBLETS / 1000 * (home * others).sum(axis=1)


def elsewhere(n: np.ndarray, home: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cells expected of each clone in lineages without its receptor, and what is there against it, in words ('': none).

    n: (clones,) cells there; home: (clones, samples) cells in its own lineages; others: (samples,) cells of such lineages. What
    doublets are left shows in the clones together: a clone makes them in proportion to its cells and the others around them, so that
    of all such cells its part is binomial. A clone with more than ALONE of the weight is held against all doublets (in_doublets).
    """
    from scipy.stats import binom, poisson

    weight, total = (home * others).sum(axis=1).astype(float), n.sum()
    part = weight / max(weight.sum(), 1)
    alone, made = part > ALONE, in_doublets(home, others)
    rate = (total - n) * part / np.where(alone, 1, 1 - part)
    chance = np.where(alone, poisson.sf(n - 1, made), binom.sf(n - 1, total, part))
    cases = {"": n == 0, "as many as doublets make": chance >= USUAL, MORE: (n >= FEWEST) & (chance < SURE)}
    return np.where(alone, made, rate), np.select(list(cases.values()), list(cases), "too few to tell")
