#!/usr/bin/env python3
"""Which cells carry the bulk MRD clones: cell types over time, and verdicts in words.

Cells are matched in all samples; how a clone moves, and whether it was missed, is judged in the patient's main series alone.
"""

from collections.abc import Sequence
from pathlib import Path

from _cli import FILE, command, multiqc_section, write_json
from _clones import of_receptor, read_labels, with_clones
from _genes import Genes
from _mrd_match import Shown, carriers, nearest_bulk, read_bulk
from _mrd_unseen import explain
from _receptors import LIBRARY_OF, Lineages, with_library
from _series import DESIGN, main_series
from _shares import wilson
from _tables import read_text_table, write_parquet, write_table
from _words import percent, plural

import click
import numpy as np

COLUMNS = [
    "patient", "clone", "locus", "matched_clone", "distance", "cell_type", "timepoint", "day", *DESIGN, "n", "total", "share",
    "low", "high", "verdict", "reason", "label", "matched_by", "counted_as", "cells_share", "bulk_fraction", "agreement",
    "upper_limit", "p_missed", "cells_needed", "rule",
]  # fmt: skip
CHAINS = ["cell_id", "chain_type", "locus", "v_call", "j_call", "junction", "junction_aa", "verdict"]
MAIN_SHARE = 0.5  # a cell type carries a clone where it holds at least this part of the matched cells
BLAST = "blast"


def verdict(cells, counted, lineages: Sequence[str]) -> str:
    """Who carries a matched clone, in words.

    cells: counted matched cells; counted: all counted cells; both with cell_type, lineage, timepoint and main (of the main
    series). lineages: those that may have rearranged the locus, so that bulk sees them.
    """
    n = len(cells)
    if not n:
        return "carried by ambiguous cells alone, which are in no count"
    by_type = cells["cell_type"].value_counts()
    main = sorted(by_type.index, key=lambda name: (-by_type[name], name))[0]
    sampled = counted.drop_duplicates("timepoint")["timepoint"].tolist()
    seen = [time for time in sampled if (cells["timepoint"] == time).any()]
    unseen = [time for time in sampled if time not in seen]
    when = f" at {', '.join(seen)}, not at {', '.join(unseen)}" if unseen else ""
    if n < 3:
        start = f"carried by {n} {'cell' if n == 1 else 'cells'} only ({plural(main)}{when})"
    elif by_type[main] >= MAIN_SHARE * n:
        start = f"carried by {plural(main)}{when}: {by_type[main]:,} of {n:,} matched cells"
    else:
        first = ", ".join(f"{plural(name)} {number:,}" for name, number in by_type.head(3).items())
        start = f"carried by several cell types{when}: {first} of {n:,} matched cells"
    possible = counted["lineage"].isin(lineages) & (counted["cell_type"] != main) & counted["main"]
    seen_there = cells.loc[cells["main"], "cell_type"].value_counts()
    others = counted.loc[possible, "cell_type"].value_counts()
    blasts = counted.loc[counted["lineage"] == BLAST, "cell_type"].unique()
    for name in sorted(others.index, key=lambda name: (name not in blasts, -others[name], name))[:2]:
        hits, total = int(seen_there.get(name, 0)), int(others[name])
        beyond = int(by_type.get(name, 0)) - hits
        _, low, high = wilson(hits, total)
        bound = f"95 % interval {percent(low)} to {percent(high)}" if hits else f"upper bound {percent(high)}"
        bound += f", and {beyond:,} in samples that are not compared" if beyond else ""
        start += f"; {plural(name)} {hits:,} of {total:,}, {bound}"
    return start


