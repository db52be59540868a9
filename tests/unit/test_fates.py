"""Fates of clones: classes, test, growth and intervals."""

import json

from _receptors import Lineages

import fates
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from helpers import small_receptors as receptors
from scipy.stats import fisher_exact

DAYS = {"T1": -200, "T2": 28, "T3": 180}


def followed(cells: pd.DataFrame, labels: pd.Series) -> pd.DataFrame:
    """Fates of BCR clones of three cells or more."""
    expected = Lineages(receptors.LINEAGES).possible("BCR")
    return fates.fates_of(cells, labels, "BCR", expected, DAYS, 3, 0.05)


def table_of(counts, lineages=None, evidence="paired"):
    """Fates of BCR clones from clone -> cells per time. The clone `rest` is single cells of its lineage."""
    rows = []
    for clone, numbers in counts.items():
        for time, n in zip(DAYS, numbers, strict=True):
            rows += [{"clone": clone, "timepoint": time, "lineage": (lineages or {}).get(clone, "plasma")}] * n
    cells = pd.DataFrame(rows).assign(counted=True, evidence=evidence)
    labels = pd.Series({clone: f"{clone}_label" for clone in counts})
    table = followed(cells, labels)
    return table, table.drop_duplicates("clone").set_index("clone")


def test_each_class():
    counts = {
        "same": (50, 52, 49), "lost": (80, 60, 0), "new": (0, 0, 90), "up": (20, 0, 150), "down": (150, 0, 20),
        "few": (2, 1, 0), "rest": (700, 890, 700),
    }  # fmt: skip
    _, fate = table_of(counts)
    assert fate["fate"].to_dict() == {
        "same": "persistent", "lost": "lost", "new": "emerging", "up": "expanded", "down": "contracted",
        "few": "undetermined", "rest": "persistent",
    }  # fmt: skip
    assert fate.loc[["same", "up", "down"], "change"].tolist() == ["not shown", "expanded", "contracted"]


def test_a_clone_seen_at_every_time_is_persistent_and_its_change_stands_beside():
    _, fate = table_of({"clone": (25, 1100, 750), "rest": (60, 400, 210)})
    assert fate.loc["clone", ["fate", "change", "basis"]].tolist() == ["persistent", "expanded", "plasma"]


def test_comparison_is_within_the_lineage_unless_the_lineage_is_gone():
    counts = {"blast": (900, 0, 0), "plasma": (30, 310, 290), "rest": (70, 690, 710)}
    _, fate = table_of(counts, {"blast": "blast"})
    assert fate.loc["blast", ["fate", "basis", "lineage"]].tolist() == ["lost", "all", "blast"]
    # Among all cells the plasma clone rises tenfold as the blasts go; among plasma cells it stays.
    assert fate.loc["plasma", ["fate", "change", "basis"]].tolist() == ["persistent", "not shown", "plasma"]


def test_a_relapse_is_persistent_with_its_gap_in_the_table():
    counts = {"blast": (145, 0, 83), "rest": (60, 900, 500)}
    table, fate = table_of(counts, {"blast": "blast"})
    assert fate.loc["blast", ["fate", "change", "basis"]].tolist() == ["persistent", "not shown", "blast"]
    gap = table[(table["clone"] == "blast") & (table["timepoint"] == "T2")].iloc[0]
    assert gap["n"] == 0 and gap["high"] == pytest.approx(1 - 0.05 ** (1 / 900))


def test_one_cell_with_a_light_chain_is_neither_presence_nor_absence():
    rows = [
        {"clone": clone, "timepoint": time, "lineage": "plasma", "counted": True, "evidence": evidence}
        for clone, time, evidence, n in (
            ("a", "T1", "VJ attached", 1), ("a", "T2", "paired", 90), ("a", "T3", "paired", 95),
            ("rest", "T1", "paired", 100), ("rest", "T2", "paired", 100), ("rest", "T3", "paired", 90),
        )
        for _ in range(n)
    ]  # fmt: skip
    labels = pd.Series({"a": "x", "rest": "y"})
    table = followed(pd.DataFrame(rows), labels)
    assert table[["fate", "change"]].iloc[0].tolist() == ["expanded", "expanded"]


def test_a_share_among_all_cells_is_no_expansion():
    # Four plasma cells at T1 among blasts, most of the receptor cells at T3: the blasts went, the clone need not have grown.
    counts = {"plasma": (4, 90, 40), "rest": (5, 30, 15), "blast": (500, 0, 0)}
    _, fate = table_of(counts, {"blast": "blast"})
    assert fate.loc["plasma", ["fate", "change", "basis"]].tolist() == ["persistent", "not shown", "all"]
    assert np.isnan(fate.loc["plasma", "p_sampling"])


def test_a_doubling_time_needs_a_change():
    # Within the plasma cells the rise of `slow` is not shown at the FDR; the trend over three times alone is no doubling.
    counts = {"slow": (4, 10, 14), "up": (20, 90, 150), "rest": (300, 300, 300), "down": (150, 60, 20)}
    _, fate = table_of(counts | {f"flat{at}": (20, 20, 20) for at in range(6)})
    assert fate.loc["slow", "change"] == "not shown" and fate.loc["slow", "growth_low"] > 0
    assert fate.index[fate["doubling_days"].notna()].tolist() == ["up"]


