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
    assert "outside of the reference range at the last value: WBC 10.5 g/L ▲, HGB 10.5 g/L ▲" in found["alt"]


def test_fish_is_told_by_what_both_see_and_by_whose_cells(figures, tmp_path):
    path = tmp_path / "tables" / "P1.fish.tsv"
    table = pd.read_csv(path, sep="\t").assign(population="P1.B1", timepoint="T3")
    nothing = {
        "verdict": "agrees",
        "words": "neither sees it; single cells allow at most 1.0 %",
        "high": 0.01,
    }
    nothing |= {
        "probe": "TP53",
        "region": "17p13",
        "abnormality": "deletion",
        "percent": 0,
        "share": 0.0,
        "low": 0,
    }
    fusion = {"probe": "IGH", "region": "14q32", "abnormality": "rearrangement", "percent": 0}
    fusion |= {"verdict": "not assessable", "words": "balanced", "patient": "P1", "day": table["day"].iloc[0]}
    added = [table, table.assign(timepoint="all", **nothing), pd.DataFrame([fusion])]
    pd.concat(added).to_csv(path, sep="\t", index=False)
    found = figures()["fish"]
    assert found["finding"] == (
        "both see 1q21 gain (CKS1B); neither sees 17p13 deletion (TP53; single cells at most 1 %); "
        "not assessable: 14q32 rearrangement (IGH)."
    )
    shares = "share of the cells of P1.B1 at T3 (1q21 gain), of P1.B1 over all time points (17p13 deletion)"
    assert shares in found["caption"]


def test_car_is_told_with_units_and_with_one_threshold(figures, tmp_path):
    series = {
        "patient": "P1",
        "parameter": ["CAR-positive share of T cells"] * 2 + ["CAR-T copies"],
        "day": [28, 180, 9],
    }
    series |= {
        "value": [0.05, 0.01, 131000.0],
        "unit": ["share", "share", "copies/ug"],
        "low": 0.0,
        "high": 0.1,
    }
    pd.DataFrame(series).to_csv(tmp_path / "tables" / "P1.car_kinetics.tsv", sep="\t", index=False)
    change = {"patient": "P1", "from": ["T1", "T2"], "to": ["T2", "T3"], "difference": [0.0568, -0.0506]}
    change |= {"low": [0.0464, -0.06], "high": [0.0656, -0.042], "ratio": [None, 0.1098]}
    change |= {"ratio_low": [None, 0.0693], "ratio_high": [None, 0.1739]}
    pd.DataFrame(change).to_csv(tmp_path / "tables" / "P1.car_change.tsv", sep="\t", index=False)
    told = figures()["car"]["alt"]
    assert "CAR-T copies: highest 131,000 copies/ug on day 9" in told
    assert (
        "with one threshold: +5.68 points (4.64 to 6.56) T1 to T2, ratio 0.11 (0.0693 to 0.174) T2 to T3"
        in told
    )


def test_names_that_look_like_numbers_are_text_and_no_unit_is_none(figures, tmp_path):
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
    copies = {"patient": "P1", "parameter": "CAR-T copies", "day": [3, 9], "value": [10.0, 5.0], "unit": None}
    pd.DataFrame(copies).to_csv(tmp_path / "tables" / "P1.car_kinetics.tsv", sep="\t", index=False)
    found = figures()
    assert [mark["label"] for mark in found["timeline"]["marks"]] == ["001", "002", "003"]
    assert [series["name"] for series in found["mrd"]["series"]] == ["001, bulk", "002, bulk", "001: cells"]
    assert found["car"]["panels"][0]["unit"] == ""
