"""MALIGNANCY: the verdict, and the planted patient."""

import json

from _evidence import LINES, assessable, untestable, why_not_assessable

import anndata as ad
import case_answer
import hdf5plugin
import malignancy
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from helpers.precursor_cells import gene_table, make
from helpers.tumour_room import PROGRAMMES, people, run_steps
from scipy import sparse


def verdict(min_evidence=2, lineage="plasma", stray=False, **lines):
    table = pd.DataFrame([{name: lines.get(name) for name in LINES}]).astype("boolean")
    return malignancy.verdicts(people(lineage=[lineage], stray=[stray]), table, min_evidence)[0]


def test_verdict_needs_two_lines_one_of_them_of_the_cell():
    assert verdict(clone=True) == "undecided"
    assert verdict(clone=True, cnv=True) == "malignant"
    assert verdict(clone=True, min_evidence=1) == "malignant"
    assert verdict(fish=True, morphology=True) == "undecided"
    assert verdict(programme=True, morphology=True) == "malignant"


def test_clone_of_its_own_is_normal_unless_an_arm_contradicts():
    assert verdict(clone=False, cnv=False, programme=True, morphology=True) == "normal"
    assert verdict(clone=False, cnv=True, morphology=True) == "undecided"
    assert verdict() == "undecided"


def test_other_lineages_are_normal_unless_they_carry_the_clone():
    assert verdict(lineage="T") == "normal"
    assert verdict(lineage="T", stray=True) == "undecided"
    assert verdict(lineage="unassigned") == "undecided"


def test_planted_patient(tmp_path, monkeypatch):
    truth = run_steps(tmp_path, monkeypatch)
    cells = pd.read_parquet("P.malignancy.parquet").set_index("cell_id").loc[truth.index]
    assert (cells.malignancy[truth.kind == "clone"] == "malignant").all()
    assert (cells.malignancy[truth.kind == "polyclonal"] == "normal").all()
    assert (cells.malignancy[truth.lineage.isin(["T", "myeloid"])] == "normal").all()
    # Cytology alone says blast: one line, so nothing is decided.
    assert (cells.malignancy[truth.lineage == "blast"] == "undecided").all()
    of_clone = cells[truth.kind == "clone"]
    assert of_clone.line_clone.all() and of_clone.line_cnv.all() and of_clone.line_fish.all()
    assert of_clone.reasons.str.startswith("clone P.B1 (+)").all()
    table = pd.read_csv("P.malignancy.tsv", sep="\t")
    whole = table[table.cell_type == "all cells"]
    assert whole.groupby("timepoint").n.sum().tolist() == whole.groupby("timepoint").total.first().tolist()
    facts = json.loads((tmp_path / "P.malignancy.json").read_text())
    assert [row["clone"] for row in facts["expanded_clones"]] == ["P.B1"]
    json.loads((tmp_path / "P.malignancy_mqc.json").read_text())


def test_without_clones_fish_and_clinical_tables(tmp_path, monkeypatch):
    truth = run_steps(tmp_path, monkeypatch, last="cnv")
    files = sorted(map(str, tmp_path.glob("*.cells.h5ad")))
    options = ["--patient", "P", "--labels", "labels.parquet", "--cnv", "P.cnv.tsv", *PROGRAMMES]
    call = [*files, *options, "--cnv-cells", "P.cnv.parquet"]
    result = CliRunner().invoke(malignancy.main, call)
    assert result.exit_code == 0, (result.output, result.exception)
    cells = pd.read_parquet("P.malignancy.parquet").set_index("cell_id").loc[truth.index]
    assert not (cells.malignancy == "malignant").any()  # copy number alone is one line
    result = CliRunner().invoke(malignancy.main, [*call, "--min-evidence", "1"])
    assert result.exit_code == 0
    cells = pd.read_parquet("P.malignancy.parquet").set_index("cell_id").loc[truth.index]
    assert (cells.malignancy[truth.kind == "clone"] == "malignant").mean() > 0.8


