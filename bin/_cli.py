#!/usr/bin/env python3
"""What every command has in common: how it is declared, what its `--version` says, and which small files it writes."""

import ast
import contextlib
import errno
import functools
import json
import os
import sys
import traceback
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

try:
    import click
except ModuleNotFoundError:
    home = Path(__file__).resolve().parents[1]
    sys.exit(
        f"Error: {sys.executable} has none of clonewatch's Python packages: run `make setup` in {home}, or choose a profile with "
        "containers, such as -profile docker"
    )
from _errors import InputError

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
PLACE = click.Path(exists=True, path_type=Path)  # a file or a folder

FULL = (errno.ENOSPC, errno.EDQUOT)  # what a full disk or quota says
# Packages that are imported by another name than they are installed by.
INSTALLED_AS = {
    "faiss": "faiss-cpu", "skimage": "scikit-image", "sklearn": "scikit-learn",
    "umap": "umap-learn", "vl_convert": "vl-convert-python", "yaml": "PyYAML",
}  # fmt: skip


def imported_names(source: Path) -> set[str]:
    """Top-level names of all modules that a Python file imports, also inside its functions."""
    nodes = list(ast.walk(ast.parse(source.read_text(encoding="utf-8"))))
    names = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module}
    return {name.split(".")[0] for name in names}


def closure(source: Path) -> list[Path]:
    """A command and all modules of bin/ that it imports, directly or through each other, sorted by name."""
    known, waiting = set(), [source]
    while waiting:
        path = waiting.pop()
        if path not in known:
            known.add(path)
            waiting += [module for name in imported_names(path) if (module := path.with_name(f"{name}.py")).exists()]
    return sorted(known)


def packages(source: Path) -> list[str]:
    """Names, as installed, of the packages that a command and its modules import; sorted."""
    sources = closure(source)
    names = set().union(*map(imported_names, sources)) - {path.stem for path in sources} - sys.stdlib_module_names
    return sorted(INSTALLED_AS.get(name, name) for name in names)


def versions(source: Path) -> str:
    """`name=version name=version` of the packages that a command imports and that are installed here."""
    from importlib.metadata import PackageNotFoundError, version

    found = []
    for name in packages(source):
        try:
            found.append(f"{name}={version(name)}")
        except PackageNotFoundError:
            continue  # an optional one, such as the library of a model that this run does not use
    return " ".join(found)


class Lacking(click.ClickException):
    """Memory or disk space ran out: the exit status is not that of a command's own error, so the task is tried again."""

    exit_code = 75  # EX_TEMPFAIL of sysexits.h


def internal_error(error: Exception, step: str, options: dict[str, Any]) -> click.ClickException:
    """One sentence on an error that no input should cause; its traceback goes into a file beside the task's logs."""
    log = Path(os.environ.get("NXF_TASK_WORKDIR") or Path.cwd()) / "traceback.log"
    with contextlib.suppress(OSError):
        log.write_text("".join(traceback.format_exception(error)), encoding="utf-8")
    subject = next((f" of {options[name]}" for name in ("sample", "patient", "lineage") if options.get(name)), "")
    text = " ".join(str(error).split())[:200]
    return click.ClickException(
        f"internal error in {step}{subject} ({type(error).__name__}: {text}); this is a mistake of clonewatch, "
        f"please report it with {log}"
    )


def command(**settings: Any) -> Callable[[Callable], click.Command]:
    """`@command()` above a command's `main`: a click command with `--version` that shows defaults in its help.

    An InputError ends the command with exit status 1 and its sentence; an unexpected error with one that says so.
    """

    def declare(main: Callable) -> click.Command:
        source = Path(main.__code__.co_filename)

        def show_versions(context: click.Context, _option: click.Parameter, wanted: bool) -> None:
            if wanted:
                click.echo(versions(source))
                context.exit()

        @functools.wraps(main)
        def run(*arguments: Any, **options: Any) -> Any:
            try:
                return main(*arguments, **options)
            except InputError as error:
                raise click.ClickException(str(error)) from error
            except (click.ClickException, click.exceptions.Exit, click.Abort):
                raise
            except MemoryError as error:
                raise Lacking("the memory that the task was given is used up") from error
            except OSError as error:
                # HDF5 says it in words alone.
                full = next((text for text in map(os.strerror, FULL) if error.errno in FULL or text in str(error)), "")
                if not full:
                    raise internal_error(error, source.stem, options) from error
                raise Lacking(f"{error.filename or Path.cwd()}: {error.strerror or full}; free some space") from error
            except Exception as error:
                raise internal_error(error, source.stem, options) from error

        settings.setdefault("context_settings", {"show_default": True, "help_option_names": ["-h", "--help"]})
        option = click.option(
            "--version", is_flag=True, is_eager=True, expose_value=False, callback=show_versions,
            help="Versions of the packages that this command imports.",
        )  # fmt: skip
        return click.command(**settings)(option(run))

    return declare


def write_json(content: Any, path: Path | str, default: Callable[[Any], Any] | None = None) -> None:
    """Write a small JSON file; NaN is an error, for JSON has none. default: makes JSON of what json does not know."""
    text = json.dumps(content, indent=1, allow_nan=False, default=default)
    Path(path).write_text(text + "\n", encoding="utf-8")


def read_json(path: Path | str) -> Any:
    """The content of a JSON file."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def multiqc_section(
    name: str, title: str, description: str, plot_type: str, data: dict, plot: dict | None = None, **more: Any
) -> dict[str, Any]:
    """A section of MultiQC's custom content: `plot_type` is table, bargraph or linegraph.

    `plot` overrides the plot's settings; `more` are further keys of the section, such as `headers` or `categories`.
    MultiQC writes texts into its page as they are, so all of them are escaped here; names of rows have no slash, which it
    takes for a path.
    """
    data = {str(name).replace("/", " and "): row for name, row in data.items()}
    settings = {"id": f"{name}_{'table' if plot_type == 'table' else 'plot'}", "title": title} | (plot or {})
    section = {"section_name": title, "description": description, "pconfig": settings, "data": data} | more
    return {"id": name, "plot_type": plot_type} | escaped(section)


def escaped(content: Any) -> Any:
    """The same maps and lists, with every text in them, names too, escaped for HTML."""
    if isinstance(content, dict):
        return {escaped(name): escaped(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [escaped(value) for value in content]
    return escape(content) if isinstance(content, str) else content
