#!/usr/bin/env python3
"""Time and peak memory of READ_CELLRANGER and QC for one sample, next to scanpy's calls for the same steps.

    python tests/benchmarks/bench_read_qc.py [--cells 25000] [--source FOLDER] [--scrublet]

The sample is made of the better lavage cells in FOLDER (tests/data/liao_covid_balf by default), drawn with
replacement and thinned to 60-95 % of their counts, so that no two are the same. Every process is started anew
and measured by the operating system: interpreter start and imports count.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click

PROJECT = Path(__file__).resolve().parents[2]
SCANPY = """
import sys, hdf5plugin, pandas as pd, scanpy as sc
adata = sc.read_10x_h5(sys.argv[1])
adata.var_names_make_unique()
contigs = pd.read_csv(sys.argv[2])
contigs.to_parquet("contigs.parquet")
names = adata.var_names
adata.var["mt"], adata.var["ribo"] = names.str.startswith("MT-"), names.str.startswith(("RPS", "RPL"))
adata.var["hb"] = names.str.match("HB[ABDEGMQZ]")
sc.pp.calculate_qc_metrics(adata, qc_vars=["mt", "ribo", "hb"], percent_top=None, log1p=False, inplace=True)
obs = adata.obs
keep = (obs.total_counts > 1000) & obs.n_genes_by_counts.between(100, 10000)
keep &= (obs.pct_counts_mt < 10) & (obs.pct_counts_hb < 5)
obs.to_parquet("obs.parquet")
adata = adata[keep].copy()
adata.write_h5ad("cells.h5ad", compression=hdf5plugin.FILTERS["zstd"])
sc.pp.normalize_total(adata, target_sum=1e4)
sc.pp.log1p(adata)
sc.pp.highly_variable_genes(adata)
adata.var.to_parquet("genes.parquet")
"""
SCANPY_SCRUBLET = """
import sys, scanpy as sc
adata = sc.read_h5ad(sys.argv[1])
adata.X = adata.X.astype("float32")
sc.pp.scrublet(adata, threshold=0.25, rng=0) if "rng" in sc.pp.scrublet.__kwdefaults__ else sc.pp.scrublet(
    adata, threshold=0.25, random_state=0
)
"""


def make_sample(source: Path, folder: Path, cells: int) -> None:
    """Writes a matrix in Cell Ranger's h5 layout and a contig CSV into the folder."""
    import h5py
    import numpy as np
    import pandas as pd
    from scipy import sparse

    rng = np.random.default_rng(0)
    parts, contigs = [], []
    for sample in ("C149", "C146", "C144"):
        with h5py.File(source / sample / "count/filtered_feature_bc_matrix.h5") as file:
            group = file["matrix"]
            shape = (len(group["barcodes"]), int(group["shape"][0]))
            parts.append(sparse.csr_matrix((group["data"][:], group["indices"][:], group["indptr"][:]), shape))
            features = {name: group["features"][name][:] for name in group["features"]}
        contigs.append(pd.read_csv(source / sample / "vdj_t/filtered_contig_annotations.csv"))
    counts = sparse.vstack(parts).tocsr()
    mito = np.char.startswith(features["name"], b"MT-")
    share = np.asarray(counts[:, mito].sum(axis=1) / counts.sum(axis=1)).ravel()
    counts = counts[(np.asarray(counts.sum(axis=1)).ravel() > 1200) & (share < 0.11)]
    counts = counts[rng.choice(counts.shape[0], cells)]
    keep = np.repeat(rng.uniform(0.6, 0.95, cells), np.diff(counts.indptr))
    counts.data = rng.binomial(counts.data, keep)
    counts.eliminate_zeros()
    letters = np.array(list("ACGT"))[(np.arange(cells)[:, None] >> np.arange(0, 32, 2)) & 3]
    barcodes = np.array(["".join(row) + "-1" for row in letters], dtype="S18")
    with h5py.File(folder / "filtered_feature_bc_matrix.h5", "w") as file:
        group = file.create_group("matrix")
        options = {"compression": "gzip", "compression_opts": 4, "shuffle": True}
        group.create_dataset("barcodes", data=barcodes)
        group.create_dataset("data", data=counts.data.astype("int32"), chunks=(80000,), **options)
        group.create_dataset("indices", data=counts.indices.astype("int64"), chunks=(80000,), **options)
        group.create_dataset("indptr", data=counts.indptr.astype("int64"))
        group.create_dataset("shape", data=np.array(counts.shape[::-1], "int32"))
        for name, values in features.items():
            group.create_dataset(f"features/{name}", data=values)
    table = pd.concat(contigs).sample(cells, replace=True, random_state=0)
    table["barcode"] = barcodes.astype(str)[rng.integers(0, cells, len(table))]
    table.to_csv(folder / "filtered_contig_annotations.csv", index=False, na_rep="None")


def run(command: list[str], folder: Path) -> tuple[float, float, float]:
    """(seconds, seconds of processor time, peak MB) of one process."""
    start = time.perf_counter()
    process = subprocess.Popen([sys.executable, *command], cwd=folder)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise click.ClickException(f"{' '.join(command[:1])} ended with status {status}")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1e3


@click.command()
@click.option("--cells", default=25_000, show_default=True)
@click.option("--source", type=Path, default=PROJECT / "tests/data/liao_covid_balf", show_default=True)
@click.option("--scrublet", is_flag=True, help="Also with doublet scores (scanpy's take minutes).")
@click.option("--make", type=Path, help="Only write the sample's files into this folder.")
def main(cells: int, source: Path, scrublet: bool, make: Path | None) -> None:
    """Print the table."""
    if make:
        make_sample(source, make, cells)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # In a process of its own: the memory of this one would count as the children's.
        run([__file__, "--cells", str(cells), "--source", str(source), "--make", name], folder)
        gex, vdj = name + "/filtered_feature_bc_matrix.h5", name + "/filtered_contig_annotations.csv"
        read = [str(PROJECT / "bin/read_cellranger.py"), "--sample", "S", "--gex", gex, "--vdj-t", vdj]
        qc = [str(PROJECT / "bin/qc.py"), "S.counts.h5ad", "--sample", "S", "--contigs", "S.contigs.parquet"]
        rows = {"READ_CELLRANGER": run(read, folder), "QC, no scrublet": run([*qc, "--doublets", "none"], folder)}
        rows["scanpy, the same"] = run(["-c", SCANPY, gex, vdj], folder)
        if scrublet:
            rows["QC with scrublet"] = run(qc, folder)
            rows["scanpy's scrublet alone"] = run(["-c", SCANPY_SCRUBLET, "S.cells.h5ad"], folder)
        import h5py

        with h5py.File(gex) as file:
            size = file["matrix/data"].shape[0] * 8 / 1e6
        facts = json.loads((folder / "S.qc.json").read_text())
    print(f"{cells:,} cells, {facts['cells_after']:,} kept; matrix in memory {size:.0f} MB (int32 CSR)")
    for what, (seconds, busy, peak) in rows.items():
        print(f"{what:24s} {seconds:6.1f} s  {busy:6.1f} s CPU {peak:6.0f} MB peak ({peak / size:.1f} x the matrix)")
    for what, column in (("time", 0), ("CPU time", 1)):
        ours = rows["READ_CELLRANGER"][column] + rows["QC, no scrublet"][column]
        print(f"{what} of reading and QC: {ours / rows['scanpy, the same'][column]:.2f} times scanpy's")


if __name__ == "__main__":
    main()
