#!/usr/bin/env python3
"""Differential expression between times per cell group: over patients where there are enough, else exploratory markers.

Times are compared within each patient's main series (_series), ambient RNA taken off.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from _cli import FILE, command
from _errors import InputError
from _matrices import IMMUNOGLOBULIN
from _receptors import Lineages
from _series import DESIGN, samples_of, with_series
from _tables import read_text_table, write_parquet, write_table
from _times import comparisons

import click
import numpy as np

FEWEST_PATIENTS = 3
KEYS = ["patient", *DESIGN, "from", "to", "label", "gene"]
COLUMNS = [
    *KEYS,
    "basis",
    "n_from",
    "n_to",
    "mean_from",
    "mean_to",
    "share_from",
    "share_to",
    "log2_fold",
    "t",
    "se",
    "p",
    "fdr",
    "library",
    "log2_fold_raw",
    "t_raw",
    "soup_from",
    "soup_to",
    "explained",
]
ADDED = 0.1  # counts per 10,000, to both ends of a fold
SOUP_ERROR = (
    0.3  # of the expected soup of a gene: it leaks in another proportion than the mean of the cells (_ambient: +- 25 %)
)
MEASURED, ENOUGH = (
    1.0,
    50,
)  # counts per 10,000 of genes that tell how far two samples differ, and how many of them it takes
BETWEEN = 0.2  # standard deviation of that difference, natural logarithm, where too few genes tell it
BY_SOUP = 0.5  # share of a gene's counts, at the time with more, from which its change is of the soup
T_SEGMENT = re.compile(r"^TR[ABDG][VDJ]\d")


def read_sums(paths: Sequence[Path], labels: Path, level: str):
    """Pseudobulk of the run (AnnData, groups of one level x genes all samples share), its groups with what _series says of their sample."""
    import anndata
    import hdf5plugin  # noqa: F401  (registers the zstd filter)
    import pandas as pd

    names = ["patient", "timepoint", "day", *DESIGN]
    samples = with_series(samples_of(pd.read_parquet(labels, columns=["sample", *names]))).set_index("sample")
    of_samples = [anndata.read_h5ad(path) for path in paths]
    bulk = anndata.concat([groups[groups.obs["level"] == level] for groups in of_samples], join="inner")
    of_group = bulk.obs["sample"].astype(str)
    absent = sorted(set(of_group) - set(samples.index))
    if absent:
        raise InputError(f"{labels.name}: holds no cell of sample {absent[0]}; give the labels.parquet of the run.")
    profiles = [groups.var["soup"].reindex(bulk.var_names).to_numpy() for groups in of_samples]
    order = {groups.obs["sample"].iloc[0]: number for number, groups in enumerate(of_samples) if groups.n_obs}
    bulk.uns["soup"] = np.array(profiles)
    bulk.obs["profile"] = of_group.map(order).to_numpy()
    bulk.obs = bulk.obs.assign(**{name: of_group.map(samples[name]) for name in (*names, "series")})
    return bulk


def moments(bulk, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Of groups together: cells, shares of expressing cells; means and variances of log expression and of counts per 10,000; and
    of these what ambient RNA makes (`soup`, missing where it is not known).
    """
    n = int(bulk.obs["n_cells"].iloc[rows].sum())
    sums = {name: np.asarray(bulk.layers[name][rows].sum(axis=0)).ravel() for name in bulk.layers}
    result = {"n": n, "share": sums["cells"] / n}
    for name, key in (("mean", "log"), ("rate", "rate")):
        result[name] = sums[f"{key}_sum"] / n
        result[f"{name}_variance"] = np.maximum(sums[f"{key}_squares"] - n * result[name] ** 2, 0) / max(n - 1, 1)
    obs = bulk.obs.iloc[rows]
    weight = (obs["contamination"] * obs["n_cells"]).to_numpy() / n
    profile = weight @ bulk.uns["soup"][obs["profile"].to_numpy()]
    return result | {"contamination": weight.sum(), "soup": profile * result["rate"].sum()}


def without_soup(time: dict) -> np.ndarray:
    """Counts per 10,000 that are the cells' own; all of them where the soup is not known."""
    return np.maximum(time["rate"] - np.nan_to_num(time["soup"]), 0) / (1 - np.nan_to_num(time["contamination"]))


