#!/usr/bin/env python3
"""What is said of a bulk MRD clone that no cell carries: not detected, with an upper limit, or not testable; and indirect evidence."""

import math
from collections.abc import Sequence

from _detection import capture, cells_to_see, observed, unseen_limit
from _mrd_match import nearest_bulk
from _receptors import VDJ
from _shares import wilson, zero_bound
from _words import listed, percent, plural

import numpy as np

FLOOR = 1e-5  # shares and bulk fractions up to this count as not seen
ENOUGH = 10  # cells of a lineage, of all time points, from which its capture rate is taken
UNKNOWN = 0.999  # a limit above it says nothing
MIN_CLONE = 10  # cells with a lambda chain of the clone that is named beside a kappa deletion


def missed(curve, cells: dict[int, int], captured: dict[int, float]) -> float:
    """Chance to have sampled no cell of a clone: product over time of (1 - fraction * capture) ** kept cells.

    curve: day, fraction of one bulk clone; cells, captured: day -> kept cells, part of the carriers whose chain is seen. NaN
    where no bulk value lies within NEAR_DAYS of a sample.
    """
    bulk = nearest_bulk(curve, list(cells))
    logs = [
        number * math.log1p(-min(fraction * captured[day], 1 - 1e-12))
        for fraction, (day, number) in zip(bulk, cells.items(), strict=True)
        if not math.isnan(fraction)
    ]
    return math.exp(sum(logs)) if logs else math.nan


def captured(cells, own, locus: str, names: Sequence[str]):
    """Cells of each lineage with an own chain of the type of the locus, and all: two tables of time points by lineages.

    cells: kept cells of samples with the library, of lineages that may carry the locus; lineages of fewer than ENOUGH cells in
    all are left out. A cell expresses IGK or IGL, so either counts for both.
    """
    import pandas as pd

    of_type = (own["locus"].str[:2] == locus[:2]) & (own["chain_type"] == ("VDJ" if locus in VDJ else "VJ"))
    seen = pd.Series(cells.index.isin(own.loc[of_type, "cell_id"]), cells.index)
    sizes = seen.groupby([cells["timepoint"], cells["lineage"]]).agg("size").unstack(fill_value=0)
    hits = seen.groupby([cells["timepoint"], cells["lineage"]]).agg("sum").unstack(fill_value=0)
    known = sizes.columns[sizes.sum() >= ENOUGH]
    return [table.reindex(index=names, columns=known, fill_value=0) for table in (hits, sizes)]


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


def not_looked_for(cells, with_library, library: str, bulk: np.ndarray, names: Sequence[str]) -> str:
    """Why the samples do not tell whether a rearrangement is there; '' where they do.

    cells: kept cells of the main series; with_library: those of samples with contigs of the library; bulk: fraction per time
    point of names.
    """
    if with_library.empty:
        return f"no sample that is compared has a {library} library (or none with contigs)"
    if cells["sort"].iloc[0]:
        return f"the cells were sorted ({cells['sort'].iloc[0]}), so that depth cannot be judged"
    seen = [name for name, fraction in zip(names, bulk, strict=True) if fraction > 0]
    if seen and not with_library["timepoint"].isin(seen).any():
        return f"bulk sees it at {listed(seen)} only, where there is no {library} library (or none with contigs)"
    return ""


def upper_limits(cells, own, locus: str, names: Sequence[str]):
    """Most that a clone of which no cell is seen may be of the kept cells, per time point (one-sided 95 %), for each lineage.

    cells: kept cells of samples with the library; carrier: whether their lineage may carry the locus. Limits are those of
    _detection.unseen_limit, and no more than there are of the lineage; NaN where the lineage was sampled and its chains are not
    seen. Returns (limits, Beta parameters of the part of the lineage that shows such chains: two), tables of time points by lineages.
    """
    import pandas as pd

    kept = cells["timepoint"].value_counts().reindex(names).to_numpy()[:, None]
    seen, sizes = captured(cells[cells["carrier"]], own, locus, names)
    hits, misses = (pd.DataFrame(part, sizes.index, sizes.columns) for part in capture(seen, sizes))
    by_chain = unseen_limit(kept, hits, misses)
    limits = np.minimum(by_chain, wilson(sizes.to_numpy(), np.broadcast_to(kept, sizes.shape))[2])
    limits = pd.DataFrame(limits, sizes.index, sizes.columns)
    return limits.mask((by_chain >= UNKNOWN) & (sizes >= ENOUGH)), hits, misses


