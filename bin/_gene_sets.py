#!/usr/bin/env python3
"""Calls of several genes read as one by the patient's other chains; what stays unclear joins no two clones."""

from _genes import family

import numpy as np

KIND = ["locus", "v_gene", "j_gene", "junction"]
RARE = 5  # a gene that chains name so many times less often than they name another is a miscall


def is_family(name: str) -> bool:
    """Whether a name is a family of V genes: all genes of IGHV, IGKV and IGLV have a number of their own after it."""
    return name.startswith("IG") and name[3:4] == "V" and family(name) == name


def clear(names: frozenset) -> bool:
    """Whether a call is one gene: not several, no family alone, not missing."""
    return len(names) == 1 and not is_family(*names)


def may_be(one: frozenset, other: frozenset, identical: bool) -> bool:
    """Whether two calls can be of one gene; a family alone, or no call, is enough with identical junctions only."""
    if one & other or not identical or not one or not other:
        return bool(one & other) or identical
    families = {name for name in one | other if is_family(name)}
    return bool(families & set(map(family, one)) & set(map(family, other)))


def neighbours(distinct, unclear: np.ndarray, cutoff: int) -> dict[int, list[tuple[int, bool]]]:
    """For each unclear row the others with an identical or a similar junction, and whether it is identical."""
    near = {}
    for rows in distinct.groupby(["locus", distinct["junction"].str.len()]).indices.values():
        letters = np.frombuffer("".join(distinct["junction"].iloc[rows]).encode("ascii", "replace"), np.uint8)
        letters, fit = letters.reshape(len(rows), -1), distinct["similar"].to_numpy()[rows]
        for place in np.flatnonzero(unclear[rows]):
            differ = (letters != letters[place]).mean(1)
            similar = (differ == 0) | (fit & fit[place] & (np.floor(100 * differ + 0.5) <= cutoff))
            similar[place] = False
            near[rows[place]] = [(int(rows[i]), bool(differ[i] == 0)) for i in np.flatnonzero(similar)]
    return near


def named(others: list[tuple[int, bool]], calls: list[frozenset], cells: np.ndarray) -> dict[str, int]:
    """Cells by gene of the others with one gene, of identical junctions if there are any, without RARE ones."""
    counts: dict[str, int] = {}
    sure = [(other, identical) for other, identical in others if clear(calls[other])]
    for other, identical in sure:
        if identical or not any(same for _, same in sure):
            (gene,) = calls[other]
            counts[gene] = counts.get(gene, 0) + int(cells[other])
    return {gene: n for gene, n in counts.items() if RARE * n > max(counts.values())}


def narrowed(chains, similar, cutoff: int):
    """The chains with v_gene and j_gene narrowed to what the other chains allow, and `open`: fits the clones of several genes.

    chains: locus, v_gene, j_gene (several by commas), junction. similar: which may be compared with junctions of equal length
    of which at most `cutoff` per cent of the bases differ; others with identical ones only. A call of several genes is the one
    that chains of identical, else of similar junctions name alone; where none does, what all calls that overlap with it share.
    Where they name several it stays as it is and equals nothing but itself; if rarer than each of them it is `open`.
    """
    groups = chains.assign(similar=similar).groupby(KIND, sort=False, dropna=False)
    distinct = groups.agg(cells=("similar", "size"), similar=("similar", "first")).reset_index()
    cells, is_open = distinct["cells"].to_numpy(), np.zeros(len(distinct), bool)
    calls = {gene: [frozenset(text.split(",")) - {""} for text in distinct[f"{gene}_gene"]] for gene in "vj"}
    unclear = np.array([not (clear(v) and clear(j)) for v, j in zip(calls["v"], calls["j"], strict=True)], bool)
    near = neighbours(distinct, unclear, cutoff)
    for gene, beside in ("vj", "jv"):
        said, second, now, rest = calls[gene], calls[beside], list(calls[gene]), {}
        for row in (row for row in near if not clear(said[row])):
            fit = [
                (other, same)
                for other, same in near[row]
                if may_be(said[row], said[other], same) and may_be(second[row], second[other], same)
            ]
            genes = named(fit, said, cells)
            alike = cells[row] + sum(cells[other] for other, _ in fit if said[other] == said[row])
            if len(genes) == 1:
                now[row] = frozenset(genes)
            elif genes:
                is_open[row] |= alike < min(genes.values())
            else:
                rest[row] = fit
        calls[gene] = list(now)
        for row, fit in rest.items():
            shared = now[row].intersection(*(now[other] for other, _ in fit if now[other] & now[row]))
            calls[gene][row] = shared or now[row]
    texts = {f"{gene}_gene": np.array([",".join(sorted(names)) for names in calls[gene]], object) for gene in "vj"}
    number = groups.ngroup().to_numpy()
    return chains.assign(**{name: text[number] for name, text in texts.items()}, open=is_open[number])
