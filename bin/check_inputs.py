#!/usr/bin/env python3
"""Check the samplesheet and the optional tables, name the files behind them, report all problems at once."""

import os
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from _cellranger_outs import Offer, local_inventory, offer, read_inventory, sample_in
from _cli import FILE, command, write_json
from _errors import InputError
from _fish_text import BALANCED_ONLY, CUTOFF, read_row
from _fish_words import Words
from _mrd_testable import kind_by_genes
from _user_assets import FORMS, check_asset
from _user_days import Days, reference_dates
from _user_grid import Problem, read_headings
from _user_numbers import shown
from _user_tables import read_table, specification, type_rules, written_columns

import click

TABLES = ("mrd", "clinical", "events", "fish", "labels")
FILES = {
    "gex": "a matrix",
    "vdj_b": "B-cell contigs",
    "vdj_t": "T-cell contigs",
    "vdj_t_gd": "gamma-delta T-cell contigs",
}
T_CELLS = ("vdj_t", "vdj_t_gd")
SHEET = ("sample", "patient", "timepoint", "day", "batch", "tissue", "sort", *FILES, "metrics")
ASSETS = Path(__file__).resolve().parents[1] / "assets"
MOST = 20  # lines about one column of a file; more of the same help nobody


class Unusable(Exception):
    """Why a path of the samplesheet cannot be used, and what to write."""


def check_order(rows: list[dict], file: str, problems: list[Problem]) -> None:
    """Samples whose names differ only in case, and days that run backwards."""
    names: dict[str, str] = {}
    last: dict[str, int] = {}
    for row in rows:
        first = names.setdefault(row["sample"].lower(), row["sample"])
        if first != row["sample"]:
            advice = "their results overwrite each other on some disks: rename one"
            problems.append(Problem(file, row["#"], "sample", f"differs from {first} only in case; {advice}"))
        if row["day"] and not row.get("bad"):
            if int(row["day"]) < last.get(row["patient"], int(row["day"])):
                text = f"{row['day']} of {row['patient']} comes after a later day; put in order"
                problems.append(Problem(file, row["#"], "day", text, "warning"))
            last[row["patient"]] = int(row["day"])


def check_members(rows: list[dict], file: str, name: str, known: set[str], problems: list[Problem]) -> list[dict]:
    """Rows whose patient (or whose cell's sample) the samplesheet has; the others are named."""

    def simple(text: str) -> str:
        return re.sub(r"[^a-z0-9]|(?<![0-9])0+(?=[0-9])", "", text.lower())

    owner = {row["#"]: row[name].split(":")[0] for row in rows if name not in row.get("bad", ())}
    spelt = {simple(member): member for member in known}
    first = {member: number for number, member in reversed(owner.items())}
    for member, count in Counter(owner.values()).items():
        if not member or member in known:
            continue
        lost, level = f"{shown(member)} is not in the samplesheet (rows: {count})", "error"
        if simple(member) in spelt:
            lost += f"; did you mean {spelt[simple(member)]}?"
        elif known.isdisjoint(owner.values()):
            lost += f"; write one of {', '.join(sorted(known)[:5])}"
        else:
            lost, level = f"{lost}; left out", "warning"
        problems.append(Problem(file, first[member], name, lost, level))
    return [row for row in rows if owner.get(row["#"]) in known]


def check_fish(rows: list[dict], file: str, words: Words, problems: list[Problem]) -> None:
    """FISH results that are not read, each with its row: they stay in the table and no arm is held against them."""
    for row in rows:
        if {"region", "abnormality"} & set(row.get("bad", ())) or not (row["region"] and row["abnormality"]):
            continue
        read = read_row(row["region"], row["abnormality"], row["probe"], words)
        reasons = {band: one.reason for band, one in read.items() if one.reason not in ("", BALANCED_ONLY)}
        for reason in dict.fromkeys(reasons.values()):
            bands = (
                "" if len(reasons) == len(read) else f" of {' and '.join(b for b in reasons if reasons[b] == reason)}"
            )
            text = f"{reason}; its result{bands} is listed and not compared"
            problems.append(Problem(file, row["#"], "abnormality", text, "warning"))
        number = float(row["percent"]) if row["percent"] and "percent" not in row.get("bad", ()) else 0.0
        if number >= CUTOFF and any(one.negated for one in read.values()):
            text = f"{shown(row['abnormality'])} says that it is not there, the percentage is {row['percent']}; is this so?"
            problems.append(Problem(file, row["#"], "percent", text, "warning"))


