"""CASE_CURVES: scales, axes and marks of curves."""

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


@pytest.mark.parametrize(
    ("name", "limit", "lines"),
    [("WBC", 20, ["WBC"]), ("flow abnormal plasma cells", 23, ["flow abnormal", "plasma cells"]), ("gamma-delta_T", 12, ["gamma-", "delta_T"]),
     ("x" * 30, 20, ["x" * 20, "x" * 10]), ("a " + "x" * 30, 20, ["a", "x" * 30])],
)  # fmt: skip
def test_a_long_name_is_broken_where_words_end(name, limit, lines):
    assert case_curves.wrapped(name, limit) == lines


def test_a_row_with_a_name_of_two_lines_is_higher_and_tells_it_whole():
    def spec(name):
        series = [{"name": "", "points": [[0, 1, None, None]]}]
        return {"panels": [{"title": title, "unit": "%", "series": series} for title in (name, "b")]}

    long = "flow abnormal plasma cells"
    (_marks, height), (marks, higher) = (case_curves.multiples(spec(name), 372) for name in ("a", long))
    assert higher == height + 15
    assert [mark["words"] for mark in marks if mark.get("title") == long] == ["flow abnormal", "plasma cells"]
