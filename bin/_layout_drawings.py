#!/usr/bin/env python3
"""Pictures of a case as marks: the line of time, the network of senders, and the summary of the case."""

import math

from _marks import INK, SAMPLE, SOFT, line, mark, text

ARROW = "#B03A00"
KINDS = {"therapy": "#0072B2", "diagnosis": "#D55E00", "response": "#009E73", "": "#777777"}


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


def event_mark(event: dict, x: float, end: float, y: float) -> list[dict]:
    """A bar for a period, a diamond for a single day."""
    colour = KINDS.get(event["kind"].lower(), KINDS[""])
    until = "" if event["end"] is None else f" to {event['end']:.0f}"
    said = f"day {event['day']:.0f}{until}: {event['label']}"
    if event["end"] is None:
        corners = [(x, y - 5), (x + 5, y), (x, y + 5), (x - 5, y)]
        return mark("polygon", title=said, points=corners, fill=colour)
    return mark("rect", title=said, x=x, y=y - 4, wide=max(end - x, 3), high=8, fill=colour, round=2)


def timeline(spec: dict, width: int) -> tuple[list[dict], float]:
    """Periods as bars, single days as diamonds, samples as upright lines; on a phone time runs downwards."""
    return across(spec, width) if width > 500 else downwards(spec, width)


def across(spec: dict, width: int) -> tuple[list[dict], float]:
    """Time from left to right; labels stand in as many rows as they need."""
    days = [event["day"] for event in spec["events"]] + [sample["day"] for sample in spec["marks"]]
    days += [event["end"] for event in spec["events"] if event["end"] is not None]
    low, span = min(days), (max(days) - min(days)) or 1

    def x(day):
        return 40 + (day - low) / span * (width - 80)

    spans = []
    for event in spec["events"]:
        start, end = x(event["day"]), x(event["day"] if event["end"] is None else event["end"])
        wide = 16 + 6.6 * min(len(event["label"]), 46)
        start = min(start, width - wide)
        spans.append((start - 2, max(end, start + wide) + 6))
    rows = rows_without_overlap(spans)
    base = 42.0 + 30 * (max(rows, default=-1) + 1)
    out = line(30, base, width - 30, base, colour=INK, width=1.5)
    names = rows_without_overlap(
        [
            (x(m["day"]) - 4 * min(len(m["label"]), 14), x(m["day"]) + 4 * min(len(m["label"]), 14))
            for m in spec["marks"]
        ]
    )
    for sample, row in zip(spec["marks"], names, strict=True):
        place = x(sample["day"])
        out += line(place, 22, place, base + 6, colour=SAMPLE, width=2, dash=[6, 3])
        if row == 0:
            out += text(place, 16, sample["label"], size=13, anchor="middle", colour=SAMPLE, limit=14, bold=True)
            out += text(place, base + 20, f"{sample['day']:.0f}", size=11, anchor="middle", colour=SOFT)
    out += text(width / 2, base + 36, "days from the reference event", size=11, anchor="middle", colour=SOFT)
    for event, row, (left, _) in zip(spec["events"], rows, spans, strict=True):
        y, start = 42.0 + 30 * row, x(event["day"])
        out += event_mark(event, start, x(event["day"] if event["end"] is None else event["end"]), y)
        out += text(max(left + 2, 4), y + 17, event["label"], size=11, limit=46, halo=True)
    return out, base + 42


