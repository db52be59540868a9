"""COMMUNICATION_CHANGE: intervals cover the planted difference, null data make no calls, planted changes get their words."""

import _group_levels

import communication
import communication_cells
import communication_change as change
import numpy as np
import pandas as pd
import pytest
from helpers.signals_data import ASSETS, invoke, levels, write_run
from scipy.sparse import csr_matrix

LINEAGES = ("--lineages", ASSETS / "lineages.tsv")
PAIRS = ("--interactions", ASSETS / "interactions.tsv")
WATCH = ("--watch-list", ASSETS / "watch_list.tsv")
SETTINGS = {"min_cells": 10, "min_share": 0.1, "min_fold": 1.4, "max_fdr": 0.05}
N_GENES = 300


def population(rng, mean: np.ndarray, cells: int):
    """Cells of one group with overdispersed counts per 10,000 (a depth of 4,000), as the steps store them: log1p."""
    counts = rng.poisson(0.4 * mean * rng.gamma(1.5, 1 / 1.5, (cells, mean.size)))
    return csr_matrix(np.log1p(counts / 0.4).astype(np.float32))


def time_point(rng, means: list[np.ndarray], sizes: list[int], draws: int = 200):
    """A TimePoint of two groups; each gene is its own complex, on both sides."""
    import anndata
    from scipy.sparse import vstack

    matrix = vstack([population(rng, mean, n) for mean, n in zip(means, sizes, strict=True)]).tocsr()
    groups = ["sender", "receiver"]
    cells = anndata.AnnData(
        matrix, obs=pd.DataFrame({"group": np.repeat(groups, sizes)}, index=map(str, range(sum(sizes))))
    )
    units = (np.arange(N_GENES)[:, None],) * 2
    return _group_levels.TimePoint(cells, dict(zip(groups, sizes, strict=True)), groups, units, 10, draws, rng)


def compared(rng, before, after, sizes):
    """Result for pairs gene i of the sender - gene i of the receiver, and the true difference of strength."""
    points = [time_point(rng, means, sizes) for means in (before, after)]
    at = np.arange(N_GENES)
    rows = {"source": np.zeros(N_GENES, int), "target": np.ones(N_GENES, int), "ligand": at, "receptor": at, "row": at}
    truth = [np.sqrt(np.log1p(means[0]) * np.log1p(means[1])) for means in (before, after)]
    return change.compare(*points, rows, SETTINGS), truth[1] - truth[0]


@pytest.mark.parametrize("sizes", [[10, 10], [15, 20], [60, 40], [400, 150]])
def test_intervals_cover_the_planted_difference(sizes):
    rng = np.random.default_rng(5)
    hits = []
    for _ in range(8):
        before = [rng.lognormal(0.5, 1, N_GENES) for _ in range(2)]
        after = [mean * rng.lognormal(0, 0.4, N_GENES) for mean in before]
        found, truth = compared(rng, before, after, sizes)
        seen = ~np.isin(found["class"], ["absent", "not tested"])
        hits.append(((found["strength_low"] <= truth) & (truth <= found["strength_high"]))[seen])
    assert 0.92 <= np.concatenate(hits).mean() <= 0.97


def test_null_data_make_no_excess_of_calls():
    rng = np.random.default_rng(6)
    called, moved, tested = 0, 0, 0
    for _ in range(8):
        means = [rng.lognormal(0.5, 1, N_GENES) for _ in range(2)]
        found, _ = compared(rng, means, means, [80, 60])
        tested += (~np.isin(found["class"], ["absent", "not tested"])).sum()
        called += np.isin(found["strength_class"], ["gained", "lost", "strengthened", "weakened"]).sum()
        moved += np.isin(found["class"], ["gained", "lost", "strengthened", "weakened"]).sum()
    assert tested > 1500 and called / tested < 0.005 and moved / tested < 0.005


def test_resampled_means_have_the_standard_error_of_the_mean():
    rng = np.random.default_rng(7)
    block = population(rng, rng.lognormal(0.5, 1, 100), 12)
    means = _group_levels.resampled_means(block, 4000, rng)
    expected = block.toarray().std(axis=0, ddof=1) / np.sqrt(12)
    np.testing.assert_allclose(means.std(axis=0, ddof=1), expected, rtol=0.06, atol=1e-6)
    np.testing.assert_allclose(means.mean(axis=0), np.asarray(block.mean(axis=0)).ravel(), atol=4 * expected.max() / 60)


