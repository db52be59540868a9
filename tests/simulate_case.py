#!/usr/bin/env python3
"""Write what a lab would have on disk for the published case, or for a cohort around it, and the truth."""

import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import click
import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parent))

from simulator import counts, tenx
from simulator.accidents import LIBRARIES, Accidents, contaminate, contaminated_truth, exchange, hop, relabel
from simulator.case import CASE, TIMEPOINTS, Patient, make_patients, tables
from simulator.cells import Sample, draw_sample
from simulator.contigs import contig_metrics, make_contigs, write_contigs
from simulator.programmes import DISPERSIONS, GENES, MITO, SOURCES, Genome
from simulator.receptors import Pools, Usage, make_pools
from simulator.worlds import PUBLISHED, SORTED, SORTS, World

CHUNK = 1000  # droplets per task


class Simulation:
    """Draws and writes the samples of a cohort; everything follows from the seed, sample by sample."""

    def __init__(
        self, out: Path, cells: int, patients: int, seed: int, workers: int, accidents: Accidents, world: World = PUBLISHED
    ):  # fmt: skip
        self.out, self.seed, self.workers, self.accidents, self.world = out, seed, workers, accidents, world
        self.genome, self.usage = Genome(world.profiles, world.one_genome), Usage()
        self.cohort = [world.populate(patient) for patient in make_patients(patients, seed)]
        self.pools: dict[str, Pools] = {p.name: make_pools(p, self.usage, seed) for p in self.cohort}
        plan = [(patient, timepoint) for patient in self.cohort for timepoint in TIMEPOINTS]
        sizes = np.full(len(plan), cells // len(plan))
        sizes[: cells % len(plan)] += 1
        self.plan = {
            f"{p.name}_{t}": (p, t, int(n)) for (p, t), n in zip(plan, sizes, strict=True)
        }  # fmt: skip
        unknown = sorted(accidents.samples() - set(self.plan))
        if unknown:
            raise click.ClickException(f"{unknown[0]}: no such sample; samples are {', '.join(self.plan)}")

    def rng(self, stream: int, patient: Patient, timepoint: str) -> np.random.Generator:
        return np.random.default_rng([self.seed, stream, patient.number, list(TIMEPOINTS).index(timepoint)])

    def draw(self, name: str) -> Sample:
        patient, timepoint, size = self.plan[name]
        pools = self.pools[patient.name]
        return draw_sample(patient, timepoint, size, self.genome, pools, self.usage, self.seed, self.world)

    def expression(self, sample: Sample) -> counts.Expression:
        """The cell types as this library shows them: patient, batch and ambient profile on top."""
        genome, n_genes = self.genome, self.genome.base.shape[1]
        patient = np.random.default_rng([self.seed, 51, sample.patient.number])
        batch = self.rng(52, sample.patient, sample.timepoint)
        base = genome.base * np.exp(patient.normal(0, 0.08, n_genes) + batch.normal(0, 0.14, n_genes))
        other = "male" if sample.patient.sex == "female" else "female"
        base[:, genome.ids(GENES[other])] = 0
        base[:, genome.ids(GENES[sample.patient.sex])] *= 1.6
        if self.world.relapse == "CD19-" and sample.timepoint == "T3":
            base[genome.states.index("B-ALL blast"), genome.at["CD19"]] = 0
        base = (base / base.sum(1, keepdims=True)).astype(np.float32)
        noise = counts.gamma_noise(DISPERSIONS, 9)
        what = counts.Expression(
            base, genome.start, genome.gene, genome.effect, genome.dispersion, noise, np.zeros(n_genes, np.float32)
        )
        chosen = batch.choice(len(sample.truth), min(2000, len(sample.truth)), replace=False)
        soup = counts.mean_expression(chosen, what, sample.cells)
        # Burst cells leave their mitochondria, and red cells that no filter saw their haemoglobin.
        soup[genome.ids(list(MITO))] *= 2
        red = soup.sum() * batch.uniform(0.005, 0.03)
        soup[genome.ids(["HBB", "HBA1", "HBA2"])] += red * np.array([0.45, 0.25, 0.3])
        what.soup = (soup / soup.sum()).astype(np.float32)
        return what

    def write(self, name: str) -> pd.DataFrame:
        """Matrix, contigs and metrics of one sample; returns its truth."""
        sample, folder = self.draw(name), self.out / name
        for library in LIBRARIES:
            (folder / library).mkdir(parents=True, exist_ok=True)
        rng = self.rng(61, sample.patient, sample.timepoint)
        what = self.expression(sample)
        stream = int(rng.integers(2**63))
        size = len(sample.barcodes)
        tasks = (
            partial(
                counts.draw, low, min(low + CHUNK, size), stream, sample.first, sample.second, sample.ambient,
                what, sample.cells,
            )
            for low in range(0, size, CHUNK)
        )  # fmt: skip
        matrix = folder / "filtered_feature_bc_matrix.h5"
        barcodes = np.char.add(sample.barcodes, "-1")
        with ThreadPoolExecutor(self.workers) as pool:
            ahead = 2 * self.workers + 2
            stats = tenx.write_matrix(matrix, self.genome.features, barcodes, tasks, pool, ahead, name)
        tenx.write_metrics(folder / "metrics_summary.csv", tenx.gex_metrics(stats, rng))
        hopped = self.accidents.hopped
        source = self.draw(hopped[1]) if hopped and hopped[0] == name else None
        for receptor, library in zip(("BCR", "TCR"), LIBRARIES, strict=True):
            table = make_contigs(sample, receptor, self.usage, self.seed)
            if source is not None:
                other = make_contigs(source, receptor, self.usage, self.seed)
                table = hop(table, other, hopped[2], rng)
            write_contigs(folder / library / "filtered_contig_annotations.csv", table)
            tenx.write_metrics(folder / library / "metrics_summary.csv", contig_metrics(table, rng))
        return truth_table(sample, stats)

    def run(self) -> pd.DataFrame:
        """Write everything; returns the samplesheet."""
        (self.out / "truth").mkdir(parents=True, exist_ok=True)
        sheet, truth, facts = [], [], []
        for name, (patient, timepoint, size) in self.plan.items():
            truth.append(self.write(name))
            vdj = {library: f"{name}/{library}/filtered_contig_annotations.csv" for library in LIBRARIES}
            sheet.append(
                {"sample": name, "patient": patient.name, "timepoint": timepoint,
                 "day": TIMEPOINTS[timepoint], "gex": f"{name}/filtered_feature_bc_matrix.h5", **vdj,
                 "batch": name, "tissue": "bone marrow"}
                | ({"sort": self.world.sort if timepoint == SORTED else ""} if self.world.sort else {})
            )  # fmt: skip
            facts.append(
                {"sample": name, "patient": patient.name, "sex": patient.sex, "has_clone": patient.has_clone,
                 "relapse": patient.relapse, "gex_origin": name, "vdj_origin": name}
            )  # fmt: skip
            click.echo(f"{name}: {size} barcodes", err=True)
        self.finish(pd.concat(truth, ignore_index=True), pd.DataFrame(facts).set_index("sample"))
        bulk = {name: pools.bulk for name, pools in self.pools.items()}
        for name, table in {} if self.world.healthy else tables(self.cohort, bulk, self.seed).items():
            table.to_csv(self.out / f"{name}.csv", index=False)
        sheet = pd.DataFrame(sheet)
        sheet.to_csv(self.out / "samples.csv", index=False)
        return sheet

    def finish(self, truth: pd.DataFrame, facts: pd.DataFrame) -> None:
        """Let the accidents happen on disk and write the truth about them."""
        if self.accidents.contaminated:
            one, two, share = self.accidents.contaminated
            rng = np.random.default_rng([self.seed, 71])
            truth = contaminated_truth(truth, one, two, contaminate(self.out / one, self.out / two, share, rng))
            facts.loc[one, "contaminated_from"], facts.loc[one, "contaminated_share"] = two, share
        if self.accidents.tubes:
            one, two = self.accidents.tubes
            exchange((self.out / one, self.out / two))
            truth = relabel(truth, (one, two))
            facts.loc[[one, two], ["gex_origin", "vdj_origin"]] = [[two, two], [one, one]]
        if self.accidents.receptors:
            one, two = self.accidents.receptors
            for library in LIBRARIES:
                exchange((self.out / one / library, self.out / two / library))
            facts.loc[[one, two], "vdj_origin"] = facts.loc[[two, one], "vdj_origin"].to_numpy()
        if self.accidents.hopped:
            one, two, share = self.accidents.hopped
            facts.loc[one, "hopped_from"], facts.loc[one, "hopped_share"] = two, share
        truth.to_parquet(self.out / "truth" / "cells.parquet", compression="zstd", index=False)
        facts.reset_index().to_csv(self.out / "truth" / "samples.csv", index=False)
        shutil.copyfile(CASE / "interactions.csv", self.out / "truth" / "interactions.csv")


def truth_table(sample: Sample, stats: dict[str, np.ndarray]) -> pd.DataFrame:
    """One row per barcode of the matrix: its (first) cell, what else is in the droplet, what is ambient."""
    none, alone = sample.first < 0, sample.second < 0
    cells = sample.truth.iloc[np.where(none, 0, sample.first)].reset_index(drop=True)
    second = sample.truth.iloc[np.where(alone, 0, sample.second)].reset_index(drop=True)
    umi = sample.cells.n_umi
    own = np.where(none, 0, umi[sample.first]) + np.where(alone, 0, umi[sample.second])
    table = pd.DataFrame({"cell_id": sample.name + ":" + pd.Series(sample.barcodes), "sample": sample.name})
    table["patient"], table["timepoint"] = sample.patient.name, sample.timepoint
    table["day"], table["origin"] = TIMEPOINTS[sample.timepoint], sample.name
    table["kind"], table["doublet"] = sample.kind, sample.kind == "doublet"
    for column in cells:
        empty = "" if cells[column].dtype == object else (False if cells[column].dtype == bool else np.nan)
        table[column] = cells[column].where(~none, empty)
    table["clone_branch"] = table["clone_branch"].fillna(-1).astype(int)
    for column in ("subset", "bcr_clone", "tcr_clone"):
        table[f"second_{column}"] = second[column].where(~alone, "")
    table["ambient_share"] = (sample.ambient / (sample.ambient + own)).round(4)
    table["n_umi"], table["n_genes"] = stats["n_umi"], stats["n_genes"]
    return table


def _pair(_context: click.Context, option: click.Parameter, value: str | None) -> tuple | None:
    if value is None:
        return None
    parts = value.split(":")
    wanted = 3 if option.name in ("hop", "contaminate") else 2
    if len(parts) != wanted or parts[0] == parts[1]:
        raise click.BadParameter(f"{value}: two different sample names{' and a share' if wanted == 3 else ''}")
    return (parts[0], parts[1], float(parts[2])) if wanted == 3 else tuple(parts)


@click.command()
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to write into.")
@click.option("--cells", default=3000, show_default=True, type=click.IntRange(30), help="Barcodes in all.")
@click.option("--patients", default=1, show_default=True, type=click.IntRange(1), help="Three samples each.")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0), help="Same seed, same files.")
@click.option("--workers", default=os.cpu_count() or 1, type=click.IntRange(1), help="Threads; all cores.")
@click.option("--swap-tubes", metavar="A:B", callback=_pair, help="Exchange all files of two samples.")
@click.option("--swap-receptors", metavar="A:B", callback=_pair, help="Exchange their V(D)J libraries only.")
@click.option("--hop", metavar="A:B:SHARE", callback=_pair, help="Let a share of B's contigs appear in A's library.")
@click.option(
    "--contaminate",
    metavar="A:B:SHARE",
    callback=_pair,
    help="Let reads of a share of B's barcodes be in A's libraries too.",
)
@click.option("--profiles", default="hca", show_default=True, type=click.Choice(SOURCES), help="Source of profiles.")
@click.option("--without", metavar="NAME,...", default="", help="Absent subsets, types, lineages or programmes.")
@click.option("--depth", default=1.0, show_default=True, type=click.FloatRange(0.1, 10), help="UMIs of a cell, times.")
@click.option("--ambient", type=click.FloatRange(0, 0.5), help="Share of ambient UMIs in every sample.")
@click.option("--sort", default="", type=click.Choice(["", *SORTS]), help="T2 is sorted.")
@click.option("--car", type=click.FloatRange(0, 0.9), help="Share of T cells with the CAR at T2; a tenth of it at T3.")
@click.option("--one-genome", is_flag=True, help="The genome of all genes is named after reference and construct.")
@click.option("--healthy", is_flag=True, help="A healthy donor: no blast, no malignant clone, no CAR, no tables.")
@click.option("--relapse", default="", type=click.Choice(["", "CD19+", "CD19-"]), help="Blasts are back at T3.")
def main(
    out, cells, patients, seed, workers, swap_tubes, swap_receptors, hop, contaminate, profiles, without, depth,
    ambient, sort, car, one_genome, healthy, relapse,
) -> None:  # fmt: skip
    """Simulate the case of a plasma clone after CAR-T: Cell Ranger files, small tables, and the truth."""
    accidents = Accidents(swap_tubes, swap_receptors, hop, contaminate)
    absent = tuple(name.strip() for name in without.split(",") if name.strip())
    world = World(profiles, absent, depth, ambient, sort, car, one_genome, healthy, relapse)
    if world.unknown():
        raise click.BadParameter(f"{world.unknown()[0]}: no subset, cell type, lineage or programme of the simulator")
    Simulation(out, cells, patients, seed, workers, accidents, world).run()


if __name__ == "__main__":
    main()
