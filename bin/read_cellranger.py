#!/usr/bin/env python3
"""Read what Cell Ranger wrote for one sample: the count matrix, the V(D)J contigs and the run metrics."""

import csv
import gzip
import io
import json
import re
import zlib
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any, NoReturn

import click

PACKAGES = ("click", "anndata", "h5py", "numpy", "pandas", "pyarrow", "scipy")
GEX = "Gene Expression"
LOCI = {"BCR": ("IGH", "IGK", "IGL"), "TCR": ("TRA", "TRB", "TRD", "TRG")}
MATRIX = ("*_bc_matri*.h5", "*matrix.mtx*")  # at any depth of outs, of count and multi, versions 2 to 9
CONTIGS = ("*filtered_contig_annotations*.csv*", "*airr_rearrangement*.tsv*", "*all_contig_annotations*.csv*")
# Columns of Cell Ranger and of other AIRR writers -> ours (AIRR's names).
RENAME = {"barcode": "cell_id", "contig_id": "sequence_id", "chain": "locus", "cdr3": "junction_aa"}
RENAME |= {"cdr3_nt": "junction", **{f"{segment}_gene": f"{segment}_call" for segment in "vdjc"}}
RENAME |= {"umis": "duplicate_count", "umi_count": "duplicate_count", "reads": "consensus_count"}
TEXT = ("sequence_id", "locus", "v_call", "d_call", "j_call", "c_call", "junction", "junction_aa")
FLAGS = ("productive", "is_cell", "high_confidence", "full_length")
REQUIRED = ["cell_id", "v_call", "j_call", "junction_aa", "productive"]
NUMBERS = ("duplicate_count", "consensus_count", "length")
ALIGNMENTS = ("sequence_alignment", "germline_alignment")
UNREADABLE = (OSError, KeyError, ValueError, EOFError, zlib.error)  # what damaged or foreign files raise


def open_bytes(path: Path) -> IO[bytes]:
    """Open a file that is gzip or plain, whatever its name says."""
    with open(path, "rb") as handle:
        packed = handle.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rb") if packed else open(path, "rb")


def stop(text: str) -> NoReturn:
    """End with one sentence: where, what was found; what to do."""
    raise click.ClickException(text)


def find(path: Path, patterns: tuple[str, ...], what: str) -> Path:
    """The file or mtx folder to read: `path`, or what Cell Ranger names so below it (the shallowest wins)."""
    if path.is_file():
        return path
    for name in [depth + pattern for depth in ("", "*/", "*/*/", "*/*/*/") for pattern in patterns]:
        found = [place for place in path.glob(name) if "raw_" not in str(place.relative_to(path))]
        if len(found) > 1:
            stop(f"{what}: {path} holds {len(found)} files {name}; give one of them, or its folder")
        if found:
            return found[0].parent if "matrix.mtx" in found[0].name else found[0]
    found = "holds no " + " or ".join(patterns) if path.exists() else "does not exist"
    stop(f"{what}: {path} {found}; give Cell Ranger's file or the folder with it")


def read_h5(path: Path) -> tuple[Any, list[str], Any]:
    """Matrix (cells x features, CSR), barcodes and feature table of an h5 file, version 2 or 3."""
    import h5py
    import pandas as pd
    from scipy import sparse

    matrices, tables, barcodes = [], [], []
    with h5py.File(path) as file:
        for group in [file["matrix"]] if "matrix" in file else list(file.values()):
            n_features, n_cells = (int(value) for value in group["shape"][:])
            indptr = group["indptr"][:].astype("int32")
            kind = group["data"].dtype
            # Converted while it is read: no second copy in memory.
            data = group["data"].astype("int32" if kind.kind in "iu" else kind)[:]
            indices = group["indices"].astype("int32")[:]
            matrices.append(sparse.csr_matrix((data, indices, indptr), shape=(n_cells, n_features)))
            barcodes = group["barcodes"].asstr()[:].tolist()
            if "features" in group:
                keys = {"gene_ids": "id", "name": "name", "feature_types": "feature_type", "genome": "genome"}
                group = group["features"]
            else:
                keys = {"gene_ids": "genes", "name": "gene_names"}
            table = {new: group[old].asstr()[:] for new, old in keys.items()}
            tables.append(pd.DataFrame({"feature_types": GEX, "genome": group.name[1:]} | table))
    joined = matrices[0] if len(matrices) == 1 else sparse.hstack(matrices, format="csr")
    return joined, barcodes, pd.concat(tables, ignore_index=True)


