"""The nf-test files, read without nf-test: they keep to the processes they test."""

import ast
import json
import re
from fnmatch import fnmatch
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
SUITE = PROJECT / "tests" / "nf"


def processes() -> dict[str, tuple[Path, str]]:
    """Name: (module file, its text)."""
    modules = {path: path.read_text(encoding="utf-8") for path in PROJECT.glob("modules/*/*.nf")}
    return {
        name: (path, text)
        for path, text in modules.items()
        for name in re.findall(r"^process (\w+)", text, re.M)
    }


PROCESSES = processes()
GROUPS = json.loads((PROJECT / "nextflow_schema.json").read_text(encoding="utf-8"))["$defs"].values()
PARAMETERS = {name: entry for group in GROUPS for name, entry in group["properties"].items()}


def block(process: str, name: str) -> list[str]:
    """Declarations of a process's `input:` or `output:`, one per line."""
    text = PROCESSES[process][1]
    found = re.search(rf"^ +{name}:\n(.*?)\n\n", text, re.M | re.S)
    return [re.sub(r"//.*", "", line).strip() for line in found[1].splitlines()] if found else []


def emits(process: str) -> set[str]:
    """Names of a process's output channels."""
    return {name for line in block(process, "output") for name in re.findall(r"emit: (\w+)", line)}


def files_of(process: str) -> list[str]:
    """Names of the files in a task's folder, X for what a run decides."""
    patterns = [
        pattern
        for line in block(process, "output")
        for pattern in re.findall(r"path\(?\s*[\"']([^\"']+)", line)
    ]
    patterns += re.findall(r"stageAs: '([^']+)'", PROCESSES[process][1])
    names = []
    for pattern in patterns:
        pattern = re.sub(r"\$\{[^}]+\}|\*", "X", pattern)
        choice = re.search(r"\{([^}]+)\}", pattern)
        for word in choice[1].split(",") if choice else [""]:
            names.append(pattern.replace(choice[0], word) if choice else pattern)
    return names


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


def written_by(reference: str) -> bool:
    """Whether a task of the reference's process has a file of its name."""
    process, name = reference.split("/", 1)
    of_any = re.sub(r"^[\w-]+\.", "X.", name)
    return any(fnmatch(file, name) or fnmatch(file, of_any) for file in files_of(process))


TESTS = sorted(SUITE.glob("modules/*/*.nf.test"))
ROOMS = sorted(SUITE.glob("rooms/*.nf.test"))
PIPELINE = sorted(SUITE.glob("pipeline/*.nf.test"))
# The others start no task and have no results to list.
WHOLE = [path for path in PIPELINE if "Whole.tests(" in path.read_text(encoding="utf-8")]


def field(text: str, name: str) -> str:
    return re.search(rf'^    {name} "([^"]+)"', text, re.M)[1]


def emitted(script: Path) -> set[str]:
    """Names of what a room's workflow emits."""
    block = re.search(r"emit:\n(.*?)\n}", script.read_text(encoding="utf-8"), re.S)[1]
    return set(re.findall(r"^\s+(\w+)\s*=", block, re.M))


def test_every_process_has_its_file_and_every_room_its_own():
    expected = {f"{path.parent.name}/{name.lower()}" for name, (path, _text) in PROCESSES.items()}
    assert {f"{path.parent.name}/{path.name.removesuffix('.nf.test')}" for path in TESTS} == expected
    rooms = {path.parent.name for path in PROJECT.glob("modules/*/main.nf")}
    assert {path.name.removesuffix(".nf.test") for path in ROOMS} == rooms


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_a_process_is_given_what_it_declares(path):
    text = path.read_text(encoding="utf-8")
    process = field(text, "process")
    module, _source = PROCESSES[process]
    assert PROJECT / field(text, "script") == module and path.name == f"{module.stem}.nf.test"
    inputs = literal(re.search(r"Step\.tests\(delegate, '\w+', (\[.*?^    \])\)", text, re.M | re.S)[1])
    declared = block(process, "input")
    assert len(inputs) == len(declared)
    for given, declaration in zip(inputs, declared, strict=True):
        if declaration.startswith("tuple"):
            assert len(given) == len(re.findall(r"\b(?:val|path)\(", declaration)), declaration
    for reference in references(inputs):
        if re.match(r"[A-Z_]+/", reference):
            assert written_by(reference), reference
        elif "/" in reference:
            assert (PROJECT / reference).exists(), reference
    assert set(re.findall(r"\bout\.(\w+)", text)) <= emits(process)


