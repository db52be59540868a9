"""What goes wrong in laboratories, on request: exchanged tubes or receptor libraries, index hopping, reads of
another sample.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
from scipy import sparse

from simulator.contigs import contig_metrics, write_contigs
from simulator.tenx import gex_metrics, write_matrix, write_metrics

LIBRARIES = ("vdj_b", "vdj_t")


@dataclass(frozen=True)
class Accidents:
    """Pairs of sample names: exchanged tubes, exchanged receptors; with a share of B's barcodes, their contigs
    hopped into A's library, or they themselves in all of A's libraries.
    """

    tubes: tuple[str, str] | None = None
    receptors: tuple[str, str] | None = None
    hopped: tuple[str, str, float] | None = None
    contaminated: tuple[str, str, float] | None = None

    def samples(self) -> set[str]:
        return {
            name
            for pair in (self.tubes, self.receptors, *(p and p[:2] for p in (self.hopped, self.contaminated)))
            for name in pair or ()
        }


def exchange(folders: tuple[Path, Path]) -> None:
    """Exchange two folders on disk."""
    first, second = folders
    aside = first.with_name(first.name + ".aside")
    first.rename(aside)
    second.rename(first)
    aside.rename(second)


def joined(own: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Contigs of two libraries in one, in the order of a library; other's clonotypes get numbers of their own."""
    other = other.copy()
    for name in ("raw_clonotype_id", "raw_consensus_id"):
        other[name] = other[name].str.replace("clonotype", "clonotype9", regex=False)
    return pd.concat([own, other], ignore_index=True).sort_values(["barcode", "contig_id"], ignore_index=True)


def hop(own: pd.DataFrame, other: pd.DataFrame, share: float, rng: np.random.Generator) -> pd.DataFrame:
    """own contigs with those of a share of other's barcodes, at the few UMIs that index hopping leaves."""
    barcodes = np.setdiff1d(other["barcode"].unique(), own["barcode"].unique())
    chosen = rng.choice(barcodes, int(np.ceil(share * len(barcodes))), replace=False) if len(barcodes) else []
    rows = other[other["barcode"].isin(chosen)].copy()
    rows["umis"] = rng.integers(1, 3, len(rows))
    rows["reads"] = rows["umis"] * rng.integers(5, 20, len(rows))
    return joined(own, rows)


def read_matrix(path: Path) -> tuple[sparse.csr_matrix, np.ndarray, pd.DataFrame]:
    """Counts (barcodes x features), barcodes and the table of features of a matrix that tenx wrote."""
    with h5py.File(path) as file:
        group = file["matrix"]
        columns = {"gene_id": "id", "gene": "name", "feature_type": "feature_type", "genome": "genome"}
        features = pd.DataFrame({new: group["features"][old].asstr()[:] for new, old in columns.items()})
        shape = tuple(group["shape"][:][::-1])
        counts = sparse.csr_matrix((group["data"][:], group["indices"][:], group["indptr"][:]), shape)
        return counts, group["barcodes"].asstr()[:].astype("U18"), features


def contaminate(own: Path, other: Path, share: float, rng: np.random.Generator) -> np.ndarray:
    """Put a share of other's barcodes, with all their counts and contigs, into own's files; returns them."""
    mine, names, features = read_matrix(own / "filtered_feature_bc_matrix.h5")
    theirs, candidates, _ = read_matrix(other / "filtered_feature_bc_matrix.h5")
    chosen = np.flatnonzero(~np.isin(candidates, names))
    chosen = rng.choice(chosen, min(int(np.ceil(share * len(candidates))), len(chosen)), replace=False)
    both = np.concatenate([names, candidates[chosen]])
    order = np.argsort(both)
    x = sparse.vstack([mine, theirs[chosen]], format="csr")[order]
    tasks = [lambda: (x.data, x.indices, np.diff(x.indptr))]
    with ThreadPoolExecutor(1) as pool:
        matrix = own / "filtered_feature_bc_matrix.h5"
        stats = write_matrix(matrix, features, both[order], tasks, pool, 1, own.name)
    write_metrics(own / "metrics_summary.csv", gex_metrics(stats, rng))
    for library in LIBRARIES:
        files = [folder / library / "filtered_contig_annotations.csv" for folder in (own, other)]
        kept, rows = (pd.read_csv(file, keep_default_na=False, dtype=str) for file in files)
        table = joined(kept, rows[rows["barcode"].isin(candidates[chosen])])
        write_contigs(files[0], table)
        typed = table.assign(productive=table["productive"] == "true", reads=table["reads"].astype(int))
        write_metrics(own / library / "metrics_summary.csv", contig_metrics(typed, rng))
    return candidates[chosen]


def contaminated_truth(truth: pd.DataFrame, own: str, other: str, barcodes: np.ndarray) -> pd.DataFrame:
    """Truth with the added barcodes as rows of own too; their `origin` is other."""
    names = {f"{other}:{barcode.removesuffix('-1')}" for barcode in barcodes}
    rows = truth[truth["cell_id"].isin(names)].copy()
    rows["cell_id"] = own + ":" + rows["cell_id"].str.split(":").str[1]
    columns = ["sample", "patient", "timepoint", "day"]
    rows[columns] = truth.loc[(truth["sample"] == own).idxmax(), columns].to_list()
    joined_rows = pd.concat([truth, rows.astype(truth.dtypes)])
    return joined_rows.sort_values(["sample", "cell_id"], ignore_index=True)


def relabel(truth: pd.DataFrame, tubes: tuple[str, str]) -> pd.DataFrame:
    """Truth after an exchange of tubes: sample, patient... as the sheet says; `origin` keeps the truth."""
    names = dict(zip(tubes, tubes[::-1], strict=True))
    columns = ["patient", "timepoint", "day"]
    sheet = truth.drop_duplicates("sample").set_index("sample")[columns]
    moved = truth["sample"].isin(tubes)
    labels = truth.loc[moved, "sample"].map(names)
    truth.loc[moved, columns] = sheet.loc[labels, columns].to_numpy()
    truth.loc[moved, "cell_id"] = labels + ":" + truth.loc[moved, "cell_id"].str.split(":").str[1]
    truth.loc[moved, "sample"] = labels
    truth["day"] = truth["day"].astype(int)
    return truth
