#!/usr/bin/env python3
"""Which cells carry the bulk MRD clones: cell types over time, and verdicts in words."""

import json
from importlib.metadata import version

import click

PACKAGES = ("click", "numpy", "pandas", "statsmodels", "pyarrow")
FILE = click.Path(exists=True, dir_okay=False)
COLUMNS = [
    *(
        "patient",
        "clone",
        "locus",
        "matched_clone",
        "distance",
        "cell_type",
        "timepoint",
        "day",
        "n",
        "total",
    ),
    *("share", "low", "high", "verdict", "reason", "label", "matched_by", "counted_as", "cells_share"),
    *("bulk_fraction", "agreement", "p_missed", "rule"),
]
MAIN_SHARE = 0.5  # a cell type carries a clone where it holds at least this part of the matched cells
NEAR_DAYS = 30  # a bulk value further than this from a sample is not compared with it
BLAST = "blast"
# Lineages that may carry a receptor of a locus, by the first letters of the locus.
OWNERS = {"IG": ("B", "plasma", "blast", "HSPC"), "TR": ("T", "blast", "HSPC")}


def wilson(n, total):
    """Share, Wilson 95 % bounds (NaN: total is 0); at n = 0 the one-sided bound 1 - 0.05 ** (1 / total)."""
    import numpy as np
    from statsmodels.stats.proportion import proportion_confint

    n, sampled = np.asarray(n, float), np.where(np.asarray(total) > 0, total, np.nan)
    low, high = proportion_confint(n, sampled, method="wilson")
    return n / sampled, np.where(n == 0, 0 * sampled, low), np.where(n == 0, 1 - 0.05 ** (1 / sampled), high)


def plural(cell_type):
    """`plasma cells`, `CD4 T cells`, `B-ALL blasts`."""
    if cell_type.endswith((" T", " B", "NK", "unassigned")):
        return f"{cell_type} cells"
    return cell_type if cell_type.endswith("s") else f"{cell_type}s"


def percent(share):
    """Three figures: `0.041 %`, `98.5 %`."""
    return f"{100 * share:.3g} %"


def verdict(cells, counted, owners):
    """Who carries a matched clone, in words.

    cells: counted matched cells; counted: all counted cells; both with cell_type, lineage, timepoint.
    """
    n = len(cells)
    if not n:
        return "matched, but by no cell that counts"
    by_type = cells["cell_type"].value_counts()
    main = sorted(by_type.index, key=lambda name: (-by_type[name], name))[0]
    sampled = counted.drop_duplicates("timepoint")["timepoint"].tolist()
    seen = [time for time in sampled if (cells["timepoint"] == time).any()]
    when = "" if len(seen) == len(sampled) else f" at {', '.join(seen)} only"
    if n < 3:
        start = f"seen in {n} {'cell' if n == 1 else 'cells'} only ({plural(main)}{when})"
    elif by_type[main] >= MAIN_SHARE * n:
        start = f"carried by {plural(main)}{when}: {by_type[main]:,} of {n:,} matched cells"
    else:
        parts = ", ".join(f"{plural(name)} {number:,}" for name, number in by_type.head(3).items())
        start = f"carried by several cell types{when}: {parts} of {n:,} matched cells"
    possible = counted["lineage"].isin(owners) & (counted["cell_type"] != main)
    others = counted.loc[possible, "cell_type"].value_counts()
    blasts = counted.loc[counted["lineage"] == BLAST, "cell_type"].unique()
    for name in sorted(others.index, key=lambda name: (name not in blasts, -others[name], name))[:2]:
        hits, total = int(by_type.get(name, 0)), int(others[name])
        _, low, high = wilson([hits], [total])
        bound = (
            f"95 % interval {percent(low[0])} to {percent(high[0])}"
            if hits
            else f"upper bound {percent(high[0])}"
        )
        start += f"; {plural(name)} {hits:,} of {total:,}, {bound}"
    return start


