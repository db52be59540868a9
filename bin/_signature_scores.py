#!/usr/bin/env python3
"""Scores of single cells: interferon-stimulated genes and gene sets; a cell's scores need no other cell."""

from collections.abc import Iterable
from pathlib import Path

from _errors import InputError
from _matrices import log_per_10k_without_ig
from _tables import read_text_table

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
    import _compiled  # noqa: F401

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


def usable_sets(sets: dict[str, list[str]], genes: Iterable[str], fewest: int) -> dict[str, list[str]]:
    """Sets of which at least `fewest` genes are measured."""
    measured = set(genes)
    return {name: members for name, members in sets.items() if sum(gene in measured for gene in members) >= fewest}


def cell_scores(counts, genes, core: list[str], sets: dict[str, list[str]], method: str):
    """`isg_score` (mean log-normalised expression of `core`) and the scores of sets: a row per row of counts (CSR, cells x genes)."""
    import pandas as pd

    matrix = log_per_10k_without_ig(counts, genes)
    table = pd.DataFrame(set_scores(matrix, sets, genes, method), columns=list(sets))
    table.insert(0, "isg_score", np.asarray(matrix[:, pd.Index(genes).get_indexer(core)].mean(axis=1)).ravel())
    return table
