#!/usr/bin/env python3
"""One table of all patients, or of all lineages, for each kind of table that people read as a whole."""

import shutil
from pathlib import Path

import click
from _cli import FOLDER, command

# Kinds of tables: `P1.cnv.tsv` and the like become cnv.tsv. A patient's name may hold dots.
KINDS = ("car", "cnv", "communication", "communication_change", "fish", "malignancy", "markers")


def merge(paths: list[Path], path: Path) -> None:
    """The rows of tables below one header, as they are: tables of one kind have the same columns."""
    with path.open("wb") as merged:
        for table in paths:
            with table.open("rb") as rows:
                header = rows.readline()
                if not merged.tell():
                    merged.write(header)
                shutil.copyfileobj(rows, merged)


@command()
@click.argument("tables", type=FOLDER)
def main(tables: Path) -> None:
    """Merge the <patient or lineage>.<kind>.tsv of the folder TABLES, in order of their names."""
    for kind in KINDS:
        paths = sorted(tables.glob(f"*.{kind}.tsv"), key=lambda path: path.name)
        if paths:
            merge(paths, Path(f"{kind}.tsv"))


if __name__ == "__main__":
    main()
