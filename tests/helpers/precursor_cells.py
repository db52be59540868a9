"""Made cells for the precursors of B cells: counts of the table's genes at rates of real profiles, ambient RNA included."""

from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

PROJECT = Path(__file__).resolve().parents[2]
TABLE = PROJECT / "assets" / "precursor_genes.tsv"

# UMIs per 10,000. Blasts: Ph+ B-ALL, a third of what bulk RNA of sorted blasts shows, for 3' or 5' libraries show less of long genes.
# pro-B, pre-B, naive B, stem cells, T, monocytes: HCA census of marrow (assets/README.md).
_EARLY = {
    "DNTT": 43,
    "CD34": 1.0,
    "VPREB1": 25,
    "IGLL1": 38,
    "RAG1": 1.3,
    "RAG2": 1.1,
    "MME": 3.6,
    "SOX4": 12,
    "ERG": 1.8,
}
RATES = {
    "blast": {"CD19": 3.0, "CD79A": 4.0, "CD79B": 3.8, "PAX5": 3.6, "EBF1": 2.4, "CD22": 1.9, "BLNK": 1.4, "VPREB3": 0.9, "TCL1A": 4.3,
              "DNTT": 4.3, "CD34": 3.4, "VPREB1": 1.6, "IGLL1": 1.0, "RAG1": 2.0, "MME": 4.9, "SOX4": 4.1, "ERG": 1.0, "ARPP21": 0.4},
    "pro-B": _EARLY | {"CD19": 0.4, "CD79A": 8.7, "CD79B": 26, "PAX5": 0.8, "EBF1": 3.3, "CD22": 0.8, "BLNK": 1.6, "VPREB3": 26, "TCL1A": 0.2},
    "pre-B": {"CD19": 2.1, "CD79A": 15, "CD79B": 47, "PAX5": 2.6, "EBF1": 2.3, "CD22": 1.4, "BLNK": 1.0, "VPREB3": 17, "TCL1A": 32,
              "VPREB1": 11, "IGLL1": 19, "RAG1": 0.5, "RAG2": 0.8, "MME": 3.3, "SOX4": 15, "ARPP21": 2.1, "AKAP12": 1.2},
    "naive B": {"CD19": 1.0, "CD79A": 21, "CD79B": 9.0, "PAX5": 1.0, "EBF1": 0.7, "CD22": 2.4, "BLNK": 0.7, "VPREB3": 3.8, "TCL1A": 8.2,
                "SOX4": 0.15, "MME": 0.05},
    "stem": {"CD79A": 0.1, "CD79B": 0.4, "BLNK": 0.2, "CD34": 1.4, "SOX4": 6.3, "IGLL1": 6.5, "DNTT": 1.1, "ERG": 0.5, "MPO": 3.6},
    "T": {"CD3D": 7.7, "CD3E": 6.2, "CD3G": 3.0, "TRAC": 8.4, "CD2": 2.3, "SOX4": 0.3},
    "monocyte": {"LYZ": 200, "S100A8": 275, "S100A9": 296, "CD14": 7.2, "FCN1": 23, "VCAN": 13, "MNDA": 9.0, "SOX4": 0.8},
}  # fmt: skip
RATES["blast CD19-"] = RATES["blast"] | {"CD19": 0.0}
RATES["pre-B kappa"], RATES["pre-B lambda"] = (RATES["pre-B"] | {"IGKC": 45.0}, RATES["pre-B"] | {"IGLC2": 45.0})


def gene_table() -> pd.DataFrame:
    """The project's table, as the command reads it."""
    from _precursors import COLUMNS, checked_genes
    from _tables import read_text_table

    return checked_genes(read_text_table(TABLE, COLUMNS, comment="#"))


def make(kinds: dict[str, int], depth: float = 3000, soup: float = 0.08, seed: int = 0):
    """(counts CSR N x genes of the table, UMIs, kind per cell). A kind `A + B` is a doublet of equal halves of two cells' UMIs."""
    rng = np.random.default_rng(seed)
    genes = list(gene_table()["gene"])
    kind = np.repeat(list(kinds), list(kinds.values()))
    own = np.zeros((len(kind), len(genes)))
    for at, name in enumerate(kind):
        parts = name.split(" + ")
        for part in parts:
            for gene, rate in RATES[part].items():
                own[at, genes.index(gene)] += rate / len(parts)
    umis = np.rint(depth * rng.lognormal(0, 0.35, len(kind)) * np.where(np.char.find(kind, " + ") > 0, 2, 1)).clip(1000)
    profile = (own * umis[:, None]).sum(0) / umis.sum()
    mean = umis[:, None] * ((1 - soup) * own + soup * profile) / 1e4
    return sparse.csr_matrix(rng.poisson(mean).astype(float)), umis, kind
