#!/usr/bin/env python3
"""The subsets of one lineage: a space of its own, names or numbers, and the marker genes of each by Wilcoxon's test."""

from pathlib import Path
from typing import NamedTuple

import _one_thread  # noqa: F401
from _cell_space import arrange, batches
from _cli import FILE, command
from _errors import InputError
from _matrices import cell_ids, gene_names, gene_selection, per_10k, read_blocks, shared_genes
from _naming import group_means, marker_genes, name_subsets, part_evidence, read_markers
from _refine import refine
from _shares import fdr
from _tables import UNASSIGNED, by_sample, read_samples, write_parquet, write_table
from _variable_genes import FEW_CELLS, comparable, gene_statistics, read_patterns, variable_genes

import click
import numpy as np

TESTED_CELLS, DETECTED, KEPT = 10, 0.1, 200  # cells per subset; share of cells in a subset; genes per subset
COMPARED = 10  # markers of each subset that are reported for all subsets
NUMBERED_CELLS, NUMBERED_SHARE = 20, 0.02  # smaller clusters are no subset: doublets form such


class Sample(NamedTuple):
    """The lineage's cells of one sample."""

    cell_id: np.ndarray  # (N,)
    genes: np.ndarray  # (G,) symbols
    x: "csr_matrix"  # noqa: F821  (N, G) ln(1 + counts per 10,000), float32
    statistics: "DataFrame"  # noqa: F821  of gene_statistics


def read_sample(path: Path, wanted) -> Sample:
    """The wanted cells (ids) of a cells file, read once."""
    import scipy.sparse as sp

    genes, rows, blocks = gene_names(path), [np.empty(0, int)], []
    for positions, counts in read_blocks(path, wanted):
        rows.append(positions)
        blocks.append(per_10k(counts))
    statistics = gene_statistics(blocks, genes)
    for block in blocks:
        block.sort_indices()
        np.log1p(block.data, out=block.data)
    x = sp.vstack([sp.csr_matrix((0, len(genes)), dtype=np.float32), *blocks], format="csr")
    return Sample(cell_ids(path).to_numpy()[np.concatenate(rows)], genes.to_numpy(), x, statistics)


def columns_of(samples: list[Sample], genes, upper: bool = False):
    """The columns of genes of all samples' cells, CSR (N, genes). upper: genes are in upper case, whatever samples have."""
    import scipy.sparse as sp

    matrices = []
    for sample in samples:
        known = [gene.upper() for gene in sample.genes] if upper else sample.genes
        matrices.append(sample.x if np.array_equal(known, genes) else sample.x @ gene_selection(known, genes))
        matrices[-1].sort_indices()
    return sp.vstack(matrices, format="csr")


def name_parts(samples: list[Sample], groups: tuple[np.ndarray, np.ndarray], cell_type, markers, numbered: str | None):
    """Evidence per part of the lineage's N cells, and their parts (N,).

    groups: cluster and part number of every cell. cell_type: (N,). Clusters and parts are divided by cell type; not where
    clusters are `numbered` by that word.
    """
    import pandas as pd

    if numbered:
        whole = part = groups[0]
    else:
        divided = ([f"{number} {name}" for number, name in zip(group, cell_type, strict=True)] for group in groups)
        whole, part = (pd.factorize(np.array(group, dtype=object), sort=True)[0] for group in divided)
    genes = marker_genes(markers)
    x = columns_of(samples, genes, upper=True)
    means = [group_means(x, group) for group in (part, whole)]
    evidence = name_subsets(means, part, whole, genes, markers, cell_type)
    if numbered:
        evidence["cell_type"] = numbered_subsets(evidence, numbered)
    return evidence, part


def numbered_subsets(evidence, prefix: str) -> list[str]:
    """Names of clusters by rank in size, `unassigned` for small ones. evidence: rows in order of cluster number."""
    cells = evidence["n_cells"]
    large = cells >= max(NUMBERED_CELLS, NUMBERED_SHARE * cells.sum())
    return [f"{prefix}_{number + 1}" if large[number] else UNASSIGNED for number in evidence.index]


