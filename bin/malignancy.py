#!/usr/bin/env python3
"""Which cells are malignant, normal, undecided or not testable, from their lines of evidence."""

from pathlib import Path

from _cli import FILE, command, multiqc_section, write_json
from _clones import read_labels
from _evidence import LINES, OWN, SAMPLED, assessable, gather, log_expression, read_counts, untestable
from _evidence import why_not_assessable as why_not
from _precursors import COLUMNS, by_sample, checked_genes, directed_therapies, find_precursors
from _receptors import Lineages, with_library
from _series import DESIGN, told_apart
from _shares import wilson
from _tables import UNASSIGNED, read_table, read_text_table, write_parquet, write_table

import click


def read_cells(labels: Path, patient: str, clones: Path | None, cnv_cells: Path, lineages: Lineages):
    """A patient's cells as _evidence describes them."""
    import pandas as pd

    columns = ["sample", "timepoint", "day", *DESIGN, "libraries", "lineage", "cell_type", "subset"]
    cells = read_labels(labels, patient, columns).set_index("cell_id")
    cells["has_library"] = cells.index.isin(with_library(cells, "BCR").index)
    cells["candidate"] = cells.lineage.isin(lineages.malignant)
    cells = cells.join(pd.read_parquet(cnv_cells).set_index("cell_id")[["population", "cnv_profile"]])
    receptors = pd.read_parquet(clones).set_index("cell_id") if clones else pd.DataFrame()
    cells["clone"] = receptors.get("bcr_clone", pd.Series(dtype=object)).reindex(cells.index)
    cells["tcr"] = receptors.get("tcr_clone", pd.Series(dtype=object)).reindex(cells.index).notna()
    light = receptors.get("receptor_subtype_bcr", pd.Series(dtype=object)).reindex(cells.index)
    return cells.assign(light=light.astype("string").str.extract(r"(IG[KL])", expand=False))


def read_genes(matrices, programmes, precursor_genes, cells):
    """(expression of the programmes' genes, what the genes of precursors say) of the cells, from the matrices of the samples.

    The first is log-normalised (cells x genes), the second as find_precursors gives it, missing for samples without these genes.
    """
    import numpy as np
    import pandas as pd

    wanted = sorted(set(programmes.gene))
    expression, found, held = [], [], np.zeros(len(wanted), bool)
    for path in matrices:
        ids, counts, umis, measured = read_counts(path, [*wanted, *precursor_genes.gene], cells.index)
        values = log_expression(counts[:, : len(wanted)], umis)
        expression.append(pd.DataFrame(values, index=ids, columns=wanted))
        held |= measured[: len(wanted)]
        of_precursors, tcr = counts[:, len(wanted) :], cells.tcr.loc[ids].to_numpy(bool)
        said = find_precursors(of_precursors, umis, precursor_genes, measured[len(wanted) :], tcr)
        found += [] if said is None or not len(ids) else [said.set_index(ids)]
    expression = pd.concat(expression).reindex(cells.index).fillna(0.0).loc[:, held]
    columns = ["precursor", "b_lineage"]
    return expression, pd.concat(found).reindex(cells.index) if found else pd.DataFrame(
        index=cells.index, columns=columns
    )


def verdicts(cells, lines, min_evidence: int):
    """malignant, normal or undecided per cell, from the table of lines (boolean, missing where nothing is known).

    cells: candidate, lineage, and stray (of another lineage, with the receptor of an expanded clone).
    Malignant: at least `min_evidence` lines, one of them about the cell or its clone, and no clone of its own.
    Normal: another lineage without a tumour's clone, or a clone of its own (or of polyclonal kin) without an arm.
    """
    import pandas as pd

    for_it = lines.fillna(False).astype(bool)
    against = (~lines.clone.fillna(True)).astype(bool)
    malignant = cells.candidate & ~against & (for_it.sum(axis=1) >= min_evidence) & for_it[list(OWN)].any(axis=1)
    bystander = ~cells.candidate & ~cells.stray.astype(bool) & (cells.lineage != UNASSIGNED)
    verdict = pd.Series("undecided", index=cells.index, dtype=object)
    verdict[(cells.candidate & against & ~for_it.cnv) | bystander] = "normal"
    verdict[malignant] = "malignant"
    return verdict


def counts(cells, lines, cnv):
    """Malignant, normal and undecided cells per time point, tissue and sort, of every cell type and of all cells, and whether that
    could be assessed. Where nothing could (_evidence.untestable) there is one row, `not testable`, with the reason.

    cells: with what verdicts and assessable say; cnv: cnv.tsv. The upper bound of the malignant ones holds even if every undecided
    cell were malignant. Where a group could not be assessed they are a count without a share: no bound is given for what could not
    have been seen.
    """
    import pandas as pd

    rows = []
    for design, sampled in cells.groupby(SAMPLED, observed=True):
        where = dict(zip(SAMPLED, design, strict=True))
        if (sampled.malignancy == "not testable").any():
            n = (sampled.malignancy == "not testable").sum()
            row = {"cell_type": "all cells", "malignancy": "not testable", "n": n, "total": len(sampled), "at_most": n}
            rows.append(where | row | {"assessable": "no", "reason": why_not(sampled, lines, cnv)})
            continue
        for name, group in [("all cells", sampled), *sampled.groupby("cell_type", observed=True)]:
            reason, of_group = (why_not(group, lines, cnv), where | {"cell_type": name})
            about = {"assessable": "no" if reason else "yes", "reason": reason}
            for verdict in ("malignant", "normal", "undecided"):
                n = (group.malignancy == verdict).sum()
                possible = (group.malignancy == "undecided").sum() if verdict == "malignant" else 0
                row = {"malignancy": verdict, "n": n, "total": len(group), "at_most": n + possible}
                rows.append(of_group | row | about)
    table = pd.DataFrame(rows)
    table["share"], table["low"], _ = wilson(table.n, table.total)
    table["high"] = wilson(table.at_most, table.total)[2]
    unseen = table.malignancy.isin(["malignant", "not testable"]) & (table.assessable == "no")
    table.loc[unseen, ["share", "low", "high"]] = float("nan")
    columns = ["timepoint", "day", *DESIGN, "cell_type", "malignancy", "n", "total", "share", "low", "high"]
    return table[[*columns, "assessable", "reason"]]


