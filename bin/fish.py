#!/usr/bin/env python3
"""FISH next to single cells: each probe's band on its arm, both shares, and whether they agree."""

import re
from pathlib import Path

from _cli import FILE, command, multiqc_section, write_json
from _tables import read_table, write_table

import click
import numpy as np

BALANCED = r"(?i)rearrang|transloc|fusion|split|break|invers|\bt\(|::|\binv\("
KINDS = (("gain", r"(?i)gain|ampl|dup|tri|tetra|extra|\+"), ("loss", r"(?i)del|loss|lost|mono|-"))
FOCAL = r"(?i)\b(focal|micro|intragenic|cryptic|exon)"  # of one gene or less
SIZE = r"(?i)([\d.]+)\s*(mb|kb)\b"
BAND = r"(?:chr)?(\d{1,2}|[XY])\s*([pq]?)[\d.]*"
SEPARATION = 1.5  # standard deviations that part of an arm needs to be seen in one cell
COLUMNS = """patient day probe region abnormality percent arm event population timepoint timepoint_day n total
share low high difference genes mb least_genes least_mb verdict words"""


def read_probe(region: str, abnormality: str) -> tuple[list[str], str | None, str]:
    """(arms, gain or loss or None, why not) of a probe, from band (`1q21`, `13q14.2`, `7`) and finding."""
    band = re.match(BAND, region.strip())
    if re.search(BALANCED, abnormality):
        return [], None, "a balanced rearrangement moves no dose of expression"
    event = next((name for name, pattern in KINDS if re.search(pattern, abnormality)), None)
    if event is None:
        return [], None, f"'{abnormality}' is neither a gain nor a loss"
    if not band:
        return [], None, f"'{region}' is not a chromosome band like 1q21"
    chromosome, arm = band.groups()
    if not chromosome.isdigit():
        return [], None, "sex chromosomes are not scored"
    return [chromosome + side for side in ([arm] if arm else "pq")], event, ""


def extent(abnormality: str) -> float:
    """Mb of an event where the finding states them (`deletion, 1.5 Mb`), 0 of a focal one, else NaN."""
    size = re.search(SIZE, abnormality)
    if size:
        return float(size[1]) / (1000 if size[2].lower() == "kb" else 1)
    return 0.0 if re.search(FOCAL, abnormality) else float("nan")


def read_regions(region: str, abnormality: str) -> dict[str, tuple[list[str], str | None, str]]:
    """What read_probe says of each band of a region with several (`1p32/1q21`); bands of one arm stay together."""
    regions = {}
    for band in re.split(r"\s*[;/]\s*", region.strip(" ;/")):
        arms, event, reason = read_probe(band, abnormality)
        regions.setdefault((tuple(arms), event, reason), []).append(band)
    return {"/".join(bands): (list(arms), event, reason) for (arms, event, reason), bands in regions.items()}


def measured(table, arms: list[str], event: str, day: float) -> dict:
    """The single-cell result to hold against a probe: population, time point, share, resolution.

    Of the populations not known to be normal: the one with most altered cells, else the largest that carries
    other events. A detected event is read at the probe's day where that was sampled, else over all days.
    """
    fits = table[(table.level == "population") & table.arm.isin(arms) & (table.event == event) & ~table.normal]
    fits = fits[fits.verdict != "not assessable"]
    if fits.empty:
        return {}
    carriers = set(table.population[(table.level == "population") & (table.verdict == "detected")])
    order = fits.assign(
        detected=fits.verdict == "detected",
        named=~fits.population.str.endswith("without receptor"),
        carrier=fits.population.isin(carriers),
        n=fits.n.fillna(0),
    )
    best = order.sort_values(["detected", "named", "carrier", "n", "total", "separation"]).iloc[-1]
    result = {"arm": best.arm, "event": event, "population": best.population, "timepoint": "all"}
    result |= {"genes": best.scored_genes, "mb": best.mb, "seen": best.verdict == "detected"}
    fraction = min(1.0, (SEPARATION / best.separation) ** 2)
    result |= {"least_genes": np.ceil(fraction * best.scored_genes), "least_mb": fraction * best.mb}
    row = best
    if result["seen"]:
        same = (table.population == best.population) & (table.arm == best.arm) & (table.event == event)
        times = table[same & (table.level == "timepoint")]
        if (times.day == day).any():
            row = times[times.day == day].iloc[0]
            result |= {"timepoint": row.stratum, "timepoint_day": row.day}
    return result | {name: row[name] for name in ("n", "total", "share", "low", "high")}


