"""What all commands have in common: versions, sentences instead of tracebacks, and what is tried again."""

import errno

from _cli import closure, command, packages
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


@pytest.mark.parametrize("error", [MemoryError(), OSError(errno.ENOSPC, "No space left on device", "out.parquet")])
def test_what_more_memory_or_space_mends_is_not_the_commands_own_error(tmp_path, monkeypatch, error):
    status, printed = ended(tmp_path, monkeypatch, error)
    assert status == 75 and "Traceback" not in printed
    if isinstance(error, OSError):
        assert "out.parquet: No space left on device" in printed


def test_the_closure_follows_modules_through_modules():
    names = [path.name for path in closure(PROJECT / "bin" / "fates.py")]
    assert {"fates.py", "_cli.py", "_errors.py", "_shares.py"} <= set(names)
    assert "click" in packages(PROJECT / "bin" / "fates.py") and "celltypist" not in packages(
        PROJECT / "bin" / "fates.py"
    )
