#!/usr/bin/env python3
"""Keys beside a chart, or below it on a phone: a line or a square in its colour, and what it stands for."""

from _chart_style import INK, SOFT, data, letters, narrow, plain, shortened, together

STEP = 20  # pixels of a line of a key


def key(entries: list[dict], width: float):
    """Chart of a key's entries {name, colour, dash: of a line, or note: of a square}; a note stands below its name."""
    import altair as alt

    rows, top = [], 8
    for entry in entries:
        rows.append(
            entry
            | {
                "y": top,
                "name": shortened(entry["name"], letters(width - 34)),
                "note": shortened(entry.get("note", ""), letters(width - 34, 10)),
            }
        )
        top += STEP + (13 if entry.get("note") else 0)
    place = {"y": alt.Y("y:Q", scale=alt.Scale(domain=[0, top], range=[0, top]), axis=None)}
    chart = alt.Chart(data(rows)).encode(**place)
    colour = plain("colour:N", "Color")
    lines = [
        chart.transform_filter(f"datum.dash == {str(dashed).lower()}")
        .mark_rule(strokeWidth=2, strokeDash=[5, 4] if dashed else [1, 0])
        .encode(x=alt.XValue(0), x2=alt.X2Value(26), color=colour)
        for dashed in {row["dash"] for row in rows if "dash" in row}
    ]
    squares = [row for row in rows if "dash" not in row]
    if squares:
        lines.append(
            alt.Chart(data(squares))
            .mark_square(size=140, opacity=1, filled=True)
            .encode(x=alt.XValue(12), color=colour, **place)
        )
    text = chart.mark_text(align="left", color=INK).encode(x=alt.XValue(32), text=alt.Text("name:N"))
    notes = alt.Chart(data([row | {"y": row["y"] + 13} for row in rows if row["note"]])).mark_text(
        align="left", color=SOFT, fontSize=10
    )
    layers = [
        *lines,
        text,
        *([notes.encode(x=alt.XValue(32), text=alt.Text("note:N"), **place)] if any(r["note"] for r in rows) else []),
    ]
    return together("layer", layers, width=width, height=top)


def beside_key(chart, entries: list[dict], width: int):
    """A chart with its key: at its right, on a phone below."""
    if narrow(width):
        return together("vconcat", [chart, key(entries, width - 40)], spacing=10)
    return together("hconcat", [chart, key(entries, 280)], spacing=14)
