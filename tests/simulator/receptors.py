"""Receptor chains and clones: V-J usage and CDR3 lengths of real libraries, nucleotides that translate."""

import json
from dataclasses import dataclass, field

import numpy as np

from simulator.case import BLAST, CLONE, HEAVY, LIGHT, Patient
from simulator.programmes import TABLES
from simulator.sequences import CODONS, back_translate, mutated, translate

D_GENES = {
    "IGH": ["IGHD3-10", "IGHD3-22", "IGHD6-19", "IGHD2-2", "IGHD6-13", "IGHD3-3", "IGHD4-17", "IGHD1-26"],
    "TRB": ["TRBD1", "TRBD2"],
}
SWITCHED = {"IGHG1": 0.32, "IGHA1": 0.32, "IGHG2": 0.1, "IGHA2": 0.08, "IGHG3": 0.05, "IGHG4": 0.03, "IGHM": 0.1}
SECOND_ALPHA = 0.1  # share of T clones whose other TRA allele is productive as well
KAPPA_DELETING = "GGAGCCCTAGTGGCAGCC"  # start of the kappa deleting element
COLUMNS = ("locus", "v", "d", "j", "c", "cdr3", "cdr3_nt")


class Usage:
    """V-J usage, CDR3 lengths and composition per locus, of the vendored tables."""

    def __init__(self) -> None:
        self.loci = json.loads((TABLES / "receptors.json").read_text())
        for table in self.loci.values():
            table["p"] = np.array(table["count"], float) / sum(table["count"])
            keep = {int(k): n for k, n in table["length"].items() if int(k) >= 8}
            table["lengths"] = np.array(list(keep))
            table["length_p"] = np.array(list(keep.values()), float) / sum(keep.values())
            letters = {a: n for a, n in table["middle"].items() if a in CODONS and a != "C"}
            table["letters"] = np.frombuffer("".join(letters).encode(), np.uint8)
            table["letter_p"] = np.array(list(letters.values()), float) / sum(letters.values())

    def draw(self, locus: str, n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
        """n random chains of a locus as arrays v, d, j, c, cdr3, cdr3_nt."""
        table = self.loci[locus]
        pair = rng.choice(len(table["p"]), n, p=table["p"])
        v, j = np.array(table["v"], object)[pair], np.array(table["j"], object)[pair]
        length = rng.choice(table["lengths"], n, p=table["length_p"])
        middle = rng.choice(table["letters"], int(length.sum()) + 1, p=table["letter_p"]).tobytes().decode()
        cdr3, at = [], 0
        for i in range(n):
            # The J end is trimmed by up to two residues, as exonuclease does; short junctions trim more.
            end = table["end"][j[i]]
            end = end[min(2, max(0, 8 - length[i])) :]
            inner = max(0, length[i] - 3 - len(end))
            cdr3.append(table["start"][v[i]] + middle[at : at + inner] + end)
            at += inner
        c = np.array(list(table["c"]), object)
        c = c[rng.choice(len(c), n, p=np.array(list(table["c"].values()), float) / sum(table["c"].values()))]
        d = np.full(n, None, object)
        if locus in D_GENES:
            known = rng.random(n) < 0.55
            d[known] = rng.choice(np.array(D_GENES[locus], object), known.sum())
        nt = np.array(back_translate(cdr3, rng), object)
        cdr3 = np.array(cdr3, object)
        return {"locus": np.full(n, locus, object), "v": v, "d": d, "j": j, "c": c, "cdr3": cdr3, "cdr3_nt": nt}


@dataclass
class Repertoire:
    """Chains and clones of one patient or sample. Clones name rows of the chain table; -1 is none.

    chains: columns of COLUMNS. clones: name, first (IGH or TRB), second (light or TRA), third (light).
    """

    chains: dict[str, list[np.ndarray]] = field(default_factory=lambda: {c: [] for c in COLUMNS})
    n_chains: int = 0
    names: list[np.ndarray] = field(default_factory=list)
    rows: list[np.ndarray] = field(default_factory=list)
    n_clones: int = 0

    def add_chains(self, drawn: dict[str, np.ndarray]) -> np.ndarray:
        for column in COLUMNS:
            self.chains[column].append(drawn[column])
        n = len(drawn["v"])
        self.n_chains += n
        return np.arange(self.n_chains - n, self.n_chains)

    def add_clones(
        self, names: np.ndarray, first: np.ndarray, second: np.ndarray, third: np.ndarray | None = None
    ) -> np.ndarray:
        third = np.full(len(names), -1) if third is None else third
        self.names.append(np.asarray(names, object))
        self.rows.append(np.stack([first, second, third], axis=1))
        self.n_clones += len(names)
        return np.arange(self.n_clones - len(names), self.n_clones)

    def add_random(
        self, kind: str, names: np.ndarray, usage: Usage, rng: np.random.Generator, c_call: str | None = None
    ) -> np.ndarray:
        """Random clones: kind BCR (IGH with IGK or IGL at 60:40) or TCR. Returns their numbers."""
        n = len(names)
        heavy = usage.draw("IGH" if kind == "BCR" else "TRB", n, rng)
        if c_call == "switched":
            heavy["c"] = rng.choice(np.array(list(SWITCHED), object), n, p=list(SWITCHED.values()))
        elif c_call is not None:
            heavy["c"] = np.full(n, c_call, object)
        first = self.add_chains(heavy)
        if kind == "TCR":
            second, third = self.add_chains(usage.draw("TRA", n, rng)), np.full(n, -1)
            both = np.flatnonzero(rng.random(n) < SECOND_ALPHA)
            third[both] = self.add_chains(usage.draw("TRA", len(both), rng))
            return self.add_clones(names, first, second, third)
        kappa = rng.random(n) < 0.6
        second = np.empty(n, np.int64)
        second[kappa] = self.add_chains(usage.draw("IGK", int(kappa.sum()), rng))
        second[~kappa] = self.add_chains(usage.draw("IGL", int((~kappa).sum()), rng))
        return self.add_clones(names, first, second)

    def finish(self) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
        """Chain columns, clone names (C,) and clone rows (C, 3)."""
        empty = np.empty(0, object)
        chains = {c: np.concatenate(v) if v else empty for c, v in self.chains.items()}
        names = np.concatenate(self.names) if self.names else empty
        return chains, names, np.concatenate(self.rows) if self.rows else np.empty((0, 3), int)

    def copy(self) -> "Repertoire":
        return Repertoire(
            {c: list(v) for c, v in self.chains.items()},
            self.n_chains,
            list(self.names),
            list(self.rows),
            self.n_clones,
        )


@dataclass
class Pools:
    """A patient's lasting clones by kind: numbers in the repertoire and a size per clone."""

    repertoire: Repertoire
    members: dict[str, np.ndarray]
    sizes: dict[str, np.ndarray]
    bulk: list[dict]


def _one(locus: str, v: str, j: str, c: str, cdr3: str, nt: str, d: str | None = None) -> dict[str, np.ndarray]:
    values = {"locus": locus, "v": v, "d": d, "j": j, "c": c, "cdr3": cdr3, "cdr3_nt": nt}
    return {k: np.array([x], object) for k, x in values.items()}


def _bulk(clone: str, locus: str, v: str, j: str, nt: str, aa: str) -> dict[str, str]:
    return {"clone": clone, "locus": locus, "v_call": v, "j_call": j, "junction": nt, "junction_aa": aa}


def make_pools(patient: Patient, usage: Usage, seed: int) -> Pools:
    """A patient's lasting clones: malignant plasma, blast, polyclonal plasma and memory B, expanded T."""
    rng = np.random.default_rng([seed, 21, patient.number])
    rep, members, sizes = Repertoire(), {}, {}
    for name, kind, count, slope in (
        ("plasma", "BCR", 300, 0.7),
        ("memory_B", "BCR", 400, 0.5),
        ("CD4", "TCR", 500, 0.6),
        ("CD8", "TCR", 220, 1.0),
    ):
        names = np.array([f"{patient.name}_{name}_{i + 1}" for i in range(count)], object)
        members[name] = rep.add_random(kind, names, usage, rng, "switched" if kind == "BCR" else None)
        sizes[name] = 1 / np.arange(1, count + 1) ** slope
    if patient.number == 1:
        heavy, light, genes = HEAVY, LIGHT, ("IGHV3-21", "IGHJ6", "IGLV2-23", "IGLJ3")
    else:
        drawn, other = usage.draw("IGH", 1, rng), usage.draw("IGL", 1, rng)
        heavy, light = drawn["cdr3"][0], other["cdr3"][0]
        genes = (drawn["v"][0], drawn["j"][0], other["v"][0], other["j"][0])
    heavy_nt, light_nt = back_translate([heavy, light], rng)
    second = _one("IGL", "IGLV3-21", "IGLJ2", "IGLC2", "CQVWDSSSDHVVF", back_translate(["CQVWDSSSDHVVF"], rng)[0])
    # Branches of the clone: the founder, a silent change, one and two replacements in the heavy junction.
    middle = 3 * (len(heavy) // 2)
    silent = mutated(heavy_nt, range(middle + 2, len(heavy_nt), 3), same=True)
    replaced = mutated(heavy_nt, range(middle, len(heavy_nt) - 6), same=False)
    replaced_again = mutated(replaced, range(9, middle), same=False)
    if patient.has_clone:
        lambda_row = rep.add_chains(_one("IGL", genes[2], genes[3], "IGLC3", light, light_nt))[0]
        second_row = rep.add_chains(second)[0]
        rows = [
            rep.add_chains(_one("IGH", genes[0], genes[1], "IGHG1", translate(nt), nt, "IGHD3-10"))[0]
            for nt in (heavy_nt, silent, replaced, replaced_again)
        ]
        third = np.array([-1, -1, second_row, -1])
        members[CLONE] = rep.add_clones(
            np.full(4, f"{patient.name}_{CLONE}", object), np.array(rows), np.full(4, lambda_row), third
        )
        sizes[CLONE] = np.array([0.62, 0.12, 0.18, 0.08])
    blast = usage.draw("IGH", 1, rng) | {"c": np.array(["IGHM"], object)}
    members[BLAST] = rep.add_clones(
        np.array([f"{patient.name}_{BLAST}"], object), rep.add_chains(blast), np.array([-1])
    )
    sizes[BLAST] = np.ones(1)
    kappa = usage.draw("IGK", 2, rng)
    bulk = [
        _bulk(f"IGKDE_{i + 1}", "IGK", kappa["v"][i], "IGKDE", kappa["cdr3_nt"][i][:-6] + KAPPA_DELETING, "")
        for i in range(2)
    ]
    if patient.has_clone:
        nt, aa = second["cdr3_nt"][0], second["cdr3"][0]
        bulk.append(_bulk("IGH_1", "IGH", genes[0], genes[1], heavy_nt, heavy))
        bulk.append(_bulk("IGL_1", "IGL", genes[2], genes[3], light_nt, light))
        bulk.append(_bulk("IGL_2", "IGL", "IGLV3-21", "IGLJ2", nt, aa))
    return Pools(rep, members, sizes, bulk)