@pytest.mark.parametrize(
    "was, now, move, word",
    [(0, 1, 1, "gained"), (1, 0, -1, "lost"), (1, 1, 1, "strengthened"), (1, 1, -1, "weakened"), (1, 1, 0, "kept"),
     (0, 1, 0, "unclear"), (1, 0, 0, "unclear"), (0, 1, -1, "unclear"), (0, 0, 1, "absent")],
)  # fmt: skip
def test_words(was, now, move, word):
    ask = [np.array([value], dtype=bool) for value in (True, was, now)]
    assert change.classes(*ask, np.array([move]))[0] == word
    assert change.classes(~ask[0], *ask[1:], np.array([move]))[0] == "not tested"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """T1 to T2: APRIL appears, ICAM1 rises, CXCR4 goes, HGF stays; CD8_ISG+ cells triple; erythroid cells are too few."""
    monkeypatch.chdir(tmp_path)
    before = levels({"CD8_ISG+": {"ITGB2": 20, "CXCL12": 20, "HGF": 20},
                     "Plasma_1": {"TNFRSF17": 30, "ICAM1": 1, "CXCR4": 30, "MET": 20}, "CD8_memory": {"HGF": 20}})  # fmt: skip
    after = levels({"nonclassical_monocyte": {"TNFSF13": 30}, "CD8_ISG+": {"ITGB2": 20, "CXCL12": 20, "HGF": 20},
                    "Plasma_1": {"TNFRSF17": 30, "ICAM1": 30, "CXCR4": 0.1, "MET": 20}, "CD8_memory": {"HGF": 20}})  # fmt: skip
    small = {"CD8_ISG+": 60, "CD8_memory": 200, "nonclassical_monocyte": 60, "Plasma_1": 80, "erythroid": 4}
    large = {**small, "CD8_ISG+": 220}
    write_run(tmp_path, [("A", "P1", "T1", -10, small, before), ("B", "P1", "T2", 30, large, after)])
    for sample in "AB":
        cells = (f"{sample}.cells.h5ad", "--sample", sample, "--labels", "labels.parquet")
        assert invoke(communication_cells, *cells, *LINEAGES, *PAIRS).exit_code == 0
        drawn = (f"{sample}.communication_cells.h5ad", *PAIRS, *WATCH, "--permutations", 5)
        assert invoke(communication, *drawn).exit_code == 0
    return tmp_path


def changed(*more, samples="AB"):
    cells = [f"{sample}.communication_cells.h5ad" for sample in samples]
    scores = [word for sample in samples for word in ("--scores", f"{sample}.communication.parquet")]
    result = invoke(
        change,
        *cells,
        *scores,
        "--patient",
        "P1",
        "--labels",
        "labels.parquet",
        *PAIRS,
        *WATCH,
        *LINEAGES,
        "--draws",
        200,
        *more,
    )
    assert result.exit_code == 0, result.output
    names = dict.fromkeys(["source", "target", "ligand", "receptor"], str)
    return pd.read_parquet("P1.communication_change.parquet").astype(names)


def row(table, source, pair, target="Plasma_1"):
    ligand, receptor = pair.split("-")
    found = table[(table["source"] == source) & (table["target"] == target) & (table["ligand"] == ligand)]
    return found[found["receptor"] == receptor].iloc[0]


def test_planted_changes_get_their_words(run):
    table = changed(samples="BA")
    april = row(table, "nonclassical_monocyte", "TNFSF13-TNFRSF17")
    assert (april["class"], april["watch"], april["from"], april["to"]) == ("gained", "APRIL-BCMA", "T1", "T2")
    assert april["strength_low"] > 0 and april["strength_low"] < april["strength_difference"] < april["strength_high"]
    assert row(table, "CD8_ISG+", "ITGB2-ICAM1")["strength_class"] == "strengthened"
    assert row(table, "CD8_ISG+", "CXCL12-CXCR4")["strength_class"] == "lost"
    same = row(table, "CD8_memory", "HGF-MET")
    assert same["strength_class"] == "kept" and same["strength_low"] < 0 < same["strength_high"]


