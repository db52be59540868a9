#!/usr/bin/env python3
"""Read what Cell Ranger wrote for one sample: the count matrix, the V(D)J contigs and the run metrics."""

import csv
import re
from pathlib import Path
from typing import Any

from _cellranger_files import UNREADABLE, find_file, open_bytes, strip_suffix
from _cli import command, write_json
from _contigs import read_contigs, schema
from _errors import InputError
from _receptors import LIBRARY_COLUMNS

import click

GEX = "Gene Expression"
MATRIX = ("*_bc_matri*.h5", "*matrix.mtx*")  # at any depth of outs, of count and multi, versions 2 to 9


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


def read_counts(path: Path, sample: str) -> tuple[Any, list[str]]:
    """AnnData of gene counts (CSR int32) by cell_id, and warnings; other feature types stay aside in obsm."""
    import anndata
    import numpy as np
    import pandas as pd
    from anndata.utils import make_index_unique

    source = find_file(path, MATRIX, sample)
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
        cause = (str(error).strip("'\"").splitlines() or [type(error).__name__])[0]
        whole = f"{where} is no whole filtered matrix of Cell Ranger ({cause})"
        raise InputError(f"{whole}; copy the h5 or folder again") from error
    genes = (features.feature_types == GEX).to_numpy()
    stripped, warnings = strip_suffix(pd.Series(barcodes), where)
    for barcode in stripped[stripped.duplicated()]:
        raise InputError(f"{where} names barcode {barcode} twice; make the barcodes unique")
    matrix = matrix.astype(np.int32, copy=False)
    matrix.sort_indices()
    matrix.eliminate_zeros()
    var = features.loc[genes, ["gene_ids", "feature_types", "genome"]]
    var.index = make_index_unique(pd.Index(features.name[genes].to_numpy()))
    cells = pd.DataFrame({"barcode": barcodes}, index=(f"{sample}:" + stripped).to_numpy())
    adata = anndata.AnnData(matrix if genes.all() else matrix[:, genes], obs=cells, var=var)
    adata.uns["feature_names"] = {}
    for kind in features.feature_types[~genes].unique():
        of_kind = (features.feature_types == kind).to_numpy()
        key = kind.replace(" ", "_")
        adata.obsm[key] = matrix[:, of_kind]
        adata.uns["feature_names"][key] = features.name[of_kind].to_numpy(dtype=object)
    return adata, warnings


def read_metrics(path: Path, sample: str) -> dict[str, float]:
    """Metrics of metrics_summary.csv, wide (count, vdj) or long (multi): '4,340' is 4340, '97.8%' is 97.8."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as handle:
            header, *rows = [row for row in csv.reader(handle) if row]
        if "Metric Name" not in header:
            words = " ".join(header)
            kind = "VDJ T: " if "TRA" in words else "VDJ B: " if "IGH" in words else ""
            kind = kind or ("VDJ: " if "V-J" in words else "")
            pairs = [(kind + name, value) for name, value in zip(header, rows[0], strict=True)]
        else:
            table = [dict(zip(header, row, strict=True)) for row in rows]
            # The library's figures first: the sample's own replace them where both have the same name.
            table.sort(key=lambda row: "Library" not in row.values())
            table = [row for row in table if row["Grouped By"] in ("", "Physical library ID")]
            names = [f"{row['Library Type']}: {row['Metric Name']}".removeprefix(f"{GEX}: ") for row in table]
            pairs = [(name, row["Metric Value"]) for name, row in zip(names, table, strict=True)]
    except (OSError, ValueError, KeyError, IndexError) as error:
        strange = f"{sample}: {path} is no metrics_summary.csv of Cell Ranger"
        raise InputError(f"{strange}; give it unchanged, or move it away") from error
    numbers = {name: value.replace(",", "").strip().rstrip("%") for name, value in pairs}
    return {name: float(text) for name, text in numbers.items() if re.fullmatch(r"-?\d+(\.\d+)?", text)}


def describe(adata: Any, contigs: Any) -> dict[str, Any]:
    """Facts for read.json; overlap shares are of the V(D)J cells or, where fewer, the matrix's."""
    cells = set(adata.obs_names)
    good = contigs[contigs.is_cell & contigs.high_confidence]
    overlap = {}
    for library, of_library in good.groupby("library"):
        groups = {"all": of_library, **dict(iter(of_library.groupby("locus")))}
        sets = {name: set(group.cell_id) for name, group in groups.items()}
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


@command()
@click.option("--sample", required=True, help="Name of the sample; every cell_id begins with it.")
@click.option("--gex", required=True, type=Path, help="Filtered matrix: h5 file, mtx folder or outs folder.")
@click.option("--vdj-b", type=Path, help="BCR contigs: the CSV, an AIRR TSV or the folder that holds one.")
@click.option("--vdj-t", type=Path, help="TCR contigs, likewise.")
@click.option("--vdj-t-gd", type=Path, help="TCR contigs of a library for gamma and delta chains, likewise.")
@click.option("--metrics", type=Path, multiple=True, help="metrics_summary.csv; may be given several times.")
def main(sample: str, gex: Path, metrics: tuple[Path, ...], **libraries: Path | None) -> None:
    """Write SAMPLE.counts.h5ad, SAMPLE.contigs.parquet and SAMPLE.read.json from Cell Ranger's files.

    Of a sample whose files cannot be read, only SAMPLE.read.json is written, with the reason.
    """
    import hdf5plugin
    import pyarrow as pa
    import pyarrow.parquet as pq

    facts: dict[str, Any] = {"sample": sample, "status": "ok", "reason": None}
    try:
        adata, warnings = read_counts(gex, sample)
        columns = [column for columns in LIBRARY_COLUMNS.values() for column in columns if libraries[column]]
        tables = [read_contigs(libraries[column], sample, column) for column in columns]
        numbers = {name: value for path in metrics for name, value in read_metrics(path, sample).items()}
    except InputError as error:
        facts |= {"status": "failed", "reason": str(error)}
    else:
        parts = [pa.Table.from_pandas(table, schema=schema(), preserve_index=False) for table, _ in tables]
        contigs = pa.concat_tables([schema().empty_table(), *parts])
        warnings += [text for _, remarks in tables for text in remarks]
        facts |= describe(adata, contigs.to_pandas()) | {"cellranger": numbers, "warnings": warnings}
        adata.write_h5ad(f"{sample}.counts.h5ad", compression=hdf5plugin.FILTERS["zstd"])
        pq.write_table(contigs, f"{sample}.contigs.parquet", compression="zstd")
    write_json(facts, f"{sample}.read.json")


if __name__ == "__main__":
    main()
