#!/usr/bin/env python3
"""Clones of one patient over all samples, BCR and TCR, from the chains that are the cells' own."""

import json
from importlib.metadata import version

import click

PACKAGES = ("click", "numpy", "pandas", "scipy", "pyarrow")
FILE = click.Path(exists=True, dir_okay=False)
PARTIAL = click.Choice(["attach", "separate"])
RECEPTORS = {"BCR": "B", "TCR": "T"}
UNCOUNTED = ("ambiguous", "multichain")
PRIMARY_RATIO = 5  # a second, different VDJ chain is set aside where the first has this many times its UMIs
RARE_PARTNER = 0.01  # another partner chain in at most this part of a clone's cells is noise,
SURE = 5  # and so is a single cell beside this many that agree
SILENT = 3  # a chain is taken as not expressed where this many cells lack it for each that shows one


def rule_texts(chains, partial, count_ambiguous):
    """The clone rule, short for tables (`similarity 0.85, one-chain cells attach`) and in words.

    chains: the same of the chains alone (`similarity 0.85`).
    """
    text = f"{chains['rule_text']}; one-chain cells "
    text += "join where exactly one clone fits" if partial == "attach" else "are clones of their own"
    text += "; ambiguous and multichain cells are in " + (
        "denominators only" if count_ambiguous else "no denominator"
    )
    short = f"{chains['rule']}, one-chain cells {partial}"
    return {"rule": short + (", ambiguous cells counted" if count_ambiguous else ""), "rule_text": text}


def codes(table):
    """Codes 0.. of the distinct rows of a table, in order of first appearance."""
    return table.groupby(list(table.columns), sort=False, dropna=False, observed=True).ngroup().to_numpy()


def cell_chains(chains):
    """Per cell and arm: number of own chains; unit, exact and UMIs of the two best (-1 where none)."""
    import pandas as pd

    order = ["duplicate_count", "consensus_count", "junction", "junction_aa"]
    chains = chains.sort_values(order, ascending=False, kind="stable")
    chains = chains.assign(place=chains.groupby(["cell_id", "arm"], observed=True).cumcount() + 1)
    wide = {}
    for arm in ("VDJ", "VJ"):
        here = chains[chains["arm"] == arm].set_index("cell_id")
        wide[f"n_{arm}"] = here.groupby(level=0).size()
        for place in (1, 2):
            rows = here[here["place"] == place]
            wide |= {f"{what}_{arm}_{place}": rows[what] for what in ("unit", "exact", "duplicate_count")}
    zeros = dict.fromkeys((name for name in wide if name.startswith(("n_", "duplicate"))), 0)
    return pd.DataFrame(wide).fillna(zeros).fillna(-1).astype("int64").sort_index()


def linked(first, second):
    """Components of pairs (VDJ unit, VJ unit); each row joins the pairs that it may be. Component per row."""
    import numpy as np
    import pandas as pd
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    pairs = [np.stack(pair, axis=1) for pair in (first, *second)]
    nodes = codes(pd.DataFrame(np.concatenate(pairs))).reshape(len(pairs), -1)
    left, right = np.tile(nodes[0], len(second)), nodes[1:].ravel()
    n = int(nodes.max(initial=-1)) + 1
    edges = coo_array((np.ones(len(left), bool), (left, right)), shape=(n, n))
    return connected_components(edges, directed=False)[1][nodes[0]] if n else np.zeros(0, np.int64)


def separate_clones(cells, kinds):
    """scirpy's `define_clonotypes`: cells of one receptor type that share a VDJ and a VJ chain, any place."""
    import numpy as np
    import pandas as pd

    kind = pd.factorize(kinds.reindex(cells.index))[0]
    span = int(cells.filter(like="unit_").to_numpy().max(initial=0)) + 2
    h1, h2, l1, l2 = (cells[f"unit_{arm}_{place}"].to_numpy() for arm in ("VDJ", "VJ") for place in (1, 2))
    h1, h2, l2 = h1 + kind * span, np.where(h2 < 0, h1, h2) + kind * span, np.where(l2 < 0, l1, l2)
    both = (cells["n_VDJ"] > 0) & (cells["n_VJ"] > 0)
    evidence = np.select([both, cells["n_VDJ"] > 0], ["paired", "VDJ"], "VJ unplaced")
    return linked((h1, l1), [(h1, l2), (h2, l1), (h2, l2)]), evidence.astype(object)


