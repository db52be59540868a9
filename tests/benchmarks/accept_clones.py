#!/usr/bin/env python3
"""Clones, fates and MRD attribution on the simulated case against its truth; prints a table, asserts nothing.

With --results the finished results of a whole run are read, with the run's own labels. Else the steps are run here on
the truth's labels, or on them with a share exchanged (--label-noise). --soup adds ambient contigs: each cell draws
a Poisson number of molecules from the library's own UMIs, so that abundant chains soil most.
"""

import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import click
import numpy as np
import pandas as pd
from click.testing import CliRunner

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "bin"), str(ROOT / "tests")]

from _guards import with_processing  # noqa: E402

import chains  # noqa: E402
import clone_table  # noqa: E402
import clonotypes  # noqa: E402
import fates  # noqa: E402
import mrd  # noqa: E402
import read_cellranger  # noqa: E402

LOCUS = {"bcr": "IGH", "tcr": "TRB"}
STEADY = 1.25  # a planted share that moves less than this between first and last sample did not change
MISSED = 0.05  # chance to sample no cell of a clone that is there, above which its absence says nothing


def make_labels(truth, noise, rng, found=0.6):
    """labels.parquet of the cells that QC would keep: cells, and the share of doublets that it misses; types exchanged."""
    kept = truth[(truth["kind"] == "cell") | ((truth["kind"] == "doublet") & (rng.random(len(truth)) > found))].copy()
    kept["subset"] = kept["subset"].astype(str)
    swapped = np.flatnonzero(rng.random(len(kept)) < noise)
    taken = rng.permutation(len(kept))[: len(swapped)]
    for name in ("lineage", "cell_type", "subset"):
        values = kept[name].to_numpy(object)
        values[swapped] = kept[name].to_numpy(object)[taken]
        kept[name] = values
    return kept[["cell_id", "sample", "patient", "timepoint", "day", "lineage", "cell_type", "subset"]].reset_index(
        drop=True
    )


def add_soup(contigs, cells, rate, rng):
    """Ambient contigs on top: `rate` molecules per cell and library, drawn by UMIs; one row per cell and chain."""
    parts = [contigs]
    for library, table in contigs[contigs["productive"]].groupby("library"):
        n = rng.poisson(rate, len(cells))
        cell = np.repeat(cells, n)
        row = rng.choice(len(table), len(cell), p=table["duplicate_count"] / table["duplicate_count"].sum())
        drawn = table.iloc[row].assign(cell_id=cell, library=library, duplicate_count=1)
        drawn["sequence_id"] = [f"{library}_soup_{i}" for i in range(len(drawn))]
        parts.append(drawn)
    key = ["cell_id", "library", "locus", "v_call", "j_call", "junction", "productive"]
    table = pd.concat(parts, ignore_index=True)
    table["duplicate_count"] = table.groupby(key, dropna=False)["duplicate_count"].transform("sum")
    keep = ~table.duplicated(key) | table["junction"].isna()
    return table[keep].reset_index(drop=True)


def pairwise(predicted, true):
    """Precision and recall of the pairs of cells in one clone; '' or None: in no clone."""
    table = pd.DataFrame({"p": predicted, "t": true})
    table["p"], table["t"] = table["p"].replace("", None), table["t"].replace("", None)

    def pairs(keys):
        n = table.dropna(subset=keys).groupby(keys).size().to_numpy(float)
        return (n * (n - 1) / 2).sum()

    both = pairs(["p", "t"])
    return both / max(pairs(["p"]), 1), both / max(pairs(["t"]), 1)


def prepare(folder, work, truth, noise, soup, seed):
    """Contigs as READ_CELLRANGER writes them and labels, in `work`. Returns the contig files."""
    rng = np.random.default_rng(seed)
    labels = make_labels(truth, noise, rng)
    sheet = pd.read_csv(folder / "samples.csv")
    files, tables = [], []
    for row in sheet.itertuples():
        parts = [read_cellranger.read_contigs(folder / getattr(row, column), row.sample, column)[0]
                 for column in ("vdj_b", "vdj_t")]  # fmt: skip
        table = pd.concat(parts, ignore_index=True)
        if soup:
            cells = labels.loc[labels["sample"] == row.sample, "cell_id"].to_numpy()
            table = add_soup(table, cells, soup, rng)
        tables.append(table)
        files.append(work / f"{row.sample}.contigs.parquet")
        table.to_parquet(files[-1])
    with_processing(labels.assign(tissue="", sort="", libraries="BCR TCR")).to_parquet(work / "labels.parquet")
    sheet.to_csv(work / "samples.tsv", sep="\t", index=False)
    bulk = pd.concat([pd.read_csv(folder / "mrd.csv"), blast_rows(truth, pd.concat(tables))])
    bulk.to_csv(work / "mrd.tsv", sep="\t", index=False)
    return files


