"""Statements: numbers that say where they come from."""

import json

from _statements import Number, as_json, bounds, interval, number

import pandas as pd
import pytest
from helpers.report_case import from_table, said

ROWS = pd.DataFrame({
    "clone": ["A", "A", "B"], "day": [0, 30, 0], "n": [3, 5, 0], "total": [40, 60, 40],
    "share": [0.075, 0.0833, 0.0], "low": [0.03, 0.04, 0.0], "high": [0.2, 0.18, 0.072],
})  # fmt: skip


def test_a_number_is_the_sum_over_its_rows_and_names_them():
    found = number("P1.mrd.tsv", ROWS, "n", {"clone": "A"})
    assert found == Number(8.0, "8", "P1.mrd.tsv", "n", {"clone": "A"})
    assert as_json(found) == {
        "value": 8.0, "text": "8", "table": "P1.mrd.tsv", "column": "n", "where": {"clone": "A"},
    }  # fmt: skip
    assert number("x", ROWS, "n", {"clone": "C"}).value == 0.0


def test_numbers_are_written_as_counts_or_shares_and_json_holds_no_numpy():
    big = ROWS.assign(n=5000)
    assert number("x", big, "n", {"clone": "A"}).text == "10,000"
    share = number("x", ROWS, "share", {"clone": "A", "day": ROWS["day"].iloc[0]}, "share")
    assert share.text == "7.5 %" and json.dumps(as_json(share))


def test_an_empty_cell_is_where_nothing_is_asked_for():
    rows = pd.DataFrame({"sort": [None, "", "CD3+"], "n": [1, 2, 4]})
    assert number("x", rows, "n", {"sort": ""}).value == 3 and number("x", rows, "n", {"sort": "CD3+"}).value == 4


def test_the_interval_of_a_row_is_its_bounds_or_the_upper_one_where_nothing_was_seen():
    assert said(interval("x", ROWS, {"clone": "A", "day": 0})) == " (3 % to 20 %)"
    assert said(interval("x", ROWS, {"clone": "B"})) == " (at most 7.2 %)"
    assert interval("x", ROWS, {"clone": "C"}) == interval("x", ROWS.assign(high=None), {"clone": "A"}) == []


@pytest.mark.parametrize(("clone", "words"), [("A", "4.11 % to 15 %"), ("B", "at most 7.22 %")])
def test_bounds_of_a_sum_are_wilsons_and_name_what_it_is_a_share_of(clone, words):
    where = {"clone": clone}
    statement = bounds("x", ROWS, where, ("total", where))
    assert said(statement) == f" ({words})"
    for part in statement:
        if isinstance(part, Number):
            asked = {name: as_json(part)[name] for name in ("column", "where", "bound", "per")}
            assert from_table(ROWS, **asked) == pytest.approx(part.value)
    assert bounds("x", ROWS, where, ("total", {"clone": "C"})) == []
