#!/usr/bin/env python3
"""Give single cells the label their own expression fits: a part is named as a whole, its cells need not be alike."""

import json
import os
from html import escape
from importlib.metadata import version
from pathlib import Path

for library in ("OMP", "OPENBLAS"):  # one thread: same sums in the same order, hence same results
    os.environ[f"{library}_NUM_THREADS"] = "1"

import click  # noqa: E402
import numpy as np  # noqa: E402

PACKAGES = ("click", "pandas", "numpy", "scipy")
UNASSIGNED = "unassigned"
SEEN = 3  # a label that fewer cells of a sample have by markers is not given to others of that sample
BLAST_SHARE = 0.2  # of a sample: from this share of marrow lymphoblasts leukaemia is diagnosed (WHO)
FEW = 8  # a label of fewer cells has no profile of its own


def doubtful_blasts(lineage: np.ndarray, sample: np.ndarray) -> np.ndarray:
    """Which cells (N,) have the name blast from cells of another sample: one where blasts take up BLAST_SHARE.

    Beside few of them markers cannot tell residual blasts from normal precursors, and neither is claimed.
    """
    blast = lineage == "blast"
    _names, place = np.unique(sample, return_inverse=True)
    share = (np.bincount(place, blast) / np.bincount(place))[place]
    return blast & (share < BLAST_SHARE) & bool((share >= BLAST_SHARE).any())


def shrunken_directions(x, code: np.ndarray, n: np.ndarray, threshold: float) -> np.ndarray:
    """Directions (G, K) along which labels' profiles differ, as nearest shrunken centroids (Tibshirani 2002).

    x: (N, G) log-normalised, sparse. code: (N,) label number. n: (K,) cells per label. A gene counts for a label
    only where the label's mean departs from the labels' mean by more than `threshold` standard errors.
    """
    import scipy.sparse as sp

    total = len(code)
    member = sp.csr_matrix((np.ones(total), (code, np.arange(total))), (len(n), total))
    means = np.asarray((member @ x).todense()) / n[:, None]
    square = np.asarray((member @ x.multiply(x)).sum(0)).ravel()
    within = np.sqrt(np.maximum(square - (n[:, None] * means**2).sum(0), 0) / max(total - len(n), 1))
    within += np.median(within[within > 0]) if (within > 0).any() else 1.0
    error = np.sqrt(1 / n + 1 / total)[:, None] * within
    departure = (means - means.mean(0)) / error
    shrunken = np.sign(departure) * np.maximum(np.abs(departure) - threshold, 0)
    return (shrunken * error / within**2).T


def label_distances(x, code: np.ndarray, n: np.ndarray, known: np.ndarray, threshold: float) -> np.ndarray:
    """Squared Mahalanobis distance (N, K) of every cell to every label, within the shrunken directions.

    known: (N,) which cells define the labels. The pooled covariance within labels accounts for genes that vary
    together, as in linear discriminant analysis.
    """
    rows = np.flatnonzero(known)
    z = np.asarray(x @ shrunken_directions(x[rows], code[rows], n, threshold))
    z /= np.maximum(z[rows].std(0), 1e-9)
    means = np.stack([z[rows][code[rows] == k].mean(0) for k in range(len(n))])
    spread = z[rows] - means[code[rows]]
    covariance = spread.T @ spread / max(len(rows) - len(n), 1)
    covariance += (0.02 * np.trace(covariance) / len(n) + 1e-6) * np.eye(len(n))
    root = np.linalg.cholesky(np.linalg.inv(covariance))
    z, means = z @ root, means @ root
    return np.stack([((z - centre) ** 2).sum(1) for centre in means], axis=1)


def refine(x, label, parent, sample, rounds: int = 5, odds: float = 2.0, threshold: float = 2.0):
    """Labels (N,) after moving cells to a label that is exp(odds) times likelier, each cell's log odds against the
    likeliest other label, and that label ('' where there is none).

    label: (N,) names, `unassigned` where there is none. parent, sample: (N,) names; a label is open to the cells
    whose parent is that of most of its cells, in samples where at least SEEN cells had it. An unassigned cell gets a label only where that is clear and the cell lies
    no farther from it than 95 % of the label's own cells.
    """
    result = label.astype(object).copy()
    margin, rival = np.full(len(label), np.nan), np.full(len(label), "", dtype=object)
    rows = np.arange(len(label))
    samples, place = np.unique(sample.astype(str), return_inverse=True)
    for _ in range(rounds):
        names, counts = np.unique(result[result != UNASSIGNED].astype(str), return_counts=True)
        names, counts = names[counts >= FEW], counts[counts >= FEW]
        if len(names) < 2:
            break
        known = np.isin(result, names)
        code = np.where(known, np.searchsorted(names, result.astype(str)).clip(0, len(names) - 1), -1)
        distance = label_distances(x, code, counts, known, threshold)
        value = np.log(counts / counts.sum()) - distance / 2
        home = np.array([max_count(parent[result == name]) for name in names])
        seen = np.array([np.bincount(place[label == name], minlength=len(samples)) >= SEEN for name in names])
        value[~seen.T[place] & (code[:, None] != np.arange(len(names)))] = -np.inf
        value[(home[None, :] != parent[:, None]) & (code[:, None] != np.arange(len(names)))] = -np.inf
        best = value.argmax(1)
        ahead = value[rows, best] - np.partition(value, -2, axis=1)[:, -2]
        limit = np.array([np.quantile(distance[known & (code == k), k], 0.95) for k in range(len(names))])
        open_ = (label == UNASSIGNED) & (ahead > odds) & (distance[rows, best] < limit[best])
        move = np.where(known, value[rows, best] - value[rows, code] > odds, open_) & (result != names[best])
        result[move] = names[best][move]
        own = np.where(move, best, code)
        others = np.where(own[:, None] == np.arange(len(names)), -np.inf, value)
        lead = value[rows, own] - others.max(1)
        stated = (known | move) & np.isfinite(lead)
        margin = np.where(stated, lead, np.nan)
        rival = np.where(stated, names[others.argmax(1)], "")
        if not move.any():
            break
    return result, margin, rival


