"""Libraries drawn whole from populations that are known: types, clones, dropout, doublets, quality control, doubtful names, receptors.

A population has cell types with sizes in UMIs; its truth is what quality control would keep of it. Of the cells that are drawn
some share a droplet, small and broken ones and most doublets are removed, small ones have no name or a doubtful one, and a
receptor is seen with a rate of its type, of this sample (beta-distributed around the type's) and of the cell's size.
"""

from dataclasses import dataclass, field
from unittest.mock import patch

import numpy as np
import pandas as pd

TYPES = pd.DataFrame(
    [
        ("CD4 T", "T", 0.26, 4000, 0.05, 0.93, "CD8 T"), ("CD8 T", "T", 0.16, 4000, 0.05, 0.93, "CD4 T"),
        ("NK", "NK", 0.11, 3800, 0.05, 0, "CD8 T"), ("classical monocyte", "myeloid", 0.16, 6000, 0.1, 0, "cDC"),
        ("cDC", "myeloid", 0.02, 6500, 0.1, 0, "classical monocyte"), ("pDC", "myeloid", 0.005, 5000, 0.1, 0, "cDC"),
        ("naive B", "B", 0.06, 2800, 0.05, 0.8, "B-ALL blast"), ("plasma cell", "plasma", 0.08, 9000, 0.2, 0.93, "naive B"),
        ("B-ALL blast", "blast", 0.125, 3500, 0.1, 0.3, "HSPC"), ("HSPC", "HSPC", 0.02, 5000, 0.1, 0, "B-ALL blast"),
    ],
    columns=["cell_type", "lineage", "share", "umis", "loss", "capture", "alike"],
)  # fmt: skip
ALIKE = TYPES["cell_type"].tolist().index
TIMES = {"T1": 0, "T2": 100}
SPREAD, LEAST, DOUBLETS, STRAY = 0.5, 900, 0.05, 0.003  # of log UMIs; UMIs that are kept; of droplets; of cells
OVERDISPERSION = 0.03  # of capture between samples: correlation of two cells of one sample
CARRIERS = ("B", "plasma", "blast")


@dataclass
class Population:
    """Shares of types and of clones within their type, at each time: (times, types), {type: (clones, times)}."""

    shares: np.ndarray
    clones: dict[int, np.ndarray] = field(default_factory=dict)
    capture: np.ndarray = field(default_factory=lambda: TYPES["capture"].to_numpy())

    def kept(self) -> np.ndarray:
        """Shares of types among single cells that pass quality control (times, types): the truth."""
        from scipy.stats import norm

        large = norm.sf((np.log(LEAST) - np.log(TYPES["umis"].to_numpy())) / SPREAD)
        weights = self.shares * large * (1 - TYPES["loss"].to_numpy())
        return weights / weights.sum(1, keepdims=True)


def population(rng=None, folds=(1.0,)) -> Population:
    """The types as of TYPES, at the second time each in another number: one of `folds`."""
    first = TYPES["share"].to_numpy()
    second = first * (rng.choice(folds, len(TYPES)) if rng is not None else 1)
    return Population(np.stack([first, second / second.sum()]))


