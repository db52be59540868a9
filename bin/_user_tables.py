#!/usr/bin/env python3
"""Tables that people wrote, read as assets/tables.json describes them; every cell and row that does not fit is a Problem."""

import csv
import difflib
import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from _fish_places import read_places
from _user_days import Days
from _user_numbers import Cell, decimal_marks, read_number, shown

SAVE = "save it from the spreadsheet program as 'CSV UTF-8 (comma delimited)'"
MAGIC = {
    b"\xff\xfe": "is UTF-16 text (Excel's 'Unicode Text')",
    b"\xfe\xff": "is UTF-16 text (Excel's 'Unicode Text')",
    b"PK\x03\x04": "is an Excel workbook (.xlsx), not text",
    b"\xd0\xcf\x11\xe0": "is an old Excel workbook (.xls), not text",
    b"\x1f\x8b": "is compressed (gzip)",
}
MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
NAMED_DATE = re.compile(rf"\d{{1,2}}[ .-]{MONTH}(?:[ .-]\d+)?|{MONTH}[ .-]\d+", re.I)
NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?", re.I)
SPACES = "\u00a0\u2007\u2009\u202f\u200a"
MISSING = {"na", "n/a", "#n/a", "nan", "none", "null"}


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


def read_grid(data: bytes, file: str, known: set[str], problems: list[Problem]) -> list[tuple[int, list[str]]]:
    """Rows of stripped cells with their numbers, header first; none where the file is no text or has no rows.

    Line ends of any system are read. Separators ; and tab, a byte order mark, spaces around cells and empty
    rows are tolerated and told in one warning. Bytes that are no UTF-8 come back as lone surrogates.
    """
    binary = next((what for magic, what in MAGIC.items() if data.startswith(magic)), None)
    if binary or b"\0" in data:
        problems.append(Problem(file, 0, "", f"{binary or 'is no text, or is UTF-16 text'}; {SAVE}"))
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


def is_missing(text: str, column: dict) -> bool:
    """Whether a cell's word means that there is no value: never in a name, where it is an error; Na as a text is sodium."""
    kind, word = column["type"], text.lower()
    return word in column.get("missing", ()) or (
        word in MISSING and kind != "name" and (kind != "text" or text != "Na")
    )


def check_cell(text: str, column: dict) -> Cell:
    """A cell that is no number and no day, as our tables write it, and what is wrong with it."""
    kind, advice = column["type"], column.get("write", "")
    if kind == "choice":
        known = {value.lower(): value for value in column["values"]}
        known |= {value.lower(): meant for value, meant in column["spellings"].items()}
        wrong = f"{shown(text)} is unknown; write one of {', '.join(column['values'])}"
        return Cell(known.get(text.lower(), text), "" if text.lower() in known else wrong)
    if kind == "region":
        return Cell(text, "" if read_places(text) else f"found {shown(text)}; {advice}")
    if kind in ("name", "text") and NAMED_DATE.fullmatch(text):
        return Cell(
            text, f"{shown(text)} looks like a name that a spreadsheet made a date; format as text, write again"
        )
    if kind == "cell_id":
        text = text.removesuffix("-1")
    if column.get("gene"):
        text = imgt_call(text)
    if column.get("upper"):
        text = text.upper()
    fits = re.fullmatch(column["pattern"], text, 0 if kind == "name" else re.I)
    return Cell(text, "" if fits else f"found {shown(text)}; {advice}")


def imgt_call(text: str) -> str:
    """A call without what programs put around it: `Homsap IGHV3-21*01 F, or Homsap IGHV3-11*01 F` -> `IGHV3-21*01,IGHV3-11*01`."""
    text = re.sub(r"\bHom(?:sap|o sapiens)\s+", "", text, flags=re.I)
    text = re.sub(r"\s+[\[(]?(?:F|ORF|P)[\])]?(?=$|[\s,;|])", "", text)
    text = re.sub(r"(?<=[0-9DSL])_(\d\d)(?=$|[\s,;|])", r"*\1", text)  # LymphoTrack's IGHV3-21_01
    return re.sub(r"\s*,?\s+or\s+", ",", text)


def unwritten(text: str) -> str:
    """What is wrong with the letters of a cell: bytes that are no UTF-8, control characters; '' where nothing is."""
    odd = "" if text.isprintable() else next(char for char in text if not char.isprintable() and char not in SPACES)
    if "\udc80" <= odd <= "\udcff":
        byte = bytes([ord(odd) - 0xDC00])
        likely = byte.decode("cp1252", "replace")
        return f"{shown(text)} holds byte 0x{byte.hex().upper()} ({likely} in Windows text), not UTF-8; {SAVE}"
    wrong = f"{shown(text)} holds a line break or control character"
    return f"{wrong}; write it in one line, or close the quotation mark before it" if odd else ""


