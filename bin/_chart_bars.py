#!/usr/bin/env python3
"""Distributions and bars of a case as charts."""

from _chart_style import (
    ALARM,
    GRID,
    INK,
    SOFT,
    as_text,
    data,
    letters,
    named,
    narrow,
    plain,
    said,
    shortened,
    together,
    with_bounds,
    wrapped,
)

SHAPE = 30  # pixels of a distribution
HALF = 0.46  # widest half of a shape, of its place
WHOLE = [0, 0.25, 0.5, 0.75, 1]  # marked on an axis of shares


def shape_words(group: dict, shape: dict) -> str:
    """What a distribution says to a pointer."""
    lower, median, upper = map(as_text, shape["quartiles"])
    return f"{group['label']} {shape['name']}: median {median}, quartiles {lower} to {upper}, {shape['n']} cells"


def distributions(group: dict, low: float, high: float, threshold: float | None, first: bool):
    """Shapes of one group side by side, one per time point; first: of its row, with the axis."""
    import altair as alt

    outline, middle, dots = [], [], []
    for at, shape in enumerate(group["shapes"]):
        words = shape_words(group, shape)
        dots += [{"x": at, "value": value, "said": words} for value in shape.get("points", [])]
        if "density" in shape:
            size, density = (high - low) / len(shape["density"]), shape["density"]
            filled = [step for step, value in enumerate(density) if value > 0]
            outline += [
                {"shape": at, "value": low + size * (step + 0.5), "x": at - HALF * density[step], "x2": at + HALF * density[step], "said": words}
                for step in range(filled[0], filled[-1] + 1)
            ]  # fmt: skip
            lower, median, upper = shape["quartiles"]
            middle.append({"x": at, "lower": lower, "value": median, "upper": upper, "said": words})
    places, names = list(range(len(group["shapes"]))), [shape["name"] for shape in group["shapes"]]
    over = alt.Axis(values=places, labelExpr=named(places, names), title=None, grid=False, domain=False, ticks=False, labelFontSize=10,
                    labelLimit=SHAPE + 6, labelOverlap=False)  # fmt: skip
    x = alt.X("x:Q", scale=alt.Scale(domain=[-0.6, max(len(places), 2) - 0.4], nice=False), axis=over)
    axis = alt.Axis(title=None, tickCount=4, domain=False, ticks=False, labels=first, gridColor=GRID)
    up = {"scale": alt.Scale(domain=[low, high], nice=False, zero=False), "axis": axis}
    y, layers = alt.Y("value:Q", **up), []
    if threshold is not None:
        rule = alt.Chart(data([{"value": threshold, "said": "interferon-high above"}])).mark_rule(
            color=ALARM, strokeDash=[5, 3]
        )
        layers.append(rule.encode(y=y, **said()))
    if outline:
        area = alt.Chart(data(outline)).mark_area(orient="horizontal", color=group["colour"], opacity=0.55, line=False)
        layers.append(area.encode(x=x, x2=alt.X2("x2:Q"), y=y, detail=alt.Detail("shape:N"), **said()))
        quartiles = alt.Chart(data(middle))
        layers.append(
            quartiles.mark_rule(color=INK, strokeWidth=3).encode(
                x=x, y=alt.Y("lower:Q", **up), y2=alt.Y2("upper:Q"), **said()
            )
        )
        layers.append(
            quartiles.mark_point(filled=True, fill="#FFFFFF", stroke=INK, opacity=1, size=30).encode(x=x, y=y, **said())
        )
    if dots:
        points = alt.Chart(data(dots)).mark_point(
            filled=True, fill=group["colour"], stroke=INK, strokeWidth=0.5, opacity=1, size=20
        )
        layers.append(points.encode(x=x, y=y, **said()))
    wide = SHAPE * (max(len(places), 2) + 0.2)
    look = {"fontSize": 10.5, "fontWeight": "normal", "anchor": "middle", "orient": "bottom"}
    title = {"text": wrapped(group["label"], letters(wide, 10.5)), **look}
    return together("layer", layers, width=wide, height=180, title=title)


def violins(figure: dict, width: int):
    """Distributions per group, one shape per time point, in as many rows as they need."""
    rows, left = [[]], 40.0
    for group in figure["groups"]:
        wide = SHAPE * (max(len(group["shapes"]), 2) + 0.2) + 12
        if rows[-1] and left + wide > width:
            rows.append([])
            left = 40.0
        chart = distributions(group, figure["low"], figure["high"], figure.get("threshold"), not rows[-1])
        rows[-1].append(chart)
        left += wide
    return together("vconcat", [together("hconcat", row, spacing=6) for row in rows], spacing=14)


