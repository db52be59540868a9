"""Bulk junctions and genes matched to those of cells, as laboratories write them."""

import _mrd_match
from _genes import Genes

import numpy as np
from conftest import PROJECT

GENES = Genes(PROJECT / "assets" / "receptor_genes.tsv")


def test_distances_with_and_without_the_conserved_residues():
    found = ["TGTAAACCCTGG", "TGTAAACCGTGG", "AAACCC", "TGT"]
    assert _mrd_match.mismatches("TGTAAACCCTGG", found, 3).tolist()[:3] == [0, 1, 0]
    assert _mrd_match.mismatches("AAACCC", found, 3).tolist()[:3] == [0, 1, 0]
    assert _mrd_match.mismatches("AAACCC", found, 3)[3] == _mrd_match.FAR


def test_gene_calls():
    assert GENES.read("IGHJ4*02,ighj5*02") == {"IGHJ4", "IGHJ5"}
    assert GENES.read("IGHV1-2 or IGHV1-3*01") == {"IGHV1-2", "IGHV1-3"}
    assert GENES.read(None) == GENES.read("NA") == frozenset()


def random_bases(rng, number: int) -> str:
    return "".join(rng.choice(list("ACGT"), number))


def test_a_sequence_is_laid_over_junctions_at_every_place():
    rng = np.random.default_rng(1)
    junctions = [random_bases(rng, length) for length in (60, 60, 45, 27)]
    for at, junction in enumerate(junctions):
        left, right = random_bases(rng, int(rng.integers(60))), random_bases(rng, int(rng.integers(60)))
        apart, whole = _mrd_match.slide(left + junction + right, junctions, 2)
        assert apart.tolist() == [0 if i == at else _mrd_match.FAR for i in range(4)] and whole[at]
    apart, whole = _mrd_match.slide(junctions[0][9:49], junctions, 2)
    assert apart[0] == 0 and not whole[0] and (apart[1:] == _mrd_match.FAR).all()
    beyond = junctions[0][20:] + random_bases(rng, 30)  # 40 bases of it, and what follows
    assert _mrd_match.slide(beyond, junctions, 2)[0][0] == 0
    assert (_mrd_match.slide(junctions[0][:35], junctions, 2)[0] == _mrd_match.FAR).all()


def test_a_whole_junction_is_no_window_of_another_and_mostly_unknown_letters_are_none():
    inner = random_bases(np.random.default_rng(2), 39).replace("TGG", "ACA")
    cells, bulk = f"TGTAAACCC{inner}CCCTTTTGG", f"TGT{inner}TGG"
    words = [words for words, apart in _mrd_match.ways(bulk, [cells], 2) if (apart <= 2).any()]
    assert words == []
    window = [words for words, apart in _mrd_match.ways("A" + inner[1:], [cells], 2) if (apart <= 2).any()]
    assert window == ["window of 39 nt"]
    assert _mrd_match.letters("TGTNNNNNNTGG", "ACGTN") == "" and _mrd_match.letters("tgtaaannn", "ACGTN") == "TGTAAANNN"


def test_a_limit_of_detection_stays_with_its_day(tmp_path):
    path = tmp_path / "mrd.tsv"
    rows = ("P1\t0\tc\tIGH\t\t\t0.1\t", "P1\t28\tc\tIGH\t\t\t0\t1e-06", "P1\t90\tc\tIGH\t\t\t0\t")
    path.write_text("patient\tday\tclone\tlocus\tv_call\tj_call\tfraction\tlimit\n" + "\n".join(rows) + "\n")
    _, curve = _mrd_match.read_bulk(path, "P1", GENES)
    assert curve["limit"].fillna(0).tolist() == [0, 1e-6, 0] and curve["fraction"].tolist() == [0.1, 0, 0]
