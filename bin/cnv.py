#!/usr/bin/env python3
"""Gains and losses of chromosome arms: populations and cells that carry them, shares over time and subsets, sub-clones."""

import itertools
from pathlib import Path

from _arm_events import interval, judge, share_curve
from _arm_profile import DIGITS, along_genome
from _arms import arm_facts, populations, read_positions, score_arms
from _cli import FILE, command, multiqc_section, write_json
from _clones import read_labels
from _receptors import Lineages
from _series import DESIGN, main_series
from _shares import wilson
from _tables import write_parquet, write_table

import click
import numpy as np

MAX_JOINT = 5  # events that sub-clones are made of
COLUMNS = """population cell_type normal baseline level stratum day arm event verdict n total share
low high expression evidence replicated elsewhere separation shift error agreeing scored_genes mb"""


def sub_clones(normal, altered, rounds: int = 200):
    """The likeliest combination of events of every cell (cells x events), by expectation maximisation.

    normal, altered: cells x events log densities; a cell's events are independent given its combination, and
    every combination has its own share, so that a 13q loss that only 1q-gained cells have is seen as such.
    """
    combinations = np.array(list(itertools.product([0, 1], repeat=normal.shape[1])))
    logs = normal @ (1 - combinations.T) + altered @ combinations.T
    likelihood = np.exp(logs - logs.max(axis=1, keepdims=True))
    shares = np.full(len(combinations), 1 / len(combinations))
    for _ in range(rounds):
        posterior = likelihood * shares
        posterior /= posterior.sum(axis=1, keepdims=True)
        shares = posterior.mean(axis=0)
    return combinations[posterior.argmax(axis=1)]


def strata_of(cells) -> list[tuple[str, str, np.ndarray]]:
    """(level, stratum, positions of its cells): time points of the main series, each other sample, and subsets.

    cells: sample, timepoint, subset and main (of the main series).
    """
    main = np.flatnonzero(cells.main.to_numpy(bool))
    others = cells["sample"].mask(cells.main)
    by_level = {
        "timepoint": {name: main[at] for name, at in cells.iloc[main].groupby("timepoint").indices.items()},
        "sample": cells.groupby(others).indices,
        "subset": cells.groupby("subset").indices,
    }
    return [(level, name, at) for level, members in by_level.items() for name, at in members.items()]


def call_cells(cells, events):
    """Calls of one population's cells and the rows of its strata and sub-clones, from its detected events.

    cells: log densities of _arm_events.judge with sample, timepoint, day, subset and main (of the main series); events: the
    population's detected rows. Shares over time are of the main series; of other samples each is a stratum of its own.
    Returns (arm profile per cell, like `1q+ 13q-` or `none`; cells called per event; rows). The MAX_JOINT events
    with most evidence are called together, further ones each by itself.
    """
    keys = [f"{arm} {event}" for arm, event in zip(events.arm, events.event, strict=True)]
    normal, altered = (cells[[f"{key}:{state}" for key in keys]].to_numpy() for state in ("normal", "altered"))
    share = np.clip(events.share.to_numpy(float), 1e-9, 1 - 1e-9)
    called = altered - normal > np.log((1 - share) / share)
    joint = np.argsort(-events.evidence.to_numpy(float))[:MAX_JOINT]
    called[:, joint] = sub_clones(normal[:, joint], altered[:, joint])
    names = np.array([key.replace(" gain", "+").replace(" loss", "-") for key in keys])
    profile = np.array([" ".join(names[row]) or "none" for row in called], dtype=object)
    strata = strata_of(cells)
    rows = []
    for i, event in enumerate(events[["arm", "event", "verdict"]].to_dict("records")):
        for level, stratum, members in strata:
            row = event | interval(share_curve(normal[members, i], altered[members, i]))
            row |= {"n": int(called[members, i].sum()), "total": len(members)}
            day = None if level == "subset" else cells.day.iloc[members[0]]
            rows.append(row | {"level": level, "stratum": stratum, "day": day})
    everywhere = ("population", "all", np.arange(len(cells)))
    for level, stratum, members in [everywhere, *strata]:
        if level == "subset":
            continue
        day = None if stratum == "all" else cells.day.iloc[members[0]]
        for name in sorted(set(profile)):
            n, total = int((profile[members] == name).sum()), len(members)
            share, low, high = map(float, wilson(n, total))
            row = {"level": "sub-clone", "stratum": stratum, "day": day, "event": name}
            rows.append(row | {"n": n, "total": total, "share": share, "low": low, "high": high})
    return profile, called.sum(axis=0), rows