def depth(curve, cells, own, locus: str, times: dict[str, int]) -> dict:
    """Verdict `not detected` with its upper limit and what that rests on, or `not testable`.

    cells: as of upper_limits. The limit is that of the time at which bulk sees most, else the largest; of the lineages that
    may carry the locus the largest, for nothing tells which does.
    """
    kept = cells["timepoint"].value_counts()
    times = {name: day for name, day in times.items() if kept.get(name, 0)}
    names, bulk = list(times), nearest_bulk(curve, list(times.values()))
    by_lineage, hits, misses = upper_limits(cells, own, locus, names)
    limits = by_lineage.max(axis=1, skipna=False).fillna(1).to_numpy()
    seen = bulk > 0
    at = int(np.argmax(np.where(seen, bulk, -1) if seen.any() else limits))
    time, here = names[at], observed(hits, misses).iloc[at].sort_values(kind="stable")
    shown = listed(f"{percent(rate)} of {lineage} cells" for lineage, rate in here.items())
    if limits[at] >= UNKNOWN:
        cause = (
            f"such chains are seen in {shown} at {time}, which may carry it" if shown else "no cells that may carry it"
        )
        return {"verdict": f"not testable: {cause}", "reason": ""}
    # The part of the carriers that is seen, where the limit is right.
    part = zero_bound(kept[names].to_numpy()) / limits
    days = [times[name] for name in names]
    chance = missed(curve, dict(zip(days, kept[names], strict=True)), dict(zip(days, part, strict=True)))
    fraction, needed = "no bulk value near a sample", np.nan
    if seen.any():
        lineage = by_lineage.iloc[at].idxmax()
        needed = cells_to_see(min(bulk[at], 1), hits[lineage].iloc[at], misses[lineage].iloc[at])
        side = "above this limit" if bulk[at] > limits[at] else f"below this limit: {needed:,.0f} cells would show it"
        fraction = f"bulk there {percent(bulk[at])} of DNA, {side}"
    elif not np.isnan(bulk).all():
        fraction = "nor does bulk see it when these were sampled"
    words = f"of {kept[time]:,} cells at {time}, whichever of {listed(here.index)} cells carry it; such chains are seen in {shown}"
    return {
        "verdict": f"not detected (upper limit {percent(limits[at])})", "reason": f"{words}; {fraction}",
        "upper_limit": limits[at], "p_missed": chance, "cells_needed": needed,
    }  # fmt: skip


def explain(match: dict, curve, cells, own, lineages: Sequence[str], times: dict[str, int], library: str) -> dict:
    """What is said of a bulk clone that no cell carries: verdict, reason, upper_limit, p_missed, cells_needed.

    match: a bulk clone without carriers, reason: why it is not testable, note: evidence of its kind; curve: its days and
    fractions. cells: kept cells (index cell_id) with clone, counted, cell_type, lineage, timepoint, sort, main and sampled (of
    samples with contigs of the library that shows the locus). lineages: those that may carry the locus. times: timepoint -> day,
    in order. Depth is judged in the main series (cells with `main`): a bulk fraction is one of a tissue,
    not of cells that were sorted from it.
    """
    import pandas as pd

    cells = cells[cells["main"]]
    days, names = list(times.values()), list(times)
    cells = cells.assign(carrier=cells["lineage"].isin(lineages))
    by_type = pd.crosstab(cells["timepoint"], cells["cell_type"], normalize="index").reindex(names)
    types = sorted(set(cells.loc[cells["carrier"] & cells["counted"], "cell_type"]) - {"unassigned"})
    series = {plural(name): by_type[name].tolist() for name in types}
    bulk, with_library = nearest_bulk(curve, days), cells[cells["sampled"]]
    # Why no library shows it; else why these do not; else why it is not matched in them.
    reason = match["reason"] if match["kind"] else not_looked_for(cells, with_library, library, bulk, names)
    reason = reason or match["reason"]
    found = {"verdict": f"not testable: {reason}", "reason": match["note"]}
    if not reason:
        found = depth(curve, with_library, own, match["locus"], times)
    evidence = [found["reason"]]
    clone = lambda_clone(cells, own) if match["kind"] in ("Kde", "intron-RSS") else ""
    if clone:
        share = (with_library["clone"] == clone).groupby(with_library["timepoint"]).mean().reindex(names)
        if not contradicts(bulk, share.to_numpy(float)):
            evidence.append(f"expected in cells that express lambda, as clone {clone} does")
    evidence.append(co_dynamics(curve, times, series))
    empty = {"clone": match["clone"], "upper_limit": np.nan, "p_missed": np.nan, "cells_needed": np.nan}
    return empty | found | {"reason": "; ".join(filter(None, evidence))}
