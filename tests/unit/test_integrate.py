"""INTEGRATE: planted types are clusters, runs repeat themselves, and what integration mixes is reported."""

import json

from _cell_space import COMPONENTS, principal_components

import integrate
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from click.testing import CliRunner
from helpers.cohort import EXCLUDED, write_cohort


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Folder of two samples of 300 cells, and each cell's type."""
    folder = tmp_path_factory.mktemp("cohort")
    return folder, write_cohort(folder, 300)


def run(folder, *options, names=("S1", "S2"), sheet=None):
    files = [folder / f"{name}.cells.h5ad" for name in names]
    files += [word for name in names for word in ("--genes", folder / f"{name}.genes.parquet")]
    tables = ["--samples", sheet or folder / "samples.tsv", "--excluded", EXCLUDED]
    return CliRunner().invoke(integrate.main, [str(word) for word in (*files, *tables, *options)])


def integrated(folder, out, monkeypatch, *options):
    monkeypatch.chdir(out)
    result = run(folder, *options)
    assert result.exit_code == 0, result.output
    return pd.read_parquet("integrated.parquet")


def test_clusters_are_the_planted_types_whatever_the_method(cohort, tmp_path, monkeypatch):
    from sklearn.metrics import homogeneity_score

    folder, kind = cohort
    for method in ("louvain", "leiden"):
        table = integrated(folder, tmp_path, monkeypatch, "--clustering", method, "--resolution", 0.3)
        assert homogeneity_score(kind[table["cell_id"]], table["cluster"]) > 0.9
        assert table.groupby("part")["cluster"].nunique().max() == 1
    facts = json.loads((tmp_path / "integration.json").read_text())
    assert facts["cells"] == 600 and facts["integration"] == "harmony" and not facts["warnings"]
    assert 1 <= facts["mixing_before"] <= facts["mixing_possible"] == pytest.approx(2)
    chosen = pd.read_csv(tmp_path / "variable_genes.tsv", sep="\t")["gene"]
    assert not set(chosen) & {"IGHV1-2", "MT-CO1", "RPL3", "HBB", "FOS"}


def test_expression_is_of_the_variable_genes_in_the_order_of_cells(cohort, tmp_path, monkeypatch):
    table = integrated(cohort[0], tmp_path, monkeypatch)
    expression = sp.load_npz("expression.npz")
    genes = pd.read_csv("variable_genes.tsv", sep="\t")["gene"]
    assert expression.shape == (len(table), len(genes)) and list(table["sample"].unique()) == ["S1", "S2"]
    first = integrate.read_log_per_10k(
        cohort[0] / "S1.cells.h5ad", integrate.gene_selection([f"GENE{i}" for i in range(400)], ["GENE7"])
    )
    column = list(genes).index("GENE7")
    np.testing.assert_array_equal(expression[:300, [column]].toarray(), first.toarray())


def test_more_than_8192_cells_are_clustered_alike(tmp_path, monkeypatch):
    """From there on libraries for neighbours take other ways."""
    from sklearn.metrics import homogeneity_score

    kind = write_cohort(tmp_path, 4500)
    table = integrated(tmp_path, tmp_path, monkeypatch, "--resolution", 0.1)
    assert len(table) == 9000 and table["cell_id"].is_unique
    assert homogeneity_score(kind[table["cell_id"]], table["cluster"]) > 0.9


def test_two_runs_give_the_same_numbers(cohort, tmp_path, monkeypatch):
    tables = [integrated(cohort[0], tmp_path, monkeypatch, "--seed", 3) for _ in range(2)]
    pd.testing.assert_frame_equal(*tables)


def test_no_integration_leaves_the_components(cohort, tmp_path, monkeypatch):
    integrated(cohort[0], tmp_path, monkeypatch, "--integration", "none")
    components = principal_components(sp.load_npz("expression.npz"), COMPONENTS, 0)
    np.testing.assert_array_equal(pd.read_parquet("embedding.parquet").drop(columns="cell_id").to_numpy(), components)


def test_layout_keeps_types_together(cohort, tmp_path, monkeypatch):
    folder, kind = cohort
    table = integrated(folder, tmp_path, monkeypatch).set_index("cell_id")
    centre = table.groupby(kind)[["umap_1", "umap_2"]].transform("median")
    spread = np.hypot(*(table[["umap_1", "umap_2"]] - centre).to_numpy().T)
    apart = np.ptp(centre.drop_duplicates().to_numpy(), axis=0).max()
    assert np.median(spread) < apart / 4


def test_mixed_groups_are_warned_of():
    rng = np.random.default_rng(5)
    group, sample = np.repeat([0, 1], 300), np.tile(["a", "b"], 300)
    before = rng.normal(size=(600, 4)) + 10 * group[:, None]
    facts = integrate.diagnose(before, rng.normal(size=(600, 4)), sample, 0)
    assert facts["purity_before"] > facts["purity_after"] + 0.2 and facts["warnings"]


def test_a_sample_that_the_sheet_lacks_is_named(cohort, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sheet = pd.read_csv(cohort[0] / "samples.tsv", sep="\t")
    sheet[sheet["sample"] == "S1"].to_csv("samples.tsv", sep="\t", index=False)
    result = run(cohort[0], sheet="samples.tsv")
    assert result.exit_code == 1 and "S2" in result.output and "samples.tsv" in result.output


def test_a_sample_without_its_statistics_is_named(cohort, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = [cohort[0] / "S1.cells.h5ad", "--samples", cohort[0] / "samples.tsv", "--excluded", EXCLUDED]
    result = CliRunner().invoke(integrate.main, [str(word) for word in words])
    assert result.exit_code == 1 and "S1.genes.parquet" in result.output


def test_a_batch_that_nobody_filled_in_is_an_error(cohort, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sheet = pd.read_csv(cohort[0] / "samples.tsv", sep="\t", dtype=str)
    sheet.assign(batch="").to_csv("samples.tsv", sep="\t", index=False)
    result = run(cohort[0], "--integrate-over", "batch", sheet="samples.tsv")
    assert result.exit_code == 1 and "column batch is empty" in result.output
    assert run(cohort[0], "--integrate-over", "batch", "--integration", "none", sheet="samples.tsv").exit_code == 0
    assert run(cohort[0], "--integrate-over", "batch").exit_code == 0
