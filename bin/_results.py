#!/usr/bin/env python3
"""A run's results in one folder, each under the name that its step gave it: what the pages read, whichever of them are there."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from _cli import read_json
from _errors import InputError
from _tables import read_table, read_text_table


def read_rows(folder: Path, name: str, patient: str | None = None):
    """Rows of a table of the folder, of one patient where it names patients; None where there is no such table or no row."""
    path = folder / name
    if not path.exists() or not path.stat().st_size:
        return None
    table = read_table(path)
    if patient is not None and "patient" in table:
        table = table[table["patient"] == patient]
    return table if len(table) else None


def read_colours(path: Path) -> dict[str, dict[str, str]]:
    """assets/colours.tsv: level (cell_type, subset, series, ...) -> label -> colour, in the table's order."""
    table = read_text_table(path, ("level", "label", "colour"))
    return {
        level: dict(zip(rows["label"], rows["colour"], strict=True))
        for level, rows in table.groupby("level", sort=False)
    }


@dataclass(frozen=True)
class Case:
    """What a folder of results holds of one patient."""

    folder: Path
    patient: str

    def rows(self, name: str):
        """The patient's rows of a table of the run, such as composition.tsv; None where there are none."""
        return read_rows(self.folder, name, self.patient)

    def name(self, kind: str) -> str:
        """The file of the patient's own table of a kind: `P1.fates.tsv`."""
        return f"{self.patient}.{kind}.tsv"

    def own(self, kind: str):
        """The patient's own table of a kind, such as fates; None where there is none."""
        return self.rows(self.name(kind))

    def facts(self, name: str, otherwise: Any) -> Any:
        """The content of a JSON file, or what stands for it where there is none."""
        path = self.folder / name
        return read_json(path) if path.exists() else otherwise

    @cached_property
    def samples(self):
        """samples.tsv of the patient in order of days."""
        table = self.rows("samples.tsv")
        if table is None:
            raise InputError(
                f"{self.folder}/samples.tsv: has no sample of {self.patient}; give the samplesheet of the run"
            )
        return table.sort_values("day", kind="stable")

    @cached_property
    def times(self) -> list[str]:
        """Names of the time points in order of days."""
        return self.samples["timepoint"].drop_duplicates().tolist()

    @cached_property
    def cells(self):
        """The patient's rows of cells.parquet."""
        import pandas as pd

        path = self.folder / "cells.parquet"
        table = pd.read_parquet(path)
        table = table[table["patient"].astype(str) == self.patient]
        if table.empty:
            raise InputError(f"{path.name}: holds no cell of {self.patient}; give the cells of this run")
        return table
