"""Bulk junctions and genes matched to those of cells, as laboratories write them."""

import _mrd_match


def test_distances_with_and_without_the_conserved_residues():
    found = ["TGTAAACCCTGG", "TGTAAACCGTGG", "AAACCC", "TGT"]
    assert _mrd_match.mismatches("TGTAAACCCTGG", found, 3).tolist()[:3] == [0, 1, 0]
    assert _mrd_match.mismatches("AAACCC", found, 3).tolist()[:3] == [0, 1, 0]
    assert _mrd_match.mismatches("AAACCC", found, 3)[3] == _mrd_match.FAR


def test_gene_calls():
    assert _mrd_match.genes("IGHJ4*02,ighj5*02") == {"IGHJ4", "IGHJ5"}
    assert _mrd_match.genes("IGHV1-2 or IGHV1-3*01") == {"IGHV1-2", "IGHV1-3"}
    assert _mrd_match.genes(None) == _mrd_match.genes("NA") == frozenset()


def test_a_limit_of_detection_stays_with_its_day(tmp_path):
    path = tmp_path / "mrd.tsv"
    rows = ("P1\t0\tc\tIGH\t\t\t0.1\t", "P1\t28\tc\tIGH\t\t\t0\t1e-06", "P1\t90\tc\tIGH\t\t\t0\t")
    path.write_text("patient\tday\tclone\tlocus\tv_call\tj_call\tfraction\tlimit\n" + "\n".join(rows) + "\n")
    _, curve = _mrd_match.read_bulk(path, "P1")
    assert curve["limit"].fillna(0).tolist() == [0, 1e-6, 0] and curve["fraction"].tolist() == [0.1, 0, 0]
