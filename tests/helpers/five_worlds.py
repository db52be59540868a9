"""Five patients of worlds that differ from the published case, one sample each."""

import subprocess
import sys
from pathlib import Path

import pandas as pd

SIMULATOR = Path(__file__).resolve().parents[1] / "simulate_case.py"

# Patient: options of simulate_case.py, the sample that is in the run, its barcodes, whether its V(D)J libraries are too.
WORLDS = {
    "CAR": (["--profiles", "blood", "--car", "0.4", "--one-genome"], "T2", 400, False),
    "HEALTHY": (["--healthy", "--profiles", "blood"], "T2", 500, True),
    "LACKING": (["--without", "CD4_Treg,proliferating,NK", "--profiles", "blood"], "T3", 400, False),
    "SORTED": (["--sort", "CAR+", "--depth", "2"], "T2", 400, False),
    "RELAPSE": (["--relapse", "CD19-", "--ambient", "0.2"], "T3", 400, True),
}


def make(folder: Path) -> tuple[list[dict], dict[str, pd.DataFrame]]:
    """Rows of a samplesheet, and per patient the truth about its sample, with the ids of the run."""
    rows, truths = [], {}
    for seed, (patient, (options, timepoint, cells, libraries)) in enumerate(WORLDS.items(), start=31):
        case = folder / patient
        size = ["--out", str(case), "--cells", str(3 * cells), "--seed", str(seed)]
        subprocess.run([sys.executable, str(SIMULATOR), *size, *options], check=True, capture_output=True)
        sample = case / f"P1_{timepoint}"
        row = {"sample": f"{patient}_{timepoint}", "patient": patient, "timepoint": timepoint}
        row |= {"day": {"T2": 28, "T3": 180}[timepoint], "tissue": "bone marrow"}
        row |= {"sort": "CAR+" if patient == "SORTED" else "", "gex": sample / "filtered_feature_bc_matrix.h5"}
        for name in ("vdj_b", "vdj_t"):
            row[name] = sample / name / "filtered_contig_annotations.csv" if libraries else ""
        rows.append(row)
        truth = pd.read_parquet(case / "truth" / "cells.parquet").query("timepoint == @timepoint")
        truths[patient] = truth.assign(cell_id=truth["cell_id"].str.replace("P1_", f"{patient}_"))
    return rows, truths
