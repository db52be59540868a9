#!/usr/bin/env python3
"""Read what Cell Ranger wrote for one sample: the count matrix, the V(D)J contigs and the run metrics."""

import csv
import filecmp
import re
from pathlib import Path
from typing import Any

from _barcodes import own_barcodes
from _cellranger_files import PART, UNREADABLE, is_raw
from _cli import FILE, command, write_json
from _contigs import read_contigs, schema
from _count_matrix import FILTERED, GEX, find_matrix, made_with, read_h5, read_mtx, unusable
from _errors import InputError, Note
from _gene_names import cell_species, known_share, overall_species, plain_genes
from _receptors import LIBRARY_COLUMNS

import click

ASSETS = Path(__file__).resolve().parents[1] / "assets"
KNOWN = 0.5  # least share of the gene names that are human ones, of old and new annotations (GRCh37: 0.87)
OTHERS = "write its raw counts as barcodes, features and matrix (docs/usage/geo.md)"


def of_human_cells(adata: Any, species: Any, where: str) -> tuple[Any, str]:
    """Of a human-mouse reference the human cells and the genes that are not mouse, and the sentence that says so."""
    counts = cell_species(adata.X, species)
    cells = {kind: int((counts == kind).sum()) for kind in ("human", "mouse", "both")}
    out = f"{cells['mouse']:,} mouse cells and {cells['both']:,} with UMIs of both species"
    if not cells["human"]:
        raise InputError(f"{where} holds no human cell but {out}; leave the sample out")
    adata = adata[counts == "human", species != "mouse"].copy()
    adata.uns["species_cells"] = cells
    return (
        adata,
        f"{where} is of human and mouse: {cells['human']:,} human cells are kept; {out} are left out, and so are mouse genes",
    )


def read_counts(path: Path, sample: str, symbols: Path = ASSETS / "gene_ids.tsv") -> tuple[Any, list[str]]:
    """AnnData of gene counts (CSR int32) by cell_id, and warnings; other feature types stay aside in obsm.

    Genes are named by plain symbols; `uns["species"]` is human, mouse or unknown. symbols: Ensembl ids and their symbols.
    """
    import anndata
    import numpy as np
    import pandas as pd
    from anndata.utils import make_index_unique

    source = find_matrix(path, sample)
    where = f"{sample}: {source[0].name}"
    folder = len(source) > 1 and not PART.fullmatch(source[0].name)[1]
    if is_raw(str(source[0].parent if folder else source[0])):
        raise InputError(f"{where} is a raw matrix, of every droplet; {FILTERED}")
    try:
        if any(file.stat().st_size == 0 for file in source):
            raise ValueError("0 bytes")
        matrix, barcodes, features = read_h5(*source) if len(source) == 1 else read_mtx(*source)
        if matrix.shape != (len(barcodes), len(features)):
            named = f"{len(barcodes)} barcodes and {len(features)} features"
            raise ValueError(f"counts for {matrix.shape[0]} x {matrix.shape[1]}, names for {named}")
        matrix.check_format(full_check=True)  # a gene beyond the last one would be read from foreign memory
    except UNREADABLE as error:
        cause = (str(error).strip("'\"").splitlines() or [type(error).__name__])[0]
        if isinstance(error, KeyError):  # whole, and of another program
            raise InputError(f"{where} is no h5 of Cell Ranger or CellBender ({cause}); {OTHERS}") from error
        whole = f"{where} is no whole filtered matrix of Cell Ranger ({cause})"
        raise InputError(f"{whole}; copy the h5 or folder again") from error
    wrong = unusable(matrix, len(barcodes), features)
    if wrong:
        raise InputError(f"{where} {wrong}")
    genes = (features.feature_types == GEX).to_numpy()
    stripped, warnings = own_barcodes(pd.Series(barcodes), where)
    if not all(barcodes):
        raise InputError(f"{where}: barcode {barcodes.index('') + 1} is empty; copy the h5 or folder again")
    for barcode in stripped[stripped.duplicated()]:
        raise InputError(f"{where} names barcode {barcode} twice; make the barcodes unique")
    matrix = matrix.astype(np.int32, copy=False)
    matrix.sort_indices()
    matrix.eliminate_zeros()
    var, done = plain_genes(features[genes], symbols)
    species = var.pop("species").to_numpy()
    var.index = make_index_unique(pd.Index(var.pop("name").to_numpy()))
    cells = pd.DataFrame({"barcode": barcodes}, index=(f"{sample}:" + stripped).to_numpy())
    adata = anndata.AnnData(matrix if genes.all() else matrix[:, genes], obs=cells, var=var)
    adata.uns["feature_names"] = {}
    for kind in features.feature_types[~genes].unique():
        of_kind = (features.feature_types == kind).to_numpy()
        key = kind.replace(" ", "_")
        adata.obsm[key] = matrix[:, of_kind]
        adata.uns["feature_names"][key] = features.name[of_kind].to_numpy(dtype=object)
    warnings += [Note(f"{where}: {text}") for text in done]
    adata.uns["made_with"] = made_with(source)
    adata.uns["species"] = overall_species(species)
    if adata.uns["species"] == "mixed":
        adata, text = of_human_cells(adata, species, where)
        adata.uns["species"] = "human"
        warnings.append(text)
    return adata, warnings


