"""ANNOTATE: types of parts, lone cells, doubtful blasts, labels of others, and which lineages are subclustered."""

import json
from pathlib import Path

import annotate
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from click.testing import CliRunner
from helpers.planted_cells import TYPES, write_blood


@pytest.fixture
def sample(tmp_path, monkeypatch):
    """A matrix of the types with what INTEGRATE leaves for it, and the true type of every cell."""
    monkeypatch.chdir(tmp_path)
    return write_blood(tmp_path)


@pytest.fixture
def run(project):
    """Call of the command on the sample, with more options; `lineages` is another lineage table."""

    def call(*options, lineages=project / "assets" / "lineages.tsv"):
        files = ["integrated.parquet", "expression.npz", "S1.cells.h5ad"]
        assets = project / "assets"
        tables = [
            "--markers",
            assets / "markers.tsv",
            "--profiles",
            assets / "profiles.parquet",
            "--lineages",
            lineages,
        ]
        return CliRunner().invoke(annotate.main, [str(word) for word in (*files, *tables, *options)])

    return call


def done(result):
    assert result.exit_code == 0, result.output
    return pd.read_parquet("annotation.parquet")


def test_every_cell_has_its_planted_type_and_every_part_its_evidence(sample, run):
    table = done(run())
    assert list(table) == [
        "cell_id", "sample", "cluster", "part", "lineage", "cell_type", "margin", "rival", "moved",
    ]  # fmt: skip
    assert (table.set_index("cell_id").loc[sample.index, "cell_type"] == sample).all()
    assert not table["moved"].any() and (table["margin"] > 2).mean() > 0.95
    evidence = pd.read_csv("annotation.tsv", sep="\t")
    assert list(evidence["part"]) == list(range(len(TYPES))) and set(evidence["cell_type"]) == set(TYPES)
    assert set(evidence["origin"]) == {"part"} and (evidence["markers"] >= 2).all()
    assert {"winner", "runner_up", "margin", "evidence", "against", "would_decide", "main_sample"} <= set(evidence)


def test_symbols_in_another_case_are_the_same_genes(sample, run):
    import anndata

    data = anndata.read_h5ad("S1.cells.h5ad")
    data.var_names = [name.capitalize() for name in data.var_names]
    data.write_h5ad("S1.cells.h5ad")
    table = done(run()).set_index("cell_id")
    assert (table.loc[sample.index, "cell_type"] == sample).all()


def test_a_matrix_that_is_not_given_is_an_error(sample, run):
    table = pd.read_parquet("integrated.parquet")
    table.loc[3, "cell_id"] = "S2:1"
    table.to_parquet("integrated.parquet")
    result = run()
    assert result.exit_code == 1 and "S2:1" in result.output and "give all samples" in result.output


def test_a_lone_cell_is_of_its_own_type_and_marked_as_moved(sample, run):
    """One plasma cell in a part of monocytes keeps its name to the end; the others are named by their part."""
    table = pd.read_parquet("integrated.parquet")
    types = sample[table["cell_id"]].to_numpy()
    kept = [*np.flatnonzero(types != "plasma cell"), np.argmax(types == "plasma cell")]
    table, types = table.iloc[kept].reset_index(drop=True), types[kept]
    table.loc[len(table) - 1, "part"] = table.loc[types == "classical monocyte", "part"].iloc[0]
    table["part"] = pd.factorize(table["part"])[0]
    table.to_parquet("integrated.parquet")
    sp.save_npz("expression.npz", sp.load_npz("expression.npz").tocsr()[kept])
    table = done(run())
    assert (table["cell_type"] == types).all()
    assert list(table.loc[table["moved"], "cell_type"]) == ["plasma cell"]
    assert table["lineage"].iloc[-1] == "plasma"


def test_few_blasts_beside_a_sample_full_of_them_are_not_claimed():
    lineage = np.array(["blast"] * 9 + ["T"] + ["blast"] + ["T"] * 9)
    sample = np.repeat(["before", "after"], 10)
    assert np.flatnonzero(annotate.doubtful_blasts(lineage, sample)).tolist() == [10]
    assert not annotate.doubtful_blasts(lineage[10:], sample[10:]).any()


def test_users_labels_replace_or_check(sample, run):
    ids = list(sample.index[:10])
    pd.DataFrame({"cell_id": ids, "label": "mine"}).to_csv("labels.tsv", sep="\t", index=False)
    assert "mine" not in set(done(run("--labels", "labels.tsv"))["cell_type"])
    agreement = pd.read_csv("label_agreement.tsv", sep="\t")
    assert agreement["n_cells"].sum() == 10 and not agreement["same"].any() and set(agreement["source"]) == {"user"}
    table = done(run("--labels", "labels.tsv", "--labels-use", "replace")).set_index("cell_id")
    assert set(table.index[table["cell_type"] == "mine"]) == set(ids)
    assert set(table.loc[ids, "lineage"]) == {"mine"}  # a type that the marker table lacks is a lineage of its own
    assert (
        table.loc[ids, "margin"].isna().all() and set(table.loc[ids, "rival"]) == {""} and table.loc[ids, "moved"].all()
    )


