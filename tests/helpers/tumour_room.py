"""A small patient with a planted plasma clone, for the tests of the tumour room: 1q gained, 13q lost, CAR-T cells."""

from pathlib import Path

import anndata as ad
import hdf5plugin
import numpy as np
import pandas as pd
from scipy import sparse

PROJECT = Path(__file__).resolve().parents[2]
POSITIONS = PROJECT / "assets" / "gene_positions_hg38.tsv"
MASKED = PROJECT / "assets" / "masked_genes.tsv"
LINEAGES = PROJECT / "assets" / "lineages.tsv"
FISH_WORDS = PROJECT / "assets" / "fish_words.tsv"
# Options that are files of assets/: of CNV, of MALIGNANCY.
PROGRAMMES = [
    "--programmes",
    str(PROJECT / "assets" / "malignant_programmes.tsv"),
    "--precursors",
    str(PROJECT / "assets" / "precursor_genes.tsv"),
    "--lineages",
    str(LINEAGES),
]
ASSETS = ["--gene-positions", str(POSITIONS), "--masked", str(MASKED), "--lineages", str(LINEAGES)]
CELLS = {"clone": 240, "polyclonal": 120, "CD4 T": 160, "classical monocyte": 160, "B-ALL blast": 100}
LINEAGE = {
    "clone": "plasma",
    "polyclonal": "plasma",
    "CD4 T": "T",
    "classical monocyte": "myeloid",
    "B-ALL blast": "blast",
}
GAIN, LOSS = 0.8, 0.6  # shares of the clone's cells
DEPTH = 5000


def gene_table() -> pd.DataFrame:
    """Every eighth gene of the genome, and a CAR."""
    table = pd.read_csv(POSITIONS, sep="\t", comment="#", keep_default_na=False).iloc[::8]
    table["arm"] = table.chromosome.str[3:] + table.arm
    return table.reset_index(drop=True)


