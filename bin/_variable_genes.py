#!/usr/bin/env python3
"""The variable genes of several samples, from each gene's statistics in every sample; cells are not needed together."""

from collections.abc import Iterable
from pathlib import Path

from _errors import InputError
from _tables import read_text_table

import numpy as np

FEW_CELLS = 20  # samples with fewer have no say in the choice of genes
N_GENES = 2000
N_BINS = 20


def read_patterns(path: Path):
    """Genes that may not be variable genes: class, pattern of the upper-case symbol."""
    return read_text_table(path, ("class", "pattern"))


def excluded_genes(genes, patterns) -> np.ndarray:
    """Class of the first pattern that each gene's upper-case symbol matches, '' for none."""
    import pandas as pd

    upper = pd.Series(genes, dtype=object).str.upper()
    classes = np.full(len(upper), "", dtype=object)
    for name, group in patterns.groupby("class", sort=False):
        hit = upper.str.match("|".join(f"(?:{p})" for p in group["pattern"])).to_numpy(bool)
        classes[hit & (classes == "")] = name
    return classes


def gene_statistics(blocks: Iterable, genes):
    """Per gene n_cells (that express it), mean and var (ddof 1) of counts per 10,000 in blocks of cells (CSR)."""
    import pandas as pd

    total, square, seen, n = np.zeros(len(genes)), np.zeros(len(genes)), np.zeros(len(genes)), 0
    for block in blocks:
        n += block.shape[0]
        total += np.asarray(block.sum(0)).ravel()
        square += np.asarray(block.multiply(block).sum(0)).ravel()
        seen += np.bincount(block.indices, minlength=len(genes))
    mean = total / max(n, 1)
    var = np.maximum(square - n * mean**2, 0) / max(n - 1, 1)
    return pd.DataFrame({"n_cells": seen, "mean": mean, "var": var}, index=pd.Index(genes, name="gene"))


def comparable(statistics: dict, patterns) -> list:
    """The samples' statistics (tables by sample, indexed by gene) of the genes that all have and that are not excluded."""
    shared = next(iter(statistics.values())).index
    for table in statistics.values():
        shared = shared.intersection(table.index, sort=False)
    if len(shared) < 50:
        names = ", ".join(list(statistics)[:3])
        raise InputError(f"{names}: only {len(shared)} genes are in all samples; use one reference for all")
    allowed = shared[excluded_genes(shared, patterns) == ""]
    return [table.loc[allowed] for table in statistics.values()]


def variable_genes(samples: list, n_top: int = N_GENES):
    """Genes that vary within samples, best first, from the samples' means and variances alone.

    samples: one table per sample, indexed by the same genes, of gene_statistics. Dispersions are standardised
    within N_BINS bins of the mean in each sample (Satija 2015); genes are then ranked by the number of samples that
    choose them and their mean standardised dispersion: what scanpy.pp.highly_variable_genes(flavor="seurat",
    batch_key=...) computes from the cells.
    """
    import pandas as pd

    tables = []
    for stats in samples:
        table = pd.DataFrame({"means": 0.0, "dispersions": 0.0, "norm": 0.0, "chosen": 0.0}, index=stats.index)
        seen = stats[stats["n_cells"] > 0]
        mean = seen["mean"].where(seen["mean"] > 0, 1e-12)
        dispersion = np.log((seen["var"] / mean).replace(0, np.nan))
        mean = np.log1p(mean)
        groups = dispersion.groupby(pd.cut(mean, bins=N_BINS), observed=True)
        centre, spread = groups.transform("mean"), groups.transform("std")
        alone = spread.isna()  # a gene alone in its bin: its standardised dispersion is 1 by definition
        norm = (dispersion - centre.where(~alone, 0)) / spread.where(~alone, centre)
        ranked = np.sort(norm.dropna().to_numpy())[::-1]
        chosen = norm.fillna(-np.inf) >= (ranked[min(n_top, len(ranked)) - 1] if len(ranked) else np.inf)
        table.loc[seen.index] = np.column_stack([mean, dispersion, norm, chosen])
        tables.append(table)
    joined = pd.concat(tables).groupby(level=0, observed=True)
    result = joined.agg({"means": "mean", "dispersions": "mean", "norm": "mean", "chosen": "sum"})
    result = result.sort_values(["chosen", "norm"], ascending=False, na_position="last").head(n_top)
    return result.rename(columns={"norm": "dispersions_norm", "chosen": "n_samples"}).astype({"n_samples": int})
