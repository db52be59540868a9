#!/usr/bin/env python3
"""The fate of each clone over a patient's time points, with intervals, test and growth."""

import json
from importlib.metadata import version

import click

PACKAGES = ("click", "numpy", "pandas", "scipy", "statsmodels", "pyarrow")
FILE = click.Path(exists=True, dir_okay=False)
# Lineages in which a receptor is expected: presence is not claimed from members elsewhere (doublet suspects).
OWNERS = {"BCR": ("B", "plasma", "blast", "HSPC", "unassigned"), "TCR": ("T", "unassigned")}
SURE = ("paired", "VDJ", "VDJ attached", "other VDJ", "other VJ", "VJ")
MIN_LINEAGE = 10  # counted cells of the lineage, at both times, for a comparison within it
FATE_RULE = (
    "lost: unseen at the last time, with an upper bound there below the lower bound of its peak; emerging: "
    "unseen at the first time, with an upper bound there below the lower bound of the last; persistent: seen "
    "at every time, or at first and last without a change; expanded, contracted: a change, but not seen at every time; "
    "changes at FDR < {fdr:g} (hypergeometric test of the sampled cells, Benjamini-Hochberg)"
)


def wilson(n, total):
    """Wilson 95 % bounds, NaN where total is 0. For n = 0 up to the one-sided 1 - 0.05 ** (1 / total)."""
    import numpy as np
    from statsmodels.stats.proportion import proportion_confint

    sampled = np.where(np.asarray(total) > 0, total, np.nan)
    low, high = proportion_confint(n, sampled, method="wilson")
    return np.where(n == 0, 0 * sampled, low), np.where(n == 0, 1 - 0.05 ** (1 / sampled), high)


def two_sided(n_a, total_a, n_b, total_b):
    """Hypergeometric p of equal shares: twice the smaller tail, at most 1. Arrays; NaN where a total is 0."""
    import numpy as np
    from scipy.stats import hypergeom

    both, drawn = total_a + total_b, n_a + n_b
    lower = hypergeom.cdf(n_b, both, drawn, total_b)
    upper = hypergeom.sf(n_b - 1, both, drawn, total_b)
    p = np.minimum(1, 2 * np.minimum(lower, upper))
    return np.where((total_a > 0) & (total_b > 0), p, np.nan)


def adjusted(p):
    """Benjamini-Hochberg FDR of the p that are not NaN."""
    import numpy as np
    from scipy.stats import false_discovery_control

    out = np.full(len(p), np.nan)
    known = ~np.isnan(p)
    if known.any():
        out[known] = false_discovery_control(p[known])
    return out


def growth(n, total, days):
    """Growth of the share per day with 95 % interval: weighted least squares of log share on days.

    n, total: (clones, times); days: (times,). Half a cell is added to each count; weights are inverse
    binomial variances of the log share, and the interval widens where three or more times scatter more than
    that. NaN under two sampled times.
    """
    import numpy as np

    sampled = total > 0
    part = (n + 0.5) / (total + 1)
    weight = np.where(sampled, (n + 0.5) / (1 - part).clip(1e-9), 0.0)
    y = np.log(part)
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


def count(cells, clones, times):
    """Counted cells by clone and time. Returns int array (clones, times)."""
    import pandas as pd

    table = pd.crosstab(cells["clone"], cells["timepoint"]) if len(cells) else pd.DataFrame()
    return table.reindex(index=clones, columns=times, fill_value=0).to_numpy().astype(int)


def at(array, column):
    """array[i, column[i]] for all rows i."""
    import numpy as np

    return array[np.arange(len(array)), column]


