"""CASE_ANSWER: what is said is what the tables hold."""

import json

import case_answer
import pandas as pd
import pytest
import report_case
from report_case import said


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
    assert said(seen["who"]) == "Plasma cells: 30 of 32 matched cells (79.9 % to 98.3 %)"
    assert said(seen["beside"]) == "B-ALL blasts: 0 of 120 with a receptor (at most 2.47 %)"
    assert "Bulk: 0.1 % (day -30) to 0.3 % (day 180)" in said(seen["moves"])
    assert "Single cells: persistent; T1 62.5 %" in said(seen["moves"])
    assert said(seen["moves"]).endswith(" of plasma cells with a BCR.")
    assert said(seen["carries"]) == "1q gain in 78 % (60 % to 90 %) of 32 cells"
    assert seen["confidence"] == "high"
    assert (
        found["headline"]
        == "Plasma cells carry IGH_1: persistent, with 1q gain. IGKDE_1: cannot be looked for in these single cells."
    )


def test_the_bulk_peak_between_first_and_last_is_told():
    days = [-30, 28, 180]
    curve = pd.DataFrame({"clone": "IGH_1", "day": days, "fraction": [0.001, 0.06, 0.05]})
    told = said(case_answer.moves("IGH_1", "", curve, None, "P1"))
    assert told == "Bulk: 0.1 % (day -30) to 6 % (day 28) to 5 % (day 180). "


def test_a_type_that_is_not_seen_any_more_has_its_bounds():
    rows = [("T1", -5, 60, 100, 0.5, 0.7), ("T2", 28, 0, 3000, 0, 0.001), ("T3", 180, 0, 2000, 0, 0.0015)]
    table = pd.DataFrame(rows, columns=["timepoint", "day", "n", "total", "low", "high"])
    table = table.assign(level="cell_type", label="B-ALL blast")
    told = said(case_answer.gone("B-ALL blast", table))
    assert told == "; none of 3,000 cells at T2 (at most 0.1 %), 2,000 cells at T3 (at most 0.15 %)"
    assert case_answer.gone("B-ALL blast", table[:1]) == []
    more = pd.concat([table, table[2:].assign(timepoint="T4", day=300, total=900, high=0.003)])
    told = said(case_answer.gone("B-ALL blast", more))
    assert told == "; none at the 3 later times: of 900 cells at T4 (at most 0.3 %)"


def test_every_number_is_in_its_table(answer, tmp_path):
    listed = report_case.numbers(answer())
    assert len(listed) > 15 and any("bound" in number for number in listed)
    for number in listed:
        table = pd.read_csv(tmp_path / "tables" / number["table"], sep="\t")
        asked = {name: number.get(name) for name in ("column", "where", "bound", "per")}
        assert report_case.from_table(table, **asked) == pytest.approx(number["value"]), number


@pytest.mark.parametrize(
    ("entry", "headline"),
    [
        ({}, "Plasma cells carry A: persistent, with 1q gain."),
        ({"confidence": "moderate"}, "Plasma cells probably carry A (confidence moderate): persistent, with 1q gain."),
        ({"main_share": 0.4, "confidence": "moderate", "fate": "", "events": []},
         "Several cell types show A, most often plasma cells."),
        ({"carrier": ""}, "A: seen in too few cells to name a carrier."),
    ],
)  # fmt: skip
def test_the_headline_says_no_more_than_the_confidence(entry, headline):
    usual = {
        "clone": "A",
        "matched": "P1.B1",
        "carrier": "plasma cell",
        "main_share": 0.95,
        "confidence": "high",
    }
    assert case_answer.headline([usual | {"fate": "persistent", "events": ["1q gain"]} | entry]) == headline


def test_unseen_is_not_absent(answer):
    hidden = next(entry for entry in answer()["clones"] if entry["clone"] == "IGKDE_1")
    assert said(hidden["who"]).startswith(
        "Cannot be looked for in single cells: locus not in a V(D)J library"
    )
    assert hidden["confidence"] == "none" and hidden["carrier"] == ""


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


@pytest.mark.parametrize(
    ("distance", "told"), [(1, "matched by x, 1 differences"), (float("nan"), "matched by x")]
)
def test_differences_are_told_only_where_they_are_known(distance, told):
    row = {"distance": distance, "matched_by": "x", "agreement": float("nan"), "reason": ""}
    assert case_answer.confidence(pd.DataFrame([row]), 30, 1.0)[1] == [told]