def test_zero_is_not_absent():
    table, _ = table_of({"a": (5, 0, 0), "rest": (95, 100, 40)})
    row = table[(table["clone"] == "a") & (table["timepoint"] == "T3")].iloc[0]
    assert (row["n"], row["low"]) == (0, 0) and row["high"] == pytest.approx(1 - 0.05 ** (1 / 40))
    assert row["fate"] == "undetermined"


def test_a_time_without_receptors_is_not_a_loss():
    table, fate = table_of({"a": (40, 45, 0), "rest": (60, 55, 0)})
    assert fate.loc["a", "fate"] == "persistent"
    last = table[(table["clone"] == "a") & (table["timepoint"] == "T3")].iloc[0]
    assert last["total"] == 0 and np.isnan(last["share"]) and np.isnan(last["high"])


def test_presence_is_not_claimed_from_cells_of_other_lineages():
    table, _ = table_of({"a": (200, 100, 0), "rest": (300, 400, 500)})
    stray = pd.DataFrame({"clone": ["a"], "timepoint": ["T3"], "lineage": ["T"], "counted": True, "evidence": "paired"})
    counts = {"a": (200, 100, 0), "rest": (300, 400, 500)}
    rows = [
        {"clone": c, "timepoint": t, "lineage": "plasma", "counted": True, "evidence": "paired"}
        for c, ns in counts.items() for t, n in zip(DAYS, ns, strict=True) for _ in range(n)
    ]  # fmt: skip
    cells = pd.concat([pd.DataFrame(rows), stray], ignore_index=True)
    found = followed(cells, pd.Series({"a": "x", "rest": "y"}))
    assert table["fate"].iloc[0] == found["fate"].iloc[0] == "lost"


def test_test_is_near_fisher_and_never_smaller_by_much():
    rng = np.random.default_rng(0)
    n = rng.integers(0, 30, (50, 2))
    totals = n + rng.integers(20, 200, (50, 2))
    mine = fates.two_sided(n[:, 0], totals[:, 0], n[:, 1], totals[:, 1])
    theirs = [fisher_exact([[a, A - a], [b, B - b]])[1] for (a, b), (A, B) in zip(n, totals, strict=True)]
    assert np.corrcoef(mine, theirs)[0, 1] > 0.98 and (mine > 0.9 * np.array(theirs)).all()


def test_unchanged_clones_are_rarely_called():
    rng = np.random.default_rng(1)
    shares = np.r_[np.full(60, 0.01), 0.4]
    wrong = 0
    for _ in range(40):
        counts = np.array([rng.multinomial(size, shares) for size in (800, 2500, 2000)]).T
        totals = np.tile(counts.sum(0), (len(shares), 1))
        fate, change, _, _ = fates.classify(fates.compared(counts, totals, counts, totals, counts, counts), 0.05)
        wrong += (change != "not shown").sum() + np.isin(fate, ["lost", "emerging", "expanded", "contracted"]).sum()
    assert wrong / (40 * len(shares)) < 0.01


def test_growth_recovers_the_rate():
    rng = np.random.default_rng(2)
    days = np.array([0.0, 30, 60, 100])
    share = 0.002 * np.exp(0.03 * days)
    total = np.full((300, 4), 4000)
    n = rng.binomial(total, share)
    slope, low, high = fates.growth(n, total, days)
    assert slope.mean() == pytest.approx(0.03, rel=0.03)
    assert 0.92 < ((low < 0.03) & (high > 0.03)).mean() <= 1
    alone = fates.growth(np.array([[3, 0]]), np.array([[10, 0]]), np.array([0.0, 5]))
    assert np.isnan(alone[0]).all()


def test_intervals_cover():
    rng = np.random.default_rng(3)
    inside = []
    for total, share in ((40, 0.1), (400, 0.02), (1500, 0.3), (3000, 0.005)):
        n = rng.binomial(total, share, 4000)
        _, low, high = fates.wilson(n, np.full(4000, total))
        inside.append(((low <= share) & (share <= high)).mean())
    assert 0.94 < np.mean(inside) < 0.975


def write_sheet(rows):
    """samples.tsv of (patient, sample, time point, day[, tissue, sort])."""
    names = ["patient", "sample", "timepoint", "day", "tissue", "sort"]
    pd.DataFrame(rows, columns=names[: len(rows[0])]).to_csv("samples.tsv", sep="\t", index=False)


