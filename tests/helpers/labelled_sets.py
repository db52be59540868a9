"""Real cells with labels of others: where each set is from, which names of this project a label allows, and how it is read.

The files of a set, by their own names, lie in CLONEWATCH_REAL_DATA/labelled/<set>/ (docs/benchmarks.md). R's files are read
with the package rdata, which is not among the project's.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp

from helpers.cut_samples import read_matrix, write_counts

B = {"naive B", "memory B", "B lineage"}
T = {"CD4 T", "CD8 T", "gamma-delta T", "T cell"}
MONOCYTE = {"classical monocyte", "nonclassical monocyte", "mononuclear phagocyte"}
PHAGOCYTE = MONOCYTE | {"macrophage", "cDC"}
# What a gate on CD34 holds beside stem cells.
PROGENITOR = {"HSPC", "neutrophil precursor", "erythroid", "megakaryocyte", "mast cell", "B precursor"}


@dataclass
class Sample:
    """Counts (cells x genes), barcodes, gene symbols and each cell's label ('' where it has none)."""

    name: str
    counts: sp.csr_matrix
    barcodes: np.ndarray
    genes: np.ndarray
    labels: np.ndarray
    doublet: np.ndarray | None = None  # what hashes or donors say, not expression
    vdj_t: Path | None = None


@dataclass(frozen=True)
class LabelledSet:
    """types: label to the names that are right for its cells; cells of other labels are not judged."""

    name: str
    kind: str
    labelled_by: str
    repository: str
    commit: str
    files: tuple[str, ...]
    licence: str
    role: str  # `set`: variants of the rules were compared on it; `judged`: none was
    types: dict[str, set[str]]
    read: Callable[[Path], list[Sample]]
    min_umi: int = 1000
    healthy: bool = True
    options: tuple[str, ...] = ()  # of QC


def r_objects(path: Path) -> dict:
    """All objects of an .rda file; code, which rdata does not convert and no set needs, is None."""
    import rdata

    class Converter(rdata.conversion.SimpleConverter):
        def _convert_next(self, part):
            try:
                return super()._convert_next(part)
            except (NotImplementedError, TypeError):
                return None

    return {str(name): value for name, value in Converter().convert(rdata.parser.parse_file(path).object).items()}


def sparse(matrix) -> sp.csr_matrix:
    """R's sparse matrix, as it lies."""
    shape = tuple(int(n) for n in matrix.Dim)
    if hasattr(matrix, "j"):
        return sp.csr_matrix((matrix.x, (matrix.i, matrix.j)), shape)
    return sp.csc_matrix((matrix.x, matrix.i, matrix.p), shape).tocsr()


def text(values) -> np.ndarray:
    """Strings of an R vector or factor."""
    return np.asarray(values, dtype=str)


def frame(table: pd.DataFrame) -> pd.DataFrame:
    """R's table with Python's strings as names."""
    return table.set_axis([str(c) for c in table], axis=1).set_axis([str(i) for i in table.index], axis=0)


def whole_numbers(scaled: sp.csr_matrix) -> sp.csr_matrix:
    """Counts of values that were divided, cell by cell, by the cell's total: a cell's smallest value is one count."""
    counts = sp.csr_matrix(scaled, dtype=float)
    for start, end in pairwise(counts.indptr):
        part = counts.data[start:end]
        if len(part):
            part /= part.min()
    error = np.abs(counts.data - counts.data.round()).max()
    if error > 0.05:
        raise ValueError(f"these are no scaled counts: {error:.2f} from a whole number")
    counts.data = counts.data.round()
    return counts


def gate(antibodies: pd.DataFrame, limits: dict[str, tuple[float, float]], rules: dict[str, str]) -> np.ndarray:
    """Types by antibodies alone, '' where they are not clear or two rules hold.

    antibodies: counts (cells x antibodies); limits: of each below which counts are low and from which they are high, read
    from its histogram; rules: type to its antibodies, each with + or - behind its name.
    """
    result, hits = np.full(len(antibodies), "", dtype=object), np.zeros(len(antibodies), int)
    for label, rule in rules.items():
        fits = np.ones(len(antibodies), bool)
        for word in rule.split():
            counts, (low, high) = antibodies[word[:-1]].to_numpy(), limits[word[:-1]]
            fits &= counts >= high if word[-1] == "+" else counts < low
        result[fits] = label
        hits += fits
    return np.where(hits == 1, result, "").astype(str)


