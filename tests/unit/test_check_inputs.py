"""CHECK_INPUTS: what people write into sheets, and the sentence that each mistake gets."""

import csv
import json
import re
from pathlib import Path

import _user_grid
import _user_tables
from _user_days import Days

import check_inputs
import pytest
from click.testing import CliRunner

TABLES = ("mrd", "clinical", "events", "fish", "labels")
HEADER = "sample,patient,timepoint,day,gex,vdj_b,vdj_t,outs\n"


def make(folder: Path, *files: str, content: bytes = b"x") -> None:
    """Files below a folder, with the folders between."""
    for name in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


class Checked:
    """What one call of check_inputs.py printed and wrote."""

    def __init__(self, result, folder: Path):
        self.status, self.text, self.folder = result.exit_code, result.stderr, folder
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info

    def line(self, *parts: str) -> str:
        """The one line that holds all parts."""
        lines = [line for line in self.text.splitlines() if all(part in line for part in parts)]
        assert len(lines) == 1, f"{parts} in {len(lines)} lines of\n{self.text}"
        return lines[0]

    @property
    def errors(self) -> list[str]:
        return [line for line in self.text.splitlines() if line.startswith("ERROR")]

    @property
    def warnings(self) -> list[str]:
        return [line for line in self.text.splitlines() if line.startswith("WARNING")]

    def table(self, name: str = "samples") -> list[dict[str, str]]:
        return rows_of(self.folder / f"{name}.tsv")


@pytest.fixture
def check(tmp_path, monkeypatch):
    """check(sheet, mrd=..., ...): contents as text or bytes; the files of samples A, B and C are there."""

    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path / "out")
    for sample in "ABC":
        make(tmp_path, f"{sample}/filtered_feature_bc_matrix.h5", f"{sample}/vdj_b/filtered_contig_annotations.csv")
        make(tmp_path, f"{sample}/vdj_t/filtered_contig_annotations.csv")

    def call(sheet: str | bytes, *options: str, name: str = "samples.csv", **tables: str | bytes) -> Checked:
        arguments = [str(tmp_path / name), *options]
        for file, content in {name: sheet, **{f"{table}.csv": text for table, text in tables.items()}}.items():
            (tmp_path / file).write_bytes(content.encode() if isinstance(content, str) else content)
        for table in tables:
            arguments += [f"--{table}", str(tmp_path / f"{table}.csv")]
        return Checked(CliRunner().invoke(check_inputs.main, arguments), tmp_path / "out")

    return call


def sheet(*rows: str) -> str:
    return HEADER + "".join(row + "\n" for row in rows)


ROW = "A,P1,T1,0,A/filtered_feature_bc_matrix.h5,,,"
SECOND = "B,P1,T2,28,B/filtered_feature_bc_matrix.h5,,,"
GOOD = sheet(ROW, SECOND)


def test_a_good_sheet_is_written_in_order_of_patient_and_day(check):
    got = check(sheet("C,P2,T1,0,C,,,", SECOND, ROW))
    assert got.status == 0 and not got.errors
    assert [(row["sample"], row["patient"], row["day"]) for row in got.table()] == [
        ("A", "P1", "0"),
        ("B", "P1", "28"),
        ("C", "P2", "0"),
    ]
    assert list(got.table()[0]) == list(check_inputs.SHEET)
    assert "comes after a later day" in got.line("WARNING", "row 4", "column day")
    assert Path(got.table()[0]["gex"]).is_absolute() and Path(got.table()[0]["gex"]).is_file()


def test_warnings_are_also_written_for_the_report(check):
    got = check(sheet(SECOND, ROW))
    (warning,) = json.loads((got.folder / "inputs.warnings.json").read_text())
    assert warning["level"] == "warning" and warning["step"] == "CHECK_INPUTS"
    assert warning["text"].startswith("samples.csv, row 3, column day")


def test_nothing_is_written_when_there_is_an_error(check):
    got = check(sheet(ROW, "B,P1,T2,x,B,,,"))
    assert got.status == 1 and not list(got.folder.iterdir())


def test_all_problems_of_all_files_come_at_once_and_sorted(check):
    got = check(
        sheet("A,P1,T1,zero,A,,,", "A,P1,T2,28,missing.h5,,,", "-x,P1,T3,30,C,,,"),
        fish="patient,day,probe,region,abnormality,percent\nP1,180,RB1,chr23,loss,174\n",
        clinical='patient,day,parameter,value,unit\nP1,0,HGB,"1,150",g/L\n',
    )
    assert got.status == 1
    places = [re.match(r"ERROR (\S+), row (\d+), column ([\w+]+)", line).groups() for line in got.errors]
    assert places == [
        ("samples.csv", "2", "day"),
        ("samples.csv", "3", "sample"),
        ("samples.csv", "3", "gex"),
        ("samples.csv", "4", "sample"),
        ("clinical.csv", "2", "value"),
        ("fish.csv", "2", "region"),
        ("fish.csv", "2", "percent"),
    ]
    assert "errors (7)" in got.text


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (b"\xef\xbb\xbf" + GOOD.encode(), "a byte order mark"),
        (GOOD.replace(",", ";"), "semicolons"),
        (GOOD.replace(",", "\t"), "tabs"),
        (GOOD.replace("A,P1,T1", " A ,P1  ,T1"), "spaces around 2 cells"),
        (GOOD.replace("\nB", "\n\n,,,,,,,\nB") + "\n\n", "4 empty rows"),
    ],
)
def test_what_spreadsheets_do_is_tolerated_and_told(check, given, said):
    got = check(given)
    assert got.status == 0 and said in got.line("WARNING")
    assert [row["sample"] for row in got.table()] == ["A", "B"]
    assert got.table()[1]["gex"].endswith("/B/filtered_feature_bc_matrix.h5")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_of_any_system_are_read_without_a_word(check, end):
    got = check(GOOD.replace("\n", end))
    assert got.text == "" and [row["sample"] for row in got.table()] == ["A", "B"]


def test_excels_separator_line_is_not_a_row(check):
    got = check("sep=;\n" + sheet(ROW, "B,P1,T2,x,B,,,").replace(",", ";"))
    assert "row 3, column day" in got.errors[0]


def test_letters_that_are_not_utf8_are_named_with_row_and_byte(check):
    got = check((HEADER + "A,P1,T1,0,A,,,\nM\xfcller,P1,T2,28,B,,,\n").encode("latin-1"))
    line = got.line("row 3", "column sample")
    assert "0xFC" in line and "ü" in line and "CSV UTF-8" in line


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (GOOD.encode("utf-16"), "UTF-16"),
        (GOOD.encode("utf-16-le"), "UTF-16"),
        (b"PK\x03\x04rest", ".xlsx"),
        (b"\xd0\xcf\x11\xe0rest", ".xls"),
        (b"\x1f\x8brest", "gzip"),
        (b"", "no rows"),
        (HEADER, "no rows"),
        (GOOD.replace(",", "|"), "separated by '|'"),
        (GOOD.replace(",", " "), "separated by ' '"),
    ],
)
def test_files_that_are_no_table(check, content, said):
    got = check(content)
    assert got.status == 1 and said in got.errors[0] and len(got.errors) == 1


