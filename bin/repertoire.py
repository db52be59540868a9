#!/usr/bin/env python3
"""A patient's repertoires per tissue and sort: diversity at equal depth, gene usage, isotypes, light chains, shared clones."""

from pathlib import Path

from _chains import read_own_chains, strongest
from _cli import FILE, command, multiqc_section, write_json
from _clones import RECEPTORS, of_receptor, read_labels, with_clones
from _receptors import with_library
from _series import DESIGN, told_apart
from _shares import wilson
from _tables import write_table

import click
import numpy as np

LEVELS = ("all", "lineage", "cell_type", "subset")
MIN_DEPTH = 20  # fewest cells with a clone for a diversity
DRAWS = 200
MIN_LIGHT = 0.2  # share of cells with a light chain, below which no restriction is called
KAPPA_RANGE = (1 / 3, 3 / 4)  # kappa share of polyclonal B and plasma cells: kappa/lambda ratio 0.5 to 3


def indices(sizes: np.ndarray) -> dict[str, np.ndarray]:
    """Clones, Shannon entropy (nats), inverse Simpson and Pielou evenness of clone sizes (..., clones)."""
    n = sizes.sum(-1, keepdims=True)
    p = sizes / n
    shannon = -np.where(p > 0, p * np.log(np.where(p > 0, p, 1)), 0).sum(-1)
    clones = (sizes > 0).sum(-1)
    evenness = np.where(clones > 1, shannon / np.log(np.maximum(clones, 2)), np.nan)
    return {"clones": clones, "shannon": shannon, "simpson": 1 / (p**2).sum(-1), "evenness": evenness}


def rarefied(sizes: np.ndarray, depth: int, rng: np.random.Generator) -> dict[str, float]:
    """Indices at equal depth: mean, 2.5 and 97.5 percentile of DRAWS samples of `depth` cells, no return."""
    draws = rng.multivariate_hypergeometric(sizes, depth, size=DRAWS, method="marginals")
    out = {}
    for name, values in indices(draws).items():
        low, high = np.percentile(values, [2.5, 97.5])
        out |= {f"{name}_rarefied": values.mean(), f"{name}_low": low, f"{name}_high": high}
    return out


def diversity(cells, receptor: str, seed: int):
    """Diversity per level, label and time, rarefied to the label's smallest time of MIN_DEPTH or more."""
    import pandas as pd

    members = cells[cells["counted"]].dropna(subset="clone")
    rows = []
    for level in LEVELS:
        for label, group in members.groupby(level):
            by_time = {
                key: here["clone"].value_counts().to_numpy() for key, here in group.groupby(["day", "timepoint"])
            }
            depths = [sizes.sum() for sizes in by_time.values() if sizes.sum() >= MIN_DEPTH]
            for (day, timepoint), sizes in sorted(by_time.items()):
                ordered = np.sort(sizes)[::-1]
                row = {"receptor": receptor, "level": level, "label": label, "timepoint": timepoint, "day": day}
                row |= {"n_cells": int(sizes.sum()), "top_share": ordered[0] / sizes.sum()}
                row["d50"] = int(np.searchsorted(ordered.cumsum(), sizes.sum() / 2) + 1)
                row |= {name: float(value) for name, value in indices(sizes).items()}
                if sizes.sum() >= MIN_DEPTH:
                    rng = np.random.default_rng([seed, len(rows)])
                    row |= {"depth": min(depths)} | rarefied(ordered, min(depths), rng)
                rows.append(row)
    return pd.DataFrame(rows)


