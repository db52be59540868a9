#!/usr/bin/env python3
"""FISH next to single cells: each probe's band on its arm, both shares, and whether they agree."""

from pathlib import Path

from _cli import FILE, command, multiqc_section, write_json
from _fish_places import read_places
from _fish_text import BALANCED_ONLY, CUTOFF, extent, read_row
from _fish_words import Words
from _tables import read_table, write_table

import click
import numpy as np

SEPARATION = 1.5  # standard deviations that part of an arm needs to be seen in one cell
COLUMNS = """patient day probe region abnormality percent arm event population timepoint timepoint_day n total
share low high difference genes mb least_genes least_mb verdict words"""


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


def beside(probes, table, patient: str, words: Words, cutoff: float, tolerance: float) -> list[dict]:
    """One row per probe and arm that it looks at, and one per single-cell event that no probe looked at."""
    rows = []
    looked_at = [
        (given, region, *read)
        for given in probes.to_dict("records")
        for region, read in read_row(*(str(given[name]) for name in ("region", "abnormality", "probe")), words).items()
    ]
    for probe, region, arms, event, reason, negated in looked_at:
        row = {name: probe[name] for name in ("day", "probe", "abnormality", "percent")} | {"region": region}
        result = measured(table, arms, event, probe["day"]) if event else {}
        row |= {"event": event, "arm": " ".join(arms)} | result
        if not event or not result:
            row["verdict"] = "not assessable"
            row["words"] = reason or f"too little is expressed on {' and '.join(arms)}"
        elif probe["percent"] != probe["percent"]:
            row |= {"verdict": "no FISH result", "words": "the table gives no percentage"}
        elif negated and probe["percent"] >= cutoff:
            said = f"'{probe['abnormality']}' says that it is not there, the percentage that it is"
            row |= {"verdict": "not assessable", "words": said}
        elif probe.get("limit", 0) > cutoff:
            unsure = (
                f"FISH gives only that it is below {probe['limit']:g} %, which may be above its cutoff of {cutoff:g} %"
            )
            row |= {"verdict": "no FISH result", "words": unsure}
        else:
            mb = extent(str(probe["abnormality"]), words)
            row["verdict"], row["words"] = compare(probe["percent"], mb, result, cutoff, tolerance)
            if row["verdict"] == "not assessable":
                row |= dict.fromkeys(("n", "total", "share", "low", "high"))  # of the arm, not of the event
            if probe.get("limit", 0) > 0:
                row["words"] += f"; FISH gives it as below {probe['limit']:g} %"
            if region != str(probe["region"]).strip():
                row["words"] += f"; FISH gives one percentage for {probe['region']}"
        rows.append(row)
    events = table[(table.level == "population") & (table.verdict == "detected") & ~table.normal]
    events = events[~events.population.str.endswith("without receptor")]
    probed = {(arm, row["event"]) for row in rows for arm in row["arm"].split()}
    unread = {
        locus.chromosome + arm
        for _, region, _, event, reason, _ in looked_at if event is None and reason != BALANCED_ONLY
        for locus in (read_places(region) or {}).values() for arm in locus.arm or "pq"
    }  # fmt: skip
    for event in events.to_dict("records"):
        if (event["arm"], event["event"]) not in probed:
            row = {name: event[name] for name in ("arm", "event", "population", "n", "total", "share", "low", "high")}
            row |= {"timepoint": "all", "genes": event["scored_genes"], "mb": event["mb"]}
            said = {"verdict": "no probe", "words": "seen in single cells; FISH did not look there"}
            if event["arm"] in unread:
                said = {
                    "verdict": "no FISH result",
                    "words": "seen in single cells; what FISH says of this arm is not read",
                }
            rows.append(row | said)
    return [{"patient": patient} | row for row in rows]


@command()
@click.argument("cnv", type=FILE)
@click.option("--patient", required=True, help="Name of the patient; outputs are called after it.")
@click.option("--fish", required=True, type=FILE, help="Table: patient, day, probe, region, abnormality, percent.")
@click.option("--words", required=True, type=FILE, help="Words of FISH reports and their meanings (TSV).")
@click.option("--cutoff", default=CUTOFF, help="Percentage from which on FISH is positive.")
@click.option("--tolerance", default=10.0, help="Points of difference within which the two agree.")
def main(cnv: Path, patient: str, fish: Path, words: Path, cutoff: float, tolerance: float) -> None:
    """Compare a patient's FISH results with CNV (the patient's cnv.tsv)."""
    import pandas as pd

    probes = read_table(fish)
    for name in {"day", "percent", "limit"} & set(probes):
        probes[name] = pd.to_numeric(probes[name], errors="coerce")
    rows = beside(probes[probes.patient == patient], read_table(cnv), patient, Words(words), cutoff, tolerance)
    out = pd.DataFrame(rows).reindex(columns=COLUMNS.split())
    out["difference"] = 100 * out.share - out.percent
    write_table(out, f"{patient}.fish.tsv", 4)
    # A probe may be read on several days and several bands.
    parts = [out.probe, out.region.fillna(out.arm), out.abnormality.fillna(out.event), out.day.map("day {:g}".format)]
    named = [" ".join(str(part) for part in row if part == part) for row in zip(*parts, strict=True)]
    names = [f"{patient} {name}".removesuffix(" day nan") for name in named]
    shown = out[["region", "percent", "share", "verdict", "words"]].astype(object)
    data = dict(zip(names, shown.where(shown.notna(), "").to_dict("records"), strict=True))
    about = "What FISH and the expression of single cells say about the same arm."
    write_json(multiqc_section("fish", "FISH and single cells", about, "table", data), f"{patient}.fish_mqc.json")


if __name__ == "__main__":
    main()
