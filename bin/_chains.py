#!/usr/bin/env python3
"""Receptor chains of cells: contigs of kept cells, their own chains, and the strongest of these."""

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
