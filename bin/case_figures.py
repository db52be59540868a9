#!/usr/bin/env python3
"""The figures of a case: as data, drawn for a page and for a phone, and as files; and the points of its maps."""

from pathlib import Path

from _cli import FILE, FOLDER, command, write_json
from _figure_cells import cells
from _figure_course import course
from _figure_map import maps_of
from _figure_niche import niche
from _figure_summary import summary
from _figure_tumour import tumour
from _layout_bars import bars, violin
from _layout_curves import lines, multiples
from _layout_drawings import network, timeline
from _layout_drawings import summary as one_drawing
from _layout_grids import alluvial, grid
from _marks import WIDTHS
from _results import Case, read_colours
from _svg_pdf import Fonts, pdf, svg

import click

# What lays out a kind of figure: (figure, width in pixels) -> (marks, height).
LAYOUTS = {
    "multiples": multiples, "lines": lines, "violin": violin, "bars": bars, "grid": grid, "alluvial": alluvial,
    "timeline": timeline, "network": network, "summary": one_drawing,
}  # fmt: skip


def figures_of(case: Case, palette: dict[str, dict[str, str]]) -> list[dict]:
    """All figures that the tables of a case fill; palette: level -> label -> colour."""
    series, types = list(palette["series"].values()), palette["cell_type"]
    figures = [*course(case, series), *tumour(case, series), *cells(case, palette), *niche(case, types)]
    figures.append(summary(case, types))
    return [figure for figure in figures if figure and figure.get("panels") != []]


def drawing(figure: dict) -> dict:
    """A figure laid out in both widths, as bin/_svg_pdf.py takes it."""
    layouts = {}
    for name, width in WIDTHS.items():
        marks, height = LAYOUTS[figure["kind"]](figure, width)
        layouts[name] = {"width": width, "height": round(height), "marks": marks}
    return {"id": figure["id"], "title": figure["title"], "alt": figure["alt"], "layouts": layouts}


def write_drawings(figures: list[dict], patient: str) -> None:
    """figures/<patient>.<figure>.svg and .pdf, and narrow/<patient>.<figure>.svg."""
    drawings = [drawing(figure) for figure in figures]
    fonts = Fonts(drawings)
    for folder in (Path("figures"), Path("narrow")):
        folder.mkdir(exist_ok=True)
    for drawn in drawings:
        name = f"{patient}.{drawn['id']}"
        Path("figures", f"{name}.svg").write_text(svg(drawn, "wide"), encoding="utf-8")
        Path("narrow", f"{name}.svg").write_text(svg(drawn, "narrow"), encoding="utf-8")
        Path("figures", f"{name}.pdf").write_bytes(pdf(drawn, fonts))


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
    write_json(figures, f"{patient}.figures.json", default=float)
    write_json(maps_of(case, subsets, palette, most, seed), f"{patient}.map.json")
    write_drawings(figures, patient)


if __name__ == "__main__":
    main()
