#!/usr/bin/env python3
"""Files as Cell Ranger leaves them: where they are below a folder, gzip or plain."""

import gzip
import re
import zlib
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from _errors import InputError

# One of the three files of a matrix; GEO and others write a sample's name before it.
PART = re.compile(r"(?:(.*?)[_.-]+)?(matrix\.mtx|barcodes\.tsv|(?:features|genes)\.tsv)(?:\.gz)?")
PARTS = ("matrix", "barcodes", "features")
RAW_FOLDER = re.compile(r"raw_(?:feature|gene)_bc_matri")
UNREADABLE = (OSError, KeyError, ValueError, EOFError, zlib.error)  # what damaged or foreign files raise


def open_bytes(path: Path) -> IO[bytes]:
    """Open a file that is gzip or plain, whatever its name says."""
    with path.open("rb") as handle:
        packed = handle.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if packed else path.open("rb")


def is_raw(path: str) -> bool:
    """Whether a matrix, by its name or its folder's, holds every droplet; CellBender's `.._filtered.h5` holds cells only."""
    parent, _, name = str(path).rpartition("/")
    word = "raw" in re.split(r"[_.-]", name) and not name.endswith("_filtered.h5")
    return word or bool(RAW_FOLDER.match(parent.rpartition("/")[2]))


def matrix_parts(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """{what stands before the names: {matrix, barcodes, features: name}} of files of matrices, '' for Cell Ranger's own names."""
    parts: dict[str, dict[str, str]] = defaultdict(dict)
    for name in sorted(names):
        if match := PART.fullmatch(name):
            parts[match[1] or ""][match[2].split(".")[0].replace("genes", "features")] = name
    return dict(parts)


def named_parts(names: Iterable[str], written: str) -> dict[str, str]:
    """The parts of the one matrix that a name means: one of its three files, or what stands before them, wholly or in part."""
    parts, own = matrix_parts(names), PART.fullmatch(written)
    wanted = (own[1] or "") if own else written.rstrip("_.-")
    close = [prefix for prefix in parts if re.match(re.escape(wanted) + r"(?:[_.-]|$)", prefix)]
    return parts[wanted] if wanted in parts else parts[close[0]] if len(close) == 1 and not own else {}


def find_file(path: Path, patterns: tuple[str, ...], what: str) -> Path:
    """The file to read: `path`, or what Cell Ranger names so below it (the shallowest wins)."""
    if path.is_file():
        return path
    for name in [depth + pattern for depth in ("", "*/", "*/*/", "*/*/*/") for pattern in patterns]:
        files = [file for file in path.glob(name) if not re.search("raw_|(^|/)raw/", str(file.relative_to(path)))]
        if len(files) > 1:
            raise InputError(f"{what}: {path} holds {len(files)} files {name}; give one of them, or its folder")
        if files:
            return files[0]
    state = "holds no " + " or ".join(patterns) if path.exists() else "does not exist"
    raise InputError(f"{what}: {path} {state}; give Cell Ranger's file or the folder with it")
