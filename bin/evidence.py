#!/usr/bin/env python3
"""Lines of evidence about malignant cells: clone, copy number, programme, FISH and cytology, cell by cell."""

import json
from importlib.metadata import version
from pathlib import Path

import click

PACKAGES = ("click", "anndata", "numpy", "pandas", "statsmodels")
FILE = click.Path(exists=True, dir_okay=False)
CANDIDATES = ("B", "plasma", "blast")  # lineages a B-cell malignancy can sit in
RELATIVES = {"blast": ("B", "HSPC"), "plasma": ("plasma",)}  # whose normal cells a programme is held against
MIN_CLONE, MIN_CLONE_SHARE = 20, 0.1  # of an expanded clone: cells, and share of the lineage's receptors
MIN_LIGHT = 0.2  # share of a clone's cells with a light chain, below which nothing is said of its light chain
MONOCLONAL, POLYCLONAL = (
    0.8,
    0.05,
)  # share of one clone that speaks for, and against, cells without a receptor
MIN_RELATIVES, QUANTILE = 50, 0.99  # normal cells a programme needs, and the share of them it lies above
LINES = ("clone", "cnv", "programme", "fish", "morphology")
# What a pathologist counted: parameter of the clinical table, percentage that is abnormal. Blasts are leukaemic ones
# (lymphoblasts, myeloblasts), not precursors of red cells, plasmablasts or cells of the stroma.
BLASTS = r"(?i)(?<!erythro)(?<!normo)(?<!megalo)(?<!plasma)(?<!osteo)(?<!fibro)blast"
MORPHOLOGY = {"blast": (BLASTS, 5.0), "plasma": (r"(?i)plasma cell", 10.0)}
# Columns that are text even where all of their values look like numbers.
NAMES = dict.fromkeys(
    ("patient", "parameter", "population", "timepoint", "stratum", "arm", "event", "verdict", "level"), str
)
DAYS = 14  # between a sample and the count


def bounds(n: int, total: int) -> tuple[float, float]:
    """95 % Wilson interval of a share; for n = 0 the one-sided upper bound, for no cells 0 to 1."""
    from statsmodels.stats.proportion import proportion_confint

    if total == 0:
        return 0.0, 1.0
    low, high = proportion_confint(n, total, method="wilson")
    return (float(low), float(high)) if n else (0.0, 1 - 0.05 ** (1 / total))


def expanded_clones(cells) -> list[dict]:
    """Clones large enough to be a tumour's, with their share of a lineage's receptors and their light chain.

    `restricted`: whether at least 90 % of the cells that show a light chain show one of the same locus; `too few`,
    and no light chain named, where under MIN_LIGHT of the cells show any (precursors, with strays of ambient RNA).
    """
    known = cells[cells.lineage.isin(CANDIDATES)].dropna(subset="clone")
    found = []
    for lineage, part in known.groupby("lineage", observed=True):
        for clone, n in part.clone.value_counts().items():
            if n < MIN_CLONE or n < MIN_CLONE_SHARE * len(part):
                continue
            light = part.light[part.clone == clone].dropna().value_counts()
            fair = light.sum() >= MIN_LIGHT * n
            chain = str(light.index[0]) if fair else None
            low, high = bounds(int(n), len(part))
            found.append(
                {"lineage": str(lineage), "clone": str(clone), "cells": int(n), "share": float(n / len(part))}
                | {"low": low, "high": high, "light_chain": chain}
                | {"restricted": bool(light.iloc[0] >= 0.9 * light.sum()) if fair else "too few"}
            )
    return found


def clone_line(cells, expanded: list[dict]):
    """Per cell: (line, words). True in an expanded clone whose light chain is one or unknown, False in another clone.

    A cell without a receptor goes with its cell type at its time point where nearly all cells with a receptor
    are of one such clone, or nearly none are; between the two nothing is said (missing).
    """
    import pandas as pd

    of_tumour = cells.clone.isin({row["clone"] for row in expanded if row["restricted"] is not False})
    known = cells.clone.notna()
    line = pd.Series(pd.NA, index=cells.index, dtype="boolean")
    words = pd.Series("", index=cells.index, dtype=object)
    candidate = cells.lineage.isin(CANDIDATES)
    line[candidate & known], words[candidate & known] = of_tumour[candidate & known], "clone of its own"
    words[of_tumour] = "clone " + cells.clone[of_tumour].astype(str)
    for _, part in cells[candidate].groupby(["cell_type", "timepoint"], observed=True):
        rest = part.index[part.clone.isna()]
        mine = of_tumour[part.index[part.clone.notna()]]
        low, high = bounds(int(mine.sum()), len(mine))
        if low >= MONOCLONAL or high <= POLYCLONAL:
            line[rest] = low >= MONOCLONAL
            words[rest] = (
                "cells like it are one clone" if low >= MONOCLONAL else "cells like it are polyclonal"
            )
    return line, words