def usage(cells, chains, receptor: str):
    """Gene, isotype, light-chain and length usage per level, label and time: one count per cell and chain type.

    chains: own productive chains. Rows: receptor, kind, level, label, timepoint, day, locus, value, n, total.
    """
    import pandas as pd

    best = strongest(chains[chains["library"] == receptor]).merge(cells[cells["counted"]], on="cell_id")
    best["junction_aa_length"] = best["junction_aa"].str.len().astype("Int64").astype(str)
    best["light_chain"] = best["locus"].where(best["locus"].isin(["IGK", "IGL"]))
    best["isotype"] = best["c_call"].where(best["locus"] == "IGH")
    counts = []
    for kind, levels in (
        *((kind, ("all", "lineage")) for kind in ("v_gene", "j_gene", "junction_aa_length")),
        *((kind, LEVELS) for kind in ("isotype", "light_chain")),
    ):
        for level in levels:
            known = best[best[kind].notna() & (best[kind] != "")]
            keys = [level, "timepoint", "day"] + ([] if kind == "light_chain" else ["locus"])
            n = known.groupby([*keys, kind], observed=True).size().rename("n").reset_index()
            n["total"] = n.groupby(keys)["n"].transform("sum")
            n = n.rename(columns={level: "label", kind: "value"}).assign(kind=kind, level=level)
            counts.append(n)
    table = pd.concat(counts, ignore_index=True)
    table["locus"] = table["locus"].fillna(table["value"])
    table.insert(0, "receptor", receptor)
    return table


def group_sizes(cells) -> dict[tuple[str, str, str], int]:
    """Cells by (level, label, time point): of all the label's kept cells; of all levels those with a clone."""
    sizes = {}
    for level in LEVELS:
        here = cells[cells["counted"]] if level == "all" else cells
        for (label, time), n in here.groupby([level, "timepoint"]).size().items():
            sizes[level, label, time] = n
    return sizes


def with_intervals(table, sizes: dict):
    """Adds share and Wilson bounds, and for light chains kappa/lambda and whether it is restricted.

    sizes: as of group_sizes. Under MIN_LIGHT of these cells with a light chain are too few to call a restriction:
    they may be strays of ambient RNA in cells that make none.
    """
    table = table.copy()
    table["share"], table["low"], table["high"] = wilson(table["n"], table["total"])
    kappa, lam = table["value"] == "IGK", table["value"] == "IGL"
    share = np.where(kappa, table["share"], 1 - table["share"])
    low = np.where(kappa, table["low"], 1 - table["high"])
    high = np.where(kappa, table["high"], 1 - table["low"])
    light = table["kind"] == "light_chain"
    with np.errstate(divide="ignore"):
        table["kappa_lambda"] = np.where(light & (kappa | lam), share / (1 - share), np.nan)
    words = np.select([low > KAPPA_RANGE[1], high < KAPPA_RANGE[0]], ["kappa", "lambda"], "no")
    keys = zip(table["level"], table["label"], table["timepoint"], strict=True)
    few = table["total"] < MIN_LIGHT * np.array([sizes.get(key, 0) for key in keys])
    table["restricted"] = np.where(light, np.where(few, "too few", words), "")
    first = ["receptor", "kind", "level", "label", "timepoint", "day", "locus", "value"]
    rest = ["n", "total", "share", "low", "high", "kappa_lambda", "restricted"]
    return table.sort_values([*first[:4], "day", "locus", "n"], ascending=[True] * 6 + [False])[first + rest]


def overlap(cells, receptor: str):
    """Clones that two subsets share, per time and over all: numbers, cells, Jaccard and Morisita-Horn."""
    import pandas as pd
    from scipy.sparse import csr_array

    members = cells[cells["counted"]].dropna(subset="clone")
    rows = []
    for time, here in [("all", members), *members.groupby("timepoint")]:
        subset, subsets = pd.factorize(here["subset"], sort=True)
        clone, clones = pd.factorize(here["clone"])
        shape = (len(subsets), len(clones))
        counts = csr_array((np.ones(len(here)), (subset, clone)), shape=shape)
        counts.sum_duplicates()
        present = (counts > 0).astype(float)
        sums, number = counts.sum(1), present.sum(1)
        shared, cells_in = (present @ present.T).toarray(), (counts @ present.T).toarray()
        share = counts.multiply(1 / sums[:, None]).tocsr() if len(here) else counts
        product, square = (share @ share.T).toarray(), share.multiply(share).sum(1)
        for a, b in zip(*np.triu_indices(len(subsets), 1), strict=True):
            if not shared[a, b]:
                continue
            rows.append(
                {
                    "receptor": receptor, "timepoint": time, "subset_a": subsets[a], "subset_b": subsets[b],
                    "shared_clones": int(shared[a, b]), "clones_a": int(number[a]), "clones_b": int(number[b]),
                    "cells_a": int(sums[a]), "cells_b": int(sums[b]),
                    "cells_a_shared": int(cells_in[a, b]), "cells_b_shared": int(cells_in[b, a]),
                    "jaccard": shared[a, b] / (number[a] + number[b] - shared[a, b]),
                    "morisita_horn": 2 * product[a, b] / (square[a] + square[b]),
                }
            )  # fmt: skip
    return pd.DataFrame(rows)


