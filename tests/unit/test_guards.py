"""Guards: each speaks where a statement needs it, and is silent where it does not."""

import _guards

import numpy as np
import pandas as pd
import pytest
from scipy import sparse


def cells(kinds: dict[str, int], umis: dict[str, int], **processing) -> pd.DataFrame:
    """n cells of each type with the UMIs of the type."""
    table = pd.DataFrame({"cell_type": np.repeat(list(kinds), list(kinds.values()))})
    return _guards.with_processing(table.assign(n_umi=table["cell_type"].map(umis), **processing))


def test_a_sample_of_larger_cells_is_not_deeper_and_a_deeper_one_is():
    """Plasma cells hold five times the UMIs of T cells: their shares change the sample's median, not the depth."""
    size = {"T": 2000, "plasma": 10_000}
    few, many = cells({"T": 90, "plasma": 10}, size), cells({"T": 10, "plasma": 90}, size)
    assert few["n_umi"].median() * 5 == many["n_umi"].median()
    assert _guards.depth_ratio(few, many) == pytest.approx(1) and _guards.cautions(few, many, 1.0) == ""
    deep = many.assign(n_umi=3 * many["n_umi"])
    assert _guards.depth_ratio(few, deep) == pytest.approx(3) and _guards.depth_ratio(deep, few) == pytest.approx(1 / 3)
    assert _guards.cautions(few, deep, 3) == _guards.cautions(deep, few, 1 / 3) == "depth"
    assert np.isnan(_guards.depth_ratio(few.iloc[:0], deep)) and not _guards.differs(float("nan"))


def test_what_two_times_share_or_do_not_say_is_not_confounded():
    kinds, umis = {"T": 1}, {"T": 2000}

    def made(*batches):
        return pd.concat([cells(kinds, umis, batch=batch, chemistry="5p") for batch in batches])

    assert _guards.confounded(made("A"), made("B")) == ["batch"]
    assert _guards.confounded(made("A", "B"), made("B", "C")) == _guards.confounded(made("A", ""), made("B")) == []


def test_thinning_keeps_each_umi_with_its_chance():
    counts = sparse.random(400, 300, 0.2, "csr", random_state=0, data_rvs=lambda n: np.full(n, 30)).astype(np.int32)
    thinned = _guards.thin(counts, 1 / 3, np.random.default_rng(0))
    assert thinned.sum() == pytest.approx(counts.sum() / 3, rel=0.01) and (thinned > counts).nnz == 0
    some = _guards.thin(counts, np.repeat([1.0, 0.0], 200), np.random.default_rng(0))
    assert (some[:200] != counts[:200]).nnz == 0 and some[200:].nnz == 0


@pytest.mark.parametrize(
    ("thinned", "held"), [((0.2, 0.1, 0.3), "yes"), ((0.02, -0.1, 0.1), "no"), ((-0.2, -0.3, -0.1), "no")]
)
def test_a_clear_change_holds_where_it_is_clear_to_the_same_side_at_equal_depth(thinned, held):
    assert _guards.holds((0.3, 0.2, 0.4), thinned) == held
    assert _guards.holds((0.3, -0.2, 0.4), thinned) == "", "what was not clear needs not hold"
