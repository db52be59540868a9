"""Scores by group and time: the threshold of ISG-high cells is learnt where there are two populations, and only there."""

import json
from pathlib import Path

import _signature_summary as summary

import numpy as np
import pandas as pd
import pytest
import signature_change
import signatures
from helpers.signals_data import ASSETS, invoke, levels, write_run


def two_populations(rng, low=700, high=300):
    return np.concatenate([rng.normal(0.3, 0.1, low), rng.normal(1.0, 0.2, high)])


def test_threshold_parts_two_populations():
    values = two_populations(np.random.default_rng(0))
    fit = summary.fit_mixture(values, 0)
    assert fit["bimodal"] and 0.45 < fit["threshold"] < 0.75
    np.testing.assert_allclose(fit["means"], [0.3, 1.0], atol=0.05)
    assert fit["weights"][1] == pytest.approx(0.3, abs=0.03)
    assert ((values >= fit["threshold"]) == (np.arange(1000) >= 700)).mean() > 0.98


@pytest.mark.parametrize("seed", range(5))
def test_one_population_has_no_threshold(seed):
    values = np.random.default_rng(seed).normal(0.4, 0.1, 2000)
    found = summary.isg_threshold(values, None, 200, 0)
    assert found["threshold"] is None and "no two populations" in found["basis"]


def test_threshold_by_hand_and_too_few_cells():
    values = two_populations(np.random.default_rng(1))
    assert summary.isg_threshold(values, 0.5, 200, 0) == {"threshold": 0.5, "basis": "set by hand to 0.5"}
    assert "too few" in summary.isg_threshold(values[:50], None, 200, 0)["basis"]


def test_share_of_none_has_the_one_sided_bound():
    cells = pd.DataFrame(
        {"patient": "P", "sample": "S", "timepoint": "T1", "day": 0, "cell_type": "", "subset": ""}, range(40)
    )
    cells["lineage"], cells["isg_score"] = (np.repeat(["B", "T"], 20), np.r_[np.zeros(20), np.ones(5), np.zeros(15)])
    cells["isg_high"] = summary.isg_high(cells["isg_score"], 0.5)
    none, some = summary.distributions(cells, ["isg_score"]).to_dict("records")
    assert none["share_low"] == 0 and none["share_up"] == pytest.approx(1 - 0.05 ** (1 / 20))
    assert 0.1 < some["share_low"] < some["share_high"] == 0.25 < some["share_up"] < 0.48


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    interferon = dict.fromkeys(["IFIT1", "IFIT2", "IFIT3", "ISG15", "MX1", "IFI6", "IFI44L", "OAS1", "STAT1"], 40.0)
    profiles = levels({"CD8_ISG+": interferon})
    sizes = {"CD8_ISG+": 60, "CD8_memory": 150, "Plasma_1": 90}
    labels = write_run(tmp_path, [("A", "P1", "T1", 0, sizes, profiles), ("B", "P1", "T2", 5, sizes, profiles)])
    (tmp_path / "own.gmt").write_text("FEW\t\tITGB2\tITGAL\tICAM1\tCXCR4\tCD28\n")
    for sample in "AB":
        given = ("--isg", ASSETS / "isg_core.tsv", "--gene-sets", "own.gmt")
        assert invoke(signatures, f"{sample}.cells.h5ad", "--sample", sample, *given).exit_code == 0
    return labels


def summarise(*more):
    given = ("A.signatures.parquet", "B.signatures.parquet", "--labels", "labels.parquet", "--draws", 50)
    result = invoke(signature_change, *given, *more)
    assert result.exit_code == 0, result.output
    return pd.read_csv("signatures.tsv", sep="\t"), pd.read_parquet("isg.parquet").set_index("cell_id")


def test_tables(run):
    table, cells = summarise()
    truth = run.set_index("cell_id")["subset"] == "CD8_ISG+"
    assert (cells["isg_high"] == truth.loc[cells.index]).mean() > 0.97
    high = table[(table["signature"] == "isg_score") & (table["level"] == "subset")].set_index(["sample", "label"])
    assert high.loc[("A", "CD8_ISG+"), "share_high"] > 0.9 and high.loc[("A", "Plasma_1"), "share_high"] < 0.05
    assert (high["share_low"] <= high["share_high"]).all() and (high["share_high"] <= high["share_up"]).all()
    scores = pd.read_parquet("A.signatures.parquet").set_index("cell_id")["FEW"]
    part = scores[run.loc[(run["sample"] == "A") & (run["subset"] == "Plasma_1"), "cell_id"]]
    row = table[(table["signature"] == "FEW") & (table["sample"] == "A") & (table["label"] == "Plasma_1")].iloc[0]
    assert row[["n", "mean", "sd", "median"]].tolist() == pytest.approx(
        [90, part.mean(), part.std(), part.median()], rel=1e-3
    )
    assert set(table["level"]) == {"lineage", "cell_type", "subset"} and np.isnan(row["n_high"])


def test_without_a_threshold_no_cell_is_called(run):
    run = run[run["subset"] != "CD8_ISG+"]
    run.to_parquet("labels.parquet")
    table, cells = summarise()
    assert cells["isg_high"].isna().all() and table["share_high"].isna().all()
    assert json.loads(Path("signatures.json").read_text())["isg_high"]["threshold"] is None
    assert "isg_high" not in json.loads(Path("signatures_mqc.json").read_text())["data"]["A"]


def test_without_a_threshold_cells_are_held_against_resting_ones(run):
    run[run["subset"] != "CD8_ISG+"].to_parquet("labels.parquet")
    cells = run.loc[run["subset"] == "CD8_memory", ["cell_id"]]
    cells.assign(interferon_high=pd.array(np.arange(len(cells)) < 30, "boolean")).to_parquet("T.subsets.parquet")
    unknown = run.loc[run["subset"] == "Plasma_1", ["cell_id"]]
    unknown.assign(interferon_high=pd.array([pd.NA] * len(unknown), "boolean")).to_parquet("plasma.subsets.parquet")
    given = ("--subsets", "T.subsets.parquet", "--subsets", "plasma.subsets.parquet")
    table, called = summarise(*given)
    assert called.loc[cells["cell_id"], "isg_high"].sum() == 30 and called["isg_high"].isna().sum() == len(unknown)
    share = table[table["signature"] == "isg_score"].groupby("label")["share_high"].max()
    assert share["CD8_memory"] == pytest.approx(0.2) and np.isnan(share["Plasma_1"])
    shown = json.loads(Path("signatures_mqc.json").read_text())["data"]["A"]
    assert shown["isg_told"] == (run["sample"].eq("A") & run["subset"].eq("CD8_memory")).sum() < shown["cells"]
    assert "resting" in json.loads(Path("signatures.json").read_text())["isg_high"]["basis"]
    run.to_parquet("labels.parquet")  # two populations: the learnt threshold holds for every lineage
    assert summarise(*given)[1]["isg_high"].notna().all()


def test_labels_of_another_run_are_told(run):
    run.assign(cell_id="x" + run["cell_id"]).to_parquet("labels.parquet")
    result = invoke(signature_change, "A.signatures.parquet", "--labels", "labels.parquet")
    assert result.exit_code == 1 and "labels.parquet: holds none" in result.output


def test_cells_without_a_name_give_empty_tables(run):
    run.assign(lineage="unassigned", cell_type="unassigned", subset="unassigned").to_parquet("labels.parquet")
    table, cells = summarise()
    assert table.empty and "share_high" in table.columns and len(cells) == 600
