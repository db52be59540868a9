"""What is in the images: the room's locked packages and nothing else, for a user without rights, offline."""

import json
import re
import sys

import pytest
from helpers.architecture import closure, imports
from pipeline.conftest import PROJECT

from containers.conftest import ROOMS

sys.path.insert(0, str(PROJECT / "conf" / "images"))
from install import locked, needed

LOCK = (PROJECT / "requirements.lock").read_text()
GB = 1e9


def scripts(room: str) -> list[str]:
    """Names of the scripts that the processes of a room call."""
    steps = [path.read_text() for path in (PROJECT / "modules" / room).glob("*.nf")]
    calls = {name for step in steps if "script:" in step for name in re.findall(r"\b\w+\.py\b", step)}
    return sorted(name for name in calls if (PROJECT / "bin" / name).exists())


def layers(engine, image: dict) -> dict[str, int]:
    """Layer -> bytes."""
    history = json.loads(engine.run("podman", "history", "--format", "json", image["Id"]))
    filled = [
        step for step, made in zip(reversed(history), image["History"], strict=True) if not made.get("empty_layer")
    ]
    return dict(zip(image["RootFS"]["Layers"], (step["size"] for step in filled), strict=True))


def inside(engine, image: dict, *command: str) -> str:
    """Run in the image as a task is run: no network, nothing to write to but /tmp."""
    return engine.run(
        "podman", "run", "--rm", "--network", "none", "--read-only", "--userns", "keep-id", image["Id"], *command
    )


def test_each_image_is_under_a_gigabyte_and_a_half_and_all_together_under_three(engine, images):
    parts = {room: layers(engine, image) for room, image in images.items()}
    sizes = {room: sum(part.values()) / GB for room, part in parts.items()}
    together = sum({layer: size for part in parts.values() for layer, size in part.items()}.values()) / GB
    print({room: round(size, 2) for room, size in sizes.items()}, "together", round(together, 2))
    assert all(0.05 < size < 1.5 for size in sizes.values()), sizes
    assert max(sizes.values()) < together < 3


@pytest.mark.parametrize("room", ROOMS)
def test_an_image_says_what_it_is_and_runs_without_rights(engine, images, room):
    image = images[room]
    assert image["Labels"]["org.opencontainers.image.title"] == f"clonewatch-{room}"
    assert image["Labels"]["org.opencontainers.image.licenses"] == "MIT"
    assert f":{image['Labels']['org.opencontainers.image.version']}" in image["RepoTags"][0]
    assert image["User"] == "1000:1000"
    seen = engine.run(
        "podman",
        "run",
        "--rm",
        "--network",
        "none",
        image["Id"],
        "bash",
        "-c",
        "id -u; command -v ps python3; cat /etc/pip.conf ~/.config/pip/pip.conf 2>/dev/null; env | grep -i pip || true",
    )
    assert seen.split() == ["1000", "/usr/bin/ps", "/opt/clonewatch/bin/python3"]


@pytest.mark.parametrize("room", ROOMS)
def test_an_image_holds_the_rooms_locked_packages_and_no_others(engine, images, room):
    packages = locked(LOCK)
    pinned = {name: packages[name][0].split("==")[1].split()[0] for name in needed(packages, room) | {"setuptools"}}
    listed = json.loads(inside(engine, images[room], "python3", "-m", "pip", "list", "--format", "json"))
    held = {re.sub(r"[-_.]+", "-", row["name"]).lower(): row["version"] for row in listed}
    held.pop("pip")
    assert held == pinned


@pytest.mark.parametrize("room", ROOMS)
def test_all_that_the_rooms_scripts_import_is_there_and_compiled(engine, images, room):
    files = set().union(*(closure(PROJECT / "bin" / name) for name in scripts(room)))
    names = set().union(*map(imports, files)) - {path.stem for path in files}
    assert "click" in names
    code = f"""
import importlib, os
for name in {sorted(names)}:
    module = importlib.import_module(name)
    ours = (getattr(module, "__file__", None) or "").startswith("/opt/")
    print(name, "compiled" if not ours or os.path.exists(module.__spec__.cached) else "only as source")
"""
    found = inside(engine, images[room], "python3", "-W", "ignore", "-c", code).splitlines()
    assert found == [f"{name} compiled" for name in sorted(names)]
