"""CASE_COURSE: therapy, laboratory, bulk clones, CAR and FISH as figures."""

import json

import case_course
import pandas as pd
import pytest
import report_case
from statsmodels.stats.proportion import proportion_confint


@pytest.fixture
def figures(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report_case.write(tmp_path / "tables")

    def build():
        report_case.run(case_course.main, "tables", "--patient", "P1", *report_case.COLOURS)
        return {figure["id"]: figure for figure in json.loads((tmp_path / "P1.course.json").read_text())}

    return build


@pytest.mark.parametrize(("n", "total"), [(0, 40), (1, 40), (20, 40), (40, 40)])
def test_the_interval_of_a_share_is_wilsons(n, total):
    low, high = proportion_confint(n, total, method="wilson")
    expected = (low, high) if n else (0, 1 - 0.05 ** (1 / total))
    assert case_course.wilson(n, total) == pytest.approx(expected, abs=1e-7)


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
    assert "outside of the reference range at the last value: WBC 10.5, HGB 10.5" in found["alt"]
    assert figures()["fish"]["finding"] == "agrees: CKS1B gain."
