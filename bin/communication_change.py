#!/usr/bin/env python3
"""Ligand-receptor pairs of one patient over time: change with bootstrap intervals over cells, and tables for people.

Pairs are listed for every sample; times are compared within the patient's main series (_series).
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from _bootstrap import t_interval
from _cli import FILE, command, write_json
from _clones import read_labels
from _communication_summary import for_people, multiqc_sections, senders, to_focus, totals, watched_or_to_focus
from _detection import fold_of_error, p_limit
from _errors import InputError
from _focus import read_cells, receivers
from _group_levels import TimePoint, candidates
from _guards import CELLS, cautions, depth_ratio
from _pairs import CHANGED, measured_pairs, read_pairs, read_watch_list, watched
from _receptors import Lineages
from _series import DESIGN, samples_of, with_series
from _shares import fdr
from _tables import write_parquet, write_table
from _times import comparisons

import click
import numpy as np


def direction(old, new, low, high, rate, thresholds: dict) -> np.ndarray:
    """-1, 0 or 1: a change has an interval clear of zero, a small enough rate and a large enough fold."""
    with np.errstate(divide="ignore", invalid="ignore"):
        sure = (np.abs(np.log(new / old)) >= np.log(thresholds["min_fold"])) & (rate <= thresholds["max_fdr"])
    return np.where(sure & (low > 0), 1, np.where(sure & (high < 0), -1, 0))


def classes(tested, was, now, move) -> np.ndarray:
    """Words for each row: `was` and `now` tell whether the pair is expressed, `move` is -1, 0 or 1."""
    both = was & now
    cases = {"not tested": ~tested, "absent": ~was & ~now, "gained": ~was & (move > 0), "lost": ~now & (move < 0)}
    cases |= {"strengthened": both & (move > 0), "weakened": both & (move < 0), "kept": both}
    return np.select(list(cases.values()), list(cases), "unclear")


def standard_errors(before: TimePoint, after: TimePoint, rows, tested: np.ndarray) -> np.ndarray:
    """Bootstrap standard errors of the differences of strength and supply (2 x rows); NaN where not tested."""
    errors = np.full((2, tested.size), np.nan)
    for source in np.unique(rows["source"][tested]):
        of_source = np.flatnonzero(tested & (rows["source"] == source))
        for block in np.array_split(of_source, of_source.size // 4000 + 1):
            old, new = (time.sampled(source, rows, block) for time in (before, after))
            errors[0, block] = (new - old).std(axis=0, ddof=1)
            old *= before.sampled_fraction[:, [source]].astype(np.float32)
            new *= after.sampled_fraction[:, [source]].astype(np.float32)
            errors[1, block] = (new - old).std(axis=0, ddof=1)
    return errors


def drivers(strength: np.ndarray, supply: np.ndarray, number: np.ndarray) -> np.ndarray:
    """What a change of supply comes from, from the directions (-1, 0, 1) of strength, supply and senders' share."""
    each, many = strength == supply, number == supply
    cases = {"": supply == 0, "number of senders": many & ~each, "strength per cell": each & ~many}
    return np.select(list(cases.values()), list(cases), "number and strength")


def limits(whole, supply, error, degrees, rate, sizes, rows, thresholds: dict) -> dict[str, np.ndarray]:
    """What would have been called of pairs that are not: the fewest cells of both groups, the fold, and the cells that are needed.

    sizes: of the groups at the time with fewer. detectable_fold: of the supply, up or down, missing where none would have been
    or a change is called. cells_needed: of the group with the fewest cells, for a test at all or for a twofold change (the others growing alike).
    """
    fewest = np.minimum(sizes[rows["source"]], sizes[rows["target"]])
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = error / np.hypot(*supply)
    fold, more = fold_of_error(spread, p_limit(rate, thresholds["max_fdr"]), degrees, thresholds["min_fold"])
    unchanged = np.isin(whole, ("kept", "unclear"))
    needed = np.where(unchanged, np.ceil(np.maximum(1, more) * fewest), np.nan)
    return {
        "fewest_cells": fewest, "detectable_fold": np.where(unchanged, fold, np.nan),
        "cells_needed": np.where(whole == "not tested", thresholds["min_cells"], needed),
    }  # fmt: skip


