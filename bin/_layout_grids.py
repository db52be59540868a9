#!/usr/bin/env python3
"""Grids of dots or squares and bands of clones of a case as marks."""

from _marks import SOFT, line, mark, text

RAMP = ((255, 255, 255), (253, 227, 51), (59, 157, 124), (63, 58, 133))  # light to dark, also without colour


def ramp(value: float) -> str:
    """Colour of a value between 0 and 1."""
    place = min(max(value, 0), 1) * (len(RAMP) - 1)
    at = min(int(place), len(RAMP) - 2)
    return "#" + "".join(
        f"{round(a + (b - a) * (place - at)):02X}" for a, b in zip(RAMP[at], RAMP[at + 1], strict=True)
    )


def grid(spec: dict, width: int) -> tuple[list[dict], float]:
    """Dots (size and colour) or squares (colour) in rows and columns; on a phone the longer side stands upright."""
    rows, columns, cells = spec["rows"], spec["columns"], spec["cells"]
    if width < 500 and len(columns) > len(rows) and len(columns) > 8:
        rows, columns, cells = columns, rows, [[c, r, *rest] for r, c, *rest in cells]
    dots = spec["shape"] == "dot"
    letters = min(max(len(name) for name in rows), 40 if width > 500 else 34)
    left = min(14 + 7.1 * letters, width * 0.64)
    slant = min(max(len(name) for name in columns), 24)
    over = 0.57 * 6.2 * slant  # the last name leans out to the right
    size = min(40.0, (width - left - max(over - 10, 12)) / max(len(columns), 1))
    high, top = 20.0 if dots else 22.0, 22 + 5.4 * slant
    out = []
    for at, name in enumerate(columns):
        x = left + size * (at + 0.5)
        out += text(x, top - 6, name, size=11, limit=24, turn=-55)
    for at, name in enumerate(rows):
        y = top + high * (at + 0.5)
        out += text(left - 8, y + 4, name, size=11.5, anchor="end", limit=letters)
        out += line(left, y + high / 2, left + size * len(columns), y + high / 2, colour="#EEEEEE")
    for row, column, share, value, said in cells:
        x, y = left + size * (column + 0.5), top + high * (row + 0.5)
        if dots:
            r = max(min(9.0, size / 2) * share, 0.6)
            out += mark(
                "circle", x=x, y=y, r=r, fill=ramp(0.15 + 0.85 * value), colour="#777777", width=0.5, title=said
            )
        else:
            out += mark(
                "rect",
                x=x - size / 2,
                y=y - high / 2,
                wide=size,
                high=high,
                fill=ramp(value),
                colour="#FFFFFF",
                title=said,
            )
    base = top + high * len(rows) + 16
    start = min(left, width - 260)
    low, most = spec.get("scale", ("low", "high"))
    start = max(start, 12 + 5.8 * len(low))
    for at in range(21):
        fill = ramp((0.15 + 0.85 * at / 20) if dots else at / 20)
        out += mark("rect", x=start + 5 * at, y=base, wide=5, high=10, fill=fill)
    out += text(start - 6, base + 9, low, size=10, anchor="end", colour=SOFT)
    out += text(start + 111, base + 9, most, size=10, colour=SOFT)
    if dots and spec.get("sizes"):
        for at, (share, words) in enumerate(spec["sizes"]):
            x = 30 + 110.0 * at + (start if width > 500 else 0) * (width > 500)
            out += mark("circle", x=x, y=base + 28, r=max(9.0 * share, 0.6), fill="#FFFFFF", colour=SOFT)
            out += text(x + 14, base + 32, words, size=10, colour=SOFT)
        base += 22
    return out, base + 22


def alluvial(spec: dict, width: int) -> tuple[list[dict], float]:
    """Clones as bands between time points; heights are shares, the rest is grey."""
    beside = width > 500
    count, tall, left, right = len(spec["columns"]), 240.0, 24.0, width - 300.0 if beside else width - 14.0
    thick = min(40.0, (right - left) / (2 * count))
    place = [left + (right - left - thick) * (at / max(count - 1, 1)) for at in range(count)]
    crowded = count > 1 and place[1] - place[0] < 64
    out, tops = [], [[0.0] * count for _ in spec["bands"]]
    for column, about in enumerate(spec["columns"]):
        above, middle = 20.0, place[column] + thick / 2
        for at, band in enumerate(spec["bands"]):
            tops[at][column] = above
            above += tall * band["shares"][column]
        rest = max(20 + tall - above, 0.0)
        if rest:
            out += mark(
                "rect", title="all other clones", x=place[column], y=above, wide=thick, high=rest, fill="#E6E6E6"
            )
        label = {"x": middle, "y": tall + 38, "words": about["label"], "size": 10 if crowded else 12, "bold": True}
        total = {
            "x": middle,
            "y": tall + 53,
            "words": f"{about['total']:,}{'' if crowded else ' cells'}",
            "size": 9 if crowded else 10,
        }
        if crowded and count > 8 and not beside:  # too little room for names side by side
            label |= {"turn": -90, "anchor": "end"}
            total |= {"turn": -90, "anchor": "end", "y": tall + 72}
        out += mark("text", **{"anchor": "middle", "limit": 9} | label) + mark(
            "text", **{"anchor": "middle", "colour": SOFT} | total
        )
    if crowded:
        out += text(
            left,
            tall + (68 if beside or count <= 8 else 118),
            "cells with a receptor below each time point",
            size=10,
            colour=SOFT,
        )
    for at, band in enumerate(spec["bands"]):
        for column, about in enumerate(spec["columns"]):
            share, top = band["shares"][column], tops[at][column]
            seen = f"{band['n'][column]} of {about['total']} cells, {100 * share:.3g} %"
            said = f"{band['name']} {band['label']}, {about['label']}: {seen}"
            if share > 0:
                out += mark(
                    "rect",
                    title=said,
                    x=place[column],
                    y=top,
                    wide=thick,
                    high=max(tall * share, 0.7),
                    fill=band["colour"],
                )
            if column + 1 < count and (share or band["shares"][column + 1]):
                a, b = place[column] + thick, place[column + 1]
                middle, below = (a + b) / 2, tops[at][column + 1]
                end = below + tall * band["shares"][column + 1]
                path = [["M", a, top], ["C", middle, top, middle, below, b, below], ["L", b, end],
                        ["C", middle, end, middle, top + tall * share, a, top + tall * share], ["Z"]]  # fmt: skip
                out += mark("path", title=said, steps=path, fill=band["colour"], opacity=0.4)
    below = tall + 64 + 14 * crowded + (54 if crowded and count > 8 and not beside else 0)
    for at, band in enumerate(spec["bands"]):
        x, y = (right + 24, 30.0 + 34 * at) if beside else (left, below + 18 + 34 * at)
        out += mark("rect", x=x, y=y - 10, wide=12, high=12, fill=band["colour"])
        out += text(x + 18, y, f"{band['name']}, {band['lineage']}, {band['fate']}", limit=42)
        out += text(x + 18, y + 14, band["label"], size=10, colour=SOFT, limit=40 if beside else 52)
    keys = 34.0 * len(spec["bands"])
    return out, max(below, 40 + keys) if beside else below + 16 + keys
