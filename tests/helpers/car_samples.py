"""Samples with planted CAR-T cells as the files of TRANSGENE: sorted ones without a cell that cannot carry the CAR, unsorted ones.

Counts are made of sixty genes and a CAR, each with an Ensembl id and with the genome's name of a real CAR reference. Every droplet holds soup
of its own sample: of a sorted sample it is full of the CAR.
"""

from pathlib import Path

import anndata as ad
import hdf5plugin
import numpy as np
import pandas as pd
from click.testing import CliRunner
from scipy import sparse

PROJECT = Path(__file__).resolve().parents[2]
ASSETS = PROJECT / "assets"
GENOME = "GRCh38-2020-A+CAT_scFv"
OF_T = ["CD3D", "CD3E", "CD3G", "TRAC", "TRBC1", "TRBC2"]
OF_MYELOID = ["LYZ", "S100A8", "S100A9", "CD14"]
FILLER = [f"GENE{number}" for number in range(50)]
GENES = [*OF_T, *OF_MYELOID, *FILLER, "CAT_scFv"]
EXPRESSION = 6e-4  # of the CAR in carriers, share of their UMIs
SIZE = 2.3  # of its negative binomial


def profiles() -> dict[str, np.ndarray]:
    """Expected shares of UMIs per lineage, the CAR left out."""
    filler = np.random.default_rng(0).lognormal(0, 1, len(FILLER))
    base = np.concatenate([np.zeros(len(OF_T) + len(OF_MYELOID)), 0.95 * filler / filler.sum(), [0.0]])
    of_t, of_myeloid = base.copy(), base.copy()
    of_t[: len(OF_T)] = 5e-3 / len(OF_T)
    of_myeloid[len(OF_T) : len(OF_T) + len(OF_MYELOID)] = 0.02
    return {"T": of_t / of_t.sum(), "myeloid": of_myeloid / of_myeloid.sum()}


def make_sample(
    sample: str,
    n_t: int,
    n_myeloid: int = 0,
    carriers: float = 0.0,
    contamination: float = 0.05,
    clone_size: int = 1,
    alike: bool = False,
    depth: int = 3000,
    seed: int = 0,
) -> tuple[pd.DataFrame, sparse.csr_matrix]:
    """(cells with truth: lineage, car, tcr_clone; counts over GENES).

    carriers: share of the T cells with the CAR; alike: cells of a clone all carry it or none does; clone_size: T cells of a clone.
    """
    rng = np.random.default_rng(seed)
    cells = pd.DataFrame({"lineage": np.repeat(["T", "myeloid"], [n_t, n_myeloid])})
    of_t = (cells.lineage == "T").to_numpy()
    clone = np.arange(n_t) // clone_size
    drawn = rng.random(clone.max() + 1 if n_t else 0) < carriers
    cells["car"] = False
    cells.loc[of_t, "car"] = drawn[clone] if alike else rng.random(n_t) < carriers
    cells["tcr_clone"] = None
    cells.loc[of_t, "tcr_clone"] = [f"P.T{number}" for number in clone]
    total = depth * rng.lognormal(0, 0.45, len(cells))
    mean = np.array([profiles()[lineage] for lineage in cells.lineage])
    mean[:, -1] = np.where(cells.car, EXPRESSION * rng.gamma(SIZE, 1 / SIZE, len(cells)), 0.0)
    mean *= (total * (1 - contamination))[:, None]
    soup = mean.sum(axis=0) / mean.sum()
    counts = rng.poisson(mean + contamination * total[:, None] * soup)
    cells["cell_type"] = np.where(of_t, "CD8 T", "classical monocyte")
    cells["subset"] = cells["cell_type"]
    cells["sample"], cells["cell_id"] = sample, [f"{sample}:B{seed}x{number}" for number in range(len(cells))]
    return cells, sparse.csr_matrix(counts.astype(np.int32))


def write_samples(folder: Path, samples: dict[str, tuple], sheet: list[dict], genes=GENES, ids=None) -> pd.DataFrame:
    """The samples of patient P as files; the cells' truth. sheet: sample, timepoint, day, tissue, sort of each."""
    ids = ids or [f"ENSG{number:011d}" for number in range(len(genes) - 1)] + [genes[-1]]
    rows = pd.DataFrame(sheet).assign(patient="P")
    rows.to_csv(folder / "samples.tsv", sep="\t", index=False)
    tables = []
    for sample, (cells, counts) in samples.items():
        var = pd.DataFrame({"gene_ids": ids, "genome": GENOME}, index=pd.Index(genes))
        data = ad.AnnData(counts, obs=pd.DataFrame(index=pd.Index(cells.cell_id)), var=var)
        data.write_h5ad(folder / f"{sample}.cells.h5ad", compression=hdf5plugin.FILTERS["zstd"])
        tables.append(cells)
    table = pd.concat(tables, ignore_index=True).merge(rows, on="sample")
    label = ["cell_id", "sample", "patient", "timepoint", "day", "tissue", "sort", "lineage", "cell_type", "subset"]
    table[label].to_parquet(folder / "labels.parquet", index=False)
    table[["cell_id", "tcr_clone"]].assign(rule="similarity 0.85").to_parquet(folder / "P.clones.parquet", index=False)
    return table.set_index("cell_id")


def transgene(folder: Path, sample: str, *options: str) -> None:
    """AMBIENT and TRANSGENE of one sample, in the folder."""
    import ambient
    import transgene as command

    result = CliRunner().invoke(ambient.main, [f"{sample}.cells.h5ad", "--sample", sample])
    assert result.exit_code == 0, (result.output, result.exception)
    options = ("--ambient", f"{sample}.ambient.json", *options)
    named = [f"{sample}.cells.h5ad", "--sample", sample, "--samples", "samples.tsv", "--labels", "labels.parquet"]
    named += ["--clones", "P.clones.parquet", "--names", str(ASSETS / "car_names.tsv")]
    result = CliRunner().invoke(command.main, [*named, "--lineages", str(ASSETS / "lineages.tsv"), *options])
    assert result.exit_code == 0, (result.output, result.exception)


def kinetics(folder: Path, samples: list[str], *options: str) -> None:
    """CAR_KINETICS of patient P over these samples, in the folder."""
    import car_kinetics as command

    files = [f"{sample}.car.{end}" for sample in samples for end in ("json", "tsv", "parquet")]
    named = ["--patient", "P", "--labels", "labels.parquet", "--clones", "P.clones.parquet"]
    result = CliRunner().invoke(command.main, [*files, *named, *options])
    assert result.exit_code == 0, (result.output, result.exception)
