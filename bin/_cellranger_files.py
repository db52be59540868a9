#!/usr/bin/env python3
"""Files as Cell Ranger leaves them: where they are below a folder, gzip or plain, and barcodes with a library's suffix."""

import gzip
import zlib
from pathlib import Path
from typing import IO, Any

from _errors import InputError

UNREADABLE = (OSError, KeyError, ValueError, EOFError, zlib.error)  # what damaged or foreign files raise


def open_bytes(path: Path) -> IO[bytes]:
    """Open a file that is gzip or plain, whatever its name says."""
    with path.open("rb") as handle:
        packed = handle.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if packed else path.open("rb")


def find_file(path: Path, patterns: tuple[str, ...], what: str) -> Path:
    """The file or mtx folder to read: `path`, or what Cell Ranger names so below it (the shallowest wins)."""
    if path.is_file():
        return path
    for name in [depth + pattern for depth in ("", "*/", "*/*/", "*/*/*/") for pattern in patterns]:
        files = [file for file in path.glob(name) if "raw_" not in str(file.relative_to(path))]
        if len(files) > 1:
            raise InputError(f"{what}: {path} holds {len(files)} files {name}; give one of them, or its folder")
        if files:
            return files[0].parent if "matrix.mtx" in files[0].name else files[0]
    state = "holds no " + " or ".join(patterns) if path.exists() else "does not exist"
    raise InputError(f"{what}: {path} {state}; give Cell Ranger's file or the folder with it")


def strip_suffix(barcodes: Any, where: str) -> tuple[Any, list[str]]:
    """Barcodes (Series) without the suffix that (nearly) all share, and warnings; files of aggr stop."""
    kinds = barcodes.str.extract(r"-(\d+)$", expand=False).fillna("none").value_counts()
    if len(kinds) < 2:
        return barcodes.str.replace(r"-\d+$", "", regex=True), []
    usual, odd = kinds.index[0], int(kinds.iloc[1:].sum())
    if "2" in kinds.index or odd >= 0.05 * len(barcodes):
        suffixes = " and -".join(sorted(kinds.index)[:4])
        raise InputError(
            f"{where}: barcodes of several libraries (-{suffixes}), as of aggr; give each library as a sample"
        )
    kept = barcodes.str.replace(rf"-{usual}$", "", regex=True)
    return kept, [f"{where}: {odd} of {len(barcodes)} barcodes keep a suffix other than -{usual}"]
