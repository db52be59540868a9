"""CASE_FIGURES: grids and bands of clones."""

import _layout_grids

import pytest


def grid(rows, columns):
    cells = [[row, column, 1.0, 0.5, "said"] for row in range(rows) for column in range(columns)]
    return {
        "shape": "dot",
        "rows": [f"row {at}" for at in range(rows)],
        "columns": [f"column {at}" for at in range(columns)],
        "cells": cells,
    }


@pytest.mark.parametrize(("rows", "columns"), [(4, 30), (14, 8), (28, 2), (2, 48)])
@pytest.mark.parametrize("width", [760, 372])
def test_all_cells_of_a_grid_stay_on_the_page(rows, columns, width):
    marks, height = _layout_grids.grid(grid(rows, columns), width)
    dots = [mark for mark in marks if mark.get("title") == "said"]
    assert len(dots) == rows * columns
    assert all(0 <= dot["x"] <= width and 0 <= dot["y"] <= height for dot in dots)


@pytest.mark.parametrize("times", [1, 3, 12])
@pytest.mark.parametrize("width", [760, 372])
def test_bands_are_as_high_as_their_shares(times, width):
    columns = [{"label": f"T{at}", "total": 100} for at in range(times)]
    band = {
        "name": "A",
        "label": "CAR",
        "lineage": "plasma",
        "fate": "persistent",
        "colour": "#0072B2",
        "n": [25] * times,
        "shares": [0.25] * times,
    }
    marks, _ = _layout_grids.alluvial({"columns": columns, "bands": [band]}, width)
    blocks = [mark for mark in marks if mark["mark"] == "rect" and mark.get("title", "").startswith("A CAR")]
    rest = [mark for mark in marks if mark.get("title") == "all other clones"]
    assert len(blocks) == len(rest) == times
    assert all(
        block["high"] / (block["high"] + other["high"]) == pytest.approx(0.25)
        for block, other in zip(blocks, rest, strict=True)
    )
    ends = [block["x"] + block["wide"] for block in blocks]
    assert all(end < block["x"] for end, block in zip(ends, blocks[1:], strict=False)) and ends[-1] <= width
