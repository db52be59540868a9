#!/usr/bin/env python3
"""Signature scores of all samples by cell group and time: distributions, and which cells are high in
interferon genes.
"""

import json
from importlib.metadata import version
from pathlib import Path

import click
import numpy as np

PACKAGES = ("click", "numpy", "pandas", "scipy", "scikit-learn", "pyarrow")
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
LEVELS = ("lineage", "cell_type", "subset")
COLUMNS = [
    "patient",
    "sample",
    "timepoint",
    "day",
    "level",
    "parent",
    "label",
    "signature",
    "n",
    "mean",
    "sd",
]
COLUMNS += ["q25", "median", "q75", "n_high", "share_high", "share_low", "share_up"]


def fit_mixture(values: np.ndarray, seed: int) -> dict:
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
    mean, sd, weight = (
        two.means_.ravel()[order],
        np.sqrt(two.covariances_.ravel()[order]),
        two.weights_[order],
    )

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


def isg_threshold(values: np.ndarray, given: float | None, fewest: int, seed: int) -> dict:
    """The threshold of an ISG-high cell, where it comes from, and the fit, in words for the report."""
    if given is not None:
        return {"threshold": given, "basis": f"set by hand to {given:g}"}
    if values.size < fewest:
        return {
            "threshold": None,
            "basis": f"{values.size} cells are too few to learn a threshold (at least {fewest})",
        }
    fit = fit_mixture(values, seed)
    if fit["bimodal"]:
        return {
            **fit,
            "basis": "where the upper of two normal components of the ISG score becomes the likelier",
        }
    return {**fit, "basis": "the ISG score shows no two populations of cells, so no cell is called high"}


