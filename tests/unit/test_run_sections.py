"""Sections of the MultiQC page from what earlier steps found: warnings first, numbers as given."""

import _run_sections as sections

import numpy as np
import pytest


def test_one_reason_is_told_once():
    row = {"sample": "A", "reason": "exchanged", "identity_reason": "exchanged"}
    data = sections.sample_table([row])["data"]["A"]
    assert data["identity_reason"] == "exchanged" and data["reason"] != "exchanged"


def test_warnings_are_told_and_long_lists_folded():
    rows = [{"status": "pass"}, {"status": "failed"}]
    warning = {"level": "warning", "sample": "A", "step": "QC", "text": "x"}
    assert "1 of 2 samples passed, without warnings." in sections.comment(rows, [], [])
    page = sections.comment(rows, [warning | {"text": f"number {i}"} for i in range(25)], [])
    only_notes = sections.comment(rows, [warning | {"level": "note"}], [])
    assert "without warnings." in only_notes and only_notes.index("1 note</summary>") < only_notes.index(">A<")
    assert "5 more" in page and page.index("number 19") < page.index("<details>") < page.index("number 20")


def test_shape_is_a_density_of_all_values():
    values = np.random.default_rng(0).normal(5, 1, 20_000)
    x, width = sections.shape(values, 0, 10)
    assert abs(x[width.argmax()] - 5) < 0.4 and width.max() == pytest.approx(1)
    half = x[width > 0.5]
    assert half[-1] - half[0] == pytest.approx(2.355, abs=0.25), "full width at half maximum of a normal curve"
    assert np.isfinite(sections.shape(np.zeros(5), 0, 1)[1]).all()


def test_cell_ranger_metrics_are_shown_as_given():
    reads = {"A": {"cellranger": {"Mean Reads per Cell": 87433.0, "<i>odd</i>": 90.5}}, "B": {"cellranger": {}}}
    table = sections.cellranger_table(reads, ["A", "B"])
    assert table["data"] == {"Mean Reads per Cell": {"A": "87,433"}, "&lt;i&gt;odd&lt;/i&gt;": {"A": "90.50"}}
    rows = [{"sample": "A"}]
    general = sections.general_table(rows, reads, {})
    assert general["data"]["A"] == {"mean reads per cell": 87433.0}


@pytest.mark.parametrize(("written", "shown"), [("0.05", 5.0), ("0", 0.0), ("", None)])
def test_a_contamination_that_cannot_be_estimated_has_no_value(written, shown):
    """As SAMPLE_STATUS writes it into qc.tsv and RUN_REPORT reads it."""
    rows = [{"sample": "A", "cells_after": "9", "contamination": written}]
    assert sections.general_table(rows, {}, {})["data"]["A"].get("contamination_pct") == shown
