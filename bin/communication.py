#!/usr/bin/env python3
"""Ligand-receptor communication of one sample between cell groups: five methods and their consensus, as LIANA
forms it.
"""

import json
from importlib.metadata import version
from pathlib import Path

import click
import numpy as np

PACKAGES = ("click", "numpy", "pandas", "scipy", "anndata", "hdf5plugin")
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
MAGNITUDES = ("lr_means", "expr_prod", "lrscore")
SPECIFICITIES = ("cellphone_pvals", "scaled_weight", "lr_logfc", "spec_weight")


def gene_statistics(matrix, codes: np.ndarray, n_groups: int) -> dict[str, np.ndarray]:
    """Per group and gene (groups x genes): mean, share of expressing cells, mean z score, log2 fold change to
    the others.

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


def complexes(names, position: dict[str, int]) -> tuple[np.ndarray, np.ndarray]:
    """Gene positions of the subunits (complexes x most subunits, -1 where none), and which complexes are
    measured whole.
    """
    parts = [name.split("_") for name in names]
    table = np.full((len(parts), max(map(len, parts), default=1)), -1)
    whole = np.array([all(gene in position for gene in part) for part in parts], dtype=bool)
    for row in np.flatnonzero(whole):
        table[row, : len(parts[row])] = [position[gene] for gene in parts[row]]
    return table, whole


def weakest(subunits: np.ndarray, mean: np.ndarray, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Per group and complex: the gene of lowest mean, and the lowest share of expressing cells."""
    used, at = subunits >= 0, np.maximum(subunits, 0)
    pick = np.where(used, mean[:, at], np.inf).argmin(axis=2)
    gene = at[np.arange(len(at)), pick]
    return gene, np.where(used, share[:, at], np.inf).min(axis=2)


