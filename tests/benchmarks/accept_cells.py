#!/usr/bin/env python3
"""The cells room on simulated cases, from finished runs: how well types, subsets and shares are found. A printed table.

simulate_case.py --out RUN/case --cells 24732 --seed 1; cd RUN && nextflow run PROJECT -profile demo
accept_cells.py RUN...          one column per folder, each with case/ (with its truth/) and results/
"""

import json
from pathlib import Path

import click
import numpy as np
import pandas as pd

NAMED = ["CD8_ISG+", "CD56bright_ISG+", "nonclassical_monocyte", "Plasma_1", "Plasma_2", "Plasma_3"]
INSIDE = ["T", "NK", "myeloid", "plasma"]


def f1(truth: np.ndarray, found: np.ndarray, name) -> float:
    """Harmonic mean of precision and recall of one or several names."""
    a, b = np.isin(truth, name), np.isin(found, name)
    return float(2 * (a & b).sum() / max(a.sum() + b.sum(), 1))


def coverage(truth: pd.DataFrame, composition: pd.DataFrame, level: str) -> tuple[float, float]:
    """Share of planted label x sample cells whose true share (among the kept single cells; of subsets: among their
    lineage's) lies within the stated interval, and the mean width of these intervals."""
    keys = ["sample", "lineage"] if level == "subset" else ["sample"]
    n = truth.groupby([*keys, level]).size()
    planted = n / truth.groupby(keys).size().reindex(n.index.droplevel(level)).to_numpy()
    rows = composition[composition["level"] == level]
    names = ["sample", "parent", "label"] if level == "subset" else ["sample", "label"]
    stated = rows.set_index(names)[["low", "high"]]
    # Labels that were planted in any sample, in every sample; one that was not found at all has no interval.
    everywhere = {(s, *k[1:]) for k in planted.index for s in truth["sample"].unique()}
    inside, width = [], []
    for key in sorted(everywhere):
        low, high = stated.loc[key] if key in stated.index else (np.nan, np.nan)
        inside.append(low <= planted.get(key, 0) <= high)
        width.append(high - low)
    return 100 * float(np.mean(inside)), 100 * float(np.nanmean(width))


def measure(folder: Path) -> dict[str, float]:
    """The figures of one run. Doublets and empty droplets have no true label and are left out of the agreement."""
    from sklearn.metrics import adjusted_rand_score

    results = folder / "results" / "cells"
    labels = pd.read_parquet(results / "labels.parquet").set_index("cell_id")
    truth = pd.read_parquet(folder / "case" / "truth" / "cells.parquet").set_index("cell_id")
    truth = truth.loc[labels.index]
    single = (truth["kind"] == "cell").to_numpy()
    truth = truth[single].astype({"sample": str})
    columns = {c: (truth[c].to_numpy(str), labels[c].to_numpy(str)[single]) for c in ("lineage", "cell_type", "subset")}
    result = {f"{c} ARI": adjusted_rand_score(*columns[c]) for c in ("lineage", "cell_type")}
    result["mature B apart from blasts F1"] = f1(*columns["cell_type"], ["naive B", "memory B"])
    lineage = columns["lineage"][0]
    inside = {n: adjusted_rand_score(*(v[lineage == n] for v in columns["subset"])) for n in [*INSIDE, "B"]}
    result |= {f"subsets of {name} ARI": value for name, value in inside.items()}
    result["subsets mean ARI (T NK myeloid plasma)"] = float(np.mean([inside[n] for n in INSIDE]))
    result |= {f"{name} F1": f1(*columns["subset"], name) for name in NAMED}
    late = labels["timepoint"].astype(str) != "T1"
    blast = (labels["cell_type"] == "B-ALL blast")[late].groupby(labels["sample"][late], observed=True)
    result["blast share after T1, %"] = 100 * float(blast.mean().max())
    result["unassigned, %"] = 100 * float((labels["cell_type"] == "unassigned")[single].mean())
    composition = pd.read_csv(results / "composition.tsv", sep="\t")
    for level in columns:
        covered, width = coverage(truth, composition, level)
        result[f"planted {level} shares within intervals, %"] = covered
        result[f"mean width of {level} intervals, points"] = width
    facts = json.loads((results / "integration.json").read_text())
    return result | {name: facts[name] for name in ("mixing_before", "mixing_after", "purity_before", "purity_after")}


@click.command()
@click.argument("runs", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
def main(runs: tuple[Path, ...]) -> None:
    """Print how well the cells of RUNS are found."""
    click.echo(pd.DataFrame({run.resolve().name: measure(run) for run in runs}).round(3).to_string())


if __name__ == "__main__":
    main()
