#!/usr/bin/env python3
"""Names of cells on real labelled sets (tests/helpers/labelled_sets.py), next to a tutorial's and CellTypist's: the table of docs/benchmarks.md.

CLONEWATCH_REAL_DATA=... accept_labelled.py --out FOLDER [SET...]
Sets whose files are missing are skipped with a sentence. Names that FOLDER holds are not made again: another version of
the rules needs another folder. FOLDER/<set>/cells.tsv has every judged cell, confusions.tsv
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
from helpers.cells_room import name_cells, tumour_calls  # noqa: E402
from helpers.contradicted_labels import contradicted  # noqa: E402
from helpers.labelled_sets import SETS, LabelledSet, labelled_folder, write_set  # noqa: E402
from labelled_peers import celltypist_model, celltypist_names, prepare, tutorial_names  # noqa: E402

TEACHERS = ["pbmc3k", "pbmc4k", "kang"]  # what CellTypist's model is trained on: all set numbers of this project too


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
    have = [set(contigs.loc[contigs["locus"] == chain, "cell_id"]) for chain in ("TRA", "TRB")]
    return cells.isin(have[0] & have[1])


def run_set(chosen: LabelledSet, source: Path, folder: Path) -> ad.AnnData:
    """Convert a set, name its cells, unless the folder holds their names, and read their counts."""
    done = folder / "steps" / "annotation.parquet"
    if not done.exists():
        write_set(chosen.read(source), folder / "input")
        name_cells(
            folder / "input" / "samples.csv", folder / "steps", ("--min-umi", str(chosen.min_umi), *chosen.options)
        )
    labels = pd.read_csv(folder / "input" / "labels.tsv", sep="\t", keep_default_na=False)
    return with_counts(chosen, folder / "steps", pd.read_parquet(done), labels)


def peers(cells: ad.AnnData, model, folder: Path) -> pd.DataFrame:
    """Names of the tutorial and of CellTypist's model, if there is one, joined by `|`; folder's own where it has them."""
    done = folder / "peers.tsv"
    if not done.exists():
        ready = prepare(cells)
        found = {"tutorial": tutorial_names(ready)} | ({"celltypist": celltypist_names(ready, model)} if model else {})
        words = {who: ["|".join(sorted(names)) for names in given] for who, given in found.items()}
        pd.DataFrame(words, index=cells.obs_names).rename_axis("cell_id").to_csv(done, sep="\t")
    return pd.read_csv(done, sep="\t", index_col="cell_id")


def judge(chosen: LabelledSet, cells: ad.AnnData, model, folder: Path) -> dict[str, object]:
    """One row of the table; writes cells.tsv and confusions.tsv."""
    judged = (cells.obs["types"] != "").to_numpy()
    table = cells.obs[judged].copy()
    types = pd.Series([frozenset(name.split("|")) for name in table["types"]], index=table.index)
    tcr = receptor_bearing(folder / "steps", cells.obs_names)
    table["contradicted"] = contradicted(
        cells.X.tocsr()[judged], cells.var_names.to_numpy(), list(types), None if tcr is None else tcr[judged]
    )
    named_by = pd.DataFrame({"own": table["cell_type"]}).join(peers(cells, model, folder))
    names = {who: [frozenset(name.split("|")) for name in found] for who, found in named_by.items()}
    clear = (table["contradicted"] == "").to_numpy()
    right = {who: is_right(found, types) for who, found in names.items()}
    table = table.join(named_by.drop(columns="own"))
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
    if chosen.healthy:
        malignant, arms = tumour_calls(folder / "steps")
        row |= {"malignant": malignant, "arms": "; ".join(arms) or 0}
    for who in ("tutorial", "celltypist"):
        if who in right:
            row |= {who: right[who].mean(), f"{who}, others": right[who][clear].mean()}
            row |= {f"{who} macro": macro_recall(right[who], table["label"])}
    return row


def word_of(value: object) -> str:
    """A value as the table has it; what was not measured is empty."""
    if isinstance(value, float):
        return "" if np.isnan(value) else f"{value:.3f}"
    return str(value)


@click.command()
@click.option(
    "--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder for the steps' files."
)
@click.option("--celltypist/--no-celltypist", default=True, help="Train and judge a model too.")
@click.argument("names", nargs=-1)
def main(out: Path, celltypist: bool, names: tuple[str, ...]) -> None:
    """Judge the sets of NAMES, or all that are there."""
    found = {}
    for chosen in SETS:
        source = labelled_folder(chosen.name)
        wanted = not names or chosen.name in names
        if source is None and wanted:
            click.echo(f"{chosen.name}: skipped, no folder labelled/{chosen.name} in CLONEWATCH_REAL_DATA", err=True)
        elif source is not None and (wanted or (celltypist and chosen.name in TEACHERS)):
            found[chosen.name] = run_set(chosen, source, out / chosen.name)
    teachers = [found[name] for name in TEACHERS if name in found]
    model = celltypist_model(teachers) if celltypist and teachers else None
    rows = []
    for chosen in SETS:
        if chosen.name in found and (not names or chosen.name in names):
            seen = chosen.name in TEACHERS
            rows.append(judge(chosen, found[chosen.name], None if seen else model, out / chosen.name))
            click.echo(rows[-1], err=True)
    table = pd.DataFrame(rows)
    table.to_csv(out / "sets.tsv", sep="\t", index=False)
    lines = [list(table), ["---"] * table.shape[1], *table.to_numpy().tolist()]
    for line in lines:
        click.echo(f"| {' | '.join(word_of(value) for value in line)} |")


if __name__ == "__main__":
    main()
