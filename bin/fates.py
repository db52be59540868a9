#!/usr/bin/env python3
"""The fate of each clone over the time points of a patient's main series, with intervals, test and growth."""

from pathlib import Path

from _cli import FILE, command, multiqc_section, write_json
from _clones import RECEPTORS, joined, of_receptor, read_labels, with_clones
from _detection import cells_for_fold, detectable, p_limit
from _guards import PROCESSING, confounded
from _receptors import Lineages, with_library
from _series import DESIGN, main_series, samples_of, with_series
from _shares import fdr as false_discovery_rates
from _shares import wilson
from _tables import read_samples, read_text_table, write_table

import click
import numpy as np

SURE = ("paired", "two VDJ chains", "VDJ", "VDJ attached", "other VDJ", "other VJ", "VJ")
MIN_LINEAGE = 10  # counted cells of the lineage, at both times, for a comparison within it
FATE_RULE = (
    "lost: unseen at the last time, with an upper bound there below the lower bound of its peak; emerging: "
    "unseen at the first time, with an upper bound there below the lower bound of the last; persistent: seen "
    "at every time, or at first and last without a change; expanded, contracted: a change, but not seen at every time; "
    "changes at FDR < {fdr:g} (hypergeometric test of the sampled cells, Benjamini-Hochberg); samples of one tissue and sort "
    "that have the receptor's library"
)


def two_sided(n_a, total_a, n_b, total_b) -> np.ndarray:
    """Hypergeometric p of equal shares: twice the smaller tail, at most 1. Arrays; NaN where a total is 0."""
    from scipy.stats import hypergeom

    both, drawn = total_a + total_b, n_a + n_b
    lower = hypergeom.cdf(n_b, both, drawn, total_b)
    upper = hypergeom.sf(n_b - 1, both, drawn, total_b)
    p = np.minimum(1, 2 * np.minimum(lower, upper))
    return np.where((total_a > 0) & (total_b > 0), p, np.nan)


