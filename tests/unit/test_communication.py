"""COMMUNICATION: LIANA scores the pairs that are expressed; watched pairs are told below the thresholds too."""

import communication
import communication_cells
import communication_change
import numpy as np
import pandas as pd
import pytest
from helpers.signals_data import ASSETS, invoke, levels, write_run
from scipy.sparse import csr_matrix

KEYS = ["source", "target", "ligand_complex", "receptor_complex"]
LINEAGES = ("--lineages", ASSETS / "lineages.tsv")
PAIRS = ("--interactions", ASSETS / "interactions.tsv")
WATCH = ("--watch-list", ASSETS / "watch_list.tsv")


@pytest.fixture(scope="module")
def blood():
    """586 blood cells in 5 groups, log-normalised (scanpy's own), as COMMUNICATION_CELLS writes cells."""
    import anndata
    import scanpy

    cells = scanpy.datasets.pbmc68k_reduced()
    cells = cells[cells.obs["bulk_labels"].isin(cells.obs["bulk_labels"].value_counts().index[:5])].copy()
    obs = pd.DataFrame({"group": cells.obs["bulk_labels"].cat.remove_unused_categories()})
    blood = anndata.AnnData(csr_matrix(cells.raw.X), obs=obs, var=pd.DataFrame(index=cells.raw.var_names))
    return blood[:, blood.X.getnnz(axis=0) > 0].copy()


@pytest.fixture(scope="module")
def all_pairs(blood):
    """LIANA's table of all pairs that it knows, and those pairs."""
    import liana

    pairs = liana.rs.select_resource("consensus").drop_duplicates().reset_index(drop=True)
    given = {"groupby": "group", "use_raw": False, "n_perms": 20, "resource": pairs, "seed": 7, "min_cells": 1}
    return liana.mt.rank_aggregate(blood, inplace=False, verbose=False, **given), pairs


def test_the_pairs_that_liana_is_given_get_the_scores_that_they_have_among_all(blood, all_pairs):
    theirs, pairs = all_pairs
    table = communication.score(blood, pairs, np.full(len(pairs), ""), blood.X.mean(), 0.1, 20, 7)
    both = theirs.merge(table.astype(dict.fromkeys(KEYS, str)), on=KEYS, suffixes=("", "_ours"), validate="1:1")
    assert len(both) == len(theirs) == len(table) and table["kept"].all()
    for name in communication.SCORES:
        most = 1e-6 if name == "lrscore" else 0  # whose mean LIANA sums in single precision
        assert np.abs(both[f"{name}_ours"] - both[name]).max() <= most, name
    assert np.abs(both["ligand_mean"] + both["receptor_mean"] - 2 * both["lr_means"]).max() < 1e-5


def test_liana_still_ranks_the_products_twice(all_pairs):
    """Where this fails, LIANA has mended it: its magnitude_rank is consensus_rank, and `consensus` can go."""
    table = communication.consensus(all_pairs[0].copy())
    theirs, ours = (table[name].corr(-table["expr_prod"], "spearman") for name in ("magnitude_rank", "consensus_rank"))
    assert theirs < 0.8 and ours > 0.95


def test_each_magnitude_ranked_once_puts_strong_pairs_first():
    strength = np.sort(np.random.default_rng(0).random(200))[::-1]
    table = communication.consensus(
        pd.DataFrame(dict.fromkeys(communication.MAGNITUDES, strength)).assign(specificity_rank=1 - strength)
    )
    assert table["consensus_rank"].is_monotonic_increasing and table["joint_rank"].is_monotonic_increasing


def test_robust_rank_of_one_method_is_the_relative_rank():
    np.testing.assert_allclose(communication.robust_rank(np.array([[1.0], [2.0], [4.0]])), [0.25, 0.5, 1.0])


def two_groups(**genes):
    """Ten cells, five of each group `a` and `b`; a gene's two values are those of the cells of a and of b."""
    import anndata

    obs = pd.DataFrame({"group": pd.Categorical(["a", "b"] * 5)}, index=[f"C{number}" for number in range(10)])
    matrix = csr_matrix(np.array([genes[name] * 5 for name in genes], dtype=np.float32).T)
    return anndata.AnnData(matrix, obs=obs, var=pd.DataFrame(index=list(genes)))