def fitting(chain, clone, wanted):
    """For each wanted chain the number of clones that it fits, and the clone where that is one (else -1).

    chain, clone: of cells that define clones. Those incidental beside the chain's largest do not count.
    """
    import pandas as pd

    pairs = pd.DataFrame({"chain": chain, "clone": clone}).value_counts().rename("n").reset_index()
    pairs = pairs[~incidental(pairs["n"], pairs.groupby("chain")["n"].transform("max"))]
    found = pairs.groupby("chain")["clone"].agg(["size", "first"]).reindex(wanted)
    number = found["size"].fillna(0).astype(int).to_numpy()
    return number, found["first"].where(number == 1, -1).astype(int).to_numpy()


def incidental(n, largest):
    """Whether n cells with another partner chain are noise beside `largest` cells that agree on theirs."""
    return ((n == 1) & (largest >= SURE)) | (n <= RARE_PARTNER * largest)


def partner_clones(h1, l1, l2, hx, paired, heavy_only):
    """Clones of paired cells: components of shared (VDJ unit, VJ unit). (component, defines) over `paired`.

    A component defines no clone where it is incidental beside a larger one of the same exact VDJ chain, or
    where the VDJ unit mostly comes without VJ chain (as in blasts) and its partners disagree.
    """
    import numpy as np
    import pandas as pd

    second = np.where(l2[paired] < 0, l1[paired], l2[paired])
    part = linked((h1[paired], l1[paired]), [(h1[paired], second)])
    table = pd.DataFrame({"hx": hx[paired], "unit": h1[paired], "part": part})
    here = table.groupby(["hx", "part"])["unit"].transform("size")
    size = table.groupby("part")["unit"].transform("size")
    odd = incidental(size, here.groupby(table["hx"]).transform("max"))
    alone = pd.Series(h1[heavy_only]).value_counts().reindex(table["unit"]).fillna(0).to_numpy()
    several = table.groupby("unit")["part"].transform("nunique") > 1
    silent = several & (alone > SILENT * table.groupby("unit")["part"].transform("size"))
    return part, ~(odd | silent).to_numpy()


def attached_clones(cells):
    """Clones of paired cells; one-chain cells join where one fits. (clone or -1, evidence) per cell."""
    import numpy as np

    n = len(cells)
    beyond = n + int(cells["unit_VDJ_1"].max()) + 1 if n else 0  # above all codes of clones by a VDJ chain
    clone, evidence = np.full(n, -1), np.full(n, "ambiguous", dtype=object)
    h1, h2, l1, l2 = (cells[f"unit_{arm}_{place}"].to_numpy() for arm in ("VDJ", "VJ") for place in (1, 2))
    hx, lx = cells["exact_VDJ_1"].to_numpy(), cells["exact_VJ_1"].to_numpy()
    best, next_best = (cells[f"duplicate_count_VDJ_{place}"].to_numpy() for place in (1, 2))
    multi = ((cells["n_VDJ"] > 2) | (cells["n_VJ"] > 2)).to_numpy()
    evidence[multi] = "multichain"
    clear = ~multi & ((h2 < 0) | (h1 == h2) | (best >= PRIMARY_RATIO * next_best))

    both, heavy_only = (np.flatnonzero(clear & (h1 >= 0) & chosen) for chosen in (l1 >= 0, l1 < 0))
    part, defines = partner_clones(h1, l1, l2, hx, both, heavy_only)
    paired, other_light = both[defines], both[~defines]
    clone[paired], evidence[paired] = part[defines], "paired"

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
    return clone, evidence


def name_clones(clone, patient, receptor):
    """Clone names `<patient>.B1`, .. by size (ties: order of first cell), as Series of the codes."""
    import pandas as pd

    sizes = pd.Series(clone[clone >= 0]).value_counts(sort=False).sort_values(ascending=False, kind="stable")
    names = [f"{patient}.{RECEPTORS[receptor]}{i + 1}" for i in range(len(sizes))]
    return pd.Series(names, index=sizes.index, dtype=object)