def permuted_exceedance(matrix, codes, pairs, observed, n_perms: int, seed: int) -> np.ndarray:
    """Share of label permutations in which (ligand mean + receptor mean) / 2 reaches the observed value
    (CellPhoneDB).

    `pairs`: source, ligand gene, target and receptor gene per row. The stream is LIANA's, so equal seeds
    agree.
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
    """Robust rank aggregation (Kolde et al. 2012) of ranks (rows x methods, 1 the best): 0 to 1, small for
    the best.
    """
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


def watched(interactions, watch) -> np.ndarray:
    """Watched pair of each interaction ('' where none): its two genes on opposite sides, either way, alone or
    in complexes.
    """
    left, right = (interactions[side].str.split("_").map(set) for side in ("ligand", "receptor"))
    names = np.full(len(interactions), "", dtype=object)
    for pair in watch.itertuples():
        a, b = pair.gene_a, pair.gene_b
        found = [(a in x and b in y) or (b in x and a in y) for x, y in zip(left, right, strict=True)]
        names[found] = pair.name
    return names


def score(
    matrix,
    genes,
    codes,
    names,
    interactions,
    overall: float,
    min_share: float,
    n_perms: int,
    seed: int,
    always,
):
    """The scores of all five methods, a row per source, target and interaction.

    matrix: cells x genes of the interactions (CSR float32, log1p); codes: group of each cell; names: of the
    groups; interactions: ligand and receptor (subunits joined by `_`); overall: mean of the whole matrix, all
    genes; always: mask of interactions to return below `min_share` too. `kept`: all subunits reach
    `min_share` on both sides.
    """
    import pandas as pd

    position = {gene: at for at, gene in enumerate(genes)}
    sides = [pd.Index(interactions[side].unique()) for side in ("ligand", "receptor")]
    at = [
        index.get_indexer(interactions[side])
        for index, side in zip(sides, ("ligand", "receptor"), strict=True)
    ]
    (l_units, l_whole), (r_units, r_whole) = (complexes(index, position) for index in sides)
    measured = np.flatnonzero(l_whole[at[0]] & r_whole[at[1]])
    l_at, r_at = at[0][measured], at[1][measured]
    stats = gene_statistics(matrix, codes, len(names))
    l_gene, l_share = weakest(l_units, stats["mean"], stats["share"])
    r_gene, r_share = weakest(r_units, stats["mean"], stats["share"])
    both = np.minimum(l_share[:, None, l_at], r_share[None, :, r_at])
    source, target, row = np.nonzero((both >= min_share) | np.asarray(always)[measured])
    kept = both[source, target, row] >= min_share
    l_at, r_at, chosen = l_at[row], r_at[row], measured[row]
    ligand, receptor = l_gene[source, l_at], r_gene[target, r_at]
    low_l, low_r = stats["mean"][source, ligand], stats["mean"][target, receptor]
    # A subunit named twice in a complex is two rows in LIANA's table and counts twice in the sums of NATMI.
    copies = (l_units[l_at] == ligand[:, None]).sum(axis=1) * (r_units[r_at] == receptor[:, None]).sum(axis=1)
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
        "ligand_share": l_share[source, l_at],
        "receptor_share": r_share[target, r_at],
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


def read_table(path: Path, columns: list[str]):
    """A tab-separated table of text; lines that begin with `#` are comments."""
    import pandas as pd

    table = pd.read_csv(path, sep="\t", comment="#", dtype=str, keep_default_na=False)
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise click.ClickException(
            f"{path.name}: no column {', '.join(missing)}; it needs {', '.join(columns)}, with tabs."
        )
    return table


def compute(expression, sizes: dict[str, int], interactions, watch, settings: dict):
    """All kept and all watched rows, best first; groups below `min_cells` take no part, so there may be none."""
    import pandas as pd

    names = [name for name in sorted(sizes) if sizes[name] >= settings["min_cells"]]
    cells = np.flatnonzero(expression.obs["group"].isin(names))
    seen = np.flatnonzero(expression.X.getnnz(axis=0)) if cells.size else np.arange(expression.n_vars)
    overall = expression.obs["total_log"].iloc[cells].sum() / max(
        cells.size * int(expression.uns["genes_seen"]), 1
    )
    marks = watched(interactions, watch)
    table = score(
        expression.X[cells][:, seen],
        expression.var_names[seen],
        pd.Categorical(expression.obs["group"].iloc[cells], names).codes.astype(int),
        names,
        interactions,
        overall,
        settings["min_share"],
        settings["permutations"],
        settings["seed"],
        marks != "",
    )
    table.insert(4, "watch", pd.Categorical(marks[table.pop("interaction").to_numpy()]))
    for side in ("source", "target"):
        table[f"n_{side}"] = table[side].astype(str).map(sizes).astype(np.int32)
    floats = table.select_dtypes("float64").columns
    table[floats] = table[floats].astype(np.float32)
    return table.sort_values(["joint_rank", "source", "target"], kind="stable", ignore_index=True)


def summary(sample: str, sizes: dict[str, int], table, settings: dict) -> dict:
    """Facts for the report: groups and their cells, groups left out, pairs kept, watched pairs seen and
    hidden.
    """
    kept, seen = table["kept"], table["watch"] != ""
    return {
        "sample": sample,
        "groups": sizes,
        "left_out": [name for name, n in sizes.items() if n < settings["min_cells"]],
        "pairs_kept": int(kept.sum()),
        "watched_kept": int((kept & seen).sum()),
        "watched_below_share": int((~kept).sum()),
        "settings": settings,
    }


@click.command()
@click.argument("cells", type=FILE)
@click.option("--interactions", required=True, type=FILE, help="Table of pairs: ligand and receptor.")
@click.option(
    "--watch-list", required=True, type=FILE, help="Table of pairs always told: name, gene_a, gene_b."
)
@click.option(
    "--min-cells", type=click.IntRange(2), default=10, show_default=True, help="Fewest cells per group."
)
@click.option("--min-share", type=click.FloatRange(0, 1), default=0.1, show_default=True, help="Least share.")
@click.option("--permutations", type=click.IntRange(1), default=100, show_default=True, help="Of the labels.")
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the permutations."
)
@click.version_option(" ".join(f"{name}={version(name)}" for name in PACKAGES), message="%(version)s")
def main(cells, interactions, watch_list, **settings):
    """Score ligand-receptor pairs between the groups of CELLS, the h5ad that communication_cells.py wrote."""
    import anndata
    import hdf5plugin  # noqa: F401  (registers zstd for h5py)

    pairs = read_table(interactions, ["ligand", "receptor"]).drop_duplicates(
        ["ligand", "receptor"], ignore_index=True
    )
    watch = read_table(watch_list, ["name", "gene_a", "gene_b"])
    expression = anndata.read_h5ad(cells)
    sample, sizes = str(expression.uns["sample"]), json.loads(expression.uns["groups"])
    table = compute(expression, sizes, pairs, watch, settings)
    facts = summary(sample, sizes, table, settings)
    table.insert(0, "sample", sample)

    table.to_parquet(f"{sample}.communication.parquet", compression="zstd", index=False)
    Path(f"{sample}.communication.json").write_text(
        json.dumps(facts, indent=1, allow_nan=False), encoding="utf-8"
    )


if __name__ == "__main__":
    main()
