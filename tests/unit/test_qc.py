"""QC: what scanpy is given and gives, the edges of each threshold, real samples."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import qc
import read_cellranger as reader
import scanpy as sc
from anndata import AnnData, read_h5ad
from click.testing import CliRunner
from scipy import sparse

FIXED = {"min_umi": 1000, "min_genes": 100, "max_genes": 10000, "max_mito": 10, "max_hb": 5}


@pytest.fixture(scope="module")
def lavage(data):
    """The demo's samples as READ_CELLRANGER reads them."""
    folder = data / "liao_covid_balf"
    return {name: reader.read_counts(folder / name / "count", name)[0] for name in ("C144", "C149")}


@pytest.fixture(scope="module")
def good_cells(lavage):
    """Counts and symbols of the cells of C149 that pass, for the doublet scores."""
    adata = lavage["C149"]
    metrics = qc.cell_metrics(adata, qc.gene_classes(adata.var))
    keep = ~qc.exclusions(metrics, FIXED).any(axis=1).to_numpy()
    return adata.X[keep], adata.var_names


@pytest.fixture(scope="module")
def results(data, tmp_path_factory):
    """A folder with what the two commands wrote for the demo's samples."""
    folder = tmp_path_factory.mktemp("qc")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in ("C144", "C149"):
            source = data / "liao_covid_balf" / name
            given = ["--gex", source / "count", "--vdj-t", source / "vdj_t"]
            call(reader.main, "--sample", name, *given)
            call(qc.main, f"{name}.counts.h5ad", "--sample", name, "--contigs", f"{name}.contigs.parquet")
    return folder


def call(command, *options):
    """The command's result, which must be a success."""
    result = CliRunner().invoke(command, [str(option) for option in options])
    assert result.exit_code == 0, result.output
    return result


def features(symbols, stem="ENSG"):
    """A table of genes as READ_CELLRANGER makes it."""
    return pd.DataFrame({"gene_ids": [f"{stem}{i:011d}" for i in range(len(symbols))]}, index=symbols)


def contig_table(rows):
    """Contigs from (cell, locus, UMIs), all productive."""
    table = pd.DataFrame(rows, columns=["cell_id", "locus", "duplicate_count"])
    return table.assign(productive=True, is_cell=True, high_confidence=True)


def auc(score, truth):
    """Area under the ROC curve by ranks."""
    ranks = pd.Series(score).rank().to_numpy()
    positive = truth.sum()
    return (ranks[truth].sum() - positive * (positive + 1) / 2) / (positive * (~truth).sum())


def test_metrics_are_counted_on_the_matrix(lavage):
    adata = lavage["C149"]
    columns = list(adata.var)
    classes = qc.gene_classes(adata.var)
    found = qc.cell_metrics(adata, classes)
    assert adata.uns["species"] == "human" and list(adata.var) == columns
    assert (found.n_umi.to_numpy() == np.asarray(adata.X.sum(axis=1)).ravel()).all() and (
        found.n_genes == np.diff(adata.X.indptr)
    ).all()
    mito = np.asarray(adata.X[:, classes[:, 0] > 0].sum(axis=1)).ravel()
    np.testing.assert_allclose(found.pct_mito, 100 * mito / found.n_umi.clip(lower=1), rtol=1e-6)
    assert (found.xist_umi.to_numpy() == adata[:, "XIST"].X.toarray().ravel()).all()
    assert found.complexity.between(0, 1).all()


def test_a_cell_without_counts_has_shares_of_zero():
    adata = AnnData(sparse.csr_matrix(np.array([[0, 0], [3, 1]], np.int32)), var=features(["MT-ND1", "CD3D"]))
    found = qc.cell_metrics(adata, qc.gene_classes(adata.var))
    assert found.pct_mito.tolist() == [0, 75] and found.complexity.tolist()[0] == 0


