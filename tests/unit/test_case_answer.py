"""CASE_ANSWER: what is said is what the tables hold."""

import json

import case_answer
import pandas as pd
import pytest
import report_case


def said(statement):
    return "".join(part if isinstance(part, str) else part["text"] for part in statement)


def numbers(node):
    """All numbers of an answer, wherever they stand."""
    if isinstance(node, dict) and "column" in node:
        return [node]
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else []
    return [found for part in inner for found in numbers(part)]


@pytest.fixture
def answer(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def build(**options):
        report_case.write(tmp_path / "tables", **options)
        report_case.run(case_answer.main, "tables", "--patient", "P1")
        return json.loads((tmp_path / "P1.answer.json").read_text())

    return build


def test_carrier_movement_and_load(answer):
    found = answer()
    seen = next(entry for entry in found["clones"] if entry["clone"] == "IGH_1")
    assert said(seen["who"]) == "Plasma cells: 30 of 32 matched cells; B-ALL blasts 0 of 120"
    assert "Bulk: 0.1 % (day -30) to 0.3 % (day 180)" in said(seen["moves"])
    assert "Single cells: persistent; T1 50 %" in said(seen["moves"])
    assert said(seen["carries"]) == "1q gain in 78 % (60 % to 90 %) of 32 cells"
    assert seen["confidence"] == "high"
    assert (
        found["headline"]
        == "Plasma cells carry IGH_1. IGKDE_1: not seen in single cells, which is not the same as absent."
    )


def test_every_number_is_in_its_table(answer, tmp_path):
    listed = numbers(answer())
    assert len(listed) > 15
    for number in listed:
        table = pd.read_csv(tmp_path / "tables" / number["table"], sep="\t")
        for column, value in number["where"].items():
            table = table[table[column] == value]
        assert len(table) and table[number["column"]].sum() == pytest.approx(number["value"]), number


def test_unseen_is_not_absent(answer):
    hidden = next(entry for entry in answer()["clones"] if entry["clone"] == "IGKDE_1")
    assert said(hidden["who"]).startswith("Not seen in single cells: locus not in a V(D)J library")
    assert hidden["confidence"] == "none" and hidden["carrier"] == ""


def test_surroundings_name_watched_pairs_and_interferon(answer):
    told = [said(part) for part in answer()["surroundings"]]
    assert (
        told[0]
        == "APRIL-BCMA: CD8_ISG+ to Plasma_1, supply 0.1 at T2, 0.4 at T3 (strengthened by number and strength), in the first 1.23 % of all pairs to the focus at T3."
    )
    assert told[1] == "Interferon-high at T3: CD8_ISG+, 9 of 12 cells."


def test_without_bulk_the_page_says_so(answer):
    found = answer(full=False)
    assert found["clones"] == [] and found["headline"].startswith("No bulk MRD table was given")


@pytest.mark.parametrize(
    ("n", "share", "distance", "agreement", "level"),
    [
        (202, 0.97, 0, "2 of 2 steps in the same direction", "high"),
        (202, 0.97, 1, "2 of 2 steps in the same direction", "moderate"),
        (202, 0.97, 0, "1 of 2 steps in the same direction", "moderate"),
        (19, 0.97, 0, "2 of 2 steps in the same direction", "moderate"),
        (202, 0.60, 0, "2 of 2 steps in the same direction", "moderate"),
        (2, 1.00, 0, "2 of 2 steps in the same direction", "low"),
        (202, 0.97, 0, "fewer than two days with both bulk and single cells", "moderate"),
        (0, 0.0, float("nan"), float("nan"), "none"),
    ],
)
def test_confidence(n, share, distance, agreement, level):
    row = {"distance": distance, "matched_by": "junction", "agreement": agreement, "reason": ""}
    assert case_answer.confidence(pd.DataFrame([row]), n, share)[0] == level
