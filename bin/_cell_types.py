#!/usr/bin/env python3
"""Names of groups of cells: the type whose profile explains their marker genes best, where its own markers are detected.

Groups are parts of clusters or other sets, numbered from 0. P genes: those of the profiles and of the marker table.
"""

from typing import NamedTuple

from _detected import DETECTED, NOT_TESTABLE, Pools, of_groups, pool_counts
from _kinds import early_markers, expansion, name_kinds
from _marker_evidence import Seen, marker_evidence, n_detected
from _naming import among, marker_genes, receptor_shares
from _profiles import Profiles, correlations, expressed_rates, log_rates
from _tables import UNASSIGNED
from _type_fit import FEW_GENES, References, fit_types, kinds_of, receptor_evidence, references, two_best

import numpy as np

MIN_SCORE, MIN_MARGIN = 0.25, 0.1  # what a name needs; kinds of one cell type need half the margin
MIN_MARKERS = 2  # own markers that are detected, for a name; of other types, against it
STRONGEST = 3  # markers that cells of a type show most strongly: one of them is detected
MIN_LEAD = 3.0  # of log likelihood over the runner-up, for a name
CLEAR_LEAD = 10.0  # of log likelihood over the next type, for one cell to be a candidate of a type
AGAINST = 5.0  # log likelihood that a negative gene takes off a type, where it is detected
OVERRULES = 0.4  # share of a type's markers that are detected, from which similarity does not contradict
MIXED = "markers of other types are detected"  # a reason for no name
BLOCK = 2000  # cells whose counts are in memory at a time
SHOWN = 8  # genes in a cell of the table


class Cells(NamedTuple):
    """What the cells of a run are named by."""

    counts: np.ndarray  # CSR (N, P)
    umis: np.ndarray  # (N,) counts of all genes
    sample: np.ndarray  # (N,) number
    soup: np.ndarray  # (S, P) counts of ambient RNA per cell
    measured: np.ndarray  # (P,) genes that the run's samples all have
    receptors: dict  # of receptor_cells


class Groups(NamedTuple):
    """What is known of groups of cells."""

    pools: Pools  # of the P genes
    counts: np.ndarray  # (groups, P)
    umis: np.ndarray  # (groups,)
    soup: np.ndarray  # (groups, P) expected counts of ambient RNA
    receptors: dict  # per library, BCR or TCR, the share of a group's cells with it over the highest (groups,)
    group: np.ndarray  # (N,) of every cell


def groups_of(cells: Cells, group: np.ndarray) -> Groups:
    """Groups of all cells by number (N,), from 0 without gaps."""
    pools = pool_counts(cells.counts, cells.umis, group, cells.sample)
    soup = of_groups(pools, cells.soup[pools.sample] * pools.cells[:, None])
    shares = receptor_shares(cells.receptors, group)
    of_highest = {library: share for library, (_, share) in shares.items()}
    return Groups(pools, of_groups(pools, pools.counts), of_groups(pools, pools.umis), soup, of_highest, group)


def top_genes(cells: Cells, markers, profiles: Profiles) -> np.ndarray:
    """Numbers of the measured marker genes of the types without a parent."""
    return np.flatnonzero(cells.measured & among(profiles.genes, marker_genes(markers[markers["parent"] == ""])))


def name_groups(
    cells: Cells, group: np.ndarray, markers, profiles: Profiles, least: float = MIN_SCORE, lead: float = MIN_MARGIN
):
    """Evidence table, one row per group (N,) of cells, with lineage and cell_type.

    First the types without a parent are compared, then the kinds of the best one. A name needs MIN_MARKERS of the type's markers
    detected, the share `least` of those that could be; a lead over the next type of MIN_LEAD, and of `lead` per gene that
    tells the two apart; and neither MIN_MARKERS of its negative genes detected nor another lineage that the group resembles more.
    """
    groups, refs = groups_of(cells, group), references(markers, profiles)
    seen = marker_evidence(groups.pools, cells.soup, cells.measured, markers, profiles)
    table = name_tops(
        groups, refs, seen, top_genes(cells, markers, profiles), cells.measured, markers, profiles, least, lead
    )
    winner, size = table["winner"].to_numpy(object, copy=True), table["n_cells"].to_numpy()
    share = expansion(winner, group, cells.sample)
    for name in sorted(set(markers["parent"]) - {""}):
        rows = np.flatnonzero((winner == name) & (table["cell_type"] != UNASSIGNED).to_numpy())
        if len(rows):
            kinds = name_kinds(rows, name, seen, size, share, groups.receptors, markers, profiles)
            enter_kinds(table, rows, kinds, seen, markers, profiles, lead / 2)
    return explain(table, groups, seen, refs, markers, profiles)


