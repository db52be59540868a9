"""Clones: the attach rule on known cases, scirpy's plain clonotypes, and real libraries."""

from _chain_groups import chain_groups
from _chains import read_contigs

import chains
import clonotypes
import numpy as np
import pandas as pd
import pytest
import read_cellranger
from helpers import small_receptors as receptors
from helpers.small_receptors import change

J = receptors.junctions(40, seed=2)


def clones_of(rows, rule="similarity", partial="attach", receptor="BCR"):
    """clone and evidence per cell of own contigs."""
    table = receptors.contigs(rows)
    table["chain_type"] = np.where(table["locus"].isin(["IGH", "TRB"]), "VDJ", "VJ")
    table["v_gene"], table["j_gene"] = table["v_call"], table["j_call"]
    table = chain_groups(table, rule, 0.85)
    return clonotypes.define_clones(table, "P1", receptor, rule, 0.85, partial)


def test_clones_by_a_heavy_and_by_a_light_chain_never_meet():
    lone = [{"cell_id": f"l{i}", "chain_type": "VJ", "unit": 0, "exact": 0, "open": False} for i in range(6)]
    # The unit's number is the number of cells: added to it, that is twice the number of cells.
    heavy = [{"cell_id": "h", "chain_type": "VDJ", "unit": 7, "exact": 7, "open": False}]
    table = pd.DataFrame(lone + heavy).assign(junction="TGT", junction_aa="C", duplicate_count=9, consensus_count=9)
    found = clonotypes.define_clones(table, "P1", "BCR", "similarity", 0.85, "attach")
    assert found["clone"].nunique() == 2 and found.loc["h", "evidence"] == "VDJ"


def test_hypermutated_members_are_one_clone_only_by_similarity():
    rows = []
    for i, junction in enumerate([J[0], change(J[0], 10), change(J[0], 10, 20, 25)]):
        rows += [receptors.heavy(f"S:{i}", junction), receptors.light(f"S:{i}", J[1])]
    assert clones_of(rows)["clone"].nunique() == 1
    assert clones_of(rows, "nucleotide")["clone"].nunique() == 3
    assert clones_of(rows, "amino_acid")["clone"].nunique() == len(
        {receptors.translate(r["junction"]) for r in rows[::2]}
    )


def test_another_v_gene_or_light_chain_is_another_clone():
    rows = [receptors.heavy("S:1", J[0]), receptors.light("S:1", J[1])]
    rows += [receptors.heavy("S:2", J[0], v_call="IGHV1-2"), receptors.light("S:2", J[1])]
    rows += [receptors.heavy("S:3", J[0]), receptors.light("S:3", J[2])]
    assert clones_of(rows)["clone"].nunique() == 3


def test_a_call_that_fits_two_clones_joins_neither_and_none_joins_the_other():
    """Clones A and B of one junction and other V families; single cells whose calls name A and B, A and C, or A's family."""
    rows, calls = (
        [],
        {"a": "IGHV1-2", "b": "IGHV7-4-1", "ab": "IGHV1-2,IGHV7-4-1", "ac": "IGHV1-2,IGHV1-8", "any": "IGHV1"},
    )
    for name, call in calls.items():
        for i in range(4 if name in ("a", "b") else 1):
            rows += [receptors.heavy(f"S:{name}{i}", J[0], v_call=call), receptors.light(f"S:{name}{i}", J[1])]
    found = clones_of(rows)
    assert found.loc["S:ac0", "clone"] == found.loc["S:a3", "clone"] != found.loc["S:b0", "clone"]
    assert found.loc["S:any0", "clone"] == found.loc["S:a0", "clone"]
    assert found.loc["S:ab0", ["clone", "evidence"]].fillna("").tolist() == ["", "ambiguous"]
    assert found["clone"].nunique() == 2


