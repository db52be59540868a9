"""FISH: reading of probes, choice of the population, words on agreement."""

from _fish_words import Words

import fish
import numpy as np
import pandas as pd
import pytest
from helpers.tumour_room import FISH_WORDS, run_steps

WORDS = Words(FISH_WORDS)


def result(arm, event, verdict="detected", population="P.B1", **values):
    """A row of cnv.tsv."""
    row = {"level": "population", "population": population, "normal": False, "arm": arm, "event": event}
    row |= {"verdict": verdict, "stratum": "all", "day": np.nan, "n": 80, "total": 100, "share": 0.8, "low": 0.75}
    row |= {"high": 0.85, "separation": 3.0, "scored_genes": 100, "mb": 80.0}
    return row | values


def beside(percent, *rows, region="1q21", abnormality="gain"):
    probe = {"day": 10, "probe": "X", "region": region, "abnormality": abnormality, "percent": percent}
    return fish.beside(pd.DataFrame([probe]), pd.DataFrame(rows), "P", WORDS, cutoff=5.0, tolerance=10.0)[0]


ABSENT = {"verdict": "not detected", "n": 0, "share": 0.0, "low": 0.0, "high": 0.03}


@pytest.mark.parametrize(
    ("percent", "row", "verdict"),
    [
        (82.0, result("1q", "gain"), "agrees"),
        (40.0, result("1q", "gain"), "differs"),
        (0.0, result("1q", "gain"), "single cells only"),
        (60.0, result("1q", "gain", **ABSENT), "FISH only"),
        (0.0, result("1q", "gain", **ABSENT), "agrees"),
        (60.0, result("1q", "gain", verdict="not assessable"), "not assessable"),
        (np.nan, result("1q", "gain"), "no FISH result"),
    ],
)
def test_words_on_agreement(percent, row, verdict):
    found = beside(percent, row)
    assert found["verdict"] == verdict
    assert found["words"]


@pytest.mark.parametrize(
    ("abnormality", "verdict"),
    [
        ("focal deletion", "not assessable"),
        ("microdeletion", "not assessable"),
        ("deletion, 350 kb", "not assessable"),
        ("deletion (1.5 Mb)", "not assessable"),
        ("deletion (60 Mb)", "agrees"),
        ("deletion", "agrees"),
    ],
)
def test_an_event_stated_as_smaller_than_the_resolution_is_not_assessable(abnormality, verdict):
    found = beside(80.0, result("13q", "loss"), region="13q14", abnormality=abnormality)
    assert found["verdict"] == verdict
    assert ("smaller than 20 Mb or 25 scored genes of 13q" in found["words"]) == (verdict == "not assessable")
    assert (found["share"] is None) == (verdict == "not assessable")


def test_an_absent_event_carries_its_bound_and_the_resolution():
    words = beside(0.0, result("17p", "loss", **ABSENT), region="17p13", abnormality="deletion")["words"]
    assert "at most 3.0 %" in words
    assert "20 Mb or 25 scored genes" in words  # a quarter of the arm is told from noise at 3 standard deviations


def test_the_clone_is_held_against_fish_not_the_largest_population():
    rows = [
        result("1q", "gain"),
        result("1q", "gain", population="plasma cell without receptor", n=500, total=900),
        result("17p", "loss", population="blasts", total=5000, **ABSENT),
        result("17p", "loss", **ABSENT),
    ]
    assert beside(80.0, *rows)["population"] == "P.B1"
    assert beside(0.0, *rows, region="17p13", abnormality="deletion")["population"] == "P.B1"


def test_the_day_of_the_probe_is_read_where_it_was_sampled():
    at = result("1q", "gain", level="timepoint", stratum="T2", day=10.0, share=0.6, low=0.5, high=0.7)
    found = beside(65.0, result("1q", "gain"), at)
    assert (found["timepoint"], found["share"], found["verdict"]) == ("T2", 0.6, "agrees")


def test_planted_patient(tmp_path, monkeypatch):
    run_steps(tmp_path, monkeypatch, last="fish")
    table = pd.read_csv("P.fish.tsv", sep="\t").set_index("probe")
    assert table.verdict.to_dict() == {"CKS1B": "agrees", "RB1": "agrees", "IGH": "not assessable"}
    assert table.words["IGH"].startswith("a balanced rearrangement")


