#!/usr/bin/env python3
"""How parts of clusters, and whole clusters, express the marker genes: all that naming them needs of the matrices."""

from importlib.metadata import version
from pathlib import Path

import click
import numpy as np

PACKAGES = ("click", "anndata", "pandas", "numpy", "scipy")
UNASSIGNED = "unassigned"
PATH = click.Path(exists=True, path_type=Path)


def marker_genes(path: Path) -> list[str]:
    """All genes of a marker table in upper case, sorted."""
    import pandas as pd

    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    missing = [c for c in ("positive", "negative") if c not in table]
    if missing:
        raise click.ClickException(
            f"{path.name}: lacks the column {missing[0]}; see assets/markers.tsv for its shape"
        )
    listed = ",".join([*table["positive"], *table["negative"]]).upper().split(",")
    return sorted({gene.strip() for gene in listed} - {""})


def read_lognormal(path: Path, genes: list[str], block: int = 4096):
    """cell ids (N,) and ln(1 + counts per 10,000 of full depth), CSR float32 (N, G); genes not measured are empty columns."""
    import anndata as ad
    import h5py
    import hdf5plugin  # noqa: F401  registers the zstd filter
    import scipy.sparse as sp

    with h5py.File(path) as file:
        cells = ad.io.read_elem(file["obs"]).index.to_numpy()
        names = ad.io.read_elem(file["var"]).index.str.upper()
        first = {gene: i for i, gene in reversed(list(enumerate(names)))}
        at = np.array([first.get(gene, -1) for gene in genes])
        there = np.flatnonzero(at >= 0)
        pick = sp.csr_matrix((np.ones(len(there), np.float32), (at[there], there)), (len(names), len(genes)))
        parts = []
        for start in range(0, len(cells), block):
            counts = ad.io.sparse_dataset(file["X"])[start : start + block].astype(np.float32)
            depth = np.maximum(np.asarray(counts.sum(1)).ravel(), 1)
            parts.append((sp.diags((1e4 / depth).astype(np.float32)) @ (counts @ pick)).tocsr().log1p())
    return cells, sp.vstack(parts, format="csr")


def group_means(x, group: np.ndarray) -> np.ndarray:
    """Mean expression and share of cells that express, (2, groups, G), of x (N, G) by group number (N,)."""
    import scipy.sparse as sp

    x = sp.csr_matrix(x)
    n = np.bincount(group)
    member = sp.csr_matrix((1 / n[group], (group, np.arange(len(group)))), (len(n), len(group)))
    return np.stack([(member @ x).toarray(), (member @ (x > 0).astype(np.float32)).toarray()])


@click.command()
@click.argument("integrated", type=PATH)
@click.argument("cells", nargs=-1, required=True, type=PATH)
@click.option("--markers", required=True, type=PATH, help="Marker table.")
@click.option(
    "--annotation", type=PATH, help="annotation.parquet: split parts and clusters by its cell types."
)
@click.option("--undivided", is_flag=True, help="Take each cluster as one part.")
@click.version_option(" ".join(f"{name}={version(name)}" for name in PACKAGES), message="%(version)s")
def main(integrated, cells, markers, annotation, undivided):
    """Marker expression in the parts of INTEGRATED (integrated.parquet) from CELLS (S.cells.h5ad of every sample).

    Writes groups.parquet (the part and the cluster of every cell), marker_means.npz (genes; part and cluster:
    mean and detection of every group) and, of undivided cells, marker_expression.npz (cells in the order of groups).
    """
    import pandas as pd
    import scipy.sparse as sp

    genes = marker_genes(markers)
    table = pd.read_parquet(integrated)
    read = [read_lognormal(path, genes) for path in cells]
    at = pd.Index(np.concatenate([ids for ids, _ in read])).get_indexer(table["cell_id"])
    for missing in table["cell_id"][at < 0]:
        raise click.ClickException(f"{missing}: is in {integrated.name} but in no matrix; give all samples")
    x = sp.vstack([matrix for _, matrix in read], format="csr")[at]
    groups = table[["cell_id", "sample", "cluster", "part"]].assign(whole=table["cluster"])
    if annotation is not None:
        known = pd.read_parquet(annotation).set_index("cell_id")["cell_type"]
        groups["parent"] = known.reindex(groups["cell_id"]).fillna(UNASSIGNED).to_numpy(object)
    for column in ("part", "whole"):
        by = groups["cluster"] if undivided else groups[column]
        if annotation is not None and not undivided:
            by = by.astype(str) + " " + groups["parent"]
        groups[column] = pd.factorize(by, sort=True)[0]
    prefix = integrated.name.removesuffix("integrated.parquet")
    groups.to_parquet(f"{prefix}groups.parquet", compression="zstd")
    means = {column: group_means(x, groups[column].to_numpy()) for column in ("part", "whole")}
    np.savez(f"{prefix}marker_means.npz", genes=np.array(genes), **means)
    if annotation is None:
        sp.save_npz("marker_expression.npz", x, compressed=False)


if __name__ == "__main__":
    main()
