#!/usr/bin/env python3
"""Signature scores of the cells of one sample: interferon-stimulated genes and gene sets; a cell's scores need no other cell."""

from collections.abc import Iterable
from pathlib import Path

from _cli import FILE, command
from _errors import InputError
from _matrices import log_per_10k_without_ig
from _tables import read_text_table, write_parquet

import click
import numpy as np


def read_gmt(path: Path) -> dict[str, list[str]]:
    """Gene sets of a GMT file: name, description, genes, separated by tabs."""
    sets: dict[str, list[str]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
        fields = [field.strip() for field in line.split("\t")]
        if not line.strip():
            continue
        if len(fields) < 3 or not fields[0]:
            raise InputError(f"{path.name}, line {number}: not a gene set; write name, description, genes, with tabs.")
        if fields[0] in sets:
            raise InputError(f"{path.name}, line {number}: the set {fields[0]} is listed twice; rename one.")
        sets[fields[0]] = sorted({gene for gene in fields[2:] if gene})
    return sets


def read_sets(paths: Iterable[Path]) -> dict[str, list[str]]:
    """The gene sets of several files, which name no set alike."""
    sets: dict[str, list[str]] = {}
    for path in paths:
        new = read_gmt(path)
        twice = sorted(set(new) & set(sets))
        if twice:
            raise InputError(f"{path.name}: the set {twice[0]} is in another file too; rename one.")
        sets |= new
    return sets


def read_core(path: Path, genes: Iterable[str]) -> list[str]:
    """Genes of the interferon core that the sample's reference has, by symbol or alias."""
    table, measured = read_text_table(path, ("gene", "aliases"), comment="#"), set(genes)
    core: list[str] = []
    for gene, aliases in zip(table["gene"], table["aliases"], strict=True):
        core += [name for name in (gene, *aliases.split(";")) if name in measured][:1]
    return core


def membership(sets: dict[str, list[str]], genes) -> np.ndarray:
    """0/1 matrix, genes x sets (float32)."""
    position = {gene: row for row, gene in enumerate(genes)}
    matrix = np.zeros((len(genes), len(sets)), dtype=np.float32)
    for column, members in enumerate(sets.values()):
        matrix[[position[gene] for gene in members if gene in position], column] = 1
    return matrix


def ulm(matrix, members: np.ndarray) -> np.ndarray:
    """t values of a univariate linear model per cell and set (cells x sets), as decoupler's `ulm` over all
    genes.

    A cell's expression of all genes is regressed on membership in the set (Badia-i-Mompel et al. 2022). The
    closed form needs the sums over the set, over all genes and of squares only, so no cell is made dense.
    """
    from scipy.sparse import csr_matrix

    n_genes = matrix.shape[1]
    squares = csr_matrix((matrix.data**2, matrix.indices, matrix.indptr), shape=matrix.shape)
    total = np.asarray(matrix.sum(axis=1, dtype=np.float64))
    square = np.asarray(squares.sum(axis=1, dtype=np.float64))
    size = members.sum(axis=0, dtype=np.float64)
    covariance = np.asarray(matrix @ members, dtype=np.float64) - total * size / n_genes
    spread = np.sqrt((square - total**2 / n_genes) * (size - size**2 / n_genes))
    r = np.divide(covariance, spread, out=np.zeros_like(covariance), where=spread > 0)
    return r * np.sqrt((n_genes - 2) / ((1 - r + 2.2e-16) * (1 + r + 2.2e-16)))


def aucell(matrix, sets: dict[str, list[str]], genes) -> np.ndarray:
    """AUCell scores (Aibar et al. 2017) by decoupler: cells x sets. Genes without a count stay, so cells stay
    independent.
    """
    import anndata
    import decoupler
    import pandas as pd

    net = pd.DataFrame(
        [(name, gene) for name, members in sets.items() for gene in members], columns=["source", "target"]
    )
    cells = anndata.AnnData(matrix, var=pd.DataFrame(index=pd.Index(genes)))
    decoupler.mt.aucell(cells, net, tmin=1, empty=False)
    return cells.obsm["score_aucell"][list(sets)].to_numpy()


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


def usable_sets(sets: dict[str, list[str]], genes: Iterable[str], fewest: int) -> dict[str, list[str]]:
    """Sets of which at least `fewest` genes are measured."""
    measured = set(genes)
    return {name: members for name, members in sets.items() if sum(gene in measured for gene in members) >= fewest}


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
    import pandas as pd

    sets = read_sets(gene_sets)
    data = anndata.read_h5ad(cells)
    genes = data.var_names.to_numpy()
    used, core = usable_sets(sets, genes, min_genes), read_core(isg, genes)
    if len(core) < min_genes:
        raise InputError(f"{sample}: {cells.name} holds {len(core)} genes of {isg.name}; these are human symbols.")
    matrix = log_per_10k_without_ig(data.X, genes)
    table = pd.DataFrame({"cell_id": data.obs_names.to_numpy()})
    table["isg_score"] = np.asarray(matrix[:, data.var_names.get_indexer(core)].mean(axis=1)).ravel()
    table["isg_score_genes"] = score_genes(matrix, genes, core, seed)
    scores = ulm(matrix, membership(used, genes)) if method == "ulm" else aucell(matrix, used, genes)
    table = pd.concat([table, pd.DataFrame(scores, columns=list(used))], axis=1)
    write_parquet(table.astype(dict.fromkeys(table.columns[1:], np.float32)), f"{sample}.signatures.parquet")


if __name__ == "__main__":
    main()
