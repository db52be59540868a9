"""SIGNATURE_CHANGE: intervals cover, ranks name the planted subset, tests need three patients."""

import json
from pathlib import Path

from _guards import PROCESSING

import numpy as np
import pandas as pd
import pytest
import signature_change as change
import signatures
from helpers.signals_data import ASSETS, invoke, levels, write_run


def write_scores(folder, patients, shift, seed=0, n=60):
    """Scores of two subsets at two times per patient; `raised` grows by `shift` from T1 to T2 in CD8_ISG+ cells."""
    rng = np.random.default_rng(seed)
    files, labels = [], []
    for patient in range(patients):
        for time, day in (("T1", 0), ("T2", 90)):
            sample = f"P{patient}_{time}"
            subsets = np.repeat(["CD8_ISG+", "CD8_memory"], n)
            cells = pd.DataFrame(
                {"cell_id": [f"{sample}:C{at}" for at in range(2 * n)], "flat": rng.normal(0, 1, 2 * n)}
            )
            cells["isg_score"] = rng.normal(0.4, 0.1, 2 * n)
            cells["raised"] = rng.normal(0, 1, 2 * n) + (subsets == "CD8_ISG+") * (2 + shift * (time == "T2"))
            cells.to_parquet(folder / f"{sample}.signatures.parquet", index=False)
            of_sample = {
                "sample": sample,
                "patient": f"P{patient}",
                "timepoint": time,
                "day": day,
                "tissue": "",
                "sort": "",
            }
            of_sample |= dict.fromkeys(PROCESSING, "") | {"n_umi": 3000}
            labels.append(cells[["cell_id"]].assign(**of_sample, lineage="T", cell_type="CD8 T", subset=subsets))
            files.append(f"{sample}.signatures.parquet")
    pd.concat(labels).to_parquet(folder / "labels.parquet", index=False)
    return files


def run(folder, monkeypatch, patients, shift=0.8, **more):
    monkeypatch.chdir(folder)
    files = write_scores(folder, patients, shift, **more)
    result = invoke(change, *files, "--labels", "labels.parquet", "--draws", 200)
    assert result.exit_code == 0, result.output
    names = ("signature_change", "signature_ranks", "signature_tests")
    return [pd.read_csv(f"{name}.tsv", sep="\t") for name in names], json.loads(open("signature_change.json").read())


def test_effect_of_a_planted_shift(tmp_path, monkeypatch):
    (effects, _, tests), facts = run(tmp_path, monkeypatch, 1)
    row = effects[(effects["label"] == "CD8_ISG+") & (effects["signature"] == "raised")].iloc[0]
    assert row["difference_low"] < 0.8 < row["difference_high"] and row["difference_low"] > 0
    assert row["effect_low"] < 0.8 < row["effect_high"]
    flat = effects[(effects["label"] == "CD8_memory") & (effects["signature"] == "flat")].iloc[0]
    assert flat["difference_low"] < 0 < flat["difference_high"]
    assert tests.empty and "no p value" in facts["basis"] and "p" not in effects.columns


def test_times_are_compared_within_one_tissue_and_sort(tmp_path, monkeypatch):
    """Four patients; of each a blood sample at T2 that would hide the change, and of one the main series is blood."""
    (alone, _, _), _ = run(tmp_path, monkeypatch, 4)
    labels = pd.read_parquet("labels.parquet").assign(tissue="marrow")
    files = sorted(str(path.name) for path in tmp_path.glob("*.signatures.parquet"))
    more = labels[labels["timepoint"] == "T1"].assign(
        sample=lambda rows: rows["patient"] + "_B2", timepoint="T2", day=90
    )
    more = more.assign(tissue="blood", cell_id=more["cell_id"] + "b")
    for sample, old in ((f"P{number}_B2", f"P{number}_T1") for number in range(4)):
        scores = pd.read_parquet(f"{old}.signatures.parquet")
        scores.assign(cell_id=scores["cell_id"] + "b").to_parquet(f"{sample}.signatures.parquet", index=False)
        files.append(f"{sample}.signatures.parquet")
    pd.concat([labels, more]).to_parquet("labels.parquet", index=False)
    assert invoke(change, *files, "--labels", "labels.parquet", "--draws", 200).exit_code == 0
    again = pd.read_csv("signature_change.tsv", sep="\t")
    assert set(again["tissue"]) == {"marrow"}
    pd.testing.assert_frame_equal(again.drop(columns=["tissue", "sort"]), alone.drop(columns=["tissue", "sort"]))
    assert set(pd.read_csv("signatures.tsv", sep="\t")["sample"]) >= {"P0_B2", "P0_T2"}
    # A patient of whom blood was sampled both times is no fourth replicate of the marrow.
    swapped = pd.read_parquet("labels.parquet")
    swapped.loc[swapped["sample"].isin(["P3_T1", "P3_T2"]), "tissue"] = "blood"
    swapped[swapped["sample"] != "P3_B2"].to_parquet("labels.parquet", index=False)
    assert invoke(change, *files, "--labels", "labels.parquet", "--draws", 200).exit_code == 0
    tests = pd.read_csv("signature_tests.tsv", sep="\t")
    assert set(tests["tissue"]) == {"marrow"} and set(tests["patients"]) == {3}


