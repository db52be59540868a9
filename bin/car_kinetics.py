#!/usr/bin/env python3
"""CAR-positive T cells of a patient over time, per tissue and sort, next to the clinical copy numbers, and their clones."""

import itertools
from pathlib import Path

from _cli import FILE, command, multiqc_section, read_json, write_json
from _clones import joined, read_labels
from _series import DESIGN, is_product, samples_of
from _shares import newcombe, share_ratio, wilson
from _tables import read_table, write_parquet, write_table

import click
import numpy as np

CLINICAL = r"(?i)\bcar\b|car[-_ ]?t|transgene"  # parameters of the clinical table that measure the product
SHARE = ["n", "total", "share", "low", "high"]
CARRIERS = ["called", "carriers", "carriers_low", "carriers_high"]
ROW = ["level", "label", "role", *SHARE, *CARRIERS]
CHANGE = ["difference", "low", "high", "ratio", "ratio_low", "ratio_high"]
TIMES_MORE = 5  # UMIs of the same barcode in another sample from which a cell's CAR reads may be that sample's
FAILED = {"status": "failed", "reason": "the step TRANSGENE of this sample failed", "features": []}


def change(before: tuple[int, int], after: tuple[int, int]) -> dict[str, float]:
    """Difference and ratio of two shares (n, total) with 95 % intervals; no ratio (NaN) where one n is 0."""
    return dict(zip(CHANGE, newcombe(*before, *after) + share_ratio(*before, *after), strict=True))


def changes(whole, cells, least: dict[str, int | None]):
    """Rows of car_change.tsv: each time point against the one before of the same tissue and sort; a product is no time point.

    whole: the samples' rows of T cells; cells: assessed T cells with sample and car_umi; least: UMIs from which most cells are called by
    their transcripts, per sample. Samples of one time point, tissue and sort (lanes) are one count.
    """
    import pandas as pd

    rows = []
    for design, samples_of_design in whole.groupby(DESIGN, sort=True):
        if is_product(design[0]):
            continue
        steps = [(key, rows["sample"].tolist()) for key, rows in samples_of_design.groupby(["day", "timepoint"])]
        for ((from_day, start), before), ((to_day, end), after) in itertools.pairwise(steps):
            # One threshold for both, the stricter one: a share counted from 1 UMI is no match for one from 2.
            k = max(least.get(sample) or 1 for sample in before + after)
            counts = []
            for samples in (before, after):
                umi = cells.car_umi[cells["sample"].isin(samples)]
                counts.append((int((umi >= k).sum()), len(umi)))
            row = dict(zip(DESIGN, design, strict=True))
            row |= {"from": start, "to": end, "from_day": from_day, "to_day": to_day, "min_umi": k}
            rows.append(row | change(*counts))
    return pd.DataFrame(rows, columns=[*DESIGN, "from", "to", "from_day", "to_day", "min_umi", *CHANGE])


def misassigned(cells) -> np.ndarray:
    """Mask of cells called by their transcripts whose barcode carries at least TIMES_MORE as many CAR UMIs in another of the patient's samples.

    A read that was assigned to the wrong sample keeps its barcode (Griffiths 2018, doi 10.1038/s41467-018-05083-x), and two samples share
    a cell's barcode by chance about once in a thousand cells. cells: cell_id, car_umi, car_evidence.
    """
    barcode = cells.cell_id.str.rpartition(":")[2]
    umi = cells.car_umi.fillna(0).astype(np.int64)
    highest = umi.groupby(barcode).transform("max")
    return ((cells.car_evidence == "transcript") & (highest >= TIMES_MORE * umi.clip(lower=1))).to_numpy()


def without_cells(table, cells):
    """The samples' rows of car.tsv without cells that were called and are no more: n, called and the share's interval.

    cells: these cells with sample, lineage, cell_type, subset.
    """
    table = table.copy()
    for level in ("lineage", "cell_type", "subset"):
        for (sample, label), n in cells.groupby(["sample", level]).size().items():
            row = (table["sample"] == sample) & (table.level == level) & (table.label == label)
            table.loc[row, ["n", "called"]] -= n
    table["share"], table["low"], table["high"] = wilson(table.n, table.total)
    return table


def pooled_controls(facts: dict[str, dict]) -> dict | None:
    """Control cells with a CAR UMI in all samples that were not sorted for the CAR, and how many of these ambient RNA explains: the rest are
    reads of another sample, or doublets. None without a control cell. (The soup of a sorted sample is full of the CAR.)"""
    known = [fact for fact in facts.values() if fact.get("control_cells") and fact.get("sorted_for_car") != "+"]
    if not known:
        return None
    total, seen, explained = (
        sum(fact[f"control_cells{part}"] for fact in known) for part in ("", "_with_umi", "_explained")
    )
    _, low, high = (float(value) for value in wilson(seen, total))
    return {"cells": total, "with_umi": seen, "explained": explained, "low": low, "high": high}


def remark(fact: dict, row: dict | None, controls: dict | None, taken: int) -> str:
    """What bears on a sample's share beyond its status; '' where nothing does.

    row: the sample's T cells in car.tsv; controls: of pooled_controls; taken: cells of which the reads are another sample's.
    """
    from scipy.stats import poisson

    texts = (
        [f"{taken} cells are not counted: their reads are of another sample of the patient (same barcode)"]
        if taken
        else []
    )
    if row and row["n"] and controls and controls["with_umi"] > controls["explained"]:
        rate = (controls["with_umi"] - controls["explained"]) / controls["cells"]
        if poisson.sf(row["n"] - 1, rate * row["total"]) > 0.05:
            texts.append(
                f"{row['n']} of {row['total']:,} T cells are no more than misassigned reads would make "
                f"({controls['with_umi']} of {controls['cells']:,} control cells of the patient have one)"
            )
    if fact.get("sorted_for_car") == "+" and fact.get("carriers") and fact["carriers"][2] < 0.5:
        texts.append(f"sorted for the CAR, but at most {100 * fact['carriers'][2]:.0f} % of its T cells carry it")
    return "; ".join(texts)