def test_genome_without_positions_runs_through_all_steps(tmp_path, monkeypatch):
    truth = run_steps(tmp_path, monkeypatch, rename=True)
    assert pd.read_csv("P.cnv.tsv", sep="\t").empty
    assert pd.read_csv("P.arm_shifts.tsv", sep="\t").empty
    assert pd.read_parquet("P.cnv.parquet").cnv_profile.isna().all()
    assert set(pd.read_csv("P.fish.tsv", sep="\t").verdict) == {"not assessable"}
    cells = pd.read_parquet("P.malignancy.parquet").set_index("cell_id").loc[truth.index]
    assert cells.line_cnv.isna().all()
    assert (cells.malignancy[truth.kind == "polyclonal"] == "normal").all()


# What could not have been seen is not reported as absent.

NO_EVENT = pd.DataFrame(columns=["level", "population", "verdict", "normal", "arm", "event", "share"]).astype(
    {"normal": bool}
)
EVENT = pd.DataFrame([{"level": "population", "population": "c", "verdict": "detected", "normal": False}])


def judged(arms, lineage="B", n=10, verdict="undecided", has_library=True, **lines):
    """(assessable cells, reason) of n cells of which the same is known, with 90 T cells beside them."""
    cells = people(
        lineage=[lineage] * n + ["T"] * 90, malignancy=[verdict] * n + ["normal"] * 90, stray=[False] * (n + 90)
    ).assign(has_library=has_library)
    known = {name: [lines.get(name)] * n + [None] * 90 for name in LINES}
    table = pd.DataFrame(known, index=cells.index).astype("boolean")
    cells["assessable"] = assessable(cells, table, arms, 2)
    return int(cells.assessable[:n].sum()), why_not_assessable(cells, table, arms)


def test_a_cell_is_assessable_where_two_lines_could_have_spoken():
    assert judged(EVENT, clone=True, cnv=False) == (10, "")
    assert judged(EVENT, cnv=False, programme=False) == (10, "")
    assert judged(EVENT, fish=True, morphology=True)[0] == 0  # neither is about the cell
    assert judged(EVENT, programme=False, morphology=False) == (10, "")


def test_without_a_bcr_library_a_cell_that_is_not_called_shows_nothing():
    assert judged(EVENT, has_library=False, cnv=False, programme=False) == (0, "no BCR library")
    assert judged(EVENT, has_library=False, verdict="malignant", cnv=True, programme=True) == (10, "")


def test_a_patient_without_an_altered_arm_says_nothing_by_its_arms():
    n, reason = judged(NO_EVENT, cnv=False, programme=False)
    assert n == 0 and reason == "no B-cell receptor, no arm gained or lost"
    n, reason = judged(NO_EVENT, cnv=False)
    assert n == 0 and reason.endswith(", no arm gained or lost, fewer than 50 normal B-lineage cells to compare with")


def test_normal_cells_with_receptors_are_assessable_and_others_than_b_cells_are_not():
    assert judged(NO_EVENT, verdict="normal", clone=False) == (10, "")
    assert (
        judged(EVENT, lineage="T", verdict="normal", clone=True)[1]
        == "no cell of a B lineage is named or found by its genes"
    )
    assert judged(EVENT, lineage="unassigned", n=30)[1] == "30 of 120 cells are unassigned"


def write_sample(folder, name, kinds, label=("myeloid", "pDC"), day=28, **options):
    """<name>.cells.h5ad of made cells, and their rows of labels.parquet: T cells as such, all others under one label."""
    counts, umis, kind = make(kinds, **options)
    table = gene_table()
    rest = sparse.csr_matrix((umis - np.asarray(counts.sum(1)).ravel()).clip(0)[:, None])
    ids = pd.Index([f"{name}:C{at}" for at in range(len(kind))])
    data = ad.AnnData(
        sparse.hstack([counts, rest]).tocsr().astype(np.int32),
        pd.DataFrame(index=ids),
        pd.DataFrame(index=[*table.gene, "REST"]),
    )
    data.write_h5ad(folder / f"{name}.cells.h5ad", compression=hdf5plugin.FILTERS["zstd"])
    is_t = kind == "T"
    rows = pd.DataFrame(
        {"cell_id": ids, "sample": name, "patient": "P", "timepoint": name, "day": day, "tissue": "", "sort": ""}
    ).assign(libraries="BCR TCR")
    rows["lineage"], rows["cell_type"] = np.where(is_t, "T", label[0]), np.where(is_t, "CD4 T", label[1])
    return rows.assign(kind=kind, subset=rows["cell_type"])


