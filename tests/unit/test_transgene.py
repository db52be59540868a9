"""TRANSGENE: which feature is a CAR, what a sort says, calls on a sample, and why there is none."""

import json

from _errors import InputError

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import transgene
from click.testing import CliRunner
from helpers import car_samples
from helpers.tumour_room import LINEAGES, POSITIONS, PROJECT, write_patient

NAMES = PROJECT / "assets" / "car_names.tsv"


def found(names, *wanted, ids=None):
    return [names[row] for row in transgene.car_features(names, ids or names, wanted, NAMES)]


def test_common_names_are_found():
    names = [
        "FMC63",
        "FMC63_CAR",
        "CD19-CAR",
        "CD19CAR",
        "anti-CD19-scFv",
        "anti-BCMA",
        "CAR_T",
        "CAR",
        "BCMA_CAR",
        "CART19",
    ]
    names += [
        "CAT_scFv",
        "CAT-scFv",
        "scFv",
        "WPRE",
        "pLV_WPRE",
        "axi-cel",
        "tisa-cel",
        "ide-cel",
        "cilta-cel",
        "ABECMA",
        "EGFRt",
    ]
    assert found(names) == names


def test_every_example_of_the_table_is_found():
    table = pd.read_csv(NAMES, sep="\t", comment="#", dtype=str)
    assert [name for name in table.example if not found([name])] == []


def test_no_gene_is_taken_for_a_car():
    genes = pd.read_csv(POSITIONS, sep="\t", comment="#", keep_default_na=False).gene.tolist()
    genes += ["CD19", "CARD11", "CARS1", "CARM1", "CARTPT", "CARF", "HCAR2", "OSCAR", "Car1", "Car2", "EGFR"]
    genes += ["TNFRSF17", "CAT", "Cat", "CASP9", "NGFR"]
    assert found(genes) == []


def test_a_gene_of_the_annotation_is_a_car_only_where_the_user_names_it():
    names, ids = ["CAR", "CAR"], ["ENSG00000000419", "construct_1"]
    assert transgene.car_features(names, ids, (), NAMES) == [1]
    assert transgene.car_features(names, ids, ("CAR",), NAMES) == [0, 1]
    assert transgene.car_features(names, ids, ("construct_1",), NAMES) == [1]


def test_the_genome_s_name_is_no_name_of_a_feature(tmp_path, monkeypatch):
    """A real CAR reference is called GRCh38-2020-A+CAT_scFv, and every gene of it carries that text."""
    monkeypatch.chdir(tmp_path)
    sample = car_samples.make_sample("S", n_t=300, n_myeloid=100, carriers=0.5)
    car_samples.write_samples(tmp_path, {"S": sample}, [dict(sample="S", timepoint="T1", day=1, tissue="", sort="")])
    car_samples.transgene(tmp_path, "S")
    facts = json.loads((tmp_path / "S.car.json").read_text())
    assert facts["features"] == ["CAT_scFv"] and facts["status"] == "assessed"
    assert facts["umi"] == sample[1][:, -1].sum() < 0.01 * sample[1].sum()


def test_names_and_patterns_of_the_user_replace_the_common_ones():
    names = ["my-construct", "FMC63", "MYC"]
    assert found(names, "MY-construct") == ["my-construct"]
    assert found(names, "fmc.*", "my-.*") == ["my-construct", "FMC63"]


def test_wrong_pattern_is_one_sentence():
    with pytest.raises(InputError, match=r"--car: 'CAR\(' is not a name or pattern"):
        found(["A"], "CAR(")


def test_a_pattern_of_everything_is_refused():
    with pytest.raises(InputError, match=r"--car: '\.\*' matches 30 features, G0 and G1 among them; write the name"):
        found([f"G{number}" for number in range(30)], ".*")


def test_a_feature_outside_the_annotation_is_offered():
    names = [f"G{number}" for number in range(99)] + ["pSLCAR_22"]
    ids = [f"ENSG{number:011d}" for number in range(99)] + ["pSLCAR_22"]
    reason, offered = transgene.no_feature(names, ids, ())
    assert offered == ["pSLCAR_22"]
    assert reason == (
        "none of the 100 features of the reference has a common name of a CAR; "
        "feature pSLCAR_22 is in no annotation; if it is the CAR, give --car pSLCAR_22"
    )