def read_mtx(folder: Path) -> tuple[Any, list[str], Any]:
    """The same from a folder with matrix.mtx, features.tsv (version 2: genes.tsv) and barcodes.tsv."""
    import pandas as pd
    from scipy.io import mmread

    def read_tsv(pattern: str) -> Any:
        with open_bytes(next(folder.glob(pattern), folder / pattern)) as handle:
            return pd.read_csv(handle, sep="\t", header=None, dtype=str, keep_default_na=False, quoting=3)

    with open_bytes(next(folder.glob("*matrix.mtx*"))) as handle:
        matrix = mmread(handle).T.tocsr()
    table = read_tsv("*[rn]es.tsv*")  # features.tsv, or genes.tsv of version 2
    features = pd.DataFrame({"gene_ids": table[0], "name": table[min(1, table.shape[1] - 1)]})
    features["feature_types"] = table[2] if table.shape[1] > 2 else GEX
    # The folder does not name the genome; references of several genomes carry it as a prefix of every id.
    features["genome"] = features.gene_ids.str.extract(r"^(.+?)_+ENS", expand=False).fillna("unknown")
    return matrix, read_tsv("*barcodes.tsv*")[0].tolist(), features


def strip_suffix(barcodes: Any, where: str) -> tuple[Any, list[str]]:
    """Barcodes (Series) without the suffix that (nearly) all share, and warnings; files of aggr stop."""
    kinds = barcodes.str.extract(r"-(\d+)$", expand=False).fillna("none").value_counts()
    if len(kinds) < 2:
        return barcodes.str.replace(r"-\d+$", "", regex=True), []
    usual, odd = kinds.index[0], int(kinds.iloc[1:].sum())
    if "2" in kinds.index or odd >= 0.05 * len(barcodes):
        found = " and -".join(sorted(kinds.index)[:4])
        stop(f"{where}: barcodes of several libraries (-{found}), as of aggr; give each library as a sample")
    kept = barcodes.str.replace(rf"-{usual}$", "", regex=True)
    return kept, [f"{where}: {odd} of {len(barcodes)} barcodes keep a suffix other than -{usual}"]


def read_counts(path: Path, sample: str) -> tuple[Any, list[str]]:
    """AnnData of gene counts (CSR int32) by cell_id, and warnings; other feature types stay aside in obsm."""
    import anndata
    import numpy as np
    import pandas as pd
    from anndata.utils import make_index_unique

    source = find(path, MATRIX, sample)
    where = f"{sample}: {source.name}"
    try:
        if re.search("raw_feature_bc|raw_gene_bc|[.]mtx", source.name):
            raise ValueError("one of a folder's three files" if ".mtx" in source.name else "a raw matrix")
        if source.is_file() and source.stat().st_size == 0:
            raise ValueError("0 bytes")
        matrix, barcodes, features = read_mtx(source) if source.is_dir() else read_h5(source)
        if matrix.shape != (len(barcodes), len(features)):
            named = f"{len(barcodes)} barcodes and {len(features)} features"
            raise ValueError(f"counts for {matrix.shape[0]} x {matrix.shape[1]}, names for {named}")
        matrix.check_format(full_check=True)  # a gene beyond the last one would be read from foreign memory
        if not barcodes or GEX not in set(features.feature_types):
            raise ValueError(f"no feature of type {GEX}" if barcodes else "no cell")
        if len(barcodes) > 100_000 and np.median(np.diff(matrix.indptr)) < 20:
            raise ValueError(f"a raw matrix: {len(barcodes):,} barcodes, most of them empty")
        if (matrix.data < 0).any() or (matrix.data.dtype.kind == "f" and (matrix.data % 1).any()):
            raise ValueError("numbers that are negative or not whole, so no counts")
    except UNREADABLE as error:
        found = (str(error).strip("'\"").splitlines() or [type(error).__name__])[0]
        stop(f"{where} is no whole filtered matrix of Cell Ranger ({found}); copy the h5 or folder again")
    genes = (features.feature_types == GEX).to_numpy()
    stripped, warnings = strip_suffix(pd.Series(barcodes), where)
    for barcode in stripped[stripped.duplicated()]:
        stop(f"{where} names barcode {barcode} twice; make the barcodes unique")
    matrix = matrix.astype(np.int32, copy=False)
    matrix.sort_indices()
    matrix.eliminate_zeros()
    var = features.loc[genes, ["gene_ids", "feature_types", "genome"]]
    var.index = make_index_unique(pd.Index(features.name[genes].to_numpy()))
    cells = pd.DataFrame({"barcode": barcodes}, index=(f"{sample}:" + stripped).to_numpy())
    adata = anndata.AnnData(matrix if genes.all() else matrix[:, genes], obs=cells, var=var)
    adata.uns["feature_names"] = {}
    for kind in features.feature_types[~genes].unique():
        mine = (features.feature_types == kind).to_numpy()
        key = kind.replace(" ", "_")
        adata.obsm[key] = matrix[:, mine]
        adata.uns["feature_names"][key] = features.name[mine].to_numpy(dtype=object)
    return adata, warnings


