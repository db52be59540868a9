"""The worked examples of docs/usage: their commands run as printed, say what is printed and end in samples that are read."""

import csv
import gzip
import re
import shlex
import subprocess
import sys
from pathlib import Path

import anndata
import numpy as np
import pandas as pd
import pytest
import read_cellranger as reader
from helpers.matrix_files import write_h5, write_trio

PAGES = ("cellranger", "starsolo", "cellbender", "geo", "airr")
SYMBOLS = ["CD3D", "ISG15", "IFI6", "MX1", "IFIT1", "IFIT3", "MT-ND1"]
CELLS = [f"{first}{second}CGT-1" for first in "ACGT" for second in "AC"]
COUNTS = np.random.default_rng(0).poisson(2, (8, len(SYMBOLS))) + 1
LEFT_TO_PEOPLE = ("timepoint", "day")


def write_file(path: Path) -> None:
    """A small file of the kind that its name tells."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if part := reader.PART.fullmatch(path.name):
        genes = (
            "genes" if next(path.parent.glob(f"{part[1] or ''}*genes*"), None) or "genes" in path.name else "features"
        )
        prefix = path.name[: part.start(2)]
        write_trio(path.parent, prefix, COUNTS, CELLS, SYMBOLS, genes=genes, packed=path.suffix == ".gz")
        for other in {"genes", "features"} - {genes}:
            for left in path.parent.glob(f"{prefix}{other}.tsv*"):
                left.unlink()
    elif path.suffix == ".h5":
        write_h5(path, COUNTS, CELLS, SYMBOLS)
    else:
        loci = ["IGH", "IGK"] * ("tcr" not in str(path).lower() and "vdj_t" not in str(path))
        loci += ["TRB", "TRA"] * ("bcr" not in str(path).lower() and "vdj_b" not in str(path))
        rows = [(cell, locus) for cell in CELLS for locus in loci]
        table = pd.DataFrame({"cell_id": [cell for cell, _ in rows], "locus": [locus for _, locus in rows]})
        table = table.assign(
            v_call=table.locus + "V1",
            j_call=table.locus + "J1",
            junction="TGTGCGAGATGG",
            junction_aa="CARW",
            umi_count=3,
        )
        table["productive"] = "true"
        separator = "\t" if ".tsv" in path.name else ","
        text = table.to_csv(index=False, sep=separator).encode()
        path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)


def blocks(page: Path) -> list[tuple[str, str]]:
    return re.findall(r"^```([a-z ]+)\n(.*?)^```", page.read_text(encoding="utf-8"), re.S | re.M)


@pytest.mark.parametrize("name", PAGES)
def test_the_worked_example_runs_as_printed(tmp_path, project, name):
    (tmp_path / "bin").symlink_to(project / "bin")
    (tmp_path / "work").mkdir()
    anndata.AnnData(COUNTS.astype(np.float32), pd.DataFrame(index=CELLS), pd.DataFrame(index=SYMBOLS)).write_h5ad(
        tmp_path / "P1_T3.h5ad"
    )
    environment = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(tmp_path)}
    said, sheet, done = "", tmp_path / "samples.csv", 0
    for kind, text in blocks(project / "docs/usage" / f"{name}.md"):
        if kind == "text files":
            for line in text.split():
                write_file(tmp_path / line)
        elif kind == "bash":
            run = subprocess.run(
                ["/bin/bash", "-euc", text], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
            )
            assert run.returncode == 0, run.stdout + run.stderr
            said, done = run.stderr.replace(f"{tmp_path}/", ""), done + 1
        elif kind == "text said":
            assert said == text
        elif kind == "csv":
            written, printed = (
                list(csv.DictReader(lines)) for lines in (sheet.read_text().splitlines(), text.splitlines())
            )
            for found, row in zip(written, printed, strict=True):
                assert {key: found[key] for key in row if key not in LEFT_TO_PEOPLE} == {
                    key: row[key] for key in row if key not in LEFT_TO_PEOPLE
                }
            sheet.write_text(text)
    assert done >= 2
    rows = pd.read_csv(tmp_path / "samples.tsv", sep="\t", dtype=str, keep_default_na=False).to_dict("records")
    assert len(rows) == len(printed)
    for row in rows:
        adata, _ = reader.read_counts(Path(row["gex"].split(";")[0]), row["sample"])
        assert adata.shape == COUNTS.shape and list(adata.var_names) == SYMBOLS
        for column in ("vdj_b", "vdj_t"):
            if row[column]:
                contigs, warnings = reader.read_contigs(
                    Path(row[column]), row["sample"], column, both=row["vdj_b"] == row["vdj_t"]
                )
                assert set(contigs.cell_id) == set(adata.obs_names) and len(contigs) == 16 and not warnings


def test_every_page_is_named_in_the_index(project):
    for page in (project / "docs/usage").glob("*.md"):
        assert f"usage/{page.name}" in (project / "docs/usage.md").read_text(encoding="utf-8"), page.name


def test_what_the_h5ad_of_the_example_becomes(tmp_path, project):
    """The last command of the page on GEO, on counts that are normalised elsewhere but raw in a layer."""
    data = anndata.AnnData(
        np.log1p(COUNTS), pd.DataFrame(index=CELLS), pd.DataFrame(index=SYMBOLS), layers={"counts": COUNTS}
    )
    data.write_h5ad(tmp_path / "P1_T3.h5ad")
    command = blocks(project / "docs/usage/geo.md")[-1][1]
    assert shlex.split(command.splitlines()[0])[:4] == ["python", "-", "P1_T3.h5ad", "P1_T3"]
    environment = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(tmp_path)}
    subprocess.run(["/bin/bash", "-euc", command], cwd=tmp_path, env=environment, check=True, timeout=120)
    assert (reader.read_counts(tmp_path / "P1_T3", "S")[0].X.toarray() == COUNTS).all()