def test_gene_classes_hold_what_they_say(lavage):
    var = lavage["C149"].var
    classes = qc.gene_classes(var)
    found = {name: set(var.index[classes[:, i] > 0]) for i, name in enumerate(qc.PATTERNS)}
    assert len(found["mito"]) == 13
    assert {"RPL13A", "RPLP0", "RPS4X", "RPSA", "RPL36AL", "RPS27L", "RPS4Y1"} <= found["ribo"]
    assert not {"RPS6KA1", "RPS6KB1", "RPL36A-HNRNPH2", "RPN1"} & found["ribo"]
    assert {"HBA1", "HBA2", "HBB", "HBD", "HBG1"} <= found["hb"] and not {"HBEGF", "HBP1"} & found["hb"]
    assert found["xist"] == {"XIST"} and {"DDX3Y", "RPS4Y1"} <= found["y"]


def test_mouse_symbols():
    symbols = ["mt-Nd1", "Rps4x", "Hba-a1", "Hbb-bs", "Xist", "Ddx3y", "Hbegf", "Cd3e"]
    assert qc.gene_classes(features(symbols, "ENSMUSG")).sum(axis=0).tolist() == [1, 1, 2, 1, 1]


def test_thresholds_at_their_edges():
    cells = {
        "n_umi": [1000, 1001, 5000, 5000, 5000, 90000, 5000, 5000],
        "n_genes": [500, 500, 99, 100, 10000, 10001, 500, 500],
        "pct_mito": [0, 9.99, 0, 0, 0, 0, 10, 0],
        "pct_hb": [0, 4.99, 0, 0, 0, 0, 0, 5],
    }
    failing = qc.exclusions(pd.DataFrame(cells), FIXED)
    assert failing.any(axis=1).tolist() == [True, False, True, False, False, True, True, True]
    reasons = ["low_umi", None, "low_genes", None, None, "high_genes", "high_mito", "high_hb"]
    assert [row.idxmax() if row.any() else None for _, row in failing.iterrows()] == reasons


def test_adaptive_limits_follow_the_sample_within_a_factor_of_two():
    rng = np.random.default_rng(0)
    umi = np.exp(rng.normal(np.log(6000), 0.3, 5000))
    metrics = pd.DataFrame({"n_umi": umi, "n_genes": umi / 3, "pct_mito": rng.normal(5, 0.7, 5000)})
    found = qc.limits(metrics, FIXED, "adaptive")
    assert found["min_umi"] == 2000  # 6000 * exp(-0.9) = 2439 is more than twice 1000
    assert found["max_mito"] == pytest.approx(7.1, abs=0.2)
    assert found["max_genes"] == 5000 and found["max_hb"] == 5
    assert qc.limits(metrics, FIXED, "fixed") == FIXED
    bad = metrics.assign(pct_mito=rng.normal(65, 10, 5000))
    assert qc.limits(bad, FIXED, "adaptive")["max_mito"] == 20


def test_adaptive_limits_never_use_a_zero_mad():
    metrics = pd.DataFrame({"n_umi": [2000] * 9 + [9], "n_genes": [500] * 10, "pct_mito": [0.0] * 9 + [50]})
    assert qc.limits(metrics, FIXED, "adaptive") == FIXED
    assert qc.limits(metrics[:0], FIXED, "adaptive") == FIXED


def test_take_rows_equals_slicing():
    matrix = sparse.random(50, 20, density=0.2, format="csr", random_state=0)
    keep = np.arange(50) % 3 == 0
    expected = matrix[keep]
    found = qc.take_rows(matrix, keep)
    assert (found != expected).nnz == 0 and found.shape == expected.shape
    assert len(matrix.data) == 0


def test_receptor_signs():
    rows = [("pair", "IGH", 9), ("pair", "IGK", 9), ("t", "TRA", 5), ("t", "TRB", 5)]
    rows += [("stray", "TRA", 5), ("stray", "TRB", 5), ("stray", "IGK", 1)]
    rows += [("both", "TRB", 5), ("both", "IGK", 2)]
    rows += [("pairs", locus, 4) for locus in ("IGH", "IGL", "TRA", "TRB")]
    rows += [("heavy", "IGH", 1)] * 3 + [("light", "IGL", 3)] * 3 + [("allelic", "IGK", 3)] * 2
    contigs = contig_table(rows)
    contigs.loc[contigs.cell_id == "allelic", "productive"] = [True, False]
    cells = ["pair", "t", "stray", "both", "pairs", "heavy", "light", "allelic", "none"]
    found = qc.receptor_evidence(contigs, pd.Index(cells)).set_index(pd.Index(cells))
    marked = {name: set(found.index[found[name]]) for name in found}
    assert marked["has_bcr"] == set(cells) - {"t", "none"}
    assert marked["has_tcr"] == {"t", "stray", "both", "pairs"}
    assert marked["doublet_bcr_tcr"] == {"both", "pairs"}
    assert marked["doublet_heavy"] == {"heavy"} and marked["doublet_light"] == {"light"}
    assert marked["strong"] == {"pairs", "heavy"}