def compare(before: TimePoint, after: TimePoint, rows: dict, thresholds: dict) -> dict[str, np.ndarray]:
    """Differences (after - before) of strength and supply, 95 % intervals, false discovery rates, classes.

    Supply: strength x the source's share of all labelled cells, which grows when the senders grow in number. `class` is that
    of the supply, `strength_class` that of the average cell. Intervals have as many degrees of freedom as cells express the
    rarer side, at least two, for means over few positive cells are skewed.
    """
    from scipy.special import stdtr

    source, target = rows["source"], rows["target"]
    times = (before, after)
    tested = np.all([time.enough[source] & time.enough[target] for time in times], axis=0)
    was, now = (np.minimum(*time.at_pairs("share", rows)) >= thresholds["min_share"] for time in times)
    strength = [time.strength(rows) for time in times]
    fraction = [time.fraction[source] for time in times]
    supply = [value * share for value, share in zip(strength, fraction, strict=True)]
    cells = np.maximum(*(time.at_pairs("expressing", rows) for time in times)).min(axis=0).clip(2)
    result, moves = {}, []
    errors = standard_errors(*times, rows, tested)
    for name, values, error in zip(("strength", "supply"), (strength, supply), errors, strict=True):
        difference = np.where(tested, values[1] - values[0], np.nan)
        low, high = t_interval(difference, error, cells)
        score = np.divide(np.abs(difference), error, out=np.zeros_like(error), where=error > 0)
        rate = fdr(np.where(tested & (was | now), 2 * stdtr(cells, -score), np.nan))
        columns = {
            "from": values[0],
            "to": values[1],
            "difference": difference,
            "low": low,
            "high": high,
            "fdr_cells": rate,
        }
        result |= {f"{name}_{key}": column for key, column in columns.items()}
        moves.append(direction(*values, low, high, rate, thresholds))
    each, whole = (classes(tested, was, now, move) for move in moves)
    number = np.sign(fraction[1] - fraction[0]) * (
        np.maximum(*fraction) >= thresholds["min_fold"] * np.minimum(*fraction)
    )
    driver = np.where(np.isin(whole, CHANGED), drivers(*moves, number), "")
    result |= limits(
        whole,
        supply,
        errors[1],
        cells,
        result["supply_fdr_cells"],
        np.minimum(*(time.size for time in times)),
        rows,
        thresholds,
    )
    words = {"class": whole, "driver": driver, "strength_class": each}
    return words | {"expressed_from": was, "expressed_to": now} | result


def read_times(paths: Sequence[Path], patient: str, main: set[str]) -> tuple[list[tuple], Any, Any]:
    """The times of the patient's main series in order: time point, AnnData of its samples, cells per group before the draw.

    And of all its samples, whatever their tissue and sort: a table with sample, timepoint and day, and one of their cells with
    lineage, cell type and group. main: the samples of the main series.
    """
    import anndata
    import hdf5plugin  # noqa: F401  (registers the zstd filter)
    import pandas as pd

    by_day: dict[int, list] = {}
    samples, kinds = [], []
    for path in paths:
        cells = anndata.read_h5ad(path)
        whose, sample, timepoint, day = (cells.uns[name] for name in ("patient", "sample", "timepoint", "day"))
        if whose != patient:
            raise InputError(f"{path.name}: {sample} is a sample of {whose}; give samples of {patient} only.")
        samples.append((sample, timepoint, int(day)))
        kinds.append(cells.obs[["lineage", "cell_type", "group"]].astype(str).drop_duplicates())
        if sample in main:
            by_day.setdefault(int(day), []).append(cells)
    if not by_day:
        raise InputError(
            f"{patient}: no sample of its main series is among the files; their steps failed or they are of others."
        )
    times = []
    for _, members in sorted(by_day.items()):
        counted = [json.loads(cells.uns["groups"]) for cells in members]
        sizes = {group: sum(one.get(group, 0) for one in counted) for group in sorted(set().union(*counted))}
        times.append((members[0].uns["timepoint"], anndata.concat(members), sizes))
    return times, pd.DataFrame(samples, columns=["sample", "timepoint", "day"]), pd.concat(kinds)


