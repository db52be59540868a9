"""CNV: mixtures, what counts as an event, sub-clones, the planted patient, and real samples without a tumour."""

import arm_events
import arm_profile
import arms
import cnv
import hdf5plugin
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from tumour_room import MASKED, POSITIONS, PROJECT, run_steps


def cells_of(levels, rng, expected=80.0, halves=(0.5, 0.5), baseline="polyclonal plasma cell"):
    """Cells whose arm `1q` is expressed at given levels (per half: two columns), counted with `expected` counts."""
    levels = np.asarray(levels, float)
    levels = levels if levels.ndim == 2 else np.column_stack([levels, levels])
    parts = [rng.poisson(levels[:, i] * expected * halves[i]) for i in (0, 1)]
    table = pd.DataFrame({"1q": sum(parts) / expected, "1q:half": parts[0] / (expected * halves[0])})
    table["1q:expected"], table["1q:half_expected"] = expected, expected * halves[0]
    return table.assign(baseline=baseline, group="g", normal=False)


def mixed(n, share, level, rng):
    """Levels of n cells of which a share is altered."""
    return np.where(rng.random(n) < share, level, 1.0)


def judged(cells, event="gain", shift=None):
    return arm_events.judge_arm(cells, "1q", event, 1e-4, shift or {}, ["1q"] * 39, 0.05)


@pytest.mark.parametrize(("event", "level"), [("gain", 1.5), ("loss", 0.5)])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_the_share_of_altered_cells_is_found_with_its_interval(event, level, share):
    rng = np.random.default_rng(3)
    row = judged(cells_of(mixed(1500, share, level, rng), rng), event)
    assert row["verdict"] == "detected"
    assert row["share"] == pytest.approx(share, abs=0.05)
    assert row["low"] <= share <= row["high"]
    assert row["replicated"] == pytest.approx(1, abs=0.25)


def test_intervals_cover_the_truth():
    rng = np.random.default_rng(4)
    covered = 0
    for _ in range(40):
        levels = mixed(150, 0.3, 1.5, rng)
        value, expected = arm_events.signal(cells_of(levels, rng), "1q")
        fit = {"centre": 1.0, "expression": 1.5, "spread": 1.0}
        row = arm_events.interval(arm_events.share_curve(*arm_events.densities(value, expected, 1e-4, fit)))
        covered += row["low"] <= 0.3 <= row["high"]
    assert covered >= 34


def test_noise_alone_is_no_event():
    rng = np.random.default_rng(5)
    found = [judged(cells_of(np.ones(600), rng), event) for _ in range(20) for event in ("gain", "loss")]
    assert {row["verdict"] for row in found} == {"not detected"}
    assert max(row["high"] for row in found) < 0.06
    assert all(row["share"] == 0 and row["n"] == 0 for row in found)


def test_wide_noise_is_no_event():
    rng = np.random.default_rng(6)
    found = [judged(cells_of(rng.lognormal(0, 0.15, 800), rng), event) for event in ("gain", "loss")]
    assert "detected" not in {row["verdict"] for row in found}


def test_genes_of_one_state_move_half_an_arm_and_are_not_copy_number():
    rng = np.random.default_rng(7)
    high = mixed(1500, 0.3, 2.4, rng)
    row = judged(cells_of(np.column_stack([high, np.ones(1500)]), rng))
    assert row["verdict"] == "cell state"
    assert row["replicated"] < 0.3


def test_two_kinds_of_cells_under_one_label_are_not_copy_number():
    rng = np.random.default_rng(13)
    kind = rng.random(1500) < 0.3
    parts = {}
    for number in range(12):
        level = 1.5 if number == 0 else float(np.exp(rng.normal(0, 0.25)))
        part = cells_of(np.where(kind, level, 1.0), rng)
        name = "1q" if number == 0 else f"{number}p"
        parts |= {column.replace("1q", name): values for column, values in part.items()}
    arms = ["1q", *(f"{number}p" for number in range(1, 12))]
    cells = pd.DataFrame(parts)
    row = arm_events.judge_arm(cells, "1q", "gain", 1e-4, {}, arms, 0.05)
    assert row["verdict"] == "cell state"
    assert row["replicated"] > 0.8
    assert row["elsewhere"] > 0.125
    for name in arms[1:]:
        quiet = cells_of(np.ones(1500), rng)
        cells[[name, f"{name}:expected"]] = quiet[["1q", "1q:expected"]].to_numpy()
    row = arm_events.judge_arm(cells, "1q", "gain", 1e-4, {}, arms, 0.05)
    assert row["verdict"] == "detected"
    assert row["elsewhere"] < 0.05


