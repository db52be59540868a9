"""Samples with and without a V(D)J library: what was not looked for is in no denominator, no fate and no restriction."""

import re

import _figure_tumour
from _receptors import with_library

import case_answer
import cohort_report
import fates
import pandas as pd
import pytest
import repertoire
from helpers import report_case
from helpers import small_receptors as receptors
from helpers.report_case import said
from helpers.tumour_room import run_steps


def test_rows_are_of_samples_with_the_library():
    table = pd.DataFrame({"libraries": pd.Categorical(["BCR TCR", "BCR", "TCR", ""])})
    assert with_library(table, "BCR").index.tolist() == [0, 1] and with_library(table, "TCR").index.tolist() == [0, 2]
    assert with_library(table.iloc[:0], "BCR").empty


@pytest.fixture
def written(tmp_path, monkeypatch):
    """A function that writes a patient: cells of the first clone at each of the times, of 40 plasma and 20 T cells; libraries."""
    monkeypatch.chdir(tmp_path)
    j = receptors.junctions(60, seed=6)

    def write(of_clone: dict[str, int], libraries: dict[str, str]):
        rows, cells, days = {}, {}, {name: 30 * at for at, name in enumerate(of_clone)}
        for time, n in of_clone.items():
            rows[time] = []
            for i in range(40):
                pair = (j[0], j[1]) if i < n else (j[2 + i % 29], j[31 + i % 29])
                chains = [receptors.heavy(f"{time}:{i}", pair[0]), receptors.light(f"{time}:{i}", pair[1])]
                rows[time] += chains if "BCR" in libraries.get(time, "BCR") else []
                cells[f"{time}:{i}"] = ("plasma", "plasma cell")
            for i in range(40, 60):
                rows[time] += receptors.alpha_beta(f"{time}:{i}", j[i - 40], j[i - 10])
                cells[f"{time}:{i}"] = ("T", "CD4 T")
        tables = {name: receptors.contigs(part) for name, part in rows.items()}
        receptors.run_clones(tmp_path, tables, receptors.labels(cells, days, libraries=libraries))
        sheet = [("P1", name, name, day) for name, day in days.items()]
        names = ["patient", "sample", "timepoint", "day"]
        pd.DataFrame(sheet, columns=names).to_csv("samples.tsv", sep="\t", index=False)
        given = ["P1.clones.parquet", "--patient", "P1", "--labels", "labels.parquet"]
        more = ["--table", "P1.clones.tsv", "--lineages", receptors.LINEAGES, "--samples", "samples.tsv"]
        receptors.run(fates.main, *given, *more)
        receptors.run(repertoire.main, *given, "--chains", "P1.own_chains.parquet")
        return pd.read_csv("P1.fates.tsv", sep="\t"), pd.read_csv("P1.usage.tsv", sep="\t")

    return write


def first_clone(table):
    return table[table["clone"] == "P1.B1"]


@pytest.mark.parametrize(
    ("of_clone", "fate"),
    [((30, 30, 0), "persistent"), ((30, 0, 0), "lost"), ((0, 30, 0), "emerging"), ((30, 28, 30), "persistent")],
)
def test_the_last_time_is_the_last_with_the_library(written, of_clone, fate):
    """At T3 there is no BCR library, whatever its cells would have shown; the T cells of T3 are followed."""
    table, _ = written(dict(zip(("T1", "T2", "T3"), of_clone, strict=True)), {"T3": "TCR"})
    clone = first_clone(table)
    assert clone["timepoint"].tolist() == ["T1", "T2"] and clone["total"].tolist() == [40, 40]
    assert set(clone["fate"]) == {fate}
    assert set(table.loc[table["receptor"] == "TCR", "timepoint"]) == {"T1", "T2", "T3"}


