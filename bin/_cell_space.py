#!/usr/bin/env python3
"""One space for cells: components, Harmony, neighbours, clusters and their parts, and a layout.

N cells, G genes, P components, k neighbours. One thread and a seed everywhere: the same cells give the same numbers.
"""

import sys
from typing import NamedTuple

from _errors import InputError

import numpy as np

COMPONENTS = 30
NEIGHBOURS = 15
EXACT_UP_TO = 200_000  # cells; above it neighbours come from an inverted file index
PART_LEVELS, PART_CELLS, PART_GENES, PART_COMPONENTS, PART_RESOLUTION = 2, 100, 500, 20, 1.0


class Space(NamedTuple):
    """Where the cells are."""

    scores: np.ndarray  # (N, P) components, samples as they are
    corrected: np.ndarray  # (N, P) after Harmony; without integration the scores
    integrated: bool  # whether they were corrected
    k: int  # neighbours of a cell, itself included
    recall: float  # of the neighbour search, 1 where it is exact
    clusters: np.ndarray  # (N,) numbers, 0 the largest
    parts: np.ndarray  # (N,) numbers of parts of clusters, through all clusters
    points: np.ndarray  # (N, 2) UMAP


def batches(samples, sample: np.ndarray, integration: str, integrate_over: str) -> np.ndarray:
    """The batch (N,) of every cell. samples: of read_samples. sample: (N,) names."""
    if integrate_over == "sample":
        return sample
    batch = samples.set_index("sample")["batch"]
    if integration == "harmony" and not batch.any():
        raise InputError(
            "samples.tsv: the column batch is empty, so that --integrate_over batch would correct for nothing; "
            "fill in batch in the samplesheet, or use --integrate_over sample"
        )
    return batch.loc[sample].to_numpy()


def arrange(expression, batch: np.ndarray, integration: str, clustering: str, resolution: float, seed: int) -> Space:
    """The space of cells from their log-normalised variable genes (N, G).

    integration: `harmony` corrects for batch (N,), where there are several; `none` does not.
    """
    scores = principal_components(expression, COMPONENTS)
    k = min(NEIGHBOURS, len(scores) - 1)
    integrated = integration == "harmony" and len(set(batch)) > 1
    corrected = harmonise(scores, batch, seed) if integrated else scores
    index, distance, recall = neighbours(corrected, k, seed)
    graph = fuzzy_graph(index, distance)
    clusters = cluster(graph, clustering, resolution, seed)
    parts = cluster_parts(expression, clusters, k, seed)
    points = umap_layout(graph, corrected[:, :2], seed)
    return Space(scores, corrected, integrated, k, recall, clusters, parts, points)


def principal_components(x, n_components: int, block: int = 4096) -> np.ndarray:
    """Scores (N, n_components) of centred sparse x (N, G) from its covariance: exact, no random start."""
    from scipy.linalg import eigh

    n_cells, n_genes = x.shape
    n_components = min(n_components, n_genes - 1, n_cells - 1)
    mean = np.asarray(x.mean(0), dtype=np.float64).ravel()
    cross = np.zeros((n_genes, n_genes))
    for start in range(0, n_cells, block):
        part = x[start : start + block].toarray()
        cross += part.T @ part
    covariance = cross / n_cells - np.outer(mean, mean)
    _, vectors = eigh(covariance, subset_by_index=[n_genes - n_components, n_genes - 1])
    vectors = vectors[:, ::-1]
    vectors *= np.sign(vectors[np.abs(vectors).argmax(0), np.arange(n_components)])
    return (x @ vectors.astype(np.float32) - (mean @ vectors).astype(np.float32)).astype(np.float32)


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

    faiss.omp_set_num_threads(1)
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
        pairs = zip(full.search(points[probe], k)[1], index[probe], strict=True)
        recall = float(np.mean([len(np.intersect1d(a, b)) / k for a, b in pairs]))
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
        partition = network.community_leiden("modularity", weights=weights, resolution=resolution, n_iterations=2)
    else:
        partition = network.community_multilevel(weights=weights, resolution=resolution)
    member = np.asarray(partition.membership)
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


def umap_layout(graph, start: np.ndarray, seed: int, min_dist: float = 0.5) -> np.ndarray:
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
