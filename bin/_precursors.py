#!/usr/bin/env python3
"""B-lineage precursors by their own genes, whatever they are called, and the therapies after which they are a finding.

A precursor is a leukaemic blast or a haematogone (its normal counterpart of regenerating marrow). It shows at least two genes of
the B lineage and two of immaturity (assets/precursor_genes.tsv), each set beyond the sample's ambient RNA and beyond what the
nearest other cells show, and neither a T-cell receptor nor the genes of another type.
"""

import re
from collections.abc import Sequence

from _errors import InputError
from _receptors import with_library
from _shares import wilson

import numpy as np

COLUMNS = ("gene", "role", "kind", "per_10k", "background", "blast", "source")
SOUP = 0.1  # share of a cell's counts that is taken for ambient RNA, of the mean composition of the sample's cells
TWO = 2  # genes of a set that a cell shows; cells in which an antigen is seen
BY_SOUP = 0.05  # a set counts where soup alone gives as many counts or more with at most this chance,
BY_BACKGROUND = 0.01  # and the nearest other cells with at most this one, which are taken to show
TIMES = {"lineage": 4, "immature": 1}  # so many times `background`: stem cells are primed in part
BY_SOUP_OTHER, OF_OTHER = 0.01, 0.2  # another type: that chance, and least share of what its cells show
EARLY = ("CD34", "DNTT")  # of the first stages
LIGHT, ONE_LIGHT, BY_SOUP_LIGHT = 8, 0.9, 1e-3  # light chain: counts, share of one kind, chance by soup
MEASURED = 2  # genes of a set that a matrix must hold
LEAST = 3  # precursors in a sample from which they are a finding
RECOGNISED = 0.5  # least mean chance to recognise a blast with half the counts of `blast`, for `none` to mean anything
MIXED = 0.2  # least share of precursors with a light chain, for these to speak for all of them
# Polyclonal: least share of precursors with a receptor, largest clone among these.
WITH_BCR, LARGEST = 0.3, 0.05
HALF = 0.5  # of the receptors: above it one clone dominates; no clone may reach it where they are called polyclonal
ANTIGENS = ("CD19", "CD22")
ALMOST_CERTAIN = 0.01  # chance by soup of as many cells with an antigen, below which it is present

# Words by which a therapy against CD19 or CD22 is recognised in a table of events, in lower case and without blanks or hyphens.
DRUGS = {
    "CD19": (
        "tisagenlecleucel", "tisacel", "kymriah", "ctl019", "axicabtagene", "axicel", "yescarta", "brexucabtagene", "brexucel",
        "tecartus", "ktex19", "ktec19", "lisocabtagene", "lisocel", "breyanzi", "jcar017", "obecabtagene", "obecel", "aucatzyl",
        "relmacabtagene", "relmacel", "inaticabtagene", "varnimcabtagene", "fmc63", "blina", "blincyto", "tafasitamab",
        "loncastuximab",
    ),
    "CD22": ("inotuzumab", "besponsa", "moxetumomab", "epratuzumab"),
}  # fmt: skip
CAR = re.compile(r"car(?:t|cell|nk|infusion)|chimericantigen")  # its target is CD19 unless another is named
OTHER_TARGET = re.compile(
    r"bcma|gprc5d|flt3|ror1|cll1|idecel|idecabtagene|abecma|ciltacel|ciltacabtagene|carvykti|cd\d"
)
# What makes a bare `CD19` a therapy; what prepares one, unless the same event infuses.
GIVEN = re.compile(r"car|anti|bispecific|engager|infus|therap|treat|drug")
PREPARED = re.compile(r"pheresis|collect|harvest|manufactur|lymphodepl|bridging")
INTENDED = re.compile(r"planned|screen|consent|refer")
NO_THERAPY = re.compile(r"diagnos|respon|relapse|remission|sampl|biops")  # kinds of events


