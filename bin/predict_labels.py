#!/usr/bin/env python3
"""Cell labels from a CellTypist model file, as a table that ANNOTATE compares with its own."""

from importlib.metadata import version
from pathlib import Path

import click

PACKAGES = ("click", "anndata", "celltypist", "scikit-learn")


@click.command()
@click.argument("cells", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--model", required=True, type=click.Path(exists=True, path_type=Path), help="CellTypist model (.pkl)."
)
@click.version_option(" ".join(f"{name}={version(name)}" for name in PACKAGES), message="%(version)s")
def main(cells, model):
    """Write predictions.tsv (cell_id, label, confidence) for CELLS (S.cells.h5ad), one sample at a time."""
    import anndata as ad
    import celltypist
    import hdf5plugin  # noqa: F401  registers the zstd filter
    import numpy as np
    import pandas as pd
    import scipy.sparse as sp

    # A name without a folder, as staged in a task, would be looked up among CellTypist's downloads.
    loaded = celltypist.models.Model.load(str(model.resolve()))
    tables = []
    for path in cells:
        data = ad.read_h5ad(path)
        if not np.isin(loaded.features, data.var_names).any():
            raise click.ClickException(
                f"{path.name}: shares no gene with the model {model.name}; choose one of its species"
            )
        depth = np.maximum(np.asarray(data.X.sum(1)).ravel(), 1)
        data.X = (sp.diags(1e4 / depth) @ data.X).tocsr().log1p()
        result = celltypist.annotate(data, model=loaded, majority_voting=False)
        labels = result.predicted_labels["predicted_labels"].astype(str).to_numpy()
        confidence = result.probability_matrix.max(axis=1).to_numpy()
        tables.append(pd.DataFrame({"cell_id": data.obs_names, "label": labels, "confidence": confidence}))
    pd.concat(tables).to_csv("predictions.tsv", sep="\t", index=False, float_format="%.4g")


if __name__ == "__main__":
    main()
