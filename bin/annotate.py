#!/usr/bin/env python3
"""Name the cells: by what their part of a cluster shows against reference profiles, then by each cell's own expression."""

from pathlib import Path

import _one_thread  # noqa: F401
from _cell_sets import NAMED, move_cells, set_apart
from _cell_types import Cells, name_groups
from _cli import FILE, command, multiqc_section, write_json
from _detected import pool_counts, soup_per_cell, soup_profile, soup_share
from _errors import InputError
from _foreign_labels import agreement, predicted_labels, read_labels
from _kinds import BLAST_SHARE
from _matrices import cell_ids, gene_names, gene_selection, read_blocks
from _naming import among, marker_genes, part_evidence, read_markers, receptor_cells, receptor_shares
from _profiles import Profiles, read_profiles
from _receptors import Lineages
from _tables import UNASSIGNED, write_parquet, write_table

import click
import numpy as np


def read_counts(paths: tuple[Path, ...], genes: list[str], cell_id):
    """Counts of genes (upper case), CSR float32 (N, P), and of all genes (N,) in the order of cell_id, and which genes all samples
    have (P,)."""
    import pandas as pd
    import scipy.sparse as sp

    positions = pd.Index(np.concatenate([cell_ids(path) for path in paths])).get_indexer(cell_id)
    for missing in cell_id[positions < 0]:
        raise InputError(f"{missing}: is in integrated.parquet but in no matrix; give all samples")
    counts, umis, measured = [], [], np.ones(len(genes), bool)
    for path in paths:
        names = gene_names(path).str.upper()
        selection = gene_selection(names, genes)
        measured &= among(genes, names)
        for _, block in read_blocks(path):
            counts.append((block.astype(np.float32) @ selection).tocsr())
            umis.append(np.asarray(block.sum(1)).ravel())
    return sp.vstack(counts, format="csr")[positions], np.concatenate(umis)[positions], measured


def doubtful_blasts(lineage: np.ndarray, sample: np.ndarray) -> np.ndarray:
    """Which cells (N,) have the name blast from cells of another sample: one where blasts take up BLAST_SHARE.

    Beside few of them markers cannot tell residual blasts from normal precursors, and neither is claimed.
    """
    blast = lineage == "blast"
    _names, number = np.unique(sample, return_inverse=True)
    share = (np.bincount(number, blast) / np.bincount(number))[number]
    return blast & (share < BLAST_SHARE) & bool((share >= BLAST_SHARE).any())


def cells_of(table, counts, umis, measured, markers, profiles: Profiles, contigs) -> Cells:
    """The cells of table (N rows: cell_id, sample, part), with the ambient RNA of their samples.

    counts: (N, P) of the profiles' genes. umis: (N,) of all genes. measured: (P,). The markers of the parts bound the ambient RNA.
    """
    sample = table["sample"].to_numpy(str)
    number = np.unique(sample, return_inverse=True)[1]
    pools = pool_counts(counts, umis, table["part"].to_numpy(), number)
    profile, marking = soup_profile(pools), among(profiles.genes, marker_genes(markers))
    share = soup_share(pools._replace(counts=pools.counts[:, marking]), profile[:, marking])
    receptors = receptor_cells(contigs, table["cell_id"].to_numpy(), sample)
    return Cells(counts, umis, number, soup_per_cell(pools, profile, share), measured, receptors)


def name_parts(table, cells: Cells, markers, profiles: Profiles, least: float, lead: float):
    """Evidence per part, of which the cells in table (N rows: cluster, part, sample) get lineage and cell_type."""
    part = table["part"].to_numpy()
    evidence = name_groups(cells, part, markers, profiles, least, lead)
    for library, (share, _of_highest) in receptor_shares(cells.receptors, part).items():
        evidence[f"{library.lower()}_share"] = share
    for column in NAMED:
        table[column] = evidence[column].to_numpy()[part]
    evidence.insert(0, "origin", "part")
    return part_evidence(evidence, table["cluster"].to_numpy(), part, table["sample"].to_numpy())


