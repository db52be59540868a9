"""A run's results in one folder, as the pages read them."""

from _errors import InputError
from _results import Case, read_colours, read_rows

import pytest
from helpers import report_case


def test_a_table_that_is_missing_empty_or_without_the_patient_is_none(tmp_path):
    (tmp_path / "empty.tsv").touch()
    (tmp_path / "events.tsv").write_text("patient\tday\tevent\nP1\t3\tNA\nP2\t4\t28\n")
    assert read_rows(tmp_path, "gone.tsv") is read_rows(tmp_path, "empty.tsv") is None
    assert read_rows(tmp_path, "events.tsv", "P3") is None
    assert len(read_rows(tmp_path, "events.tsv")) == 2
    rows = Case(tmp_path, "P1").rows("events.tsv")
    assert rows["event"].tolist() == ["NA"] and rows["day"].tolist() == [3]


def test_a_case_knows_its_times_in_order_of_days(tmp_path):
    report_case.write(tmp_path, times=(("T2", 28), ("T1", -30), ("28", 180)))
    assert Case(tmp_path, "P1").times == ["T1", "T2", "28"]
    assert set(Case(tmp_path, "P1").cells["patient"]) == {"P1"}


def test_what_is_compared_is_of_one_tissue_and_sort(tmp_path):
    report_case.write(tmp_path)
    alone = Case(tmp_path, "P1")
    table = alone.rows("composition.tsv")
    assert alone.design == {} and alone.compared(table) is table
    report_case.add_others(tmp_path)
    case = Case(tmp_path, "P1")
    assert case.times == ["T1", "T2", "T3"] and case.design == {"tissue": "bone marrow", "sort": ""}
    assert case.series.set_index("sample")["series"].to_dict() == {
        "P1_T1": "main", "P1_IP": "product", "P1_T2": "main", "P1_B2": "other", "P1_T3": "main", "P1_S3": "other",
    }  # fmt: skip
    # By sample, by time point, tissue and sort, and of a table with neither.
    assert len(case.rows("composition.tsv")) > len(case.compared(case.rows("composition.tsv"))) == len(table)
    calls = case.compared(case.own("malignancy"))
    assert set(calls["timepoint"]) == {"T1", "T2", "T3"} and len(calls) == len(alone.own("malignancy")) / 2
    assert case.compared(case.own("cnv")).equals(case.own("cnv")) and case.compared(None) is None


def test_a_patient_of_another_run_is_an_error_that_says_what_to_give(tmp_path):
    report_case.write(tmp_path)
    with pytest.raises(InputError, match=r"samples.tsv: has no sample of P2; give the samplesheet of the run"):
        Case(tmp_path, "P2").samples  # noqa: B018
    with pytest.raises(InputError, match=r"cells.parquet: holds no cell of P2"):
        Case(tmp_path, "P2").cells  # noqa: B018


def test_facts_that_no_step_wrote_are_what_stands_for_them(tmp_path):
    assert Case(tmp_path, "P1").facts("warnings.json", []) == []


def test_colours_are_read_by_level():
    colours = read_colours(report_case.ASSETS / "colours.tsv")
    assert colours["cell_type"]["plasma cell"].startswith("#") and len(colours["series"]) == 8
