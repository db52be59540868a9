"""CASE_ANSWER: what is said of pairs and of interferon is what the tables hold."""

import json

import _answer_surroundings as surroundings

import pandas as pd
import pytest
from helpers import report_case
from helpers.report_case import said


@pytest.fixture
def told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def build(change=None, **options):
        report_case.write(tmp_path / "tables", **options)
        path = tmp_path / "tables" / "P1.communication_change.tsv"
        if change:
            pd.read_csv(path, sep="\t").assign(**change).to_csv(path, sep="\t", index=False)
        return report_case.make_answer(tmp_path / "tables")["surroundings"]

    return build


def test_watched_pairs_and_interferon_are_named_with_their_intervals(told):
    assert [said(part) for part in told()] == [
        "APRIL-BCMA: CD8_ISG+ to Plasma_1, supply 0.1 at T2, 0.4 at T3: difference 0.3 (0.1 to 0.5), strengthened by number and strength, in the first 1.23 % of the pairs to the focus.",
        "Interferon-high at T3: CD8_ISG+, 9 of 12 cells (50 % to 90 %).",
    ]


def test_a_change_that_is_not_sure_is_not_called_one(told):
    assert said(told({"class": "kept"})[0]).split(", in the first")[0].endswith("(0.1 to 0.5), not changed for sure")
    assert "CD8_ISG+ to Plasma_1" not in said(told({"expressed_to": False})[0])


def test_a_change_that_is_not_sure_says_what_would_have_been_called(told):
    kept = {"class": "kept", "detectable_fold": 1.84, "cells_needed": 20, "fewest_cells": 25}
    assert "not changed for sure (a 1.8-fold change would have been called), in" in said(told(kept)[0])
    few = kept | {"detectable_fold": None, "cells_needed": 120}
    assert "(a twofold change would take 120 cells, the smaller group has 25), in" in said(told(few)[0])


def test_rising_pairs_come_first_in_the_order_of_their_place():
    columns = ["from", "to", "source", "target", "ligand", "receptor", "watch", "focus", "class", "expressed_to"]
    both = ("T1", "T2")
    rows = [
        (*both, "CD4_memory", "Plasma_1", "MIF", "CD74", "MIF-CD74", True, "kept", True, 0.9),
        (*both, "CD8_ISG+", "Plasma_1", "MIF", "CD74", "MIF-CD74", True, "strengthened", True, 0.5),
        (*both, "cDC", "Plasma_1", "TNFSF13", "TNFRSF17", "APRIL-BCMA", True, "strengthened", True, 0.1),
        (*both, "cDC", "Plasma_2", "TNFSF13", "TNFRSF17", "APRIL-BCMA", True, "strengthened", True, 0.2),
    ]
    change = pd.DataFrame(rows, columns=[*columns, "supply_to"])
    change["to_itself"] = False
    for name in ("supply_from", "supply_difference", "supply_low", "supply_high"):
        change[name] = change["supply_to"]
    change["driver"] = ""
    places = [("T2", "CD8_ISG+", "MIF", "CD74", 0.12), ("T2", "cDC", "TNFSF13", "TNFRSF17", 0.01)]
    focus = pd.DataFrame(places, columns=[*surroundings.PAIR, "place"])
    told = [said(part) for part in surroundings.surroundings(change, focus, None, ["T1", "T2"], "P1")]
    assert [text.split(",")[0] for text in told] == [
        "APRIL-BCMA: cDC to Plasma_2",
        "MIF-CD74: CD8_ISG+ to Plasma_1",
        "MIF-CD74: CD4_memory to Plasma_1",
    ]


def test_the_receivers_are_said_first_and_what_they_send_to_themselves_after_the_signals_of_others(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    report_case.write(tmp_path / "tables")
    path = tmp_path / "tables" / "P1.communication_change.tsv"
    rows = pd.read_csv(path, sep="\t")
    own = rows.assign(source="Plasma_1", supply_to=9.0, to_itself=True)
    pd.concat([own, rows]).to_csv(path, sep="\t", index=False)
    text = "Receivers: the 40 cells that carry IGH_1; 38 of them are in Plasma_1 (45 cells)"
    (tmp_path / "tables" / "P1.focus.json").write_text(json.dumps({"groups": ["Plasma_1"], "text": text}))
    told = [said(part) for part in report_case.make_answer(tmp_path / "tables")["surroundings"]]
    assert told[0] == f"{text}." and told[1].startswith("APRIL-BCMA: CD8_ISG+ to Plasma_1")
    assert told[2].startswith("To itself: APRIL-BCMA: Plasma_1 to Plasma_1, supply 0.1 at T2, 9")
    assert "of the pairs to the focus" not in told[2]


def test_every_number_is_in_its_table(told, tmp_path):
    listed = report_case.numbers(told())
    assert len(listed) >= 8
    for number in listed:
        table = pd.read_csv(tmp_path / "tables" / number["table"], sep="\t")
        assert report_case.from_table(table, number["column"], number["where"]) == pytest.approx(number["value"])


def test_one_time_point_has_no_change_to_tell(told):
    assert [said(part)[:16] for part in told(times=(("T1", 5),))] == ["Interferon-high "]
