#!/usr/bin/env python3
"""Copy number, CAR and malignancy on the simulated case against its truth; prints a table, asserts nothing.

With --results the finished results of whole runs are read, with their own labels, clones and quality control (the cells
themselves, which are not published, from the run's work folder). Else the room's steps are run here. Clones
are those of the project's own steps. Labels are the truth's with a share exchanged between cells (--label-noise); of the
doublets a share is missed by QC (--missed). --no-clones leaves the receptors out, --no-polyclonal the plasma cells of
small clones, so that the clone has no baseline. --no-clinical calls malignant cells without the clinical table and FISH.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np
import pandas as pd
from simulated import simulate

ROOT = Path(__file__).resolve().parents[2]
ASSETS = ROOT / "assets"
LINEAGES = ("--lineages", ASSETS / "lineages.tsv")
sys.path.insert(0, str(ROOT / "bin"))
CONTROLS = ("T", "NK", "myeloid", "B")


def step(folder: Path, name: str, *options) -> float:
    """Run bin/<name>.py in a folder; seconds."""
    start = time.time()
    command = [sys.executable, str(ROOT / "bin" / f"{name}.py"), *map(str, options)]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.time() - start


def write_inputs(
    case: Path, folder: Path, noise: float, missed: float, polyclonal: bool, rng
) -> tuple[pd.DataFrame, list[str]]:
    """Kept cells, labels, contigs and tables as the room gets them; the truth of the kept cells and the samples."""
    import hdf5plugin
    import scanpy

    truth = pd.read_parquet(case / "truth" / "cells.parquet").set_index("cell_id", drop=False)
    kept = (truth.kind == "cell") | ((truth.kind == "doublet") & (rng.random(len(truth)) < missed))
    if not polyclonal:
        kept &= (truth.lineage != "plasma") | (truth.malignant == "plasma") | truth.doublet
    truth, samples = truth[kept], list(pd.read_csv(case / "samples.csv")["sample"])
    found = []
    for sample in samples:
        cells = scanpy.read_10x_h5(case / sample / "filtered_feature_bc_matrix.h5")
        cells.var_names_make_unique()
        cells.obs_names = sample + ":" + cells.obs_names.str.replace("-1", "", regex=False)
        depth = np.asarray(cells.X.sum(axis=1)).ravel()
        mito = np.asarray(cells.X[:, cells.var_names.str.startswith("MT-")].sum(axis=1)).ravel()
        cells = cells[(depth > 1000) & (mito < 0.1 * depth) & cells.obs_names.isin(truth.index)].copy()
        cells.X = cells.X.tocsr().astype(np.int32)
        cells.write_h5ad(folder / f"{sample}.cells.h5ad", compression=hdf5plugin.FILTERS["zstd"])
        found += list(cells.obs_names)
    truth = truth.loc[found]
    names = ["lineage", "cell_type", "subset"]
    swapped = np.flatnonzero(rng.random(len(truth)) < noise)
    labels = truth[["cell_id", "sample", "patient", "timepoint", "day", *names]].copy()
    labels.iloc[swapped, -3:] = truth[names].to_numpy()[rng.permutation(len(truth))[: len(swapped)]]
    labels.assign(tissue="", sort="", libraries="BCR TCR").to_parquet(folder / "labels.parquet", index=False)
    for table in ("fish", "clinical"):
        pd.read_csv(case / f"{table}.csv").to_csv(folder / f"{table}.tsv", sep="\t", index=False)
    return truth, samples


def make_clones(case: Path, folder: Path, samples: list[str]) -> None:
    """P1.clones.parquet by the project's own steps."""
    for sample in samples:
        files = [f"{case / sample}/vdj_{kind}/filtered_contig_annotations.csv" for kind in "bt"]
        gex = case / sample / "filtered_feature_bc_matrix.h5"
        step(folder, "read_cellranger", "--sample", sample, "--gex", gex, "--vdj-b", files[0], "--vdj-t", files[1])
    contigs = [f"{sample}.contigs.parquet" for sample in samples]
    common = ["--patient", "P1", "--labels", "labels.parquet"]
    step(folder, "chains", *contigs, *common, *LINEAGES, "--genes", ASSETS / "receptor_genes.tsv")
    step(folder, "clonotypes", "P1.own_chains.parquet", "--patient", "P1", "--pairing", "P1.pairing.parquet")


