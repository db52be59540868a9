#!/usr/bin/env python3
"""Ambient RNA ("soup") of a sample: its profile, its UMIs per cell, and each cell's contamination.

After SoupX (Young & Behjati 2020, doi 10.1093/gigascience/giaa151): cells of a kind cannot express some genes, so their UMIs there are
soup. A droplet catches about the same volume whatever cell is in it, so soup is counted in UMIs per cell, not as a share of a cell's
UMIs: a small cell holds a larger share of it.
"""

from typing import NamedTuple

import numpy as np

# Of each kind of cell: the genes that tell it, and their UMIs per 10,000 of such a cell (assets/profiles.parquet, about).
KINDS = {
    "T": (("CD3D", "CD3E", "CD3G", "TRAC", "TRBC1", "TRBC2", "CD2", "CD7", "NKG7", "GNLY", "KLRD1", "PRF1"), 40),
    "B": (("CD79A", "CD79B", "MS4A1", "CD19", "VPREB3", "PAX5", "VPREB1", "BANK1", "RALGPS2", "TCL1A"), 30),
    "plasma": (("IGKC", "IGLC2", "IGLC3", "IGHG1", "IGHG2", "IGHG3", "IGHG4", "IGHA1", "IGHA2", "JCHAIN", "MZB1", "TNFRSF17"), 1500),
    "myeloid": (("LYZ", "S100A8", "S100A9", "S100A12", "FCN1", "CD14", "CSTA", "VCAN", "MNDA"), 200),
    "erythroid": (("HBB", "HBA1", "HBA2", "HBD", "AHSP", "ALAS2", "CA1"), 2000),
}  # fmt: skip
# Genes that no other kind transcribes.
SETS = {
    "B": ("CD79A", "CD79B", "MS4A1", "CD19", "VPREB3", "PAX5", "VPREB1"),
    "plasma": ("IGKC", "IGLC2", "IGLC3", "IGHG1", "IGHG2", "IGHG3", "IGHG4", "IGHA1", "IGHA2"),
    "myeloid": ("LYZ", "S100A8", "S100A9", "S100A12", "FCN1", "CD14", "CSTA", "VCAN"),
    "erythroid": ("HBB", "HBA1", "HBA2", "HBD"),
}
# Sets that a kind cannot express. T-cell genes are none: few in the soup, and a trace of them is in the profiles of most kinds.
FOREIGN = {
    "T": ("B", "plasma", "myeloid", "erythroid"), "myeloid": ("B", "plasma", "erythroid"), "B": ("myeloid", "erythroid"),
    "plasma": ("myeloid", "erythroid"), "erythroid": ("B", "plasma", "myeloid"),
}  # fmt: skip
LEAST_SCORE, LEAST_UMI = 0.25, 2  # of its genes' usual rate, and UMIs, from which a cell is of a kind
SECOND = 0.5  # largest score of a second kind, of the first's: above it the droplet may hold two cells
LEAST_CELLS = 10  # of a kind
LEAST_SHARE = 2e-4  # of a set in the soup: below it a trace of own expression passes for soup
OWNED = 0.5  # share of a set's UMIs that its own kind holds, so that the mean of the cells tells its share of the soup
OUTLIER = 1e-4  # chance at which soup at three times its mean no longer explains a cell's UMIs of a set: a doublet
PRIOR = (1.0, 10.0)  # gamma, shape and rate, of the share of a sample's UMIs: mean 10 %, 95 % of it below 30 %
SIZE = 16.0  # negative binomial: sets leak in other proportions than the mean of the cells (+- 25 %)
# Factors by which a kind's own expression may raise its UMIs of a set, and their weights.
FACTORS, WEIGHTS = np.array([1, 1.5, 2.5, 4, 8, 16]), np.array([0.6, 0.08, 0.08, 0.08, 0.08, 0.08])
SPREAD = (2.0, 4.0, 50.0)  # gamma shape of the soup UMIs between cells: least, where nothing tells it, most
WIDEST = (1.5, 0.05)  # width of the 95 % interval, of the estimate or as a share, from which there is none


class Amount(NamedTuple):
    """Share of a sample's UMIs that is soup: mean and 95 % credible interval; gamma distribution (shape, rate) of the same mean."""

    share: float
    low: float
    high: float
    shape: float
    rate: float

    @property
    def estimable(self) -> bool:
        """Whether the interval is narrow enough to be an estimate."""
        return self.high - self.low <= max(WIDEST[0] * self.share, WIDEST[1])


def count_sets(counts, genes) -> "DataFrame":  # noqa: F821
    """UMIs (cells x KINDS, then `set <name>` of SETS) of counts (CSR, cells x genes)."""
    from _matrices import gene_selection

    import pandas as pd

    groups = {kind: members for kind, (members, _) in KINDS.items()} | {f"set {name}": of for name, of in SETS.items()}
    sums = {name: np.asarray((counts @ gene_selection(genes, of)).sum(1)).ravel() for name, of in groups.items()}
    return pd.DataFrame(sums)


def kinds_of(umi, total: np.ndarray) -> np.ndarray:
    """Kind (cells,) by own genes, '' where none or two fit. umi: of count_sets; total: (cells,) UMIs of all genes."""
    names = np.array(list(KINDS), dtype=object)
    counts = umi[list(KINDS)].to_numpy(np.float64)
    score = counts / np.maximum(total, 1)[:, None] * 1e4 / np.array([rate for _, rate in KINDS.values()])
    order = np.sort(score, axis=1)
    best, rows = score.argmax(axis=1), np.arange(len(score))
    clear = (order[:, -1] >= LEAST_SCORE) & (order[:, -2] < SECOND * order[:, -1]) & (counts[rows, best] >= LEAST_UMI)
    return np.where(clear, names[best], "")


