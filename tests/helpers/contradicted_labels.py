"""Labels that a cell's own transcripts or receptor contradict, by a rule that knows nothing of this project's names.

CD4 and CD8 T cells: Poisson likelihoods of the cell's counts of CD4, CD8A and CD8B at its depth under both types. The
rates per 10,000 UMIs are those of T cells told apart by antibodies or beads (sets protein, malt, mudan and garnett of
docs/benchmarks.md: CD4 0.4-0.9, CD8A 2.8-4.8, CD8B 2.4-8.3, rounded to their middle); what such a cell does not
express is given the share that ambient RNA leaves.
"""

import numpy as np
import pandas as pd
import scipy.sparse as sp

GENES = ["CD4", "CD8A", "CD8B"]
RATES = {"CD4 T": np.array([0.7, 0.15, 0.15]), "CD8 T": np.array([0.15, 3.5, 5.0])}
ODDS = np.log(20)
# Genes that no other kind of these expresses; a kind's label is contradicted by three counts of another's and none of its own.
OWN = {
    "T": ["CD3D", "CD3E", "CD3G", "CD8B", "TRDC"], "B": ["CD79A", "MS4A1", "CD19", "VPREB3"], "NK": ["KLRF1", "NCAM1", "NCR1", "SH2D1B"],
    "myeloid": ["CD14", "FCN1", "VCAN", "S100A12", "MS4A7", "CD68", "C1QA", "FCER1A", "CLEC10A"],
    "granulocyte": ["FCGR3B", "CXCR2", "CMTM2", "MMP25"],
    "progenitor": ["CD34", "SPINK2", "PROM1", "CRHBP", "GATA2", "MPO", "ELANE", "DNTT", "KLF1", "GATA1", "CPA3"],
}  # fmt: skip
KINDS = {
    "T": {"CD4 T", "CD8 T", "gamma-delta T", "T cell"}, "B": {"naive B", "memory B", "B lineage"}, "NK": {"NK"},
    "myeloid": {"classical monocyte", "nonclassical monocyte", "mononuclear phagocyte", "macrophage", "cDC"},
    "granulocyte": {"neutrophil"}, "progenitor": {"HSPC"},
}  # fmt: skip


def kind_of(names: set[str]) -> str:
    """The kind that a label's names belong to, '' where it is none of these."""
    return next((kind for kind, members in KINDS.items() if names & members), "")


def contradicted(counts: sp.csr_matrix, genes: np.ndarray, types: list[set[str]], tcr: np.ndarray | None) -> np.ndarray:
    """Each cell's reason, '' where nothing contradicts its label. counts: cells x genes.

    types: the names that each cell's label allows; tcr: cells with a productive alpha and beta chain, if known.
    """
    where = pd.Index(genes)
    depth = np.asarray(counts.sum(axis=1)).ravel()

    def of(names: list[str]) -> np.ndarray:
        return np.asarray(counts[:, np.flatnonzero(where.isin(names))].sum(axis=1)).ravel()

    reasons = np.full(len(types), "", dtype=object)
    kinds = np.array([kind_of(names) for names in types])
    shown = {kind: of(names) for kind, names in OWN.items()}
    for kind in KINDS:
        for other in OWN:
            if other != kind and where.isin(OWN[other]).sum() >= 2:
                reasons[(kinds == kind) & (shown[kind] == 0) & (shown[other] >= 3)] = (
                    f"genes of {other} and none of {kind}"
                )
    if where.isin(GENES).sum() == len(GENES):
        found = np.column_stack([of([gene]) for gene in GENES])
        for name, other in (("CD4 T", "CD8 T"), ("CD8 T", "CD4 T")):
            own, rate = RATES[name], RATES[other]
            odds = found @ np.log(rate / own) - depth / 1e4 * (rate - own).sum()
            reasons[np.array([names == {name} for names in types]) & (odds >= ODDS)] = f"CD4, CD8A and CD8B of {other}"
    if tcr is not None:
        reasons[np.isin(kinds, ["B", "myeloid", "progenitor"]) & tcr] = "alpha and beta chain of a T cell"
    return reasons.astype(str)
