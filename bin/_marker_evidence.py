#!/usr/bin/env python3
"""Which genes of a marker table groups of cells express, by their own counts and the rates that reference profiles show."""

from typing import NamedTuple

from _detected import DETECTED, NOT_TESTABLE, OF_RATE, Counted, Pools, count, judge
from _naming import marker_genes
from _profiles import Profiles, expressed_rates
from _type_fit import kinds_of

import numpy as np


class Seen(NamedTuple):
    """What groups show of the genes of a marker table that were measured."""

    genes: list[str]  # (M,)
    rate: np.ndarray  # (groups, M) counts per 10,000, without the soup's; 0 where they are no more than that
    share: np.ndarray  # (groups, M) of cells that express, without those that the soup would make so
    state: dict[tuple[str, str], np.ndarray]  # by row of the table and sign (groups, genes): DETECTED and so on
    listed: dict[tuple[str, str], list[str]]  # by row of the table and sign the genes of these


def marker_evidence(pools: Pools, soup: np.ndarray, measured: np.ndarray, markers, profiles: Profiles) -> Seen:
    """Detection of markers by groups.

    pools, soup (S, P), measured (P,): of the profiles' genes. A positive gene counts against what profiles of the type and of its
    kinds show, a negative one against what the types show that it marks; where the type itself expresses it as much, whatever the table
    says, it is not counted. `foreign` are the negative genes that mark another lineage.
    """
    column = {gene: i for i, gene in enumerate(profiles.genes)}
    genes = [gene for gene in marker_genes(markers) if measured[column[gene]]]
    where = [column[gene] for gene in genes]
    pools = pools._replace(counts=pools.counts[:, where], expressing=pools.expressing[:, where])
    counted, place = count(pools, soup[:, where]), {gene: i for i, gene in enumerate(genes)}
    marked = marked_rates(markers, profiles)
    state, listed = {}, {}
    for name, row in markers.iterrows():
        own = expressed_rates(profiles, kinds_of(markers, name))
        lacks = ~(own >= OF_RATE * marked)  # True where nothing is known
        for sign, rate in (("positive", own), ("negative", marked)):
            chosen = [g for g in row[sign] if g in place and (sign == "positive" or lacks[column[g]])]
            rows = [place[gene] for gene in chosen]
            some = Counted(*counted[:2], *(values[:, rows] for values in counted[2:]))
            state[name, sign] = judge(some, rate[[column[gene] for gene in chosen]]).state
            listed[name, sign] = chosen
        others = other_lineages(markers, name)
        foreign = [gene in others for gene in listed[name, "negative"]]
        state[name, "foreign"] = state[name, "negative"][:, foreign]
        listed[name, "foreign"] = [gene for gene, yes in zip(listed[name, "negative"], foreign, strict=True) if yes]
    beyond = np.maximum(counted.observed - counted.expected, 0) * (counted.observed >= counted.needed)
    return Seen(genes, beyond / counted.umis * 1e4, counted.share, state, listed)


def marked_rates(markers, profiles: Profiles) -> np.ndarray:
    """The rate (P,) that cells show of each gene whose type has it as a positive gene; of genes that mark none, those that express it."""
    result = expressed_rates(profiles, list(profiles.cell_type))
    place = {gene: i for i, gene in enumerate(profiles.genes)}
    for gene in marker_genes(markers):
        types = markers.index[[gene in genes for genes in markers["positive"]]]
        own = expressed_rates(profiles, [kind for name in types for kind in kinds_of(markers, name)])[place[gene]]
        result[place[gene]] = result[place[gene]] if np.isnan(own) else own
    return result


def other_lineages(markers, name: str) -> set[str]:
    """Genes that mark a type of another lineage; of a kind, its siblings of another lineage, and the immature ones if it is mature.

    Immature are those that may lack the receptor which mature ones have.
    """
    parent, lineage, receptor = markers.loc[name, ["parent", "lineage", "receptor"]]
    immature = (markers["receptor"] == "any") & (parent != "" and receptor in ("BCR", "TCR"))
    others = markers[((markers["lineage"] != lineage) | immature) & ((markers["parent"] == parent) | (parent == ""))]
    others = others[~others.index.isin(kinds_of(markers, name))]
    return {gene for genes in others["positive"] for gene in genes}


def n_detected(seen: Seen, names: np.ndarray, sign: str, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many genes of each group's type are detected, and their share of those that could be.

    rows: (K,) groups. names: (K,) their types, '' for none.
    """
    n, share = np.zeros(len(names), int), np.zeros(len(names))
    for name in set(names) - {""}:
        mine = names == name
        state = seen.state[name, sign][rows[mine]]
        n[mine] = (state == DETECTED).sum(1)
        share[mine] = n[mine] / np.maximum((state != NOT_TESTABLE).sum(1), 1)
    return n, share
