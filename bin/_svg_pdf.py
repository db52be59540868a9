#!/usr/bin/env python3
"""Drawings as SVG and as PDF; text stays text in both.

A drawing is {id, title, alt, layouts: {wide: {width, height, marks}, narrow: ...}}. A mark is {mark: rect, circle, line,
polyline, polygon, path, text or g, ...} with places, sizes, `fill`, its `opacity`, `colour`, `width` and `dash` of the
stroke, and a `title` that is told on pointing. `points` are [[x, y], ...], `steps` of a path [[letter, x, y, ...], ...].
"""

import io
import math
import zlib
from html import escape
from pathlib import Path

from _marks import INK

PAPER = "#FFFFFF"
FONT = "Helvetica, Arial, sans-serif"
POINTS = 72 * 190 / 25.4 / 760  # of a pixel: a drawing of full width is 190 mm wide
PLACES = {  # mark: names of its places and sizes, as SVG calls them
    "rect": {"x": "x", "y": "y", "wide": "width", "high": "height"},
    "circle": {"x": "cx", "y": "cy", "r": "r"},
    "line": {"x1": "x1", "y1": "y1", "x2": "x2", "y2": "y2"},
}


def figure(value: float) -> str:
    """A number with at most two decimals."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def cut(mark: dict) -> tuple[str, str]:
    """(text as shown, whole text where it was cut) of a text mark with a limit of letters."""
    words, limit = mark["words"], mark.get("limit", 0)
    return (words[: limit - 1] + "…", words) if limit and len(words) > limit else (words, "")


def svg_mark(mark: dict) -> str:
    """A mark as an SVG element."""
    kind, title, inside = mark["mark"], mark.get("title", ""), ""
    about: dict[str, str] = {}
    if kind == "g":
        inside = "".join(svg_mark(part) for part in mark["marks"])
    elif kind == "text":
        shown, whole = cut(mark)
        inside, title = escape(shown), title or whole
        about = {"x": figure(mark["x"]), "y": figure(mark["y"]), "font-size": figure(mark.get("size", 12))}
        about["fill"] = mark.get("colour", INK)
        if mark.get("anchor", "start") != "start":
            about["text-anchor"] = mark["anchor"]
        if mark.get("bold"):
            about["font-weight"] = "bold"
        if mark.get("turn"):
            about["transform"] = f"rotate({figure(mark['turn'])} {figure(mark['x'])} {figure(mark['y'])})"
        if mark.get("halo"):
            about |= {"paint-order": "stroke", "stroke": PAPER, "stroke-width": "3"}
    else:
        if kind in PLACES:
            about = {theirs: figure(mark[name]) for name, theirs in PLACES[kind].items()}
        elif kind == "path":
            about["d"] = "".join(step[0] + " ".join(map(figure, step[1:])) for step in mark["steps"])
        else:
            about["points"] = " ".join(f"{figure(x)},{figure(y)}" for x, y in mark["points"])
        about["fill"] = mark.get("fill", "none")
        if mark.get("colour"):
            about |= {"stroke": mark["colour"], "stroke-width": figure(mark.get("width", 1))}
        if mark.get("opacity"):
            about["fill-opacity"] = figure(mark["opacity"])
        if mark.get("dash"):
            about["stroke-dasharray"] = " ".join(map(figure, mark["dash"]))
        if mark.get("round"):
            about["rx"] = figure(mark["round"])
    listed = "".join(f' {name}="{escape(value)}"' for name, value in about.items())
    inside = (f"<title>{escape(title)}</title>" if title else "") + inside
    return f"<{kind}{listed}>{inside}</{kind}>" if inside else f"<{kind}{listed}/>"


def svg(drawing: dict, layout: str) -> str:
    """A whole SVG with title and description for screen readers."""
    here, name = drawing["layouts"][layout], f"{layout}-{drawing['id']}"
    wide, high = figure(here["width"]), figure(here["height"])
    body = "".join(svg_mark(mark) for mark in here["marks"])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" role="img" font-family="{FONT}" '
        f'aria-labelledby="{name}-title {name}-desc"><title id="{name}-title">{escape(drawing["title"])}</title>'
        f'<desc id="{name}-desc">{escape(drawing["alt"])}</desc><rect width="{wide}" height="{high}" fill="{PAPER}"/>'
        f"{body}</svg>"
    )


class Fonts:
    """DejaVu Sans, regular and bold, with the letters of one case: subset once, embedded in each of its files."""

    def __init__(self, drawings: list[dict]):
        texts = [
            cut(mark)[0]
            for drawing in drawings
            for mark in flat(drawing["layouts"]["wide"]["marks"])
            if mark["mark"] == "text"
        ]
        letters = set("".join(texts)) | {"?"}
        self.faces = {name: face(name, letters) for name in ("DejaVuSans", "DejaVuSans-Bold")}

    def encoded(self, words: str, bold: bool) -> tuple[str, float]:
        """(glyph numbers as hexadecimal text, width in thousandths of the size); letters it lacks are question marks."""
        found = self.faces["DejaVuSans-Bold" if bold else "DejaVuSans"]
        glyphs = [found["glyphs"].get(letter, found["glyphs"]["?"]) for letter in words]
        return "".join(f"{glyph:04X}" for glyph in glyphs), sum(found["widths"][glyph] for glyph in glyphs)


def flat(marks: list[dict]) -> list[dict]:
    """All marks, those of groups among them."""
    return [part for mark in marks for part in (flat(mark["marks"]) if mark["mark"] == "g" else [mark])]


def face(name: str, letters: set[str]) -> dict:
    """A face of matplotlib's fonts cut to letters: file, glyph numbers by letter, widths by glyph."""
    import matplotlib as mpl
    from fontTools import subset
    from fontTools.ttLib import TTFont

    path = Path(mpl.get_data_path(), "fonts", "ttf", f"{name}.ttf")
    font = TTFont(path, recalcTimestamp=False)
    wanted = subset.Options(layout_features=[], hinting=False, notdef_outline=True, name_IDs=[])
    wanted.drop_tables += ["FFTM", "GPOS", "GSUB", "GDEF", "kern"]
    cutter = subset.Subsetter(wanted)
    cutter.populate(unicodes=[ord(letter) for letter in letters])
    cutter.subset(font)
    file, scale = io.BytesIO(), 1000 / font["head"].unitsPerEm
    glyphs = {chr(code): font.getGlyphID(glyph) for code, glyph in font.getBestCmap().items()}
    widths = [font["hmtx"][glyph][0] * scale for glyph in font.getGlyphOrder()]
    box = [round(font["head"].__dict__[side] * scale) for side in ("xMin", "yMin", "xMax", "yMax")]
    font.save(file)
    return {"file": file.getvalue(), "glyphs": glyphs, "widths": widths, "box": box}


