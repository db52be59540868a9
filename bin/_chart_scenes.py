#!/usr/bin/env python3
"""Pictures of a case as charts: the line of time, the network of senders, and the summary of the case.

Their places are computed in pixels, and each kind of mark is a table of a chart: circles, lines, heads of arrows, arcs, texts.
"""

import math

from _chart_style import INK, LETTER, SAMPLE, SOFT, data, letters, narrow, plain, said, shortened, together

ARROW = "#B03A00"
KINDS = {"therapy": "#0072B2", "diagnosis": "#D55E00", "response": "#009E73", "": "#777777"}


class Scene:
    """Marks in pixels, y downwards; each with what it says to a pointer."""

    def __init__(self):
        self.lines, self.points, self.arcs, self.texts = [], [], [], []

    def line(
        self,
        x: float,
        y: float,
        x2: float,
        y2: float,
        colour: str = INK,
        width: float = 1,
        dashed: bool = False,
        said: str = "",
    ) -> None:
        """A straight line."""
        self.lines.append(
            {"x": x, "y": y, "x2": x2, "y2": y2, "colour": colour, "width": width, "dashed": dashed, "said": said}
        )

    def point(
        self,
        x: float,
        y: float,
        radius: float,
        fill: str,
        shape: str = "circle",
        angle: float = 0,
        said: str = "",
        stroke: str = "",
    ) -> None:
        """A circle, diamond or triangle of a radius, turned by an angle (degrees)."""
        self.points.append(
            {
                "x": x,
                "y": y,
                "size": (2 * radius) ** 2,
                "fill": fill,
                "stroke": stroke or fill,
                "shape": shape,
                "angle": angle,
                "said": said,
            }
        )

    def text(
        self,
        x: float,
        y: float,
        words: str,
        size: float = 11,
        align: str = "left",
        colour: str = INK,
        bold: bool = False,
    ) -> None:
        """A text whose middle line is y."""
        self.texts.append(
            {"x": x, "y": y, "words": words, "size": size, "align": align, "colour": colour, "bold": bold}
        )

    def arc(self, x: float, y: float, radius: float, share: float, said: str) -> None:
        """A dark rim over a share of a circle."""
        self.arcs.append(
            {"x": x, "y": y, "radius": radius + 4, "inner": radius, "end": 2 * math.pi * share, "said": said}
        )

    def arrow(
        self, start: tuple[float, float], end: tuple[float, float], width: float, colour: str, said: str, gap: float
    ) -> None:
        """A line from start towards end that stops before it with a head."""
        length = math.hypot(end[0] - start[0], end[1] - start[1]) or 1
        dx, dy = (end[0] - start[0]) / length, (end[1] - start[1]) / length
        head = 4 + width
        tip = end[0] - dx * (gap + head), end[1] - dy * (gap + head)
        self.line(*start, *tip, colour, width, said=said)
        self.point(*tip, head * 0.9, colour, "triangle", math.degrees(math.atan2(dx, -dy)), said)

    def chart(self, width: float, height: float):
        """The scene as a chart."""
        import altair as alt

        x = {"scale": alt.Scale(domain=[0, width], range=[0, width]), "axis": None}
        y = {"scale": alt.Scale(domain=[0, height], range=[0, height]), "axis": None}
        at = {"x": alt.X("x:Q", **x), "y": alt.Y("y:Q", **y)}
        layers = []
        for dashed, speaks in sorted({(row["dashed"], bool(row["said"])) for row in self.lines}):
            rows = [row for row in self.lines if (row["dashed"], bool(row["said"])) == (dashed, speaks)]
            rule = alt.Chart(data(rows)).mark_rule(
                strokeCap="butt", strokeDash=[6, 3] if dashed else [1, 0], aria=speaks
            )
            look = {"color": plain("colour:N", "Color"), "strokeWidth": alt.StrokeWidth("width:Q", scale=None)}
            layers.append(rule.encode(**at, x2=alt.X2("x2:Q"), y2=alt.Y2("y2:Q"), **look, **(said() if speaks else {})))
        if self.points:
            shapes = {
                "fill": plain("fill:N", "Fill"),
                "stroke": plain("stroke:N", "Stroke"),
                "shape": plain("shape:N", "Shape"),
                "size": plain("size:Q", "Size"),
            }
            mark = alt.Chart(data(self.points)).mark_point(opacity=1, strokeWidth=0.8)
            layers.append(mark.encode(**at, **shapes, angle=plain("angle:Q", "Angle"), **said()))
        if self.arcs:
            mark = alt.Chart(data(self.arcs)).mark_arc(color=INK, theta=0)
            radius = {"radius": alt.Radius("radius:Q", scale=None), "radius2": alt.Radius2("inner:Q")}
            layers.append(
                mark.encode(
                    **at, theta=alt.Theta("start:Q", scale=None), theta2=alt.Theta2("end:Q"), **radius, **said()
                ).transform_calculate(start="0")
            )
        for align, bold in sorted({(row["align"], row["bold"]) for row in self.texts}):
            rows = [row for row in self.texts if (row["align"], row["bold"]) == (align, bold)]
            mark = alt.Chart(data(rows)).mark_text(
                align=align, baseline="middle", fontWeight="bold" if bold else "normal"
            )
            place = {**at, "text": alt.Text("words:N"), "size": plain("size:Q", "Size")}
            layers.append(
                mark.encode(
                    **place,
                    stroke=alt.StrokeValue("#FFFFFF"),
                    strokeWidth=alt.StrokeWidthValue(3),
                    strokeOpacity=alt.StrokeOpacityValue(0.85),
                )
            )
            layers.append(mark.encode(**place, color=plain("colour:N", "Color")))
        resolve = {"scale": {"size": "independent", "color": "independent"}}
        return together("layer", layers, width=width, height=height, resolve=resolve)


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


