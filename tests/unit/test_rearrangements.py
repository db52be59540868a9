"""AIRR rearrangements and hypermutation."""

import airr
import pandas as pd
import pytest
import read_cellranger
import rearrangements
from helpers import small_receptors as receptors

J = receptors.junctions(30, seed=10)


def made(tmp_path, monkeypatch, rows, cells):
    monkeypatch.chdir(tmp_path)
    receptors.run_clones(tmp_path, {"T1": receptors.contigs(rows)}, receptors.labels(cells))
    given = ["--chains", "P1.own_chains.parquet", "--clones", "P1.clones.parquet", "--labels", "labels.parquet"]
    receptors.run(rearrangements.main, "T1.contigs.parquet", "--patient", "P1", *given)
    return pd.read_csv("P1.airr_rearrangement.tsv", sep="\t"), pd.read_csv("P1.hypermutation.tsv", sep="\t")


def test_the_airr_library_validates_the_table(tmp_path, monkeypatch):
    rows = [
        receptors.heavy("T1:1", J[0]),
        receptors.light("T1:1", J[1]),
        receptors.heavy("T1:2", J[2], productive=False),
    ]
    table, mutations = made(tmp_path, monkeypatch, rows, {f"T1:{i}": ("B", "memory B") for i in (1, 2)})
    assert airr.validate_rearrangement(str(tmp_path / "P1.airr_rearrangement.tsv"))
    assert table["clone_id"].dropna().tolist() == ["P1.B1", "P1.B1"] and table["sequence_id"].is_unique
    assert table["productive"].tolist() == ["T", "T", "F"] and mutations.empty
    assert set(table["rule"]) == {"similarity 0.85, one-chain cells attach"}
    # A chain that does not function is nobody's own: its fields are empty, never the word nan.
    fields = [line.split("\t") for line in (tmp_path / "P1.airr_rearrangement.tsv").read_text().splitlines()]
    assert {row[fields[0].index("clone_id")] for row in fields[1:]} == {"P1.B1", ""}
    assert not [row for row in fields if "nan" in row]


def test_contigs_of_one_name_in_both_libraries_stay_apart(tmp_path, monkeypatch):
    rows = [receptors.heavy("T1:1", J[0], sequence_alignment="ACGT", germline_alignment="ACGA")]
    rows += [receptors.light("T1:1", J[1])]
    alpha_beta = receptors.alpha_beta("T1:1", J[2], J[3])
    rows += [row | {"sequence_alignment": "TTTT", "germline_alignment": "TTTA"} for row in alpha_beta]
    named = receptors.contigs(rows)
    named["sequence_id"] = ["1_contig_1", "1_contig_2"] * 2
    monkeypatch.setattr(receptors, "contigs", lambda _rows: named)
    table, _ = made(tmp_path, monkeypatch, rows, {"T1:1": ("B", "memory B")})
    found = table.set_index("sequence_id").sequence_alignment.fillna("")
    assert found.index.is_unique and len(found) == 4
    assert found["T1:BCR:1_contig_1"] == "ACGT" and found["T1:BCR:1_contig_2"] == ""
    assert found["T1:TCR:1_contig_1"] == found["T1:TCR:1_contig_2"] == "TTTT"


def test_contigs_without_a_name_have_ids_of_their_own(tmp_path, monkeypatch):
    rows = [receptors.heavy("T1:1", J[0]), receptors.light("T1:1", J[1])]
    named = receptors.contigs(rows).assign(sequence_id=None)
    monkeypatch.setattr(receptors, "contigs", lambda _rows: named)
    table, _ = made(tmp_path, monkeypatch, rows, {"T1:1": ("B", "memory B")})
    assert sorted(table["sequence_id"]) == ["T1:BCR:row_1", "T1:BCR:row_2"]