def bar_rows(figure: dict) -> list[dict]:
    """A row per bar, and one without a value where a label has none."""
    percent, rows = not figure.get("signed", False), []
    for at, row in enumerate(figure["rows"]):
        for bar in row["bars"]:
            low, high = bar.get("low"), bar.get("high")
            known = low is not None and high is not None
            rows.append({
                "row": at, "bar": bar["name"], "zero": 0, "value": bar["value"], "low": low if known else None, "high": high if known else None,
                "end": max(bar["value"], high if known else 0), "colour": bar["colour"],
                "words": f"{bar['name']} {as_text(bar['value'], True)}" if percent else "",
                "said": f"{row['label']}, {bar['name']}: {with_bounds(bar['value'], low, high, percent)}",
            })  # fmt: skip
        if not row["bars"]:
            rows.append({"row": at, "bar": "", "value": None, "low": None, "end": None, "said": row["label"]})
    return rows


def bars(figure: dict, width: int):
    """Horizontal bars with intervals; `signed` ones start at a zero line; on a phone names stand above their bars."""
    import altair as alt

    signed, rows = figure.get("signed", False), bar_rows(figure)
    small, places = narrow(width), list(range(len(figure["rows"])))
    most = max(len(row["bars"]) for row in figure["rows"])
    step = (15 * max(most, 1) + (26 if small else 10)) if not small or most else 30
    labels, notes = [row["label"] for row in figure["rows"]], [row["note"] for row in figure["rows"]]
    known = [row[name] for row in rows for name in ("value", "low", "high") if row.get(name) is not None]
    domain = [min(0, *known), max(0, *known)] if signed else [0, 1]
    wide = width - 200 if small and signed else width - 120 if small else 180 if signed else 270
    beside = 380 if signed else 290  # of the names
    axis = alt.Axis(
        title=None,
        orient="top",
        domain=False,
        ticks=False,
        gridColor=GRID,
        format=",.3~g" if signed else ".0%",
        tickCount=2 if small else 4,
    )
    x = {"scale": alt.Scale(domain=domain, nice=False), "axis": axis}
    side = alt.Axis(
        title=None,
        domain=False,
        ticks=False,
        labels=not small,
        labelExpr=named(places, [wrapped(label, letters(beside)) for label in labels]),
        labelLimit=beside,
        labelColor=INK,
        grid=False,
    )
    y = alt.Y(
        "row:O", axis=side, scale=alt.Scale(paddingInner=0.45 if small else 0.2, paddingOuter=0.4 if small else 0.1)
    )
    across = {"y": y} | ({"yOffset": alt.YOffset("bar:N", sort=None)} if most > 1 else {})
    chart = alt.Chart(data(rows))
    bar = chart.mark_bar().encode(
        x=alt.X("zero:Q", **x), x2=alt.X2("value:Q"), color=plain("colour:N", "Color"), **across, **said()
    )
    whiskers = chart.transform_filter("datum.low != null").mark_rule(color=INK, strokeWidth=1.5)
    layers = [bar, whiskers.encode(x=alt.X("low:Q", **x), x2=alt.X2("high:Q"), **across)]
    if signed:
        layers.insert(0, alt.Chart(data([{"zero": 0}])).mark_rule(color=INK).encode(x=alt.X("zero:Q", **x)))
    else:
        words = chart.transform_filter("datum.end != null").mark_text(align="left", dx=5, color=SOFT, fontSize=10)
        layers.append(words.encode(x=alt.X("end:Q", **x), text=alt.Text("words:N"), **across))
    limit = letters(width, 11)
    about = [
        {"row": at, "label": shortened(label, limit), "note": note}
        for at, (label, note) in enumerate(zip(labels, notes, strict=True))
    ]
    texts = alt.Chart(data(about))
    above = {"dy": -step / 2 + 6} if small else {}
    look = {"align": "left", "limit": 190, "fontSize": 10, "color": SOFT}
    if small and not signed:  # at the right of the name
        look |= {"align": "right", **above}
    layers.append(
        texts.mark_text(**look).encode(
            x=alt.XValue(wide + (6 if signed else width - wide - 20 if small else 90)), y=y, text=alt.Text("note:N")
        )
    )
    if small:
        look = {"align": "left", "fontSize": 10.5, "limit": width, **above}
        for halo in ({"stroke": "#FFFFFF", "strokeWidth": 4}, {"color": INK}):
            layers.append(texts.mark_text(**look, **halo).encode(x=alt.XValue(0), y=y, text=alt.Text("label:N")))
    return together("layer", layers, width=wide, height=step * len(places))
