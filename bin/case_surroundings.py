#!/usr/bin/env python3
"""What surrounds the clones of a case, in words: watched pairs that reach the focus, and interferon-high subsets.

A statement is a list of texts and numbers, as those of CASE_ANSWER: a number names its table, column and rows.
"""

import json
from importlib.metadata import version
from pathlib import Path

import click

PACKAGES = ("click", "pandas")
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
PAIRS, SUBSETS = 6, 3  # statements at most
FEW = 10  # cells of a subset from which it is spoken of
UNCHANGED = ("kept", "unclear")
# columns of communication_focus.tsv and of communication_change.tsv that name a pair at a time
PLACE = {
    "timepoint": "to",
    "source": "source",
    "ligand_complex": "ligand",
    "receptor_complex": "receptor",
}


def read(folder: Path, name: str, patient: str):
    """Rows of the patient in a table of the folder; None where there is no such table or no row. Names are text: 28 and NA too."""
    import pandas as pd

    path = folder / name
    if not path.exists() or not path.stat().st_size:
        return None
    names = ("sample", "patient", "timepoint", "from", "to", "clone", "matched_clone", "population", "label", "parent", "stratum",
             "cell_type", "subset", "source", "target", "event", "kind", "parameter", "unit", "probe", "region", "abnormality",
             "arm", "verdict", "words")  # fmt: skip
    how = {"dtype": dict.fromkeys(names, str), "keep_default_na": False, "na_values": [""]}
    table = pd.read_csv(path, sep="\t", low_memory=False, **how)
    table = table[table["patient"] == patient] if "patient" in table else table
    return table if len(table) else None


def number(table: str, rows, column: str, where: dict, kind: str = "count") -> dict:
    """A number of a statement: the sum of a column over the rows where the columns of `where` have these values."""
    chosen = rows
    for name, value in where.items():
        chosen = chosen[chosen[name] == value]
    value = float(chosen[column].sum()) if len(chosen) else 0.0
    text = f"{value:,.0f}" if kind == "count" else f"{100 * value:.3g} %"
    where = {name: value if isinstance(value, str | bool) else float(value) for name, value in where.items()}
    return {"value": value, "text": text, "table": table, "column": column, "where": where}


def last_step(table, times: list[str]):
    """Rows of the comparison of the last time point with the one compared before it; times: in order of days."""
    order = {time: at for at, time in enumerate(times)}
    to = table["to"].astype(str).map(order)
    table = table[to == to.max()]
    before = table["from"].astype(str).map(order)
    return table[before == before.max()]


def places(focus, live):
    """Place of each row's pair among all pairs to the focus at the row's later time, 0 the first to 1; NaN where unknown."""
    import pandas as pd

    if focus is None:
        return pd.Series(float("nan"), live.index)
    known = focus.set_index([*PLACE]).place
    known = known[~known.index.duplicated(keep=False)]
    return pd.Series(known.reindex(pd.MultiIndex.from_frame(live[[*PLACE.values()]])).to_numpy(), live.index)


def place(focus, row: dict, patient: str) -> list:
    """`, in the first x % of pairs to the focus`, where communication_focus.tsv tells it."""
    if row["place"] != row["place"]:
        return []
    where = {column: row[name] for column, name in PLACE.items()}
    first = number(f"{patient}.communication_focus.tsv", focus, "place", where, "share")
    return [", in the first ", first, " of the pairs to the focus"]


def surroundings(change, focus, signatures, times: list[str], patient: str) -> list[list]:
    """Statements on watched pairs that reach the focus at the last comparison, and on interferon-high subsets."""
    said = []
    if change is not None and len(change):
        last = last_step(change, times)
        live = last[last["focus"] & last["watch"].fillna("").ne("") & last["expressed_to"]]
        live = live.assign(rising=live["class"].isin(["gained", "strengthened"]), place=places(focus, live))
        order = ["rising", "place", "supply_to"]
        best = live.sort_values(order, ascending=[False, True, False], kind="stable")
        best = best.drop_duplicates(["watch", "source"])
        for row in best.head(PAIRS).to_dict("records"):
            where = {name: row[name] for name in ("from", "to", "source", "target", "ligand", "receptor")}
            source = f"{patient}.communication_change.tsv"
            told = {
                name: number(source, last, name, where) | {"text": f"{row[name]:.2g}"}
                for name in ("supply_from", "supply_to", "supply_difference", "supply_low", "supply_high")
                if row[name] == row[name]
            }
            pair = f"{row['watch']}: {row['source']} to {row['target']}, supply "
            part = [pair, told["supply_from"], f" at {row['from']}, ", told["supply_to"], f" at {row['to']}"]
            if "supply_low" in told:
                part += [
                    ": difference ",
                    told["supply_difference"],
                    " (",
                    told["supply_low"],
                    " to ",
                    told["supply_high"],
                    ")",
                ]
            driver = f" by {row['driver']}" if isinstance(row["driver"], str) else ""
            how = "not changed for sure" if row["class"] in UNCHANGED else f"{row['class']}{driver}"
            said.append([*part, f", {how}", *place(focus, row, patient), "."])
    if signatures is not None:
        rows = signatures[(signatures["signature"] == "isg_score") & (signatures["level"] == "subset")]
        rows = rows[(rows["day"] == rows["day"].max()) & rows["share_high"].notna() & (rows["n"] >= FEW)]
        for row in (
            rows.sort_values("share_low", ascending=False, kind="stable").head(SUBSETS).to_dict("records")
        ):
            where = {name: row[name] for name in ("sample", "level", "label", "signature")}
            high, total = (number("signatures.tsv", signatures, name, where) for name in ("n_high", "n"))
            ends = [
                number("signatures.tsv", signatures, name, where, "share")
                for name in ("share_low", "share_up")
            ]
            part = [f"Interferon-high at {row['timepoint']}: {row['label']}, ", high, " of ", total, " cells"]
            said.append([*part, " (", ends[0], " to ", ends[1], ")."])
    return said


@click.command()
@click.argument("results", type=FOLDER)
@click.option("--patient", required=True, help="Name of the patient.")
@click.version_option(" ".join(f"{name}={version(name)}" for name in PACKAGES), message="%(version)s")
def main(results, patient):
    """State what surrounds the clones of a PATIENT from the tables of the folder RESULTS, whichever of them are there."""
    names = (f"{patient}.communication_change.tsv", f"{patient}.communication_focus.tsv", "signatures.tsv")
    change, focus, signatures = (read(results, name, patient) for name in names)
    samples = read(results, "samples.tsv", patient).sort_values("day", kind="stable")
    times = samples["timepoint"].astype(str).drop_duplicates().tolist()
    said = surroundings(change, focus, signatures, times, patient)
    Path(f"{patient}.surroundings.json").write_text(json.dumps(said, indent=1, allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
