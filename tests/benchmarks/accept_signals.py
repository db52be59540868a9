"""Acceptance of the signals steps on simulated cases of full size, as a printed table. Nothing is asserted.

    python tests/benchmarks/accept_signals.py --truth CASE/truth --results results
    python tests/benchmarks/accept_signals.py --work FOLDER [--cells 24732] [--seeds 1,2,3]

The first reads the results of a whole run, with the run's own labels. The second runs the signals steps alone on the true
labels of cases that it simulates.
"""

import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pandas as pd
from simulated import simulate, write_inputs

PROJECT = Path(__file__).resolve().parents[2]
ASSETS = PROJECT / "assets"
RAISED = {"T": "CD8_ISG+", "NK": "CD56bright_ISG+", "myeloid": "nonclassical_monocyte"}
CHANGED = ("gained", "lost", "strengthened", "weakened")
PAIR = ["source", "ligand", "receptor"]
FOLD = 1.25


def run(step: str, folder: Path, *arguments) -> None:
    """One script of bin/ in `folder`."""
    command = [sys.executable, PROJECT / "bin" / f"{step}.py", *arguments]
    subprocess.run([str(word) for word in command], cwd=folder, check=True)


def run_all(inputs: Path, folder: Path) -> None:
    """All signals steps of one patient, on matrices and labels in `inputs`."""
    folder.mkdir(parents=True, exist_ok=True)
    samples = pd.read_csv(inputs / "samples.tsv", sep="\t")
    patient, names = samples["patient"].iat[0], list(samples["sample"])
    labels = ("--labels", inputs / "labels.parquet")
    pairs, watch = (("--interactions", ASSETS / "interactions.tsv"), ("--watch-list", ASSETS / "watch_list.tsv"))
    for name in names:
        sample = (inputs / f"{name}.cells.h5ad", "--sample", name)
        sets = ("--isg", ASSETS / "isg_core.tsv", "--gene-sets", ASSETS / "hallmark.gmt")
        run("signatures", folder, *sample, *sets)
        run("communication_cells", folder, *sample, *labels, "--lineages", ASSETS / "lineages.tsv", *pairs)
        run("communication", folder, f"{name}.communication_cells.h5ad", *pairs, *watch)
    lineages = ("--lineages", ASSETS / "lineages.tsv", "--focus", "plasma")
    run("signature_change", folder, *(f"{name}.signatures.parquet" for name in names), *labels)
    drawn = [f"{name}.communication_cells.h5ad" for name in names]
    scores = [word for name in names for word in ("--scores", f"{name}.communication.parquet")]
    run("communication_change", folder, *drawn, *scores, "--patient", patient, *labels, *pairs, *watch, *lineages)


def signature_rows(folder: Path) -> list[tuple]:
    """Ranks and T2 to T3 increases of the raised subsets."""
    ranks = pd.read_csv(folder / "signature_ranks.tsv", sep="\t")
    change = pd.read_csv(folder / "signature_change.tsv", sep="\t")
    change = change[(change["from"] == "T2") & (change["to"] == "T3") & (change["level"] == "subset")]
    rows = []
    for lineage, subset in RAISED.items():
        for timepoint in ("T2", "T3"):
            at = (
                ranks[(ranks["timepoint"] == timepoint) & (ranks["label"] == subset)]
                .set_index("signature")
                .loc["isg_score"]
            )
            rows.append((f"{subset} first in {lineage} at {timepoint}", at["rank"] == 1, f"lead {at['lead']:.2f}"))
        up = change[change["label"] == subset].set_index("signature").loc["isg_score"]
        interval = f"{up['difference']:.3f} ({up['difference_low']:.3f} to {up['difference_high']:.3f})"
        rows.append((f"{subset} ISG score T2 to T3 above zero", up["difference_low"] > 0, interval))
    return rows


def changes(folder: Path) -> pd.DataFrame:
    """All pairs from T2 to T3 that are expressed at one of both times."""
    change = pd.read_parquet(next(folder.glob("*.communication_change.parquet")))
    change = change[(change["from"] == "T2") & (change["to"] == "T3")]
    change = change[~change["class"].isin(["absent", "not tested"])]
    return change.astype({name: str for name in change.select_dtypes("category").columns})


