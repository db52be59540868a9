"""Contigs of Cell Ranger and AIRR tables against the files themselves and scirpy, and damaged files."""

import gzip

from _contigs import read_contigs, schema
from _errors import InputError

import pandas as pd
import pytest
from rearrangements import v_mutations


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
    paths = {
        data / f"liao_covid_balf/{name}/vdj_t/filtered_contig_annotations.csv": "vdj_t" for name in ("C144", "C149")
    }
    for name in ("BL6", "MD4"):
        paths[data / f"djvdj_mouse_spleen/{name}/vdj_t/filtered_contig_annotations.csv"] = "vdj_t"
    paths[data / "djvdj_mouse_spleen/BL6/vdj_b/filtered_contig_annotations.csv"] = "vdj_b"
    for path, column in paths.items():
        contigs_as_in_file(path, read_contigs(path, "S", column)[0])


def test_numbers_of_receptor_cells_equal_scirpy(data):
    scirpy = pytest.importorskip("scirpy")
    for name, column in (("liao_covid_balf/C149/vdj_t", "vdj_t"), ("djvdj_mouse_spleen/MD4/vdj_b", "vdj_b")):
        path = data / name / "filtered_contig_annotations.csv"
        table, _ = read_contigs(path, "S", column)
        assert table[table.is_cell & table.high_confidence].cell_id.nunique() == scirpy.io.read_10x_vdj(path).n_obs


def test_tcr_cells_of_the_lavage_samples(data):
    cells = {}
    for name in ("C144", "C146", "C149"):
        table, _ = read_contigs(data / "liao_covid_balf" / name, name, "vdj_t")
        cells[name] = table.cell_id.nunique()
    assert cells == {"C144": 136, "C146": 54, "C149": 391}


def test_airr_gives_the_same_contigs_with_alignments(data):
    folder = data / "djvdj_mouse_spleen/MD4/vdj_t"
    airr, _ = read_contigs(folder / "airr_rearrangement.tsv", "MD4", "vdj_t")
    table, _ = read_contigs(folder / "filtered_contig_annotations.csv", "MD4", "vdj_t")
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
    (row,) = read_contigs(path, "S", "vdj_b")[0].to_dict("records")
    assert row["is_cell"] and row["high_confidence"] and row["full_length"] and not row["productive"]
    assert all(pd.isna(row[name]) for name in ("locus", "d_call", "c_call", "junction", "junction_aa"))
    assert row["cell_id"] == "S:AAA" and row["duplicate_count"] == 2 and row["length"] == 500


@pytest.mark.parametrize("content", [b"", HEADER.encode(), gzip.compress(HEADER.encode())])
def test_contig_files_without_contigs_are_no_error(tmp_path, content):
    path = tmp_path / "filtered_contig_annotations.csv"
    path.write_bytes(content)
    table, warnings = read_contigs(path, "S", "vdj_b")
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
            read_contigs(path, "S", "vdj_b")
        text = str(caught.value)
        assert expected in text and text.startswith("S: c.csv (vdj_b)"), text
    tcr = data / "liao_covid_balf/C149/vdj_t"
    with pytest.raises(InputError, match="exchange vdj_b and vdj_t"):
        read_contigs(tcr, "S", "vdj_b")


def airr(tmp_path, *rows, name="t.tsv", column="vdj_b"):
    """Contigs and warnings of an AIRR table; rows: what differs from a productive heavy chain, '' where a column is empty."""
    usual = {"cell_id": "AAAC-1", "sequence_id": "c", "productive": "T", "v_call": "IGHV3-21*01", "j_call": "IGHJ6*02"}
    usual |= {"junction": "TGTGCGAGATGG", "junction_aa": "CARW", "umi_count": "9"}
    table = pd.DataFrame([usual | row for row in rows]).dropna(axis=1, how="all")
    table.to_csv(tmp_path / name, sep="\t", index=False)
    return read_contigs(tmp_path / name, "S", column)


@pytest.mark.parametrize(
    ("v", "j", "c", "given", "locus"),
    [
        ("TRAV29DV5", "TRDJ1", "TRDC", "", "TRD"),
        ("TRAV38-2/DV8*01", "TRDJ1*01", "", "", "TRD"),
        ("TRAV38-2/DV8*01", "", "TRDC", "", "TRD"),
        ("TRAV29/DV5", "TRDJ1", "TRDC", "TRA", "TRD"),  # as IgBLAST, by the V gene
        ("TRDV1", "TRAJ5", "TRAC", "", "TRA"),
        ("TRAV29/DV5", "TRAJ5", "TRAC", "", "TRA"),
        ("TRAV29/DV5", "", "", "", "TRA"),
        ("TRDV2", "TRDJ1", "TRDC", "", "TRD"),
        ("trbv6-2", "trbj1-1", "", "", "TRB"),
        ("TCRBV06-02", "TCRBJ01-01", "", "", "TRB"),
        ("Homsap IGKV3-20*01 F", "Homsap IGKJ1*01 F", "", "", "IGK"),
        ("VH3-21", "IGHJ6", "IGHG1", "", "IGH"),
        ("", "", "TRBC2", "", "TRB"),
        ("IGHV3-21", "IGKJ1", "IGKC", "", None),
        ("IGHV3-21", "IGHJ6", "IGHM", "Multi", None),
        ("IGHV3-21", "IGHJ6", "", "igh", "IGH"),
    ],
)
def test_locus_is_that_given_or_of_the_genes_and_the_j_gene_tells_alpha_from_delta(tmp_path, v, j, c, given, locus):
    genes = {"v_call": v, "j_call": j, "c_call": c, "locus": given}
    bcr = "IG" in v + j + c
    (row,) = airr(tmp_path, genes, column="vdj_b" if bcr else "vdj_t")[0].to_dict("records")
    assert (row["locus"] if locus else pd.isna(row["locus"])) == (locus or True)