GATED = {"CD4 T": {"CD4 T"}, "CD8 T": {"CD8 T"}, "B cell": B, "monocyte": PHAGOCYTE, "NK cell": {"NK"}}


def read_pbmc3k(folder: Path) -> list[Sample]:
    matrix = r_objects(folder / "pbmc_matrix.rda")["pbmc_matrix"]
    labels = frame(r_objects(folder / "pbmc_meta.rda")["pbmc_meta"])["classified"]
    scaled = sparse(matrix).T.tocsr()
    scaled.data = np.expm1(scaled.data)
    genes, cells = map(text, matrix.Dimnames)
    return [Sample("pbmc3k", whole_numbers(scaled), cells, genes, text(labels.reindex(cells)))]


def read_pbmc4k(folder: Path) -> list[Sample]:
    matrix = r_objects(folder / "PBMC_sc.RData")["PBMC_sc"]["toc"]
    labels = frame(r_objects(folder / "PBMC_metaData.RData")["PBMC_metaData"])["Annotation"]
    genes, cells = map(text, matrix.Dimnames)
    return [Sample("pbmc4k", sparse(matrix).T.tocsr(), cells, genes, text(labels.reindex(cells)))]


def read_kang(folder: Path) -> list[Sample]:
    table = r_objects(folder / "ifnb_sub.rda")["ifnb_sub"]
    matrix, cells = table.assays["RNA"].data, frame(table.__dict__["meta.data"])
    scaled = sparse(matrix).T.tocsr()
    scaled.data = np.expm1(scaled.data)
    genes, barcodes = map(text, matrix.Dimnames)
    counts, cells = whole_numbers(scaled), cells.loc[barcodes]
    samples = []
    for name in ("CTRL", "STIM"):
        chosen = (cells["stim"].astype(str) == name).to_numpy()
        labels = text(cells["seurat_annotations"])[chosen]
        samples.append(Sample(name, counts[chosen], barcodes[chosen], genes, labels))
    return samples


def read_mudan(folder: Path) -> list[Sample]:
    counts = r_objects(folder / "referenceCounts.rda")["referenceCounts"]
    labels = text(r_objects(folder / "referenceAnnot.rda")["referenceAnnot"])
    genes, cells = (text(counts.coords[c].values) for c in ("dim_0", "dim_1"))
    return [Sample("mudan", sp.csr_matrix(counts.values.T), cells, genes, labels)]


def read_casi(folder: Path) -> list[Sample]:
    parts = r_objects(folder / "pbmc_demo.rda")["pbmc_demo"]
    counts = sp.vstack([sparse(parts[f"{part}_count"]).T for part in ("train", "test")]).tocsr()
    labels = np.concatenate([text(parts[f"{part}_label"]) for part in ("train", "test")])
    cells = np.concatenate([text(parts[f"{part}_count"].Dimnames[1]) for part in ("train", "test")])
    return [Sample("casi", counts, cells, text(parts["train_count"].Dimnames[0]), labels)]


def read_malt(folder: Path) -> list[Sample]:
    matrix = r_objects(folder / "train.malt.rna.mat.rda")["train.malt.rna.mat"]
    proteins = r_objects(folder / "train.malt.adt.mat.rda")["train.malt.adt.mat"]
    cells, genes = map(text, matrix.Dimnames)
    counts = np.asarray(proteins.x).reshape([int(n) for n in proteins.Dim], order="F")
    table = by_antibody(pd.DataFrame(counts, text(proteins.Dimnames[0]), text(proteins.Dimnames[1])).loc[cells])
    limits = {"CD3": (150, 600), "CD4": (150, 600), "CD8A": (100, 600), "CD19": (60, 180), "CD14": (60, 180)}
    rules = {"CD4 T": "CD3+ CD4+ CD8A- CD19-", "CD8 T": "CD3+ CD8A+ CD4- CD19-", "B cell": "CD19+ CD3- CD14-"}
    return [Sample("malt", sparse(matrix), cells, genes, gate(table, limits, rules))]


