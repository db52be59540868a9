#!/usr/bin/env python3
"""Which types and subsets change their share between time points in the patients of a cohort, by a paired test."""

from itertools import pairwise
from pathlib import Path

from _cli import FILE, command
from _detection import FOLD, errors_apart, p_limit
from _series import DESIGN, without_products
from _shares import fdr
from _tables import read_table, write_table

import click
import numpy as np

MIN_PATIENTS = 3
LIMIT = 0.05  # false discovery rate from which a change is not shown
COLUMNS = [
    *DESIGN,
    "level",
    "parent",
    "label",
    "from",
    "to",
    "patients",
    "mean_log_ratio_change",
    "p_value",
    "q_value",
    "detectable_fold",
    "patients_for_twofold",
    "note",
]


def centred_log_ratios(counts: np.ndarray) -> np.ndarray:
    """ln share minus the mean ln share of the sample (Aitchison 1982), half a cell added; counts (S, L)."""
    logs = np.log(counts + 0.5)
    return logs - logs.mean(1, keepdims=True)


def paired_tests(counts: np.ndarray, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, ...]:
    """Mean change of the centred log ratio between paired samples, its p value and its standard error, per label (L,), and degrees of freedom.

    counts: (S, L); first, second: (P,) rows of each patient's two samples. A t test of the paired differences whose
    variance is moderated over labels by empirical Bayes (Smyth 2004), as propeller does with transformed proportions
    (Phipson 2022): the patient is the unit, and its own level cancels.
    """
    from scipy import stats
    from scipy.special import polygamma

    difference = centred_log_ratios(counts[second]) - centred_log_ratios(counts[first])
    n = len(difference)
    mean, variance, df = difference.mean(0), np.maximum(difference.var(0, ddof=1), 1e-8), n - 1
    # Method of moments for the prior of log variances; without surplus spread all labels share one variance.
    logs = np.log(variance) - polygamma(0, df / 2) + np.log(df / 2)
    surplus = logs.var(ddof=1) - polygamma(1, df / 2) if len(logs) > 1 else 0
    if surplus > 0:
        y = 0.5 + 1 / surplus
        for _ in range(50):
            step = polygamma(1, y) * (1 - polygamma(1, y) / surplus) / polygamma(2, y)
            y += step
            if abs(step / y) < 1e-8:
                break
        prior_df = 2 * y
        prior = np.exp(logs.mean() + polygamma(0, y) - np.log(y))
        variance, df = (prior_df * prior + df * variance) / (prior_df + df), df + prior_df
    else:
        variance, df = np.full_like(variance, np.exp(logs.mean())), np.inf
    error = np.sqrt(variance / n)
    return mean, 2 * stats.t.sf(np.abs(mean / error), df), error, df


def tests_of(group, times) -> list:
    """A table per pair of consecutive time points with the tests of all labels of a group of composition.tsv.

    group: rows of one level and parent; times: names of time points in order of days.
    """
    import pandas as pd

    wide = group.pivot_table(index=["patient", "timepoint"], columns="label", values="n", aggfunc="sum", fill_value=0)
    wide = wide[wide.sum(1) > 0]
    tables = []
    for one, two in pairwise(times) if wide.shape[1] > 1 else ():
        of_both = [p for p in wide.index.unique("patient") if (p, one) in wide.index and (p, two) in wide.index]
        if len(of_both) < MIN_PATIENTS:
            continue
        counts = wide.loc[[(p, t) for t in (one, two) for p in of_both]].to_numpy(float)
        first = np.arange(len(of_both))
        mean, p, error, df = paired_tests(counts, first, first + len(of_both))
        rates = fdr(p)
        apart = np.where(rates < LIMIT, np.nan, errors_apart(p_limit(rates, LIMIT), df) * error)
        table = pd.DataFrame({"label": wide.columns, "from": one, "to": two, "patients": len(of_both)})
        table = table.assign(mean_log_ratio_change=mean, p_value=p, q_value=rates, detectable_fold=np.exp(apart))
        needed = np.ceil(len(of_both) * np.maximum(1, apart / np.log(FOLD)) ** 2)
        tables.append(table.assign(patients_for_twofold=needed, note=""))
    return tables


def differential_abundance(composition):
    """Paired test per level, parent and pair of time points that at least MIN_PATIENTS patients have; else a reason.

    Samples of one tissue and sort are compared, over the patients that have these; products are not.
    """
    import pandas as pd

    patients = composition["patient"].nunique()

    def untested(note: str):
        row = ["", "", "all", "all", "all", "", "", patients, *[None] * 5, note]
        return pd.DataFrame([row], columns=COLUMNS)

    if patients < MIN_PATIENTS:
        return untested(f"{patients} patient(s): no replicates, so no p values; a difference of two samples is no test")
    tables = []
    composition = without_products(composition)
    for design, of_design in composition.groupby(DESIGN):
        days = of_design.groupby("timepoint")["day"].median().sort_values()
        for (level, parent), group in of_design.groupby(["level", "parent"], sort=False):
            for table in tests_of(group, days.index):
                tables.append(table.assign(**dict(zip(DESIGN, design, strict=True)), level=level, parent=parent))
    none = f"no two time points of one tissue and sort with cells of {MIN_PATIENTS} patients at both: nothing to test"
    return pd.concat(tables)[COLUMNS] if tables else untested(none)


@command()
@click.argument("composition", type=FILE)
def main(composition: Path) -> None:
    """Test the shares of COMPOSITION (composition.tsv) between time points: differential_abundance.tsv."""
    write_table(differential_abundance(read_table(composition)), "differential_abundance.tsv")


if __name__ == "__main__":
    main()
