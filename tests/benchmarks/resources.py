#!/usr/bin/env python3
"""What each process asks for and what it used, at several sizes of a case; fails where a request does not fit.

    PYTHONPATH=<clonewatch>/tests/benchmarks/peaks nextflow run <clonewatch> -profile demo
    <clonewatch>/tests/benchmarks/resources.py small/results large/results

Runs are on this machine, outside of containers, and their work directories still there: `peaks` writes what a process used
into the folder of its task. A request must be at least its tasks' exact peak. In the formulas x is the GB of a task's input,
of SUBCLUSTER the number of its lineage's cells. MB are of 2^20 bytes, GB of 2^30.
"""

import re
import sys
from pathlib import Path

import click
import numpy as np
import pandas as pd
from scipy.optimize import linprog

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from helpers.architecture import PROJECT, read_processes

MARGIN = 1.25  # of the line over the highest peak
UNITS = {"B": 2**-20, "KB": 2**-10, "MB": 1, "GB": 2**10, "TB": 2**20}
SECONDS = {"ms": 1e-3, "s": 1, "m": 60, "h": 3600, "d": 86400}


def megabytes(text: str) -> float:
    """`1.2 GB` as MB."""
    number, unit = text.split()
    return float(number) * UNITS[unit]


def seconds(text: str) -> float:
    """`1m 3s` as seconds; 0 for `-`."""
    return sum(float(number) * SECONDS[unit] for number, unit in re.findall(r"([\d.]+)(ms|[smhd])", text))


def requests() -> dict[str, str]:
    """Process -> what it asks for: its label's GB, or the formula of its directive `memory`, as docs/executors/resources.md has it."""
    config = (PROJECT / "conf" / "resources.config").read_text()
    of_label = dict(re.findall(r"withLabel: '(\w+)' \{\s+memory = \{ (\d+)\.GB", config))
    asked = {}
    for name, process in read_processes().items():
        formula = re.search(r"memoryFor\(task, ([\d.]+)(?: \+ ([\d.]+) \* .+?)?, ([\d.]+), \[", process.text)
        if formula:
            slope = formula[2] or formula[3]
            asked[name] = f"{formula[1]} GB + {slope} x"
        else:
            asked[name] = next(
                f"{gigabytes} GB" for label, gigabytes in of_label.items() if label in process.labels
            )
    return asked


def size(process: str, tag: str, task: Path) -> float:
    """MB of all data linked into a task's folder, assets of the project left out; of SUBCLUSTER its lineage's cells."""
    if process == "SUBCLUSTER":
        return float((pd.read_parquet(task / "annotation.parquet")["lineage"] == tag).sum())
    linked = [path.resolve() for path in task.rglob("*") if path.is_symlink()]
    data = [path for path in linked if "assets" not in path.parts]
    files = [file for path in data for file in ([path] if path.is_file() else path.rglob("*"))]
    return sum(file.stat().st_size for file in files if file.is_file()) / 2**20


def used(task: Path) -> tuple[float, float]:
    """(peak MB, CPU seconds) of a task's processes; peaks of those that ran at the same time are added."""
    rows = [tuple(map(float, file.read_text().split("\t"))) for file in task.glob(".peak.*")]
    peaks = [sum(peak for start, end, peak, _cpu in rows if start <= moment < end) for moment, *_ in rows]
    return max(peaks), sum(cpu for *_, cpu in rows)


def tasks(results: Path) -> pd.DataFrame:
    """One row per finished task: cells of the run, process, tag, x, peak_mb, asked_mb (of a first attempt), cpu_s, wall_s."""
    trace = pd.read_csv(results / "pipeline_info" / "trace.tsv", sep="\t", dtype=str)
    trace = trace[trace["status"].isin(["COMPLETED", "CACHED"])]
    rows = []
    for name, tag, folder, memory, attempt, wall in zip(
        *(trace[column] for column in ("process", "tag", "workdir", "memory", "attempt", "realtime")),
        strict=True,
    ):
        process = name.split(":")[-1]
        x = size(process, tag, Path(folder))
        peak, cpu = used(Path(folder))
        rows.append((process, tag, x, peak, megabytes(memory) / int(attempt), cpu, seconds(wall)))
    names = ["process", "tag", "x", "peak_mb", "asked_mb", "cpu_s", "wall_s"]
    cells = len(pd.read_parquet(results / "report" / "cells.parquet", columns=["cell_id"]))
    return pd.DataFrame(rows, columns=names).assign(cells=cells)


def line_above(x: np.ndarray, peaks: np.ndarray) -> tuple[float, float]:
    """(base, slope), both >= 0, of the line that is MARGIN above every peak and the least multiple of any."""
    one, none = np.ones_like(x), np.zeros_like(x)
    above = np.column_stack([-one, -x, none])
    within = np.column_stack([one, x, -peaks])
    limits = np.concatenate([-MARGIN * peaks, none])
    base, slope, _multiple = linprog([1e-9, 0, 1], np.vstack([above, within]), limits).x
    return float(base), float(slope)


def row(process: str, own: pd.DataFrame, sizes: list[int]) -> list[str]:
    """One process: its formula; per size what its largest task used and asked for; the range of asked / used."""
    cells = [requests()[process]]
    for number in sizes:
        of_size = own[own["cells"] == number]
        largest = of_size.nlargest(1, "peak_mb").to_dict("records")
        cells.append("".join("{peak_mb:.0f} of {asked_mb:.0f}".format(**task) for task in largest))
        cells.append(f"{of_size['cpu_s'].sum():.0f}")
    ratio = own["asked_mb"] / own["peak_mb"]
    return [process, *cells, f"{ratio.min():.2f} to {ratio.max():.2f}"]


@click.command(help=__doc__)
@click.argument(
    "results", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option("--fit", is_flag=True, help="Print lines above all peaks instead: formulas for the processes.")
def main(results: tuple[Path, ...], fit: bool) -> None:
    """Print a Markdown table, one row per process, the largest first."""
    runs = pd.concat([tasks(folder) for folder in results], ignore_index=True)
    sizes = sorted(runs["cells"].unique())
    processes = runs.groupby("process")["peak_mb"].max().sort_values(ascending=False).index
    if fit:
        for process in processes:
            own = runs[runs["process"] == process]
            base, slope = line_above(own["x"].to_numpy(), own["peak_mb"].to_numpy())
            ratio = (base + slope * own["x"]) / own["peak_mb"]
            click.echo(
                f"{process}\t{base / 1024:.2g} GB + {slope:.4g} x\t{ratio.min():.2f} to {ratio.max():.2f}"
            )
        return
    header = ["process", "asks for"]
    for number in sizes:
        header += [f"{number:,} cells: used of asked, MB", "CPU s"]
    header.append("asked / used")
    click.echo("| " + " | ".join(header) + " |\n|" + "---|" * len(header))
    for process in processes:
        click.echo("| " + " | ".join(row(process, runs[runs["process"] == process], sizes)) + " |")
    for number, own in runs.groupby("cells"):
        hours = own[["cpu_s", "wall_s"]].sum() / 3600
        click.echo(
            f"\n{number:,} cells: {len(own)} tasks, {hours['cpu_s']:.2f} CPU hours, {hours['wall_s']:.2f} hours of tasks"
        )
    wrong = runs[runs["asked_mb"] < runs["peak_mb"]]
    for task in wrong.itertuples():
        text = f"{task.process} ({task.tag}), {task.cells:,} cells: asks for {task.asked_mb:.0f} MB, used {task.peak_mb:.0f}"
        click.echo(text, err=True)
    sys.exit(int(len(wrong) > 0))


if __name__ == "__main__":
    main()
