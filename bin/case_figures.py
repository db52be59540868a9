#!/usr/bin/env python3
"""Draws what is compared: a case's bars, dots and clones as SVG; text stays text, every mark has a title."""

import json
import math
from html import escape
from importlib.metadata import version
from pathlib import Path

import click

PACKAGES = ("click",)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
WIDTH = 760
INK, SOFT, GRID = "#222222", "#555555", "#DDDDDD"
RAMP = ((255, 255, 255), (253, 227, 51), (59, 157, 124), (63, 58, 133))  # light to dark, also without colour


def tag(name: str, content: str = "", title: str = "", **attributes) -> str:
    """An SVG element; attribute names with _ for -; `title` is told by screen readers and on hovering."""
    listed = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{value:.2f}"' if isinstance(value, float)
        else f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
    )  # fmt: skip
    inside = (f"<title>{escape(title)}</title>" if title else "") + content
    return f"<{name}{listed}>{inside}</{name}>" if inside else f"<{name}{listed}/>"


def text(
    x: float,
    y: float,
    words: str,
    size: int = 12,
    anchor: str = "start",
    colour: str = INK,
    limit: int = 0,
    **more,
) -> str:
    """A line of text; longer than `limit` letters it is cut, and whole in its title."""
    cut = words if not limit or len(words) <= limit else words[: limit - 1] + "…"
    return tag("text", escape(cut), title=words if cut != words else "", x=float(x), y=float(y), font_size=size,
               text_anchor=anchor, fill=colour, **more)  # fmt: skip


def line(x1, y1, x2, y2, colour=INK, width=1.0, **more) -> str:
    return tag(
        "line",
        x1=float(x1),
        y1=float(y1),
        x2=float(x2),
        y2=float(y2),
        stroke=colour,
        stroke_width=width,
        **more,
    )


def ramp(value: float) -> str:
    """Colour of a value between 0 and 1."""
    place = min(max(value, 0), 1) * (len(RAMP) - 1)
    at = min(int(place), len(RAMP) - 2)
    return "#" + "".join(
        f"{round(a + (b - a) * (place - at)):02X}" for a, b in zip(RAMP[at], RAMP[at + 1], strict=True)
    )


def told(value: float, percent: bool = False) -> str:
    """A number as people write it."""
    if percent:
        return f"{100 * value:.3g} %" if value < 0.9995 else f"{100 * value:.4g} %"
    return f"{value:,.0f}" if abs(value) >= 10000 else f"{value:.4g}"


def scale(low: float, high: float, start: float, end: float):
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


def bars(spec: dict) -> tuple[str, float]:
    """Horizontal bars with intervals; `signed` ones start at a zero line in the middle."""
    signed = spec.get("signed", False)
    left, right = (400, 660) if signed else (300, 600)
    values = [
        v
        for row in spec["rows"]
        for bar in row["bars"]
        for v in (bar["value"], bar.get("low"), bar.get("high"))
        if v is not None
    ]
    low, high = (min(0, *values), max(0, *values)) if signed else (0.0, 1.0)
    x = scale(low, high, left, right)
    out, top = "", 20.0
    for mark in steps(low, high, 4):
        out += line(
            x(mark), 16, x(mark), 16 + sum(10 + 14 * max(len(r["bars"]), 1) for r in spec["rows"]), GRID
        )
        out += text(x(mark), 12, told(mark, not signed), 10, "middle", SOFT)
    for row in spec["rows"]:
        tall = 14 * max(len(row["bars"]), 1)
        out += text(
            left - 8, top + tall / 2 + 4, row["label"], 12 - signed, "end", limit=62 if signed else 44
        )
        for at, bar in enumerate(row["bars"]):
            y, start, end = top + 14 * at, x(min(0, bar["value"])), x(max(0, bar["value"]))
            held = bar.get("low") is not None and bar.get("high") is not None
            bounds = f" ({told(bar['low'], not signed)} to {told(bar['high'], not signed)})" if held else ""
            said = f"{row['label']}, {bar['name']}: {told(bar['value'], not signed)}{bounds}"
            out += tag(
                "rect",
                title=said,
                x=start,
                y=y + 2,
                width=max(end - start, 1.0),
                height=10,
                fill=bar["colour"],
            )
            if held:
                out += line(x(bar["low"]), y + 7, x(bar["high"]), y + 7, INK, 1.5)
            if not signed:
                out += text(
                    max(x(bar.get("high") or 0), end) + 5,
                    y + 11,
                    f"{bar['name']} {told(bar['value'], True)}",
                    10,
                    colour=SOFT,
                )
        out += text(WIDTH - 4, top + tall / 2 + 4, row["note"], 11, "end", SOFT, limit=18)
        top += tall + 10
    return out, top + 6