def test_umis_are_those_of_umi_count_where_it_is_filled(tmp_path):
    rows = [{"umi_count": "4", "duplicate_count": "342"}, {"umi_count": "", "duplicate_count": "7"}]
    table, warnings = airr(tmp_path, *rows)
    assert table.duplicate_count.tolist() == [4, 7] and warnings == []
    table, warnings = airr(tmp_path, *(row | {"umi_count": None} for row in rows))
    assert table.duplicate_count.tolist() == [342, 7] and warnings == []


def test_a_germline_with_masked_d_stands_in_for_one_that_is_missing(tmp_path):
    masked = {"sequence_alignment": "ACGTACGT", "germline_alignment_d_mask": "ACGTNNNN"}
    table, _ = airr(tmp_path, masked | {"germline_alignment": ""}, masked | {"germline_alignment": "ACGTCCCC"})
    assert table.germline_alignment.tolist() == ["ACGTNNNN", "ACGTCCCC"]
    assert airr(tmp_path, masked)[0].germline_alignment.tolist() == ["ACGTNNNN"]


def test_c_genes_have_no_alleles_and_what_is_none_is_said(tmp_path):
    calls = ["IGHG1*01", "IGHM", "IGHA1*01,IGHA2*03", "IGHG1*01,IGHG1*02", "Homsap IGHG2*01 F", "heavy", "No", ""]
    table, warnings = airr(tmp_path, *({"c_call": call} for call in calls))
    genes = ["IGHG1", "IGHM", "IGHA1,IGHA2", "IGHG1", "IGHG2", "", "", ""]
    assert table.c_call.fillna("").tolist() == genes
    assert warnings == ["S: t.tsv (vdj_b): 1 of 8 C genes are none ('heavy') and count as missing"]


@pytest.mark.parametrize("word", ["No", "NO", "no", "None", "NA", "N/A", "NULL", "null", "NaN", ""])
def test_words_for_a_missing_value(tmp_path, word):
    empty = dict.fromkeys(("d_call", "c_call", "junction", "junction_aa", "productive"), word)
    table, warnings = airr(tmp_path, {}, empty)
    assert table.loc[1, ["d_call", "c_call", "junction", "junction_aa"]].isna().all() and warnings == []
    assert table.productive.tolist() == [True, False]


def test_junctions_are_in_capitals_and_translated_where_amino_acids_are_missing(tmp_path):
    rows = [{"junction": "tgtgcgagatgg", "junction_aa": ""}, {"junction": "TGTGCNAGATGG", "junction_aa": ""}]
    rows += [{"junction": "TGTTAAAGATGG", "junction_aa": "", "productive": "F"}, {"junction_aa": "carw"}]
    rows += [{"junction": "TGTGCGAGATG", "junction_aa": "", "productive": "F"}]
    table, (warning,) = airr(tmp_path, *rows)
    assert table.junction_aa.tolist() == ["CARW", "CXRW", "C*RW", "CARW", None]
    assert table.junction[0] == "TGTGCGAGATGG"
    assert "junction_aa is empty in 2 productive contigs" in warning
    column, _ = airr(tmp_path, *(row | {"junction_aa": None} for row in rows))
    assert column.junction_aa.tolist() == ["CARW", "CXRW", "C*RW", "CARW", None]


def test_amino_acids_alone_are_read_and_said(tmp_path):
    table, (warning,) = airr(tmp_path, {"junction": None}, {"junction": None})
    assert table.junction_aa.tolist() == ["CARW", "CARW"] and table.junction.isna().all()
    assert "2 of 2 productive contigs have amino acids, but no junction nucleotides" in warning
    assert "1 of 2 productive" in airr(tmp_path, {}, {"junction": ""})[1][0]


def test_cdr3_is_a_junction_where_it_is_amino_acids(tmp_path):
    bare = {"junction": None, "junction_aa": None}
    assert airr(tmp_path, bare | {"cdr3": "CATW"}, bare | {"cdr3": "CARW"})[0].junction_aa.tolist() == ["CATW", "CARW"]
    assert airr(tmp_path, {"junction_aa": None, "cdr3": "GCGAGA"})[0].junction_aa.tolist() == ["CARW"]
    with pytest.raises(InputError, match="no column for junction"):
        airr(tmp_path, bare | {"cdr3": "GCGAGA"})


