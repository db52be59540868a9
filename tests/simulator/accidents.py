"""What goes wrong in laboratories, on request: exchanged tubes or receptor libraries, index hopping."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

LIBRARIES = ("vdj_b", "vdj_t")


@dataclass(frozen=True)
class Accidents:
    """Pairs of sample names: exchanged tubes, exchanged receptors, share of B's contigs hopped into A's."""

    tubes: tuple[str, str] | None = None
    receptors: tuple[str, str] | None = None
    hopped: tuple[str, str, float] | None = None

    def samples(self) -> set[str]:
        return {
            name
            for pair in (self.tubes, self.receptors, self.hopped and self.hopped[:2])
            for name in pair or ()
        }


def exchange(folders: tuple[Path, Path]) -> None:
    """Exchange two folders on disk."""
    first, second = folders
    aside = first.with_name(first.name + ".aside")
    first.rename(aside)
    second.rename(first)
    aside.rename(second)


def hop(own: pd.DataFrame, other: pd.DataFrame, share: float, rng: np.random.Generator) -> pd.DataFrame:
    """own contigs with those of a share of other's barcodes, at the few UMIs that index hopping leaves."""
    barcodes = np.setdiff1d(other["barcode"].unique(), own["barcode"].unique())
    chosen = rng.choice(barcodes, int(np.ceil(share * len(barcodes))), replace=False) if len(barcodes) else []
    rows = other[other["barcode"].isin(chosen)].copy()
    rows["umis"] = rng.integers(1, 3, len(rows))
    rows["reads"] = rows["umis"] * rng.integers(5, 20, len(rows))
    rows["raw_clonotype_id"] = rows["raw_clonotype_id"].str.replace("clonotype", "clonotype9", regex=False)
    rows["raw_consensus_id"] = rows["raw_consensus_id"].str.replace("clonotype", "clonotype9", regex=False)
    return pd.concat([own, rows], ignore_index=True).sort_values(["barcode", "contig_id"], ignore_index=True)


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
