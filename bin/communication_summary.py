#!/usr/bin/env python3
"""Tables for people from a patient's communication: pairs per cell group and time, senders to the focus,
watched pairs.
"""

import json
from importlib.metadata import version
from pathlib import Path

import click
import numpy as np

PACKAGES = ("click", "numpy", "pandas", "pyarrow")
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
CHANGED = ("gained", "strengthened", "weakened", "lost")


def read_samples(path: Path, patient: str):
    """The patient's samples: timepoint and day by sample."""
    import pandas as pd

    samples = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    missing = [name for name in ("sample", "patient", "timepoint", "day") if name not in samples.columns]
    if missing:
        raise click.ClickException(
            f"{path.name}: no column {', '.join(missing)}; give the samples.tsv of the run."
        )
    return (
        samples[samples["patient"] == patient].astype({"day": int}).set_index("sample")[["timepoint", "day"]]
    )


def read_scores(paths, samples):
    """Scores of all samples, with timepoint and day, in the order of the days."""
    import pandas as pd

    tables = []
    for path in paths:
        table = pd.read_parquet(path)
        unknown = sorted(set(table["sample"]) - set(samples.index))
        if unknown:
            raise click.ClickException(
                f"{path.name}: {unknown[0]} is no sample of this patient; give its own samples only."
            )
        tables.append(table)
    scores = pd.concat(tables, ignore_index=True)
    for column in ("timepoint", "day"):
        scores.insert(1, column, scores["sample"].map(samples[column]))
    return scores.sort_values("day", kind="stable", ignore_index=True)


def read_focus(path: Path, groups) -> set[str]:
    """Groups of the focus, from the facts of COMMUNICATION_CHANGE; a warning where the words name none."""
    facts = json.loads(path.read_text())
    if not facts["focus"]:
        known = ", ".join(sorted(set(groups.astype(str)))) or "none"
        asked = facts["settings"]["focus"]
        click.echo(f"{facts['patient']}: no cell is of the focus '{asked}'; groups are: {known}.", err=True)
    return set(facts["focus"])


def totals(scores, focus: set[str]):
    """Per sample, source and target: pairs expressed, watched pairs among them, summed and mean strength, focus.

    The strength of a pair here is the square root of expr_prod: the geometric mean of the two mean log
    expressions.
    """
    kept = scores[scores["kept"]]
    kept = kept.assign(strength=np.sqrt(kept["expr_prod"]), seen=kept["watch"] != "")
    keys = ["sample", "timepoint", "day", "source", "target"]
    table = kept.groupby(keys, sort=False, observed=True).agg(
        n_source=("n_source", "first"),
        n_target=("n_target", "first"),
        pairs=("strength", "size"),
        watched=("seen", "sum"),
        strength=("strength", "sum"),
        mean_strength=("strength", "mean"),
    )
    table = table.reset_index().sort_values(["day", "sample", "source", "target"], ignore_index=True)
    return table.assign(focus=table["target"].astype(str).isin(focus))


def senders(change, limit: int):
    """Per comparison and focus group: what each sender sends before and after, ranked by supply after;
    strongest pairs named.
    """
    import pandas as pd

    kept = change[change["focus"] & ~change["class"].isin(["absent", "not tested"])].astype(
        {"source": str, "target": str}
    )
    named = (
        kept["ligand"].astype(str)
        + "-"
        + kept["receptor"].astype(str)
        + " ("
        + kept["class"].astype(str)
        + ")"
    )
    keys = ["patient", "from", "to", "target", "source"]
    grouped = (
        kept.assign(named=named).sort_values("strength_to", ascending=False, kind="stable").groupby(keys)
    )
    table = grouped[["strength_from", "strength_to", "supply_from", "supply_to"]].sum()
    table.insert(0, "pairs", grouped.size())
    of_sender = [kept[key] for key in keys]
    for word in CHANGED:
        table[word] = (kept["class"] == word).groupby(of_sender).sum()
    table["changed_per_cell"] = kept["strength_class"].isin(CHANGED).groupby(of_sender).sum()
    table["strongest"] = (
        grouped["named"].agg(lambda names: ", ".join(names.head(limit)))
        if len(kept)
        else pd.Series(dtype=str)
    )
    table = table.reset_index()
    table.insert(
        5, "rank", table.groupby(keys[:-1])["supply_to"].rank(ascending=False, method="min").astype(int)
    )
    # Comparisons in the order of their later, then their earlier time; the change lists neighbouring times first.
    steps = change[["from", "to"]].drop_duplicates().to_numpy().ravel()
    place = {name: at for at, name in enumerate(dict.fromkeys(steps))}
    order = table.assign(later=table["to"].map(place), earlier=table["from"].map(place))
    return table.loc[order.sort_values(["later", "earlier", "target", "rank", "source"]).index].reset_index(
        drop=True
    )


