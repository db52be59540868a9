"""What lays out marks: round steps and names in two lines."""

import _marks

import pytest


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-0.2, 0.37), (3, 3), (0, 131_000), (-210, 180)])
def test_steps_are_round_and_inside(low, high):
    found = _marks.steps(low, high)
    assert found and all(low - 1e-9 <= value <= high + 1e-9 for value in found) and len(found) <= 8


@pytest.mark.parametrize(
    ("name", "limit", "lines"),
    [("WBC", 20, ["WBC"]), ("flow abnormal plasma cells", 23, ["flow abnormal", "plasma cells"]), ("gamma-delta_T", 12, ["gamma-", "delta_T"]),
     ("x" * 30, 20, ["x" * 20, "x" * 10]), ("a " + "x" * 30, 20, ["a", "x" * 30])],
)  # fmt: skip
def test_a_long_name_is_broken_where_words_end(name, limit, lines):
    assert _marks.wrapped(name, limit) == lines
