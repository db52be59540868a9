"""ANNOTATE: marker evidence, margins, receptors, single cells; planted types and scanpy's annotated blood cells."""

import anndata
import annotate
import hdf5plugin
import lone_cells
import marker_means
import numpy as np
import pandas as pd
import pytest
import refine
import scipy.sparse as sp
from click.testing import CliRunner

TYPES = {"CD4 T": "CD3D CD3E CD3G TRAC CD2 CD5 CD6 IL7R CD4 CD40LG ICOS", "CD8 T": "CD3D CD3E CD3G TRAC CD2 CD5 CD8A CD8B",
         "naive B": "CD19 CD79A CD79B PAX5 CD22 CD74 MS4A1 IGHD FCER2 IL4R BANK1",
         "memory B": "CD19 CD79A CD79B PAX5 CD22 CD74 MS4A1 CD27 TNFRSF13B AIM2 COCH",
         "plasma cell": "MZB1 SDC1 JCHAIN XBP1 TNFRSF17 DERL3 PRDM1 IRF4 FKBP11 SSR4",
         "classical monocyte": "LYZ CST3 FCN1 AIF1 LST1 TYROBP FCER1G CD14 VCAN S100A8 S100A9 S100A12"}  # fmt: skip


@pytest.fixture(scope="module")
def markers(project):
    return annotate.read_markers(project / "assets" / "markers.tsv")


@pytest.fixture(scope="module")
def genes(markers):
    return sorted({g for sign in ("positive", "negative") for listed in markers[sign] for g in listed})


def blood(genes, kinds, n=60, seed=0, ambient=0.05):
    """Log-normalised expression (cells, genes) of the given types, every gene with a little ambient RNA."""
    rng = np.random.default_rng(seed)
    kind = np.repeat(kinds, n)
    rate = np.full((len(kind), len(genes)), ambient)
    for name in set(kinds):
        own = [genes.index(g) for g in TYPES[name].split() if g in genes]
        rate[np.ix_(kind == name, own)] = 6.0
    return sp.csr_matrix(np.log1p(rng.poisson(rate)).astype(np.float32)), kind


def name(x, group, genes, markers, receptors=None, sample=None):
    sample = np.repeat("S1", len(group)) if sample is None else sample
    means = marker_means.group_means(x, group)
    return annotate.name_groups(means, group, genes, markers, receptors or {}, sample, 0.25, 0.1)


def test_planted_types_are_named_with_their_evidence(genes, markers):
    x, kind = blood(genes, list(TYPES))
    group = np.unique(kind, return_inverse=True)[1]
    table = name(x, group, genes, markers)
    assert list(table["cell_type"]) == sorted(TYPES)
    assert (table["margin"] > 0.1).all() and (table["n_cells"] == 60).all()
    assert "CD8A" in table.loc[sorted(TYPES).index("CD8 T"), "evidence"]


def test_cells_of_one_type_alone_are_still_named(genes, markers):
    x, _ = blood(genes, ["CD8 T", "CD8 T"])
    table = name(x, np.repeat([0, 1], 60), genes, markers)
    assert list(table["lineage"]) == ["T", "T"] and set(table["cell_type"]) == {"CD8 T"}


def test_ambient_haemoglobin_makes_no_erythroid_cell(genes, markers):
    x, kind = blood(genes, ["CD4 T", "naive B"])
    x = x.tolil()
    for gene in ("HBB", "HBA1", "HBA2"):
        x[:, genes.index(gene)] = np.random.default_rng(1).poisson(2, x.shape[0])[:, None]
    table = name(x.tocsr(), np.unique(kind, return_inverse=True)[1], genes, markers)
    assert list(table["cell_type"]) == ["CD4 T", "naive B"]


def test_a_mixture_of_two_lineages_and_an_empty_group_stay_unassigned(genes, markers):
    x, kind = blood(genes, ["CD4 T", "naive B", "classical monocyte"])
    both = sp.csr_matrix(np.maximum(x[kind == "CD4 T"].toarray(), x[kind == "naive B"].toarray()))
    nothing = sp.csr_matrix(np.log1p(np.random.default_rng(2).poisson(0.05, (60, len(genes)))))
    x = sp.vstack([x, both, nothing]).tocsr()
    table = name(x, np.repeat(np.arange(5), 60), genes, markers)
    assert list(table["cell_type"][3:]) == ["unassigned", "unassigned"]
    assert list(table["lineage"][3:]) == ["unassigned", "unassigned"]


