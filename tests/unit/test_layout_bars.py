"""CASE_FIGURES: distributions and bars as marks."""

import _layout_bars

import pytest


def shapes(count, times):
    shape = {"n": 9, "quartiles": [1, 2, 3], "density": [0, 0.5, 1, 0.5, 0]}
    return [
        {"label": f"S{at}", "colour": "#0072B2", "shapes": [shape | {"name": f"T{i}"} for i in range(times)]}
        for at in range(count)
    ]


@pytest.mark.parametrize(
    ("count", "times", "width"), [(3, 3, 760), (6, 3, 760), (6, 12, 760), (6, 3, 372), (6, 12, 372)]
)
def test_distributions_stay_on_the_page(count, times, width):
    marks, height = _layout_bars.violin({"low": 0, "high": 4, "groups": shapes(count, times)}, width)
    outlines = [mark["points"] for mark in marks if mark["mark"] == "polygon"]
    assert len(outlines) == count * times
    assert all(56 <= x <= width and 0 <= y <= height for outline in outlines for x, y in outline)


def test_long_names_of_groups_are_two_lines():
    groups = [group | {"label": "gamma-delta_T_memory"} for group in shapes(8, 3)]
    marks, _height = _layout_bars.violin({"low": 0, "high": 4, "groups": groups}, 760)
    assert [mark["words"] for mark in marks if mark.get("title") == "gamma-delta_T_memory"][:2] == [
        "gamma-delta_",
        "T_memory",
    ]
