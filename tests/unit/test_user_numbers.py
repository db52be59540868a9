"""Numbers as people write them: what is read, what is asked about. Spellings of known numbers are made, seeded."""

import random
from decimal import Decimal

from _user_numbers import decimal_marks, read_number

import pytest

VALUE = {
    "type": "number",
    "write": "write the number alone",
    "limit": "limit",
    "nothing": ["negative", "nicht nachweisbar"],
}
FRACTION = VALUE | {"min": 0, "max": 1, "share": 1}
PERCENT = VALUE | {"min": 0, "max": 100, "share": 100}
DAY = {"type": "day", "write": "write whole days", "min": -20000, "max": 20000}


@pytest.mark.parametrize(
    ("text", "column", "read"),
    [
        ("0,59", VALUE, "0.59"), ("3,5", VALUE, "3.5"), ("0,125", VALUE, "0.125"), ("1.234,5", VALUE, "1234.5"), ("1,234.5", VALUE, "1234.5"),
        ("1.234.567", VALUE, "1234567"), ("1,234,567", VALUE, "1234567"), ("1 250", VALUE, "1250"), ("1\u202f250", VALUE, "1250"),
        ("1'250", VALUE, "1250"), ("1 250,5", VALUE, "1250.5"), ("215 H", VALUE, "215"), ("2.1 L", VALUE, "2.1"), ("\u22123.5", VALUE, "-3.5"),
        ("115", VALUE, "115"), ("115.0", VALUE, "115.0"), ("1e-5", VALUE, "1e-5"), ("10^9", VALUE, "1000000000"), ("negative", VALUE, "0"),
        ("Nicht nachweisbar", FRACTION, "0"), ("1e-5", FRACTION, "1e-5"), ("10^-5", FRACTION, "1e-05"), ("10⁻⁵", FRACTION, "1e-05"),
        ("2,3 x 10^-4", FRACTION, "0.00023"), ("2.3×10⁻⁴", FRACTION, "0.00023"), ("5 %", FRACTION, "0.05"), ("0,02 %", FRACTION, "0.0002"),
        ("64 per million", FRACTION, "6.4e-05"), ("64/10^6", FRACTION, "6.4e-05"), ("3/1000", FRACTION, "0.003"), ("1.000", FRACTION, "1"),
        ("0.064", FRACTION, "0.064"), ("74.5 %", PERCENT, "74.5"), ("74,5", PERCENT, "74.5"), ("149/200", PERCENT, "74.5"),
        ("12,345", PERCENT, "12.345"), ("12.345", PERCENT, "12.345"), ("28.0", DAY, "28"), ("28,0", DAY, "28"), ("+28", DAY, "28"),
    ],
)  # fmt: skip
def test_a_number_with_one_meaning_is_read(text, column, read):
    cell = read_number(text, column)
    assert (cell.text, cell.wrong) == (read, "")
    assert cell.note or float(text.replace("\u2212", "-")) == float(read)


@pytest.mark.parametrize(
    ("text", "column", "said"),
    [
        ("1,250", VALUE, "write 1250 if the comma groups thousands, 1.2500 if it is a decimal comma"),
        ("131.000", VALUE, "write 131000 if the point groups thousands, 131 if it is a decimal point"),
        ("<1,250", VALUE, "1250"), ("1.234 per million", FRACTION, "1234"), ("1.000", DAY, "1000"), ("ND", FRACTION, "'not done'"),
        (">200", VALUE, "write 200"), ("6.4", FRACTION, "outside 0 to 1"), ("500 %", FRACTION, "outside 0 to 1"), ("-1", PERCENT, "outside"),
        ("inf", VALUE, "no number"), ("1,00,000", VALUE, "no number"), ("12 or 13", VALUE, "no number"), ("3-5", VALUE, "no number"),
        ("+++", VALUE, "no number"), ("9 g/dL", VALUE, "no number"), ("5/3", PERCENT, "no number"), ("28.5", DAY, "no whole number"),
        ("0,5,3", VALUE, "no number"), ("1.2.3", VALUE, "no number"), ("NaN", VALUE, "no number"), ("1O5", VALUE, "no number"),
    ],
)  # fmt: skip
def test_a_number_with_two_meanings_or_none_is_asked_about_in_one_sentence(text, column, said):
    cell = read_number(text, column)
    assert said in cell.wrong and cell.wrong.startswith("found ") and "\n" not in cell.wrong
    assert cell.text == text


@pytest.mark.parametrize(
    ("text", "column", "unit", "limit"),
    [("<1E-6", FRACTION, "", "1e-06"), ("< 10^-5", FRACTION, "", "1e-05"), ("<0.001 %", FRACTION, "", "1e-05"), ("≤0,5", VALUE, "", "0.5"),
     ("<1 per million", FRACTION, "", "1e-06"), ("<-5", FRACTION, "log10", "1e-05"), ("<5", PERCENT, "", "5"), ("below 0.1", FRACTION, "percent", "0.001")],
)  # fmt: skip
def test_a_limit_of_detection_is_nothing_seen_and_its_limit(text, column, unit, limit):
    cell = read_number(text, column, unit)
    assert (cell.text, cell.limit, cell.wrong) == ("0", limit, "")


@pytest.mark.parametrize(
    ("text", "unit", "read"),
    [("6.4", "percent", "0.064"), ("0.02", "percent", "0.0002"), ("640", "per million", "0.00064"), ("-4", "log10", "0.0001"), ("0", "log10", "1"),
     ("0.064", "fraction", "0.064"), ("0", "percent", "0")],
)  # fmt: skip
def test_units_of_headings_and_rows(text, unit, read):
    cell = read_number(text, FRACTION, unit)
    assert (float(cell.text), cell.wrong) == (float(read), "")


def test_a_number_of_another_unit_than_its_column_is_refused():
    assert "write one unit" in read_number("5 %", FRACTION, "per million").wrong
    assert read_number("3.2", FRACTION, "log10").wrong


def test_what_other_cells_prove_settles_a_point_never_a_comma():
    assert decimal_marks(["3.2", "131.000"]) == {"."} and decimal_marks(["0,59", "<0,5", "1.234,5"]) == {","}
    assert decimal_marks(["131.000", "1,250", "12", "x"]) == set()
    assert read_number("83.012", VALUE, point_proven=True).text == "83.012"
    assert read_number("1,250", VALUE, point_proven=True).wrong


@pytest.mark.parametrize("seed", range(5))
def test_a_spelling_is_read_as_its_number_or_asked_about(seed):
    """Numbers of 0 to 6 decimals, grouped or not, in the four common conventions: never another number, never a crash."""
    rng = random.Random(seed)
    read = asked = 0
    for _ in range(2000):
        decimals = rng.randint(0, 6)
        number = Decimal(rng.randint(0, 10 ** rng.randint(1, 9))).scaleb(-decimals)
        group, mark = rng.choice(((",", "."), (".", ","), (" ", ","), ("'", "."), ("", "."), ("", ",")))
        text = f"{number:,f}".replace(",", "g").replace(".", mark).replace("g", group)
        cell = read_number(text, VALUE)
        if cell.wrong:
            asked += 1
            assert (
                len(text.replace(group or mark, mark).split(mark)) == 2
                and len(text.split(mark)[-1 if mark in text else 0]) >= 3
            ), text
            assert (
                format(number.normalize(), "f").rstrip("0").rstrip(".") in cell.wrong.replace("0 if", " if")
                or str(int(number)) in cell.wrong
            )
        else:
            read += 1
            assert Decimal(cell.text) == number or abs(float(cell.text) - float(number)) <= 1e-9 * float(number), text
    assert read > 1000 and asked > 10
