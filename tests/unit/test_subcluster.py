"""SUBCLUSTER: marker statistics equal to scanpy's, names and numbers of subsets, the lineage's own space."""

from _variable_genes import comparable, ranked_genes, read_patterns

import anndata
import hdf5plugin
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import subcluster
from click.testing import CliRunner
from helpers.cohort import EXCLUDED, write_cohort

TABLES = {
    "subsets": "subsets.tsv", "rates": "subset_rates.tsv", "resting": "interferon_resting.tsv", "markers": "markers.tsv",
    "lineages": "lineages.tsv", "excluded": "excluded_genes.tsv",
}  # fmt: skip


@pytest.fixture(scope="module")
def cells():
    """Log-normalised expression (300, 80) of three subsets, each with five genes of its own, many ties."""
    rng = np.random.default_rng(0)
    subset = np.repeat(["Plasma_1", "Plasma_2", "Plasma_3"], (150, 100, 50))
    rate = np.full((300, 80), 0.6)
    for k, name in enumerate(np.unique(subset)):
        rate[subset == name, 5 * k : 5 * k + 5] = 3
    counts = rng.poisson(rate).astype(np.int32)
    logged = np.log1p(1e4 * counts / counts.sum(1, keepdims=True)).astype(np.float32)
    return sp.csr_matrix(counts), sp.csr_matrix(logged), subset


