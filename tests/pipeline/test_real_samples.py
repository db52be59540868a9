"""Real samples of other layouts, without BCR, of mouse."""

import os
import shutil

from helpers.sheets import liao_rows, write_sheet

from pipeline.conftest import nextflow_run


def test_one_real_sample_without_bcr_runs_to_the_page(tmp_path, data):
    rows = [row for row in liao_rows(data) if row["sample"] == "C146"]
    apart = ("unshare", "--net") if shutil.which("unshare") and os.geteuid() == 0 else ()
    sheet = write_sheet(tmp_path / "samples.csv", rows)
    run = nextflow_run(tmp_path, "--input", sheet, "--export", "none", within=apart)
    assert run.status == 0, run.printed
    assert "EXPORT" not in run.executed() and not list((run.results / "report").glob("*.h5*"))
    found = {row["label"] for row in run.table("cells/composition.tsv") if row["level"] == "cell_type"}
    assert {"macrophage", "epithelial", "CD8 T", "NK", "plasma cell"} <= found
    arms = [row for row in run.table("tumour/cnv.tsv") if row["level"] == "population"]
    assert {row["verdict"] for row in arms} >= {"not detected", "not assessable"}
    assert "detected" not in {row["verdict"] for row in arms}  # no tumour, no event
    page = (run.results / "report" / "C146.case_report.html").read_text(encoding="utf-8")
    assert "--mrd" in page


def run_alone(tmp_path, row, *options):
    """One row of `cells/qc.tsv`: what a run says of one real sample, whose reference is its own."""
    row = {"patient": "P1", "timepoint": "T1", "day": 0, **row}
    sheet = write_sheet(tmp_path / "samples.csv", [row])
    run = nextflow_run(tmp_path, "--input", sheet, "--qc_only", "true", *options)
    assert run.status == 0, run.printed
    return run.table("cells/qc.tsv")[0]


# Both sets are cut to a few hundred genes, so no ordinary threshold fits them.
CUT_TO_FEW_GENES = ("--min_umi", 0, "--min_genes", 1, "--max_mito", 100)


def test_real_outs_folder_of_multi_runs(tmp_path, real_data):
    row = {"sample": "tiny", "outs": real_data / "tenx_tiny_multi" / "outs"}
    sample = run_alone(tmp_path, row, *CUT_TO_FEW_GENES)
    assert (sample["status"], int(sample["cells_before"])) == ("pass", 445)
    assert int(sample["tcr_cells"]) == 21 and int(sample["bcr_cells"]) == 9


def test_real_tumour_sample_with_bcr_runs(tmp_path, real_data):
    nsclc = real_data / "nsclc_bcr"
    gex = nsclc / "count" / "filtered_feature_bc_matrix.h5"
    sample = run_alone(tmp_path, {"sample": "nsclc", "gex": gex, "vdj_b": nsclc / "vdj_b"}, *CUT_TO_FEW_GENES)
    assert (sample["status"], int(sample["cells_before"])) == ("pass", 1612)


def test_real_mouse_b_cells_run(tmp_path, real_data):
    ibex = real_data / "ibex_mouse"
    sample = run_alone(tmp_path, {"sample": "ibex", "gex": ibex / "count", "vdj_b": ibex / "vdj_b"})
    assert (sample["status"], sample["species"], int(sample["cells_before"])) == ("pass", "mouse", 200)
    assert float(sample["bcr_overlap"]) == 1
