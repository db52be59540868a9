"""One case in the files of other programs and downloads: it is the same case."""

import subprocess
import sys

import anndata
import pandas as pd
import pytest
import scanpy
from helpers.matrix_files import write_h5, write_trio
from helpers.receptor_case import LABELS
from helpers.sheets import write_sheet
from pipeline.conftest import PROJECT, nextflow_run

AIRR = {
    "barcode": "cell_id",
    "contig_id": "sequence_id",
    "chain": "locus",
    "cdr3": "junction_aa",
    "cdr3_nt": "junction",
}
AIRR |= {f"{segment}_gene": f"{segment}_call" for segment in "vdjc"} | {"umis": "umi_count", "reads": "duplicate_count"}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The simulated case of 1,500 cells, of which no file is as Cell Ranger writes it.

    Matrices: two trios with GEO's prefixes in one folder, and an h5 without a genome whose genes have a prefix. Contigs: barcodes with
    the sample in front, an AIRR table with UMIs and reads, and V genes with zeros and alleles.
    """
    folder = tmp_path_factory.mktemp("laboratory")
    script = PROJECT / "tests" / "simulate_case.py"
    size = ("--cells", "1500", "--seed", "1")
    subprocess.run([sys.executable, script, "--out", folder / "case", *size], check=True, capture_output=True)
    rows = pd.read_csv(folder / "case" / "samples.csv").to_dict("records")
    for number, row in enumerate(rows, start=1):
        cells = scanpy.read_10x_h5(folder / "case" / row["gex"])
        contigs = {name: pd.read_csv(folder / "case" / row[name], dtype=str) for name in ("vdj_b", "vdj_t")}
        row["gex"] = (in_geo if number < 3 else in_cellbender)(folder, number, cells)
        for name, table in contigs.items():
            ending = "tsv" if number == 2 else "csv"
            row[name] = folder / f"{row['sample']}.{name}.{ending}"
            CHANGES[number](table).to_csv(row[name], sep="\t" if number == 2 else ",", index=False)
    sheet = write_sheet(folder / "samples.csv", rows)
    tables = [part for name in ("mrd", "events") for part in (f"--{name}", folder / "case" / f"{name}.csv")]
    run = nextflow_run(folder, "--input", sheet, *tables, "--export", "none")
    assert run.status == 0, run.printed
    return run


def in_geo(folder, number, cells: anndata.AnnData):
    """barcodes, features and matrix in the folder of all, named by what stands before the three names."""
    prefix = f"GSM{number}_P1_T{number}_"
    write_trio(folder / "GSE1_RAW", prefix, cells.X, cells.obs_names, cells.var_names, cells.var["gene_ids"].tolist())
    return folder / "GSE1_RAW" / prefix.rstrip("_")


def in_cellbender(folder, number, cells: anndata.AnnData):
    """An h5 without a genome, of a reference that writes its name before every gene."""
    names = "GRCh38_premrna_" + cells.var_names
    path = folder / f"T{number}_filtered.h5"
    return write_h5(path, cells.X, cells.obs_names, names, id=cells.var["gene_ids"], genome=None)


CHANGES = {
    1: lambda table: table.assign(barcode="P1_T1_" + table["barcode"]),
    2: lambda table: table.rename(columns=AIRR),
    3: lambda table: table.assign(v_gene=table["v_gene"].str.replace("IGHV3-", "IGHV03-") + "*01"),
}


def test_the_same_cells_are_kept(run):
    kept = set(pd.read_parquet(run.results / "cells" / "labels.parquet")["cell_id"])
    assert kept == set(pd.read_csv(LABELS, sep="\t")["cell_id"])


def test_clones_and_carriers_are_those_of_cell_rangers_files(run):
    clones = pd.read_csv(run.results / "clones" / "P1.clones.tsv", sep="\t")
    assert (clones["receptor"] == "TCR").sum() == 316
    fates = pd.read_csv(run.results / "clones" / "P1.fates.tsv", sep="\t").groupby("label")
    plasma = fates.get_group("CARDGQNYDVLGTPTALDVW_CCSYAGSGTEWVF")
    assert plasma["n"].sum() == 105 and set(plasma["fate"]) == {"persistent"}
    matches = pd.read_csv(run.results / "clones" / "P1.mrd_matches.tsv", sep="\t").set_index("clone")
    assert matches.loc["IGH_1", "n_carriers"] == 99


def test_what_was_made_plain_is_said(run):
    text = (run.results / "report" / "multiqc_report.html").read_text(encoding="utf-8")
    assert "GRCh38_premrna_ taken off the gene names" in text and "P1_T1_" in text
