#!/usr/bin/env python3
"""The answer of a case in words: who carries each bulk clone, how it moves, what it carries, how sure that is.

A statement is a list of texts and numbers. A number names the table, the column and the rows it comes from, and a bound
also the rows it is a share of, so that the page can show its source and a test can compute it again.
"""

import json
from importlib.metadata import version
from pathlib import Path

import click

PACKAGES = ("click", "pandas")
FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
MANY = 20  # matched cells from which a carrier is called with high confidence
FEW = 3  # below it nobody is called the carrier
MAIN = 0.8  # share of the matched cells that one cell type has to hold for high confidence


def read(folder: Path, name: str, patient: str):
    """Rows of the patient in a table of the folder; None where there is no such table. Names are text: 28 and NA too."""
    import pandas as pd

    path = folder / name
    if not path.exists() or not path.stat().st_size:
        return None
    names = ("sample", "patient", "timepoint", "from", "to", "clone", "matched_clone", "population", "label", "parent", "stratum",
             "cell_type", "subset", "source", "target", "event", "kind")  # fmt: skip
    how = {
        "dtype": dict.fromkeys(names, str),
        "keep_default_na": False,
        "na_values": [""],
        "low_memory": False,
    }
    table = pd.read_csv(path, sep="\t", **how)
    return table[table["patient"] == patient] if "patient" in table else table


def number(table: str, rows, column: str, where: dict, kind: str = "count") -> dict:
    """A number of a statement: the sum of a column over the rows where the columns of `where` have these values."""
    chosen = rows
    for name, value in where.items():
        chosen = chosen[chosen[name] == value]
    value = float(chosen[column].sum()) if len(chosen) else 0.0
    text = f"{value:,.0f}" if kind == "count" else f"{100 * value:.3g} %"
    where = {name: value if isinstance(value, str | bool) else float(value) for name, value in where.items()}
    return {"value": value, "text": text, "table": table, "column": column, "where": where}


def bounds(table: str, rows, where: dict, per: tuple[str, dict], words: str = "") -> list:
    """` (low to high words)` of a sum of `n` as a share of another sum: Wilson 95 %; ` (at most high words)` for none.

    per: column and rows of what it is a share of. Where nothing was seen the bound is 1 - 0.05^(1/total).
    """
    n, total = (number(table, rows, column, rows_of)["value"] for column, rows_of in (("n", where), per))
    if not total:
        return []
    z2 = 1.959964**2
    middle, half = (
        n / total + z2 / (2 * total),
        (z2 * (n / total * (1 - n / total) / total + z2 / (4 * total**2))) ** 0.5,
    )
    found = {"low": (middle - half) / (1 + z2 / total), "high": min((middle + half) / (1 + z2 / total), 1.0)}
    found["high"] = found["high"] if n else 1 - 0.05 ** (1 / total)
    told = {
        side: number(table, rows, "n", where, "share")
        | {
            "value": value,
            "text": f"{100 * value:.3g} %",
            "bound": side,
            "per": {"column": per[0], "where": per[1]},
        }
        for side, value in found.items()
    }
    return (
        [" (", told["low"], " to ", told["high"], f"{words})"]
        if n
        else [" (at most ", told["high"], f"{words})"]
    )


def words(names) -> str:
    """`a`, `a and b`, `a, b and c`."""
    names = list(names)
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def plural(cell_type: str) -> str:
    """`plasma cells`, `CD4 T cells`, `B-ALL blasts`."""
    if cell_type.endswith((" T", " B", "NK", "unassigned")):
        return f"{cell_type} cells"
    return cell_type if cell_type.endswith("s") else f"{cell_type}s"


def interval(table: str, rows, where: dict, of: str = "") -> list:
    """` (low to high)` of one row, or ` (at most high)` where nothing was seen; of: what the columns' names begin with."""
    chosen = rows
    for name, value in where.items():
        chosen = chosen[chosen[name] == value]
    if chosen.empty or chosen[f"{of}high"].isna().all():
        return []
    high = number(table, rows, f"{of}high", where, "share")
    if not chosen[f"{of}n"].fillna(0).sum():
        return [" (at most ", high, ")"]
    return [" (", number(table, rows, f"{of}low", where, "share"), " to ", high, ")"]


