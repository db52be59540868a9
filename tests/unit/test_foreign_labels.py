"""Labels of a local CellTypist model: a tiny one is trained here and applied to other cells of the same types."""

from pathlib import Path

from _errors import InputError
from _foreign_labels import agreement, predicted_labels

import anndata
import hdf5plugin
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

GENES = [f"G{i}" for i in range(120)]


def counts(seed, n=80):
    """Counts (3 n, 120) of three types with fifteen genes of their own, and the type of each cell."""
    rng = np.random.default_rng(seed)
    kind = np.repeat(["T cell", "plasma cell", "NK"], n)
    rate = np.full((len(kind), len(GENES)), 0.5)
    for k, name in enumerate(pd.unique(kind)):
        rate[kind == name, 15 * k : 15 * k + 15] = 4
    return rng.poisson(rate), kind


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A CellTypist model file that was trained on other cells of the same types."""
    import celltypist

    x, kind = counts(1)
    x = np.log1p(1e4 * x / x.sum(1, keepdims=True))
    # By gradient descent: celltypist 1.7's other solver asks scikit-learn for an argument that it no longer has.
    trained = celltypist.train(x, labels=kind, genes=GENES, use_SGD=True, alpha=0.01, check_expression=False)
    path = tmp_path_factory.mktemp("model") / "tiny.pkl"
    trained.write(str(path))
    return path


@pytest.fixture
def sample(tmp_path, monkeypatch, model):
    """S1.cells.h5ad beside the model, by its bare name, as a task has it; the type of every cell."""
    monkeypatch.chdir(tmp_path)
    x, kind = counts(2)
    ids = pd.Index([f"S1:{i}" for i in range(len(kind))], name="cell_id")
    data = anndata.AnnData(sp.csr_matrix(x), obs=pd.DataFrame(index=ids), var=pd.DataFrame(index=GENES))
    data.write_h5ad("S1.cells.h5ad", compression=hdf5plugin.FILTERS["zstd"])
    Path("tiny.pkl").symlink_to(model)
    return pd.Series(kind, index=ids)


def test_a_models_labels_are_those_of_the_planted_types(sample):
    labels = predicted_labels([Path("S1.cells.h5ad")], Path("tiny.pkl"))
    assert list(labels.index) == list(sample.index) and (labels == sample).mean() > 0.98


def test_a_model_without_a_gene_of_the_sample_is_told(sample):
    data = anndata.read_h5ad("S1.cells.h5ad")
    data.var_names = [f"mouse{i}" for i in range(len(GENES))]
    data.write_h5ad("S1.cells.h5ad", compression=hdf5plugin.FILTERS["zstd"])
    with pytest.raises(InputError, match=r"shares no gene with the model tiny\.pkl"):
        predicted_labels([Path("S1.cells.h5ad")], Path("tiny.pkl"))


def test_agreement_counts_pairs_of_labels_and_leaves_out_cells_without_one():
    ours, theirs = np.array(["T", "T", "B", "B", "B"], object), np.array(["T", "NK", "B", "B", ""], object)
    table = agreement(ours, theirs, "model").set_index(["cell_type", "label"])
    assert table["n_cells"].to_dict() == {("B", "B"): 2, ("T", "NK"): 1, ("T", "T"): 1}
    assert table["share"].sum() == 1 and set(table["source"]) == {"model"}
    assert not table.loc[("T", "NK"), "same"] and table.loc[("T", "T"), "same"] and table.index[0] == ("B", "B")
