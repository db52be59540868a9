"""RUN_TABLES: tables of all patients, as they are, below one header."""

import run_tables
from click.testing import CliRunner


def merged(folder, monkeypatch, tables: dict[str, str], failures: str = "") -> dict[str, str]:
    """What the command makes of tables (name -> text) in an empty folder; failures: rows of failed steps."""
    (folder / "failed").write_text("step\tof\tattempts\texit\treason\n" + failures)
    (folder / "tables").mkdir()
    for name, text in tables.items():
        (folder / "tables" / name).write_text(text)
    monkeypatch.chdir(folder)
    done = CliRunner().invoke(run_tables.main, ["tables", "--failures", "failed"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return {path.name: path.read_text() for path in folder.glob("*.tsv")}


def test_rows_stand_below_one_header_in_order_of_names(tmp_path, monkeypatch):
    tables = {
        "P2.cnv.tsv": "patient\tarm\nP2\t1q\n",
        "P10.cnv.tsv": "patient\tarm\nP10\t13q\nP10\t17p\n",
        "P3.cnv.tsv": "patient\tarm\n",
    }
    assert merged(tmp_path, monkeypatch, tables) == {"cnv.tsv": "patient\tarm\nP10\t13q\nP10\t17p\nP2\t1q\n"}


def test_a_name_may_hold_dots_and_only_known_kinds_are_merged(tmp_path, monkeypatch):
    tables = {
        "A.1.communication.tsv": "a\n1\n", "A.cnv.communication_change.tsv": "b\n2\n", "T.markers.tsv": "c\n3\n",
        "A.1.fates.tsv": "d\n4\n", "communication.tsv": "e\n5\n",
    }  # fmt: skip
    assert merged(tmp_path, monkeypatch, tables) == {
        "communication.tsv": "a\n1\n", "communication_change.tsv": "b\n2\n", "markers.tsv": "c\n3\n",
    }  # fmt: skip


def test_a_table_that_lacks_someone_says_so(tmp_path, monkeypatch):
    tables = {"P1.cnv.tsv": "a\n1\n", "P1.car.tsv": "a\n2\n", "P2.car.tsv": "a\n3\n", "T.markers.tsv": "c\n4\n"}
    lost = "CNV\tP2\t1\t1\tno cells\nTRANSGENE\tP2_T1\t1\t1\tbad\nSUBCLUSTER\tNK\t3\t137\tended\n"
    assert merged(tmp_path, monkeypatch, tables, lost) == {
        "cnv.tsv": "# lacks P2 (CNV failed)\na\n1\n", "car.tsv": "a\n2\n3\n",
        "markers.tsv": "# lacks NK (SUBCLUSTER failed)\nc\n4\n",
    }  # fmt: skip


def test_an_empty_file_before_the_others_takes_no_header(tmp_path, monkeypatch):
    assert merged(tmp_path, monkeypatch, {"A.car.tsv": "", "B.car.tsv": "a\n1\n"}) == {"car.tsv": "a\n1\n"}