def numbers(*values: float) -> str:
    return " ".join(map(figure, values))


def rgb(colour: str) -> str:
    return numbers(*(int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)))


def pdf_text(mark: dict, fonts: Fonts) -> str:
    """Operators that write a text; the page's y axis points downwards."""
    size, turn = mark.get("size", 12), math.radians(mark.get("turn", 0))
    glyphs, wide = fonts.encoded(cut(mark)[0], bool(mark.get("bold")))
    back = wide / 1000 * size * {"start": 0, "middle": 0.5, "end": 1}[mark.get("anchor", "start")]
    cos, sin = math.cos(turn), math.sin(turn)
    place = numbers(cos, sin, sin, -cos, mark["x"] - back * cos, mark["y"] - back * sin)
    shown = f"BT /{'B' if mark.get('bold') else 'R'} {figure(size)} Tf {place} Tm <{glyphs}> Tj ET"
    halo = f"q {rgb(PAPER)} RG 3 w 1 j 1 Tr {shown} Q\n" if mark.get("halo") else ""
    return f"{halo}{rgb(mark.get('colour', INK))} rg 0 Tr {shown}"


def outline(mark: dict) -> str:
    """Operators of the outline of a mark."""
    kind = mark["mark"]
    if kind == "rect":
        return f"{numbers(mark['x'], mark['y'], mark['wide'], mark['high'])} re"
    if kind == "circle":
        x, y, r, k = mark["x"], mark["y"], mark["r"], 0.5523 * mark["r"]
        arcs = [(x + r, y + k, x + k, y + r, x, y + r), (x - k, y + r, x - r, y + k, x - r, y),
                (x - r, y - k, x - k, y - r, x, y - r), (x + k, y - r, x + r, y - k, x + r, y)]  # fmt: skip
        return f"{numbers(x + r, y)} m " + " ".join(f"{numbers(*arc)} c" for arc in arcs) + " h"
    if kind == "path":
        letters = {"M": " m", "L": " l", "C": " c", "Z": "h"}
        return " ".join(numbers(*places) + letters[letter] for letter, *places in mark["steps"])
    ends = [(mark["x1"], mark["y1"]), (mark["x2"], mark["y2"])] if kind == "line" else mark["points"]
    drawn = " ".join(f"{numbers(x, y)} {'l' if at else 'm'}" for at, (x, y) in enumerate(ends))
    return f"{drawn} h" if kind == "polygon" else drawn


