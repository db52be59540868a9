"""A small case as the tables that the report reads, and its page: for the tests of the report.

Planted: plasma cells carry bulk clone IGH_1 (30 of 32 matched cells), nobody is seen with IGKDE_1.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from click.testing import CliRunner

PROJECT = Path(__file__).resolve().parents[2]
ASSETS = PROJECT / "assets"
COLOURS = ["--colours", str(ASSETS / "colours.tsv")]
HOSTILE = "<script>window.hacked = 1</script>\"'&" + "x" * 260 + " ü漢字"


def wilson(n, total):
    """Bounds that are wide enough to look like intervals."""
    share = min(n / max(total, 1), 1)
    half = 1.96 * np.sqrt(share * (1 - share) / max(total, 1)) + 0.01
    return share, max(share - half, 0), min(share + half, 1)


def cells(patient: str, times: list[tuple[str, int]], receptors=("BCR", "TCR"), name: str = "") -> pd.DataFrame:
    """cells.parquet: 60 cells per time point of five types, plasma and T with subsets."""
    rng = np.random.default_rng(3)
    kinds = [("plasma cell", "plasma", "Plasma_1"), ("plasma cell", "plasma", "Plasma_2"), ("CD8 T", "T", "CD8_ISG+"),
             ("CD4 T", "T", "CD4_naive"), ("NK", "NK", "CD56dim"), ("B-ALL blast", "blast", "blast")]  # fmt: skip
    rows = []
    for time, day in times:
        for at in range(60):
            kind = kinds[at % len(kinds)]
            rows.append(
                (f"{patient}_{time}:C{at}", f"{patient}_{time}", patient, time, day, kind[1], kind[0], kind[2] + name)
            )
    names = ["cell_id", "sample", "patient", "timepoint", "day", "lineage", "cell_type", "subset"]
    table = pd.DataFrame(rows, columns=names)
    plasma, t_cell = table["lineage"] == "plasma", table["lineage"] == "T"
    table["bcr_clone"] = np.where(plasma & ("BCR" in receptors), f"{patient}.B1", None)
    table["tcr_clone"] = np.where(t_cell & ("TCR" in receptors), f"{patient}.T1", None)
    table["mrd_clone"] = np.where(plasma & ("BCR" in receptors), "IGH_1", None)
    table["isg_score"] = rng.normal(1, 0.3, len(table))
    table["isg_high"] = pd.array(table["isg_score"] > 1.2, dtype="boolean")
    table["car_positive"] = pd.array([pd.NA] * len(table), dtype="boolean")
    table["cnv_profile"] = np.where(plasma, "1q+", "none")
    table["malignancy"] = np.where(plasma, "malignant", "normal")
    table["umap_1"], table["umap_2"] = rng.normal(0, 1, (2, len(table))) + plasma.to_numpy() * 5
    return table


def write(
    folder: Path,
    patient="P1",
    times=(("T1", -30), ("T2", 28), ("T3", 180)),
    receptors=("BCR", "TCR"),
    full=True,
    name="",
):
    """Write the tables of a case below folder; full: with bulk, clinical and communication tables."""
    folder.mkdir(parents=True, exist_ok=True)
    table = cells(patient, list(times), receptors, name)
    table.to_parquet(folder / "cells.parquet")

    def save(file, rows):
        pd.DataFrame(rows).to_csv(folder / file, sep="\t", index=False)

    save("samples.tsv", [{"sample": f"{patient}_{t}", "patient": patient, "timepoint": t, "day": d} for t, d in times])
    shares = []
    for level, parent in (("cell_type", "all"), ("subset", "")):
        for (time, day), part in table.groupby(["timepoint", "day"], sort=False):
            for label, n in part[level].value_counts().items():
                share, low, high = wilson(n, len(part))
                shares.append({"patient": patient, "sample": f"{patient}_{time}", "timepoint": time, "day": day, "level": level,
                               "parent": parent, "label": label, "n": n, "total": len(part), "share": share, "low": low, "high": high})  # fmt: skip
    save("composition.tsv", shares)
    fates = []
    for receptor in receptors:
        for at, (time, day) in enumerate(times):
            share, low, high = wilson(10 + at, 20)
            within = dict(zip(("lineage_share", "lineage_low", "lineage_high"), wilson(10 + at, 16), strict=True))
            lineage = {"BCR": "plasma", "TCR": "T"}[receptor]
            within |= {"lineage": lineage, "lineage_n": 10 + at, "lineage_total": 16}
            fates.append(within | {"patient": patient, "receptor": receptor, "clone": f"{patient}.{receptor[0]}1", "label": f"CAR_CSS{name}",
                          "timepoint": time, "day": day, "n": 10 + at, "total": 20, "share": share, "low": low, "high": high,
                          "fate": "persistent", "change": "not shown", "basis": "plasma" if receptor == "BCR" else "all"})  # fmt: skip
    if fates:
        save(f"{patient}.fates.tsv", fates)
    if not full:
        return
    bulk = [("IGH_1", 0.001), ("IGKDE_1", 0.5)]
    save(f"{patient}.mrd_curve.tsv", [{"patient": patient, "clone": c + name, "day": d, "fraction": f * (1 + at)}
                                      for c, f in bulk for at, (_, d) in enumerate(times)])  # fmt: skip
    shown = {
        "patient": patient,
        "clone": "IGH_1" + name,
        "locus": "IGH",
        "matched_clone": f"{patient}.B1",
        "distance": 0,
    }
    shown |= {"verdict": "carried by plasma cells", "reason": "", "label": f"CAR_CSS{name}", "matched_by": "junction nucleotides",
              "agreement": "2 of 2 steps in the same direction", "counted_as": "clone"}  # fmt: skip
    rows = []
    for kind, n in (("plasma cell", 30), ("NK", 2), ("B-ALL blast", 0)):
        for at, (time, day) in enumerate(times):
            here = n if at == len(times) - 1 else 0
            rows.append(
                shown
                | {
                    "cell_type": kind,
                    "timepoint": time,
                    "day": day,
                    "n": here,
                    "total": 40,
                    "cells_share": 0.05 * (at + 1),
                }
            )
    hidden = {"patient": patient, "clone": "IGKDE_1" + name, "locus": "IGK", "verdict": f"not testable: Kde removes IGKC{name}",
              "reason": "seen at T1 only, as B-ALL blasts are (3 sampled time points); indirect, not a match"}  # fmt: skip
    save(f"{patient}.mrd.tsv", [hidden, *rows])
    cnv = {"patient": patient, "population": f"{patient}.B1", "level": "population", "stratum": "all", "normal": False}
    save(f"{patient}.cnv.tsv", [cnv | {"arm": "1q", "event": "gain", "verdict": "detected", "n": 25, "total": 32, "share": 0.78, "low": 0.6, "high": 0.9},
                                cnv | {"arm": "13q", "event": "loss", "verdict": "not detected", "n": 0, "total": 32, "share": 0.0, "low": 0.0, "high": 0.1}])  # fmt: skip
    called = []
    for at, (time, day) in enumerate(times):
        for kind, total in (("all cells", 60), ("plasma cell", 20), ("B-ALL blast", 10)):
            counts = {"malignant": min(3 * at, total), "undecided": 1 if kind == "all cells" else 0}
            counts["normal"] = total - sum(counts.values())
            for verdict, n in counts.items():
                share, low, high = wilson(n, total)
                called.append({"patient": patient, "timepoint": time, "day": day, "cell_type": kind + name * (kind == "plasma cell"),
                               "malignancy": verdict, "n": n, "total": total, "share": share, "low": low, "high": high,
                               "assessable": "yes", "reason": ""})  # fmt: skip
    save(f"{patient}.malignancy.tsv", called)
    facts = {"min_evidence": 2, "combinations": {"malignant": {"clone + cnv": 6, "clone + programme": 3}}}
    (folder / f"{patient}.malignancy.json").write_text(json.dumps(facts))
    held = {
        "patient": patient,
        "receptor": "BCR",
        "cell_type": "plasma cell",
        "timepoint": times[-1][0],
        "day": times[-1][1],
    }
    save(f"{patient}.clone_cells.tsv", [
        held | {"clone": f"{patient}.{clone}", "subset": f"Plasma_{at}{name}", "n": n, "total": total,
                **dict(zip(("share", "low", "high"), wilson(n, total), strict=True))}
        for clone, at, n, total in (("B1", 1, 28, 30), ("B1", 2, 2, 12), ("B2", 2, 10, 12), ("B2", 3, 11, 11), ("B1", 4, 1, 4))
    ])  # fmt: skip
    save("clinical.tsv", [{"patient": patient, "day": d, "parameter": p, "value": 3.5 * (at + 1), "unit": "g/L", "low": 4, "high": 9}
                          for p in ("WBC" + name, "HGB") for at, (_, d) in enumerate(times)])  # fmt: skip
    save("events.tsv", [{"patient": patient, "day": times[0][1], "end_day": times[0][1] + 20, "event": "therapy" + name, "kind": "therapy"},
                        {"patient": patient, "day": 0, "end_day": None, "event": "infusion", "kind": "therapy"}])  # fmt: skip
    fish = {"patient": patient, "day": times[-1][1], "words": "78 % of cells beside 80 %"}
    save(f"{patient}.fish.tsv", [fish | {"probe": "CKS1B" + name, "region": "1q21", "abnormality": "gain", "percent": 80, "arm": "1q",
                                         "event": "gain", "share": 0.78, "low": 0.6, "high": 0.9, "verdict": "agrees"}])  # fmt: skip
    signal = {"patient": patient, "signature": "isg_score", "level": "subset"}
    save("signatures.tsv", [signal | {"sample": f"{patient}_{t}", "timepoint": t, "day": d, "label": "CD8_ISG+" + name, "n": 12, "n_high": 9,
                                      "share_high": 0.75, "share_low": 0.5, "share_up": 0.9} for t, d in times])  # fmt: skip
    if len(times) > 1:
        change = {
            "patient": patient,
            "from": times[-2][0],
            "to": times[-1][0],
            "source": "CD8_ISG+" + name,
            "target": "Plasma_1" + name,
        }
        change |= {
            "ligand": "TNFSF13",
            "receptor": "TNFRSF17",
            "watch": "APRIL-BCMA",
            "focus": True,
            "to_itself": False,
            "strength_from": 0.5,
            "strength_to": 1.0,
        }
        change |= {
            "supply_from": 0.1,
            "supply_to": 0.4,
            "supply_difference": 0.3,
            "supply_low": 0.1,
            "supply_high": 0.5,
        }
        save(
            f"{patient}.communication_change.tsv",
            [
                change
                | {
                    "class": "strengthened",
                    "driver": "number and strength",
                    "expressed_from": True,
                    "expressed_to": True,
                }
            ],
        )
        pairs = {
            "source": "CD8_ISG+" + name,
            "target": "Plasma_1" + name,
            "pairs": 9,
            "n_source": 10,
            "n_target": 10,
            "to_itself": False,
        }
        save(
            f"{patient}.communication_pairs.tsv",
            [pairs | {"sample": f"{patient}_{t}", "timepoint": t, "day": d, "strength": 9.5} for t, d in times],
        )
        place = {
            "source": change["source"],
            "ligand_complex": "TNFSF13",
            "receptor_complex": "TNFRSF17",
            "place": 0.0123,
        }
        save(f"{patient}.communication_focus.tsv", [place | {"timepoint": t, "day": d} for t, d in times])
        sender = {name_: change[name_] for name_ in ("patient", "from", "to", "source", "target")}
        save(
            f"{patient}.communication_senders.tsv",
            [sender | {"supply_from": 1.0, "supply_to": 2.0, "rank": 1, "to_itself": False}],
        )
    markers = [{"lineage": "plasma", "subset": f"Plasma_{i}" + name, "gene": g, "rank": 1 + i, "mean_in": 2.0, "detected_in": 0.8, "z": 9 - i}
               for i in (1, 2) for g in ("MZB1", "SDC1" + name)]  # fmt: skip
    save("plasma.markers.tsv", markers)
    own = table.loc[table["lineage"] == "plasma", ["cell_id", "umap_1", "umap_2"]]
    own.to_parquet(folder / "plasma.subsets.parquet")
    text = f'[{{"level": "warning", "sample": "{patient}_{times[0][0]}", "step": "QC", "text": "few cells"}}]'
    (folder / "warnings.json").write_text(text)


# Samples beside those of `write`: blood of T2, a sort of T3 and the product of day 0; sample, time point, day, tissue, sort.
OTHERS = [
    ("P1_B2", "T2", 28, "blood", ""),
    ("P1_S3", "T3", 180, "bone marrow", "CD3+"),
    ("P1_IP", "T0", 0, "CAR-T product", ""),
]


def add_others(folder: Path) -> None:
    """Make the samples of `write` bone marrow, and add OTHERS to every table: as the rows of T3, with other numbers."""
    for name in ("samples", "composition", "signatures", "P1.mrd", "P1.malignancy", "P1.clone_cells",
                 "P1.communication_focus", "P1.communication_pairs"):  # fmt: skip
        table = read_table(folder / f"{name}.tsv").assign(tissue="bone marrow", sort="")
        if name == "P1.communication_focus":
            table["sample"] = "P1_" + table["timepoint"]
        parts = [table]
        for at, (sample, time, day, tissue, sort) in enumerate(OTHERS):
            rows = table[table["timepoint"] == "T3"].assign(timepoint=time, day=day, tissue=tissue, sort=sort)
            rows = rows.assign(**({"sample": sample} if "sample" in table else {}))
            for column in {"n", "total", "share", "high", "share_high", "place", "strength"} & set(rows):
                rows[column] = rows[column] * (at + 2)
            parts.append(rows)
        pd.concat(parts).to_csv(folder / f"{name}.tsv", sep="\t", index=False)
    cells = pd.read_parquet(folder / "cells.parquet")
    of_last = cells[cells["timepoint"] == "T3"]
    more = [
        of_last.assign(sample=sample, timepoint=time, day=day, cell_id=sample + of_last["cell_id"].str[5:])
        for sample, time, day, *_ in OTHERS
    ]
    pd.concat([cells, *more], ignore_index=True).to_parquet(folder / "cells.parquet")


def said(statement) -> str:
    """A statement as plain text, as the modules give it or as JSON holds it."""
    return "".join(
        part if isinstance(part, str) else part["text"] if isinstance(part, dict) else part.text for part in statement
    )


def numbers(node) -> list[dict]:
    """All numbers of an answer, wherever they stand."""
    if isinstance(node, dict) and "column" in node and "value" in node:
        return [node]
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else []
    return [found for part in inner for found in numbers(part)]


def read_table(path: Path) -> pd.DataFrame:
    """The table that a number names: a TSV, or the counted sets of lines of evidence in malignancy.json."""
    if path.suffix != ".json":
        return pd.read_csv(path, sep="\t", dtype={"patient": str}, low_memory=False)
    sets = json.loads(path.read_text())["combinations"]
    rows = [(verdict, lines, n) for verdict, found in sets.items() for lines, n in found.items()]
    return pd.DataFrame(rows, columns=["malignancy", "lines", "n"])


def from_table(
    table: pd.DataFrame, column: str, where: dict, bound: str | None = None, per: dict | None = None
) -> float:
    """What a number of the answer has to be: a sum, or statsmodels' Wilson bound of one sum as a share of another.

    A bound may be that of a clone without any cell there: its table has rows only where a clone has cells.
    """
    from _statements import rows_where

    from statsmodels.stats.proportion import proportion_confint

    def total(column, where):
        rows = rows_where(table, where)
        assert len(rows) or (bound == "high" and column == "n"), where
        return float(rows[column].sum())

    found = total(column, where)
    if bound is None:
        return found
    size = total(per["column"], per["where"])
    low, high = proportion_confint(found, size, method="wilson")
    return {"low": low, "high": high if found else 1 - 0.05 ** (1 / size)}[bound]


def run(command, *arguments) -> str:
    """What a step prints; an AssertionError with it where the step failed."""
    done = CliRunner().invoke(command, [str(argument) for argument in arguments])
    assert done.exit_code == 0, f"{done.output}{done.exception}"
    return done.output


def palette() -> dict[str, dict[str, str]]:
    """The project's colours: level -> label -> colour."""
    from _results import read_colours

    return read_colours(ASSETS / "colours.tsv")


