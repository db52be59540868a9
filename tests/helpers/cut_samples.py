"""Cell Ranger folders of chosen cells of simulated samples: small, sorted or lacking whole types, as other laboratories' may be."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import scipy.sparse as sp
from simulator.tenx import write_matrix


def read_matrix(path: Path) -> tuple[sp.csr_matrix, np.ndarray, pd.DataFrame]:
    """Counts (barcodes x features), barcodes, and features (gene_id, gene, feature_type, genome) of a 10x v3 file."""
    with h5py.File(path) as file:
        matrix = file["matrix"]
        size = tuple(matrix["shape"][:][::-1])
        counts = sp.csr_matrix((matrix["data"][:], matrix["indices"][:], matrix["indptr"][:]), size)
        columns = {"gene_id": "id", "gene": "name", "feature_type": "feature_type", "genome": "genome"}
        features = {ours: matrix["features"][theirs][:].astype(str) for ours, theirs in columns.items()}
        return counts, matrix["barcodes"][:].astype(str), pd.DataFrame(features)


def write_counts(path: Path, counts: sp.csr_matrix, barcodes: np.ndarray, features: pd.DataFrame) -> None:
    """A 10x v3 file of these counts (barcodes x features)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    counts = counts.tocsr()
    counts.eliminate_zeros()
    counts.sort_indices()
    drawn = counts.data, counts.indices, np.diff(counts.indptr)
    with ThreadPoolExecutor(1) as pool:
        write_matrix(path, features, np.asarray(barcodes), [lambda: drawn], pool, 2, path.parent.name)


def cut_contigs(case: Path, origins: dict[str, list[str]], library: str, folder: Path) -> Path:
    """The contig table of one made sample; origins: as of cut. Returns the path."""
    parts = []
    for sample, cells in origins.items():
        table = pd.read_csv(
            case / sample / library / "filtered_contig_annotations.csv", dtype=str, keep_default_na=False
        )
        parts.append(table[table["barcode"].isin([f"{cell.split(':')[1]}-1" for cell in cells])])
    path = folder / library / "filtered_contig_annotations.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    pd.concat(parts).to_csv(path, index=False)
    return path


def cut(case: Path, origins: dict[str, list[str]], folder: Path, silent: tuple[str, ...] = ()) -> Path:
    """The matrix of one made sample: cells of simulated samples that are joined as one, without the `silent` genes.

    origins: per sample of the case the cell ids (`sample:barcode`) that are taken. Returns the matrix' path.
    """
    parts, names = [], []
    for sample, cells in origins.items():
        counts, barcodes, features = read_matrix(case / sample / "filtered_feature_bc_matrix.h5")
        rows = pd.Index(barcodes).get_indexer([f"{cell.split(':')[1]}-1" for cell in cells])
        parts.append(counts[rows])
        names.append(barcodes[rows])
    whole = sp.vstack(parts).tolil() if silent else sp.vstack(parts)
    if silent:
        whole[:, np.flatnonzero(features["gene"].isin(silent))] = 0
    path = folder / "filtered_feature_bc_matrix.h5"
    write_counts(path, whole.tocsr(), np.concatenate(names), features)
    return path
