"""READ_CELLRANGER against scanpy, the contig files themselves and scirpy, and on damaged files."""

import gzip
import json
import shutil

import _count_matrix
from _barcodes import own_barcodes
from _cellranger_files import find_file
from _errors import InputError

import h5py
import numpy as np
import pandas as pd
import pytest
import read_cellranger as reader
import scanpy as sc
from anndata import read_h5ad
from click.testing import CliRunner
from helpers.matrix_files import write_h5
from scipy import sparse

MULTI = "multi_layout/outs/per_sample_outs/BALF_1"


def run(folder, *options):
    """The command in `folder`; its result."""
    runner = CliRunner()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        return runner.invoke(reader.main, [str(option) for option in options])


def message(call, *arguments):
    """The sentence that the call ends with."""
    with pytest.raises(InputError) as caught:
        call(*arguments)
    return str(caught.value)


def same_as(adata, expected):
    """Counts, symbols, ids and barcodes equal to what scanpy read."""
    expected.var_names_make_unique()
    assert adata.shape == expected.shape
    assert adata.X.dtype == np.int32
    assert (sparse.csr_matrix(expected.X) != adata.X).nnz == 0
    assert list(adata.var_names) == list(expected.var_names)
    assert list(adata.var.gene_ids) == list(expected.var.gene_ids)
    assert list(adata.obs.barcode) == list(expected.obs_names)


GEX_SETS = ["liao_covid_balf/C144", "liao_covid_balf/C146", "liao_covid_balf/C149", "nsclc_bcr", "ibex_mouse"]
GEX_SETS += ["kang_ifnb/ctrl", "kang_ifnb/stim"]


@pytest.mark.parametrize("name", GEX_SETS)
def test_h5_equals_scanpy_on_the_real_sets(real_data, name):
    path = real_data / name / "count" / "filtered_feature_bc_matrix.h5"
    expected = sc.read_10x_h5(path)
    if name == "nsclc_bcr":  # names genes by Ensembl ids
        symbols = pd.read_csv(reader.ASSETS / "gene_ids.tsv", sep="\t", comment="#", index_col=0).symbol
        expected.var_names = expected.var_names.map(lambda gene: symbols.get(gene, gene))
    same_as(reader.read_counts(path, "S")[0], expected)


@pytest.mark.parametrize("name", ["BL6", "MD4"])
def test_mtx_equals_scanpy(data, name):
    folder = data / "djvdj_mouse_spleen" / name / "count" / "filtered_feature_bc_matrix"
    adata, _ = reader.read_counts(folder, name)
    same_as(adata, sc.read_10x_mtx(folder))
    assert set(adata.var.genome) == {"unknown"}


def test_tiny_multi_outs_equal_scanpy(real_data):
    folder = real_data / "tenx_tiny_multi/outs/per_sample_outs/enclone_tiny_4"
    adata, _ = reader.read_counts(folder, "S")
    same_as(adata, sc.read_10x_h5(folder / "count/sample_feature_bc_matrix.h5"))
    assert adata.obsm["Antibody_Capture"].shape == (445, 19)


def test_demo_h5_equals_scanpy_and_cell_ids_are_built_from_the_sample(data):
    path = data / "liao_covid_balf/C146/count/filtered_feature_bc_matrix.h5"
    adata, warnings = reader.read_counts(path, "C146")
    same_as(adata, sc.read_10x_h5(path))
    assert list(adata.obs_names) == ["C146:" + code.removesuffix("-1") for code in adata.obs.barcode]
    assert adata.n_obs == 1050 and warnings == []


def test_other_features_are_kept_aside(data):
    adata, _ = reader.read_counts(data / MULTI, "BALF_1")
    path = data / MULTI / "count/sample_filtered_feature_bc_matrix.h5"
    same_as(adata, sc.read_10x_h5(path))
    whole = sc.read_10x_h5(path, gex_only=False)
    mine = whole[:, whole.var.feature_types == "Antibody Capture"]
    assert list(adata.uns["feature_names"]["Antibody_Capture"]) == list(mine.var_names)
    assert (adata.obsm["Antibody_Capture"] != sparse.csr_matrix(mine.X)).nnz == 0


@pytest.mark.parametrize("packed", [True, False])
def test_mtx_files_may_be_gzip_or_plain_whatever_their_name(data, tmp_path, packed):
    source = data / "djvdj_mouse_spleen/BL6/count/filtered_feature_bc_matrix"
    for path in source.iterdir():
        text = gzip.decompress(path.read_bytes())
        name = path.name.removesuffix(".gz") if packed else path.name
        (tmp_path / name).write_bytes(gzip.compress(text) if packed else text)
    same_as(reader.read_counts(tmp_path, "BL6")[0], sc.read_10x_mtx(source))


