#!/usr/bin/env python3
"""Contigs of a sample's receptors, from Cell Ranger's table or any AIRR table, under AIRR's names."""

import csv
import io
import re
from functools import reduce
from pathlib import Path
from typing import Any

from _barcodes import own_barcodes
from _cellranger_files import UNREADABLE, find_file, open_bytes
from _errors import InputError, Note
from _receptors import BCR, LIBRARY_COLUMNS, TCR, translated

LOCI = {"BCR": BCR, "TCR": TCR}
OTHER = {"vdj_b": "TCR", "vdj_t": "BCR", "vdj_t_gd": "BCR"}  # the library that a column is not of
FILES = ("*filtered_contig_annotations*.csv*", "*airr_rearrangement*.tsv*", "*all_contig_annotations*.csv*")
# Our columns (AIRR's names) and what they are called: in each row the first that is filled counts. Since AIRR 1.4 UMIs
# stand in umi_count, and duplicate_count may hold reads.
NAMES = {
    "cell_id": ("cell_id", "barcode"),
    "sequence_id": ("sequence_id", "contig_id"),
    "locus": ("locus", "chain"),
    "junction": ("junction", "cdr3_nt"),
    "junction_aa": ("junction_aa", "cdr3"),
    "duplicate_count": ("umi_count", "umis", "duplicate_count"),
    "consensus_count": ("consensus_count", "reads"),
    "germline_alignment": ("germline_alignment", "germline_alignment_d_mask"),
} | {f"{segment}_call": (f"{segment}_call", f"{segment}_gene") for segment in "vdjc"}
MISSING = [form(word) for word in ("no", "none", "na", "n/a", "nan", "null") for form in (str, str.upper, str.title)]
TEXT = ("sequence_id", "locus", "v_call", "d_call", "j_call", "c_call", "junction", "junction_aa")
FLAGS = ("productive", "is_cell", "high_confidence", "full_length")
REQUIRED = ["cell_id", "v_call", "j_call"]
NUMBERS = ("duplicate_count", "consensus_count", "length")
ALIGNMENTS = ("sequence_alignment", "germline_alignment")
LOCUS = r"(IG[HKL]|TC?R[ABDG])"  # in the name of a gene
ALPHA_DELTA = ("TRA", "TRD")
MIXED = 0.05  # part of either kind from which on a file holds the contigs of B and of T cells
GENE = r"(?:IG[HKL]|TR[ABDG])[A-Z0-9/-]+"


def constant_genes(call: Any) -> str | None:
    """The C genes of a call without alleles; None where there is none."""
    genes = re.findall(GENE, call.upper()) if isinstance(call, str) else []
    return ",".join(dict.fromkeys(genes)) or None


