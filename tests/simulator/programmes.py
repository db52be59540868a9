"""Gene expression of cell types and subsets: mixtures of real profiles, marker genes, programmes.

The tables are in tests/data/simulator: genes.parquet (real profiles), expression.toml (what is put on top).
"""

import tomllib
import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

TABLES = Path(__file__).resolve().parents[1] / "data" / "simulator"
CAR = "FMC63_CAR"
ONE_GENOME = f"GRCh38-2020-A+{CAR}"  # as mkref names a reference to which a construct was added: of all its genes
DISPERSIONS = (0.05, 0.12, 0.3, 0.8)  # variances of the gamma noise of a gene
MILD = {"plasma": 0.8, "NK": 0.75}  # spread of ln fold changes of the many genes that differ a little; else 0.3
SOURCES = ("hca", "blood")  # of profiles: the Human Cell Atlas, and blood of another study
BASE_MITO = 0.04  # share of the profile that the mitochondrial genes have at strength 0


class Subset(NamedTuple):
    """A subset: its names, the state it starts from, and the folds of its own genes."""

    cell_type: str
    lineage: str
    state: str
    folds: dict[str, float]


class State(NamedTuple):
    """A state: weights of the vendored profiles, genes set to a level, genes multiplied by a factor."""

    mixture: dict[str, float]
    levels: dict[str, float]
    factors: dict[str, float]


def _pairs(text: str) -> dict[str, float]:
    words = text.split()
    return dict(zip(words[::2], map(float, words[1::2]), strict=True))


_TOML = tomllib.loads((TABLES / "expression.toml").read_text())


def _states(tables: dict) -> dict[str, State]:
    return {name: State(*(_pairs(v[k]) for k in ("mixture", "level", "factor"))) for name, v in tables.items()}


STATES = _states(_TOML["states"])
SUBSETS = {
    name: Subset(v["cell_type"], v["lineage"], v["state"], _pairs(v["fold"])) for name, v in _TOML["subsets"].items()
}
DEPTH: dict[str, list[float]] = _TOML["depth"]
GENES = {name: text.split() for name, text in _TOML["genes"].items()}
MITO: dict[str, float] = _TOML["mitochondrial"]


# Columns that only the second source has, and the first source's column for genes that it lacks.
LIKE = {
    "CD4_naive": "CD4+T",
    "CD4_memory": "CD4+T",
    "CD4_Treg": "CD4+T",
    "CD8_effector": "CD8+T",
    "CD8_memory": "CD8+T",
    "CD56bright": "NK",
    "nonclassical_monocyte": "Monocyte",
    "naive_B": "B",
    "memory_B": "B",
}


def _blood() -> tuple[dict[str, State], dict[str, tuple[str, dict[str, float]]]]:
    """States of the second source, and the subsets with a profile of their own: its column, and folds on top."""
    tables = tomllib.loads((TABLES / "blood.toml").read_text())
    own = {name: (v["profile"], _pairs(v["fold"])) for name, v in tables["subsets"].items()}
    return STATES | _states(tables["states"]), own


