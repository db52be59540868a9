#!/usr/bin/env python3
"""The variable genes of several samples: by scanpy from the cells of a lineage, or from the statistics of every sample."""

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


def comparable(genes: dict, patterns):
    """The genes, in the first sample's order, that all samples have and that are not excluded. genes: index by sample."""
    shared = next(iter(genes.values()))
    for others in genes.values():
        shared = shared.intersection(others, sort=False)
    if len(shared) < 50:
        names = ", ".join(list(genes)[:3])
        raise InputError(f"{names}: only {len(shared)} genes are in all samples; use one reference for all")
    return shared[excluded_genes(shared, patterns) == ""]


def ranked_genes(x, genes, sample: np.ndarray):
    """Genes (Index), those that vary most within samples first, by scanpy (Satija 2015).

    x: (N, G) log-normalised, CSR. sample: (N,) names; samples with less than FEW_CELLS cells have no say.
    """
    import pandas as pd
    import scanpy as sc
    from anndata import AnnData

    size = pd.Series(sample).map(pd.Series(sample).value_counts()).to_numpy()
    large = size >= min(FEW_CELLS, size.max())
    obs = pd.DataFrame({"sample": pd.Categorical(sample[large])}, index=np.flatnonzero(large).astype(str))
    cells = AnnData(x[large], obs, pd.DataFrame(index=genes))
    table = sc.pp.highly_variable_genes(cells, n_top_genes=N_GENES, batch_key="sample", inplace=False)
    order = ["highly_variable_nbatches", "dispersions_norm"]
    return table.set_axis(genes).sort_values(order, ascending=False, na_position="last", kind="stable").index


def variable_genes(samples: list, n_top: int = N_GENES):
    """Genes that vary within samples, best first, from the samples' means and variances alone.

    samples: one table per sample, indexed by the same genes, with n_cells (that express it), mean and var (ddof 1) of
    counts per 10,000. Dispersions are standardised
    within N_BINS bins of the mean in each sample (Satija 2015); genes are then ranked by the number of samples that
    choose them and their mean standardised dispersion: what scanpy.pp.highly_variable_genes(flavor="seurat",
    batch_key=...) computes from the cells. It would need all genes of all cells in one memory: of 22,251 simulated cells (1,620
    genes each) 0.3 GB, of a million 13 GB, and more than twice that in copies.
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
