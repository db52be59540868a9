"""Kinds of one type: what tells them apart in a run of several and of one, receptors, and the size of a population of blasts."""

from _detected import pool_counts
from _kinds import early_markers, expansion, name_kinds, score, size_evidence
from _marker_evidence import marker_evidence

import numpy as np
import pandas as pd
import pytest
from helpers.planted_cells import GENES, MARKERS, PROFILES, draw


def kinds_of(drawn, name, receptors=None, without=()):
    """Kinds of the cells drawn; `without` are genes that none of them shows."""
    cells, group = draw(drawn)
    shown = np.array([gene not in without for gene in PROFILES.genes], np.float32)
    cells = cells._replace(counts=cells.counts.multiply(shown).tocsr())
    pools = pool_counts(cells.counts, cells.umis, group, cells.sample)
    seen = marker_evidence(pools, cells.soup, cells.measured, MARKERS, PROFILES)
    rows = np.arange(len(drawn))
    size, share = np.bincount(group), np.full(len(drawn), 0.1)
    return name_kinds(rows, name, seen, size, share, receptors or {}, MARKERS, PROFILES)


def test_kinds_are_told_apart_and_one_alone_is_told_by_what_it_expresses():
    both = kinds_of({"CD4 T": 60, "CD8 T": 60}, "T cell")
    assert list(both["winner"]) == ["CD4 T", "CD8 T"] and (both["margin"] > 0.05).all()
    assert list(kinds_of({"CD8 T": 60}, "T cell")["winner"]) == ["CD8 T"]


def test_a_kind_of_cells_without_a_receptor_is_ruled_out_where_cells_show_it():
    drawn, cd8 = {"gamma-delta T": 60, "CD4 T": 60}, ("CD8A", "CD8B")  # its only profile is of CD8+ cells
    assert kinds_of(drawn, "T cell", without=cd8)["winner"][0] == "gamma-delta T"
    shares = {"TCR": np.array([0.6, 1.0])}
    assert kinds_of(drawn, "T cell", shares, without=cd8)["winner"][0] != "gamma-delta T"


def test_receptors_add_to_the_score_of_their_kinds():
    kinds = MARKERS[MARKERS["parent"] == "B lineage"]
    strength, weight = np.ones((1, len(GENES))), np.ones(len(GENES))
    without, with_bcr = (score(kinds, strength, weight, GENES, r) for r in ({}, {"BCR": np.ones(1)}))
    added = (with_bcr - without).iloc[0]
    assert added["naive B"] == pytest.approx(0.2) and added["B precursor"] == pytest.approx(0)


def test_blasts_need_their_share_of_a_sample():
    winner = np.array(["B lineage", "T cell"])
    sample = np.repeat(["S1", "S2"], 10)
    group = np.r_[np.zeros(8, int), np.ones(2, int), np.zeros(1, int), np.ones(9, int)]
    assert expansion(winner, group, sample)[0] == pytest.approx((8 * 0.8 + 1 * 0.1) / 9)


def test_size_decides_between_blasts_and_their_precursors_but_not_against_mature_cells():
    kinds = MARKERS[MARKERS["parent"] == "B lineage"]
    scores = pd.DataFrame(-0.5, index=range(4), columns=kinds.index)
    scores.loc[[0, 1, 2], "B precursor"] = 0.3
    scores.loc[3, "naive B"] = 0.3
    evidence = size_evidence(scores, kinds, ["B-ALL blast"], np.array([0.1, 0.3, 0.8, 0.8]))
    assert evidence.tolist() == pytest.approx([-0.2, 0.2, 0.6, 0.2])


def test_precursors_are_told_by_what_mature_cells_lack():
    assert early_markers("naive B", MARKERS, PROFILES) is None
    assert early_markers("CD8 T", MARKERS, PROFILES) is None
    for name in ("B precursor", "B-ALL blast"):
        genes = early_markers(name, MARKERS, PROFILES)
        assert "DNTT" in genes
        assert not genes & {"VPREB3", "PCDH9", "CD24"}
