#!/usr/bin/env python3
"""What each clone is, and how its cells are spread over cell types, subsets and time."""

import json
from importlib.metadata import version

import click

PACKAGES = ("click", "numpy", "pandas", "statsmodels", "pyarrow")
FILE = click.Path(exists=True, dir_okay=False)
# Lineages in which a receptor is expected. Members elsewhere are doublet or contamination suspects.
OWNERS = {"BCR": ("B", "plasma", "blast", "HSPC", "unassigned"), "TCR": ("T", "unassigned")}
UNSWITCHED = ("IGHM", "IGHD")


def most_common(clone, values):
    """Most frequent non-null value per clone, ties by text. Series indexed by clone."""
    import pandas as pd

    counts = pd.DataFrame({"clone": clone, "value": values}).dropna().value_counts().rename("n").reset_index()
    counts = counts.sort_values(["n", "value"], ascending=[False, True])
    return counts.groupby("clone")["value"].first()


def tally(clone, values):
    """Counts per clone as text, most frequent first: `IGHG1:12;IGHA1:3`."""
    import pandas as pd

    counts = pd.DataFrame({"clone": clone, "value": values}).dropna().value_counts().rename("n").reset_index()
    counts = counts.sort_values(["clone", "n", "value"], ascending=[True, False, True])
    texts = counts["value"].astype(str) + ":" + counts["n"].astype(str)
    return texts.groupby(counts["clone"]).agg(";".join)


def primary_chains(chains, clone):
    """The own chain with most UMIs per cell and arm, of cells with a clone; adds the column `clone`.

    chains: own, productive; clone: Series cell_id -> clone.
    """
    order = ["duplicate_count", "consensus_count", "junction"]
    best = chains.sort_values(order, ascending=False, kind="stable").drop_duplicates(["cell_id", "arm"])
    best = best.assign(clone=best["cell_id"].map(clone))
    return best.dropna(subset="clone")


def describe(cells, chains, receptor):
    """One row per clone of a receptor, largest first.

    cells: kept cells with clone, evidence, lineage, cell_type, sample (index cell_id; clone null where none).
    """
    import numpy as np
    import pandas as pd

    members = cells.dropna(subset="clone")
    best = primary_chains(chains[chains["library"] == receptor], members["clone"])
    odd = members.index[members["evidence"].isin(["other VJ", "VDJ"])]
    table = pd.DataFrame({"n_cells": members.groupby("clone").size()})
    table["n_paired"] = (members["evidence"] == "paired").groupby(members["clone"]).sum()
    table["n_attached"] = members["evidence"].str.endswith("attached").groupby(members["clone"]).sum()
    for arm in ("VDJ", "VJ"):
        # A light chain that a cell does not share with its clone says nothing about the clone.
        rows = best[(best["arm"] == arm) & ((arm == "VDJ") | ~best["cell_id"].isin(odd))]
        for name in ("locus", "v_call", "j_call", "junction_aa", "junction"):
            table[f"{name}_{arm.lower()}"] = most_common(rows["clone"], rows[name])
    heavy = best[best["arm"] == "VDJ"]
    table["n_junctions"] = heavy.groupby("clone")["junction"].nunique()
    table["n_junctions"] = table["n_junctions"].fillna(0).astype(np.int64)
    table["c_calls"] = tally(heavy["clone"], heavy["c_call"])
    known = heavy.dropna(subset="c_call") if receptor == "BCR" else heavy.iloc[:0]
    table["switched"] = (~known["c_call"].str.startswith(UNSWITCHED)).groupby(known["clone"]).mean()
    for name, column in (("lineages", "lineage"), ("cell_types", "cell_type"), ("samples", "sample")):
        table[name] = tally(members["clone"].to_numpy(), members[column].to_numpy())
    foreign = ~members["lineage"].isin(OWNERS[receptor])
    table["n_foreign"] = foreign.groupby(members["clone"]).sum()
    sides = [table[f"junction_aa_{arm}"].fillna("-") for arm in ("vdj", "vj")]
    table.insert(0, "label", sides[0] + "_" + sides[1])
    table.insert(0, "receptor", receptor)
    number = table.index.astype(str).str.extract(r"(\d+)$")[0].astype(int).to_numpy()
    return table.iloc[np.argsort(number)].reset_index()


def wilson(n, total):
    """Share, Wilson 95 % bounds (NaN: total is 0); at n = 0 the one-sided bound 1 - 0.05 ** (1 / total)."""
    import numpy as np
    from statsmodels.stats.proportion import proportion_confint

    n, total = np.asarray(n, float), np.asarray(total, float)
    sampled = np.where(total > 0, total, np.nan)
    low, high = proportion_confint(n, sampled, method="wilson")
    return n / sampled, np.where(n == 0, 0 * low, low), np.where(n == 0, 1 - 0.05 ** (1 / sampled), high)