def to_focus(scores, focus: set[str], top: int):
    """Per sample, the `top` and the watched pairs from each source to the focus taken as one target, best first.

    focus_rank: geometric mean of `joint_rank` over the cells of the focus, 1 for cells of a group that does not
    express the pair; place: share of the sample's rows that stand as high (0 to 1).
    """
    keys = ["sample", "timepoint", "day", "source", "ligand_complex", "receptor_complex", "watch"]
    aimed = scores[scores["target"].astype(str).isin(focus)].astype(dict.fromkeys(keys[3:], str))
    cells = aimed.drop_duplicates(["sample", "target"]).groupby("sample")["n_target"].sum()
    rows = aimed[aimed["kept"]]
    rows = rows.assign(logs=np.log(rows["joint_rank"]) * rows["n_target"])
    table = rows.groupby(keys, sort=False).agg(
        n_source=("n_source", "first"),
        groups=("target", "nunique"),
        n_target=("n_target", "sum"),
        logs=("logs", "sum"),
    )
    table = table.reset_index()
    table["focus_cells"] = table["sample"].map(cells)
    table["focus_rank"] = np.exp(table.pop("logs") / table["focus_cells"])
    table["place"] = table.groupby("sample")["focus_rank"].rank(pct=True)
    table = table.sort_values(["day", "sample", "focus_rank", "source"], kind="stable", ignore_index=True)
    return table[(table.groupby("sample").cumcount() < top) | (table["watch"] != "")]


def listed(scores, focus: set[str], top: int):
    """Rows for people: expressed pairs to the focus, watched pairs (hidden ones to the focus too), and each
    sample's strongest.
    """
    to_focus, watch = scores["target"].astype(str).isin(focus), scores["watch"] != ""
    first = scores.groupby("sample", sort=False).cumcount() < top
    return scores[(scores["kept"] & (to_focus | watch | first)) | (to_focus & watch)]


def listed_changes(change):
    """Changes for people: pairs to the focus that are expressed at some time, and watched pairs."""
    seen, watch = ~change["class"].isin(["absent", "not tested"]), change["watch"] != ""
    return change[(change["focus"] & (seen | watch)) | (seen & watch)]


def multiqc_sections(scores, change) -> dict[str, dict]:
    """Custom content of MultiQC: pairs per sample, and classes of change per comparison."""
    kept, watch = scores["kept"], scores["watch"] != ""
    columns = {"pairs": kept, "watched": kept & watch, "hidden": ~kept & watch}
    titles = {
        "pairs": "pairs expressed",
        "watched": "watched pairs expressed",
        "hidden": "watched, below the share",
    }
    per_sample = scores.assign(**columns).groupby("sample", sort=False)[list(columns)].sum()
    told = change[~change["class"].isin(["absent", "not tested"])].astype({"class": str})
    steps = told["patient"] + " " + told["from"] + " to " + told["to"]
    per_step = told.groupby([steps, "class"]).size().unstack(fill_value=0)
    return {
        "communication": {
            "id": "communication",
            "section_name": "Communication",
            "description": "Ligand-receptor pairs expressed by enough cells of both groups.",
            "plot_type": "table",
            "pconfig": {"id": "communication_table", "title": "Communication: expressed pairs"},
            "headers": {key: {"title": title, "format": "{:,.0f}"} for key, title in titles.items()},
            "data": {name: {key: int(n) for key, n in row.items()} for name, row in per_sample.iterrows()},
        },
        "communication_change": {
            "id": "communication_change",
            "section_name": "Change of communication",
            "description": "Pairs by what their supply (strength per cell times the share of senders) did between two times.",
            "plot_type": "bargraph",
            "pconfig": {"id": "communication_change_plot", "title": "Communication: change", "ylab": "pairs"},
            "data": {name: {word: int(n) for word, n in row.items()} for name, row in per_step.iterrows()},
        },
    }


@click.command()
@click.argument("scores", type=FILE, nargs=-1, required=True)
@click.option("--patient", required=True, help="Name of the patient.")
@click.option("--samples", required=True, type=FILE, help="samples.tsv: sample, patient, timepoint, day.")
@click.option("--change", required=True, type=FILE, help="The patient's communication_change.parquet.")
@click.option("--facts", required=True, type=FILE, help="The patient's communication_change.json.")
@click.option(
    "--top", type=click.IntRange(0), default=1000, show_default=True, help="Strongest rows told per sample."
)
@click.option("--named", type=click.IntRange(0), default=5, show_default=True, help="Pairs named per sender.")
@click.version_option(" ".join(f"{name}={version(name)}" for name in PACKAGES), message="%(version)s")
def main(scores, patient, samples, change, facts, top, named):
    """Summarise one patient; SCORES are the communication.parquet files of its samples."""
    import pandas as pd

    known = read_samples(samples, patient)
    table = read_scores(scores, known)
    changes = pd.read_parquet(change)
    focus = read_focus(facts, table["target"])  # not from the changes: one time point has none
    outputs = {
        "communication": listed(table, focus, top),
        "communication_change": listed_changes(changes),
        "communication_focus": to_focus(table, focus, top),
        "communication_pairs": totals(table, focus),
        "communication_senders": senders(changes, named),
    }
    for name, content in outputs.items():
        content.to_csv(f"{patient}.{name}.tsv", sep="\t", index=False, float_format="%.5g")
    for name, section in multiqc_sections(table, changes).items():
        Path(f"{patient}.{name}_mqc.json").write_text(
            json.dumps(section, indent=1, allow_nan=False), encoding="utf-8"
        )


if __name__ == "__main__":
    main()
