#!/usr/bin/env python3
"""Bulk MRD rearrangements matched to the chains of single cells, with the reason for each non-match."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from _genes import Genes
from _mrd_testable import JUNCTION, kind_by_genes, kind_by_sequence, reverse_complement, whole_junction
from _receptors import translated
from _tables import read_text_table

import numpy as np

NEAR_DAYS = 30  # a bulk value further than this from a sample is not compared with it
FAR = 10_000  # distance of junctions that cannot be compared
WINDOW = 36  # bases of a junction that a window must hold: more than a J gene gives to it (IGHJ6: 30)
KNOWN = 2 / 3  # least part of a junction that is known (no N, no X)
AMINO = "ACDEFGHIKLMNPQRSTVWYX*"


class Shown:
    """What a V(D)J library can show: library in which each locus is sequenced, and why other rearrangements are not testable (reason, note)."""

    def __init__(self, path: Path):
        table = read_text_table(path, ("rearrangement", "loci", "library", "reason", "note"))
        rows = table[table["library"] != ""].itertuples()
        self.library = {locus.upper(): row.library for row in rows for locus in row.loci.split()}
        self.reason = dict(zip(table["rearrangement"], table["reason"], strict=True))
        self.note = dict(zip(table["rearrangement"], table["note"], strict=True))


def letters(text: str | None, allowed: str) -> str:
    """Upper-case sequence without blanks and gaps; '' where missing, mostly N or X, or with letters that are not allowed."""
    text = re.sub(r"[\s.\-]", "", text).upper() if isinstance(text, str) else ""
    unknown = text.count("X" if allowed == AMINO else "N")
    return text if set(text) <= set(allowed) and len(text) - unknown >= KNOWN * len(text) else ""


def read_bulk(path: Path, patient: str, genes: Genes):
    """Bulk clones of a patient (a row each; gene sets v and j, junctions nt and aa), and their curve."""
    import pandas as pd

    needed = ("patient", "day", "clone", "locus")
    table = read_text_table(path, needed)
    table = table.where(table != "")[table["patient"] == patient].reindex(
        columns=["clone", "day", "locus", "v_call", "j_call", "junction", "junction_aa", "fraction", "limit"]
    )
    bulk = table.groupby("clone", sort=False).first().reset_index()
    bulk["locus"] = bulk["locus"].fillna(bulk["v_call"].str[:3]).fillna("").str.strip().str.upper()
    bulk = bulk.astype(object).where(bulk.notna(), None)
    for segment in ("v", "j"):
        starts = bulk["locus"] + segment.upper()
        calls = zip(bulk[f"{segment}_call"], starts, strict=True)
        bulk[segment] = [genes.read(call, start) for call, start in calls]
    bulk["nt"] = bulk["junction"].map(lambda text: letters(text, "ACGTN"))
    bulk["aa"] = bulk["junction_aa"].map(lambda text: letters(text, AMINO))
    curve = table[["clone", "day", "fraction", "limit"]].copy()
    for name in ("day", "fraction", "limit"):
        curve[name] = pd.to_numeric(curve[name], errors="coerce")
    return bulk, curve.dropna(subset=["clone", "day", "fraction"])


def nearest_bulk(curve, days: Sequence[int]) -> np.ndarray:
    """Bulk fraction nearest to each sample day; NaN where there is none within NEAR_DAYS."""
    fractions = np.full(len(days), np.nan)
    for i, day in enumerate(days):
        apart = (curve["day"] - day).abs()
        if (apart <= NEAR_DAYS).any():
            fractions[i] = curve.loc[apart.idxmin(), "fraction"]
    return fractions


def mismatches(wanted: str, junctions: Sequence[str], step: int) -> np.ndarray:
    """Differing letters between a bulk junction and each of the cells' (FAR: not of one length).

    Either may lack the conserved residues (`step` letters at both ends); N fits everything.
    """
    best, lengths = np.full(len(junctions), FAR), np.array([len(text) for text in junctions], int)
    trimmed = wanted[step:-step] if len(wanted) > 2 * step else ""
    for target, cut, length in ((wanted, 0, 0), (wanted, step, 2 * step), (trimmed, 0, -2 * step)):
        rows = np.flatnonzero(lengths == len(wanted) + length)
        if not len(rows) or not target:
            continue
        texts = "".join(junctions[i][cut : len(junctions[i]) - cut] for i in rows)
        a = np.frombuffer(texts.encode(), np.uint8).reshape(len(rows), -1)
        b = np.frombuffer(target.encode(), np.uint8)
        best[rows] = np.minimum(best[rows], ((a != b) & (a != ord("N")) & (b != ord("N"))).sum(1))
    return best


def slide(wanted: str, junctions: Sequence[str], limit: int) -> tuple[np.ndarray, np.ndarray]:
    """A sequence laid over each of the cells' junctions at every place: differing letters at the best, and whether all is covered.

    Of what covers only a part of a junction, WINDOW bases or more, `limit` falls in proportion. FAR where no place is within it.
    """
    best, whole = np.full(len(junctions), FAR), np.zeros(len(junctions), bool)
    lengths, target = np.array([len(text) for text in junctions], int), np.frombuffer(wanted.encode(), np.uint8)
    for length in np.unique(lengths[lengths > 0]):  # 0: known as amino acids only
        rows = np.flatnonzero(lengths == length)
        texts = np.frombuffer("".join(junctions[i] for i in rows).encode(), np.uint8).reshape(len(rows), -1)
        least = min(WINDOW, length)
        for start in range(least - length, len(wanted) - least + 1):  # of the junction, in the sequence
            a = texts[:, max(0, -start) : len(wanted) - start]
            b = target[max(0, start) : start + length]
            if len(b) < least:
                continue
            apart = ((a != b) & (a != ord("N")) & (b != ord("N"))).sum(1)
            apart = np.where(apart <= limit * len(b) // length, apart, FAR)
            better = apart < best[rows]
            best[rows[better]], whole[rows[better]] = apart[better], len(b) == length
    return best, whole


def ways(wanted: str, junctions: Sequence[str], limit: int) -> Iterator[tuple[str, np.ndarray]]:
    """In order of weight, how a bulk sequence may fit the cells' junctions: in words, with the differing letters of each."""
    strands = {"": wanted, ", reverse complement": reverse_complement(wanted)}
    for strand, text in strands.items():
        yield f"junction nucleotides{strand}", mismatches(text, junctions, 3)
    laid = {strand: slide(text, junctions, limit) for strand, text in strands.items()}
    for strand, (apart, whole) in laid.items():
        yield f"junction within a sequence of {len(wanted)} nt{strand}", np.where(whole, apart, FAR)
    if not any(JUNCTION.fullmatch(text) for text in strands.values()):  # a whole junction is no window of another
        for strand, (apart, whole) in laid.items():
            yield f"window of {len(wanted)} nt{strand}", np.where(whole, FAR, apart)


