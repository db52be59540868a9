#!/usr/bin/env python3
"""Tables that people wrote, read as assets/tables.json describes them; every cell and row that does not fit is a Problem."""

import csv
import difflib
import io
import json
import re
from pathlib import Path
from typing import NamedTuple

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
DATE = re.compile(rf"\d{{1,4}}[./-]\d{{1,2}}[./-]\d{{1,4}}(?:[ T].*)?|{NAMED_DATE.pattern}", re.I)
NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?", re.I)
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


def shown(text: str) -> str:
    """A user's text for a message: quoted, shortened, control characters and odd bytes as escapes."""
    return repr(text[:97] + "..." if len(text) > 100 else text).replace("\\udc", "\\x")


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
    words = {mark: {word.strip(' "').lower() for word in header.split(mark)} for mark in ",;\t"}
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


def read_header(cells: list[str], number: int, file: str, columns: dict, problems: list[Problem]) -> list[str]:
    """Our column of each cell of the header, '' for columns that are not used."""
    names = [re.sub(r"\s+", "_", cell.lower()) for cell in cells]
    aliases = {alias: name for name, column in columns.items() for alias in column.get("aliases", ())}
    for cell, name in zip(cells, names, strict=True):
        if name and name not in columns:
            meant = aliases.get(name) or next(iter(difflib.get_close_matches(name, columns, 1, 0.7)), "")
            if meant and meant not in names:
                problems.append(Problem(file, number, shown(cell), f"is unknown; did you mean {meant}?"))
            else:
                problems.append(Problem(file, number, shown(cell), "is unknown and not used", "warning"))
    for name, column in columns.items():
        if names.count(name) > 1:
            problems.append(Problem(file, number, name, "stands in the header more than once; keep one"))
        elif column.get("required") and name not in names:
            problems.append(Problem(file, number, name, f"is missing; add it: {column['meaning']}"))
    return [name if name in columns else "" for name in names]


def is_missing(text: str, kind: str) -> bool:
    """Whether a cell's word means that there is no value: never in a name, where it is an error; Na as a text is sodium."""
    return text.lower() in MISSING and kind != "name" and (kind != "text" or text != "Na")


def check_cell(text: str, column: dict) -> tuple[str, str]:
    """The cell as our tables write it, and what is wrong with it ('' where nothing is)."""
    kind, advice = column["type"], column.get("write", "")
    odd = "" if text.isprintable() else next(char for char in text if not char.isprintable())
    if "\udc80" <= odd <= "\udcff":
        byte = bytes([ord(odd) - 0xDC00])
        likely = byte.decode("cp1252", "replace")
        return (text, f"{shown(text)} holds byte 0x{byte.hex().upper()} ({likely} in Windows text), not UTF-8; {SAVE}")
    if odd:
        wrong = f"{shown(text)} holds a line break or control character"
        return text, f"{wrong}; write it in one line, or close the quotation mark before it"
    if kind in ("integer", "number"):
        return check_number(text.replace("\u2212", "-"), column)
    if kind == "choice":
        known = {value.lower(): value for value in column["values"]}
        known |= {value.lower(): meant for value, meant in column["spellings"].items()}
        wrong = f"{shown(text)} is unknown; write one of {', '.join(column['values'])}"
        return known.get(text.lower(), text), "" if text.lower() in known else wrong
    if kind in ("name", "text") and NAMED_DATE.fullmatch(text):
        return (text, f"{shown(text)} looks like a name that a spreadsheet made a date; format as text, write again")
    if kind == "cell_id":
        text = text.removesuffix("-1")
    if column.get("upper"):
        text = text.upper()
    fits = re.fullmatch(column["pattern"], text, 0 if kind == "name" else re.I)
    return text, "" if fits else f"found {shown(text)}; {advice}"


def check_number(text: str, column: dict) -> tuple[str, str]:
    """A number within the column's range; whole numbers lose the .0 that some programs add."""
    whole, advice = column["type"] == "integer", column["write"]
    low, high = column.get("min", float("-inf")), column.get("max", float("inf"))
    if re.fullmatch(r"[+-]?\d+,\d+", text):
        return text, f"found {shown(text)}, a number with a comma; write {text.replace(',', '.')} (a point)"
    if DATE.fullmatch(text):
        return text, f"found {shown(text)}, a date; {advice}"
    if not NUMBER.fullmatch(text) or abs(float(text)) == float("inf") or (whole and float(text) % 1):
        return text, f"found {shown(text)}, no {'whole ' if whole else ''}number; {advice}"
    if not low <= float(text) <= high:
        return text, f"found {text}, outside {low} to {high}; {advice}"
    return (str(int(float(text))) if whole else text), ""


def read_table(data: bytes, file: str, spec: dict, problems: list[Problem]) -> list[dict]:
    """Cleaned rows of a table: all our columns ('' = none), its number as '#', faulty columns as 'bad'."""
    columns = spec["columns"]
    known = set(columns).union(*(column.get("aliases", ()) for column in columns.values()))
    grid = read_grid(data, file, known, problems)
    header = read_header(grid[0][1], grid[0][0], file, columns, problems) if grid else []
    rows = []
    for number, cells in grid[1:]:
        row = dict.fromkeys(columns, "") | {"#": number}
        if any(cells[len(header) :]):
            advice = "put quotation marks around a cell that holds the separator"
            problems.append(Problem(file, number, "", f"has more cells than the header; {advice}"))
        for name, text in zip(header, cells, strict=False):
            if name and text and not is_missing(text, columns[name]["type"]):
                row[name], wrong = check_cell(text, columns[name])
                if wrong:
                    problems.append(Problem(file, number, name, wrong))
                    row.setdefault("bad", []).append(name)
        for name in header:
            if name and columns[name].get("required") and not row[name]:
                problems.append(Problem(file, number, name, f"is empty; write {columns[name]['meaning']}"))
        rows.append(row)
    check_rows(rows, file, spec, problems)
    return rows


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
            name, values = rule.get("unless", ("#", ()))
            if row[name] not in values and not any(row[name] for name in rule["columns"]):
                problems.append(Problem(file, row["#"], " or ".join(rule["columns"]), "is empty; fill in one"))
    for name, column in spec["columns"].items():
        values = [float(row[name]) for row in rows if NUMBER.fullmatch(row[name])]
        if column.get("max") == 100 and 0 < max(values, default=0) <= 1:
            doubt = "has no value above 1: are these fractions? Percentages run from 0 to 100"
            problems.append(Problem(file, 0, name, doubt, "warning"))


def specification(path: Path) -> dict[str, dict]:
    """The tables' columns and rules, every column with what holds for its type."""
    tables = json.loads(path.read_text(encoding="utf-8"))
    types = tables.pop("types")
    for table in tables.values():
        table["columns"] = {name: types[column["type"]] | column for name, column in table["columns"].items()}
    return tables