def clone_sizes(cells):
    """Clones of CAR-positive T cells per sample: cells, their share, and the clone's other T cells.

    cells: T cells with sample, timepoint, day, tissue, sort, tcr_clone and rule (missing where none), car_positive (missing: left open).
    """
    import pandas as pd

    known = cells.dropna(subset="tcr_clone")
    car = known.car_positive.astype("boolean")
    known = known.assign(car=car.fillna(False).astype(bool), negative=(~car).fillna(False).astype(bool))
    keys = ["sample", "timepoint", "day", *DESIGN, "tcr_clone", "rule"]
    table = (
        known.groupby(keys, observed=True)
        .agg(n_car=("car", "sum"), n_negative=("negative", "sum"), n=("car", "size"))
        .reset_index()
    )
    table = table[table.n_car > 0]
    table["total_car"] = table.groupby("sample").n_car.transform("sum")
    table["share"] = table.n_car / table.total_car
    table["n_open"] = table.n - table.n_car - table.n_negative
    columns = [*keys[:-1], "n_car", "total_car", "share", "n_negative", "n_open", "rule"]
    order = table.sort_values(["day", "sample", "n_car", "tcr_clone"], ascending=[True, True, False, True])
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
def main(results: tuple[Path, ...], patient: str, labels: Path, clones: Path | None, clinical: Path | None) -> None:
    """Join RESULTS (<sample>.car.json, .car.tsv and .car.parquet of a patient's samples)."""
    import pandas as pd

    label = read_labels(labels, patient, ["sample", "timepoint", "day", *DESIGN, "lineage", "cell_type", "subset"])
    times = samples_of(label).drop(columns="cells").sort_values("day", kind="stable")
    path_of = {path.name: path for path in results}
    there = [sample for sample in times["sample"] if f"{sample}.car.json" in path_of]
    facts = {sample: FAILED for sample in times["sample"]}
    facts |= {sample: read_json(path_of[f"{sample}.car.json"]) for sample in there}
    cells = pd.concat([pd.read_parquet(path_of[f"{sample}.car.parquet"]) for sample in there], ignore_index=True)
    tables = [read_table(path_of[f"{sample}.car.tsv"]) for sample in there]
    table = times.merge(pd.concat(tables, ignore_index=True), on="sample")

    taken = misassigned(cells)
    known = cells.merge(label, on="cell_id", how="left")
    table = without_cells(table, known[taken])
    cells.loc[taken, "car_positive"], cells.loc[taken, "car_evidence"] = pd.NA, "misassigned"
    whole = table[(table.level == "lineage") & (table.role == "may carry")].reset_index(drop=True)
    row_of = {row["sample"]: row for row in whole.to_dict("records")}
    controls, n_taken = pooled_controls(facts), known["sample"][taken].value_counts()
    for sample, fact in facts.items():
        text = remark(fact, row_of.get(sample), controls, int(n_taken.get(sample, 0)))
        facts[sample] = fact | {"remark": text}

    parameter = "T cells with CAR transcripts"
    series = whole.assign(parameter=parameter, value=whole.share, unit="share")
    columns = ["day", "parameter", "value", "unit", "low", "high", "n", "total", *CARRIERS, *DESIGN, "sample"]
    series = [series[columns]]
    if clinical:
        series.append(clinical_series(read_table(clinical), patient))
    series = joined(series).reindex(columns=columns)

    write_parquet(cells, f"{patient}.car_cells.parquet")
    names = ["cell_id", "tcr_clone", "rule"]
    of_clone = pd.read_parquet(clones, columns=names) if clones else pd.DataFrame(columns=names, dtype=object)
    t_cells = label[label.lineage == "T"].merge(cells, on="cell_id")
    sizes = clone_sizes(t_cells.merge(of_clone, on="cell_id", how="left"))
    least = {sample: fact.get("min_umi") for sample, fact in facts.items()}
    assessed = t_cells[t_cells.car_probability.notna()]
    tables = {
        "car": table[["sample", "timepoint", "day", *DESIGN, *ROW]],
        "car_change": changes(whole, assessed, least),
    }
    for name, rows in (tables | {"car_kinetics": series, "car_clones": sizes}).items():
        write_table(rows.assign(patient=patient)[["patient", *rows]], f"{patient}.{name}.tsv")
    product = {sample: concentration(rows.n_car) for sample, rows in sizes.groupby("sample", observed=True)}
    content = {"patient": patient, "samples": facts, "product": product, "controls": controls}
    write_json(content, f"{patient}.car.json")

    shown = {
        sample: {"status": "; ".join(filter(None, (fact.get("reason") or fact["status"], fact["remark"])))}
        | {name: row_of[sample][name] for name in SHARE if sample in row_of}
        | {"estimated carriers": fact["carriers"][0] if fact.get("carriers") else ""}
        for sample, fact in facts.items()
    }
    words = "T cells with CAR transcripts that ambient RNA does not explain: the least that carry it. Shares are of each sample's own sort."
    write_json(multiqc_section("car", "CAR-positive T cells", words, "table", shown), f"{patient}.car_mqc.json")


if __name__ == "__main__":
    main()
