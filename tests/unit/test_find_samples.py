"""find_samples.py: samplesheets from the folders that Cell Ranger and nf-core/scrnaseq leave."""

import csv
import gzip
import json
from pathlib import Path

import check_inputs
import find_samples
import pytest
from click.testing import CliRunner

BCR = "barcode,is_cell,contig_id,chain,v_gene\nAAAC-1,true,c1,IGH,IGHV3-21\nAAAC-1,true,c2,IGL,IGLV2-23\n"
TCR = BCR.replace("IGH", "TRB").replace("IGL", "TRA")
CONTIGS = "filtered_contig_annotations.csv"


def make(folder: Path, *files: str, content: str = "x") -> None:
    for name in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content.encode()) if name.endswith(".gz") else content.encode())


def found(*arguments: object) -> tuple[list[dict[str, str]], str]:
    """Rows of the sheet that is printed, and what is said beside it."""
    result = CliRunner().invoke(find_samples.main, list(map(str, arguments)), catch_exceptions=False)
    assert result.exit_code == 0, result.stderr
    return list(csv.DictReader(result.stdout.splitlines())), result.stderr


def test_count_outputs(tmp_path):
    for run in ("S10", "S2"):
        make(tmp_path, f"{run}/outs/filtered_feature_bc_matrix.h5", f"{run}/outs/raw_feature_bc_matrix.h5")
        make(tmp_path, f"{run}/outs/raw_feature_bc_matrix/matrix.mtx.gz", f"{run}/SC_RNA_COUNTER_CS/x/outs/{CONTIGS}")
        make(tmp_path, f"{run}/outs/filtered_feature_bc_matrix/matrix.mtx.gz", f"{run}/outs/analysis/{CONTIGS}")
    rows, said = found(tmp_path)
    assert [(row["sample"], row["gex"]) for row in rows] == [
        (run, str(tmp_path / run / "outs")) for run in ("S2", "S10")
    ]
    assert list(rows[0]) == ["sample", "patient", "timepoint", "day", "gex"]
    assert "fill in: patient, timepoint, day" in said


def test_runs_named_by_library_become_one_row(tmp_path):
    make(tmp_path, "S1_gex/outs/filtered_feature_bc_matrix.h5")
    make(tmp_path, f"S1_bcr/outs/{CONTIGS}", content=BCR)
    make(tmp_path, f"S1_tcr/outs/{CONTIGS}.gz", content=TCR)
    ((row,), said) = found(tmp_path)
    assert row["sample"] == "S1" and row["gex"].endswith("S1_gex/outs")
    assert "S1_bcr" in row["vdj_b"] and "S1_tcr" in row["vdj_t"] and "more than once" not in said


def test_a_gamma_delta_library_is_told_by_its_chains(tmp_path):
    make(tmp_path, "S1/outs/filtered_feature_bc_matrix.h5")
    make(tmp_path, f"S1_tcr/outs/{CONTIGS}", content=TCR)
    make(tmp_path, f"S1_vdj_t_gd/outs/{CONTIGS}", content=BCR.replace("IGH", "TRD").replace("IGL", "TRG"))
    ((row,), _) = found(tmp_path)
    assert "S1_tcr" in row["vdj_t"] and "S1_vdj_t_gd" in row["vdj_t_gd"]


def test_a_table_of_b_and_t_cells_is_named_for_both(tmp_path):
    make(tmp_path, "S1/outs/filtered_feature_bc_matrix.h5")
    make(tmp_path, "S1/S1_VDJ_Dominant_Contigs_AIRR.tsv", content=(BCR + TCR.split("\n", 1)[1]).replace(",", "\t"))
    ((row,), _) = found(tmp_path)
    assert row["vdj_b"] == row["vdj_t"] and row["vdj_b"].endswith("AIRR.tsv")


