"""Names of groups of cells: marker evidence, margins, receptors; planted types and scanpy's annotated blood cells."""

import _naming
from _errors import InputError

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from helpers.planted_cells import GENES, MARKERS, TYPES, blood


def name(x, group, receptors=None, sample=None):
    sample = np.repeat("S1", len(group)) if sample is None else sample
    return _naming.name_groups(_naming.group_means(x, group), group, GENES, MARKERS, receptors or {}, sample)


def test_planted_types_are_named_with_their_evidence():
    x, kind = blood(list(TYPES))
    group = np.unique(kind, return_inverse=True)[1]
    table = name(x, group)
    assert list(table["cell_type"]) == sorted(TYPES)
    assert (table["margin"] > 0.1).all() and (table["n_cells"] == 60).all()
    assert "CD8A" in table.loc[sorted(TYPES).index("CD8 T"), "evidence"]


def test_cells_of_one_type_alone_are_still_named():
    x, _ = blood(["CD8 T", "CD8 T"])
    table = name(x, np.repeat([0, 1], 60))
    assert list(table["lineage"]) == ["T", "T"] and set(table["cell_type"]) == {"CD8 T"}


def test_ambient_haemoglobin_makes_no_erythroid_cell():
    x, kind = blood(["CD4 T", "naive B"])
    x = x.tolil()
    for gene in ("HBB", "HBA1", "HBA2"):
        x[:, GENES.index(gene)] = np.random.default_rng(1).poisson(2, x.shape[0])[:, None]
    table = name(x.tocsr(), np.unique(kind, return_inverse=True)[1])
    assert list(table["cell_type"]) == ["CD4 T", "naive B"]


def test_a_mixture_of_two_lineages_and_an_empty_group_stay_unassigned():
    x, kind = blood(["CD4 T", "naive B", "classical monocyte"])
    both = sp.csr_matrix(np.maximum(x[kind == "CD4 T"].toarray(), x[kind == "naive B"].toarray()))
    nothing = sp.csr_matrix(np.log1p(np.random.default_rng(2).poisson(0.05, (60, len(GENES)))))
    x = sp.vstack([x, both, nothing]).tocsr()
    table = name(x, np.repeat(np.arange(5), 60))
    assert list(table["cell_type"][3:]) == ["unassigned", "unassigned"]
    assert list(table["lineage"][3:]) == ["unassigned", "unassigned"]


def test_receptors_speak_for_their_lineage_and_against_others():
    x, kind = blood(["naive B", "plasma cell", "classical monocyte"])
    group = np.unique(kind, return_inverse=True)[1]
    without = name(x, group)
    with_bcr = name(x, group, {"BCR": np.array([0.0, 1.0, 1.0])})
    assert with_bcr["score"][2] == pytest.approx(without["score"][2] + _naming.RECEPTOR_WEIGHT)
    assert with_bcr["score"][0] == pytest.approx(without["score"][0])


def test_a_kind_of_cells_without_a_receptor_is_ruled_out_where_cells_show_it():
    x, _ = blood(["CD8 T", "classical monocyte"])
    gamma_delta = [GENES.index(gene) for gene in MARKERS.loc["gamma-delta T", "positive"] if gene in GENES]
    x = x.tolil()
    x[np.ix_(range(60), gamma_delta)], x[np.ix_(range(60), [GENES.index(g) for g in ("CD8A", "CD8B")])] = (3.0, 0)
    group = np.repeat([0, 1], 60)
    tables = [name(x, group, {"TCR": np.array([share, 0.0])}) for share in (0.0, 1.0)]
    assert [table["winner"][0] == "gamma-delta T" for table in tables] == [True, False]
    for table in tables:
        assert table["lineage"][0] == "T" and table["cell_type"][1] == "classical monocyte"