def renumber(names: np.ndarray) -> dict[str, str]:
    """New names of numbered ones (Plasma_2), numbered by size, largest first."""
    import pandas as pd

    split = pd.Series(names, dtype=object).str.extract(r"^(.+)_(\d+)$")
    counts = pd.Series(names[split[0].notna().to_numpy()]).value_counts()
    order = sorted(counts.index, key=lambda name: (-counts[name], name))
    rank: dict[str, int] = {}
    new = {}
    for name in order:
        word = name.rsplit("_", 1)[0]
        rank[word] = rank.get(word, 0) + 1
        new[name] = f"{word}_{rank[word]}"
    return new


def marker_statistics(x, genes: np.ndarray, subset: np.ndarray):
    """Every gene of every subset against the lineage's other cells, subsets of at least TESTED_CELLS.

    x: (N, G) log-normalised. Wilcoxon's rank-sum test, tie-corrected, with normal approximation (illico); auroc is
    U / (n1 n2), the chance that a cell of the subset has more of the gene than another one. log2_fold_change is
    of mean counts per 10,000 with 0.01 added to both. Without any cell the table is empty.
    """
    import anndata as ad
    import illico
    import pandas as pd
    import scipy.sparse as sp

    columns = ["subset", "gene", "n_cells", "log2_fold_change", "mean_in", "mean_out", "detected_in", "detected_out",
               "auroc", "z", "p_value", "q_value"]  # fmt: skip
    if not len(subset):
        return pd.DataFrame(columns=columns)
    data = ad.AnnData(sp.csr_matrix(x), obs=pd.DataFrame({"subset": subset}, index=np.arange(len(subset)).astype(str)))
    tested = illico.asymptotic_wilcoxon(
        data, is_log1p=True, group_keys="subset", reference=None, use_continuity=False, n_threads=1
    )
    linear, tables = x.expm1(), []
    for name in pd.unique(subset):
        inside = subset == name
        if inside.sum() < TESTED_CELLS or inside.all():
            continue
        result = tested.loc[name]
        means = [np.asarray(linear[side].mean(0)).ravel() for side in (inside, ~inside)]
        detected = [np.asarray((x[side] > 0).mean(0)).ravel() for side in (inside, ~inside)]
        table = pd.DataFrame({"subset": name, "gene": genes, "n_cells": int(inside.sum())})
        table["log2_fold_change"] = np.log2((means[0] + 0.01) / (means[1] + 0.01))
        table["mean_in"], table["mean_out"] = means
        table["detected_in"], table["detected_out"] = detected
        table["auroc"] = result["statistic"].to_numpy() / (inside.sum() * (~inside).sum())
        table["z"], table["p_value"] = result["z_score"].to_numpy(), result["p_value"].to_numpy()
        table["q_value"] = fdr(table["p_value"].fillna(1.0))
        tables.append(table)
    return pd.concat(tables) if tables else pd.DataFrame(columns=columns)


def leading(markers):
    """The markers a person reads: detected, q below 0.05 and raised, the KEPT highest z of a subset by their `rank`.

    The first COMPARED of each subset have a row in every other subset too, without a rank where they are none of its markers.
    """
    markers = markers.sort_values(["subset", "z", "gene"], ascending=[True, False, True])
    is_marker = (markers["detected_in"] >= DETECTED) & (markers["q_value"] < 0.05) & (markers["z"] > 0)
    rank = is_marker.groupby(markers["subset"]).cumsum().where(is_marker)
    markers.insert(2, "rank", rank.where(rank <= KEPT).astype("Int64"))
    compared = markers.loc[markers["rank"] <= COMPARED, "gene"]
    return markers[markers["rank"].notna() | markers["gene"].isin(compared)]


