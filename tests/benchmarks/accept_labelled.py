#!/usr/bin/env python3
"""Names of cells on real labelled sets (tests/helpers/labelled_sets.py), next to a tutorial's and CellTypist's: the table of docs/benchmarks.md.

CLONEWATCH_REAL_DATA=... accept_labelled.py --out FOLDER [SET...]
Sets whose files are missing are skipped with a sentence. FOLDER/<set>/cells.tsv has every judged cell, confusions.tsv
what was named otherwise.
"""

import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS.parent / "bin"), str(TESTS)]

import anndata as ad  # noqa: E402
import click  # noqa: E402
import hdf5plugin  # noqa: E402, F401 (the compression of counts)
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from helpers.cells_room import name_cells  # noqa: E402
from helpers.contradicted_labels import contradicted  # noqa: E402
from helpers.labelled_sets import SETS, LabelledSet, labelled_folder, write_set  # noqa: E402
from labelled_peers import celltypist_names, prepare, tutorial_names  # noqa: E402

# A set of few genes would leave a model of all sets none, or is too large to read for each of the others.
NO_TEACHER = {"mudan", "casi", "panel", "carpall"}


def is_right(names: list[frozenset[str]], types: pd.Series) -> np.ndarray:
    """Whether a cell's names and those that its label allows overlap."""
    return np.array([bool(found & allowed) for found, allowed in zip(names, types, strict=True)])


def macro_recall(right: np.ndarray, label: pd.Series) -> float:
    """Mean share of right names over labels of at least ten cells."""
    table = pd.Series(right, index=label.index).groupby(label).agg(["mean", "size"])
    return float(table.loc[table["size"] >= 10, "mean"].mean())


def with_counts(chosen: LabelledSet, folder: Path, found: pd.DataFrame, labels: pd.DataFrame) -> ad.AnnData:
    """Counts of the cells that ANNOTATE named; obs: sample, label, allowed (set of names), types (as one word), cell_type."""
    parts = [ad.read_h5ad(path) for path in sorted(folder.glob("*.cells.h5ad"))]
    cells = ad.concat(parts, join="outer", fill_value=0)
    cells.obs_names = (
        [name for part in parts for name in part.obs["cell_id"]] if "cell_id" in parts[0].obs else cells.obs_names
    )
    cells = cells[found["cell_id"]].copy()
    cells.obs = found.set_index("cell_id")[["sample", "cell_type"]].astype(str)
    cells.obs["label"] = labels.set_index("cell_id")["label"].reindex(cells.obs_names).fillna("")
    cells.obs["types"] = ["|".join(sorted(chosen.types.get(label, ()))) for label in cells.obs["label"]]
    cells.var_names_make_unique()
    return cells


def receptor_bearing(folder: Path, cells: pd.Index) -> np.ndarray | None:
    """Cells with a productive alpha and beta chain; None where no sample has TCR."""
    tables = [pd.read_parquet(path) for path in folder.glob("*.contigs.parquet")]
    contigs = pd.concat(tables) if tables else pd.DataFrame()
    if contigs.empty:
        return None
    contigs = contigs[contigs["productive"].astype(bool)]
    have = [set(contigs.loc[contigs["chain"] == chain, "cell_id"]) for chain in ("TRA", "TRB")]
    return cells.isin(have[0] & have[1])


def run_set(chosen: LabelledSet, source: Path, folder: Path) -> ad.AnnData:
    """Convert a set, name its cells and read their counts."""
    labels = write_set(chosen.read(source), folder / "input")
    quality = ("--min-umi", str(chosen.min_umi), *chosen.options)
    found = name_cells(folder / "input" / "samples.csv", folder / "steps", quality)
    return with_counts(chosen, folder / "steps", found, labels)


def judge(chosen: LabelledSet, cells: ad.AnnData, others: list[ad.AnnData], folder: Path) -> dict[str, object]:
    """One row of the table; writes cells.tsv and confusions.tsv."""
    judged = (cells.obs["types"] != "").to_numpy()
    table = cells.obs[judged].copy()
    types = pd.Series([frozenset(name.split("|")) for name in table["types"]], index=table.index)
    tcr = receptor_bearing(folder / "steps", cells.obs_names)
    table["contradicted"] = contradicted(
        cells.X.tocsr()[judged], cells.var_names.to_numpy(), list(types), None if tcr is None else tcr[judged]
    )
    ready = prepare(cells)
    names = {"own": [frozenset({name}) for name in table["cell_type"]]}
    names["tutorial"] = list(np.array(tutorial_names(ready), dtype=object)[judged])
    if others:
        names["celltypist"] = list(np.array(celltypist_names(ready, others), dtype=object)[judged])
    clear = (table["contradicted"] == "").to_numpy()
    right = {who: is_right(found, types) for who, found in names.items()}
    for who in ("tutorial", "celltypist"):
        if who in names:
            table[who] = ["|".join(sorted(found)) for found in names[who]]
    table["right"] = right["own"]
    table.to_csv(folder / "cells.tsv", sep="\t")
    wrong = (
        table[~right["own"]]
        .groupby(["label", "cell_type"])
        .agg(cells=("right", "size"), contradicted=("contradicted", lambda x: (x != "").sum()))
    )
    wrong.sort_values("cells", ascending=False).to_csv(folder / "confusions.tsv", sep="\t")
    named = (table["cell_type"] != "unassigned").to_numpy()
    row = {
        "set": chosen.name, "role": chosen.role, "cells": len(table), "named": named.mean(), "right": right["own"].mean(),
        "macro": macro_recall(right["own"], table["label"]), "false": (named & ~right["own"]).mean(),
        "contradicted": int((~clear).sum()), "right, others": right["own"][clear].mean(),
        "macro, others": macro_recall(right["own"][clear], table["label"][clear]),
        "blasts": int((cells.obs["cell_type"] == "B-ALL blast").sum()),
    }  # fmt: skip
    for who in ("tutorial", "celltypist"):
        if who in right:
            row |= {who: right[who].mean(), f"{who}, others": right[who][clear].mean()}
            row |= {f"{who} macro": macro_recall(right[who], table["label"])}
    return row


@click.command()
@click.option(
    "--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder for the steps' files."
)
@click.option("--celltypist/--no-celltypist", default=True, help="Train models on the labels of the other sets too.")
@click.argument("names", nargs=-1)
def main(out: Path, celltypist: bool, names: tuple[str, ...]) -> None:
    """Judge the sets of NAMES, or all that are there."""
    found = {}
    for chosen in SETS:
        source = labelled_folder(chosen.name)
        wanted = not names or chosen.name in names
        if source is None and wanted:
            click.echo(f"{chosen.name}: skipped, no folder labelled/{chosen.name} in CLONEWATCH_REAL_DATA", err=True)
        elif source is not None and (wanted or (celltypist and chosen.name not in NO_TEACHER)):
            found[chosen.name] = run_set(chosen, source, out / chosen.name)
    rows = []
    for chosen in SETS:
        if chosen.name in found and (not names or chosen.name in names):
            others = [cells for name, cells in found.items() if name not in NO_TEACHER | {chosen.name}]
            rows.append(judge(chosen, found[chosen.name], others if celltypist else [], out / chosen.name))
            click.echo(rows[-1], err=True)
    table = pd.DataFrame(rows).round(3)
    table.to_csv(out / "sets.tsv", sep="\t", index=False)
    click.echo(table.to_string(index=False))


if __name__ == "__main__":
    main()