def call_malignant(folder: Path, clones: bool, clinical: bool) -> float:
    """MALIGNANCY on the tables of a folder, in place of what is there; seconds."""
    for path in folder.glob("P1.malignancy*"):
        path.unlink()  # a link to the results of a run is not to be written through
    options = ["--patient", "P1", "--labels", "labels.parquet", "--cnv", "P1.cnv.tsv", "--cnv-cells", "P1.cnv.parquet"]
    options += ["--clones", "P1.clones.parquet"] if clones else []
    options += ["--fish", "P1.fish.tsv", "--clinical", "clinical.tsv"] if clinical else []
    options += ["--programmes", ASSETS / "malignant_programmes.tsv", "--precursors", ASSETS / "precursor_genes.tsv"]
    cells = sorted(path.name for path in folder.glob("*.cells.h5ad"))
    return step(folder, "malignancy", *cells, *options, *LINEAGES)


def run_room(folder: Path, samples: list[str], clones: bool, clinical: bool) -> dict[str, float]:
    """All steps of the room; seconds of each."""
    cells = [f"{sample}.cells.h5ad" for sample in samples]
    common = ["--patient", "P1", "--labels", "labels.parquet"]
    common += ["--clones", "P1.clones.parquet"] if clones else []
    places = ["--gene-positions", ASSETS / "gene_positions_hg38.tsv", "--masked", ASSETS / "masked_genes.tsv"]
    took = {"cnv": step(folder, "cnv", *cells, *common, *LINEAGES, *places)}
    took["fish"] = step(folder, "fish", "P1.cnv.tsv", "--patient", "P1", "--fish", "fish.tsv")
    for sample, path in zip(samples, cells, strict=True):
        names = ["--samples", "samples.tsv", *common[2:], "--names", ASSETS / "car_names.tsv", *LINEAGES]
        took[f"transgene {sample}"] = step(folder, "transgene", path, "--sample", sample, *names)
    results = [f"{sample}.car.{end}" for sample in samples for end in ("json", "tsv", "parquet")]
    took["car_kinetics"] = step(folder, "car_kinetics", *results, *common, "--clinical", "clinical.tsv")
    took["malignancy"] = call_malignant(folder, clones, clinical)
    return took


def link_results(run: Path, folder: Path, case: Path) -> pd.DataFrame:
    """A whole run's tables in a folder, named as the steps name them; the truth of the cells that it kept."""
    results, tumour = run / "results", run / "results" / "tumour"
    cells = {}
    for path in sorted((run / "work").glob("*/*/*.cells.h5ad"), key=lambda path: path.stat().st_mtime):
        cells[path.name] = path  # the newest of each sample
    labels = results / "cells" / "labels.parquet"
    for path in [*cells.values(), labels, results / "clones" / "P1.clones.parquet", *tumour.glob("P1.*")]:
        (folder / path.name).symlink_to(path.resolve())
    for name in ("cnv", "fish"):
        (folder / f"P1.{name}.tsv").symlink_to((tumour / f"{name}.tsv").resolve())
    truth = pd.read_parquet(case / "truth" / "cells.parquet").set_index("cell_id", drop=False)
    return truth.loc[pd.read_parquet(labels).cell_id]


