"""V(D)J contig tables of a sample, in Cell Ranger 7's 31 columns, with the flaws of real libraries."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv

from simulator.case import TIMEPOINTS
from simulator.cells import Sample, make_barcodes
from simulator.receptors import Usage
from simulator.sequences import FRAMEWORK_4, REGIONS, back_translate, frameworks

COLUMNS = [
    "barcode",
    "is_cell",
    "contig_id",
    "high_confidence",
    "length",
    "chain",
    "v_gene",
    "d_gene",
    "j_gene",
    "c_gene",
    "full_length",
    "productive",
    "fwr1",
    "fwr1_nt",
    "cdr1",
    "cdr1_nt",
    "fwr2",
    "fwr2_nt",
    "cdr2",
    "cdr2_nt",
    "fwr3",
    "fwr3_nt",
    "cdr3",
    "cdr3_nt",
    "fwr4",
    "fwr4_nt",
    "reads",
    "umis",
    "raw_clonotype_id",
    "raw_consensus_id",
    "exact_subclonotype_id",
]
# Per kind of cell and position (first, second, third chain): chance to be assembled, median UMIs.
SEEN = {
    "plasma": ((0.95, 40), (0.97, 70), (0.9, 40)),
    "B": ((0.86, 7), (0.92, 12), (0.8, 8)),
    "blast": ((0.28, 2.5), (0, 1), (0, 1)),
    "T": ((0.945, 6), (0.85, 4), (0.75, 3)),
}
# Shares of cells: called by V(D)J alone, with a stray chain of the other receptor, a foreign productive chain, an
# unproductive chain; of droplets without the receptor: soiled by plasma cells.
NO_CELL, STRAY, SOILED = 0.04, 0.003, 0.008
EXTRA = {"BCR": {"IGH": 0.003, "IGK": 0.02}, "TCR": {"TRB": 0.02, "TRA": 0.01}}
UNPRODUCTIVE = {"BCR": {"IGK": 0.05}, "TCR": {"TRA": 0.14}}


def make_contigs(sample: Sample, receptor: str, usage: Usage, seed: int) -> pd.DataFrame:
    """The contig table of one library (receptor BCR or TCR)."""
    number = {"BCR": 1, "TCR": 2}[receptor]
    when = list(TIMEPOINTS).index(sample.timepoint)
    rng = np.random.default_rng([seed, 40 + number, sample.patient.number, when])
    rep = sample.repertoire.copy()
    clone = sample.bcr if receptor == "BCR" else sample.tcr
    cell, droplet = _cells_in_droplets(sample)
    keep = (clone[cell] >= 0) & (sample.kind[droplet] != "empty")
    cell, droplet = cell[keep], droplet[keep]
    lineage = sample.truth["lineage"].to_numpy(object)[cell]
    rows = np.concatenate(rep.rows)[clone[cell]] if len(cell) else np.empty((0, 3), int)
    precursor = sample.truth["subset"].to_numpy(object)[cell] == "B_precursor"
    dying = sample.kind[droplet] == "dying"
    parts = []
    for position in range(3):
        chance, level = np.zeros(len(cell)), np.ones(len(cell))
        for name, per_position in SEEN.items():
            chance[lineage == name], level[lineage == name] = per_position[position]
        chance[precursor & (position > 0)] *= 0.3
        chance[dying] *= 0.4
        seen = (rows[:, position] >= 0) & (rng.random(len(cell)) < chance)
        umis = np.ceil(level[seen] * rng.lognormal(0, 0.7, int(seen.sum())))
        parts.append((droplet[seen], rows[seen, position], umis, np.ones(int(seen.sum()), bool)))
    more = [(locus, chance, True) for locus, chance in EXTRA[receptor].items()]
    more += [(locus, chance, False) for locus, chance in UNPRODUCTIVE[receptor].items()]
    for locus, chance, productive in more:
        chosen = droplet[rng.random(len(droplet)) < chance]
        made = rep.add_chains(usage.draw(locus, len(chosen), rng))
        parts.append(
            (chosen, made, np.ceil(2.5 * rng.lognormal(0, 0.6, len(chosen))), np.full(len(chosen), productive))
        )
    # Free transcripts of an abundant clone reach droplets of other cells.
    if receptor == "BCR" and len(cell):
        others = np.setdiff1d(np.flatnonzero(sample.kind != "empty"), droplet)
        plasma = np.flatnonzero(lineage == "plasma")
        soiled = others[rng.random(len(others)) < SOILED * min(1.0, 8 * len(plasma) / len(sample.kind))]
        if len(plasma):
            source = rows[rng.choice(plasma, len(soiled)), rng.integers(0, 2, len(soiled))]
            parts.append((soiled, source, rng.choice([1, 1, 2], len(soiled)).astype(float), np.ones(len(soiled), bool)))
    stray = rng.choice(droplet, int(np.ceil(STRAY * len(droplet)))) if len(droplet) else np.empty(0, int)
    made = rep.add_chains(usage.draw("TRB" if receptor == "BCR" else "IGK", len(stray), rng))
    parts.append((stray, made, np.ones(len(stray)), np.ones(len(stray), bool)))
    # Cells that only the V(D)J library called.
    lost = round(NO_CELL * len(droplet))
    source = rng.choice(len(cell), lost) if lost else np.empty(0, int)
    for position in range(2):
        has = rows[source, position] >= 0
        parts.append(
            (
                len(sample.barcodes) + np.flatnonzero(has),
                rows[source[has], position],
                np.ceil(3 * rng.lognormal(0, 0.6, int(has.sum()))),
                np.ones(int(has.sum()), bool),
            )
        )
    barcodes = np.concatenate([sample.barcodes, make_barcodes(lost, rng)])
    joined = [np.concatenate([p[i] for p in parts]) for i in range(4)]
    return _table(*joined, barcodes, rep.finish()[0], rng)


def _cells_in_droplets(sample: Sample) -> tuple[np.ndarray, np.ndarray]:
    """Cell number and droplet number of all cells, both cells of a doublet included."""
    first, second = np.flatnonzero(sample.first >= 0), np.flatnonzero(sample.second >= 0)
    return np.concatenate([sample.first[first], sample.second[second]]), np.concatenate([first, second])


def _table(
    droplet: np.ndarray, chain: np.ndarray, umis: np.ndarray, productive: np.ndarray, barcodes: np.ndarray,
    chains: dict[str, np.ndarray], rng: np.random.Generator,
) -> pd.DataFrame:  # fmt: skip
    order = np.lexsort((-umis, ~productive, droplet))
    order = order[np.argsort(barcodes[droplet[order]], kind="stable")]
    droplet, chain, umis, productive = (droplet[order], chain[order], umis[order].astype(np.int64), productive[order])
    # The same chain twice in a droplet (a doublet of one clone) is one contig.
    twice = pd.DataFrame({"d": droplet, "c": chain}).duplicated().to_numpy()
    droplet, chain, umis, productive = droplet[~twice], chain[~twice], umis[~twice], productive[~twice]
    n = len(droplet)
    number = pd.Series(droplet).groupby(droplet).cumcount().to_numpy() + 1
    names = {"chain": "locus", "v_gene": "v", "d_gene": "d", "j_gene": "j", "c_gene": "c"}
    table = pd.DataFrame({column: chains[name][chain] for column, name in names.items()})
    table["cdr3"], table["cdr3_nt"] = chains["cdr3"][chain], chains["cdr3_nt"][chain]
    table["barcode"] = barcodes[droplet].astype(object) + "-1"
    table["contig_id"] = table["barcode"] + "_contig_" + number.astype(str).astype(object)
    table["is_cell"] = table["high_confidence"] = True
    table["productive"], table["umis"] = productive, umis
    table["reads"] = (umis * rng.lognormal(np.log(110), 0.5, n)).astype(np.int64) + 1
    table.loc[rng.random(n) < 0.02, "c_gene"] = None
    _add_frameworks(table)
    table.loc[~table["productive"], ["cdr3", "cdr3_nt", "fwr4", "fwr4_nt"]] = None
    table["full_length"] = table["productive"] | (rng.random(n) < 0.7)
    _add_clonotypes(table, droplet, rng)
    return table[COLUMNS]


def _add_frameworks(table: pd.DataFrame) -> None:
    """Regions around the CDR3, and the contig's length with leader and a stretch of the constant region."""
    for column in [f"{r}{s}" for r in (*REGIONS, "fwr4") for s in ("", "_nt")]:
        table[column] = None
    spans = np.zeros(len(table), np.int64)
    for locus, part in table.groupby("chain"):
        known = frameworks(sorted(part["v_gene"].unique()), locus)
        code = known.index.get_indexer(part["v_gene"])
        for column in known:
            table.loc[part.index, column] = known[column].to_numpy()[code]
        end = FRAMEWORK_4[locus]
        table.loc[part.index, "fwr4"] = end
        table.loc[part.index, "fwr4_nt"] = back_translate([end], np.random.default_rng(5))[0]
        total = known[[f"{r}_nt" for r in REGIONS]].map(len).sum(axis=1).to_numpy()[code]
        spans[part.index] = total + part["cdr3_nt"].str.len().to_numpy() + 3 * len(end)
    umis = table["umis"].to_numpy()
    table["length"] = spans + 57 + 20 + (umis * 7919 % 140) + np.where(table["chain"].isin(["IGK", "IGL"]), 110, 75)