class Reader:
    """Reads the rows of one table: cells by their columns, units by heading and row, days by patient."""

    def __init__(self, file: str, spec: dict, units: dict[str, str], days: Days, problems: list[Problem]):
        self.file, self.columns, self.units, self.days, self.problems = file, spec["columns"], units, days, problems
        self.group = spec.get("group", "")
        self.notes: dict[tuple[str, str], list[tuple[int, str]]] = {}
        self.points: set[str] = set()

    def prove(self, rows: list[tuple[int, dict[str, str]]]) -> None:
        """Groups of rows in which cells that can be read in one way show that a point is the decimal mark."""
        texts: dict[str, list[str]] = {}
        for _, given in rows:
            numbers = [text for name, text in given.items() if self.columns[name]["type"] == "number"]
            texts.setdefault(given.get(self.group, ""), []).extend(numbers)
        self.points = {group for group, cells in texts.items() if decimal_marks(cells) == {"."}}

    def cell(self, name: str, text: str, given: dict[str, str], unit: str) -> Cell:
        """One cell; given: the row as it was written."""
        column = self.columns[name]
        wrong = unwritten(text)
        if wrong:
            return Cell(text, wrong)
        if column["type"] == "day":
            return self.days.read(text, column, given.get("patient", ""))
        if column["type"] == "number":
            of_heading = self.units.get(name) or self.units.get(column.get("unit_of", ""), "")
            if unit and of_heading and unit != of_heading:
                return Cell(text, f"has the unit {unit} in its row and {of_heading} in its heading; write one of them")
            return read_number(text, column, unit or of_heading, given.get(self.group, "") in self.points)
        return check_cell(text, column)

    def row(self, number: int, given: dict[str, str]) -> dict:
        """A cleaned row: all our columns ('' = none), its number as '#', faulty columns as 'bad'."""
        row = dict.fromkeys(self.columns, "") | {"#": number}
        given = {name: text for name, text in given.items() if text and not is_missing(text, self.columns[name])}
        unit_column = next((name for name, column in self.columns.items() if column.get("read_only")), "")
        unit = self.cell(unit_column, given[unit_column], given, "").text if unit_column in given else ""
        unit = unit if not unit_column or unit in ("", *self.columns[unit_column]["values"]) else ""
        for name, text in given.items():
            cell = self.cell(name, text, given, unit if self.columns[name].get("share") else "")
            row[name] = cell.text
            if cell.wrong:
                self.problems.append(Problem(self.file, number, name, cell.wrong))
                row.setdefault("bad", []).append(name)
            if cell.note:
                self.notes.setdefault((name, cell.note.rpartition(": ")[2]), []).append((number, cell.note))
            if cell.limit:
                self.set_limit(row, number, name, cell, given)
        self.derive(row, number)
        return row

    def set_limit(self, row: dict, number: int, name: str, cell: Cell, given: dict[str, str]) -> None:
        """Put the limit of `<0.001` into its own column, unless that holds another."""
        limit = self.columns[name]["limit"]
        if limit not in given:
            row[limit] = cell.limit
        elif float(self.cell(limit, given[limit], given, "").text or "nan") != float(cell.limit):
            text = f"is {shown(given[limit])}, but {name} says {shown(given[name])}; correct one of them"
            self.problems.append(Problem(self.file, number, limit, text))

    def derive(self, row: dict, number: int) -> None:
        """The locus of a rearrangement from its genes, where it is not given."""
        for name, column in self.columns.items():
            genes = [row[gene] for gene in column.get("from_genes", ())]
            if genes and not row[name] and locus_of(*genes):
                row[name] = locus_of(*genes)
                note = f"an empty cell is read as {row[name]}: by the genes of the row"
                self.notes.setdefault((name, "by the genes of the row"), []).append((number, note))

    def tell(self) -> None:
        """One warning for all cells of a column that were understood in the same way."""
        for (name, _), cells in self.notes.items():
            number, note = cells[0]
            more = f" (and {len(cells) - 1} more)" if len(cells) > 1 else ""
            self.problems.append(Problem(self.file, number, name, note + more, "warning"))


def locus_of(j_call: str, v_call: str) -> str:
    """Locus by the J gene, else by a V gene that only one locus has; '' where neither says it (TRAV../DV)."""
    if re.search("intron", v_call, re.I):
        return "intron-RSS"
    if re.search("KDE", j_call, re.I):
        return "IGKDE"
    for call, side in ((j_call, "J"), (v_call, "V")):
        loci = {
            locus.upper() for locus in re.findall(rf"\b(IG[HKL]|TR[ABDG])(?={side})", call.replace("TCR", "TR"), re.I)
        }
        if len(loci) == 1 and not (side == "V" and re.search(r"TRAV\S*DV", call, re.I)):
            return loci.pop()
    return ""