def test_receptor_shares_count_only_samples_that_have_receptors(tmp_path):
    contigs = pd.DataFrame({"cell_id": ["S1:a", "S1:b", "S1:c"], "locus": ["IGH", "IGK", "IGH"],
                            "productive": [True, True, False]})  # fmt: skip
    contigs.to_parquet(tmp_path / "S1.contigs.parquet")
    cells = np.array(["S1:a", "S1:b", "S1:c", "S1:d", "S2:a", "S2:b"])
    sample, group = np.array(["S1"] * 4 + ["S2"] * 2), np.array([0, 0, 1, 1, 0, 1])
    shares = _naming.receptor_shares((tmp_path / "S1.contigs.parquet",), cells, sample, group)
    assert set(shares) == {"BCR"}
    np.testing.assert_allclose(shares["BCR"][0], [1, 0])


def test_blasts_need_their_share_of_a_sample():
    winner = np.array(["B lineage", "T cell"])
    sample = np.repeat(["S1", "S2"], 10)
    group = np.r_[np.zeros(8, int), np.ones(2, int), np.zeros(1, int), np.ones(9, int)]
    share = _naming.expansion(winner, group, sample)
    assert share[0] == pytest.approx((8 * 0.8 + 1 * 0.1) / 9)


def test_size_decides_between_blasts_and_their_precursors_but_not_against_mature_cells():
    children = MARKERS[MARKERS["parent"] == "B lineage"]
    scores = pd.DataFrame(-0.5, index=range(4), columns=children.index)
    scores.loc[[0, 1, 2], "B precursor"] = 0.3
    scores.loc[3, "naive B"] = 0.3
    share = np.array([0.1, 0.3, 0.8, 0.8])
    evidence = _naming.size_evidence(scores, children, ["B-ALL blast"], share)
    assert evidence.tolist() == pytest.approx([-0.2, 0.2, 0.6, 0.2])


def test_marker_table_without_a_column_is_told(tmp_path):
    (tmp_path / "mine.tsv").write_text("cell_type\tpositive\nT\tCD3D\n")
    with pytest.raises(InputError, match=r"mine.tsv: no column parent"):
        _naming.read_markers(tmp_path / "mine.tsv")


def test_lineages_of_the_annotated_blood_cells_of_scanpy():
    import scanpy

    data = scanpy.datasets.pbmc68k_reduced()
    raw = data.raw.to_adata()
    x = np.zeros((raw.n_obs, len(GENES)), np.float32)
    for i, gene in enumerate(GENES):
        if gene in raw.var_names:
            x[:, i] = raw[:, gene].X.toarray().ravel()
    group = data.obs["louvain"].cat.codes.to_numpy()
    lineage = name(sp.csr_matrix(x), group)["lineage"].to_numpy()[group]
    truth = data.obs["bulk_labels"].map(
        lambda s: "B" if "B" in s.split("+ ")[-1] else "NK" if "NK" in s else "HSPC" if s == "CD34+"
        else "myeloid" if s in ("Dendritic", "CD14+ Monocyte") else "T")  # fmt: skip
    same = (lineage == truth) | ((truth == "B") & (lineage == "plasma"))
    assert same.mean() >= 0.8


def test_genes_are_found_whatever_blanks_stand_around_them(tmp_path):
    row = "cell_type\tparent\tlineage\treceptor\tpositive\tnegative\nNK\t\tNK\t\tNKG7, GNLY ,, prf1\tCD3D, \n"
    (tmp_path / "own.tsv").write_text(row)
    table = _naming.read_markers(tmp_path / "own.tsv")
    assert _naming.marker_genes(table) == ["CD3D", "GNLY", "NKG7", "PRF1"]
    assert table.loc["NK", "positive"] == ["NKG7", "GNLY", "PRF1"] and table.loc["NK", "negative"] == ["CD3D"]


def test_tables_of_assets_fit_together(project):
    types = pd.read_csv(project / "assets" / "markers.tsv", sep="\t")
    subsets = pd.read_csv(project / "assets" / "subsets.tsv", sep="\t")
    lineages = pd.read_csv(project / "assets" / "lineages.tsv", sep="\t")
    assert types["cell_type"].is_unique and subsets["cell_type"].is_unique
    assert set(subsets["parent"]) <= set(types["cell_type"])
    assert set(lineages["lineage"]) - {"unassigned"} == set(types["lineage"])
    assert types["source"].notna().all() and subsets["source"].notna().all()
    for table in (types, subsets):
        for row in table.itertuples():
            assert not set(row.positive.split(",")) & set(str(row.negative).split(",")), row.cell_type
