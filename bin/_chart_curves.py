#!/usr/bin/env python3
"""Curves of a case as charts: small multiples, and lines on one logarithmic axis."""

import math

from _chart_keys import beside_key
from _chart_style import (
    ALARM,
    INK,
    PALE,
    SAMPLE,
    as_text,
    data,
    letters,
    named,
    narrow,
    plain,
    said,
    together,
    with_bounds,
    wrapped,
)

COLOUR = "#0072B2"  # of a curve without one of its own


def rows_of(series: dict, percent: bool, level=lambda value: value) -> list[dict]:
    """Rows of a curve's points [day, value, low, high, limit of detection]; level: place of a value on the axis.

    A point of which nothing was seen is hollow, and a triangle at the limit of detection where that is known.
    """
    rows = []
    for day, value, low, high, *limit in series["points"]:
        words = f"not detected, limit {as_text(limit[0], percent)}" if limit else with_bounds(value, low, high, percent)
        known = low is not None and high is not None
        rows.append({
            "day": day, "place": level(limit[0] if limit else value), "low": level(low) if known else None,
            "high": level(high) if known else None, "fill": "#FFFFFF" if value == 0 else series.get("colour") or COLOUR,
            "shape": "triangle-down" if limit else "square" if series.get("marker") else "circle",
            "said": f"{series['name']} day {day:.0f}: {words}".strip(),
        })  # fmt: skip
    return rows


def curve(series: dict, rows: list[dict], x, up: dict) -> list:
    """Layers of a curve: whiskers, a line unless its points stand for themselves, and the points. up: scale and axis of the values."""
    import altair as alt

    y = alt.Y("place:Q", **up)
    colour, chart = series.get("colour") or COLOUR, alt.Chart(data(rows))
    layers = []
    if any(row["low"] is not None for row in rows):
        whiskers = chart.transform_filter("datum.low != null").mark_rule(color=colour, strokeWidth=1.5)
        layers.append(whiskers.encode(x=x, y=alt.Y("low:Q", **up), y2=alt.Y2("high:Q")))
    if series.get("joined", True) and len(rows) > 1:
        dash = [5, 4] if series.get("dash") else [1, 0]
        layers.append(chart.mark_line(color=colour, strokeDash=dash, strokeWidth=1.8).encode(x=x, y=y))
    points = chart.mark_point(stroke=INK, strokeWidth=0.8, filled=True, opacity=1, size=44)
    shapes = said(fill=plain("fill:N", "Fill"), shape=plain("shape:N", "Shape"))
    return [*layers, points.encode(x=x, y=y, **shapes)]


def range_of(panel: dict) -> tuple[float, float]:
    """Lower and upper end of a panel's axis: from zero where that hides no change."""
    values = [v for series in panel["series"] for p in series["points"] for v in p[1:] if v is not None]
    values += [v for v in panel.get("band") or [] if v is not None]
    low, high = min(values), max(values)
    if low >= 0 and (panel.get("percent") or low < high / 2 or low == high):
        low = 0.0
    return low, high if high > low else low + 1


def reference(panel: dict, value: float, limit: float = 0.0) -> tuple[str, bool]:
    """(words on the reference range, whether the value lies outside); limit: of detection, of a value that was not seen."""
    low, high = panel.get("band") or (None, None)
    if low is None and high is None:
        return "", False
    words = (
        f"{as_text(low)}–{as_text(high)}"
        if None not in (low, high)
        else f"≤ {as_text(high)}"
        if low is None
        else f"≥ {as_text(low)}"
    )
    below, above = low is not None and max(value, limit) < low, high is not None and value > high
    return f" {'▼ ' if below else '▲ ' if above else ''}ref. {words}", below or above


def heading(panel: dict, wide: float, lines: int) -> dict:
    """Title of a panel in so many lines, and below it the last value beside its reference range."""
    value, *limit = panel["series"][0]["points"][-1][1:2] + panel["series"][0]["points"][-1][4:]
    words, outside = reference(panel, value, *limit)
    percent = panel.get("percent", False)
    number = f"{'< ' + as_text(limit[0], percent) if limit else as_text(value, percent)} {panel['unit']}".strip()
    text = wrapped(panel["title"], letters(wide, 12))
    about = {"text": [""] * (lines - len(text)) + text, "subtitle": wrapped(number + words, letters(wide, 10.5))}
    return about | ({"subtitleColor": ALARM, "subtitleFontWeight": "bold"} if outside else {})


