#!/usr/bin/env python3
"""Join samples: Harmony, neighbours, clusters and their parts, a UMAP layout, and whether it went well."""

import json
import os
import sys
import time
from importlib.metadata import version
from pathlib import Path

for library in ("OMP", "OPENBLAS", "NUMBA"):  # one thread: same sums in the same order, hence same results
    os.environ[f"{library}_NUM_THREADS"] = "1"

import click  # noqa: E402
import numpy as np  # noqa: E402

PACKAGES = ("click", "faiss-cpu", "harmonypy", "igraph", "leidenalg", "umap-learn", "numpy", "scipy")
EXACT_UP_TO = 200_000  # cells; above it neighbours come from an inverted file index
DIAGNOSTIC_CELLS, DIAGNOSTIC_NEIGHBOURS = 20_000, 30
PART_LEVELS, PART_CELLS, PART_GENES, PART_COMPONENTS, PART_RESOLUTION = 2, 100, 500, 20, 1.0


def harmonise(scores: np.ndarray, batch: np.ndarray, seed: int) -> np.ndarray:
    """Scores (N, P) corrected for batch (N,) by Harmony (Korsunsky 2019)."""
    import harmonypy
    import pandas as pd

    labels = pd.DataFrame({"batch": batch.astype(str)})
    result = harmonypy.run_harmony(scores, labels, ["batch"], random_state=seed, verbose=False, ncores=1)
    corrected = np.asarray(result.Z_corr, dtype=np.float32)
    return np.ascontiguousarray(corrected if corrected.shape == scores.shape else corrected.T)


