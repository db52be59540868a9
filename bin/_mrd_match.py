#!/usr/bin/env python3
"""Bulk MRD rearrangements matched to the chains of single cells, with the reason for each non-match."""

import re
from collections.abc import Sequence
from pathlib import Path

from _tables import read_text_table

import numpy as np

NEAR_DAYS = 30  # a bulk value further than this from a sample is not compared with it
FAR = 10_000  # distance of junctions that cannot be compared
AMINO = "ACDEFGHIKLMNPQRSTVWYX*"


def genes(call: str | None) -> frozenset[str]:
    """Gene names of a call: alleles dropped, ambiguous calls expanded, upper case; empty where missing."""
    names = re.split(r"[,;/|\s]+|\bor\b", call) if isinstance(call, str) else []
    names = (re.sub(r"\*.*", "", name).upper() for name in names)
    return frozenset(name for name in names if name not in ("", "NA", "NONE", "NAN", "UNKNOWN", "-", "."))


def letters(text: str | None, allowed: str) -> str:
    """Upper-case sequence without blanks and gaps; '' where missing or with letters that are not allowed."""
    text = re.sub(r"[\s.\-]", "", text).upper() if isinstance(text, str) else ""
    return text if set(text) <= set(allowed) else ""


def read_bulk(path: Path, patient: str):
    """Bulk clones of a patient (a row each; gene sets v and j, junctions nt and aa), and their curve."""
    import pandas as pd

    needed = ("patient", "day", "clone", "locus")
    table = read_text_table(path, needed)
    table = table.where(table != "")[table["patient"] == patient].reindex(
        columns=["clone", "day", "locus", "v_call", "j_call", "junction", "junction_aa", "fraction", "limit"]
    )
    bulk = table.groupby("clone", sort=False).first().reset_index()
    bulk["locus"] = bulk["locus"].fillna(bulk["v_call"].str[:3]).fillna("").str.strip().str.upper()
    bulk["v"], bulk["j"] = bulk["v_call"].map(genes), bulk["j_call"].map(genes)
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


def unobservable(row: dict) -> str:
    """Why a rearrangement can never be in a V(D)J library; '' where it can."""
    names = {row["locus"], *row["v"], *row["j"]}
    if any("KDE" in name for name in names):
        return "locus not in a V(D)J library: kappa-deleting rearrangements (IGKDE) are not transcribed as V-J"
    if any("INTR" in name or "RSS" in name for name in names):
        return "locus not in a V(D)J library: intron-RSS rearrangements are not transcribed as V-J"
    if any(re.match(r"(IGH|TRB|TRD)D", name) for name in row["v"]):
        return "incomplete D-J rearrangement: without a V gene there is no V(D)J contig"
    return ""


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


def match(row: dict, chains, limit: int) -> tuple[np.ndarray, int | None, str, str]:
    """Rearrangements of the patient's cells that a bulk clone matches.

    row: a bulk clone. chains: unique locus, v, j (gene sets), junction, junction_aa. In order: junction
    nucleotides exactly, within `limit` mismatches, amino acids exactly; V and J must share a gene where
    both sides know it. Returns (mask over chains, distance or None, how, reason where nothing matches).
    """
    here = (chains["locus"] == row["locus"]).to_numpy()
    if not here.any():
        return here, None, "", f"no {row['locus']} chain in the patient's V(D)J libraries"
    same = {
        gene: np.array([not row[gene] or not known or bool(row[gene] & known) for known in chains[gene]])
        for gene in ("v", "j")
    }
    fits = here & same["v"] & same["j"]
    near = np.full(len(chains), FAR)
    if row["nt"]:
        near = np.where(here, mismatches(row["nt"], chains["junction"].tolist(), 3), FAR)
        if near[fits].min(initial=FAR) <= limit:
            best = int(near[fits].min())
            words = "junction nucleotides" if best == 0 else f"junction nucleotides, {best} mismatches"
            return fits & (near <= limit), best, words, ""
    if row["aa"]:
        by_letters = np.where(here, mismatches(row["aa"], chains["junction_aa"].tolist(), 1), FAR)
        if (fits & (by_letters == 0)).any():
            chosen = fits & (by_letters == 0)
            apart = int(near[chosen].min())
            return chosen, apart if apart < FAR else None, "junction amino acids", ""
        near = np.minimum(near, np.where(by_letters == 0, 0, FAR))
    if not row["nt"] and not row["aa"]:
        return fits & False, None, "", "the bulk row has no junction that can be read"
    if (near <= limit).any():
        gene = "v" if not same["v"][near <= limit].any() else "j"
        seen = "/".join(sorted(chains[gene][near.argmin()]))
        return fits & False, None, "", f"{gene.upper()} differs: the same junction is seen with {seen}"
    return fits & False, None, "", ""


def carriers(bulk, chains, limit: int):
    """Matches of all bulk clones.

    bulk: of `read_bulk`. chains: own chains of kept cells, with cell_id. Returns (matches: one row per bulk
    clone; cells: clone, cell_id, chain_type of the matched chain).
    """
    import pandas as pd

    names = ["locus", "v_call", "j_call", "junction", "junction_aa"]
    chains = chains.assign(**{name: chains[name].fillna("").astype(str) for name in names})
    number = chains.groupby(names, sort=False).ngroup().to_numpy()
    unique = chains.drop_duplicates(names).reset_index(drop=True)
    for gene in ("v", "j"):
        unique[gene] = unique[f"{gene}_call"].map(genes)
    for name in ("junction", "junction_aa"):
        unique[name] = unique[name].str.upper()
    matches, cells = [], [chains.iloc[:0][["cell_id", "chain_type"]].assign(clone="")]
    for row in bulk.to_dict("records"):
        matching, distance, how, reason = np.zeros(len(unique), bool), None, "", unobservable(row)
        if not reason:
            matching, distance, how, reason = match(row, unique, limit)
        hits = chains[matching[number]].drop_duplicates("cell_id")
        cells.append(hits[["cell_id", "chain_type"]].assign(clone=row["clone"]))
        kept = {name: row[name] for name in ("clone", *names)}
        matches.append(kept | {"distance": distance, "matched_by": how, "n_carriers": len(hits), "reason": reason})
    columns = ["clone", *names, "distance", "matched_by", "n_carriers", "reason"]
    table = pd.DataFrame(matches, columns=columns).astype({"distance": "Int64"})
    return table, pd.concat(cells, ignore_index=True)
