#!/usr/bin/env python3
"""Marks that drawings are made of (bin/_svg_pdf.py says what a mark is), and what lays them out: scales, round steps, texts."""

import math
import re
from collections.abc import Callable

WIDTHS = {"wide": 760, "narrow": 372}  # pixels: of a page and of a phone
INK, SOFT, GRID, ALARM, SAMPLE = "#222222", "#555555", "#DDDDDD", "#9C2A00", "#7A1F5C"


def mark(kind: str, **about) -> list[dict]:
    """One mark, as a list so that marks can be added up."""
    return [{"mark": kind, **about}]


def line(x1: float, y1: float, x2: float, y2: float, **about) -> list[dict]:
    """A straight line."""
    return mark("line", x1=x1, y1=y1, x2=x2, y2=y2, **about)


def text(x: float, y: float, words: str, size: float = 12, **about) -> list[dict]:
    """A text whose line stands on y."""
    return mark("text", x=x, y=y, words=words, size=size, **about)


def as_text(value: float, percent: bool = False) -> str:
    """A number as people write it."""
    if percent:
        return f"{100 * value:.3g} %" if value < 0.9995 else f"{100 * value:.4g} %"
    return f"{value:,.0f}" if abs(value) >= 10000 else f"{value:.4g}"


def scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    """A function from [low, high] to [start, end]."""
    span = (high - low) or 1.0
    return lambda value: start + (value - low) / span * (end - start)


def steps(low: float, high: float, count: int = 4) -> list[float]:
    """Round numbers from low to high."""
    if high <= low:
        return [low]
    raw = (high - low) / count
    size = 10 ** math.floor(math.log10(raw))
    size *= next(factor for factor in (1, 2, 5, 10) if factor * size >= raw)
    first = math.ceil(low / size - 1e-9)
    return [round(at * size, 12) for at in range(first, math.floor(high / size + 1e-9) + 1)]


def wrapped(words: str, limit: int) -> list[str]:
    """A name in at most two lines of `limit` letters, broken near its middle at a space, hyphen or underscore where there is one."""
    if len(words) <= limit:
        return [words]
    breaks = [found.end() for found in re.finditer(r"[ _-]", words[: limit + 1])]
    fitting = [at for at in breaks if len(words) - at <= limit]
    at = min(fitting, key=lambda at: abs(2 * at - len(words))) if fitting else max(breaks, default=limit)
    return [words[:at].rstrip(), words[at:]]
