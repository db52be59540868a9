"""CASE_FIGURES: axes and points of curves."""

import _chart_curves

import pytest


@pytest.mark.parametrize(
    ("band", "value", "words", "outside"),
    [((3.5, 9.5), 3.22, " ▼ ref. 3.5–9.5", True), ((3.5, 9.5), 5, " ref. 3.5–9.5", False),
     ((None, 2), 6.5, " ▲ ref. ≤ 2", True), ((90, None), 85, " ▼ ref. ≥ 90", True), ((None, None), 1, "", False)],
)  # fmt: skip
def test_a_value_outside_of_its_range_is_marked_by_more_than_colour(band, value, words, outside):
    assert _chart_curves.reference({"band": band}, value) == (words, outside)


@pytest.mark.parametrize(
    ("values", "ends"), [([0.2, 0.3], (0, 0.3)), ([2.2, 2.4], (2.2, 2.4)), ([56.75], (0, 56.75)), ([0, 0], (0, 1))]
)
def test_an_axis_begins_at_zero_unless_that_hides_the_change(values, ends):
    points = [[at, value, None, None] for at, value in enumerate(values)]
    panel = {"series": [{"points": points}], "percent": values[0] < 1}
    assert _chart_curves.range_of(panel) == ends


def panel(title, points=((0, 1, None, None),), **more):
    return {
        "title": title,
        "unit": "g/dL",
        "series": [{"name": "", "points": [list(point) for point in points]}],
        **more,
    }


def test_panels_of_which_one_has_a_name_of_two_lines_are_as_high():
    names = ["flow abnormal plasma cells", "b"]
    chart = _chart_curves.multiples({"panels": [panel(name) for name in names]}, 350)
    assert [part["title"]["text"] for part in chart["concat"]] == [["flow abnormal", "plasma cells"], ["", "b"]]


def test_a_limit_of_detection_is_shown_as_one_and_is_outside_of_the_range_only_where_it_must_be():
    low = panel("HGB", [(0, 0, None, None, 0.5)], band=(13, 17))
    heading = _chart_curves.heading(low, 200, 1)
    assert heading["subtitle"][0].startswith("< 0.5 g/dL ▼") and heading["subtitleFontWeight"] == "bold"
    assert _chart_curves.reference({"band": (3, 9)}, 0.0, 5.0) == (" ref. 3–9", False)


def test_what_was_not_detected_stands_as_a_hollow_triangle_at_its_limit():
    points = [[0, 0.01, None, None], [10, 0.0, None, None, 1e-6], [20, 0.0, None, None]]
    seen, limit, nothing = _chart_curves.rows_of({"name": "c", "points": points}, True)
    assert (limit["shape"], limit["fill"], limit["place"]) == ("triangle-down", "#FFFFFF", 1e-6)
    assert limit["said"] == "c day 10: not detected, limit 0.0001 %"
    assert (seen["fill"] != "#FFFFFF", nothing["fill"], nothing["shape"]) == (True, "#FFFFFF", "circle")


def test_an_interval_stands_in_the_words_of_its_point():
    (row,) = _chart_curves.rows_of({"name": "T1", "points": [[28, 0.2, 0.1, 0.3]]}, True)
    assert row["said"] == "T1 day 28: 20 % (10 % to 30 %)" and (row["low"], row["high"]) == (0.1, 0.3)


@pytest.mark.parametrize("joined", [True, False])
def test_samples_that_stand_for_themselves_are_not_joined(joined):
    rows = [(0, 0.1, 0.05, 0.2), (180, 0.4, 0.3, 0.5)]
    figure = {"panels": [panel("NK", rows, percent=True)]}
    figure["panels"][0]["series"][0]["joined"] = joined
    marks = [layer["mark"]["type"] for layer in _chart_curves.multiples(figure, 760)["concat"][0]["layer"]]
    assert ("line" in marks) == joined and {"rule", "point"} <= set(marks)
