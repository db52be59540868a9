"""COMMUNICATION_CELLS: groups by level, bounded draw, genes of pairs only."""

import json

from _matrices import log_per_10k_without_ig

import anndata
import communication_cells
import numpy as np
import pandas as pd
import pytest
from helpers.signals_data import ASSETS, invoke, levels, write_run

PAIRS = ("--lineages", ASSETS / "lineages.tsv", "--interactions", ASSETS / "interactions.tsv")


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sizes = {"CD8_ISG+": 80, "CD8_memory": 30, "Plasma_1": 25, "erythroid": 20}
    return write_run(tmp_path, [("S", "P1", "T1", 0, sizes, levels())])


def drawn(*more):
    arguments = ("S.cells.h5ad", "--sample", "S", "--labels", "labels.parquet", *PAIRS)
    result = invoke(communication_cells, *arguments, *more)
    assert result.exit_code == 0, result.output
    return anndata.read_h5ad("S.communication_cells.h5ad")


def test_the_draw_is_bounded_and_the_sizes_are_kept(run):
    cells = drawn("--max-cells", 40)
    assert cells.obs["group"].value_counts().to_dict() == {
        "CD8_ISG+": 40,
        "CD8_memory": 30,
        "Plasma_1": 25,
        "erythroid": 20,
    }
    assert json.loads(cells.uns["groups"])["CD8_ISG+"] == 80


def test_genes_are_those_of_pairs(run):
    names = set(drawn().var_names)
    assert {"TNFSF13", "ICAM1", "ITGAL"} <= names and not names & {"ACTB", "FILLER1", "MX1"}


def test_by_cell_type(run):
    assert set(drawn("--level", "cell_type").obs["group"]) == {"CD8 T", "plasma cell", "erythroid"}


def test_lineages_that_are_no_senders_go_by_cell_type(run, tmp_path):
    table = pd.read_csv(ASSETS / "lineages.tsv", sep="\t", dtype=str)
    table.assign(sender=table["sender"].where(table["lineage"] != "T")).to_csv("few.tsv", sep="\t", index=False)
    assert set(drawn("--lineages", "few.tsv").obs["group"]) == {"CD8 T", "Plasma_1", "erythroid"}


def test_the_sample_carries_its_patient_and_time(run):
    facts = drawn().uns
    assert (facts["sample"], facts["patient"], facts["timepoint"], facts["day"]) == ("S", "P1", "T1", 0)


def test_unassigned_cells_take_no_part(run):
    run.loc[run["subset"] == "erythroid", ["cell_type", "subset"]] = "unassigned"
    run.loc[run["subset"] == "Plasma_1", "subset"] = "unassigned"
    run.to_parquet("labels.parquet")
    assert set(drawn().obs["group"]) == {"CD8_ISG+", "CD8_memory", "plasma cell"}


def test_draw_of_a_group_does_not_depend_on_the_others():
    names = np.array(["a"] * 50 + ["b"] * 50 + [None] * 5, dtype=object)
    both = communication_cells.draw_cells(names, 20, 1)
    alone = communication_cells.draw_cells(np.where(names == "a", "a", None), 20, 1)
    assert both.size == 40 and np.array_equal(both[both < 50], alone) and both.max() < 100


def test_total_log_is_over_all_genes(run):
    cells = drawn()
    whole = anndata.read_h5ad("S.cells.h5ad")[cells.obs_names]
    matrix = log_per_10k_without_ig(whole.X, whole.var_names)
    np.testing.assert_allclose(cells.obs["total_log"], np.asarray(matrix.sum(axis=1)).ravel(), rtol=1e-5)


def test_labels_of_another_run_are_told(run):
    run.assign(cell_id="other:" + run["cell_id"]).to_parquet("labels.parquet")
    arguments = ("S.cells.h5ad", "--sample", "S", "--labels", "labels.parquet", *PAIRS)
    result = invoke(communication_cells, *arguments)
    assert result.exit_code == 1 and "S: no cell of S.cells.h5ad" in result.output


def test_pairs_of_another_species_are_told(run):
    pd.DataFrame({"ligand": ["Tnfsf13"], "receptor": ["Tnfrsf17"]}).to_csv("mouse.tsv", sep="\t", index=False)
    arguments = ("S.cells.h5ad", "--sample", "S", "--labels", "labels.parquet", *PAIRS[:3], "mouse.tsv")
    result = invoke(communication_cells, *arguments)
    assert result.exit_code == 1 and "--interactions" in result.output
