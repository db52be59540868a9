#!/usr/bin/env python3
"""Copy number on real cells and at size; prints figures, asserts nothing.

planted: a gain of 1q and a loss of 13q made in a share of real cells by thinning their counts. negative: real samples
without tumour. speed: cells of one sample repeated, time and peak memory. Folders of samples hold
<sample>.cells.h5ad and labels.parquet.
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np
import pandas as pd

ROOT = Path(__file__).resolve().parents[2]
ASSETS = ROOT / "assets"


def judge(folder: Path, patient: str, clones: bool = False) -> tuple[float, float]:
    """CNV on a folder of samples: seconds, and GB of the largest child so far."""
    start = time.time()
    cells = sorted(folder.glob("*.cells.h5ad"))
    options = ["--patient", patient, "--labels", "labels.parquet", "--lineages", ASSETS / "lineages.tsv"]
    options += ["--gene-positions", ASSETS / "gene_positions_hg38.tsv", "--masked", ASSETS / "masked_genes.tsv"]
    options += ["--clones", "clones.parquet"] if clones else []
    command = [sys.executable, "-W", "ignore", ROOT / "bin" / "cnv.py", *cells, *options]
    subprocess.run(list(map(str, command)), cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.time() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6


def thin(counts, gain, loss, altered, rng):
    """Counts in which altered cells have 1.5 times the share of `gain` genes and half that of `loss` genes."""
    row = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    keep = np.ones(counts.nnz)
    keep[altered[row] & ~gain[counts.indices]] *= 2 / 3
    keep[altered[row] & loss[counts.indices]] *= 0.5
    keep[~altered[row]] *= 2 / 3  # so that depth does not tell them apart
    out = counts.copy()
    out.data = rng.binomial(counts.data.astype(np.int64), keep).astype(np.int32)
    out.eliminate_zeros()
    return out


def share_of(table: pd.DataFrame, population: str, arm: str, event: str) -> str:
    """What CNV says about an arm of a population."""
    rows = table[
        (table.level == "population") & (table.population == population) & (table.arm == arm) & (table.event == event)
    ]
    row = rows.iloc[0]
    return f"{row.verdict} {100 * row.share:.0f} % ({100 * row.low:.0f}-{100 * row.high:.0f})"


@click.group()
def main() -> None:
    """Figures of copy number."""


@main.command()
@click.argument("folder", type=click.Path(exists=True, path_type=Path))
@click.option("--cell-type", required=True, help="Cells to plant into.")
@click.option("--share", default=0.5, help="Share of its cells that is altered.")
@click.option("--seed", default=0)
def planted(folder, cell_type, share, seed) -> None:
    """Half of a type's cells become a clone, in which a share is altered; the other half are polyclonal."""
    import anndata as ad
    import hdf5plugin  # noqa: F401

    rng = np.random.default_rng(seed)
    labels = pd.read_parquet(folder / "labels.parquet").set_index("cell_id", drop=False)
    ours = labels.index[labels.cell_type.astype(str) == cell_type]
    clone = pd.Index(rng.permutation(ours)[: len(ours) // 2])
    altered = pd.Index(rng.permutation(clone)[: int(share * len(clone))])
    genes = pd.read_csv(ASSETS / "gene_positions_hg38.tsv", sep="\t", comment="#", keep_default_na=False).set_index(
        "gene"
    )
    arm = genes.chromosome.str[3:] + genes.arm
    labels = labels.astype({"lineage": str})
    labels.loc[ours, "lineage"] = "plasma"
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch)
        for path in folder.glob("*.cells.h5ad"):
            data = ad.read_h5ad(path)
            here = arm.reindex(data.var_names).to_numpy()
            mark = data.obs_names.isin(altered)
            data.X = thin(data.X.tocsr(), here == "1q", here == "13q", mark, rng)
            data.write_h5ad(out / path.name)
        labels.assign(tissue="", sort="").to_parquet(out / "labels.parquet", index=False)
        names = ["c.B1" if cell in set(clone) else f"c.B{i + 2}" for i, cell in enumerate(ours)]
        pd.DataFrame({"cell_id": ours, "bcr_clone": names}).to_parquet(out / "clones.parquet", index=False)
        patient = str(labels.patient.iloc[0])
        judge(out, patient, clones=True)
        table = pd.read_csv(out / f"{patient}.cnv.tsv", sep="\t")
        others = table[(table.level == "population") & (table.verdict == "detected")]
        print(f"{cell_type}: clone of {len(clone)} cells, {100 * len(altered) / len(clone):.0f} % altered")
        print("  1q gain ", share_of(table, "c.B1", "1q", "gain"))
        print("  13q loss", share_of(table, "c.B1", "13q", "loss"))
        print("  events  ", sorted(set(zip(others.population, others.arm, others.event, strict=True))))


@main.command()
@click.argument("folders", nargs=-1, type=click.Path(exists=True, path_type=Path))
def negative(folders) -> None:
    """Events in real samples without a tumour: none is right."""
    for folder in folders:
        with tempfile.TemporaryDirectory() as scratch:
            out = Path(scratch)
            for path in [*folder.glob("*.cells.h5ad"), folder / "labels.parquet"]:
                (out / path.name).symlink_to(path.resolve())
            patient = str(pd.read_parquet(folder / "labels.parquet").patient.iloc[0])
            judge(out, patient)
            table = pd.read_csv(out / f"{patient}.cnv.tsv", sep="\t")
            table = table[table.level == "population"]
            print(f"{folder.name}: {table.population.nunique()} populations, {table.verdict.value_counts().to_dict()}")
            columns = ["population", "arm", "event", "verdict", "share", "replicated", "elsewhere"]
            print(
                table.loc[table.verdict.isin(["detected", "cell state", "below limit"]), columns].to_string(index=False)
            )


@main.command()
@click.argument("folder", type=click.Path(exists=True, path_type=Path))
@click.option("--times", default=1, help="How often the samples' cells are repeated.")
def speed(folder, times) -> None:
    """Seconds and peak memory; clones.parquet of the folder is used where it is there."""
    import anndata as ad
    import hdf5plugin

    with tempfile.TemporaryDirectory() as scratch:
        out, labels = Path(scratch), pd.read_parquet(folder / "labels.parquet")
        clones = pd.read_parquet(folder / "clones.parquet") if (folder / "clones.parquet").exists() else None
        for path in folder.glob("*.cells.h5ad"):
            data = ad.read_h5ad(path)
            for number in range(times):
                part = data.copy() if number else data
                part.obs_names = [f"{name}{number or ''}" for name in data.obs_names.str.rstrip("0123456789")]
                part.write_h5ad(out / f"{number}{path.name}", compression=hdf5plugin.FILTERS["zstd"])
        for table, name in ((labels, "labels"), (clones, "clones")):
            if table is not None:
                bare = table.cell_id.str.rstrip("0123456789")
                parts = [table.assign(cell_id=bare + (str(number) if number else "")) for number in range(times)]
                pd.concat(parts).to_parquet(out / f"{name}.parquet", index=False)
        seconds, peak = judge(out, str(labels.patient.iloc[0]), clones is not None)
        print(f"{len(labels) * times} cells: {seconds:.1f} s, peak {peak:.2f} GB")


if __name__ == "__main__":
    main()
