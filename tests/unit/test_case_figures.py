"""CASE_FIGURES: every figure is a specification in both widths and written as SVG and PDF, and its data are kept."""

import json

import case_figures
import pytest
from helpers import report_case


@pytest.fixture
def made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report_case.write(tmp_path / "tables")
    return report_case.make_figures(tmp_path / "tables")


def test_every_figure_has_its_files(made, tmp_path):
    names = {f"P1.{name}" for name in made}
    assert {"P1.timeline", "P1.mrd", "P1.fish", "P1.composition", "P1.clones_bcr", "P1.watched", "P1.summary"} <= names
    for ending in ("svg", "pdf"):
        assert {path.stem for path in (tmp_path / "figures").glob(f"*.{ending}")} == names
    assert {figure["kind"] for figure in made.values()} <= set(case_figures.CHARTS)


def test_maps_are_of_all_cells_and_of_lineages_with_a_layout(made, tmp_path):
    maps = json.loads((tmp_path / "P1.map.json").read_text())
    assert [entry["id"] for entry in maps] == ["all", "plasma"]
    assert [entry["total"] for entry in maps] == [180, 60]


def test_figures_over_time_are_of_the_samples_that_are_compared(made, tmp_path):
    report_case.add_others(tmp_path / "tables")
    assert report_case.make_figures(tmp_path / "tables") == made
    maps = json.loads((tmp_path / "P1.map.json").read_text())
    assert maps[0]["total"] == 360  # a map compares nothing


def test_both_widths_show_the_same_rows_which_are_held_once(made):
    chart = case_figures.charts_of([made["mrd"]])["mrd"]
    rows = [row["said"] for held in chart["datasets"].values() for row in held if "said" in row]
    points = sum(len(series["points"]) for series in made["mrd"]["series"])
    assert len(rows) == len(set(rows)) == points
    assert "datasets" not in chart["wide"] and "datasets" not in chart["narrow"]


def test_what_has_nothing_to_draw_is_no_figure(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report_case.write(tmp_path / "tables", receptors=(), full=False)
    found = report_case.make_figures(tmp_path / "tables")
    assert {"timeline", "composition", "summary"} <= set(found)
    assert not {"mrd", "clinical", "clones_bcr", "change"} & set(found)
