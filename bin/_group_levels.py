#!/usr/bin/env python3
"""Levels of ligands and receptors per group of cells at one time, observed and resampled, and which pairs they make worth a row."""

from _bootstrap import drawn_counts
from _pairs import lowest_of_complex

import numpy as np


def resampled_means(matrix, draws: int, rng) -> np.ndarray:
    """Means of bootstrap samples of the rows of a sparse matrix (n - 1 of n with replacement): draws x columns."""
    n = matrix.shape[0]
    return (matrix.T @ drawn_counts(n, draws, rng).astype(np.float32).T).T / max(n - 1, 1)


class TimePoint:
    """Levels of ligand and receptor complexes per group at one time, observed and resampled.

    A level is ln(1 + mean counts per 10,000) of the weakest subunit: a mean of linear values, so that it does
    not move with the sequencing depth. level, share and expressing (cells): groups x complexes, for ligands
    and for receptors; root: groups x draws x complexes, square roots of resampled levels (a pair's strength
    is the product of two).
    """

    def __init__(self, cells, sizes: dict[str, int], groups: list[str], units, min_cells: int, draws: int, rng):
        linear = cells.X.copy()
        np.expm1(linear.data, out=linear.data)
        names = cells.obs["group"].to_numpy()
        self.size = np.array([sizes.get(group, 0) for group in groups])
        self.enough = self.size >= min_cells
        shapes = [(len(groups), len(table)) for table in units]
        self.level, self.share, self.expressing = ([np.zeros(shape, np.float32) for shape in shapes] for _ in range(3))
        self.root = [np.zeros((shape[0], draws, shape[1]), np.float32) for shape in shapes]
        for group in np.flatnonzero(self.enough):
            block = linear[np.flatnonzero(names == groups[group])]
            mean = np.log1p(np.asarray(block.mean(axis=0)).reshape(1, -1))
            sampled = np.sqrt(np.log1p(resampled_means(block, draws, rng)))
            expressing = block.getnnz(axis=0)[None, :]
            for side, table in enumerate(units):
                self.level[side][group] = lowest_of_complex(mean, table)[0]
                self.expressing[side][group] = lowest_of_complex(expressing, table)[0]
                self.root[side][group] = lowest_of_complex(sampled, table)
                several = self.expressing[side][group] > 1  # one cell is no share
                self.share[side][group] = several * self.expressing[side][group] / block.shape[0]
        total = max(self.size.sum(), 1)
        self.fraction = self.size / total
        self.sampled_fraction = rng.binomial(total, self.fraction, (draws, len(groups))) / total

    def at_pairs(self, name: str, rows) -> tuple[np.ndarray, np.ndarray]:
        """Values of `level`, `share` or `expressing` on the ligand and on the receptor side of each row."""
        ligand, receptor = getattr(self, name)
        return ligand[rows["source"], rows["ligand"]], receptor[rows["target"], rows["receptor"]]

    def strength(self, rows) -> np.ndarray:
        """Strength of each row: the square root of ligand level x receptor level."""
        return np.sqrt(np.prod(self.at_pairs("level", rows), axis=0))

    def sampled(self, source: int, rows, block: np.ndarray) -> np.ndarray:
        """Resampled strengths of rows `block`, all of one source: draws x rows."""
        receptors = self.root[1][rows["target"][block], :, rows["receptor"][block]]
        return self.root[0][source][:, rows["ligand"][block]] * receptors.T


def candidates(points: list[TimePoint], ligand: np.ndarray, receptor: np.ndarray, always, min_share: float):
    """Rows to report, sorted by source and target: expressed on both sides at some time, or watched."""
    n_groups = points[0].size.size
    wanted = np.zeros((n_groups, n_groups, ligand.size), dtype=bool)
    for point in points:
        wanted |= np.minimum(point.share[0][:, None, ligand], point.share[1][None, :, receptor]) >= min_share
    sized = np.any([point.enough[:, None] & point.enough[None, :] for point in points], axis=0)
    wanted |= sized[:, :, None] & always
    source, target, row = np.nonzero(wanted)
    return {"source": source, "target": target, "ligand": ligand[row], "receptor": receptor[row], "row": row}
