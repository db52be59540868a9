#!/usr/bin/env python3
"""Signature scores of the run by group and time, and their change: effects with intervals, ranks of subsets, tests.

Scores are described for every sample; times are compared within each patient's main series (_series).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from _bootstrap import drawn_counts, t_interval
from _cli import FILE, command, write_json
from _detection import errors_apart
from _equal_depth import Scoring, at_equal_depth
from _errors import InputError
from _guards import CELLS, cautions, depth_ratio, differs, holds
from _series import DESIGN, main_series
from _shares import fdr
from _signature_scores import read_sets
from _signature_summary import LEVELS, distributions, isg_high, isg_threshold, multiqc
from _tables import named, write_parquet, write_table
from _times import comparisons

import click
import numpy as np

FEWEST_PATIENTS = 3
RESTING = "cells above 99 % of resting blood cells of their lineage are called high (T, NK, B and myeloid cells only)"
EFFECTS = [
    "patient",
    *DESIGN,
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
DIFFERENCE, EFFECT = ([f"{name}{end}" for end in ("", "_low", "_high")] for name in ("difference", "effect"))
EFFECTS += [*DIFFERENCE, *EFFECT]
THINNED = ["thinned_difference", "thinned_low", "thinned_high"]
GUARDED = ["caution", "depth_ratio", *THINNED, "holds", "detectable_difference"]
RANKS = [
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


def resampled_moments(scores: np.ndarray, draws: int, rng) -> tuple[np.ndarray, np.ndarray]:
    """Means and variances of bootstrap samples of cells (n - 1 of n with replacement): draws x signatures each."""
    n = len(scores)
    centre = scores.mean(axis=0)
    centred = scores - centre
    means, squares = np.empty((2, draws, scores.shape[1]))
    step = max(1, 20_000_000 // n)
    for low in range(0, draws, step):
        high = min(low + step, draws)
        weights = drawn_counts(n, high - low, rng) / max(n - 1, 1)
        means[low:high], squares[low:high] = weights @ centred, weights @ centred**2
    return means + centre, np.maximum(squares - means**2, 0)


class Group:
    """Scores of one patient's cells of one label at one time, and their resampled means and variances."""

    def __init__(self, scores: np.ndarray, timepoint: str, parent: str, draws: int, rng):
        self.n, self.timepoint, self.parent = len(scores), timepoint, parent
        self.mean, self.variance = scores.mean(axis=0), scores.var(axis=0, ddof=1)
        self.means, self.variances = resampled_moments(scores, draws, rng)


def group_cells(cells, signatures: list[str], min_cells: int, draws: int, seed: int) -> dict[tuple, Group]:
    """Groups of at least `min_cells` cells, by (patient, day, level, label); samples of one patient and day together."""
    groups = {}
    for level in LEVELS:
        by_group = cells[named(cells[level])].groupby(["patient", "day", level], observed=True)
        for number, ((patient, day, label), part) in enumerate(by_group):
            if len(part) < min_cells:
                continue
            rng = np.random.default_rng([seed, LEVELS.index(level), number])
            parent = "all" if level == "lineage" else part["lineage"].astype(str).mode().iat[0]
            scores = part[signatures].to_numpy(np.float64)
            groups[patient, day, level, str(label)] = Group(scores, part["timepoint"].iat[0], parent, draws, rng)
    return groups


def with_interval(name: str, value, drawn, cells: int) -> dict[str, np.ndarray]:
    """The value and its 95 % interval from the bootstrap, with cells - 1 degrees of freedom."""
    low, high = t_interval(value, drawn.std(axis=0, ddof=1), max(cells - 1, 1))
    return {name: value, f"{name}_low": low, f"{name}_high": high}


def hedges_g(difference, variances, n) -> np.ndarray:
    """Standardised mean difference with the correction for few cells (Hedges 1981)."""
    pooled = ((n[0] - 1) * variances[0] + (n[1] - 1) * variances[1]) / max(sum(n) - 2, 1)
    g = np.divide(difference, np.sqrt(pooled), out=np.zeros_like(difference), where=pooled > 0)
    return g * (1 - 3 / (4 * sum(n) - 9)) if sum(n) > 3 else g


def effect(old: Group, new: Group) -> dict[str, Any]:
    """Difference of means and Hedges' g of every signature, with intervals over cells."""
    n, fewest = (old.n, new.n), min(old.n, new.n)
    difference, drawn = new.mean - old.mean, new.means - old.means
    g = hedges_g(difference, (old.variance, new.variance), n)
    drawn_g = hedges_g(drawn, (old.variances, new.variances), n)
    columns = {"n_from": old.n, "n_to": new.n, "mean_from": old.mean, "mean_to": new.mean}
    return (
        columns | with_interval("difference", difference, drawn, fewest) | with_interval("effect", g, drawn_g, fewest)
    )


