"""Cells of planted clones through CHAINS, CLONOTYPES, CLONE_TABLE and MRD, for bulk rearrangements however they are written."""

from collections.abc import Callable
from pathlib import Path

import mrd
import pandas as pd
import pytest

from helpers import small_receptors as receptors

COLUMNS = ["patient", "day", "clone", "locus", "v_call", "j_call", "junction", "junction_aa", "fraction"]


def attribution(
    work: Path, contigs: dict[str, list[dict]], cells: dict[str, tuple[str, str]], days: dict[str, int]
) -> Callable:
    """MRD of a patient of whom these contigs (by sample) and cells (name -> lineage, cell type) are known.

    Returns function(bulk rows, *options) -> (mrd.tsv, {clone: its first row, with n_carriers}), with the labels as `.labels`.
    """
    labels = receptors.labels(cells, days)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(work)
        tables = {name: receptors.contigs(rows) for name, rows in contigs.items() if rows}
        receptors.run_clones(work, tables, labels)

    def attribute(bulk: list[dict], *options) -> tuple[pd.DataFrame, dict[str, dict]]:
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(work)
            table = pd.DataFrame([{"patient": "P1"} | row for row in bulk]).reindex(columns=COLUMNS)
            table.to_csv("mrd.tsv", sep="\t", index=False)
            receptors.run(
                mrd.main, "mrd.tsv", "--patient", "P1", "--clones", "P1.clones.parquet", "--table", "P1.clones.tsv",
                "--chains", "P1.own_chains.parquet", "--labels", "labels.parquet", "--lineages", receptors.LINEAGES,
                "--library", receptors.LIBRARY, "--genes", receptors.GENES, *options,
            )  # fmt: skip
            how = {"sep": "\t", "keep_default_na": False, "dtype": {"clone": str}}
            table, matches = (pd.read_csv(f"P1.{name}.tsv", **how) for name in ("mrd", "mrd_matches"))
            first = table.drop_duplicates("clone").merge(matches[["clone", "n_carriers"]], on="clone")
            return table, first.set_index("clone").to_dict("index")

    attribute.labels = labels
    return attribute
