#!/usr/bin/env python3
"""What changes of a case may come from instead of time, in words: what changed with it, depth, and names in doubt."""

from dataclasses import replace

from _guards import DOUBTFUL, PROCESSING
from _results import Case
from _series import DESIGN, with_design
from _statements import Statement, number
from _words import capitalised, listed, plural

TABLE = "composition_change.tsv"


def steps_of(case: Case):
    """A row per two consecutive times of the main series, in order: from, to, caution (without `names`), depth_ratio; None where unknown."""
    rows = case.rows(TABLE)
    if rows is None or "caution" not in rows:
        return None
    rows = with_design(rows)
    rows = rows[rows[list(case.design)].eq(case.design).all(axis=1)] if case.design else rows
    words = (
        rows["caution"]
        .fillna("")
        .str.split("; ")
        .map(lambda found: [word for word in found if word not in ("", "names")])
    )
    return rows.assign(words=words).sort_values("to_day", kind="stable")


def between(steps, first: str, last: str) -> list[str]:
    """The cautions of the steps from one time to a later one, each once; steps: of steps_of."""
    if steps is None:
        return []
    order = [*dict.fromkeys([*steps["from"], *steps["to"]])]
    if not {first, last} <= set(order):
        return []
    inside = steps[steps["from"].isin(order[order.index(first) : order.index(last)])]
    return [*dict.fromkeys(word for words in inside["words"] for word in words)]


def aside(words: list[str]) -> list[str]:
    """` (caution: batch, depth)`, what a statement of a change ends with; nothing where there is no caution."""
    return [f" (caution: {', '.join(words)})"] if words else []


def remarks(steps) -> list[Statement]:
    """A statement on each caution of a case, with what holds at equal depth; steps: of steps_of."""
    if steps is None:
        return []
    once, statements = steps.drop_duplicates(["from", "to"]), []
    for name in PROCESSING:
        times = [f"{row['from']} to {row['to']}" for row in once.to_dict("records") if name in row["words"]]
        if times:
            text = f"{capitalised(name)} changes with time ({', '.join(times)}): a change there is of time or of {name}, which cannot be told."
            statements.append([text])
    for row in once[once["words"].map(lambda words: "depth" in words)].to_dict("records"):
        step = {name: row[name] for name in ("from", "to", *DESIGN, "level", "label")}
        here = steps[(steps["from"] == row["from"]) & (steps["to"] == row["to"]) & (steps["level"] == "cell_type")]
        held, lost = (here.loc[here["holds"] == word, "label"] for word in ("yes", "no"))
        ratio = number(TABLE, steps, "depth_ratio", step)
        statement = [
            "Depth: cells at ",
            row["to"],
            " have ",
            replace(ratio, text=f"{ratio.value:.2g}"),
            f" times the UMIs of those at {row['from']}. ",
        ]
        statement += [
            f"Of {len(held) + len(lost)} cell types whose share changes, {len(held)} change at equal depth too"
        ]
        statements.append([*statement, f"; not: {listed(lost)}." if len(lost) else "."])
    return statements


def of_shares(steps, level: str, parent: str) -> str:
    """Sentences on the changes of the shares of one level and parent, '' where they carry nothing; steps: of steps_of."""
    words = [] if steps is None else [*dict.fromkeys(word for words in steps["words"] for word in words)]
    if not words:
        return ""
    rows = steps[(steps["level"] == level) & (steps["parent"] == parent) & (steps["holds"] == "no")]
    lost = [f"{row['label']} ({row['from']} to {row['to']})" for row in rows.to_dict("records")]
    return f" Changes carry the caution {', '.join(words)}." + (f" Not at equal depth: {listed(lost)}." if lost else "")


def names_in_doubt(cell_type: str, composition) -> Statement:
    """`120 of 160 plasma cells are named without doubt.` where DOUBTFUL or more are not; composition: of the main series, or None."""
    if composition is None or "n_min" not in composition:
        return []
    where = {"level": "cell_type", "label": cell_type}
    sure, n = (number("composition.tsv", composition, column, where) for column in ("n_min", "n"))
    if not n.value or n.value - sure.value < DOUBTFUL * n.value:
        return []
    return [sure, " of ", n, f" {plural(cell_type)} are named without doubt."]
