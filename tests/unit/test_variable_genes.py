"""Variable genes: equal to scanpy's; genes that follow clones, sex or stress are none of them."""

from _errors import InputError
from _matrices import per_10k
from _variable_genes import comparable, excluded_genes, gene_statistics, read_patterns, variable_genes

import anndata
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from helpers.cohort import EXCLUDED, counts

PATTERNS = read_patterns(EXCLUDED)


def test_variable_genes_are_those_of_scanpy():
    import scanpy

    rng = np.random.default_rng(0)
    data = anndata.AnnData(sp.vstack([counts(rng, n)[0] for n in (200, 300, 150)]).tocsr().astype(np.float32))
    data.X[:200, 390:] = 0  # genes that one sample does not express
    data.X.eliminate_zeros()
    data.obs["sample"] = pd.Categorical(np.repeat(["a", "b", "c"], (200, 300, 150)))
    scanpy.pp.normalize_total(data, target_sum=1e4)
    tables = []
    for name in "abc":
        x = data[data.obs["sample"] == name].X.toarray().astype(float)
        stats = {"n_cells": (x > 0).sum(0), "mean": x.mean(0), "var": x.var(0, ddof=1)}
        tables.append(pd.DataFrame(stats, index=data.var_names))
    scanpy.pp.log1p(data)
    scanpy.pp.highly_variable_genes(data, n_top_genes=80, batch_key="sample", flavor="seurat")
    ours = variable_genes(tables, 80)
    assert set(ours.index) == set(data.var_names[data.var["highly_variable"]])
    theirs = data.var.loc[ours.index]
    np.testing.assert_allclose(ours["dispersions_norm"], theirs["dispersions_norm"], rtol=1e-3)
    assert (ours["n_samples"] == theirs["highly_variable_nbatches"]).all()


def test_excluded_genes_by_class():
    genes = {
        "IGHV3-21": "vdj", "IGKV1D-33": "vdj", "TRAV12-2": "vdj", "TRBJ2-1": "vdj", "IGHG1": "vdj", "TRBC1": "vdj",
        "MT-CO1": "mito", "mt-Nd1": "mito", "RPL13A": "ribo", "Rps6": "ribo", "HBB": "hb", "Hba-a1": "hb",
        "FOS": "stress", "HSPA1A": "stress", "MKI67": "cell_cycle", "XIST": "sex",
        "CD3D": "", "TRAC": "", "TRDC": "", "RPS6KA1": "", "IGF1": "", "HBEGF": "", "IGHMBP2": "", "TREM2": "", "FOSL": "",
    }  # fmt: skip
    classes = excluded_genes(list(genes), PATTERNS)
    assert dict(zip(genes, classes, strict=True)) == genes


def test_statistics_of_blocks_are_those_of_all_cells():
    x = per_10k(counts(np.random.default_rng(1), 90)[0])
    table = gene_statistics([x[:40], x[40:]], [f"G{i}" for i in range(400)])
    dense = x.toarray().astype(float)
    np.testing.assert_array_equal(table["n_cells"], (dense > 0).sum(0))
    np.testing.assert_allclose(table["mean"], dense.mean(0), rtol=1e-5)
    np.testing.assert_allclose(table["var"], dense.var(0, ddof=1), rtol=1e-4, atol=1e-6)


def test_samples_are_compared_by_the_genes_that_all_have_and_may_vary():
    genes = [f"G{i}" for i in range(60)]
    one = pd.DataFrame({"n_cells": 1.0}, index=[*genes, "MT-CO1"])
    other = pd.DataFrame({"n_cells": 2.0}, index=["CAR", "MT-CO1", *genes[::-1]])
    tables = comparable({"S1": one, "S2": other}, PATTERNS)
    assert [list(table.index) for table in tables] == [genes, genes]
    with pytest.raises(InputError, match="S1, S2: only 10 genes are in all samples"):
        comparable({"S1": one, "S2": other.iloc[-10:]}, PATTERNS)
