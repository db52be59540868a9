#!/usr/bin/env python3
"""What Cell Ranger wrote behind a path: which matrix, contigs and metrics it offers, and for which samples.

What is offered is judged by names and sizes alone: a listing made elsewhere serves as well as the local disk.
"""

import csv
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from _cellranger_files import PART, PARTS, is_raw, matrix_parts, named_parts

DEPTH = 5  # levels: run/outs/per_sample_outs/<sample>/count/<matrix> from the run's folder
MATRIX = re.compile(r"(feature_bc_matrix|gene_bc_matrices)(_h5)?(\.h5)?$|[-_.]filtered\.h5$")  # the last of CellBender
# Contig tables, the best first: Cell Ranger's, then those of dandelion, BD Rhapsody and TRUST4.
CONTIGS = ("filtered_contig_annotations.csv", "airr_rearrangement.tsv", "all_contig_annotations.csv")
CONTIGS += ("filtered_contig_dandelion.tsv", "Dominant_Contigs_AIRR.tsv", "barcode_airr.tsv")
# What programs write after a sample's name.
OWN = re.compile(
    r"(?:[-_.]*(?:sample|raw|filtered)?[-_.]*(?:feature_bc_matrix|gene_bc_matrices)(?:_h5)?)?"
    r"(?:[-_.]*(?:cellbender|out(?:put)?|filtered))*[.]h5$"
    rf"|[-_.]*(?:VDJ_)?(?:{'|'.join(map(re.escape, CONTIGS))})(?:[.]gz)?$"
)
LIBRARY = re.compile(r"[-_.](?:5?gex|rna|count|bcr|tcr|ig|tr|vdj(?:[-_.]?[bt](?:[-_.]?gd)?)?)$", re.I)
RECEPTORS = {"vdj_b": "vdj_b", "bcr": "vdj_b", "vdj_t": "vdj_t", "tcr": "vdj_t"}  # with `gd` in the name: vdj_t_gd


class Entry(NamedTuple):
    """A file or folder, or what may not be read; size in bytes, -1 where it is not known."""

    path: str
    kind: str
    size: int

    @property
    def name(self) -> str:
        return self.path.rstrip("/").rsplit("/", 1)[-1]

    @property
    def parent(self) -> str:
        return self.path.rstrip("/").rpartition("/")[0]


def listing(path: Path, depth: int = DEPTH) -> Iterator[Entry]:
    """The path itself and what is below it, at most `depth` levels; links are followed."""
    folder, barred = path.is_dir(), not os.access(path, os.R_OK)
    kind = "unreadable" if barred else "folder" if folder else "file"
    yield Entry(str(path), kind, 0 if folder else path.stat().st_size)
    if kind == "folder" and depth:
        for child in sorted(path.iterdir()):
            if child.exists():  # not so for a link whose target is gone
                yield from listing(child, depth - 1)


def companions(path: Path) -> list[Entry]:
    """Files of matrices beside a path whose names begin as its own: one of the three, or what stands before their names."""
    start = re.sub(r"(matrix\.mtx|(barcodes|features|genes)\.tsv)(\.gz)?$", "", path.name)
    if (path.exists() and start == path.name) or not os.access(path.parent, os.R_OK):
        return []
    beside = [file for file in sorted(path.parent.iterdir()) if PART.fullmatch(file.name) and file.exists()]
    return [entry for file in beside if file.name.startswith(start) for entry in listing(file)]


def sample_in(name: str) -> str:
    """What a file's name says of its sample: what stands before programs' own words, without GEO's accession; '' where nothing does."""
    part = PART.fullmatch(name)
    before = LIBRARY.sub("", (part[1] or "") if part else OWN.sub("", name))
    return re.sub(r"^GSM\d+(?:[-_.]+|$)", "", before) or before


def local_inventory(written: Iterable[str], folder: Path) -> dict[str, list[Entry]]:
    """For every path as written, seen from `folder`: itself, what is below it and metrics files beside it."""
    inventory = {}
    for text in written:
        path = (folder / text).absolute()
        if "://" in text:
            inventory[text] = [Entry(text, "remote", -1)]
        elif path.exists():
            beside = [place / "metrics_summary.csv" for place in (path.parent, path.parent.parent)]
            metrics = [Entry(str(file), "file", file.stat().st_size) for file in beside if file.is_file()]
            inventory[text] = [*listing(path), *companions(path), *metrics]
        elif companions(path):
            inventory[text] = [Entry(str(path), "prefix", 0), *companions(path)]
    return inventory


def read_inventory(lines: Iterable[str]) -> dict[str, list[Entry]]:
    """The same from a table with the columns written, path, kind (file, folder, unreadable) and size."""
    inventory = defaultdict(list)
    for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
        inventory[row["written"]].append(Entry(row["path"], row["kind"], int(row["size"])))
    return dict(inventory)


def receptor(entry: Entry, root: Entry) -> str:
    """vdj_b, vdj_t or vdj_t_gd from what stands before the file's name, or the nearest folder's, 'vdj' where none says so.

    Folders from the root on count, and one above a file or an `outs`: not the name of a whole project.
    """
    above = root.parent.rpartition("/")[0] if root.kind != "folder" or root.name == "outs" else root.parent
    for folder in reversed([*entry.parent.removeprefix(above).split("/"), OWN.sub("", entry.name)]):
        words = [folder.lower(), *re.split(r"[-_. ]", folder.lower())]
        known = {RECEPTORS[word] for word in words if word in RECEPTORS}
        ending = re.search(r"(?:^|[-_.])vdj[-_.]?([bt])(?:[-_.]gd)?$", folder.lower())
        known |= {f"vdj_{ending[1]}"} if ending else set()
        if len(known) == 1:
            return "vdj_t_gd" if known == {"vdj_t"} and "gd" in words else known.pop()
    return "vdj"


