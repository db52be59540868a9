#!/usr/bin/env python3
"""Which samples go on: a row per sample of the sheet, failed and lost ones too, and all warnings."""

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

from _cli import FILE, command, read_json, write_json
from _errors import InputError
from _guards import FOLD, PROCESSING, confounded, with_processing
from _series import DESIGN, with_series
from _tables import read_samples

import click

LEVELS = ("error", "warning", "note")
LOST = "its {step} task did not finish, see pipeline_info/trace.tsv"
NO_SPECIES = (None, "", "unknown")
COLUMNS = ("sample", "patient", "timepoint", "day", "status", "reason", "identity", "identity_reason", "sex")
COLUMNS += ("species", "quality", "cells_before", "cells_after", "mouse_cells")
COLUMNS += ("median_umi", "median_genes", "median_pct_mito", "contamination", "contamination_low", "contamination_high")
COLUMNS += (*PROCESSING, "libraries", "bcr_cells", "bcr_overlap", "tcr_cells", "tcr_overlap", "left_out", "warnings")
FEW_GENES = 20  # a CAR or a virus more or less makes no other reference


def bare(text: str | None, sample: str) -> str:
    """The sentence on one line, fit for a table, without the sample in front: that has a column."""
    words = (text or "no reason was given").replace('"', "'").split()
    return " ".join(words).removeprefix(f"{sample}: ")


def cell(value: object) -> str:
    """A table's cell: six digits of a number, nothing for what is not known."""
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else str(value)


def judge(sample: str, read: dict | None, qc: dict | None, identity: dict) -> tuple[str, str, str]:
    """(status, step, reason): the first step that the sample did not pass, in the order of the flow."""
    if read is None:
        return "failed", "READ_CELLRANGER", LOST.format(step="READ_CELLRANGER")
    if read["status"] == "failed":
        return "failed", "READ_CELLRANGER", bare(read.get("reason"), sample)
    if qc is None:
        return "failed", "QC", LOST.format(step="QC")
    if qc["status"] == "failed":
        return "failed", "QC", bare(qc.get("reason"), sample)
    if identity.get("verdict") == "fail":
        return "failed", "IDENTITY", bare(identity.get("reason"), sample)
    return "pass", "", ""


def row_of(meta: dict, read: dict, qc: dict, ambient: dict, identity: dict, status: str, reason: str) -> dict:
    """The sample's row of qc.tsv; what is not known is empty."""
    row = {name: meta.get(name) for name in ("sample", "patient", "timepoint", "day")}
    row |= {"status": status, "reason": reason, "identity": identity.get("verdict", "unchecked")}
    row |= {"identity_reason": identity.get("reason"), "sex": identity.get("sex")}
    row |= {"species": qc.get("species"), "quality": qc.get("verdict")}
    for name in ("cells_before", "cells_after", "median_umi", "median_genes", "median_pct_mito"):
        row[name] = qc.get(name)
    row |= {name: ambient.get(name) for name in ("contamination", "contamination_low", "contamination_high")}
    row["cells_before"] = qc.get("cells_before", read.get("n_cells"))
    row |= {"batch": meta.get("batch"), "chemistry": read.get("chemistry")}
    row["software"] = (read.get("software") or "").partition(".")[0]  # versions after the first point count alike
    row["mouse_cells"] = read.get("species_cells", {}).get("mouse")
    left_out = {**read.get("left_out", {}), **identity.get("left_out", {})}
    row["left_out"] = "; ".join(bare(text, row["sample"]) for _, text in sorted(left_out.items()))
    # The one place that says which libraries a sample has: those that were read, without what IDENTITY leaves out.
    row["libraries"] = " ".join(library for library in read.get("libraries", []) if library not in left_out)
    for library in ("BCR", "TCR"):
        overlap = read.get("overlap", {}).get(library, {})
        row[f"{library.lower()}_cells"] = overlap.get("vdj_cells")
        row[f"{library.lower()}_overlap"] = overlap.get("share")
    return row


