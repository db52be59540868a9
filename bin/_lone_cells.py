#!/usr/bin/env python3
"""Cells that are not what their part is: single ones with the markers of another type, and those of parts without a name.

Too few cells of a type form no part. What is found here are candidates: sets of cells that need a name's evidence like any part.
"""

import numpy as np

GENES = 5  # measured positive genes that a type needs
EXCESS = 1.0  # of ln(1 + counts per 10,000), above the mean of the cell's part
SHARE = 0.5  # of a type's positive genes in such excess
AGAINST = 1.0  # a type's two strongest negative genes stay below this on average, which those of doublets do not


def own_markers(x, part: np.ndarray, mean: np.ndarray, markers, genes: list[str]):
    """Per cell and type (N, types) the share of the type's positive genes in EXCESS over the cell's part.

    x: (N, G) ln(1 + counts per 10,000), sparse. part: (N,) number. mean: (parts, G). markers: rows of read_markers.
    0 where negative genes speak against the type. Types of fewer than GENES measured positive genes are left out.
    """
    import pandas as pd

    column = {gene: i for i, gene in enumerate(genes)}
    measured = np.asarray(x.max(0).todense()).ravel() > 0
    shares = {}
    for name, row in markers.iterrows():
        positive, negative = (
            [column[g] for g in row[sign] if g in column and measured[column[g]]] for sign in ("positive", "negative")
        )
        if len(positive) < GENES:
            continue
        shares[name] = (x[:, positive].toarray() > mean[:, positive][part] + EXCESS).mean(1)
        if negative:
            strongest = np.sort(x[:, negative].toarray(), axis=1)[:, -2:]
            shares[name][strongest.mean(1) >= AGAINST] = 0
    return pd.DataFrame(shares)


def lone_cells(x, part: np.ndarray, mean: np.ndarray, markers, genes: list[str]) -> np.ndarray:
    """The type (N,) of cells that stand out of their part, '' for all others: input as own_markers.

    Only types without kinds are given: telling kinds apart takes a group.
    """
    without_kinds = markers[(markers["parent"] == "") & ~markers.index.isin(markers["parent"])]
    shares = own_markers(x, part, mean, without_kinds, genes)
    if not shares.size:
        return np.full(len(part), "", dtype=object)
    return np.where(shares.max(axis=1) >= SHARE, shares.idxmax(axis=1), "").astype(object)