def matched_cells(carriers, cells, chains) -> tuple[np.ndarray, str, str, str]:
    """The cells that stand for a bulk clone, their single-cell clone, and how they are counted.

    carriers: cell_id, chain_type of one bulk clone. cells: kept cells with clone. All cells of the single-cell
    clone count where most of its cells with a chain of that type have the matched one (the others lost it to
    dropout); else only the carriers: a branch, a second chain, or a light chain that several clones share.
    """
    carrying = cells.index.isin(carriers["cell_id"])
    clones = cells.loc[carrying, "clone"].dropna()
    if clones.empty:
        heavy = chains.loc[chains["chain_type"] == "VDJ", "cell_id"]
        lone = not carriers["cell_id"].isin(heavy).any()
        note = "only light chain: the cells show no VDJ chain" if lone else "carried by cells without a clone"
        return carrying, "", "carriers", note
    number = clones.value_counts()
    main = sorted(number.index, key=lambda name: (-number[name], name))[0]
    members = (cells["clone"] == main).to_numpy()
    of_type = chains["chain_type"] == carriers["chain_type"].iloc[0]
    shown = members & cells.index.isin(chains.loc[of_type, "cell_id"])
    several = (number >= 0.1 * number.sum()).sum() > 1
    note = f"junction shared by {len(number)} clones" if several else ""
    if (carrying & members).sum() >= 0.5 * shown.sum() and not several:
        return members | carrying, main, "clone", note
    return carrying, main, "carriers", note


def agreement(bulk: np.ndarray, shares: np.ndarray) -> str:
    """Whether bulk and single cells move together, in words: `2 of 2 steps in the same direction`."""
    known = ~np.isnan(bulk) & ~np.isnan(shares)
    a, b = np.sign(np.diff(bulk[known])), np.sign(np.diff(shares[known]))
    if not len(a):
        return "fewer than two time points with both bulk and single cells"
    return f"{int((a == b).sum())} of {len(a)} steps in the same direction"


def attribute(carriers, curve, cells, own, lineages: Sequence[str], times: dict[str, int]):
    """Rows of the MRD table for one bulk clone that cells carry: a row per cell type and time, tissue and sort.

    cells: kept cells (index cell_id) with clone, label, counted, cell_type, lineage, timepoint, day, tissue, sort, main.
    lineages: those that may have rearranged the locus. times: timepoint -> day of the main series, in order.
    """
    chosen, clone, counted_as, note = matched_cells(carriers, cells, own)
    counted = cells[cells["counted"]]
    hits = cells[chosen & cells["counted"].to_numpy()]
    of_sample = ["timepoint", "day", *DESIGN]
    total = counted.groupby(["cell_type", *of_sample]).size().rename("total")
    n = hits.groupby(["cell_type", *of_sample]).size().rename("n")
    table = total.to_frame().join(n).fillna({"n": 0}).astype(int).reset_index()
    table = table.sort_values(["cell_type", "day"], kind="stable")
    table["share"], table["low"], table["high"] = wilson(table["n"], table["total"])
    shares = hits.groupby(of_sample).size().reindex(cells.groupby(of_sample).size().index, fill_value=0)
    shares = (shares / cells.groupby(of_sample).size()).rename("cells_share")
    table = table.join(shares, on=of_sample)
    days = sorted(set(table["day"]))
    table["bulk_fraction"] = table["day"].map(dict(zip(days, nearest_bulk(curve, days), strict=True)))
    main = cells["main"].groupby([cells[name] for name in of_sample]).first()
    in_main = shares[main].groupby(level="timepoint").first().reindex(list(times))
    bulk = nearest_bulk(curve, list(times.values()))
    label = cells.loc[cells["clone"] == clone, "label"].iloc[0] if clone else ""
    return table.assign(
        reason=note, matched_clone=clone, label=label, counted_as=counted_as,
        verdict=verdict(hits, counted.sort_values("day"), lineages), agreement=agreement(bulk, in_main.to_numpy(float)),
    )  # fmt: skip


def multiqc(table, patient: str) -> dict:
    """MultiQC custom content: verdict per bulk clone."""
    rows = table.drop_duplicates("clone").fillna("")
    data = {
        f"{patient} {row.clone}": {"locus": row.locus, "verdict": row.verdict, "reason": row.reason}
        for row in rows.itertuples()
    }
    return multiqc_section(
        "clonewatch_mrd", "Bulk MRD clones in single cells",
        "Which cells carry each bulk rearrangement. Not seen is not absent: see the reasons.", "table", data,
    )  # fmt: skip


