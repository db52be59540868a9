#!/usr/bin/env python3
"""Differential expression between times per cell group: over patients where there are enough, else exploratory markers.

Times are compared within each patient's main series (_series).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from _cli import FILE, command
from _errors import InputError
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
]


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
    bulk.obs = bulk.obs.assign(**{name: of_group.map(samples[name]) for name in (*names, "series")})
    return bulk


def moments(bulk, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Cells, means and variances of log expression, shares of expressing cells and counts per 10,000, of groups together."""
    n = int(bulk.obs["n_cells"].iloc[rows].sum())
    log_sum, squares, cells = (
        np.asarray(bulk.layers[name][rows].sum(axis=0)).ravel() for name in ("log_sum", "log_squares", "cells")
    )
    counts = np.asarray(bulk.X[rows].sum(axis=0)).ravel()
    mean = log_sum / n
    variance = np.maximum(squares - n * mean**2, 0) / max(n - 1, 1)
    return {
        "n": n,
        "mean": mean,
        "variance": variance,
        "share": cells / n,
        "level": counts / max(counts.sum(), 1) * 1e4,
    }


def markers(old: dict, new: dict, names: dict, genes, min_share: float):
    """Exploratory statistics: log2 fold of counts per 10,000 (0.1 added) and Welch's t over cells, to rank genes by."""
    import pandas as pd

    spread = np.sqrt(old["variance"] / old["n"] + new["variance"] / new["n"])
    difference = new["mean"] - old["mean"]
    columns = {
        f"{name}_{end}": time[name] for end, time in (("from", old), ("to", new)) for name in ("n", "mean", "share")
    }
    columns["log2_fold"] = np.log2((new["level"] + 0.1) / (old["level"] + 0.1))
    columns["t"] = np.divide(difference, spread, out=np.zeros_like(difference), where=spread > 0)
    table = pd.DataFrame({**names, "gene": genes, **columns, "basis": "exploratory"})
    return table[np.maximum(old["share"], new["share"]) >= min_share]


def deseq(bulk, rows: np.ndarray, names: dict, min_count: int):
    """PyDESeq2 with patients as pairs (~ patient + time) on the groups `rows`; genes with too few counts are left out."""
    import pandas as pd
    from pydeseq2.dds import DeseqDataSet
    from pydeseq2.ds import DeseqStats

    obs = bulk.obs.iloc[rows]
    counts = pd.DataFrame(bulk.X[rows].toarray().astype(int), columns=bulk.var_names)
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
    explored, paired = [], {}
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
            explored.append(markers(old, new, names, bulk.var_names, min_share))
            paired.setdefault((*design.values(), *step, label), []).append(np.concatenate(rows))
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


def for_people(table, genes, top: int):
    """Of each comparison the `top` genes with the highest and with the lowest t, and the genes that are named."""
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
    sums: tuple[Path, ...], labels: Path, gene_lists: tuple[Path, ...], level: str, top: int, **thresholds: Any
) -> None:
    """Compare expression between times; SUMS are the pseudobulk.h5ad files of the run's samples."""
    bulk, lists = read_sums(sums, labels, level), read_lists(gene_lists)
    table = compare(bulk, **thresholds)
    write_parquet(table, "expression_change.parquet")
    write_table(for_people(table, lists["gene"], top), "expression_change.tsv", digits=5)
    write_table(dot_plot(bulk, lists), "dot_plot.tsv", digits=5)


if __name__ == "__main__":
    main()
