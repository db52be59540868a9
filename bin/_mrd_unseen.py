#!/usr/bin/env python3
"""Why a bulk MRD clone is not seen in single cells: the chance to have missed it, and indirect evidence."""

import math
from collections.abc import Sequence

from _mrd_match import nearest_bulk
from _words import percent, plural

import numpy as np

FLOOR = 1e-5  # shares and bulk fractions up to this count as not seen
MISSED = 0.05  # chance to have missed a clone, above which the samples are not deep enough
MIN_CLONE = 10  # cells with a lambda chain of the clone that is named beside a kappa deletion


def missed(curve, cells: dict[int, int], captured: float) -> float:
    """Chance to have sampled no cell of a clone: product over time of (1 - fraction * capture) ** kept cells.

    curve: day, fraction of one bulk clone; cells: day -> kept cells; captured: part of a receptor's cells
    whose chain is seen. NaN where no bulk value lies within NEAR_DAYS of a sample.
    """
    bulk = nearest_bulk(curve, list(cells))
    logs = [
        number * math.log1p(-min(fraction * captured, 1 - 1e-12))
        for fraction, number in zip(bulk, cells.values(), strict=True)
        if not math.isnan(fraction)
    ]
    return math.exp(sum(logs)) if logs else math.nan


def contradicts(bulk: np.ndarray, shares: np.ndarray) -> bool:
    """Whether bulk and single cells move in opposite directions from the first to the last time with both."""
    known = np.flatnonzero(~np.isnan(bulk) & ~np.isnan(shares))
    if len(known) < 2:
        return False
    first, last = known[[0, -1]]
    return bool((bulk[last] - bulk[first]) * (shares[last] - shares[first]) < 0)


def co_dynamics(curve, times: dict[str, int], series: dict[str, Sequence[float]]) -> str:
    """Indirect evidence for a clone that single cells cannot show: which cells move as it does, in words.

    times: timepoint -> day, in order; series: name -> share of kept cells per time. The correlation of log shares is
    given only over three times or more at which both are seen: where one is seen once and gone later, zeros alone
    make it 1. Else the times at which it is seen are compared.
    """
    bulk = nearest_bulk(curve, list(times.values()))
    shares = {name: np.asarray(values, float) for name, values in series.items()}
    known = ~np.isnan(bulk)
    for values in shares.values():
        known &= ~np.isnan(values)
    names, bulk = np.array(list(times), object)[known], bulk[known]
    shares = {name: values[known] for name, values in shares.items()}
    if len(bulk) < 3:
        return "no indirect evidence: fewer than three time points with both bulk and single cells"
    seen, correlations = bulk > FLOOR, {}
    if not seen.any():
        return "no indirect evidence: bulk does not see it at a sampled time point"
    for name, here in shares.items():
        both = seen & (here > FLOOR)
        if both.sum() >= 3 and len(set(bulk[both])) > 1 and len(set(here[both])) > 1:
            r = float(np.corrcoef(np.log10(np.stack([bulk[both], here[both]])))[0, 1])
            correlations[name] = r, int(both.sum())
    if not correlations:
        alike = [name for name, here in shares.items() if ((here > FLOOR) == seen).all()]
        alike = sorted(alike, key=lambda name: (-shares[name].max(), name))
        when = f"seen at {', '.join(names[seen])}{'' if seen.all() else ' only'}"
        if not alike:
            return f"no indirect evidence: {when}, as no cell type is ({len(bulk)} sampled time points)"
        return f"{when}, as {' and '.join(alike)} are ({len(bulk)} sampled time points); indirect, not a match"
    best = max(correlations, key=lambda name: (correlations[name][0], name))
    worst = min(correlations, key=lambda name: (correlations[name][0], name))
    r, number = correlations[best]
    if r < 0.5:
        return f"indirect evidence: no cell type moves as it does over {number} time points"
    unlike = f", unlike {worst} (r {correlations[worst][0]:.2f})" if correlations[worst][0] < 0 else ""
    words = f"over {number} time points it moves as {best} do (r of log shares {r:.2f}){unlike}"
    return f"indirect evidence, not a match: {words}"


def lambda_clone(cells, own) -> str:
    """The clone of most cells with an own lambda chain, where these are MIN_CLONE or more; else ''."""
    lambdas = own.loc[own["locus"] == "IGL", "cell_id"]
    sizes = cells.loc[cells.index.isin(lambdas), "clone"].value_counts()
    return sizes.index[0] if len(sizes) and sizes.iloc[0] >= MIN_CLONE else ""


def explain(match: dict, curve, cells, own, lineages: Sequence[str], times: dict[str, int]) -> dict:
    """Why no cell carries a bulk clone: verdict, reason, p_missed.

    match: a bulk clone without carriers; curve: its days and fractions. cells: kept cells (index cell_id) with clone,
    counted, cell_type, lineage, timepoint, sort and main. lineages: those that may have rearranged the locus. times: timepoint
    -> day, in order. Depth is judged in the main series (cells with `main`): a bulk fraction is one of a tissue, not of cells
    that were sorted from it.
    """
    import pandas as pd

    cells = cells[cells["main"]]
    sort = cells["sort"].iloc[0]
    days, names = list(times.values()), list(times)
    kept = cells["timepoint"].value_counts().reindex(names, fill_value=0)
    owners = cells[cells["lineage"].isin(lineages)]
    captured = float(owners["counted"].mean()) if len(owners) else 0.0
    by_type = pd.crosstab(cells["timepoint"], cells["cell_type"], normalize="index").reindex(names)
    types = sorted(set(owners.loc[owners["counted"], "cell_type"]) - {"unassigned"})
    series = {plural(name): by_type[name].tolist() for name in types}
    chance, reason = np.nan, match["reason"]
    if not reason:
        chance = np.nan if sort else missed(curve, dict(zip(days, kept, strict=True)), captured)
        reason = (
            f"the cells were sorted ({sort}): depth cannot be judged" if sort else
            "no bulk value near a sample: depth cannot be judged" if np.isnan(chance) else
            f"not sampled deep enough: chance to have missed it {percent(chance)}" if chance > MISSED else
            f"absent although sampled deep enough: chance to have missed it {percent(chance)}"
        )  # fmt: skip
    clone = lambda_clone(cells, own) if "IGKDE" in reason else ""
    if clone:
        share = (cells["clone"] == clone).groupby(cells["timepoint"]).mean().reindex(names)
        if not contradicts(nearest_bulk(curve, days), share.to_numpy(float)):
            reason += f"; expected in cells that express lambda, as clone {clone} does"
    reason += "; " + co_dynamics(curve, times, series)
    # Only a junction seen with other genes says that the clone was looked for.
    hidden = match["reason"] and "differs" not in match["reason"]
    unseen = "cannot be looked for in single cells" if hidden else "not seen in single cells"
    return {"clone": match["clone"], "verdict": unseen, "reason": reason, "p_missed": chance}
