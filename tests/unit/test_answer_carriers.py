"""CASE_ANSWER: who carries a bulk clone, in which subsets, and how sure that is."""

import _answer_carriers as carriers
from _results import Case

import pandas as pd
import pytest
from helpers import report_case
from helpers.report_case import said


def test_a_type_that_is_not_seen_any_more_has_its_bounds():
    rows = [("T1", -5, 60, 100, 0.5, 0.7), ("T2", 28, 0, 3000, 0, 0.001), ("T3", 180, 0, 2000, 0, 0.0015)]
    table = pd.DataFrame(rows, columns=["timepoint", "day", "n", "total", "low", "high"])
    table = table.assign(level="cell_type", label="B-ALL blast")
    told = said(carriers.gone("B-ALL blast", table, {}))
    assert told == "; none of 3,000 cells at T2 (at most 0.1 %), 2,000 cells at T3 (at most 0.15 %)"
    assert carriers.gone("B-ALL blast", table[:1], {}) == []
    more = pd.concat([table, table[2:].assign(timepoint="T4", day=300, total=900, high=0.003)])
    told = said(carriers.gone("B-ALL blast", more, {}))
    assert told == "; none at the 3 later times: of 900 cells at T4 (at most 0.3 %)"


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
    assert carriers.confidence(pd.DataFrame([row]), n, share)[0] == level


def test_a_window_is_never_called_with_high_confidence():
    row = {"distance": 0, "agreement": "2 of 2 steps in the same direction", "reason": ""}
    levels = [
        carriers.confidence(pd.DataFrame([row | {"matched_by": words}]), 202, 0.97)[0]
        for words in ("junction nucleotides", "junction within a sequence of 115 nt", "window of 40 nt")
    ]
    assert levels == ["high", "high", "moderate"]


def test_of_a_clone_without_carriers_the_verdict_is_told_and_why():
    row = {"clone": "A", "cell_type": None, "n": float("nan"), "distance": float("nan"), "matched_by": None,
           "agreement": None, "verdict": "not detected (upper limit 2.1 %)", "reason": "of 449 cells at T1; bulk there 1 %"}  # fmt: skip
    rows = pd.DataFrame([row])
    assert carriers.who("A", rows, "x", None, {})[0] == ["Not detected (upper limit 2.1 %)"]
    assert carriers.confidence(rows, 0, 0.0) == ("none", ["of 449 cells at T1", "bulk there 1 %"])


@pytest.mark.parametrize(("distance", "told"), [(1, "matched by x, 1 differences"), (float("nan"), "matched by x")])
def test_differences_are_told_only_where_they_are_known(distance, told):
    row = {"distance": distance, "matched_by": "x", "agreement": float("nan"), "reason": ""}
    assert carriers.confidence(pd.DataFrame([row]), 30, 1.0)[1] == [told]


def test_subsets_are_told_at_the_last_time_with_what_is_not_seen_and_what_is_small(tmp_path):
    report_case.write(tmp_path)
    cells = Case(tmp_path, "P1").own("clone_cells")
    told = said(carriers.subsets("P1.B1", "plasma cell", cells, "P1.clone_cells.tsv", {}))
    assert told.startswith("The clone's share of each subset at T3, of cells with a BCR: Plasma_1 28 of 30 (")
    assert ", Plasma_2 2 of 12 (" in told
    assert told.endswith(", Plasma_3 none of 11 (at most 23.8 %); 1 more with fewer than 10 such cells")


@pytest.mark.parametrize(
    ("clone", "kind"), [("", "plasma cell"), ("P1.B1", ""), ("P1.B9", "plasma cell"), ("P1.B1", "NK")]
)
def test_no_clone_no_carrier_or_no_subset_is_no_statement(tmp_path, clone, kind):
    report_case.write(tmp_path)
    cells = Case(tmp_path, "P1").own("clone_cells")
    assert carriers.subsets(clone, kind, cells, "x", {}) == []
    assert carriers.subsets(clone, kind, None, "x", {}) == []