def max_count(values: np.ndarray):
    """The most frequent value, the first in order of several."""
    found, counts = np.unique(values.astype(str), return_counts=True)
    return found[counts.argmax()]


def compare(own: np.ndarray, theirs: np.ndarray):
    """How often each pair of own and foreign label occurs, most frequent first."""
    import pandas as pd

    pairs = pd.DataFrame({"cell_type": own, "label": theirs}).value_counts().rename("n_cells").reset_index()
    return pairs.assign(share=pairs["n_cells"] / max(len(own), 1), same=pairs["cell_type"] == pairs["label"])


def read_labels(path: Path, cell_id: np.ndarray) -> np.ndarray:
    """Foreign labels (N,) in the order of cell_id, '' where a cell has none."""
    import pandas as pd

    table = pd.read_csv(path, sep="," if path.suffix == ".csv" else "\t", dtype=str, keep_default_na=False)
    if not {"cell_id", "label"} <= set(table):
        raise click.ClickException(
            f"{path.name}: needs the columns cell_id and label; found {', '.join(table)}"
        )
    labels = table.drop_duplicates("cell_id").set_index("cell_id")["label"].reindex(cell_id).fillna("")
    if not labels.any():
        raise click.ClickException(
            f"{path.name}: none of its cell_id is a cell of this run; write them as <sample>:<barcode without -1>"
        )
    return labels.to_numpy(object)


def margins(table, evidence):
    """Per cell type: cells, samples, named parts, the least and the median margin of its parts' names (a cell each
    counts), the runner-up of most cells, and of single cells the median log odds and the share that moved, in %."""
    import pandas as pd

    of_part = evidence.set_index("part")[["margin", "runner_up"]].rename(columns={"margin": "lead"})
    joined = table.join(of_part, on="part")
    named = joined[~joined["moved"]].groupby("cell_type", observed=True)
    result = joined.groupby("cell_type", observed=True).agg(
        cells=("cell_id", "size"), samples=("sample", "nunique"), log_odds=("margin", "median"),
        moved=("moved", lambda s: 100 * s.mean()),
    )  # fmt: skip
    stated = named.agg(parts=("part", "nunique"), least=("lead", "min"), median=("lead", "median"))
    stated["runner_up"] = named["runner_up"].agg(lambda s: s.mode().iloc[0] if s.notna().any() else "")
    return (
        pd.concat([result, stated], axis=1)
        .fillna({"parts": 0, "runner_up": ""})
        .sort_values("cells", ascending=False)
    )


def multiqc(table) -> dict:
    """MultiQC custom content: the table of margins."""
    names = {
        "cells": ("Cells", "{:,.0f}"), "samples": ("Samples", "{:,.0f}"), "parts": ("Parts", "{:,.0f}"),
        "least": ("Least margin", "{:.2f}"), "median": ("Median margin", "{:.2f}"), "runner_up": ("Runner-up", None),
        "log_odds": ("Log odds", "{:.1f}"), "moved": ("% moved", "{:.1f}"),
    }  # fmt: skip
    headers = {
        key: {"title": title} | ({"format": style} if style else {"scale": False})
        for key, (title, style) in names.items()
    }
    data = {
        escape(str(name)): {
            k: escape(v) if isinstance(v, str) else float(v) for k, v in row.items() if v == v
        }
        for name, row in table[list(names)].iterrows()
    }
    text = (
        "Margin: lead of a part's score over the runner-up type, over the parts of each type (annotation.tsv). Log odds: "
        "median over cells of how much likelier their type is than the next one. Moved: cells whose own expression gave "
        "them another type than their part has."
    )
    return {
        "id": "annotate", "section_name": "Cell types and their margins", "description": text, "plot_type": "table",
        "headers": headers, "data": data,
        "pconfig": {"id": "annotate_table", "title": "Cell types", "no_violin": True, "sort_rows": False,
                    "col1_header": "Cell type"},
    }  # fmt: skip


