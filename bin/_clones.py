#!/usr/bin/env python3
"""Kept cells of a patient with their labels and their clones, as the steps after CLONOTYPES read them."""

from collections.abc import Sequence
from pathlib import Path

from _errors import InputError

import numpy as np

RECEPTORS = ("BCR", "TCR")


def read_labels(path: Path, patient: str, columns: Sequence[str]):
    """cell_id and the given columns of the patient's kept cells; names as text, `day` and `n_umi` as numbers."""
    import pandas as pd

    cells = pd.read_parquet(path, columns=["cell_id", "patient", *columns])
    cells = cells[cells["patient"].astype(str) == patient].drop(columns="patient").reset_index(drop=True)
    if cells.empty:
        raise InputError(f"{path}: holds no cell of patient {patient}; give the labels of this patient.")
    return cells.astype({name: str for name in columns if name not in ("day", "n_umi")})


def with_clones(cells, clones: Path):
    """The cells (of read_labels) with CLONOTYPES' columns: for each receptor clone, evidence and counted; the rule."""
    import pandas as pd

    return cells.merge(pd.read_parquet(clones), on="cell_id", how="left")


def of_receptor(cells, receptor: str):
    """The cells with the columns clone, evidence and counted of one receptor (BCR, TCR)."""
    return cells.rename(columns={f"{receptor.lower()}_{what}": what for what in ("clone", "evidence", "counted")})


def joined(tables: Sequence):
    """Tables one below the other; where all are empty, the first one with its columns."""
    import pandas as pd

    return pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)


def clone_numbers(clones) -> np.ndarray:
    """Numbers of clones, by which they are ordered: 12 of `P1.B12`."""
    return clones.astype(str).str.extract(r"(\d+)$")[0].astype(int).to_numpy()
