#!/usr/bin/env python3
"""Who carries each bulk clone, in which subsets, and how sure that is, in words."""

from dataclasses import replace

from _cautions import names_in_doubt
from _guards import MORE
from _results import Case
from _statements import Statement, bounds, interval, number, rows_where
from _words import capitalised, plural

MANY = 20  # matched cells from which a carrier is called with high confidence
FEW = 3  # below it nobody is called the carrier
MAIN = 0.8  # share of the matched cells that one cell type has to hold for high confidence
SUBSET = 10  # cells with a receptor of a subset and time from which it is spoken of


def gone(cell_type: str, composition, design: dict[str, str]) -> Statement:
    """`; none of 7,557 cells at T2 (at most 0.04 %)`, for the time points after the last at which any was seen.

    composition: composition.tsv of the main series; design: its tissue and sort, {} where the patient has no other.
    """
    if composition is None:
        return []
    rows = composition[(composition["level"] == "cell_type") & (composition["label"] == cell_type)]
    rows = rows.sort_values("day", kind="stable")
    late = rows[rows["day"] > rows.loc[rows["n"] > 0, "day"].max()]
    if late.empty or late["timepoint"].duplicated().any():
        return []
    statement = ["; none of "] if len(late) <= 2 else [f"; none at the {len(late)} later times: of "]
    for at, time in enumerate(late["timepoint"] if len(late) <= 2 else late["timepoint"].tail(1)):
        where = {"level": "cell_type", "label": cell_type, "timepoint": time} | design
        total = number("composition.tsv", rows, "total", where)
        statement += [", " if at else "", total, f" cells at {time}"]
        statement += interval("composition.tsv", rows, where)
    return statement


def who(clone: str, rows, source: str, composition, design: dict[str, str]) -> tuple[Statement, Statement, str, float]:
    """(on the cells that carry a bulk clone, on the next cell type, main cell type, its share); rows: of mrd.tsv.

    Carriers are of all samples; the share of the next type is of the main series (design: as in gone).
    """
    by_type = rows.groupby("cell_type", sort=False)["n"].sum().sort_values(ascending=False, kind="stable")
    if not len(by_type) or not by_type.sum():
        return [capitalised(str(rows["verdict"].iloc[0]))], [], "", 0.0
    main, share = by_type.index[0], by_type.iloc[0] / by_type.sum()
    lead = capitalised(plural(main)) if share >= 0.5 else f"Several cell types, most often {plural(main)}"
    of_main, of_clone = {"clone": clone, "cell_type": main}, {"clone": clone}
    carriers = [f"{lead}: ", number(source, rows, "n", of_main), " of ", number(source, rows, "n", of_clone)]
    carriers += [" matched cells", *bounds(source, rows, of_main, ("n", of_clone))]
    blasts = [other for other in by_type.index[1:] if "blast" in other]
    others: Statement = []
    for other in (blasts or list(by_type.index[1:2]))[:1]:
        of_other = {"clone": clone, "cell_type": other} | design
        total = number(source, rows, "total", of_other)
        others = [f"{capitalised(plural(other))}: ", number(source, rows, "n", of_other), " of ", total]
        others += [" with a receptor", *bounds(source, rows, of_other, ("total", of_other))]
        beyond = by_type[other] - rows_where(rows, of_other)["n"].sum()
        others += [f"; {beyond:.0f} more in samples that are not compared"] if beyond else []
        others += gone(other, composition, design)
    return carriers, others, main, float(share)


def confidence(rows, n: float, share: float) -> tuple[str, list[str]]:
    """(high, moderate, low or none; why) for the carrier of a bulk clone, from its rows of mrd.tsv."""
    first = rows.iloc[0]
    exact = first["distance"] == 0 and not str(first["matched_by"]).startswith("window")
    apart = f", {first['distance']:.0f} differences" if first["distance"] == first["distance"] else ""
    why = [f"matched by {first['matched_by']}{apart}"] if n else []
    agreement, reason = (str(first[name]) if first[name] == first[name] else "" for name in ("agreement", "reason"))
    why += [text.strip() for text in ([agreement, reason] if n else reason.split(";")) if text.strip()]
    if n < FEW:
        return ("low" if n else "none"), why
    together = agreement.split(" ")[0] == agreement.split(" ")[2:3][0] if " of " in agreement else False
    return ("high" if exact and n >= MANY and share >= MAIN and together else "moderate"), why


