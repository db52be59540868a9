"""The simulated case with barcodes as other programs write them, and with one BCR library for two samples of a pool."""

import pandas as pd
import pytest
from helpers.receptor_case import run_case

WRITTEN = {"P1_T1": "P1_T1_{}-1", "P1_T2": "{}-7", "P1_T3": "{}-1_3"}


def rewritten(tables):
    for (sample, _), table in tables.items():
        table["barcode"] = [WRITTEN[sample].format(barcode.removesuffix("-1")) for barcode in table["barcode"]]


def pooled(tables):
    pool = pd.concat([tables["P1_T2", "BCR"], tables["P1_T3", "BCR"]])
    tables["P1_T2", "BCR"] = tables["P1_T3", "BCR"] = pool


@pytest.fixture(scope="module")
def baseline(tmp_path_factory):
    return run_case(tmp_path_factory.mktemp("baseline"))


@pytest.mark.parametrize("change", [rewritten, pooled])
def test_clones_fates_and_mrd_equal_the_baseline(tmp_path, baseline, change):
    result = run_case(tmp_path, change)
    for name in ("cells", "clones", "fates", "mrd", "matches"):
        pd.testing.assert_frame_equal(getattr(result, name), getattr(baseline, name), obj=name)
    assert 105 in set(result.clones["n_cells"]), "the planted plasma clone"
    said = [text for text in result.warnings if "only the nucleotides are compared" in text]
    assert len(said) == (6 if change is rewritten else 0)
