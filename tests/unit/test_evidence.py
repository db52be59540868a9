"""Lines of evidence about malignant cells, each on its own."""

import _evidence

import numpy as np
import pandas as pd
import pytest
from helpers.tumour_room import people


def test_expanded_clones_need_size_share_and_one_light_chain():
    clones = ["big"] * 40 + ["mixed"] * 40 + ["small"] * 12 + ["p"] * 3
    light = ["IGL"] * 40 + ["IGL", "IGK"] * 20 + [None] * 15
    found = _evidence.expanded_clones(people(clone=clones, light=light))
    assert {row["clone"]: row["restricted"] for row in found} == {"big": True, "mixed": False}
    assert found[0]["light_chain"] == "IGL"


@pytest.mark.parametrize("strays", [[], ["IGK"] * 3, ["IGK", "IGL"] * 3])
def test_nothing_is_said_of_the_light_chain_of_precursors_and_their_clone_counts(strays):
    light = strays + [None] * (60 - len(strays))
    cells = people(clone=["b"] * 60, light=light, lineage=["blast"] * 60)
    found = _evidence.expanded_clones(cells)
    assert found[0]["restricted"] == "too few" and found[0]["light_chain"] is None
    assert _evidence.clone_line(cells, found)[0].all()


@pytest.mark.parametrize(("tumour", "own", "expected"), [(60, 0, True), (0, 60, False), (40, 40, None)])
def test_cells_without_receptor_go_with_their_kin_only_where_it_is_clear(tumour, own, expected):
    cells = people(clone=["c"] * tumour + [f"o{i}" for i in range(own)] + [None] * 5)
    expanded = [{"clone": "c", "restricted": True}]
    line, _ = _evidence.clone_line(cells, expanded)
    assert line[: tumour + own].tolist() == [True] * tumour + [False] * own
    rest = line[tumour + own :]
    assert rest.isna().all() if expected is None else (rest == expected).all()


@pytest.mark.parametrize("normal", [0.1, 0.3, 0.5, 0.7])
def test_residual_normal_cells_of_a_cell_type_are_not_swept_along(normal):
    own = int(200 * normal)
    cells = people(clone=["c"] * (200 - own) + [f"o{at}" for at in range(own)] + [None] * 60)
    line, _ = _evidence.clone_line(cells, [{"clone": "c", "restricted": True}])
    assert line[:200].sum() == 200 - own and line[200:].isna().all()


@pytest.mark.parametrize(("own", "expected"), [(80, False), (30, None), (4, None), (0, None)])
def test_a_subset_speaks_for_its_own_cells(own, expected):
    """300 cells of the clone in one subset of plasma cells say nothing of another, which may be the residual normal ones."""
    clones = ["c"] * 300 + [None] * 10 + [f"o{at}" for at in range(own)] + [None] * 10
    cells = people(clone=clones, subset=["Plasma_1"] * 310 + ["Plasma_3"] * (own + 10))
    line, _ = _evidence.clone_line(cells, [{"clone": "c", "restricted": True}])
    assert line[:310].all()
    assert line[310 + own :].isna().all() if expected is None else (line[310 + own :] == expected).all()


@pytest.mark.parametrize(("tumour", "expected"), [(22, True), (16, None)])
def test_few_cells_with_a_receptor_go_with_their_type_at_other_times_unless_they_speak_against_it(tumour, expected):
    """23 receptors cannot show a share of 0.9: of blasts at a relapse, of the clone that nearly all blasts were of before."""
    clones = ["c"] * 200 + ["c"] * tumour + [f"o{at}" for at in range(23 - tumour)] + [None] * 80
    cells = people(clone=clones, timepoint=["T1"] * 200 + ["T3"] * 103)
    line, _ = _evidence.clone_line(cells, [{"clone": "c", "restricted": True}])
    assert line[223:].isna().all() if expected is None else line[223:].all()


def test_kin_are_cells_of_the_same_time_point_tissue_and_sort():
    """60 cells of one clone in marrow say nothing of cells without a receptor in a sort, nor in blood, of the same day."""
    cells = people(clone=["c"] * 60 + [None] * 15)
    cells["sort"] = [""] * 65 + ["CD138+"] * 10
    cells["tissue"] = ["marrow"] * 70 + ["blood"] * 5
    line, _ = _evidence.clone_line(cells, [{"clone": "c", "restricted": True}])
    assert line[60:65].tolist() == [True] * 5 and line[65:].isna().all()


def test_nothing_is_testable_in_a_sample_without_receptors_and_assessable_cells():
    cells = people(
        clone=[None, None, None, "c", None, None],
        timepoint=["A", "A", "A", "B", "B", "C"],
        lineage=["B", "B", "T", "B", "B", "B"],
    )
    cells["malignancy"] = ["undecided", "undecided", "normal", "undecided", "undecided", "undecided"]
    cells["assessable"] = [False, False, True, False, False, True]
    # A: B cells without anything; B: one has a receptor; C: a B cell that could be assessed.
    assert _evidence.untestable(cells).tolist() == [True, True, False, False, False, False]


