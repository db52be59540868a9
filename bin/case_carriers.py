#!/usr/bin/env python3
"""Who carries each bulk clone, in which subsets, and how sure that is, in words.

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
SUBSET = 10  # cells with a receptor of a subset and time from which it is spoken of


def read(folder: Path, name: str, patient: str):
    """Rows of the patient in a table of the folder; None where there is no such table or no row. Names are text: 28 and NA too."""
    import pandas as pd

    path = folder / name
    if not path.exists() or not path.stat().st_size:
        return None
    names = ("sample", "patient", "timepoint", "from", "to", "clone", "matched_clone", "population", "label", "parent", "stratum",
             "cell_type", "subset", "source", "target", "event", "kind", "parameter", "unit", "probe", "region", "abnormality",
             "arm", "verdict", "words")  # fmt: skip
    how = {"dtype": dict.fromkeys(names, str), "keep_default_na": False, "na_values": [""]}
    table = pd.read_csv(path, sep="\t", low_memory=False, **how)
    table = table[table["patient"] == patient] if "patient" in table else table
    return table if len(table) else None


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


def subsets(matched: str, cell_type: str, cells, source: str) -> list:
    """Statement on the carrier's subsets at the last time at which any shows the clone: its cells among those with a receptor.

    cells: clone_cells.tsv, which has rows only where a clone has cells; the total stands beside any clone of a subset.
    """
    if cells is None or not matched or not cell_type:
        return []
    here = cells[
        (cells["cell_type"] == cell_type)
        & (cells["receptor"] == cells.loc[cells["clone"] == matched, "receptor"].max())
    ]
    small = here[here["total"] < SUBSET]
    here = here[here["total"] >= SUBSET]
    mine = here[here["clone"] == matched]
    if mine.empty:
        return []
    last = mine.loc[mine["day"].idxmax()]
    here = here[(here["day"] == last["day"]) & (here["timepoint"] == last["timepoint"])]
    held = here[here["clone"] == matched].set_index("subset")["n"]
    names = sorted(dict.fromkeys(here["subset"].dropna()), key=lambda name: (-held.get(name, 0), name))
    if len(names) < 2:
        return []
    said = [f"The clone's share of each subset at {last['timepoint']}, of cells with a {last['receptor']}: "]
    for at, name in enumerate(names):
        where = {"receptor": last["receptor"], "clone": matched, "timepoint": last["timepoint"],
                 "cell_type": cell_type, "subset": name}  # fmt: skip
        other = where | {"clone": here.loc[here["subset"] == name, "clone"].iloc[0]}
        said += [", " if at else "", f"{name} "]
        if name in held:
            said += [number(source, here, "n", where), " of ", number(source, here, "total", where)]
            said += interval(source, here, where)
        else:
            said += ["none of ", number(source, here, "total", other)]
            said += bounds(source, here, where, ("total", other))
    few = small[(small["day"] == last["day"]) & (small["timepoint"] == last["timepoint"])]["subset"].nunique()
    said += [f"; {few} more with fewer than {SUBSET} such cells"] if few else []
    return said


def build(folder: Path, patient: str) -> list[dict]:
    """One entry per bulk clone, in the order of mrd.tsv."""
    composition, cells = (
        read(folder, name, patient) for name in ("composition.tsv", f"{patient}.clone_cells.tsv")
    )
    mrd, source, entries = read(folder, f"{patient}.mrd.tsv", patient), f"{patient}.mrd.tsv", []
    for name in [] if mrd is None else list(dict.fromkeys(mrd["clone"])):
        rows = mrd[mrd["clone"] == name]
        matched, label = (
            value if isinstance(value, str) else "" for value in rows[["matched_clone", "label"]].iloc[0]
        )
        said, beside, main, share = who(name, rows, source, composition)
        level, why = confidence(rows, rows["n"].sum(), share)
        carrier = main if rows["n"].sum() >= FEW else ""
        entries.append({
            "clone": name, "locus": str(rows["locus"].iloc[0]), "matched": matched, "main_share": share, "label": label,
            "carrier": carrier, "who": said, "beside": beside, "subsets": subsets(matched, carrier, cells, f"{patient}.clone_cells.tsv"),
            "confidence": level, "why": why, "verdict": str(rows["verdict"].iloc[0])
        })  # fmt: skip
    return entries


@click.command()
@click.argument("results", type=FOLDER)
@click.option("--patient", required=True, help="Name of the patient.")
@click.version_option(" ".join(f"{name}={version(name)}" for name in PACKAGES), message="%(version)s")
def main(results, patient):
    """State who carries the bulk clones of a PATIENT from the tables of the folder RESULTS, whichever of them are there."""
    Path(f"{patient}.carriers.json").write_text(
        json.dumps(build(results, patient), indent=1, allow_nan=False) + "\n"
    )


if __name__ == "__main__":
    main()
