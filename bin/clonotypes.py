#!/usr/bin/env python3
"""Clones of one patient over all samples, BCR and TCR, from the chains that are the cells' own."""

from pathlib import Path

from _chain_groups import RULES, cell_clonotypes, own_chain_groups
from _chains import codes, strongest_first
from _cli import FILE, command, write_json
from _clones import RECEPTORS
from _partners import one_unit_each, receptor_units
from _tables import write_parquet

import click
import numpy as np

JUDGED = [
    "cell_id", "library", "chain_type", "rank", "verdict", "locus", "v_gene", "j_gene", "junction", "junction_aa",
    "duplicate_count", "consensus_count",
]  # fmt: skip
UNCOUNTED = ("ambiguous", "multichain")
PRIMARY_RATIO = 5  # a second, different VDJ chain is set aside where the first has this many times its UMIs
RARE_PARTNER = 0.01  # another partner chain in at most this part of a clone's cells is noise,
SURE = 5  # and so is a single cell beside this many that agree
SILENT = 3  # a chain is taken as not expressed where this many cells lack it for each that shows one


def rule_texts(rule: str, similarity: float, partial: str, count_ambiguous: bool) -> tuple[str, str]:
    """The clone rule, short for tables (`similarity 0.85, one-chain cells attach`) and in words."""
    short, text = rule, f"identical {rule.replace('_', '-')} junctions of both chains"
    if rule == "similarity":
        short = f"similarity {similarity:g}"
        text = (
            "BCR: same V gene, J gene and junction length, junction nucleotides of either chain, or of both together, "
        )
        text += f"at least {similarity:g} similar (single linkage); TCR: identical junctions of both chains"
    text += "; one-chain cells "
    text += "join where exactly one clone fits" if partial == "attach" else "are clones of their own"
    text += "; ambiguous and multichain cells are in "
    text += "denominators only" if count_ambiguous else "no denominator"
    return f"{short}, one-chain cells {partial}{', ambiguous cells counted' if count_ambiguous else ''}", text


def cell_chains(chains):
    """Per cell and chain type: number of own chains; unit, exact, open and UMIs of the two strongest (-1 where none)."""
    import pandas as pd

    chains = strongest_first(chains)
    rank = chains.groupby(["cell_id", "chain_type"], observed=True).cumcount() + 1
    wide = {}
    for kind in ("VDJ", "VJ"):
        of_kind = chains["chain_type"] == kind
        wide[f"n_{kind}"] = chains.loc[of_kind, "cell_id"].value_counts()
        for place in (1, 2):
            rows = chains[of_kind & (rank == place)].set_index("cell_id")
            kept = rows[["unit", "exact", "open", "duplicate_count"]].astype("int64")
            wide |= {f"{what}_{kind}_{place}": kept[what] for what in kept}
    zeros = dict.fromkeys((name for name in wide if name.startswith(("n_", "duplicate"))), 0)
    return pd.DataFrame(wide).fillna(zeros).fillna(-1).astype("int64").sort_index()


def receptor_keys(cells, heavy, chains, similarity: float | None) -> np.ndarray:
    """Keys of each cell's receptors, -1 for none, cells x 4: cells that share one are of one clone.

    For either VJ chain its pair of VDJ unit (heavy, per cell) and VJ unit, and where similarity is given the unit that
    both junctions together belong to.
    """
    import pandas as pd

    light, exact = (np.concatenate([cells[f"{what}_VJ_{place}"] for place in (1, 2)]) for what in ("unit", "exact"))
    pair = codes(pd.DataFrame({"heavy": np.tile(heavy, 2), "light": light}))
    both = np.full(len(pair), -1)
    if similarity is not None:
        both = receptor_units(chains, np.tile(cells["exact_VDJ_1"], 2), exact, similarity)
    both = np.where(both < 0, -1, both + len(pair))
    return np.concatenate([np.where(light < 0, -1, pair), both]).reshape(4, -1).T


