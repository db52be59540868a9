#!/usr/bin/env python3
"""Statements: lists of texts and numbers, where a number names the table, the column and the rows that it comes from.

So the page can show the source of each number, and a program can compute it again.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any

from _shares import wilson
from _words import percent


@dataclass(frozen=True)
class Number:
    """The sum of a column over the rows of a table where the columns of `where` have these values.

    bound: low or high, where the value is the 95 % bound of that sum as a share of another; per: column and rows of the other.
    """

    value: float
    text: str
    table: str
    column: str
    where: dict[str, Any]
    bound: str | None = None
    per: dict[str, Any] | None = None


Statement = list[str | Number]


def as_json(number: Number) -> dict:
    """A number as JSON holds it: only a bound says whose share it bounds."""
    return {name: value for name, value in asdict(number).items() if value is not None}


def rows_where(rows, where: dict):
    """Rows of a table where the columns of `where` have these values; '' is also where a cell is empty."""
    for name, value in where.items():
        rows = rows[(rows[name] == value) | (rows[name].isna() & (value == ""))]
    return rows


def number(table: str, rows, column: str, where: dict, kind: str = "count") -> Number:
    """The number of a column and rows, written as a count or as a share."""
    chosen = rows_where(rows, where)
    value = float(chosen[column].sum()) if len(chosen) else 0.0
    text = f"{value:,.0f}" if kind == "count" else percent(value)
    where = {name: value if isinstance(value, str | bool) else float(value) for name, value in where.items()}
    return Number(value, text, table, column, where)


def interval(table: str, rows, where: dict, of: str = "") -> Statement:
    """` (low to high)` of one row, or ` (at most high)` where nothing was seen; of: what the columns' names begin with."""
    chosen = rows_where(rows, where)
    if chosen.empty or chosen[f"{of}high"].isna().all():
        return []
    high = number(table, rows, f"{of}high", where, "share")
    if not chosen[f"{of}n"].fillna(0).sum():
        return [" (at most ", high, ")"]
    return [" (", number(table, rows, f"{of}low", where, "share"), " to ", high, ")"]


def bounds(table: str, rows, where: dict, per: tuple[str, dict]) -> Statement:
    """` (low to high)` of a sum of `n` as a share of another sum: Wilson 95 %; ` (at most high)` where nothing was seen.

    per: column and rows of what it is a share of.
    """
    n, total = number(table, rows, "n", where), number(table, rows, *per)
    if not total.value:
        return []
    _share, *ends = map(float, wilson(n.value, total.value))
    low, high = (
        replace(n, value=end, text=percent(end), bound=side, per={"column": per[0], "where": per[1]})
        for side, end in zip(("low", "high"), ends, strict=True)
    )
    return [" (", low, " to ", high, ")"] if n.value else [" (at most ", high, ")"]
