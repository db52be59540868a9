#!/usr/bin/env python3
"""Compare a simulated case with real data: one figure and a table of summaries for docs/simulator.md."""

import json
import warnings
from pathlib import Path

import click
import h5py
import numpy as np
import pandas as pd
from scipy import sparse

TABLES = Path(__file__).resolve().parents[1] / "data" / "simulator"
REAL = {"C149": "liao_covid_balf/C149", "C146": "liao_covid_balf/C146"}
SOIL = r"IG[HKL][GAMC]\d?|JCHAIN|HB[AB]\d?|S100A[89]|LYZ|C1Q[ABC]|APOC1|SFTPC|SCGB.*"
SIMULATED, MEASURED = "#d55e00", "#0072b2"


def read(path: Path) -> tuple[sparse.csr_matrix, pd.Index]:
    """Counts (barcodes x genes) and gene names."""
    with h5py.File(path) as file:
        group = file["matrix"]
        shape = tuple(group["shape"][:][::-1])
        x = sparse.csr_matrix((group["data"][:], group["indices"][:], group["indptr"][:]), shape=shape)
        return x, pd.Index(group["features/name"][:].astype(str))


def per_cell(x: sparse.csr_matrix, genes: pd.Index) -> pd.DataFrame:
    """UMIs, genes, mitochondrial and ribosomal share per barcode, and whether it looks like a T cell."""
    umi = x.sum(1).A1
    share = {
        name: x[:, genes.str.match(pattern)].sum(1).A1 / umi
        for name, pattern in (("mito", "MT-"), ("ribo", r"RP[SL]\d"), ("soil", SOIL))
    }
    t_cell = (x[:, genes.isin(["CD3D", "CD3E", "TRAC"])].sum(1).A1 >= 3) & (share["mito"] < 0.1) & (umi > 1000)
    return pd.DataFrame({"umi": umi, "genes": x.getnnz(1), **share, "t_cell": t_cell})


def ambient(cells: pd.DataFrame, pooled: float) -> float:
    """Share of a T cell's UMIs that is soup: its share of genes that T cells lack, over that of all cells."""
    return float(np.median(cells.loc[cells["t_cell"], "soil"]) / pooled)


def zeros(x: sparse.csr_matrix) -> tuple[np.ndarray, np.ndarray]:
    """Mean counts per gene and share of cells without any, of genes that were seen."""
    mean, zero = np.asarray(x.mean(0)).ravel(), 1 - x.getnnz(0) / x.shape[0]
    return mean[mean > 0], zero[mean > 0]


def pairing(path: Path, keep: set[str] | None = None) -> pd.Series:
    """Shares of scirpy's chain pairing categories."""
    import scirpy as ir

    data = ir.io.read_10x_vdj(path)
    if keep is not None:
        data = data[data.obs_names.isin(keep)].copy()
    ir.pp.index_chains(data)
    ir.tl.chain_qc(data)
    return data.obs["chain_pairing"].value_counts(normalize=True)


def lengths(cdr3: pd.Series) -> pd.Series:
    return cdr3.str.len().value_counts(normalize=True).sort_index()


def overlap(one: pd.Series, other: pd.Series) -> float:
    """Overlap of two distributions over the same categories, 0..1."""
    return float(pd.concat([one, other], axis=1).fillna(0).min(axis=1).sum())


