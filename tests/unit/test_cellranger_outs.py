"""What Cell Ranger's outputs offer, from a listing of the disk or of another computer."""

from pathlib import Path

from _cellranger_outs import Entry, local_inventory, offer, read_inventory

import pytest


def listed(*lines: str) -> list[Entry]:
    """Entries of a folder /run and of the files below it, of 9 bytes each; a name that ends in / is a folder."""
    entries = [Entry(f"/run/{line.rstrip('/')}", "folder" if line.endswith("/") else "file", 9) for line in lines]
    return [Entry("/run", "folder", 0), *entries]


def test_the_listing_of_a_folder_is_as_the_inventory_of_a_run(tmp_path: Path):
    for name in ("filtered_feature_bc_matrix.h5", "metrics_summary.csv"):
        (tmp_path / "a" / "outs").mkdir(parents=True, exist_ok=True)
        (tmp_path / "a" / "outs" / name).write_text("x")
    local = local_inventory(["a"], tmp_path)
    lines = ["written\tpath\tkind\tsize"]
    lines += ["\t".join(["a", entry.path, entry.kind, str(entry.size)]) for entry in local["a"]]
    assert read_inventory(lines) == local


def test_the_best_matrix_and_its_metrics_are_offered():
    offered = offer(listed("outs/", "outs/filtered_feature_bc_matrix/", "outs/filtered_feature_bc_matrix.h5",
                           "outs/raw_feature_bc_matrix.h5", "outs/metrics_summary.csv"))  # fmt: skip
    path = "/run/outs/filtered_feature_bc_matrix.h5"
    assert offered.outputs == {"": {"gex": [path]}} and offered.metrics == {path: "/run/outs/metrics_summary.csv"}
    assert offered.raw == ["raw_feature_bc_matrix.h5"] and offered.names == ["outs"]


@pytest.mark.parametrize(
    ("folder", "library"),
    [
        ("vdj_b", "vdj_b"),
        ("S1_tcr", "vdj_t"),
        ("vdj_t_gd", "vdj_t_gd"),
        ("S1-TCR-gd", "vdj_t_gd"),
        ("P1-VDJ-B", "vdj_b"),
        ("vdj", "vdj"),
    ],
)
def test_folders_tell_the_receptor(folder, library):
    offered = offer(listed(f"{folder}/", f"{folder}/filtered_contig_annotations.csv.gz"))
    assert list(offered.outputs[""]) == [library]
