#!/usr/bin/env python3
"""Cells that carry the gains and losses of their population: calls, shares over time and subsets, sub-clones."""

import itertools
import json
from importlib.metadata import version
from pathlib import Path

import click
import numpy as np

PACKAGES = ("click", "numpy", "pandas", "statsmodels")
FILE = click.Path(exists=True, dir_okay=False)
MAX_JOINT = 5  # events that sub-clones are made of
COLUMNS = """patient population cell_type normal baseline level stratum day arm event verdict n total share
low high expression evidence replicated elsewhere separation shift error agreeing scored_genes mb"""


def share_curve(normal, altered, steps: int = 101):
    """Log likelihood of each share of altered cells, 0 to 1 in `steps`, from the cells' log densities."""
    share = np.linspace(0, 1, steps)[:, None]
    top = np.maximum(normal, altered)
    low, high = np.exp(normal - top), np.exp(altered - top)
    return np.log(np.maximum((1 - share) * low + share * high, 1e-300)).sum(axis=1) + top.sum()


def interval(curve) -> dict[str, float]:
    """The likeliest share and its 95 % interval: shares within 1.92 of the highest log likelihood."""
    inside = np.flatnonzero(curve >= curve.max() - 1.92)
    bounds = {"share": curve.argmax(), "low": inside.min(), "high": max(inside.max(), 1)}
    return {name: float(i) / (len(curve) - 1) for name, i in bounds.items()}


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


def call_cells(cells, events):
    """Calls of one population's cells and the rows of its strata and sub-clones, from its detected events.

    cells: log densities of arm_densities.parquet with timepoint, day and subset; events: the population's detected rows.
    Returns (arm profile per cell, like `1q+ 13q-` or `none`; cells called per event; rows). The MAX_JOINT events
    with most evidence are called together, further ones each by itself.
    """
    from statsmodels.stats.proportion import proportion_confint

    keys = [f"{arm} {event}" for arm, event in zip(events.arm, events.event, strict=True)]
    normal, altered = (
        cells[[f"{key}:{state}" for key in keys]].to_numpy() for state in ("normal", "altered")
    )
    share = np.clip(events.share.to_numpy(float), 1e-9, 1 - 1e-9)
    called = altered - normal > np.log((1 - share) / share)
    joint = np.argsort(-events.evidence.to_numpy(float))[:MAX_JOINT]
    called[:, joint] = sub_clones(normal[:, joint], altered[:, joint])
    names = np.array([key.replace(" gain", "+").replace(" loss", "-") for key in keys])
    profile = np.array([" ".join(names[row]) or "none" for row in called], dtype=object)
    rows = []
    for i, event in enumerate(events[["arm", "event", "verdict"]].to_dict("records")):
        for level in ("timepoint", "subset"):
            for stratum, at in cells.groupby(level, observed=True).indices.items():
                row = interval(share_curve(normal[at, i], altered[at, i]))
                row |= {"n": int(called[at, i].sum()), "total": len(at), "stratum": stratum, "level": level}
                row["day"] = cells.day.iloc[at[0]] if level == "timepoint" else None
                rows.append(row | event)
    times = {"all": np.arange(len(cells))} | cells.groupby("timepoint", observed=True).indices
    for stratum, at in times.items():
        day = None if stratum == "all" else cells.day.iloc[at[0]]
        for name in sorted(set(profile)):
            n, total = int((profile[at] == name).sum()), len(at)
            low, high = proportion_confint(n, total, method="wilson")
            high = high if n else 1 - 0.05 ** (1 / total)
            row = {"n": n, "total": total, "share": n / total, "low": float(low), "high": float(high)}
            row |= {"stratum": stratum, "day": day}
            rows.append(row | {"level": "sub-clone", "event": name})
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


@click.command()
@click.argument("events", type=FILE)
@click.argument("densities", type=FILE)
@click.option("--patient", required=True, help="Name of the patient; outputs are called after it.")
@click.option("--labels", required=True, type=FILE, help="labels.parquet with time points and subsets.")
@click.version_option(" ".join(f"{name}={version(name)}" for name in PACKAGES), message="%(version)s")
def main(events, densities, patient, labels) -> None:
    """Call the cells of the EVENTS (arm_events.parquet) from their DENSITIES (arm_densities.parquet)."""
    import pandas as pd

    cells = pd.read_parquet(densities)
    label = pd.read_parquet(labels).set_index("cell_id")[["timepoint", "day", "subset"]]
    cells = cells.join(label.astype({"timepoint": str, "subset": str}), on="cell_id")
    table, cells["cnv_profile"] = table_of(pd.read_parquet(events), cells)
    table["patient"] = patient
    table.to_csv(f"{patient}.cnv.tsv", sep="\t", index=False, float_format="%.4g")
    kept = cells[["cell_id", "population", "normal", "baseline", "cnv_profile"]]
    kept.to_parquet(f"{patient}.cnv.parquet", compression="zstd", index=False)
    found = table[(table.level == "population") & (table.verdict == "detected") & table.normal.eq(False)]
    columns = ["total", "share", "low", "high", "baseline"]
    names = [f"{patient} {row.population} {row.arm} {row.event}" for row in found.itertuples()]
    section = {"id": "cnv", "section_name": "Arm gains and losses", "plot_type": "table"}
    section["description"] = "Share of cells with one copy more or fewer of an arm, from expression."
    section["data"] = dict(zip(names, found[columns].to_dict("records"), strict=True))
    Path(f"{patient}.cnv_mqc.json").write_text(json.dumps(section, indent=1, allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
