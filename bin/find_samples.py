#!/usr/bin/env python3
"""Write a samplesheet of the outputs below some folders: Cell Ranger's, nf-core/scrnaseq's, STARsolo's, CellBender's, GEO's."""

import csv
import io
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from _cellranger_files import PARTS, is_raw, matrix_parts, open_bytes
from _cellranger_outs import CONTIGS, LIBRARY, MATRIX, OWN, sample_in
from _cli import FOLDER, command
from _contigs import MIXED
from _errors import InputError
from _receptors import BCR, TCR

import click

DEPTH = 8  # levels: results/cellrangermulti/count/<run>/outs/per_sample_outs/<sample> and more
COLUMNS = ("sample", "patient", "timepoint", "day", "gex", "vdj_b", "vdj_t", "vdj_t_gd", "outs")
# Folders of Cell Ranger and nf-core/scrnaseq that sort, and so are no sample's name.
SORTING = re.compile(
    r"(sample_)?(filtered|raw)?_?(feature_bc_matrix|gene_bc_matrices)|outs|count|multi|gex|vdj|bcr|tcr|vdj_[bt](_gd)?"
    r"|cellranger(multi)?|per_sample_outs|Solo\.out|Gene|GeneFull.*|filtered|raw|GRCh38.*|GRCm39.*|mm10.*|hg19.*",
    re.I,
)
RAW, INCOMPLETE = "every droplet, not only cells", "not all of barcodes, features and matrix are there"
# What looks like a sample's and is not read (of lower-case names), and why.
ASIDE = (
    (r"\.(tar|tgz|tar\.gz|zip|7z|rar)$", "an archive; unpack it"),
    (
        r"\.(h5ad|h5mu|loom|rds|robj|rdata|h5seurat)(\.gz)?$",
        "an object of scanpy or Seurat; write its raw counts as barcodes, features and matrix",
    ),
    (r"(^|[-_.])raw_(feature|gene)_bc_matrix(_h5)?(\.h5)?$|cellbender(?!.*(filtered|posterior)\.h5$).*\.h5$", RAW),
    (
        r"^(?!.*metrics).*(counts?|umis?|expression|matrix|dge)[^/]*\.(csv|tsv|txt)(\.gz)?$",
        "a table of counts; write it as barcodes, features and matrix",
    ),
    (r"unfiltered_contigs_airr\.tsv|all_contig_dandelion\.tsv|(?<!barcode)_airr\.tsv", "contigs that are not of cells"),
)
SKIPPED = re.compile(r"analysis|SC_.*_CS|_.*|\..*|work|mtx_conversions|multiqc|fastqc|mkref|mkgtf|mkvdjref", re.I)
DAY = re.compile(r"(?:^|[-_.])(?:d|day)[-_]?(\d{1,4})(?=$|[-_.])", re.I)
TIMEPOINT = re.compile(r"(?:^|[-_.])(t\d{1,2})(?=$|[-_.])", re.I)


Aside = dict[str, list[Path]]


class Output(NamedTuple):
    """An output: the column it belongs into, the name its folders give it, and the path to write."""

    column: str
    name: str
    path: Path


def sample_name(folder: Path) -> str:
    """The nearest folder's name that is not one of Cell Ranger's own, without what tells the library."""
    named = [re.sub(r"[_.-]?Solo\.out$", "", part) for part in folder.parts if not SORTING.fullmatch(part)]
    name = named[-1] if len(named) > 1 else folder.name
    if any(part.startswith("cellranger") for part in folder.parts):
        name = name.removeprefix("sample-")  # older nf-core/scrnaseq put it there
    return LIBRARY.sub("", name)


def receptors(contigs: Path) -> list[str]:
    """vdj_b, vdj_t or vdj_t_gd by the chains in a contig table's first rows, two of them where it has a fair part of either kind."""
    with open_bytes(contigs) as handle:
        text = io.TextIOWrapper(handle, encoding="utf-8", errors="replace", newline="")
        separator = "\t" if ".tsv" in contigs.name else ","
        rows = islice(csv.DictReader(text, delimiter=separator), 500)
        chains = Counter((row.get("chain") or row.get("locus") or row.get("v_call") or "")[:3] for row in rows)
    b, t, gd = (sum(chains[locus] for locus in loci) for loci in (BCR, TCR, ("TRG", "TRD")))
    t_cells = "vdj_t_gd" if gd > t - gd else "vdj_t"
    return [name for name, n in (("vdj_b", b), (t_cells, t)) if n and n >= MIXED * (b + t)]


