"""Profiles of other machines, as far as Nextflow resolves them here; the images that a run asks for."""

import json
import re
import subprocess
from pathlib import PurePath

import yaml
from benchmarks import resources
from helpers.architecture import ROOMS, read_processes
from helpers.sheets import liao_rows, write_sheet

from pipeline.conftest import PROJECT, environment, nextflow_run


def nextflow(folder, *arguments) -> str:
    """What a `nextflow` command prints."""
    command = ["nextflow", *map(str, arguments)]
    finished = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, timeout=300)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def settings(folder, *first, profile: str = "standard") -> dict[str, str]:
    """Name -> value of `nextflow config -flat`; `first` stands before the command's name."""
    printed = nextflow(folder, *first, "config", "-flat", "-profile", profile, PROJECT)
    shown = dict(re.findall(r"^(\S+) = (.*)$", printed, flags=re.MULTILINE))
    # A map is one value in Nextflow 25, and a line per key in 26: here it is both ways one entry per key.
    for name, text in list(shown.items()):
        if re.fullmatch(r"\[\w+:.*\]", text):
            shown |= {f"{name}.{key}": value for key, value in re.findall(r"(\w+):('[^']*'|[^,\]]+)", text)}
    return shown


def test_a_container_profile_turns_on_its_engine_and_no_other(tmp_path):
    printed = nextflow(tmp_path, "config", "-flat", "-show-profiles", PROJECT)
    enabled = re.findall(r"^profiles\.(\w+)\.(\w+)\.enabled = true$", printed, flags=re.MULTILINE)
    assert sorted(enabled) == [(name, name) for name in ("apptainer", "docker", "podman", "singularity")]
    for engine in ("docker", "podman"):
        assert re.search(rf"^profiles\.{engine}\.{engine}\.runOptions = '.*--network none'$", printed, re.MULTILINE)


def expected_images(registry: str) -> dict[str, str]:
    """Name of a process -> the image of its room, the folder of its file."""
    version = re.search(r"version\s+= '(.+)'", (PROJECT / "nextflow.config").read_text())[1]
    rooms = {name: process.room for name, process in read_processes().items()}
    return {name: f"{registry}/clonewatch-{room}:{version}" for name, room in rooms.items()}


def test_every_process_has_its_rooms_image(tmp_path):
    given = ["-profile", "podman", "--input", "samples.csv", "--registry", "lab.example/cw"]
    inspected = nextflow(tmp_path, "inspect", PROJECT, *given)
    images = {row["name"]: row["container"] for row in json.loads(inspected)["processes"]}
    assert images == expected_images("lab.example/cw")


def test_awsbatch_resolves(tmp_path):
    (tmp_path / "site.config").write_text("aws.region = 'eu-central-1'\naws.batch.cliPath = '/opt/aws'\n")
    shown = settings(tmp_path, "-c", "site.config", profile="awsbatch")
    assert shown["process.executor"] == "'awsbatch'"
    assert shown["process.queue"] == "{ params.queue }"
    assert shown["process.resourceLabels.pipeline"] == "'clonewatch'"
    assert (shown["aws.region"], shown["aws.batch.cliPath"]) == ("'eu-central-1'", "'/opt/aws'")
    # A machine taken back is Batch's to replace; what fails otherwise is Nextflow's to try again.
    assert shown["aws.batch.maxSpotAttempts"] == "5"
    assert shown["process.maxRetries"] == "2" and "'retry'" in shown["process.errorStrategy"]
    images = [value for name, value in shown.items() if name.endswith(".container")]
    assert {room for image in images for room in re.findall(r"/clonewatch-(\w+):", image)} == set(ROOMS)
    # How tasks reach the bucket is the site's to say, and no engine of this machine is asked for.
    left_open = settings(tmp_path, profile="awsbatch")
    ways = ("aws.batch.cliPath", "fusion.", "wave.", "docker.", "podman.", "singularity.", "apptainer.")
    assert not [name for name in left_open if name.startswith(ways)]


def test_what_tasks_ask_of_batch(tmp_path, data):
    """The queue, image and resources of every task: a stub run with the profile but its executor, a plugin."""
    (tmp_path / "here.config").write_text(
        "process.executor = 'local'\nprofiles { awsbatch {} }\n"
        "trace { raw = true; fields = 'process,queue,container,cpus,memory,time' }\n"
    )
    templates = PROJECT / "assets" / "templates"
    tables = [x for name in ("mrd", "clinical", "fish") for x in (f"--{name}", templates / f"{name}.csv")]
    run = nextflow_run(
        tmp_path,
        *("-c", "here.config", "-profile", "awsbatch", "-stub-run"),
        *("--input", write_sheet(tmp_path / "samples.csv", liao_rows(data, C146={"patient": "P1"})[:1]), *tables),
        *("--queue", "spot", "--region", "eu-central-1", "--registry", "lab.example/cw"),
    )
    assert run.status == 0, run.printed
    images = expected_images("lab.example/cw")
    tasks = [{**row, "process": row["process"].split(":")[-1]} for row in run.tasks()]
    assert {row["process"] for row in tasks} == images.keys() - {"COHORT_REPORT"}  # needs two patients
    for row in tasks:
        # Without an engine, Nextflow 26 traces no image.
        assert row["queue"] == "spot" and row["container"] in (images[row["process"]], "-")
        # Whole processors, whole MiB, a GiB of them for moving files, and a time limit of no less than a minute.
        assert int(row["cpus"]) >= 1
        assert int(row["memory"]) % 2**20 == 0 and int(row["memory"]) > 2**30
        assert int(row["time"]) >= 60_000


def test_every_process_asks_for_the_memory_that_the_page_says():
    page = (PROJECT / "docs" / "executors" / "resources.md").read_text()
    rows = re.findall(r"^\| ([A-Z_]+) \| (\w+) \| ([\d.]+ GB(?: \+ [\d.]+ x)?) \|", page, flags=re.MULTILINE)
    assert {name: (label, asked) for name, label, asked in rows} == resources.requests()


def test_steps_of_samples_and_patients_are_job_arrays(tmp_path):
    """Members of an array share one request, so that no step of them asks for memory by its input."""
    shown = settings(tmp_path, profile="slurm")
    arrays = {name: value for name, value in shown.items() if name.endswith(".array")}
    assert list(arrays.values()) == ["100"] and "withLabel:sample|patient" in next(iter(arrays))
    for name, process in read_processes().items():
        unit = re.findall(r'^    tag "\$\{meta\.(sample|patient)\}"$', process.text, re.MULTILINE)
        assert sorted({"sample", "patient"} & set(process.labels)) == unit, name
        assert not unit or "by_input" not in process.labels, name


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


def published() -> list[str]:
    """Results of whole runs, of one patient and of several, as nf-test listed them."""
    suite = PROJECT / "tests" / "nf" / "pipeline"
    snapshots = [json.loads((suite / f"{name}.nf.test.snap").read_text()) for name in ("demo", "demo_real")]
    return [name for snapshot in snapshots for name in snapshot["data"]["content"][0]]


def test_the_platforms_report_list_names_all_pages_of_a_run():
    """A pattern is compared with the end of a published path, `*` with one part of it."""
    reports = yaml.safe_load((PROJECT / "tower.yml").read_text())["reports"]
    assert all(entry["display"] for entry in reports.values())
    names = published()
    for pattern in reports:
        assert [name for name in names if PurePath(name).match(pattern)], pattern
    pages = {name for name in names if name.endswith(".html")}
    assert len(pages) >= 5
    assert not [name for name in pages if not any(PurePath(name).match(pattern) for pattern in reports)]
