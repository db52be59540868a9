"""CASE_ANSWER: how a bulk clone moves and what it carries."""

import _answer_moves

import pandas as pd
from helpers.report_case import said


def test_the_bulk_peak_between_first_and_last_is_told():
    days = [-30, 28, 180]
    curve = pd.DataFrame({"clone": "IGH_1", "day": days, "fraction": [0.001, 0.06, 0.05]})
    told = said(_answer_moves.moves("IGH_1", "", curve, None, "P1"))
    assert told == "Bulk: 0.1 % (day -30) to 6 % (day 28) to 5 % (day 180). "


def test_a_clone_without_cells_or_arms_says_what_is_missing():
    assert _answer_moves.carries("", None, "P1") == ["Unknown: no cell of it is seen."]
    assert _answer_moves.carries("P1.B1", None, "P1") == ["Not judged: arm gains and losses were not computed."]


def test_a_change_that_is_not_shown_says_what_would_have_been():
    fates = pd.DataFrame(
        {"clone": "P1.B1", "timepoint": ["T1", "T2"], "detectable_low": 0.01, "detectable_high": 0.045}
    )
    told = _answer_moves.would_show(fates, "T2", "P1.fates.tsv")
    assert said(told) == " A share below 1 % or above 4.5 % at T2 would have been shown as a change (95 %)."
    assert said(_answer_moves.would_show(fates.assign(detectable_low=float("nan")), "T2", "x")).startswith(
        " A share above 4.5 %"
    )
    assert _answer_moves.would_show(fates.assign(detectable_low=None, detectable_high=None), "T2", "x") == []