def test_wilcoxon_is_that_of_scanpy(cells):
    import scanpy

    _, x, subset = cells
    genes = np.array([f"G{i}" for i in range(80)])
    ours = subcluster.marker_statistics(x, genes, subset).set_index(["subset", "gene"])
    data = anndata.AnnData(x, obs=pd.DataFrame({"s": pd.Categorical(subset)}, index=np.arange(300).astype(str)))
    data.var_names = genes
    scanpy.tl.rank_genes_groups(data, "s", method="wilcoxon", tie_correct=True)
    theirs = scanpy.get.rank_genes_groups_df(data, None).set_index(["group", "names"])
    theirs = theirs.loc[ours.index]
    np.testing.assert_allclose(ours["z"], theirs["scores"], rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(ours["p_value"], theirs["pvals"], rtol=1e-2)
    np.testing.assert_allclose(ours["q_value"], theirs["pvals_adj"], rtol=1e-2)
    clear = (ours["p_value"] < 1e-6).to_numpy()
    signs = [np.sign(values.to_numpy()[clear]) for values in (ours["log2_fold_change"], theirs["logfoldchanges"])]
    assert clear.sum() > 10 and (signs[0] == signs[1]).all()


def test_auroc_is_that_of_scikit_learn(cells):
    from sklearn.metrics import roc_auc_score

    _, x, subset = cells
    ours = subcluster.marker_statistics(x, np.arange(80).astype(str), subset)
    row = ours[(ours["subset"] == "Plasma_2") & (ours["gene"] == "7")].iloc[0]
    assert row["auroc"] == pytest.approx(roc_auc_score(subset == "Plasma_2", x[:, 7].toarray().ravel()), abs=1e-6)
    assert row["detected_in"] == pytest.approx((x[subset == "Plasma_2", 7] > 0).mean())


def test_the_planted_genes_lead(cells):
    _, x, subset = cells
    top = subcluster.leading(subcluster.marker_statistics(x, np.arange(80).astype(str), subset))
    for k, name in enumerate(np.unique(subset)):
        assert set(top[top["subset"] == name]["gene"][:5].astype(int)) == set(range(5 * k, 5 * k + 5))


def test_the_first_markers_are_told_of_every_subset(cells):
    _, x, subset = cells
    top = subcluster.leading(subcluster.marker_statistics(x, np.arange(80).astype(str), subset))
    assert top["rank"].isna().any() and (top.groupby("subset")["rank"].max() <= subcluster.KEPT).all()
    for gene, rows in top[top["rank"] <= subcluster.COMPARED].groupby("gene"):
        assert set(top.loc[top["gene"] == gene, "subset"]) == set(subset), rows
    ranked = top.dropna(subset="rank")
    assert (ranked["z"] > 0).all() and (ranked["q_value"] < 0.05).all()


def test_numbers_follow_size_and_names_stay():
    names = np.repeat(["Plasma_1", "Plasma_3", "CD8_ISG+", "unassigned"], (5, 9, 4, 3)).astype(object)
    numbers = subcluster.renumber(names)
    assert set(numbers) == {"Plasma_1", "Plasma_3"}
    new = np.array([numbers.get(name, name) for name in names])
    assert list(pd.Series(new).value_counts().index) == ["Plasma_1", "Plasma_2", "CD8_ISG+", "unassigned"]
    assert (new[5:14] == "Plasma_1").all()


@pytest.fixture
def run(cells, tmp_path, monkeypatch, project):
    """Call of the command on two samples of plasma cells, 40 of another lineage among them; the second has a CAR gene."""
    monkeypatch.chdir(tmp_path)
    counts, *_ = cells
    # The last genes are markers of plasma cells, which all cells show.
    genes = np.array([*(f"G{i}" for i in range(76)), "MZB1", "XBP1", "DERL3", "SDC1"])
    ids = np.array([f"S{1 + i % 2}:{i}" for i in range(300)])
    for k, name in enumerate(("S1", "S2")):
        x, names = counts[k::2], genes
        if k:  # a reference with the CAR before all other genes
            x, names = sp.hstack([np.zeros((150, 1), np.int32), x], format="csr"), ["CAR", *genes]
        data = anndata.AnnData(x, obs=pd.DataFrame(index=ids[k::2]), var=pd.DataFrame(index=names))
        data.write_h5ad(f"{name}.cells.h5ad", compression=hdf5plugin.FILTERS["zstd"])
        facts = {
            "sample": name,
            "pass": True,
            "doublet_score": 0.1,
            "doublet": False,
            "has_bcr": True,
            "has_tcr": False,
        }
        pd.DataFrame({"cell_id": ids[k::2]} | facts).to_parquet(f"{name}.qc.parquet")
    sheet = {"sample": ["S1", "S2"], "patient": "P1", "timepoint": ["T1", "T2"], "day": [0, 9], "batch": ""}
    pd.DataFrame(sheet).to_csv("samples.tsv", sep="\t", index=False)
    table = pd.DataFrame({"cell_id": ids, "lineage": "plasma", "cell_type": "plasma cell"})
    table.loc[::8, ["lineage", "cell_type"]] = "T", "CD4 T"
    table.to_parquet("annotation.parquet")

    def call(*options, files=("S1.cells.h5ad", "S2.cells.h5ad"), lineage="plasma"):
        words = [*files, "--samples", "samples.tsv", "--annotation", "annotation.parquet", "--lineage", lineage]
        for option, table in TABLES.items():
            words += [f"--{option}", project / "assets" / table]
        words += ["--metrics", "S1.qc.parquet", "--metrics", "S2.qc.parquet", *options]
        return CliRunner().invoke(subcluster.main, [str(word) for word in words])

    return call


def test_numbered_subsets_are_the_planted_ones_in_order_of_size(run, cells):
    result = run("--numbered", "Plasma", "--resolution", 0.5)
    assert result.exit_code == 0, result.output
    table = pd.read_parquet("plasma.subsets.parquet")
    names = ["cell_id", "lineage", "subset", "margin", "rival", "umap_1", "umap_2", "interferon_high"]
    assert list(table) == names and table["interferon_high"].isna().all()  # nothing is known of resting plasma cells
    assert len(table) == 262 and set(table["lineage"]) == {"plasma"} and table["margin"].dtype == np.float32
    truth = cells[2][table["cell_id"].str.split(":").str[1].astype(int)]
    assert (table["subset"] == truth).mean() > 0.95
    assert (
        set(table["rival"]) <= {"", "Plasma_1", "Plasma_2", "Plasma_3"}
        and not (table["rival"] == table["subset"]).any()
    )
    evidence = pd.read_csv("plasma.subset_evidence.tsv", sep="\t")
    assert list(evidence["n_cells"]) == sorted(evidence["n_cells"], reverse=True) and evidence["n_cells"].sum() == 262
    assert set(evidence["parent"]) == {"plasma cell"} and (evidence["cluster"] == evidence["part"]).all()


def test_genes_that_one_sample_lacks_are_left_out_whatever_the_order_of_files(run):
    assert run("--numbered", "Plasma").exit_code == 0
    markers = pd.read_csv("plasma.markers.tsv", sep="\t")
    first = markers[(markers["subset"] == "Plasma_2") & (markers["rank"] <= 5)]["gene"]
    assert set(first) == {f"G{i}" for i in range(5, 10)} and "CAR" not in set(markers["gene"])
    tables = [pd.read_parquet("plasma.subsets.parquet")]
    assert run("--numbered", "Plasma", files=("S2.cells.h5ad", "S1.cells.h5ad")).exit_code == 0
    tables.append(pd.read_parquet("plasma.subsets.parquet"))
    pd.testing.assert_frame_equal(*tables)
    pd.testing.assert_frame_equal(markers, pd.read_csv("plasma.markers.tsv", sep="\t"))


def test_cell_types_without_subsets_keep_their_name(run):
    assert run().exit_code == 0
    assert set(pd.read_parquet("plasma.subsets.parquet")["subset"]) == {"plasma_cell"}


def test_the_marker_table_is_empty_where_no_cell_has_a_subset(run):
    """T cells of which none shows a programme, in clusters too small to be numbered."""
    assert run("--numbered", "T", "--resolution", 50, lineage="T").exit_code == 0
    assert set(pd.read_parquet("T.subsets.parquet")["subset"]) == {"unassigned"}
    markers = pd.read_csv("T.markers.tsv", sep="\t")
    assert not len(markers) and list(markers)[:4] == ["lineage", "subset", "gene", "rank"]


def test_a_matrix_that_is_not_given_is_an_error(run):
    result = run(files=("S1.cells.h5ad",))
    assert result.exit_code == 1 and "S2:1: is in annotation.parquet" in result.output


def test_a_lineage_has_variable_genes_of_its_own(tmp_path):
    kind = write_cohort(tmp_path, 300)
    read = {
        name: subcluster.read_sample(tmp_path / f"{name}.cells.h5ad", kind.index[kind > 0]) for name in ("S1", "S2")
    }
    assert [list(of_sample.cell_id) for of_sample in read.values()] == [
        list(kind.index[(kind > 0) & kind.index.str.startswith(name)]) for name in read
    ]
    genes = comparable({name: pd.Index(of_sample.genes) for name, of_sample in read.items()}, read_patterns(EXCLUDED))
    sample = np.repeat(list(read), [len(of_sample.cell_id) for of_sample in read.values()])
    top = ranked_genes(subcluster.columns_of(list(read.values()), genes), genes, sample)[:60]
    assert len(set(top) & {f"GENE{i}" for i in range(20, 60)}) > 15  # 6 by chance
