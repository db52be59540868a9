#!/usr/bin/env python3
"""Receptor rearrangements that samples of two patients share: clones, index hopping and public chains told apart."""

from collections.abc import Iterable

GERMLINE_NT = 30  # a heavy junction shorter than this can arise twice
LIGHT_OF = {"IGH": ("IGK", "IGL"), "TRB": ("TRA",)}
INVARIANT = r"TRAV1-2\S* TRAJ(?:33|12|20)\b|TRAV10\S* TRAJ18\b"  # MAIT and iNKT cells
SHARED = ["sample", "other", "locus", "v_call", "j_call", "junction", "junction_aa"]
SHARED += ["cells", "other_cells", "same_barcodes", "kind"]
# What a finding says; the sample it is about is named beside it.
WORDS = {
    "chains": "{n} of its {loci} rearrangements ({cells} cells) are in {others} of patient {patient} ({there}), {how}",
    "hopped": "mostly with the same barcodes: index hopping, reads of one library are in the other",
    "IGH": "with other barcodes: cells were mixed, or samples exchanged",
    "TRB": "with other barcodes: index hopping or carry-over of a large clone, a public clone (one that arises in many people), "
    "or samples exchanged",
    "public": "{n} of its {loci} rearrangements ({cells} cells) are in {others} of other patients, with other barcodes and no common "
    "light or alpha chain: public clones, which arise in many people, or index hopping or carry-over of a large clone",
}


def shared_chains(receptors, patients: dict[str, str]):
    """Heavy chains (IGH, TRB) with one nucleotide junction in samples of two patients; rows: ordered pairs.

    kind: clone (a light or alpha junction, or a barcode, is shared as well); heavy only (IGH of 30 nt or more
    whose partner is unknown on one side); public (other partners; TRB without known partner; shorter IGH;
    only an invariant TRA shared): such chains arise independently in different people and are no evidence.
    """
    import pandas as pd

    chains = receptors[receptors["productive"] & receptors["junction"].notna()]
    chains = chains.assign(patient=chains["sample"].map(patients))
    heavy = chains[chains["locus"].isin(LIGHT_OF)]
    heavy = heavy[heavy.groupby(["locus", "junction"])["patient"].transform("nunique") > 1]
    light = chains[~chains["locus"].isin(LIGHT_OF) & chains["cell_id"].isin(heavy["cell_id"])]
    genes = light["v_call"].fillna("").astype(str) + " " + light["j_call"].fillna("").astype(str)
    # An invariant chain fills the partner's place in its cell, but never speaks for a common origin.
    light = light.assign(junction=light["junction"].mask(genes.str.contains(INVARIANT), light["sample"]))
    partners = light.groupby(["cell_id", "locus"])["junction"].agg(set).to_dict()
    rows = []
    for (locus, junction), group in heavy.groupby(["locus", "junction"]):
        held = {}
        for sample, table in group.groupby("sample"):
            keys = [(cell, chain) for cell in set(table["cell_id"]) for chain in LIGHT_OF[locus]]
            held[sample] = (set(table["barcode"]), set().union(*(partners.get(key, set()) for key in keys)))
        for a, (cells, lights) in held.items():
            for b, (others, other_lights) in held.items():
                if patients[a] == patients[b]:
                    continue
                long = locus == "TRB" or len(junction) >= GERMLINE_NT
                lone = "heavy only" if locus == "IGH" and not (lights and other_lights) else "public"
                alike = bool(lights & other_lights) and long
                kind = "clone" if alike or cells & others else lone if long else "public"
                rows.append((a, b, locus, junction, len(cells), len(others), len(cells & others), kind))
    names = ["sample", "other", "locus", "junction", "cells", "other_cells", "same_barcodes", "kind"]
    return pd.DataFrame(rows, columns=names)


def some(names: Iterable[str]) -> str:
    """The first five of some names, and how many more there are."""
    names = sorted(set(names))
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def chain_findings(chains, patients: dict[str, str]) -> list[tuple[str, str, str]]:
    """What a sample shares with another patient: a warning, or a note where it is one cell on either side; a note on public chains."""

    def words_of(table) -> dict:
        once = table.drop_duplicates(["locus", "junction"])
        loci = " and ".join(sorted(set(once["locus"])))
        return {"n": len(once), "loci": loci, "cells": once["cells"].sum(), "others": some(table["other"])}

    findings = []
    evidence = chains[chains["kind"] != "public"]
    for (sample, patient), table in evidence.groupby(["sample", evidence["other"].map(patients)]):
        there = table["other_cells"].sum()
        words = words_of(table) | {"patient": patient, "there": there}
        hopped = 2 * table["same_barcodes"].sum() >= min(table["cells"].sum(), there)
        how = WORDS["hopped" if hopped else table["locus"].min()]  # IGH where there is one: the stronger evidence
        level = "warning" if max(words["cells"], there) > 1 else "note"
        findings.append((level, sample, WORDS["chains"].format(how=how, **words)))
    for sample, table in chains[chains["kind"] == "public"].groupby("sample"):
        findings.append(("note", sample, WORDS["public"].format(**words_of(table))))
    return findings


def shared_table(chains, receptors, patients: dict[str, str]):
    """shared_rearrangements.tsv: each chain that samples of two patients share, once for each pair of samples."""
    order = {sample: place for place, sample in enumerate(patients)}
    once = chains[chains["sample"].map(order) < chains["other"].map(order)]
    keys = ["sample", "locus", "junction"]
    named = receptors.drop_duplicates(keys)[[*keys, "v_call", "j_call", "junction_aa"]]
    table = once.merge(named, on=keys, how="left")[SHARED]
    table.insert(0, "patient", table["sample"].map(patients))
    table.insert(2, "other_patient", table["other"].map(patients))
    places = table.assign(a=table["sample"].map(order), b=table["other"].map(order))
    return table.loc[places.sort_values(["a", "b", "locus", "junction"]).index]
