#!/usr/bin/env python3
"""How the shares of types and subsets move over time, with intervals, and the one label table of all later steps.

A change is between samples of one tissue and one sort (_series).
"""

from pathlib import Path

from _cli import FILE, command, multiqc_section, write_json
from _detection import cells_for_fold, detectable
from _errors import InputError
from _guards import DOUBTFUL, PROCESSING, as_deep, cautions, depth_ratio, differs, holds, with_processing
from _series import DESIGN, with_design, without_products
from _shares import newcombe, wilson
from _tables import UNASSIGNED, read_samples, read_text_table, write_parquet, write_table

import click
import numpy as np

DOUBT = 2.0  # log odds: a label less than exp(2) = 7.4 times likelier than the next one is doubtful
NAMES = (
    "sample",
    "patient",
    "timepoint",
    *DESIGN,
    *PROCESSING,
    "libraries",
    "lineage",
    "cell_type",
    "subset",
)  # columns of labels.parquet
WHERE = ["patient", "sample", "timepoint", "day", *DESIGN, "level", "parent", "label"]
KEYS = ["patient", *DESIGN, "level", "parent", "label"]
CERTAIN = ["n_min", "n_max", "n_named"]
THINNED = ["thinned_change", "thinned_low", "thinned_high"]


def bounds(table) -> tuple[np.ndarray, np.ndarray]:
    """95 % bounds that hold although some cells may be misnamed: lower of n_min / total, upper of n_max / n_named.

    Without cells any share is possible: 0 to 1.
    """
    _, low, _ = wilson(table["n_min"], table["total"])
    _, _, high = wilson(table["n_max"], table["n_named"])
    return np.nan_to_num(low, nan=0.0), np.nan_to_num(high, nan=1.0)


def rivals(labels, annotation, subsets: list):
    """The other label that each doubtful cell may have, '' where there is no doubt: a column per level, rows as labels.

    A cell is doubtful where its label is less than exp(DOUBT) times likelier than the next one. A doubtful type makes a
    doubtful lineage where the other type's is another; subsets are judged within the lineage that a cell has.
    """
    import pandas as pd

    tables = [annotation, *(table.rename(columns={"subset": "cell_type"}) for table in subsets)]
    columns = ["cell_id", "margin", "rival"]
    types, *inner = (table.reindex(columns=columns).set_index("cell_id") for table in tables)
    result = pd.DataFrame(index=labels["cell_id"])
    for level, table in (("cell_type", types), ("subset", pd.concat(inner) if inner else types.iloc[:0])):
        result[level] = table["rival"].where(table["margin"] < DOUBT).reindex(result.index).fillna("")
    lineage = labels.groupby("cell_type", observed=True)["lineage"].agg(lambda s: s.mode().iloc[0])
    other = result["cell_type"].map(lineage.astype(str)).fillna("")
    result["lineage"] = other.where(other != labels["lineage"].to_numpy(str), "")
    return result.reset_index(drop=True)


def join_labels(annotation, integrated, subsets: list, samples, umis):
    """The label table: a row per kept cell, in the order of samples and cells.

    samples: samples.tsv with `libraries` and PROCESSING; umis: UMIs of each cell, by cell_id.
    """
    import pandas as pd

    columns = ["cell_id", "sample", "cluster", "lineage", "cell_type"]
    places = integrated[["cell_id", "umap_1", "umap_2"]]
    table = annotation[columns].merge(places, on="cell_id", validate="one_to_one")
    empty = pd.DataFrame(columns=["cell_id", "subset"])
    named = pd.concat([empty, *(table[["cell_id", "subset"]] for table in subsets)])
    table["subset"] = table["cell_id"].map(named.set_index("cell_id")["subset"])
    # A lineage without subsets of its own has its cell types for subsets.
    table["subset"] = table["subset"].fillna(table["cell_type"].str.replace(" ", "_"))
    of_sample = ["sample", "patient", "timepoint", "day", *DESIGN, "libraries"]
    table = table.merge(with_processing(with_design(samples))[[*of_sample, *PROCESSING]], on="sample", how="left")
    table["n_umi"] = table["cell_id"].map(umis).astype("int32")
    columns = [
        "cell_id",
        *of_sample,
        "lineage",
        "cell_type",
        "subset",
        "cluster",
        "umap_1",
        "umap_2",
        *PROCESSING,
        "n_umi",
    ]
    table = table[columns]
    return table.astype(dict.fromkeys(NAMES, "category"))


