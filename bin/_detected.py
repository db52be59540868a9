#!/usr/bin/env python3
"""Whether groups of cells express genes, by their own counts: beyond ambient RNA, and as strongly as cells that do.

A pool is the cells that a group has in one sample (K pools, S samples, G genes). Ambient RNA ("soup") adds to every cell of a
sample about the same number of molecules, of about the composition of all its cells (Young 2020, doi
10.1093/gigascience/giaa151). Its profile stands in here for that of the empty droplets. Its amount is bounded from above: where
the group that has least of a gene has next to none, there is not more soup than that.

A gene is DETECTED in a group where its pooled counts exceed the soup's with 99 % and reach a stated share of what expressing
cells show. Where a group is too small or too shallow to show that, it is NOT_TESTABLE, which is not NOT_DETECTED.
"""

from typing import NamedTuple

import numpy as np

DETECTED, NOT_DETECTED, NOT_TESTABLE = 1, 0, -1
CERTAINTY = 0.99  # that counts exceed the soup's
POWER = 0.9  # chance of seeing a gene that is there, or of having seen more of it: below both a group is not testable for it
DISPERSION = 0.1  # of soup counts between cells and of expression between studies: variance = mean + 0.1 mean^2
OF_RATE = 0.2  # least share of the rate that expressing cells show
OF_CELLS = 0.1  # least share of a group's cells with the gene, where no rate is known
SOUP = 0.2  # largest share of a sample's counts that is taken for soup, where no gene bounds it lower
BOUNDING = 10  # genes that bound the soup of a sample: the median of their bounds counts
LEAST_COUNTS = 20  # of a gene in a sample, for it to bound the soup
LEAST_UMIS = 20_000  # of a group in a sample, for it to bound the soup


class Pools(NamedTuple):
    """Counts of groups of cells per sample; groups and samples are numbered from 0."""

    group: np.ndarray  # (K,) number
    sample: np.ndarray  # (K,) number
    cells: np.ndarray  # (K,)
    umis: np.ndarray  # (K,) counts of all genes, not of the G alone
    counts: np.ndarray  # (K, G) summed over cells
    expressing: np.ndarray  # (K, G) cells with at least one


class Detection(NamedTuple):
    """Of every group and gene (groups, G)."""

    state: np.ndarray  # int: DETECTED, NOT_DETECTED or NOT_TESTABLE
    rate: np.ndarray  # counts per 10,000 of all genes
    excess: np.ndarray  # the same without the soup's, at least 0
    share: np.ndarray  # of cells that express, without those that the soup would make so, at least 0
    p: np.ndarray  # chance of as many counts or more by soup alone


def pool_counts(counts, umis: np.ndarray, group: np.ndarray, sample: np.ndarray) -> Pools:
    """Pools of counts (CSR, N x G) of N cells. umis: (N,) counts of all genes. group, sample: (N,) numbers from 0."""
    import scipy.sparse as sp

    key = group.astype(np.int64) * (int(sample.max()) + 1) + sample
    keys, pool = np.unique(key, return_inverse=True)
    member = sp.csr_matrix((np.ones(len(pool)), (pool, np.arange(len(pool)))), (len(keys), len(pool)))
    counts = sp.csr_matrix(counts)
    first = np.unique(pool, return_index=True)[1]
    return Pools(
        group=group[first], sample=sample[first], cells=np.bincount(pool), umis=np.bincount(pool, umis),
        counts=(member @ counts).toarray(), expressing=(member @ (counts > 0).astype(np.float64)).toarray(),
    )  # fmt: skip


def soup_profile(pools: Pools) -> np.ndarray:
    """Each gene's share of a sample's counts (S, G), from pools that hold all cells of the samples."""
    n_samples = int(pools.sample.max()) + 1
    counts, umis = np.zeros((n_samples, pools.counts.shape[1])), np.zeros(n_samples)
    np.add.at(counts, pools.sample, pools.counts)
    np.add.at(umis, pools.sample, pools.umis)
    return counts / np.maximum(umis, 1)[:, None]


def soup_share(pools: Pools, profile: np.ndarray) -> np.ndarray:
    """Upper bound (S,) of the share of a sample's counts that is soup, at most SOUP.

    profile: (S, G) of soup_profile. The pools hold all cells of the samples, the genes those that few types express each. For
    every gene the pool with the lowest rate bounds the soup: all that it has of the gene could be soup, and with 95 % its
    true rate is not above the bound. The median over the BOUNDING genes with the lowest bounds is taken, since the soup's profile
    is known only about.
    """
    from scipy.stats import chi2

    bound = np.full(len(profile), SOUP)
    for s, share_of_gene in enumerate(profile):
        rows = np.flatnonzero((pools.sample == s) & (pools.umis >= LEAST_UMIS))
        seen = np.flatnonzero(share_of_gene * pools.umis[pools.sample == s].sum() >= LEAST_COUNTS)
        if not len(rows) or not len(seen):
            continue
        per_cell = pools.umis[pools.sample == s].sum() / pools.cells[pools.sample == s].sum()
        highest = chi2.ppf(0.95, 2 * (pools.counts[np.ix_(rows, seen)] + 1)) / 2 / pools.cells[rows, None]
        of_gene = np.sort(highest.min(0) / (share_of_gene[seen] * per_cell))
        bound[s] = min(np.median(of_gene[:BOUNDING]), SOUP)
    return bound