def without_doublets(umi: np.ndarray) -> np.ndarray:
    """Mask of cells whose UMIs of a foreign set soup can explain, whatever its mean: the others hold a second cell."""
    from scipy.stats import poisson

    kept = np.ones(len(umi), bool)
    for _ in range(20):
        again = poisson.sf(umi - 1, 3 * umi[kept].mean() + 1) >= OUTLIER
        if (again == kept).all() or not again.any():
            break
        kept = again
    return kept


def evidence(umi, kind: np.ndarray, share: dict[str, float]):
    """A row per kind and foreign set: kind, set, cells (doublets left out), umi, share (of the set in the soup), counts (bool).

    share: of each set in the soup, the mean of the cells. A set counts where that tells it: more than a trace, and held by its own kind.
    """
    import pandas as pd

    rows = []
    for receiver, sets in FOREIGN.items():
        of_kind = kind == receiver
        for name in sets if of_kind.sum() >= LEAST_CELLS else ():
            counts = umi[f"set {name}"].to_numpy()
            kept = without_doublets(counts[of_kind])
            owned = counts[kind == name].sum() >= OWNED * max(counts.sum(), 1)
            rows.append((receiver, name, int(kept.sum()), int(counts[of_kind][kept].sum()), share[name],
                         bool(owned and share[name] >= LEAST_SHARE)))  # fmt: skip
    return pd.DataFrame(rows, columns=["kind", "set", "cells", "umi", "share", "counts"])


def amount(table, per_cell: float) -> Amount:
    """The sample's soup from the rows of `evidence` that count. per_cell: mean UMIs of a cell. Without a row it is PRIOR."""
    from scipy.stats import gamma, nbinom

    grid = np.geomspace(1e-4, 1, 600)
    log = gamma.logpdf(grid, PRIOR[0], scale=1 / PRIOR[1]) + np.log(grid)
    for row in table[table["counts"]].itertuples():
        mean = np.outer(FACTORS, grid * per_cell * row.cells * row.share)
        log += np.log(WEIGHTS @ nbinom.pmf(row.umi, SIZE, SIZE / (SIZE + mean)) + 1e-300)
    posterior = np.exp(log - log.max())
    posterior /= posterior.sum()
    mean = float(posterior @ grid)
    low, high = np.interp([0.025, 0.975], np.cumsum(posterior), grid)
    shape = mean**2 / float(posterior @ (grid - mean) ** 2)
    return Amount(mean, float(low), float(high), shape, shape / mean)


def corrected_profile(profile: np.ndarray, genes, table, umi_per_cell: float) -> np.ndarray:
    """The soup's profile (genes,) with sets that no cell of the sample owns at the level that they have in cells which cannot express them.

    Haemoglobin is most of it: of red cells that burst, and that no filter keeps. umi_per_cell: soup UMIs of a cell.
    """
    profile = profile.copy()
    for name, rows in table[table["share"] >= LEAST_SHARE].groupby("set"):
        if not rows["counts"].any():
            expected = (rows["cells"] * rows["share"]).sum() * umi_per_cell
            profile[np.isin(genes, SETS[name])] *= rows["umi"].sum() / expected
    return profile / max(profile.sum(), 1e-12)


def soup_of_cells(umi, kind: np.ndarray, table, soup: Amount, per_cell: float) -> tuple[np.ndarray, np.ndarray]:
    """(soup UMIs, relative variance) of each cell: gamma around the sample's, narrowed by the cell's own UMIs of foreign sets."""
    mean, spread = soup.share * per_cell, SPREAD[1]
    seen, expected = np.zeros(len(kind)), np.zeros(len(kind))
    receivers = []
    for receiver, rows in table[table["counts"]].groupby("kind"):
        of_kind = np.flatnonzero(kind == receiver)
        counts = umi.loc[of_kind, [f"set {name}" for name in rows["set"]]].to_numpy()
        of_kind = of_kind[np.logical_and.reduce([without_doublets(column) for column in counts.T])]
        seen[of_kind] = umi.loc[of_kind, [f"set {name}" for name in rows["set"]]].sum(axis=1)
        # Own expression, or a set that leaks in another proportion, is part of what the kind shows on average.
        expected[of_kind] = seen[of_kind].mean() / mean
        receivers.append((of_kind, seen[of_kind]))
    if receivers:
        excess = sum((counts.var() - counts.mean()) * len(counts) for _, counts in receivers)
        square = sum(counts.mean() ** 2 * len(counts) for _, counts in receivers)
        spread = float(np.clip(square / max(excess, 1e-9), SPREAD[0], SPREAD[2])) if square else spread
    return (spread + seen) / (spread / mean + expected), 1 / (spread + seen) + 1 / soup.shape


def contamination(soup: np.ndarray, variance: np.ndarray, total: np.ndarray):
    """(share, low, high) of each cell's UMIs that are soup, with 95 % interval, at most 1. soup, variance: of soup_of_cells."""
    from scipy.stats import gamma

    shape = 1 / variance
    bounds = [gamma.ppf(level, shape, scale=soup / shape) for level in (0.025, 0.975)]
    return tuple(np.minimum(values / np.maximum(total, 1), 1) for values in (soup, *bounds))
