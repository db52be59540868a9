#!/usr/bin/env python3
"""Gains and losses of chromosome arms: which populations carry them, in what share of their cells."""

import itertools
from collections.abc import Sequence

import numpy as np

LEVEL = {"gain": 1.5, "loss": 0.5}  # expression of an arm with one copy more or fewer
# The search looks at few parameters and cells, what it finds is fitted on a finer grid: expression of the arm
# in altered cells, where unaltered cells lie when the baseline is other cells, how much wider than the noise
# of normal cells they spread, and steps of the share.
GRIDS = (
    {"gain": (1.5,), "loss": (0.5,), "centres": (0.94, 1.0, 1.06), "spreads": (1.0, 1.3), "steps": 101},
    {
        "gain": (1.4, 1.5, 1.6, 1.8),
        "loss": (0.4, 0.45, 0.5, 0.55, 0.6),
        "centres": (0.92, 0.96, 1.0, 1.04, 1.08),
        "spreads": (1.0, 1.15, 1.3, 1.5, 2.0),
        "steps": 101,
    },
)
SAMPLE = (1500, 5000)  # cells looked at with each grid
MIN_SEPARATION = 1.5  # standard deviations of an altered from an unaltered cell, for an arm to be assessable
MIN_REPLICATED = 0.6  # of an event called in half of an arm's genes, what the other half has to show
MAX_ELSEWHERE = 0.125  # of an event's size, what other arms may move with it
MIN_COUNTS = 4.0  # expected in a cell, of the other arms that are looked at
MAX_CHANCE = 0.05  # that the genes of any arm, up or down, agree so well though they move at random


def signal(cells, arm: str):
    """(value, expected) of cells for an arm: value = sqrt(ratio + 3/(8 expected)).

    Variance-stabilised (Anscombe 1948): by counting alone a value varies by 1/(4 expected).
    """
    expected = np.maximum(cells[f"{arm}:expected"].to_numpy(float), 0.1)
    return np.sqrt(cells[arm].to_numpy(float) + 0.375 / expected), expected


def log_density(value, expected, noise: float, level: float, spread: float = 1.0):
    """Log density of a cell's value where its arm is expressed at `level` times the baseline."""
    variance = (0.25 / expected + noise) * spread**2
    return -0.5 * ((value - np.sqrt(level + 0.125 / expected)) ** 2 / variance + np.log(2 * np.pi * variance))


def densities(value, expected, noise: float, fit: dict):
    """Log densities of cells under a fitted event: (unaltered, altered)."""
    levels = (fit["centre"], fit["centre"] * fit["expression"])
    return tuple(log_density(value, expected, noise, level, fit["spread"]) for level in levels)


def arm_noise(cells, arm: str) -> float:
    """Variance of normal cells' values beyond counting, within their groups."""
    import pandas as pd

    value, expected = signal(cells, arm)
    residual = value - pd.Series(value).groupby(cells.group.to_numpy()).transform("mean").to_numpy()
    return max(float(np.mean(residual**2 - 0.25 / expected)), 1e-4)


def share_curve(normal, altered, steps: int = 101):
    """Log likelihood of each share of altered cells, 0 to 1 in `steps`, from the cells' log densities."""
    share = np.linspace(0, 1, steps)[:, None]
    top = np.maximum(normal, altered)
    low, high = np.exp(normal - top), np.exp(altered - top)
    return np.log(np.maximum((1 - share) * low + share * high, 1e-300)).sum(axis=1) + top.sum()


def own_curve(value, expected, noise: float, level: float, spread: float, steps: int):
    """As share_curve where the baseline is the population's own mean: its unaltered cells lie beside 1."""
    curve = np.empty(steps)
    for i, share in enumerate(np.linspace(0, 1, steps)):
        fit = {"centre": 1 / (1 + share * (level - 1)), "expression": level, "spread": spread}
        normal, altered = densities(value, expected, noise, fit)
        with np.errstate(divide="ignore"):
            curve[i] = np.logaddexp(np.log(1 - share) + normal, np.log(share) + altered).sum()
    return curve


def interval(curve) -> dict[str, float]:
    """The likeliest share and its 95 % interval: shares within 1.92 of the highest log likelihood."""
    inside = np.flatnonzero(curve >= curve.max() - 1.92)
    bounds = {"share": curve.argmax(), "low": inside.min(), "high": max(inside.max(), 1)}
    return {name: float(i) / (len(curve) - 1) for name, i in bounds.items()}