def test_an_empty_library_is_a_library(written):
    """Nothing was seen in it, so that nothing can be a share of it; the time point is listed."""
    written({"T1": 30, "T2": 30, "T3": 0}, {"T3": "TCR"})
    labels = pd.read_parquet("labels.parquet").assign(libraries="BCR TCR")
    labels.to_parquet("labels.parquet")
    given = ["--table", "P1.clones.tsv", "--lineages", receptors.LINEAGES, "--samples", "samples.tsv"]
    receptors.run(fates.main, "P1.clones.parquet", "--patient", "P1", "--labels", "labels.parquet", *given)
    clone = first_clone(pd.read_csv("P1.fates.tsv", sep="\t"))
    assert clone["timepoint"].tolist() == ["T1", "T2", "T3"] and clone["total"].tolist() == [40, 40, 0]
    assert set(clone["fate"]) == {"persistent"} and clone["share"].isna().tolist() == [False, False, True]


def test_a_patient_without_a_library_has_no_clones_of_it(written):
    table, usage = written({"T1": 30, "T2": 30}, {"T1": "TCR", "T2": "TCR"})
    assert set(table["receptor"]) <= {"TCR"} and set(usage["receptor"]) == {"TCR"}


def test_cells_of_a_sample_without_the_library_make_no_light_chain_rare(written):
    """Of 40 plasma cells 10 show a light chain; 60 more at the same time, of a sample without the library, show none."""
    written({"T1": 30}, {})
    labels = pd.read_parquet("labels.parquet")
    plasma, chains = labels["lineage"] == "plasma", pd.read_parquet("P1.own_chains.parquet")
    shown = labels.loc[plasma, "cell_id"].head(10)
    chains[chains["cell_id"].isin(shown) | (chains["library"] == "TCR")].to_parquet("P1.own_chains.parquet")
    more = pd.concat([labels[plasma], labels[plasma].head(20)])
    more = more.assign(cell_id=[f"other:{at}" for at in range(len(more))], sample="other", libraries="TCR")
    clones = pd.read_parquet("P1.clones.parquet")
    nobody = clones.head(1).assign(bcr_clone=None, bcr_counted=False, tcr_clone=None, tcr_counted=False)
    nobody = pd.concat([nobody.assign(cell_id=name) for name in more["cell_id"]])
    pd.concat([clones, nobody]).to_parquet("P1.clones.parquet")
    for name, cells in (("alone", labels), ("both", pd.concat([labels, more]))):
        cells.to_parquet("labels.parquet")
        given = ["--labels", "labels.parquet", "--chains", "P1.own_chains.parquet"]
        receptors.run(repertoire.main, "P1.clones.parquet", "--patient", "P1", *given)
        usage = pd.read_csv("P1.usage.tsv", sep="\t", keep_default_na=False)
        rows = usage[(usage["kind"] == "light_chain") & (usage["level"] == "lineage") & (usage["label"] == "plasma")]
        assert set(rows["restricted"]) == {"lambda"}, name


# Malignant cells: without a BCR library no cell of a B lineage is found to be normal.


def test_blasts_and_plasma_cells_of_a_time_without_the_library_are_not_none(tmp_path, monkeypatch):
    """At T2 no BCR library: altered arms alone are one line of evidence, so that nothing there can be assessed."""
    truth = run_steps(tmp_path, monkeypatch, without={"P_T2": "TCR"})
    table = pd.read_csv("P.malignancy.tsv", sep="\t", keep_default_na=False)
    (row,) = table[table["timepoint"] == "T2"].to_dict("records")
    assert (row["cell_type"], row["malignancy"], row["assessable"]) == ("all cells", "not testable", "no")
    assert (row["share"], row["high"], row["reason"]) == ("", "", "no BCR library")
    early = table[(table["timepoint"] == "T1") & (table["malignancy"] == "malignant")].set_index("cell_type")
    assert set(early.loc[["B-ALL blast", "plasma cell", "all cells"], "assessable"]) == {"yes"}
    cells = pd.read_parquet("P.malignancy.parquet").set_index("cell_id").loc[truth.index]
    late = truth["timepoint"] == "T2"
    of_b_lineage = truth["kind"].isin(["polyclonal", "clone", "B-ALL blast"])
    assert set(cells.loc[late & of_b_lineage, "malignancy"]) == {"not testable"}
    assert set(cells.loc[~late & (truth["kind"] == "clone"), "malignancy"]) == {"malignant"}
    facts = {"min_evidence": 2, "combinations": {}}
    told = [
        said(part)
        for part in case_answer.malignant(pd.read_csv("P.malignancy.tsv", sep="\t").fillna({"reason": ""}), facts, "P")
    ]
    assert "Malignant cells cannot be assessed at T2: no BCR library." in told
    assert not any(re.search(r"\b0 of \d+ at T2", text) for text in told)