def pdf_mark(mark: dict, fonts: Fonts) -> str:
    """Operators that draw a mark."""
    if mark["mark"] == "text":
        return pdf_text(mark, fonts)
    fill = "none" if mark["mark"] in ("line", "polyline") else mark.get("fill", "none")
    set_up = f"{rgb(fill)} rg " if fill != "none" else ""
    set_up += f"/O{round(100 * mark['opacity'])} gs " if mark.get("opacity") else ""
    if mark.get("colour"):
        set_up += f"{rgb(mark['colour'])} RG {figure(mark.get('width', 1))} w [{numbers(*mark.get('dash', []))}] 0 d "
    paint = {(True, True): "B", (True, False): "f", (False, True): "S"}.get(
        (fill != "none", bool(mark.get("colour"))), "n"
    )
    return f"q {set_up}{outline(mark)} {paint} Q"


def stream(data: bytes, about: str = "") -> bytes:
    held = zlib.compress(data, 9)
    return f"<< /Length {len(held)} /Filter /FlateDecode {about}>>\nstream\n".encode() + held + b"\nendstream"


def font_objects(name: str, found: dict, first: int) -> list[bytes]:
    """The five objects of an embedded font, numbered from `first`, which is the font itself."""
    letters = "\n".join(
        f"<{glyph:04X}> <{letter.encode('utf-16-be').hex()}>"
        for letter, glyph in sorted(found["glyphs"].items(), key=lambda at: at[1])
    )
    table = (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap /CMapName /A def /CMapType 2 def\n1 begincodespacerange <0000> <FFFF> "
        f"endcodespacerange\n{len(found['glyphs'])} beginbfchar\n{letters}\nendbfchar endcmap end end"
    )
    widths = " ".join(f"{width:.0f}" for width in found["widths"])
    about = f"/Type /FontDescriptor /FontName /CASEAA+{name} /Flags 4 /FontBBox [{numbers(*found['box'])}] /ItalicAngle 0 /Ascent 928 /Descent -236 /CapHeight 729 /StemV 90"
    return [
        f"<< /Type /Font /Subtype /Type0 /BaseFont /CASEAA+{name} /Encoding /Identity-H /DescendantFonts [{first + 1} 0 R] /ToUnicode {first + 4} 0 R >>".encode(),
        f"<< /Type /Font /Subtype /CIDFontType2 /BaseFont /CASEAA+{name} /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> "
        f"/CIDToGIDMap /Identity /FontDescriptor {first + 2} 0 R /W [0 [{widths}]] >>".encode(),
        f"<< {about} /FontFile2 {first + 3} 0 R >>".encode(),
        stream(found["file"], f"/Length1 {len(found['file'])} "),
        stream(table.encode()),
    ]  # fmt: skip


def pdf(drawing: dict, fonts: Fonts) -> bytes:
    """The wide layout as a PDF page of its own size, with embedded fonts and no date."""
    here, shown = drawing["layouts"]["wide"], []
    marks = flat(here["marks"])
    opacities = sorted({round(100 * mark["opacity"]) for mark in marks if mark.get("opacity")})
    page = numbers(here["width"] * POINTS, here["height"] * POINTS)
    shown = [
        f"{numbers(POINTS)} 0 0 {numbers(-POINTS)} 0 {numbers(here['height'] * POINTS)} cm",
        *(pdf_mark(mark, fonts) for mark in marks),
    ]
    states = " ".join(f"/O{value} << /ca {value / 100} >>" for value in opacities)
    told = {name: drawing[key].encode("utf-16").hex().upper() for name, key in (("Title", "title"), ("Subject", "alt"))}
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {page}] /Contents 4 0 R /Resources << /Font << /R 6 0 R /B 11 0 R >> /ExtGState << {states} >> >> >>".encode(),
        stream("\n".join(shown).encode()),
        ("<< " + " ".join(f"/{name} <{text}>" for name, text in told.items()) + " >>").encode(),
    ]  # fmt: skip
    for first, (name, found) in zip((6, 11), fonts.faces.items(), strict=True):
        objects += font_objects(name, found, first)
    out, places = b"%PDF-1.5\n", []
    for at, held in enumerate(objects, 1):
        places.append(len(out))
        out += f"{at} 0 obj\n".encode() + held + b"\nendobj\n"
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    end = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer\n<< /Size {len(objects) + 1} /Root 1 0 R /Info 5 0 R >>\nstartxref\n{len(out)}\n%%EOF\n"
    return out + end.encode()
