#!/usr/bin/env python3
"""Which cells are malignant, normal or undecided, from their lines of evidence."""

from pathlib import Path

import click
from _cli import FILE, command, multiqc_section, write_json
from _clones import read_labels
from _evidence import LINES, gather, read_expression
from _receptors import Lineages
from _shares import wilson
from _tables import read_table, read_text_table, write_parquet, write_table

OWN = ["clone", "cnv", "programme"]  # lines about the cell or its clone; the others are about the sample


def read_cells(labels: Path, patient: str, clones: Path | None, cnv_cells: Path, lineages: Lineages):
    """A patient's cells as _evidence describes them."""
    import pandas as pd

    cells = read_labels(labels, patient, ["timepoint", "day", "lineage", "cell_type"]).set_index("cell_id")
    cells["candidate"] = cells.lineage.isin(lineages.malignant)
    cells = cells.join(pd.read_parquet(cnv_cells).set_index("cell_id")[["population", "cnv_profile"]])
    receptors = pd.read_parquet(clones).set_index("cell_id") if clones else pd.DataFrame()
    cells["clone"] = receptors.get("bcr_clone", pd.Series(dtype=object)).reindex(cells.index)
    light = receptors.get("receptor_subtype_bcr", pd.Series(dtype=object)).reindex(cells.index)
    return cells.assign(light=light.astype("string").str.extract(r"(IG[KL])", expand=False))


def verdicts(cells, lines, min_evidence: int):
    """malignant, normal or undecided per cell, from the table of lines (boolean, missing where nothing is known).

    cells: candidate, lineage, and stray (of another lineage, with the receptor of an expanded clone).
    Malignant: at least `min_evidence` lines, one of them about the cell or its clone, and no clone of its own.
    Normal: another lineage without a tumour's clone, or a clone of its own (or of polyclonal kin) without an arm.
    """
    import pandas as pd

    for_it = lines.fillna(False).astype(bool)
    against = (~lines.clone.fillna(True)).astype(bool)
    malignant = cells.candidate & ~against & (for_it.sum(axis=1) >= min_evidence) & for_it[OWN].any(axis=1)
    bystander = ~cells.candidate & ~cells.stray.astype(bool) & (cells.lineage != "unassigned")
    verdict = pd.Series("undecided", index=cells.index, dtype=object)
    verdict[(cells.candidate & against & ~for_it.cnv) | bystander] = "normal"
    verdict[malignant] = "malignant"
    return verdict


def counts(cells):
    """Malignant, normal and undecided cells per time point, of every cell type and of all cells."""
    import pandas as pd

    rows = []
    for (day, time), sampled in cells.groupby(["day", "timepoint"], observed=True):
        for name, group in [("all cells", sampled), *sampled.groupby("cell_type", observed=True)]:
            for verdict in ("malignant", "normal", "undecided"):
                row = {"timepoint": time, "day": day, "cell_type": name, "malignancy": verdict}
                rows.append(row | {"n": int((group.malignancy == verdict).sum()), "total": len(group)})
    table = pd.DataFrame(rows)
    table["share"], table["low"], table["high"] = wilson(table.n, table.total)
    return table


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
@click.option("--programmes", type=FILE, required=True, help="Table of genes: lineage, gene, sign.")
@click.option("--lineages", type=FILE, required=True, help="Table of lineages: which can be malignant.")
@click.option("--min-evidence", default=2, type=click.IntRange(1, 5), help="Lines of evidence a call needs.")
def main(
    matrices: tuple[Path, ...], patient: str, labels: Path, clones: Path | None, cnv: Path, cnv_cells: Path,
    fish: Path | None, clinical: Path | None, programmes: Path, lineages: Path, min_evidence: int,
) -> None:  # fmt: skip
    """Call the malignant cells of a patient (MATRICES: h5ad of the samples)."""
    cells = read_cells(labels, patient, clones, cnv_cells, Lineages(lineages))
    values = read_table(clinical).loc[lambda rows: rows.patient == patient] if clinical else None
    genes = read_text_table(programmes, ("lineage", "gene", "sign"), comment="#")
    expression = read_expression(matrices, sorted(set(genes.gene)), cells.index)
    probes = read_table(fish) if fish else None
    lines, score, reasons, expanded = gather(cells, read_table(cnv), expression, genes, probes, values)
    cells["stray"] = ~cells.candidate & cells.clone.isin([row["clone"] for row in expanded])
    cells["malignancy"] = verdicts(cells, lines, min_evidence)
    cells["evidence"] = lines.fillna(False).sum(axis=1).astype(int)

    out = cells[["malignancy", "evidence"]].join(lines[list(LINES)].add_prefix("line_"))
    out = out.assign(programme_score=score, reasons=reasons)
    write_parquet(out.reset_index(), f"{patient}.malignancy.parquet")
    table = counts(cells)
    write_table(table.assign(patient=patient)[["patient", *table]], f"{patient}.malignancy.tsv")
    facts = {"patient": patient, "min_evidence": min_evidence, "expanded_clones": expanded}
    facts["cells"] = {name: int(n) for name, n in cells.malignancy.value_counts().sort_index().items()}
    facts["combinations"] = combinations(lines[cells.candidate], cells.malignancy)
    write_json(facts, f"{patient}.malignancy.json")
    shown = table[(table.cell_type == "all cells") & (table.malignancy != "normal")].to_dict("records")
    data = {
        f"{patient} {row['timepoint']} {row['malignancy']}": {"cells": row["n"], "share": row["share"]}
        for row in shown
    }
    words = f"Cells called malignant by at least {min_evidence} lines of evidence."
    write_json(
        multiqc_section("malignancy", "Malignant cells", words, "table", data),
        f"{patient}.malignancy_mqc.json",
    )


if __name__ == "__main__":
    main()
