"""The cells of one sample: type, subset, clone, interferon level, genome, CAR, depth; and their droplets."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from simulator.case import (
    BLAST,
    CAR_SHARE,
    CLONE,
    CLONE_IN_SUBSET,
    GAIN_1Q,
    INTERFERON,
    ISG_HIGH,
    LOSS_13Q,
    TIMEPOINTS,
    Patient,
)  # fmt: skip
from simulator.counts import Cells
from simulator.programmes import SUBSETS, Genome
from simulator.receptors import Pools, Repertoire, Usage
from simulator.strengths import add_receptor_genes, parameters
from simulator.worlds import PUBLISHED, World

DOUBLETS, DYING, EMPTY = 0.05, 0.04, 0.02
# Chance that a T cell belongs to one of the patient's expanded clones.
EXPANDED = {
    "CD4_naive": 0.01,
    "CD4_memory": 0.25,
    "CD4_Treg": 0.1,
    "CD8_effector": 0.85,
    "CD8_memory": 0.5,
    "CD8_ISG+": 0.7,
}


@dataclass
class Sample:
    """A simulated sample before its counts. N cells, D droplets, D <= N.

    truth: one row per cell (N). first, second: (D,) cell numbers or -1. ambient: (D,) expected ambient UMIs.
    barcodes: (D,) without suffix, sorted. repertoire: chains and clones; bcr, tcr: (N,) clone number or -1.
    """

    name: str
    patient: Patient
    timepoint: str
    truth: pd.DataFrame
    cells: Cells
    first: np.ndarray
    second: np.ndarray
    kind: np.ndarray
    ambient: np.ndarray
    ambient_share: float
    barcodes: np.ndarray
    repertoire: Repertoire
    bcr: np.ndarray
    tcr: np.ndarray


def make_barcodes(count: int, rng: np.random.Generator) -> np.ndarray:
    """Different 16-base barcodes, sorted as in a matrix."""
    codes = np.unique(rng.integers(0, 4**16, int(count * 1.01) + 20))
    codes = np.sort(rng.permutation(codes)[:count])
    letters = np.frombuffer(b"ACGT", np.uint8)[(codes[:, None] >> (2 * np.arange(15, -1, -1))) & 3]
    return letters.view("S16").ravel().astype("U16")


def draw_sample(
    patient: Patient,
    timepoint: str,
    droplets: int,
    genome: Genome,
    pools: Pools,
    usage: Usage,
    seed: int,
    world: World = PUBLISHED,
) -> Sample:
    """All cells and droplets of one sample, from its own random stream."""
    when = list(TIMEPOINTS).index(timepoint)
    rng = np.random.default_rng([seed, 31, patient.number, when])
    kind = rng.choice(4, droplets, p=[1 - DOUBLETS - DYING - EMPTY, DOUBLETS, DYING, EMPTY])
    filled = np.flatnonzero(kind != 3)
    pairs = np.flatnonzero(kind == 1)
    n = len(filled) + len(pairs)
    first, second = np.full(droplets, -1), np.full(droplets, -1)
    first[filled] = np.arange(len(filled))
    second[pairs] = np.arange(len(filled), n)

    subset = _draw_subsets(patient, timepoint, when, n, rng)
    info = pd.DataFrame.from_dict(SUBSETS, orient="index", columns=["cell_type", "lineage", "state", "folds"])
    truth = pd.DataFrame(
        {
            "subset": subset,
            "cell_type": info["cell_type"].loc[subset].to_numpy(),
            "lineage": info["lineage"].loc[subset].to_numpy(),
        }
    )
    dying = np.zeros(n, bool)
    dying[first[kind == 2]] = True

    rep = pools.repertoire.copy()
    bcr, tcr, branch = _draw_clones(patient, when, truth, rep, pools, usage, rng)
    names = np.append(np.concatenate(rep.names), "")
    truth["bcr_clone"], truth["tcr_clone"] = names[bcr], names[tcr]
    malignant = truth["bcr_clone"].eq(f"{patient.name}_{CLONE}").to_numpy()
    truth["clone_branch"] = np.where(malignant, branch, -1)
    truth["malignant"] = np.where(malignant, "plasma", np.where(truth["lineage"] == "blast", "blast", ""))
    truth["gain_1q"] = malignant & (rng.random(n) < GAIN_1Q)
    truth["loss_13q"] = malignant & (rng.random(n) < LOSS_13Q)
    weight = np.where(truth["cell_type"] == "CD8 T", 1.4, 0.7) * (truth["lineage"] == "T")
    share = world.car_share(timepoint)
    chance = CAR_SHARE[timepoint] * weight if share is None else share * (truth["lineage"] == "T")
    truth["car"] = rng.random(n) < chance
    truth["isg_level"] = _interferon(patient, timepoint, truth, rng) * ("interferon" not in world.without)

    cells = parameters(truth, dying, genome, rng, world)
    add_receptor_genes(cells, truth, rep, bcr, tcr, genome, rng)
    share = rng.uniform(0.03, 0.10)
    if world.ambient is not None:
        share = world.ambient
    own = np.zeros(droplets)
    own[filled] = cells.n_umi[first[filled]]
    own[pairs] += cells.n_umi[second[pairs]]
    level = share / (1 - share) * np.median(own[kind == 0])
    ambient = level * rng.lognormal(0, 0.3, droplets)
    ambient[kind == 3] = rng.lognormal(np.log(900), 0.45, int((kind == 3).sum()))
    return Sample(
        name=f"{patient.name}_{timepoint}",
        patient=patient,
        timepoint=timepoint,
        truth=truth,
        cells=cells,
        first=first,
        second=second,
        kind=np.array(["cell", "doublet", "dying", "empty"])[kind],
        ambient=ambient,
        ambient_share=share,
        barcodes=make_barcodes(droplets, rng),
        repertoire=rep,
        bcr=bcr,
        tcr=tcr,
    )


def _draw_subsets(patient: Patient, timepoint: str, when: int, n: int, rng: np.random.Generator) -> np.ndarray:
    names, shares = [], []
    for lineage, share in patient.lineages[timepoint].items():
        inner = patient.subsets[lineage]
        total = sum(v[when] for v in inner.values())
        names += list(inner)
        shares += [share * v[when] / total for v in inner.values()]
    shares = np.array(shares) / np.sum(shares)
    # Counts are the rounded expectation, so that even a small sample holds the rare subsets.
    counts = np.floor(shares * n + rng.random(len(shares))).astype(int)
    subset = np.repeat(np.array(names, object), counts)
    if len(subset) < n:
        subset = np.append(subset, rng.choice(np.array(names, object), n - len(subset), p=shares))
    return rng.permutation(subset)[:n]


def _draw_clones(
    patient: Patient,
    when: int,
    truth: pd.DataFrame,
    rep: Repertoire,
    pools: Pools,
    usage: Usage,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Clone number per cell for B and T receptors (-1 none), and the branch of the malignant plasma clone."""
    n = len(truth)
    bcr, tcr, branch = np.full(n, -1), np.full(n, -1), np.zeros(n, int)
    subset = truth["subset"].to_numpy(object)
    drift = np.random.default_rng([len(pools.bulk), patient.number, when])

    def from_pool(pool: str, chosen: np.ndarray, spread: float) -> np.ndarray:
        sizes = pools.sizes[pool] * drift.lognormal(0, spread, len(pools.sizes[pool]))
        return rng.choice(len(sizes), int(chosen.sum()), p=sizes / sizes.sum())

    for name, chance in EXPANDED.items():
        members = subset == name
        old = members & (rng.random(n) < chance)
        pool = "CD4" if name.startswith("CD4") else "CD8"
        tcr[old] = pools.members[pool][from_pool(pool, old, 0.5)]
        new = np.flatnonzero(members & ~old)
        labels = np.array([f"{patient.name}_t{when + 1}_{name}_{i}" for i in range(len(new))], object)
        tcr[new] = rep.add_random("TCR", labels, usage, rng)
    for name, chance in CLONE_IN_SUBSET.items():
        if CLONE not in pools.members:
            break
        members = (subset == name) & (rng.random(n) < chance)
        branch[members] = from_pool(CLONE, members, 0.1)
        bcr[members] = pools.members[CLONE][branch[members]]
    blast = subset == "B-ALL_blast"
    bcr[blast] = pools.members[BLAST][0]
    for lineage, pool, chance in (("plasma", "plasma", 0.6), ("B", "memory_B", 0.2)):
        members = (truth["lineage"].to_numpy() == lineage) & (bcr < 0)
        old = members & (rng.random(n) < chance) & ~np.isin(subset, ["naive_B", "B_precursor"])
        bcr[old] = pools.members[pool][from_pool(pool, old, 0.4)]
        for name in np.unique(subset[members & ~old]):
            new = np.flatnonzero(members & ~old & (subset == name))
            labels = np.array([f"{patient.name}_t{when + 1}_{name}_{i}" for i in range(len(new))], object)
            c_call = "IGHM" if name in ("naive_B", "B_precursor") else "switched"
            bcr[new] = rep.add_random("BCR", labels, usage, rng, c_call)
    return bcr, tcr, branch


def _interferon(patient: Patient, timepoint: str, truth: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    """Graded level per cell: a low skewed background, high in the ISG+ subsets, with overlap."""
    n = len(truth)
    level = rng.gamma(1.5, INTERFERON[timepoint] * patient.interferon / 1.5, n)
    for name, mean in ISG_HIGH.items():
        members = (truth["subset"] == name).to_numpy()
        grown = mean * (1.15 if timepoint == "T3" else 0.95)
        level[members] += np.clip(rng.normal(grown, 0.17, int(members.sum())), 0.02, None)
    return np.clip(level, 0, 1.2).round(4)