def test_spike_ins_and_references_without_ensembl_ids_offer_nothing():
    names = [f"G{number}" for number in range(99)]
    ensembl = [f"ENSG{number:011d}" for number in range(99)]
    spikes = [f"ERCC-{number:05d}" for number in range(9)]
    for reference, ids in (
        (names + spikes, ensembl + spikes),
        (names, names),
        (names, [f"GRCh38_{text}.1" for text in ensembl]),
    ):
        reason, offered = transgene.no_feature(reference, ids, ())
        assert offered == [] and "add its sequence to the reference" in reason


@pytest.mark.parametrize(
    ("sort", "features", "meaning"),
    [
        ("CD3+CAT+", ["CAT_scFv"], "+"), ("CD3+CAT-", ["CAT_scFv"], "-"), ("CD3-CAT-", ["CAT_scFv"], "-"),
        ("CAR-T cells", ["FMC63"], "+"), ("CAR+", ["FMC63"], "+"), ("CD3+ CAR neg", ["FMC63"], "-"), ("CAR\u2212CD3+", ["FMC63"], "-"),
        ("EGFRt+", ["EGFRt"], "+"), ("CAR-positive", ["FMC63"], "+"), ("non-CAR", ["FMC63"], "-"),
        ("CD19+", ["CD19-CAR"], ""), ("live CD45+", ["FMC63"], ""), ("NoSo", ["CAT_scFv"], ""), ("", [], ""),
    ],
)  # fmt: skip
def test_what_a_sort_says_of_the_car(sort, features, meaning):
    assert transgene.sorted_for_car(sort, features) == meaning


def test_min_umi_is_where_most_cells_are_called():
    umi = np.array([0, 1, 1, 1, 2, 2, 5])
    assert transgene.fewest_umi(umi, umi >= 1) == 1
    assert transgene.fewest_umi(umi, umi >= 2) == 2
    assert transgene.fewest_umi(umi, np.array([False, True, True, False, True, True, True])) == 1


def planted(tmp_path, monkeypatch, **samples):
    """TRANSGENE on samples of car_samples.make_sample; per sample (facts, rows, cells with truth)."""
    monkeypatch.chdir(tmp_path)
    sorts = {name: options.pop("sort", "") for name, options in samples.items()}
    made = {name: car_samples.make_sample(name, **options) for name, options in samples.items()}
    sheet = [dict(sample=name, timepoint="T1", day=28, tissue="blood", sort=sort) for name, sort in sorts.items()]
    truth = car_samples.write_samples(tmp_path, made, sheet)
    results = {}
    for name in samples:
        car_samples.transgene(tmp_path, name)
        cells = pd.read_parquet(f"{name}.car.parquet").set_index("cell_id").join(truth[["car", "lineage", "tcr_clone"]])
        rows = pd.read_csv(f"{name}.car.tsv", sep="\t").set_index(["level", "label"])
        results[name] = json.loads((tmp_path / f"{name}.car.json").read_text()), rows, cells
    return results


def precision_and_recall(called, car):
    return (called & car).sum() / called.sum(), (called & car).sum() / car.sum()


@pytest.mark.parametrize(("contamination", "seed"), [(0.05, 3), (0.1, 3), (0.1, 5), (0.15, 7)])
def test_sorted_sample_without_controls_in_a_run_with_others(tmp_path, monkeypatch, contamination, seed):
    """Carriers without a UMI count as carriers. Clones of a product carry the CAR throughout, or not at all."""
    results = planted(
        tmp_path, monkeypatch,
        S=dict(n_t=800, carriers=0.9, contamination=contamination, clone_size=4, alike=True, seed=seed, sort="CD3+CAT+"),
        U=dict(n_t=400, n_myeloid=200, carriers=0.0, seed=seed + 1),
    )  # fmt: skip
    facts, rows, cells = results["S"]
    assert facts["status"] == "assessed" and facts["control_cells"] == 0 and facts["sorted_for_car"] == "+"
    ours = precision_and_recall(cells.car_positive.fillna(False).astype(bool), cells.car)
    any_umi = precision_and_recall(cells.car_umi > 0, cells.car)
    assert ours[0] > any_umi[0] and ours[1] > any_umi[1] + 0.1
    assert ours[0] > 0.95
    assert facts["carriers"] is None and facts["contamination_high"] == pytest.approx(0.3, abs=0.001)  # no cell tells
    row = rows.loc[("lineage", "T")]
    assert row.n == (cells.car_evidence == "transcript").sum() < row.called == cells.car_positive.sum()
    assert row.high < cells.car.mean()  # transcripts are the least that carry it
    facts, _, cells = results["U"]
    assert facts["status"] == "no CAR UMI" and not cells.car_positive.fillna(False).any()


