#!/usr/bin/env python3
"""Receptors as others read them: the airr modality of scirpy's format, and one AIRR rearrangement table."""

from pathlib import Path

from _cli import FILE, FOLDER, command
from _errors import InputError
from _receptors import VDJ, VJ, Lineages
from _tables import read_text_table

import click

AIRR_TEXT = ("locus", "v_call", "d_call", "j_call", "c_call", "junction", "junction_aa", "sequence_id")
AIRR_NUMBER = ("duplicate_count", "consensus_count")
SORTED_BY = ("duplicate_count", "consensus_count", "junction", "junction_aa")


def own_chains(chains, cell_ids):
    """Own chains of the cells with column `cell` (their number), strongest first within a cell, and `place` in it.

    The order is that of scirpy's receptor model: UMIs, reads, junction, amino-acid junction, all descending.
    """
    own = chains[(chains["verdict"] == "own") & chains["cell_id"].isin(cell_ids)].reset_index(drop=True)
    own["cell"] = cell_ids.get_indexer(own["cell_id"])
    order = own.fillna({"junction": "", "junction_aa": ""}).sort_values(
        ["cell", *SORTED_BY], ascending=[True] + [False] * 4, kind="stable"
    )
    own = own.loc[order.index]
    return own.assign(place=own.groupby("cell").cumcount())


def chain_indices(own, n: int):
    """Places of the primary and secondary chain, {chain type: (n, 2), -1 where none}, and multichain cells (n,)."""
    import numpy as np

    usable = own[own["productive"] & own["junction_aa"].notna()]
    many, index = np.zeros(n, bool), {}
    for chain_type, loci in (("VJ", VJ), ("VDJ", VDJ)):
        chains = usable[usable["locus"].isin(loci)]
        rank = chains.groupby("cell").cumcount().to_numpy()
        cell, place = chains["cell"].to_numpy(), chains["place"].to_numpy()
        many[cell[rank > 1]] = True
        index[chain_type] = np.full((n, 2), -1)
        index[chain_type][cell[rank < 2], rank[rank < 2]] = place[rank < 2]
    return index, many


def chain_qc(own, index: dict, many):
    """receptor_type, receptor_subtype and chain_pairing per cell, as scirpy's `tl.chain_qc` names them."""
    import numpy as np

    first = np.searchsorted(own["cell"].to_numpy(), np.arange(len(many)))
    locus = own["locus"].to_numpy(object)
    seen = {name: np.zeros(len(many), bool) for name in (*VDJ, *VJ)}
    for places in index.values():
        for column in places.T:
            rows = np.flatnonzero(column >= 0)
            for name in seen:
                seen[name][rows[locus[first[rows] + column[rows]] == name]] = True
    ig = seen["IGH"] | seen["IGK"] | seen["IGL"]
    ab, gd = seen["TRA"] | seen["TRB"], seen["TRG"] | seen["TRD"]
    heavy, kappa, lam = (seen[name] & ~(ab | gd) for name in ("IGH", "IGK", "IGL"))
    subtypes = {
        "multichain": many,
        "TRA+TRB": ab & ~gd & ~ig,
        "TRG+TRD": gd & ~ab & ~ig,
        "IGH": heavy & ~kappa & ~lam,
        "IGH+IGL": lam & ~kappa,
        "IGH+IGK": kappa & ~lam,
        "IGH+IGK/L": lam & kappa & heavy,
    }
    none = ~(ig | ab | gd | many)
    subtype = np.select([none, *subtypes.values()], ["no IR", *subtypes], "ambiguous")
    kind = np.select([none, many, ig & ~(ab | gd), ~ig], ["no IR", "multichain", "BCR", "TCR"], "ambiguous")
    (vj, vj2), (vdj, vdj2) = ((index[chain_type] >= 0).T for chain_type in ("VJ", "VDJ"))
    pairing = np.select(
        [none, many, subtype == "ambiguous", vj2 & vdj2, vj & vdj2, vdj & vj2, vj & vdj, vdj],
        ["no IR", "multichain", "ambiguous", "two full chains", "extra VDJ", "extra VJ", "single pair", "orphan VDJ"],
        "orphan VJ",
    )  # fmt: skip
    return {"receptor_type": kind, "receptor_subtype": subtype, "chain_pairing": pairing}


