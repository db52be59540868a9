#!/usr/bin/env python3
"""Check the samplesheet and the optional tables, name the files behind them, report all problems at once."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import click

PACKAGES = ("click",)
TABLES = ("mrd", "clinical", "events", "fish", "labels")
FILES = {"gex": "a matrix", "vdj_b": "B-cell contigs", "vdj_t": "T-cell contigs"}
SHEET = ("sample", "patient", "timepoint", "day", "batch", "tissue", *FILES, "metrics")
MOST = 20  # lines about one column of a file; more of the same help nobody


class Problem(NamedTuple):
    """What is wrong where: row as a spreadsheet counts (header 1, the whole file 0), and what to write."""

    file: str
    row: int
    column: str
    text: str
    level: str = "error"

    def __str__(self) -> str:
        places = (f", row {self.row}" if self.row else "", f", column {self.column}" if self.column else "")
        return f"{self.level.upper()} {shown(self.file)[1:-1]}{''.join(places)}: {self.text}"


class Unusable(Exception):
    """Why a path of the samplesheet cannot be used, and what to write."""


def shown(text: str) -> str:
    """A user's text for a message: quoted, shortened, control characters and odd bytes as escapes."""
    return repr(text[:97] + "..." if len(text) > 100 else text).replace("\\udc", "\\x")


def check_order(rows: list[dict], file: str, found: list[Problem]) -> None:
    """Samples whose names differ only in case, and days that run backwards."""
    names: dict[str, str] = {}
    last: dict[str, int] = {}
    for row in rows:
        first = names.setdefault(row["sample"].lower(), row["sample"])
        if first != row["sample"]:
            advice = "their results overwrite each other on some disks: rename one"
            found.append(Problem(file, row["#"], "sample", f"differs from {first} only in case; {advice}"))
        if row["day"] and not row.get("bad"):
            if int(row["day"]) < last.get(row["patient"], int(row["day"])):
                text = f"{row['day']} of {row['patient']} comes after a later day; put in order"
                found.append(Problem(file, row["#"], "day", text, "warning"))
            last[row["patient"]] = int(row["day"])


def check_members(
    rows: list[dict], file: str, name: str, known: set[str], found: list[Problem]
) -> list[dict]:
    """Rows whose patient (or whose cell's sample) the samplesheet has; the others are told."""

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
        found.append(Problem(file, first[member], name, lost, level))
    return [row for row in rows if owner.get(row["#"]) in known]


def pick(facts: dict | None, name: str, wanted: str, sample: str) -> str:
    """The file for column `wanted` among what the path in column `name` offers.

    facts: of locate_outputs.py, None where nothing exists. '' where an `outs` folder has no such file.
    Raises Unusable with what was found and what to write.
    """
    what = FILES[wanted]
    if facts is None:
        raise Unusable("does not exist; write it as seen from the samplesheet's folder, or in full")
    if facts["kind"] == "unreadable":
        raise Unusable("may not be read by who runs this; set its permissions, or copy it")
    if facts["kind"] == "remote" and not facts["outputs"] and name != "outs":
        return facts["path"]
    samples = sorted(filter(None, facts["outputs"]))
    if len(samples) > 1 and sample not in samples:
        raise Unusable(
            f"holds the samples {', '.join(samples)}; write .../per_sample_outs/{samples[0]} or another"
        )
    offered = facts["outputs"].get(sample if sample in samples else "".join(samples[:1]), {})
    paths = offered.get(wanted, [])
    if wanted != "gex" and "vdj" in offered and not paths:
        if name == "outs":
            raise Unusable(
                "does not tell whether its contigs are of B or T cells; use the column vdj_b or vdj_t"
            )
        paths = offered["vdj"]
    if len(paths) > 1:
        choice = ", ".join(map(shown, paths[:4]))
        raise Unusable(f"holds {len(paths)} times {what}; write the path of one: {choice}")
    if paths or name == "outs":
        return "".join(paths)
    if wanted == "gex" and facts["raw"]:
        raise Unusable(
            f"is or holds only {facts['raw'][0]}, every droplet; give the filtered_feature_bc_matrix"
        )
    if wanted == "gex" and facts["incomplete"]:
        folder = facts["incomplete"][0]
        raise Unusable(
            f"lacks barcodes.tsv or features.tsv beside matrix.mtx in {folder}; copy the whole folder"
        )
    other = " and ".join(FILES[name] for name in FILES if name in offered) or "contigs" * ("vdj" in offered)
    content = other or ", ".join(map(shown, facts["found"])) or "nothing that Cell Ranger writes"
    raise Unusable(f"is or holds {content}, not {what}; write the path of {what}")


