"""Parts that are no subset: mostly doublets by QC's scores, or with the receptor of another lineage."""

from _receptors import Lineages
from _unfit_parts import foreign_receptors, read_metrics, unfit_parts

import numpy as np
import pandas as pd
import pytest


def metrics(folder, n=100, doublets=3, scored=True):
    """QC's table of a sample: `doublets` cells with high scores, one called by its receptors, one that did not pass."""
    table = pd.DataFrame({"cell_id": [f"S1:{i}" for i in range(n)], "sample": "S1", "pass": True})
    table["doublet_score"] = np.r_[np.full(doublets, 0.5), np.linspace(0, 0.1, n - doublets)] if scored else np.nan
    table["doublet"] = table.index == n - 1
    table["has_bcr"], table["has_tcr"] = table.index % 2 == 0, table.index < 20
    table.loc[5, "pass"] = False
    table.to_parquet(folder / "S1.qc.parquet")
    return read_metrics([folder / "S1.qc.parquet"])


def test_cells_look_like_doublets_by_the_highest_scores_of_their_sample_or_by_receptors(tmp_path):
    table = metrics(tmp_path)
    assert len(table) == 99 and "S1:5" not in table.index
    # The highest twentieth, the one that receptors call among them.
    assert set(table.index[table["doublet_like"]]) == {"S1:0", "S1:1", "S1:2", "S1:98", "S1:99"}


def test_without_scores_only_receptors_call(tmp_path):
    assert list(metrics(tmp_path, scored=False).query("doublet_like").index) == ["S1:99"]


def test_parts_of_doublets_and_of_foreign_receptors_are_unfit():
    part = np.repeat([0, 1, 2], 10)
    like = np.r_[np.ones(6), np.zeros(24)].astype(bool)
    has = np.r_[np.zeros(10), np.ones(5), np.zeros(15)].astype(bool)
    why, share = unfit_parts(part, like, {"BCR": (has, np.ones(30, bool), 0.8)})
    assert why == ["60% of its cells look like doublets", "50% of its cells carry a BCR", ""]
    assert share.tolist() == pytest.approx([0.6, 0, 0])
    counted = np.r_[np.ones(10), np.zeros(20)].astype(bool)  # too few cells of samples with such a library
    assert unfit_parts(part, ~like & False, {"BCR": (has, counted, 0.8)})[0] == ["", "", ""]


def test_receptors_are_those_of_other_lineages_only(project):
    cells = pd.DataFrame({
        "sample": ["S1"] * 4 + ["S2"] * 2, "has_bcr": np.array([1, 1, 0, 0, 0, 0], bool),
        "has_tcr": np.array([0, 0, 1, 0, 0, 0], bool),
    })  # fmt: skip
    lineage = pd.Series(["plasma", "B", "T", "NK", "T", "NK"])
    table = Lineages(project / "assets" / "lineages.tsv")
    of_nk = foreign_receptors(cells, lineage, table, "NK")
    assert {library: share for library, (_, _, share) in of_nk.items()} == {"BCR": 1, "TCR": 1}
    assert of_nk["BCR"][1].tolist() == [True] * 4 + [False] * 2  # S2 has no such library
    assert set(foreign_receptors(cells, lineage, table, "T")) == {"BCR"}
    assert set(foreign_receptors(cells, lineage, table, "plasma")) == {"TCR"}
    assert not foreign_receptors(cells.assign(has_bcr=False), lineage, table, "T")
