#!/usr/bin/env python3
"""Which receptor chains of a patient the clone rule calls the same, over all samples."""

import json
from importlib.metadata import version

import click

PACKAGES = ("click", "numpy", "pandas", "scipy", "pyarrow")
FILE = click.Path(exists=True, dir_okay=False)
RULES = ["similarity", "nucleotide", "amino_acid"]
KEPT = [
    *("cell_id", "library", "arm", "rank", "verdict", "junction", "junction_aa"),
    *("duplicate_count", "consensus_count"),
]
BLOCK = 2048


def rule_texts(rule, similarity):
    """The rule of the chains, short for tables (`similarity 0.85`) and in words."""
    if rule != "similarity":
        return {"rule": rule, "rule_text": f"identical {rule.replace('_', '-')} junctions of both chains"}
    text = "BCR: same V gene, J gene and junction length, junction nucleotides at least "
    text += f"{similarity:g} similar (single linkage), light chain consistent; TCR: identical junctions"
    return {"rule": f"similarity {similarity:g}", "rule_text": text}


def one_hot(junctions, length):
    """float32 (n, 4 * length), letters as unit vectors (not ACGT: zero): a product counts equal bases."""
    import numpy as np

    letters = np.frombuffer("".join(junctions).encode(), np.uint8).reshape(-1, length)
    vectors = np.stack([letters == ord(base) for base in "ACGT"], axis=2)
    return vectors.reshape(len(letters), -1).astype(np.float32)


def codes(table):
    """Codes 0.. of the distinct rows of a table, in order of first appearance."""
    return table.groupby(list(table.columns), sort=False, dropna=False, observed=True).ngroup().to_numpy()


def similar_groups(chains, similarity):
    """Single-linkage groups of unique chains with equal locus, V gene, J gene and junction length.

    chains: unique rows with locus, v_gene, j_gene, junction. Two are linked where at least `similarity` of
    their bases are equal (Hamming; Gupta et al. 2017, doi 10.4049/jimmunol.1601850). Returns int codes, one
    per row.
    """
    import numpy as np
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    chains = chains.assign(length=chains["junction"].str.len())
    buckets = codes(chains[["locus", "v_gene", "j_gene", "length"]])
    order = np.argsort(buckets, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(buckets[order]) > 0]) if len(order) else []
    junctions, lengths = chains["junction"].to_numpy(), chains["length"].to_numpy()
    left, right = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for members in np.split(order, starts[1:]) if len(order) else []:
        if len(members) < 2 or not lengths[members[0]]:
            continue
        bases = one_hot(junctions[members], lengths[members[0]])
        needed = np.ceil(similarity * lengths[members[0]] - 1e-9) - 0.5
        for begin in range(0, len(members), BLOCK):
            # Rows of a block against everything from the block on: the upper triangle, in bounded memory.
            a, b = np.nonzero(bases[begin : begin + BLOCK] @ bases[begin:].T > needed)
            left.append(members[begin + a[b > a]])
            right.append(members[begin + b[b > a]])
    left, right = np.concatenate(left), np.concatenate(right)
    edges = coo_array((np.ones(len(left), bool), (left, right)), shape=(len(chains), len(chains)))
    return connected_components(edges, directed=False)[1]


def chain_groups(chains, rule, similarity):
    """Adds `exact` (code of locus, genes, junction) and `unit` (of chains that the rule calls the same)."""
    import numpy as np

    names = ["locus", "v_gene", "j_gene", "junction"]
    exact, unique = codes(chains[names]), chains[names].drop_duplicates()
    same = "junction_aa" if rule == "amino_acid" else "junction"
    unit = codes(chains[["locus", same]])
    if rule == "similarity":
        bcr = unique["locus"].isin(["IGH", "IGK", "IGL"]).to_numpy()
        similar = np.full(len(unique), -1)
        similar[bcr] = similar_groups(unique[bcr].reset_index(drop=True), similarity)
        unit = np.where(bcr[exact], similar[exact], unit + len(unique))
    return chains.assign(exact=exact, unit=unit)


@click.command()
@click.argument("chains", type=FILE)
@click.option("--patient", required=True, help="Patient; first part of the names of the output files.")
@click.option("--clone-rule", default="similarity", show_default=True, type=click.Choice(RULES))
@click.option("--similarity", default=0.85, show_default=True, type=click.FloatRange(0.5, 1))
@click.version_option(" ".join(f"{name}={version(name)}" for name in PACKAGES), message="%(version)s")
def main(chains, patient, clone_rule, similarity):
    """Group a patient's own chains by the clone rule. CHAINS: the judged chains (parquet)."""
    import pandas as pd

    table = pd.read_parquet(chains, columns=[*KEPT, "locus", "v_call", "j_call"])
    table["junction"] = table["junction"].fillna(table["junction_aa"])
    for gene in ("v", "j"):
        table[f"{gene}_gene"] = table[f"{gene}_call"].fillna("").str.split("*").str[0]
    usable = (table["verdict"] == "own") & (table["rank"] > 0)
    grouped = chain_groups(table[usable], clone_rule, similarity)
    # Chains that are not the cell's own are in no group (-1) and stay: they say why a cell has no clone.
    table = table.join(grouped[["exact", "unit"]]).fillna({"exact": -1, "unit": -1})
    table = table.astype({"exact": "int64", "unit": "int64"})[[*KEPT, "exact", "unit"]]
    table.to_parquet(f"{patient}.chain_groups.parquet", compression="zstd", index=False)
    with open(f"{patient}.chain_rule.json", "w") as file:
        json.dump(rule_texts(clone_rule, similarity), file, indent=1, allow_nan=False)


if __name__ == "__main__":
    main()