def test_values_of_a_pair_by_hand():
    cells = two_groups(LIGAND=[1.0, 0.0], FIRST=[0.0, 0.5], SECOND=[2.0, 2.0])
    pairs = pd.DataFrame({"ligand": ["LIGAND", "LIGAND", "X"], "receptor": ["FIRST_SECOND", "SECOND", "FIRST"]})
    table = communication.score(cells, pairs, np.array(["", "", ""]), 0.25, 0.1, 5, 0)
    rows = table.astype(dict.fromkeys(KEYS, str)).set_index(KEYS)
    assert sorted(rows.index) == [
        ("a", "a", "LIGAND", "SECOND"),
        ("a", "b", "LIGAND", "FIRST_SECOND"),
        ("a", "b", "LIGAND", "SECOND"),
    ]
    row = rows.loc[("a", "b", "LIGAND", "FIRST_SECOND")]  # the complex is as strong as FIRST
    assert row[["ligand_mean", "receptor_mean", "lr_means", "expr_prod"]].tolist() == [1.0, 0.5, 0.75, 0.5]
    assert row["lrscore"] == pytest.approx(0.5**0.5 / (0.5**0.5 + 0.25))
    assert row["spec_weight"] == pytest.approx(1.0) and row["ligand_share"] == row["receptor_share"] == 1
    # log2 folds of a mean of e - 1 and of e^0.5 - 1 against none
    assert row["lr_logfc"] == pytest.approx((np.log2(np.e) + np.log2(np.e**0.5)) / 2)


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    profiles = levels({
        "nonclassical_monocyte": {"TNFSF13": 30, "TNFSF13B": 30},
        "Plasma_1": {"TNFRSF17": 40, "ICAM1": 30},
        "CD8_ISG+": {"ITGB2": 40},
    })  # fmt: skip
    sizes = {"CD8_ISG+": 61, "CD8_memory": 60, "nonclassical_monocyte": 40, "Plasma_1": 50, "erythroid": 6}
    write_run(tmp_path, [("S", "P1", "T1", 0, sizes, profiles)])
    return tmp_path


def scored(*more):
    drawn = ("S.cells.h5ad", "--sample", "S", "--labels", "labels.parquet", *LINEAGES, *PAIRS)
    assert invoke(communication_cells, *drawn).exit_code == 0
    result = invoke(communication, "S.communication_cells.h5ad", *PAIRS, *WATCH, "--permutations", 20, *more)
    assert result.exit_code == 0, result.output
    return pd.read_parquet("S.communication.parquet")


def test_planted_pairs_come_first(run):
    table = scored()
    first = table.head(8).astype(dict.fromkeys(KEYS, str))
    told = set(
        first["source"] + " " + first["ligand_complex"] + "-" + first["receptor_complex"] + " " + first["target"]
    )
    assert {"nonclassical_monocyte TNFSF13-TNFRSF17 Plasma_1", "CD8_ISG+ ITGB2-ICAM1 Plasma_1"} <= told
    assert set(table["source"]) == {"CD8_ISG+", "CD8_memory", "nonclassical_monocyte", "Plasma_1"}, (
        "erythroid cells are too few"
    )


def test_a_watched_pair_is_told_below_the_share(run):
    table = scored("--min-share", 0.3)
    hidden = table[(table["source"] == "Plasma_1") & (table["target"] == "CD8_memory") & (table["watch"] == "HGF-MET")]
    assert len(hidden) == 1 and not hidden["kept"].any() and hidden["consensus_rank"].isna().all()
    assert hidden["ligand_share"].between(0, 0.3).all() and hidden["ligand_mean"].notna().all()
    assert table.loc[~table["kept"], communication.SCORES].isna().all(axis=None)
    assert table.loc[table["kept"], communication.SCORES].notna().all(axis=None)
    assert (table.loc[~table["kept"], "watch"] != "").all()
    assert (table.loc[table["kept"], ["ligand_share", "receptor_share"]].min(axis=None)) >= 0.3


def test_same_seed_same_table(run):
    pd.testing.assert_frame_equal(scored(), scored())


def test_fewest_cells(run):
    assert set(scored("--min-cells", 60)["source"]) == {"CD8_ISG+", "CD8_memory"}


def test_only_small_groups_or_one_group_give_an_empty_table(run):
    full = scored()
    for fewest in (99, 61):
        table = scored("--min-cells", fewest)
        assert table.empty and list(table) == list(full)
    assert scored("--min-share", 1.0)["kept"].sum() < 3


def test_a_sample_without_labels_gives_empty_tables(run):
    labels = pd.read_parquet("labels.parquet").assign(cell_type="unassigned", subset="unassigned")
    labels.to_parquet("labels.parquet")
    assert scored().empty
    given = ("--scores", "S.communication.parquet", "--patient", "P1", "--labels", "labels.parquet", *PAIRS, *WATCH)
    given += (*LINEAGES, "--focus", "plasma")
    result = invoke(communication_change, "S.communication_cells.h5ad", *given)
    assert result.exit_code == 0, result.output
    assert "no cell is of the focus 'plasma'; groups are: none" in result.output
    assert pd.read_parquet("P1.communication_change.parquet").empty
    assert pd.read_csv("P1.communication_pairs.tsv", sep="\t").empty


def test_missing_column_is_named(run, tmp_path):
    scored()
    (tmp_path / "bad.tsv").write_text("ligand\ttarget\nA\tB\n")
    result = invoke(communication, "S.communication_cells.h5ad", "--interactions", "bad.tsv", *WATCH)
    assert result.exit_code == 1 and "bad.tsv: no column receptor" in result.output
