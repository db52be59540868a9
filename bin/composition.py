#!/usr/bin/env python3
"""How the shares of types and subsets move over time, with intervals, and the one label table of all later steps."""

import json
from importlib.metadata import version
from pathlib import Path

import click
import numpy as np

PACKAGES = ("click", "pandas", "numpy", "statsmodels")
UNASSIGNED = "unassigned"
DOUBT = 2.0  # log odds: a label less than exp(2) = 7.4 times likelier than the next one is doubtful
CERTAIN = ["n_min", "n_max", "n_named"]


def intervals(n: np.ndarray, total: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """95 % bounds of n / total: Wilson (1927); where n is 0 the one-sided upper bound; none (0 to 1) without cells."""
    from statsmodels.stats.proportion import proportion_confint

    size = np.maximum(total, 1)
    low, high = proportion_confint(n, size, method="wilson")
    high = np.where(n == 0, 1 - 0.05 ** (1 / size), high)
    return np.where(total > 0, np.where(n == 0, 0, low), 0.0), np.where(total > 0, high, 1.0)


def bounds(table) -> tuple[np.ndarray, np.ndarray]:
    """95 % bounds that hold although some cells may be misnamed: lower of n_min / total, upper of n_max / n_named."""
    low, _ = intervals(table["n_min"].to_numpy(), table["total"].to_numpy())
    _, high = intervals(table["n_max"].to_numpy(), table["n_named"].to_numpy())
    return low, high


def rivals(labels, annotation, subsets: list):
    """The other label that each doubtful cell may have, '' where there is no doubt: a column per level, rows as labels.

    A cell is doubtful where its label is less than exp(DOUBT) times likelier than the next one. A doubtful type makes a
    doubtful lineage where the other type's is another; subsets are judged within the lineage that a cell has.
    """
    import pandas as pd

    tables = [annotation, *(s.rename(columns={"subset": "cell_type"}) for s in subsets)]
    columns = ["cell_id", "margin", "rival"]
    type_, *inner = (t.reindex(columns=columns).set_index("cell_id") for t in tables)
    own = pd.concat(inner) if inner else type_.iloc[:0]
    found = pd.DataFrame(index=labels["cell_id"])
    for level, table in (("cell_type", type_), ("subset", own)):
        found[level] = table["rival"].where(table["margin"] < DOUBT).reindex(found.index).fillna("")
    lineage = labels.groupby("cell_type", observed=True)["lineage"].agg(lambda s: s.mode().iloc[0])
    other = found["cell_type"].map(lineage.astype(str)).fillna("")
    found["lineage"] = other.where(other != labels["lineage"].to_numpy(str), "")
    return found.reset_index(drop=True)


def join_labels(annotation, integrated, subsets: list, samples):
    """The label table: a row per kept cell, in the order of samples and cells."""
    import pandas as pd

    table = annotation[["cell_id", "sample", "cluster", "lineage", "cell_type"]].merge(
        integrated[["cell_id", "umap_1", "umap_2"]], on="cell_id", validate="one_to_one"
    )
    columns = ["cell_id", "subset"]
    named = pd.concat([s[columns] for s in subsets]) if subsets else pd.DataFrame(columns=columns)
    table["subset"] = table["cell_id"].map(named.set_index("cell_id")["subset"])
    # A lineage without subsets of its own has its cell types for subsets.
    table["subset"] = table["subset"].fillna(table["cell_type"].str.replace(" ", "_"))
    sheet = samples.set_index("sample")
    for column in ("patient", "timepoint", "day"):
        table[column] = table["sample"].map(sheet[column])
    table["day"] = table["day"].astype(int)
    order = ["cell_id", "sample", "patient", "timepoint", "day", "lineage", "cell_type", "subset", "cluster"]
    table = table[[*order, "umap_1", "umap_2"]]
    for column in ("sample", "patient", "timepoint", "lineage", "cell_type", "subset"):
        table[column] = table[column].astype("category")
    return table


def count(labels, samples, doubts):
    """Counts and shares with intervals of every label in every sample, at three levels.

    Lineages and cell types are shares of a sample's cells; subsets are shares of their lineage's cells. A label that
    a sample does not have is a row with n 0. n_min and n_max count the doubtful cells (doubts: from rivals) elsewhere
    and here; n_named leaves out cells without a name, which may be of any kind or, like doublets and debris, of none.
    """
    import pandas as pd

    where = samples.set_index("sample")[["patient", "timepoint", "day"]]
    tables = []
    for level, parent in (("lineage", None), ("cell_type", None), ("subset", "lineage")):
        key = labels[["sample", level]].astype(str).rename(columns={level: "label"})
        key["parent"] = labels[parent].astype(str) if parent else "all"
        key["rival"] = doubts[level].to_numpy(str)

        def tally(rows, column="label"):
            return (
                rows.groupby(["parent", column, "sample"]).size().rename_axis(["parent", "label", "sample"])
            )

        every = (
            key[["parent", "label"]].drop_duplicates().merge(where.index.to_frame(index=False), how="cross")
        )
        table = every.set_index(["parent", "label", "sample"]).sort_index()
        doubtful = key[key["rival"] != ""]
        for name, rows, column in (
            ("n", key, "label"), ("away", doubtful, "label"), ("hither", doubtful, "rival"),
        ):  # fmt: skip
            table[name] = tally(rows, column).reindex(table.index, fill_value=0)
        table = table.reset_index()
        table["total"] = table.groupby(["parent", "sample"])["n"].transform("sum")
        nameless = (
            table["n"].where(table["label"] == UNASSIGNED, 0).groupby([table["parent"], table["sample"]])
        )
        table["n_min"] = table["n"] - table["away"]
        table["n_named"] = table["total"] - nameless.transform("sum").where(table["label"] != UNASSIGNED, 0)
        table["n_max"] = np.minimum(table["n"] + table["hither"], table["n_named"])
        tables.append(table.assign(level=level))
    table = pd.concat(tables, ignore_index=True).merge(where, left_on="sample", right_index=True)
    table["share"] = (table["n"] / table["total"].replace(0, np.nan)).astype(float)
    table["low"], table["high"] = bounds(table)
    columns = [
        "patient",
        "sample",
        "timepoint",
        "day",
        "level",
        "parent",
        "label",
        "n",
        "total",
        "share",
        "low",
        "high",
        *CERTAIN,
    ]
    rank = {"lineage": 0, "cell_type": 1, "subset": 2}
    table = table.assign(rank=table["level"].map(rank)).sort_values(
        ["patient", "day", "sample", "rank", "parent", "label"]
    )
    return table[columns].reset_index(drop=True)


def changes(composition):
    """Difference of shares between a patient's consecutive time points, with Newcombe's hybrid interval (1998)."""
    import pandas as pd

    rows = []
    keys = ["patient", "level", "parent", "label"]
    pooled = composition.groupby([*keys, "day", "timepoint"], as_index=False)[["n", "total", *CERTAIN]].sum()
    pooled["low"], pooled["high"] = bounds(pooled)
    pooled["share"] = pooled["n"] / pooled["total"].replace(0, np.nan)
    for key, group in pooled.sort_values("day").groupby(keys):
        for a, b in zip(group.iloc[:-1].itertuples(), group.iloc[1:].itertuples(), strict=True):
            if not a.total or not b.total:
                continue
            difference = b.share - a.share
            low = difference - np.hypot(b.share - b.low, a.high - a.share)
            high = difference + np.hypot(b.high - b.share, a.share - a.low)
            rows.append(
                [*key, a.timepoint, b.timepoint, a.day, b.day, a.share, b.share, difference, low, high]
            )
    columns = [
        *keys,
        "from",
        "to",
        "from_day",
        "to_day",
        "from_share",
        "to_share",
        "change",
        "change_low",
        "change_high",
    ]
    return pd.DataFrame(rows, columns=columns)


def multiqc(composition, colours) -> dict:
    """MultiQC custom content: cells of each type per sample, samples in order of patient and day, as stacked bars.

    colours: columns level, label, colour; a type that is not in it has that of the unassigned.
    """
    types = composition[composition["level"] == "cell_type"]
    data = {
        sample: dict(zip(g["label"], g["n"].tolist(), strict=True))
        for sample, g in types.groupby("sample", sort=False)
    }
    known = colours[colours["level"] == "cell_type"].set_index("label")["colour"].to_dict()
    looks = {label: {"name": label, "color": known.get(label, known[UNASSIGNED])} for label in types["label"]}
    return {
        "id": "composition", "section_name": "Cell types over time", "plot_type": "bargraph", "data": data, "categories": looks,
        "description": "Share of each cell type in each sample, in order of patient and day.",
        "pconfig": {"id": "composition_plot", "title": "Cell types over time", "cpswitch_c_active": False,
                    "sort_samples": False, "ylab": "Cells"},
    }  # fmt: skip


@click.command()
@click.argument("annotation", type=click.Path(exists=True, path_type=Path))
@click.argument("integrated", type=click.Path(exists=True, path_type=Path))
@click.argument("subsets", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--samples", required=True, type=click.Path(exists=True, path_type=Path), help="samples.tsv")
@click.option(
    "--colours", required=True, type=click.Path(exists=True, path_type=Path), help="assets/colours.tsv"
)
@click.version_option(" ".join(f"{name}={version(name)}" for name in PACKAGES), message="%(version)s")
def main(annotation, integrated, subsets, samples, colours):
    """Join ANNOTATION, INTEGRATED and SUBSETS (<lineage>.subsets.parquet) into labels.parquet and count."""
    import pandas as pd

    sheet = pd.read_csv(samples, sep="\t", dtype=str, keep_default_na=False)
    sheet["day"] = sheet["day"].astype(int)
    table = pd.read_parquet(annotation)
    missing = sorted(set(table["sample"].astype(str)) - set(sheet["sample"]))
    if missing:
        raise click.ClickException(
            f"{missing[0]}: is in {annotation.name} but not in {samples.name}; use the same run's"
        )
    sheet = sheet[sheet["sample"].isin(table["sample"].astype(str))]
    named = [pd.read_parquet(p) for p in subsets]
    labels = join_labels(table, pd.read_parquet(integrated), named, sheet)
    composition = count(labels, sheet, rivals(labels, table, named))
    labels.to_parquet("labels.parquet", compression="zstd")
    composition.to_csv("composition.tsv", sep="\t", index=False, float_format="%.6g")
    changes(composition).to_csv("composition_change.tsv", sep="\t", index=False, float_format="%.6g")
    Path("composition_mqc.json").write_text(
        json.dumps(multiqc(composition, pd.read_csv(colours, sep="\t")), indent=1, allow_nan=False) + "\n"
    )


if __name__ == "__main__":
    main()