def subsets(matched: str, cell_type: str, cells, source: str, design: dict[str, str]) -> Statement:
    """Statement on the carrier's subsets at the last time at which any shows the clone: its cells among those with a receptor.

    design: as in gone. cells: clone_cells.tsv of the main series, which has rows only where a clone has cells; the total is given with any clone of a subset.
    """
    if cells is None or not matched or not cell_type:
        return []
    here = cells[
        (cells["cell_type"] == cell_type)
        & (cells["receptor"] == cells.loc[cells["clone"] == matched, "receptor"].max())
    ]
    small = here[here["total"] < SUBSET]
    here = here[here["total"] >= SUBSET]
    of_clone = here[here["clone"] == matched]
    if of_clone.empty:
        return []
    last = of_clone.loc[of_clone["day"].idxmax()]
    here = here[(here["day"] == last["day"]) & (here["timepoint"] == last["timepoint"])]
    held = here[here["clone"] == matched].set_index("subset")["n"]
    names = sorted(dict.fromkeys(here["subset"].dropna()), key=lambda name: (-held.get(name, 0), name))
    if len(names) < 2:
        return []
    statement = [f"The clone's share of each subset at {last['timepoint']}, of cells with a {last['receptor']}: "]
    for at, name in enumerate(names):
        where = {"receptor": last["receptor"], "clone": matched, "timepoint": last["timepoint"],
                 "cell_type": cell_type, "subset": name} | design  # fmt: skip
        other = where | {"clone": here.loc[here["subset"] == name, "clone"].iloc[0]}
        statement += [", " if at else "", f"{name} "]
        if name in held:
            statement += [number(source, here, "n", where), " of ", number(source, here, "total", where)]
            statement += interval(source, here, where)
        else:
            statement += ["none of ", number(source, here, "total", other)]
            statement += bounds(source, here, where, ("total", other))
    few = small[(small["day"] == last["day"]) & (small["timepoint"] == last["timepoint"])]["subset"].nunique()
    return statement + ([f"; {few} more with fewer than {SUBSET} such cells"] if few else [])


def in_other_lineages(clone: str, clones, source: str) -> Statement:
    """On a clone's cells in lineages without its receptor, or in two that may be a tumour's; clones: clones.tsv or None."""
    rows = (
        None if clones is None or "caution" not in clones else clones[clones["clone"] == clone].dropna(subset="caution")
    )
    if rows is None or rows.empty:
        return []
    row, where = rows.iloc[0], {"clone": clone}
    *both, foreign = row["caution"].split("; ") if row["n_foreign"] else [row["caution"], ""]
    statement: Statement = [f"{clone} is of {name} ({row['lineages']}): {MORE}" for name in both]
    if foreign:
        n, expected = (number(source, rows, name, where) for name in ("n_foreign", "foreign_expected"))
        statement += [
            "; " if both else "",
            n,
            f" {'cell' if n.value == 1 else 'cells'} of {clone} {'is' if n.value == 1 else 'are'} in lineages without a {row['receptor']}: {foreign} (",
        ]
        statement += [replace(expected, text=f"{expected.value:.2g}"), " expected)"]
    return [*statement, "."]


def carriers(case: Case) -> list[dict]:
    """Per bulk clone, in the order of mrd.tsv: its carrier, what is said of it, and how sure that is."""
    mrd, composition, cells = (
        case.own("mrd"),
        case.compared(case.rows("composition.tsv")),
        case.compared(case.own("clone_cells")),
    )
    source, clones, entries = case.name("mrd"), case.own("clones"), []
    for clone in [] if mrd is None else list(dict.fromkeys(mrd["clone"])):
        rows = mrd[mrd["clone"] == clone]
        matched, label = (value if isinstance(value, str) else "" for value in rows[["matched_clone", "label"]].iloc[0])
        on_carriers, on_others, main, share = who(clone, rows, source, composition, case.design)
        level, why = confidence(rows, rows["n"].sum(), share)
        carrier = main if rows["n"].sum() >= FEW else ""
        entries.append({
            "clone": clone, "locus": str(rows["locus"].iloc[0]), "matched": matched, "main_share": share, "label": label,
            "carrier": carrier, "who": on_carriers, "beside": on_others,
            "doubt": names_in_doubt(carrier, composition),
            "lineages": in_other_lineages(matched, clones, case.name("clones")),
            "subsets": subsets(matched, carrier, cells, case.name("clone_cells"), case.design),
            "confidence": level, "why": why, "verdict": str(rows["verdict"].iloc[0])
        })  # fmt: skip
    return entries
