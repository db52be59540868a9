#!/usr/bin/env python3
"""The subsets of one lineage: a space of its own, names or numbers, and the marker genes of each by Wilcoxon's test."""

from pathlib import Path
from typing import NamedTuple

import _one_thread  # noqa: F401
from _cell_space import arrange, batches
from _cli import FILE, command
from _errors import InputError
from _matrices import cell_ids, gene_names, gene_selection, log_per_10k, read_blocks, shared_genes
from _naming import marker_genes, part_evidence, read_markers
from _programmes import (
    CYCLE_GENES,
    LEAST_GENES,
    RAISED_QUANTILE,
    RESTING_QUANTILE,
    cycling,
    interferon_high,
    read_resting,
)
from _receptors import Lineages
from _shares import fdr
from _subset_cells import contradicted_moves, place_cells
from _subset_markers import read_subsets
from _subset_parts import Lineage, failing_names, name_numbered, name_parts, out_of_state, with_soup
from _tables import UNASSIGNED, by_sample, read_samples, write_parquet, write_table
from _unfit_parts import foreign_receptors, read_metrics
from _variable_genes import N_GENES, comparable, ranked_genes, read_patterns

import click
import numpy as np

TESTED_CELLS, DETECTED, KEPT = 10, 0.1, 200  # cells per subset; share of cells in a subset; genes per subset
JUDGES = 2000  # genes next in rank to the variable ones, which judge where single cells are moved
COMPARED = 10  # markers of each subset that are reported for all subsets


class Sample(NamedTuple):
    """The lineage's cells of one sample."""

    cell_id: np.ndarray  # (N,)
    genes: np.ndarray  # (G,) symbols
    x: "csr_matrix"  # noqa: F821  (N, G) ln(1 + counts per 10,000), float32
    umis: np.ndarray  # (N,) counts of all genes
    counts: "csr_matrix"  # noqa: F821  (N, W) counts of the genes that names need
    profile: np.ndarray  # (W,) their share of the counts of all cells of the sample


def read_sample(path: Path, wanted, genes: list[str] = ()) -> Sample:
    """The wanted cells (ids) of a cells file, read once. genes: those that names need, upper case."""
    import scipy.sparse as sp

    known, ids = gene_names(path), cell_ids(path).to_numpy()
    select, keep = gene_selection(known.str.upper(), genes), np.isin(ids, wanted)
    rows, blocks, counts, umis = [np.empty(0, int)], [], [], [np.empty(0)]
    of_all = np.zeros(len(known))
    for positions, block in read_blocks(path):
        of_all += np.asarray(block.sum(0)).ravel()
        positions, block = positions[keep[positions]], block[keep[positions]]
        rows.append(positions)
        counts.append((block @ select).tocsr())
        umis.append(np.asarray(block.sum(1)).ravel().astype(float))
        blocks.append(log_per_10k(block))
        blocks[-1].sort_indices()
    x = sp.vstack([sp.csr_matrix((0, len(known)), dtype=np.float32), *blocks], format="csr")
    return Sample(
        ids[np.concatenate(rows)], known.to_numpy(), x, np.concatenate(umis),
        sp.vstack([sp.csr_matrix((0, len(genes))), *counts], format="csr"),
        (of_all @ select) / max(of_all.sum(), 1),
    )  # fmt: skip


def columns_of(samples: list[Sample], genes, upper: bool = False):
    """The columns of genes of all samples' cells, CSR (N, genes). upper: genes are in upper case, whatever samples have."""
    import scipy.sparse as sp

    matrices = []
    for sample in samples:
        known = [gene.upper() for gene in sample.genes] if upper else sample.genes
        matrices.append(sample.x if np.array_equal(known, genes) else sample.x @ gene_selection(known, genes))
        matrices[-1].sort_indices()
    return sp.vstack(matrices, format="csr")


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


