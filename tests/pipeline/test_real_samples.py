"""Real samples of other layouts, without BCR, of mouse."""

import os
import shutil

from pipeline.conftest import nextflow_run
from pipeline.sheets import liao_rows, write_sheet


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
