#!/usr/bin/env python3
"""Sums over the cells of each type and subset of one sample: counts, and what marker statistics need."""

import re
from importlib.metadata import version

import click
import numpy as np

PACKAGES = ("click", "numpy", "pandas", "scipy", "anndata", "hdf5plugin")
FILE = click.Path(exists=True, dir_okay=False)
LEVELS = ("cell_type", "subset")
BLOCK = 20_000  # cells at a time
IMMUNOGLOBULIN = re.compile(r"^IG(?:H(?:[VDJ]\d|[ADEGM]\d?$|GP$)|[KL](?:[VJ]\d|C\d?$))")


def log_normalised(counts, genes):
    """log1p of counts per 10,000 (CSR float32); immunoglobulin genes are left out of a cell's total."""
    from scipy.sparse import csr_matrix

    other = np.array([not IMMUNOGLOBULIN.match(gene) for gene in genes], dtype=np.float64)
    total = np.asarray(counts @ other).ravel()
    scale = np.divide(1e4, total, out=np.zeros_like(total), where=total > 0)
    matrix = csr_matrix(counts, dtype=np.float32)
    matrix.data *= np.repeat(scale, np.diff(matrix.indptr)).astype(np.float32)
    np.log1p(matrix.data, out=matrix.data)
    return matrix


def members(labels):
    """Rows of the result (sample, level, label, lineage, n_cells) and the cells of each: groups x cells, CSR
    of ones.
    """
    import pandas as pd
    from scipy.sparse import csr_matrix

    rows, groups, cells = [], [], []
    for level in LEVELS:
        names = labels[level].astype(object)
        named = names.notna() & ~names.isin(["", "unassigned"])
        for label in sorted(names[named].unique()):
            at = np.flatnonzero(named & (names == label))
            lineage = labels["lineage"].iloc[at].astype(str).mode().iat[0]
            groups.append(np.full(at.size, len(rows)))
            cells.append(at)
            rows.append((level, label, lineage, at.size))
    table = pd.DataFrame(rows, columns=["level", "label", "lineage", "n_cells"])
    if not rows:
        return table, csr_matrix((0, len(labels)))
    at = np.concatenate(groups), np.concatenate(cells)
    return table, csr_matrix((np.ones(at[0].size), at), shape=(len(rows), len(labels)))


def sums(counts, genes, member) -> dict:
    """Groups x genes: counts, sum and sum of squares of log-normalised expression, cells that express the
    gene.
    """
    from scipy.sparse import csr_matrix

    found: dict = {}
    for low in range(0, counts.shape[0], BLOCK):
        block = csr_matrix(counts[low : low + BLOCK])
        logs = log_normalised(block, genes)
        values = {
            "counts": block.data,
            "log_sum": logs.data,
            "log_squares": logs.data.astype(np.float64) ** 2,
        }
        values["cells"] = np.ones(logs.nnz, dtype=np.int8)
        for name, data in values.items():
            part = member[:, low : low + BLOCK] @ csr_matrix(
                (data, logs.indices, logs.indptr), shape=logs.shape
            )
            found[name] = part if low == 0 else found[name] + part
    return {name: part.tocsr() for name, part in found.items()}


@click.command()
@click.argument("cells", type=FILE)
@click.option("--sample", required=True, help="Name of the sample.")
@click.option("--labels", required=True, type=FILE, help="labels.parquet of the run.")
@click.version_option(" ".join(f"{name}={version(name)}" for name in PACKAGES), message="%(version)s")
def main(cells, sample, labels):
    """Sum the counts of CELLS, one sample's h5ad, over cell types and subsets."""
    import anndata
    import hdf5plugin
    import pandas as pd

    data = anndata.read_h5ad(cells)
    known = pd.read_parquet(labels, columns=["cell_id", "lineage", *LEVELS]).set_index("cell_id")
    known = known.reindex(data.obs_names)
    if known["cell_type"].isna().all():
        raise click.ClickException(
            f"{sample}: no cell of {cells} is in {labels}; give labels of the same run."
        )
    table, member = members(known)
    parts = sums(data.X, data.var_names, member)
    table.insert(0, "sample", sample)
    table.index = sample + ":" + table["level"] + ":" + table["label"]
    result = anndata.AnnData(
        parts.pop("counts"), obs=table, var=pd.DataFrame(index=data.var_names), layers=parts
    )
    result.write_h5ad(f"{sample}.pseudobulk.h5ad", compression=hdf5plugin.FILTERS["zstd"])


if __name__ == "__main__":
    main()
