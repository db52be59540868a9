"""IDENTITY on real barcodes and receptors (Liao 2020): true, exchanged, given twice; and planted cases."""

import json

from _shared_chains import chain_findings, shared_chains

import h5py
import identity
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from click.testing import CliRunner

Y_GENES = ["RPS4Y1", "DDX3Y", "EIF1AY", "KDM5D", "UTY", "USP9Y", "ZFY"]
SAMPLES = ("C144", "C146", "C149")


@pytest.fixture(scope="module")
def matrices(data) -> dict[str, pd.DataFrame]:
    """Per sample: barcode, n_umi, n_genes, xist_umi, y_umi of every cell of the real matrices."""
    tables = {}
    for sample in SAMPLES:
        with h5py.File(data / "liao_covid_balf" / sample / "count" / "filtered_feature_bc_matrix.h5") as file:
            matrix = file["matrix"]
            names = matrix["features/name"][:].astype(str)
            parts = (matrix["data"][:], matrix["indices"][:], matrix["indptr"][:])
            counts = sp.csc_matrix(parts, shape=tuple(matrix["shape"][:]))
            barcodes = pd.Series(matrix["barcodes"][:].astype(str)).str.removesuffix("-1")
        tables[sample] = pd.DataFrame(
            {
                "barcode": barcodes,
                "n_umi": np.asarray(counts.sum(0)).ravel(),
                "n_genes": np.diff(counts.indptr),
                "xist_umi": np.asarray(counts[names == "XIST"].sum(0)).ravel(),
                "y_umi": np.asarray(counts[np.isin(names, Y_GENES)].sum(0)).ravel(),
            }
        )
    return tables


@pytest.fixture(scope="module")
def receptors(data) -> dict[str, pd.DataFrame]:
    """Per sample: the contigs that Cell Ranger wrote, in AIRR names."""
    tables = {}
    for sample in SAMPLES:
        table = pd.read_csv(data / "liao_covid_balf" / sample / "vdj_t" / "filtered_contig_annotations.csv")
        tables[sample] = pd.DataFrame(
            {
                "barcode": table["barcode"].str.removesuffix("-1"),
                "library": "TCR",
                "locus": table["chain"],
                "v_call": table["v_gene"],
                "j_call": table["j_gene"],
                "junction": table["cdr3_nt"].replace("None", None),
                "junction_aa": table["cdr3"].replace("None", None),
                "productive": table["productive"].astype(str).str.lower() == "true",
                "is_cell": table["is_cell"].astype(bool),
                "high_confidence": table["high_confidence"].astype(bool),
            }
        )
    return tables


