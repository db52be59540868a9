#!/usr/bin/env python3
"""The cells room on the simulated case, seed by seed: how well types, subsets and shares are found. A printed table.

accept_cells.py --out FOLDER --cells 24732 --seeds 1 --seeds 2 --seeds 3
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pandas as pd

PROJECT = Path(__file__).resolve().parents[2]
BIN, ASSETS = PROJECT / "bin", PROJECT / "assets"
NAMED = ["CD8_ISG+", "CD56bright_ISG+", "nonclassical_monocyte", "Plasma_1", "Plasma_2", "Plasma_3"]


def run(folder: Path, script: str | Path, *arguments) -> None:
    """One script in a folder; its error ends the acceptance run."""
    environment = os.environ | {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "NUMBA")}
    command = [
        sys.executable,
        "-W",
        "ignore",
        str(BIN / script if isinstance(script, str) else script),
        *map(str, arguments),
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"{script}: {done.stderr[-2000:]}")


def prepare(folder: Path, cells: int, seed: int) -> None:
    """Simulate, read and judge the samples."""
    run(folder, PROJECT / "tests" / "simulate_case.py", "--out", "case", "--cells", cells, "--seed", seed)
    sheet = pd.read_csv(folder / "case" / "samples.csv")
    for name in sheet["sample"]:
        source = folder / "case" / name
        receptors = [
            x
            for kind in ("b", "t")
            if (source / f"vdj_{kind}").is_dir()
            for x in (f"--vdj-{kind}", source / f"vdj_{kind}")
        ]
        run(
            folder,
            "read_cellranger.py",
            "--sample",
            name,
            "--gex",
            source / "filtered_feature_bc_matrix.h5",
            *receptors,
        )
        run(folder, "qc.py", f"{name}.counts.h5ad", "--sample", name, "--contigs", f"{name}.contigs.parquet")
        (folder / f"{name}.counts.h5ad").unlink()
    for column in ("batch", "tissue"):
        if column not in sheet:
            sheet[column] = ""
    sheet.to_csv(folder / "samples.tsv", sep="\t", index=False)


def name_cells(folder: Path) -> None:
    """The room's four steps as its processes run them."""
    names = pd.read_csv(folder / "samples.tsv", sep="\t")["sample"]
    cells = [f"{name}.cells.h5ad" for name in names]
    genes = [x for name in names for x in ("--genes", f"{name}.genes.parquet")]
    contigs = [x for name in names for x in ("--contigs", f"{name}.contigs.parquet")]
    shared = ["--samples", "samples.tsv"]
    excluded = ["--excluded", ASSETS / "excluded_genes.tsv"]
    run(folder, "variable_genes.py", *cells, *genes, *shared, *excluded)
    run(folder, "integrate.py", "components.parquet", "expression.npz", *shared)
    run(folder, "annotate.py", "integrated.parquet", *cells, *contigs, "--markers", ASSETS / "markers.tsv")
    run(folder, "refine.py", "parts.parquet", "components.parquet", "expression.npz", "--markers",
        ASSETS / "markers.tsv", "--lineages", ASSETS / "lineages.tsv")  # fmt: skip
    subsets = []
    for row in pd.read_csv(folder / "lineages_found.tsv", sep="\t").itertuples():
        name, own = row.lineage, ["--annotation", "annotation.parquet"]
        numbered = ["--numbered", row.prefix] if row.numbered == "yes" else []
        run(folder, "variable_genes.py", *cells, *shared, *excluded, *own, "--lineage", name)
        run(
            folder,
            "integrate.py",
            f"{name}.components.parquet",
            f"{name}.expression.npz",
            *shared,
            "--resolution",
            row.resolution,
        )
        run(
            folder,
            "annotate.py",
            f"{name}.integrated.parquet",
            *cells,
            "--markers",
            ASSETS / "subsets.tsv",
            *own,
            *numbered,
        )
        run(folder, "refine.py", f"{name}.parts.parquet", f"{name}.components.parquet", f"{name}.expression.npz",
            "--markers", ASSETS / "subsets.tsv", "--odds", 0.5)  # fmt: skip
        run(
            folder,
            "subcluster.py",
            f"{name}.annotation.parquet",
            f"{name}.integrated.parquet",
            *cells,
            "--lineage",
            name,
        )
        subsets.append(f"{name}.subsets.parquet")
    run(folder, "composition.py", "annotation.parquet", "integrated.parquet", *subsets, *shared)


