"""Profiles of other machines, as far as Nextflow resolves them here; the images that a run asks for."""

import json
import re
import subprocess
from fnmatch import fnmatch

import pytest
import yaml

from pipeline.conftest import PROJECT, environment

ROOMS = {"inputs", "cells", "clones", "signals", "tumour", "report"}


def nextflow(folder, *arguments) -> str:
    """What a `nextflow` command prints."""
    command = ["nextflow", *map(str, arguments)]
    finished = subprocess.run(
        command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=300
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def settings(folder, *first, profile: str = "standard") -> dict[str, str]:
    """Name -> value of `nextflow config -flat`; `first` stands before the command's name."""
    printed = nextflow(folder, *first, "config", "-flat", "-profile", profile, PROJECT)
    return dict(re.findall(r"^(\S+) = (.*)$", printed, flags=re.MULTILINE))


@pytest.mark.parametrize("engine", ["docker", "podman", "singularity", "apptainer"])
def test_a_container_profile_turns_on_its_engine_and_no_other(tmp_path, engine):
    shown = settings(tmp_path, profile=engine)
    enabled = {name: value for name, value in shown.items() if name.endswith(".enabled") and value == "true"}
    reports = {"trace.enabled", "timeline.enabled", "report.enabled", "dag.enabled"}
    assert enabled.keys() - reports == {f"{engine}.enabled"}
    if engine in ("docker", "podman"):
        assert "--network none" in shown[f"{engine}.runOptions"]


def test_every_process_has_its_rooms_image(tmp_path):
    inspected = nextflow(
        tmp_path,
        "inspect",
        PROJECT,
        "-profile",
        "podman",
        "--input",
        "samples.csv",
        "--registry",
        "lab.example/cw",
    )
    images = {row["name"]: row["container"] for row in json.loads(inspected)["processes"]}
    version = re.search(r"version\s+= '(.+)'", (PROJECT / "nextflow.config").read_text())[1]
    labels = {}
    for module in (PROJECT / "modules").glob("*/*.nf"):
        text = module.read_text()
        for name in re.findall(r"^process (\w+)", text, flags=re.MULTILINE):
            labels[name] = re.search(
                rf"process {name}\b.*?label '({'|'.join(ROOMS)})'", text, flags=re.DOTALL
            )[1]
    assert images.keys() == labels.keys()
    assert images == {name: f"lab.example/cw/clonewatch-{room}:{version}" for name, room in labels.items()}
    assert set(labels.values()) == ROOMS


def test_awsbatch_resolves(tmp_path):
    (tmp_path / "site.config").write_text("aws.region = 'eu-central-1'\naws.batch.cliPath = '/opt/aws'\n")
    shown = settings(tmp_path, "-c", "site.config", profile="awsbatch")
    assert shown["process.executor"] == "'awsbatch'"
    assert shown["process.queue"] == "{ params.queue }"
    assert shown["aws.batch.maxSpotAttempts"] == "5"
    assert (shown["aws.region"], shown["aws.batch.cliPath"]) == ("'eu-central-1'", "'/opt/aws'")
    assert "aws.batch.cliPath" not in settings(tmp_path, profile="awsbatch")


def snippets() -> dict[str, str]:
    """Name of a file: a configuration block of docs/executors, which a user may keep in a file."""
    return {
        f"{page.stem}_{number}.config": block
        for page in sorted((PROJECT / "docs" / "executors").glob("*.md"))
        for number, block in enumerate(re.findall(r"```groovy\n(.*?)```", page.read_text(), flags=re.DOTALL))
    }


def test_the_configurations_that_the_pages_show_resolve(tmp_path):
    blocks = snippets()
    assert {name.split("_")[0] for name in blocks} >= {"awsbatch", "clouds", "containers", "slurm"}
    for name, block in blocks.items():
        (tmp_path / name).write_text(block)
    checked = nextflow(tmp_path, "lint", *blocks)
    assert "had no errors" in checked
    together = [word for name in blocks for word in ("-c", name)]
    shown, plain = settings(tmp_path, *together), settings(tmp_path)
    assert {name for name in shown if shown[name] != plain.get(name)}


def test_the_platforms_report_list_names_all_pages_of_a_run():
    headings = [
        name.replace("<patient>", "P1")
        for page in (PROJECT / "docs" / "outputs").glob("*.md")
        for name in re.findall(r"^### `(.+)`", page.read_text(), flags=re.MULTILINE)
    ]
    reports = yaml.safe_load((PROJECT / "tower.yml").read_text())["reports"]
    assert all(entry["display"] for entry in reports.values())
    for pattern in reports:
        assert [name for name in headings if fnmatch(name, pattern)], pattern
    pages = [name for name in headings if name.endswith(".html")]
    assert len(pages) >= 3
    assert all(any(fnmatch(name, pattern) for pattern in reports) for name in pages)