def test_one_chain_cells_join_where_exactly_one_clone_fits():
    rows = []
    for i in range(3):
        rows += [receptors.heavy(f"S:a{i}", J[0]), receptors.light(f"S:a{i}", J[1])]
        rows += [receptors.heavy(f"S:b{i}", J[2]), receptors.light(f"S:b{i}", J[3])]
        rows += [receptors.heavy(f"S:c{i}", J[2]), receptors.light(f"S:c{i}", J[4])]
    rows += [receptors.heavy("S:heavy", J[0]), receptors.light("S:light", J[1])]
    rows += [receptors.heavy("S:two fit", J[2]), receptors.light("S:none fits", J[5]), receptors.heavy("S:new", J[6])]
    found = clones_of(rows)
    assert found.loc[["S:heavy", "S:light"], "clone"].tolist() == [found.loc["S:a0", "clone"]] * 2
    assert found.loc["S:b0", "clone"] != found.loc["S:c0", "clone"]
    assert found["evidence"].drop(found.index[found.index.str.match(r"S:[abc]\d")]).to_dict() == {
        "S:heavy": "VDJ attached", "S:light": "VJ attached", "S:two fit": "ambiguous", "S:none fits": "VJ unplaced",
        "S:new": "VDJ",
    }  # fmt: skip
    assert found.loc[["S:two fit", "S:none fits"], "clone"].isna().all()
    assert not found.loc["S:two fit", "counted"] and found.loc["S:none fits", "counted"]


def test_a_light_chain_of_a_single_cell_is_no_reason_to_join():
    rows = [receptors.heavy("S:1", J[0]), receptors.light("S:1", J[1]), receptors.light("S:2", J[1])]
    assert clones_of(rows).loc["S:2", ["clone", "evidence"]].fillna("").tolist() == ["", "VJ unplaced"]


def test_blasts_that_do_not_express_a_light_chain_are_one_clone():
    rows = [receptors.heavy(f"S:{i}", J[0], 2) for i in range(60)]
    rows += [receptors.light(f"S:{i}", J[1 + i], 2, locus="IGK") for i in range(6)]
    found = clones_of(rows)
    assert found["clone"].nunique() == 1 and found["clone"].notna().all()
    assert set(found["evidence"]) == {"VDJ", "other VJ"}


def test_a_stray_light_chain_does_not_split_a_clone():
    rows = []
    for i in range(30):
        rows += [receptors.heavy(f"S:{i}", J[0]), receptors.light(f"S:{i}", J[1] if i else J[2])]
    found = clones_of(rows)
    assert found["clone"].nunique() == 1 and found.loc["S:0", "evidence"] == "other VJ"


def test_doublets_and_many_chains_are_marked_and_in_no_clone():
    pair = [receptors.heavy("S:1", J[0]), receptors.light("S:1", J[1]), receptors.heavy("S:1", J[2], 40)]
    strong = [receptors.heavy("S:2", J[0], 90), receptors.light("S:2", J[1]), receptors.heavy("S:2", J[2], 9)]
    other = [receptors.heavy("S:4", J[2]), receptors.light("S:4", J[3])]
    many = [receptors.heavy("S:3", J[0])] + [receptors.light("S:3", J[i]) for i in (1, 2, 3)]
    found = clones_of(pair + strong + many + other)
    assert found["evidence"].tolist() == ["ambiguous", "paired", "multichain", "paired"]
    assert found["counted"].tolist() == [False, True, False, True] and found["clone"].notna().tolist() == [
        False,
        True,
        False,
        True,
    ]


def test_of_two_vdj_chains_the_one_of_a_clone_decides():
    rows = [receptors.heavy("S:1", J[0]), receptors.light("S:1", J[1])]
    rows += [receptors.heavy("S:2", J[0]), receptors.light("S:2", J[1]), receptors.heavy("S:2", J[9])]
    found = clones_of(rows)
    assert found["clone"].nunique() == 1 and found["evidence"].tolist() == ["paired", "other VDJ"]