def compare(percent: float, mb: float, result: dict, cutoff: float, tolerance: float) -> tuple[str, str]:
    """(verdict, words) of a probe's percentage, the size of its event (NaN: not stated) and the single-cell share."""
    share, low, high = (100 * result[name] for name in ("share", "low", "high"))
    least = f"an event smaller than {result['least_mb']:.0f} Mb or {result['least_genes']:.0f} scored genes"
    if mb < result["least_mb"]:
        return "not assessable", f"{least} of {result['arm']} is not seen, and this one is stated as smaller"
    if percent >= cutoff and result["seen"]:
        apart = share - percent
        if abs(apart) <= tolerance or low <= percent <= high:
            return "agrees", f"{share:.1f} % of cells beside {percent:g} %"
        side = "more" if apart > 0 else "fewer"
        return "differs", f"both see it, single cells in {abs(apart):.1f} points {side}"
    if percent >= cutoff:
        return "FISH only", f"not seen in single cells, at most {high:.1f} %; {least} would be missed"
    if result["seen"]:
        return "single cells only", f"{share:.1f} % of cells (from {low:.1f} %) where FISH saw {percent:g} %"
    return "agrees", f"neither sees it; single cells allow at most {high:.1f} %; {least} would be missed"


def beside(probes, table, patient: str, cutoff: float, tolerance: float) -> list[dict]:
    """One row per probe and arm that it looks at, and one per single-cell event that no probe looked at."""
    rows = []
    looked_at = [
        (given, region, *read)
        for given in probes.to_dict("records")
        for region, read in read_regions(str(given["region"]), str(given["abnormality"])).items()
    ]
    for probe, region, arms, event, reason in looked_at:
        row = {name: probe[name] for name in ("day", "probe", "abnormality", "percent")} | {"region": region}
        result = measured(table, arms, event, probe["day"]) if event else {}
        row |= {"event": event, "arm": " ".join(arms)} | result
        if not event or not result:
            row["verdict"] = "not assessable"
            row["words"] = reason or f"too little is expressed on {' and '.join(arms)}"
        elif probe["percent"] != probe["percent"]:
            row |= {"verdict": "no FISH result", "words": "the table gives no percentage"}
        else:
            mb = extent(str(probe["abnormality"]))
            row["verdict"], row["words"] = compare(probe["percent"], mb, result, cutoff, tolerance)
            if row["verdict"] == "not assessable":
                row |= dict.fromkeys(("n", "total", "share", "low", "high"))  # of the arm, not of the event
            if region != str(probe["region"]).strip():
                row["words"] += f"; FISH gives one percentage for {probe['region']}"
        rows.append(row)
    events = table[(table.level == "population") & (table.verdict == "detected") & ~table.normal]
    events = events[~events.population.str.endswith("without receptor")]
    probed = {(arm, row["event"]) for row in rows for arm in row["arm"].split()}
    for event in events.to_dict("records"):
        if (event["arm"], event["event"]) not in probed:
            row = {name: event[name] for name in ("arm", "event", "population", "n", "total", "share", "low", "high")}
            row |= {"timepoint": "all", "genes": event["scored_genes"], "mb": event["mb"]}
            rows.append(row | {"verdict": "no probe", "words": "seen in single cells; FISH did not look there"})
    return [{"patient": patient} | row for row in rows]


@command()
@click.argument("cnv", type=FILE)
@click.option("--patient", required=True, help="Name of the patient; outputs are called after it.")
@click.option("--fish", required=True, type=FILE, help="Table: patient, day, probe, region, abnormality, percent.")
@click.option("--cutoff", default=5.0, help="Percentage from which on FISH is positive.")
@click.option("--tolerance", default=10.0, help="Points of difference within which the two agree.")
def main(cnv: Path, patient: str, fish: Path, cutoff: float, tolerance: float) -> None:
    """Compare a patient's FISH results with CNV (the patient's cnv.tsv)."""
    import pandas as pd

    probes = read_table(fish)
    for name in ("day", "percent"):
        probes[name] = pd.to_numeric(probes[name], errors="coerce")
    rows = beside(probes[probes.patient == patient], read_table(cnv), patient, cutoff, tolerance)
    out = pd.DataFrame(rows).reindex(columns=COLUMNS.split())
    out["difference"] = 100 * out.share - out.percent
    write_table(out, f"{patient}.fish.tsv", 4)
    # A probe may be read on several days and several bands. MultiQC takes a slash for a path.
    parts = [out.probe, out.region.fillna(out.arm), out.abnormality.fillna(out.event), out.day.map("day {:g}".format)]
    named = [" ".join(str(part) for part in row if part == part) for row in zip(*parts, strict=True)]
    names = [f"{patient} {name}".removesuffix(" day nan").replace("/", " and ") for name in named]
    shown = out[["region", "percent", "share", "verdict", "words"]].astype(object)
    data = dict(zip(names, shown.where(shown.notna(), "").to_dict("records"), strict=True))
    words = "What FISH and the expression of single cells say about the same arm."
    write_json(multiqc_section("fish", "FISH and single cells", words, "table", data), f"{patient}.fish_mqc.json")


if __name__ == "__main__":
    main()
