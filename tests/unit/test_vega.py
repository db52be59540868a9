"""CASE_FIGURES: every figure is a Vega-Lite specification, and its files come from it."""

import json
import xml.etree.ElementTree as ElementTree

import _vega

import altair
import pytest
from helpers import report_case


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Folder with the figures of a case with hostile names."""
    folder = tmp_path_factory.mktemp("figures")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        report_case.write(folder / "tables", name=report_case.HOSTILE)
        report_case.make_figures(folder / "tables")
    return folder


def test_every_figure_is_a_valid_specification_that_names_no_address(made):
    charts = json.loads((made / "P1.charts.json").read_text())
    assert len(charts) >= 12
    for name, chart in charts.items():
        for width in ("wide", "narrow"):
            spec = chart[width] | {"datasets": chart["datasets"]}
            assert altair.Chart.from_dict(spec, validate=True), name
            assert '"url"' not in json.dumps(spec) and spec["description"]


def test_files_are_drawings_and_texts_in_them_are_texts(made):
    drawings = sorted((made / "figures").glob("*.svg"))
    assert len(drawings) >= 12
    for path in drawings:
        root = ElementTree.parse(path).getroot()
        tags = {element.tag.split("}")[1] for element in root.iter()}
        assert "text" in tags and not tags & {"script", "image", "foreignObject"}, path.name
        pdf = path.with_suffix(".pdf").read_bytes()
        assert pdf.startswith(b"%PDF-") and b"/Font" in pdf


def test_equal_specifications_give_equal_files(made):
    charts = json.loads((made / "P1.charts.json").read_text())
    spec = charts["mrd"]["wide"] | {"datasets": charts["mrd"]["datasets"]}
    assert _vega.svg(spec) == _vega.svg(spec) == (made / "figures" / "P1.mrd.svg").read_text()


def test_no_specification_may_load_anything(tmp_path):
    spec = {
        "data": {"url": "http://127.0.0.1:9/a.csv"},
        "mark": "point",
        "encoding": {"x": {"field": "a", "type": "quantitative"}},
    }
    with pytest.raises(ValueError, match=r"127\.0\.0\.1"):
        _vega.svg(spec)


def test_the_page_gets_the_runtime_with_the_interpreter():
    script = _vega.runtime()
    assert "window.vegaEmbed" in script and "</script" not in script.lower()
