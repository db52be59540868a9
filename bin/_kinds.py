#!/usr/bin/env python3
"""Kinds of one type, told apart in groups of cells: by how strongly they express the kinds' markers, their receptors and number."""

from _detected import OF_RATE
from _marker_evidence import Seen, marked_rates
from _profiles import STRONG, Profiles, expressed_rates
from _type_fit import kinds_of

import numpy as np

LOW_RATE, LOW_SHARE = 0.3, 0.1  # a gene below both in every group says little about any
NEGATIVE_WEIGHT, RECEPTOR_WEIGHT, EXPANSION_WEIGHT = 0.8, 0.2, 0.2
EVERY_CELL = 0.3  # share of cells from which on a gene counts in full; dropout hides the rest
BLAST_SHARE = 0.2  # of a sample: from this share of marrow lymphoblasts leukaemia is diagnosed (WHO)
RULES_OUT = 0.5  # from this share of a receptor on, relative to the highest group, a kind without it is ruled out
NO_PRECURSORS = 0.6  # from this share on no normal marrow could hold so many precursors


def strengths(seen: Seen, rows: np.ndarray, size: np.ndarray, name: str, markers, profiles: Profiles) -> np.ndarray:
    """How strongly groups (rows) of the type `name` express genes (rows, M), 0 to 1.

    Of what cells of the type show that do (at the rate of others, where none of its profiles does). Where a gene differs between
    the groups, its place in their range counts instead: so kinds are told apart in a run that has several, and one alone still.
    """
    place = [profiles.genes.index(gene) for gene in seen.genes]
    own, others = (
        expressed_rates(profiles, names)[place] for names in (kinds_of(markers, name), list(profiles.cell_type))
    )
    known = np.where(np.isnan(own), np.where(np.isnan(others), STRONG, others), own)
    alone = np.clip(seen.rate[rows] / known, 0, 1)
    large = size[rows] >= min(20, size[rows].max())
    position, range_ = [], []
    for values, floor in ((np.log1p(seen.rate[rows]), LOW_RATE), (seen.share[rows], LOW_SHARE)):
        low, high = values[large].min(0), values[large].max(0)
        position.append(np.clip((values - low) / np.maximum(high - low, 1e-9), 0, 1))
        range_.append((high - low) / np.maximum(high, floor))
    width = np.clip(2 * np.sqrt(range_[0] * range_[1]) - 0.5, 0, 1)
    return width * np.sqrt(position[0] * position[1]) + (1 - width) * alone


def score(kinds, strength: np.ndarray, weight: np.ndarray, genes: list[str], receptors: dict):
    """Score of every group (rows) for every kind (columns).

    Weighted mean of the positive genes' strength, minus most of the mean of the two strongest negative genes, plus or minus the
    receptor evidence: receptors holds per library (BCR, TCR) the share of cells with a productive chain, relative to the highest
    group. A kind without a receptor is out of question where RULES_OUT of that is reached. weight: (M,).
    """
    import pandas as pd

    column = {gene: i for i, gene in enumerate(genes)}
    result = {}
    for name, row in kinds.iterrows():
        pos, neg = (
            [column[g] for g in row[sign] if weight[column.get(g, -1)] > 0 and g in column]
            for sign in ("positive", "negative")
        )
        if len(pos) < 2:
            result[name] = np.full(len(strength), -1.0)
            continue
        value = strength[:, pos] @ weight[pos] / max(weight[pos].sum(), 0.3 * len(row["positive"]))
        if neg:
            against = np.sort(strength[:, neg] * weight[neg], axis=1)[:, -2:]
            value = value - NEGATIVE_WEIGHT * against.mean(1)
        for library, share in receptors.items():
            if row["receptor"] == library:
                value = value + RECEPTOR_WEIGHT * share
            elif row["receptor"] != "any":
                value = value - RECEPTOR_WEIGHT * share
            if row["receptor"] == "none" and kinds["receptor"].eq(library).any():
                value = np.where(share >= RULES_OUT, -1.0, value)
        result[name] = value
    return pd.DataFrame(result)


