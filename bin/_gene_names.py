#!/usr/bin/env python3
"""Names of genes as references and exports have them: a genome's prefix, Ensembl ids, two species in one matrix."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from _tables import read_text_table

import numpy as np

ID = r"(?:ENS[A-Z]*G\d{11}(?:\.\d+)?(?:_PAR_Y)?)"
SPECIES = {"human": "ENSG", "mouse": "ENSMUSG"}
GENOMES = {"human": r"(?i:GRCh|hg\d|human|homo)", "mouse": r"(?i:GRCm|mm\d|mouse|mus(?:_|$))"}
SPELLINGS = {"human": r"[A-Z]{2}[A-Z0-9]+$", "mouse": r"[A-Z][a-z][a-z0-9]+$"}  # symbols whose case tells the species
FEWEST = 20  # names that tell a prefix or a species
PREFIXED = 0.9  # share of all names that begin as many others do, from which that is a genome's prefix
SPELT = 0.1  # share of symbols from which their spelling tells a species
HUMAN_CELL = 0.8  # least share of a human cell's UMIs that human genes have; a mouse cell's is at most the rest to 1


def genome_prefixes(names: Any, genomes: Iterable[str] = ()) -> list[str]:
    """What a reference of several genomes writes before every name: `GRCh38_`, `mm10___`, `GRCh38-2020-A_`; [] where it does not.

    A prefix is what at least FEWEST names (Series) begin with, up to a sign, and PREFIXED of all names have one. Beside these,
    a small genome that `genomes` names, such as that of a virus or a construct, has its own.
    """
    counts = names.str.extract(r"^(.*[_:|.-])", expand=False).value_counts()
    chosen: list[str] = []
    for head in counts.index[counts >= FEWEST]:
        if not head.startswith(tuple(chosen)):
            chosen.append(head)
    if not chosen or names.str.startswith(tuple(chosen)).mean() < PREFIXED:
        return []
    small = names[~names.str.startswith(tuple(chosen))]
    for genome in set(genomes):
        chosen += small.str.extract(rf"^({re.escape(genome)}_+)", expand=False).dropna().unique().tolist()
    return chosen


def species_of(names: Any, ids: Any, genomes: Any) -> Any:
    """human, mouse or '' of each gene: by its Ensembl id, else by its genome's name, else, where no gene has either, by its case."""
    import pandas as pd

    species = pd.Series("", index=names.index)
    human, mouse = (genomes.str.contains(pattern) for pattern in GENOMES.values())
    species[human & ~mouse], species[mouse & ~human] = "human", "mouse"
    for kind, stem in SPECIES.items():
        species[ids.str.contains(rf"(?:^|[^A-Z]){stem}\d")] = kind
    if not (species != "").any():
        spelt = {kind: names.str.match(spelling) for kind, spelling in SPELLINGS.items()}
        for kind, rows in spelt.items():
            if rows.sum() > SPELT * sum(rows.sum() for rows in spelt.values()):
                species[rows] = kind
    return species


def overall_species(species: Any) -> str:
    """human, mouse, mixed or unknown, of the genes' (of species_of)."""
    found = [kind for kind in SPECIES if (species == kind).sum() >= FEWEST]
    return "mixed" if len(found) == 2 else found[0] if found else "unknown"


def with_symbols(names: Any, ids: Any, table: Path) -> tuple[Any, Any, str]:
    """(names, ids, what was done): names that are Ensembl ids, or hold one, replaced by symbols; '' where most names hold none.

    Symbols come from the rest of the name (`ENSG00000153563_CD8A`), from ids where the two columns are exchanged, else from the
    table (gene_id, symbol); a gene that it lacks keeps its id.
    """
    inside = names.str.contains(ID)
    if inside.mean() < 0.5:
        return names, ids, ""
    rest = names.str.replace(rf"[\s_|:;.-]*{ID}[\s_|:;.-]*", "", regex=True)
    own = names.str.extract(f"({ID})", expand=False)
    if (rest != "").mean() > 0.5:
        return (
            rest.where(rest != "", names),
            own.where(ids == names).fillna(ids),
            "an Ensembl id was taken off the gene names",
        )
    if not ids.str.contains(ID).any():
        return ids, names, "the columns of gene ids and symbols were exchanged"
    known = read_text_table(table, ("gene_id", "symbol"), comment="#").set_index("gene_id").symbol
    symbols = own.str.replace(r"[._].*", "", regex=True).map(known)
    mapped = int(symbols.notna().sum())
    done = (
        f"the gene names are Ensembl ids: {mapped:,} of {int(inside.sum()):,} were given their symbols by {table.name}"
    )
    return symbols.fillna(names), ids, done


def plain_genes(features: Any, table: Path) -> tuple[Any, list[str]]:
    """Genes (gene_ids, name, feature_types, genome) by plain symbols and ids with their `species`, and what was done to them.

    table: Ensembl ids and symbols, for names that are ids.
    """
    genes, done = features.copy(), []
    heads = genes.name.str[:0]
    prefixes = genome_prefixes(genes.name, genes.genome)
    if prefixes:
        pattern = "^(" + "|".join(map(re.escape, sorted(prefixes, key=len, reverse=True))) + ")"
        heads = genes.name.str.extract(pattern, expand=False).fillna("")
        genes["name"] = genes.name.str.replace(pattern, "", n=1, regex=True)
        done.append(f"{' and '.join(prefixes)} taken off the gene names")
    genes["gene_ids"] = genes.gene_ids.str.replace(rf"^.+?(?={ID})", "", regex=True)
    genes["name"], genes["gene_ids"], text = with_symbols(genes.name, genes.gene_ids, table)
    genes["species"] = species_of(genes.name, genes.gene_ids, heads.where(heads != "", genes.genome))
    return genes, [*done, *filter(None, [text])]


def cell_species(counts: Any, species: np.ndarray) -> np.ndarray:
    """human, mouse or both of each cell (rows of counts, CSR) by the share of its UMIs; species: of each gene, '' in neither's."""
    human, mouse = (np.asarray(counts @ (species == kind).astype(np.int64)).ravel() for kind in SPECIES)
    share = np.divide(human, human + mouse, out=np.ones(len(human)), where=human + mouse > 0)
    return np.select([share >= HUMAN_CELL, share <= 1 - HUMAN_CELL], ["human", "mouse"], "both")


def known_share(names: Any, table: Path) -> float:
    """Share of gene names that are symbols or ids of the table (gene_id, symbol)."""
    known = read_text_table(table, ("gene_id", "symbol"), comment="#")
    return float(names.isin(known.symbol).mean() + names.isin(known.gene_id).mean())