def test_plain_clonotypes_share_a_chain_of_each_type_and_leave_one_chain_cells_apart():
    rows = [receptors.heavy("S:1", J[0]), receptors.light("S:1", J[1])]
    rows += [receptors.heavy("S:2", change(J[0], 10)), receptors.light("S:2", J[2]), receptors.light("S:2", J[1], 9)]
    rows += [receptors.heavy("S:3", J[0]), receptors.light("S:3", J[3]), receptors.heavy("S:4", J[0])]
    rows += [receptors.heavy("S:5", J[0] + J[1] + J[2] + J[3])]  # 168 bases
    found = clones_of(rows, partial="separate")
    assert found["clone"].fillna("").tolist() == ["P1.B1", "P1.B1", "P1.B2", "P1.B3", ""]
    assert found["evidence"].tolist() == ["paired", "paired", "paired", "VDJ", "VDJ"]
    assert clones_of(rows, "nucleotide", "separate")["clone"].nunique() == 5
    lone = [receptors.light("S:1", J[1]), receptors.light("S:2", J[1])]
    assert clones_of(lone, partial="separate")["clone"].tolist() == ["P1.B1", "P1.B1"]
    assert clones_of(lone, partial="separate", receptor="TCR")["evidence"].tolist() == ["VJ unplaced"] * 2


def test_tcr_clones_need_both_junctions():
    rows = receptors.alpha_beta("S:1", J[0], J[1]) + receptors.alpha_beta("S:2", J[0], J[1])
    rows += receptors.alpha_beta("S:3", J[2], J[1]) + receptors.alpha_beta("S:4", J[0], change(J[1], 10))
    found = clones_of(rows, receptor="TCR")
    assert found["clone"].tolist() == ["P1.T1", "P1.T1", "P1.T2", "P1.T3"]


@pytest.mark.parametrize("asked", [False, True])
def test_ambiguous_cells_are_in_the_denominators_only_where_asked(tmp_path, monkeypatch, asked):
    monkeypatch.chdir(tmp_path)
    rows = []
    for i in range(8):
        rows += [receptors.heavy(f"T1:a{i}", J[0]), receptors.light(f"T1:a{i}", J[1])]
        rows += [receptors.heavy(f"T1:b{i}", J[2]), receptors.light(f"T1:b{i}", J[3 + i % 2])]
    rows += [receptors.heavy("T1:two fit", J[2])]
    rows += [receptors.heavy("T1:many", J[20 + i]) for i in range(3)]
    cells = receptors.labels({row["cell_id"]: ("plasma", "plasma cell") for row in rows})
    receptors.run_clones(tmp_path, {"T1": receptors.contigs(rows)}, cells, *(["--count-ambiguous"] if asked else []))
    found = pd.read_parquet("P1.clones.parquet").set_index("cell_id")
    doubtful = found.loc[["T1:two fit", "T1:many"]]
    assert doubtful["bcr_evidence"].tolist() == ["ambiguous", "multichain"]
    assert doubtful["bcr_clone"].isna().all() and doubtful["bcr_counted"].tolist() == [asked] * 2
    spread = pd.read_csv("P1.clone_cells.tsv", sep="\t")
    assert set(spread["total"]) == {18 if asked else 16} and spread["n"].tolist() == [8, 4, 4]
    for name in ("clones", "clone_cells"):
        rule = pd.read_csv(f"P1.{name}.tsv", sep="\t")["rule"]
        assert rule.str.endswith("ambiguous cells counted").all() == asked


