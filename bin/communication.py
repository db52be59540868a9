#!/usr/bin/env python3
"""Ligand-receptor communication of one sample between cell groups: LIANA's five methods and their consensus."""

import json
import warnings
from pathlib import Path
from typing import Any

import _compiled  # noqa: F401
from _cli import FILE, command
from _pairs import SIDES, lowest_of_complex, measured_pairs, read_pairs, read_watch_list, watched
from _tables import write_parquet

import click
import numpy as np

KEYS = ["source", "target", "ligand_complex", "receptor_complex"]
MAGNITUDES = ["lr_means", "expr_prod", "lrscore"]
SCORES = [
    "lr_means", "cellphone_pvals", "expr_prod", "scaled_weight", "lr_logfc", "spec_weight", "lrscore",
    "specificity_rank", "magnitude_rank",
]  # fmt: skip


def group_levels(expression) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Names of the groups; mean log expression and share of expressing cells of each gene in them (groups x genes)."""
    import scanpy

    groups = scanpy.get.aggregate(expression, by="group", func=["mean", "count_nonzero"])
    size = expression.obs["group"].value_counts()[groups.obs_names].to_numpy()
    return list(groups.obs_names), groups.layers["mean"], groups.layers["count_nonzero"] / size[:, None]


def by_liana(expression, pairs, min_share: float, permutations: int, seed: int):
    """LIANA's table (KEYS and SCORES) of the pairs that reach `min_share` on both sides, a row per source, target and pair.

    Not with return_all_lrs: that gives a pair below the share the lowest score of those above it in place of its own, and
    ranks it along, which divides the specificity ranks of the others by four and changes their order (Spearman's rho 0.95;
    simulated sample of 7,371 cells in 26 groups).
    """
    import pandas as pd

    if pairs.empty:
        return pd.DataFrame(columns=KEYS + SCORES).astype(dict.fromkeys(SCORES, float))
    import liana

    # LIANA compares the ligand and receptor of each row with all names, which takes a quarter of its time less as categories.
    expression = expression.copy()
    with warnings.catch_warnings():  # of pandas, anndata and scanpy, about how LIANA calls them
        warnings.simplefilter("ignore")
        expression.var_names = pd.CategoricalIndex(expression.var_names)
        return liana.mt.rank_aggregate(
            expression, groupby="group", resource=pairs, expr_prop=min_share, min_cells=1, use_raw=False,
            n_perms=permutations, seed=seed, inplace=False, verbose=False,
        )[KEYS + SCORES]  # fmt: skip


def robust_rank(ranks: np.ndarray) -> np.ndarray:
    """Robust rank aggregation (Kolde et al. 2012) of ranks (rows x methods, 1 the best): 0 to 1, small for the best."""
    from scipy.special import betainc

    n_methods = ranks.shape[1]
    ordered = np.sort(ranks / ranks.max(axis=0, initial=1), axis=1)
    nth = np.arange(1, n_methods + 1)
    return np.clip(betainc(nth, n_methods - nth + 1, ordered).min(axis=1) * n_methods, 0, 1)


def consensus(table):
    """Adds consensus_rank, LIANA's magnitude_rank as it is meant, and joint_rank; both are small for the best.

    LIANA 1.10 ranks the column expr_prod once for each of the two methods that share it (Connectome, NATMI), in place: the
    second time it ranks the ranks, so that the weakest product is the first (`_rank_aggregate` in _pipe_utils/_aggregate.py;
    docs/methods/communication.md has a script that shows it). consensus_rank ranks each magnitude once.
    joint_rank is the geometric mean of the places by consensus and by specificity, over the number of pairs (a rank
    product, Breitling et al. 2004): strong and specific pairs come first.
    """
    from scipy.stats import rankdata

    table["consensus_rank"] = robust_rank(rankdata(-table[MAGNITUDES].to_numpy(), axis=0))
    places = rankdata(table["consensus_rank"]) * rankdata(table["specificity_rank"])
    table["joint_rank"] = np.sqrt(places) / max(len(table), 1)
    return table


def score(
    expression, interactions, watch: np.ndarray, overall: float, min_share: float, permutations: int, seed: int
):  # fmt: skip
    """A row per source, target and pair of which every subunit reaches `min_share` on both sides (`kept`), or that is watched.

    expression: AnnData, cells x genes of the pairs (CSR float32, log1p), obs `group`; watch: name of the watched pair that
    each interaction is, or ''; overall: mean of the whole matrix, all genes. Rows that are not kept have no scores.
    LIANA is given the pairs that some source and target keep, 773 of 3,088 in 26 groups: with the same scores and ranks in
    half the processor time (25 s) and with 1.3 GB in place of 2.0 GB.
    """
    import pandas as pd

    measured = measured_pairs(interactions, expression.var_names)
    names, means, shares = group_levels(expression)
    units = measured.ligands, measured.receptors
    (l_mean, r_mean), (l_share, r_share) = ([lowest_of_complex(of, table) for table in units] for of in (means, shares))
    both = np.minimum(l_share[:, None, measured.ligand], r_share[None, :, measured.receptor])
    source, target, row = np.nonzero((both >= min_share) | (watch[measured.rows] != ""))
    kept = both[source, target, row] >= min_share
    ligand, receptor, chosen = measured.ligand[row], measured.receptor[row], measured.rows[row]
    columns = {
        "source": np.array(names, dtype=object)[source],
        "target": np.array(names, dtype=object)[target],
        "ligand_complex": interactions["ligand"].to_numpy()[chosen],
        "receptor_complex": interactions["receptor"].to_numpy()[chosen],
        "watch": watch[chosen],
        "ligand_mean": l_mean[source, ligand],
        "receptor_mean": r_mean[target, receptor],
        "ligand_share": l_share[source, ligand],
        "receptor_share": r_share[target, receptor],
    }
    table = pd.DataFrame(columns).astype(dict.fromkeys([*KEYS, "watch"], "category"))
    pairs = interactions.loc[np.unique(chosen[kept]), list(SIDES)]
    scores = consensus(by_liana(expression, pairs, min_share, permutations, seed))
    root = np.sqrt(scores["expr_prod"])  # LIANA takes the mean of the matrix it is given: ligands and receptors only
    scores["lrscore"] = root / (root + overall)
    scores.insert(scores.columns.get_loc("specificity_rank"), "kept", True)
    table = table.merge(scores.astype(table.dtypes[KEYS]), on=KEYS, how="left", validate="1:1")
    return table.assign(kept=kept)


def compute(expression, interactions, watch_list, min_cells: int, min_share: float, permutations: int, seed: int):
    """All kept and all watched rows, best first; groups below `min_cells` take no part. None where fewer than two are left."""
    sizes = json.loads(expression.uns["groups"])
    names = [name for name in sorted(sizes) if sizes[name] >= min_cells]
    # Specific is what others do not have: one group alone has no scores.
    enough = expression.obs["group"].isin(names if len(names) > 1 else []).to_numpy()
    expression = expression[enough].copy()
    overall = expression.obs["total_log"].sum() / max(expression.n_obs * int(expression.uns["genes_seen"]), 1)
    expression = expression[:, expression.X.getnnz(axis=0) > 0].copy()
    watch = watched(interactions, watch_list)
    table = score(expression, interactions, watch, overall, min_share, permutations, seed)
    table.insert(0, "sample", str(expression.uns["sample"]))
    for side in ("source", "target"):
        table[f"n_{side}"] = table[side].map(sizes).astype(np.int32)
    floats = table.select_dtypes("float64").columns
    table[floats] = table[floats].astype(np.float32)
    return table.sort_values(["joint_rank", "source", "target"], kind="stable", ignore_index=True)


@command()
@click.argument("cells", type=FILE)
@click.option("--interactions", required=True, type=FILE, help="Table of pairs: ligand and receptor.")
@click.option("--watch-list", required=True, type=FILE, help="Pairs always reported: name, gene_a, gene_b.")
@click.option("--min-cells", type=click.IntRange(2), default=10, help="Fewest cells per group.")
@click.option(
    "--min-share",
    type=click.FloatRange(0, 1),
    default=0.1,
    help="Minimum share of a group's cells that express the ligand or receptor.",
)
@click.option("--permutations", type=click.IntRange(1), default=100, help="Permutations of the groups' labels.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Seed of the permutations.")
def main(cells: Path, interactions: Path, watch_list: Path, **settings: Any) -> None:
    """Score ligand-receptor pairs between the groups of CELLS, the h5ad of COMMUNICATION_CELLS."""
    import anndata
    import hdf5plugin  # noqa: F401  (registers the zstd filter)

    expression = anndata.read_h5ad(cells)
    table = compute(expression, read_pairs(interactions), read_watch_list(watch_list), **settings)
    write_parquet(table, f"{expression.uns['sample']}.communication.parquet")


if __name__ == "__main__":
    main()