def test_rows_count_as_a_spreadsheet_does_after_a_quoted_line_break(check):
    got = check(HEADER + '"A\nx",P1,T1,0,A,,,\n\nB,P1,T2,soon,B,,,\n')
    assert "line break" in got.line("row 2", "column sample")
    assert "'soon'" in got.line("row 4", "column day")


def test_a_missing_column_and_a_mistyped_one(check):
    got = check("sample,patient,timepont,day,bcr,gex,notes\nA,P1,T1,0,A/vdj_b,A,x\n")
    assert "did you mean timepoint?" in got.line("'timepont'")
    assert "did you mean vdj_b?" in got.line("'bcr'")
    assert "is missing" in got.line("column timepoint")
    assert got.line("'notes'").startswith("WARNING")


def test_headings_in_capitals_and_with_spaces_are_understood(check):
    assert check(GOOD.replace("sample,patient", "Sample, PATIENT")).status == 0


def test_a_heading_that_stands_twice(check):
    assert "more than once" in check(GOOD.replace("vdj_b", "gex")).line("row 1", "column gex")


def test_a_row_with_too_many_cells(check):
    assert "quotation marks" in check(sheet(ROW + ",more")).line("row 2", "ERROR")


HOSTILE = "../A|A/B|A B|A;rm -rf ~|$(id)|`id`|=1+1|-rf|.hidden|A>B|ä|A'B|" + "x" * 101


@pytest.mark.parametrize("name", HOSTILE.split("|"))
@pytest.mark.parametrize("column", ["sample", "patient", "timepoint"])
def test_hostile_names_are_refused(check, name, column):
    cells = {"sample": "A", "patient": "P1", "timepoint": "T1"} | {column: name}
    got = check(HEADER + f'"{cells["sample"]}",{cells["patient"]},{cells["timepoint"]},0,A,,,\n')
    assert "letters, digits" in got.line("ERROR", "row 2", f"column {column}")


def test_control_characters_reach_no_terminal(check):
    got = check(sheet("A\x1b[31m,P1,T1,0,A,,,"))
    assert "\x1b" not in got.text and "\\x1b" in got.errors[0]


def test_a_name_that_excel_made_a_date(check):
    assert "made a date" in check(sheet(ROW.replace("T1", "1-Mar"))).line("column timepoint")


@pytest.mark.parametrize(
    ("day", "said"),
    [
        ("28.5", "no whole number"),
        ('"28,5"', "no whole number"),
        ("2024-03-01", "a date"),
        ("01.03.2024", "a date"),
        ("3/1/2024", "a date"),
        ("5-Jan", "a date"),
        ("45352", "outside -20000 to 20000"),
        ("before CAR-T", "no whole number"),
        ("1.000", "may be 1000 or 1"),
        ("", "is empty"),
    ],
)
def test_days_that_are_none(check, day, said):
    assert said in check(sheet(ROW.replace(",0,", f",{day},"))).line("ERROR", "row 2", "column day")


@pytest.mark.parametrize(("day", "read"), [("28.0", "28"), ("+28", "28"), ("\u221214", "-14"), ("-14", "-14")])
def test_days_that_programs_write_differently(check, day, read):
    assert check(sheet(ROW.replace(",0,", f",{day},"))).table()[0]["day"] == read


def test_a_sample_twice(check):
    assert "stands in row 2 already" in check(sheet(ROW, SECOND.replace("B,", "A,", 1))).line("column sample")


def test_samples_that_differ_only_in_case(check):
    assert "only in case" in check(sheet(ROW, SECOND.replace("B,", "a,", 1))).line("row 3, column sample")


def test_the_same_file_for_two_samples(check):
    got = check(sheet(ROW, "B,P1,T2,28,./A/../A/filtered_feature_bc_matrix.h5,,,"))
    assert "is gex of row 2 already" in got.line("row 3", "column gex")


def test_one_contig_file_for_samples_of_a_pool(check):
    make(Path(".."), "A/contigs.csv")
    got = check(sheet("A,P1,T1,0,A,A/contigs.csv,,", "B,P1,T2,28,B,./A/contigs.csv,,"))
    assert got.status == 0
    assert "is vdj_b of row 2 too, as for one library of a pool" in got.line("WARNING", "row 3", "column vdj_b")
    assert [row["vdj_b"] for row in got.table()] == [got.table()[0]["vdj_b"]] * 2
    crossed = check(sheet("A,P1,T1,0,A,A/contigs.csv,,", "B,P1,T2,28,B,,A/contigs.csv,"))
    assert "is vdj_b of row 2 already" in crossed.line("ERROR", "row 3", "column vdj_t")


def test_one_contig_file_for_b_and_t_cells(check):
    make(Path(".."), "A/contigs.csv")
    got = check(sheet("A,P1,T1,0,A,A/contigs.csv,A/contigs.csv,"))
    assert "is vdj_b of row 2 already" in got.line("column vdj_t")


def test_one_airr_table_for_b_and_t_cells(check, tmp_path):
    make(tmp_path, "A/x_VDJ_Dominant_Contigs_AIRR.tsv")
    file = "A/x_VDJ_Dominant_Contigs_AIRR.tsv"
    (row,) = check(sheet(f"A,P1,T1,0,A,{file},{file},")).table()
    assert row["vdj_b"] == row["vdj_t"] == str(tmp_path / file)


def test_a_time_point_with_two_days(check):
    assert "'28', but '0' in row 2 for P1 T1" in check(sheet(ROW, SECOND.replace("T2", "T1"))).line("column day")


def test_a_day_with_two_time_points(check):
    assert "'T2', but 'T1' in row 2" in check(sheet(ROW, SECOND.replace("28", "0"))).line("column timepoint")


def test_the_same_day_twice_needs_a_tissue_to_tell_apart(check):
    header = HEADER.strip() + ",tissue\n"
    twice = header + ROW + ",\n" + SECOND.replace("T2,28", "T1,0") + ",\n"
    assert "stands in row 2 already" in check(twice).line("column patient+day+batch+tissue+sort")
    apart = header + ROW + ",blood\n" + SECOND.replace("T2,28", "T1,0") + ",bone marrow\n"
    assert check(apart).status == 0


def test_the_same_day_and_tissue_twice_may_differ_in_the_sort(check):
    header = HEADER.strip() + ",tissue,sort\n"
    first, second = ROW + ",blood,\n", SECOND.replace("T2,28", "T1,0")
    got = check(header + first + second + ",blood,CD3+CAR+\n")
    assert got.status == 0
    assert [row["sort"] for row in got.table("samples")] == ["", "CD3+CAR+"]
    twice = header + first.replace("blood,", "blood,CD3+CAR+") + second + ",blood,CD3+CAR+\n"
    assert "stands in row 2 already" in check(twice).line("column patient+day+batch+tissue+sort")