def draw_event(scene: Scene, event: dict, x: float, end: float, y: float) -> None:
    """A bar for a period, a diamond for a single day."""
    colour = KINDS.get(event["kind"].lower(), KINDS[""])
    until = "" if event["end"] is None else f" to {event['end']:.0f}"
    words = f"day {event['day']:.0f}{until}: {event['label']}"
    if event["end"] is None:
        scene.point(x, y, 4.5, colour, "diamond", said=words)
    else:
        scene.line(x, y, max(end, x + 3), y, colour, 8, said=words)


def draw_timeline(scene: Scene, figure: dict, width: int) -> float:
    """The line of time from the top of a scene; returns its height. On a phone time runs downwards."""
    return downwards(scene, figure) if narrow(width) else across(scene, figure, width)


def across(scene: Scene, figure: dict, width: int) -> float:
    """Time from left to right; labels stand in as many rows as they need."""
    days = [event["day"] for event in figure["events"]] + [sample["day"] for sample in figure["marks"]]
    days += [event["end"] for event in figure["events"] if event["end"] is not None]
    low, span = min(days), (max(days) - min(days)) or 1

    def x(day):
        return 40 + (day - low) / span * (width - 80)

    spans = []
    for event in figure["events"]:
        start, end = x(event["day"]), x(event["day"] if event["end"] is None else event["end"])
        wide = 16 + LETTER * 11 * min(len(event["label"]), 46)
        start = min(start, width - wide)
        spans.append((start - 2, max(end, start + wide) + 6))
    rows = rows_without_overlap(spans)
    base = 42.0 + 30 * (max(rows, default=-1) + 1)
    scene.line(30, base, width - 30, base, INK, 1.5)
    half = [4 * min(len(mark["label"]), 14) for mark in figure["marks"]]
    names = rows_without_overlap(
        [(x(mark["day"]) - part, x(mark["day"]) + part) for mark, part in zip(figure["marks"], half, strict=True)]
    )
    for sample, row in zip(figure["marks"], names, strict=True):
        place = x(sample["day"])
        scene.line(place, 22, place, base + 6, SAMPLE, 2, True, f"sample {sample['label']}, day {sample['day']:.0f}")
        if row == 0:
            scene.text(place, 12, shortened(sample["label"], 14), 13, "center", SAMPLE, True)
            scene.text(place, base + 16, f"{sample['day']:.0f}", 11, "center", SOFT)
    scene.text(width / 2, base + 32, "days from the reference event", 11, "center", SOFT)
    for event, row, (left, _) in zip(figure["events"], rows, spans, strict=True):
        y = 42.0 + 30 * row
        draw_event(scene, event, x(event["day"]), x(event["day"] if event["end"] is None else event["end"]), y)
        scene.text(max(left + 2, 4), y + 13, shortened(event["label"], 46))
    return base + 42


