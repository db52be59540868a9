"""What all commands have in common: versions, sentences instead of tracebacks, and what is tried again."""

from importlib import import_module

from _cli import FULL, closure, command, multiqc_section, packages
from _errors import InputError

import click
import pytest
from click.testing import CliRunner
from conftest import PROJECT


def ended(tmp_path, monkeypatch, error, **options):
    """Exit status and output of a command that ends with an error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NXF_TASK_WORKDIR", raising=False)

    @command()
    @click.option("--sample")
    def main(sample):
        """Fails."""
        raise error

    result = CliRunner().invoke(main, [word for name, value in options.items() for word in (f"--{name}", value)])
    return result.exit_code, result.output


def test_what_a_user_can_mend_is_one_sentence(tmp_path, monkeypatch):
    status, printed = ended(tmp_path, monkeypatch, InputError("mrd.csv: row 3 has no clone; name it"))
    assert (status, printed) == (1, "Error: mrd.csv: row 3 has no clone; name it\n")
    assert not (tmp_path / "traceback.log").exists()


def test_an_unexpected_error_says_that_it_is_one_and_keeps_its_traceback(tmp_path, monkeypatch):
    status, printed = ended(tmp_path, monkeypatch, KeyError("clone"), sample="P1_T1")
    assert status == 1 and "Traceback" not in printed
    assert printed.startswith("Error: internal error in test_cli of P1_T1 (KeyError: 'clone')")
    log = (tmp_path / "traceback.log").read_text()
    assert str(tmp_path / "traceback.log") in printed and "Traceback" in log and "KeyError: 'clone'" in log


COMMANDS = sorted(path.stem for path in (PROJECT / "bin").glob("*.py") if not path.name.startswith("_"))


def acceptable(option: click.Parameter, folder) -> list[str]:
    """Words that give a required option or argument a value of its type; none where it may be left out."""
    if not option.required:
        return []
    kind = option.type
    if isinstance(kind, click.Path):
        value = folder if not kind.file_okay else folder / "file.tsv"
    else:
        value = kind.choices[0] if isinstance(kind, click.Choice) else 1 if "int" in kind.name else "x"
    return [str(value)] if isinstance(option, click.Argument) else [option.opts[0], str(value)]


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("fault", [KeyError("planted"), InputError("planted"), FileNotFoundError(2, "planted", "x")])
def test_a_fault_in_a_command_is_no_error_of_its_input_unless_it_is_declared_one(name, fault, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NXF_TASK_WORKDIR", str(tmp_path))
    (tmp_path / "file.tsv").touch()
    main = import_module(name).main
    body = dict(zip(main.callback.__code__.co_freevars, main.callback.__closure__, strict=True))["main"]

    def broken(**_options):
        raise fault

    whole, body.cell_contents = body.cell_contents, broken
    try:
        words = [word for option in main.params for word in acceptable(option, tmp_path)]
        result = CliRunner().invoke(main, words)
    finally:
        body.cell_contents = whole
    assert result.exit_code == 1 and "Traceback" not in result.output
    log = tmp_path / "traceback.log"
    if isinstance(fault, InputError):
        assert result.output == "Error: planted\n" and not log.exists()
    else:
        assert f"internal error in {name}" in result.output and str(log) in result.output
        assert "in broken" in log.read_text() and "planted" in log.read_text()


MARKUP = "<svg onload='x'>\"a\"/b"


def test_what_multiqc_shows_is_text():
    rows = {MARKUP: {MARKUP: MARKUP, "share": 0.5}, 7: {"list": [MARKUP]}}
    section = multiqc_section(
        "x", MARKUP, MARKUP, "table", rows, {"ylab": MARKUP}, headers={MARKUP: {"title": MARKUP}}, categories=[MARKUP]
    )
    assert not set("<>\"'") & set("".join(texts(section)))
    assert section["data"]["&lt;svg onload=&#x27;x&#x27;&gt;&quot;a&quot; and b"]["share"] == 0.5


def texts(content) -> list[str]:
    """Every text of maps and lists, names too."""
    if isinstance(content, dict):
        return [text for pair in content.items() for part in pair for text in texts(part)]
    return [text for part in content for text in texts(part)] if isinstance(content, list) else [str(content)]


DISK = [OSError(code, "No space left on device", "out.parquet") for code in FULL]
DISK += [OSError("Can't write data (errno = 28, error message = 'No space left on device', out.parquet)")]  # HDF5's


@pytest.mark.parametrize("error", [MemoryError(), *DISK])
def test_what_more_memory_or_space_mends_is_not_the_commands_own_error(tmp_path, monkeypatch, error):
    status, printed = ended(tmp_path, monkeypatch, error)
    assert status == 75 and "Traceback" not in printed
    if isinstance(error, OSError):
        assert f"{error.filename or tmp_path}: No space left on device" in printed


def test_the_closure_follows_modules_through_modules():
    names = [path.name for path in closure(PROJECT / "bin" / "fates.py")]
    assert {"fates.py", "_cli.py", "_errors.py", "_shares.py"} <= set(names)
    assert "click" in packages(PROJECT / "bin" / "fates.py") and "celltypist" not in packages(
        PROJECT / "bin" / "fates.py"
    )
