"""Cells of planted types, made from a few of the marker genes of each, and how the naming steps are given them."""

from _naming import marker_genes, read_markers

import anndata
import hdf5plugin
import numpy as np
import pandas as pd
import scipy.sparse as sp
from conftest import PROJECT

TYPES = {"CD4 T": "CD3D CD3E CD3G TRAC CD2 CD5 CD6 IL7R CD4 CD40LG ICOS", "CD8 T": "CD3D CD3E CD3G TRAC CD2 CD5 CD8A CD8B",
         "naive B": "CD19 CD79A CD79B PAX5 CD22 CD74 MS4A1 IGHD FCER2 IL4R BANK1",
         "memory B": "CD19 CD79A CD79B PAX5 CD22 CD74 MS4A1 CD27 TNFRSF13B AIM2 COCH",
         "plasma cell": "MZB1 SDC1 JCHAIN XBP1 TNFRSF17 DERL3 PRDM1 IRF4 FKBP11 SSR4",
         "classical monocyte": "LYZ CST3 FCN1 AIF1 LST1 TYROBP FCER1G CD14 VCAN S100A8 S100A9 S100A12"}  # fmt: skip
MARKERS = read_markers(PROJECT / "assets" / "markers.tsv")
GENES = marker_genes(MARKERS)


def blood(kinds, n=60, seed=0, ambient=0.05):
    """Log-normalised expression (cells, GENES) of n cells of each of the types, every gene with a little ambient RNA; their type."""
    rng = np.random.default_rng(seed)
    kind = np.repeat(kinds, n)
    rate = np.full((len(kind), len(GENES)), ambient)
    for name in set(kinds):
        rate[np.ix_(kind == name, [GENES.index(g) for g in TYPES[name].split() if g in GENES])] = 6.0
    return sp.csr_matrix(np.log1p(rng.poisson(rate)).astype(np.float32)), kind


def write_blood(folder) -> pd.Series:
    """S1.cells.h5ad of all types, integrated.parquet (reversed order, a part per type), expression.npz; the type of every cell."""
    x, kind = blood(list(TYPES))
    cells = pd.DataFrame(index=[f"S1:{i}" for i in range(len(kind))])
    counts = sp.csr_matrix(np.rint(np.expm1(x.toarray())).astype(np.int32))
    data = anndata.AnnData(counts, obs=cells, var=pd.DataFrame(index=GENES))
    data.write_h5ad(folder / "S1.cells.h5ad", compression=hdf5plugin.FILTERS["zstd"])
    part = np.unique(kind, return_inverse=True)[1]
    table = pd.DataFrame({"cell_id": cells.index[::-1], "sample": "S1", "cluster": 0, "part": part[::-1]})
    table.to_parquet(folder / "integrated.parquet")
    sp.save_npz(folder / "expression.npz", x[::-1])
    return pd.Series(kind, index=cells.index)


def profiles(rng, n=(300, 300, 40), n_genes=200):
    """Log-normalised expression of cells of three labels, a, b and rare, with fifteen genes of their own, and the labels."""
    label = np.repeat(["a", "b", "rare"], n)
    rate = np.full((len(label), n_genes), 0.5)
    for k, kind in enumerate(("a", "b", "rare")):
        rate[label == kind, 15 * k : 15 * k + 15] = 3
    return sp.csr_matrix(np.log1p(rng.poisson(rate)).astype(np.float32)), label.astype(object)
