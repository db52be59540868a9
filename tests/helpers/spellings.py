"""V and J genes as writers of tables spell them, drawn from assets/receptor_genes.tsv."""

import re

from _genes import Genes

import numpy as np

from helpers.small_receptors import GENES as TABLE

GENES = Genes(TABLE)


def twin_groups() -> dict[str, list[str]]:
    """For each gene that has twins the genes of its group, itself included."""
    groups: dict[str, list[str]] = {}
    for gene, first in GENES.twin.items():
        groups.setdefault(first, []).append(gene)
    return {gene: group for group in groups.values() if len(group) > 1 for gene in group}


def spelled(gene: str, rng: np.random.Generator, twins: dict[str, list[str]]) -> str:
    """One spelling of a gene, or of one or more of its twins in any order."""
    group = twins.get(gene, [gene])
    names = rng.permutation(group)[: rng.integers(1, len(group) + 1)]
    between = rng.choice([",", ", ", ";", "|", " or ", "/"])
    return between.join(one_name(str(name), rng) for name in names)


def one_name(gene: str, rng: np.random.Generator) -> str:
    """The gene padded or not, with a vendor's beginning or IMGT's, an allele, a score, and in any case."""
    start, body = gene[:4], gene[4:]
    if rng.random() < 0.4:
        body = re.sub(r"\d+", lambda digits: digits[0].zfill(2), body)
    beginnings = [start, start, f"TC{start[1:]}" if start[0] == "T" else start[3] + start[2]]
    call = rng.choice(beginnings) + body
    ending = rng.choice(["", "", "*01", "*02 F", "*00(1203.4)", "[F]"])
    call = rng.choice(["", "", "Homsap "]) + call + ending
    return str(rng.choice([call, call.lower(), call.upper()]))
