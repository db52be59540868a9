"""Tables for people of COMMUNICATION_CHANGE: totals, senders and lists agree with the scores they come from."""

import json

import _communication_summary as summary

import communication
import communication_cells
import communication_change
import numpy as np
import pandas as pd
import pytest
from helpers.signals_data import ASSETS, invoke, levels, write_run

LINEAGES = ("--lineages", ASSETS / "lineages.tsv")
PAIRS = ("--interactions", ASSETS / "interactions.tsv")
WATCH = ("--watch-list", ASSETS / "watch_list.tsv")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("summary")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        plasma = {"TNFRSF17": 30, "ICAM1": 20}
        before = levels({"Plasma_1": plasma, "CD8_ISG+": {"ITGB2": 20}})
        after = levels(
            {"Plasma_1": plasma, "CD8_ISG+": {"ITGB2": 20}, "nonclassical_monocyte": {"TNFSF13": 40, "TNFSF13B": 30}}
        )
        sizes = {"CD8_ISG+": 60, "CD8_memory": 60, "nonclassical_monocyte": 40, "Plasma_1": 50}
        write_run(folder, [("A", "P1", "T1", -10, sizes, before), ("B", "P1", "T2", 30, sizes, after)])
        for sample in "AB":
            cells = (f"{sample}.cells.h5ad", "--sample", sample, "--labels", "labels.parquet")
            assert invoke(communication_cells, *cells, *LINEAGES, *PAIRS).exit_code == 0
            drawn = (f"{sample}.communication_cells.h5ad", *PAIRS, *WATCH, "--permutations", 10)
            assert invoke(communication, *drawn).exit_code == 0
        drawn = [f"{sample}.communication_cells.h5ad" for sample in "AB"]
        scores = [word for sample in "BA" for word in ("--scores", f"{sample}.communication.parquet")]
        given = ("--patient", "P1", "--labels", "labels.parquet", *PAIRS, *WATCH, *LINEAGES, "--draws", 100)
        given += ("--top", 7)
        result = invoke(communication_change, *drawn, *scores, *given)
        assert result.exit_code == 0, result.output
    return folder


def read(folder, name):
    return pd.read_csv(folder / f"P1.{name}.tsv", sep="\t", keep_default_na=False, na_values=[""])


def test_totals_count_the_expressed_pairs(run):
    totals = read(run, "communication_pairs")
    scores = pd.read_parquet(run / "B.communication.parquet")
    assert totals.loc[totals["sample"] == "B", "pairs"].sum() == scores["kept"].sum()
    assert list(totals["timepoint"].unique()) == ["T1", "T2"]
    assert (totals["n_source"] >= 40).all()


def test_the_planted_sender_gains(run):
    senders = read(run, "communication_senders")
    monocyte = senders[(senders["source"] == "nonclassical_monocyte") & (senders["target"] == "Plasma_1")].iloc[0]
    assert monocyte["rank"] == 1 and monocyte["gained"] >= 2 and "TNFSF13-TNFRSF17 (gained)" in monocyte["strongest"]
    assert monocyte["strength_to"] > 3 * monocyte["strength_from"]


def test_the_focus_as_one_target(run):
    """The rank of a pair is the geometric mean over the focus cells, 1 where their group does not express it."""
    samples = pd.DataFrame({"sample": ["B"], "timepoint": "T2", "day": 30})
    scores = communication_change.read_scores([run / "B.communication.parquet"], samples)
    focus, keys = {"Plasma_1", "CD8_memory"}, ["source", "ligand_complex", "receptor_complex"]
    table = summary.to_focus(scores, focus, len(scores)).set_index(keys)
    aimed = scores[scores["target"].isin(focus)].astype(dict.fromkeys([*keys, "target"], str))
    cells = aimed.groupby("target")["n_target"].first()
    ranks = aimed[aimed["kept"]].pivot_table(index=keys, columns="target", values="joint_rank")
    logs = np.log(ranks.reindex(columns=cells.index).fillna(1))
    expected = np.exp((logs * cells).sum(axis=1) / cells.sum())
    np.testing.assert_allclose(table["focus_rank"], expected[table.index], rtol=1e-5)
    assert len(table) == len(expected) > 1 and set(table["focus_cells"]) == {110}
    others = table[~table.index.get_level_values("source").isin(focus)]
    np.testing.assert_allclose(others["place"], others["focus_rank"].rank(pct=True))
    # What the focus sends to itself has a rank by strength, and no place among the signals of others.
    own = table[table["to_itself"]]
    assert len(own) and own["place"].isna().all() and len(own) + len(others) == len(table)


