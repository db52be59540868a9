#!/usr/bin/env python3
"""V and J calls as sets of IMGT gene names, and which genes no sequence can tell apart (assets/receptor_genes.tsv)."""

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from _tables import read_text_table

GREEK = str.maketrans("αβγδκλΑΒΓΔΚΛ", "ABGDKLABGDKL")
NO_GENE = re.compile(r"(NA|NAN|NO|NONE|NULL|UNKNOWN|UNDEFINED|UNRESOLVED|HOMSAP|MUSMUS|OR|F|P|ORF|\W*)")
# Alleles, functionality and scores: `*01`, `*00(1203.4)`, `(F)`, `[ORF]`; (D) of IGKV1(D)-39 stays.
NO_NAME = re.compile(r"\*[^,;|\s/]*|[(\[](?:F|P|ORF|[\d.]+)[)\]]")
BETWEEN = re.compile(r"[,;|&\s/]+")
# IGHV, TCRBV, TRBV, VH, IGVH, BV, Vbeta without its word.
START = re.compile(r"(?:IG|TCR|TR)?[-_ ]?(?:([HKLABGD])([VDJ])|([VDJ])([HKLABGD]))(?=\d|P\d?$)")
FAMILY = re.compile(r"[A-Z]{3}V\d+")


class Genes:
    """The V and J genes that exist, and the twins among them; other names (mouse, D, C, IGKDE) are left as they are."""

    def __init__(self, path: Path):
        table = read_text_table(path, ("gene", "cells", "bulk"))
        self.twin = dict(zip(table["gene"], table["cells"], strict=True))
        bulk = zip(table["gene"], table["bulk"], strict=True)
        self.unclear = {gene: frozenset(others.split(",")) - {""} for gene, others in bulk}
        # TRAV29 and TRDV5 are TRAV29/DV5; a family of one gene is that gene (TRBV20).
        self.short, families = {}, {}
        for gene in self.twin:
            families.setdefault(family(gene), []).append(gene)
            if "/DV" in gene:
                self.short |= dict.fromkeys((gene.split("/")[0], "TR" + gene.split("/")[1]), gene)
        self.short |= {name: genes[0] for name, genes in families.items() if len(genes) == 1}
        self.families = {name for name, genes in families.items() if len(genes) > 1} - set(self.twin)
        self.read = cache(self._read)

    def _read(self, call: str | None, start: str = "") -> frozenset[str]:
        """IMGT names of a call, without alleles: several in any order, padded or a vendor's (TCRBV06-02/06-03, VH3-21).

        start: locus and segment (`IGHV`) of a name without them (`3-21`). A V family alone is its name (`IGHV3`); empty
        where missing.
        """
        text = NO_NAME.sub("", call.translate(GREEK).upper()) if isinstance(call, str) else ""
        text = re.sub(r"/(?=DV\d|OR\d)", "", text)  # one gene, not two
        text = re.sub(r"(IG)?(\S*)\(D\)(\S*)", r"\1\2\3,\1\2D\3", text)
        names, last = set(), start
        for part in BETWEEN.split(text):
            if not NO_GENE.fullmatch(part):
                last = self._named(part, last)
                names.add(last)
        return frozenset(names)

    def _named(self, part: str, last: str) -> str:
        """IMGT name of one part of a call; last: the name before it, whose beginning a bare number shares."""
        body = re.sub(r"(?<=\d)-?(?=DV\d|OR\d)", "/", re.sub(r"(?<!\d)0+(?=\d)", "", re.sub(r"[._]", "-", part)))
        found = START.match(body)
        if found:
            locus, segment = (found[1], found[2]) if found[1] else (found[4], found[3])
            return self._known(("IG" if locus in "HKL" else "TR") + locus + segment + body[found.end() :])
        number = re.fullmatch(r"[VJ]?(\d.*)", body)
        if not number or not last:
            return body
        wider = last[:4] + number[1]
        narrower = f"{family(last)}-{number[1]}"  # IGHV3-11/21
        return narrower if narrower in self.twin and last != last[:4] else self._known(wider)

    def _known(self, name: str) -> str:
        """The name, or the IMGT name that it stands for: IGHJ6-1 (IGHJ6), IGHJ4B (IGHJ4), TRBV20 (TRBV20-1), TRAV29."""
        for form in (name, re.sub(r"-1$", "", name), re.sub(r"(?<=J\d)[A-C]$", "", name)):
            if form in self.twin or form in self.short:
                return self.short.get(form, form)
        return name

    def for_cells(self, names: Iterable[str]) -> frozenset[str]:
        """The names, twins (an allele of both is the same over the whole V or J region) by one name."""
        return frozenset(self.twin.get(name, name) for name in names)

    def for_bulk(self, names: Iterable[str]) -> frozenset[str]:
        """The names and all genes that a bulk read cannot tell from them. Not transitive: widen one side of a comparison."""
        return frozenset(names).union(*(self.unclear.get(name, ()) for name in names))

    def name_chains(self, chains):
        """Adds v_gene and j_gene to chains with locus, v_call and j_call: `for_cells` as text, several by commas."""
        for segment in ("v", "j"):
            starts = chains["locus"].fillna("") + segment.upper()
            calls = zip(chains[f"{segment}_call"], starts, strict=True)
            chains[f"{segment}_gene"] = [",".join(sorted(self.for_cells(self.read(*call)))) for call in calls]
        return chains

    def in_family(self, names: Iterable[str], others: Iterable[str]) -> bool:
        """Whether a family alone on one side is that of a gene on the other: enough with an identical junction only."""
        both = set(map(family, names)) & set(map(family, others))
        return not both.isdisjoint({*names, *others} & self.families)


def family(gene: str) -> str:
    """The family of a V gene: IGHV3 of IGHV3-21; other names are their own."""
    found = FAMILY.match(gene)
    return found[0] if found else gene