def test_receptors_speak_for_their_lineage_and_against_others(genes, markers):
    x, kind = blood(genes, ["naive B", "plasma cell", "classical monocyte"])
    group = np.unique(kind, return_inverse=True)[1]
    without = name(x, group, genes, markers)
    with_bcr = name(x, group, genes, markers, {"BCR": np.array([0.0, 1.0, 1.0])})
    assert with_bcr["score"][2] == pytest.approx(without["score"][2] + annotate.RECEPTOR_WEIGHT)
    assert with_bcr["score"][0] == pytest.approx(without["score"][0])


def test_a_kind_of_cells_without_a_receptor_is_ruled_out_where_cells_show_it(genes, markers):
    x, _ = blood(genes, ["CD8 T", "classical monocyte"])
    gamma_delta = [genes.index(gene) for gene in markers.loc["gamma-delta T", "positive"] if gene in genes]
    x = x.tolil()
    x[np.ix_(range(60), gamma_delta)], x[np.ix_(range(60), [genes.index(g) for g in ("CD8A", "CD8B")])] = (
        3.0,
        0,
    )
    group = np.repeat([0, 1], 60)
    tables = [name(x, group, genes, markers, {"TCR": np.array([share, 0.0])}) for share in (0.0, 1.0)]
    assert [table["winner"][0] == "gamma-delta T" for table in tables] == [True, False]
    for table in tables:
        assert table["lineage"][0] == "T" and table["cell_type"][1] == "classical monocyte"


def test_receptor_shares_count_only_samples_that_have_receptors(tmp_path):
    contigs = pd.DataFrame({"cell_id": ["S1:a", "S1:b", "S1:c"], "locus": ["IGH", "IGK", "IGH"],
                            "productive": [True, True, False]})  # fmt: skip
    contigs.to_parquet(tmp_path / "S1.contigs.parquet")
    cells = np.array(["S1:a", "S1:b", "S1:c", "S1:d", "S2:a", "S2:b"])
    sample, group = np.array(["S1"] * 4 + ["S2"] * 2), np.array([0, 0, 1, 1, 0, 1])
    shares = annotate.receptor_shares((tmp_path / "S1.contigs.parquet",), cells, sample, group)
    assert set(shares) == {"BCR"}
    np.testing.assert_allclose(shares["BCR"][0], [1, 0])


def test_blasts_need_their_share_of_a_sample():
    winner = np.array(["B lineage", "T cell"])
    sample = np.repeat(["S1", "S2"], 10)
    group = np.r_[np.zeros(8, int), np.ones(2, int), np.zeros(1, int), np.ones(9, int)]
    share = annotate.expansion(winner, group, sample)
    assert share[0] == pytest.approx((8 * 0.8 + 1 * 0.1) / 9)


def test_size_decides_between_blasts_and_their_precursors_but_not_against_mature_cells(markers):
    children = markers[markers["parent"] == "B lineage"]
    scores = pd.DataFrame(-0.5, index=range(4), columns=children.index)
    scores.loc[[0, 1, 2], "B precursor"] = 0.3
    scores.loc[3, "naive B"] = 0.3
    share = np.array([0.1, 0.3, 0.8, 0.8])
    evidence = annotate.size_evidence(scores, children, ["B-ALL blast"], share)
    assert evidence.tolist() == pytest.approx([-0.2, 0.2, 0.6, 0.2])


def test_few_blasts_beside_a_sample_full_of_them_are_not_claimed():
    lineage = np.array(["blast"] * 9 + ["T"] + ["blast"] + ["T"] * 9)
    sample = np.repeat(["before", "after"], 10)
    assert np.flatnonzero(refine.doubtful_blasts(lineage, sample)).tolist() == [10]
    assert not refine.doubtful_blasts(lineage[10:], sample[10:]).any()


def test_marker_table_without_a_column_is_told(tmp_path):
    (tmp_path / "mine.tsv").write_text("cell_type\tpositive\nT\tCD3D\n")
    with pytest.raises(Exception, match=r"mine.tsv: lacks the column parent"):
        annotate.read_markers(tmp_path / "mine.tsv")


