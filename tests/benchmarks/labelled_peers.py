"""Names of cells as others give them: as the tutorials do (clusters and marker scores) and CellTypist's.

Both get the cells that this pipeline's QC kept. No model of CellTypist is shipped with a package, so one is trained on
labelled sets; it is compared as such.
"""

import anndata as ad
import numpy as np
import pandas as pd

CELLS = 100  # of a type and set that CellTypist's model is trained on
PHAGOCYTES = frozenset({"classical monocyte", "nonclassical monocyte", "mononuclear phagocyte"})
# Markers as scanpy's and Seurat's tutorials list them for blood, with the textbook's for what blood lacks.
MARKERS = {
    frozenset({"CD4 T"}): ["CD3D", "CD3E", "IL7R", "CD4", "CCR7", "LTB"],
    frozenset({"CD8 T"}): ["CD3D", "CD3E", "CD8A", "CD8B", "GZMK"],
    frozenset({"NK"}): ["GNLY", "NKG7", "KLRF1", "KLRD1", "NCAM1", "FCER1G"],
    PHAGOCYTES: ["CD14", "LYZ", "S100A8", "S100A9", "FCN1", "FCGR3A", "MS4A7"],
    frozenset({"macrophage"}): ["C1QA", "C1QB", "C1QC", "MARCO", "MRC1", "APOE"],
    frozenset({"cDC"}): ["FCER1A", "CLEC10A", "CD1C", "CLEC9A"],
    frozenset({"pDC"}): ["LILRA4", "CLEC4C", "IL3RA", "GZMB"],
    frozenset({"naive B", "memory B", "B lineage"}): ["MS4A1", "CD79A", "CD79B", "CD19"],
    frozenset({"plasma cell"}): ["MZB1", "SDC1", "TNFRSF17", "XBP1"],
    frozenset({"megakaryocyte"}): ["PPBP", "PF4", "GP9"],
    frozenset({"erythroid"}): ["HBA1", "HBB", "AHSP", "ALAS2"],
    frozenset({"HSPC", "neutrophil precursor", "B precursor", "mast cell"}): ["CD34", "SPINK2", "AVP", "PROM1", "MPO"],
    frozenset({"neutrophil"}): ["CSF3R", "CXCR2", "FCGR3B", "G0S2"],
    frozenset({"epithelial"}): ["EPCAM", "KRT18", "KRT8", "KRT19"],
    frozenset({"stromal"}): ["COL1A1", "DCN", "PECAM1", "VWF"],
}


def prepare(cells: ad.AnnData) -> ad.AnnData:
    """Log-normalised expression with principal components and clusters, with the tutorials' settings."""
    import harmonypy
    import scanpy as sc

    cells = cells.copy()
    sc.pp.normalize_total(cells, target_sum=1e4)
    sc.pp.log1p(cells)
    several = cells.obs["sample"].nunique() > 1
    sc.pp.highly_variable_genes(cells, n_top_genes=min(2000, cells.n_vars), batch_key="sample" if several else None)
    sc.tl.pca(cells, n_comps=min(50, cells.n_obs - 1, int(cells.var["highly_variable"].sum()) - 1))
    if several:
        corrected = np.asarray(harmonypy.run_harmony(cells.obsm["X_pca"], cells.obs, ["sample"], verbose=False).Z_corr)
        cells.obsm["X_pca"] = corrected if len(corrected) == cells.n_obs else corrected.T
    sc.pp.neighbors(cells, use_rep="X_pca")
    sc.tl.leiden(cells, flavor="igraph", n_iterations=2)
    return cells


def tutorial_names(cells: ad.AnnData) -> list[frozenset[str]]:
    """Each cell's names: its cluster's type of the highest mean score."""
    import scanpy as sc

    scores = {}
    for names, genes in MARKERS.items():
        known = [gene for gene in genes if gene in cells.var_names]
        if known:
            sc.tl.score_genes(cells, known, score_name="score")
            scores[names] = cells.obs.groupby("leiden", observed=True)["score"].mean()
    table = pd.DataFrame({k: scores[names] for k, names in enumerate(scores)})
    best = table.idxmax(axis=1)
    return [list(scores)[best[cluster]] for cluster in cells.obs["leiden"]]


def celltypist_model(sets: list[ad.AnnData]):
    """A model of the labels of sets (obs column `types`)."""
    import celltypist

    genes = sorted(set.intersection(*(set(cells.var_names) for cells in sets)))
    rng, parts = np.random.default_rng(0), []
    for cells in sets:
        types = cells.obs["types"]
        for name in sorted(set(types) - {""}):
            part = cells[rng.permutation(np.flatnonzero((types == name).to_numpy()))[:CELLS]].copy()
            # To the depth of all genes, not of those in common.
            part.X = part.X.multiply(1e4 / np.asarray(part.X.sum(axis=1)).reshape(-1, 1)).log1p().tocsr()
            parts.append(part[:, genes])
    training = ad.concat(parts)
    labels = training.obs["types"].to_numpy()
    return celltypist.train(training.X.toarray(), labels=labels, genes=genes, use_SGD=True, check_expression=False)


def celltypist_names(cells: ad.AnnData, model) -> list[frozenset[str]]:
    """Each cell's names by a model, with majority voting in the clusters."""
    import celltypist

    found = celltypist.annotate(cells, model=model, majority_voting=True, over_clustering=cells.obs["leiden"])
    return [frozenset(name.split("|")) for name in found.predicted_labels["majority_voting"].astype(str)]
