"""A Slurm cluster of one node on loopback, and runs that a test can watch and disturb."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pipeline.conftest import PROJECT, Run, environment

SLURM = Path(__file__).parent / "slurm.sh"


def eventually(condition: Callable[[], object], what: str, seconds: float = 300) -> object:
    """The condition's first true value; fails when there is none in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.2)
    pytest.fail(f"not within {seconds:.0f} s: {what}")


class Launched:
    """A `nextflow run` that goes on while the test does something to it."""

    def __init__(self, folder: Path, workflow: Path, *arguments: object, results: str) -> None:
        self.results, self.log = folder / results, folder / f"{results}.nextflow.log"
        self.output = folder / f"{results}.printed"
        command = ["nextflow", "-log", self.log, "run", workflow, *arguments, "--outdir", results]
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [str(word) for word in command],
                cwd=folder,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_for(self, text: str) -> None:
        """Go on once the run has printed the text."""

        def printed() -> bool:
            over = self.process.poll() is not None
            return text in self.output.read_text() or (over and pytest.fail(self.output.read_text()))

        eventually(printed, f"the run prints '{text}'", 1200)

    def finished(self) -> set[str]:
        """Names of the tasks that have ended well so far."""
        ended = r"Task completed > TaskHandler\[.*?name: (.*?); status: COMPLETED; exit: 0;"
        return set(re.findall(ended, self.log.read_text()))

    def join(self) -> Run:
        """The run once it has ended."""
        status = self.process.wait(1800)
        return Run(status, self.output.read_text(), self.results)


@pytest.fixture(scope="session")
def case(tmp_path_factory) -> Path:
    """The folder of a simulated patient of 1,500 barcodes in three samples."""
    folder = tmp_path_factory.mktemp("runs")
    simulate = PROJECT / "tests" / "simulate_case.py"
    words = [sys.executable, simulate, "--out", folder / "case", "--cells", "1500", "--seed", "1"]
    subprocess.run(words, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="session")
def undisturbed(case, retries) -> Run:
    """The whole pipeline on this machine, nothing happening to it; the workflow of `retries` waits meanwhile."""
    run = Launched(case, PROJECT, "-profile", "demo", results="undisturbed").join()
    assert run.status == 0, run.printed
    return run


class Cluster:
    """What Slurm itself wrote down about its jobs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def jobs(self) -> dict[str, dict[str, str]]:
        """Ended jobs of the completion log by id, members of an array as `array_member`."""
        log = self.folder / "jobs.log"
        rows = [dict(re.findall(r"(\w+)=(\S*)", line)) for line in log.read_text().splitlines()]
        return {
            f"{row['ArrayJobId']}_{row['ArrayTaskId']}" if "ArrayJobId" in row else row["JobId"]: row for row in rows
        }

    def running(self, name: str = "") -> list[str]:
        """Ids of running jobs, of this name or of any."""
        command = ["squeue", "--noheader", "--states=RUNNING", "--format=%i", *([f"--name={name}"] * bool(name))]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory):
    """The cluster, up for the session; Nextflow's sbatch finds it by SLURM_CONF."""
    folder = tmp_path_factory.mktemp("slurm")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CONF", str(folder / "slurm.conf"))
        # sbatch hands the caller's environment to the jobs, which are to find a node like any other.
        patch.setenv("PATH", os.environ["PATH"] + ":/usr/sbin:/sbin")
        subprocess.run([SLURM, "up", folder], check=True)
        try:
            yield Cluster(folder)
        finally:
            subprocess.run([SLURM, "down", folder], check=True)


@pytest.fixture(scope="session")
def retries(tmp_path_factory, cluster) -> Launched:
    """A small workflow under Slurm whose jobs are ended by it; most of its minutes are waiting."""
    folder = tmp_path_factory.mktemp("retries")
    site = ["--queue", "main", "--account", "lab42", "--cluster_options=--comment=mine --nice=10"]
    workflow = Path(__file__).parent / "retries"
    launched = Launched(folder, workflow, "-profile", "slurm", *site, results="results")
    lost = eventually(lambda: cluster.running("nf-LOST"), "LOST runs")
    # No signal that the job could answer to, and no exit file: as when its node goes down.
    subprocess.run(["scancel", "--signal=KILL", "--batch", *lost], check=True)
    return launched
