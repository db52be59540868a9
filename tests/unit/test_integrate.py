"""INTEGRATE and its variable genes: equal to scanpy where scanpy has the function, planted truth elsewhere."""

import json

import anndata
import hdf5plugin
import integrate
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import variable_genes
from click.testing import CliRunner

PATTERNS = pd.read_csv(
    __file__.replace("tests/unit/test_integrate.py", "assets/excluded_genes.tsv"), sep="\t"
)


def counts(rng, n_cells: int, kinds: int = 3, n_genes: int = 400) -> tuple[sp.csr_matrix, np.ndarray]:
    """Poisson counts of `kinds` cell types, 20 genes of its own each, depth varying threefold."""
    kind = rng.integers(0, kinds, n_cells)
    rate = np.tile(rng.gamma(0.5, 2, n_genes), (n_cells, 1))
    for k in range(kinds):
        rate[kind == k, 20 * k : 20 * k + 20] += 6
    rate *= rng.uniform(0.5, 1.5, n_cells)[:, None]
    return sp.csr_matrix(rng.poisson(rate).astype(np.int32)), kind


def write_cohort(folder, n_cells: int):
    """Two samples of `n_cells` of three types each, written as the steps before write them; the folder, each cell's type."""
    rng = np.random.default_rng(1)
    genes, rows, kinds = (
        [f"GENE{i}" for i in range(395)] + ["IGHV1-2", "MT-CO1", "RPL3", "HBB", "FOS"],
        [],
        [],
    )
    for name in ("S1", "S2"):
        x, kind = counts(rng, n_cells)
        cells = pd.DataFrame(index=[f"{name}:C{i}" for i in range(n_cells)])
        data = anndata.AnnData(x, obs=cells, var=pd.DataFrame(index=genes))
        data.write_h5ad(folder / f"{name}.cells.h5ad", compression=hdf5plugin.FILTERS["zstd"])
        table, n = variable_genes.cell_statistics(folder / f"{name}.cells.h5ad", cells.index)
        assert n == n_cells
        table.reset_index().to_parquet(folder / f"{name}.genes.parquet")
        rows.append({"sample": name, "patient": "P1", "timepoint": name, "day": len(rows), "batch": name})
        kinds.append(pd.Series(kind, cells.index))
    pd.DataFrame(rows).to_csv(folder / "samples.tsv", sep="\t", index=False)
    PATTERNS.to_csv(folder / "excluded.tsv", sep="\t", index=False)
    return folder, pd.concat(kinds)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Two samples of 300 cells."""
    return write_cohort(tmp_path_factory.mktemp("cohort"), 300)


def run(script, *arguments):
    result = CliRunner().invoke(script.main, [str(a) for a in arguments])
    assert result.exit_code == 0, result.output
    return result


def integrate_cohort(folder, out, monkeypatch, *options):
    monkeypatch.chdir(out)
    files = [folder / f"{s}.cells.h5ad" for s in ("S1", "S2")]
    tables = [x for s in ("S1", "S2") for x in ("--genes", folder / f"{s}.genes.parquet")]
    run(variable_genes, *files, *tables, "--samples", folder / "samples.tsv", "--excluded", folder / "excluded.tsv",
        "--variable-genes", 100, "--components", 10)  # fmt: skip
    run(integrate, "components.parquet", "expression.npz", "--samples", folder / "samples.tsv", *options)
    return pd.read_parquet("integrated.parquet")


def test_variable_genes_are_those_of_scanpy():
    import scanpy

    rng = np.random.default_rng(0)
    data = anndata.AnnData(sp.vstack([counts(rng, n)[0] for n in (200, 300, 150)]).tocsr().astype(np.float32))
    data.X[:200, 390:] = 0  # genes that one sample does not express
    data.X.eliminate_zeros()
    data.obs["sample"] = pd.Categorical(np.repeat(["a", "b", "c"], (200, 300, 150)))
    scanpy.pp.normalize_total(data, target_sum=1e4)
    tables = []
    for name in "abc":
        x = data[data.obs["sample"] == name].X.toarray().astype(float)
        stats = {"n_cells": (x > 0).sum(0), "mean": x.mean(0), "var": x.var(0, ddof=1)}
        tables.append(pd.DataFrame(stats, index=data.var_names))
    scanpy.pp.log1p(data)
    scanpy.pp.highly_variable_genes(data, n_top_genes=80, batch_key="sample", flavor="seurat")
    ours = variable_genes.variable_genes(tables, 80)
    assert set(ours.index) == set(data.var_names[data.var["highly_variable"]])
    theirs = data.var.loc[ours.index]
    np.testing.assert_allclose(ours["dispersions_norm"], theirs["dispersions_norm"], rtol=1e-3)
    assert (ours["n_samples"] == theirs["highly_variable_nbatches"]).all()


def test_excluded_genes_by_class():
    genes = {
        "IGHV3-21": "vdj", "IGKV1D-33": "vdj", "TRAV12-2": "vdj", "TRBJ2-1": "vdj", "IGHG1": "vdj", "TRBC1": "vdj",
        "MT-CO1": "mito", "mt-Nd1": "mito", "RPL13A": "ribo", "Rps6": "ribo", "HBB": "hb", "Hba-a1": "hb",
        "FOS": "stress", "HSPA1A": "stress", "MKI67": "cell_cycle", "XIST": "sex",
        "CD3D": "", "TRAC": "", "TRDC": "", "RPS6KA1": "", "IGF1": "", "HBEGF": "", "IGHMBP2": "", "TREM2": "", "FOSL": "",
    }  # fmt: skip
    found = variable_genes.excluded_genes(list(genes), PATTERNS)
    assert dict(zip(genes, found, strict=True)) == genes


def test_principal_components_are_those_of_a_dense_svd():
    x, _ = counts(np.random.default_rng(2), 120, n_genes=60)
    x = x.astype(np.float32).log1p()
    ours = variable_genes.principal_components(x, 5)
    dense = x.toarray() - x.toarray().mean(0)
    left, size, _ = np.linalg.svd(dense, full_matrices=False)
    np.testing.assert_allclose(np.abs(ours), np.abs(left * size)[:, :5], atol=1e-2)


def test_graph_is_that_of_umap():
    from umap.umap_ import fuzzy_simplicial_set

    points = np.random.default_rng(3).normal(size=(300, 5)).astype(np.float32)
    index, distance, recall = integrate.neighbours(points, 15, 0)
    theirs = fuzzy_simplicial_set(
        points,
        15,
        np.random.RandomState(0),
        "euclidean",
        knn_indices=index,
        knn_dists=distance.astype(np.float32),
    )[0]
    assert recall == 1
    assert abs(integrate.fuzzy_graph(index, distance) - theirs).max() < 1e-3


def test_inverted_file_search_states_its_recall(monkeypatch):
    monkeypatch.setattr(integrate, "EXACT_UP_TO", 2000)
    points = np.random.default_rng(4).normal(size=(9000, 8))
    index, distance, recall = integrate.neighbours(points, 10, 0)
    assert 0.7 < recall <= 1
    assert (index[:, 0] == np.arange(9000)).all() and (distance[:, 1:] > 0).all()


def test_clusters_are_the_planted_types_whatever_the_method(cohort, tmp_path, monkeypatch):
    from sklearn.metrics import homogeneity_score

    folder, kind = cohort
    for method in ("louvain", "leiden"):
        table = integrate_cohort(folder, tmp_path, monkeypatch, "--clustering", method, "--resolution", 0.3)
        assert homogeneity_score(kind[table["cell_id"]], table["cluster"]) > 0.9
        assert table.groupby("part")["cluster"].nunique().max() == 1
    facts = json.loads((tmp_path / "integration.json").read_text())
    assert facts["cells"] == 600 and facts["integration"] == "harmony" and not facts["warnings"]
    assert 1 <= facts["mixing_before"] <= facts["mixing_possible"] == pytest.approx(2)
    chosen = pd.read_csv(tmp_path / "variable_genes.tsv", sep="\t")["gene"]
    assert not set(chosen) & {"IGHV1-2", "MT-CO1", "RPL3", "HBB", "FOS"}


def test_more_than_8192_cells_are_clustered_alike(tmp_path, monkeypatch):
    """From there on libraries for neighbours take other ways."""
    from sklearn.metrics import homogeneity_score

    folder, kind = write_cohort(tmp_path, 4500)
    table = integrate_cohort(folder, tmp_path, monkeypatch, "--resolution", 0.1)
    assert len(table) == 9000 and table["cell_id"].is_unique
    assert homogeneity_score(kind[table["cell_id"]], table["cluster"]) > 0.9


def test_two_runs_give_the_same_numbers(cohort, tmp_path, monkeypatch):
    tables = [integrate_cohort(cohort[0], tmp_path, monkeypatch, "--seed", 3) for _ in range(2)]
    pd.testing.assert_frame_equal(*tables)


def test_no_integration_leaves_the_components(cohort, tmp_path, monkeypatch):
    integrate_cohort(cohort[0], tmp_path, monkeypatch, "--integration", "none")
    own = pd.read_parquet("components.parquet").drop(columns="sample")
    pd.testing.assert_frame_equal(own, pd.read_parquet("embedding.parquet"), check_dtype=False)


def test_layout_keeps_types_together(cohort, tmp_path, monkeypatch):
    folder, kind = cohort
    table = integrate_cohort(folder, tmp_path, monkeypatch).set_index("cell_id")
    centre = table.groupby(kind)[["umap_1", "umap_2"]].transform("median")
    spread = np.hypot(*(table[["umap_1", "umap_2"]] - centre).to_numpy().T)
    apart = np.ptp(centre.drop_duplicates().to_numpy(), axis=0).max()
    assert np.median(spread) < apart / 4


def test_one_lineage_takes_only_its_cells(cohort, tmp_path, monkeypatch):
    folder, kind = cohort
    monkeypatch.chdir(tmp_path)
    lineage = kind.map({0: "T", 1: "B", 2: "B"}).rename("lineage").rename_axis("cell_id").reset_index()
    lineage.to_parquet("annotation.parquet")
    run(variable_genes, folder / "S1.cells.h5ad", folder / "S2.cells.h5ad", "--samples", folder / "samples.tsv",
        "--excluded", folder / "excluded.tsv", "--annotation", "annotation.parquet", "--lineage", "B",
        "--variable-genes", 60)  # fmt: skip
    own = pd.read_parquet("B.components.parquet")
    assert set(own["cell_id"]) == set(kind.index[kind > 0])
    top = set(pd.read_csv("B.variable_genes.tsv", sep="\t")["gene"])
    assert len(top & {f"GENE{i}" for i in range(20, 60)}) > 15  # 6 by chance


def test_mixed_groups_are_warned_of():
    rng = np.random.default_rng(5)
    group, sample = np.repeat([0, 1], 300), np.tile(["a", "b"], 300)
    before = rng.normal(size=(600, 4)) + 10 * group[:, None]
    facts = integrate.diagnose(before, rng.normal(size=(600, 4)), sample, 0)
    assert facts["purity_before"] > facts["purity_after"] + 0.2 and facts["warnings"]


@pytest.mark.parametrize("sample", ["S9"])
def test_a_sample_that_the_sheet_lacks_is_named(cohort, tmp_path, monkeypatch, sample):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / f"{sample}.cells.h5ad"
    path.write_bytes((cohort[0] / "S1.cells.h5ad").read_bytes())
    result = CliRunner().invoke(variable_genes.main, [str(path), "--samples", str(cohort[0] / "samples.tsv"),
                                                      "--excluded", str(cohort[0] / "excluded.tsv")])  # fmt: skip
    assert result.exit_code == 1 and sample in result.output and "samples.tsv" in result.output


def test_a_batch_that_nobody_filled_in_is_an_error(cohort, tmp_path, monkeypatch):
    integrate_cohort(cohort[0], tmp_path, monkeypatch)
    sheet = pd.read_csv(cohort[0] / "samples.tsv", sep="\t", dtype=str)
    options = ["components.parquet", "expression.npz", "--samples", "own.tsv", "--integrate-over", "batch"]
    sheet.assign(batch="").to_csv("own.tsv", sep="\t", index=False)
    result = CliRunner().invoke(integrate.main, options)
    assert result.exit_code == 1 and "column batch is empty" in result.output
    assert CliRunner().invoke(integrate.main, [*options, "--integration", "none"]).exit_code == 0
    sheet.assign(batch=["a", "b"]).to_csv("own.tsv", sep="\t", index=False)
    assert CliRunner().invoke(integrate.main, options).exit_code == 0