class Fold(NamedTuple):
    """Change of a group between two times (genes,): natural logarithm, less that of the median gene; its variance; well measured."""

    log: np.ndarray
    variance: np.ndarray
    measured: np.ndarray


def fold_of(old: dict, new: dict) -> Fold:
    """The fold of the cells' own counts per 10,000 between two times (of `moments`).

    Its variance is that of no change, both times with the variance and mean of all cells: a gene without a count at one time would else
    have none there.
    """
    n, before, after = np.array([old["n"], new["n"]]), without_soup(old), without_soup(new)
    log = np.log((after + ADDED) / (before + ADDED))
    pooled = (n[0] * old["rate_variance"] + n[1] * new["rate_variance"]) / n.sum()
    soup = SOUP_ERROR**2 * (np.nan_to_num(old["soup"]) ** 2 + np.nan_to_num(new["soup"]) ** 2)
    variance = (pooled * (1 / n).sum() + soup) / ((n[0] * before + n[1] * after) / n.sum() + ADDED) ** 2
    measured = np.minimum(before, after) >= MEASURED
    return Fold(log - np.median(log[measured]) if measured.sum() >= ENOUGH else log, variance, measured)


def library_shifts(folds: list[Fold], lineages: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """(what the libraries make of each group's folds, variance of a fold around it), groups x genes, natural logarithm.

    Two libraries differ in most genes, in all kinds of cells alike: a gene's shift is normal over genes, and known for a group from the
    other lineages' folds. It is cut at four standard deviations: what exceeds these in all cells is no matter of the library. Around it
    the folds of groups differ by some hundredths. Of fewer than three lineages it is not known, and part of the variance.
    """
    log, variance, measured = (np.array(part) for part in zip(*folds, strict=True))
    names = np.array(lineages)
    several = [measured[names == name].any(axis=0) for name in np.unique(names)]
    usual = measured & (np.sum(several, axis=0) >= 3)
    if usual.any(axis=0).sum() < ENOUGH:
        spread = [
            1.4826 * np.median(np.abs(fold.log[fold.measured])) if fold.measured.sum() >= ENOUGH else BETWEEN
            for fold in folds
        ]
        between = [
            max(s**2 - np.median(fold.variance[fold.measured]), 0) for s, fold in zip(spread, folds, strict=True)
        ]
        return np.zeros_like(log), np.broadcast_to(np.array(between)[:, None], log.shape)
    common = np.nanmedian(np.where(usual, log, np.nan)[:, usual.any(axis=0)], axis=0)
    of_library = 1.4826 * np.median(np.abs(common))
    apart = (log[:, usual.any(axis=0)] - common)[usual[:, usual.any(axis=0)]]
    of_group = max((1.4826 * np.median(np.abs(apart))) ** 2 - np.median(variance[usual]), 0)
    weight = 1 / (variance + of_group + 1e-4)
    shift, doubt = np.zeros_like(log), np.zeros_like(log)
    for name in np.unique(names):
        others = names != name
        total = weight[others].sum(axis=0) + 1 / of_library**2
        shift[~others] = np.clip((weight[others] * log[others]).sum(axis=0) / total, -4 * of_library, 4 * of_library)
        doubt[~others] = 1 / total + of_group
    return shift, doubt


def markers(
    old: dict, new: dict, fold: Fold, library: tuple[np.ndarray, np.ndarray], names: dict, genes, min_share: float
):
    """Exploratory statistics, to rank genes by: own counts; and raw, the log2 fold of counts per 10,000 and Welch's t over cells."""
    import pandas as pd

    spread = np.sqrt(old["mean_variance"] / old["n"] + new["mean_variance"] / new["n"])
    difference = new["mean"] - old["mean"]
    columns = {
        f"{name}_{end}": time[name] for end, time in (("from", old), ("to", new)) for name in ("n", "mean", "share")
    }
    columns["log2_fold"], columns["t"] = (
        fold.log / np.log(2),
        (fold.log - library[0]) / np.sqrt(np.maximum(fold.variance + library[1], 1e-12)),
    )
    columns["library"] = library[0] / np.log(2)
    columns["log2_fold_raw"] = np.log2((new["rate"] + ADDED) / (old["rate"] + ADDED))
    columns["t_raw"] = np.divide(difference, spread, out=np.zeros_like(difference), where=spread > 0)
    for end, time in (("from", old), ("to", new)):
        columns[f"soup_{end}"] = np.minimum(
            np.divide(time["soup"], time["rate"], out=np.zeros_like(spread), where=time["rate"] > 0), 1
        )
    higher = np.where(new["rate"] > old["rate"], columns["soup_to"], columns["soup_from"])
    columns["explained"] = np.where(higher >= BY_SOUP, "ambient RNA", "")
    table = pd.DataFrame({**names, "gene": genes, **columns, "basis": "exploratory"})
    return table[np.maximum(old["share"], new["share"]) >= min_share]


def deseq(bulk, rows: np.ndarray, names: dict, min_count: int):
    """PyDESeq2 with patients as pairs (~ patient + time) on the groups `rows`; genes with too few counts are left out."""
    import pandas as pd
    from pydeseq2.dds import DeseqDataSet
    from pydeseq2.ds import DeseqStats

    obs = bulk.obs.iloc[rows]
    soup = np.nan_to_num(obs["soup_umi"].to_numpy()[:, None] * bulk.uns["soup"][obs["profile"].to_numpy()])
    own = np.rint(np.maximum(bulk.X[rows].toarray() - soup, 0)).astype(int)
    counts = pd.DataFrame(own, columns=bulk.var_names)
    time = np.where(obs["timepoint"] == names["to"], "after", "before")
    meta = pd.DataFrame({"patient": obs["patient"].to_numpy(), "time": time})
    summed = counts.groupby([meta["patient"], meta["time"]]).sum()
    meta = summed.index.to_frame(index=False)
    summed.index = meta.index = (meta["patient"] + "_" + meta["time"]).to_numpy()
    summed = summed.loc[:, (summed >= min_count).sum(axis=0) >= FEWEST_PATIENTS]
    if summed.shape[1] < 10:
        return None
    data = DeseqDataSet(counts=summed, metadata=meta, design="~patient + time", quiet=True, n_cpus=1)
    data.deseq2()
    stats = DeseqStats(data, contrast=["time", "after", "before"], quiet=True, n_cpus=1)
    stats.summary()
    columns = {"log2FoldChange": "log2_fold", "lfcSE": "se", "stat": "t", "pvalue": "p", "padj": "fdr"}
    table = stats.results_df.rename(columns=columns)[list(columns.values())]
    return table.rename_axis("gene").reset_index().assign(**names, basis="patients")


def compare(bulk, min_cells: int, min_share: float, min_count: int):
    """All comparisons between times, of each patient's main series and where there are enough patients of one tissue and sort over them."""
    import pandas as pd

    obs = bulk.obs.reset_index(drop=True)
    obs["row"] = np.arange(len(obs))
    explored, paired, steps = [], {}, {}
    main = obs[obs["series"] == "main"]
    for (patient, label), group in main.groupby(["patient", "label"], observed=True, sort=True):
        for days in comparisons(sorted(group["day"].unique())):
            rows = [group.loc[group["day"] == day, "row"].to_numpy() for day in days]
            old, new = (moments(bulk, of_day) for of_day in rows)
            if min(old["n"], new["n"]) < min_cells:
                continue
            step = tuple(obs["timepoint"].iloc[of_day[0]] for of_day in rows)
            design = {name: group[name].iloc[0] for name in DESIGN}
            names = {"patient": patient, **design, "from": step[0], "to": step[1], "label": label}
            fold, lineage = fold_of(old, new), group["lineage"].iloc[0]
            steps.setdefault((patient, *step), []).append((old, new, fold, lineage, names))
            paired.setdefault((*design.values(), *step, label), []).append(np.concatenate(rows))
    for groups in steps.values():
        libraries = library_shifts([fold for _, _, fold, _, _ in groups], [lineage for *_, lineage, _ in groups])
        explored += [
            markers(old, new, fold, library, names, bulk.var_names, min_share)
            for (old, new, fold, _, names), *library in zip(groups, *libraries, strict=True)
        ]
    tested = []
    for (*design, before, after, label), rows in paired.items():
        if len(rows) >= FEWEST_PATIENTS:
            names = {
                "patient": "all",
                **dict(zip(DESIGN, design, strict=True)),
                "from": before,
                "to": after,
                "label": label,
            }
            table = deseq(bulk, np.concatenate(rows), names, min_count)
            if table is not None:
                tested.append(table.assign(n_from=len(rows), n_to=len(rows)))
    tables = [*tested, *explored]
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=COLUMNS)
    return table.reindex(columns=COLUMNS)