def name_tops(
    groups: Groups, refs: References, seen: Seen, where, measured, markers, profiles, least: float, lead: float
):
    """The evidence table of the types without a parent. where: genes that they are compared by."""
    import pandas as pd

    types, rows = np.array(refs.types, dtype=object), np.arange(len(groups.umis))
    data = groups.counts[:, where], groups.umis, groups.soup[:, where]
    fit = fit_types(*data, refs.rate[:, where], refs.type_of)
    negatives = np.stack([n_detected(seen, np.repeat(name, len(rows)), "negative", rows)[0] for name in types], axis=1)
    likelihood = fit.likelihood + receptor_evidence(refs, groups.receptors, len(rows)) - AGAINST * negatives
    first = two_best(likelihood, fit.reference, refs.rate[:, where], refs.lineage, *data[1:])
    winner, runner_up = types[first["best"]], types[first["next"]]
    table = pd.DataFrame({"n_cells": np.bincount(groups.group), "winner": winner})
    n_own, table["score"] = n_detected(seen, winner, "positive", rows)
    table["runner_up"], table["runner_up_score"] = runner_up, n_detected(seen, runner_up, "positive", rows)[1]
    table["margin"], table["type_score"] = first["margin"], np.nan
    alike = similarities(groups, measured, refs, profiles, markers)
    table["markers"], table["runner_up_fits"] = n_own, False
    table["similarity"] = alike[rows, first["best"]]
    table["most_similar"] = np.where(np.isnan(alike).all(1), "", types[np.nan_to_num(alike, nan=-2).argmax(1)])
    of_type = {name: expressed_rates(profiles, kinds_of(markers, name)) for name in set(winner)}
    own_rates = refs.rate[fit.reference[rows, first["best"]]], np.stack([of_type[name] for name in winner])
    doubts = {
        "fewer than two of its markers are detected": n_own < MIN_MARKERS,
        "few of its markers are detected": (table["score"] < least).to_numpy(),
        "none of its strongest markers is detected": ~np.logical_or.reduce(
            [shows_strongest(seen, winner, rate, profiles.genes) for rate in own_rates]
        ),
        MIXED: negatives[rows, first["best"]] >= MIN_MARKERS,
        "resembles another lineage": contradicted(alike, first["best"], refs, table["score"].to_numpy()),
    }
    clear = {
        prefix: ((first[f"{prefix}lead"] >= MIN_LEAD) & (first[f"{prefix}margin"] >= lead)).to_numpy()
        for prefix in ("", "lineage_")
    }
    sound = ~np.logical_or.reduce(list(doubts.values()))
    foreign = n_detected(seen, winner, "foreign", rows)[0] >= MIN_MARKERS
    of_lineage = ~np.logical_or.reduce([of for name, of in doubts.items() if name != MIXED] + [foreign])
    table["lineage"] = np.where(of_lineage & clear["lineage_"], refs.lineage[first["best"]], UNASSIGNED)
    table["cell_type"] = np.where(sound & clear[""], winner, UNASSIGNED)
    table["reason"] = np.select([*doubts.values(), ~clear[""]], [*doubts, "no clear lead"], "")
    return table


def shows_strongest(seen: Seen, winner: np.ndarray, rate: np.ndarray, genes: list[str]) -> np.ndarray:
    """Whether groups show one of the STRONGEST markers of their winner (groups,) that could be seen; True where rates tell of none.

    rate: (groups, P) that cells of the winner show, genes: names of its columns.
    """
    place, result = {gene: i for i, gene in enumerate(genes)}, np.ones(len(winner), bool)
    for name in set(winner):
        mine, columns = winner == name, [place[gene] for gene in seen.listed[name, "positive"]]
        state, expected = seen.state[name, "positive"][mine], rate[mine][:, columns]
        known = np.where((state != NOT_TESTABLE) & ~np.isnan(expected), expected, -1.0)
        first = np.argsort(-known, axis=1, kind="stable")[:, :STRONGEST]
        shown = np.take_along_axis(state, first, axis=1) == DETECTED
        result[mine] = shown.any(1) | (np.take_along_axis(known, first, axis=1) < 0).all(1)
    return result