def test_a_sample_without_expression(check):
    assert "fill in one" in check(sheet("A,P1,T1,0,,A/vdj_b,,")).line("column gex or outs")


def test_paths_that_do_not_exist(check):
    got = check(sheet("A,P1,T1,0,A/nothing.h5,B/nothing.csv,,"))
    assert "does not exist" in got.line("column gex") and "does not exist" in got.line("column vdj_b")


@pytest.mark.parametrize("path", [r"C:\data\A.h5", "~/A.h5", "$HOME/A.h5", '"A,B.h5"', "A*.h5"])
def test_paths_that_a_shell_would_change(check, path):
    assert "plain path" in check(HEADER + f"A,P1,T1,0,{path},,,\n").line("column gex")


def test_folders_are_resolved_to_files_with_metrics(check, tmp_path):
    make(tmp_path, "run/outs/filtered_feature_bc_matrix.h5", "run/outs/metrics_summary.csv")
    make(tmp_path, "run/outs/raw_feature_bc_matrix.h5", "run/outs/molecule_info.h5")
    make(
        tmp_path,
        *(f"run/outs/filtered_feature_bc_matrix/{n}.gz" for n in ("matrix.mtx", "barcodes.tsv", "features.tsv")),
    )
    (row,) = check(sheet("A,P1,T1,0,run,A/vdj_b,A,")).table()
    assert row["gex"] == str(tmp_path / "run/outs/filtered_feature_bc_matrix.h5")
    assert row["metrics"] == str(tmp_path / "run/outs/metrics_summary.csv")
    assert row["vdj_b"].endswith("A/vdj_b/filtered_contig_annotations.csv")
    assert row["vdj_t"].endswith("A/vdj_t/filtered_contig_annotations.csv")


def test_metrics_beside_a_file_that_is_named_itself(check, tmp_path):
    make(tmp_path, "S/metrics_summary.csv", "S/count/sample_filtered_feature_bc_matrix.h5")
    (row,) = check(sheet("A,P1,T1,0,S/count/sample_filtered_feature_bc_matrix.h5,,,")).table()
    assert row["metrics"] == str(tmp_path / "S/metrics_summary.csv")


@pytest.mark.parametrize(
    "names", ["matrix.mtx barcodes.tsv genes.tsv", "matrix.mtx.gz barcodes.tsv.gz features.tsv.gz"]
)
def test_mtx_folders_of_versions_2_and_3(check, tmp_path, names):
    folders = ["mtx", "v2/filtered_gene_bc_matrices/GRCh38"]
    make(tmp_path, *(f"{folder}/{name}" for folder in folders for name in names.split()))
    rows = check(sheet("A,P1,T1,0,mtx,,,", "B,P1,T2,1,v2,,,")).table()
    assert [row["gex"] for row in rows] == [str(tmp_path / folder) for folder in folders]


MTX = ("barcodes.tsv.gz", "features.tsv.gz", "matrix.mtx.gz")


def trio(folder: Path, prefix: str) -> str:
    """The cell of samples.tsv for a matrix's three files, named by a prefix in a folder."""
    return ";".join(str(folder / f"{prefix}{name}") for name in ("matrix.mtx.gz", "barcodes.tsv.gz", "features.tsv.gz"))


@pytest.mark.parametrize(
    "way", ["GSM900001_P1_T2", "GSM900001_P1_T2_", "GSM900001", *(f"GSM900001_P1_T2_{name}" for name in MTX), ""]
)
def test_one_of_several_matrices_in_a_folder(check, tmp_path, way):
    folder = tmp_path / "RAW"
    make(folder, *(f"GSM900001_P1_T2_{name}" for name in MTX), *(f"GSM900002_P1_T20_{name}" for name in MTX))
    make(
        folder, "GSM900003_P1_T2_BCR_filtered_contig_annotations.csv", "GSM900004_P1_T20_tcr_airr_rearrangement.tsv.gz"
    )
    got = check(HEADER + f"P1_T2,P1,T2,28,RAW/{way},,,\nP1_T20,P1,T3,29,,,,RAW\n")
    assert got.status == 0, got.text
    assert [row["gex"] for row in got.table()] == [trio(folder, "GSM900001_P1_T2_"), trio(folder, "GSM900002_P1_T20_")]
    assert [Path(row["vdj_t"]).name for row in got.table()] == ["", "GSM900004_P1_T20_tcr_airr_rearrangement.tsv.gz"]


def test_a_folder_of_one_prefixed_matrix_and_of_several_that_no_name_tells_apart(check, tmp_path):
    make(tmp_path / "one", *(f"GSM900001_P1_T2_{name}" for name in MTX))
    make(tmp_path / "RAW", *(f"GSM9_A_{name}" for name in MTX), *(f"GSM9_B_{name}" for name in MTX))
    assert check(HEADER + "S,P1,T2,28,one,,,\n").table()[0]["gex"] == str(tmp_path / "one")
    for way in ("RAW", "RAW/GSM9"):
        line = check(HEADER + f"S,P1,T2,28,{way},,,\n").line("ERROR", "holds 2 times a matrix")
        assert "GSM9_A_matrix.mtx.gz" in line and "GSM9_B_matrix.mtx.gz" in line
    for way in ("RAW/GX", "one/GSM90"):
        assert "does not exist" in check(HEADER + f"S,P1,T2,28,{way},,,\n").line("ERROR")
    (tmp_path / "one/GSM900001_P1_T2_barcodes.tsv.gz").unlink()
    for way in ("one", "one/GSM900001_P1_T2", "one/GSM900001_P1_T2_matrix.mtx.gz"):
        assert "lacks barcodes.tsv or features.tsv" in check(HEADER + f"S,P1,T2,28,{way},,,\n").line("ERROR")


def test_starsolo_and_cellbender(check, tmp_path):
    plain = [name.removesuffix(".gz") for name in MTX]
    make(tmp_path / "Solo.out/Gene", *(f"{kind}/{name}" for kind in ("raw", "filtered") for name in plain))
    make(tmp_path / "cb", "raw_feature_bc_matrix_cellbender_filtered.h5", "raw_feature_bc_matrix_cellbender.h5")
    got = check(HEADER + "A,P1,T1,0,Solo.out/Gene,,,\nB,P1,T2,1,cb,,,\n")
    assert got.status == 0, got.text
    assert got.table()[0]["gex"].endswith("Gene/filtered") and got.table()[1]["gex"].endswith("cellbender_filtered.h5")
    assert "every droplet" in check(HEADER + "A,P1,T1,0,Solo.out/Gene/raw,,,\n").line("ERROR")