def growth(n, total, days) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Growth of the share per day with 95 % interval: weighted least squares of log share on days.

    n, total: (clones, times); days: (times,). Half a cell is added to each count; weights are inverse
    binomial variances of the log share, and the interval widens where three or more times scatter more than
    that. NaN under two sampled times.
    """
    sampled = total > 0
    share = (n + 0.5) / (total + 1)
    weight = np.where(sampled, (n + 0.5) / (1 - share).clip(1e-9), 0.0)
    y = np.log(share)
    mass = weight.sum(1, keepdims=True).clip(1e-12)
    t = days - (weight * days).sum(1, keepdims=True) / mass
    spread = (weight * t**2).sum(1)
    usable = (sampled.sum(1) >= 2) & (spread > 0)
    spread = np.where(usable, spread, np.nan)
    centre = (weight * y).sum(1, keepdims=True) / mass
    slope = (weight * t * y).sum(1) / spread
    residual = (weight * (y - centre - slope[:, None] * t) ** 2).sum(1)
    freedom = sampled.sum(1) - 2
    excess = np.where(freedom > 0, np.maximum(1, residual / np.maximum(freedom, 1)), 1)
    width = 1.959964 * np.sqrt(excess / spread)
    return slope, slope - width, slope + width


def count(cells, clones, times) -> np.ndarray:
    """Counted cells by clone and time. Returns int array (clones, times)."""
    import pandas as pd

    table = pd.crosstab(cells["clone"], cells["timepoint"]) if len(cells) else pd.DataFrame()
    return table.reindex(index=clones, columns=times, fill_value=0).to_numpy().astype(int)


def pick(array, column):
    """array[i, column[i]] for all rows i."""
    return array[np.arange(len(array)), column]


def compared(n, total, home_n, home_total, likely, sure) -> dict[str, np.ndarray]:
    """What each clone is compared by, from counts (clones, times).

    n, total: among all counted cells; home_n, home_total: within the clone's lineage; likely: members in lineages that make the
    receptor; sure: those with an own VDJ chain. Returns start and last, the times that are compared (peak and last where unseen at the
    last sampled time, else first and last); within: whether in its lineage, else among all cells; n, total: of that basis; gone, new:
    unseen at the last, at the first; seen: by a cell of its own; testable: among all cells only presence can be compared, for shares
    change with whatever else is in the sample.
    """
    sampled = total > 0
    times = np.arange(n.shape[1])
    first = np.where(sampled, times, len(times)).min(1).clip(0, len(times) - 1)
    last = np.where(sampled, times, -1).max(1).clip(0)
    enough, seen = sampled.sum(1) >= 2, (sure > 0) & sampled
    gone = enough & (pick(likely, last) == 0) & seen.any(1)
    new = enough & (pick(likely, first) == 0) & pick(seen, last)
    # The peak within the lineage, where it was sampled before the last time; else among all.
    before, fit = sampled & (times < last[:, None]), home_total >= MIN_LINEAGE
    shares = np.where((before & fit).any(1)[:, None], np.where(fit, home_n / home_total.clip(1), -1), n / total.clip(1))
    start = np.where(gone, np.where(before, shares, -1).argmax(1), first)
    within = pick(fit, start) & pick(fit, last)
    n, total = (np.where(within[:, None], a, b) for a, b in ((home_n, n), (home_total, total)))
    return {
        "start": start, "first": first, "last": last, "within": within, "n": n, "total": total, "sampled": sampled, "seen": seen,
        "enough": enough, "gone": gone, "new": new, "testable": enough & (within | gone | new),
    }  # fmt: skip


def classify(by: dict, fdr_limit: float) -> tuple:
    """Fate, change, p and fdr of clones from what they are compared by (of compared)."""
    n, total, start, first, last = (by[name] for name in ("n", "total", "start", "first", "last"))
    enough, seen, gone, new = (by[name] for name in ("enough", "seen", "gone", "new"))
    _, low, high = wilson(n, total)
    p = two_sided(pick(n, start), pick(total, start), pick(n, last), pick(total, last))
    p = np.where(by["testable"], p, np.nan)
    fdr = false_discovery_rates(p)
    shown = np.nan_to_num(fdr, nan=1) < fdr_limit
    rises = pick(n, last) * pick(total, start) > pick(n, start) * pick(total, last)
    change = np.full(len(n), "not shown", dtype=object)
    change[shown] = np.where(rises[shown], "expanded", "contracted")
    ends = enough & pick(seen, first) & pick(seen, last)
    fate = np.select(
        [
            gone & shown & ~rises & (pick(high, last) < pick(low, start)),
            new & shown & rises & (pick(high, first) < pick(low, last)),
            enough & (seen | ~by["sampled"]).all(1) | ends & ~shown,
            shown & ~gone & ~new & seen.any(1),
        ],
        ["lost", "emerging", "persistent", change],
        "undetermined",
    )
    return fate.astype(object), change, p, fdr


def not_shown(by: dict, fdr, fdr_limit: float) -> dict[str, np.ndarray]:
    """What the change of each clone that was compared and not shown would have had to be (_detection.detectable).

    by: of compared; fdr: of classify.
    """
    start, last = by["start"], by["last"]
    n, total, later = pick(by["n"], start), pick(by["total"], start), pick(by["total"], last)
    limit, unshown = p_limit(fdr, fdr_limit), np.nan_to_num(fdr, nan=0) >= fdr_limit

    def direction(counts) -> np.ndarray:
        moved = np.sign(counts * total - n * later)
        return np.where(two_sided(n, total, counts, later) < limit, moved, 0)

    columns = detectable(later, direction)
    columns |= {"cells_for_twofold": cells_for_fold(n / total.clip(1), limit)}
    return {name: np.where(unshown, values, np.nan) for name, values in columns.items()}


def fates_of(
    cells, labels_of, receptor: str, expected: tuple[str, ...], times: dict[str, int], min_cells: int, fdr_limit: float
):
    """Fate table of one receptor, a row per clone of at least `min_cells` cells and time point.

    cells: kept cells with clone, counted, evidence, lineage, timepoint. labels_of: Series clone -> label. expected:
    lineages with this receptor; members elsewhere are suspects of doublets. times: time point -> day, in order.
    """
    import pandas as pd

    names, days = list(times), list(times.values())
    counted = cells[cells["counted"]]
    sizes = counted["clone"].value_counts()
    clones = labels_of.index[labels_of.index.isin(sizes.index[sizes >= min_cells])]
    members = counted[counted["clone"].isin(clones)]
    likely = members[members["lineage"].isin(expected)]
    home = likely.groupby(["clone", "lineage"]).size().reset_index(name="n")
    home = home.sort_values(["n", "lineage"], ascending=[False, True]).groupby("clone")["lineage"].first()
    home = home.reindex(clones).fillna("")
    n = count(members, clones, names)
    per_time = counted["timepoint"].value_counts().reindex(names, fill_value=0).to_numpy()
    total = np.tile(per_time, (len(clones), 1))
    inside = members[members["lineage"] == members["clone"].map(home)]
    n_home = count(inside, clones, names)
    by_lineage = pd.crosstab(counted["lineage"], counted["timepoint"]) if len(counted) else pd.DataFrame()
    total_home = by_lineage.reindex(index=home, columns=names, fill_value=0).to_numpy().astype(int)
    sure = count(likely[likely["evidence"].isin(SURE)], clones, names)
    n_likely = count(likely, clones, names)
    by = compared(n, total, n_home, total_home, n_likely, sure)
    fate, change, p, fdr = classify(by, fdr_limit)
    unshown = not_shown(by, fdr, fdr_limit)
    slope, slope_low, slope_high = growth(by["n"], by["total"], np.asarray(days, float))
    grows = (change == "expanded") | (fate == "emerging")
    share, low, high = wilson(n, total)
    share_home, low_home, high_home = wilson(n_home, total_home)

    def each(values):
        return np.repeat(np.asarray(values), len(names))

    with np.errstate(divide="ignore", invalid="ignore"):
        columns = {
            "receptor": receptor, "clone": each(clones), "label": each(labels_of[clones]),
            "timepoint": np.tile(names, len(clones)), "day": np.tile(days, len(clones)),
            "n": n.ravel(), "total": total.ravel(), "share": share.ravel(), "low": low.ravel(),
            "high": high.ravel(),
            "fate": each(fate), "change": each(change), "basis": each(np.where(by["within"], home, "all")),
            "lineage": each(home), "lineage_n": n_home.ravel(), "lineage_total": total_home.ravel(),
            "lineage_share": share_home.ravel(), "lineage_low": low_home.ravel(),
            "lineage_high": high_home.ravel(), "n_sure": sure.ravel(), "p_sampling": each(p),
            "fdr": each(fdr), **{name: each(values) for name, values in unshown.items()},
            "growth_per_day": each(slope), "growth_low": each(slope_low), "growth_high": each(slope_high),
            "doubling_days": each(np.where(grows & (slope_low > 0), np.log(2) / slope, np.nan)),
        }  # fmt: skip
    return pd.DataFrame(columns)


def multiqc(table) -> dict:
    """MultiQC custom content: share of the five largest clones of each receptor over days."""
    data = {}
    for receptor, rows in table.groupby("receptor"):
        for clone in rows.groupby("clone")["n"].sum().sort_values(ascending=False, kind="stable").index[:5]:
            here = rows[(rows["clone"] == clone) & (rows["total"] > 0)]
            points = zip(here["day"], here["share"], strict=True)
            data[f"{clone} ({receptor})"] = sorted([int(day), round(100 * share, 4)] for day, share in points)
    return multiqc_section(
        "clonewatch_fates", "Largest clones over time",
        "The five largest clones of each receptor and patient, in per cent of the cells with that receptor.",
        "linegraph", data, {"title": "Largest clones", "ylab": "% of cells", "xlab": "day", "showlegend": True},
    )  # fmt: skip


def times_of(sheet, cells) -> dict[str, int]:
    """Time points of a patient's main series with their days, in the order of the days, sampled or not.

    sheet: the patient's rows of samples.tsv; cells: kept cells with sample. A sample without kept cells is of a time point too.
    """
    kept = samples_of(cells).set_index("sample")["cells"]
    samples = with_series(sheet.assign(cells=sheet["sample"].map(kept).fillna(0)))
    main = samples[samples["series"] == "main"].sort_values("day", kind="stable")
    return {name: int(day) for name, day in zip(main["timepoint"], main["day"], strict=True)}


def times_with_library(days: dict[str, int], cells, here) -> dict[str, int]:
    """The time points of times_of at which a receptor was looked for; all, where that was at none.

    cells: kept cells of the main series; here: those whose sample has the receptor's library.
    """
    without = set(cells["timepoint"]) - set(here["timepoint"])
    return {name: day for name, day in days.items() if name not in without} or days


def since_first(cells, timepoints, times: list[str]):
    """What was made otherwise at each of the timepoints (Series) than at the first of times with cells (_guards.confounded)."""
    at = {time: rows for time, rows in cells.groupby("timepoint")}
    first = next((at[time] for time in times if time in at), cells)
    return timepoints.map({time: "; ".join(confounded(first, rows)) for time, rows in at.items()}).fillna("")


@command()
@click.argument("clones", type=FILE)
@click.option("--patient", required=True, help="Patient; first part of the names of the output files.")
@click.option("--samples", required=True, type=FILE, help="samples.tsv: time points, tissue and sort of the samples.")
@click.option("--labels", required=True, type=FILE, help="Kept cells with their lineages.")
@click.option("--table", required=True, type=FILE, help="Clones of the patient (TSV).")
@click.option("--lineages", required=True, type=FILE, help="Lineages in which a receptor is expected (TSV).")
@click.option("--min-cells", default=3, type=click.IntRange(1), help="Cells of the smallest clone that is followed.")
@click.option(
    "--fdr", default=0.05, type=click.FloatRange(0, 1, min_open=True), help="False discovery rate of changes."
)
def main(
    clones: Path, patient: str, samples: Path, labels: Path, table: Path, lineages: Path, min_cells: int, fdr: float
) -> None:
    """Fates of a patient's clones over time. CLONES: clone per cell (parquet)."""
    columns = ["sample", "timepoint", "day", *DESIGN, "libraries", "lineage", *PROCESSING]
    cells = read_labels(labels, patient, columns)
    sheet, known = read_samples(samples), Lineages(lineages)
    days = times_of(sheet[sheet["patient"] == patient], cells)
    cells = with_clones(cells[main_series(cells)].reset_index(drop=True), clones)
    names = read_text_table(table, ("clone", "receptor", "label"), only=True).set_index("clone")
    tables = []
    for receptor in RECEPTORS:
        label = names.loc[names["receptor"] == receptor, "label"]
        here = of_receptor(with_library(cells, receptor), receptor)
        looked = times_with_library(days, cells, here)
        tables.append(fates_of(here, label, receptor, known.possible(receptor), looked, min_cells, fdr))
    result = joined(tables)
    result.insert(0, "patient", patient)
    result["caution"] = since_first(cells, result["timepoint"], list(days))
    write_table(result.assign(rule=cells["rule"].iloc[0]), f"{patient}.fates.tsv")
    write_json({"patient": patient, "rule": FATE_RULE.format(fdr=fdr)}, f"{patient}.fates.json")
    write_json(multiqc(result), f"{patient}.fates_mqc.json")


if __name__ == "__main__":
    main()
