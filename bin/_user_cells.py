#!/usr/bin/env python3
"""One cell of a table that people wrote, which is no number and no day: what it means, and what is wrong with it."""

import re

from _fish_places import read_places
from _user_grid import SAVE
from _user_numbers import Cell, shown

MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
NAMED_DATE = re.compile(rf"\d{{1,2}}[ .-]{MONTH}(?:[ .-]\d+)?|{MONTH}[ .-]\d+", re.I)
SPACES = "\u00a0\u2007\u2009\u202f\u200a"
MISSING = {"na", "n/a", "#n/a", "nan", "none", "null"}


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
    text = re.sub(r"\bTCR(?=[ABDG][VDJ])", "TR", text, flags=re.I)
    text = re.sub(r"\b([VJ])([HKL])(?=\d)", r"IG\2\1", text, flags=re.I)  # VH3-21
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


def locus_of(j_call: str, v_call: str, name: str = "") -> str:
    """Locus by the J gene, else by a V gene that only one locus has; '' where neither says it (TRAV../DV).

    A rearrangement without a J gene is of Kde or the intron-RSS where its name says so.
    """
    name = "" if j_call else name
    if re.search("intron", v_call + name, re.I):
        return "intron-RSS"
    if re.search("KDE", j_call + name, re.I):
        return "IGKDE"
    for call, side in ((j_call, "J"), (v_call, "V")):
        loci = {
            locus.upper() for locus in re.findall(rf"\b(IG[HKL]|TR[ABDG])(?={side})", call.replace("TCR", "TR"), re.I)
        }
        if len(loci) == 1 and not (side == "V" and re.search(r"TRAV\S*DV", call, re.I)):
            return loci.pop()
    return ""
