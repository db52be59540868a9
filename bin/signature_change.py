#!/usr/bin/env python3
"""Change of signature scores between times: effects with bootstrap intervals, ranks of subsets, tests over
patients.
"""

import json
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

import click
import numpy as np

PACKAGES = ("click", "numpy", "pandas", "scipy", "pyarrow")
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
LEVELS = ("lineage", "cell_type", "subset")
FEWEST_PATIENTS = 3


def resampled_moments(scores: np.ndarray, draws: int, rng) -> tuple[np.ndarray, np.ndarray]:
    """Means and variances of bootstrap samples of cells (n - 1 of n with replacement): draws x signatures
    each.
    """
    n, size = len(scores), max(len(scores) - 1, 1)
    centre = scores.mean(axis=0)
    centred = scores - centre
    means, squares = np.empty((2, draws, scores.shape[1]))
    step = max(1, 20_000_000 // n)
    for low in range(0, draws, step):
        k = min(step, draws - low)
        picks = rng.integers(0, n, (k, size)) + n * np.arange(k)[:, None]
        weights = np.bincount(picks.ravel(), minlength=k * n).reshape(k, n) / size
        means[low : low + k], squares[low : low + k] = weights @ centred, weights @ centred**2
    return means + centre, np.maximum(squares - means**2, 0)


class Group:
    """Scores of one patient's cells of one label at one time, and their resampled means and variances."""

    def __init__(self, scores: np.ndarray, timepoint: str, parent: str, draws: int, rng):
        self.n, self.timepoint, self.parent = len(scores), timepoint, parent
        self.mean, self.variance = scores.mean(axis=0), scores.var(axis=0, ddof=1)
        self.means, self.variances = resampled_moments(scores, draws, rng)


def group_cells(cells, signatures: list[str], min_cells: int, draws: int, seed: int) -> dict[tuple, Group]:
    """Groups of at least `min_cells` cells, by (patient, day, level, label); samples of one patient and day
    together.
    """
    groups = {}
    for level in LEVELS:
        named = cells[cells[level].notna() & ~cells[level].isin(["", "unassigned"])]
        for at, ((patient, day, label), part) in enumerate(
            named.groupby(["patient", "day", level], observed=True)
        ):
            if len(part) < min_cells:
                continue
            rng = np.random.default_rng([seed, LEVELS.index(level), at])
            parent = "all" if level == "lineage" else part["lineage"].astype(str).mode().iat[0]
            scores = part[signatures].to_numpy(np.float64)
            groups[patient, day, level, str(label)] = Group(
                scores, part["timepoint"].iat[0], parent, draws, rng
            )
    return groups


def with_interval(name: str, value, drawn, cells: int) -> dict[str, np.ndarray]:
    """The value and its 95 % interval: t quantile of cells - 1 degrees x bootstrap standard error."""
    from scipy.special import stdtrit

    half = stdtrit(max(cells - 1, 1), 0.975) * drawn.std(axis=0, ddof=1)
    return {name: value, f"{name}_low": value - half, f"{name}_high": value + half}


def hedges_g(difference, variances, n) -> np.ndarray:
    """Standardised mean difference with the correction for few cells (Hedges 1981)."""
    pooled = ((n[0] - 1) * variances[0] + (n[1] - 1) * variances[1]) / max(sum(n) - 2, 1)
    g = np.divide(difference, np.sqrt(pooled), out=np.zeros_like(difference), where=pooled > 0)
    return g * (1 - 3 / (4 * sum(n) - 9)) if sum(n) > 3 else g


def steps(days: list[int]) -> list[tuple[int, int]]:
    """Comparisons: each day with the one before, and the last with the first of three or more."""
    return [*pairwise(days), *([(days[0], days[-1])] if len(days) > 2 else [])]


def effects(groups: dict[tuple, Group], signatures: list[str]):
    """A row per patient, comparison, label and signature: difference of means and Hedges' g, with intervals
    over cells.
    """
    import pandas as pd

    days: dict[str, set] = {}
    for patient, day, *_ in groups:
        days.setdefault(patient, set()).add(day)
    tables = []
    for patient, known in days.items():
        for before, after in steps(sorted(known)):
            for (_, _, level, label), new in [
                item for item in groups.items() if item[0][:2] == (patient, after)
            ]:
                old = groups.get((patient, before, level, label))
                if old is None:
                    continue
                n, fewest = (old.n, new.n), min(old.n, new.n)
                difference, drawn = new.mean - old.mean, new.means - old.means
                columns = {"patient": patient, "from": old.timepoint, "to": new.timepoint, "level": level}
                columns |= {
                    "parent": new.parent,
                    "label": label,
                    "signature": signatures,
                    "n_from": old.n,
                    "n_to": new.n,
                }
                columns |= {"mean_from": old.mean, "mean_to": new.mean}
                columns |= with_interval("difference", difference, drawn, fewest)
                g = hedges_g(difference, (old.variance, new.variance), n)
                columns |= with_interval(
                    "effect", g, hedges_g(drawn, (old.variances, new.variances), n), fewest
                )
                tables.append(pd.DataFrame(columns))
    names = [
        "patient",
        "from",
        "to",
        "level",
        "parent",
        "label",
        "signature",
        "n_from",
        "n_to",
        "mean_from",
        "mean_to",
    ]
    names += [f"{name}{end}" for name in ("difference", "effect") for end in ("", "_low", "_high")]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=names)