def cnv_line(cells, table):
    """Per cell: (line, words). True with an altered arm, or in a clone most of whose cells have one."""
    import pandas as pd

    found = table[(table.level == "population") & (table.verdict == "detected") & ~table.normal]
    carried = found[found.share > 0.5].groupby("population").apply(
        lambda rows: " ".join(rows.arm + rows.event.map({"gain": "+", "loss": "-"})), include_groups=False
    )  # fmt: skip
    own = cells.cnv_profile.notna() & (cells.cnv_profile != "none")
    candidate = cells.lineage.isin(CANDIDATES)
    by_clone = candidate & cells.population.isin(carried.index) & cells.population.eq(cells.clone) & ~own
    line = (own | by_clone).astype("boolean").where(cells.cnv_profile.notna() & candidate)
    words = pd.Series("", index=cells.index, dtype=object)
    words[own] = "arms " + cells.cnv_profile[own].astype(str)
    if by_clone.any():
        words[by_clone] = "clone with " + cells.population[by_clone].map(carried)
    return line, words


def programme_line(cells, expression, genes, normal):
    """Per cell: (line, score). True where the programme's score is above QUANTILE of the normal relatives'.

    expression: log-normalised, cells x genes (DataFrame); genes: lineage, gene, sign; normal: cells that the
    clone line speaks against. Missing where fewer than MIN_RELATIVES are known to be normal.
    """
    import pandas as pd

    line, score = (
        pd.Series(pd.NA, index=cells.index, dtype="boolean"),
        pd.Series(float("nan"), index=cells.index),
    )
    for lineage, rows in genes[genes.gene.isin(expression.columns)].groupby("lineage"):
        up, down = (expression[list(rows.gene[rows.sign == sign])].mean(axis=1).fillna(0) for sign in "+-")
        here, relatives = cells.lineage == lineage, cells.lineage.isin(RELATIVES[lineage]) & normal
        if relatives.sum() >= MIN_RELATIVES:
            score[here] = (up - down)[here]
            line[here] = score[here] > (up - down)[relatives].quantile(QUANTILE)
    return line, score


def sample_lines(cells, fish, clinical):
    """Per cell of a candidate lineage: (fish, morphology), lines about its population and its sample.

    fish: True where a probe and the cell's population agree on an event; morphology: whether the pathologist's
    count of the nearest day (within DAYS; the highest of several) is abnormal, missing without a count.
    """
    import pandas as pd

    lines = [pd.Series(pd.NA, index=cells.index, dtype="boolean") for _ in range(2)]
    if fish is not None:
        both = fish[(fish.verdict.isin(["agrees", "differs"])) & (fish.percent > 0) & (fish.share > 0)]
        assessed = ~fish.verdict.isin(["not assessable", "no probe", "no FISH result"])
        tested = set(fish.population[assessed].dropna())
        lines[0][cells.population.isin(tested)] = cells.population.isin(set(both.population))
    if clinical is not None:
        for lineage, (pattern, abnormal) in MORPHOLOGY.items():
            counts = clinical[clinical.parameter.str.contains(pattern, na=False) & clinical.value.notna()]
            for day, part in cells[cells.lineage == lineage].groupby("day", observed=True):
                near = counts[(counts.day - day).abs() <= DAYS]
                if len(near):
                    away = (near.day - day).abs()
                    value = near.value[away == away.min()].max()
                    lines[1][part.index] = bool(value >= abnormal)
    return lines


def reasons(lines, words: dict, score) -> list[str]:
    """One text per cell: what speaks for a malignant cell, then what speaks against it."""
    import numpy as np

    texts = np.full(len(lines), "", dtype=object)
    said = {
        "programme": "programme " + score.map("{:.2f}".format),
        "fish": "FISH agrees",
        "morphology": "cytology",
    }
    for name in LINES:
        text = words.get(name, said.get(name))
        for value, sign in ((True, "+"), (False, "-")):
            here = (lines[name] == value).fillna(False).to_numpy(bool)
            if not isinstance(text, str):
                part = text[here].to_numpy(object)
            else:
                part = np.full(here.sum(), text, dtype=object)
            texts[here] = texts[here] + np.where(part == "", name, part) + f" ({sign}); "
    return [text.removesuffix("; ") for text in texts]


