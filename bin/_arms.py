#!/usr/bin/env python3
"""Expression of every chromosome arm, cell by cell, against a baseline of the cell's own kind."""

import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from _matrices import cell_ids, gene_names, read_blocks, shared_genes
from _tables import read_text_table

import numpy as np

HALF = 8  # genes in a row that go to the same half of an arm; the next ones go to the other
BLOCK = 1000  # cells read at a time: the score holds ten arrays of a block's counts
MAX_RATIO = 3.0  # a gene further from its baseline than this differs by the cell's state, not by copy number
MIN_GENES = 1000  # with a position, for arms to be judged at all
CAP = 3.0  # standard deviations above expectation at which one gene's count in one cell is cut
KINDS = ("", ":half", ":expected", ":half_expected")  # of columns of an arm
POSITIONS = ("gene", "chromosome", "start", "end", "arm")


def read_positions(path: Path, gtf: Path | None = None):
    """Positions (index gene; chromosome, start, end, arm like `1q`), from the table or a GTF's gene lines.

    Only numbered chromosomes (`chr1` or `1`); of a gene that stands there more than once the first position counts.
    A GTF has no arms: a human one takes the table's centromeres, other species' chromosomes stay whole.
    """
    import pandas as pd

    table = read_text_table(path, POSITIONS, comment="#").set_index("gene")
    table["chromosome"] = table.chromosome.str.removeprefix("chr")
    table = table[table.chromosome.str.fullmatch(r"\d+") & ~table.index.duplicated()]
    table = table.assign(
        chromosome="chr" + table.chromosome, arm=table.chromosome + table.arm,
        start=pd.to_numeric(table.start), end=pd.to_numeric(table.end),
    )  # fmt: skip
    if not gtf:
        return table
    lines = pd.read_csv(gtf, sep="\t", comment="#", header=None, usecols=[0, 2, 3, 4, 8], dtype={0: str})
    lines = lines[lines[2] == "gene"]
    fields = lines[8].str
    names = fields.extract(r'gene_name "([^"]+)"')[0].fillna(fields.extract(r'gene_id "([^"]+)"')[0])
    genes = pd.DataFrame({"chromosome": lines[0].str.removeprefix("chr"), "start": lines[3], "end": lines[4]})
    genes.index = pd.Index(names, name="gene")
    genes["arm"] = genes.chromosome
    if fields.contains('gene_id "ENSG').any():
        centromere = table[table.arm.str.endswith("p")].groupby(table.arm.str[:-1])["end"].max()
        beyond = genes.start > genes.chromosome.map(centromere).fillna(0)
        genes["arm"] = genes.chromosome + beyond.map({True: "q", False: "p"})
    genes = genes[genes.chromosome.str.fullmatch(r"\d+") & ~genes.index.duplicated()]
    return genes.assign(chromosome="chr" + genes.chromosome)


def usable_genes(names: Sequence[str], positions, masked: Path) -> np.ndarray:
    """Row numbers, in genome order, of genes with a position that no pattern of the masking table names."""
    patterns = read_text_table(masked, ("pattern",), comment="#").pattern
    drop = re.compile("|".join(f"(?:{pattern})" for pattern in patterns))
    rows = np.flatnonzero([name in positions.index and not drop.fullmatch(name.upper()) for name in names])
    usable = positions.loc[[names[row] for row in rows]]
    return rows[np.lexsort((usable.start.to_numpy(), chromosome_numbers(usable)))]


def chromosome_numbers(genes) -> np.ndarray:
    """The number of each gene's chromosome (`chr1`)."""
    return genes.chromosome.str.removeprefix("chr").astype(int).to_numpy()


def populations(labels, clones, min_clone: int, candidates: Collection[str]):
    """What each cell is judged with (`population`) and whether it is known to be `normal`; index cell_id.

    labels: cell_id, lineage, cell_type; clones: BCR clone by cell_id, or None; candidates: lineages that a B-cell
    malignancy can sit in. Candidates are judged by clone where it has `min_clone` such cells, blasts together.
    A candidate without a receptor may be of any clone, so it is never part of a baseline; one of a smaller
    clone is polyclonal and normal. All cells of other lineages are normal.
    """
    cells = labels.set_index("cell_id")[["lineage", "cell_type"]].astype(str)
    vague = (cells.cell_type == "unassigned") & (cells.lineage != "unassigned")
    cells.loc[vague, "cell_type"] = "unassigned " + cells.lineage
    cells["clone"] = None if clones is None else clones
    candidate = cells.lineage.isin(candidates)
    blast = cells.lineage == "blast"
    size = cells[candidate].groupby("clone").size()
    expanded = cells.clone.isin(size[size >= min_clone].index) & candidate & ~blast
    polyclonal = candidate & cells.clone.notna() & ~expanded & ~blast
    cells["population"] = cells.cell_type.where(~candidate, cells.cell_type + " without receptor")
    cells.loc[polyclonal, "population"] = "polyclonal " + cells.cell_type
    cells.loc[expanded, "population"] = cells.clone
    cells.loc[blast, "population"] = "blasts"
    cells["normal"] = polyclonal | (~candidate & (cells.lineage != "unassigned"))
    cells["group"] = cells.population + "|" + cells.cell_type
    return cells


