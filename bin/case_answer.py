#!/usr/bin/env python3
"""The answer of a case in words: who carries the bulk clones, which cells are malignant, and what surrounds the clones."""

from pathlib import Path

from _answer_carriers import carriers, in_other_lineages
from _answer_moves import movements
from _answer_precursors import precursors, where_sampled
from _answer_surroundings import surroundings_of
from _cautions import remarks, steps_of
from _cli import FOLDER, command, write_json
from _guards import MORE
from _receptors import with_library
from _results import Case
from _series import design_in_words, not_compared, with_design
from _statements import Statement, as_json, interval, number, rows_where
from _words import capitalised, listed, plural

import click

LINES = {
    "clone": "expanded clone",
    "cnv": "altered arms",
    "programme": "expression programme",
    "fish": "FISH",
    "morphology": "morphology",
}
FEW = 3  # cells called from which a type has its numbers told
TYPES, SETS, TIMES = 4, 3, 4  # cell types, sets of lines and time points that are told


def headline(entries: list[dict]) -> str:
    """One or two sentences that name the carriers."""
    if not entries:
        return "No bulk MRD table was given: the page shows cells, clones and signals without the bulk question."
    groups: dict[tuple, list[dict]] = {}
    for entry in entries:
        if entry["carrier"]:
            key = entry["carrier"], entry["main_share"] >= 0.5, entry["confidence"] == "high"
            groups.setdefault(key, []).append(entry)
    sentences = []
    for (main, most, sure), group in groups.items():
        names = listed(entry["clone"] for entry in group)
        load = listed(dict.fromkeys(event for entry in group for event in entry["events"]))
        fate = {entry["fate"] for entry in group}
        about = [next(iter(fate))] if len(fate) == 1 and "" not in fate else []
        about += [f"with {load}"] if load else []
        subject = capitalised(plural(main))
        lead = (
            f"{subject} carry {names}"
            if sure
            else f"{subject} probably carry {names} (confidence {group[0]['confidence']})"
        )
        lead = lead if most else f"Several cell types show {names}, most often {plural(main)}"
        sentences.append(f"{lead}: {', '.join(about)}." if about else f"{lead}.")
    unnamed = [entry for entry in entries if not entry["carrier"]]
    few, none, hidden = (
        [entry["clone"] for entry in unnamed if entry["verdict"].startswith(verdict)]
        for verdict in ("carried by", "not detected", "not testable")
    )
    sentences += [f"{listed(few)}: seen in too few cells to name a carrier ({FEW} are needed)."] if few else []
    sentences += [f"{listed(hidden)}: not testable in these single cells."] if hidden else []
    sentences += [f"{listed(none)}: not detected in single cells, which is not the same as absent."] if none else []
    return " ".join(sentences)


def lacking(case: Case) -> list[str]:
    """Which samples lack which V(D)J library, and what therefore nothing is said of; one sentence per library."""
    sentences, samples = [], case.libraries
    names = dict(zip(samples["sample"], where_sampled(samples, case.series), strict=True))
    for library, cells in (("BCR", "B"), ("TCR", "T")):
        having = with_library(samples, library)
        rest = samples[~samples["sample"].isin(having["sample"])]
        closed = f"{cells}-cell clones are not looked for"
        if len(rest) and having.empty:
            sentences.append(f"No sample has a {library} library: {closed}.")
        elif len(rest):
            closed += " there" + (", and no B-lineage cell is shown to be normal" if library == "BCR" else "")
            last = having.loc[having["series"] == "main", "timepoint"].tolist()[-1:]
            closed += f"; the last time with one is {last[0]}" if last and last[0] != case.times[-1] else ""
            sentences.append(f"There is no {library} library at {listed(rest['sample'].map(names))}: {closed}.")
    return sentences


def with_names(rows, design: dict[str, str]):
    """Rows of malignancy.tsv with `at`, the name of their time point: `T2 (blood)` where it is not of the main series.

    design: tissue and sort of the main series, {} where the patient has no other.
    """
    rows = with_design(rows)
    words = [
        f"{row['timepoint']} ({design_in_words(row) or 'tissue and sort not given'})"
        if any(row[name] != value for name, value in design.items())
        else row["timepoint"]
        for row in rows.to_dict("records")
    ]
    return rows.assign(at=words)