def test_only_a_raw_matrix(check, tmp_path):
    make(tmp_path, "run/raw_feature_bc_matrix.h5")
    for path in ("run", "run/raw_feature_bc_matrix.h5"):
        assert "every droplet" in check(sheet(f"A,P1,T1,0,{path},,,")).line("column gex", "raw_feature_bc_matrix")


def test_an_mtx_folder_with_a_part_missing(check, tmp_path):
    make(tmp_path, "mtx/matrix.mtx.gz", "mtx/barcodes.tsv.gz")
    assert "lacks" in check(sheet("A,P1,T1,0,mtx,,,")).line("column gex")


def test_a_folder_with_nothing_usable_lists_what_is_there(check, tmp_path):
    make(tmp_path, "odd/web_summary.html", "odd/cloupe.cloupe")
    assert "'cloupe.cloupe', 'web_summary.html'" in check(sheet("A,P1,T1,0,odd,,,")).line("column gex")


def test_contigs_in_the_wrong_column(check):
    got = check(sheet("A,P1,T1,0,A/vdj_b,A/vdj_t,A/vdj_b/filtered_contig_annotations.csv,"))
    assert "is or holds B-cell contigs, not a matrix" in got.line("column gex")
    assert "is or holds T-cell contigs, not B-cell contigs" in got.line("column vdj_b")
    assert "is or holds B-cell contigs, not T-cell contigs" in got.line("column vdj_t")


def test_a_gamma_delta_library_has_its_column_or_stands_for_vdj_t(check, tmp_path):
    make(tmp_path, *(f"g/{folder}/filtered_contig_annotations.csv" for folder in ("vdj_t", "vdj_t_gd")))
    header, gex = HEADER.replace("vdj_t,", "vdj_t,vdj_t_gd,"), "A/filtered_feature_bc_matrix.h5"
    file = {name: str(tmp_path / f"g/{name}/filtered_contig_annotations.csv") for name in ("vdj_t", "vdj_t_gd")}
    (row,) = check(header + f"A,P1,T1,0,{gex},,g/vdj_t,g/vdj_t_gd,\n").table()
    assert [row["vdj_t"], row["vdj_t_gd"]] == [file["vdj_t"], file["vdj_t_gd"]]
    (row,) = check(header + f"A,P1,T1,0,{gex},,g/vdj_t_gd,,\n").table()
    assert [row["vdj_t"], row["vdj_t_gd"]] == [file["vdj_t_gd"], ""]
    got = check(header + f"A,P1,T1,0,{gex},,g,,\n")
    assert got.table()[0]["vdj_t"] == file["vdj_t"]
    assert "vdj_t_gd/filtered" in got.line("WARNING", "column vdj_t:", "is left out; name it in vdj_t_gd")


def test_contigs_prefer_filtered_then_airr_then_all(check, tmp_path):
    names = ["filtered_contig_annotations.csv", "airr_rearrangement.tsv", "all_contig_annotations.csv.gz"]
    for start in range(3):
        make(tmp_path, *(f"v{start}/{name}" for name in names[start:]))
        got = check(sheet(f"A,P1,T1,0,A,v{start},,"))
        assert got.table()[0]["vdj_b"].endswith(names[start])
    assert "only cells' contigs" in got.line("WARNING", "column vdj_b")


def test_empty_files(check, tmp_path):
    make(tmp_path, "none.h5", "none.csv", content=b"")
    got = check(sheet("A,P1,T1,0,A,none.csv,,"))
    assert got.status == 0 and "0 bytes" in got.line("WARNING", "column vdj_b")
    assert "copy it again" in check(sheet("A,P1,T1,0,none.h5,,,")).line("ERROR", "column gex")


def test_outs_of_multi_with_one_sample_and_with_several(check, tmp_path):
    place = "outs/per_sample_outs"
    make(tmp_path, f"{place}/S1/count/sample_filtered_feature_bc_matrix.h5", f"{place}/S1/metrics_summary.csv")
    make(
        tmp_path,
        f"{place}/S1/vdj_t/filtered_contig_annotations.csv",
        f"{place}/S1/vdj_t_gd/filtered_contig_annotations.csv",
    )
    make(tmp_path, "outs/multi/vdj_t/all_contig_annotations.csv", "outs/multi/count/raw_feature_bc_matrix.h5")
    (row,) = check(sheet("A,P1,T1,0,,,,outs")).table()
    assert row["gex"] == str(tmp_path / place / "S1/count/sample_filtered_feature_bc_matrix.h5")
    assert row["vdj_t"] == str(tmp_path / place / "S1/vdj_t/filtered_contig_annotations.csv")
    assert row["vdj_t_gd"] == str(tmp_path / place / "S1/vdj_t_gd/filtered_contig_annotations.csv")
    assert row["vdj_b"] == "" and row["metrics"] == str(tmp_path / place / "S1/metrics_summary.csv")
    make(tmp_path, f"{place}/S2/sample_filtered_feature_bc_matrix.h5", "outs/filtered_feature_bc_matrix.h5")
    assert "holds the samples S1, S2" in check(sheet("A,P1,T1,0,,,,outs")).line("column outs")
    rows = check(sheet("S1,P1,T1,0,,,,outs", f"S2,P1,T2,1,,,,{place}/S2")).table()
    assert [Path(row["gex"]).parent.name for row in rows] == ["count", "S2"]


def test_outs_of_vdj_needs_a_column_that_says_which(check, tmp_path):
    make(tmp_path, "x/outs/filtered_contig_annotations.csv", "y_tcr/outs/filtered_contig_annotations.csv")
    assert "use the column vdj_b or vdj_t" in check(sheet("A,P1,T1,0,A/filtered_feature_bc_matrix.h5,,,x/outs")).line(
        "outs"
    )
    (row,) = check(sheet("A,P1,T1,0,A/filtered_feature_bc_matrix.h5,,,y_tcr/outs")).table()
    assert row["vdj_t"].endswith("y_tcr/outs/filtered_contig_annotations.csv") and not row["vdj_b"]


def test_columns_go_before_outs(check):
    (row,) = check(sheet("A,P1,T1,0,B/filtered_feature_bc_matrix.h5,,,A")).table()
    assert "/B/" in row["gex"] and "/A/" in row["vdj_b"]


def test_a_folder_of_several_samples_is_ambiguous(check, tmp_path):
    make(tmp_path, "all/X/filtered_feature_bc_matrix.h5", "all/Y/filtered_feature_bc_matrix.h5")
    assert "holds 2 times a matrix" in check(sheet("A,P1,T1,0,all,,,")).line("column gex")