def matched_cells(carriers, cells, chains):
    """The cells that stand for a bulk clone, their single-cell clone, and how they are counted.

    carriers: cell_id, arm of one bulk clone. cells: kept cells with clone. All cells of the single-cell
    clone count where most of its cells with a chain of that arm have the matched one (the others lost it to
    dropout); else only the carriers: a branch, a second chain, or a light chain that several clones share.
    """
    found = cells.index.isin(carriers["cell_id"])
    clones = cells.loc[found, "clone"].dropna()
    if clones.empty:
        heavy = chains.loc[chains["arm"] == "VDJ", "cell_id"]
        lone = not carriers["cell_id"].isin(heavy).any()
        note = "only light chain: the cells show no VDJ chain" if lone else "carried by cells without a clone"
        return found, "", "carriers", note
    number = clones.value_counts()
    main = sorted(number.index, key=lambda name: (-number[name], name))[0]
    members = (cells["clone"] == main).to_numpy()
    arm = carriers["arm"].iloc[0]
    shown = members & cells.index.isin(chains.loc[chains["arm"] == arm, "cell_id"])
    several = (number >= 0.1 * number.sum()).sum() > 1
    note = f"junction shared by {len(number)} clones" if several else ""
    if (found & members).sum() >= 0.5 * shown.sum() and not several:
        return members | found, main, "clone", note
    return found, main, "carriers", note


def beside(curve, days):
    """Bulk fraction nearest to each sample day; NaN where there is none within NEAR_DAYS."""
    import numpy as np

    bulk = np.full(len(days), np.nan)
    for i, day in enumerate(days):
        near = curve.loc[(curve["day"] - day).abs() <= NEAR_DAYS]
        if len(near):
            bulk[i] = near.loc[(near["day"] - day).abs().idxmin(), "fraction"]
    return bulk


def agreement(bulk, shares):
    """Whether bulk and single cells move together, in words: `2 of 2 steps in the same direction`."""
    import numpy as np

    known = ~np.isnan(bulk) & ~np.isnan(shares)
    a, b = np.sign(np.diff(bulk[known])), np.sign(np.diff(shares[known]))
    if not len(a):
        return "fewer than two time points with both bulk and single cells"
    return f"{int((a == b).sum())} of {len(a)} steps in the same direction"


def attribute(match, carriers, curve, cells, own, times):
    """Rows of the MRD table for one bulk clone that cells carry: a row per cell type and time.

    cells: kept cells (index cell_id) with clone, label, counted, cell_type, lineage, timepoint, day.
    times: timepoint -> day, in order.
    """
    kept = cells["timepoint"].value_counts().reindex(list(times), fill_value=0)
    chosen, clone, counted_as, note = matched_cells(carriers, cells, own)
    counted = cells[cells["counted"]]
    hits = cells[chosen & cells["counted"].to_numpy()]
    grid = [counted["cell_type"], counted["timepoint"]]
    total = counted.groupby(grid).size().rename("total")
    n = hits.groupby(["cell_type", "timepoint"]).size().rename("n")
    table = total.to_frame().join(n).fillna({"n": 0}).astype(int).reset_index()
    table["day"] = table["timepoint"].map(times)
    table = table.sort_values(["cell_type", "day"], kind="stable")
    table["share"], table["low"], table["high"] = wilson(table["n"], table["total"])
    every = hits["timepoint"].value_counts().reindex(list(times), fill_value=0)
    shares = (every / kept.where(kept > 0)).to_numpy(float)
    bulk = beside(curve, list(times.values()))
    place = {time: i for i, time in enumerate(times)}
    at = table["timepoint"].map(place).to_numpy()
    table["cells_share"], table["bulk_fraction"] = shares[at], bulk[at]
    label = cells.loc[cells["clone"] == clone, "label"].iloc[0] if clone else ""
    lineages = OWNERS.get(match["locus"][:2], ())
    return table.assign(
        reason=note, matched_clone=clone, label=label, counted_as=counted_as,
        verdict=verdict(hits, counted.sort_values("day"), lineages), agreement=agreement(bulk, shares),
    )  # fmt: skip


def multiqc(table, patient):
    """MultiQC custom content: verdict per bulk clone."""
    rows = table.drop_duplicates("clone")
    data = {
        f"{patient} {row.clone}": {"locus": row.locus, "verdict": row.verdict, "reason": row.reason or ""}
        for row in rows.fillna("").itertuples()
    }
    return {
        "id": "clonewatch_mrd",
        "section_name": "Bulk MRD clones in single cells",
        "description": "Which cells carry each bulk rearrangement. Not seen is not absent: see the reasons.",
        "plot_type": "table",
        "data": data,
    }