class Moments:
    """Sums over the cells of each group that mean, depth and overdispersion follow from."""

    def __init__(self, groups: int, genes: int):
        self.counts, self.squares = np.zeros((groups, genes)), np.zeros((groups, genes))
        self.cells, self.depth, self.depth2 = np.zeros(groups), np.zeros(groups), np.zeros(groups)

    def add(self, x, group) -> None:
        """x: cells x genes, CSR counts; group: number of each cell's group."""
        from scipy import sparse

        ones = np.ones(x.shape[0])
        members = sparse.csr_matrix((ones, (group, np.arange(len(ones)))), shape=(len(self.cells), len(ones)))
        depth = np.asarray(x.sum(axis=1), dtype=float).ravel()
        squared = sparse.csr_matrix((x.data.astype(float) ** 2, x.indices, x.indptr), shape=x.shape)
        self.counts += (members @ x).toarray()
        self.squares += (members @ squared).toarray()
        self.cells += members @ ones
        self.depth += members @ depth
        self.depth2 += members @ depth**2

    def dispersion(self, normal):
        """Each gene's overdispersion within the normal groups (variance = mean + dispersion * mean^2)."""
        share = self.counts[normal] / np.maximum(self.depth[normal], 1)[:, None]
        squared = (share**2 * self.depth2[normal][:, None]).sum(axis=0)
        excess = self.squares[normal].sum(axis=0) - self.counts[normal].sum(axis=0)
        return np.where(squared > 0, np.clip(excess / np.maximum(squared, 1e-12) - 1, 0.02, 50), 50.0)


def choose_baseline(groups, moments: Moments, min_reference: int):
    """Each group's expected share of each gene: of normal cells of its type, of its lineage, or its own.

    Returns (groups x genes shares, counts behind each share, name of each group's baseline).
    """
    shares, behind, names = [], [], []
    for group in groups.itertuples():
        chosen, name = np.array([group.Index]), "own mean"
        if group.normal:
            chosen = groups.index[groups.normal & (groups.cell_type == group.cell_type)]
            name = f"{group.cell_type} itself"
        elif group.lineage != "blast":
            for column in ("cell_type", "lineage"):
                same = groups.index[groups.normal & (groups[column] == getattr(group, column))]
                if moments.cells[same].sum() >= min_reference:
                    word = group.cell_type if column == "cell_type" else f"{group.lineage} lineage"
                    chosen, name = same, f"polyclonal {word}"
                    break
        counts = moments.counts[chosen].sum(axis=0)
        shares.append(counts / max(moments.depth[chosen].sum(), 1))
        behind.append(counts)
        names.append(name)
    return np.array(shares), np.array(behind), np.array(names)


def gene_weights(share, behind, counts, depth: float, dispersion):
    """Weight of each gene in the arm score: the negative binomial score test's, 0 where it cannot serve.

    Left out are genes with fewer than 20 counts behind the baseline and genes whose share in the group as a
    whole differs from it more than MAX_RATIO-fold: they differ by the cell's state, not by copy number.
    """
    ratio = (counts + 5) / (counts.sum() * share + 5)
    usable = (behind >= 20) & (ratio < MAX_RATIO) & (ratio > 1 / MAX_RATIO)
    return np.where(usable, 1 / (1 + dispersion * depth * share), 0.0)


def arm_scores(x, group, share, weight, dispersion, halves, arms: int):
    """Observed over expected weighted counts of each arm and of one half of it, centred on the cell's median.

    x: cells x genes CSR counts; group: number per cell; share, weight: groups x genes; halves: twice the number
    of the gene's arm, plus 1 for genes of the second half. Returns, side by side and each `arms` wide: ratios,
    ratios of first halves, expected, expected of first halves. 1 / expected is the ratio's variance from
    counting alone.
    """
    from scipy import sparse

    depth = np.asarray(x.sum(axis=1), dtype=float).ravel()
    row = np.repeat(np.arange(x.shape[0]), np.diff(x.indptr))
    mean = depth[row] * share[group[row], x.indices]
    over = dispersion[x.indices]
    cap = mean + CAP * np.sqrt(mean * (1 + over * mean)) + 1
    value = np.minimum(x.data, cap) * weight[group[row], x.indices]
    shape = (len(halves), 2 * arms)
    to_half = sparse.csr_matrix((np.ones(len(halves)), (np.arange(len(halves)), halves)), shape=shape)
    observed = (sparse.csr_matrix((value, x.indices, x.indptr), shape=x.shape) @ to_half).toarray()
    expected = depth[:, None] * ((share * weight) @ to_half)[group]
    both = [table[:, 0::2] + table[:, 1::2] for table in (observed, expected)]
    ratio, half = (
        np.divide(above, below, out=np.ones_like(above), where=below > 0)
        for above, below in (both, (observed[:, 0::2], expected[:, 0::2]))
    )
    order = np.argsort(ratio, axis=1)
    heap = np.cumsum(np.take_along_axis(both[1], order, axis=1), axis=1)
    middle = (heap >= heap[:, -1:] / 2).argmax(axis=1)
    centre = np.maximum(np.take_along_axis(ratio, order, axis=1)[np.arange(len(ratio)), middle], 0.2)[:, None]
    return np.hstack([ratio / centre, half / centre, both[1], expected[:, 0::2]])


