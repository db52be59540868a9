#!/usr/bin/env python3
"""A patient's repertoires: diversity at equal depth, gene usage, isotypes, light chains, shared clones."""

import json
from importlib.metadata import version

import click

PACKAGES = ("click", "numpy", "pandas", "scipy", "statsmodels", "pyarrow")
FILE = click.Path(exists=True, dir_okay=False)
LEVELS = ("all", "lineage", "cell_type", "subset")
MIN_DEPTH = 20  # fewest cells with a clone for a diversity
DRAWS = 200
MIN_LIGHT = 0.2  # share of cells with a light chain, below which no restriction is called
KAPPA_RANGE = (1 / 3, 3 / 4)  # kappa share of polyclonal B and plasma cells: kappa/lambda ratio 0.5 to 3


def load(clones, labels, patient):
    """Kept cells of a patient as one table per receptor: clone, counted, and the labels as text."""
    import pandas as pd

    columns = ["cell_id", "patient", "timepoint", "day", "lineage", "cell_type", "subset"]
    cells = pd.read_parquet(labels, columns=columns)
    cells = cells[cells["patient"].astype(str) == patient]
    for name in ("timepoint", "lineage", "cell_type", "subset"):
        cells[name] = cells[name].astype(str)
    cells = cells.merge(pd.read_parquet(clones), on="cell_id", how="left").assign(all="all")
    return {
        receptor: cells.rename(columns={f"{short}_{what}": what for what in ("clone", "counted", "evidence")})
        for receptor, short in (("BCR", "bcr"), ("TCR", "tcr"))
    }


def indices(sizes):
    """Clones, Shannon entropy (nats), inverse Simpson and Pielou evenness of clone sizes (..., clones)."""
    import numpy as np

    n = sizes.sum(-1, keepdims=True)
    p = sizes / n
    shannon = -np.where(p > 0, p * np.log(np.where(p > 0, p, 1)), 0).sum(-1)
    clones = (sizes > 0).sum(-1)
    evenness = np.where(clones > 1, shannon / np.log(np.maximum(clones, 2)), np.nan)
    return {"clones": clones, "shannon": shannon, "simpson": 1 / (p**2).sum(-1), "evenness": evenness}


def rarefied(sizes, depth, rng):
    """Indices at equal depth: mean, 2.5 and 97.5 percentile of DRAWS samples of `depth` cells, no return."""
    import numpy as np

    draws = rng.multivariate_hypergeometric(sizes, depth, size=DRAWS, method="marginals")
    out = {}
    for name, values in indices(draws).items():
        low, high = np.percentile(values, [2.5, 97.5])
        out |= {f"{name}_rarefied": values.mean(), f"{name}_low": low, f"{name}_high": high}
    return out


def diversity(cells, receptor, seed):
    """Diversity per level, label and time, rarefied to the label's smallest time of MIN_DEPTH or more."""
    import numpy as np
    import pandas as pd

    members = cells[cells["counted"] == True].dropna(subset="clone")  # noqa: E712
    rows = []
    for level in LEVELS:
        for label, group in members.groupby(level):
            by_time = {
                key: part["clone"].value_counts().to_numpy()
                for key, part in group.groupby(["day", "timepoint"])
            }
            depths = [sizes.sum() for sizes in by_time.values() if sizes.sum() >= MIN_DEPTH]
            for (day, timepoint), sizes in sorted(by_time.items()):
                ordered = np.sort(sizes)[::-1]
                row = {
                    "receptor": receptor,
                    "level": level,
                    "label": label,
                    "timepoint": timepoint,
                    "day": day,
                }
                row |= {"n_cells": int(sizes.sum()), "top_share": ordered[0] / sizes.sum()}
                row["d50"] = int(np.searchsorted(ordered.cumsum(), sizes.sum() / 2) + 1)
                row |= {name: float(value) for name, value in indices(sizes).items()}
                if sizes.sum() >= MIN_DEPTH:
                    rng = np.random.default_rng([seed, len(rows)])
                    row |= {"depth": min(depths)} | rarefied(ordered, min(depths), rng)
                rows.append(row)
    return pd.DataFrame(rows)


def usage(cells, chains, receptor):
    """Gene, isotype, light-chain and length usage per level, label and time: one count per cell and arm.

    chains: own productive chains. Rows: receptor, kind, level, label, timepoint, day, locus, value, n, total.
    """
    import pandas as pd

    order = ["duplicate_count", "consensus_count", "junction"]
    best = chains[chains["library"] == receptor].sort_values(order, ascending=False, kind="stable")
    best = best.drop_duplicates(["cell_id", "arm"]).merge(cells, on="cell_id")
    best = best[best["counted"] == True]  # noqa: E712
    for gene in ("v", "j"):
        best[f"{gene}_gene"] = best[f"{gene}_call"].str.split("*").str[0]
    best["junction_aa_length"] = best["junction_aa"].str.len().astype("Int64").astype(str)
    best["light_chain"] = best["locus"].where(best["locus"].isin(["IGK", "IGL"]))
    best["isotype"] = best["c_call"].where(best["locus"] == "IGH")
    parts = []
    for kind, levels in (
        *((kind, ("all", "lineage")) for kind in ("v_gene", "j_gene", "junction_aa_length")),
        *((kind, LEVELS) for kind in ("isotype", "light_chain")),
    ):
        for level in levels:
            known = best.dropna(subset=kind)
            keys = [level, "timepoint", "day"] + ([] if kind == "light_chain" else ["locus"])
            n = known.groupby([*keys, kind], observed=True).size().rename("n").reset_index()
            n["total"] = n.groupby(keys)["n"].transform("sum")
            n = n.rename(columns={level: "label", kind: "value"}).assign(kind=kind, level=level)
            parts.append(n)
    table = pd.concat(parts, ignore_index=True)
    table["locus"] = table["locus"].fillna(table["value"])
    table.insert(0, "receptor", receptor)
    return table


