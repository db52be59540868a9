"""Pairs of ligand and receptor: the assets, watched pairs inside complexes, subunits that are measured."""

from _pairs import lowest_of_complex, measured_pairs, pair_genes, read_pairs, read_watch_list, watched

import numpy as np
import pandas as pd
from helpers.signals_data import ASSETS

PAIRS, WATCH = ASSETS / "interactions.tsv", ASSETS / "watch_list.tsv"


def test_watched_pairs_stand_either_way_and_inside_complexes():
    pairs, watch_list = read_pairs(PAIRS), read_watch_list(WATCH)
    names = watched(pairs, watch_list)
    of_watch = {f"{a}-{b}" for a, b in pairs.loc[names == "ITGB2-ICAM1", ["ligand", "receptor"]].to_numpy()}
    assert {"ITGB2-ICAM1", "ICAM1-ITGAL_ITGB2", "ICAM1-ITGAM_ITGB2"} <= of_watch
    assert set(watch_list["name"]) <= set(names), "every watched pair is in the table of pairs"


def test_assets_are_small_and_sourced():
    assert PAIRS.stat().st_size < 1_400_000
    assert "liana 1.10.0" in PAIRS.read_text()[:400]
    table = pd.read_csv(PAIRS, sep="\t", comment="#")
    assert len(table) > 4800 and not table.duplicated(["ligand", "receptor"]).any() and "resources" in table


def test_pairs_are_read_once_each(tmp_path):
    (tmp_path / "pairs.tsv").write_text("# ours\nligand\treceptor\tsource\nA_B\tC\tx\nD\tE\tx\nA_B\tC\ty\n")
    pairs = read_pairs(tmp_path / "pairs.tsv")
    assert pairs["ligand"].tolist() == ["A_B", "D"] and pair_genes(pairs) == set("ABCDE")


def test_a_pair_is_measured_with_all_its_subunits():
    pairs = pd.DataFrame({"ligand": ["A_B", "A_X", "C", "A_B"], "receptor": ["C", "C", "B", "X"]})
    measured = measured_pairs(pairs, ["A", "B", "C"])
    assert measured.rows.tolist() == [0, 2]
    ligands, receptors = (
        units[rows] for units, rows in ((measured.ligands, measured.ligand), (measured.receptors, measured.receptor))
    )
    np.testing.assert_array_equal(ligands, [[0, 1], [2, -1]])
    np.testing.assert_array_equal(receptors, [[2], [1]])


def test_nothing_measured_gives_no_pairs():
    measured = measured_pairs(pd.DataFrame({"ligand": ["A"], "receptor": ["B"]}), ["C"])
    assert not measured.rows.size and measured.ligands.shape == (0, 1)


def test_a_complex_is_as_strong_as_its_weakest_subunit():
    units = np.array([[0, 1], [2, -1]])
    assert lowest_of_complex(np.array([[5.0, 2.0, 3.0]]), units).tolist() == [[2.0, 3.0]]
