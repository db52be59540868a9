"""The whole pipeline as jobs of Slurm: one killed on the node, the run cancelled and resumed, results as everywhere."""

import os
import signal
from pathlib import Path

import pytest
from compare_results import differences
from helpers.architecture import read_processes
from pipeline.conftest import PROJECT

from cluster.conftest import Launched, eventually

UNITS = {"K": 1 / 1024, "M": 1, "G": 1024}


def megabytes(text: str) -> float:
    """`1.5 GB` of a trace or `1.50G` of Slurm in MB."""
    number, unit = text.rstrip("B").replace(" ", "")[:-1], text.rstrip("B")[-1]
    return float(number) * UNITS[unit]


def process_of(script: str, work: Path) -> int | None:
    """The process that runs a script of bin/ for a task of this work directory."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_text().split("\0")
            inherited = (entry / "environ").read_text()
        except OSError:
            continue
        if any(Path(word).name == script for word in words[:2]) and f"SLURM_SUBMIT_DIR={work}" in inherited:
            return int(entry.name)
    return None


@pytest.fixture(scope="module")
def slurm_runs(case, undisturbed, cluster):
    """A run with scratch folders and job arrays, killed at a task, cancelled, resumed: both runs and what had ended."""
    scratch = case / "scratch"
    scratch.mkdir()
    arguments = ["-profile", "demo,slurm", "-work-dir", "work_slurm", "--scratch", scratch]
    first = Launched(case, PROJECT, *arguments, results="cancelled")
    first.wait_for("Submitted process > CLONEWATCH:CELLS:INTEGRATE")
    # As the kernel kills the largest process of a job that is over its memory.
    os.kill(eventually(lambda: process_of("integrate.py", case), "INTEGRATE runs"), signal.SIGKILL)
    first.wait_for("Submitted process > CLONEWATCH:CELLS:ANNOTATE")
    eventually(lambda: process_of("annotate.py", case), "ANNOTATE runs")
    ended = first.finished()
    first.process.send_signal(signal.SIGTERM)
    cancelled = first.join()
    eventually(lambda: not cluster.running(), "no job runs", 30)
    resumed = Launched(case, PROJECT, *arguments, "-resume", results="slurm").join()
    assert resumed.status == 0, resumed.printed
    return cancelled, ended, resumed


def test_every_task_was_a_job_with_the_request_of_its_trace(slurm_runs, cluster):
    cancelled, _ended, resumed = slurm_runs
    jobs = cluster.jobs()
    rows = [row for row in cancelled.tasks() + resumed.tasks() if row["status"] == "COMPLETED"]
    assert len({row["process"] for row in rows}) > 30
    for row in rows:
        job = jobs[row["native_id"]]
        assert (job["JobState"], job["ExitCode"]) == ("COMPLETED", "0:0"), row["name"]
        requested = dict(pair.split("=") for pair in job["Tres"].split(","))
        assert requested["cpu"] == row["cpus"], row["name"]
        assert megabytes(requested["mem"]) == megabytes(row["memory"]), row["name"]


def test_the_samples_of_a_step_are_one_job_array(slurm_runs):
    """A step of samples or patients is one array; of a single task, of the run and of lineages each task is a job of its own."""
    cancelled, _ended, resumed = slurm_runs
    # What had been submitted when the run was cancelled is incomplete but for the first steps.
    rows = [row for row in cancelled.tasks() if row["process"].endswith((":READ_CELLRANGER", ":QC"))]
    jobs: dict[str, list[str]] = {}
    for row in rows + resumed.tasks():
        if row["status"] != "CACHED" and row["attempt"] == "1":
            jobs.setdefault(row["process"].split(":")[-1], []).append(row["native_id"])
    assert len(jobs["READ_CELLRANGER"]) == len(jobs["QC"]) == len(jobs["TRANSGENE"]) == 3
    processes = read_processes()
    for name, members in jobs.items():
        if len(members) > 1 and {"sample", "patient"} & set(processes[name].labels):
            array = members[0].split("_")[0]
            assert sorted(members) == [f"{array}_{number}" for number in range(len(members))], name
        else:
            assert not any("_" in member for member in members), name


def test_a_task_killed_on_the_node_is_run_again_with_more_memory(slurm_runs):
    cancelled, _ended, _resumed = slurm_runs
    first, second = (row for row in cancelled.tasks() if row["process"].endswith(":INTEGRATE"))
    assert (first["attempt"], first["status"], first["exit"]) == ("1", "FAILED", "137")
    assert (second["attempt"], second["status"]) == ("2", "COMPLETED")
    assert megabytes(second["memory"]) > megabytes(first["memory"])


def test_cancelling_the_run_cancels_its_jobs(slurm_runs, cluster):
    cancelled, _ended, _resumed = slurm_runs
    assert cancelled.status != 0
    states = {job["Name"]: job["JobState"] for job in cluster.jobs().values() if "ANNOTATE" in job["Name"]}
    assert "CANCELLED" in [job["JobState"] for job in cluster.jobs().values() if "ANNOTATE" in job["Name"]], states


def test_the_resumed_run_repeats_no_finished_task(slurm_runs):
    _cancelled, ended, resumed = slurm_runs
    cached = {row["name"] for row in resumed.tasks() if row["status"] == "CACHED"}
    assert any("INTEGRATE" in name for name in ended)
    assert ended <= cached


def test_results_under_slurm_are_those_of_a_local_run(slurm_runs, undisturbed):
    _cancelled, _ended, resumed = slurm_runs
    assert differences(undisturbed.results, resumed.results) == []


def test_scratch_folders_were_used_and_are_gone(slurm_runs, case):
    scripts = list((case / "work_slurm").glob("*/*/.command.run"))
    assert scripts and not any((case / "scratch").iterdir())
    assert all(
        f"nxf_mktemp {case / 'scratch'}" in path.read_text() for path in scripts if "array" not in path.read_text()
    )