def one_rearrangement(junctions: Sequence[str], limit: int) -> bool:
    """Whether junctions are of one rearrangement: of one length, none further than `limit` from the first."""
    return bool((mismatches(junctions[0], junctions, 0) <= limit).all())


def match(row: dict, chains, limit: int, genes: Genes) -> tuple[np.ndarray, int | None, str, str]:
    """Rearrangements of the patient's cells that a bulk clone matches.

    row: a bulk clone. chains: of its locus, unique v, j (gene sets), junction, junction_aa. In order: junction nucleotides
    within `limit` mismatches, the junction within a longer sequence, a window of it, amino acids exactly; either strand. V and
    J must share a gene where both sides know it, with genes that a bulk read cannot tell apart as one; of a V family alone
    the junction must be identical. Cells known by amino acids only are compared with the translated junction. Returns (mask
    over chains, distance or None, how, reason where nothing matches).
    """
    nothing = np.zeros(len(chains), bool)
    if chains.empty:
        return nothing, None, "", f"no {row['locus']} chain in the patient's V(D)J libraries"
    same = {}
    for gene in ("v", "j"):
        wide = genes.for_bulk(row[gene])
        same[gene] = np.array([not row[gene] or not known or not wide.isdisjoint(known) for known in chains[gene]])
    family = np.array([genes.in_family(row["v"], known) for known in chains["v"]])
    fits, akin = same["v"] & same["j"], family & same["j"]
    junctions, nearest = chains["junction"].tolist(), np.full(len(chains), FAR)
    bare = (chains["junction"] == "").to_numpy()  # known by amino acids only
    acids = row["aa"] or translated(whole_junction(row["nt"])) or ""
    identical = (mismatches(acids, chains["junction_aa"].tolist(), 1) == 0) & (bare | (row["aa"] != ""))
    for words, apart in ways(row["nt"], junctions, limit) if row["nt"] else ():
        window = words.startswith("window")
        if window and not row["v"]:  # D and J alone are shared by chance
            continue
        chosen = (fits & (apart <= limit)) | (akin & (apart == 0) & (not window))
        nearest = np.minimum(nearest, apart)
        if not chosen.any():
            continue
        best = np.where(chosen, apart, FAR).argmin()
        of_chosen = [junctions[best], *(junctions[i] for i in np.flatnonzero(chosen))]
        if window and not one_rearrangement(of_chosen, limit):
            why = f"a {words} that fits several rearrangements of the cells, give the whole junction"
            return nothing, None, "", why
        return chosen | ((fits | akin) & identical & bare), int(apart[best]), words, ""
    chosen = (fits | akin) & identical
    if chosen.any():
        number = int(nearest[chosen].min())
        return chosen, number if number < FAR else None, "junction amino acids", ""
    nearest = np.minimum(nearest, np.where(identical, 0, FAR))
    if (nearest <= limit).any():
        gene = "v" if not same["v"][nearest <= limit].any() else "j"
        seen, number = "/".join(sorted(chains[gene].iloc[nearest.argmin()])), int(nearest.min())
        alike = f"a junction with {number} mismatch{'es' if number > 1 else ''}" if number else "the same junction"
        return nothing, None, "", f"{gene.upper()} differs: {alike} is seen with {seen}"
    return nothing, None, "", "most junctions of the cells are known as amino acids only" if bare.mean() > 0.5 else ""


