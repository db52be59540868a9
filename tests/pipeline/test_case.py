"""The simulated case from Cell Ranger's files to the report: what was planted is found again."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from benchmarks import resources
from helpers import answer_truth, architecture, report_case

from pipeline.conftest import PROJECT, nextflow_run


@pytest.fixture(scope="module")
def case_run(tmp_path_factory):
    """A patient of 3,000 barcodes in three samples with all tables: folder and run."""
    folder = tmp_path_factory.mktemp("case")
    simulate = [sys.executable, PROJECT / "tests" / "simulate_case.py", "--out", folder / "case", "--cells", "3000"]
    subprocess.run(simulate, check=True, capture_output=True)
    peaks = f"PYTHONPATH={PROJECT / 'tests' / 'benchmarks' / 'peaks'}"
    run = nextflow_run(folder, "-profile", "demo", within=("env", peaks))
    assert run.status == 0, run.printed
    return folder, run


def test_cell_types_are_those_that_were_planted(case_run):
    folder, run = case_run
    labels = pd.read_parquet(run.results / "cells" / "labels.parquet")
    truth = pd.read_parquet(folder / "case" / "truth" / "cells.parquet", columns=["cell_id", "cell_type"])
    both = labels.merge(truth, on="cell_id", suffixes=("", "_planted"))
    both = both[(both["cell_type_planted"] != "") & (both["cell_type"] != "unassigned")]
    assert len(both) > 0.9 * len(labels)
    assert (both["cell_type"].astype(str) == both["cell_type_planted"].astype(str)).mean() > 0.95
    blasts = labels[labels["cell_type"] == "B-ALL blast"]
    assert (blasts["timepoint"] == "T1").mean() > 0.99


def test_the_bulk_clone_is_carried_by_plasma_cells(case_run):
    _folder, run = case_run
    rows = pd.read_csv(run.results / "clones" / "P1.mrd.tsv", sep="\t").drop_duplicates("clone").set_index("clone")
    for clone in ("IGH_1", "IGL_1", "IGL_2"):
        assert rows.loc[clone, "verdict"].startswith("carried by plasma cells: ")
        assert rows.loc[clone, "label"] == "CARDGQNYDVLGTPTALDVW_CCSYAGSGTEWVF"
    for clone in ("IGKDE_1", "IGKDE_2"):
        assert rows.loc[clone, "verdict"] == "not testable: Kde removes IGKC, the target of the library's primers"
        assert "B-ALL blasts" in rows.loc[clone, "reason"]


def test_every_table_of_clones_says_by_which_rule(case_run):
    _folder, run = case_run
    rule = "similarity 0.85, one-chain cells attach"
    bulk = {"P1.mrd_matches.tsv", "P1.mrd_curve.tsv"}  # bulk rearrangements and single chains, no clones
    tables = [path for path in (run.results / "clones").glob("*.tsv") if path.name not in bulk]
    tables += [run.results / "report/airr_rearrangement.tsv", run.results / "tumour/P1.car_clones.tsv"]
    assert len(tables) >= 10
    for path in tables:
        table = pd.read_csv(path, sep="\t", usecols=lambda name: name == "rule")
        assert "rule" in table and set(table["rule"]) <= {rule}, path.name
    page = (run.results / "report/P1.case_report.html").read_text(encoding="utf-8")
    assert "at least 0.85 similar (single linkage)" in page


def test_the_dominant_clone_persists_and_the_blasts_are_lost(case_run):
    _folder, run = case_run
    fates = pd.read_csv(run.results / "clones" / "P1.fates.tsv", sep="\t")
    largest = fates[fates["timepoint"] == "T3"].query("receptor == 'BCR'").sort_values("n").iloc[-1]
    assert (largest["label"], largest["fate"]) == ("CARDGQNYDVLGTPTALDVW_CCSYAGSGTEWVF", "persistent")
    first = fates[fates["timepoint"] == "T1"].query("receptor == 'BCR'").sort_values("n").iloc[-1]
    assert first["fate"] == "lost"


def test_single_cells_agree_with_fish(case_run):
    _folder, run = case_run
    probes = pd.read_csv(run.results / "tumour" / "fish.tsv", sep="\t").dropna(subset="probe").set_index("probe")
    assert probes.loc["CDKN2C/CKS1B", "verdict"] == "agrees"
    assert probes.loc["RB1/LAMP1", "verdict"] == "agrees"
    assert probes.loc["MYC", "verdict"] == "not assessable"


def test_planted_signals_to_the_plasma_cells_change_as_planted(case_run):
    folder, run = case_run
    planted = pd.read_csv(folder / "case" / "truth" / "interactions.csv")
    assert planted["change"].str.startswith("T2 to T3: more senders").all()
    changes = pd.read_csv(run.results / "signals" / "communication_change.tsv", sep="\t")
    changes = changes[(changes["from"] == "T2") & (changes["to"] == "T3")]
    changes = changes.set_index(["source", "ligand", "receptor", "target"]).sort_index()

    def to_plasma(*pair: str) -> pd.DataFrame:
        rows = changes.loc[pair]
        return rows[rows.index.str.startswith("Plasma_")]

    # BAFF, and ITGB2 of the interferon-high T cells: more senders, each as strong as before.
    for pair in (("nonclassical_monocyte", "TNFSF13B", "TNFRSF17"), ("CD8_ISG+", "ITGB2", "ICAM1")):
        rows = to_plasma(*pair)
        assert len(rows) == 3, pair
        assert set(rows["class"]) == {"strengthened"} and set(rows["driver"]) == {"number of senders"}, pair
        assert (rows["strength_class"] == "kept").all() and (rows["supply_low"] > 0).all(), pair
    # APRIL has few molecules: so few cells show it at T2 that its class stays open, though its supply has grown. To the state with
    # the least BCMA its interval ends at zero, within the error of the resampling.
    april = to_plasma("nonclassical_monocyte", "TNFSF13", "TNFRSF17")
    assert len(april) == 3 and set(april["class"]) == {"unclear"} and set(april["watch"]) == {"APRIL-BCMA"}
    assert not april["expressed_from"].any() and april["expressed_to"].all()
    assert (april["supply_to"] > 3 * april["supply_from"]).all() and (april["supply_low"] > 0).sum() >= 2
    # Too few interferon-high NK cells at T2 to compare with.
    assert set(to_plasma("CD56bright_ISG+", "ITGB2", "ICAM1")["class"]) == {"not tested"}


def test_the_receivers_are_the_cells_of_the_bulk_clone_and_say_so(case_run):
    """Plasma_3 are residual normal plasma cells. What the receivers send to themselves has no place among signals of others."""
    _folder, run = case_run
    chosen = json.loads((run.results / "signals" / "P1.focus.json").read_text())
    assert (chosen["clone"], chosen["groups"]) == ("IGH_1", ["Plasma_1", "Plasma_2"])
    assert chosen["held"] > 0.9 * chosen["n"] > 100
    assert f"{chosen['text']}." in (run.results / "report" / "P1.case_report.html").read_text(encoding="utf-8")
    places = pd.read_csv(run.results / "signals" / "P1.communication_focus.tsv", sep="\t")
    assert set(places.loc[places["to_itself"], "source"]) == {"Plasma_1", "Plasma_2"}
    assert (places["place"].isna() == places["to_itself"]).all()


def test_every_number_of_the_answer_is_that_of_its_table(case_run):
    _folder, run = case_run
    numbers = answer_truth.numbers_of(run.results, "P1")
    assert len(numbers) > 40
    named = {number["table"] for number in numbers}
    assert {"P1.mrd.tsv", "P1.clone_cells.tsv", "P1.malignancy.tsv", "P1.malignancy.json"} <= named
    for number in numbers:
        table = answer_truth.table_of(run.results, number["table"], "P1")
        asked = {name: number.get(name) for name in ("column", "where", "bound", "per")}
        found = report_case.from_table(table, **asked)
        assert found == pytest.approx(number["value"], rel=1e-4), number
        shown = float(number["text"].replace(",", "").removesuffix(" %"))
        assert shown / (100 if "%" in number["text"] else 1) == pytest.approx(found, rel=0.06), number


def test_what_was_planted_lies_within_the_intervals_of_the_answer(case_run):
    folder, run = case_run
    found = answer_truth.compare(run.results, folder / "case")
    assert {
        "who plasma cell",
        "who B-ALL blast",
        "share of plasma cells T1",
        "share of plasma cells T3",
        "B-ALL blast T3",
        "event 1q gain",
        "event 13q loss",
    } <= set(found["what"])
    assert found["inside"].all(), found.to_string()


def test_a_clean_case_warns_of_its_batches_and_of_nothing_else(case_run):
    """Each sample is a batch of its own; stray contigs are notes, depths are alike, and no clone has more strays than doublets make."""
    _folder, run = case_run
    trace = pd.read_csv(run.results / "pipeline_info" / "trace.tsv", sep="\t").set_index("process")["workdir"]
    warnings = json.loads((Path(trace["CLONEWATCH:CELLS:SAMPLE_STATUS"]) / "warnings.json").read_text())
    told = [(warning["level"], warning["sample"], warning["step"]) for warning in warnings]
    assert told[0] == ("warning", "P1", "SAMPLE_STATUS") and warnings[0]["text"].startswith(
        "batch changes with time (T1 to T2, T2 to T3)"
    )
    assert {(level, step) for level, _sample, step in told[1:]} == {("note", "READ_CELLRANGER")}
    page = (run.results / "report" / "P1.case_report.html").read_text(encoding="utf-8")
    assert page.count("<li><b>warning</b>") == 1 and "Batch changes with time" in page and "(caution: batch)" in page
    clones = pd.read_csv(run.results / "clones" / "P1.clones.tsv", sep="\t")
    assert set(clones["caution"].dropna()) <= {"as many as doublets make", "too few to tell"}
    change = pd.read_csv(run.results / "cells" / "composition_change.tsv", sep="\t")
    assert set(change["caution"]) <= {"batch", "batch; names"} and change["holds"].isna().all()


def test_the_page_and_the_objects_are_there(case_run):
    import mudata

    _folder, run = case_run
    page = (run.results / "report" / "P1.case_report.html").read_text(encoding="utf-8")
    assert "CARDGQNYDVLGTPTALDVW" in page and "<script src" not in page and "http-equiv" in page
    assert (run.results / "report" / "multiqc_report_data" / "multiqc_data.json").stat().st_size > 0
    cells = pd.read_parquet(run.results / "report" / "cells.parquet")
    both = mudata.read_h5mu(run.results / "report" / "clonewatch.h5mu")
    assert both["gex"].n_obs == len(cells)
    wanted = "sample patient timepoint day lineage cell_type subset bcr_clone tcr_clone chain_pairing_bcr"
    wanted += " chain_pairing_tcr isg_score isg_high car_positive malignancy"
    assert set(wanted.split()) <= set(cells.reset_index().columns)


def test_every_result_is_described(case_run):
    _folder, run = case_run
    listed = (PROJECT / "docs" / "outputs.md").read_text(encoding="utf-8")
    for file in run.results.rglob("*"):
        if file.is_dir() or "multiqc_report_data" in file.parts or file.suffix in (".svg", ".pdf"):
            continue
        name = file.name
        for sample in ("P1_T1", "P1_T2", "P1_T3"):
            name = name.replace(f"{sample}.", "<sample>.")
        name = name.replace("P1.", "<patient>.")
        if name.endswith(".subset_evidence.tsv"):
            name = "<lineage>.subset_evidence.tsv"
        assert name in listed, f"docs/outputs.md does not name {os.path.relpath(file, run.results)}"


def test_a_resumed_run_executes_nothing(case_run):
    folder, _run = case_run
    again = nextflow_run(folder, "-profile", "demo", "-resume", results="again")
    assert again.status == 0, again.printed
    assert 40 < len(again.tasks()) <= 58
    assert again.executed() == {"RUN_REPORT"}  # it writes params.json, in which the folder of the results stands


def test_processes_read_what_the_page_of_the_architecture_says(case_run):
    """Links in the folders of tasks lead to the tasks that wrote the files, or to small tables kept by their content."""
    _folder, run = case_run
    flow = architecture.Flow()
    tasks = {row["workdir"]: row["process"].split(":")[-1] for row in run.tasks()}
    assert len(set(tasks.values())) <= 39
    for folder, reader in tasks.items():
        told = {
            (name, output)
            for name, process in flow.processes.items()
            for output in process.outputs
            if f"{name}.{output.emit}" in flow.reads(reader)
        }
        linked = set()
        for link in (path.readlink() for path in Path(folder).rglob("*") if path.is_symlink()):
            writers = {tasks[place] for place in map(str, link.parents) if place in tasks}
            # The table of failed steps is Nextflow's own, from its trace.
            if writers or ("by-content" in link.parts and link.name != "failed_steps.tsv"):
                holders = {name for name, output in told if output.holds(link.name)}
                linked |= writers or holders
                assert (writers or holders) and writers <= {name for name, _output in told}, f"{reader}: {link}"
        # This run has no labels of the user's own, and no library that IDENTITY leaves out.
        assert linked == {name for name, _output in told} - ({"CHECK_INPUTS", "IDENTITY"} - linked), reader


def test_no_task_asks_for_less_than_it_uses(case_run):
    _folder, run = case_run
    used = resources.tasks(run.results)
    assert 40 < len(used) <= 58
    too_little = used[used["asked_mb"] < used["peak_mb"]]
    assert too_little.empty, too_little.to_string()