def fit_event(value, expected, noise: float, event: str, own: bool, grid: dict) -> dict:
    """The best mixture of unaltered and altered cells for one arm of one population.

    `share, low, high`: altered cells; `evidence`: log likelihood above that of a single component whose
    centre and spread are free too; `centre, expression, spread`: the parameters.
    """
    centres = (None,) if own else grid["centres"]
    keys = list(itertools.product(centres, grid[event], grid["spreads"]))
    curves = np.empty((len(keys), grid["steps"]))
    for i, (centre, level, spread) in enumerate(keys):
        if own:
            curves[i] = own_curve(value, expected, noise, level, spread, grid["steps"])
        else:
            fit = {"centre": centre, "expression": level, "spread": spread}
            curves[i] = share_curve(*densities(value, expected, noise, fit), grid["steps"])
    null = curves[:, [0, -1]].max() if own else curves[:, 0].max()
    fit = interval(curves.max(axis=0)) | {"evidence": float(curves.max() - null)}
    centre, level, spread = keys[int(curves.max(axis=1).argmax())]
    centre = centre or 1 / (1 + fit["share"] * (level - 1))
    return fit | {"centre": centre, "expression": level, "spread": spread}


def slope(posterior, ratio, weight) -> tuple[float, float]:
    """(slope, variance) of an arm's ratio on the posterior of an event, over cells weighted by expected counts."""
    pull = weight * (posterior - np.average(posterior, weights=weight))
    spread = max((pull * posterior).sum(), 1e-9)
    return float((pull * ratio).sum() / spread), 1 / spread


def altered_posterior(value, expected, noise: float, fit: dict):
    """Probability of each cell to be altered, given the population's share."""
    normal, altered = densities(value, expected, noise, fit)
    odds = np.exp(np.clip(altered - normal, -50, 50)) * fit["share"] / (1 - min(fit["share"], 0.999))
    return odds / (1 + odds)


def replication(cells, arm: str, arms: list[str], noise: float, fit: dict) -> dict[str, float]:
    """Whether an event is one of the arm as a whole and of this arm, not of a state or a kind of cell.

    `replicated`: of the event called in one half of the arm's genes, what the other half shows (0 none, 1 all).
    `elsewhere`: spread of the other arms' slopes on the event beyond their errors, over the event's own slope:
    two kinds of cells under one label differ on all arms, an altered arm leaves the others where they are.
    """
    expected, first = (cells[f"{arm}:{kind}"].to_numpy(float) for kind in ("expected", "half_expected"))
    weights = np.maximum([first, expected - first], 0.1)
    ratio = cells[f"{arm}:half"].to_numpy(float)
    ratios = [ratio, np.maximum((cells[arm].to_numpy(float) * expected - ratio * first) / weights[1], 0)]
    size = fit["centre"] * (fit["expression"] - 1)
    slopes = []
    for seen, other in ((0, 1), (1, 0)):
        value = np.sqrt(ratios[seen] + 0.375 / weights[seen])
        posterior = altered_posterior(value, weights[seen], noise, fit)
        slopes.append(slope(posterior, ratios[other], weights[other])[0])
    posterior = altered_posterior(*signal(cells, arm), noise, fit)
    others = [(cells[name].to_numpy(float), signal(cells, name)[1]) for name in arms if name != arm]
    others = [slope(posterior, *pair) for pair in others if np.median(pair[1]) > MIN_COUNTS] or [(0.0, 0.0)]
    elsewhere, variances = np.array(others).T
    spread = 1.4826 * np.median(np.abs(elsewhere - np.median(elsewhere)))
    excess = np.sqrt(max(spread**2 - np.median(variances), 0))
    return {"replicated": float(np.mean(slopes) / size), "elsewhere": float(excess / abs(size))}


