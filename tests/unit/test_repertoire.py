"""Diversity, usage and overlap of repertoires."""

import json

import numpy as np
import pandas as pd
import pytest
import repertoire
from helpers import small_receptors as receptors


def cells_of(clones: dict[str, dict[str, int]], subset: str = "plasma cell") -> pd.DataFrame:
    """Counted cells: time -> clone -> cells."""
    rows = [
        {"timepoint": time, "day": int(time[1:]), "clone": clone, "counted": True, "subset": subset}
        for time, sizes in clones.items() for clone, n in sizes.items() for _ in range(n)
    ]  # fmt: skip
    return pd.DataFrame(rows).assign(all="all", lineage="plasma", cell_type="plasma cell")


def test_indices_of_known_repertoires():
    even = repertoire.indices(np.array([5, 5, 5, 5]))
    assert even["clones"] == 4 and even["shannon"] == pytest.approx(np.log(4))
    assert even["simpson"] == pytest.approx(4) and even["evenness"] == pytest.approx(1)
    alone = repertoire.indices(np.array([7]))
    assert alone["shannon"] == 0 and np.isnan(alone["evenness"])


def test_rarefaction_makes_depths_equal():
    big = {f"c{i}": 10 for i in range(200)}
    small = {f"c{i}": 1 for i in range(100)}
    table = repertoire.diversity(cells_of({"T0": big, "T9": small}), "BCR", 0)
    table = table[table["level"] == "all"].set_index("timepoint")
    assert table["depth"].tolist() == [100, 100] and table.loc["T0", "clones"] == 200
    expected = 200 * (1 - np.prod((2000 - 10 - np.arange(100)) / (2000 - np.arange(100))))
    assert table.loc["T0", "clones_rarefied"] == pytest.approx(expected, rel=0.02)
    assert table.loc["T0", "clones_low"] <= table.loc["T0", "clones_rarefied"] <= table.loc["T0", "clones_high"]
    again = repertoire.diversity(cells_of({"T0": big, "T9": small}), "BCR", 0)
    assert again.equals(repertoire.diversity(cells_of({"T0": big, "T9": small}), "BCR", 0))


def test_few_cells_have_no_rarefied_diversity():
    table = repertoire.diversity(cells_of({"T0": {"a": 3, "b": 2}}), "BCR", 0)
    assert "shannon_rarefied" not in table and table["top_share"].iloc[0] == pytest.approx(0.6)


def test_shared_clones_of_subsets():
    a = cells_of({"T0": {"x": 4, "y": 2, "z": 1}}, "Plasma_1")
    b = cells_of({"T0": {"x": 3, "w": 5}}, "Plasma_2")
    table = repertoire.overlap(pd.concat([a, b], ignore_index=True), "BCR").set_index("timepoint")
    row = table.loc["T0"]
    assert row[["shared_clones", "clones_a", "clones_b", "cells_a_shared", "cells_b_shared"]].tolist() == [
        1,
        3,
        2,
        4,
        3,
    ]
    assert row["jaccard"] == pytest.approx(1 / 4)
    p, q = np.array([4, 2, 1, 0]) / 7, np.array([3, 0, 0, 5]) / 8
    assert row["morisita_horn"] == pytest.approx(2 * (p @ q) / (p @ p + q @ q))


def test_light_chain_restriction_and_usage_from_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    j = receptors.junctions(200, seed=9)
    rows, cells = [], {}
    for i in range(60):
        plasma = i < 40
        cells[f"T1:{i}"] = ("plasma", "plasma cell") if plasma else ("B", "naive B")
        locus = "IGL" if plasma or i % 2 else "IGK"
        rows += [receptors.heavy(f"T1:{i}", j[i]), receptors.light(f"T1:{i}", j[100 + i], locus=locus)]
    cells |= {f"T1:t{i}": ("T", "CD4 T") for i in range(30)}
    for i in range(15):  # strays of kappa in a few of the blasts
        rows.append(receptors.light(f"T1:b{i}", j[170 + i], locus="IGK"))
    cells |= {f"T1:b{i}": ("blast", "B-ALL blast") for i in range(100)}
    receptors.run_clones(tmp_path, {"T1": receptors.contigs(rows)}, receptors.labels(cells))
    given = ["--chains", "P1.own_chains.parquet", "--labels", "labels.parquet"]
    receptors.run(repertoire.main, "P1.clones.parquet", "--patient", "P1", *given)
    usage = pd.read_csv("P1.usage.tsv", sep="\t", keep_default_na=False)
    light = usage[(usage["kind"] == "light_chain") & (usage["level"] == "subset")].set_index(["label", "value"])
    assert light.loc[("plasma cell", "IGL"), ["n", "restricted"]].tolist() == [40, "lambda"]
    assert light.loc[("naive B", "IGK"), ["n", "total", "restricted"]].tolist() == [10, 20, "no"]
    assert light.loc[("B-ALL blast", "IGK"), "restricted"] == "too few"
    assert float(light.loc[("naive B", "IGK"), "kappa_lambda"]) == pytest.approx(1)
    genes = usage[(usage["kind"] == "v_gene") & (usage["level"] == "all") & (usage["locus"] == "IGH")]
    assert genes["n"].sum() == 60 and genes["value"].tolist() == ["IGHV3-21"]
    assert (tmp_path / "P1.diversity.tsv").exists() and (tmp_path / "P1.overlap.tsv").exists()


def test_repertoires_are_of_one_tissue_and_sort(tmp_path, monkeypatch):
    """A sort of T1 beside the unsorted sample: each has its own depth, usage and shared clones."""
    monkeypatch.chdir(tmp_path)
    j = receptors.junctions(150, seed=9)
    tables, cells = {}, {}
    for sample, n in (("T1", 30), ("S1", 25)):
        names = [f"{sample}:{i}" for i in range(n)]
        cells |= {name: ("plasma", "plasma cell") for name in names}
        locus = "IGL" if sample == "T1" else "IGK"
        rows = [row for i, name in enumerate(names) for row in (
            receptors.heavy(name, j[i % 20]), receptors.light(name, j[60 + i % 20], locus=locus))]  # fmt: skip
        tables[sample] = receptors.contigs(rows)
    receptors.run_clones(tmp_path, tables, receptors.labels(cells, designs={"S1": ("T1", "marrow", "CD138+")}))
    given = ["--chains", "P1.own_chains.parquet", "--labels", "labels.parquet"]
    receptors.run(repertoire.main, "P1.clones.parquet", "--patient", "P1", *given)
    found = pd.read_csv("P1.diversity.tsv", sep="\t", keep_default_na=False).query("level == 'all'")
    assert found[["tissue", "sort", "timepoint", "n_cells", "depth"]].to_numpy().tolist() == [
        ["", "", "T1", 30, 30], ["marrow", "CD138+", "T1", 25, 25]
    ]  # fmt: skip
    light = pd.read_csv("P1.usage.tsv", sep="\t", keep_default_na=False).query(
        "kind == 'light_chain' and level == 'all'"
    )
    assert light[["sort", "value", "n", "total"]].to_numpy().tolist() == [
        ["", "IGL", 30, 30],
        ["CD138+", "IGK", 25, 25],
    ]
    section = json.loads((tmp_path / "P1.repertoire_mqc.json").read_text())["data"]
    assert set(section) == {"P1 BCR", "P1 BCR marrow, CD138+"}
