#!/usr/bin/env python3
"""The cells and genes that communication is read from: a bounded draw per group, log-normalised, genes of known pairs only."""

import json
import zlib
from collections.abc import Collection
from pathlib import Path

from _cli import FILE, command
from _errors import InputError
from _matrices import cell_ids, gene_names, log_per_10k_without_ig, read_blocks
from _pairs import pair_genes, read_pairs
from _receptors import Lineages
from _tables import named

import click
import numpy as np


def cell_groups(labels, level: str, senders: Collection[str]):
    """Group per cell (Series of names, None where unassigned).

    At level `subset`, cells of the sending lineages go by subset where they have one, all others by cell type.
    """
    groups = labels["cell_type"].astype(object)
    if level == "subset":
        subsets = labels["subset"].astype(object)
        groups = groups.mask(named(subsets) & labels["lineage"].isin(list(senders)), subsets)
    return groups.mask(~named(groups), None)


def draw_cells(groups, cap: int, seed: int) -> np.ndarray:
    """Sorted positions of at most `cap` cells of each group, without replacement, whatever the other groups are."""
    names = np.asarray(groups, dtype=object)
    drawn = []
    for name in sorted({name for name in names if name is not None}):
        cells = np.flatnonzero(names == name)
        rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
        drawn.append(cells if cells.size <= cap else rng.choice(cells, cap, replace=False))
    return np.sort(np.concatenate(drawn)) if drawn else np.empty(0, dtype=int)


def drawn_expression(path: Path, labels, groups, drawn: np.ndarray, wanted: Collection[str]):
    """AnnData of the drawn cells x genes of `wanted`; labels and groups are those of all cells of the file.

    obs: lineage, cell_type, group, and total_log, the sum of the log-normalised values of all genes; uns:
    patient, timepoint and day, cells per group before the draw, and the number of genes seen in any drawn cell.
    """
    import anndata
    import pandas as pd
    from scipy import sparse

    names = gene_names(path)
    genes = np.flatnonzero(names.isin(wanted))
    if not genes.size:
        raise InputError(f"{path.name}: none of its genes is in the pairs, all human; give --interactions.")
    blocks, totals, seen = ([sparse.csr_matrix((0, len(genes)))], [np.empty(0)], np.zeros(len(names), dtype=bool))
    for _, counts in read_blocks(path, np.isin(np.arange(len(labels)), drawn)):
        logs = log_per_10k_without_ig(counts, names)
        totals.append(np.asarray(logs.sum(axis=1, dtype=np.float64)).ravel())
        seen[logs.indices] = True
        blocks.append(logs[:, genes])
    obs = labels.iloc[drawn][["lineage", "cell_type"]].astype("category")
    obs = obs.assign(group=groups.iloc[drawn].astype("category"), total_log=np.concatenate(totals))
    matrix = sparse.vstack(blocks[1:] or blocks, format="csr")
    expression = anndata.AnnData(matrix, obs=obs, var=pd.DataFrame(index=names[genes]))
    of_sample = labels[["patient", "timepoint", "day"]].dropna().iloc[0]
    expression.uns |= {
        "patient": of_sample["patient"],
        "timepoint": of_sample["timepoint"],
        "day": int(of_sample["day"]),
    }
    sizes = groups.dropna().value_counts().sort_index()
    expression.uns["groups"] = json.dumps({str(name): int(n) for name, n in sizes.items()})
    expression.uns["genes_seen"] = int(seen.sum())
    return expression


@command()
@click.argument("cells", type=FILE)
@click.option("--sample", required=True, help="Name of the sample.")
@click.option("--labels", required=True, type=FILE, help="Labels of the patient's cells, or of the run's.")
@click.option("--lineages", required=True, type=FILE, help="Lineages; cells of a `sender` go by subset.")
@click.option("--interactions", required=True, type=FILE, help="Table of pairs: ligand and receptor.")
@click.option("--level", type=click.Choice(["subset", "cell_type"]), default="subset", help="The groups.")
@click.option("--max-cells", type=click.IntRange(10), default=1000, help="Most cells per group.")
@click.option("--seed", type=click.IntRange(0), default=0, help="Seed of the draw of cells.")
def main(
    cells: Path, sample: str, labels: Path, lineages: Path, interactions: Path, level: str, max_cells: int, seed: int
) -> None:
    """Draw cells per group from CELLS, one sample's h5ad of counts, and keep the genes of ligand-receptor pairs."""
    import hdf5plugin
    import pandas as pd

    columns = ["cell_id", "patient", "timepoint", "day", "lineage", "cell_type", "subset"]
    known = pd.read_parquet(labels, columns=columns).set_index("cell_id").reindex(cell_ids(cells))
    if known["cell_type"].isna().all():
        raise InputError(f"{sample}: no cell of {cells.name} is in {labels.name}; give labels of the same run.")
    groups = cell_groups(known, level, Lineages(lineages).senders)
    wanted = pair_genes(read_pairs(interactions))
    expression = drawn_expression(cells, known, groups, draw_cells(groups, max_cells, seed), wanted)
    expression.uns |= {"sample": sample, "level": level}
    expression.write_h5ad(f"{sample}.communication_cells.h5ad", compression=hdf5plugin.FILTERS["zstd"])


if __name__ == "__main__":
    main()
