"""Precursors of B cells: found by their genes, whatever their number, and nothing that other cells show is taken for one."""

import _precursors
from _errors import InputError

import numpy as np
import pandas as pd
import pytest
from helpers.precursor_cells import gene_table, make


def found_in(kinds, tcr=(), **options):
    """(what the genes say with `kind` per cell); tcr: kinds with a T-cell receptor."""
    counts, umis, kind = make(kinds, **options)
    genes = gene_table()
    table = _precursors.find_precursors(counts, umis, genes, np.ones(len(genes), bool), np.isin(kind, list(tcr)))
    return table.assign(kind=kind)


def row_of(table, day=28, events=(("CD19 CAR-T infusion", 0),), clones=None, libraries="BCR TCR"):
    """The row of precursors.tsv of made cells of one sample."""
    cells = table.assign(day=day, cell_type="pDC", libraries=libraries, clone=None if clones is None else clones)
    given = pd.DataFrame(events, columns=["event", "day"]).assign(kind="therapy") if events is not None else None
    return _precursors.of_sample(cells, None if given is None else _precursors.directed_therapies(given))


# Cells.


@pytest.mark.parametrize("kind", ["blast", "blast CD19-"])
@pytest.mark.parametrize("depth", [1500, 4000])
def test_fifty_precursors_in_a_sample_of_sixty_cells_are_found(kind, depth):
    """Nearly all of the sample's composition is theirs, so that it stands for ambient RNA too."""
    table = found_in({kind: 50, "T": 10}, tcr=["T"], depth=depth)
    assert table.precursor[table.kind == kind].mean() > (0.4 if depth == 1500 else 0.8)
    assert not table.precursor[table.kind == "T"].any()
    row = row_of(table)
    assert row["reading"] == "open" and row["after"] == "yes" and row["therapy"] == "CD19 CAR-T infusion"
    assert row["cd19"] == ("present" if kind == "blast" else "lost")
    assert (row["cd19_n"] == 0) == (kind != "blast") and row["cd22"] == "present"


def test_three_among_ten_thousand_are_found():
    """CAR-T cells of a sort, with a few blasts between them."""
    table = found_in({"T": 9997, "blast": 3}, tcr=["T"], depth=5000)
    assert table.kind[table.precursor].tolist() == ["blast"] * 3 and row_of(table)["n"] == 3


@pytest.mark.parametrize(
    "kinds",
    [
        {"T": 2000, "naive B": 1000, "monocyte": 1000},
        {"T": 100, "naive B": 100, "T + naive B": 2, "monocyte + naive B": 2},
        {"stem": 300, "monocyte": 300, "T": 300},
        {"T": 60},
    ],
    ids=["adult blood", "two B-T doublets", "stem cells", "T cells alone"],
)
@pytest.mark.parametrize("depth", [1500, 4000, 10000])
def test_other_cells_are_no_precursors(kinds, depth):
    table = found_in(kinds, depth=depth)
    assert table.precursor.sum() <= 1 and row_of(table)["reading"] in ("none", "not testable")


def test_a_cell_with_a_receptor_or_genes_of_another_type_is_a_doublet():
    table = found_in({"blast": 20, "blast + T": 20, "blast + monocyte": 20, "T": 300, "monocyte": 300}, depth=6000)
    other = table[table.kind.str.startswith("blast +")]
    assert other.doublet.mean() > 0.8 and table.precursor[table.kind == "blast"].mean() > 0.9
    with_tcr = found_in({"blast": 20, "T": 100}, tcr=["blast", "T"], depth=6000)
    assert not with_tcr.precursor.any() and with_tcr.doublet.sum() >= 18


def test_ambient_rna_of_blasts_makes_no_precursors():
    table = found_in({"blast": 400, "T": 300, "naive B": 300}, soup=0.1, depth=5000)
    share = table.groupby("kind").precursor.mean()
    assert share["blast"] > 0.95 and share["T"] < 0.005 and share["naive B"] < 0.02


def test_a_matrix_without_the_genes_says_nothing():
    counts, umis, _ = make({"blast": 10})
    genes = gene_table()
    measured = ~genes["role"].eq("immature").to_numpy()
    assert _precursors.find_precursors(counts, umis, genes, measured, np.zeros(10, bool)) is None
    cells = pd.DataFrame({"precursor": [pd.NA] * 10, "day": 28, "cell_type": "B", "clone": None})
    assert _precursors.of_sample(cells, None)["reading"] == "not testable"


def test_cells_too_shallow_to_show_a_blast_are_not_testable_rather_than_free_of_them():
    assert row_of(found_in({"T": 300}, depth=1000))["reading"] == "not testable"
    assert row_of(found_in({"T": 300}, depth=4000))["reading"] == "none"


def test_chance_to_recognise_a_cell_is_that_of_two_genes_of_each_set():
    rng = np.random.default_rng(1)
    rates = {"lineage": np.array([2.0, 1.0, 0.5]), "immature": np.array([3.0, 1.0])}
    drawn = [((rng.poisson(0.5 * of, (20000, len(of))) > 0).sum(1) >= 2) for of in rates.values()]
    assert _precursors.recognised(np.array([5000.0]), rates)[0] == pytest.approx((drawn[0] & drawn[1]).mean(), abs=0.01)


# Samples.


def haematogones(light=True):
    late = {"pre-B kappa": 30, "pre-B lambda": 20} if light else {"pre-B": 50}
    return {"T": 1200, "monocyte": 400, "naive B": 100, "pro-B": 40} | late