def test_chains_in_the_file_tell_b_from_t_whatever_the_folder_says(tmp_path):
    make(tmp_path, "S1/count/filtered_feature_bc_matrix.h5")
    make(tmp_path, f"S1/vdj/{CONTIGS}", content=TCR)
    ((row,), _) = found(tmp_path)
    assert row["vdj_t"] and "vdj_b" not in row


def test_contigs_without_chains_are_placed_by_folder_or_left_to_the_person(tmp_path):
    make(tmp_path, "S1/count/filtered_feature_bc_matrix.h5")
    make(tmp_path, f"S1/vdj_b/{CONTIGS}", content=BCR.splitlines()[0] + "\n")
    make(tmp_path, f"S1/vdj/{CONTIGS}", content="")
    ((row,), said) = found(tmp_path)
    assert row["vdj_b"].endswith(f"vdj_b/{CONTIGS}") and f"S1/vdj/{CONTIGS}: no telling" in said


def test_multi_gives_a_row_for_each_sample(tmp_path):
    for sample in ("P1_T1", "P1_T2"):
        make(tmp_path, f"run/outs/per_sample_outs/{sample}/count/sample_filtered_feature_bc_matrix.h5")
    make(tmp_path, "run/outs/multi/count/raw_feature_bc_matrix.h5", f"run/outs/multi/vdj_b/all_{CONTIGS[9:]}")
    rows, said = found(tmp_path, "--patient", "P1")
    assert [row["outs"] for row in rows] == [str(tmp_path / f"run/outs/per_sample_outs/P1_T{n}") for n in (1, 2)]
    assert [row["timepoint"] for row in rows] == ["T1", "T2"] and "timepoint is taken from the names" in said
    assert {row["patient"] for row in rows} == {"P1"} and {row["day"] for row in rows} == {""}


def test_results_of_nf_core_scrnaseq(tmp_path):
    make(tmp_path, "results/cellranger/count/X/outs/filtered_feature_bc_matrix.h5")
    make(tmp_path, "results/cellranger/sample-Y/outs/filtered_feature_bc_matrix/matrix.mtx.gz")
    make(tmp_path, "results/cellranger/mtx_conversions/X/X_filtered_matrix.h5ad", "results/multiqc/multiqc_report.html")
    place = "results/cellrangermulti/count/RUN/outs"
    make(
        tmp_path,
        f"{place}/per_sample_outs/Z/sample_filtered_feature_bc_matrix.h5",
        f"{place}/filtered_feature_bc_matrix.h5",
    )
    rows, _ = found(tmp_path / "results")
    assert [row["sample"] for row in rows] == ["X", "Y", "Z"]
    assert rows[2]["outs"].endswith("per_sample_outs/Z") and rows[0]["gex"].endswith("count/X/outs")


def test_days_only_where_every_name_has_one(tmp_path):
    make(tmp_path, *(f"{name}/outs/filtered_feature_bc_matrix.h5" for name in ("P1_day28", "P1_d180")))
    rows, said = found(tmp_path)
    assert [row["day"] for row in rows] == ["180", "28"] and "day is taken from the names" in said
    make(tmp_path, "P1_relapse/outs/filtered_feature_bc_matrix.h5")
    assert {row["day"] for row in found(tmp_path)[0]} == {""}


def test_a_sample_that_is_there_twice_and_names_that_must_change(tmp_path):
    make(tmp_path, *(f"{run}/S 1/outs/filtered_feature_bc_matrix.h5" for run in ("first", "second")))
    rows, said = found(tmp_path)
    assert [row["sample"] for row in rows] == ["S_1", "S_1"]
    assert "S_1 is there more than once" in said and "S 1 is written as S_1" in said


def test_receptors_without_a_matrix_are_told(tmp_path):
    make(tmp_path, f"S1/vdj_b/{CONTIGS}", content=BCR)
    assert "S1 has receptors but no matrix" in found(tmp_path)[1]


MTX = ("barcodes.tsv.gz", "features.tsv.gz", "matrix.mtx.gz")


