"""Samples as other laboratories have them: what data support is named, the rest is `unassigned` or cannot be assessed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from helpers.cut_samples import cut, cut_contigs
from helpers.sheets import write_sheet
from pipeline.conftest import PROJECT, nextflow_run


@pytest.fixture(scope="module")
def simulated(tmp_path_factory):
    """A simulated case of 6,000 barcodes, to cut samples from: its folder, and the truth of its single cells."""
    folder = tmp_path_factory.mktemp("simulated")
    command = [
        sys.executable,
        PROJECT / "tests" / "simulate_case.py",
        "--out",
        folder,
        "--cells",
        "6000",
        "--seed",
        "11",
    ]
    subprocess.run(command, check=True, capture_output=True)
    truth = pd.read_parquet(folder / "truth" / "cells.parquet")
    good = (truth["kind"] == "cell") & (truth["n_umi"] > 1500) & (truth["mito_share"] < 0.08) & ~truth["doublet"]
    return folder, truth[good]


def cells_of(truth, sample, kinds, first=0, last=None):
    """{sample: ids of its cells of these types}, as `cut` takes them."""
    chosen = truth[(truth["sample"] == sample) & truth["cell_type"].isin(kinds)]
    return {sample: list(chosen["cell_id"].iloc[first:last])}


def text_of(page):
    """What a page says, without tags."""
    return re.sub(r"(<[^>]*>|\s)+", " ", page.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def relapses(simulated, tmp_path_factory):
    """Two patients after CD19 CAR-T, each with a sample of T cells before and one of 50 precursors and 10 T cells after; no plasma cell.

    The precursors of RP show CD19, those of RN do not. RB has blasts at both times, with V(D)J libraries at the first and no BCR
    library at the second. The run, and the ids of the precursors.
    """
    case, truth = simulated
    folder = tmp_path_factory.mktemp("relapses")
    blasts = cells_of(truth, "P1_T1", ["B-ALL blast"])["P1_T1"]
    rows, planted = [], {}
    for at, (patient, silent) in enumerate({"RP": (), "RN": ("CD19",)}.items()):
        before = cells_of(truth, "P1_T2", ["CD4 T", "CD8 T"], 150 * at, 150 * at + 150)
        after = {"P1_T1": blasts[50 * at : 50 * at + 50]} | cells_of(truth, "P1_T3", ["CD8 T"], 10 * at, 10 * at + 10)
        planted[patient] = {f"{patient}_T2:{cell.split(':')[1]}" for cell in after["P1_T1"]}
        for timepoint, day, origins, lost in (("T1", -30, before, ()), ("T2", 120, after, silent)):
            name = f"{patient}_{timepoint}"
            matrix = cut(case, origins, folder / name, lost)
            rows.append({"sample": name, "patient": patient, "timepoint": timepoint, "day": day, "gex": matrix})
    t_cells = cells_of(truth, "P1_T2", ["CD4 T", "CD8 T"], 300, 360)["P1_T2"]
    for timepoint, day, first, libraries in (("T1", -30, 100, ("vdj_b", "vdj_t")), ("T2", 120, 150, ("vdj_t",))):
        folder_of, at = folder / f"RB_{timepoint}", 30 * (day > 0)
        origins = {"P1_T1": blasts[first : first + 50], "P1_T2": t_cells[at : at + 30]}
        row = {
            "sample": f"RB_{timepoint}",
            "patient": "RB",
            "timepoint": timepoint,
            "day": day,
            "gex": cut(case, origins, folder_of),
        }
        rows.append(row | {name: cut_contigs(case, origins, name, folder_of) for name in libraries})
    rows = [{"vdj_b": "", "vdj_t": ""} | row for row in rows]
    sheet = write_sheet(folder / "samples.csv", rows)
    events = [{"patient": p, "day": 0, "event": "CD19 CAR-T infusion", "kind": "therapy"} for p in (*planted, "RB")]
    run = nextflow_run(
        folder, "--input", sheet, "--events", write_sheet(folder / "events.csv", events), "--export", "none"
    )
    assert run.status == 0, run.printed
    return run, planted


@pytest.mark.parametrize(
    "patient, antigen",
    [("RP", r"CD19 transcripts in [34]\d of \d+ \("), ("RN", "CD19 transcripts in 0 of .*: lost or weak")],
)
def test_precursors_after_car_t_are_reported_first_whatever_else_is_in_the_run(relapses, patient, antigen):
    run, planted = relapses
    labels = pd.read_parquet(run.results / "cells" / "labels.parquet").set_index("cell_id")
    types = labels.loc[labels.index.isin(planted[patient]), "cell_type"].astype(str)
    assert len(types) >= 45
    assert set(types) <= {"B-ALL blast", "B precursor", "HSPC", "unassigned"}, types.value_counts()
    assert (types != "HSPC").mean() > 0.95
    found = pd.read_csv(run.results / "tumour" / f"{patient}.precursors.tsv", sep="\t").set_index("sample")
    assert found.loc[f"{patient}_T2", "n"] >= 45 and found.loc[f"{patient}_T1", "n"] == 0
    page = text_of(run.results / "report" / f"{patient}.case_report.html")
    first = page[page.index("To be looked at first") :][:600]
    assert re.search(r"(4\d|50) B-lineage precursors at T2, of 60 cells", first) and re.search(antigen, first), first
    assert "no cell is called malignant" not in page


def test_a_time_without_a_bcr_library_is_not_one_without_clones_and_malignant_cells(relapses):
    """RB: of 80 cells at T2 50 are leukaemic; whatever is said of B cells and blasts there says that no library was looked at."""
    run, _ = relapses
    libraries = {row["sample"]: row["libraries"] for row in run.table("cells/qc.tsv")}
    assert (libraries["RB_T1"], libraries["RB_T2"], libraries["RP_T2"]) == ("BCR TCR", "TCR", "")
    fates = pd.read_csv(run.results / "clones" / "RB.fates.tsv", sep="\t")
    assert set(fates.loc[fates["receptor"] == "BCR", "timepoint"]) == {"T1"}
    calls = pd.read_csv(run.results / "tumour" / "malignancy.tsv", sep="\t", keep_default_na=False)
    calls = calls[(calls["patient"] == "RB") & (calls["malignancy"] != "normal")]
    late = calls[calls["timepoint"] == "T2"]
    assert late["malignancy"].tolist() == ["not testable"] and late["reason"].iloc[0].startswith("no BCR library")
    assert int(late["n"].iloc[0]) >= 45
    page = text_of(run.results / "report" / "RB.case_report.html")
    assert (
        "There is no BCR library at T2: B-cell clones are not looked for there"
        in page[: page.index("Skip to the answer") + 600]
    )
    assert re.search(r"Malignant cells cannot be assessed [^.]*at T2: no BCR library", page)
    assert "a BCR library or flow cytometry would tell" in page and not re.search(r"0 of \d+ at T2", page)
    assert "There is no BCR library at T2" in text_of(run.results / "report" / "cohort_report.html")


@pytest.fixture(scope="module")
def lacking(simulated, tmp_path_factory):
    """A run without T cells: a sample of monocytes alone, and one of all other cells of the marrow. The run, and the truth."""
    case, truth = simulated
    folder = tmp_path_factory.mktemp("lacking")
    others = sorted(set(truth["cell_type"]) - {"CD4 T", "CD8 T", "gamma-delta T", "B-ALL blast", ""})
    samples = {
        "M_T1": cells_of(truth, "P1_T2", ["classical monocyte"], 0, 150),
        "B_T1": cells_of(truth, "P1_T3", others),
    }
    rows = [
        {"sample": s, "patient": s[0], "timepoint": "T1", "day": 0, "gex": cut(case, origins, folder / s)}
        for s, origins in samples.items()
    ]
    run = nextflow_run(folder, "--input", write_sheet(folder / "samples.csv", rows), "--export", "none")
    assert run.status == 0, run.printed
    labels = pd.read_parquet(run.results / "cells" / "labels.parquet")
    planted = truth.assign(barcode=truth["cell_id"].str.split(":").str[1]).set_index("barcode")["cell_type"]
    labels["planted"] = labels["cell_id"].str.split(":").str[1].map(planted).to_numpy()
    return run, labels


def test_a_run_without_t_cells_names_none(lacking):
    _run, labels = lacking
    assert not set(labels["cell_type"]) & {"CD4 T", "CD8 T", "gamma-delta T", "T cell"}
    named = labels[labels["cell_type"] != "unassigned"]
    assert len(named) >= 0.9 * len(labels)
    assert (named["cell_type"].astype(str) == named["planted"]).mean() > 0.95


def test_cells_in_the_part_of_another_type_do_not_get_its_name(lacking):
    """Megakaryocytes lie among HSPC, precursors among naive B cells."""
    _run, labels = lacking
    named = labels.groupby("planted")["cell_type"].value_counts(normalize=True)
    assert named["megakaryocyte"]["megakaryocyte"] > 0.8 and named["HSPC"]["HSPC"] > 0.9
    assert set(named["B precursor"][named["B precursor"] > 0].index) <= {"B precursor", "unassigned"}


def test_a_sample_of_one_type_is_that_type(lacking):
    _run, labels = lacking
    of_one = labels.loc[labels["sample"] == "M_T1", "cell_type"].astype(str)
    assert (of_one == "classical monocyte").mean() >= 0.9
    kin = {"classical monocyte", "nonclassical monocyte", "cDC", "unassigned"}
    assert of_one.isin(kin).mean() >= 0.98, of_one.value_counts()


@pytest.fixture(scope="module")
def healthy(tmp_path_factory, data):
    """Blood of healthy persons: H as drawn and, where the larger data are, C as a culture's resting half."""
    folder = tmp_path_factory.mktemp("healthy")
    matrices = {"H": data / "pbmc3k" / "count" / "filtered_feature_bc_matrix.h5"}
    if larger := os.environ.get("CLONEWATCH_REAL_DATA"):
        matrices["C"] = Path(larger) / "kang_ifnb" / "ctrl" / "count" / "filtered_feature_bc_matrix.h5"
    rows = [{"sample": s, "patient": s, "timepoint": "T1", "day": 0, "gex": gex} for s, gex in matrices.items()]
    run = nextflow_run(
        folder, "--input", write_sheet(folder / "samples.csv", rows), "--export", "none", "--min_umi", 500
    )
    assert run.status == 0, run.printed
    return run


