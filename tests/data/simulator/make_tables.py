#!/usr/bin/env python3
"""Make the simulator's numeric tables from public data (README.md beside this file names the sources).

Only numbers are kept: mean expression per cell type, fold changes, usage counts, lengths. No cell, no read
and no receptor sequence of the sources is stored.
"""

import json
from pathlib import Path

import click
import h5py
import numpy as np
import pandas as pd
from scipy import sparse

PROFILES = ["NK", "CD4+T", "CD8+T", "Monocyte", "Macrophage", "Dendritic", "Plasma", "B"]
MONOCYTE_GENES = [
    "LYZ",
    "S100A8",
    "S100A9",
    "S100A12",
    "FCN1",
    "CST3",
    "C1QA",
    "C1QB",
    "C1QC",
    "APOE",
    "APOC1",
    "PPBP",
    "PF4",
    "CD14",
]


def read_h5(path: Path) -> tuple[sparse.csr_matrix, pd.DataFrame]:
    """Counts (cells x genes) and features (gene_id, gene) of a 10x v3 file."""
    with h5py.File(path) as file:
        group = file["matrix"]
        shape = tuple(group["shape"][:][::-1])
        parts = (group["data"][:], group["indices"][:], group["indptr"][:])
        features = pd.DataFrame(
            {"gene_id": group["features/id"][:].astype(str), "gene": group["features/name"][:].astype(str)}
        )
    return sparse.csr_matrix(parts, shape=shape), features


def clean_profiles(path: Path) -> pd.DataFrame:
    """Counts per million per cell type (genes x types) without the soup that the source's profiles hold.

    Haemoglobin, lung and stromal genes, JCHAIN outside B cells, monocyte genes in lymphocytes and C1Q in
    dendritic cells come from neighbours' RNA in the source; the simulator adds its own ambient RNA.
    """
    counts = pd.read_parquet(path)[PROFILES]
    counts = counts[counts.index != ""].groupby(level=0).sum()
    haemoglobin = counts.index.str.fullmatch(r"HB[ABDEGMQZ]\d*")
    counts.loc[haemoglobin] = 0
    lymphoid = ["NK", "CD4+T", "CD8+T", "Plasma", "B"]
    soup = counts.index.isin(MONOCYTE_GENES)
    counts.loc[soup, lymphoid] *= 0.1
    counts.loc[counts.index.isin(["C1QA", "C1QB", "C1QC"]), ["Monocyte", "Dendritic"]] *= 0.05
    counts.loc[counts.index.str.match(r"SFTP|SCGB|KRT\d|COL\d")] = 0  # lung and stroma
    others = [name for name in PROFILES if name not in ("Plasma", "B")]
    counts.loc[counts.index.isin(["JCHAIN", "MZB1", "IGLL5", "IGLL1"]), others] *= 0.05
    counts.loc[counts.index == "IGLL1"] = 0
    counts.loc[counts.index.isin(["GNLY", "NKG7", "GZMB"]), ["B", "Plasma", "Monocyte", "Dendritic", "Macrophage"]] *= (
        0.1
    )
    return counts / counts.sum() * 1e6


def interferon_fold_changes(control: Path, stimulated: Path) -> pd.DataFrame:
    """ln fold change per gene, stimulated to control, for lymphoid and myeloid cells; 0 where unclear."""
    means, errors = {}, {}
    for name, path in (("control", control), ("stimulated", stimulated)):
        counts, features = read_h5(path)
        normal = sparse.diags(1e4 / np.maximum(counts.sum(1).A1, 1)) @ counts
        genes = pd.Index(features["gene"])
        myeloid = normal[:, genes.isin(["LYZ", "CD14", "FTL", "CST3", "CD68"])].sum(1).A1
        lymphoid = normal[:, genes.isin(["CD3D", "CD3E", "IL7R", "NKG7", "GNLY", "CD2", "RPS12"])].sum(1).A1
        groups = {"myeloid": myeloid > lymphoid * 1.5, "lymphoid": lymphoid > myeloid * 1.5}
        for group, members in groups.items():
            part = normal[np.flatnonzero(members)]
            mean = part.mean(0).A1
            variance = part.multiply(part).mean(0).A1 - mean**2
            means[group, name] = pd.Series(mean, index=genes).groupby(level=0).first()
            errors[group, name] = pd.Series(variance / part.shape[0], index=genes).groupby(level=0).first()
    table = {}
    for group in ("lymphoid", "myeloid"):
        low, high = means[group, "control"], means[group, "stimulated"]
        fold = np.log((high + 0.02) / (low + 0.02))
        z = (high - low) / np.sqrt(errors[group, "control"] + errors[group, "stimulated"] + 1e-9)
        clear = (z.abs() > 4) & (fold.abs() > 0.4)
        table[f"interferon_{group}"] = fold.where(clear, 0).clip(-2, 5)
    return pd.DataFrame(table)


