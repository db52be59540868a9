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
