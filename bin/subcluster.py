#!/usr/bin/env python3
"""The subsets of a lineage as they stand: names in order, layout, and the marker genes of each by Wilcoxon's test."""

import os
from importlib.metadata import version
from pathlib import Path

for library in ("OMP", "OPENBLAS", "NUMBA"):  # one thread: same sums in the same order, hence same results
    os.environ[f"{library}_NUM_THREADS"] = "1"

import click  # noqa: E402
import numpy as np  # noqa: E402

PACKAGES = ("click", "anndata", "illico", "pandas", "scipy")
UNASSIGNED = "unassigned"
FEW_CELLS, DETECTED, KEPT = 10, 0.1, 200  # cells per subset; share of cells in a subset; genes per subset
COMPARED = 10  # markers of each subset that are told of all subsets


def renumber(names: np.ndarray) -> dict[str, str]:
    """New names of numbered ones (Plasma_2), numbered by size, largest first."""
    import pandas as pd

    split = pd.Series(names, dtype=object).str.extract(r"^(.+)_(\d+)$")
    counts = pd.Series(names[split[0].notna().to_numpy()]).value_counts()
    order = sorted(counts.index, key=lambda name: (-counts[name], name))
    rank: dict[str, int] = {}
    new = {}
    for name in order:
        word = name.rsplit("_", 1)[0]
        rank[word] = rank.get(word, 0) + 1
        new[name] = f"{word}_{rank[word]}"
    return new


def read_lognormal(path: Path, wanted):
    """Cell ids (N,), gene symbols (G,) and ln(1 + counts per 10,000), CSR float32 (N, G), of the wanted cells."""
    import anndata as ad
    import h5py
    import hdf5plugin  # noqa: F401  registers the zstd filter
    import scipy.sparse as sp

    with h5py.File(path) as file:
        cells = ad.io.read_elem(file["obs"]).index
        genes = ad.io.read_elem(file["var"]).index
        keep = cells.isin(wanted)
        blocks = [sp.csr_matrix((0, len(genes)), dtype=np.float32)]
        for start in range(0, len(cells), 4096):
            rows = np.flatnonzero(keep[start : start + 4096])
            if len(rows):
                counts = ad.io.sparse_dataset(file["X"])[start : start + 4096].astype(np.float32)[rows]
                depth = np.maximum(np.asarray(counts.sum(1)).ravel(), 1)
                blocks.append((sp.diags((1e4 / depth).astype(np.float32)) @ counts).tocsr().log1p())
    return cells[keep].to_numpy(), genes.to_numpy(), sp.vstack(blocks, format="csr")


def shared_genes(names: list[np.ndarray]) -> np.ndarray:
    """The genes that all matrices have, in the order of the first: a reference may hold a gene more, such as a CAR."""
    import pandas as pd

    keep = pd.Index(names[0])
    for own in names[1:]:
        keep = keep[keep.isin(own)]
    return keep.to_numpy()


def adjust(p: np.ndarray) -> np.ndarray:
    """False discovery rates of p values (Benjamini & Hochberg 1995)."""
    from scipy.stats import false_discovery_control

    return false_discovery_control(np.nan_to_num(p, nan=1.0), method="bh")