def test_polyclonal_carriers_without_a_transcript_are_left_open_or_called_by_the_sample(tmp_path, monkeypatch):
    results = planted(
        tmp_path, monkeypatch,
        S=dict(n_t=800, carriers=0.97, contamination=0.05, seed=3, sort="CD3+CAT+"),
        P=dict(n_t=800, n_myeloid=100, carriers=0.5, contamination=0.05, seed=4),
    )  # fmt: skip
    facts, _, cells = results["P"]
    silent = cells[(cells.lineage == "T") & (cells.car_umi == 0)]
    assert silent.car_positive.isna().mean() > 0.9  # neither yes nor no
    assert facts["carriers"][1] < 0.5 < facts["carriers"][2]
    assert set(results["S"][2].car_evidence.dropna()) == {"transcript", "sample"}
    assert precision_and_recall(results["S"][2].car_positive.fillna(False).astype(bool), results["S"][2].car)[0] > 0.95


def test_zeros_of_an_unsorted_sample_say_nothing_of_a_sorted_one(tmp_path, monkeypatch):
    """The ambient rate of a sample is its own: of the sorted one in proportion to the CAR in its soup."""
    results = planted(
        tmp_path, monkeypatch,
        S=dict(n_t=500, n_myeloid=60, carriers=0.9, contamination=0.2, seed=3, sort="CAR+"),
        U=dict(n_t=500, n_myeloid=300, carriers=0.0, contamination=0.2, seed=4),
    )  # fmt: skip
    soup = {name: facts["soup_per_10k"] for name, (facts, _, _) in results.items()}
    assert soup["S"] > 3 and soup["U"] == 0
    facts, rows, cells = results["S"]
    assert facts["contamination"] == pytest.approx(0.2, abs=0.05) and facts["contamination_high"] > 0.2
    myeloid = cells[cells.lineage == "myeloid"]
    assert (myeloid.car_umi > 0).mean() > 0.15 and not myeloid.car_positive.fillna(False).any()
    assert rows.loc[("lineage", "myeloid")].n == 0
    t_cells = cells[cells.lineage == "T"]
    assert precision_and_recall(t_cells.car_positive.fillna(False).astype(bool), t_cells.car)[0] > 0.9


def test_a_sample_that_is_all_carriers_divides_by_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cells, counts = car_samples.make_sample("S", n_t=200)
    counts = counts.tolil()
    counts[:, -1] = 20
    car_samples.write_samples(
        tmp_path, {"S": (cells, counts.tocsr())}, [dict(sample="S", timepoint="T1", day=1, tissue="", sort="")]
    )
    car_samples.transgene(tmp_path, "S")
    rows = pd.read_csv("S.car.tsv", sep="\t").set_index(["level", "label"])
    row = rows.loc[("lineage", "T")]
    assert row.share == 1.0 and row.n == row.total == 200 and 0.98 < row.low < row.high == 1.0
    car_samples.kinetics(tmp_path, ["S"])
    assert pd.read_csv("P.car_kinetics.tsv", sep="\t").value.tolist() == [1.0]