def read_counts(path: Path, genes, known) -> Iterator[tuple[np.ndarray, Any]]:
    """Blocks of a cells file: (positions in the index `known` of its cells, CSR counts of `genes` in that order)."""
    columns = gene_names(path).get_indexer(genes)
    positions = known.get_indexer(cell_ids(path))
    for rows, counts in read_blocks(path, positions >= 0, BLOCK):
        yield positions[rows], counts[:, columns]


class ArmScores(NamedTuple):
    """What is known of a patient's arms; `reason` says why nothing can be judged, then there are no arms and no groups.

    cells: a row per cell (cell_id, group, population, lineage, cell_type, normal, baseline); of an arm, say `1q`, observed
    over expected counts in `1q` and `1q:half` (half of its genes), expected ones in `1q:expected` and `1q:half_expected`.
    genes: gene, chromosome, start, end, arm in genome order. groups: group, population, lineage, cell_type, normal,
    baseline, cells. counts, behind (counts behind the baseline), weight (0: not used): groups x genes.
    """

    cells: Any
    genes: Any
    arms: list[str]
    groups: Any
    counts: np.ndarray
    behind: np.ndarray
    weight: np.ndarray
    reason: str | None


def score_arms(paths: Sequence[Path], cells, positions, masked: Path, min_reference: int) -> ArmScores:
    """Score every arm of every cell of the cells files against normal cells of the same kind.

    cells: as populations gives them; positions: as read_positions; masked: table of patterns of genes to leave out;
    min_reference: cells that a baseline needs. The files are read twice, in blocks: for the baselines and for the scores.
    """
    import pandas as pd

    names = shared_genes([gene_names(path) for path in paths])
    names = names[usable_genes(names, positions, masked)]
    genes = positions.loc[names].reset_index(names="gene")[list(POSITIONS)]
    arms = list(dict.fromkeys(genes.arm))
    arm = genes.arm.map({name: number for number, name in enumerate(arms)}).to_numpy()
    halves = 2 * arm + (np.arange(len(arm)) // HALF) % 2

    columns = ["group", "population", "lineage", "cell_type", "normal"]
    groups = cells[columns].drop_duplicates("group").sort_values("group").reset_index(drop=True)
    group = pd.Index(groups.group).get_indexer(cells.group)
    moments, seen = Moments(len(groups), len(names)), np.zeros(len(cells), bool)
    for path in paths:
        for rows, x in read_counts(path, names, cells.index):
            moments.add(x, group[rows])
            seen[rows] = True
    cells, group = cells.loc[seen, columns], group[seen]
    normal = groups.normal.to_numpy() & (moments.cells > 0)
    reason = None
    if len(names) < MIN_GENES:
        reason = f"only {len(names)} genes of all samples have a known position; --gene_positions or --gtf serve other genomes"
    elif not normal.any():
        reason = "no cell is known to be normal, like T, NK and myeloid cells or plasma cells of small clones"
    if reason:
        cells, groups = cells.assign(baseline="").reset_index(), groups.iloc[:0].assign(baseline="", cells=0)
        return ArmScores(cells, genes, [], groups, *[np.zeros((0, len(names)))] * 3, reason)
    dispersion = moments.dispersion(normal)
    share, behind, baseline = choose_baseline(groups, moments, min_reference)
    depth = moments.depth / np.maximum(moments.cells, 1)
    each = zip(share, behind, moments.counts, depth, strict=True)
    weight = np.array([gene_weights(*of_group, dispersion) for of_group in each])
    values = np.zeros((len(cells), 4 * len(arms)), np.float32)
    for path in paths:
        for rows, x in read_counts(path, names, cells.index):
            values[rows] = arm_scores(x, group[rows], share, weight, dispersion, halves, len(arms))
    scores = pd.DataFrame(values, columns=[name + kind for kind in KINDS for name in arms])
    cells = pd.concat([cells.assign(baseline=baseline[group]).reset_index(), scores], axis=1)
    groups = groups.assign(baseline=baseline, cells=moments.cells.astype(int))
    return ArmScores(cells, genes, arms, groups, moments.counts, behind, weight, None)


def arm_facts(scores: ArmScores) -> dict[str, Any]:
    """Whether a patient's arms could be assessed, and cells per baseline: for `<patient>.arms.json`."""
    baselines = {str(name): int(n) for name, n in scores.cells.baseline.value_counts().sort_index().items()}
    facts = {"status": "not assessable" if scores.reason else "assessed", "reason": scores.reason}
    return facts | {"genes": len(scores.genes), "cells": len(scores.cells), "baselines": baselines}
