#!/usr/bin/env python3
"""CAR-positive T cells of a patient over time, next to the clinical copy numbers, and their clones."""

import itertools
from pathlib import Path

import click
import numpy as np
from _cli import FILE, command, multiqc_section, read_json, write_json
from _clones import joined, read_labels
from _shares import newcombe, share_ratio
from _tables import read_table, write_parquet, write_table

CLINICAL = r"(?i)\bcar\b|car[-_ ]?t|transgene"  # parameters of the clinical table that measure the product
SHARE = ["n", "total", "share", "low", "high"]
CHANGE = ["difference", "low", "high", "ratio", "ratio_low", "ratio_high"]


def change(before: tuple[int, int], after: tuple[int, int]) -> dict[str, float]:
    """Difference and ratio of two shares (n, total) with 95 % intervals; no ratio (NaN) where one n is 0."""
    return dict(zip(CHANGE, newcombe(*before, *after) + share_ratio(*before, *after), strict=True))


def changes(whole, calls: dict, t_cells, least: dict[str, int]):
    """Rows of car_change.tsv: each time point against the one before.

    whole: the samples' rows of T cells; calls: table of calls (cell_id, car_umi) per sample; t_cells: index of cell ids;
    least: fewest UMIs of a call per sample. Samples of one time point (marrow and blood) are one count.
    """
    import pandas as pd

    rows = []
    steps = [(key, samples["sample"].tolist()) for key, samples in whole.groupby(["day", "timepoint"])]
    for ((from_day, start), before), ((to_day, end), after) in itertools.pairwise(steps):
        # One threshold for both, the stricter one: a share counted from 1 UMI is no match for one from 2.
        k = max(least[sample] for sample in before + after)
        counts = []
        for samples in (before, after):
            both = pd.concat([calls[sample] for sample in samples])
            umi = both.car_umi[both.cell_id.isin(t_cells).to_numpy()]
            counts.append((int((umi >= k).sum()), len(umi)))
        row = {"from": start, "to": end, "from_day": from_day, "to_day": to_day, "min_umi": k}
        rows.append(row | change(*counts))
    return pd.DataFrame(rows, columns=["from", "to", "from_day", "to_day", "min_umi", *CHANGE])


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


@command()
@click.argument("results", nargs=-1, required=True, type=FILE)
@click.option("--patient", required=True, help="Name of the patient; outputs are called after it.")
@click.option("--labels", required=True, type=FILE, help="The patient's labels.parquet.")
@click.option("--clones", type=FILE, help="The patient's clones.parquet.")
@click.option("--clinical", type=FILE, help="Clinical table: patient, day, parameter, value, unit.")
def main(
    results: tuple[Path, ...], patient: str, labels: Path, clones: Path | None, clinical: Path | None
) -> None:
    """Join RESULTS (<sample>.car.json, .car.tsv and .car.parquet of a patient's samples)."""
    import pandas as pd

    label = read_labels(labels, patient, ["sample", "timepoint", "day", "lineage"]).set_index("cell_id")
    times = label[["sample", "timepoint", "day"]].drop_duplicates().sort_values("day", kind="stable")
    path_of = {path.name: path for path in results}
    facts = {sample: read_json(path_of[f"{sample}.car.json"]) for sample in times["sample"]}
    calls = {sample: pd.read_parquet(path_of[f"{sample}.car.parquet"]) for sample in times["sample"]}
    tables = [read_table(path_of[f"{sample}.car.tsv"]) for sample in times["sample"]]
    table = times.merge(pd.concat(tables, ignore_index=True), on="sample")
    whole = table[(table.level == "lineage") & (table.label == "T")].reset_index(drop=True)
    t_cells = label[label.lineage == "T"]

    series = whole.assign(parameter="CAR-positive share of T cells", value=whole.share, unit="share")
    series = [series[["day", "parameter", "value", "unit", "low", "high", "n", "total", "above_ambient"]]]
    if clinical:
        series.append(clinical_series(read_table(clinical), patient))
    series = joined(series)

    cells = pd.concat(calls.values(), ignore_index=True)
    write_parquet(cells, f"{patient}.car_cells.parquet")
    names = ["cell_id", "tcr_clone", "rule"]
    of_clone = pd.read_parquet(clones, columns=names) if clones else pd.DataFrame(columns=names, dtype=object)
    t_cells = t_cells.join(cells.set_index("cell_id").car_positive.fillna(False).astype(bool))
    t_cells = t_cells.join(of_clone.set_index("cell_id")).astype({"car_positive": bool})
    sizes = clone_sizes(t_cells)
    least = {sample: fact.get("min_umi") for sample, fact in facts.items()}
    tables = {"car": table, "car_change": changes(whole, calls, t_cells.index, least)}
    for name, rows in (tables | {"car_kinetics": series, "car_clones": sizes}).items():
        write_table(rows.assign(patient=patient)[["patient", *rows]], f"{patient}.{name}.tsv")
    product = {sample: concentration(rows.n_car) for sample, rows in sizes.groupby("sample", observed=True)}
    write_json({"patient": patient, "samples": facts, "product": product}, f"{patient}.car.json")

    shares = {row["sample"]: {name: row[name] for name in SHARE} for row in whole.to_dict("records")}
    shown = {
        sample: {"status": fact.get("reason", fact["status"])}
        | shares.get(sample, {})
        | {"false positive rate": fact.get("false_positive_rate", "")}
        for sample, fact in facts.items()
    }
    words = "T cells whose CAR counts ambient RNA does not explain."
    write_json(
        multiqc_section("car", "CAR-positive T cells", words, "table", shown), f"{patient}.car_mqc.json"
    )


if __name__ == "__main__":
    main()
