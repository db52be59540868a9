#!/usr/bin/env python3
"""Why a bulk MRD clone is not seen in single cells: the chance to have missed it, and indirect evidence."""

from importlib.metadata import version

import click

PACKAGES = ("click", "numpy", "pandas", "pyarrow")
FILE = click.Path(exists=True, dir_okay=False)
NEAR_DAYS = 30  # a bulk value further than this from a sample is not compared with it
FLOOR = 1e-5  # shares and bulk fractions up to this count as not seen
MISSED = 0.05  # chance to have missed a clone, above which the samples are not deep enough
MIN_CLONE = 10  # cells with a lambda chain of the clone that is named beside a kappa deletion
# Lineages that may carry a receptor of a locus, by the first letters of the locus.
OWNERS = {"IG": ("B", "plasma", "blast", "HSPC"), "TR": ("T", "blast", "HSPC")}


def plural(cell_type):
    """`plasma cells`, `CD4 T cells`, `B-ALL blasts`."""
    if cell_type.endswith((" T", " B", "NK", "unassigned")):
        return f"{cell_type} cells"
    return cell_type if cell_type.endswith("s") else f"{cell_type}s"


def percent(share):
    """Three figures: `0.041 %`, `98.5 %`."""
    return f"{100 * share:.3g} %"


def beside(curve, days):
    """Bulk fraction nearest to each sample day; NaN where there is none within NEAR_DAYS."""
    import numpy as np

    bulk = np.full(len(days), np.nan)
    for i, day in enumerate(days):
        near = curve.loc[(curve["day"] - day).abs() <= NEAR_DAYS]
        if len(near):
            bulk[i] = near.loc[(near["day"] - day).abs().idxmin(), "fraction"]
    return bulk


def missed(curve, cells, captured):
    """Chance to have sampled no cell of a clone: product over time of (1 - fraction * capture) ** kept cells.

    curve: day, fraction of one bulk clone; cells: day -> kept cells; captured: part of a receptor's cells
    whose chain is seen. NaN where no bulk value lies within NEAR_DAYS of a sample.
    """
    import math

    bulk = beside(curve, list(cells))
    logs = [
        number * math.log1p(-min(fraction * captured, 1 - 1e-12))
        for fraction, number in zip(bulk, cells.values(), strict=True)
        if not math.isnan(fraction)
    ]
    return math.exp(sum(logs)) if logs else math.nan


def contradicts(bulk, shares):
    """Whether bulk and single cells move in opposite directions from the first to the last time with both."""
    import numpy as np

    known = np.flatnonzero(~np.isnan(bulk) & ~np.isnan(shares))
    if len(known) < 2:
        return False
    first, last = known[[0, -1]]
    return bool((bulk[last] - bulk[first]) * (shares[last] - shares[first]) < 0)


def co_dynamics(curve, times, series):
    """Indirect evidence for a clone that single cells cannot show: which cells move as it does, in words.

    times: timepoint -> day, in order; series: name -> share of kept cells per time. The correlation of log shares is
    given only over three times or more at which both are seen: where one is seen once and gone later, zeros alone
    make it 1. Else the times at which it is seen are compared.
    """
    import numpy as np

    bulk = beside(curve, list(times.values()))
    shares = {name: np.asarray(values, float) for name, values in series.items()}
    known = ~np.isnan(bulk)
    for values in shares.values():
        known &= ~np.isnan(values)
    names, bulk = np.array(list(times), object)[known], bulk[known]
    shares = {name: values[known] for name, values in shares.items()}
    if len(bulk) < 3:
        return "no indirect evidence: fewer than three time points with both bulk and single cells"
    seen, found = bulk > FLOOR, {}
    if not seen.any():
        return "no indirect evidence: bulk does not see it at a sampled time point"
    for name, here in shares.items():
        both = seen & (here > FLOOR)
        if both.sum() >= 3 and len(set(bulk[both])) > 1 and len(set(here[both])) > 1:
            found[name] = (
                float(np.corrcoef(np.log10(np.stack([bulk[both], here[both]])))[0, 1]),
                int(both.sum()),
            )
    if not found:
        alike = [name for name, here in shares.items() if ((here > FLOOR) == seen).all()]
        alike = sorted(alike, key=lambda name: (-shares[name].max(), name))
        when = f"seen at {', '.join(names[seen])}{'' if seen.all() else ' only'}"
        if not alike:
            return f"no indirect evidence: {when}, as no cell type is ({len(bulk)} sampled time points)"
        return (
            f"{when}, as {' and '.join(alike)} are ({len(bulk)} sampled time points); indirect, not a match"
        )
    best = max(found, key=lambda name: (found[name][0], name))
    worst = min(found, key=lambda name: (found[name][0], name))
    r, number = found[best]
    if r < 0.5:
        return f"indirect evidence: no cell type moves as it does over {number} time points"
    unlike = f", unlike {worst} (r {found[worst][0]:.2f})" if found[worst][0] < 0 else ""
    words = f"over {number} time points it moves as {best} do (r of log shares {r:.2f}){unlike}"
    return f"indirect evidence, not a match: {words}"


