"""What clones are, and where their cells are."""

import json
import re

import case_answer
import pandas as pd
import pytest
from helpers import small_receptors as receptors

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
