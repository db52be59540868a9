#!/usr/bin/env python3
"""What each clone is, and how its cells are spread over cell types, subsets and time."""

from pathlib import Path

from _chains import read_own_chains, strongest
from _cli import FILE, command, multiqc_section, write_json
from _clones import RECEPTORS, clone_numbers, joined, of_receptor, read_labels, with_clones
from _guards import FEWEST, SURE, elsewhere, in_doublets
from _receptors import UNSWITCHED, Lineages, with_library
from _series import DESIGN
from _shares import wilson
from _tables import write_table

import click
import numpy as np

TWO = ("blast", "plasma")  # lineages of tumours that differ; B cells and their precursors are on the way to either
WHERE = ["timepoint", "day", *DESIGN, "cell_type", "subset"]


def counts_of(clone, values, order: dict[str, bool]):
    """Cells by clone and non-null value: clone, value, n; order: columns to sort by, and whether ascending."""
    import pandas as pd

    counts = pd.DataFrame({"clone": clone, "value": values}).dropna().value_counts().rename("n").reset_index()
    return counts.sort_values(list(order), ascending=list(order.values()))


def most_common(clone, values):
    """Most frequent non-null value per clone, ties by text. Series indexed by clone."""
    return counts_of(clone, values, {"n": False, "value": True}).groupby("clone")["value"].first()


def tally(clone, values):
    """Counts per clone as text, most frequent first: `IGHG1:12;IGHA1:3`."""
    counts = counts_of(clone, values, {"clone": True, "n": False, "value": True})
    texts = counts["value"].astype(str) + ":" + counts["n"].astype(str)
    return texts.groupby(counts["clone"]).agg(";".join)


def describe(cells, chains, receptor: str, expected: tuple[str, ...]):
    """One row per clone of a receptor, largest first.

    cells: kept cells with clone, evidence, lineage, cell_type, sample (clone null where none). chains: own ones.
    expected: lineages with this receptor; members elsewhere are suspects of doublets or contamination.
    """
    members = cells.dropna(subset="clone").set_index("cell_id")
    chains = strongest(chains[chains["library"] == receptor])
    chains = chains.assign(clone=chains["cell_id"].map(members["clone"])).dropna(subset="clone")
    odd = members.index[members["evidence"].isin(["other VJ", "VDJ"])]
    table = members.groupby("clone").size().rename("n_cells").to_frame()
    paired = members["evidence"].isin(["paired", "two VDJ chains"])
    paired &= members.index.isin(chains.loc[chains["cell_id"].duplicated(), "cell_id"])
    table["n_paired"] = paired.groupby(members["clone"]).sum()
    table["n_attached"] = members["evidence"].str.endswith("attached").groupby(members["clone"]).sum()
    for kind in ("VDJ", "VJ"):
        # A light chain that a cell does not share with its clone says nothing about the clone.
        rows = chains[(chains["chain_type"] == kind) & ((kind == "VDJ") | ~chains["cell_id"].isin(odd))]
        for name in ("locus", "v_call", "j_call", "junction_aa", "junction", "v_gene", "j_gene"):
            table[f"{name}_{kind.lower()}"] = most_common(rows["clone"], rows[name])
    heavy = chains[chains["chain_type"] == "VDJ"]
    table["n_junctions"] = heavy.groupby("clone")["junction"].nunique()
    table["n_junctions"] = table["n_junctions"].fillna(0).astype(np.int64)
    table["c_calls"] = tally(heavy["clone"], heavy["c_call"])
    known = heavy.dropna(subset="c_call") if receptor == "BCR" else heavy.iloc[:0]
    table["switched"] = (~known["c_call"].str.startswith(UNSWITCHED)).groupby(known["clone"]).mean()
    for name, column in (("lineages", "lineage"), ("cell_types", "cell_type"), ("samples", "sample")):
        table[name] = tally(members["clone"].to_numpy(), members[column].to_numpy())
    table["n_foreign"] = (~members["lineage"].isin(expected)).groupby(members["clone"]).sum()
    table["foreign_expected"], table["caution"] = across_lineages(cells, table["n_foreign"], expected)
    sides = [table[f"junction_aa_{kind}"].fillna("-") for kind in ("vdj", "vj")]
    table.insert(0, "label", sides[0] + "_" + sides[1])
    table.insert(0, "receptor", receptor)
    table = table.iloc[np.argsort(clone_numbers(table.index))]
    table["kept_apart"] = kept_apart(table)
    return table.drop(columns=[f"{gene}_gene_{kind}" for gene in "vj" for kind in ("vdj", "vj")]).reset_index()


