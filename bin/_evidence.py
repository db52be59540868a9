#!/usr/bin/env python3
"""Lines of evidence about malignant cells: clone, copy number, programme, FISH and cytology, cell by cell.

Cells are tables indexed by cell_id with timepoint, day, tissue, sort, lineage, cell_type, subset, `candidate` (of a lineage that a
B-cell malignancy can sit in), clone and light (BCR clone and light chain locus, missing where none), has_library (of its sample: BCR),
population and cnv_profile (of CNV), precursor (of _precursors) and reading (of the precursors of its sample).
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from _matrices import cell_ids, gene_names, gene_selection, read_blocks
from _series import DESIGN
from _shares import wilson
from _tables import UNASSIGNED

import numpy as np

RELATIVES = {"blast": ("B", "HSPC"), "plasma": ("plasma",)}  # whose normal cells a programme is held against
MIN_CLONE, MIN_CLONE_SHARE = 20, 0.1  # of an expanded clone: cells, and share of the lineage's receptors
MIN_LIGHT = 0.2  # share of a clone's cells with a light chain, below which nothing is said of its light chain
# Share of the clone, among cells with a receptor, that speaks for and against the others of their group, from the narrowest group
# upward; and what all narrower groups, of too few cells to reach it, must reach.
MONOCLONAL, POLYCLONAL = (0.9, 0.05)
LIKELY, UNLIKELY = (0.75, 0.25)
KIN = (["subset", "cell_type", "timepoint"], ["cell_type", "timepoint"], ["cell_type"])
MIN_RELATIVES, QUANTILE = 50, 0.99  # normal cells a programme needs, and the share of them it lies above
HAEMATOGONES = ("polyclonal", "all stages")  # readings of a sample whose precursors say nothing of leukaemia
BLOOD = re.compile(r"(?i)(?<!cord )\bblood\b|\bpb(?:mcs?)?\b")  # words of a tissue
LINES = ("clone", "cnv", "programme", "fish", "morphology")
OWN = ("clone", "cnv", "programme")  # lines about the cell or its clone; the others are about the sample
# Share of a group's B-lineage cells that must be assessable for a share of malignant cells to mean anything.
JUDGED = 0.8
# What a pathologist counted: parameter of the clinical table, percentage that is abnormal. Blasts are leukaemic ones
# (lymphoblasts, myeloblasts), not precursors of red cells, plasmablasts or cells of the stroma.
BLASTS = r"(?i)(?<!erythro)(?<!normo)(?<!megalo)(?<!plasma)(?<!osteo)(?<!fibro)blast"
MORPHOLOGY = {"blast": (BLASTS, 5.0), "plasma": (r"(?i)plasma cell", 10.0)}
DAYS = 14  # between a sample and the count
SAMPLED = ["day", "timepoint", *DESIGN]  # samples that agree in these are one


def expanded_clones(cells) -> list[dict]:
    """Clones large enough to be a tumour's, with their share of a lineage's receptors and their light chain.

    `restricted`: whether at least 90 % of the cells that show a light chain show one of the same locus; `too few`,
    and no light chain named, where under MIN_LIGHT of the cells show any (precursors, with strays of ambient RNA).
    """
    clones = []
    for lineage, members in cells[cells.candidate].dropna(subset="clone").groupby("lineage", observed=True):
        for clone, n in members.clone.value_counts().items():
            if n < MIN_CLONE or n < MIN_CLONE_SHARE * len(members):
                continue
            light = members.light[members.clone == clone].dropna().value_counts()
            fair = light.sum() >= MIN_LIGHT * n
            share, low, high = map(float, wilson(n, len(members)))
            row = {
                "lineage": str(lineage),
                "clone": str(clone),
                "cells": int(n),
                "share": share,
                "low": low,
                "high": high,
            }
            row["light_chain"] = str(light.index[0]) if fair else None
            row["restricted"] = bool(light.iloc[0] >= 0.9 * light.sum()) if fair else "too few"
            clones.append(row)
    return clones


def clone_line(cells, expanded: list[dict]):
    """Per cell: (line, words). True in an expanded clone whose light chain is one or unknown, False in another clone.

    A cell without a receptor goes with its subset at its time point, tissue and sort where the interval of the clone's share among the
    cells with a receptor is at least MONOCLONAL, or at most POLYCLONAL; else with its cell type there, then with its cell type at all
    times, if no narrower group speaks against it (LIKELY, UNLIKELY). Between the two nothing is said (missing).
    """
    import pandas as pd

    of_tumour = cells.clone.isin({row["clone"] for row in expanded if row["restricted"] is not False})
    line = pd.Series(pd.NA, index=cells.index, dtype="boolean")
    words = pd.Series("", index=cells.index, dtype=object)
    known = cells.clone.notna() & cells.candidate
    line[known], words[known] = of_tumour[known], "clone of its own"
    words[of_tumour] = "clone " + cells.clone[of_tumour].astype(str)
    likely = unlikely = cells.candidate & cells.clone.isna()
    for keys in KIN:
        groups = [cells[name].astype(str) for name in (*keys, *DESIGN)]
        tumour, total = ((of & known).groupby(groups).transform("sum") for of in (of_tumour, known))
        _, low, high = wilson(tumour, total)
        for value, rows in ((True, likely & (low >= MONOCLONAL)), (False, unlikely & (high <= POLYCLONAL))):
            line[rows], words[rows] = value, f"cells like it are {'one clone' if value else 'polyclonal'}"
        likely, unlikely = likely & (low >= LIKELY), unlikely & (high <= UNLIKELY)
    return line, words


def cnv_line(cells, table):
    """Per cell: (line, words). True with an altered arm, or in a clone most of whose cells have one."""
    import pandas as pd

    events = table[(table.level == "population") & (table.verdict == "detected") & ~table.normal]
    carried = events[events.share > 0.5].groupby("population").apply(
        lambda rows: " ".join(rows.arm + rows.event.map({"gain": "+", "loss": "-"})), include_groups=False
    )  # fmt: skip
    own = cells.cnv_profile.notna() & (cells.cnv_profile != "none")
    by_clone = cells.candidate & cells.population.isin(carried.index) & cells.population.eq(cells.clone) & ~own
    line = (own | by_clone).astype("boolean").where(cells.cnv_profile.notna() & cells.candidate)
    words = pd.Series("", index=cells.index, dtype=object)
    words[own] = "arms " + cells.cnv_profile[own].astype(str)
    if by_clone.any():
        words[by_clone] = "clone with " + cells.population[by_clone].map(carried)
    return line, words


def programme_line(cells, expression, genes, normal):
    """Per cell: (line, score). True where the programme's score is above QUANTILE of the normal relatives'.

    And where more cells of its clone (without one, of its cell type) are than of the relatives, with both intervals apart: of any
    normal clone one cell in a hundred is. expression: log-normalised, cells x genes (DataFrame); genes: lineage, gene, sign; normal:
    cells that the clone line speaks against. Missing where fewer than MIN_RELATIVES are known to be normal.
    """
    import pandas as pd

    line = pd.Series(pd.NA, index=cells.index, dtype="boolean")
    score = pd.Series(float("nan"), index=cells.index)
    for lineage, rows in genes[genes.gene.isin(expression.columns)].groupby("lineage"):
        up, down = (expression[list(rows.gene[rows.sign == sign])].mean(axis=1).fillna(0) for sign in "+-")
        here, relatives = cells.lineage == lineage, cells.lineage.isin(RELATIVES[lineage]) & normal
        if relatives.sum() >= MIN_RELATIVES:
            score[here] = (up - down)[here]
            above = (up - down) > (up - down)[relatives].quantile(QUANTILE)
            kin = above[here].groupby(cells.clone[here].fillna(cells.cell_type[here]).astype(str))
            by_chance = wilson(above[relatives].sum(), relatives.sum())[2]
            line[here] = above[here] & (wilson(kin.transform("sum"), kin.transform("size"))[1] > by_chance)
    return line, score


def by_precursor_genes(cells):
    """Per cell: (it shows the genes of a precursor; it does not, but of the cells of its type at its time at least LIKELY do).

    Neither where the sample's precursors are haematogones.
    """
    shown = cells.precursor.eq(True) & ~cells.reading.isin(HAEMATOGONES)
    kin = shown[cells.candidate].groupby([cells[name].astype(str) for name in ("cell_type", "timepoint", *DESIGN)])
    most = wilson(kin.transform("sum"), kin.transform("size"))[1] >= LIKELY
    like = ~shown[cells.candidate] & most
    return shown, like.reindex(cells.index, fill_value=False)


def sample_lines(cells, fish, clinical):
    """Per cell of a candidate lineage: (fish, morphology), lines about its population and its sample.

    fish: True where a probe and the cell's population agree on an event; morphology: whether the pathologist's
    count of the nearest day (within DAYS; the highest of several) is abnormal, missing without a count.
    """
    import pandas as pd

    lines = [pd.Series(pd.NA, index=cells.index, dtype="boolean") for _ in range(2)]
    if fish is not None:
        both = fish[(fish.verdict.isin(["agrees", "differs"])) & (fish.percent > 0) & (fish.share > 0)]
        assessed = ~fish.verdict.isin(["not assessable", "no probe", "no FISH result"])
        tested = set(fish.population[assessed].dropna())
        lines[0][cells.population.isin(tested)] = cells.population.isin(set(both.population))
    if clinical is not None:
        for lineage, (pattern, abnormal) in MORPHOLOGY.items():
            counts = clinical[clinical.parameter.str.contains(pattern, na=False) & clinical.value.notna()]
            if "limit" in counts:  # `<15 %` does not say whether it is less than 10
                counts = counts[~(counts.limit > abnormal)]
            for day, sampled in cells[cells.lineage == lineage].groupby("day", observed=True):
                near = counts[(counts.day - day).abs() <= DAYS]
                if len(near):
                    away = (near.day - day).abs()
                    value = near.value[away == away.min()].max()
                    lines[1][sampled.index] = bool(value >= abnormal)
    return lines


def reasons(lines, words: dict) -> list[str]:
    """One text per cell: what speaks for a malignant cell, then what speaks against it."""
    texts = np.full(len(lines), "", dtype=object)
    words = words | {"fish": "FISH agrees", "morphology": "cytology"}
    for name in LINES:
        of_line = np.broadcast_to(np.asarray(words[name], dtype=object), len(lines))
        for value, sign in ((True, "+"), (False, "-")):
            rows = (lines[name] == value).fillna(False).to_numpy(bool)
            texts[rows] = texts[rows] + np.where(of_line[rows] == "", name, of_line[rows]) + f" ({sign}); "
    return [text.removesuffix("; ") for text in texts]


def read_counts(path: Path, genes: Sequence[str], known) -> tuple[Any, Any, np.ndarray, np.ndarray]:
    """Counts of some genes in the cells of a file that are in the index `known`, block by block.

    Returns (cell ids, counts: CSR N x genes, float64, UMIs of all genes (N,), whether the file holds each gene).
    """
    import scipy.sparse as sp

    ids, names = cell_ids(path), gene_names(path)
    selection = gene_selection(names, genes)
    blocks, umis, kept = [sp.csr_matrix((0, len(genes)))], [np.zeros(0)], [np.zeros(0, dtype=np.intp)]
    for rows, counts in read_blocks(path, ids.isin(known)):
        blocks.append((counts @ selection).tocsr().astype(np.float64))
        umis.append(np.asarray(counts.sum(axis=1), float).ravel())
        kept.append(rows)
    held = np.isin(genes, names)
    return ids[np.concatenate(kept)], sp.vstack(blocks, format="csr"), np.concatenate(umis), held


def log_expression(counts, umis: np.ndarray) -> np.ndarray:
    """ln(1 + counts per 10,000 of all genes), float64: counts CSR N x genes, UMIs of all genes (N,).

    Not log_per_10k, which is float32: a score at the edge of its quantile must not depend on rounding.
    """
    return np.log1p(1e4 * counts.toarray() / np.maximum(umis, 1)[:, None])


def gather(cells, cnv, expression, genes, fish, clinical) -> tuple[Any, Any, list[str], list[dict]]:
    """All lines: (cells x LINES, true, false or missing; programme score; reasons in words; expanded clones).

    cnv, fish, clinical: tables of the patient, fish and clinical or None; expression: log_expression of the
    patient's cells (DataFrame); genes: of the programmes (lineage, gene, sign).
    """
    import pandas as pd

    expanded = expanded_clones(cells)
    words, lines = {}, pd.DataFrame(index=cells.index)
    lines["clone"], words["clone"] = clone_line(cells, expanded)
    lines["cnv"], words["cnv"] = cnv_line(cells, cnv)
    innocent = (cells.lineage == "HSPC") | (~lines.clone.fillna(True)).astype(bool)
    lines["programme"], score = programme_line(cells, expression, genes, innocent)
    lines["fish"], lines["morphology"] = sample_lines(cells, fish, clinical)
    words["programme"] = "programme " + score.map("{:.2f}".format)
    immature, like = by_precursor_genes(cells)
    for rows, said in ((like, "cells like it have precursor genes"), (immature, "precursor genes")):
        lines.loc[rows, "programme"], words["programme"][rows] = True, said
    # A name alone is no evidence: in blood the lines that rest on it need the genes of a precursor.
    named = (cells.lineage == "blast") & cells.precursor.eq(False) & cells.tissue.astype(str).str.contains(BLOOD)
    lines.loc[named, ["programme", "morphology"]] = pd.NA
    return lines, score, reasons(lines, words), expanded


def assessable(cells, lines, table, min_evidence: int):
    """Per cell (bool): whether it is called, or would have been if it were malignant and its lines had shown it.

    cells: with `malignancy` and `candidate`. Enough lines must be known, one of them about the cell or its clone. Arms say nothing
    in a patient of whom no arm is gained or lost anywhere (table: cnv.tsv): most tumours of B cells without one look the same. Without
    a BCR library no cell of a B lineage can be found to be normal, so that those that are not called show nothing.
    """
    known = lines[list(LINES)].notna()
    altered = (table.level == "population") & (table.verdict == "detected") & ~table.normal.astype(bool)
    known["cnv"] &= bool(altered.any())
    looked_for = (
        cells.has_library.astype(bool).groupby([cells[name] for name in SAMPLED], observed=True).transform("any")
    )
    could = cells.candidate & looked_for & (known.sum(axis=1) >= min_evidence) & known[list(OWN)].any(axis=1)
    return could | cells.malignancy.isin(["malignant", "normal"])


def untestable(cells):
    """Mask of the undecided cells of samples in which nothing could be told: no B-cell receptor in any cell, and no cell assessable.

    cells: with `malignancy`, `candidate`, `assessable`. In blood without a BCR library each normal B cell would be undecided.
    """
    of_sample = [cells[name] for name in SAMPLED]
    seen = cells.clone.notna() | (cells.candidate & cells.assessable)
    return (cells.malignancy == "undecided") & ~seen.groupby(of_sample, observed=True).transform("any")


def why_not_assessable(cells, lines, table) -> str:
    """'' where a group of cells could be judged, else why it could not. cells: with `assessable`, `candidate`, `stray`, lineage.

    Judged are the cells that a B-cell malignancy can sit in. JUDGED of them must be assessable, and as many of all cells must have a name.
    """
    concerned = cells.candidate | cells.stray.astype(bool)
    unnamed = (cells.lineage == UNASSIGNED) & ~concerned
    n, judged = int(concerned.sum()), int((cells.assessable & concerned).sum())
    if unnamed.sum() > (1 - JUDGED) * len(cells):
        return f"{unnamed.sum():,} of {len(cells):,} cells are unassigned"
    if not n:
        return "no cell of a B lineage is named or found by its genes"
    if judged >= JUDGED * n:
        return ""
    open_ = lines.loc[cells.index[concerned & ~cells.assessable]]
    altered = (table.level == "population") & (table.verdict == "detected") & ~table.normal.astype(bool)
    library = cells.has_library[concerned & ~cells.assessable].any()
    lacking = [] if open_.clone.notna().any() else ["no B-cell receptor" if library else "no BCR library"]
    lacking += [] if altered.any() else ["no arm gained or lost"]
    lacking += ["arms not judged"] if altered.any() and open_.cnv.isna().all() else []
    few = f"fewer than {MIN_RELATIVES} normal B-lineage cells to compare with"
    lacking += [few] if open_.programme.isna().all() else []
    some = f"{judged:,} of {n:,} B-lineage cells could be judged; the others: " if judged else ""
    return some + (", ".join(lacking) or "too few lines of evidence")
