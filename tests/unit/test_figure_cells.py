"""CASE_FIGURES: composition, clones and subsets as figures."""

import _figure_cells
import _figure_map
from _results import Case

import pandas as pd
import pytest
from helpers import report_case


def draw(folder):
    """Figures of cells and clones from the tables of the folder, by their ids."""
    case = Case(folder / "tables", "P1")
    return report_case.by_id(_figure_cells.cells(case, report_case.palette()))


@pytest.fixture
def figures(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report_case.write(tmp_path / "tables")
    return draw(tmp_path)


def test_shares_and_intervals_are_those_of_the_table(figures, tmp_path):
    table = pd.read_csv(tmp_path / "tables" / "composition.tsv", sep="\t")
    for panel in figures["composition"]["panels"]:
        rows = table[(table["level"] == "cell_type") & (table["label"] == panel["title"])].sort_values("day")
        expected = rows[["day", "share", "low", "high"]].to_numpy()
        assert panel["series"][0]["points"] == [pytest.approx(row) for row in expected.tolist()]


def test_the_finding_is_the_largest_change_whose_intervals_lie_apart():
    columns = ["label", "timepoint", "day", "n", "share", "low", "high"]
    rows = [
        ("rises late", "T1", 0, 1, 0.04, 0.00, 0.30),
        ("rises late", "T2", 30, 0, 0.00, 0.00, 0.06),
        ("rises late", "T3", 180, 9, 0.14, 0.10, 0.18),
        ("stays", "T1", 0, 5, 0.20, 0.10, 0.30),
        ("stays", "T2", 30, 5, 0.25, 0.15, 0.35),
        ("stays", "T3", 180, 5, 0.30, 0.20, 0.40),
    ]
    told = _figure_cells.composition(pd.DataFrame(rows, columns=columns), {}.get, {})["alt"]
    assert told == "Moved, with intervals that lie apart: rises late none (at most 6 %) at T2, 14 % at T3."
    told = _figure_cells.composition(pd.DataFrame(rows[3:], columns=columns), {}.get, {})["alt"]
    assert told == "At no two time points do a share's intervals lie apart."


def test_a_subset_has_one_colour_in_all_panels_and_on_the_map(figures):
    table = report_case.cells("P1", [("T1", 0)])
    palette = pd.read_csv(report_case.ASSETS / "colours.tsv", sep="\t")
    fixed = palette[palette["level"] == "subset"].set_index("label")["colour"].to_dict()
    series = palette.loc[palette["level"] == "series", "colour"].tolist()
    of_map = _figure_map.colours_of_subsets(table[table["lineage"] == "plasma"], {}, fixed, series, True)
    for figure, entries in (("shares_plasma", "panels"), ("isg_plasma", "groups")):
        for entry in figures[figure][entries]:
            name = entry.get("title", entry.get("label"))
            assert entry.get("colour", entry.get("series", [{}])[0].get("colour")) == of_map[name]


def test_a_subset_of_the_users_own_shares_no_colour_with_a_named_one():
    series, fixed = ["#0072B2", "#D55E00", "#009E73"], {"CD4_memory": "#0072B2"}
    found = _figure_cells.subset_colours(["CD4_memory", "own_1", "own_2"], fixed, series)
    assert list(found.values()) == ["#0072B2", "#D55E00", "#009E73"]
    table = pd.DataFrame({"subset": list(found), "cell_type": "CD4 T"})
    assert _figure_map.colours_of_subsets(table, {}, fixed, series, True).items() >= found.items()


def test_every_subset_that_the_tables_name_has_a_colour_of_its_own_in_its_lineage():
    assets = report_case.ASSETS
    colours = pd.read_csv(assets / "colours.tsv", sep="\t").query("level == 'subset'").set_index("label")["colour"]
    named = pd.read_csv(assets / "subsets.tsv", sep="\t")
    lineages = pd.read_csv(assets / "markers.tsv", sep="\t").set_index("cell_type")["lineage"]
    named = named[named["cell_type"].isin(colours.index)].assign(lineage=named["parent"].map(lineages))
    assert len(named) == len(pd.read_csv(assets / "subsets.tsv", sep="\t"))
    for lineage, rows in named.groupby("lineage"):
        assert colours[rows["cell_type"]].is_unique, lineage


def test_unseen_clones_carry_their_upper_bound_and_unsure_fates_are_not_told():
    rows = [{"receptor": "BCR", "clone": clone, "label": "CAR", "timepoint": f"T{at}", "day": at, "n": n, "total": 20,
             "share": n / 20, "low": 0.01, "high": 0.14, "fate": fate, "change": "not shown", "lineage": "B"}
            for clone, fate, counts in (("B1", "lost", (9, 0)), ("B2", "undetermined", (1, 1))) for at, n in enumerate(counts)]  # fmt: skip
    found = _figure_cells.clones_over_time(pd.DataFrame(rows), "BCR", ["#0072B2"], "P1")
    assert (
        found["alt"]
        == "B1 (B) lost: T0 45 % (1 to 14 %), T1 not seen (at most 14 %); without a fate, for too few cells: 1."
    )


def test_one_time_point_speaks_of_the_largest():
    rows = [{"level": "cell_type", "timepoint": "T1", "day": 0, "label": label, "n": 20, "share": share, "low": 0.1, "high": 0.9}
            for label, share in (("NK", 0.2), ("CD8 T", 0.5))]  # fmt: skip
    found = _figure_cells.composition(pd.DataFrame(rows), lambda _label: "#000000", {})
    assert found["alt"] == "Largest: CD8 T 50 %, NK 20 %."


def test_what_has_too_few_cells_is_named_instead_of_drawn(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report_case.write(tmp_path / "tables")
    cells = pd.read_parquet(tmp_path / "tables" / "cells.parquet")
    rare = cells[cells["subset"] == "Plasma_1"].index[:2]
    cells.loc[rare, "subset"] = "Plasma_9"
    cells.to_parquet(tmp_path / "tables" / "cells.parquet")
    path = tmp_path / "tables" / "composition.tsv"
    shares = pd.read_csv(path, sep="\t")
    extra = shares[(shares["label"] == "Plasma_1") & (shares["timepoint"] == "T1")]
    pd.concat([shares, extra.assign(label="Plasma_9", n=2)]).to_csv(path, sep="\t", index=False)
    found = draw(tmp_path)
    left = "Not shown, with fewer than 8 cells over all time points: Plasma_9 (2)."
    assert all(found[f"{name}_plasma"]["caption"].endswith(left) for name in ("shares", "isg", "markers"))
    assert [panel["title"] for panel in found["shares_plasma"]["panels"]] == ["Plasma_1", "Plasma_2"]
    assert [group["label"] for group in found["isg_plasma"]["groups"]] == ["Plasma_1", "Plasma_2"]
    assert "Not shown" not in found["shares_T"]["caption"]
