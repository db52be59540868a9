#!/usr/bin/env python3
"""What each process asks for and what it used, at several sizes of a case; fails where a task used more than a first attempt gives.

    PYTHONPATH=<clonewatch>/tests/benchmarks/peaks nextflow run <clonewatch> -profile demo
    <clonewatch>/tests/benchmarks/resources.py small/results large/results

The runs' work directories are still there. `peaks` writes the exact peak of a task into its folder; of a run without it the peaks
are those of the trace, which misses tasks of a few seconds. In the formulas x is the GB of a task's input, of SUBCLUSTER the
number of its lineage's cells. MB are of 2^20 bytes, GB of 2^30.
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


def requests() -> dict[str, tuple[str, str]]:
    """Process -> (label, what a first attempt asks for): its label's GB, or the formula of its directive `memory`."""
    config = (PROJECT / "conf" / "resources.config").read_text()
    of_label = dict(re.findall(r"withLabel: '(\w+)' \{\s+memory = \{ (\d+)\.GB", config))
    asked = {}
    for name, process in read_processes().items():
        formula = re.search(r"memoryFor\(task, ([\d.]+)(?: \+ ([\d.]+) \* .+?)?, ([\d.]+), \[", process.text)
        label = next(label for label in process.labels if label in (*of_label, "by_input"))
        if (label == "by_input") != bool(formula):
            raise click.ClickException(f"{name}: label by_input and a formula of its own go together")
        asked[name] = (
            label, f"{formula[1]} GB + {formula[2] or formula[3]} x" if formula else f"{of_label[label]} GB"
        )  # fmt: skip
    return asked


def size(process: str, tag: str, task: Path) -> float:
    """MB of all data linked into a task's folder, assets of the project left out; of SUBCLUSTER its lineage's cells."""
    if process == "SUBCLUSTER":
        return float((pd.read_parquet(task / "annotation.parquet")["lineage"] == tag).sum())
    linked = [path.resolve() for path in task.rglob("*") if path.is_symlink()]
    data = [path for path in linked if "assets" not in path.parts]
    files = [file for path in data for file in ([path] if path.is_file() else path.rglob("*"))]
    return sum(file.stat().st_size for file in files if file.is_file()) / 2**20


def used(task: Path) -> tuple[float, float] | None:
    """(peak MB, CPU seconds) of a task's processes as `peaks` noted them; peaks of those that ran at the same time are added."""
    rows = [tuple(map(float, file.read_text().split("\t"))) for file in task.glob(".peak.*")]
    peaks = [sum(peak for start, end, peak, _cpu in rows if start <= moment < end) for moment, *_ in rows]
    return (max(peaks), sum(cpu for *_, cpu in rows)) if rows else None


def traced(row: dict[str, str]) -> tuple[float, float]:
    """(peak MB, CPU seconds) of a row of the trace; 0 where Nextflow looked too late."""
    peak = 0 if row["peak_rss"] == "-" else megabytes(row["peak_rss"])
    share = 0 if row["%cpu"] == "-" else float(row["%cpu"].rstrip("%")) / 100
    return peak, share * seconds(row["realtime"])


def tasks(results: Path) -> pd.DataFrame:
    """One row per finished task: cells of the run, process, tag, x, peak_mb, asked_mb (of a first attempt), cpu_s, wall_s."""
    trace = pd.read_csv(results / "pipeline_info" / "trace.tsv", sep="\t", dtype=str)
    rows = []
    for task in trace[trace["status"].isin(["COMPLETED", "CACHED"])].to_dict("records"):
        process, folder = task["process"].split(":")[-1], Path(task["workdir"])
        x = size(process, task["tag"], folder)
        peak, cpu = used(folder) or traced(task)
        asked = megabytes(task["memory"]) / int(task["attempt"])
        rows.append((process, task["tag"], x, peak, asked, cpu, seconds(task["realtime"])))
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


def print_lines(runs: pd.DataFrame) -> None:
    """Per process that names its memory itself: the line above its peaks, and the range of line / peak."""
    for process, (label, _asked) in requests().items():
        own = runs[runs["process"] == process]
        if label == "by_input" and len(own):
            base, slope = line_above(own["x"].to_numpy(), own["peak_mb"].to_numpy())
            ratio = (base + slope * own["x"]) / own["peak_mb"]
            slope /= 1024 if process == "SUBCLUSTER" else 1  # its x is no MB but cells
            click.echo(f"{process}\t{base / 1024:.2g} GB + {slope:.2g} x\t{ratio.min():.2f} to {ratio.max():.2f}")


def print_table(runs: pd.DataFrame) -> None:
    """A Markdown table: per process its label, its request, and the highest peak of its tasks in each run."""
    peaks = runs.pivot_table(index="process", columns="cells", values="peak_mb", aggfunc="max")
    peaks = peaks.loc[peaks.max(axis=1).sort_values(ascending=False).index]
    header = ["process", "label", "asks for", *(f"{cells:,} cells: MB" for cells in peaks)]
    click.echo("| " + " | ".join(header) + " |\n|" + "---|" * len(header))
    for process, of_size in peaks.iterrows():
        shown = ["" if np.isnan(peak) else f"{peak:.0f}" for peak in of_size]
        click.echo("| " + " | ".join([process, *requests()[process], *shown]) + " |")
    for cells, own in runs.groupby("cells"):
        cpu, wall = own[["cpu_s", "wall_s"]].sum() / 3600
        click.echo(f"\n{cells:,} cells: {len(own)} tasks, {cpu:.2f} CPU hours, {wall:.2f} hours of tasks")


@click.command(help=__doc__)
@click.argument("results", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--fit", is_flag=True, help="Print lines above all peaks instead: formulas for steps with the label by_input."
)
def main(results: tuple[Path, ...], fit: bool) -> None:
    """Print, and end with status 1 where a task used more than a first attempt of it is given."""
    runs = pd.concat([tasks(folder) for folder in results], ignore_index=True)
    if fit:
        print_lines(runs)
        return
    print_table(runs)
    wrong = runs[runs["asked_mb"] < runs["peak_mb"]]
    for task in wrong.itertuples():
        text = f"{task.process} ({task.tag}), {task.cells:,} cells: asks for {task.asked_mb:.0f} MB, used {task.peak_mb:.0f}"
        click.echo(text, err=True)
    sys.exit(int(len(wrong) > 0))


if __name__ == "__main__":
    main()