def read_scores(paths: Sequence[Path], samples):
    """Scores of all samples, with timepoint and day, in the order of the days."""
    import pandas as pd

    scores = pd.concat([pd.read_parquet(path) for path in paths], ignore_index=True)
    unknown = sorted(set(scores["sample"]) - set(samples["sample"]))
    if unknown:
        raise InputError(f"{unknown[0]} is no sample of this patient; give the scores of its own samples only.")
    samples = samples.set_index("sample")
    for column in ("timepoint", "day"):
        scores.insert(1, column, scores["sample"].map(samples[column]))
    return scores.sort_values("day", kind="stable", ignore_index=True)


def changes(times, pairs, watch_list, patient: str, focus: set[str], draws: int, seed: int, thresholds: dict[str, Any]):
    """A row per comparison, source, target and pair that is expressed at some time or watched."""
    import pandas as pd

    groups = sorted(set().union(*(sizes for *_, sizes in times)))
    genes = sorted(set.intersection(*(set(cells.var_names) for _, cells, _ in times)))
    measured = measured_pairs(pairs, genes)
    watch = watched(pairs, watch_list)[measured.rows]
    units, rng = (measured.ligands, measured.receptors), np.random.default_rng(seed)
    points = [
        TimePoint(cells[:, genes], sizes, groups, units, thresholds["min_cells"], draws, rng)
        for _, cells, sizes in times
    ]
    rows = candidates(points, measured.ligand, measured.receptor, watch != "", thresholds["min_share"])
    ligand, receptor = (pairs[side].to_numpy()[measured.rows][rows["row"]] for side in ("ligand", "receptor"))
    described = {
        "source": pd.Categorical.from_codes(rows["source"], groups),
        "target": pd.Categorical.from_codes(rows["target"], groups),
        "ligand": pd.Categorical(ligand),
        "receptor": pd.Categorical(receptor),
        "watch": pd.Categorical(watch[rows["row"]]),
        "focus": np.isin(groups, list(focus))[rows["target"]],
        "to_itself": np.isin(groups, list(focus))[rows["target"]] & np.isin(groups, list(focus))[rows["source"]],
    }
    steps = comparisons(range(len(times)))
    tables = []
    for before, after in steps or [(0, 0)]:
        names = {"patient": patient, "from": times[before][0], "to": times[after][0]}
        table = pd.DataFrame({**names, **described}, index=pd.RangeIndex(rows["row"].size))
        tables.append(table.assign(**compare(points[before], points[after], rows, thresholds)))
    change = pd.concat(tables, ignore_index=True).iloc[: None if steps else 0]
    kinds = dict.fromkeys(change.select_dtypes("float64").columns, np.float32)
    return change.astype(kinds | dict.fromkeys(("class", "driver", "strength_class"), "category"))


def step_cautions(change, cells):
    """What each change may come from instead (_guards.cautions); cells: of the main series, as labelled.

    Whether a pair is expressed moves with depth, its strength does not: only pairs that are gained or lost carry `depth`.
    """
    import pandas as pd

    at, words = dict(iter(cells.groupby("timepoint"))), pd.Series("", index=change.index)
    for step, rows in change.groupby(["from", "to"], observed=True):
        pair = [at[time] for time in step]
        with_depth = change.loc[rows.index, "class"].isin(["gained", "lost"])
        words[rows.index] = cautions(*pair, 1.0)
        words[rows.index[with_depth]] = cautions(*pair, depth_ratio(*pair))
    return words.astype("category")


