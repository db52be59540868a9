#!/usr/bin/env python3
"""One space for cells: components, Harmony, neighbours, clusters and their parts, and a layout, by scanpy, harmonypy and igraph.

N cells, G genes, P components, k neighbours. One thread and a seed everywhere: the same cells give the same numbers.
"""

import sys
from typing import Any, NamedTuple

import _compiled  # noqa: F401
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
    import scanpy as sc

    scores = principal_components(expression, COMPONENTS, seed)
    k = min(NEIGHBOURS, len(scores) - 1)
    integrated = integration == "harmony" and len(set(batch)) > 1
    corrected = harmonise(scores, batch, seed) if integrated else scores
    graph, recall = neighbours(corrected, k, seed)
    clusters = cluster(graph.obsp["connectivities"], clustering, resolution, seed)
    parts = cluster_parts(expression, clusters, k, seed)
    sc.tl.umap(graph, init_pos=np.ascontiguousarray(corrected[:, :2]), random_state=seed)
    return Space(scores, corrected, integrated, k, recall, clusters, parts, graph.obsm["X_umap"])


def principal_components(x, n_components: int, seed: int) -> np.ndarray:
    """Scores (N, n_components or fewer) of x (N, G), sparse or dense, by scanpy with its solver arpack: exact, its start is seeded.

    Of 2,000 genes it takes 0.1 s for 2,200 cells and 1.4 s for 22,000, the solver covariance_eigh 2.0 and 4.4 s.
    """
    import scanpy as sc

    n_components = min(n_components, x.shape[1] - 1, x.shape[0] - 1)
    return sc.pp.pca(x, n_comps=n_components, svd_solver="arpack", random_state=seed)


def harmonise(scores: np.ndarray, batch: np.ndarray, seed: int) -> np.ndarray:
    """Scores (N, P) corrected for batch (N,) by Harmony (Korsunsky 2019)."""
    import harmonypy
    import pandas as pd

    labels = pd.DataFrame({"batch": batch.astype(str)})
    result = harmonypy.run_harmony(scores, labels, ["batch"], random_state=seed, verbose=False, ncores=1)
    corrected = np.asarray(result.Z_corr, dtype=np.float32)
    return np.ascontiguousarray(corrected if corrected.shape == scores.shape else corrected.T)


