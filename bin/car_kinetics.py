#!/usr/bin/env python3
"""CAR-positive T cells of a patient over time, beside the clinical copy numbers, and their clones."""

import itertools
import json
from importlib.metadata import version
from pathlib import Path

import click

PACKAGES = ("click", "numpy", "pandas", "statsmodels")
FILE = click.Path(exists=True, dir_okay=False)
CLINICAL = r"(?i)\bcar\b|car[-_ ]?t|transgene"  # parameters of the clinical table that measure the product
CHANGE = ["patient", "from", "to", "from_day", "to_day", "min_umi", "difference", "low", "high"]
RATIO = ["ratio", "ratio_low", "ratio_high"]
TEXT = dict.fromkeys(
    ("patient", "sample", "level", "label", "parameter", "unit"), str
)  # may look like numbers


def change(before: tuple[int, int], after: tuple[int, int]) -> dict[str, float]:
    """Difference and ratio of two shares (n, total) with 95 % intervals.

    Difference: Newcombe's interval of two Wilson intervals; ratio: log interval, missing where one n is 0.
    """
    from statsmodels.stats.proportion import confint_proportions_2indep

    (n1, t1), (n2, t2) = before, after
    low, high = confint_proportions_2indep(n2, t2, n1, t1, method="newcomb", compare="diff")
    row = {"difference": n2 / t2 - n1 / t1, "low": float(low), "high": float(high)}
    if n1 and n2:
        low, high = confint_proportions_2indep(n2, t2, n1, t1, method="log", compare="ratio")
        row |= {"ratio": n2 / t2 / (n1 / t1), "ratio_low": float(low), "ratio_high": float(high)}
    return row


def clone_sizes(cells):
    """Clones of CAR-positive T cells per sample: cells, their share, and the clone's CAR-negative T cells.

    cells: T cells with sample, timepoint, day, tcr_clone and rule (missing where none), car_positive.
    """
    import pandas as pd

    known = cells.dropna(subset="tcr_clone")
    keys = ["sample", "timepoint", "day", "tcr_clone", "rule"]
    table = known.groupby(keys, observed=True).car_positive.agg(n_car="sum", n="size").reset_index()
    table = table[table.n_car > 0]
    table["total_car"] = table.groupby("sample").n_car.transform("sum")
    table["share"] = table.n_car / table.total_car
    table["n_negative"] = table.n - table.n_car
    columns = [*keys[:-1], "n_car", "total_car", "share", "n_negative", "rule"]
    order = table.sort_values(["day", "n_car", "tcr_clone"], ascending=[True, False, True])
    return pd.DataFrame(order, columns=columns)


def concentration(sizes) -> dict[str, float]:
    """Whether few clones make up the product: clones, shares of the largest and of the ten largest, and the
    number of equally large clones that would be as concentrated (inverse Simpson index)."""
    import numpy as np

    n = np.sort(np.asarray(sizes, float))[::-1]
    total = n.sum()
    return {
        "cells": int(total),
        "clones": len(n),
        "largest": float(n[0] / total),
        "ten_largest": float(n[:10].sum() / total),
        "effective_clones": float(total**2 / (n**2).sum()),
    }


def clinical_series(clinical, patient: str):
    """Rows of the clinical table that measure the product: day, value, unit, parameter."""
    named = clinical.parameter.str.contains(CLINICAL, na=False)
    mine = clinical[(clinical.patient == patient) & named]
    return mine.sort_values(["parameter", "day"])[["day", "parameter", "value", "unit"]]


