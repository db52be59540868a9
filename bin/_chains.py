#!/usr/bin/env python3
"""Receptor chains of cells: contigs of kept cells, their rank and categories as scirpy has them, and the strongest own ones."""

from collections.abc import Iterable
from pathlib import Path

from _errors import InputError
from _receptors import chain_type

import numpy as np

COLUMNS = [
    "cell_id", "sample", "library", "sequence_id", "locus", "v_call", "d_call", "j_call", "c_call",
    "junction", "junction_aa", "productive", "duplicate_count", "consensus_count",
]  # fmt: skip
# Of two chains of a cell the one with more UMIs is the stronger, then with more reads; the junctions only settle ties.
STRENGTH = ["duplicate_count", "consensus_count", "junction", "junction_aa"]


def read_contigs(paths: Iterable[Path], kept):
    """Contigs of kept, called cells: COLUMNS and chain_type (VDJ, VJ or ''), one row per contig.

    kept: cell ids; contigs of other barcodes count nowhere.
    """
    import pandas as pd

    tables = []
    for path in paths:
        try:
            table = pd.read_parquet(path)
        except (OSError, ValueError) as problem:
            raise InputError(f"{path}: not a contig table ({problem}); make it with READ_CELLRANGER.") from problem
        missing = [name for name in COLUMNS if name not in table]
        if missing:
            raise InputError(f"{path}: column {', '.join(missing)} is missing; make it with READ_CELLRANGER.")
        trusted = np.ones(len(table), bool)
        for flag in ("is_cell", "high_confidence"):
            if flag in table:
                trusted &= table[flag].fillna(True).to_numpy(bool)
        tables.append(table.loc[trusted, COLUMNS])
    contigs = pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)
    contigs = contigs[contigs["cell_id"].isin(kept)].reset_index(drop=True)
    for name in ("duplicate_count", "consensus_count"):
        contigs[name] = pd.to_numeric(contigs[name]).fillna(0).astype(np.int64)
    contigs["productive"] = contigs["productive"].fillna(False).astype(bool)
    contigs["chain_type"] = chain_type(contigs["locus"])
    return contigs


def codes(table) -> np.ndarray:
    """Codes 0.. of the distinct rows of a table, in order of first appearance."""
    return table.groupby(list(table.columns), sort=False, dropna=False, observed=True).ngroup().to_numpy()


def index_chains(contigs) -> np.ndarray:
    """Rank of each contig in its cell, library and chain type: 1 primary, 2 secondary, 3.. surplus, 0 not usable.

    scirpy's receptor model (Sturm et al. 2020, doi 10.1093/bioinformatics/btaa611): productive contigs with
    an amino-acid junction, by STRENGTH, all descending.
    """
    import pandas as pd

    usable = (contigs["productive"] & contigs["junction_aa"].notna() & (contigs["chain_type"] != "")).to_numpy()
    table = contigs[usable]
    group = codes(table[["cell_id", "library", "chain_type"]])
    texts = [pd.factorize(table[name].fillna(""), sort=True)[0] for name in ("junction_aa", "junction")]
    order = np.lexsort([*(-text for text in texts), -table["consensus_count"], -table["duplicate_count"], group])
    first = np.r_[True, np.diff(group[order]) > 0] if len(order) else np.zeros(0, bool)
    start = np.maximum.accumulate(np.where(first, np.arange(len(order)), 0))
    rank = np.zeros(len(contigs), np.int64)
    rank[np.flatnonzero(usable)[order]] = np.arange(len(order)) - start + 1
    return rank


def chain_categories(chains):
    """scirpy's `chain_qc` of ranked chains. Index cell_id; receptor_type, receptor_subtype, chain_pairing."""
    import pandas as pd

    chains = chains[chains["rank"] > 0]
    cells = pd.Index(chains["cell_id"].unique(), name="cell_id")
    cell = cells.get_indexer(chains["cell_id"])
    locus, types, rank = (chains[name].to_numpy() for name in ("locus", "chain_type", "rank"))

    def any_of(mask):
        return np.bincount(cell[mask], minlength=len(cells)) > 0

    indexed = rank <= 2
    a, b, g, d = (any_of(indexed & (locus == name)) for name in ("TRA", "TRB", "TRG", "TRD"))
    heavy, kappa, lam = (any_of(indexed & (locus == name)) for name in ("IGH", "IGK", "IGL"))
    t, ig = a | b | g | d, heavy | kappa | lam
    multi = any_of(rank > 2)
    subtypes = {
        "multichain": multi,
        "TRA+TRB": (a | b) & ~(g | d | ig),
        "TRG+TRD": (g | d) & ~(a | b | ig),
        "IGH": heavy & ~(kappa | lam | t),
        "IGH+IGL": lam & ~(t | kappa),
        "IGH+IGK": kappa & ~(t | lam),
        "IGH+IGK/L": lam & kappa & heavy & ~t,
    }
    subtype = np.select(list(subtypes.values()), list(subtypes), "ambiguous")
    kind = np.select([multi, t & ~ig, ig & ~t], ["multichain", "TCR", "BCR"], "ambiguous")
    vj1, vj2, vdj1, vdj2 = (any_of((types == name) & (rank == n)) for name in ("VJ", "VDJ") for n in (1, 2))
    pairing = np.select(
        [multi, subtype == "ambiguous", vj2 & vdj2, vj1 & vdj2, vdj1 & vj2, vj1 & vdj1, vdj1],
        ["multichain", "ambiguous", "two full chains", "extra VDJ", "extra VJ", "single pair", "orphan VDJ"],
        "orphan VJ",
    )
    return pd.DataFrame({"receptor_type": kind, "receptor_subtype": subtype, "chain_pairing": pairing}, index=cells)


def read_own_chains(path: Path):
    """Productive chains that are the cells' own, of CHAINS' table of judged chains."""
    import pandas as pd

    chains = pd.read_parquet(path)
    return chains[(chains["verdict"] == "own") & (chains["rank"] > 0)]


def strongest_first(chains):
    """The chains by STRENGTH, the strongest first."""
    return chains.sort_values(STRENGTH, ascending=False, kind="stable")


def strongest(chains):
    """The strongest chain of each cell and chain type."""
    return strongest_first(chains).drop_duplicates(["cell_id", "chain_type"])
