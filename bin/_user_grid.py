#!/usr/bin/env python3
"""The text of a table that people wrote, taken apart: its rows of cells, and which column of ours each heading is."""

import csv
import difflib
import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from _user_numbers import shown

SAVE = "save it from the spreadsheet program as 'CSV UTF-8 (comma delimited)'"
MAGIC = {
    b"\xff\xfe": "is UTF-16 text (Excel's 'Unicode Text')",
    b"\xfe\xff": "is UTF-16 text (Excel's 'Unicode Text')",
    b"PK\x03\x04": "is an Excel workbook (.xlsx), not text",
    b"\xd0\xcf\x11\xe0": "is an old Excel workbook (.xls), not text",
    b"\x1f\x8b": "is compressed (gzip)",
}


class Problem(NamedTuple):
    """What is wrong where: row as a spreadsheet counts (header 1, the whole file 0), and what to write."""

    file: str
    row: int
    column: str
    text: str
    level: str = "error"

    @property
    def sentence(self) -> str:
        """File, row, column and text."""
        where = (f", row {self.row}" if self.row else "", f", column {self.column}" if self.column else "")
        return f"{shown(self.file)[1:-1]}{''.join(where)}: {self.text}"


def foreign(data: bytes, save: str = SAVE) -> str:
    """What a file is in place of a table's text, and how to save one; '' where it may be text."""
    kind = next((what for magic, what in MAGIC.items() if data.startswith(magic)), "is no text, or is UTF-16 text")
    return f"{kind}; {save}" if data.startswith(tuple(MAGIC)) or b"\0" in data else ""


def read_grid(data: bytes, file: str, known: set[str], problems: list[Problem]) -> list[tuple[int, list[str]]]:
    """Rows of stripped cells with their numbers, header first; none where the file is no text or has no rows.

    Line ends of any system are read. Separators ; and tab, a byte order mark, spaces around cells and empty
    rows are tolerated and told in one warning. Bytes that are no UTF-8 come back as lone surrogates.
    """
    if wrong := foreign(data):
        problems.append(Problem(file, 0, "", wrong))
        return []
    text, notes = data.decode("utf-8", "surrogateescape"), []
    if text.startswith("\ufeff"):
        text = text.removeprefix("\ufeff")
        notes.append("a byte order mark")
    if text[:4].lower() == "sep=":  # Excel's own line, which it does not count
        text = text.partition("\n")[2]
    header = next((line for line in text.splitlines() if line.strip(" ,;\t")), "")
    words = {
        mark: {form for word in header.split(mark) for form in (word.strip(' "').lower(), simple_heading(word))}
        for mark in ",;\t"
    }
    mark = max(words, key=lambda mark: (len(words[mark] & known), len(words[mark])))
    other = re.search(r"\w *([^\w,;\t])", header)
    if len(known.intersection(re.split(r"\W+", header.lower()))) > 1 > len(words[mark] & known):
        problems.append(Problem(file, 0, "", f"has its cells separated by {shown(other[1])}; {SAVE}"))
        return []
    if mark == ";" or (mark == "\t" and not file.endswith((".tsv", ".txt"))):
        notes.append("semicolons as separators" if mark == ";" else "tabs as separators")
    try:
        grid = list(csv.reader(io.StringIO(text, newline=""), delimiter=mark))
    except csv.Error as error:
        problems.append(Problem(file, 0, "", f"cannot be split into cells ({error}); close every quotation mark"))
        return []
    full = [(n, [cell.strip() for cell in cells]) for n, cells in enumerate(grid, 1) if "".join(cells).strip()]
    spaced = sum(cell != cell.strip() for cells in grid for cell in cells)
    notes += [f"spaces around {spaced} cells"] if spaced else []
    notes += [f"{len(grid) - len(full)} empty rows"] if len(full) < len(grid) else []
    if notes:
        problems.append(Problem(file, 0, "", f"has {', '.join(notes)}: understood", "warning"))
    if len(full) < 2:
        problems.append(Problem(file, 0, "", "has no rows below a header; fill in the template"))
    return full if len(full) > 1 else []


class Heading(NamedTuple):
    """A heading of another program's export: the column of ours and the unit that it stands for."""

    column: str
    unit: str
    program: str


def simple_heading(text: str) -> str:
    """A heading without case, blanks and signs; % stays."""
    return re.sub(r"[^a-z0-9%]+", "", text.lower())


def read_headings(path: Path) -> dict[str, dict[str, Heading]]:
    """Headings of other programs by our table (assets/headings.tsv), the better one of two for a column first."""
    headings: dict[str, dict[str, Heading]] = {}
    with path.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            of_table = headings.setdefault(row["table"], {})
            of_table.setdefault(simple_heading(row["heading"]), Heading(row["column"], row["unit"], row["program"]))
    return headings


def read_header(
    cells: list[str], number: int, file: str, columns: dict, headings: Mapping[str, Heading], problems: list[Problem]
) -> tuple[list[str], dict[str, str]]:
    """Our column of each cell of the header, '' for columns that are not used; units that headings give, by column."""
    names = [re.sub(r"\s+", "_", cell.lower()) for cell in cells]
    aliases = {alias: name for name, column in columns.items() for alias in column.get("aliases", ())}
    order, units, understood = list(headings), {}, []
    for simple in sorted({simple_heading(cell) for cell in cells} & set(headings), key=order.index):
        heading = headings[simple]
        at = next(n for n, cell in enumerate(cells) if simple_heading(cell) == simple)
        if heading.column not in names and names[at] not in columns:
            names[at], units[heading.column] = heading.column, heading.unit
            unit = f" in {heading.unit}" if heading.unit else ""
            understood.append(f"{shown(cells[at])} ({heading.program}) is read as {heading.column}{unit}")
    if understood:
        problems.append(Problem(file, number, "", "; ".join(understood), "warning"))
    for cell, name in zip(cells, names, strict=True):
        if name and name not in columns:
            known = headings.get(simple_heading(cell))
            meant = aliases.get(name) or next(iter(difflib.get_close_matches(name, columns, 1, 0.7)), "")
            if meant and meant not in names and not known:
                problems.append(Problem(file, number, shown(cell), f"is unknown; did you mean {meant}?"))
            elif known:
                taken = shown(cells[names.index(known.column)])
                problems.append(Problem(file, number, shown(cell), f"is not used beside {taken}", "warning"))
            else:
                problems.append(Problem(file, number, shown(cell), "is unknown and not used", "warning"))
    for name, column in columns.items():
        if names.count(name) > 1:
            problems.append(Problem(file, number, name, "stands in the header more than once; keep one"))
        elif column.get("required") and name not in names and not set(column.get("from_genes", ())) & set(names):
            problems.append(Problem(file, number, name, f"is missing; add it: {column['meaning']}"))
    return [name if name in columns else "" for name in names], units