def compare(folder, monkeypatch, cells: dict, contigs: dict, patients: dict, *options: str):
    """Write the tables as earlier steps do, run the command, return identity.tsv and identity.json."""
    monkeypatch.chdir(folder)
    rows = [(sample, patient, "T1", 0) for sample, patient in patients.items()]
    sheet = pd.DataFrame(rows, columns=["sample", "patient", "timepoint", "day"])
    sheet.to_csv("samples.tsv", sep="\t", index=False)
    paths = []
    for kind, tables in (("qc", cells), ("contigs", contigs)):
        for sample, table in tables.items():
            table = table.assign(sample=sample, cell_id=sample + ":" + table["barcode"])
            if kind == "qc" and "pass" not in table:
                table["pass"] = True
            table.drop(columns="barcode").to_parquet(f"{sample}.{kind}.parquet")
            paths.append(f"{sample}.{kind}.parquet")
    done = CliRunner().invoke(identity.main, ["samples.tsv", *paths, *options], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return pd.read_csv("identity.tsv", sep="\t"), json.loads((folder / "identity.json").read_text())


OWN = {sample: sample for sample in SAMPLES}


def test_real_samples_are_who_they_say(tmp_path, monkeypatch, matrices, receptors):
    table, facts = compare(tmp_path, monkeypatch, matrices, receptors, OWN)
    assert {facts[sample]["verdict"] for sample in SAMPLES} == {"ok"}
    tcr = table[table["library"] == "TCR"].set_index(["sample", "other"])
    for sample in SAMPLES:
        for other in SAMPLES:
            here = set(receptors[sample].loc[receptors[sample]["is_cell"], "barcode"])
            there = set(matrices[other]["barcode"])
            assert tcr.at[(sample, other), "barcodes"] == len(here)
            assert tcr.at[(sample, other), "shared"] == len(here & there)
            assert tcr.at[(sample, other), "share"] == pytest.approx(
                len(here & there) / min(len(here), len(there)), abs=1e-5
            )
    assert [tcr.at[(sample, sample), "barcodes"] for sample in SAMPLES] == [136, 54, 391]


def test_sex_genes_of_real_samples(tmp_path, monkeypatch, matrices, receptors):
    _, facts = compare(tmp_path, monkeypatch, matrices, receptors, OWN)
    assert {sample: facts[sample]["sex"] for sample in SAMPLES} == {"C144": "male", "C146": "male", "C149": "female"}


def test_one_patient_of_two_sexes_is_told_and_the_minority_named(tmp_path, monkeypatch, matrices, receptors):
    _, facts = compare(tmp_path, monkeypatch, matrices, receptors, dict.fromkeys(SAMPLES, "P1"))
    verdicts = {sample: facts[sample]["verdict"] for sample in SAMPLES}
    assert verdicts == {"C144": "ok", "C146": "ok", "C149": "warning"}
    reason = facts["C149"]["reason"]
    assert "C144" in reason and "C146" in reason and "transplant" in reason


def test_exchanged_receptor_files_are_named_both_ways(tmp_path, monkeypatch, matrices, receptors):
    exchanged = receptors | {"C146": receptors["C149"], "C149": receptors["C146"]}
    _, facts = compare(tmp_path, monkeypatch, matrices, exchanged, OWN)
    for sample, other in (("C146", "C149"), ("C149", "C146")):
        assert facts[sample]["verdict"] == "warning" and list(facts[sample]["left_out"]) == ["TCR"]
        assert other in facts[sample]["reason"]
        assert "exchanged" in facts[sample]["reason"]
    assert facts["C144"]["verdict"] == "ok"


def test_a_file_given_twice_is_named(tmp_path, monkeypatch, matrices, receptors):
    _, facts = compare(tmp_path, monkeypatch, matrices, receptors | {"C146": receptors["C149"]}, OWN)
    assert facts["C146"]["verdict"] == "warning" and list(facts["C146"]["left_out"]) == ["TCR"]
    assert "C149" in facts["C146"]["reason"] and "here too" in facts["C146"]["reason"]
    assert facts["C149"] == {
        "verdict": "ok", "reason": "391 of 391 TCR cells are in its matrix", "findings": [], "sex": "female", "left_out": {}
    }, "the sample whose file was copied is not accused"  # fmt: skip


def test_order_and_repeats_do_not_hide_a_file_given_twice(tmp_path, monkeypatch, matrices, receptors):
    shuffled = receptors["C149"].sample(frac=0.97, random_state=1)
    _, facts = compare(tmp_path, monkeypatch, matrices, receptors | {"C146": shuffled}, OWN)
    assert "here too" in facts["C146"]["reason"]


def test_a_library_that_is_left_out_leaves_the_others_of_its_sample(tmp_path, monkeypatch, matrices, receptors):
    bcr = receptors["C149"].assign(library="BCR", locus="IGH")
    both = receptors | {"C146": pd.concat([receptors["C146"], bcr]), "C149": pd.concat([receptors["C149"], bcr])}
    _, facts = compare(tmp_path, monkeypatch, matrices, both, OWN)
    assert list(facts["C146"]["left_out"]) == ["BCR"] and facts["C149"]["findings"] == []
    assert [path.name for path in (tmp_path / "fitting").iterdir()] == ["C146.contigs.parquet"]
    kept = pd.read_parquet(tmp_path / "fitting/C146.contigs.parquet")
    given = pd.read_parquet(tmp_path / "C146.contigs.parquet")
    pd.testing.assert_frame_equal(kept.reset_index(drop=True), given[given["library"] == "TCR"].reset_index(drop=True))


@pytest.mark.parametrize("members", [2, 8])
def test_one_library_of_a_pool_is_each_members(tmp_path, monkeypatch, matrices, receptors, members):
    names = [f"M{i}" for i in range(members)]
    cells = {name: matrices["C149"].iloc[i::members] for i, name in enumerate(names)}
    cells |= {"C146": matrices["C146"]}
    contigs = {**dict.fromkeys(names, receptors["C149"]), "C146": receptors["C149"]}
    _, facts = compare(tmp_path, monkeypatch, cells, contigs, {name: name for name in cells})
    for name in names:
        assert facts[name]["left_out"] == {} and facts[name]["verdict"] == "warning"
        mine = set(cells[name]["barcode"]) & set(receptors["C149"]["barcode"])
        others = ", ".join(other for other in names if other != name)
        assert f"also given for {others}: one library of a pool" in facts[name]["reason"]
        assert f"({len(mine)} of 391 here)" in facts[name]["reason"]
    assert list(facts["C146"]["left_out"]) == ["TCR"], "it has none of the pool's cells"
    listed = pd.read_csv(tmp_path / "shared_rearrangements.tsv", sep="\t")
    assert len(listed) > 0 and (listed["same_barcodes"] == 0).all(), (
        "of the pool's contigs each has those of its own cells"
    )


def test_few_cells_accuse_nobody(tmp_path, monkeypatch, matrices, receptors):
    """Seven stray cells of a large library in another one: neither file is called a copy of the other."""
    stray = receptors["C149"][receptors["C149"]["barcode"].isin(sorted(receptors["C149"]["barcode"].unique())[:7])]
    mixed = pd.concat([receptors["C146"], stray])
    _, facts = compare(tmp_path, monkeypatch, matrices, receptors | {"C146": mixed}, OWN)
    assert not any(facts[sample]["left_out"] for sample in SAMPLES)
    assert [("index hopping" in finding["text"]) for finding in facts["C149"]["findings"]] == [True], (
        "nothing on its file"
    )
    _, facts = compare(tmp_path, monkeypatch, matrices, receptors | {"C146": stray}, OWN)
    assert facts["C149"]["verdict"] == "ok" and facts["C149"]["findings"] == []
    assert "looks like one of C149" in facts["C146"]["left_out"]["TCR"]


def test_a_library_that_is_half_elsewhere_is_not_silently_ok(tmp_path, monkeypatch, matrices, receptors):
    names = sorted(receptors["C149"]["barcode"].unique())
    half = receptors["C149"].assign(
        barcode=receptors["C149"]["barcode"].replace({name: "X" + name for name in names[:172]})
    )
    _, facts = compare(tmp_path, monkeypatch, matrices, receptors | {"C149": half}, OWN)
    assert facts["C149"]["verdict"] == "warning" and facts["C149"]["left_out"] == {}
    assert "only 219 of its 391 TCR cells (56 %)" in facts["C149"]["reason"]


def test_a_file_of_nobody_says_so(tmp_path, monkeypatch, matrices, receptors):
    foreign = receptors["C149"].assign(barcode=lambda table: "X" + table["barcode"])
    _, facts = compare(tmp_path, monkeypatch, matrices, receptors | {"C149": foreign}, OWN)
    assert facts["C149"]["left_out"]["TCR"] == facts["C149"]["reason"]
    assert "no other sample of the run fits better" in facts["C149"]["reason"]
    contig, cell = min(foreign["barcode"]), min(matrices["C149"]["barcode"])
    assert f"(a barcode of its contigs: {contig}, of its matrix: {cell})" in facts["C149"]["reason"]


def test_minimum_overlap_is_the_users(tmp_path, monkeypatch, matrices, receptors):
    few = receptors["C149"]
    kept = sorted(few["barcode"].unique())
    renamed = {barcode: "X" + barcode for barcode in kept[: int(0.6 * len(kept))]}
    poor = receptors | {"C149": few.assign(barcode=few["barcode"].replace(renamed))}
    _, facts = compare(tmp_path, monkeypatch, matrices, poor, OWN)
    assert facts["C149"]["verdict"] == "warning" and not facts["C149"]["left_out"]
    assert facts["C149"]["reason"].startswith(
        "only 157 of its 391 TCR cells (40 %) are among the 1,000 cells of its matrix"
    )
    _, facts = compare(tmp_path, monkeypatch, matrices, poor, OWN, "--min-overlap", "0.5")
    assert list(facts["C149"]["left_out"]) == ["TCR"]


def test_fewer_than_twenty_cells_are_not_judged(tmp_path, monkeypatch, matrices, receptors):
    foreign = receptors["C149"].assign(barcode=lambda table: "X" + table["barcode"])
    foreign = foreign[foreign["barcode"].isin(sorted(foreign["barcode"].unique())[:19])]
    _, facts = compare(tmp_path, monkeypatch, matrices, receptors | {"C149": foreign}, OWN)
    assert facts["C149"]["verdict"] == "ok"
    assert facts["C149"]["reason"] == "0 of 19 TCR cells are in its matrix, too few to judge"


def test_a_small_matrix_is_the_denominator(tmp_path, monkeypatch, matrices, receptors):
    cells = matrices["C149"]
    own = cells[cells["barcode"].isin(receptors["C149"]["barcode"])].head(40)
    table, facts = compare(tmp_path, monkeypatch, matrices | {"C149": own}, receptors, OWN)
    tcr = table[table["library"] == "TCR"].set_index(["sample", "other"])
    assert tcr.at[("C149", "C149"), "share"] == 1 and facts["C149"]["verdict"] == "ok"


def test_one_matrix_under_two_names_goes_on_once(tmp_path, monkeypatch, matrices, receptors):
    doubled = matrices | {"C150": matrices["C149"]}
    _, facts = compare(tmp_path, monkeypatch, doubled, receptors, OWN | {"C150": "C149"})
    assert facts["C149"]["verdict"] == "warning"
    assert facts["C150"]["verdict"] == "fail" and "C149" in facts["C150"]["reason"]


def test_samples_without_receptors_and_without_cells(tmp_path, monkeypatch, matrices, receptors):
    contigs = {"C144": receptors["C144"].head(0), "C146": receptors["C146"]}
    cells = {sample: matrices[sample] for sample in ("C144", "C146")}
    table, facts = compare(tmp_path, monkeypatch, cells, contigs, OWN)
    assert facts["C144"]["reason"] == "no receptors to compare"
    assert facts["C149"]["verdict"] == "unchecked"
    assert list(dict.fromkeys(table["sample"])) == list(SAMPLES), "every sample of the sheet has a row"


def test_nothing_was_read(tmp_path, monkeypatch):
    table, facts = compare(tmp_path, monkeypatch, {}, {}, OWN)
    assert list(table["verdict"]) == ["unchecked"] * 3 and set(facts) == set(OWN)


def test_tables_of_strangers_are_refused(tmp_path, monkeypatch, matrices, receptors):
    compare(tmp_path, monkeypatch, matrices, receptors, OWN)
    sheet = pd.read_csv("samples.tsv", sep="\t")
    sheet[sheet["sample"] != "C146"].to_csv("samples.tsv", sep="\t", index=False)
    done = CliRunner().invoke(identity.main, ["samples.tsv", "C146.qc.parquet"])
    assert done.exit_code == 1 and "C146: not in samples.tsv" in done.output


@pytest.mark.parametrize(
    ("xist", "y", "total", "call"),
    [
        (1433, 0, 15_127_794, "female"),
        (6, 1743, 13_315_819, "male"),
        (19, 0, 10_000, "undetermined"),
        (0, 0, 0, "undetermined"),
        (30, 2, 100_000_000, "undetermined"),
        (500, 400, 10_000_000, "mixed"),
        (1000, 99, 10_000_000, "female"),
        (150, 19, 1_000_000, "female"),
    ],
)
def test_sex_of(xist, y, total, call):
    assert identity.sex_of(xist, y, total) == call


def chain(sample: str, cell: int, locus: str, junction: str, v: str = "V1", j: str = "J1") -> dict:
    return {
        "sample": sample,
        "cell_id": f"{sample}:{sample}{cell}",
        "barcode": f"{sample}{cell}",
        "locus": locus,
        "v_call": v,
        "j_call": j,
        "junction": junction,
        "productive": True,
    }


HEAVY, SHORT = "TGTGCGAGAGATGGCCAGAATTATGATGTTTGG", "TGTGCGAGAGATGGCTGG"
PATIENTS = {"A1": "A", "A2": "A", "B1": "B"}


def kinds(*chains: dict) -> list[str]:
    table = shared_chains(pd.DataFrame(chains), PATIENTS)
    return sorted(set(table["kind"]))


def test_a_clone_of_two_patients_is_evidence_and_one_patients_is_not():
    pair = [chain("A1", 1, "IGH", HEAVY), chain("A1", 1, "IGK", "TGTCAA")]
    same = [chain("B1", 1, "IGH", HEAVY), chain("B1", 1, "IGK", "TGTCAA")]
    other = [chain("A2", 1, "IGH", HEAVY), chain("A2", 1, "IGK", "TGTCAA")]
    assert kinds(*pair, *same) == ["clone"]
    assert kinds(*pair, *other) == []


def test_public_chains_are_set_apart():
    assert kinds(chain("A1", 1, "IGH", HEAVY), chain("B1", 1, "IGH", HEAVY)) == ["heavy only"]
    assert kinds(chain("A1", 1, "IGH", SHORT), chain("B1", 1, "IGH", SHORT)) == ["public"]
    assert kinds(chain("A1", 1, "TRB", HEAVY), chain("B1", 1, "TRB", HEAVY)) == ["public"]
    unlike = [chain("A1", 1, "TRA", "TGTAAA"), chain("B1", 1, "TRA", "TGTCCC")]
    assert kinds(chain("A1", 1, "TRB", HEAVY), chain("B1", 1, "TRB", HEAVY), *unlike) == ["public"]
    mait = [chain(sample, 1, "TRA", "TGTGCTGTG", "TRAV1-2*01", "TRAJ33*01") for sample in ("A1", "B1")]
    assert kinds(chain("A1", 1, "TRB", HEAVY), chain("B1", 1, "TRB", HEAVY), *mait) == ["public"]


def test_the_same_barcode_makes_any_shared_chain_evidence():
    hopped = chain("B1", 1, "TRB", HEAVY) | {"cell_id": "B1:A11", "barcode": "A11"}
    assert kinds(chain("A1", 1, "TRB", HEAVY), hopped) == ["clone"]


def test_words_about_shared_chains():
    cells = [chain("A1", n, "IGH", HEAVY) for n in range(40)] + [chain("B1", 1, "IGH", HEAVY)]
    shared = shared_chains(pd.DataFrame(cells), PATIENTS)
    found = {sample: (level, text) for level, sample, text in chain_findings(shared, PATIENTS)}
    assert found["B1"][0] == "warning"
    assert "A1 of patient A (40)" in found["B1"][1] and "other barcodes" in found["B1"][1]
    single = shared_chains(pd.DataFrame(cells[-2:]), PATIENTS)
    assert {level for level, _, _ in chain_findings(single, PATIENTS)} == {"note"}


def test_rearrangements_that_two_patients_share_are_listed_with_their_readings(
    tmp_path, monkeypatch, matrices, receptors
):
    heavy = receptors["C149"][receptors["C149"]["locus"].eq("TRB") & receptors["C149"]["productive"]]
    planted = heavy.dropna(subset="junction").drop_duplicates("junction").head(3)
    codes = sorted(set(matrices["C146"]["barcode"]) - set(receptors["C146"]["barcode"]))[:3]
    for barcodes, how in ((codes, "public clones"), (list(planted["barcode"]), "same barcodes: index hopping")):
        mixed = receptors | {"C146": pd.concat([receptors["C146"], planted.assign(barcode=barcodes)])}
        _, facts = compare(tmp_path, monkeypatch, matrices, mixed, OWN)
        for sample, other in (("C146", "C149"), ("C149", "C146")):
            (said,) = (f["text"] for f in facts[sample]["findings"] if "rearrangements" in f["text"])
            assert (
                said.startswith("3 of its TRB rearrangements")
                and how in said
                and "index hopping" in said
                and other in said
            )
        listed = pd.read_csv(tmp_path / "shared_rearrangements.tsv", sep="\t")
        assert sorted(listed["junction"]) == sorted(planted["junction"]), "each pair of samples once"
        assert set(listed["sample"]) == {"C146"} and set(listed["other"]) == {"C149"}
        assert set(listed["kind"]) == ({"public"} if how == "public clones" else {"clone"})
        assert (listed["same_barcodes"] > 0).all() == (how != "public clones")


def test_fifty_samples_of_twenty_thousand_cells():
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, identity.WHITELIST, (50, 20_000))
    cells = pd.DataFrame({"sample": np.repeat([f"S{i:02}" for i in range(50)], 20_000), "n_umi": 1, "n_genes": 1})
    cells["barcode"] = drawn.ravel().astype(str)
    receptors = cells.groupby("sample").head(3000).assign(library="BCR", junction="TGT")
    pairs = identity.pair_table(cells, receptors)
    assert len(pairs) == 2 * 50 * 50 and not pairs["related"].any()
    away = pairs[(pairs["library"] == "BCR") & (pairs["sample"] != pairs["other"])]
    assert away["share"].mean() == pytest.approx(away["expected"].mean(), rel=0.05), "chance is what it is said to be"


def test_unrelated_real_patients_share_no_heavy_chain(real_data, receptors):
    tables = [table.assign(sample=sample) for sample, table in receptors.items()]
    for sample, path in (("nsclc", "nsclc_bcr/vdj_b"), ("melanoma", "melanoma_bcr")):
        table = pd.read_csv(real_data / path / "filtered_contig_annotations.csv")
        names = {"chain": "locus", "v_gene": "v_call", "j_gene": "j_call", "cdr3_nt": "junction"}
        table = table.rename(columns=names).assign(sample=sample)
        table["productive"] = table["productive"].astype(str).str.lower() == "true"
        tables.append(table[table["junction"] != "None"])
    chains = pd.concat(tables).assign(cell_id=lambda table: table["sample"] + ":" + table["barcode"])
    shared = shared_chains(chains, {sample: sample for sample in set(chains["sample"])})
    assert len(shared) == 0
