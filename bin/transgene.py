#!/usr/bin/env python3
"""Cells of a sample that express the CAR: counts of its feature, told from ambient RNA; where there is no call, why."""

import re
from collections.abc import Sequence
from pathlib import Path

from _car_ambient import car_contamination, of_t_cells, without_outliers
from _car_calls import SORT_PRIOR, called, mixture, with_clones
from _cli import FILE, command, read_json, write_json
from _errors import InputError
from _matrices import cell_ids, gene_table, read_blocks
from _receptors import Lineages
from _shares import wilson
from _tables import read_samples, read_text_table, write_parquet, write_table

import click
import numpy as np

COLUMNS = ["level", "label", "role", "n", "total", "share", "low", "high"]
CARRIERS = ["called", "carriers", "carriers_low", "carriers_high"]
ENSEMBL = re.compile(r"(?:.*_)?ENS[A-Z]*G\d{6,}(?:\.\d+)?(?:_PAR_Y)?")
ANNOTATED = 0.9  # share of features with an Ensembl gene id from which one without it is outside the annotation
MOST_OFFERED = 5  # more features outside the annotation are another genome or spike-ins
TARGET = r"cd\d+|bcma|gprc5d|her2|gd2|anti"  # words of a feature's name that a sort may mean another cell by
MOST_FEATURES = 20  # of a CAR; more are a pattern that means something else
MOST_UMI = 0.2  # share of a sample's UMIs that no transgene reaches
T_GENES = ("CD3D", "CD3E", "CD3G", "TRAC", "TRBC1", "TRBC2", "TRDC", "TRGC1", "TRGC2")
T_UMI = 2  # UMIs of T_GENES that a T cell needs for a call: its own RNA has to say that it is one
ENOUGH = 20  # T cells with CAR UMIs from which a cell without any may be called, and the carriers' share is an estimate
WIDEST = 2.0  # upper over lower bound of the carriers' share from which it is no estimate
# Upper bound of the contamination from which the carriers' share is no estimate: soup passes for carriers.
LEAST_KNOWN = 0.15


def outside_annotation(ids: Sequence[str]) -> np.ndarray:
    """Mask of features whose gene id is not Ensembl's, where nearly all others' are; none where the annotation is another."""
    annotated = np.array([bool(ENSEMBL.fullmatch(text)) for text in ids], dtype=bool)
    return ~annotated if annotated.mean() >= ANNOTATED else np.zeros(len(annotated), bool)


def car_features(names: Sequence[str], ids: Sequence[str], wanted: Sequence[str], patterns: Path) -> list[int]:
    """Row numbers of features that are a CAR: by the user's names or patterns, else by common names of features outside the annotation.

    A pattern matches a whole name or gene id, in any case; never the genome's name, which every feature carries.
    """
    rules = wanted or tuple(read_text_table(patterns, ("pattern",), comment="#").pattern)
    try:
        rule = re.compile("|".join(f"(?:{text})" for text in rules), re.IGNORECASE)
    except re.error as error:
        raise InputError(f"--car: '{', '.join(rules)}' is not a name or pattern ({error})") from error
    annotated = np.array([bool(ENSEMBL.fullmatch(text)) for text in ids], dtype=bool)
    rows = [
        row
        for row, texts in enumerate(zip(names, ids, strict=True))
        if (wanted or not annotated[row]) and any(rule.fullmatch(text) for text in texts)
    ]
    if wanted and len(rows) > MOST_FEATURES:
        raise InputError(
            f"--car: '{', '.join(wanted)}' matches {len(rows):,} features, {names[rows[0]]} and {names[rows[1]]} among them; "
            "write the name of the CAR's feature"
        )
    return rows


def no_feature(names: Sequence[str], ids: Sequence[str], wanted: Sequence[str]) -> tuple[str, list[str]]:
    """(why there is no CAR's feature and what to do, features outside the annotation that may be one)."""
    outside = [name for name, is_outside in zip(names, outside_annotation(ids), strict=True) if is_outside]
    what = f"is named {', '.join(wanted)}" if wanted else "has a common name of a CAR"
    reason = f"none of the {len(names):,} features of the reference {what}"
    if 0 < len(outside) <= MOST_OFFERED:
        offers = [f"feature {name} is in no annotation; if it is the CAR, give --car {name}" for name in outside]
        return "; ".join([reason, *offers]), outside
    advice = "where cells may carry a CAR, add its sequence to the reference and count again"
    return f"{reason}; {advice}, or give --car the name of its feature", []