def test_ranks_name_the_first_and_its_lead(tmp_path, monkeypatch):
    (_, ranks, _), _ = run(tmp_path, monkeypatch, 1)
    first = ranks[(ranks["signature"] == "raised") & (ranks["timepoint"] == "T2")].iloc[0]
    assert (first["label"], first["rank"], first["share_first"]) == ("CD8_ISG+", 1, 1)
    assert first["lead_low"] < 2.8 < first["lead_high"]


def test_patients_are_the_replicates(tmp_path, monkeypatch):
    from scipy.stats import ttest_rel

    (effects, _, tests), facts = run(tmp_path, monkeypatch, 4)
    rows = effects[(effects["label"] == "CD8_ISG+") & (effects["signature"] == "raised")]
    test = tests[(tests["label"] == "CD8_ISG+") & (tests["signature"] == "raised")].iloc[0]
    expected = ttest_rel(rows["mean_to"], rows["mean_from"])
    assert test["patients"] == 4 and test["p"] == pytest.approx(expected.pvalue, rel=0.01)
    assert test["low"] < 0.8 < test["high"] and "tested over patients" in facts["basis"] and facts["patients"] == 4


def test_two_patients_are_too_few(tmp_path, monkeypatch):
    (_, _, tests), facts = run(tmp_path, monkeypatch, 2)
    assert tests.empty and facts["basis"].startswith("2 patients:")


def test_intervals_cover(tmp_path):
    rng = np.random.default_rng(3)
    covered = []
    for n in (12, 30, 100):
        for _ in range(10):
            scores = [rng.gamma(1.5, 1, (n, 60)) + shift for shift in (0, 0.3)]
            groups = [change.Group(part, "T", "all", 200, rng) for part in scores]
            found = change.with_interval("d", groups[1].mean - groups[0].mean, groups[1].means - groups[0].means, n)
            covered.append((found["d_low"] <= 0.3) & (found["d_high"] >= 0.3))
    assert 0.92 <= np.concatenate(covered).mean() <= 0.97


def test_hedges_g_of_known_groups():
    g = change.hedges_g(np.array([2.0]), (np.array([4.0]), np.array([4.0])), (10, 10))
    assert g[0] == pytest.approx(1 - 3 / 71)


def test_one_time_point_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_scores(tmp_path, 1, 0.5)
    result = invoke(change, "P0_T1.signatures.parquet", "--labels", "labels.parquet", "--draws", 50)
    assert result.exit_code == 0, result.output
    assert "nothing is compared" in json.loads(Path("signature_change.json").read_text())["basis"]
    assert (
        pd.read_csv("signature_change.tsv", sep="\t").empty and len(pd.read_csv("signature_ranks.tsv", sep="\t")) == 6
    )