def count(labels, samples, doubts):
    """Counts and shares with intervals of every label in every sample, at three levels.

    Lineages and cell types are shares of a sample's cells; subsets are shares of their lineage's cells. A label that
    a sample does not have is a row with n 0. n_min and n_max count the doubtful cells (doubts: from rivals) elsewhere
    and here; n_named leaves out cells without a name, which may be of any kind or, like doublets and debris, of none.
    """
    import pandas as pd

    times = with_design(samples).set_index("sample")[["patient", "timepoint", "day", *DESIGN]]
    keys = ["parent", "label", "sample"]
    tables = []
    for level, parent in (("lineage", None), ("cell_type", None), ("subset", "lineage")):
        cells = labels[["sample", level]].astype(str).rename(columns={level: "label"})
        cells["parent"] = labels[parent].astype(str) if parent else "all"
        cells["rival"] = doubts[level].to_numpy(str)
        doubtful = cells[cells["rival"] != ""]
        labels_known = cells[["parent", "label"]].drop_duplicates()
        table = labels_known.merge(samples[["sample"]], how="cross").set_index(keys).sort_index()
        tallies = (("n", cells, "label"), ("away", doubtful, "label"), ("hither", doubtful, "rival"))
        for name, rows, label in tallies:
            counts = rows.groupby(["parent", label, "sample"]).size().rename_axis(keys)
            table[name] = counts.reindex(table.index, fill_value=0)
        table = table.reset_index()
        group = [table["parent"], table["sample"]]
        nameless = table["label"] == UNASSIGNED
        table["total"] = table["n"].groupby(group).transform("sum")
        table["n_min"] = table["n"] - table["away"]
        without_name = (table["n"] * nameless).groupby(group).transform("sum")
        table["n_named"] = table["total"] - without_name * ~nameless
        table["n_max"] = np.minimum(table["n"] + table["hither"], table["n_named"])
        tables.append(table.assign(level=level))
    table = pd.concat(tables, ignore_index=True).merge(times, left_on="sample", right_index=True)
    table["share"] = table["n"] / table["total"].replace(0, np.nan)
    table["low"], table["high"] = bounds(table)
    rank = table["level"].map({"lineage": 0, "cell_type": 1, "subset": 2})
    order = ["patient", "day", "sample", "rank", "parent", "label"]
    columns = [*WHERE, "n", "total", "share", "low", "high", *CERTAIN]
    return table.assign(rank=rank).sort_values(order)[columns].reset_index(drop=True)


def thinned_change(pair, level: str, parent: str, label: str) -> tuple[float, float, float]:
    """Change of a share between the cells of two times (pair), and its 95 % bounds (Newcombe, of the cells as they are named)."""
    members = [cells if parent == "all" else cells[cells["lineage"] == parent] for cells in pair]
    counts = [(int((cells[level] == label).sum()), len(cells)) for cells in members]
    return newcombe(*counts[0], *counts[1])


def difference(before, after) -> tuple:
    """Difference of two shares and its 95 % bounds (Newcombe's hybrid interval, 1998), doubtful names allowed for.

    before, after: tables of as many rows, with n, total and CERTAIN.
    """
    (low_before, high_before), (low, high) = bounds(before), bounds(after)
    was, now = (table["n"].to_numpy() / table["total"].to_numpy() for table in (before, after))
    change = now - was
    return change, change - np.hypot(now - low, high_before - was), change + np.hypot(high - now, was - low_before)


def not_shown(before, after) -> dict[str, np.ndarray]:
    """What a change that is not shown would have had to be (_detection.detectable); tables as of difference.

    Were there other counts after, as large a part of them would be doubtful, and as many cells of other labels.
    """
    part = after["n_min"] / after["n"].clip(lower=1)

    def called(counts) -> np.ndarray:
        n_max = np.minimum(counts + after["n_max"] - after["n"], after["n_named"])
        given = after.assign(n=counts, n_min=np.where(after["n"], counts * part, counts), n_max=n_max)
        _, low, high = difference(before, given)
        return np.where(low > 0, 1, np.where(high < 0, -1, 0))

    return detectable(after["total"], called) | {"cells_for_twofold": cells_for_fold(before["n"] / before["total"])}


def steps(composition) -> tuple:
    """Counts of every label at consecutive time points of one tissue and sort: tables `before` and `after`, of as many rows.

    Samples of one time are pooled; a product is none; times without cells are left out.
    """
    counted = ["n", "total", *CERTAIN]
    pooled = without_products(composition).groupby([*KEYS, "day", "timepoint"], as_index=False)
    pooled = pooled[counted].sum().sort_values([*KEYS, "day"], kind="stable")
    later = pooled.groupby(KEYS)[["timepoint", "day", *counted]].shift(-1)
    both = (pooled["total"] > 0) & (later["total"] > 0)
    before, after = (table[both].reset_index(drop=True) for table in (pooled, later))
    return before, after.astype(dict.fromkeys(["day", *counted], int))


