"""A run whose work directory was lost, and that was then killed half-way, comes to the same results."""

import shutil
import time

import pytest
from compare_results import differences
from pipeline.conftest import PROJECT

from cluster.conftest import Launched


@pytest.fixture(scope="module")
def killed(case, undisturbed):
    """Tasks that had ended when Nextflow was killed, and the run that was resumed after it."""
    shutil.rmtree(case / "work")
    launched = Launched(case, PROJECT, "-profile", "demo", "-resume", results="killed")
    launched.wait_for("Submitted process > CLONEWATCH:CELLS:ANNOTATE")
    ended = launched.finished()
    time.sleep(1)  # an ended task is written down a moment later
    launched.process.kill()
    launched.process.wait()
    resumed = Launched(case, PROJECT, "-profile", "demo", "-resume", results="resumed").join()
    return launched, ended, resumed


def test_a_lost_work_directory_starts_all_over(killed):
    launched, ended, _resumed = killed
    assert "Cached process" not in launched.output.read_text()
    assert any("READ_CELLRANGER" in name for name in ended)


def test_after_kill_9_no_finished_task_runs_again(killed):
    _launched, ended, resumed = killed
    assert resumed.status == 0, resumed.printed
    cached = {row["name"] for row in resumed.tasks() if row["status"] == "CACHED"}
    executed = {row["name"] for row in resumed.tasks()} - cached
    assert {"READ_CELLRANGER", "QC", "INTEGRATE"} <= {name.split(":")[-1].split()[0] for name in ended}
    assert ended <= cached
    assert any("CASE_REPORT" in name for name in executed)


def test_a_resumed_run_has_the_results_of_an_undisturbed_one(undisturbed, killed):
    _launched, _ended, resumed = killed
    assert differences(undisturbed.results, resumed.results) == []
