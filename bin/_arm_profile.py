#!/usr/bin/env python3
"""Populations along the genome: shift of every arm gene by gene, and windows of genes for the figure."""

from typing import Any

from _arms import ArmScores, chromosome_numbers

import numpy as np

# Lineages that a population without a baseline is held against, in order.
NEAREST = ("B", "plasma", "T", "NK", "myeloid")
MIN_COUNTS = 20  # of a gene, in the population and in its reference, to be compared
MIN_GENES = 5  # of an arm
MIN_REFERENCE = 100_000  # counts that a reference lineage needs
SHIFTS = "population cell_type cells baseline reference arm genes shift error agreeing scored_genes mb"
WINDOWS = "population cell_type chromosome arm start end signal"
DIGITS = 5  # of both tables


def arm_shift(counts, reference, arm) -> dict[str, dict[str, float]]:
    """How a population's arms stand against a reference (counts of both and arm, per gene).

    `shift` is the median over genes of log2(share / reference share) less the genome's median, `error` its
    standard error from the spread of the genes, `agreeing` the share of genes on its side of 0. A lineage
    switches single genes far, a copy number change moves all genes of an arm: the median keeps the latter.
    """
    enough = (counts >= MIN_COUNTS) & (reference >= MIN_COUNTS)
    log = np.log2((counts + 0.5) / (reference + 0.5))
    log -= np.median(log[enough]) if enough.any() else 0.0
    shifts = {}
    for name in dict.fromkeys(arm):
        values = log[enough & (arm == name)]
        if len(values) >= MIN_GENES:
            shift = float(np.median(values))
            error = 1.2533 * 1.4826 * float(np.median(np.abs(values - shift))) / np.sqrt(len(values))
            agreeing = float(np.mean(np.sign(values) == np.sign(shift)))
            shifts[name] = {"genes": len(values), "shift": shift, "error": error, "agreeing": agreeing}
    return shifts


def window_signal(expression, reference, chromosome, window: int = 100, step: int = 10, clip: float = 3.0):
    """inferCNV's signal: difference to a reference, clipped, smoothed over windows of genes, centred per row.

    expression: rows x genes, log scale, genes in genome order; reference: genes; chromosome: number per gene.
    Windows are pyramids of `window` genes, `step` apart, within a chromosome; one of fewer genes is one flat
    window. Returns (rows x windows, first and last gene of each). Tirosh 2016; as infercnvpy computes it.
    """
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


def reference_of(normal, counts) -> tuple[np.ndarray, str]:
    """(counts per gene, name) of what a group without a baseline is held against: the nearest normal lineage.

    normal: rows of the groups; counts: groups x genes.
    """
    for near in NEAREST:
        lineage = counts[normal.index[normal.lineage == near]].sum(axis=0)
        if lineage.sum() >= MIN_REFERENCE:
            return lineage, f"{near} lineage"
    return counts[normal.index].sum(axis=0), "all normal cells"


def rounded(value: float) -> float:
    """A number as its table shows it: events are judged with what a reader of arm_shifts.tsv sees."""
    return float(f"{value:.{DIGITS}g}")


def along_genome(scores: ArmScores, window: int = 100, step: int = 10) -> tuple[Any, Any]:
    """Tables of the populations along the genome, without the patient: arm_shifts.tsv and cnv_windows.tsv."""
    import pandas as pd

    genes, arms = scores.genes, scores.genes.arm.to_numpy()
    groups = scores.groups[scores.groups.cells > 0]
    chromosome = chromosome_numbers(genes)
    shifts, windows = [], []
    for group in groups.itertuples():
        counts, scored = scores.counts[group.Index], scores.weight[group.Index] > 0
        reference, word = scores.behind[group.Index], group.baseline
        if word == "own mean":
            reference, word = reference_of(groups[groups.normal], scores.counts)
        about = {"population": group.population, "cell_type": group.cell_type}
        held = {"cells": group.cells, "baseline": group.baseline, "reference": word}
        for arm, row in arm_shift(counts, reference, arms).items():
            used = genes[scored & (arms == arm)]
            size = (used.end.max() - used.start.min()) / 1e6 if len(used) else 0.0
            row |= {"arm": arm, "scored_genes": len(used), "mb": size}
            row |= {name: rounded(row[name]) for name in ("shift", "error", "agreeing", "mb")}
            shifts.append(about | held | row)
        enough = np.flatnonzero(scored & (counts + reference >= MIN_COUNTS))
        if len(enough) < 2 * window:
            continue
        logs = [np.log1p(1e4 * sums[enough] / sums.sum()) for sums in (counts, reference)]
        signal, first, last = window_signal(logs[0][None], logs[1], chromosome[enough], window, step)
        first, middle, last = (genes.iloc[enough[rows]] for rows in (first, (first + last) // 2, last))
        windows.append(
            pd.DataFrame(
                about
                | {"chromosome": first.chromosome.to_numpy(), "arm": middle.arm.to_numpy()}
                | {"start": first.start.to_numpy(), "end": last.end.to_numpy(), "signal": signal[0]}
            )
        )
    profile = pd.concat(windows, ignore_index=True) if windows else pd.DataFrame(columns=WINDOWS.split())
    return pd.DataFrame(shifts, columns=SHIFTS.split()), profile
