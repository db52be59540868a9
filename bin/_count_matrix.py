#!/usr/bin/env python3
"""Files of a count matrix as they are: h5 of Cell Ranger and CellBender, or matrix, barcodes and features; what is wrong with one."""

import io
import re
from pathlib import Path
from typing import Any

from _cellranger_files import PART, PARTS, find_file, named_parts, open_bytes
from _errors import InputError

GEX = "Gene Expression"
NO_GENOME = ("/matrix", "/background_removed")
FILTERED = "give the filtered one (of STARsolo Gene/filtered, of CellBender the h5 that ends in _filtered)"
# Groups and tables by which files of other programs are known.
FOREIGN = {
    "obs": "an AnnData file, h5ad", "mod": "a MuData file, h5mu", "row_attrs": "a loom file", "assays": "an h5Seurat file",
    "barcode_idx": "a molecule_info file",
}  # fmt: skip
MATRIX = ("*_bc_matri*.h5", "*matrix.mtx*")  # at any depth of outs, of count and multi, versions 2 to 9


def find_matrix(path: Path, sample: str) -> list[Path]:
    """An h5 file, or matrix, barcodes and features: what `path` is, holds, or is the beginning of, where a folder holds several."""
    source = find_file(path, MATRIX, sample) if path.is_dir() else path
    if source.is_file() and not PART.fullmatch(source.name):
        return [source]
    beside = [file.name for file in source.parent.iterdir()] if source.parent.is_dir() else []
    parts = named_parts(beside, source.name)
    if len(parts) < len(PARTS):
        lack = " and ".join(part for part in PARTS if part not in parts)
        missing = f"{source.name} has no {lack} beside it" if parts else f"{path} does not exist"
        raise InputError(f"{sample}: {missing}; give the h5, or a folder with barcodes, features and matrix")
    return [source.parent / parts[part] for part in PARTS]


def read_h5(path: Path) -> tuple[Any, list[str], Any]:
    """Matrix (cells x features, CSR), barcodes and feature table of an h5 file of Cell Ranger (version 2 on) or CellBender."""
    import h5py
    import pandas as pd
    from scipy import sparse

    matrices, tables, barcodes = [], [], []
    with h5py.File(path) as file:
        if other := [what for key, what in FOREIGN.items() if key in file]:
            raise KeyError(f"it is {other[0]}")
        for group in (
            [file["matrix"]] if "matrix" in file else [file[name] for name in file if f"{name}/indptr" in file]
        ):
            n_features, n_cells = (int(value) for value in group["shape"][:])
            indptr = group["indptr"][:].astype("int32")
            kind = group["data"].dtype
            # Converted while it is read: no second copy in memory.
            data = group["data"].astype("int32" if kind.kind in "iu" else kind)[:]
            indices = group["indices"].astype("int32")[:]
            matrices.append(sparse.csr_matrix((data, indices, indptr), shape=(n_cells, n_features)))
            barcodes = group["barcodes"].asstr()[:].tolist()
            # CellBender names no genome in version 0.2, and of version 2 files the group background_removed.
            table = {"feature_types": GEX, "genome": "unknown" if group.name in NO_GENOME else group.name[1:]}
            if "features" in group:
                keys = {"gene_ids": "id", "name": "name", "feature_types": "feature_type", "genome": "genome"}
                group = group["features"]
            else:
                keys = {"gene_ids": "genes", "name": "gene_names"}
            table |= {new: group[old].asstr()[:] for new, old in keys.items() if new not in table or old in group}
            tables.append(pd.DataFrame(table))
    if not matrices:
        raise KeyError("no group of a matrix")
    joined = matrices[0] if len(matrices) == 1 else sparse.hstack(matrices, format="csr")
    return joined, barcodes, pd.concat(tables, ignore_index=True)


def read_mtx(matrix: Path, barcodes: Path, features: Path) -> tuple[Any, list[str], Any]:
    """The same from matrix.mtx, barcodes.tsv and features.tsv (version 2: genes.tsv)."""
    import pandas as pd
    from scipy.io import mmread

    def read_tsv(path: Path) -> Any:
        with open_bytes(path) as handle:
            content = handle.read()
        if b"\0" in content:
            raise ValueError(f"{path.name} holds NUL bytes: it is damaged, or UTF-16 text")
        try:
            return pd.read_csv(io.BytesIO(content), sep="\t", header=None, dtype=str, keep_default_na=False, quoting=3)
        except ValueError as error:
            raise ValueError(f"{path.name}: {error}") from error

    with open_bytes(matrix) as handle:
        banner = handle.readline().decode("utf-8", "replace").lower().split()
    if banner[:1] == ["%%matrixmarket"] and (banner[2:3] != ["coordinate"] or banner[3:4] == ["pattern"]):
        raise ValueError(f"{matrix.name} is of the kind {' '.join(banner[2:])}, not coordinate integer")
    with open_bytes(matrix) as handle:
        counts = mmread(handle).T.tocsr()
    table = read_tsv(features)
    features = pd.DataFrame({"gene_ids": table[0], "name": table[min(1, table.shape[1] - 1)]})
    features["feature_types"] = table[2] if table.shape[1] > 2 else GEX
    # The files do not name the genome; references of several genomes carry it as a prefix of every id.
    features["genome"] = features.gene_ids.str.extract(r"^(.+?)_+ENS", expand=False).fillna("unknown")
    return counts, read_tsv(barcodes)[0].tolist(), features


def unusable(matrix: Any, n_barcodes: int, features: Any) -> str:
    """What is wrong with a matrix that was read (barcodes x features) and what to give instead; '' where nothing is."""
    import numpy as np

    if not n_barcodes or GEX not in set(features.feature_types):
        return f"has no feature of type {GEX}; give the gene counts" if n_barcodes else "has no cell; give another"
    genes = np.diff(matrix.indptr)
    if (n_barcodes > 100_000 and np.median(genes) < 20) or (genes == 0).mean() > 0.5:
        return f"is a raw matrix ({n_barcodes:,} barcodes, most of them empty); {FILTERED}"
    with np.errstate(invalid="ignore"):
        strange = ~((matrix.data >= 0) & (matrix.data % 1 == 0) & (matrix.data < 2**31))
    if strange.any():
        example = matrix.data[strange][0]
        return f"holds numbers that are negative or not whole ({example:.4g}), as of normalised expression; give raw counts"
    return ""


def made_with(source: list[Path]) -> dict[str, str]:
    """`chemistry` and `software` (Cell Ranger and its version) of an h5 file, or of the first lines of an mtx; '' where unsaid."""
    import h5py

    if len(source) == 1:
        with h5py.File(source[0]) as file:
            said = {name: file.attrs.get(name, "") for name in ("chemistry_description", "software_version")}
        said = {name: value.decode() if isinstance(value, bytes) else str(value) for name, value in said.items()}
    else:
        with open_bytes(source[0]) as handle:
            head = handle.read(2000).decode(errors="replace")
        version = re.search(r'"software_version": *"([^"]+)"', head)
        said = {"software_version": version[1] if version else ""}
    return {"chemistry": said.get("chemistry_description", ""), "software": said["software_version"]}
