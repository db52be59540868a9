"""COHORT_REPORT: patients side by side, with links, and names as text."""

import json

from _results import read_rows

import cohort_report
import pandas as pd
import pytest
from helpers import report_case

EVIL = '<img src=x onerror="alert(1)">'


@pytest.fixture
def page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def build(differences=None, clone="IGH_1"):
        folder = tmp_path / "tables"
        samples, shares = [], []
        for patient in ("P1", "P2"):
            own = tmp_path / patient
            report_case.write(own, patient=patient)
            samples.append(pd.read_csv(own / "samples.tsv", sep="\t"))
            shares.append(pd.read_csv(own / "composition.tsv", sep="\t"))
            entry = {"clone": clone, "carrier": "plasma cell", "confidence": "high"}
            answer = {"patient": patient, "headline": f"Plasma cells carry {clone}.", "clones": [entry], "warnings": []}
            (tmp_path / f"{patient}.answer.json").write_text(json.dumps(answer))
        folder.mkdir(exist_ok=True)
        pd.concat(samples).to_csv(folder / "samples.tsv", sep="\t", index=False)
        pd.concat(shares).to_csv(folder / "composition.tsv", sep="\t", index=False)
        status = pd.concat(samples)[["sample"]].assign(status="pass")
        status.loc[status["sample"] == "P2_T2", "status"] = "failed"
        status.to_csv(folder / "qc.tsv", sep="\t", index=False)
        if differences is not None:
            differences.to_csv(folder / "differential_abundance.tsv", sep="\t", index=False)
        (tmp_path / "failed.tsv").write_text("step\tof\treason\nCNV\tP1\tno cell & no arm\n")
        assets = report_case.ASSETS
        report_case.run(
            cohort_report.main, "P2.answer.json", "P1.answer.json", "--tables", "tables", *report_case.COLOURS,
            "--assets", assets / "report", "--failures", "failed.tsv",
        )  # fmt: skip
        return (tmp_path / "cohort_report.html").read_text()

    return build


def test_every_patient_has_a_row_and_a_link(page):
    text = page()
    assert text.index('href="P1.case_report.html"') < text.index('href="P2.case_report.html"')
    assert text.count("Plasma cells carry IGH_1.") == 2
    assert "failed: P2_T2" in text
    assert text.count("<svg") == 5 and "Not tested" in text


def test_samples_of_another_tissue_are_named_and_not_drawn_with_the_others(page, tmp_path):
    alone = page()
    report_case.add_others(tmp_path / "P1")
    made = report_case.make_answer(tmp_path / "P1")
    samples = read_rows(tmp_path / "P1", "samples.tsv")
    row = cohort_report.patient_row(made, samples, set())
    assert row["times"] == ["T1 (day -30)", "T2 (day 28)", "T3 (day 180)"]
    assert row["not_compared"].startswith("3 samples are not compared with those of T1, T2 and T3")
    drawn = [cohort_report.panels(read_rows(tmp_path / "P1", "composition.tsv"), {"P1": "#000000"})]
    report_case.write(tmp_path / "P1")
    drawn.append(cohort_report.panels(read_rows(tmp_path / "P1", "composition.tsv"), {"P1": "#000000"}))
    assert drawn[0] == drawn[1] and "not compared" not in alone


def test_only_certain_differences_are_listed(page):
    table = pd.DataFrame({"label": ["NK", "HSPC"], "difference": [0.2, 0.01], "fdr": [0.001, 0.4]})
    text = page(table)
    assert "1 of 2 comparisons" in text and "<td>NK</td>" in text and "<td>HSPC</td>" not in text
    assert "None of 1 comparisons" in page(table.iloc[1:])


def test_failed_steps_come_first(page):
    html = page()
    assert html.index("<b>CNV</b> of P1 failed, its results are missing: no cell &amp; no arm") < html.index("Answers")


def test_names_are_text(page):
    text = page(clone=EVIL)
    assert "<img" not in text and "&lt;img" in text


def test_warnings_of_a_sample_named_by_a_number_are_counted(tmp_path):
    (tmp_path / "samples.tsv").write_text("sample\tpatient\ttimepoint\tday\n001\t1\t28\t0\n")
    samples = read_rows(tmp_path, "samples.tsv")
    warnings = [{"level": "warning", "sample": "001", "text": "few cells"}]
    answer = {"patient": "1", "headline": "", "clones": [], "warnings": warnings}
    row = cohort_report.patient_row(answer, samples, {"001"})
    assert (row["warnings"], row["failed"], row["times"]) == (1, ["001"], ["28 (day 0)"])