def test_more_senders_strengthen_the_supply_but_not_the_pair(run):
    table = changed()
    sent = row(table, "CD8_ISG+", "HGF-MET")
    assert (sent["class"], sent["strength_class"]) == ("strengthened", "kept") and sent["supply_low"] > 0
    assert sent["driver"] == "number of senders"
    rest = row(table, "CD8_memory", "HGF-MET")
    assert rest["class"] != "strengthened" and (rest["driver"] != "") == (rest["class"] in change.CHANGED)


@pytest.mark.parametrize(
    "strength, supply, number, word",
    [(0, 1, 1, "number of senders"), (1, 1, 0, "strength per cell"), (1, 1, 1, "number and strength"), (0, -1, -1, "number of senders"),
     (-1, 1, 1, "number of senders"), (0, 1, 0, "number and strength"), (1, 0, -1, ""), (0, 0, 0, "")],
)  # fmt: skip
def test_what_a_change_of_supply_comes_from(strength, supply, number, word):
    assert change.drivers(*(np.array([move]) for move in (strength, supply, number)))[0] == word


def test_too_few_cells_are_not_tested(run):
    table = changed()
    assert not (table["source"] == "erythroid").any()
    few = changed("--min-cells", 100)
    monocyte = few[few["source"] == "nonclassical_monocyte"]
    assert monocyte.empty or (monocyte["class"] == "not tested").all()


def test_focus_by_lineage_cell_type_or_group(run):
    assert set(changed().query("focus")["target"]) == {"Plasma_1"}
    assert set(changed("--focus", "CD8 T,Plasma_1").query("focus")["target"]) == {"CD8_ISG+", "CD8_memory", "Plasma_1"}
    pairs = pd.read_csv(run / "P1.communication_pairs.tsv", sep="\t")
    assert pairs["focus"].tolist() == pairs["target"].isin(["CD8_ISG+", "CD8_memory", "Plasma_1"]).tolist()
    assert pairs["day"].unique().tolist() == [-10, 30]


def test_one_time_point_gives_an_empty_table(run):
    assert changed(samples="A").empty


def test_a_sample_of_another_tissue_is_listed_and_not_compared(run):
    """B is blood: A alone is the marrow, and with a third sample the steps are those of the marrow."""
    whole = changed()
    labels = pd.read_parquet("labels.parquet")
    try:
        labels.assign(tissue=labels["sample"].map({"A": "bone marrow", "B": "blood"})).to_parquet("labels.parquet")
        assert changed().empty
        listed = pd.read_csv("P1.communication_pairs.tsv", sep="\t")
        assert set(listed["sample"]) == {"A", "B"}
    finally:
        labels.to_parquet("labels.parquet")
    pd.testing.assert_frame_equal(changed(), whole)


def test_same_seed_same_table(run):
    pd.testing.assert_frame_equal(changed(), changed())


def test_a_sample_of_another_patient_is_told(run):
    pd.read_parquet("labels.parquet").assign(patient="P2").to_parquet("P2.labels.parquet")
    given = (
        "--scores",
        "A.communication.parquet",
        "--patient",
        "P2",
        "--labels",
        "P2.labels.parquet",
        *PAIRS,
        *WATCH,
        *LINEAGES,
    )
    result = invoke(change, "A.communication_cells.h5ad", *given)
    assert result.exit_code == 1 and "A is a sample of P1" in result.output


def test_pairs_carry_the_batch_and_those_that_appear_or_vanish_the_depth():
    cells = pd.DataFrame(
        {"timepoint": np.repeat(["A", "B"], 20), "cell_type": "T", "n_umi": np.repeat([1000, 3000], 20)}
    )
    cells = cells.assign(batch=cells["timepoint"], chemistry="", software="", reference="usual")
    table = pd.DataFrame({"from": "A", "to": "B", "class": ["kept", "gained", "strengthened", "lost"]})
    assert change.step_cautions(table, cells).tolist() == ["batch", "batch; depth", "batch", "batch; depth"]
    alike = cells.assign(batch="B1", n_umi=2000)
    assert set(change.step_cautions(table, alike)) == {""}