def withdraw_doubtful(table, part_type: np.ndarray, markers) -> None:
    """Take their names from doubtful blasts in table (N rows), and from what their parts are called (N,)."""
    doubtful = doubtful_blasts(table["lineage"].to_numpy(), table["sample"].to_numpy(str))
    parents = markers["parent"].reindex(table.loc[doubtful, "cell_type"])
    table.loc[doubtful, "lineage"] = lineages_of(markers).reindex(parents).to_numpy()
    table.loc[doubtful, "cell_type"] = part_type[doubtful] = UNASSIGNED


def lineages_of(markers):
    """Lineage by cell type, of the types that have one."""
    return markers.loc[markers["lineage"] != "", "lineage"]


def compare_labels(table, foreign: dict[str, np.ndarray], use: str):
    """Agreement of cell_type in table (N rows) with others' labels by source, (N,) with '' where there is none.

    With use `replace` the table takes them, the last source's before the others'; nothing is known of their margins then.
    """
    import pandas as pd

    pairs = [pd.DataFrame(columns=["cell_type", "label", "n_cells", "share", "same", "source"])]
    for source, labels in foreign.items():
        pairs.append(agreement(table["cell_type"].to_numpy(object), labels, source))
        if use == "replace":
            table.loc[labels != "", "cell_type"] = labels[labels != ""]
            table.loc[labels != "", ["margin", "rival"]] = np.nan, ""
    return pd.concat(pairs[1:] or pairs)


def margins(table, evidence):
    """Per cell type: cells, samples, named parts, the least and the median margin of its parts' names (a cell each
    counts), the runner-up of most cells, and of single cells the median log odds and the share that moved, in %."""
    import pandas as pd

    of_part = (
        evidence[evidence["origin"] == "part"]
        .set_index("part")[["margin", "runner_up"]]
        .rename(columns={"margin": "lead"})
    )
    # As annotation.tsv has it, with four digits, so that page and table agree.
    of_part["lead"] = of_part["lead"].map(lambda lead: float(f"{lead:.4g}"))
    joined = table.join(of_part, on="part")
    by_part = joined[~joined["moved"]].groupby("cell_type", observed=True)
    result = joined.groupby("cell_type", observed=True).agg(
        cells=("cell_id", "size"), samples=("sample", "nunique"), log_odds=("margin", "median"),
        moved=("moved", lambda s: 100 * s.mean()),
    )  # fmt: skip
    stated = by_part.agg(parts=("part", "nunique"), least=("lead", "min"), median=("lead", "median"))
    stated["runner_up"] = by_part["runner_up"].agg(lambda s: s.mode().iloc[0] if s.notna().any() else "")
    joined = pd.concat([result, stated], axis=1).fillna({"parts": 0, "runner_up": ""})
    return joined.sort_values("cells", ascending=False)


def multiqc(table) -> dict:
    """MultiQC custom content: the table of margins."""
    names = {
        "cells": ("Cells", "{:,.0f}"), "samples": ("Samples", "{:,.0f}"), "parts": ("Parts", "{:,.0f}"),
        "least": ("Least margin", "{:.2f}"), "median": ("Median margin", "{:.2f}"), "runner_up": ("Runner-up", None),
        "log_odds": ("Log odds", "{:.1f}"), "moved": ("% moved", "{:.1f}"),
    }  # fmt: skip
    headers = {
        key: {"title": title} | ({"format": style} if style else {"scale": False})
        for key, (title, style) in names.items()
    }
    data = {
        str(name): {k: v if isinstance(v, str) else float(v) for k, v in row.items() if v == v}
        for name, row in table[list(names)].iterrows()
    }
    text = (
        "Margin: lead of a part's type over the runner-up, over the parts of each type (annotation.tsv). Log odds: "
        "median over cells of how much likelier their type is than the next one. Moved: cells whose own expression gave "
        "them another type than their part has."
    )
    plot = {"title": "Cell types", "no_violin": True, "sort_rows": False, "col1_header": "Cell type"}
    return multiqc_section("annotate", "Cell types and their margins", text, "table", data, plot, headers=headers)


