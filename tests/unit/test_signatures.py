"""SIGNATURES: scores are what they are said to be, tell real interferon-stimulated cells, and need no other cell."""

import _signature_scores
from _matrices import log_per_10k_without_ig
from _signature_scores import core_genes, read_gmt, read_sets, set_scores, usable_sets

import numpy as np
import pandas as pd
import pytest
import signatures
from helpers.signals_data import ASSETS, GENES, draw_sample, invoke, levels
from scipy.sparse import csr_matrix

ISG = ASSETS / "isg_core.tsv"
HALLMARK = ASSETS / "hallmark.gmt"


def score(cells, folder, name, *more):
    cells.write_h5ad(folder / f"{name}.cells.h5ad")
    result = invoke(signatures, folder / f"{name}.cells.h5ad", "--sample", name, "--isg", ISG, *more)
    assert result.exit_code == 0, result.output
    return pd.read_parquet(folder / f"{name}.signatures.parquet").set_index("cell_id")


@pytest.fixture
def own_sets(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "own.gmt"
    path.write_text(
        "ADHESION\tours\tITGB2\tITGAL\tICAM1\tCXCR4\tCD28\nINTERFERON\t\tIFIT1\tIFIT2\tIFIT3\tISG15\tMX1\tNOSUCH\n"
    )
    return path


def test_ulm_is_the_t_value_of_a_regression_on_membership():
    from scipy.stats import linregress

    rng = np.random.default_rng(0)
    matrix = csr_matrix(np.log1p(rng.poisson(0.4, (60, 300))).astype(np.float32))
    genes = [f"G{number}" for number in range(300)]
    sets = {f"S{number}": [*rng.choice(genes, 10 + number, replace=False), "NOSUCH"] for number in range(12)}
    scores = set_scores(matrix, sets, genes, "ulm")
    for cell, column in ((0, 0), (7, 3), (59, 11)):
        fit = linregress(np.isin(genes, list(sets.values())[column]), matrix[cell].toarray()[0])
        assert scores[cell, column] == pytest.approx(fit.slope / fit.stderr, rel=1e-5)


@pytest.mark.parametrize("method", ["ulm", "aucell"])
def test_a_cell_without_counts_has_zeros(method):
    matrix = csr_matrix(np.array([[0, 0, 0, 0], [1, 2, 0, 0], [0, 0, 0, 0]], dtype=np.float32))
    scores = set_scores(matrix, {"A": ["a", "b"]}, list("abcd"), method)
    assert scores[[0, 2], 0].tolist() == [0, 0] and scores[1, 0] > 0
    assert not set_scores(matrix[[0]], {"A": ["a", "b"]}, list("abcd"), method).any()


def test_blocks_of_cells_are_scored_as_all_are(monkeypatch):
    rng = np.random.default_rng(1)
    matrix, genes = csr_matrix(np.log1p(rng.poisson(0.4, (50, 80))).astype(np.float32)), [f"G{n}" for n in range(80)]
    sets = {"A": genes[:10], "B": genes[5:30]}
    whole = set_scores(matrix, sets, genes, "ulm")
    monkeypatch.setattr(_signature_scores, "BLOCK", 16)
    monkeypatch.setattr(_signature_scores, "BATCH", 5)
    np.testing.assert_allclose(set_scores(matrix, sets, genes, "ulm"), whole, rtol=1e-9)


def test_scores_of_a_cell_do_not_depend_on_other_cells(own_sets, tmp_path):
    cells, _ = draw_sample("S", {"CD8_ISG+": 60, "Plasma_1": 40}, levels(), 3)
    whole = score(cells, tmp_path, "S", "--gene-sets", own_sets)
    part = score(cells[::3].copy(), tmp_path, "S", "--gene-sets", own_sets)
    names = [name for name in whole.columns if name != "isg_score_genes"]
    assert names == ["isg_score", "ADHESION", "INTERFERON"]
    pd.testing.assert_frame_equal(whole.loc[part.index, names], part[names], rtol=1e-6)


def test_aucell_on_request(own_sets, tmp_path):
    profiles = levels({"CD8_ISG+": dict.fromkeys(["IFIT1", "IFIT2", "IFIT3", "ISG15", "MX1"], 120.0)})
    cells, labels = draw_sample("S", {"CD8_ISG+": 30, "CD8_memory": 30}, profiles, 4)
    scores = score(cells, tmp_path, "S", "--gene-sets", own_sets, "--method", "aucell")
    mean = scores.groupby(labels.set_index("cell_id")["subset"])["INTERFERON"].mean()
    assert scores["INTERFERON"].between(0, 1).all() and mean["CD8_ISG+"] > mean["CD8_memory"] + 0.3


def test_core_genes_are_found_by_alias():
    assert "RIGI" in core_genes(ISG, ["RIGI", "MX1"]) and "DDX58" in core_genes(ISG, ["DDX58", "RIGI"])


def test_hallmark_has_fifty_sets():
    sets = read_gmt(HALLMARK)
    assert len(sets) == 50 and min(map(len, sets.values())) >= 30


def test_sets_with_too_few_measured_genes_have_no_column(own_sets, tmp_path):
    sets = read_sets([own_sets, HALLMARK])
    used = usable_sets(sets, GENES, 5)
    assert len(sets["INTERFERON"]) == 6 and "INTERFERON" in used  # 5 of them are measured
    assert "HALLMARK_MYOGENESIS" in sets and "HALLMARK_MYOGENESIS" not in used
    cells, _ = draw_sample("S", {"Plasma_1": 20}, levels(), 5)
    scores = score(cells, tmp_path, "S", "--gene-sets", own_sets, "--gene-sets", HALLMARK)
    assert list(scores.columns) == ["isg_score", "isg_score_genes", *used]


def test_the_core_holds_measured_genes_only():
    assert set(core_genes(ISG, GENES)) <= set(GENES)


def test_a_set_in_two_files_is_told(own_sets, tmp_path):
    cells, _ = draw_sample("S", {"Plasma_1": 5}, levels(), 6)
    cells.write_h5ad("S.cells.h5ad")
    twice = ("--gene-sets", own_sets, "--gene-sets", own_sets)
    result = invoke(signatures, "S.cells.h5ad", "--sample", "S", "--isg", ISG, *twice)
    assert result.exit_code == 1 and "own.gmt: the set ADHESION is in another file too" in result.output


def test_broken_set_file_is_named_with_its_line(own_sets, tmp_path):
    cells, _ = draw_sample("S", {"Plasma_1": 5}, levels(), 6)
    cells.write_h5ad("S.cells.h5ad")
    own_sets.write_text("GOOD\t\tMX1\nonly words\n")
    result = invoke(signatures, "S.cells.h5ad", "--sample", "S", "--isg", ISG, "--gene-sets", own_sets)
    assert result.exit_code == 1 and "own.gmt, line 2" in result.output


def test_other_species_is_told(own_sets, tmp_path):
    cells, _ = draw_sample("S", {"Plasma_1": 5}, levels(), 6)
    cells.var_names = cells.var_names.str.capitalize()
    cells.write_h5ad("S.cells.h5ad")
    result = invoke(signatures, "S.cells.h5ad", "--sample", "S", "--isg", ISG, "--gene-sets", own_sets)
    assert result.exit_code == 1 and "human symbols" in result.output


def test_interferon_beta_is_seen_in_real_cells(real_data):
    """Kang et al. 2018: control against stimulated blood cells."""
    import scanpy
    from sklearn.metrics import roc_auc_score

    scored = {"isg_score": [], "isg_score_genes": []}
    pathways = []
    for name in ("ctrl", "stim"):
        cells = scanpy.read_10x_h5(real_data / f"kang_ifnb/{name}/count/filtered_feature_bc_matrix.h5")
        cells.var_names_make_unique()
        genes = cells.var_names.to_numpy()
        core = core_genes(ISG, genes)
        matrix = log_per_10k_without_ig(csr_matrix(cells.X), genes)
        sets = usable_sets(read_gmt(HALLMARK), genes, 5)
        pathways.append(set_scores(matrix, sets, genes, "ulm"))
        scored["isg_score"].append(np.asarray(matrix[:, cells.var_names.get_indexer(core)].mean(axis=1)).ravel())
        scored["isg_score_genes"].append(signatures.score_genes(matrix, genes, core, 0))
    truth = np.repeat([0, 1], [len(part) for part in pathways])
    assert roc_auc_score(truth, np.concatenate(scored["isg_score"])) >= 0.97
    assert roc_auc_score(truth, np.concatenate(scored["isg_score_genes"])) >= 0.97
    by_set = {name: roc_auc_score(truth, np.concatenate(pathways)[:, at]) for at, name in enumerate(sets)}
    assert max(by_set, key=by_set.get) == "HALLMARK_INTERFERON_ALPHA_RESPONSE"
