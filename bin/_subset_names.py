#!/usr/bin/env python3
"""Names of subsets: parts of a lineage's clusters by the programmes of assets/subsets.tsv, each with its evidence.

A name needs two things. The part must show the subset's markers (_subset_markers). And the subset must lead over the others of
the cell type. Which of these are in question follows the part's state: interferon-high, cycling, or neither.

Groups are parts or clusters, numbered from 0. G genes: all of the subset table. N cells.
"""

from typing import NamedTuple

from _detected import Pools, count
from _subset_markers import LARGE, MIN_MARKERS, Markers, Subsets, own_markers
from _tables import UNASSIGNED

import numpy as np

CLEAR_MARKERS = 4  # detected, of a name apart from the cluster's, and of the only one that is possible
MIN_SCORE, MIN_MARGIN = 0.25, 0.05  # what a name needs of its score, and of its lead over the next subset
PART_LEAD = 0.3  # of a part's own subset over its cluster's, to be named apart
LOW_MEAN, LOW_DETECTION = 0.3, 0.1  # a gene below both in every group says little about any
NEGATIVE_WEIGHT = 0.8  # of the two strongest negative genes


def specificity(mean: np.ndarray, detection: np.ndarray, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How strongly each group expresses a gene against the others, 0 to 1 (groups, G), and each gene's weight (G,).

    Values are placed between the low end of all groups (what every cell has, ambient RNA included) and the highest group. The
    highest is never taken below LOW_MEAN, and the low end is at most half of the highest, so that one kind alone keeps it.
    """
    large = size >= min(LARGE, size.max() / 2)
    scaled = []
    for values, floor in ((mean, LOW_MEAN), (detection, LOW_DETECTION)):
        high = np.maximum(values[large].max(0), floor)
        low = np.minimum(np.quantile(values[large], 0.05, axis=0), high / 2)
        scaled.append(np.clip((values - low) / (high - low), 0, 1))
    return np.sqrt(scaled[0] * scaled[1]), np.minimum(detection[large].max(0) / 0.3, 1)


def contrast(mean: np.ndarray, detection: np.ndarray, size: np.ndarray, special: np.ndarray) -> np.ndarray:
    """Specificity (groups, G) among groups of one cell type.

    Where a gene differs between them, its place in their own range counts; where it does not, its specificity
    among all groups stays, so that one subset alone is still told by what it expresses.
    """
    large = size >= min(LARGE, size.max() / 2)
    position, range_ = [], []
    for values, floor in ((mean, LOW_MEAN), (detection, LOW_DETECTION)):
        low, high = values[large].min(0), values[large].max(0)
        position.append(np.clip((values - low) / np.maximum(high - low, 1e-9), 0, 1))
        range_.append((high - low) / np.maximum(high, floor))
    width = np.clip(2 * np.sqrt(range_[0] * range_[1]) - 0.5, 0, 1)
    own = width * np.sqrt(position[0] * position[1]) + (1 - width) * special
    # A programme that is weak beside the lineage's other cell types is weak, however it varies here.
    return np.minimum(own, 2 * special)


def relative_score(positive: list[str], negative: list[str], special, rate, weight, genes: list[str]) -> np.ndarray:
    """Score (groups,): weighted mean of the positive genes' specificity, minus most of that of the two strongest negative genes.

    rate: (groups, G) over that of cells which have the gene, NaN where this is not known. A negative gene counts as no more than that: the
    group that shows most of it among these may still show little.
    """
    pos, neg = ([i for i in map(genes.index, names) if weight[i] > 0] for names in (positive, negative))
    if len(pos) < MIN_MARKERS:
        return np.full(len(special), -1.0)
    value = special[:, pos] @ weight[pos] / max(weight[pos].sum(), 0.3 * len(positive))
    if neg:
        against = np.fmin(special, rate)[:, neg] * weight[neg]
        value = value - NEGATIVE_WEIGHT * np.sort(against, axis=1)[:, -2:].mean(1)
    return value


class Groups(NamedTuple):
    """What is known of groups of cells of one lineage."""

    means: np.ndarray  # (2, groups, G) mean of ln(1 + counts per 10,000), and share of cells that express
    pools: Pools  # counts of the G genes
    soup: np.ndarray  # (S, G) counts of ambient RNA per cell
    cell_type: np.ndarray  # (groups,) the type of most cells
    state: np.ndarray  # (groups,) of STATES
    strength: np.ndarray  # (groups,) share of cells in that state


class Scores(NamedTuple):
    """How well groups fit the subsets of their cell type; K subsets. -inf where one is not in question."""

    score: "DataFrame"  # noqa: F821  (groups, K)
    markers: dict[str, Markers]  # by subset


def candidates(subsets: Subsets, cell_type: str, state: str) -> list[str]:
    """Subsets of a cell type that are in question for groups in a state; where it has none in that state, those without one."""
    children = subsets.table[subsets.table["parent"] == cell_type]
    return list(children.index[children["programme"] == state]) or list(children.index[children["programme"] == ""])


def score_subsets(groups: Groups, subsets: Subsets, genes: list[str], measured: np.ndarray) -> Scores:
    """The scores of groups for the subsets in question. A subset without genes but a programme's scores by its share of cells."""
    import pandas as pd

    mean, detection = groups.means
    size = np.bincount(groups.pools.group, groups.pools.cells, len(mean))
    special, weight = specificity(mean, detection, size)
    counted = count(groups.pools, groups.soup)
    rate = np.maximum(counted.observed - counted.expected, 0) / counted.umis * 1e4
    score = pd.DataFrame(-np.inf, index=range(len(mean)), columns=list(subsets.table.index))
    markers = {
        name: own_markers(subsets, name, groups.pools, groups.soup, genes, measured)
        for name in subsets.table.index[subsets.table["parent"].isin(groups.cell_type)]
    }
    for cell_type in sorted(set(groups.cell_type) & set(subsets.table["parent"])):
        of_type = np.flatnonzero(groups.cell_type == cell_type)
        inside = contrast(mean[of_type], detection[of_type], size[of_type], special[of_type])
        for state in sorted(set(groups.state[of_type])):
            mine = groups.state[of_type] == state
            for name in candidates(subsets, cell_type, state):
                identity, rows = subsets.identity(name), of_type[mine]
                held = np.array([subsets.held_at(name, gene) for gene in genes])
                value = relative_score(
                    identity, subsets.table.loc[name, "negative"], inside[mine], rate[rows] / held, weight, genes
                ) if identity else groups.strength[rows]  # fmt: skip
                score.loc[rows, name] = value
    return Scores(score, markers)


def decide(scores: Scores):
    """Per group the best subset whose markers allow it, and the next one: winner, score, runner_up, runner_up_score, margin, sure.

    Sure is one of a sufficient score and lead; and the only one that markers allow, where it shows CLEAR_MARKERS of them and scores
    about as high as any other.
    """
    import pandas as pd

    names = np.array(scores.score.columns, dtype=object)
    raw = scores.score.to_numpy()
    allowed = np.stack(
        [scores.markers[n].allowed if n in scores.markers else np.zeros(len(raw), bool) for n in names], axis=1
    )
    shown = np.stack([scores.markers[n].n if n in scores.markers else np.zeros(len(raw), int) for n in names], axis=1)
    values = np.where(allowed, raw, -np.inf)
    order = np.argsort(-values, axis=1, kind="stable")
    rows, first, second = np.arange(len(values)), order[:, 0], order[:, min(1, len(names) - 1)]
    best, next_ = values[rows, first], np.where(first == second, -np.inf, values[rows, second])
    lead = np.where(np.isfinite(next_), best - np.where(np.isfinite(next_), next_, 0), np.inf)
    sole = ~np.isfinite(next_) & (shown[rows, first] >= CLEAR_MARKERS) & (best >= raw.max(1) - PART_LEAD)
    return pd.DataFrame({
        "winner": np.where(np.isfinite(best), names[first], ""),
        "score": np.where(np.isfinite(best), best, np.nan),
        "runner_up": np.where(np.isfinite(next_), names[second], ""),
        "runner_up_score": np.where(np.isfinite(next_), next_, np.nan),
        "margin": np.where(np.isfinite(lead) & np.isfinite(best), lead, np.nan),
        "sure": np.isfinite(best) & (((best >= MIN_SCORE) & (lead >= MIN_MARGIN)) | sole),
    })  # fmt: skip


def reason(decision, score, markers: dict[str, Markers], group: int) -> str:
    """Why a group has no name. decision: its row of decide. score: its scores by subset. markers: of the subsets in question."""
    nearest = max(markers, key=lambda name: score[name])
    if not markers[nearest].allowed[group]:
        return f"{nearest} {score[nearest]:.2f}, but {markers[nearest].why[group]}"
    if decision["score"] < MIN_SCORE:
        return f"{nearest} {score[nearest]:.2f} is below {MIN_SCORE}"
    return f"{nearest} {score[nearest]:.2f} or {decision['runner_up']} {decision['runner_up_score']:.2f}, no clear lead"


def name_subsets(parts: Groups, clusters: Groups, cluster_of: np.ndarray, subsets: Subsets, genes: list[str], measured):
    """Evidence table of the parts: winner, cell_type (the name), scores, evidence, against.

    A part is called like its cluster (cluster_of: number per part), which has more cells to be named by, unless its own winner
    leads that by PART_LEAD or the part shows that it is not that. Cell types without subsets keep their own name, with
    underscores, and no evidence: that is of their types.
    """
    own, above = (score_subsets(groups, subsets, genes, measured) for groups in (parts, clusters))
    table, of_cluster = decide(own), decide(above)
    table.insert(0, "parent", parts.cell_type)
    names, evidence, against = [], [], []
    for i, row in table.iterrows():
        markers = {name: own.markers[name] for name in own.score.columns[np.isfinite(own.score.loc[i])]}
        cluster = of_cluster.loc[cluster_of[i]]
        if not markers:
            names.append(row["parent"].replace(" ", "_"))
            evidence.append(
                "unnamed: its cells have no cell type"
                if row["parent"] == UNASSIGNED
                else "named by its cell type alone"
            )
            against.append("")
            continue
        called = cluster["winner"] if cluster["sure"] and cluster["winner"] in markers else ""
        if called and not markers[called].possible[i]:
            called = ""
        behind = row["score"] - own.score.loc[i, called] if called and row["sure"] else np.inf
        if row["sure"] and (not called or (behind >= PART_LEAD and markers[row["winner"]].n[i] >= CLEAR_MARKERS)):
            called = row["winner"]
        names.append(called or UNASSIGNED)
        if not called:
            evidence.append(f"unnamed: {reason(row, own.score.loc[i], markers, i)}")
        elif markers[called].n[i] >= MIN_MARKERS:
            evidence.append(markers[called].detected[i])
        else:
            evidence.append(f"in its cluster {above.markers[called].detected[cluster_of[i]]}")
        against.append(
            markers[called or row["winner"] or max(markers, key=lambda name: own.score.loc[i, name])].against[i]
        )
    table["cell_type"], table["evidence"], table["against"] = names, evidence, against
    return table.drop(columns="sure")
