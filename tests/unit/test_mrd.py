"""Bulk MRD clones: attribution to cells, reasons, words."""

import pytest
from helpers import mrd_case
from helpers import small_receptors as receptors

J = receptors.junctions(200, seed=7)
DAYS = {"T1": -100, "T2": 28, "T3": 180}
BLASTS = {"T1": 300, "T2": 0, "T3": 0}
PLASMA = {"T1": 5, "T2": 80, "T3": 60}


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """A patient with a blast clone at T1 and a lambda plasma clone; returns function(bulk rows) -> table, clones."""
    work = tmp_path_factory.mktemp("case")
    rows, cells = {time: [] for time in DAYS}, {}
    for time in DAYS:
        for i in range(BLASTS[time]):
            cells[f"{time}:b{i}"] = ("blast", "B-ALL blast")
            rows[time].append(receptors.heavy(f"{time}:b{i}", J[2], 2, c_call="IGHM"))
        for i in range(PLASMA[time]):
            cells[f"{time}:p{i}"] = ("plasma", "plasma cell")
            if i % 10:
                rows[time].append(receptors.heavy(f"{time}:p{i}", J[0]))
            rows[time].append(receptors.light(f"{time}:p{i}", J[1]))
        for i in range(20):
            cells[f"{time}:n{i}"] = ("B", "naive B")
            rows[time] += [receptors.heavy(f"{time}:n{i}", J[10 + i], 6), receptors.light(f"{time}:n{i}", J[40 + i], 6)]
        cells[f"{time}:l"] = ("B", "memory B")
        rows[time].append(receptors.light(f"{time}:l", J[80], 6))
        for i in range(200):
            cells[f"{time}:t{i}"] = ("T", "CD4 T")
    return mrd_case.attribution(work, rows, cells, DAYS)


def bulk(clone, locus, sequence, curve=(0.001, 0.05, 0.04), **more):
    genes = (
        {"v_call": "IGHV3-21*01", "j_call": "IGHJ6*02"} if locus == "IGH" else {"v_call": "IGLV2-23", "j_call": "IGLJ3"}
    )
    return [
        {"clone": clone, "locus": locus, "junction": sequence, "day": day, "fraction": fraction} | genes | more
        for day, fraction in zip(DAYS.values(), curve, strict=True)
    ]


def test_plasma_clone_and_blast_clone_are_told_apart(case):
    table, clones = case(bulk("H", "IGH", J[0]) + bulk("L", "IGL", J[1]) + bulk("B", "IGH", J[2], (0.6, 0, 0)))
    assert clones["H"]["verdict"].startswith("carried by plasma cells: 145 of 145 matched cells")
    assert "B-ALL blasts 0 of 300, upper bound 0.994 %" in clones["H"]["verdict"]
    assert (
        clones["L"]["matched_clone"] == clones["H"]["matched_clone"]
        and clones["L"]["verdict"] == clones["H"]["verdict"]
    )
    assert clones["B"]["verdict"].startswith("carried by B-ALL blasts at T1, not at T2, T3: 300 of 300 matched cells")
    assert clones["H"]["agreement"] == "2 of 2 steps in the same direction"
    blasts = table[(table["clone"] == "H") & (table["cell_type"] == "B-ALL blast")].iloc[0]
    assert float(blasts["high"]) == pytest.approx(1 - 0.05 ** (1 / 300), rel=1e-4) and blasts["n"] in (0, "0")


