#!/usr/bin/env python3
"""Ligand-receptor communication of one sample between cell groups: five methods and their consensus, as LIANA forms it."""

import json
from pathlib import Path
from typing import Any

from _cli import FILE, command
from _pairs import measured_pairs, read_pairs, read_watch_list, watched
from _tables import write_parquet

import click
import numpy as np

MAGNITUDES = ("lr_means", "expr_prod", "lrscore")
SPECIFICITIES = ("cellphone_pvals", "scaled_weight", "lr_logfc", "spec_weight")


def gene_statistics(matrix, codes: np.ndarray, n_groups: int) -> dict[str, np.ndarray]:
    """Per group and gene (groups x genes): mean, share of expressing cells, mean z score, log2 fold change to the others.

    `matrix` is cells x genes, CSR, log1p of normalised counts; `codes` gives each cell's group.
    """
    from scipy.sparse import csr_matrix

    n_cells = matrix.shape[0]
    member = csr_matrix((np.ones(n_cells), (codes, np.arange(n_cells))), shape=(n_groups, n_cells))
    size = np.bincount(codes, minlength=n_groups)[:, None]
    positive, linear, squared = matrix.copy(), matrix.astype(np.float64), matrix.astype(np.float64)
    positive.data = np.ones_like(positive.data)
    # Summed in double precision: a sparse sum keeps to single whatever dtype it is given.
    centre = np.asarray(linear.sum(axis=0)).ravel() / max(n_cells, 1)
    linear.data = np.expm1(linear.data)
    squared.data **= 2
    mean = (member @ matrix).toarray() / size
    variance = (np.asarray(squared.sum(axis=0)).ravel() - n_cells * centre**2) / max(n_cells - 1, 1)
    spread = np.sqrt(np.clip(variance, 0, None))
    spread[spread == 0] = 1
    within = (member @ linear).toarray()
    rest = (within.sum(axis=0) - within) / np.maximum(n_cells - size, 1)
    return {
        "mean": mean.astype(np.float32),
        "share": (member @ positive).toarray() / size,
        "z": (mean - centre) / spread,
        "logfc": np.log2(within / size + 1) - np.log2(rest + 1),
    }


