#!/usr/bin/env python3
"""What the chains of one cell say together: receptors of one clone by both junctions, and clones with two VDJ chains."""

from _chain_groups import COMPARED, same_chains

import numpy as np

RECURRING = 3  # cells that show two VDJ chains together before these can be one clone's


def receptor_units(chains, heavy: np.ndarray, light: np.ndarray, similarity: float) -> np.ndarray:
    """Which pairs of an IGH and a light chain are one clone's by both junctions together. Code per pair, -1 where not compared.

    chains: own chains with `exact`; heavy, light: an `exact` per pair, -1 for none. Single linkage of pairs of equal
    junction lengths, of one heavy V gene and one light-chain locus, whose junctions, one after the other, are `similarity`
    alike: the nearer one chain, the further mutation may have driven the other.
    """
    import pandas as pd

    known = chains.drop_duplicates("exact").set_index("exact")
    pairs = pd.DataFrame({"heavy": heavy, "light": light})
    distinct = pairs[(heavy >= 0) & (light >= 0)].drop_duplicates()
    if distinct.empty:
        return np.full(len(pairs), -1)
    first, second = (known.loc[distinct[name]].reset_index(drop=True) for name in ("heavy", "light"))
    alike = first["v_gene"] + " " + second["locus"] + " " + first["junction"].str.len().astype(str)
    both = pd.DataFrame({"locus": alike, "junction": first["junction"] + second["junction"]})
    rows = np.flatnonzero((first["locus"] == "IGH") & both["junction"].str.fullmatch(COMPARED))
    unit = np.full(len(distinct), -1)
    if len(rows):
        both = both.iloc[rows].assign(v_gene="", j_gene="", junction_aa="")
        unit[rows] = same_chains(both, "VDJ", "similarity", similarity, False)
    return pairs.merge(distinct.assign(unit=unit), how="left")["unit"].fillna(-1).to_numpy(int)


def one_unit_each(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """VDJ units where a clone with two VDJ chains has one: its cells' second goes by the unit of the other.

    first, second: units of each cell's two strongest VDJ chains, -1 for none. Two chains are one clone's where most cells
    with either show both. Doublets of two large clones recur as well, but most cells of these show one chain.
    """
    import pandas as pd

    cells = pd.DataFrame({"low": np.minimum(first, second), "high": np.maximum(first, second)})
    unlike = cells["low"] < cells["high"]
    shown = pd.concat([cells["high"], cells.loc[unlike, "low"]]).value_counts()
    pairs = cells[unlike & (cells["low"] >= 0)].value_counts().rename("both").reset_index()
    most = 2 * pairs["both"] > pairs[["low", "high"]].apply(lambda unit: unit.map(shown)).max(axis=1)
    pairs = dict(pairs.loc[most & (pairs["both"] >= RECURRING), ["high", "low"]].to_numpy())
    return tuple(pd.Series(units).replace(pairs).to_numpy() for units in (first, second))
