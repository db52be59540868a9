#!/usr/bin/env python3
"""Change of ligand-receptor pairs between the times of one patient, with bootstrap intervals over cells."""

import json
from importlib.metadata import version
from pathlib import Path

import click
import numpy as np

PACKAGES = ("click", "numpy", "pandas", "scipy", "anndata", "hdf5plugin")
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
SIDES = ("ligand", "receptor")
CHANGED = ("gained", "lost", "strengthened", "weakened")


def resampled_means(matrix, draws: int, rng) -> np.ndarray:
    """Means of `draws` bootstrap samples of the rows of a sparse matrix: draws x columns.

    n - 1 of n cells are drawn, with replacement: so the spread of the means is the unbiased standard error.
    """
    n = matrix.shape[0]
    picks = rng.integers(0, n, (draws, max(n - 1, 1))) + n * np.arange(draws)[:, None]
    weights = np.bincount(picks.ravel(), minlength=draws * n).reshape(draws, n).astype(np.float32)
    return (matrix.T @ weights.T).T / max(n - 1, 1)


def complexes(names, position: dict[str, int]) -> tuple[np.ndarray, np.ndarray]:
    """Gene positions of the subunits (complexes x most subunits, the last repeated); which are measured."""
    parts = [name.split("_") for name in names]
    width = max(map(len, parts), default=1)
    whole = np.array([all(gene in position for gene in part) for part in parts], dtype=bool)
    table = np.zeros((len(parts), width), dtype=int)
    for row in np.flatnonzero(whole):
        found = [position[gene] for gene in parts[row]]
        table[row] = found + found[-1:] * (width - len(found))
    return table, whole


def of_complex(values: np.ndarray, subunits: np.ndarray) -> np.ndarray:
    """Lowest value over the subunits: rows x genes -> rows x complexes."""
    lowest = values[:, subunits[:, 0]]
    for column in range(1, subunits.shape[1]):
        np.minimum(lowest, values[:, subunits[:, column]], out=lowest)
    return lowest


class TimePoint:
    """Levels of ligand and receptor complexes per group at one time, observed and resampled.

    A level is ln(1 + mean counts per 10,000) of the weakest subunit: a mean of linear values, so that it does
    not move with the sequencing depth. level, share and expressing (cells): groups x complexes, for ligands
    and for receptors; root: groups x draws x complexes, square roots of resampled levels (a pair's strength
    is the product of two).
    """

    def __init__(
        self, cells, sizes: dict[str, int], groups: list[str], units, min_cells: int, draws: int, rng
    ):
        linear = cells.X.copy()
        np.expm1(linear.data, out=linear.data)
        names = cells.obs["group"].to_numpy()
        self.size = np.array([sizes.get(group, 0) for group in groups])
        self.enough = self.size >= min_cells
        shapes = [(len(groups), len(table)) for table in units]
        self.level, self.share, self.expressing = (
            [np.zeros(shape, np.float32) for shape in shapes] for _ in range(3)
        )
        self.root = [np.zeros((shape[0], draws, shape[1]), np.float32) for shape in shapes]
        for at in np.flatnonzero(self.enough):
            block = linear[np.flatnonzero(names == groups[at])]
            mean = np.log1p(np.asarray(block.mean(axis=0)).reshape(1, -1))
            sampled = np.sqrt(np.log1p(resampled_means(block, draws, rng)))
            expressing = block.getnnz(axis=0)[None, :]
            for side, table in enumerate(units):
                self.level[side][at] = of_complex(mean, table)[0]
                self.expressing[side][at] = of_complex(expressing, table)[0]
                self.root[side][at] = of_complex(sampled, table)
                several = self.expressing[side][at] > 1  # one cell is no share
                self.share[side][at] = several * self.expressing[side][at] / block.shape[0]
        total = max(self.size.sum(), 1)
        self.fraction = self.size / total
        self.sampled_fraction = rng.binomial(total, self.fraction, (draws, len(groups))) / total

    def at_pairs(self, name: str, rows) -> tuple[np.ndarray, np.ndarray]:
        """Values of `level`, `share` or `expressing` on the ligand and on the receptor side of each row."""
        ligand, receptor = getattr(self, name)
        return ligand[rows["source"], rows["ligand"]], receptor[rows["target"], rows["receptor"]]

    def sampled(self, source: int, rows, block: np.ndarray) -> np.ndarray:
        """Resampled strengths of rows `block`, all of one source: draws x rows."""
        at = rows["target"][block], slice(None), rows["receptor"][block]
        return self.root[0][source][:, rows["ligand"][block]] * self.root[1][at].T


