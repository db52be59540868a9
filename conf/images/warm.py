#!/usr/bin/env python3
"""Have numba compile once what QC, INTEGRATE and SUBCLUSTER run, on a few made-up cells; it stays beside the packages.

`make setup` and the image of the cells call this. Where these packages are not installed there is nothing to compile.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).resolve().parent  # in an image the modules of bin/ lie beside this file
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "bin")]


def quality_control(counts) -> None:
    """scanpy's functions that QC calls. counts: CSR int32, cells x genes."""
    import numpy as np
    import pandas as pd
    import scanpy as sc
    from anndata import AnnData

    cells = AnnData(counts, obs=pd.DataFrame({"all": "all"}, index=np.arange(counts.shape[0]).astype(str)))
    cells.var["mito"] = np.arange(cells.n_vars) < 5
    sc.pp.calculate_qc_metrics(cells, qc_vars=["mito"], percent_top=None, log1p=False)
    cells.X = counts.astype(np.float64)
    sc.pp.normalize_total(cells, target_sum=1e4)
    sc.get.aggregate(cells, by="all", func=["mean", "var"])
    cells.X = counts.astype(np.float32)
    sc.pp.scrublet(cells, use_approx_neighbors=False, mean_center=False, verbose=False)


def space(counts) -> None:
    """What INTEGRATE and SUBCLUSTER call: variable genes in samples, components, neighbours, clusters, UMAP, markers."""
    from _cell_space import arrange

    import illico
    import numpy as np
    import scanpy as sc
    from anndata import AnnData

    cells = AnnData(counts.astype(np.float32))
    cells.obs["sample"] = np.arange(cells.n_obs) % 2
    cells.obs["sample"] = cells.obs["sample"].astype("category")
    sc.pp.log1p(cells)
    sc.pp.highly_variable_genes(cells, n_top_genes=100, batch_key="sample")
    named = {"group_keys": "sample", "reference": None, "use_continuity": False}
    illico.asymptotic_wilcoxon(cells, is_log1p=True, n_threads=1, **named)
    arrange(cells.X, cells.obs["sample"].to_numpy(str), "none", "louvain", 1.0, 0)


def main() -> None:
    """Compile."""
    if not all(map(find_spec, ("scanpy", "umap", "faiss", "illico"))):
        return
    import _compiled  # noqa: F401

    import numpy as np
    import scipy.sparse as sp

    rng = np.random.default_rng(0)
    rates = rng.gamma(0.5, 2, (3, 600))[rng.integers(0, 3, 400)]
    counts = sp.csr_matrix(rng.poisson(rates).astype(np.int32))
    quality_control(counts)
    space(counts)


if __name__ == "__main__":
    main()