@click.command()
@click.option("--real", type=click.Path(path_type=Path, exists=True), envvar="CLONEWATCH_REAL_DATA", required=True)
@click.option("--simulated", type=click.Path(path_type=Path, exists=True), required=True, help="a simulated case")
@click.option("--figure", type=click.Path(path_type=Path), default=Path("docs/images/simulator.png"))
def main(real: Path, simulated: Path, figure: Path) -> None:
    """Draw FIGURE and print the table."""
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    warnings.filterwarnings("ignore")
    mpl.rcParams.update({"font.size": 8, "axes.spines.top": False, "axes.spines.right": False})
    truth = pd.read_parquet(simulated / "truth" / "cells.parquet").set_index("cell_id")
    sources = {f"simulated {t}": read(simulated / f"P1_{t}" / "filtered_feature_bc_matrix.h5") for t in ("T2", "T3")}
    sources |= {name: read(real / path / "count" / "filtered_feature_bc_matrix.h5") for name, path in REAL.items()}
    colours = dict(zip(sources, (SIMULATED, "#e69f00", MEASURED, "#56b4e9"), strict=True))
    rows, panels = [], plt.subplots(3, 3, figsize=(11, 9), constrained_layout=True)
    drawing, axes = panels[0], panels[1].ravel()
    for name, (x, genes) in sources.items():
        cells = per_cell(x, genes)
        pooled = float(x[:, genes.str.match(SOIL)].sum() / x.sum())
        mean, zero = zeros(x[cells["t_cell"].to_numpy()])
        seen = mean > 0.3
        excess = float(np.mean((zero - np.exp(-mean))[seen]))
        t_cells = cells[cells["t_cell"]]
        row = {"data": name, "barcodes": len(cells)}
        row |= {"UMI median": cells["umi"].median(), "genes median": cells["genes"].median()}
        row |= {"T cells: UMI": t_cells["umi"].median(), "T cells: genes": t_cells["genes"].median()}
        row |= {"mito median": cells["mito"].median(), "mito > 10 %": (cells["mito"] > 0.1).mean()}
        row |= {"T cells: ribo": t_cells["ribo"].median(), "T cells: soup": ambient(cells, pooled)}
        rows.append(row | {"T cells: zeros above Poisson": excess})
        colour = colours[name]
        for axis, column, bins in ((0, "umi", np.geomspace(300, 60000, 50)), (1, "genes", np.geomspace(100, 8000, 50))):
            axes[axis].hist(cells[column], bins, density=True, histtype="step", color=colour, label=name)
        axes[2].hist(cells["mito"], np.linspace(0, 0.4, 60), density=True, histtype="step", color=colour)
        order = np.argsort(mean)
        smooth = pd.Series(zero[order]).rolling(100, center=True).median()
        axes[3].plot(mean[order], smooth, color=colour, lw=1)
        log_umi, log_genes = np.log10(cells["umi"]), np.log10(cells["genes"])
        middle = log_genes.groupby((log_umi * 10).round() / 10).median()
        axes[4].plot(10**middle.index, 10**middle, color=colour, lw=1)
        axes[5].hist(t_cells["soil"] / pooled, np.linspace(0, 0.4, 50), density=True, histtype="step", color=colour)
    grid = np.geomspace(1e-3, 30, 100)
    axes[3].plot(grid, np.exp(-grid), color="0.6", ls=":", label="Poisson")
    titles = {
        "UMIs per barcode": "log",
        "genes per barcode": "log",
        "mitochondrial share": "linear",
        "T cells: share of zeros by mean count": "log",
        "genes against UMIs (median)": "log",
        "estimated soup in T cells": "linear",
    }
    for axis, (title, scale) in enumerate(titles.items()):
        axes[axis].set_title(title)
        axes[axis].set_xscale(scale)
    axes[3].set_xlim(1e-3, 30)
    axes[4].set_yscale("log")
    axes[0].legend(frameon=False)
    axes[3].legend(frameon=False)
    facts = _receptors(real, simulated, truth, axes[6:])
    drawing.savefig(figure, dpi=110)
    click.echo(_markdown(pd.DataFrame(rows)))
    click.echo("\n" + _markdown(facts))