@command()
@click.argument("cells", type=FILE, nargs=-1, required=True)
@click.option("--scores", type=FILE, multiple=True, required=True, help="A sample's communication.parquet.")
@click.option("--patient", required=True, help="Name of the patient.")
@click.option("--labels", required=True, type=FILE, help="The patient's labels.parquet.")
@click.option("--interactions", required=True, type=FILE, help="Table of pairs: ligand and receptor.")
@click.option("--watch-list", required=True, type=FILE, help="Pairs always reported: name, gene_a, gene_b.")
@click.option("--lineages", required=True, type=FILE, help="Lineages; cells of those that own a BCR carry a clone.")
@click.option("--clones", type=FILE, help="The patient's clones.parquet.")
@click.option("--carriers", type=FILE, help="The patient's mrd_cells.parquet: which cells carry a bulk clone.")
@click.option("--focus", help="Receivers: lineages, cell types or groups, with commas. Not given: those of the clone.")
@click.option("--min-cells", type=click.IntRange(2), default=10, help="Fewest cells per group.")
@click.option(
    "--min-share",
    type=click.FloatRange(0, 1),
    default=0.1,
    help="Minimum share of a group's cells that express the ligand or receptor.",
)
@click.option("--min-fold", type=click.FloatRange(1), default=1.4, help="Minimum fold of a called change.")
@click.option("--max-fdr", type=click.FloatRange(0, 1), default=0.05, help="Highest FDR of a called change.")
@click.option("--draws", type=click.IntRange(50), default=500, help="Bootstrap samples per group.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Seed of the bootstrap.")
@click.option("--top", type=click.IntRange(0), default=1000, help="Strongest pairs listed per sample.")
@click.option("--strongest", type=click.IntRange(0), default=5, help="Pairs named per sender.")
def main(
    cells: tuple[Path, ...], scores: tuple[Path, ...], patient: str, labels: Path, interactions: Path, watch_list: Path,
    lineages: Path, clones: Path | None, carriers: Path | None, focus: str | None, draws: int, seed: int, top: int, strongest: int, **thresholds: Any,
) -> None:  # fmt: skip
    """Compare the time points of one patient; CELLS are the communication_cells.h5ad files of its samples."""
    columns = ["sample", "timepoint", "day", *DESIGN, "lineage", "cell_type", "subset", *CELLS]
    labelled = read_labels(labels, patient, columns)
    known = with_series(samples_of(labelled))
    main_samples = set(known.loc[known["series"] == "main", "sample"])
    times, samples, kinds = read_times(cells, patient, main_samples)
    of_cells, bulk = read_cells(labelled, kinds, clones, carriers, Lineages(lineages).owners("BCR"))
    chosen = receivers(of_cells, bulk, focus, thresholds["min_cells"])
    groups = set(chosen["groups"])
    if not groups:
        click.echo(f"{patient}: {chosen['text']}.", err=True)
    write_json(chosen, f"{patient}.focus.json")
    change = changes(
        times, read_pairs(interactions), read_watch_list(watch_list), patient, groups, draws, seed, thresholds
    )
    change["caution"] = step_cautions(change, labelled[labelled["sample"].isin(main_samples)])
    write_parquet(change, f"{patient}.communication_change.parquet")
    del times
    table = read_scores(scores, samples)
    outputs = {
        "communication": for_people(table, groups, top),
        "communication_change": watched_or_to_focus(change),
        "communication_focus": to_focus(table, groups, top),
        "communication_pairs": totals(table, groups),
        "communication_senders": senders(change, strongest),
    }
    for name, content in outputs.items():
        write_table(content, f"{patient}.{name}.tsv", digits=5)
    for section in multiqc_sections(table, change):
        write_json(section, f"{patient}.{section['id']}_mqc.json")


if __name__ == "__main__":
    main()
