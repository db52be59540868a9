#!/usr/bin/env python3
"""The variable genes of a cohort, or of one lineage of it, and the principal components of its cells.

Only the variable genes' columns are ever in memory; each sample is read in blocks of cells.
"""

import os
from importlib.metadata import version
from pathlib import Path

for library in ("OMP", "OPENBLAS"):  # one thread: same sums in the same order, hence same results
    os.environ[f"{library}_NUM_THREADS"] = "1"

import click  # noqa: E402
import numpy as np  # noqa: E402

PACKAGES = ("click", "anndata", "pandas", "scipy")
FEW_CELLS = 20  # samples with fewer have no say in the choice of genes


def excluded_genes(genes, patterns) -> np.ndarray:
    """Class of the first pattern that each gene's upper-case symbol matches, '' for none."""
    import pandas as pd

    upper = pd.Series(genes, dtype=object).str.upper()
    found = np.full(len(upper), "", dtype=object)
    for name, group in patterns.groupby("class", sort=False):
        hit = upper.str.match("|".join(f"(?:{p})" for p in group["pattern"])).to_numpy(bool)
        found[hit & (found == "")] = name
    return found


def variable_genes(samples: list, n_top: int, n_bins: int = 20):
    """Genes that vary within samples, best first, from the samples' means and variances alone.

    samples: one table per sample, indexed by the same genes, with n_cells (cells that express the gene), mean
    and var (ddof 1) of counts per 10,000. Dispersions are standardised within bins of the mean in each sample
    (Satija 2015); genes are then ranked by the number of samples that choose them and their mean standardised
    dispersion: what scanpy.pp.highly_variable_genes(flavor="seurat", batch_key=...) computes from the cells.
    """
    import pandas as pd

    tables = []
    for stats in samples:
        table = pd.DataFrame(
            {"means": 0.0, "dispersions": 0.0, "norm": 0.0, "chosen": 0.0}, index=stats.index
        )
        seen = stats[stats["n_cells"] > 0]
        mean = seen["mean"].where(seen["mean"] > 0, 1e-12)
        dispersion = np.log((seen["var"] / mean).replace(0, np.nan))
        mean = np.log1p(mean)
        groups = dispersion.groupby(pd.cut(mean, bins=n_bins), observed=True)
        centre, spread = groups.transform("mean"), groups.transform("std")
        alone = spread.isna()  # a gene alone in its bin: its standardised dispersion is 1 by definition
        norm = (dispersion - centre.where(~alone, 0)) / spread.where(~alone, centre)
        ranked = np.sort(norm.dropna().to_numpy())[::-1]
        chosen = norm.fillna(-np.inf) >= (ranked[min(n_top, len(ranked)) - 1] if len(ranked) else np.inf)
        table.loc[seen.index] = np.column_stack([mean, dispersion, norm, chosen])
        tables.append(table)
    joined = pd.concat(tables).groupby(level=0, observed=True)
    result = joined.agg({"means": "mean", "dispersions": "mean", "norm": "mean", "chosen": "sum"})
    result = result.sort_values(["chosen", "norm"], ascending=False, na_position="last").head(n_top)
    return result.rename(columns={"norm": "dispersions_norm", "chosen": "n_samples"}).astype(
        {"n_samples": int}
    )


def read_blocks(path: Path, wanted=None, block: int = 4096):
    """Blocks of cell ids and counts per 10,000 of full depth (CSR float32), of the wanted cells only."""
    import anndata as ad
    import h5py
    import hdf5plugin  # noqa: F401  registers the zstd filter
    import scipy.sparse as sp

    with h5py.File(path) as file:
        cells = ad.io.read_elem(file["obs"]).index
        keep = np.ones(len(cells), bool) if wanted is None else cells.isin(wanted)
        for start in range(0, len(cells), block):
            rows = np.flatnonzero(keep[start : start + block])
            if len(rows):
                counts = ad.io.sparse_dataset(file["X"])[start : start + block].astype(np.float32)[rows]
                depth = np.maximum(np.asarray(counts.sum(1)).ravel(), 1)
                yield cells[start + rows].to_numpy(), sp.diags((1e4 / depth).astype(np.float32)) @ counts


