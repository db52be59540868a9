#!/usr/bin/env python3
"""Tables for people from a patient's communication: pairs per cell group and time, senders to the focus, watched pairs."""

from typing import Any

from _cli import multiqc_section
from _pairs import CHANGED

import numpy as np


def with_itself(table, focus: set[str]):
    """The table (source, target) with the columns focus, the target is in it, and to_itself, source and target are."""
    source, target = (table[side].astype(str).isin(focus) for side in ("source", "target"))
    return table.assign(focus=target, to_itself=source & target)


def totals(scores, focus: set[str]):
    """Per sample, source and target: pairs expressed, watched pairs among them, summed and mean strength, focus, to_itself.

    The strength of a pair here is the square root of expr_prod: the geometric mean of the two mean log expressions.
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
    return with_itself(table, focus)


def expressed(change):
    """Mask of the changes whose pair is expressed at one of both times."""
    return ~change["class"].isin(["absent", "not tested"])


def senders(change, strongest: int):
    """Per comparison and focus group: what each sender sends before and after, ranked by supply after; strongest pairs named.

    What the focus sends to itself has no rank.
    """
    import pandas as pd

    kept = change[change["focus"] & expressed(change)].astype(
        dict.fromkeys(("source", "target", "ligand", "receptor", "class"), str)
    )
    kept = kept.assign(named=kept["ligand"] + "-" + kept["receptor"] + " (" + kept["class"] + ")")
    keys = ["patient", "from", "to", "target", "source"]
    grouped = kept.sort_values("strength_to", ascending=False, kind="stable").groupby(keys)
    table = grouped[["strength_from", "strength_to", "supply_from", "supply_to"]].sum()
    table.insert(0, "pairs", grouped.size())
    of_sender = [kept[key] for key in keys]
    for word in CHANGED:
        table[word] = (kept["class"] == word).groupby(of_sender).sum()
    table["changed_per_cell"] = kept["strength_class"].isin(CHANGED).groupby(of_sender).sum()
    names = grouped["named"].agg(lambda names: ", ".join(names.head(strongest))) if len(kept) else pd.Series(dtype=str)
    table = table.assign(strongest=names).reset_index()
    table.insert(5, "to_itself", table["source"].isin(set(kept.loc[kept["to_itself"], "source"])))
    ranks = table[~table["to_itself"]].groupby(keys[:-1])["supply_to"].rank(ascending=False, method="min")
    table.insert(5, "rank", ranks.astype("Int64").reindex(table.index))
    # Comparisons in the order of their later, then their earlier time; the change lists neighbouring times first.
    steps = change[["from", "to"]].drop_duplicates().to_numpy().ravel()
    order = {name: number for number, name in enumerate(dict.fromkeys(steps))}
    sortable = table.assign(later=table["to"].map(order), earlier=table["from"].map(order))
    rows = sortable.sort_values(["later", "earlier", "target", "rank", "source"]).index
    return table.loc[rows].reset_index(drop=True)


def to_focus(scores, focus: set[str], top: int):
    """Per sample, the `top` and the watched pairs from each source to the focus taken as one target, best first.

    focus_rank: geometric mean of `joint_rank` over the cells of the focus, 1 for cells of a group that does not
    express the pair; place: share of the sample's rows from other sources that stand as high (0 to 1). Those of the focus to itself
    come after them, without a place.
    """
    keys = ["sample", "timepoint", "day", "source", "ligand_complex", "receptor_complex", "watch"]
    aimed = scores[scores["target"].astype(str).isin(focus)].astype(dict.fromkeys(keys[3:], str))
    cells = aimed.drop_duplicates(["sample", "target"]).groupby("sample")["n_target"].sum()
    rows = aimed[aimed["kept"]]
    rows = rows.assign(logs=np.log(rows["joint_rank"]) * rows["n_target"])
    table = rows.groupby(keys, sort=False).agg(
        n_source=("n_source", "first"), groups=("target", "nunique"), n_target=("n_target", "sum"), logs=("logs", "sum")
    )
    table = table.reset_index()
    table["focus_cells"] = table["sample"].map(cells)
    table["focus_rank"] = np.exp(table.pop("logs") / table["focus_cells"])
    table["to_itself"] = table["source"].isin(focus)
    table["place"] = table[~table["to_itself"]].groupby("sample")["focus_rank"].rank(pct=True)
    table = table.sort_values(["day", "sample", "to_itself", "focus_rank", "source"], kind="stable", ignore_index=True)
    return table[(table.groupby(["sample", "to_itself"]).cumcount() < top) | (table["watch"] != "")]


def for_people(scores, focus: set[str], top: int):
    """Expressed pairs to the focus, watched pairs (hidden ones to the focus too), and each sample's `top` first."""
    scores = with_itself(scores, focus)
    aimed, watch = scores["focus"], scores["watch"] != ""
    first = scores.groupby("sample", sort=False).cumcount() < top
    return scores[(scores["kept"] & (aimed | watch | first)) | (aimed & watch)].drop(columns="focus")


def watched_or_to_focus(change):
    """Changes for people: pairs to the focus that are expressed at some time, and watched pairs."""
    seen, watch = expressed(change), change["watch"] != ""
    return change[(change["focus"] & (seen | watch)) | (seen & watch)]


def multiqc_sections(scores, change) -> list[dict[str, Any]]:
    """Sections of MultiQC: pairs per sample, and classes of change per comparison."""
    kept, watch = scores["kept"], scores["watch"] != ""
    columns = {"pairs": kept, "watched": kept & watch, "hidden": ~kept & watch}
    titles = {"pairs": "pairs expressed", "watched": "watched pairs expressed", "hidden": "watched, below the share"}
    per_sample = scores.assign(**columns).groupby("sample", sort=False)[list(columns)].sum()
    seen = change[expressed(change)].astype({"class": str})
    steps = seen["patient"] + " " + seen["from"] + " to " + seen["to"]
    per_step = seen.groupby([steps, "class"]).size().unstack(fill_value=0)
    pairs, classes = (
        {name: row.astype(int).to_dict() for name, row in table.iterrows()} for table in (per_sample, per_step)
    )
    return [
        multiqc_section(
            "communication",
            "Communication",
            "Ligand-receptor pairs expressed by enough cells of both groups.",
            "table",
            pairs,
            {"title": "Communication: expressed pairs"},
            headers={key: {"title": title, "format": "{:,.0f}"} for key, title in titles.items()},
        ),
        multiqc_section(
            "communication_change",
            "Change of communication",
            "Pairs by what their supply (strength per cell times the share of senders) did between two times.",
            "bargraph",
            classes,
            {"title": "Communication: change", "ylab": "pairs"},
        ),
    ]