def sorted_for_car(sort: str, features: Sequence[str]) -> str:
    """'+' or '-' where the samplesheet's `sort` says that cells with or without the CAR were taken, else ''.

    The CAR is named as CAR, or by a word of its feature: `CD3+CAT+` with the feature CAT_scFv, `EGFRt+`, `CAR-T cells`.
    """
    words = {word.lower() for name in features for word in re.split(r"[^A-Za-z0-9]+", name) if len(word) > 2}
    words = {word for word in words if not re.fullmatch(TARGET, word)} | {"car", "cart"}
    names = "|".join(sorted(map(re.escape, words), key=lambda word: (-len(word), word)))
    text = sort.lower().replace("\u2212", "-")
    named = re.search(rf"(?P<no>non?[- ])?(?<![a-z0-9])(?:{names})(?![a-z0-9])(?P<sign>.*)", text)
    if not named:
        return ""
    negative = re.match(r"-?\s*neg|-(?!\s*(?:t\b|pos|hi|enrich|sort))", named["sign"].lstrip())
    return "-" if named["no"] or negative else "+"


def gene_columns(names: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """Column numbers of genes by symbol, in any case."""
    known = set(wanted)
    return [column for column, name in enumerate(names) if name.upper() in known]


def count_cells(path: Path, groups: dict[str, list[int]]):
    """UMIs per cell (index: cell ids): `total` of all genes, and of each group of columns of a cells file."""
    import pandas as pd

    blocks = []
    for _, counts in read_blocks(path):
        sums = {"total": np.asarray(counts.sum(axis=1)).ravel()}
        sums |= {name: np.asarray(counts[:, columns].sum(axis=1)).ravel() for name, columns in groups.items()}
        blocks.append(pd.DataFrame(sums))
    return pd.concat(blocks, ignore_index=True).astype(np.int64).set_axis(cell_ids(path), axis=0)


def fewest_umi(umi, transcript) -> int:
    """UMIs from which most cells are called by their transcripts: one more than the highest count of which most are not."""
    counts = np.unique(umi[(umi > 0) & ~transcript])
    return 1 + max((int(k) for k in counts if transcript[umi == k].mean() < 0.5), default=0)


def call_t_cells(cells, clone, ambient, measured: bool, prior: tuple[float, float], max_fdr: float) -> dict:
    """Facts of the call; sets car_probability, car_positive and car_evidence of the T cells.

    cells: assessed T cells with car_umi and total; clone: their TCR clones, missing where none; ambient: equally likely values of the expected CAR UMIs per UMI;
    measured: whether they come from the sample itself, so that the carriers' share is an estimate.
    A cell is positive (true), or negative (false: the chance that it carries the CAR is at most max_fdr), or left open (missing).
    """
    import pandas as pd

    umi = cells.car_umi.to_numpy(np.int64)
    found = mixture(umi, cells.total.to_numpy(np.float64), ambient, prior)
    carrying, alike = with_clones(found, clone)
    if (umi > 0).sum() < ENOUGH:  # too few to know how many carriers show none
        carrying = np.where(umi > 0, carrying, np.minimum(carrying, 0.5))
    positive, false = called(carrying, max_fdr)
    # Where no cell shows a transcript nothing tells whether the assay would: nobody is called, or called negative in a sort for the CAR.
    negative = carrying <= max_fdr
    by_clone = positive & (umi == 0) & (np.abs(carrying - found.carrying) > 1e-9)
    cells["car_probability"] = carrying
    cells["car_positive"] = pd.array(np.where(positive, True, False), dtype="boolean")
    cells.loc[~positive & ~negative, "car_positive"] = pd.NA
    evidence = np.select([positive & (umi > 0), by_clone, positive], ["transcript", "clone", "sample"], "")
    cells["car_evidence"] = pd.Series(evidence, index=cells.index, dtype=object).replace("", None)
    transcript = positive & (umi > 0)
    facts = {"with_umi": int((umi > 0).sum()), "transcript": int(transcript.sum()), "called": int(positive.sum())}
    facts |= {"open": int((~positive & ~negative).sum()), "false_discovery_rate": false, "max_fdr": max_fdr}
    facts |= {"min_umi": fewest_umi(umi, transcript)}
    enough = transcript.sum() >= ENOUGH and found.high <= WIDEST * found.low and measured
    facts |= {"carriers": [found.share, found.low, found.high] if enough else None}
    return facts | {"expression_per_10k": 1e4 * found.expression, "clones_alike": None if np.isinf(alike) else alike}


def shares(cells, facts: dict, high: float, lineages: Lineages):
    """Rows of car.tsv: T cells as a whole, by type and subset; then every other lineage.

    cells: lineage, cell_type, subset, assessed, car_umi, total, car_positive, car_evidence; high: upper bound of ambient CAR UMIs per
    UMI. n: T cells called by their transcripts; of another lineage, cells with more CAR UMIs than ambient RNA explains: doublets, wrong
    names or, in a lineage of the tumour, transduced cells.
    """
    import pandas as pd

    carriers = cells[cells.lineage.isin(lineages.car_carriers) & cells.assessed]
    groups = [("lineage", name, group) for name, group in carriers.groupby("lineage", observed=True)]
    for level in ("cell_type", "subset"):
        groups += [(level, name, group) for name, group in carriers.groupby(level, observed=True)]
    others = cells[~cells.lineage.isin(lineages.car_carriers)]
    groups += [("lineage", name, group) for name, group in others.groupby("lineage", observed=True)]
    rows = []
    for level, name, group in groups:
        row = {"level": level, "label": name, "role": role(group.lineage.iloc[0], lineages), "total": len(group)}
        if row["role"] == "may carry":
            row |= {
                "n": int((group.car_evidence == "transcript").sum()),
                "called": int(group.car_positive.fillna(False).sum()),
            }
            if level == "lineage" and facts["carriers"]:
                row |= dict(zip(CARRIERS[1:], facts["carriers"], strict=True))
        else:
            explained = without_outliers(group.car_umi.to_numpy(np.int64), group.total.to_numpy(), 1.0, high)
            row |= {"n": int((~explained).sum())}
        rows.append(row)
    table = pd.DataFrame(rows, columns=[*COLUMNS[:5], *CARRIERS])
    table["share"], table["low"], table["high"] = wilson(table.n, table.total)
    return table.astype({"called": "Int64"})


def role(lineage: str, lineages: Lineages) -> str:
    """What a lineage is to the CAR: may carry it, control (cannot), tumour (a cell with it is a finding), not called."""
    if lineage in lineages.car_carriers:
        return "may carry"
    if lineage in lineages.malignant:
        return "tumour"
    return "control" if lineage in lineages.car_controls else "not called"


def assess(cells, clone, facts: dict, ambient: dict, lineages: Lineages, max_fdr: float):
    """(facts with status and reason, rows of car.tsv); sets the cells' car_probability, car_positive and car_evidence.

    cells: lineage, cell_type, subset, total, car_umi, t_umi (missing where the reference lacks the genes);
    clone: Series of TCR clones by cell id. facts: sample, features, reason, sort; ambient: AMBIENT's facts, {} where it failed.
    """
    import pandas as pd

    cells["car_probability"] = np.nan
    cells["car_positive"] = pd.array([pd.NA] * len(cells), dtype="boolean")
    cells["car_evidence"] = pd.Series([None] * len(cells), index=cells.index, dtype=object)
    of_t = cells.lineage.isin(lineages.car_carriers)
    cells["assessed"] = of_t & (cells.t_umi.fillna(T_UMI) >= T_UMI)
    facts |= {"cells": len(cells), "t_cells": int(of_t.sum()), "assessed": int(cells.assessed.sum())}
    if not facts["features"]:
        return facts | {"status": "no CAR feature"}, pd.DataFrame(columns=[*COLUMNS, *CARRIERS])
    name, n_umi = " + ".join(facts["features"]), int(cells.car_umi.sum())
    facts |= {
        "umi": n_umi,
        "cells_with_umi": int((cells.car_umi > 0).sum()),
        "sorted_for_car": sorted_for_car(facts["sort"], facts["features"]),
    }
    if n_umi > MOST_UMI * cells.total.sum():
        reason = f"{name} holds {100 * n_umi / cells.total.sum():.0f} % of all UMIs, which no transgene does; --car names something else"
        return facts | {"status": "no CAR feature", "reason": reason}, pd.DataFrame(columns=[*COLUMNS, *CARRIERS])
    controls = tuple(lineage for lineage in lineages.car_controls if lineage not in lineages.malignant)
    umi, total = cells.car_umi.to_numpy(np.int64), cells.total.to_numpy(np.float64)
    found = of_t_cells(ambient, float(total[of_t].mean()) if of_t.any() else 0.0)
    dirt, clean = car_contamination(found, umi, total, cells.lineage.to_numpy(object), controls)
    soup = n_umi / max(total.sum(), 1)
    facts |= {"soup_per_10k": 1e4 * soup, "contamination": dirt.mean, "contamination_high": dirt.high}
    mean, high = soup * dirt.mean, soup * dirt.high
    facts |= {"control_cells": int(clean.sum()), "control_cells_with_umi": int((umi[clean] > 0).sum())}
    facts |= {"control_cells_explained": float((1 - np.exp(-mean * total[clean])).sum())}
    # Of other lineages only what ambient RNA explains is a no; the rest is left open: a doublet, a wrong name, a transduced cell.
    cells.loc[~of_t & without_outliers(umi, total, 1.0, high), "car_positive"] = False
    if not facts["assessed"]:
        least = (
            f"none of its {facts['t_cells']:,} T cells has {T_UMI} UMIs of T-cell genes"
            if facts["t_cells"]
            else "none of them is a T cell"
        )
        facts |= {"status": "no T cells", "reason": f"{facts['cells']:,} cells are kept; {least}"}
    else:
        t_cells = cells[cells.assessed].copy()
        prior = SORT_PRIOR[facts["sorted_for_car"]]
        facts |= call_t_cells(
            t_cells, clone.reindex(t_cells.index), soup * dirt.values(), dirt.high <= LEAST_KNOWN, prior, max_fdr
        )
        for column in ("car_probability", "car_positive", "car_evidence"):
            cells.loc[t_cells.index, column] = t_cells[column]
        facts |= {"status": "assessed"}
        if not n_umi:
            none = f"{name} is in the reference, but none of the {facts['cells']:,} kept cells has a UMI of it"
            facts |= {"status": "no CAR UMI", "reason": none}
    return facts, shares(cells, facts | {"carriers": facts.get("carriers")}, high, lineages)


@command()
@click.argument("cells", type=FILE)
@click.option("--sample", required=True, help="Name of the sample.")
@click.option("--samples", required=True, type=FILE, help="samples.tsv: tissue and sort of the sample.")
@click.option("--labels", required=True, type=FILE, help="The patient's labels.parquet.")
@click.option("--clones", required=True, type=FILE, help="The patient's clones.parquet.")
@click.option("--lineages", required=True, type=FILE, help="Table of lineages: which may carry it.")
@click.option(
    "--ambient",
    type=FILE,
    help="The sample's ambient.json; without it the contamination is taken for 10 %, at most 30 %.",
)
@click.option("--car", "wanted", multiple=True, help="Name or pattern of the CAR's feature; may be repeated.")
@click.option("--names", required=True, type=FILE, help="Table of patterns of common CAR names.")
@click.option(
    "--max-fdr", default=0.05, type=click.FloatRange(0, 1), help="Expected share of false cells among those called."
)
def main(
    cells: Path,
    sample: str,
    samples: Path,
    labels: Path,
    clones: Path,
    lineages: Path,
    ambient: Path | None,
    wanted: tuple[str, ...],
    names: Path,
    max_fdr: float,
) -> None:
    """Call the CAR-positive cells of the sample's CELLS (h5ad)."""
    import pandas as pd

    genes, kinds = gene_table(cells), Lineages(lineages)
    symbols = genes.index.astype(str).tolist()
    ids = genes.get("gene_ids", genes.index.to_series()).astype(str).tolist()
    rows = car_features(symbols, ids, wanted, names)
    reason, offered = ("", []) if rows else no_feature(symbols, ids, wanted)
    row = read_samples(samples).set_index("sample").loc[sample]
    facts = {"sample": sample} | {name: str(row.get(name, "")) for name in ("tissue", "sort")}
    facts |= {"features": [symbols[at] for at in rows], "offered": offered, "reason": reason}

    t_genes = [column for column in gene_columns(symbols, T_GENES) if column not in rows]
    counts = count_cells(cells, {"car_umi": rows, "t_umi": t_genes})
    label = pd.read_parquet(labels).set_index("cell_id")
    table = label.loc[label["sample"].astype(str) == sample, ["lineage", "cell_type", "subset"]].astype(str)
    table = table.join(counts.reindex(table.index))
    if len(t_genes) < 2:
        table["t_umi"] = np.nan
    clone = pd.read_parquet(clones, columns=["cell_id", "tcr_clone"]).set_index("cell_id").tcr_clone
    facts, result = assess(table, clone, facts, read_json(ambient) if ambient else {}, kinds, max_fdr)
    if not rows:
        table["car_umi"] = pd.array([pd.NA] * len(table), dtype="Int64")

    write_table(result.assign(sample=sample), f"{sample}.car.tsv", digits=None)
    columns = ["car_umi", "car_probability", "car_positive", "car_evidence"]
    write_parquet(table[columns].reset_index().astype({"car_umi": "Int64"}), f"{sample}.car.parquet")
    write_json(facts, f"{sample}.car.json")


if __name__ == "__main__":
    main()