class Genome:
    """The vendored genes with the CAR at the end, the states' profiles and the programmes.

    features: gene_id, gene, feature_type, genome, chromosome, arm. base: (S, G) float32. Programmes in CSR
    form: start, gene, effect; their order in `programme`. profiles: which of SOURCES. one_genome: all features bear the name ONE_GENOME.
    """

    def __init__(self, profiles: str = "hca", one_genome: bool = False) -> None:
        table = pd.read_parquet(TABLES / "genes.parquet")
        states, self.own = STATES, {}
        if profiles == "blood":
            table, (states, self.own) = self._in_blood(table), _blood()
        car = {"gene_id": CAR, "gene": CAR, "chromosome": "", "arm": ""}
        table["genome"] = "GRCh38"
        for column in ("chromosome", "arm"):
            table[column] = table[column].astype(str)
        table = pd.concat([table, pd.DataFrame([car | {"genome": "FMC63_CAR_vector"}])], ignore_index=True)
        if one_genome:
            table["genome"] = ONE_GENOME
        self.table = table.fillna(0.0)
        self.features = table[["gene_id", "gene", "genome", "chromosome", "arm"]].assign(feature_type="Gene Expression")
        first = table[~table["gene"].duplicated()]
        self.at = dict(zip(first["gene"], first.index, strict=True))
        self.states = list(states)
        self.base = np.stack([self._profile(state) for state in states.values()])
        self.base[:, [self.at[g] for g in MITO]] = (
            np.array(list(MITO.values())) * (BASE_MITO / sum(MITO.values())) * 1e6
        )
        self.programme: dict[str, int] = {}
        self._index: list[np.ndarray] = []
        self._effect: list[np.ndarray] = []
        self._make_programmes()
        self.base = self.base.astype(np.float32)
        self.start = np.concatenate([[0], np.cumsum([len(i) for i in self._index])]).astype(np.int64)
        self.gene = np.concatenate(self._index).astype(np.int32)
        self.effect = np.concatenate(self._effect).astype(np.float32)
        rng = np.random.default_rng(7)
        self.dispersion = rng.choice(4, len(table), p=[0.35, 0.4, 0.2, 0.05]).astype(np.int8)
        self.dispersion[self.ids(GENES["stress"])] = 2

    def _in_blood(self, table: pd.DataFrame) -> pd.DataFrame:
        """The genes with the profiles of blood.parquet where it has the gene, and its further columns; `measured` says where."""
        blood = pd.read_parquet(TABLES / "blood.parquet").set_index("gene")
        first = ~table["gene"].duplicated()
        found = table["gene"].where(first).map(dict(zip(blood.index, range(len(blood)), strict=True)))
        # The study's donors had interferon of their own: its genes stay at rest, so that `isg_level` is all there is of it.
        resting = table[["interferon_lymphoid", "interferon_myeloid"]].abs().max(axis=1) < np.log(2)
        self.measured = (found.notna() & resting).to_numpy()
        for name in blood:
            first_source = table[name] if name in table else table[LIKE[name]]
            table[name] = np.where(self.measured, blood[name].to_numpy()[found.fillna(0).astype(int)], first_source)
        return table

    def _profile(self, state: State) -> np.ndarray:
        profile = sum(self.table[name].to_numpy(float) * weight for name, weight in state.mixture.items())
        for gene, factor in state.factors.items():
            profile[self.at[gene]] *= factor
        for gene, level in state.levels.items():
            profile[self.at[gene]] = level
        return profile

    def ids(self, genes: list[str]) -> np.ndarray:
        """Rows of the genes in the features."""
        return np.array([self.at[g] for g in genes], np.int64)

    def _add(self, name: str, index: np.ndarray, effect: np.ndarray | float) -> None:
        self.programme[name] = len(self._index)
        self._index.append(np.asarray(index))
        self._effect.append(np.broadcast_to(np.asarray(effect, float), (len(index),)))

    def _as_profile(
        self, row: int, folds: dict[str, float], profile: str, more: dict[str, float]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Genes and ln folds of a subset that differs from its state (row) as a profile does.

        Measured genes of 5 counts per million or more in one of the two that differ by a quarter; of the others `folds`.
        """
        level = self.table[profile].to_numpy(float)
        effect = np.log((level + 1) / (self.base[row] + 1))
        differs = (np.maximum(level, self.base[row]) >= 5) & (np.abs(effect) > np.log(1.25))
        differs[: len(self.measured)] &= self.measured
        differs[len(self.measured) :] = False
        effect[~differs] = 0
        unmeasured = {gene: fold for gene, fold in folds.items() if not self.measured[self.at[gene]]}
        for gene, fold in (unmeasured | more).items():
            effect[self.at[gene]] += np.log(fold)
        index = np.flatnonzero(effect)
        raised = index[effect[index] > 0]
        self.base[row, raised] = np.maximum(self.base[row, raised], 1.0)
        return index, effect[index]

    def _make_programmes(self) -> None:
        """Subsets first, then what runs through several cell types; every strength is per cell."""
        for name, (_, lineage, state, folds) in SUBSETS.items():
            row = self.states.index(state)
            if name in self.own:
                self._add(name, *self._as_profile(row, folds, *self.own[name]))
                continue
            index = self.ids(list(folds))
            fold = np.array(list(folds.values()))
            raised = index[fold > 1]
            self.base[row, raised] = np.maximum(self.base[row, raised], 4.0)
            # Subsets differ in many genes by a little, besides the known markers.
            rng = np.random.default_rng(zlib.crc32(name.encode()))
            mild = rng.choice(np.flatnonzero(self.base[row] > 15), 250, replace=False)
            mild = np.setdiff1d(mild, index)
            self._add(
                name,
                np.concatenate([index, mild]),
                np.concatenate([np.log(fold), rng.normal(0, MILD.get(lineage, 0.3), len(mild))]),
            )
        for kind in ("lymphoid", "myeloid"):
            effect = self.table[f"interferon_{kind}"].to_numpy(float)
            chosen = np.flatnonzero(effect)
            self.base[:, chosen[effect[chosen] > 1]] = np.maximum(self.base[:, chosen[effect[chosen] > 1]], 2.0)
            self._add(f"interferon_{kind}", chosen, effect[chosen])
        for name, genes, fold in (("S", GENES["S"], 12), ("G2M", GENES["G2M"], 18)):
            index = self.ids(genes)
            self.base[:, index] = np.clip(self.base[:, index], 3.0, 200.0)
            self._add(name, index, np.log(fold))
        self._add("stress", self.ids(GENES["stress"]), 1.0)
        self._add("mito", self.ids(list(MITO)), 1.0)
        names = self.table["gene"].astype(str)
        self._add("ribo", np.flatnonzero(names.str.match(r"RP[SL]\d+[AXYL]?\d*$")), 1.0)
        self._add("haemoglobin", self.ids(GENES["haemoglobin"]), 1.0)
        arms = self.table["chromosome"].astype(str) + self.table["arm"].astype(str)
        self._add("gain_1q", np.flatnonzero(arms == "chr1q"), np.log(1.5))
        self._add("loss_13q", np.flatnonzero(arms == "chr13q"), np.log(0.5))
        for axis in range(3):
            rng = np.random.default_rng(100 + axis)
            chosen = rng.choice(np.flatnonzero(self.base.mean(0) > 15), 400, replace=False)
            self._add(f"axis_{axis}", chosen, rng.normal(0, 0.25, 400))
