"""Markers of subsets: detected absolutely, beyond ambient RNA; genes that a subset lacks; the tables that say which."""

import _subset_markers
from _errors import InputError

import numpy as np
import pytest
from helpers.lineage_cells import ASSETS, RATES, TYPES, draw, in_soup_of_nk_cells, subsets


def test_ambient_rna_of_other_cells_is_no_marker():
    cells = in_soup_of_nk_cells()
    genes = subsets("T").genes()
    group = np.zeros(100, int)
    shown = _subset_markers.own_markers(
        subsets("T"), "CD4_cytotoxic", *cells.pools(group, genes), genes, cells.measured[cells.columns(genes)]
    )
    assert shown.n[0] == 0 and not shown.allowed[0]


def test_markers_of_a_type_are_evidence_of_its_numbers():
    cells, kind = draw({"plasma": 40, "CD4_naive": 40}, "plasma", "plasma cell")
    n, text = _subset_markers.type_markers(
        TYPES,
        "plasma cell",
        *cells.pools(np.unique(kind, return_inverse=True)[1], cells.genes),
        cells.genes,
        cells.measured,
    )
    assert n[1] >= 4 and "MZB1" in text[1] and n[0] < 2


def test_one_cell_with_much_of_a_gene_is_no_marker_of_its_group():
    cells, _ = draw({"CD4_memory": 10}, "T", "CD4 T")
    counts = cells.counts.tolil()
    counts[0, cells.columns(["FOXP3"])[0]] = 9
    genes = subsets("T").genes()
    cells = cells._replace(counts=counts.tocsr())
    shown = _subset_markers.own_markers(
        subsets("T"), "CD4_Treg", *cells.pools(np.zeros(10, int), genes), genes, cells.measured[cells.columns(genes)]
    )
    assert "FOXP3" not in shown.detected[0]


def test_a_needed_gene_is_held_against_what_the_run_shows():
    """Adaptive NK cells with a third of the profile's KLRC2: named where they are a group, not where they are a twelfth of one."""
    RATES["adaptive"] = RATES["CD56dim"] | {"KLRC2": 3.2, "IL32": 8, "CD3E": 3, "GZMH": 8, "CCL5": 20, "LILRB1": 2}
    genes = subsets("NK").genes()
    cells, kind = draw({"CD56dim": 80, "adaptive": 40}, "NK", "NK")
    mixed, _ = draw({"CD56dim": 110, "adaptive": 10}, "NK", "NK")
    del RATES["adaptive"]
    for of, group, allowed in (
        (cells, (kind == "adaptive").astype(int), [False, True]),
        (mixed, np.zeros(120, int), [False]),
    ):
        measured = of.measured[of.columns(genes)]
        shown = _subset_markers.own_markers(subsets("NK"), "CD56dim_adaptive", *of.pools(group, genes), genes, measured)
        assert shown.allowed.tolist() == allowed, shown.why


def test_a_user_table_needs_no_more_columns_than_before(tmp_path):
    row = "cell_type\tparent\tlineage\treceptor\tpositive\tnegative\nmine\tNK\tNK\tany\tNKG7,GNLY\tCD3D\n"
    (tmp_path / "own.tsv").write_text(row)
    table = _subset_markers.read_subsets(tmp_path / "own.tsv", ASSETS / "subset_rates.tsv", set())
    assert table.table.loc["mine", "programme"] == "" and table.table.loc["mine", "lacking"] == []
    assert table.genes() == ["CD3D", "GNLY", "NKG7"]
    (tmp_path / "own.tsv").write_text(
        row.replace("negative\n", "negative\tprogramme\n").replace("CD3D\n", "CD3D\thigh\n")
    )
    with pytest.raises(InputError, match=r"own\.tsv, mine: programme 'high'; write interferon or cycling"):
        _subset_markers.read_subsets(tmp_path / "own.tsv", ASSETS / "subset_rates.tsv", set())


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