def multiqc(table, patient: str) -> dict:
    """MultiQC custom content: Shannon diversity at equal depth over days, per receptor."""
    data = {}
    if "shannon_rarefied" in table:
        rows = table[table["level"] == "all"].dropna(subset="shannon_rarefied")
        for row, where in zip(rows.itertuples(), told_apart(rows), strict=True):
            name = " ".join(filter(None, (patient, row.receptor, where)))
            points = data.setdefault(name, [])
            points.append([int(row.day), round(float(row.shannon_rarefied), 4)])
    return multiqc_section(
        "clonewatch_diversity", "Clone diversity",
        "Shannon entropy of clone sizes over days, at the depth of the smallest sample.", "linegraph",
        {name: sorted(points) for name, points in data.items()}, {"ylab": "nats", "xlab": "day", "showlegend": True},
    )  # fmt: skip


def of_design(cells, chains, seed: int) -> dict:
    """Diversity, usage and overlap of a patient's cells of one tissue and sort, both receptors.

    cells: of with_clones, with `all`; chains: own ones. Samples of a time point, tissue and sort are one repertoire.
    """
    import pandas as pd

    by_receptor = {receptor: of_receptor(with_library(cells, receptor), receptor) for receptor in RECEPTORS}
    tables = {
        "diversity": [diversity(here, receptor, seed) for receptor, here in by_receptor.items()],
        "usage": [usage(here, chains, receptor) for receptor, here in by_receptor.items()],
        "overlap": [overlap(here, receptor) for receptor, here in by_receptor.items()],
    }
    tables = {name: pd.concat(both, ignore_index=True) for name, both in tables.items()}
    return tables | {"usage": with_intervals(tables["usage"], group_sizes(by_receptor["BCR"]))}


@command()
@click.argument("clones", type=FILE)
@click.option("--patient", required=True, help="Patient; first part of the names of the output files.")
@click.option("--chains", required=True, type=FILE, help="Judged chains (parquet).")
@click.option("--labels", required=True, type=FILE, help="Kept cells with their types.")
@click.option("--seed", default=0, type=click.IntRange(0), help="Seed of the rarefaction.")
def main(clones: Path, patient: str, chains: Path, labels: Path, seed: int) -> None:
    """Diversity, usage and overlap of a patient's repertoires. CLONES: clone per cell (parquet)."""
    import pandas as pd

    cells = read_labels(labels, patient, ["timepoint", "day", *DESIGN, "libraries", "lineage", "cell_type", "subset"])
    cells = with_clones(cells, clones).assign(all="all")
    own, rule = read_own_chains(chains), cells["rule"].iloc[0]
    designs = []
    for design, rows in cells.groupby(DESIGN):
        values = {"patient": patient, **dict(zip(DESIGN, design, strict=True))}
        tables = of_design(rows.drop(columns=DESIGN), own, seed)
        designs.append({name: pd.DataFrame(values, index=table.index).join(table) for name, table in tables.items()})
    tables = {name: pd.concat([design[name] for design in designs], ignore_index=True) for name in designs[0]}
    for name, table in tables.items():
        write_table(table.assign(rule=rule), f"{patient}.{name}.tsv")
    write_json(multiqc(tables["diversity"], patient), f"{patient}.repertoire_mqc.json")


if __name__ == "__main__":
    main()
