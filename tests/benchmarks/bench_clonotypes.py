#!/usr/bin/env python3
"""Time and memory of CHAINS and CLONOTYPES on many receptor cells, and of scirpy's own chain; prints, asserts nothing.

Cells are drawn from clones with a long-tailed size distribution (mean cells per clone as asked), V and J genes of usual number
and skew, one heavy and one light chain each, 12 % of the cells with one chain only.
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


def repertoire(cells, clones, seed=0):
    """Contig table (two rows per cell, less dropout) and labels of one BCR library."""
    rng = np.random.default_rng(seed)
    weight = rng.pareto(1.2, clones) + 0.2
    clone = np.r_[np.arange(clones), rng.choice(clones, cells - clones, p=weight / weight.sum())]
    names = np.array([f"S1:{i:09d}" for i in range(cells)])
    parts = []
    for locus, n_v, lengths in (("IGH", 50, np.arange(10, 24)), ("IGL", 40, np.arange(9, 13))):
        v_share, j_share = rng.dirichlet(np.full(n_v, 0.6)), rng.dirichlet(np.full(6, 1.0))
        v, j = rng.choice(n_v, clones, p=v_share), rng.choice(6, clones, p=j_share)
        length = 3 * rng.choice(lengths, clones)
        letters = np.frombuffer(b"ACGT", np.uint8)[rng.integers(0, 4, (clones, int(length.max())))]
        junction = np.array([row[:n].tobytes().decode() for row, n in zip(letters, length, strict=True)])
        kept = rng.random(cells) > 0.06
        here = clone[kept]
        parts.append(
            pd.DataFrame(
                {
                    "cell_id": names[kept], "locus": locus, "junction": junction[here], "umis": 1 + rng.poisson(20, kept.sum()),
                    "v": np.array([f"{locus}V{i + 1}" for i in range(n_v)])[v[here]],
                    "j": np.array([f"{locus}J{i + 1}" for i in range(6)])[j[here]],
                }
            )
        )  # fmt: skip
    table = pd.concat(parts, ignore_index=True)
    table["junction_aa"] = "C" + table["junction"].str.slice(0, 9) + "W"
    labels = pd.DataFrame({"cell_id": names, "sample": "S1", "patient": "P1", "timepoint": "T1", "day": 0})
    labels = labels.assign(lineage="B", cell_type="memory B", subset="memory B")
    return table, labels


def write(table, labels, folder):
    """The table as contigs.parquet, as Cell Ranger's CSV, and the labels."""
    contigs = pd.DataFrame(
        {
            "cell_id": table["cell_id"], "sample": "S1", "library": "BCR",
            "sequence_id": "contig_" + pd.Series(np.arange(len(table))).astype(str), "locus": table["locus"],
            "v_call": table["v"], "d_call": None, "j_call": table["j"], "c_call": None, "junction": table["junction"],
            "junction_aa": table["junction_aa"], "productive": True, "is_cell": True, "high_confidence": True,
            "duplicate_count": table["umis"], "consensus_count": 100 * table["umis"],
        }
    )  # fmt: skip
    contigs.to_parquet(folder / "S1.contigs.parquet")
    labels.to_parquet(folder / "labels.parquet")
    csv = contigs.rename(
        columns={
            "sequence_id": "contig_id", "locus": "chain", "v_call": "v_gene", "d_call": "d_gene", "j_call": "j_gene",
            "c_call": "c_gene", "junction": "cdr3_nt", "junction_aa": "cdr3", "duplicate_count": "umis",
            "consensus_count": "reads",
        }
    )  # fmt: skip
    csv["barcode"] = csv["cell_id"].str.removeprefix("S1:") + "-1"
    csv["full_length"], csv["length"] = True, 500
    csv.drop(columns=["cell_id", "sample", "library"]).to_csv(folder / "filtered_contig_annotations.csv", index=False)


SCIRPY = """
import sys, scirpy as ir
adata = ir.io.read_10x_vdj(sys.argv[1], include_fields=None)
ir.pp.index_chains(adata); ir.tl.chain_qc(adata)
ir.pp.ir_dist(adata, metric="normalized_hamming", sequence="nt", cutoff=15)
ir.tl.define_clonotype_clusters(adata, metric="normalized_hamming", sequence="nt", receptor_arms="all",
                                dual_ir="primary_only", same_v_gene=True, same_j_gene=True)
print(adata.obs["cc_nt_normalized_hamming"].nunique(), "clusters")
"""


def measured(arguments, folder):
    """Seconds and peak memory (MB) of a command."""
    before = time.time()
    code = (
        "import resource, subprocess, sys; done = subprocess.run(sys.argv[1:]); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024, file=sys.stderr); sys.exit(done.returncode)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], cwd=folder, capture_output=True, text=True
    )
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return time.time() - before, int(done.stderr.split()[-1]), done.stdout.strip()


@click.command()
@click.option("--cells", default=100_000, show_default=True)
@click.option("--clones", default=30_000, show_default=True)
@click.option("--scirpy/--no-scirpy", "compare", default=True, show_default=True)
def main(cells, clones, compare):
    """Print seconds and megabytes per step."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write(*repertoire(cells, clones), folder)
        given = ["--patient", "P1", "--labels", "labels.parquet", "--lineages", ROOT / "assets/lineages.tsv"]
        steps = {
            "chains.py": ["S1.contigs.parquet", *given, "--genes", ROOT / "assets/receptor_genes.tsv"],
            "clonotypes.py": ["P1.own_chains.parquet", "--patient", "P1", "--pairing", "P1.pairing.parquet"],
        }
        total = 0.0
        for script, arguments in steps.items():
            seconds, megabytes, _ = measured([sys.executable, ROOT / "bin" / script, *arguments], folder)
            total += seconds
            print(f"{script:16s} {seconds:7.1f} s {megabytes:6d} MB")
        found = pd.read_parquet(folder / "P1.clones.parquet")["bcr_clone"]
        print(
            f"{'both':16s} {total:7.1f} s; {found.nunique()} clones of {clones}, {found.notna().sum()} of {cells} cells"
        )
        if compare:
            arguments = [sys.executable, "-W", "ignore", "-c", SCIRPY, folder / "filtered_contig_annotations.csv"]
            seconds, megabytes, said = measured(arguments, folder)
            print(f"{'scirpy':16s} {seconds:7.1f} s {megabytes:6d} MB; {said.splitlines()[-1]}")
        print(f"this script itself: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB")


if __name__ == "__main__":
    main()
