#!/usr/bin/env python3
"""Which receptor chains of a patient the clone rule calls the same, over all samples."""

from _chains import codes
from _receptors import BCR

import numpy as np

RULES = ("similarity", "nucleotide", "amino_acid")
BLOCK = 2048


def one_hot(junctions, length: int) -> np.ndarray:
    """float32 (n, 4 * length), letters as unit vectors (not ACGT: zero): a product counts equal bases."""
    letters = np.frombuffer("".join(junctions).encode(), np.uint8).reshape(-1, length)
    vectors = np.stack([letters == ord(base) for base in "ACGT"], axis=2)
    return vectors.reshape(len(letters), -1).astype(np.float32)


def similar_groups(chains, similarity: float) -> np.ndarray:
    """Single-linkage groups of unique chains with equal locus, V gene, J gene and junction length.

    chains: unique rows with locus, v_gene, j_gene, junction. Two are linked where at least `similarity` of
    their bases are equal (Hamming; Gupta et al. 2017, doi 10.4049/jimmunol.1601850). Returns int codes, one
    per row.
    """
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


def chain_groups(chains, rule: str, similarity: float):
    """Adds `exact` (code of locus, genes, junction) and `unit` (of chains that the rule calls the same).

    chains: own chains with locus, v_gene, j_gene, junction, junction_aa.
    """
    names = ["locus", "v_gene", "j_gene", "junction"]
    exact, unique = codes(chains[names]), chains[names].drop_duplicates()
    same = "junction_aa" if rule == "amino_acid" else "junction"
    unit = codes(chains[["locus", same]])
    if rule == "similarity":
        bcr = unique["locus"].isin(BCR).to_numpy()
        similar = np.full(len(unique), -1)
        similar[bcr] = similar_groups(unique[bcr].reset_index(drop=True), similarity)
        unit = np.where(bcr[exact], similar[exact], unit + len(unique))
    return chains.assign(exact=exact, unit=unit)


def own_chain_groups(chains, rule: str, similarity: float):
    """The usable own chains among judged ones (of CHAINS), with their groups; no junction: its amino acids stand in."""
    own = chains[(chains["verdict"] == "own") & (chains["rank"] > 0)].copy()
    own["junction"] = own["junction"].fillna(own["junction_aa"])
    for gene in ("v", "j"):
        own[f"{gene}_gene"] = own[f"{gene}_call"].fillna("").str.split("*").str[0]
    return chain_groups(own, rule, similarity)