@command()
@click.argument("cells", nargs=-1, required=True, type=FILE)
@click.option("--samples", "sheet", required=True, type=FILE, help="samples.tsv")
@click.option(
    "--annotation", required=True, type=FILE, help="annotation.parquet: the lineage and cell type of every cell."
)
@click.option("--lineage", required=True, help="The lineage's name.")
@click.option("--markers", required=True, type=FILE, help="Table of subsets.")
@click.option(
    "--excluded", required=True, type=FILE, help="Table class, pattern: genes that may not be variable genes."
)
@click.option("--numbered", help="Name clusters by this word and their rank in size.")
@click.option("--integration", type=click.Choice(["harmony", "none"]), default="harmony")
@click.option("--integrate-over", type=click.Choice(["sample", "batch"]), default="sample")
@click.option("--resolution", type=click.FloatRange(0, min_open=True), default=1.0)
@click.option("--odds", type=click.FloatRange(0), default=0.5,
              help="How much likelier (natural log) another subset must be for a cell to move there.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0)
def main(
    cells: tuple[Path, ...],
    sheet: Path,
    annotation: Path,
    lineage: str,
    markers: Path,
    excluded: Path,
    numbered: str | None,
    integration: str,
    integrate_over: str,
    resolution: float,
    odds: float,
    seed: int,
) -> None:
    """Divide the cells of a lineage in CELLS (S.cells.h5ad of every sample) into subsets."""
    import pandas as pd

    samples = read_samples(sheet)
    known = pd.read_parquet(annotation, columns=["cell_id", "lineage", "cell_type"]).set_index("cell_id")
    known = known.loc[known["lineage"] == lineage, "cell_type"]
    paths = by_sample(cells, ".cells.h5ad", samples)
    read = [read_sample(path, known.index) for path in paths.values()]
    size = [len(of_sample.cell_id) for of_sample in read]
    table = pd.DataFrame({"cell_id": np.concatenate([of_sample.cell_id for of_sample in read]), "lineage": lineage})
    for missing in known.index.difference(table["cell_id"]):
        raise InputError(f"{missing}: is in {annotation.name} but in none of the matrices; give all samples")
    cell_type, sample = known[table["cell_id"]].to_numpy(object), np.repeat(list(paths), size)

    large = [n >= min(FEW_CELLS, max(size)) for n in size]
    statistics = {name: read[i].statistics for i, name in enumerate(paths) if large[i]}
    expression = columns_of(read, variable_genes(comparable(statistics, read_patterns(excluded))).index)
    batch = batches(samples, sample, integration, integrate_over)
    space = arrange(expression, batch, integration, "louvain", resolution, seed)

    groups = space.clusters, space.parts
    evidence, part = name_parts(read, groups, cell_type, read_markers(markers), numbered)
    of_part = evidence["cell_type"].to_numpy(object)[part]
    subset, margin, rival = refine(expression, of_part, cell_type.astype(str), sample.astype(str), odds=odds)
    numbers = renumber(subset)
    table["subset"] = [numbers.get(name, name) for name in subset]
    table["margin"] = margin.astype(np.float32)
    table["rival"] = [numbers.get(name, name) for name in rival]
    table[["umap_1", "umap_2"]] = space.points

    genes = shared_genes([of_sample.genes for of_sample in read])
    rows = np.flatnonzero(subset != UNASSIGNED)
    x = columns_of(read, genes)[rows]
    del read, expression
    top = leading(marker_statistics(x, genes, table["subset"].to_numpy(str)[rows]))
    top.insert(0, "lineage", lineage)
    evidence = part_evidence(evidence, space.clusters, part, sample)
    write_parquet(table, f"{lineage}.subsets.parquet")
    write_table(evidence, f"{lineage}.subset_evidence.tsv", digits=4)
    write_table(top, f"{lineage}.markers.tsv", digits=5)


if __name__ == "__main__":
    main()