def left_aside(child: Path) -> str:
    """Why a file or folder that looks like one of a sample's is not used; '' where it looks like none."""
    name = child.name.lower()
    return next((why for pattern, why in ASIDE if re.search(pattern, name)), "")


def outputs(folder: Path, aside: Aside, depth: int = DEPTH) -> Iterator[Output]:
    """Every output at or below a folder; what looks like one and is not used goes into `aside`."""
    children = {child.name: child for child in sorted(folder.iterdir())}
    if "per_sample_outs" in children:
        for sample in sorted(filter(Path.is_dir, children["per_sample_outs"].iterdir())):
            yield Output("outs", sample.name, sample)
        return
    for child in children.values():
        if why := left_aside(child):
            aside[why].append(child)
    trios = {prefix: parts for prefix, parts in matrix_parts(children).items() if prefix or "matrix" in parts}
    for prefix, parts in trios.items():
        matrix = children[parts.get("matrix", min(parts.values()))]
        if is_raw(str(matrix if prefix else folder)):
            aside[RAW].append(matrix)
        elif len(parts) < len(PARTS) and prefix:
            aside[INCOMPLETE].append(matrix)
        else:
            yield (
                Output("gex", sample_in(matrix.name), matrix) if prefix else Output("gex", sample_name(folder), folder)
            )
    if "" in trios:
        return
    matrices = {name: child for name, child in children.items() if MATRIX.search(name)}
    usable = {name for name in matrices if not is_raw(name)}
    for name in sorted(name for name in usable if sample_in(name) and name.endswith(".h5")):
        yield Output("gex", sample_in(name), children[name])
    if any(not (sample_in(name) and name.endswith(".h5")) for name in usable):
        yield Output("gex", sample_name(folder), folder)
    yield from contig_tables(folder, children, aside)
    for name, child in children.items():
        passed_by = SKIPPED.fullmatch(name) or name.startswith("raw_") or name in matrices
        if name.startswith("GeneFull") and "Gene" in children:
            aside["a second count of the same cells (STARsolo, introns too); name it in gex to use it"].append(child)
        elif depth and child.is_dir() and not passed_by:
            yield from outputs(child, aside, depth - 1)


def contig_tables(folder: Path, children: dict[str, Path], aside: Aside) -> Iterator[Output]:
    """The best contig table of each sample that a folder's files name, '' for the folder's own."""
    tables: dict[str, list[Path]] = defaultdict(list)
    for own in CONTIGS:
        for name, child in children.items():
            if name.removesuffix(".gz").endswith(own) and not child.is_dir():
                tables[OWN.sub("", name)].append(child)
    for before, (best, *others) in sorted(tables.items()):
        aside["a second table of the same contigs"] += others
        named = re.search(r"(?:^|[-_.])(?:vdj[-_]?([bt])|([bt])cr)", "_".join([*folder.parts[-2:], before]), re.I)
        letter = (named[1] or named[2]).lower() if named else ""
        for column in receptors(best) or [letter and f"vdj_{letter}"]:
            yield Output(column, sample_in(best.name) or sample_name(folder), best)


def together(located: list[Output]) -> list[Output]:
    """The outputs, contigs of `S1_b` and `S1_t` under S1, where that is what a matrix is called and nothing is called S1_b."""
    matrices = {output.name for output in located if output.column == "gex"}
    ends = {"vdj_b": re.compile(r"[-_.]b$", re.I), "vdj_t": re.compile(r"[-_.]t$", re.I)}

    def named(output: Output) -> Output:
        short = ends[output.column].sub("", output.name) if output.column in ends else ""
        return output._replace(name=short) if short in matrices and output.name not in matrices else output

    return [named(output) for output in located]


