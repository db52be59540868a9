#!/usr/bin/env python3
"""INTEGRATE beside the default scanpy chain for the same steps, each in fresh processes: wall time, CPU time, memory.

bench_integrate.py FOLDER      with S.cells.h5ad, S.genes.parquet and samples.tsv of every sample
"""

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import click
import pandas as pd

PROJECT = Path(__file__).resolve().parents[2]
SCANPY = """
import sys
import anndata, harmonypy, hdf5plugin, scanpy as sc
data = anndata.concat([sc.read_h5ad(p) for p in sys.argv[1:]], label="sample")
sc.pp.normalize_total(data, target_sum=1e4)
sc.pp.log1p(data)
sc.pp.highly_variable_genes(data, n_top_genes=2000, batch_key="sample")
sc.pp.pca(data, n_comps=30)
found = harmonypy.run_harmony(data.obsm["X_pca"], data.obs, ["sample"], verbose=False).Z_corr
data.obsm["X_harmony"] = found if found.shape[0] == data.n_obs else found.T
sc.pp.neighbors(data, use_rep="X_harmony")
sc.tl.leiden(data, flavor="igraph", n_iterations=2)
sc.tl.umap(data)
print(data.obs["leiden"].nunique(), "clusters")
"""


def measure(command: list[str], folder: Path) -> dict[str, float]:
    """Wall and CPU seconds of a command, and the largest memory (GB) of all measured so far."""
    environment = os.environ | {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "NUMBA")}
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    click.echo(done.stdout[-200:])
    if done.returncode:
        raise SystemExit(done.stderr[-1500:])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"wall_s": time.perf_counter() - start, "cpu_s": cpu, "max_memory_gb": after.ru_maxrss / 1e6}


@click.command()
@click.argument("folder", type=click.Path(exists=True, path_type=Path))
@click.option("--without-scanpy", is_flag=True, help="Only INTEGRATE, for large cohorts.")
def main(folder: Path, without_scanpy: bool) -> None:
    """Time INTEGRATE on the samples of FOLDER."""
    folder = folder.resolve()
    names = pd.read_csv(folder / "samples.tsv", sep="\t")["sample"]
    cells = [str(folder / f"{name}.cells.h5ad") for name in names]
    genes = [x for name in names for x in ("--genes", str(folder / f"{name}.genes.parquet"))]
    python, shared = [sys.executable, "-W", "ignore"], ["--samples", str(folder / "samples.tsv")]
    out = folder / "bench"
    out.mkdir(exist_ok=True)
    excluded = ["--excluded", str(PROJECT / "assets" / "excluded_genes.tsv")]
    ours = [*python, str(PROJECT / "bin" / "integrate.py"), *cells, *genes, *shared, *excluded]
    table = {"INTEGRATE": measure(ours, out)}
    if not without_scanpy:
        table["scanpy"] = measure([*python, "-c", SCANPY, *cells], out)
    click.echo(pd.DataFrame(table).round(1).to_string())


if __name__ == "__main__":
    main()
