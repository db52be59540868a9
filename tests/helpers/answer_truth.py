"""The numbers in the answer box of a case report beside the tables of its run and beside what was planted.

    python tests/helpers/answer_truth.py RESULTS CASE [patient]

RESULTS is a run's folder of a simulated CASE (tests/simulate_case.py). Prints a row per interval.
"""

import json
import sys
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from helpers.report_case import read_table

FOLDERS = {"composition": "cells", "mrd": "clones", "mrd_curve": "clones", "fates": "clones", "cnv": "tumour", "signatures": "signals",
           "clone_cells": "clones", "clones": "clones", "composition_change": "cells",
           "malignancy": "tumour", "malignancy.json": "tumour", "precursors": "tumour", "communication_change": "signals", "communication_focus": "signals"}  # fmt: skip


class Answer(HTMLParser):
    """Numbers of the answer section in order: value, text and where each comes from."""

    def __init__(self, page: str):
        super().__init__()
        self.numbers, self.inside, self.open = [], False, None
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        if tag == "section":
            self.inside = found.get("id") == "answer"
        if tag == "data" and self.inside:
            about = {name.removeprefix("data-"): text for name, text in found.items() if name != "title"}
            about |= {name: json.loads(about[name]) for name in ("where", "per") if name in about}
            self.open = about | {"value": float(about["value"]), "text": ""}
            self.numbers.append(self.open)

    def handle_endtag(self, tag):
        if tag == "data":
            self.open = None

    def handle_data(self, data):
        if self.open is not None:
            self.open["text"] += data


def numbers_of(results: Path, patient: str) -> list[dict]:
    """The numbers of a patient's answer, as they stand on the page."""
    return Answer((results / "report" / f"{patient}.case_report.html").read_text(encoding="utf-8")).numbers


def table_of(results: Path, name: str, patient: str) -> pd.DataFrame:
    """The published table that a number names: the run's tables hold all patients' rows, a patient's own may not name it."""
    kind = name.removesuffix(".tsv").removeprefix(f"{patient}.")
    folder = results / FOLDERS[kind]
    path = folder / name if (folder / name).exists() else folder / f"{kind}.tsv"
    table = read_table(path)
    return table[table["patient"] == patient] if "patient" in table else table


def compare(results: Path, case: Path, patient: str = "P1") -> pd.DataFrame:
    """One row per interval of the answer of which the truth is known: what, clone, low, high, truth, inside, of_all.

    Truth is that of the kept cells: the share of planted plasma cells among droplets with the clone's receptor, of
    blasts with it, of the clone among plasma cells or all cells that show a B-cell receptor (what the page states a share of), and of
    its cells with the planted events; of blasts among all cells of a time. `of_all` is the clone's share of all cells
    that were given a receptor, seen or not.
    """
    planted = pd.read_parquet(case / "truth" / "cells.parquet")
    kept = pd.read_parquet(results / "report" / "cells.parquet", columns=["cell_id", "bcr_clone"])
    planted = planted[planted["cell_id"].isin(kept["cell_id"]) & (planted["patient"] == patient)]
    clone, single = f"{patient}_plasma_clone", planted[~planted["doublet"]]
    has = (planted["bcr_clone"] == clone) | (planted["second_bcr_clone"] == clone)
    mine, with_bcr = single[single["bcr_clone"] == clone], single[single["bcr_clone"] != ""]
    of_all = (with_bcr["bcr_clone"] == clone).groupby(with_bcr["timepoint"]).mean()
    seen = with_bcr[with_bcr["cell_id"].isin(kept.loc[kept["bcr_clone"].notna(), "cell_id"])]
    of_time = (seen["bcr_clone"] == clone).groupby(seen["timepoint"]).mean()
    plasma = seen[seen["lineage"] == "plasma"]
    of_plasma = (plasma["bcr_clone"] == clone).groupby(plasma["timepoint"]).mean()
    of_cells = (planted["lineage"] == "blast").groupby(planted["timepoint"]).mean()
    blasts = single[single["lineage"] == "blast"]
    known = {("who", "plasma cell"): (planted.loc[has, "cell_type"] == "plasma cell").mean()}
    known[("who", "B-ALL blast")] = (blasts["bcr_clone"] == clone).mean()
    known |= {("share", time): share for time, share in of_time.items()}
    known |= {("share of plasma cells", time): share for time, share in of_plasma.items()}
    known |= {("B-ALL blast", time): share for time, share in of_cells.items()}
    known |= {("event", "1q gain"): mine["gain_1q"].mean(), ("event", "13q loss"): mine["loss_13q"].mean()}
    ends: dict[tuple, dict] = {}
    for number in numbers_of(results, patient):
        where, side = number["where"], number.get("bound", number["column"])
        of = "share of plasma cells" if side.startswith("lineage_") else where.get("label", "share")
        side = side.removeprefix("lineage_")
        # Which subset or call a cell has was not planted: their numbers are compared with the tables only.
        if side not in ("low", "high") or "subset" in where or "malignancy" in where:
            continue
        if not {"timepoint", "arm"} & where.keys() and "bound" not in number:
            continue
        key = (
            ("who", where["cell_type"]) if "bound" in number
            else (of, where["timepoint"]) if "timepoint" in where else ("event", f"{where['arm']} {where['event']}")
        )  # fmt: skip
        entry = ends.setdefault((key, where.get("clone", "")), {"low": 0.0})
        entry[side] = number["value"]
    rows = [
        {"what": " ".join(key), "clone": name, **found, "truth": known[key],
         "inside": found["low"] - 1e-9 <= known[key] <= found["high"] + 1e-9,
         "of_all": of_all.get(key[1]) if key[0] == "share" else None}
        for (key, name), found in ends.items() if key in known
    ]  # fmt: skip
    return pd.DataFrame(rows)


if __name__ == "__main__":
    print(compare(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:]).to_string(index=False))