class FaissNeighbours:
    """Nearest points by faiss, as scanpy's neighbours take them: exact up to EXACT_UP_TO points, else an inverted file index.

    Exact neighbours of 25,000 cells take 1 s, of scikit-learn 6 s; scanpy's own choice, pynndescent, compiles for 40 s per process.
    """

    def __init__(self, n_neighbors: int, seed: int) -> None:
        self.n_neighbors, self.seed = n_neighbors, seed
        self.recall = 1.0  # of the neighbours found, after fit_transform

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """What scanpy asks for: how many neighbours, the point itself included."""
        return {"n_neighbors": self.n_neighbors}

    def fit_transform(self, points: np.ndarray):
        """Euclidean distances (N, N), CSR, of each point (N, P) to its nearest points, itself first."""
        import faiss
        import scipy.sparse as sp

        faiss.omp_set_num_threads(1)
        points, k = np.ascontiguousarray(points, dtype=np.float32), self.n_neighbors
        exact = faiss.IndexFlatL2(points.shape[1])
        if len(points) <= EXACT_UP_TO:
            exact.add(points)
            squared, index = exact.search(points, k)
        else:
            lists = int(4 * np.sqrt(len(points)))
            search = faiss.IndexIVFFlat(exact, points.shape[1], lists)
            search.cp.seed = self.seed + 1
            search.train(points)
            search.add(points)
            search.nprobe = max(8, lists // 64)
            squared, index = search.search(points, k)
            full = faiss.IndexFlatL2(points.shape[1])
            full.add(points)
            probe = np.random.default_rng(self.seed).choice(len(points), 1000, replace=False)
            pairs = zip(full.search(points[probe], k)[1], index[probe], strict=True)
            self.recall = float(np.mean([len(np.intersect1d(a, b)) / k for a, b in pairs]))
        own = np.arange(len(points))
        row, place = np.nonzero(index == own[:, None])  # not the first where points coincide
        index[row, place] = index[row, 0]
        index[:, 0], squared[:, 0] = own, 0
        distance = np.sqrt(np.maximum(squared, 0))
        return sp.csr_matrix((distance.ravel(), index.ravel(), np.arange(0, index.size + 1, k)), (len(points),) * 2)


def import_umap() -> None:
    """Import the package umap so that everything it compiles is kept (`_compiled`).

    UMAP and its neighbour search ask numba to keep next to nothing: every process would compile for 20 s, five lineages and the
    integration of a run for two minutes. Kept, they are loaded in 1 s.
    """
    if "umap" in sys.modules:
        return
    import functools

    import numba

    compiler = numba.njit
    numba.njit = functools.partial(compiler, cache=True)
    try:
        import umap  # noqa: F401
    finally:
        numba.njit = compiler


def neighbours(points: np.ndarray, k: int, seed: int):
    """AnnData of points (N, P) with scanpy's `distances` and `connectivities`, and the recall of its neighbours.

    k counts a point itself. `distances` has k entries in each row: the point itself, then the nearest first.
    """
    import scanpy as sc
    from anndata import AnnData

    import_umap()
    data, search = AnnData(points), FaissNeighbours(k, seed)
    sc.pp.neighbors(data, use_rep="X", transformer=search, random_state=seed)
    return data, search.recall


def cluster(graph, method: str, resolution: float, seed: int) -> np.ndarray:
    """Cluster numbers (N,), largest 0, of a graph (N, N): Louvain (Blondel 2008) by igraph, or scanpy's Leiden (Traag 2019).

    scanpy's own louvain needs a package that is no longer maintained, and with igraph it knows no resolution.
    """
    import random

    import igraph
    import pandas as pd
    import scanpy as sc
    import scipy.sparse as sp
    from anndata import AnnData

    if method == "leiden":
        cells = AnnData(obs=pd.DataFrame(index=np.arange(graph.shape[0]).astype(str)))
        settings = {"flavor": "igraph", "directed": False, "n_iterations": 2}
        sc.tl.leiden(cells, resolution, adjacency=graph, random_state=seed, **settings)
        member = cells.obs["leiden"].cat.codes.to_numpy()
    else:
        upper = sp.triu(graph, k=1).tocoo()
        network = igraph.Graph(n=graph.shape[0], edges=np.column_stack([upper.row, upper.col]))
        igraph.set_random_number_generator(random.Random(seed))
        partition = network.community_multilevel(weights=upper.data.tolist(), resolution=resolution)
        member = np.asarray(partition.membership)
    return np.argsort(np.argsort(-np.bincount(member), kind="stable"), kind="stable")[member]


def local_scores(x, seed: int) -> np.ndarray:
    """Principal components (N, PART_COMPONENTS) of sparse x (N, G) on its own most variable genes.

    Genes: largest residual of the log variance from its quadratic trend in the log mean.
    """
    mean = np.asarray(x.mean(0)).ravel()
    spread = np.log(np.asarray(x.multiply(x).mean(0)).ravel() - mean**2 + 1e-6)
    residual = spread - np.polyval(np.polyfit(np.log(mean + 1e-4), spread, 2), np.log(mean + 1e-4))
    residual[np.bincount(x.indices, minlength=x.shape[1]) < 5] = -np.inf
    dense = x[:, np.sort(np.argsort(-residual, kind="stable")[:PART_GENES])].toarray()
    return principal_components(dense, PART_COMPONENTS, seed)


def cluster_parts(x, clusters: np.ndarray, k: int, seed: int) -> np.ndarray:
    """Part numbers (N,): clusters split twice more by what varies inside them, samples not integrated.

    A rare type inside a large cluster has few of the cohort's variable genes to itself (x: (N, G) log-normalised)
    and lies between its neighbours; among its neighbours alone its genes are the leading ones.
    """
    for _ in range(PART_LEVELS):
        parts, taken = np.zeros(len(clusters), np.int32), 0
        for rows in np.split(np.argsort(clusters, kind="stable"), np.cumsum(np.bincount(clusters))[:-1]):
            if len(rows) >= PART_CELLS:
                graph, _ = neighbours(local_scores(x[rows], seed), min(k, len(rows) - 1), seed)
                parts[rows] = cluster(graph.obsp["connectivities"], "louvain", PART_RESOLUTION, seed)
            parts[rows] += taken
            taken = parts[rows].max() + 1
        clusters = parts
    return parts
