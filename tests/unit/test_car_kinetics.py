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
    common = ["--labels", "labels.parquet", "--clones", "P.clones.parquet"]
    for sample in ("P_T1", "P_T2"):
        options = [f"{sample}.cells.h5ad", "--sample", sample, "--samples", "samples.tsv", *common, "--names", names]
        options += ["--lineages", str(LINEAGES)]
        assert CliRunner().invoke(transgene.main, options).exit_code == 0
    files = [str(path) for path in folder.glob("P_T*.car.*")]
    result = CliRunner().invoke(car_kinetics.main, [*files, "--patient", "P", *common, "--clinical", "clinical.tsv"])
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
    content = json.loads((tmp_path / "P.car.json").read_text())
    assert content["product"]["P_T2"]["cells"] == clones.n_car.sum()
    assert content["samples"]["P_T1"][
        "reason"
    ] == "FMC63_CAR is in the reference, but none of the {:,} kept cells has a UMI of it".format(
        (truth["sample"] == "P_T1").sum()
    )
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
    assert section["data"]["P_T2"]["status"].startswith("none of the 3,351 features of the reference has a common name")


def join_samples(tmp_path, monkeypatch, designs, facts=None, without=()):
    """The step on samples 001, 002, ... of patient 001, each with 100 T cells, 10 more with CAR than before.

    designs: (day, tissue, sort) of each; facts: more facts of TRANSGENE, by sample; without: samples that TRANSGENE failed for.
    """
    monkeypatch.chdir(tmp_path)
    samples = {f"00{at + 1}": design for at, design in enumerate(designs)}
    sheet = [
        {"sample": name, "patient": "001", "timepoint": str(day), "day": day, "tissue": tissue, "sort": sort}
        for name, (day, tissue, sort) in samples.items()
    ]
    cells = pd.DataFrame({"cell_id": [f"{s}:{s}{i}" for s in samples for i in range(100)]})
    cells["sample"] = cells.cell_id.str[:3]
    cells = cells.merge(pd.DataFrame(sheet), on="sample").assign(lineage="T", cell_type="CD4 T", subset="CD4")
    cells.to_parquet("labels.parquet")
    for at, sample in enumerate(samples):
        if sample in without:
            continue
        mine = cells[cells["sample"] == sample]
        rows = [
            {
                "sample": sample,
                "level": level,
                "label": label,
                "role": "may carry",
                "n": 10 * at,
                "total": 100,
                "called": 10 * at,
            }
            for level, label in (("lineage", "T"), ("cell_type", "CD4 T"), ("subset", "CD4"))
        ]
        table = pd.DataFrame(rows).assign(
            share=at / 10, low=0, high=0.2, carriers=None, carriers_low=None, carriers_high=None
        )
        table.to_csv(f"{sample}.car.tsv", sep="\t", index=False)
        umi = np.array([int(i < 10 * at) for i in range(100)])
        calls = mine[["cell_id"]].assign(car_umi=umi, car_probability=umi.astype(float), car_positive=umi > 0)
        calls.assign(car_evidence=np.where(umi > 0, "transcript", None)).to_parquet(f"{sample}.car.parquet")
        content = {"status": "assessed", "reason": "", "min_umi": 1} | (facts or {}).get(sample, {})
        (tmp_path / f"{sample}.car.json").write_text(json.dumps(content))
    clinical = pd.DataFrame({"patient": "001", "parameter": "CAR-T copies", "day": [3, 9], "value": 5.0, "unit": ""})
    clinical.to_csv("clinical.tsv", sep="\t", index=False)
    files = [str(path.name) for path in tmp_path.glob("*.car.*")]
    options = ["--patient", "001", "--labels", "labels.parquet", "--clinical", "clinical.tsv"]
    result = CliRunner().invoke(car_kinetics.main, [*files, *options])
    assert result.exit_code == 0, (result.output, result.exception)


def test_names_that_look_like_numbers_are_text(tmp_path, monkeypatch):
    join_samples(tmp_path, monkeypatch, [(1, "", ""), (28, "", "")])
    table = pd.read_csv("001.car.tsv", sep="\t", dtype=str)
    assert table["sample"].drop_duplicates().tolist() == ["001", "002"]
    series = pd.read_csv("001.car_kinetics.tsv", sep="\t", dtype={"patient": str})
    assert series.parameter.value_counts()["CAR-T copies"] == 2
    assert series.unit[series.parameter == "CAR-T copies"].isna().all()


def test_lanes_of_one_time_point_tissue_and_sort_are_counted_together(tmp_path, monkeypatch):
    join_samples(tmp_path, monkeypatch, [(1, "blood", ""), (28, "blood", ""), (28, "blood", "")])
    change = pd.read_csv("001.car_change.tsv", sep="\t", dtype={"from": str, "to": str})
    assert change[["from", "to"]].to_numpy().tolist() == [["1", "28"]]
    assert change.difference[0] == pytest.approx(0.15)


