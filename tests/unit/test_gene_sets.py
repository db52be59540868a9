"""Calls of several genes: read by the patient's other chains, and never a bridge between two clones."""

from _chain_groups import chain_groups

import pandas as pd
import pytest
from helpers import small_receptors as receptors
from helpers.small_receptors import change

A, OTHER = receptors.junctions(2)
NEAR, FAR = change(A, 10), change(A, 22)  # similar to A and to each other


def groups(*rows: tuple[str, str, int], locus="IGH", rule="similarity") -> list[tuple[str, int, bool]]:
    """Gene, number of the group and `open` of chains given by call, junction and cells; j_gene is one."""
    table = pd.DataFrame(rows, columns=["v_gene", "junction", "cells"])
    table = table.loc[table.index.repeat(table.pop("cells"))].reset_index(drop=True)
    table = table.assign(locus=locus, chain_type="VDJ", j_gene="IGHJ6", junction_aa=table["junction"])
    found = chain_groups(table, rule, 0.85).drop_duplicates(["v_gene", "junction"])
    return list(zip(found["v_gene"], pd.factorize(found["unit"])[0].tolist(), found["open"], strict=True))


def test_a_call_of_several_genes_is_the_one_that_similar_junctions_name():
    assert groups(("IGHV3-21", A, 5), ("IGHV3-11,IGHV3-21", NEAR, 3)) == [("IGHV3-21", 0, False)] * 2
    assert groups(("IGHV3-21", A, 5), ("IGHV3-11,IGHV3-21", OTHER, 3))[1] == ("IGHV3-11,IGHV3-21", 1, False)


def test_identical_junctions_say_more_than_similar_ones():
    found = groups(("IGHV3-11", A, 9), ("IGHV3-11,IGHV3-21", NEAR, 3), ("IGHV3-21", NEAR, 1))
    assert found == [("IGHV3-11", 0, False), ("IGHV3-21", 1, False)]


@pytest.mark.parametrize("order", [[0, 1, 2, 3], [3, 2, 1, 0], [1, 2, 0, 3], [2, 0, 3, 1]])
def test_overlapping_calls_are_no_bridge_between_two_clones(order):
    """A - {A, B} - {B, C} - C: each has a gene in common with the next, the first none with the last."""
    rows = [("IGHV1", A, 5), ("IGHV1,IGHV2", NEAR, 3), ("IGHV2,IGHV3", FAR, 3), ("IGHV3", change(A, 30), 5)]
    rows = [(names.replace("IGHV", "IGHV1-"), *rest) for names, *rest in rows]
    found = groups(*(rows[place] for place in order))
    assert {gene for gene, *_ in found} == {"IGHV1-1", "IGHV1-3"}
    assert len({(gene, unit) for gene, unit, _ in found}) == 2


def test_a_chain_of_calls_of_several_genes_has_groups_with_a_gene_in_common():
    rows = [("IGHV1-1,IGHV1-2", A, 5), ("IGHV1-2,IGHV1-3", NEAR, 5), ("IGHV1-3,IGHV1-4", FAR, 5)]
    (one, _, _), (two, _, _), (three, _, _) = found = groups(*rows)
    assert (one, two, three) == ("IGHV1-2", "IGHV1-2,IGHV1-3", "IGHV1-3")
    assert [unit for _, unit, _ in found] == [0, 1, 2]
    assert groups(*rows[:2]) == [("IGHV1-2", 0, False)] * 2
    wider = [("IGHV1-1,IGHV1-2", A, 5), ("IGHV1-1,IGHV1-2,IGHV1-3", NEAR, 1)]
    assert groups(*wider) == [("IGHV1-1,IGHV1-2", 0, False)] * 2


def test_a_call_that_fits_two_genes_is_open_where_it_is_rarer_than_both():
    rows = [("IGHV1-1", A, 5), ("IGHV1-2", A, 5), ("IGHV1-1,IGHV1-2", A, 1)]
    assert groups(*rows)[2] == ("IGHV1-1,IGHV1-2", 2, True)
    assert groups(*rows[:2], ("IGHV1-1,IGHV1-2", A, 20))[2] == ("IGHV1-1,IGHV1-2", 2, False)
    found = groups(("IGHV1-1", A, 50), ("IGHV1-2", A, 1), ("IGHV1-1,IGHV1-2", A, 2))
    assert found == [("IGHV1-1", 0, False), ("IGHV1-2", 1, False)]


def test_a_family_alone_matches_with_an_identical_junction_only():
    assert groups(("IGHV3", A, 5), ("IGHV3-21", A, 1)) == [("IGHV3-21", 0, False)]
    assert groups(("IGHV3", A, 5), ("IGHV3-21", NEAR, 1)) == [("IGHV3", 0, False), ("IGHV3-21", 1, False)]
    assert groups(("IGHV3", A, 5), ("IGHV3", NEAR, 1))[1] == ("IGHV3", 1, False)
    assert groups(("IGHV3", A, 5), ("IGHV4-4", A, 1))[1] == ("IGHV4-4", 1, False)


def test_rearrangements_that_do_not_mutate_are_compared_by_identical_junctions():
    rows = [("TRBV6-5", A, 5), ("TRBV6-5,TRBV6-6", NEAR, 3), ("TRBV6-5,TRBV6-6", A, 3)]
    assert groups(*rows, locus="TRB") == [("TRBV6-5", 0, False), ("TRBV6-5,TRBV6-6", 1, False)]
    assert [unit for _, unit, _ in groups(*rows, rule="nucleotide")] == [0, 1]
