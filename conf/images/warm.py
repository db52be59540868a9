#!/usr/bin/env python3
"""Have numba compile once what the commands run, on a few made-up cells; it stays beside the packages (bin/_compiled.py).

`make setup` and every image call this. Each function runs where its packages are installed; elsewhere there is nothing to compile.
"""

import os
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
    for precision in (np.float64, np.float32):
        cells.X = counts.astype(precision)
        sc.pp.normalize_total(cells, target_sum=1e4)
        sc.get.aggregate(cells, by="all", func=["mean", "var"])
    sc.pp.log1p(cells)
    sc.pp.highly_variable_genes(cells, n_top_genes=100)
    cells.X = counts.astype(np.float32)
    doublets = sc.pp.scrublet_simulate_doublets(cells)
    sc.pp.scrublet(cells, doublets, use_approx_neighbors=False, mean_center=False, verbose=False)


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


def scores(counts) -> None:
    """What SIGNATURES and PSEUDOBULK call."""
    import decoupler
    import numpy as np
    import pandas as pd
    import scanpy as sc
    from anndata import AnnData

    cells = AnnData(counts.astype(np.float32))
    cells.obs["group"] = pd.Categorical(np.arange(cells.n_obs) % 2)
    sc.pp.log1p(cells)
    net = pd.DataFrame({"source": np.repeat(["a", "b"], 10), "target": cells.var_names[:20]})
    decoupler.mt.ulm(cells, net, tmin=1, empty=False, bsize=256)
    decoupler.mt.aucell(cells, net, tmin=1, empty=False)
    sc.tl.score_genes(cells, list(cells.var_names[:5]))
    sc.get.aggregate(cells, by="group", func=["sum", "mean", "count_nonzero"])


# The packages that each needs; liana compiles when it is imported, and of scirpy numba can keep nothing.
PARTS = {quality_control: {"scanpy", "skimage"}, space: {"scanpy", "umap", "faiss", "illico"}}
PARTS |= {scores: {"scanpy", "decoupler"}}


def main() -> None:
    """Compile."""
    runs = [part for part, needed in PARTS.items() if all(map(find_spec, needed))]
    if not runs:
        return
    os.environ |= {"LOGURU_LEVEL": "WARNING", "TQDM_DISABLE": "1"}  # illico tells of its work
    import _compiled  # noqa: F401

    import numpy as np
    import scipy.sparse as sp

    rng = np.random.default_rng(0)
    rates = rng.gamma(0.5, 2, (3, 600))[rng.integers(0, 3, 400)]
    counts = sp.csr_matrix(rng.poisson(rates).astype(np.int32))
    for part in runs:
        part(counts)
    if find_spec("liana"):
        import liana  # noqa: F401


if __name__ == "__main__":
    main()
