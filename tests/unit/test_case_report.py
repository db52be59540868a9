"""The steps of the case report: every kind of run gives a page, and what tables say appears as text."""

import base64
import gzip
import io
import json
from html.parser import HTMLParser

import case_report
import numpy as np
import pandas as pd
import pytest
from helpers import report_case

ONE, THREE = (("T1", 5),), (("T1", -30), ("T2", 28), ("T3", 180))
TWELVE = tuple((f"T{i}", 30 * i) for i in range(12))


class Page(HTMLParser):
    """Tags, ids and texts of a page, and whether it is well nested enough to be read."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.data = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.tags.append((tag, found))
        if "id" in found:
            self.ids.append(found["id"])


@pytest.fixture
def page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def build(**options):
        report_case.write(tmp_path / "tables", **options)
        return report_case.make_page(tmp_path / "tables").read_text()

    return build


def test_the_page_says_why_there_is_no_car_call_in_the_words_of_the_step_that_knows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report_case.write(tmp_path / "tables")
    (tmp_path / "tables" / "P1.car_kinetics.tsv").unlink(missing_ok=True)
    reason = "CAT_scFv is in the reference, but none of the 54 kept cells has a UMI of it"
    facts = {"P1_T1": {"reason": reason}, "P1_T2": {"reason": reason}, "P1_T3": {"reason": "", "remark": ""}}
    (tmp_path / "tables" / "P1.car.json").write_text(json.dumps({"patient": "P1", "samples": facts}))
    text = report_case.make_page(tmp_path / "tables").read_text()
    assert f"CAR-T cells: P1_T1 and P1_T2: {reason}." in text
    assert "needs the CAR" not in text


def test_samples_that_are_not_compared_are_named_and_told_apart(page, tmp_path):
    assert "not compared" not in page() and "bone marrow" not in page()
    report_case.add_others(tmp_path / "tables")
    text = report_case.make_page(tmp_path / "tables").read_text()
    assert (
        "3 samples are not compared with those of T1, T2 and T3 (bone marrow, unsorted): P1_IP is CAR-T product" in text
    )
    assert (
        "<b>T3</b> day 180, bone marrow, CD3+, 60 cells kept" in text and "<b>T0</b> day 0, CAR-T product, 60" in text
    )


@pytest.mark.parametrize(
    ("options", "there", "missing"),
    [
        ({}, ("fig-clones_bcr", "fig-clones_tcr", "fig-mrd", "fig-communication", "fig-change", "map-plasma"), ()),
        ({"receptors": ()}, ("fig-composition",), ("add vdj_b", "add vdj_t")),
        ({"receptors": ("TCR",)}, ("fig-clones_tcr",), ("add vdj_b",)),
        ({"receptors": ("BCR",)}, ("fig-clones_bcr",), ("add vdj_t",)),
        ({"times": ONE}, ("fig-mrd", "fig-clones_bcr"), ("two time points",)),
        ({"times": TWELVE}, ("fig-change", "fig-summary"), ()),
        ({"full": False}, ("fig-timeline", "fig-composition"), ("--mrd", "--clinical", "--fish", "--focus")),
    ],
)
def test_every_kind_of_run_gives_a_page(page, options, there, missing):
    text = page(**options)
    found = Page(text)
    assert len(found.ids) == len(set(found.ids))
    for name in there:
        assert name in found.ids
    for words in missing:
        assert words in text
    links = {
        attributes["href"][1:] for tag, attributes in found.tags if tag == "a" and attributes["href"].startswith("#")
    }
    assert links <= set(found.ids)


def test_a_lost_sample_and_unknown_states_still_give_a_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report_case.write(tmp_path / "tables")
    table = pd.read_parquet("tables/cells.parquet")
    table = table[table["timepoint"] != "T2"].assign(
        isg_score=np.nan, cnv_profile=None, malignancy=None, mrd_clone=None
    )
    table["isg_high"] = pd.array([pd.NA] * len(table), dtype="boolean")
    table.to_parquet("tables/cells.parquet")
    status = pd.read_csv("tables/samples.tsv", sep="\t").assign(status=["pass", "failed", "pass"])
    status.to_csv("tables/qc.tsv", sep="\t", index=False)
    text = report_case.make_page(tmp_path / "tables").read_text()
    assert "0 cells kept (failed)" in text and "fig-isg_plasma" not in text and "fig-summary" in text


def test_failed_steps_of_the_patient_stand_before_the_headline(page, tmp_path):
    (tmp_path / "tables").mkdir(exist_ok=True)
    rows = "CNV\tP1\tno cell & no arm\nCNV\tP9\tof another\nTRANSGENE\tP9_T1\tof another\nSUBCLUSTER\tNK\tended\n"
    (tmp_path / "tables" / "failed_steps.tsv").write_text("step\tof\treason\n" + rows)
    report_case.write(tmp_path / "tables")
    sheet = tmp_path / "tables" / "samples.tsv"
    header, first = sheet.read_text().splitlines()[:2]
    other = dict(zip(header.split("\t"), first.split("\t"), strict=True)) | {"sample": "P9_T1", "patient": "P9"}
    sheet.write_text(sheet.read_text() + "\t".join(other[name] for name in header.split("\t")) + "\n")
    html = report_case.make_page(tmp_path / "tables").read_text()
    assert html.index("<b>CNV</b> of P1 failed, its results are missing: no cell &amp; no arm") < html.index(
        'class="headline"'
    )
    assert "<b>SUBCLUSTER</b> of NK failed" in html and "of another" not in html


def test_nothing_is_loaded_from_elsewhere(page):
    for tag, attributes in Page(page()).tags:
        for name in ("src", "href", "action", "srcset"):
            assert not str(attributes.get(name, "")).startswith(("http", "//", "file")), (tag, attributes)


def test_hostile_names_are_text(page):
    text = page(name=report_case.HOSTILE)
    assert "<script>window" not in text
    assert "window.hacked" in text  # as text it is there
    assert [attributes for tag, attributes in Page(text).tags if tag == "script"] == [
        {"type": "application/json", "id": "maps"}, {"type": "application/json", "id": "tables"},
        {"type": "application/json", "id": "charts"}, {}, {},
    ]  # fmt: skip


def test_tables_in_the_page_are_the_patients_rows(page, tmp_path):
    text = page()
    held = json.loads(text.split('<script type="application/json" id="tables">')[1].split("</script>")[0])
    csv = gzip.decompress(base64.b64decode(held["P1.mrd.tsv"])).decode()
    table = pd.read_csv(tmp_path / "tables" / "P1.mrd.tsv", sep="\t")
    assert len(csv.splitlines()) == len(table) + 1 and csv.splitlines()[0] == ",".join(table.columns)


def test_rows_of_other_patients_stay_out(tmp_path):
    rows = [{"patient": "P1", "label": "a"}, {"patient": "P2", "label": "b"}]
    pd.DataFrame(rows).to_csv(tmp_path / "composition.tsv", sep="\t", index=False)
    found = case_report.read_tables(tmp_path, {"composition.tsv", "gone.tsv"}, "P1")
    assert list(found) == ["composition.tsv"] and found["composition.tsv"]["rows"] == 1
    assert "P2" not in found["composition.tsv"]["csv"]


def test_a_text_that_a_spreadsheet_would_run_is_text_and_numbers_stay(tmp_path):
    texts = ["=1+1", "+cmd|' /C calc'!A0", "-x", "@SUM(1)", "-14", "+2.5e-3", "CD4+ =", "\u03b3\u03b4", ""]
    pd.DataFrame({"name": texts, "n": range(len(texts))}).to_csv(tmp_path / "t.tsv", sep="\t", index=False)
    text = case_report.read_tables(tmp_path, {"t.tsv"}, "P1")["t.tsv"]["csv"]
    held = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)["name"].tolist()
    assert held == ["'=1+1", "'+cmd|' /C calc'!A0", "'-x", "'@SUM(1)", *texts[4:]]


def test_equal_runs_give_equal_pages(page):
    assert page() == page()


def test_warnings_that_differ_in_numbers_only_are_one():
    listed = [{"level": level, "sample": sample, "text": text} for level, sample, text in (
        ("warning", "A", "3 of 349 contigs are odd"), ("note", "A", "a note"), ("warning", "B", "1 of 9 contigs are odd"),
    )]  # fmt: skip
    first, second = case_report.grouped(listed)
    assert (first["samples"], len(first["texts"]), second["level"]) == (["A", "B"], 2, "note")


def test_notes_are_folded_apart_from_warnings(page, tmp_path):
    """What is normal in good data stands below the warnings and counts as none."""
    note = {
        "level": "note",
        "sample": "P1_T1",
        "step": "READ_CELLRANGER",
        "text": "3 of 349 contigs are of a TCR locus",
    }
    page()
    (tmp_path / "tables" / "warnings.json").write_text(json.dumps([note]))
    html = report_case.make_page(tmp_path / "tables").read_text()
    section = html[html.index("<h3>Warnings</h3>") :]
    assert section.index("<p>None.</p>") < section.index("1 note on what is normal") < section.index(note["text"])


def test_clones_of_one_population_are_one_row_that_keeps_each_curve_and_count():
    usual = {
        "matched": "P1.B1",
        "carrier": "plasma cell",
        "confidence": "high",
        "why": [],
        "carries": ["1q gain"],
        "beside": ["NK: 0"],
    }
    moves = [["Bulk: 1 %. ", "Single cells: persistent"], ["Bulk: 2 %. ", "Single cells: persistent"]]
    entries = [usual | {"clone": name, "who": [who], "moves": part}
               for name, who, part in (("A", "9 of 9", moves[0]), ("B", "9 of 9", moves[1]), ("C", "2 of 3", moves[1]))]  # fmt: skip
    (row,) = case_report.merged([*entries])
    assert row["names"] == ["A", "B", "C"] and [part["names"] for part in row["who"]] == [["A", "B"], ["C"]]
    assert [part["said"] for part in row["moves"]] == [["Bulk: 1 %. "], ["Bulk: 2 %. "], ["Bulk: 2 %. "]]
    assert row["cells"] == ["Single cells: persistent"] and row["beside"] == [["NK: 0"]]
    hidden = usual | {"matched": "", "carrier": "", "moves": ["Bulk: 1 %. "]}
    two = [hidden | {"clone": name, "who": [who]} for name, who in (("A", "x"), ("B", "y"))]
    assert len(case_report.merged(two)) == 2


def test_names_that_look_like_numbers_are_names(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "tables"
    report_case.write(folder, patient="001", times=(("1", -30), ("28", 28)))
    for name in ("mrd", "mrd_curve"):
        path = folder / f"001.{name}.tsv"
        table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
        table.replace({"clone": {"IGH_1": "1", "IGKDE_1": "2"}}).to_csv(path, sep="\t", index=False)
    page = report_case.make_page(folder, "001").read_text(encoding="utf-8")
    assert "Plasma cells carry 1:" in page
    answer = json.loads((tmp_path / "001.answer.json").read_text())
    (seen,) = [clone for clone in answer["clones"] if clone["clone"] == "1"]
    assert report_case.said(seen["who"]).startswith("Plasma cells: 30 of 32 matched cells")
    assert "28 68.8 %" in report_case.said(seen["moves"]) and seen["confidence"] == "high"
    figures = report_case.by_id(json.loads((tmp_path / "001.figures.json").read_text()))
    assert "Not shown" not in figures["communication"]["alt"]
    assert figures["watched"]["columns"] == ["1", "28"]
    columns = figures["summary"]["columns"]
    assert [column["label"] for column in columns] == ["1, day -30", "28, day 28"]
    assert any("at 1, " in report_case.said(statement) for statement in answer["surroundings"])
    assert [len(column["arrows"]) for column in columns] == [1, 1]


def test_versions_are_told_by_step(tmp_path):
    (tmp_path / "versions.txt").write_text("QC anndata=0.12.19 numpy=2.4.6\nFATES\nANNOTATE click=8.5.1\n")
    assert case_report.versions_of(tmp_path / "versions.txt") == [
        ("ANNOTATE", "click 8.5.1"), ("FATES", ""), ("QC", "anndata 0.12.19, numpy 2.4.6"),
    ]  # fmt: skip
    assert case_report.versions_of(None) == []


def test_a_sample_with_the_name_of_a_missing_value_keeps_its_status(tmp_path):
    (tmp_path / "samples.tsv").write_text("sample\tpatient\ttimepoint\tday\nNA\tP1\tT1\t0\n")
    (tmp_path / "qc.tsv").write_text("sample\tstatus\nNA\tfailed\n")
    pd.DataFrame({"sample": ["NA"]}).to_parquet(tmp_path / "cells.parquet")
    assert case_report.samples_of(tmp_path, "P1")[0]["status"] == "failed"


def test_the_literature_is_that_of_the_packages_that_ran(project):
    table = project / "assets" / "report" / "literature.tsv"
    ran = [("INTEGRATE", "scanpy 1.11.5, umap-learn 0.5.12"), ("FATES", "")]
    cited = " ".join(case_report.literature_of(table, ran))
    assert all(name in cited for name in ("scanpy", "Scrublet", "UMAP")) and "LIANA" not in cited
    assert case_report.literature_of(table, []) == []


def test_what_the_page_cites_is_imported_by_a_command_and_stands_in_the_list_of_citations(project):
    from _cli import packages
    from _tables import read_text_table

    rows = read_text_table(project / "assets" / "report" / "literature.tsv")
    imported = {package for command in (project / "bin").glob("[!_]*.py") for package in packages(command)}
    assert set(rows["package"]) <= imported
    told = (project / "CITATIONS.md").read_text(encoding="utf-8")
    assert [row for row in rows["cited"] if row.split("doi:")[1] not in told] == []
