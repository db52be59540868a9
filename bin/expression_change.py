#!/usr/bin/env python3
"""Differential expression between times per cell group: over patients where there are enough, else
exploratory markers.
"""

import json
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import click
import numpy as np

PACKAGES = ("click", "numpy", "pandas", "scipy", "anndata", "hdf5plugin", "pydeseq2")
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FEWEST_PATIENTS = 3
KEYS = ["patient", "from", "to", "label", "gene"]
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


def read_sums(paths, samples_path: Path, level: str):
    """Pseudobulk of the run (AnnData, groups of one level x genes all samples share) with patient, timepoint
    and day.
    """
    import anndata
    import hdf5plugin  # noqa: F401  (registers zstd for h5py)
    import pandas as pd

    samples = pd.read_csv(samples_path, sep="\t", dtype=str, keep_default_na=False).set_index("sample")
    parts = [anndata.read_h5ad(path) for path in paths]
    bulk = anndata.concat([part[part.obs["level"] == level] for part in parts], join="inner")
    absent = sorted(set(bulk.obs["sample"].astype(str)) - set(samples.index))
    if absent:
        raise click.ClickException(
            f"{samples_path.name}: does not name sample {absent[0]}; give the samples.tsv of the run."
        )
    for column in ("patient", "timepoint", "day"):
        bulk.obs[column] = bulk.obs["sample"].astype(str).map(samples[column])
    bulk.obs["day"] = bulk.obs["day"].astype(int)
    return bulk


