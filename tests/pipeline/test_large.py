"""More than 8,192 cells in one integration: from there on neighbour libraries take other ways."""

import subprocess
import sys

import pandas as pd
from sklearn.metrics import adjusted_rand_score

from pipeline.conftest import PROJECT, environment


def script(folder, name, *arguments):
    """One script of bin/ in `folder`."""
    command = [sys.executable, PROJECT / "bin" / name, *map(str, arguments)]
    subprocess.run(command, cwd=folder, env=environment(), check=True, capture_output=True)


def test_clusters_of_ten_thousand_cells_follow_their_lineages(tmp_path):
    simulate = [sys.executable, PROJECT / "tests" / "simulate_case.py", "--out", tmp_path / "case"]
    subprocess.run([*simulate, "--cells", "11000", "--seed", "2"], check=True, capture_output=True)
    sheet = pd.read_csv(tmp_path / "case" / "samples.csv")
    sheet.assign(batch="", tissue="").to_csv(tmp_path / "samples.tsv", sep="\t", index=False)
    for name in sheet["sample"]:
        script(tmp_path, "read_cellranger.py", "--sample", name, "--gex", tmp_path / "case" / name)
        inputs = (f"{name}.counts.h5ad", "--sample", name, "--contigs", f"{name}.contigs.parquet")
        script(tmp_path, "qc.py", *inputs, "--doublets", "none")
    matrices = [f"{name}.cells.h5ad" for name in sheet["sample"]]
    statistics = [option for name in sheet["sample"] for option in ("--genes", f"{name}.genes.parquet")]
    excluded = PROJECT / "assets" / "excluded_genes.tsv"
    script(
        tmp_path,
        "variable_genes.py",
        *matrices,
        *statistics,
        "--samples",
        "samples.tsv",
        "--excluded",
        excluded,
    )
    script(
        tmp_path,
        "integrate.py",
        "components.parquet",
        "expression.npz",
        "--samples",
        "samples.tsv",
        "--resolution",
        0.3,
    )

    clusters = pd.read_parquet(tmp_path / "integrated.parquet")
    truth = pd.read_parquet(tmp_path / "case" / "truth" / "cells.parquet", columns=["cell_id", "lineage"])
    both = clusters.merge(truth[truth["lineage"] != ""], on="cell_id")
    assert len(clusters) > 8192 and clusters["cell_id"].is_unique
    assert adjusted_rand_score(both["lineage"].astype(str), both["cluster"].astype(str)) > 0.7