def arm_ratios(folder: Path) -> pd.DataFrame:
    """Observed over expected expression of every arm of every cell, as CNV has it before it looks for events."""
    from _arms import populations, read_positions, score_arms
    from _receptors import Lineages

    clones = folder / "P1.clones.parquet"
    of_clone = pd.read_parquet(clones).set_index("cell_id").bcr_clone.dropna() if clones.exists() else None
    candidates = Lineages(ASSETS / "lineages.tsv").malignant
    cells = populations(pd.read_parquet(folder / "labels.parquet"), of_clone, 20, candidates)
    positions = read_positions(ASSETS / "gene_positions_hg38.tsv")
    paths = sorted(folder.glob("*.cells.h5ad"))
    return score_arms(paths, cells, positions, ASSETS / "masked_genes.tsv", 50).cells.set_index("cell_id")


def measure(folder: Path, truth: pd.DataFrame) -> dict[str, object]:
    """Figures against the truth. Cells with a wrong label and doublets count as they are."""
    from sklearn.metrics import roc_auc_score

    table, arms = pd.read_csv(folder / "P1.cnv.tsv", sep="\t"), arm_ratios(folder)
    clone = truth.malignant == "plasma"
    called = (
        pd.read_parquet(folder / "P1.cnv.parquet").set_index("cell_id").cnv_profile.reindex(truth.index).fillna("none")
    )
    whole = table[(table.level == "population") & ~table.normal]
    found = {}
    plasma = truth.lineage.eq("plasma") & ~truth.doublet
    for arm, name, event in (("1q", "gain_1q", "gain"), ("13q", "loss_13q", "loss")):
        rows = whole[(whole.arm == arm) & (whole.event == event) & (whole.verdict == "detected")].sort_values("n")
        row = rows.iloc[-1] if len(rows) else None
        found[f"{arm} {event} found"] = (
            "not found" if row is None else f"{100 * row.share:.0f} % ({100 * row.low:.0f}-{100 * row.high:.0f})"
        )
        found[f"{arm} {event} planted"] = f"{100 * truth[name][clone & ~truth.doublet].mean():.1f} %"
        sign = 1 if event == "gain" else -1
        score = sign * arms[arm].reindex(truth.index)
        found[f"AUC {arm}, plasma cells"] = f"{roc_auc_score(truth[name][plasma], score[plasma]):.3f}"
        found[f"AUC {arm}, all cells"] = f"{roc_auc_score(truth[name], score):.3f}"
    pairs = set(zip(whole.arm[whole.verdict == "detected"], whole.event[whole.verdict == "detected"], strict=True))
    others = whole[(whole.verdict != "not assessable") & ~((whole.arm == "1q") & (whole.event == "gain"))]
    others = others[~((others.arm == "13q") & (others.event == "loss"))]
    found["other events called"] = (
        ", ".join(sorted(f"{a} {e}" for a, e in pairs - {("1q", "gain"), ("13q", "loss")})) or "none"
    )
    found["largest other share, called or not"] = f"{100 * others.share.max():.1f} %"
    found["cells called, planted none"] = ", ".join(
        f"{name} {100 * (called[truth.lineage.eq(name) & ~truth.doublet] != 'none').mean():.2f} %"
        for name in (*CONTROLS, "blast")
    )
    polyclonal = plasma & ~clone
    found["polyclonal plasma cells with a call"] = (
        f"{100 * (called[polyclonal] != 'none').mean():.1f} % of {polyclonal.sum()}"
    )

    car = pd.read_parquet(folder / "P1.car_cells.parquet").set_index("cell_id").car_positive
    car = car.reindex(truth.index).fillna(False).astype(bool)
    found["CAR precision"] = f"{(car & truth.car).sum() / max(car.sum(), 1):.3f}"
    found["CAR recall"] = f"{car[truth.car].mean():.3f}"
    found["CAR called in blasts, myeloid"] = ", ".join(
        f"{100 * car[truth.lineage == name].mean():.2f} %" for name in ("blast", "myeloid")
    )
    change = pd.read_csv(folder / "P1.car_change.tsv", sep="\t").iloc[-1]
    found["CAR last change, points"] = (
        f"{100 * change.difference:.2f} ({100 * change.low:.2f} to {100 * change.high:.2f})"
    )

    verdict = pd.read_parquet(folder / "P1.malignancy.parquet").set_index("cell_id").malignancy.reindex(truth.index)
    for lineage in ("plasma", "blast"):
        real, yes = truth.malignant == lineage, (verdict == "malignant") & (truth.lineage == lineage)
        hit = (real & yes).sum()
        found[f"F1 {lineage}"] = f"{2 * hit / (yes.sum() + real.sum()):.4f}"
    real, yes = truth.malignant != "", verdict == "malignant"
    found["malignant cells, precision"] = f"{(real & yes).sum() / max(yes.sum(), 1):.3f}"
    found["malignant cells, recall"] = f"{yes[real].mean():.3f}"
    found["F1 all malignant cells"] = f"{2 * (real & yes).sum() / (yes.sum() + real.sum()):.4f}"
    partner = truth.second_bcr_clone.fillna("").isin(["P1_plasma_clone", "P1_blast_clone"])
    other = yes & ~real
    found["other cells called malignant"] = f"{other.sum()}, {(other & partner).sum()} doublets of a malignant cell"
    found["polyclonal called malignant"] = f"{100 * (verdict[polyclonal] == 'malignant').mean():.2f} %"
    if (folder / "P1.fish.tsv").exists():
        probes = pd.read_csv(folder / "P1.fish.tsv", sep="\t")
        found["FISH"] = "; ".join(f"{row.region} {row.abnormality}: {row.verdict}" for row in probes.itertuples())
    return found


