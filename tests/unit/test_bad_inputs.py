"""Bad and odd inputs: each ends with one sentence that names file and remedy, or gives what the whole file gives.

The catalogue is the table of docs/reliability.md, which `PYTHONPATH=bin:tests python tests/unit/test_bad_inputs.py` writes.
"""

import gzip
import json
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from _tables import read_text_table
from _user_assets import FORMS

import check_inputs
import numpy as np
import pandas as pd
import pytest
import read_cellranger
from click.testing import CliRunner
from helpers.matrix_files import write_h5, write_trio

PROJECT = Path(__file__).resolve().parents[2]
SAME = "read as the whole file"
PAGE, START, END = (
    PROJECT / "docs" / "reliability.md",
    "<!-- written by tests/unit/test_bad_inputs.py -->",
    "<!-- end -->",
)

COUNTS = np.random.default_rng(0).poisson(2, (40, 60))
BARCODES = ["".join("ACGT"[i >> 2 * k & 3] for k in range(8)) + "ACGTACGT-1" for i in range(40)]
KNOWN = [f"ENSG{i:011d}\tGENE{i}\n" for i in range(60)]
SYMBOLS = [f"GENE{i}" for i in range(60)]
LONG = "x" * 300


class Tried(NamedTuple):
    """A kind of file, what was done to it, and its outcome: SAME, or words of the sentence."""

    kind: str
    what: str
    outcome: str
    make: Callable
    renamed: tuple[str, str] = (
        "",
        "",
    )  # what the result is compared with has the second text in the place of the first


CATALOGUE: list[Tried] = []


def tried(kind: str, rows: dict[str, tuple[str, Callable]]) -> None:
    CATALOGUE.extend(Tried(kind, what, outcome, make) for what, (outcome, make) in rows.items())


# Matrices. `make` is given the folder and returns the path to read.


def h5(
    folder: Path, counts=COUNTS, barcodes=BARCODES, symbols=SYMBOLS, name="filtered_feature_bc_matrix.h5", **columns
):
    return write_h5(folder / name, counts, barcodes, symbols, **columns)


def changed(path: Path, change: Callable[[bytes], bytes]) -> Path:
    path.write_bytes(change(path.read_bytes()))
    return path


def as_h5ad(folder: Path, dense: bool) -> Path:
    import anndata
    from scipy import sparse

    path = folder / "filtered_feature_bc_matrix.h5"
    counts = COUNTS.astype("float32")
    anndata.AnnData(counts if dense else sparse.csr_matrix(counts)).write_h5ad(path)
    return path


def as_loom(folder: Path) -> Path:
    import h5py

    with h5py.File(folder / "filtered.h5", "w") as file:
        file["matrix"], file["row_attrs/Gene"] = COUNTS.T, np.array(SYMBOLS, "S")
    return folder / "filtered.h5"


def linked(folder: Path) -> Path:
    (folder / "filtered.h5").symlink_to(folder / "gone.h5")
    return folder / "filtered.h5"


def with_value(value: float) -> np.ndarray:
    counts = COUNTS.astype(float)
    counts[0, 0] = value
    return counts


