#!/usr/bin/env python3
"""Cells that express the CAR: counts of its feature, told from ambient RNA by cells that cannot carry it."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import click
import numpy as np
from _cli import FILE, command, write_json
from _errors import InputError
from _matrices import cell_ids, gene_table, read_blocks
from _receptors import Lineages
from _shares import wilson
from _tables import read_text_table, write_parquet, write_table

MIN_NON_CARRIERS = 100  # cells that a rate of ambient counts needs
COLUMNS = ["level", "label", "role", "n", "total", "share", "low", "high", "above_ambient"]


def car_features(
    names: Iterable, ids: Iterable, genomes: Iterable, wanted: Sequence[str], patterns: Path
) -> list[int]:
    """Row numbers of features that are a CAR: by the user's names or patterns, else by the common names.

    A pattern matches a whole name, id or genome (contig) name, in any case.
    """
    rules = wanted or tuple(read_text_table(patterns, ("pattern",), comment="#").pattern)
    try:
        rule = re.compile("|".join(f"(?:{text})" for text in rules), re.IGNORECASE)
    except re.error as error:
        raise InputError(f"--car: '{', '.join(rules)}' is not a name or pattern ({error})") from error
    columns = zip(*(list(map(str, column)) for column in (names, ids, genomes)), strict=True)
    return [row for row, texts in enumerate(columns) if any(rule.fullmatch(text) for text in texts)]


def car_counts(path: Path, features: Sequence[int]) -> np.ndarray:
    """UMIs of some features (column numbers of a cells file) in each of its cells."""
    counts = [np.asarray(x[:, features].sum(axis=1)).ravel() for _, x in read_blocks(path)]
    return np.concatenate(counts).astype(np.int64)


def false_rates(ambient):
    """Share of cells that ambient RNA alone brings to 1, 2, ... counts, from the counts of non-carriers.

    The higher of what is seen among them and of a Poisson distribution with their mean, so that the rate of a
    count that none of them reached is not taken for 0.
    """
    from scipy.stats import poisson

    steps = np.arange(1, max(int(ambient.max(initial=0)) + 2, 10))
    seen = (ambient[:, None] >= steps).mean(axis=0)
    return np.maximum(seen, poisson.sf(steps - 1, ambient.mean()))


def threshold(counts, ambient, max_fdr: float) -> tuple[int, float, float]:
    """(fewest counts of a CAR-positive cell, false positive rate per cell, false discovery rate among calls).

    counts: of cells that may carry the CAR; ambient: of cells that cannot. The smallest count at which
    ambient RNA explains at most `max_fdr` of the cells called.
    """
    rates = false_rates(ambient)
    called = np.array([(counts >= k).sum() for k in range(1, len(rates) + 1)])
    discovery = np.minimum(rates * len(counts) / np.maximum(called, 1), 1.0)
    fitting = np.flatnonzero(discovery <= max_fdr)
    best = int(fitting[0]) if len(fitting) else len(rates) - 1
    return best + 1, float(rates[best]), float(discovery[best])


def shares(cells, k: int, rate: float, lineages: Lineages):
    """Rows of the table: carriers as a whole, by cell type and subset; then every other lineage as a control.

    cells: lineage, cell_type, subset, car_umi; k: fewest counts of a CAR-positive cell; rate: share of non-carriers with any
    count. `above_ambient` is the share with any count less the share that ambient RNA explains: the better estimate of how
    many cells carry it, where `share` counts only those that can be told one by one.
    """
    import pandas as pd

    carriers = cells[cells.lineage.isin(lineages.car_carriers)]
    groups = [("lineage", name, group) for name, group in cells.groupby("lineage", observed=True)]
    for level in ("cell_type", "subset"):
        groups += [(level, name, group) for name, group in carriers.groupby(level, observed=True)]
    rows = []
    for level, name, group in groups:
        carrier = group.lineage.iloc[0] in lineages.car_carriers
        role = "may carry" if carrier else "control" if name in lineages.car_controls else "not called"
        n, seen = int((group.car_umi >= k).sum()), float((group.car_umi > 0).mean())
        row = {"level": level, "label": name, "role": role, "n": n, "total": len(group)}
        rows.append(row | {"above_ambient": max(0.0, (seen - rate) / (1 - rate))})
    table = pd.DataFrame(rows)
    table["share"], table["low"], table["high"] = wilson(table.n, table.total)
    return table


def call_cells(cells, features: list[str], wanted: Sequence[str], lineages: Lineages, max_fdr: float) -> dict:
    """Facts of a sample; sets `car_positive` of its cells (lineage, car_umi), missing where `status` says why.

    features: names of the CAR's features in the reference; wanted: those that the user named.
    """
    import pandas as pd

    carrier, control = (cells.lineage.isin(names) for names in (lineages.car_carriers, lineages.car_controls))
    facts = {"features": features, "carriers": int(carrier.sum()), "controls": int(control.sum())}
    cells["car_positive"] = pd.array([pd.NA] * len(cells), dtype="boolean")
    if not features:
        what = f"no feature named {', '.join(wanted)}" if wanted else "no CAR contig"
        return facts | {"status": "no CAR feature", "reason": f"the reference has {what}"}
    if facts["controls"] < MIN_NON_CARRIERS:
        few = f"only {facts['controls']} cells cannot carry the CAR"
        reason = f"{few}; a rate of ambient counts needs {MIN_NON_CARRIERS}"
        return facts | {"status": "no ambient rate", "reason": reason}
    counts = cells.car_umi.astype(np.int64)
    ambient = counts[control].to_numpy()
    k, rate, discovery = threshold(counts[carrier].to_numpy(), ambient, max_fdr)
    cells["car_positive"] = pd.array((counts >= k) & carrier, dtype="boolean")
    facts |= {"status": "assessed", "min_umi": k}
    facts |= {"false_positive_rate": rate, "false_discovery_rate": discovery}
    facts |= {"ambient_per_cell": float(ambient.mean()), "ambient_share": float((ambient > 0).mean())}
    above = map(float, wilson((ambient >= k).sum(), len(ambient)))
    return facts | {"controls_above": dict(zip(("share", "low", "high"), above, strict=True))}


@command()
@click.argument("cells", type=FILE)
@click.option("--sample", required=True, help="Name of the sample.")
@click.option("--labels", required=True, type=FILE, help="The patient's labels.parquet.")
@click.option("--lineages", required=True, type=FILE, help="Table of lineages: which may carry it.")
@click.option("--car", "wanted", multiple=True, help="Name or pattern of the CAR's feature; may be repeated.")
@click.option("--names", required=True, type=FILE, help="Table of patterns of common CAR names.")
@click.option(
    "--max-fdr", default=0.05, type=click.FloatRange(0, 1), help="Ambient share of the cells called."
)
def main(
    cells: Path,
    sample: str,
    labels: Path,
    lineages: Path,
    wanted: tuple[str, ...],
    names: Path,
    max_fdr: float,
) -> None:
    """Call the CAR-positive cells of the sample's CELLS (h5ad)."""
    import pandas as pd

    genes, kinds = gene_table(cells), Lineages(lineages)
    genomes = genes["genome"] if "genome" in genes else [""] * len(genes)
    rows = car_features(genes.index, genes.get("gene_ids", genes.index), genomes, wanted, names)
    label = pd.read_parquet(labels).set_index("cell_id")
    table = label.loc[label["sample"].astype(str) == sample, ["lineage", "cell_type", "subset"]].astype(str)
    counts = pd.Series(car_counts(cells, rows) if rows else pd.NA, index=cell_ids(cells))
    table["car_umi"] = counts.reindex(table.index).astype("Int64")
    features = [str(genes.index[row]) for row in rows]
    facts = {"sample": sample} | call_cells(table, features, wanted, kinds, max_fdr)
    result = pd.DataFrame()
    if facts["status"] == "assessed":
        result = shares(table, facts["min_umi"], facts["ambient_share"], kinds)

    write_table(result.reindex(columns=COLUMNS).assign(sample=sample), f"{sample}.car.tsv", digits=None)
    write_parquet(table[["car_umi", "car_positive"]].reset_index(), f"{sample}.car.parquet")
    write_json(facts, f"{sample}.car.json")


if __name__ == "__main__":
    main()
