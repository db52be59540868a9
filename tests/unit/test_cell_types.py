"""Names of groups of cells by absolute evidence: what a name needs, what speaks against one, and what is said where there is none."""

from _cell_types import MIXED, name_groups

import numpy as np
import pytest
from helpers.planted_cells import MARKERS, PROFILES, draw


def name(kinds, **options):
    """The evidence table, a row per kind."""
    cells, group = draw(kinds, **options)
    return name_groups(cells, group, MARKERS, PROFILES).set_axis(list(kinds))


def test_planted_types_are_named_with_their_evidence():
    kinds = ["CD4 T", "CD8 T", "NK", "naive B", "memory B", "plasma cell", "classical monocyte", "pDC", "HSPC", "erythroid",
             "neutrophil", "neutrophil precursor", "megakaryocyte", "mast cell", "stromal"]  # fmt: skip
    table = name(dict.fromkeys(kinds, 60))
    assert list(table["cell_type"]) == kinds and list(table["lineage"]) == list(MARKERS.loc[kinds, "lineage"])
    assert (table["markers"] >= 2).all() and (table["score"] > 0.25).all() and (table["margin"] > 0).all()
    assert "CD8A" in table.loc["CD8 T", "evidence"] and not table["reason"].any() and not table["would_decide"].any()


def test_precursors_in_a_run_without_plasma_cells_are_of_the_b_lineage_and_never_dendritic_cells():
    """53 cells that show what pro-B and pre-B cells do, MZB1 among it, beside T cells only."""
    table = name({"CD8 T": 500, "CD4 T": 300, "B precursor": 53}, soup=0.05)
    assert table.loc["B precursor", "lineage"] in ("B", "blast")
    assert table.loc["B precursor", "winner"] in ("B precursor", "B-ALL blast")
    assert "MZB1" not in table.loc["B precursor", "against"]


def test_soup_haemoglobin_does_not_count_against_t_cells():
    ambient = {"HBB": 800.0, "HBA1": 180, "HBA2": 160}
    table = name({"CD4 T": 161, "classical monocyte": 161}, soup=0.1, added=ambient)
    assert list(table["cell_type"]) == ["CD4 T", "classical monocyte"] and "HBB" not in table.loc["CD4 T", "against"]


def test_an_impure_part_has_no_name_and_no_lineage():
    kinds = {"CD4 T+naive B": 60, "CD8 T+classical monocyte": 60, "CD4 T": 60, "naive B": 60, "classical monocyte": 60}
    table = name(kinds)
    assert list(table["cell_type"][:2]) == ["unassigned"] * 2 and list(table["lineage"][:2]) == ["unassigned"] * 2
    assert MIXED in set(table["reason"]) and list(table["cell_type"][2:]) == list(kinds)[2:]


def test_without_a_name_both_candidates_and_the_genes_that_would_decide_are_stated():
    table = name({"CD4 T+naive B": 60, "CD4 T": 60})
    row = table.loc["CD4 T+naive B"]
    assert {row["winner"], row["runner_up"]} <= set(MARKERS.index) and row["winner"] != row["runner_up"]
    first = row["would_decide"].split(", ")[0]
    assert first.split(" ")[0] in {*MARKERS.loc[row["winner"], "positive"], *MARKERS.loc[row["runner_up"], "positive"]}
    assert "(" in first and "|" in first


def test_cells_that_show_nothing_are_not_named():
    cells, group = draw({"CD4 T": 60, "NK": 60})
    cells = cells._replace(counts=cells.counts.multiply((group == 0)[:, None]).tocsr())
    table = name_groups(cells, group, MARKERS, PROFILES)
    assert table["cell_type"][1] == "unassigned" and table["markers"][1] == 0
    assert table["reason"][1] == "fewer than two of its markers are detected"


def test_two_markers_are_needed_whatever_leads():
    """Of the markers of pDC only one is measured."""
    cells, group = draw({"pDC": 60, "CD4 T": 60})
    others = [PROFILES.genes.index(gene) for gene in MARKERS.loc["pDC", "positive"] if gene != "LILRA4"]
    cells.measured[others] = False
    table = name_groups(cells, group, MARKERS, PROFILES)
    assert table["cell_type"][0] == "unassigned"


def test_a_type_without_a_profile_is_named_by_its_markers_and_that_is_said():
    """The pDC of a marker table go by a name that no profile has."""
    markers = MARKERS.rename(index={"pDC": "LILRA4+ cell"}).assign(cell_type=lambda table: table.index)
    cells, group = draw({"pDC": 60, "CD4 T": 60, "classical monocyte": 60})
    table = name_groups(cells, group, markers, PROFILES)
    assert table["cell_type"][0] == "LILRA4+ cell" and table["evidence"][0].startswith("by markers alone: ")
    assert not table["evidence"][1].startswith("by markers alone")


def test_cells_of_one_type_alone_are_still_named():
    assert list(name({"CD8 T": 100})["cell_type"]) == ["CD8 T"]
    assert list(name({"naive B": 40}, depth=1500)["lineage"]) == ["B"]


def test_receptors_speak_for_their_lineage_and_against_others():
    cells, group = draw({"CD4 T": 60, "NK": 60})
    has = group == 0
    counted = np.ones(len(group), bool)
    without = name_groups(cells, group, MARKERS, PROFILES)
    with_tcr = name_groups(cells._replace(receptors={"TCR": (has, counted)}), group, MARKERS, PROFILES)
    assert with_tcr["cell_type"].tolist() == without["cell_type"].tolist()
    assert with_tcr["margin"][1] == pytest.approx(without["margin"][1])  # no receptor: nothing is added
