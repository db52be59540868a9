"""Receivers of communication: the clone's groups, else plasma cells, else blasts, else none with what to set."""

import _focus

import pandas as pd
import pytest
from helpers.tumour_room import LINEAGES


def chosen(tmp_path, parts, bulk=None, focus=None, min_cells=10):
    """What is chosen for cells of one sample; parts: (number, lineage, cell type, subset, clone); bulk: clone -> (name, chain)."""
    rows = [part[1:] for part in parts for _ in range(part[0])]
    labels = pd.DataFrame(rows, columns=["lineage", "cell_type", "subset", "bcr_clone"])
    labels["cell_id"], labels["sample"] = [f"S:{at}" for at in range(len(labels))], "S"
    has_subset = labels["subset"] != "unassigned"
    kinds = labels.assign(group=labels["subset"].where(has_subset, labels["cell_type"]))
    kinds = kinds[["lineage", "cell_type", "group"]].drop_duplicates()
    clones, carriers = tmp_path / "clones.parquet", None
    labels[["cell_id", "bcr_clone"]].assign(receptor_subtype_bcr=None).to_parquet(clones)
    if bulk:
        carriers = tmp_path / "carriers.parquet"
        found = pd.concat([
            labels.loc[labels["bcr_clone"] == clone, ["cell_id"]].assign(chain_type=chain, clone=name)
            for clone, (name, chain) in bulk.items()
        ])  # fmt: skip
        found.to_parquet(carriers)
    from _receptors import Lineages

    cells, of_bulk = _focus.read_cells(labels, kinds, clones, carriers, Lineages(LINEAGES).owners("BCR"))
    return _focus.receivers(cells, of_bulk, focus, min_cells)


PLASMA = [
    (120, "plasma", "plasma cell", "Plasma_1", "B1"),
    (30, "plasma", "plasma cell", "Plasma_1", None),
    (60, "plasma", "plasma cell", "Plasma_2", "B1"),
    (3, "plasma", "plasma cell", "Plasma_3", "B1"),
    (50, "plasma", "plasma cell", "Plasma_3", None),
    (4, "plasma", "plasma cell", "unassigned", "B1"),
    (5, "T", "CD8 T", "CD8_memory", "B1"),
]
BLASTS = [(90, "blast", "B-ALL blast", "unassigned", "B2"), (200, "blast", "B-ALL blast", "unassigned", None)]
REST = [(300, "T", "CD8 T", "CD8_memory", None)]


def test_the_groups_that_hold_the_bulk_clone_receive(tmp_path):
    """Not the subset of residual normal plasma cells, of which three carry it, nor T cells in droplets with one."""
    found = chosen(tmp_path, PLASMA + BLASTS + REST, {"B1": ("IGH_1", "VDJ")})
    assert found["groups"] == ["Plasma_1", "Plasma_2"] and (found["clone"], found["n"], found["held"]) == (
        "IGH_1",
        187,
        180,
    )
    text = "Receivers: the 187 cells that carry IGH_1; 180 of them are in Plasma_1 and Plasma_2 (210 cells)"
    assert found["text"] == text


def test_a_heavy_chain_names_the_clone_before_a_light_one_that_more_cells_carry(tmp_path):
    found = chosen(tmp_path, PLASMA + BLASTS, {"B2": ("IGH_1", "VDJ"), "B1": ("IGL_1", "VJ")})
    assert found["groups"] == ["B-ALL blast"] and found["clone"] == "IGH_1"


def test_without_a_bulk_clone_the_largest_expanded_clone_receives(tmp_path):
    assert chosen(tmp_path, PLASMA + BLASTS + REST)["clone"] == "B1"
    in_blasts = chosen(tmp_path, BLASTS + REST + [(15, "plasma", "plasma cell", "Plasma_1", None)])
    assert in_blasts["groups"] == ["B-ALL blast"] and in_blasts["text"].startswith(
        "Receivers: the 90 cells of the largest expanded clone, B2; 90 of them are in B-ALL blast (290 cells)"
    )


def test_of_a_healthy_donor_or_without_b_cell_receptors_plasma_cells_receive(tmp_path):
    normal = [(2, "plasma", "plasma cell", "Plasma_1", f"B{at}") for at in range(20)]
    tcr_only = [(40, "plasma", "plasma cell", "Plasma_1", None)]
    for plasma in (normal, tcr_only):
        found = chosen(tmp_path, plasma + REST)
        assert found["groups"] == ["Plasma_1"] and found["clone"] is None
        assert found["text"] == "Receivers: the 40 plasma cells; 40 of them are in Plasma_1 (40 cells)"


@pytest.mark.parametrize(("min_cells", "groups"), [(10, ["B-ALL blast"]), (300, [])])
def test_too_few_cells_are_not_testable_with_what_would_do(tmp_path, min_cells, groups):
    few = [(7, "plasma", "plasma cell", "Plasma_1", "B1")]
    found = chosen(tmp_path, few + BLASTS[1:] + REST, {"B1": ("IGH_1", "VDJ")}, min_cells=min_cells)
    assert found["groups"] == groups
    if groups:
        assert found["text"].endswith("Not testable: 7 cells that carry IGH_1, 7 plasma cells, 10 needed")
    else:
        assert found["text"].startswith(
            "Not testable: 7 cells that carry IGH_1, 7 plasma cells, 200 blasts in a sample, 300 needed"
        )
        assert "name others with --focus; groups are: B-ALL blast, CD8_memory" in found["text"]


def test_what_is_given_wins(tmp_path):
    found = chosen(tmp_path, PLASMA + BLASTS + REST, {"B1": ("IGH_1", "VDJ")}, focus="blast, CD8_memory")
    assert found["groups"] == ["B-ALL blast", "CD8_memory"] and found["clone"] is None
    missing = chosen(tmp_path, PLASMA, {"B1": ("IGH_1", "VDJ")}, focus="Plasmas")
    assert (
        missing["groups"] == []
        and "no cell is of the focus 'Plasmas'; groups are: CD8_memory, Plasma_1" in missing["text"]
    )
