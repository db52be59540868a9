#!/usr/bin/env python3
"""Cells that express the CAR: counts of its feature, told from ambient RNA by cells that cannot carry it."""

import json
import re
from importlib.metadata import version
from pathlib import Path

import click

PACKAGES = ("click", "anndata", "numpy", "pandas", "scipy", "statsmodels")
FILE = click.Path(exists=True, dir_okay=False)
CARRIERS = ("T",)  # lineages of which cells are called
# Lineages whose CAR counts are ambient RNA or doublets. NK cells are left out: some are T cells by mistake.
NON_CARRIERS = (
    "B",
    "plasma",
    "blast",
    "myeloid",
    "erythroid",
    "megakaryocyte",
    "HSPC",
    "stromal",
    "epithelial",
)
MIN_NON_CARRIERS = 100  # cells that a rate of ambient counts needs


def car_features(names, ids, genomes, wanted: tuple[str, ...], patterns: Path | str) -> list[int]:
    """Row numbers of features that are a CAR: by the user's names or patterns, else by the common names.

    A pattern matches a whole name, id or genome (contig) name, in any case.
    """
    import pandas as pd

    rules = wanted or tuple(pd.read_csv(patterns, sep="\t", comment="#").pattern)
    try:
        rule = re.compile("|".join(f"(?:{text})" for text in rules), re.IGNORECASE)
    except re.error as error:
        raise click.ClickException(
            f"--car: '{', '.join(rules)}' is not a name or pattern ({error})"
        ) from error
    columns = zip(*(list(map(str, column)) for column in (names, ids, genomes)), strict=True)
    return [row for row, texts in enumerate(columns) if any(rule.fullmatch(text) for text in texts)]


def false_rates(ambient):
    """Share of cells that ambient RNA alone brings to 1, 2, ... counts, from the counts of non-carriers.

    The higher of what is seen among them and of a Poisson distribution with their mean, so that the rate of a
    count that none of them reached is not taken for 0.
    """
    import numpy as np
    from scipy.stats import poisson

    steps = np.arange(1, max(int(ambient.max(initial=0)) + 2, 10))
    seen = (ambient[:, None] >= steps).mean(axis=0)
    return np.maximum(seen, poisson.sf(steps - 1, ambient.mean()))


def threshold(counts, ambient, max_fdr: float) -> tuple[int, float, float]:
    """(fewest counts of a CAR-positive cell, false positive rate per cell, false discovery rate among calls).

    counts: of cells that may carry the CAR; ambient: of cells that cannot. The smallest count at which
    ambient RNA explains at most `max_fdr` of the cells called.
    """
    import numpy as np

    rates = false_rates(ambient)
    called = np.array([(counts >= k).sum() for k in range(1, len(rates) + 1)])
    discovery = np.minimum(rates * len(counts) / np.maximum(called, 1), 1.0)
    fitting = np.flatnonzero(discovery <= max_fdr)
    best = int(fitting[0]) if len(fitting) else len(rates) - 1
    return best + 1, float(rates[best]), float(discovery[best])


def proportion(n: int, total: int) -> dict[str, float]:
    """Share with its 95 % Wilson interval; for n = 0 the one-sided upper bound."""
    from statsmodels.stats.proportion import proportion_confint

    if total == 0:
        return {"share": None, "low": None, "high": None}
    low, high = proportion_confint(n, total, method="wilson")
    return {
        "share": n / total,
        "low": float(low) if n else 0.0,
        "high": float(high) if n else 1 - 0.05 ** (1 / total),
    }


def shares(cells, k: int, rate: float) -> list[dict]:
    """Rows of the table: carriers as a whole, by cell type and subset; then every other lineage as a control.

    `above_ambient` is the share with any count less the share that ambient RNA explains: the better estimate
    of how many cells carry it, where `share` counts only those that can be told one by one.
    """
    carrier = cells.lineage.isin(CARRIERS)
    parts = [("lineage", name, part) for name, part in cells.groupby("lineage", observed=True)]
    for level in ("cell_type", "subset"):
        parts += [(level, name, part) for name, part in cells[carrier].groupby(level, observed=True)]
    rows = []
    for level, name, part in parts:
        role = (
            "may carry"
            if part.lineage.iloc[0] in CARRIERS
            else "control"
            if name in NON_CARRIERS
            else "not called"
        )
        n, seen = int((part.car_umi >= k).sum()), float((part.car_umi > 0).mean())
        row = {"level": level, "label": name, "role": role, "n": n, "total": len(part)}
        rows.append(row | proportion(n, len(part)) | {"above_ambient": max(0.0, (seen - rate) / (1 - rate))})
    return rows