def define_clones(chains, pairing, patient, receptor, partial, count_ambiguous=False):
    """Clones of one receptor from own chains with groups. Index cell_id; clone, evidence, counted (in denominators)."""
    import pandas as pd

    wide = cell_chains(chains)
    if partial == "attach":
        clone, evidence = attached_clones(wide)
    else:
        clone, evidence = separate_clones(wide, pairing[f"receptor_type_{receptor.lower()}"])
    names = name_clones(clone, patient, receptor)
    cells = pd.DataFrame({"clone": pd.Series(clone, wide.index).map(names), "evidence": evidence})
    cells["counted"] = count_ambiguous | ~cells["evidence"].isin(UNCOUNTED)
    return cells


def per_cell(cell_ids, chains, pairing, results):
    """One row per kept cell: for both receptors clone, evidence, counted, and scirpy's categories.

    Without an own productive chain: `undecided` (only the lineage speaks against one), `ambient` or `none`.
    """
    import numpy as np
    import pandas as pd

    table = pd.DataFrame({"cell_id": cell_ids})
    for receptor, cells in results.items():
        short = receptor.lower()
        cells = cells.reindex(cell_ids)
        judged = chains[(chains["library"] == receptor) & (chains["rank"] > 0)]
        doubtful, stray = (
            judged.loc[judged["verdict"] == name, "cell_id"] for name in ("undecided", "stray")
        )
        seen = [cell_ids.isin(doubtful), cell_ids.isin(stray)]
        rest = pd.Series(np.select(seen, ["undecided", "ambient"], "none"), cells.index)
        table[f"{short}_clone"] = cells["clone"].to_numpy()
        table[f"{short}_evidence"] = cells["evidence"].fillna(rest).to_numpy()
        table[f"{short}_counted"] = (cells["counted"] == True).to_numpy()  # noqa: E712
        for what in ("chain_pairing", "receptor_subtype"):
            table[f"{what}_{short}"] = pairing[f"{what}_{short}"].reindex(cell_ids).fillna("no IR").to_numpy()
    return table


@click.command()
@click.argument("chains", type=FILE)
@click.option("--patient", required=True, help="Patient; first part of clone names and output files.")
@click.option("--pairing", required=True, type=FILE, help="Chain categories per cell.")
@click.option("--chain-rule", required=True, type=FILE, help="The rule of the groups (JSON).")
@click.option("--partial", default="attach", show_default=True, type=PARTIAL, help="One-chain cells.")
@click.option("--count-ambiguous", is_flag=True, help="Ambiguous and multichain cells are in denominators.")
@click.version_option(" ".join(f"{name}={version(name)}" for name in PACKAGES), message="%(version)s")
def main(chains, patient, pairing, chain_rule, partial, count_ambiguous):
    """Clones of BCR and TCR over all samples of a patient. CHAINS: the judged chains with their groups (parquet)."""
    import pandas as pd

    table = pd.read_parquet(chains)
    categories = pd.read_parquet(pairing).set_index("cell_id")
    own = table[table["unit"] >= 0]
    how, results = (partial, count_ambiguous), {}
    for receptor in RECEPTORS:
        here = own[own["library"] == receptor]
        results[receptor] = define_clones(here, categories, patient, receptor, *how)
    cells = per_cell(categories.index, table, categories, results)
    with open(chain_rule) as file:
        facts = {"patient": patient} | rule_texts(json.load(file), *how)
    cells["rule"] = facts["rule"]
    for name in RECEPTORS:
        here = cells.filter(regex=f"^{name.lower()}_").set_axis(["clone", "evidence", "counted"], axis=1)
        facts[name] = {"clones": here["clone"].nunique(), "counted": int(here["counted"].sum())}
        facts[name]["evidence"] = here["evidence"].value_counts().to_dict()
    cells.to_parquet(f"{patient}.clones.parquet", compression="zstd", index=False)
    with open(f"{patient}.clonotypes.json", "w") as file:
        json.dump(facts, file, indent=1, allow_nan=False)


if __name__ == "__main__":
    main()