def classify(n, total, home_n, home_total, likely, sure, fdr_limit):
    """Fate and change of clones from counts (clones, times).

    n, total: among all counted cells; home_n, home_total: within the clone's lineage; likely: members in lineages
    that make the receptor; sure: those with an own VDJ chain. Returns fate, change, within (whether the comparison
    is within the lineage), p and fdr of the comparison: peak with last where unseen at the last sampled time, else
    first with last.
    """
    import numpy as np

    clones, sampled = len(n), total > 0
    times = np.arange(n.shape[1])
    first = np.where(sampled, times, len(times)).min(1).clip(0, len(times) - 1)
    last = np.where(sampled, times, -1).max(1).clip(0)
    enough, seen = sampled.sum(1) >= 2, (sure > 0) & sampled
    gone, new = (
        enough & (at(likely, last) == 0) & seen.any(1),
        enough & (at(likely, first) == 0) & at(seen, last),
    )
    # The peak within the lineage, where it was sampled before the last time; else among all.
    before, fit = sampled & (times < last[:, None]), home_total >= MIN_LINEAGE
    shares = np.where(
        (before & fit).any(1)[:, None], np.where(fit, home_n / home_total.clip(1), -1), n / total.clip(1)
    )
    start = np.where(gone, np.where(before, shares, -1).argmax(1), first)
    within = at(fit, start) & at(fit, last)
    part, whole = (np.where(within[:, None], a, b) for a, b in ((home_n, n), (home_total, total)))
    low, high = wilson(part, whole)
    p = two_sided(at(part, start), at(whole, start), at(part, last), at(whole, last))
    # Among all cells only presence can be compared: shares change with whatever else is in the sample.
    p = np.where(enough & (within | gone | new), p, np.nan)
    fdr = adjusted(p)
    shown = np.nan_to_num(fdr, nan=1) < fdr_limit
    rises = at(part, last) * at(whole, start) > at(part, start) * at(whole, last)
    change = np.full(clones, "not shown", dtype=object)
    change[shown] = np.where(rises[shown], "expanded", "contracted")
    ends = enough & at(seen, first) & at(seen, last)
    fate = np.select(
        [
            gone & shown & ~rises & (at(high, last) < at(low, start)),
            new & shown & rises & (at(high, first) < at(low, last)),
            enough & (seen | ~sampled).all(1) | ends & ~shown,
            shown & ~gone & ~new & seen.any(1),
        ],
        ["lost", "emerging", "persistent", change],
        "undetermined",
    )
    return fate.astype(object), change, within, p, fdr


def fates_of(cells, labels_of, receptor, times, days, min_cells, fdr_limit):
    """Fate table of one receptor, a row per clone of at least `min_cells` cells and time point.

    cells: kept cells with clone, counted, evidence, lineage, timepoint. labels_of: Series clone -> label.
    """
    import numpy as np
    import pandas as pd

    counted = cells[cells["counted"]]
    sizes = counted["clone"].value_counts()
    clones = labels_of.index[labels_of.index.isin(sizes.index[sizes >= min_cells])]
    members = counted[counted["clone"].isin(clones)]
    likely = members[members["lineage"].isin(OWNERS[receptor])]
    home = likely.groupby(["clone", "lineage"]).size().reset_index(name="n")
    home = home.sort_values(["n", "lineage"], ascending=[False, True]).groupby("clone")["lineage"].first()
    home = home.reindex(clones).fillna("")
    n = count(members, clones, times)
    per_time = counted["timepoint"].value_counts().reindex(times, fill_value=0).to_numpy()
    total = np.tile(per_time, (len(clones), 1))
    inside = members[members["lineage"] == members["clone"].map(home)]
    n_home = count(inside, clones, times)
    by_lineage = pd.crosstab(counted["lineage"], counted["timepoint"]) if len(counted) else pd.DataFrame()
    total_home = by_lineage.reindex(index=home, columns=times, fill_value=0).to_numpy().astype(int)
    sure = count(likely[likely["evidence"].isin(SURE)], clones, times)
    n_likely = count(likely, clones, times)
    fate, change, within, p, fdr = classify(n, total, n_home, total_home, n_likely, sure, fdr_limit)
    basis = [np.where(within[:, None], a, b) for a, b in ((n_home, n), (total_home, total))]
    slope, slope_low, slope_high = growth(*basis, np.asarray(days, float))
    grows = (change == "expanded") | (fate == "emerging")
    low, high = wilson(n, total)
    low_home, high_home = wilson(n_home, total_home)

    def each(values):
        return np.repeat(np.asarray(values), len(times))

    with np.errstate(divide="ignore", invalid="ignore"):
        columns = {
            "receptor": receptor, "clone": each(clones), "label": each(labels_of[clones]),
            "timepoint": np.tile(times, len(clones)), "day": np.tile(days, len(clones)),
            "n": n.ravel(), "total": total.ravel(), "share": (n / total).ravel(), "low": low.ravel(),
            "high": high.ravel(),
            "fate": each(fate), "change": each(change), "basis": each(np.where(within, home, "all")),
            "lineage": each(home), "lineage_n": n_home.ravel(), "lineage_total": total_home.ravel(),
            "lineage_share": (n_home / total_home).ravel(), "lineage_low": low_home.ravel(),
            "lineage_high": high_home.ravel(), "n_sure": sure.ravel(), "p_sampling": each(p),
            "fdr": each(fdr),
            "growth_per_day": each(slope), "growth_low": each(slope_low), "growth_high": each(slope_high),
            "doubling_days": each(np.where(grows & (slope_low > 0), np.log(2) / slope, np.nan)),
        }  # fmt: skip
    return pd.DataFrame(columns)