def test_patient_without_probes_lists_what_single_cells_see(tmp_path, monkeypatch):
    run_steps(tmp_path, monkeypatch, last="cnv")
    (tmp_path / "fish.tsv").write_text("patient\tday\tprobe\tregion\tabnormality\tpercent\n")
    from click.testing import CliRunner

    done = CliRunner().invoke(
        fish.main, ["P.cnv.tsv", "--patient", "P", "--fish", "fish.tsv", "--words", str(FISH_WORDS)]
    )
    assert done.exit_code == 0, done.output
    table = pd.read_csv("P.fish.tsv", sep="\t")
    assert set(table.verdict) == {"no probe"}
    assert set(table.arm) == {"1q", "13q"}


def test_time_points_and_probes_that_look_like_numbers_are_text(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    at = result("1q", "gain", level="timepoint", stratum="001", day=10.0)
    pd.DataFrame([result("1q", "gain", stratum=None), at]).to_csv("P.cnv.tsv", sep="\t", index=False)
    (tmp_path / "fish.tsv").write_text(
        "patient\tday\tprobe\tregion\tabnormality\tpercent\nP\t10\t007\t1q21\tgain\t80\n"
    )
    from click.testing import CliRunner

    done = CliRunner().invoke(
        fish.main, ["P.cnv.tsv", "--patient", "P", "--fish", "fish.tsv", "--words", str(FISH_WORDS)]
    )
    assert done.exit_code == 0, done.output
    row = pd.read_csv("P.fish.tsv", sep="\t", dtype=str).iloc[0]
    assert (row.probe, row.timepoint) == ("007", "001")


def test_each_arm_of_several_bands_is_judged():
    probe = {"day": 10, "probe": "X", "region": "1p32/1q21", "abnormality": "gain", "percent": 80.0}
    table = pd.DataFrame([result("1q", "gain"), result("1p", "gain", **ABSENT)])
    rows = fish.beside(pd.DataFrame([probe]), table, "P", WORDS, cutoff=5.0, tolerance=10.0)
    told = [(row["region"], row["arm"], row["verdict"]) for row in rows]
    assert told == [("1p32", "1p", "FISH only"), ("1q21", "1q", "agrees")]
    assert all("one percentage for 1p32/1q21" in row["words"] for row in rows)


def test_one_probe_on_two_days_has_two_rows_for_multiqc(tmp_path, monkeypatch):
    import json

    from click.testing import CliRunner

    monkeypatch.chdir(tmp_path)
    pd.DataFrame([result("1q", "gain"), result("8q", "gain")]).to_csv("P.cnv.tsv", sep="\t", index=False)
    probes = {"patient": "P", "day": [10, 90], "probe": "A/B", "region": "1q21", "abnormality": "gain"}
    pd.DataFrame(probes | {"percent": [80, 70]}).to_csv("fish.tsv", sep="\t", index=False)
    done = CliRunner().invoke(
        fish.main, ["P.cnv.tsv", "--patient", "P", "--fish", "fish.tsv", "--words", str(FISH_WORDS)]
    )
    assert done.exit_code == 0, done.output
    names = list(json.loads((tmp_path / "P.fish_mqc.json").read_text())["data"])
    assert names == ["P A and B 1q21 gain day 10", "P A and B 1q21 gain day 90", "P 8q gain"]


def test_a_percentage_against_its_text_and_a_limit_above_the_cutoff_are_no_results():
    row = result("1q", "gain")
    assert beside(85.5, row, abnormality="no gain of 1q")["verdict"] == "not assessable"
    assert beside(2.0, row, abnormality="no gain of 1q")["verdict"] == "single cells only"
    probe = {"day": 10, "probe": "X", "region": "1q21", "abnormality": "gain", "percent": 0.0}
    table = pd.DataFrame([row])
    for limit, verdict in ((5.0, "single cells only"), (10.0, "no FISH result")):
        rows = fish.beside(pd.DataFrame([probe | {"limit": limit}]), table, "P", WORDS, cutoff=5.0, tolerance=10.0)
        assert rows[0]["verdict"] == verdict


def test_a_text_that_is_not_read_is_listed_and_no_arm_is_held_against_it():
    found = beside(85.5, result("1q", "gain"), abnormality="gain cannot be excluded")
    assert (found["verdict"], found["arm"]) == ("not assessable", "")
    assert "states a doubt" in found["words"]
    probe = {"day": 10, "probe": "X", "region": "1q21", "abnormality": "gain?", "percent": 80.0}
    rows = fish.beside(
        pd.DataFrame([probe]), pd.DataFrame([result("1q", "gain")]), "P", WORDS, cutoff=5.0, tolerance=10.0
    )
    assert [row["verdict"] for row in rows] == ["not assessable", "no FISH result"]  # FISH did look there
