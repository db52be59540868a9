"""Samples that fail or do not belong together: which of them end a run, and which become a row of the report."""

import os
import shutil

import pytest
from helpers.sheets import liao_rows, mouse_rows, write_sheet

from pipeline.conftest import nextflow_run


@pytest.fixture(scope="module")
def mixed_run(tmp_path_factory, data):
    """A good sample, one whose file is torn, and a folder of cellranger multi; without a network where possible."""
    folder = tmp_path_factory.mktemp("mixed")
    torn = folder / "torn.h5"
    whole = (data / "liao_covid_balf" / "C146" / "count" / "filtered_feature_bc_matrix.h5").read_bytes()
    torn.write_bytes(whole[: len(whole) // 2])
    multi = {"sample": "tiny", "patient": "P1", "timepoint": "T1", "day": 0, "outs": data / "multi_layout" / "outs"}
    rows = [*liao_rows(data, C146={"gex": torn}), multi]
    columns = dict.fromkeys(name for row in rows for name in row)
    rows = [{name: row.get(name, "") for name in columns} for row in rows]
    sheet = write_sheet(folder / "samples.csv", rows)
    apart = ("unshare", "--net") if shutil.which("unshare") and os.geteuid() == 0 else ()
    options = ("--min_cells", 10, "--min_umi", 0, "--qc_only", "true")
    return folder, rows, nextflow_run(folder, "--input", sheet, *options, within=apart)


def test_a_file_that_cannot_be_read_becomes_a_row(mixed_run):
    _folder, _rows, run = mixed_run
    assert run.status == 0, run.printed
    samples = {row["sample"]: row for row in run.table("cells/qc.tsv")}
    assert samples["C146"]["status"] == "failed" and "torn.h5" in samples["C146"]["reason"]
    assert samples["C149"]["status"] == "pass"


def test_the_folder_of_cellranger_multi_is_enough(mixed_run):
    _folder, _rows, run = mixed_run
    sample = {row["sample"]: row for row in run.table("cells/qc.tsv")}["tiny"]
    assert sample["status"] == "pass"
    assert int(sample["bcr_cells"]) > 0 and int(sample["tcr_cells"]) > 0


def test_without_keep_going_a_file_that_cannot_be_read_stops_the_run(mixed_run):
    folder, rows, _run = mixed_run
    sheet = write_sheet(folder / "torn.csv", [row for row in rows if row["sample"] == "C146"])
    stopped = nextflow_run(folder, "--input", sheet, "--keep_going", "false", results="stopped")
    assert stopped.status != 0
    assert "torn.h5" in stopped.printed


def test_a_mouse_sample_runs(tmp_path, data):
    sheet = write_sheet(tmp_path / "samples.csv", mouse_rows(data)[:1])
    run = nextflow_run(tmp_path, "--input", sheet, "--min_umi", 0, "--min_genes", 1)
    assert run.status == 0, run.printed
    assert "BL6: mouse, so quality control only" in run.printed
    assert {row["species"] for row in run.table("cells/qc.tsv")} == {"mouse"}