@click.command(context_settings={"show_default": True})
@click.option(
    "--cases",
    type=click.Path(path_type=Path, resolve_path=True),
    help="Folder of simulated cases (seed<N>); made where missing.",
)
@click.option("--cells", default=24732, help="Barcodes of a case.")
@click.option("--seeds", default="1,2,3", help="Seeds of the simulator.")
@click.option("--label-noise", default=0.01, help="Share of cells whose label is another cell's.")
@click.option("--missed", default=0.3, help="Share of doublets that QC misses.")
@click.option("--no-clones", is_flag=True, help="Without receptors.")
@click.option("--no-polyclonal", is_flag=True, help="Without plasma cells of small clones.")
@click.option("--no-clinical", is_flag=True, help="Malignant cells without the clinical table and FISH.")
@click.option(
    "--results",
    type=click.Path(exists=True, path_type=Path, resolve_path=True),
    help="Folder with seed<N>/results and seed<N>/work of whole runs: read these, run nothing.",
)
def main(cases, cells, seeds, label_noise, missed, no_clones, no_polyclonal, no_clinical, results) -> None:
    """Print the figures of every seed side by side."""
    columns = {}
    for seed in map(int, seeds.split(",")):
        with tempfile.TemporaryDirectory() as scratch:
            case = simulate((cases or Path(scratch)) / f"seed{seed}", cells, seed)
            folder = Path(scratch) / "in"
            folder.mkdir()
            if results:
                truth, took = link_results(results / f"seed{seed}", folder, case), {}
                if no_clinical:
                    call_malignant(folder, not no_clones, False)
            else:
                rng = np.random.default_rng(seed)
                truth, samples = write_inputs(case, folder, label_noise, missed, not no_polyclonal, rng)
                if not no_clones:
                    make_clones(case, folder, samples)
                took = run_room(folder, samples, not no_clones, not no_clinical)
                took = {"seconds of cnv": f"{took['cnv']:.1f}"}
            columns[f"seed {seed}"] = {"cells": len(truth)} | measure(folder, truth) | took
    with pd.option_context("display.width", 250, "display.max_colwidth", 90):
        print(pd.DataFrame(columns).to_string())


if __name__ == "__main__":
    main()