def check_mrd(rows: list[dict], file: str, problems: list[Problem]) -> None:
    """Sequences of bulk rearrangements that are no whole junctions, each clone once: they are looked for as what they are."""
    known = set()
    for row in rows:
        clone, junction = (row["patient"], row["clone"]), row["junction"]
        if not junction or clone in known or kind_by_genes(row) or "junction" in row.get("bad", ()):
            continue
        known.add(clone)
        found = [] if junction.startswith(("TGT", "TGC")) else ["does not begin with TGT or TGC (the conserved C)"]
        found += [f"has {len(junction)} letters, no multiple of 3"] if len(junction) % 3 else []
        if found:
            text = f"{shown(junction)} {' and '.join(found)}: out of frame, or no whole junction"
            text += "; the cells' junctions are searched in it, and it in them, on both strands"
            problems.append(Problem(file, row["#"], "junction", text, "warning"))


def timepoints_of(rows: list[dict]) -> dict[str, dict[str, str]]:
    """Days of the samplesheet's time points: patient -> label -> day."""
    days: dict[str, dict[str, str]] = {}
    for row in rows:
        if row["timepoint"] and row["day"] and not row.get("bad"):
            days.setdefault(row["patient"], {})[row["timepoint"]] = row["day"]
    return days


def pick(offered: Offer | None, name: str, wanted: str, sample: str) -> str:
    """The file for column `wanted` among what the path in column `name` offers.

    offered: None where nothing exists. '' where an `outs` folder has no such file.
    Raises Unusable with what is there and what to write.
    """
    what = FILES[wanted]
    nothing = offered and offered.kind == "prefix" and not (offered.outputs or offered.raw or offered.incomplete)
    if offered is None or nothing:
        raise Unusable("does not exist; write it as seen from the samplesheet's folder, or in full")
    if offered.kind == "unreadable":
        raise Unusable("may not be read by who runs this; set its permissions, or copy it")
    if offered.kind == "remote" and not offered.outputs and name != "outs":
        return offered.path
    samples = sorted(filter(None, offered.outputs))
    if len(samples) > 1 and sample not in samples:
        raise Unusable(f"holds the samples {', '.join(samples)}; write .../per_sample_outs/{samples[0]} or another")
    mine = offered.outputs.get(sample if sample in samples else "".join(samples[:1]), {})
    paths = mine.get(wanted, [])
    if name in T_CELLS:  # folders do not always say of which T cells a file is; who wrote it into a column does
        paths = paths or next((mine[other] for other in T_CELLS if other in mine), [])
    if wanted != "gex" and "vdj" in mine and not paths:
        if name == "outs":
            raise Unusable("does not tell whether its contigs are of B or T cells; use the column vdj_b or vdj_t")
        paths = mine["vdj"]
    if len(paths) > 1:  # files of several samples in one folder, as of GEO
        paths = [path for path in paths if sample_in(path.split(";")[0].rpartition("/")[2]) == sample] or paths
    if len(paths) > 1:
        choice = ", ".join(shown(path.split(";")[0]) for path in paths[:4])
        raise Unusable(f"holds {len(paths)} times {what}; write the path of one: {choice}")
    if paths or name == "outs":
        return "".join(paths)
    if wanted == "gex" and offered.raw:
        raise Unusable(
            f"is or holds only {offered.raw[0]}, every droplet; give the filtered_feature_bc_matrix (STARsolo: filtered)"
        )
    if wanted == "gex" and offered.incomplete:
        folder = offered.incomplete[0]
        raise Unusable(f"lacks barcodes.tsv or features.tsv beside matrix.mtx in {folder}; copy the whole folder")
    other = " and ".join(FILES[name] for name in FILES if name in mine) or "contigs" * ("vdj" in mine)
    content = other or ", ".join(map(shown, offered.names)) or "nothing that Cell Ranger writes"
    raise Unusable(f"is or holds {content}, not {what}; write the path of {what}")


