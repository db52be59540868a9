"""Worlds of the simulator in which the pipeline is judged: a pairwise covering design, and what a run must show in each.

A world is a dict, knob -> level of KNOBS; `options` are simulate_case.py's.
"""

import re
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pandas as pd

ASSETS = Path(__file__).resolve().parents[2] / "assets"
COARSE = {"T cell", "B lineage", "mononuclear phagocyte"}  # names that leave the type open

KNOBS = {
    "profiles": ["blood", "hca"],
    "absent": ["", "CD4_Treg,proliferating", "NK", "T", "plasma"],
    "disease": ["clone", "healthy", "relapse CD19+", "relapse CD19-"],
    "car": ["usual", "0", "0.4", "0.9"],
    "sort": ["", "CD3+", "CD19-", "CAR+"],
    "depth": ["1", "0.5", "2"],
    "ambient": ["usual", "0.2"],
    "genome": ["own", "one"],
}
# What a world must reach; of subsets the adjusted Rand index within the lineage's cells, in cases of 3,000 barcodes or more.
AT_LEAST = {"types": 0.95, "malignant precision": 0.98, "malignant recall": 0.92, "CAR precision": 0.95}
SUBSETS_AT_LEAST = {"plasma": 0.7, "T": 0.85, "NK": 0.85, "myeloid": 0.95}
LARGE = 3000
CELLS, LARGE_WORLDS = 1200, 1  # barcodes of a world; how many of the first are LARGE
FALSE_NAMES = 0.005  # share of cells with a name of a type or subset that the world lacks
FEW = 30
LAST = "T3"
FOUND = 0.85  # share of the blasts of a relapse that are counted as B-lineage precursors


def possible(world: dict[str, str]) -> bool:
    """Whether the levels go together: a healthy donor has no CAR, no T cells are neither sorted nor carry one."""
    carrying = world["car"] in ("0.4", "0.9") or world["sort"] == "CAR+"
    if world["disease"] == "healthy" and (carrying or world["car"] == "0"):
        return False
    if world["sort"] == "CAR+" and world["car"] == "0":
        return False
    return not (world["absent"] == "T" and (carrying or world["sort"] in ("CD3+", "CAR+")))


def pairs(world: tuple[str, ...]) -> set[tuple[int, str, int, str]]:
    """All pairs of (knob, level) that a world holds."""
    return {(i, world[i], j, world[j]) for i, j in combinations(range(len(world)), 2)}


def design() -> list[dict[str, str]]:
    """Worlds in which every possible pair of levels is met at least once; greedy, the same at each call.

    Each next world is the first of the full product that holds most pairs not met before; the first is the published case
    in the second source of profiles, the second its healthy donor.
    """
    candidates = [w for w in product(*KNOBS.values()) if possible(dict(zip(KNOBS, w, strict=True)))]
    held = [pairs(w) for w in candidates]
    first = [w for w in candidates if w[1] == "" and w[3:] == ("usual", "", "1", "usual", "own")]
    chosen = [next(w for w in first if w[0] == "blood" and w[2] == disease) for disease in ("clone", "healthy")]
    left = set().union(*held) - set().union(*(pairs(w) for w in chosen))
    while left:
        best = max(range(len(candidates)), key=lambda i: len(held[i] & left))
        chosen.append(candidates[best])
        left -= held[best]
    return [dict(zip(KNOBS, w, strict=True)) for w in chosen]


def options(world: dict[str, str]) -> list[str]:
    """The world as options of simulate_case.py."""
    given = ["--profiles", world["profiles"], "--without", world["absent"], "--depth", world["depth"]]
    given += ["--sort", world["sort"]]
    given += ["--car", world["car"]] if world["car"] != "usual" else []
    given += ["--ambient", world["ambient"]] if world["ambient"] != "usual" else []
    given += ["--one-genome"] if world["genome"] == "one" else []
    kind, _, antigen = world["disease"].partition(" ")
    return given + {"clone": [], "healthy": ["--healthy"], "relapse": ["--relapse", antigen]}[kind]


