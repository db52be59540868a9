#!/usr/bin/env python3
"""Names for groups of cells by their marker genes and receptors: winner, runner-up, margin, `unassigned` below it.

Groups are parts of clusters or whole clusters, numbered from 0. G genes: all of a marker table.
"""

from collections.abc import Sequence
from pathlib import Path

from _receptors import BCR
from _tables import UNASSIGNED, read_text_table

import numpy as np

MIN_SCORE, MIN_MARGIN = 0.25, 0.1  # what a name needs; kinds of one cell type need half the margin
LOW_MEAN, LOW_DETECTION = 0.3, 0.1  # a gene below both in every group says little about any
NEGATIVE_WEIGHT, RECEPTOR_WEIGHT, EXPANSION_WEIGHT = 0.8, 0.2, 0.2
BLAST_SHARE = 0.2  # of a sample: from this share of marrow lymphoblasts leukaemia is diagnosed (WHO)
RULES_OUT = 0.5  # from this share of a receptor on, relative to the highest group, a kind without it is ruled out
NO_PRECURSORS = 0.6  # from this share on no normal marrow could hold so many precursors
MARKER_COLUMNS = ("cell_type", "parent", "lineage", "receptor", "positive", "negative")


def read_markers(path: Path):
    """Marker table by cell_type, with lists of genes (upper case) in the columns positive and negative."""
    table = read_text_table(path, MARKER_COLUMNS)
    for sign in ("positive", "negative"):
        table[sign] = [[g.strip() for g in genes.upper().split(",") if g.strip()] for genes in table[sign]]
    return table.set_index("cell_type", drop=False)


def marker_genes(markers) -> list[str]:
    """All genes of a marker table, sorted."""
    return sorted({gene for sign in ("positive", "negative") for genes in markers[sign] for gene in genes})


def group_means(x, group: np.ndarray) -> np.ndarray:
    """Mean expression and share of cells that express, (2, groups, G), of x (N, G) by group number (N,)."""
    import scipy.sparse as sp

    x = sp.csr_matrix(x)
    n = np.bincount(group)
    member = sp.csr_matrix((1 / n[group], (group, np.arange(len(group)))), (len(n), len(group)))
    return np.stack([(member @ x).toarray(), (member @ (x > 0).astype(np.float32)).toarray()])