def gene_names(path: Path):
    """The gene symbols of a matrix file, as an index."""
    import anndata as ad
    import h5py
    import hdf5plugin  # noqa: F401  registers the zstd filter

    with h5py.File(path) as file:
        return ad.io.read_elem(file["var"]).index


def cell_statistics(path: Path, wanted):
    """Per gene n_cells, mean and var (ddof 1) of counts per 10,000 among the wanted cells of a sample."""
    import pandas as pd

    genes = gene_names(path)
    total, square, seen, n = np.zeros(len(genes)), np.zeros(len(genes)), np.zeros(len(genes)), 0
    for cells, block in read_blocks(path, wanted):
        n += len(cells)
        total += np.asarray(block.sum(0)).ravel()
        square += np.asarray(block.multiply(block).sum(0)).ravel()
        seen += np.bincount(block.indices, minlength=len(genes))
    mean = total / max(n, 1)
    var = np.maximum(square - n * mean**2, 0) / max(n - 1, 1)
    return pd.DataFrame({"n_cells": seen, "mean": mean, "var": var}, index=pd.Index(genes, name="gene")), n


def read_lognormal(path: Path, genes, wanted=None):
    """cell ids (N,) and ln(1 + counts per 10,000) of the genes, CSR float32 (N, G)."""
    import scipy.sparse as sp

    known = gene_names(path)
    columns = known.get_indexer(genes)
    # A product with a selection matrix takes the columns faster than indexing does.
    pick = sp.csr_matrix((np.ones(len(columns), np.float32), (columns, np.arange(len(columns)))),
                         (len(known), len(columns)))  # fmt: skip
    ids, parts = [np.empty(0, object)], [sp.csr_matrix((0, len(columns)), dtype=np.float32)]
    for cells, block in read_blocks(path, wanted):
        ids.append(cells)
        parts.append((block @ pick).tocsr().log1p())
    return np.concatenate(ids), sp.vstack(parts, format="csr")


def principal_components(x, n_components: int, block: int = 4096) -> np.ndarray:
    """Scores (N, n_components) of centred sparse x (N, G) from its covariance: exact, no random start."""
    from scipy.linalg import eigh

    n_cells, n_genes = x.shape
    n_components = min(n_components, n_genes - 1, n_cells - 1)
    mean = np.asarray(x.mean(0), dtype=np.float64).ravel()
    cross = np.zeros((n_genes, n_genes))
    for start in range(0, n_cells, block):
        part = x[start : start + block].toarray()
        cross += part.T @ part
    covariance = cross / n_cells - np.outer(mean, mean)
    _, vectors = eigh(covariance, subset_by_index=[n_genes - n_components, n_genes - 1])
    vectors = vectors[:, ::-1]
    vectors *= np.sign(vectors[np.abs(vectors).argmax(0), np.arange(n_components)])
    return (x @ vectors.astype(np.float32) - (mean @ vectors).astype(np.float32)).astype(np.float32)


def sample_statistics(paths: dict, files: tuple[Path, ...], wanted, patterns) -> tuple[dict, dict]:
    """Statistics per sample on the same genes without the excluded ones, and how many each class took out.

    paths: matrix per sample. files: the samples' statistics of all cells, used unless some cells are wanted.
    """
    import pandas as pd

    if wanted is None:
        tables = {p.name.removesuffix(".genes.parquet"): pd.read_parquet(p).set_index("gene") for p in files}
        missing = sorted(set(paths) - set(tables))
        if missing:
            raise click.ClickException(
                f"{missing[0]}: has cells but no {missing[0]}.genes.parquet; give its --genes"
            )
        tables = {name: tables[name] for name in paths}
    else:
        counted = {name: cell_statistics(path, wanted) for name, path in paths.items()}
        most = max(n for _, n in counted.values())
        tables = {name: table for name, (table, n) in counted.items() if n >= min(FEW_CELLS, most)}
    shared = next(iter(tables.values())).index
    for table in tables.values():
        shared = shared.intersection(table.index, sort=False)
    if len(shared) < 50:
        names = ", ".join(list(tables)[:3])
        raise click.ClickException(
            f"{names}: only {len(shared)} genes are in all samples; use one reference for all"
        )
    classes = excluded_genes(shared, patterns)
    counts = {name: int((classes == name).sum()) for name in sorted(set(classes) - {""})}
    return {name: table.loc[shared[classes == ""]] for name, table in tables.items()}, counts


