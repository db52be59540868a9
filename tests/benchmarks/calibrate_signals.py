"""Calibration of COMMUNICATION_CHANGE on groups of a simulated or real run: coverage of intervals, calls in null data.

    python tests/benchmarks/calibrate_signals.py BEFORE.communication_cells.h5ad AFTER.communication_cells.h5ad

The groups of the two files are taken as populations of known levels; samples of both are drawn from them with replacement
and compared. For null data both samples are drawn from the first file, or the cells of each of its groups are halved.
"""

import json
import sys
from pathlib import Path

import click
import numpy as np
import pandas as pd

PROJECT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PROJECT / "bin"))
SETTINGS = {"min_cells": 2, "min_share": 0.1, "min_fold": 1.4, "max_fdr": 0.05}


def pairs_of(genes):
    """Subunit tables and rows of all interactions whose genes are measured."""
    from _pairs import measured_pairs, read_pairs

    measured = measured_pairs(read_pairs(PROJECT / "assets" / "interactions.tsv"), genes)
    return (measured.ligands, measured.receptors), measured.ligand, measured.receptor


def drawn(cells, groups, n: int, rng):
    """A sample of `n` cells per group, with replacement, and its sizes."""
    import anndata

    names = cells.obs["group"].to_numpy()
    rows = np.concatenate([rng.choice(np.flatnonzero(names == group), n) for group in groups])
    obs = pd.DataFrame({"group": names[rows]}, index=[str(row) for row in range(rows.size)])
    part = anndata.AnnData(cells.X[rows], obs=obs)
    return part, dict.fromkeys(groups, n)


def whole(cells, groups):
    """All cells of the groups."""
    part = cells[cells.obs["group"].isin(groups)].copy()
    return part, part.obs["group"].astype(str).value_counts().to_dict()


def compared(before, after, groups, units, ligand, receptor, draws, rng):
    """Result of all pairs between all groups."""
    import _group_levels

    import communication_change as change

    points = [_group_levels.TimePoint(part, sizes, groups, units, 2, draws, rng) for part, sizes in (before, after)]
    rows = _group_levels.candidates(points, ligand, receptor, np.zeros(ligand.size, bool), SETTINGS["min_share"])
    return points, rows, change.compare(*points, rows, SETTINGS)


@click.command()
@click.argument("before", type=click.Path(exists=True, path_type=Path))
@click.argument("after", type=click.Path(exists=True, path_type=Path))
@click.option("--repeats", default=5, show_default=True)
@click.option("--sizes", default="10,15,25,50,100,200", show_default=True, help="Cells per group.")
@click.option("--seed", default=1, show_default=True)
def main(before, after, repeats, sizes, seed):
    """Print coverage of the intervals and the share of pairs called changed in null data."""
    import _group_levels
    from _pairs import CHANGED

    import anndata
    import hdf5plugin  # noqa: F401

    rng = np.random.default_rng(seed)
    files = [anndata.read_h5ad(path) for path in (before, after)]
    known = [json.loads(cells.uns["groups"]) for cells in files]
    groups = sorted(name for name in known[0] if min(part.get(name, 0) for part in known) >= 100)
    genes = sorted(set(files[0].var_names) & set(files[1].var_names))
    files = [cells[:, genes] for cells in files]
    units, ligand, receptor = pairs_of(genes)
    populations = [_group_levels.TimePoint(*whole(cells, groups), groups, units, 2, 1, rng) for cells in files]
    print(f"{len(groups)} groups of at least 100 cells: {', '.join(groups)}")
    print(f"{'cells per group':>16}{'pairs':>10}{'coverage':>10}{'null called':>13}{'null supply':>13}")
    for n in map(int, sizes.split(",")):
        hits, called, supplied = [], [], []
        for _ in range(repeats):
            samples = [drawn(cells, groups, n, rng) for cells in files]
            _, rows, found = compared(*samples, groups, units, ligand, receptor, 300, rng)
            old, new = (point.strength(rows) for point in populations)
            difference = new - old
            use = ~np.isin(found["class"], ["absent", "not tested"])
            hits.append(((found["strength_low"] <= difference) & (difference <= found["strength_high"]))[use])
            null = [drawn(files[0], groups, n, rng) for _ in range(2)]
            _, _, found = compared(*null, groups, units, ligand, receptor, 300, rng)
            use = ~np.isin(found["class"], ["absent", "not tested"])
            called.append(np.isin(found["strength_class"], CHANGED)[use])
            supplied.append(np.isin(found["class"], CHANGED)[use])
        hits, called, supplied = (np.concatenate(part) for part in (hits, called, supplied))
        print(f"{n:>16}{hits.size:>10,}{hits.mean():>10.4f}{called.mean():>13.5f}{supplied.mean():>13.5f}", flush=True)
    names = files[0].obs["group"].to_numpy()
    half = np.zeros(names.size, bool)
    for group in groups:
        cells = rng.permutation(np.flatnonzero(names == group))
        half[cells[: cells.size // 2]] = True
    halves = [whole(files[0][mask], groups) for mask in (half, ~half)]
    _, _, found = compared(*halves, groups, units, ligand, receptor, 500, rng)
    use = ~np.isin(found["class"], ["absent", "not tested"])
    share = np.isin(found["strength_class"], CHANGED)[use].mean()
    moved = np.isin(found["class"], CHANGED)[use].mean()
    print(
        f"halves of {before.name}: {use.sum():,} pairs, {100 * share:.3f} % called by strength, {100 * moved:.3f} % by supply"
    )


if __name__ == "__main__":
    main()
