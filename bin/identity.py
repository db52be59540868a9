#!/usr/bin/env python3
"""Are the samples who they are said to be? Barcodes, receptors and sex genes of a run, compared pairwise."""

from collections.abc import Iterable
from pathlib import Path

from _cli import FILE, command, write_json
from _errors import InputError
from _tables import read_samples, write_table

import click

WHITELIST = 737_280  # 10x 5' v1/v2 barcodes; 5' v3 has 3,686,400 and chance is a fifth of what is stated
MIN_LIBRARY = 20  # receptor cells below which an overlap is not judged
ELSEWHERE, ABOVE_CHANCE = 0.1, 5  # share in another sample's cells worth a word, if so many times chance
SAME_FILE, SAME_MATRIX = 0.9, 0.5  # shared content of two receptor files, two matrices
MIN_SEX_UMI, MIN_SEX_RATE, MIXED_SHARE = 20, 5e-6, 0.1
GERMLINE_NT = 30  # a heavy junction shorter than this can arise twice
LIGHT_OF = {"IGH": ("IGK", "IGL"), "TRB": ("TRA",)}
INVARIANT = r"TRAV1-2\S* TRAJ(?:33|12|20)\b|TRAV10\S* TRAJ18\b"  # MAIT and iNKT cells
LEVELS = ("ok", "note", "warning", "fail")
DONOR = "expected after a transplant from a donor of the other sex, else samples are exchanged or mixed"
QC = ["cell_id", "sample", "n_umi", "n_genes", "xist_umi", "y_umi", "pass"]
PAIR = ["sample", "library", "other", "barcodes", "other_cells", "shared", "share", "expected"]
PAIR += ["same", "same_share", "related"]
CONTIGS = ["cell_id", "sample", "library", "locus", "v_call", "j_call", "junction", "productive"]
CALLED = ["is_cell", "high_confidence"]
# What a finding says; the sample it is about is named beside it.
WORDS = {
    "misfit": "only {own} of its {n:,} {library} cells are among the {cells:,} cells of its matrix, ",
    "fits": "but {shared} ({share}) are among those of {other}",
    "copy": ": the {library} file of {other} is given here too",
    "exchanged": ", and the other way round: the {library} files of both look exchanged",
    "alike": ": its {library} file looks like one of {other}",
    "nobody": "and no other sample of the run fits better: its {library} file is from elsewhere",
    "twice": "its {library} contigs are also given for {others}: every sample needs a file of its own",
    "elsewhere": "{share} of its {n:,} {library} cells are also among those of {other}: are samples mixed?",
    "matrix": "its matrix is that of {other} ({n:,} cells with equal barcode, UMI, genes): {fate}",
    "wells": "{share} of its cell barcodes are also in {other}: one sample sequenced twice, or mixed reads",
    "sexes": "its sex genes are {sex}, those of {others} of the same patient are not: " + DONOR,
    "mixed": "it expresses both XIST and Y genes, as cells of two people do: " + DONOR,
    "chains": "{n} of its heavy chains ({cells} cells) are in {other} of patient {patient} ({there}), {how}",
    "hopped": "mostly with the same barcodes: reads of one library are in the other",
    "moved": "with other barcodes: cells were mixed, or samples exchanged",
}


def rough_percent(share: float) -> str:
    """A share of 0-1 in words, no more exact than a doubt needs: whole percents, one decimal below 10 %."""
    return f"{100 * share:.0f} %" if share >= 0.1 or share == 0 else f"{100 * share:.1f} %"


def common(left, right, by: str):
    """How many different `by` samples of `left` and of `right` have in common: a table, samples x samples."""
    import pandas as pd
    from scipy.sparse import csr_matrix

    codes, values = pd.factorize(pd.concat([left[by], right[by]], ignore_index=True))

    def incidence(table, code):
        row, names = pd.factorize(table["sample"], sort=True)
        matrix = csr_matrix(([1] * len(row), (row, code)), shape=(len(names), len(values)))
        matrix.data[:] = 1  # repeats were summed
        return matrix, names

    (a, rows), (b, columns) = incidence(left, codes[: len(left)]), incidence(right, codes[len(left) :])
    return pd.DataFrame((a @ b.T).toarray(), index=rows, columns=columns)