@click.command()
@click.argument("matches", type=FILE)
@click.option("--patient", required=True, help="Patient; first part of the names of the output files.")
@click.option("--carriers", required=True, type=FILE, help="Cells per bulk clone.")
@click.option("--unseen", required=True, type=FILE, help="Reasons of clones without cells (TSV).")
@click.option("--curve", required=True, type=FILE, help="Bulk fractions by day.")
@click.option("--clones", required=True, type=FILE, help="Clone per cell.")
@click.option("--table", required=True, type=FILE, help="Clones (TSV).")
@click.option("--chains", required=True, type=FILE, help="Judged chains.")
@click.option("--labels", required=True, type=FILE, help="Cells and types.")
@click.version_option(" ".join(f"{name}={version(name)}" for name in PACKAGES), message="%(version)s")
def main(matches, patient, carriers, unseen, curve, clones, table, chains, labels):
    """Attribute a patient's bulk MRD clones to cell types over time. MATCHES: of MRD_MATCH (TSV)."""
    import pandas as pd

    bulk = pd.read_csv(
        matches,
        sep="\t",
        dtype={"distance": "Int64", "clone": str},
        keep_default_na=False,
        na_values={"distance": [""]},
    )
    lines, found = pd.read_csv(curve, sep="\t", dtype={"clone": str}), pd.read_parquet(carriers)
    cells = pd.read_parquet(
        labels, columns=["cell_id", "patient", "timepoint", "day", "lineage", "cell_type"]
    )
    cells = cells[cells["patient"].astype(str) == patient].astype(
        {"timepoint": str, "lineage": str, "cell_type": str}
    )
    cells = cells.merge(pd.read_parquet(clones), on="cell_id", how="left").set_index("cell_id")
    known = pd.read_csv(table, sep="\t", usecols=["clone", "label", "rule"], dtype=str)
    order = cells.drop_duplicates("timepoint").sort_values("day", kind="stable")
    times = {name: int(day) for name, day in zip(order["timepoint"], order["day"], strict=True)}
    own = pd.read_parquet(chains, columns=["cell_id", "arm", "locus", "verdict"])
    own = own[own["verdict"] == "own"]
    reasons = pd.read_csv(
        unseen, sep="\t", dtype={"clone": str}, keep_default_na=False, na_values={"p_missed": [""]}
    )
    reasons["matched_clone"] = ""
    parts = []
    for match in bulk.to_dict("records"):
        base = {name: match[name] for name in ("clone", "locus", "distance", "matched_by")}
        if match["clone"] in set(reasons["clone"]):
            parts.append(reasons[reasons["clone"] == match["clone"]].assign(**base))
            continue
        short = "tcr" if match["locus"].startswith("TR") else "bcr"
        here = cells.rename(columns={f"{short}_clone": "clone", f"{short}_counted": "counted"})
        here["label"] = here["clone"].map(known.set_index("clone")["label"])
        mine = found[found["clone"] == match["clone"]]
        curve_of = lines[lines["clone"] == match["clone"]]
        parts.append(attribute(match, mine, curve_of, here, own, times).assign(**base))
    result = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    result["patient"], result["rule"] = patient, known["rule"].iloc[0] if len(known) else ""
    result = result.reindex(columns=COLUMNS)
    names = ["clone", "locus", "matched_clone", "label", "distance", "verdict", "reason", "agreement"]
    facts = result[names].drop_duplicates("clone").astype(object)
    facts = facts.where(facts.notna(), None).to_dict("records")
    result.to_csv(f"{patient}.mrd.tsv", sep="\t", index=False, float_format="%.6g")
    for name, content in (
        ("mrd", {"patient": patient, "clones": facts}),
        ("mrd_mqc", multiqc(result, patient)),
    ):
        with open(f"{patient}.{name}.json", "w") as file:
            json.dump(content, file, indent=1, allow_nan=False, default=int)


if __name__ == "__main__":
    main()