def downwards(scene: Scene, figure: dict) -> float:
    """Time from above to below: one line per event or sample, in order of days."""
    listed = [(sample["day"], 1, sample) for sample in figure["marks"]]
    listed += [(event["day"], 0, event) for event in figure["events"]]
    scene.line(62, 8, 62, 12 + 24.0 * len(listed), SOFT)
    for at, (day, is_sample, about) in enumerate(sorted(listed, key=lambda entry: entry[:2])):
        y = 20.0 + 24 * at
        scene.text(46, y, f"{day:.0f}", 11, "right", SOFT)
        if is_sample:
            scene.line(52, y, 72, y, SAMPLE, 3)
            scene.text(82, y, shortened(f"sample {about['label']}", 34), 13, "left", SAMPLE, True)
            continue
        draw_event(scene, about | {"end": None}, 62.0, 62.0, y)
        until = "" if about["end"] is None else f" (to {about['end']:.0f})"
        scene.text(82, y, shortened(about["label"] + until, 38))
    return 24.0 + 24 * len(listed)


def timeline(figure: dict, width: int):
    """Periods as bars, single days as diamonds, samples as upright lines."""
    scene = Scene()
    return scene.chart(width, draw_timeline(scene, figure, width))


def network(figure: dict, width: int):
    """Senders around the focus; on a phone in a column beside it."""
    edges, scene, beside = figure["edges"], Scene(), narrow(width)
    high = 30.0 + 34 * len(edges) if beside else 390.0
    middle = (width - 48.0, high / 2) if beside else (width / 2, 190.0)
    for at, edge in enumerate(edges):
        angle = -math.pi / 2 + 2 * math.pi * at / len(edges)
        around = (middle[0] + 189 * math.cos(angle), middle[1] + 140 * math.sin(angle))
        x, y = (170.0, 32 + 34.0 * at) if beside else around
        scene.arrow((x, y), middle, 1 + 9 * edge["width"], "#8A8A8A", edge["text"], 40)
        scene.point(x, y, 10 if beside else 13, edge["colour"], said=edge["text"], stroke=INK)
        side = "right" if beside or math.cos(angle) < -0.25 else "left" if math.cos(angle) > 0.25 else "center"
        shift = {"left": 19, "right": -16 if beside else -19, "center": 0}[side]
        low = y - 4 if side != "center" else y - 34 if math.sin(angle) < 0 else y + 22
        scene.text(x + shift, low, shortened(edge["name"], 22), 12, side)
        scene.text(x + shift, low + 13, f"{edge['before']:.3g} to {edge['after']:.3g}", 10, side, SOFT)
    scene.point(*middle, 40, "#FBE3D2", stroke="#D55E00", said=f"focus: {figure['focus']}")
    names = figure["focus"].split(", ")
    names = names if len(names) <= 5 else [*names[:4], f"{len(names) - 4} more"]
    for at, name in enumerate(names):
        scene.text(middle[0], middle[1] + 12 * (at - (len(names) - 1) / 2), shortened(name, 12), 10, "center")
    return scene.chart(width, high)


