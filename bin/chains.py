#!/usr/bin/env python3
"""Receptor chains of a patient's kept cells: which are the cells' own and which ambient, and chain categories per cell."""

from pathlib import Path

from _chains import chain_categories, index_chains, read_contigs
from _cli import FILE, command, multiqc_section, write_json
from _clones import RECEPTORS, read_labels
from _own_chains import own_receptor
from _receptors import Lineages
from _tables import write_parquet

import click


def categories(chains, cell_ids):
    """Chain categories of the kept cells for both receptors, `no IR` where a library shows no usable chain."""
    import pandas as pd

    table = pd.DataFrame(index=pd.Index(cell_ids, name="cell_id"))
    for receptor in RECEPTORS:
        seen = chain_categories(chains[chains["library"] == receptor])
        table = table.join(seen.reindex(table.index, fill_value="no IR").add_suffix(f"_{receptor.lower()}"))
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
@click.option("--keep-ambient", is_flag=True, help="Take every contig as the cell's own.")
def main(contigs: tuple[Path, ...], patient: str, labels: Path, lineages: Path, keep_ambient: bool) -> None:
    """Chains of all kept cells of a patient, own or ambient, and the chain category of each cell.

    CONTIGS: the contig tables of the patient's samples.
    """
    cells = read_labels(labels, patient, ["sample", "lineage"])
    chains = read_contigs(contigs, cells["cell_id"])
    chains["rank"] = index_chains(chains)
    chains["p_own"], chains["ambient"], chains["verdict"] = own_receptor(chains, cells, Lineages(lineages))
    if keep_ambient:
        chains.loc[chains["verdict"] != "other", "verdict"] = "own"
    pairing = categories(chains, cells["cell_id"])
    write_parquet(chains, f"{patient}.own_chains.parquet")
    write_parquet(pairing, f"{patient}.pairing.parquet")
    write_json(pairing_section(pairing, patient), f"{patient}.chains_mqc.json")
    write_json(verdict_section(chains, cells, patient), f"{patient}.own_chains_mqc.json")


if __name__ == "__main__":
    main()