def _add_clonotypes(table: pd.DataFrame, droplet: np.ndarray, rng: np.random.Generator) -> None:
    """raw_clonotype_id by exact productive chains, numbered by size as Cell Ranger does."""
    productive = table["productive"].to_numpy()
    key = pd.util.hash_array((table["chain"] + table["cdr3_nt"].fillna("")).to_numpy(object)).astype(np.uint64)
    key[~productive] = 0
    _, dense = np.unique(droplet, return_inverse=True)
    total = np.zeros(dense.max(initial=-1) + 1, np.uint64)
    np.add.at(total, dense, key)
    codes, uniques = pd.factorize(total)
    size = np.bincount(codes, minlength=len(uniques)).astype(float)
    size[uniques == 0] = -1
    rank = np.empty(len(uniques), np.int64)
    rank[np.lexsort((uniques, -size))] = np.arange(1, len(uniques) + 1)
    clonotype = rank[codes][dense]
    none = uniques[codes][dense] == 0
    name = pd.Series("clonotype" + clonotype.astype(str).astype(object))
    consensus = pd.DataFrame({"clonotype": clonotype, "key": key}).drop_duplicates()
    consensus["k"] = consensus.groupby("clonotype").cumcount() + 1
    k = pd.DataFrame({"clonotype": clonotype, "key": key}).merge(consensus, how="left")["k"].to_numpy()
    table["raw_clonotype_id"] = name.mask(none, None).to_numpy(object)
    table["raw_consensus_id"] = (
        (name + "_consensus_" + k.astype(str).astype(object)).mask(none | ~productive, None).to_numpy(object)
    )
    table["exact_subclonotype_id"] = pd.array(np.ones(len(table)), dtype="Int64")
    table.loc[none, "exact_subclonotype_id"] = pd.NA