def read_contigs(
    path: Path, sample: str, column: str, cells: frozenset[str] = frozenset(), both: bool = False
) -> tuple[Any, list[str]]:
    """All rows of a contig file (filtered or all, CSV or AIRR TSV) in the columns of `schema()`; warnings.

    column: of the samplesheet (vdj_b, vdj_t or vdj_t_gd); it tells the library.
    cells: barcodes of the sample's matrix; of several libraries in one file they tell which is the sample's.
    both: the file is named for B and T cells, each of which takes the contigs of its loci; so does a library from a file
    with a fair part (MIXED) of either kind.
    """
    import numpy as np
    import pandas as pd

    source = find_file(path / column if (path / column).is_dir() else path, FILES, f"{sample}, {column}")
    where = f"{sample}: {source.name} ({column})"
    how: dict[str, Any] = {"dtype": str, "keep_default_na": False, "na_values": ["", "NaN", *MISSING]}
    try:
        with open_bytes(source) as handle:
            text = re.sub(r"\A(##.*\n)+", "", handle.read().decode("utf-8-sig"))  # BD's remarks stand above the header
        sep = max(",\t;", key=text.partition("\n")[0].count)
        if torn := torn_row(text, sep):
            raise ValueError(torn)
        table = pd.read_csv(io.StringIO(text), sep=sep, **how)
    except pd.errors.EmptyDataError:
        table = pd.DataFrame(columns=[*REQUIRED, "junction", "productive"], dtype=str)
    except (*UNREADABLE, csv.Error) as error:
        cause = str(error).splitlines()[0]
        raise InputError(f"{where} is no whole table in UTF-8 ({cause}); copy Cell Ranger's file again") from error
    bases = table.get("cdr3", pd.Series(dtype=str)).dropna().str.fullmatch("[ACGTNacgtn]+")
    if len(bases) and bases.all():
        del table["cdr3"]  # AIRR's: nucleotides without the conserved ends
    for name, others in NAMES.items():
        if given := [table[other] for other in others if other in table]:
            table[name] = reduce(lambda first, other: np.where(pd.notna(first), first, other), given)
    missing = [name for name in REQUIRED if name not in table]
    missing += [] if {"junction", "junction_aa"} & set(table) else ["junction"]
    if missing:
        lack = f"{where} has no column for {', '.join(missing)} (found {', '.join(table.columns[:4])} ..)"
        raise InputError(f"{lack}; give filtered_contig_annotations.csv or an AIRR rearrangement TSV")
    if len(table) > 1 and table.cell_id.isna().all():
        raise InputError(f"{where} names no cells, as a bulk table; give the table with barcodes")
    for row in table.index[table.cell_id.isna()]:
        raise InputError(f"{where}: row {row + 2} has no barcode; remove the row or give Cell Ranger's file")
    again = table.duplicated() & ("contig_id" in table)  # Cell Ranger's: no two contigs have one
    table = table[~again].copy()
    table["cell_id"], warnings = own_barcodes(table.cell_id, where, sample, cells)
    if again.any():
        warnings.append(f"{where}: {again.sum()} rows stand in it twice and are read once")
    absent = [name for name in (*TEXT, *ALIGNMENTS) if name not in table]
    table = table[table.cell_id.notna()]
    table = table.assign(**{name: pd.Series(pd.NA, table.index, object) for name in absent})
    table["locus"] = loci(table)
    foreign = table.locus.isin(LOCI[OTHER[column]])
    if both or MIXED <= foreign.mean() <= 1 - MIXED:
        table = table[~foreign].copy()
        if not both:
            left_out = f"{foreign.sum()} contigs of {OTHER[column]} are left out"
            warnings.append(f"{where}: {left_out}; name the file for them too")
    tidy, more = tidy_contigs(table, sample, column, where)
    return tidy, warnings + more


def torn_row(text: str, sep: str) -> str:
    """What is wrong with the first row that has fewer cells than the header, or with a letter that no text has; '' where nothing is."""
    if "\0" in text:
        return f"row {text[: text.index(chr(0))].count(chr(10)) + 1} holds a NUL byte"
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=sep)
    width = len(next(rows, []))
    for row in rows:
        if 0 < len(row) < width:
            last = text.count("\n") + (not text.endswith("\n")) == rows.line_num
            cut = "cut off within its last row: " if last else ""
            return f"{cut}row {rows.line_num} has {len(row)} of {width} cells"
    return ""


def loci(table: Any) -> Any:
    """Locus of each contig: as given, else of its genes; missing where they are of several.

    TRAV/DV genes rearrange to TRD too, and TRDV genes to TRA: there the J gene decides, or the C gene.
    """
    given, v, j, c = (
        table[name].astype("string").str.upper().str.extract(LOCUS, expand=False).str.replace("TCR", "TR")
        for name in ("locus", "v_call", "j_call", "c_call")
    )
    end = j.fillna(c)
    guess = v.fillna(end).where(v.isna() | end.isna() | (v == end) | (v.isin(ALPHA_DELTA) & end.isin(ALPHA_DELTA)))
    locus = given.fillna(guess).mask(table.locus.astype("string").str.lower().eq("multi").fillna(False))
    return end.where(locus.isin(ALPHA_DELTA) & end.isin(ALPHA_DELTA), locus)


