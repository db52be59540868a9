"""CASE_FIGURES: the drawings as SVG for a page and a phone, and as PDF."""

import re
import xml.etree.ElementTree as ElementTree
import zlib

import _svg_pdf

import pytest
from helpers import report_case


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Folder with the drawings of a case with hostile names."""
    folder = tmp_path_factory.mktemp("pictures")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        report_case.write(folder / "tables", name=report_case.HOSTILE)
        report_case.make_figures(folder / "tables")
    return folder


@pytest.mark.parametrize("folder", ["figures", "narrow"])
def test_drawings_are_svg_with_title_and_finding(made, folder):
    drawings = sorted((made / folder).glob("*.svg"))
    assert len(drawings) >= 12
    for path in drawings:
        root = ElementTree.parse(path).getroot()
        kinds = [child.tag.split("}")[1] for child in root[:2]]
        assert kinds == ["title", "desc"] and root[1].text, path.name


@pytest.mark.parametrize("folder", ["figures", "narrow"])
def test_no_mark_begins_outside_of_its_drawing(made, folder):
    for path in (made / folder).glob("*.svg"):
        root = ElementTree.parse(path).getroot()
        _, _, wide, high = map(float, root.get("viewBox").split())
        for mark in root.iter():
            for name, end in (("x", wide), ("cx", wide), ("x1", wide), ("x2", wide), ("y", high), ("cy", high)):
                assert -1 <= float(mark.get(name, 0)) <= end + 1, (path.name, mark.tag, mark.attrib)


def test_every_drawing_is_a_pdf_too_that_a_reader_can_open(made):
    names = {path.stem for path in (made / "figures").glob("*.svg")}
    files = sorted((made / "figures").glob("*.pdf"))
    assert {path.stem for path in files} == names
    for path in files:
        data = path.read_bytes()
        table = int(re.search(rb"startxref\n(\d+)", data).group(1))
        assert data[table : table + 4] == b"xref"
        places = re.findall(rb"(\d{10}) 00000 n", data[table:])
        assert len(places) == 15
        for number, place in enumerate(places, 1):
            assert data[int(place) :].startswith(f"{number} 0 obj".encode())


def test_texts_of_a_pdf_are_texts_in_embedded_fonts():
    text = {"mark": "text", "x": 10, "y": 20, "words": "10⁹ ▲ ü"}
    drawing = {"id": "a", "title": "A", "alt": "b", "layouts": {"wide": {"width": 100, "height": 50, "marks": [text]}}}
    fonts = _svg_pdf.Fonts([drawing])
    data = _svg_pdf.pdf(drawing, fonts)
    content = zlib.decompress(re.search(rb"4 0 obj.*?stream\n(.*?)\nendstream", data, re.DOTALL).group(1)).decode()
    glyphs = re.search("<([0-9A-F]+)> Tj", content).group(1)
    letters = {glyph: letter for letter, glyph in fonts.faces["DejaVuSans"]["glyphs"].items()}
    assert "".join(letters[int(glyphs[at : at + 4], 16)] for at in range(0, len(glyphs), 4)) == "10⁹ ▲ ü"
    assert data.count(b"/FontFile2") == 2 and _svg_pdf.pdf(drawing, fonts) == data


def test_a_letter_that_the_font_lacks_is_a_question_mark():
    drawing = {"layouts": {"wide": {"marks": [{"mark": "text", "words": "漢a"}]}}}
    fonts = _svg_pdf.Fonts([drawing])
    glyphs, _ = fonts.encoded("漢a", False)
    assert glyphs[:4] == f"{fonts.faces['DejaVuSans']['glyphs']['?']:04X}" != glyphs[4:]


def test_names_are_escaped_and_cut_with_the_whole_in_the_title():
    mark = {"mark": "text", "x": 0, "y": 0, "words": "<b>&" * 10, "limit": 6}
    text = _svg_pdf.svg_mark(mark)
    assert "<b>" not in text and ElementTree.fromstring(text)[0].text == "<b>&" * 10
    assert ElementTree.fromstring(text)[0].tail == "<b>&<…"