def test_arm_with_too_few_counts_is_not_assessable():
    rng = np.random.default_rng(8)
    row = judged(cells_of(mixed(500, 0.5, 1.5, rng), rng, expected=8.0))
    assert row["verdict"] == "not assessable"
    assert "share" not in row


def test_rare_event_below_the_limit_is_named_so():
    rng = np.random.default_rng(9)
    assert judged(cells_of(mixed(4000, 0.03, 1.5, rng), rng))["verdict"] == "below limit"


def own_mean(levels, rng):
    """Cells held against their own mean."""
    return cells_of(levels / levels.mean(), rng, baseline="own mean")


def test_without_a_baseline_the_mixture_and_the_genes_decide():
    rng = np.random.default_rng(10)
    cells = own_mean(mixed(2000, 0.7, 1.5, rng), rng)
    up = {"shift": np.log2(1.35), "error": 0.05, "agreeing": 0.8}
    row = judged(cells, "gain", up)
    assert row["verdict"] == "detected"
    assert row["share"] == pytest.approx(0.7, abs=0.05)
    assert judged(cells, "loss", up)["verdict"] == "not detected"


def test_whole_population_altered_shows_only_in_its_genes():
    rng = np.random.default_rng(11)
    cells = own_mean(np.ones(800), rng)
    row = judged(cells, "gain", {"shift": 0.58, "error": 0.06, "agreeing": 0.75})
    assert (row["verdict"], row["share"]) == ("detected", 1.0)
    calm = judged(cells, "gain", {"shift": 0.05, "error": 0.06, "agreeing": 0.52})
    assert calm["verdict"] == "not detected"
    assert calm["high"] < 0.3


def test_sub_clones_of_a_branching_tumour():
    rng = np.random.default_rng(12)
    first = rng.random(3000) < 0.8
    second = first & (rng.random(3000) < 0.5)
    logs = []
    for truth in (first, second):
        distance = rng.normal(np.where(truth, 1.2, -1.2), 1)
        logs.append((-((distance + 1.2) ** 2) / 2, -((distance - 1.2) ** 2) / 2))
    called = cnv.sub_clones(*(np.column_stack([log[i] for log in logs]) for i in (0, 1)))
    assert called[:, 0].mean() == pytest.approx(0.8, abs=0.05)
    assert called[:, 1].mean() == pytest.approx(0.4, abs=0.05)
    assert (called[:, 1] & (1 - called[:, 0])).mean() < 0.05


def test_planted_patient(tmp_path, monkeypatch):
    truth = run_steps(tmp_path, monkeypatch, last="cnv")
    table = pd.read_csv("P.cnv.tsv", sep="\t")
    whole = table[table.level == "population"]
    found = whole[whole.verdict == "detected"]
    assert set(zip(found.population, found.arm, found.event, strict=True)) == {
        ("P.B1", "1q", "gain"),
        ("P.B1", "13q", "loss"),
    }
    clone = truth[truth.kind == "clone"]
    for arm, share in (("1q", clone.gain.mean()), ("13q", clone.loss.mean())):
        row = found[found.arm == arm].iloc[0]
        assert row.share == pytest.approx(share, abs=0.1)
        assert row.low <= share <= row.high
    assert whole[whole.verdict == "not detected"].share.max() == 0
    cells = pd.read_parquet("P.cnv.parquet").set_index("cell_id").cnv_profile
    assert set(cells[truth.index[truth.kind != "clone"]].dropna()) == {"none"}
    called = cells[clone.index].str.contains("1q+", regex=False)
    assert (called == clone.gain).mean() > 0.85
    times = table[(table.level == "timepoint") & (table.arm == "1q")]
    assert times.stratum.tolist() == ["T1", "T2"]
    assert times.total.sum() == len(clone)
    profiles = table[(table.level == "sub-clone") & (table.stratum == "all")]
    assert profiles.n.sum() == len(clone)
    assert {"1q+", "1q+ 13q-", "none"} <= set(profiles.event)