def test_without_a_word_on_productive_contigs_the_junction_tells(tmp_path):
    stop = {"junction": "TGTTAAAGATGG", "junction_aa": "C*RW"}
    for empty in (None, ""):
        table, (warning,) = airr(tmp_path, {"productive": empty}, stop | {"productive": empty})
        assert table.productive.tolist() == [True, False] and "does not say what is productive" in warning


def test_contigs_of_a_gamma_delta_library_are_tcr_with_names_of_their_own(tmp_path):
    genes = {"v_call": "TRGV9", "j_call": "TRGJP", "c_call": "TRGC1"}
    (row,) = airr(tmp_path, genes, column="vdj_t_gd")[0].to_dict("records")
    assert (row["library"], row["locus"], row["sequence_id"]) == ("TCR", "TRG", "gd_c")


def test_trust4_single_cells(data):
    table, warnings = read_contigs(data / "airr_callers/trust4.tsv", "S", "vdj_b")
    assert warnings == [] and table.productive.all() and table.is_cell.all()
    assert table.groupby("cell_id").locus.agg(lambda loci: "IGH" in set(loci) and len(loci) == 2).tolist() == [True] * 8
    lengths = table.junction.str.len() / 3
    assert (table.junction_aa.str.len() == lengths).all() and table.junction_aa.str.startswith("C").all()
    columns = (table[name] for name in ("sequence_alignment", "germline_alignment", "junction"))
    compared = [v_mutations(*row) for row in zip(*columns, strict=True)]
    assert all(n > 250 and 0 < different < 0.2 * n for n, different in compared)


def test_a_bulk_table_is_named_as_one(tmp_path):
    with pytest.raises(InputError, match="names no cells, as a bulk table"):
        airr(tmp_path, {"cell_id": ""}, {"cell_id": ""})


def test_dandelion_by_its_documented_columns(tmp_path):
    germline = "CAGGTG...CAG" * 26
    mutated = germline.replace("CAGGTG", "CAGATG", 3)
    row = {"cell_id": "AAACCTGAGAAACCAT-1", "v_call_genotyped": "IGHV3-21*01", "c_call": "IGHG1*01,IGHG1*02"}
    row |= {
        "sequence_alignment": mutated + "TGTGCGAGATGG",
        "germline_alignment": "",
        "locus": "IGH",
        "umi_count": "12.0",
    }
    row |= {"germline_alignment_d_mask": germline + "TGTGCGNNNTGG", "duplicate_count": "", "consensus_count": "900"}
    (contig,) = airr(tmp_path, row)[0].to_dict("records")
    assert (contig["c_call"], contig["duplicate_count"], contig["consensus_count"]) == ("IGHG1", 12, 900)
    found = v_mutations(contig["sequence_alignment"], contig["germline_alignment"], contig["junction"])
    assert found == (26 * 9, 3)


REMARKS = "## BD Rhapsody Sequence Analysis Pipeline\n## Libraries - demo\n"


def test_bd_rhapsody_by_its_documented_columns(tmp_path):
    rows = [{"cell_id": "105636", "locus": "IGH", "c_call": "IGHM*01", "high_quality_cell_tcr_bcr": "true"}]
    rows += [
        {"cell_id": "10681", "locus": "BCR_Kappa", "v_call": "IGKV1-5*03", "j_call": "IGKJ2*01", "productive": "true"}
    ]
    airr(tmp_path, *rows)
    path = tmp_path / "t.tsv"
    path.write_text(REMARKS + path.read_text())
    table, warnings = read_contigs(path, "S", "vdj_b")
    assert table.cell_id.tolist() == ["S:105636", "S:10681"] and table.locus.tolist() == ["IGH", "IGK"]
    assert table.productive.all() and table.c_call.fillna("").tolist() == ["IGHM", ""] and warnings == []


def test_a_table_of_b_and_t_cells_gives_each_library_its_loci(tmp_path):
    tcr = {"v_call": "TRBV9*01", "j_call": "TRBJ1-1*01"}
    for column, n, other in (("vdj_b", 3, "2 contigs of TCR"), ("vdj_t", 2, "3 contigs of BCR")):
        table, warnings = airr(tmp_path, {}, tcr, {}, tcr, {}, column=column)
        assert len(table) == n and warnings == [
            f"S: t.tsv ({column}): {other} are left out; name the file for them too"
        ]
        assert read_contigs(tmp_path / "t.tsv", "S", column, both=True)[1] == []
    rare = [tcr] * 40 + [{}]
    with pytest.raises(InputError, match="exchange"):
        airr(tmp_path, *rare[:40])
    airr(tmp_path, *rare, column="vdj_t")
    assert read_contigs(tmp_path / "t.tsv", "S", "vdj_b", both=True)[0].locus.tolist() == ["IGH"]
