#!/usr/bin/env python3
"""How well types of a marker table explain groups' counts of marker genes, by reference profiles of the types and of their kinds.

T types: those without a parent. R references: the profiles of a type and of its kinds; a type that has none is told by its
marker genes alone. P genes: those of the profiles.
"""

from typing import NamedTuple

from _profiles import OFF, STRONG, Profiles, expressed_rates, log_likelihood

import numpy as np

DIFFERENT = 3.0  # fold of two types' rates from which a gene tells them apart
FEW_GENES = 5  # a lead counts as that of at least so many genes
STRAY = (
    0.05  # chance that a gene does not follow a type's profile, but is as anywhere: what one gene can say is bounded
)
RECEPTOR = 5.0  # log likelihood of a group with the highest share of a receptor, for its type and against others
NOWHERE = -1e300  # log likelihood of a type that is out of question


class References(NamedTuple):
    """What cells of every type show."""

    types: list[str]  # (T,)
    lineage: np.ndarray  # (T,) names
    receptor: np.ndarray  # (T,) BCR, TCR, any or none
    type_of: np.ndarray  # (R,) number of the type
    known: np.ndarray  # (T,) whether there is a profile of it
    rate: np.ndarray  # (R, P) counts per 10,000, NaN where nothing is known


class Fit(NamedTuple):
    """How well every type explains every group."""

    likelihood: np.ndarray  # (groups, T) log likelihood of the type's best reference
    reference: np.ndarray  # (groups, T) that reference


def kinds_of(markers, name: str) -> list[str]:
    """A type and its kinds."""
    return [name, *markers.index[markers["parent"] == name]]


def references(markers, profiles: Profiles) -> References:
    """References of the types of a marker table.

    Where a study has not measured a gene, the marker table tells: a positive gene of the type has the rate that cells which
    express it show, a negative one none; nothing is known of others.
    """
    tops = markers[markers["parent"] == ""]
    on = expressed_rates(profiles, list(profiles.cell_type))
    on = np.where(np.isnan(on), STRONG, on)
    rates, type_of, known = [], [], []
    for number, (name, row) in enumerate(tops.iterrows()):
        own = profiles.rate[np.isin(profiles.cell_type, kinds_of(markers, name)) & profiles.counted]
        known.append(len(own) > 0)
        table = np.full(len(profiles.genes), np.nan)
        for sign, rate in (("negative", np.zeros(len(on))), ("positive", on)):
            listed = [profiles.genes.index(gene) for gene in row[sign]]
            table[listed] = rate[listed]
        own = own if len(own) else table[None]
        rates.append(np.where(np.isnan(own), table, own))
        type_of += [number] * len(own)
    columns = (tops[column].to_numpy(object) for column in ("lineage", "receptor"))
    return References(list(tops.index), *columns, np.array(type_of), np.array(known), np.concatenate(rates))


def fit_types(counts, umis, soup, rate: np.ndarray, type_of: np.ndarray) -> Fit:
    """Fit of types to groups.

    counts, soup: (groups, G), observed and expected of ambient RNA. umis: (groups,). rate: (R, G). A gene is as in the reference or,
    with the chance STRAY or where that knows nothing of it, as in any of all.
    """
    shape = (len(counts), int(type_of.max()) + 1)
    anywhere = np.full(counts.shape, -np.inf)
    for of_reference in rate:
        value = log_likelihood(counts, umis, soup, of_reference)
        anywhere = np.logaddexp(anywhere, np.where(np.isnan(value), -np.inf, value))
    n_known = np.maximum((~np.isnan(rate)).sum(0), 1)
    anywhere = np.where(np.isneginf(anywhere), 0.0, anywhere - np.log(n_known))
    best, reference = np.full(shape, NOWHERE), np.zeros(shape, int)
    for number, (of_reference, type_) in enumerate(zip(rate, type_of, strict=True)):
        value = log_likelihood(counts, umis, soup, of_reference)
        value = np.logaddexp(np.where(np.isnan(value), anywhere, value) + np.log1p(-STRAY), anywhere + np.log(STRAY))
        total = value.sum(1)
        better = total > best[:, type_]
        best[better, type_], reference[better, type_] = total[better], number
    return Fit(best, reference)


def receptor_evidence(refs: References, receptors: dict[str, np.ndarray], n_groups: int) -> np.ndarray:
    """Log likelihood (groups, T) that receptors add: RECEPTOR times a group's share, for the type's own, against types without.

    receptors: per library (BCR, TCR) the share of cells with a productive chain, relative to the highest group (groups,).
    """
    evidence = np.zeros((n_groups, len(refs.types)))
    for library, share in receptors.items():
        sign = np.where(refs.receptor == library, 1, np.where(refs.receptor == "any", 0, -1))
        evidence += RECEPTOR * share[:, None] * sign
    return evidence


def n_telling(a: np.ndarray, b: np.ndarray, umis: np.ndarray, soup: np.ndarray) -> np.ndarray:
    """How many genes (groups,) tell two rates a and b (groups, G) apart: by DIFFERENT-fold counts, at least one, soup included."""
    means = [(rate + OFF) * umis[:, None] / 1e4 + soup for rate in (a, b)]
    with np.errstate(invalid="ignore"):
        fold = np.abs(np.log(means[0] / means[1]))
        return ((fold >= np.log(DIFFERENT)) & (np.fmax(*means) >= 1)).sum(1)


def two_best(likelihood: np.ndarray, reference: np.ndarray, rate: np.ndarray, lineage: np.ndarray, umis, soup):
    """The best type per group and the next one, and the leads over it and over other lineages: best, next (numbers), lead (log
    likelihood), margin (lead per gene that tells the two apart), lineage_lead, lineage_margin.

    likelihood: (groups, T). lineage: (T,) names. rate, soup: (R, G), (groups, G).
    """
    import pandas as pd

    groups, best = np.arange(len(likelihood)), likelihood.argmax(1)
    table = pd.DataFrame({"best": best})
    for prefix, same in (
        ("", np.arange(likelihood.shape[1])[None] == best[:, None]),
        ("lineage_", lineage[None] == lineage[best][:, None]),
    ):
        rest = np.where(same, NOWHERE, likelihood)
        rival = rest.argmax(1)
        lead = likelihood[groups, best] - rest[groups, rival]
        shown = [rate[reference[groups, type_]] for type_ in (best, rival)]
        if not prefix:
            table["next"] = rival
        table[f"{prefix}lead"] = lead
        table[f"{prefix}margin"] = lead / np.maximum(n_telling(*shown, umis, soup), FEW_GENES)
    return table