def test_no_contigs_no_evidence():
    found = qc.receptor_evidence(contig_table([]).astype({"productive": bool}), pd.Index(["a", "b"]))
    assert found.shape == (2, 6) and not found.to_numpy().any()


def test_gene_statistics_are_of_counts_per_10000(good_cells):
    counts, names = good_cells
    table = qc.gene_statistics(counts, names)
    assert list(table) == ["gene", "n_cells", "total_umi", "mean", "var"]
    dense = counts.toarray() * (1e4 / np.asarray(counts.sum(axis=1)))
    assert (table.n_cells == (dense > 0).sum(axis=0)).all() and table.total_umi.sum() == counts.sum()
    np.testing.assert_allclose(table["mean"], dense.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(table["var"], dense.var(axis=0, ddof=1), rtol=1e-6, atol=1e-9)


def test_doublets_that_were_planted_have_the_high_scores(good_cells):
    counts, names = good_cells
    rng = np.random.default_rng(1)
    pairs = rng.integers(0, counts.shape[0], (60, 2))
    counts = sparse.vstack([counts, counts[pairs[:, 0]] + counts[pairs[:, 1]]]).tocsr()
    truth = np.arange(counts.shape[0]) >= counts.shape[0] - 60
    score, threshold = qc.doublet_scores(counts, names, 0.08, 0)
    assert auc(score, truth) > 0.72
    called = score > threshold
    assert truth[called].mean() > 3 * truth.mean()


def test_doublet_score_above_8192_cells():
    rng = np.random.default_rng(0)
    kinds = rng.integers(0, 4, 8600)
    rates = rng.gamma(0.3, 1, (4, 200)) * 3
    counts = rng.poisson(rates[kinds])
    counts[:400] += rng.poisson(rates[(kinds[:400] + 1) % 4])
    matrix, names = sparse.csr_matrix(counts.astype(np.int32)), pd.Index([f"G{i}" for i in range(200)])
    score, threshold = qc.doublet_scores(matrix, names, 0.07, 0)
    truth = np.arange(8600) < 400
    assert auc(score, truth) > 0.9 and 100 < (score > threshold).sum() < 1500


def test_a_matrix_of_a_few_genes_is_scored(good_cells):
    counts, names = good_cells
    score, _threshold = qc.doublet_scores(counts[:, :25], names[:25], 0.08, 0)
    assert np.isfinite(score).all()


def test_receptor_segments_have_no_say_in_doublet_scores(good_cells):
    counts, names = good_cells
    seen = names[qc.variable_genes(counts, names, len(names))]
    assert "IGHM" in seen and not any(re.match(r"IG[HKL]V\d|TR[AB]V\d", name) for name in seen)


def test_where_scanpy_finds_no_threshold_the_expected_share_is_called(good_cells, monkeypatch):
    def scrublet(cells, doublets, **_):
        assert doublets.n_obs == 2 * cells.n_obs and 0 < cells.n_vars <= 2000
        cells.obs["doublet_score"], cells.uns["scrublet"] = np.arange(cells.n_obs) / cells.n_obs, {}

    monkeypatch.setattr(sc.pp, "scrublet", scrublet)
    score, threshold = qc.doublet_scores(*good_cells, 0.08, 0)
    assert (score > threshold).mean() == pytest.approx(0.08, abs=0.005)


@pytest.mark.parametrize(
    ("mode", "expected"), [("consensus", [0, 2]), ("remove", [0, 1, 2]), ("flag", []), ("none", [])]
)
def test_what_each_mode_removes(monkeypatch, mode, expected):
    n = 120
    score = np.where(np.arange(n) < 1, 0.9, 0.0)
    monkeypatch.setattr(qc, "doublet_scores", lambda *_: (score, 0.5))
    table = pd.DataFrame({"n_umi": [100] * n, "pass": True, "strong": np.arange(n) == 2})
    table["doublet_bcr_tcr"] = np.arange(n) < 3
    table[["doublet_heavy", "doublet_light"]] = False
    counts = sparse.csr_matrix(np.ones((n, 1), np.int32))
    removed, facts = qc.call_doublets(counts, table, pd.Index(["A"]), mode, 0)
    assert np.flatnonzero(removed).tolist() == expected
    assert facts["removed"] == len(expected) and facts["scored"] == (0 if mode == "none" else n)
    assert table.doublet.sum() == (0 if mode == "none" else 3)


def test_few_cells_are_not_scored_and_it_is_said():
    table = pd.DataFrame({"n_umi": [100] * 9, "pass": True, "strong": False})
    table[qc.SIGNS] = False
    _, facts = qc.call_doublets(sparse.csr_matrix((9, 3), dtype=np.int32), table, None, "consensus", 0)
    assert facts["scored"] == 0 and "fewer than 100" in facts["skipped"]
    assert table.doublet_score.isna().all()


def test_the_bad_sample_is_poor_and_the_good_one_good(results):
    facts = {name: json.loads((results / f"{name}.qc.json").read_text()) for name in ("C144", "C149")}
    assert [facts[name]["verdict"] for name in facts] == ["bad", "good"]
    assert "mitochondrial share" in facts["C144"]["warnings"][0] and not facts["C149"]["warnings"]
    assert facts["C144"]["median_pct_mito"] > 50 > 10 > facts["C144"]["kept"]["median_pct_mito"]
    assert {name: facts[name]["species"] for name in facts} == {"C144": "human", "C149": "human"}
    assert facts["C149"]["receptors"]["tcr_cells"] == 391
    assert facts["C149"]["thresholds"] == FIXED


def test_tables_agree_with_the_matrix_of_kept_cells(results):
    table = pd.read_parquet(results / "C149.qc.parquet")
    cells = read_h5ad(results / "C149.cells.h5ad")
    genes = pd.read_parquet(results / "C149.genes.parquet")
    facts = json.loads((results / "C149.qc.json").read_text())
    assert len(table) == facts["cells_before"] == 1000
    assert list(cells.obs_names) == list(table.cell_id[table["pass"]])
    assert cells.X.dtype == np.int32 and cells.n_obs == facts["cells_after"]
    assert (np.asarray(cells.X.sum(axis=1)).ravel() == table.n_umi[table["pass"]]).all()
    assert list(genes.gene) == list(cells.var_names) and list(genes.gene_id) == list(cells.var.gene_ids)
    assert (genes.total_umi == np.asarray(cells.X.sum(axis=0)).ravel()).all()
    funnel = pd.DataFrame(facts["funnel"]).set_index("reason")
    assert funnel["first"].sum() == (~table["pass"]).sum() and (funnel["first"] <= funnel.cells).all()
    assert table.first_reason.isna().tolist() == table["pass"].tolist() == table.reasons.isna().tolist()
    assert "strong" not in table


def test_a_sample_with_too_few_cells_is_a_fact_with_its_reason(results, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = [str(results / "C144.counts.h5ad"), "--sample", "C144", "--min-cells", "5000"]
    given += ["--contigs", str(results / "C144.contigs.parquet"), "--doublets", "none"]
    call(qc.main, *given)
    facts = json.loads((tmp_path / "C144.qc.json").read_text())
    assert (facts["status"], facts["verdict"]) == ("failed", "bad")
    assert "fewer than min_cells (5000)" in facts["reason"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["C144.qc.json", "C144.qc.parquet"]


def test_no_cell_at_all_passes(results, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = [results / "C144.counts.h5ad", "--sample", "C144", "--contigs", results / "C144.contigs.parquet"]
    call(qc.main, *given, "--min-umi", "1e9")
    facts = json.loads((tmp_path / "C144.qc.json").read_text())
    assert facts["cells_after"] == 0 and facts["kept"]["median_umi"] is None
