#!/usr/bin/env python3
"""Expression of every chromosome arm, cell by cell, against a baseline of the cell's own kind."""

import json
import re
from importlib.metadata import version
from pathlib import Path

import click

PACKAGES = ("click", "anndata", "numpy", "scipy", "pandas", "hdf5plugin")
FILE = click.Path(exists=True, dir_okay=False)
CANDIDATES = ("B", "plasma", "blast")  # lineages that a B-cell malignancy can sit in
HALF = 8  # genes in a row that go to the same half of an arm; the next ones go to the other
BLOCK = 1000  # cells read at a time
MAX_RATIO = 3.0  # a gene further from its baseline than this differs by the cell's state, not by copy number
MIN_GENES = 1000  # with a position, for arms to be judged at all
CAP = 3.0  # standard deviations above expectation at which one gene's count in one cell is cut


def read_positions(path: Path | str, gtf: Path | str | None = None):
    """Positions (index gene; chromosome, start, end, arm like `1q`), from the table or a GTF's gene lines.

    Only numbered chromosomes (`chr1` or `1`); of a gene that stands there more than once the first position counts.
    A GTF has no arms: a human one takes the table's centromeres, other species' chromosomes stay whole.
    """
    import pandas as pd

    how = {"comment": "#", "keep_default_na": False, "dtype": {"gene": str, "chromosome": str, "arm": str}}
    table = pd.read_csv(path, sep="\t", **how)
    absent = {"gene", "chromosome", "start", "end", "arm"} - set(table.columns)
    if absent:
        words = f"{Path(path).name} has no column {', '.join(sorted(absent))}"
        raise click.ClickException(f"{words}: gene positions are gene, chromosome, start, end, arm (p or q)")
    table = table.set_index("gene")
    table["chromosome"] = table.chromosome.str.removeprefix("chr")
    table = table[table.chromosome.str.fullmatch(r"\d+") & ~table.index.duplicated()]
    table = table.assign(chromosome="chr" + table.chromosome, arm=table.chromosome + table.arm)
    if not gtf:
        return table
    lines = pd.read_csv(gtf, sep="\t", comment="#", header=None, usecols=[0, 2, 3, 4, 8], dtype={0: str})
    lines = lines[lines[2] == "gene"]
    fields = lines[8].str
    names = fields.extract(r'gene_name "([^"]+)"')[0].fillna(fields.extract(r'gene_id "([^"]+)"')[0])
    genes = pd.DataFrame({"chromosome": lines[0].str.removeprefix("chr"), "start": lines[3], "end": lines[4]})
    genes.index = pd.Index(names, name="gene")
    genes["arm"] = genes.chromosome
    if fields.contains('gene_id "ENSG').any():
        centromere = table[table.arm.str.endswith("p")].groupby(table.arm.str[:-1])["end"].max()
        beyond = genes.start > genes.chromosome.map(centromere).fillna(0)
        genes["arm"] = genes.chromosome + beyond.map({True: "q", False: "p"})
    genes = genes[genes.chromosome.str.fullmatch(r"\d+") & ~genes.index.duplicated()]
    return genes.assign(chromosome="chr" + genes.chromosome)


def shared_genes(paths):
    """The genes that all cells files have, in the order of the first: references may differ by a few, such as a CAR."""
    import anndata as ad
    import h5py

    keep = None
    for path in paths:
        with h5py.File(path) as file:
            own = ad.io.read_elem(file["var"]).index
        keep = own if keep is None else keep[keep.isin(own)]
    return keep.to_numpy(dtype=object)


def usable_genes(names, positions, masked: Path | str):
    """Row numbers, in genome order, of genes with a position that no pattern of the masking table names."""
    import numpy as np
    import pandas as pd

    patterns = pd.read_csv(masked, sep="\t", comment="#").pattern
    drop = re.compile("|".join(f"(?:{pattern})" for pattern in patterns))
    keep = [name in positions.index and not drop.fullmatch(name.upper()) for name in names]
    rows = np.flatnonzero(keep)
    place = positions.loc[[names[row] for row in rows]]
    chromosome = place.chromosome.str.removeprefix("chr").astype(int).to_numpy()
    return rows[np.lexsort((place.start.to_numpy(), chromosome))]


