"""Calibration of the limits of detection on whole libraries that are drawn from known populations (tests/helpers/libraries.py).

    python tests/benchmarks/calibrate_detection.py --plot docs/images/detection.svg

Prints the table of docs/methods/detection.md: how many of the stated intervals and limits hold the truth, how often what lies
just beyond a limit (up to 1.25 times) was shown, and the limit in multiples of the ideal one, of who knew the capture rate, every
cell's true type, or the spread. About five minutes of CPU time.
"""

import sys
from pathlib import Path

import altair as alt
import click
import numpy as np
import pandas as pd

PROJECT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(PROJECT / "bin"), str(PROJECT / "tests")]

from helpers import libraries  # noqa: E402

MULTIPLES = (0.3, 0.5, 0.7, 0.85, 1.0, 1.15, 1.3, 1.6)
FOLDS = (0.1, 0.2, 0.35, 0.5, 0.7, 1, 1.4, 2, 3, 5, 10)
SIZES, GROUPS = (300, 1000, 4000), (20, 60, 200)
CHUNK = 50


def row(of: str, cells: int, capture, holds, beyond, ratio) -> dict:
    """A row of the table; holds: per statement; beyond: whether what lay just beyond a limit was shown; ratio: limit to ideal."""
    ratio = ratio[np.isfinite(ratio)]
    return {
        "statement": of, "cells": cells, "capture": capture, "n": len(holds), "holds": np.mean(holds), "n beyond": len(beyond),
        "beyond": np.mean(beyond) if len(beyond) else np.nan, "ratio": np.median(ratio) if len(ratio) else np.nan,
        "ratio 95 %": np.quantile(ratio, 0.95) if len(ratio) else np.nan,
    }  # fmt: skip


def near(truth, limit):
    """Whether a truth lies beyond a limit, up to 1.25 times."""
    return (truth > limit) & (truth < 1.25 * limit)