def test_lineages_of_the_annotated_blood_cells_of_scanpy(genes, markers):
    import scanpy

    data = scanpy.datasets.pbmc68k_reduced()
    raw = data.raw.to_adata()
    x = np.zeros((raw.n_obs, len(genes)), np.float32)
    for i, gene in enumerate(genes):
        if gene in raw.var_names:
            x[:, i] = raw[:, gene].X.toarray().ravel()
    group = data.obs["louvain"].cat.codes.to_numpy()
    lineage = name(sp.csr_matrix(x), group, genes, markers)["lineage"].to_numpy()[group]
    truth = data.obs["bulk_labels"].map(
        lambda s: "B" if "B" in s.split("+ ")[-1] else "NK" if "NK" in s else "HSPC" if s == "CD34+"
        else "myeloid" if s in ("Dendritic", "CD14+ Monocyte") else "T")  # fmt: skip
    same = (lineage == truth) | ((truth == "B") & (lineage == "plasma"))
    assert same.mean() >= 0.8


def profiles(rng, n=(300, 300, 40), n_genes=200):
    label = np.repeat(["a", "b", "rare"], n)
    rate = np.full((len(label), n_genes), 0.5)
    for k, kind in enumerate(("a", "b", "rare")):
        rate[label == kind, 15 * k : 15 * k + 15] = 3
    return sp.csr_matrix(np.log1p(rng.poisson(rate)).astype(np.float32)), label.astype(object)


def one(label):
    """One parent and one sample for all cells."""
    return np.repeat("", len(label)), np.repeat("S1", len(label))


def test_a_label_that_a_sample_lacks_is_not_given_to_its_cells():
    x, truth = profiles(np.random.default_rng(4))
    given = truth.copy()
    given[:30] = "b"
    sample = np.where(np.arange(len(truth)) < 30, "late", "early")
    found, *_ = refine.refine(x, given, one(given)[0], sample)
    assert (found[:30] == "b").all() and (found[30:] == truth[30:]).mean() > 0.99


def test_cells_of_wrongly_named_parts_go_where_they_fit():
    x, truth = profiles(np.random.default_rng(0))
    given = truth.copy()
    given[:40], given[620:], given[300:320] = "b", "a", "unassigned"
    found, margin, rival = refine.refine(x, given, *one(given))
    assert (found == truth).mean() > 0.99
    assert np.nanmedian(margin) > 2
    assert set(rival) == {"a", "b", "rare"} and not (rival == found).any()


def test_a_mixture_of_two_labels_is_not_claimed_by_either():
    rng = np.random.default_rng(1)
    x, truth = profiles(rng)
    both = np.maximum(x[:30].toarray(), x[300:330].toarray())
    label = np.r_[truth, np.repeat("unassigned", 30).astype(object)]
    found, *_ = refine.refine(sp.vstack([x, sp.csr_matrix(both)]).tocsr(), label, *one(label))
    assert (found[-30:] == "unassigned").mean() > 0.8
    assert (found[:-30] == truth).mean() > 0.99


def test_cells_stay_within_their_parent():
    x, truth = profiles(np.random.default_rng(3))
    given = truth.copy()
    given[:30] = "b"
    parent = np.where(np.arange(len(truth)) < 30, "other", "same")
    found, *_ = refine.refine(x, given, parent, one(given)[1])
    assert (found[:30] == "b").all() and (found[30:] == truth[30:]).mean() > 0.99


@pytest.fixture
def named(tmp_path, monkeypatch):
    """What annotate.py and variable_genes.py leave for refine.py."""
    monkeypatch.chdir(tmp_path)
    x, truth = profiles(np.random.default_rng(2))
    ids = [f"S1:{i}" for i in range(len(truth))]
    parts = pd.DataFrame(
        {"cell_id": ids, "sample": "S1", "cluster": 0, "part": 0, "lineage": "T", "cell_type": truth}
    )
    parts.to_parquet("parts.parquet")
    parts[["cell_id"]].to_parquet("components.parquet")
    sp.save_npz("expression.npz", x)
    rows = pd.DataFrame({"cell_type": ["a", "b", "rare"], "parent": "", "lineage": ["T", "T", "B"]})
    rows.to_csv("markers.tsv", sep="\t")
    return ids


def refined(*options):
    arguments = [
        "parts.parquet",
        "components.parquet",
        "expression.npz",
        "--markers",
        "markers.tsv",
        *options,
    ]
    return CliRunner().invoke(refine.main, arguments)