def read_table(
    data: bytes,
    file: str,
    spec: dict,
    problems: list[Problem],
    headings: Mapping[str, Heading] | None = None,
    days: Days | None = None,
) -> list[dict]:
    """Cleaned rows of a table: all our columns ('' = none), its number as '#', faulty columns as 'bad'.

    headings: of other programs' exports. days: how days are read (default: whole numbers, `D+28`, `M6`).
    """
    columns, headings = spec["columns"], headings or {}
    known = set(columns).union(*(column.get("aliases", ()) for column in columns.values()))
    known |= {simple for simple in headings if simple not in known}
    grid = read_grid(data, file, known, problems)
    header, units = read_header(grid[0][1], grid[0][0], file, columns, headings, problems) if grid else ([], {})
    reader = Reader(file, spec, units, days or Days(), problems)
    given = [
        (number, {name: text for name, text in zip(header, cells, strict=False) if name}) for number, cells in grid[1:]
    ]
    reader.prove(given)
    rows = []
    for (number, cells), (_, named) in zip(grid[1:], given, strict=True):
        if any(cells[len(header) :]):
            advice = "put quotation marks around a cell that holds the separator"
            problems.append(Problem(file, number, "", f"has more cells than the header; {advice}"))
        row = reader.row(number, named)
        for name in dict.fromkeys([*header, *(name for name in columns if columns[name].get("from_genes") and grid)]):
            if name and columns[name].get("required") and not row[name]:
                problems.append(Problem(file, number, name, f"is empty; write {columns[name]['meaning']}"))
        rows.append(row)
    reader.tell()
    check_rows(rows, file, spec, problems)
    return rows


def written_columns(spec: dict) -> list[str]:
    """The columns of a cleaned table: all but those that only tell how to read the others."""
    return [name for name, column in spec["columns"].items() if not column.get("read_only")]


def check_rows(rows: list[dict], file: str, spec: dict, problems: list[Problem]) -> None:
    """What rows owe each other: unique keys, one value in a group (fills its gaps), order, one of several."""
    for key in spec.get("unique", ()):
        first: dict[tuple, int] = {}
        for row in rows:
            values = tuple(row[name] for name in key)
            if any(values) and first.setdefault(values, row["#"]) != row["#"]:
                twice = f"{shown(' '.join(filter(None, values)))} stands in row {first[values]} already"
                problems.append(Problem(file, row["#"], "+".join(key), f"{twice}; correct or remove one of them"))
    for key, names in spec.get("constant", ()):
        values = {}
        for row in rows:
            group = tuple(row[name] for name in key)
            for name in names:
                value, number = values.setdefault((group, name), (row[name], row["#"])) if row[name] else ("", 0)
                if value != row[name] and all(group):
                    clash = f"is {shown(row[name])}, but {shown(value)} in row {number} for {' '.join(group)}"
                    problems.append(Problem(file, row["#"], name, f"{clash}; correct one of them"))
        for row in rows:
            group = tuple(row[name] for name in key)
            row |= {name: row[name] or values.get((group, name), ("",))[0] for name in names if all(group)}
    low, high = spec.get("ordered", ("", ""))
    for row in rows:
        if low and row[low] and row[high] and not row.get("bad") and float(row[low]) > float(row[high]):
            problems.append(Problem(file, row["#"], high, f"{row[high]} is less than {low} {row[low]}; correct them"))
        for rule in spec.get("any_of", ()):
            spared = any(re.fullmatch(values, row[name], re.I) for name, values in rule.get("unless", {}).items())
            if not spared and not any(row[name] for name in rule["columns"]):
                problems.append(Problem(file, row["#"], " or ".join(rule["columns"]), "is empty; fill in one"))
    for name, column in spec["columns"].items():
        small = [
            row for row in rows if column.get("max") == 100 and NUMBER.fullmatch(row[name]) and 0 < float(row[name]) < 1
        ]
        if small:
            which = f"{small[0][name]} is read as {small[0][name]} %" + (
                f" (and {len(small) - 1} more)" if len(small) > 1 else ""
            )
            doubt = f"{which}: are these fractions? Percentages run from 0 to 100"
            problems.append(Problem(file, small[0]["#"], name, doubt, "warning"))


def specification(path: Path) -> dict[str, dict]:
    """The tables' columns and rules, every column with what holds for its type."""
    tables = json.loads(path.read_text(encoding="utf-8"))
    types = tables.pop("types")
    for table in tables.values():
        table["columns"] = {name: types[column["type"]] | column for name, column in table["columns"].items()}
    return tables
