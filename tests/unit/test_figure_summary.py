"""CASE_FIGURES: the case in one drawing, as data."""

import _figure_summary
from _results import Case

import pandas as pd
import pytest
from helpers import report_case


@pytest.fixture
def drawing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def build(change=None, **options):
        report_case.write(tmp_path / "tables", **options)
        path = tmp_path / "tables" / "P1.communication_change.tsv"
        if change:
            pd.read_csv(path, sep="\t").assign(**change).to_csv(path, sep="\t", index=False)
        case = Case(tmp_path / "tables", "P1")
        return _figure_summary.summary(case, report_case.palette()["cell_type"])

    return build


def arrows(column):
    return [(arrow["sender"], arrow["label"], arrow["supply"], arrow["rises"]) for arrow in column["arrows"]]


def test_arrows_carry_the_supply_of_their_time_and_mark_what_grew(drawing):
    first, second, third = drawing()["columns"]
    assert arrows(first) == [] and first["why"] == "too few focus cells to ask"
    assert arrows(second) == [("CD8_ISG+", "APRIL-BCMA", 0.1, False)]
    assert arrows(third) == [("CD8_ISG+", "APRIL-BCMA", 0.4, True)]


def test_a_change_from_an_earlier_sample_than_the_last_is_not_growth_since_it(drawing):
    assert arrows(drawing({"from": "T1"})["columns"][2]) == [("CD8_ISG+", "APRIL-BCMA", 0.4, False)]


def test_of_a_types_subsets_the_one_that_grew_is_drawn_with_its_own_supply():
    columns = ["focus", "watch", "from", "to", "source", "class", "expressed_from", "expressed_to"]
    columns += ["supply_from", "supply_to"]
    rows = [
        (True, "ITGB2-ICAM1", "T2", "T3", "CD8_memory", "weakened", True, True, 0.19, 0.14),
        (True, "ITGB2-ICAM1", "T2", "T3", "CD8_ISG+", "strengthened", True, True, 0.02, 0.11),
    ]
    types = {"CD8_memory": "CD8 T", "CD8_ISG+": "CD8 T"}
    change = pd.DataFrame(rows, columns=columns).assign(to_itself=False)
    (late,) = _figure_summary.arrows_at(change, types, "T3", "T2")
    assert (late["sender"], late["from"], late["supply"], late["rises"]) == ("CD8_ISG+", "CD8 T", 0.11, True)
    (early,) = _figure_summary.arrows_at(change, types, "T2", "T1")
    assert (early["sender"], early["supply"], early["rises"]) == ("CD8_memory", 0.19, False)


def test_nothing_is_drawn_of_pairs_that_are_not_there(drawing):
    assert all(not column["arrows"] for column in drawing({"expressed_from": False, "expressed_to": False})["columns"])
    assert all(not column["arrows"] for column in drawing(full=False)["columns"])


def test_circles_are_the_shares_of_the_sample(drawing):
    found = {circle["name"]: circle["share"] for circle in drawing()["columns"][0]["circles"]}
    assert found == pytest.approx(
        {"plasma cell": 1 / 3, "CD8 T": 1 / 6, "CD4 T": 1 / 6, "NK": 1 / 6, "B-ALL blast": 1 / 6}
    )


def test_many_time_points_are_drawn_evenly_with_first_and_last_and_the_rest_is_stated(drawing):
    found = drawing(times=tuple((f"T{at}", 30 * at) for at in range(12)))
    names = [column["label"].split(",")[0] for column in found["columns"]]
    assert len(names) == _figure_summary.COLUMNS and (names[0], names[-1]) == ("T0", "T11")
    assert found["alt"].endswith("6 further time points are not drawn.")