def read_contigs(path: Path, sample: str, library: str) -> tuple[Any, list[str]]:
    """All rows of a contig file (filtered or all, CSV or AIRR TSV) in the columns of `schema()`; warnings."""
    import pandas as pd

    option = "vdj_b" if library == "BCR" else "vdj_t"
    source = find(path / option if (path / option).is_dir() else path, CONTIGS, f"{sample}, {option}")
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
        found = str(error).splitlines()[0]
        stop(f"{where} is no whole table in UTF-8 ({found}); copy Cell Ranger's file again")
    table = table.rename(columns={old: new for old, new in RENAME.items() if new not in table.columns})
    missing = [name for name in REQUIRED if name not in table]
    if missing:
        found = f"{where} has no column for {', '.join(missing)} (found {', '.join(table.columns[:4])} ..)"
        stop(f"{found}; give filtered_contig_annotations.csv or an AIRR rearrangement TSV")
    for row in table.index[table.cell_id.isna()]:
        stop(f"{where}: row {row + 2} has no barcode; remove the row or give Cell Ranger's file")
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
            stop(f"{where}: row {row + 2} has {name} '{column[row]}'; write a whole number")
        out[name] = numbers.astype("int64")
    other = "TCR" if library == "BCR" else "BCR"
    foreign = int(out.locus.isin(LOCI[other]).sum())
    if foreign and not out.locus.isin(LOCI[library]).any():
        stop(f"{where}: all {foreign} contigs are {other}, none is {library}; exchange vdj_b and vdj_t")
    if foreign:
        warnings.append(f"{where}: {foreign} of {len(out)} contigs are of a {other} locus")
    return out[schema().names], warnings


def schema() -> Any:
    """Columns and types of <sample>.contigs.parquet, in order."""
    import pyarrow as pa

    groups = [(pa.string(), ("cell_id", "sample", "library", *TEXT)), (pa.bool_(), FLAGS)]
    groups += [(pa.int64(), NUMBERS), (pa.string(), ALIGNMENTS)]
    return pa.schema([(name, kind) for kind, names in groups for name in names])


