#!/usr/bin/env python3
"""Parts of clusters that are no subset: mostly doublets, or with the receptor of another lineage. From QC's metrics."""

from collections.abc import Iterable
from pathlib import Path

from _receptors import Lineages

import numpy as np

MOST = 0.5  # from this share of its cells on a part is unfit
LIKE_DOUBLETS = 0.95  # quantile of a sample's doublet scores: cells above it, one in twenty, look like doublets
OF_OWNERS = 0.5  # of the share that owners of a receptor show: from there on a part contradicts its lineage
LEAST_OWNERS = 0.1  # share of owners that show the receptor, for it to say anything
RECEPTORS = {"BCR": "has_bcr", "TCR": "has_tcr"}
COLUMNS = ["cell_id", "sample", "pass", "doublet_score", "doublet", *RECEPTORS.values()]


def read_metrics(paths: Iterable[Path]):
    """Kept cells by cell_id: sample, has_bcr, has_tcr, and doublet_like: called by scrublet or receptors, or among the highest scores."""
    import pandas as pd

    tables = []
    for path in paths:
        table = pd.read_parquet(path, columns=COLUMNS)
        table = table[table["pass"]]
        score = table["doublet_score"].astype(float)
        table["doublet_like"] = table["doublet"] | (score > score.quantile(LIKE_DOUBLETS))
        tables.append(table.drop(columns=["pass", "doublet", "doublet_score"]).astype({"sample": str}))
    return pd.concat(tables).set_index("cell_id")


def foreign_receptors(
    metrics, lineage_of, lineages: Lineages, lineage: str
) -> dict[str, tuple[np.ndarray, np.ndarray, float]]:
    """By library that is not the lineage's: which cells have it, which count, and the share of its owners' cells that have it.

    metrics: of read_metrics, of all cells of the run. lineage_of: their lineages. Cells count where their sample has the library.
    """
    result = {}
    for library, column in RECEPTORS.items():
        if lineage in lineages.possible(library):
            continue
        has = metrics[column].to_numpy(bool)
        counted = has | metrics["sample"].isin(metrics.loc[has, "sample"].unique()).to_numpy()
        owners = lineage_of.isin(lineages.owners(library)).to_numpy() & counted
        share = float(has[owners].mean()) if owners.any() else 0.0
        if share >= LEAST_OWNERS:
            result[library] = has, counted, share
    return result


def unfit_parts(part: np.ndarray, doublet_like: np.ndarray, receptors: dict) -> tuple[list[str], np.ndarray]:
    """Why each part is no subset, '' where nothing speaks against it; and the share of its cells that look like doublets.

    part: (N,) number. doublet_like: (N,). receptors: of foreign_receptors, of the N cells.
    """
    size = np.bincount(part)
    doublets = np.bincount(part, doublet_like) / size
    why = [f"{share:.0%} of its cells look like doublets" if share >= MOST else "" for share in doublets]
    for library, (has, counted, of_owners) in receptors.items():
        n = np.bincount(part, counted, len(size))
        share = np.bincount(part, has, len(size)) / np.maximum(n, 1)
        for i in np.flatnonzero((share >= OF_OWNERS * of_owners) & (n >= MOST * size)):
            why[i] = why[i] or f"{share[i]:.0%} of its cells carry a {library}"
    return why, doublets