@click.command()
@click.argument("cells", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--genes", multiple=True, type=click.Path(exists=True, path_type=Path),
              help="Gene statistics of a sample (S.genes.parquet); repeat for every sample.")  # fmt: skip
@click.option("--samples", required=True, type=click.Path(exists=True, path_type=Path), help="samples.tsv")
@click.option("--excluded", required=True, type=click.Path(exists=True, path_type=Path),
              help="Table class, pattern: genes that may not be variable genes.")  # fmt: skip
@click.option(
    "--annotation", type=click.Path(exists=True, path_type=Path), help="annotation.parquet, with --lineage."
)
@click.option("--lineage", help="Take only the cells of this lineage, with variable genes of their own.")
@click.option("--variable-genes", "n_top", type=click.IntRange(50), default=2000, show_default=True)
@click.option("--components", type=click.IntRange(2, 200), default=30, show_default=True)
@click.version_option(" ".join(f"{name}={version(name)}" for name in PACKAGES), message="%(version)s")
def main(cells, genes, samples, excluded, annotation, lineage, n_top, components):
    """Find variable genes and principal components of CELLS (S.cells.h5ad of every sample)."""
    import pandas as pd
    import scipy.sparse as sp

    order = pd.read_csv(samples, sep="\t", dtype=str, keep_default_na=False)["sample"]
    found = {p.name.removesuffix(".cells.h5ad"): p for p in cells}
    unknown = sorted(set(found) - set(order))
    if unknown:
        raise click.ClickException(
            f"{unknown[0]}: is not a sample of {samples.name}; add its row or leave its file out"
        )
    paths = {name: found[name] for name in order if name in found}
    wanted = None
    if lineage:
        table = pd.read_parquet(annotation, columns=["cell_id", "lineage"])
        wanted = pd.Index(table.loc[table["lineage"] == lineage, "cell_id"])
    statistics, excluded_counts = sample_statistics(paths, genes, wanted, pd.read_csv(excluded, sep="\t"))
    chosen = variable_genes(list(statistics.values()), n_top)
    read = [read_lognormal(path, chosen.index, wanted) for path in paths.values()]
    cell_id = np.concatenate([ids for ids, _ in read])
    if len(cell_id) < 4:
        raise click.ClickException(
            f"{lineage or samples.name}: {len(cell_id)} cells are too few to compare; leave it out"
        )
    expression = sp.vstack([matrix for _, matrix in read], format="csr")
    scores = pd.DataFrame(principal_components(expression, components)).rename(
        columns=lambda i: f"pc_{i + 1}"
    )
    scores.insert(0, "cell_id", cell_id)
    scores.insert(1, "sample", np.repeat(list(paths), [len(ids) for ids, _ in read]))
    prefix = f"{lineage}." if lineage else ""
    scores.to_parquet(f"{prefix}components.parquet", compression="zstd")
    sp.save_npz(f"{prefix}expression.npz", expression, compressed=False)
    chosen.rename_axis("gene").to_csv(f"{prefix}variable_genes.tsv", sep="\t", float_format="%.6g")
    for name, count in excluded_counts.items():
        click.echo(f"{count} {name} genes may not be variable genes", err=True)


if __name__ == "__main__":
    main()
