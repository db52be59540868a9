#!/usr/bin/env python3
"""Grids of dots or squares, and clones as bands, as charts."""

from _chart_keys import beside_key
from _chart_style import INK, RAMP, SOFT, data, named, narrow, plain, said, together

LEAST = 0.15  # colour of a dot with the value 0: it has to be seen


def grid_rows(figure: dict, turned: bool) -> list[dict]:
    """A row per cell of the grid; turned: columns stand where rows stood."""
    rows, columns = figure["rows"], figure["columns"]
    found = [
        {"row": rows[row], "column": columns[column], "share": share, "value": value, "said": words}
        for row, column, share, value, words in figure["cells"]
    ]
    return [entry | {"row": entry["column"], "column": entry["row"]} for entry in found] if turned else found


def grid(figure: dict, width: int):
    """Dots (size and colour) or squares (colour) in rows and columns; on a phone the longer side stands upright."""
    import altair as alt

    rows, columns, dots = figure["rows"], figure["columns"], figure["shape"] == "dot"
    turned = narrow(width) and len(columns) > max(len(rows), 8)
    if turned:
        rows, columns = columns, rows
    longest = 190 if narrow(width) else 290
    left = min(20 + 6.6 * max(map(len, rows)), longest)
    size = min(40.0 if dots else 44.0, (width - left - 60) / max(len(columns), 1))
    low, high_word = figure.get("scale", ("low", "high"))
    x = alt.X("column:N", sort=columns, scale=alt.Scale(domain=columns),
              axis=alt.Axis(orient="top", labelAngle=-55, title=None, domain=False, ticks=False, labelColor=INK, labelLimit=150, labelOverlap=False))  # fmt: skip
    side = alt.Axis(
        title=None,
        domain=False,
        ticks=False,
        grid=dots,
        gridColor="#EEEEEE",
        labelColor=INK,
        labelLimit=longest,
        labelOverlap=False,
    )
    y = alt.Y("row:N", sort=rows, scale=alt.Scale(domain=rows), axis=side)
    wide, high = size * len(columns), (20 if dots else 22) * len(rows)
    place = {"title": None, "orient": "none", "direction": "horizontal", "legendY": high + 12}
    start = min(10.0, wide - 300)  # of the keys: they may begin below the names of the rows
    legend = alt.Legend(
        **place,
        legendX=start,
        type="gradient",
        values=[0, 1],
        labelExpr=named([0, 1], [low, high_word]),
        gradientLength=110,
    )
    colour = alt.Color(
        "value:Q", scale=alt.Scale(domain=[0, 1 / 3, 2 / 3, 1], range=list(RAMP), interpolate="rgb"), legend=legend
    )
    chart = alt.Chart(data(grid_rows(figure, turned)))
    if not dots:
        layer = chart.mark_rect(stroke="#FFFFFF").encode(x=x, y=y, color=colour, **said())
        return layer.properties(width=wide, height=high)
    largest = min(16.0, size) ** 2  # of a square around the circle
    steps = figure.get("sizes") or [[1.0, "all cells"], [0.5, "half"]]
    values = [share for share, _ in steps]
    words = named(values, [words for _, words in steps])
    sizes = alt.Legend(
        **place, legendX=start + 150, values=values, labelExpr=words, symbolFillColor="#FFFFFF", symbolStrokeColor=SOFT
    )
    area = alt.Size("share:Q", scale=alt.Scale(type="pow", exponent=2, domain=[0, 1], range=[1, largest]), legend=sizes)
    layer = chart.transform_calculate(value=f"{LEAST} + {1 - LEAST} * datum.value").mark_circle(
        stroke="#777777", strokeWidth=0.5, opacity=1
    )
    return layer.encode(x=x, y=y, size=area, color=colour, **said()).properties(width=wide, height=high)


def band_rows(figure: dict) -> tuple[list[dict], list[dict]]:
    """(corners of the bands, boxes of the columns), clone by clone from above; the grey rest are all other clones.

    Column i stands from i - 0.14 to i + 0.14; between columns bands run on.
    """
    bands, boxes = [], []
    above = [0.0] * len(figure["columns"])
    for at, band in enumerate(figure["bands"]):
        for column, (about, share, n) in enumerate(zip(figure["columns"], band["shares"], band["n"], strict=True)):
            words = (
                f"{band['name']} {band['label']}, {about['label']}: {n} of {about['total']} cells, {100 * share:.3g} %"
            )
            here = {
                "band": at,
                "top": above[column],
                "bottom": above[column] + share,
                "colour": band["colour"],
                "said": words,
            }
            bands += [here | {"x": column - 0.14}, here | {"x": column + 0.14}]
            boxes += [here | {"x": column - 0.14, "x2": column + 0.14}] if share > 0 else []
            above[column] += share
    rest = [
        {"x": at - 0.14, "x2": at + 0.14, "top": top, "bottom": 1.0, "colour": "#E6E6E6", "said": "all other clones"}
        for at, top in enumerate(above) if top < 1
    ]  # fmt: skip
    return bands, [*boxes, *rest]


def alluvial(figure: dict, width: int):
    """Clones as bands between time points; heights are shares, the rest is grey."""
    import altair as alt

    columns, (bands, boxes) = figure["columns"], band_rows(figure)
    places = list(range(len(columns)))
    names = [f"{column['label']}\n{column['total']:,}" for column in columns]
    wide = width - 40 if narrow(width) else width - 340
    crowded = wide / len(places) < 52
    over = alt.Axis(values=places, labelExpr=f"split({named(places, names)}, '\\n')", title="cells with a receptor below each time point", grid=False,
                    domain=False, ticks=False, labelColor=INK, labelOverlap=False, labelAngle=-90 if crowded else 0)  # fmt: skip
    x = {"scale": alt.Scale(domain=[-0.2, len(places) - 0.8], nice=False), "axis": over}
    y = {"scale": alt.Scale(domain=[1, 0], nice=False), "axis": None}
    colour = plain("colour:N", "Color")
    flow = alt.Chart(data(bands)).mark_area(interpolate="monotone", opacity=0.4)
    box = alt.Chart(data(boxes)).mark_rect(opacity=1)
    layers = [
        flow.encode(
            x=alt.X("x:Q", **x),
            y=alt.Y("top:Q", **y),
            y2=alt.Y2("bottom:Q"),
            color=colour,
            detail=alt.Detail("band:N"),
            **said(),
        ),
        box.encode(
            x=alt.X("x:Q", **x), x2=alt.X2("x2:Q"), y=alt.Y("top:Q", **y), y2=alt.Y2("bottom:Q"), color=colour, **said()
        ),
    ]
    chart = together("layer", layers, width=wide, height=240)
    keys = [
        {"name": f"{b['name']}, {b['lineage']}, {b['fate']}", "note": b["label"], "colour": b["colour"]}
        for b in figure["bands"]
    ]
    return beside_key(chart, keys, width)
