#!/usr/bin/env python3
"""Signature scores of the cells of one sample: interferon-stimulated genes and gene sets; a cell's scores
need no other cell.
"""

import json
import re
from importlib.metadata import version
from pathlib import Path

import click
import numpy as np

PACKAGES = ("click", "numpy", "pandas", "scipy", "anndata", "scanpy", "decoupler")
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
IMMUNOGLOBULIN = re.compile(r"^IG(?:H(?:[VDJ]\d|[ADEGM]\d?$|GP$)|[KL](?:[VJ]\d|C\d?$))")


def log_normalised(counts, genes):
    """log1p of counts per 10,000 (CSR float32, natural logarithm).

    Immunoglobulin genes are left out of a cell's total: they are half of a plasma cell's molecules, and their
    number follows the clone rather than the depth.
    """
    from scipy.sparse import csr_matrix

    other = np.array([not IMMUNOGLOBULIN.match(gene) for gene in genes], dtype=np.float64)
    total = np.asarray(counts @ other).ravel()
    scale = np.divide(1e4, total, out=np.zeros_like(total), where=total > 0)
    matrix = csr_matrix(counts, dtype=np.float32)
    matrix.data *= np.repeat(scale, np.diff(matrix.indptr)).astype(np.float32)
    np.log1p(matrix.data, out=matrix.data)
    return matrix


def read_gmt(path: Path) -> dict[str, list[str]]:
    """Gene sets of a GMT file: name, description, genes, separated by tabs."""
    sets: dict[str, list[str]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
        fields = [field.strip() for field in line.split("\t")]
        if not line.strip():
            continue
        if len(fields) < 3 or not fields[0]:
            raise click.ClickException(
                f"{path.name}, line {number}: not a gene set; write name, description, genes, with tabs."
            )
        if fields[0] in sets:
            raise click.ClickException(
                f"{path.name}, line {number}: the set {fields[0]} stands there twice; rename one."
            )
        sets[fields[0]] = sorted({gene for gene in fields[2:] if gene})
    return sets


def read_core(path: Path, genes) -> list[str]:
    """Genes of the interferon core that the sample's reference has, by symbol or alias."""
    import pandas as pd

    table = pd.read_csv(path, sep="\t", comment="#", dtype=str, keep_default_na=False)
    if not {"gene", "aliases"} <= set(table.columns):
        raise click.ClickException(
            f"{path.name}: no columns gene and aliases; give a tab-separated table with both."
        )
    known, found = set(genes), []
    for gene, aliases in zip(table["gene"], table["aliases"], strict=True):
        found += [name for name in (gene, *aliases.split(";")) if name in known][:1]
    return found


def membership(sets: dict[str, list[str]], genes) -> np.ndarray:
    """0/1 matrix, genes x sets (float32)."""
    position = {gene: at for at, gene in enumerate(genes)}
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


def usable_sets(
    sets: dict[str, list[str]], genes, fewest: int
) -> tuple[dict[str, list[str]], dict[str, int]]:
    """Sets with at least `fewest` measured genes, and the number of measured genes of each set."""
    known = set(genes)
    found = {name: sum(gene in known for gene in members) for name, members in sets.items()}
    return {name: members for name, members in sets.items() if found[name] >= fewest}, found


@click.command()
@click.argument("cells", type=FILE)
@click.option("--sample", required=True, help="Name of the sample.")
@click.option("--isg", required=True, type=FILE, help="Core interferon-stimulated genes: gene, aliases.")
@click.option(
    "--gene-sets", required=True, multiple=True, type=FILE, help="GMT files; may be given more than once."
)
@click.option(
    "--method", type=click.Choice(["ulm", "aucell"]), default="ulm", show_default=True, help="Score of a set."
)
@click.option(
    "--min-genes",
    type=click.IntRange(2),
    default=5,
    show_default=True,
    help="Fewest measured genes of a set.",
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of scanpy's control genes."
)
@click.version_option(" ".join(f"{name}={version(name)}" for name in PACKAGES), message="%(version)s")
def main(cells, sample, isg, gene_sets, method, min_genes, seed):
    """Score the cells of CELLS, one sample's h5ad of counts."""
    import anndata
    import hdf5plugin  # noqa: F401  (registers zstd for h5py)
    import pandas as pd

    sets: dict[str, list[str]] = {}
    for path in gene_sets:
        new = read_gmt(path)
        twice = sorted(set(new) & set(sets))
        if twice:
            raise click.ClickException(
                f"{path.name}: the set {twice[0]} stands in another file too; rename one."
            )
        sets |= new
    data = anndata.read_h5ad(cells)
    genes = data.var_names.to_numpy()
    used, found = usable_sets(sets, genes, min_genes)
    core = read_core(isg, genes)
    if len(core) < min_genes:
        raise click.ClickException(
            f"{sample}: {cells.name} holds {len(core)} genes of {isg.name}; these are human symbols."
        )
    matrix = log_normalised(data.X, genes)
    table = pd.DataFrame({"cell_id": data.obs_names.to_numpy()})
    table["isg_score"] = np.asarray(matrix[:, data.var_names.get_indexer(core)].mean(axis=1)).ravel()
    table["isg_score_genes"] = score_genes(matrix, genes, core, seed)
    scores = ulm(matrix, membership(used, genes)) if method == "ulm" else aucell(matrix, used, genes)
    table = pd.concat([table, pd.DataFrame(scores, columns=list(used))], axis=1)
    table = table.astype(dict.fromkeys(table.columns[1:], np.float32))
    facts = {
        "sample": sample,
        "cells": len(table),
        "method": method,
        "isg_genes": core,
        "sets": {name: {"genes": len(members), "measured": found[name]} for name, members in sets.items()},
        "left_out": sorted(set(sets) - set(used)),
    }

    table.to_parquet(f"{sample}.signatures.parquet", compression="zstd", index=False)
    Path(f"{sample}.signatures.json").write_text(
        json.dumps(facts, indent=1, allow_nan=False), encoding="utf-8"
    )


if __name__ == "__main__":
    main()
