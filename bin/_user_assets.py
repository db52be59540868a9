#!/usr/bin/env python3
"""A user's own tables in place of those of assets/, or beside them: their form, and the names that they bring.

The steps that read them come later and read them as they stand, with tabs. What they would take otherwise than it was meant, and
what may not stand in a script, a path or a page, is an error here.
"""

import csv
import io
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from _user_cells import check_cell, unwritten
from _user_grid import Problem, foreign
from _user_numbers import shown

YES = ("", "yes", "no")
TABS = "save it as tab-separated text in UTF-8"


class Form(NamedTuple):
    """What a table needs: columns, those of them that are filled in every row, the one that names a row once, words of columns."""

    columns: tuple[str, ...]
    filled: tuple[str, ...]
    once: str = ""
    words: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    comments: bool = False  # whether lines that begin with # are left out


MARKERS = ("cell_type", "parent", "lineage", "receptor", "positive", "negative")
RIGHTS = {name: YES for name in ("numbered", "ig_dna", "tr_dna", "malignant", "sender")}
RIGHTS |= {"bcr": ("", "owner", "possible"), "tcr": ("", "owner", "possible"), "car": ("", "carrier", "control")}
FORMS = {
    "markers": Form(MARKERS, ("cell_type", "lineage"), "cell_type", {"receptor": ("any", "none", "BCR", "TCR")}),
    "lineages": Form(("lineage", "resolution", "prefix", *RIGHTS), ("lineage",), "lineage", RIGHTS),
    "excluded_genes": Form(("class", "pattern"), ("class", "pattern")),
    "interactions": Form(("ligand", "receptor"), ("ligand", "receptor"), comments=True),
    "watch_list": Form(("name", "gene_a", "gene_b"), ("name", "gene_a", "gene_b"), comments=True),
    "gene_lists": Form(("list", "gene"), ("list", "gene"), comments=True),
    "gene_positions": Form(
        ("gene", "chromosome", "start", "end", "arm"), ("gene", "chromosome", "start", "end"), comments=True
    ),
    "signatures": Form(("name", "description"), ("name",), "name"),  # GMT: no header, any number of genes
}
FORMS["subsets"] = FORMS["markers"]
# Lists of genes, in which blanks mean nothing, and a text that nobody reads.
GENES = ("positive", "negative", "description")
# The types of assets/tables.json that columns have; all others are `text`.
KINDS = {
    "lineage": "file_name", "prefix": "file_name", "resolution": "above_zero", "start": "base", "end": "base",
    "pattern": "expression",
}  # fmt: skip


def check_asset(name: str, data: bytes, file: str, types: dict[str, dict], problems: list[Problem]) -> None:
    """Problems of the table that stands for (or beside) `name` of assets/. types: of assets/tables.json."""
    form, headed, wrong = FORMS[name], name != "signatures", foreign(data, TABS)
    try:
        text = io.StringIO("" if wrong else data.decode("utf-8-sig"), newline="")
        quoting = csv.QUOTE_MINIMAL if headed else csv.QUOTE_NONE
        rows = list(enumerate(csv.reader(text, delimiter="\t", quoting=quoting), 1))
    except UnicodeDecodeError as error:
        line = len(data[: error.start].splitlines()) or 1
        wrong = f"holds byte 0x{data[error.start]:02X} in line {line}, not UTF-8; {TABS}"
    except csv.Error as error:
        wrong = f"cannot be split into cells ({error}); close every quotation mark"
    if wrong:
        problems.append(Problem(file, 0, "", wrong))
        return
    rows = [(number, row) for number, row in rows if row and not (form.comments and row[0].startswith("#"))]
    header = rows.pop(0)[1] if headed and rows else list(form.columns)
    missing = [column for column in form.columns if header.count(column) != 1]
    if missing or not rows:
        lack = f"has no column {', '.join(missing)}" if missing else "has no rows"
        needs = (
            "a name, a description and genes in each line" if not headed else f"the columns {', '.join(form.columns)}"
        )
        problems.append(Problem(file, 0, "", f"{lack}; write {needs} once each, with tabs between them"))
        return
    first: dict[str, int] = {}
    for number, row in rows:
        names = header if headed else header + ["gene"] * max(1, len(row) - 2)
        found = [(column, cell_problem(form, column, cell, types)) for column, cell in zip(names, row, strict=False)]
        if len(row) != len(names):
            found = [("", f"has {len(row)} cells in place of {len(names)}; write a tab for every empty cell too")]
        elif form.once and first.setdefault(key := row[names.index(form.once)], number) != number:
            found.append((form.once, f"{shown(key)} stands in row {first[key]} already; rename or remove one of them"))
        problems += [Problem(file, number, column, what) for column, what in found if what]


def cell_problem(form: Form, column: str, cell: str, types: dict[str, dict]) -> str:
    """What is wrong with a cell of a user's asset; '' where nothing is."""
    words, kind = form.words.get(column, ()), KINDS.get(column, "text")
    if words and cell not in words:
        return f"{shown(cell)} is unknown; write {', '.join(filter(None, words))}{' or nothing' * ('' in words)}"
    if not cell:
        return "is empty; fill it in" if column in form.filled else ""
    if cell != cell.strip() and column in form.columns and column not in GENES:
        return f"{shown(cell)} begins or ends with a blank; remove it"
    if form.comments and "#" in cell:
        return f"{shown(cell)} holds #, from which on a line is not read; write it without"
    if kind == "expression":
        try:
            re.compile(cell)
        except re.error as error:
            return f"{shown(cell)} is no regular expression ({error}); write one such as ^TRAV"
        return ""
    return unwritten(cell) or check_cell(cell, {"type": kind} | types[kind]).wrong