def grid(spec: dict) -> tuple[str, float]:
    """Dots (size and colour) or squares (colour) in rows and columns."""
    left = 300 if spec.get("wide") else 190
    cell = min(40.0, (WIDTH - left - 20) / max(len(spec["columns"]), 1))
    high = 20.0 if spec["shape"] == "dot" else 22.0
    longest = max(len(name) for name in spec["columns"])
    top = 20 + 5.2 * min(longest, 24)
    out = ""
    for at, name in enumerate(spec["columns"]):
        place = f"translate({left + cell * (at + 0.5):.1f} {top - 6:.1f}) rotate(-55)"
        out += text(0, 0, name, 11, limit=24, transform=place)
    for at, name in enumerate(spec["rows"]):
        out += text(
            left - 8, top + high * (at + 0.5) + 4, name, 12, "end", limit=44 if spec.get("wide") else 26
        )
        out += line(
            left, top + high * (at + 1), left + cell * len(spec["columns"]), top + high * (at + 1), "#EEEEEE"
        )
    for row, column, size, value, said in spec["cells"]:
        x, y = left + cell * (column + 0.5), top + high * (row + 0.5)
        if spec["shape"] == "dot":
            out += tag(
                "circle",
                title=said,
                cx=x,
                cy=y,
                r=max(9.0 * size, 0.6),
                fill=ramp(0.15 + 0.85 * value),
                stroke="#777777",
                stroke_width=0.5,
            )
        else:
            out += tag(
                "rect",
                title=said,
                x=x - cell / 2,
                y=y - high / 2,
                width=cell,
                height=high,
                fill=ramp(value),
                stroke="#FFFFFF",
            )
    base = top + high * len(spec["rows"]) + 16
    for at in range(21):
        out += tag(
            "rect",
            x=left + 8.0 * at,
            y=base,
            width=8,
            height=10,
            fill=ramp((0.15 + 0.85 * at / 20) if spec["shape"] == "dot" else at / 20),
        )
    out += text(left - 6, base + 9, "low", 10, "end", SOFT) + text(
        left + 174, base + 9, "high", 10, colour=SOFT
    )
    return out, base + 20


def alluvial(spec: dict) -> tuple[str, float]:
    """Clones as bands between time points; heights are shares, the rest is grey."""
    count, tall, left, right = len(spec["columns"]), 240.0, 60.0, 470.0
    place = [left + (right - left - 40) * (at / max(count - 1, 1)) for at in range(count)]
    out, tops = "", [[0.0] * count for _ in spec["bands"]]
    for column in range(count):
        above = 20.0
        for at, band in enumerate(spec["bands"]):
            tops[at][column] = above
            above += tall * band["shares"][column]
        out += tag(
            "rect",
            title="all other clones",
            x=place[column],
            y=above,
            width=40,
            height=max(20 + tall - above, 0.0),
            fill="#E6E6E6",
        )
        out += text(
            place[column] + 20, tall + 38, spec["columns"][column]["label"], 12, "middle", font_weight="bold"
        )
        out += text(
            place[column] + 20, tall + 53, f"{spec['columns'][column]['total']:,} cells", 10, "middle", SOFT
        )
    for at, band in enumerate(spec["bands"]):
        for column in range(count):
            height = tall * band["shares"][column]
            said = f"{band['name']} {band['label']}, {spec['columns'][column]['label']}: {band['n'][column]} of {spec['columns'][column]['total']} cells, {told(band['shares'][column], True)}"
            if height > 0:
                out += tag(
                    "rect",
                    title=said,
                    x=place[column],
                    y=tops[at][column],
                    width=40,
                    height=max(height, 0.7),
                    fill=band["colour"],
                )
            if column + 1 < count and (height or band["shares"][column + 1]):
                a, b, middle = (
                    place[column] + 40,
                    place[column + 1],
                    (place[column] + 40 + place[column + 1]) / 2,
                )
                y1, y2, h2 = tops[at][column], tops[at][column + 1], tall * band["shares"][column + 1]
                shape = f"M{a:.1f} {y1:.1f}C{middle:.1f} {y1:.1f} {middle:.1f} {y2:.1f} {b:.1f} {y2:.1f}V{y2 + h2:.1f}C{middle:.1f} {y2 + h2:.1f} {middle:.1f} {y1 + height:.1f} {a:.1f} {y1 + height:.1f}Z"
                out += tag("path", title=said, d=shape, fill=band["colour"], fill_opacity=0.4)
        y = 30.0 + 32 * at
        out += tag("rect", x=490, y=y - 10, width=12, height=12, fill=band["colour"])
        out += text(508, y, f"{band['name']}, {band['fate']}", 12, limit=36) + text(
            508, y + 14, band["label"], 10, colour=SOFT, limit=44
        )
    return out, max(tall + 64, 40 + 32.0 * len(spec["bands"]))


DRAWN = {"bars": bars, "grid": grid, "alluvial": alluvial}


def draw(spec: dict) -> str:
    """A whole SVG with title and description for screen readers."""
    body, height = DRAWN[spec["kind"]](spec)
    about = tag("title", escape(spec["title"]), id=f"svg-{spec['id']}-title") + tag(
        "desc", escape(spec["alt"]), id=f"svg-{spec['id']}-desc"
    )
    return tag(
        "svg", about + tag("rect", width=WIDTH, height=height, fill="#FFFFFF") + body, xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH} {height:.0f}", role="img", aria_labelledby=f"svg-{spec['id']}-title svg-{spec['id']}-desc",
        font_family="Helvetica, Arial, sans-serif",
    )  # fmt: skip


@click.command()
@click.argument("figures", nargs=-1, required=True, type=FILE)
@click.option("--patient", required=True, help="Name of the patient.")
@click.version_option(" ".join(f"{name}={version(name)}" for name in PACKAGES), message="%(version)s")
def main(figures, patient):
    """Draw all charts of the FIGURES (JSON of CASE_COURSE, CASE_CELLS and CASE_NICHE) of a patient."""
    specs = [spec for path in figures for spec in json.loads(path.read_text())]
    drawn = {spec["id"]: draw(spec) for spec in specs if spec["kind"] in DRAWN}
    for name, svg in drawn.items():
        Path(f"{patient}.{name}.svg").write_text(svg)


if __name__ == "__main__":
    main()
