"""A small cohort of planted cell types, written as QC writes it."""

import anndata
import hdf5plugin
import numpy as np
import pandas as pd
import scipy.sparse as sp
from conftest import PROJECT
from qc import gene_statistics

EXCLUDED = PROJECT / "assets" / "excluded_genes.tsv"


def counts(rng, n_cells: int, kinds: int = 3, n_genes: int = 400) -> tuple[sp.csr_matrix, np.ndarray]:
    """Poisson counts of `kinds` cell types, 20 genes of its own each, depth varying threefold."""
    kind = rng.integers(0, kinds, n_cells)
    rate = np.tile(rng.gamma(0.5, 2, n_genes), (n_cells, 1))
    for k in range(kinds):
        rate[kind == k, 20 * k : 20 * k + 20] += 6
    rate *= rng.uniform(0.5, 1.5, n_cells)[:, None]
    return sp.csr_matrix(rng.poisson(rate).astype(np.int32)), kind


def write_cohort(folder, n_cells: int) -> pd.Series:
    """Two samples of `n_cells` of three types each: S.cells.h5ad, S.genes.parquet, samples.tsv; the type of every cell."""
    rng = np.random.default_rng(1)
    genes = [f"GENE{i}" for i in range(395)] + ["IGHV1-2", "MT-CO1", "RPL3", "HBB", "FOS"]
    rows, kinds = [], []
    for name in ("S1", "S2"):
        x, kind = counts(rng, n_cells)
        cells = pd.DataFrame(index=[f"{name}:C{i}" for i in range(n_cells)])
        data = anndata.AnnData(x, obs=cells, var=pd.DataFrame(index=genes))
        data.write_h5ad(folder / f"{name}.cells.h5ad", compression=hdf5plugin.FILTERS["zstd"])
        gene_statistics(x, genes).to_parquet(folder / f"{name}.genes.parquet")
        rows.append({"sample": name, "patient": "P1", "timepoint": name, "day": len(rows), "batch": name})
        kinds.append(pd.Series(kind, cells.index))
    pd.DataFrame(rows).to_csv(folder / "samples.tsv", sep="\t", index=False)
    return pd.concat(kinds)