def read_expression(paths, genes: list[str], known):
    """log1p of counts per 10,000 of some genes: DataFrame cells x genes, of the cells in `known`."""
    import anndata as ad
    import h5py
    import hdf5plugin  # noqa: F401  (registers the zstd filter)
    import numpy as np
    import pandas as pd

    parts = []
    for path in paths:
        with h5py.File(path) as file:
            ids, names = (ad.io.read_elem(file[key]).index for key in ("obs", "var"))
            columns = [gene for gene in genes if gene in names]
            counts = ad.io.sparse_dataset(file["X"])
            for start in range(0, len(ids), 5000):
                x = counts[start : start + 5000]
                depth = np.maximum(np.asarray(x.sum(axis=1), float).ravel(), 1)[:, None]
                values = np.log1p(1e4 * x[:, names.get_indexer(columns)].toarray() / depth)
                parts.append(pd.DataFrame(values, index=ids[start : start + 5000], columns=columns))
    return pd.concat(parts).reindex(known).fillna(0.0)


@click.command(context_settings={"show_default": True})
@click.argument("matrices", nargs=-1, required=True, type=FILE)
@click.option("--patient", required=True, help="Name of the patient.")
@click.option("--labels", required=True, type=FILE, help="labels.parquet with the cell types.")
@click.option("--clones", type=FILE, help="The patient's clones.parquet.")
@click.option("--cnv", type=FILE, required=True, help="The patient's cnv.tsv.")
@click.option("--cnv-cells", type=FILE, required=True, help="The patient's cnv.parquet.")
@click.option("--fish", type=FILE, help="The patient's fish.tsv (single cells beside FISH).")
@click.option("--clinical", type=FILE, help="Clinical table: patient, day, parameter, value.")
@click.option("--programmes", type=FILE, required=True, help="Table of genes: lineage, gene, sign.")
@click.version_option(" ".join(f"{name}={version(name)}" for name in PACKAGES), message="%(version)s")
def main(matrices, patient, labels, clones, cnv, cnv_cells, fish, clinical, programmes) -> None:
    """Write evidence.parquet and expanded_clones.json of a patient's cells (MATRICES: h5ad of the samples)."""
    import pandas as pd

    cells = pd.read_parquet(labels).set_index("cell_id")
    cells = cells.loc[cells.patient.astype(str) == patient, ["timepoint", "day", "lineage", "cell_type"]]
    cells = cells.astype({"timepoint": str, "lineage": str, "cell_type": str})
    cells = cells.join(pd.read_parquet(cnv_cells).set_index("cell_id")[["population", "cnv_profile"]])
    receptors = pd.read_parquet(clones).set_index("cell_id") if clones else pd.DataFrame()
    cells["clone"] = receptors.get("bcr_clone", pd.Series(dtype=object)).reindex(cells.index)
    light = receptors.get("receptor_subtype_bcr", pd.Series(dtype=object)).reindex(cells.index)
    cells["light"] = light.astype("string").str.extract(r"(IG[KL])", expand=False)
    probes = pd.read_csv(fish, sep="\t", dtype=NAMES) if fish else None
    values = pd.read_csv(clinical, sep="\t", dtype=NAMES) if clinical else None
    if values is not None:
        values = values[values.patient == patient]

    expanded = expanded_clones(cells)
    words, lines = {}, pd.DataFrame(index=cells.index)
    lines["clone"], words["clone"] = clone_line(cells, expanded)
    lines["cnv"], words["cnv"] = cnv_line(cells, pd.read_csv(cnv, sep="\t", dtype=NAMES))
    genes = pd.read_csv(programmes, sep="\t", comment="#")
    expression = read_expression(matrices, sorted(set(genes.gene)), cells.index)
    innocent = (cells.lineage == "HSPC") | (~lines.clone.fillna(True)).astype(bool)
    lines["programme"], score = programme_line(cells, expression, genes, innocent)
    lines["fish"], lines["morphology"] = sample_lines(cells, probes, values)
    cells["stray"] = ~cells.lineage.isin(CANDIDATES) & cells.clone.isin([row["clone"] for row in expanded])
    about = ["timepoint", "day", "lineage", "cell_type", "stray"]
    out = cells[about].join(lines.add_prefix("line_"))
    out = out.assign(programme_score=score, reasons=reasons(lines, words, score))
    out.reset_index().to_parquet("evidence.parquet", compression="zstd", index=False)
    Path("expanded_clones.json").write_text(json.dumps(expanded, indent=1, allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