def lambda_clone(cells, own):
    """The clone of most cells with an own lambda chain, where these are MIN_CLONE or more; else ''."""
    lambdas = own.loc[own["locus"] == "IGL", "cell_id"]
    sizes = cells.loc[cells.index.isin(lambdas), "clone"].value_counts()
    return sizes.index[0] if len(sizes) and sizes.iloc[0] >= MIN_CLONE else ""


def explain(match, curve, cells, own, times):
    """Why no cell carries a bulk clone: verdict, reason, p_missed.

    match: a row of MRD_MATCH without carriers; curve: day and fraction of the clone. cells: kept cells (index
    cell_id) with clone, counted, cell_type, lineage, timepoint. times: timepoint -> day, in order.
    """
    import numpy as np
    import pandas as pd

    days, names = list(times.values()), list(times)
    kept = cells["timepoint"].value_counts().reindex(names, fill_value=0)
    owners = cells[cells["lineage"].isin(OWNERS.get(match["locus"][:2], ()))]
    captured = float(owners["counted"].mean()) if len(owners) else 0.0
    by_type = pd.crosstab(cells["timepoint"], cells["cell_type"], normalize="index").reindex(names)
    types = sorted(set(owners.loc[owners["counted"], "cell_type"]) - {"unassigned"})
    series = {plural(name): by_type[name].tolist() for name in types}
    chance, reason = np.nan, match["reason"]
    if not reason:
        chance = missed(curve, dict(zip(days, kept, strict=True)), captured)
        reason = (
            "no bulk value near a sample: depth cannot be judged" if np.isnan(chance) else
            f"not sampled deep enough: chance to have missed it {percent(chance)}" if chance > MISSED else
            f"absent although sampled deep enough: chance to have missed it {percent(chance)}"
        )  # fmt: skip
    clone = lambda_clone(cells, own) if "IGKDE" in reason else ""
    if clone:
        part = (cells["clone"] == clone).groupby(cells["timepoint"]).mean().reindex(names)
        if not contradicts(beside(curve, days), part.to_numpy(float)):
            reason += f"; expected in cells that express lambda, as clone {clone} does"
    reason += "; " + co_dynamics(curve, times, series)
    # Only a junction seen with other genes says that the clone was looked for.
    hidden = match["reason"] and "differs" not in match["reason"]
    unseen = "cannot be looked for in single cells" if hidden else "not seen in single cells"
    return {"clone": match["clone"], "verdict": unseen, "reason": reason, "p_missed": chance}


@click.command()
@click.argument("matches", type=FILE)
@click.option("--patient", required=True, help="Patient; first part of the name of the output file.")
@click.option("--curve", required=True, type=FILE, help="Bulk fractions by day.")
@click.option("--clones", required=True, type=FILE, help="Clone per cell.")
@click.option("--chains", required=True, type=FILE, help="Judged chains.")
@click.option("--labels", required=True, type=FILE, help="Cells and types.")
@click.version_option(" ".join(f"{name}={version(name)}" for name in PACKAGES), message="%(version)s")
def main(matches, patient, curve, clones, chains, labels):
    """Explain the bulk MRD clones that no cell of a patient carries. MATCHES: of MRD_MATCH (TSV)."""
    import pandas as pd

    bulk = pd.read_csv(matches, sep="\t", dtype=str, keep_default_na=False)
    bulk = bulk[bulk["n_carriers"].astype(int) == 0]
    lines = pd.read_csv(curve, sep="\t", dtype={"clone": str})
    columns = ["cell_id", "patient", "timepoint", "day", "lineage", "cell_type"]
    cells = pd.read_parquet(labels, columns=columns)
    cells = cells[cells["patient"].astype(str) == patient].astype(
        {"timepoint": str, "lineage": str, "cell_type": str}
    )
    cells = cells.merge(pd.read_parquet(clones), on="cell_id", how="left").set_index("cell_id")
    order = cells.drop_duplicates("timepoint").sort_values("day", kind="stable")
    times = {name: int(day) for name, day in zip(order["timepoint"], order["day"], strict=True)}
    own = pd.read_parquet(chains, columns=["cell_id", "locus", "verdict"])
    own = own[own["verdict"] == "own"]
    rows = []
    for match in bulk.to_dict("records"):
        short = "tcr" if match["locus"].startswith("TR") else "bcr"
        here = cells.rename(columns={f"{short}_clone": "clone", f"{short}_counted": "counted"})
        rows.append(explain(match, lines[lines["clone"] == match["clone"]], here, own, times))
    table = pd.DataFrame(rows, columns=["clone", "verdict", "reason", "p_missed"])
    table.to_csv(f"{patient}.mrd_unseen.tsv", sep="\t", index=False)


if __name__ == "__main__":
    main()