def of_other_cells(table, lineage: dict[str, str], lineages: Lineages) -> np.ndarray:
    """Mask of immunoglobulin genes and segments of T-cell receptors in groups that make none. lineage: of each label."""
    groups, genes = table["label"].map(lineage), table["gene"]
    mask = np.zeros(len(table), bool)
    for library, rule in (("BCR", IMMUNOGLOBULIN), ("TCR", T_SEGMENT)):
        of_library = {gene for gene in genes.unique() if rule.match(gene)}
        mask |= (genes.isin(of_library) & ~groups.isin(lineages.possible(library))).to_numpy(bool)
    return mask


def for_people(table, genes, top: int):
    """Of each comparison the `top` genes with the highest and with the lowest t, and the genes that are named; none of other cells."""
    table = table[table["explained"] != "other cells"]
    by_t = table.sort_values("t", kind="stable").groupby(KEYS[:-1], sort=False)
    rows = by_t.head(top).index.union(by_t.tail(top).index).union(table.index[table["gene"].isin(genes)])
    return table.loc[rows].sort_values(
        [*KEYS[:-1], "t"], ascending=[True] * len(KEYS[:-1]) + [False], ignore_index=True
    )


def dot_plot(bulk, lists):
    """Mean log expression and share of expressing cells of every listed gene, per sample and group."""
    import pandas as pd

    lists = lists[lists["gene"].isin(bulk.var_names)]
    columns = bulk.var_names.get_indexer(lists["gene"])
    cells = bulk.obs["n_cells"].to_numpy()[:, None]
    mean, share = (bulk.layers[name][:, columns].toarray() / cells for name in ("log_sum", "cells"))
    obs = bulk.obs[["patient", "sample", "timepoint", "day", "lineage", "label", "n_cells"]].reset_index(drop=True)
    table = obs.loc[obs.index.repeat(len(lists))].reset_index(drop=True)
    names = pd.DataFrame(np.tile(lists[["list", "gene"]].to_numpy(), (len(obs), 1)), columns=["list", "gene"])
    return pd.concat([names, table], axis=1).assign(mean=mean.ravel(), share=share.ravel())


