"""RUN_REPORT: numbers, warnings first, hostile text, nothing from the network, many samples; versions and parameters."""

import base64
import io
import json
import re
import subprocess
import sys
from pathlib import Path

from _run_sections import comment

import numpy as np
import pandas as pd
import pytest
import run_report
import yaml
from PIL import Image

HOSTILE = "<script>alert('x')</script> & \"more\", <b>bold</b>"
THRESHOLDS = {"min_umi": 1000.0, "min_genes": 100.0, "max_genes": 10000.0, "max_mito": 10.0, "max_hb": 5.0}
COLUMNS = ("sample", "patient", "timepoint", "day", "status", "reason", "identity", "identity_reason", "sex")
COLUMNS += ("species", "quality", "cells_before", "cells_after", "median_umi", "median_genes", "median_pct_mito")


def write_run(folder, names: list[str], n_cells: int = 300, receptors: bool = True) -> list[str]:
    """The files that earlier steps leave for these samples, of which the first failed; the arguments."""
    rng = np.random.default_rng(0)
    rows, files, pairs, warnings = [], [], [], []
    for i, name in enumerate(names):
        failed = i == 0
        table = pd.DataFrame({"sample": name, "n_umi": rng.lognormal(8, 1, n_cells).astype(int)})
        table["n_genes"] = (table["n_umi"] ** 0.8).astype(int)
        table["pct_mito"], table["pct_hb"] = rng.uniform(0, 12, n_cells), 0.0
        table.to_parquet(folder / f"{name}.qc.parquet")
        funnel = [{"reason": "low_umi", "cells": 60, "first": 60}, {"reason": "high_mito", "cells": 50, "first": 40}]
        facts = {"sample": name, "status": "failed" if failed else "pass", "cells_before": n_cells, "cells_after": 200}
        facts |= {"funnel": funnel, "thresholds": THRESHOLDS, "doublets": {"scored": 200, "doublet": 5}}
        facts |= {"receptors": {"tcr_cells_kept": 50, "bcr_cells_kept": 0}}
        (folder / f"{name}.qc.json").write_text(json.dumps(facts))
        overlap = {"TCR": {"vdj_cells": 60, "shared": 54, "share": 0.9}} if receptors else {}
        (folder / f"{name}.read.json").write_text(json.dumps({"sample": name, "overlap": overlap, "cellranger": {}}))
        files += [str(folder / f"{name}.{kind}") for kind in ("qc.parquet", "qc.json", "read.json")]
        reason = HOSTILE if failed else ""
        row = [name, "P1", f"T{i}", str(i), facts["status"], reason, "ok", "54 of 60", "male", "human", "good"]
        rows.append([*row, str(n_cells), "200", "2853.5", "900", "3.5"])
        if failed:
            warnings.append({"level": "error", "sample": name, "step": "QC", "text": HOSTILE})
        if receptors:
            pairs += [(name, "TCR", other, 0.9 if other == name else 0.01) for other in names]
    pd.DataFrame(rows, columns=COLUMNS).to_csv(folder / "qc.tsv", sep="\t", index=False, quoting=3)
    pd.DataFrame(rows, columns=COLUMNS).iloc[:, :4].to_csv(folder / "samples.tsv", sep="\t", index=False)
    table = pd.DataFrame(pairs, columns=["sample", "library", "other", "share"])
    table.to_csv(folder / "identity.tsv", sep="\t", index=False)
    (folder / "warnings.json").write_text(json.dumps(warnings))
    (folder / "versions.txt").write_text("QC scanpy=1.10 numpy=2.4\nclonewatch clonewatch=0.1\n")
    (folder / "params.json").write_text('{\n    "min_umi": 1000\n}\n')
    ends = {
        "status": "qc.tsv", "warnings": "warnings.json", "identity": "identity.tsv", "versions": "versions.txt",
        "parameters": "params.json",
    }  # fmt: skip
    options = [f"--{name}={folder / end}" for name, end in ends.items()]
    return [str(folder / "samples.tsv"), *files, *options]


def sections(folder, names: list[str], left: str = "", **how) -> dict[str, dict]:
    """The sections of a run by id; of the files of steps only those whose names hold `left`."""
    paths = [Path(argument) for argument in write_run(folder, names, **how) if not argument.startswith("--")]
    paths = sorted(path for path in paths[1:] if left in path.name)
    rows, pairs = (run_report.rows_of(folder / name) for name in ("qc.tsv", "identity.tsv"))
    return {section["id"]: section for section in run_report.sections_of(names, rows, pairs, paths)}


def test_numbers_of_the_general_table(tmp_path):
    general = sections(tmp_path, ["A", "B"])["clonewatch_general"]
    values = general["data"]["B"]
    assert values["cells_before"] == 300 and values["cells_after"] == 200 and values["median_umi"] == 2853.5
    assert values["kept_pct"] == pytest.approx(200 / 3)
    assert values["doublet_pct"] == 2.5
    assert values["tcr_pct"] == 25 and values["tcr_overlap"] == 90
    assert "bcr_pct" not in values, "a library that was not given has no share"
    assert set(general["headers"][0]) == set(values), "no empty columns"


def test_funnel_tells_every_cell_once(tmp_path):
    funnel = sections(tmp_path, ["A", "B"])["funnel"]
    assert funnel["data"]["B"] == {"kept": 200, "low_umi": 60, "high_mito": 40}
    assert sum(funnel["data"]["B"].values()) == 300
    assert set(funnel["data"]["B"]) <= set(funnel["categories"]), "no reason is dropped for want of a colour"


