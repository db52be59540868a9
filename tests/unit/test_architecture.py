"""The house keeps its rules: one command per process, modules below, nothing hidden from a task's hash, nothing unread."""

import ast
import os
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from conftest import PROJECT
from helpers import architecture as house
from helpers.architecture import ROOMS, Process, closure, imports

sys.path.insert(0, str(PROJECT / "conf" / "images"))
from install import locked, needed

BIN = PROJECT / "bin"
FILES = sorted(BIN.glob("*.py"))
COMMANDS = [path for path in FILES if not path.name.startswith("_")]
MODULES = [path for path in FILES if path.name.startswith("_")]
PROCESSES = house.read_processes()
WITHOUT_PROCESS = {"find_samples.py"}
NEXTFLOW = [PROJECT / "main.nf", *sorted(PROJECT.glob("modules/*/*.nf"))]
ROWS = house.read_published()


def by_name(paths_or_processes):
    return pytest.mark.parametrize(
        "item", paths_or_processes, ids=[getattr(item, "name", item) for item in paths_or_processes]
    )


def missing(process: Process, folder: Path = BIN) -> set[str]:
    """Files of bin/ that a process's command runs and that are no word of its script block."""
    return {path.name for path in closure(folder / process.command)} - process.tokens


# A changed line of code makes a new task.


@by_name(list(PROCESSES.values()))
def test_a_script_block_names_every_file_that_its_command_runs_and_no_other(item):
    assert missing(item) == set()
    named = {path.name for path in FILES} & item.tokens
    assert named == {path.name for path in closure(BIN / item.command)}


def test_a_file_named_only_inside_of_a_string_is_missing(tmp_path):
    (tmp_path / "step.py").write_text("from _inner import f\n")
    (tmp_path / "_inner.py").write_text("def later():\n    import _last\n")
    (tmp_path / "_last.py").write_text("")
    text = """
process STEP {
    script:
    def more = wanted ? "step.py --model ${model}" : ''
    \"\"\"
    # code: _inner.py
    ls|_last.py>out
    ${more}
    \"\"\"

    stub:
    \"\"\"
    step.py
    \"\"\"
}
"""
    process = Process("STEP", Path("modules/cells/step.nf"), text)
    assert missing(process, tmp_path) == {"step.py"}
    told = Process("STEP", process.path, text.replace("    ${more}", "    step.py ${model}"))
    assert missing(told, tmp_path) == set()


@by_name(FILES)
def test_a_task_can_run_the_file(item):
    assert item.read_text(encoding="utf-8").startswith("#!/usr/bin/env python3\n")
    assert os.access(item, os.X_OK), f"chmod +x bin/{item.name}"


# One command per process; everything else is a module.


def test_every_process_has_the_command_of_its_name_and_every_command_its_process():
    expected = {process.command for process in PROCESSES.values()}
    assert {path.name for path in COMMANDS} - WITHOUT_PROCESS == expected
    assert len(COMMANDS) <= 40
    for name, process in PROCESSES.items():
        assert process.path.name == f"{name.lower()}.nf", process.path
        assert [label for label in process.labels if label in ROOMS] == [process.room], process.path
        assert len(set(process.labels) & {"tiny", "small", "medium", "large", "by_input"}) == 1, process.path


def test_modules_have_no_options_and_no_command_knows_another():
    commands = {path.stem for path in COMMANDS}
    for path in FILES:
        names = imports(path)
        assert not names & commands, f"{path.name} imports a command"
        assert not names & {"subprocess", "runpy", "multiprocessing"}, f"{path.name} starts another"
    for path in MODULES:
        if path.name != "_cli.py":
            assert "click" not in imports(path), path.name
        strings = {node.value for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Constant)}
        assert "__main__" not in strings, path.name


def test_every_module_is_run_by_a_command():
    assert set().union(*map(closure, COMMANDS)) == set(FILES)


# Versions and images hold what is imported, and no more.


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


OWNERS = packages_distributions()
# pandas, anndata and scanpy find these by themselves when such a file is read or written, or such a function is called.
UNSEEN = {"pyarrow": ("read_parquet", "to_parquet"), "scikit-image": ("scrublet",)}


def packages(files: set[Path], unseen: bool = True) -> set[str]:
    """Names of the packages that files of bin/ use, as they are installed."""
    own = {path.stem for path in files} | sys.stdlib_module_names
    names = {normal(owner) for path in files for name in imports(path) - own for owner in OWNERS[name]}
    called = {
        node.attr for path in files for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)
    }
    return names | {name for name, calls in UNSEEN.items() if unseen and called & set(calls)}


