#!/usr/bin/env python3
"""What each process used and asked for, against the size of its inputs, from the traces of whole runs.

    tests/benchmarks/resources.py demo/results full/results > table.md

A run's work directory must still be there: the inputs of a task are the links in its folder. Peak memory is Nextflow's
peak_rss, which misses the end of tasks of a second or two.
"""

import re
from pathlib import Path

import click
import numpy as np
import pandas as pd

UNITS = {"B": 1e-6, "KB": 1e-3, "MB": 1, "GB": 1e3, "TB": 1e6}
SECONDS = {"ms": 1e-3, "s": 1, "m": 60, "h": 3600, "d": 86400}


def megabytes(text: str) -> float:
    """`1.2 GB` as megabytes; NaN for `-` and `0`."""
    number, _, unit = text.partition(" ")
    return float(number) * UNITS[unit] if unit else np.nan


def seconds(text: str) -> float:
    """`1m 3s` as seconds; 0 for `-`."""
    return sum(float(number) * SECONDS[unit] for number, unit in re.findall(r"([\d.]+)(ms|[smhd])", text))


def input_megabytes(folder: Path) -> float:
    """Size of all that is linked into a task's folder, at any depth."""
    links = [path for path in folder.rglob("*") if path.is_symlink() and path.exists()]
    return sum(path.stat().st_size for path in links) / 1e6


def tasks(results: Path) -> pd.DataFrame:
    """One row per finished task: process, input_mb, peak_mb, asked_mb, cpu_s, wall_s."""
    trace = pd.read_csv(results / "pipeline_info" / "trace.tsv", sep="\t", dtype=str)
    trace = trace[trace["status"].isin(["COMPLETED", "CACHED"])]
    cells = pd.read_parquet(results / "report" / "cells.parquet", columns=["cell_id"])
    wall = trace["realtime"].map(seconds)
    used = pd.to_numeric(trace["%cpu"].str.rstrip("%"), errors="coerce").fillna(0) / 100
    return pd.DataFrame(
        {
            "cells": len(cells),
            "process": trace["process"].str.split(":").str[-1],
            "input_mb": trace["workdir"].map(lambda folder: input_megabytes(Path(folder))),
            "peak_mb": trace["peak_rss"].map(megabytes),
            "asked_mb": trace["memory"].map(megabytes) / trace["attempt"].astype(int),
            "cpu_s": wall * used,
            "wall_s": wall,
        }
    )


def line_above(sizes: np.ndarray, peaks: np.ndarray) -> tuple[float, float]:
    """(base, slope >= 0) of the least-squares line through (input MB, peak MB), raised until no point is above it."""
    slope = max(float(np.polyfit(sizes, peaks, 1)[0]), 0.0) if np.ptp(sizes) > 0 else 0.0
    return float((peaks - slope * sizes).max()), slope


@click.command(help=__doc__)
@click.argument(
    "results", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path)
)
def main(results: tuple[Path, ...]) -> None:
    """Print a Markdown table, one row per process, the largest first."""
    runs = pd.concat([tasks(folder) for folder in results], ignore_index=True)
    sizes = sorted(runs["cells"].unique())
    rows = []
    for process, own in runs.groupby("process"):
        known = own.dropna(subset="peak_mb")
        base, slope = line_above(known["input_mb"].to_numpy(), known["peak_mb"].to_numpy())
        by_run = known.groupby("cells")[["peak_mb", "input_mb", "asked_mb"]].max()
        cpu = own.groupby("cells")["cpu_s"].sum()
        cells = [
            f"{by_run['peak_mb'].get(n, np.nan):.0f} ({by_run['input_mb'].get(n, np.nan):.0f})" for n in sizes
        ]
        share = (known["asked_mb"] / known["peak_mb"]).loc[known["peak_mb"].idxmax()]
        rows.append(
            (
                process,
                *cells,
                f"{base:.0f} + {slope:.2f} x",
                f"{share:.1f}",
                *(f"{cpu.get(n, 0):.0f}" for n in sizes),
            )
        )
    rows.sort(key=lambda row: -float(row[len(sizes)].split()[0]))
    heads = [f"{n:,} cells: peak MB (input MB)" for n in sizes]
    header = (
        "process",
        *heads,
        "line above all, MB",
        "asked / largest peak",
        *(f"CPU s at {n:,}" for n in sizes),
    )
    click.echo("| " + " | ".join(header) + " |\n|" + "---|" * len(header))
    for row in rows:
        click.echo("| " + " | ".join(row) + " |")
    total = runs.groupby("cells")[["cpu_s", "wall_s"]].sum()
    for n, sums in total.iterrows():
        click.echo(
            f"\n{n:,} cells: {sums['cpu_s'] / 3600:.2f} CPU hours, {sums['wall_s'] / 3600:.2f} hours of tasks"
        )


if __name__ == "__main__":
    main()
