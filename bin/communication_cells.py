#!/usr/bin/env python3
"""The cells and genes that communication is read from: a bounded draw per group, log-normalised, genes of
known pairs only.
"""

import json
import re
import zlib
from importlib.metadata import version
from pathlib import Path

import click
import numpy as np

BLOCK = 4096  # cells read at a time
PACKAGES = ("click", "numpy", "pandas", "scipy", "anndata", "hdf5plugin")
IMMUNE = ("B", "T", "NK", "plasma", "myeloid", "blast")
IMMUNOGLOBULIN = re.compile(r"^IG(?:H(?:[VDJ]\d|[ADEGM]\d?$|GP$)|[KL](?:[VJ]\d|C\d?$))")
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def cell_groups(labels, level: str):
    """Group per cell (Series of names, None where unassigned).

    At level `subset`, cells of the immune lineages and blasts go by subset where they have one, all others by
    cell type.
    """
    kind = labels["cell_type"].astype(object)
    if level == "subset":
        fine = labels["subset"].astype(object)
        named = fine.notna() & ~fine.isin(["", "unassigned"]) & labels["lineage"].isin(IMMUNE)
        kind = kind.mask(named, fine)
    return kind.mask(kind.isna() | kind.isin(["", "unassigned"]), None)


def draw_cells(groups, cap: int, seed: int) -> np.ndarray:
    """Sorted positions of at most `cap` cells of each group, without replacement, whatever the other groups
    are.
    """
    names = np.asarray(groups, dtype=object)
    drawn = []
    for name in sorted({name for name in names if name is not None}):
        cells = np.flatnonzero(names == name)
        rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
        drawn.append(cells if cells.size <= cap else rng.choice(cells, cap, replace=False))
    return np.sort(np.concatenate(drawn)) if drawn else np.empty(0, dtype=int)


def log_normalised(counts, genes):
    """log1p of counts per 10,000 (CSR float32, natural logarithm).

    Immunoglobulin genes are left out of a cell's total: they are half of a plasma cell's molecules, and their
    number follows the clone rather than the depth.
    """
    from scipy.sparse import csr_matrix

    other = np.array([not IMMUNOGLOBULIN.match(gene) for gene in genes], dtype=np.float64)
    total = np.asarray(counts @ other).ravel()
    scale = np.divide(1e4, total, out=np.zeros_like(total), where=total > 0)
    matrix = csr_matrix(counts, dtype=np.float32)
    matrix.data *= np.repeat(scale, np.diff(matrix.indptr)).astype(np.float32)
    np.log1p(matrix.data, out=matrix.data)
    return matrix


def pair_genes(path: Path) -> set[str]:
    """All genes of the interactions' table (tab-separated, `#` comments; ligand and receptor, subunits joined
    by `_`).
    """
    import pandas as pd

    table = pd.read_csv(path, sep="\t", comment="#", dtype=str, keep_default_na=False)
    if not {"ligand", "receptor"} <= set(table.columns):
        raise click.ClickException(
            f"{path.name}: no columns ligand and receptor; give a tab-separated table with both."
        )
    return {gene for side in ("ligand", "receptor") for name in table[side] for gene in name.split("_")}


def blocks(path: Path, rows: np.ndarray):
    """Counts (CSR) of the rows, which are sorted, of a cells file: all genes, at most BLOCK rows at a time."""
    import anndata
    import h5py
    import hdf5plugin  # noqa: F401  (registers zstd for h5py)

    with h5py.File(path) as file:
        counts = anndata.io.sparse_dataset(file["X"])
        for start in range(0, counts.shape[0], BLOCK):
            here = rows[(rows >= start) & (rows < start + BLOCK)] - start
            if here.size:
                yield counts[start : start + BLOCK].tocsr()[here]


def drawn_expression(
    cells_path: Path, labels_path: Path, sample: str, level: str, cap: int, seed: int, wanted: set[str]
):
    """AnnData of the drawn cells x genes of `wanted`.

    obs: lineage, cell_type, group, and total_log, the sum of the log-normalised values of all genes; uns:
    cells per group before the draw, and the number of genes seen in any drawn cell.
    """
    import anndata
    import h5py
    import pandas as pd
    from scipy import sparse

    labels = pd.read_parquet(labels_path, columns=["cell_id", "lineage", "cell_type", "subset"])
    with h5py.File(cells_path) as file:
        ids, names = (anndata.io.read_elem(file[part]).index for part in ("obs", "var"))
    labels = labels.set_index("cell_id").reindex(ids)
    if labels["cell_type"].isna().all():
        raise click.ClickException(
            f"{sample}: no cell of {cells_path.name} is in {labels_path.name}; give labels of the same run."
        )
    groups = cell_groups(labels, level)
    drawn = draw_cells(groups, cap, seed)
    genes = np.flatnonzero(names.isin(wanted))
    if not genes.size:
        raise click.ClickException(
            f"{sample}: no gene of {cells_path.name} stands in the pairs, all human; give --interactions."
        )
    obs = labels.iloc[drawn][["lineage", "cell_type"]].astype("category")
    obs["group"] = groups.iloc[drawn].astype("category")
    parts, totals, seen = [], [np.empty(0)], np.zeros(len(names), dtype=bool)
    for matrix in blocks(cells_path, drawn):
        matrix = log_normalised(matrix, names)
        totals.append(np.asarray(matrix.sum(axis=1, dtype=np.float64)).ravel())
        seen[matrix.indices] = True
        parts.append(matrix[:, genes])
    obs["total_log"] = np.concatenate(totals)
    matrix = sparse.vstack(parts, format="csr") if parts else sparse.csr_matrix((0, len(genes)))
    expression = anndata.AnnData(matrix, obs=obs, var=pd.DataFrame(index=names[genes]))
    sizes = groups.dropna().value_counts().sort_index()
    expression.uns["groups"] = json.dumps({str(name): int(n) for name, n in sizes.items()})
    expression.uns["genes_seen"] = int(seen.sum())
    expression.uns["sample"], expression.uns["level"] = sample, level
    return expression


@click.command()
@click.argument("cells", type=FILE)
@click.option("--sample", required=True, help="Name of the sample.")
@click.option("--labels", required=True, type=FILE, help="labels.parquet of the run.")
@click.option("--interactions", required=True, type=FILE, help="Table of pairs: ligand and receptor.")
@click.option(
    "--level", type=click.Choice(["subset", "cell_type"]), default="subset", help="What talks to what."
)
@click.option(
    "--max-cells", type=click.IntRange(10), default=1000, show_default=True, help="Most cells per group."
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the draw of cells."
)
@click.version_option(" ".join(f"{name}={version(name)}" for name in PACKAGES), message="%(version)s")
def main(cells, sample, labels, interactions, level, max_cells, seed):
    """Draw cells per group from CELLS, one sample's h5ad of counts, and keep the genes of ligand-receptor
    pairs.
    """
    import hdf5plugin

    expression = drawn_expression(cells, labels, sample, level, max_cells, seed, pair_genes(interactions))
    expression.write_h5ad(f"{sample}.communication_cells.h5ad", compression=hdf5plugin.FILTERS["zstd"])


if __name__ == "__main__":
    main()