def spread(cells, receptor):
    """Clone x cell type x subset x time: cells, and their share of the counted cells of that subset and time.

    cells: kept cells with clone, counted, evidence, cell_type, subset, timepoint, day.
    """
    import numpy as np

    place = ["timepoint", "day", "cell_type", "subset"]
    counted = cells[cells["counted"]]
    totals = counted.groupby(place, observed=True).size().rename("total")
    kept = counted.dropna(subset="clone")
    sizes = kept.groupby(["clone", *place], observed=True)
    table = sizes.size().rename("n").to_frame()
    attached = kept["evidence"].str.endswith("attached").astype(int)
    table["n_attached"] = attached.groupby([kept[name] for name in ("clone", *place)], observed=True).sum()
    table = table.reset_index().merge(totals.reset_index(), on=place, how="left")
    table["share"], table["low"], table["high"] = wilson(table["n"], table["total"])
    table.insert(0, "receptor", receptor)
    number = (
        table["clone"].str.extract(r"(\d+)$")[0].astype(int).to_numpy() if len(table) else np.zeros(0, int)
    )
    return table.iloc[np.lexsort((table["subset"], table["cell_type"], table["day"], number))]


def expansion(table):
    """Clones and cells by clone size class (1, 2, 3-9, 10-99, 100+), per receptor."""
    import pandas as pd

    names = ["1", "2", "3-9", "10-99", "100+"]
    group = pd.cut(table["n_cells"], [0, 1, 2, 9, 99, float("inf")], labels=names)
    found = table.groupby(["receptor", group], observed=False)["n_cells"].agg(["size", "sum"]).reset_index()
    return found.set_axis(["receptor", "size", "clones", "cells"], axis=1)


def multiqc(clones, by_size, patient, rule):
    """MultiQC custom content: cells by size of their clone."""
    data = {}
    for row in by_size.itertuples():
        if row.receptor in set(clones["receptor"]):
            data.setdefault(f"{patient} {row.receptor}", {})[f"clone of {row.size}"] = int(row.cells)
    return {
        "id": "clonewatch_expansion",
        "section_name": "Clonal expansion",
        "description": f"Cells by the size of their clone. Clone rule: {rule}.",
        "plot_type": "bargraph",
        "pconfig": {"id": "clonewatch_expansion_plot", "title": "Clonal expansion", "ylab": "cells"},
        "data": data,
    }


@click.command()
@click.argument("clones", type=FILE)
@click.option("--patient", required=True, help="Patient; first part of the names of the output files.")
@click.option("--chains", required=True, type=FILE, help="Judged chains.")
@click.option("--labels", required=True, type=FILE, help="Cells and types.")
@click.option("--facts", required=True, type=FILE, help="JSON of CLONOTYPES.")
@click.version_option(" ".join(f"{name}={version(name)}" for name in PACKAGES), message="%(version)s")
def main(clones, patient, chains, labels, facts):
    """Tables of a patient's clones. CLONES: clone per cell (parquet)."""
    import pandas as pd

    with open(facts) as file:
        rule = json.load(file)["rule"]
    columns = ["cell_id", "sample", "patient", "timepoint", "day", "lineage", "cell_type", "subset"]
    cells = pd.read_parquet(labels, columns=columns)
    cells = cells[cells["patient"].astype(str) == patient].set_index("cell_id")
    for name in ("sample", "timepoint", "lineage", "cell_type", "subset"):
        cells[name] = cells[name].astype(str)
    cells = cells.join(pd.read_parquet(clones).set_index("cell_id"))
    own = pd.read_parquet(chains)
    own = own[(own["verdict"] == "own") & (own["rank"] > 0)]
    described, spreads = [], []
    for receptor in ("BCR", "TCR"):
        names = {f"{receptor.lower()}_{what}": what for what in ("clone", "evidence", "counted")}
        here = cells.rename(columns=names)
        described.append(describe(here, own, receptor))
        spreads.append(spread(here, receptor))
    table = pd.concat([part for part in described if len(part)] or described[:1], ignore_index=True)
    parts = pd.concat([part for part in spreads if len(part)] or spreads[:1], ignore_index=True)
    for made in (table, parts):
        made.insert(0, "patient", patient)
        made["rule"] = rule
    by_size = expansion(table)
    table.to_csv(f"{patient}.clones.tsv", sep="\t", index=False, float_format="%.6g")
    parts.to_csv(f"{patient}.clone_cells.tsv", sep="\t", index=False, float_format="%.6g")
    with open(f"{patient}.clone_table_mqc.json", "w") as file:
        json.dump(multiqc(table, by_size, patient, rule), file, indent=1, allow_nan=False)


if __name__ == "__main__":
    main()