def test_a_signature_that_a_sample_lacks_is_summarised_but_not_compared(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = write_scores(tmp_path, 1, 0.5)
    pd.read_parquet(files[0]).drop(columns="flat").to_parquet(files[0], index=False)
    result = invoke(change, *files, "--labels", "labels.parquet", "--draws", 50)
    assert result.exit_code == 0, result.output
    summary = pd.read_csv("signatures.tsv", sep="\t")
    assert set(summary.loc[summary["signature"] == "flat", "sample"]) == {"P0_T2"}
    assert set(pd.read_csv("signature_change.tsv", sep="\t")["signature"]) == {"isg_score", "raised"}


def test_same_seed_same_tables(tmp_path, monkeypatch):
    first, _ = run(tmp_path, monkeypatch, 1)
    second, _ = run(tmp_path, monkeypatch, 1)
    for one, two in zip(first, second, strict=True):
        pd.testing.assert_frame_equal(one, two)


def test_cells_without_a_name_give_empty_tables(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files = write_scores(tmp_path, 1, 0.5)
    labels = pd.read_parquet("labels.parquet").assign(lineage="unassigned", cell_type="unassigned", subset="unassigned")
    labels.to_parquet("labels.parquet")
    result = invoke(change, *files, "--labels", "labels.parquet", "--draws", 50)
    assert result.exit_code == 0, result.output
    assert pd.read_csv("signature_change.tsv", sep="\t").empty and pd.read_csv("signature_ranks.tsv", sep="\t").empty


def interferon(folder, depths, raised):
    """Differences of the ISG score of CD8 T cells between two times of these depths, interferon raised at T2 or not."""
    sizes = {"CD8_memory": 150, "Plasma_1": 60}
    genes = dict.fromkeys(
        ("IFIT1", "IFIT2", "IFIT3", "ISG15", "MX1", "IFI6", "IFI44L", "OAS1"), 30.0 if raised else 2.0
    )
    rows = [("A", "P", "T1", 0, sizes, levels()), ("B", "P", "T2", 90, sizes, levels({"CD8_memory": genes}))]
    write_run(folder, rows, depths=depths)
    (folder / "own.gmt").write_text("ADHESION\tours\tITGB2\tITGAL\tICAM1\tCXCR4\tCD28\n")
    sets = ("--isg", ASSETS / "isg_core.tsv", "--gene-sets", "own.gmt")
    for sample in "AB":
        assert invoke(signatures, f"{sample}.cells.h5ad", "--sample", sample, *sets).exit_code == 0
    counts = [word for sample in "AB" for word in ("--counts", f"{sample}.cells.h5ad")]
    given = (
        "A.signatures.parquet",
        "B.signatures.parquet",
        "--labels",
        "labels.parquet",
        "--draws",
        200,
        *counts,
        *sets,
    )
    done = invoke(change, *given)
    assert done.exit_code == 0, done.output
    table = pd.read_csv("signature_change.tsv", sep="\t", keep_default_na=False, na_values={"depth_ratio": [""]})
    return table[(table["signature"] == "isg_score") & (table["label"] == "CD8_memory")].iloc[0]


@pytest.mark.parametrize(("raised", "held"), [(False, "no"), (True, "yes")])
def test_a_score_that_rose_with_the_depth_does_not_hold_when_thinned_and_one_that_rose_with_interferon_does(
    tmp_path, monkeypatch, raised, held
):
    """A threefold depth shows more of the weak genes in each cell; a mean of logarithms takes that for expression."""
    monkeypatch.chdir(tmp_path)
    row = interferon(tmp_path, {"B": 3.0}, raised)
    assert row["caution"] == "depth" and row["depth_ratio"] == pytest.approx(3, rel=0.15)
    assert row["difference_low"] > 0 and row["holds"] == held
    if not raised:
        assert abs(float(row["thinned_difference"])) < 0.1 * row["difference"]


def test_nothing_is_scored_again_where_depths_are_alike(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(change, "at_equal_depth", None)
    row = interferon(tmp_path, {"B": 1.5}, True)
    assert (row["caution"], row["holds"], row["thinned_difference"]) == ("", "", "")


def test_a_difference_that_is_not_shown_says_which_would_have_been(tmp_path, monkeypatch):
    """Of 200 draws of a score that does not change, differences of the size given are shown in 95 %."""
    (effects, _, _), _ = run(tmp_path, monkeypatch, 1)
    flat = effects[(effects["label"] == "CD8_memory") & (effects["signature"] == "flat")].iloc[0]
    rng, shown = np.random.default_rng(1), 0
    for _ in range(200):
        one, other = rng.normal(0, 1, 60), rng.normal(flat["detectable_difference"], 1, 60)
        error = np.sqrt((one.var(ddof=1) + other.var(ddof=1)) / 60)
        shown += (other.mean() - one.mean()) / error > 2
    assert 180 <= shown <= 198 and effects.loc[effects["difference_low"] > 0, "detectable_difference"].isna().all()
