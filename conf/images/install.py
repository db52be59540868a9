#!/usr/bin/env python3
"""Install, into this Python, the locked packages that all the named rooms need: `install.py signals cells`.

What a room needs is read from requirements.lock: its `# via` lines say who asked for a package. So an image holds its
room's packages and nothing else, and what several rooms share is one layer of all their images. Standard library only.
"""

import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

BUILDS = {"setuptools"}  # builds the few packages that come as source


def locked(text: str) -> dict[str, tuple[str, set[str]]]:
    """Package -> (its pinned and hashed requirement, who asked for it) of a lock written by `make lock`."""
    packages = {}
    for entry in re.split(r"\n(?=[a-z0-9])", text.strip()):
        requirement, _, askers = entry.partition("    # via")
        names = re.findall(r"^(?:    #   | )(.+)$", askers, re.MULTILINE)
        packages[entry.split("==")[0]] = (requirement.strip(), set(names))
    return packages


def needed(packages: dict[str, tuple[str, set[str]]], room: str) -> set[str]:
    """Names of the packages that modules/ROOM/requirements.txt leads to, directly or through others."""
    names: set[str] = set()
    found = {f"-r modules/{room}/requirements.txt"}
    while found:
        found = {name for name, (_, askers) in packages.items() if askers & found} - names
        names |= found
    return names


def trim(folder: Path) -> None:
    """Remove the packages' own tests: a tenth of an image; those stay that a package imports with itself, as logomaker does."""
    for tests in [path for path in folder.rglob("tests") if path.is_dir()]:
        package = tests.with_name("__init__.py")
        if not package.exists() or not re.search(r"^\s*(?:from|import) \S*\.tests\b", package.read_text("utf-8"), re.M):
            shutil.rmtree(tests, ignore_errors=True)


def install(requirements: list[str]) -> None:
    """Exactly these pinned and hashed packages, compiled; those that are there already are left alone."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as listed:
        listed.write("\n".join(requirements))
        listed.flush()
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-cache-dir", "--no-deps", "--require-hashes"]
        subprocess.run([*pip, "--no-build-isolation", "-r", listed.name], check=True)


def main(rooms: list[str]) -> None:
    """Install what each of `rooms` needs."""
    packages = locked((Path(__file__).parent / "requirements.lock").read_text(encoding="utf-8"))
    shared = set.intersection(*(needed(packages, room) for room in rooms))
    if not shared:
        sys.exit(f"requirements.lock names no package for {', '.join(rooms)}: write it again with 'make lock'.")
    for names in (BUILDS, shared - BUILDS):
        install([packages[name][0] for name in sorted(names)])
    trim(Path(sysconfig.get_path("purelib")))


if __name__ == "__main__":
    main(sys.argv[1:])