def ranks(groups: dict[tuple, Group], signatures: list[str]):
    """Place of each subset in its lineage at each time: mean, lead over the best of the others, how often it
    is first.
    """
    import pandas as pd

    together: dict[tuple, list] = {}
    for (patient, day, level, label), group in groups.items():
        if level == "subset":
            together.setdefault((patient, day, group.parent), []).append((label, group))
    tables = []
    for (patient, day, parent), members in together.items():
        if len(members) < 2:
            continue
        means = np.stack([group.mean for _, group in members])
        drawn = np.stack([group.means for _, group in members])
        first = drawn.argmax(axis=0)
        for at, (label, group) in enumerate(members):
            others = np.arange(len(members)) != at
            lead, leads = group.mean - means[others].max(axis=0), group.means - drawn[others].max(axis=0)
            columns = {
                "patient": patient,
                "timepoint": group.timepoint,
                "day": day,
                "parent": parent,
                "label": label,
            }
            columns |= {
                "signature": signatures,
                "n": group.n,
                "mean": group.mean,
                "rank": 1 + (means > group.mean).sum(axis=0),
            }
            columns |= with_interval("lead", lead, leads, group.n) | {
                "share_first": (first == at).mean(axis=0)
            }
            tables.append(pd.DataFrame(columns))
    names = [
        "patient",
        "timepoint",
        "day",
        "parent",
        "label",
        "signature",
        "n",
        "mean",
        "rank",
        "lead",
        "lead_low",
        "lead_high",
        "share_first",
    ]
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=names)
    return table.sort_values(
        ["patient", "day", "parent", "signature", "rank"], kind="stable", ignore_index=True
    )


def patient_tests(change):
    """Paired t tests of the patients' mean scores, a row per comparison, label and signature seen in enough
    patients.
    """
    import pandas as pd
    from scipy.stats import false_discovery_control, ttest_1samp

    keys = ["from", "to", "level", "parent", "label", "signature"]
    rows = []
    for key, part in change.groupby(keys, sort=False):
        if part["patient"].nunique() >= FEWEST_PATIENTS:
            test = ttest_1samp(part["difference"], 0)
            interval = test.confidence_interval()
            rows.append(
                (
                    *key,
                    len(part),
                    part["difference"].mean(),
                    interval.low,
                    interval.high,
                    test.statistic,
                    test.pvalue,
                )
            )
    table = pd.DataFrame(rows, columns=[*keys, "patients", "difference", "low", "high", "t", "p"])
    table["fdr"] = np.nan
    for _, part in table[table["p"].notna()].groupby(["from", "to", "level"], sort=False):
        table.loc[part.index, "fdr"] = false_discovery_control(part["p"])
    return table


def words(change, tests) -> str:
    """What the comparison between times rests on, for the report."""
    patients = change["patient"].nunique()
    if len(tests):
        return f"tested over patients where at least {FEWEST_PATIENTS} have the label at both times"
    if not len(change):
        return "no patient has two times with enough cells of one label, so nothing is compared"
    return (
        f"{patients} patient{'s' * (patients != 1)}: intervals are over the cells of these samples; without "
        f"{FEWEST_PATIENTS} patients as replicates there is no p value, for two samplings differ too"
    )


@click.command()
@click.argument("scores", type=FILE, nargs=-1, required=True)
@click.option("--labels", required=True, type=FILE, help="labels.parquet of the run.")
@click.option("--samples", required=True, type=FILE, help="samples.tsv of the run.")
@click.option(
    "--min-cells", type=click.IntRange(2), default=10, show_default=True, help="Fewest cells of a group."
)
@click.option("--draws", type=click.IntRange(50), default=500, show_default=True, help="Bootstrap draws.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of the bootstrap.")
@click.version_option(" ".join(f"{name}={version(name)}" for name in PACKAGES), message="%(version)s")
def main(scores, labels, samples, min_cells, draws, seed):
    """Compare signature scores between times; SCORES are the signatures.parquet files of the run."""
    import pandas as pd

    sheet = pd.read_csv(samples, sep="\t", dtype=str, keep_default_na=False).set_index("sample")
    cells = pd.read_parquet(labels, columns=["cell_id", "sample", *LEVELS]).set_index("cell_id")
    scored = pd.concat([pd.read_parquet(path) for path in scores], ignore_index=True).set_index("cell_id")
    signatures = [name for name in scored.columns if scored[name].notna().all()]
    cells = cells.join(scored[signatures], how="inner")
    absent = sorted(set(cells["sample"].astype(str)) - set(sheet.index))
    if cells.empty or absent:
        fault = (
            f"{samples.name} does not name sample {absent[0]}"
            if absent
            else f"{labels.name} holds no scored cell"
        )
        raise click.ClickException(f"{fault}; give the files of one run.")
    for column in ("patient", "timepoint", "day"):
        cells[column] = cells["sample"].astype(str).map(sheet[column])
    groups = group_cells(cells.astype({"day": int}), signatures, min_cells, draws, seed)
    change = effects(groups, signatures)
    tests = patient_tests(change)

    outputs = {
        "signature_change": change,
        "signature_ranks": ranks(groups, signatures),
        "signature_tests": tests,
    }
    for name, table in outputs.items():
        table.to_csv(f"{name}.tsv", sep="\t", index=False, float_format="%.5g")
    facts = {"patients": int(change["patient"].nunique()), "basis": words(change, tests), "tests": len(tests)}
    Path("signature_change.json").write_text(json.dumps(facts, indent=1, allow_nan=False), encoding="utf-8")


if __name__ == "__main__":
    main()