def sample(world: Population, at: int, number: int, rng) -> tuple[pd.DataFrame, np.ndarray]:
    """(kept droplets of a time, rates of capture by type): index cell_id; true_type, cell_type, lineage, margin, rival, n_umi, clone.

    number: droplets with a cell before quality control. clone: of the receptor that is seen: 0 and above as planted in its
    type, below 0 a clone of one cell; missing where none is seen; `counted` where it is one.
    """
    kinds = rng.choice(len(TYPES), (number, 2), p=world.shares[at])
    umis = TYPES["umis"].to_numpy()[kinds] * np.exp(rng.normal(0, SPREAD, kinds.shape))
    double = rng.random(number) < DOUBLETS
    umis[~double, 1] = 0
    clones = -1.0 - np.arange(2 * number).reshape(kinds.shape)
    for kind, shares in world.clones.items():
        mine = kinds == kind
        edges = np.cumsum(shares[:, at])
        places = np.searchsorted(edges, rng.random(mine.sum()))
        clones[mine] = np.where(places < len(edges), 100 * kind + places, clones[mine])

    mean = world.capture
    spread = (1 - OVERDISPERSION) / OVERDISPERSION
    rates = np.where(mean > 0, rng.beta(np.maximum(mean * spread, 1e-9), np.maximum((1 - mean) * spread, 1e-9)), 0)
    size = np.clip(umis / TYPES["umis"].to_numpy()[kinds], 0.4, 1.6) ** 0.3
    seen = (rng.random(kinds.shape) < rates[kinds] * size) & (umis > 0)
    first, second = np.where(seen, clones, np.nan).T
    clone = np.where(np.isnan(first), second, first)
    stray = np.isnan(clone) & (rng.random(number) < STRAY)
    clone[stray] = rng.choice(clones[:, 0], stray.sum())

    larger = np.take_along_axis(kinds, umis.argmax(1)[:, None], 1)[:, 0]
    lineages = TYPES["lineage"].to_numpy()
    found = double & (lineages[kinds[:, 0]] != lineages[kinds[:, 1]]) & (rng.random(number) < 0.6)
    total = umis.sum(1)
    passes = (total > LEAST) & (rng.random(number) > TYPES["loss"].to_numpy()[larger]) & ~found
    doubtful = rng.random(number) < np.where(total < 2000, 0.2, 0.04)
    other = np.array([ALIKE(name) for name in TYPES["alike"]])[larger]
    wrong = doubtful & (rng.random(number) < 0.35)
    named, rival = np.where(wrong, other, larger), np.where(wrong, larger, other)
    nameless = rng.random(number) < np.where(total < 1300, 0.25, 0.01)
    names = TYPES["cell_type"].to_numpy()
    cells = pd.DataFrame({
        "true_type": names[larger], "cell_type": np.where(nameless, "unassigned", names[named]),
        "lineage": np.where(nameless, "unassigned", lineages[named]), "n_umi": total,
        "margin": np.where(doubtful & ~nameless, 1.0, 9.0), "rival": names[rival], "clone": clone,
        "counted": ~np.isnan(clone) & (np.isnan(first) | np.isnan(second)),
    })[passes]  # fmt: skip
    kept = umis[:, 0][passes & ~double], kinds[:, 0][passes & ~double]
    relative = np.clip(kept[0] / TYPES["umis"].to_numpy()[kept[1]], 0.4, 1.6) ** 0.3
    means = np.array([relative[kept[1] == kind].mean() if (kept[1] == kind).any() else 1 for kind in range(len(TYPES))])
    return cells, rates * means


def library(world: Population, number: int, rng, patient: str = "P1") -> tuple[pd.DataFrame, np.ndarray]:
    """(kept cells of both times as the steps have them: index cell_id, rates of capture (times, types)); number: as of sample."""
    drawn = [sample(world, at, number, rng) for at in range(len(TIMES))]
    cells = pd.concat([cells for cells, _ in drawn], keys=list(TIMES), names=["timepoint"]).reset_index("timepoint")
    cells = cells.assign(
        patient=patient, sample=patient + "_" + cells["timepoint"], day=cells["timepoint"].map(TIMES), tissue="", sort="",
        batch="", chemistry="", software="", reference="", subset=cells["cell_type"], evidence="paired",
    )  # fmt: skip
    cells.index = pd.Index([f"{patient}:{at}" for at in range(len(cells))], name="cell_id")
    return cells, np.stack([rates for _, rates in drawn])


def counted(cells: pd.DataFrame, true: bool = False) -> pd.DataFrame:
    """composition.tsv of the cells of libraries, cell types alone; true: by their true types, without doubt."""
    import composition

    if true:
        lineage = cells["true_type"].map(TYPES.set_index("cell_type")["lineage"])
        cells = cells.assign(cell_type=cells["true_type"], lineage=lineage, subset=cells["true_type"], margin=9.0)
    labels, annotation = cells.reset_index(), cells.reset_index()
    names = ["sample", "patient", "timepoint", "day", "tissue", "sort"]
    table = composition.count(labels, labels[names].drop_duplicates(), composition.rivals(labels, annotation, []))
    return table[(table["level"] == "cell_type") & (table["label"] != "unassigned")]