def classify(entry: Entry, children: set[str], root: Entry) -> tuple[str, int]:
    """What a file or an empty folder is (gex, raw, vdj_b, vdj_t, vdj_t_gd, vdj or '') and its rank, 0 the best.

    `root` is what the user named: such a file may have a name of its own, and its folders tell the receptor.
    """
    plain, whole = entry.name.removesuffix(".gz"), entry is root
    raw = is_raw(entry.path)
    if entry.kind == "folder":
        return ("raw" if raw else "gex", 1) if MATRIX.search(entry.name) and not children else ("", 0)
    if entry.name.endswith(".h5") and (whole or MATRIX.search(entry.name)):
        return ("", 0) if "molecule_info" in entry.name else ("raw" if raw else "gex", 0)
    for rank, name in enumerate(CONTIGS):
        if plain.endswith(name):
            return receptor(entry, root), rank
    table = plain.endswith((".csv", ".tsv")) and not plain.endswith("metrics_summary.csv")
    return (receptor(entry, root), 0) if whole and table else ("", 0)


def trios(entry: Entry, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """(gex, raw or incomplete; path) of the matrices of three files in a folder that holds `names`.

    The path is the folder's where it holds one matrix, else the three files', between semicolons.
    """
    sets = {prefix: parts for prefix, parts in matrix_parts(names).items() if "matrix" in parts}
    for prefix, parts in sets.items():
        raw = is_raw(f"{entry.path}/{parts['matrix']}" if prefix else entry.path)
        path = ";".join(f"{entry.path}/{parts[part]}" for part in PARTS if part in parts)
        what = "raw" if raw else "gex" if len(parts) == len(PARTS) else "incomplete"
        yield what, entry.path if len(sets) == 1 else path


def named_trio(root: Entry, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The same for a path that is one of the three files of a matrix, or what stands before their names."""
    folder = root._replace(path=root.parent)
    parts = named_parts(names, root.name)
    if parts:
        for what, path in trios(folder, parts.values()):
            yield what, ";".join(f"{folder.path}/{parts[part]}" for part in PARTS) if what == "gex" else path
    else:  # the beginning of several
        yield from (found for found in trios(folder, names) if ";" in found[1])


def metrics_beside(path: str, known: set[str]) -> str:
    """The metrics_summary.csv of a file: in its folder, or above the folder that only sorts by library."""
    folder, _, name = path.rpartition("/")[0].rpartition("/")
    sorting = re.fullmatch(r"count|multi|vdj|vdj_b|vdj_t|vdj_t_gd", name)
    places = [f"{folder}/{name}/metrics_summary.csv"] + ([f"{folder}/metrics_summary.csv"] if sorting else [])
    return next((place for place in places if place in known), "")


class Offer(NamedTuple):
    """What one path offers.

    outputs: for every sample of `per_sample_outs` ('' outside of it), by what it is (gex, vdj_b, vdj_t, vdj_t_gd, vdj), the
    best paths by preference (h5 before mtx, filtered before all contigs, the shallowest); several where none is better.
    metrics: the metrics file of each of these paths. raw, incomplete: names of matrices that cannot be used.
    empty: paths of files of 0 bytes. names: of the first eight entries of the folder itself.
    """

    kind: str
    path: str
    outputs: dict[str, dict[str, list[str]]]
    metrics: dict[str, str]
    raw: list[str]
    incomplete: list[str]
    empty: list[str]
    names: list[str]


def offer(entries: list[Entry]) -> Offer:
    """What a path offers; entries: itself first, then everything below it."""
    root, children, ranked = entries[0], defaultdict(set), defaultdict(list)
    for entry in entries[1:]:
        children[entry.parent].add(entry.name)
    unusable: dict[str, list[str]] = {"raw": [], "incomplete": []}
    for entry in entries:
        sample = re.search(r"/per_sample_outs/([^/]+)/", entry.path + "/")
        what, rank = classify(entry, children[entry.path], root)
        located = [(what, rank, entry.path)]
        if entry.kind == "folder":
            located += [(what, 1, path) for what, path in trios(entry, children[entry.path])]
        elif entry is root and (entry.kind == "prefix" or PART.fullmatch(entry.name)):
            located += [(what, 1, path) for what, path in named_trio(entry, children[entry.parent] | {entry.name})]
        for what, rank, path in located:
            if what in unusable:
                unusable[what].append(entry.name)
            elif what:
                ranked[sample[1] if sample else "", what].append((rank, entry.path.count("/"), path))
    known = {entry.path for entry in entries if entry.name == "metrics_summary.csv" and entry.size}
    outputs: dict[str, dict[str, list[str]]] = defaultdict(dict)
    metrics = {}
    for (sample, what), candidates in ranked.items():
        best = [path for *order, path in sorted(candidates) if order == list(min(candidates)[:2])]
        outputs[sample][what] = best
        metrics |= {path: metrics_beside(path, known) for path in best if metrics_beside(path, known)}
    if any(outputs):  # what lies outside of per_sample_outs is then of all samples together
        outputs.pop("", None)
    empty = [entry.path for entry in entries if entry.size == 0 and entry.kind == "file"]
    names = sorted(children[root.path])[:8]
    return Offer(root.kind, root.path, outputs, metrics, **unusable, empty=empty, names=names)
