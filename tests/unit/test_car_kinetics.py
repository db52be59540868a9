"""CAR_KINETICS: change between days, clones of the product, clinical copies."""

import json

import car_kinetics
import numpy as np
import pandas as pd
import pytest
import transgene
from click.testing import CliRunner
from helpers.tumour_room import LINEAGES, PROJECT, write_patient


def test_change_is_the_interval_of_newcombe_1998():
    # Newcombe 1998, Statistics in Medicine 17:873, table II: 56/70 against 48/80, method 10.
    row = car_kinetics.change((48, 80), (56, 70))
    assert row["difference"] == pytest.approx(0.2)
    assert (row["low"], row["high"]) == (pytest.approx(0.0524, abs=1e-4), pytest.approx(0.3339, abs=1e-4))
    assert row["ratio"] == pytest.approx(0.8 / 0.6)


def test_no_ratio_where_one_share_is_zero():
    row = car_kinetics.change((0, 100), (5, 100))
    assert row["difference"] == 0.05 and np.isnan([row["ratio"], row["ratio_low"], row["ratio_high"]]).all()


def test_concentration_of_a_product():
    few, many = car_kinetics.concentration([90, 5, 5]), car_kinetics.concentration([1] * 100)
    assert few["largest"] == 0.9
    assert few["effective_clones"] == pytest.approx(1.23, abs=0.01)
    assert (many["clones"], many["effective_clones"], many["ten_largest"]) == (100, 100, 0.1)


def test_clinical_rows_of_the_product_only():
    names = ["CAR-T copies", "WBC", "calcium", "carbamide", "CAR transgene", "marrow plasma cells"]
    table = pd.DataFrame({"patient": "P", "day": 1, "parameter": names, "value": 1.0, "unit": "u"})
    assert set(car_kinetics.clinical_series(table, "P").parameter) == {"CAR-T copies", "CAR transgene"}


def join(folder, monkeypatch):
    monkeypatch.chdir(folder)
    names = str(PROJECT / "assets" / "car_names.tsv")
    for sample in ("P_T1", "P_T2"):
        options = [f"{sample}.cells.h5ad", "--sample", sample, "--labels", "labels.parquet", "--names", names]
        options += ["--lineages", str(LINEAGES)]
        assert CliRunner().invoke(transgene.main, options).exit_code == 0
    files = [str(path) for path in folder.glob("P_T*.car.*")]
    options = [
        "--patient",
        "P",
        "--labels",
        "labels.parquet",
        "--clones",
        "P.clones.parquet",
        "--clinical",
        "clinical.tsv",
    ]
    result = CliRunner().invoke(car_kinetics.main, [*files, *options])
    assert result.exit_code == 0, (result.output, result.exception)


def test_planted_patient(tmp_path, monkeypatch):
    truth = write_patient(tmp_path)
    join(tmp_path, monkeypatch)
    change = pd.read_csv("P.car_change.tsv", sep="\t").iloc[0]
    t_cells = truth[(truth.lineage == "T") & (truth.timepoint == "T2")]
    assert change.low < t_cells.car.mean() < change.high + 0.05
    assert change.low > 0
    assert change[["from", "to"]].tolist() == ["T1", "T2"]
    series = pd.read_csv("P.car_kinetics.tsv", sep="\t")
    assert series.day[series.unit == "copies/ug"].tolist() == [9]
    assert series.day[series.unit == "share"].tolist() == [0, 100]
    cells = pd.read_parquet("P.car_cells.parquet")
    assert set(cells.cell_id) == set(truth.index)
    clones = pd.read_csv("P.car_clones.tsv", sep="\t")
    assert clones.n_car.sum() == cells.car_positive.sum()
    assert set(clones.rule) == {"similarity 0.85"}
    product = json.loads((tmp_path / "P.car.json").read_text())["product"]["P_T2"]
    assert product["cells"] == clones.n_car.sum()
    json.loads((tmp_path / "P.car_mqc.json").read_text())


def test_reference_without_car_is_reported_not_zero(tmp_path, monkeypatch):
    import anndata as ad

    write_patient(tmp_path)
    for path in tmp_path.glob("*.h5ad"):
        data = ad.read_h5ad(path)
        data[:, :-1].copy().write_h5ad(path)
    join(tmp_path, monkeypatch)
    assert pd.read_csv("P.car.tsv", sep="\t").empty
    assert pd.read_csv("P.car_change.tsv", sep="\t").empty
    section = json.loads((tmp_path / "P.car_mqc.json").read_text())
    assert section["data"]["P_T2"]["status"] == "the reference has no CAR contig"


def join_samples(tmp_path, monkeypatch, days):
    """The step on samples 001, 002, ... of patient 001 at days, each with 100 T cells, 10 more with CAR than before."""
    monkeypatch.chdir(tmp_path)
    samples = {f"00{at + 1}": str(day) for at, day in enumerate(days)}
    cells = pd.DataFrame({"cell_id": [f"{s}:{i}" for s in samples for i in range(100)]})
    cells["sample"] = cells.cell_id.str[:3]
    cells = cells.assign(
        patient="001", timepoint=cells["sample"].map(samples), lineage="T", cell_type="CD4 T"
    )
    cells.assign(day=cells.timepoint.astype(int)).to_parquet("labels.parquet")
    for at, sample in enumerate(samples):
        mine = cells[cells["sample"] == sample]
        row = {
            "sample": sample,
            "level": "lineage",
            "label": "T",
            "role": "may carry",
            "n": 10 * at,
            "total": 100,
        }
        row |= {"share": at / 10, "low": 0, "high": 0.2, "above_ambient": 0}
        pd.DataFrame([row]).to_csv(f"{sample}.car.tsv", sep="\t", index=False)
        calls = mine[["cell_id"]].assign(car_umi=[int(i < 10 * at) for i in range(100)])
        calls.assign(car_positive=calls.car_umi > 0).to_parquet(f"{sample}.car.parquet")
        (tmp_path / f"{sample}.car.json").write_text('{"status": "assessed", "min_umi": 1}')
    clinical = pd.DataFrame(
        {"patient": "001", "parameter": "CAR-T copies", "day": [3, 9], "value": 5.0, "unit": ""}
    )
    clinical.to_csv("clinical.tsv", sep="\t", index=False)
    files = [str(path.name) for path in tmp_path.glob("*.car.*")]
    options = ["--patient", "001", "--labels", "labels.parquet", "--clinical", "clinical.tsv"]
    result = CliRunner().invoke(car_kinetics.main, [*files, *options])
    assert result.exit_code == 0, (result.output, result.exception)


def test_names_that_look_like_numbers_are_text(tmp_path, monkeypatch):
    join_samples(tmp_path, monkeypatch, [1, 28])
    table = pd.read_csv("001.car.tsv", sep="\t", dtype=str)
    assert table["sample"].tolist() == ["001", "002"]
    series = pd.read_csv("001.car_kinetics.tsv", sep="\t", dtype={"patient": str})
    assert series.parameter.value_counts()["CAR-T copies"] == 2
    assert series.unit[series.parameter == "CAR-T copies"].isna().all()


def test_samples_of_one_time_point_are_counted_together(tmp_path, monkeypatch):
    join_samples(tmp_path, monkeypatch, [1, 28, 28])
    change = pd.read_csv("001.car_change.tsv", sep="\t", dtype={"from": str, "to": str})
    assert change[["from", "to"]].to_numpy().tolist() == [["1", "28"]]
    assert change.difference[0] == pytest.approx(0.15)