def carriers(bulk, chains, limit: int, genes: Genes, shown: Shown):
    """Matches of all bulk clones.

    bulk: of `read_bulk`. chains: own chains of kept cells, with cell_id. Returns (matches: one row per bulk clone, with reason,
    why it is not testable, kind and note of the table `shown`; cells: clone, cell_id, chain_type of the matched chain).
    """
    import pandas as pd

    names = ["locus", "v_call", "j_call", "junction", "junction_aa"]
    chains = chains.assign(**{name: chains[name].fillna("").astype(str) for name in names})
    number = chains.groupby(names, sort=False).ngroup().to_numpy()
    unique = chains.drop_duplicates(names).reset_index(drop=True)
    for gene in ("v", "j"):
        unique[gene] = unique[f"{gene}_call"].map(genes.read)
    for name in ("junction", "junction_aa"):
        unique[name] = unique[name].str.upper()
    matches, cells = [], [chains.iloc[:0][["cell_id", "chain_type"]].assign(clone="")]
    for row in bulk.to_dict("records"):
        matching, distance, how, reason = np.zeros(len(unique), bool), None, "", ""
        kind = kind_by_genes(row)
        if not kind:
            of_locus = np.flatnonzero(unique["locus"] == row["locus"])
            matching[of_locus], distance, how, reason = match(row, unique.iloc[of_locus], limit, genes)
            others = sorted(set(unique.loc[unique["junction"] == row["nt"], "locus"]) - {row["locus"]})
            if others and not matching.any():
                reason = f"locus differs: the same junction is seen as {'/'.join(others)}"
            kind = "" if matching.any() or reason else kind_by_sequence(row)
        hits = chains[matching[number]].drop_duplicates("cell_id")
        cells.append(hits[["cell_id", "chain_type"]].assign(clone=row["clone"]))
        kept = {name: row[name] for name in ("clone", *names)}
        why = {"reason": shown.reason.get(kind, reason), "kind": kind, "note": shown.note.get(kind, "")}
        matches.append(kept | {"distance": distance, "matched_by": how, "n_carriers": len(hits)} | why)
    columns = ["clone", *names, "distance", "matched_by", "n_carriers", "reason", "kind", "note"]
    table = pd.DataFrame(matches, columns=columns).astype({"distance": "Int64"})
    return table, pd.concat(cells, ignore_index=True)