def by_antibody(table: pd.DataFrame) -> pd.DataFrame:
    """Columns by the antibodies' first word in capitals: CD8a_TotalSeqB is CD8A."""
    return table.set_axis(table.columns.astype(str).str.replace(r"[_\-. ].*$", "", regex=True).str.upper(), axis=1)


def read_protein(folder: Path) -> list[Sample]:
    import anndata as ad

    limits = {
        "10k": {
            "CD3": (120, 500), "CD4": (120, 900), "CD8A": (120, 600), "CD14": (80, 300), "CD19": (30, 200), "CD56": (53, 120),
        },
        "5k": {
            "CD3": (80, 150), "CD4": (35, 350), "CD8A": (35, 150), "CD14": (35, 120), "CD19": (30, 150), "CD56": (35, 80),
        },
    }  # fmt: skip
    rules = {
        "CD4 T": "CD3+ CD4+ CD8A- CD14- CD19-", "CD8 T": "CD3+ CD8A+ CD4- CD14- CD19-", "B cell": "CD19+ CD3- CD14-",
        "monocyte": "CD14+ CD3- CD19- CD8A-", "NK cell": "CD56+ CD3- CD14- CD19-",
    }  # fmt: skip
    samples = []
    for name, of_sample in limits.items():
        cells = ad.read_h5ad(folder / f"pbmc_{name}_protein_v3.h5ad")
        table = pd.DataFrame(np.asarray(cells.obsm["protein_expression"]), columns=list(cells.uns["protein_names"]))
        labels = gate(by_antibody(table), of_sample, rules)
        samples.append(
            Sample(f"pbmc{name}", sp.csr_matrix(cells.X), text(cells.obs_names), text(cells.var_names), labels)
        )
    return samples


def read_facs(folder: Path) -> list[Sample]:
    parts = r_objects(folder / "pbmc_facs.RData")["pbmc_facs"]
    parts = {str(k): v for k, v in parts.items()}
    labels = frame(parts["samples"])["celltype"]
    return [
        Sample(
            "facs", sparse(parts["counts"]), text(parts["counts"].Dimnames[0]),
            text(frame(parts["genes"])["symbol"]), text(labels),
        )
    ]  # fmt: skip


def read_garnett(folder: Path) -> list[Sample]:
    table = r_objects(folder / "test_cds.rda")["test_cds"]
    matrix = table.assayData["exprs"]
    genes, cells = map(text, matrix.Dimnames)
    labels = frame(table.phenoData.data)["FACS_type"]
    return [Sample("garnett", sparse(matrix).T.tocsr(), cells, genes, text(labels.reindex(cells)))]


def read_eccite(folder: Path) -> list[Sample]:
    parts = r_objects(folder / "CITEseq_example.rda")["CITEseq_example"]
    rna, proteins, hashes = (parts[k] for k in ("RNA", "ADT", "HTO"))
    genes, cells = map(text, rna.Dimnames)
    table = by_antibody(pd.DataFrame(sparse(proteins).T.toarray(), columns=text(proteins.Dimnames[0])))
    table = table.loc[:, ~table.columns.duplicated()]
    tags = np.sort(sparse(hashes).T.toarray(), axis=1)
    doublet = tags[:, -2] >= 0.2 * tags.sum(1)  # a second tag has a fifth of all
    # Its CD3, CD14, CD16 and CD56 do not stain: CD5 tells T cells from NK, CD11c and CD2 monocytes from both.
    limits = {"CD4": (30, 80), "CD8": (30, 120), "CD5": (15, 30), "CD19": (20, 50), "CD11C": (35, 80), "CD2": (35, 80)}
    rules = {
        "CD4 T": "CD4+ CD8- CD5+ CD19-", "CD8 T": "CD8+ CD4- CD5+ CD19-", "B cell": "CD19+ CD2- CD8-",
        "monocyte": "CD11C+ CD2- CD8- CD19-",
    }  # fmt: skip
    labels = np.where(doublet, "", gate(table, limits, rules))
    return [Sample("eccite", sparse(rna).T.tocsr(), cells, genes, labels, doublet)]


