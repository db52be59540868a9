#!/usr/bin/env python3
"""Join samples: one space of their variable genes, its clusters and layout, and whether it went well."""

from pathlib import Path

import _one_thread  # noqa: F401
from _cell_space import arrange, batches, cluster, neighbours
from _cli import FILE, command, multiqc_section, write_json
from _errors import InputError
from _matrices import cell_ids, gene_names, gene_selection, read_log_per_10k
from _tables import by_sample, read_samples, write_parquet, write_table
from _variable_genes import comparable, read_patterns, variable_genes

import click
import numpy as np

DIAGNOSTIC_CELLS, DIAGNOSTIC_NEIGHBOURS = 20_000, 30
MIXING_CELLS = 5_000  # 20,000 would take 18 s, before and after: as long as all the rest


def mixing(points: np.ndarray, sample: np.ndarray) -> float:
    """Mean LISI (Korsunsky 2019) of samples among neighbours of points (N, P); 1: one sample only."""
    import harmonypy
    import pandas as pd

    perplexity = min(DIAGNOSTIC_NEIGHBOURS, len(points) - 1) / 3  # LISI looks at three times as many neighbours
    return float(harmonypy.compute_lisi(points, pd.DataFrame({"sample": sample}), ["sample"], perplexity).mean())


def purity(graph, sample: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Per cell the share of its neighbours (graph: of neighbours) from its own sample that are of its own group; NaN without any."""
    near = graph.obsp["distances"].indices.reshape(len(sample), -1)[:, 1:]
    of_sample = sample[near] == sample[:, None]
    of_group = of_sample & (group[near] == group[:, None])
    return of_group.sum(1) / np.where(of_sample.any(1), of_sample.sum(1), np.nan)


def diagnose(before: np.ndarray, after: np.ndarray, sample: np.ndarray, seed: int) -> dict:
    """How far samples mix, and whether groups seen without integration stay apart, on at most 20,000 cells.

    before, after: (N, P) scores without and with integration; the groups are clusters of the former.
    """
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(sample))[:DIAGNOSTIC_CELLS]
    codes = np.unique(sample[chosen], return_inverse=True)[1]
    k = min(DIAGNOSTIC_NEIGHBOURS + 1, len(chosen))
    graph, _ = neighbours(before[chosen], k, seed)
    groups = cluster(graph.obsp["connectivities"], "louvain", 1.0, seed)
    purity_before = purity(graph, codes, groups)
    purity_after = purity(neighbours(after[chosen], k, seed)[0], codes, groups)
    few = chosen[:MIXING_CELLS]
    members = [groups == g for g in range(groups.max() + 1) if (groups == g).sum() >= 20]
    lost = [(int(m.sum()), float(np.nanmean(purity_before[m])), float(np.nanmean(purity_after[m]))) for m in members]
    return {
        "mixing_before": mixing(before[few], sample[few]), "mixing_after": mixing(after[few], sample[few]),
        "mixing_possible": float(1 / ((np.bincount(codes) / len(codes)) ** 2).sum()),
        "purity_before": float(np.nanmean(purity_before)), "purity_after": float(np.nanmean(purity_after)),
        "warnings": [
            f"{n} cells that lay together without integration are mixed with others after it (purity "
            f"{then:.2f} to {now:.2f}); compare with --integration none"
            for n, then, now in lost if then - now > 0.25
        ],
    }  # fmt: skip


def cluster_facts(table) -> dict:
    """Facts of the clusters; one of a single sample is acceptable if its markers support it (annotation.tsv)."""
    shares = table.groupby("cluster")["sample"].agg(lambda s: s.value_counts(normalize=True).iloc[0])
    single = [int(c) for c in shares.index[shares > 0.98]] if table["sample"].nunique() > 1 else []
    return {
        "cells": len(table), "samples": int(table["sample"].nunique()), "clusters": int(table["cluster"].nunique()),
        "parts": int(table["part"].nunique()), "one_sample_clusters": single,
    }  # fmt: skip


def multiqc(facts: dict) -> dict:
    """MultiQC custom content: the diagnostics as a table of one row."""
    names = (
        "cells", "samples", "clusters", "mixing_before", "mixing_after", "mixing_possible", "purity_before", "purity_after",
    )  # fmt: skip
    text = (
        "Mixing: mean local inverse Simpson index (LISI) of samples among neighbours (1: one sample only; possible: that "
        "of the whole cohort). Purity: share of neighbours of the own sample that are of the own cluster "
        "without integration."
    )
    return multiqc_section("integrate", "Integration", text, "table", {"cohort": {name: facts[name] for name in names}})


@command()
@click.argument("cells", nargs=-1, required=True, type=FILE)
@click.option(
    "--genes", multiple=True, type=FILE, help="Gene statistics of a sample (S.genes.parquet); repeat for every sample."
)
@click.option("--samples", "sheet", required=True, type=FILE, help="samples.tsv")
@click.option(
    "--excluded", required=True, type=FILE, help="Table class, pattern: genes that may not be variable genes."
)
@click.option("--integration", type=click.Choice(["harmony", "none"]), default="harmony")
@click.option("--integrate-over", type=click.Choice(["sample", "batch"]), default="sample")
@click.option("--clustering", type=click.Choice(["louvain", "leiden"]), default="louvain")
@click.option("--resolution", type=click.FloatRange(0, min_open=True), default=1.0)
@click.option("--seed", type=click.IntRange(0), default=0)
def main(
    cells: tuple[Path, ...],
    genes: tuple[Path, ...],
    sheet: Path,
    excluded: Path,
    integration: str,
    integrate_over: str,
    clustering: str,
    resolution: float,
    seed: int,
) -> None:
    """Integrate CELLS (S.cells.h5ad of every sample)."""
    import pandas as pd
    import scipy.sparse as sp

    samples = read_samples(sheet)
    matrices, tables = by_sample(cells, ".cells.h5ad", samples), by_sample(genes, ".genes.parquet", samples)
    for name in matrices.keys() - tables.keys():
        raise InputError(f"{name}: has cells but no {name}.genes.parquet; give its --genes")
    statistics = {name: pd.read_parquet(tables[name]).set_index("gene") for name in matrices}
    allowed = comparable({name: table.index for name, table in statistics.items()}, read_patterns(excluded))
    chosen = variable_genes([table.loc[allowed] for table in statistics.values()])

    ids, blocks = [], []
    for path in matrices.values():
        ids.append(cell_ids(path))
        blocks.append(read_log_per_10k(path, gene_selection(gene_names(path), chosen.index)))
    sample = np.repeat(list(matrices), [len(of_sample) for of_sample in ids])
    table = pd.DataFrame({"cell_id": np.concatenate(ids), "sample": sample})
    if len(table) < 4:
        raise InputError(f"{sheet.name}: {len(table)} cells are too few to compare")
    expression = sp.vstack(blocks, format="csr")
    del blocks
    batch = batches(samples, sample, integration, integrate_over)
    space = arrange(expression, batch, integration, clustering, resolution, seed)
    table["cluster"], table["part"] = space.clusters.astype(np.int32), space.parts
    table[["umap_1", "umap_2"]] = space.points
    facts = diagnose(space.scores, space.corrected, sample, seed) | cluster_facts(table) | {
        "integration": integration if space.integrated else "none", "over": integrate_over,
        "batches": len(set(batch)), "clustering": clustering, "resolution": resolution,
        "components": space.scores.shape[1], "neighbours": space.k,
        "neighbour_search": "exact" if space.recall == 1 else "inverted file", "neighbour_recall": space.recall,
    }  # fmt: skip
    embedding = pd.DataFrame(space.corrected).rename(columns=lambda i: f"pc_{i + 1}")
    embedding.insert(0, "cell_id", table["cell_id"])

    write_parquet(table, "integrated.parquet")
    write_parquet(embedding, "embedding.parquet")
    sp.save_npz("expression.npz", expression, compressed=False)
    write_table(chosen.rename_axis("gene").reset_index(), "variable_genes.tsv")
    write_json(facts, "integration.json")
    write_json(multiqc(facts), "integrate_mqc.json")


if __name__ == "__main__":
    main()
