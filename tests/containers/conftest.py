"""The images and the demo in them. `make test-containers` builds what is needed, then runs these tests."""

import json
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from pipeline.conftest import PROJECT

ROOMS = ("inputs", "clones", "tumour", "report", "signals", "cells")
USER = pwd.getpwuid(os.geteuid()).pw_name if os.geteuid() else "clonewatch-ci"


class Engine:
    """Rootless podman: as oneself or, for root, as the user whom podman.sh made."""

    def __init__(self):
        entry = pwd.getpwnam(USER)
        self.uid, self.home = entry.pw_uid, Path(entry.pw_dir)
        self.project = PROJECT if os.geteuid() else self.home / "clonewatch"
        self.prefix = [] if os.geteuid() else ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups"]
        self.environment = {
            **{name: os.environ[name] for name in ("PATH", "JAVA_HOME", "LANG") if name in os.environ},
            "HOME": str(self.home),
            "XDG_RUNTIME_DIR": os.environ.get("XDG_RUNTIME_DIR") if os.geteuid() else f"/run/user/{self.uid}",
        }

    def run(self, *command: object, **options) -> str:
        """What the command prints; fails with everything that it printed."""
        options.setdefault("cwd", self.home)
        environment = {**self.environment, **options.pop("env", {})}
        finished = subprocess.run(
            [*self.prefix, *map(str, command)], capture_output=True, text=True, env=environment, **options
        )
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return finished.stdout

    def folder(self, name: str) -> Path:
        """A new folder of the user's, which shares no parent folder with the project."""
        path = Path(tempfile.mkdtemp(prefix=f"clonewatch-{name}-", dir="/var/tmp"))
        shutil.chown(path, self.uid)
        return path


@pytest.fixture(scope="session")
def engine() -> Engine:
    """The user's podman."""
    if not shutil.which("podman"):
        pytest.skip("there is no podman: `make test-containers` installs it where it is run by root")
    return Engine()


@pytest.fixture(scope="session")
def images(engine) -> dict[str, dict]:
    """Room -> what `podman image inspect` says of its image."""
    version = engine.run("make", "-s", "-C", engine.project, "version").strip()
    names = [f"localhost/clonewatch-{room}:{version}" for room in ROOMS]
    return dict(zip(ROOMS, json.loads(engine.run("podman", "image", "inspect", *names)), strict=True))
