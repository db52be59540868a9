#!/usr/bin/env python3
"""What all charts of the page share: widths, letters, colours of ink, round numbers and texts. Charts are Altair's (Vega-Lite)."""

import json
import re

WIDTHS = {"wide": 760, "narrow": 350}  # pixels: of a page and of a phone
INK, SOFT, GRID, ALARM, SAMPLE, PALE = "#222222", "#555555", "#DDDDDD", "#9C2A00", "#7A1F5C", "#E6E9EC"
RAMP = ("#FFFFFF", "#FDE333", "#3B9D7C", "#3F3A85")  # light to dark, also without colour
FONT = "DejaVu Sans, Verdana, sans-serif"
LETTER = 0.58  # mean width of a letter of FONT, of its size
CONFIG = {
    "background": "#FFFFFF", "font": FONT, "view": {"stroke": None},
    "axis": {"labelColor": SOFT, "titleColor": SOFT, "titleFontWeight": "normal", "gridColor": GRID, "domainColor": SOFT, "tickColor": SOFT,
             "labelFontSize": 11, "titleFontSize": 11},
    "legend": {"labelColor": SOFT, "titleColor": SOFT, "titleFontWeight": "normal", "labelFontSize": 11, "titleFontSize": 11},
    "title": {"anchor": "start", "fontSize": 12, "color": INK, "subtitleFontSize": 11, "subtitleColor": SOFT, "offset": 6},
    "text": {"color": INK, "fontSize": 11}, "concat": {"spacing": 18},
}  # fmt: skip


def narrow(width: int) -> bool:
    """Whether a width is that of a phone."""
    return width < 500


def letters(width: float, size: float = 11) -> int:
    """How many letters of a size have room in a width (pixels)."""
    return max(int(width / (LETTER * size)), 4)


def as_text(value: float, percent: bool = False) -> str:
    """A number as people write it."""
    if percent:
        return f"{100 * value:.3g} %" if value < 0.9995 else f"{100 * value:.4g} %"
    return f"{value:,.0f}" if abs(value) >= 10000 else f"{value:.4g}"


def with_bounds(value: float, low: float | None, high: float | None, percent: bool = False) -> str:
    """`3.1 % (2 % to 4 %)`; the value alone where there is no interval."""
    if low is None or high is None:
        return as_text(value, percent)
    return f"{as_text(value, percent)} ({as_text(low, percent)} to {as_text(high, percent)})"


def wrapped(words: str, limit: int) -> list[str]:
    """A name in at most two lines of `limit` letters, broken near its middle at a space, hyphen or underscore where there is one."""
    if len(words) <= limit:
        return [words]
    breaks = [found.end() for found in re.finditer(r"[ _-]", words[: limit + 1])]
    fitting = [at for at in breaks if len(words) - at <= limit]
    at = min(fitting, key=lambda at: abs(2 * at - len(words))) if fitting else max(breaks, default=limit)
    return [words[:at].rstrip(), shortened(words[at:], limit)]


def shortened(words: str, limit: int) -> str:
    """A text of at most `limit` letters, its end an ellipsis where it was longer."""
    return words if len(words) <= limit else words[: limit - 1].rstrip() + "…"


def named(values: list, words: list) -> str:
    """A label expression of an axis or legend: the words of each value, lists of lines or texts."""
    return f"{json.dumps(words)}[indexof({json.dumps(values)}, datum.value)]"


def said(**more):
    """Encodings of a mark that says what the field `said` holds, to a pointer and to a screen reader."""
    import altair as alt

    return {"tooltip": alt.Tooltip("said:N"), "description": alt.Description("said:N"), **more}


def data(rows: list[dict]):
    """Rows as the data of a chart: as text, for Altair copies data with every step; _vega makes rows of it again."""
    import altair as alt

    return alt.InlineData(values=json.dumps(rows))


def plain(field: str, channel: str):
    """A channel that takes a field's values as they are: colours, pixels, shapes."""
    import altair as alt

    return getattr(alt, channel)(field, scale=None, legend=None) if channel != "Angle" else alt.Angle(field, scale=None)


def part(chart) -> dict:
    """A chart, of one mark or put together, as a part of a specification with its data by name in `datasets`."""
    found = chart if isinstance(chart, dict) else chart.to_dict(validate=False)
    return {name: value for name, value in found.items() if name not in ("$schema", "config")}


def together(how: str, charts: list, **about) -> dict:
    """Charts in layers (`layer`), side by side (`hconcat`), below each other (`vconcat`) or in rows (`concat`).

    Written as Vega-Lite: Altair's own composition copies every part with each step, which takes ten times as long as all else.
    """
    parts = [part(chart) for chart in charts]
    datasets = {name: rows for one in parts for name, rows in one.pop("datasets", {}).items()}
    return {how: parts, "datasets": datasets, **about}
