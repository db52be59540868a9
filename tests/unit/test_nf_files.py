"""The nf-test files, read without nf-test: one for every process, room and profile, given what they declare."""

import ast
import json
import re
from fnmatch import fnmatch
from pathlib import Path

import pytest
from conftest import PROJECT
from helpers import architecture as house

SUITE = PROJECT / "tests" / "nf"
PROCESSES = house.read_processes()
TESTS = sorted(SUITE.glob("modules/*/*.nf.test"))
ROOMS = sorted(SUITE.glob("rooms/*.nf.test"))
PIPELINE = sorted(SUITE.glob("pipeline/*.nf.test"))
# The others start no task and have no results to list.
WHOLE = [path for path in PIPELINE if "Whole.tests(" in path.read_text(encoding="utf-8")]


def literal(groovy: str) -> list:
    """A Groovy list of lists, maps, strings and numbers as Python; a variable is its name."""
    tokens = re.findall(r"'[^']*'|\w+(?=:)|[\w.]+|[\[\],:]", groovy)
    text, opened = [], []
    for token, following in zip(tokens, [*tokens[1:], ""], strict=True):
        if token == "[":
            opened.append("{}" if re.fullmatch(r"\w+", following) and f"{following}:" in groovy else "[]")
            text.append(opened[-1][0])
        elif token == "]":
            text.append(opened.pop()[1])
        else:
            text.append(repr(token) if token[0].isalpha() else token)
    return ast.literal_eval("".join(text))


def references(value) -> list[str]:
    """All strings in nested lists and maps."""
    if isinstance(value, dict):
        value = list(value.values())
    return [text for item in value for text in references(item)] if isinstance(value, list) else [str(value)]


def exists(reference: str) -> bool:
    """Whether a task of PROCESS writes a file that `PROCESS/file` names, or the project has the file."""
    process, name = reference.split("/", 1)
    if process not in PROCESSES:
        return (PROJECT / reference).exists()
    staged = re.findall(r"stageAs: '([^']+)'", PROCESSES[process].text)
    files = [file for output in PROCESSES[process].outputs for file in output.files] + staged
    # Either side may leave open a part of the name.
    return any(
        fnmatch(re.sub(r"<\w+>|\*", "X", file), name) or fnmatch(name, re.sub(r"<\w+>", "*", file)) for file in files
    )


def field(path: Path, name: str) -> str:
    return re.search(rf'^    {name} "([^"]+)"', path.read_text(encoding="utf-8"), re.M)[1]


def emits(path: Path) -> set[str]:
    """What the process or room of a test file emits, versions apart."""
    if path in TESTS:
        return {output.emit or "published" for output in PROCESSES[field(path, "process")].outputs}
    text = (PROJECT / field(path, "script")).read_text(encoding="utf-8")
    emitted = re.search(r"^    emit:\n(.*?)^\}", text, re.M | re.S)
    return set(re.findall(r"^    (\w+) *=", emitted[1] if emitted else "", re.M)) or {"published"}


def test_every_process_room_and_profile_has_its_file_and_no_other_has():
    expected = {f"{process.room}/{name.lower()}" for name, process in PROCESSES.items()}
    assert {f"{path.parent.name}/{path.name.removesuffix('.nf.test')}" for path in TESTS} == expected
    assert {path.name.removesuffix(".nf.test") for path in ROOMS} == set(house.ROOMS)
    assert {str(path) for path in SUITE.rglob("*.snap")} == {f"{path}.snap" for path in TESTS + ROOMS + WHOLE}
    known = profiles(PROJECT / "nextflow.config")
    assert known <= profiles(PROJECT / "tests" / "nextflow.config")
    assert known <= {field(path, "profile") for path in PIPELINE}


def profiles(config: Path) -> set[str]:
    """Names in a configuration's `profiles` block."""
    inside = re.search(r"^profiles \{\n(.*?)^\}", config.read_text(encoding="utf-8"), re.M | re.S)[1]
    return set(re.findall(r"^    (\w+)\s*\{", inside, re.M))


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_a_process_is_given_what_it_declares(path):
    text = path.read_text(encoding="utf-8")
    process = PROCESSES[field(path, "process")]
    assert PROJECT / field(path, "script") == process.path
    inputs = literal(re.search(r"Step\.tests\(delegate, '\w+', (\[.*?^    \])[,)]", text, re.M | re.S)[1])
    declared = process.declarations("input")
    assert len(inputs) == len(declared)
    for given, declaration in zip(inputs, declared, strict=True):
        if declaration.startswith("tuple"):
            assert len(given) == len(re.findall(r"\b(?:val|path)\(", declaration)), declaration
    for reference in references(inputs):
        if re.match(r"[A-Z_]+/|assets/|tests/", reference):
            assert exists(reference), reference
    assert set(re.findall(r"\bout\.(\w+)", text)) <= emits(path)


@pytest.mark.parametrize("path", ROOMS, ids=lambda path: path.name)
def test_a_room_is_given_what_it_takes(path):
    text = path.read_text(encoding="utf-8")
    taken = re.search(r"^    take:\n(.*?)^    main:", (PROJECT / field(path, "script")).read_text(), re.M | re.S)[1]
    takes = re.findall(r"^    \w+", house.without_comments(taken), re.M)
    assert re.findall(r"input\[(\d+)\] =", text) == [str(i) for i in range(len(takes))]
    for reference in re.findall(r"\bof '([^']+)'", text):
        assert exists(reference), reference
    assert set(re.findall(r"\bout\.(\w+)", text)) <= emits(path)


def snapshots(path: Path) -> dict[str, object]:
    """Name of a test: what its snapshot holds."""
    snap = json.loads(Path(f"{path}.snap").read_text(encoding="utf-8"))
    return {name: run["content"][0] for name, run in snap.items()}


@pytest.mark.parametrize("path", [*TESTS, *ROOMS], ids=lambda path: path.name)
def test_a_snapshot_is_of_this_process_or_room_as_it_is(path):
    seen = snapshots(path)
    run = re.search(r"(?:Step|Room)\.tests\(delegate, '(\w+)'", path.read_text(encoding="utf-8"))[1]
    # A run on data is recorded when nf-test next makes it.
    assert {"stub"} <= set(seen) <= {"stub", run}
    for content in seen.values():
        assert set(content) == emits(path)


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: path.name)
def test_a_snapshot_of_the_pipeline_lists_what_is_published(path):
    seen = snapshots(path)
    assert set(seen) == {"stub", "data"}
    for published in seen.values():
        assert published == sorted(set(published)) and "report/multiqc_report.html" in published
