"""What clones are, and where their cells are."""

import json

import pandas as pd
import pytest
from helpers import small_receptors as receptors

J = receptors.junctions(30, seed=8)


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