def gather(
    samples: dict[str, Sample], genes: list[str], cell_type: np.ndarray, resting, facts, receptors: dict
) -> Lineage:
    """What names need of the lineage's cells, sample by sample. facts: of read_metrics, of these cells in their order."""
    import scipy.sparse as sp

    names, samples = list(samples), list(samples.values())
    known = [{gene.upper() for gene in sample.genes} for sample in samples]
    measured = np.array([all(gene in names for names in known) for gene in genes])
    counts = sp.vstack([sample.counts for sample in samples], format="csr")
    umis = np.concatenate([sample.umis for sample in samples])
    high = raised = np.zeros(len(umis), bool)
    where = [genes.index(gene) for gene in resting.genes] if resting else []
    if has_threshold := measured[where].sum() >= LEAST_GENES:
        high, raised = (
            interferon_high(counts[:, where], umis, measured[where], resting, quantile)
            for quantile in (RESTING_QUANTILE, RAISED_QUANTILE)
        )
    return Lineage(
        genes, measured, counts, columns_of(samples, genes, upper=True), umis,
        sample=np.repeat(np.arange(len(samples)), [len(sample.cell_id) for sample in samples]), samples=names,
        profile=np.stack([sample.profile for sample in samples]), soup=np.zeros(len(samples)), cell_type=cell_type,
        has_threshold=bool(has_threshold), high=high, raised=raised,
        cycles=cycling(counts[:, [genes.index(gene) for gene in CYCLE_GENES]]),
        doublet_like=facts["doublet_like"].to_numpy(bool), receptors=receptors,
    )  # fmt: skip


def placed(
    expression, others, of_part: np.ndarray, fit: np.ndarray, cell_type: np.ndarray, sample: np.ndarray, odds: float
):
    """Subset, margin and rival (N,) of every cell by its own expression; cells of parts that are unfit stay without a name.

    expression: (N, G) of the variable genes. others: (N, H) of genes that had no say in the clusters, which judge the moves.
    """
    subset, margin, rival = (
        np.full(len(fit), UNASSIGNED, dtype=object), np.full(len(fit), np.nan), np.full(len(fit), "", dtype=object)
    )  # fmt: skip
    rows = np.flatnonzero(fit)
    if len(rows):
        before, parent = of_part[rows], cell_type[rows].astype(str)
        after, margin[rows], rival[rows] = place_cells(expression[rows], before, parent, sample[rows].astype(str), odds)
        subset[rows] = after
        back = rows[contradicted_moves(others[rows], before, after, parent)]
        subset[back], margin[back], rival[back] = of_part[back], np.nan, ""
    return subset, margin, rival


def known_metrics(paths: tuple[Path, ...], cells):
    """QC's metrics (of read_metrics) of the annotated cells, in their order."""
    metrics = read_metrics(paths)
    for missing in cells.difference(metrics.index):
        raise InputError(f"{missing}: is annotated but in no table of QC metrics; give those of all samples")
    return metrics.loc[cells]


def take_away(evidence, subset: np.ndarray, failing: dict[str, str]) -> None:
    """Take failing names away from cells (subset: (N,)) and from the parts of the evidence table, which says why."""
    for name, why in failing.items():
        subset[subset == name] = UNASSIGNED
        parts = (evidence["cell_type"] == name).to_numpy()
        evidence.loc[parts, ["cell_type", "evidence"]] = UNASSIGNED, f"unnamed: {why}"


