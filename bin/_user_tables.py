#!/usr/bin/env python3
"""Tables that people wrote, read as assets/tables.json describes them; every cell and row that does not fit is a Problem."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from _user_cells import check_cell, is_missing, locus_of, unwritten
from _user_days import Days
from _user_grid import Heading, Problem, read_grid, read_header
from _user_numbers import Cell, decimal_marks, read_number, shown

NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?", re.I)


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
            locus = locus_of(*genes, row[column["from_name"]]) if genes and not row[name] else ""
            if locus:
                row[name] = locus
                note = f"an empty cell is read as {locus}: by the genes or the name of the row"
                self.notes.setdefault((name, "by the genes of the row"), []).append((number, note))

    def tell(self) -> None:
        """One warning for all cells of a column that were understood in the same way."""
        for (name, _), cells in self.notes.items():
            number, note = cells[0]
            more = f" (and {len(cells) - 1} more)" if len(cells) > 1 else ""
            self.problems.append(Problem(self.file, number, name, note + more, "warning"))


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


def type_rules(path: Path) -> dict[str, dict]:
    """What holds for each type of a column."""
    return json.loads(path.read_text(encoding="utf-8"))["types"]
