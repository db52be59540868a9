#!/usr/bin/env python3
"""Sums over the cells of each type and subset of one sample: counts, and what marker statistics need."""

from pathlib import Path

from _cli import FILE, command
from _errors import InputError
from _matrices import cell_ids, gene_names, log_per_10k_without_ig, read_blocks
from _tables import named

import click
import numpy as np

LEVELS = ("cell_type", "subset")
BLOCK = 20_000  # cells at a time


def members(labels):
    """Rows of the result (level, label, lineage, n_cells) and the cells of each: groups x cells, CSR of ones."""
    import pandas as pd
    from scipy.sparse import csr_matrix

    rows, groups, cells = [], [], []
    for level in LEVELS:
        names = labels[level].astype(object)
        for label in sorted(names[named(names)].unique()):
            of_label = np.flatnonzero(names == label)
            lineage = labels["lineage"].iloc[of_label].astype(str).mode().iat[0]
            groups.append(np.full(of_label.size, len(rows)))
            cells.append(of_label)
            rows.append((level, label, lineage, of_label.size))
    table = pd.DataFrame(rows, columns=["level", "label", "lineage", "n_cells"])
    if not rows:
        return table, csr_matrix((0, len(labels)))
    where = np.concatenate(groups), np.concatenate(cells)
    return table, csr_matrix((np.ones(where[0].size), where), shape=(len(rows), len(labels)))


def sums(path: Path, genes, member) -> dict:
    """Groups x genes (CSR): counts, sum and sum of squares of log-normalised expression, cells that express the gene.

    path: the cells file, read in blocks; member: groups x its cells.
    """
    from scipy.sparse import csr_matrix

    totals: dict = {}
    for cells, counts in read_blocks(path, block=BLOCK):
        logs = log_per_10k_without_ig(counts, genes)
        values = {"counts": counts.data, "log_sum": logs.data, "log_squares": logs.data.astype(np.float64) ** 2}
        values["cells"] = np.ones(logs.nnz, dtype=np.int8)
        for name, data in values.items():
            matrix = csr_matrix((data, logs.indices, logs.indptr), shape=logs.shape)
            summed = member[:, cells] @ matrix
            totals[name] = totals[name] + summed if name in totals else summed
    return {name: total.tocsr() for name, total in totals.items()}


@command()
@click.argument("cells", type=FILE)
@click.option("--sample", required=True, help="Name of the sample.")
@click.option("--labels", required=True, type=FILE, help="Labels of the patient's cells, or of the run's.")
def main(cells: Path, sample: str, labels: Path) -> None:
    """Sum the counts of CELLS, one sample's h5ad, over cell types and subsets."""
    import anndata
    import hdf5plugin
    import pandas as pd

    known = pd.read_parquet(labels, columns=["cell_id", "lineage", *LEVELS]).set_index("cell_id")
    known, genes = known.reindex(cell_ids(cells)), gene_names(cells)
    if known["cell_type"].isna().all():
        raise InputError(f"{sample}: no cell of {cells.name} is in {labels.name}; give labels of the same run.")
    table, member = members(known)
    layers = sums(cells, genes, member)
    table.insert(0, "sample", sample)
    table.index = sample + ":" + table["level"] + ":" + table["label"]
    result = anndata.AnnData(layers.pop("counts"), obs=table, var=pd.DataFrame(index=genes), layers=layers)
    result.write_h5ad(f"{sample}.pseudobulk.h5ad", compression=hdf5plugin.FILTERS["zstd"])


if __name__ == "__main__":
    main()
