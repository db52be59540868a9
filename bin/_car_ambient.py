#!/usr/bin/env python3
"""How many CAR UMIs ambient RNA puts into a cell of a sample: the CAR's share of the soup times the sample's contamination.

The contamination is that of AMBIENT (_ambient), narrowed by the CAR in cells that no CAR-T cell can be; where AMBIENT has none it is a
wide prior. The soup's CAR is that of the sample's kept cells.
"""

from typing import NamedTuple

from _ambient import PRIOR

import numpy as np

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


def of_t_cells(ambient: dict, t_total: float) -> Contamination:
    """Contamination of a sample's T cells by AMBIENT's facts, PRIOR where there are none. t_total: mean UMIs of a T cell.

    Soup is about the same number of UMIs in every cell, so a T cell of half the sample's mean UMIs holds twice the share.
    """
    if not ambient:
        return Contamination(*PRIOR)
    factor = ambient["umi_per_cell"] / t_total if ambient["estimable"] and t_total else 1.0
    return Contamination(ambient["shape"], ambient["rate"] / factor)


def car_contamination(
    found: Contamination, car, total, lineage, controls: tuple[str, ...]
) -> tuple[Contamination, np.ndarray]:
    """(contamination of a sample's T cells by the CAR's transcripts, mask of the control cells that it was measured in).

    found: of other genes; car, total: (cells,) UMIs; lineage: (cells,) names; controls: lineages without CAR-T cells.
    """
    found = weakened(found)
    share = car.sum() / max(total.sum(), 1)
    control = np.isin(lineage, controls)
    kept = control.copy()
    kept[control] = without_outliers(car[control], total[control], share, max(found.high, 0.3))
    return contamination([(int(car[kept].sum()), float(total[kept].sum() * share))], found), kept
