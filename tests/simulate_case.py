#!/usr/bin/env python3
"""Write what a lab would have on disk for the published case, or for a cohort around it, and the truth beside it."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import click
import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parent))

from simulator import counts, tenx
from simulator.case import INTERFERON, PLANTED, TIMEPOINTS, make_patients, tables
from simulator.cells import Sample, draw_sample
from simulator.contigs import contig_metrics, make_contigs, write_contigs
from simulator.programmes import DISPERSIONS, HAEMOGLOBIN, MITO, SEX_GENES, Genome
from simulator.receptors import Usage, make_pools

CHUNK = 1000  # droplets per task


def expression(sample: Sample, genome: Genome, seed: int) -> counts.Expression:
    """The genome as this sample's library shows it: patient, batch and ambient profile on top of the cell types."""
    when = list(TIMEPOINTS).index(sample.timepoint)
    patient = np.random.default_rng([seed, 51, sample.patient.number])
    batch = np.random.default_rng([seed, 52, sample.patient.number, when])
    n_genes = genome.base.shape[1]
    factor = patient.normal(0, 0.08, n_genes) + batch.normal(0, 0.14, n_genes)
    absent = SEX_GENES["male" if sample.patient.sex == "female" else "female"]
    base = genome.base * np.exp(factor)
    base[:, genome.ids(absent)] = 0
    base[:, genome.ids(SEX_GENES[sample.patient.sex])] *= 1.6
    base = (base / base.sum(1, keepdims=True)).astype(np.float32)
    what = counts.Expression(
        base,
        genome.start,
        genome.gene,
        genome.effect,
        genome.dispersion,
        counts.gamma_noise(DISPERSIONS, 9),
        np.zeros(n_genes, np.float32),
    )
    chosen = batch.choice(len(sample.truth), min(2000, len(sample.truth)), replace=False)
    soup = counts.mean_expression(chosen, what, sample.cells)
    soup[genome.ids(list(MITO))] *= 2
    red = genome.ids(HAEMOGLOBIN[:3])
    soup[red] += soup.sum() * batch.uniform(0.005, 0.03) * np.array([0.45, 0.25, 0.3])
    what.soup = (soup / soup.sum()).astype(np.float32)
    return what


def truth_table(sample: Sample, stats: dict[str, np.ndarray]) -> pd.DataFrame:
    """One row per barcode of the matrix: what its (first) cell is, what else is in the droplet, what is ambient."""
    none = sample.first < 0
    cells = sample.truth.iloc[np.where(none, 0, sample.first)].reset_index(drop=True)
    second = sample.truth.iloc[np.where(sample.second < 0, 0, sample.second)].reset_index(drop=True)
    own = np.where(none, 0, sample.cells.n_umi[sample.first]) + np.where(
        sample.second < 0, 0, sample.cells.n_umi[sample.second]
    )
    table = pd.DataFrame(
        {
            "cell_id": sample.name + ":" + pd.Series(sample.barcodes), "sample": sample.name, "patient": sample.patient.name,
            "timepoint": sample.timepoint, "day": TIMEPOINTS[sample.timepoint], "kind": sample.kind,
            "doublet": sample.kind == "doublet",
        }
    )  # fmt: skip
    for column in cells:
        empty = "" if cells[column].dtype == object else (False if cells[column].dtype == bool else np.nan)
        table[column] = cells[column].where(~none, empty)
    table["clone_branch"] = table["clone_branch"].fillna(-1).astype(int)
    for column in ("subset", "bcr_clone", "tcr_clone"):
        table[f"second_{column}"] = second[column].where(sample.second >= 0, "")
    table["ambient_share"] = (sample.ambient / (sample.ambient + own)).round(4)
    table["n_umi"], table["n_genes"] = stats["n_umi"], stats["n_genes"]
    return table


