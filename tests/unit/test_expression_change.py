"""PSEUDOBULK and EXPRESSION_CHANGE: sums are those of the cells, statistics those of scanpy, tests need three patients."""

from pathlib import Path

from _matrices import log_per_10k_without_ig

import anndata
import expression_change
import numpy as np
import pandas as pd
import pseudobulk
import pytest
from helpers.signals_data import ASSETS, invoke, levels, write_run

LISTS = ASSETS / "gene_lists.tsv"
SIZES = {"CD8_ISG+": 60, "Plasma_1": 40, "erythroid": 5}


def run(folder, monkeypatch, patients):
    """`patients` patients at two times: ISG15 and MX1 rise four-fold in CD8_ISG+ cells."""
    monkeypatch.chdir(folder)
    after = levels({"CD8_ISG+": {"ISG15": 8, "MX1": 8}})
    samples = []
    for number in range(patients):
        samples.append((f"P{number}_A", f"P{number}", "T1", 0, SIZES, levels()))
        samples.append((f"P{number}_B", f"P{number}", "T2", 60, SIZES, after))
    labels = write_run(folder, samples)
    for sample, *_ in samples:
        given = (f"{sample}.cells.h5ad", "--sample", sample, "--labels", "labels.parquet")
        assert invoke(pseudobulk, *given).exit_code == 0
    files = [f"{sample}.pseudobulk.h5ad" for sample, *_ in samples]
    result = invoke(expression_change, *files, "--labels", "labels.parquet", "--gene-lists", LISTS)
    assert result.exit_code == 0, result.output
    return labels, pd.read_parquet("expression_change.parquet")


def test_sums_are_those_of_the_cells(tmp_path, monkeypatch):
    labels, _ = run(tmp_path, monkeypatch, 1)
    bulk, cells = (anndata.read_h5ad(f"P0_A.{what}.h5ad") for what in ("pseudobulk", "cells"))
    plasma = labels.loc[(labels["sample"] == "P0_A") & (labels["subset"] == "Plasma_1"), "cell_id"]
    row = bulk["P0_A:subset:Plasma_1"]
    np.testing.assert_array_equal(row.X.toarray()[0], np.asarray(cells[plasma].X.sum(axis=0)).ravel())
    np.testing.assert_array_equal(row.layers["cells"].toarray()[0], cells[plasma].X.getnnz(axis=0))
    assert row.obs["n_cells"].iat[0] == 40 and set(bulk.obs["level"]) == {"cell_type", "subset"}


def test_exploratory_statistics_equal_those_of_scanpy(tmp_path, monkeypatch):
    import scanpy

    labels, table = run(tmp_path, monkeypatch, 1)
    cells = anndata.concat([anndata.read_h5ad(f"P0_{time}.cells.h5ad") for time in "AB"])
    cells = cells[labels.set_index("cell_id").loc[cells.obs_names, "subset"] == "CD8_ISG+"].copy()
    cells.X = log_per_10k_without_ig(cells.X, cells.var_names)
    cells.obs["time"] = cells.obs_names.str[3].astype("category")
    scanpy.tl.rank_genes_groups(cells, "time", groups=["B"], reference="A", method="t-test")
    theirs = scanpy.get.rank_genes_groups_df(cells, "B").set_index("names")["scores"]
    ours = table[table["label"] == "CD8_ISG+"].set_index("gene")
    assert len(ours) > 100
    np.testing.assert_allclose(ours["t"], theirs[ours.index], rtol=2e-3, atol=2e-3)
    assert set(ours["t"].nlargest(2).index) == {"ISG15", "MX1"}
    assert ours.loc[["ISG15", "MX1"], "log2_fold"].between(1.3, 2.6).all()
    assert table["p"].isna().all() and set(table["basis"]) == {"exploratory"}


def test_three_patients_are_tested(tmp_path, monkeypatch):
    _, table = run(tmp_path, monkeypatch, 3)
    tested = table[(table["basis"] == "patients") & (table["label"] == "CD8_ISG+")].set_index("gene")
    assert (tested.loc[["ISG15", "MX1"], "fdr"] < 0.01).all()
    assert tested.loc[["ISG15", "MX1"], "log2_fold"].between(1.4, 2.6).all()
    others = tested.drop(["ISG15", "MX1"])
    assert (others["fdr"] < 0.05).mean() < 0.05
    assert set(table.loc[table["basis"] == "patients", "label"]) == {"CD8_ISG+", "Plasma_1"}
    assert set(table.loc[table["basis"] == "exploratory", "patient"]) == {"P0", "P1", "P2"}


