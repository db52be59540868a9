"""SUBCLUSTER: marker statistics equal to scanpy's, names and numbers of subsets, the lineage's own space."""

import anndata
import annotate
import hdf5plugin
import marker_means
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import subcluster
from click.testing import CliRunner


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
    data = anndata.AnnData(
        x, obs=pd.DataFrame({"s": pd.Categorical(subset)}, index=np.arange(300).astype(str))
    )
    data.var_names = genes
    scanpy.tl.rank_genes_groups(data, "s", method="wilcoxon", tie_correct=True)
    theirs = scanpy.get.rank_genes_groups_df(data, None).set_index(["group", "names"])
    theirs = theirs.loc[ours.index]
    np.testing.assert_allclose(ours["z"], theirs["scores"], rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(ours["p_value"], theirs["pvals"], rtol=1e-2)
    np.testing.assert_allclose(ours["q_value"], theirs["pvals_adj"], rtol=1e-2)
    clear = (ours["p_value"] < 1e-6).to_numpy()
    signs = [
        np.sign(values.to_numpy()[clear]) for values in (ours["log2_fold_change"], theirs["logfoldchanges"])
    ]
    assert clear.sum() > 10 and (signs[0] == signs[1]).all()


def test_auroc_is_that_of_scikit_learn(cells):
    from sklearn.metrics import roc_auc_score

    _, x, subset = cells
    ours = subcluster.marker_statistics(x, np.arange(80).astype(str), subset)
    row = ours[(ours["subset"] == "Plasma_2") & (ours["gene"] == "7")].iloc[0]
    assert row["auroc"] == pytest.approx(
        roc_auc_score(subset == "Plasma_2", x[:, 7].toarray().ravel()), abs=1e-6
    )
    assert row["detected_in"] == pytest.approx((x[subset == "Plasma_2", 7] > 0).mean())


def test_the_planted_genes_lead(cells):
    _, x, subset = cells
    top = subcluster.leading(subcluster.marker_statistics(x, np.arange(80).astype(str), subset))
    for k, name in enumerate(np.unique(subset)):
        assert set(top[top["subset"] == name]["gene"][:5].astype(int)) == set(range(5 * k, 5 * k + 5))


def test_the_first_markers_are_told_of_every_subset(cells):
    _, x, subset = cells
    found = subcluster.leading(subcluster.marker_statistics(x, np.arange(80).astype(str), subset))
    assert found["rank"].isna().any() and (found.groupby("subset")["rank"].max() <= subcluster.KEPT).all()
    for gene, rows in found[found["rank"] <= subcluster.COMPARED].groupby("gene"):
        assert set(found.loc[found["gene"] == gene, "subset"]) == set(subset), rows
    ranked = found.dropna(subset="rank")
    assert (ranked["z"] > 0).all() and (ranked["q_value"] < 0.05).all()


def test_numbers_follow_size_and_names_stay():
    names = np.repeat(["Plasma_1", "Plasma_3", "CD8_ISG+", "unassigned"], (5, 9, 4, 3)).astype(object)
    numbers = subcluster.renumber(names)
    assert set(numbers) == {"Plasma_1", "Plasma_3"}
    new = np.array([numbers.get(name, name) for name in names])
    assert list(pd.Series(new).value_counts().index) == ["Plasma_1", "Plasma_2", "CD8_ISG+", "unassigned"]
    assert (new[5:14] == "Plasma_1").all()


def test_command_leaves_out_genes_that_one_sample_lacks(cells, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    counts, _, subset = cells
    genes, ids = [f"G{i}" for i in range(80)], np.array([f"S{1 + i % 2}:{i}" for i in range(300)])
    for at, name in enumerate(("S1", "S2")):
        x, mine = counts[at::2], genes
        if at:  # a reference with the CAR before all other genes
            x, mine = sp.hstack([np.zeros((150, 1), np.int32), x], format="csr"), ["CAR", *genes]
        data = anndata.AnnData(x, obs=pd.DataFrame(index=ids[at::2]), var=pd.DataFrame(index=mine))
        data.write_h5ad(f"{name}.cells.h5ad")
    named = {"cell_id": ids, "cell_type": subset, "margin": 3.0, "rival": ""}
    pd.DataFrame(named).to_parquet("plasma.annotation.parquet")
    pd.DataFrame({"cell_id": ids, "umap_1": 0.0, "umap_2": 1.0}).to_parquet("plasma.integrated.parquet")
    files = ["plasma.annotation.parquet", "plasma.integrated.parquet", "S1.cells.h5ad", "S2.cells.h5ad"]
    for order in (files, [*files[:2], *files[:1:-1]]):
        result = CliRunner().invoke(subcluster.main, [*order, "--lineage", "plasma"])
        assert result.exit_code == 0, result.output
        markers = pd.read_csv("plasma.markers.tsv", sep="\t")
        first = markers[(markers["subset"] == "Plasma_2") & (markers["rank"] <= 5)]["gene"]
        assert set(first) == {f"G{i}" for i in range(5, 10)} and "CAR" not in set(markers["gene"])


def test_command_writes_an_empty_table_where_no_cell_has_a_subset(cells, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    ids = [f"S1:{i}" for i in range(300)]
    data = anndata.AnnData(cells[0], obs=pd.DataFrame(index=ids))
    data.write_h5ad("S1.cells.h5ad")
    named = {"cell_id": ids, "cell_type": "unassigned", "margin": 0.1, "rival": ""}
    pd.DataFrame(named).to_parquet("B.annotation.parquet")
    pd.DataFrame({"cell_id": ids, "umap_1": 0.0, "umap_2": 1.0}).to_parquet("B.integrated.parquet")
    files = ["B.annotation.parquet", "B.integrated.parquet", "S1.cells.h5ad"]
    result = CliRunner().invoke(subcluster.main, [*files, "--lineage", "B"])
    assert result.exit_code == 0, result.exception
    markers = pd.read_csv("B.markers.tsv", sep="\t")
    assert not len(markers) and list(markers)[:4] == ["lineage", "subset", "gene", "rank"]
    assert len(pd.read_parquet("B.subsets.parquet")) == 300


def test_command_writes_subsets_and_markers(cells, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    counts, _, subset = cells
    ids = [f"S1:{i}" for i in range(300)]
    data = anndata.AnnData(
        counts, obs=pd.DataFrame(index=ids), var=pd.DataFrame(index=[f"G{i}" for i in range(80)])
    )
    data.write_h5ad("S1.cells.h5ad", compression=hdf5plugin.FILTERS["zstd"])
    named = pd.DataFrame({"cell_id": ids, "cell_type": subset, "margin": 3.0, "rival": ""})
    named.loc[:9, "rival"] = "Plasma_3"
    named.to_parquet("plasma.annotation.parquet")
    pd.DataFrame({"cell_id": ids[::-1], "umap_1": 0.0, "umap_2": 1.0}).to_parquet("plasma.integrated.parquet")
    options = [
        "plasma.annotation.parquet",
        "plasma.integrated.parquet",
        "S1.cells.h5ad",
        "--lineage",
        "plasma",
    ]
    result = CliRunner().invoke(subcluster.main, options)
    assert result.exit_code == 0, result.output
    table = pd.read_parquet("plasma.subsets.parquet")
    assert (
        list(table) == ["cell_id", "lineage", "subset", "margin", "rival", "umap_1", "umap_2"]
        and (table["subset"] == subset).all()
    )
    assert set(pd.read_csv("plasma.markers.tsv", sep="\t")["subset"]) == set(subset)


ISG = [
    "IFIT1",
    "IFIT2",
    "IFIT3",
    "ISG15",
    "MX1",
    "MX2",
    "OAS1",
    "OAS3",
    "IFI44L",
    "IFI44",
    "IFI6",
    "RSAD2",
    "XAF1",
    "HERC5",
    "EPSTI1",
]
PROGRAMMES = {
    "CD56dim": ["FCGR3A", "FGFBP2", "CX3CR1", "PRF1", "SPON2", "GZMB", "S1PR5", "MYOM2"],
    "CD56bright": ["NCAM1", "SELL", "GZMK", "XCL1", "XCL2", "IL7R", "KLRC1", "CD44", "GPR183", "TCF7"],
    "CD56bright_ISG+": [
        "NCAM1",
        "SELL",
        "GZMK",
        "XCL1",
        "XCL2",
        "IL7R",
        "KLRC1",
        "CD44",
        "GPR183",
        "TCF7",
        *ISG,
    ],
}


@pytest.fixture(scope="module")
def programmes(project):
    """Markers, genes, expression of 60 cells of each programme, and their kind."""
    markers = annotate.read_markers(project / "assets" / "subsets.tsv")
    genes = sorted({g for sign in ("positive", "negative") for listed in markers[sign] for g in listed})
    rng = np.random.default_rng(1)
    kind = np.repeat(list(PROGRAMMES), 60)
    rate = np.full((180, len(genes)), 0.1)
    for name, own in PROGRAMMES.items():
        rate[np.ix_(kind == name, [genes.index(g) for g in own])] = 5
    return markers, genes, sp.csr_matrix(np.log1p(rng.poisson(rate)).astype(np.float32)), kind


def subsets(programmes, part, whole, cell_type="NK"):
    markers, genes, x, _ = programmes
    means = [marker_means.group_means(x, group) for group in (part, whole)]
    types = np.repeat(cell_type, len(part))
    return annotate.name_subsets(means, part, whole, genes, markers, types, 0.25, 0.1)


def test_programmes_name_subsets_and_combine(programmes):
    group = np.unique(programmes[-1], return_inverse=True)[1]
    assert list(subsets(programmes, group, group)["cell_type"]) == sorted(PROGRAMMES)
    assert set(subsets(programmes, group, group, "mast cell")["cell_type"]) == {"mast_cell"}


def test_a_part_is_called_like_its_cluster_unless_another_name_leads_clearly(programmes, monkeypatch):
    kind = programmes[-1]
    part = np.unique(kind, return_inverse=True)[1]
    whole = (kind != "CD56bright").astype(int)  # one cluster holds dim and ISG+ cells
    assert list(subsets(programmes, part, whole)["cell_type"]) == sorted(PROGRAMMES)
    monkeypatch.setattr(annotate, "PART_LEAD", 5)
    found = list(subsets(programmes, part, whole)["cell_type"])
    named = list(subsets(programmes, whole, whole)["cell_type"])
    assert found == [named[0], named[1], named[1]]


def test_tables_of_assets_fit_together(project):
    types = pd.read_csv(project / "assets" / "markers.tsv", sep="\t")
    subsets = pd.read_csv(project / "assets" / "subsets.tsv", sep="\t")
    lineages = pd.read_csv(project / "assets" / "lineages.tsv", sep="\t")
    assert types["cell_type"].is_unique and subsets["cell_type"].is_unique
    assert set(subsets["parent"]) <= set(types["cell_type"])
    assert set(lineages["lineage"]) <= set(types["lineage"])
    assert types["source"].notna().all() and subsets["source"].notna().all()
    for table in (types, subsets):
        for row in table.itertuples():
            assert not set(row.positive.split(",")) & set(str(row.negative).split(",")), row.cell_type
