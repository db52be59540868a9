"""The inventory that Nextflow makes of the samplesheet's paths: what CHECK_INPUTS judges, and nothing else."""

import os
import subprocess
from pathlib import Path

import check_inputs
import pytest
from click.testing import CliRunner

from pipeline.conftest import PROJECT, environment

SCRIPT = """
include {{ inventory }} from '{project}/modules/functions/inventory'

workflow {{
    file('*', type: 'dir').findAll {{ folder -> folder.resolve('samples.csv').exists() }}.each {{ folder ->
        folder.resolve('inventory.tsv').text = inventory(folder.resolve('samples.csv'), file('{project}/assets/tables.json'))
    }}
}}
"""
HEADER = "sample,patient,timepoint,day,gex,vdj_b,vdj_t,outs\n"
H5, CONTIGS = "filtered_feature_bc_matrix.h5", "filtered_contig_annotations.csv"
MTX = ("matrix.mtx.gz", "barcodes.tsv.gz", "features.tsv.gz")
MULTI = "run/outs/per_sample_outs/S1/count/sample_filtered_feature_bc_matrix"
RUN = [f"run/outs/{H5}", "run/outs/raw_feature_bc_matrix.h5", "run/outs/metrics_summary.csv"]
RUN += [f"run/outs/filtered_feature_bc_matrix/{name}" for name in MTX]
STRAY = [
    "notes.txt",
    "A/notes.txt",
    "run/notes.txt",
    "run/outs/molecule_info.h5",
    "run/outs/analysis/umap/projection.csv",
]
STRAY += ["run/outs/filtered_feature_bc_matrix/notes.txt"]

# Name: files, the rows of the samplesheet.
LAYOUTS = {
    "plain": (RUN, "A,P1,T1,0,run,,,\n"),
    "stray": (RUN + STRAY, "A,P1,T1,0,run,,,\n"),
    "multi": ([f"{MULTI}/{name}" for name in MTX] + ["run/outs/config.csv"], "A,P1,T1,0,,,,run\n"),
    "deep": ([f"all/{MULTI}/{name}" for name in MTX], "A,P1,T1,0,all,,,\n"),
    "prefixes": ([f"g/GSM1_{name}" for name in MTX], "A,P1,T1,0,g,,,\n"),
    "a prefix": ([f"g/GSM{n}_{name}" for n in "12" for name in MTX], "GSM2,P1,T1,0,g/GSM1,,,\nB,P1,T2,1,g/GSM2_matrix.mtx.gz,,,\n"),
    "by the sample": ([f"g/GSM{n}_S{n}_{name}" for n in "12" for name in (*MTX, CONTIGS)], "S1,P1,T1,0,g,,,\nX,P1,T2,1,g,,,\n"),
    "no such prefix": ([f"g/GSM1_{name}" for name in MTX], "A,P1,T1,0,g/GSM2,,,\nB,P1,T2,1,g/GS,,,\n"),
    "half a prefix": ([f"g/GSM1_{name}" for name in MTX[:2]], "A,P1,T1,0,g/GSM1,,,\nB,P1,T2,1,g,,,\n"),
    "starsolo": ([f"s/Solo.out/Gene/{kind}/{name}" for kind in ("raw", "filtered") for name in MTX], "A,P1,T1,0,s,,,\n"),
    "cellbender": (["c/out.h5", "c/out_filtered.h5", "c/S1_barcode_airr.tsv"], "A,P1,T1,0,c,,c,\nB,P1,T2,1,c/out.h5,,,\n"),
    "prefixes inside": ([f"g/filtered_feature_bc_matrix/GSM1_{name}" for name in MTX], "A,P1,T1,0,,,,g\n"),
    "other things inside": (["g/filtered_feature_bc_matrix/counts.rds", "g/page.html"], "A,P1,T1,0,g,,,\n"),
    "one of three missing": (["m/matrix.mtx", "m/barcodes.tsv", "m/notes.txt"], "A,P1,T1,0,m,,,\nB,P1,T2,1,,,,m\n"),
    "every droplet": (["r/raw_feature_bc_matrix.h5", "r/page.html"], "A,P1,T1,0,r,r,,\nB,P1,T2,1,,,,r\n"),
    "nothing": (["odd/web_summary.html", "odd/cloupe.cloupe"], "A,P1,T1,0,odd,odd,,\n"),
    "receptors alone": ([f"v_tcr/outs/{CONTIGS}", "v_tcr/outs/page.html"], "A,P1,T1,0,,,,v_tcr/outs\n"),
    "wrong column": ([f"b/vdj_b/{CONTIGS}", f"b/{H5}"], "A,P1,T1,0,b/vdj_b,b,b/vdj_b,\n"),
    "nowhere": ([f"A/{H5}"], "A,P1,T1,0,B,gone.csv,,\n"),
}  # fmt: skip
TEXTS = {
    "quotes": 'sample,notes,patient,timepoint,day,gex\nA,"one, two\n""three""",P1,T1,0,A\nB, x",P1,T2,1,"B"\n',
    "spreadsheet": "\ufeffsep=;\r\n\r\nSample;Patient;Timepoint;Day; GEX \r\nA;P1;T1;0; A \r\nB;P1;T2;1;B\r\n",
    "tabs": "sample\tpatient\ttimepoint\tday\tgex\nA\tP1\tT1\t0\tA\nB\tP1\tT2\t1\tB\n",
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> Path:
    """A folder per layout, with files, samples.csv and inventory.tsv."""
    top = tmp_path_factory.mktemp("inventory")
    texts = {name: ([f"A/{H5}", f"B/{H5}"], text) for name, text in TEXTS.items()}
    sheets = {name: (files, HEADER + rows) for name, (files, rows) in LAYOUTS.items()}
    for name, (files, text) in (sheets | texts).items():
        for file in files:
            path = top / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("x")
        (top / name / "samples.csv").write_bytes(text.encode())
    (top / "list.nf").write_text(SCRIPT.format(project=PROJECT))
    done = subprocess.run(
        ["nextflow", "run", "list.nf"], cwd=top, env=environment(), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return top


def checked(folder: Path, *options: str) -> tuple[int, str, str]:
    """Exit status, messages and samples.tsv of the check."""
    out = folder / "out"
    out.mkdir(exist_ok=True)
    os.chdir(out)
    result = CliRunner().invoke(check_inputs.main, [str(folder / "samples.csv"), *options])
    table = out / "samples.tsv"
    content = table.read_text() if table.exists() else ""
    table.unlink(missing_ok=True)
    return result.exit_code, result.stderr, content


@pytest.mark.parametrize("name", [*LAYOUTS, *TEXTS])
def test_the_check_says_the_same_as_where_it_looks_itself(folders, name, monkeypatch):
    monkeypatch.chdir(folders)
    listed = checked(folders / name, "--inventory", str(folders / name / "inventory.tsv"))
    assert listed == checked(folders / name)


def test_quotation_marks_and_separators_are_understood(folders, monkeypatch):
    monkeypatch.chdir(folders)
    assert [checked(folders / name)[0] for name in TEXTS] == [0, 0, 0]


def test_other_files_and_folders_beside_the_samples_are_not_listed(folders):
    plain, stray = ((folders / name / "inventory.tsv").read_text() for name in ("plain", "stray"))
    assert plain.replace("/plain/", "/stray/") == stray
    assert "notes.txt" not in stray and stray.count("\n") == 1 + 1 + len(RUN) + 2
