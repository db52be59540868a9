#!/usr/bin/env python3
"""The figures of a case: as data, drawn for a page and for a phone, and as files; and the points of its maps."""

import json
from pathlib import Path

from _chart_bars import bars, violins
from _chart_curves import lines, multiples
from _chart_grids import alluvial, grid
from _chart_scenes import network, timeline
from _chart_scenes import summary as one_picture
from _chart_style import WIDTHS
from _cli import FILE, FOLDER, command, write_json
from _figure_cells import cells
from _figure_course import course
from _figure_map import maps_of
from _figure_niche import niche
from _figure_summary import summary
from _figure_tumour import tumour
from _results import Case, read_colours
from _vega import pdf, register_fonts, specification, svg

import click

# What makes a chart of a kind of figure: (figure, width in pixels) -> Altair chart.
CHARTS = {
    "multiples": multiples, "lines": lines, "violin": violins, "bars": bars, "grid": grid, "alluvial": alluvial,
    "timeline": timeline, "network": network, "summary": one_picture,
}  # fmt: skip


def figures_of(case: Case, palette: dict[str, dict[str, str]]) -> list[dict]:
    """All figures that the tables of a case fill; palette: level -> label -> colour."""
    series, types = list(palette["series"].values()), palette["cell_type"]
    figures = [*course(case, series), *tumour(case, series), *cells(case, palette), *niche(case, types)]
    figures.append(summary(case, types))
    there = [figure for figure in figures if figure and figure.get("panels") != []]
    return json.loads(json.dumps(there, default=float))  # numbers of numpy become plain ones


def charts_of(figures: list[dict]) -> dict[str, dict]:
    """Figure -> its Vega-Lite specifications for a page (`wide`) and a phone (`narrow`), their `datasets` once."""
    from altair.utils.schemapi import debug_mode

    charts = {}
    with debug_mode(False):  # each step of Altair would check its part against the schema; a test checks the whole
        for figure in figures:
            chart_of, words = CHARTS[figure["kind"]], figure["alt"]
            specs = {name: specification(chart_of(figure, width), words) for name, width in WIDTHS.items()}
            datasets = {name: rows for spec in specs.values() for name, rows in spec.pop("datasets").items()}
            charts[figure["id"]] = {"datasets": datasets, **specs}
    return charts


def write_drawings(charts: dict[str, dict], patient: str) -> None:
    """figures/<patient>.<figure>.svg and .pdf, in the width of a page."""
    Path("figures").mkdir(exist_ok=True)
    register_fonts()
    for name, chart in charts.items():
        drawing = svg(chart["wide"] | {"datasets": chart["datasets"]})
        Path("figures", f"{patient}.{name}.svg").write_text(drawing, encoding="utf-8")
        Path("figures", f"{patient}.{name}.pdf").write_bytes(pdf(drawing))


@command()
@click.argument("results", type=FOLDER)
@click.option("--patient", required=True, help="Name of the patient.")
@click.option("--colours", required=True, type=FILE, help="Table: level, label, colour.")
@click.option("--subsets", type=FOLDER, help="Folder with <lineage>.subsets.parquet: layouts of the lineages.")
@click.option("--most", type=click.IntRange(1000), default=200_000, help="Maximum number of points of a map.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Seed of the points' order and sample.")
def main(results: Path, patient: str, colours: Path, subsets: Path | None, most: int, seed: int) -> None:
    """Draw what the tables of the folder RESULTS hold of a PATIENT, whichever of them are there."""
    case, palette = Case(results, patient), read_colours(colours)
    figures = figures_of(case, palette)
    write_json(figures, f"{patient}.figures.json")
    write_json(maps_of(case, subsets, palette, most, seed), f"{patient}.map.json")
    charts = charts_of(figures)
    write_json(charts, f"{patient}.charts.json")
    write_drawings(charts, patient)


if __name__ == "__main__":
    main()
