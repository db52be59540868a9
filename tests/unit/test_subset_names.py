"""Names of subsets: own markers detected absolutely, genes that a subset lacks, states, and evidence for every name and its lack."""

import _subset_names
from _errors import InputError
from _subset_parts import groups_of
from _tables import UNASSIGNED

import numpy as np
import pandas as pd
import pytest
from helpers.lineage_cells import ASSETS, TYPES, draw, subsets


def name(cells, part, cluster=None, lineage="NK", state=None):
    """The evidence table of parts (N,), called like clusters (N,): the same if not given."""
    table = subsets(lineage)
    genes, cluster = table.genes(), part if cluster is None else cluster
    state = np.repeat("", len(part)) if state is None else state
    fit = np.ones(len(part), bool)
    parts, clusters = (groups_of(cells, group, genes, fit, state.astype(object)) for group in (part, cluster))
    of = pd.Series(cluster).groupby(part).first().to_numpy()
    return _subset_names.name_subsets(parts, clusters, of, table, genes, cells.measured[cells.columns(genes)])


def numbers(kind):
    return np.unique(kind, return_inverse=True)[1]


def test_planted_subsets_are_named_with_the_markers_that_they_show():
    cells, kind = draw({"CD56dim": 80, "CD56bright": 40}, "NK", "NK")
    table = name(cells, numbers(kind))
    assert list(table["cell_type"]) == ["CD56bright", "CD56dim"]
    assert "GZMK" in table.at[0, "evidence"] and "FCGR3A" not in table.at[0, "evidence"]
    assert "FGFBP2" in table.at[1, "evidence"] and not table["against"].any()


def test_nk_cells_with_fcgr3a_are_not_cd56bright_however_they_vary():
    """Healthy blood: all NK cells are CD56dim; some parts have a little more of what CD56bright cells express."""
    cells, _ = draw({"CD56dim": 200}, "NK", "NK", seed=3)
    high = np.argsort(-cells.logged[:, cells.columns(["SELL", "GZMK", "XCL1", "IL7R", "CD44"])].toarray().sum(1))
    part = np.ones(200, int)
    part[high[:50]] = 0
    table = name(cells, part)
    assert set(table["cell_type"]) == {"CD56dim"}


def test_a_part_that_shows_what_a_subset_lacks_is_not_that_subset():
    cells, kind = draw({"CD56dim": 60, "CD56bright": 60}, "NK", "NK")
    mixed = np.arange(120) % 2
    table = name(cells, np.where(kind == "CD56dim", 0, 1))
    assert table.at[1, "cell_type"] == "CD56bright"
    table = name(cells, mixed)  # both parts hold both kinds
    assert not set(table["cell_type"]) & {"CD56bright"}


def test_without_the_genes_that_tell_nothing_is_named():
    cells, kind = draw({"CD56dim": 60, "CD56bright": 60}, "NK", "NK", unmeasured=("FCGR3A", "FGFBP2"))
    table = name(cells, numbers(kind))
    assert set(table["cell_type"]) == {UNASSIGNED}
    assert table["evidence"].str.startswith("unnamed: ").all()
    assert table["evidence"].str.contains("FCGR3A, FGFBP2 not measured").any()


def test_soup_is_no_marker():
    """T cells in a sample of many NK cells: granzyme of the soup makes no cytotoxic CD4 cell."""
    cells, _ = draw({"CD4_memory": 100}, "T", "CD4 T")
    profile = cells.profile.copy()
    profile[0, cells.columns(["GZMB", "GNLY", "PRF1", "NKG7"])] = 0.01
    counts = cells.counts.tolil()
    for gene in ("GZMB", "GNLY", "PRF1", "NKG7"):
        counts[:, cells.columns([gene])[0]] = np.random.default_rng(0).poisson(0.02 * 0.01 * 3000, (100, 1))
    cells = cells._replace(profile=profile, counts=counts.tocsr())
    table = name(cells, np.zeros(100, int), lineage="T")
    assert table.at[0, "cell_type"] == "CD4_memory"
    genes = subsets("T").genes()
    group = np.zeros(100, int)
    shown = _subset_names.own_markers(
        subsets("T"), "CD4_cytotoxic", *cells.pools(group, genes), genes, cells.measured[cells.columns(genes)]
    )
    assert shown.n[0] == 0 and not shown.allowed[0]


