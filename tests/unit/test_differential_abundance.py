"""DIFFERENTIAL_ABUNDANCE: a paired test over patients that keeps its level and finds what is planted."""

from _detection import errors_apart

import differential_abundance
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner


@pytest.fixture
def run(tmp_path, monkeypatch):
    """(patients, {label: cells before and after}) -> the table."""
    monkeypatch.chdir(tmp_path)

    def invoke(patients, cells):
        rows = [
            (f"{p}", f"{p}_{time}", time, day, "lineage", "all", label, n[day > 0] + p)
            for p in range(patients)
            for time, day in (("T1", -5), ("T2", 30))
            for label, n in cells.items()
        ]
        columns = ["patient", "sample", "timepoint", "day", "level", "parent", "label", "n"]
        pd.DataFrame(rows, columns=columns).to_csv("composition.tsv", sep="\t", index=False)
        done = CliRunner().invoke(differential_abundance.main, ["composition.tsv"])
        assert done.exit_code == 0, done.output
        return pd.read_csv("differential_abundance.tsv", sep="\t")

    return invoke


def test_without_replicates_there_is_no_p_value(run):
    table = run(2, {"T": (50, 50), "plasma": (50, 50)})
    assert table["p_value"].isna().all() and "no replicates" in table["note"].iloc[0]


def test_patients_of_one_time_point_have_nothing_to_compare():
    rows = [(f"P{p}", "T1", 0, "lineage", "all", label, 10) for p in range(3) for label in ("T", "NK")]
    columns = ["patient", "timepoint", "day", "level", "parent", "label", "n"]
    table = differential_abundance.differential_abundance(pd.DataFrame(rows, columns=columns))
    assert table["p_value"].isna().all() and "nothing to test" in table["note"].iloc[0]


def test_replicates_give_a_paired_test(run):
    tested = run(4, {"T": (50, 10), "NK": (0, 40), "plasma": (50, 50)}).set_index("label")
    assert tested.loc["NK", "mean_log_ratio_change"] > 0 > tested.loc["T", "mean_log_ratio_change"]
    assert (tested["patients"] == 4).all() and tested.loc["NK", "q_value"] < 0.05
    assert set(tested["from"] + tested["to"]) == {"T1T2"}


def test_patients_are_compared_within_one_tissue_and_sort():
    """Three patients with marrow at both times and blood at the second: blood is no second marrow; four of a CD3 sort are tested apart."""
    rows = []
    for number in range(7):
        times = [("T1", "marrow", ""), ("T2", "marrow", ""), ("T2", "blood", "")] if number < 3 else []
        times += (
            [("T1", "marrow", "CD3+"), ("T2", "marrow", "CD3+")] if number > 2 else [("T1", "infusion product", "")]
        )
        for time, tissue, sort in times:
            for label, n in (("T", 50 + number), ("NK", 10 + 40 * (time == "T2" and sort == "")), ("B", 30)):
                n += 900 * (tissue in ("blood", "infusion product") and label == "B")
                rows.append((f"P{number}", time, int(time[1]), tissue, sort, "lineage", "all", label, n))
    columns = ["patient", "timepoint", "day", "tissue", "sort", "level", "parent", "label", "n"]
    table = differential_abundance.differential_abundance(pd.DataFrame(rows, columns=columns)).set_index(
        ["sort", "label"]
    )
    assert set(table["tissue"]) == {"marrow"} and table["patients"].to_dict() == {
        ("", name): 3 for name in ("B", "NK", "T")
    } | {("CD3+", name): 4 for name in ("B", "NK", "T")}
    assert table.loc[("", "NK"), "p_value"] < 0.05 and table.loc[("", "NK"), "mean_log_ratio_change"] > 0.5
    assert abs(table.loc["CD3+", "mean_log_ratio_change"]).max() < 1e-9


def test_a_cell_type_called_na_is_tested_like_any_other(run):
    assert {"NA", "T"} == set(run(3, {"T": (50, 50), "NA": (40, 45)})["label"].fillna("NA"))


def cohorts(rng, patients, labels, effect=0.0):
    """Counts of paired samples: Dirichlet patients, log-normal sample noise, multinomial cells; an effect on label 0."""
    base = rng.dirichlet(np.full(labels, 2.0), patients)
    first, second = (base * rng.lognormal(0, 0.4, base.shape) for _ in range(2))
    second[:, 0] *= np.exp(effect)
    draw = [rng.multinomial(2000, p / p.sum()) for p in np.vstack([first, second])]
    return np.array(draw, float), np.arange(patients), np.arange(patients) + patients


@pytest.mark.parametrize("patients", [3, 6])
def test_false_positives_of_200_null_cohorts(patients):
    rng = np.random.default_rng(7)
    p = [differential_abundance.paired_tests(*cohorts(rng, patients, 10))[1] for _ in range(200)]
    assert (np.concatenate(p) < 0.05).mean() <= 0.07


def test_a_planted_change_is_found():
    rng = np.random.default_rng(8)
    p = [differential_abundance.paired_tests(*cohorts(rng, 6, 10, effect=1.5))[1][0] for _ in range(50)]
    assert np.mean(np.array(p) < 0.05) > 0.9


def test_a_change_beyond_what_these_patients_would_show_is_called_in_95_of_100_cohorts():
    rng = np.random.default_rng(9)

    def limits(effect=0.0):
        tests = [differential_abundance.paired_tests(*cohorts(rng, 6, 10, effect)) for _ in range(300)]
        return np.array([(p[0] < 0.05, errors_apart(0.05, df) * error[0]) for _, p, error, df in tests])

    apart = limits()[:, 1].mean() / (1 - 1 / 10)  # of the share; its own part of the mean log ratio moves with it
    called, shown = limits(apart).T
    assert called.mean() == pytest.approx(0.95, abs=0.035)
    assert 0.8 * apart < shown.mean() < 1.2 * apart
