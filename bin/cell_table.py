#!/usr/bin/env python3
"""One row per kept cell with the results of every step: the table that is exported and that the report draws."""

import re
from pathlib import Path

from _cli import FILE, FOLDER, command
from _errors import InputError
from _tables import read_text_table, write_parquet

import click


def read_fragments(folder: Path, name: str):
    """All <anything>.<name>.parquet and <name>.parquet of the folder, one below the other; None without any."""
    import pandas as pd

    paths = sorted(path for path in folder.glob("*.parquet") if f".{path.name}".endswith(f".{name}.parquet"))
    tables = [pd.read_parquet(path) for path in paths]
    return pd.concat([table for table in tables if len(table)] or tables, ignore_index=True) if tables else None


def ordered(values):
    """Categories in their natural order: CD4 before CD8, T2 before T10."""
    return sorted(
        set(values), key=lambda text: [int(t) if t.isdecimal() else t.lower() for t in re.split(r"(\d+)", text)]
    )


def cell_table(labels, columns, fragments):
    """One row per kept cell (index cell_id) with every column of the dictionary, missing where nothing says it.

    labels: labels.parquet, indexed by cell_id; columns: assets/cell_columns.tsv; fragments: name -> table or None.
    """
    import pandas as pd

    table = pd.DataFrame(index=labels.index)
    by_day = [*dict.fromkeys(labels.sort_values("day", kind="stable")["timepoint"].astype(str))]
    for row in columns.itertuples():
        source = labels if row.file == "labels" else fragments.get(row.file)
        values = pd.Series(pd.NA, index=table.index, dtype=object)
        if source is not None and row.source in source:
            values = (
                source[row.source]
                if row.file == "labels"
                else source.dropna(subset="cell_id").set_index("cell_id")[row.source]
            )
            if row.kind == "list":
                values = values.astype(str).groupby(level=0).agg(lambda names: ";".join(sorted(set(names))))
            values = values[~values.index.duplicated()].reindex(table.index)
        if row.kind == "number":
            values = pd.to_numeric(values)
        elif row.kind == "yes/no":
            values = values.astype("boolean")
        else:
            text = values.astype(object).where(values.notna(), None)
            text = text.map(lambda value: None if value in (None, "") else str(value))
            order = by_day if row.column == "timepoint" else ordered(text.dropna())
            values = text.astype(pd.CategoricalDtype(order))
        table[row.column] = values
    return table


@command()
@click.argument("results", type=FOLDER)
@click.option("--labels", required=True, type=FILE, help="labels.parquet of the run.")
@click.option("--columns", required=True, type=FILE, help="Dictionary: column, file, from, kind, meaning.")
def main(results: Path, labels: Path, columns: Path) -> None:
    """Join the per-cell tables of the folder RESULTS (<sample or patient>.<file>.parquet) to the labels."""
    import pandas as pd

    dictionary = read_text_table(columns).rename(columns={"from": "source"})
    known = pd.read_parquet(labels).set_index("cell_id")
    if known.index.has_duplicates:
        twice = known.index[known.index.duplicated()][0]
        raise InputError(f"{labels.name}: {twice} is listed twice; cell_id must be unique")
    needed = set(dictionary["file"]) - {"labels"}
    table = cell_table(known, dictionary, {name: read_fragments(results, name) for name in needed})
    table[["umap_1", "umap_2"]] = known[["umap_1", "umap_2"]].astype("float32")
    write_parquet(table.reset_index(), "cells.parquet")


if __name__ == "__main__":
    main()