def read_nsclc(folder: Path) -> list[Sample]:
    table = r_objects(folder / "query.seurat.rda")["query.seurat"]
    cells = frame(table.__dict__["meta.data"])
    matrix = table.assays["RNA"].data
    genes, barcodes = map(text, matrix.Dimnames)
    scaled = sparse(matrix).T.tocsr()
    scaled.data = np.expm1(scaled.data)
    counts = whole_numbers(scaled)
    labels = text(cells.loc[barcodes, "Major.cell.type"])
    return [Sample("nsclc", counts, barcodes, genes, labels)]


def read_balf(folder: Path) -> list[Sample]:
    cells = pd.read_csv(folder / "all.cell.annotation.meta.txt", sep="\t")
    lymphoid = pd.read_csv(folder / "NKT.cell.annotation.meta.txt", sep="\t").set_index("ID")["celltype"]
    cells["label"] = cells["ID"].map(lymphoid).fillna(cells["celltype"])
    cells["barcode"] = cells["ID"].str.split("_").str[0] + "-1"
    samples = []
    for name in ("C144", "C146", "C149"):
        source = folder.parents[1] / "liao_covid_balf" / name
        counts, barcodes, features = read_matrix(source / "count" / "filtered_feature_bc_matrix.h5")
        own = cells[cells["sample"] == name].set_index("barcode")["label"].reindex(barcodes).fillna("")
        doublet = (own == "Doublets").to_numpy() if (own != "").any() else None
        contigs = source / "vdj_t" / "filtered_contig_annotations.csv"
        genes = features["gene"].to_numpy(str)
        samples.append(Sample(name, counts, barcodes, genes, own.to_numpy(str), doublet, contigs))
    return samples


def read_trex(folder: Path) -> list[Sample]:
    table = r_objects(folder / "trex_example.rda")["trex_example"]
    rna, proteins = table.assays["RNA"], table.assays["ADT"]
    genes, names = (text(part.features.coords["dim_0"].values) for part in (rna, proteins))
    cells = text(rna.cells.coords["dim_0"].values)
    counts = {str(k): v for k, v in rna.layers.items()}["counts"]
    stained = sparse({str(k): v for k, v in proteins.layers.items()}["counts"]).T.toarray()
    limits = {"CD3": (60, 150), "CD4": (100, 600), "CD8": (60, 150)}
    rules = {"CD4 T": "CD3+ CD4+ CD8-", "CD8 T": "CD3+ CD8+ CD4-"}
    labels = gate(by_antibody(pd.DataFrame(stained, columns=names)), limits, rules)
    return [Sample("trex", sparse(counts).T.tocsr(), cells, genes, labels)]


def read_panel(folder: Path) -> list[Sample]:
    import anndata as ad

    cells = ad.read_h5ad(folder / "AML_h5ad.h5ad")
    labels, batch = text(cells.obs["condensed_cell_type"]), text(cells.obs["Batch"])
    samples = []
    for name in np.unique(batch):
        chosen = batch == name
        counts = sp.csr_matrix(cells.layers["counts"])[chosen]
        samples.append(Sample(name[:2], counts, text(cells.obs_names)[chosen], text(cells.var_names), labels[chosen]))
    return samples


def read_carpall(folder: Path) -> list[Sample]:
    labels = pd.read_csv(folder / "CARTcell_barcodes.txt", sep="\t").set_index("CellID")["CellType1"]
    samples = []
    for path in sorted(folder.glob("CAR-T*/filtered_feature_bc_matrix.h5")):
        name = path.parent.name
        counts, barcodes, features = read_matrix(path)
        own = labels.reindex([f"{name}_{barcode}" for barcode in barcodes]).fillna("").to_numpy(str)
        contigs = path.with_name("filtered_contig_annotations.csv")
        samples.append(Sample(name, counts, barcodes, features["gene"].to_numpy(str), own, None, contigs))
    return samples


