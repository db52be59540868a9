"""CASE_FIGURES: axes and marks of curves."""

import _layout_curves

import pytest


@pytest.mark.parametrize(
    ("band", "value", "words", "outside"),
    [((3.5, 9.5), 3.22, " ▼ ref. 3.5–9.5", True), ((3.5, 9.5), 5, " ref. 3.5–9.5", False),
     ((None, 2), 6.5, " ▲ ref. ≤ 2", True), ((90, None), 85, " ▼ ref. ≥ 90", True), ((None, None), 1, "", False)],
)  # fmt: skip
def test_a_value_outside_of_its_range_is_marked_by_more_than_colour(band, value, words, outside):
    assert _layout_curves.reference({"band": band}, value) == (words, outside)


@pytest.mark.parametrize(
    ("values", "ends"), [([0.2, 0.3], (0, 0.3)), ([2.2, 2.4], (2.2, 2.4)), ([56.75], (0, 56.75)), ([0, 0], (0, 1))]
)
def test_an_axis_begins_at_zero_unless_that_hides_the_change(values, ends):
    panel = {
        "series": [{"points": [[at, value, None, None] for at, value in enumerate(values)]}],
        "percent": values[0] < 1,
    }
    assert _layout_curves.range_of(panel) == ends


def test_a_row_with_a_name_of_two_lines_is_higher_and_tells_it_whole():
    def spec(name):
        series = [{"name": "", "points": [[0, 1, None, None]]}]
        return {"panels": [{"title": title, "unit": "%", "series": series} for title in (name, "b")]}

    long = "flow abnormal plasma cells"
    (_marks, height), (marks, higher) = (_layout_curves.multiples(spec(name), 372) for name in ("a", long))
    assert higher == height + 15
    assert [mark["words"] for mark in marks if mark.get("title") == long] == ["flow abnormal", "plasma cells"]


def test_what_was_not_detected_stands_as_a_hollow_triangle_at_its_limit():
    points = [[0, 0.01, None, None], [10, 0.0, None, None, 1e-6], [20, 0.0, None, None]]
    spec = {"series": [{"name": "c", "colour": "#0072B2", "points": points}]}
    marks, _ = _layout_curves.lines(spec, 760)
    (triangle,) = [mark for mark in marks if mark["mark"] == "polygon"]
    assert triangle["fill"] == "#FFFFFF" and "not detected, limit 0.0001 %" in triangle["title"]
    seen, nothing = [mark for mark in marks if mark["mark"] == "circle"]
    assert seen["y"] < triangle["points"][2][1] < nothing["y"]  # the limit stands above `not seen`


def test_a_limit_of_detection_is_shown_as_one_and_is_outside_of_the_range_only_where_it_must_be():
    panel = {
        "title": "HGB",
        "unit": "g/dL",
        "band": (13, 17),
        "series": [{"name": "", "points": [[0, 0, None, None, 0.5]]}],
    }
    marks, _ = _layout_curves.multiples({"panels": [panel]}, 372)
    assert any(mark.get("words", "").startswith("< 0.5 g/dL ▼") for mark in marks)
    assert _layout_curves.reference({"band": (3, 9)}, 0.0, 5.0) == (" ref. 3–9", False)
