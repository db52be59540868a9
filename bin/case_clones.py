#!/usr/bin/env python3
"""How each bulk clone moves, in bulk and in single cells, and which arms its cells gained and lost, in words.

A statement is a list of texts and numbers, as those of case_carriers.py: a number names its table, column and rows.
"""

import json
from importlib.metadata import version
from pathlib import Path

import click

PACKAGES = ("click", "pandas")
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


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


def interval(table: str, rows, where: dict, of: str = "") -> list:
    """` (low to high)` of one row, or ` (at most high)` where nothing was seen; of: what the columns' names begin with."""
    chosen = rows
    for name, value in where.items():
        chosen = chosen[chosen[name] == value]
    if chosen.empty or chosen[f"{of}high"].isna().all():
        return []
    high = number(table, rows, f"{of}high", where, "share")
    if not chosen[f"{of}n"].fillna(0).sum():
        return [" (at most ", high, ")"]
    return [" (", number(table, rows, f"{of}low", where, "share"), " to ", high, ")"]


def moves(name: str, matched: str, curve, fates, patient: str) -> list:
    """Statement on the bulk curve and on the share of the single-cell clone at each time point."""
    said = []
    if curve is not None:
        mine, source = curve[curve["clone"] == name].sort_values("day"), f"{patient}.mrd_curve.tsv"
        if len(mine):
            peak = mine["fraction"].idxmax()
            told = mine[mine.index.isin([mine.index[0], peak, mine.index[-1]])]
            said += ["Bulk: "]
            for at, (_index, row) in enumerate(told.iterrows()):
                value = number(source, mine, "fraction", {"clone": name, "day": row["day"]}, "share")
                said += [
                    " to " if at else "",
                    value if row["fraction"] else "not seen",
                    f" (day {row['day']:.0f})",
                ]
            said.append(". ")
    rows = fates[fates["clone"] == matched] if fates is not None and matched else None
    if rows is not None and len(rows):
        source = f"{patient}.fates.tsv"
        said.append(f"Single cells: {fate_in_words(rows)}; ")
        seen = rows[rows["total"] > 0].sort_values("day")
        shown = seen if len(seen) <= 4 else seen.iloc[[0, len(seen) // 2, -1]]
        # Fates are judged within the clone's lineage where it was sampled: not every lineage shows its receptors alike.
        within = rows["basis"].iloc[0] != "all"
        of = "lineage_" if within else ""
        for at, row in enumerate(shown[shown[f"{of}total"] > 0].to_dict("records")):
            where = {"clone": matched, "timepoint": row["timepoint"]}
            said += [
                ", " if at else "",
                f"{row['timepoint']} ",
                number(source, rows, f"{of}share", where, "share"),
            ]
            said += interval(source, rows, where, of)
        cells = f"{rows['lineage'].iloc[0]} cells" if within else "cells"
        said.append(f" of {cells} with a {rows['receptor'].iloc[0]}.")
    return said or ["No bulk value and no single-cell clone to follow."]


def carries(matched: str, cnv, patient: str) -> list:
    """Statement on arms gained and lost by the single-cell clone."""
    if not matched:
        return ["Unknown: no cell of it is seen."]
    if cnv is None:
        return ["Not judged: arm gains and losses were not computed."]
    rows = cnv[(cnv["level"] == "population") & (cnv["population"] == matched)]
    if rows.empty:
        return ["Not judged: too few cells of the clone."]
    source, found, said = f"{patient}.cnv.tsv", rows[rows["verdict"] == "detected"], []
    for event in found.to_dict("records"):
        where = {name: event[name] for name in ("level", "population", "arm", "event")}
        share = number(source, cnv, "share", where, "share")
        said += [
            ", " if said else "",
            f"{event['arm']} {event['event']} in ",
            share,
            *interval(source, cnv, where),
        ]
    if not said:
        return ["No arm gained or lost by expression; smaller changes are not seen this way."]
    where = {
        "level": "population",
        "population": matched,
        "arm": found["arm"].iloc[0],
        "event": found["event"].iloc[0],
    }
    return [*said, " of ", number(source, cnv, "total", where), " cells"]


def fate_in_words(rows) -> str:
    """`lost`, `persistent and expanded`: the fate of a clone's rows, with the change of one that stayed."""
    fate, change = rows[["fate", "change"]].iloc[0]
    return f"{fate} and {change}" if fate == "persistent" and change != "not shown" else fate


def fate_of(matched: str, fates) -> str:
    """The fate of a clone in words; empty where FATES calls none."""
    rows = fates[fates["clone"] == matched] if fates is not None and matched else []
    return fate_in_words(rows) if len(rows) and rows["fate"].iloc[0] != "undetermined" else ""


def events_of(matched: str, cnv) -> list[str]:
    """`1q gain`, ... of the clone, as CNV detected them."""
    if cnv is None or not matched:
        return []
    rows = cnv[
        (cnv["level"] == "population") & (cnv["population"] == matched) & (cnv["verdict"] == "detected")
    ]
    return [f"{row['arm']} {row['event']}" for row in rows.to_dict("records")]


def build(folder: Path, patient: str) -> list[dict]:
    """One entry per bulk clone, in the order of mrd.tsv."""
    mrd, curve, fates, cnv = (
        read(folder, f"{patient}.{name}.tsv", patient) for name in ("mrd", "mrd_curve", "fates", "cnv")
    )
    entries = []
    for row in [] if mrd is None else mrd.drop_duplicates("clone").to_dict("records"):
        name, matched = row["clone"], row["matched_clone"] if isinstance(row["matched_clone"], str) else ""
        entries.append({
            "clone": name, "fate": fate_of(matched, fates), "events": events_of(matched, cnv),
            "moves": moves(name, matched, curve, fates, patient), "carries": carries(matched, cnv, patient)
        })  # fmt: skip
    return entries


@click.command()
@click.argument("results", type=FOLDER)
@click.option("--patient", required=True, help="Name of the patient.")
@click.version_option(" ".join(f"{name}={version(name)}" for name in PACKAGES), message="%(version)s")
def main(results, patient):
    """State how the bulk clones of a PATIENT move and what they carry from the tables of the folder RESULTS."""
    Path(f"{patient}.moves.json").write_text(
        json.dumps(build(results, patient), indent=1, allow_nan=False) + "\n"
    )


if __name__ == "__main__":
    main()