def run_made(folder, monkeypatch, labels, *more):
    """What MALIGNANCY writes on made samples without clones and arms: (malignancy.tsv, precursors.tsv by sample, per cell)."""
    monkeypatch.chdir(folder)
    labels.drop(columns="kind").to_parquet("labels.parquet", index=False)
    NO_EVENT.to_csv("P.cnv.tsv", sep="\t", index=False)
    labels[["cell_id"]].assign(population=None, cnv_profile=None).to_parquet("P.cnv.parquet", index=False)
    options = [
        "--patient",
        "P",
        "--labels",
        "labels.parquet",
        "--cnv",
        "P.cnv.tsv",
        "--cnv-cells",
        "P.cnv.parquet",
        *PROGRAMMES,
        *more,
    ]
    result = CliRunner().invoke(malignancy.main, [*map(str, sorted(folder.glob("*.cells.h5ad"))), *options])
    assert result.exit_code == 0, (result.output, result.exception)
    table, rows = (pd.read_csv(f"P.{name}.tsv", sep="\t") for name in ("malignancy", "precursors"))
    return table, rows.set_index("sample"), pd.read_parquet("P.malignancy.parquet").set_index("cell_id")


@pytest.mark.parametrize("events", [True, False])
def test_precursors_are_found_whatever_they_are_named(tmp_path, monkeypatch, events):
    """50 CD19+ and 50 CD19- precursors in samples of 60 kept cells, called pDC, and a sample of T cells."""
    parts = [write_sample(tmp_path, name, kinds, depth=2500, seed=at) for at, (name, kinds) in enumerate(
        [("kept", {"blast": 50, "T": 10}), ("lost", {"blast CD19-": 50, "T": 10}), ("sort", {"T": 400})])]  # fmt: skip
    pd.DataFrame([("P", 0, "CD19 CAR-T infusion", "therapy"), ("Q", 10, "inotuzumab", "therapy")],
                 columns=["patient", "day", "event", "kind"]).to_csv(tmp_path / "events.tsv", sep="\t", index=False)  # fmt: skip
    labels = pd.concat(parts, ignore_index=True)
    table, rows, cells = run_made(tmp_path, monkeypatch, labels, *(["--events", "events.tsv"] if events else []))
    assert rows.n["kept"] >= 30 and rows.n["lost"] >= 30 and rows.n["sort"] == 0
    assert rows.reading.to_dict() == {"kept": "open", "lost": "open", "sort": "none"}
    assert rows.cd19[["kept", "lost"]].tolist() == ["present", "lost"] and rows.cd19_n["lost"] == 0
    assert (rows.after == ("yes" if events else "unknown")).all() and rows.named["kept"] == "pDC"
    assert rows.target.isna().all() if not events else (rows.target == "CD19").all()
    own = cells.loc[labels.cell_id[labels.kind.str.startswith("blast")]]
    assert (own.malignancy[own.precursor] == "not testable").all() and not cells.precursor[
        labels.cell_id[labels.kind == "T"]
    ].any()
    # Nothing is called malignant, and nothing says how few that could be.
    whole = (
        table[table.malignancy.isin(["malignant", "not testable"])]
        .query("cell_type == 'all cells'")
        .set_index("timepoint")
    )
    assert whole.malignancy.to_dict() == {"kept": "not testable", "lost": "not testable", "sort": "malignant"}
    assert whole.n["sort"] == 0 and (whole.assessable == "no").all()
    assert whole[["share", "low", "high"]].isna().all(axis=None)
    assert whole.reason["kept"].startswith("no B-cell receptor, no arm gained or lost")
    assert whole.reason["sort"] == "no cell of a B lineage is named or found by its genes"