def series() -> list[str]:
    """Colours of things without a colour of their own."""
    return list(palette()["series"].values())


def by_id(figures: list) -> dict[str, dict]:
    """Figures that are there by their ids."""
    return {figure["id"]: figure for figure in figures if figure}


def make_answer(folder: Path, patient: str = "P1") -> dict:
    """The answer of the tables in folder; the current folder gets its file."""
    import case_answer

    run(case_answer.main, folder, "--patient", patient)
    return json.loads(Path(f"{patient}.answer.json").read_text())


def make_figures(folder: Path, patient: str = "P1") -> dict[str, dict]:
    """The figures of the tables in folder by their ids; the current folder gets all files of CASE_FIGURES."""
    import case_figures

    run(case_figures.main, folder, "--patient", patient, *COLOURS, "--subsets", folder)
    return by_id(json.loads(Path(f"{patient}.figures.json").read_text()))


def make_page(folder: Path, patient: str = "P1") -> Path:
    """All steps of the report on the tables in folder; the current folder gets their files."""
    import case_report

    make_answer(folder, patient)
    make_figures(folder, patient)
    parts = [
        f"--{option}={patient}.{kind}.json"
        for option, kind in (("answer", "answer"), ("figures", "figures"), ("charts", "charts"), ("maps", "map"))
    ]
    page = ["--assets", ASSETS / "report", "--columns", ASSETS / "cell_columns.tsv"]
    failures = Path(folder) / "failed_steps.tsv"
    page += ["--failures", failures] if failures.exists() else []
    run(case_report.main, folder, "--patient", patient, *parts, *page)
    return Path(f"{patient}.case_report.html").resolve()
