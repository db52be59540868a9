#!/usr/bin/env python3
"""Which cells are malignant, normal or undecided, from their lines of evidence."""

import json
from importlib.metadata import version
from pathlib import Path

import click

PACKAGES = ("click", "anndata", "numpy", "pandas", "statsmodels")  # of this script and of evidence.py
FILE = click.Path(exists=True, dir_okay=False)
CANDIDATES = ("B", "plasma", "blast")  # lineages a B-cell malignancy can sit in
OWN = ("clone", "cnv", "programme")  # lines about the cell or its clone; the others are about the sample


def bounds(n: int, total: int) -> tuple[float, float]:
    """95 % Wilson interval of a share; for n = 0 the one-sided upper bound."""
    from statsmodels.stats.proportion import proportion_confint

    low, high = proportion_confint(n, total, method="wilson")
    return (float(low), float(high)) if n else (0.0, 1 - 0.05 ** (1 / total))


def verdicts(cells, lines, min_evidence: int):
    """malignant, normal or undecided per cell, from the table of lines (boolean, missing where nothing is known).

    Malignant: at least `min_evidence` lines, one of them about the cell or its clone, and no clone of its own.
    Normal: another lineage without a tumour's clone, or a clone of its own (or of polyclonal kin) without an arm.
    """
    import pandas as pd

    for_it = lines.fillna(False).astype(bool)
    candidate = cells.lineage.isin(CANDIDATES)
    against = (~lines.clone.fillna(True)).astype(bool)
    malignant = candidate & ~against & (for_it.sum(axis=1) >= min_evidence) & for_it[list(OWN)].any(axis=1)
    normal = (candidate & against & ~for_it.cnv) | (
        ~candidate & ~cells.stray.astype(bool) & (cells.lineage != "unassigned")
    )
    verdict = pd.Series("undecided", index=cells.index, dtype=object)
    verdict[normal], verdict[malignant] = "normal", "malignant"
    return verdict


def counts(cells, patient: str):
    """Malignant, normal and undecided cells per time point, of every cell type and of all cells."""
    import pandas as pd

    rows = []
    for (day, time), part in cells.groupby(["day", "timepoint"], observed=True):
        for name, group in [("all cells", part), *part.groupby("cell_type", observed=True)]:
            for verdict in ("malignant", "normal", "undecided"):
                n = int((group.malignancy == verdict).sum())
                low, high = bounds(n, len(group))
                row = {
                    "patient": patient,
                    "timepoint": time,
                    "day": day,
                    "cell_type": name,
                    "malignancy": verdict,
                }
                rows.append(
                    row | {"n": n, "total": len(group), "share": n / len(group), "low": low, "high": high}
                )
    return pd.DataFrame(rows)


@click.command(context_settings={"show_default": True})
@click.argument("evidence", type=FILE)
@click.option("--patient", required=True, help="Name of the patient; outputs are called after it.")
@click.option("--expanded", required=True, type=FILE, help="expanded_clones.json of the evidence.")
@click.option("--min-evidence", default=2, type=click.IntRange(1, 5), help="Lines of evidence a call needs.")
@click.version_option(" ".join(f"{name}={version(name)}" for name in PACKAGES), message="%(version)s")
def main(evidence, patient, expanded, min_evidence) -> None:
    """Call the malignant cells from the lines of EVIDENCE (evidence.parquet)."""
    import pandas as pd

    cells = pd.read_parquet(evidence).set_index("cell_id")
    names = [name for name in cells if name.startswith("line_")]
    lines = cells[names].rename(columns=lambda name: name.removeprefix("line_"))
    cells["malignancy"] = verdicts(cells, lines, min_evidence)
    cells["evidence"] = lines.fillna(False).sum(axis=1).astype(int)

    out = cells[["malignancy", "evidence", *names, "programme_score", "reasons"]]
    out.reset_index().to_parquet(f"{patient}.malignancy.parquet", compression="zstd", index=False)
    table = counts(cells, patient)
    table.to_csv(f"{patient}.malignancy.tsv", sep="\t", index=False, float_format="%.6g")
    facts = {
        "patient": patient,
        "min_evidence": min_evidence,
        "expanded_clones": json.loads(Path(expanded).read_text()),
    }
    facts["cells"] = {name: int(n) for name, n in cells.malignancy.value_counts().sort_index().items()}
    facts["combinations"] = {}
    for verdict, part in lines[cells.lineage.isin(CANDIDATES)].groupby(cells.malignancy):
        combined = part.fillna(False).apply(
            lambda row: " + ".join(row.index[row.astype(bool)]) or "none", axis=1
        )
        facts["combinations"][verdict] = {name: int(n) for name, n in combined.value_counts().items()}
    Path(f"{patient}.malignancy.json").write_text(json.dumps(facts, indent=1, allow_nan=False) + "\n")
    shown = table[(table.cell_type == "all cells") & (table.malignancy != "normal")]
    data = {
        f"{patient} {row.timepoint} {row.malignancy}": {"cells": row.n, "share": row.share}
        for row in shown.itertuples()
    }
    section = {"id": "malignancy", "section_name": "Malignant cells", "plot_type": "table", "data": data}
    section["description"] = f"Cells called malignant by at least {min_evidence} lines of evidence."
    Path(f"{patient}.malignancy_mqc.json").write_text(json.dumps(section, indent=1, allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
