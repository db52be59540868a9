"""How well types explain groups: likelihoods, genes that a study lacks, types without a profile, and leads over the next one."""

from _type_fit import FEW_GENES, fit_types, n_telling, receptor_evidence, references, two_best

import numpy as np
import pytest
from helpers.planted_cells import MARKERS, PROFILES


def test_every_type_has_references_and_those_of_its_kinds_count():
    refs = references(MARKERS, PROFILES)
    assert refs.types == list(MARKERS.index[MARKERS["parent"] == ""]) and refs.known.all()
    b_lineage = refs.types.index("B lineage")
    assert (refs.type_of == b_lineage).sum() == sum(
        PROFILES.counted
        & np.isin(PROFILES.cell_type, ["B lineage", "naive B", "memory B", "B precursor", "B-ALL blast"])
    )


def test_what_no_study_of_a_type_measured_is_as_the_marker_table_says():
    refs = references(MARKERS, PROFILES)
    own = refs.rate[refs.type_of == refs.types.index("neutrophil")]
    assert (own[:, PROFILES.genes.index("FCGR3B")] > 0.3).all()  # no gene of the profiles' panel


def test_the_type_whose_rates_made_the_counts_is_the_likeliest_and_ambient_counts_are_expected():
    rate = np.array([[20.0, 20, 0, 0], [0, 0, 20, 20], [5, 5, 5, np.nan]])
    umis, type_of = np.array([1e4, 1e4, 1e4]), np.array([0, 1, 2])
    counts = np.array([[20.0, 20, 0, 0], [0, 0, 20, 20], [20, 20, 9, 9]])
    soup = np.zeros((3, 4))
    soup[2, 2:] = 9
    best = fit_types(counts, umis, soup, rate, type_of).likelihood.argmax(1)
    assert list(best) == [0, 1, 0]


def test_one_gene_cannot_rule_a_type_out():
    rate, umis = np.array([[20.0] * 10, [0] * 9 + [20]]), np.array([1e5])
    counts = np.array([[200.0] * 9 + [0]])
    fit = fit_types(counts, umis, np.zeros((1, 10)), rate, np.array([0, 1]))
    assert fit.likelihood.argmax(1) == [0]


def test_leads_count_per_gene_that_tells_two_types_apart():
    rate = np.array([[30.0] * 8, [0.0] * 8, [30.0] * 7 + [0]])
    umis, soup = np.array([1e4]), np.zeros((1, 8))
    assert n_telling(rate[:1], rate[1:2], umis, soup) == [8] and n_telling(rate[:1], rate[2:], umis, soup) == [1]
    table = two_best(np.array([[0.0, -40, -10]]), np.array([[0, 1, 2]]), rate, np.array(["T", "B", "T"]), umis, soup)
    assert table.loc[0, ["best", "next"]].tolist() == [0, 2]
    assert table.loc[0, "margin"] == pytest.approx(10 / FEW_GENES) and table.loc[0, "lineage_margin"] == pytest.approx(
        5
    )


def test_a_receptor_speaks_for_its_type_and_against_types_without():
    refs = references(MARKERS, PROFILES)
    evidence = dict(zip(refs.types, receptor_evidence(refs, {"TCR": np.array([0.5])}, 1)[0], strict=True))
    assert evidence["T cell"] > 0 and evidence["NK"] == -evidence["T cell"] and evidence["B lineage"] == 0