def over_time(table: str, rows, where: dict, design: dict[str, str]) -> Statement:
    """`5,501 of 5,522 at T1 (99.4 % to 99.8 %), ...` per row of malignancy.tsv; of many times the first, the highest, the last.

    Samples that are not of the main series (design: as in with_names) are named with their tissue and sort, after it. Where none
    is called malignant and none could have been, there is no number.
    """
    rows = rows_where(rows, where)
    apart = rows["at"] != rows["timepoint"]
    shown = rows[~apart].sort_values("day", kind="stable")
    if len(shown) > TIMES:
        shown = shown[shown.index.isin([shown.index[0], shown["share"].idxmax(), shown.index[-1]])]
    statement: Statement = []
    for part in (shown, rows[apart].sort_values("day", kind="stable")):
        for row in part.to_dict("records"):
            if where["malignancy"] == "malignant" and row["assessable"] == "no" and not row["n"]:
                statement.append(f"{', ' if statement else ''}not assessable at {row['at']}")
                continue
            there = where | {name: row[name] for name in ("timepoint", *design)}
            n, total = (number(table, rows, name, there) for name in ("n", "total"))
            statement += [
                ", " if statement else "",
                n,
                " of ",
                total,
                f" at {row['at']}",
                *interval(table, rows, there),
            ]
    return statement


def not_assessable(rows) -> Statement:
    """`T1: no B-cell receptor; T2: ...`, one text where the reason is the same; rows: of malignancy.tsv, of all cells, not assessable."""
    reasons = rows.sort_values("day", kind="stable").groupby("reason", sort=False)["at"].agg(list)
    return ["; ".join(f"at {listed(dict.fromkeys(times))}: {reason}" for reason, times in reasons.items())]


def malignant(rows, facts: dict, patient: str, design: dict[str, str] | None = None) -> list[Statement]:
    """Statements on the cells called malignant: how many, of which types, by which lines of evidence, how many are undecided.

    rows: malignancy.tsv; facts: malignancy.json, whose combinations are counted over all time points; design: as in with_names.
    Samples of all tissues and sorts are told, each by itself. Where nothing could be
    assessed that is the only statement, and of a time that could not be assessed no bound is given.
    """
    import pandas as pd

    if rows is None:
        return []
    source, design = f"{patient}.malignancy.tsv", design if design and set(design) <= set(rows) else {}
    rows = with_names(rows, design)
    every, unsure = ({"cell_type": "all cells", "malignancy": name} for name in ("malignant", "undecided"))
    of_all = rows_where(rows, every)
    untested = rows[rows["malignancy"] == "not testable"].assign(n=0)  # of these samples no cell was called anything
    closed = pd.concat([of_all[of_all["assessable"] == "no"], untested])
    unseen = closed.loc[closed["n"] == 0, "at"]
    if len(unseen) == len(of_all) + len(untested):
        return [["Malignant cells cannot be assessed ", *not_assessable(closed), "."]]
    rows = rows[~rows["at"].isin(unseen)]
    called = rows[rows["malignancy"] == "malignant"]
    ever = ("", ", over all samples" if design else ", over all times")[rows["at"].nunique() > 1]
    first = "Called malignant, of all cells: " if called["n"].sum() else "No cell is called malignant: "
    statements = [[first, *over_time(source, rows, every, design), "."]]
    for how, of_times in (("", closed[closed["n"] == 0]), (" in full", closed[closed["n"] > 0])):
        if len(of_times):
            statements.append([f"Malignant cells cannot be assessed{how} ", *not_assessable(of_times), "."])
    by_type = called[called["cell_type"] != "all cells"].groupby("cell_type", sort=False)["n"].sum()
    by_type = by_type[by_type > 0].sort_values(ascending=False, kind="stable")
    counted = by_type[by_type >= FEW].index[:TYPES]
    for cell_type in counted:
        where = {"cell_type": cell_type, "malignancy": "malignant"}
        statements.append([f"{capitalised(plural(cell_type))}: ", *over_time(source, rows, where, design), "."])
    rest = [plural(cell_type) for cell_type in by_type.index if cell_type not in counted]
    if rest:
        statements.append([f"Further types with cells called malignant: {listed(rest)}."])
    combinations = facts.get("combinations", {}).get("malignant", {})
    sets = pd.DataFrame(combinations.items(), columns=["lines", "n"]).assign(malignancy="malignant")
    sets = sets.sort_values("n", ascending=False, kind="stable")
    on_sets: Statement = []
    for lines in sets["lines"].head(SETS):
        where = {"malignancy": "malignant", "lines": lines}
        names = " + ".join(LINES.get(line, line) for line in lines.split(" + "))
        n = number(f"{patient}.malignancy.json", sets, "n", where)
        on_sets += ["; " if on_sets else "", names, " in ", n, " cells"]
    if on_sets:
        rarer = len(sets) - SETS
        more = f"; {rarer} rarer {'set' if rarer == 1 else 'sets'}" if rarer > 0 else ""
        least = f" A call needs {facts['min_evidence']} lines or more." if "min_evidence" in facts else ""
        statements.append([f"Lines of evidence behind these calls{ever}: ", *on_sets, f"{more}.{least}"])
    unsettled = rows[(rows["malignancy"] == "undecided") & (rows["cell_type"] != "all cells")]
    by_type, most = unsettled.groupby("cell_type", sort=False)["n"].sum(), []
    if by_type.sum():
        largest = by_type.idxmax()
        most = ["; ", number(source, rows, "n", unsure | {"cell_type": largest}), " of "]
        most += [number(source, rows, "n", unsure), f" are {plural(largest)}{ever}"]
    bound = "; bounds of malignant cells count them." if most else "."
    statements.append(["Undecided: ", *over_time(source, rows, unsure, design), *most, bound])
    return statements


