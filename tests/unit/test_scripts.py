"""What every script of bin/ must be for a task that names it."""

import os

import pytest
from conftest import PROJECT


@pytest.mark.parametrize("script", sorted((PROJECT / "bin").glob("*.py")), ids=lambda path: path.name)
def test_a_task_can_call_the_script_by_its_name(script):
    assert os.access(script, os.X_OK), f"chmod +x bin/{script.name}"
    assert script.read_text().startswith("#!/usr/bin/env python3\n")
