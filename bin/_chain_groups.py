#!/usr/bin/env python3
"""Which receptor chains of a patient, and which cells, the clone rule calls the same over all samples: scirpy's clonotypes."""

from _airr_cells import MODEL_FIELDS, add_receptor_model, airr_cells
from _chains import codes
from _gene_sets import is_family, narrowed
from _receptors import BCR

import numpy as np

RULES = ("similarity", "nucleotide", "amino_acid")
CHAIN = ["locus", "v_gene", "j_gene", "junction"]
FIELDS = ["locus", "v_call", "j_call", "junction", "junction_aa"]
# scirpy's Hamming distance holds lengths in eight bits: longer junctions must be identical.
COMPARED = "[A-Z]{1,127}"
BASES = "[ACGTN]+"


def scirpy_clonotypes(adata, rule: str, similarity: float, **how) -> np.ndarray:
    """scirpy's clonotypes of cells with chains, by rule and `how`: int codes, -1 without a chain that counts.

    nucleotide, amino_acid: identical junctions. similarity: single linkage of junctions of equal length that differ in at
    most 1 - similarity of their bases, both in whole per cent (Hamming; Gupta et al. 2017, doi 10.4049/jimmunol.1601850).
    """
    import scirpy

    if rule == "nucleotide":
        scirpy.tl.define_clonotypes(adata, key_added="clone", **how)
    else:
        metric, sequence = ("identity", "aa") if rule == "amino_acid" else ("normalized_hamming", "nt")
        scirpy.pp.ir_dist(adata, metric=metric, sequence=sequence, cutoff=round(100 * (1 - similarity)), n_jobs=1)
        scirpy.tl.define_clonotype_clusters(adata, metric=metric, sequence=sequence, key_added="clone", **how)
    return adata.obs["clone"].astype("Int64").fillna(-1).to_numpy(int)


def same_chains(chains, chain_type: str, rule: str, similarity: float, same_genes: bool) -> np.ndarray:
    """Groups of distinct chains of one type and locus: scirpy's clonotypes where each chain is a cell of its own. Codes.

    chains: locus, v_gene, j_gene, junction, junction_aa. same_genes: of equal V and J gene.
    """
    import awkward as ak

    fields = chains.rename(columns={"v_gene": "v_call", "j_gene": "j_call"})[FIELDS]
    adata = airr_cells(fields, np.arange(len(chains)), chains[["locus"]].reset_index(drop=True).rename(index=str))
    # A cell's only chain is its first: index_chains would be compiled for 5 s to say so.
    absent = np.full((len(chains), 2), -1)
    places = {name: absent + ([1, 0] if name == chain_type else 0) for name in ("VJ", "VDJ")}
    indices = {name: ak.mask(ak.Array(place), place >= 0) for name, place in places.items()}
    adata.obsm["chain_indices"] = ak.zip(indices | {"multichain": np.zeros(len(chains), bool)}, depth_limit=1)
    how = {"receptor_arms": chain_type, "dual_ir": "primary_only", "within_group": "locus"}
    return scirpy_clonotypes(adata, rule, similarity, **how, same_v_gene=same_genes, same_j_gene=same_genes)


def compared(chains):
    """Whether the rule `similarity` compares a chain's junction letter by letter; TCR rearrangements do not mutate."""
    return chains["locus"].isin(BCR) & chains["junction"].str.fullmatch(COMPARED)


def chain_groups(chains, rule: str, similarity: float):
    """Adds `exact` (code of locus, genes, junction), `unit` (of chains that the rule calls the same) and `open` (of _gene_sets).

    chains: own chains with locus, chain_type, v_gene, j_gene (several by commas), junction, junction_aa.
    """
    chains = narrowed(chains, compared(chains) & (rule == "similarity"), round(100 * (1 - similarity)))
    distinct, exact = chains.drop_duplicates(CHAIN), codes(chains[CHAIN])
    parts = [(np.ones(len(distinct), bool), rule, False)]
    if rule == "similarity":
        similar = compared(distinct) & ~distinct["v_gene"].map(is_family)
        tcr = ~distinct["locus"].isin(BCR) & distinct["junction"].str.fullmatch(BASES)
        parts = [(similar, rule, True), (~similar & ~tcr, "nucleotide", True), (tcr, "nucleotide", False)]
    unit, n = np.full(len(distinct), -1), 0
    for chain_type in ("VDJ", "VJ"):
        of_type = distinct["chain_type"] == chain_type
        for part, its_rule, same_genes in parts:
            rows = np.flatnonzero(of_type & part)
            if len(rows):
                unit[rows] = n + same_chains(distinct.iloc[rows], chain_type, its_rule, similarity, same_genes)
                n = unit.max() + 1
    return chains.assign(exact=exact, unit=unit[exact])


def cell_clonotypes(chains, rule: str, similarity: float):
    """scirpy's clonotypes of one receptor's cells: a shared VDJ and VJ chain of any place. Series of codes by cell_id."""
    import pandas as pd

    if rule == "similarity":
        bcr = chains["locus"].isin(BCR).all()
        chains, rule = (chains[compared(chains)], rule) if bcr else (chains, "nucleotide")
    cells = pd.Index(chains["cell_id"].unique())
    if not len(cells):
        return pd.Series(dtype=int)
    fields = chains.assign(v_call=chains["v_gene"], j_call=chains["j_gene"], productive=True)
    fields = fields[[*MODEL_FIELDS, "v_call", "j_call"]]
    adata = airr_cells(fields, cells.get_indexer(chains["cell_id"]), pd.DataFrame(index=cells))
    add_receptor_model(adata)
    arms = chains["chain_type"].unique()
    how = {"receptor_arms": arms[0] if len(arms) == 1 else "all", "dual_ir": "any", "within_group": "receptor_type"}
    mutated = rule == "similarity"
    return pd.Series(scirpy_clonotypes(adata, rule, similarity, **how, same_v_gene=mutated, same_j_gene=mutated), cells)


def own_chain_groups(chains, rule: str, similarity: float):
    """The usable own chains among judged ones (of CHAINS), with their groups.

    Where most junctions of a sample's library are known as amino acids only, those of all samples are compared.
    """
    own = chains[(chains["verdict"] == "own") & (chains["rank"] > 0)].copy()
    bare = own["junction"].isna().groupby([own["library"], own["cell_id"].str.split(":").str[0]]).transform("mean")
    amino_acids = bare.groupby(own["library"]).transform("max") > 0.5
    own["junction"] = own["junction"].mask(amino_acids).fillna(own["junction_aa"])
    return chain_groups(own, rule, similarity)