def blast_rows(truth, contigs):
    """The blasts' own heavy chain as a further bulk clone, IGH_blast: the case's bulk table does not hold it."""
    blasts = truth.loc[truth["bcr_clone"] == f"{truth['patient'].iloc[0]}_blast_clone"]
    chain = contigs[contigs["cell_id"].isin(blasts["cell_id"]) & (contigs["locus"] == "IGH")]
    row = chain.loc[chain["junction"] == chain["junction"].mode()[0], ["v_call", "j_call", "junction"]].iloc[0]
    days = pd.DataFrame({"day": sorted(truth["day"].unique())})
    days["fraction"] = [0.9] + [0.0] * (len(days) - 1)
    return days.assign(patient=truth["patient"].iloc[0], clone="IGH_blast", locus="IGH", **row)


def step(command, *arguments):
    result = CliRunner().invoke(command, [str(value) for value in arguments], catch_exceptions=False)
    if result.exit_code:
        raise SystemExit(f"{command.name}: {result.output}")


def run_steps(patient, files):
    """The room's steps in the current folder; seconds from contigs to clones."""
    begin = time.time()
    same = ["--patient", patient, "--labels", "labels.parquet", "--lineages", ROOT / "assets/lineages.tsv"]
    step(chains.main, *files, *same, "--genes", ROOT / "assets/receptor_genes.tsv")
    judged, cells, table = (f"{patient}.{name}" for name in ("own_chains.parquet", "clones.parquet", "clones.tsv"))
    step(clonotypes.main, judged, "--patient", patient, "--pairing", f"{patient}.pairing.parquet")
    spent = time.time() - begin
    step(clone_table.main, cells, *same, "--chains", judged)
    step(fates.main, cells, *same, "--samples", "samples.tsv", "--table", table)
    tables = ["--library", ROOT / "assets/vdj_library.tsv", "--genes", ROOT / "assets/receptor_genes.tsv"]
    step(mrd.main, "mrd.tsv", *same, *tables, "--chains", judged, "--clones", cells, "--table", table)
    return spent


def read_tables(clones, labels, heavy, patient):
    """What the reports compare with the truth: labels, clones per cell, cells with a heavy chain, fates, MRD."""
    labels = pd.read_parquet(labels)
    labels = labels[labels["patient"].astype(str) == patient].astype({"lineage": str, "timepoint": str})
    per_cell = pd.read_parquet(clones / f"{patient}.clones.parquet").set_index("cell_id")
    tables = (pd.read_csv(clones / f"{patient}.{name}.tsv", sep="\t") for name in ("clones", "fates", "mrd"))
    clone_rows, fate_rows, mrd_rows = tables
    return SimpleNamespace(
        labels=labels, cells=per_cell.reindex(labels["cell_id"]), heavy=heavy, clones=clone_rows,
        fates=fate_rows, mrd=mrd_rows,
    )  # fmt: skip


@click.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--patient", default="P1", show_default=True)
@click.option("--soup", default=0.0, show_default=True, help="Ambient molecules per cell and library on top.")
@click.option("--label-noise", default=0.0, show_default=True, help="Share of cells whose type is exchanged.")
@click.option(
    "--results",
    type=click.Path(exists=True, path_type=Path),
    help="Folder with <case>/results of whole runs: read these, run nothing.",
)
def main(folders, patient, soup, label_noise, results):
    """FOLDERS: simulated cases."""
    import os

    for folder in map(Path.resolve, folders):
        truth = pd.read_parquet(folder / "truth/cells.parquet")
        truth = truth[truth["patient"] == patient]
        if results:
            finished = results / folder.name / "results"
            chain = pd.read_csv(finished / f"clones/{patient}.airr_rearrangement.tsv", sep="\t", low_memory=False)
            chain = chain[(chain["productive"] == "T") & chain["junction_aa"].notna()]
            heavy = {name: set(chain.loc[chain["locus"] == locus, "cell_id"]) for name, locus in LOCUS.items()}
            found = read_tables(finished / "clones", finished / "cells/labels.parquet", heavy, patient)
            print(f"\n{folder.name}: results of a whole run")
        else:
            here = os.getcwd()
            with tempfile.TemporaryDirectory() as temporary:
                os.chdir(temporary)
                try:
                    spent = run_steps(patient, prepare(folder, Path(temporary), truth, label_noise, soup, 1))
                    chain = pd.read_parquet(f"{patient}.own_chains.parquet")
                    chain = chain[chain["rank"] > 0]
                    heavy = {name: set(chain.loc[chain["locus"] == locus, "cell_id"]) for name, locus in LOCUS.items()}
                    found = read_tables(Path(), "labels.parquet", heavy, patient)
                finally:
                    os.chdir(here)
            print(f"\n{folder.name}: chains and clones in {spent:.1f} s")
        names = report_clones(truth, found)
        report_fates(truth, found, names)
        report_mrd(found)