def test_from_files_over_samples(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    j = receptors.junctions(60, seed=6)
    rows, cells = {"T1": [], "T2": []}, {}
    for time, n in (("T1", 10), ("T2", 12)):
        for i in range(40):
            pair = (j[0], j[1]) if i < n else (j[2 + i % 29], j[31 + i % 29])
            rows[time] += [receptors.heavy(f"{time}:{i}", pair[0]), receptors.light(f"{time}:{i}", pair[1])]
            cells[f"{time}:{i}"] = ("plasma", "plasma cell")
    tables = {name: receptors.contigs(part) for name, part in rows.items()}
    receptors.run_clones(tmp_path, tables, receptors.labels(cells, {"T1": -5, "T2": 30}))
    sheet = [("P1", name, name, day) for name, day in (("T3", 90), ("T2", 30), ("T1", -5))] + [("P2", "x", "T9", 7)]
    write_sheet(sheet)
    given = [
        "--labels",
        "labels.parquet",
        "--table",
        "P1.clones.tsv",
        "--lineages",
        receptors.LINEAGES,
        "--samples",
        "samples.tsv",
    ]
    receptors.run(fates.main, "P1.clones.parquet", "--patient", "P1", *given)
    table = pd.read_csv("P1.fates.tsv", sep="\t")
    named = "patient receptor clone label timepoint day n total share low high fate"
    assert table.columns[:12].tolist() == named.split()
    first = table[table["clone"] == "P1.B1"]
    # A time point of which no cell was kept is listed, with nothing to be a share of.
    assert first["timepoint"].tolist() == ["T1", "T2", "T3"] and first["day"].tolist() == [-5, 30, 90]
    assert first["n"].tolist() == [10, 12, 0] and first["total"].tolist() == [40, 40, 0]
    assert set(first["fate"]) == {"persistent"} and np.isnan(first["share"].iloc[2])
    assert "FDR < 0.05" in json.loads((tmp_path / "P1.fates.json").read_text())["rule"]
    result = CliRunner().invoke(fates.main, ["P1.clones.parquet", "--patient", "P9", *map(str, given)])
    assert result.exit_code == 1 and "no cell of patient P9" in result.output


def test_fates_are_of_one_tissue_and_sort(tmp_path, monkeypatch):
    """A clone that is lost in marrow from T1 to T3; at T2 blood, at T3 a sort and a product hold it still."""
    monkeypatch.chdir(tmp_path)
    j = receptors.junctions(60, seed=6)
    sizes = {"m1": 30, "b2": 20, "m3": 0, "s3": 39, "ip": 40}
    designs = {"m1": ("T1", "bone marrow", ""), "b2": ("T2", "blood", ""), "m3": ("T3", "bone marrow", ""),
               "s3": ("T3", "bone marrow", "CD3+"), "ip": ("T0", "CAR-T product", "")}  # fmt: skip
    days = {"T1": -20, "T0": 0, "T2": 30, "T3": 90}
    rows, cells = {name: [] for name in sizes}, {}
    for name, n in sizes.items():
        for i in range(80):
            pair = (j[0], j[1]) if i < n else (j[2 + i % 29], j[31 + i % 29])
            rows[name] += [receptors.heavy(f"{name}:{i}", pair[0]), receptors.light(f"{name}:{i}", pair[1])]
            cells[f"{name}:{i}"] = ("plasma", "plasma cell")
    tables = {name: receptors.contigs(part) for name, part in rows.items()}
    receptors.run_clones(tmp_path, tables, receptors.labels(cells, days, designs=designs))
    sheet = [("P1", name, time, days[time], tissue, sort) for name, (time, tissue, sort) in designs.items()]
    write_sheet([*sheet, ("P1", "m5", "T5", 200, "bone marrow", ""), ("P1", "b5", "T5", 200, "blood", "")])
    options = ["--labels", "labels.parquet", "--table", "P1.clones.tsv", "--samples", "samples.tsv"]
    receptors.run(fates.main, "P1.clones.parquet", "--patient", "P1", *options, "--lineages", receptors.LINEAGES)
    table = pd.read_csv("P1.fates.tsv", sep="\t")
    clone = pd.read_csv("P1.clones.tsv", sep="\t").clone[0]
    first = table[table["clone"] == clone]
    # T5 is a time point of the marrow too, of which no cell was kept.
    assert first["timepoint"].tolist() == ["T1", "T3", "T5"]
    assert first["n"].tolist() == [30, 0, 0] and first["total"].tolist() == [80, 80, 0]
    assert set(first["fate"]) == {"lost"}
    where = pd.read_csv("P1.clone_cells.tsv", sep="\t", keep_default_na=False)
    where = where[where["clone"] == clone]
    assert where[["timepoint", "tissue", "sort", "n", "total"]].to_numpy().tolist() == [
        ["T1", "bone marrow", "", 30, 80], ["T0", "CAR-T product", "", 40, 80], ["T2", "blood", "", 20, 80],
        ["T3", "bone marrow", "CD3+", 39, 80],
    ]  # fmt: skip


def test_each_time_carries_what_was_made_otherwise_than_at_the_first():
    cells = pd.DataFrame({"timepoint": ["T1", "T2", "T3"], "batch": ["B1", "B1", "B2"]})
    cells = cells.assign(chemistry="5p", software="", reference="usual")
    rows = pd.Series(["T1", "T2", "T3", "T3"])
    assert fates.since_first(cells, rows, ["T1", "T2", "T3"]).tolist() == ["", "", "batch", "batch"]
    assert set(fates.since_first(cells.assign(batch=""), rows, ["T1", "T2", "T3"])) == {""}
