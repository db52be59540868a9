#!/usr/bin/env python3
"""Receptors as others read them: the airr modality of scirpy's format, and one AIRR rearrangement table."""

from pathlib import Path

from _airr_cells import AIRR_FIELDS, add_receptor_model, airr_cells
from _chains import strongest_first
from _cli import FILE, FOLDER, command
from _errors import InputError
from _receptors import Lineages
from _tables import read_text_table

import click

ABOUT = ("sample", "patient", "timepoint", "lineage", "cell_type", "subset")


def modality(chains, cells, b_lineages):
    """AnnData without a matrix: cells with an own chain, chains in obsm['airr'], their order in 'chain_indices'.

    chains: own_chains.parquet of all patients; cells: cells.parquet, indexed by cell_id. `clone_id` is the B-cell
    clone in `b_lineages` and the T-cell clone elsewhere, or the only one there is.
    """
    import pandas as pd

    own = strongest_first(chains[(chains["verdict"] == "own") & chains["cell_id"].isin(cells.index)])
    shown = [name for name in cells if name in ABOUT or "bcr" in name or "tcr" in name]
    obs = cells.loc[cells.index.isin(own["cell_id"]), shown]
    for name in obs.columns[obs.dtypes == "boolean"]:
        obs[name] = pd.Categorical(obs[name].map({True: "yes", False: "no"}), ["no", "yes"])
    bcr, tcr = (obs[name].astype(object) for name in ("bcr_clone", "tcr_clone"))
    clone = bcr.where(obs["lineage"].isin(b_lineages), tcr).fillna(tcr).fillna(bcr)
    obs["clone_id"] = pd.Categorical(clone)
    obs["clone_id_size"] = clone.map(clone.value_counts()).astype(float)
    fields = own[AIRR_FIELDS].assign(umi_count=own["duplicate_count"])
    obs = obs.drop(columns=[name for name in obs if obs[name].isna().all()])
    adata = airr_cells(fields, obs.index.get_indexer(own["cell_id"]), obs)
    add_receptor_model(adata)
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
