#!/usr/bin/env python3
"""What names of groups of cells rest on: the table of marker genes, receptors, and what a table of evidence says of a part.

Groups are parts of clusters or whole clusters, numbered from 0. G genes: all of a marker table.
"""

from collections.abc import Sequence
from pathlib import Path

from _receptors import BCR
from _tables import read_text_table

import numpy as np

MARKER_COLUMNS = ("cell_type", "parent", "lineage", "receptor", "positive", "negative")


def read_markers(path: Path):
    """Marker table by cell_type, with lists of genes (upper case) in the columns positive and negative."""
    table = read_text_table(path, MARKER_COLUMNS)
    for sign in ("positive", "negative"):
        table[sign] = [[g.strip() for g in genes.upper().split(",") if g.strip()] for genes in table[sign]]
    return table.set_index("cell_type", drop=False)


def marker_genes(markers) -> list[str]:
    """All genes of a marker table, sorted."""
    return sorted({gene for sign in ("positive", "negative") for genes in markers[sign] for gene in genes})


def among(names: Sequence[str], chosen) -> np.ndarray:
    """Which names (N,) are among the chosen ones; faster than numpy's isin, which compares texts one by one."""
    chosen = set(chosen)
    return np.fromiter((name in chosen for name in names), bool, len(names))


def group_means(x, group: np.ndarray) -> np.ndarray:
    """Mean expression and share of cells that express, (2, groups, G), of x (N, G) by group number (N,)."""
    import scipy.sparse as sp

    x = sp.csr_matrix(x)
    n = np.bincount(group)
    member = sp.csr_matrix((1 / n[group], (group, np.arange(len(group)))), (len(n), len(group)))
    return np.stack([(member @ x).toarray(), (member @ (x > 0).astype(np.float32)).toarray()])


def receptor_cells(paths: Sequence[Path], cell_id: np.ndarray, sample: np.ndarray) -> dict:
    """Per library (BCR, TCR) which cells (N,) have a productive chain, and which are of samples with such a library.

    paths: contigs.parquet of samples. A library without chains is left out.
    """
    import pandas as pd

    columns = ["cell_id", "locus", "productive"]
    contigs = pd.concat([pd.DataFrame(columns=columns), *(pd.read_parquet(path, columns=columns) for path in paths)])
    contigs = contigs[contigs["productive"].eq(True)]
    result = {}
    for library, loci in (("BCR", BCR), ("TCR", ("TRA", "TRB"))):
        has = among(cell_id, contigs.loc[contigs["locus"].isin(loci), "cell_id"])
        if has.any():
            result[library] = has, among(sample, np.unique(sample[has]))
    return result


def receptor_shares(receptors: dict, group: np.ndarray) -> dict:
    """Per library of receptor_cells and group the share of cells with a productive chain, and that over the highest.

    group: (N,) numbers. Cells of samples without such a library do not count. A library that no group shows is left out.
    """
    size, result = np.bincount(group), {}
    for library, (has, counted) in receptors.items():
        total = np.bincount(group, counted, len(size))
        share = np.bincount(group, has, len(size)) / np.maximum(total, 1)
        highest = share[total >= min(20, total.max())].max()
        if highest >= 0.1:
            result[library] = (share, np.minimum(share / highest, 1))
    return result


def part_evidence(named, cluster: np.ndarray, part: np.ndarray, sample: np.ndarray):
    """The evidence table (rows: parts) with the part's cluster and number in front, and its main sample and that one's share.

    cluster, part, sample: (N,).
    """
    import pandas as pd

    cells = pd.DataFrame({"cluster": cluster, "sample": sample}).groupby(part)
    named.insert(0, "cluster", cells["cluster"].first())
    named.insert(1, "part", named.index)
    shares = cells["sample"].value_counts(normalize=True).groupby(level=0).head(1)
    named["main_sample"], named["main_sample_share"] = shares.index.get_level_values(1), shares.to_numpy()
    return named