def test_an_inventory_replaces_the_disk(check, tmp_path):
    listing = tmp_path / "inventory.tsv"
    listing.write_text(
        "written\tpath\tkind\tsize\n"
        "run1\ts3://bucket/run1\tfolder\t0\n"
        "run1\ts3://bucket/run1/outs\tfolder\t0\n"
        "run1\ts3://bucket/run1/outs/filtered_feature_bc_matrix.h5\tfile\t100\n"
        "run1\ts3://bucket/run1/outs/metrics_summary.csv\tfile\t100\n"
        "b.csv\ts3://bucket/b.csv\tfile\t0\n"
    )
    got = check(sheet("X,P1,T1,0,run1,b.csv,,"), "--inventory", str(listing))
    assert got.table()[0]["gex"] == "s3://bucket/run1/outs/filtered_feature_bc_matrix.h5"
    assert got.table()[0]["metrics"] == "s3://bucket/run1/outs/metrics_summary.csv"
    assert "0 bytes" in got.line("WARNING")
    assert "does not exist" in check(GOOD, "--inventory", str(listing)).errors[0]


def test_what_may_not_be_read_is_told_before_a_task_meets_it(check, tmp_path):
    listing = tmp_path / "inventory.tsv"
    rows = ("A\t/data/A\tunreadable\t0\n", "B\t/data/B.h5\tunreadable\t9\n")
    listing.write_text("written\tpath\tkind\tsize\n" + "".join(rows))
    got = check(sheet("X,P1,T1,0,A,,,", "Y,P1,T2,1,B,,,"), "--inventory", str(listing))
    assert ["may not be read" in error for error in got.errors] == [True, True]


def test_addresses_are_passed_on_from_a_computer_that_cannot_look(check):
    got = check(sheet("A,P1,T1,0,s3://bucket/a/filtered_feature_bc_matrix.h5,,,"))
    assert got.table()[0]["gex"] == "s3://bucket/a/filtered_feature_bc_matrix.h5"
    assert "not looked at" in got.line("WARNING")


def test_an_unnamed_h5_is_taken_when_it_is_named(check, tmp_path):
    make(tmp_path, "GSM1_patient.h5")
    assert check(sheet("A,P1,T1,0,GSM1_patient.h5,,,")).table()[0]["gex"].endswith("GSM1_patient.h5")


MRD = "patient,day,clone,locus,v_call,j_call,junction,junction_aa,fraction\n"
IGH = "P1,0,c1,IGH,IGHV3-21,IGHJ6,TGTGCGTGG,,0.1\n"


def test_mrd_is_cleaned(check):
    got = check(GOOD, mrd=MRD + IGH.lower().replace("p1", "P1") + "P1,28,c1,IGH,,,,,1e-5\nP1,28,c2,kde,,,,,0\n")
    assert got.status == 0, got.text
    rows = got.table("mrd")
    assert rows[0]["locus"] == "IGH" and rows[0]["junction"] == "TGTGCGTGG"
    assert rows[1]["junction"] == "TGTGCGTGG" and rows[1]["fraction"] == "1e-5"  # filled from the clone's first row
    assert rows[2]["locus"] == "IGKDE"


@pytest.mark.parametrize("locus", ["IGH", "IGK", "IGL", "IGKDE", "intron-RSS", "TRA", "TRB", "TRD", "TRG"])
def test_loci_of_bulk_mrd(check, locus):
    assert check(GOOD, mrd=MRD + f"P1,0,c1,{locus},,,TGTGCGTGG,,0.1\n").status == 0


@pytest.mark.parametrize(
    ("old", "new", "column", "said"),
    [
        (",0.1", ",6.4", "fraction", "2.5 % is 0.025"),
        (",0.1", ",-0.1", "fraction", "outside 0 to 1"),
        (",0.1", ",>0.5", "fraction", "more than was measured"),
        (",0.1", ",500 %", "fraction", "outside 0 to 1"),
        (",0.1", ",ND", "fraction", "may be 'not detected' or 'not done'"),
        (",0.1", ",", "fraction", "is empty"),
        (",0.1", ",inf", "fraction", "no number"),
        ("TGTGCGTGG", "TGTGCGXGG", "junction", "A, C, G, T and N"),
        ("TGG,,", "TGG,CAR1W,", "junction_aa", "one-letter code"),
        ("TGTGCGTGG", "", "junction or junction_aa", "fill in one"),
        ("IGH,", "IGM,", "locus", "write one of IGH"),
        ("IGHV3-21", "V3-21", "v_call", "IMGT"),
        ("IGHJ6", "J6", "j_call", "IMGT"),
        ("P1,0", "P1,soon", "day", "no whole number"),
        ("P1,", "P01,", "patient", "did you mean P1?"),
        ("P1,", "X,", "patient", "write one of P1"),
    ],
)
def test_mistakes_in_mrd(check, old, new, column, said):
    got = check(GOOD, mrd=MRD + IGH.replace(old, new, 1))
    assert got.status == 1 and said in got.line("ERROR mrd.csv", "row 2", f"column {column}:")


def test_ambiguous_and_unusual_calls_are_kept(check):
    got = check(
        GOOD, mrd=MRD + IGH.replace("IGHJ6", '"IGHJ4*02,IGHJ5*02"') + "P1,0,c2,intron-RSS,intron-RSS,IGKDE,,,0.1\n"
    )
    assert got.status == 0 and got.table("mrd")[0]["j_call"] == "IGHJ4*02,IGHJ5*02"


def test_a_clone_has_one_junction_and_one_value_a_day(check):
    got = check(GOOD, mrd=MRD + IGH + IGH + IGH.replace(",0,", ",28,").replace("GCG", "GCA"))
    assert "stands in row 2 already" in got.line("row 3")
    assert "'TGTGCATGG', but 'TGTGCGTGG' in row 2" in got.line("row 4", "column junction")


def test_clinical_values(check):
    header = "patient,day,parameter,value,unit,low,high\n"
    good = check(GOOD, clinical=header + "P1,0,HGB,115,g/L,130,175\nP1,0,dFLC,56.75,mg/L,NA,\n")
    assert good.status == 0 and good.table("clinical")[1]["low"] == ""
    got = check(GOOD, clinical=header + "P1,0,HGB,115,g/L,175,130\nP1,0,HGB,11.5,g/dL,,\nP1,1,x,>5,,,\n")
    assert "130 is less than low 175" in got.line("row 2, column high")
    assert "stands in row 2 already" in got.line("row 3", "parameter")
    assert "'g/dL', but 'g/L' in row 2" in got.line("row 3", "column unit")
    assert "'>5'" in got.line("row 4", "column value")


def test_events_end_after_they_begin(check):
    header = "patient,day,end_day,event,kind\n"
    assert "-7 is less than day 0" in check(GOOD, events=header + "P1,0,-7,CAR-T,therapy\n").line("column end_day")
    assert check(GOOD, events=header + 'P1,-90,-62,"blinatumomab, cycle 1",therapy\nP1,0,,CAR-T,therapy\n').status == 0


