#!/usr/bin/env python3
"""Draws what changes with the days: a case's curves and distributions as SVG; text stays text, every mark has a title."""

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


def curve(series: dict, x, y, percent: bool, colour: str) -> str:
    """A line through points [x, value, low, high], its interval as a band and whiskers."""
    points = series["points"]
    held = [p for p in points if p[2] is not None and p[3] is not None]
    out = ""
    if len(held) > 1:
        outline = [(x(p[0]), y(p[3])) for p in held] + [(x(p[0]), y(p[2])) for p in reversed(held)]
        out += tag(
            "polygon", points=" ".join(f"{a:.1f},{b:.1f}" for a, b in outline), fill=colour, fill_opacity=0.15
        )
    out += "".join(line(x(p[0]), y(p[2]), x(p[0]), y(p[3]), colour, 1.5) for p in held)
    path = " ".join(f"{x(p[0]):.1f},{y(p[1]):.1f}" for p in points)
    dash = {"stroke_dasharray": "5 4"} if series.get("dash") else {}
    out += tag("polyline", points=path, fill="none", stroke=colour, stroke_width=2, **dash)
    for p in points:
        bounds = (
            f" ({told(p[2], percent)} to {told(p[3], percent)})"
            if p[2] is not None and p[3] is not None
            else ""
        )
        said = f"{series['name']} day {p[0]:.0f}: {told(p[1], percent)}{bounds}".strip()
        place = {"x": x(p[0]) - 4, "y": y(p[1]) - 4, "width": 8, "height": 8}
        round_ = {"cx": x(p[0]), "cy": y(p[1]), "r": 3.5}
        empty = p[1] == 0
        shape = ("rect", place) if series.get("marker") else ("circle", round_)
        out += tag(
            shape[0],
            title=said,
            fill="#FFFFFF" if empty else colour,
            stroke=colour,
            stroke_width=1.5,
            **shape[1],
        )
    return out


def multiples(spec: dict) -> tuple[str, float]:
    """Small curves side by side, each on its own axis, all with the same days."""
    columns = min(spec.get("columns", 4), len(spec["panels"]))
    wide, tall = WIDTH / columns, 118.0
    days = [p[0] for panel in spec["panels"] for series in panel["series"] for p in series["points"]]
    out = ""
    for at, panel in enumerate(spec["panels"]):
        left, top = at % columns * wide, at // columns * tall
        points = [p for series in panel["series"] for p in series["points"]]
        values = [v for p in points for v in p[1:] if v is not None] + [
            v for v in panel.get("band") or [] if v is not None
        ]
        percent = panel.get("percent", False)
        low, high = (
            (0.0 if min(values) >= 0 and (percent or min(values) < max(values) / 2) else min(values)),
            max(values),
        )
        x = scale(
            min(days), max(days) if max(days) > min(days) else min(days) + 1, left + 44, left + wide - 16
        )
        y = scale(low, high if high > low else low + 1, top + 92, top + 30)
        band = panel.get("band") or [None, None]
        if any(v is not None for v in band):
            upper, lower = (
                y(band[1] if band[1] is not None else high),
                y(band[0] if band[0] is not None else low),
            )
            out += tag(
                "rect",
                title="reference range",
                x=left + 44,
                y=upper,
                width=wide - 60,
                height=max(lower - upper, 1.0),
                fill="#ECECEC",
            )
        out += line(left + 44, top + 92, left + wide - 16, top + 92, SOFT)
        for value in (low, high):
            out += text(left + 40, y(value) + 4, told(value, percent), 10, "end", SOFT)
        for day in {min(days), max(days)}:
            out += text(x(day), top + 105, f"{day:.0f}", 10, "start" if day == min(days) else "end", SOFT)
        number = f"{told(points[-1][1], percent)} {panel['unit']}".strip()
        out += text(
            left + 8,
            top + 16,
            panel["title"],
            12,
            limit=int((wide - 14 - 5.5 * min(len(number), wide / 9)) / 6.6),
            font_weight="bold",
        )
        out += text(
            left + wide - 12,
            top + 16,
            number,
            11,
            "end",
            SOFT,
            limit=int(wide / 9),
        )
        for series in panel["series"]:
            out += curve(series, x, y, percent, series.get("colour") or "#0072B2")
    return out, math.ceil(len(spec["panels"]) / columns) * tall