def test_shares_of_a_sort_and_a_tissue_are_never_joined_with_others(tmp_path, monkeypatch):
    designs = [(1, "blood", ""), (28, "blood", ""), (28, "blood", "CAR+"), (28, "marrow", ""), (60, "blood", "CAR+")]
    join_samples(tmp_path, monkeypatch, designs)
    change = pd.read_csv("001.car_change.tsv", sep="\t", keep_default_na=False)
    assert change[["tissue", "sort", "from", "to"]].astype(str).to_numpy().tolist() == [
        ["blood", "", "1", "28"],
        ["blood", "CAR+", "28", "60"],
    ]
    assert change.difference.tolist() == pytest.approx([0.1, 0.2])
    series = pd.read_csv("001.car_kinetics.tsv", sep="\t", keep_default_na=False)
    shares = series[series.unit == "share"]
    of_day = shares[shares.day == 28][["tissue", "sort", "value", "sample"]].astype(str)
    assert of_day.to_numpy().tolist() == [
        ["blood", "", "0.1", "002"], ["blood", "CAR+", "0.2", "003"], ["marrow", "", "0.3", "004"],
    ]  # fmt: skip
    assert set(pd.read_csv("001.car.tsv", sep="\t").columns) >= {"tissue", "sort"}


def test_products_are_listed_and_no_time_points(tmp_path, monkeypatch):
    join_samples(
        tmp_path,
        monkeypatch,
        [(-30, "leukapheresis", ""), (0, "CAR-T product", ""), (9, "CAR-T product", ""), (28, "blood", "")],
    )
    assert pd.read_csv("001.car_change.tsv", sep="\t").empty
    assert set(pd.read_csv("001.car.tsv", sep="\t").tissue) == {"leukapheresis", "CAR-T product", "blood"}


def test_a_sample_that_transgene_failed_for_is_named_and_the_others_go_on(tmp_path, monkeypatch):
    join_samples(tmp_path, monkeypatch, [(1, "", ""), (28, "", ""), (60, "", "")], without=("002",))
    samples = json.loads((tmp_path / "001.car.json").read_text())["samples"]
    assert samples["002"]["reason"] == "the step TRANSGENE of this sample failed"
    change = pd.read_csv("001.car_change.tsv", sep="\t", dtype=str)
    assert change[["from", "to"]].to_numpy().tolist() == [["1", "60"]]


def test_reads_of_another_sample_keep_its_barcode():
    cells = pd.DataFrame({"cell_id": ["A:AC", "B:AC", "A:GT", "B:GT", "A:TT"], "car_umi": [1, 6, 2, 3, 1]})
    cells = cells.assign(car_evidence=["transcript"] * 5)
    assert car_kinetics.misassigned(cells).tolist() == [True, False, False, False, False]


def test_cells_with_another_sample_s_reads_are_not_counted():
    rows = [("lineage", "T", 10), ("cell_type", "CD4 T", 6), ("subset", "CD4", 6), ("cell_type", "CD8 T", 4)]
    table = pd.DataFrame(rows, columns=["level", "label", "n"]).assign(sample="A", total=100, called=12)
    taken = pd.DataFrame({"sample": ["A", "A"], "lineage": "T", "cell_type": "CD4 T", "subset": "CD4"})
    left = car_kinetics.without_cells(table, taken)
    assert left.n.tolist() == [8, 4, 4, 4] and left.called.tolist() == [10, 10, 10, 12]
    assert left.share.tolist() == [0.08, 0.04, 0.04, 0.04]


def control_facts(cells, with_umi, explained, **more):
    return {"control_cells": cells, "control_cells_with_umi": with_umi, "control_cells_explained": explained} | more


def test_pooled_controls_bound_misassigned_reads_only():
    facts = {
        "A": control_facts(300, 3, 0.2),
        "B": control_facts(100, 1, 0.1),
        "S": control_facts(50, 20, 19.0, sorted_for_car="+"),
    }
    controls = car_kinetics.pooled_controls(facts)
    assert (controls["cells"], controls["with_umi"]) == (400, 4)  # the sorted sample's soup is full of the CAR
    few, many = ({"n": n, "total": 700} for n in (5, 60))
    assert car_kinetics.remark({}, few, controls, 0) == (
        "5 of 700 T cells are no more than misassigned reads would make (4 of 400 control cells of the patient have one)"
    )
    assert car_kinetics.remark({}, many, controls, 0) == ""
    assert car_kinetics.remark({}, few, car_kinetics.pooled_controls({"A": control_facts(400, 0, 0.0)}), 0) == ""
    assert car_kinetics.pooled_controls({"A": {}}) is None


def test_a_sort_for_the_car_that_holds_few_carriers_is_told():
    text = car_kinetics.remark({"sorted_for_car": "+", "carriers": [0.2, 0.1, 0.31]}, None, None, 2)
    assert text == (
        "2 cells are not counted: their reads are of another sample of the patient (same barcode); "
        "sorted for the CAR, but at most 31 % of its T cells carry it"
    )