def test_times_are_compared_within_one_tissue_and_sort(tmp_path, monkeypatch):
    """Of four patients one has blood: three are tested together, of the fourth and of a sample that is sorted nothing is joined."""
    labels, _ = run(tmp_path, monkeypatch, 4)
    labels.loc[labels["patient"] == "P3", "tissue"] = "blood"
    labels.loc[labels["sample"] == "P2_B", "sort"] = "CD45+"
    labels.to_parquet("labels.parquet")
    files = sorted(str(path.name) for path in tmp_path.glob("*.pseudobulk.h5ad"))
    assert invoke(expression_change, *files, "--labels", "labels.parquet", "--gene-lists", LISTS).exit_code == 0
    table = pd.read_parquet("expression_change.parquet")
    # Two patients are left of one tissue and sort: too few for a test, and P2 has nothing to be compared with.
    assert set(table["patient"]) == {"P0", "P1", "P3"} and set(table["basis"]) == {"exploratory"}
    assert table.groupby("patient")["tissue"].first().to_dict() == {"P0": "", "P1": "", "P3": "blood"}
    labels.assign(sort="").to_parquet("labels.parquet")
    assert invoke(expression_change, *files, "--labels", "labels.parquet", "--gene-lists", LISTS).exit_code == 0
    tested = pd.read_parquet("expression_change.parquet").query("patient == 'all'")
    assert set(tested["tissue"]) == {""} and set(tested["n_from"]) == {3}


def test_small_groups_are_left_out(tmp_path, monkeypatch):
    _, table = run(tmp_path, monkeypatch, 1)
    assert set(table["label"]) == {"CD8_ISG+", "Plasma_1"}


def test_dot_plot_of_named_lists(tmp_path, monkeypatch):
    labels, _ = run(tmp_path, monkeypatch, 1)
    dots = pd.read_csv("dot_plot.tsv", sep="\t")
    cells = anndata.read_h5ad("P0_B.cells.h5ad")
    cells = cells[labels.set_index("cell_id").loc[cells.obs_names, "subset"] == "CD8_ISG+"]
    matrix = log_per_10k_without_ig(cells.X, cells.var_names)[:, cells.var_names.get_loc("MX1")].toarray()
    row = dots[(dots["gene"] == "MX1") & (dots["label"] == "CD8_ISG+") & (dots["sample"] == "P0_B")]
    row = row[row["list"] == "interferon"].iloc[0]
    assert row["mean"] == pytest.approx(matrix.mean(), rel=1e-3) and row["share"] == pytest.approx(
        (matrix > 0).mean(), rel=1e-3
    )
    assert {"interferon", "plasma_support"} <= set(dots["list"])


def test_lists_without_columns_are_told(tmp_path, monkeypatch):
    run(tmp_path, monkeypatch, 1)
    Path("bad.tsv").write_text("gene\nMX1\n")
    files = [f"P0_{time}.pseudobulk.h5ad" for time in "AB"]
    result = invoke(expression_change, *files, "--labels", "labels.parquet", "--gene-lists", "bad.tsv")
    assert result.exit_code == 1 and "bad.tsv: no column list; it needs list, gene" in result.output


def test_named_assets_hold_human_genes():
    lists = expression_change.read_lists([LISTS])
    assert lists["list"].nunique() >= 6 and {"IFIT1", "IFITM3", "SDC1", "ITGB2"} <= set(lists["gene"])


def test_cells_without_a_name_give_empty_tables(tmp_path, monkeypatch):
    labels, _ = run(tmp_path, monkeypatch, 1)
    labels.assign(cell_type="unassigned", subset="unassigned").to_parquet("labels.parquet")
    for sample in ("P0_A", "P0_B"):
        assert (
            invoke(pseudobulk, f"{sample}.cells.h5ad", "--sample", sample, "--labels", "labels.parquet").exit_code == 0
        )
    files = [f"P0_{time}.pseudobulk.h5ad" for time in "AB"]
    result = invoke(expression_change, *files, "--labels", "labels.parquet", "--gene-lists", LISTS)
    assert result.exit_code == 0, result.output
    assert pd.read_csv("expression_change.tsv", sep="\t").empty and pd.read_csv("dot_plot.tsv", sep="\t").empty