def find_files(rows: list[dict], file: str, offers: dict[str, Offer], problems: list[Problem]) -> None:
    """Put the files behind the paths, and their metrics, into the rows; only contigs may serve several samples."""
    users: dict[tuple[str, bool], tuple[int, str]] = {}
    for row in rows:
        written, metrics, wrong = dict(row), [], set()
        for wanted in FILES:
            name = wanted if written[wanted] else "outs"
            if not written[name] or name in row.get("bad", ()):
                continue
            offered = offers.get(written[name])
            try:
                path = row[wanted] = pick(offered, name, wanted, row["sample"])
            except Unusable as unusable:
                wrong.add((name, f"{shown(written[name])} {unusable}", "error"))
                continue
            if not path:
                continue
            metrics.append(offered.metrics.get(path, ""))
            b_cells = wanted == "vdj_b" and ".tsv" in path  # an AIRR table may hold the contigs of B and of T cells
            number, column = users.setdefault((os.path.normpath(path), b_cells), (row["#"], wanted))
            if wanted == column != "gex" and number != row["#"]:
                pool = "as for one library of a pool: each sample gets the contigs of its own cells, if any"
                wrong.add((name, f"{shown(path)} is {column} of row {number} too, {pool}", "warning"))
            elif (number, column) != (row["#"], wanted):
                wrong.add((name, f"{shown(path)} is {column} of row {number} already; name another file", "error"))
            if wanted == "gex" and set(path.split(";")) & set(offered.empty):
                wrong.add((name, f"{shown(path)} is empty (0 bytes); copy it again", "error"))
            elif path in offered.empty:
                wrong.add((name, f"{shown(path)} is empty (0 bytes): no cell has a receptor", "warning"))
            mine = next((files for files in offered.outputs.values() if path in files.get(wanted, [])), {})
            if name == "vdj_t" and "vdj_t_gd" in mine and not written["vdj_t_gd"]:
                text = f"{shown(mine['vdj_t_gd'][0])} is left out; name it in vdj_t_gd to use it"
                wrong.add((name, text, "warning"))
            if "all_contig_annotations" in path:
                wrong.add((name, f"{shown(path)} is of all barcodes: only cells' contigs are used", "warning"))
            if offered.kind == "remote":
                wrong.add((name, f"{shown(path)} was not looked at from here", "warning"))
        if written["outs"] and not (row["gex"] or wrong or row.get("bad")):
            content = ", ".join(map(shown, offers[written["outs"]].names)) or "nothing"
            text = f"{shown(written['outs'])} has no filtered matrix but {content}; name one in the column gex"
            wrong.add(("outs", text, "error"))
        row["metrics"] = ";".join(dict.fromkeys(filter(None, metrics)))
        problems += [Problem(file, row["#"], *problem) for problem in sorted(wrong)]


def report(problems: list[Problem], order: list[str]) -> list[str]:
    """Lines for people, by file and row; of more than MOST like problems of a column only the first."""
    lines, counts = [], Counter()
    for problem in sorted(dict.fromkeys(problems), key=lambda problem: (order.index(problem.file), problem.row)):
        alike = (problem.file, problem.column, problem.level)
        counts[alike] += 1
        if counts[alike] <= MOST:
            lines.append(f"{problem.level.upper()} {problem.sentence}")
    more = [
        f"{level.upper()} {file}, column {name}: {n - MOST} more"
        for (file, name, level), n in counts.items()
        if n > MOST
    ]
    return lines + more


def write_rows(path: Path, columns: list[str] | tuple[str, ...], rows: list[dict]) -> None:
    """Tab-separated UTF-8; cells hold no tabs or line breaks, so nothing is quoted."""
    with path.open("w", encoding="utf-8", newline="") as lines:
        lines.writelines("\t".join(cells) + "\n" for cells in [columns, *([row[c] for c in columns] for row in rows)])


