"""Names that are commands, paths and HTML, in every place where a user's table, asset or parameter can bring one: one whole run.

Nothing of them may be executed, touch a file or become an element of a page; all of them are there, as text.
"""

import csv
import io
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from helpers.chromium import SHELL, TRAP, seen
from pipeline.conftest import PROJECT, nextflow_run

NAMES = {"mrd": "clone", "fish": "probe", "clinical": "parameter", "events": "event"}
TYPES = ("naive B", "plasma cell", "CD4 T", "classical monocyte")


def rewritten(path: Path, sep: str, columns: tuple[str, ...], names: set[str] | None = None) -> Path:
    """The table with the trap before the texts of these columns, of all of them or of these names."""
    lines = path.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not line.startswith("#")]
    table = pd.read_csv(io.StringIO("\n".join(kept)), sep=sep, dtype=str, keep_default_na=False)
    for column in columns:
        chosen = table[column].isin(names) if names else table[column] != ""
        table.loc[chosen, column] = f"T{TRAP}" + table[column]
    path.write_text(table.to_csv(sep=sep, index=False), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    script = PROJECT / "tests" / "simulate_case.py"
    size = ("--cells", "600", "--seed", "5")
    subprocess.run([sys.executable, script, "--out", folder / "case", *size], check=True, capture_output=True)
    given: list[object] = []
    sheet = rewritten(folder / "case" / "samples.csv", ",", ("tissue",))
    for table, column in NAMES.items():
        columns = (column, "kind") if table == "events" else (column,)
        given += [f"--{table}", rewritten(folder / "case" / f"{table}.csv", ",", columns)]
    own = folder / 'it\'s; (mine) "own"'
    own.mkdir()
    for name, columns, names in (
        ("markers", ("cell_type", "parent"), set(TYPES)),
        ("subsets", ("cell_type",), None),
        ("gene_lists", ("list",), None),
        ("watch_list", ("name",), None),
    ):
        copy = own / f"{name}.tsv"
        copy.write_bytes((PROJECT / "assets" / copy.name).read_bytes())
        given += [f"--{name}", rewritten(copy, "\t", columns, names)]
    rewritten(own / "subsets.tsv", "\t", ("parent",), set(TYPES))
    (own / "sets.gmt").write_text(f"T{TRAP}\tmine\tISG15\tIFI6\tMX1\n")
    given += ["--signatures", own / "sets.gmt", "--car", f"car,{SHELL}", "--focus", f"plasma,{SHELL}"]
    return nextflow_run(folder, "--input", sheet, *given, results="it's; (the) results")


def test_the_run_ends_well_and_no_name_was_a_command(run):
    assert run.status == 0, run.printed
    folder = run.results.parent
    assert [path for path in (*folder.rglob("*PWNED*"), *folder.parent.glob("*PWNED*"))] == []
    assert {row["lineage"] for row in run.table("cells/annotation.tsv")} > {"T"}
    with (run.results / "clones" / "P1.mrd.tsv").open(newline="", encoding="utf-8") as lines:
        clones = {row["clone"] for row in csv.DictReader(lines, delimiter="\t")}
    assert clones and all(name.startswith(f"T{TRAP}") for name in clones)


@pytest.mark.parametrize("page", ["P1.case_report.html", "multiqc_report.html"])
def test_a_page_shows_names_and_runs_none(run, page):
    heard, made, text = seen(run.results / "report" / page, "[data-show]")
    assert (heard, made) == ([], 0) and "&lt;img" not in text
    for name in ("CKS1B", "IGH_1", "plasma cell" if page.startswith("P1") else "CD4 T"):
        assert re.search(f"<img src=x onerror.*{name}", text), name


@pytest.mark.parametrize("page", ["report.html", "timeline.html"])
def test_nextflows_own_pages_run_no_name(run, page):
    heard, made, _text = seen(run.results / "pipeline_info" / page)
    assert (heard, made) == ([], 0)
