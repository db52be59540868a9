"""From Cell Ranger's files to quality-controlled cells: whole runs on real samples."""

import json

import pytest
import yaml
from helpers.sheets import liao_rows, write_sheet

from pipeline.conftest import PROJECT, nextflow_run


@pytest.fixture(scope="module")
def liao_run(tmp_path_factory, data):
    """The three real lung lavage samples of the project, quality control only, run once."""
    folder = tmp_path_factory.mktemp("liao")
    run = nextflow_run(folder, "--input", data / "liao_covid_balf" / "samples.csv", "--qc_only", "true")
    assert run.status == 0, run.printed
    return run


def test_the_bad_sample_is_called_bad_and_the_good_one_good(liao_run):
    samples = {row["sample"]: row for row in liao_run.table("cells/qc.tsv")}
    assert list(samples) == ["C144", "C146", "C149"]
    assert [samples[name]["quality"] for name in samples] == ["bad", "fair", "good"]
    assert float(samples["C144"]["median_pct_mito"]) > 65
    page = (liao_run.results / "report" / "multiqc_report.html").read_text(encoding="utf-8")
    assert "quality is bad: 1,246 of 1,450 cells excluded" in page
    assert [int(samples[name]["tcr_cells"]) for name in samples] == [136, 54, 391]


def test_results_are_where_the_pages_say(liao_run):
    for name in (
        "report/multiqc_report.html",
        "cells/identity.tsv",
        "pipeline_info/samples.tsv",
        "pipeline_info/trace.tsv",
        "pipeline_info/timeline.html",
        "pipeline_info/report.html",
        "pipeline_info/dag.html",
    ):
        assert (liao_run.results / name).stat().st_size > 0, name


def test_versions_of_every_process_are_kept(liao_run):
    versions = yaml.safe_load((liao_run.results / "pipeline_info" / "versions.yml").read_text())
    ran = {row["process"].split(":")[-1] for row in liao_run.tasks()}
    assert ran | {"clonewatch"} == set(versions)
    assert {"clonewatch", "nextflow"} == set(versions["clonewatch"])


def test_values_given_as_text_become_the_schemas_types(liao_run):
    used = json.loads((liao_run.results / "pipeline_info" / "params.json").read_text())
    schema = json.loads((PROJECT / "nextflow_schema.json").read_text())
    assert used.keys() == {name for group in schema["$defs"].values() for name in group["properties"]}
    assert used["min_umi"] == 1000 and used["keep_going"] is True and used["min_overlap"] == 0.3


def test_the_run_ends_by_saying_where_results_are(liao_run):
    assert "results/report/multiqc_report.html" in liao_run.printed


def test_a_changed_threshold_runs_quality_control_and_what_follows(liao_run, data):
    assert {row["status"] for row in liao_run.tasks()} == {"COMPLETED"}
    same = ("--input", data / "liao_covid_balf" / "samples.csv", "--qc_only", "true", "-resume")
    stricter = nextflow_run(liao_run.results.parent, *same, "--max_mito", 8, results="stricter")
    assert stricter.status == 0, stricter.printed
    assert {"CHECK_INPUTS", "READ_CELLRANGER"}.isdisjoint(stricter.executed())
    assert stricter.executed() == {"QC", "AMBIENT", "IDENTITY", "SAMPLE_STATUS", "RUN_REPORT"}


def test_problems_of_a_samplesheet_stop_the_run_before_anything_is_read(tmp_path, data):
    rows = liao_rows(data, C146={"gex": "no/such/file.h5", "day": "soon"}, C149={"sample": "C 149"})
    run = nextflow_run(tmp_path, "--input", write_sheet(tmp_path / "samples.csv", rows))
    assert run.status != 0
    for found in ("no/such/file.h5", "soon", "C 149", "row 2", "row 3"):
        assert found in run.printed
    assert {row["process"].split(":")[-1] for row in run.tasks()} == {"CHECK_INPUTS"}


def test_a_swapped_receptor_file_names_the_sample_it_belongs_to(tmp_path, data):
    rows = liao_rows(data)
    rows[0]["vdj_t"], rows[1]["vdj_t"] = rows[1]["vdj_t"], rows[0]["vdj_t"]
    run = nextflow_run(tmp_path, "--input", write_sheet(tmp_path / "samples.csv", rows), "--keep_going", "false")
    assert run.status != 0
    assert "C146" in run.printed and "C149" in run.printed and "swap" in run.printed.lower()
