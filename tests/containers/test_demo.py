"""The demo in containers with all taken away that a cloud's tasks do not have: the same tables as on this machine."""

import os
import re
import shutil
import subprocess
import sys

import pytest
from compare_results import differences
from pipeline.conftest import PROJECT, nextflow_run

# Read by every bash of a task, in the container: what the task sees of the world.
PROBE = """
{
    echo "uid $(id -u)"
    echo "python $(command -v python3)"
    echo "networks $(tail -n +3 /proc/net/dev | cut -d: -f1 | xargs)"
    echo "project $(ls -A "$PROJECT" | xargs)"
    echo "image $(touch /probe-here 2>/dev/null && echo writable || echo read-only)"
} >"/probe/$HOSTNAME.$$" 2>/dev/null
"""

PARITY = """
process.stageInMode  = 'copy'
process.stageOutMode = 'copy'
process.scratch      = true
podman.runOptions    = '{profile} --read-only --env BASH_ENV=/probe/probe.sh --env PROJECT={project} --volume {probe}:/probe'
"""


@pytest.fixture(scope="module")
def runs(engine, images, request):
    """The same case on this machine and in containers: folder with `local` and `contained`, and the probe's folder."""
    folder, work, probe = (engine.folder(name) for name in ("launch", "work", "probe"))
    request.addfinalizer(lambda: [shutil.rmtree(path, ignore_errors=True) for path in (folder, work, probe)])
    case = [sys.executable, PROJECT / "tests" / "simulate_case.py", "--out", folder / "case", "--cells", "2000"]
    subprocess.run(case, check=True, capture_output=True)

    local = nextflow_run(folder, "-profile", "demo", "-work-dir", folder / "local_work", results="local")
    assert local.status == 0, local.printed

    (probe / "probe.sh").write_text(PROBE)
    nextflow = {
        "PATH": f"{engine.project / '.runtime'}:{os.environ['PATH']}",
        "NXF_HOME": str(folder / "nextflow"),
        "NXF_OFFLINE": "true",
        "NXF_ANSI_LOG": "false",
    }
    for path in (folder, probe):
        subprocess.run(["chown", "-R", str(engine.uid), path], check=True)
    shown = engine.run("nextflow", "config", "-flat", "-profile", "podman", engine.project, env=nextflow)
    profile = re.search(r"^podman\.runOptions = '(.*)'$", shown, flags=re.MULTILINE)[1]
    assert "--network none" in profile
    settings = probe / "parity.config"
    settings.write_text(PARITY.format(profile=profile, project=engine.project, probe=probe))
    engine.run(
        "nextflow",
        "-c",
        settings,
        "run",
        engine.project,
        *("-profile", "demo,podman", "-work-dir", work, "--outdir", "contained"),
        cwd=folder,
        env=nextflow,
    )
    return folder, work, probe


def seen(probe) -> list[dict[str, str]]:
    """What every bash of every task saw."""
    records = [path.read_text() for path in probe.iterdir() if path.suffix not in (".sh", ".config")]
    return [dict((line + " ").split(" ", 1) for line in record.splitlines()) for record in records]


def test_tables_are_those_of_the_local_run(runs):
    folder, _work, _probe = runs
    assert differences(folder / "local", folder / "contained") == []


def test_every_task_ran_in_a_container(runs):
    folder, work, _probe = runs
    tasks = (folder / "contained" / "pipeline_info" / "trace.tsv").read_text().splitlines()[1:]
    commands = [path.read_text() for path in work.glob("*/*/.command.run")]
    assert len(commands) == len(tasks) > 30
    assert all("podman run " in command and "localhost/clonewatch-" in command for command in commands)


def test_tasks_have_the_containers_python_and_no_rights(runs, engine):
    views = seen(runs[2])
    assert len(views) > 30
    assert {view["python"].strip() for view in views} == {"/opt/clonewatch/bin/python3"}
    assert {view["uid"].strip() for view in views} == {str(engine.uid)} != {"0"}
    assert {view["image"].strip() for view in views} == {"read-only"}


def test_tasks_have_no_network_and_nothing_of_the_project_but_bin(runs):
    views = seen(runs[2])
    assert {view["networks"].strip() for view in views} == {"lo"}
    assert {view["project"].strip() for view in views} == {"bin"}
