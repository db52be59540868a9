"""PSEUDOBULK and EXPRESSION_CHANGE: sums are those of the cells, statistics those of scanpy, tests need three patients."""

from pathlib import Path

from _matrices import log_per_10k_without_ig

import anndata
import expression_change
import numpy as np
import pandas as pd
import pseudobulk
import pytest
from helpers import soup_cells
from helpers.signals_data import ASSETS, invoke, levels, write_run

LISTS = ASSETS / "gene_lists.tsv"
LINEAGES = ASSETS / "lineages.tsv"
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
    result = invoke(
        expression_change, *files, "--labels", "labels.parquet", "--gene-lists", LISTS, "--lineages", LINEAGES
    )
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
    np.testing.assert_allclose(ours["t_raw"], theirs[ours.index], rtol=2e-3, atol=2e-3)
    assert set(ours["t"].nlargest(2).index) == {"ISG15", "MX1"}
    assert ours.loc[["ISG15", "MX1"], "log2_fold"].between(1.3, 2.6).all()
    assert table["p"].isna().all() and set(table["basis"]) == {"exploratory"}


def stats(rate, n=300, soup=0.0, contamination=0.0, spread=1.5):
    """What `moments` gives of a group, for these mean counts per 10,000."""
    rate = np.asarray(rate, float)
    return {
        "n": n,
        "rate": rate,
        "rate_variance": spread * rate,
        "soup": soup * np.ones_like(rate),
        "contamination": contamination,
    }


def test_soup_is_taken_off_and_doubted():
    usual = np.full(100, 20.0)
    old, new = stats([*usual, 10.0, 10.0]), stats([*usual, 30.0, 30.0])
    new["soup"] = np.array([*np.zeros(100), 20.0, 0.0])
    fold = expression_change.fold_of(old, new)
    assert fold.log[100] == pytest.approx(0, abs=0.01) and fold.log[101] == pytest.approx(np.log(3), abs=0.02)
    t = fold.log / np.sqrt(fold.variance)
    assert abs(t[100]) < 0.5 and t[101] > 20 and fold.variance[100] > 5 * fold.variance[101]


def test_what_all_kinds_of_cells_show_is_the_library_s_unless_it_is_much():
    rng = np.random.default_rng(0)
    library = rng.normal(0, 0.2, 400)
    library[0], library[1] = 0.4, 3.0  # twice the usual; fifteen times: interferon given to all cells
    folds = [
        expression_change.Fold(library + rng.normal(0, 0.03, 400), np.full(400, 0.03**2), np.full(400, True))
        for _ in range(4)
    ]
    folds[0].log[2] = library[2] + 0.5  # of the T cells alone
    shift, doubt = expression_change.library_shifts(folds, ["T", "B", "myeloid", "plasma"])
    t = (folds[0].log - shift[0]) / np.sqrt(folds[0].variance + doubt[0])
    assert abs(t[0]) < 4 and t[1] > 20 and t[2] > 8
    assert 0.8 < t[3:].std() < 1.2
    # Of two lineages nothing tells a library's shift from a change: it is part of the doubt.
    shift, doubt = expression_change.library_shifts(folds[:2], ["T", "B"])
    assert not shift.any() and np.sqrt(doubt[0]) == pytest.approx(0.2, abs=0.05)


def test_depth_and_soup_of_another_time_are_no_change(tmp_path, monkeypatch):
    """A sample of half the depth, more soup and other soup: what leads is what rose in the cells."""
    import ambient

    monkeypatch.chdir(tmp_path)
    sizes, labels = {"T": 400, "plasma": 80, "myeloid": 150}, []
    planted = {
        "A": dict(share=0.03, depth=4000, red=0.005),
        "B": dict(share=0.12, depth=2000, red=0.05, raised={"ISG15": 1e-3}),
    }
    for day, (sample, planting) in enumerate(planted.items()):
        counts, kind, *_ = soup_cells.draw(sizes, seed=day, doublets=0.0, **planting)
        soup_cells.write(tmp_path / f"{sample}.cells.h5ad", counts)
        names = pd.DataFrame({"cell_id": [f"{sample}:C{number}" for number in range(len(kind))], "lineage": kind})
        labels.append(
            names.assign(
                sample=sample,
                patient="P",
                timepoint=f"T{day}",
                day=day,
                tissue="",
                sort="",
                cell_type=kind,
                subset=kind,
            )
        )
    pd.concat(labels).to_parquet("labels.parquet", index=False)
    for sample in planted:
        cells = (f"{sample}.cells.h5ad", "--sample", sample)
        assert invoke(ambient, *cells).exit_code == 0
        soup = ("--ambient", f"{sample}.ambient.parquet", "--soup", f"{sample}.soup.parquet")
        assert invoke(pseudobulk, *cells, "--labels", "labels.parquet", *soup).exit_code == 0
    files = [f"{sample}.pseudobulk.h5ad" for sample in planted]
    given = ("--labels", "labels.parquet", "--gene-lists", LISTS, "--lineages", LINEAGES)
    assert invoke(expression_change, *files, *given).exit_code == 0
    table = pd.read_parquet("expression_change.parquet")
    t_cells = table[table["label"] == "T"].set_index("gene")
    # Raw, the soup of plasma and red cells leads; corrected, the gene that rose.
    assert (t_cells.loc[["HBB", "IGKC", "LYZ"], "t_raw"] > 10).all()
    assert t_cells["t"].idxmax() == "ISG15" and t_cells.loc["HBB", "t"] < 4
    assert (t_cells.loc[["HBB", "IGKC", "LYZ"], "soup_to"] > 0.7).all() and t_cells.loc["ISG15", "soup_to"] < 0.3
    assert t_cells.loc["HBB", "explained"] == "ambient RNA" and t_cells.loc["ISG15", "explained"] == ""
    assert set(t_cells.index[t_cells["explained"] == "other cells"]) == {"IGKC", "IGHG1", "IGHA1"}
    shown = pd.read_csv("expression_change.tsv", sep="\t", keep_default_na=False)
    assert not shown.loc[shown["label"] != "plasma", "gene"].str.startswith("IG").any()
    assert set(table.loc[(table["label"] == "plasma") & table["gene"].str.startswith("IG"), "explained"]) == {""}


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
    assert (
        invoke(
            expression_change, *files, "--labels", "labels.parquet", "--gene-lists", LISTS, "--lineages", LINEAGES
        ).exit_code
        == 0
    )
    table = pd.read_parquet("expression_change.parquet")
    # Two patients are left of one tissue and sort: too few for a test, and P2 has nothing to be compared with.
    assert set(table["patient"]) == {"P0", "P1", "P3"} and set(table["basis"]) == {"exploratory"}
    assert table.groupby("patient")["tissue"].first().to_dict() == {"P0": "", "P1": "", "P3": "blood"}
    labels.assign(sort="").to_parquet("labels.parquet")
    assert (
        invoke(
            expression_change, *files, "--labels", "labels.parquet", "--gene-lists", LISTS, "--lineages", LINEAGES
        ).exit_code
        == 0
    )
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
    result = invoke(
        expression_change, *files, "--labels", "labels.parquet", "--gene-lists", "bad.tsv", "--lineages", LINEAGES
    )
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
    result = invoke(
        expression_change, *files, "--labels", "labels.parquet", "--gene-lists", LISTS, "--lineages", LINEAGES
    )
    assert result.exit_code == 0, result.output
    assert pd.read_csv("expression_change.tsv", sep="\t").empty and pd.read_csv("dot_plot.tsv", sep="\t").empty
