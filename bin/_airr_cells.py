#!/usr/bin/env python3
"""Receptor chains of cells as scirpy reads them (AIRR rearrangements in an AnnData), and its receptor model of them."""

import warnings

import _compiled  # noqa: F401

import numpy as np

# What the receptor model reads, and what else is kept of a chain.
MODEL_FIELDS = ["locus", "productive", "junction", "junction_aa", "duplicate_count", "consensus_count"]
AIRR_FIELDS = ["sequence_id", *MODEL_FIELDS, "v_call", "d_call", "j_call", "c_call"]


def airr_cells(chains, cell: np.ndarray, obs):
    """AnnData without a matrix: the cells of `obs`, their chains in obsm['airr'], in the order of the rows.

    chains: one row per chain, columns by AIRR's names: text (missing: null), whole numbers or yes/no. cell: for each chain
    the place of its cell in obs, whose index has the cells' names. Columns are taken whole (0.5 s for 200,000 chains):
    scirpy's readers make a Python dictionary of each chain (46 s).
    """
    import anndata as ad
    import awkward as ak
    import pyarrow as pa

    warnings.filterwarnings("ignore", message="Support for Awkward Arrays is currently experimental")
    chains = chains.iloc[np.argsort(cell, kind="stable")]
    fields = {}
    for name, column in chains.items():
        is_text = column.dtype.kind not in "biu"
        fields[name] = ak.from_arrow(pa.array(column, pa.string(), from_pandas=True)) if is_text else column.to_numpy()
    adata = ad.AnnData(obs=obs)
    adata.obsm["airr"] = ak.unflatten(ak.zip(fields), np.bincount(cell, minlength=len(obs)))
    return adata


def add_receptor_model(adata) -> None:
    """scirpy's receptor model (Sturm et al. 2020, doi 10.1093/bioinformatics/btaa611) of `airr_cells`.

    obsm['chain_indices'] (`index_chains`): each cell's primary and secondary chain of both types (VDJ, VJ), of the productive
    ones with amino acids, by UMIs, reads and junction. obs: receptor_type, receptor_subtype and chain_pairing (`chain_qc`).
    Numba compiles index_chains in every process, 5 s for any number of cells: functions on awkward arrays are not cached.
    """
    import scirpy

    scirpy.pp.index_chains(adata)
    scirpy.tl.chain_qc(adata)
    # What else it notes there holds addresses in memory, which differ from run to run.
    adata.uns["chain_indices"] = {name: adata.uns["chain_indices"][name] for name in ("model", "airr_key")}