def expansion(winner: np.ndarray, group: np.ndarray, sample: np.ndarray) -> np.ndarray:
    """Per group the share of its cells' samples that the group's winner takes up, 0 to 1."""
    import pandas as pd

    cells = pd.DataFrame({"winner": winner[group], "sample": sample, "group": group})
    n = cells.groupby(["sample", "winner"])["group"].transform("size")
    share = n / cells.groupby("sample")["group"].transform("size")
    return share.groupby(cells["group"]).mean().to_numpy()


def size_evidence(values, kinds, blasts: list[str], share: np.ndarray) -> np.ndarray:
    """What the size of a population adds to the score of the kinds of lineage `blast`, per row of scores.

    Below BLAST_SHARE it speaks against them. From NO_PRECURSORS on it outweighs the normal kind that shares most of
    their markers, and only that one: mature cells keep their name beside any number of blasts.
    """
    evidence = EXPANSION_WEIGHT * np.where(share >= BLAST_SHARE, 1.0, -1.0)
    normal = kinds.drop(index=blasts)
    if not blasts or normal.empty:
        return evidence
    markers = set().union(*kinds.loc[blasts, "positive"])
    alike = normal["positive"].map(lambda genes: len(markers & set(genes))).idxmax()
    immature = (values[normal.index].idxmax(axis=1) == alike).to_numpy()
    return np.where(immature & (share >= NO_PRECURSORS), 3 * EXPANSION_WEIGHT, evidence)


def name_kinds(rows, name: str, seen: Seen, size, share, receptors: dict, markers, profiles: Profiles):
    """Scores of groups (rows) of the type `name`: winner, score, runner_up, runner_up_score and margin, one row each.

    size, share: (groups,) cells, and what the type takes up of their samples. receptors: as score, (groups,).
    """
    import pandas as pd

    kinds = markers[markers["parent"] == name]
    weight = np.minimum(seen.share[size >= min(20, size.max())].max(0) / EVERY_CELL, 1)
    strength = strengths(seen, rows, size, name, markers, profiles)
    values = score(kinds, strength, weight, seen.genes, {library: of[rows] for library, of in receptors.items()})
    blasts = list(kinds.index[kinds["lineage"] == "blast"])
    values[blasts] = values[blasts].add(size_evidence(values, kinds, blasts, share[rows]), axis=0)
    names, numbers = np.array(values.columns, dtype=object), values.to_numpy()
    order = np.argsort(-numbers, axis=1, kind="stable")
    ranked = np.take_along_axis(numbers, order, axis=1)
    second = min(1, len(names) - 1)
    table = pd.DataFrame({"winner": names[order[:, 0]], "score": ranked[:, 0]}, index=rows)
    table["runner_up"] = names[order[:, second]] if second else ""
    table["runner_up_score"] = ranked[:, second] if second else -1.0
    return table.assign(margin=table["score"] - table["runner_up_score"])


def early_markers(name: str, markers, profiles: Profiles) -> set[str] | None:
    """The positive genes of a kind of immature cells that its mature siblings show at less than OF_RATE of the rate of cells that they
    mark. None for other kinds.

    Immature are those that may lack the receptor that a sibling has.
    """
    row = markers.loc[name]
    mature = markers.index[(markers["parent"] == row["parent"]) & markers["receptor"].isin(("BCR", "TCR"))]
    if row["receptor"] != "any" or mature.empty:
        return None
    own, theirs = marked_rates(markers, profiles), expressed_rates(profiles, list(mature))
    place = [profiles.genes.index(gene) for gene in row["positive"]]
    few = np.nan_to_num(theirs[place], nan=0.0) < OF_RATE * own[place]  # False where no rate is known
    return {gene for gene, yes in zip(row["positive"], few, strict=True) if yes}
