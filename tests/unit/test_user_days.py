"""Days as people write them."""

import random
from datetime import date, timedelta

from _errors import InputError
from _user_days import Days, reference_dates

import pytest

DAY = {"type": "day", "write": "write whole days", "min": -20000, "max": 20000}
DAYS = Days({"P1": {"T1": "-210", "M6": "180", "D28": "30"}}, {"": date(2024, 1, 10), "P2": date(2023, 11, 2)})


@pytest.mark.parametrize(
    ("text", "day"),
    [("28", "28"), ("+28", "28"), ("28.0", "28"), ("\u221214", "-14"), ("D+28", "28"), ("d28", "28"), ("D-7", "-7"), ("Day 28", "28"), ("D 0", "0"),
     ("Tag 28", "28"), ("J+28", "28"), ("día 28", "28"), ("第28天", "28"), ("28 d", "28"), ("28 days", "28"), ("W4", "28"), ("week 4", "28"),
     ("M3", "91"), ("+3M", "91"), ("3 months", "91"), ("M-2", "-61"), ("12 Monate", "365"), ("Y1", "365"), ("2024-02-07", "28"), ("07.02.2024", "28"),
     ("2024/02/07", "28"), ("7-Feb-2024", "28"), ("Feb 7, 2024", "28"), ("25/01/2024", "15"), ("1/25/2024", "15"), ("2023-06-14", "-210"),
     ("2024-02-07 08:30", "28"), ("02/02/2024", "23")],
)  # fmt: skip
def test_days_that_are_understood(text, day):
    cell = DAYS.read(text, DAY, "P3")
    assert (cell.text, cell.wrong) == (day, "")


def test_a_time_point_of_the_patient_goes_before_a_number_of_months_or_days():
    assert [DAYS.read(text, DAY, "P1").text for text in ("T1", "M6", "D28", "D+28")] == ["-210", "180", "30", "28"]
    assert DAYS.read("M6", DAY, "P2").text == "183"
    assert DAYS.read("T1", DAY, "P2").wrong


def test_each_patient_may_have_a_date_of_its_own():
    assert DAYS.read("2024-02-07", DAY, "P2").text == "97"
    assert reference_dates("P1=2024-01-10,P2=2023-11-02") == {"P1": date(2024, 1, 10), "P2": date(2023, 11, 2)}
    assert reference_dates("2024-01-10") == {"": date(2024, 1, 10)} and reference_dates("") == {}
    for wrong in ("10.01.2024", "P1=", "2024-13-01"):
        with pytest.raises(InputError, match="is no date"):
            reference_dates(wrong)


@pytest.mark.parametrize(
    ("text", "said"),
    [("03/04/2024", "2024-04-03 or 2024-03-04"), ("15.03.24", "year in four digits"), ("5-Jan", "year in four digits"), ("Mar-24", "four digits"),
     ("31.02.2024", "no day of the calendar"), ("relapse", "no whole number"), ("1.000", "may be 1000 or 1"), ("28.5", "no whole number"),
     ("45352", "spreadsheet's number of a date"), ("T9", "no whole number"), ("D", "no whole number"), ("1850-01-01", "outside"), ("ongoing", "no whole")],
)  # fmt: skip
def test_days_that_are_asked_about(text, said):
    cell = DAYS.read(text, DAY, "P1")
    assert said in cell.wrong and cell.text == text


def test_a_date_without_a_reference_date_says_what_to_give():
    assert "--reference_date" in Days().read("2024-02-07", DAY, "P1").wrong
    assert "none of P1" in Days(references={"P2": date(2024, 1, 1)}).read("2024-02-07", DAY, "P1").wrong


@pytest.mark.parametrize("seed", range(3))
def test_dates_in_all_spellings_are_the_same_day_or_asked_about(seed):
    rng = random.Random(seed)
    for _ in range(500):
        day = rng.randint(-3000, 3000)
        when = date(2024, 1, 10) + timedelta(days=day)
        form = rng.choice(
            (
                "%Y-%m-%d",
                "%d.%m.%Y",
                "%d/%m/%Y",
                "%m/%d/%Y",
                "%d-%b-%Y",
                "%B %d, %Y",
                "%Y/%m/%d",
                "%d-%m-%Y",
                "%d %B %Y",
            )
        )
        cell = DAYS.read(when.strftime(form), DAY, "P3")
        assert cell.text == str(day) or (when.day <= 12 and when.isoformat() in cell.wrong), (when, form, cell)
