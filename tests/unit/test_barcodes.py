"""Barcodes with what stands around them, several libraries in one file, and what two samples share by chance."""

import _barcodes
from _errors import InputError

import numpy as np
import pandas as pd
import pytest


def drawn(n: int, seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    return ["".join(letters) for letters in rng.choice(list("ACGT"), (n, 16))]


CELLS = drawn(300, 1)
OTHERS = drawn(300, 2)


@pytest.mark.parametrize(
    "written",
    [
        "P1_T1_{}-1",
        "P1_T1:{}-1",
        "P1_T1#{}-1",
        "{}-1_2",
        "{}-1-0",
        "{}.1",
        "{}-7",
        "{}_P1_T1",
        "x.GATTACA_{}x",
        "20240315_{}",
    ],
)
def test_what_all_barcodes_have_around_them_is_stripped_and_said(written):
    codes, warnings = _barcodes.own_barcodes(pd.Series([written.format(code) for code in CELLS]), "S: f.csv")
    assert codes.tolist() == CELLS
    assert warnings == [
        f"S: f.csv: barcodes are written {written.format(CELLS[0])}; only the nucleotides are compared ({written.format('*')})"
    ]


@pytest.mark.parametrize("written", ["{}", "{}-1"])
def test_barcodes_as_cell_ranger_writes_them_are_not_spoken_of(written):
    codes, warnings = _barcodes.own_barcodes(pd.Series([written.format(code) for code in CELLS]), "S")
    assert codes.tolist() == CELLS and warnings == []


@pytest.mark.parametrize("names", [["1042", "77", "90313"], ["01_02_03", "01_02_04"], ["ACGTACGTAC_GTACGTACGT"], []])
def test_ids_that_are_no_run_of_nucleotides_stay_whole(names):
    codes, warnings = _barcodes.own_barcodes(pd.Series(names, dtype=str), "S")
    assert codes.tolist() == names and warnings == []


def merged(first: str, second: str) -> pd.Series:
    return pd.Series([first.format(code) for code in CELLS[:150]] + [second.format(code) for code in OTHERS])


@pytest.mark.parametrize(("first", "second"), [("{}-2", "{}-1"), ("P1_T1_{}-1", "P1_T2_{}-1"), ("{}-1_1", "{}-1_2")])
def test_of_several_libraries_in_one_file_the_one_that_fits_is_taken(first, second):
    codes, warnings = _barcodes.own_barcodes(merged(first, second), "S: f.csv", "S", frozenset(CELLS))
    assert codes.dropna().tolist() == CELLS[:150] and codes.notna().tolist() == [True] * 150 + [False] * 300
    own = first.format("*")
    assert warnings[0] == f"S: f.csv holds 2 libraries: 150 rows of {own} are used, 300 of others left out"


def test_the_samples_own_name_decides_where_too_few_cells_do_not():
    codes = pd.Series([f"P1_T1_{CELLS[0]}-1", *(f"P1_T10_{code}-1" for code in OTHERS)])
    found, _ = _barcodes.own_barcodes(codes, "S", "P1-T1", frozenset(CELLS))
    assert found.dropna().tolist() == CELLS[:1]


def test_several_libraries_of_which_none_or_two_fit_are_an_error_with_a_barcode_of_each_file():
    for cells, how in ((drawn(300, 3), "none of them fit"), (CELLS + OTHERS, "2 of them fit")):
        with pytest.raises(InputError) as caught:
            _barcodes.own_barcodes(merged("{}-1", "{}-2"), "S: f.csv", "S", frozenset(cells))
        assert f"(*-1 and *-2), {how} its matrix (here {CELLS[0]}-1, there {min(cells)})" in str(caught.value)


def test_chance_is_rarely_taken_for_more():
    rng = np.random.default_rng(0)
    for n, m in ((5, 500), (100, 4000), (4000, 4000), (4000, 12_000)):
        shared = rng.hypergeometric(m, _barcodes.WHITELIST - m, n, 10_000)
        too_many = sum(_barcodes.more_than_chance(int(k), n, m) for k in shared)
        assert too_many <= 20, (n, m, too_many)
    assert _barcodes.more_than_chance(3, 10, 4000) and _barcodes.more_than_chance(40, 400, 500)


def test_a_library_that_fits_by_chance_only_makes_no_doublets():
    def table(library: str, codes: list[str]) -> pd.DataFrame:
        ids = [f"S:{code}" for code in codes]
        return pd.DataFrame({"cell_id": ids, "library": library, "is_cell": True, "high_confidence": True})

    cells = [f"S:{code}" for code in CELLS]
    own, foreign, few = table("TCR", CELLS[:40]), table("BCR", [CELLS[0], *OTHERS[:40]]), table("BCR", OTHERS[:19])
    assert set(_barcodes.fitting(pd.concat([own, foreign]), cells)["library"]) == {"TCR"}
    assert len(_barcodes.fitting(pd.concat([own, few]), cells)) == 59, "few cells are not judged"