def group_sizes(cells):
    """Cells by (level, label, time point): of all the label's kept cells; of all levels those with a clone."""
    sizes = {}
    for level in LEVELS:
        part = cells[cells["counted"] == True] if level == "all" else cells  # noqa: E712
        for (label, time), n in part.groupby([level, "timepoint"]).size().items():
            sizes[level, label, time] = n
    return sizes


def with_intervals(table, sizes):
    """Adds share and Wilson bounds, and for light chains kappa/lambda and whether it is restricted.

    sizes: as of group_sizes. Under MIN_LIGHT of these cells with a light chain are too few to call a restriction:
    they may be strays of ambient RNA in cells that make none.
    """
    import numpy as np
    from statsmodels.stats.proportion import proportion_confint

    table = table.copy()
    table["share"] = table["n"] / table["total"]
    table["low"], table["high"] = proportion_confint(
        table["n"].to_numpy(), table["total"].to_numpy(), method="wilson"
    )
    kappa, lam = table["value"] == "IGK", table["value"] == "IGL"
    share = np.where(kappa, table["share"], 1 - table["share"])
    low, high = (
        np.where(kappa, table["low"], 1 - table["high"]),
        np.where(kappa, table["high"], 1 - table["low"]),
    )
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


def overlap(cells, receptor):
    """Clones that two subsets share, per time and over all: numbers, cells, Jaccard and Morisita-Horn."""
    import numpy as np
    import pandas as pd
    from scipy.sparse import csr_array

    members = cells[cells["counted"] == True].dropna(subset="clone")  # noqa: E712
    rows = []
    times = [("all", members)] + [(time, part) for time, part in members.groupby("timepoint")]
    for time, part in times:
        subset, subsets = pd.factorize(part["subset"], sort=True)
        clone, clones = pd.factorize(part["clone"])
        shape = (len(subsets), len(clones))
        counts = csr_array((np.ones(len(part)), (subset, clone)), shape=shape)
        counts.sum_duplicates()
        present = (counts > 0).astype(float)
        sums, number = counts.sum(1), present.sum(1)
        shared, cells_in = (present @ present.T).toarray(), (counts @ present.T).toarray()
        share = counts.multiply(1 / sums[:, None]).tocsr() if len(part) else counts
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


def multiqc(table, patient):
    """MultiQC custom content: Shannon diversity at equal depth over days, per receptor."""
    data = {}
    if len(table) and "shannon_rarefied" in table:
        for row in table[table["level"] == "all"].dropna(subset="shannon_rarefied").itertuples():
            points = data.setdefault(f"{patient} {row.receptor}", [])
            points.append([int(row.day), round(float(row.shannon_rarefied), 4)])
    return {
        "id": "clonewatch_diversity",
        "section_name": "Clone diversity",
        "description": "Shannon entropy of clone sizes over days, at the depth of the smallest sample.",
        "plot_type": "linegraph",
        "pconfig": {
            "id": "clonewatch_diversity_plot",
            "title": "Clone diversity",
            "ylab": "nats",
            "xlab": "day",
            "showlegend": True,
        },
        "data": {name: sorted(points) for name, points in data.items()},
    }


@click.command()
@click.argument("clones", type=FILE)
@click.option("--patient", required=True, help="Patient; first part of the names of the output files.")
@click.option("--chains", required=True, type=FILE, help="Judged chains.")
@click.option("--labels", required=True, type=FILE, help="Cells and types.")
@click.option("--facts", required=True, type=FILE, help="JSON of CLONOTYPES.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of the rarefaction.")
@click.version_option(" ".join(f"{name}={version(name)}" for name in PACKAGES), message="%(version)s")
def main(clones, patient, chains, labels, facts, seed):
    """Diversity, usage and overlap of a patient's repertoires. CLONES: clone per cell (parquet)."""
    import pandas as pd

    with open(facts) as file:
        rule = json.load(file)["rule"]
    tables = load(clones, labels, patient)
    own = pd.read_parquet(chains)
    own = own[(own["verdict"] == "own") & (own["rank"] > 0)]
    diverse = pd.concat([diversity(cells, name, seed) for name, cells in tables.items()], ignore_index=True)
    used = pd.concat([usage(cells, own, name) for name, cells in tables.items()], ignore_index=True)
    used = with_intervals(used, group_sizes(tables["BCR"]))
    shared = pd.concat([overlap(cells, name) for name, cells in tables.items()], ignore_index=True)
    for name, table in (("diversity", diverse), ("usage", used), ("overlap", shared)):
        table.insert(0, "patient", patient)
        table["rule"] = rule
        table.to_csv(f"{patient}.{name}.tsv", sep="\t", index=False, float_format="%.6g")
    with open(f"{patient}.repertoire_mqc.json", "w") as file:
        json.dump(multiqc(diverse, patient), file, indent=1, allow_nan=False)


if __name__ == "__main__":
    main()