def test_a_models_labels_are_taken_where_the_user_has_none(sample, run, monkeypatch):
    model = pd.Series("NK", index=sample.index[:20])  # of some cells only
    monkeypatch.setattr(annotate, "predicted_labels", lambda paths, path: model)
    Path("tiny.pkl").touch()
    pd.DataFrame({"cell_id": sample.index[:5], "label": "mine"}).to_csv("labels.tsv", sep="\t", index=False)
    table = done(run("--model", "tiny.pkl", "--labels", "labels.tsv", "--labels-use", "replace")).set_index("cell_id")
    assert list(table.loc[sample.index[:20], "cell_type"]) == ["mine"] * 5 + ["NK"] * 15
    assert set(table.loc[sample.index[5:20], "lineage"]) == {"NK"}
    assert (table.loc[sample.index[20:], "cell_type"] == sample[20:]).all()
    agreement = pd.read_csv("label_agreement.tsv", sep="\t")
    assert agreement.groupby("source")["n_cells"].sum().to_dict() == {"model": 20, "user": 5}


def test_without_labels_of_others_the_table_is_empty(sample, run):
    done(run())
    agreement = pd.read_csv("label_agreement.tsv", sep="\t")
    assert list(agreement) == ["cell_type", "label", "n_cells", "share", "same", "source"] and agreement.empty


def test_labels_of_other_cells_are_an_error(sample, run):
    pd.DataFrame({"cell_id": ["X:1"], "label": "mine"}).to_csv("labels.tsv", sep="\t", index=False)
    result = run("--labels", "labels.tsv")
    assert result.exit_code == 1 and "labels.tsv" in result.output and "<sample>:<barcode" in result.output


def test_margins_per_type_for_the_quality_page():
    table = pd.DataFrame({"cell_id": list("abcdef"), "sample": ["S1", "S1", "S2", "S2", "S2", "S2"], "part": [0, 0, 1, 1, 2, 2],
                          "cell_type": ["T", "T", "T", "B", "unassigned", "unassigned"], "margin": [1.0, 2, 3, 4, np.nan, np.nan],
                          "moved": [False, False, False, True, False, False]})  # fmt: skip
    evidence = pd.DataFrame(
        {"origin": "part", "part": [0, 1, 2], "margin": [0.5, 0.2, 0.05], "runner_up": ["NK", "B", "T"]}
    )
    table_of_types = annotate.margins(table, evidence)
    assert list(table_of_types.loc["T", ["cells", "samples", "parts", "least", "median", "log_odds", "moved"]]) == [
        3, 2, 2, 0.2, 0.5, 2, 0]  # fmt: skip
    assert table_of_types.loc["T", "runner_up"] == "NK"
    assert table_of_types.loc["B", "moved"] == 100 and table_of_types.loc["B", "parts"] == 0
    section = annotate.multiqc(table_of_types)
    assert section["data"]["T"]["least"] == 0.2 and section["data"]["unassigned"]["runner_up"] == "T"
    assert "least" not in section["data"]["B"] and set(section["headers"]) == set(section["data"]["T"])


def test_the_page_has_the_margins_that_the_table_has(sample, run):
    done(run())
    evidence = pd.read_csv("annotation.tsv", sep="\t").set_index("cell_type")
    section = json.loads(Path("annotate_mqc.json").read_text())
    assert {name: row["least"] for name, row in section["data"].items()} == evidence["margin"].to_dict()


def test_lineages_with_a_resolution_and_enough_cells_are_subclustered(sample, run):
    done(run("--min-cells", 100))
    lineages = pd.read_csv("lineages_found.tsv", sep="\t", dtype=str)
    assert list(lineages) == ["lineage", "resolution", "numbered", "prefix", "n_cells"]
    assert list(lineages["lineage"] + lineages["n_cells"]) == ["B120", "T120"]


@pytest.mark.parametrize(
    ("column", "text", "said"),
    [("lineage", "T'; touch x; '", "cannot name files"), ("prefix", "../x", "cannot name files"), ("resolution", "high", "number")],
)  # fmt: skip
def test_what_reaches_a_tasks_script_is_checked(sample, run, project, column, text, said):
    table = pd.read_csv(project / "assets" / "lineages.tsv", sep="\t", dtype=str, keep_default_na=False)
    table.loc[table["lineage"] == "plasma", column] = text
    table.to_csv("mine.tsv", sep="\t", index=False)
    result = run(lineages="mine.tsv")
    assert result.exit_code == 1 and "mine.tsv" in result.output and said in result.output
