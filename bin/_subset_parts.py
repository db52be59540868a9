#!/usr/bin/env python3
"""The parts of a lineage's clusters: how they are divided, which are no subset, what they are called, and whether that holds.

N cells of the lineage. W genes: those of the tables of subsets and types, and of programmes. S samples.
"""

from typing import NamedTuple

from _detected import SOUP, Pools, pool_counts, soup_share
from _naming import group_means
from _shares import wilson
from _subset_markers import MIN_MARKERS, SHOWN, Subsets, own_markers, type_markers
from _subset_names import Groups, name_subsets
from _tables import UNASSIGNED
from _unfit_parts import MOST, unfit_parts

import numpy as np

STATE_CELLS = 10  # cells of a part in one sample, for that sample to have a state of its own
NUMBERED_CELLS, NUMBERED_SHARE = 20, 0.02  # smaller clusters are no subset: doublets form such


class Lineage(NamedTuple):
    """What names need of the N cells of a lineage."""

    genes: list[str]  # (W,) upper case
    measured: np.ndarray  # (W,) bool: in all samples
    counts: "csr_matrix"  # noqa: F821  (N, W)
    logged: "csr_matrix"  # noqa: F821  (N, W) ln(1 + counts per 10,000)
    umis: np.ndarray  # (N,) counts of all genes
    sample: np.ndarray  # (N,) number
    samples: list[str]  # (S,) names
    profile: np.ndarray  # (S, W) share of each gene in the counts of all cells of a sample
    soup: np.ndarray  # (S,) upper bound of the share of a sample's counts that is ambient RNA
    cell_type: np.ndarray  # (N,) names
    has_threshold: bool  # resting cells of the lineage are known, and enough of their genes measured
    high: np.ndarray  # (N,) bool: interferon-high; none without a threshold
    raised: np.ndarray  # (N,) bool: the same of a lower quantile of resting cells
    cycles: np.ndarray  # (N,) bool: cycling
    doublet_like: np.ndarray  # (N,) bool
    receptors: dict  # of foreign_receptors, for the N cells

    def columns(self, genes: list[str]) -> np.ndarray:
        """Positions of genes."""
        return np.array([self.genes.index(gene) for gene in genes], dtype=int)

    def pools(
        self, group: np.ndarray, genes: list[str], rows: np.ndarray | slice = slice(None)
    ) -> tuple[Pools, np.ndarray]:
        """Counts of genes of the cells `rows` pooled by group, and ambient counts per cell (S, genes)."""
        where = self.columns(genes)
        pools = pool_counts(self.counts[rows][:, where], self.umis[rows], group, self.sample[rows])
        n_samples = len(self.profile)
        depth = np.bincount(self.sample, self.umis, n_samples) / np.maximum(
            np.bincount(self.sample, minlength=n_samples), 1
        )
        return pools, (self.soup * depth)[:, None] * self.profile[:, where]


def with_soup(lineage: Lineage, bounding: list[str], cluster: np.ndarray) -> Lineage:
    """The lineage with its samples' soup. bounding: genes that few types express each: the cluster that has least bounds the soup."""
    present, number = np.unique(lineage.sample, return_inverse=True)
    where = lineage.columns(bounding)
    pools = pool_counts(lineage.counts[:, where], lineage.umis, cluster, number)
    soup = np.full(len(lineage.profile), SOUP)
    soup[present] = soup_share(pools, lineage.profile[present][:, where])
    return lineage._replace(soup=soup)


def numbered_by(*columns) -> np.ndarray:
    """Numbers (N,) from 0 of the combinations of columns (N,), in order of the columns."""
    import pandas as pd

    keys = pd.DataFrame({i: np.asarray(column) for i, column in enumerate(columns)})
    return keys.groupby(list(keys), sort=True).ngroup().to_numpy()


