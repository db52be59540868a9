#!/usr/bin/env python3
"""Pairs of ligand and receptor: their table, the watched ones among them, and the subunits that a sample measures."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from _tables import read_text_table

import numpy as np

SIDES = ("ligand", "receptor")
CHANGED = ("gained", "strengthened", "weakened", "lost")  # words for a pair between two times that say it moved


def read_pairs(path: Path):
    """Ligand and receptor of each pair, once each; subunits of a complex are joined by `_`."""
    return read_text_table(path, SIDES, comment="#").drop_duplicates(list(SIDES), ignore_index=True)


def read_watch_list(path: Path):
    """Pairs that are always reported: name, gene_a, gene_b."""
    return read_text_table(path, ("name", "gene_a", "gene_b"), comment="#")


def pair_genes(pairs) -> set[str]:
    """All genes of the pairs."""
    return {gene for side in SIDES for name in pairs[side] for gene in name.split("_")}


def watched(pairs, watch_list) -> np.ndarray:
    """Name of the watched pair that each pair is, '' where none: its genes on opposite sides, either way, alone or in complexes."""
    left, right = (pairs[side].str.split("_").map(set) for side in SIDES)
    names = np.full(len(pairs), "", dtype=object)
    for pair in watch_list.itertuples():
        a, b = pair.gene_a, pair.gene_b
        names[[(a in x and b in y) or (b in x and a in y) for x, y in zip(left, right, strict=True)]] = pair.name
    return names


class Measured(NamedTuple):
    """The pairs of which a matrix holds every subunit.

    rows: their positions in the table of pairs. ligands, receptors: positions of the subunits among the genes, complexes x most
    subunits, -1 where a complex has fewer. ligand, receptor: for each of the rows its complex among these.
    """

    rows: np.ndarray
    ligands: np.ndarray
    receptors: np.ndarray
    ligand: np.ndarray
    receptor: np.ndarray


def subunits(names: Sequence[str], position: dict[str, int]) -> np.ndarray:
    """Positions of the genes of each complex, -1 where it has fewer than the largest."""
    parts = [name.split("_") for name in names]
    table = np.full((len(parts), max(map(len, parts), default=1)), -1)
    for row, genes in enumerate(parts):
        table[row, : len(genes)] = [position[gene] for gene in genes]
    return table


def measured_pairs(pairs, genes: Sequence[str]) -> Measured:
    """The pairs whose subunits are all among the genes."""
    import pandas as pd

    position = {gene: place for place, gene in enumerate(genes)}
    whole = [
        pairs[side].map(lambda name: all(gene in position for gene in name.split("_"))).astype(bool) for side in SIDES
    ]
    rows = np.flatnonzero(whole[0] & whole[1])
    (ligand, ligands), (receptor, receptors) = (pd.factorize(pairs[side].to_numpy()[rows]) for side in SIDES)
    return Measured(rows, subunits(ligands, position), subunits(receptors, position), ligand, receptor)


def lowest_of_complex(values: np.ndarray, subunits: np.ndarray) -> np.ndarray:
    """Lowest value over the subunits (positions of genes, -1: none): rows x genes -> rows x complexes."""
    lowest = values[:, subunits[:, 0]]
    for genes in subunits.T[1:]:
        np.minimum(lowest, values[:, np.where(genes < 0, subunits[:, 0], genes)], out=lowest)
    return lowest