def populations(labels, clones, min_clone: int):
    """What each cell is judged with (`population`) and whether it is known to be `normal`.

    Candidates are B, plasma and blast cells: by clone where it has `min_clone` such cells, blasts together.
    A candidate without a receptor may be of any clone, so it is never part of a baseline; one of a smaller
    clone is polyclonal and normal. All cells of other lineages are normal.
    """
    cells = labels.set_index("cell_id")[["lineage", "cell_type"]].astype(str)
    vague = (cells.cell_type == "unassigned") & (cells.lineage != "unassigned")
    cells.loc[vague, "cell_type"] = "unassigned " + cells.lineage
    cells["clone"] = None if clones is None else clones
    candidate = cells.lineage.isin(CANDIDATES)
    blast = cells.lineage == "blast"
    size = cells[candidate].groupby("clone").size()
    expanded = cells.clone.isin(size[size >= min_clone].index) & candidate & ~blast
    polyclonal = candidate & cells.clone.notna() & ~expanded & ~blast
    cells["population"] = cells.cell_type.where(~candidate, cells.cell_type + " without receptor")
    cells.loc[polyclonal, "population"] = "polyclonal " + cells.cell_type
    cells.loc[expanded, "population"] = cells.clone
    cells.loc[blast, "population"] = "blasts"
    cells["normal"] = polyclonal | (~candidate & (cells.lineage != "unassigned"))
    cells["group"] = cells.population + "|" + cells.cell_type
    return cells


class Moments:
    """Sums over the cells of each group that mean, depth and overdispersion follow from."""

    def __init__(self, groups: int, genes: int):
        import numpy as np

        self.counts, self.squares = np.zeros((groups, genes)), np.zeros((groups, genes))
        self.cells, self.depth, self.depth2 = np.zeros(groups), np.zeros(groups), np.zeros(groups)

    def add(self, x, group) -> None:
        """x: cells x genes, CSR counts; group: number of each cell's group."""
        import numpy as np
        from scipy import sparse

        ones = np.ones(x.shape[0])
        members = sparse.csr_matrix((ones, (group, np.arange(len(ones)))), shape=(len(self.cells), len(ones)))
        depth = np.asarray(x.sum(axis=1), dtype=float).ravel()
        squared = sparse.csr_matrix((x.data.astype(float) ** 2, x.indices, x.indptr), shape=x.shape)
        self.counts += (members @ x).toarray()
        self.squares += (members @ squared).toarray()
        self.cells += members @ ones
        self.depth += members @ depth
        self.depth2 += members @ depth**2

    def dispersion(self, normal):
        """Each gene's overdispersion within the normal groups (variance = mean + dispersion * mean^2)."""
        import numpy as np

        share = self.counts[normal] / np.maximum(self.depth[normal], 1)[:, None]
        squared = (share**2 * self.depth2[normal][:, None]).sum(axis=0)
        excess = self.squares[normal].sum(axis=0) - self.counts[normal].sum(axis=0)
        return np.where(squared > 0, np.clip(excess / np.maximum(squared, 1e-12) - 1, 0.02, 50), 50.0)


def choose_baseline(groups, moments: Moments, min_reference: int):
    """Each group's expected share of each gene: of normal cells of its type, of its lineage, or its own.

    Returns (groups x genes shares, counts behind each share, name of each group's baseline).
    """
    import numpy as np

    shares, behind, names = [], [], []
    for group in groups.itertuples():
        chosen, name = np.array([group.Index]), "own mean"
        if group.normal:
            chosen = groups.index[groups.normal & (groups.cell_type == group.cell_type)]
            name = f"{group.cell_type} itself"
        elif group.lineage != "blast":
            for column in ("cell_type", "lineage"):
                same = groups.index[groups.normal & (groups[column] == getattr(group, column))]
                if moments.cells[same].sum() >= min_reference:
                    word = group.cell_type if column == "cell_type" else f"{group.lineage} lineage"
                    chosen, name = same, f"polyclonal {word}"
                    break
        counts = moments.counts[chosen].sum(axis=0)
        shares.append(counts / max(moments.depth[chosen].sum(), 1))
        behind.append(counts)
        names.append(name)
    return np.array(shares), np.array(behind), np.array(names)


