"""What is published is what this run computed: settings A, then B, then A again, and A after a kill, in one folder."""

import os
import signal
import subprocess
import sys
import time

import pytest
from compare_results import differences

from pipeline.conftest import PROJECT, environment, nextflow_run

# B publishes other numbers of communication, and no objects.
A, B = ("--min_fold", 1.4), ("--min_fold", 3, "--export", "none")


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """Two patients, settings A, published into a folder that nothing else has been published into."""
    folder = tmp_path_factory.mktemp("publishing")
    script = PROJECT / "tests" / "simulate_case.py"
    size = ("--cells", "1500", "--patients", "2", "--seed", "7")
    subprocess.run([sys.executable, script, "--out", folder / "case", *size], check=True, capture_output=True)
    run = nextflow_run(folder, "-profile", "demo", *A, results="clean")
    assert run.status == 0, run.printed
    return run


def again(clean, settings, results, mode="copy"):
    """The same samples with these settings into `results`, from cached tasks where there are some."""
    options = ("-profile", "demo", "-resume", "--publish_mode", mode)
    run = nextflow_run(clean.results.parent, *options, *settings, results=results)
    assert run.status == 0, run.printed
    return run


@pytest.mark.parametrize("mode", ["copy", "link"])
def test_a_folder_holds_what_the_last_run_computed(clean, mode):
    folder = clean.results.parent / mode
    again(clean, A, mode, mode)
    assert (folder / "report" / "cells.h5ad").exists()
    again(clean, B, mode, mode)
    assert not (folder / "report" / "cells.h5ad").exists()
    assert differences(clean.results / "signals", folder / "signals")
    (folder / "report" / "notes.txt").write_text("a person's own file stays")
    again(clean, A, mode, mode)
    assert (folder / "report" / "notes.txt").exists()
    (folder / "report" / "notes.txt").unlink()
    assert differences(clean.results, folder) == []
    assert not (folder / "pipeline_info" / "UNFINISHED.txt").exists()


def test_a_run_that_was_killed_says_so_and_leaves_nothing_of_its_own_behind(clean):
    folder = clean.results.parent / "killed"
    again(clean, B, "killed")
    command = ["nextflow", "run", PROJECT, "-profile", "demo", "-resume", *map(str, A), "--outdir", "killed"]
    started = subprocess.Popen(
        command, cwd=clean.results.parent, env=environment(), stdout=subprocess.PIPE, start_new_session=True
    )
    note = folder / "pipeline_info" / "UNFINISHED.txt"
    deadline = time.monotonic() + 120
    while not note.exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    time.sleep(4)  # some of the cached results are published again
    os.killpg(started.pid, signal.SIGKILL)
    started.wait()
    assert "has not finished" in note.read_text()
    again(clean, A, "killed")
    assert not note.exists()
    assert differences(clean.results, folder) == []