def table_of(events, cells):
    """cnv.tsv without the patient, and the arm profile of every cell (missing where it was not judged)."""
    import pandas as pd

    profiles, parts = pd.Series(pd.NA, index=cells.index, dtype="string"), []
    for population, rows in events.groupby("population") if len(events) else ():
        rows = rows.copy()
        members = cells[cells.population == population]
        detected = rows.index[rows.verdict == "detected"]
        profiles[members.index], further = "none", []
        if len(detected):
            profile, n, further = call_cells(members, rows.loc[detected])
            profiles[members.index], rows.loc[detected, "n"] = profile, n
        first = rows[["population", "cell_type", "normal", "baseline"]].iloc[0].to_dict()
        parts += rows.to_dict("records") + [first | row for row in further]
    return pd.DataFrame(parts, columns=COLUMNS.split()), profiles


@command()
@click.argument("cells", nargs=-1, required=True, type=FILE)
@click.option("--patient", required=True, help="Name of the patient; outputs are called after it.")
@click.option("--labels", required=True, type=FILE, help="The patient's labels.parquet.")
@click.option("--clones", type=FILE, help="The patient's clones.parquet.")
@click.option("--lineages", required=True, type=FILE, help="Table of lineages: which can be malignant.")
@click.option("--gene-positions", required=True, type=FILE, help="Table: gene chromosome start end arm.")
@click.option("--gtf", type=FILE, help="genes.gtf of the Cell Ranger reference, for other genomes.")
@click.option("--masked", required=True, type=FILE, help="Table of patterns of genes to leave out.")
@click.option("--min-reference", default=50, type=click.IntRange(5), help="Cells a baseline needs.")
@click.option("--min-clone", default=20, type=click.IntRange(2), help="Cells a clone needs to be judged.")
@click.option("--window", default=100, type=click.IntRange(5), help="Genes of a window along the genome.")
@click.option("--step", default=10, type=click.IntRange(1), help="Genes from one window to the next.")
@click.option("--min-cells", default=20, type=click.IntRange(5), help="Cells a population needs.")
@click.option("--min-share", default=0.05, type=click.FloatRange(0, 1), help="Smallest share that is an event.")
@click.option("--seed", default=0, type=click.IntRange(0), help="Seed of the cells that the search looks at.")
def main(
    cells: tuple[Path, ...], patient: str, labels: Path, clones: Path | None, lineages: Path, gene_positions: Path,
    gtf: Path | None, masked: Path, min_reference: int, min_clone: int, window: int, step: int, min_cells: int,
    min_share: float, seed: int,
) -> None:  # fmt: skip
    """Find the gains and losses of arms in a patient's CELLS (h5ad of the samples)."""
    import pandas as pd

    label = read_labels(labels, patient, ["sample", "timepoint", "day", *DESIGN, "lineage", "cell_type", "subset"])
    label["main"] = main_series(label)
    of_clone = pd.read_parquet(clones).set_index("cell_id").bcr_clone.dropna() if clones else None
    judged = populations(label, of_clone, min_clone, Lineages(lineages).malignant)
    scores = score_arms(cells, judged, read_positions(gene_positions, gtf), masked, min_reference)
    shifts, windows = along_genome(scores, window, step)
    events, densities = judge(scores.cells, scores.arms, shifts, min_cells, min_share, seed)
    strata = label.set_index("cell_id")[["sample", "timepoint", "day", "subset", "main"]]
    kept = scores.cells[["cell_id", "population", "normal", "baseline"]]
    table, profiles = table_of(events, kept.join(densities).join(strata, on="cell_id"))

    write_table(table.assign(patient=patient)[["patient", *table]], f"{patient}.cnv.tsv", 4)
    write_parquet(kept.assign(cnv_profile=profiles), f"{patient}.cnv.parquet")
    for name, rows in (("arm_shifts", shifts), ("cnv_windows", windows)):
        write_table(rows.assign(patient=patient)[["patient", *rows]], f"{patient}.{name}.tsv", DIGITS)
    needs = {"min_reference": min_reference, "min_clone": min_clone}
    write_json({"patient": patient} | arm_facts(scores) | needs, f"{patient}.arms.json")
    events = table[(table.level == "population") & (table.verdict == "detected") & table.normal.eq(False)]
    names = [f"{patient} {row.population} {row.arm} {row.event}" for row in events.itertuples()]
    shown = events[["total", "share", "low", "high", "baseline"]].to_dict("records")
    words = "Share of cells with one copy more or fewer of an arm, from expression."
    section = multiqc_section("cnv", "Arm gains and losses", words, "table", dict(zip(names, shown, strict=True)))
    write_json(section, f"{patient}.cnv_mqc.json")


if __name__ == "__main__":
    main()