@command()
@click.argument("mrd", type=FILE)
@click.option("--patient", required=True, help="Patient; first part of the names of the output files.")
@click.option("--clones", required=True, type=FILE, help="Clone per cell (parquet).")
@click.option("--table", required=True, type=FILE, help="Clones of the patient (TSV).")
@click.option("--chains", required=True, type=FILE, help="Judged chains (parquet).")
@click.option("--labels", required=True, type=FILE, help="Kept cells with their types.")
@click.option("--lineages", required=True, type=FILE, help="Lineages that rearrange a locus (TSV).")
@click.option("--library", required=True, type=FILE, help="What a V(D)J library can show of a rearrangement (TSV).")
@click.option("--genes", required=True, type=FILE, help="V and J genes that no sequence can tell apart (TSV).")
@click.option("--mrd-mismatch", default=2, type=click.IntRange(0, 10), help="Bases of the junction that may differ.")
def main(
    mrd: Path,
    patient: str,
    clones: Path,
    table: Path,
    chains: Path,
    labels: Path,
    lineages: Path,
    library: Path,
    genes: Path,
    mrd_mismatch: int,
) -> None:
    """Attribute a patient's bulk MRD clones to cell types over time. MRD: the table of bulk rearrangements (TSV)."""
    import pandas as pd

    known_genes, shown = Genes(genes), Shown(library)
    bulk, curve = read_bulk(mrd, patient, known_genes)
    judged = pd.read_parquet(chains, columns=CHAINS)
    sampled = judged.groupby(judged["locus"].map(shown.library))["cell_id"].agg(
        lambda ids: set(ids.str.split(":").str[0])
    )
    own = judged[judged["verdict"] == "own"]
    matches, cells_of = carriers(bulk, own, mrd_mismatch, known_genes, shown)

    names = ["sample", "timepoint", "day", *DESIGN, "libraries", "lineage", "cell_type"]
    cells = with_clones(read_labels(labels, patient, names), clones).set_index("cell_id")
    cells["main"] = main_series(cells)
    known = read_text_table(table, ("clone", "label", "rule"), only=True).set_index("clone")
    order = cells[cells["main"]].drop_duplicates("timepoint").sort_values("day", kind="stable")
    times = {name: int(day) for name, day in zip(order["timepoint"], order["day"], strict=True)}
    owners, tables = Lineages(lineages), []
    with_receptor = {*owners.owners("BCR"), *owners.owners("TCR")}
    for match in matches.to_dict("records"):
        receptor, name = LIBRARY_OF.get(match["locus"][:2], "BCR"), shown.library.get(match["locus"], "")
        looked_for = cells.index.isin(with_library(cells, receptor).index) & cells["sample"].isin(sampled.get(name, ()))
        here = of_receptor(cells, receptor)
        here["label"] = here["clone"].map(known["label"])
        of_clone = curve[curve["clone"] == match["clone"]]
        possible = owners.rearranging("IG" if receptor == "BCR" else "TR")
        if match["n_carriers"]:
            mine = cells_of[cells_of["clone"] == match["clone"]]
            rows = attribute(mine, of_clone, here[looked_for], own, possible, times)
        else:
            able = [one for one in possible if one in with_receptor]
            row = explain(match, of_clone, here.assign(sampled=looked_for), own, able, times, name)
            rows = pd.DataFrame([row]).assign(matched_clone="")
        tables.append(rows.assign(**{name: match[name] for name in ("clone", "locus", "distance", "matched_by")}))
    result = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()
    result = result.assign(patient=patient, rule=known["rule"].iloc[0] if len(known) else "").reindex(columns=COLUMNS)

    matches = matches.drop(columns=["kind", "note"])
    for content in (matches, curve):
        content.insert(0, "patient", patient)
    write_table(result, f"{patient}.mrd.tsv")
    matches.to_csv(f"{patient}.mrd_matches.tsv", sep="\t", index=False)
    curve.to_csv(f"{patient}.mrd_curve.tsv", sep="\t", index=False)
    write_parquet(cells_of, f"{patient}.mrd_cells.parquet")
    write_json(multiqc(result, patient), f"{patient}.mrd_mqc.json")


if __name__ == "__main__":
    main()
