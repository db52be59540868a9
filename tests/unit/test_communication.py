"""COMMUNICATION: scores equal LIANA's; watched pairs are told below the thresholds too."""

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
    import scanpy

    return scanpy.datasets.pbmc68k_reduced()


def by_liana(cells, pairs):
    """LIANA's own table."""
    import liana

    given = {"groupby": "bulk_labels", "use_raw": True, "n_perms": 2, "resource": pairs, "seed": 1337}
    return liana.mt.rank_aggregate(cells, inplace=False, **given)


@pytest.mark.parametrize("resource", ["consensus", "cellchatdb"])
def test_equals_liana(blood, resource, monkeypatch):
    """All scores to 1e-6; scaled_weight where LIANA scales in double precision, and to 2e-6 as it is."""
    import liana
    import scanpy

    pairs = liana.rs.select_resource(resource).drop_duplicates().reset_index(drop=True)
    theirs = by_liana(blood, pairs)
    matrix = csr_matrix(blood.raw.X)
    seen = np.flatnonzero(matrix.getnnz(axis=0))
    labels = blood.obs["bulk_labels"].cat
    ours = communication.score(
        matrix[:, seen],
        blood.raw.var_names[seen],
        labels.codes.to_numpy().astype(int),
        list(labels.categories),
        pairs,
        matrix[:, seen].mean(),
        0.1,
        2,
        1337,
        np.zeros(len(pairs), bool),
    )
    both = theirs.merge(ours.astype(dict.fromkeys(KEYS, str)), on=KEYS, suffixes=("", "_ours"))
    assert len(both) == len(theirs) == len(ours)
    names = (*communication.MAGNITUDES, *communication.SPECIFICITIES, "specificity_rank", "magnitude_rank")
    for name in names:
        most = 2e-6 if name == "scaled_weight" else 1e-6
        assert np.abs(both[f"{name}_ours"] - both[name]).max() < most, name
    scale = scanpy.pp.scale
    monkeypatch.setattr(
        scanpy.pp, "scale", lambda cells, copy: type("Scaled", (), {"X": scale(cells.X.toarray().astype(float))})
    )
    exact = by_liana(blood, pairs).merge(ours.astype(dict.fromkeys(KEYS, str)), on=KEYS, suffixes=("", "_ours"))
    assert np.abs(exact["scaled_weight_ours"] - exact["scaled_weight"]).max() < 1e-6


def test_each_magnitude_ranked_once_puts_strong_pairs_first():
    """Where all magnitudes agree, the consensus follows them; LIANA's magnitude_rank does not."""
    rng = np.random.default_rng(0)
    strength = np.sort(rng.random(200))[::-1]
    names = (*communication.MAGNITUDES, *communication.SPECIFICITIES)
    table = communication.consensus(pd.DataFrame({name: strength for name in names}))
    assert table["consensus_rank"].is_monotonic_increasing
    assert not table["magnitude_rank"].is_monotonic_increasing


def test_robust_rank_of_one_method_is_the_relative_rank():
    np.testing.assert_allclose(communication.robust_rank(np.array([[1.0], [2.0], [4.0]])), [0.25, 0.5, 1.0])


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    profiles = levels({
        "nonclassical_monocyte": {"TNFSF13": 30, "TNFSF13B": 30},
        "Plasma_1": {"TNFRSF17": 40, "ICAM1": 30},
        "CD8_ISG+": {"ITGB2": 40},
    })  # fmt: skip
    sizes = {"CD8_ISG+": 60, "CD8_memory": 60, "nonclassical_monocyte": 40, "Plasma_1": 50, "erythroid": 6}
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
    assert hidden["ligand_share"].between(0, 0.3).all() and hidden["lr_means"].notna().all()
    assert (table.loc[~table["kept"], "watch"] != "").all()
    assert (table.loc[table["kept"], ["ligand_share", "receptor_share"]].min(axis=None)) >= 0.3


def test_same_seed_same_table(run):
    pd.testing.assert_frame_equal(scored(), scored())


def test_fewest_cells(run):
    assert set(scored("--min-cells", 60)["source"]) == {"CD8_ISG+", "CD8_memory"}


def test_only_small_groups_give_an_empty_table(run):
    table = scored("--min-cells", 99)
    assert table.empty


def test_a_sample_without_labels_gives_empty_tables(run):
    labels = pd.read_parquet("labels.parquet").assign(cell_type="unassigned", subset="unassigned")
    labels.to_parquet("labels.parquet")
    assert scored().empty
    given = ("--scores", "S.communication.parquet", "--patient", "P1", *PAIRS, *WATCH)
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
