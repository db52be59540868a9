"""CASE_FIGURES: grids and bands of clones."""

import itertools
import re

import _chart_grids
import _vega

import pytest


def grid(rows, columns):
    cells = [[row, column, 1.0, 0.5, "said"] for row in range(rows) for column in range(columns)]
    names = {"rows": [f"row {at}" for at in range(rows)], "columns": [f"column {at}" for at in range(columns)]}
    return {"shape": "dot", "cells": cells, **names}


@pytest.mark.parametrize(("rows", "columns"), [(4, 30), (14, 8), (28, 2), (2, 48)])
@pytest.mark.parametrize("width", [760, 350])
def test_all_cells_of_a_grid_stay_on_the_page(rows, columns, width):
    text = _vega.svg(_vega.specification(_chart_grids.grid(grid(rows, columns), width), "a grid"))
    assert float(re.search(r'<svg[^>]* width="([\d.]+)"', text)[1]) <= width + 20
    assert text.count('aria-label="said"') == rows * columns


def test_the_longer_side_stands_upright_on_a_phone():
    found = _chart_grids.grid_rows(grid(2, 30), turned=True)
    assert {row["column"] for row in found} == {"row 0", "row 1"}


@pytest.mark.parametrize("times", [1, 3, 12])
def test_bands_are_as_high_as_their_shares(times):
    columns = [{"label": f"T{at}", "total": 100} for at in range(times)]
    about = {"lineage": "plasma", "fate": "persistent", "colour": "#0072B2"}
    band = {"name": "A", "label": "CAR", **about, "n": [25] * times, "shares": [0.25] * times}
    bands, boxes = _chart_grids.band_rows({"columns": columns, "bands": [band]})
    clone = [box for box in boxes if box["said"].startswith("A CAR")]
    rest = [box for box in boxes if box["said"] == "all other clones"]
    assert len(clone) == len(rest) == times and len(bands) == 2 * times
    assert {box["bottom"] - box["top"] for box in clone} == {0.25} and {box["top"] for box in rest} == {0.25}
    assert clone[0]["said"] == "A CAR, T0: 25 of 100 cells, 25 %"
    assert all(one["x2"] < other["x"] for one, other in itertools.pairwise(clone))


@pytest.mark.parametrize("width", [760, 350])
def test_clones_and_their_key_stay_on_the_page(width):
    columns = [{"label": f"T{at}", "total": 100} for at in range(3)]
    about = {"lineage": "plasma", "fate": "persistent and expanded", "colour": "#0072B2"}
    bands = [
        {
            "name": f"P1.B{at}",
            "label": "CARDGQNYDVLGTPTALDVW_CCSYAGSGTEWVF",
            **about,
            "n": [5] * 3,
            "shares": [0.05] * 3,
        }
        for at in range(7)
    ]
    text = _vega.svg(_vega.specification(_chart_grids.alluvial({"columns": columns, "bands": bands}, width), "clones"))
    assert float(re.search(r'<svg[^>]* width="([\d.]+)"', text)[1]) <= width + 20
    assert all(f"P1.B{at}, plasma, persistent and expanded" in text for at in range(7))