def neighbours(points: np.ndarray, k: int, seed: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Indices and Euclidean distances (N, k) of each point's nearest points, itself first, and the recall."""
    import faiss

    points = np.ascontiguousarray(points, dtype=np.float32)
    exact = faiss.IndexFlatL2(points.shape[1])
    recall = 1.0
    if len(points) <= EXACT_UP_TO:
        exact.add(points)
        squared, index = exact.search(points, k)
    else:
        lists = int(4 * np.sqrt(len(points)))
        search = faiss.IndexIVFFlat(exact, points.shape[1], lists)
        search.cp.seed = seed + 1
        search.train(points)
        search.add(points)
        search.nprobe = max(8, lists // 64)
        squared, index = search.search(points, k)
        full = faiss.IndexFlatL2(points.shape[1])
        full.add(points)
        probe = np.random.default_rng(seed).choice(len(points), 1000, replace=False)
        found = zip(full.search(points[probe], k)[1], index[probe], strict=True)
        recall = float(np.mean([len(np.intersect1d(a, b)) / k for a, b in found]))
    index[:, 0], squared[:, 0] = np.arange(len(points)), 0  # where points coincide another may come first
    return index, np.sqrt(np.maximum(squared, 0)), recall


def fuzzy_graph(index: np.ndarray, distance: np.ndarray):
    """Symmetric weights (N, N) of a neighbour graph as in UMAP (McInnes 2018): local scale, fuzzy union."""
    import scipy.sparse as sp

    n, k = index.shape
    nearest = np.where(distance > 0, distance, np.inf).min(1)
    nearest[~np.isfinite(nearest)] = 0
    gap = np.maximum(distance - nearest[:, None], 0)
    low, high, scale = np.zeros(n), np.full(n, np.inf), np.ones(n)
    for _ in range(64):
        above = np.exp(-gap[:, 1:] / scale[:, None]).sum(1) > np.log2(k)
        high[above], low[~above] = scale[above], scale[~above]
        scale = np.where(np.isinf(high), scale * 2, (low + high) / 2)
    scale = np.maximum(scale, 1e-3 * np.where(nearest > 0, distance.mean(1), distance.mean()))
    weight = np.exp(-gap / scale[:, None])
    weight[index == np.arange(n)[:, None]] = 0
    graph = sp.csr_matrix((weight.ravel(), index.ravel(), np.arange(0, n * k + 1, k)), (n, n))
    graph.eliminate_zeros()
    return (graph + graph.T - graph.multiply(graph.T)).tocsr()


def cluster(graph, method: str, resolution: float, seed: int) -> np.ndarray:
    """Cluster numbers (N,), largest 0: Louvain (Blondel 2008) or Leiden (Traag 2019) of the graph."""
    import random

    import igraph
    import scipy.sparse as sp

    upper = sp.triu(graph, k=1).tocoo()
    network = igraph.Graph(n=graph.shape[0], edges=np.column_stack([upper.row, upper.col]))
    igraph.set_random_number_generator(random.Random(seed))
    weights = upper.data.tolist()
    if method == "leiden":
        found = network.community_leiden("modularity", weights=weights, resolution=resolution, n_iterations=2)
    else:
        found = network.community_multilevel(weights=weights, resolution=resolution)
    member = np.asarray(found.membership)
    return np.argsort(np.argsort(-np.bincount(member), kind="stable"), kind="stable")[member]


def local_scores(x) -> np.ndarray:
    """Principal components (N, PART_COMPONENTS) of sparse x (N, G) on its own most variable genes.

    Genes: largest residual of the log variance from its quadratic trend in the log mean.
    """
    mean = np.asarray(x.mean(0)).ravel()
    spread = np.log(np.asarray(x.multiply(x).mean(0)).ravel() - mean**2 + 1e-6)
    residual = spread - np.polyval(np.polyfit(np.log(mean + 1e-4), spread, 2), np.log(mean + 1e-4))
    residual[np.bincount(x.indices, minlength=x.shape[1]) < 5] = -np.inf
    dense = x[:, np.sort(np.argsort(-residual, kind="stable")[:PART_GENES])].toarray()
    dense -= dense.mean(0)
    if len(dense) < dense.shape[1]:
        left, size, _ = np.linalg.svd(dense, full_matrices=False)
        return (left * size)[:, :PART_COMPONENTS]
    _, vectors = np.linalg.eigh(dense.T @ dense)
    return dense @ vectors[:, : -PART_COMPONENTS - 1 : -1]


def cluster_parts(x, clusters: np.ndarray, k: int, seed: int) -> np.ndarray:
    """Part numbers (N,): clusters split twice more by what varies inside them, samples not integrated.

    A rare type inside a large cluster has few of the cohort's variable genes to itself (x: (N, G) log-normalised)
    and lies between its neighbours; among its neighbours alone its genes are the leading ones.
    """
    for _ in range(PART_LEVELS):
        parts, taken = np.zeros(len(clusters), np.int32), 0
        for rows in np.split(np.argsort(clusters, kind="stable"), np.cumsum(np.bincount(clusters))[:-1]):
            if len(rows) >= PART_CELLS:
                index, distance, _ = neighbours(local_scores(x[rows]), min(k, len(rows) - 1), seed)
                parts[rows] = cluster(fuzzy_graph(index, distance), "louvain", PART_RESOLUTION, seed)
            parts[rows] += taken
            taken = parts[rows].max() + 1
        clusters = parts
    return parts


def layout(graph, start: np.ndarray, seed: int, min_dist: float = 0.5) -> np.ndarray:
    """UMAP coordinates (N, 2) of the graph from start (N, 2), by umap-learn's own optimiser, one thread.

    Importing the package `umap` compiles code for a neighbour search that is not needed here, so only its
    module with the optimiser is loaded.
    """
    import importlib.util
    import types

    from scipy.optimize import curve_fit

    if "umap" not in sys.modules:
        package = types.ModuleType("umap")
        package.__path__ = list(importlib.util.find_spec("umap").submodule_search_locations)
        sys.modules["umap"] = package
    from umap.layouts import optimize_layout_euclidean

    distance = np.linspace(0, 3, 300)
    wanted = np.where(distance < min_dist, 1.0, np.exp(min_dist - distance))
    (a, b), _ = curve_fit(lambda x, a, b: 1 / (1 + a * x ** (2 * b)), distance, wanted)
    epochs = 500 if graph.shape[0] <= 10_000 else 200
    edges = graph.tocoo()
    keep = edges.data >= edges.data.max() / epochs
    head, tail, weight = edges.row[keep], edges.col[keep], edges.data[keep]
    rng = np.random.default_rng(seed)
    points = 10 * (start - start.min(0)) / np.maximum(np.ptp(start, axis=0), 1e-6)
    points = (points + rng.normal(0, 1e-4, start.shape)).astype(np.float32, order="C")
    state = rng.integers(-(2**31) + 1, 2**31 - 1, 3).astype(np.int64)
    return optimize_layout_euclidean(
        points, points, head.astype(np.int32), tail.astype(np.int32), epochs, graph.shape[0],
        (weight.max() / weight).astype(np.float64), a, b, state, 1.0, 1.0, 5.0,
        parallel=False, move_other=True,
    )  # fmt: skip


def mixing(index: np.ndarray, sample: np.ndarray, group: np.ndarray) -> tuple[float, np.ndarray]:
    """Mean inverse Simpson index of samples among neighbours (as LISI, Korsunsky 2019; 1: one sample only),
    and per cell the share of neighbours from its own sample that are of its own group (NaN without any)."""
    near = sample[index[:, 1:]]
    shares = np.stack([(near == s).mean(1) for s in range(sample.max() + 1)], axis=1)
    own = near == sample[:, None]
    same = own & (group[index[:, 1:]] == group[:, None])
    return float((1 / (shares**2).sum(1)).mean()), same.sum(1) / np.where(own.any(1), own.sum(1), np.nan)


def diagnose(before: np.ndarray, after: np.ndarray, sample: np.ndarray, seed: int) -> dict:
    """How far samples mix, and whether groups seen without integration stay apart, on at most 20,000 cells.

    before, after: (N, P) scores without and with integration; the groups are clusters of the former.
    """
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.choice(len(sample), min(len(sample), DIAGNOSTIC_CELLS), replace=False))
    codes = np.unique(sample[chosen], return_inverse=True)[1]
    k = min(DIAGNOSTIC_NEIGHBOURS + 1, len(chosen))
    index, distance, _ = neighbours(before[chosen], k, seed)
    groups = cluster(fuzzy_graph(index[:, :15], distance[:, :15]), "louvain", 1.0, seed)
    lisi, purity = mixing(index, codes, groups)
    lisi_after, purity_after = mixing(neighbours(after[chosen], k, seed)[0], codes, groups)
    members = [groups == g for g in range(groups.max() + 1) if (groups == g).sum() >= 20]
    lost = [(int(m.sum()), float(np.nanmean(purity[m])), float(np.nanmean(purity_after[m]))) for m in members]
    return {
        "mixing_before": lisi, "mixing_after": lisi_after,
        "mixing_possible": float(1 / ((np.bincount(codes) / len(codes)) ** 2).sum()),
        "purity_before": float(np.nanmean(purity)), "purity_after": float(np.nanmean(purity_after)),
        "warnings": [
            f"{n} cells that lay together without integration are mixed with others after it (purity "
            f"{then:.2f} to {now:.2f}); compare with --integration none"
            for n, then, now in lost if then - now > 0.25
        ],
    }  # fmt: skip


def main_facts(table, facts: dict) -> dict:
    """Facts of the clusters; one of a single sample is allowed where its markers say so (annotation.tsv)."""
    shares = table.groupby("cluster")["sample"].agg(lambda s: s.value_counts(normalize=True).iloc[0])
    single = [int(c) for c in shares.index[shares > 0.98]] if table["sample"].nunique() > 1 else []
    return facts | {
        "cells": len(table),
        "samples": int(table["sample"].nunique()),
        "clusters": int(table["cluster"].nunique()),
        "parts": int(table["part"].nunique()),
        "one_sample_clusters": single,
    }


def multiqc(facts: dict) -> dict:
    """MultiQC custom content: the diagnostics as a table of one row."""
    names = (
        "cells",
        "samples",
        "clusters",
        "mixing_before",
        "mixing_after",
        "mixing_possible",
        "purity_before",
        "purity_after",
    )
    text = (
        "Mixing: mean inverse Simpson index of samples among neighbours (1: one sample only; possible: that "
        "of the whole cohort). Purity: share of neighbours of the own sample that are of the own cluster "
        "without integration."
    )
    return {
        "id": "integrate", "section_name": "Integration", "description": text, "plot_type": "table",
        "data": {"cohort": {name: facts[name] for name in names}},
    }  # fmt: skip


@click.command()
@click.argument("components", type=click.Path(exists=True, path_type=Path))
@click.argument("expression", type=click.Path(exists=True, path_type=Path))
@click.option("--samples", required=True, type=click.Path(exists=True, path_type=Path), help="samples.tsv")
@click.option("--integration", type=click.Choice(["harmony", "none"]), default="harmony", show_default=True)
@click.option("--integrate-over", type=click.Choice(["sample", "batch"]), default="sample", show_default=True)
@click.option("--neighbours", "k", type=click.IntRange(3, 200), default=15, show_default=True)
@click.option("--clustering", type=click.Choice(["louvain", "leiden"]), default="louvain", show_default=True)
@click.option("--resolution", type=click.FloatRange(0, min_open=True), default=1.0, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.version_option(" ".join(f"{name}={version(name)}" for name in PACKAGES), message="%(version)s")
def main(components, expression, samples, integration, integrate_over, k, clustering, resolution, seed):
    """Integrate the cells of COMPONENTS (components.parquet) and EXPRESSION (expression.npz)."""
    import faiss
    import pandas as pd
    import scipy.sparse as sp

    faiss.omp_set_num_threads(1)
    started = time.perf_counter()

    def lap(part: str) -> None:
        click.echo(f"{part}\t{time.perf_counter() - started:.2f} s", err=True)

    table = pd.read_parquet(components)
    scores = table.drop(columns=["cell_id", "sample"]).to_numpy(np.float32)
    sample = table["sample"].astype(str).to_numpy()
    sheet = pd.read_csv(samples, sep="\t", dtype=str, keep_default_na=False).set_index("sample")
    unknown = sorted(set(sample) - set(sheet.index))
    if unknown:
        raise click.ClickException(
            f"{unknown[0]}: is in {components.name} but not in {samples.name}; use the same run's"
        )
    if integration == "harmony" and integrate_over == "batch" and not sheet["batch"].any():
        raise click.ClickException(
            f"{samples.name}: the column batch is empty, so that --integrate_over batch would correct for nothing; "
            "fill in batch in the samplesheet, or use --integrate_over sample"
        )
    k = min(k, len(table) - 1)
    batch = sheet.loc[sample, "batch"].to_numpy() if integrate_over == "batch" else sample
    integrated = integration == "harmony" and len(set(batch)) > 1
    corrected = harmonise(scores, batch, seed) if integrated else scores
    lap("harmony")
    index, distance, recall = neighbours(corrected, k, seed)
    lap("neighbours")
    graph = fuzzy_graph(index, distance)
    clusters = cluster(graph, clustering, resolution, seed)
    lap("clusters")
    parts = cluster_parts(sp.load_npz(expression), clusters, k, seed)
    lap("parts")
    points = layout(graph, corrected[:, :2], seed)
    lap("umap")
    facts = diagnose(scores, corrected, sample, seed)
    lap("diagnostics")

    table = table[["cell_id", "sample"]].assign(cluster=clusters.astype(np.int32), part=parts)
    table[["umap_1", "umap_2"]] = points
    facts = main_facts(table, facts) | {
        "integration": integration if integrated else "none", "over": integrate_over,
        "batches": len(set(batch)), "clustering": clustering, "resolution": resolution,
        "components": int(scores.shape[1]), "neighbours": k,
        "neighbour_search": "exact" if recall == 1 else "inverted file", "neighbour_recall": recall,
    }  # fmt: skip
    embedding = pd.DataFrame(corrected).rename(columns=lambda i: f"pc_{i + 1}")
    embedding.insert(0, "cell_id", table["cell_id"])
    prefix = components.name.removesuffix("components.parquet")
    table.to_parquet(f"{prefix}integrated.parquet", compression="zstd")
    embedding.to_parquet(f"{prefix}embedding.parquet", compression="zstd")
    Path(f"{prefix}integration.json").write_text(json.dumps(facts, indent=1, allow_nan=False) + "\n")
    Path(f"{prefix}integrate_mqc.json").write_text(
        json.dumps(multiqc(facts), indent=1, allow_nan=False) + "\n"
    )


if __name__ == "__main__":
    main()
