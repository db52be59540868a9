"""The published case as numbers, and cohorts of patients that vary around it.

Facts of the case: Haematologica 2026, doi 10.3324/haematol.2025.300240. What the paper shows only as curves
(MRD percentages, CAR-T copies) or not at all (shares of subsets) is made up to have the described shape.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

TIMEPOINTS = {"T1": -210, "T2": 28, "T3": 180}
HEAVY, LIGHT = "CARDGQNYDVLGTPTALDVW", "CCSYAGSGTEWVF"
CLONE = "plasma_clone"
BLAST = "blast_clone"

# Share of each lineage among the cells of a time point.
LINEAGES = {
    "T1": {"blast": 0.80, "T": 0.08, "NK": 0.025, "myeloid": 0.04, "plasma": 0.012, "B": 0.006, "HSPC": 0.007, "erythroid": 0.025,
           "megakaryocyte": 0.005},
    "T2": {"plasma": 0.20, "T": 0.40, "NK": 0.13, "myeloid": 0.20, "B": 0.003, "HSPC": 0.012, "erythroid": 0.045,
           "megakaryocyte": 0.01},
    "T3": {"plasma": 0.13, "T": 0.40, "NK": 0.14, "myeloid": 0.22, "B": 0.025, "HSPC": 0.02, "erythroid": 0.055,
           "megakaryocyte": 0.01},
}  # fmt: skip

# Share of each subset in its lineage at T1, T2, T3.
SUBSET_SHARES = {
    "T": {"CD4_naive": (0.27, 0.16, 0.17), "CD4_memory": (0.27, 0.22, 0.20), "CD4_Treg": (0.05, 0.04, 0.04),
          "CD8_effector": (0.18, 0.27, 0.22), "CD8_memory": (0.20, 0.27, 0.21), "CD8_ISG+": (0.03, 0.04, 0.16)},
    "NK": {"CD56dim": (0.62, 0.58, 0.48), "CD56dim_adaptive": (0.20, 0.20, 0.17), "CD56bright": (0.14, 0.17, 0.15),
           "CD56bright_ISG+": (0.04, 0.05, 0.20)},
    "myeloid": {"classical_monocyte": (0.72, 0.78, 0.56), "nonclassical_monocyte": (0.12, 0.07, 0.27), "cDC": (0.11, 0.11, 0.12),
                "neutrophil_precursor": (0.05, 0.04, 0.05)},
    "plasma": {"Plasma_1": (0.15, 0.44, 0.48), "Plasma_2": (0.10, 0.33, 0.33), "Plasma_3": (0.75, 0.23, 0.19)},
    "B": {"B_precursor": (0.3, 0.2, 0.5), "naive_B": (0.4, 0.2, 0.35), "memory_B": (0.3, 0.6, 0.15)},
    "blast": {"B-ALL_blast": (1, 1, 1)}, "HSPC": {"HSPC": (1, 1, 1)}, "erythroid": {"erythroid": (1, 1, 1)},
    "megakaryocyte": {"megakaryocyte": (1, 1, 1)},
}  # fmt: skip

# Mean interferon level (0 none, 1 the full in vitro response) of cells outside the ISG+ subsets.
INTERFERON = {"T1": 0.06, "T2": 0.09, "T3": 0.15}
ISG_HIGH = {"CD8_ISG+": 0.68, "CD56bright_ISG+": 0.55, "nonclassical_monocyte": 0.42}
CLONE_IN_SUBSET = {"Plasma_1": 0.95, "Plasma_2": 0.92, "Plasma_3": 0.03}
GAIN_1Q, LOSS_13Q = 0.85, 0.75
CAR_SHARE = {"T1": 0.0, "T2": 0.08, "T3": 0.008}  # of T cells; CD8 cells carry it twice as often

PLANTED = pd.DataFrame(
    [
        (
            "nonclassical_monocyte",
            "plasma",
            "TNFSF13",
            "TNFRSF17",
            "T2 to T3: more senders and a higher ligand",
        ),
        (
            "nonclassical_monocyte",
            "plasma",
            "TNFSF13B",
            "TNFRSF17",
            "T2 to T3: more senders and a higher ligand",
        ),
        ("CD8_ISG+", "plasma", "ITGB2", "ICAM1", "T2 to T3: more senders"),
        ("CD56bright_ISG+", "plasma", "ITGB2", "ICAM1", "T2 to T3: more senders"),
    ],
    columns=["sender", "receiver", "ligand", "receptor", "change"],
)

CLINICAL = [
    ("WBC", "10^9/L", 3.5, 9.5, 68.67, 0.59, 3.22), ("HGB", "g/L", 130, 175, 115, 69, 108),
    ("PLT", "10^9/L", 125, 350, 16, 26, 135), ("albumin", "g/L", 40, 55, 37.94, 37.15, 40.54),
    ("globulin", "g/L", 20, 40, 34.96, 42.42, 53.16), ("A/G ratio", "", 1.2, 2.4, 1.09, 0.88, 0.76),
    ("calcium", "mmol/L", 2.11, 2.52, 2.22, 2.21, 2.4), ("creatinine", "umol/L", 57, 97, 91, 83.01, 86.68),
    ("BUN", "mmol/L", 3.1, 8.0, 5.54, 4.94, 4.84), ("eGFR", "mL/min/1.73 m2", 90, None, 80, 89, 85),
    ("marrow lymphoblasts", "%", 0, 5, 96.5, 0, 0), ("marrow plasma cells", "%", 0, 2, 0.5, 20, 6.5),
]  # fmt: skip
AT_SMM = [
    ("serum IgG", "g/L", 7.0, 16.0, 40.10),
    ("dFLC", "mg/L", None, None, 56.75),
    ("flow abnormal plasma cells", "%", 0, 0, 1.5),
]
CAR_COPIES = [
    (0, 0),
    (3, 2100),
    (6, 48000),
    (9, 131000),
    (14, 64000),
    (21, 18500),
    (28, 7200),
    (60, 1500),
    (90, 620),
    (180, 110),
]
EVENTS = [
    (-210, None, "B-ALL diagnosis, t(9;22) BCR::ABL1 p210", "diagnosis"), (-203, -182, "VOVP cycle 1", "therapy"),
    (-168, -147, "VOVP cycle 2", "therapy"), (-133, -112, "VOVP cycle 3", "therapy"), (-90, -62, "blinatumomab", "therapy"),
    (-55, None, "complete remission", "response"), (-5, -3, "lymphodepletion", "therapy"), (0, None, "CD19 CAR-T infusion", "therapy"),
    (28, None, "no blasts, plasma cells 20 %", "response"), (180, None, "smouldering multiple myeloma", "diagnosis"),
]  # fmt: skip
FISH = [
    ("CDKN2C/CKS1B", "1q21", "gain", 85.5), ("RB1/LAMP1", "13q14", "deletion", 74.5), ("TP53", "17p13", "deletion", 0.0),
    ("MYC", "8q24", "rearrangement", 0.0), ("IGH", "14q32", "rearrangement", 0.0),
]  # fmt: skip
MRD_DAYS = (-210, -150, -60, 0, 28, 90, 180)
MRD_CURVES = {  # percent of nucleated cells per day of MRD_DAYS; shapes as described, numbers made up
    "IGKDE_1": (62.0, 1.9, 0.021, 0.0012, 0.0, 0.0, 0.0),
    "IGKDE_2": (41.0, 1.2, 0.013, 0.0006, 0.0, 0.0, 0.0),
    "IGH_1": (0.11, 0.16, 0.42, 0.83, 6.4, 5.1, 4.6),
    "IGL_1": (0.09, 0.14, 0.38, 0.77, 6.1, 4.8, 4.4),
    "IGL_2": (0.02, 0.03, 0.07, 0.15, 1.3, 1.1, 0.95),
}


@dataclass
class Patient:
    """One patient: how the cells are shared out, and whether the malignant plasma clone is there."""

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


def make_patients(count: int, seed: int) -> list[Patient]:
    """Patient 1 is the case. The others vary: proportions (Dirichlet), every third has no plasma clone, P2 relapses."""
    patients = []
    for number in range(1, count + 1):
        rng = np.random.default_rng([seed, 11, number])
        patient = Patient(f"P{number}", number, "male" if number % 2 else "female")
        lineages = {t: dict(shares) for t, shares in LINEAGES.items()}
        subsets = {lineage: dict(shares) for lineage, shares in SUBSET_SHARES.items()}
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
    """mrd, clinical, events and fish of all patients. chains: per patient the bulk rearrangements (clone, locus, ...)."""
    mrd, clinical, events, fish = [], [], [], []
    for patient in patients:
        rng = np.random.default_rng([seed, 12, patient.number])
        wobble = (
            (lambda size=None: 1.0)
            if patient.number == 1
            else (lambda size=None: rng.lognormal(0, 0.15, size))
        )
        for chain in chains[patient.name]:
            curve = np.array(MRD_CURVES[chain["clone"]]) * wobble(len(MRD_DAYS))
            if patient.relapse and chain["locus"] == "IGK":
                curve[-2:] = 0.4, 21.0
            for day, percent in zip(MRD_DAYS, curve, strict=True):
                mrd.append(
                    {"patient": patient.name, "day": day, **chain, "fraction": float(f"{percent / 100:.3g}")}
                )
        days = list(TIMEPOINTS.values())
        for name, unit, low, high, *values in CLINICAL:
            for day, value in zip(days, values, strict=True):
                clinical.append((patient.name, day, name, float(f"{value * wobble():.4g}"), unit, low, high))
        clinical += [
            (patient.name, 180, name, float(f"{v * wobble():.4g}"), unit, lo, hi)
            for name, unit, lo, hi, v in AT_SMM
        ]
        scale = wobble()
        clinical += [
            (patient.name, d, "CAR-T copies", round(n * scale), "copies/ug DNA", None, None)
            for d, n in CAR_COPIES
        ]
        events += [(patient.name, *event) for event in EVENTS]
        if patient.has_clone:
            fish += [(patient.name, 180, *row) for row in FISH]
    return {
        "mrd": pd.DataFrame(mrd),
        "clinical": pd.DataFrame(
            clinical, columns=["patient", "day", "parameter", "value", "unit", "low", "high"]
        ),
        "events": pd.DataFrame(events, columns=["patient", "day", "end_day", "event", "kind"]).astype(
            {"end_day": "Int64"}
        ),
        "fish": pd.DataFrame(fish, columns=["patient", "day", "probe", "region", "abnormality", "percent"]),
    }
