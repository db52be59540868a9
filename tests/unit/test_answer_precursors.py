"""Precursors in words: first after a therapy against CD19 or CD22, a note otherwise, and never a bound for what was not seen."""

from _answer_precursors import precursors
from _results import Case

import pandas as pd
import pytest
from helpers.report_case import said

USUAL = {
    "patient": "P1", "sample": "P1_T2", "timepoint": "T2", "day": 28, "cells": 900, "b_lineage": 60, "n": 45, "total": 900, "share": 0.05,
    "low": 0.0375, "high": 0.0663, "reading": "open", "named": "HSPC", "early": 12, "kappa": 0, "lambda": 0, "with_bcr": None,
    "largest_clone": None, "cd19": "present", "cd19_n": 20, "cd19_low": 0.31, "cd19_high": 0.59, "cd19_expected": 0.4, "cd22": "lost",
    "cd22_n": 0, "cd22_low": 0.0, "cd22_high": 0.064, "cd22_expected": 0.3, "after": "yes", "therapy": "CAR-T infusion", "therapy_day": 0,
    "target": "CD19",
}  # fmt: skip


@pytest.fixture
def words(tmp_path):
    def build(*rows, designs=()):
        """designs: tissue and sort of the rows' samples."""
        table = pd.DataFrame([USUAL | row for row in rows])
        table.to_csv(tmp_path / "P1.precursors.tsv", sep="\t", index=False)
        sheet = table[["sample", "patient", "timepoint", "day"]].drop_duplicates()
        if designs:
            sheet[["tissue", "sort"]] = designs
        sheet.to_csv(tmp_path / "samples.tsv", sep="\t", index=False)
        return tuple([said(statement) for statement in part] for part in precursors(Case(tmp_path, "P1")))

    return build


def test_nothing_is_known_without_the_table(tmp_path):
    assert precursors(Case(tmp_path, "P1")) == ([], [])


def test_after_a_therapy_both_possibilities_are_named_first(words):
    first, notes = words({})
    assert notes == [] and first[0].startswith(
        "45 B-lineage precursors at T2, of 900 cells (3.75 % to 6.63 %), after CAR-T infusion (day 0): leukaemia or haematogones; CD19"
    )
    assert first[0].endswith("; a BCR library or flow cytometry would tell.") and "CD22" not in first[0]
    seen, _ = words({"with_bcr": 0, "largest_clone": 0})
    assert seen[0].endswith("; 0 of 45 have a B-cell receptor, too few to tell; flow cytometry would.")


def test_cells_without_a_name_are_not_named_so(words):
    assert "; most often unassigned; " in words({"named": "unassigned"})[0][0]
    assert "; most often named HSPCs; " in words({})[0][0]


def test_a_sample_of_another_tissue_or_sort_is_told_with_it(words):
    rows = [{"sample": "m1", "timepoint": "T1", "day": 1}, {"sample": "m2"}, {"sample": "b2"}, {"sample": "s2"}]
    designs = [("marrow", ""), ("marrow", ""), ("blood", ""), ("marrow", "CD3+")]
    first, _ = words(*rows, designs=designs)
    assert [text.split(",")[0].rpartition(" at ")[2] for text in first[:3]] == ["T1", "T2", "T2 (blood)"]
    assert first[3].startswith("45 B-lineage precursors at T2 (marrow, CD3+), of 900 cells")


def test_a_lost_antigen_is_said_with_what_would_have_been_seen(words):
    lost = {"cd19": "lost", "cd19_n": 0, "cd19_low": 0.0, "cd19_high": 0.0644}
    assert (
        "CD19 transcripts in 0 of 45 (at most 6.44 %): lost or weak, precursors that have it would show it in about 40 %"
        in words(lost)[0][0]
    )
    few = lost | {"cd19": "undecided"}
    assert "CD19 transcripts in 0 of 45 (at most 6.44 %), too few to tell whether it is lost" in words(few)[0][0]
    assert "CD22 transcripts in 0 of 45 (at most 6.4 %): lost or weak" in words({"target": "CD19 CD22"})[0][0]


def test_one_clone_speaks_for_leukaemia_and_polyclonal_ones_are_as_of_regenerating_marrow(words):
    clone, _ = words({"reading": "one clone", "with_bcr": 30, "largest_clone": 29})
    assert "one clone has 29 of 30 with a B-cell receptor, which speaks for leukaemia" in clone[0]
    first, notes = words({"reading": "polyclonal", "with_bcr": 30, "largest_clone": 1})
    assert (
        first == []
        and "as regenerating marrow has (haematogones): the largest clone has 1 of 30 with a B-cell receptor"
        in notes[0]
    )
    assert notes[0].endswith("; a few leukaemic cells among them are not excluded.")
    stages, _ = words({"reading": "all stages", "kappa": 9, "lambda": 7})
    assert (
        "more likely these: of several stages (12 with CD34 or DNTT, 9 with kappa and 7 with lambda light chains)"
        in stages[0]
    )
    few, _ = words({"with_bcr": 4, "largest_clone": 1})
    assert few[0].endswith("; 4 of 45 have a B-cell receptor, too few to tell; flow cytometry would.")


def test_without_events_or_before_the_therapy_the_count_is_a_note(words):
    first, notes = words({"after": "unknown", "therapy": None, "therapy_day": None, "target": None})
    assert first == [] and notes == [
        "B-lineage precursors by their genes, whatever the cells are named: 45 of 900 cells at T2. No table of events (--events) says "
        "whether a therapy against CD19 or CD22 went before."
    ]
    first, notes = words({"after": "no", "therapy": None, "therapy_day": None, "target": None})
    assert first == [] and notes == [
        "B-lineage precursors by their genes, whatever the cells are named: 45 of 900 cells at T2."
    ]


def test_none_after_a_therapy_is_no_bound_and_what_is_not_testable_says_so(words):
    none = {"n": 0, "reading": "none", "sample": "P1_T3", "timepoint": "T3", "day": 60}
    first, notes = words(none, none | {"reading": "not testable", "sample": "P1_T4", "timepoint": "T4", "day": 90})
    assert first == [] and notes == [
        "Fewer than 3 B-lineage precursors at T3, after a therapy against CD19 or CD22.",
        "B-lineage precursors cannot be assessed at T4: cells have too few UMIs, or their genes are not measured.",
    ]
    assert words(none | {"after": "unknown"}) == ([], [])


def test_samples_of_one_day_are_named(words):
    first, _ = words({}, {"sample": "P1_T2_sorted", "n": 3})
    assert first[0].startswith("45 B-lineage precursors at T2 (P1_T2)") and first[1].startswith(
        "3 B-lineage precursors at T2 (P1_T2_sorted)"
    )
