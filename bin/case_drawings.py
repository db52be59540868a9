#!/usr/bin/env python3
"""Draws the pictures of a case as SVG: the line of time, the network of senders, and the summary of the case."""

import json
import math
from html import escape
from importlib.metadata import version
from pathlib import Path

import click

PACKAGES = ("click",)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
WIDTH = 760
INK, SOFT = "#222222", "#555555"
KINDS = {"therapy": "#0072B2", "diagnosis": "#D55E00", "response": "#009E73", "": "#777777"}


def tag(name: str, content: str = "", title: str = "", **attributes) -> str:
    """An SVG element; attribute names with _ for -; `title` is told by screen readers and on hovering."""
    shown = (
        (key.rstrip("_").replace("_", "-"), round(v, 2) if isinstance(v, float) else v)
        for key, v in attributes.items()
    )
    listed = "".join(f' {key}="{escape(str(value))}"' for key, value in shown)
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
    return tag(
        "text",
        escape(cut),
        words if cut != words else "",
        x=float(x),
        y=float(y),
        font_size=size,
        text_anchor=anchor,
        fill=colour,
        **more,
    )


def rows_without_overlap(spans: list[tuple[float, float]]) -> list[int]:
    """The first row in which each span (start, end) has room."""
    ends, found = [], []
    for start, end in spans:
        row = next((at for at, taken in enumerate(ends) if taken <= start), len(ends))
        if row == len(ends):
            ends.append(0.0)
        ends[row] = end
        found.append(row)
    return found


def axis(days: list[float], left: float, right: float):
    """A function from days to places; a span of one day has a width too."""
    low, high = min(days), max(days)
    return lambda day: left + (day - low) / ((high - low) or 1) * (right - left)


def timeline(spec: dict) -> tuple[str, float]:
    """Periods as bars, single days as diamonds, samples as lines with their names."""
    days = [event["day"] for event in spec["events"]] + [
        event["end"] for event in spec["events"] if event["end"] is not None
    ]
    days += [mark["day"] for mark in spec["marks"]]
    x = axis(days, 40, WIDTH - 40)
    spans = []
    for event in spec["events"]:
        start, end = x(event["day"]), x(event["end"] if event["end"] is not None else event["day"])
        wide = 16 + 6.4 * min(len(event["label"]), 46)
        start = min(start, WIDTH - wide)
        spans.append((start - 2, max(end, start + wide) + 6))
    rows = rows_without_overlap(spans)
    base = 40 + 30 * (max(rows, default=0) + 1)
    out = tag("line", x1=30, y1=base, x2=WIDTH - 30, y2=base, stroke=INK, stroke_width=1.5)
    for mark in spec["marks"]:
        out += tag(
            "line",
            x1=x(mark["day"]),
            y1=22,
            x2=x(mark["day"]),
            y2=base + 8,
            stroke="#7A1F5C",
            stroke_width=2,
            stroke_dasharray="6 3",
        )
        out += text(x(mark["day"]), 16, mark["label"], 13, "middle", "#7A1F5C", limit=14, font_weight="bold")
        out += text(x(mark["day"]), base + 22, f"{mark['day']:.0f}", 11, "middle", SOFT)
    out += text(WIDTH / 2, base + 40, "days from the reference event", 11, "middle", SOFT)
    for event, row, (left, _) in zip(spec["events"], rows, spans, strict=True):
        y, start = 40 + 30 * row, x(event["day"])
        colour = KINDS.get(event["kind"].lower(), KINDS[""])
        said = f"day {event['day']:.0f}{'' if event['end'] is None else ' to ' + format(event['end'], '.0f')}: {event['label']}"
        if event["end"] is None:
            shape = f"{start:.1f},{y - 5} {start + 5:.1f},{y} {start:.1f},{y + 5} {start - 5:.1f},{y}"
            out += tag("polygon", title=said, points=shape, fill=colour)
        else:
            out += tag(
                "rect",
                title=said,
                x=start,
                y=y - 4,
                width=max(x(event["end"]) - start, 3.0),
                height=8,
                fill=colour,
                rx=2,
            )
        out += text(
            max(left + 2, 4),
            y + 17,
            event["label"],
            11,
            limit=46,
            paint_order="stroke",
            stroke="#FFFFFF",
            stroke_width=3,
        )
    return out, base + 48.0


def arrow(x1, y1, x2, y2, width: float, colour: str, said: str, short: float = 0.0) -> str:
    """An arrow that ends `short` before its target."""
    length = math.hypot(x2 - x1, y2 - y1) or 1.0
    ux, uy = (x2 - x1) / length, (y2 - y1) / length
    head = 5 + width
    ex, ey = x2 - ux * (short + head), y2 - uy * (short + head)
    tip = (x2 - ux * short, y2 - uy * short)
    sides = [(ex - uy * head / 1.6, ey + ux * head / 1.6), (ex + uy * head / 1.6, ey - ux * head / 1.6)]
    shape = " ".join(f"{a:.1f},{b:.1f}" for a, b in [tip, *sides])
    body = tag("line", x1=float(x1), y1=float(y1), x2=ex, y2=ey, stroke=colour, stroke_width=width)
    return tag("g", body + tag("polygon", points=shape, fill=colour), said)


