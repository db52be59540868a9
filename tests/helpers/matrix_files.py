"""Small matrices as Cell Ranger, CellBender, STARsolo and GEO have them."""

import gzip

import h5py
import numpy as np
from scipy import sparse
from scipy.io import mmwrite


def write_h5(path, counts, barcodes, symbols, **columns):
    """A small matrix file of version 3; counts are cells x features. A column that is None is left out."""
    counts = sparse.csr_matrix(counts)
    with h5py.File(path, "w") as file:
        group = file.create_group("matrix")
        group["data"], group["indices"] = counts.data, counts.indices.astype("int64")
        group["indptr"], group["shape"] = counts.indptr.astype("int64"), counts.shape[::-1]
        group["barcodes"] = np.array(barcodes, dtype="S")
        features = {"id": [f"ENSG{i:011d}" for i in range(len(symbols))], "name": symbols}
        features |= {"feature_type": ["Gene Expression"] * len(symbols), "genome": ["GRCh38"] * len(symbols)}
        for name, values in (features | columns).items():
            if values is not None:
                group[f"features/{name}"] = np.array(values, dtype="S")
    return path


def write_trio(folder, prefix, counts, barcodes, symbols, ids=None, genes="features", packed=True):
    """barcodes, features (or genes) and matrix of counts, cells x features, with `prefix` before their names."""
    folder.mkdir(parents=True, exist_ok=True)
    ids = ids or [f"ENSG{i:011d}" for i in range(len(symbols))]
    kind = "\tGene Expression" if genes == "features" else ""
    texts = {
        "barcodes.tsv": barcodes,
        f"{genes}.tsv": [f"{id}\t{name}{kind}" for id, name in zip(ids, symbols, strict=True)],
    }
    for name, lines in texts.items():
        text = "".join(f"{line}\n" for line in lines).encode()
        (folder / f"{prefix}{name}{'.gz' * packed}").write_bytes(gzip.compress(text) if packed else text)
    matrix = folder / f"{prefix}matrix.mtx{'.gz' * packed}"
    with gzip.open(matrix, "wb") if packed else matrix.open("wb") as file:
        mmwrite(file, sparse.coo_matrix(sparse.csr_matrix(counts).T))
    return matrix