def candidates(points: list[TimePoint], ligand: np.ndarray, receptor: np.ndarray, always, min_share: float):
    """Rows to report, sorted by source and target: expressed on both sides at some time, or watched."""
    n_groups = points[0].size.size
    wanted = np.zeros((n_groups, n_groups, ligand.size), dtype=bool)
    for point in points:
        wanted |= np.minimum(point.share[0][:, None, ligand], point.share[1][None, :, receptor]) >= min_share
    sized = np.any([point.enough[:, None] & point.enough[None, :] for point in points], axis=0)
    wanted |= sized[:, :, None] & always
    source, target, row = np.nonzero(wanted)
    return {"source": source, "target": target, "ligand": ligand[row], "receptor": receptor[row], "row": row}


def adjusted(p: np.ndarray) -> np.ndarray:
    """False discovery rates (Benjamini and Hochberg 1995); missing ones stay missing."""
    from scipy.stats import false_discovery_control

    result, tested = np.full(p.size, np.nan), np.isfinite(p)
    result[tested] = false_discovery_control(p[tested]) if tested.any() else np.nan
    return result


def direction(old, new, low, high, fdr, settings: dict) -> np.ndarray:
    """-1, 0 or 1: a change has an interval clear of zero, a small enough rate and a large enough fold."""
    with np.errstate(divide="ignore", invalid="ignore"):
        sure = (np.abs(np.log(new / old)) >= np.log(settings["min_fold"])) & (fdr <= settings["max_fdr"])
    return np.where(sure & (low > 0), 1, np.where(sure & (high < 0), -1, 0))


def classes(tested, was, now, move) -> np.ndarray:
    """Words for each row: `was` and `now` tell whether the pair is expressed, `move` is -1, 0 or 1."""
    both = was & now
    cases = {
        "not tested": ~tested,
        "absent": ~was & ~now,
        "gained": ~was & (move > 0),
        "lost": ~now & (move < 0),
    }
    cases |= {"strengthened": both & (move > 0), "weakened": both & (move < 0), "kept": both}
    return np.select(list(cases.values()), list(cases), "unclear")