def multiqc(table):
    """MultiQC custom content: share of the five largest clones of each receptor over days."""
    data = {}
    for receptor, rows in table.groupby("receptor"):
        for clone in rows.groupby("clone")["n"].sum().sort_values(ascending=False, kind="stable").index[:5]:
            here = rows[(rows["clone"] == clone) & (rows["total"] > 0)]
            points = zip(here["day"], here["share"], strict=True)
            data[f"{clone} ({receptor})"] = sorted([int(day), round(100 * share, 4)] for day, share in points)
    return {
        "id": "clonewatch_fates",
        "section_name": "Largest clones over time",
        "description": "The five largest clones of each receptor and patient, in per cent of the cells with that receptor.",
        "plot_type": "linegraph",
        "pconfig": {
            "id": "clonewatch_fates_plot",
            "title": "Largest clones",
            "ylab": "% of cells",
            "xlab": "day",
            "showlegend": True,
        },
        "data": data,
    }


@click.command()
@click.argument("clones", type=FILE)
@click.option("--patient", required=True, help="Patient; first part of the names of the output files.")
@click.option("--samples", required=True, type=FILE, help="Samplesheet (TSV).")
@click.option("--labels", required=True, type=FILE, help="Cells and types.")
@click.option("--table", required=True, type=FILE, help="Clones of the patient (TSV).")
@click.option(
    "--min-cells", default=3, show_default=True, type=click.IntRange(1), help="Smallest clone to follow."
)
@click.option(
    "--fdr", default=0.05, show_default=True, type=click.FloatRange(0, 1, min_open=True), help="Of changes."
)
@click.version_option(" ".join(f"{name}={version(name)}" for name in PACKAGES), message="%(version)s")
def main(clones, patient, samples, labels, table, min_cells, fdr):
    """Fates of a patient's clones over time. CLONES: clone per cell (parquet)."""
    import pandas as pd

    sheet = pd.read_csv(samples, sep="\t", dtype=str)
    sheet = sheet[sheet["patient"] == patient]
    if sheet.empty:
        raise click.ClickException(
            f"{samples}: holds no sample of patient {patient}; give the run's samplesheet"
        )
    days = (
        sheet.assign(day=sheet["day"].astype(int))
        .drop_duplicates("timepoint")
        .sort_values("day", kind="stable")
    )
    cells = pd.read_parquet(labels, columns=["cell_id", "patient", "timepoint", "lineage"])
    cells = cells[cells["patient"].astype(str) == patient].astype({"timepoint": str, "lineage": str})
    cells = cells.merge(pd.read_parquet(clones), on="cell_id", how="left")
    known = pd.read_csv(table, sep="\t", usecols=["clone", "receptor", "label", "rule"], dtype=str)
    parts = []
    for receptor in ("BCR", "TCR"):
        short = receptor.lower()
        here = cells.rename(columns={f"{short}_{what}": what for what in ("clone", "evidence", "counted")})
        labels_of = known[known["receptor"] == receptor].set_index("clone")["label"]
        times = days["timepoint"].to_list(), days["day"].to_list()
        parts.append(fates_of(here, labels_of, receptor, *times, min_cells, fdr))
    result = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    result.insert(0, "patient", patient)
    result["rule"] = known["rule"].iloc[0] if len(known) else ""
    facts = {"patient": patient, "rule": FATE_RULE.format(fdr=fdr), "min_cells": min_cells, "fates": {}}
    for (receptor, fate), number in result.groupby(["receptor", "fate"])["clone"].nunique().items():
        facts["fates"].setdefault(receptor, {})[fate] = int(number)
    result.to_csv(f"{patient}.fates.tsv", sep="\t", index=False, float_format="%.6g")
    for name, content in (("fates", facts), ("fates_mqc", multiqc(result))):
        with open(f"{patient}.{name}.json", "w") as file:
            json.dump(content, file, indent=1, allow_nan=False)


if __name__ == "__main__":
    main()
