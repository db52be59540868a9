"""CELL_TABLE: every documented column exists, and every value stands at its own cell."""

import cell_table
import pandas as pd
import pytest
from click.testing import CliRunner


@pytest.fixture
def run(project, tmp_path, monkeypatch):
    """Runs the step on fragments {name: table} in an empty folder; returns cells.parquet indexed by cell_id."""
    monkeypatch.chdir(tmp_path)

    def call(labels, fragments):
        (tmp_path / "results").mkdir(exist_ok=True)
        labels.to_parquet("labels.parquet")
        for name, table in fragments.items():
            table.to_parquet(f"results/{name}.parquet")
        columns = project / "assets" / "cell_columns.tsv"
        done = CliRunner().invoke(cell_table.main, ["results", "--labels", "labels.parquet", "--columns", str(columns)])
        if done.exit_code:
            return done.output
        return pd.read_parquet("cells.parquet").set_index("cell_id")

    return call


@pytest.fixture
def labels():
    n = 6
    return pd.DataFrame(
        {
            "cell_id": [f"S{1 + i % 2}:AC{i}" for i in range(n)],
            "sample": pd.Categorical([f"S{1 + i % 2}" for i in range(n)]),
            "patient": "P1",
            "timepoint": ["T10" if i % 2 else "T2" for i in range(n)],
            "day": [10 if i % 2 else -3 for i in range(n)],
            "tissue": ["marrow" if i % 2 else "" for i in range(n)],
            "sort": "",
            "lineage": "T",
            "cell_type": "CD4 T",
            "subset": "unassigned",
            "cluster": "0",
            "umap_1": 0.5,
            "umap_2": 1.5,
        }
    )


def test_all_documented_columns_exist_without_any_fragment(run, labels, project):
    table = run(labels, {})
    documented = pd.read_csv(project / "assets" / "cell_columns.tsv", sep="\t")["column"]
    assert set(documented) <= set(table)
    assert len(table) == 6
    assert table["isg_score"].isna().all() and table["bcr_clone"].isna().all()
    assert (
        table.loc["S2:AC1", "tissue"] == "marrow"
        and pd.isna(table.loc["S1:AC0", "tissue"])
        and table["sort"].isna().all()
    )
    assert list(table["timepoint"].cat.categories) == ["T2", "T10"]  # by day, not by name


def test_values_stand_at_their_cells_whatever_the_order_of_fragments(run, labels):
    isg = pd.DataFrame({"cell_id": [*labels["cell_id"][::-1].tolist(), "S9:GONE"], "isg_score": range(7)})
    isg["isg_high"] = pd.array([True, None, False, False, True, True, True], dtype="boolean")
    clones = pd.DataFrame({"cell_id": ["S1:AC0", "S2:AC1"], "bcr_clone": ["P1.B1", None]})
    carriers = pd.DataFrame({"cell_id": ["S1:AC0"] * 3, "chain_type": "VDJ", "clone": ["IGL_1", "IGH_1", "IGH_1"]})
    table = run(labels, {"isg": isg, "P1.clones": clones, "P1.mrd_cells": carriers})
    assert table.loc["S1:AC0", "isg_score"] == 5 and table.loc["S2:AC5", "isg_score"] == 0
    assert table["isg_high"].isna().sum() == 1 and table["isg_high"].dtype == "boolean"
    assert table.loc["S1:AC0", "mrd_clone"] == "IGH_1;IGL_1"
    assert table["bcr_clone"].notna().sum() == 1
    assert len(table) == 6  # cells that were not kept are not added


def test_fragments_of_all_samples_are_joined(run, labels):
    parts = {
        f"{sample}.qc": pd.DataFrame({"cell_id": part["cell_id"], "n_umi": 7, "pct_mito": 1.5})
        for sample, part in labels.groupby("sample", observed=True)
    }
    table = run(labels, parts)
    assert (table["total_counts"] == 7).all() and (table["pct_counts_mt"] == 1.5).all()


def test_a_repeated_cell_is_an_error_with_its_name(run, labels):
    said = run(pd.concat([labels, labels.iloc[:1]]), {})
    assert "S1:AC0 is listed twice" in said


def test_names_with_raised_digits_are_ordered(run, labels):
    labels["cell_type"] = ["CD4²", "CD10", "CD4", "CD4²", "CD10", "CD4"]
    assert list(run(labels, {})["cell_type"].cat.categories) == ["CD4", "CD4²", "CD10"]