def standard_errors(before: TimePoint, after: TimePoint, rows, tested: np.ndarray) -> np.ndarray:
    """Bootstrap standard errors of the differences of strength and supply (2 x rows); NaN where not tested."""
    errors = np.full((2, tested.size), np.nan)
    for source in np.unique(rows["source"][tested]):
        at = np.flatnonzero(tested & (rows["source"] == source))
        for block in np.array_split(at, at.size // 4000 + 1):
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


def compare(before: TimePoint, after: TimePoint, rows: dict, settings: dict) -> dict[str, np.ndarray]:
    """Differences (after - before) of strength and supply, 95 % intervals, false discovery rates, classes.

    Strength: sqrt(ligand level x receptor level). Supply: strength x the source's share of all labelled
    cells, which grows when the senders grow in number. `class` is that of the supply, `strength_class` that of
    the average cell. Intervals: t quantile x bootstrap standard error, with as many degrees of freedom as cells
    express the rarer side, at least two, for means over few positive cells are skewed.
    """
    from scipy.special import stdtr, stdtrit

    source, target = rows["source"], rows["target"]
    times = (before, after)
    tested = np.all([time.enough[source] & time.enough[target] for time in times], axis=0)
    was, now = (np.minimum(*time.at_pairs("share", rows)) >= settings["min_share"] for time in times)
    strength = [np.sqrt(np.prod(time.at_pairs("level", rows), axis=0)) for time in times]
    part = [time.fraction[source] for time in times]
    supply = [value * share for value, share in zip(strength, part, strict=True)]
    cells = np.maximum(*(time.at_pairs("expressing", rows) for time in times)).min(axis=0).clip(2)
    result, moves = {}, []
    errors = standard_errors(*times, rows, tested)
    for name, values, error in zip(("strength", "supply"), (strength, supply), errors, strict=True):
        difference = np.where(tested, values[1] - values[0], np.nan)
        half = stdtrit(cells, 0.975) * error
        score = np.divide(np.abs(difference), error, out=np.zeros_like(error), where=error > 0)
        fdr = adjusted(np.where(tested & (was | now), 2 * stdtr(cells, -score), np.nan))
        low, high = difference - half, difference + half
        values = {"from": values[0], "to": values[1], "difference": difference, "low": low, "high": high}
        result |= {f"{name}_{key}": value for key, value in values.items()} | {f"{name}_fdr_cells": fdr}
        moves.append(direction(values["from"], values["to"], low, high, fdr, settings))
    each, whole = (classes(tested, was, now, move) for move in moves)
    number = np.sign(part[1] - part[0]) * (np.maximum(*part) >= settings["min_fold"] * np.minimum(*part))
    driver = np.where(np.isin(whole, CHANGED), drivers(*moves, number), "")
    words = {"class": whole, "driver": driver, "strength_class": each}
    return words | {"expressed_from": was, "expressed_to": now} | result


def read_table(path: Path, columns: list[str]):
    """A tab-separated table of text; lines that begin with `#` are comments."""
    import pandas as pd

    table = pd.read_csv(path, sep="\t", comment="#", dtype=str, keep_default_na=False)
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise click.ClickException(
            f"{path.name}: no column {', '.join(missing)}; it needs {', '.join(columns)}."
        )
    return table


def watched(interactions, watch) -> np.ndarray:
    """Watched pair of each interaction ('' where none): its genes on opposite sides, also in complexes."""
    left, right = (interactions[side].str.split("_").map(set) for side in SIDES)
    names = np.full(len(interactions), "", dtype=object)
    for pair in watch.itertuples():
        a, b = pair.gene_a, pair.gene_b
        found = [(a in x and b in y) or (b in x and a in y) for x, y in zip(left, right, strict=True)]
        names[found] = pair.name
    return names


def read_times(paths, samples_path: Path, patient: str):
    """The patient's times in order: (time point, day, AnnData of its samples, cells per group before the
    draw).
    """
    import anndata
    import hdf5plugin  # noqa: F401  (registers zstd for h5py)

    samples = read_table(samples_path, ["sample", "patient", "timepoint", "day"]).set_index("sample")
    by_day: dict[int, list] = {}
    for path in paths:
        cells = anndata.read_h5ad(path)
        sample = str(cells.uns["sample"])
        if sample not in samples.index or samples.at[sample, "patient"] != patient:
            raise click.ClickException(
                f"{path.name}: {samples_path.name} has no {sample} of {patient}; give its own."
            )
        by_day.setdefault(int(samples.at[sample, "day"]), []).append((samples.at[sample, "timepoint"], cells))
    times = []
    for day, members in sorted(by_day.items()):
        counted = [json.loads(cells.uns["groups"]) for _, cells in members]
        sizes = {group: sum(one.get(group, 0) for one in counted) for group in sorted(set().union(*counted))}
        joined = anndata.concat([cells for _, cells in members])
        times.append((members[0][0], day, joined, sizes))
    return times


def focus_groups(times, groups: list[str], focus: str) -> np.ndarray:
    """Mask of the groups that a comma-separated list of lineages, cell types or groups names."""
    import pandas as pd

    obs = pd.concat([cells.obs[["lineage", "cell_type", "group"]].astype(str) for _, _, cells, _ in times])
    named = obs.isin([word.strip() for word in focus.split(",")]).any(axis=1)
    return np.isin(groups, obs.loc[named, "group"].unique())


@click.command()
@click.argument("cells", type=FILE, nargs=-1, required=True)
@click.option("--patient", required=True, help="Name of the patient.")
@click.option("--samples", required=True, type=FILE, help="samples.tsv: sample, patient, timepoint, day.")
@click.option("--interactions", required=True, type=FILE, help="Table of pairs: ligand and receptor.")
@click.option("--watch-list", required=True, type=FILE, help="Pairs always told: name, gene_a, gene_b.")
@click.option("--focus", default="plasma", show_default=True, help="Receivers: lineages, types, groups.")
@click.option("--min-cells", type=click.IntRange(2), default=10, show_default=True, help="Fewest per group.")
@click.option("--min-share", type=click.FloatRange(0, 1), default=0.1, show_default=True, help="Least share.")
@click.option(
    "--min-fold", type=click.FloatRange(1), default=1.4, show_default=True, help="Least fold of a change."
)
@click.option("--max-fdr", type=click.FloatRange(0, 1), default=0.05, show_default=True, help="Of a change.")
@click.option("--draws", type=click.IntRange(50), default=500, show_default=True, help="Bootstrap draws.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the bootstrap.")
@click.version_option(" ".join(f"{name}={version(name)}" for name in PACKAGES), message="%(version)s")
def main(cells, patient, samples, interactions, watch_list, focus, draws, seed, **settings):
    """Compare the time points of one patient; CELLS are the h5ad files that communication_cells.py wrote."""
    import pandas as pd

    times = read_times(cells, samples, patient)
    groups = sorted(set().union(*(sizes for *_, sizes in times)))
    genes = sorted(set.intersection(*(set(one.var_names) for _, _, one, _ in times)))
    position = {gene: at for at, gene in enumerate(genes)}
    pairs = read_table(interactions, list(SIDES)).drop_duplicates(list(SIDES), ignore_index=True)
    names = [pd.Index(pairs[side].unique()) for side in SIDES]
    (l_units, l_whole), (r_units, r_whole) = (complexes(index, position) for index in names)
    ligand, receptor = (index.get_indexer(pairs[side]) for index, side in zip(names, SIDES, strict=True))
    measured = np.flatnonzero(l_whole[ligand] & r_whole[receptor])
    pairs = pairs.iloc[measured]
    marks = watched(pairs, read_table(watch_list, ["name", "gene_a", "gene_b"]))
    rng = np.random.default_rng(seed)
    points = [
        TimePoint(one[:, genes], sizes, groups, (l_units, r_units), settings["min_cells"], draws, rng)
        for _, _, one, sizes in times
    ]
    rows = candidates(points, ligand[measured], receptor[measured], marks != "", settings["min_share"])
    focused = focus_groups(times, groups, focus)
    described = {
        "source": pd.Categorical.from_codes(rows["source"], groups),
        "target": pd.Categorical.from_codes(rows["target"], groups),
        "ligand": pd.Categorical(pairs["ligand"].to_numpy()[rows["row"]]),
        "receptor": pd.Categorical(pairs["receptor"].to_numpy()[rows["row"]]),
        "watch": pd.Categorical(marks[rows["row"]]),
        "focus": focused[rows["target"]],
    }
    steps = [(at, at + 1) for at in range(len(times) - 1)] + [(0, len(times) - 1)] * (len(times) > 2)
    tables = []
    for before, after in steps or [(0, 0)]:
        names = {"patient": patient, "from": times[before][0], "to": times[after][0]}
        table = pd.DataFrame({**names, **described}, index=pd.RangeIndex(rows["row"].size))
        tables.append(table.assign(**compare(points[before], points[after], rows, settings)))
    change = pd.concat(tables, ignore_index=True).iloc[: None if steps else 0]
    kinds = dict.fromkeys(change.select_dtypes("float64").columns, np.float32)
    change = change.astype(kinds | dict.fromkeys(("class", "driver", "strength_class"), "category"))
    facts = {
        "patient": patient,
        "times": [
            {"timepoint": name, "day": day, "cells": sum(sizes.values())} for name, day, _, sizes in times
        ],
        "focus": [group for group, yes in zip(groups, focused, strict=True) if yes],
        "settings": {**settings, "focus": focus, "draws": draws, "seed": seed},
    }

    change.to_parquet(f"{patient}.communication_change.parquet", compression="zstd", index=False)
    Path(f"{patient}.communication_change.json").write_text(json.dumps(facts, indent=1, allow_nan=False))


if __name__ == "__main__":
    main()