def linked(keys: np.ndarray) -> np.ndarray:
    """Components of rows that share a key (-1: none) in any column. Component per row."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    row, column = np.nonzero(keys >= 0)
    n = len(keys) + int(keys.max(initial=-1)) + 1
    edges = coo_array((np.ones(len(row), bool), (row, len(keys) + keys[row, column])), shape=(n, n))
    return connected_components(edges, directed=False)[1][: len(keys)] if n else np.zeros(0, np.int64)


def fitting(chain, clone, wanted) -> tuple[np.ndarray, np.ndarray]:
    """For each wanted chain the number of clones that it fits, and the clone where that is one (else -1).

    chain, clone: of cells that define clones. Those incidental beside the chain's largest do not count.
    """
    import pandas as pd

    pairs = pd.DataFrame({"chain": chain, "clone": clone}).value_counts().rename("n").reset_index()
    pairs = pairs[~incidental(pairs["n"], pairs.groupby("chain")["n"].transform("max"))]
    fits = pairs.groupby("chain")["clone"].agg(["size", "first"]).reindex(wanted)
    number = fits["size"].fillna(0).astype(int).to_numpy()
    return number, fits["first"].where(number == 1, -1).astype(int).to_numpy()


def incidental(n, largest):
    """Whether n cells with another partner chain are noise beside `largest` cells that agree on theirs."""
    return ((n == 1) & (largest >= SURE)) | (n <= RARE_PARTNER * largest)


def partner_clones(keys, h1, hx, paired, heavy_only) -> tuple[np.ndarray, np.ndarray]:
    """Clones of paired cells: components of shared receptor keys. (component, defines) over `paired`.

    A component defines no clone where it is incidental beside a larger one of the same exact VDJ chain, is one cell beside
    enough of the same VDJ unit, or where the unit mostly comes without VJ chain (as in blasts) and its partners disagree.
    """
    import pandas as pd

    component = linked(keys[paired])
    table = pd.DataFrame({"hx": hx[paired], "unit": h1[paired], "component": component})
    with_exact = table.groupby(["hx", "component"])["unit"].transform("size")
    size = table.groupby("component")["unit"].transform("size")
    odd = incidental(size, with_exact.groupby(table["hx"]).transform("max"))
    odd |= (size == 1) & (size.groupby(table["unit"]).transform("max") >= SURE)
    alone = pd.Series(h1[heavy_only]).value_counts().reindex(table["unit"]).fillna(0).to_numpy()
    by_unit = table.groupby("unit")["component"]
    silent = (by_unit.transform("nunique") > 1) & (alone > SILENT * by_unit.transform("size"))
    return component, ~(odd | silent).to_numpy()


def attached_clones(cells, chains, similarity: float | None) -> tuple[np.ndarray, np.ndarray]:
    """Clones of paired cells; one-chain cells join where one fits. (clone or -1, evidence) per row of `cells` (of cell_chains).

    chains: the cells' own; similarity: of both junctions together, None where they are not compared.
    """
    n = len(cells)
    beyond = n + int(cells["unit_VDJ_1"].max()) + 1 if n else 0  # above all codes of clones by a VDJ chain
    clone, evidence = np.full(n, -1), np.full(n, "ambiguous", dtype=object)
    h1, h2, l1 = (cells[f"unit_{name}"].to_numpy() for name in ("VDJ_1", "VDJ_2", "VJ_1"))
    differ = h1 != h2
    h1, h2 = one_unit_each(h1, h2)
    two_chains = differ & (h1 == h2)
    hx, lx = cells["exact_VDJ_1"].to_numpy(), cells["exact_VJ_1"].to_numpy()
    best, next_best = (cells[f"duplicate_count_VDJ_{place}"].to_numpy() for place in (1, 2))
    multi = ((cells["n_VDJ"] > 2) | (cells["n_VJ"] > 2)).to_numpy()
    evidence[multi] = "multichain"
    one_gene = (cells["open_VDJ_1"] != 1).to_numpy()  # else its call fits the clones of several genes
    clear = ~multi & one_gene & ((h2 < 0) | (h1 == h2) | (best >= PRIMARY_RATIO * next_best))

    both, heavy_only = (np.flatnonzero(clear & (h1 >= 0) & chosen) for chosen in (l1 >= 0, l1 < 0))
    component, defines = partner_clones(receptor_keys(cells, h1, chains, similarity), h1, hx, both, heavy_only)
    paired, other_light = both[defines], both[~defines]
    clone[paired], evidence[paired] = component[defines], "paired"

    def join(rows, known, words):
        """Rows to the one clone among cells `known` with their exact VDJ chain, else with their VDJ unit."""
        exact_number, exact_clone = fitting(hx[known], clone[known], hx[rows])
        unit_number, unit_clone = fitting(h1[known], clone[known], h1[rows])
        number = np.where(exact_number > 0, exact_number, unit_number)
        joined = np.where(exact_number > 0, exact_clone, unit_clone)
        clone[rows] = np.select([number == 0, number == 1], [n + h1[rows], joined], -1)
        evidence[rows] = np.select([number == 0, number == 1], words, "ambiguous")

    join(heavy_only, paired, ["VDJ", "VDJ attached"])
    # A partner that defines no clone does not keep the cell from the clone of its VDJ chain.
    placed = np.flatnonzero(clone >= 0)
    join(other_light, placed[h1[placed] >= 0], ["VDJ", "other VJ"])
    # Two VDJ chains, and only one of them in a clone of other cells: that clone, whatever the other is.
    two, placed = np.flatnonzero(~multi & ~clear), np.flatnonzero(clone >= 0)
    hx2 = cells["exact_VDJ_2"].to_numpy()
    (n1, c1), (n2, c2) = (fitting(hx[placed], clone[placed], chain[two]) for chain in (hx, hx2))
    only = n1 + n2 == 1
    clone[two[only]], evidence[two[only]] = np.maximum(c1, c2)[only], "other VDJ"

    light_only = np.flatnonzero(clear & (h1 < 0) & (l1 >= 0))
    # Where a light chain mostly comes alone, its clone's VDJ chain is not expressed or not amplified.
    alone, beside = (np.bincount(lx[rows], minlength=lx.max(initial=0) + 1) for rows in (light_only, both))
    silent = ((alone >= SURE) & (alone > SILENT * beside))[lx[light_only]]
    lone, light_only = light_only[silent], light_only[~silent]
    clone[lone], evidence[lone] = beyond + lx[lone], "VJ"
    number, joined = fitting(lx[paired], clone[paired], lx[light_only])
    # A light chain alone says little: it joins only a clone that at least two paired cells show.
    shown = np.bincount(clone[paired], minlength=1)[joined.clip(0)] >= 2
    clone[light_only] = joined = np.where(shown, joined, -1)
    evidence[light_only] = np.select([joined >= 0, number <= 1], ["VJ attached", "VJ unplaced"], "ambiguous")
    evidence[two_chains & (clone >= 0)] = "two VDJ chains"
    return clone, evidence


def name_clones(clone: np.ndarray, patient: str, receptor: str):
    """Clone names `<patient>.B1`, .. by size (ties: order of first cell), as Series of the codes."""
    import pandas as pd

    sizes = pd.Series(clone[clone >= 0]).value_counts(sort=False).sort_values(ascending=False, kind="stable")
    names = [f"{patient}.{receptor[0]}{i + 1}" for i in range(len(sizes))]
    return pd.Series(names, index=sizes.index, dtype=object)


def separate_clones(cells, chains, rule: str, similarity: float) -> tuple[np.ndarray, np.ndarray]:
    """scirpy's clonotypes: one-chain cells are of their own. (clone or -1, evidence) per row of `cells` (of cell_chains)."""
    clone = cell_clonotypes(chains, rule, similarity).reindex(cells.index, fill_value=-1)
    both = (cells["n_VDJ"] > 0) & (cells["n_VJ"] > 0)
    evidence = np.select([both, cells["n_VDJ"] > 0], ["paired", "VDJ"], "VJ unplaced")
    return clone.to_numpy(), evidence.astype(object)