def test_version_2_files(tmp_path):
    counts = np.array([[1, 0, 2], [0, 3, 0]])
    folder = tmp_path / "mtx" / "filtered_gene_bc_matrices" / "GRCh38"
    folder.mkdir(parents=True)
    (folder / "matrix.mtx").write_text("%%MatrixMarket matrix coordinate integer general\n3 2 3\n1 1 1\n3 1 2\n2 2 3\n")
    (folder / "genes.tsv").write_text("ENSG1\tA\nENSG2\tB\nENSG3\tA\n")
    (folder / "barcodes.tsv").write_text("AAA-1\nCCC-1\n")
    adata, _ = reader.read_counts(tmp_path / "mtx", "S")
    assert adata.X.toarray().tolist() == counts.tolist()
    assert list(adata.var_names) == ["A", "B", "A-1"] and list(adata.var.gene_ids) == ["ENSG1", "ENSG2", "ENSG3"]
    with h5py.File(tmp_path / "filtered_gene_bc_matrices_h5.h5", "w") as file:
        for genome in ("GRCh38", "mm10"):
            matrix = sparse.csr_matrix(counts)
            parts = {"data": matrix.data, "indices": matrix.indices, "indptr": matrix.indptr, "shape": (3, 2)}
            parts |= {"barcodes": np.array([b"AAA-1", b"CCC-1"]), "genes": np.array([b"x", b"y", b"z"])}
            parts["gene_names"] = np.array([f"{genome}_{name}".encode() for name in "XYZ"])
            for name, values in parts.items():
                file[f"{genome}/{name}"] = values
    adata, _ = reader.read_counts(tmp_path / "filtered_gene_bc_matrices_h5.h5", "S")
    assert adata.X.toarray().tolist() == np.hstack([counts, counts]).tolist()
    assert adata.var.genome.value_counts().to_dict() == {"GRCh38": 3, "mm10": 3}


def test_several_genomes_and_extra_contigs_are_named(tmp_path):
    symbols = ["CD3D", "CD3D", "CAR", "ISG15", "IFI6", "MX1", "IFIT1", "IFIT3"]
    genomes = ["GRCh38"] * 2 + ["CAR"] + ["GRCh38"] * 5
    path = write_h5(tmp_path / "a.h5", [range(1, 9)], ["AAA-1"], symbols, genome=genomes)
    result = run(tmp_path, "--sample", "S", "--gex", path)
    assert result.exit_code == 0, result.output
    facts = json.loads((tmp_path / "S.read.json").read_text())
    assert facts["genomes"] == {"GRCh38": 7, "CAR": 1}
    assert list(read_h5ad(tmp_path / "S.counts.h5ad").var_names) == ["CD3D", "CD3D-1", *symbols[2:]]


def test_aggregated_libraries_are_named(tmp_path):
    path = write_h5(tmp_path / "a.h5", np.ones((2, 1), int), ["AAA-1", "CCC-2"], ["CD3D"])
    assert "aggr" in message(reader.read_counts, path, "S")
    kept, warnings = own_barcodes(pd.Series([f"{i:04d}-1" for i in range(99)] + ["0001-11"]), "S")
    assert kept.iloc[0] == "0000" and kept.iloc[-1] == "0001-11" and len(warnings) == 1


def test_damaged_and_wrong_matrices_end_with_one_sentence(data, tmp_path):
    whole = (data / "liao_covid_balf/C144/count/filtered_feature_bc_matrix.h5").read_bytes()
    damaged = {"cut.h5": whole[:200_000], "empty.h5": b"", "page.h5": b"<html>no such file</html>"}
    for name, content in damaged.items():
        (tmp_path / name).write_bytes(content)
        text = message(reader.read_counts, tmp_path / name, "S")
        assert text.startswith(f"S: {name} ") and "\n" not in text
    cases = {
        "fraction": write_h5(tmp_path / "fraction.h5", [[0.5]], ["AAA-1"], ["CD3D"]),
        "antibody": write_h5(tmp_path / "ab.h5", [[1]], ["A-1"], ["CD3"], feature_type=["Antibody Capture"]),
        "twice": write_h5(tmp_path / "twice.h5", [[1], [1]], ["AAA-1", "AAA-1"], ["CD3D"]),
        "cells": write_h5(tmp_path / "none.h5", np.zeros((0, 1), int), ["A"][:0] or [""], ["CD3D"]),
    }
    beyond = write_h5(tmp_path / "beyond.h5", [[3]], ["AAA-1"], ["CD3D"])
    with h5py.File(beyond, "a") as file:
        file["matrix/indices"][0] = 9
    assert "indices must be < 1" in message(reader.read_counts, beyond, "S")
    assert "not whole" in message(reader.read_counts, cases["fraction"], "S")
    assert "no feature of type Gene Expression" in message(reader.read_counts, cases["antibody"], "S")
    assert "AAA twice" in message(reader.read_counts, cases["twice"], "S")
    assert "0 x 1" in message(reader.read_counts, cases["cells"], "S")
    assert "does not exist" in message(reader.read_counts, tmp_path / "nowhere", "S")
    assert "holds no" in message(reader.read_counts, data / "liao_covid_balf/C144/vdj_t", "S")


