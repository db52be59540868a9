"""CASE_CURVES: scales, axes and marks of curves, distributions and bars."""

import case_curves
import pytest


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-0.2, 0.37), (3, 3), (0, 131_000), (-210, 180)])
def test_steps_are_round_and_inside(low, high):
    found = case_curves.steps(low, high)
    assert found and all(low - 1e-9 <= value <= high + 1e-9 for value in found) and len(found) <= 8


@pytest.mark.parametrize(
    ("band", "value", "words", "outside"),
    [((3.5, 9.5), 3.22, " ▼ ref. 3.5–9.5", True), ((3.5, 9.5), 5, " ref. 3.5–9.5", False),
     ((None, 2), 6.5, " ▲ ref. ≤ 2", True), ((90, None), 85, " ▼ ref. ≥ 90", True), ((None, None), 1, "", False)],
)  # fmt: skip
def test_a_value_outside_of_its_range_is_marked_by_more_than_colour(band, value, words, outside):
    assert case_curves.reference({"band": band}, value) == (words, outside)


@pytest.mark.parametrize(
    ("values", "ends"),
    [([0.2, 0.3], (0, 0.3)), ([2.2, 2.4], (2.2, 2.4)), ([56.75], (0, 56.75)), ([0, 0], (0, 1))],
)
def test_an_axis_begins_at_zero_unless_that_hides_the_change(values, ends):
    panel = {
        "series": [{"points": [[at, value, None, None] for at, value in enumerate(values)]}],
        "percent": values[0] < 1,
    }
    assert case_curves.range_of(panel) == ends


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
    marks, height = case_curves.violin({"low": 0, "high": 4, "groups": shapes(count, times)}, width)
    outlines = [mark["points"] for mark in marks if mark["mark"] == "polygon"]
    assert len(outlines) == count * times
    assert all(56 <= x <= width and 0 <= y <= height for outline in outlines for x, y in outline)
