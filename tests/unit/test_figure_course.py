"""CASE_FIGURES: therapy, laboratory and bulk clones as figures."""

import _figure_course
from _results import Case

import pandas as pd
import pytest
from helpers import report_case


@pytest.fixture
def figures(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report_case.write(tmp_path / "tables")

    def build():
        case = Case(tmp_path / "tables", "P1")
        return report_case.by_id(_figure_course.course(case, report_case.series()))

    return build


def test_every_bulk_clone_has_a_curve_and_its_cells_an_interval(figures):
    found = {series["name"]: series["points"] for series in figures()["mrd"]["series"]}
    assert set(found) == {"IGH_1, bulk", "IGKDE_1, bulk", "IGH_1: cells"}
    assert [point[1] for point in found["IGH_1, bulk"]] == [0.001, 0.002, 0.003]
    assert [point[1] for point in found["IGH_1: cells"]] == pytest.approx([0.05, 0.1, 0.15])
    assert all(low < share < high for _, share, low, high in found["IGH_1: cells"])


def test_clones_with_the_same_cells_share_a_curve(figures, tmp_path):
    path = tmp_path / "tables" / "P1.mrd.tsv"
    for like in (path, path.with_name("P1.mrd_curve.tsv")):
        table = pd.read_csv(like, sep="\t")
        second = table[table["clone"] == "IGH_1"].assign(clone="IGL_1")
        pd.concat([table, second]).to_csv(like, sep="\t", index=False)
    names = [series["name"] for series in figures()["mrd"]["series"]]
    assert "IGH_1, IGL_1: cells" in names and "IGL_1, bulk" in names


def test_values_outside_of_their_range_are_told(figures):
    found = figures()["clinical"]
    assert "outside of the reference range at the last value: WBC 10.5 g/L ▲, HGB 10.5 g/L ▲" in found["alt"]


def test_names_that_look_like_numbers_are_text(figures, tmp_path):
    for name in ("samples.tsv", "P1.mrd.tsv"):
        path = tmp_path / "tables" / name
        table = pd.read_csv(path, sep="\t")
        table["timepoint"] = table["timepoint"].str[1:].radd("00").where(table["timepoint"].notna())
        if "clone" in table:
            table["clone"] = table["clone"].map({"IGH_1": "001", "IGKDE_1": "002"})
        table.to_csv(path, sep="\t", index=False)
    curve = pd.read_csv(tmp_path / "tables" / "P1.mrd_curve.tsv", sep="\t")
    curve["clone"] = curve["clone"].map({"IGH_1": "001", "IGKDE_1": "002"})
    curve.to_csv(tmp_path / "tables" / "P1.mrd_curve.tsv", sep="\t", index=False)
    found = figures()
    assert [mark["label"] for mark in found["timeline"]["marks"]] == ["001", "002", "003"]
    assert [series["name"] for series in found["mrd"]["series"]] == ["001, bulk", "002, bulk", "001: cells"]


def test_names_that_mean_nothing_to_pandas_are_names(figures, tmp_path):
    path = tmp_path / "tables" / "clinical.tsv"
    table = pd.read_csv(path, sep="\t")
    table.assign(parameter=table["parameter"].replace("HGB", "NA")).to_csv(path, sep="\t", index=False)
    assert [panel["title"] for panel in figures()["clinical"]["panels"]] == ["WBC", "NA"]


@pytest.mark.parametrize(
    ("unit", "shown"),
    [("10^9/L", "10⁹/L"), ("mL/min/1.73 m2", "mL/min/1.73 m²"), ("10^-3 U", "10⁻³ U"), ("g/L", "g/L"), ("mm3", "mm³"), ("m2x", "m2x")],
)  # fmt: skip
def test_a_unit_is_written_alike_in_sentence_and_panel(figures, tmp_path, unit, shown):
    assert _figure_course.written(unit) == shown
    path = tmp_path / "tables" / "clinical.tsv"
    pd.read_csv(path, sep="\t").assign(unit=unit).to_csv(path, sep="\t", index=False)
    found = figures()["clinical"]
    assert {panel["unit"] for panel in found["panels"]} == {shown} and f"WBC 10.5 {shown} ▲" in found["alt"]
