#!/usr/bin/env python3
"""B-lineage precursors in words: a finding that goes first after a therapy against CD19 or CD22, else a note."""

from _results import Case
from _series import told_apart
from _statements import Statement, interval, number
from _tables import UNASSIGNED
from _words import listed, plural

ANTIGENS = ("cd19", "cd22")
HALF = 0.5  # of a sample's cells, from which those with B-lineage genes alone are told too

NO_EVENTS = ". No table of events (--events) says whether a therapy against CD19 or CD22 went before."


def antigen(source: str, rows, where: dict, row: dict, name: str) -> Statement:
    """`; CD19 transcripts in 38 of 53 (58.1 % to 82.4 %)`, and whether that means that it is lost."""
    seen, total = number(source, rows, f"{name}_n", where), number(source, rows, "n", where)
    statement = [f"; {name.upper()} transcripts in ", seen, " of ", total, *interval(source, rows, where, f"{name}_")]
    if row[name] == "lost":
        expected = number(source, rows, f"{name}_expected", where, "share")
        return [*statement, ": lost or weak, precursors that have it would show it in about ", expected]
    return statement if row[name] == "present" else [*statement, ", too few to tell whether it is lost"]


def what_they_are(source: str, rows, where: dict, row: dict) -> tuple[Statement, Statement]:
    """(what the precursors of a sample may be, what would tell) by the row's reading."""
    with_bcr, largest = number(source, rows, "with_bcr", where), number(source, rows, "largest_clone", where)
    total = number(source, rows, "n", where)
    of_clone = [largest, " of ", with_bcr, " with a B-cell receptor"]
    if row["reading"] == "polyclonal":
        said: Statement = ["as regenerating marrow has (haematogones): the largest clone has ", *of_clone]
        return said, ["; a few leukaemic cells among them are not excluded"]
    if row["reading"] == "one clone":
        return ["one clone has ", *of_clone, ", which speaks for leukaemia"], [
            "; flow cytometry or bulk MRD would confirm it"
        ]
    few: Statement = ["; ", with_bcr, " of ", total, " have a B-cell receptor, too few to tell; flow cytometry would"]
    would = few if row["with_bcr"] == row["with_bcr"] else ["; a BCR library or flow cytometry would tell"]
    if row["reading"] == "all stages":
        stages = [number(source, rows, name, where) for name in ("early", "kappa", "lambda")]
        said = [
            "leukaemia or haematogones, more likely these: of several stages (",
            stages[0],
            " with CD34 or DNTT, ",
            stages[1],
        ]
        return [*said, " with kappa and ", stages[2], " with lambda light chains)"], would
    return ["leukaemia or haematogones"], would


def finding(source: str, rows, row: dict, at: str) -> Statement:
    """`53 B-lineage precursors at T3, of 54 cells (...), after CD19 CAR-T infusion (day 0): leukaemia or haematogones; ...`."""
    where = {"sample": row["sample"]}
    n, total = (number(source, rows, name, where) for name in ("n", "total"))
    after = f", after {row['therapy']} (day {row['therapy_day']:.0f})" if row["after"] == "yes" else ""
    said, would = what_they_are(source, rows, where, row)
    statement = [
        n,
        f" B-lineage precursors at {at}, of ",
        total,
        " cells",
        *interval(source, rows, where),
        f"{after}: ",
        *said,
    ]
    for name in ANTIGENS:
        if name == "cd19" or name.upper() in str(row["target"]):
            statement += antigen(source, rows, where, row, name)
    named = str(row["named"])
    statement.append(f"; most often {UNASSIGNED if named == UNASSIGNED else f'named {plural(named)}'}")
    # At few UMIs many cells of the same kind show one gene of immaturity, or none.
    if row["b_lineage"] >= HALF * row["total"]:
        statement += ["; B-lineage genes in ", number(source, rows, "b_lineage", where), " of ", total]
    return [*statement, *would, "."]


def where_sampled(rows, series) -> list[str]:
    """`T2`, `T2 (blood)` of a sample outside of the main series, `T2 (P1_T2a)` of one of several; series: as of _series.with_series."""
    words = dict(zip(series["sample"], told_apart(series), strict=True))
    main = rows["sample"].isin(series.loc[series["series"] == "main", "sample"])
    several = rows["timepoint"].where(main).duplicated(keep=False) | ~main
    return [
        f"{time} ({words.get(sample, '') if not of_main and words.get(sample) else sample})" if more else time
        for time, sample, of_main, more in zip(rows["timepoint"], rows["sample"], main, several, strict=True)
    ]


def precursors(case: Case) -> tuple[list[Statement], list[Statement]]:
    """(what goes first on the page, notes) on precursors.tsv.

    First: at least three precursors after a therapy against CD19 or CD22, unless their receptors are polyclonal. Notes: those, counts
    of samples of which no such therapy is known, and samples after one in which there are none or in which none could be seen.
    """
    rows, source = case.own("precursors"), case.name("precursors")
    if rows is None:
        return [], []
    rows = rows.assign(at=where_sampled(rows, case.series))
    first, notes, counts, none, closed = [], [], [], [], []
    for row in rows.sort_values("day", kind="stable").to_dict("records"):
        after = row["after"] == "yes"
        if row["reading"] in ("none", "not testable"):
            (none if row["reading"] == "none" else closed).extend([row["at"]] if after else [])
        elif after:
            (notes if row["reading"] == "polyclonal" else first).append(finding(source, rows, row, row["at"]))
        else:
            n, total = (number(source, rows, name, {"sample": row["sample"]}) for name in ("n", "total"))
            counts += [", " if counts else "", n, " of ", total, f" cells at {row['at']}"]
    if counts:
        unknown = (rows["after"] == "unknown").any()
        counts.append(NO_EVENTS if unknown else ".")
        notes.append(["B-lineage precursors by their genes, whatever the cells are named: ", *counts])
    if none:
        notes.append([f"Fewer than 3 B-lineage precursors at {listed(none)}, after a therapy against CD19 or CD22."])
    if closed:
        text = (
            "B-lineage precursors cannot be assessed at {}: cells have too few UMIs, or their genes are not measured."
        )
        notes.append([text.format(listed(closed))])
    return first, notes