def changes(composition, labels):
    """Difference of shares between a patient's consecutive time points, with its interval, its cautions, and what would have been shown.

    labels: the label table. Where the times differ in depth, the change between the cells that the shallower depth would have
    kept (_guards.as_deep) is given too.
    """
    import pandas as pd

    before, after = steps(composition)
    table = before[KEYS].assign(**{
        "from": before["timepoint"], "to": after["timepoint"], "from_day": before["day"], "to_day": after["day"],
        "from_share": before["n"] / before["total"], "to_share": after["n"] / after["total"],
    })  # fmt: skip
    moved = difference(before, after)
    table["change"], table["change_low"], table["change_high"] = moved

    cells_at, of_steps, rows = dict(iter(labels.groupby(["patient", *DESIGN, "timepoint"], observed=True))), {}, []
    for a, b, move in zip(before.itertuples(), after.itertuples(), zip(*moved, strict=True), strict=True):
        series = tuple(getattr(a, name) for name in ["patient", *DESIGN])
        step = (*series, a.timepoint, b.timepoint)
        if step not in of_steps:
            pair = [cells_at[*series, time] for time in step[-2:]]
            ratio = depth_ratio(*pair)
            of_steps[step] = ratio, cautions(*pair, ratio), as_deep(*pair, ratio) if differs(ratio) else None
        ratio, caution, equal = of_steps[step]
        most = max((a, b), key=lambda time: time.n)
        doubtful = most.n and most.n - most.n_min > DOUBTFUL * most.n
        caution = "; ".join(filter(None, [caution, "names" if doubtful else ""]))
        thinned = thinned_change(equal, a.level, a.parent, a.label) if equal else (np.nan,) * 3
        rows.append([caution, ratio, *thinned, holds(move, thinned) if equal else ""])
    table = table.join(pd.DataFrame(rows, columns=["caution", "depth_ratio", *THINNED, "holds"]))
    shown = (table["change_low"] > 0) | (table["change_high"] < 0)
    return table.assign(**{name: np.where(shown, np.nan, part) for name, part in not_shown(before, after).items()})


def multiqc(composition, colours) -> dict:
    """MultiQC custom content: cells of each type per sample, samples in order of patient and day, as stacked bars.

    colours: columns level, label, colour; a type that is not in it has that of the unassigned.
    """
    types = composition[composition["level"] == "cell_type"]
    data = {
        sample: dict(zip(g["label"], g["n"].tolist(), strict=True)) for sample, g in types.groupby("sample", sort=False)
    }
    known = colours[colours["level"] == "cell_type"].set_index("label")["colour"].to_dict()
    looks = {label: {"name": label, "color": known.get(label, known[UNASSIGNED])} for label in types["label"]}
    text = (
        "Share of each cell type in each sample, in order of patient and day. Between single samples nothing is tested."
    )
    plot = {"cpswitch_c_active": False, "sort_samples": False, "ylab": "Cells"}
    return multiqc_section("composition", "Cell types over time", text, "bargraph", data, plot, categories=looks)


@command()
@click.argument("annotation", type=FILE)
@click.argument("integrated", type=FILE)
@click.argument("subsets", nargs=-1, type=FILE)
@click.option("--samples", "sheet", required=True, type=FILE, help="samples.tsv")
@click.option(
    "--status", required=True, type=FILE, help="qc.tsv of the run: libraries of a sample, and how it was made."
)
@click.option("--metrics", multiple=True, required=True, type=FILE, help="S.qc.parquet of every sample.")
@click.option("--colours", required=True, type=FILE, help="assets/colours.tsv")
def main(
    annotation: Path, integrated: Path, subsets: tuple[Path, ...], sheet: Path, status: Path, metrics: tuple[Path, ...],
    colours: Path,
) -> None:  # fmt: skip
    """Join ANNOTATION, INTEGRATED and SUBSETS (<lineage>.subsets.parquet) into labels.parquet and count.

    Writes the labels of every patient, <patient>.labels.parquet, too.
    """
    import pandas as pd

    table, samples = pd.read_parquet(annotation), read_samples(sheet)
    for missing in sorted(set(table["sample"]) - set(samples["sample"])):
        raise InputError(f"{missing}: is in {annotation.name} but not in {sheet.name}; use the same run's")
    samples = samples[samples["sample"].isin(table["sample"])]
    of_samples = read_text_table(status, ("sample", "libraries", *PROCESSING)).set_index("sample")
    for name in ("libraries", *PROCESSING):
        samples = samples.assign(**{name: samples["sample"].map(of_samples[name]).fillna("")})
    named = [pd.read_parquet(path) for path in subsets]
    umis = pd.concat([pd.read_parquet(path, columns=["cell_id", "n_umi"]) for path in metrics]).set_index("cell_id")[
        "n_umi"
    ]
    labels = join_labels(table, pd.read_parquet(integrated), named, samples, umis)
    composition = count(labels, samples, rivals(labels, table, named))
    write_parquet(labels, "labels.parquet")
    for patient, cells in labels.groupby("patient", observed=True):
        # Without the names that only other patients have: the table would change with theirs.
        used = {name: cells[name].cat.remove_unused_categories() for name in NAMES}
        write_parquet(cells.assign(**used), f"{patient}.labels.parquet")
    write_table(composition, "composition.tsv")
    write_table(changes(composition, labels), "composition_change.tsv")
    palette = read_text_table(colours, ("level", "label", "colour"))
    write_json(multiqc(composition, palette), "composition_mqc.json")


if __name__ == "__main__":
    main()