def check_names(adata: Any, known: Path, sample: str) -> None:
    """Raise InputError where most genes are none of the table's, nor of mouse: every step after QC would find nothing."""
    share = known_share(adata.var_names, known)
    if share < KNOWN and adata.uns["species"] != "mouse":
        names = ", ".join(adata.var_names[:3])
        few = f"{sample}: of its {adata.n_vars:,} gene names ({names}, ..) only {share:.0%} are in {known.name}"
        raise InputError(f"{few}; name genes by human symbols or Ensembl ids")


def same_file(one: Path | None, other: Path | None) -> bool:
    """Whether two paths are of one file, or of copies of it."""
    return bool(one and other and one.is_file() and other.is_file() and filecmp.cmp(one, other, shallow=False))


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
    facts = {"n_cells": adata.n_obs, "n_genes": adata.n_vars, **adata.uns["made_with"]}
    facts |= {"species": adata.uns["species"], "species_cells": adata.uns.get("species_cells", {})}
    facts["genomes"] = adata.var.genome.value_counts().to_dict()
    facts["features"] = {GEX: adata.n_vars} | others
    facts["contigs"] = {"rows": len(contigs), "cells": int(good.cell_id.nunique())}
    facts["contigs"]["by_locus"] = contigs.locus.fillna("none").value_counts().to_dict()
    return facts | {"overlap": overlap}


def read_libraries(
    files: dict[str, Path | None], sample: str, cells: frozenset[str]
) -> tuple[list[Any], list[str], dict[str, str]]:
    """Tables of contigs, warnings, and {library: why it is left out}: a library fails alone, and with all its files.

    files: by column of the samplesheet; cells: barcodes of the matrix.
    """
    tables, warnings, left_out = [], [], {}
    both = same_file(files["vdj_b"], files["vdj_t"])
    for library, columns in LIBRARY_COLUMNS.items():
        try:
            read = [read_contigs(files[column], sample, column, cells, both) for column in columns if files[column]]
        except InputError as error:
            left_out[library] = f"its {library} library is left out: {str(error).removeprefix(f'{sample}: ')}"
        else:
            tables += [table for table, _ in read]
            warnings += [text for _, remarks in read for text in remarks]
    return tables, warnings, left_out


@command()
@click.option("--sample", required=True, help="Name of the sample; every cell_id begins with it.")
@click.option(
    "--gex",
    required=True,
    type=Path,
    help="Filtered matrix: h5 file, mtx folder, outs folder, one of a matrix's three files or the beginning of their names.",
)
@click.option("--vdj-b", type=Path, help="BCR contigs: the CSV, an AIRR TSV or the folder that holds one.")
@click.option("--vdj-t", type=Path, help="TCR contigs, likewise.")
@click.option("--vdj-t-gd", type=Path, help="TCR contigs of a library for gamma and delta chains, likewise.")
@click.option("--metrics", type=Path, multiple=True, help="metrics_summary.csv; may be given several times.")
@click.option("--gene-ids", type=FILE, default=ASSETS / "gene_ids.tsv", help="Symbols of Ensembl ids (TSV).")
def main(sample: str, gex: Path, metrics: tuple[Path, ...], gene_ids: Path, **libraries: Path | None) -> None:
    """Write SAMPLE.counts.h5ad, SAMPLE.contigs.parquet and SAMPLE.read.json from Cell Ranger's files.

    Of a sample whose matrix cannot be read, only SAMPLE.read.json is written, with the reason. A library that
    cannot be read is left out alone.
    """
    import hdf5plugin
    import pyarrow as pa
    import pyarrow.parquet as pq

    facts: dict[str, Any] = {"sample": sample, "status": "ok", "reason": None}
    try:
        adata, warnings = read_counts(gex, sample, gene_ids)
        check_names(adata, gene_ids, sample)
        numbers = {name: value for path in metrics for name, value in read_metrics(path, sample).items()}
    except InputError as error:
        facts |= {"status": "failed", "reason": str(error)}
    else:
        cells = frozenset(adata.obs_names.str.removeprefix(f"{sample}:"))
        tables, remarks, left_out = read_libraries(libraries, sample, cells)
        parts = [pa.Table.from_pandas(table, schema=schema(), preserve_index=False) for table in tables]
        contigs = pa.concat_tables([schema().empty_table(), *parts])
        warnings += [*remarks, *left_out.values()]
        given = [name for name, columns in LIBRARY_COLUMNS.items() if any(libraries[column] for column in columns)]
        facts |= {"libraries": [name for name in given if name not in left_out], "left_out": left_out}
        facts |= describe(adata, contigs.to_pandas()) | {"cellranger": numbers}
        for name, kind in (("warnings", False), ("notes", True)):
            facts[name] = [text for text in warnings if isinstance(text, Note) == kind]
        adata.write_h5ad(f"{sample}.counts.h5ad", compression=hdf5plugin.FILTERS["zstd"])
        pq.write_table(contigs, f"{sample}.contigs.parquet", compression="zstd")
    write_json(facts, f"{sample}.read.json")


if __name__ == "__main__":
    main()