def halves(name: str) -> list[str]:
    """A name in at most two lines."""
    words = name.split(" ")
    if len(name) <= 11 or len(words) == 1:
        return [name]
    cut = min(range(1, len(words)), key=lambda at: abs(len(" ".join(words[:at])) - len(" ".join(words[at:]))))
    return [" ".join(words[:cut]), " ".join(words[cut:])]


def draw_niche(
    scene: Scene, column: dict, order: list[str], focus: str, left: float, wide: float, top: float, widest: float
) -> None:
    """One time point: cell types at their own places around the focus, arrows to it, what the arrows say below."""
    cx, cy = left + wide / 2, top + 172
    place = {}
    for at, name in enumerate(order):
        angle = -math.pi / 2 + 2 * math.pi * at / max(len(order), 1)
        place[name] = (cx + min(wide / 2 - 34, 100) * math.cos(angle), cy + 112 * math.sin(angle))
    place[focus] = (cx, cy)
    shown = {circle["name"]: circle for circle in column["circles"]}
    radius = {name: 40 * math.sqrt(circle["share"]) for name, circle in shown.items()}
    scene.text(cx, top + 2, column["label"], 13, "center", bold=True)
    scene.text(cx, top + 16, f"{column['n']:,} cells", 10, "center", SOFT)
    count: dict[str, int] = {}
    for sent in column["arrows"]:
        (x, y), at = place[sent["from"]], count.get(sent["from"], 0)
        count[sent["from"]] = at + 1
        length = math.hypot(cx - x, cy - y) or 1
        turn = 7 * ((at + 1) // 2) * (-1) ** at  # arrows of one sender stand side by side
        px, py = -(cy - y) / length * turn, (cx - x) / length * turn
        words = f"{sent['sender']} to {focus}: {sent['label']}, supply {sent['supply']:.3g}"
        scene.arrow(
            (x + px, y + py),
            (cx + px, cy + py),
            1 + 5 * sent["supply"] / widest,
            ARROW,
            words,
            radius.get(focus, 4) + 2,
        )
    for name, circle in shown.items():
        (x, y), r = place[name], radius[name]
        words = (
            f"{name}: {100 * circle['share']:.3g} % of the cells, {100 * circle['isg']:.3g} % of them interferon-high"
        )
        scene.point(x, y, r, circle["colour"], said=words, stroke=INK)
        if circle["isg"] > 0.005:
            scene.arc(x, y, r, circle["isg"], words)
        below = y - r - 12 if name == focus else y + r + 10  # arrows reach the focus from below too
        for row, part in enumerate(halves(name)):
            scene.text(x, below + 10 * row, shortened(part, 16), 9.5, "center")
    for at, sent in enumerate(column["arrows"]):
        supply = f", {sent['supply']:.2g}"
        words = f"{'▲ ' if sent['rises'] else ''}{sent['label']} from {sent['sender']}"
        words = shortened(words, letters(wide, 9.5) - len(supply)) + supply  # the number is never cut
        scene.text(cx, top + 332 + 14 * at, words, 9.5, "center", ARROW)
    if not column["arrows"]:
        scene.text(cx, top + 332, shortened(f"no arrow: {column['why']}", letters(wide, 10)), 10, "center", SOFT)


def summary(figure: dict, width: int):
    """The line of time above, the marrow at each time point below, up to three in a row."""
    scene = Scene()
    top = draw_timeline(scene, figure, width) + 22
    focus, columns = figure["focus"], figure["columns"]
    order = [name for name in figure["order"] if name != focus]
    beside = min(len(columns), 1 if narrow(width) else 3)
    wide = min(width / max(beside, 1), 380)
    widest = max((sent["supply"] for column in columns for sent in column["arrows"]), default=1.0)
    for start in range(0, len(columns), max(beside, 1)):
        row = columns[start : start + beside]
        left = (width - wide * len(row)) / 2
        for at, column in enumerate(row):
            draw_niche(scene, column, order, focus, left + wide * at, wide, top, widest)
        top += 352 + 14 * max(max(len(column["arrows"]) for column in row), 1)
    return scene.chart(width, top - 10)
