"""Spellings of V and J genes are one gene; twins are computed, not listed."""

from _genes import Genes, family

import numpy as np
import pytest
from conftest import PROJECT
from helpers.spellings import spelled, twin_groups

GENES = Genes(PROJECT / "assets" / "receptor_genes.tsv")


@pytest.mark.parametrize(
    ("call", "names"),
    [
        ("IGHV3-21*01", "IGHV3-21"),
        ("Homsap IGHV3-21*01 F, or Homsap IGHV3-11*02 F", "IGHV3-11 IGHV3-21"),
        ("IGHV3-21*00(1203.4),IGHV3-11*00(1100)", "IGHV3-11 IGHV3-21"),
        ("IGHV3-11/21", "IGHV3-11 IGHV3-21"),
        ("IGHV03-21", "IGHV3-21"),
        ("VH3-21", "IGHV3-21"),
        ("Vκ1-39", "IGKV1-39"),
        ("JH4b", "IGHJ4"),
        ("IGHJ06-01*02", "IGHJ6"),
        ("TCRBV06-02/06-03*01", "TRBV6-2 TRBV6-3"),
        ("TCRBV28-01", "TRBV28"),
        ("TRAV29DV5", "TRAV29/DV5"),
        ("TRAV29/DV5*01", "TRAV29/DV5"),
        ("TCRBV20-or09-02", "TRBV20/OR9-2"),
        ("IGKV1(D)-39", "IGKV1-39 IGKV1D-39"),
        ("TRBV20", "TRBV20-1"),
        ("IGHV3", "IGHV3"),
        ("IGKDE", "IGKDE"),
        ("unresolved", ""),
        (None, ""),
    ],
)
def test_a_call_is_the_set_of_its_genes(call, names):
    assert GENES.read(call) == frozenset(names.split())


def test_a_bare_number_is_of_the_named_locus_and_segment():
    assert GENES.read("3-21", "IGHV") == {"IGHV3-21"}
    assert GENES.read("J6", "IGHJ") == {"IGHJ6"}


def test_every_gene_of_the_table_is_read_as_itself():
    assert [gene for gene in GENES.twin if GENES.read(gene) != {gene}] == []


def test_twins_are_one_gene_for_cells_and_similar_genes_are_not():
    for one, other in map(
        str.split, ["IGKV1-39 IGKV1D-39", "IGKV1-33 IGKV1D-33", "IGKV2-28 IGKV2D-28", "IGHV1-69 IGHV1-69D"]
    ):
        assert GENES.for_cells({one}) == GENES.for_cells({other}) == GENES.for_cells({one, other})
    for one, other in map(
        str.split, ["IGKV1-8 IGKV1D-8", "IGKV3-11 IGKV3D-11", "IGKV3-20 IGKV3D-20", "TRBV12-3 TRBV12-4"]
    ):
        assert GENES.for_cells({one}) != GENES.for_cells({other})
        assert GENES.for_bulk({one}) & {other}


def test_a_family_alone_is_that_of_its_genes():
    assert GENES.in_family({"IGHV3"}, {"IGHV3-21"}) and GENES.in_family({"IGHV3-21"}, {"IGHV3"})
    assert not GENES.in_family({"IGHV3"}, {"IGHV4-4"})
    assert not GENES.in_family({"IGHV3-11"}, {"IGHV3-21"})
    assert family("IGKV1D-39") == "IGKV1"


@pytest.mark.parametrize("seed", range(3))
def test_no_spelling_of_any_gene_is_another_gene(seed):
    """Every gene of the table in spellings drawn from what writers of calls do to a name."""
    rng = np.random.default_rng(seed)
    for gene in GENES.twin:
        call = spelled(gene, rng, twins={})
        assert GENES.read(call) == {gene}, call


def test_calls_that_name_twins_in_any_order_are_one_gene():
    rng = np.random.default_rng(4)
    twins = twin_groups()
    assert {len(group) for group in twins.values()} >= {2, 3}
    for gene, group in twins.items():
        for _ in range(5):
            call = ",".join(spelled(name, rng, twins={}) for name in rng.permutation(group)[: rng.integers(1, 4)])
            assert GENES.for_cells(GENES.read(call)) == GENES.for_cells({gene}), call