def effects(groups: dict[tuple, Group], signatures: list[str], designs: dict[str, dict[str, str]]):
    """A row per patient, comparison, label and signature; designs: patient -> tissue and sort of what is compared."""
    import pandas as pd

    days: dict[str, set] = {}
    for patient, day, *_ in groups:
        days.setdefault(patient, set()).add(day)
    tables = []
    for patient, known in days.items():
        for before, after in comparisons(sorted(known)):
            for (whose, day, level, label), new in groups.items():
                old = groups.get((patient, before, level, label))
                if (whose, day) == (patient, after) and old is not None:
                    names = {
                        "patient": patient,
                        **designs[patient],
                        "from": old.timepoint,
                        "to": new.timepoint,
                        "level": level,
                    }
                    names |= {"parent": new.parent, "label": label, "signature": signatures}
                    tables.append(pd.DataFrame(names | effect(old, new)))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=EFFECTS)


def with_cautions(change, cells, scoring: Scoring | None, groups_of: Callable):
    """The changes with what else may have made them: `caution`, `depth_ratio`, the difference at equal depth, and whether it `holds`.

    cells: those that are compared; groups_of(cells): their groups, as of group_cells. Scores are computed again for the comparisons
    of which any group's depth differs (methods/guards.md). detectable_difference: the smallest that would have been shown with 95 %.
    """
    import pandas as pd
    from scipy.special import stdtrit

    if change.empty:
        return change.reindex(columns=[*EFFECTS, *GUARDED])
    keys, names = ["patient", "from", "to", "level", "label"], change["signature"].unique()
    at, words, thinned = dict(iter(cells.groupby(["patient", "timepoint"]))), [], []
    for (patient, *times), rows in change.groupby(keys[:3], sort=False):
        pair, found = [at[patient, time] for time in times], []
        for level, label in rows[["level", "label"]].drop_duplicates().itertuples(index=False):
            of_group = [part[part[level].astype(str) == label] for part in pair]
            ratio = depth_ratio(*of_group)
            found.append((patient, *times, level, label, cautions(*of_group, ratio), ratio))
        words += found
        if scoring and any(differs(ratio) for *_, ratio in found):
            equal = at_equal_depth(*pair, names, scoring, seed=0)
            usable = [name for name in names if equal[name].notna().all()]
            again = effects(groups_of(equal, usable), usable, {patient: dict.fromkeys(DESIGN, "")})
            thinned.append(again.rename(columns=dict(zip(DIFFERENCE, THINNED, strict=True))))
    change = change.merge(pd.DataFrame(words, columns=[*keys, "caution", "depth_ratio"]), on=keys, how="left")
    columns = [*keys, "signature", *THINNED]
    again = pd.concat([table[columns] for table in thinned]) if thinned else change.iloc[:0].reindex(columns=columns)
    change = change.merge(again, on=columns[:6], how="left")
    change[THINNED] = change[THINNED].astype(float).where(change["caution"].str.contains("depth"))
    pairs = zip(change[DIFFERENCE].to_numpy(), change[THINNED].to_numpy(), strict=True)
    change["holds"] = [holds(one, other) if np.isfinite(other).all() else "" for one, other in pairs]
    degrees = np.maximum(change[["n_from", "n_to"]].min(axis=1) - 1, 1)
    half = change["difference_high"] - change["difference"]
    smallest = half * errors_apart(degrees=degrees) / stdtrit(degrees, 0.975)
    return change.assign(
        detectable_difference=smallest.where(change["difference_low"] * change["difference_high"] <= 0)
    )


def ranks(groups: dict[tuple, Group], signatures: list[str]):
    """Place of each subset in its lineage at each time: mean, lead over the best of the others, how often it is first."""
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
        for number, (label, group) in enumerate(members):
            others = np.arange(len(members)) != number
            lead, leads = group.mean - means[others].max(axis=0), group.means - drawn[others].max(axis=0)
            columns = {"patient": patient, "timepoint": group.timepoint, "day": day, "parent": parent, "label": label}
            columns |= {"signature": signatures, "n": group.n, "mean": group.mean}
            columns |= {"rank": 1 + (means > group.mean).sum(axis=0), **with_interval("lead", lead, leads, group.n)}
            tables.append(pd.DataFrame(columns | {"share_first": (first == number).mean(axis=0)}))
    table = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=RANKS)
    return table.sort_values(["patient", "day", "parent", "signature", "rank"], kind="stable", ignore_index=True)


def patient_tests(change):
    """Paired t tests of the patients' mean scores, a row per tissue and sort, comparison, label and signature seen in enough patients."""
    import pandas as pd
    from scipy.stats import ttest_1samp

    keys = [*DESIGN, "from", "to", "level", "parent", "label", "signature"]
    rows = []
    for key, part in change.groupby(keys, sort=False):
        if part["patient"].nunique() >= FEWEST_PATIENTS:
            test = ttest_1samp(part["difference"], 0)
            low, high = test.confidence_interval()
            rows.append((*key, len(part), part["difference"].mean(), low, high, test.statistic, test.pvalue))
    table = pd.DataFrame(rows, columns=[*keys, "patients", "difference", "low", "high", "t", "p"])
    return table.assign(fdr=table.groupby([*DESIGN, "from", "to", "level"], sort=False)["p"].transform(fdr))


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