def test_genes_that_hold_all_umis_are_no_car(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sample = car_samples.make_sample("S", n_t=50)
    car_samples.write_samples(tmp_path, {"S": sample}, [dict(sample="S", timepoint="T1", day=1, tissue="", sort="")])
    wanted = [option for gene in car_samples.FILLER[:20] for option in ("--car", gene)]
    car_samples.transgene(tmp_path, "S", *wanted)
    facts = json.loads((tmp_path / "S.car.json").read_text())
    assert facts["status"] == "no CAR feature" and "% of all UMIs, which no transgene does" in facts["reason"]
    assert pd.read_parquet("S.car.parquet").car_positive.isna().all()


def test_no_t_cells(tmp_path, monkeypatch):
    facts, rows, cells = planted(tmp_path, monkeypatch, S=dict(n_t=0, n_myeloid=54, seed=1))["S"]
    assert (facts["status"], facts["reason"]) == ("no T cells", "54 cells are kept; none of them is a T cell")
    assert rows.index.tolist() == [("lineage", "myeloid")]
    assert not cells.car_positive.fillna(False).any() and cells.car_probability.isna().all()


def test_feature_without_a_umi(tmp_path, monkeypatch):
    facts, rows, cells = planted(tmp_path, monkeypatch, S=dict(n_t=150, n_myeloid=50, seed=1))["S"]
    assert facts["status"] == "no CAR UMI"
    assert facts["reason"] == "CAT_scFv is in the reference, but none of the 200 kept cells has a UMI of it"
    row = rows.loc[("lineage", "T")]
    assert (row.n, row.low) == (0, 0) and row.high == pytest.approx(1 - 0.05 ** (1 / row.total))
    assert not cells.car_positive.fillna(False).any()


def test_a_sort_for_the_car_without_a_transcript_is_left_open(tmp_path, monkeypatch):
    _, _, cells = planted(tmp_path, monkeypatch, S=dict(n_t=150, seed=1, sort="CD3+CAT+"))["S"]
    assert cells.car_positive.isna().all()


def test_t_cells_without_their_own_transcripts_are_not_called(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cells, counts = car_samples.make_sample("S", n_t=300, carriers=1.0, contamination=0.0)
    counts = counts.toarray()
    counts[:40, : len(car_samples.OF_T)] = 0
    sample = cells, car_samples.sparse.csr_matrix(counts)
    car_samples.write_samples(
        tmp_path, {"S": sample}, [dict(sample="S", timepoint="T1", day=1, tissue="", sort="CAR+")]
    )
    car_samples.transgene(tmp_path, "S")
    facts = json.loads((tmp_path / "S.car.json").read_text())
    assert facts["t_cells"] == 300 and facts["assessed"] <= 260
    silent = pd.read_parquet("S.car.parquet").iloc[:40]
    assert silent.car_positive.isna().all() and (silent.car_umi > 0).any()


def test_a_transduced_blast_is_a_finding_and_no_control(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cells, counts = car_samples.make_sample("S", n_t=300, n_myeloid=200, carriers=0.1, contamination=0.05)
    blast = np.flatnonzero(cells.lineage == "myeloid")[:100]
    cells.loc[blast, ["lineage", "cell_type", "subset"]] = ["blast", "B-ALL blast", "blast"]
    counts = counts.toarray()
    counts[blast[:3], -1] = 12
    sample = cells, car_samples.sparse.csr_matrix(counts)
    car_samples.write_samples(tmp_path, {"S": sample}, [dict(sample="S", timepoint="T1", day=1, tissue="", sort="")])
    car_samples.transgene(tmp_path, "S")
    rows = pd.read_csv("S.car.tsv", sep="\t").set_index(["level", "label"])
    assert rows.loc[("lineage", "blast"), "role"] == "tumour" and rows.loc[("lineage", "blast"), "n"] == 3
    assert json.loads((tmp_path / "S.car.json").read_text())["control_cells"] == 100
    called = pd.read_parquet("S.car.parquet").car_positive
    assert called.iloc[blast[:3]].isna().all() and not called.iloc[blast[3:]].fillna(True).any()


def call(folder, monkeypatch, sample="P_T2", *extra):
    monkeypatch.chdir(folder)
    options = [f"{sample}.cells.h5ad", "--sample", sample, "--labels", "labels.parquet", "--samples", "samples.tsv"]
    options += ["--clones", "P.clones.parquet", "--names", str(NAMES), "--lineages", str(LINEAGES)]
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
    called = cells.car_positive.fillna(False).astype(bool)
    assert (called & here.car).sum() / called.sum() > 0.95
    assert called[here.car].mean() > 0.8
    assert not called[here.lineage != "T"].any()
    row = table[(table.level == "lineage") & (table.label == "T")].iloc[0]
    assert (row.n, row.total) == (called.sum(), (here.lineage == "T").sum())
    assert row.low < here.car[here.lineage == "T"].mean() < row.high + 0.05


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
    assert facts["status"] == "no CAR feature" and facts["reason"].startswith(
        "none of the 3,351 features of the reference has a common"
    )
    assert table.empty
    cells = pd.read_parquet("P_T2.car.parquet")
    assert cells.car_positive.isna().all() and cells.car_umi.isna().all()
    facts, _ = call(tmp_path, monkeypatch, "P_T2", "--car", "KYM-1")
    assert facts["reason"].startswith("none of the 3,351 features of the reference is named KYM-1; ")
