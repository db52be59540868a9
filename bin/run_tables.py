#!/usr/bin/env python3
"""One table of all patients, or of all lineages, for each kind of table that people read as a whole."""

import shutil
from pathlib import Path

from _cli import FILE, FOLDER, command
from _tables import read_text_table

import click

# Kinds of tables: `P1.cnv.tsv` and the like become cnv.tsv. A patient's name may hold dots.
KINDS = ("car", "cnv", "communication", "communication_change", "fish", "malignancy", "markers")
# Steps of a patient or lineage without which it has no table of the kind.
CLONES = ("CHAINS", "CLONOTYPES")
STEPS = {
    "car": (*CLONES, "CAR_KINETICS"), "cnv": (*CLONES, "CNV"), "fish": (*CLONES, "CNV", "FISH"),
    "malignancy": (*CLONES, "CNV", "MALIGNANCY"), "communication": ("COMMUNICATION_CHANGE",),
    "communication_change": ("COMMUNICATION_CHANGE",), "markers": ("SUBCLUSTER",),
}  # fmt: skip


def merge(paths: list[Path], path: Path, lacking: str = "") -> None:
    """The rows of tables below one header, as they are: tables of one kind have the same columns.

    lacking: what the merged table lacks; where there is something, it is the first line, a comment.
    """
    with path.open("wb") as merged:
        merged.write(f"# lacks {lacking}\n".encode() if lacking else b"")
        above = merged.tell()
        for table in paths:
            with table.open("rb") as rows:
                header = rows.readline()
                if merged.tell() == above:
                    merged.write(header)
                shutil.copyfileobj(rows, merged)


def lacking(kind: str, names: list[str], failures: list[dict[str, str]]) -> str:
    """Whose rows a merged table lacks because a step failed: `P2 (CNV failed)`; '' where nobody's.

    names: patients or lineages whose tables there are. failures: rows of failed_steps.tsv.
    """
    lost = [row for row in failures if row["step"] in STEPS[kind] and row["of"] not in names]
    return ", ".join(f"{row['of']} ({row['step']} failed)" for row in lost)


@command()
@click.argument("tables", type=FOLDER)
@click.option("--failures", required=True, type=FILE, help="Failed steps of the run: step, of, reason.")
def main(tables: Path, failures: Path) -> None:
    """Merge the <patient or lineage>.<kind>.tsv of the folder TABLES, in order of their names.

    A table that lacks a patient or lineage, because a step failed, says so in a first line that begins with `#`.
    """
    failed = read_text_table(failures).to_dict("records")
    for kind in KINDS:
        paths = sorted(tables.glob(f"*.{kind}.tsv"), key=lambda path: path.name)
        if paths:
            names = [path.name.removesuffix(f".{kind}.tsv") for path in paths]
            merge(paths, Path(f"{kind}.tsv"), lacking(kind, names, failed))


if __name__ == "__main__":
    main()
