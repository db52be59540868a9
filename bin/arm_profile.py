#!/usr/bin/env python3
"""Populations along the genome: shift of every arm gene by gene, and windows of genes for the figure."""

from importlib.metadata import version

import click

PACKAGES = ("click", "numpy", "pandas", "pyarrow")
FILE = click.Path(exists=True, dir_okay=False)
NEAREST = (
    "B",
    "plasma",
    "T",
    "NK",
    "myeloid",
)  # what a population without a baseline is held against, in order
MIN_COUNTS = 20  # of a gene, in the population and in its reference, to be compared
MIN_GENES = 5  # of an arm
SHIFTS = """patient population cell_type cells baseline reference arm genes shift error agreeing scored_genes
mb"""


def arm_shift(counts, reference, arm) -> dict[str, dict[str, float]]:
    """How a population's arms stand against a reference (counts of both and arm, per gene).

    `shift` is the median over genes of log2(share / reference share) less the genome's median, `error` its
    standard error from the spread of the genes, `agreeing` the share of genes on its side of 0. A lineage
    switches single genes far, a copy number change moves all genes of an arm: the median keeps the latter.
    """
    import numpy as np

    enough = (counts >= MIN_COUNTS) & (reference >= MIN_COUNTS)
    log = np.log2((counts + 0.5) / (reference + 0.5))
    log -= np.median(log[enough]) if enough.any() else 0.0
    found = {}
    for name in dict.fromkeys(arm):
        values = log[enough & (arm == name)]
        if len(values) >= MIN_GENES:
            shift = float(np.median(values))
            error = 1.2533 * 1.4826 * float(np.median(np.abs(values - shift))) / np.sqrt(len(values))
            agreeing = float(np.mean(np.sign(values) == np.sign(shift)))
            found[name] = {"genes": len(values), "shift": shift, "error": error, "agreeing": agreeing}
    return found


def window_signal(expression, reference, chromosome, window: int = 100, step: int = 10, clip: float = 3.0):
    """inferCNV's signal: difference to a reference, clipped, smoothed over windows of genes, centred per row.

    expression: rows x genes, log scale, genes in genome order; reference: genes; chromosome: number per gene.
    Windows are pyramids of `window` genes, `step` apart, within a chromosome; one of fewer genes is one flat
    window. Returns (rows x windows, first and last gene of each). Tirosh 2016; as infercnvpy computes it.
    """
    import numpy as np

    difference = np.clip(expression - reference, -clip, clip)
    ramp = np.minimum(np.arange(1, window + 1), np.arange(window, 0, -1)).astype(float)
    columns, first, last = [], [], []
    for number in np.unique(chromosome):
        genes = np.flatnonzero(chromosome == number)
        weight = ramp if len(genes) > window else np.ones(len(genes))
        for start in range(0, len(genes) - len(weight) + 1, step):
            here = genes[start : start + len(weight)]
            columns.append(difference[:, here] @ weight / weight.sum())
            first.append(here[0])
            last.append(here[-1])
    smooth = np.column_stack(columns)
    return smooth - np.median(smooth, axis=1, keepdims=True), np.array(first), np.array(last)


def reference_of(group: str, baseline: str, lineage: dict, normal: list, sums, min_counts: int):
    """(counts per gene, name) that a group is held against: its baseline or nearest lineage."""
    if baseline != "own mean":
        return sums[f"baseline:{group}"], baseline
    for near in NEAREST:
        groups = [name for name in normal if lineage[name] == near]
        counts = sums[[f"counts:{name}" for name in groups]].sum(axis=1)
        if groups and counts.sum() >= min_counts:
            return counts, f"{near} lineage"
    return sums[[f"counts:{name}" for name in normal]].sum(axis=1), "all normal cells"


@click.command(context_settings={"show_default": True})
@click.argument("genes", type=FILE)
@click.option("--patient", required=True, help="Name of the patient; outputs are called after it.")
@click.option("--arms", required=True, type=FILE, help="The patient's arms.parquet.")
@click.option(
    "--min-counts", default=100_000, type=click.IntRange(1), help="Counts a reference lineage needs."
)
@click.option("--window", default=100, type=click.IntRange(5), help="Genes of a window.")
@click.option("--step", default=10, type=click.IntRange(1), help="Genes from one window to the next.")
@click.version_option(" ".join(f"{name}={version(name)}" for name in PACKAGES), message="%(version)s")
def main(genes, patient, arms, min_counts, window, step) -> None:
    """Profile the populations of GENES (a patient's arm_genes.parquet) along the genome."""
    import numpy as np
    import pandas as pd

    sums = pd.read_parquet(genes)
    columns = ["group", "population", "lineage", "cell_type", "normal", "baseline"]
    cells = pd.read_parquet(arms, columns=columns)
    groups = cells[cells.baseline != ""].groupby(columns, observed=True).size().rename("cells").reset_index()
    lineage = dict(zip(groups.group, groups.lineage, strict=True))
    normal = list(groups.group[groups.normal])
    chromosome = sums.chromosome.str.removeprefix("chr").astype(int).to_numpy()
    shifts, windows = [], []
    for group in groups.itertuples():
        counts = sums[f"counts:{group.group}"].to_numpy(float)
        reference, word = reference_of(group.group, group.baseline, lineage, normal, sums, min_counts)
        reference, scored = reference.to_numpy(float), (sums[f"weight:{group.group}"] > 0).to_numpy()
        name = {"patient": patient, "population": group.population, "cell_type": group.cell_type}
        for arm, row in arm_shift(counts, reference, sums.arm.to_numpy()).items():
            used = sums[scored & (sums.arm == arm)]
            size = (used.end.max() - used.start.min()) / 1e6 if len(used) else 0.0
            shifts.append(
                name
                | {"cells": group.cells, "baseline": group.baseline, "reference": word, "arm": arm}
                | row
                | {"scored_genes": len(used), "mb": size}
            )
        enough = np.flatnonzero(scored & (counts + reference >= MIN_COUNTS))
        if len(enough) < 2 * window:
            continue
        logs = [np.log1p(1e4 * table[enough] / table.sum()) for table in (counts, reference)]
        signal, first, last = window_signal(logs[0][None], logs[1], chromosome[enough], window, step)
        place = sums.iloc[enough]
        windows.append(
            pd.DataFrame(
                name
                | {
                    "chromosome": place.chromosome.to_numpy()[first],
                    "arm": place.arm.to_numpy()[(first + last) // 2],
                }
                | {
                    "start": place.start.to_numpy()[first],
                    "end": place.end.to_numpy()[last],
                    "signal": signal[0],
                }
            )
        )
    table = pd.DataFrame(shifts, columns=SHIFTS.split())
    table.to_csv(f"{patient}.arm_shifts.tsv", sep="\t", index=False, float_format="%.5g")
    columns = ["patient", "population", "cell_type", "chromosome", "arm", "start", "end", "signal"]
    profile = pd.concat(windows, ignore_index=True) if windows else pd.DataFrame(columns=columns)
    profile.to_csv(f"{patient}.cnv_windows.tsv", sep="\t", index=False, float_format="%.5g")


if __name__ == "__main__":
    main()
