"""Which locked packages an image gets: what its room names, and what those packages need."""

import re
import sys

from conftest import PROJECT

sys.path.insert(0, str(PROJECT / "conf" / "images"))
from install import locked, needed, trim

LOCK = (PROJECT / "requirements.lock").read_text(encoding="utf-8")
ROOMS = sorted(path.parent.name for path in (PROJECT / "modules").glob("*/requirements.txt"))


def test_every_package_of_the_lock_is_pinned_with_hashes_and_no_address():
    packages = locked(LOCK)
    assert len(packages) > 100
    for name, (requirement, askers) in packages.items():
        assert re.match(rf"{re.escape(name)}==\S+ \\\n +--hash=sha256:[0-9a-f]{{64}}", requirement), name
        assert askers, name
    assert "http" not in LOCK and "index-url" not in LOCK


def test_rooms_hold_no_more_than_they_need():
    packages = locked(LOCK)
    assert needed(packages, "inputs") == {"click"}
    left_out = [line for line in (PROJECT / "modules" / "not_needed.txt").read_text().splitlines() if line[0] != "#"]
    assert left_out and not set(left_out) & packages.keys()
    for test_only in ("pytest", "playwright", "infercnvpy"):
        assert test_only in packages
        assert not any(test_only in needed(packages, room) for room in ROOMS)


def test_what_asks_for_itself_in_a_circle_ends():
    circle = "a==1 \\\n    --hash=sha256:0\n    # via\n    #   -r modules/x/requirements.txt\n    #   b\nb==2 \\\n    --hash=sha256:1\n    # via a"
    assert needed(locked(circle), "x") == {"a", "b"}


def test_tests_of_packages_are_removed_and_nothing_else(tmp_path):
    for name in ("one/tests/inner/tests/a.py", "one/tests.py", "one/latests/b.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "needed" / "tests").mkdir(parents=True)
    (tmp_path / "needed" / "__init__.py").write_text("from .tests.functional import run\n")
    (tmp_path / "needed" / "tests" / "functional.py").touch()
    trim(tmp_path)
    kept = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.py")}
    assert kept == {"one/tests.py", "one/latests/b.py", "needed/__init__.py", "needed/tests/functional.py"}
