#!/usr/bin/env python3
"""The answer of a case in words: who carries the bulk clones, and which cells are malignant by which evidence.

A statement is a list of texts and numbers, as those of case_carriers.py: a number names its table, column and rows.
"""

import json
from importlib.metadata import version
from pathlib import Path

import click

PACKAGES = ("click", "pandas")
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
LINES = {
    "clone": "expanded clone",
    "cnv": "altered arms",
    "programme": "expression programme",
    "fish": "FISH",
    "morphology": "morphology",
}
FEW = 3  # cells called from which a type has its numbers told
TYPES, SETS, TIMES = 4, 3, 4  # cell types, sets of lines and time points that are told
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


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


def words(names) -> str:
    """`a`, `a and b`, `a, b and c`."""
    names = list(names)
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def plural(cell_type: str) -> str:
    """`plasma cells`, `CD4 T cells`, `B-ALL blasts`."""
    if cell_type.endswith((" T", " B", "NK", "unassigned")):
        return f"{cell_type} cells"
    return cell_type if cell_type.endswith("s") else f"{cell_type}s"


def headline(entries: list[dict]) -> str:
    """One or two sentences that name the carriers."""
    if not entries:
        return (
            "No bulk MRD table was given: the page shows cells, clones and signals without the bulk question."
        )
    carriers: dict[tuple, list[dict]] = {}
    for entry in entries:
        if entry["carrier"]:
            key = entry["carrier"], entry["main_share"] >= 0.5, entry["confidence"] == "high"
            carriers.setdefault(key, []).append(entry)
    said = []
    for (main, most, sure), group in carriers.items():
        names = words(entry["clone"] for entry in group)
        load = words(dict.fromkeys(x for entry in group for x in entry["events"]))
        fate = {entry["fate"] for entry in group}
        about = [next(iter(fate))] if len(fate) == 1 and "" not in fate else []
        about += [f"with {load}"] if load else []
        subject = f"{plural(main)[0].upper()}{plural(main)[1:]}"
        lead = (
            f"{subject} carry {names}"
            if sure
            else f"{subject} probably carry {names} (confidence {group[0]['confidence']})"
        )
        lead = lead if most else f"Several cell types show {names}, most often {plural(main)}"
        said.append(f"{lead}: {', '.join(about)}." if about else f"{lead}.")
    few = [entry["clone"] for entry in entries if not entry["carrier"] and entry["matched"]]
    unmatched = [entry for entry in entries if not entry["carrier"] and not entry["matched"]]
    hidden = [entry["clone"] for entry in unmatched if entry["verdict"].startswith("cannot")]
    none = [entry["clone"] for entry in unmatched if entry["clone"] not in hidden]
    said += [f"{words(few)}: seen in too few cells to name a carrier."] if few else []
    said += [f"{words(hidden)}: cannot be looked for in these single cells."] if hidden else []
    said += [f"{words(none)}: not seen in single cells, which is not the same as absent."] if none else []
    return " ".join(said)


def over_time(table: str, rows, where: dict) -> list:
    """`5,501 of 5,522 at T1 (99.4 % to 99.8 %), ...` per row of malignancy.tsv; of many times the first, the highest, the last."""
    for name, value in where.items():
        rows = rows[rows[name] == value]
    shown = rows.sort_values("day", kind="stable")
    if len(shown) > TIMES:
        shown = shown[shown.index.isin([shown.index[0], shown["share"].idxmax(), shown.index[-1]])]
    said = []
    for at, time in enumerate(shown["timepoint"]):
        there = where | {"timepoint": time}
        said += [
            ", " if at else "",
            number(table, rows, "n", there),
            " of ",
            number(table, rows, "total", there),
        ]
        said += [f" at {time}", *interval(table, rows, there)]
    return said


