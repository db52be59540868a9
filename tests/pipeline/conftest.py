"""Real `nextflow run`s, each in a folder of its own."""

import csv
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


@dataclass
class Run:
    """A finished `nextflow run`: exit status, everything it printed, and its results."""

    status: int
    printed: str
    results: Path

    def table(self, name: str) -> list[dict[str, str]]:
        """Rows of a tab-separated result."""
        with (self.results / name).open(encoding="utf-8", newline="") as lines:
            return list(csv.DictReader(lines, delimiter="\t"))

    def tasks(self) -> list[dict[str, str]]:
        """Rows of Nextflow's trace: one per task, with process, tag, status and exit."""
        return self.table("pipeline_info/trace.tsv")

    def executed(self) -> set[str]:
        """Names of the processes that ran, not those taken from an earlier run."""
        return {row["process"].split(":")[-1] for row in self.tasks() if row["status"] != "CACHED"}


def environment() -> dict[str, str]:
    """The environment of a user who typed `make`: the project's packages and Nextflow on the PATH."""
    places = [PROJECT / ".venv" / "bin", PROJECT / ".runtime", *os.environ["PATH"].split(":")]
    # Without its default plugins Nextflow 26 shows the configurations of clouds as 25 does, and fetches nothing.
    settings = {"NXF_ANSI_LOG": "false", "NXF_PLUGINS_DEFAULT": "false", "OMP_NUM_THREADS": "1"}
    return {**os.environ, "PATH": ":".join(map(str, places)), **settings}


def unsupported_names(results: Path) -> list[dict[str, str]]:
    """Rows of a run's evidence tables that name a type by fewer than two detected markers, or a subset without evidence."""
    rows = []
    for path in results.glob("cells/**/*.tsv"):
        if path.name == "annotation.tsv" or path.name.endswith(".subset_evidence.tsv"):
            with path.open(encoding="utf-8", newline="") as lines:
                named = [row for row in csv.DictReader(lines, delimiter="\t") if row["cell_type"] != "unassigned"]
            rows += [row for row in named if not row["evidence"] or float(row.get("markers", 2)) < 2]
    return rows


def nextflow_run(folder: Path, *arguments: object, results: str = "results", within: tuple[str, ...] = ()) -> Run:
    """`nextflow run PROJECT ARGUMENTS` in `folder`, inside of another command where `within` names one.

    Whatever the run is of, no name that it gives cells may lack its evidence.
    """
    finished = subprocess.run(
        [*within, "nextflow", "run", PROJECT, *map(str, arguments), "--outdir", results],
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert unsupported_names(folder / results) == []
    return Run(finished.returncode, finished.stdout + finished.stderr, folder / results)