def wilson(n: np.ndarray, total: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """95 % interval of shares (Wilson 1927); for n = 0 the one-sided upper bound 1 - 0.05 ** (1 / total)."""
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(n, total, method="wilson")
    return np.where(n == 0, 0, low), np.where(n == 0, 1 - 0.05 ** (1 / total), high)


def read_cells(paths, labels_path: Path, samples_path: Path):
    """Scores, labels, patient, timepoint and day of all labelled cells; and the names of the signatures."""
    import pandas as pd

    samples = pd.read_csv(samples_path, sep="\t", dtype=str, keep_default_na=False).set_index("sample")
    labels = pd.read_parquet(labels_path, columns=["cell_id", "sample", *LEVELS]).set_index("cell_id")
    scores = pd.concat([pd.read_parquet(path) for path in paths], ignore_index=True).set_index("cell_id")
    signatures = [name for name in scores.columns if scores[name].notna().any()]
    cells = labels.join(scores[signatures], how="inner")
    if cells.empty:
        raise click.ClickException(
            f"{labels_path.name}: holds none of the scored cells; give the labels of the same run."
        )
    absent = sorted(set(cells["sample"].astype(str)) - set(samples.index))
    if absent:
        raise click.ClickException(
            f"{samples_path.name}: does not name sample {absent[0]}; give the samples.tsv of the run."
        )
    sample = cells["sample"].astype(str)
    for column in ("patient", "timepoint", "day"):
        cells[column] = sample.map(samples[column])
    return cells.astype({"day": int, "sample": str}), signatures


def distributions(cells, signatures: list[str]):
    """A row per sample, level, label and signature; ISG-high shares stand in the rows of isg_score."""
    import pandas as pd

    tables = []
    for level in LEVELS:
        named = cells[cells[level].notna() & ~cells[level].isin(["", "unassigned"])]
        if named.empty:
            continue
        parent = "all" if level == "lineage" else named["lineage"].astype(str)
        keys = ["patient", "sample", "timepoint", "day", "level", "parent", "label"]
        keyed = named.assign(level=level, parent=parent, label=named[level].astype(str))
        grouped = keyed.groupby(keys, sort=False, observed=True)
        parts = {"n": grouped.size().rename_axis(keys)}
        moments = {"mean": grouped[signatures].mean(), "sd": grouped[signatures].std()}
        quantiles = grouped[signatures].quantile([0.25, 0.5, 0.75])
        for name, q in (("q25", 0.25), ("median", 0.5), ("q75", 0.75)):
            moments[name] = quantiles.xs(q, level=-1)
        table = pd.concat(
            {name: part.rename_axis(columns="signature").stack() for name, part in moments.items()}, axis=1
        )
        high = grouped["isg_high"].sum(min_count=1).rename("n_high")
        table = (
            table.reset_index()
            .merge(parts["n"].rename("n").reset_index(), on=keys)
            .merge(high.reset_index(), on=keys)
        )
        tables.append(table)
    if not tables:
        return pd.DataFrame(columns=COLUMNS)
    table = pd.concat(tables, ignore_index=True)
    known = (table["signature"] == "isg_score") & table["n_high"].notna()
    table["n_high"] = table["n_high"].where(known).astype(float)
    shares = pd.DataFrame(index=table.index, columns=["share_high", "share_low", "share_up"], dtype=float)
    if known.any():
        counts, totals = table.loc[known, "n_high"].to_numpy(), table.loc[known, "n"].to_numpy()
        shares.loc[known] = np.column_stack([counts / totals, *wilson(counts, totals)])
    table = pd.concat([table, shares], axis=1)[COLUMNS]
    order = ["patient", "day", "sample", "level", "parent", "label"]
    return table.sort_values(order, kind="stable", ignore_index=True)


def multiqc_section(cells) -> dict:
    """Custom content of MultiQC: one row per sample."""
    data = {}
    for sample, part in cells.groupby("sample", sort=False):
        row = {"cells": len(part), "isg_median": round(float(part["isg_score"].median()), 4)}
        if part["isg_high"].notna().all():
            row["isg_high"] = round(100 * float(part["isg_high"].mean()), 2)
        data[str(sample)] = row
    return {
        "id": "signatures",
        "section_name": "Interferon state",
        "description": "ISG score: mean log-normalised expression of the core interferon-stimulated genes.",
        "plot_type": "table",
        "pconfig": {"id": "signatures_table", "title": "Interferon state"},
        "headers": {
            "cells": {"title": "labelled cells", "format": "{:,.0f}"},
            "isg_median": {"title": "ISG score, median", "format": "{:,.2f}"},
            "isg_high": {"title": "ISG-high cells", "suffix": " %", "format": "{:,.1f}"},
        },
        "data": data,
    }


@click.command()
@click.argument("scores", type=FILE, nargs=-1, required=True)
@click.option("--labels", required=True, type=FILE, help="labels.parquet of the run.")
@click.option("--samples", required=True, type=FILE, help="samples.tsv of the run.")
@click.option(
    "--isg-threshold",
    "given",
    type=float,
    default=None,
    help="ISG score of a high cell; learnt if not given.",
)
@click.option(
    "--min-cells",
    type=click.IntRange(2),
    default=200,
    show_default=True,
    help="Fewest cells to learn it from.",
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the mixture's start."
)
@click.version_option(" ".join(f"{name}={version(name)}" for name in PACKAGES), message="%(version)s")
def main(scores, labels, samples, given, min_cells, seed):
    """Summarise signature scores of the run; SCORES are the signatures.parquet files of its samples."""
    cells, signatures = read_cells(scores, labels, samples)
    fit = isg_threshold(cells["isg_score"].to_numpy(), given, min_cells, seed)
    high = cells["isg_score"] >= fit["threshold"] if fit["threshold"] is not None else None
    cells["isg_high"] = high if high is None else high.astype("boolean")
    cells["isg_high"] = cells["isg_high"].astype("boolean")
    table = distributions(cells, signatures)
    facts = {"cells": len(cells), "isg_high": fit, "signatures": signatures}

    table.to_csv("signatures.tsv", sep="\t", index=False, float_format="%.5g")
    per_cell = cells[["isg_score", "isg_high"]].reset_index()
    per_cell.to_parquet("isg.parquet", compression="zstd", index=False)
    for name, content in {"signatures": facts, "signatures_mqc": multiqc_section(cells)}.items():
        Path(f"{name}.json").write_text(json.dumps(content, indent=1, allow_nan=False), encoding="utf-8")


if __name__ == "__main__":
    main()
