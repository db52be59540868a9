#!/usr/bin/env python3
"""Which receptor contig is a cell's own, and which was caught from the ambient (soup) of its library."""

from _chains import codes
from _receptors import LIBRARY_OF, Lineages

import numpy as np

# Prior of a lineage to have the receptor: of owners, of cells without a name, of all others. Evidence, bounded by
# PRIOR_RANGE, never a verdict.
PRIOR_OWNER, PRIOR_UNKNOWN, PRIOR_OTHER = 0.5, 0.25, 0.01
PRIOR_RANGE = (0.002, 0.95)
SECOND_CHAIN = 0.1  # prior of a further own chain of a type of which the cell has a stronger one
AMBIENT_LIMIT = 0.05  # ambient contigs per cell, as a part of the junction's UMIs per cell
STRAY_UMI = 1.6  # UMIs of an ambient contig, before the library's own are counted
WIDTH = 0.9  # standard deviation of log UMIs of one junction's own contigs
BACKING = 10  # weight, in contigs, of the wider UMI distribution behind a narrower one
ROUNDS = 8


def own_receptor(contigs, labels, lineages: Lineages) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probability that a contig is the cell's own transcript rather than caught from the library's ambient.

    Expectation-maximisation over contigs. For junction j with u UMIs in a cell of lineage t of library s:
      own      prior(t, s) * share of j among own receptors of t in s * own-UMI distribution of j, t, s at u
      ambient  ambient contigs of j per cell of s that is not a carrier * geometric(u)
    All counts leave the cell itself out. A junction that no other cell shows is judged as a class
    (Good-Turing: how often own and ambient contigs are unshared). The partner counts too: a heavy chain that
    elsewhere goes with another light chain is less likely own. Returns arrays (p_own, ambient rate, verdict
    own|stray|undecided): `undecided` where only the cell's lineage speaks against the contig. Contigs without
    a junction (amino acids stand in for one), or of the other receptor kind, are 'other' and have no p_own.
    """
    import pandas as pd

    n = len(contigs)
    p_own, ambient, verdict = np.full(n, np.nan), np.full(n, np.nan), np.full(n, "other", dtype="<U9")
    matching = contigs["locus"].str[:2].map(LIBRARY_OF) == contigs["library"]
    contigs = contigs.assign(junction=contigs["junction"].fillna(contigs["junction_aa"]))
    used = np.flatnonzero(matching & contigs["junction"].notna() & (contigs["chain_type"] != ""))
    if not len(used):
        return p_own, ambient, verdict
    table = contigs.iloc[used]
    lineage = labels.set_index("cell_id")["lineage"].astype(str)
    names = pd.Index(sorted(lineage.unique()))
    cell = codes(table[["cell_id", "library"]])
    t = names.get_indexer(table["cell_id"].map(lineage))
    key = codes(table[["locus", "junction"]])  # whatever its genes are called
    group = codes(table[["sample", "library", "chain_type"]])
    groups = table[["sample", "library", "chain_type"]].drop_duplicates()
    gj, n_gj = pair_codes(group, key)
    gt = group * len(names) + t
    gtj, n_gtj = pair_codes(gt, key)
    u = table["duplicate_count"].to_numpy(float).clip(1)
    sizes = pd.crosstab(labels["sample"].astype(str), labels["lineage"].astype(str))
    cells_gt = sizes.reindex(groups["sample"], columns=names, fill_value=0).to_numpy(float).ravel()
    cells_g = cells_gt.reshape(len(groups), -1).sum(1)
    owners = {library: lineages.owners(library) for library in groups["library"].unique()}
    expected = np.array([name in owners[library] for library in groups["library"] for name in names])
    unknown = np.tile(names.isin(["unassigned"]), len(groups))
    prior0 = np.where(expected, PRIOR_OWNER, np.where(unknown, PRIOR_UNKNOWN, PRIOR_OTHER))

    def total(code, weight, size):
        return np.bincount(code, weight, minlength=size)

    usum_gj, usum_g = total(gj, u, n_gj), total(group, u, len(groups))
    share_u = (usum_gj[gj] - u + 0.5) / (usum_g[group] - u + 0.5)
    unshared = np.bincount(key)[key] == 1
    bins = np.minimum(np.ceil(np.log2(u) * 1.5), 15).astype(int)
    width = np.diff(np.floor(2 ** (np.arange(-1, 16) / 1.5))).clip(1)
    kind = codes(table[["library", "chain_type"]])
    n_kinds = kind.max() + 1
    gb, n_gb = group * 16 + bins, len(groups) * 16
    possible = (expected | unknown)[gt]
    heavy = (table["chain_type"] == "VDJ").to_numpy()
    productive = table["productive"].to_numpy()
    top = pd.Series(u).groupby([cell, kind]).transform("max").to_numpy()
    second = np.where(u < top, SECOND_CHAIN, 1.0)
    # Ambient contigs are a small part of a junction's UMIs, unless cells of other lineages show that they are more.
    bystanders_g = (cells_gt * ~(expected | unknown)).reshape(len(groups), -1).sum(1)
    seen = total(gj, (~possible & (u <= 2)).astype(float), n_gj)[gj]
    limit = np.maximum(AMBIENT_LIMIT * usum_gj[gj] / cells_g[group], seen / bystanders_g[group].clip(1))
    # To begin with: own where it is the cell's best, in a lineage that rearranges or strong, and not far below what
    # the junction's UMIs usually are.
    log_u = np.log(u)
    usual = total(gj, u * u, n_gj)[gj] / usum_gj[gj]
    w = np.where((u == top) & (possible | (u >= 5)) & (u >= 0.1 * usual), 0.95, 0.05)

    for _ in range(ROUNDS):
        # Ambient: contigs per cell that is no carrier (Gamma-Poisson; prior by the junction's share of UMIs),
        # and a geometric number of UMIs once caught.
        stray_g = total(group, 1 - w, len(groups))
        rate_g = (stray_g + 0.5) / cells_g
        soup, carriers = (total(gj, weight, n_gj)[gj] - weight for weight in (1 - w, w))
        rate = (soup + 0.5) / ((cells_g[group] - carriers - 1).clip(1) + 0.5 / (rate_g[group] * share_u))
        rate = np.minimum(rate, limit)
        lone = (total(group, (1 - w) * unshared, len(groups)) + 0.2) / (stray_g + 2)
        rate = np.where(unshared, rate_g[group] * lone[group], rate).clip(1e-12, 0.95)
        mean_u = (total(group, (1 - w) * u, len(groups)) + 20 * STRAY_UMI) / (stray_g + 20)
        tail = np.maximum(1 - 1 / mean_u[group], rate / (1 + rate)).clip(0, 0.8)
        # Own: UMIs of the junction in the lineage, backed by the junction's in the library, by the library's in
        # owner lineages, and by those of all libraries of the kind.
        pooled = total(kind * 16 + bins, w, n_kinds * 16).reshape(-1, 16) + 0.2
        pooled /= pooled.sum(1, keepdims=True)
        owners_g = total(group, w * possible, len(groups))[group]
        f = (total(gb, w * possible, n_gb)[gb] + 50 * pooled[kind, bins]) / (owners_g + 50)
        f /= width[bins]
        f_blind = _backed(f, total(gj, w, n_gj)[gj], total(gj, w * log_u, n_gj)[gj], w, log_u)
        f = _backed(f_blind, total(gtj, w, n_gtj)[gtj], total(gtj, w * log_u, n_gtj)[gtj], w, log_u)
        n_own = total(gtj, w, n_gtj)[gtj] - w
        own_gt, own_g = total(gt, w, len(cells_gt)), total(group, w, len(groups))
        prior = ((own_gt + 20 * prior0) / (cells_gt + 20)).clip(*PRIOR_RANGE)
        prior_g = ((own_g + 5) / (cells_g + 20)).clip(*PRIOR_RANGE)
        new_gt = (total(gt, w * unshared, len(cells_gt)) + 1) / (own_gt + 2)
        new_g = (total(group, w * unshared, len(groups)) + 1) / (own_g + 2)
        share = np.where(unshared, new_gt[gt], (n_own + 0.5) / (own_gt[gt] - w + 1))
        share_g = np.where(unshared, new_g[group], (carriers + 0.5) / (own_g[group] - w + 1))
        caught = np.log(rate * (1 - tail)) + (u - 1) * np.log(tail)
        other = np.log(_partner_factor(cell, heavy, productive, key, w, share) * second) - caught
        odds = np.log(f * prior[gt] * share) - np.log1p(-prior[gt] * np.minimum(share, 1))
        blind = np.log(f_blind * prior_g[group] * share_g) + other
        w = _expit(odds + other)

    p_own[used], ambient[used] = w, rate
    verdict[used] = np.select([w >= 0.5, blind < 0], ["own", "stray"], "undecided")
    return p_own, ambient, verdict


def _backed(f, number, logs, w, log_u):
    """Own-UMI density: log-normal around the mean of `number` contigs (sum of log UMIs `logs`), backed by f.

    The contig itself (weight w) is left out. One mode and a fixed width, so that ambient contigs cannot make a second.
    """
    number = (number - w).clip(0)
    middle = (logs - w * log_u) / number.clip(1e-9)
    density = np.exp(-(((log_u - middle) / WIDTH) ** 2) / 2 - log_u) / (WIDTH * np.sqrt(2 * np.pi))
    return (number * density + BACKING * f) / (number + BACKING)


def pair_codes(first, second):
    """Codes 0.. of the pairs (first, second) of non-negative integers, and their number."""
    import pandas as pd

    pairs, values = pd.factorize(first.astype("int64") * (int(second.max()) + 1) + second)
    return pairs, len(values)


def _expit(x):
    return 1 / (1 + np.exp(-np.clip(x, -50, 50)))


def _partner_factor(cell, heavy, productive, key, w, share):
    """P(partner | junction) / P(partner): best productive chain of the other type, weighted by its w."""
    factor = np.ones(len(key))
    n_cells, best = int(cell.max()) + 1, {}
    for vdj in (True, False):
        rows = np.flatnonzero((heavy == vdj) & productive)
        rows = rows[np.argsort(w[rows], kind="stable")]
        best[vdj] = np.full(n_cells, -1)
        best[vdj][cell[rows]] = rows
    partner = np.where(heavy, best[False][cell], best[True][cell])
    rows = np.flatnonzero(partner >= 0)
    if not len(rows):
        return factor
    other = partner[rows]
    pair, n_pairs = pair_codes(key[rows], key[other])
    both = w[rows] * w[other]
    n_pair = np.bincount(pair, both, minlength=n_pairs)[pair] - both
    n_j = np.bincount(key[rows], both, minlength=int(key.max()) + 1)[key[rows]] - both
    usual = share[other].clip(1e-6, 1)
    ratio = ((n_pair + 0.5 * usual) / (n_j + 0.5) / usual).clip(1e-3, 10)
    factor[rows] = w[other] * ratio + 1 - w[other]
    return factor
