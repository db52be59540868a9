#!/usr/bin/env python3
"""Are the samples who they are said to be? Barcodes, receptors and sex genes of a run, compared pairwise."""

from collections.abc import Iterable
from pathlib import Path

from _barcodes import ABOVE_CHANCE, MIN_LIBRARY, WHITELIST, more_than_chance
from _cli import FILE, command, write_json
from _errors import InputError
from _shared_chains import chain_findings, shared_chains, shared_table
from _tables import read_samples, write_parquet, write_table

import click

ELSEWHERE = 0.1  # share in another sample's cells worth a word, if so many times chance
USUAL = 0.8  # of real libraries that are whole, more than this is in the matrix
SAME_FILE, SAME_MATRIX = 0.9, 0.5  # shared content of two receptor files, two matrices
MIN_SEX_UMI, MIN_SEX_RATE, MIXED_SHARE = 20, 5e-6, 0.1
LEVELS = ("ok", "note", "warning", "fail")
DONOR = "expected after a transplant from a donor of the other sex, else samples are exchanged or mixed"
QC = ["cell_id", "sample", "n_umi", "n_genes", "xist_umi", "y_umi", "pass"]
PAIR = ["sample", "library", "other", "barcodes", "other_cells", "shared", "share", "expected"]
PAIR += ["same", "same_share", "related"]
CONTIGS = ["cell_id", "sample", "library", "locus", "v_call", "j_call", "junction", "junction_aa", "productive"]
CALLED = ["is_cell", "high_confidence"]
# What a finding says; the sample it is about is named beside it.
WORDS = {
    "out": "its {library} library is left out: ",
    "misfit": "{few} of its {n:,} {library} cells are among the {cells:,} cells of its matrix, ",
    "fits": "but {shared} ({share}) are among those of {other}",
    "copy": ": the {library} file of {other} is given here too",
    "exchanged": ", and the other way round: the {library} files of both look exchanged",
    "alike": ": its {library} file looks like one of {other}",
    "nobody": "and no other sample of the run fits better: its {library} file is from elsewhere, or writes its barcodes otherwise",
    "twice": "; its contigs are also given for {others}",
    "barcodes": " (a barcode of its contigs: {contig}, of its matrix: {cell})",
    "pool": "its {library} contigs are also given for {others}: one library of a pool, of which each sample has the contigs "
    "of its own cells ({own} of {n:,} here)",
    "part": "only {own} of its {n:,} {library} cells ({own_share}) are among the {cells:,} cells of its matrix, where 90 % and more are "
    "usual: the matrix lacks cells, or the library has contigs of others",
    "elsewhere": "{share} of its {n:,} {library} cells are also among those of {other}: are samples mixed?",
    "matrix": "its matrix is that of {other} ({n:,} cells with equal barcode, UMI, genes): {fate}",
    "wells": "{share} of its cell barcodes are also in {other}: one sample sequenced twice, or mixed reads",
    "sexes": "its sex genes are {sex}, those of {others} of the same patient are not: " + DONOR,
    "mixed": "it expresses both XIST and Y genes, as cells of two people do: " + DONOR,
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


def copied_files(pairs) -> dict[tuple[str, str], list[str]]:
    """{(sample, library): the other samples for which its receptor file is given too}, by content.

    pairs: of pair_table. Nine tenths of both files' pairs of barcode and junction are the same, and at least MIN_LIBRARY.
    """
    pairs = pairs[pairs["library"] != "GEX"]
    own = pairs[pairs["sample"] == pairs["other"]].set_index(["sample", "library"])["same"]
    both = pairs[(pairs["sample"] != pairs["other"]) & (pairs["same"] >= MIN_LIBRARY)]
    files: dict[tuple[str, str], list[str]] = {}
    for row in both.itertuples():
        if row.same >= SAME_FILE * max(own[row.sample, row.library], own[row.other, row.library]):
            files.setdefault((row.sample, row.library), []).append(row.other)
    return files


def receptor_findings(
    pairs, min_overlap: float, examples: dict
) -> tuple[list[tuple[str, str, str]], dict[tuple[str, str], str]]:
    """Findings (level, sample, sentence) on receptor files, and {(sample, library): sentence} of those that are left out.

    Left out is a library that does not fit the sample's matrix. Of a file that several samples name, each one that has
    more of its barcodes than by chance keeps it (a pool); nothing is said of a sample whose file was only copied.
    examples: {(sample, library): (a barcode of the contigs, one of the matrix)}.
    """
    pairs = pairs[pairs["library"] != "GEX"].sort_values("share", kind="stable")
    best = {(fit.sample, fit.library): fit for fit in pairs[pairs["related"]].itertuples()}  # the last wins
    files, findings, left_out = copied_files(pairs), [], {}
    fits = pairs[(pairs["sample"] == pairs["other"]) & pairs["share"].notna()].sort_index()
    pooled = {
        (row.sample, row.library)
        for row in fits.itertuples()
        if (row.sample, row.library) in files and more_than_chance(row.shared, row.barcodes, row.other_cells)
    }
    for row in fits.itertuples():
        library, key = row.library, (row.sample, row.library)
        fit, copies = best.get(key), files.get(key, [])
        words = {"library": library, "n": row.barcodes, "own": row.shared, "cells": row.other_cells}
        words["few"] = f"only {row.shared}" if row.shared else "none"
        words |= {"own_share": rough_percent(row.share), "others": ", ".join(sorted(copies))} | dict(
            zip(("contig", "cell"), examples[key], strict=True)
        )
        if fit:
            words |= {"other": fit.other, "shared": fit.shared, "share": rough_percent(fit.share)}
        judged, sentence = row.barcodes >= MIN_LIBRARY, []
        if key in pooled:
            words["others"] = ", ".join(other for other in sorted(copies) if (other, library) in pooled)
            sentence = ["pool"] if words["others"] else []
        elif copies or (row.share < min_overlap and (judged or bool(fit and fit.share >= 0.5))):
            reason = ["nobody", "twice"] if copies else ["nobody"]
            if fit and fit.share > row.share:
                back = best.get((fit.other, library))
                swapped = bool(back) and back.other == row.sample
                reason = ["fits", "copy" if fit.other in copies else "exchanged" if swapped else "alike"]
            sentence = ["out", "misfit", *reason, "barcodes"]
        elif fit and row.share >= min_overlap:
            sentence = ["elsewhere"]
        elif row.share < USUAL and judged:
            sentence = ["part"]
        if sentence:
            text = "".join(WORDS[word] for word in sentence).format(**words)
            findings.append(("warning", row.sample, text))
            left_out |= {key: text} if sentence[0] == "out" else {}
    return findings, left_out


def example_barcodes(cells, receptors) -> dict[tuple[str, str], tuple[str, str]]:
    """{(sample, library): (a barcode of its contigs, if possible one that is not in the matrix, a barcode of its matrix)}."""
    of_matrix = cells.groupby("sample")["barcode"].min().to_dict()
    strange = receptors.assign(inside=receptors["cell_id"].isin(cells["cell_id"]))
    first = strange.sort_values(["inside", "barcode"]).drop_duplicates(["sample", "library"])
    return {(row.sample, row.library): (row.barcode, of_matrix.get(row.sample, "")) for row in first.itertuples()}


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
    """Compare the SAMPLES of samples.tsv by their TABLES (*.qc.parquet, *.contigs.parquet): identity.tsv and .json.

    Contigs of samples one of whose libraries is left out are written, without it, into the folder fitting.
    """
    import pandas as pd

    sheet = read_samples(samples)
    order, patients = list(sheet["sample"]), dict(zip(sheet["sample"], sheet["patient"], strict=True))
    cells = read_tables(tables, ".qc.parquet", QC)
    receptors = read_tables(tables, ".contigs.parquet", CONTIGS + CALLED).astype({"productive": bool})
    receptors = receptors[receptors[CALLED].astype(bool).all(axis=1)]
    for name in sorted((set(cells["sample"]) | set(receptors["sample"])) - set(order)):
        raise InputError(f"{name}: not in {samples}; give only tables of the samples in it.")

    pairs = pair_table(cells, receptors)
    findings, left_out = receptor_findings(pairs, min_overlap, example_barcodes(cells, receptors))
    library = pd.MultiIndex.from_frame(receptors[["sample", "library"]])
    # Of a pool's contigs a sample has those of its own cells; a library that is left out is no evidence.
    foreign = library.isin(list(copied_files(pairs))) & ~receptors["cell_id"].isin(cells["cell_id"])
    receptors = receptors[~foreign & ~library.isin(list(left_out))]
    chains = shared_chains(receptors, patients)
    sums = cells[cells["pass"].astype(bool)].groupby("sample")[["xist_umi", "y_umi", "n_umi"]].sum()
    sexes = dict.fromkeys(order, "undetermined") | {name: sex_of(*row) for name, row in sums.iterrows()}
    findings += matrix_findings(pairs, order) + sex_findings(sexes, patients) + chain_findings(chains, patients)
    judged = {sample: verdict(sample, findings, pairs) | {"sex": sexes[sample], "left_out": {}} for sample in order}
    for (sample, library), text in left_out.items():
        judged[sample]["left_out"][library] = text

    write_table(identity_table(pairs, chains, judged, patients), "identity.tsv")
    write_table(shared_table(chains, receptors, patients), "shared_rearrangements.tsv")
    write_json(judged, "identity.json")
    for path in tables:
        out = judged.get(path.name.removesuffix(".contigs.parquet"), {}).get("left_out")
        if out:
            contigs = pd.read_parquet(path)
            Path("fitting").mkdir(exist_ok=True)
            write_parquet(contigs[~contigs["library"].isin(out)], Path("fitting") / path.name)


if __name__ == "__main__":
    main()
