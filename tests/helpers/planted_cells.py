"""Cells of planted types: a few of the marker genes of each, or all that reference profiles show, as the naming steps take them."""

from _cell_types import Cells
from _detected import pool_counts, soup_per_cell, soup_profile
from _naming import marker_genes, read_markers
from _profiles import read_profiles

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
PROFILES = read_profiles(PROJECT / "assets" / "profiles.parquet", GENES)


def blood(kinds, n=60, seed=0, ambient=0.05):
    """Log-normalised expression (cells, GENES) of n cells of each of the types, every gene with a little ambient RNA; their type."""
    rng = np.random.default_rng(seed)
    kind = np.repeat(kinds, n)
    rate = np.full((len(kind), len(GENES)), ambient)
    for name in set(kinds):
        rate[np.ix_(kind == name, [GENES.index(g) for g in TYPES[name].split() if g in GENES])] = 6.0
    return sp.csr_matrix(np.log1p(rng.poisson(rate)).astype(np.float32)), kind


def rate_of(kind: str) -> np.ndarray:
    """Counts per 10,000 (P,) of cells of a type, the mean of its profiles; `A+B`: of both, half each.

    What the type lacks by the marker table is 0: in the profiles that is their studies' ambient RNA.
    """
    rates = []
    for name in kind.split("+"):
        rate = np.nan_to_num(PROFILES.rate[PROFILES.cell_type == name]).mean(0)
        rate[[PROFILES.genes.index(gene) for gene in MARKERS.loc[name, "negative"]]] = 0
        rates.append(rate)
    return np.mean(rates, axis=0)


def draw(
    kinds: dict[str, int], depth: int = 3000, soup: float = 0.0, seed: int = 0, added: dict[str, float] | None = None
) -> tuple[Cells, np.ndarray]:
    """So many cells of each kind (of rate_of), of one sample, and the number of every cell's kind.

    depth: counts of a cell. soup: share of them that is ambient RNA, of the composition of all cells and of `added`, counts per
    10,000 by gene. Only the PROFILES' genes are drawn; all others are counted in the depth.
    """
    rng, group = np.random.default_rng(seed), np.repeat(np.arange(len(kinds)), list(kinds.values()))
    rate = np.stack([rate_of(kind) for kind in kinds])
    around = np.average(rate, axis=0, weights=list(kinds.values()))
    for gene, value in (added or {}).items():
        around[PROFILES.genes.index(gene)] += value
    counts = sp.csr_matrix(rng.poisson(((1 - soup) * rate[group] + soup * around) * depth / 1e4).astype(np.float32))
    umis, sample = np.full(len(group), float(depth)), np.zeros(len(group), int)
    pools = pool_counts(counts, umis, group, sample)
    ambient = soup_per_cell(pools, soup_profile(pools), np.array([soup]))
    return Cells(counts, umis, sample, ambient, np.ones(len(PROFILES.genes), bool), {}), group


def write_blood(folder) -> pd.Series:
    """S1.cells.h5ad of all TYPES, integrated.parquet (reversed order, a part per type), expression.npz; the type of every cell."""
    cells, group = draw(dict.fromkeys(TYPES, 60), depth=10_000)
    kind = np.array(list(TYPES))[group]
    names = pd.DataFrame(index=[f"S1:{i}" for i in range(len(kind))])
    rest = cells.umis - np.asarray(cells.counts.sum(1)).ravel()
    counts = sp.hstack([cells.counts, sp.csr_matrix(np.maximum(rest, 0)[:, None])], format="csr").astype(np.int32)
    data = anndata.AnnData(counts, obs=names, var=pd.DataFrame(index=[*PROFILES.genes, "OTHERS"]))
    data.write_h5ad(folder / "S1.cells.h5ad", compression=hdf5plugin.FILTERS["zstd"])
    table = pd.DataFrame({"cell_id": names.index[::-1], "sample": "S1", "cluster": 0, "part": group[::-1]})
    table.to_parquet(folder / "integrated.parquet")
    x = cells.counts.multiply(1e4 / cells.umis[:, None]).tocsr().log1p()
    sp.save_npz(folder / "expression.npz", x[::-1])
    return pd.Series(kind, index=names.index)


def profiles(rng, n=(300, 300, 40), n_genes=200):
    """Log-normalised expression of cells of three labels, a, b and rare, with fifteen genes of their own, and the labels."""
    label = np.repeat(["a", "b", "rare"], n)
    rate = np.full((len(label), n_genes), 0.5)
    for k, kind in enumerate(("a", "b", "rare")):
        rate[label == kind, 15 * k : 15 * k + 15] = 3
    return sp.csr_matrix(np.log1p(rng.poisson(rate)).astype(np.float32)), label.astype(object)