def unseen_clones(draws: int, number: int, scale: float, multiples, rng, shown: float = 0.95) -> pd.DataFrame:
    """What MRD says of clones in libraries: a row per library, time and lineage that carries one clone.

    scale: of the types' capture; shown: the chance of which its limits are (_detection.SHOWN); multiples: the clone's share of kept cells, in multiples of what these would show, one
    drawn per row, at most nine tenths of its type. truth, seen, limit (NaN: not testable), ideal (for a known capture).
    """
    import _mrd_unseen
    from _shares import zero_bound

    places, rows = {name: TYPES["lineage"].tolist().index(name) for name in CARRIERS}, []
    capture = np.minimum(TYPES["capture"].to_numpy() * scale, 0.98)
    base = population()
    kept, about = base.kept()[0], 0.85 * number
    for _ in range(draws):
        chosen = {name: rng.choice(multiples) for name in CARRIERS}
        within = {
            name: min(0.9, chosen[name] * zero_bound(about) / capture[at] / kept[at]) for name, at in places.items()
        }
        world = Population(base.shares, {at: np.full((1, 2), within[name]) for name, at in places.items()}, capture)
        cells, rates = library(world, number, rng)
        own = cells.loc[cells["clone"].notna(), []].reset_index().assign(locus="IGH", chain_type="VDJ")
        cells["carrier"] = cells["lineage"].isin(CARRIERS)
        with patch("_detection.SHOWN", shown):
            limits = _mrd_unseen.upper_limits(cells, own, "IGH", list(TIMES))[0]
        for time, of_time in cells.groupby("timepoint"):
            for name, at in places.items():
                limit = limits.loc[time, name] if name in limits else np.nan
                ideal = min(zero_bound(len(of_time)) / max(rates[list(TIMES).index(time)][at], 1e-9), kept[at])
                rows.append({
                    "lineage": name, "multiple": chosen[name], "truth": within[name] * kept[at], "ideal": ideal,
                    "seen": (of_time["clone"] == 100 * at).any(), "capture": capture[at], "cells": len(of_time),
                    "limit": limit if limit < _mrd_unseen.UNKNOWN else np.nan,
                })  # fmt: skip
    return pd.DataFrame(rows)


