"""CASE_FIGURES: CAR-T cells and FISH as figures."""

import json

import _figure_tumour
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
        return report_case.by_id(_figure_tumour.tumour(case, report_case.series()))

    return build


def test_fish_is_told_by_what_both_see_and_by_whose_cells(figures, tmp_path):
    path = tmp_path / "tables" / "P1.fish.tsv"
    table = pd.read_csv(path, sep="\t").assign(population="P1.B1", timepoint="T3")
    nothing = {"verdict": "agrees", "words": "neither sees it; single cells allow at most 1.0 %", "high": 0.01}
    nothing |= {"probe": "TP53", "region": "17p13", "abnormality": "deletion", "percent": 0, "share": 0.0, "low": 0}
    fusion = {"probe": "IGH", "region": "14q32", "abnormality": "rearrangement", "percent": 0}
    fusion |= {"verdict": "not assessable", "words": "balanced", "patient": "P1", "day": table["day"].iloc[0]}
    added = [table, table.assign(timepoint="all", **nothing), pd.DataFrame([fusion])]
    pd.concat(added).to_csv(path, sep="\t", index=False)
    found = figures()["fish"]
    assert found["finding"] == (
        "Both see 1q21 gain (CKS1B); neither sees 17p13 deletion (TP53; single cells at most 1 %); "
        "not assessable: 14q32 rearrangement (IGH)."
    )
    shares = "share of the cells of P1.B1 at T3 (1q21 gain), of P1.B1 over all time points (17p13 deletion)"
    assert shares in found["caption"]


def write_car(folder, samples=None, **columns):
    """car_kinetics.tsv of P1, and the facts of its samples in car.json."""
    pd.DataFrame({"patient": "P1"} | columns).to_csv(folder / "P1.car_kinetics.tsv", sep="\t", index=False)
    (folder / "P1.car.json").write_text(json.dumps({"patient": "P1", "samples": samples or {}}))


SHARE = "T cells with CAR transcripts"


def test_car_is_told_with_units_and_with_one_threshold(figures, tmp_path):
    write_car(
        tmp_path / "tables",
        parameter=[SHARE] * 2 + ["CAR-T copies"],
        day=[28, 180, 9],
        value=[0.05, 0.01, 131000.0],
        unit=["share", "share", "copies/ug"],
        low=[0.04, 0.005, None],
        high=[0.06, 0.02, None],
        carriers=[0.075, None, None],
        carriers_low=[0.06, None, None],
        carriers_high=[0.09, None, None],
    )
    change = {"patient": "P1", "from": ["T1", "T2"], "to": ["T2", "T3"], "difference": [0.0568, -0.0506]}
    change |= {"low": [0.0464, -0.06], "high": [0.0656, -0.042], "ratio": [None, 0.1098]}
    change |= {"ratio_low": [None, 0.0693], "ratio_high": [None, 0.1739]}
    pd.DataFrame(change).to_csv(tmp_path / "tables" / "P1.car_change.tsv", sep="\t", index=False)
    told = figures()["car"]["alt"]
    assert "CAR-T copies: highest 131,000 copies/ug on day 9" in told
    assert "with one threshold: +5.68 points (4.64 to 6.56) T1 to T2, ratio 0.11 (0.0693 to 0.174) T2 to T3" in told
    assert told.startswith(
        "T cells with CAR transcripts: highest 5 % (4 to 6 %) on day 28; "
        "estimated carriers, also without a transcript: highest 7.5 % (6 to 9 %) on day 28; "
    )
    share, copies = figures()["car"]["panels"]
    assert share["series"][1]["points"] == [[28.0, 0.075, 0.06, 0.09]]
    assert len(copies["series"]) == 1


def test_each_sort_and_tissue_has_a_panel_of_its_own(figures, tmp_path):
    write_car(
        tmp_path / "tables",
        {"U": {"remark": ""}, "S": {"reason": "none of them is a T cell"}, "R": {"reason": "none of them is a T cell"}},
        parameter=[SHARE] * 3, day=[28, 28, 28], value=[0.0017, 0.79, 0.02], unit=["share"] * 3,
        low=[0.001, 0.7, 0.01], high=[0.002, 0.85, 0.03], tissue=["blood", "blood", "marrow"], sort=[None, "CD3+CAR+", None],
    )  # fmt: skip
    change = {"patient": "P1", "tissue": "blood", "sort": ["CD3+CAR+"], "from": "T1", "to": "T2", "difference": 0.1}
    change |= {"low": 0.05, "high": 0.15, "ratio": None, "ratio_low": None, "ratio_high": None}
    pd.DataFrame(change).to_csv(tmp_path / "tables" / "P1.car_change.tsv", sep="\t", index=False)
    found = figures()["car"]
    titles = [f"{SHARE} (blood)", f"{SHARE} (blood, CD3+CAR+)", f"{SHARE} (marrow)"]
    assert [panel["title"] for panel in found["panels"]] == titles
    assert found["alt"].count("with one threshold") == 1
    assert f"{titles[1]}: highest 79 % (70 to 85 %) on day 28; with one threshold: +10 points" in found["alt"]
    assert found["caption"].endswith("S and R: none of them is a T cell.")


def test_no_cell_called_is_a_bound_and_no_unit_is_none(figures, tmp_path):
    write_car(
        tmp_path / "tables", parameter=[SHARE, "CAR-T copies"], day=[3, 9], value=[0.0, 5.0], unit=["share", None],
        low=[0.0, None], high=[0.012, None],
    )  # fmt: skip
    found = figures()["car"]
    none = "T cells with CAR transcripts: none called at any time (at most 1.2 % at the best sampled); CAR-T copies"
    assert found["alt"].startswith(none) and found["alt"].endswith("CAR-T copies: highest 5 on day 9.")
    assert found["panels"][1]["unit"] == ""