def judge_arm(cells, arm: str, event: str, noise: float, shift: dict, arms: list, min_share: float) -> dict:
    """One arm and direction in one population (its scored cells in random order): fit and verdict.

    `detected` needs evidence for two more parameters and for all arms looked at; then the other half of the
    arm's genes and other arms that stay, or a shift of its genes against a baseline of other cells. Without a
    baseline a population altered as a whole shows no mixture, only the shift (4.5 errors, 2/3 of the genes and
    more of them than the sign test puts down to chance: a few genes of a lineage agree by themselves).
    """
    from scipy.stats import binomtest

    level, own = LEVEL[event], cells.baseline.iloc[0] == "own mean"
    value, expected = signal(cells, arm)
    separation = abs(np.sqrt(level) - 1) / np.sqrt(np.median(0.25 / expected + noise))
    row = {"arm": arm, "event": event, "verdict": "not assessable", "separation": float(separation)} | shift
    if separation < MIN_SEPARATION:
        return row
    for size, grid in zip(SAMPLE, GRIDS, strict=True):
        row |= fit_event(value[:size], expected[:size], noise, event, own, grid)
        if row["evidence"] < 4:
            break
    moved = row.get("shift", 0.0) * (1 if event == "gain" else -1)
    error = row.get("error", 1.0)
    shifted = moved > max(0.25, 4.5 * error) and row["agreeing"] > 0.65
    if shifted:
        chance = binomtest(round(row["agreeing"] * row["genes"]), row["genes"]).pvalue
        shifted = chance < MAX_CHANCE / (2 * len(arms))
    certain = row["evidence"] > np.log(2 * len(arms)) + np.log(min(len(cells), size))
    # Without a baseline a minority's loss looks like a majority's gain: the shift of the genes decides.
    if certain and not (own and (row["share"] > 0.9 or moved < 2 * error)):
        row |= replication(cells, arm, arms, noise, row)
        verdict = "detected" if min(row["share"], 2 * row["low"]) >= min_share else "below limit"
        alone = row["replicated"] > MIN_REPLICATED and row["elsewhere"] < MAX_ELSEWHERE
        return row | {"verdict": verdict if alone or (shifted and not own) else "cell state"}
    none = {"verdict": "not detected", "n": 0, "share": 0.0, "low": 0.0}
    if not own:
        return row | none
    bounds = ((2 ** (row.get("shift", 0.0) + e) - 1) / (level - 1) for e in (-2 * error, 2 * error))
    low, high = (float(min(max(bound, 0.0), 1.0)) for bound in sorted(bounds))
    if shifted:
        whole = {"verdict": "detected", "share": 1.0, "low": low, "high": 1.0}
        return row | whole | {"expression": level, "centre": 1 / level, "spread": 1.0}
    return row | none | {"high": min(row["high"], high)}


def judge(cells, arms: Sequence[str], shifts, min_cells: int, min_share: float, seed: int):
    """Rows of all populations and arms, and the log densities of each cell under its population's events.

    cells: as ArmScores has them; shifts: as _arm_profile.along_genome gives them; min_cells: cells that a population needs;
    min_share: the smallest share that is an event; seed: of the cells that the search looks at. Of an event, say
    `1q gain`, the densities are `1q gain:normal` and `1q gain:altered`, missing in cells of other populations.
    """
    import pandas as pd

    noise = {arm: arm_noise(cells[cells.normal], arm) for arm in arms}
    rows, logs = [], pd.DataFrame(index=cells.index)
    for population, members in cells.groupby("population"):
        if len(members) < min_cells or not arms or population == "unassigned":
            continue
        mixed = members.sample(frac=1, random_state=seed)
        first = {"population": population, "cell_type": members.cell_type.mode()[0]}
        here = shifts[(shifts.population == population) & (shifts.cell_type == first["cell_type"])]
        moved = here.set_index("arm")[["genes", "shift", "error", "agreeing", "scored_genes", "mb"]].to_dict("index")
        first |= {"normal": bool(members.normal.iloc[0]), "baseline": members.baseline.iloc[0]}
        first |= {"level": "population", "stratum": "all", "total": len(members)}
        for arm, event in itertools.product(arms, LEVEL):
            row = judge_arm(mixed, arm, event, noise[arm], moved.get(arm, {}), arms, min_share)
            rows.append(first | row)
            if row["verdict"] == "detected":
                both = densities(*signal(members, arm), noise[arm], row)
                for state, values in zip(("normal", "altered"), both, strict=True):
                    logs.loc[members.index, f"{arm} {event}:{state}"] = values
    return pd.DataFrame(rows), logs
