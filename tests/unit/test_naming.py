"""What names rest on: marker tables, receptors of groups, and the tables of assets that have to fit together."""

import _naming
from _errors import InputError

import numpy as np
import pandas as pd
import pytest


def test_receptor_shares_count_only_samples_that_have_receptors(tmp_path):
    contigs = pd.DataFrame({"cell_id": ["S1:a", "S1:b", "S1:c"], "locus": ["IGH", "IGK", "IGH"],
                            "productive": [True, True, False]})  # fmt: skip
    contigs.to_parquet(tmp_path / "S1.contigs.parquet")
    cells = np.array(["S1:a", "S1:b", "S1:c", "S1:d", "S2:a", "S2:b"])
    sample, group = np.array(["S1"] * 4 + ["S2"] * 2), np.array([0, 0, 1, 1, 0, 1])
    receptors = _naming.receptor_cells((tmp_path / "S1.contigs.parquet",), cells, sample)
    shares = _naming.receptor_shares(receptors, group)
    assert set(receptors) == {"BCR"} == set(shares)
    np.testing.assert_allclose(shares["BCR"][0], [1, 0])


def test_marker_table_without_a_column_is_told(tmp_path):
    (tmp_path / "mine.tsv").write_text("cell_type\tpositive\nT\tCD3D\n")
    with pytest.raises(InputError, match=r"mine.tsv: no column parent"):
        _naming.read_markers(tmp_path / "mine.tsv")


def test_genes_are_found_whatever_blanks_stand_around_them(tmp_path):
    row = "cell_type\tparent\tlineage\treceptor\tpositive\tnegative\nNK\t\tNK\t\tNKG7, GNLY ,, prf1\tCD3D, \n"
    (tmp_path / "own.tsv").write_text(row)
    table = _naming.read_markers(tmp_path / "own.tsv")
    assert _naming.marker_genes(table) == ["CD3D", "GNLY", "NKG7", "PRF1"]
    assert table.loc["NK", "positive"] == ["NKG7", "GNLY", "PRF1"] and table.loc["NK", "negative"] == ["CD3D"]


def test_tables_of_assets_fit_together(project):
    types = pd.read_csv(project / "assets" / "markers.tsv", sep="\t")
    subsets = pd.read_csv(project / "assets" / "subsets.tsv", sep="\t")
    lineages = pd.read_csv(project / "assets" / "lineages.tsv", sep="\t")
    assert types["cell_type"].is_unique and subsets["cell_type"].is_unique
    assert set(subsets["parent"]) <= set(types["cell_type"])
    assert set(lineages["lineage"]) - {"unassigned"} == set(types["lineage"])
    assert types["source"].notna().all() and subsets["source"].notna().all()
    for table in (types, subsets):
        for row in table.itertuples():
            assert not set(row.positive.split(",")) & set(str(row.negative).split(",")), row.cell_type
