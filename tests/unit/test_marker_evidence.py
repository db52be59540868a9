"""Detection of marker genes in groups: absolutely, beyond ambient RNA, and only of genes that a type lacks where they speak against it."""

from _detected import DETECTED, pool_counts
from _marker_evidence import marked_rates, marker_evidence, n_detected, other_lineages

import numpy as np
from helpers.planted_cells import MARKERS, PROFILES, draw


def seen_of(kinds, **options):
    cells, group = draw(kinds, **options)
    pools = pool_counts(cells.counts, cells.umis, group, cells.sample)
    return marker_evidence(pools, cells.soup, cells.measured, MARKERS, PROFILES)


def detected(seen, name, sign, group=0):
    return {g for g, of in zip(seen.listed[name, sign], seen.state[name, sign][group], strict=True) if of == DETECTED}


def test_markers_of_a_type_are_detected_in_it_and_those_of_others_are_not():
    seen = seen_of({"naive B": 60, "NK": 60})
    n, share = n_detected(seen, np.array(["B lineage", "NK", ""], dtype=object), "positive", np.array([0, 0, 1]))
    assert n[0] >= 8 and share[0] > 0.6 and n[1] <= 1 and n[2] == 0 == share[2]
    assert {"CD79A", "MS4A1"} & detected(seen, "B lineage", "positive") and detected(seen, "T cell", "negative")


def test_ambient_rna_is_not_detected_and_its_rate_is_taken_off():
    seen = seen_of({"CD4 T": 200, "classical monocyte": 200}, soup=0.1)
    assert not detected(seen, "T cell", "negative") and seen.rate[0, seen.genes.index("LYZ")] < 3


def test_a_gene_that_the_type_expresses_itself_does_not_speak_against_it():
    """MZB1 in a table that calls it a negative gene of plasma cells."""
    markers = MARKERS.copy()
    markers.at["plasma cell", "negative"] = ["MZB1", "CD3D"]
    cells, group = draw({"plasma cell": 60})
    pools = pool_counts(cells.counts, cells.umis, group, cells.sample)
    seen = marker_evidence(pools, cells.soup, cells.measured, markers, PROFILES)
    assert seen.listed["plasma cell", "negative"] == ["CD3D"]


def test_a_negative_gene_is_judged_by_what_the_types_show_that_it_marks():
    rate = dict(zip(PROFILES.genes, marked_rates(MARKERS, PROFILES), strict=True))
    assert rate["HBB"] > 300 and rate["MZB1"] > 20


def test_genes_of_immature_kinds_are_foreign_to_mature_ones_alone():
    of_kind = {name: other_lineages(MARKERS, name) for name in ("naive B", "memory B", "B precursor", "CD4 T")}
    assert {"RAG1", "IGLL1", "SOCS2"} <= of_kind["naive B"] & of_kind["memory B"]
    assert "RAG1" not in of_kind["B precursor"] and not of_kind["CD4 T"]
