#!/usr/bin/env python3
"""Contigs of a sample's receptors, from Cell Ranger's table or any AIRR table, under AIRR's names."""

import io
from pathlib import Path
from typing import Any

from _cellranger_files import UNREADABLE, find_file, open_bytes, strip_suffix
from _errors import InputError
from _receptors import BCR, TCR

LOCI = {"BCR": BCR, "TCR": TCR}
FILES = ("*filtered_contig_annotations*.csv*", "*airr_rearrangement*.tsv*", "*all_contig_annotations*.csv*")
# Columns of Cell Ranger and of other AIRR writers -> ours (AIRR's names).
RENAME = {"barcode": "cell_id", "contig_id": "sequence_id", "chain": "locus", "cdr3": "junction_aa"}
RENAME |= {"cdr3_nt": "junction", **{f"{segment}_gene": f"{segment}_call" for segment in "vdjc"}}
RENAME |= {"umis": "duplicate_count", "umi_count": "duplicate_count", "reads": "consensus_count"}
TEXT = ("sequence_id", "locus", "v_call", "d_call", "j_call", "c_call", "junction", "junction_aa")
FLAGS = ("productive", "is_cell", "high_confidence", "full_length")
REQUIRED = ["cell_id", "v_call", "j_call", "junction_aa", "productive"]
NUMBERS = ("duplicate_count", "consensus_count", "length")
ALIGNMENTS = ("sequence_alignment", "germline_alignment")


def read_contigs(path: Path, sample: str, library: str) -> tuple[Any, list[str]]:
    """All rows of a contig file (filtered or all, CSV or AIRR TSV) in the columns of `schema()`; warnings."""
    import pandas as pd

    option = "vdj_b" if library == "BCR" else "vdj_t"
    source = find_file(path / option if (path / option).is_dir() else path, FILES, f"{sample}, {option}")
    where = f"{sample}: {source.name} ({option})"
    missing = ["", "None", "none", "NA", "NaN", "nan", "null"]
    how: dict[str, Any] = {"dtype": str, "keep_default_na": False, "na_values": missing}
    try:
        with open_bytes(source) as handle:
            text = handle.read().decode("utf-8-sig")
        header, last = text[: text.find("\n") + 1], text[text.rfind("\n") + 1 :]
        sep = max(",\t;", key=(header or text).count)
        if last and last.count(sep) < header.count(sep):
            raise ValueError("cut off within its last row")
        table = pd.read_csv(io.StringIO(text), sep=sep, **how)
    except pd.errors.EmptyDataError:
        table = pd.DataFrame(columns=REQUIRED, dtype=str)
    except UNREADABLE as error:
        cause = str(error).splitlines()[0]
        raise InputError(f"{where} is no whole table in UTF-8 ({cause}); copy Cell Ranger's file again") from error
    table = table.rename(columns={old: new for old, new in RENAME.items() if new not in table.columns})
    missing = [name for name in REQUIRED if name not in table]
    if missing:
        lack = f"{where} has no column for {', '.join(missing)} (found {', '.join(table.columns[:4])} ..)"
        raise InputError(f"{lack}; give filtered_contig_annotations.csv or an AIRR rearrangement TSV")
    for row in table.index[table.cell_id.isna()]:
        raise InputError(f"{where}: row {row + 2} has no barcode; remove the row or give Cell Ranger's file")
    return tidy_contigs(table, sample, library, where)


def tidy_contigs(table: Any, sample: str, library: str, where: str) -> tuple[Any, list[str]]:
    """The columns and types of `schema()` from text under AIRR names; `None` and empty calls are null."""
    import pandas as pd

    barcodes, warnings = strip_suffix(table.cell_id, where)
    if table.empty:
        warnings.append(f"{where} holds no {library} contigs")
    elif "duplicate_count" not in table:
        warnings.append(f"{where} has no UMI counts: 1 is taken for every contig")
    absent = {name: None for name in (*TEXT, *ALIGNMENTS) if name not in table}
    table = table.assign(**absent, **{"duplicate_count": table.get("duplicate_count", "1")})
    out = pd.DataFrame({"cell_id": f"{sample}:" + barcodes, "sample": sample, "library": library})
    out[[*TEXT, *ALIGNMENTS]] = table[[*TEXT, *ALIGNMENTS]]
    locus = table.locus.fillna(table.v_call.fillna(table.j_call).str[:3]).str.upper()
    out["locus"] = locus.where(locus.isin(LOCI["BCR"] + LOCI["TCR"]))  # "Multi" is no locus
    spans = out.v_call.notna() & out.j_call.notna()
    for name in FLAGS:
        default = spans if name == "full_length" else True
        out[name] = table[name].str.lower().isin(["true", "t", "1"]) if name in table else default
    if "length" not in table:
        bases = table.get("sequence", table.sequence_alignment).fillna("").astype(str)
        table["length"] = bases.str.replace(r"[-.]", "", regex=True).str.len().astype(str)
    for name in NUMBERS:
        column = table.get(name, pd.Series("0", index=table.index)).fillna("0")
        numbers = pd.to_numeric(column, errors="coerce").fillna(-1)
        for row in table.index[numbers < 0]:
            raise InputError(f"{where}: row {row + 2} has {name} '{column[row]}'; write a whole number")
        out[name] = numbers.astype("int64")
    other = "TCR" if library == "BCR" else "BCR"
    foreign = int(out.locus.isin(LOCI[other]).sum())
    if foreign and not out.locus.isin(LOCI[library]).any():
        raise InputError(f"{where}: all {foreign} contigs are {other}, none is {library}; exchange vdj_b and vdj_t")
    if foreign:
        warnings.append(f"{where}: {foreign} of {len(out)} contigs are of a {other} locus")
    return out[schema().names], warnings


def schema() -> Any:
    """Columns and types of <sample>.contigs.parquet, in order."""
    import pyarrow as pa

    groups = [(pa.string(), ("cell_id", "sample", "library", *TEXT)), (pa.bool_(), FLAGS)]
    groups += [(pa.int64(), NUMBERS), (pa.string(), ALIGNMENTS)]
    return pa.schema([(name, kind) for kind, names in groups for name in names])