def targets(event: str, kind: str) -> list[str]:
    """The antigens, of CD19 and CD22, that an event of a table is directed to; none where it gives nothing."""
    kind = str(kind).lower()
    text = re.sub(r"[\s_-]+", "", str(event).lower())
    if NO_THERAPY.search(kind) or INTENDED.search(text) or (PREPARED.search(text) and "infus" not in text):
        return []
    named = [antigen for antigen, words in DRUGS.items() if any(word in text for word in words)]
    if GIVEN.search(text) or GIVEN.search(kind):
        named += [antigen for antigen in ANTIGENS if re.search(rf"{antigen.lower()}(?!\d)", text)]
    other = OTHER_TARGET.search(re.sub(r"cd(?:19|22)(?!\d)", "", text))
    if CAR.search(text) and not named and not other:
        named = ["CD19"]
    return [antigen for antigen in ANTIGENS if antigen in named]


def directed_therapies(events):
    """The events (table: day, event, kind) that are therapies against CD19 or CD22, by day: day, event, CD19, CD22 (bool)."""
    import pandas as pd

    found = [targets(row.event, row.kind) for row in events.itertuples()]
    table = pd.DataFrame({"day": events["day"].to_numpy(), "event": events["event"].to_numpy(str)})
    for antigen in ANTIGENS:
        table[antigen] = [antigen in named for named in found]
    return table[table[list(ANTIGENS)].any(axis=1)].sort_values("day", kind="stable").reset_index(drop=True)


def checked_genes(table):
    """The table of genes (all text) with rates as numbers; an InputError where a role or a rate is missing."""
    import pandas as pd

    roles = set(table["role"])
    if unknown := roles - {"lineage", "immature", "other", "light"}:
        raise InputError(f"precursor genes: role '{min(unknown)}' is unknown; write lineage, immature, other or light")
    rates = {name: pd.to_numeric(table[name], errors="coerce") for name in ("per_10k", "background", "blast")}
    table = table.assign(**rates)
    own = table["role"].isin(["lineage", "immature"])
    of_others = table.loc[table["role"] == "other", "per_10k"]
    if table.loc[own, [*rates]].isna().any(axis=None) or of_others.isna().any():
        raise InputError(
            "precursor genes: a lineage or immature gene needs per_10k, background and blast, another per_10k"
        )
    return table.drop_duplicates("gene", ignore_index=True)


def recognised(umis: np.ndarray, rates: dict[str, np.ndarray]) -> np.ndarray:
    """(N,) chance that a cell with these UMIs shows two genes of each set, if it expresses them at these rates (per 10,000)."""
    chance = np.ones(len(umis))
    for of_genes in rates.values():
        mean = umis[:, None] * of_genes / 1e4
        none = np.exp(-mean.sum(1))
        chance *= np.clip(1 - none - none * np.expm1(mean).sum(1), 0, 1)
    return chance


