#!/usr/bin/env python3
"""One page over all patients of a run: their answers side by side, their cells over time, what differs, links."""

from html import escape
from pathlib import Path

from _cli import FILE, FOLDER, command, read_json
from _page import raw, render
from _results import read_colours, read_rows
from _series import with_series, without_products
from _tables import read_text_table
from _words import percent

import click

WIDE, TALL = 250, 130  # of a small multiple
TYPES = 12  # cell types drawn
CERTAIN = 0.05  # false discovery rate up to which a difference is listed


def plain(statement: list) -> str:
    """A statement without the sources of its numbers."""
    return "".join(part if isinstance(part, str) else part["text"] for part in statement)


def patient_row(answer: dict, samples, failed: set[str]) -> dict:
    """What the page's table says about a patient: time points, what goes first and headline, carriers with confidence, warnings."""
    mine = samples[samples["patient"] == answer["patient"]].sort_values("day", kind="stable")
    names = {*mine["sample"], answer["patient"]}
    return {
        "patient": answer["patient"],
        "times": [*dict.fromkeys(f"{row.timepoint} (day {row.day})" for row in without_products(mine).itertuples())],
        "not_compared": answer.get("not_compared", ""), "lacking": " ".join(answer.get("lacking", [])),
        "cautions": " ".join(map(plain, answer.get("cautions", []))),
        "failed": sorted(names & failed),
        "headline": " ".join([*map(plain, answer.get("first", [])), answer["headline"]]),
        "clones": [{"name": entry["clone"], "carrier": entry["carrier"] or "not named", "confidence": entry["confidence"]}
                   for entry in answer["clones"]],
        "warnings": sum(warning.get("sample") in names and warning["level"] != "note" for warning in answer["warnings"]),
    }  # fmt: skip


def panel(title: str, rows, colours: dict[str, str], span: tuple[float, float]) -> str:
    """A small SVG: share of one cell type over days, one line per patient with its 95 % interval."""
    top = max(float(rows["high"].max()), 1e-6)
    low, high = span

    def x(day):
        return 40 + (day - low) / ((high - low) or 1) * (WIDE - 56)

    def y(share):
        return TALL - 24 - share / top * (TALL - 54)

    drawn, ends = "", []
    for patient, part in rows.groupby("patient", sort=False):
        part, colour = part.sort_values("day", kind="stable"), colours[patient]
        points = " ".join(f"{x(row.day):.1f},{y(row.share):.1f}" for row in part.itertuples())
        drawn += f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
        for row in part.itertuples():
            label = f"{patient}, day {row.day}: {percent(row.share)} ({100 * row.low:.3g} to {100 * row.high:.3g})"
            drawn += f'<line x1="{x(row.day):.1f}" x2="{x(row.day):.1f}" y1="{y(row.low):.1f}" y2="{y(row.high):.1f}" stroke="{colour}"/>'
            drawn += f'<circle cx="{x(row.day):.1f}" cy="{y(row.share):.1f}" r="3" fill="{colour}"><title>{escape(label)}</title></circle>'
        ends.append(f"{patient} {percent(part['share'].iloc[0])} to {percent(part['share'].iloc[-1])}")
    small = 'font-size="10" fill="#555555"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {TALL}" role="img" font-family="Helvetica, Arial, sans-serif">'
        f"<title>{escape(title)}</title><desc>{escape('; '.join(ends))}</desc>"
        f'<text x="8" y="16" font-size="12" font-weight="bold">{escape(title[:36])}</text>'
        f'<text x="36" y="34" text-anchor="end" {small}>{percent(top)}</text><text x="36" y="{TALL - 20}" text-anchor="end" {small}>0 %</text>'
        f'<line x1="40" x2="{WIDE - 16}" y1="{TALL - 24}" y2="{TALL - 24}" stroke="#555555"/>'
        f'<text x="40" y="{TALL - 8}" {small}>{low:.0f}</text><text x="{WIDE - 16}" y="{TALL - 8}" text-anchor="end" {small}>{high:.0f}</text>'
        f"{drawn}</svg>"
    )


def panels(composition, colours: dict[str, str]) -> list[str]:
    """Small multiples of the cell types that reach most in any patient; of each patient's main series."""
    samples = composition.drop_duplicates(["sample", "level", "parent"]).groupby("sample")["total"].max()
    of_sample = composition.drop_duplicates("sample")
    series = with_series(of_sample.assign(cells=of_sample["sample"].map(samples)))
    composition = composition[composition["sample"].isin(series.loc[series["series"] == "main", "sample"])]
    rows = composition[(composition["level"] == "cell_type") & composition["share"].notna()]
    if rows.empty:
        return []
    rows = rows.sort_values(["patient", "day"], kind="stable")
    span = float(rows["day"].min()), float(rows["day"].max())
    largest = rows.groupby("label")["share"].max().sort_values(ascending=False, kind="stable")
    return [panel(name, rows[rows["label"] == name], colours, span) for name in largest.head(TYPES).index]


def differences(table) -> tuple[list[str], list[list[str]], int]:
    """(column names, rows, number of tests) of the differential abundance below the false discovery rate."""
    if table is None:
        return [], [], 0
    named = next((name for name in ("fdr", "q_value", "padj") if name in table), None)
    table = table[table[named].notna()] if named else table
    kept = table[table[named] <= CERTAIN].sort_values(named, kind="stable") if named else table
    rows = [
        [f"{value:.4g}" if isinstance(value, float) else str(value) for value in row]
        for row in kept.to_numpy(object).tolist()
    ]
    return list(table.columns), rows, len(table)


@command()
@click.argument("answers", nargs=-1, required=True, type=FILE)
@click.option(
    "--tables", required=True, type=FOLDER, help="samples.tsv, qc.tsv, composition.tsv, differential_abundance.tsv."
)
@click.option("--failures", required=True, type=FILE, help="Failed steps of the run: step, of, reason.")
@click.option("--colours", required=True, type=FILE, help="Table: level, label, colour.")
@click.option("--assets", required=True, type=FOLDER, help="Folder with cohort.html.j2 and case.css.")
def main(answers: tuple[Path, ...], tables: Path, failures: Path, colours: Path, assets: Path) -> None:
    """Put the ANSWERS (<patient>.answer.json) of a run's patients side by side."""
    series = list(read_colours(colours)["series"].values())
    samples, status = read_rows(tables, "samples.tsv"), read_rows(tables, "qc.tsv")
    failed = set() if status is None else set(status.loc[status["status"] == "failed", "sample"])
    in_order = sorted(map(read_json, answers), key=lambda answer: answer["patient"])
    colour_of = {answer["patient"]: series[at % len(series)] for at, answer in enumerate(in_order)}
    composition = read_rows(tables, "composition.tsv")
    columns, rows, tests = differences(read_rows(tables, "differential_abundance.tsv"))
    page = render(
        assets, "cohort.html.j2", css=raw((assets / "case.css").read_text()), colours=colour_of, columns=columns,
        failures=read_text_table(failures).to_dict("records"), patients=[patient_row(answer, samples, failed) for answer in in_order], differences=rows, tests=tests,
        panels=[] if composition is None else [raw(svg) for svg in panels(composition, colour_of)],
    )  # fmt: skip
    Path("cohort_report.html").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