def read_metrics(path: Path, sample: str) -> dict[str, float]:
    """Metrics of metrics_summary.csv, wide (count, vdj) or long (multi): '4,340' is 4340, '97.8%' is 97.8."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as handle:
            header, *rows = [row for row in csv.reader(handle) if row]
        if "Metric Name" not in header:
            words = " ".join(header)
            kind = "VDJ T: " if "TRA" in words else "VDJ B: " if "IGH" in words else ""
            kind = kind or ("VDJ: " if "V-J" in words else "")
            found = [(kind + name, value) for name, value in zip(header, rows[0], strict=True)]
        else:
            table = [dict(zip(header, row, strict=True)) for row in rows]
            # The library's figures first: the sample's own replace them where both have the same name.
            table.sort(key=lambda row: "Library" not in row.values())
            table = [row for row in table if row["Grouped By"] in ("", "Physical library ID")]
            names = [f"{row['Library Type']}: {row['Metric Name']}".removeprefix(f"{GEX}: ") for row in table]
            found = [(name, row["Metric Value"]) for name, row in zip(names, table, strict=True)]
    except (OSError, ValueError, KeyError, IndexError):
        stop(f"{sample}: {path} is no metrics_summary.csv of Cell Ranger; give it unchanged, or move it away")
    numbers = {name: value.replace(",", "").strip().rstrip("%") for name, value in found}
    return {name: float(text) for name, text in numbers.items() if re.fullmatch(r"-?\d+(\.\d+)?", text)}


def describe(adata: Any, contigs: Any) -> dict[str, Any]:
    """Facts for read.json; overlap shares are of the V(D)J cells or, where fewer, the matrix's."""
    cells = set(adata.obs_names)
    good = contigs[contigs.is_cell & contigs.high_confidence]
    overlap = {}
    for library, mine in good.groupby("library"):
        groups = {"all": mine, **dict(iter(mine.groupby("locus")))}
        sets = {name: set(part.cell_id) for name, part in groups.items()}
        counts = {name: {"vdj_cells": len(ids), "shared": len(ids & cells)} for name, ids in sets.items()}
        total = counts.pop("all")
        total["share"] = total["shared"] / min(total["vdj_cells"], len(cells))
        overlap[library] = {**total, "by_locus": counts}
    others = {key.replace("_", " "): len(names) for key, names in adata.uns["feature_names"].items()}
    facts = {"n_cells": adata.n_obs, "n_genes": adata.n_vars}
    facts["genomes"] = adata.var.genome.value_counts().to_dict()
    facts["features"] = {GEX: adata.n_vars} | others
    facts["contigs"] = {"rows": len(contigs), "cells": int(good.cell_id.nunique())}
    facts["contigs"]["by_locus"] = contigs.locus.fillna("none").value_counts().to_dict()
    return facts | {"overlap": overlap}


@click.command(context_settings={"show_default": True})
@click.option("--sample", required=True, help="Name of the sample; every cell_id begins with it.")
@click.option("--gex", required=True, type=Path, help="Filtered matrix: h5 file, mtx folder or outs folder.")
@click.option("--vdj-b", type=Path, help="BCR contigs: the CSV, an AIRR TSV or the folder that holds one.")
@click.option("--vdj-t", type=Path, help="TCR contigs, likewise.")
@click.option("--metrics", type=Path, multiple=True, help="metrics_summary.csv; may be given several times.")
@click.option("--keep-going", is_flag=True, help="Report unreadable files in read.json instead of stopping.")
@click.version_option(" ".join(f"{name}={version(name)}" for name in PACKAGES), message="%(version)s")
def main(sample: str, gex: Path, vdj_b: Path, vdj_t: Path, metrics: list[Path], keep_going: bool) -> None:
    """Write SAMPLE.counts.h5ad, SAMPLE.contigs.parquet and SAMPLE.read.json from Cell Ranger's files."""
    import hdf5plugin
    import pyarrow as pa
    import pyarrow.parquet as pq

    facts: dict[str, Any] = {"sample": sample, "status": "ok", "reason": None}
    try:
        adata, warnings = read_counts(gex, sample)
        given = (("BCR", vdj_b), ("TCR", vdj_t))
        tables = [read_contigs(path, sample, library) for library, path in given if path]
        numbers = {name: value for path in metrics for name, value in read_metrics(path, sample).items()}
    except click.ClickException as error:
        if not keep_going:
            raise
        facts |= {"status": "failed", "reason": error.message}
    else:
        parts = [pa.Table.from_pandas(table, schema=schema(), preserve_index=False) for table, _ in tables]
        contigs = pa.concat_tables([schema().empty_table(), *parts])
        warnings += [text for _, said in tables for text in said]
        facts |= describe(adata, contigs.to_pandas()) | {"cellranger": numbers, "warnings": warnings}
        adata.write_h5ad(f"{sample}.counts.h5ad", compression=hdf5plugin.FILTERS["zstd"])
        pq.write_table(contigs, f"{sample}.contigs.parquet", compression="zstd")
    Path(f"{sample}.read.json").write_text(json.dumps(facts, indent=1, allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