def lines(spec: dict) -> tuple[str, float]:
    """Curves on one axis, logarithmic on request; zeros stand on the lowest line."""
    points = [p for series in spec["series"] for p in series["points"]]
    days, above = [p[0] for p in points], [p[1] for p in points if p[1] > 0] or [1.0]
    floor = math.floor(math.log10(min(above))) - 1
    top = math.ceil(math.log10(max(above)))
    level = scale(floor, max(top, floor + 1), 300, 20)
    x = scale(min(days), max(days), 70, 540)

    def y(value):
        return level(math.log10(value) if value > 0 else floor)

    out = ""
    for power in range(floor, top + 1):
        out += line(70, level(power), 540, level(power), GRID)
        out += text(
            64, level(power) + 4, "not seen" if power == floor else told(10.0**power, True), 11, "end", SOFT
        )
    for day in steps(min(days), max(days), 6):
        out += text(x(day), 320, f"{day:.0f}", 11, "middle", SOFT)
    out += text(305, 340, "day", 11, "middle", SOFT)
    for at, series in enumerate(spec["series"]):
        out += curve(series, x, y, True, series["colour"])
        dash = {"stroke_dasharray": "5 4"} if series.get("dash") else {}
        out += line(556, 26 + 20 * at, 584, 26 + 20 * at, series["colour"], 2.0, **dash)
        out += text(590, 30 + 20 * at, series["name"], 12, limit=25)
    return out, max(350.0, 40 + 20.0 * len(spec["series"]))


def violin(spec: dict) -> tuple[str, float]:
    """Distributions per group, one shape per time point."""
    shapes = sum(len(group["shapes"]) for group in spec["groups"])
    wide = min(34.0, (WIDTH - 80) / max(shapes + len(spec["groups"]), 1))
    y = scale(spec["low"], spec["high"], 200, 14)
    out, left = "", 64.0
    for value in steps(spec["low"], spec["high"], 4):
        out += line(56, y(value), WIDTH - 8, y(value), GRID) + text(
            50, y(value) + 4, told(value), 10, "end", SOFT
        )
    for group in spec["groups"]:
        start = left
        for shape in group["shapes"]:
            middle = left + wide / 2
            lower, median, upper = shape["quartiles"]
            said = f"{group['label']} {shape['name']}: median {told(median)}, quartiles {told(lower)} to {told(upper)}, {shape['n']} cells"
            for value in shape.get("points", []):
                out += tag(
                    "circle",
                    title=said,
                    cx=middle,
                    cy=y(value),
                    r=2.5,
                    fill=group["colour"],
                    stroke=INK,
                    stroke_width=0.5,
                )
            if "density" in shape:
                count = len(shape["density"])
                levels = [
                    spec["low"] + (spec["high"] - spec["low"]) * (at + 0.5) / count for at in range(count)
                ]
                side = [
                    (v * wide * 0.46, y(level)) for v, level in zip(shape["density"], levels, strict=True)
                ]
                outline = [(middle - w, h) for w, h in side] + [(middle + w, h) for w, h in reversed(side)]
                path = " ".join(f"{a:.1f},{b:.1f}" for a, b in outline)
                out += tag(
                    "polygon",
                    title=said,
                    points=path,
                    fill=group["colour"],
                    fill_opacity=0.55,
                    stroke=group["colour"],
                )
                out += line(middle, y(lower), middle, y(upper), INK, 3.0)
                out += tag("circle", cx=middle, cy=y(median), r=3.0, fill="#FFFFFF", stroke=INK)
            out += text(middle, 214, shape["name"], 9, "middle", SOFT, limit=6)
            left += wide
        out += text(
            (start + left) / 2, 230, group["label"], 10, "middle", limit=max(int((left - start) / 5.6), 5)
        )
        left += wide
    return out, 238.0


DRAWN = {"multiples": multiples, "lines": lines, "violin": violin}


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
    """Draw all curves of the FIGURES (JSON of CASE_COURSE, CASE_CELLS and CASE_NICHE) of a patient."""
    specs = [spec for path in figures for spec in json.loads(path.read_text())]
    drawn = {spec["id"]: draw(spec) for spec in specs if spec["kind"] in DRAWN}
    for name, svg in drawn.items():
        Path(f"{patient}.{name}.svg").write_text(svg)


if __name__ == "__main__":
    main()
