#!/usr/bin/env python3
"""Ambient RNA of one sample: the soup's profile and each cell's contamination."""

from pathlib import Path

from _ambient import SETS, amount, contamination, corrected_profile, count_sets, evidence, kinds_of, soup_of_cells
from _cli import FILE, command, write_json
from _matrices import cell_ids, gene_names, read_blocks
from _tables import write_parquet, write_table

import click
import numpy as np

HIGH = 0.2  # contamination from which a sample is warned of


def read_sums(path: Path, genes):
    """(UMIs of KINDS and SETS per cell, UMIs of all genes per cell, UMIs per gene of all cells) of a cells file."""
    import pandas as pd

    sets, totals, of_genes = [], [], np.zeros(len(genes))
    for _, counts in read_blocks(path):
        sets.append(count_sets(counts, genes))
        totals.append(np.asarray(counts.sum(1)).ravel())
        of_genes += np.asarray(counts.sum(0)).ravel()
    return pd.concat(sets, ignore_index=True), np.concatenate(totals).astype(np.float64), of_genes


def remarks(facts: dict) -> list[str]:
    """Sentences for the sample's warnings."""
    share = facts["contamination"]
    if share is None or share <= HIGH:
        return []
    return [
        f"ambient RNA is {share:.0%} of its UMIs (95 % interval {facts['contamination_low']:.0%} to {facts['contamination_high']:.0%}): "
        "faint genes in its cells may be those of others"
    ]


@command()
@click.argument("cells", type=FILE)
@click.option("--sample", required=True, help="Name of the sample.")
def main(cells: Path, sample: str) -> None:
    """Estimate the ambient RNA of CELLS (h5ad): SAMPLE.soup.parquet, .ambient.parquet, .ambient.tsv and .ambient.json."""
    import pandas as pd

    genes = gene_names(cells)
    umi, total, of_genes = read_sums(cells, genes)
    profile = of_genes / max(of_genes.sum(), 1)
    kind, per_cell = kinds_of(umi, total), float(total.mean())
    rows = evidence(umi, kind, {name: float(profile[np.isin(genes, of)].sum()) for name, of in SETS.items()})
    soup = amount(rows, per_cell)
    if soup.estimable:
        profile = corrected_profile(profile, genes, rows, soup.share * per_cell)

    facts = {"sample": sample, "estimable": soup.estimable}
    facts |= {"contamination": soup.share if soup.estimable else None}
    facts |= {"contamination_low": soup.low, "contamination_high": soup.high, "shape": soup.shape, "rate": soup.rate}
    facts |= {"umi_per_cell": per_cell, "soup_umi_per_cell": soup.share * per_cell if soup.estimable else None}
    write_json(facts | {"warnings": [f"{sample}: {text}" for text in remarks(facts)]}, f"{sample}.ambient.json")

    result = pd.DataFrame({"cell_id": cell_ids(cells), "kind": kind})
    columns = ["soup_umi", "contamination", "contamination_low", "contamination_high"]
    if soup.estimable:
        of_cells, variance = soup_of_cells(umi, kind, rows, soup, per_cell)
        result[columns] = np.column_stack([of_cells, *contamination(of_cells, variance, total)])
    else:
        result[columns] = np.nan
    write_parquet(result, f"{sample}.ambient.parquet")
    write_parquet(pd.DataFrame({"gene": genes, "share": profile}), f"{sample}.soup.parquet")
    rows.insert(0, "sample", sample)
    rows["soup_umi_per_cell"] = rows["umi"] / (rows["cells"] * rows["share"]).where(rows["share"] > 0)
    write_table(rows.replace({"counts": {True: "yes", False: "no"}}), f"{sample}.ambient.tsv")


if __name__ == "__main__":
    main()