@click.command()
@click.argument("results", nargs=-1, required=True, type=FILE)
@click.option("--patient", required=True, help="Name of the patient; outputs are called after it.")
@click.option(
    "--labels", required=True, type=FILE, help="labels.parquet with samples, time points and cell types."
)
@click.option("--clones", type=FILE, help="The patient's clones.parquet.")
@click.option("--clinical", type=FILE, help="Clinical table: patient, day, parameter, value, unit.")
@click.version_option(" ".join(f"{name}={version(name)}" for name in PACKAGES), message="%(version)s")
def main(results, patient, labels, clones, clinical) -> None:
    """Join RESULTS (<sample>.car.json, .car.tsv and .car.parquet of a patient's samples)."""
    import pandas as pd

    label = pd.read_parquet(labels).set_index("cell_id")
    label = label[label.patient.astype(str) == patient].astype(
        {"sample": str, "timepoint": str, "lineage": str}
    )
    times = label[["sample", "timepoint", "day"]].drop_duplicates().sort_values("day", kind="stable")
    folder = {Path(path).name: path for path in results}
    facts = {s: json.loads(Path(folder[f"{s}.car.json"]).read_text()) for s in times["sample"]}
    tables = [pd.read_csv(folder[f"{s}.car.tsv"], sep="\t", dtype=TEXT) for s in times["sample"]]
    table = times.merge(pd.concat(tables, ignore_index=True), on="sample")
    table.insert(0, "patient", patient)
    table.to_csv(f"{patient}.car.tsv", sep="\t", index=False, float_format="%.6g")

    whole = table[(table.level == "lineage") & (table.label == "T")].reset_index(drop=True)
    calls = {sample: pd.read_parquet(folder[f"{sample}.car.parquet"]) for sample in times["sample"]}
    changes = []
    # Samples of one time point (marrow and blood) are one count: a change is between time points.
    steps = [(key, part["sample"].tolist()) for key, part in whole.groupby(["day", "timepoint"])]
    for ((from_day, start), before), ((to_day, end), after) in itertools.pairwise(steps):
        # One threshold for both, the stricter one: a share counted from 1 UMI is no match for one from 2.
        k = max(facts[sample]["min_umi"] for sample in before + after)
        counts = []
        for samples in (before, after):
            both = pd.concat([calls[sample] for sample in samples])
            umi = both.car_umi[label.lineage.reindex(both.cell_id).eq("T").to_numpy()]
            counts.append((int((umi >= k).sum()), len(umi)))
        first = {"patient": patient, "from": start, "to": end, "from_day": from_day, "to_day": to_day}
        changes.append(first | {"min_umi": k} | change(*counts))
    changes = pd.DataFrame(changes, columns=CHANGE + RATIO)
    changes.to_csv(f"{patient}.car_change.tsv", sep="\t", index=False, float_format="%.6g")

    seen = whole.assign(parameter="CAR-positive share of T cells", value=whole.share, unit="share")
    series = [seen[["day", "parameter", "value", "unit", "low", "high", "n", "total", "above_ambient"]]]
    if clinical:
        series.append(clinical_series(pd.read_csv(clinical, sep="\t", dtype=TEXT), patient))
    series = pd.concat([part for part in series if len(part)] or series, ignore_index=True)
    series.insert(0, "patient", patient)
    series.to_csv(f"{patient}.car_kinetics.tsv", sep="\t", index=False, float_format="%.6g")

    calls = pd.concat(
        [pd.read_parquet(folder[f"{s}.car.parquet"]) for s in times["sample"]], ignore_index=True
    )
    calls.to_parquet(f"{patient}.car_cells.parquet", compression="zstd", index=False)
    cells = label[label.lineage == "T"].join(
        calls.set_index("cell_id").car_positive.fillna(False).astype(bool)
    )
    names = ["cell_id", "tcr_clone", "rule"]
    of_clone = pd.read_parquet(clones, columns=names) if clones else pd.DataFrame(columns=names, dtype=object)
    cells = cells.join(of_clone.set_index("cell_id"))
    sizes = clone_sizes(cells.assign(car_positive=cells.car_positive.astype(bool)))
    sizes.insert(0, "patient", patient)
    sizes.to_csv(f"{patient}.car_clones.tsv", sep="\t", index=False, float_format="%.6g")
    product = {s: concentration(part.n_car) for s, part in sizes.groupby("sample", observed=True)}
    out = {"patient": patient, "samples": facts, "product": product}
    Path(f"{patient}.car.json").write_text(json.dumps(out, indent=1, allow_nan=False) + "\n")

    rows = {}
    for sample, fact in facts.items():
        mine = whole[whole["sample"] == sample]
        shares = (
            {name: mine[name].iloc[0] for name in ("n", "total", "share", "low", "high")} if len(mine) else {}
        )
        rate = fact.get("false_positive_rate", "")
        rows[sample] = {"status": fact.get("reason", fact["status"])} | shares | {"false positive rate": rate}
    section = {"id": "car", "section_name": "CAR-positive T cells", "plot_type": "table", "data": rows}
    section["description"] = "T cells whose CAR counts ambient RNA does not explain."
    text = json.dumps(section, indent=1, allow_nan=False, default=float)
    Path(f"{patient}.car_mqc.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