@pytest.mark.parametrize("end", ["_", "_GEX_", ".", "-"])
def test_files_of_geo_in_one_folder(tmp_path, end):
    for number, sample in ((900001, "P1_T2"), (900002, "P1_T3")):
        make(tmp_path, *(f"RAW/GSM{number}_{sample}{end}{name}" for name in MTX))
    make(tmp_path, f"RAW/GSM900003_P1_T2_BCR_{CONTIGS}.gz", content=BCR)
    make(tmp_path, f"RAW/GSM900004_P1_T3_{CONTIGS}", content=TCR)
    make(
        tmp_path,
        "RAW/GSM900005_P1_T4_filtered_feature_bc_matrix.h5",
        "RAW/GSM900006_P1_T5_matrix.mtx.gz",
        "GSE1_RAW.tar",
    )
    make(
        tmp_path,
        "RAW/GSM900007_P1_T6_counts.csv.gz",
        "RAW/GSE1_object.rds",
        "RAW/GSM900008_P1_T2_raw_feature_bc_matrix.h5",
    )
    rows, said = found(tmp_path)
    assert [(row["sample"], Path(row["gex"]).name) for row in rows] == [
        ("P1_T2", f"GSM900001_P1_T2{end}matrix.mtx.gz"),
        ("P1_T3", f"GSM900002_P1_T3{end}matrix.mtx.gz"),
        ("P1_T4", "GSM900005_P1_T4_filtered_feature_bc_matrix.h5"),
    ]
    assert [bool(row["vdj_b"]) for row in rows] == [True, False, False]
    assert [bool(row["vdj_t"]) for row in rows] == [False, True, False]
    assert "found: 3 gex, 1 vdj_b, 1 vdj_t; 3 rows" in said and "more than once" not in said
    for name, why in {
        "GSE1_RAW.tar": "unpack it",
        "GSM900006_P1_T5_matrix.mtx.gz": "not all of barcodes",
        "GSM900007_P1_T6_counts.csv.gz": "a table of counts",
        "GSE1_object.rds": "an object of scanpy or Seurat",
        "GSM900008_P1_T2_raw_feature_bc_matrix.h5": "every droplet",
    }.items():
        assert any(name in line and why in line for line in said.splitlines() if line.startswith("left aside")), name


def test_downloads_of_10x_genomics(tmp_path):
    name = "sc5p_hs_PBMC"
    make(tmp_path, f"{name}_filtered_feature_bc_matrix.h5", f"{name}_metrics_summary.csv", f"{name}_molecule_info.h5")
    make(tmp_path, f"{name}_b_{CONTIGS}", content=BCR)
    make(tmp_path, f"{name}_t_{CONTIGS}", content=TCR)
    ((row,), said) = found(tmp_path)
    assert row["sample"] == name and row["vdj_b"].endswith(f"_b_{CONTIGS}") and row["vdj_t"].endswith(f"_t_{CONTIGS}")
    assert "left aside" not in said
    make(tmp_path, f"{name}_b_filtered_feature_bc_matrix.h5")
    assert [(row["sample"], bool(row["vdj_b"])) for row in found(tmp_path)[0]] == [(name, False), (f"{name}_b", True)]


def test_names_that_are_accessions_alone(tmp_path):
    make(tmp_path, *(f"GSM900001_{name}" for name in MTX), *(f"GSM900002_{name}" for name in MTX))
    assert [row["sample"] for row in found(tmp_path)[0]] == ["GSM900001", "GSM900002"]


@pytest.mark.parametrize("solo", ["S1/Solo.out", "S1_Solo.out", "star/S1.Solo.out"])
def test_starsolo_offers_its_cells_and_not_every_droplet(tmp_path, solo):
    plain = [name.removesuffix(".gz") for name in MTX]
    for counted in ("Gene", "GeneFull"):
        make(tmp_path, *(f"{solo}/{counted}/{kind}/{name}" for kind in ("raw", "filtered") for name in plain))
    make(tmp_path, f"{solo}/Velocyto/filtered/spliced.mtx", f"{solo}/Gene/Summary.csv")
    ((row,), said) = found(tmp_path)
    assert row["sample"] == "S1" and row["gex"] == str(tmp_path / solo / "Gene/filtered")
    assert "every droplet" in said and "Gene/raw/matrix.mtx" in said and "GeneFull" in said


