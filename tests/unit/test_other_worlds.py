"""The design of the campaign meets every pair of levels, and its judgement says what is wrong."""

from itertools import combinations, product

import numpy as np
import pytest
import simulate_case
from helpers.other_worlds import KNOBS, design, failures, options, possible


def test_every_pair_of_levels_that_can_go_together_is_met() -> None:
    worlds = design()
    assert 20 <= len(worlds) <= 27 and all(map(possible, worlds)) and design() == worlds
    assert len({tuple(world.values()) for world in worlds}) == len(worlds)
    met = {(a, world[a], b, world[b]) for world in worlds for a, b in combinations(KNOBS, 2)}
    asked = {(a, x, b, y) for a, b in combinations(KNOBS, 2) for x, y in product(KNOBS[a], KNOBS[b])}
    impossible = {
        *(("disease", "healthy", "car", share) for share in ("0", "0.4", "0.9")),
        ("disease", "healthy", "sort", "CAR+"),
        ("car", "0", "sort", "CAR+"),
        *(("absent", "T", "car", share) for share in ("0.4", "0.9")),
        *(("absent", "T", "sort", sort) for sort in ("CD3+", "CAR+")),
    }
    assert asked - met == impossible


def test_worlds_are_options_of_the_simulator() -> None:
    for world in design():
        given = simulate_case.main.make_context("simulate_case", ["--out", "case", *options(world)]).params
        assert given["profiles"] == world["profiles"] and given["healthy"] == (world["disease"] == "healthy")
        assert given["car"] == (None if world["car"] == "usual" else float(world["car"]))


GOOD = {
    "cells": 1000,
    "types": 0.97,
    "false names": 0.0,
    "which": "",
    "events": "",
    "late precursors": 0,
    "late blasts": 0,
}
GOOD |= {f"{what} {of}": np.nan for what in ("malignant", "CAR") for of in ("precision", "recall")}
GOOD |= {"malignant calls": 0, "CAR calls": 0} | {"T": 0.2, "NK": 0.2, "myeloid": 0.2, "plasma": np.nan}


@pytest.mark.parametrize(
    "disease, changed, first, wrong",
    [
        ("healthy", {}, "", []),
        ("healthy", {"malignant calls": 2}, "", ["2 malignant cells"]),
        ("healthy", {"events": "1q gain of CD4 T"}, "", ["copy number: 1q gain of CD4 T"]),
        ("clone", {"malignant calls": 9, "malignant recall": 0.5}, "", ["malignant recall 0.50 < 0.92"]),
        ("clone", {"false names": 0.02, "which": "NK"}, "", ["false names 2.0 % (NK)"]),
        ("clone", {"cells": 2500, "NK": 0.9, "myeloid": 0.96}, "", ["T 0.20 < 0.85"]),
        ("relapse CD19-", {"late blasts": 100, "late precursors": 95}, "95 B-lineage precursors at T3", []),
        ("relapse CD19-", {"late blasts": 100, "late precursors": 95}, "", ["relapse: not what is to be looked at first"]),
        ("relapse CD19+", {"late blasts": 100, "late precursors": 8}, "8 B-lineage precursors at T3",
         ["relapse: 8 precursors, 100 blasts"]),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(disease: str, changed: dict, first: str, wrong: list[str]) -> None:
    assert failures({"disease": disease}, GOOD | changed, first) == wrong