@command()
@click.argument("cells", nargs=-1, required=True, type=FILE)
@click.option("--samples", "sheet", required=True, type=FILE, help="samples.tsv")
@click.option(
    "--annotation", required=True, type=FILE, help="annotation.parquet: the lineage and cell type of every cell."
)
@click.option("--metrics", multiple=True, required=True, type=FILE, help="S.qc.parquet of every sample.")
@click.option("--lineage", required=True, help="The lineage's name.")
@click.option("--subsets", "subset_table", required=True, type=FILE, help="Table of subsets.")
@click.option(
    "--rates", required=True, type=FILE, help="Table subset, gene, rate: what cells of a subset show, per 10,000."
)
@click.option(
    "--resting", required=True, type=FILE, help="Table of interferon-stimulated genes in resting cells of lineages."
)
@click.option(
    "--markers", required=True, type=FILE, help="Table of cell types, whose markers subsets without own ones have."
)
@click.option("--lineages", required=True, type=FILE, help="Table of lineages: whose receptors contradict a part.")
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
    metrics: tuple[Path, ...],
    lineage: str,
    subset_table: Path,
    rates: Path,
    resting: Path,
    markers: Path,
    lineages: Path,
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
    annotated = pd.read_parquet(annotation, columns=["cell_id", "lineage", "cell_type"]).set_index("cell_id")
    known = annotated.loc[annotated["lineage"] == lineage, "cell_type"]
    resting_cells, types = read_resting(resting, lineage), read_markers(markers)
    programme_genes = {*CYCLE_GENES, *(resting_cells.genes if resting_cells else ())}
    subsets = read_subsets(subset_table, rates, programme_genes)
    genes = sorted({*subsets.genes(), *marker_genes(types), *programme_genes})
    paths = by_sample(cells, ".cells.h5ad", samples)
    read = [read_sample(path, known.index, genes) for path in paths.values()]
    size = [len(of_sample.cell_id) for of_sample in read]
    table = pd.DataFrame({"cell_id": np.concatenate([of_sample.cell_id for of_sample in read]), "lineage": lineage})
    for missing in known.index.difference(table["cell_id"]):
        raise InputError(f"{missing}: is in {annotation.name} but in none of the matrices; give all samples")
    cell_type, sample = known[table["cell_id"]].to_numpy(object), np.repeat(list(paths), size)

    allowed = comparable(
        {name: pd.Index(of_sample.genes) for name, of_sample in zip(paths, read, strict=True)}, read_patterns(excluded)
    )
    ranked = ranked_genes(columns_of(read, allowed), allowed, sample)
    expression, others = columns_of(read, ranked[:N_GENES]), columns_of(read, ranked[N_GENES : N_GENES + JUDGES])
    batch = batches(samples, sample, integration, integrate_over)
    space = arrange(expression, batch, integration, "louvain", resolution, seed)

    of_cells = known_metrics(metrics, annotated.index)
    receptors = foreign_receptors(of_cells, annotated["lineage"].astype(str), Lineages(lineages), lineage)
    rows = annotated.index.get_indexer(table["cell_id"])
    mine = {library: (has[rows], counted[rows], share) for library, (has, counted, share) in receptors.items()}
    whole = gather(dict(zip(paths, read, strict=True)), genes, cell_type, resting_cells, of_cells.iloc[rows], mine)
    whole = with_soup(whole, marker_genes(types), space.clusters)
    if numbered:
        evidence, part, fit = name_numbered(whole, space.clusters, space.parts, numbered, types)
    else:
        evidence, part, fit = name_parts(whole, space.clusters, space.parts, subsets, types)
    of_part = evidence["cell_type"].to_numpy(object)[part]
    subset, margin, rival = placed(expression, others, of_part, fit, cell_type, sample, odds)
    back = out_of_state(whole, of_part, subset, subsets)
    subset[back], margin[back], rival[back] = of_part[back], np.nan, ""
    take_away(evidence, subset, failing_names(whole, subset, subsets, types))
    numbers = renumber(subset)
    table["subset"] = [numbers.get(name, name) for name in subset]
    table["margin"] = margin.astype(np.float32)
    table["rival"] = [numbers.get(name, name) for name in rival]
    table[["umap_1", "umap_2"]] = space.points
    table["interferon_high"] = pd.array(whole.high if whole.has_threshold else [pd.NA] * len(table), "boolean")

    shared = shared_genes([of_sample.genes for of_sample in read])
    rows = np.flatnonzero(subset != UNASSIGNED)
    x = columns_of(read, shared)[rows]
    del read, expression, others, whole
    top = leading(marker_statistics(x, shared, table["subset"].to_numpy(str)[rows]))
    top.insert(0, "lineage", lineage)
    evidence["cell_type"] = [numbers.get(name, name) for name in evidence["cell_type"]]
    evidence = part_evidence(evidence, space.clusters, part, sample)
    write_parquet(table, f"{lineage}.subsets.parquet")
    write_table(evidence, f"{lineage}.subset_evidence.tsv", digits=4)
    write_table(top, f"{lineage}.markers.tsv", digits=5)


if __name__ == "__main__":
    main()