def _receptors(real: Path, simulated: Path, truth: pd.DataFrame, axes: np.ndarray) -> pd.DataFrame:
    """Pairing categories, CDR3 lengths and V genes of polyclonal B cells and of T cells."""
    tables = {
        library: pd.concat(
            [
                pd.read_csv(simulated / f"P1_{t}" / library / "filtered_contig_annotations.csv").assign(
                    sample=f"P1_{t}"
                )
                for t in ("T1", "T2", "T3")
            ]
        )
        for library in ("vdj_b", "vdj_t")
    }
    for library, table in tables.items():
        owner = truth.reindex(table["sample"] + ":" + table["barcode"].str[:-2])
        clonal = owner["bcr_clone"].astype(str).str.contains("plasma_clone|blast").to_numpy()
        tables[library] = table[table["productive"] & (owner["kind"] == "cell").to_numpy() & ~clonal]
    usage = json.loads((TABLES / "receptors.json").read_text())
    melanoma = pd.read_csv(real / "melanoma_bcr" / "filtered_contig_annotations.csv")
    melanoma = melanoma[melanoma["productive"].astype(str).str.lower() == "true"]
    rows = []
    for locus, library, colour in (
        ("IGH", "vdj_b", "o"),
        ("IGK", "vdj_b", "s"),
        ("IGL", "vdj_b", "v"),
        ("TRA", "vdj_t", "^"),
        ("TRB", "vdj_t", "x"),
    ):
        mine = tables[library][tables[library]["chain"] == locus].drop_duplicates(["v_gene", "j_gene", "cdr3_nt"])
        if locus.startswith("IG"):
            theirs = melanoma[melanoma["chain"] == locus].drop_duplicates(["v_gene", "j_gene", "cdr3_nt"])
            their_v, their_length = theirs["v_gene"].value_counts(normalize=True), lengths(theirs["cdr3"])
        else:
            counts = pd.Series(usage[locus]["count"], index=usage[locus]["v"]).groupby(level=0).sum()
            their_v = counts / counts.sum()
            their_length = pd.Series({int(k): n for k, n in usage[locus]["length"].items()})
            their_length = their_length / their_length.sum()
        my_v, my_length = mine["v_gene"].value_counts(normalize=True), lengths(mine["cdr3"])
        both = pd.concat([their_v, my_v], axis=1).fillna(0)
        row = {"locus": locus, "chains simulated": len(mine)}
        for name, table in (("simulated", my_length), ("real", their_length)):
            row[f"CDR3 length, {name}"] = float((table * table.index).sum())
        row |= {"length overlap": overlap(my_length, their_length), "V usage overlap": overlap(my_v, their_v)}
        rows.append(row)
        axes[2].plot(both.iloc[:, 0] + 1e-4, both.iloc[:, 1] + 1e-4, colour, ms=3, label=locus)
        if locus in ("IGH", "TRB"):
            axes[1].plot(
                their_length.index,
                their_length,
                color=MEASURED,
                ls="-" if locus == "IGH" else "--",
                label=f"{locus}, real",
            )
            axes[1].plot(
                my_length.index,
                my_length,
                color=SIMULATED,
                ls="-" if locus == "IGH" else "--",
                label=f"{locus}, simulated",
            )
    axes[1].set_title("CDR3 length")
    axes[2].set_title("V gene usage: simulated against real")
    axes[2].set_xscale("log")
    axes[2].set_yscale("log")
    axes[2].plot([1e-4, 0.3], [1e-4, 0.3], color="0.6", ls=":")
    kept = truth[(truth["kind"] != "empty") & truth["sample"].eq("P1_T3")]
    barcodes = {f"{cell.split(':')[1]}-1" for cell in kept.index}
    name, pbmc3 = ("filtered_contig_annotations.csv", pd.read_csv(real / "expected" / "expected_obs_pbmc3_t.csv"))
    pairs = pd.DataFrame(
        {
            "BCR, simulated T3": pairing(simulated / "P1_T3" / "vdj_b" / name, barcodes),
            "BCR, real melanoma": pairing(real / "melanoma_bcr" / name),
            "TCR, simulated T3": pairing(simulated / "P1_T3" / "vdj_t" / name, barcodes),
            "TCR, real pbmc3": pbmc3["chain_pairing"].value_counts(normalize=True),
        }
    ).fillna(0)
    colours = ("#e69f00", "#56b4e9", SIMULATED, MEASURED)
    pairs = pairs[pairs.max(axis=1) > 0.005]
    pairs.plot.barh(ax=axes[0], color=colours, width=0.8)
    axes[0].set_title("chain pairing (scirpy)")
    axes[0].set_ylabel("")
    for axis in axes:
        axis.legend(frameon=False, fontsize=6)
    click.echo(_markdown(pairs.reset_index(names="chain pairing")) + "\n")
    return pd.DataFrame(rows)


def _markdown(table: pd.DataFrame) -> str:
    def cell(value: object) -> str:
        return (
            f"{value:,.0f}"
            if isinstance(value, float) and value > 50
            else (f"{value:.3f}" if isinstance(value, float) else str(value))
        )

    lines = [" | ".join(table.columns), " | ".join("---" for _ in table.columns)]
    lines += [" | ".join(cell(v) for v in row) for row in table.itertuples(index=False)]
    return "\n".join(f"| {line} |" for line in lines)


if __name__ == "__main__":
    main()