ZHENG = {
    "bcells": B, "nk": {"NK"}, "monocytes": PHAGOCYTE, "naivet": {"CD4 T"}, "memoryt": {"CD4 T"}, "thelper": {"CD4 T"},
    "regulatoryt": {"CD4 T"}, "cytotoxict": {"CD8 T"}, "naivecytotoxic": {"CD8 T"},
}  # fmt: skip
SETS = [
    LabelledSet(
        "pbmc3k", "blood, 10x 3' v1", "clusters of a tutorial", "rnabioco/clustifyrdata, rnabioco/clustifyr",
        "ea78504bae6c5d21a24e73da31817e625d10d974, 0097813c1c36f4a8a84b0f4cc3a4449c46d070e8",
        ("data/pbmc_matrix.rda", "data/pbmc_meta.rda"), "MIT", "set",
        {
            "Naive CD4 T": {"CD4 T"}, "Memory CD4 T": {"CD4 T"}, "CD14+ Mono": {"classical monocyte"}, "B": B,
            "CD8 T": {"CD8 T"}, "FCGR3A+ Mono": {"nonclassical monocyte"}, "NK": {"NK"}, "DC": {"cDC"},
            "Platelet": {"megakaryocyte"},
        },
        read_pbmc3k, 500,
    ),
    LabelledSet(
        "pbmc4k", "blood, 10x 3' v2", "clusters", "constantAmateur/SoupX", "8d89492306a7e82a79a3c0588b806d5127f2003c",
        ("data/PBMC_sc.RData", "data/PBMC_metaData.RData"), "GPL-2", "set",
        {"T_CD4": {"CD4 T"}, "MNP": PHAGOCYTE, "T_CD8": {"CD8 T"}, "B": B, "NK": {"NK"}, "?": {"pDC"}}, read_pbmc4k,
    ),
    LabelledSet(
        "kang", "blood, control and interferon", "clusters of a tutorial", "pwwang/scplotter",
        "95b9110185967dd425fa5826f192731890004785", ("data/ifnb_sub.rda",), "GPL (>= 3)", "set",
        {
            "CD14 Mono": {"classical monocyte"}, "CD4 Naive T": {"CD4 T"}, "CD4 Memory T": {"CD4 T"},
            "CD16 Mono": {"nonclassical monocyte"}, "B": B, "B Activated": B, "CD8 T": {"CD8 T"}, "T activated": T,
            "NK": {"NK"}, "DC": {"cDC"}, "Mk": {"megakaryocyte"}, "pDC": {"pDC"}, "Eryth": {"erythroid"},
        },
        read_kang, 500,
    ),
    LabelledSet(
        "mudan", "blood, sorted by beads, 8,863 genes", "sorting", "JEFworks/MUDAN",
        "3636ed2f9a404cbdfcfdce5500384b59a72de666", ("data/referenceCounts.rda", "data/referenceAnnot.rda"), "GPL-3",
        "set", ZHENG, read_mudan, 200,
    ),
    LabelledSet(
        "casi", "blood, sorted by beads, no CD4 and CD8 genes", "sorting", "yizhuo-wang/CASi",
        "e2e4613fef4ba4bce5df1a9d2873f4213f62f2e0", ("data/pbmc_demo.rda",), "GPL-3", "set",
        {
            "naive_cytotoxic_T": {"CD8 T"}, "memory_T": {"CD4 T"}, "cd56_NK": {"NK"}, "cd14_monocytes": PHAGOCYTE,
            "B_cells": B,
        },
        read_casi, 200,
    ),
    LabelledSet(
        "malt", "MALT lymphoma", "antibodies, gated here", "cran/STREAK", "c8976a53daadfddce72b6a1ea24bb5b075ed3fd7",
        ("data/train.malt.rna.mat.rda", "data/train.malt.adt.mat.rda"), "GPL (>= 2)", "judged",
        GATED | {"B cell": B | {"plasma cell"}}, read_malt, 500, healthy=False,
    ),
    LabelledSet(
        "carpall", "CAR-T cells of children with B-ALL, blood and marrow", "clusters", "natedandy/CAT_CART_paper_2023",
        "dd1faaee165a3570482a3f406c20308688f5fcac",
        (
            "data/GEX/CAR-T*/filtered_feature_bc_matrix.h5", "data/VDJ/CAR-T*/filtered_contig_annotations.csv",
            "code/supplement/CARTcell_barcodes.txt",
        ),
        "none: not redistributed", "set",
        {
            "DN TEM": T, "CD8 TEM": {"CD8 T"}, "TCF7+ Tcm": T, "DN gdT": {"gamma-delta T"}, "CD8 CTL": {"CD8 T"},
            "CD8 gdT": {"gamma-delta T", "CD8 T"}, "Proliferating CAR T": T, "CD4 TEM": {"CD4 T"}, "CD4 CTL": {"CD4 T"},
            "CD8 Naive/TCM": {"CD8 T"}, "CD4 Naive/TCM": {"CD4 T"},
        },
        read_carpall, healthy=False,
    ),
    LabelledSet(
        "facs", "blood and CD34+ cells, sorted by beads", "sorting", "stephenslab/fastTopics",
        "8406f5f4de379e7ff8b43ecfee93cca42a8e7a57", ("data/pbmc_facs.RData",), "BSD 2-clause", "judged",
        {
            "CD19+ B": B, "CD14+ Monocyte": PHAGOCYTE, "CD34+": PROGENITOR, "CD56+ NK": {"NK"},
            "CD4+ T Helper2": {"CD4 T"}, "CD4+/CD45RO+ Memory": {"CD4 T"}, "CD4+/CD25 T Reg": {"CD4 T"},
            "CD4+/CD45RA+/CD25- Naive T": {"CD4 T"}, "CD8+ Cytotoxic T": {"CD8 T"},
            "CD8+/CD45RA+ Naive Cytotoxic": {"CD8 T"},
        },
        read_facs, 500,
    ),
    LabelledSet(
        "garnett", "blood, sorted by beads", "sorting", "cole-trapnell-lab/garnett",
        "ad3e1f7aa913b74899afb8aab7e1e55c224a378e", ("data/test_cds.rda",), "MIT", "judged",
        {"B cells": B, "CD4 T cells": {"CD4 T"}, "CD8 T cells": {"CD8 T"}}, read_garnett, 500,
    ),
    LabelledSet(
        "protein", "blood of two donors, 10x 3' v3", "antibodies, gated here", "scverse/scvi-tools",
        "93dc4fae21917406673206320c8a3002433c4a5d",
        ("tests/test_data/pbmc_10k_protein_v3.h5ad", "tests/test_data/pbmc_5k_protein_v3.h5ad"), "BSD 3-clause",
        "judged", GATED, read_protein, options=("--max-mito", "20"),
    ),
    LabelledSet(
        "eccite", "blood, donors told apart by hashes (doublets)", "antibodies, gated here", "SydneyBioX/CiteFuse",
        "b6075864d8930967946022fdfbbf57a6a120061f", ("data/CITEseq_example.rda",), "GPL-3", "judged", GATED,
        read_eccite, 500,
    ),
    LabelledSet(
        "trex", "T cells, 10x 5'", "antibodies, gated here", "BorchLab/Trex", "484d1acad8f5ba8bc673cb8b95c90b7444bc4d1d",
        ("data/trex_example.rda",), "MIT", "judged", {"CD4 T": {"CD4 T"}, "CD8 T": {"CD8 T"}}, read_trex, healthy=False,
    ),
    LabelledSet(
        "nsclc", "lung tumours and blood, inDrop", "clusters", "carmonalab/scGate",
        "4b7fdc766d897f462dd03286d4c561ac96caee80", ("data/query.seurat.rda",), "GPL-3", "judged",
        {
            "bB cells": B, "tB cells": B, "bMonocytes": MONOCYTE, "bNK cells": {"NK"}, "tNK cells": {"NK"},
            "bNeutrophils": {"neutrophil"}, "tNeutrophils": {"neutrophil"}, "bT cells": T, "tT cells": T,
            "tMast cells": {"mast cell"}, "tMoMacDC": PHAGOCYTE, "tPlasma cells": {"plasma cell"}, "tpDC": {"pDC"},
            "Fibroblasts": {"stromal"}, "Endothelial cells": {"stromal"}, "Smooth muscle cells": {"stromal"},
        },
        read_nsclc, 200, healthy=False,
    ),
    LabelledSet(
        "balf", "lung lavage in COVID-19, 10x 5', TCR", "clusters", "zhangzlab/covid_balf",
        "b52be1c50ef79e91bebac82451894942d23b43be",
        ("all.cell.annotation.meta.txt", "NKT.cell.annotation.meta.txt"), "none for the labels: not redistributed",
        "judged",
        {
            "Macrophages": PHAGOCYTE - {"cDC"}, "B": B, "Epithelial": {"epithelial"}, "Mast": {"mast cell"}, "NK": {"NK"},
            "Neutrophil": {"neutrophil"}, "Plasma": {"plasma cell"}, "mDC": {"cDC"}, "pDC": {"pDC"}, "CD8 T": {"CD8 T"},
            "CCR7+ T": T, "Treg": {"CD4 T"}, "Proliferating T": T, "innate T": T, "T": T,
        },
        read_balf, healthy=False,
    ),
    LabelledSet(
        "panel", "marrow and blood, 462 targeted genes", "clusters", "amc-heme/SCUBA",
        "9a54470826afea34bfcc257cd4c16c64fea7b71b", ("inst/extdata/AML_h5ad.h5ad",), "MIT", "judged",
        {
            "B Cells": B | {"B precursor"}, "BM Monocytes": MONOCYTE, "PBMC Monocytes": MONOCYTE,
            "CD4+ T Cells": {"CD4 T"}, "CD8+ T Cells": {"CD8 T", "gamma-delta T"}, "Dendritic cells": {"cDC"},
            "NK Cells": {"NK"}, "Plasma cells": {"plasma cell"}, "Plasmacytoid dendritic cells": {"pDC"},
            "Primitive": PROGENITOR,
        },
        read_panel, 200,
    ),
]  # fmt: skip