def test_matches_survive_the_ways_in_which_bulk_tables_are_written(case):
    near = J[0][:10] + ("A" if J[0][10] != "A" else "C") + J[0][11:]
    rows = {
        "lower": {"junction": J[0].lower()}, "trimmed": {"junction": J[0][3:-3]}, "no genes": {"v_call": "", "j_call": ""},
        "two genes": {"v_call": "IGHV3-11*01,IGHV3-21*02", "j_call": "IGHJ4*02,IGHJ6*03"}, "near": {"junction": near},
        "amino acids": {"junction": "", "junction_aa": receptors.translate(J[0])},
        "trimmed amino acids": {"junction": "", "junction_aa": receptors.translate(J[0])[1:-1].lower()},
        "N": {"junction": J[0][:20] + "N" + J[0][21:]},
    }  # fmt: skip
    _, clones = case([row for name, more in rows.items() for row in bulk(name, "IGH", J[0], **more)])
    assert {name: clones[name]["label"] != "" for name in rows} == dict.fromkeys(rows, True)
    assert [float(clones[name]["distance"]) for name in ("lower", "trimmed", "near", "N")] == [0, 0, 1, 0]


def test_mismatches_beyond_the_limit_do_not_match(case):
    wobble = str.maketrans("ACGT", "GTAC")
    far = J[0][:6] + J[0][6:9].translate(wobble) + J[0][9:]
    _, clones = case(bulk("far", "IGH", far))
    assert clones["far"]["matched_clone"] == ""
    _, clones = case(bulk("far", "IGH", far), "--mrd-mismatch", "3")
    assert float(clones["far"]["distance"]) == 3


def test_each_reason_for_a_non_match(case):
    deleted = {"v_call": "IGKV1-5", "j_call": "IGKDE"}
    rows = bulk("KDE", "IGK", "TGTCAACAGTATGGAGCCCTA", (0.6, 0, 0), **deleted)
    rows += bulk("rising KDE", "IGK", "TGTCAACAGTATGGAGCACTA", **deleted)
    rows += bulk("intron", "IGK", "TGTCAACAG", v_call="IGKINTR", j_call="IGKDE")
    rows += bulk("DJ", "IGH", "TGTGCG", v_call="IGHD3-10", j_call="IGHJ6")
    rows += bulk("other V", "IGH", J[0], v_call="IGHV4-34")
    rows += bulk("kappa", "IGK", J[5], v_call="IGKV1-5", j_call="IGKJ1")
    rows += bulk("rare", "IGH", J[150], (1e-5, 1e-5, 1e-5)) + bulk("common", "IGH", J[151], (0.2, 0.2, 0.2))
    rows += bulk("no junction", "IGH", "")
    _, clones = case(rows)
    reasons = {name: row["reason"] for name, row in clones.items()}
    verdicts = {name: row["verdict"] for name, row in clones.items()}
    assert (
        verdicts["KDE"].startswith("not testable: Kde removes IGKC") and "suggests and does not prove" in reasons["KDE"]
    )
    # The lambda clone rises: it is named only beside a deletion that does not fall.
    assert "expected in cells" not in reasons["KDE"]
    assert "expected in cells that express lambda" in reasons["rising KDE"]
    alike = "seen at T1 only, as B-ALL blasts are (3 sampled time points); indirect, not a match"
    assert reasons["KDE"].endswith(alike)
    moves = "indirect evidence, not a match: over 3 time points it moves as plasma cells do"
    assert moves in reasons["rising KDE"]
    assert verdicts["intron"].startswith("not testable: intron-RSS and Kde join")
    assert verdicts["DJ"].startswith("not testable: incomplete D-J")
    assert verdicts["other V"] == "not testable: V differs: the same junction is seen with IGHV3-21"
    assert verdicts["kappa"] == "not testable: no IGK chain in the patient's V(D)J libraries"
    assert verdicts["no junction"] == "not testable: no junction that can be read"
    for name, side in (
        ("rare", "bulk there 0.001 % of DNA, below this limit"),
        ("common", "20 % of DNA, above this limit"),
    ):
        assert verdicts[name].startswith("not detected (upper limit ") and side in reasons[name]
    assert float(clones["rare"]["p_missed"]) > 0.9 and float(clones["common"]["p_missed"]) < 1e-6


def test_clones_named_by_numbers_and_rows_without_a_locus(case):
    table, clones = case(bulk("1", "IGH", J[0]) + bulk("2", "", J[0], v_call="IGHV3-21*01", j_call=""))
    assert clones["1"]["matched_clone"] == clones["2"]["matched_clone"] != ""
    assert set(table["clone"]) == {"1", "2"}