def same_labels(clones) -> list[dict]:
    """A warning for clones.tsv's clones whose label a larger one has, and what keeps them apart; a note where they are small."""
    if clones is None:
        return []
    warnings = []
    for row in clones[clones["kept_apart"].fillna("") != ""].itertuples():
        larger, why = row.kept_apart.split(": ", 1)
        text = f"Clones {larger} and {row.clone} ({row.n_cells:,} cells) have the same label, {row.label}. They are kept apart: {why}."
        level = "warning" if row.n_cells >= FEW else "note"
        warnings.append({"level": level, "sample": "", "step": "CLONE_TABLE", "text": text})
    return warnings


def across_lineages(case: Case) -> tuple[list[Statement], list[dict]]:
    """Clones of two lineages of tumours, which are to be looked at first, and warnings of clones with more strays than doublets make."""
    clones, first, warnings = case.own("clones"), [], []
    if clones is None or "caution" not in clones:
        return first, warnings
    for row in clones[clones["caution"].notna()].itertuples():
        statement = in_other_lineages(row.clone, clones, case.name("clones"))
        if " and " in row.caution:
            first.append(statement)
        elif row.caution == MORE:
            text = "".join(part if isinstance(part, str) else part.text for part in statement)
            warnings.append({"level": "warning", "sample": "", "step": "CLONE_TABLE", "text": text})
    return first, warnings


@command()
@click.argument("results", type=FOLDER)
@click.option("--patient", required=True, help="Name of the patient.")
def main(results: Path, patient: str) -> None:
    """State the answer of a PATIENT from the tables of the folder RESULTS, whichever of them are there."""
    case = Case(results, patient)
    clones = [one | other for one, other in zip(carriers(case), movements(case), strict=True)]
    facts = case.facts(f"{patient}.malignancy.json", {})
    first, notes = precursors(case)
    shared, strays = across_lineages(case)
    answer = {
        "patient": patient, "first": [*shared, *first], "headline": headline(clones), "clones": clones, "not_compared": not_compared(case.series),
        "lacking": lacking(case),
        "warnings": case.facts("warnings.json", []) + same_labels(case.own("clones")) + strays, "malignant": [*malignant(case.own("malignancy"), facts, patient, case.design), *notes],
        "surroundings": surroundings_of(case), "cautions": remarks(steps_of(case)),
    }  # fmt: skip
    write_json(answer, f"{patient}.answer.json", default=as_json)


if __name__ == "__main__":
    main()