def gone(cell_type: str, composition) -> list:
    """`; none of 7,557 cells at T2 (at most 0.04 %)`, for the time points after the last at which any was seen."""
    if composition is None:
        return []
    rows = composition[(composition["level"] == "cell_type") & (composition["label"] == cell_type)]
    rows = rows.sort_values("day", kind="stable")
    late = rows[rows["day"] > rows.loc[rows["n"] > 0, "day"].max()]
    if late.empty or late["timepoint"].duplicated().any():
        return []
    said = ["; none of "] if len(late) <= 2 else [f"; none at the {len(late)} later times: of "]
    for at, time in enumerate(late["timepoint"] if len(late) <= 2 else late["timepoint"].tail(1)):
        where = {"level": "cell_type", "label": cell_type, "timepoint": time}
        total = number("composition.tsv", rows, "total", where)
        said += [", " if at else "", total, f" cells at {time}"]
        said += interval("composition.tsv", rows, where)
    return said


def who(name: str, rows, source: str, composition) -> tuple[list, list, str, float]:
    """(on the cells that carry a bulk clone, on the next cell type, main cell type, its share); rows: of mrd.tsv."""
    by_type = rows.groupby("cell_type", sort=False)["n"].sum().sort_values(ascending=False, kind="stable")
    if not len(by_type) or not by_type.sum():
        told = [rows[name].iloc[0] for name in ("reason", "verdict")]
        reason = next((text for text in told if isinstance(text, str) and text), "no reason is given")
        verdict = str(told[1])
        return (
            [f"{verdict[0].upper()}{verdict[1:]}: ", reason.split(";")[0]],
            [],
            "",
            0.0,
        )  # the rest is evidence
    main, share = by_type.index[0], by_type.iloc[0] / by_type.sum()
    subject = f"{plural(main)[0].upper()}{plural(main)[1:]}"
    lead = subject if share >= 0.5 else f"Several cell types, most often {plural(main)}"
    mine, all_of_it = {"clone": name, "cell_type": main}, {"clone": name}
    said = [f"{lead}: ", number(source, rows, "n", mine), " of ", number(source, rows, "n", all_of_it)]
    said += [" matched cells", *bounds(source, rows, mine, ("n", all_of_it))]
    others, beside = (
        [other for other in by_type.index[1:] if "blast" in other] or list(by_type.index[1:2]),
        [],
    )
    for other in others[:1]:
        there = {"clone": name, "cell_type": other}
        beside = [
            f"{plural(other)[0].upper()}{plural(other)[1:]}: ",
            number(source, rows, "n", there),
            " of ",
        ]
        beside += [
            number(source, rows, "total", there),
            " with a receptor",
            *bounds(source, rows, there, ("total", there)),
            *gone(other, composition),
        ]
    return said, beside, main, float(share)