def write_clones(folder, labels, clone_of):
    """clones.parquet of BCR clones, of cells that have one; clone_of: name or None per cell. Its options."""
    table = pd.DataFrame({"cell_id": labels.cell_id, "bcr_clone": clone_of, "tcr_clone": None}).dropna(
        subset="bcr_clone"
    )
    table.assign(receptor_subtype_bcr=None).to_parquet(folder / "P.clones.parquet", index=False)
    return "--clones", "P.clones.parquet"


def test_blasts_of_one_clone_are_malignant_by_their_genes_without_any_clinical_table(tmp_path, monkeypatch):
    """No arm is altered and no normal B cell is there to compare with; a third of the blasts shows its receptor."""
    labels = write_sample(tmp_path, "S1", {"blast": 180, "T": 60}, label=("blast", "B-ALL blast"))
    clones = ["P.B1" if kind == "blast" and at % 3 == 0 else None for at, kind in enumerate(labels.kind)]
    _, rows, cells = run_made(tmp_path, monkeypatch, labels, *write_clones(tmp_path, labels, clones))
    blasts = cells.loc[labels.cell_id[labels.kind == "blast"]]
    assert rows.reading["S1"] == "one clone" and (blasts.malignancy == "malignant").mean() >= 0.9
    assert set(blasts.reasons[blasts.precursor]) == {
        "clone P.B1 (+); precursor genes (+)", "cells like it are one clone (+); precursor genes (+)"
    }  # fmt: skip
    assert set(blasts.line_programme) == {True} and (~blasts.precursor).sum() >= 10
    assert (cells.malignancy[labels.cell_id[labels.kind == "T"]] == "normal").all()


@pytest.mark.parametrize("label", [("B", "B precursor"), ("blast", "B-ALL blast")])
@pytest.mark.parametrize("share", [0.4, 0.0])
def test_haematogones_of_a_regenerating_marrow_are_not_malignant(tmp_path, monkeypatch, label, share):
    """Whatever they are called and though cytology counts them: their receptors are polyclonal, or they are of all stages."""
    kinds = {"pro-B": 40, "pre-B kappa": 60, "pre-B lambda": 60, "T": 200}
    labels = write_sample(tmp_path, "S1", kinds, label=label)
    own = [f"P.B{at}" if kind != "T" and at % 10 < 10 * share else None for at, kind in enumerate(labels.kind)]
    counted = pd.DataFrame([("P", 28, "marrow blasts", 12.0)], columns=["patient", "day", "parameter", "value"])
    counted.to_csv(tmp_path / "clinical.tsv", sep="\t", index=False)
    more = ["--clinical", "clinical.tsv", *write_clones(tmp_path, labels, own)]
    _, rows, cells = run_made(tmp_path, monkeypatch, labels, *more)
    assert rows.reading["S1"] == ("polyclonal" if share else "all stages") and rows.n["S1"] >= 100
    assert not (cells.malignancy == "malignant").any()


@pytest.mark.parametrize(("tissue", "said"), [("peripheral blood", 0), ("PBMC", 0), ("bone marrow", 50), ("", 50)])
def test_in_blood_the_name_of_a_blast_needs_the_genes_of_a_precursor(tmp_path, monkeypatch, tissue, said):
    """Mature B cells that are called blasts, and a cytology that counted some; 50 true blasts are called in any tissue."""
    labels = write_sample(
        tmp_path, "S1", {"blast": 60, "naive B": 50, "T": 200}, label=("blast", "B-ALL blast"), depth=9000
    )
    labels["tissue"] = tissue
    counted = pd.DataFrame([("P", 28, "blasts", 12.0)], columns=["patient", "day", "parameter", "value"])
    counted.to_csv(tmp_path / "clinical.tsv", sep="\t", index=False)
    _, _, cells = run_made(tmp_path, monkeypatch, labels, "--clinical", "clinical.tsv")
    calls, kind = cells.malignancy == "malignant", labels.set_index("cell_id").kind
    assert calls[kind == "blast"].sum() >= 50 and not calls[kind == "naive B"].any()
    assert cells.line_morphology[kind == "naive B"].fillna(False).sum() == said


