"""The MultiQC page: numbers, warnings first, hostile text, nothing from the network, many samples."""

import base64
import io
import json
import re
import subprocess
import sys

import multiqc_tables
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image

HOSTILE = "<script>alert('x')</script> & \"more\", <b>bold</b>"
THRESHOLDS = {"min_umi": 1000.0, "min_genes": 100.0, "max_genes": 10000.0, "max_mito": 10.0, "max_hb": 5.0}
COLUMNS = ("sample", "patient", "timepoint", "day", "status", "reason", "identity", "identity_reason", "sex")
COLUMNS += (
    "species",
    "quality",
    "cells_before",
    "cells_after",
    "median_umi",
    "median_genes",
    "median_pct_mito",
)


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
        funnel = [
            {"reason": "low_umi", "cells": 60, "first": 60},
            {"reason": "high_mito", "cells": 50, "first": 40},
        ]
        facts = {
            "sample": name,
            "status": "failed" if failed else "pass",
            "cells_before": n_cells,
            "cells_after": 200,
        }
        facts |= {"funnel": funnel, "thresholds": THRESHOLDS, "doublets": {"scored": 200, "doublet": 5}}
        facts |= {"receptors": {"tcr_cells_kept": 50, "bcr_cells_kept": 0}}
        (folder / f"{name}.qc.json").write_text(json.dumps(facts))
        overlap = {"TCR": {"vdj_cells": 60, "shared": 54, "share": 0.9}} if receptors else {}
        (folder / f"{name}.read.json").write_text(
            json.dumps({"sample": name, "overlap": overlap, "cellranger": {}})
        )
        files += [str(folder / f"{name}.{kind}") for kind in ("qc.parquet", "qc.json", "read.json")]
        reason = HOSTILE if failed else ""
        row = [
            name,
            "P1",
            f"T{i}",
            str(i),
            facts["status"],
            reason,
            "ok",
            "54 of 60",
            "male",
            "human",
            "good",
        ]
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
    (folder / "versions.yml").write_text("QC:\n  scanpy: 1.10\n")
    ends = {
        "status": "qc.tsv",
        "warnings": "warnings.json",
        "identity": "identity.tsv",
        "versions": "versions.yml",
    }
    options = [f"--{name}={folder / end}" for name, end in ends.items()]
    return [str(folder / "samples.tsv"), *files, *options]