def pair_table(cells, receptors):
    """One row per sample, library (GEX, BCR, TCR) and other sample, itself included.

    cells: sample, barcode, n_umi, n_genes of whole matrices; receptors: sample, library, barcode, junction.
    share = shared barcodes / the smaller number of them (None where the other's matrix was not read).
    expected = the same by chance, were barcodes drawn from the 10x list: larger number / 737,280.
    same = equal pairs of barcode and junction (GEX: triples of barcode, UMI, genes).
    same_share = same / those of the smaller library.
    related = far more barcodes in common than chance gives.
    """
    import pandas as pd

    triple = cells["barcode"] + " " + cells["n_umi"].astype(str) + " " + cells["n_genes"].astype(str)
    pair = receptors["barcode"] + " " + receptors["junction"].fillna("").astype(str)
    libraries = pd.concat([cells.assign(library="GEX", content=triple), receptors.assign(content=pair)])
    sizes = cells.groupby("sample")["barcode"].nunique()
    rows = []
    for library, table in libraries.groupby("library", sort=False):
        shared, same = common(table, cells, "barcode"), common(table, table, "content")
        for sample, n in table.groupby("sample")["barcode"].nunique().items():
            for other in sorted(set(shared.columns) | set(same.columns)):
                row = dict(zip(PAIR, (sample, library, other, n, 0, 0, None, None, 0, 0.0), strict=False))
                if other in sizes:
                    m, both = int(sizes[other]), int(shared.at[sample, other])
                    row |= {"other_cells": m, "shared": both, "share": both / min(n, m)}
                    row["expected"] = min(1, max(n, m) / WHITELIST)
                if other in same.columns:
                    twice = int(same.at[sample, other])
                    row |= {"same": twice, "same_share": twice / min(same.at[sample, sample], same.at[other, other])}
                least = max(ELSEWHERE, ABOVE_CHANCE * (row["expected"] or 0))
                row["related"] = sample != other and row["shared"] >= 5 and row["share"] > least
                rows.append(row)
    return pd.DataFrame(rows, columns=PAIR)


def receptor_findings(pairs, min_overlap: float) -> list[tuple[str, str, str]]:
    """(level, sample, sentence) for receptor files that fit another sample, no sample, or are given twice."""
    pairs = pairs[pairs["library"] != "GEX"].sort_values("share", kind="stable")
    best = {(fit.sample, fit.library): fit for fit in pairs[pairs["related"]].itertuples()}  # the last wins
    copied = pairs[(pairs["same_share"] >= SAME_FILE) & (pairs["same"] >= 3) & (pairs["sample"] != pairs["other"])]
    findings = []
    for row in pairs[(pairs["sample"] == pairs["other"]) & pairs["share"].notna()].sort_index().itertuples():
        library, fit = row.library, best.get((row.sample, row.library))
        copies = sorted(copied.loc[(copied["sample"] == row.sample) & (copied["library"] == library), "other"])
        words = {"library": library, "n": row.barcodes, "own": row.shared, "cells": row.other_cells}
        words |= {"others": ", ".join(copies)}
        if fit:
            words |= {"other": fit.other, "shared": fit.shared, "share": rough_percent(fit.share)}
        misfit = row.share < min_overlap and (row.barcodes >= MIN_LIBRARY or bool(fit and fit.share >= 0.5))
        if misfit:
            level = "fail" if row.barcodes >= MIN_LIBRARY else "warning"
            sentence = ["misfit", "nobody"] + (["twice"] if copies else [])
            if fit and fit.share > row.share:
                back = best.get((fit.other, library))
                swapped = bool(back) and back.other == row.sample
                sentence = ["misfit", "fits", "copy" if fit.other in copies else "exchanged" if swapped else "alike"]
        else:
            level = "warning"
            sentence = ["twice"] if copies else ["elsewhere"] if fit and row.share >= min_overlap else []
        if sentence:
            text = "".join(("; " if word == "twice" and misfit else "") + WORDS[word] for word in sentence)
            findings.append((level, row.sample, text.format(**words)))
    return findings


def matrix_findings(pairs, order: list[str]) -> list[tuple[str, str, str]]:
    """The same matrix under two names (the first in the sheet goes on), and matrices that share barcodes."""
    findings = []
    for row in pairs[(pairs["library"] == "GEX") & (pairs["sample"] != pairs["other"])].itertuples():
        if row.same_share >= SAME_MATRIX and row.same >= MIN_LIBRARY:
            first = order.index(row.sample) < order.index(row.other)
            fate = f"only {row.sample if first else row.other} goes on, for cells count once"
            text = WORDS["matrix"].format(other=row.other, n=row.same, fate=fate)
            findings.append(("warning" if first else "fail", row.sample, text))
        elif row.related:
            text = WORDS["wells"].format(other=row.other, share=rough_percent(row.share))
            findings.append(("warning", row.sample, text))
    return findings


