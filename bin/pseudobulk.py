#!/usr/bin/env python3
"""Sums over the cells of each type and subset of one sample: counts, and what marker statistics need."""

from pathlib import Path

import _compiled  # noqa: F401
from _cli import FILE, command
from _errors import InputError
from _matrices import cell_ids, gene_names, log_per_10k_without_ig, read_blocks
from _tables import UNASSIGNED, named

import click
import numpy as np

LEVELS = ("cell_type", "subset")


def group_table(labels):
    """A row per cell type and subset, sorted: level, label, lineage (that of most of its cells) and n_cells."""
    import pandas as pd

    tables = []
    for level in LEVELS:
        known = labels[named(labels[level])].astype({level: str, "lineage": str})
        lineages = known.groupby(level)["lineage"]
        columns = {
            "level": level,
            "lineage": lineages.agg(lambda names: names.mode().iat[0]),
            "n_cells": lineages.size(),
        }
        tables.append(pd.DataFrame(columns).rename_axis("label").reset_index())
    return pd.concat(tables, ignore_index=True)[["level", "label", "lineage", "n_cells"]]


def summed(rows, by: str):
    """AnnData of the sums of every layer of `rows` over those of one value of the column `by`: values, sorted, x genes."""
    import anndata
    import pandas as pd
    import scanpy
    from scipy.sparse import csr_matrix

    sums = {name: scanpy.get.aggregate(rows, by=by, func="sum", layer=name) for name in rows.layers}
    obs = pd.DataFrame(index=next(iter(sums.values())).obs_names)
    return anndata.AnnData(
        obs=obs, var=rows.var, layers={name: csr_matrix(one.layers["sum"]) for name, one in sums.items()}
    )


def group_sums(path: Path, genes, labels):
    """AnnData, `<level>:<label>` x genes, layers CSR: counts, sum and sum of squares of log expression, cells that express.

    path: the cells file, read in blocks; labels: LEVELS of its cells, in its order. Cells without a label are a group too.
    """
    import anndata
    import pandas as pd

    labels, of_blocks = labels[list(LEVELS)].astype(object).fillna(UNASSIGNED), []
    for cells, counts in read_blocks(path):
        logs = log_per_10k_without_ig(counts, genes)
        squares = logs.astype(np.float64).power(2)
        layers = {"counts": counts, "log_sum": logs, "log_squares": squares, "cells": counts > 0}
        block = anndata.AnnData(obs=labels.iloc[cells], var=pd.DataFrame(index=genes), layers=layers)
        for level in LEVELS:
            sums = summed(block, level)
            sums.obs["group"] = level + ":" + sums.obs_names
            of_blocks.append(sums)
    return summed(anndata.concat(of_blocks, index_unique="-"), "group")


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
    table = group_table(known)
    groups = table["level"] + ":" + table["label"]
    table.insert(0, "sample", sample)
    table.index = sample + ":" + groups
    layers = dict(group_sums(cells, genes, known)[groups].layers)
    result = anndata.AnnData(layers.pop("counts"), obs=table, var=pd.DataFrame(index=genes), layers=layers)
    result.write_h5ad(f"{sample}.pseudobulk.h5ad", compression=hdf5plugin.FILTERS["zstd"])


if __name__ == "__main__":
    main()