def test_users_labels_replace_or_check(named, tmp_path):
    pd.DataFrame({"cell_id": named[:10], "label": "mine"}).to_csv("labels.tsv", sep="\t", index=False)
    assert refined("--labels", "labels.tsv").exit_code == 0
    assert "mine" not in set(pd.read_parquet("annotation.parquet")["cell_type"])
    agreement = pd.read_csv("label_agreement.tsv", sep="\t")
    assert agreement["n_cells"].sum() == 10 and not agreement["same"].any()
    assert refined("--labels", "labels.tsv", "--labels-use", "replace").exit_code == 0
    table = pd.read_parquet("annotation.parquet")
    assert set(table["cell_id"][table["cell_type"] == "mine"]) == set(named[:10])


def test_labels_of_other_cells_are_an_error(named):
    pd.DataFrame({"cell_id": ["X:1"], "label": "mine"}).to_csv("labels.tsv", sep="\t", index=False)
    result = refined("--labels", "labels.tsv")
    assert result.exit_code == 1 and "labels.tsv" in result.output and "<sample>:<barcode" in result.output


def test_margins_per_type_for_the_quality_page():
    table = pd.DataFrame({"cell_id": list("abcdef"), "sample": ["S1", "S1", "S2", "S2", "S2", "S2"], "part": [0, 0, 1, 1, 2, 2],
                          "cell_type": ["T", "T", "T", "B", "unassigned", "unassigned"], "margin": [1.0, 2, 3, 4, np.nan, np.nan],
                          "moved": [False, False, False, True, False, False]})  # fmt: skip
    evidence = pd.DataFrame({"part": [0, 1, 2], "margin": [0.5, 0.2, 0.05], "runner_up": ["NK", "B", "T"]})
    found = refine.margins(table, evidence)
    assert list(found.loc["T", ["cells", "samples", "parts", "least", "median", "log_odds", "moved"]]) == [
        3, 2, 2, 0.2, 0.5, 2, 0]  # fmt: skip
    assert found.loc["T", "runner_up"] == "NK"
    assert found.loc["B", "moved"] == 100 and found.loc["B", "parts"] == 0
    section = refine.multiqc(found)
    assert section["data"]["T"]["least"] == 0.2 and section["data"]["unassigned"]["runner_up"] == "T"
    assert "least" not in section["data"]["B"] and set(section["headers"]) == set(section["data"]["T"])


def test_lineages_with_enough_cells_go_on(named):
    pd.DataFrame({"lineage": ["T", "B", "NK"], "resolution": 1}).to_csv("lineages.tsv", sep="\t", index=False)
    assert refined("--lineages", "lineages.tsv", "--min-cells", "50").exit_code == 0
    found = pd.read_csv("lineages_found.tsv", sep="\t")
    assert list(found["lineage"]) == ["T"]
    assert found["n_cells"].tolist() == [(pd.read_parquet("annotation.parquet")["lineage"] == "T").sum()]


@pytest.fixture
def sample(tmp_path, monkeypatch, project, genes):
    """A matrix of the types, integrated.parquet with cells in reverse order, and the true type of every cell."""
    monkeypatch.chdir(tmp_path)
    x, kind = blood(genes, list(TYPES))
    cells = pd.DataFrame(index=[f"S1:{i}" for i in range(len(kind))])
    whole = sp.csr_matrix(np.rint(np.expm1(x.toarray())).astype(np.int32))
    data = anndata.AnnData(whole, obs=cells, var=pd.DataFrame(index=genes))
    data.write_h5ad("S1.cells.h5ad", compression=hdf5plugin.FILTERS["zstd"])
    part = np.unique(kind, return_inverse=True)[1]
    table = pd.DataFrame({"cell_id": cells.index[::-1], "sample": "S1", "cluster": 0, "part": part[::-1]})
    table.to_parquet("integrated.parquet")
    return pd.Series(kind, index=cells.index)


def command(main, *options):
    done = CliRunner().invoke(main, [str(option) for option in options])
    assert done.exit_code == 0, done.output


def test_commands_read_matrices_and_write_parts(sample, project):
    markers = project / "assets" / "markers.tsv"
    command(marker_means.main, "integrated.parquet", "S1.cells.h5ad", "--markers", markers)
    command(annotate.main, "groups.parquet", "marker_means.npz", "--markers", markers)
    parts = pd.read_parquet("parts.parquet").set_index("cell_id").loc[sample.index]
    assert (parts["cell_type"] == sample).all()
    columns = {"winner", "runner_up", "margin", "evidence", "against"}
    assert columns <= set(pd.read_csv("annotation.tsv", sep="\t"))