def sex_of(xist: float, y: float, total: float) -> str:
    """female, male, mixed or undetermined, from UMI of XIST, of Y genes and of all genes in the kept cells.

    Undetermined below 20 such UMI or 5 per million: a male tumour that lost Y is called nothing.
    Mixed: the rarer of both makes at least a tenth, and at least 20 UMI.
    """
    if xist + y < max(MIN_SEX_UMI, MIN_SEX_RATE * total):
        return "undetermined"
    if min(xist, y) >= max(MIN_SEX_UMI, MIXED_SHARE * (xist + y)):
        return "mixed"
    return "female" if xist > y else "male"


def sex_findings(calls: dict[str, str], patients: dict[str, str]) -> list[tuple[str, str, str]]:
    """A patient's samples agree in sex, or the minority is named (a tie: both); mixed samples are named."""
    findings = [("warning", sample, WORDS["mixed"]) for sample, call in calls.items() if call == "mixed"]
    for patient in sorted(set(patients.values())):
        groups = {"female": [], "male": []}
        for sample, call in calls.items():
            if patients[sample] == patient and call in groups:
                groups[call].append(sample)
        fewest = min(len(group) for group in groups.values())
        for sex, others in zip(groups, reversed(groups.values()), strict=True):
            for sample in groups[sex] if 0 < fewest == len(groups[sex]) else []:
                findings.append(("warning", sample, WORDS["sexes"].format(sex=sex, others=", ".join(others))))
    return findings


def shared_chains(receptors, patients: dict[str, str]):
    """Heavy chains (IGH, TRB) with one nucleotide junction in samples of two patients; rows: ordered pairs.

    kind: clone (a light or alpha junction, or a barcode, is shared as well); heavy only (IGH of 30 nt or more
    whose partner is unknown on one side); public (other partners; TRB without known partner; shorter IGH;
    only an invariant TRA shared): such chains arise independently in different people and are no evidence.
    """
    import pandas as pd

    chains = receptors[receptors["productive"] & receptors["junction"].notna()]
    chains = chains.assign(patient=chains["sample"].map(patients))
    heavy = chains[chains["locus"].isin(LIGHT_OF)]
    heavy = heavy[heavy.groupby(["locus", "junction"])["patient"].transform("nunique") > 1]
    light = chains[~chains["locus"].isin(LIGHT_OF) & chains["cell_id"].isin(heavy["cell_id"])]
    genes = light["v_call"].fillna("").astype(str) + " " + light["j_call"].fillna("").astype(str)
    # An invariant chain fills the partner's place in its cell, but never speaks for a common origin.
    light = light.assign(junction=light["junction"].mask(genes.str.contains(INVARIANT), light["sample"]))
    partners = light.groupby(["cell_id", "locus"])["junction"].agg(set).to_dict()
    rows = []
    for (locus, junction), group in heavy.groupby(["locus", "junction"]):
        held = {}
        for sample, table in group.groupby("sample"):
            keys = [(cell, chain) for cell in set(table["cell_id"]) for chain in LIGHT_OF[locus]]
            held[sample] = (set(table["barcode"]), set().union(*(partners.get(key, set()) for key in keys)))
        for a, (cells, lights) in held.items():
            for b, (others, other_lights) in held.items():
                if patients[a] == patients[b]:
                    continue
                long = locus == "TRB" or len(junction) >= GERMLINE_NT
                lone = "heavy only" if locus == "IGH" and not (lights and other_lights) else "public"
                alike = bool(lights & other_lights) and long
                kind = "clone" if alike or cells & others else lone if long else "public"
                rows.append((a, b, locus, junction, len(cells), len(others), len(cells & others), kind))
    names = ["sample", "other", "locus", "junction", "cells", "other_cells", "same_barcodes", "kind"]
    return pd.DataFrame(rows, columns=names)


def chain_findings(chains, patients: dict[str, str]) -> list[tuple[str, str, str]]:
    """Chains that two patients share: a warning, or a note where it is one cell on either side."""
    findings = []
    for (sample, other), table in chains[chains["kind"] != "public"].groupby(["sample", "other"]):
        cells, there = table["cells"].sum(), table["other_cells"].sum()
        how = WORDS["hopped" if 2 * table["same_barcodes"].sum() >= min(cells, there) else "moved"]
        words = {"n": len(table), "cells": cells, "other": other, "patient": patients[other], "there": there}
        text = WORDS["chains"].format(how=how, **words)
        findings.append(("warning" if max(cells, there) > 1 else "note", sample, text))
    return findings


