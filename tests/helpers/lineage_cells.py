"""Small lineages of planted subsets: counts at a depth, with soup, as the modules of SUBCLUSTER take them."""

from _naming import read_markers
from _programmes import CYCLE_GENES, RAISED_QUANTILE, cycling, interferon_high, read_resting
from _subset_markers import Subsets, read_subsets
from _subset_parts import Lineage

import numpy as np
import scipy.sparse as sp
from conftest import PROJECT

ASSETS = PROJECT / "assets"
TYPES = read_markers(ASSETS / "markers.tsv")
RESTING = {name: read_resting(ASSETS / "interferon_resting.tsv", name) for name in ("T", "NK", "myeloid")}
# What cells show, counts per 10,000; interferon-high cells show ten times what resting ones do of the table's genes.
RATES = {
    "CD56dim": {"FCGR3A": 13, "FGFBP2": 20, "CX3CR1": 2, "PRF1": 25, "SPON2": 10, "GZMB": 40, "S1PR5": 3, "NKG7": 60, "KLRF1": 4},
    "CD56bright": {"GZMK": 12, "XCL1": 6, "XCL2": 5, "SELL": 8, "IL7R": 3, "KLRC1": 5, "CD44": 4, "PRF1": 12, "GZMB": 3,
                   "NKG7": 60, "KLRF1": 4},
    "CD4_naive": {"CCR7": 3, "SELL": 5, "LEF1": 3, "TCF7": 3, "MAL": 2, "NOSIP": 5, "CD3D": 10, "CD3E": 8, "S100A4": 8, "IL32": 8},
    "CD4_memory": {"S100A4": 25, "ITGB1": 1.5, "KLRB1": 9, "ANXA1": 9, "AQP3": 2, "IL32": 20, "CD3D": 10, "CD3E": 8, "CCR7": 0.5},
    "classical_monocyte": {"CD14": 8, "VCAN": 10, "S100A8": 300, "S100A9": 300, "FCN1": 20, "LYZ": 100, "CST3": 50},
    "plasma": {"MZB1": 30, "JCHAIN": 100, "XBP1": 12, "DERL3": 12, "TNFRSF17": 3},
}  # fmt: skip


def subsets(lineage: str) -> Subsets:
    """The project's table of subsets."""
    resting = RESTING.get(lineage)
    names = {*CYCLE_GENES, *(resting.genes if resting else ())}
    return read_subsets(ASSETS / "subsets.tsv", ASSETS / "subset_rates.tsv", names)


def genes_of(table: Subsets, lineage: str) -> list[str]:
    """All genes that names need."""
    listed = {gene for sign in ("positive", "negative") for genes in TYPES[sign] for gene in genes}
    return sorted({*table.genes(), *table.programme_genes, *listed})


def rate_of(kind: str, lineage: str, genes: list[str]) -> np.ndarray:
    """Counts per 10,000 (G,) of a kind: a key of RATES, with `+ISG` of interferon-high and `+cycle` of cycling cells."""
    name, *words = kind.split("+")
    rate = np.array([RATES[name].get(gene, 0.02) for gene in genes])
    if lineage in RESTING:
        fold = 10 if "ISG" in words else 0.5
        for gene, resting in zip(RESTING[lineage].genes, RESTING[lineage].rate, strict=True):
            rate[genes.index(gene)] = fold * resting
    if "cycle" in words:
        rate[[genes.index(gene) for gene in CYCLE_GENES]] = 4
    return rate


def draw(
    kinds: dict[str, int], lineage: str, cell_type: str, depth: int = 3000, soup: float = 0.02, seed: int = 0,
    samples: dict[str, int] | None = None, unmeasured: tuple[str, ...] = (),
) -> tuple[Lineage, np.ndarray]:  # fmt: skip
    """A lineage of so many cells of each kind, and every cell's kind. samples: number by kind, else all are of one sample.

    The soup is that of the lineage's cells; nothing is known of doublets and receptors.
    """
    table, rng = subsets(lineage), np.random.default_rng(seed)
    genes = genes_of(table, lineage)
    kind = np.repeat(list(kinds), list(kinds.values()))
    own = np.stack([rate_of(name, lineage, genes) for name in kinds])[
        np.repeat(np.arange(len(kinds)), list(kinds.values()))
    ]
    profile = own.mean(0) / 1e4
    umis = depth * rng.lognormal(0, 0.3, len(kind))
    mean = umis[:, None] * ((1 - soup) * own / 1e4 + soup * profile)
    counts = rng.poisson(mean * rng.gamma(5, 0.2, mean.shape))
    counts[:, np.isin(genes, unmeasured)] = 0
    sample = np.array([(samples or {}).get(name, 0) for name in kind])
    n_samples, matrix = int(sample.max()) + 1, sp.csr_matrix(counts)
    measured = ~np.isin(genes, unmeasured)
    resting, high = RESTING.get(lineage), np.zeros(len(kind), bool)
    where = [genes.index(gene) for gene in resting.genes] if resting else []
    raised = high
    if resting:
        high, raised = (
            interferon_high(matrix[:, where], umis, measured[where], resting, *quantile)
            for quantile in ((), (RAISED_QUANTILE,))
        )
    logged = sp.csr_matrix(np.log1p(1e4 * counts / umis[:, None]).astype(np.float32))
    cells = Lineage(
        genes, measured, matrix, logged, umis, sample, [f"S{i + 1}" for i in range(n_samples)],
        np.stack([profile] * n_samples), np.repeat(soup, n_samples), np.repeat(cell_type, len(kind)).astype(object),
        bool(resting), high, raised, cycling(matrix[:, [genes.index(gene) for gene in CYCLE_GENES]]), np.zeros(len(kind), bool), {},
    )  # fmt: skip
    return cells, kind


def in_soup_of_nk_cells():
    """100 memory CD4 T cells of a sample of many NK cells, whose cytotoxic genes stand in the ambient RNA."""
    cells, _ = draw({"CD4_memory": 100}, "T", "CD4 T")
    profile = cells.profile.copy()
    profile[0, cells.columns(["GZMB", "GNLY", "PRF1", "NKG7"])] = 0.01
    counts = cells.counts.tolil()
    for gene in ("GZMB", "GNLY", "PRF1", "NKG7"):
        counts[:, cells.columns([gene])[0]] = np.random.default_rng(0).poisson(0.02 * 0.01 * 3000, (100, 1))
    return cells._replace(profile=profile, counts=counts.tocsr())