def define_clones(
    chains, patient: str, receptor: str, rule: str, similarity: float, partial: str, count_ambiguous: bool = False
):
    """Clones of one receptor from own chains with groups. Index cell_id; clone, evidence, counted (in denominators)."""
    import pandas as pd

    wide = cell_chains(chains)
    if partial == "separate":
        clone, evidence = separate_clones(wide, chains, rule, similarity)
    else:
        clone, evidence = attached_clones(wide, chains, similarity if rule == "similarity" else None)
    names = name_clones(clone, patient, receptor)
    cells = pd.DataFrame({"clone": pd.Series(clone, wide.index).map(names), "evidence": evidence})
    cells["counted"] = count_ambiguous | ~cells["evidence"].isin(UNCOUNTED)
    return cells


def per_cell(cell_ids, chains, pairing, results: dict):
    """One row per kept cell: for both receptors clone, evidence, counted, and scirpy's categories.

    Without an own productive chain: `undecided` (only the lineage speaks against one), `ambient` or `none`.
    """
    import pandas as pd

    table = pd.DataFrame({"cell_id": cell_ids})
    for receptor, cells in results.items():
        short = receptor.lower()
        cells = cells.reindex(cell_ids)
        judged = chains[(chains["library"] == receptor) & (chains["rank"] > 0)]
        doubtful, stray = (judged.loc[judged["verdict"] == name, "cell_id"] for name in ("undecided", "stray"))
        seen = [cell_ids.isin(doubtful), cell_ids.isin(stray)]
        rest = pd.Series(np.select(seen, ["undecided", "ambient"], "none"), cells.index)
        table[f"{short}_clone"] = cells["clone"].to_numpy()
        table[f"{short}_evidence"] = cells["evidence"].fillna(rest).to_numpy()
        table[f"{short}_counted"] = (cells["counted"] == True).to_numpy()  # noqa: E712
        for what in ("chain_pairing", "receptor_subtype"):
            table[f"{what}_{short}"] = pairing[f"{what}_{short}"].reindex(cell_ids).fillna("no IR").to_numpy()
    return table


