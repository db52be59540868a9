"""Contigs of Cell Ranger and AIRR tables against the files themselves and scirpy, and damaged files."""

import gzip

from _contigs import read_contigs, schema
from _errors import InputError

import pandas as pd
import pytest


def contigs_as_in_file(path, table):
    """Every value of the CSV found again under its AIRR name."""
    raw = pd.read_csv(path, dtype=str, keep_default_na=False).replace({"None": None, "": None, "NA": None})
    assert len(raw) == len(table)
    for theirs, ours in (("v_gene", "v_call"), ("c_gene", "c_call"), ("cdr3", "junction_aa"), ("cdr3_nt", "junction")):
        assert raw[theirs].fillna("").tolist() == table[ours].fillna("").tolist()
    assert raw.umis.astype(int).tolist() == table.duplicate_count.tolist()
    assert raw.reads.astype(int).tolist() == table.consensus_count.tolist()
    assert (raw.productive.str.lower() == "true").tolist() == table.productive.tolist()
    assert raw.barcode.str.removesuffix("-1").tolist() == table.cell_id.str.split(":").str[1].tolist()


def test_contigs_equal_the_csv_of_old_and_new_layout(data):
    paths = {data / f"liao_covid_balf/{name}/vdj_t/filtered_contig_annotations.csv": "TCR" for name in ("C144", "C149")}
    for name in ("BL6", "MD4"):
        paths[data / f"djvdj_mouse_spleen/{name}/vdj_t/filtered_contig_annotations.csv"] = "TCR"
    paths[data / "djvdj_mouse_spleen/BL6/vdj_b/filtered_contig_annotations.csv"] = "BCR"
    for path, library in paths.items():
        contigs_as_in_file(path, read_contigs(path, "S", library)[0])


def test_numbers_of_receptor_cells_equal_scirpy(data):
    scirpy = pytest.importorskip("scirpy")
    for name, library in (("liao_covid_balf/C149/vdj_t", "TCR"), ("djvdj_mouse_spleen/MD4/vdj_b", "BCR")):
        path = data / name / "filtered_contig_annotations.csv"
        table, _ = read_contigs(path, "S", library)
        assert table[table.is_cell & table.high_confidence].cell_id.nunique() == scirpy.io.read_10x_vdj(path).n_obs


def test_tcr_cells_of_the_lavage_samples(data):
    cells = {}
    for name in ("C144", "C146", "C149"):
        table, _ = read_contigs(data / "liao_covid_balf" / name, name, "TCR")
        cells[name] = table.cell_id.nunique()
    assert cells == {"C144": 136, "C146": 54, "C149": 391}


def test_airr_gives_the_same_contigs_with_alignments(data):
    folder = data / "djvdj_mouse_spleen/MD4/vdj_t"
    airr, _ = read_contigs(folder / "airr_rearrangement.tsv", "MD4", "TCR")
    table, _ = read_contigs(folder / "filtered_contig_annotations.csv", "MD4", "TCR")
    both = airr.merge(table, on="sequence_id", suffixes=("", "_csv"))
    assert len(both) == len(airr) > 50
    for name in ("cell_id", "locus", "v_call", "j_call", "junction", "junction_aa", "duplicate_count", "length"):
        assert (both[name] == both[f"{name}_csv"]).all(), name
    assert airr.sequence_alignment.notna().all() and airr.productive.all()
    assert table.sequence_alignment.isna().all()


HEADER = "barcode,is_cell,contig_id,high_confidence,length,chain,v_gene,d_gene,j_gene,c_gene,full_length,productive,"
HEADER += "cdr3,cdr3_nt,reads,umis\n"
ROW = "AAA-1,TRUE,AAA-1_contig_1,true,500,Multi,IGHV3-21,None,IGHJ4,,True,None,None,NA,10,2\n"


def test_flags_in_any_spelling_and_empty_calls(tmp_path):
    path = tmp_path / "filtered_contig_annotations.csv"
    path.write_bytes(b"\xef\xbb\xbf" + (HEADER + ROW).replace("\n", "\r\n").encode())
    (row,) = read_contigs(path, "S", "BCR")[0].to_dict("records")
    assert row["is_cell"] and row["high_confidence"] and row["full_length"] and not row["productive"]
    assert all(pd.isna(row[name]) for name in ("locus", "d_call", "c_call", "junction", "junction_aa"))
    assert row["cell_id"] == "S:AAA" and row["duplicate_count"] == 2 and row["length"] == 500


@pytest.mark.parametrize("content", [b"", HEADER.encode(), gzip.compress(HEADER.encode())])
def test_contig_files_without_contigs_are_no_error(tmp_path, content):
    path = tmp_path / "filtered_contig_annotations.csv"
    path.write_bytes(content)
    table, warnings = read_contigs(path, "S", "BCR")
    assert len(table) == 0 and list(table.columns) == schema().names
    assert warnings == ["S: filtered_contig_annotations.csv (vdj_b) holds no BCR contigs"]


def test_wrong_contig_files_end_with_one_sentence(data, tmp_path):
    path = tmp_path / "c.csv"
    cases = {
        b"gene,count\nA,1\n": "no column for cell_id",
        (HEADER + ROW).replace("IGHV3-21", "IGHV\udcff3").encode(errors="surrogateescape"): "no whole table in UTF-8",
        (HEADER + ROW.replace("AAA-1,TRUE", ",TRUE")).encode(): "row 2 has no barcode",
        (HEADER + ROW.replace(",10,2", ",10,many")).encode(): "row 2 has duplicate_count 'many'",
        (HEADER + ROW + ROW.replace("AAA-1", "CCC-2")).encode(): "aggr",
        gzip.compress((HEADER + ROW).encode())[:60]: "no whole table",
        (HEADER + ROW + ROW[:40]).encode(): "cut off within its last row",
    }
    for content, expected in cases.items():
        path.write_bytes(content)
        with pytest.raises(InputError) as caught:
            read_contigs(path, "S", "BCR")
        text = str(caught.value)
        assert expected in text and text.startswith("S: c.csv (vdj_b)"), text
    tcr = data / "liao_covid_balf/C149/vdj_t"
    with pytest.raises(InputError, match="exchange vdj_b and vdj_t"):
        read_contigs(tcr, "S", "BCR")