def tidy_contigs(table: Any, sample: str, column: str, where: str) -> tuple[Any, list[str]]:
    """The columns and types of `schema()` from text under AIRR names; missing and empty calls are null."""
    import pandas as pd

    library = next(name for name, columns in LIBRARY_COLUMNS.items() if column in columns)
    warnings = []
    if table.empty:
        warnings.append(f"{where} holds no {library} contigs")
    elif "duplicate_count" not in table:
        warnings.append(f"{where} has no UMI counts: 1 is taken for every contig")
    table = table.assign(duplicate_count=table.get("duplicate_count", "1"))
    out = pd.DataFrame({"cell_id": f"{sample}:" + table.cell_id, "sample": sample, "library": library})
    out[[*TEXT, *ALIGNMENTS]] = table[[*TEXT, *ALIGNMENTS]]
    if column == "vdj_t_gd":  # Cell Ranger numbers the contigs of a barcode anew in each library
        out["sequence_id"] = "gd_" + out.sequence_id
    out["c_call"] = [constant_genes(call) for call in table.c_call]
    strange = table.c_call[table.c_call.notna() & out.c_call.isna()]
    if len(strange):
        names = ", ".join(f"'{name}'" for name in strange.unique()[:3])
        warnings.append(f"{where}: {len(strange)} of {len(out)} C genes are none ({names}) and count as missing")
    for name in ("junction", "junction_aa"):
        out[name] = out[name].str.upper()
    out["junction_aa"] = out.junction_aa.fillna(out.junction.map(translated))
    spans = out.v_call.notna() & out.j_call.notna()
    for name in FLAGS:
        default = spans if name == "full_length" else True
        out[name] = table[name].str.lower().isin(["true", "t", "1", "yes"]) if name in table else default
    if table.get("productive", table.cell_id[:0]).isna().all() and len(table):
        out["productive"] = out.junction_aa.str.fullmatch("[A-Z]+") == True  # noqa: E712
        warnings.append(f"{where} does not say what is productive: junctions in frame without a stop are taken so")
    bare = int((out.productive & out.junction.isna() & out.junction_aa.notna()).sum())
    if bare:
        some = f"{bare} of {int(out.productive.sum())} productive contigs have amino acids, but no junction nucleotides"
        warnings.append(f"{where}: {some}; clones are found by amino acids")
    lacking = int((out.productive & table.junction_aa.isna() & out.junction_aa.notna()).sum())
    if lacking:
        text = f"junction_aa is empty in {lacking} productive contigs; it is translated from junction"
        warnings.append(Note(f"{where}: {text}"))
    if "length" not in table:
        bases = table.get("sequence", table.sequence_alignment).fillna("").astype(str)
        table["length"] = bases.str.replace(r"[-.]", "", regex=True).str.len().astype(str)
    for name in NUMBERS:
        texts = table.get(name, pd.Series("0", index=table.index)).fillna("0")
        numbers = pd.to_numeric(texts, errors="coerce").fillna(-1)
        for row in table.index[numbers < 0]:
            raise InputError(f"{where}: row {row + 2} has {name} '{texts[row]}'; write a whole number")
        out[name] = numbers.astype("int64")
    other = OTHER[column]
    foreign = int(out.locus.isin(LOCI[other]).sum())
    if foreign > int(out.locus.isin(LOCI[library]).sum()):
        raise InputError(f"{where}: {foreign} of {len(out)} contigs are {other}; exchange vdj_b and vdj_t")
    if foreign:
        # Fewer than MIXED: in files of Cell Ranger 0 to 4 % (docs/methods/guards.md).
        warnings.append(Note(f"{where}: {foreign} of {len(out)} contigs are of a {other} locus"))
    return out[schema().names], warnings


def schema() -> Any:
    """Columns and types of <sample>.contigs.parquet, in order."""
    import pyarrow as pa

    groups = [(pa.string(), ("cell_id", "sample", "library", *TEXT)), (pa.bool_(), FLAGS)]
    groups += [(pa.int64(), NUMBERS), (pa.string(), ALIGNMENTS)]
    return pa.schema([(name, kind) for kind, names in groups for name in names])