def report_clones(truth, found):
    """Pairwise precision and recall; the largest clones. Returns the planted clone that each found clone is."""
    truth = truth.set_index("cell_id").reindex(found.labels["cell_id"])
    wrong = (truth["lineage"] != found.labels["lineage"].to_numpy()) & ~truth["doublet"].astype(bool)
    print(f"  {len(truth)} cells, lineage wrong in {100 * wrong.mean():.1f} % (unassigned counted)")
    names = {}
    for receptor in LOCUS:
        p, t = found.cells[f"{receptor}_clone"], truth[f"{receptor}_clone"].fillna("")
        heavy = p.index.isin(found.heavy[receptor])
        # A doublet holds the receptors of two cells: right where its clone is that of either.
        second = truth[f"second_{receptor}_clone"].fillna("")
        meant = t[t != ""].groupby(p).agg(lambda seen: seen.value_counts().index[0])
        names |= meant.to_dict()
        two = ((t != "") & (second != "") & (t != second)).to_numpy()
        t = t.where((t != "") & ~(two & (second == p.map(meant).fillna(""))), second)
        single = ~truth["doublet"].to_numpy(bool)
        for name, mask in (("all droplets", heavy), ("one receptor", heavy & ~two), ("no doublets", heavy & single)):
            precision, recall = pairwise(p[mask].to_numpy(), t[mask].to_numpy())
            print(f"  {receptor} {name:16s} precision {precision:.4f} recall {recall:.4f} of {mask.sum()} cells")
        for name, members in t[heavy & (t != "").to_numpy()].groupby(t):
            if len(members) < 100:
                continue
            clone = p[members.index].value_counts().index[:1].tolist()
            inside = p.isin(clone)
            missed = found.cells.loc[members.index[~inside[members.index]], f"{receptor}_evidence"]
            label = found.clones.loc[found.clones["clone"].isin(clone), "label"].tolist()
            print(
                f"    {name}: {inside[members.index].sum()} of {len(members)} in {clone} {label}, false members "
                f"{int((inside & (t != name)).sum())}; missed {missed.value_counts().to_dict()}"
            )
    return names


def planted_shares(truth, patient_number=1):
    """Share of each lasting clone within its lineage by time, as the simulator draws it (before the cells are drawn).

    Subsets by time are those of the drawn cells; the clones' weights repeat the draws of simulator.cells.
    """
    from simulator.case import CLONE, CLONE_IN_SUBSET, make_patients
    from simulator.cells import EXPANDED
    from simulator.receptors import Usage, make_pools

    patient = make_patients(patient_number, 0)[-1]
    pools = make_pools(patient, Usage(), 0)
    clone_names = np.concatenate(pools.repertoire.names)
    times, columns = sorted(truth["timepoint"].unique()), {}
    for when, time_point in enumerate(times):
        drift = np.random.default_rng([len(pools.bulk), patient.number, when])
        cells = truth[truth["timepoint"] == time_point]
        sizes, share = cells.groupby("lineage").size(), {}

        def add(pool, weight, spread, drift=drift, share=share):
            drawn = pools.sizes[pool] * drift.lognormal(0, spread, len(pools.sizes[pool]))
            for name, part in zip(clone_names[pools.members[pool]], drawn / drawn.sum(), strict=True):
                share[name] = share.get(name, 0) + weight * part

        for subset, chance in EXPANDED.items():
            here = (cells["subset"] == subset).sum() / sizes.get("T", 1)
            add("CD4" if subset.startswith("CD4") else "CD8", here * chance, 0.5)
        rest = {"plasma": 1.0}
        for subset, chance in CLONE_IN_SUBSET.items():
            here = (cells["subset"] == subset).sum() * chance / sizes.get("plasma", 1)
            add(CLONE, here, 0.1)
            rest["plasma"] -= here
        mature = (cells["lineage"] == "B") & ~cells["subset"].isin(["naive_B", "B_precursor"])
        add("plasma", rest["plasma"] * 0.6, 0.4)
        add("memory_B", mature.sum() / sizes.get("B", 1) * 0.2, 0.4)
        columns[time_point] = share
    return pd.DataFrame(columns)


