"""The space of cells: what scanpy is given and gives, recall stated, parts of rare types."""

import os
import subprocess
import sys
from pathlib import Path

import _cell_space as space
import _compiled
from _errors import InputError

import numpy as np
import pandas as pd
import pytest
from conftest import PROJECT
from helpers.cohort import counts


def test_principal_components_are_those_of_a_dense_svd():
    x, _ = counts(np.random.default_rng(2), 120, n_genes=60)
    x = x.astype(np.float32).log1p()
    ours = space.principal_components(x, 5, 0)
    dense = x.toarray() - x.toarray().mean(0)
    left, size, _ = np.linalg.svd(dense, full_matrices=False)
    np.testing.assert_allclose(np.abs(ours), np.abs(left * size)[:, :5], atol=1e-2)


def test_scanpy_is_given_the_exact_neighbours():
    from sklearn.neighbors import NearestNeighbors

    points = np.random.default_rng(3).normal(size=(300, 5)).astype(np.float32)
    points[7] = points[8]  # where points coincide each is its own first neighbour
    graph, recall = space.neighbours(points, 15, 0)
    expected, _ = NearestNeighbors(n_neighbors=15).fit(points).kneighbors(points)
    found = graph.obsp["distances"].indices.reshape(300, 15)
    assert recall == 1 and (found[:, 0] == np.arange(300)).all() and all(len(set(row)) == 15 for row in found)
    np.testing.assert_allclose(graph.obsp["distances"].data.reshape(300, 15), expected, atol=2e-3)
    weights = graph.obsp["connectivities"]
    assert abs(weights - weights.T).max() < 1e-6 and weights.data.min() > 0 and weights.data.max() <= 1


def test_inverted_file_search_states_its_recall(monkeypatch):
    monkeypatch.setattr(space, "EXACT_UP_TO", 2000)
    points = np.random.default_rng(4).normal(size=(9000, 8))
    graph, recall = space.neighbours(points, 10, 0)
    assert 0.7 < recall <= 1
    distances = graph.obsp["distances"]
    assert (distances.getnnz(axis=1) == 10).all() and (distances.indices[::10] == np.arange(9000)).all()


@pytest.mark.parametrize("method", ["louvain", "leiden"])
def test_clusters_are_the_communities_of_the_graph_the_largest_first(method):
    rng = np.random.default_rng(5)
    kind = np.repeat([0, 1, 2], (40, 200, 90))
    graph, _ = space.neighbours(rng.normal(size=(330, 4)) + 30 * kind[:, None], 15, 0)
    found = space.cluster(graph.obsp["connectivities"], method, 0.05, 0)
    assert [set(found[kind == k]) for k in range(3)] == [{2}, {0}, {1}]


def test_layout_keeps_neighbours():
    from sklearn.neighbors import NearestNeighbors

    x, _ = counts(np.random.default_rng(7), 600)
    result = space.arrange(x.astype(np.float32).log1p(), np.array(["a"] * 600), "none", "louvain", 1.0, 0)
    again = space.arrange(x.astype(np.float32).log1p(), np.array(["a"] * 600), "none", "louvain", 1.0, 0)
    np.testing.assert_array_equal(result.points, again.points)
    high, low = (
        NearestNeighbors(n_neighbors=31).fit(points).kneighbors(points, return_distance=False)[:, 1:]
        for points in (result.corrected, result.points)
    )
    assert np.mean([len(np.intersect1d(a, b)) / 30 for a, b in zip(high, low, strict=True)]) > 0.15  # 0.05 by chance


def test_what_is_compiled_is_kept_beside_the_packages():
    assert os.environ["NUMBA_CPU_NAME"] == "generic"
    assert _compiled.KEPT.is_relative_to(sys.prefix)
    script = "import _compiled, os; print(os.environ['NUMBA_CACHE_DIR'])"
    environment = os.environ | {"PYTHONPATH": str(PROJECT / "bin")}
    kept = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert kept.stdout.strip() == str(_compiled.KEPT)


def test_a_folder_that_is_read_only_is_copied(tmp_path, monkeypatch):
    (tmp_path / "numba" / "umap").mkdir(parents=True)
    (tmp_path / "numba" / "umap" / "layouts.nbi").write_text("code")
    monkeypatch.setenv("NUMBA_CACHE_DIR", "")
    monkeypatch.setattr(_compiled, "KEPT", tmp_path / "numba")
    monkeypatch.setattr(os, "access", lambda *_: False)
    _compiled.prepare()
    copy = Path(os.environ["NUMBA_CACHE_DIR"])
    assert copy != tmp_path / "numba" and (copy / "umap" / "layouts.nbi").read_text() == "code"


def test_batches_are_samples_or_what_the_sheet_says():
    samples = pd.DataFrame({"sample": ["S1", "S2"], "batch": ["a", "b"]})
    cells = np.array(["S2", "S1", "S2"])
    assert list(space.batches(samples, cells, "harmony", "sample")) == list(cells)
    assert list(space.batches(samples, cells, "harmony", "batch")) == ["b", "a", "b"]
    with pytest.raises(InputError, match="column batch is empty"):
        space.batches(samples.assign(batch=""), cells, "harmony", "batch")


def test_a_rare_type_inside_a_cluster_is_a_part_of_its_own():
    x, kind = counts(np.random.default_rng(6), 500)
    x = x.astype(np.float32).log1p()
    few = np.flatnonzero((kind == 0) | ((kind == 1) & (np.arange(500) < 60)))
    parts = space.cluster_parts(x[few], np.zeros(len(few), int), 15, 0)
    rare = kind[few] == 1
    assert 0 < rare.sum() < 30 and not set(parts[rare]) & set(parts[~rare])
