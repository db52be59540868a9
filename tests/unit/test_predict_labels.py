"""Labels of a local CellTypist model: a tiny one is trained here, applied, and compared with or taken over by ANNOTATE's."""

from pathlib import Path

import anndata
import hdf5plugin
import numpy as np
import pandas as pd
import predict_labels
import pytest
import refine
import scipy.sparse as sp
from click.testing import CliRunner

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
def sample(tmp_path, monkeypatch):
    """S1.cells.h5ad and what naming the parts leaves for refine.py: plasma and NK cells are one part of plasma cells."""
    monkeypatch.chdir(tmp_path)
    x, kind = counts(2)
    ids = pd.Index([f"S1:{i}" for i in range(len(kind))], name="cell_id")
    data = anndata.AnnData(sp.csr_matrix(x), obs=pd.DataFrame(index=ids), var=pd.DataFrame(index=GENES))
    data.write_h5ad("S1.cells.h5ad", compression=hdf5plugin.FILTERS["zstd"])
    named = np.where(kind == "T cell", "T cell", "plasma cell")
    parts = pd.DataFrame({"cell_id": ids, "sample": "S1", "cluster": 0, "part": (kind != "T cell").astype(int),
                          "lineage": np.where(kind == "T cell", "T", "plasma"), "cell_type": named})  # fmt: skip
    parts.to_parquet("parts.parquet")
    parts[["cell_id"]].to_parquet("components.parquet")
    sp.save_npz("expression.npz", sp.csr_matrix(np.log1p(x).astype(np.float32)))
    markers = {"cell_type": ["T cell", "plasma cell", "NK"], "parent": "", "lineage": ["T", "plasma", "NK"]}
    pd.DataFrame(markers).to_csv("markers.tsv", sep="\t")
    return pd.Series(kind, index=ids)


def predict(model):
    """predict_labels.py with the model beside the matrix, by its bare name, as a task has it."""
    Path("tiny.pkl").symlink_to(model)
    return CliRunner().invoke(predict_labels.main, ["S1.cells.h5ad", "--model", "tiny.pkl"])


def test_a_models_labels_are_tabulated_and_taken_on_request(model, sample):
    result = predict(model)
    assert result.exit_code == 0, result.output
    found = pd.read_csv("predictions.tsv", sep="\t").set_index("cell_id")
    assert (found["label"] == sample).mean() > 0.98 and found["confidence"].between(0, 1).all()
    inputs = ["parts.parquet", "components.parquet", "expression.npz", "--markers", "markers.tsv"]
    inputs += ["--predictions", "predictions.tsv"]
    assert CliRunner().invoke(refine.main, inputs).exit_code == 0
    agreement = pd.read_csv("label_agreement.tsv", sep="\t").set_index(["cell_type", "label"])
    assert set(agreement["source"]) == {"model"} and agreement["n_cells"].sum() == len(sample)
    assert not agreement.loc[("plasma cell", "NK"), "same"] and agreement.loc[("T cell", "T cell"), "same"]
    assert agreement.loc[("plasma cell", "NK"), "n_cells"] > 70
    assert CliRunner().invoke(refine.main, [*inputs, "--labels-use", "replace"]).exit_code == 0
    taken = pd.read_parquet("annotation.parquet").set_index("cell_id")
    assert (taken["cell_type"] == found["label"]).all()
    assert set(taken.loc[taken["cell_type"] == "NK", "lineage"]) == {"NK"}


def test_a_model_without_a_gene_of_the_sample_is_told(model, sample):
    data = anndata.read_h5ad("S1.cells.h5ad")
    data.var_names = [f"mouse{i}" for i in range(len(GENES))]
    data.write_h5ad("S1.cells.h5ad", compression=hdf5plugin.FILTERS["zstd"])
    result = predict(model)
    assert result.exit_code == 1 and "shares no gene with the model tiny.pkl" in result.output