def test_fish_percentages_and_regions(check):
    header = "patient,day,probe,region,abnormality,percent\n"
    assert check(GOOD, fish=header + "P1,0,CKS1B,1q21,+1q,85.5\nP1,0,BCR,9q34;22q11,fusion,0\n").status == 0
    got = check(GOOD, fish=header + "P1,0,CKS1B,1q21,gain,0.855\nP1,0,RB1,13q14,loss,0.745\n")
    assert got.status == 0 and "are these fractions?" in got.line("WARNING", "column percent")
    assert "outside 0 to 100" in check(GOOD, fish=header + "P1,0,RB1,13q14,loss,174\n").line("percent")
    assert "such as 1q21" in check(GOOD, fish=header + "P1,0,RB1,23,loss,74\n").line("region")


def test_labels_lose_the_suffix_and_unknown_samples_are_left_out(check):
    got = check(GOOD, labels="cell_id,label\nA:AAAC-1,plasma cell\nB:AAAC,B cell\nZ:AAAC-1,T cell\n")
    assert [row["cell_id"] for row in got.table("labels")] == ["A:AAAC", "B:AAAC"]
    assert "left out" in got.line("WARNING", "row 4", "'Z'")
    got = check(GOOD, labels="cell_id,label\nAAAC-1,plasma cell\nA:AAAC,x\nA:AAAC-1,y\n")
    assert "sample, a colon and the barcode" in got.line("row 2")
    assert "stands in row 3 already" in got.line("row 4")


def test_formulas_in_texts(check):
    texts = ["=HYPERLINK(1)", "@SUM(1)", "+cmd|' /C calc'!A0"]
    got = check(GOOD, labels="cell_id,label\n" + "".join(f"A:AC{i},{text}\n" for i, text in enumerate(texts)))
    assert len(got.errors) == 3 and all("formula" in line for line in got.errors)


def test_many_like_problems_are_cut(check):
    got = check(GOOD, labels="cell_id,label\n" + "".join(f"AAAC{i},x\n" for i in range(200)))
    assert len(got.errors) == check_inputs.MOST + 1 and "180 more" in got.errors[-1] and "errors (200)" in got.text


def test_a_folder_of_multi_beside_its_sheet(tmp_path, monkeypatch, data):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(check_inputs.main, [str(data / "multi_layout" / "samples.csv")])
    assert result.exit_code == 0, result.stderr
    assert rows_of(tmp_path / "samples.tsv")[0]["sample"] == "BALF_1"


def test_only_the_given_tables_are_written(check):
    got = check(GOOD, events="patient,day,end_day,event,kind\nP1,0,,CAR-T,therapy\n")
    assert {path.name for path in got.folder.iterdir()} == {"samples.tsv", "events.tsv", "inputs.warnings.json"}


def test_templates_pass_with_the_files_they_name(check, tmp_path, project):
    templates = {name: (project / "assets" / "templates" / f"{name}.csv").read_bytes() for name in ("samples", *TABLES)}
    for row in csv.DictReader(templates["samples"].decode().splitlines()):
        make(tmp_path, *(row[column] for column in ("gex", "vdj_b", "vdj_t") if row[column]))
        make(tmp_path, *([f"{row['outs']}/count/sample_filtered_feature_bc_matrix.h5"] if row["outs"] else []))
    got = check(templates.pop("samples"), **templates)
    assert got.status == 0 and got.text == ""
    for name in TABLES:
        given = list(csv.DictReader(templates[name].decode().splitlines()))
        assert got.table(name) == given, name


def test_templates_examples_and_pages_follow_the_specification(project):
    rules = _user_tables.specification(project / "assets" / "tables.json")
    page = (project / "docs" / "usage" / "inputs.md").read_text()
    for name, rule in rules.items():
        with (project / "assets" / "templates" / f"{name}.csv").open() as lines:
            assert next(csv.reader(lines)) == _user_tables.written_columns(rule)
        for column, settings in rule["columns"].items():
            reader = _user_tables.Reader("x.csv", rule, {}, Days(), [])
            cell = reader.cell(column, settings["example"], {}, "")
            assert not cell.wrong and cell.text == settings["example"], (name, column)
            assert settings["meaning"] in page, f"docs/usage/inputs.md does not explain {name}.{column}"