def write_contigs(path: Path, table: pd.DataFrame) -> None:
    """As Cell Ranger writes it: no quotes, lower-case booleans, empty for missing."""
    options = csv.WriteOptions(quoting_style="none", include_header=False)
    with path.open("wb") as file:
        file.write((",".join(table.columns) + "\n").encode())
        if len(table):
            csv.write_csv(pa.Table.from_pandas(table, preserve_index=False), file, options)


def contig_metrics(table: pd.DataFrame, rng: np.random.Generator) -> dict[str, str]:
    """Cell Ranger's V(D)J metrics in wide form; the sequencing figures are invented around usual values."""
    cells = table["barcode"].nunique()
    reads = int(table["reads"].sum() * rng.uniform(1.5, 2.2)) + 1
    good = table[table["productive"]]
    bcr = good["chain"].isin(["IGH", "IGK", "IGL"]).mean() > 0.5 if len(good) else True
    first, second = ("IGH", ["IGK", "IGL"]) if bcr else ("TRB", ["TRA"])
    paired = set(good.loc[good["chain"] == first, "barcode"]) & set(good.loc[good["chain"].isin(second), "barcode"])
    return {
        "Estimated Number of Cells": f"{cells:,}",
        "Mean Read Pairs per Cell": f"{reads // max(cells, 1):,}",
        "Number of Cells With Productive V-J Spanning Pair": f"{len(paired):,}",
        "Number of Read Pairs": f"{reads:,}",
        "Valid Barcodes": f"{rng.uniform(0.92, 0.97):.1%}",
        "Q30 Bases in Barcode": f"{rng.uniform(0.93, 0.97):.1%}",
        "Reads Mapped to Any V(D)J Gene": f"{rng.uniform(0.65, 0.9):.1%}",
        "Fraction Reads in Cells": f"{rng.uniform(0.55, 0.9):.1%}",
        "Cells With Productive V-J Spanning Pair": f"{len(paired) / max(cells, 1):.1%}",
    }