def network(spec: dict) -> tuple[str, float]:
    """Senders on a circle around the focus."""
    middle, radius = (WIDTH / 2, 190.0), 140.0
    out = ""
    for at, edge in enumerate(spec["edges"]):
        angle = -math.pi / 2 + 2 * math.pi * at / len(spec["edges"])
        x, y = middle[0] + 1.35 * radius * math.cos(angle), middle[1] + radius * math.sin(angle)
        out += arrow(x, y, *middle, 1 + 9 * edge["width"], "#8A8A8A", edge["text"], 44)
        out += tag("circle", title=edge["text"], cx=x, cy=y, r=13, fill=edge["colour"], stroke=INK)
        side = "start" if math.cos(angle) > 0.25 else "end" if math.cos(angle) < -0.25 else "middle"
        shift = 19 if side == "start" else -19 if side == "end" else 0
        low = y + 4 if side != "middle" else y - 32 if math.sin(angle) < 0 else y + 28
        out += text(x + shift, low, edge["name"], 12, side, limit=26)
        out += text(x + shift, low + 13, f"{edge['before']:.3g} to {edge['after']:.3g}", 10, side, SOFT)
    out += tag("circle", cx=middle[0], cy=middle[1], r=40, fill="#FBE3D2", stroke="#D55E00", stroke_width=2)
    for at, name in enumerate(spec["focus"].split(", ")[:4]):
        out += text(
            middle[0],
            middle[1] + 4 + 12 * (at - (min(len(spec["focus"].split(", ")), 4) - 1) / 2),
            name,
            10,
            "middle",
            limit=13,
        )
    return out, 390.0


def niche(column: dict, focus: str, left: float, wide: float, top: float, widest: float) -> str:
    """One time point of the summary: circles of cell types around the focus, arrows to it."""
    cx, cy, out = left + wide / 2, top + 165, ""
    ring = min(wide / 2 - 38, 100)
    places = {}
    others = [circle for circle in column["circles"] if circle["name"] != focus]
    for at, circle in enumerate(others):
        angle = -math.pi / 2 + 2 * math.pi * at / max(len(others), 1)
        places[circle["name"]] = (cx + ring * math.cos(angle), cy + ring * math.sin(angle), circle)
    inner = next((circle for circle in column["circles"] if circle["name"] == focus), None)
    size = {name: 5 + 34 * math.sqrt(circle["share"]) * wide / 240 for name, (_, _, circle) in places.items()}
    core = 5 + 34 * math.sqrt(inner["share"]) * wide / 240 if inner else 4.0
    for at, found in enumerate(column["arrows"]):
        if found["from"] in places:
            x, y, _ = places[found["from"]]
            turn = 5 * (at - len(column["arrows"]) / 2)
            said = f"{found['from']} to {focus}: {found['label']}, supply {found['supply']:.3g}"
            out += arrow(
                x + turn, y, cx + turn, cy, 1 + 5 * found["supply"] / widest, "#B03A00", said, core + 2
            )
    for x, y, circle in [*places.values(), *([(cx, cy, inner)] if inner else [])]:
        name, r = circle["name"], core if circle["name"] == focus else size[circle["name"]]
        said = f"{name}: {100 * circle['share']:.3g} % of the cells, {100 * circle['isg']:.3g} % of them interferon-high"
        out += tag(
            "circle",
            title=said,
            cx=float(x),
            cy=float(y),
            r=r,
            fill=circle["colour"],
            stroke=INK,
            stroke_width=0.5 + 5 * circle["isg"],
        )
        out += text(
            x,
            y + r + 11,
            name,
            9,
            "middle",
            limit=int(wide / 11),
            paint_order="stroke",
            stroke="#FFFFFF",
            stroke_width=3,
        )
    out += text(cx, top + 6, column["label"], 13, "middle", font_weight="bold") + text(
        cx, top + 20, f"{column['n']:,} cells", 10, "middle", SOFT
    )
    pairs = list(dict.fromkeys(f"{found['label']} from {found['from']}" for found in column["arrows"]))
    for at, words in enumerate(pairs):
        out += text(cx, top + 318 + 13 * at, words, 10, "middle", "#B03A00", limit=int(wide / 5.4))
    return out


def summary(spec: dict) -> tuple[str, float]:
    """The line of time above, the marrow at each time point below."""
    out, top = "", 20.0
    if spec["events"]:
        x = axis([event["day"] for event in spec["events"]], 30, WIDTH - 150)
        spans = [
            (x(event["day"]), x(event["day"]) + 12 + 5.6 * min(len(event["label"]), 34))
            for event in spec["events"]
        ]
        rows = rows_without_overlap(spans)
        for event, row, (left, _) in zip(spec["events"], rows, spans, strict=True):
            out += tag(
                "circle", cx=left, cy=16.0 + 17 * row, r=3.5, fill=INK, title=f"day {event['day']:.0f}"
            )
            out += text(left + 7, 20 + 17 * row, event["label"], 10, limit=34)
        top = 46.0 + 17 * (max(rows) + 1)
        out += tag("line", x1=20, y1=top - 22, x2=WIDTH - 20, y2=top - 22, stroke=INK)
    wide = WIDTH / max(len(spec["columns"]), 1)
    widest = max((found["supply"] for column in spec["columns"] for found in column["arrows"]), default=1.0)
    for at, column in enumerate(spec["columns"]):
        out += niche(column, spec["focus"], at * wide, wide, top, widest)
    most = max((len(column["arrows"]) for column in spec["columns"]), default=0)
    return out, top + 322 + 13 * most


DRAWN = {"timeline": timeline, "network": network, "summary": summary}


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
    """Draw all pictures of the FIGURES (JSON of CASE_COURSE and CASE_NICHE) of a patient."""
    specs = [spec for path in figures for spec in json.loads(path.read_text())]
    drawn = {spec["id"]: draw(spec) for spec in specs if spec["kind"] in DRAWN}
    for name, svg in drawn.items():
        Path(f"{patient}.{name}.svg").write_text(svg)


if __name__ == "__main__":
    main()
