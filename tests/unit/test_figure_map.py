"""CASE_FIGURES: points, colourings and their colours."""

import base64

import _figure_map

import numpy as np
import pandas as pd
import pytest
from helpers import report_case

THREE = (("T1", -30), ("T2", 28), ("T3", 180))


def unpacked(text, kind):
    return np.frombuffer(base64.b64decode(text), kind)


def test_map_holds_every_cell_and_its_colour():
    table = report_case.cells("P1", list(THREE))
    palette = {"series": {"1": "#111111", "2": "#222222"}, "time": {"1": "#000000"}, "verdict": {"yes": "#D55E00"},
               "cell_type": {"plasma cell": "#D55E00"}}  # fmt: skip
    made = _figure_map.make_map("all", "All cells", table, palette, 1000, 0)
    assert made["drawn"] == made["total"] == 180 == len(unpacked(made["x"], "<u2"))
    types = made["colourings"][0]
    codes = unpacked(types["values"], "u1")
    counted = dict(zip(types["labels"], np.bincount(codes).tolist(), strict=True))
    assert counted == table["cell_type"].value_counts().to_dict()
    assert dict(zip(types["labels"], types["colours"], strict=True))["plasma cell"] == "#D55E00"
    names = [colouring["name"] for colouring in made["colourings"]]
    assert names == ["cell type", "subset", "time point", "B-cell clone", "T-cell clone", "bulk MRD clone",
                     "interferon score", "arms gained or lost", "malignancy"]  # fmt: skip


def test_a_large_map_is_a_stated_sample_with_all_rare_cells():
    n = 20_000
    table = pd.DataFrame(
        {"cell_id": np.arange(n).astype(str), "sample": "S", "cell_type": np.where(np.arange(n) < 40, "rare", "common")}
    )
    part = _figure_map.chosen(table, 5000, 0)
    assert (part["cell_type"] == "rare").sum() == 40
    assert 4500 < len(part) < 5500


@pytest.mark.parametrize(("place", "colour"), [(0, "#000000"), (0.25, "#808080"), (0.5, "#FFFFFF"), (1, "#FF0000")])
def test_a_ramp_has_a_colour_for_every_place(place, colour):
    assert _figure_map.between(["#000000", "#FFFFFF", "#FF0000"], place) == colour


def test_twelve_time_points_have_twelve_colours():
    table = report_case.cells("P1", [(f"T{at}", 30 * at) for at in range(12)])
    palette = {"series": {"1": "#111111"}, "time": {"1": "#FDE333", "2": "#3F3A85"}, "verdict": {}, "cell_type": {}}
    found = {entry["name"]: entry for entry in _figure_map.colourings(table, palette, False)}
    assert len(set(found["time point"]["colours"])) == 12


def test_a_subset_has_one_colour_in_its_lineage_and_shades_of_its_type_elsewhere():
    table = report_case.cells("P1", list(THREE))
    series, types = ["#0072B2", "#D55E00"], {"plasma cell": "#D55E00"}
    plasma = table[table["lineage"] == "plasma"]
    within = _figure_map.colours_of_subsets(plasma, types, {"Plasma_2": "#009E73"}, series, True)
    assert (within["Plasma_1"], within["Plasma_2"]) == ("#0072B2", "#009E73")
    over_all = _figure_map.colours_of_subsets(table, types, {}, series, False)
    assert over_all["Plasma_1"] != over_all["Plasma_2"]
    for colour in (over_all["Plasma_1"], over_all["Plasma_2"]):
        red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
        assert red > green > blue  # as the orange of plasma cells


def test_a_map_lies_in_the_middle_of_its_square():
    table = report_case.cells("P1", list(THREE)).assign(umap_2=0.0)
    palette = {"series": {"1": "#111111"}, "time": {"1": "#000000"}, "verdict": {}, "cell_type": {}}
    made = _figure_map.make_map("all", "All cells", table, palette, 1000, 0)
    assert set(unpacked(made["y"], "<u2")) == {32767}
    assert unpacked(made["x"], "<u2").min() == 0 and unpacked(made["x"], "<u2").max() == 65535