def test_raw_matrices_are_refused_by_name_and_by_content(tmp_path):
    named = write_h5(tmp_path / "raw_feature_bc_matrix.h5", [[1]], ["AAA-1"], ["CD3D"])
    assert "a raw matrix" in message(reader.read_counts, named, "S")
    empty = sparse.csr_matrix((100_001, 1), dtype=int)
    path = write_h5(tmp_path / "a.h5", empty, [f"{i:06d}-1" for i in range(100_001)], ["CD3D"])
    assert "most of them empty" in message(reader.read_counts, path, "S")
    both = tmp_path / "outs"
    both.mkdir()
    shutil.copy(named, both)
    shutil.copy(write_h5(tmp_path / "filtered_feature_bc_matrix.h5", [[1]], ["AAA-1"], ["CD3D"]), both)
    assert find_file(both, _count_matrix.MATRIX, "S").name == "filtered_feature_bc_matrix.h5"


def test_metrics_wide_and_long(data, tmp_path):
    wide = tmp_path / "metrics_summary.csv"
    wide.write_text('Estimated Number of Cells,Sequencing Saturation,Chemistry\n"4,340",97.8%,5\' R2\n')
    assert reader.read_metrics(wide, "S") == {"Estimated Number of Cells": 4340, "Sequencing Saturation": 97.8}
    wide.write_text('Estimated Number of Cells,Median TRA UMIs per Cell\n"1,200",3\n')
    assert reader.read_metrics(wide, "S")["VDJ T: Estimated Number of Cells"] == 1200
    wide.write_text("Estimated Number of Cells,Cells With Productive V-J Spanning Pair\n12,81.2%\n")
    assert reader.read_metrics(wide, "S")["VDJ: Estimated Number of Cells"] == 12
    found = reader.read_metrics(data / MULTI / "metrics_summary.csv", "S")
    assert found["Cells"] == 120 and found["Median UMI counts per cell"] == 5120
    assert found["VDJ B: Cells with productive V-J spanning (IGK, IGH) pair"] == 55.56
    wide.write_text("\n")
    assert "metrics_summary.csv" in message(reader.read_metrics, wide, "S")


def test_metrics_of_the_real_files(real_data):
    folder = real_data / "cellranger_metrics"
    assert reader.read_metrics(folder / "count_v2_metrics_summary.csv", "S")["Median UMI Counts per Cell"] == 3866
    found = reader.read_metrics(folder / "count_v3_metrics_summary.csv", "S")
    assert found["Antibody: Number of Reads"] == 39096673
    found = reader.read_metrics(folder / "multi_v6.1_metrics_summary.csv", "S")
    assert found["Total genes detected"] == 25 and found["VDJ T: Estimated number of cells"] == 21


def test_whole_run_of_a_multi_folder(data, tmp_path):
    outs = data / MULTI
    given = ["--gex", outs, "--vdj-b", outs, "--vdj-t", outs, "--metrics", outs / "metrics_summary.csv"]
    result = run(tmp_path, "--sample", "BALF_1", *given)
    assert result.exit_code == 0, result.output
    facts = json.loads((tmp_path / "BALF_1.read.json").read_text())
    assert (facts["status"], facts["n_cells"], facts["n_genes"]) == ("ok", 120, 1536)
    assert facts["features"] == {"Gene Expression": 1536, "Antibody Capture": 3}
    assert {name: facts["overlap"][name]["share"] for name in ("BCR", "TCR")} == {"BCR": 1, "TCR": 1}
    assert facts["overlap"]["TCR"]["vdj_cells"] == 40 and facts["overlap"]["TCR"]["by_locus"]["TRB"]["shared"] <= 40
    contigs = pd.read_parquet(tmp_path / "BALF_1.contigs.parquet")
    assert list(contigs.columns) == reader.schema().names
    assert contigs.library.value_counts().to_dict() == {"TCR": 91, "BCR": 67}
    assert facts["contigs"]["rows"] == 158 and facts["contigs"]["cells"] == 64
    assert set(contigs.cell_id) <= set(read_h5ad(tmp_path / "BALF_1.counts.h5ad").obs_names)