def marker_statistics(x, genes: np.ndarray, subset: np.ndarray):
    """Every gene of every subset against the lineage's other cells, subsets of at least FEW_CELLS.

    x: (N, G) log-normalised. Wilcoxon's rank-sum test, tie-corrected, with normal approximation (illico); auroc is
    U / (n1 n2), the chance that a cell of the subset has more of the gene than another one. log2_fold_change is
    of mean counts per 10,000 with 0.01 added to both. Without any cell the table is empty.
    """
    import anndata as ad
    import illico
    import pandas as pd
    import scipy.sparse as sp

    columns = ["subset", "gene", "n_cells", "log2_fold_change", "mean_in", "mean_out", "detected_in", "detected_out",
               "auroc", "z", "p_value", "q_value"]  # fmt: skip
    if not len(subset):
        return pd.DataFrame(columns=columns)
    data = ad.AnnData(
        sp.csr_matrix(x), obs=pd.DataFrame({"subset": subset}, index=np.arange(len(subset)).astype(str))
    )
    tested = illico.asymptotic_wilcoxon(
        data, is_log1p=True, group_keys="subset", reference=None, use_continuity=False, n_threads=1
    )
    linear, tables = x.expm1(), []
    for name in pd.unique(subset):
        own = subset == name
        if own.sum() < FEW_CELLS or own.all():
            continue
        result = tested.loc[name]
        means = [np.asarray(linear[side].mean(0)).ravel() for side in (own, ~own)]
        detected = [np.asarray((x[side] > 0).mean(0)).ravel() for side in (own, ~own)]
        table = pd.DataFrame({"subset": name, "gene": genes, "n_cells": int(own.sum())})
        table["log2_fold_change"] = np.log2((means[0] + 0.01) / (means[1] + 0.01))
        table["mean_in"], table["mean_out"] = means
        table["detected_in"], table["detected_out"] = detected
        table["auroc"] = result["statistic"].to_numpy() / (own.sum() * (~own).sum())
        table["z"], table["p_value"] = result["z_score"].to_numpy(), result["p_value"].to_numpy()
        table["q_value"] = adjust(table["p_value"].to_numpy())
        tables.append(table)
    return pd.concat(tables) if tables else pd.DataFrame(columns=columns)


def leading(markers):
    """The markers a person reads: detected, q below 0.05 and raised, the KEPT highest z of a subset by their `rank`.

    The first COMPARED of each subset have a row in every other subset too, without a rank where they are none of its markers.
    """
    markers = markers.sort_values(["subset", "z", "gene"], ascending=[True, False, True])
    is_marker = (markers["detected_in"] >= DETECTED) & (markers["q_value"] < 0.05) & (markers["z"] > 0)
    rank = is_marker.groupby(markers["subset"]).cumsum().where(is_marker)
    markers.insert(2, "rank", rank.where(rank <= KEPT).astype("Int64"))
    compared = markers.loc[markers["rank"] <= COMPARED, "gene"]
    return markers[markers["rank"].notna() | markers["gene"].isin(compared)]


@click.command()
@click.argument("named", type=click.Path(exists=True, path_type=Path))
@click.argument("integrated", type=click.Path(exists=True, path_type=Path))
@click.argument("cells", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--lineage", required=True, help="The lineage's name.")
@click.version_option(" ".join(f"{name}={version(name)}" for name in PACKAGES), message="%(version)s")
def main(named, integrated, cells, lineage):
    """Write <lineage>.subsets.parquet and <lineage>.markers.tsv from NAMED cells, their INTEGRATED layout and CELLS."""
    import pandas as pd
    import scipy.sparse as sp

    table = pd.read_parquet(named, columns=["cell_id", "cell_type", "margin", "rival"])
    places = pd.read_parquet(integrated, columns=["cell_id", "umap_1", "umap_2"])
    table = table.merge(places, on="cell_id", how="left", validate="one_to_one")
    table.insert(1, "lineage", lineage)
    table.insert(2, "subset", table.pop("cell_type"))
    numbers = renumber(table["subset"].to_numpy(object))
    for column in ("subset", "rival"):
        table[column] = table[column].map(numbers).fillna(table[column])
    read = [read_lognormal(path, table["cell_id"]) for path in cells]
    genes = shared_genes([own for _, own, _ in read])
    at = pd.Index(np.concatenate([ids for ids, _, _ in read])).get_indexer(table["cell_id"])
    if (at < 0).any():
        missing = table["cell_id"][at < 0].iloc[0]
        raise click.ClickException(
            f"{missing}: is in {named.name} but in none of the matrices; give all samples"
        )
    parts = [
        matrix if np.array_equal(own, genes) else matrix[:, pd.Index(own).get_indexer(genes)]
        for _, own, matrix in read
    ]
    x = sp.vstack(parts, format="csr")[at]
    subset = table["subset"].to_numpy(str)
    rows = np.flatnonzero(subset != UNASSIGNED)
    markers = leading(marker_statistics(x[rows], genes, subset[rows]))
    markers.insert(0, "lineage", lineage)
    table.to_parquet(f"{lineage}.subsets.parquet", compression="zstd")
    markers.to_csv(f"{lineage}.markers.tsv", sep="\t", index=False, float_format="%.5g")


if __name__ == "__main__":
    main()
