"""CNV: sub-clones, the planted patient, and real samples without a tumour."""

import json

import cnv
import hdf5plugin
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from helpers.tumour_room import ASSETS, PROJECT, run_steps


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
    facts = json.loads((tmp_path / "P.arms.json").read_text())
    assert (facts["status"], facts["cells"]) == ("assessed", len(truth))
    assert "P P.B1 1q gain" in json.loads((tmp_path / "P.cnv_mqc.json").read_text())["data"]


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
    labels = pd.DataFrame(
        {"sample": name, "patient": "P", "timepoint": name, "day": 0, "tissue": "", "sort": ""}, index=best.index
    )
    return labels.assign(lineage=best.map(kinds.lineage), cell_type=best, subset=best)


def run_real(folder, paths, monkeypatch):
    """cnv.tsv of real samples, taken for one patient's; files by sample name."""
    labels = pd.concat([real_sample(path, name, folder) for name, path in paths.items()])
    labels.rename_axis("cell_id").reset_index().to_parquet(folder / "labels.parquet", index=False)
    monkeypatch.chdir(folder)
    files = [f"{name}.cells.h5ad" for name in paths]
    result = CliRunner().invoke(cnv.main, [*files, "--patient", "P", "--labels", "labels.parquet", *ASSETS])
    assert result.exit_code == 0, (result.output, result.exception)
    return pd.read_csv("P.cnv.tsv", sep="\t")


def assert_no_event(table):
    whole = table[table.level == "population"]
    assert (whole.verdict == "not detected").sum() > 150  # enough was looked at
    found = whole[whole.verdict == "detected"]
    assert found.empty, found[["population", "arm", "event", "share"]]


def test_shares_over_time_are_of_the_main_series_and_other_samples_stand_by_name():
    cells = pd.DataFrame({
        "sample": ["m1", "b2", "m3", "m3", "s3"], "timepoint": ["T1", "T2", "T3", "T3", "T3"], "subset": ["a", "a", "a", "b", "b"],
        "main": [True, False, True, True, False],
    })  # fmt: skip
    assert [(level, name, at.tolist()) for level, name, at in cnv.strata_of(cells)] == [
        ("timepoint", "T1", [0]), ("timepoint", "T3", [2, 3]), ("sample", "b2", [1]), ("sample", "s3", [4]),
        ("subset", "a", [0, 1, 2]), ("subset", "b", [3, 4]),
    ]  # fmt: skip
    apart = np.array([[0.0]] * 3 + [[9.0]] * 2)
    events = pd.DataFrame(
        {"arm": ["1q"], "event": ["gain"], "verdict": ["detected"], "share": [0.5], "evidence": [9.0]}
    )
    logs = {"1q gain:normal": -apart[:, 0], "1q gain:altered": apart[:, 0] - 5}
    _, _, rows = cnv.call_cells(cells.assign(day=[0, 5, 9, 9, 9], **logs), events)
    shares = {
        (row["level"], row["stratum"]): (row["n"], row["total"], row["day"])
        for row in rows
        if row["level"] in ("timepoint", "sample")
    }
    assert shares == {
        ("timepoint", "T1"): (0, 1, 0), ("timepoint", "T3"): (1, 2, 9), ("sample", "b2"): (0, 1, 5), ("sample", "s3"): (1, 1, 9),
    }  # fmt: skip


@pytest.mark.parametrize("sample", ["C146", "C149"])
def test_lung_lavage_without_a_tumour_has_no_event(tmp_path, monkeypatch, data, sample):
    path = data / "liao_covid_balf" / sample / "count" / "filtered_feature_bc_matrix.h5"
    assert_no_event(run_real(tmp_path, {sample: path}, monkeypatch))


def test_blood_with_and_without_interferon_has_no_event(tmp_path, monkeypatch, real_data):
    paths = {
        name: real_data / "kang_ifnb" / name / "count" / "filtered_feature_bc_matrix.h5" for name in ("ctrl", "stim")
    }
    assert_no_event(run_real(tmp_path, paths, monkeypatch))