def test_healthy_blood_has_no_tumour_and_no_car(healthy):
    is_quiet(healthy, "H")


def test_resting_blood_cells_of_a_culture_have_no_tumour_and_no_car(healthy, real_data):
    is_quiet(healthy, "C")


def is_quiet(run, patient):
    """No blast, no malignant cell, no CAR, no copy-number event, few interferon-high cells; at least 90 % of cells named."""
    labels = pd.read_parquet(run.results / "cells" / "labels.parquet")
    labels = labels[labels["patient"] == patient]
    types = labels["cell_type"].astype(str)
    assert (types != "unassigned").mean() >= 0.9, types.value_counts()
    assert not set(types) & {"B-ALL blast", "B precursor"}, types.value_counts()
    # A few circulate in healthy blood, with all their markers.
    assert types.isin(["plasma cell", "HSPC"]).mean() <= 0.005, types.value_counts()
    assert not labels["subset"].astype(str).str.contains("ISG|proliferating").any()
    arms = pd.read_csv(run.results / "tumour" / "cnv.tsv", sep="\t").query("patient == @patient")
    assert len(arms) and "detected" not in set(arms["verdict"])
    cells = pd.read_parquet(run.results / "report" / "cells.parquet")
    cells = cells[cells["patient"] == patient]
    assert not (cells["malignancy"].astype(str) == "malignant").any()
    assert "car_positive" not in cells or not cells["car_positive"].fillna(False).astype(bool).any()
    assert (cells["isg_high"].fillna(False).astype(bool)).mean() <= 0.05
