#!/usr/bin/env python3
"""Signature scores of the cells of one sample: interferon-stimulated genes and gene sets; a cell's scores need no other cell."""

from pathlib import Path

import _compiled  # noqa: F401
from _cli import FILE, command
from _errors import InputError
from _matrices import log_per_10k_without_ig
from _signature_scores import cell_scores, core_genes, read_sets, usable_sets
from _tables import write_parquet

import click
import numpy as np


def score_genes(matrix, genes, core: list[str], seed: int) -> np.ndarray:
    """scanpy's score: the core's mean minus that of genes as strong in this sample. For comparison: it needs
    the sample.
    """
    import anndata
    import pandas as pd
    import scanpy

    cells = anndata.AnnData(matrix, var=pd.DataFrame(index=pd.Index(genes)))
    scanpy.tl.score_genes(cells, core, random_state=seed)
    return cells.obs["score"].to_numpy()


@command()
@click.argument("cells", type=FILE)
@click.option("--sample", required=True, help="Name of the sample.")
@click.option("--isg", required=True, type=FILE, help="Core interferon-stimulated genes: gene, aliases.")
@click.option("--gene-sets", required=True, multiple=True, type=FILE, help="GMT files; may be given more than once.")
@click.option("--method", type=click.Choice(["ulm", "aucell"]), default="ulm", help="Score of a set.")
@click.option("--min-genes", type=click.IntRange(2), default=5, help="Fewest measured genes of a set.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Seed of scanpy's control genes.")
def main(
    cells: Path, sample: str, isg: Path, gene_sets: tuple[Path, ...], method: str, min_genes: int, seed: int
) -> None:
    """Score the cells of CELLS, one sample's h5ad of counts."""
    import anndata
    import hdf5plugin  # noqa: F401  (registers the zstd filter)

    sets = read_sets(gene_sets)
    data = anndata.read_h5ad(cells)
    genes = data.var_names.to_numpy()
    used, core = usable_sets(sets, genes, min_genes), core_genes(isg, genes)
    if len(core) < min_genes:
        raise InputError(f"{sample}: {cells.name} holds {len(core)} genes of {isg.name}; these are human symbols.")
    table = cell_scores(data.X, genes, core, used, method)
    table.insert(0, "cell_id", data.obs_names.to_numpy())
    table.insert(2, "isg_score_genes", score_genes(log_per_10k_without_ig(data.X, genes), genes, core, seed))
    write_parquet(table.astype(dict.fromkeys(table.columns[1:], np.float32)), f"{sample}.signatures.parquet")


if __name__ == "__main__":
    main()
