#!/usr/bin/env python3
"""Charts as Vega-Lite specifications, as files (SVG, PDF), and what a page needs to draw them: all by vl-convert, nothing from a network."""

import json
from functools import cache
from pathlib import Path

from _chart_style import CONFIG, part

# What the page's script calls, with an interpreter of expressions in place of `eval`, which a strict content policy forbids.
SNIPPET = "window.vega = vega; window.vegaLite = vegaLite; window.vegaEmbed = vegaEmbed;"


def specification(chart, description: str) -> dict:
    """The Vega-Lite specification of an Altair chart with the style of all charts; description: what it shows, for screen readers."""
    found = part(chart)
    datasets = {name: json.loads(rows) for name, rows in found.pop("datasets", {}).items()}
    return found | {"config": CONFIG, "description": description, "datasets": datasets}


def register_fonts() -> None:
    """The letters of matplotlib (DejaVu Sans) for files, so that they are the same on every machine."""
    import vl_convert
    from matplotlib import get_data_path

    vl_convert.register_font_directory(str(Path(get_data_path(), "fonts", "ttf")))


def svg(spec: dict) -> str:
    """A specification as a drawing."""
    import vl_convert

    return vl_convert.vegalite_to_svg(spec, allowed_base_urls=[])


def pdf(drawing: str) -> bytes:
    """An SVG as PDF."""
    import vl_convert

    return vl_convert.svg_to_pdf(drawing)


@cache
def runtime() -> str:
    """The script with Vega, Vega-Lite and Vega-Embed that a page holds once."""
    import vl_convert

    return vl_convert.javascript_bundle(SNIPPET)