def test_heat_map_has_libraries_by_samples(tmp_path):
    heat = sections(tmp_path, ["A", "B", "C"])["identity"]
    assert heat["ycats"] == ["A TCR", "B TCR", "C TCR"] and heat["xcats"] == ["A", "B", "C"]
    assert heat["data"] == [[90, 1, 1], [1, 90, 1], [1, 1, 90]]


def test_no_section_without_data(tmp_path):
    found = sections(tmp_path, ["A"], receptors=False)
    assert set(found) == {"clonewatch_general", "samples", "metrics", "funnel"}


def test_samples_that_left_nothing_are_listed(tmp_path):
    found = sections(tmp_path, ["A", "B"], left="no such file")
    assert list(found["samples"]["data"]) == ["A", "B"]
    assert "metrics" not in found and "funnel" not in found


def test_text_of_others_is_escaped(tmp_path):
    found = sections(tmp_path, ["A", "B"])
    warnings = json.loads((tmp_path / "warnings.json").read_text())
    lost = {"step": "CNV", "of": "<b>P</b>", "reason": "<script>alert(1)</script>"}
    top = comment(run_report.rows_of(tmp_path / "qc.tsv"), warnings, [lost])
    assert top.index("CNV of &lt;b&gt;P") < top.index("samples passed")
    written = json.dumps(list(found.values())) + top
    assert "<script" not in written and "&lt;script&gt;" in written
    assert "&lt;b&gt;" in found["samples"]["data"]["A"]["reason"]


def test_the_picture_is_in_the_page_and_grows_with_the_samples(tmp_path):
    found = sections(tmp_path, [f"S{i:02}" for i in range(12)])
    source = re.search(r"base64,([^\"]+)\"", found["metrics"]["data"]).group(1)
    width, height = Image.open(io.BytesIO(base64.b64decode(source))).size
    assert width > 1200 and height > 12 * 50
    assert 'alt="UMI, genes' in found["metrics"]["data"]


@pytest.fixture(scope="module")
def made(tmp_path_factory, project) -> Path:
    """The folder of a run's page, of three samples and a section of another room."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "in").mkdir()
    (folder / "out" / "sections").mkdir(parents=True)
    arguments = write_run(folder / "in", ["A", "B_R1.fastq", "C.sorted.bam"])
    other = {"id": "clones", "section_name": "Clones of all", "plot_type": "html", "data": "<p>made elsewhere</p>"}
    (folder / "out" / "sections" / "clones_mqc.json").write_text(json.dumps(other))
    command = [sys.executable, project / "bin" / "run_report.py", *arguments]
    (folder / "in" / "failed.tsv").write_text("step\tof\treason\nCNV\tP1\tno cell is left\n")
    command += ["--config", project / "assets" / "multiqc_config.yml", "--failures", folder / "in" / "failed.tsv"]
    done = subprocess.run(list(map(str, command)), cwd=folder / "out", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr + done.stdout
    return folder / "out"


@pytest.fixture(scope="module")
def page(made) -> str:
    """The HTML that MultiQC makes."""
    return (made / "multiqc_report.html").read_text()


def test_warnings_stand_above_the_first_table(page):
    top = page.index('<blockquote class="report_comment">')
    told = page.index("2 of 3 samples passed")
    assert top < told < page.index('id="general_stats"')
    assert "alert('x')</script>" not in page


def test_failed_steps_come_before_all(page):
    assert (
        page.index("CNV of P1")
        < page.index("no cell is left Its results are missing.")
        < page.index("2 of 3 samples passed")
    )


def test_sections_stand_in_the_configured_order(page):
    headings = re.findall(r'<h2 class="mb-0" id="([^"]+)"', page)
    wanted = ["samples", "metrics", "funnel", "identity", "clones", "multiqc_software_versions"]
    assert headings == wanted
    assert "made elsewhere" in page


def test_names_and_versions_are_not_shortened(page):
    assert "B_R1.fastq" in page and "C.sorted.bam" in page
    assert re.search(r"1\.10\b", page)


def test_the_page_loads_nothing(page):
    own = re.sub(r"<script\b.*?</script>", "", page, flags=re.DOTALL)
    loads = re.findall(r'<(?:script|img|iframe|source|video|embed|link)\b[^>]*?(?:src|href)="(?!data:|#)([^"]*)"', own)
    assert loads == []
    styles = "".join(re.findall(r"<style.*?</style>", page, flags=re.DOTALL))
    assert re.findall(r"@import|url\(\s*['\"]?https?:", styles) == []
    assert re.findall(r'<script[^>]*\bsrc="', page) == []


def test_versions_of_every_step_and_of_this_one_are_a_file(made):
    versions = yaml.safe_load((made / "versions.yml").read_text())
    assert list(versions) == ["QC", "RUN_REPORT", "clonewatch"]
    assert versions["QC"] == {"scanpy": "1.10", "numpy": "2.4"} and "multiqc" in versions["RUN_REPORT"]


def test_parameters_are_a_file_as_they_were_given(made):
    assert (made / "params.json").read_text() == '{\n    "min_umi": 1000\n}\n'


def test_numbers_of_the_sections_are_files(made):
    data = made / "multiqc_report_data"
    assert len(pd.read_csv(data / "multiqc_samples_table.txt", sep="\t")) == 3


def test_a_page_that_multiqc_cannot_make_is_an_error(tmp_path, monkeypatch, project):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RuntimeError, match="MultiQC made no page"):
        run_report.write_page(project / "assets" / "multiqc_config.yml", "")
