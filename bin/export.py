#!/usr/bin/env python3
"""The run as files that others open: one h5mu with expression, receptors and results, and one h5ad for cellxgene."""

import os
from collections.abc import Sequence
from pathlib import Path

from _cli import FILE, command
from _errors import InputError
from _matrices import cell_ids, log_per_10k, read_blocks
from _results import read_colours
from _tables import read_text_table

import click

KINDS = ("h5mu", "h5ad")
BLOCK = 1024  # cells in memory at a time
COLOURED = (
    "sample", "patient", "timepoint", "lineage", "cell_type", "subset", "malignancy", "isg_high", "car_positive",
)  # fmt: skip
# gzip, not zstd: R, cellxgene and plain h5py read it without a plug-in.
STORE = {"compression": "gzip", "compression_opts": 1, "shuffle": True, "chunks": (1 << 18,)}


def observations(table):
    """The table as h5 files hold it: yes/no as category, whole numbers with gaps as float, empty columns left out."""
    import pandas as pd

    obs = table.drop(columns=[name for name in table if table[name].isna().all()])
    for name in obs:
        if obs[name].dtype == "boolean":
            words = obs[name].map({True: "yes", False: "no"}).astype(object)
            obs[name] = words.astype(pd.CategoricalDtype(["no", "yes"]))
        elif obs[name].dtype == object:
            obs[name] = obs[name].astype("category")
        elif pd.api.types.is_extension_array_dtype(obs[name].dtype) and pd.api.types.is_numeric_dtype(obs[name]):
            obs[name] = obs[name].astype("float64" if obs[name].isna().any() else "int64")
    return obs


def palettes(obs, colours: dict[str, dict[str, str]]) -> dict:
    """uns entries `<column>_colors`, one colour per category, as scanpy and cellxgene read them."""
    import numpy as np

    series, found = list(colours["series"].values()), {}
    for name in COLOURED:
        if name in obs:
            named = colours.get(name, {}) | colours["verdict"]
            names = obs[name].cat.categories
            found[f"{name}_colors"] = np.array(
                [named.get(label, series[at % len(series)]) for at, label in enumerate(names)], dtype=object
            )
    return found


def read_var(paths: Sequence[Path]):
    """Union of the samples' genes in the order of their first appearance, and each file's columns in it."""
    import anndata as ad
    import h5py
    import hdf5plugin  # noqa: F401  registers the zstd filter
    import pandas as pd

    parts = []
    for path in paths:
        with h5py.File(path) as file:
            parts.append(ad.io.read_elem(file["var"]))
    var = pd.concat(parts) if any(not part.index.equals(parts[0].index) for part in parts) else parts[0]
    var = var[~var.index.duplicated()]
    for name in var:
        var[name] = var[name].astype(object).fillna("").astype(str)
    return var, [var.index.get_indexer(part.index) for part in parts]


def kept_cells(paths: Sequence[Path], labelled) -> list:
    """Masks of the labelled cells over each file's cells, and their ids, in the files' order."""
    found = []
    for path in paths:
        ids = cell_ids(path)
        keep = ids.isin(labelled)
        found.append((keep, ids[keep]))
    missing = len(labelled) - sum(len(ids) for _, ids in found)
    if missing:
        raise InputError(
            f"labels: {missing} of {len(labelled)} cells are in none of the {len(paths)} matrices; give those of this run"
        )
    return found


def write_matrices(group, paths: Sequence[Path], cells: list, columns: list, n_genes: int) -> None:
    """X (ln(1 + counts per 10,000 of the cell's UMIs)) and layers/counts as CSR below an AnnData group on disk.

    anndata writes the first block of the sorted files and appends the others. Its concat_on_disk would leave the matrices without
    compression: 24,700 cells would take 0.58 GB instead of 0.17 GB.
    """
    import anndata as ad
    import numpy as np
    import scipy.sparse as sp

    layout = STORE | {"indptr_dtype": np.dtype(np.int64)}  # more entries than 32 bits count
    stored = []
    for of_group, name, kind in ((group, "X", np.float32), (group["layers"], "counts", np.int32)):
        ad.io.write_elem(of_group, name, sp.csr_matrix((0, n_genes), dtype=kind), dataset_kwargs=layout)
        stored.append(ad.io.sparse_dataset(of_group[name]))
    for path, (keep, _), place in zip(paths, cells, columns, strict=True):
        for _, block in read_blocks(path, keep, BLOCK):
            block = sp.csr_matrix((block.data, place[block.indices], block.indptr), (block.shape[0], n_genes))
            block.sort_indices()
            for matrix, values in zip(stored, (log_per_10k(block), block.astype(np.int32)), strict=True):
                matrix.append(values)


