#!/usr/bin/env python3
"""Curves of a case as marks: small multiples, and lines on one logarithmic axis."""

import math

from _marks import ALARM, GRID, INK, SAMPLE, SOFT, as_text, line, mark, scale, steps, text, wrapped


def height(point: list) -> float:
    """The value at which a point is drawn: its limit of detection (fifth entry) where nothing was seen and this is known."""
    return point[4] if len(point) > 4 else point[1]


def curve(series: dict, x, y, percent: bool, colour: str) -> list[dict]:
    """A line through points [x, value, low, high], its interval as a band and whiskers; hollow where nothing was seen.

    A fifth entry is a limit of detection: a hollow triangle stands there.
    """
    points = series["points"]
    held = [p for p in points if p[2] is not None and p[3] is not None]
    out = []
    if len(held) > 1:
        outline = [(x(p[0]), y(p[3])) for p in held] + [(x(p[0]), y(p[2])) for p in reversed(held)]
        out += mark("polygon", points=outline, fill=colour, opacity=0.15)
    for p in held:
        out += line(x(p[0]), y(p[2]), x(p[0]), y(p[3]), colour=colour, width=1.5)
    if len(points) > 1:
        dash = {"dash": [5, 4]} if series.get("dash") else {}
        out += mark("polyline", points=[(x(p[0]), y(height(p))) for p in points], colour=colour, width=2, **dash)
    for p in points:
        held = p[2] is not None and p[3] is not None
        bounds = f" ({as_text(p[2], percent)} to {as_text(p[3], percent)})" if held else ""
        said = f"{series['name']} day {p[0]:.0f}: {as_text(p[1], percent)}{bounds}".strip()
        if len(p) > 4:
            said = f"{series['name']} day {p[0]:.0f}: not detected, limit {as_text(p[4], percent)}".strip()
        look = {"title": said, "fill": "#FFFFFF" if p[1] == 0 else colour, "colour": INK, "width": 0.8}
        if len(p) > 4:
            corners = [(x(p[0]) - 5, y(p[4]) - 4), (x(p[0]) + 5, y(p[4]) - 4), (x(p[0]), y(p[4]) + 5)]
            out += mark("polygon", points=corners, **look)
        elif series.get("marker"):
            out += mark("rect", x=x(p[0]) - 4, y=y(p[1]) - 4, wide=8, high=8, **look)
        else:
            out += mark("circle", x=x(p[0]), y=y(p[1]), r=3.5, **look)
    return out


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


def multiples(spec: dict, width: int) -> tuple[list[dict], float]:
    """Small curves side by side, each on its own axis, all with the same days."""
    columns = max(1, min(spec.get("columns", 4), len(spec["panels"]), width // 180))
    wide, tall = min(width / columns, 380), 128.0
    days = [p[0] for panel in spec["panels"] for series in panel["series"] for p in series["points"]]
    first, last = min(days), max(days)
    names = [wrapped(panel["title"], int(wide / 7.6)) for panel in spec["panels"]]
    # A row is higher where one of its names needs a second line.
    added = [15.0 * (max(map(len, names[at : at + columns])) - 1) for at in range(0, len(spec["panels"]), columns)]
    out = []
    for at, panel in enumerate(spec["panels"]):
        row = at // columns
        left, top = at % columns * wide, row * tall + sum(added[: row + 1])
        percent, (low, high) = panel.get("percent", False), range_of(panel)
        x = scale(first, last if last > first else first + 1, left + 50, left + wide - 16)
        y = scale(low, high, top + 104, top + 44)
        latest = panel["series"][0]["points"][-1]
        words, outside = reference(panel, latest[1], *latest[4:])
        shown = f"< {as_text(latest[4], percent)}" if len(latest) > 4 else as_text(latest[1], percent)
        number = f"{shown} {panel['unit']}".strip()
        for line_at, words_of in enumerate(names[at]):
            height = top + 15 - 15 * (len(names[at]) - 1 - line_at)
            whole = {"title": panel["title"]} if len(names[at]) > 1 else {}
            out += text(left + 8, height, words_of, bold=True, limit=int(wide / 7.6), **whole)
        look = {"colour": ALARM, "bold": True} if outside else {"colour": SOFT}
        out += text(left + 8, top + 30, number + words, size=10.5, limit=int(wide / 6.2), **look)
        band = panel.get("band") or (None, None)
        if any(v is not None for v in band):
            upper, lower = y(high if band[1] is None else band[1]), y(low if band[0] is None else band[0])
            out += mark("rect", title="reference range", x=left + 50, y=upper, wide=wide - 66, high=max(lower - upper, 1),
                        fill="#E6E9EC")  # fmt: skip
        if first < 0 < last:
            out += line(x(0), top + 42, x(0), top + 104, colour="#999999", width=0.8, dash=[2, 2])
        out += line(left + 50, top + 104, left + wide - 16, top + 104, colour=SOFT)
        for end in (low, high):
            out += text(left + 45, y(end) + 4, as_text(end, percent), size=10, anchor="end", colour=SOFT)
        out += text(x(first), top + 117, f"{first:.0f}", size=10, colour=SOFT)
        if last > first:
            out += text(x(last), top + 117, f"{last:.0f}", size=10, anchor="end", colour=SOFT)
        for series in panel["series"]:
            out += curve(series, x, y, percent, series.get("colour") or "#0072B2")
    return out, len(added) * tall + sum(added)


def lines(spec: dict, width: int) -> tuple[list[dict], float]:
    """Curves on one logarithmic axis; zeros stand on the lowest line; samples are upright lines."""
    points = [p for series in spec["series"] for p in series["points"]]
    days = [p[0] for p in points] + [sample["day"] for sample in spec.get("samples", [])]
    above = [v for p in points for v in p[1:] if v is not None and v > 0] or [1.0]
    floor, roof = math.floor(math.log10(min(above))) - 1, max(math.ceil(math.log10(max(above))), -1)
    beside = width > 500
    right = width - 200.0 if beside else width - 14.0
    level, x = scale(floor, max(roof, floor + 1), 312, 32), scale(min(days), max(days), 74, right)

    def y(value):
        return level(math.log10(value) if value > 0 else floor)

    out = []
    for power in range(floor, roof + 1):
        words = "not seen" if power == floor else as_text(10.0**power, True)
        out += line(70, level(power), right, level(power), colour=GRID)
        out += text(64, level(power) + 4, words, size=11, anchor="end", colour=SOFT)
    for day in steps(min(days), max(days), 6 if beside else 4):
        out += text(x(day), 332, f"{day:.0f}", size=11, anchor="middle", colour=SOFT)
    out += text((70 + right) / 2, 350, "days from the reference event", size=11, anchor="middle", colour=SOFT)
    for sample in spec.get("samples", []) if len(spec.get("samples", [])) <= 6 else []:
        place = x(sample["day"])
        out += line(place, 22, place, 312, colour=SAMPLE, width=1, dash=[6, 3])
        out += text(place, 16, sample["label"], anchor="middle", colour=SAMPLE, bold=True, limit=10)
    for at, series in enumerate(spec["series"]):
        left, top = (right + 16, 40 + 20.0 * at) if beside else (74.0, 374 + 18.0 * at)
        dash = {"dash": [5, 4]} if series.get("dash") else {}
        out += curve(series, x, y, True, series["colour"])
        out += line(left, top - 4, left + 28, top - 4, colour=series["colour"], width=2, **dash)
        out += text(left + 34, top, series["name"], limit=24 if beside else 40)
    count = len(spec["series"])
    return out, max(360.0, 50 + 20.0 * count) if beside else 380 + 18.0 * count
