"""The published case as numbers, and cohorts of patients that vary around it.

Facts of the case: Haematologica 2026, doi 10.3324/haematol.2025.300240. The tables are in
tests/data/simulator/case; its README says which of their numbers are published and which are made up.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from simulator.programmes import TABLES

CASE = TABLES / "case"
TIMEPOINTS = {"T1": -210, "T2": 28, "T3": 180}
HEAVY, LIGHT = "CARDGQNYDVLGTPTALDVW", "CCSYAGSGTEWVF"
CLONE = "plasma_clone"
BLAST = "blast_clone"

# Mean interferon level (0 none, 1 the full in vitro response) of cells outside the ISG+ subsets, and inside.
INTERFERON = {"T1": 0.06, "T2": 0.09, "T3": 0.15}
ISG_HIGH = {"CD8_ISG+": 0.74, "CD56bright_ISG+": 0.48, "nonclassical_monocyte": 0.42}
CLONE_IN_SUBSET = {"Plasma_1": 0.95, "Plasma_2": 0.92, "Plasma_3": 0.03}
GAIN_1Q, LOSS_13Q = 0.85, 0.75
CAR_SHARE = {"T1": 0.0, "T2": 0.08, "T3": 0.008}  # of T cells; CD8 cells carry it twice as often


AT_MYELOMA = ("serum IgG", "dFLC", "flow abnormal plasma cells")  # measured at smouldering myeloma only


@dataclass
class Patient:
    """One patient: how the cells are shared out, and whether the malignant plasma clone is there.

    lineages: time point -> lineage -> share. subsets: lineage -> subset -> share at T1, T2, T3.
    """

    name: str
    number: int
    sex: str
    has_clone: bool = True
    relapse: bool = False
    lineages: dict[str, dict[str, float]] = field(default_factory=dict)
    subsets: dict[str, dict[str, tuple[float, ...]]] = field(default_factory=dict)
    interferon: float = 1.0

    @property
    def samples(self) -> list[str]:
        return [f"{self.name}_{timepoint}" for timepoint in TIMEPOINTS]


def _shares() -> tuple[dict[str, dict[str, float]], dict[str, dict[str, tuple[float, ...]]]]:
    lineages = pd.read_csv(CASE / "lineage_shares.csv").set_index("lineage")
    subsets: dict[str, dict[str, tuple[float, ...]]] = {}
    for row in pd.read_csv(CASE / "subset_shares.csv").itertuples():
        subsets.setdefault(row.lineage, {})[row.subset] = (row.T1, row.T2, row.T3)
    return {t: lineages[t][lineages[t] > 0].to_dict() for t in TIMEPOINTS}, subsets


def make_patients(count: int, seed: int) -> list[Patient]:
    """Patient 1 is the case; the others vary around it.

    Proportions are Dirichlet draws, so that patients differ by more than their cells do; every third patient
    has no plasma clone; P2 relapses: blasts are back at T3.
    """
    patients = []
    for number in range(1, count + 1):
        rng = np.random.default_rng([seed, 11, number])
        patient = Patient(f"P{number}", number, "male" if number % 2 else "female")
        lineages, subsets = _shares()
        if number > 1:
            patient.has_clone = number % 3 != 0
            patient.relapse = number == 2
            patient.interferon = float(rng.lognormal(0, 0.25))
            if patient.relapse:
                lineages["T3"] = {k: v * 0.6 for k, v in lineages["T3"].items()} | {"blast": 0.4}
            if not patient.has_clone:
                lineages["T2"]["plasma"], lineages["T3"]["plasma"] = 0.03, 0.02
                subsets["plasma"] = {"Plasma_3": (1.0, 1.0, 1.0)}
            lineages = {t: _vary(shares, 60, rng) for t, shares in lineages.items()}
            for lineage, shares in subsets.items():
                per_time = [_vary({k: v[i] for k, v in shares.items()}, 50, rng) for i in range(3)]
                subsets[lineage] = {k: tuple(t[k] for t in per_time) for k in shares}
        patient.lineages, patient.subsets = lineages, subsets
        patients.append(patient)
    return patients


def _vary(shares: dict[str, float], concentration: float, rng: np.random.Generator) -> dict[str, float]:
    values = np.array(list(shares.values()), float)
    drawn = rng.dirichlet(np.maximum(values / values.sum() * concentration, 0.05))
    return dict(zip(shares, drawn, strict=True))


def tables(patients: list[Patient], chains: dict[str, list[dict]], seed: int) -> dict[str, pd.DataFrame]:
    """mrd, clinical, events and fish of all patients; no fish where no patient has the clone.

    chains: per patient the bulk rearrangements (clone, locus, v_call, j_call, junction, junction_aa).
    """
    parts: dict[str, list[pd.DataFrame]] = {"mrd": [], "clinical": [], "events": [], "fish": []}
    for patient in patients:
        parts["mrd"].append(_mrd(patient, chains[patient.name], seed))
        clinical, events = _course(patient)
        if patient.number > 1:
            wobble = np.random.default_rng([seed, 12, patient.number]).lognormal(0, 0.15, len(clinical))
            clinical["value"] = [float(f"{v:.4g}") for v in clinical["value"] * wobble]
        parts["clinical"].append(clinical)
        parts["events"].append(events)
        if patient.has_clone:
            parts["fish"].append(pd.read_csv(CASE / "fish.csv").assign(day=180))
        for tables_of in parts.values():
            if tables_of and "patient" not in tables_of[-1]:
                tables_of[-1].insert(0, "patient", patient.name)
    joined = {name: pd.concat(tables_of, ignore_index=True) for name, tables_of in parts.items() if tables_of}
    if "fish" in joined:
        joined["fish"] = joined["fish"][["patient", "day", "probe", "region", "abnormality", "percent"]]
    return joined


def _course(patient: Patient) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Clinical values and events: the case's, without the myeloma or with the relapse where that is so."""
    clinical = pd.read_csv(CASE / "clinical.csv")
    events = pd.read_csv(CASE / "events.csv", dtype={"end_day": "Int64"})
    myeloma = events["event"] == "smouldering multiple myeloma"
    if not patient.has_clone:
        late = (clinical["parameter"] == "marrow plasma cells") & (clinical["day"] > 0)
        clinical.loc[late, "value"] = [2.5, 1.5]
        clinical = clinical[~clinical["parameter"].isin(AT_MYELOMA)].reset_index(drop=True)
        events["event"] = events["event"].replace("no blasts, plasma cells 20 %", "no blasts")
        events = events[~myeloma]
    if patient.relapse:
        at_relapse = (clinical["parameter"] == "marrow lymphoblasts") & (clinical["day"] == TIMEPOINTS["T3"])
        clinical.loc[at_relapse, "value"] = 40.0
        relapse = pd.DataFrame([{"day": 180, "event": "relapse of B-ALL", "kind": "diagnosis"}])
        events = pd.concat([events, relapse], ignore_index=True)
    return clinical, events


def _mrd(patient: Patient, chains: list[dict], seed: int) -> pd.DataFrame:
    """The bulk table: fraction of all cells' rearrangements, 0..1, per clone and day."""
    curves = pd.read_csv(CASE / "mrd_percent.csv").set_index("clone")
    rng = np.random.default_rng([seed, 13, patient.number])
    rows = []
    for chain in chains:
        curve = curves.loc[chain["clone"]].to_numpy(float)
        if patient.number > 1:
            curve = curve * rng.lognormal(0, 0.15, len(curve))
        if patient.relapse and chain["locus"] == "IGK":
            curve[-2:] = 0.4, 21.0
        for day, percent in zip(curves.columns.astype(int), curve, strict=True):
            rows.append({"day": day, **chain, "fraction": float(f"{percent / 100:.3g}")})
    return pd.DataFrame(rows)