def measure(truth: pd.DataFrame, results: Path, patient: str) -> dict[str, float | int | str]:
    """What a run says of a patient against the truth (one row per barcode, ids as in the run); nan: nothing to judge.

    Judged are intact single cells that the run kept. `false names`: their share with a type or subset of the assets that
    no cell of the patient has; names by interferon and by the cell cycle count where the patient has none of it. CAR:
    recall of cells with a CAR UMI.
    """
    from sklearn.metrics import adjusted_rand_score

    cells = pd.read_parquet(results / "report" / "cells.parquet").set_index("cell_id")
    cells = cells[cells["patient"].astype(str) == patient]
    truth = truth.set_index("cell_id")
    lacking = absent_names(truth)
    joined = cells.join(truth, rsuffix=" true", how="inner")
    joined = joined[joined["kind"] == "cell"]
    text = {
        c: joined[c].astype(object).fillna("").astype(str) for c in ("lineage", "cell_type", "subset", "malignancy")
    }
    false = text["subset"].isin(lacking) | text["cell_type"].isin(lacking)
    found: dict[str, float | int | str] = {
        "cells": len(joined),
        "types": float((text["cell_type"] == joined["cell_type true"]).mean()),
        "lineages": float((text["lineage"] == joined["lineage true"]).mean()),
        "false names": float(false.mean()),
        "which": ", ".join(sorted({*text["subset"][false], *text["cell_type"][false]} & lacking)),
    }
    for lineage in ("T", "NK", "myeloid", "plasma"):
        mine = joined["lineage true"] == lineage
        judged = mine.sum() >= FEW and joined.loc[mine, "subset true"].nunique() > 1
        score = adjusted_rand_score(joined.loc[mine, "subset true"], text["subset"][mine]) if judged else np.nan
        found[lineage] = float(score)
    real, called = joined["malignant"] != "", text["malignancy"] == "malignant"
    found |= scores("malignant", real, called)
    if "car_positive" in joined:
        carrier = joined["car"].astype(bool) & (joined["car_umi"].fillna(0) > 0)
        found |= scores("CAR", carrier, joined["car_positive"].fillna(False).astype(bool), joined["car"].astype(bool))
    else:
        found |= scores("CAR", joined["car"].astype(bool), pd.Series(False, index=joined.index))
    late = joined["timepoint"].astype(str) == LAST
    found["late blasts"] = int((real & (joined["lineage true"] == "blast") & late).sum())
    table = pd.read_csv(results / "tumour" / f"{patient}.precursors.tsv", sep="\t")
    found["late precursors"] = int(table.loc[table["timepoint"] == LAST, "n"].sum())
    events = pd.read_csv(results / "tumour" / "cnv.tsv", sep="\t", comment="#", keep_default_na=False)
    events = events[(events["patient"] == patient) & (events["verdict"] == "detected")]
    found["events"] = ", ".join(sorted({f"{row.arm} {row.event} of {row.population}" for row in events.itertuples()}))
    return found


def absent_names(truth: pd.DataFrame) -> set[str]:
    """Types and subsets of markers.tsv and subsets.tsv that no cell of the truth has."""
    named = {
        name for table in ("markers", "subsets") for name in pd.read_csv(ASSETS / f"{table}.tsv", sep="\t")["cell_type"]
    }
    lacking = named - {*truth["subset"], *truth["cell_type"]} - COARSE
    if truth["isg_level"].max() > 0:
        lacking = {name for name in lacking if not name.endswith("_ISG+")}
    if truth["phase"].isin(["S", "G2M"]).any():
        lacking = {name for name in lacking if not name.endswith("_proliferating")}
    return lacking


def scores(name: str, real: pd.Series, called: pd.Series, right: pd.Series | None = None) -> dict[str, float | int]:
    """Calls, their precision (against `right`, if wider than `real`) and recall; nan without calls or without real cells."""
    hits = (called & (real if right is None else right)).sum()
    return {
        f"{name} calls": int(called.sum()),
        f"{name} precision": float(hits / called.sum()) if called.sum() else np.nan,
        f"{name} recall": float((called & real).sum() / real.sum()) if real.sum() else np.nan,
    }


def first_line(results: Path, patient: str) -> str:
    """What the patient's page wants looked at first; empty where it says nothing of the kind."""
    page = (results / "report" / f"{patient}.case_report.html").read_text(encoding="utf-8")
    text = re.sub(r"(<[^>]*>|\s)+", " ", page)
    return text[text.index("To be looked at first") :][:600] if "To be looked at first" in text else ""


def failures(world: dict[str, str], found: dict[str, float | int | str], first: str) -> list[str]:
    """What a world's run should have shown and did not."""
    bounds = AT_LEAST | (SUBSETS_AT_LEAST if found["cells"] > 0.7 * LARGE else {})
    wrong = [f"{name} {found[name]:.2f} < {bound}" for name, bound in bounds.items() if found[name] < bound]
    if found["false names"] > FALSE_NAMES:
        wrong.append(f"false names {100 * found['false names']:.1f} % ({found['which']})")
    if world["disease"] == "healthy":
        wrong += [f"{found[f'{what} calls']} {what} cells" for what in ("malignant", "CAR") if found[f"{what} calls"]]
        wrong += [f"copy number: {found['events']}"] if found["events"] else []
    if world["disease"].startswith("relapse"):
        if found["late precursors"] < FOUND * found["late blasts"]:
            wrong.append(f"relapse: {found['late precursors']} precursors, {found['late blasts']} blasts")
        if not re.search(r"\d+ B-lineage precursors? at T3", first):
            wrong.append("relapse: not what is to be looked at first")
    return wrong
