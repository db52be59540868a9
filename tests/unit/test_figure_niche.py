"""CASE_FIGURES: communication and interferon state as figures."""

import _figure_niche
from _results import Case

import pandas as pd
import pytest
from helpers import report_case


@pytest.fixture
def figures(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report_case.write(tmp_path / "tables")

    def build(**change):
        path = tmp_path / "tables" / "P1.communication_change.tsv"
        pd.read_csv(path, sep="\t").assign(**change).to_csv(path, sep="\t", index=False)
        case = Case(tmp_path / "tables", "P1")
        return report_case.by_id(_figure_niche.niche(case, report_case.palette()["cell_type"]))

    return build


def test_only_changes_that_are_sure_are_drawn(figures):
    assert figures()["change"]["alt"].startswith("1 of 1 tested pairs change their supply")
    assert "change" not in figures(**{"class": "unclear"})


def test_a_change_is_told_with_what_it_comes_from(figures):
    assert figures()["change"]["rows"][0]["note"] == "strengthened: number and strength"


def test_dots_are_empty_where_a_pair_is_not_expressed(figures):
    found = figures(**{"class": "gained", "expressed_from": False})["watched"]
    assert found["columns"] == ["T2", "T3"] and [cell[1] for cell in found["cells"]] == [1]


def test_pairs_that_grow_are_told_first(figures):
    assert figures()["watched"]["alt"].startswith("Growing to T3: APRIL-BCMA from CD8_ISG+.")
    assert figures(**{"class": "kept"})["watched"]["alt"].startswith("None grows for sure to T3.")


def test_times_that_the_heat_map_lacks_are_named(figures, tmp_path):
    path = tmp_path / "tables" / "P1.communication_pairs.tsv"
    pairs = pd.read_csv(path, sep="\t")
    pairs[pairs["timepoint"] != "T1"].to_csv(path, sep="\t", index=False)
    assert "Not shown: T1," in figures()["communication"]["alt"]


def test_the_last_step_is_from_the_time_point_before_not_from_the_first():
    rows = pd.DataFrame([{"from": one, "to": two} for one, two in (("a", "b"), ("b", "c"), ("a", "c"))])
    assert _figure_niche.last_step(rows, ["a", "b", "c"]).to_dict("records") == [{"from": "b", "to": "c"}]


def test_one_time_point_without_changes_has_its_heat_map(figures, tmp_path):
    path = tmp_path / "tables" / "P1.communication_pairs.tsv"
    pairs = pd.read_csv(path, sep="\t")
    pairs.assign(focus=True).to_csv(path, sep="\t", index=False)
    empty = tmp_path / "tables" / "P1.communication_change.tsv"
    pd.read_csv(empty, sep="\t").iloc[:0].to_csv(empty, sep="\t", index=False)
    assert "communication" in figures()