def sections(folder, monkeypatch, names: list[str], **how) -> dict[str, dict]:
    """Run the command in an empty folder; its sections by id."""
    (folder / "in").mkdir()
    (folder / "out").mkdir()
    arguments = write_run(folder / "in", names, **how)
    monkeypatch.chdir(folder / "out")
    done = CliRunner().invoke(multiqc_tables.main, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    found = [json.loads(path.read_text()) for path in (folder / "out").glob("*_mqc.json")]
    return {section["id"]: section for section in found}


def test_numbers_of_the_general_table(tmp_path, monkeypatch):
    general = sections(tmp_path, monkeypatch, ["A", "B"])["clonewatch_general"]
    values = general["data"]["B"]
    assert values["cells_before"] == 300 and values["cells_after"] == 200 and values["median_umi"] == 2853.5
    assert values["kept_pct"] == pytest.approx(200 / 3)
    assert values["doublet_pct"] == 2.5
    assert values["tcr_pct"] == 25 and values["tcr_overlap"] == 90
    assert "bcr_pct" not in values, "a library that was not given has no share"
    assert set(general["headers"][0]) == set(values), "no empty columns"


def test_funnel_tells_every_cell_once(tmp_path, monkeypatch):
    funnel = sections(tmp_path, monkeypatch, ["A", "B"])["funnel"]
    assert funnel["data"]["B"] == {"kept": 200, "low_umi": 60, "high_mito": 40}
    assert sum(funnel["data"]["B"].values()) == 300
    assert set(funnel["data"]["B"]) <= set(funnel["categories"]), "no reason is dropped for want of a colour"


def test_heat_map_has_libraries_by_samples(tmp_path, monkeypatch):
    heat = sections(tmp_path, monkeypatch, ["A", "B", "C"])["identity"]
    assert heat["ycats"] == ["A TCR", "B TCR", "C TCR"] and heat["xcats"] == ["A", "B", "C"]
    assert heat["data"] == [[90, 1, 1], [1, 90, 1], [1, 1, 90]]


def test_no_section_without_data(tmp_path, monkeypatch):
    found = sections(tmp_path, monkeypatch, ["A"], receptors=False)
    assert set(found) == {"clonewatch_general", "samples", "metrics", "funnel"}


def test_samples_that_left_nothing_are_listed(tmp_path, monkeypatch):
    arguments = write_run(tmp_path, ["A", "B"])
    kept = [argument for argument in arguments if "/B." not in argument and "/A." not in argument]
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(multiqc_tables.main, kept, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert list(json.loads((tmp_path / "samples_mqc.json").read_text())["data"]) == ["A", "B"]
    assert not (tmp_path / "metrics_mqc.json").exists() and not (tmp_path / "funnel_mqc.json").exists()


def test_text_of_others_is_escaped(tmp_path, monkeypatch):
    found = sections(tmp_path, monkeypatch, ["A", "B"])
    written = "".join(path.read_text() for path in (tmp_path / "out").iterdir())
    assert "<script" not in written and "&lt;script&gt;" in written
    assert "&lt;b&gt;" in found["samples"]["data"]["A"]["reason"]


def test_one_reason_is_told_once():
    row = {"sample": "A", "reason": "exchanged", "identity_reason": "exchanged"}
    data = multiqc_tables.sample_table([row])["data"]["A"]
    assert data["identity_reason"] == "exchanged" and data["reason"] != "exchanged"


def test_warnings_are_told_and_long_lists_folded():
    rows = [{"status": "pass"}, {"status": "failed"}]
    warning = {"level": "warning", "sample": "A", "step": "QC", "text": "x"}
    assert "1 of 2 samples passed, without warnings." in multiqc_tables.comment(rows, [])
    page = multiqc_tables.comment(rows, [warning | {"text": f"number {i}"} for i in range(25)])
    assert "5 more" in page and page.index("number 19") < page.index("<details>") < page.index("number 20")


def test_shape_is_a_density_of_all_values():
    values = np.random.default_rng(0).normal(5, 1, 20_000)
    x, width = multiqc_tables.shape(values, 0, 10)
    assert abs(x[width.argmax()] - 5) < 0.4 and width.max() == pytest.approx(1)
    half = x[width > 0.5]
    assert half[-1] - half[0] == pytest.approx(2.355, abs=0.25), (
        "full width at half maximum of a normal curve"
    )
    assert np.isfinite(multiqc_tables.shape(np.zeros(5), 0, 1)[1]).all()


def test_the_picture_is_in_the_page_and_grows_with_the_samples(tmp_path, monkeypatch):
    found = sections(tmp_path, monkeypatch, [f"S{i:02}" for i in range(12)])
    source = re.search(r"base64,([^\"]+)\"", found["metrics"]["data"]).group(1)
    width, height = Image.open(io.BytesIO(base64.b64decode(source))).size
    assert width > 1200 and height > 12 * 50
    assert 'alt="UMI, genes' in found["metrics"]["data"]


def test_cell_ranger_metrics_are_shown_as_given():
    reads = {
        "A": {"cellranger": {"Mean Reads per Cell": 87433.0, "<i>odd</i>": 90.5}},
        "B": {"cellranger": {}},
    }
    table = multiqc_tables.cellranger_table(reads, ["A", "B"])
    assert table["data"] == {"Mean Reads per Cell": {"A": "87,433"}, "&lt;i&gt;odd&lt;/i&gt;": {"A": "90.50"}}
    rows = [{"sample": "A"}]
    general = multiqc_tables.general_table(rows, reads, {})
    assert general["data"]["A"] == {"mean reads per cell": 87433.0}


@pytest.fixture(scope="module")
def page(tmp_path_factory, project) -> str:
    """The HTML that MultiQC makes of three samples and a section of another room."""
    folder = tmp_path_factory.mktemp("page")
    (folder / "in").mkdir()
    (folder / "sections").mkdir()
    arguments = write_run(folder / "in", ["A", "B_R1.fastq", "C.sorted.bam"])
    other = {
        "id": "clones",
        "section_name": "Clones of all",
        "plot_type": "html",
        "data": "<p>made elsewhere</p>",
    }
    (folder / "sections" / "clones_mqc.json").write_text(json.dumps(other))
    script = str(project / "bin" / "multiqc_tables.py")
    subprocess.run([sys.executable, script, *arguments], cwd=folder / "sections", check=True)
    config = [
        "--config",
        str(project / "assets" / "multiqc_config.yml"),
        "--config",
        "sections/warnings_config.yml",
    ]
    command = [
        sys.executable,
        "-m",
        "multiqc",
        "sections",
        *config,
        "--module",
        "custom_content",
        "--no-ansi",
    ]
    done = subprocess.run([*command, "--filename", "page.html"], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr + done.stdout
    return (folder / "page.html").read_text()


def test_warnings_stand_above_the_first_table(page):
    top = page.index('<blockquote class="report_comment">')
    told = page.index("2 of 3 samples passed")
    assert top < told < page.index('id="general_stats"')
    assert "alert('x')</script>" not in page


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
    loads = re.findall(
        r'<(?:script|img|iframe|source|video|embed|link)\b[^>]*?(?:src|href)="(?!data:|#)([^"]*)"', own
    )
    assert loads == []
    styles = "".join(re.findall(r"<style.*?</style>", page, flags=re.DOTALL))
    assert re.findall(r"@import|url\(\s*['\"]?https?:", styles) == []
    assert re.findall(r'<script[^>]*\bsrc="', page) == []