def assemble(located: Iterable[Output], remarks: list[str]) -> list[dict[str, str]]:
    """One row per sample; a sample found twice gets two rows, for a person to choose."""
    rows: list[dict[str, str]] = []
    for column, name, path in located:
        clean = re.sub(r"[^A-Za-z0-9_.-]", "_", name).lstrip("_.-") or "sample"
        if clean != name:
            remarks.append(f"{name} is written as {clean}: names hold letters, digits, _ . and -")
        if not column:
            remarks.append(f"{path}: no telling whether of B or T cells; put it into vdj_b or vdj_t of its sample")
            continue
        same = [row for row in rows if row["sample"] == clean]
        row = next((row for row in same if not row[column] and not row["outs"]), None)
        if row is None or (column == "outs" and same):
            if same:
                remarks.append(f"{clean} is there more than once ({path}); keep one row or rename")
            row = dict.fromkeys(COLUMNS, "") | {"sample": clean}
            rows.append(row)
        row[column] = str(path)
    for row in rows:
        if not (row["gex"] or row["outs"]):
            remarks.append(f"{row['sample']} has receptors but no matrix; put both into one row, or remove the row")
    return rows


def fill_times(rows: list[dict[str, str]], remarks: list[str]) -> None:
    """Day (d28, day28) and time point (T1) from the names, only where every name has one and all differ."""
    for column, pattern in (("day", DAY), ("timepoint", TIMEPOINT)):
        marks = [pattern.search(row["sample"]) for row in rows]
        if not all(marks):
            continue
        stems = {(pattern.sub("", row["sample"]), mark[1]) for row, mark in zip(rows, marks, strict=True)}
        if len(stems) == len(rows):
            for row, mark in zip(rows, marks, strict=True):
                row[column] = mark[1].upper() if column == "timepoint" else mark[1]
            remarks.append(f"{column} is taken from the names: check it")


@command()
@click.argument("folders", nargs=-1, required=True, type=FOLDER)
@click.option("--patient", default="", help="Write this patient into every row.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write, else the output.")
def main(folders: tuple[Path, ...], patient: str, out: Path | None) -> None:
    """Write a samplesheet of all samples in FOLDERS, and say what was found, what was left aside and why.

    What no file says is left empty for you: patient, timepoint and day (whole days from your reference
    event). Paths are relative to the sheet where it lies above them, else complete.
    """
    remarks: list[str] = []
    aside: Aside = defaultdict(list)
    located = [output for folder in folders for output in outputs(folder.absolute(), aside)]
    rows = assemble(together(located), remarks)
    remarks += [
        f"left aside, {why}: {', '.join(map(str, paths[:3]))}{f' and {len(paths) - 3} more' if len(paths) > 3 else ''}"
        for why, paths in aside.items()
        if paths
    ]
    if not rows:
        searched = ", ".join(map(str, folders))
        for line in remarks:
            click.echo(line, err=True)
        raise InputError(f"{searched}: no filtered matrix and no contigs; name other folders")
    rows.sort(key=lambda row: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", row["sample"])])
    fill_times(rows, remarks)
    base = out.absolute().parent if out else None
    for row in rows:
        row["patient"] = patient
        for column in COLUMNS[4:]:
            if base and row[column] and Path(row[column]).is_relative_to(base):
                row[column] = str(Path(row[column]).relative_to(base))
    columns = [column for column in COLUMNS if column in COLUMNS[:4] or any(row[column] for row in rows)]
    sheet = io.StringIO()
    writer = csv.DictWriter(sheet, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    if out:
        out.write_text(sheet.getvalue(), encoding="utf-8")
    else:
        click.echo(sheet.getvalue(), nl=False)
    empty = [column for column in COLUMNS[1:4] if not all(row[column] for row in rows)]
    seen = Counter(output.column or "contigs of unknown cells" for output in located)
    remarks.insert(0, f"found: {', '.join(f'{number} {column}' for column, number in seen.items())}; {len(rows)} rows")
    for line in [*remarks, *([f"for you to fill in: {', '.join(empty)}"] if empty else [])]:
        click.echo(line, err=True)


if __name__ == "__main__":
    main()
