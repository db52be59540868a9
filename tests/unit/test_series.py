"""Which samples of a patient are compared: one tissue and one sort, and no product."""

import _series

import pandas as pd
import pytest

COLUMNS = ["sample", "patient", "timepoint", "day", "tissue", "sort", "cells"]
# One patient with marrow at T1 and T3, blood at T2, a CD3-sorted marrow at T3, and the product that was infused on day 0.
MADE = [
    ("P1_T1", "P1", "T1", -20, "bone marrow", "", 500),
    ("P1_IP", "P1", "T0", 0, "CAR-T product", "", 9000),
    ("P1_T2", "P1", "T2", 28, "blood", "", 800),
    ("P1_T3", "P1", "T3", 90, "bone marrow", "", 400),
    ("P1_T3s", "P1", "T3", 90, "bone marrow", "CD3+", 2000),
]


def samples(rows):
    return pd.DataFrame(rows, columns=COLUMNS)


def series(rows) -> dict[str, str]:
    return _series.with_series(samples(rows)).set_index("sample")["series"].to_dict()


@pytest.mark.parametrize(
    ("tissue", "product"),
    [
        ("CAR-T product", True), ("infusion product", True), ("Product", True), ("leukapheresis", True), ("Apheresis", True),
        ("leukocytapheresis", True), ("infusion bag", True), ("blood", False), ("bone marrow", False), ("", False),
        ("production line", False), ("PBMC", False),
    ],
)  # fmt: skip
def test_words_of_a_product(tissue, product):
    assert _series.is_product(tissue) == product


def test_the_main_series_has_the_most_time_points_and_a_product_is_none():
    assert series(MADE) == {"P1_T1": "main", "P1_IP": "product", "P1_T2": "other", "P1_T3": "main", "P1_T3s": "other"}


def test_of_as_many_time_points_the_series_with_most_cells_is_taken_then_the_first():
    two = [("m", "P1", "T1", 0, "bone marrow", "", 500), ("b", "P1", "T2", 28, "blood", "", 501)]
    assert series(two) == {"m": "other", "b": "main"}
    assert series([two[0], (*two[1][:-1], 500)]) == {"m": "main", "b": "other"}


def test_of_as_many_time_points_unsorted_samples_are_the_patient_s():
    rows = [("s", "P1", "T1", 91, "blood", "CD3+ CAR+", 57), ("u", "P1", "T1", 91, "blood", "", 54)]
    assert series(rows) == {"s": "other", "u": "main"}
    later = ("s2", "P1", "T2", 152, "blood", "CD3+ CAR+", 20)
    assert series([*rows, later]) == {"s": "main", "u": "other", "s2": "main"}


def test_a_sample_of_which_no_cell_was_kept_counts_as_no_time_point():
    rows = [
        ("m1", "P1", "T1", 0, "bone marrow", "", 0), ("m2", "P1", "T2", 28, "bone marrow", "", 100),
        ("b1", "P1", "T1", 0, "blood", "", 60), ("b2", "P1", "T2", 28, "blood", "", 60),
    ]  # fmt: skip
    assert series(rows) == {"m1": "other", "m2": "other", "b1": "main", "b2": "main"}
    assert series(rows[:2]) == {"m1": "main", "m2": "main"}


def test_samples_without_tissue_and_sort_are_all_compared_and_lanes_with_them():
    rows = [
        ("a", "P1", "T1", 0, None, None, 5),
        ("b", "P1", "T1", 0, None, None, 5),
        ("c", "P1", "T2", 9, None, None, 5),
    ]
    assert set(series(rows).values()) == {"main"}
    assert set(_series.with_series(samples(rows).drop(columns=["tissue", "sort"]))["series"]) == {"main"}
    assert _series.not_compared(_series.with_series(samples(rows))) == ""


def test_each_patient_has_a_main_series_of_its_own():
    rows = [*MADE, ("P2_T1", "P2", "T1", 0, "blood", "", 9), ("P2_T2", "P2", "T2", 9, "blood", "", 9)]
    assert series(rows)["P2_T1"] == "main" and series(rows)["P1_T2"] == "other"


def test_products_alone_are_one_time_point_at_most():
    rows = [
        ("x", "P1", "A", -30, "leukapheresis", "", 900), ("y", "P1", "B", 0, "product", "", 1000),
        ("z", "P1", "C", 40, "product", "", 1500),
    ]  # fmt: skip
    assert series(rows) == {"x": "product", "y": "product", "z": "main"}


def test_cells_of_the_main_series_by_sample():
    cells = samples(MADE).drop(columns="cells").loc[[0, 0, 1, 2, 3, 4, 4, 4]].astype({"sample": "category"})
    assert cells["sample"][_series.main_series(cells)].tolist() == ["P1_T1", "P1_T1", "P1_T3"]
    assert _series.samples_of(cells)["cells"].tolist() == [2, 1, 1, 1, 3]
    assert _series.main_series(cells.drop(columns="patient")).sum() == 3


def test_what_is_not_compared_is_named_with_the_reason():
    said = _series.not_compared(_series.with_series(samples(MADE)))
    assert said == (
        "3 samples are not compared with those of T1 and T3 (bone marrow, unsorted): P1_IP is CAR-T product, unsorted (a product, "
        "no time point); P1_T2 is blood, unsorted; P1_T3s is bone marrow, sorted (CD3+)."
    )
    of_tissue = [row for row in MADE if row[0] not in ("P1_IP", "P1_T3s")] + [("x", "P1", "T4", 120, "", "", 7)]
    assert _series.not_compared(_series.with_series(samples(of_tissue))) == (
        "2 samples are not compared with those of T1 and T3 (bone marrow): P1_T2 is blood; x is of no stated tissue."
    )
