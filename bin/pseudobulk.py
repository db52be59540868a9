#!/usr/bin/env python3
"""Sums over the cells of each type and subset of one sample: counts, and what marker statistics need."""

from pathlib import Path

import _compiled  # noqa: F401
from _cli import FILE, command
from _errors import InputError
from _matrices import cell_ids, gene_names, per_10k_without_ig, read_blocks
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
    """AnnData, `<level>:<label>` x genes, layers CSR: counts, sums and sums of squares of counts per 10,000 and of their logarithms,
    cells that express.

    path: the cells file, read in blocks; labels: LEVELS of its cells, in its order. Cells without a label are a group too.
    """
    import anndata
    import pandas as pd

    labels, of_blocks = labels[list(LEVELS)].astype(object).fillna(UNASSIGNED), []
    for cells, counts in read_blocks(path):
        rates = per_10k_without_ig(counts, genes)
        logs = rates.log1p()
        layers = {"counts": counts, "rate_sum": rates, "log_sum": logs, "cells": counts > 0}
        layers |= {f"{name}_squares": of.astype(np.float64).power(2) for name, of in (("rate", rates), ("log", logs))}
        block = anndata.AnnData(obs=labels.iloc[cells], var=pd.DataFrame(index=genes), layers=layers)
        for level in LEVELS:
            sums = summed(block, level)
            sums.obs["group"] = level + ":" + sums.obs_names
            of_blocks.append(sums)
    return summed(anndata.concat(of_blocks, index_unique="-"), "group")


def soup_of(cells, level: str, label: str) -> tuple[float, float]:
    """(UMIs of ambient RNA in a group, mean share of a cell's UMIs that they are); missing where AMBIENT has no estimate."""
    rows = cells[cells[level] == label]
    if "soup_umi" not in cells or rows["soup_umi"].isna().any():
        return np.nan, np.nan
    return float(rows["soup_umi"].sum()), float(rows["contamination"].mean())


@command()
@click.argument("cells", type=FILE)
@click.option("--sample", required=True, help="Name of the sample.")
@click.option("--labels", required=True, type=FILE, help="Labels of the patient's cells, or of the run's.")
@click.option("--ambient", type=FILE, help="The sample's ambient.parquet; without it nothing is known of the soup.")
@click.option("--soup", type=FILE, help="The sample's soup.parquet, with --ambient.")
def main(cells: Path, sample: str, labels: Path, ambient: Path | None, soup: Path | None) -> None:
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
    if ambient:
        known = known.join(pd.read_parquet(ambient).set_index("cell_id"))
    soups = [soup_of(known, *group) for group in zip(table["level"], table["label"], strict=True)]
    table[["soup_umi", "contamination"]] = np.reshape(soups, (-1, 2))
    share = pd.read_parquet(soup).set_index("gene")["share"].to_numpy() if soup else 0.0
    layers = dict(group_sums(cells, genes, known)[groups].layers)
    result = anndata.AnnData(
        layers.pop("counts"), obs=table, var=pd.DataFrame({"soup": share}, index=genes), layers=layers
    )
    result.write_h5ad(f"{sample}.pseudobulk.h5ad", compression=hdf5plugin.FILTERS["zstd"])


if __name__ == "__main__":
    main()
