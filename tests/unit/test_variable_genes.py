"""Variable genes: from statistics those that scanpy takes from cells; genes that follow clones, sex or stress are none of them."""

from _errors import InputError
from _matrices import log_per_10k
from _variable_genes import comparable, excluded_genes, ranked_genes, read_patterns, variable_genes

import numpy as np
import pandas as pd
import pytest
import qc
import scipy.sparse as sp
from helpers.cohort import EXCLUDED, counts

PATTERNS = read_patterns(EXCLUDED)


def test_the_genes_from_statistics_are_those_from_cells():
    """INTEGRATE has the samples' statistics alone, SUBCLUSTER all cells of a lineage."""
    rng = np.random.default_rng(0)
    data = sp.vstack([counts(rng, n)[0] for n in (200, 300, 150)]).tolil()
    data[:200, 390:] = 0  # genes that one sample does not express
    data = data.tocsr()
    genes, sample = pd.Index([f"G{i}" for i in range(400)]), np.repeat(["a", "b", "c"], (200, 300, 150))
    tables = [qc.gene_statistics(data[sample == name], genes).set_index("gene") for name in "abc"]
    few = variable_genes(tables, 80)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("_variable_genes.N_GENES", 80)
        ranked = ranked_genes(log_per_10k(data), genes, sample)
    assert set(few.index) == set(ranked[:80])
    assert sorted(ranked) == sorted(genes)


def test_samples_of_a_few_cells_have_no_say():
    x, _ = counts(np.random.default_rng(2), 100)
    noise = sp.csr_matrix(np.random.default_rng(3).poisson(30, (5, 400)).astype(np.int32))
    genes, sample = pd.Index([f"G{i}" for i in range(400)]), np.repeat(["a", "b"], (100, 5))
    both = ranked_genes(log_per_10k(sp.vstack([x, noise]).tocsr()), genes, sample)
    assert list(both) == list(ranked_genes(log_per_10k(x), genes, sample[:100]))


def test_excluded_genes_by_class():
    genes = {
        "IGHV3-21": "vdj", "IGKV1D-33": "vdj", "TRAV12-2": "vdj", "TRBJ2-1": "vdj", "IGHG1": "vdj", "TRBC1": "vdj",
        "MT-CO1": "mito", "mt-Nd1": "mito", "RPL13A": "ribo", "Rps6": "ribo", "HBB": "hb", "Hba-a1": "hb",
        "FOS": "stress", "HSPA1A": "stress", "MKI67": "cell_cycle", "XIST": "sex",
        "CD3D": "", "TRAC": "", "TRDC": "", "RPS6KA1": "", "IGF1": "", "HBEGF": "", "IGHMBP2": "", "TREM2": "", "FOSL": "",
    }  # fmt: skip
    classes = excluded_genes(list(genes), PATTERNS)
    assert dict(zip(genes, classes, strict=True)) == genes


def test_samples_are_compared_by_the_genes_that_all_have_and_may_vary():
    genes = [f"G{i}" for i in range(60)]
    one, other = pd.Index([*genes, "MT-CO1"]), pd.Index(["CAR", "MT-CO1", *genes[::-1]])
    assert list(comparable({"S1": one, "S2": other}, PATTERNS)) == genes
    with pytest.raises(InputError, match="S1, S2: only 10 genes are in all samples"):
        comparable({"S1": one, "S2": other[-10:]}, PATTERNS)