def make_patient(seed: int = 0) -> tuple[pd.DataFrame, sparse.csr_matrix, pd.Index]:
    """(cells with truth, counts, gene names): two time points, lineages with profiles of their own."""
    rng = np.random.default_rng(seed)
    genes = gene_table()
    base = rng.lognormal(0, 1.3, len(genes))
    kinds = np.repeat(list(CELLS), list(CELLS.values()))
    cells = pd.DataFrame({"kind": kinds, "lineage": pd.Series(kinds).map(LINEAGE)})
    cells["cell_type"] = np.where(cells.lineage == "plasma", "plasma cell", cells.kind)
    cells["timepoint"] = np.where(rng.random(len(cells)) < 0.5, "T1", "T2")
    cells["sample"] = "P_" + cells.timepoint
    cells["day"] = cells.timepoint.map({"T1": 0, "T2": 100})
    cells["patient"], cells["subset"] = "P", cells.cell_type
    clone = (cells.kind == "clone").to_numpy()
    cells["gain"] = clone & (rng.random(len(cells)) < GAIN)
    cells["loss"] = clone & (rng.random(len(cells)) < LOSS)
    cells["car"] = (cells.kind == "CD4 T") & (cells.timepoint == "T2") & (rng.random(len(cells)) < 0.3)
    profiles = {name: base * np.exp(rng.normal(0, 0.7, len(base))) for name in sorted(set(LINEAGE.values()))}
    mean = np.array([profiles[lineage] for lineage in cells.lineage])
    mean[np.ix_(cells.gain, genes.arm == "1q")] *= 1.5
    mean[np.ix_(cells.loss, genes.arm == "13q")] *= 0.5
    depth = DEPTH * rng.lognormal(0, 0.2, len(cells))
    mean *= (depth / mean.sum(axis=1))[:, None]
    car = rng.poisson(np.where(cells.car, 6.0, np.where(cells.timepoint == "T2", 0.01, 0.0)))[:, None]
    counts = sparse.csr_matrix(np.hstack([rng.poisson(mean), car]).astype(np.int32))
    small = np.char.add("P.B", (2 + np.arange(len(cells)) // 3).astype(str))
    cells["bcr_clone"] = np.select([clone, cells.kind == "polyclonal"], ["P.B1", small], None)
    cells["tcr_clone"] = np.where(
        cells.kind == "CD4 T", np.char.add("P.T", (np.arange(len(cells)) // 4).astype(str)), None
    )
    cells["receptor_subtype_bcr"] = np.where(cells.bcr_clone.notna(), "IGH+IGL", None)
    cells["cell_id"] = cells["sample"] + ":" + cells.index.astype(str)
    return cells, counts, pd.Index([*genes.gene, "FMC63_CAR"])


def write_patient(folder: Path, seed: int = 0) -> pd.DataFrame:
    """The patient as files: samples.tsv, <sample>.cells.h5ad, labels.parquet, P.clones.parquet, clinical.tsv, fish.tsv."""
    cells, counts, names = make_patient(seed)
    sheet = cells[["sample", "patient", "timepoint", "day"]].drop_duplicates().sort_values("day")
    sheet.to_csv(folder / "samples.tsv", sep="\t", index=False)
    for sample, at in cells.groupby("sample").indices.items():
        obs, var = pd.DataFrame(index=pd.Index(cells.cell_id.iloc[at])), pd.DataFrame(index=names)
        data = ad.AnnData(counts[at], obs=obs, var=var.assign(gene_ids=list(names), genome="GRCh38"))
        data.write_h5ad(folder / f"{sample}.cells.h5ad", compression=hdf5plugin.FILTERS["zstd"])
    label = ["cell_id", "sample", "patient", "timepoint", "day", "lineage", "cell_type", "subset"]
    cells[label].assign(tissue="", sort="", libraries="BCR TCR").to_parquet(folder / "labels.parquet", index=False)
    names = ["cell_id", "bcr_clone", "tcr_clone", "receptor_subtype_bcr"]
    cells[names].assign(rule="similarity 0.85").to_parquet(folder / "P.clones.parquet", index=False)
    rows = [
        ("marrow lymphoblasts", 0, 90.0, "%"),
        ("marrow lymphoblasts", 100, 30.0, "%"),
        ("CAR-T copies", 9, 5e4, "copies/ug"),
    ]
    clinical = pd.DataFrame(rows, columns=["parameter", "day", "value", "unit"]).assign(patient="P")
    clinical.to_csv(folder / "clinical.tsv", sep="\t", index=False)
    probes = [
        ("CKS1B", "1q21", "gain", 80.0),
        ("RB1", "13q14", "deletion", 58.0),
        ("IGH", "14q32", "rearrangement", 0.0),
    ]
    probes = pd.DataFrame(probes, columns=["probe", "region", "abnormality", "percent"])
    probes.assign(patient="P", day=100).to_csv(folder / "fish.tsv", sep="\t", index=False)
    return cells.set_index("cell_id")


def run_steps(
    folder: Path, monkeypatch, last: str = "malignancy", rename: bool = False, without: dict[str, str] | None = None
) -> pd.DataFrame:
    """Write the patient and run the room's steps up to `last` in a folder; the cells' truth.

    rename: genes get names that have no position. without: libraries of the samples that lack the BCR library.
    """
    import importlib

    from click.testing import CliRunner

    truth = write_patient(folder)
    if without:
        labels, clones = (pd.read_parquet(folder / name) for name in ("labels.parquet", "P.clones.parquet"))
        labels["libraries"] = labels["sample"].map(without).fillna(labels["libraries"])
        clones.loc[labels["sample"].isin(without), ["bcr_clone", "receptor_subtype_bcr"]] = None
        labels.to_parquet(folder / "labels.parquet", index=False)
        clones.to_parquet(folder / "P.clones.parquet", index=False)
    for path in folder.glob("*.cells.h5ad") if rename else ():
        data = ad.read_h5ad(path)
        data.var_names = [f"Gene{number}" for number in range(data.n_vars)]
        data.write_h5ad(path)
    monkeypatch.chdir(folder)
    files = sorted(map(str, folder.glob("*.cells.h5ad")))
    common = ["--patient", "P", "--labels", "labels.parquet", "--clones", "P.clones.parquet"]
    of_cnv = ["--cnv", "P.cnv.tsv", "--cnv-cells", "P.cnv.parquet"]
    tables = [*of_cnv, "--fish", "P.fish.tsv", "--clinical", "clinical.tsv"]
    steps = {
        "cnv": [*files, *common, *ASSETS, "--window", "50"],
        "fish": ["P.cnv.tsv", "--patient", "P", "--fish", "fish.tsv", "--words", str(FISH_WORDS)],
        "malignancy": [*files, *common, *tables, *PROGRAMMES],
    }
    for step, options in steps.items():
        result = CliRunner().invoke(importlib.import_module(step).main, options)
        assert result.exit_code == 0, (step, result.output, result.exception)
        if step == last:
            break
    return truth


def people(**columns) -> pd.DataFrame:
    """Cells with the columns that the lines of evidence read."""
    table = pd.DataFrame(
        {
            "timepoint": "T1",
            "day": 0,
            "tissue": "",
            "sort": "",
            "has_library": True,
            "lineage": "plasma",
            "cell_type": "plasma cell",
        },
        index=range(len(next(iter(columns.values())))),
    )
    table = table.assign(**{name: pd.Series(values, dtype=object) for name, values in columns.items()})
    table["subset"] = columns.get("subset", table.cell_type)
    return table.assign(candidate=table.lineage.isin(["B", "plasma", "blast"]))