def similarities(groups: Groups, measured, refs: References, profiles: Profiles, markers) -> np.ndarray:
    """Highest correlation of every group with a profile of every type or its kinds (groups, T), NaN without any."""
    x = log_rates(groups.counts / np.maximum(groups.umis, 1)[:, None] * 1e4)
    of_profile = correlations(x, np.where(measured, log_rates(profiles.rate), np.nan))
    of_profile = np.where(np.isnan(of_profile), -2, of_profile)
    of_type = [np.isin(profiles.cell_type, kinds_of(markers, name)) for name in refs.types]
    result = np.stack([of_profile[:, rows].max(1, initial=-2) for rows in of_type], axis=1)
    return np.where(result == -2, np.nan, result)


def contradicted(alike: np.ndarray, best: np.ndarray, refs: References, score: np.ndarray) -> np.ndarray:
    """Where another lineage's profile is more alike than any of the winner's lineage, and few of its markers are detected.

    Types without a profile are not contradicted.
    """
    values = np.nan_to_num(alike, nan=-2)
    same = refs.lineage[None] == refs.lineage[best][:, None]
    own = np.where(same, values, -2).max(1)
    return (own > -2) & (np.where(same, -2, values).max(1) > own) & (score < OVERRULES)


def enter_kinds(table, rows: np.ndarray, kinds, seen: Seen, markers, profiles: Profiles, lead: float) -> None:
    """Enter the decision between kinds of one type (of name_kinds) into the rows of the evidence table.

    A kind needs one of its own markers detected besides those of its type; one of immature cells MIN_MARKERS that the mature
    kinds do not show. `runner_up_fits`: whether MIN_MARKERS of the runner-up's own markers are detected, more than of the winner's,
    and a larger share than of the genes that it lacks.
    """
    winner, runner_up = (kinds[column].to_numpy(object) for column in ("winner", "runner_up"))
    n_own, n_foreign = (n_detected(seen, winner, sign, rows)[0] for sign in ("positive", "foreign"))
    clear, mixed = (kinds["margin"] >= lead).to_numpy(), n_foreign >= MIN_MARKERS
    early = np.ones(len(rows), bool)
    for name in set(winner):
        genes = early_markers(name, markers, profiles)
        if genes is not None:
            counted = [gene in genes for gene in seen.listed[name, "positive"]]
            state, mine = seen.state[name, "positive"][:, counted], winner == name
            early[mine] = (state[rows[mine]] == DETECTED).sum(1) >= MIN_MARKERS
    sure = (n_own > 0) & early & clear & ~mixed
    n_next, share = n_detected(seen, runner_up, "positive", rows)
    fits = (n_next >= MIN_MARKERS) & (n_next > n_own) & (share > n_detected(seen, runner_up, "negative", rows)[1])
    for column in ("winner", "runner_up", "runner_up_score", "margin"):
        table.loc[rows, column] = kinds[column].to_numpy()
    table.loc[rows, "type_score"] = kinds["score"].to_numpy()
    table.loc[rows, "markers"] += n_own
    table.loc[rows, "runner_up_fits"] = fits
    table.loc[rows, "cell_type"] = np.where(sure, winner, UNASSIGNED)
    table.loc[rows[sure], "lineage"] = markers.loc[winner[sure], "lineage"].to_numpy()
    table.loc[rows, "reason"] = np.select(
        [n_own == 0, mixed, ~early, ~clear],
        ["none of its markers is detected", MIXED, "fewer than two markers of immature cells are detected", "no clear lead"], "",
    )  # fmt: skip


