#!/usr/bin/env python3
"""Counts of cells files (h5ad, CSR, cells x genes), read in blocks, and the two normalisations, each by its name.

`per_10k` scales a cell to 10,000 UMIs of all its genes: what scanpy's normalize_total does. It is used where cells are
placed among each other: variable genes, components, markers of types and subsets.

`per_10k_without_ig` scales to 10,000 UMIs of all genes but immunoglobulin ones, which are half of a plasma cell's
molecules and follow its clone rather than its depth: with them in the total, every other gene of a plasma cell would look
half as strong as in a T cell. It is used where a gene is compared between kinds of cells: signatures, pseudobulk, communication.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

BLOCK = 4096  # cells read at a time
IMMUNOGLOBULIN = re.compile(r"^IG(?:H(?:[VDJ]\d|[ADEGM]\d?$|GP$)|[KL](?:[VJ]\d|C\d?$))")


def cell_ids(path: Path):
    """The cell ids of a cells file, as an index."""
    import anndata
    import h5py
    import hdf5plugin  # noqa: F401  (registers the zstd filter)

    with h5py.File(path) as file:
        return anndata.io.read_elem(file["obs"]).index


def gene_table(path: Path):
    """The genes of a cells file: index symbols; `gene_ids` and `genome` where Cell Ranger's file had them."""
    import anndata
    import h5py
    import hdf5plugin  # noqa: F401  (registers the zstd filter)

    with h5py.File(path) as file:
        return anndata.io.read_elem(file["var"])


def gene_names(path: Path):
    """The gene symbols of a cells file, as an index."""
    return gene_table(path).index


def shared_genes(names: Sequence) -> np.ndarray:
    """The genes that all of several lists hold, in the order of the first: a reference may hold a gene more, such as a CAR."""
    import pandas as pd

    keep = pd.Index(names[0])
    for others in names[1:]:
        keep = keep[keep.isin(others)]
    return keep.to_numpy(dtype=object)


def read_blocks(path: Path, wanted=None, block: int = BLOCK) -> Iterator[tuple[np.ndarray, "csr_matrix"]]:  # noqa: F821
    """Blocks of (positions in the file, counts as stored: CSR, positions x all genes) of the wanted cells, in the file's order.

    wanted: cell ids, a mask over the file's cells, or None for all cells. Blocks without a wanted cell are left out.
    """
    import anndata
    import h5py
    import hdf5plugin  # noqa: F401  (registers the zstd filter)

    with h5py.File(path) as file:
        counts = anndata.io.sparse_dataset(file["X"])
        keep = np.ones(counts.shape[0], bool)
        if wanted is not None:
            is_mask = np.asarray(wanted).dtype.kind == "b"
            keep = np.asarray(wanted) if is_mask else anndata.io.read_elem(file["obs"]).index.isin(wanted)
        for start in range(0, len(keep), block):
            rows = np.flatnonzero(keep[start : start + block])
            if len(rows):
                yield start + rows, counts[start : start + block].tocsr()[rows]


def per_10k(counts):
    """Counts (CSR, cells x genes) scaled to 10,000 per cell, float32; a cell without counts stays empty."""
    import scipy.sparse as sp

    counts = counts.astype(np.float32)
    depth = np.maximum(np.asarray(counts.sum(1)).ravel(), 1)
    return (sp.diags((1e4 / depth).astype(np.float32)) @ counts).tocsr()


def log_per_10k(counts):
    """ln(1 + counts per 10,000 of all genes), CSR float32."""
    return per_10k(counts).log1p()


def gene_selection(known: Sequence[str], genes: Sequence[str]):
    """Matrix (known genes, genes): counts @ it are the columns of `genes`, faster than by indexing.

    Where a symbol occurs twice the first counts; a gene that is not known makes an empty column.
    """
    import scipy.sparse as sp

    first = {gene: position for position, gene in reversed(list(enumerate(known)))}
    positions = np.array([first.get(gene, -1) for gene in genes], dtype=np.intp)
    measured = np.flatnonzero(positions >= 0)
    where = (positions[measured], measured)
    return sp.csr_matrix((np.ones(len(measured), np.float32), where), (len(known), len(genes)))


def read_log_per_10k(path: Path, selection):
    """ln(1 + counts per 10,000 of all genes) of all cells, CSR float32: only the columns of a gene_selection are kept."""
    import scipy.sparse as sp

    blocks = [(per_10k(counts) @ selection).tocsr().log1p() for _, counts in read_blocks(path)]
    return sp.vstack(blocks, format="csr")


def per_10k_without_ig(counts, genes):
    """Counts per 10,000 of all genes but immunoglobulin ones, CSR float32. genes: symbols of the columns."""
    import scipy.sparse as sp

    other = np.array([not IMMUNOGLOBULIN.match(gene) for gene in genes], dtype=np.float64)
    total = np.asarray(counts @ other).ravel()
    scale = np.divide(1e4, total, out=np.zeros_like(total), where=total > 0)
    matrix = sp.csr_matrix(counts, dtype=np.float32)
    matrix.data *= np.repeat(scale, np.diff(matrix.indptr)).astype(np.float32)
    return matrix


def log_per_10k_without_ig(counts, genes):
    """ln(1 + counts per 10,000 of all genes but immunoglobulin ones), CSR float32. genes: symbols of the columns."""
    matrix = per_10k_without_ig(counts, genes)
    np.log1p(matrix.data, out=matrix.data)
    return matrix