def layouts(table, embedding: Path | None, subsets: Sequence[Path], signatures: Sequence[Path]) -> dict:
    """obsm: X_umap, X_pca_harmony, X_umap_<lineage> (NaN for cells of other lineages), and scores of gene sets."""
    import pandas as pd

    obsm = {"X_umap": table[["umap_1", "umap_2"]].to_numpy("float32")}
    if embedding:
        obsm["X_pca_harmony"] = pd.read_parquet(embedding).set_index("cell_id").reindex(table.index).to_numpy("float32")
    for path in subsets:
        points = pd.read_parquet(path).set_index("cell_id")[["umap_1", "umap_2"]]
        if len(points):
            lineage = path.name.removesuffix(".subsets.parquet")
            obsm[f"X_umap_{lineage}"] = points.reindex(table.index).to_numpy("float32")
    if signatures:
        scores = pd.concat([pd.read_parquet(path) for path in signatures], ignore_index=True).set_index("cell_id")
        sets = [name for name in scores if not name.startswith("isg_") and scores[name].notna().any()]
        obsm["gene_sets"] = scores[sets].reindex(table.index).astype("float32")
    return obsm


def write_h5mu(path: str, gex, airr) -> None:
    """A h5mu with the modalities and their columns at the top, prefixed by the modality as mudata does."""
    import mudata

    mudata.set_options(pull_on_update=False)
    whole = mudata.MuData({"gex": gex} if airr is None else {"gex": gex, "airr": airr})
    whole.pull_obs()
    whole.write_h5mu(path, compression="gzip")


@command()
@click.argument("matrices", nargs=-1, required=True, type=FILE)
@click.option("--cells", required=True, type=FILE, help="cells.parquet of the run.")
@click.option("--colours", required=True, type=FILE, help="Table: level, label, colour.")
@click.option("--columns", required=True, type=FILE, help="Dictionary: column, file, from, kind, meaning.")
@click.option("--airr", type=FILE, help="airr.h5ad of the run's receptors.")
@click.option("--embedding", type=FILE, help="embedding.parquet: integrated components.")
@click.option("--subsets", multiple=True, type=FILE, help="<lineage>.subsets.parquet with its own layout.")
@click.option("--signatures", multiple=True, type=FILE, help="<sample>.signatures.parquet.")
@click.option("--export", "kinds", default=",".join(KINDS), help="Files to write.")
def main(
    matrices: tuple[Path, ...], cells: Path, colours: Path, columns: Path, airr: Path | None, embedding: Path | None,
    subsets: tuple[Path, ...], signatures: tuple[Path, ...], kinds: str,
) -> None:  # fmt: skip
    """Assemble the MATRICES (<sample>.cells.h5ad) of a run with the results of all cells."""
    import anndata as ad
    import awkward  # noqa: F401  anndata reads the chains of airr.h5ad with it
    import h5py
    import pandas as pd

    chosen = {word.strip() for word in kinds.split(",")}
    if chosen - set(KINDS):
        wrong = sorted(chosen - set(KINDS))[0]
        raise InputError(f"--export: '{wrong}' is not one of {', '.join(KINDS)}")
    table = pd.read_parquet(cells).set_index("cell_id")
    kept = kept_cells(matrices, table.index)
    order = pd.Index([name for _, ids in kept for name in ids], name="cell_id")
    table = table.loc[order]
    var, genes = read_var(matrices)
    obs = observations(table.drop(columns=["umap_1", "umap_2"]))
    meanings = read_text_table(columns).set_index("column")["meaning"]
    uns = palettes(obs, read_colours(colours))
    uns["column_meanings"] = {name: meanings[name] for name in obs if name in meanings}
    obsm = layouts(table, embedding, subsets, signatures)
    gex = ad.AnnData(obs=obs, var=var, obsm=obsm, uns=uns)
    receptors = ad.read_h5ad(airr) if airr else None

    write_h5mu("clonewatch.part", gex, receptors if "h5mu" in chosen else None)
    with h5py.File("clonewatch.part", "r+") as file:
        write_matrices(file["mod/gex"], matrices, kept, genes, len(var))
        if "h5ad" in chosen:
            small = ad.AnnData(obs=obs, var=var, obsm={"X_umap": obsm["X_umap"]}, uns=uns)
            small.write_h5ad("cells.part", compression="gzip")
            with h5py.File("cells.part", "r+") as out:
                out.pop("X", None)
                file.copy("mod/gex/X", out, "X")  # compressed blocks are copied as they are
            os.replace("cells.part", "cells.h5ad")
    if "h5mu" in chosen:
        os.replace("clonewatch.part", "clonewatch.h5mu")
    else:
        os.remove("clonewatch.part")


if __name__ == "__main__":
    main()