def malignant(rows, facts: dict, patient: str) -> list[list]:
    """Statements on the cells called malignant: how many, of which types, by which lines of evidence, how many are undecided.

    rows: malignancy.tsv; facts: malignancy.json, whose combinations are counted over all time points.
    """
    import pandas as pd

    if rows is None:
        return []
    source = f"{patient}.malignancy.tsv"
    every, unsure = ({"cell_type": "all cells", "malignancy": name} for name in ("malignant", "undecided"))
    called = rows[rows["malignancy"] == "malignant"]
    ever = ", over all times" if rows["timepoint"].nunique() > 1 else ""
    first = "Called malignant, of all cells: " if called["n"].sum() else "No cell is called malignant: "
    said = [[first, *over_time(source, rows, every), "."]]
    by_type = called[called["cell_type"] != "all cells"].groupby("cell_type", sort=False)["n"].sum()
    by_type = by_type[by_type > 0].sort_values(ascending=False, kind="stable")
    told = by_type[by_type >= FEW].index[:TYPES]
    for cell_type in told:
        where = {"cell_type": cell_type, "malignancy": "malignant"}
        said.append(
            [f"{plural(cell_type)[0].upper()}{plural(cell_type)[1:]}: ", *over_time(source, rows, where), "."]
        )
    rest = [plural(cell_type) for cell_type in by_type.index if cell_type not in told]
    if rest:
        said.append([f"Further types with cells called malignant: {words(rest)}."])
    listed = facts.get("combinations", {}).get("malignant", {})
    sets = pd.DataFrame(listed.items(), columns=["lines", "n"]).assign(malignancy="malignant")
    sets = sets.sort_values("n", ascending=False, kind="stable")
    part = []
    for lines in sets["lines"].head(SETS):
        where = {"malignancy": "malignant", "lines": lines}
        part += [
            "; " if part else "",
            " + ".join(LINES.get(line, line) for line in lines.split(" + ")),
            " in ",
        ]
        part += [number(f"{patient}.malignancy.json", sets, "n", where), " cells"]
    if part:
        more = f"; {len(sets) - SETS} rarer sets" if len(sets) > SETS else ""
        least = f" A call needs {facts['min_evidence']} lines or more." if "min_evidence" in facts else ""
        said.append([f"Lines of evidence behind these calls{ever}: ", *part, f"{more}.{least}"])
    unsettled = rows[(rows["malignancy"] == "undecided") & (rows["cell_type"] != "all cells")]
    by_type, most = unsettled.groupby("cell_type", sort=False)["n"].sum(), []
    if by_type.sum():
        largest = by_type.idxmax()
        most = ["; ", number(source, rows, "n", unsure | {"cell_type": largest}), " of "]
        most += [number(source, rows, "n", unsure), f" are {plural(largest)}{ever}"]
    said.append(["Undecided: ", *over_time(source, rows, unsure), *most, "."])
    return said


@click.command()
@click.argument("results", type=FOLDER)
@click.option("--patient", required=True, help="Name of the patient.")
@click.option("--carriers", required=True, type=FILE, help="<patient>.carriers.json of case_carriers.py.")
@click.option("--moves", required=True, type=FILE, help="<patient>.moves.json of case_clones.py.")
@click.version_option(" ".join(f"{name}={version(name)}" for name in PACKAGES), message="%(version)s")
def main(results, patient, carriers, moves):
    """State the answer of a PATIENT from what is said of each bulk clone and from the tables of the folder RESULTS."""
    carried, moved = (json.loads(path.read_text()) for path in (carriers, moves))
    clones = [one | other for one, other in zip(carried, moved, strict=True)]
    facts, warnings = (
        json.loads((results / name).read_text()) if (results / name).exists() else empty
        for name, empty in ((f"{patient}.malignancy.json", {}), ("warnings.json", []))
    )
    answer = {
        "patient": patient, "headline": headline(clones), "clones": clones, "warnings": warnings,
        "malignant": malignant(read(results, f"{patient}.malignancy.tsv", patient), facts, patient)
    }  # fmt: skip
    Path(f"{patient}.answer.json").write_text(json.dumps(answer, indent=1, allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