def test_haematogones_with_polyclonal_receptors_are_said_as_such():
    table = found_in(haematogones(False), tcr=["T"], depth=4000)
    assert 0.03 < table.precursor.mean() < 0.06
    clones = [f"P.B{at}" if kind == "pre-B" else None for at, kind in enumerate(table.kind)]
    row = row_of(table, clones=clones)
    assert row["reading"] == "polyclonal" and row["largest_clone"] == 1 and row["with_bcr"] >= 45
    assert row_of(table)["reading"] == "open"
    # A leukaemic minority shows in the largest clone.
    mixed = [None if clone is None else "P.B0" if at % 5 == 0 else clone for at, clone in enumerate(clones)]
    assert row_of(table, clones=mixed)["reading"] == "open"


def test_receptors_of_a_sample_without_the_library_are_unknown_not_none():
    table = found_in(haematogones(False), depth=4000)
    assert (row_of(table)["with_bcr"], row_of(table)["largest_clone"]) == (0, 0)
    row = row_of(table, libraries="TCR")
    assert "with_bcr" not in row and "largest_clone" not in row and row["reading"] == row_of(table)["reading"]


def test_light_chains_of_both_kinds_speak_for_haematogones_and_decide_nothing():
    row = row_of(found_in(haematogones(), tcr=["T"], depth=6000))
    assert row["reading"] == "all stages" and min(row["early"], row["kappa"], row["lambda"]) >= 10
    assert row_of(found_in({"T": 400, "pre-B kappa": 40, "pro-B": 20}, tcr=["T"], depth=6000))["reading"] == "open"


@pytest.mark.parametrize(
    ("n", "with_bcr", "largest", "expected"),
    [(2, 0, 0, "none"), (3, 0, 0, "open"), (50, 40, 36, "one clone"), (50, 6, 6, "one clone"), (50, 5, 3, "open"),
     (50, 20, 1, "polyclonal"), (50, 14, 1, "open"), (10, 5, 1, "open"), (200, 100, 5, "polyclonal"), (200, 100, 6, "open")],
)  # fmt: skip
def test_receptors_decide_only_where_they_are_many_and_clear(n, with_bcr, largest, expected):
    assert _precursors.reading(n, 0, 0, 0, with_bcr, largest) == expected


def test_an_antigen_is_lost_only_where_it_would_have_been_seen():
    assert _precursors.antigen_state([False] * 50, [0.0] * 50, [0.3] * 50)[0] == "lost"
    assert _precursors.antigen_state([False] * 5, [0.0] * 5, [0.3] * 5)[0] == "undecided"
    assert _precursors.antigen_state([True] * 5 + [False] * 45, [0.001] * 50, [0.3] * 50) == (
        "present",
        pytest.approx(0.3),
    )
    assert (
        _precursors.antigen_state([True] * 5 + [False] * 45, [0.1] * 50, [0.3] * 50)[0] == "undecided"
    )  # soup shows as much


# Therapies.


@pytest.mark.parametrize(
    ("event", "kind", "expected"),
    [
        ("CD19 CAR-T infusion", "therapy", ["CD19"]), ("CAR T cells", "therapy", ["CD19"]), ("tisagenlecleucel", "Treatment", ["CD19"]),
        ("Kymriah (tisa-cel)", "therapy", ["CD19"]), ("Blinatumomab cycle 2", "therapy", ["CD19"]), ("blina", "drug", ["CD19"]),
        ("inotuzumab ozogamicin", "therapy", ["CD22"]), ("CD19/CD22 CAR-T", "therapy", ["CD19", "CD22"]), ("CD22 CAR-T", "therapy", ["CD22"]),
        ("anti-CD19 antibody", "x", ["CD19"]), ("Lymphodepletion and CAR-T infusion", "therapy", ["CD19"]),
        ("blinatumomab for MRD relapse", "therapy", ["CD19"]), ("brexu-cel", "therapy", ["CD19"]),
        ("lymphodepletion before CAR-T", "therapy", []), ("CAR-T leukapheresis", "procedure", []), ("planned CAR-T infusion", "therapy", []),
        ("BCMA CAR-T", "therapy", []), ("cilta-cel CAR-T", "therapy", []), ("CD7 CAR-T", "therapy", []), ("daratumumab", "therapy", []),
        ("CD19-negative relapse", "diagnosis", []), ("remission after CAR-T", "response", []), ("carfilzomib", "therapy", []),
        ("carmustine", "therapy", []), ("VOVP cycle 1", "therapy", []), ("CD19 20 %", "flow", []),
    ],
)  # fmt: skip
def test_therapies_against_cd19_and_cd22_are_recognised(event, kind, expected):
    assert _precursors.targets(event, kind) == expected


def test_only_samples_after_a_therapy_are_after_it():
    table = found_in({"blast": 10, "T": 200}, tcr=["T"], depth=5000)
    events = (("inotuzumab", -20), ("CD19 CAR-T infusion", 0), ("blinatumomab", 90))
    assert row_of(table, 0)["after"] == "no" and row_of(table, events=None)["after"] == "unknown"
    row = row_of(table, 28, events)
    assert (row["therapy"], row["therapy_day"], row["target"]) == ("CD19 CAR-T infusion", 0, "CD19 CD22")
    assert row_of(table, 0, events)["target"] == "CD22"


def test_a_table_of_genes_with_mistakes_is_a_sentence():
    genes = gene_table().astype(str)
    with pytest.raises(InputError, match="role 'x' is unknown"):
        _precursors.checked_genes(genes.assign(role="x"))
    with pytest.raises(InputError, match="needs per_10k"):
        _precursors.checked_genes(genes.assign(background=""))