def find_files(rows: list[dict], file: str, located: dict, found: list[Problem]) -> None:
    """Put the files behind the paths, and their metrics, into the rows; each file serves one sample."""
    users: dict[str, tuple[int, str]] = {}
    for row in rows:
        written, metrics, wrong = dict(row), [], set()
        for wanted in FILES:
            name = wanted if written[wanted] else "outs"
            if not written[name] or name in row.get("bad", ()):
                continue
            facts = located.get(written[name])
            try:
                path = row[wanted] = pick(facts, name, wanted, row["sample"])
            except Unusable as unusable:
                wrong.add((name, f"{shown(written[name])} {unusable}", "error"))
                continue
            if not path:
                continue
            metrics.append(facts["metrics"].get(path, ""))
            number, column = users.setdefault(os.path.normpath(path), (row["#"], wanted))
            if (number, column) != (row["#"], wanted):
                wrong.add(
                    (name, f"{shown(path)} is {column} of row {number} already; name another file", "error")
                )
            if path in facts["empty"] and wanted == "gex":
                wrong.add((name, f"{shown(path)} is empty (0 bytes); copy it again", "error"))
            elif path in facts["empty"]:
                wrong.add((name, f"{shown(path)} is empty (0 bytes): no cell has a receptor", "warning"))
            if "all_contig_annotations" in path:
                wrong.add(
                    (name, f"{shown(path)} is of all barcodes: only cells' contigs are used", "warning")
                )
            if facts["kind"] == "remote":
                wrong.add((name, f"{shown(path)} was not looked at from here", "warning"))
        if written["outs"] and not (row["gex"] or wrong or row.get("bad")):
            content = ", ".join(map(shown, located[written["outs"]]["found"])) or "nothing"
            text = (
                f"{shown(written['outs'])} has no filtered matrix but {content}; name one in the column gex"
            )
            wrong.add(("outs", text, "error"))
        row["metrics"] = ";".join(dict.fromkeys(filter(None, metrics)))
        found += [Problem(file, row["#"], *problem) for problem in sorted(wrong)]


def report(found: list[Problem], order: list[str]) -> list[str]:
    """Lines for people, by file and row; of more than MOST like problems of a column only the first."""
    lines, counts = [], Counter()
    for problem in sorted(dict.fromkeys(found), key=lambda problem: (order.index(problem.file), problem.row)):
        alike = (problem.file, problem.column, problem.level)
        counts[alike] += 1
        if counts[alike] <= MOST:
            lines.append(str(problem))
    more = [
        f"{level.upper()} {file}, column {name}: {n - MOST} more"
        for (file, name, level), n in counts.items()
        if n > MOST
    ]
    return lines + more


def program(name: str, *arguments: object) -> dict:
    """What another program of this folder prints as JSON."""
    command = [sys.executable, Path(__file__).resolve().with_name(name), *arguments]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, encoding="utf-8")
    if done.returncode:
        raise click.ClickException(f"{name} failed: {done.stderr.strip().removeprefix('Error: ')}")
    return json.loads(done.stdout)


def write_table(path: Path, columns: list[str] | tuple[str, ...], rows: list[dict]) -> None:
    """Tab-separated UTF-8; cells hold no tabs or line breaks, so nothing is quoted."""
    with path.open("w", encoding="utf-8", newline="") as lines:
        lines.writelines(
            "\t".join(cells) + "\n" for cells in [columns, *([row[c] for c in columns] for row in rows)]
        )


FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(" ".join(f"{name}={version(name)}" for name in PACKAGES), message="%(version)s")
@click.argument("samplesheet", type=FILE)
@click.option("--mrd", type=FILE, help="Bulk MRD.")
@click.option("--clinical", type=FILE, help="Laboratory values.")
@click.option("--events", type=FILE, help="Treatment time line.")
@click.option("--fish", type=FILE, help="FISH.")
@click.option("--labels", type=FILE, help="Your own cell types.")
@click.option(
    "--inventory",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=str),
    help="Listing of the sheet's paths (- reads it from the input); else the disk is looked at.",
)
@click.option("--specification", type=FILE, help="Columns and rules of the tables, else assets/tables.json.")
def main(samplesheet: Path, inventory: str | None, specification: Path | None, **given: Path | None) -> None:
    """Check SAMPLESHEET and the tables; write them, cleaned, as samples.tsv, mrd.tsv, ... into this folder.

    Every problem is one line with file, row, column, what was found and what to write. Nothing is written
    when there are errors; warnings alone do not stop.
    """
    files = {"samples": samplesheet} | {name: given[name] for name in TABLES if given[name]}
    rules = ["--specification", specification] if specification else []
    read = program("read_tables.py", *rules, *(f"{name}={path}" for name, path in files.items()))
    rows, found = read["rows"], [Problem(*problem) for problem in read["problems"]]
    samples, sheet = rows["samples"], samplesheet.name
    cells = {(row[name], name in row.get("bad", ())) for row in samples for name in (*FILES, "outs")}
    paths = sorted(path for path, bad in cells if path and not bad)
    looked = (
        ["--inventory", inventory] if inventory else ["--folder", samplesheet.absolute().parent, "--", *paths]
    )
    find_files(samples, sheet, program("locate_outputs.py", *looked), found)
    check_order(samples, sheet, found)
    for name in files.keys() & set(TABLES):
        column = "sample" if name == "labels" else "patient"
        known = {row[column] for row in samples if row[column]}
        cell = "cell_id" if name == "labels" else "patient"
        if known:
            rows[name] = check_members(rows[name], files[name].name, cell, known, found)

    for line in report(found, [path.name for path in files.values()]):
        click.echo(line, err=True)
    errors = sum(problem.level == "error" for problem in set(found))
    if errors:
        raise click.ClickException(
            f"the inputs have errors ({errors}); correct what stands above, then run again"
        )
    samples.sort(key=lambda row: (row["patient"], int(row["day"])))
    write_table(Path("samples.tsv"), SHEET, samples)
    for name in files.keys() & set(TABLES):
        write_table(Path(f"{name}.tsv"), [c for c in rows[name][0] if c not in ("#", "bad")], rows[name])
    warnings = [{"level": "warning", "sample": "", "step": "CHECK_INPUTS", "text": str(p)[8:]} for p in found]
    Path("inputs.warnings.json").write_text(json.dumps(warnings, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
