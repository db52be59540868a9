"""Shared by all tests: scripts of bin/ importable by name, and where the real data sets are."""

import os
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT / "bin"), str(PROJECT / "tests")]
for library in ("OMP", "OPENBLAS", "NUMBA"):
    os.environ.setdefault(f"{library}_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def project() -> Path:
    """The checkout's root folder."""
    return PROJECT


@pytest.fixture(scope="session")
def data() -> Path:
    """Small real data sets that are part of the project (tests/data/README.md)."""
    return PROJECT / "tests" / "data"


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Larger real data sets that are not part of the project."""
    folder = os.environ.get("CLONEWATCH_REAL_DATA")
    if not folder:
        pytest.skip("CLONEWATCH_REAL_DATA does not name a folder of real data sets")
    return Path(folder)
