"""TRANSGENE: names of CARs, the ambient threshold, calls on a sample."""

import json

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import transgene
from click.testing import CliRunner
from helpers.tumour_room import LINEAGES, POSITIONS, PROJECT, write_patient

NAMES = PROJECT / "assets" / "car_names.tsv"


def found(names, *wanted):
    rows = transgene.car_features(names, names, ["GRCh38"] * len(names), wanted, NAMES)
    return [names[row] for row in rows]


def test_common_names_are_found():
    names = [
        "FMC63",
        "FMC63_CAR",
        "CD19-CAR",
        "CD19CAR",
        "anti-CD19-scFv",
        "CAR_T",
        "CAR",
        "BCMA_CAR",
        "CART19",
        "WPRE",
        "axi-cel",
    ]
    assert found(names) == names


def test_no_gene_is_taken_for_a_car():
    genes = pd.read_csv(POSITIONS, sep="\t", comment="#", keep_default_na=False).gene.tolist()
    genes += [
        "CD19",
        "CARD11",
        "CARS1",
        "CARM1",
        "CARTPT",
        "CARF",
        "HCAR2",
        "OSCAR",
        "Car1",
        "Car2",
        "EGFR",
        "TNFRSF17",
    ]
    assert found(genes) == []


def test_names_and_patterns_of_the_user_replace_the_common_ones():
    names = ["my-construct", "FMC63", "MYC"]
    assert found(names, "MY-construct") == ["my-construct"]
    assert found(names, "fmc.*", "my-.*") == ["my-construct", "FMC63"]


def test_wrong_pattern_is_one_sentence():
    with pytest.raises(Exception, match=r"--car: 'CAR\(' is not a name or pattern"):
        found(["A"], "CAR(")


def test_contig_name_counts_as_name():
    assert transgene.car_features(["g1", "g2"], ["g1", "g2"], ["GRCh38", "FMC63_CAR_vector"], (), NAMES) == [
        1
    ]


@pytest.mark.parametrize(("ambient", "least"), [(0.0, 1), (0.005, 2), (0.2, 3)])
def test_threshold_keeps_false_calls_rare(ambient, least):
    rng = np.random.default_rng(0)
    real = rng.random(5000) < 0.05
    counts = rng.poisson(ambient, 5000) + np.where(real, rng.poisson(6, 5000), 0)
    k, rate, discovery = transgene.threshold(counts, rng.poisson(ambient, 5000), 0.05)
    assert k >= least
    assert discovery <= 0.05
    called = counts >= k
    assert (real & called).sum() / called.sum() > 0.95
    assert rate == pytest.approx((~real & called).sum() / (~real).sum(), abs=0.003)


def test_ambient_alone_is_not_called():
    rng = np.random.default_rng(1)
    counts, ambient = rng.poisson(0.1, 3000), rng.poisson(0.1, 3000)
    k, _, _ = transgene.threshold(counts, ambient, 0.05)
    assert (counts >= k).sum() <= 1


def call(folder, monkeypatch, sample="P_T2", *extra):
    monkeypatch.chdir(folder)
    options = [f"{sample}.cells.h5ad", "--sample", sample, "--labels", "labels.parquet"]
    options += ["--names", str(NAMES), "--lineages", str(LINEAGES)]
    result = CliRunner().invoke(transgene.main, [*options, *extra])
    assert result.exit_code == 0, result.output
    return json.loads((folder / f"{sample}.car.json").read_text()), pd.read_csv(f"{sample}.car.tsv", sep="\t")


def test_planted_cells(tmp_path, monkeypatch):
    truth = write_patient(tmp_path)
    facts, table = call(tmp_path, monkeypatch)
    assert facts["features"] == ["FMC63_CAR"]
    assert facts["status"] == "assessed"
    cells = pd.read_parquet("P_T2.car.parquet").set_index("cell_id")
    here = truth.loc[cells.index]
    called = cells.car_positive.astype(bool)
    assert (called & here.car).sum() / called.sum() > 0.95
    assert called[here.car].mean() > 0.8
    assert not called[here.lineage != "T"].any()
    row = table[(table.level == "lineage") & (table.label == "T")].iloc[0]
    assert (row.n, row.total) == (called.sum(), (here.lineage == "T").sum())
    assert row.low < here.car[here.lineage == "T"].mean() < row.high + 0.05
    assert row.above_ambient == pytest.approx(here.car[here.lineage == "T"].mean(), abs=0.03)


def test_before_infusion_none_is_called_and_zero_has_a_bound(tmp_path, monkeypatch):
    write_patient(tmp_path)
    _, table = call(tmp_path, monkeypatch, "P_T1")
    row = table[(table.level == "lineage") & (table.label == "T")].iloc[0]
    assert (row.n, row.low) == (0, 0)
    assert row.high == pytest.approx(1 - 0.05 ** (1 / row.total))


def test_reference_without_car_says_so(tmp_path, monkeypatch):
    write_patient(tmp_path)
    data = ad.read_h5ad(tmp_path / "P_T2.cells.h5ad")
    data[:, :-1].copy().write_h5ad(tmp_path / "P_T2.cells.h5ad")
    facts, table = call(tmp_path, monkeypatch)
    assert (facts["status"], facts["reason"]) == ("no CAR feature", "the reference has no CAR contig")
    assert table.empty
    cells = pd.read_parquet("P_T2.car.parquet")
    assert cells.car_positive.isna().all()
    facts, _ = call(tmp_path, monkeypatch, "P_T2", "--car", "KYM-1")
    assert facts["reason"] == "the reference has no feature named KYM-1"


def test_without_cells_that_cannot_carry_it_nothing_is_called(tmp_path, monkeypatch):
    write_patient(tmp_path)
    labels = pd.read_parquet(tmp_path / "labels.parquet")
    labels[labels.lineage == "T"].to_parquet(tmp_path / "labels.parquet")
    facts, _ = call(tmp_path, monkeypatch)
    assert facts["status"] == "no ambient rate"
    assert pd.read_parquet("P_T2.car.parquet").car_positive.isna().all()