def compare_references(genes: dict[str, tuple[str, ...]]) -> tuple[dict[str, tuple[str, str]], str | None]:
    """({sample: (level, text)}, why the run must stop or None) from the names of each sample's genes.

    Samples are compared with the set of names that most of them have. A few names more or less are a note;
    where less than half of the names are the same, nothing can be compared.
    """
    distinct = {names: frozenset(names) for names in genes.values()}
    sets = {sample: distinct[names] for sample, names in genes.items()}
    kinds = Counter(sets.values())
    usual = max(kinds, key=kinds.__getitem__, default=frozenset())
    first = next((sample for sample, names in sets.items() if names == usual), "")
    remarks: dict[str, tuple[str, str]] = {}
    for sample, mine in sets.items():
        shared = len(mine & usual)
        more = [name for name in genes[sample] if name not in usual]
        less = [name for name in genes[first] if name not in mine]
        if shared < 0.5 * min(len(mine), len(usual)):
            return remarks, (
                f"{first} and {sample} were counted with different references: of their {len(usual):,} and "
                f"{len(mine):,} genes only {shared:,} have the same name ({less[0]} is only in {first}, "
                f"{more[0]} only in {sample}); use one reference for all, or a samplesheet for each."
            )
        if len(more) + len(less) > FEW_GENES:
            text = f"its reference is not that of {first}: {shared:,} of its {len(mine):,} genes are there too"
            remarks[sample] = ("warning", f"{text}, and only these are compared; better use one for all")
        elif more or less:
            others = (("has", more), ("lacks", less))
            names = " and ".join(f"{what} {', '.join(names[:5])}" for what, names in others if names)
            remarks[sample] = ("note", f"its reference {names}, other than that of {first}")
    return remarks, None


def collect(
    samples: list[dict], facts: dict[str, dict], identity: dict, references: dict[str, tuple[str, str]]
) -> tuple[list[dict], list[dict]]:
    """(rows of qc.tsv, warnings), both for every sample of the sheet.

    facts: {"read": {sample: read.json}, "qc": {sample: qc.json}, "ambient": {sample: ambient.json}}; identity: identity.json's verdicts;
    references: of compare_references. Warnings are {level, sample, step, text}, the most severe first, then
    in the order of the sheet.
    """
    rows, warnings = [], []
    for meta in samples:
        name = meta["sample"]
        read, qc, match = facts["read"].get(name), facts["qc"].get(name), identity.get(name, {})
        ambient = facts["ambient"].get(name, {})
        status, step, reason = judge(name, read, qc, match)
        remarks = []
        if status == "failed":
            remarks.append(("error", step, reason))
        for origin, content in (("READ_CELLRANGER", read), ("QC", qc), ("AMBIENT", ambient)):
            for level in ("warning", "note"):
                remarks += [(level, origin, text) for text in (content or {}).get(f"{level}s", [])]
        if name in references:
            level, text = references[name]
            remarks.append((level, "SAMPLE_STATUS", text))
        for finding in match.get("findings", []):
            remarks.append(("note" if finding["level"] == "note" else "warning", "IDENTITY", finding["text"]))
        known = {reason}  # a failed sample's reason is not repeated as a warning
        for level, origin, text in remarks:
            text = bare(text, name)
            if level == "error" or text not in known:
                warnings.append({"level": level, "sample": name, "step": origin, "text": text})
                known.add(text)
        row = row_of(meta, read or {}, qc or {}, ambient, match, status, reason)
        row["reference"] = "" if not read else "other" if references.get(name, ("",))[0] == "warning" else "usual"
        rows.append(row | {"warnings": sum(warning["sample"] == name for warning in warnings)})
    umis = {name: qc.get("kept", {}).get("median_umi") for name, qc in facts["qc"].items()}
    warnings += over_time(samples, rows, umis)
    return rows, sorted(warnings, key=lambda warning: LEVELS.index(warning["level"]))


def over_time(samples: list[dict], rows: list[dict], umis: dict[str, float | None]) -> list[dict]:
    """Warnings on what changed with time in the making of each patient's main series: what was made otherwise, and the depth.

    rows: of qc.tsv; umis: median UMIs of the kept cells. Change over time may then come from there (methods/guards.md).
    """
    import pandas as pd

    design = {name: [meta.get(name) for meta in samples] for name in DESIGN}
    table = with_processing(pd.DataFrame(rows).assign(**design, umi=[umis.get(row["sample"]) for row in rows]))
    table = table[table["status"] == "pass"]
    if table.empty:
        return []
    table = with_series(table.assign(cells=table["cells_after"].fillna(0).astype(int), umi=table["umi"].astype(float)))
    found = []
    for patient, main in table[table["series"] == "main"].groupby("patient", sort=False):
        times = dict(iter(main.sort_values("day", kind="stable").groupby("timepoint", sort=False)))
        steps = {step: confounded(*(times[time] for time in step)) for step in pairwise(times)}
        for name in PROCESSING:
            where = [" to ".join(step) for step, apart in steps.items() if name in apart]
            if where:
                text = f"{name} changes with time ({', '.join(where)}): a change there is of time or of {name}, which cannot be told"
                found.append((patient, text))
        deepest = main.sort_values("umi").iloc[-1]
        for row in main[FOLD * main["umi"] < main["umi"].max()].to_dict("records"):
            text = f"its kept cells have {row['umi']:,.0f} UMIs (median), those of {deepest['sample']} {deepest['umi']:,.0f}"
            found.append((row["sample"], f"{text}: see where a change carries the caution depth"))
    return [{"level": "warning", "sample": name, "step": "SAMPLE_STATUS", "text": text} for name, text in found]