def read_lists(paths: Sequence[Path]):
    """Named gene lists: tab-separated with columns list and gene, `#` comments; several files are joined."""
    import pandas as pd

    columns = ["list", "gene"]
    tables = [read_text_table(path, columns, comment="#")[columns] for path in paths]
    return pd.concat(tables).drop_duplicates(ignore_index=True)


@command()
@click.argument("sums", type=FILE, nargs=-1, required=True)
@click.option("--labels", required=True, type=FILE, help="labels.parquet of the run.")
@click.option("--gene-lists", required=True, multiple=True, type=FILE, help="Tables with list and gene; repeatable.")
@click.option("--lineages", required=True, type=FILE, help="Table of lineages: which make receptors.")
@click.option("--level", type=click.Choice(["subset", "cell_type"]), default="subset", help="Groups compared.")
@click.option("--min-cells", type=click.IntRange(2), default=20, help="Fewest cells per group.")
@click.option(
    "--min-share",
    type=click.FloatRange(0, 1),
    default=0.05,
    help="Minimum share of a group's cells with the gene, at one time.",
)
@click.option(
    "--min-count",
    type=click.IntRange(1),
    default=10,
    help="Minimum counts of a tested gene, in at least three samples.",
)
@click.option("--top", type=click.IntRange(0), default=50, help="Genes listed per group and direction.")
def main(
    sums: tuple[Path, ...],
    labels: Path,
    gene_lists: tuple[Path, ...],
    lineages: Path,
    level: str,
    top: int,
    **thresholds: Any,
) -> None:
    """Compare expression between times; SUMS are the pseudobulk.h5ad files of the run's samples."""
    bulk, lists = read_sums(sums, labels, level), read_lists(gene_lists)
    table = compare(bulk, **thresholds)
    lineage = dict(zip(bulk.obs["label"], bulk.obs["lineage"], strict=True))
    table.loc[of_other_cells(table, lineage, Lineages(lineages)), "explained"] = "other cells"
    write_parquet(table, "expression_change.parquet")
    write_table(for_people(table, lists["gene"], top), "expression_change.tsv", digits=5)
    write_table(dot_plot(bulk, lists), "dot_plot.tsv", digits=5)


if __name__ == "__main__":
    main()
