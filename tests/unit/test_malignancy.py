"""MALIGNANCY: the verdict, and the planted patient."""

import json

import malignancy
import pandas as pd
from _evidence import LINES
from click.testing import CliRunner
from helpers.tumour_room import PROGRAMMES, people, run_steps


def verdict(min_evidence=2, lineage="plasma", stray=False, **lines):
    table = pd.DataFrame([{name: lines.get(name) for name in LINES}]).astype("boolean")
    return malignancy.verdicts(people(lineage=[lineage], stray=[stray]), table, min_evidence)[0]


def test_verdict_needs_two_lines_one_of_them_of_the_cell():
    assert verdict(clone=True) == "undecided"
    assert verdict(clone=True, cnv=True) == "malignant"
    assert verdict(clone=True, min_evidence=1) == "malignant"
    assert verdict(fish=True, morphology=True) == "undecided"
    assert verdict(programme=True, morphology=True) == "malignant"


def test_clone_of_its_own_is_normal_unless_an_arm_contradicts():
    assert verdict(clone=False, cnv=False, programme=True, morphology=True) == "normal"
    assert verdict(clone=False, cnv=True, morphology=True) == "undecided"
    assert verdict() == "undecided"


def test_other_lineages_are_normal_unless_they_carry_the_clone():
    assert verdict(lineage="T") == "normal"
    assert verdict(lineage="T", stray=True) == "undecided"
    assert verdict(lineage="unassigned") == "undecided"


def test_planted_patient(tmp_path, monkeypatch):
    truth = run_steps(tmp_path, monkeypatch)
    cells = pd.read_parquet("P.malignancy.parquet").set_index("cell_id").loc[truth.index]
    assert (cells.malignancy[truth.kind == "clone"] == "malignant").all()
    assert (cells.malignancy[truth.kind == "polyclonal"] == "normal").all()
    assert (cells.malignancy[truth.lineage.isin(["T", "myeloid"])] == "normal").all()
    # Cytology alone says blast: one line, so nothing is decided.
    assert (cells.malignancy[truth.lineage == "blast"] == "undecided").all()
    of_clone = cells[truth.kind == "clone"]
    assert of_clone.line_clone.all() and of_clone.line_cnv.all() and of_clone.line_fish.all()
    assert of_clone.reasons.str.startswith("clone P.B1 (+)").all()
    table = pd.read_csv("P.malignancy.tsv", sep="\t")
    whole = table[table.cell_type == "all cells"]
    assert whole.groupby("timepoint").n.sum().tolist() == whole.groupby("timepoint").total.first().tolist()
    facts = json.loads((tmp_path / "P.malignancy.json").read_text())
    assert [row["clone"] for row in facts["expanded_clones"]] == ["P.B1"]
    json.loads((tmp_path / "P.malignancy_mqc.json").read_text())


def test_without_clones_fish_and_clinical_tables(tmp_path, monkeypatch):
    truth = run_steps(tmp_path, monkeypatch, last="cnv")
    files = sorted(map(str, tmp_path.glob("*.cells.h5ad")))
    options = ["--patient", "P", "--labels", "labels.parquet", "--cnv", "P.cnv.tsv", *PROGRAMMES]
    call = [*files, *options, "--cnv-cells", "P.cnv.parquet"]
    result = CliRunner().invoke(malignancy.main, call)
    assert result.exit_code == 0, (result.output, result.exception)
    cells = pd.read_parquet("P.malignancy.parquet").set_index("cell_id").loc[truth.index]
    assert not (cells.malignancy == "malignant").any()  # copy number alone is one line
    result = CliRunner().invoke(malignancy.main, [*call, "--min-evidence", "1"])
    assert result.exit_code == 0
    cells = pd.read_parquet("P.malignancy.parquet").set_index("cell_id").loc[truth.index]
    assert (cells.malignancy[truth.kind == "clone"] == "malignant").mean() > 0.8


def test_genome_without_positions_runs_through_all_steps(tmp_path, monkeypatch):
    truth = run_steps(tmp_path, monkeypatch, rename=True)
    assert pd.read_csv("P.cnv.tsv", sep="\t").empty
    assert pd.read_csv("P.arm_shifts.tsv", sep="\t").empty
    assert pd.read_parquet("P.cnv.parquet").cnv_profile.isna().all()
    assert set(pd.read_csv("P.fish.tsv", sep="\t").verdict) == {"not assessable"}
    cells = pd.read_parquet("P.malignancy.parquet").set_index("cell_id").loc[truth.index]
    assert cells.line_cnv.isna().all()
    assert (cells.malignancy[truth.kind == "polyclonal"] == "normal").all()
