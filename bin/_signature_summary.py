#!/usr/bin/env python3
"""Signature scores by cell group and time: distributions, and from which score on a cell is high in interferon genes."""

from typing import Any

from _cli import multiqc_section
from _shares import wilson
from _tables import named

import numpy as np

LEVELS = ("lineage", "cell_type", "subset")
KEYS = ["patient", "sample", "timepoint", "day", "level", "parent", "label"]
COLUMNS = [
    *KEYS,
    "signature",
    "n",
    "mean",
    "sd",
    "q25",
    "median",
    "q75",
    "n_high",
    "share_high",
    "share_low",
    "share_up",
]


def fit_mixture(values: np.ndarray, seed: int) -> dict[str, Any]:
    """Two normal components for the ISG score, and the score from which the upper one is the likelier.

    `bimodal` asks for a BIC smaller by 10 than that of one component and for means apart by more than twice
    their spread (Ashman's D > 2; Ashman, Bird and Zepf 1994). Otherwise there are no two populations and no
    threshold.
    """
    from scipy.optimize import brentq
    from scipy.stats import norm
    from sklearn.mixture import GaussianMixture

    column = np.asarray(values, dtype=np.float64)[:, None]
    two = GaussianMixture(2, n_init=3, random_state=seed).fit(column)
    gain = GaussianMixture(1).fit(column).bic(column) - two.bic(column)
    order = np.argsort(two.means_.ravel())
    mean, sd, weight = (two.means_.ravel()[order], np.sqrt(two.covariances_.ravel()[order]), two.weights_[order])

    def balance(x: float) -> float:
        lower, upper = np.log(weight) + norm.logpdf(x, mean, sd)
        return upper - lower

    ashman = np.sqrt(2) * (mean[1] - mean[0]) / np.hypot(*sd)
    bimodal = bool(gain > 10 and ashman > 2 and balance(mean[0]) < 0 < balance(mean[1]))
    return {
        "means": mean.tolist(),
        "sds": sd.tolist(),
        "weights": weight.tolist(),
        "ashman_d": float(ashman),
        "bic_gain": float(gain),
        "bimodal": bimodal,
        "threshold": float(brentq(balance, mean[0], mean[1])) if bimodal else None,
    }


def isg_threshold(values: np.ndarray, given: float | None, fewest: int, seed: int) -> dict[str, Any]:
    """The threshold of an ISG-high cell, where it comes from in words for the report, and the fit."""
    if given is not None:
        return {"threshold": given, "basis": f"set by hand to {given:g}"}
    if values.size < fewest:
        return {"threshold": None, "basis": f"{values.size} cells are too few to learn a threshold (at least {fewest})"}
    fit = fit_mixture(values, seed)
    if fit["bimodal"]:
        return fit | {"basis": "where the upper of two normal components of the ISG score becomes the likelier"}
    return fit | {"basis": "the ISG score shows no two populations of cells"}


def isg_high(scores, threshold: float | None, resting=None):
    """Which cells are high (boolean Series). Without a threshold those above resting cells of their lineage, by cell id; missing where
    neither is known.
    """
    import pandas as pd

    if threshold is not None:
        return (scores >= threshold).astype("boolean")
    high = pd.Series(pd.NA, scores.index, "boolean") if resting is None else resting.reindex(scores.index)
    return high.rename(scores.name)


def of_level(cells, signatures: list[str], level: str):
    """A row per sample, label of a level and signature; n_high counts the cells that are ISG-high, whatever the signature."""
    import pandas as pd

    cells = cells[named(cells[level])]
    parent = "all" if level == "lineage" else cells["lineage"].astype(str)
    grouped = cells.assign(level=level, parent=parent, label=cells[level].astype(str)).groupby(
        KEYS, sort=False, observed=True
    )
    scores = grouped[signatures]
    quantiles = scores.quantile([0.25, 0.5, 0.75])
    moments = {"mean": scores.mean(), "sd": scores.std()}
    moments |= {name: quantiles.xs(q, level=-1) for name, q in (("q25", 0.25), ("median", 0.5), ("q75", 0.75))}
    columns = {name: table.rename_axis(columns="signature").stack() for name, table in moments.items()}
    counts = pd.DataFrame({"n": grouped.size(), "n_high": grouped["isg_high"].sum(min_count=1)}).reset_index()
    return pd.concat(columns, axis=1).reset_index().merge(counts, on=KEYS)


def distributions(cells, signatures: list[str]):
    """A row per sample, level, label and signature; shares of ISG-high cells are in the rows of isg_score."""
    import pandas as pd

    tables = [of_level(cells, signatures, level) for level in LEVELS if named(cells[level]).any()]
    if not tables:
        return pd.DataFrame(columns=COLUMNS)
    table = pd.concat(tables, ignore_index=True)
    known = (table["signature"] == "isg_score") & table["n_high"].notna()
    table["n_high"] = table["n_high"].where(known).astype(float)
    table["share_high"], table["share_low"], table["share_up"] = wilson(table["n_high"], table["n"])
    return table[COLUMNS].sort_values(
        ["patient", "day", "sample", "level", "parent", "label"], kind="stable", ignore_index=True
    )


def multiqc(cells) -> dict[str, Any]:
    """Section of MultiQC: a row per sample."""
    data = {}
    for sample, part in cells.groupby("sample", sort=False):
        row = {"cells": len(part), "isg_median": round(float(part["isg_score"].median()), 4)}
        if part["isg_high"].notna().any():
            row["isg_told"] = int(part["isg_high"].notna().sum())
            row["isg_high"] = round(100 * float(part["isg_high"].mean()), 2)
        data[str(sample)] = row
    headers = {
        "cells": {"title": "labelled cells", "format": "{:,.0f}"},
        "isg_median": {"title": "ISG score, median", "format": "{:,.2f}"},
        "isg_told": {"title": "ISG-high or not: cells told", "format": "{:,.0f}"},
        "isg_high": {"title": "ISG-high, of these", "suffix": " %", "format": "{:,.1f}"},
    }
    description = "ISG score: mean log-normalised expression of the core interferon-stimulated genes."
    return multiqc_section("signatures", "Interferon state", description, "table", data, headers=headers)
