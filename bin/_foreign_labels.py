#!/usr/bin/env python3
"""Cell labels of others, the user's own or a CellTypist model's, and how far they agree with ours."""

from collections.abc import Iterable
from pathlib import Path

from _errors import InputError

import numpy as np


def predicted_labels(paths: Iterable[Path], model: Path):
    """Label of every cell by a CellTypist model file (.pkl), a series by cell_id; the matrices are read one at a time."""
    from _matrices import log_per_10k

    import anndata
    import celltypist
    import hdf5plugin  # noqa: F401  (registers the zstd filter)
    import pandas as pd

    # A name without a folder, as staged in a task, would be looked up among CellTypist's downloads.
    loaded = celltypist.models.Model.load(str(model.resolve()))
    labels = []
    for path in paths:
        data = anndata.read_h5ad(path)
        if not np.isin(loaded.features, data.var_names).any():
            raise InputError(f"{path.name}: shares no gene with the model {model.name}; choose one of its species")
        data.X = log_per_10k(data.X)
        result = celltypist.annotate(data, model=loaded, majority_voting=False)
        labels.append(result.predicted_labels["predicted_labels"].astype(str))
    return pd.concat(labels)


def read_labels(path: Path, cell_id: np.ndarray) -> np.ndarray:
    """The user's labels (N,) in the order of cell_id, '' where a cell has none."""
    import pandas as pd

    table = pd.read_csv(path, sep="," if path.suffix == ".csv" else "\t", dtype=str, keep_default_na=False)
    if not {"cell_id", "label"} <= set(table):
        raise InputError(f"{path.name}: needs the columns cell_id and label; found {', '.join(table)}")
    labels = table.drop_duplicates("cell_id").set_index("cell_id")["label"].reindex(cell_id).fillna("")
    if not labels.any():
        raise InputError(
            f"{path.name}: none of its cell_id is a cell of this run; write them as <sample>:<barcode without -1>"
        )
    return labels.to_numpy(object)


def agreement(ours: np.ndarray, theirs: np.ndarray, source: str):
    """How often each pair of our and their label occurs, most frequent first; cells without their label ('') are left out."""
    import pandas as pd

    compared = pd.DataFrame({"cell_type": ours, "label": theirs})[theirs != ""]
    pairs = compared.value_counts().rename("n_cells").reset_index()
    pairs["share"] = pairs["n_cells"] / max(len(compared), 1)
    return pairs.assign(same=pairs["cell_type"] == pairs["label"], source=source)