@command()
@click.argument("chains", type=FILE)
@click.option("--patient", required=True, help="Patient; first part of clone names and output files.")
@click.option("--pairing", required=True, type=FILE, help="Chain categories of the kept cells.")
@click.option("--clone-rule", default="similarity", type=click.Choice(RULES), help="Which chains are the same.")
@click.option(
    "--similarity",
    default=0.85,
    type=click.FloatRange(0.5, 1),
    help="Minimum share of equal bases in BCR junctions, in whole per cent.",
)
@click.option(
    "--partial", default="attach", type=click.Choice(["attach", "separate"]), help="What becomes of one-chain cells."
)
@click.option("--count-ambiguous", is_flag=True, help="Count ambiguous and multichain cells in denominators.")
def main(
    chains: Path, patient: str, pairing: Path, clone_rule: str, similarity: float, partial: str, count_ambiguous: bool
) -> None:
    """Clones of BCR and TCR over all samples of a patient. CHAINS: the judged chains (parquet)."""
    import pandas as pd

    judged = pd.read_parquet(chains, columns=JUDGED)
    categories = pd.read_parquet(pairing).set_index("cell_id")
    own = own_chain_groups(judged, clone_rule, similarity)
    results = {
        receptor: define_clones(
            own[own["library"] == receptor], patient, receptor, clone_rule, similarity, partial, count_ambiguous
        )
        for receptor in RECEPTORS
    }
    rule, text = rule_texts(clone_rule, similarity, partial, count_ambiguous)
    cells = per_cell(categories.index, judged, categories, results).assign(rule=rule)
    write_parquet(cells, f"{patient}.clones.parquet")
    write_json({"patient": patient, "rule": rule, "rule_text": text}, f"{patient}.clonotypes.json")


if __name__ == "__main__":
    main()
