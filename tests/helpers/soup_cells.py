"""Cells of planted kinds with planted ambient RNA: the same volume of the sample's soup in every droplet, whatever is in it."""

from pathlib import Path

import anndata as ad
import hdf5plugin
import numpy as np
import pandas as pd
from scipy import sparse

FILLER = [f"GENE{number}" for number in range(200)]
# UMIs per 10,000 of each kind's own genes, its depth against a T cell's.
KINDS = {
    "T": ({"CD3D": 8, "CD3E": 7, "CD3G": 4, "TRAC": 12, "TRBC1": 4, "TRBC2": 6}, 1.0),
    "B": ({"CD79A": 15, "CD79B": 9, "MS4A1": 12, "BANK1": 4}, 1.0),
    "plasma": ({"IGKC": 1800, "IGHG1": 900, "IGHA1": 300, "JCHAIN": 100, "MZB1": 40}, 3.0),
    "myeloid": ({"LYZ": 120, "S100A8": 60, "S100A9": 70, "FCN1": 12, "CD14": 6}, 2.0),
}
GENES = [*dict.fromkeys(gene for genes, _ in KINDS.values() for gene in genes), "HBB", "ISG15", *FILLER]


def profile(kind: str) -> np.ndarray:
    """Expected share of the UMIs of a kind's cell (genes,), its own genes and those of every cell."""
    own = np.array([KINDS[kind][0].get(gene, 0.0) for gene in GENES]) / 1e4
    filler = np.random.default_rng(0).lognormal(0, 1.5, len(FILLER))
    own[-len(FILLER) :] = (1 - own.sum()) * filler / filler.sum()
    return own


def draw(
    sizes: dict[str, int],
    share: float,
    depth: float = 3000,
    doublets: float = 0.03,
    red: float = 0.02,
    seed: int = 0,
    raised=None,
):
    """(counts, kinds, planted contamination of each cell).

    share: of all UMIs that is soup; red: share of the soup that is haemoglobin of red cells, which are no cells of the sample; raised:
    {gene: share of UMIs} in every cell.
    """
    rng = np.random.default_rng(seed)
    kind = np.repeat(list(sizes), list(sizes.values()))
    total = depth * np.array([KINDS[name][1] for name in kind]) * rng.lognormal(0, 0.4, len(kind))
    mean = np.array([profile(name) for name in kind]) * total[:, None]
    for gene, value in (raised or {}).items():
        mean[:, GENES.index(gene)] += value * total
    second = np.flatnonzero(rng.random(len(kind)) < doublets)
    mean[second] += mean[rng.permutation(len(kind))[: len(second)]]
    soup = mean.sum(axis=0) / mean.sum() * (1 - red)
    soup[GENES.index("HBB")] += red
    volume = share / (1 - share) * mean.sum() / len(kind) * rng.lognormal(0, 0.3, len(kind))
    counts = rng.poisson(mean + volume[:, None] * soup)
    return (sparse.csr_matrix(counts.astype(np.int32)), kind, volume / (volume + mean.sum(axis=1)))


def write(path: Path, counts) -> None:
    """The cells file of a sample, named by its file."""
    sample = path.name.split(".")[0]
    var = pd.DataFrame(index=pd.Index(GENES))
    cells = ad.AnnData(
        counts, obs=pd.DataFrame(index=[f"{sample}:C{number}" for number in range(counts.shape[0])]), var=var
    )
    cells.write_h5ad(path, compression=hdf5plugin.FILTERS["zstd"])
