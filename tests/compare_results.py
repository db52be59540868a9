#!/usr/bin/env python3
"""Whether two runs gave the same results: every table cell by cell, every object array by array."""

import json
from itertools import zip_longest
from pathlib import Path

import click
import h5py
import hdf5plugin  # noqa: F401  (h5ad files are compressed by its filters)
import numpy as np
import pandas as pd
import pyarrow.parquet as pq

TEXT = {".tsv", ".txt", ".yml", ".svg"}
# These hold dates, times, folders or objects in any order (PDF): such a file must be there, whatever is in it.
NEVER_THE_SAME = {".html", ".log", "trace.tsv", "params.json", "llms-full.txt", "multiqc.parquet", ".pdf"} | {
    "multiqc_data.json",
    "multiqc_sources.txt",
}


def text_difference(one: Path, other: Path) -> str | None:
    """The first line of two text files that differs."""
    lines = zip_longest(one.read_text().splitlines(), other.read_text().splitlines())
    for number, (left, right) in enumerate(lines, start=1):
        if left != right:
            return f"line {number}: {left!r} and {right!r}"
    return None


def json_difference(one: Path, other: Path) -> str | None:
    """Whether two JSON files say the same; the order of names does not matter."""
    left, right = (json.loads(path.read_text()) for path in (one, other))
    if left == right:
        return None
    if isinstance(left, dict) and isinstance(right, dict):
        names = sorted(name for name in left.keys() | right.keys() if left.get(name) != right.get(name))
        return f"differs in {', '.join(names)}"
    return "differs"


def parquet_difference(one: Path, other: Path) -> str | None:
    """Columns, types and values of two parquet tables; missing equals missing."""
    left, right = (pq.read_table(path) for path in (one, other))
    if not left.schema.equals(right.schema, check_metadata=False):
        return f"columns {left.schema.names} and {right.schema.names}, or their types"
    try:
        pd.testing.assert_frame_equal(left.to_pandas(), right.to_pandas(), check_exact=True)
    except AssertionError as difference:
        return " ".join(str(difference).split())
    return None


def same_values(left: np.ndarray, right: np.ndarray) -> bool:
    """Equal shape, type and values; NaN equals NaN."""
    if isinstance(left, h5py.Empty) or isinstance(right, h5py.Empty):
        return left == right
    left, right = np.asarray(left), np.asarray(right)
    if left.shape != right.shape or left.dtype != right.dtype:
        return False
    return bool(np.array_equal(left, right, equal_nan=left.dtype.kind in "fc"))


def attributes(node: h5py.Group | h5py.Dataset) -> dict[str, object]:
    """Attributes of a HDF5 node as plain values; references say only where, not what."""
    plain = {}
    for name, value in node.attrs.items():
        if not isinstance(value, h5py.Reference):
            plain[name] = value.tolist() if isinstance(value, np.ndarray | np.generic) else value
    return plain


def h5_difference(one: Path, other: Path) -> str | None:
    """Groups, arrays and attributes of two HDF5 files (h5ad, h5mu)."""
    with h5py.File(one) as left, h5py.File(other) as right:
        names: list[set[str]] = [set(), set()]
        left.visit(names[0].add)
        right.visit(names[1].add)
        if names[0] != names[1]:
            return f"only in one: {sorted(names[0] ^ names[1])[0]}"
        for name in sorted(names[0]):
            if attributes(left[name]) != attributes(right[name]):
                return f"{name}: attributes differ"
            if isinstance(left[name], h5py.Dataset) and not same_values(left[name][()], right[name][()]):
                return f"{name}: values differ"
    return None


def file_difference(one: Path, other: Path) -> str | None:
    """What differs between two files of the same name, None where nothing does."""
    if {one.suffix, one.name} & NEVER_THE_SAME or one.read_bytes() == other.read_bytes():
        return None
    if one.suffix in TEXT:
        return text_difference(one, other)
    reader = {
        ".json": json_difference,
        ".parquet": parquet_difference,
        ".h5ad": h5_difference,
        ".h5mu": h5_difference,
    }.get(one.suffix)
    return reader(one, other) if reader else "bytes differ"


def differences(one: Path, other: Path) -> list[str]:
    """One sentence per file that is only in one of two result folders, or not the same in both."""
    trees = [{path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()} for root in (one, other)]
    found = [f"{name}: only in {one}" for name in sorted(trees[0] - trees[1])]
    found += [f"{name}: only in {other}" for name in sorted(trees[1] - trees[0])]
    for name in sorted(trees[0] & trees[1]):
        difference = file_difference(one / name, other / name)
        if difference:
            found.append(f"{name}: {difference}")
    return found


@click.command()
@click.argument("one", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("other", type=click.Path(exists=True, file_okay=False, path_type=Path))
def main(one: Path, other: Path) -> None:
    """Compare the result folders of two runs; says what differs, and how many files are the same."""
    found = differences(one, other)
    if found:
        raise click.ClickException("\n  ".join([f"{len(found)} files differ", *found]))
    click.echo(f"{sum(path.is_file() for path in one.rglob('*'))} files, no difference")


if __name__ == "__main__":
    main()
