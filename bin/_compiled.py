#!/usr/bin/env python3
"""What numba compiles is kept beside the packages, where `make setup` and the images fill it. To be imported before numba.

scanpy, decoupler and LIANA have numba keep what it compiles beside their own files, which an image does not let them write. Code is
compiled for no processor in particular (UMAP is as fast as otherwise), so that what one machine compiled serves all others and gives
the same numbers there.
"""

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

KEPT = Path(sys.prefix, "numba")  # of .venv, or of an image's packages


def prepare() -> None:
    """Name the folder to numba: the one beside the packages or, where it may not be written to, a copy for this process."""
    os.environ.setdefault("NUMBA_CPU_NAME", "generic")
    if os.access(KEPT if KEPT.exists() else KEPT.parent, os.W_OK):
        os.environ["NUMBA_CACHE_DIR"] = str(KEPT)
        return
    own = tempfile.mkdtemp(prefix="numba_")
    atexit.register(shutil.rmtree, own, ignore_errors=True)
    if KEPT.exists():
        shutil.copytree(KEPT, own, dirs_exist_ok=True)
    os.environ["NUMBA_CACHE_DIR"] = own


prepare()