def test_clones_go_over_samples_and_are_numbered_by_size(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = {"T1": [], "T2": []}
    for i in range(4):
        rows["T2"] += [receptors.heavy(f"T2:{i}", J[0]), receptors.light(f"T2:{i}", J[1])]
    rows["T1"] += [receptors.heavy("T1:0", J[0]), receptors.light("T1:0", J[1])]
    rows["T1"] += [receptors.heavy("T1:1", J[2]), receptors.light("T1:1", J[3])]
    cells = {row["cell_id"]: ("plasma", "plasma cell") for part in rows.values() for row in part}
    tables = {name: receptors.contigs(part) for name, part in rows.items()}
    receptors.run_clones(tmp_path, tables, receptors.labels(cells | {"T1:9": ("T", "CD4 T")}))
    found = pd.read_parquet("P1.clones.parquet").set_index("cell_id")
    assert found.loc[["T1:0", "T2:0", "T1:1"], "bcr_clone"].tolist() == ["P1.B1", "P1.B1", "P1.B2"]
    assert found.loc["T1:9", ["bcr_evidence", "chain_pairing_bcr"]].tolist() == ["none", "no IR"]
    table = pd.read_csv("P1.clones.tsv", sep="\t")
    assert table["label"][0] == f"{receptors.translate(J[0])}_{receptors.translate(J[1])}"
    assert table["rule"][0] == "similarity 0.85, one-chain cells attach" and table["samples"][0] == "T2:4;T1:1"


def exact(path, library, tmp_path):
    """Clones by identical junctions, one-chain cells apart, of all contigs of a file."""
    contigs, _ = read_cellranger.read_contigs(path, "S", {"BCR": "vdj_b", "TCR": "vdj_t"}[library])
    contigs.to_parquet(tmp_path / "S.contigs.parquet")
    table = read_contigs([tmp_path / "S.contigs.parquet"], contigs["cell_id"])
    table["rank"], _ = chains.ranks_and_categories(table)
    used = table[table["rank"] > 0].assign(v_gene=table["v_call"], j_gene=table["j_call"])
    used = chain_groups(used, "nucleotide", 1)
    found = clonotypes.define_clones(used, "P1", library, "nucleotide", 1, "separate")
    found.index = found.index.str.removeprefix("S:") + "-1"
    return found["clone"]


def same_partition(a, b):
    pairs = pd.DataFrame({"a": a, "b": b.reindex(a.index).astype(str)}).drop_duplicates()
    return len(pairs) == a.nunique() == b.nunique()


def test_exact_clones_equal_the_table_that_scirpy_expects(data, tmp_path):
    found = exact(data / "pbmc3_t/filtered_contig_annotations.csv.gz", "TCR", tmp_path)
    expected = pd.read_csv(data / "pbmc3_t/expected.csv.gz", index_col="cell_id")["clone_id"]
    assert found.nunique() == 1507 and same_partition(found, expected)


def test_exact_clones_are_those_of_scirpys_own_reader_on_a_real_bcr_library(real_data, tmp_path):
    import scirpy

    path = real_data / "melanoma_bcr/filtered_contig_annotations.csv"
    theirs = scirpy.io.read_10x_vdj(path, include_fields=None)
    scirpy.pp.index_chains(theirs)
    scirpy.tl.chain_qc(theirs)
    scirpy.pp.ir_dist(theirs)
    scirpy.tl.define_clonotypes(theirs)
    found = exact(path, "BCR", tmp_path)
    assert found.notna().sum() == theirs.obs["clone_id"].notna().sum() == 5644
    assert same_partition(found, theirs.obs["clone_id"])


@pytest.mark.parametrize("sample", ["MD4", "BL6"])
def test_a_transgenic_spleen_is_one_clone_and_a_normal_one_is_not(data, tmp_path, monkeypatch, sample):
    monkeypatch.chdir(tmp_path)
    folder = data / "djvdj_mouse_spleen" / sample
    parts = [read_cellranger.read_contigs(folder / column, sample, column)[0] for column in ("vdj_b", "vdj_t")]
    contigs = pd.concat(parts, ignore_index=True)
    cells = receptors.labels(dict.fromkeys(contigs["cell_id"], ("unassigned", "unassigned")))
    receptors.run_clones(tmp_path, {sample: contigs}, cells)
    found = pd.read_parquet("P1.clones.parquet")
    top = found.loc[found["bcr_counted"], "bcr_clone"].value_counts(normalize=True).iloc[0]
    assert top > 0.6 if sample == "MD4" else top < 0.1


@pytest.mark.parametrize("folder", ["nsclc_bcr/vdj_b", "ibex_mouse/vdj_b"])
def test_real_libraries_run_whole(real_data, tmp_path, monkeypatch, folder):
    monkeypatch.chdir(tmp_path)
    contigs, _ = read_cellranger.read_contigs(real_data / folder, "S", "vdj_b")
    cells = receptors.labels(dict.fromkeys(contigs["cell_id"], ("B", "memory B")))
    receptors.run_clones(tmp_path, {"S": contigs}, cells)
    table = pd.read_csv("P1.clones.tsv", sep="\t")
    found = pd.read_parquet("P1.clones.parquet")
    assert table["n_cells"].sum() == found["bcr_clone"].notna().sum() > 1000
    assert table["n_cells"].is_monotonic_decreasing and table["label"].str.contains("_").all()
