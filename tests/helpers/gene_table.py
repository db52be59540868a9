"""Makes assets/receptor_genes.tsv from germline sequences: which V and J genes no sequence can tell apart.

python tests/helpers/gene_table.py --names NAMES.json .. -- SEQUENCES.fasta .. > assets/receptor_genes.tsv
Sources of both are in assets/README.md. NAMES: keys are gene names. SEQUENCES: named `GENE*ALLELE`, with or without gaps.
"""

import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path

BULK_BASES = (
    60  # of the V gene that a bulk read still holds before the junction ends: up to and with the second cysteine
)
LAST = 36  # the second cysteine lies in the last so many bases of a V region
GENE = re.compile(r"(IG[HKL]|TR[ABDG])[VJ]\d[\w/-]*|TRGJP\d?")
CYSTEINE = re.compile(r"TG[TC]")


def read_alleles(paths: Iterable[Path]) -> dict[str, str]:
    """Sequence of each allele, without gaps, in capitals."""
    alleles = {}
    for path in paths:
        for record in path.read_text().split(">")[1:]:
            head, sequence = record.split("\n", 1)
            alleles[head.split("__")[0].split()[0]] = re.sub(r"[\s.-]", "", sequence).upper()
    return alleles


def bulk_part(sequence: str) -> str:
    """The V region's BULK_BASES up to and with the second cysteine; '' where that is not found in frame."""
    places = [place.end() for place in CYSTEINE.finditer(sequence) if place.end() % 3 == 0]
    places = [end for end in places if end > len(sequence) - LAST]
    return sequence[places[0] - BULK_BASES : places[0]] if places and places[0] >= BULK_BASES else ""


def sharing(parts: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    """For each gene the others of which an allele has the same sequence; parts: allele and its sequence."""
    genes, alike = defaultdict(set), defaultdict(set)
    for allele, sequence in parts:
        gene = allele.split("*")[0]
        if sequence:
            genes[gene[:4], sequence].add(gene)
    for group in genes.values():
        for one, other in combinations(sorted(group), 2):
            alike[one].add(other)
            alike[other].add(one)
    return alike


def first_of_group(gene: str, alike: dict[str, set[str]]) -> str:
    """One name for all genes that are joined by `alike`, over others too: the shortest, then by text."""
    group, new = set(), {gene}
    while new:
        group |= new
        new = {other for one in new for other in alike.get(one, ())} - group
    return min(group, key=lambda name: (len(name), name))


def table(alleles: dict[str, str], names: Iterable[str]) -> str:
    """The table as text: gene, cells (one name for twins), bulk (what a bulk read cannot tell from it)."""
    twins = sharing(alleles.items())
    v_parts = {name: bulk_part(text) for name, text in alleles.items() if name[3] == "V"}
    bulk = sharing(v_parts.items())
    genes = sorted({name.split("*")[0] for name in alleles} | set(names), key=natural)
    rows = ["gene\tcells\tbulk"]
    for gene in genes:
        unclear = sorted(bulk.get(gene, set()) | twins.get(gene, set()), key=natural)
        rows.append(f"{gene}\t{first_of_group(gene, twins)}\t{','.join(unclear)}")
    return "\n".join(rows) + "\n"


def natural(name: str) -> list:
    """Key by which names sort as people write them: IGHV3-7 before IGHV3-11."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.findall(r"\d+|\D+", name)]


if __name__ == "__main__":
    split = sys.argv.index("--")
    lists = [json.loads(Path(path).read_text()) for path in sys.argv[2:split]]
    known = {name for names in lists for name in names if GENE.fullmatch(name) and "/OR" not in name}
    sequences = read_alleles(map(Path, sys.argv[split + 1 :]))
    sequences = {name: text for name, text in sequences.items() if GENE.fullmatch(name.split("*")[0])}
    sys.stdout.write(table({name: text for name, text in sequences.items() if "/OR" not in name}, known))