def f1(truth: np.ndarray, found: np.ndarray, name) -> float:
    """Harmonic mean of precision and recall of one or several names."""
    a, b = np.isin(truth, name), np.isin(found, name)
    return float(2 * (a & b).sum() / max(a.sum() + b.sum(), 1))


def coverage(truth: pd.DataFrame, composition: pd.DataFrame, level: str) -> float:
    """Share of (label, sample) cells whose planted share lies within the stated interval."""
    planted = truth.groupby("sample")[level].value_counts(normalize=True)
    rows = composition[(composition["level"] == level) & (composition["label"].isin(truth[level]))]
    inside = [low <= planted.get((s, label), 0) <= high for s, label, low, high in
              zip(rows["sample"], rows["label"], rows["low"], rows["high"], strict=True)]  # fmt: skip
    return float(np.mean(inside))


def measure(folder: Path) -> dict[str, float]:
    """The figures of one seed. Doublets and empty droplets have no true label and are left out of the agreement."""
    from sklearn.metrics import adjusted_rand_score

    labels = pd.read_parquet(folder / "labels.parquet").set_index("cell_id")
    truth = (
        pd.read_parquet(folder / "case" / "truth" / "cells.parquet").set_index("cell_id").loc[labels.index]
    )
    single = (truth["kind"] == "cell").to_numpy()
    columns = {
        c: (truth[c].to_numpy(str)[single], labels[c].to_numpy(str)[single])
        for c in ("lineage", "cell_type", "subset")
    }
    result = {f"{c} ARI": adjusted_rand_score(*columns[c]) for c in ("lineage", "cell_type")}
    result["mature B apart from blasts F1"] = f1(*columns["cell_type"], ["naive B", "memory B"])
    lineage = columns["lineage"][0]
    inside = {
        n: adjusted_rand_score(*(v[lineage == n] for v in columns["subset"]))
        for n in ("T", "NK", "myeloid", "plasma", "B")
    }
    result |= {f"subsets of {name} ARI": value for name, value in inside.items()}
    result["subsets mean ARI (T NK myeloid plasma)"] = float(
        np.mean([inside[n] for n in ("T", "NK", "myeloid", "plasma")])
    )
    result |= {f"{name} F1": f1(*columns["subset"], name) for name in NAMED}
    late = labels["timepoint"].astype(str) != "T1"
    result["blast share after T1, %"] = 100 * float(
        (labels["cell_type"] == "B-ALL blast")[late]
        .groupby(labels["sample"][late], observed=True)
        .mean()
        .max()
    )
    result["unassigned, %"] = 100 * float((labels["cell_type"] == "unassigned")[single].mean())
    composition = pd.read_csv(folder / "composition.tsv", sep="\t")
    whole = truth[single]
    for level in ("lineage", "cell_type"):
        result[f"planted {level} shares within intervals, %"] = 100 * coverage(whole, composition, level)
    facts = json.loads((folder / "integration.json").read_text())
    return result | {
        name: facts[name] for name in ("mixing_before", "mixing_after", "purity_before", "purity_after")
    }


@click.command()
@click.option("--out", required=True, type=click.Path(path_type=Path))
@click.option("--cells", default=24732, show_default=True)
@click.option("--seeds", multiple=True, type=int, default=(1, 2, 3), show_default=True)
def main(out: Path, cells: int, seeds: tuple[int, ...]) -> None:
    """Simulate, name the cells and print how well they are found, one column per seed."""
    table = {}
    for seed in seeds:
        folder = out.resolve() / f"seed_{seed}"
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "samples.tsv").exists():
            prepare(folder, cells, seed)
        name_cells(folder)
        table[f"seed {seed}"] = measure(folder)
    click.echo(pd.DataFrame(table).round(3).to_string())


if __name__ == "__main__":
    main()
