"""What charts share: numbers as people write them, and names in two lines."""

import _chart_style

import pytest


@pytest.mark.parametrize(
    ("name", "limit", "lines"),
    [("WBC", 20, ["WBC"]), ("flow abnormal plasma cells", 23, ["flow abnormal", "plasma cells"]), ("gamma-delta_T", 12, ["gamma-", "delta_T"]),
     ("x" * 30, 20, ["x" * 20, "x" * 10]), ("x" * 50, 20, ["x" * 20, "x" * 19 + "…"])],
)  # fmt: skip
def test_a_long_name_is_broken_where_words_end(name, limit, lines):
    assert _chart_style.wrapped(name, limit) == lines


@pytest.mark.parametrize(
    ("value", "percent", "words"),
    [(0.1234, True, "12.3 %"), (0.99999, True, "100 %"), (131_000, False, "131,000"), (56.75, False, "56.75")],
)
def test_numbers_are_written_as_people_do(value, percent, words):
    assert _chart_style.as_text(value, percent) == words


def test_an_interval_is_told_only_where_there_is_one():
    assert _chart_style.with_bounds(0.2, 0.1, 0.3, True) == "20 % (10 % to 30 %)"
    assert _chart_style.with_bounds(0.2, None, 0.3, True) == "20 %"