COMPILE = {"scanpy", "scirpy", "liana", "decoupler", "umap", "illico"}  # numba compiles what they run


@by_name([path for path in COMMANDS if set().union(*map(imports, closure(path))) & COMPILE])
def test_a_command_keeps_what_numba_compiles_for_it(item):
    assert BIN / "_compiled.py" in closure(item)


@by_name(COMMANDS)
def test_a_command_tells_the_versions_of_the_packages_that_it_imports(item):
    from importlib.metadata import version

    printed = subprocess.run([sys.executable, item, "--version"], capture_output=True, text=True, check=True).stdout
    told = dict(pair.split("=") for pair in printed.split())
    assert {normal(name) for name in told} == packages(closure(item), unseen=False)
    assert told == {name: version(name) for name in told}


@pytest.mark.parametrize("room", ROOMS)
def test_a_rooms_packages_are_those_that_its_commands_import(room):
    commands = [BIN / process.command for process in PROCESSES.values() if process.room == room]
    used = packages(set().union(*map(closure, commands)))
    text = (PROJECT / "modules" / room / "requirements.txt").read_text(encoding="utf-8")
    named = {normal(name) for name in re.findall(r"^([\w.-]+)", text, re.M)}
    assert named == used
    lock = locked((PROJECT / "requirements.lock").read_text(encoding="utf-8"))
    assert used <= needed(lock, room)


def test_python_finds_the_modules_beside_a_command_in_every_image():
    """Neither PYTHONSAFEPATH nor `python -P` or `-I`, which leave out the folder of the script."""
    files = [PROJECT / "Dockerfile", PROJECT / "nextflow.config", *PROJECT.glob("conf/**/*"), *NEXTFLOW]
    for path in files:
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            assert "SAFEPATH" not in text and not re.search(r"python3? -[A-Za-z]*[PI]", text), path


# What is written is read or published.


@pytest.fixture(scope="module")
def flow() -> house.Flow:
    """What the workflows pass on, from main.nf to every process."""
    return house.Flow()


def test_every_channel_is_read(flow):
    emitted = {
        f"{name}.{output.emit}" for name, process in PROCESSES.items() for output in process.outputs if output.emit
    }
    emitted |= {f"{name}.{emit}" for name in flow.workflows for emit in flow.emitted(name)}
    assert emitted - flow.emits_read == set()


@by_name(list(PROCESSES.values()))
def test_every_file_is_read_by_a_later_step_or_published(item, flow):
    read = set().union(*map(flow.reads, PROCESSES))
    for output in item.outputs:
        if f"{item.name}.{output.emit}" not in read and not values_only(f"{item.name}.{output.emit}"):
            for file in output.files:
                assert house.published(item.name, file, ROWS), file


def values_only(emit: str) -> bool:
    """Whether a workflow reads the rows of a table, or subscribes to it, and no process the file."""
    return any(
        re.search(rf"\b{re.escape(emit.replace('.', '.out.'))}\s*\.(splitCsv|subscribe)\b", path.read_text())
        for path in NEXTFLOW
    )


def test_every_row_of_publishing_is_of_files_that_a_process_writes():
    for row in ROWS:
        files = [file for output in PROCESSES[row.process].outputs for file in output.files]
        for pattern in house.expanded(row.pattern):
            only = [house.Row(row.process, row.folder, pattern)]
            assert any(house.published(row.process, file, only) for file in files), row


# Where settings and results are named.


def test_parameters_are_read_in_main_nf_alone_and_nothing_is_published_elsewhere():
    for path in NEXTFLOW:
        text = house.without_comments(path.read_text(encoding="utf-8"))
        if path.name != "main.nf" or path.parent != PROJECT:
            assert not re.search(r"\bparams\b(?!\.json)", text), path
        assert not re.search(r"\b(publishDir|storeDir|templates?)\b|ext\.args", text), path


def test_lists_that_a_task_is_given_have_an_order():
    """A list in the order in which tasks ended would make a resumed run start again."""
    for path in [path for path in NEXTFLOW if path.parent.name != "functions"]:
        assert not re.search(r"\.collect\(\)(?!\.subscribe)", path.read_text(encoding="utf-8")), path


# The page of the house.


def test_the_page_shows_the_files_as_they_are():
    text = house.PAGE.read_text(encoding="utf-8")
    assert house.FIRST in text and house.LAST in text
    assert text == house.page(text, house.tables()), "run tests/helpers/architecture.py"