def test_cellbender_gives_its_filtered_file(tmp_path):
    make(tmp_path, "S1/cellbender_output.h5", "S1/cellbender_output_filtered.h5", "S1/cellbender_output_posterior.h5")
    make(tmp_path, "all/S2_cellbender_filtered.h5", "S3/raw_feature_bc_matrix_cellbender_filtered.h5")
    rows, _ = found(tmp_path)
    assert [(row["sample"], Path(row["gex"]).name) for row in rows] == [
        ("S1", "S1"),
        ("S2", "S2_cellbender_filtered.h5"),
        ("S3", "S3"),
    ]


@pytest.mark.parametrize(
    "name", ["S1_barcode_airr.tsv", "S1_VDJ_Dominant_Contigs_AIRR.tsv", "S1_filtered_contig_dandelion.tsv.gz"]
)
def test_contigs_of_other_callers(tmp_path, name):
    make(tmp_path, "S1/outs/filtered_feature_bc_matrix.h5", "vdj/S1_airr.tsv")
    make(tmp_path, f"vdj/{name}", content="cell_id\tlocus\tv_call\nA\tTRB\tTRBV2\nA\tTRA\tTRAV2\n")
    ((row,), said) = found(tmp_path)
    assert row["sample"] == "S1" and row["vdj_t"].endswith(name)
    assert "contigs that are not of cells" in said and "S1_airr.tsv" in said


def test_folders_that_end_in_filtered_are_no_matrices_themselves(tmp_path):
    make(tmp_path, *(f"{sample}_filtered/{name}" for sample in ("S1", "S2") for name in MTX))
    assert [row["sample"] for row in found(tmp_path)[0]] == ["S1_filtered", "S2_filtered"]


def test_nothing_found(tmp_path):
    result = CliRunner().invoke(find_samples.main, [str(tmp_path)])
    assert result.exit_code == 1 and "name other folders" in result.stderr
    make(tmp_path, "S1.h5ad")
    said = CliRunner().invoke(find_samples.main, [str(tmp_path)]).stderr
    assert "left aside, an object of scanpy or Seurat" in said and "S1.h5ad" in said and "name other folders" in said


@pytest.mark.parametrize("folder", ["liao_covid_balf", "djvdj_mouse_spleen", "multi_layout"])
def test_the_sheet_passes_the_check_once_it_is_filled_in(tmp_path, monkeypatch, data, folder):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").symlink_to(data / folder)
    found("data", "--patient", "P1", "--out", "samples.csv")
    rows = list(csv.DictReader(Path("samples.csv").read_text().splitlines()))
    assert all(value.startswith("data/") for row in rows for name, value in row.items() if name in ("gex", "outs"))
    for day, row in enumerate(rows):
        row |= {"timepoint": f"T{day}", "day": day}
    with Path("samples.csv").open("w", newline="") as lines:
        writer = csv.DictWriter(lines, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    result = CliRunner().invoke(check_inputs.main, ["samples.csv"])
    assert result.exit_code == 0, result.stderr
    assert json.loads(Path("inputs.warnings.json").read_text()) == []


def test_real_folders(real_data):
    rows, _ = found(*(real_data / name for name in ("liao_covid_balf", "ibex_mouse", "tenx_tiny_multi")))
    assert [row["sample"] for row in rows] == ["C144", "C146", "C149", "enclone_tiny_4", "ibex_mouse"]
    assert rows[4]["vdj_b"].endswith(f"ibex_mouse/vdj_b/{CONTIGS}") and rows[3]["outs"]
