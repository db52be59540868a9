#!/usr/bin/env python3
"""Numbers as people write them: decimal commas, grouped thousands, units, limits of detection, words for nothing.

What has one meaning is read and noted. What has two, as `1,250` and `131.000`, is asked about and never turned into a number.
"""

import re
import unicodedata
from decimal import Decimal
from typing import NamedTuple

PLAIN = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?", re.I)
COMMA = re.compile(r"[+-]?\d+,\d+(?:e[+-]?\d+)?", re.I)
TWO_WAYS = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}")  # thousands, or three decimals
GROUPED = re.compile(
    r"[+-]?[1-9]\d{0,2}(?:(?P<mark>[ '.,])\d{3})(?:(?P=mark)\d{3})*(?:(?!(?P=mark))(?P<decimal>[.,])\d+)?"
)
POWER = re.compile(r"(?:(?P<factor>\d+(?:[.,]\d+)?)\s*[x*]\s*)?10\s*\^\s*(?P<power>[+-]?\d+)")
RATIO = re.compile(r"(\d+)\s*(?:/|of|von|sur|de)\s*(\d+)")
BELOW = re.compile(r"(?:<=?|≤|below|less than|under|unter|kleiner als|inferieur a|menor que|小于|低于)\s*", re.I)
ABOVE = re.compile(r"(?:>=?|≥|above|more than|over|über|ueber)\s*", re.I)
UNITS = {
    "percent": re.compile(r"\s*(?:%|percent|prozent|pct|pour ?cent|por ?ciento)", re.I),
    "per million": re.compile(r"\s*(?:ppm|(?:/|per|pro|par|por)\s*(?:million|mio\.?|millon|10\^6|1e6)(?:\s*(?:nucleated\s*)?(?:cells|zellen))?)", re.I),
}  # fmt: skip
SCALE = {"fraction": Decimal(1), "percent": Decimal("0.01"), "per million": Decimal("1e-6")}
RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
FLAG = re.compile(r"\s*(?:HH?|LL?|\*|↑|↓)")
ASKED = "may be {whole} or {decimal}; write {whole} if the {mark} groups thousands, {decimal} if it is a decimal {mark}"


class Cell(NamedTuple):
    """A cell as our tables write it; what is wrong ('' nothing); how it was understood ('' as it is); limit of detection."""

    text: str
    wrong: str = ""
    note: str = ""
    limit: str = ""


def shown(text: str) -> str:
    """A user's text for a message: quoted, shortened, control characters and odd bytes as escapes."""
    return repr(text[:97] + "..." if len(text) > 100 else text).replace("\\udc", "\\x")


def plain(text: str) -> str:
    """The text with simple spaces, signs and powers (`10⁻⁵` as `10^-5`)."""
    text = re.sub("(?<=10)[⁻⁺]?[⁰¹²³⁴⁵⁶⁷⁸⁹]+", lambda power: "^" + power[0].translate(RAISED), text)
    text = (
        unicodedata.normalize("NFKC", text).replace("\u2212", "-").replace("×", "x").replace("·", "x").replace("’", "'")
    )
    return " ".join(text.split())


def readings(text: str) -> tuple[dict[str, Decimal], str]:
    """What a number may be, by the way it is read (`decimal`, `whole`), and how it was understood; none where it is no number."""
    power = POWER.fullmatch(text)
    if not text.isascii():
        return {}, ""
    if power:
        factor = Decimal((power["factor"] or "1").replace(",", "."))
        return {"decimal": factor.scaleb(int(power["power"]))}, "a power of ten"
    if TWO_WAYS.fullmatch(text):
        mark = "," if "," in text else "."
        return {"decimal": Decimal(text.replace(",", ".")), "whole": Decimal(text.replace(mark, ""))}, mark
    if PLAIN.fullmatch(text):
        return {"decimal": Decimal(text)}, ""
    if COMMA.fullmatch(text):
        return {"decimal": Decimal(text.replace(",", "."))}, "a decimal comma"
    grouped = GROUPED.fullmatch(text)
    if grouped:
        whole = text.replace(grouped["mark"], "")
        return {"whole": Decimal(whole.replace(",", "."))}, "grouped thousands"
    return {}, ""


def written(number: Decimal) -> str:
    """A number in digits, small and large ones with an exponent, without what arithmetic adds."""
    number = number.normalize()
    return str(int(number)) if number == number.to_integral() and abs(number) < 10**15 else repr(float(number))


def asked(text: str, mark: str) -> str:
    """The question about a number that may be two."""
    whole, (before, after) = text.replace(mark, ""), text.split(mark)
    decimal = before if after == "000" else f"{before}.{after}0"
    return ASKED.format(whole=whole, decimal=decimal, mark="comma" if mark == "," else "point")


