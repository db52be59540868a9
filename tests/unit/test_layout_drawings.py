"""CASE_FIGURES: the line of time, the network and the summary."""

import _layout_drawings

import pytest


def test_labels_of_events_do_not_lie_on_each_other():
    assert _layout_drawings.rows_without_overlap([(0, 10), (5, 15), (10, 20), (12, 14)]) == [0, 1, 0, 2]


@pytest.mark.parametrize(
    ("name", "lines"),
    [("NK", ["NK"]), ("plasma cell", ["plasma cell"]), ("nonclassical monocyte", ["nonclassical", "monocyte"])],
)
def test_long_names_take_two_lines(name, lines):
    assert _layout_drawings.halves(name) == lines


def summary(arrows):
    circles = [
        {"name": name, "share": share, "colour": "#0072B2", "isg": isg}
        for name, share, isg in (("plasma cell", 0.2, 0), ("NK", 0.3, 0.5))
    ]
    column = {"label": "T1, day 0", "n": 100, "circles": circles, "arrows": arrows, "why": "too few focus cells to ask"}
    return {
        "events": [],
        "marks": [{"day": 0.0, "label": "T1"}],
        "focus": "plasma cell",
        "order": ["plasma cell", "NK"],
        "columns": [column],
    }


@pytest.mark.parametrize("width", [760, 372])
def test_arrows_stand_only_for_what_is_supported(width):
    marks, _ = _layout_drawings.summary(summary([]), width)
    assert not [mark for mark in marks if mark["mark"] == "g"]
    assert any(mark.get("words") == "no arrow: too few focus cells to ask" for mark in marks)
    found = {"from": "NK", "sender": "CD56dim", "label": "ITGB2-ICAM1", "supply": 0.2, "rises": True}
    marks, _ = _layout_drawings.summary(summary([found]), width)
    assert len([mark for mark in marks if mark["mark"] == "g"]) == 1
    assert any(mark.get("words", "").startswith("▲ ITGB2-ICAM1 from CD56dim") for mark in marks)


def test_areas_of_circles_and_lengths_of_arcs_are_numbers_of_the_tables():
    marks, _ = _layout_drawings.summary(summary([]), 760)
    size = {mark["title"].split(":")[0]: mark["r"] - 4 for mark in marks if mark["mark"] == "circle"}
    assert (size["NK"] / size["plasma cell"]) ** 2 == pytest.approx(1.5)
    (arc,) = [mark for mark in marks if mark["mark"] == "polyline"]
    (x1, y1), (x2, y2) = arc["points"][0], arc["points"][-1]
    assert x1 == pytest.approx(x2) and y2 > y1  # half of the rim


@pytest.mark.parametrize("count", [1, 3, 10])
@pytest.mark.parametrize("width", [760, 372])
def test_every_sender_has_an_arrow(count, width):
    edges = [
        {"name": f"S{at}", "width": 0.5, "before": 1, "after": 2, "colour": "#0072B2", "text": "said"}
        for at in range(count)
    ]
    marks, _ = _layout_drawings.network({"edges": edges, "focus": "Plasma_1"}, width)
    assert len([mark for mark in marks if mark["mark"] == "g"]) == count