def shares(flag: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Share of each group's cells with a flag (N,)."""
    return np.bincount(group, flag) / np.bincount(group)


def most_frequent(values) -> str:
    """The most frequent of values."""
    return values.value_counts().index[0]


def state_of(group: np.ndarray, sample: np.ndarray, high: np.ndarray, cycles: np.ndarray) -> np.ndarray:
    """State (N,), of STATES, that most cells of a group are in; of its cells of one sample, where these tell their own.

    One sample may be interferon-high throughout and another not. A sample tells its own state with STATE_CELLS or more cells of
    the group, or where the 95 % interval of its share lies beyond MOST.
    """
    of_both = numbered_by(group, sample)
    n, are_in = np.bincount(of_both), []
    for flag in (high, cycles):
        share, low, upper = (values[of_both] for values in wilson(np.bincount(of_both, flag), n))
        own = (n[of_both] >= STATE_CELLS) | (low > MOST) | (upper < MOST)
        are_in.append(np.where(own, share, shares(flag, group)[group]) > MOST)
    return np.select([are_in[1], are_in[0]], ["cycling", "interferon"], "").astype(object)


def groups_of(lineage: Lineage, group: np.ndarray, genes: list[str], fit: np.ndarray, state: np.ndarray) -> Groups:
    """What is known of groups (N,). One that is not `fit` (N,) has no cell type here, so that no subset is in question for it."""
    pools, soup = lineage.pools(group, genes)
    first = np.unique(group, return_index=True)[1]
    in_state = state[first]
    return Groups(
        group_means(lineage.logged[:, lineage.columns(genes)], group), pools, soup,
        np.where(fit, lineage.cell_type, "")[first].astype(object), in_state,
        np.where(in_state == "cycling", shares(lineage.cycles, group), shares(lineage.high, group)),
    )  # fmt: skip


def name_parts(lineage: Lineage, clusters: np.ndarray, parts: np.ndarray, subsets: Subsets, types):
    """Evidence table per part, the part of every cell (N,), and whether a cell's part may be a subset (N,).

    clusters, parts: (N,) numbers. Both are divided by cell type and by the state of cells; a part that is unfit leaves its cluster.
    """
    import pandas as pd

    cell_type = lineage.cell_type.astype(str)
    part = numbered_by(parts, cell_type)
    state = state_of(part, lineage.sample, lineage.high, lineage.cycles)
    part = numbered_by(part, state)
    why, doublets = unfit_parts(part, lineage.doublet_like, lineage.receptors)
    fit = (np.array(why) == "")[part]
    cluster = numbered_by(clusters, cell_type, state, fit)
    genes = subsets.genes()
    of_parts, of_clusters = (groups_of(lineage, group, genes, fit, state) for group in (part, cluster))
    cluster_of = pd.Series(cluster).groupby(part).first().to_numpy()
    table = name_subsets(of_parts, of_clusters, cluster_of, subsets, genes, lineage.measured[lineage.columns(genes)])
    table["parent"] = pd.Series(cell_type).groupby(part).first()
    add_type_evidence(table, lineage, part, types, ~table["parent"].isin(subsets.table["parent"]).to_numpy())
    return finished(table, lineage, part, why, doublets), part, fit


def name_numbered(lineage: Lineage, clusters: np.ndarray, parts: np.ndarray, prefix: str, types):
    """As name_parts, of a lineage whose clusters are numbered, largest first; a part that is unfit leaves its cluster."""
    import pandas as pd

    fit = (np.array(unfit_parts(parts, lineage.doublet_like, lineage.receptors)[0]) == "")[parts]
    part = numbered_by(~fit, np.where(fit, clusters, parts))
    why, doublets = unfit_parts(part, lineage.doublet_like, lineage.receptors)
    is_fit, size = fit[np.unique(part, return_index=True)[1]], np.bincount(part)
    large = is_fit & (size >= max(NUMBERED_CELLS, NUMBERED_SHARE * size.sum()))
    rank = np.argsort(np.argsort(np.where(large, -size, 1), kind="stable"), kind="stable")
    table = pd.DataFrame({"parent": pd.Series(lineage.cell_type.astype(str)).groupby(part).agg(most_frequent)})
    table["cell_type"] = [f"{prefix}_{rank[i] + 1}" if large[i] else UNASSIGNED for i in table.index]
    table["evidence"] = ["" if large[i] else f"unnamed: {size[i]} cells are too few for a number" for i in table.index]
    add_type_evidence(table, lineage, part, types, large)
    return (
        finished(table, lineage, part, ["" if ok else text for ok, text in zip(is_fit, why, strict=True)], doublets),
        part,
        fit,
    )


def add_type_evidence(table, lineage: Lineage, part: np.ndarray, types, which: np.ndarray) -> None:
    """Enter markers of the cell type as evidence of the parts `which`, and take away names of parts that lack these.

    A part too small to show them is judged with all cells of its name.
    """
    of_name = numbered_by(table["cell_type"].to_numpy(str)[part])
    for cell_type in sorted(set(table["parent"][which]) & set(types.index)):
        (n, text), (n_name, text_name) = (
            type_markers(types, cell_type, *lineage.pools(group, lineage.genes), lineage.genes, lineage.measured)
            for group in (part, of_name)
        )
        for i in np.flatnonzero(which & (table["parent"] == cell_type).to_numpy()):
            whole = of_name[np.flatnonzero(part == i)[0]]
            if n[i] >= MIN_MARKERS:
                table.at[i, "evidence"] = text[i]
            elif n_name[whole] >= MIN_MARKERS:
                table.at[i, "evidence"] = f"in all {table.at[i, 'cell_type']} {text_name[whole]}"
            else:
                table.at[i, "cell_type"] = UNASSIGNED
                table.at[i, "evidence"] = f"unnamed: {n[i]} markers of {cell_type} detected"


def finished(table, lineage: Lineage, part: np.ndarray, why: list[str], doublets: np.ndarray):
    """The evidence table with the parts' sizes and shares of doublets, interferon-high and cycling cells; unfit parts unnamed."""
    table.insert(0, "n_cells", np.bincount(part))
    table["doublets"] = doublets
    table["interferon_high"], table["cycling"] = shares(lineage.high, part), shares(lineage.cycles, part)
    unfit = np.array(why) != ""
    table.loc[unfit, "cell_type"] = UNASSIGNED
    table.loc[unfit, "evidence"] = [f"unnamed: {text}" for text in why if text]
    for i in np.flatnonzero((table["interferon_high"] > MOST) & (table["cell_type"] != UNASSIGNED)):
        within = np.unique(lineage.sample[part == i])
        through = [f"{lineage.high[lineage.sample == s].mean():.0%} in {lineage.samples[s]}" for s in within]
        table.at[i, "evidence"] += (
            f"; interferon-high {table.at[i, 'interferon_high']:.0%} (of the lineage {', '.join(through[:SHOWN])})"
        )
    return table


def out_of_state(lineage: Lineage, of_part: np.ndarray, subset: np.ndarray, subsets: Subsets) -> np.ndarray:
    """Cells (N,) that have moved into an interferon subset (of_part, subset: names) without being raised, or out of one though high."""
    interferon = set(subsets.table.index[subsets.table["programme"] == "interferon"])
    was, now = (np.isin(names.astype(str), sorted(interferon)) for names in (of_part, subset))
    return (now & ~was & ~lineage.raised) | (was & ~now & lineage.high)


def failing_names(lineage: Lineage, subset: np.ndarray, subsets: Subsets, types) -> dict[str, str]:
    """Names that all their cells together (subset: (N,)) do not bear out, with the reason: single cells have moved since."""
    import pandas as pd

    named = np.flatnonzero(subset != UNASSIGNED)
    names, group = np.unique(subset[named].astype(str), return_inverse=True)
    if not len(names):
        return {}
    parent = pd.Series(lineage.cell_type[named].astype(str)).groupby(group).agg(most_frequent)
    genes = subsets.genes()
    measured = lineage.measured[lineage.columns(genes)]
    own, of_all = lineage.pools(group, genes, named), lineage.pools(group, lineage.genes, named)
    share = {"interferon": shares(lineage.high[named], group), "cycling": shares(lineage.cycles[named], group)}
    failing = {}
    for i, name in enumerate(names):
        if name in subsets.table.index:
            state = subsets.table.loc[name, "programme"]
            why = own_markers(subsets, name, *own, genes, measured).why[i]
            if state and share[state][i] <= MOST:
                why = f"{share[state][i]:.0%} of its cells are {state}"
        else:
            known = parent[i] in types.index  # else: a type of the user's own labels
            n = type_markers(types, parent[i], *of_all, lineage.genes, lineage.measured)[0][i] if known else MIN_MARKERS
            why = f"{n} markers of {parent[i]} detected" if n < MIN_MARKERS else ""
        if why:
            failing[name] = f"{name}, all its cells: {why}"
    return failing
