#!/usr/bin/env python3
"""Programmes that single cells run: the interferon response and the cell cycle, by their counts alone, at any depth.

A cell's interferon state is held against resting cells of its lineage at its own depth (assets/interferon_resting.tsv), not
against its neighbours: a sample whose cells are all high is high, and one whose cells are all low is low.
"""

from pathlib import Path
from typing import NamedTuple

from _errors import InputError
from _tables import read_text_table

import numpy as np

RESTING_QUANTILE = 0.99  # of resting cells at the same depth: cells above it are interferon-high
RAISED_QUANTILE = 0.75  # the same of cells that may follow others into an interferon-high subset
LEAST_GENES = 10  # measured interferon-stimulated genes, for anything to be said
CYCLE_GENES = (
    "MKI67",
    "TOP2A",
    "CDK1",
    "BIRC5",
    "NUSAP1",
    "TPX2",
    "CCNB2",
    "RRM2",
    "TYMS",
    "UBE2C",
    "CENPF",
    "CCNA2",
    "AURKB",
    "KIF11",
    "PCLAF",
    "KIAA0101",
    "TK1",
    "ZWINT",
    "CCNB1",
    "CDC20",
    "ASPM",
)  # fmt: skip  of S, G2 and M that resting cells all but lack (Whitfield 2002, doi 10.1091/mbc.02-02-0030; Tirosh 2016)
CYCLE_SEEN = 3  # different cycle genes in one cell, for it to be cycling
DISPERSION = "dispersion"  # the row of a lineage's dispersion in assets/interferon_resting.tsv


class Resting(NamedTuple):
    """What resting cells of one lineage show of the interferon-stimulated genes."""

    genes: list[str]  # (I,) symbols, upper case
    rate: np.ndarray  # (I,) counts per 10,000 of all genes
    dispersion: float  # of the genes' summed counts between cells: variance = mean + dispersion mean^2


def read_resting(path: Path, lineage: str) -> Resting | None:
    """The lineage's column of the table of resting cells; None where it has none."""
    table = read_text_table(path, ("gene", "aliases"), comment="#")
    if lineage not in table:
        return None
    genes, aliases = table["gene"].str.upper(), table["aliases"].str.upper()
    is_gene = genes.ne(DISPERSION.upper()).to_numpy()
    try:
        values = table[lineage].astype(float).to_numpy()
    except ValueError as error:
        raise InputError(f"{path.name}: the column {lineage} holds text; write numbers") from error
    if is_gene.sum() != len(table) - 1 or (values <= 0).any():
        raise InputError(f"{path.name}: needs one row '{DISPERSION}', and numbers above 0 in the column {lineage}")
    # A gene's other symbol is listed with the same rate: a reference holds one of the two.
    names = [(name, rate) for gene, also, rate in zip(genes[is_gene], aliases[is_gene], values[is_gene], strict=True)
             for name in (gene, *filter(None, also.split(";")))]  # fmt: skip
    return Resting([name for name, _ in names], np.array([rate for _, rate in names]), float(values[~is_gene][0]))


def interferon_high(
    counts, umis: np.ndarray, measured: np.ndarray, resting: Resting, quantile: float = RESTING_QUANTILE
) -> np.ndarray:
    """Which cells (N,) have more counts of the resting table's genes than a quantile of resting cells at their depth.

    counts: CSR (N, I), of the table's genes. umis: (N,) counts of all genes. measured: (I,) whether the reference has the gene; none
    is high where it has fewer than LEAST_GENES. A resting cell's count is negative binomial around its depth times the summed rate.
    """
    from scipy.stats import nbinom

    if measured.sum() < LEAST_GENES:
        return np.zeros(len(umis), bool)
    mean, size = umis * resting.rate[measured].sum() / 1e4, 1 / resting.dispersion
    observed = np.asarray(counts[:, np.flatnonzero(measured)].sum(1)).ravel()
    return observed > nbinom.isf(1 - quantile, size, size / (size + np.maximum(mean, 1e-9)))


def cycling(counts) -> np.ndarray:
    """Which cells (N,) show CYCLE_SEEN different genes of counts, CSR (N, cycle genes)."""
    return np.asarray((counts > 0).sum(1)).ravel() >= CYCLE_SEEN