def multiple(panel: dict, days: tuple[float, float], wide: float, lines: int):
    """One small chart on its own axis; days: first and last of all panels; lines: of its title."""
    import altair as alt

    percent, (low, high) = panel.get("percent", False), range_of(panel)
    ends = sorted(set(days))
    over = alt.Axis(
        values=ends, labelExpr=named(ends, [f"{day:.0f}" for day in ends]), grid=False, title=None, labelFlush=True
    )
    x = alt.X("day:Q", scale=alt.Scale(domain=[days[0], max(days[1], days[0] + 1)], nice=False, padding=5), axis=over)
    words = named([low, high], [as_text(value, percent) for value in (low, high)])
    axis = alt.Axis(
        values=[low, high],
        labelExpr=words,
        title=None,
        domain=False,
        gridColor="#EEEEEE",
        ticks=False,
        minExtent=46,
        maxExtent=46,
    )
    up = {"scale": alt.Scale(domain=[low, high], nice=False, zero=False), "axis": axis}
    layers, band = [], panel.get("band") or (None, None)
    if any(value is not None for value in band):
        span = {
            "low": low if band[0] is None else band[0],
            "high": high if band[1] is None else band[1],
            "said": "reference range",
        }
        rect = alt.Chart(data([span])).mark_rect(color=PALE)
        layers.append(rect.encode(y=alt.Y("low:Q", **up), y2=alt.Y2("high:Q"), **said()))
    if days[0] < 0 < days[1]:
        layers.append(alt.Chart(data([{"day": 0}])).mark_rule(color="#999999", strokeDash=[2, 2]).encode(x=x))
    for series in panel["series"]:
        layers += curve(series, rows_of(series, percent), x, up)
    return together("layer", layers, width=wide, height=64, title=heading(panel, wide + 30, lines))


def multiples(figure: dict, width: int):
    """Small charts side by side, each on its own axis, all with the same days."""
    panels = figure["panels"]
    columns = max(1, min(figure.get("columns", 4), len(panels), width // 170))
    wide = min(width / columns - 66, 310)
    days = [p[0] for panel in panels for series in panel["series"] for p in series["points"]]
    lines = max(len(wrapped(panel["title"], letters(wide + 30, 12))) for panel in panels)
    charts = [multiple(panel, (min(days), max(days)), wide, lines) for panel in panels]
    resolve = {"scale": {"x": "independent", "y": "independent"}}
    return together("concat", charts, columns=columns, spacing={"row": 14, "column": 14}, resolve=resolve)


def lines(figure: dict, width: int):
    """Curves on one logarithmic axis; zeros stand on the lowest line; samples are upright lines."""
    import altair as alt

    points, samples = [p for series in figure["series"] for p in series["points"]], figure.get("samples", [])
    days = [p[0] for p in points] + [sample["day"] for sample in samples]
    above = [v for p in points for v in p[1:] if v is not None and v > 0] or [1.0]
    floor, roof = math.floor(math.log10(min(above))) - 1, max(math.ceil(math.log10(max(above))), -1)
    powers = list(range(floor, max(roof, floor + 1) + 1))
    wide = width - 80 if narrow(width) else width - 370

    def level(value):
        return math.log10(value) if value > 0 else floor

    over = alt.Axis(title="days from the reference event", grid=False, tickCount=4 if narrow(width) else 6, format="d")
    x = alt.X("day:Q", scale=alt.Scale(domain=[min(days), max(days)], nice=False, padding=8), axis=over)
    words = ["not seen", *(as_text(10.0**power, True) for power in powers[1:])]
    axis = alt.Axis(values=powers, labelExpr=named(powers, words), title=None, domain=False, ticks=False)
    up = {"scale": alt.Scale(domain=[floor, powers[-1]], nice=False, zero=False), "axis": axis}
    layers = []
    for series in figure["series"]:
        layers += curve(series, rows_of(series, True, level), x, up)
    if samples and len(samples) <= 6:
        chart = alt.Chart(data(samples))
        layers.append(chart.mark_rule(color=SAMPLE, strokeDash=[6, 3]).encode(x=x))
        text = chart.mark_text(color=SAMPLE, fontWeight="bold", fontSize=12, dy=-10, limit=70)
        layers.append(text.encode(x=x, y=alt.YValue(0), text=alt.Text("label:N")))
    chart = together("layer", layers, width=wide, height=280)
    keys = [{"name": s["name"], "colour": s["colour"], "dash": bool(s.get("dash"))} for s in figure["series"]]
    return beside_key(chart, keys, width)