def write_sample(
    sample: Sample, out: Path, genome: Genome, usage: Usage, seed: int, workers: int
) -> pd.DataFrame:
    """Matrix, contigs and metrics of one sample; returns its truth."""
    folder = out / sample.name
    for name in ("vdj_b", "vdj_t"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    when = list(TIMEPOINTS).index(sample.timepoint)
    rng = np.random.default_rng([seed, 61, sample.patient.number, when])
    what = expression(sample, genome, seed)
    stream = int(np.random.default_rng([seed, 62, sample.patient.number, when]).integers(2**63))
    tasks = (
        partial(
            counts.draw,
            low,
            min(low + CHUNK, len(sample.barcodes)),
            stream,
            sample.first,
            sample.second,
            sample.ambient,
            what,
            sample.cells,
        )
        for low in range(0, len(sample.barcodes), CHUNK)
    )
    barcodes = np.char.add(sample.barcodes, "-1")
    with ThreadPoolExecutor(workers) as pool:
        stats = tenx.write_matrix(
            folder / "filtered_feature_bc_matrix.h5",
            genome.features,
            barcodes,
            tasks,
            pool,
            2 * workers + 2,
            sample.name,
        )
    tenx.write_metrics(folder / "metrics_summary.csv", tenx.gex_metrics(stats, rng))
    for receptor, name in (("BCR", "vdj_b"), ("TCR", "vdj_t")):
        table = make_contigs(sample, receptor, usage, seed)
        write_contigs(folder / name / "filtered_contig_annotations.csv", table)
        tenx.write_metrics(folder / name / "metrics_summary.csv", contig_metrics(table, rng))
    return truth_table(sample, stats)


def simulate(out: Path, cells: int, patients: int, seed: int, workers: int) -> pd.DataFrame:
    """Write the whole case or cohort; returns the samplesheet."""
    genome, usage = Genome(), Usage()
    cohort = make_patients(patients, seed)
    samples = [(patient, timepoint) for patient in cohort for timepoint in TIMEPOINTS]
    sizes = np.full(len(samples), cells // len(samples))
    sizes[: cells % len(samples)] += 1
    (out / "truth").mkdir(parents=True, exist_ok=True)
    sheet, truth, facts, bulk = [], [], [], {}
    for (patient, timepoint), size in zip(samples, sizes, strict=True):
        pools = make_pools(patient, usage, seed)
        bulk[patient.name] = pools.bulk
        sample = draw_sample(patient, timepoint, int(size), genome, pools, usage, seed)
        truth.append(write_sample(sample, out, genome, usage, seed, workers))
        name = sample.name
        sheet.append(
            {
                "sample": name, "patient": patient.name, "timepoint": timepoint, "day": TIMEPOINTS[timepoint],
                "gex": f"{name}/filtered_feature_bc_matrix.h5", "vdj_b": f"{name}/vdj_b/filtered_contig_annotations.csv",
                "vdj_t": f"{name}/vdj_t/filtered_contig_annotations.csv", "batch": name, "tissue": "bone marrow",
            }
        )  # fmt: skip
        facts.append(
            {"sample": name, "sex": patient.sex, "ambient_share": round(sample.ambient_share, 4), "has_clone": patient.has_clone,
             "relapse": patient.relapse, "interferon": INTERFERON[timepoint]}
        )  # fmt: skip
        click.echo(f"{name}: {size} barcodes", err=True)
    pd.concat(truth, ignore_index=True).to_parquet(
        out / "truth" / "cells.parquet", compression="zstd", index=False
    )
    pd.DataFrame(facts).to_csv(out / "truth" / "samples.csv", index=False)
    PLANTED.to_csv(out / "truth" / "interactions.csv", index=False)
    for name, table in tables(cohort, bulk, seed).items():
        table.to_csv(out / f"{name}.csv", index=False)
    sheet = pd.DataFrame(sheet)
    sheet.to_csv(out / "samples.csv", index=False)
    return sheet


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write into.")
@click.option(
    "--cells", default=3000, show_default=True, type=click.IntRange(30), help="Barcodes over all samples."
)
@click.option(
    "--patients", default=1, show_default=True, type=click.IntRange(1), help="Patients, three samples each."
)
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0), help="Same seed, same files.")
@click.option(
    "--workers",
    default=os.cpu_count() or 1,
    show_default="all cores",
    type=click.IntRange(1),
    help="Threads.",
)
def main(out: Path, cells: int, patients: int, seed: int, workers: int) -> None:
    """Simulate the case of a plasma clone after CAR-T, as Cell Ranger files and small tables, with its truth."""
    simulate(out, cells, patients, seed, workers)


if __name__ == "__main__":
    main()
