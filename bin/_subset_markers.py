#!/usr/bin/env python3
"""What a subset's name needs: its own markers detected in a group of cells, and none of the genes that it lacks.

A marker is detected where it goes beyond ambient RNA, and as strongly as cells of the subset show in reference profiles
(assets/subset_rates.tsv). Groups are parts or clusters, numbered from 0. G genes: all of the subset table.
"""

from pathlib import Path
from typing import NamedTuple

from _detected import CERTAINTY, DETECTED, NOT_DETECTED, NOT_TESTABLE, Pools, detect
from _errors import InputError
from _naming import read_markers
from _tables import read_text_table

import numpy as np

MIN_MARKERS = 2  # own markers that are detected, for a name
# Of the rate that cells of the subset show: the least share for a marker to be detected, for chemistries differ;
OF_RATE = 0.25
HALF = 0.5  # the share from which on a group does not lack a gene, or has one that the subset needs: most cells have it
MIN_CELLS = 3  # that express a marker
LARGE = 20  # cells of a group that counts for the range of a gene; half of the largest where that is less
SHOWN = 8  # genes in a cell of the table
STATES = ("", "interferon", "cycling")  # words of the column `programme`


class Subsets(NamedTuple):
    """The subset table and what reference profiles show of its genes."""

    table: "DataFrame"  # noqa: F821  by cell_type: parent, programme, and lists of genes: positive, negative, needs, lacking
    # (subset, gene): counts per 10,000 that cells of the subset show; missing: not known
    rate: dict[tuple[str, str], float]
    programme_genes: set[str]  # of interferon and cycle: they make a state, not an identity

    def genes(self) -> list[str]:
        """All genes of the table, sorted."""
        lists = ("positive", "negative", "needs", "lacking")
        return sorted({gene for name in lists for genes in self.table[name] for gene in genes})

    def held_at(self, name: str, gene: str) -> float:
        """The lowest rate that subsets with the gene among their positive ones show in the lineage of `name`, NaN if unknown."""
        kin = self.table[self.table["lineage"] == self.table.loc[name, "lineage"]]
        rates = [self.rate[other, gene] for other in kin.index if (other, gene) in self.rate]
        return min(rates, default=np.nan)

    def identity(self, name: str) -> list[str]:
        """Positive genes of a subset that are none of a programme."""
        return [gene for gene in self.table.loc[name, "positive"] if gene not in self.programme_genes]


class Markers(NamedTuple):
    """Whether groups show what a subset needs."""

    n: np.ndarray  # (groups,) own markers that are detected
    possible: np.ndarray  # (groups,) bool: nothing that could be tested speaks against the subset
    allowed: np.ndarray  # (groups,) bool: everything that it needs is detected
    # (groups,) `CCR7 3.1, LEF1 2.2`: detected markers, counts per 10,000 without the soup's, strongest first
    detected: list[str]
    against: list[str]  # (groups,) the same of genes that the subset lacks
    why: list[str]  # (groups,) what is missing, '' where nothing is


def read_subsets(path: Path, rates: Path, programme_genes: set[str]) -> Subsets:
    """The table of subsets; columns programme, needs and lacking may be missing. rates: subset, gene, rate."""
    table = read_markers(path)
    for column in ("needs", "lacking"):
        texts = table[column] if column in table else [""] * len(table)
        table[column] = [[g.strip() for g in text.upper().split(",") if g.strip()] for text in texts]
    if "programme" not in table:
        table["programme"] = ""
    for name, word in table["programme"].items():
        if word not in STATES:
            raise InputError(f"{path.name}, {name}: programme '{word}'; write {' or '.join(STATES[1:])}, or nothing")
    known = read_text_table(rates, ("subset", "gene", "rate"))
    pairs = zip(known["subset"], known["gene"].str.upper(), strict=True)
    return Subsets(table, dict(zip(pairs, known["rate"].astype(float), strict=True)), programme_genes)


def listed(genes: list[str], values: np.ndarray) -> str:
    """`CCR7 3.1, LEF1 2.2`: the SHOWN genes of the highest values."""
    order = np.argsort(-values, kind="stable")[:SHOWN]
    return ", ".join(f"{genes[i]} {values[i]:.2g}" for i in order)


def states(
    pools: Pools, soup: np.ndarray, genes: list[str], wanted: list[str], rate: list[float], of_rate: float = OF_RATE
):
    """States and rates without the soup's (groups, wanted genes) of some of the pools' genes. rate: NaN where not known."""
    where = [genes.index(gene) for gene in wanted]
    few = pools._replace(counts=pools.counts[:, where], expressing=pools.expressing[:, where])
    seen = detect(few, soup[:, where], np.array(rate, float), of_rate=of_rate)
    expressing = np.zeros(seen.state.shape)
    np.add.at(expressing, few.group, few.expressing)
    return np.where((seen.state == DETECTED) & (expressing < MIN_CELLS), NOT_TESTABLE, seen.state), seen.excess


