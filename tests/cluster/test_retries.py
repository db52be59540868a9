"""Jobs that Slurm ends, over their memory, over their time or without a word, are run again with more of both."""

import pytest


@pytest.fixture(scope="module")
def attempts(retries):
    """Both rows of the trace of each process."""
    run = retries.join()
    assert run.status == 0, run.printed
    rows: dict[str, list[dict[str, str]]] = {}
    for row in sorted(run.tasks(), key=lambda row: int(row["attempt"])):
        rows.setdefault(row["process"], []).append(row)
    for first, second in rows.values():
        assert (first["status"], second["status"]) == ("FAILED", "COMPLETED")
    return rows


def test_a_job_over_its_memory_gets_more(attempts, cluster):
    first, second = attempts["TOO_LARGE"]
    # The kernel kills where it may limit a group of processes (exit 137), else slurmd does.
    assert cluster.jobs()[first["native_id"]]["JobState"] == ("OUT_OF_MEMORY" if first["exit"] == "137" else "FAILED")
    requested = [cluster.jobs()[row["native_id"]]["Tres"] for row in (first, second)]
    assert "mem=100M" in requested[0] and "mem=200M" in requested[1]


def test_a_job_over_its_time_gets_more(attempts, cluster):
    first, second = attempts["TOO_SLOW"]
    assert first["exit"] == "140"  # the signal that Slurm sends ahead of the limit, as Nextflow asks it to
    assert [cluster.jobs()[row["native_id"]]["TimeLimit"] for row in (first, second)] == ["1", "2"]


def test_a_job_that_left_no_exit_status_is_run_again(attempts, cluster):
    first, second = attempts["LOST"]
    assert first["exit"] in ("-", "2147483647")
    requested = [cluster.jobs()[row["native_id"]]["Tres"] for row in (first, second)]
    assert "mem=1G" in requested[0] and "mem=2G" in requested[1]


def test_queue_account_and_options_reach_slurm(attempts, retries, cluster):
    for job in cluster.jobs().values():
        if job["WorkDir"].startswith(str(retries.results.parent)):
            assert (job["Partition"], job["Account"]) == ("main", "lab42")
    for script in retries.results.parent.glob("work/*/*/.command.run"):
        assert "#SBATCH --comment=mine --nice=10\n" in script.read_text()
