"""Ambient CAR UMIs of a sample: contamination from genes that cells cannot express, and its bounds."""

import _car_ambient as ambient

import numpy as np
import pandas as pd
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


def cells_of(lineages, **umi):
    """Cells of 1,000 UMIs with UMIs of sets of foreign genes, none of the others."""
    table = pd.DataFrame({name: 0 for name in ambient.FOREIGN}, index=range(len(lineages)))
    return table.assign(**umi), np.full(len(lineages), 1000.0), np.array(lineages, dtype=object)


def test_a_set_counts_only_where_its_own_cells_hold_it():
    lineages = ["T"] * 90 + ["myeloid"] * 10
    umi, total, lineage = cells_of(lineages, myeloid=[1] * 90 + [100] * 10, erythroid=[2] * 100)
    # Haemoglobin in every cell, and no erythroid cell: its share of the soup is not known.
    assert ambient.foreign_counts(umi, total, lineage) == [(90, pytest.approx(90_000 * 1090 / 100_000))]


def test_doublets_among_controls_do_not_raise_the_contamination():
    lineages = ["T"] * 300 + ["myeloid"] * 100
    car = np.array([3] * 200 + [0] * 100 + [0] * 95 + [9] * 5)
    umi, total, lineage = cells_of(lineages)
    found, kept = ambient.car_contamination(umi, car, total, lineage, ("myeloid",))
    assert kept.sum() == 95 and not kept[:300].any() and not kept[395:].any()
    assert found.high < 0.03