@command()
@click.argument("integrated", type=FILE)
@click.argument("expression", type=FILE)
@click.argument("cells", nargs=-1, required=True, type=FILE)
@click.option("--contigs", multiple=True, type=FILE, help="S.contigs.parquet of every sample with receptors.")
@click.option("--markers", required=True, type=FILE, help="Marker table.")
@click.option("--profiles", required=True, type=FILE, help="Reference profiles of cell types.")
@click.option("--lineages", required=True, type=FILE,
              help="Lineage table: lineages with a resolution and enough cells are written to lineages_found.tsv.")  # fmt: skip
@click.option(
    "--min-score", type=float, default=0.25, help="Minimum share of a type's markers that are detected in a named part."
)
@click.option("--min-margin", type=click.FloatRange(0), default=0.1,
              help="Minimum lead over the runner-up, per gene that tells the two apart; half of it between the scores of kinds.")  # fmt: skip
@click.option("--odds", type=click.FloatRange(0), default=2.0,
              help="How much likelier (natural log) another type must be for a cell to move there.")  # fmt: skip
@click.option("--min-cells", type=click.IntRange(4), default=50, help="Fewer cells of a lineage are not subclustered.")
@click.option("--labels", type=FILE, help="Your labels: cell_id, label.")
@click.option("--model", type=FILE, help="CellTypist model (.pkl) whose labels are compared too.")
@click.option("--labels-use", type=click.Choice(["check", "replace"]), default="check",
              help="Only tabulate where foreign labels differ, or take them (yours before a model's).")  # fmt: skip
def main(
    integrated: Path,
    expression: Path,
    cells: tuple[Path, ...],
    contigs: tuple[Path, ...],
    markers: Path,
    profiles: Path,
    lineages: Path,
    min_score: float,
    min_margin: float,
    odds: float,
    min_cells: int,
    labels: Path | None,
    model: Path | None,
    labels_use: str,
) -> None:
    """Name the cells of INTEGRATED (integrated.parquet) by CELLS (S.cells.h5ad of every sample).

    EXPRESSION (expression.npz): the variable genes of the same cells in the same order.
    """
    import pandas as pd
    import scipy.sparse as sp

    rows, subclustered = read_markers(markers), Lineages(lineages).subclustered()
    reference = read_profiles(profiles, marker_genes(rows))
    table = pd.read_parquet(integrated, columns=["cell_id", "sample", "cluster", "part"]).astype({"part": np.int64})
    foreign = {}
    if model:
        foreign["model"] = predicted_labels(cells, model).reindex(table["cell_id"]).fillna("").to_numpy(object)
    if labels:
        foreign["user"] = read_labels(labels, table["cell_id"].to_numpy())

    data = cells_of(table, *read_counts(cells, reference.genes, table["cell_id"]), rows, reference, contigs)
    limits = min_score, min_margin
    evidence = [name_parts(table, data, rows, reference, *limits)]
    part_type = table["cell_type"].to_numpy(object, copy=True)
    evidence.append(set_apart(table, data, evidence[0], rows, reference, *limits))
    withdraw_doubtful(table, part_type, rows)
    evidence.append(move_cells(table, sp.load_npz(expression).tocsr(), data, rows, reference, *limits, odds))
    evidence = pd.concat(evidence, ignore_index=True).drop(columns="runner_up_fits")
    del data

    before = table["cell_type"].to_numpy(object, copy=True)
    agreements = compare_labels(table, foreign, labels_use)
    moved = table["cell_type"] != before
    of_type = table["cell_type"].map(lineages_of(rows)).fillna(table["cell_type"])
    table["lineage"] = table["lineage"].mask(moved, of_type)
    table["moved"] = table["cell_type"] != part_type
    subclustered["n_cells"] = subclustered["lineage"].map(table["lineage"].value_counts()).fillna(0).astype(int)

    write_parquet(table, "annotation.parquet")
    write_table(evidence, "annotation.tsv", digits=4)
    write_table(agreements, "label_agreement.tsv", digits=4)
    write_table(subclustered[subclustered["n_cells"] >= min_cells], "lineages_found.tsv")
    write_json(multiqc(margins(table, evidence)), "annotate_mqc.json")


if __name__ == "__main__":
    main()
