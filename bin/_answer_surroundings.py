#!/usr/bin/env python3
"""What surrounds the clones of a case, in words: the receivers, watched pairs that reach them, and interferon-high subsets."""

from dataclasses import replace

from _cautions import aside, between, steps_of
from _results import Case
from _statements import Statement, number, rows_where
from _times import last_step

PAIRS, OWN, SUBSETS = 6, 2, 3  # statements at most: pairs from others, of the focus to itself, subsets
FEW = 10  # cells of a subset from which it is spoken of
LARGE = 10  # of a fold that would have been called, above which the cells that are needed say more
UNCHANGED = ("kept", "unclear")
RISING = ("gained", "strengthened")
# Columns of communication_focus.tsv and of communication_change.tsv that name a pair at a time.
PAIR = {"timepoint": "to", "source": "source", "ligand_complex": "ligand", "receptor_complex": "receptor"}


def ranks(focus, change):
    """Place of each row's pair among all pairs to the focus at the row's later time, 0 the first to 1; NaN where unknown."""
    import pandas as pd

    if focus is None:
        return pd.Series(float("nan"), change.index)
    known = focus.set_index([*PAIR]).place
    known = known[~known.index.duplicated(keep=False)]
    return pd.Series(known.reindex(pd.MultiIndex.from_frame(change[[*PAIR.values()]])).to_numpy(), change.index)


def on_pair(row: dict, last, focus, patient: str, several: bool, caution: list[str] | None = None) -> Statement:
    """`APRIL-BCMA: CD8_ISG+ to Plasma_1, supply 0.1 at T2, 0.4 at T3: difference 0.3 (0.1 to 0.5), strengthened by ...`.

    row: of `last`, the last step of communication_change.tsv, with its `rank` in communication_focus.tsv; several: whether the
    patient has samples outside of the main series, so that a time point alone names no row; caution: of the step.
    """
    where = {name: row[name] for name in ("from", "to", "source", "target", "ligand", "receptor")}
    source = f"{patient}.communication_change.tsv"
    supply = {
        name: replace(number(source, last, f"supply_{name}", where), text=f"{row[f'supply_{name}']:.2g}")
        for name in ("from", "to", "difference", "low", "high")
        if row[f"supply_{name}"] == row[f"supply_{name}"]
    }
    statement = [f"{row['watch']}: {row['source']} to {row['target']}, supply ", supply["from"]]
    statement += [f" at {row['from']}, ", supply["to"], f" at {row['to']}"]
    if "low" in supply:
        statement += [": difference ", supply["difference"], " (", supply["low"], " to ", supply["high"], ")"]
    driver = f" by {row['driver']}" if isinstance(row["driver"], str) else ""
    how = "not changed for sure" if row["class"] in UNCHANGED else f"{row['class']}{driver}"
    statement.append(f", {how}")
    fold, needed = (row.get(name, float("nan")) for name in ("detectable_fold", "cells_needed"))
    if row["class"] in UNCHANGED and fold <= LARGE:
        shown = replace(number(source, last, "detectable_fold", where), text=f"{fold:.2g}")
        statement += [" (a ", shown, "-fold change would have been called)"]
    elif row["class"] in UNCHANGED and needed == needed:
        cells = [number(source, last, name, where) for name in ("cells_needed", "fewest_cells")]
        statement += [" (a twofold change would take ", cells[0], " cells, the smaller group has ", cells[1], ")"]
    if row["rank"] == row["rank"]:
        of_pair = {column: row[name] for column, name in PAIR.items()}
        of_pair |= {"sample": rows_where(focus, of_pair)["sample"].iloc[0]} if several else {}
        first = number(f"{patient}.communication_focus.tsv", focus, "place", of_pair, "share")
        statement += [", in the first ", first, " of the pairs to the focus"]
    return [*statement, *aside(caution or []), "."]


def on_interferon(row: dict, signatures) -> Statement:
    """`Interferon-high at T3: CD8_ISG+, 9 of 12 cells (50 % to 90 %).`; row: of signatures.tsv."""
    where = {name: row[name] for name in ("sample", "level", "label", "signature")}
    high, total = (number("signatures.tsv", signatures, name, where) for name in ("n_high", "n"))
    low, up = (number("signatures.tsv", signatures, name, where, "share") for name in ("share_low", "share_up"))
    lead = f"Interferon-high at {row['timepoint']}: {row['label']}, "
    return [lead, high, " of ", total, " cells", " (", low, " to ", up, ")."]


def surroundings(
    change, focus, signatures, times: list[str], patient: str, several: bool = False, steps=None
) -> list[Statement]:
    """Statements on watched pairs that reach the focus at the last comparison, those of the focus to itself after the others, and on
    interferon-high subsets. All tables are of the main series; several: as in on_pair; steps: of _cautions.steps_of.

    Whether a pair is expressed moves with depth, its strength does not: only pairs that are gained or lost carry `depth`.
    """
    statements = []
    if change is not None and len(change):
        last = last_step(change, times)
        live = last[last["focus"] & last["watch"].fillna("").ne("") & last["expressed_to"]]
        live = live.assign(rising=live["class"].isin(RISING), rank=ranks(focus, live))
        order = ["rising", "rank", "supply_to"]
        best = live.sort_values(order, ascending=[False, True, False], kind="stable")
        best = best.drop_duplicates(["watch", "source"])
        for lead, rows in (
            ([], best[~best["to_itself"]].head(PAIRS)),
            (["To itself: "], best[best["to_itself"]].head(OWN)),
        ):
            for row in rows.to_dict("records"):
                words = between(steps, row["from"], row["to"])
                words = [word for word in words if word != "depth" or row["class"] in ("gained", "lost")]
                statements.append([*lead, *on_pair(row, last, focus, patient, several, words)])
    if signatures is not None:
        rows = signatures[(signatures["signature"] == "isg_score") & (signatures["level"] == "subset")]
        rows = rows[(rows["day"] == rows["day"].max()) & rows["share_high"].notna() & (rows["n"] >= FEW)]
        rows = rows.sort_values("share_low", ascending=False, kind="stable").head(SUBSETS)
        statements += [on_interferon(row, signatures) for row in rows.to_dict("records")]
    return statements


def surroundings_of(case: Case) -> list[Statement]:
    """What surrounds the clones of a case, from whichever of its tables are there."""
    change, focus = case.own("communication_change"), case.compared(case.own("communication_focus"))
    signatures = case.compared(case.rows("signatures.tsv"))
    chosen = case.facts(f"{case.patient}.focus.json", None)
    said = [[f"{chosen['text']}."]] if chosen else []
    return said + surroundings(change, focus, signatures, case.times, case.patient, bool(case.design), steps_of(case))