def verdict(sample: str, findings: list[tuple[str, str, str]], pairs) -> dict:
    """The worst level as ok, warning, fail or unchecked (cells not read), its sentence, and all findings."""
    own = [{"level": level, "text": text} for level, name, text in findings if name == sample]
    worst = max((finding["level"] for finding in own), key=LEVELS.index, default="ok")
    fits = pairs[(pairs["sample"] == sample) & (pairs["other"] == sample)]
    if "GEX" not in set(fits["library"]):
        return {"verdict": "unchecked", "reason": "its cells were not read", "findings": own}
    if worst in ("warning", "fail"):
        reason = next(finding["text"] for finding in own if finding["level"] == worst)
        return {"verdict": worst, "reason": reason, "findings": own}
    fitting = [
        f"{row.shared:,} of {row.barcodes:,} {row.library} cells are in its matrix"
        + (", too few to judge" if row.barcodes < MIN_LIBRARY else "")
        for row in fits[fits["library"] != "GEX"].itertuples()
    ]
    return {"verdict": "ok", "reason": "; ".join(fitting) or "no receptors to compare", "findings": own}


def read_tables(paths: Iterable[Path], ending: str, columns: list[str]):
    """The tables with this ending one below the other, with `barcode`; no rows where there are none."""
    import pandas as pd

    frames = [pd.read_parquet(path, columns=columns) for path in sorted(paths) if path.name.endswith(ending)]
    table = pd.concat(frames or [pd.DataFrame(columns=columns)], ignore_index=True)
    table = table.astype({"cell_id": str, "sample": str})
    return table.assign(barcode=[name.partition(":")[2] for name in table["cell_id"]]).astype({"barcode": str})


def identity_table(pairs, chains, judged: dict[str, dict], patients: dict[str, str]):
    """identity.tsv: pairs in the sheet's order, shared chains and the verdict on every row."""
    import pandas as pd

    keys = ["sample", "library", "other"]
    chains = chains.assign(library=chains["locus"].map({"IGH": "BCR", "TRB": "TCR"}))
    chains = chains.assign(public_chains=chains["kind"] == "public", shared_chains=chains["kind"] != "public")
    counts = chains.groupby(keys)[["shared_chains", "public_chains"]].sum().reset_index()
    table = pd.DataFrame({"sample": list(judged), "patient": [patients[sample] for sample in judged]})
    table = table.merge(pairs, on="sample", how="left").merge(counts, on=keys, how="left")
    whole = ["barcodes", "other_cells", "shared", "same", "shared_chains", "public_chains"]
    table = table.fillna({"shared_chains": 0, "public_chains": 0}).astype(dict.fromkeys(whole, "Int64"))
    facts = pd.DataFrame.from_dict(judged, orient="index")[["sex", "verdict", "reason"]]
    return table.drop(columns="related").join(facts, on="sample")


@command()
@click.argument("samples", type=FILE)
@click.argument("tables", nargs=-1, type=FILE)
@click.option("--min-overlap", default=0.3, type=click.FloatRange(0, 1),
              help="Minimum share of a receptor library's cells in the sample's own matrix.")  # fmt: skip
def main(samples: Path, tables: tuple[Path, ...], min_overlap: float) -> None:
    """Compare the SAMPLES of samples.tsv by their TABLES (*.qc.parquet, *.contigs.parquet): identity.tsv and .json."""
    import pandas as pd

    sheet = read_samples(samples)
    order, patients = list(sheet["sample"]), dict(zip(sheet["sample"], sheet["patient"], strict=True))
    cells = read_tables(tables, ".qc.parquet", QC)
    receptors = read_tables(tables, ".contigs.parquet", CONTIGS + CALLED).astype({"productive": bool})
    receptors = receptors[receptors[CALLED].astype(bool).all(axis=1)]
    for name in sorted((set(cells["sample"]) | set(receptors["sample"])) - set(order)):
        raise InputError(f"{name}: not in {samples}; give only tables of the samples in it.")

    pairs, chains = pair_table(cells, receptors), shared_chains(receptors, patients)
    sums = cells[cells["pass"].astype(bool)].groupby("sample")[["xist_umi", "y_umi", "n_umi"]].sum()
    sexes = dict.fromkeys(order, "undetermined") | {name: sex_of(*row) for name, row in sums.iterrows()}
    findings = receptor_findings(pairs, min_overlap) + matrix_findings(pairs, order)
    copied = pairs.loc[(pairs["same_share"] >= SAME_FILE) & (pairs["library"] != "GEX"), ["sample", "other"]]
    strangers = ~chains.set_index(["sample", "other"]).index.isin(pd.MultiIndex.from_frame(copied))
    findings += sex_findings(sexes, patients) + chain_findings(chains[strangers], patients)
    judged = {sample: verdict(sample, findings, pairs) | {"sex": sexes[sample]} for sample in order}

    write_table(identity_table(pairs, chains, judged, patients), "identity.tsv")
    write_json(judged, "identity.json")


if __name__ == "__main__":
    main()