def modality(chains, cells, b_lineages):
    """AnnData without a matrix: cells with an own chain, chains in obsm['airr'], their order in 'chain_indices'.

    chains: own_chains.parquet of all patients; cells: cells.parquet, indexed by cell_id. `clone_id` is the B-cell
    clone in `b_lineages` and the T-cell clone elsewhere, or the only one there is.
    """
    import anndata as ad
    import awkward as ak
    import numpy as np
    import pandas as pd

    names = cells.index[cells.index.isin(chains.loc[chains["verdict"] == "own", "cell_id"])]
    own = own_chains(chains, names)
    index, many = chain_indices(own, len(names))
    fields = {name: ak.from_iter(own[name].astype(object).where(own[name].notna(), None)) for name in AIRR_TEXT}
    fields |= {name: ak.Array(own[name].to_numpy(np.int64)) for name in AIRR_NUMBER}
    fields["umi_count"], fields["productive"] = (fields["duplicate_count"], ak.Array(own["productive"].to_numpy(bool)))
    about = ["sample", "patient", "timepoint", "lineage", "cell_type", "subset"]
    mine = [name for name in cells if name in about or "bcr" in name or "tcr" in name]
    obs = cells.loc[names, mine].copy()
    for name in obs.columns[obs.dtypes == "boolean"]:
        obs[name] = pd.Categorical(obs[name].map({True: "yes", False: "no"}), ["no", "yes"])
    bcr, tcr = (obs[name].astype(object) for name in ("bcr_clone", "tcr_clone"))
    clone = bcr.where(obs["lineage"].isin(b_lineages), tcr).fillna(tcr).fillna(bcr)
    obs["clone_id"] = pd.Categorical(clone)
    obs["clone_id_size"] = clone.map(clone.value_counts()).astype(float)
    for name, values in chain_qc(own, index, many).items():
        obs[name] = pd.Categorical(values)
    adata = ad.AnnData(obs=obs.drop(columns=[name for name in obs if obs[name].isna().all()]))
    adata.obsm["airr"] = ak.unflatten(ak.zip(fields), np.bincount(own["cell"], minlength=len(names)))
    options = {name: ak.mask(ak.Array(places), places >= 0) for name, places in index.items()}
    adata.obsm["chain_indices"] = ak.zip({**options, "multichain": ak.Array(many)}, depth_limit=1)
    adata.uns["chain_indices"] = {"model": "scirpy_dual_ir_v0.13", "airr_key": "airr"}
    return adata


def rearrangements(paths: list[Path]):
    """All patients' rearrangement tables, one below the other, as text."""
    import pandas as pd

    return pd.concat([read_text_table(path) for path in paths], ignore_index=True).fillna("")


@command()
@click.argument("results", type=FOLDER)
@click.option("--cells", required=True, type=FILE, help="cells.parquet of the run.")
@click.option("--lineages", required=True, type=FILE, help="Which lineages own a receptor: lineages.tsv.")
def main(results: Path, cells: Path, lineages: Path) -> None:
    """Join the receptors of the folder RESULTS: <patient>.own_chains.parquet, <patient>.airr_rearrangement.tsv."""
    import pandas as pd

    chains = sorted(results.glob("*.own_chains.parquet"))
    tables = sorted(results.glob("*.airr_rearrangement.tsv"))
    if not chains:
        raise InputError(f"{results}: no *.own_chains.parquet; give the results of CHAINS")
    table = pd.read_parquet(cells).set_index("cell_id")
    joined = pd.concat([pd.read_parquet(path) for path in chains], ignore_index=True)
    adata = modality(joined, table, Lineages(lineages).owners("BCR"))
    adata.write_h5ad("airr.h5ad", compression="gzip")
    if tables:
        rearrangements(tables).to_csv("airr_rearrangement.tsv", sep="\t", index=False)


if __name__ == "__main__":
    main()
