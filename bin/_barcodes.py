#!/usr/bin/env python3
"""Cell barcodes as files write them: what stands before and after the nucleotides, and which of them are a matrix's cells."""

import re
from typing import Any

from _errors import InputError, Note

WHITELIST = 737_280  # 10x 5' v1/v2 barcodes; 5' v3 has 3,686,400 and chance is a fifth of what is stated
MIN_LIBRARY = 20  # receptor cells below which an overlap is not judged
ABOVE_CHANCE = 5  # times what chance gives
# One run of 14 nucleotides (10x version 1) or more, and what stands before and after it.
ONE_RUN = r"^(?P<prefix>(?:(?![ACGTN]{14}).)*)(?P<core>[ACGTN]{14,})(?P<suffix>(?:(?![ACGTN]{14}).)*)$"
ANY = r"^(?P<prefix>)(?P<core>.*?)(?P<suffix>(?:-\d+)?)$"


def more_than_chance(shared: int, n: int, m: int) -> bool:
    """Whether n and m barcodes have more in common than two unrelated samples, whose barcodes are drawn from one list.

    One more than ABOVE_CHANCE times the expected number: by chance in less than 2 of 1,000 pairs of samples, whatever their size.
    """
    return shared > 1 + ABOVE_CHANCE * n * m / WHITELIST


def parts(barcodes: Any) -> Any:
    """prefix, core and suffix of barcodes (Series); the core is the nucleotides, or all but a final `-1` where they are not one run."""
    table = barcodes.str.extract(ONE_RUN)
    return table.where(table["core"].notna(), barcodes.str.extract(ANY))


def own_barcodes(
    barcodes: Any, where: str, sample: str = "", cells: frozenset[str] = frozenset()
) -> tuple[Any, list[str]]:
    """The barcodes (Series) without what (nearly) all have around them, and warnings.

    Of several libraries in one file the one that is named by the sample, or else the only one that fits `cells` (the
    matrix's barcodes), is taken: the others' barcodes are missing. Raises InputError where there is none, or no matrix to tell.
    """
    table = parts(barcodes)
    kind = table["prefix"] + "*" + table["suffix"]  # P1_T1_*-1
    kinds = kind.value_counts()
    usual = kinds.index[0] if len(kinds) else "*"
    odd, warnings = len(barcodes) - int(kinds.iloc[:1].sum()), []
    if odd:
        cores = table["core"].groupby(kind).agg(set)
        fit = [name for name, codes in cores.items() if more_than_chance(len(codes & cells), len(codes), len(cells))]
        own = [name for name in kinds.index if _simple(name) == _simple(sample) != ""] or fit
        if len(own) == 1:
            usual, taken = own[0], int(kinds[own[0]])
            others = f"{taken:,} rows of {usual} are used, {len(barcodes) - taken:,} of others left out"
            warnings = [f"{where} holds {len(kinds)} libraries: {others}"]
            barcodes = barcodes.where(kind == usual)
        elif odd >= 0.05 * len(barcodes) or "*-2" in kinds:
            why = (
                f"{len(fit) or 'none'} of them fit its matrix (here {barcodes.iloc[0]}, there {min(cells, default='')})"
            )
            why = why if cells else "as of aggr"
            written = " and ".join(sorted(kinds.index)[:4])
            raise InputError(
                f"{where}: barcodes of several libraries ({written}), {why}; give each library as a sample"
            )
        else:
            warnings = [Note(f"{where}: {odd} of {len(barcodes)} barcodes keep what they have in place of {usual}")]
    if usual not in ("*", "*-1"):
        example = barcodes[kind == usual].iloc[0]
        text = f"barcodes are written {example}; only the nucleotides are compared ({usual})"
        warnings.append(Note(f"{where}: {text}"))
    return barcodes.where(kind != usual, table["core"]), warnings


def _simple(text: str) -> str:
    """Letters and digits of a name, of what is around barcodes without the number of the library (`*-1`)."""
    return re.sub(r"\*-\d+|[^a-z0-9]", "", text.lower())


def fitting(contigs: Any, cells: Any) -> Any:
    """The contigs without libraries that have no more barcodes in common with the cells (cell ids) than chance gives.

    contigs: of READ_CELLRANGER, one sample. Libraries of fewer than MIN_LIBRARY cells are not judged.
    """
    called = contigs[contigs["is_cell"] & contigs["high_confidence"]]
    unfit = []
    for library, ids in called.groupby("library")["cell_id"].agg(set).items():
        if len(ids) >= MIN_LIBRARY and not more_than_chance(len(ids & set(cells)), len(ids), len(cells)):
            unfit.append(library)
    return contigs[~contigs["library"].isin(unfit)]