def species_problem(rows: list[dict]) -> str | None:
    """A sentence naming the samples by species, where a run has more than one."""
    groups: dict[str, list[str]] = {}
    for row in rows:
        if row["species"] not in NO_SPECIES:
            groups.setdefault(row["species"], []).append(row["sample"])
    if len(groups) < 2:
        return None
    named = "; ".join(f"{species} in {', '.join(names)}" for species, names in sorted(groups.items()))
    return f"The samplesheet mixes species ({named}): run each species with a samplesheet of its own."


def problem(rows: list[dict], strict_identity: bool) -> str | None:
    """Why no run can go on from here, or None; whether one goes on without its failed samples is the workflow's to say."""
    mixed = species_problem(rows)
    if mixed:
        return mixed
    doubtful = [row for row in rows if row["identity"] in ("warning", "fail")]
    if strict_identity and doubtful:
        doubts = "".join(f"\n  {row['sample']}: {row['identity_reason']}" for row in doubtful)
        return (
            f"The identity of {len(doubtful)} of {len(rows)} is in doubt, and --strict_identity is on; "
            f"correct the samplesheet, or turn it off.{doubts}"
        )
    if all(row["status"] == "failed" for row in rows):
        reasons = "".join(f"\n  {row['sample']}: {row['reason']}" for row in rows)
        return f"None of {len(rows)} samples can be used; correct the samplesheet or the thresholds.{reasons}"
    return None


def read_facts(paths: Iterable[Path]) -> dict[str, dict]:
    """{"read": {sample: facts}, "qc": .., "ambient": ..} from <sample>.read.json, <sample>.qc.json and <sample>.ambient.json."""
    facts: dict[str, dict] = {"read": {}, "qc": {}, "ambient": {}}
    for path in paths:
        kind = path.name.removesuffix(".json").rpartition(".")[2]
        if kind not in facts:
            raise InputError(f"{path}: no *.read.json, *.qc.json or *.ambient.json; give only these.")
        content = read_json(path)
        facts[kind][content["sample"]] = content
    return facts


def read_genes(paths: Iterable[Path]) -> dict[str, tuple[str, ...]]:
    """{sample: gene names} from <sample>.genes.parquet; equal names are in memory once."""
    from pyarrow import parquet

    genes: dict[str, tuple[str, ...]] = {}
    once: dict[tuple[str, ...], tuple[str, ...]] = {}
    for path in paths:
        names = tuple(parquet.read_table(path, columns=["gene"])["gene"].to_pylist())
        genes[path.name.removesuffix(".genes.parquet")] = once.setdefault(names, names)
    return genes


@command()
@click.argument("samples", type=FILE)
@click.argument("facts", nargs=-1, type=FILE)
@click.option("--identity", required=True, type=FILE, help="identity.json of the run.")
@click.option(
    "--genes",
    multiple=True,
    type=FILE,
    help="<sample>.genes.parquet of QC, whose names tell the reference; repeat for every sample.",
)
@click.option(
    "--strict-identity/--no-strict-identity", default=False, help="Stop at any doubt about which sample is whose."
)
def main(
    samples: Path, facts: tuple[Path, ...], identity: Path, genes: tuple[Path, ...], strict_identity: bool
) -> None:
    """Judge the SAMPLES of samples.tsv by their FACTS (*.read.json, *.qc.json, *.ambient.json): qc.tsv and warnings.json."""
    sheet, names = read_samples(samples).to_dict("records"), read_genes(genes)
    remarks, apart = compare_references(
        {row["sample"]: names[row["sample"]] for row in sheet if row["sample"] in names}
    )
    rows, warnings = collect(sheet, read_facts(facts), read_json(identity), remarks)
    stop = problem(rows, strict_identity) or apart
    if stop:
        raise InputError(stop)

    lines = [COLUMNS, *([cell(row[name]) for name in COLUMNS] for row in rows)]
    Path("qc.tsv").write_text("".join("\t".join(line) + "\n" for line in lines))
    write_json(warnings, "warnings.json")
    for warning in warnings:
        click.echo(f"{warning['level']}: {warning['sample']}: {warning['text']}", err=True)


if __name__ == "__main__":
    main()