def moments(bulk, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Cells, means and variances of log expression, shares of expressing cells and counts per 10,000, of
    groups together.
    """
    n = int(bulk.obs["n_cells"].iloc[rows].sum())
    log_sum, squares, cells = (
        np.asarray(bulk.layers[name][rows].sum(axis=0)).ravel()
        for name in ("log_sum", "log_squares", "cells")
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
    """Exploratory statistics: log2 fold of counts per 10,000 (0.1 added) and Welch's t over cells, to rank
    genes by.
    """
    import pandas as pd

    spread = np.sqrt(old["variance"] / old["n"] + new["variance"] / new["n"])
    difference = new["mean"] - old["mean"]
    columns = {
        f"{what}_{end}": part[what]
        for end, part in (("from", old), ("to", new))
        for what in ("n", "mean", "share")
    }
    columns["log2_fold"] = np.log2((new["level"] + 0.1) / (old["level"] + 0.1))
    columns["t"] = np.divide(difference, spread, out=np.zeros_like(difference), where=spread > 0)
    table = pd.DataFrame({**names, "gene": genes, **columns, "basis": "exploratory"})
    return table[np.maximum(old["share"], new["share"]) >= min_share]


def deseq(bulk, rows: np.ndarray, names: dict, min_count: int):
    """PyDESeq2 with patients as pairs (~ patient + time) on the groups `rows`; genes with too few counts are
    left out.
    """
    import pandas as pd
    from pydeseq2.dds import DeseqDataSet
    from pydeseq2.ds import DeseqStats

    obs = bulk.obs.iloc[rows]
    counts = pd.DataFrame(bulk.X[rows].toarray().astype(int), columns=bulk.var_names)
    meta = pd.DataFrame(
        {
            "patient": obs["patient"].to_numpy(),
            "time": np.where(obs["timepoint"] == names["to"], "after", "before"),
        }
    )
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
    found = stats.results_df
    renamed = {"log2FoldChange": "log2_fold", "lfcSE": "se", "stat": "t", "pvalue": "p", "padj": "fdr"}
    return (
        found.rename(columns=renamed)[list(renamed.values())]
        .rename_axis("gene")
        .reset_index()
        .assign(**names, basis="patients")
    )


def compare(bulk, settings: dict):
    """All comparisons: each time with the one before, and the last with the first where there are more than
    two.
    """
    import pandas as pd

    obs = bulk.obs.reset_index(drop=True)
    obs["row"] = np.arange(len(obs))
    tables, paired = [], {}
    for (patient, label), part in obs.groupby(["patient", "label"], observed=True, sort=True):
        times = sorted(part["day"].unique())
        steps = [*pairwise(times), *([(times[0], times[-1])] if len(times) > 2 else [])]
        for before, after in steps:
            rows = [part.loc[part["day"] == day, "row"].to_numpy() for day in (before, after)]
            old, new = (moments(bulk, at) for at in rows)
            if min(old["n"], new["n"]) < settings["min_cells"]:
                continue
            step = tuple(obs["timepoint"].iloc[at[0]] for at in rows)
            names = {"patient": patient, "from": step[0], "to": step[1], "label": label}
            tables.append(markers(old, new, names, bulk.var_names, settings["min_share"]))
            paired.setdefault((*step, label), []).append(np.concatenate(rows))
    tested = []
    for (before, after, label), rows in paired.items():
        if len(rows) >= FEWEST_PATIENTS:
            names = {"patient": "all", "from": before, "to": after, "label": label}
            table = deseq(bulk, np.concatenate(rows), names, settings["min_count"])
            if table is not None:
                tested.append(table.assign(n_from=len(rows), n_to=len(rows)))
    found = [*tested, *tables]
    table = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=COLUMNS)
    return table.reindex(columns=COLUMNS), len(tested)


def dot_plot(bulk, lists):
    """Mean log expression and share of expressing cells of every listed gene, per sample and group."""
    import pandas as pd

    lists = lists[lists["gene"].isin(bulk.var_names)]
    at = bulk.var_names.get_indexer(lists["gene"])
    cells = bulk.obs["n_cells"].to_numpy()[:, None]
    mean, share = (bulk.layers[name][:, at].toarray() / cells for name in ("log_sum", "cells"))
    obs = bulk.obs[["patient", "sample", "timepoint", "day", "lineage", "label", "n_cells"]].reset_index(
        drop=True
    )
    table = obs.loc[obs.index.repeat(len(lists))].reset_index(drop=True)
    names = pd.DataFrame(np.tile(lists[["list", "gene"]].to_numpy(), (len(obs), 1)), columns=["list", "gene"])
    return pd.concat([names, table], axis=1).assign(mean=mean.ravel(), share=share.ravel())


def read_lists(paths):
    """Named gene lists: tab-separated with columns list and gene, `#` comments; several files are joined."""
    import pandas as pd

    tables = []
    for path in paths:
        table = pd.read_csv(path, sep="\t", comment="#", dtype=str, keep_default_na=False)
        if not {"list", "gene"} <= set(table.columns):
            raise click.ClickException(
                f"{path.name}: no columns list and gene; give a tab-separated table with both."
            )
        tables.append(table[["list", "gene"]])
    return pd.concat(tables).drop_duplicates(ignore_index=True)


def words(patients: int, tested: int) -> str:
    """What the statistics rest on, for the report."""
    if tested:
        return f"tested over patients (PyDESeq2, paired) where at least {FEWEST_PATIENTS} have the group at both times"
    return (
        f"{patients} patient{'s' * (patients != 1)}: without {FEWEST_PATIENTS} patients as replicates the statistics are "
        "exploratory; they rank genes, and carry no p value"
    )


@click.command()
@click.argument("sums", type=FILE, nargs=-1, required=True)
@click.option("--samples", required=True, type=FILE, help="samples.tsv of the run.")
@click.option(
    "--gene-lists", required=True, multiple=True, type=FILE, help="Tables with list and gene; repeatable."
)
@click.option(
    "--level", type=click.Choice(["subset", "cell_type"]), default="subset", help="Groups compared."
)
@click.option(
    "--min-cells", type=click.IntRange(2), default=20, show_default=True, help="Fewest cells per group."
)
@click.option(
    "--min-share", type=click.FloatRange(0, 1), default=0.05, show_default=True, help="Least share."
)
@click.option(
    "--min-count",
    type=click.IntRange(1),
    default=10,
    show_default=True,
    help="Least counts of a tested gene.",
)
@click.option(
    "--top", type=click.IntRange(0), default=50, show_default=True, help="Genes told per group and direction."
)
@click.version_option(" ".join(f"{name}={version(name)}" for name in PACKAGES), message="%(version)s")
def main(sums, samples, gene_lists, level, top, **settings):
    """Compare expression between times; SUMS are the pseudobulk.h5ad files of the run's samples."""
    bulk = read_sums(sums, samples, level)
    lists = read_lists(gene_lists)
    table, tested = compare(bulk, settings)
    by_t = table.sort_values("t", kind="stable").groupby(KEYS[:-1], sort=False)
    rows = (
        by_t.head(top).index.union(by_t.tail(top).index).union(table.index[table["gene"].isin(lists["gene"])])
    )
    told = table.loc[rows].sort_values([*KEYS[:-1], "t"], ascending=[True] * 4 + [False], ignore_index=True)
    patients = bulk.obs["patient"].nunique()
    facts = {
        "patients": patients,
        "groups_tested": tested,
        "basis": words(patients, tested),
        "level": level,
        **settings,
    }

    table.to_parquet("expression_change.parquet", compression="zstd", index=False)
    told.to_csv("expression_change.tsv", sep="\t", index=False, float_format="%.5g")
    dot_plot(bulk, lists).to_csv("dot_plot.tsv", sep="\t", index=False, float_format="%.5g")
    Path("expression_change.json").write_text(json.dumps(facts, indent=1, allow_nan=False), encoding="utf-8")


if __name__ == "__main__":
    main()
