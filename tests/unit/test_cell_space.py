"""The space of cells: components, graph and clusters equal to those of other libraries, recall stated."""

import _cell_space as space
from _errors import InputError

import numpy as np
import pandas as pd
import pytest
from helpers.cohort import counts


def test_principal_components_are_those_of_a_dense_svd():
    x, _ = counts(np.random.default_rng(2), 120, n_genes=60)
    x = x.astype(np.float32).log1p()
    ours = space.principal_components(x, 5)
    dense = x.toarray() - x.toarray().mean(0)
    left, size, _ = np.linalg.svd(dense, full_matrices=False)
    np.testing.assert_allclose(np.abs(ours), np.abs(left * size)[:, :5], atol=1e-2)


def test_graph_is_that_of_umap():
    from umap.umap_ import fuzzy_simplicial_set

    points = np.random.default_rng(3).normal(size=(300, 5)).astype(np.float32)
    index, distance, recall = space.neighbours(points, 15, 0)
    theirs = fuzzy_simplicial_set(
        points, 15, np.random.RandomState(0), "euclidean", knn_indices=index, knn_dists=distance.astype(np.float32)
    )[0]
    assert recall == 1
    assert abs(space.fuzzy_graph(index, distance) - theirs).max() < 1e-3


def test_inverted_file_search_states_its_recall(monkeypatch):
    monkeypatch.setattr(space, "EXACT_UP_TO", 2000)
    points = np.random.default_rng(4).normal(size=(9000, 8))
    index, distance, recall = space.neighbours(points, 10, 0)
    assert 0.7 < recall <= 1
    assert (index[:, 0] == np.arange(9000)).all() and (distance[:, 1:] > 0).all()


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
