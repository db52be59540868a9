#!/usr/bin/env python3
"""Name single cells whose own markers are those of another type than their part's: too few of a kind form no part."""

from importlib.metadata import version
from pathlib import Path

import click
import numpy as np

PACKAGES = ("click", "pandas", "numpy", "scipy")
PATH = click.Path(exists=True, path_type=Path)
GENES = 5  # measured positive genes that a type needs
EXCESS = 1.0  # of ln(1 + counts per 10,000), above the mean of the cell's part
SHARE = 0.5  # of a type's positive genes in such excess
AGAINST = (
    1.0  # a type's two strongest negative genes stay below this on average, which those of doublets do not
)


def own_markers(x, part: np.ndarray, mean: np.ndarray, markers, genes: list[str]):
    """Per cell and type (N, types) the share of the type's positive genes in EXCESS over the cell's part.

    x: (N, G) ln(1 + counts per 10,000), sparse. part: (N,) number. mean: (parts, G). markers: rows by cell_type with
    positive and negative genes, comma-separated. 0 where negative genes speak against the type. Types of fewer
    than GENES measured positive genes are left out.
    """
    import pandas as pd

    at = {gene: i for i, gene in enumerate(genes)}
    measured = np.asarray(x.max(0).todense()).ravel() > 0
    shares = {}
    for name, row in markers.iterrows():
        listed = ([g.strip() for g in row[sign].upper().split(",")] for sign in ("positive", "negative"))
        positive, negative = ([at[g] for g in genes_ if g in at and measured[at[g]]] for genes_ in listed)
        if len(positive) < GENES:
            continue
        shares[name] = (x[:, positive].toarray() > mean[:, positive][part] + EXCESS).mean(1)
        if negative:
            strongest = np.sort(x[:, negative].toarray(), axis=1)[:, -2:]
            shares[name][strongest.mean(1) >= AGAINST] = 0
    return pd.DataFrame(shares)


@click.command()
@click.argument("parts", type=PATH)
@click.argument("means", type=PATH)
@click.argument("expression", type=PATH)
@click.option("--markers", required=True, type=PATH, help="Marker table.")
@click.version_option(" ".join(f"{name}={version(name)}" for name in PACKAGES), message="%(version)s")
def main(parts, means, expression, markers):
    """Name cells of PARTS (parts.parquet) by MEANS and EXPRESSION (marker_means.npz, marker_expression.npz).

    Only types without kinds are given: telling kinds apart takes a group. Writes PARTS anew, with
    part_type, the name of the cell's part, beside the cell's own.
    """
    import pandas as pd
    import scipy.sparse as sp

    table = pd.read_parquet(parts)
    rows = pd.read_csv(markers, sep="\t", dtype=str, keep_default_na=False).set_index("cell_type")
    rows = rows[(rows["parent"] == "") & ~rows.index.isin(rows["parent"])]
    with np.load(means) as file:
        genes, mean = list(file["genes"]), file["part"][0]
    shares = own_markers(sp.load_npz(expression), table["part"].to_numpy(), mean, rows, genes)
    table["part_type"] = table["cell_type"]
    if shares.size:
        name, alone = shares.idxmax(axis=1), (shares.max(axis=1) >= SHARE).to_numpy()
        table.loc[alone, "cell_type"] = name[alone].to_numpy()
        table.loc[alone, "lineage"] = rows.loc[name[alone], "lineage"].to_numpy()
    table.to_parquet(parts, compression="zstd")


if __name__ == "__main__":
    main()
