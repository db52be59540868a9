"""Whole runs of two patients: steps that fail, and what is in a folder that several runs have published into."""

import os
import re
import signal
import subprocess
import sys
import time

import pytest
from compare_results import differences
from pipeline.conftest import PROJECT, environment, nextflow_run

# B publishes other numbers of communication, and no objects.
A, B = ("--min_fold", 1.4), ("--min_fold", 3, "--export", "none")


# A step of a sample, of a lineage and of a patient ends before it begins, as if it were killed or its input were bad.
FAILING = """
process.beforeScript = {
    def broken = ['TRANSGENE P1_T2': 1, 'SUBCLUSTER NK': 137, 'CNV P2': 1]["${task.process.tokenize(':')[-1]} ${task.tag}".toString()]
    broken ? "echo 'Error: made to fail' >&2; exit ${broken}" : ''
}
"""


@pytest.fixture(scope="module")
def broken(tmp_path_factory):
    """Two patients, in whose run a step of a sample, of a lineage and of a patient fails: the run."""
    folder = tmp_path_factory.mktemp("publishing")
    script = PROJECT / "tests" / "simulate_case.py"
    size = ("--cells", "1500", "--patients", "2", "--seed", "7")
    subprocess.run([sys.executable, script, "--out", folder / "case", *size], check=True, capture_output=True)
    (folder / "failing.config").write_text(FAILING)
    return nextflow_run(folder, "-profile", "demo", "-c", folder / "failing.config", *A, results="broken")


@pytest.fixture(scope="module")
def clean(broken):
    """The same two patients, settings A, in a folder that nothing else has been published into."""
    return again(broken, A, "clean")


def test_what_failed_is_named_and_everything_else_is_there(broken):
    assert broken.status == 1
    steps = {(row["step"], row["of"]): row for row in broken.table("pipeline_info/failed_steps.tsv")}
    assert set(steps) == {("TRANSGENE", "P1_T2"), ("SUBCLUSTER", "NK"), ("CNV", "P2")}
    assert steps["CNV", "P2"]["attempts"] == "1" and steps["SUBCLUSTER", "NK"]["attempts"] == "3"
    assert steps["CNV", "P2"]["reason"] == "made to fail"
    assert "CNV of P2: made to fail" in broken.printed and "-resume" in broken.printed
    assert "Traceback" not in broken.printed
    for patient in ("P1", "P2"):
        page = (broken.results / "report" / f"{patient}.case_report.html").read_text(encoding="utf-8")
        assert "<b>SUBCLUSTER</b> of NK failed" in page
        assert ("<b>CNV</b> of P2 failed" in page) is (patient == "P2")
        assert ("<b>TRANSGENE</b> of P1_T2 failed" in page) is (patient == "P1")
    for name in ("report/cohort_report.html", "report/multiqc_report.html"):
        text = re.sub(r"<[^>]*>|\s+", " ", (broken.results / name).read_text(encoding="utf-8"))
        assert all(re.search(rf"\b{step}\W+(of )?{of}\b", text) for step, of in steps), name
        assert "made to fail" in text, name
    assert (broken.results / "tumour" / "cnv.tsv").read_text().startswith("# lacks P2 (CNV failed)\n")
    assert not (broken.results / "tumour" / "P2.malignancy.json").exists()


def test_resume_computes_what_had_failed_and_what_follows(broken, clean):
    made = {(row["process"].split(":")[-1], row["tag"]) for row in clean.tasks() if row["status"] == "COMPLETED"}
    assert {("TRANSGENE", "P1_T2"), ("SUBCLUSTER", "NK"), ("CNV", "P2")} <= made
    assert {"QC", "INTEGRATE", "ANNOTATE", "SIGNATURES"}.isdisjoint(process for process, _tag in made)
    assert clean.table("pipeline_info/failed_steps.tsv") == []


def again(run, settings, results, mode="copy"):
    """The same samples with these settings into `results`, from cached tasks where there are some."""
    options = ("-profile", "demo", "-resume", "--publish_mode", mode)
    run = nextflow_run(run.results.parent, *options, *settings, results=results)
    assert run.status == 0, run.printed
    return run


# Nine whole runs one after the other: `make campaign`.
long = pytest.mark.skipif(not os.environ.get("CLONEWATCH_CAMPAIGN"), reason="part of `make campaign`")


@long
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


@long
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