def find_precursors(counts, umis: np.ndarray, genes, measured: np.ndarray, with_tcr: np.ndarray):
    """What the genes say of N cells of one sample, whose mean composition stands for its ambient RNA.

    counts: CSR (N, G) of the table's genes; umis: (N,) counts of all genes; genes: of checked_genes; measured: (G,) whether the
    matrix holds the gene; with_tcr: (N,) whether the cell has a T-cell receptor.

    Returns a table of N rows: b_lineage (two lineage genes), precursor, doublet (a precursor's genes and those of another type, or
    a T-cell receptor), early (CD34 or DNTT), light_chain (kappa, lambda or ''), recognised (chance that a weak blast of these UMIs would
    be), and of CD19 and CD22: shown (any count), by_soup (chance that soup would show it), expected (that a precursor would).
    None where fewer than MEASURED genes of a set are measured.
    """
    import pandas as pd
    from scipy.stats import poisson

    role, kind = genes["role"].to_numpy(), genes["kind"].to_numpy()
    sets = {name: np.flatnonzero((role == name) & measured) for name in ("lineage", "immature")}
    if any(len(columns) < MEASURED for columns in sets.values()):
        return None
    counts = np.asarray(counts.todense(), dtype=float)
    profile = counts.sum(0) / max(umis.sum(), 1)

    def by_chance(columns: np.ndarray, rate: float) -> np.ndarray:
        """(N,) chance of as many counts or more of the columns together, at a rate per UMI."""
        return poisson.sf(counts[:, columns].sum(1) - 1, rate * umis)

    def shows_two(columns: np.ndarray) -> np.ndarray:
        return (counts[:, columns] > 0).sum(1) >= TWO

    shown = {}
    for name, columns in sets.items():
        nearest = TIMES[name] * genes["background"].to_numpy()[columns].sum() / 1e4
        shown[name] = shows_two(columns) & (by_chance(columns, SOUP * profile[columns].sum()) <= BY_SOUP)
        shown[name] &= by_chance(columns, nearest) <= BY_BACKGROUND
    other = with_tcr.copy()
    for name in sorted(set(kind[role == "other"])):
        columns = np.flatnonzero((role == "other") & (kind == name) & measured)
        strong = counts[:, columns].sum(1) >= OF_OTHER * genes["per_10k"].to_numpy()[columns].sum() / 1e4 * umis
        other |= shows_two(columns) & strong & (by_chance(columns, SOUP * profile[columns].sum()) <= BY_SOUP_OTHER)
    both = shown["lineage"] & shown["immature"]
    half = {name: genes["blast"].to_numpy()[columns] / 2 for name, columns in sets.items()}
    table = pd.DataFrame({
        "b_lineage": shown["lineage"] & ~other, "precursor": both & ~other, "doublet": both & other,
        "early": counts[:, np.flatnonzero(genes["gene"].isin(EARLY))].sum(1) > 0, "recognised": recognised(umis, half),
    })  # fmt: skip
    by_kind = {name: np.flatnonzero((role == "light") & (kind == name)) for name in ("kappa", "lambda")}
    both_kinds = np.concatenate(list(by_kind.values()))
    total = counts[:, both_kinds].sum(1)
    own = (total >= LIGHT) & (by_chance(both_kinds, SOUP * profile[both_kinds].sum()) <= BY_SOUP_LIGHT)
    of_one = [own & (counts[:, columns].sum(1) >= ONE_LIGHT * total) for columns in by_kind.values()]
    table["light_chain"] = np.select(of_one, list(by_kind), "")
    for antigen in ANTIGENS:
        at = int(np.flatnonzero(genes["gene"] == antigen)[0])
        table[f"{antigen}_shown"] = counts[:, at] > 0
        table[f"{antigen}_by_soup"] = -np.expm1(-SOUP * profile[at] * umis)
        table[f"{antigen}_expected"] = -np.expm1(-genes["per_10k"][at] / 1e4 * umis)
    return table


def antigen_state(shown: Sequence[bool], by_soup: Sequence[float], expected: Sequence[float]) -> tuple[str, float]:
    """(present, lost or undecided; share of the cells that would show it) for an antigen of a sample's precursors.

    Present: more cells show it than soup would make. Lost: the upper 95 % bound of those that show it is below half of what cells
    with the antigen would show at this depth; a weak antigen is called so too.
    """
    from scipy.stats import poisson

    n, expected_share = int(np.sum(shown)), float(np.mean(expected))
    if n >= TWO and poisson.sf(n - 1, np.sum(by_soup)) <= ALMOST_CERTAIN:
        return "present", expected_share
    high = float(wilson(n, len(shown))[2])
    return ("lost" if high < expected_share / 2 else "undecided"), expected_share


def reading(n: int, early: int, kappa: int, lambda_: int, with_bcr: int, largest: int) -> str:
    """What n precursors of a sample may be: polyclonal, one clone, all stages or open; `none` where they are fewer than LEAST.

    polyclonal: at least WITH_BCR of them have a B-cell receptor, no clone has more than LARGEST of these (or more than one cell),
    and with 95 % none has half of them. one clone: with 95 % one has more than half. all stages: at least LEAST each are of the
    first stages, with kappa and with lambda, and those with a light chain are at least MIXED of all. Leukaemias stop at one stage.
    """
    if n < LEAST:
        return "none"
    _, low, high = map(float, wilson(largest, with_bcr))
    if with_bcr and low > HALF:
        return "one clone"
    if with_bcr >= WITH_BCR * n and largest <= max(1, LARGEST * with_bcr) and high < HALF:
        return "polyclonal"
    if min(early, kappa, lambda_) >= LEAST and kappa + lambda_ >= MIXED * n:
        return "all stages"
    return "open"