def shares_and_steps(draws: int, number: int, folds, rng) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What COMPOSITION says of types in libraries: (shares with their bounds, steps with what would have been shown), with the truth.

    Types change between the times by one of `folds`, each by another. Of a library with true names the columns with `ideal_`.
    """
    import composition

    worlds = [population(rng, folds) for _ in range(draws)]
    cells = pd.concat([library(world, number, rng, f"P{at}")[0] for at, world in enumerate(worlds)])
    truth = np.stack([world.kept() for world in worlds])
    names = {name: at for at, name in enumerate(TYPES["cell_type"])}

    def true_share(table: pd.DataFrame) -> np.ndarray:
        at_time = table["timepoint"].map({name: at for at, name in enumerate(TIMES)})
        return truth[table["patient"].str[1:].astype(int), at_time, table["label"].map(names)]

    tables, steps = [], []
    for true in (False, True):
        table = counted(cells, true)
        tables.append(table.assign(truth=true_share(table)).set_index(["patient", "timepoint", "label"]))
        before, after = composition.steps(table)
        _, low, high = composition.difference(before, after)
        after = after.assign(patient=before["patient"], label=before["label"], before=true_share(before))
        after = after.assign(shown=(low > 0) | (high < 0), **composition.not_shown(before, after))
        steps.append(after.assign(truth=true_share(after)).set_index(["patient", "label"]))
    shares, change = (ours.join(ideal.add_prefix("ideal_"), how="inner") for ours, ideal in (tables, steps))
    return shares.reset_index(), change.reset_index()


def clone_fates(draws: int, number: int, folds, rng) -> pd.DataFrame:
    """What FATES says of ten T cell clones in each library: share, bounds, what would have been shown, with the truth at the last time."""
    import fates

    tables = []
    t_cells = [at for at, lineage in enumerate(TYPES["lineage"]) if lineage == "T"]
    for _ in range(draws):
        first = np.exp(rng.uniform(np.log(0.01), np.log(0.07), 10))
        last = first * rng.choice(folds, 10)
        last *= min(1, 0.9 / last.sum())
        world = Population(population().shares, {at: np.stack([first, last], 1) for at in t_cells})
        cells, _ = library(world, number, rng)
        clones = [f"c{at}" for at in range(10)]
        planted = cells["clone"].mod(100).map(dict(enumerate(clones))).where(cells["clone"] >= 0)
        named = cells.assign(
            clone=planted.where(cells["clone"].isna() | (cells["clone"] >= 0), cells["clone"].astype(str))
        )
        table = fates.fates_of(named.reset_index(), pd.Series(clones, clones), "TCR", ("T",), TIMES, 3, 0.05)
        truth = pd.DataFrame(
            {"clone": np.repeat(clones, 2), "timepoint": [*TIMES] * 10, "truth": np.stack([first, last], 1).ravel()}
        )
        tables.append(table.merge(truth, on=["clone", "timepoint"]))
    return pd.concat(tables, ignore_index=True)


def supplies(draws: int, size: int, folds, rng, genes: int = 120) -> pd.DataFrame:
    """What COMMUNICATION_CHANGE says of pairs of which the ligand, and the number of senders, changes: a row per draw and pair.

    size: cells of the sender and of the receiver at the first time; counts are gamma-Poisson, of cells of different depth.
    truth: fold of the supply; class, detectable_fold and fewest_cells as in the table; ideal: the fold with the spread over all
    draws in place of the bootstrap's, and a normal distribution.
    """
    import _group_levels
    from _detection import fold_of_error, p_limit

    import anndata
    import communication_change as change
    from scipy.sparse import csr_matrix

    settings = {"min_cells": 10, "min_share": 0.1, "min_fold": 1.4, "max_fdr": 0.05}
    means = np.exp(rng.normal(0.3, 1.2, (2, genes)))  # per 10,000, of sender and receiver
    fold, senders = rng.choice(folds, genes), 1.3
    at = np.arange(genes)
    pairs = {"source": np.zeros(genes, int), "target": np.ones(genes, int), "ligand": at, "receptor": at, "row": at}
    units, groups = (at[:, None],) * 2, ["sender", "receiver"]

    def point(time: int):
        wanted = [rng.poisson(size * (senders if time else 1)), rng.poisson(size)]
        sizes = [max(number, 2) for number in wanted]
        blocks = []
        for number, mean in zip(sizes, (means[0] * (fold if time else 1), means[1]), strict=True):
            depth = 4000 * np.exp(rng.normal(0, 0.4, (number, 1)))
            counts = rng.poisson(depth / 1e4 * mean * rng.gamma(1.5, 1 / 1.5, (number, genes)))
            blocks.append(np.log1p(1e4 * counts / depth))
        obs = pd.DataFrame({"group": np.repeat(groups, sizes)}, index=map(str, range(sum(sizes))))
        cells = anndata.AnnData(csr_matrix(np.concatenate(blocks).astype(np.float32)), obs=obs)
        return _group_levels.TimePoint(cells, dict(zip(groups, sizes, strict=True)), groups, units, 10, 100, rng)

    def supply(time: int) -> np.ndarray:
        ligand = np.log1p(means[0] * (fold if time else 1))
        share = senders / (senders + 1) if time else 0.5
        return share * np.sqrt(ligand * np.log1p(means[1]))

    truth, tables = supply(1) / supply(0), []
    for _ in range(draws):
        found = change.compare(point(0), point(1), pairs, settings)
        names = ["class", "supply_from", "supply_to", "supply_fdr_cells", "detectable_fold", "fewest_cells"]
        table = pd.DataFrame({name: found[name] for name in names}).assign(pair=at, truth=truth)
        tables.append(table.assign(p=p_limit(found["supply_fdr_cells"], settings["max_fdr"])))
    table = pd.concat(tables, ignore_index=True)
    of_pair = table.assign(difference=table["supply_to"] - table["supply_from"]).groupby("pair")
    spread = of_pair["difference"].std() / np.hypot(supply(0), supply(1))
    table["ideal"], _ = fold_of_error(table["pair"].map(spread), table["p"], np.inf, settings["min_fold"])
    return table
