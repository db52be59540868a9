"""Small synthetic samples for the tests of signatures and communication: counts with planted levels, labels, samples' table."""

from pathlib import Path

from _guards import PROCESSING

import numpy as np
import pandas as pd

PROJECT = Path(__file__).resolve().parents[2]
ASSETS = PROJECT / "assets"
GENES = [
    *[
        "TNFSF13",
        "TNFSF13B",
        "TNFRSF17",
        "ITGB2",
        "ITGAL",
        "ICAM1",
        "CXCL12",
        "CXCR4",
        "IL6",
        "IL6R",
        "IL6ST",
        "CD28",
        "CD86",
        "HGF",
        "MET",
    ],
    *["IFIT1", "IFIT2", "IFIT3", "ISG15", "MX1", "IFI6", "IFI44L", "OAS1", "IFITM1", "IFITM3", "STAT1", "IRF7"],
    *["IGHG1", "IGKC", "ACTB", "GAPDH", "CD3E", "LYZ", "MZB1"],
    *(f"FILLER{number}" for number in range(120)),
]
KINDS = {  # subset: lineage, cell type
    "CD8_ISG+": ("T", "CD8 T"),
    "CD8_memory": ("T", "CD8 T"),
    "nonclassical_monocyte": ("myeloid", "nonclassical monocyte"),
    "Plasma_1": ("plasma", "plasma cell"),
    "erythroid": ("erythroid", "erythroid"),
}


def levels(raised: dict[str, dict[str, float]] | None = None) -> dict[str, np.ndarray]:
    """Counts per 10,000 expected per gene for each subset: 20 for all genes but ligands and receptors, plus what is raised."""
    base = np.full(len(GENES), 20.0)
    base[: GENES.index("IFIT1")] = 0.05
    base[GENES.index("IFIT1") : GENES.index("IGHG1")] = 2.0
    profiles = {name: base.copy() for name in KINDS}
    for name, genes in (raised or {}).items():
        for gene, value in genes.items():
            profiles[name][GENES.index(gene)] = value
    return profiles


def draw_sample(sample: str, sizes: dict[str, int], profiles: dict[str, np.ndarray], seed: int, depth: float = 1.0):
    """AnnData of Poisson-gamma counts with `sizes` cells per subset, and the labels of its cells."""
    import anndata
    from scipy.sparse import csr_matrix

    rng = np.random.default_rng(seed)
    subsets = np.repeat(list(sizes), list(sizes.values()))
    expected = np.stack([profiles[name] for name in subsets]) * depth * rng.gamma(20, 1 / 20, (subsets.size, 1))
    counts = rng.poisson(expected * rng.gamma(2, 1 / 2, expected.shape)).astype(np.int32)
    cells = anndata.AnnData(csr_matrix(counts), var=pd.DataFrame(index=GENES))
    cells.obs_names = [f"{sample}:C{number:05d}" for number in range(subsets.size)]
    labels = pd.DataFrame({"cell_id": cells.obs_names, "sample": sample, "subset": subsets})
    labels["lineage"] = [KINDS[name][0] for name in subsets]
    labels["cell_type"] = [KINDS[name][1] for name in subsets]
    return cells, labels


def write_run(
    folder: Path, samples: list[tuple], seed: int = 0, depths: dict[str, float] | None = None
) -> pd.DataFrame:
    """Files of a run; `samples` holds (sample, patient, timepoint, day, sizes, profiles[, tissue, sort]). Returns the labels.

    depths: times the usual depth, by sample.
    """
    labels, rows = [], []
    for number, (sample, patient, timepoint, day, sizes, profiles, *design) in enumerate(samples):
        cells, named = draw_sample(sample, sizes, profiles, seed + number, (depths or {}).get(sample, 1.0))
        cells.write_h5ad(folder / f"{sample}.cells.h5ad")
        tissue, sort = design or ("", "")
        named["n_umi"] = np.asarray(cells.X.sum(axis=1)).ravel().astype(int)
        named = named.assign(**dict.fromkeys(PROCESSING, ""))
        labels.append(named.assign(patient=patient, timepoint=timepoint, day=day, tissue=tissue, sort=sort))
        rows.append((sample, patient, timepoint, day))
    table = pd.concat(labels, ignore_index=True)
    table.to_parquet(folder / "labels.parquet", index=False)
    sheet = pd.DataFrame(rows, columns=["sample", "patient", "timepoint", "day"])
    sheet.to_csv(folder / "samples.tsv", sep="\t", index=False)
    return table


def invoke(step, *arguments):
    """Runs a step's command in the current folder and returns the result; a crash is raised."""
    from click.testing import CliRunner

    result = CliRunner().invoke(step.main, [str(word) for word in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result