def of_sample(cells, therapies) -> dict:
    """The row of precursors.tsv of a sample, without its names.

    cells: the sample's kept cells with what find_precursors says (all missing where the genes are not measured), cell_type, day
    libraries and clone (of B-cell receptors, missing where none). therapies: of directed_therapies, or None without a table of events.
    """
    row = {"cells": len(cells)}
    day = cells["day"].iloc[0]
    before = None if therapies is None else therapies[therapies["day"] < day]
    row["after"] = "unknown" if before is None else "yes" if len(before) else "no"
    row["therapy"] = before["event"].iloc[-1] if row["after"] == "yes" else None
    row["therapy_day"] = int(before["day"].iloc[-1]) if row["after"] == "yes" else None
    row["target"] = " ".join(name for name in ANTIGENS if row["after"] == "yes" and before[name].any()) or None
    if cells["precursor"].isna().any():
        return row | {"reading": "not testable"}
    held = cells[cells["precursor"].astype(bool)]
    clones = held["clone"].dropna().value_counts()
    row |= {"b_lineage": int(cells["b_lineage"].sum()), "n": len(held), "total": len(cells)}
    row["share"], row["low"], row["high"] = map(float, wilson(len(held), len(cells)))
    row |= {"doublets": int(cells["doublet"].sum()), "recognised": float(cells["recognised"].mean())}
    row["named"] = held["cell_type"].value_counts().index[0] if len(held) else None
    row |= {"early": int(held["early"].sum()), "kappa": int((held["light_chain"] == "kappa").sum())}
    row |= {"lambda": int((held["light_chain"] == "lambda").sum())}
    receptors = {"with_bcr": int(clones.sum()), "largest_clone": int(clones.max()) if len(clones) else 0}
    row["reading"] = reading(len(held), *(row[name] for name in ("early", "kappa", "lambda")), *receptors.values())
    row |= receptors if len(with_library(cells, "BCR")) else {}
    if row["reading"] == "none" and row["recognised"] < RECOGNISED:
        row["reading"] = "not testable"
    for antigen in ANTIGENS if len(held) else ():
        name = antigen.lower()
        about = [held[f"{antigen}_{what}"].to_numpy() for what in ("shown", "by_soup", "expected")]
        row[name], row[f"{name}_expected"] = antigen_state(*about)
        row[f"{name}_n"] = int(about[0].sum())
        _, row[f"{name}_low"], row[f"{name}_high"] = map(float, wilson(row[f"{name}_n"], len(held)))
    return row


ANTIGEN_COLUMNS = [f"{name}{what}" for name in ("cd19", "cd22") for what in ("", "_n", "_low", "_high", "_expected")]
ROW = [
    "patient", "sample", "timepoint", "day", "cells", "b_lineage", "n", "total", "share", "low", "high", "doublets", "recognised",
    "reading", "named", "early", "kappa", "lambda", "with_bcr", "largest_clone", *ANTIGEN_COLUMNS, "after", "therapy",
    "therapy_day", "target",
]  # fmt: skip
WHOLE = (
    "cells",
    "b_lineage",
    "n",
    "total",
    "doublets",
    "early",
    "kappa",
    "lambda",
    "with_bcr",
    "largest_clone",
    "cd19_n",
    "cd22_n",
    "therapy_day",
)


def by_sample(cells, patient: str, therapies):
    """precursors.tsv: a row per sample of a patient, in order of days. cells, therapies: as of_sample takes them, and `sample`."""
    import pandas as pd

    rows = [
        {"patient": patient, "sample": sample, "timepoint": sampled["timepoint"].iloc[0], "day": day}
        | of_sample(sampled, therapies)
        for (day, sample), sampled in cells.groupby(["day", "sample"], observed=True)
    ]
    table = pd.DataFrame(rows).reindex(columns=ROW)
    return table.astype({name: "Int64" for name in WHOLE})
