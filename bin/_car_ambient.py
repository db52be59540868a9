#!/usr/bin/env python3
"""How many CAR UMIs ambient RNA puts into a cell of a sample: the CAR's share of the soup times the sample's contamination.

Contamination is the part of a cell's UMIs that is soup. It is estimated from genes that some cells cannot express (Young & Behjati 2020,
SoupX, doi 10.1093/gigascience/giaa151): haemoglobin, immunoglobulin and myeloid genes in T cells, and the CAR in cells that no CAR-T cell
can be. Empty droplets are not read: the soup is taken for the mean profile of the sample's kept cells, so a set of genes counts only
where its own cells are in the sample; else its UMIs in all cells are soup themselves, and the soup's share is not known.
"""

from typing import NamedTuple

import numpy as np

# Genes that no T cell transcribes, by the lineages that do; upper case, human and mouse.
FOREIGN = {
    "erythroid": ("HBB", "HBA1", "HBA2", "HBD", "HBB-BS", "HBB-BT", "HBA-A1", "HBA-A2"),
    "plasma": ("IGKC", "IGLC2", "IGLC3", "IGHG1", "IGHG2", "IGHG3", "IGHG4", "IGHA1", "IGHA2", "IGHG2B", "IGHG2C", "IGHA", "JCHAIN"),
    "B": ("CD79A", "CD79B", "MS4A1", "CD19", "IGHM", "IGHD"),
    "myeloid": ("LYZ", "LYZ2", "S100A8", "S100A9", "S100A12", "FCN1", "CD14", "CSTA"),
}  # fmt: skip
OWNED = 0.5  # share of a set's UMIs that its own lineage has to hold, so that the cells' mean tells the soup's share
PRIOR = (1.0, 10.0)  # shape and rate of the contamination before any count: mean 10 %, 95 % of it below 30 %
MOST_SHAPE = 4.0  # what other genes may tell of the CAR's contamination: they leak in other proportions (+- 50 %)
QUANTILE = 0.95
OUTLIER = 1e-3  # chance, over all control cells, at which ambient RNA no longer explains the CAR UMIs of one


class Contamination(NamedTuple):
    """A sample's contamination: gamma distribution (shape, rate), as a share of a cell's UMIs."""

    shape: float
    rate: float

    @property
    def mean(self) -> float:
        """Expected contamination."""
        return min(self.shape / self.rate, 1.0)

    @property
    def high(self) -> float:
        """One-sided 95 % upper bound."""
        from scipy.stats import gamma

        return min(float(gamma.ppf(QUANTILE, self.shape, scale=1 / self.rate)), 1.0)

    def values(self, count: int = 7) -> np.ndarray:
        """Equally likely values: the medians of `count` equal parts of the distribution."""
        from scipy.stats import gamma

        middle = (np.arange(count) + 0.5) / count
        return gamma.ppf(middle, self.shape, scale=1 / self.rate).clip(max=1.0)


def foreign_counts(umi, total, lineage) -> list[tuple[int, float]]:
    """(UMIs seen in T cells, UMIs there if all their RNA were soup) of each set of foreign genes whose own cells are in the sample.

    umi: DataFrame, cells x sets of FOREIGN; total: (cells,) UMIs of all genes; lineage: (cells,) names.
    """
    t_cells, pairs = np.asarray(lineage == "T"), []
    for owner in umi:
        counts = umi[owner].to_numpy()
        if counts.sum() and counts[np.asarray(lineage == owner)].sum() >= OWNED * counts.sum():
            pairs.append((int(counts[t_cells].sum()), float(total[t_cells].sum() * counts.sum() / total.sum())))
    return pairs


def contamination(pairs: list[tuple[int, float]], prior: Contamination | None = None) -> Contamination:
    """Contamination after (seen, expected at 100 %) counts: gamma prior, Poisson counts. prior: PRIOR where None is given."""
    shape, rate = prior or PRIOR
    return Contamination(shape + sum(seen for seen, _ in pairs), rate + sum(expected for _, expected in pairs))


def weakened(found: Contamination) -> Contamination:
    """The same mean with a shape of at most MOST_SHAPE: what one set of genes says of another."""
    factor = min(1.0, MOST_SHAPE / found.shape)
    return Contamination(found.shape * factor, found.rate * factor)


def without_outliers(car, total, share: float, high: float) -> np.ndarray:
    """Mask of control cells whose CAR UMIs ambient RNA can explain at the contamination `high`; the others are doublets or carriers.

    car, total: (cells,) UMIs of the CAR and of all genes; share: of the CAR in the soup.
    """
    from scipy.stats import poisson

    return poisson.sf(car - 1, share * high * total) >= OUTLIER / max(len(car), 1)


def car_contamination(umi, car, total, lineage, controls: tuple[str, ...]) -> tuple[Contamination, np.ndarray]:
    """(contamination of a sample by the CAR's transcripts, mask of the control cells that it was measured in).

    umi: DataFrame, cells x sets of FOREIGN; car, total: (cells,) UMIs; lineage: (cells,) names; controls: lineages without CAR-T cells.
    """
    found = weakened(contamination(foreign_counts(umi, total, lineage)))
    share = car.sum() / max(total.sum(), 1)
    control = np.isin(lineage, controls)
    kept = control.copy()
    kept[control] = without_outliers(car[control], total[control], share, max(found.high, 0.3))
    return contamination([(int(car[kept].sum()), float(total[kept].sum() * share))], found), kept