@click.command()
@click.argument("parts", type=click.Path(exists=True, path_type=Path))
@click.argument("components", type=click.Path(exists=True, path_type=Path))
@click.argument("expression", type=click.Path(exists=True, path_type=Path))
@click.option("--markers", required=True, type=click.Path(exists=True, path_type=Path), help="Marker table.")
@click.option("--evidence", type=click.Path(exists=True, path_type=Path),
              help="annotation.tsv: write its margins per cell type for MultiQC.")  # fmt: skip
@click.option("--odds", type=click.FloatRange(0), default=2.0, show_default=True,
              help="How much likelier (natural log) another label must be for a cell to move there.")  # fmt: skip
@click.option("--lineages", type=click.Path(exists=True, path_type=Path),
              help="Table of lineages to subcluster; those with enough cells are written to lineages_found.tsv.")  # fmt: skip
@click.option("--min-cells", type=click.IntRange(4), default=50, show_default=True,
              help="Fewer cells of a lineage are not subclustered.")  # fmt: skip
@click.option("--labels", type=click.Path(exists=True, path_type=Path), help="Your labels: cell_id, label.")
@click.option(
    "--predictions", type=click.Path(exists=True, path_type=Path), help="A model's labels, likewise."
)
@click.option("--labels-use", type=click.Choice(["check", "replace"]), default="check", show_default=True,
              help="Only tabulate where foreign labels differ, or take them (yours before a model's).")  # fmt: skip
@click.version_option(" ".join(f"{name}={version(name)}" for name in PACKAGES), message="%(version)s")
def main(
    parts,
    components,
    expression,
    markers,
    evidence,
    odds,
    lineages,
    min_cells,
    labels,
    predictions,
    labels_use,
):
    """Label the cells of PARTS (parts.parquet) by COMPONENTS and EXPRESSION (components.parquet, expression.npz)."""
    import pandas as pd
    import scipy.sparse as sp

    table = pd.read_parquet(parts)
    cells = pd.Index(pd.read_parquet(components, columns=["cell_id"])["cell_id"])
    x = sp.load_npz(expression).tocsr()[cells.get_indexer(table["cell_id"])]
    rows = pd.read_csv(markers, sep="\t", dtype=str).drop_duplicates("cell_type").set_index("cell_type")
    lineage = rows["lineage"]
    part_type = (table.pop("part_type") if "part_type" in table else table["cell_type"]).to_numpy(
        object, copy=True
    )
    if "parent" not in table:
        doubtful = doubtful_blasts(table["lineage"].to_numpy(), table["sample"].to_numpy(str))
        parents = lineage.reindex(rows["parent"].reindex(table.loc[doubtful, "cell_type"])).to_numpy()
        table.loc[doubtful, "lineage"] = parents
        table.loc[doubtful, "cell_type"] = part_type[doubtful] = UNASSIGNED
    before = table["cell_type"].to_numpy(object)
    parent = table["parent"].to_numpy(str) if "parent" in table else np.repeat("", len(table))
    after, margin, rival = refine(x, before, parent, table["sample"].to_numpy(str), odds=odds)
    disagreements = []
    for source, path in (("model", predictions), ("user", labels)):
        if path is None:
            continue
        theirs = read_labels(path, table["cell_id"].to_numpy())
        given = theirs != ""
        disagreements.append(compare(after[given], theirs[given]).assign(source=source))
        if labels_use == "replace":
            after = np.where(given, theirs, after)
            margin, rival = np.where(given, np.nan, margin), np.where(given, "", rival)
    named = pd.Series(after).map(lineage)
    kept = table["lineage"].to_numpy(object)
    table["lineage"] = np.where(after != before, named.fillna(pd.Series(after)), kept)
    table["cell_type"], table["margin"], table["rival"] = after, margin.astype(np.float32), rival.astype(str)
    table["moved"] = after != part_type
    prefix = parts.name.removesuffix("parts.parquet")
    table.to_parquet(f"{prefix}annotation.parquet", compression="zstd")
    if lineages is not None:
        counts = table["lineage"].value_counts()
        found = pd.read_csv(lineages, sep="\t", dtype=str)
        found["n_cells"] = found["lineage"].map(counts).fillna(0).astype(int)
        found = found[found["n_cells"] >= min_cells]
        found.to_csv("lineages_found.tsv", sep="\t", index=False)
    empty = pd.DataFrame(columns=["cell_type", "label", "n_cells", "share", "same", "source"])
    pd.concat(disagreements or [empty]).to_csv(
        "label_agreement.tsv", sep="\t", index=False, float_format="%.4g"
    )
    if evidence is not None:
        section = multiqc(margins(table, pd.read_csv(evidence, sep="\t")))
        Path("annotate_mqc.json").write_text(json.dumps(section, indent=1, allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
