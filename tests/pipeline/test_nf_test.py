"""The nf-test suite in tests/nf, run where nf-test is installed; test_nf_files.py reads it everywhere.

Only its stubs are run here: 65 starts of Nextflow, 12 minutes of one processor. `make test-nf` runs steps on data too.
"""

import shutil
import subprocess

import pytest

from pipeline.conftest import PROJECT, environment


def test_stub_runs_of_every_process_room_and_profile():
    if not shutil.which("nf-test", path=environment()["PATH"]):
        pytest.skip("nf-test is not on the PATH: the suite in tests/nf did not run")
    finished = subprocess.run(
        ["nf-test", "test", "--ci", "--tag", "stub"],
        cwd=PROJECT,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
