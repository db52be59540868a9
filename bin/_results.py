#!/usr/bin/env python3
"""A run's results in one folder, each under the name that its step gave it: what the pages read, whichever of them are there."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from _cli import read_json
from _errors import InputError
from _receptors import with_library
from _series import DESIGN, with_design, with_series
from _tables import read_table, read_text_table
from _words import listed


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
    def series(self):
        """The samples in order of days with `cells` and `series`: what is compared, the main series, and what is not (_series)."""
        import pandas as pd

        path, cells = self.folder / "cells.parquet", 1
        if path.exists():
            kept = pd.read_parquet(path, columns=["sample"])["sample"].astype(str).value_counts()
            cells = self.samples["sample"].map(kept).fillna(0).astype(int)
        return with_series(self.samples.assign(cells=cells))

    @cached_property
    def main(self):
        """The samples of the main series, in order of days."""
        return self.series[self.series["series"] == "main"]

    @cached_property
    def libraries(self):
        """The samples that passed, as of series, with their V(D)J `libraries` (qc.tsv); no row where that table does not say it."""
        status = self.rows("qc.tsv")
        if status is None or "libraries" not in status:
            return self.series.iloc[:0].assign(libraries="")
        known = status[status["status"] == "pass"].set_index("sample")["libraries"].fillna("").astype(str)
        rows = self.series[self.series["sample"].isin(known.index)]
        return rows.assign(libraries=rows["sample"].map(known))

    def without(self, library: str) -> str:
        """`no BCR library at T2 and T3` of the time points of the main series at which no sample has it, '' where there are none."""
        main = self.libraries[self.libraries["series"] == "main"]
        times = main.loc[~main["timepoint"].isin(with_library(main, library)["timepoint"]), "timepoint"]
        return f"no {library} library at {listed(times.drop_duplicates())}" if len(times) else ""

    @cached_property
    def times(self) -> list[str]:
        """Names of the time points of the main series in order of days."""
        return self.main["timepoint"].drop_duplicates().tolist()

    @cached_property
    def design(self) -> dict[str, str]:
        """Tissue and sort of the main series, by which rows of tables are chosen; {} where all samples agree in them."""
        several = self.series[DESIGN].drop_duplicates().shape[0] > 1
        return self.main[DESIGN].iloc[0].to_dict() if several else {}

    def compared(self, rows):
        """The rows of a table that are of the main series: by `sample`, else by time point, tissue and sort; all of a table without."""
        if rows is None or not self.design:
            return rows
        if "sample" in rows:
            return rows[rows["sample"].isin(self.main["sample"])]
        if not set(DESIGN) <= set(rows):
            return rows
        chosen = with_design(rows)[DESIGN].eq(self.design).all(axis=1) & rows["timepoint"].isin(self.times)
        return rows[chosen]

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