def gene_weights(share, behind, counts, depth: float, dispersion):
    """Weight of each gene in the arm score: the negative binomial score test's, 0 where it cannot serve.

    Left out are genes with fewer than 20 counts behind the baseline and genes whose share in the group as a
    whole differs from it more than MAX_RATIO-fold: they differ by the cell's state, not by copy number.
    """
    import numpy as np

    ratio = (counts + 5) / (counts.sum() * share + 5)
    usable = (behind >= 20) & (ratio < MAX_RATIO) & (ratio > 1 / MAX_RATIO)
    return np.where(usable, 1 / (1 + dispersion * depth * share), 0.0)


def arm_scores(x, group, share, weight, dispersion, part, arms: int):
    """Observed over expected weighted counts of each arm and of one half of it, centred on the cell's median.

    x: cells x genes CSR counts; group: number per cell; share, weight: groups x genes; part: twice the number
    of the gene's arm, plus 1 for genes of the second half. Returns, side by side and each `arms` wide: ratios,
    ratios of first halves, expected, expected of first halves. 1 / expected is the ratio's variance from
    counting alone.
    """
    import numpy as np
    from scipy import sparse

    depth = np.asarray(x.sum(axis=1), dtype=float).ravel()
    row = np.repeat(np.arange(x.shape[0]), np.diff(x.indptr))
    mean = depth[row] * share[group[row], x.indices]
    over = dispersion[x.indices]
    cap = mean + CAP * np.sqrt(mean * (1 + over * mean)) + 1
    value = np.minimum(x.data, cap) * weight[group[row], x.indices]
    shape = (len(part), 2 * arms)
    to_part = sparse.csr_matrix((np.ones(len(part)), (np.arange(len(part)), part)), shape=shape)
    observed = (sparse.csr_matrix((value, x.indices, x.indptr), shape=x.shape) @ to_part).toarray()
    expected = depth[:, None] * ((share * weight) @ to_part)[group]
    both = [table[:, 0::2] + table[:, 1::2] for table in (observed, expected)]
    ratio, half = (
        np.divide(above, below, out=np.ones_like(above), where=below > 0)
        for above, below in (both, (observed[:, 0::2], expected[:, 0::2]))
    )
    order = np.argsort(ratio, axis=1)
    heap = np.cumsum(np.take_along_axis(both[1], order, axis=1), axis=1)
    middle = (heap >= heap[:, -1:] / 2).argmax(axis=1)
    centre = np.maximum(np.take_along_axis(ratio, order, axis=1)[np.arange(len(ratio)), middle], 0.2)[:, None]
    return np.hstack([ratio / centre, half / centre, both[1], expected[:, 0::2]])


def blocks(path: Path | str, genes, known):
    """CSR blocks of a cells file: (positions in `known` of its cells, counts of `genes` in that order)."""
    import anndata as ad
    import h5py
    import numpy as np

    with h5py.File(path) as file:
        ids = ad.io.read_elem(file["obs"]).index
        columns = ad.io.read_elem(file["var"]).index.get_indexer(genes)
        counts = ad.io.sparse_dataset(file["X"])
        place = known.get_indexer(ids)
        for start in range(0, len(ids), BLOCK):
            here = place[start : start + BLOCK]
            x = counts[start : start + BLOCK].tocsr()[np.flatnonzero(here >= 0)]
            yield here[here >= 0], x[:, columns]