@command()
@click.argument("samplesheet", type=FILE)
@click.option("--mrd", type=FILE, help="Bulk MRD.")
@click.option("--clinical", type=FILE, help="Laboratory values.")
@click.option("--events", type=FILE, help="Treatment time line.")
@click.option("--fish", type=FILE, help="FISH.")
@click.option("--labels", type=FILE, help="Your own cell types.")
@click.option(
    "--inventory",
    type=click.File(encoding="utf-8"),
    help="A listing of the sheet's paths to look at instead of the disk (- reads it from the input): tab-separated "
    "columns written, path, kind (file, folder, unreadable) and size.",
)
@click.option("--reference-date", default="", help="Date of day 0: 2024-03-15, or P1=2024-03-15,P2=2023-11-02.")
@click.option(
    "--asset",
    "assets",
    type=(click.Choice(sorted(FORMS)), FILE),
    multiple=True,
    help="A table of yours in place of one of assets/, or beside it: its name and the file.",
)
@click.option("--headings", type=FILE, default=ASSETS / "headings.tsv", help="Headings of other programs (TSV).")
@click.option("--fish-words", type=FILE, default=ASSETS / "fish_words.tsv", help="Words of FISH reports (TSV).")
@click.option(
    "--specification", "columns", type=FILE, default=ASSETS / "tables.json", help="Columns and rules of the tables."
)
def main(
    samplesheet: Path,
    inventory: Iterable[str] | None,
    columns: Path,
    headings: Path,
    fish_words: Path,
    reference_date: str,
    assets: tuple[tuple[str, Path], ...],
    **given: Path | None,
) -> None:
    """Check SAMPLESHEET and the tables; write them, cleaned, as samples.tsv, mrd.tsv, ... into this folder.

    Every problem is one line with file, row, column, what was found and what to write. Nothing is written
    when there are errors; warnings alone do not stop.
    """
    files = {"samples": samplesheet} | {name: given[name] for name in TABLES if given[name]}
    rules, problems = specification(columns), []
    known_headings, days = read_headings(headings), Days(references=reference_dates(reference_date))
    rows = {}
    for name, path in files.items():
        rows[name] = read_table(path.read_bytes(), path.name, rules[name], problems, known_headings.get(name), days)
        days = Days(timepoints_of(rows["samples"]), days.references)
    samples, sheet = rows["samples"], samplesheet.name
    cells = {(row[name], name in row.get("bad", ())) for row in samples for name in (*FILES, "outs")}
    paths = sorted(path for path, bad in cells if path and not bad)
    listed = read_inventory(inventory) if inventory else local_inventory(paths, samplesheet.absolute().parent)
    find_files(samples, sheet, {written: offer(entries) for written, entries in listed.items()}, problems)
    check_order(samples, sheet, problems)
    for name in files.keys() & set(TABLES):
        column = "sample" if name == "labels" else "patient"
        known = {row[column] for row in samples if row[column]}
        cell = "cell_id" if name == "labels" else "patient"
        if known:
            rows[name] = check_members(rows[name], files[name].name, cell, known, problems)

    if given["mrd"]:
        check_mrd(rows["mrd"], files["mrd"].name, problems)
    if given["fish"]:
        check_fish(rows["fish"], files["fish"].name, Words(fish_words), problems)
    for name, path in assets:
        check_asset(name, path.read_bytes(), path.name, type_rules(columns), problems)
    for line in report(problems, [path.name for path in (*files.values(), *dict(assets).values())]):
        click.echo(line, err=True)
    errors = sum(problem.level == "error" for problem in set(problems))
    if errors:
        raise InputError(f"the inputs have errors ({errors}); correct what stands above, then run again")
    samples.sort(key=lambda row: (row["patient"], int(row["day"])))
    write_rows(Path("samples.tsv"), SHEET, samples)
    for name in files.keys() & set(TABLES):
        write_rows(Path(f"{name}.tsv"), written_columns(rules[name]), rows[name])
    noticed = {"level": "warning", "sample": "", "step": "CHECK_INPUTS"}
    write_json([noticed | {"text": problem.sentence} for problem in problems], "inputs.warnings.json")


if __name__ == "__main__":
    main()