def downwards(spec: dict, width: int) -> tuple[list[dict], float]:
    """Time from above to below: one line per event or sample, in order of days."""
    listed = [(sample["day"], 1, sample) for sample in spec["marks"]]
    listed += [(event["day"], 0, event) for event in spec["events"]]
    out = line(62, 8, 62, 12 + 24.0 * len(listed), colour=SOFT)
    for at, (day, is_sample, about) in enumerate(sorted(listed, key=lambda entry: entry[:2])):
        y = 20.0 + 24 * at
        out += text(46, y + 4, f"{day:.0f}", size=11, anchor="end", colour=SOFT)
        if is_sample:
            out += line(52, y, 72, y, colour=SAMPLE, width=3)
            out += text(82, y + 4, f"sample {about['label']}", size=13, colour=SAMPLE, bold=True, limit=34)
            continue
        out += event_mark(about | {"end": None}, 62.0, 62.0, y)
        until = "" if about["end"] is None else f" (to day {about['end']:.0f})"
        out += text(82, y + 4, about["label"] + until, limit=int((width - 84) / 6.4))
    return out, 24 + 24.0 * len(listed)


def arrow(start, end, width: float, colour: str, said: str, short: float = 0.0) -> list[dict]:
    """An arrow that ends `short` before its target."""
    (x1, y1), (x2, y2) = start, end
    length = math.hypot(x2 - x1, y2 - y1) or 1.0
    ux, uy, head = (x2 - x1) / length, (y2 - y1) / length, 5 + width
    ex, ey = x2 - ux * (short + head), y2 - uy * (short + head)
    tip = (x2 - ux * short, y2 - uy * short)
    sides = [(ex - uy * head / 1.6, ey + ux * head / 1.6), (ex + uy * head / 1.6, ey - ux * head / 1.6)]
    body = line(x1, y1, ex, ey, colour=colour, width=width)
    return mark("g", title=said, marks=body + mark("polygon", points=[tip, *sides], fill=colour))


def network(spec: dict, width: int) -> tuple[list[dict], float]:
    """Senders around the focus; on a phone in a column beside it."""
    edges, out = spec["edges"], []
    beside = width < 500
    high = 30.0 + 34 * len(edges) if beside else 390.0
    middle = (width - 48.0, high / 2) if beside else (width / 2, 190.0)
    for at, edge in enumerate(edges):
        angle = -math.pi / 2 + 2 * math.pi * at / len(edges)
        x, y = (
            (176.0, 32 + 34.0 * at)
            if beside
            else (middle[0] + 189 * math.cos(angle), middle[1] + 140 * math.sin(angle))
        )
        out += arrow((x, y), middle, 1 + 9 * edge["width"], "#8A8A8A", edge["text"], 44)
        out += mark("circle", title=edge["text"], x=x, y=y, r=10 if beside else 13, fill=edge["colour"], colour=INK)
        side = "end" if beside or math.cos(angle) < -0.25 else "start" if math.cos(angle) > 0.25 else "middle"
        shift = {"start": 19, "end": -16 if beside else -19, "middle": 0}[side]
        low = y if side != "middle" else y - 32 if math.sin(angle) < 0 else y + 28
        out += text(x + shift, low, edge["name"], anchor=side, limit=22)
        said = f"{edge['before']:.3g} to {edge['after']:.3g}"
        out += text(x + shift, low + 13, said, size=10, anchor=side, colour=SOFT)
    out += mark("circle", x=middle[0], y=middle[1], r=40, fill="#FBE3D2", colour="#D55E00", width=2)
    names = spec["focus"].split(", ")
    names = names if len(names) <= 5 else [*names[:4], f"{len(names) - 4} more"]
    for at, name in enumerate(names):
        y = middle[1] + 4 + 12 * (at - (len(names) - 1) / 2)
        out += text(middle[0], y, name, size=10, anchor="middle", limit=12)
    return out, high


def halves(name: str) -> list[str]:
    """A name in at most two lines."""
    words = name.split(" ")
    if len(name) <= 11 or len(words) == 1:
        return [name]
    cut = min(range(1, len(words)), key=lambda at: abs(len(" ".join(words[:at])) - len(" ".join(words[at:]))))
    return [" ".join(words[:cut]), " ".join(words[cut:])]