def test_cell_types_named_by_numbers_keep_their_shift(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(6)
    ids = [f"S:{i}" for i in range(200)]
    cells = cells_of(mixed(200, 0.5, 1.5, rng), rng).assign(cell_id=ids, population="1", cell_type="1")
    cells["normal"] = np.arange(200) < 100
    cells.to_parquet("P.arms.parquet")
    pd.DataFrame({"cell_id": ids, "timepoint": "28", "day": 28, "subset": "1"}).to_parquet("labels.parquet")
    names = (
        "patient population cell_type cells baseline reference arm genes shift error agreeing scored_genes mb"
    )
    pd.DataFrame(
        [["P", "1", "1", 200, "", "", "1q", 300, 0.123, 0.01, 0.8, 300, 100]], columns=names.split()
    ).to_csv("P.arm_shifts.tsv", sep="\t", index=False)
    files = ["arm_events.parquet", "arm_densities.parquet"]
    for step, options in (
        (arm_events, ["P.arms.parquet", "--shifts", "P.arm_shifts.tsv"]),
        (cnv, [*files, "--patient", "P", "--labels", "labels.parquet"]),
    ):
        result = CliRunner().invoke(step.main, options)
        assert result.exit_code == 0, result.exception
    table = pd.read_csv("P.cnv.tsv", sep="\t")
    assert len(table) and (table.loc[table["level"] == "population", "shift"] == 0.123).all()


def real_sample(path, name, folder):
    """A sample's good cells as <name>.cells.h5ad, and their labels: the kind whose markers stand out most."""
    import scanpy

    data = scanpy.read_10x_h5(path)
    data.var_names_make_unique()
    depth = np.asarray(data.X.sum(axis=1)).ravel()
    mito = np.asarray(data[:, data.var_names.str.startswith("MT-")].X.sum(axis=1)).ravel()
    data = data[(depth > 1000) & (mito < 0.1 * depth)].copy()
    data.X = data.X.tocsr().astype(np.int32)
    data.obs_names = name + ":" + data.obs_names
    data.write_h5ad(folder / f"{name}.cells.h5ad", compression=hdf5plugin.FILTERS["zstd"])
    logs = scanpy.pp.log1p(scanpy.pp.normalize_total(data.copy(), target_sum=1e4, copy=True), copy=True)
    kinds = pd.read_csv(PROJECT / "assets" / "markers.tsv", sep="\t", comment="#", keep_default_na=False)
    kinds = kinds[kinds.lineage.isin(["T", "NK", "B", "myeloid", "epithelial"])].set_index("cell_type")
    score = {}
    for kind, genes in kinds.positive.str.split(",").items():
        own = logs[:, logs.var_names.isin(genes)].X.toarray()
        if own.shape[1]:
            score[kind] = (own / np.maximum(own.std(axis=0), 0.1)).mean(axis=1)
    best = pd.DataFrame(score, index=data.obs_names).idxmax(axis=1)
    labels = pd.DataFrame({"sample": name, "patient": "P", "timepoint": name, "day": 0}, index=best.index)
    return labels.assign(lineage=best.map(kinds.lineage), cell_type=best, subset=best)


def run_real(folder, paths, monkeypatch):
    """cnv.tsv of real samples, taken for one patient's; files by sample name."""
    labels = pd.concat([real_sample(path, name, folder) for name, path in paths.items()])
    labels.rename_axis("cell_id").reset_index().to_parquet(folder / "labels.parquet", index=False)
    monkeypatch.chdir(folder)
    common = ["--patient", "P", "--labels", "labels.parquet"]
    places = ["--gene-positions", str(POSITIONS), "--masked", str(MASKED)]
    for step, options in (
        (arms, [*(f"{name}.cells.h5ad" for name in paths), *common, *places]),
        (arm_profile, ["P.arm_genes.parquet", "--patient", "P", "--arms", "P.arms.parquet"]),
        (arm_events, ["P.arms.parquet", "--shifts", "P.arm_shifts.tsv"]),
        (cnv, ["arm_events.parquet", "arm_densities.parquet", *common]),
    ):
        result = CliRunner().invoke(step.main, options)
        assert result.exit_code == 0, (step, result.output, result.exception)
    return pd.read_csv("P.cnv.tsv", sep="\t")


def assert_no_event(table):
    whole = table[table.level == "population"]
    assert (whole.verdict == "not detected").sum() > 150  # enough was looked at
    found = whole[whole.verdict == "detected"]
    assert found.empty, found[["population", "arm", "event", "share"]]


@pytest.mark.parametrize("sample", ["C146", "C149"])
def test_lung_lavage_without_a_tumour_has_no_event(tmp_path, monkeypatch, data, sample):
    path = data / "liao_covid_balf" / sample / "count" / "filtered_feature_bc_matrix.h5"
    assert_no_event(run_real(tmp_path, {sample: path}, monkeypatch))


def test_blood_with_and_without_interferon_has_no_event(tmp_path, monkeypatch, real_data):
    paths = {
        name: real_data / "kang_ifnb" / name / "count" / "filtered_feature_bc_matrix.h5"
        for name in ("ctrl", "stim")
    }
    assert_no_event(run_real(tmp_path, paths, monkeypatch))