def read_cells(paths, labels_path: Path):
    """Labels, patient, sample, time and scores of all labelled cells; names of the signatures; those that every sample has."""
    import pandas as pd

    labels = pd.read_parquet(
        labels_path, columns=["cell_id", "sample", "patient", "timepoint", "day", *DESIGN, *LEVELS, *CELLS]
    )
    scores = pd.concat([pd.read_parquet(path) for path in paths], ignore_index=True).set_index("cell_id")
    signatures = [name for name in scores.columns if scores[name].notna().any()]
    shared = [name for name in signatures if scores[name].notna().all()]
    cells = labels.set_index("cell_id").join(scores[signatures], how="inner")
    if cells.empty:
        raise InputError(f"{labels_path.name}: holds none of the scored cells; give the labels of the same run.")
    return cells.astype(dict.fromkeys(("sample", "patient", "timepoint", *DESIGN), str)), signatures, shared


def above_resting(paths):
    """Whether cells are above resting ones of their lineage (boolean Series by cell id, missing where these are not known).

    paths: of SUBCLUSTER, which divides lineages by it.
    """
    import pandas as pd

    columns = ["cell_id", "interferon_high"]
    tables = [pd.read_parquet(path, columns=columns) for path in paths] or [pd.DataFrame(columns=columns)]
    return pd.concat(tables).set_index("cell_id")["interferon_high"].astype("boolean")


@command()
@click.argument("scores", type=FILE, nargs=-1, required=True)
@click.option("--labels", required=True, type=FILE, help="labels.parquet of the run.")
@click.option("--subsets", multiple=True, type=FILE, help="<lineage>.subsets.parquet: cells above resting ones of their lineage.")  # fmt: skip
@click.option("--counts", multiple=True, type=FILE, help="S.cells.h5ad of every sample, to compare at equal depth.")
@click.option("--isg", type=FILE, help="As of SIGNATURES: core interferon-stimulated genes.")
@click.option("--gene-sets", multiple=True, type=FILE, help="As of SIGNATURES: GMT files.")
@click.option("--method", type=click.Choice(["ulm", "aucell"]), default="ulm", help="As of SIGNATURES: score of a set.")
@click.option(
    "--min-genes", type=click.IntRange(2), default=5, help="As of SIGNATURES: fewest measured genes of a set."
)
@click.option("--isg-threshold", "given", type=float, help="ISG score from which a cell is high; learnt if not given.")
@click.option("--min-learnt", type=click.IntRange(2), default=200, help="Fewest cells to learn that threshold from.")
@click.option("--min-cells", type=click.IntRange(2), default=10, help="Fewest cells of a group that is compared.")
@click.option("--draws", type=click.IntRange(50), default=500, help="Bootstrap samples per group.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Seed of the bootstrap and of the threshold's fit.")
def main(
    scores: tuple[Path, ...],
    labels: Path,
    subsets: tuple[Path, ...],
    counts: tuple[Path, ...],
    isg: Path | None,
    gene_sets: tuple[Path, ...],
    method: str,
    min_genes: int,
    given: float | None,
    min_learnt: int,
    min_cells: int,
    draws: int,
    seed: int,
) -> None:
    """Summarise signature scores and compare them between times; SCORES are the signatures.parquet files of the run."""
    cells, signatures, shared = read_cells(scores, labels)
    fit = isg_threshold(cells["isg_score"].to_numpy(), given, min_learnt, seed)
    resting = above_resting(subsets)
    cells["isg_high"] = isg_high(cells["isg_score"], fit["threshold"], resting)
    if fit["threshold"] is None:
        fit["basis"] += f": {RESTING}" if cells["isg_high"].notna().any() else ", so no cell is called high"
    compared = cells[main_series(cells)]
    groups = group_cells(compared, shared, min_cells, draws, seed)
    change = effects(groups, shared, compared.drop_duplicates("patient").set_index("patient")[DESIGN].to_dict("index"))
    tests = patient_tests(change)
    scoring = Scoring(counts, isg, read_sets(gene_sets), method, min_genes) if counts else None
    change = with_cautions(
        change, compared, scoring, lambda rows, names: group_cells(rows, names, min_cells, draws, seed)
    )

    outputs = {
        "signatures": distributions(cells, signatures),
        "signature_change": change,
        "signature_ranks": ranks(groups, shared),
        "signature_tests": tests,
    }
    for name, table in outputs.items():
        write_table(table, f"{name}.tsv", digits=5)
    write_parquet(cells[["isg_score", "isg_high"]].reset_index(), "isg.parquet")
    write_json({"cells": len(cells), "isg_high": fit, "signatures": signatures}, "signatures.json")
    write_json(multiqc(cells), "signatures_mqc.json")
    facts = {"patients": int(change["patient"].nunique()), "basis": words(change, tests), "tests": len(tests)}
    write_json(facts, "signature_change.json")


if __name__ == "__main__":
    main()
