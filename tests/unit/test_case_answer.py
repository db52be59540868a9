"""CASE_ANSWER: what is said is what the tables hold."""

import re

import case_answer
import pandas as pd
import pytest
from helpers import report_case
from helpers.report_case import said


@pytest.fixture
def answer(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def build(**options):
        report_case.write(tmp_path / "tables", **options)
        return report_case.make_answer(tmp_path / "tables")

    return build


def test_carrier_movement_and_load(answer):
    found = answer()
    seen = next(entry for entry in found["clones"] if entry["clone"] == "IGH_1")
    assert said(seen["who"]) == "Plasma cells: 30 of 32 matched cells (79.9 % to 98.3 %)"
    assert said(seen["beside"]) == "B-ALL blasts: 0 of 120 with a receptor (at most 2.47 %)"
    assert "Bulk: 0.1 % (day -30) to 0.3 % (day 180)" in said(seen["moves"])
    assert "Single cells: persistent; T1 62.5 %" in said(seen["moves"])
    assert said(seen["moves"]).endswith(" of plasma cells with a BCR.")
    assert said(seen["carries"]) == "1q gain in 78 % (60 % to 90 %) of 32 cells"
    assert seen["confidence"] == "high"
    assert (
        found["headline"]
        == "Plasma cells carry IGH_1: persistent, with 1q gain. IGKDE_1: not testable in these single cells."
    )


def test_every_number_is_in_its_table(answer, tmp_path):
    listed = report_case.numbers(answer())
    assert len(listed) > 40 and any("bound" in number for number in listed)
    kinds = {
        "P1.malignancy.tsv",
        "P1.malignancy.json",
        "P1.clone_cells.tsv",
        "P1.mrd.tsv",
        "P1.fates.tsv",
        "P1.cnv.tsv",
    }
    assert kinds <= {number["table"] for number in listed}
    for number in listed:
        table = report_case.read_table(tmp_path / "tables" / number["table"])
        asked = {name: number.get(name) for name in ("column", "where", "bound", "per")}
        assert report_case.from_table(table, **asked) == pytest.approx(number["value"]), number


@pytest.fixture
def several(tmp_path, monkeypatch):
    """The answer of a patient of whom blood, a sort and a product were sampled beside the marrow, and the one of the marrow alone."""
    monkeypatch.chdir(tmp_path)
    report_case.write(tmp_path / "tables")
    alone = report_case.make_answer(tmp_path / "tables")
    report_case.add_others(tmp_path / "tables")
    return report_case.make_answer(tmp_path / "tables"), alone


def test_what_moves_is_of_one_tissue_and_sort_and_other_samples_are_named(several):
    found, alone = several
    assert alone["not_compared"] == ""
    assert found["not_compared"] == (
        "3 samples are not compared with those of T1, T2 and T3 (bone marrow, unsorted): P1_IP is CAR-T product, unsorted "
        "(a product, no time point); P1_B2 is blood, unsorted; P1_S3 is bone marrow, sorted (CD3+)."
    )
    for one, other in zip(found["clones"], alone["clones"], strict=True):
        assert [said(one[name]) for name in ("moves", "carries", "subsets")] == [
            said(other[name]) for name in ("moves", "carries", "subsets")
        ]
    assert [said(part) for part in found["surroundings"]] == [said(part) for part in alone["surroundings"]]


def test_carriers_are_of_all_samples_and_their_shares_of_the_compared_ones(several):
    seen = next(entry for entry in several[0]["clones"] if entry["clone"] == "IGH_1")
    # 30 of T3 twice, three and four times: matched cells of every sample.
    assert said(seen["who"]).startswith("Plasma cells: 300 of 320 matched cells (")
    assert said(seen["beside"]) == "B-ALL blasts: 0 of 120 with a receptor (at most 2.47 %)"


def test_malignant_cells_of_every_sample_are_told_each_by_itself(several):
    told = said(several[0]["malignant"][0])
    assert told.startswith("Called malignant, of all cells: 0 of 60 at T1 (at most ")
    assert "6 of 60 at T3 (" in told and "24 of 240 at T0 (CAR-T product) (" in told
    assert "12 of 120 at T2 (blood) (" in told and "18 of 180 at T3 (bone marrow, CD3+) (" in told


def test_numbers_of_several_tissues_are_in_their_tables(several, tmp_path):
    for number in report_case.numbers(several[0]):
        table = report_case.read_table(tmp_path / "tables" / number["table"])
        asked = {name: number.get(name) for name in ("column", "where", "bound", "per")}
        assert report_case.from_table(table, **asked) == pytest.approx(number["value"]), number


@pytest.mark.parametrize(
    ("entry", "headline"),
    [
        ({}, "Plasma cells carry A: persistent, with 1q gain."),
        ({"confidence": "moderate"}, "Plasma cells probably carry A (confidence moderate): persistent, with 1q gain."),
        ({"main_share": 0.4, "confidence": "moderate", "fate": "", "events": []},
         "Several cell types show A, most often plasma cells."),
        ({"carrier": ""}, "A: seen in too few cells to name a carrier (3 are needed)."),
        ({"carrier": "", "verdict": "not detected (upper limit 2 %)"},
         "A: not detected in single cells, which is not the same as absent."),
        ({"carrier": "", "verdict": "not testable: Kde"}, "A: not testable in these single cells."),
    ],
)  # fmt: skip
def test_the_headline_says_no_more_than_the_confidence(entry, headline):
    usual = {
        "clone": "A",
        "verdict": "carried by ..",
        "carrier": "plasma cell",
        "main_share": 0.95,
        "confidence": "high",
    }
    assert case_answer.headline([usual | {"fate": "persistent", "events": ["1q gain"]} | entry]) == headline


def test_unseen_is_not_absent(answer):
    hidden = next(entry for entry in answer()["clones"] if entry["clone"] == "IGKDE_1")
    assert said(hidden["who"]).startswith("Not testable: Kde removes IGKC")
    assert hidden["why"][0].startswith("seen at T1 only")
    assert hidden["confidence"] == "none" and hidden["carrier"] == ""


def test_without_bulk_the_page_says_so(answer):
    found = answer(full=False)
    assert found["clones"] == [] and found["headline"].startswith("No bulk MRD table was given")


def test_malignant_cells_are_told_by_type_time_and_evidence(answer):
    every, plasma, blasts, lines, undecided = map(said, answer()["malignant"])
    assert every.startswith("Called malignant, of all cells: 0 of 60 at T1 (at most ") and "6 of 60 at T3 (" in every
    assert plasma.startswith("Plasma cells: 0 of 20 at T1 (at most ") and "3 of 20 at T2 (" in plasma
    assert blasts.startswith("B-ALL blasts: ")
    assert lines == (
        "Lines of evidence behind these calls, over all times: expanded clone + altered arms in 6 cells; "
        "expanded clone + expression programme in 3 cells. A call needs 2 lines or more."
    )
    assert undecided.startswith("Undecided: 1 of 60 at T1 (")


def calls(counts, kind="plasma cell"):
    """Rows of malignancy.tsv at T1, T2, ...: cells called malignant of 40, of a type and of all cells."""
    rows = [
        {"timepoint": f"T{at + 1}", "day": at, "cell_type": label, "malignancy": verdict, "n": n, "total": 40,
         "share": n / 40, "low": 0.01, "high": 0.2, "assessable": "yes", "reason": None}
        for at, called in enumerate(counts) for label in ("all cells", kind) for verdict, n in (("malignant", called), ("undecided", 40 - called))
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_of_many_times_the_first_the_highest_and_the_last_are_told():
    told = said(case_answer.malignant(calls([1, 2, 9, 3, 4]), {}, "P1")[0])
    assert re.findall(r"(\d+) of 40 at (T\d)", told) == [("1", "T1"), ("9", "T3"), ("4", "T5")]


def test_no_malignant_cell_is_a_bound_and_no_table_is_no_statement():
    assert case_answer.malignant(None, {}, "P1") == []
    none, undecided = map(said, case_answer.malignant(calls([0]), {}, "P1"))
    assert none == "No cell is called malignant: 0 of 40 at T1 (at most 20 %)."
    assert undecided.startswith("Undecided: 40 of 40 at T1 (")


def test_a_type_with_few_calls_is_named_without_numbers():
    table = pd.concat([calls([30]), calls([2], "B precursor").query("cell_type != 'all cells'")], ignore_index=True)
    told = [said(part) for part in case_answer.malignant(table, {}, "P1")]
    assert "Further types with cells called malignant: B precursors." in told


def closed(table, time, reason="no B-cell receptor"):
    """The table with a time point of which nothing could be assessed."""
    here = table.timepoint == time
    table = table.assign(assessable=table.assessable.mask(here, "no"), reason=table.reason.mask(here, reason))
    return table.assign(
        **{name: table[name].mask(here & (table.malignancy == "malignant")) for name in ("share", "low", "high")}
    )


def test_what_could_not_be_assessed_is_one_sentence_and_no_bound():
    only = [said(part) for part in case_answer.malignant(closed(calls([0]), "T1"), {}, "P1")]
    assert only == ["Malignant cells cannot be assessed at T1: no B-cell receptor."]
    both = closed(closed(calls([0, 0]), "T1"), "T2")
    assert [said(part) for part in case_answer.malignant(both, {}, "P1")] == [
        "Malignant cells cannot be assessed at T1 and T2: no B-cell receptor."
    ]
    apart = closed(closed(calls([0, 0]), "T1"), "T2", "no cell of a B lineage")
    assert said(case_answer.malignant(apart, {}, "P1")[0]) == (
        "Malignant cells cannot be assessed at T1: no B-cell receptor; at T2: no cell of a B lineage."
    )


def test_of_several_times_only_those_that_could_be_assessed_have_bounds():
    told = [said(part) for part in case_answer.malignant(closed(calls([0, 0]), "T2"), {}, "P1")]
    assert told[0] == "No cell is called malignant: 0 of 40 at T1 (at most 20 %)."
    assert told[1] == "Malignant cells cannot be assessed at T2: no B-cell receptor."
    assert told[2].startswith("Undecided: 40 of 40 at T1 (") and "T2" not in told[2]
    some = [said(part) for part in case_answer.malignant(closed(calls([0, 7]), "T2"), {}, "P1")]
    assert some[0] == "Called malignant, of all cells: 0 of 40 at T1 (at most 20 %), 7 of 40 at T2."
    assert (
        some[2 if "Plasma" in some[1] else 1] == "Malignant cells cannot be assessed in full at T2: no B-cell receptor."
    )


def test_precursors_go_first_in_the_answer_and_on_both_pages(answer, tmp_path):
    report_case.write(tmp_path / "tables")
    row = {"patient": "P1", "sample": "P1_T3", "timepoint": "T3", "day": 180, "n": 53, "total": 54, "share": 0.98, "low": 0.9, "high": 1.0,
           "b_lineage": 54, "reading": "open", "named": "pDC", "with_bcr": None, "largest_clone": None, "early": 30, "kappa": 0, "lambda": 0,
           "cd19": "present", "cd19_n": 38, "cd19_low": 0.58, "cd19_high": 0.82, "cd19_expected": 0.3, "after": "yes",
           "therapy": "CD19 CAR-T infusion", "therapy_day": 0, "target": "CD19"}  # fmt: skip
    pd.DataFrame([row]).to_csv(tmp_path / "tables" / "P1.precursors.tsv", sep="\t", index=False)
    found = report_case.make_answer(tmp_path / "tables")
    assert said(found["first"][0]) == (
        "53 B-lineage precursors at T3, of 54 cells (90 % to 100 %), after CD19 CAR-T infusion (day 0): leukaemia or haematogones; "
        "CD19 transcripts in 38 of 53 (58 % to 82 %); most often named pDCs; B-lineage genes in 54 of 54; a BCR library or "
        "flow cytometry would tell."
    )
    for number in report_case.numbers(found["first"]):
        table = report_case.read_table(tmp_path / "tables" / number["table"])
        assert report_case.from_table(table, number["column"], number["where"]) == pytest.approx(number["value"])
    page = report_case.make_page(tmp_path / "tables").read_text()
    answer_box = page[page.index('id="answer"') :]
    assert answer_box.index("B-lineage precursors at T3") < answer_box.index('class="headline"')
    import cohort_report

    row = cohort_report.patient_row(found, report_case.read_table(tmp_path / "tables" / "samples.tsv"), set())
    assert row["headline"].startswith("53 B-lineage precursors at T3, of 54 cells")