def test_healthy_blood_without_a_bcr_library_cannot_be_assessed(tmp_path, monkeypatch):
    labels = write_sample(tmp_path, "S1", {"naive B": 289, "T": 700}, label=("B", "naive B"), depth=4000)
    labels["libraries"] = "TCR"
    table, rows, cells = run_made(tmp_path, monkeypatch, labels)
    assert table[["cell_type", "malignancy", "n", "total", "assessable"]].to_numpy().tolist() == [
        ["all cells", "not testable", 289, 989, "no"]
    ]
    assert table[["share", "low", "high"]].isna().all(axis=None)
    assert table.reason[0].startswith("no BCR library, no arm gained or lost")
    assert cells.malignancy.value_counts().to_dict() == {"normal": 700, "not testable": 289}
    section = json.loads((tmp_path / "P.malignancy_mqc.json").read_text())["data"]
    assert section == {"P S1 not testable": {"cells": 289, "reason": table.reason[0]}}
    said = case_answer.malignant(table, {}, "P")
    assert said == [["Malignant cells cannot be assessed ", f"at S1: {table.reason[0]}", "."]]
    assert rows.loc["S1", ["reading", "n"]].tolist() == ["none", 0]


def test_rows_are_of_one_tissue_and_sort_and_a_sample_without_receptors_is_one_of_them():
    """Marrow with a BCR library and a CD3-sorted sample of the same day without one: one row says so, no undecided cells."""
    n = 40
    cells = people(
        lineage=["B"] * n + ["B", "T"] * 10,
        stray=[False] * (n + 20),
        malignancy=["normal"] * n + ["undecided", "normal"] * 10,
    )
    cells["sort"] = [""] * n + ["CD3+"] * 20
    cells["clone"] = [f"B{at}" for at in range(n)] + [None] * 20
    lines = pd.DataFrame({name: pd.array([None] * len(cells), dtype="boolean") for name in LINES})
    cells["assessable"] = assessable(cells, lines, NO_EVENT, 2)
    assert untestable(cells).sum() == 10
    cells.loc[untestable(cells), "malignancy"] = "not testable"
    rows = malignancy.counts(cells, lines, NO_EVENT).query("cell_type == 'all cells'")
    assert rows[["sort", "malignancy", "n", "total"]].to_numpy().tolist() == [
        ["", "malignant", 0, 40], ["", "normal", 40, 40], ["", "undecided", 0, 40], ["CD3+", "not testable", 10, 20]
    ]  # fmt: skip


@pytest.mark.parametrize("programme", [None, False])
def test_the_upper_bound_holds_if_all_undecided_cells_were_malignant(programme):
    """Whether or not the two undecided cells had lines that could have spoken."""
    lines = pd.DataFrame({name: pd.array([None] * 100, dtype="boolean") for name in LINES})
    lines.loc[:9, ["programme", "morphology"]] = programme
    cells = people(
        lineage=["B"] * 10 + ["T"] * 90,
        stray=[False] * 100,
        malignancy=["normal"] * 8 + ["undecided"] * 2 + ["normal"] * 90,
    )
    cells["assessable"] = assessable(cells, lines, NO_EVENT, 2)
    row = malignancy.counts(cells, lines, NO_EVENT).iloc[0]
    assert (row.malignancy, row.n, row.assessable) == ("malignant", 0, "yes")
    assert row.high == pytest.approx(0.0700, abs=1e-3)  # Wilson's of 2 of 100, not 1 - 0.05^(1/100)
