"""SAMPLE_STATUS: every sample has a row, every warning is told, and the run stops where it must."""

import csv
import json

import pandas as pd
import pytest
import sample_status
from click.testing import CliRunner

READ = {"status": "ok", "reason": None, "n_cells": 300, "overlap": {"TCR": {"vdj_cells": 54, "share": 0.907407}}}
QC = {"status": "pass", "reason": None, "species": "human", "cells_before": 300, "cells_after": 200}
QC |= {"median_umi": 2500.0, "median_genes": 900.5, "median_pct_mito": 3.25, "warnings": []}
GOOD = {"verdict": "ok", "reason": "49 of 54 TCR cells are in its matrix", "findings": [], "sex": "male"}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A function that writes the facts of samples A, B, C, changed as told, and runs the command."""
    monkeypatch.chdir(tmp_path)

    def go(read=None, qc=None, who=None, options=(), genes=None, batch=("", "", ""), ambient=None):
        tables = {"read": {}, "qc": {}}
        for kind, base, changes in (("read", READ, read or {}), ("qc", QC, qc or {})):
            for sample in "ABC":
                change = changes.get(sample, {})
                if change is not None:
                    tables[kind][sample] = base | {"sample": sample} | change
        tables["ambient"] = {sample: {"sample": sample} | facts for sample, facts in (ambient or {}).items()}
        for kind, facts in tables.items():
            for sample, content in facts.items():
                (tmp_path / f"{sample}.{kind}.json").write_text(json.dumps(content))
        verdicts = {sample: GOOD | (who or {}).get(sample, {}) for sample in "ABC"}
        (tmp_path / "identity.json").write_text(json.dumps(verdicts))
        (tmp_path / "samples.tsv").write_text(
            "sample\tpatient\ttimepoint\tday\tbatch\n"
            + "".join(f"{sample}\tP1\tT{i}\t{i}\t{batch[i]}\n" for i, sample in enumerate("ABC"))
        )
        paths = sorted(str(path) for path in tmp_path.glob("?.*.json"))
        arguments = ["samples.tsv", *paths, "--identity", "identity.json", *options]
        for sample, names in (genes or {}).items():
            pd.DataFrame({"gene": names}).to_parquet(tmp_path / f"{sample}.genes.parquet")
            arguments += ["--genes", f"{sample}.genes.parquet"]
        done = CliRunner().invoke(sample_status.main, arguments)
        rows = warnings = None
        if done.exit_code == 0:
            rows = {
                row["sample"]: row
                for row in csv.DictReader((tmp_path / "qc.tsv").read_text().splitlines(), delimiter="\t")
            }
            warnings = json.loads((tmp_path / "warnings.json").read_text())
        return done, rows, warnings

    return go


def test_all_pass(run):
    done, rows, warnings = run()
    assert done.exit_code == 0 and warnings == []
    assert list(rows) == ["A", "B", "C"] and {row["status"] for row in rows.values()} == {"pass"}
    assert rows["A"]["median_genes"] == "900.5" and rows["A"]["tcr_overlap"] == "0.907407"
    assert rows["A"]["bcr_cells"] == "", "what is not known is empty"


def test_contamination_is_a_column_and_a_high_one_a_warning(run):
    high = {
        "contamination": 0.31,
        "contamination_low": 0.25,
        "contamination_high": 0.38,
        "warnings": ["A: ambient RNA is 31 % of its UMIs"],
    }
    unknown = {"contamination": None, "contamination_low": 0.0026, "contamination_high": 0.366, "warnings": []}
    _, rows, warnings = run(ambient={"A": high, "B": unknown})
    assert [rows[sample]["contamination"] for sample in "ABC"] == ["0.31", "", ""]
    assert [rows[sample]["contamination_high"] for sample in "ABC"] == ["0.38", "0.366", ""]
    assert [(row["sample"], row["step"], row["level"]) for row in warnings] == [("A", "AMBIENT", "warning")]


def test_libraries_are_those_that_were_read_without_those_left_out(run):
    """An empty library is there; one that does not fit its matrix is as if there were none."""
    read = {"A": {"libraries": ["BCR", "TCR"]}, "B": {"libraries": ["BCR", "TCR"]}, "C": {"libraries": []}}
    _, rows, _ = run(read=read, who={"B": {"left_out": {"BCR": "its BCR library is left out"}}})
    assert [rows[sample]["libraries"] for sample in "ABC"] == ["BCR TCR", "TCR", ""]


def test_a_lost_sample_has_a_row(run):
    done, rows, warnings = run(read={"B": None}, qc={"B": None})
    assert done.exit_code == 0
    assert rows["B"]["status"] == "failed"
    assert rows["B"]["reason"] == "its READ_CELLRANGER task did not finish, see pipeline_info/trace.tsv"
    assert warnings[0] == {
        "level": "error",
        "sample": "B",
        "step": "READ_CELLRANGER",
        "text": "its READ_CELLRANGER task did not finish, see pipeline_info/trace.tsv",
    }


def test_a_sample_whose_qc_was_lost_keeps_what_is_known(run):
    _, rows, _ = run(qc={"C": None})
    assert rows["C"]["status"] == "failed" and "QC task did not finish" in rows["C"]["reason"]
    assert rows["C"]["cells_before"] == "300"


def test_mouse_cells_that_were_left_out_are_counted_and_said(run):
    said = "A: m.h5 is of human and mouse: 300 human cells are kept, 100 mouse cells and 4 with UMIs of both species left out"
    counts = {"human": 300, "mouse": 100, "both": 4}
    _, rows, warnings = run(read={"A": {"status": "ok", "n_cells": 300, "species_cells": counts, "warnings": [said]}})
    assert [rows[sample]["mouse_cells"] for sample in "ABC"] == ["100", "", ""]
    assert [warning["text"] for warning in warnings if warning["sample"] == "A"] == [said.removeprefix("A: ")]


def test_reasons_are_one_line_without_the_samples_name(run):
    failed = {"status": "failed", "reason": 'A: "matrix\t.h5" is cut off;\n give a whole one'}
    done, rows, warnings = run(read={"A": failed}, qc={"A": None})
    assert done.exit_code == 0
    assert rows["A"]["reason"] == warnings[0]["text"] == "'matrix .h5' is cut off; give a whole one"


def test_failed_qc_and_failed_identity_do_not_go_on(run):
    bad = {
        "verdict": "fail",
        "reason": "only 4 of its 391 TCR cells",
        "findings": [{"level": "fail", "text": "only 4 of its 391 TCR cells"}],
    }
    _, rows, warnings = run(qc={"A": {"status": "failed", "reason": "12 cells are left"}}, who={"B": bad})
    assert [rows[sample]["status"] for sample in "ABC"] == ["failed", "failed", "pass"]
    assert [(warning["sample"], warning["step"]) for warning in warnings] == [("A", "QC"), ("B", "IDENTITY")]


def test_a_library_that_is_left_out_leaves_its_sample(run):
    read = {"libraries": ["BCR"], "left_out": {"TCR": "its TCR library is left out: t.csv is cut off"}}
    text = "its BCR library is left out: none of its 93 BCR cells are among the 4,111 cells of its matrix"
    who = {
        "verdict": "warning",
        "reason": text,
        "left_out": {"BCR": text},
        "findings": [{"level": "warning", "text": text}],
    }
    done, rows, warnings = run(read={"A": read}, who={"A": who})
    assert done.exit_code == 0 and rows["A"]["status"] == "pass" and rows["B"]["left_out"] == ""
    assert rows["A"]["left_out"] == f"{text}; {read['left_out']['TCR']}" and rows["A"]["libraries"] == ""
    assert [warning["text"] for warning in warnings] == [text]


def test_warnings_are_ordered_by_severity_and_told_once(run):
    findings = [{"level": "note", "text": "one cell"}, {"level": "warning", "text": "sexes differ"}]
    _, rows, warnings = run(
        read={"A": {"warnings": ["no UMI counts", "no UMI counts"]}},
        qc={"C": {"status": "failed", "reason": "12 cells are left", "warnings": ["12 cells are left", "late"]}},
        who={"B": {"verdict": "warning", "reason": "sexes differ", "findings": findings}},
    )
    assert [warning["level"] for warning in warnings] == ["error", "warning", "warning", "warning", "note"]
    assert [warning["sample"] for warning in warnings] == ["C", "A", "B", "C", "B"]
    assert rows["B"]["status"] == "pass" and rows["B"]["warnings"] == "2"


def test_two_species_in_one_run_stop_it_and_are_named(run):
    done, _, _ = run(qc={"B": {"species": "mouse"}, "C": {"species": "unknown"}})
    assert done.exit_code == 1
    assert "human in A; mouse in B" in done.output


def test_a_failed_sample_never_stops_the_others_and_its_reason_is_there_for_who_would_stop(run):
    done, rows, _ = run(qc={"B": {"status": "failed", "reason": "12 cells are left"}})
    assert done.exit_code == 0
    assert {row["sample"]: row["reason"] for row in rows.values() if row["status"] == "failed"} == {
        "B": "12 cells are left"
    }


def test_strict_identity_stops_at_a_warning(run):
    doubt = {"A": {"verdict": "warning", "reason": "its sex genes are female"}}
    assert run(who=doubt)[0].exit_code == 0
    done, _, _ = run(who=doubt, options=["--strict-identity"])
    assert done.exit_code == 1 and "A: its sex genes are female" in done.output


def test_strict_identity_lets_unchecked_samples_be(run):
    done, rows, _ = run(
        read={"A": None}, qc={"A": None}, who={"A": {"verdict": "unchecked"}}, options=["--strict-identity"]
    )
    assert done.exit_code == 0 and rows["A"]["status"] == "failed"


def test_no_sample_left_stops(run, tmp_path):
    few = {"status": "failed", "reason": "too few cells are left"}
    done, _, _ = run(qc=dict.fromkeys("ABC", few))
    assert done.exit_code == 1 and "None of 3 samples can be used" in done.output
    assert not (tmp_path / "qc.tsv").exists(), "nothing half-written"


def test_a_strange_file_is_refused(run, tmp_path):
    (tmp_path / "A.other.json").write_text("{}")
    done, _, _ = run()
    assert done.exit_code == 1 and "A.other.json" in done.output


GENES = [f"GENE{i}" for i in range(1000)]


def test_one_reference_in_any_order_is_not_spoken_of(run):
    done, _, warnings = run(genes={"A": GENES, "B": GENES, "C": GENES[::-1]})
    assert done.exit_code == 0 and warnings == []


def test_references_that_share_few_genes_stop_the_run_and_two_samples_are_named(run, tmp_path):
    other = GENES[:300] + [f"ENSG{i:011}" for i in range(800)]
    done, _, _ = run(genes={"A": other, "B": GENES, "C": GENES})
    assert done.exit_code == 1 and not (tmp_path / "qc.tsv").exists()
    assert "B and A were counted with different references: of their 1,000 and 1,100 genes only 300" in done.output
    assert "GENE300 is only in B, ENSG00000000000 only in A" in done.output


def test_another_version_of_the_reference_is_a_warning(run):
    done, rows, warnings = run(genes={"A": GENES, "B": GENES, "C": [*GENES[:700], "NEW1"]})
    assert done.exit_code == 0 and rows["C"]["status"] == "pass"
    warning, over_time = warnings
    assert (warning["sample"], warning["level"]) == ("C", "warning")
    assert over_time["sample"] == "P1" and over_time["text"].startswith("reference changes with time (T1 to T2)")
    assert warning["text"].startswith("its reference is not that of A: 700 of its 701 genes are there too")


def test_a_car_that_only_some_references_have_is_a_note(run):
    _, _, warnings = run(genes={"A": GENES, "B": [*GENES, "FMC63_CAR"], "C": GENES})
    assert [(w["sample"], w["level"]) for w in warnings] == [("B", "note")]
    assert warnings[0]["text"] == "its reference has FMC63_CAR, other than that of A"


def test_references_of_a_sample_that_does_not_go_on_do_not_matter(run):
    done, _, warnings = run(qc={"B": {"status": "failed", "reason": "12 cells are left"}}, genes={"A": GENES})
    assert done.exit_code == 0 and [w["step"] for w in warnings] == ["QC"]


def test_a_batch_that_changes_with_time_is_a_warning_of_the_patient(run):
    _, rows, (warning,) = run(batch=("B1", "B1", "B2"))
    assert [rows[sample]["batch"] for sample in "ABC"] == ["B1", "B1", "B2"]
    assert (warning["sample"], warning["level"]) == ("P1", "warning")
    assert warning["text"].startswith("batch changes with time (T1 to T2)")
    for silent in (("B1", "B1", "B1"), ("", "", ""), ("B1", "", "B2")):
        assert run(batch=silent)[2] == [], silent


def test_versions_of_cell_ranger_count_as_different_from_the_first_number_on(run):
    versions = [{"software": f"cellranger-{version}", "chemistry": "5p"} for version in ("6.1.2", "7.0.0", "7.1.0")]
    _, rows, (warning,) = run(read=dict(zip("ABC", versions, strict=True)))
    assert (
        warning["text"].startswith("software changes with time (T0 to T1)") and rows["C"]["software"] == "cellranger-7"
    )


def test_a_sample_less_than_half_as_deep_as_another_time_is_named(run):
    depths = {sample: {"kept": {"median_umi": umi}} for sample, umi in zip("ABC", (6000, 3100, 2900), strict=True)}
    (warning,) = run(qc=depths)[2]
    assert warning["sample"] == "C" and "2,900 UMIs (median), those of A 6,000" in warning["text"]
