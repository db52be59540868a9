"""Inputs of the signals steps from a simulated case: matrices of the true cells, labels from the truth, the
samples' table.
"""

import subprocess
import sys
from pathlib import Path

import pandas as pd

SIMULATOR = Path(__file__).resolve().parents[1] / "simulate_case.py"


def simulate(folder: Path, cells: int, seed: int, patients: int = 1) -> Path:
    """The simulated case in `folder`, made once."""
    if not (folder / "truth").exists():
        command = [sys.executable, SIMULATOR, "--out", folder, "--cells", cells, "--seed", seed, "--patients", patients]
        subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL)
    return folder


def write_inputs(case: Path, folder: Path) -> pd.DataFrame:
    """S.cells.h5ad of every sample, labels.parquet and samples.tsv; returns the samples."""
    import hdf5plugin
    import scanpy
    from scipy.sparse import csr_matrix

    folder.mkdir(parents=True, exist_ok=True)
    truth = pd.read_parquet(case / "truth" / "cells.parquet").set_index("cell_id")
    truth = truth[(truth["kind"] == "cell") & ~truth["doublet"] & (truth["mito_share"] < 0.1)]
    samples = pd.read_csv(case / "samples.csv")
    for sample in samples["sample"]:
        cells = scanpy.read_10x_h5(case / sample / "filtered_feature_bc_matrix.h5")
        cells.var_names_make_unique()
        cells.obs_names = sample + ":" + cells.obs_names.str.replace("-1", "", regex=False)
        cells = cells[cells.obs_names.isin(truth.index)].copy()
        cells.X = csr_matrix(cells.X).astype("int32")
        cells.write_h5ad(folder / f"{sample}.cells.h5ad", compression=hdf5plugin.FILTERS["zstd"])
    labels = truth[["sample", "patient", "timepoint", "day", "lineage", "cell_type", "subset"]].astype({"day": int})
    labels.assign(tissue="", sort="").reset_index().to_parquet(folder / "labels.parquet", index=False)
    samples.to_csv(folder / "samples.tsv", sep="\t", index=False)
    return samples
