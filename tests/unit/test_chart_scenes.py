"""CASE_FIGURES: the line of time, the network and the summary."""

import _chart_scenes
import _vega

import pytest


def test_labels_of_events_do_not_lie_on_each_other():
    assert _chart_scenes.rows_without_overlap([(0, 10), (5, 15), (10, 20), (12, 14)]) == [0, 1, 0, 2]


@pytest.mark.parametrize(
    ("name", "lines"),
    [("NK", ["NK"]), ("plasma cell", ["plasma cell"]), ("nonclassical monocyte", ["nonclassical", "monocyte"])],
)
def test_long_names_take_two_lines(name, lines):
    assert _chart_scenes.halves(name) == lines


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


def rows(chart):
    """All rows of a chart's data."""
    return [row for held in _vega.specification(chart, "")["datasets"].values() for row in held]


@pytest.mark.parametrize("width", [760, 350])
def test_arrows_stand_only_for_what_is_supported(width):
    found = rows(_chart_scenes.summary(summary([]), width))
    assert not [row for row in found if row.get("shape") == "triangle"]
    assert any(row.get("words") == "no arrow: too few focus cells to ask" for row in found)
    arrow = {"from": "NK", "sender": "CD56dim", "label": "ITGB2-ICAM1", "supply": 0.2, "rises": True}
    found = rows(_chart_scenes.summary(summary([arrow]), width))
    assert len([row for row in found if row.get("shape") == "triangle"]) == 1
    assert any(row.get("words", "").startswith("▲ ITGB2-ICAM1 from CD56dim") for row in found)


def test_the_number_of_an_arrow_is_never_cut():
    long = {"from": "NK", "sender": "nonclassical_monocyte" * 3, "label": "BAFF-BCMA", "supply": 0.1234, "rises": True}
    found = rows(_chart_scenes.summary(summary([long]), 350))
    (words,) = [row["words"] for row in found if row.get("words", "").startswith("▲")]
    assert words.endswith("…, 0.12")


def test_areas_of_circles_and_lengths_of_arcs_are_numbers_of_the_tables():
    found = rows(_chart_scenes.summary(summary([]), 760))
    size = {row["said"].split(":")[0]: row["size"] for row in found if row.get("shape") == "circle"}
    assert size["NK"] / size["plasma cell"] == pytest.approx(1.5)
    (arc,) = [row for row in found if "end" in row]
    assert arc["end"] == pytest.approx(3.14159, rel=1e-4)  # half of the rim
    assert arc["inner"] ** 2 * 4 == pytest.approx(size["NK"])


@pytest.mark.parametrize("count", [1, 3, 10])
@pytest.mark.parametrize("width", [760, 350])
def test_every_sender_has_an_arrow_on_the_page(count, width):
    edge = {"width": 0.5, "before": 1, "after": 2, "colour": "#0072B2", "text": "said"}
    edges = [edge | {"name": f"S{at}"} for at in range(count)]
    found = rows(_chart_scenes.network({"edges": edges, "focus": "Plasma_1"}, width))
    assert len([row for row in found if row.get("shape") == "triangle"]) == count
    assert all(0 <= row["x"] <= width for row in found)


def test_events_of_a_phone_stand_in_order_of_days():
    events = [
        {"day": 5.0, "end": None, "label": "CAR-T", "kind": "therapy"},
        {"day": -9.0, "end": -3.0, "label": "chemo", "kind": ""},
    ]
    found = rows(_chart_scenes.timeline({"events": events, "marks": [{"day": 0.0, "label": "T1"}]}, 350))
    texts = sorted((row["y"], row["words"]) for row in found if row.get("align") == "left")
    assert [words for _y, words in texts] == ["chemo (to -3)", "sample T1", "CAR-T"]