def specificity(mean: np.ndarray, detection: np.ndarray, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How strongly each group expresses a gene against the others, 0 to 1 (groups, G), and each gene's weight (G,).

    Values are placed between the low end of all groups (what every cell has, ambient RNA included) and the
    highest group. Not a z score: with that, the least negative of cells that all lack a gene would look positive.
    The highest is never taken below LOW_MEAN, and the low end is at most half of the highest, so that a sample of
    one cell type keeps it.
    """
    large = size >= min(20, size.max())
    scaled = []
    for values, floor in ((mean, LOW_MEAN), (detection, LOW_DETECTION)):
        high = np.maximum(values[large].max(0), floor)
        low = np.minimum(np.quantile(values[large], 0.05, axis=0), high / 2)
        scaled.append(np.clip((values - low) / (high - low), 0, 1))
    return np.sqrt(scaled[0] * scaled[1]), np.minimum(detection[large].max(0) / 0.3, 1)


def contrast(mean: np.ndarray, detection: np.ndarray, size: np.ndarray, special: np.ndarray) -> np.ndarray:
    """Specificity (groups, G) among groups that are kinds of one cell type.

    Where a gene differs between them, its place in their own range counts; where it does not, its specificity
    among all groups stays, so that one kind alone is still told by what it expresses.
    """
    large = size >= min(20, size.max())
    position, range_ = [], []
    for values, floor in ((mean, LOW_MEAN), (detection, LOW_DETECTION)):
        low, high = values[large].min(0), values[large].max(0)
        position.append(np.clip((values - low) / np.maximum(high - low, 1e-9), 0, 1))
        range_.append((high - low) / np.maximum(high, floor))
    width = np.clip(2 * np.sqrt(range_[0] * range_[1]) - 0.5, 0, 1)
    return width * np.sqrt(position[0] * position[1]) + (1 - width) * special


def score(markers, special: np.ndarray, weight: np.ndarray, genes: list[str], receptors: dict):
    """Score of every group (rows) for every row of markers (columns).

    Weighted mean of the positive genes' specificity, minus most of the mean of the two strongest negative genes,
    plus or minus the receptor evidence: receptors holds per library (BCR, TCR) the share of cells with a
    productive chain, relative to the highest group.
    """
    import pandas as pd

    column = {gene: i for i, gene in enumerate(genes)}
    result = {}
    for name, row in markers.iterrows():
        pos, neg = ([column[g] for g in row[sign] if weight[column[g]] > 0] for sign in ("positive", "negative"))
        if len(pos) < 2:
            result[name] = np.full(len(special), -1.0)
            continue
        value = special[:, pos] @ weight[pos] / max(weight[pos].sum(), 0.3 * len(row["positive"]))
        if neg:
            against = np.sort(special[:, neg] * weight[neg], axis=1)[:, -2:]
            value = value - NEGATIVE_WEIGHT * against.mean(1)
        for library, share in receptors.items():
            if row["receptor"] == library:
                value = value + RECEPTOR_WEIGHT * share
            elif row["receptor"] != "any":
                value = value - RECEPTOR_WEIGHT * share
        result[name] = value
    return pd.DataFrame(result)


def decide(scores, markers, min_score: float, min_margin: float):
    """Winner among the columns per row of scores; the margin is to the best column of another kind.

    Returns a table: winner, score, runner_up, runner_up_score, margin, sure (both limits met), and lineage_sure (the
    margin to the best column of another lineage is met).
    """
    import pandas as pd

    names, values = np.array(scores.columns), scores.to_numpy()
    order = np.argsort(-values, axis=1, kind="stable")
    first, second = order[:, 0], order[:, min(1, len(names) - 1)]
    best = values[np.arange(len(values)), first]
    lineage = markers.loc[names, "lineage"].to_numpy()
    other = np.where(lineage[None, :] == lineage[first][:, None], -np.inf, values)
    table = pd.DataFrame({"winner": names[first], "score": best, "runner_up": names[second]}, index=scores.index)
    table["runner_up_score"] = values[np.arange(len(values)), second] if len(names) > 1 else -1.0
    table["margin"] = best - table["runner_up_score"]
    table["sure"] = (best >= min_score) & (table["margin"] >= min_margin)
    table["lineage_sure"] = (best >= min_score) & (best - other.max(1) >= min_margin)
    return table


def expansion(winner: np.ndarray, group: np.ndarray, sample: np.ndarray) -> np.ndarray:
    """Per group the share of its cells' samples that the group's winner takes up, 0 to 1."""
    import pandas as pd

    cells = pd.DataFrame({"winner": winner[group], "sample": sample, "group": group})
    n = cells.groupby(["sample", "winner"])["group"].transform("size")
    share = n / cells.groupby("sample")["group"].transform("size")
    return share.groupby(cells["group"]).mean().to_numpy()


def size_evidence(values, children, blasts: list[str], share: np.ndarray) -> np.ndarray:
    """What the size of a population adds to the score of the kinds of lineage `blast`, per row of scores.

    Below BLAST_SHARE it speaks against them. From NO_PRECURSORS on it outweighs the normal kind that shares most of
    their markers, and only that one: mature cells keep their name beside any number of blasts.
    """
    evidence = EXPANSION_WEIGHT * np.where(share >= BLAST_SHARE, 1.0, -1.0)
    normal = children.drop(index=blasts)
    if not blasts or normal.empty:
        return evidence
    markers = set().union(*children.loc[blasts, "positive"])
    alike = normal["positive"].map(lambda genes: len(markers & set(genes))).idxmax()
    immature = (values[normal.index].idxmax(axis=1) == alike).to_numpy()
    return np.where(immature & (share >= NO_PRECURSORS), 3 * EXPANSION_WEIGHT, evidence)


def name_groups(
    means, group, genes: list[str], markers, receptors: dict, sample, least: float = MIN_SCORE, lead: float = MIN_MARGIN
):
    """Evidence table, one row per group, with lineage and cell_type.

    means: (2, groups, G) mean expression and detection of genes. group, sample: (N,) number and name. least, lead: score and
    margin that a name needs, half the margin between kinds of one type. Kinds of lineage `blast` gain or lose by
    the share that their parent takes up of the cells' samples (size_evidence).
    """
    mean, detection = means
    size = np.bincount(group)
    special, weight = specificity(mean, detection, size)
    top = markers[markers["parent"] == ""]
    table = decide(score(top, special, weight, genes, receptors), top, least, lead)
    table.insert(0, "n_cells", size)
    table["lineage"] = np.where(table["lineage_sure"], markers.loc[table["winner"], "lineage"], UNASSIGNED)
    table["cell_type"] = np.where(table["sure"], table["winner"], UNASSIGNED)
    share = expansion(table["winner"].to_numpy(), group, sample)
    for parent in sorted(set(markers["parent"]) - {""}):
        rows = np.flatnonzero(table["cell_type"] == parent)
        children = markers[markers["parent"] == parent]
        if len(rows):
            relative = {library: of_group[rows] for library, of_group in receptors.items()}
            inside = contrast(mean[rows], detection[rows], size[rows], special[rows])
            values = score(children, inside, weight, genes, relative)
            blasts = list(children.index[children["lineage"] == "blast"])
            for library, of_group in relative.items():
                if children["receptor"].eq(library).any():
                    values.loc[of_group >= RULES_OUT, children["receptor"] == "none"] = -1.0
            values[blasts] = values[blasts].add(size_evidence(values, children, blasts, share[rows]), axis=0)
            kinds = decide(values, children, -np.inf, lead / 2)
            enter_kinds(table, table.index[rows], kinds, markers.loc[parent, "lineage"], markers)
    return explain(table.drop(columns=["sure", "lineage_sure"]), markers, special * weight, genes)


def enter_kinds(table, where, kinds, lineage: str, markers) -> None:
    """Enter the decision between kinds of one cell type into the rows `where` of the evidence table."""
    sure = kinds["sure"].to_numpy()
    for column in ("winner", "runner_up", "runner_up_score", "margin"):
        table.loc[where, column] = kinds[column].to_numpy()
    table.loc[where, "type_score"] = kinds["score"].to_numpy()
    table.loc[where, "cell_type"] = np.where(sure, kinds["winner"], UNASSIGNED)
    table.loc[where, "lineage"] = np.where(sure, markers.loc[kinds["winner"], "lineage"], lineage)


def explain(table, markers, special: np.ndarray, genes: list[str]):
    """The table with the marker genes that speak for and against the winner, strongest first: `CD3D 0.98, CD2 0.71`."""
    for column, sign in (("evidence", "positive"), ("against", "negative")):
        texts = []
        for name, of_group in zip(table["winner"], special, strict=True):
            rows = [r for r in (name, markers["parent"].get(name)) if r in markers.index]
            values = {g: of_group[genes.index(g)] for row in rows for g in markers.loc[row, sign]}
            ranked = sorted(values.items(), key=lambda item: -item[1])[:8]
            texts.append(", ".join(f"{gene} {value:.2f}" for gene, value in ranked if value >= 0.3))
        table[column] = texts
    return table


def receptor_shares(paths: Sequence[Path], cell_id: np.ndarray, sample: np.ndarray, group: np.ndarray) -> dict:
    """Per library (BCR, TCR) and group the share of cells with a productive chain, and that over the highest.

    paths: contigs.parquet of samples. Cells of samples without any such chain do not count. A library without chains is left out.
    """
    import pandas as pd

    columns = ["cell_id", "locus", "productive"]
    contigs = pd.concat([pd.DataFrame(columns=columns), *(pd.read_parquet(path, columns=columns) for path in paths)])
    contigs = contigs[contigs["productive"].eq(True)]
    size, result = np.bincount(group), {}
    for library, loci in (("BCR", BCR), ("TCR", ("TRA", "TRB"))):
        has = np.isin(cell_id, contigs.loc[contigs["locus"].isin(loci), "cell_id"])
        counted = np.isin(sample, np.unique(sample[has])).astype(float)
        total = np.bincount(group, counted, len(size))
        share = np.bincount(group, has, len(size)) / np.maximum(total, 1)
        highest = share[total >= min(20, total.max())].max()
        if highest >= 0.1:
            result[library] = (share, np.minimum(share / highest, 1))
    return result


def part_evidence(named, cluster: np.ndarray, part: np.ndarray, sample: np.ndarray):
    """The evidence table (rows: parts) with the part's cluster and number in front, and its main sample and that one's share.

    cluster, part, sample: (N,).
    """
    import pandas as pd

    cells = pd.DataFrame({"cluster": cluster, "sample": sample}).groupby(part)
    named.insert(0, "cluster", cells["cluster"].first())
    named.insert(1, "part", named.index)
    shares = cells["sample"].value_counts(normalize=True).groupby(level=0).head(1)
    named["main_sample"], named["main_sample_share"] = shares.index.get_level_values(1), shares.to_numpy()
    return named