def report_fates(truth, found, names):
    """Fates of clones of 20 cells or more beside the planted ones, and beside the same rule on the true cells.

    A clone planted at every time is persistent. Where more than MISSED of samples of this size hold none of its
    cells at some time, it may look like one that was not there: `undetermined` is right as well.
    """
    truth = truth.set_index("cell_id").reindex(found.labels["cell_id"])
    times = sorted(truth["timepoint"].unique())
    shares = planted_shares(truth)
    right = planted_so = called = same = steady = claimed = against = 0
    for receptor in LOCUS:
        here = found.fates[found.fates["receptor"] == receptor.upper()]
        big = here.groupby("clone")["n"].sum()
        # A doublet holds a cell of each of its two clones.
        partner = truth[truth[f"second_{receptor}_clone"].fillna("") != ""]
        partner = partner.assign(**{f"{receptor}_clone": partner[f"second_{receptor}_clone"], "lineage": "doublet"})
        carriers = pd.concat([truth, partner])
        carriers = carriers[carriers[f"{receptor}_clone"] != ""]
        true = pd.crosstab(carriers[f"{receptor}_clone"], carriers["timepoint"]).reindex(columns=times)
        home = carriers.groupby(f"{receptor}_clone")["lineage"].agg(lambda seen: seen.value_counts().index[0])
        sizes = pd.crosstab(carriers["lineage"], carriers["timepoint"]).reindex(home).to_numpy()
        every, true_n = np.tile(true.sum().to_numpy(), (len(true), 1)), true.to_numpy()
        expected, change, *_ = fates.classify(fates.compared(true_n, every, true_n, sizes, true_n, true_n), 0.05)
        expected = pd.DataFrame({"fate": expected, "change": change}, index=true.index)
        for clone in big.index:
            name, rows = names[clone], here[here["clone"] == clone]
            fate, moved = rows[["fate", "change"]].iloc[0]
            planted = shares.loc[name] if name in shares.index else None
            lasting = planted is not None and planted.min() > 0
            if lasting:
                ratio = planted.iloc[-1] / planted.iloc[0]
                if 1 / STEADY < ratio < STEADY:
                    steady += 1
                    claimed += moved != "not shown" or fate in ("lost", "emerging", "expanded", "contracted")
                against += (moved == "expanded" and ratio < 1) or (moved == "contracted" and ratio > 1)
            if big[clone] < 20:
                continue
            meant, note = {"persistent" if lasting else expected.loc[name, "fate"]}, ""
            if lasting:
                sampled = rows["lineage_total"].to_numpy()
                chance = ((1 - planted.to_numpy()) ** sampled).max()
                note = f" (no cell at a time in {100 * chance:.1f} % of such samples)"
                meant |= {"undetermined"} if chance > MISSED else set()
            called, right = called + 1, right + (fate in meant)
            planted_so += fate in meant - {"undetermined"}
            same += fate == expected.loc[name, "fate"]
            if fate in ("undetermined", "lost") or fate != expected.loc[name, "fate"] or big[clone] > 500:
                drawn = "" if planted is None else " ".join(f"{100 * value:.2f}" for value in planted)
                print(
                    f"    {clone} {name}: planted share {drawn} %{note}, {' or '.join(sorted(meant))}; true cells "
                    f"{true.loc[name].tolist()} {expected.loc[name].tolist()}; found {rows['n'].tolist()} in lineage "
                    f"{rows['lineage_n'].tolist()} of {rows['lineage_total'].tolist()} {fate} ({moved} within "
                    f"{rows['basis'].iloc[0]})"
                )
    print(
        f"  fates of clones of 20 cells or more: {right} of {called} right ({planted_so} as planted, {right - planted_so} "
        f"undetermined, missed at a time by chance); {same} as the rule says of the true cells"
    )
    print(f"  planted share steady (less than {STEADY}-fold), 3 cells or more: {claimed} claims of a change in {steady} clones; "
          f"claims against the planted direction, any clone: {against}")  # fmt: skip


def report_mrd(found):
    for row in found.mrd.drop_duplicates("clone").fillna("").itertuples():
        print(f"  {row.clone}: {row.matched_clone} {row.label} {row.verdict}; {row.reason}")


if __name__ == "__main__":
    main()