def test_mutations_of_aligned_v_regions(tmp_path, monkeypatch):
    germline = "ACGT" * 75 + "...NNNNNNNNN" + "ACGT" * 10
    sequence = "TCGA" + germline[4:100] + "N" + germline[101:]
    rows = []
    for i in range(3):
        alignment = {"sequence_alignment": sequence if i else germline, "germline_alignment": germline}
        rows += [receptors.heavy(f"T1:{i}", J[0], **alignment), receptors.light(f"T1:{i}", J[1])]
    _, mutations = made(tmp_path, monkeypatch, rows, {f"T1:{i}": ("plasma", "plasma cell") for i in range(3)})
    row = mutations.iloc[0]
    assert row[["clone", "locus", "n_sequences", "mutations"]].tolist() == ["P1.B1", "IGH", 3, 4]
    assert row["rule"] == "similarity 0.85, one-chain cells attach"
    assert (
        row["frequency"] == pytest.approx(4 / (300 + 299 * 2), rel=1e-4)
        and row["low"] <= row["frequency"] <= row["high"]
    )


def test_cell_rangers_alignments_are_laid_side_by_side():
    import numpy as np

    rng = np.random.default_rng(0)
    leader, v, junction = ("".join(rng.choice(list("ACGT"), n)) for n in (60, 288, 45))
    mutated = v[:100] + ("A" if v[100] != "A" else "C") + v[101:]
    for before in ("", "TTACG", "TTACGGATTACACTAGGA"):
        sequence = before + leader + mutated + junction + "GGT" * 20
        germline = "GATTACA" + leader + v + junction[:6] + "ACT" * 150
        assert rearrangements.v_mutations(sequence, germline, junction) == (288, 1)
    assert rearrangements.v_mutations(sequence, germline[:200], junction) == (0, 0)
    other = "".join(rng.choice(list("ACGT"), 500))
    assert rearrangements.v_mutations(sequence, other, junction) == (0, 0)
    assert rearrangements.v_mutations(sequence, germline, "CAT" * 9) == (0, 0)


def test_t_cell_receptors_are_those_of_the_germline(data):
    path = data / "djvdj_mouse_spleen/MD4/vdj_t/airr_rearrangement.tsv"
    table = pd.read_csv(path, sep="\t")
    columns = (table[name] for name in ("sequence_alignment", "germline_alignment", "junction"))
    found = pd.DataFrame([rearrangements.v_mutations(*row) for row in zip(*columns, strict=True)])
    assert (found[0] > 200).all() and (found[1] <= 0.02 * found[0]).mean() > 0.95


@pytest.mark.parametrize(("sample", "most"), [("BL6", 0.001), ("MD4", 0.01)])
def test_naive_mouse_b_cells_are_hardly_mutated(real_data, tmp_path, monkeypatch, sample, most):
    monkeypatch.chdir(tmp_path)
    folder = real_data / "djvdj_mouse_spleen" / sample / "vdj_b"
    contigs, _ = read_cellranger.read_contigs(folder / "airr_rearrangement.tsv", sample, "vdj_b")
    cells = receptors.labels(dict.fromkeys(contigs["cell_id"], ("B", "naive B")))
    receptors.run_clones(tmp_path, {sample: contigs}, cells)
    given = ["--chains", "P1.own_chains.parquet", "--clones", "P1.clones.parquet", "--labels", "labels.parquet"]
    receptors.run(rearrangements.main, f"{sample}.contigs.parquet", "--patient", "P1", *given)
    table = pd.read_csv("P1.hypermutation.tsv", sep="\t")
    own = pd.read_parquet("P1.own_chains.parquet").merge(
        pd.read_parquet("P1.clones.parquet")[["cell_id", "bcr_clone"]].dropna(), on="cell_id"
    )
    own = own[(own["verdict"] == "own") & own["productive"]]
    assert table["n_sequences"].sum() == len(own) > 100
    assert table["median"].median() <= most and (table["frequency"] < 0.1).all()


def test_alignments_that_do_not_align_are_left_out():
    assert rearrangements.v_mutations("ACGT", "ACGTA", "CG") == (0, 0)
    assert rearrangements.v_mutations(None, "ACGTA", "CG") == (0, 0)
    assert rearrangements.v_mutations("AAAACCGGTT", "AAATCCGGTT", "GGTT") == (6, 1)