def soup_per_cell(pools: Pools, profile: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Soup counts per cell (S, G): share (S,) of the mean counts of a sample's cells in the pools, divided as the profile (S, G).

    Where the pools hold one lineage only, its cells' mean counts stand for all cells'.
    """
    umis, cells = (np.bincount(pools.sample, values, len(share)) for values in (pools.umis, pools.cells))
    return (share * umis / np.maximum(cells, 1))[:, None] * profile


def of_groups(pools: Pools, values: np.ndarray) -> np.ndarray:
    """Values of pools (K, ...) summed over the samples of a group (groups, ...)."""
    import scipy.sparse as sp

    shape = (int(pools.group.max()) + 1, len(pools.group))
    member = sp.csr_matrix((np.ones(len(pools.group)), (pools.group, np.arange(len(pools.group)))), shape)
    return member @ values


class Counted(NamedTuple):
    """What groups have of genes (groups, G) against the soup alone."""

    cells: np.ndarray  # (groups, 1)
    umis: np.ndarray  # (groups, 1) at least 1
    observed: np.ndarray  # counts
    expected: np.ndarray  # counts by soup
    share: np.ndarray  # of cells that express, without those that the soup would make so, at least 0
    p: np.ndarray  # chance of as many counts or more by soup alone
    needed: np.ndarray  # counts from which that chance is below 1 - CERTAINTY


def counts_of(mean: np.ndarray):
    """The distribution of counts around a mean."""
    from scipy.stats import nbinom

    size = 1 / DISPERSION
    return nbinom(size, size / (size + np.maximum(mean, 1e-9)))


def count(pools: Pools, soup: np.ndarray) -> Counted:
    """What groups have, all samples of a group together. soup: (S, G) of soup_per_cell."""
    cells, umis = of_groups(pools, pools.cells)[:, None], np.maximum(of_groups(pools, pools.umis), 1)[:, None]
    of_pools = soup[pools.sample]
    expected = of_groups(pools, of_pools * pools.cells[:, None])
    by_soup = of_groups(pools, -np.expm1(-of_pools) * pools.cells[:, None])
    observed, expressing = of_groups(pools, pools.counts), of_groups(pools, pools.expressing)
    alone = counts_of(expected)
    share = np.maximum(expressing - by_soup, 0) / cells
    return Counted(cells, umis, observed, expected, share, alone.sf(observed - 1), alone.isf(1 - CERTAINTY) + 1)


def detect(
    pools: Pools, soup: np.ndarray, rate=None, of_rate: float = OF_RATE, of_cells: float = OF_CELLS
) -> Detection:
    """Detection of every gene in every group, all samples of a group together.

    soup: (S, G) of soup_per_cell. rate: counts per 10,000 that expressing cells show, (G,) or (groups, G), NaN where that is not
    known; None: of no gene. A gene counts as expressed where, soup taken off, the group's rate is at least of_rate of that, and
    the share of its cells that express at least of_rate of what such cells would show at this depth (Poisson); without a known
    rate where at least of_cells of the cells express.
    """
    return judge(count(pools, soup), rate, of_rate, of_cells)


def judge(counted: Counted, rate=None, of_rate: float = OF_RATE, of_cells: float = OF_CELLS) -> Detection:
    """Detection of what is counted against rates; as detect, which counts first."""
    cells, umis, observed, expected, share, p, needed = counted
    known = np.broadcast_to(np.nan if rate is None else np.asarray(rate, float), observed.shape)
    # What cells would add to the soup if they expressed the gene just enough to count.
    least_share = np.where(np.isnan(known), of_cells, of_rate * -np.expm1(-known * umis / cells / 1e4))
    least = np.where(np.isnan(known), of_cells * cells, of_rate * known * umis / 1e4)
    seen = counts_of(expected + least).sf(needed - 1) >= POWER
    excluded = counts_of(least).cdf(observed) <= 1 - POWER
    enough = (observed - expected >= least) & (share >= least_share)
    beyond = (p < 1 - CERTAINTY) & (observed > 0)
    state = np.where(beyond & enough, DETECTED, np.where(seen | excluded, NOT_DETECTED, NOT_TESTABLE))
    return Detection(state, observed / umis * 1e4, np.maximum(observed - expected, 0) / umis * 1e4, share, p)
