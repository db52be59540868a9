#!/usr/bin/env python3
"""Receptor chains of a patient's kept cells: which are the cells' own and which ambient, and chain categories per cell."""

from pathlib import Path

from _airr_cells import MODEL_FIELDS, add_receptor_model, airr_cells
from _chains import codes, read_contigs
from _cli import FILE, command, multiqc_section, write_json
from _clones import RECEPTORS, read_labels
from _genes import Genes
from _own_chains import own_receptor
from _receptors import Lineages
from _tables import write_parquet

import click
import numpy as np

SURPLUS = 3  # rank of usable chains beyond the two of a type that scirpy indexes


def ranks_and_categories(contigs):
    """scirpy's receptor model, each library of a cell by itself. (rank per contig, table of categories by library and cell_id).

    rank: 1 primary, 2 secondary, SURPLUS, 0 not usable (not productive, no amino-acid junction or no locus).
    """
    import pandas as pd
    import scirpy

    names = ["library", "cell_id"]
    cells = contigs[names].drop_duplicates().reset_index(drop=True).rename(index=str)
    fields = contigs[MODEL_FIELDS].assign(row=np.arange(len(contigs)))
    adata = airr_cells(fields, codes(contigs[names]), cells)
    add_receptor_model(adata)
    usable = contigs["productive"] & contigs["junction_aa"].notna() & (contigs["chain_type"] != "")
    rank = np.where(usable, SURPLUS, 0)
    for place in (1, 2):
        rows = scirpy.get.airr(adata, "row", [f"VJ_{place}", f"VDJ_{place}"]).to_numpy()
        rank[rows[pd.notna(rows)].astype(int)] = place
    return rank, adata.obs.set_index(names)


def categories(found, cell_ids):
    """Chain categories of the kept cells for both receptors, `no IR` where a library shows no usable chain."""
    import pandas as pd

    table = pd.DataFrame(index=pd.Index(cell_ids, name="cell_id"))
    for receptor in RECEPTORS:
        of_receptor = found[found.index.get_level_values("library") == receptor].droplevel("library").astype(str)
        table = table.join(of_receptor.reindex(table.index, fill_value="no IR").add_suffix(f"_{receptor.lower()}"))
    return table.reset_index()


def pairing_section(pairing, patient: str) -> dict:
    """MultiQC custom content: stacked bars of chain pairing per library."""
    data = {}
    for receptor in RECEPTORS:
        counts = pairing[f"chain_pairing_{receptor.lower()}"].value_counts().drop("no IR", errors="ignore")
        if len(counts):
            data[f"{patient} {receptor}"] = {str(name): int(n) for name, n in counts.sort_index().items()}
    return multiqc_section(
        "clonewatch_pairing", "Receptor chain pairing", "Cells by chain category of scirpy, ambient contigs included.",
        "bargraph", data, {"ylab": "cells"},
    )  # fmt: skip


def verdict_section(chains, cells, patient: str) -> dict:
    """MultiQC custom content: contigs by verdict, per library; verdicts in the order in which the lineages have them."""
    data = {}
    lineage = chains["cell_id"].map(cells.set_index("cell_id")["lineage"]).rename("lineage")
    for (library, _, verdict), n in chains.groupby(["library", lineage, "verdict"]).size().items():
        bars = data.setdefault(f"{patient} {library}", {})
        bars[verdict] = bars.get(verdict, 0) + int(n)
    return multiqc_section(
        "clonewatch_own_chains", "Own and ambient receptor contigs",
        "Contigs of kept cells: own, ambient (stray), undecided, or not judged (other).",
        "bargraph", data, {"title": "Receptor contigs", "ylab": "contigs"},
    )  # fmt: skip


@command()
@click.argument("contigs", nargs=-1, required=True, type=FILE)
@click.option("--patient", required=True, help="Patient; first part of the names of the output files.")
@click.option("--labels", required=True, type=FILE, help="Kept cells with their lineages.")
@click.option("--lineages", required=True, type=FILE, help="Lineages that have a BCR or a TCR (TSV).")
@click.option("--genes", required=True, type=FILE, help="V and J genes and the twins among them (TSV).")
@click.option("--keep-ambient", is_flag=True, help="Take every contig as the cell's own.")
def main(
    contigs: tuple[Path, ...], patient: str, labels: Path, lineages: Path, genes: Path, keep_ambient: bool
) -> None:
    """Chains of all kept cells of a patient, own or ambient, and the chain category of each cell.

    CONTIGS: the contig tables of the patient's samples.
    """
    cells = read_labels(labels, patient, ["sample", "lineage"])
    chains = read_contigs(contigs, cells["cell_id"])
    chains = Genes(genes).name_chains(chains)
    chains["rank"], found = ranks_and_categories(chains)
    chains["p_own"], chains["ambient"], chains["verdict"] = own_receptor(chains, cells, Lineages(lineages))
    if keep_ambient:
        chains.loc[chains["verdict"] != "other", "verdict"] = "own"
    pairing = categories(found, cells["cell_id"])
    write_parquet(chains, f"{patient}.own_chains.parquet")
    write_parquet(pairing, f"{patient}.pairing.parquet")
    write_json(pairing_section(pairing, patient), f"{patient}.chains_mqc.json")
    write_json(verdict_section(chains, cells, patient), f"{patient}.own_chains_mqc.json")


if __name__ == "__main__":
    main()