def decimal_marks(texts: list[str]) -> set[str]:
    """The decimal marks that cells prove: of numbers that can be read in one way only."""
    marks = set()
    for text in map(plain, texts):
        text = BELOW.sub("", text, count=1).rstrip("% ")
        found = re.fullmatch(r"[+-]?\d+([.,])\d+(?:e[+-]?\d+)?", text, re.I)
        if found and not TWO_WAYS.fullmatch(text):
            marks.add(found[1])
        grouped = GROUPED.fullmatch(text)
        if grouped and grouped["decimal"]:
            marks.add(grouped["decimal"])
    return marks


def scaled(number: Decimal, unit: str, share: int) -> Decimal:
    """A share as the column holds it (share 1: 0 to 1; 100: percent) from a number in a unit."""
    return Decimal(f"{10 ** float(number):.6g}") * share if unit == "log10" else number * SCALE[unit] * share


def read_number(text: str, column: dict, unit: str = "", point_proven: bool = False) -> Cell:
    """A number of a column (type, min, max, write; share, limit, nothing where it has these).

    unit: of the column's heading or of the row. point_proven: whether cells like it show that a point is the decimal mark.
    """
    share, advice = column.get("share", 0), column["write"]
    given, rest, notes = text, plain(text), []
    if rest.casefold() in column.get("nothing", ()):
        return Cell("0", "", f"{shown(given)} is read as 0: looked for, not detected")
    if rest.casefold() in ("nd", "n.d.", "n/d") and "nothing" in column:
        return Cell(
            text, f"found {shown(given)}, which may be 'not detected' or 'not done'; write 0, or leave the row out"
        )
    below = BELOW.match(rest)
    if below and not column.get("limit"):
        return Cell(text, f"found {shown(given)}; {advice}")
    rest = rest[below.end() :] if below else rest
    above = ABOVE.match(rest)
    if above:
        end = rest[above.end() :]
        return Cell(
            text, f"found {shown(given)}, more than was measured; write {end} if that will do, or leave the row out"
        )
    if share:
        own = next(
            ((name, match) for name, form in UNITS.items() if (match := re.search(form.pattern + r"$", rest, re.I))),
            None,
        )
        if own and unit not in ("", own[0]) and not (unit == "fraction" and share == 1):
            return Cell(text, f"found {shown(given)} in a column of {unit}; write one unit")
        if own:
            unit, rest = own[0], rest[: own[1].start()]
            notes += (
                ["a percentage" if unit == "percent" else "per million"]
                if share == 1 or unit != "percent"
                else ["the sign %"]
            )
        unit = unit or ("percent" if share == 100 else "fraction")
        ratio = RATIO.fullmatch(rest)
        if ratio and 0 < int(ratio[2]) >= int(ratio[1]):
            number = Decimal(ratio[1]) / Decimal(ratio[2]) * share
            value = written(Decimal(f"{float(number):.6g}"))
            return Cell(value, "", f"{shown(given)} is read as {value}: a count of {ratio[2]}")
    elif column["type"] == "number" and FLAG.search(rest) and PLAIN.match(rest):
        cut = re.sub(FLAG.pattern + "$", "", rest)
        rest, notes = (cut, ["the laboratory's mark left out"]) if cut != rest else (rest, notes)
    numbers, how = readings(rest)
    if unit == "log10":  # no assay sees less than one molecule in 10^12
        numbers = {name: number for name, number in numbers.items() if -12 <= number <= 0}
    if not numbers:
        return Cell(text, f"found {shown(given)}, no {'whole ' if column['type'] == 'integer' else ''}number; {advice}")
    low, high = column.get("min", float("-inf")), column.get("max", float("inf"))
    values = {name: scaled(number, unit, share) if share else number for name, number in numbers.items()}
    fitting = {name: value for name, value in values.items() if low <= value <= high}
    if len(values) == 2 or how in (",", "."):
        if len(fitting) == 2 and (how == "," or not point_proven):
            return Cell(text, f"found {shown(given)}, which {asked(rest, how)}")
        fitting = {"decimal": fitting["decimal"]} if len(fitting) == 2 else fitting
        how = "" if how == "." else "a decimal comma" if "decimal" in fitting else "grouped thousands"
    if not fitting:
        return Cell(text, f"found {shown(given)[1:-1]}, outside {low} to {high}; {advice}")
    (value,) = fitting.values()
    if column["type"] == "day" and value % 1:
        return Cell(text, f"found {shown(given)}, no whole number; {advice}")
    notes += [how] if how else []
    if share and unit in ("per million", "log10") and unit not in notes:
        notes.append(unit)
    elif share == 1 and unit == "percent" and "a percentage" not in notes:
        notes.append("a percentage")
    same = share and value == numbers.get("decimal")
    if below:
        limit = written(value)
        return Cell("0", "", f"{shown(given)} is read as not detected with limit {limit}", limit)
    keep = not notes and (not share or same) and column["type"] == "number" and not TWO_WAYS.fullmatch(rest)
    result = rest if keep else written(value)
    return Cell(result, "", f"{shown(given)} is read as {result}: {', '.join(notes)}" if notes else "")