@click.command(context_settings={"show_default": True})
@click.argument("cells", type=FILE)
@click.option("--sample", required=True, help="Name of the sample.")
@click.option("--labels", required=True, type=FILE, help="labels.parquet with the cell types.")
@click.option("--car", "wanted", multiple=True, help="Name or pattern of the CAR's feature; may be repeated.")
@click.option("--names", required=True, type=FILE, help="Table of patterns of common CAR names.")
@click.option(
    "--max-fdr", default=0.05, type=click.FloatRange(0, 1), help="Ambient share of the cells called."
)
@click.version_option(" ".join(f"{name}={version(name)}" for name in PACKAGES), message="%(version)s")
def main(cells, sample, labels, wanted, names, max_fdr) -> None:
    """Call the CAR-positive cells of the sample's CELLS (h5ad)."""
    import anndata as ad
    import h5py
    import hdf5plugin  # noqa: F401  (registers the zstd filter)
    import numpy as np
    import pandas as pd

    with h5py.File(cells) as file:
        ids, var = ad.io.read_elem(file["obs"]).index, ad.io.read_elem(file["var"])
        genomes = var["genome"] if "genome" in var else [""] * len(var)
        rows = car_features(var.index, var.get("gene_ids", var.index), genomes, wanted, names)
        counts = ad.io.sparse_dataset(file["X"])
        starts = range(0, len(ids) if rows else 0, 5000)
        part = [np.asarray(counts[i : i + 5000][:, rows].sum(axis=1)).ravel() for i in starts]
    label = pd.read_parquet(labels).set_index("cell_id")
    table = label.loc[label["sample"].astype(str) == sample, ["lineage", "cell_type", "subset"]].astype(str)
    umi = pd.Series(np.concatenate(part).astype(np.int64) if rows else pd.NA, index=ids)
    table["car_umi"] = umi.reindex(table.index)
    carrier, control = table.lineage.isin(CARRIERS), table.lineage.isin(NON_CARRIERS)
    facts = {"sample": sample, "features": [str(var.index[row]) for row in rows], "status": "assessed"}
    facts |= {"carriers": int(carrier.sum()), "controls": int(control.sum())}
    if not rows:
        what = f"no feature named {', '.join(wanted)}" if wanted else "no CAR contig"
        facts |= {"status": "no CAR feature", "reason": f"the reference has {what}"}
    elif facts["controls"] < MIN_NON_CARRIERS:
        facts |= {"status": "no ambient rate"}
        few = f"only {facts['controls']} cells cannot carry the CAR"
        facts["reason"] = f"{few}; a rate of ambient counts needs {MIN_NON_CARRIERS}"
    result = pd.DataFrame()
    table["car_positive"] = pd.array([pd.NA] * len(table), dtype="boolean")
    if facts["status"] == "assessed":
        table["car_umi"] = table.car_umi.astype(np.int64)
        ambient = table.car_umi[control].to_numpy()
        k, rate, discovery = threshold(table.car_umi[carrier].to_numpy(), ambient, max_fdr)
        table["car_positive"] = pd.array((table.car_umi >= k) & carrier, dtype="boolean")
        facts |= {"min_umi": k, "false_positive_rate": rate, "false_discovery_rate": discovery}
        facts |= {"ambient_per_cell": float(ambient.mean()), "ambient_share": float((ambient > 0).mean())}
        facts["controls_above"] = proportion(int((ambient >= k).sum()), len(ambient))
        result = pd.DataFrame(shares(table, k, facts["ambient_share"]))
    columns = ["level", "label", "role", "n", "total", "share", "low", "high", "above_ambient"]
    result.reindex(columns=columns).assign(sample=sample).to_csv(f"{sample}.car.tsv", sep="\t", index=False)
    out = table[["car_umi", "car_positive"]].reset_index()
    out["car_umi"] = out.car_umi.astype("Int64")
    out.to_parquet(f"{sample}.car.parquet", compression="zstd", index=False)
    Path(f"{sample}.car.json").write_text(json.dumps(facts, indent=1, allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
