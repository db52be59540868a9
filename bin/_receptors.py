#!/usr/bin/env python3
"""Vocabulary of receptors: loci, chain types and libraries, and which lineages own them (assets/lineages.tsv)."""

import re
from collections.abc import Iterable
from itertools import product
from pathlib import Path

from _errors import InputError
from _tables import checked, read_text_table

VDJ = ("IGH", "TRB", "TRD")
VJ = ("IGK", "IGL", "TRA", "TRG")
BCR = ("IGH", "IGK", "IGL")
TCR = ("TRA", "TRB", "TRD", "TRG")
UNSWITCHED = ("IGHM", "IGHD")
LIBRARY_OF = {"IG": "BCR", "TR": "TCR"}  # by the first two letters of a locus
LIBRARY_COLUMNS = {"BCR": ("vdj_b",), "TCR": ("vdj_t", "vdj_t_gd")}  # of samples.tsv: the files of each library

LINEAGE_COLUMNS = ("lineage", "bcr", "tcr", "ig_dna", "tr_dna", "malignant", "car", "sender")
SUBCLUSTER_COLUMNS = ("lineage", "resolution", "numbered", "prefix")
SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_. +-]*")  # of files and in a task's script
AMINO_ACIDS = dict(
    zip(
        map("".join, product("TCAG", repeat=3)),
        "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG",
        strict=True,
    )
)


def translated(junction: str | None) -> str | None:
    """Amino acids of a junction's codons (X where a base is open); None where there is none, or it is out of frame."""
    if not isinstance(junction, str) or len(junction) % 3:
        return None
    return "".join(AMINO_ACIDS.get(junction[i : i + 3], "X") for i in range(0, len(junction), 3))


def chain_type(locus):
    """'VDJ', 'VJ' or '' for each locus of a column."""
    import numpy as np

    return np.select([locus.isin(VDJ), locus.isin(VJ)], ["VDJ", "VJ"], "")


def with_library(table, library: str):
    """The rows of a table of cells or samples whose sample has a library (BCR, TCR), whatever it shows.

    In the others nothing of that receptor was looked for: they are in no denominator, depth, fate or bound of it.
    table: with `libraries`, as SAMPLE_STATUS says it in qc.tsv and COMPOSITION of every cell: `BCR TCR`, `BCR`, `TCR` or ''.
    """
    names = table["libraries"].astype(str).str.split()
    return table[names.map(lambda found: library in found).astype(bool)]


class Lineages:
    """What the lineages may do, from assets/lineages.tsv or the user's own table.

    bcr, tcr: `owner` of the receptor, or `possible` (a cell of it is no stray in a clone), else empty.
    ig_dna, tr_dna: `yes` where the lineage may have rearranged these loci, so that bulk MRD sees it.
    malignant: `yes` where a B-cell malignancy can sit. car: `carrier` or `control`. sender: `yes` where subsets send signals of their own.
    """

    def __init__(self, path: Path):
        self.path, self.table = Path(path), read_text_table(path, LINEAGE_COLUMNS)

    def _having(self, column: str, values: Iterable[str]) -> tuple[str, ...]:
        return tuple(self.table.loc[self.table[column].isin(list(values)), "lineage"])

    def owners(self, library: str) -> tuple[str, ...]:
        """Lineages whose cells have the receptor of a library (BCR, TCR)."""
        return self._having(library.lower(), ("owner",))

    def possible(self, library: str) -> tuple[str, ...]:
        """Lineages whose cells are no strays in a clone of the library: owners, precursors, cells without a name."""
        return self._having(library.lower(), ("owner", "possible"))

    def rearranging(self, locus: str) -> tuple[str, ...]:
        """Lineages that may have rearranged a locus (IG.., TR..) in their DNA, whether or not they express it."""
        return self._having(f"{locus[:2].lower()}_dna", ("yes",)) if locus[:2] in LIBRARY_OF else ()

    def subclustered(self):
        """Table of the lineages that have a resolution: lineage, resolution, numbered (`yes`: subsets are `<prefix>_1`..), prefix."""
        table = checked(self.table, SUBCLUSTER_COLUMNS, self.path)
        table = table.loc[table["resolution"] != "", list(SUBCLUSTER_COLUMNS)]
        for text in [*table["lineage"], *table.loc[table["numbered"] == "yes", "prefix"]]:
            if not SAFE_NAME.fullmatch(text):
                raise InputError(
                    f"{self.path.name}: '{text}' cannot name files; use letters, digits, blanks and _ . + -"
                )
        for text in table["resolution"]:
            if not re.fullmatch(r"\d*\.?\d+", text) or float(text) == 0:
                raise InputError(
                    f"{self.path.name}: the resolution '{text}' is not a number above 0; write one such as 0.5"
                )
        return table

    @property
    def malignant(self) -> tuple[str, ...]:
        """Lineages that a B-cell malignancy can sit in."""
        return self._having("malignant", ("yes",))

    @property
    def car_carriers(self) -> tuple[str, ...]:
        """Lineages of which cells can be called CAR-positive."""
        return self._having("car", ("carrier",))

    @property
    def car_controls(self) -> tuple[str, ...]:
        """Lineages whose CAR counts are ambient RNA or doublets."""
        return self._having("car", ("control",))

    @property
    def senders(self) -> tuple[str, ...]:
        """Lineages whose subsets are senders and receivers of their own."""
        return self._having("sender", ("yes",))