def test_the_table_of_the_focus_holds_the_first_and_the_watched(run):
    table = read(run, "communication_focus")
    assert (table[table["watch"].isna()].groupby("sample").size() <= 7).all()
    april = table[(table["sample"] == "B") & (table["watch"] == "APRIL-BCMA")]
    assert april["source"].iloc[0] == "nonclassical_monocyte" and april["place"].is_monotonic_increasing


def test_table_for_people_holds_focus_and_watched_pairs(run):
    told = read(run, "communication")
    hidden = told[~told["kept"]]
    assert (hidden["target"] == "Plasma_1").all() and hidden["watch"].notna().all()
    assert told.groupby("sample").size().min() >= 7
    changes = read(run, "communication_change")
    april = changes[
        (changes["watch"] == "APRIL-BCMA") & changes["focus"] & (changes["source"] == "nonclassical_monocyte")
    ]
    assert april["class"].tolist() == ["gained"]


def test_multiqc_sections(run):
    section = json.loads((run / "P1.communication_mqc.json").read_text())
    scores = pd.read_parquet(run / "A.communication.parquet")
    assert section["data"]["A"]["pairs"] == scores["kept"].sum() and set(section["data"]) == {"A", "B"}
    change = json.loads((run / "P1.communication_change_mqc.json").read_text())
    assert change["data"]["P1 T1 to T2"]["gained"] >= 2


def test_scores_of_another_patient_are_told(run, monkeypatch):
    monkeypatch.chdir(run)
    given = (
        "--scores",
        "A.communication.parquet",
        "--patient",
        "P1",
        "--labels",
        "labels.parquet",
        *PAIRS,
        *WATCH,
        *LINEAGES,
        "--draws",
        50,
    )
    result = invoke(communication_change, "B.communication_cells.h5ad", *given)
    assert result.exit_code == 1 and "A is no sample of this patient" in result.output


def test_comparisons_stand_in_the_order_of_time():
    names = [("new", "second"), ("second", "10th"), ("new", "10th")]
    rows = [
        {"patient": "P", "from": a, "to": b, "source": "s", "target": "t", "ligand": "L", "receptor": "R", "focus": True, "to_itself": False,
         "class": "kept", "strength_class": "kept", "strength_from": 1, "strength_to": 1, "supply_from": 1, "supply_to": 1}
        for a, b in names
    ]  # fmt: skip
    table = summary.senders(pd.DataFrame(rows), 3)
    assert list(zip(table["from"], table["to"], strict=True)) == [
        ("new", "second"),
        ("new", "10th"),
        ("second", "10th"),
    ]


@pytest.mark.parametrize(("focus", "found"), [("plasma", ["Plasma_1"]), ("Plasma", [])])
def test_one_time_point_has_a_focus_and_a_misspelt_one_is_told(run, tmp_path, monkeypatch, focus, found):
    monkeypatch.chdir(tmp_path)
    given = ("--scores", run / "B.communication.parquet", "--patient", "P1", "--labels", run / "labels.parquet")
    given += (*PAIRS, *WATCH, *LINEAGES, "--draws", 50, "--focus", focus)
    result = invoke(communication_change, run / "B.communication_cells.h5ad", *given)
    assert result.exit_code == 0, result.output
    pairs = read(tmp_path, "communication_pairs")
    assert sorted(set(pairs.loc[pairs["focus"], "target"])) == found
    assert read(tmp_path, "communication_focus").empty == (not found)
    assert ("no cell is of the focus 'Plasma'" in result.output and "Plasma_1" in result.output) == (not found)
