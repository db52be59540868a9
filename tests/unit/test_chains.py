"""Primary chains and chain categories by scirpy's receptor model."""

import _chains

import chains
import pandas as pd
import pytest
import read_cellranger
from click.testing import CliRunner
from helpers import small_receptors as receptors


def indexed(table: pd.DataFrame, tmp_path, library: str = "BCR") -> tuple[pd.DataFrame, pd.DataFrame]:
    """Contigs with their rank, as CHAINS reads them; categories of the cells of a library."""
    table.to_parquet(tmp_path / "S.contigs.parquet")
    contigs = _chains.read_contigs([tmp_path / "S.contigs.parquet"], table["cell_id"])
    rank, found = chains.ranks_and_categories(contigs)
    return contigs.assign(rank=rank), found.loc[library]


def test_categories_equal_the_table_that_scirpy_expects(data, tmp_path):
    folder = data / "pbmc3_t"
    contigs, _ = read_cellranger.read_contigs(folder / "filtered_contig_annotations.csv.gz", "S", "vdj_t")
    expected = pd.read_csv(folder / "expected.csv.gz", index_col="cell_id")
    _, found = indexed(contigs, tmp_path, "TCR")
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
    _, found = indexed(table, tmp_path)
    assert found["chain_pairing"].to_dict() == {
        "S:one": "orphan VDJ", "S:pair": "single pair", "S:two lights": "extra VJ", "S:lights only": "ambiguous",
        "S:three": "multichain", "S:full": "two full chains", "S:mixed": "ambiguous", "S:unproductive": "no IR",
    }  # fmt: skip
    assert found["receptor_subtype"]["S:two lights"] == "IGH+IGK/L"
    assert found["receptor_type"]["S:mixed"] == "ambiguous"


def test_chains_rank_by_umis_then_reads_then_junction(tmp_path):
    a, b, c, d = sorted(receptors.junctions(4))
    rows = [
        receptors.heavy("S:1", a, 3), receptors.heavy("S:1", b, 30),
        receptors.heavy("S:2", a), receptors.heavy("S:2", b, consensus_count=999),
        receptors.heavy("S:3", a), receptors.heavy("S:3", b), receptors.light("S:3", c), receptors.light("S:3", d, 60),
    ]  # fmt: skip
    contigs, _ = indexed(receptors.contigs(rows), tmp_path)
    assert contigs["rank"].tolist() == [2, 1, 2, 1, 2, 1, 2, 1]


def test_more_chains_than_two_are_surplus_and_unusable_ones_have_no_rank(tmp_path):
    junctions = receptors.junctions(4)
    rows = [receptors.heavy("S:1", junction, umi) for junction, umi in zip(junctions, (9, 7, 8, 6), strict=True)]
    rows += [
        receptors.heavy("S:1", junctions[0], 99, productive=False),
        receptors.heavy("S:1", junctions[0], 99, junction_aa=None),
        receptors.heavy("S:1", junctions[0], 99, locus=None),
    ]
    contigs, found = indexed(receptors.contigs(rows), tmp_path)
    assert contigs["rank"].tolist() == [1, chains.SURPLUS, 2, chains.SURPLUS, 0, 0, 0]
    assert found.loc["S:1"].tolist() == ["multichain"] * 3


def test_the_libraries_of_a_cell_are_indexed_apart(tmp_path):
    a, b, c = receptors.junctions(3)
    stray = receptors.alpha_beta("S:1", None, c)[0]
    rows = [receptors.heavy("S:1", a, 5), stray, receptors.heavy("S:1", b, 9, library="TCR")]
    contigs, found = indexed(receptors.contigs(rows), tmp_path)
    assert contigs["rank"].tolist() == [1, 2, 1]
    assert found["chain_pairing"].tolist() == ["orphan VDJ"]


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
    arguments += ["--genes", str(receptors.GENES)]
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
    arguments = [str(contigs), "--genes", str(receptors.GENES), "--labels", str(labels), "--lineages"]
    result = CliRunner().invoke(chains.main, [*arguments, str(receptors.LINEAGES), "--patient", "P9"])
    assert result.exit_code == 1 and "no cell of patient P9" in result.output
    result = CliRunner().invoke(chains.main, [*arguments, str(lineages), "--patient", "P1"])
    assert result.exit_code == 1 and "lineages.tsv: no column bcr, tcr" in result.output


@pytest.mark.parametrize("folder", ["melanoma_bcr"])
def test_contigs_are_handed_to_scirpy_as_it_reads_them_itself(real_data, tmp_path, folder):
    import scirpy

    path = real_data / folder / "filtered_contig_annotations.csv"
    theirs = scirpy.io.read_10x_vdj(path, include_fields=None)
    scirpy.pp.index_chains(theirs)
    scirpy.tl.chain_qc(theirs)
    contigs, _ = read_cellranger.read_contigs(path, "S", "vdj_b")
    contigs, found = indexed(contigs, tmp_path)
    expected = theirs.obs["chain_pairing"].astype(str)
    expected.index = "S:" + expected.index.str.removesuffix("-1")
    assert found["chain_pairing"].reindex(expected.index, fill_value="no IR").equals(expected.rename("chain_pairing"))
    for rank, name in ((1, "VDJ_1"), (2, "VJ_2")):
        junction = scirpy.get.airr(theirs, "junction", name).dropna()
        junction.index = "S:" + junction.index.str.removesuffix("-1")
        mine = contigs[(contigs["rank"] == rank) & (contigs["chain_type"] == name[:-2])].set_index("cell_id")[
            "junction"
        ]
        assert mine.reindex(junction.index).tolist() == junction.tolist() and len(mine) == len(junction)
