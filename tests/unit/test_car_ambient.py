"""Ambient CAR UMIs of a sample: contamination from genes that cells cannot express, and its bounds."""

import _car_ambient as ambient

import numpy as np
import pytest


def test_without_evidence_the_bound_is_thirty_per_cent():
    unknown = ambient.contamination([])
    assert unknown.mean == pytest.approx(0.1) and unknown.high == pytest.approx(0.3, abs=0.001)


def test_counts_narrow_the_contamination():
    # 400 UMIs seen where 10,000 would be if all RNA were soup.
    found = ambient.contamination([(400, 10_000.0)])
    assert found.mean == pytest.approx(0.04, abs=0.001) and 0.04 < found.high < 0.045
    assert ambient.weakened(found).shape == ambient.MOST_SHAPE
    assert ambient.weakened(found).mean == pytest.approx(found.mean)


def test_values_are_equally_likely_and_a_share():
    values = ambient.contamination([]).values(200)
    assert values.mean() == pytest.approx(0.1, rel=0.05) and (values <= 1).all()
    assert ambient.Contamination(50.0, 10.0).high == 1.0


def test_t_cells_hold_a_share_of_the_soup_by_their_own_umis():
    facts = {"estimable": True, "shape": 50.0, "rate": 1000.0, "umi_per_cell": 6000.0}
    # 300 UMIs of soup in every cell: 5 % of a cell of 6,000 UMIs, 10 % of a T cell of 3,000.
    found = ambient.of_t_cells(facts, 3000.0)
    assert found.mean == pytest.approx(0.1) and found.shape == 50
    assert ambient.of_t_cells({}, 3000.0) == ambient.of_t_cells(
        facts | {"estimable": False, "shape": 1.0, "rate": 10.0}, 3000.0
    )
    assert ambient.of_t_cells({}, 3000.0).mean == pytest.approx(0.1)


def test_doublets_among_controls_do_not_raise_the_contamination():
    lineages = ["T"] * 300 + ["myeloid"] * 100
    car = np.array([3] * 200 + [0] * 100 + [0] * 95 + [9] * 5)
    total, lineage = np.full(len(lineages), 1000.0), np.array(lineages, dtype=object)
    found, kept = ambient.car_contamination(ambient.of_t_cells({}, 1000.0), car, total, lineage, ("myeloid",))
    assert kept.sum() == 95 and not kept[:300].any() and not kept[395:].any()
    assert found.high < 0.03