def communication_rows(folder: Path, planted: pd.DataFrame) -> list[tuple]:
    """Place of the planted pairs among pairs to plasma cells at T3, as one target and by subset, and their classes."""
    focus = pd.read_csv(next(folder.glob("*.communication_focus.tsv")), sep="\t")
    scores = pd.read_csv(sorted(folder.glob("*communication.tsv"))[0], sep="\t")
    names = {"ligand_complex": "ligand", "receptor_complex": "receptor"}
    focus, scores = (table[table["timepoint"] == "T3"].rename(columns=names) for table in (focus, scores))
    scores = scores[scores["kept"] & scores["target"].str.startswith("Plasma")].copy()
    scores["place"] = scores["joint_rank"].rank(pct=True)
    change = changes(folder)
    change = change[change["target"].str.startswith("Plasma")]
    rows = []
    for pair in planted.itertuples():
        name, key = f"{pair.sender} {pair.ligand}-{pair.receptor}", (pair.sender, pair.ligand, pair.receptor)
        place, by_subset, found = (table[(table[PAIR] == key).all(axis=1)] for table in (focus, scores, change))
        first = place["place"].min() if len(place) else 1.0
        rows.append((f"{name}: top 5 % to plasma cells", first <= 0.05, f"{100 * first:.2f} %"))
        rows.append((f"{name}: by subset", "", by_subset.set_index("target")["place"].round(4).to_dict()))
        good = len(found) > 0 and found["class"].isin(["gained", "strengthened"]).all()
        told = found.set_index("target")[["class", "driver"]].agg(", ".join, axis=1).to_dict()
        rows.append((f"{name}: gained or strengthened", good, told))
        rows.append((f"{name}: strength of a cell", "", found.set_index("target")["strength_class"].to_dict()))
    return rows


def unplanted(folder: Path, planted: pd.DataFrame, truth: pd.DataFrame) -> list[tuple]:
    """Pairs without a planted change that are called changed from T2 to T3: of an average cell, and of the supply.

    The number of senders is planted too, so a call of supply is false where the true share of the senders did not move
    by a quarter in that direction. Senders that the truth does not know by name are left out of this.
    """
    change = changes(folder)
    pairs = change["ligand"] + "-" + change["receptor"]
    rest = change[~pairs.isin(planted["ligand"] + "-" + planted["receptor"])]
    share = rest["strength_class"].isin(CHANGED).mean()
    rows = [(f"unplanted, strength called changed (of {len(rest):,})", share < 0.05, f"{100 * share:.2f} %")]
    cells = truth[(truth["kind"] == "cell") & ~truth["doublet"] & (truth["mito_share"] < 0.1)]
    known = pd.concat([cells["subset"], cells["cell_type"]]).to_frame("group")
    known["timepoint"] = np.tile(cells["timepoint"], 2)
    number = pd.crosstab(known["group"], known["timepoint"]) / cells["timepoint"].value_counts()
    rest = rest[rest["source"].isin(number.index)]
    fold = rest["source"].map(number["T3"] / number["T2"])
    up, down = (rest["class"].isin(words) for words in (("gained", "strengthened"), ("lost", "weakened")))
    share = ((up & (fold < FOLD)) | (down & (fold > 1 / FOLD))).mean()
    against = ((up & (fold < 1)) | (down & (fold > 1))).mean()
    what = f"unplanted, supply called changed without a planted change (of {len(rest):,})"
    return [*rows, (what, share < 0.05, f"{100 * share:.2f} %; against the truth {100 * against:.2f} %")]


def show(title: str, folder: Path, truth: Path) -> None:
    """Print what the tables in `folder` hold of the planted facts."""
    planted, cells = pd.read_csv(truth / "interactions.csv"), pd.read_parquet(truth / "cells.parquet")
    rows = [*signature_rows(folder), *communication_rows(folder, planted), *unplanted(folder, planted, cells)]
    print(f"\n{title}")
    for what, good, value in rows:
        word = "" if isinstance(good, str) else "yes" if good else "NO"
        print(f"  {word:4}{what:70}{value}")


@click.command()
@click.option("--work", type=click.Path(path_type=Path, resolve_path=True), help="Folder for cases and results.")
@click.option("--cells", default=24732, show_default=True)
@click.option("--seeds", default="1,2,3", show_default=True)
@click.option("--truth", type=click.Path(path_type=Path, exists=True), help="Truth of the case behind --results.")
@click.option("--results", type=click.Path(path_type=Path, exists=True), help="Results of a whole run.")
def main(work, cells, seeds, truth, results):
    """Print what the signals steps find of the facts planted in simulated cases."""
    if results:
        return show(str(results), results / "signals", truth)
    for seed in seeds.split(","):
        case, inputs, folder = (work / f"{name}_{seed}_{cells}" for name in ("case", "inputs", "results"))
        simulate(case, cells, int(seed))
        if not (inputs / "samples.tsv").exists():
            write_inputs(case, inputs)
        run_all(inputs, folder)
        show(f"seed {seed}, true labels", folder, case / "truth")


if __name__ == "__main__":
    main()