def across_lineages(cells, n_foreign, expected: tuple[str, ...]) -> tuple:
    """Per clone: cells expected in lineages without the receptor, and in words whether doublets make what is there (elsewhere).

    n_foreign: cells there, by clone; cells, expected: as of describe. A clone of blasts and of plasma cells, which both have the
    receptor, is a finding where the fewer are more than all doublets of the two (methods/guards.md).
    """
    import pandas as pd
    from scipy.stats import poisson

    clones, inside = n_foreign.index, cells["lineage"].isin(expected)
    samples = cells["sample"].unique()

    def counts(rows):
        return (
            pd.crosstab(rows["clone"], rows["sample"]).reindex(index=clones, columns=samples, fill_value=0).to_numpy()
        )

    def around(rows):
        return rows["sample"].value_counts().reindex(samples, fill_value=0).to_numpy()

    wanted, words = elsewhere(n_foreign.to_numpy(), counts(cells[inside]), around(cells[~inside]))
    one, other = ((counts(rows), around(rows)) for rows in (cells[cells["lineage"] == name] for name in TWO))
    fewer = np.minimum(one[0].sum(axis=1), other[0].sum(axis=1))
    made = in_doublets(one[0], other[1]) + in_doublets(other[0], one[1])
    both = (fewer >= FEWEST) & (poisson.sf(fewer - 1, made) < SURE)
    found = np.where(both, f"{TWO[0]} and {TWO[1]} cells", "")
    return wanted, ["; ".join(filter(None, pair)) for pair in zip(found, words, strict=True)]


def kept_apart(table) -> list[str]:
    """For each clone whose label a larger one has, that clone and what differs: `P1.B2: IGHV3-33, there IGHV3-30`; else ''."""
    genes = [f"{gene}_gene_{kind}" for kind in ("vdj", "vj") for gene in "vj"]
    known = table[["label", *genes, "junction_vdj", "junction_vj"]].fillna("").astype(str)
    largest, texts = {}, []
    for clone, row in known.iterrows():
        there = known.loc[largest.setdefault(row["label"], clone)]
        differ = [f"{row[gene]}, there {there[gene]}" for gene in genes if row[gene] != there[gene]]
        for kind in ("vdj", "vj"):
            bases = [a != b for a, b in zip(row[f"junction_{kind}"], there[f"junction_{kind}"], strict=False)]
            if any(bases):
                differ.append(f"{sum(bases)} of {len(bases)} bases of the {kind.upper()} junction")
        texts.append("" if there.name == clone else f"{there.name}: {'; '.join(differ) or 'other partner chains'}")
    return texts


def spread(cells, receptor: str):
    """Clone x cell type x subset x time, tissue and sort: cells, and their share of the counted cells of that subset there.

    cells: kept cells with clone, counted, evidence, cell_type, subset, timepoint, day.
    """
    counted = cells[cells["counted"]]
    totals = counted.groupby(WHERE, observed=True).size().rename("total").reset_index()
    members = counted.dropna(subset="clone")
    members = members.assign(attached=members["evidence"].str.endswith("attached").astype(int))
    groups = members.groupby(["clone", *WHERE], observed=True)["attached"]
    table = groups.agg(n="size", n_attached="sum").reset_index().merge(totals, on=WHERE, how="left")
    table["share"], table["low"], table["high"] = wilson(table["n"], table["total"])
    table.insert(0, "receptor", receptor)
    numbers = clone_numbers(table["clone"])
    return table.iloc[np.lexsort((table["subset"], table["cell_type"], table["day"], numbers))]


def multiqc(clones, patient: str, rule: str) -> dict:
    """MultiQC custom content: cells by size of their clone."""
    import pandas as pd

    sizes = ["1", "2", "3-9", "10-99", "100+"]
    size = pd.cut(clones["n_cells"], [0, 1, 2, 9, 99, float("inf")], labels=sizes)
    data = {}
    for (receptor, name), n in clones.groupby(["receptor", size], observed=False)["n_cells"].sum().items():
        data.setdefault(f"{patient} {receptor}", {})[f"clone of {name}"] = int(n)
    return multiqc_section(
        "clonewatch_expansion", "Clonal expansion", f"Cells by the size of their clone. Clone rule: {rule}.",
        "bargraph", data, {"ylab": "cells"},
    )  # fmt: skip


@command()
@click.argument("clones", type=FILE)
@click.option("--patient", required=True, help="Patient; first part of the names of the output files.")
@click.option("--chains", required=True, type=FILE, help="Judged chains (parquet).")
@click.option("--labels", required=True, type=FILE, help="Kept cells with their types.")
@click.option("--lineages", required=True, type=FILE, help="Lineages in which a receptor is expected (TSV).")
def main(clones: Path, patient: str, chains: Path, labels: Path, lineages: Path) -> None:
    """Tables of a patient's clones. CLONES: clone per cell (parquet)."""
    cells = read_labels(labels, patient, ["sample", *WHERE, "libraries", "lineage"])
    cells = with_clones(cells, clones)
    own, known, rule = read_own_chains(chains), Lineages(lineages), cells["rule"].iloc[0]
    members = {receptor: of_receptor(with_library(cells, receptor), receptor) for receptor in RECEPTORS}
    table = joined([describe(here, own, name, known.possible(name)) for name, here in members.items()])
    where = joined([spread(here, name) for name, here in members.items()])
    for name, content in (("clones", table), ("clone_cells", where)):
        content.insert(0, "patient", patient)
        write_table(content.assign(rule=rule), f"{patient}.{name}.tsv")
    write_json(multiqc(table, patient, rule), f"{patient}.clone_table_mqc.json")


if __name__ == "__main__":
    main()