def test_single_cells_with_the_markers_of_another_type_are_named_and_doublets_are_not(genes, project):
    """Two plasma cells and two doublets in a part of T cells, and a plasma cell in a part of its own kind."""
    markers = pd.read_csv(project / "assets" / "markers.tsv", sep="\t", keep_default_na=False)
    markers = markers.set_index("cell_type").loc[["plasma cell", "NK"]]
    x, _ = blood(genes, ["CD4 T", "plasma cell"])
    doublets = x[60:62] + x[:2]
    x = sp.vstack([x[:60], x[62:64], doublets, x[64:]], format="csr")
    part = np.array([0] * 64 + [1] * (x.shape[0] - 64))
    mean = marker_means.group_means(x, part)[0]
    shares = lone_cells.own_markers(x, part, mean, markers, genes)["plasma cell"]
    assert list(np.flatnonzero(shares >= lone_cells.SHARE)) == [60, 61]


def test_a_lone_cell_is_of_its_own_type_and_marked_as_moved(sample, project):
    """One cell of plasma cells among monocytes keeps its name to the end; the others are named by their part."""
    markers = project / "assets" / "markers.tsv"
    table = pd.read_parquet("integrated.parquet")
    types = sample[table["cell_id"]].to_numpy()
    kept = [*np.flatnonzero(types != "plasma cell"), np.argmax(types == "plasma cell")]
    table, types = table.iloc[kept].reset_index(drop=True), types[kept]
    table.loc[len(table) - 1, "part"] = table.loc[types == "classical monocyte", "part"].iloc[0]
    table.to_parquet("integrated.parquet")
    command(marker_means.main, "integrated.parquet", "S1.cells.h5ad", "--markers", markers)
    command(annotate.main, "groups.parquet", "marker_means.npz", "--markers", markers)
    part_type = pd.read_parquet("parts.parquet")["cell_type"]
    command(
        lone_cells.main, "parts.parquet", "marker_means.npz", "marker_expression.npz", "--markers", markers
    )
    parts = pd.read_parquet("parts.parquet")
    assert part_type.iloc[-1] == "classical monocyte" and list(parts["part_type"]) == list(part_type)
    assert (parts["cell_type"] == types).all() and parts["lineage"].iloc[-1] == "plasma"
    pd.DataFrame({"cell_id": parts["cell_id"]}).to_parquet("components.parquet")
    sp.save_npz("expression.npz", sp.load_npz("marker_expression.npz"))
    command(refine.main, "parts.parquet", "components.parquet", "expression.npz", "--markers", markers)
    table = pd.read_parquet("annotation.parquet")
    assert list(table.loc[table["moved"], "cell_type"]) == ["plasma cell"]
    assert table["lineage"].iloc[-1] == "plasma" and "part_type" not in table


def test_clusters_are_divided_by_type_or_not_at_all(sample, project):
    sample.rename("cell_type").rename_axis("cell_id").reset_index().to_parquet("annotation.parquet")
    options = ["--markers", project / "assets" / "subsets.tsv", "--annotation", "annotation.parquet"]
    command(marker_means.main, "integrated.parquet", "S1.cells.h5ad", *options)
    groups = pd.read_parquet("groups.parquet")
    assert groups["whole"].nunique() == groups["parent"].nunique() == len(TYPES)
    command(marker_means.main, "integrated.parquet", "S1.cells.h5ad", *options, "--undivided")
    assert (pd.read_parquet("groups.parquet")[["part", "whole"]] == 0).all(axis=None)


def test_genes_are_found_whatever_blanks_stand_around_them(tmp_path):
    row = "cell_type\tparent\tlineage\treceptor\tpositive\tnegative\nNK\t\tNK\t\tNKG7, GNLY ,, prf1\tCD3D, \n"
    (tmp_path / "own.tsv").write_text(row)
    assert marker_means.marker_genes(tmp_path / "own.tsv") == ["CD3D", "GNLY", "NKG7", "PRF1"]
    table = annotate.read_markers(tmp_path / "own.tsv")
    assert table.loc["NK", "positive"] == ["NKG7", "GNLY", "PRF1"] and table.loc["NK", "negative"] == ["CD3D"]