def test_real_layouts(real_data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [
        f"C149,C149,T1,0,{real_data}/liao_covid_balf/C149,,,",
        f"MD4,MD4,T1,0,,,,{real_data}/djvdj_mouse_spleen/MD4",
        f"tiny,tiny,T1,0,,,,{real_data}/tenx_tiny_multi/outs",
        f"ibex,ibex,T1,0,{real_data}/ibex_mouse/count,{real_data}/ibex_mouse/vdj_b,,",
    ]
    Path("sheet.csv").write_text(sheet(*rows))
    got = Checked(CliRunner().invoke(check_inputs.main, ["sheet.csv"]), tmp_path)
    assert got.status == 0, got.text
    table = {row["sample"]: row for row in got.table()}
    assert table["MD4"]["gex"].endswith("MD4/count/filtered_feature_bc_matrix")
    assert table["tiny"]["gex"].endswith("enclone_tiny_4/count/sample_feature_bc_matrix.h5")
    assert table["tiny"]["metrics"].endswith("enclone_tiny_4/metrics_summary.csv")
    assert all(
        Path(row[column]).exists() for row in table.values() for column in ("gex", "vdj_b", "vdj_t") if row[column]
    )


@pytest.mark.parametrize("name", ["NA", "None", "null", "nan", "NULL"])
@pytest.mark.parametrize("column", ["sample", "patient", "timepoint"])
def test_words_for_a_missing_value_are_no_names(check, name, column):
    cells = {"sample": "A", "patient": "P1", "timepoint": "T1"} | {column: name}
    got = check(HEADER + f"{','.join(cells.values())},0,A,,,\n")
    assert "choose another name" in got.line("ERROR", "row 2", f"column {column}")


def test_names_that_look_like_numbers_stay_as_they_are(check):
    (row,) = check(sheet("001,1,28,0,A,,,")).table()
    assert (row["sample"], row["patient"], row["timepoint"]) == ("001", "1", "28")


def test_sodium_is_a_parameter_and_a_missing_one_is_told_in_english(check):
    header = "patient,day,parameter,value,unit,low,high\n"
    good = check(GOOD, clinical=header + "P1,0,Na,140,mmol/L,NA,\n")
    assert good.status == 0 and good.table("clinical")[0]["parameter"] == "Na"
    got = check(GOOD, clinical=header + "P1,0,NA,140,mmol/L,,\n")
    assert "is empty; write what was measured" in got.line("ERROR", "row 2", "column parameter")


def test_texts_that_begin_with_a_quotation_mark_are_refused(check):
    opened = '"""Bridging"'  # as a spreadsheet program writes a cell with "Bridging
    got = check(GOOD, events=f"patient,day,end_day,event,kind\nP1,0,,{opened},therapy\n")
    assert "quotation mark" in got.line("ERROR", "row 2", "column event")
    tissue = HEADER.replace("day,", "day,tissue,") + f"A,P1,T1,0,{opened},A,,,\n"
    assert "quotation mark" in check(tissue).line("ERROR", "row 2", "column tissue")
    inside = check(GOOD, events='patient,day,end_day,event,kind\nP1,0,,"the ""Bridging""",therapy\n')
    assert inside.status == 0


SEQUENCE = "TGTGCGAGAGATGGGCAGAATTATGATGTTTGG"
EXPORTS = {
    "LymphoTrack": (
        "patient\tday\tclone\tRank\tSequence\tLength\tMerge count\tV-gene\tJ-gene\t% total reads\tIn-frame (Y/N)\n"
        f"P1\t28\tc1\t1\t{SEQUENCE}\t33\t812\tIGHV3-21_01\tIGHJ6_02\t6.4\tY\n"
    ),
    "immunoSEQ/clonoSEQ": (
        "patient\tday\tclone\tnucleotide\taminoAcid\tfrequencyCount (%)\tvMaxResolved\tvGeneName\tjGeneName\n"
        f"P1\t28\tc1\t{SEQUENCE}\t\t6.4\tIGHV03-21*01\tunresolved\tIGHJ06-01\n"
    ),
    "vidjil": (
        "patient\tday\tclone\tlocus\tv_call\tj_call\tconsensus_ratio\tsequence\n"
        f"P1\t28\tc1\tIGH\tIGHV3-21*01\tIGHJ6*02\t0.064\t{SEQUENCE}\n"
    ),
    "EuroClonality": (
        f"patient,day,clone,5' gene,3' gene,Junction (nt),MRD (%)\nP1,28,c1,IGHV3-21*01,IGHJ6*02,{SEQUENCE},6.4\n"
    ),
    "clonoSEQ": (
        f"patient,day,clone,locus,Sequence,Residual clonal cells per million\nP1,28,c1,IGH,{SEQUENCE},64000\n"
    ),
}


@pytest.mark.parametrize("program", EXPORTS)
def test_headings_of_providers_are_read_and_said(check, program):
    got = check(GOOD, mrd=EXPORTS[program])
    assert got.status == 0, got.text
    (row,) = got.table("mrd")
    assert (row["locus"], row["junction"], float(row["fraction"])) == ("IGH", SEQUENCE, 0.064)
    assert program.split("/")[0] in got.line("WARNING", "is read as junction")


def test_units_of_a_column_limits_and_words_for_nothing_in_mrd(check):
    header = MRD.replace("fraction", "fraction,unit")
    cells = ("6.4,percent", "640,per million", "-4,log10", "<1E-6,", "negative,", '"0,02 %",')
    got = check(GOOD, mrd=header + "".join(f"P1,{day},c1,IGH,,,TGTGCGTGG,,{cell}\n" for day, cell in enumerate(cells)))
    assert got.status == 0, got.text
    rows = got.table("mrd")
    assert [float(row["fraction"]) for row in rows] == [0.064, 0.00064, 0.0001, 0, 0, 0.0002]
    assert [row["limit"] for row in rows] == ["", "", "", "1e-06", "", ""] and "unit" not in rows[0]
    assert "limit 1e-06" in got.line("WARNING", "row 5", "column fraction")
    clash = check(GOOD, mrd=MRD.replace("fraction", "percent,unit") + IGH.replace(",0.1", ",0.1,per million"))
    assert "write one of them" in clash.line("ERROR", "row 2", "column fraction")


def test_calls_of_imgt_lose_what_stands_around_them(check):
    call = '"Homsap IGHV3-21*01 F, or Homsap IGHV3-11*01 F"'
    got = check(
        GOOD,
        mrd=MRD + f"P1,0,c1,IGH,{call},Homsap IGHJ6*02 F,TGTGCGTGG,,0.1\nP1,0,c2,IGH,unresolved,IGHJ6,TGTGCGTGG,,0.1\n",
    )
    assert got.status == 0, got.text
    assert [row["v_call"] for row in got.table("mrd")] == ["IGHV3-21*01,IGHV3-11*01", ""]
    assert got.table("mrd")[0]["j_call"] == "IGHJ6*02"
    assert check(GOOD, mrd=EXPORTS["LymphoTrack"]).table("mrd")[0]["v_call"] == "IGHV3-21*01"


def test_a_limit_that_contradicts_its_cell_is_an_error(check):
    header = MRD.replace("fraction", "fraction,limit")
    assert check(GOOD, mrd=header + IGH.replace(",0.1", ",<1e-6,1e-6")).status == 0
    assert "correct one of them" in check(GOOD, mrd=header + IGH.replace(",0.1", ",<1e-6,1e-5")).line("column limit")


@pytest.mark.parametrize(
    ("junction", "said"),
    [
        ("TGTGCGTGG", ""),
        ("GCGAGAGATGGG", "does not begin with TGT or TGC"),
        ("TGTGCGAGTGG", "has 11 letters, no multiple of 3"),
        ("GACACGGCTGTGTATTACTGTGCGTGGGGCC", "does not begin with TGT or TGC (the conserved C) and has 31 letters"),
    ],
)
def test_a_sequence_that_is_no_whole_junction_has_one_warning(check, junction, said):
    rows = "".join(f"P1,{day},c1,IGH,IGHV3-21,IGHJ6,{junction.lower()},,0.1\n" for day in (0, 28))
    got = check(GOOD, mrd=MRD + rows)
    assert got.status == 0 and got.text.count("on both strands") == bool(said)
    assert not said or said in got.line("WARNING mrd.csv", "row 2", "column junction")


def test_what_no_library_shows_needs_a_name_only(check):
    rows = (
        "P1,0,Vk2-Kde,IGK,,,,,0.1\nP1,0,kde 1,,,,,,0.1\nP1,0,intron-Kde,,,,,,0.1\nP1,0,DH-JH,IGH,IGHD3-10,IGHJ6,,,0.1\n"
    )
    rows += "P1,0,Vd2-Dd3,TRD,TRDV2,TRDD3,,,0.1\nP1,0,c1,IGKDE,IGKV2-28,KDE,GGAGCCC,,0.1\n"
    got = check(GOOD, mrd=MRD + rows)
    assert got.status == 0, got.text
    assert [row["locus"] for row in got.table("mrd")] == ["IGK", "IGKDE", "intron-RSS", "IGH", "TRD", "IGKDE"]
    assert "column junction" not in got.text  # no junction of a productive rearrangement is expected of them
    assert check(GOOD, mrd=MRD + "P1,0,DH-JH,IGH,IGHV3-21,IGHJ6,,,0.1\n").status == 1


def test_vendors_names_of_genes_become_those_of_imgt(check):
    rows = "P1,0,c1,,VH3-21*01,JH6,TGTGCGTGG,,0.1\nP1,0,c2,,TCRBV06-02,TCRBJ02-01,TGTGCGTTT,,0.1\nP1,0,c3,,VK1-39,JK1,TGTGCGTTT,,0.1\n"
    got = check(GOOD, mrd=MRD + rows)
    assert got.status == 0, got.text
    genes = [(row["locus"], row["v_call"], row["j_call"]) for row in got.table("mrd")]
    assert genes == [("IGH", "IGHV3-21*01", "IGHJ6"), ("TRB", "TRBV06-02", "TRBJ02-01"), ("IGK", "IGKV1-39", "IGKJ1")]


def test_kde_needs_no_junction_and_loci_come_from_genes(check):
    rows = ("IGK,IGKV2-28,KDE", ",IGKV2-28,IGKDE", "IGK,INTRON,KDE", "IGK+,IGKV2-28,KDE", ",,IGHJ6", ",TRAV29DV5,TRDJ1")
    got = check(
        GOOD, mrd=MRD + "".join(f"P1,0,c{n},{row},{'' if n < 4 else 'TGTGCGTGG'},,0.1\n" for n, row in enumerate(rows))
    )
    assert got.status == 0, got.text
    assert [row["locus"] for row in got.table("mrd")] == ["IGK", "IGKDE", "IGK", "IGKDE", "IGH", "TRD"]
    got = check(GOOD, mrd=MRD + "P1,0,c1,,TRAV29DV5,,TGTGCGTGG,,0.1\n")  # alpha or delta
    assert "is empty" in got.line("ERROR", "row 2", "column locus")


def test_thousands_are_asked_about_unless_the_parameter_shows_its_mark(check):
    header = "patient,day,parameter,value,unit,low,high\n"
    got = check(GOOD, clinical=header + 'P1,0,copies,"1,250",/ug,,\nP1,0,PLT,131.000,/ul,150.000,\nP1,0,WBC,3.2,,,\n')
    assert "write 1250 if the comma groups thousands" in got.line("ERROR clinical.csv, row 2, column value")
    assert "write 131000 if the point groups thousands, 131 if" in got.line("ERROR clinical.csv, row 3, column value")
    assert len(got.errors) == 3
    shown = check(GOOD, clinical=header + "P1,0,creatinine,83.01,,,\nP1,28,creatinine,83.012,,,\n")
    assert shown.status == 0 and shown.table("clinical")[1]["value"] == "83.012"


def test_what_german_laboratories_write(check):
    text = "patient;day;parameter;value;unit;low;high\nP1;28;WBC;0,59;10^9/L;3,5;9,5\nP1;28;HGB;<0,5;g/dL;13,0;17,5\n"
    got = check(
        GOOD, clinical=text + "P1;28;M-protein;1.234,5;mg/L;;\nP1;28;LDH;215 H;U/l;;250\nP1;28;MRD flow;neg;%;;\n"
    )
    assert got.status == 0, got.text
    rows = got.table("clinical")
    assert [row["value"] for row in rows] == ["0.59", "0", "1234.5", "215", "0"] and rows[1]["limit"] == "0.5"


def test_days_of_tables_by_time_point_date_or_count(check):
    header = "patient,day,end_day,event,kind\n"
    days = ("T2", "D+28", "M6", "2024-02-07", "07.02.2024")
    events = header + "".join(f"P1,{day},,event {n},therapy\n" for n, day in enumerate(days))
    got = check(GOOD, "--reference-date", "P1=2024-01-10", events=events)
    assert got.status == 0, got.text
    assert [row["day"] for row in got.table("events")] == ["28", "28", "183", "28", "28"]
    assert "--reference_date" in check(GOOD, events=events).line("ERROR", "row 5", "column day")
    assert "is no date" in check(GOOD, "--reference-date", "10.1.2024", events=events).text


def test_fish_texts_that_are_not_read_are_listed_with_their_rows(check):
    header = "patient,day,probe,region,abnormality,percent\n"
    rows = (
        "CKS1B,1q21,gain,85.5",
        "X,1q21,del(1p),85.5",
        "X,1q21,gain cannot be excluded,85.5",
        "X,8q24,MYC split,0",
        "X,1q21,no gain,85.5",
    )
    got = check(GOOD, fish=header + "".join(f"P1,{n},{row}\n" for n, row in enumerate(rows)))
    assert got.status == 0 and len(got.table("fish")) == 5
    assert len(got.warnings) == 3
    assert "the finding is of 1p, not of 1q21; its result is listed and not compared" in got.line(
        "row 3", "column abnormality"
    )
    assert "states a doubt" in got.line("row 4") and "the percentage is 85.5" in got.line("row 6")
    cells = ("74.5 %", '"74,5"', "149/200", "negative", "<5")
    got = check(GOOD, fish=header + "".join(f"P1,{n},TP53,17p13.1,deletion,{cell}\n" for n, cell in enumerate(cells)))
    assert [row["percent"] for row in got.table("fish")] == ["74.5", "74.5", "74.5", "0", "0"]
    assert got.table("fish")[4]["limit"] == "5"


def blocks(page: Path) -> list[str]:
    """The examples of a page: its blocks of csv."""
    return re.findall(r"```csv\n(.*?)```", page.read_text(), re.S)


def test_the_examples_of_the_pages_are_read(check, project):
    reports = blocks(project / "docs" / "usage" / "mrd_reports.md")
    assert len(reports) == 5
    for example in reports:
        got = check(GOOD, mrd=example)
        assert got.status == 0, got.text
        assert all(row["locus"] and (row["junction"] or row["locus"] in ("IGK", "IGKDE")) for row in got.table("mrd"))
    (example,) = blocks(project / "docs" / "usage" / "fish_reports.md")
    got = check(GOOD, fish=example)
    assert got.status == 0 and "is not read" not in got.text
    assert [row["percent"] for row in got.table("fish")] == ["85.5", "74.5", "0", "60", "0"]


def test_signs_before_chromosomes_are_findings_and_no_formulas(check):
    header = "patient,day,probe,region,abnormality,percent\n"
    for text, status in (
        ("-13 (74.5 %)", 0),
        ("+1q (3 copies)", 0),
        ("+1", 0),
        ("+cmd|' /C calc'!A0", 1),
        ("+1 cmd|' /C calc'!A0", 1),
    ):
        assert check(GOOD, fish=header + f'P1,0,X,1q21,"{text}",80\n').status == status, text


def test_a_heading_table_of_ours_names_columns_of_ours(project):
    rules = _user_tables.specification(project / "assets" / "tables.json")
    for table, headings in _user_grid.read_headings(project / "assets" / "headings.tsv").items():
        for heading in headings.values():
            assert heading.column in rules[table]["columns"] and heading.unit in (
                "",
                "fraction",
                "percent",
                "per million",
                "log10",
            )