def likeliest_types(cells: Cells, rows: np.ndarray, markers, profiles: Profiles) -> np.ndarray:
    """The type without a parent (rows,) that explains each cell's marker genes best.

    '' where two halves of the genes disagree, unless the type leads by CLEAR_LEAD and counts of MIN_MARKERS of its markers are there.
    """
    refs, where = references(markers, profiles), top_genes(cells, markers, profiles)
    names, types, result = np.array(profiles.genes, dtype=object)[where], np.array(refs.types, dtype=object), []
    marks = np.stack([among(names, markers.loc[name, "positive"]) for name in types], axis=1).astype(int)  # (G, T)
    for block in np.split(rows, range(BLOCK, len(rows), BLOCK)):
        first, second = (likelihoods(cells, block, where[start::2], refs).argmax(1) for start in (0, 1))
        found, unlike = types[first], np.flatnonzero(first != second)
        whole = likelihoods(cells, block[unlike], where, refs)
        best, ranked = whole.argmax(1), np.sort(whole, axis=1)
        shown = (cells.counts[block[unlike]][:, where].sign() @ marks)[np.arange(len(unlike)), best]
        clear = (ranked[:, -1] - ranked[:, -2] >= CLEAR_LEAD) & (shown >= MIN_MARKERS)
        found[unlike] = np.where(clear, types[best], "")
        result.append(found)
    return np.concatenate(result)


def likelihoods(cells: Cells, rows: np.ndarray, where: np.ndarray, refs: References) -> np.ndarray:
    """Log likelihood (rows, T) of single cells' counts of the genes `where`."""
    counts, soup = cells.counts[rows][:, where].toarray(), cells.soup[cells.sample[rows]][:, where]
    return fit_types(counts, cells.umis[rows], soup, refs.rate[:, where], refs.type_of).likelihood


def shown_rates(profiles: Profiles, names: list[str]) -> np.ndarray:
    """Mean rate (P,) that profiles of these types show, NaN where none tells."""
    rate = profiles.rate[np.isin(profiles.cell_type, names)]
    n = (~np.isnan(rate)).sum(0)
    return np.where(n > 0, np.nansum(rate, axis=0) / np.maximum(n, 1), np.nan)


def explain(table, groups: Groups, seen: Seen, refs: References, markers, profiles: Profiles):
    """The table with the genes that speak for and against the winner, and those that would decide where there is no name.

    For and against: rate without soup, the highest first, those of a kind before those of its type. What would decide: `CD8A 0.4 (5 | 0.1)`, the observed rate, and those of
    the winner and the runner-up.
    """
    texts = {column: [] for column in ("evidence", "against", "would_decide")}
    place = {gene: i for i, gene in enumerate(seen.genes)}
    alone = {name for name, known in zip(refs.types, refs.known, strict=True) if not known}
    for i, (name, rival, named) in enumerate(zip(table["winner"], table["runner_up"], table["cell_type"], strict=True)):
        listed = [row for row in (name, markers.loc[name, "parent"]) if row]
        for column, sign in (("evidence", "positive"), ("against", "negative")):
            shown = {}
            for row in listed:
                genes = [
                    g for g, of in zip(seen.listed[row, sign], seen.state[row, sign][i], strict=True) if of == DETECTED
                ]
                ranked = sorted(genes, key=lambda gene: -seen.rate[i, place[gene]])
                shown |= {gene: seen.rate[i, place[gene]] for gene in ranked[: SHOWN // len(listed)]}
            text = ", ".join(f"{gene} {rate:.2g}" for gene, rate in shown.items())
            by_markers = column == "evidence" and text and name in alone
            texts[column].append(f"by markers alone: {text}" if by_markers else text)
        decide = (
            "" if named != UNASSIGNED or not rival else would_decide(i, name, rival, groups, seen, markers, profiles)
        )
        texts["would_decide"].append(decide)
    return table.assign(**texts)


def would_decide(i: int, name: str, rival: str, groups: Groups, seen: Seen, markers, profiles: Profiles) -> str:
    """The measured markers of two types by which profiles tell them apart best, with group i's rate and the types' mean rates."""
    listed = [g for row in (name, rival) for g in markers.loc[row, "positive"] if g in set(seen.genes)]
    columns = {gene: profiles.genes.index(gene) for gene in listed}
    rates = [shown_rates(profiles, kinds_of(markers, type_)) for type_ in (name, rival)]
    pairs = {g: (rates[0][c], rates[1][c]) for g, c in columns.items() if np.isfinite(rates[0][c] + rates[1][c])}
    ranked = sorted(pairs, key=lambda g: -abs(np.subtract(*log_rates(np.array(pairs[g])))))[:FEW_GENES]
    observed = {g: groups.counts[i, columns[g]] / max(groups.umis[i], 1) * 1e4 for g in ranked}
    return ", ".join(f"{g} {observed[g]:.2g} ({pairs[g][0]:.2g} | {pairs[g][1]:.2g})" for g in ranked)
