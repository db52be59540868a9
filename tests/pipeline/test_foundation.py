"""From Cell Ranger's files to quality-controlled cells: whole runs on real samples."""

import csv
import os
import shutil

import pytest
import yaml

from pipeline.conftest import nextflow_run


def write_sheet(path, rows):
    """A samplesheet with the rows' keys as columns."""
    with path.open("w", newline="", encoding="utf-8") as lines:
        table = csv.DictWriter(lines, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    return path


def liao_rows(data, **replaced):
    """Samplesheet rows of two good lavage samples; `replaced` gives a sample other columns."""
    rows = [
        {
            "sample": sample,
            "patient": sample,
            "timepoint": "T1",
            "day": 0,
            "gex": data / "liao_covid_balf" / sample / "count" / "filtered_feature_bc_matrix.h5",
            "vdj_t": data / "liao_covid_balf" / sample / "vdj_t" / "filtered_contig_annotations.csv",
        }
        for sample in ("C146", "C149")
    ]
    return [{**row, **replaced.get(row["sample"], {})} for row in rows]


def test_the_bad_sample_is_called_bad_and_the_good_one_good(liao_run):
    _folder, run = liao_run
    samples = {row["sample"]: row for row in run.table("cells/qc.tsv")}
    assert list(samples) == ["C144", "C146", "C149"]
    assert [samples[name]["quality"] for name in samples] == ["poor", "fair", "good"]
    assert float(samples["C144"]["median_pct_mito"]) > 65
    page = (run.results / "report" / "multiqc_report.html").read_text(encoding="utf-8")
    assert "quality is poor: 1,246 of 1,450 cells excluded" in page
    assert [int(samples[name]["tcr_cells"]) for name in samples] == [136, 54, 391]


def test_results_are_where_the_pages_say(liao_run):
    _folder, run = liao_run
    for name in (
        "report/multiqc_report.html",
        "cells/identity.tsv",
        "pipeline_info/samples.tsv",
        "pipeline_info/trace.tsv",
        "pipeline_info/timeline.html",
        "pipeline_info/report.html",
        "pipeline_info/dag.html",
    ):
        assert (run.results / name).stat().st_size > 0, name


def test_versions_of_every_process_are_kept(liao_run):
    _folder, run = liao_run
    versions = yaml.safe_load((run.results / "pipeline_info" / "versions.yml").read_text())
    ran = {row["process"].split(":")[-1] for row in run.tasks()}
    assert ran | {"clonewatch"} == set(versions)
    assert {"clonewatch", "nextflow"} == set(versions["clonewatch"])


def test_the_run_ends_by_saying_where_results_are(liao_run):
    _folder, run = liao_run
    assert "results/report/multiqc_report.html" in run.printed


def test_resume_runs_nothing_again_and_a_threshold_only_what_follows(tmp_path, data):
    sheet = write_sheet(tmp_path / "samples.csv", liao_rows(data)[:1])
    first = nextflow_run(tmp_path, "--input", sheet, "-stub-run")
    assert first.status == 0, first.printed
    assert {row["status"] for row in first.tasks()} == {"COMPLETED"}
    again = nextflow_run(tmp_path, "--input", sheet, "-stub-run", "-resume", results="again")
    assert again.status == 0, again.printed
    assert again.executed() == set()
    stricter = nextflow_run(
        tmp_path, "--input", sheet, "--max_mito", 8, "-stub-run", "-resume", results="stricter"
    )
    assert stricter.status == 0, stricter.printed
    assert {"CHECK_INPUTS", "READ_CELLRANGER"}.isdisjoint(stricter.executed())
    assert {"QC", "IDENTITY", "INTEGRATE", "MULTIQC"} <= stricter.executed()


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
    run = nextflow_run(
        tmp_path, "--input", write_sheet(tmp_path / "samples.csv", rows), "--keep_going", "false"
    )
    assert run.status != 0
    assert "C146" in run.printed and "C149" in run.printed and "swap" in run.printed.lower()


@pytest.fixture(scope="module")
def mixed_run(tmp_path_factory, data):
    """A good sample, one whose file is torn, and a folder of cellranger multi; without a network where possible."""
    folder = tmp_path_factory.mktemp("mixed")
    torn = folder / "torn.h5"
    whole = (data / "liao_covid_balf" / "C146" / "count" / "filtered_feature_bc_matrix.h5").read_bytes()
    torn.write_bytes(whole[: len(whole) // 2])
    multi = {
        "sample": "tiny",
        "patient": "P1",
        "timepoint": "T1",
        "day": 0,
        "outs": data / "multi_layout" / "outs",
    }
    rows = [*liao_rows(data, C146={"gex": torn}), multi]
    columns = dict.fromkeys(name for row in rows for name in row)
    sheet = write_sheet(
        folder / "samples.csv", [{name: row.get(name, "") for name in columns} for row in rows]
    )
    apart = ("unshare", "--net") if shutil.which("unshare") and os.geteuid() == 0 else ()
    return (
        folder,
        sheet,
        nextflow_run(
            folder, "--input", sheet, "--min_cells", 10, "--min_umi", 0, "--qc_only", "true", within=apart
        ),
    )


def test_a_file_that_cannot_be_read_becomes_a_row(mixed_run):
    _folder, _sheet, run = mixed_run
    assert run.status == 0, run.printed
    samples = {row["sample"]: row for row in run.table("cells/qc.tsv")}
    assert samples["C146"]["status"] == "failed" and "torn.h5" in samples["C146"]["reason"]
    assert samples["C149"]["status"] == "pass"


def test_the_folder_of_cellranger_multi_is_enough(mixed_run):
    _folder, _sheet, run = mixed_run
    sample = {row["sample"]: row for row in run.table("cells/qc.tsv")}["tiny"]
    assert sample["status"] == "pass"
    assert int(sample["bcr_cells"]) > 0 and int(sample["tcr_cells"]) > 0


def test_without_keep_going_a_file_that_cannot_be_read_stops_the_run(mixed_run):
    folder, sheet, _run = mixed_run
    stopped = nextflow_run(folder, "--input", sheet, "--keep_going", "false", results="stopped")
    assert stopped.status != 0
    assert "torn.h5" in stopped.printed


def mouse_rows(data):
    """Samplesheet rows of the two mouse spleens."""
    spleen = data / "djvdj_mouse_spleen"
    return [
        {
            "sample": sample,
            "patient": sample,
            "timepoint": "T1",
            "day": 0,
            "gex": spleen / sample / "count" / "filtered_feature_bc_matrix",
            "vdj_b": spleen / sample / "vdj_b" / "filtered_contig_annotations.csv",
        }
        for sample in ("BL6", "MD4")
    ]


def test_mouse_samples_run(tmp_path, data):
    sheet = write_sheet(tmp_path / "samples.csv", mouse_rows(data))
    run = nextflow_run(tmp_path, "--input", sheet, "--min_umi", 0, "--min_genes", 1)
    assert run.status == 0, run.printed
    assert "BL6, MD4: mouse, so quality control only" in run.printed
    assert {row["species"] for row in run.table("cells/qc.tsv")} == {"mouse"}


def test_species_mixed_in_one_run_are_an_error(tmp_path, data):
    human = {**liao_rows(data)[1], "vdj_b": ""}
    mouse = {**mouse_rows(data)[0], "vdj_t": ""}
    run = nextflow_run(
        tmp_path,
        "--input",
        write_sheet(tmp_path / "samples.csv", [human, mouse]),
        "--min_umi",
        0,
        "--min_genes",
        1,
    )
    assert run.status != 0
    assert "human" in run.printed and "mouse" in run.printed and "BL6" in run.printed


def test_one_real_sample_without_bcr_runs_to_the_page(tmp_path, data):
    rows = [
        {**row, "patient": "P1", "timepoint": row["sample"], "day": day}
        for day, row in enumerate(liao_rows(data))
    ]
    apart = ("unshare", "--net") if shutil.which("unshare") and os.geteuid() == 0 else ()
    run = nextflow_run(tmp_path, "--input", write_sheet(tmp_path / "samples.csv", rows), within=apart)
    assert run.status == 0, run.printed
    found = {row["label"] for row in run.table("cells/composition.tsv") if row["level"] == "cell_type"}
    assert {"macrophage", "epithelial", "CD8 T"} <= found
    page = (run.results / "report" / "P1.case_report.html").read_text(encoding="utf-8")
    assert "--mrd" in page


def test_real_human_samples_of_other_layouts_run(tmp_path, real_data):
    tiny = real_data / "tenx_tiny_multi" / "outs"
    nsclc = real_data / "nsclc_bcr"
    rows = [
        {"sample": "tiny", "patient": "P1", "timepoint": "T1", "day": 0, "outs": tiny},
        {
            "sample": "nsclc",
            "patient": "P2",
            "timepoint": "T1",
            "day": 0,
            "gex": nsclc / "count" / "filtered_feature_bc_matrix.h5",
            "vdj_b": nsclc / "vdj_b",
        },
    ]
    columns = dict.fromkeys(name for row in rows for name in row)
    sheet = write_sheet(
        tmp_path / "samples.csv", [{name: row.get(name, "") for name in columns} for row in rows]
    )
    run = nextflow_run(
        tmp_path, "--input", sheet, "--min_umi", 0, "--min_genes", 1, "--max_mito", 100, "--qc_only", "true"
    )
    assert run.status == 0, run.printed
    samples = {row["sample"]: row for row in run.table("cells/qc.tsv")}
    assert [samples[name]["status"] for name in ("tiny", "nsclc")] == ["pass", "pass"]
    assert (int(samples["tiny"]["cells_before"]), int(samples["nsclc"]["cells_before"])) == (445, 1612)
    assert int(samples["tiny"]["tcr_cells"]) == 21 and int(samples["tiny"]["bcr_cells"]) == 9


def test_real_mouse_b_cells_run(tmp_path, real_data):
    ibex = real_data / "ibex_mouse"
    row = {
        "sample": "ibex",
        "patient": "M1",
        "timepoint": "T1",
        "day": 0,
        "gex": ibex / "count",
        "vdj_b": ibex / "vdj_b",
    }
    run = nextflow_run(tmp_path, "--input", write_sheet(tmp_path / "samples.csv", [row]), "--qc_only", "true")
    assert run.status == 0, run.printed
    sample = run.table("cells/qc.tsv")[0]
    assert (sample["status"], sample["species"], int(sample["cells_before"])) == ("pass", "mouse", 200)
    assert float(sample["bcr_overlap"]) == 1