def highest(pools: Pools, values: np.ndarray) -> np.ndarray:
    """The highest value (genes,) of large groups. values: (groups, genes)."""
    size = np.bincount(pools.group, pools.cells)
    return values[size >= min(LARGE, size.max() / 2)].max(0)


def lacks(subsets: Subsets, name: str, pools: Pools, soup: np.ndarray, genes: list[str], wanted: list[str]):
    """Whether groups lack genes that the subset `name` lacks, and rates without the soup's (groups, wanted genes).

    They do below HALF of what cells with the gene show. Where the run's own groups show more than the profiles, as its
    chemistry may, up to twice as much is expected of such cells.
    """
    if not wanted:
        return np.ones((int(pools.group.max()) + 1, 0), bool), np.zeros((int(pools.group.max()) + 1, 0))
    where = [genes.index(gene) for gene in wanted]
    few = pools._replace(counts=pools.counts[:, where], expressing=pools.expressing[:, where])
    seen = detect(few, soup[:, where])
    known = np.array([subsets.held_at(name, gene) for gene in wanted])
    too_much = (seen.p < 1 - CERTAINTY) & (
        seen.excess >= HALF * np.clip(highest(pools, seen.excess), known, 2 * known)
    )  # False where no rate is known
    return ~np.where(np.isnan(known), seen.state == DETECTED, too_much), seen.excess


def needed_rates(subsets: Subsets, name: str, pools: Pools, soup: np.ndarray, genes: list[str], needed: list[str]):
    """What cells of the subset `name` show of genes that it needs (needed,), NaN where not known: of profiles, or the run's highest
    group where that has less, as its chemistry or cells may, down to half.
    """
    known = np.array([subsets.rate.get((name, gene), np.nan) for gene in needed])
    return np.clip(highest(pools, states(pools, soup, genes, needed, known)[1]), known / 2, known) if needed else known


def own_markers(
    subsets: Subsets, name: str, pools: Pools, soup: np.ndarray, genes: list[str], measured: np.ndarray
) -> Markers:
    """Whether groups show what the subset `name` needs. measured: (G,) genes that the samples have."""
    row = subsets.table.loc[name]
    has = {gene for gene, is_measured in zip(genes, measured, strict=True) if is_measured}
    own, lacking = ([gene for gene in row[column] if gene in has] for column in ("positive", "lacking"))
    state, excess = states(pools, soup, genes, own, [subsets.rate.get((name, gene), np.nan) for gene in own])
    is_lacking, odd_excess = lacks(subsets, name, pools, soup, genes, lacking)
    needed = [gene for gene in row["needs"] if gene in has]
    state_needed = states(pools, soup, genes, needed, needed_rates(subsets, name, pools, soup, genes, needed), HALF)[0]
    n, not_excluded = (state == DETECTED).sum(1), (state != NOT_DETECTED).sum(1)
    has_needed = np.ones(len(n), bool) if not row["needs"] else (state_needed == DETECTED).any(1)
    may_have = has_needed if not row["needs"] else has_needed | (state_needed == NOT_TESTABLE).any(1)
    is_odd = (~is_lacking).any(1)
    unmeasured = [name for name, left in (("lacking", lacking), ("needs", needed)) if row[name] and not left]
    texts = [], [], []
    for i in range(len(n)):
        yes, no = np.flatnonzero(state[i] == DETECTED), np.flatnonzero(~is_lacking[i])
        texts[0].append(listed([own[j] for j in yes], excess[i, yes]))
        texts[1].append(listed([lacking[j] for j in no], odd_excess[i, no]))
        testable = "" if (state[i] != NOT_TESTABLE).sum() >= MIN_MARKERS else ", too few cells to test more"
        texts[2].append(
            f"it shows {texts[1][-1]}" if is_odd[i]
            else f"{', '.join(row[unmeasured[0]])} not measured" if unmeasured
            else f"{n[i]} of its markers detected{': ' * bool(n[i])}{texts[0][-1]}{testable}" if n[i] < MIN_MARKERS
            else f"none of {', '.join(row['needs'])} detected" if not has_needed[i] else ""
        )  # fmt: skip
    open_ = ~is_odd & (not unmeasured)
    return Markers(n, (not_excluded >= MIN_MARKERS) & may_have & open_, (n >= MIN_MARKERS) & has_needed & open_, *texts)


def type_markers(
    types, name: str, pools: Pools, soup: np.ndarray, genes: list[str], measured: np.ndarray
) -> tuple[np.ndarray, list[str]]:
    """How many markers of a cell type (and of its parent) each group shows, and which: of types without subsets and of numbers.

    types: rows of read_markers. A gene counts where a tenth of the group's cells show it, beyond ambient RNA.
    """
    rows = [row for row in (name, types["parent"].get(name, "")) if row in types.index]
    own = sorted({gene for row in rows for gene in types.loc[row, "positive"] if measured[genes.index(gene)]})
    state, excess = states(pools, soup, genes, own, [np.nan] * len(own))
    shown = [np.flatnonzero(of_group == DETECTED) for of_group in state]
    return np.array([len(s) for s in shown]), [listed([own[j] for j in s], excess[i, s]) for i, s in enumerate(shown)]