def test_only_some_cells_carry_a_second_light_chain(case):
    table, _ = case(bulk("L", "IGL", J[41]))
    hits = table[table["n"].astype(str).isin(["1", "2", "3"])]
    assert set(hits["cell_type"]) == {"naive B"}


def test_cells_with_a_light_chain_alone_are_counted_but_of_no_clone(case):
    table, clones = case(bulk("L", "IGL", J[80]) + bulk("NA", "IGH", J[150]))
    assert clones["L"]["matched_clone"] == "" and clones["L"]["reason"].startswith("only light chain")
    assert clones["L"]["verdict"].startswith("carried by memory B cells: 3 of 3 matched cells")
    assert set(table["clone"]) == {"L", "NA"}


def designed(case, folder, **designs):
    """--labels of the case's cells with another tissue and sort of some time points."""
    labels = case.labels.copy()
    for time, design in designs.items():
        labels.loc[labels["timepoint"] == time, ["tissue", "sort"]] = design
    labels.to_parquet(folder / "designed.parquet")
    return "--labels", folder / "designed.parquet"


def test_how_a_clone_moves_and_whether_it_was_missed_is_of_one_tissue_and_sort(case, tmp_path):
    rows = (
        bulk("H", "IGH", J[0], (0.001, 0.5, 0.04))
        + bulk("rare", "IGH", J[150], (1e-3, 1e-3, 1e-3))
        + bulk("B", "IGH", J[2])
    )
    _, alike = case(rows)
    table, clones = case(rows, *designed(case, tmp_path, T2=("blood", "")))
    # Cells are matched in blood too; how they move, and the bound of another cell type, are those of T1 and T3.
    assert clones["H"]["verdict"].split(";")[0] == alike["H"]["verdict"].split(";")[0]
    assert "naive B cells 0 of 60, upper bound" in alike["H"]["verdict"]
    assert "naive B cells 0 of 40, upper bound" in clones["H"]["verdict"]
    assert (alike["H"]["agreement"], clones["H"]["agreement"]) == (
        "2 of 2 steps in the same direction", "1 of 1 steps in the same direction",
    )  # fmt: skip
    plasma = table[(table["clone"] == "H") & (table["cell_type"] == "plasma cell")]
    assert plasma[["timepoint", "tissue", "n", "total"]].astype(str).to_numpy().tolist() == [
        ["T1", "", "5", "5"], ["T2", "blood", "80", "80"], ["T3", "", "60", "60"]
    ]  # fmt: skip
    assert float(clones["rare"]["p_missed"]) > float(alike["rare"]["p_missed"]) > 0


def test_a_type_that_carries_the_clone_elsewhere_is_not_told_as_unseen(case, tmp_path):
    # The blasts of T1 carry B; T1 is a sort, T2 and T3 are compared.
    _, clones = case(
        bulk("B", "IGH", J[2], (0.6, 0, 0)) + bulk("H", "IGH", J[0]), *designed(case, tmp_path, T1=("", "CD19+"))
    )
    assert clones["B"]["verdict"].startswith("carried by B-ALL blasts at T1, not at T2, T3: 300 of 300 matched cells")
    assert "B-ALL blasts" not in clones["H"]["verdict"].split(";", 1)[1]  # none were sampled where it is compared


def test_depth_is_not_judged_in_sorted_cells(case, tmp_path):
    sorts = designed(case, tmp_path, **dict.fromkeys(DAYS, ("", "CD3+")))
    _, clones = case(bulk("common", "IGH", J[151], (0.2, 0.2, 0.2)), *sorts)
    assert clones["common"]["verdict"] == "not testable: the cells were sorted (CD3+), so that depth cannot be judged"
    assert clones["common"]["p_missed"] == clones["common"]["upper_limit"] == ""


def test_no_rows_for_the_patient(case):
    table, _ = case([{"patient": "P2"} | row for row in bulk("H", "IGH", J[0])])
    assert table.empty
