#!/usr/bin/env python3
"""Tables as files: tab-separated ones for people, parquet for cells. Names are text, whatever they look like."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from _errors import InputError

# Columns of results that hold names or words: `28`, `001` and `NA` stay what they are.
TEXT = (
    "sample", "patient", "timepoint", "tissue", "sort", "from", "to", "clone", "matched_clone", "population", "label", "parent", "stratum",
    "cell_type", "subset", "source", "target", "event", "kind", "parameter", "unit", "probe", "region", "abnormality",
    "arm", "verdict", "words",
)  # fmt: skip

UNASSIGNED = "unassigned"  # the name of cells that have none


def read_text_table(path: Path, columns: Sequence[str] = (), comment: str | None = None, only: bool = False):
    """All cells of a tab-separated table as text, '' where empty. columns: those it must have; only: read no others."""
    import pandas as pd

    wanted = (lambda name: name in columns) if only else None
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, comment=comment, usecols=wanted)
    return checked(table, columns, path)


def read_table(path: Path, columns: Sequence[str] = (), text: Iterable[str] = TEXT):
    """A tab-separated result: `text` columns as text, the others as pandas takes them; only an empty cell is missing."""
    import pandas as pd

    how = {"dtype": dict.fromkeys(text, str), "keep_default_na": False, "na_values": [""]}
    return checked(pd.read_csv(path, sep="\t", low_memory=False, **how), columns, path)


def checked(table, columns: Sequence[str], path: Path):
    """The table, which must have the columns."""
    missing = [name for name in columns if name not in table]
    if missing:
        raise InputError(
            f"{Path(path).name}: no column {', '.join(missing)}; it needs {', '.join(columns)}, with tabs."
        )
    return table


def write_table(table, path: Path | str, digits: int | None = 6) -> None:
    """Write a table for people: tab-separated, no index, numbers with so many significant digits (None: all)."""
    table.to_csv(path, sep="\t", index=False, float_format=digits and f"%.{digits}g")


def write_parquet(table, path: Path | str) -> None:
    """Write a table of cells, contigs or genes: parquet, zstd, no index."""
    table.to_parquet(path, compression="zstd", index=False)


def read_samples(path: Path):
    """samples.tsv as CHECK_INPUTS writes it: one row per sample in the samplesheet's order, text, `day` as integer."""
    return read_text_table(path, ("sample", "patient", "timepoint", "day")).astype({"day": int})


def by_sample(paths: Iterable[Path], suffix: str, samples) -> dict[str, Path]:
    """Files <sample><suffix> by their sample, in the order of samples.tsv (of read_samples)."""
    files = {path.name.removesuffix(suffix): path for path in paths}
    for unknown in sorted(set(files) - set(samples["sample"])):
        raise InputError(f"{unknown}: is not a sample of samples.tsv; add its row or leave its file out")
    return {sample: files[sample] for sample in samples["sample"] if sample in files}


def named(labels):
    """Mask of the labels that are a name: neither missing, empty nor `unassigned`."""
    return labels.notna() & ~labels.isin(["", UNASSIGNED])
