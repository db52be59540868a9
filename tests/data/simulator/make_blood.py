#!/usr/bin/env python3
"""Make blood.parquet, the simulator's second source of profiles (README.md beside this file names it).

Needs the package rdata, which the project does not install.
"""

from pathlib import Path

import click
import numpy as np
import pandas as pd
import rdata

# Columns of blood.parquet, from the source's types: those of genes.parquet, and subsets with a profile of their own.
PROFILES = {
    "NK": ["NK.cytolitic"],
    "CD4+T": ["Tcells.naive", "Tcells.memory.CD4"],
    "CD8+T": ["Tcells.CD8", "Tcells.CD8.IL10"],
    "Monocyte": ["Classical.monocytes"],
    "Dendritic": ["cDC2"],
    "Plasma": ["Plasma.Bcells"],
    "B": ["Bcells.naive", "Bcells.memory"],
    "CD4_naive": ["Tcells.naive"],
    "CD4_memory": ["Tcells.memory.CD4"],
    "CD4_Treg": ["Treg"],
    "CD8_effector": ["Tcells.CD8"],
    "CD8_memory": ["Tcells.CD8", "Tcells.CD8.IL10", "Tcells.CD8.IL10"],
    "CD56bright": ["NK.cytokine.secretion"],
    "nonclassical_monocyte": ["Non.classical.monocytes"],
    "naive_B": ["Bcells.naive"],
    "memory_B": ["Bcells.memory"],
}
SAME = ["NK", "CD4+T", "CD8+T", "Monocyte", "B"]  # types that both sources have alike


def curve(blood: pd.DataFrame, other: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """ln level here and there of genes of one rank: the source's high levels are compressed, two- to sevenfold at the top.

    One curve for all types, the mean of SAME at ranks 3 to 8,000; so a gene's place among the types stays the source's.
    """
    ranks = np.geomspace(3, 8000, 25).astype(int)
    pairs = [[np.sort(np.log(t[name].to_numpy() + 0.1))[::-1][ranks] for t in (blood, other)] for name in SAME]
    here, there = np.mean(pairs, axis=0)[:, ::-1]
    return here, there


@click.command()
@click.option("--source", type=click.Path(path_type=Path, exists=True), required=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path(__file__).parent / "blood.parquet")
def main(source: Path, out: Path) -> None:
    """Write blood.parquet: counts per million of the genes that the source has."""
    matrix = rdata.read_rda(source)["profile_matrix"].astype(float)
    matrix = matrix / matrix.sum() * 1e6
    matrix.index, matrix.columns = matrix.index.astype(str), matrix.columns.astype(str)
    genes = pd.read_parquet(out.parent / "genes.parquet").drop_duplicates("gene").set_index("gene")
    # Immunoglobulins come with each cell's own receptor; haemoglobin with the ambient RNA.
    left_out = matrix.index.str.match(r"IG[HKL][VDJCGAMEL]|JCHAIN$|HB[ABDEGMQZ]\d*$")
    matrix = matrix[matrix.index.isin(genes.index) & ~left_out]
    genes = genes.loc[matrix.index]
    profiles = pd.DataFrame({name: matrix[types].mean(axis=1) for name, types in PROFILES.items()})
    here, there = curve(profiles, genes)
    slope = (there[-1] - there[-2]) / (here[-1] - here[-2])
    log = np.log(profiles + 0.1)
    level = np.interp(log, here, there) + np.maximum(log - here[-1], 0) * slope + np.minimum(log - here[0], 0)
    profiles = pd.DataFrame(np.exp(level), matrix.index, profiles.columns).where(profiles > 0, 0)
    # The genes of the source take the share of a cell's RNA that they have in genes.parquet.
    share = genes[SAME].sum().mean()
    profiles = profiles / profiles.sum() * share
    profiles = profiles.apply(lambda column: column.map(lambda x: float(f"{x:.3g}"))).astype("float32")
    profiles.rename_axis("gene").reset_index().to_parquet(out, compression="zstd", index=False)
    click.echo(profiles.describe().T.to_string())


if __name__ == "__main__":
    main()
