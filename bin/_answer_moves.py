#!/usr/bin/env python3
"""How each bulk clone moves, in bulk and in single cells, and which arms its cells gained and lost, in words."""

from _cautions import aside, between, steps_of
from _receptors import LIBRARY_COLUMNS
from _results import Case
from _statements import Statement, interval, number
from _words import fate_in_words


def would_show(rows, time: str, source: str) -> Statement:
    """` A share below 1 % or above 4 % at T3 would have been shown as a change (95 %).`; rows: of fates.tsv of a clone; time: the last."""
    where, told = {"clone": rows["clone"].iloc[0], "timepoint": time}, []
    for side, word in (("low", "below"), ("high", "above")):
        column = f"detectable_{side}"
        if column in rows and rows[column].notna().any():
            told += [" or " if told else " A share ", f"{word} ", number(source, rows, column, where, "share")]
    return [*told, f" at {time} would have been shown as a change (95 %)."] if told else []


def moves(
    name: str, matched: str, curve, fates, patient: str, without: dict[str, str] | None = None, steps=None
) -> Statement:
    """Statement on the bulk curve and on the share of the single-cell clone at each time point; without: as in fate_of.

    steps: of _cautions.steps_of.
    """
    statement: Statement = []
    if curve is not None:
        bulk, source = curve[curve["clone"] == name].sort_values("day"), f"{patient}.mrd_curve.tsv"
        if len(bulk):
            shown = bulk[bulk.index.isin([bulk.index[0], bulk["fraction"].idxmax(), bulk.index[-1]])]
            statement += ["Bulk: "]
            for at, row in enumerate(shown.to_dict("records")):
                value = number(source, bulk, "fraction", {"clone": name, "day": row["day"]}, "share")
                statement += [" to " if at else "", value if row["fraction"] else "not seen"]
                statement += [f" (day {row['day']:.0f})"]
            statement.append(". ")
    rows = fates[fates["clone"] == matched] if fates is not None and matched else None
    if rows is not None and len(rows):
        source = f"{patient}.fates.tsv"
        statement.append(f"Single cells: {told_fate(rows, without)}; ")
        seen = rows[rows["total"] > 0].sort_values("day")
        shown = seen if len(seen) <= 4 else seen.iloc[[0, len(seen) // 2, -1]]
        # Fates are judged within the clone's lineage where it was sampled: not every lineage shows its receptors alike.
        within = rows["basis"].iloc[0] != "all"
        of = "lineage_" if within else ""
        for at, row in enumerate(shown[shown[f"{of}total"] > 0].to_dict("records")):
            where = {"clone": matched, "timepoint": row["timepoint"]}
            share = number(source, rows, f"{of}share", where, "share")
            statement += [", " if at else "", f"{row['timepoint']} ", share]
            statement += interval(source, rows, where, of)
        cells = f"{rows['lineage'].iloc[0]} cells" if within else "cells"
        statement += [f" of {cells} with a {rows['receptor'].iloc[0]}"]
        statement += [*(aside(between(steps, *shown["timepoint"].iloc[[0, -1]])) if len(shown) else []), "."]
        statement += would_show(rows, seen["timepoint"].iloc[-1], source)
    return statement or ["No bulk value and no single-cell clone to follow."]


def detected(matched: str, cnv):
    """(rows of cnv.tsv on the clone, those of them with a gain or loss)."""
    rows = cnv[(cnv["level"] == "population") & (cnv["population"] == matched)]
    return rows, rows[rows["verdict"] == "detected"]


def carries(matched: str, cnv, patient: str) -> Statement:
    """Statement on arms gained and lost by the single-cell clone."""
    if not matched:
        return ["Unknown: no cell of it is seen."]
    if cnv is None:
        return ["Not judged: arm gains and losses were not computed."]
    rows, events = detected(matched, cnv)
    if rows.empty:
        return ["Not judged: too few cells of the clone."]
    if events.empty:
        return ["No arm gained or lost by expression; smaller changes are not seen this way."]
    source, statement = f"{patient}.cnv.tsv", []
    of_events = [
        {name: event[name] for name in ("level", "population", "arm", "event")} for event in events.to_dict("records")
    ]
    for at, where in enumerate(of_events):
        share = number(source, cnv, "share", where, "share")
        statement += [", " if at else "", f"{where['arm']} {where['event']} in ", share]
        statement += interval(source, cnv, where)
    return [*statement, " of ", number(source, cnv, "total", of_events[0]), " cells"]


def told_fate(rows, without: dict[str, str] | None) -> str:
    """`persistent (no BCR library at T3)`; rows: of fates.tsv of a clone; without: as in fate_of."""
    missing = (without or {}).get(rows["receptor"].iloc[0])
    return fate_in_words(*rows[["fate", "change"]].iloc[0]) + (f" ({missing})" if missing else "")


def fate_of(matched: str, fates, without: dict[str, str] | None = None) -> str:
    """The fate of a clone in words; empty where FATES calls none. without: by receptor the times without its library, in words."""
    rows = fates[fates["clone"] == matched] if fates is not None and matched else []
    called = len(rows) and rows["fate"].iloc[0] != "undetermined"
    return told_fate(rows, without) if called else ""


def events_of(matched: str, cnv) -> list[str]:
    """`1q gain`, ... of the clone, as CNV detected them."""
    if cnv is None or not matched:
        return []
    return [f"{row['arm']} {row['event']}" for row in detected(matched, cnv)[1].to_dict("records")]


def movements(case: Case) -> list[dict]:
    """Per bulk clone, in the order of mrd.tsv: its fate, the events of its cells, and what is said of both."""
    mrd, curve, fates, cnv = map(case.own, ("mrd", "mrd_curve", "fates", "cnv"))
    steps = steps_of(case)
    without, entries = {library: case.without(library) for library in LIBRARY_COLUMNS}, []
    for row in [] if mrd is None else mrd.drop_duplicates("clone").to_dict("records"):
        name, matched = row["clone"], row["matched_clone"] if isinstance(row["matched_clone"], str) else ""
        entries.append({
            "clone": name, "fate": fate_of(matched, fates, without), "events": events_of(matched, cnv),
            "moves": moves(name, matched, curve, fates, case.patient, without, steps),
            "carries": carries(matched, cnv, case.patient)
        })  # fmt: skip
    return entries