def test_the_state_of_the_cells_decides_which_names_are_in_question():
    kinds = {"CD56dim": 60, "CD56dim+ISG": 60, "CD56bright+ISG": 40, "CD56dim+cycle": 40}
    cells, kind = draw(kinds, "NK", "NK")
    state = np.where(
        np.char.find(kind, "ISG") > 0, "interferon", np.where(np.char.find(kind, "cycle") > 0, "cycling", "")
    )
    table = name(cells, numbers(kind), state=state)
    assert list(table["cell_type"]) == ["CD56bright_ISG+", "CD56dim", "CD56dim_ISG+", "NK_proliferating"]
    assert "MKI67" in table.at[3, "evidence"] and "IFI" in table.at[2, "evidence"]
    # The same cells without the state: the word is not given, whatever the genes.
    assert not set(name(cells, numbers(kind))["cell_type"]) & {"CD56bright_ISG+", "CD56dim_ISG+", "NK_proliferating"}


def test_a_part_is_called_like_its_cluster_unless_another_name_leads_clearly(monkeypatch):
    cells, kind = draw({"CD56dim": 100, "CD56bright": 40}, "NK", "NK")
    part, cluster = np.r_[np.repeat([0, 1], 50), np.repeat(2, 40)], np.zeros(140, int)
    assert list(name(cells, part, cluster)["cell_type"]) == ["CD56dim", "CD56dim", "CD56bright"]
    # A part of few cells cannot show its markers: it has its cluster's name and evidence.
    part = np.r_[np.repeat([0, 1], [97, 3]), np.repeat(2, 40)]
    table = name(cells, part, np.where(kind == "CD56dim", 0, 1))
    assert table.at[1, "cell_type"] == "CD56dim"


def test_cells_without_a_type_or_without_subsets():
    cells, kind = draw({"CD56dim": 30}, "NK", "mast cell")
    assert list(name(cells, numbers(kind))["cell_type"]) == ["mast_cell"]
    cells = cells._replace(cell_type=np.repeat(UNASSIGNED, 30).astype(object))
    table = name(cells, numbers(kind))
    assert (
        list(table["cell_type"]) == [UNASSIGNED] and table.at[0, "evidence"] == "unnamed: its cells have no cell type"
    )


def test_markers_of_a_type_are_evidence_of_its_numbers():
    cells, kind = draw({"plasma": 40, "CD4_naive": 40}, "plasma", "plasma cell")
    n, text = _subset_names.type_markers(
        TYPES, "plasma cell", *cells.pools(numbers(kind), cells.genes), cells.genes, cells.measured
    )
    assert n[1] >= 4 and "MZB1" in text[1] and n[0] < 2


def test_one_cell_with_much_of_a_gene_is_no_marker_of_its_group():
    cells, _ = draw({"CD4_memory": 10}, "T", "CD4 T")
    counts = cells.counts.tolil()
    counts[0, cells.columns(["FOXP3"])[0]] = 9
    genes = subsets("T").genes()
    cells = cells._replace(counts=counts.tocsr())
    shown = _subset_names.own_markers(
        subsets("T"), "CD4_Treg", *cells.pools(np.zeros(10, int), genes), genes, cells.measured[cells.columns(genes)]
    )
    assert "FOXP3" not in shown.detected[0]


def test_a_user_table_needs_no_more_columns_than_before(tmp_path):
    row = "cell_type\tparent\tlineage\treceptor\tpositive\tnegative\nmine\tNK\tNK\tany\tNKG7,GNLY\tCD3D\n"
    (tmp_path / "own.tsv").write_text(row)
    table = _subset_names.read_subsets(tmp_path / "own.tsv", ASSETS / "subset_rates.tsv", set())
    assert table.table.loc["mine", "programme"] == "" and table.table.loc["mine", "lacking"] == []
    assert table.genes() == ["CD3D", "GNLY", "NKG7"]
    (tmp_path / "own.tsv").write_text(
        row.replace("negative\n", "negative\tprogramme\n").replace("CD3D\n", "CD3D\thigh\n")
    )
    with pytest.raises(InputError, match=r"own\.tsv, mine: programme 'high'; write interferon or cycling"):
        _subset_names.read_subsets(tmp_path / "own.tsv", ASSETS / "subset_rates.tsv", set())


def test_the_tables_of_assets_fit_together():
    for lineage in ("T", "NK", "myeloid"):
        table = subsets(lineage)
        rows = table.table[table.table["lineage"] == lineage]
        for row in rows.itertuples():
            assert set(row.needs) <= set(row.positive), row.cell_type
            assert not set(row.lacking) & set(row.positive), row.cell_type
            # What a subset lacks another one has, at a known rate: else nothing says how much is too much.
            assert all(table.held_at(row.cell_type, gene) > 0 for gene in row.lacking), row.cell_type
            if row.programme == "interferon":
                assert len(set(row.positive) & table.programme_genes) >= 10, row.cell_type
        assert {name for name, _ in table.rate} <= set(table.table.index)
        assert all(gene in table.table.loc[name, "positive"] for name, gene in table.rate)
