#!/usr/bin/env python3
"""How hard the simulated case is (clusters, doublets), and how long and how much memory simulating takes."""

import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pandas as pd

SIMULATOR = Path(__file__).resolve().parents[1] / "simulate_case.py"


def read(folder: Path):
    """All samples as one AnnData with the truth as obs, cells that pass the case's filters only."""
    import anndata as ad
    import scanpy as sc

    truth = pd.read_parquet(folder / "truth" / "cells.parquet").set_index("cell_id")
    parts = []
    for row in pd.read_csv(folder / "samples.csv").itertuples():
        data = sc.read_10x_h5(folder / row.gex)
        data.var_names_make_unique()
        data.obs_names = [f"{row.sample}:{barcode[:-2]}" for barcode in data.obs_names]
        parts.append(data)
    data = ad.concat(parts, merge="same")
    data.obs = truth.loc[data.obs_names]
    mito = data[:, data.var_names.str.startswith("MT-")].X.sum(1).A1 / data.X.sum(1).A1
    red = data[:, data.var_names.str.match(r"HB[ABDEGMQZ]\d?$")].X.sum(1).A1 / data.X.sum(1).A1
    keep = (mito < 0.1) & (red < 0.05) & (data.obs["n_umi"] > 1000) & data.obs["n_genes"].between(100, 10000)
    return data[keep.to_numpy()].copy()


def cluster(data, resolutions: tuple[float, ...]) -> list[np.ndarray]:
    """Clusters at each resolution by scanpy's usual path with Harmony over samples.

    V(D)J genes are left out of the variable genes.
    """
    import harmonypy
    import scanpy as sc

    data = data.copy()
    sc.pp.normalize_total(data, target_sum=1e4)
    sc.pp.log1p(data)
    vdj = data.var_names.str.match(r"(IG[HKL]|TR[ABDG])[VDJCGMAE]")
    data = data[:, ~vdj].copy()
    sc.pp.highly_variable_genes(data, n_top_genes=2000, batch_key="sample")
    sc.pp.pca(data, n_comps=30, mask_var="highly_variable")
    if data.obs["sample"].nunique() > 1:
        corrected = harmonypy.run_harmony(data.obsm["X_pca"], data.obs, "sample", verbose=False).Z_corr
        data.obsm["X_pca"] = corrected.T if len(corrected) == 30 else corrected
    sc.pp.neighbors(data, n_neighbors=15)
    found = []
    for resolution in resolutions:
        options = {"flavor": "igraph", "n_iterations": 2, "directed": False, "random_state": 0}
        sc.tl.leiden(data, resolution=resolution, **options)
        found.append(data.obs["leiden"].to_numpy())
    return found


def hardness(folder: Path) -> Iterator[tuple[str, float, int]]:
    """(measure, value, cells): ARI of Leiden clusters against the truth, read in three ways; AUC of scrublet.

    The clusters of all cells against lineages, types and subsets; the same clusters within each lineage's cells
    against its subsets; and each lineage clustered anew, at three resolutions.
    """
    import scanpy as sc
    from sklearn.metrics import adjusted_rand_score, roc_auc_score

    data = read(folder)
    clean = data[data.obs["kind"] == "cell"]
    (found,) = cluster(clean, (1.0,))
    for level in ("lineage", "cell_type", "subset"):
        yield f"ARI, {level}, all cells", adjusted_rand_score(clean.obs[level], found), clean.n_obs
    for lineage in ("T", "NK", "myeloid", "plasma"):
        mine = (clean.obs["lineage"] == lineage).to_numpy()
        subset = clean.obs["subset"][mine]
        yield (
            f"ARI, subsets of {lineage}, clusters of all cells",
            adjusted_rand_score(subset, found[mine]),
            mine.sum(),
        )
        resolutions = (0.3, 0.6, 1.0)
        for resolution, anew in zip(resolutions, cluster(clean[mine], resolutions), strict=True):
            score = adjusted_rand_score(subset, anew)
            yield f"ARI, subsets of {lineage}, clustered anew at {resolution}", score, mine.sum()
    for name, part in data.obs.groupby("sample", observed=True):
        sample = data[part.index].copy()
        sc.pp.scrublet(sample, threshold=0.25, verbose=False)
        auc = roc_auc_score(sample.obs["doublet"].astype(bool), sample.obs["doublet_score"])
        yield f"AUC, scrublet, {name}", auc, sample.n_obs


def show(folder: Path) -> None:
    """Print the measures as they come."""
    for measure, value, cells in hardness(folder):
        click.echo(f"{measure:50s} {value:6.3f} {cells:7d}")


@click.command()
@click.option("--cells", default="24732", show_default=True, help="Numbers of barcodes, separated by commas.")
@click.option("--patients", default=1, show_default=True)
@click.option("--seed", default=1, show_default=True)
@click.option("--workers", default=2, show_default=True)
@click.option("--measure/--no-measure", default=True, help="Cluster and call doublets (first number).")
@click.option("--keep", type=click.Path(path_type=Path), help="Keep the files in this folder.")
@click.option("--case", type=click.Path(exists=True, path_type=Path), help="Only measure this case's hardness.")
def main(
    cells: str, patients: int, seed: int, workers: int, measure: bool, keep: Path | None, case: Path | None
) -> None:
    """Simulate, and print seconds, peak memory and how hard the result is."""
    warnings.filterwarnings("ignore")
    if case:
        show(case)
        return
    for number, size in enumerate(int(n) for n in cells.split(",")):
        with tempfile.TemporaryDirectory() as scratch:
            folder = keep or Path(scratch)
            start = time.perf_counter()
            command = [sys.executable, str(SIMULATOR), "--out", str(folder), "--cells", str(size)]
            command += ["--patients", str(patients), "--seed", str(seed), "--workers", str(workers)]
            subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
            seconds = time.perf_counter() - start
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
            disk = sum(f.stat().st_size for f in folder.rglob("*") if f.is_file()) / 2**30
            click.echo(f"{size} barcodes: {seconds:.0f} s, peak {peak:.2f} GiB, {disk:.2f} GiB on disk")
            if measure and number == 0:
                show(folder)


if __name__ == "__main__":
    main()