@click.command(context_settings={"show_default": True})
@click.argument("cells", nargs=-1, required=True, type=FILE)
@click.option("--patient", required=True, help="Name of the patient; outputs are called after it.")
@click.option("--labels", required=True, type=FILE, help="labels.parquet with the cell types.")
@click.option("--clones", type=FILE, help="The patient's clones.parquet.")
@click.option("--gene-positions", required=True, type=FILE, help="Table: gene chromosome start end arm.")
@click.option("--gtf", type=FILE, help="genes.gtf of the Cell Ranger reference, for other genomes.")
@click.option("--masked", required=True, type=FILE, help="Table of patterns of genes to leave out.")
@click.option("--min-reference", default=50, type=click.IntRange(5), help="Cells a baseline needs.")
@click.option("--min-clone", default=20, type=click.IntRange(2), help="Cells a clone needs to be judged.")
@click.version_option(" ".join(f"{name}={version(name)}" for name in PACKAGES), message="%(version)s")
def main(cells, patient, labels, clones, gene_positions, gtf, masked, min_reference, min_clone) -> None:
    """Score every chromosome arm of every cell in CELLS against normal cells of the same kind."""
    import hdf5plugin  # noqa: F401  (registers the zstd filter)
    import numpy as np
    import pandas as pd

    table = pd.read_parquet(labels)
    table = table[table.patient.astype(str) == patient]
    of_clone = pd.read_parquet(clones).set_index("cell_id").bcr_clone.dropna() if clones else None
    table = populations(table, of_clone, min_clone)
    positions = read_positions(gene_positions, gtf)
    names = shared_genes(cells)
    names = names[usable_genes(names, positions, masked)]
    place = positions.loc[names]
    arms = list(dict.fromkeys(place.arm))
    arm = place.arm.map({name: number for number, name in enumerate(arms)}).to_numpy()
    part = 2 * arm + (np.arange(len(arm)) // HALF) % 2

    columns = ["group", "population", "lineage", "cell_type", "normal"]
    groups = table[columns].drop_duplicates("group").sort_values("group").reset_index(drop=True)
    group = pd.Index(groups.group).get_indexer(table.group)
    moments, seen = Moments(len(groups), len(names)), np.zeros(len(table), bool)
    for path in cells:
        for here, x in blocks(path, names, table.index):
            moments.add(x, group[here])
            seen[here] = True
    table, group = table[seen], group[seen]
    normal = groups.normal.to_numpy() & (moments.cells > 0)
    reason = None
    if len(names) < MIN_GENES:
        reason = f"only {len(names)} genes of all samples have a known position; --gene_positions or --gtf serve other genomes"
    elif not normal.any():
        reason = "no cell is known to be normal, like T, NK and myeloid cells or plasma cells of small clones"
    out, genes = table[["group", *columns[1:]]].assign(baseline=""), {}
    if reason:
        out, scores = out.reset_index(), pd.DataFrame(index=range(len(out)))
    else:
        dispersion = moments.dispersion(normal)
        share, behind, baseline = choose_baseline(groups, moments, min_reference)
        depth = moments.depth / np.maximum(moments.cells, 1)
        each = zip(share, behind, moments.counts, depth, strict=True)
        weight = np.array([gene_weights(*own, dispersion) for own in each])
        values = np.zeros((len(table), 4 * len(arms)), np.float32)
        for path in cells:
            for here, x in blocks(path, names, table.index):
                values[here] = arm_scores(x, group[here], share, weight, dispersion, part, len(arms))
        kinds = ("", ":half", ":expected", ":half_expected")
        scores = pd.DataFrame(values, columns=[name + kind for kind in kinds for name in arms])
        out = out.assign(baseline=baseline[group]).reset_index()
        for number, name in enumerate(groups.group):
            genes[f"counts:{name}"] = moments.counts[number].astype(np.int64)
            genes[f"baseline:{name}"] = behind[number].astype(np.int64)
            genes[f"weight:{name}"] = weight[number].astype(np.float32)
    pd.concat([out, scores], axis=1).to_parquet(f"{patient}.arms.parquet", compression="zstd", index=False)
    place = place.reset_index(names="gene")[["gene", "chromosome", "start", "end", "arm"]]
    place = pd.concat([place, pd.DataFrame(genes, index=place.index)], axis=1)
    place.to_parquet(f"{patient}.arm_genes.parquet", compression="zstd", index=False)
    facts = {"patient": patient, "status": "not assessable" if reason else "assessed", "reason": reason}
    facts |= {"genes": len(names), "cells": len(out), "min_reference": min_reference, "min_clone": min_clone}
    facts["baselines"] = {str(name): int(n) for name, n in out.baseline.value_counts().sort_index().items()}
    Path(f"{patient}.arms.json").write_text(json.dumps(facts, indent=1, allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
