"""Primary chains and chain categories, against scirpy."""

import _chains

import chains
import pandas as pd
import pytest
import read_cellranger
from click.testing import CliRunner
from helpers import small_receptors as receptors


def indexed(table: pd.DataFrame, tmp_path) -> pd.DataFrame:
    table.to_parquet(tmp_path / "S.contigs.parquet")
    found = _chains.read_contigs([tmp_path / "S.contigs.parquet"], table["cell_id"])
    return found.assign(rank=_chains.index_chains(found))


def test_categories_equal_the_table_that_scirpy_expects(data, tmp_path):
    folder = data / "pbmc3_t"
    contigs, _ = read_cellranger.read_contigs(folder / "filtered_contig_annotations.csv.gz", "S", "TCR")
    expected = pd.read_csv(folder / "expected.csv.gz", index_col="cell_id")
    found = _chains.chain_categories(indexed(contigs, tmp_path))
    found.index = found.index.str.removeprefix("S:") + "-1"
    assert len(found) == len(expected) == 1556
    for name in ("chain_pairing", "receptor_subtype", "receptor_type"):
        assert (found[name] == expected.loc[found.index, name]).all()
    assert (found["chain_pairing"] == "single pair").sum() == 1109


def test_all_categories_of_mixed_and_many_chains_as_scirpy_names_them(tmp_path):
    a, b, c, d = receptors.junctions(4)
    _, trb = receptors.alpha_beta("S:x", a, b)
    rows = {
        "one": [receptors.heavy("", a)],
        "pair": [receptors.heavy("", a), receptors.light("", b)],
        "two lights": [receptors.heavy("", a), receptors.light("", b), receptors.light("", c, locus="IGK")],
        "lights only": [receptors.light("", b), receptors.light("", c, locus="IGK")],
        "three": [receptors.heavy("", a), receptors.heavy("", b), receptors.heavy("", c)],
        "full": [receptors.heavy("", a), receptors.heavy("", b), receptors.light("", c), receptors.light("", d)],
        "mixed": [receptors.heavy("", a), trb | {"library": "BCR"}],
        "unproductive": [receptors.heavy("", a, productive=False)],
    }
    table = receptors.contigs([row | {"cell_id": f"S:{name}"} for name, part in rows.items() for row in part])
    found = _chains.chain_categories(indexed(table, tmp_path))
    assert found["chain_pairing"].to_dict() == {
        "S:one": "orphan VDJ", "S:pair": "single pair", "S:two lights": "extra VJ", "S:lights only": "ambiguous",
        "S:three": "multichain", "S:full": "two full chains", "S:mixed": "ambiguous",
    }  # fmt: skip
    assert found["receptor_subtype"]["S:two lights"] == "IGH+IGK/L"
    assert found["receptor_type"]["S:mixed"] == "ambiguous"


def test_the_chain_with_most_umis_is_primary(tmp_path):
    a, b = receptors.junctions(2)
    table = receptors.contigs([receptors.heavy("S:1", a, 3), receptors.heavy("S:1", b, 30)])
    assert indexed(table, tmp_path)["rank"].tolist() == [2, 1]


def test_only_contigs_of_kept_and_called_cells_count(tmp_path):
    a, b = receptors.junctions(2)
    table = receptors.contigs(
        [receptors.heavy("S:1", a), receptors.heavy("S:2", b), receptors.heavy("S:1", b, is_cell=False)]
    )
    table.to_parquet(tmp_path / "S.contigs.parquet")
    found = _chains.read_contigs([tmp_path / "S.contigs.parquet"], pd.Series(["S:1"]))
    assert found["junction"].tolist() == [a]


def test_samples_without_contigs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    empty = receptors.contigs([receptors.heavy("S:1", receptors.junctions(1)[0])]).iloc[:0]
    receptors.run_clones(tmp_path, {"S": empty}, receptors.labels({"S:1": ("B", "naive B")}))
    cells = pd.read_parquet("P1.clones.parquet")
    assert cells["bcr_clone"].isna().all() and cells["chain_pairing_bcr"].tolist() == ["no IR"]
    assert cells["tcr_evidence"].tolist() == ["none"] and not cells["bcr_counted"].any()
    assert pd.read_csv("P1.clones.tsv", sep="\t").empty


def test_a_table_that_is_not_of_contigs_is_named(tmp_path):
    receptors.labels({"S:1": ("B", "naive B")}).to_parquet(tmp_path / "labels.parquet")
    arguments = ["--patient", "P1", "--labels", str(tmp_path / "labels.parquet"), "--lineages", str(receptors.LINEAGES)]
    result = CliRunner().invoke(chains.main, [str(tmp_path / "labels.parquet"), *arguments])
    assert result.exit_code == 1 and "labels.parquet: column library" in result.output
    (tmp_path / "text.parquet").write_text("no")
    result = CliRunner().invoke(chains.main, [str(tmp_path / "text.parquet"), *arguments])
    assert result.exit_code == 1 and "not a contig table" in result.output


def test_labels_of_another_patient_and_lineages_without_receptors_are_named(tmp_path):
    labels, contigs, lineages = (tmp_path / name for name in ("l.parquet", "c.parquet", "lineages.tsv"))
    receptors.labels({"S:1": ("B", "naive B")}).to_parquet(labels)
    receptors.contigs([receptors.heavy("S:1", receptors.junctions(1)[0])]).to_parquet(contigs)
    lineages.write_text("lineage\tresolution\nB\t1.0\n")
    arguments = [str(contigs), "--labels", str(labels), "--lineages"]
    result = CliRunner().invoke(chains.main, [*arguments, str(receptors.LINEAGES), "--patient", "P9"])
    assert result.exit_code == 1 and "no cell of patient P9" in result.output
    result = CliRunner().invoke(chains.main, [*arguments, str(lineages), "--patient", "P1"])
    assert result.exit_code == 1 and "lineages.tsv: no column bcr, tcr" in result.output


@pytest.mark.parametrize("folder", ["melanoma_bcr"])
def test_categories_equal_scirpy_on_a_real_library(real_data, tmp_path, folder):
    import scirpy

    path = real_data / folder / "filtered_contig_annotations.csv"
    theirs = scirpy.io.read_10x_vdj(path, include_fields=None)
    scirpy.pp.index_chains(theirs)
    scirpy.tl.chain_qc(theirs)
    contigs, _ = read_cellranger.read_contigs(path, "S", "BCR")
    found = _chains.chain_categories(indexed(contigs, tmp_path))
    expected = theirs.obs["chain_pairing"].astype(str)
    expected.index = "S:" + expected.index.str.removesuffix("-1")
    assert found["chain_pairing"].reindex(expected.index, fill_value="no IR").equals(expected.rename("chain_pairing"))
