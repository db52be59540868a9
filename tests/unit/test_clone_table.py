"""What clones are, and where their cells are."""

import json
import re

from _answer_carriers import in_other_lineages

import case_answer
import clone_table
import pandas as pd
import pytest
from helpers import small_receptors as receptors
from helpers.report_case import said

J = receptors.junctions(30, seed=8)
OTHER_BASE = {"C": "T", "T": "C", "A": "G"}  # at the end of a codon, with no other amino acid


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Clone table, spread and work folder of 12 plasma cells of one clone (3 IgM), a T doublet of it, and others."""
    work = tmp_path_factory.mktemp("table")
    rows, cells = [], {}
    for i in range(12):
        cells[f"T1:{i}"] = ("plasma", "plasma cell")
        rows.append(receptors.heavy(f"T1:{i}", J[0], c_call="IGHM" if i < 3 else "IGHG1"))
        rows.append(receptors.light(f"T1:{i}", J[1]))
    rows += [receptors.heavy("T1:t", J[0]), receptors.light("T1:t", J[1])]
    cells["T1:t"] = ("T", "CD8 T")
    for i in range(5):
        cells[f"T1:b{i}"] = ("B", "naive B")
        rows += [receptors.heavy(f"T1:b{i}", J[5 + i], 6), receptors.light(f"T1:b{i}", J[12 + i], 6, locus="IGK")]
    cells |= {f"T1:m{i}": ("myeloid", "classical monocyte") for i in range(40)}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(work)
        receptors.run_clones(work, {"T1": receptors.contigs(rows)}, receptors.labels(cells))
    names = ("clones", "clone_cells")
    return [pd.read_csv(work / f"P1.{name}.tsv", sep="\t") for name in names] + [work]


def test_a_clone_is_described_and_its_strange_members_are_counted(tables):
    clone = tables[0].set_index("clone").loc["P1.B1"]
    assert clone["label"] == f"{receptors.translate(J[0])}_{receptors.translate(J[1])}"
    assert clone[["v_call_vdj", "j_call_vdj", "v_call_vj", "locus_vj"]].tolist() == [
        "IGHV3-21",
        "IGHJ6",
        "IGLV2-23",
        "IGL",
    ]
    assert clone["c_calls"] == "IGHG1:10;IGHM:3" and clone["switched"] == pytest.approx(10 / 13)
    assert clone["lineages"] == "plasma:12;T:1" and clone["n_foreign"] == 1 and clone["n_cells"] == 13


def test_shares_are_of_the_cells_with_a_receptor(tables):
    spread = tables[1]
    plasma = spread[(spread["clone"] == "P1.B1") & (spread["cell_type"] == "plasma cell")].iloc[0]
    assert plasma[["n", "total", "share"]].tolist() == [12, 12, 1]
    naive = spread[spread["cell_type"] == "naive B"]
    assert (naive["total"] == 5).all() and naive["share"].tolist() == [0.2] * 5
    assert (naive["low"] < 0.2).all() and (naive["high"] > 0.2).all()
    assert "classical monocyte" not in set(spread["cell_type"])


def test_multiqc_section_counts_the_cells(tables):
    section = json.loads((tables[2] / "P1.clone_table_mqc.json").read_text())
    assert sum(section["data"]["P1 BCR"].values()) == tables[0]["n_cells"].sum()
    assert "similarity 0.85" in section["description"]


def test_what_keeps_clones_with_one_label_apart_is_said(tmp_path, monkeypatch):
    """Three clones of one label: the second by a V gene of another family, the third by other codons of the same amino acids."""
    monkeypatch.chdir(tmp_path)
    others = ["".join(codon[:2] + OTHER_BASE.get(codon[2], "G") for codon in re.findall("...", text)) for text in J[:2]]
    clones = {"a": (3, J[:2], "IGHV3-30"), "b": (2, J[:2], "IGHV4-59"), "c": (1, others, "VH3-30")}
    rows, cells = [], {}
    for name, (n, (heavy, light), v_call) in clones.items():
        for cell in (f"T1:{name}{i}" for i in range(n)):
            cells[cell] = ("plasma", "plasma cell")
            rows += [receptors.heavy(cell, heavy, v_call=v_call), receptors.light(cell, light)]
    receptors.run_clones(tmp_path, {"T1": receptors.contigs(rows)}, receptors.labels(cells))
    table = pd.read_csv("P1.clones.tsv", sep="\t", keep_default_na=False)
    assert table["label"].nunique() == 1 and table["n_cells"].tolist() == [3, 2, 1]
    parts = [
        f"{sum(a != b for a, b in zip(*pair, strict=True))} of {len(pair[0])} bases of the {kind} junction"
        for kind, *pair in zip(("VDJ", "VJ"), J, others, strict=False)
    ]
    assert table["kept_apart"].tolist() == ["", "P1.B1: IGHV4-59, there IGHV3-30", f"P1.B1: {'; '.join(parts)}"]
    one, two = case_answer.same_labels(table)
    assert one["level"] == two["level"] == "note" and "They are kept apart: IGHV4-59, there IGHV3-30." in one["text"]
    (large,) = case_answer.same_labels(table[1:2].assign(n_cells=40))
    assert large["level"] == "warning" and large["text"].startswith(
        "Clones P1.B1 and P1.B2 (40 cells) have the same label"
    )


def cells_of(counts: dict) -> pd.DataFrame:
    """Cells of one sample from {(clone or None, lineage): how many}."""
    rows = [row for row, n in counts.items() for _ in range(n)]
    return pd.DataFrame(rows, columns=["clone", "lineage"]).assign(sample="S")


def across(counts: dict, possible: tuple[str, ...]) -> dict:
    """Of each clone: what is expected elsewhere, and what is said; lineages with the receptor: possible."""
    cells = cells_of(counts)
    members = cells.dropna(subset="clone")
    foreign = (~members["lineage"].isin(possible)).groupby(members["clone"]).sum()
    expected, words = clone_table.across_lineages(cells, foreign, possible)
    return {clone: (wanted, text) for clone, wanted, text in zip(foreign.index, expected, words, strict=True)}


def test_cells_elsewhere_that_doublets_make_are_told_from_more():
    """T cell clones in B cells: the largest has its part of the doublets, or of a small one many B cells have the receptor."""
    others = {(f"c{i}", "T"): 10 for i in range(40)} | {(f"c{i}", "B"): 1 for i in range(8)}
    usual = across({("a", "T"): 400, ("a", "B"): 9, (None, "B"): 500} | others, ("T",))
    assert usual["a"] == (pytest.approx(8), "as many as doublets make") and usual["c20"] == (pytest.approx(17 / 79), "")
    odd = across({("a", "T"): 400, ("a", "B"): 9, ("b", "T"): 20, ("b", "B"): 12, (None, "B"): 500} | others, ("T",))
    assert odd["b"][1] == "more than doublets make" and odd["b"][0] < 1.5 and odd["a"][1] == "as many as doublets make"
    few = across({("a", "T"): 400, ("a", "B"): 9, ("b", "T"): 2, ("b", "B"): 2, (None, "B"): 500} | others, ("T",))
    assert few["b"][1] == "too few to tell"


def test_a_clone_that_is_all_there_is_is_held_against_all_doublets():
    """400 cells among 500 others make 3.2 doublets: nothing else tells how many of them were left out."""
    assert across({("a", "T"): 400, ("a", "B"): 4, (None, "B"): 496}, ("T",))["a"][1] == "as many as doublets make"
    assert across({("a", "T"): 400, ("a", "B"): 15, (None, "B"): 485}, ("T",))["a"][1] == "more than doublets make"


@pytest.mark.parametrize(("plasma", "words"), [(2, ""), (3, ""), (30, "blast and plasma cells")])
def test_a_clone_of_blasts_and_plasma_cells_is_a_finding_from_more_cells_than_all_doublets(plasma, words):
    counts = {("a", "blast"): 1600, ("a", "plasma"): plasma, ("b", "plasma"): 95, (None, "T"): 900}
    assert across(counts, ("blast", "plasma"))["a"][1] == words


def test_what_is_said_of_clones_in_other_lineages_names_its_numbers(tmp_path):
    row = {
        "clone": "P1.B1",
        "receptor": "BCR",
        "lineages": "blast:90;plasma:40;T:12",
        "n_foreign": 12,
        "foreign_expected": 1.24,
    }
    for caution, text in (
        (
            "as many as doublets make",
            "12 cells of P1.B1 are in lineages without a BCR: as many as doublets make (1.2 expected).",
        ),
        (
            "blast and plasma cells; more than doublets make",
            "P1.B1 is of blast and plasma cells (blast:90;plasma:40;T:12): more than doublets make; "
            "12 cells of P1.B1 are in lineages without a BCR: more than doublets make (1.2 expected).",
        ),
    ):
        table = pd.DataFrame([row | {"caution": caution}])
        assert said(in_other_lineages("P1.B1", table, "P1.clones.tsv")) == text
    both = pd.DataFrame([row | {"caution": "blast and plasma cells", "n_foreign": 0}])
    assert said(in_other_lineages("P1.B1", both, "P1.clones.tsv")).endswith("T:12): more than doublets make.")
    assert in_other_lineages("P1.B1", both.assign(caution=None), "P1.clones.tsv") == []


def test_a_clone_of_two_lineages_is_looked_at_first_and_more_than_doublets_is_a_warning(tmp_path):
    rows = [
        ("P1.B1", "BCR", 12, "more than doublets make"),
        ("P1.B2", "BCR", 0, "blast and plasma cells"),
        ("P1.B3", "BCR", 1, "too few to tell"),
    ]
    table = pd.DataFrame(rows, columns=["clone", "receptor", "n_foreign", "caution"]).assign(
        lineages="plasma:9", foreign_expected=1.0
    )
    table.assign(patient="P1").to_csv(tmp_path / "P1.clones.tsv", sep="\t", index=False)
    first, warnings = case_answer.across_lineages(case_answer.Case(tmp_path, "P1"))
    assert [said(statement).split(" ")[0] for statement in first] == ["P1.B2"]
    assert [warning["text"].split(" are")[0] for warning in warnings] == ["12 cells of P1.B1"]
