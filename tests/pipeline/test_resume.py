"""What runs again under -resume: only what reads what has changed. Stub runs, whose files are empty but have their tasks' folders."""

import subprocess
import sys

import pytest

from pipeline.conftest import PROJECT, nextflow_run


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """(first run of P1 alone, the same with P2 and a stray file, the same with other events and another bulk clone of P2)."""
    folder = tmp_path_factory.mktemp("resume")
    script = PROJECT / "tests" / "simulate_case.py"
    size = ("--cells", "300", "--patients", "2")
    subprocess.run([sys.executable, script, "--out", folder / "case", *size], check=True, capture_output=True)
    options = ("-profile", "demo", "-stub-run", "-resume")
    tables = {path: path.read_text() for path in (folder / "case").glob("*.csv")}
    assert len(tables) == 5

    for path, text in tables.items():
        path.write_text("".join(line for line in text.splitlines(keepends=True) if not line.startswith("P2")))
    first = nextflow_run(folder, *options, results="first")
    for path, text in tables.items():
        path.write_text(text)
    (folder / "case" / "notes.txt").write_text("a stray file")
    (folder / "case" / "P1_T1" / "notes.txt").write_text("a stray file")
    second = nextflow_run(folder, *options, results="second")
    for name, old, new in (
        ("events.csv", "blinatumomab", "blinatumomab again"),
        ("mrd.csv", "P2,180,IGL_2,", "P2,181,IGL_2,"),
    ):
        table = folder / "case" / name
        assert old in table.read_text()
        table.write_text(table.read_text().replace(old, new))
    third = nextflow_run(folder, *options, results="third")
    for run in (first, second, third):
        assert run.status == 0, run.printed
    return first, second, third


def again(run) -> set[tuple[str, str]]:
    """(process, tag) of the tasks that were not taken from an earlier run."""
    return {(row["process"].split(":")[-1], row["tag"]) for row in run.tasks() if row["status"] != "CACHED"}


PAGES = {"CASE_ANSWER", "CASE_FIGURES", "CASE_REPORT"}


def test_a_new_patient_runs_its_own_steps_and_those_of_the_run(runs):
    first, second, _third = runs
    of_p1 = {(process, tag) for process, tag in again(first) if tag.startswith("P1")}
    assert {process for process, _tag in of_p1} >= {
        "READ_CELLRANGER",
        "QC",
        "CHAINS",
        "MRD",
        "PSEUDOBULK",
        "CNV",
        "FISH",
        "MALIGNANCY",
    }
    # A patient's page shows tables of the whole run.
    assert {process for process, tag in again(second) if tag.startswith("P1")} <= PAGES
    of_p2 = {(process, tag.replace("P2", "P1")) for process, tag in again(second) if tag.startswith("P2")}
    assert of_p2 == of_p1


def test_an_edited_table_runs_what_reads_it(runs):
    *_others, third = runs
    executed = again(third)
    # Receivers of communication are the cells that carry a bulk clone.
    for reader in ("MRD", "COMMUNICATION_CHANGE"):
        assert (reader, "P2") in executed and (reader, "P1") not in executed
    assert {process for process, _tag in executed} <= PAGES | {
        "CHECK_INPUTS", "MRD", "COMMUNICATION_CHANGE", "MALIGNANCY", "CELL_TABLE", "RECEPTORS", "EXPORT", "COHORT_REPORT", "RUN_TABLES", "RUN_REPORT",
    }  # fmt: skip
