"""What another case than the published one is made of: absent types and programmes, another source of profiles,
depth, ambient RNA, sorting, CAR, no disease, relapse.
"""

from dataclasses import dataclass

from simulator.case import Patient
from simulator.programmes import SUBSETS

PROGRAMMES = ("proliferating", "interferon", "clone")  # what can be absent besides subsets, cell types and lineages
SORTS = ("CD3+", "CD19-", "CAR+")
IMPURITY = 0.03  # share of sorted cells that the sort should not have let through
SORTED = "T2"  # the sample that is sorted
RELAPSE = 0.4  # share of blasts at a relapse

# A healthy adult's marrow mononuclear cells: `lineage_shares.csv` without blasts, and with few plasma cells.
HEALTHY = {
    "T": 0.42,
    "NK": 0.1,
    "myeloid": 0.24,
    "plasma": 0.012,
    "B": 0.11,
    "HSPC": 0.025,
    "erythroid": 0.08,
    "megakaryocyte": 0.013,
}


@dataclass(frozen=True)
class World:
    """How a case differs from the published one; the defaults are that case.

    without: subsets, cell types, lineages or PROGRAMMES. depth: UMIs of a cell, as a multiple. ambient: share of UMIs in
    every sample. sort: of T2. car: share of T cells at T2; a tenth of it at T3. one_genome: all features bear the name of
    the reference with the construct. relapse: blasts with or without CD19 at T3.
    """

    profiles: str = "hca"
    without: tuple[str, ...] = ()
    depth: float = 1.0
    ambient: float | None = None
    sort: str = ""
    car: float | None = None
    one_genome: bool = False
    healthy: bool = False
    relapse: str = ""

    def unknown(self) -> list[str]:
        """What `without` names and nothing is called."""
        known = {name for subset, v in SUBSETS.items() for name in (subset, v.cell_type, v.lineage)}
        return sorted(set(self.without) - known - set(PROGRAMMES))

    def populate(self, patient: Patient) -> Patient:
        """The patient of this world: shares of lineages and subsets, whether there is a clone and a relapse."""
        if self.healthy or "clone" in self.without:
            patient.has_clone = False
            patient.subsets["plasma"] = {"Plasma_3": (1.0, 1.0, 1.0)}
        if self.healthy:
            patient.lineages = {timepoint: dict(HEALTHY) for timepoint in patient.lineages}
        elif self.relapse:
            patient.relapse = True
            patient.lineages["T3"] = {k: v * (1 - RELAPSE) for k, v in patient.lineages["T3"].items()} | {
                "blast": RELAPSE
            }
        if self.sort:
            patient.lineages[SORTED] = self._sorted(patient.lineages[SORTED])
        if self.without:
            self._remove(patient)
        return patient

    def _sorted(self, lineages: dict[str, float]) -> dict[str, float]:
        kept = {k for k in lineages if (k == "T" if self.sort in ("CD3+", "CAR+") else k not in ("B", "blast"))}
        inside, outside = (sum(v for k, v in lineages.items() if (k in kept) == wanted) for wanted in (True, False))
        share = {True: (1 - IMPURITY) / inside, False: IMPURITY / outside if outside else 0}
        return {k: v * share[k in kept] for k, v in lineages.items()}

    def _remove(self, patient: Patient) -> None:
        for lineage, subsets in patient.subsets.items():
            left = {
                name: shares
                for name, shares in subsets.items()
                if not {name, SUBSETS[name].cell_type, lineage} & set(self.without)
            }
            # What is absent leaves room for all others, not for its sisters.
            for i, timepoint in enumerate(patient.lineages):
                if lineage in patient.lineages[timepoint]:
                    whole = sum(shares[i] for shares in subsets.values())
                    patient.lineages[timepoint][lineage] *= sum(shares[i] for shares in left.values()) / whole
                    if not left:
                        del patient.lineages[timepoint][lineage]
            patient.subsets[lineage] = left

    def car_share(self, timepoint: str) -> float | None:
        """Share of T cells that carry the CAR at a time point; None where cell types differ in it as in the case."""
        if self.healthy:
            return 0.0
        if self.sort == "CAR+" and timepoint == SORTED:
            return 1 - IMPURITY
        if self.car is None:
            return None
        return {"T1": 0.0, "T2": self.car, "T3": self.car / 10}[timepoint]


PUBLISHED = World()