@pytest.mark.parametrize("path", ROOMS, ids=lambda path: path.name)
def test_a_room_is_given_what_it_takes(path):
    text = path.read_text(encoding="utf-8")
    script = PROJECT / field(text, "script")
    source = script.read_text(encoding="utf-8")
    taken = re.search(r"take:\n(.*?)\n\n", source, re.S)[1]
    assert f"workflow {field(text, 'workflow')} {{" in source
    takes = [line for line in taken.splitlines() if not line.strip().startswith("//")]
    assert re.findall(r"input\[(\d+)\] =", text) == [str(i) for i in range(len(takes))]
    for reference in re.findall(r"\bof '([^']+)'", text):
        exists = written_by(reference) if reference[0].isupper() else (PROJECT / reference).exists()
        assert exists, reference
    assert set(re.findall(r"\bout\.(\w+)", text)) <= emitted(script)


def snapshots(path: Path) -> dict[str, object]:
    """Name of a test: what its snapshot holds."""
    snap = json.loads(Path(f"{path}.snap").read_text(encoding="utf-8"))
    return {name: run["content"][0] for name, run in snap.items()}


@pytest.mark.parametrize("path", [*TESTS, *ROOMS], ids=lambda path: path.name)
def test_a_snapshot_is_of_a_run_of_this_process_or_room(path):
    text = path.read_text(encoding="utf-8")
    names = emits(field(text, "process")) if path in TESTS else emitted(PROJECT / field(text, "script"))
    seen = snapshots(path)
    assert set(seen) == {"stub", re.search(r"(?:Step|Room)\.tests\(delegate, '(\w+)'", text)[1]}
    for content in seen.values():
        assert set(content) == names - {"versions"}


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: path.name)
def test_a_snapshot_of_the_pipeline_lists_what_is_published(path):
    seen = snapshots(path)
    assert set(seen) == {"stub", "data"}
    for published in seen.values():
        assert published == sorted(set(published)) and "report/multiqc_report.html" in published


def test_no_snapshot_outlives_its_tests():
    assert {str(path) for path in SUITE.rglob("*.snap")} == {f"{path}.snap" for path in TESTS + ROOMS + WHOLE}


def profiles(config: Path) -> set[str]:
    """Names in a configuration's `profiles` block."""
    inside = re.search(r"^profiles \{\n(.*?)^\}", config.read_text(encoding="utf-8"), re.M | re.S)[1]
    return set(re.findall(r"^    (\w+)\s*\{", inside, re.M))


def test_every_profile_is_declared_and_tested():
    known = profiles(PROJECT / "nextflow.config")
    assert known <= profiles(PROJECT / "tests" / "nextflow.config")
    assert known <= {field(path.read_text(encoding="utf-8"), "profile") for path in PIPELINE}


def test_no_export_calls_no_step():
    from export import KINDS

    chosen = PARAMETERS["export"]["enum"]
    assert {kind for choice in chosen for kind in choice.split(",")} == {*KINDS, "none"}
    called = re.search(
        r"^( *)EXPORT\(", (PROJECT / "modules/report/main.nf").read_text(encoding="utf-8"), re.M
    )
    before = called.string[: called.start()].rstrip().splitlines()[-1]
    assert before.strip() == "if (settings.export != 'none') {"


def test_results_are_never_moved_away_from_the_tasks_that_read_them():
    assert "move" not in PARAMETERS["publish_mode"]["enum"]


@pytest.mark.parametrize("name", ["focus", "car"])
def test_what_is_quoted_in_a_script_holds_no_apostrophe(name):
    pattern = PARAMETERS[name]["pattern"]
    assert not re.fullmatch(pattern, "NK'; touch x'")
    for text in ("plasma", "CD4 T,CD56dim", "FMC63.*|anti-BCMA"):
        assert re.fullmatch(pattern, text)


def test_names_of_lineages_are_quoted():
    _path, source = PROCESSES["SUBCLUSTER"]
    script = source.split("    script:")[1]
    held = re.findall(r"(.)\$\{(?:name|lineage\.lineage|lineage\.prefix)\}", script)
    assert held and set(held) == {"'"}


def test_lists_that_a_task_is_given_are_sorted():
    source = (PROJECT / "modules" / "report" / "cases.nf").read_text(encoding="utf-8")
    assert "collect(sort: { answer -> answer.name })" in source and ".collect()" not in source