def test_overlap_is_of_the_smaller_side(data, tmp_path):
    source = data / "liao_covid_balf"
    result = run(tmp_path, "--sample", "C144", "--gex", source / "C144/count", "--vdj-t", source / "C149/vdj_t")
    assert result.exit_code == 0, result.output
    overlap = json.loads((tmp_path / "C144.read.json").read_text())["overlap"]["TCR"]
    assert overlap["vdj_cells"] == 391 and overlap["share"] < 0.05


def test_a_sample_that_cannot_be_read_is_a_fact_with_its_reason(tmp_path):
    (tmp_path / "a.h5").write_bytes(b"")
    assert run(tmp_path, "--sample", "S", "--gex", tmp_path / "a.h5").exit_code == 0
    facts = json.loads((tmp_path / "S.read.json").read_text())
    assert facts["status"] == "failed" and "0 bytes" in facts["reason"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["S.read.json", "a.h5"]


def read(folder, sample: str, gex, *libraries: str):
    """read.json and contigs of a sample; libraries: --vdj-t path ..."""
    folder.mkdir(exist_ok=True)
    result = run(folder, "--sample", sample, "--gex", gex, *libraries)
    assert result.exit_code == 0, result.output
    facts = json.loads((folder / f"{sample}.read.json").read_text())
    return facts, pd.read_parquet(folder / f"{sample}.contigs.parquet")


@pytest.mark.parametrize("written", ["C149_{}-1", "{}-4", "{}-1_3"])
def test_contigs_with_prefixed_or_suffixed_barcodes_equal_cell_rangers(data, tmp_path, written):
    source = data / "liao_covid_balf/C149"
    expected, contigs = read(tmp_path / "as", "C149", source / "count", "--vdj-t", source / "vdj_t")
    table = pd.read_csv(source / "vdj_t/filtered_contig_annotations.csv", dtype=str, keep_default_na=False)
    table["barcode"] = [written.format(barcode.removesuffix("-1")) for barcode in table["barcode"]]
    table.to_csv(tmp_path / "other.csv", index=False)
    facts, found = read(tmp_path / "other", "C149", source / "count", "--vdj-t", tmp_path / "other.csv")
    pd.testing.assert_frame_equal(found, contigs)
    assert facts["overlap"] == expected["overlap"] and facts["left_out"] == {}
    (said,) = (text for text in facts["notes"] if "only the nucleotides are compared" in text)
    assert f"barcodes are written {table['barcode'].iloc[0]};" in said and written.format("*") in said


def test_a_table_of_several_samples_serves_each_of_them(data, tmp_path):
    tables = []
    for number, sample in enumerate(("C144", "C146", "C149"), 1):
        table = pd.read_csv(data / f"liao_covid_balf/{sample}/vdj_t/filtered_contig_annotations.csv", dtype=str)
        tables.append(table.assign(barcode=table["barcode"].str.replace("-1", f"-{number}")))
    pd.concat(tables).to_csv(tmp_path / "aggr.csv", index=False)
    for sample, table in zip(("C144", "C146", "C149"), tables, strict=True):
        gex = data / "liao_covid_balf" / sample / "count"
        facts, found = read(tmp_path / sample, sample, gex, "--vdj-t", tmp_path / "aggr.csv")
        assert found["cell_id"].tolist() == (f"{sample}:" + table["barcode"].str[:16]).tolist()
        assert any("holds 3 libraries" in text for text in facts["warnings"])


def test_a_library_that_cannot_be_read_fails_alone(data, tmp_path):
    spleen = data / "djvdj_mouse_spleen/BL6"
    gex, table = spleen / "count/filtered_feature_bc_matrix", tmp_path / "b.csv"
    expected, contigs = read(tmp_path / "whole", "BL6", gex, "--vdj-b", spleen / "vdj_b", "--vdj-t", spleen / "vdj_t")
    assert expected["libraries"] == ["BCR", "TCR"] and expected["left_out"] == {}
    table.write_bytes((spleen / "vdj_b/filtered_contig_annotations.csv").read_bytes()[:-60])
    for vdj_b, why in (
        (table, "cut off within its last row"),
        (spleen / "vdj_t", "contigs are TCR; exchange vdj_b and vdj_t"),
    ):
        facts, found = read(tmp_path / "part", "BL6", gex, "--vdj-b", vdj_b, "--vdj-t", spleen / "vdj_t")
        assert (facts["status"], facts["n_cells"], facts["libraries"]) == ("ok", expected["n_cells"], ["TCR"])
        assert facts["left_out"]["BCR"].startswith("its BCR library is left out: ") and why in facts["left_out"]["BCR"]
        assert facts["left_out"]["BCR"] in facts["warnings"]
        pd.testing.assert_frame_equal(found, contigs[contigs["library"] == "TCR"].reset_index(drop=True))
