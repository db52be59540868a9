"""What a V(D)J library can show of a bulk rearrangement."""

import _mrd_testable as testable
from _genes import Genes
from _mrd_match import Shown

import pytest
from conftest import PROJECT

SHOWN = Shown(PROJECT / "assets" / "vdj_library.tsv")
GENES = Genes(PROJECT / "assets" / "receptor_genes.tsv")
JUNCTION = "TGTGCCCGAGATGGACAAAATTACGACGTGCTCGGCACTCCTACTGCCCTGGACGTGTGG"
READ = f"GCCGAGGACACGGCTGTGTATTAC{JUNCTION}GGCCAAGGGACCACGGTCACCGTCTCCTCAG"


def kind(locus="IGH", v="IGHV3-21", j="IGHJ6", junction=JUNCTION, aa="", clone="c1"):
    row = {"clone": clone, "locus": locus.upper(), "v_call": v, "j_call": j, "junction": junction, "junction_aa": aa}
    row |= {"v": GENES.read(v), "j": GENES.read(j), "nt": junction, "aa": aa}
    return testable.kind_by_genes(row) or testable.kind_by_sequence(row)


@pytest.mark.parametrize(
    ("row", "is_a"),
    [
        ({}, ""),
        ({"junction": READ}, ""),
        ({"junction": testable.reverse_complement(READ)}, ""),
        ({"v": "IGHD2-15*01"}, "D-J"),
        ({"v": "DH3-10"}, "D-J"),
        ({"v": ""}, "no V gene"),
        ({"j": ""}, "no J gene"),
        ({"locus": "TRD", "v": "TRDV2*03", "j": "TRDD3*01"}, "V-D"),
        ({"locus": "IGK", "v": "IGKV2-28", "j": "KDE"}, "Kde"),
        ({"locus": "IGKDE", "v": "", "j": "", "junction": ""}, "Kde"),
        ({"locus": "IGK", "v": "IGKV2-28", "j": "", "junction": "", "clone": "Vk-Kde 1"}, "Kde"),
        ({"locus": "IGK", "v": "intron-RSS", "j": "KDE"}, "intron-RSS"),
        ({"locus": "intron-RSS", "v": "", "j": "", "junction": ""}, "intron-RSS"),
        ({"junction": JUNCTION[:30] + JUNCTION[31:]}, "out of frame"),
        ({"junction": READ[:60] + READ[61:]}, "out of frame"),
        ({"junction": JUNCTION[:12] + "TAG" + JUNCTION[15:]}, "stop"),
        ({"aa": "CAR#YYFDYW"}, "out of frame"),
        ({"aa": "CAR_YYFDYW", "junction": ""}, "out of frame"),
        ({"aa": "CAR*YYFDYW", "junction": ""}, "stop"),
        ({"aa": "CARDGQNYFDYW", "junction": ""}, "amino acids"),
        ({"junction": ""}, "no junction"),
        ({"junction": JUNCTION[1:]}, "part"),
        ({"junction": JUNCTION[10:50]}, "part"),
    ],
)
def test_kinds_by_genes_and_sequence(row, is_a):
    assert kind(**row) == is_a
    assert is_a == "" or SHOWN.reason[is_a]


def test_the_junction_within_a_read_is_found_by_its_anchors():
    for text in (JUNCTION, READ, testable.reverse_complement(READ), testable.reverse_complement(JUNCTION)):
        assert testable.whole_junction(text) == JUNCTION
    assert testable.whole_junction(JUNCTION[1:-1]) == ""


def test_loci_are_looked_for_in_their_own_library():
    assert {SHOWN.library[locus] for locus in ("IGH", "IGK", "IGL", "IGKDE", "INTRON-RSS")} == {"BCR"}
    assert {SHOWN.library[locus] for locus in ("TRA", "TRB")} == {"TCR"}
    assert {SHOWN.library[locus] for locus in ("TRG", "TRD")} == {"gamma-delta"}
