#!/usr/bin/env python3
"""Distributions and bars of a case as marks."""

from _marks import ALARM, GRID, INK, SOFT, as_text, line, mark, scale, steps, text, wrapped


def violin(spec: dict, width: int) -> tuple[list[dict], float]:
    """Distributions per group, one shape per time point, in as many rows as they need."""
    low, high, tall, out = spec["low"], spec["high"], 250.0, []
    units = [max(len(group["shapes"]), 2) + 0.5 for group in spec["groups"]]
    wide = min(34.0, (width - 72) / sum(units))
    if wide < 20:  # too narrow to be read: several rows
        wide = min(34.0, (width - 84) / max(units))
    rows, left = [[]], 64.0
    for group, room in zip(spec["groups"], units, strict=True):
        if rows[-1] and left + wide * room > width:
            rows.append([])
            left = 64.0
        rows[-1].append((left, group))
        left += wide * room
    for number, row in enumerate(rows):
        top = number * tall
        y = scale(low, high, top + 200, top + 14)
        for value in steps(low, high, 4):
            out += line(56, y(value), width - 8, y(value), colour=GRID)
            out += text(50, y(value) + 4, as_text(value), size=10, anchor="end", colour=SOFT)
        if spec.get("threshold") is not None:
            there = y(spec["threshold"])
            out += line(56, there, width - 8, there, colour=ALARM, dash=[5, 3], title="interferon-high above")
        for left, group in row:
            for at, shape in enumerate(group["shapes"]):
                out += distribution(shape, group, left + wide * (at + 0.5), wide, y, (low, high), top)
            room = wide * (max(len(group["shapes"]), 2) + 0.4)
            middle = left + wide * len(group["shapes"]) / 2
            letters = int(room / 6)
            parts = wrapped(group["label"], letters)
            whole = {"title": group["label"]} if len(parts) > 1 else {}
            for at, part in enumerate(parts):
                out += text(middle, top + 229 + 12 * at, part, size=10.5, anchor="middle", limit=letters, **whole)
    return out, tall * len(rows)


def distribution(shape: dict, group: dict, middle: float, wide: float, y, ends, top: float) -> list[dict]:
    """One shape around its middle: a violin, or its few cells as dots."""
    lower, median, upper = shape["quartiles"]
    said = f"{group['label']} {shape['name']}: median {as_text(median)}, quartiles {as_text(lower)} to {as_text(upper)}, {shape['n']} cells"
    out = []
    for value in shape.get("points", []):
        out += mark("circle", x=middle, y=y(value), r=2.5, fill=group["colour"], colour=INK, width=0.5, title=said)
    if "density" in shape:
        size = (ends[1] - ends[0]) / len(shape["density"])
        side = [(v * wide * 0.46, y(ends[0] + size * (at + 0.5))) for at, v in enumerate(shape["density"])]
        full = [at for at, (half, _) in enumerate(side) if half > 0]
        side = side[full[0] : full[-1] + 1]
        outline = [(middle - half, h) for half, h in side] + [(middle + half, h) for half, h in reversed(side)]
        out += mark("polygon", points=outline, fill=group["colour"], opacity=0.55, colour=group["colour"], title=said)
        out += line(middle, y(lower), middle, y(upper), colour=INK, width=3)
        out += mark("circle", x=middle, y=y(median), r=3, fill="#FFFFFF", colour=INK)
    return out + text(
        middle, top + 215, shape["name"], size=9, anchor="middle", colour=SOFT, limit=max(int(wide / 5.5), 2)
    )


def bars(spec: dict, width: int) -> tuple[list[dict], float]:
    """Horizontal bars with intervals; `signed` ones start at a zero line; on a phone names stand above their bars."""
    signed, above = spec.get("signed", False), width < 500
    left, right = (
        (20.0, width - (190.0 if signed else 100.0)) if above else (390.0, 560.0) if signed else (300.0, 570.0)
    )
    known = [bar.get(name) for row in spec["rows"] for bar in row["bars"] for name in ("value", "low", "high")]
    known = [v for v in known if v is not None]
    low, high = (min(0, *known), max(0, *known)) if signed else (0.0, 1.0)
    x = scale(low, high, left, right)
    tall = [14.0 * max(len(row["bars"]), 1) + (28 if above else 10) for row in spec["rows"]]
    out, top = [], 22.0
    for value in steps(low, high, 4):
        look = {"colour": INK if signed and value == 0 else GRID}
        out += line(x(value), 18, x(value), 18 + sum(tall), **look)
        out += text(x(value), 12, as_text(value, not signed), size=10, anchor="middle", colour=SOFT)
    for row, space in zip(spec["rows"], tall, strict=True):
        y = top + (18 if above else 0)
        middle = y + 7.0 * max(len(row["bars"]), 1) + 4
        place = (
            {"x": 4, "y": top + 12, "limit": 56 if signed else 38, "halo": True}
            if above
            else {"x": left - 8, "y": middle, "anchor": "end", "limit": 60 if signed else 44}
        )
        out += mark("text", words=row["label"], size=11 if signed or above else 12, **place)
        for bar in row["bars"]:
            start, end = x(min(0, bar["value"])), x(max(0, bar["value"]))
            held = bar.get("low") is not None and bar.get("high") is not None
            bounds = f" ({as_text(bar['low'], not signed)} to {as_text(bar['high'], not signed)})" if held else ""
            said = f"{row['label']}, {bar['name']}: {as_text(bar['value'], not signed)}{bounds}"
            out += mark("rect", title=said, x=start, y=y + 2, wide=max(end - start, 1), high=10, fill=bar["colour"])
            if held:
                out += line(x(bar["low"]), y + 7, x(bar["high"]), y + 7, colour=INK, width=1.5)
            if not signed:
                words = f"{bar['name']} {as_text(bar['value'], True)}"
                out += text(max(x(bar.get("high") or 0), end) + 5, y + 11, words, size=10, colour=SOFT)
            y += 14
        note = {"x": width - 4, "y": top + 12 if above and not signed else middle, "anchor": "end"}
        out += mark(
            "text", words=row["note"], size=10 if signed else 11, colour=SOFT, limit=31 if signed else 18, **note
        )
        top += space
    return out, top + 6