# Pages.


@pytest.fixture
def case(tmp_path, monkeypatch):
    """A function that writes the report's case in which samples have these libraries (both where none are named); its answer."""
    monkeypatch.chdir(tmp_path)

    def build(libraries: dict[str, str], others=False):
        report_case.write(tmp_path / "tables")
        if others:
            report_case.add_others(tmp_path / "tables")
        samples = report_case.read_table(tmp_path / "tables" / "samples.tsv")
        status = samples[["sample", "patient"]].assign(
            status="pass", libraries=samples["sample"].map(libraries).fillna("BCR TCR")
        )
        status.to_csv(tmp_path / "tables" / "qc.tsv", sep="\t", index=False)
        fates_of = report_case.read_table(tmp_path / "tables" / "P1.fates.tsv")
        for sample, there in libraries.items():  # FATES has no row of them
            fates_of = fates_of[("P1_" + fates_of["timepoint"] != sample) | fates_of["receptor"].isin(there.split())]
        fates_of.to_csv(tmp_path / "tables" / "P1.fates.tsv", sep="\t", index=False)
        return report_case.make_answer(tmp_path / "tables")

    return build


def test_the_answer_names_the_times_without_a_library(case):
    found = case({"P1_T3": "TCR"})
    assert found["lacking"] == [
        "There is no BCR library at T3: B-cell clones are not looked for there, and no B-lineage cell is shown to be normal; the "
        "last time with one is T2."
    ]
    assert found["headline"].startswith("Plasma cells carry IGH_1: persistent (no BCR library at T3), with 1q gain.")
    moves = said(next(entry for entry in found["clones"] if entry["clone"] == "IGH_1")["moves"])
    assert "Single cells: persistent (no BCR library at T3); T1 " in moves
    assert case({})["lacking"] == [] and "library" not in case({})["headline"]
    assert case({"P1_T1": "", "P1_T2": "BCR", "P1_T3": "BCR"})["lacking"] == [
        "There is no BCR library at T1: B-cell clones are not looked for there, and no B-lineage cell is shown to be normal.",
        "No sample has a TCR library: T-cell clones are not looked for.",
    ]


def test_samples_that_are_not_compared_are_named_with_their_tissue(case):
    assert case({"P1_B2": "BCR"}, others=True)["lacking"] == [
        "There is no TCR library at T2 (blood): T-cell clones are not looked for there."
    ]


def test_both_pages_and_the_figures_say_so(case, tmp_path):
    found = case({"P1_T3": "TCR"})
    page = report_case.make_page(tmp_path / "tables").read_text()
    assert page.index("There is no BCR library at T3") < page.index("<nav")
    figures = report_case.make_figures(tmp_path / "tables")
    bcr, tcr = figures["clones_bcr"], figures["clones_tcr"]
    assert bcr["alt"].startswith(
        "no BCR library at T3: fates are from T1 to T2; P1.B1 (plasma) persistent: T1 "
    ) and bcr["caption"].endswith(" Not drawn: no BCR library at T3.")
    assert "library" not in tcr["alt"] + tcr["caption"]
    probe = {
        "day": 180,
        "region": "1q21",
        "abnormality": "gain",
        "probe": "CKS1B",
        "percent": 85.5,
        "share": 1.0,
        "low": 0.48,
        "high": 1.0,
    }
    probe |= {"population": "P1.B1", "timepoint": "all", "verdict": "agrees", "words": "100 % of cells beside 85.5 %"}
    fish = _figure_tumour.fish_bars(pd.DataFrame([probe]), ["blue", "red"], "P1", "no BCR library at T3")
    assert "the cells of P1.B1 over all time points (of a clone: no BCR library at T3); whiskers" in fish["caption"]
    row = cohort_report.patient_row(found, report_case.read_table(tmp_path / "tables" / "samples.tsv"), set())
    assert row["lacking"] == found["lacking"][0]