def weakest(subunits: np.ndarray, mean: np.ndarray, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Per group and complex: the gene of lowest mean, and the lowest share of expressing cells."""
    used, genes = subunits >= 0, np.maximum(subunits, 0)
    lowest = np.where(used, mean[:, genes], np.inf).argmin(axis=2)
    return genes[np.arange(len(genes)), lowest], np.where(used, share[:, genes], np.inf).min(axis=2)


def permuted_exceedance(matrix, codes, pairs, observed, n_perms: int, seed: int) -> np.ndarray:
    """Share of label permutations in which (ligand mean + receptor mean) / 2 reaches the observed value (CellPhoneDB).

    `pairs`: source, ligand gene, target and receptor gene per row. The stream is LIANA's, so equal seeds agree.
    """
    from scipy.sparse import csr_matrix

    source, ligand, target, receptor = pairs
    rng = np.random.default_rng(seed)
    n_cells, n_groups, n_genes = codes.size, int(codes.max()) + 1, matrix.shape[1]
    size = np.bincount(codes, minlength=n_groups)[:, None]
    sends, gets = source * n_genes + ligand, target * n_genes + receptor
    reached = np.zeros(observed.size, dtype=np.int32)
    for _ in range(n_perms):
        order = rng.permutation(n_cells)
        member = csr_matrix((np.ones(n_cells, np.float32), (codes, order)), shape=(n_groups, n_cells))
        mean = ((member @ matrix).toarray() / size).astype(np.float32).ravel()
        reached += (mean[sends] + mean[gets]) / 2 >= observed
    return reached / n_perms


def robust_rank(ranks: np.ndarray) -> np.ndarray:
    """Robust rank aggregation (Kolde et al. 2012) of ranks (rows x methods, 1 the best): 0 to 1, small for the best."""
    from scipy.special import betainc

    if not len(ranks):
        return np.empty(0)
    n_methods = ranks.shape[1]
    ordered = np.sort(ranks / ranks.max(axis=0), axis=1)
    nth = np.arange(1, n_methods + 1)
    return np.clip(betainc(nth, n_methods - nth + 1, ordered).min(axis=1) * n_methods, 0, 1)


def consensus(table):
    """Adds ranks, small for the best: specificity_rank, consensus_rank, joint_rank and magnitude_rank.

    specificity_rank and magnitude_rank are as LIANA 1.10 gives them. LIANA ranks the column expr_prod once for each of
    the two methods that share it (Connectome, NATMI): the second time it ranks the ranks, which turns the order round.
    consensus_rank ranks each magnitude once. joint_rank is the geometric mean of the places by consensus and by
    specificity, over the number of pairs (a rank product, Breitling et al. 2004): strong and specific pairs come first.
    """
    from scipy.stats import rankdata

    place = {name: rankdata(-table[name].to_numpy()) for name in (*MAGNITUDES, *SPECIFICITIES[1:])}
    place["cellphone_pvals"] = rankdata(table["cellphone_pvals"].to_numpy())
    turned = {**place, "expr_prod": rankdata(-place["expr_prod"])}
    table["specificity_rank"] = robust_rank(np.column_stack([place[name] for name in SPECIFICITIES]))
    table["magnitude_rank"] = robust_rank(np.column_stack([turned[name] for name in MAGNITUDES]))
    table["consensus_rank"] = robust_rank(np.column_stack([place[name] for name in MAGNITUDES]))
    places = rankdata(table["consensus_rank"]) * rankdata(table["specificity_rank"])
    table["joint_rank"] = np.sqrt(places) / max(len(table), 1)
    return table


def score(
    matrix, genes, codes, names, interactions, overall: float, min_share: float, n_perms: int, seed: int, always
):  # fmt: skip
    """The scores of all five methods, a row per source, target and interaction.

    matrix: cells x genes of the interactions (CSR float32, log1p); codes: group of each cell; names: of the
    groups; interactions: ligand and receptor (subunits joined by `_`); overall: mean of the whole matrix, all
    genes; always: mask of interactions to return below `min_share` too. `kept`: all subunits reach
    `min_share` on both sides.
    """
    import pandas as pd

    measured = measured_pairs(interactions, genes)
    stats = gene_statistics(matrix, codes, len(names))
    l_gene, l_share = weakest(measured.ligands, stats["mean"], stats["share"])
    r_gene, r_share = weakest(measured.receptors, stats["mean"], stats["share"])
    both = np.minimum(l_share[:, None, measured.ligand], r_share[None, :, measured.receptor])
    source, target, row = np.nonzero((both >= min_share) | np.asarray(always)[measured.rows])
    kept = both[source, target, row] >= min_share
    l_complex, r_complex, chosen = measured.ligand[row], measured.receptor[row], measured.rows[row]
    ligand, receptor = l_gene[source, l_complex], r_gene[target, r_complex]
    low_l, low_r = stats["mean"][source, ligand], stats["mean"][target, receptor]
    # A subunit named twice in a complex is two rows in LIANA's table and counts twice in the sums of NATMI.
    copies = (measured.ligands[l_complex] == ligand[:, None]).sum(axis=1)
    copies *= (measured.receptors[r_complex] == receptor[:, None]).sum(axis=1)
    sums = stats["mean"].sum(axis=0)
    means = np.where((low_l == 0) | (low_r == 0), np.float32(0), (low_l + low_r) / 2)
    root = np.sqrt(low_l) * np.sqrt(low_r)
    pvals = np.full(kept.size, np.nan)
    pairs = np.stack([source, ligand, target, receptor])[:, kept]
    pvals[kept] = permuted_exceedance(matrix, codes, pairs, means[kept], n_perms, seed) if kept.any() else 0
    with np.errstate(invalid="ignore", divide="ignore"):
        weight = low_l / (sums[ligand] * copies) * low_r / (sums[receptor] * copies)
    columns = {
        "source": pd.Categorical.from_codes(source, names),
        "target": pd.Categorical.from_codes(target, names),
        "ligand_complex": pd.Categorical(interactions["ligand"].to_numpy()[chosen]),
        "receptor_complex": pd.Categorical(interactions["receptor"].to_numpy()[chosen]),
        "ligand_mean": low_l,
        "receptor_mean": low_r,
        "ligand_share": l_share[source, l_complex],
        "receptor_share": r_share[target, r_complex],
        "lr_means": means,
        "cellphone_pvals": pvals,
        "expr_prod": low_l * low_r,
        "scaled_weight": (stats["z"][source, ligand] + stats["z"][target, receptor]) / 2,
        "lr_logfc": (stats["logfc"][source, ligand] + stats["logfc"][target, receptor]) / 2,
        "spec_weight": weight,
        "lrscore": root / (root + np.float32(overall)),
        "kept": kept,
        "interaction": chosen,
    }
    table = pd.DataFrame(columns)
    return pd.concat([consensus(table[kept].copy()), table[~kept]])


def compute(expression, interactions, watch_list, min_cells: int, min_share: float, permutations: int, seed: int):
    """All kept and all watched rows, best first; groups below `min_cells` take no part, so there may be none."""
    import pandas as pd

    sizes = json.loads(expression.uns["groups"])
    names = [name for name in sorted(sizes) if sizes[name] >= min_cells]
    cells = np.flatnonzero(expression.obs["group"].isin(names))
    seen = np.flatnonzero(expression.X.getnnz(axis=0)) if cells.size else np.arange(expression.n_vars)
    values = max(cells.size * int(expression.uns["genes_seen"]), 1)
    overall = expression.obs["total_log"].iloc[cells].sum() / values
    codes = pd.Categorical(expression.obs["group"].iloc[cells], names).codes.astype(int)
    watch = watched(interactions, watch_list)
    matrix, genes = expression.X[cells][:, seen], expression.var_names[seen]
    table = score(matrix, genes, codes, names, interactions, overall, min_share, permutations, seed, watch != "")
    table.insert(0, "sample", str(expression.uns["sample"]))
    table.insert(5, "watch", pd.Categorical(watch[table.pop("interaction").to_numpy()]))
    for side in ("source", "target"):
        table[f"n_{side}"] = table[side].astype(str).map(sizes).astype(np.int32)
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
