"""COMPOSITION: intervals equal to statsmodels', the label table, and changes."""

import json
from pathlib import Path

from _guards import PROCESSING
from _shares import wilson

import composition
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

COLOURS = Path(__file__).resolve().parents[2] / "assets" / "colours.tsv"


def sheet(patients=1, times=("T1", "T2")):
    rows = [(f"P{p}_{t}", f"P{p}", t, 30 * i) for p in range(patients) for i, t in enumerate(times)]
    return pd.DataFrame(rows, columns=["sample", "patient", "timepoint", "day"])


def labels(samples, n=100, rare=0):
    """n cells per sample: half T (all CD4), the rest plasma; `rare` erythroid cells in the first sample only."""
    rows = []
    for i, sample in enumerate(samples["sample"]):
        kinds = ["T"] * (n // 2) + ["plasma"] * (n - n // 2) + ["erythroid"] * (rare if i == 0 else 0)
        rows += [(f"{sample}:{j}", sample, 0, kind, f"{kind} cell") for j, kind in enumerate(kinds)]
    return pd.DataFrame(rows, columns=["cell_id", "sample", "cluster", "lineage", "cell_type"])


def test_bounds_are_wilsons_zero_has_its_upper_bound_and_without_cells_any_share_is_possible():
    from statsmodels.stats.proportion import proportion_confint

    n, total = [5, 0, 20, 0], [20, 20, 20, 0]
    low, high = composition.bounds(pd.DataFrame({"n_min": n, "n_max": n, "total": total, "n_named": total}))
    assert (low[0], high[0]) == pytest.approx(proportion_confint(5, 20, method="wilson"))
    assert low[1] == 0 and high[1] == pytest.approx(1 - 0.05 ** (1 / 20))
    assert high[2] == pytest.approx(1) and low[2] < 1
    assert (low[3], high[3]) == (0, 1)


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def invoke(table, samples, *subsets, umis=2000, **processing):
        """umis: of each cell; processing: batch, chemistry, software or reference of each sample."""
        samples.to_csv("samples.tsv", sep="\t", index=False)
        made = dict.fromkeys(PROCESSING, "") | processing
        samples[["sample"]].assign(libraries="BCR TCR", **made).to_csv("qc.tsv", sep="\t", index=False)
        table[["cell_id"]].assign(n_umi=umis).to_parquet("all.qc.parquet")
        table.to_parquet("annotation.parquet")
        table[["cell_id"]].assign(umap_1=0.0, umap_2=0.0).iloc[::-1].to_parquet("integrated.parquet")
        for i, subset in enumerate(subsets):
            subset.to_parquet(f"{i}.subsets.parquet")
        files = [f"{i}.subsets.parquet" for i in range(len(subsets))]
        options = ["annotation.parquet", "integrated.parquet", *files, "--samples", "samples.tsv", "--status", "qc.tsv"]
        options += ["--metrics", "all.qc.parquet"]
        return CliRunner().invoke(composition.main, [*options, "--colours", str(COLOURS)])

    return invoke


def test_label_table_and_shares(run):
    samples = sheet()
    table = labels(samples, rare=3)
    plasma = table[table["lineage"] == "plasma"]
    subsets = pd.DataFrame({"cell_id": plasma["cell_id"], "subset": np.resize(["Plasma_1", "Plasma_2"], len(plasma))})
    result = run(table, samples, subsets)
    assert result.exit_code == 0, result.output
    joined = pd.read_parquet("labels.parquet")
    assert list(joined)[:12] == [
        "cell_id",
        "sample",
        "patient",
        "timepoint",
        "day",
        "tissue",
        "sort",
        "libraries",
        "lineage",
        "cell_type",
        "subset",
        "cluster",
    ]
    assert set(joined["subset"]) == {"Plasma_1", "Plasma_2", "T_cell", "erythroid_cell"}
    counted = pd.read_csv("composition.tsv", sep="\t").set_index(["sample", "level", "label"])
    t = counted.loc[("P0_T2", "lineage", "T")]
    assert (t["n"], t["total"], t["share"]) == (50, 100, 0.5) and t["low"] < 0.5 < t["high"]
    one = counted.loc[("P0_T2", "subset", "Plasma_1")]
    assert (one["n"], one["total"], one["parent"]) == (25, 50, "plasma")
    gone = counted.loc[("P0_T2", "lineage", "erythroid")]
    assert gone["n"] == 0 and gone["high"] > 0
    for _, level in counted.query("level != 'subset'").groupby(["sample", "level"]):
        assert level["n"].sum() == level["total"].iloc[0] and level["share"].sum() == pytest.approx(1)
    section = json.loads(Path("composition_mqc.json").read_text())
    assert section["data"]["P0_T1"] == {"T cell": 50, "erythroid cell": 3, "plasma cell": 50}
    colours = pd.read_csv(COLOURS, sep="\t").set_index(["level", "label"])["colour"]
    assert section["categories"]["plasma cell"]["color"] == colours["cell_type", "plasma cell"]
    assert section["categories"]["T cell"]["color"] == colours["cell_type", "unassigned"]  # a name of a user's own


def test_doubtful_and_nameless_cells_widen_the_interval_to_where_they_may_belong(run):
    samples = sheet(times=("T1",))
    table = labels(samples).assign(margin=5.0, rival="T cell")
    plasma = table.index[table["lineage"] == "plasma"]
    table.loc[plasma[:10], "margin"] = 1.0
    table.loc[plasma[-8:], ["lineage", "cell_type", "rival"]] = "unassigned", "unassigned", ""
    subsets = pd.DataFrame(
        {"cell_id": table.loc[plasma[:-8], "cell_id"], "subset": "Plasma_1", "margin": 9.0, "rival": "Plasma_2"}
    )
    subsets.loc[subsets.index[20:], ["subset", "rival"]] = "Plasma_2", "Plasma_1"
    subsets.loc[subsets.index[30:], "margin"] = -0.3
    assert run(table, samples, subsets).exit_code == 0
    counted = pd.read_csv("composition.tsv", sep="\t").set_index("label")
    certain = ["n", "n_min", "n_max", "n_named"]
    assert list(counted.loc["plasma cell", certain]) == [42, 32, 42, 92]
    assert list(counted.loc["T cell", certain]) == [50, 50, 60, 92]
    assert list(counted.loc["T", certain]) == [50, 50, 60, 92]
    assert list(counted.query("level == 'cell_type'").loc["unassigned", certain]) == [8, 8, 8, 100]
    assert list(counted.loc["Plasma_1", certain]) == [20, 20, 32, 42]
    assert list(counted.loc["Plasma_2", certain]) == [22, 10, 22, 42]
    bounds = float(wilson(32, 100)[1]), float(wilson(42, 92)[2])
    assert tuple(counted.loc["plasma cell", ["low", "high"]]) == pytest.approx(bounds, abs=1e-5)


def test_changes_are_between_consecutive_time_points(run):
    samples = sheet(times=("T1", "T2", "T3"))
    table = labels(samples)
    table.loc[(table["sample"] == "P0_T3") & (table["lineage"] == "T"), ["lineage", "cell_type"]] = "plasma"
    assert run(table, samples).exit_code == 0
    moved = pd.read_csv("composition_change.tsv", sep="\t").query("level == 'lineage' and label == 'T'")
    assert list(moved["from"] + moved["to"]) == ["T1T2", "T2T3"]
    assert moved["change"].iloc[0] == 0 and moved["change_low"].iloc[0] < 0 < moved["change_high"].iloc[0]
    assert moved["change"].iloc[1] == -0.5 and moved["change_high"].iloc[1] < 0


def test_changes_are_within_one_tissue_and_sort_and_a_product_is_no_time_point(run):
    """Marrow at T1 and T3, blood at T2, a CD3 sort at T3 and the product of day 0; blood and product again."""
    rows = [
        ("a", "T1", -20, "bone marrow", ""), ("ip", "T0", 0, "CAR-T product", ""), ("b", "T2", 28, "blood", ""),
        ("c", "T3", 90, "bone marrow", ""), ("s", "T3", 90, "bone marrow", "CD3+"), ("d", "T4", 120, "blood", ""),
        ("ip2", "T4", 120, "CAR-T product", ""),
    ]  # fmt: skip
    samples = pd.DataFrame(rows, columns=["sample", "timepoint", "day", "tissue", "sort"]).assign(patient="P")
    assert run(labels(samples), samples).exit_code == 0
    moved = pd.read_csv("composition_change.tsv", sep="\t", keep_default_na=False).query(
        "level == 'lineage' and label == 'T'"
    )
    assert moved[["tissue", "sort", "from", "to"]].to_numpy().tolist() == [
        ["blood", "", "T2", "T4"], ["bone marrow", "", "T1", "T3"]
    ]  # fmt: skip
    counted = pd.read_csv("composition.tsv", sep="\t", keep_default_na=False).drop_duplicates("sample")
    assert counted[["sample", "tissue", "sort"]].to_numpy().tolist() == [[row[0], *row[3:]] for row in rows]
    kept = pd.read_parquet("labels.parquet").drop_duplicates("sample").astype(str).set_index("sample")
    assert kept.loc["s", ["timepoint", "tissue", "sort"]].tolist() == ["T3", "bone marrow", "CD3+"]


def changed(level: str, label: str) -> pd.Series:
    table = pd.read_csv("composition_change.tsv", sep="\t", keep_default_na=False, na_values={"thinned_change": [""]})
    return table[(table["level"] == level) & (table["label"] == label)].iloc[0]


def test_a_change_carries_that_batch_changed_with_it_and_is_silent_where_a_batch_holds_both_times(run):
    table, samples = labels(sheet()), sheet()
    assert run(table, samples, batch=["B1", "B2"], chemistry=["5p", "5p"]).exit_code == 0
    assert changed("lineage", "T")["caution"] == "batch"
    for known in (["B1", "B1"], ["", "B2"]):
        assert run(table, samples, batch=known).exit_code == 0
        assert changed("lineage", "T")["caution"] == "", known


def test_a_change_that_the_depth_made_does_not_hold_at_equal_depth(run):
    """Of the first time's cells, at a third of the depth, those that were small are lost: plasma cells seem to be more."""
    samples, rng = sheet(), np.random.default_rng(0)
    table = labels(samples, n=1000)
    umis = rng.lognormal(np.log(np.where(table["lineage"] == "T", 2500, 9000)), 0.4)
    first = (table["sample"] == "P0_T1").to_numpy()
    assert run(table, samples, umis=np.where(first, umis / 1.5, umis)).exit_code == 0
    assert changed("lineage", "T")["caution"] == "", "less than twofold"
    umis = np.where(first, umis / 3, umis)
    kept = umis > 1000
    assert run(table[kept], samples, umis=umis[kept]).exit_code == 0
    row = changed("lineage", "plasma")
    assert row["caution"] == "depth" and row["depth_ratio"] == pytest.approx(3, rel=0.1)
    assert row["change_high"] < 0 and abs(row["thinned_change"]) < 0.05 < -row["change"] and row["holds"] == "no"
    gone = (
        table["lineage"].eq("plasma") & ~first & (table.index % 4 > 0)
    )  # three quarters of the plasma cells are gone at T2
    assert run(table[kept & ~gone], samples, umis=umis[kept & ~gone]).exit_code == 0
    assert changed("lineage", "plasma")[["caution", "holds"]].tolist() == ["depth", "yes"]


def test_a_change_of_a_name_that_may_be_another_says_so(run):
    samples = sheet()
    table = labels(samples).assign(margin=5.0, rival="T cell")
    plasma = table.index[table["lineage"] == "plasma"]
    for doubtful, caution in ((8, ""), (40, "names")):
        table.loc[plasma[:doubtful], "margin"] = 1.0
        assert run(table, samples).exit_code == 0
        assert changed("cell_type", "plasma cell")["caution"] == caution
        assert changed("cell_type", "T cell")["caution"] == ""


def test_foreign_samples_are_named(run):
    samples = sheet()
    table = labels(samples)
    result = run(table, samples.iloc[:1])
    assert result.exit_code == 1 and "P0_T2" in result.output


def test_every_patient_has_its_own_labels_and_no_word_of_others(run):
    samples = sheet(patients=2)
    table = labels(samples, rare=3)  # erythroid cells in the first patient only
    assert run(table, samples).exit_code == 0
    whole = pd.read_parquet("labels.parquet")
    apart = [pd.read_parquet(f"{patient}.labels.parquet") for patient in ("P0", "P1")]
    pd.testing.assert_frame_equal(
        pd.concat(apart).astype({"day": int}).reset_index(drop=True).astype(str), whole.astype(str)
    )
    assert list(apart[0].dtypes.map(str)) == list(whole.dtypes.map(str))
    assert [set(table["cell_type"].cat.categories) for table in apart] == [
        {"T cell", "plasma cell", "erythroid cell"}, {"T cell", "plasma cell"},
    ]  # fmt: skip
    before = Path("P1.labels.parquet").read_bytes()
    other = table[table["sample"] != "P0_T2"]
    assert run(other, samples[samples["sample"] != "P0_T2"]).exit_code == 0
    assert Path("P1.labels.parquet").read_bytes() == before
