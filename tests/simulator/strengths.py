"""How a cell expresses: its state, the strength of every programme, its depth, and its receptor's genes."""

import numpy as np
import pandas as pd

from simulator.counts import Cells
from simulator.programmes import BASE_MITO, CAR, DEPTH, SUBSETS, Genome
from simulator.receptors import Repertoire
from simulator.worlds import World

# Share of cells in S or G2M per subset or cell type; else 0.01.
CYCLING = {"B-ALL blast": 0.35, "Plasma_2": 0.12, "B precursor": 0.35, "HSPC": 0.25, "erythroid": 0.4, "CD8_ISG+": 0.06}
BETWEEN = {"monocyte": 0.3}  # share of cells that lie between two subsets of a state; else 0.15
EXTRAS = 6


def parameters(truth: pd.DataFrame, dying: np.ndarray, genome: Genome, rng: np.random.Generator, world: World) -> Cells:
    """State, programme strengths and depth of all cells (N rows of truth), receptor genes still empty.

    Adds phase, mito_share and expected_umi to truth.
    """
    n = len(truth)
    strength = np.zeros((n, len(genome.programme)), np.float32)
    state = np.zeros(n, np.int64)
    depth, spread, mito = np.zeros(n), np.zeros(n), np.zeros(n)
    phase = np.full(n, "G1", object)
    for name, (cell_type, lineage, state_name, _) in SUBSETS.items():
        members = np.flatnonzero(truth["subset"] == name)
        state[members] = genome.states.index(state_name)
        depth[members], spread[members], mito[members] = DEPTH[cell_type]
        # Identity is graded: some cells are barely of their subset, and neighbours share programmes.
        strength[members, genome.programme[name]] = np.clip(rng.normal(0.9, 0.25, len(members)), 0.05, 1.6)
        sisters = [s for s, v in SUBSETS.items() if v[2] == state_name and s != name]
        between = members[rng.random(len(members)) < BETWEEN.get(state_name, 0.15)]
        if sisters and len(between):
            other = rng.choice([genome.programme[s] for s in sisters], len(between))
            amount = rng.uniform(0.2, 0.6, len(between))
            strength[between, genome.programme[name]] = 0.9 - amount
            strength[between, other] = amount
        cycling = CYCLING.get(name, CYCLING.get(cell_type, 0.01))
        active = members[rng.random(len(members)) < cycling * ("proliferating" not in world.without)]
        late = rng.random(len(active)) < 0.45
        strength[active, genome.programme["S"]] = np.where(
            late, rng.uniform(0, 0.4, len(active)), rng.uniform(0.5, 1.1, len(active))
        )
        strength[active, genome.programme["G2M"]] = np.where(late, rng.uniform(0.5, 1.1, len(active)), 0)
        phase[active] = np.where(late, "G2M", "S")
        kind = "interferon_myeloid" if lineage == "myeloid" else "interferon_lymphoid"
        strength[members, genome.programme[kind]] = 0.85 * truth["isg_level"].to_numpy()[members]
    truth["phase"] = phase
    strength[:, genome.programme["stress"]] = rng.normal(rng.normal(0, 0.2), 0.3, n)
    strength[:, genome.programme["ribo"]] = rng.normal(rng.normal(0, 0.08), 0.13, n)
    red = (truth["lineage"] == "erythroid").to_numpy()
    strength[red, genome.programme["haemoglobin"]] = rng.normal(1.6, 1.6, int(red.sum()))
    for axis in range(3):
        strength[:, genome.programme[f"axis_{axis}"]] = rng.normal(0, 0.5, n)
    for name in ("gain_1q", "loss_13q"):
        strength[:, genome.programme[name]] = truth[name]
    share = mito * rng.lognormal(rng.normal(0, 0.12), 0.42, n)
    share[dying] = rng.uniform(0.12, 0.6, int(dying.sum()))
    share = np.clip(share, 0.003, 0.8)
    # The strength that turns the profile's mitochondrial share into this cell's.
    strength[:, genome.programme["mito"]] = np.log(share / (1 - share) * (1 - BASE_MITO) / BASE_MITO)
    truth["mito_share"] = share.round(4)
    umi = depth * world.depth * rng.lognormal(rng.normal(0, 0.15), spread)
    umi[dying] *= rng.uniform(0.15, 0.6, int(dying.sum()))
    truth["expected_umi"] = np.maximum(umi, 200).round(1)
    return Cells(
        state,
        strength,
        np.maximum(umi, 200).astype(np.float32),
        np.full((n, EXTRAS), -1, np.int32),
        np.zeros((n, EXTRAS), np.float32),
    )


def add_receptor_genes(
    cells: Cells,
    truth: pd.DataFrame,
    rep: Repertoire,
    bcr: np.ndarray,
    tcr: np.ndarray,
    genome: Genome,
    rng: np.random.Generator,
) -> None:
    """V and C genes follow the cell's own chains; the CAR is one more gene."""
    chains, _, rows = rep.finish()
    of = {c: pd.Series(chains[c]).map(genome.at).fillna(-1).astype(int).to_numpy() for c in ("v", "c")}
    n = len(truth)
    subset = truth["subset"].to_numpy(object)
    plasma = (truth["lineage"] == "plasma").to_numpy()
    total = np.zeros(n)
    total[plasma] = np.clip(rng.normal(np.where(subset[plasma] == "Plasma_3", 0.30, 0.38), 0.07), 0.05, 0.75)
    for name, level in (("naive_B", 0.012), ("memory_B", 0.02), ("B_precursor", 0.003), ("B-ALL_blast", 0.0006)):
        total[subset == name] = level * rng.lognormal(0, 0.5, int((subset == name).sum()))
    has = bcr >= 0
    with_light = has & ~np.isin(subset, ["B_precursor"])
    for column, (position, gene, part, who) in enumerate(
        [(0, "c", 0.33, has), (0, "v", 0.10, has), (1, "c", 0.42, with_light), (1, "v", 0.15, with_light)]
    ):
        chain = np.where(who, rows[bcr, position], -1)
        target = np.where(chain >= 0, of[gene][chain], -1)
        cells.extra_gene[:, column] = target
        cells.extra_share[:, column] = total * part * rng.lognormal(0, 0.2, n)
    ours = tcr >= 0
    for column, (position, gene, level) in enumerate([(0, "c", 6e-4), (0, "v", 1.2e-4), (1, "v", 1.0e-4)]):
        chain = rows[tcr[ours], position]
        cells.extra_gene[ours, column] = of[gene][chain]
        cells.extra_share[ours, column] = level * rng.lognormal(0, 0.3, int(ours.sum()))
    car = truth["car"].to_numpy()
    cells.extra_gene[car, EXTRAS - 1] = genome.at[CAR]
    cells.extra_share[car, EXTRAS - 1] = 6e-4 * rng.lognormal(0, 0.7, int(car.sum()))
