"""MALIGNANCY: each line of evidence, the verdict, and the planted patient."""

import json

import evidence
import malignancy
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from tumour_room import PROJECT, run_steps

LINES = ["clone", "cnv", "programme", "fish", "morphology"]


def people(**columns):
    """Cells with the columns that the lines read."""
    size = len(next(iter(columns.values())))
    table = pd.DataFrame(
        {"timepoint": "T1", "day": 0, "lineage": "plasma", "cell_type": "plasma cell"}, index=range(size)
    )
    return table.assign(**{name: pd.Series(values, dtype=object) for name, values in columns.items()})


def test_expanded_clones_need_size_share_and_one_light_chain():
    clones = ["big"] * 40 + ["mixed"] * 40 + ["small"] * 12 + ["p"] * 3
    light = ["IGL"] * 40 + ["IGL", "IGK"] * 20 + [None] * 15
    found = evidence.expanded_clones(people(clone=clones, light=light))
    assert {row["clone"]: row["restricted"] for row in found} == {"big": True, "mixed": False}
    assert found[0]["light_chain"] == "IGL"


@pytest.mark.parametrize("strays", [[], ["IGK"] * 3, ["IGK", "IGL"] * 3])
def test_nothing_is_said_of_the_light_chain_of_precursors_and_their_clone_counts(strays):
    light = strays + [None] * (60 - len(strays))
    cells = people(clone=["b"] * 60, light=light, lineage=["blast"] * 60)
    found = evidence.expanded_clones(cells)
    assert found[0]["restricted"] == "too few" and found[0]["light_chain"] is None
    assert evidence.clone_line(cells, found)[0].all()


@pytest.mark.parametrize(("tumour", "own", "expected"), [(60, 0, True), (0, 60, False), (40, 40, None)])
def test_cells_without_receptor_go_with_their_kin_only_where_it_is_clear(tumour, own, expected):
    cells = people(clone=["c"] * tumour + [f"o{i}" for i in range(own)] + [None] * 5)
    expanded = [{"clone": "c", "restricted": True}]
    line, _ = evidence.clone_line(cells, expanded)
    assert line[: tumour + own].tolist() == [True] * tumour + [False] * own
    rest = line[tumour + own :]
    assert rest.isna().all() if expected is None else (rest == expected).all()


def test_cnv_counts_for_cells_without_it_in_a_clone_that_has_it():
    cells = people(
        clone=["c", "c", "d", None],
        population=["c", "c", "d", "x"],
        cnv_profile=["1q+", "none", "none", None],
    )
    table = pd.DataFrame(
        {
            "level": "population",
            "population": ["c", "d"],
            "verdict": ["detected", "not detected"],
            "normal": False,
        }
        | {"arm": "1q", "event": "gain", "share": [0.8, 0.0]}
    )
    line, words = evidence.cnv_line(cells, table)
    assert line[:3].tolist() == [True, True, False]
    assert line.isna()[3]
    assert words[:2].tolist() == ["arms 1q+", "clone with 1q+"]


def test_programme_counts_above_nearly_all_normal_relatives():
    rng = np.random.default_rng(0)
    cells = people(clone=[None] * 500)
    up = np.r_[rng.normal(0, 1, 400), rng.normal(5, 1, 100)]
    genes = pd.DataFrame({"lineage": "plasma", "gene": ["A", "B"], "sign": ["+", "-"]})
    normal = pd.Series(cells.index < 400)
    expression = pd.DataFrame({"A": up, "B": rng.normal(0, 0.1, 500)})
    line, _ = evidence.programme_line(cells, expression, genes, normal)
    assert line[:400].mean() == pytest.approx(0.01, abs=0.005)
    assert line[400:].mean() > 0.95
    line, _ = evidence.programme_line(cells, expression, genes, normal & (cells.index < 30))
    assert line.isna().all()


def test_cytology_counts_only_near_its_day():
    cells = people(clone=[None] * 3, lineage=["blast"] * 3, day=[0, 28, 200], population=["blasts"] * 3)
    clinical = pd.DataFrame({"parameter": "marrow lymphoblasts", "day": [0, 30], "value": [90.0, 0.0]})
    _, line = evidence.sample_lines(cells, None, clinical)
    assert line[:2].tolist() == [True, False]
    assert line.isna()[2]


@pytest.mark.parametrize(
    ("name", "counts"),
    [("marrow lymphoblasts", True), ("Myeloblasts", True), ("Blasts (marrow)", True), ("blasts", True)]
    + [
        (name, False)
        for name in ("Erythroblasts", "normoblasts", "Megaloblasts", "plasmablasts", "fibroblasts")
    ],
)
def test_blasts_of_cytology_are_leukaemic_ones(name, counts):
    cells = people(clone=[None], lineage=["blast"], population=["blasts"])
    _, line = evidence.sample_lines(cells, None, pd.DataFrame({"parameter": [name], "day": 0, "value": 25.0}))
    assert line.notna().tolist() == [counts]


def test_the_highest_count_of_the_nearest_day_counts():
    cells = people(clone=[None], lineage=["blast"], population=["blasts"])
    names = ["peripheral blasts", "marrow blasts", "marrow blasts"]
    table = pd.DataFrame({"parameter": names, "day": [1, 1, 9], "value": [0.0, 40.0, 0.0]})
    assert evidence.sample_lines(cells, None, table)[1].tolist() == [True]


def test_a_probe_that_cannot_be_assessed_says_nothing_of_its_population():
    cells = people(clone=[None] * 3, population=["a", "b", "c"])
    table = pd.DataFrame(
        {"population": ["a", "b", "c"], "percent": [80.0, 80.0, None], "share": [0.8, None, 0.3]}
    )
    line, _ = evidence.sample_lines(
        cells, table.assign(verdict=["agrees", "not assessable", "no probe"]), None
    )
    assert line[:1].tolist() == [True]
    assert line[1:].isna().all()


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
    options = [
        "--patient",
        "P",
        "--labels",
        "labels.parquet",
        "--cnv",
        "P.cnv.tsv",
        "--cnv-cells",
        "P.cnv.parquet",
    ]
    options += ["--programmes", str(PROJECT / "assets" / "malignant_programmes.tsv")]
    result = CliRunner().invoke(evidence.main, [*files, *options])
    assert result.exit_code == 0, (result.output, result.exception)
    call = ["evidence.parquet", "--patient", "P", "--expanded", "expanded_clones.json"]
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