def labelled_folder(name: str) -> Path | None:
    """Where the files of a set lie; None without CLONEWATCH_REAL_DATA or without the set."""
    root = os.environ.get("CLONEWATCH_REAL_DATA")
    folder = Path(root) / "labelled" / name if root else None
    return folder if folder and folder.is_dir() else None


def write_set(samples: list[Sample], folder: Path) -> pd.DataFrame:
    """A sheet (samples.csv), a matrix for each sample as Cell Ranger writes them, and labels.tsv, whose table is returned."""
    rows, tables = [], []
    for sample in samples:
        # Barcodes of other programmes hold words; the cells' order is their name here.
        codes = np.array([f"{code_of(k)}-1" for k in range(len(sample.barcodes))])
        path = folder / sample.name / "filtered_feature_bc_matrix.h5"
        features = pd.DataFrame({"gene_id": sample.genes, "gene": sample.genes})
        features = features.assign(feature_type="Gene Expression", genome="GRCh38")
        counts = sp.csr_matrix(sample.counts).astype(np.int32)
        write_counts(path, counts, codes, features)
        row = {"sample": sample.name, "patient": sample.name, "timepoint": "T1", "day": 0, "gex": path}
        if sample.vdj_t and sample.vdj_t.stat().st_size:
            contigs = pd.read_csv(sample.vdj_t, dtype=str, keep_default_na=False)
            contigs["barcode"] = contigs["barcode"].map(dict(zip(sample.barcodes, codes, strict=True)))
            row["vdj_t"] = path.with_name("filtered_contig_annotations.csv")
            contigs.dropna(subset="barcode").to_csv(row["vdj_t"], index=False)
        rows.append(row)
        cells = pd.DataFrame({"cell_id": [f"{sample.name}:{code[:-2]}" for code in codes], "label": sample.labels})
        cells["barcode"] = sample.barcodes
        cells["doublet"] = sample.doublet if sample.doublet is not None else pd.NA
        tables.append(cells)
    pd.DataFrame(rows).to_csv(folder / "samples.csv", index=False)
    labels = pd.concat(tables, ignore_index=True)
    labels.to_csv(folder / "labels.tsv", sep="\t", index=False)
    return labels


def code_of(number: int) -> str:
    """A barcode of sixteen letters for a cell's place."""
    return "".join("ACGT"[number >> 2 * k & 3] for k in reversed(range(16)))