def usage(contigs: pd.DataFrame) -> dict:
    """Per locus, of productive contigs: V-J pairs, CDR3 lengths, middle residues, usual ends, C genes."""
    contigs = contigs[contigs["productive"].astype(str).str.lower().eq("true") & contigs["cdr3"].notna()]
    contigs = contigs.drop_duplicates(["chain", "v_gene", "j_gene", "cdr3"])
    result = {}
    for locus, part in contigs.groupby("chain"):
        if locus not in ("IGH", "IGK", "IGL", "TRA", "TRB") or len(part) < 100:
            continue
        pairs = part.groupby(["v_gene", "j_gene"]).size()
        lengths = part["cdr3"].str.len().value_counts().sort_index()
        middle = pd.Series(list("".join(part["cdr3"].str[3:-5]))).value_counts()
        result[locus] = {
            "v": [v for v, _ in pairs.index],
            "j": [j for _, j in pairs.index],
            "count": [int(n) for n in pairs],
            "length": {int(k): int(n) for k, n in lengths.items()},
            "middle": {aa: int(n) for aa, n in middle.items() if aa not in "*_"},
            "start": {v: g.str[:3].mode()[0] for v, g in part.groupby("v_gene")["cdr3"]},
            "end": {j: g.str[-5:].mode()[0] for j, g in part.groupby("j_gene")["cdr3"]},
            "c": {c: int(n) for c, n in part["c_gene"].value_counts().items() if str(c) != "None"},
        }
    return result


@click.command()
@click.option("--data", type=click.Path(path_type=Path, exists=True), required=True, help="folder of the sources")
@click.option("--tcr", type=click.Path(path_type=Path, exists=True), required=True, help="contigs of 10x pbmc3")
@click.option("--out", type=click.Path(path_type=Path), default=Path(__file__).parent)
def main(data: Path, tcr: Path, out: Path) -> None:
    """Write genes.parquet and receptors.json."""
    _, features = read_h5(data / "liao_covid_balf/C149/count/filtered_feature_bc_matrix.h5")
    genes = features[features["gene_id"].str.startswith("ENSG")].reset_index(drop=True)
    first = ~genes["gene"].duplicated()
    profiles = clean_profiles(data / "reference/hca_profiles.parquet")
    fold = interferon_fold_changes(
        data / "kang_ifnb/ctrl/count/filtered_feature_bc_matrix.h5",
        data / "kang_ifnb/stim/count/filtered_feature_bc_matrix.h5",
    )
    for name in PROFILES:
        genes[name] = genes["gene"].map(profiles[name]).where(first).fillna(0).round(2).astype("float32")
    for name in fold:
        genes[name] = genes["gene"].map(fold[name]).where(first).fillna(0).round(3).astype("float32")
    positions = pd.read_csv(data / "reference/genes_hg38.tsv", sep="\t").drop_duplicates("gene").set_index("gene")
    genes["chromosome"] = genes["gene"].map(positions["chromosome"]).fillna("").astype("category")
    genes["arm"] = genes["gene"].map(positions["arm"]).fillna("").astype("category")
    genes.to_parquet(out / "genes.parquet", compression="zstd", index=False)
    tables = usage(pd.read_csv(data / "melanoma_bcr/filtered_contig_annotations.csv"))
    tables |= usage(pd.read_csv(tcr))
    (out / "receptors.json").write_text(json.dumps(tables, indent=None, separators=(",", ":")) + "\n")
    click.echo(genes.describe().T.to_string())


if __name__ == "__main__":
    main()