def test_cnv_counts_for_cells_without_it_in_a_clone_that_has_it():
    cells = people(
        clone=["c", "c", "d", None], population=["c", "c", "d", "x"], cnv_profile=["1q+", "none", "none", None]
    )
    table = pd.DataFrame(
        {"level": "population", "population": ["c", "d"], "verdict": ["detected", "not detected"], "normal": False}
        | {"arm": "1q", "event": "gain", "share": [0.8, 0.0]}
    )
    line, words = _evidence.cnv_line(cells, table)
    assert line[:3].tolist() == [True, True, False]
    assert line.isna()[3]
    assert words[:2].tolist() == ["arms 1q+", "clone with 1q+"]


def test_programme_counts_above_nearly_all_normal_relatives():
    rng = np.random.default_rng(0)
    cells = people(clone=[None] * 500)
    up = np.r_[rng.normal(0, 1, 400), rng.normal(5, 1, 100)]
    genes = pd.DataFrame({"lineage": "plasma", "gene": ["A", "B"], "sign": ["+", "-"]})
    normal = pd.Series(cells.index < 400)
    expression = pd.DataFrame({"A": up, "B": rng.normal(0, 0.1, 500)})
    line, _ = _evidence.programme_line(cells, expression, genes, normal)
    assert line[:400].mean() == pytest.approx(0.01, abs=0.005)
    assert line[400:].mean() > 0.95
    line, _ = _evidence.programme_line(cells, expression, genes, normal & (cells.index < 30))
    assert line.isna().all()


@pytest.mark.parametrize(("shift", "expected"), [(0.0, 0), (3.0, 150)])
def test_a_normal_clone_has_no_programme_because_a_few_of_its_cells_lie_high(shift, expected):
    """200 plasmablasts of one clone after a vaccination: of any cells one in a hundred is above the highest of a hundred."""
    rng = np.random.default_rng(1)
    cells = people(clone=[f"o{at}" for at in range(100)] + ["c"] * 200)
    genes = pd.DataFrame({"lineage": "plasma", "gene": ["A", "B"], "sign": ["+", "-"]})
    expression = pd.DataFrame({"A": rng.normal(0, 1, 300) + np.where(cells.clone == "c", shift, 0.0), "B": 0.0})
    line, score = _evidence.programme_line(cells, expression, genes, cells.clone != "c")
    assert (score[100:] > score[:100].quantile(0.99)).any()
    assert line[100:].sum() == 0 if not expected else line[100:].sum() >= expected


def test_cytology_counts_only_near_its_day():
    cells = people(clone=[None] * 3, lineage=["blast"] * 3, day=[0, 28, 200], population=["blasts"] * 3)
    clinical = pd.DataFrame({"parameter": "marrow lymphoblasts", "day": [0, 30], "value": [90.0, 0.0]})
    _, line = _evidence.sample_lines(cells, None, clinical)
    assert line[:2].tolist() == [True, False]
    assert line.isna()[2]


def test_a_count_below_a_limit_that_is_itself_abnormal_says_nothing():
    cells = people(clone=[None] * 2, lineage=["blast"] * 2, day=[0, 28], population=["blasts"] * 2)
    table = pd.DataFrame({"parameter": "blasts", "day": [0, 28], "value": [0.0, 0.0], "limit": [15.0, 1.0]})
    _, line = _evidence.sample_lines(cells, None, table)
    assert line.isna()[0] and line.tolist()[1] is False


@pytest.mark.parametrize(
    ("name", "counts"),
    [("marrow lymphoblasts", True), ("Myeloblasts", True), ("Blasts (marrow)", True), ("blasts", True)]
    + [(name, False) for name in ("Erythroblasts", "normoblasts", "Megaloblasts", "plasmablasts", "fibroblasts")],
)
def test_blasts_of_cytology_are_leukaemic_ones(name, counts):
    cells = people(clone=[None], lineage=["blast"], population=["blasts"])
    _, line = _evidence.sample_lines(cells, None, pd.DataFrame({"parameter": [name], "day": 0, "value": 25.0}))
    assert line.notna().tolist() == [counts]


def test_the_highest_count_of_the_nearest_day_counts():
    cells = people(clone=[None], lineage=["blast"], population=["blasts"])
    names = ["peripheral blasts", "marrow blasts", "marrow blasts"]
    table = pd.DataFrame({"parameter": names, "day": [1, 1, 9], "value": [0.0, 40.0, 0.0]})
    assert _evidence.sample_lines(cells, None, table)[1].tolist() == [True]


def test_a_probe_that_cannot_be_assessed_says_nothing_of_its_population():
    cells = people(clone=[None] * 3, population=["a", "b", "c"])
    table = pd.DataFrame({"population": ["a", "b", "c"], "percent": [80.0, 80.0, None], "share": [0.8, None, 0.3]})
    line, _ = _evidence.sample_lines(cells, table.assign(verdict=["agrees", "not assessable", "no probe"]), None)
    assert line[:1].tolist() == [True]
    assert line[1:].isna().all()
