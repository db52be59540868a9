#!/usr/bin/env python3
"""Signature scores at equal depth: the deeper of two times' cells are thinned to the depth of the shallower, and scored again."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from _guards import FEW, as_deep, depth_ratio, thin
from _matrices import cell_ids, gene_names, read_blocks
from _signature_scores import cell_scores, core_genes, usable_sets

import numpy as np

MOST = 200  # cells of a subset and time that are scored again


class Scoring(NamedTuple):
    """How SIGNATURES scored: files of the samples' counts, of the interferon core, gene sets, method, fewest measured genes of a set."""

    cells: Sequence[Path]
    isg: Path
    sets: dict[str, list[str]]
    method: str
    min_genes: int


def kept_shares(before, after) -> tuple:
    """For both times, by cell: the share of its UMIs that is left at the depth of the shallower time, by the ratio of its cell type."""
    ratios = {}
    of_all = depth_ratio(before, after)
    for cell_type, cells in after.groupby(after["cell_type"].astype(str)):
        there = before[before["cell_type"].astype(str) == cell_type]
        ratios[cell_type] = depth_ratio(there, cells) if min(len(there), len(cells)) >= FEW else of_all
    shares = [rows["cell_type"].astype(str).map(ratios).fillna(of_all).to_numpy(float) for rows in (before, after)]
    return shares[0].clip(max=1), (1 / shares[1]).clip(max=1)


def rescored(cells, shares: np.ndarray, names: Sequence[str], scoring: Scoring, rng):
    """At most MOST cells of each subset, those whose share (of kept_shares) is under 1 thinned and scored again.

    cells: indexed by cell id, with sample, subset and the scores `names`, of which those that need the whole sample become missing.
    """
    chosen = cells.assign(left=shares).sample(frac=1, random_state=rng)
    chosen = chosen[chosen.groupby(chosen["subset"].astype(str)).cumcount() < MOST].copy()
    for path in scoring.cells:
        ids = cell_ids(path)
        wanted = ids.intersection(chosen.index[chosen["left"] < 1])
        if wanted.empty:
            continue
        genes = gene_names(path).to_numpy()
        core, sets = core_genes(scoring.isg, genes), usable_sets(scoring.sets, genes, scoring.min_genes)
        for rows, counts in read_blocks(path, ids.isin(wanted)):
            thinned = thin(counts, chosen.loc[ids[rows], "left"].to_numpy(), rng)
            scores = cell_scores(thinned, genes, core, sets, scoring.method).set_index(ids[rows])
            chosen.loc[ids[rows], list(names)] = scores.reindex(columns=names).astype(np.float32)
    return chosen


def at_equal_depth(before, after, names: Sequence[str], scoring: Scoring, seed: int):
    """The cells of two times (tables as of rescored, with cell_type and n_umi) with their scores at the depth of the shallower."""
    import pandas as pd

    rng = np.random.default_rng(seed)
    before, after = as_deep(before, after, depth_ratio(before, after))  # the same cells would be kept
    shares = kept_shares(before, after)
    return pd.concat([rescored(*pair, names, scoring, rng) for pair in zip((before, after), shares, strict=True)])