WHOLE = "no whole filtered matrix"
tried(
    "matrix, h5",
    {
        "whole": (SAME, h5),
        "counts written as 1.0, 2.0": (SAME, lambda f: h5(f, COUNTS * 1.0)),
        "blanks, quotes, `$()` and `;` in the name": (SAME, lambda f: h5(f, name="a b;'$(touch x)'\".h5")),
        "a name of 200 letters": (SAME, lambda f: h5(f, name="x" * 200 + ".h5")),
        "a leading dash in the name": (SAME, lambda f: h5(f, name="-rf.h5")),
        "twenty mouse cells of a human-mouse reference": (SAME, lambda f: with_mouse(f)),
        "truncated": (WHOLE, lambda f: changed(h5(f), lambda b: b[: len(b) // 2])),
        "empty": ("0 bytes", lambda f: changed(h5(f), lambda b: b"")),
        "a web page": (WHOLE, lambda f: changed(h5(f), lambda b: b"<html>not found</html>")),
        "packed with gzip": (WHOLE, lambda f: changed(h5(f), gzip.compress)),
        "an h5ad, sparse": ("it is an AnnData file, h5ad", lambda f: as_h5ad(f, False)),
        "an h5ad, dense": ("it is an AnnData file, h5ad", lambda f: as_h5ad(f, True)),
        "a loom file": ("it is a loom file", as_loom),
        "an h5 without a matrix": ("no group of a matrix", lambda f: h5_without(f)),
        "a barcode less than columns": ("names for 39 barcodes", lambda f: h5(f, barcodes=BARCODES[1:])),
        "a gene less than rows": ("59 features", lambda f: h5(f, symbols=SYMBOLS[1:])),
        "a gene index beyond the last": ("indices must be <", lambda f: h5_beyond(f)),
        "a barcode twice": ("names barcode", lambda f: h5(f, barcodes=[BARCODES[1], *BARCODES[1:]])),
        "an empty barcode": ("barcode 1 is empty", lambda f: h5(f, barcodes=["", *BARCODES[1:]])),
        "negative counts": ("negative or not whole", lambda f: h5(f, -COUNTS)),
        "fractional counts": ("negative or not whole", lambda f: h5(f, COUNTS * 0.5)),
        "one count NaN": ("negative or not whole", lambda f: h5(f, with_value(np.nan))),
        "one count infinite": ("negative or not whole", lambda f: h5(f, with_value(np.inf))),
        "one count of 3e10": ("negative or not whole", lambda f: h5(f, with_value(3e10))),
        "all counts 0": ("most of them empty", lambda f: h5(f, COUNTS * 0)),
        "antibodies only": ("no feature of type Gene Expression", lambda f: h5(f, feature_type=["Antibody Capture"] * 60)),
        "unknown genes": ("gene names", lambda f: h5(f, symbols=[f"none {i}" for i in range(60)], id=["x"] * 60)),
        "named raw": ("is a raw matrix", lambda f: h5(f, name="raw_feature_bc_matrix.h5")),
        "a link whose target is gone": ("does not exist", linked),
        "a folder named .h5": ("holds no", lambda f: made_folder(f / "filtered.h5")),
    },
)  # fmt: skip


def h5_without(folder: Path) -> Path:
    import h5py

    with h5py.File(folder / "filtered.h5", "w") as file:
        file["values"] = COUNTS
    return folder / "filtered.h5"


def h5_beyond(folder: Path) -> Path:
    import h5py

    path = h5(folder)
    with h5py.File(path, "a") as file:
        file["matrix/indices"][0] = 60
    return path


def made_folder(path: Path) -> Path:
    path.mkdir()
    return path


def with_mouse(folder: Path) -> Path:
    """Beside the cells twenty of mouse, and mouse genes, as of a reference of both."""
    counts = np.block([[COUNTS, COUNTS * 0], [COUNTS[:20] * 0, COUNTS[:20]]])
    barcodes = BARCODES + [code.replace("ACGTACGT", "TTTTACGT") for code in BARCODES[:20]]
    names = [f"{genome}_{name}" for genome in ("GRCh38", "mm10") for name in SYMBOLS]
    ids = [f"{genome}_{gene}{i:011d}" for genome, gene in (("GRCh38", "ENSG"), ("mm10", "ENSMUSG")) for i in range(60)]
    return h5(folder, counts, barcodes, names, id=ids, genome=["GRCh38"] * 60 + ["mm10"] * 60)


def trio(folder: Path, file: str = "", change: Callable[[bytes], bytes] = bytes, name: str = "matrix", **how) -> Path:
    write_trio(folder / name, "", COUNTS, BARCODES, SYMBOLS, packed=False, **how)
    if file:
        changed(folder / name / file, change)
    return folder / name


def without(folder: Path, file: str) -> Path:
    path = trio(folder)
    (path / file).unlink()
    return path


MTX, CELLS, GENES = "matrix.mtx", "barcodes.tsv", "features.tsv"
tried(
    "matrix, folder",
    {
        "whole": (SAME, trio),
        "barcodes with a byte order mark": (SAME, lambda f: trio(f, CELLS, lambda b: b"\xef\xbb\xbf" + b)),
        "Windows line ends": (SAME, lambda f: trio(f, GENES, lambda b: b.replace(b"\n", b"\r\n"))),
        "Windows line ends in the matrix": (SAME, lambda f: trio(f, MTX, lambda b: b.replace(b"\n", b"\r\n"))),
        "packed, without .gz in the name": (SAME, lambda f: trio(f, MTX, gzip.compress)),
        "counts of the kind real": (SAME, lambda f: trio(f, MTX, lambda b: b.replace(b"integer", b"real", 1))),
        "blanks and quotes in the folder's name": (SAME, lambda f: trio(f, name="a b 'c' $(touch x);")),
        "no barcodes": ("has no barcodes", lambda f: without(f, CELLS)),
        "no features": ("has no features", lambda f: without(f, GENES)),
        "empty barcodes": ("0 bytes", lambda f: trio(f, CELLS, lambda b: b"")),
        "truncated barcodes": (WHOLE, lambda f: trio(f, CELLS, lambda b: b[: len(b) // 2])),
        "truncated counts": (WHOLE, lambda f: trio(f, MTX, lambda b: b[: len(b) // 2])),
        "banner only": (WHOLE, lambda f: trio(f, MTX, lambda b: b.partition(b"\n")[0])),
        "a header above the barcodes": ("41 barcodes", lambda f: trio(f, CELLS, lambda b: b"barcode\n" + b)),
        "features in UTF-16": ("features.tsv holds NUL bytes", lambda f: trio(f, GENES, utf16)),
        "a NUL byte in the barcodes": ("barcodes.tsv holds NUL bytes", lambda f: trio(f, CELLS, lambda b: b[:9] + b"\0" + b[10:])),
        "gzip that is none": (WHOLE, lambda f: trio(f, MTX, lambda b: b"\x1f\x8b" + b)),
        "gzip cut at its end": (WHOLE, lambda f: trio(f, MTX, lambda b: gzip.compress(b)[:-20])),
        "gzip with a wrong check sum": (WHOLE, lambda f: trio(f, MTX, lambda b: gzip.compress(b)[:-8] + b"12345678")),
        "negative counts": ("negative or not whole", lambda f: trio(f, MTX, lambda b: b.replace(b" 3\n", b" -3\n", 1))),
        "a fraction": ("negative or not whole", lambda f: trio(f, MTX, lambda b: b.replace(b"integer", b"real").replace(b" 3\n", b" 3.5\n", 1))),
        "MatrixMarket without counts (pattern)": ("not coordinate integer", lambda f: trio(f, MTX, lambda b: b.replace(b"integer", b"pattern"))),
        "MatrixMarket of all values (array)": ("not coordinate integer", lambda f: trio(f, MTX, lambda b: b"%%MatrixMarket matrix array integer general\n1 1\n1\n")),
        "fewer columns than it says": (WHOLE, lambda f: trio(f, MTX, lambda b: b.replace(b"60 40", b"60 30"))),
        "commas in place of tabs": ("gene names", lambda f: trio(f, GENES, lambda b: b.replace(b"\t", b","))),
        "raw by its folder": ("is a raw matrix", lambda f: trio(f, name="raw_feature_bc_matrix")),
    },
)  # fmt: skip


# Contigs: 58 rows of real T cells.
PACKED = PROJECT / "tests" / "data" / "pbmc3_t" / "filtered_contig_annotations.csv.gz"
CONTIGS = b"".join(gzip.decompress(PACKED.read_bytes()).splitlines(True)[:59])


def utf16(content: bytes) -> bytes:
    return content.decode().encode("utf-16")


def row(content: bytes, at: int, change: Callable[[bytes], bytes]) -> bytes:
    lines = content.splitlines(True)
    lines[at] = change(lines[at])
    return b"".join(lines)


TORN = "no whole table in UTF-8"
tried(
    "contigs",
    {
        "whole": (SAME, bytes),
        "byte order mark": (SAME, lambda b: b"\xef\xbb\xbf" + b),
        "Windows line ends": (SAME, lambda b: b.replace(b"\n", b"\r\n")),
        "semicolons": (SAME, lambda b: b.replace(b",", b";")),
        "tabs": (SAME, lambda b: b.replace(b",", b"\t")),
        "packed, without .gz in the name": (SAME, gzip.compress),
        "every cell in quotation marks": (SAME, lambda b: re.sub(rb"([^,\n]*)([,\n])", rb'"\1"\2', b)),
        "empty lines between": (SAME, lambda b: b.replace(b"\n", b"\n\n")),
        "no end of the last line": (SAME, lambda b: b[:-1]),
        "every row twice": (SAME, lambda b: b + b.partition(b"\n")[2]),
        "columns in another order": (SAME, lambda b: b"".join(b",".join(line.split(b",")[::-1]).replace(b"\n", b"") + b"\n" for line in b.splitlines(True))),
        "empty": ("no TCR contigs", lambda b: b""),
        "header only": ("no TCR contigs", lambda b: b.partition(b"\n")[0]),
        "truncated": ("cut off within its last row", lambda b: b[:-70]),
        "a short row": ("row 6 has 5 of 16 cells", lambda b: row(b, 5, lambda line: b",".join(line.split(b",")[:5]) + b"\n")),
        "a row with two cells more": ("16 fields in line 6", lambda b: row(b, 5, lambda line: line[:-1] + b",x,y\n")),
        "a NUL byte": ("row 4 holds a NUL byte", lambda b: row(b, 3, lambda line: line[:20] + b"\0" + line[21:])),
        "UTF-16": (TORN, utf16),
        "a byte of another encoding": (TORN, lambda b: row(b, 3, lambda line: line.replace(b"TR", b"T\xe4", 1))),
        "gzip that is none": (TORN, lambda b: b"\x1f\x8b" + b),
        "gzip cut at its end": (TORN, lambda b: gzip.compress(b)[:-20]),
        "gzip with something behind it": (TORN, lambda b: gzip.compress(b) + b"more"),
        "a quotation mark that does not close": (TORN, lambda b: row(b, 3, lambda line: line.replace(b"TR", b'"TR', 1))),
        "bars between cells": ("no column for cell_id", lambda b: b.replace(b",", b"|")),
        "no column of genes": ("no column for v_call", lambda b: b.replace(b"v_gene", b"gene")),
        "the header twice": ("write a whole number", lambda b: b.partition(b"\n")[0] + b"\n" + b),
        "UMIs as text": ("write a whole number", lambda b: row(b, 1, lambda line: line.rpartition(b",")[0] + b",many\n")),
        "negative UMIs": ("write a whole number", lambda b: row(b, 1, lambda line: line.rpartition(b",")[0] + b",-3\n")),
        "a row without barcode": ("row 2 has no barcode", lambda b: row(b, 1, lambda line: b"," + line.partition(b",")[2])),
        "of B cells": ("exchange vdj_b and vdj_t", lambda b: b.replace(b"TRB", b"IGH").replace(b"TRA", b"IGK")),
        "an h5": (TORN, lambda b: b"\x89HDF\r\n\x1a\n" + bytes(99)),
    },
)  # fmt: skip

# What people write. `make` is given the bytes of the whole table.
SHEET = b"sample,patient,timepoint,day,tissue,gex\nA,P1,T1,0,bone marrow,A.h5\nB,P1,T2,28,bone marrow,B.h5\n"
NO_NAME = "write letters, digits"


def cell(old: str, new: str) -> Callable[[bytes], bytes]:
    """The table with one text in the place of another."""
    return lambda content: content.replace(old.encode(), new.encode(), 1)


def latin(content: bytes) -> bytes:
    return content.replace(b"marrow", b"m\xe4rrow", 1)


# What holds for every table with commas.
SPREADSHEET = {
    "whole": (SAME, bytes),
    "byte order mark": (SAME, lambda b: b"\xef\xbb\xbf" + b),
    "Windows line ends": (SAME, lambda b: b.replace(b"\n", b"\r\n")),
    "line ends of an old Mac": (SAME, lambda b: b.replace(b"\n", b"\r")),
    "semicolons": (SAME, lambda b: b.replace(b",", b";")),
    "tabs": (SAME, lambda b: b.replace(b",", b"\t")),
    "blanks around cells": (SAME, lambda b: b.replace(b",", b" , ")),
    "empty rows": (SAME, lambda b: b.replace(b"\n", b"\n,,\n")),
    "a header in capitals": (SAME, lambda b: b.partition(b"\n")[0].upper() + b"\n" + b.partition(b"\n")[2]),
    "empty": ("no rows below a header", lambda b: b""),
    "header only": ("no rows below a header", lambda b: b.partition(b"\n")[0] + b"\n"),
    "UTF-16": ("UTF-16", utf16),
    "a NUL byte": ("no text", lambda b: row(b, 1, lambda line: line[:3] + b"\0" + line[3:])),
    "an Excel workbook": ("Excel workbook", lambda b: b"PK\x03\x04" + b),
    "packed with gzip": ("is compressed", gzip.compress),
    "bars between cells": ("separated by '|'", lambda b: b.replace(b",", b"|")),
    "a column less": ("is missing; add it", lambda b: b.replace(b"patient", b"person", 1)),
    "a row with more cells": ("more cells than the header", lambda b: row(b, 1, lambda line: line[:-1] + b",,,,,,,,,x\n")),
    "truncated": ("is empty", lambda b: row(b, 1, lambda line: line[:4] + b"\n")),
    "every row twice": ("stands in row", lambda b: b + b.partition(b"\n")[2]),
}  # fmt: skip
tried(
    "samplesheet",
    SPREADSHEET
    | {
        "a byte of another encoding": ("not UTF-8", latin),
        "days as text": ("no whole number", cell(",0,", ",before,")),
        "a day as a date": ("a date", cell(",0,", ",2024-03-01,")),
        "a day of 10^9": ("outside", cell(",0,", ",1000000000,")),
        "a name with quotes and `;`": (NO_NAME, cell("A,P1", "A';touch x;',P1")),
        "a name with `$()`": (NO_NAME, cell("A,P1", "$(touch x),P1")),
        "a name with ..": (NO_NAME, cell("A,P1", "../A,P1")),
        "a leading dash": (NO_NAME, cell("A,P1", "-rf,P1")),
        "a name of 300 letters": (NO_NAME, cell("A,P1", f"{LONG},P1")),
        "a name with other letters": (NO_NAME, cell("A,P1", "γδ,P1")),
        "a formula as a tissue": ("formula", cell("bone marrow", "=1+1")),
        "a path with `$()`": ("plain path", cell("A.h5", "$(touch x).h5")),
        "a path that does not exist": ("does not exist", cell("A.h5", "gone.h5")),
        "a link whose target is gone": ("does not exist", cell("A.h5", "link.h5")),
        "an empty matrix": ("0 bytes", cell("A.h5", "empty.h5")),
        "a folder without a matrix": ("not a matrix", cell("A.h5", "folder")),
        "one matrix for two samples": ("name another file", cell("B.h5", "A.h5")),
    },
)  # fmt: skip

CATALOGUE.append(Tried("samplesheet", "blanks in a path", SAME, cell("A.h5", "a b/A.h5"), ("A.h5", "a b/A.h5")))


def named(old: str, new: str) -> Callable[[bytes], bytes]:
    """The table with a name of another text, wherever it stands."""
    return lambda content: content.replace(old.encode(), new.encode())


TABLES = {
    "mrd": b"patient,day,clone,locus,junction,fraction\nP1,0,IGH_1,IGH,TGTGCGAGATGG,0.06\nP1,28,IGH_1,IGH,TGTGCGAGATGG,0.001\n",
    "fish": b"patient,day,probe,region,abnormality,percent\nP1,0,CKS1B,1q21,gain,85.5\nP1,28,CKS1B,1q21,gain,20\n",
    "clinical": b"patient,day,parameter,value,unit\nP1,0,WBC,68.67,10^9/L\nP1,28,WBC,0.59,10^9/L\n",
    "events": b"patient,day,event,kind\nP1,0,CAR-T infusion,therapy\nP1,28,remission,response\n",
}
for table in TABLES:
    tried(table, SPREADSHEET)
for table, old in (("mrd", "IGH_1"), ("fish", "CKS1B"), ("clinical", "WBC"), ("events", "CAR-T infusion")):
    names = {
        "a name with quotes, `;`, `$()` and ..": f"x'; touch x; $(touch x) ../{old}",
        "a name of HTML": f"<img src=x onerror=alert(1)>{old}",
        "a name of 300 letters": LONG,
        "a name with other letters": "γδ 漢字",
    }
    CATALOGUE.extend(Tried(table, what, SAME, named(old, new), (old, new)) for what, new in names.items())
    tried(
        table,
        {"a name that is a formula": ("formula", cell(old, "=1+1")), "days as text": ("no", cell(",0,", ",before,"))},
    )
    tried(table, {"a patient that the sheet lacks": ("not in the samplesheet", lambda b: b.replace(b"P1", b"Q9"))})
tried("mrd", {
    "a fraction over 1": ("outside 0 to 1", cell("0.06", "6.4")),
    "a negative fraction": ("outside 0 to 1", cell("0.06", "-0.1")),
    "a fraction as text": ("no number", cell("0.06", "some")),
    "a fraction NaN": ("is empty", cell("0.06", "nan")),
    "a locus of none": ("is unknown", cell("IGH,TGT", "IGX,TGT")),
    "a junction of other letters": ("letters A, C, G, T", cell("TGTGCGAGATGG", "TGTGCGAXATGG")),
    "two junctions of one clone": ("correct one of them", cell("TGTGCGAGATGG", "TGTGCGAGAAGG")),
})  # fmt: skip
tried("fish", {
    "a percentage over 100": ("outside 0 to 100", cell("85.5", "855")),
    "a region of none": ("write chromosome", cell("1q21", "the long arm")),
})  # fmt: skip
tried("clinical", {
    "a value as text": ("no number", cell("68.67", "high")),
    "two units of a parameter": ("correct one of them", cell("10^9/L", "g/L")),
})  # fmt: skip

# A user's own tables in place of those of assets/.
OWN = {
    "lineages": b"lineage\tresolution\tnumbered\tprefix\tbcr\ttcr\tig_dna\ttr_dna\tmalignant\tcar\tsender\n"
    b"plasma\t0.5\tyes\tPlasma\towner\t\tyes\t\tyes\tcontrol\tyes\nT\t1.0\tno\tT\t\towner\t\tyes\t\tcarrier\tyes\n",
    "markers": b"cell_type\tparent\tlineage\treceptor\tpositive\tnegative\nplasma cell\t\tplasma\tBCR\tMZB1,SDC1\tCD3D\n"
    b"T cell\t\tT\tTCR\tCD3D,CD3E\tMZB1\n",
    "gene_lists": b"list\tgene\nT\tCD3D\nT\tCD3E\n",
    "watch_list": b"name\tgene_a\tgene_b\twhy\nAPRIL-BCMA\tTNFSF13\tTNFRSF17\tsurvival\nBAFF\tTNFSF13B\tTNFRSF17\tsurvival\n",
    "excluded_genes": b"class\tpattern\nvdj\t^IG[HKL]V\nribosome\t^RP[SL]\n",
}
TABBED = {
    "whole": (SAME, bytes),
    "byte order mark": (SAME, lambda b: b"\xef\xbb\xbf" + b),
    "Windows line ends": (SAME, lambda b: b.replace(b"\n", b"\r\n")),
    "empty lines between": (SAME, lambda b: b.replace(b"\n", b"\n\n")),
    "a column more": (SAME, lambda b: b.replace(b"\n", b"\tmine\n")),
    "empty": ("has no rows", lambda b: b""),
    "header only": ("has no rows", lambda b: b.partition(b"\n")[0] + b"\n"),
    "truncated": ("cells in place of", lambda b: b[: b.rindex(b"\t")]),
    "commas": ("has no column", lambda b: b.replace(b",", b" ").replace(b"\t", b",")),
    "UTF-16": ("UTF-16", utf16),
    "a NUL byte": ("no text", lambda b: b[:-3] + b"\0" + b[-3:]),
    "a byte of another encoding": ("not UTF-8", lambda b: b[:-3] + b"\xe4" + b[-3:]),
    "an Excel workbook": ("Excel workbook", lambda b: b"PK\x03\x04" + b),
    "packed with gzip": ("is compressed", gzip.compress),
    "a quotation mark that does not close": ("cells in place of", lambda b: b[: b.index(b"\n") + 1] + b'"' + b[b.index(b"\n") + 1 :]),
    "a column twice": ("has no column", lambda b: b.replace(b"\n", b"\t" + b.split(b"\t")[0] + b"\n", 1)),
    "a column less": ("has no column", lambda b: b.replace(b.split(b"\t")[1].split(b"\n")[0], b"other", 1)),
    "a cell that ends with a blank": ("ends with a blank", lambda b: row(b, 1, lambda line: line.replace(b"\t", b" \t", 1))),
    "a control character": ("control character", lambda b: row(b, 1, lambda line: line[:1] + b"\x1b[31m" + line[1:])),
    "a formula": ("write", lambda b: row(b, 1, lambda line: b"=1+1" + line[line.index(b"\t") :])),
}  # fmt: skip
for table in ("lineages", "markers", "gene_lists", "watch_list"):
    tried(f"assets, {table}", TABBED)
for what, name in {
    "a shell's command": "plasma'; touch x; echo '", "`$()`": "$(touch x)", "..": "../plasma", "a leading dash": "-rf",
    "HTML": "<svg onload=alert(1)>", "300 letters": LONG, "other letters": "γδ",
}.items():  # fmt: skip
    tried("assets, lineages", {f"a lineage of {what}": ("files are named by it", cell("plasma", name))})
    tried("assets, markers", {f"a lineage of {what}": ("files are named by it", cell("\tplasma\t", f"\t{name}\t"))})
tried("assets, lineages", {
    "a prefix with /": ("files are named by it", cell("Plasma", "../Plasma")),
    "a resolution of 0": ("above 0", cell("0.5", "0")),
    "a resolution as text": ("above 0", cell("0.5", "fine")),
    "a right of none": ("is unknown; write owner", cell("owner", "owns")),
    "a lineage twice": ("stands in row 2 already", cell("\nT\t", "\nplasma\t")),
})  # fmt: skip
tried("assets, markers", {
    "a cell type twice": ("stands in row 2 already", cell("T cell", "plasma cell")),
    "a receptor of none": ("is unknown", cell("BCR", "Ig")),
})  # fmt: skip
NAMED = ("T cell", "γδ T, CD4+ 'naïve'")
CATALOGUE.append(Tried("assets, markers", "a cell type of other letters and signs", SAME, named(*NAMED), NAMED))
tried("assets, watch_list", {"# within a cell": ("from which on a line is not read", cell("survival", "see #3"))})
tried("assets, excluded_genes", {"a pattern that is none": ("no regular expression", cell("^IG[HKL]V", "^IG[HKL"))})


def ran(command, *arguments) -> tuple[int, str]:
    """Exit status and what a command printed; no tracebacks and no internal errors, whatever it was given."""
    result = CliRunner().invoke(command, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    assert "internal error" not in result.output and "Traceback" not in result.output, result.output
    return result.exit_code, result.output


def read_sample(folder: Path, gex: Path, contigs: Path | None = None):
    """(what READ_CELLRANGER made of a sample, None), or (None, its one sentence)."""
    import anndata

    (folder / "ids.tsv").write_text("gene_id\tsymbol\n" + "".join(KNOWN))
    more = ["--vdj-t", contigs] if contigs else []
    status, printed = ran(read_cellranger.main, "--sample", "S", "--gex", gex, "--gene-ids", folder / "ids.tsv", *more)
    assert status == 0, printed
    facts = json.loads(Path("S.read.json").read_text())
    if facts["status"] == "failed" or facts["left_out"]:
        return None, facts["reason"] or facts["left_out"]["TCR"]
    if contigs:
        table = pd.read_parquet("S.contigs.parquet")
        return (table.to_dict("list"), None) if len(table) else (None, facts["warnings"][-1])
    counts = anndata.read_h5ad("S.counts.h5ad")
    return (counts.X.toarray().tolist(), list(counts.obs_names), list(counts.var_names)), None


def check_tables(folder: Path, kind: str, content: bytes):
    """The same of CHECK_INPUTS, and of the step that reads a table of assets/."""
    for name in ("A.h5", "B.h5"):
        (folder / name).write_bytes(b"x")
    (folder / "empty.h5").write_bytes(b"")
    for name in ("folder", "a b"):
        (folder / name).mkdir()
    (folder / "a b" / "A.h5").write_bytes(b"x")
    (folder / "link.h5").symlink_to(folder / "gone")
    (folder / "samples.csv").write_bytes(content if kind == "samplesheet" else SHEET)
    words = kind.split(", ")
    if kind != "samplesheet":
        (folder / f"{words[-1]}.csv").write_bytes(content)
    option = [] if kind == "samplesheet" else ["--asset"] if len(words) == 2 else [f"--{kind}"]
    given = [*option, *words[1:], folder / f"{words[-1]}.csv"] if option else []
    status, printed = ran(check_inputs.main, folder / "samples.csv", *given)
    if status:
        assert status == 1 and not list(Path().glob("*.tsv"))
        return None, "\n".join(line for line in printed.splitlines() if line.startswith("ERROR "))
    if len(words) == 2:
        form = FORMS[words[1]]
        table = read_text_table(folder / f"{words[1]}.csv", form.columns, comment="#" if form.comments else None)
        return table[list(form.columns)].to_dict("list"), None
    name = "samples" if kind == "samplesheet" else kind
    return Path(f"{name}.tsv").read_text().replace(f"{folder}/", ""), None


def outcome(entry: Tried, folder: Path):
    """(result, sentence) of an entry of the catalogue, one of which is None."""
    if entry.kind.startswith("matrix"):
        return read_sample(folder, entry.make(folder))
    if entry.kind == "contigs":
        (folder / "filtered_contig_annotations.csv").write_bytes(entry.make(CONTIGS))
        return read_sample(folder, h5(folder), folder / "filtered_contig_annotations.csv")
    base = SHEET if entry.kind == "samplesheet" else (TABLES | OWN)[entry.kind.split(", ")[-1]]
    return check_tables(folder, entry.kind, entry.make(base))


@pytest.mark.parametrize("entry", CATALOGUE, ids=[f"{entry.kind}: {entry.what}" for entry in CATALOGUE])
def test_a_bad_file_has_one_sentence_and_an_odd_one_is_read_as_the_whole(entry, tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path / "out")
    result, sentence = outcome(entry, tmp_path)
    assert {path.name for path in (tmp_path / "out").iterdir()}.isdisjoint({"x", "touch x"})
    if entry.outcome != SAME:
        assert result is None, result
        assert entry.outcome in sentence
        for line in sentence.splitlines():
            assert re.search("; |; write |is missing; |holds no", line), f"says not what to do: {line}"
        return
    assert sentence is None, sentence
    (tmp_path / "whole").mkdir()
    monkeypatch.chdir(tmp_path / "whole")
    base = next(other for other in CATALOGUE if other.kind == entry.kind and other.what == "whole")
    expected, _ = outcome(base, tmp_path / "whole")
    assert as_text(result) == as_text(expected).replace(*entry.renamed if entry.renamed[0] else ("\0", ""))


def as_text(result) -> str:
    return json.dumps(result, ensure_ascii=False)


def page() -> str:
    """The page with its table as the catalogue has it."""
    kinds: dict[str, list[Tried]] = {}
    for entry in CATALOGUE:
        kinds.setdefault(entry.kind, []).append(entry)
    lines = ["| file | tried | read as the whole file | one sentence |", "|---|---|---|---|"]
    for kind, entries in kinds.items():
        same = sum(entry.outcome == SAME for entry in entries)
        lines.append(f"| {kind} | {len(entries)} | {same} | {len(entries) - same} |")
    same = sum(entry.outcome == SAME for entry in CATALOGUE)
    lines += [f"| **all** | {len(CATALOGUE)} | {same} | {len(CATALOGUE) - same} |", ""]
    lines += ["| file | what it is | outcome |", "|---|---|---|"]
    for kind, entries in kinds.items():
        for entry in entries:
            what = entry.outcome if entry.outcome == SAME else f"`{entry.outcome}`" if entry.outcome else "a sentence"
            lines.append(f"| {kind} | {entry.what} | {what} |".replace("|'", "\\|'"))
    before, after = PAGE.read_text(encoding="utf-8").split(START)[0], PAGE.read_text(encoding="utf-8").split(END)[1]
    return "\n".join([before + START, "", *lines, "", END + after])


def test_the_page_is_what_the_catalogue_tries():
    assert page() == PAGE.read_text(encoding="utf-8"), "run PYTHONPATH=bin:tests python tests/unit/test_bad_inputs.py"
    assert len(CATALOGUE) >= 72 and min(Counter(entry.kind for entry in CATALOGUE).values()) >= 1


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
