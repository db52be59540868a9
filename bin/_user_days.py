#!/usr/bin/env python3
"""Days as people write them: `28`, `D+28`, `M6`, a time point of the samplesheet, or a date with a reference date."""

import re
from collections.abc import Mapping
from datetime import date

from _errors import InputError
from _user_numbers import Cell, plain, read_number, shown

MONTHS = {
    name: n
    for n, name in enumerate(["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], 1)
}
MONTH = r"(?P<name>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
DATES = tuple(
    re.compile(pattern, re.I)
    for pattern in (
        r"(?P<year>\d{4})(?P<mark>[./-])(?P<month>\d{1,2})(?P=mark)(?P<day>\d{1,2})(?:[ T].*)?",
        r"(?P<first>\d{1,2})(?P<mark>[./-])(?P<second>\d{1,2})(?P=mark)(?P<year>\d{4}|\d{2})(?: .*)?",
        rf"(?P<day>\d{{1,2}})[. -]*{MONTH}[. ,-]*(?P<year>\d{{4}}|\d{{2}})?",
        rf"{MONTH}[. -]*(?P<day>\d{{1,2}})[ ,-]+(?P<year>\d{{4}}|\d{{2}})",
        rf"{MONTH}[. -]*(?P<year>\d{{2,4}})(?P<day>)",
    )
)
COUNTED = re.compile(
    r"(?:d|day|tag|j|jour|d[ií]a|第)[ .]*(?P<after>[+-]?\s*\d+)(?:天)?|(?P<before>[+-]?\d+)\s*(?:d|days?|tage?|jours?|d[ií]as?|天)",
    re.I,
)
SPANS = {
    "week": (re.compile(r"(?:w|wk|week|woche)[ .]*(?P<after>[+-]?\s*\d+)|(?P<before>[+-]?\d+)\s*(?:w|wks?|weeks?|wochen?)", re.I), 7.0),
    "month": (re.compile(r"(?:m|month|monat|mois|mes)[ .]*(?P<after>[+-]?\s*\d+)|(?P<before>[+-]?\d+)\s*(?:m|months?|monate?|mois|meses|mes)", re.I), 30.4375),
    "year": (re.compile(r"(?:y|year|jahr)[ .]*(?P<after>[+-]?\s*\d+)|(?P<before>[+-]?\d+)\s*(?:y|years?|jahre?)", re.I), 365.25),
}  # fmt: skip
REFERENCE = "the patient's day 0"


def reference_dates(text: str) -> dict[str, date]:
    """Dates of day 0 by patient ('' for all): `2024-03-15`, or `P1=2024-03-15,P2=2023-11-02`."""
    dates = {}
    for part in filter(None, re.split(r"[,;]\s*", text)):
        patient, _, day = part.rpartition("=")
        try:
            dates[patient.strip()] = date.fromisoformat(day.strip())
        except ValueError:
            raise InputError(
                f"the reference date '{part}' is no date; write 2024-03-15, or P1=2024-03-15,P2=2023-11-02 (year-month-day)"
            ) from None
    return dates


def read_date(text: str) -> tuple[date | None, str]:
    """The date of a cell, and why it cannot be read ('' where it can, or where it is no date)."""
    match = next((match for pattern in DATES if (match := pattern.fullmatch(text))), None)
    if match is None:
        return None, ""
    parts = match.groupdict()
    if not parts.get("year") or len(parts["year"]) != 4 or parts.get("day") == "":
        return None, "a date without its year in four digits; write it as 2024-03-15"
    month, day = parts.get("month"), parts.get("day")
    if parts.get("name"):
        month = MONTHS[parts["name"].lower()]
    elif parts.get("first"):
        first, second = int(parts["first"]), int(parts["second"])
        if parts["mark"] != "." and first <= 12 and second <= 12 and first != second:
            both = f"{parts['year']}-{second:02}-{first:02} or {parts['year']}-{first:02}-{second:02}"
            return None, f"a date that may be {both}; write it so"
        day, month = (first, second) if parts["mark"] == "." or first > 12 or first == second else (second, first)
    try:
        return date(int(parts["year"]), int(month), int(day)), ""
    except ValueError:
        return None, "no day of the calendar; write it as 2024-03-15"


class Days:
    """How the days of a run are read: time points of the samplesheet (patient -> label -> day), and reference dates."""

    def __init__(
        self, timepoints: Mapping[str, Mapping[str, str]] | None = None, references: Mapping[str, date] | None = None
    ):
        self.timepoints = timepoints or {}
        self.references = references or {}

    def read(self, text: str, column: dict, patient: str = "") -> Cell:
        """A day as a whole number."""
        given = plain(text)
        if re.fullmatch(r"[+-]?\d+(?:[.,]\d+)?(?:e\d+)?", given, re.I):
            cell = read_number(text, column)
            serial = re.fullmatch(r"[3-5]\d{4}(?:\.0+)?", given)
            hint = "; a spreadsheet's number of a date? Format the column as text" if serial and cell.wrong else ""
            return cell._replace(text=cell.text.removeprefix("+"), wrong=cell.wrong + hint)
        label = self.timepoints.get(patient, {}).get(text)
        if label:
            return Cell(label, "", f"{shown(text)} is read as {label}: the day of that time point in the samplesheet")
        when, wrong = read_date(given)
        if when or wrong:
            return self.of_date(text, when, wrong, column, patient)
        counted = COUNTED.fullmatch(given)
        if counted:
            return self.within(text, float((counted["after"] or counted["before"]).replace(" ", "")), "days", column)
        for name, (form, length) in SPANS.items():
            match = form.fullmatch(given)
            if match:
                number = int((match["after"] or match["before"]).replace(" ", ""))
                return self.within(text, round(number * length), f"a {name} as {length:g} days", column)
        return Cell(text, f"found {shown(text)}, no whole number; {column['write']}")

    def of_date(self, text: str, when: date | None, wrong: str, column: dict, patient: str) -> Cell:
        """Days from the reference date."""
        if wrong:
            return Cell(text, f"found {shown(text)}, {wrong}, or {column['write']}")
        zero = self.references.get(patient) or self.references.get("")
        if zero is None:
            other = f" (it has none of {patient})" if self.references else ""
            return Cell(
                text,
                f"found {shown(text)}, a date; {column['write']}, or give {REFERENCE} with --reference_date{other}",
            )
        return self.within(text, (when - zero).days, f"days from {zero.isoformat()}", column)

    def within(self, text: str, day: float, how: str, column: dict) -> Cell:
        """The day, where it is in the column's range."""
        cell = read_number(str(int(day)), column)
        return (
            Cell(text, cell.wrong)
            if cell.wrong
            else Cell(cell.text, "", f"{shown(text)} is read as {cell.text}: {how}")
        )