def moves(name: str, matched: str, curve, fates, patient: str) -> list:
    """Statement on the bulk curve and on the share of the single-cell clone at each time point."""
    said = []
    if curve is not None:
        mine, source = curve[curve["clone"] == name].sort_values("day"), f"{patient}.mrd_curve.tsv"
        if len(mine):
            peak = mine["fraction"].idxmax()
            told = mine[mine.index.isin([mine.index[0], peak, mine.index[-1]])]
            said += ["Bulk: "]
            for at, (_index, row) in enumerate(told.iterrows()):
                value = number(source, mine, "fraction", {"clone": name, "day": row["day"]}, "share")
                said += [
                    " to " if at else "",
                    value if row["fraction"] else "not seen",
                    f" (day {row['day']:.0f})",
                ]
            said.append(". ")
    rows = fates[fates["clone"] == matched] if fates is not None and matched else None
    if rows is not None and len(rows):
        source = f"{patient}.fates.tsv"
        said.append(f"Single cells: {fate_in_words(rows)}; ")
        seen = rows[rows["total"] > 0].sort_values("day")
        shown = seen if len(seen) <= 4 else seen.iloc[[0, len(seen) // 2, -1]]
        # Fates are judged within the clone's lineage where it was sampled: not every lineage shows its receptors alike.
        within = rows["basis"].iloc[0] != "all"
        of = "lineage_" if within else ""
        for at, row in enumerate(shown[shown[f"{of}total"] > 0].to_dict("records")):
            where = {"clone": matched, "timepoint": row["timepoint"]}
            said += [
                ", " if at else "",
                f"{row['timepoint']} ",
                number(source, rows, f"{of}share", where, "share"),
            ]
            said += interval(source, rows, where, of)
        cells = f"{rows['lineage'].iloc[0]} cells" if within else "cells"
        said.append(f" of {cells} with a {rows['receptor'].iloc[0]}.")
    return said or ["No bulk value and no single-cell clone to follow."]


def carries(matched: str, cnv, patient: str) -> list:
    """Statement on arms gained and lost by the single-cell clone."""
    if not matched:
        return ["Unknown: no cell of it is seen."]
    if cnv is None:
        return ["Not judged: arm gains and losses were not computed."]
    rows = cnv[(cnv["level"] == "population") & (cnv["population"] == matched)]
    if rows.empty:
        return ["Not judged: too few cells of the clone."]
    source, found, said = f"{patient}.cnv.tsv", rows[rows["verdict"] == "detected"], []
    for event in found.to_dict("records"):
        where = {name: event[name] for name in ("level", "population", "arm", "event")}
        share = number(source, cnv, "share", where, "share")
        said += [
            ", " if said else "",
            f"{event['arm']} {event['event']} in ",
            share,
            *interval(source, cnv, where),
        ]
    if not said:
        return ["No arm gained or lost by expression; smaller changes are not seen this way."]
    where = {
        "level": "population",
        "population": matched,
        "arm": found["arm"].iloc[0],
        "event": found["event"].iloc[0],
    }
    return [*said, " of ", number(source, cnv, "total", where), " cells"]


def fate_in_words(rows) -> str:
    """`lost`, `persistent and expanded`: the fate of a clone's rows, with the change of one that stayed."""
    fate, change = rows[["fate", "change"]].iloc[0]
    return f"{fate} and {change}" if fate == "persistent" and change != "not shown" else fate


def fate_of(matched: str, fates) -> str:
    """The fate of a clone in words; empty where FATES calls none."""
    rows = fates[fates["clone"] == matched] if fates is not None and matched else []
    return fate_in_words(rows) if len(rows) and rows["fate"].iloc[0] != "undetermined" else ""


def events_of(matched: str, cnv) -> list[str]:
    """`1q gain`, ... of the clone, as CNV detected them."""
    if cnv is None or not matched:
        return []
    rows = cnv[
        (cnv["level"] == "population") & (cnv["population"] == matched) & (cnv["verdict"] == "detected")
    ]
    return [f"{row['arm']} {row['event']}" for row in rows.to_dict("records")]


def confidence(rows, n: float, share: float) -> tuple[str, list[str]]:
    """(high, moderate, low or none; why) for the carrier of a bulk clone, from its rows of mrd.tsv."""
    first = rows.iloc[0]
    exact = first["distance"] == 0
    apart = f", {first['distance']:.0f} differences" if first["distance"] == first["distance"] else ""
    why = [f"matched by {first['matched_by']}{apart}"] if n else []
    why += [] if n else [text.strip() for text in str(first["reason"]).split(";")[1:]]
    agreement = str(first["agreement"]) if first["agreement"] == first["agreement"] else ""
    why += [text for text in (agreement, str(first["reason"])) if n and text not in ("", "nan")]
    if n < FEW:
        return ("low" if n else "none"), why
    together = agreement.split(" ")[0] == agreement.split(" ")[2:3][0] if " of " in agreement else False
    return ("high" if exact and n >= MANY and share >= MAIN and together else "moderate"), why


def build(folder: Path, patient: str) -> dict:
    """The whole answer: headline, one entry per bulk clone, warnings."""
    tables = {name: read(folder, f"{patient}.{name}.tsv", patient) for name in
              ("mrd", "mrd_curve", "fates", "cnv")}  # fmt: skip
    composition = read(folder, "composition.tsv", patient)
    mrd, source, entries = tables["mrd"], f"{patient}.mrd.tsv", []
    for name in [] if mrd is None else list(dict.fromkeys(mrd["clone"].astype(str))):
        rows = mrd[mrd["clone"].astype(str) == name]
        matched = rows["matched_clone"].iloc[0]
        matched = matched if isinstance(matched, str) else ""
        said, beside, main, share = who(name, rows, source, composition)
        level, why = confidence(rows, rows["n"].sum(), share)
        label = rows["label"].iloc[0]
        entries.append({
            "clone": name, "locus": str(rows["locus"].iloc[0]), "matched": matched, "main_share": share,
            "fate": fate_of(matched, tables["fates"]), "events": events_of(matched, tables["cnv"]),
            "label": label if isinstance(label, str) else "", "carrier": main if rows["n"].sum() >= FEW else "",
            "who": said, "beside": beside, "moves": moves(name, matched, tables["mrd_curve"], tables["fates"], patient),
            "carries": carries(matched, tables["cnv"], patient),
            "confidence": level, "why": why, "verdict": str(rows["verdict"].iloc[0])
        })  # fmt: skip
    warnings = (
        json.loads((folder / "warnings.json").read_text()) if (folder / "warnings.json").exists() else []
    )
    return {
        "patient": patient, "headline": headline(entries), "clones": entries, "warnings": warnings,
    }  # fmt: skip


def headline(entries: list[dict]) -> str:
    """One or two sentences that name the carriers."""
    if not entries:
        return (
            "No bulk MRD table was given: the page shows cells, clones and signals without the bulk question."
        )
    carriers: dict[tuple, list[dict]] = {}
    for entry in entries:
        if entry["carrier"]:
            carriers.setdefault(
                (entry["carrier"], entry["main_share"] >= 0.5, entry["confidence"] == "high"), []
            ).append(entry)
    said = []
    for (main, most, sure), group in carriers.items():
        names, load = (
            words(entry["clone"] for entry in group),
            words(dict.fromkeys(x for entry in group for x in entry["events"])),
        )
        fate = {entry["fate"] for entry in group}
        about = [next(iter(fate))] if len(fate) == 1 and "" not in fate else []
        about += [f"with {load}"] if load else []
        subject = f"{plural(main)[0].upper()}{plural(main)[1:]}"
        lead = (
            f"{subject} carry {names}"
            if sure
            else f"{subject} probably carry {names} (confidence {group[0]['confidence']})"
        )
        lead = lead if most else f"Several cell types show {names}, most often {plural(main)}"
        said.append(f"{lead}: {', '.join(about)}." if about else f"{lead}.")
    few = [entry["clone"] for entry in entries if not entry["carrier"] and entry["matched"]]
    unmatched = [entry for entry in entries if not entry["carrier"] and not entry["matched"]]
    hidden = [entry["clone"] for entry in unmatched if entry["verdict"].startswith("cannot")]
    none = [entry["clone"] for entry in unmatched if entry["clone"] not in hidden]
    said += [f"{words(few)}: seen in too few cells to name a carrier."] if few else []
    said += [f"{words(hidden)}: cannot be looked for in these single cells."] if hidden else []
    said += [f"{words(none)}: not seen in single cells, which is not the same as absent."] if none else []
    return " ".join(said)


@click.command()
@click.argument("results", type=FOLDER)
@click.option("--patient", required=True, help="Name of the patient.")
@click.version_option(" ".join(f"{name}={version(name)}" for name in PACKAGES), message="%(version)s")
def main(results, patient):
    """State the answer of a PATIENT from the tables of the folder RESULTS, whichever of them are there."""
    answer = build(results, patient)
    Path(f"{patient}.answer.json").write_text(json.dumps(answer, indent=1, allow_nan=False) + "\n")


if __name__ == "__main__":
    main()