def combinations(lines, verdict) -> dict[str, dict[str, int]]:
    """How often each combination of lines stands behind each verdict, the most frequent first."""
    counted = {}
    for name, rows in lines.fillna(False).astype(bool).groupby(verdict):
        combined = rows.apply(lambda row: " + ".join(row.index[row]) or "none", axis=1)
        counted[name] = {words: int(n) for words, n in combined.value_counts().items()}
    return counted


@command()
@click.argument("matrices", nargs=-1, required=True, type=FILE)
@click.option("--patient", required=True, help="Name of the patient; outputs are called after it.")
@click.option("--labels", required=True, type=FILE, help="The patient's labels.parquet.")
@click.option("--clones", type=FILE, help="The patient's clones.parquet.")
@click.option("--cnv", type=FILE, required=True, help="The patient's cnv.tsv.")
@click.option("--cnv-cells", type=FILE, required=True, help="The patient's cnv.parquet.")
@click.option("--fish", type=FILE, help="The patient's fish.tsv (FISH next to single cells).")
@click.option("--clinical", type=FILE, help="Clinical table: patient, day, parameter, value.")
@click.option(
    "--events", type=FILE, help="Events: patient, day, event, kind; therapies against CD19 or CD22 are looked for."
)
@click.option("--programmes", type=FILE, required=True, help="Table of genes: lineage, gene, sign.")
@click.option(
    "--precursors", type=FILE, required=True, help="Table of genes of B-lineage precursors: gene, role, kind, rates."
)
@click.option("--lineages", type=FILE, required=True, help="Table of lineages: which can be malignant.")
@click.option("--min-evidence", default=2, type=click.IntRange(1, 5), help="Lines of evidence a call needs.")
def main(
    matrices: tuple[Path, ...], patient: str, labels: Path, clones: Path | None, cnv: Path, cnv_cells: Path, fish: Path | None,
    clinical: Path | None, events: Path | None, programmes: Path, precursors: Path, lineages: Path, min_evidence: int,
) -> None:  # fmt: skip
    """Call the malignant cells of a patient (MATRICES: h5ad of the samples), and find precursors of B cells by their genes."""
    cells = read_cells(labels, patient, clones, cnv_cells, Lineages(lineages))
    values = read_table(clinical).loc[lambda rows: rows.patient == patient] if clinical else None
    given = read_table(events).loc[lambda rows: rows.patient == patient] if events else None
    genes = read_text_table(programmes, ("lineage", "gene", "sign"), comment="#")
    expression, found = read_genes(
        matrices, genes, checked_genes(read_text_table(precursors, COLUMNS, comment="#")), cells
    )
    cells = cells.join(found)
    cells["candidate"] |= cells.precursor.eq(True)
    by_precursors = by_sample(cells, patient, None if given is None else directed_therapies(given))
    cells["reading"] = cells["sample"].map(by_precursors.set_index("sample").reading)
    arms, probes = read_table(cnv), read_table(fish) if fish else None
    lines, score, reasons, expanded = gather(cells, arms, expression, genes, probes, values)
    cells["stray"] = ~cells.candidate & cells.clone.isin([row["clone"] for row in expanded])
    cells["malignancy"] = verdicts(cells, lines, min_evidence)
    cells["evidence"] = lines.fillna(False).sum(axis=1).astype(int)
    cells["assessable"] = assessable(cells, lines, arms, min_evidence)
    cells.loc[untestable(cells), "malignancy"] = "not testable"

    out = cells[["malignancy", "evidence"]].join(lines[list(LINES)].add_prefix("line_"))
    out = out.assign(programme_score=score, reasons=reasons, precursor=cells.precursor.astype("boolean"))
    write_parquet(out.reset_index(), f"{patient}.malignancy.parquet")
    table = counts(cells, lines, arms)
    write_table(table.assign(patient=patient)[["patient", *table]], f"{patient}.malignancy.tsv")
    write_table(by_precursors, f"{patient}.precursors.tsv")
    facts = {"patient": patient, "min_evidence": min_evidence, "expanded_clones": expanded}
    facts["cells"] = {name: int(n) for name, n in cells.malignancy.value_counts().sort_index().items()}
    facts["combinations"] = combinations(lines[cells.candidate], cells.malignancy)
    write_json(facts, f"{patient}.malignancy.json")
    shown = table[(table.cell_type == "all cells") & (table.malignancy != "normal")].rename(columns={"n": "cells"})
    shown = shown[shown.share.notna() | (shown.malignancy == "not testable")]
    data = {}
    for row, design in zip(shown.to_dict("records"), told_apart(shown), strict=True):
        at = " ".join(filter(None, (patient, row["timepoint"], design)))
        values = ("cells", "reason") if row["malignancy"] == "not testable" else ("cells", "share")
        data[f"{at} {row['malignancy']}"] = {name: row[name] for name in values}
    words = f"Cells called malignant by at least {min_evidence} lines of evidence."
    write_json(multiqc_section("malignancy", "Malignant cells", words, "table", data), f"{patient}.malignancy_mqc.json")


if __name__ == "__main__":
    main()