def of_clones(samples: int, cells: int, rng) -> list[dict]:
    """Rows on clones that no cell shows."""
    rows = []
    for scale in (0.3, 1.0):
        table = libraries.unseen_clones(samples // 2, int(1.3 * cells), scale, MULTIPLES, rng)
        for capture, part in table[table["limit"].notna()].groupby("capture"):
            holds = part["seen"] | (part["truth"] <= part["limit"])
            beyond = part["seen"][near(part["truth"], part["limit"])]
            rows.append(
                row("clone not seen", cells, capture, holds, beyond, (part["limit"] / part["ideal"]).to_numpy())
            )
    return rows


def of_types(samples: int, cells: int, rng) -> list[dict]:
    """Rows on shares of cell types, on types that are not seen, and on steps that are not shown."""
    made = [libraries.shares_and_steps(CHUNK, int(1.3 * cells), FOLDS, rng) for _ in range(samples // 2 // CHUNK)]
    shares, steps = (pd.concat(tables, ignore_index=True) for tables in zip(*made, strict=True))
    inside = (shares["low"] <= shares["truth"]) & (shares["truth"] <= shares["high"])
    none = shares["n"] == 0
    ratio = (shares["high"] / shares["ideal_high"])[none & (shares["ideal_n"] == 0)].to_numpy()
    rows = [row("share of a type", cells, np.nan, inside, [], np.array([]))]
    rows += [row("type not seen", cells, np.nan, inside[none], [], ratio)] if none.sum() >= 50 else []
    truth = steps["truth"]
    above, below = truth > steps["detectable_high"], truth < steps["detectable_low"]
    beyond = near(truth, steps["detectable_high"]) | near(1 / truth, 1 / steps["detectable_low"])
    both = ~steps["shown"] & ~steps["ideal_shown"]
    ratio = np.concatenate([
        (steps["detectable_high"] / steps["ideal_detectable_high"])[both], (steps["ideal_detectable_low"] / steps["detectable_low"])[both],
    ])  # fmt: skip
    rows.append(
        row("step of a type not shown", cells, np.nan, steps["shown"] | ~(above | below), steps["shown"][beyond], ratio)
    )
    return rows


def of_fates(samples: int, cells: int, rng) -> list[dict]:
    """Rows on shares of clones, and on changes of clones that are not shown."""
    table = libraries.clone_fates(samples // 8, int(1.3 * cells), FOLDS, rng)
    inside = (table["lineage_low"] <= table["truth"]) & (table["truth"] <= table["lineage_high"])
    last = table[(table["timepoint"] == "T2") & (table["basis"] == "T")]
    outside = (last["truth"] > last["detectable_high"]) | (last["truth"] < last["detectable_low"])
    holds = (last["change"] != "not shown") | ~outside
    return [
        row("share of a clone", cells, 0.93, inside, [], np.array([])),
        row("change of a clone not shown", cells, 0.93, holds, [], np.array([])),
    ]


def of_pairs(samples: int, size: int, rng) -> list[dict]:
    """A row on ligand-receptor pairs of which no change is called."""
    made = [libraries.supplies(CHUNK, size, FOLDS, rng) for _ in range(max(1, samples // 10 // CHUNK))]
    table = pd.concat(made, ignore_index=True)
    silent = table["class"].isin(["kept", "unclear"])
    outside = (table["truth"] > table["detectable_fold"]) | (table["truth"] < 1 / table["detectable_fold"])
    ratio = (table["detectable_fold"] / table["ideal"])[silent].to_numpy()
    tested = ~table["class"].isin(["absent", "not tested"])
    return [row("pair not called", size, np.nan, ~(silent & outside)[tested], [], ratio)]


def of_levels(samples: int, rng) -> pd.DataFrame:
    """Nominal and observed chance that a clone just beyond its limit is seen, at several levels and captures."""
    rows = []
    for level in (0.5, 0.7, 0.8, 0.9, 0.95, 0.99):
        reach = np.log(1 - level) / np.log(0.05)  # limits at other levels, in multiples of that of 95 %
        multiples = reach * np.array([0.9, 1.0, 1.1, 1.2])
        for scale in (0.3, 1.0):
            table = libraries.unseen_clones(samples // 10, 1300, scale, multiples, rng, level)
            beyond = table[(table["truth"] > table["limit"]) & (table["truth"] < 1.25 * table["limit"])]
            for capture, part in beyond.groupby("capture"):
                rows.append(
                    {
                        "capture": f"{100 * capture:.0f} %",
                        "nominal": level,
                        "observed": part["seen"].mean(),
                        "n": len(part),
                    }
                )
    return pd.DataFrame(rows)


def plot(table: pd.DataFrame, levels: pd.DataFrame) -> alt.HConcatChart:
    """Three panels: levels, statements that hold, limits in multiples of the ideal one; the last two by cells."""
    line = (
        alt.Chart(pd.DataFrame({"at": [0.5, 1]}))
        .mark_line(color="#888", strokeDash=[4, 3])
        .encode(alt.X("at", scale=alt.Scale(domain=[0.45, 1])), alt.Y("at", scale=alt.Scale(domain=[0.4, 1])))
    )
    axis = alt.Axis(format=".0%")
    points = alt.Chart(levels).mark_point(filled=True, size=45).encode(
        alt.X("nominal", title="nominal chance", axis=axis, scale=alt.Scale(domain=[0.45, 1])),
        alt.Y("observed", title="seen just beyond the limit", axis=axis, scale=alt.Scale(domain=[0.4, 1])),
        alt.Color("capture:N", title="capture", sort=None),
    )  # fmt: skip
    panels = [alt.layer(line, points).properties(width=230, height=230, title="Clones that no cell shows")]
    table = table.assign(
        what=[
            f"{row['statement']}{f', capture {row.capture:.0%}' if np.isfinite(row['capture']) else ''}"
            for _, row in table.iterrows()
        ]
    )
    for column, title, rule, domain in (
        ("holds", "statements that hold", 0.95, [0.9, 1]), ("ratio", "limit, in multiples of the ideal (median)", 1.5, [0.8, 1.6]),
    ):  # fmt: skip
        base = alt.Chart(table[table[column].notna()]).encode(
            alt.X("cells", title="cells", scale=alt.Scale(type="log")), alt.Y(column, title=title, scale=alt.Scale(domain=domain, clamp=True)),
            alt.Color("what:N", title="statement"),
        )  # fmt: skip
        mark = alt.Chart(pd.DataFrame({"at": [rule]})).mark_rule(color="#888", strokeDash=[4, 3]).encode(y="at")
        panels.append(
            (base.mark_line() + base.mark_point(filled=True, size=45) + mark).properties(width=230, height=230)
        )
    return alt.hconcat(*panels).resolve_scale(color="independent").configure_legend(labelLimit=0)


def made(samples: int, seed: int, known: pd.DataFrame, rows: Path) -> pd.DataFrame:
    """The table; parts that are in `known` (a statement and its cells) are not made again, new ones are added to the file."""
    streams = [np.random.default_rng(seed + at) for at in range(4)]
    # Clones and types share a stream: one after the other, or not at all.
    parts = [
        (of_clones, SIZES, streams[0]),
        (of_types, SIZES[:2], streams[0]),
        (of_fates, SIZES, streams[1]),
        (of_pairs, GROUPS, streams[2]),
    ]
    for make, sizes, rng in parts:
        for cells in sizes:
            if ((known["make"] == make.__name__) & (known["cells"] == cells)).any():
                continue
            known = pd.concat(
                [known, pd.DataFrame(make(samples, cells, rng)).assign(make=make.__name__)], ignore_index=True
            )
            known.to_csv(rows, sep="\t", index=False)
    return known


def text(value, form: str) -> str:
    """A number as the table shows it, '' of none."""
    return "" if not np.isfinite(value) else form.format(value)


@click.command()
@click.option(
    "--samples",
    default=1000,
    show_default=True,
    help="Samples drawn per setting (fewer where one holds many statements).",
)
@click.option("--seed", default=1, show_default=True)
@click.option(
    "--rows",
    type=click.Path(path_type=Path),
    default="calibration.tsv",
    show_default=True,
    help="Rows made so far: what is there is not made again.",
)
@click.option("--plot", "picture", type=click.Path(path_type=Path), help="SVG of the calibration.")
def main(samples: int, seed: int, rows: Path, picture: Path | None):
    """Print the table, and draw it."""
    known = pd.read_csv(rows, sep="\t") if rows.exists() else pd.DataFrame(columns=["make", "cells"])
    table = made(samples, seed, known, rows)
    print(
        "| statement | cells | capture | n | hold | just beyond: n | shown | limit / ideal, median | 95 % of them below |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for r in table.to_dict("records"):
        values = [
            text(r["capture"], "{:.2f}"),
            f"{r['n']:,}",
            f"{100 * r['holds']:.1f} %",
            text(r["n beyond"] or np.nan, "{:,.0f}"),
        ]
        values += [text(100 * r["beyond"], "{:.1f} %"), text(r["ratio"], "{:.2f}"), text(r["ratio 95 %"], "{:.2f}")]
        print(f"| {r['statement']} | {r['cells']:,} | " + " | ".join(values) + " |")
    if picture:
        levels = of_levels(samples, np.random.default_rng(seed + 3))
        print(levels.to_string(), file=sys.stderr)
        plot(table, levels).save(picture)


if __name__ == "__main__":
    main()
