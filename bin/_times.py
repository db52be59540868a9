#!/usr/bin/env python3
"""The time points of a patient: their order, and which of them are compared."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any


def comparisons(times: Sequence[Any]) -> list[tuple[Any, Any]]:
    """Each time (day or name, in order) with the one before, and the last with the first where there are three or more."""
    return [*pairwise(times), *([(times[0], times[-1])] if len(times) > 2 else [])]


def last_step(table, times: Sequence[str]):
    """Rows of a table of comparisons (columns `from`, `to`) that compare the last time with the one before it.

    times: names of time points in order of days. That the last is also compared with the first is another question.
    """
    order = {name: position for position, name in enumerate(times)}
    to = table["to"].astype(str).map(order)
    table = table[to == to.max()]
    before = table["from"].astype(str).map(order)
    return table[before == before.max()]
