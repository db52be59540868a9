#!/usr/bin/env python3
"""Signature scores of the cells of one sample: interferon-stimulated genes and gene sets; a cell's scores need no other cell."""

from collections.abc import Iterable
from pathlib import Path

import _compiled  # noqa: F401
from _cli import FILE, command
from _errors import InputError
from _matrices import log_per_10k_without_ig
from _tables import read_text_table, write_parquet

import click
import numpy as np

BLOCK = 4096  # cells scored at a time
BATCH = 256  # of them dense at a time


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


def core_genes(path: Path, genes: Iterable[str]) -> list[str]:
    """Genes of the interferon core (gene, aliases) that the sample's reference has, by symbol or alias."""
    table, measured = read_text_table(path, ("gene", "aliases"), comment="#"), set(genes)
    core: list[str] = []
    for gene, aliases in zip(table["gene"], table["aliases"], strict=True):
        core += [name for name in (gene, *aliases.split(";")) if name in measured][:1]
    return core


def set_scores(matrix, sets: dict[str, list[str]], genes, method: str) -> np.ndarray:
    """Scores of gene sets by decoupler (cells x sets), 0 for a cell without counts.

    ulm: t values of a univariate linear model of a cell's expression of all genes on membership in the set
    (Badia-i-Mompel et al. 2022); aucell: Aibar et al. 2017. Genes without a count stay, so cells stay independent.
    decoupler copies what it is given twice, in double precision, and makes BATCH cells at a time dense.
    """
    import anndata
    import decoupler
    import pandas as pd

    net = pd.DataFrame(
        [(name, gene) for name, members in sets.items() for gene in members], columns=["source", "target"]
    )
    scores = np.zeros((matrix.shape[0], len(sets)))
    counted = np.flatnonzero(matrix.getnnz(axis=1))
    for start in range(0, len(counted), BLOCK):
        rows = counted[start : start + BLOCK]
        cells = anndata.AnnData(matrix[rows], var=pd.DataFrame(index=pd.Index(genes)))
        if method == "ulm":
            decoupler.mt.ulm(cells, net, tmin=1, empty=False, bsize=BATCH)
        else:
            decoupler.mt.aucell(cells, net, tmin=1, empty=False)
        scores[rows] = cells.obsm[f"score_{method}"][list(sets)]
    return scores


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
    used, core = usable_sets(sets, genes, min_genes), core_genes(isg, genes)
    if len(core) < min_genes:
        raise InputError(f"{sample}: {cells.name} holds {len(core)} genes of {isg.name}; these are human symbols.")
    matrix = log_per_10k_without_ig(data.X, genes)
    table = pd.DataFrame({"cell_id": data.obs_names.to_numpy()})
    table["isg_score"] = np.asarray(matrix[:, data.var_names.get_indexer(core)].mean(axis=1)).ravel()
    table["isg_score_genes"] = score_genes(matrix, genes, core, seed)
    scores = set_scores(matrix, used, genes, method)
    table = pd.concat([table, pd.DataFrame(scores, columns=list(used))], axis=1)
    write_parquet(table.astype(dict.fromkeys(table.columns[1:], np.float32)), f"{sample}.signatures.parquet")


if __name__ == "__main__":
    main()
