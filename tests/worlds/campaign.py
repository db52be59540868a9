#!/usr/bin/env python3
"""Run the worlds of helpers/other_worlds.py one after the other, judge each against its truth, and write the table of docs.

campaign.py run --out FOLDER    worlds without a result row, until the time is up; call it again for the rest
campaign.py table --out FOLDER --page docs/benchmarks.md    the rows, between the page's two markers
"""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import click
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from helpers.other_worlds import (
    CELLS,
    LARGE,
    LARGE_WORLDS,
    SUBSETS_AT_LEAST,
    design,
    failures,
    first_line,
    measure,
    options,
)  # fmt: skip
from pipeline.conftest import PROJECT, environment

BEGIN, END = "<!-- made by tests/worlds/campaign.py table: begin -->", "<!-- end -->"


def run_world(number: int, folder: Path) -> dict:
    """Simulate and run world `number` (from 1) in a folder, which is removed after a run that succeeded; its row."""
    world, cells = design()[number - 1], LARGE if number <= LARGE_WORLDS else CELLS
    shutil.rmtree(folder, ignore_errors=True)
    case = folder / "case"
    size = ["--out", str(case), "--cells", str(cells), "--seed", str(100 + number)]
    script = str(PROJECT / "tests" / "simulate_case.py")
    subprocess.run([sys.executable, script, *size, *options(world)], check=True, capture_output=True)
    # The clinical table, bulk rearrangements and FISH are left out: what is said comes from the cells.
    tables = ["--events", "case/events.csv"] if (case / "events.csv").exists() else []
    command = ["nextflow", "run", str(PROJECT), "--input", "case/samples.csv", *tables, "--export", "none"]
    began = time.monotonic()
    with (folder / "run.log").open("w") as log:
        subprocess.run(
            command, cwd=folder, env=environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=True
        )
    found = measure(pd.read_parquet(case / "truth" / "cells.parquet"), folder / "results", "P1")
    wrong = failures(world, found, first_line(folder / "results", "P1"))
    row = {"world": number, **world, **found, "minutes": round((time.monotonic() - began) / 60, 1), "wrong": wrong}
    shutil.rmtree(folder)
    return row


@click.group()
def main() -> None:
    """The pipeline in other worlds than the published case."""


@main.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of the rows, one file per world.")
@click.option("--minutes", default=60.0, show_default=True, help="Begin no world that would end later than this.")
@click.option("--only", multiple=True, type=int, help="These worlds; default: all.")
def run(out: Path, minutes: float, only: tuple[int, ...]) -> None:
    """Run the worlds that have no row yet; status 75 where some are left."""
    os.nice(10)
    out.mkdir(parents=True, exist_ok=True)
    wanted = [n for n in only or range(1, len(design()) + 1) if not (out / f"{n:02}.json").exists()]
    began, longest = time.monotonic(), 0.0
    for at, number in enumerate(wanted):
        start = time.monotonic()
        if start - began + longest > 60 * minutes:
            click.echo(f"{len(wanted) - at} worlds are left: run this again", err=True)
            sys.exit(75)
        row = run_world(number, out.resolve() / f"{number:02}")
        (out / f"{number:02}.json").write_text(json.dumps(row, indent=1) + "\n")
        longest = max(longest, time.monotonic() - start)
        click.echo(f"world {number}, {row['minutes']} min: {'; '.join(row['wrong']) or 'as it should'}")


def text_of(rows: list[dict]) -> str:
    """The rows as a table in Markdown; an empty field is what a world has nothing of, or too few cells to judge."""

    def number(value: float | None, digits: int = 2) -> str:
        return "" if value is None or pd.isna(value) else f"{value:.{digits}f}"

    def both(row: dict, name: str) -> str:
        parts = [number(row[f"{name} {what}"]) for what in ("precision", "recall")]
        return " / ".join(part or "-" for part in parts) if any(parts) else ""

    head = ["world", "what differs", "cells", "types", "lineages", *SUBSETS_AT_LEAST]
    head += ["false names, %", "malignant", "CAR", "not as it should"]
    usual = {"disease": "clone", "car": "usual", "depth": "1", "ambient": "usual", "genome": "own"}
    spoken = {"absent": "without {}", "sort": "T2 {}", "car": "CAR in {} of T", "depth": "depth x {}"}
    spoken |= {"ambient": "ambient {}", "genome": "{} genome name", "profiles": "{}", "disease": "{}"}
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    for row in rows:
        said = [
            spoken[k].format(row[k].replace(",", ", ")) for k in spoken_order(row) if row[k] and row[k] != usual.get(k)
        ]
        fields = [str(row["world"]), ", ".join(said), str(row["cells"])]
        fields += [number(row[name], 3) for name in ("types", "lineages")] + [number(row[n]) for n in SUBSETS_AT_LEAST]
        fields += [
            number(100 * row["false names"], 1),
            both(row, "malignant"),
            both(row, "CAR"),
            "; ".join(row["wrong"]),
        ]
        lines.append("| " + " | ".join(fields) + " |")
    return "\n".join(lines)


def spoken_order(row: dict) -> list[str]:
    """Knobs in the order in which a world is described."""
    return [k for k in design()[0] if k in row]


@main.command()
@click.option("--out", type=click.Path(path_type=Path, exists=True), required=True, help="Folder of the rows.")
@click.option("--page", type=click.Path(path_type=Path, exists=True), help="Page with the markers; default: print.")
def table(out: Path, page: Path | None) -> None:
    """Write the table of the worlds that have a row, and how many have none."""
    rows = [json.loads(path.read_text()) for path in sorted(out.glob("*.json"))]
    left = sorted(set(range(1, len(design()) + 1)) - {row["world"] for row in rows})
    text = text_of(rows) + (f"\n\nNot run yet: worlds {', '.join(map(str, left))}." if left else "")
    if page is None:
        click.echo(text)
        return
    before, rest = page.read_text(encoding="utf-8").split(BEGIN)
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.split(END, 1)[1]}", encoding="utf-8")


@main.command()
def worlds() -> None:
    """Print the design."""
    click.echo(pd.DataFrame(design()).rename(index=lambda i: i + 1).to_string())


if __name__ == "__main__":
    main()