def niche(
    column: dict, order: list[str], focus: str, left: float, wide: float, top: float, widest: float
) -> list[dict]:
    """One time point: cell types at their own places around the focus, arrows to it, what the arrows say below."""
    cx, cy = left + wide / 2, top + 172
    place = {}
    for at, name in enumerate(order):
        angle = -math.pi / 2 + 2 * math.pi * at / max(len(order), 1)
        place[name] = (cx + min(wide / 2 - 34, 100) * math.cos(angle), cy + 112 * math.sin(angle))
    place[focus] = (cx, cy)
    shown = {circle["name"]: circle for circle in column["circles"]}
    radius = {name: 4 + 36 * math.sqrt(circle["share"]) for name, circle in shown.items()}
    out = text(cx, top + 6, column["label"], size=13, anchor="middle", bold=True)
    out += text(cx, top + 20, f"{column['n']:,} cells", size=10, anchor="middle", colour=SOFT)
    count: dict[str, int] = {}
    for found in column["arrows"]:
        (x, y), at = place[found["from"]], count.get(found["from"], 0)
        count[found["from"]] = at + 1
        length = math.hypot(cx - x, cy - y) or 1
        turn = 7 * ((at + 1) // 2) * (-1) ** at  # arrows of one sender stand side by side
        px, py = -(cy - y) / length * turn, (cx - x) / length * turn
        said = f"{found['sender']} to {focus}: {found['label']}, supply {found['supply']:.3g}"
        width = 1 + 5 * found["supply"] / widest
        out += arrow((x + px, y + py), (cx + px, cy + py), width, ARROW, said, radius.get(focus, 4) + 2)
    for name, circle in shown.items():
        (x, y), r = place[name], radius[name]
        said = (
            f"{name}: {100 * circle['share']:.3g} % of the cells, {100 * circle['isg']:.3g} % of them interferon-high"
        )
        out += mark("circle", title=said, x=x, y=y, r=r, fill=circle["colour"], colour=INK, width=0.5)
        if circle["isg"] > 0.005:  # a dark arc: as much of the rim as are interferon-high
            turns = [2 * math.pi * circle["isg"] * step / 40 for step in range(41)]
            rim = [(x + (r + 2) * math.sin(turn), y - (r + 2) * math.cos(turn)) for turn in turns]
            out += mark("polyline", points=rim, colour=INK, width=4, title=said)
        below = y - r - 8 if name == focus else y + r + 14  # arrows reach the focus from below too
        for row, words in enumerate(halves(name)):
            out += text(x, below + 10 * row, words, size=9.5, anchor="middle", limit=16, halo=True)
    for at, found in enumerate(column["arrows"]):
        grew = "▲ " if found["rises"] else ""
        words = f"{grew}{found['label']} from {found['sender']}, {found['supply']:.2g}"
        out += text(cx, top + 336 + 14 * at, words, size=10, anchor="middle", colour=ARROW, limit=int(wide / 5.6))
    if not column["arrows"]:
        out += text(
            cx, top + 336, f"no arrow: {column['why']}", size=10, anchor="middle", colour=SOFT, limit=int(wide / 5.6)
        )
    return out


def summary(spec: dict, width: int) -> tuple[list[dict], float]:
    """The line of time above, the marrow at each time point below, up to three in a row."""
    out, top = timeline(spec, width)
    focus, columns = spec["focus"], spec["columns"]
    order = [name for name in spec["order"] if name != focus]
    beside = min(len(columns), 3 if width > 500 else 1)
    wide = min(width / max(beside, 1), 380)
    widest = max((found["supply"] for column in columns for found in column["arrows"]), default=1.0)
    top += 22
    for start in range(0, len(columns), max(beside, 1)):
        row = columns[start : start + beside]
        left = (width - wide * len(row)) / 2
        for at, column in enumerate(row):
            out += niche(column, order, focus, left + wide * at, wide, top, widest)
        top += 352 + 14 * max(max(len(column["arrows"]) for column in row), 1)
    return out, top - 10
