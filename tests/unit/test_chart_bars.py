"""CASE_FIGURES: distributions and bars."""

import re

import _chart_bars
import _vega

import pytest


def shapes(count, times, label="S"):
    shape = {"n": 9, "quartiles": [1, 2, 3], "density": [0, 0.5, 1, 0.5, 0]}
    return [
        {"label": f"{label}{at}", "colour": "#0072B2", "shapes": [shape | {"name": f"T{i}"} for i in range(times)]}
        for at in range(count)
    ]


def drawn(chart):
    """(SVG, width in pixels) of a chart."""
    text = _vega.svg(_vega.specification(chart, "what it shows"))
    return text, float(re.search(r'<svg[^>]* width="([\d.]+)"', text)[1])


@pytest.mark.parametrize(("count", "times", "width"), [(6, 3, 760), (6, 12, 760), (6, 3, 350), (2, 9, 350)])
def test_distributions_stay_on_the_page(count, times, width):
    text, wide = drawn(_chart_bars.violins({"low": 0, "high": 4, "groups": shapes(count, times)}, width))
    assert wide <= width + 20
    # of each an outline and its median
    assert len(re.findall(r'aria-label="[^"]*: median 2, quartiles 1 to 3, 9 cells"', text)) == 3 * count * times


def test_long_names_of_groups_are_two_lines():
    groups = shapes(1, 3, "gamma-delta_T_memory")
    chart = _chart_bars.violins({"low": 0, "high": 4, "groups": groups}, 760)
    assert chart["vconcat"][0]["hconcat"][0]["title"]["text"] == ["gamma-delta_", "T_memory0"]


def test_a_shape_is_as_wide_as_its_density_and_few_cells_are_points():
    groups = shapes(1, 1)
    groups[0]["shapes"].append({"name": "T2", "n": 2, "quartiles": [1, 2, 3], "points": [1.0, 3.0]})
    found = _vega.specification(_chart_bars.violins({"low": 0, "high": 5, "groups": groups}, 760), "")
    outline = [rows for rows in found["datasets"].values() if "x2" in rows[0]]
    assert [round(row["x2"] - row["x"], 3) for row in outline[0]] == [0.46, 0.92, 0.46]
    assert any([row["value"] for row in rows] == [1.0, 3.0] for rows in found["datasets"].values())


@pytest.mark.parametrize("width", [760, 350])
def test_bars_stand_with_names_values_and_intervals(width):
    bar = {"name": "FISH", "value": 0.8, "low": 0.7, "high": 0.9, "colour": "#0072B2"}
    rows = [
        {"label": "1q21 gain (CKS1B)", "note": "agrees", "bars": [bar]},
        {"label": "8q24", "note": "no", "bars": []},
    ]
    text, wide = drawn(_chart_bars.bars({"rows": rows}, width))
    assert wide <= width + 5 and "FISH 80 %" in text and "agrees" in text and "1q21 gain (CKS1B)" in text
    assert 'aria-label="1q21 gain (CKS1B), FISH: 80 % (70 % to 90 %)"' in text


def test_names_of_pairs_are_whole_and_told_apart():
    """Two receivers of one pair differ in the last letters of their names alone."""
    names = [f"TNFSF13B-TNFRSF13B: nonclassical_monocyte to Plasma_{at}" for at in (1, 2)]
    bar = {"name": "change", "value": 0.2, "low": 0.1, "high": 0.3, "colour": "#0072B2"}
    rows = [{"label": name, "note": "strengthened: number of senders", "bars": [bar]} for name in names]
    text, wide = drawn(_chart_bars.bars({"rows": rows, "signed": True}, 760))
    assert all(f">{name}<" in text for name in names) and wide <= 790
