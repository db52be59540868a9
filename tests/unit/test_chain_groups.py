"""Groups of chains that the clone rule calls the same: what scirpy is given, and what it makes of known cases."""

import _chain_groups

import numpy as np
import pandas as pd
import pytest
from helpers import small_receptors as receptors
from helpers.small_receptors import change


def table(junctions, **columns) -> pd.DataFrame:
    """Heavy chains of one V and J gene, but for `columns`."""
    chains = pd.DataFrame({"junction": list(junctions)}, dtype=object)
    given = {"locus": "IGH", "chain_type": "VDJ", "v_gene": "V1", "j_gene": "J1"} | columns
    return chains.assign(**{"junction_aa": chains["junction"]} | given)


def units(chains, rule="similarity", similarity=0.85) -> list[int]:
    """Units in order of first appearance, numbered from 0."""
    return pd.factorize(_chain_groups.chain_groups(chains, rule, similarity)["unit"])[0].tolist()


def test_groups_equal_single_linkage_by_brute_force():
    rng = np.random.default_rng(3)
    base = receptors.junctions(12, codons=8, seed=4)
    near = [change(rng.choice(base), *rng.choice(24, rng.integers(1, 7), replace=False)) for _ in range(150)]
    chains = table(dict.fromkeys(base + near), v_gene=rng.choice(["V1", "V2"], len(set(base + near))))
    found = units(chains)
    label = np.arange(len(chains))
    for _ in range(len(chains)):
        before = label.copy()
        for i, a in chains.iterrows():
            for j, b in chains.iterrows():
                same = a["v_gene"] == b["v_gene"] and len(a["junction"]) == len(b["junction"])
                if same and sum(x == y for x, y in zip(a["junction"], b["junction"], strict=True)) >= 0.85 * 24:
                    label[i] = label[j] = min(label[i], label[j])
        if (label == before).all():
            break
    assert len(set(found)) == len(set(label)) == len(set(zip(found, label, strict=True)))


def test_lineages_of_mutated_chains_are_found_as_planted():
    """300 lineages; each member differs in one to three of 42 bases from the one before it, so ends are far apart."""
    rng = np.random.default_rng(8)
    junctions, planted = [], []
    for lineage, junction in enumerate("".join(bases) for bases in rng.choice(list("ACGT"), (300, 42))):
        for _ in range(rng.integers(1, 6)):
            junctions.append(junction)
            planted.append(lineage)
            junction = change(junction, *rng.choice(np.arange(3, 39), rng.integers(1, 4), replace=False))
    order = rng.permutation(len(junctions))
    chains = table(np.array(junctions)[order]).assign(planted=np.array(planted)[order])
    found = _chain_groups.chain_groups(chains, "similarity", 0.85)
    assert len(found.groupby(["unit", "planted"])) == found["unit"].nunique() == found["planted"].nunique() == 300


@pytest.mark.parametrize(("codons", "changed", "same"), [(14, 6, True), (14, 7, False), (11, 5, True), (11, 6, False)])
def test_the_share_of_other_bases_is_in_whole_per_cent(codons, changed, same):
    """6 of 42: 14.3 %; 7 of 42: 16.7 %; 5 of 33: 15.2 %, which rounds to 15; 6 of 33: 18.2 %."""
    (junction,) = receptors.junctions(1, codons=codons)
    found = units(table([junction, change(junction, *range(3, 3 + changed))]))
    assert found == ([0, 0] if same else [0, 1])


def test_genes_loci_and_lengths_part_chains():
    (a,) = receptors.junctions(1)
    near = change(a, 10)
    assert units(table([a, near], v_gene=["V1", "V2"])) == [0, 1]
    assert units(table([a, near], j_gene=["J1", "J2"])) == [0, 1]
    assert units(table([a, a + "TGG"])) == [0, 1]
    assert units(table([a, near], locus=["IGK", "IGL"], chain_type="VJ")) == [0, 1]
    assert units(table([a, near], locus=["IGK", "IGK"], chain_type="VJ")) == [0, 0]


def test_tcr_chains_and_the_other_rules_take_identical_junctions_of_any_gene():
    (a,) = receptors.junctions(1)
    silent = a[:5] + ("C" if a[5] != "C" else "T") + a[6:]
    chains = table([a, a, silent], v_gene=["V1", "V2", "V1"], junction_aa=["CAW", "CAW", "CAW"])
    assert units(chains.assign(locus="TRB")) == [0, 0, 1]
    assert units(chains, "nucleotide") == [0, 0, 1]
    assert units(chains, "amino_acid") == [0, 0, 0]


def test_junctions_too_long_to_be_compared_must_be_identical():
    (long,) = receptors.junctions(1, codons=50)
    assert units(table([long, change(long, 10), long])) == [0, 1, 0]


def test_amino_acids_are_compared_within_a_v_gene_and_must_be_identical_in_tcr():
    acids = table(["CARDYYGSSYW", "CARDYYGSSYF", "CARDYYGSGGF"])  # 1 of 11 differs, then 2 of 11
    assert units(acids) == [0, 0, 1]
    assert units(acids.assign(v_gene=["V1", "V2", "V2"])) == [0, 1, 2]
    tcr = table(["CASSYW", "CASSYW", "CASSYF"], locus="TRB", v_gene=["V1", "V2", "V1"])
    assert units(tcr) == [0, 1, 2]


def test_a_sample_with_amino_acids_alone_joins_the_others_by_amino_acids():
    bases, other = receptors.junctions(2)
    columns = {"verdict": "own", "rank": 1, "library": "BCR", "cell_id": ["T1:a", "T1:b", "T2:a", "T2:b"]}
    judged = table([bases, other, bases, None], **columns)
    judged["junction_aa"] = [receptors.translate(text) for text in (bases, other, bases, bases)]
    known = _chain_groups.own_chain_groups(judged, "similarity", 0.85)
    assert known["unit"].nunique() == 3  # one odd row: what stands in for it is compared with nothing
    judged.loc[2, "junction"] = None
    joined = _chain_groups.own_chain_groups(judged, "similarity", 0.85)
    assert pd.factorize(joined["unit"])[0].tolist() == [0, 1, 0, 0] and joined["exact"].nunique() == 2


@pytest.mark.parametrize("rule", _chain_groups.RULES)
def test_no_chains_have_no_groups(rule):
    assert _chain_groups.chain_groups(table([]), rule, 0.85)["unit"].tolist() == []
