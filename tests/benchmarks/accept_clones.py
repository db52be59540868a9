#!/usr/bin/env python3
"""Clones, fates and MRD attribution on the simulated case against its truth; prints a table, asserts nothing.

Cell labels are the truth's, or the truth with a share exchanged (--label-noise). --soup adds ambient contigs: each cell draws
a Poisson number of molecules from the library's own UMIs, so that abundant chains soil most.
"""

import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np
import pandas as pd
from click.testing import CliRunner

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "bin"), str(ROOT / "tests")]

import chains  # noqa: E402
import clone_table  # noqa: E402
import clonotypes  # noqa: E402
import fates  # noqa: E402
import mrd  # noqa: E402
import mrd_match  # noqa: E402
import own_chains  # noqa: E402
import read_cellranger  # noqa: E402


def make_labels(truth, noise, rng, found=0.6):
    """labels.parquet of the cells that QC would keep: cells, and the share of doublets that it misses; types exchanged."""
    kept = truth[
        (truth["kind"] == "cell") | ((truth["kind"] == "doublet") & (rng.random(len(truth)) > found))
    ].copy()
    kept["subset"] = kept["subset"].astype(str)
    swapped = np.flatnonzero(rng.random(len(kept)) < noise)
    taken = rng.permutation(len(kept))[: len(swapped)]
    for name in ("lineage", "cell_type", "subset"):
        values = kept[name].to_numpy(object)
        values[swapped] = kept[name].to_numpy(object)[taken]
        kept[name] = values
    return kept[
        ["cell_id", "sample", "patient", "timepoint", "day", "lineage", "cell_type", "subset"]
    ].reset_index(drop=True)


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


def prepare(folder, work, noise, soup, seed):
    """Contigs as READ_CELLRANGER writes them and labels, in `work`. Returns truth and the contig files."""
    rng = np.random.default_rng(seed)
    truth = pd.read_parquet(folder / "truth/cells.parquet")
    labels = make_labels(truth, noise, rng)
    sheet = pd.read_csv(folder / "samples.csv")
    files = []
    for row in sheet.itertuples():
        parts = [read_cellranger.read_contigs(folder / path, row.sample, library)[0]
                 for path, library in ((row.vdj_b, "BCR"), (row.vdj_t, "TCR"))]  # fmt: skip
        table = pd.concat(parts, ignore_index=True)
        if soup:
            cells = labels.loc[labels["sample"] == row.sample, "cell_id"].to_numpy()
            table = add_soup(table, cells, soup, rng)
        files.append(work / f"{row.sample}.contigs.parquet")
        table.to_parquet(files[-1])
    labels.to_parquet(work / "labels.parquet")
    sheet.to_csv(work / "samples.tsv", sep="\t", index=False)
    pd.read_csv(folder / "mrd.csv").to_csv(work / "mrd.tsv", sep="\t", index=False)
    return truth, labels, files


def step(command, *arguments):
    result = CliRunner().invoke(command, [str(value) for value in arguments], catch_exceptions=False)
    if result.exit_code:
        raise SystemExit(f"{command.name}: {result.output}")


@click.command()
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--patient", default="P1", show_default=True)
@click.option("--soup", default=0.0, show_default=True, help="Ambient molecules per cell and library on top.")
@click.option("--label-noise", default=0.0, show_default=True, help="Share of cells whose type is exchanged.")
@click.option(
    "--keep", type=click.Path(exists=True, path_type=Path), help="Work in this folder, and leave the files."
)
def main(folders, patient, soup, label_noise, keep):
    """FOLDERS: simulated cases."""
    import os

    for folder in folders:
        folder = folder.resolve()
        with tempfile.TemporaryDirectory() as temporary:
            work = Path(keep or temporary).resolve()
            truth, labels, files = prepare(folder, work, label_noise, soup, 1)
            here = os.getcwd()
            os.chdir(work)
            try:
                begin = time.time()
                step(chains.main, *files, "--patient", patient, "--labels", work / "labels.parquet")
                same = ["--patient", patient, "--labels", "labels.parquet"]
                step(own_chains.main, f"{patient}.chains.parquet", *same)
                judged, cells = f"{patient}.own_chains.parquet", f"{patient}.clones.parquet"
                step(clonotypes.main, judged, "--patient", patient, "--pairing", f"{patient}.pairing.parquet")
                spent = time.time() - begin
                step(
                    clone_table.main,
                    cells,
                    *same,
                    "--chains",
                    judged,
                    "--facts",
                    f"{patient}.clonotypes.json",
                )
                step(fates.main, cells, *same, "--samples", "samples.tsv", "--table", f"{patient}.clones.tsv")
                step(mrd_match.main, "mrd.tsv", "--patient", patient, "--chains", judged)
                step(mrd.main, f"{patient}.mrd_matches.tsv", *same, "--carriers", f"{patient}.mrd_cells.parquet",
                     "--curve", f"{patient}.mrd_curve.tsv", "--clones", cells, "--table", f"{patient}.clones.tsv",
                     "--chains", judged)  # fmt: skip
                report(folder, patient, truth, labels, spent)
                report_fates(patient, truth, labels)
                report_mrd(patient)
            finally:
                os.chdir(here)


def report(folder, patient, truth, labels, spent):
    truth = truth.set_index("cell_id").reindex(labels["cell_id"])
    table = pd.read_parquet(f"{patient}.clones.parquet").set_index("cell_id").reindex(labels["cell_id"])
    table_of_chains = pd.read_parquet(f"{patient}.own_chains.parquet")
    print(f"\n{folder.name}: {len(labels)} cells, chains and clones in {spent:.1f} s")
    for receptor, locus in (("bcr", "IGH"), ("tcr", "TRB")):
        rows = table_of_chains[(table_of_chains["locus"] == locus) & (table_of_chains["rank"] > 0)]
        heavy = table.index.isin(rows["cell_id"])
        p, t = table[f"{receptor}_clone"], truth[f"{receptor}_clone"].fillna("")
        # A doublet holds the receptors of two cells: right where its clone is that of either.
        second = truth[f"second_{receptor}_clone"].fillna("")
        meant = p.map(
            pd.Series(t[t != ""]).groupby(p).agg(lambda names: names.value_counts().index[0])
        ).fillna("")
        t = t.where((t != "") & ~((second != "") & (second == meant)), second)
        for name, mask in (
            ("heavy", heavy),
            ("heavy, no doublets", heavy & ~truth["doublet"].to_numpy(bool)),
        ):
            precision, recall = pairwise(p[mask].to_numpy(), t[mask].to_numpy())
            print(
                f"  {receptor} {name:20s} precision {precision:.4f} recall {recall:.4f} of {mask.sum()} cells"
            )
        for name, members in t[heavy & (t != "").to_numpy()].groupby(t):
            if len(members) < 100:
                continue
            clone = p[members.index].value_counts()
            inside = p == (clone.index[0] if len(clone) else None)
            print(
                f"    {name}: {len(members)} cells, {clone.iloc[0] if len(clone) else 0} in {clone.index[:1].tolist()}, "
                f"false members {int((inside & (t != name)).sum())} of {int(inside.sum())}; evidence of missed "
                f"{table.loc[members.index[p[members.index] != clone.index[0]], receptor + '_evidence'].value_counts().to_dict()}"
            )
            wrong = table[inside & (t != name)]
            both = truth.loc[wrong.index]
            print(
                "      false:",
                pd.Series(both["lineage"] + "/" + both["kind"]).value_counts().to_dict(),
                wrong[f"{receptor}_evidence"].value_counts().to_dict(),
            )


def report_fates(patient, truth, labels):
    """Fates of clones of 20 cells or more beside what the same rule says of the true cells, captured or not."""
    truth = truth.set_index("cell_id").reindex(labels["cell_id"])
    cells = pd.read_parquet(f"{patient}.clones.parquet").set_index("cell_id").reindex(labels["cell_id"])
    table = pd.read_csv(f"{patient}.fates.tsv", sep="\t")
    times = sorted(truth["timepoint"].unique())
    right = called = 0
    for receptor in ("bcr", "tcr"):
        here = table[table["receptor"] == receptor.upper()]
        big = here.groupby("clone")["n"].sum()
        names = (
            pd.Series(cells[f"{receptor}_clone"]).to_frame("clone").assign(name=truth[f"{receptor}_clone"])
        )
        names = (
            names[names["name"] != ""].groupby("clone")["name"].agg(lambda seen: seen.value_counts().index[0])
        )
        carriers = truth[truth[f"{receptor}_clone"] != ""]
        true = pd.crosstab(carriers[f"{receptor}_clone"], carriers["timepoint"]).reindex(columns=times)
        home = carriers.groupby(f"{receptor}_clone")["lineage"].agg(lambda seen: seen.value_counts().index[0])
        sizes = pd.crosstab(carriers["lineage"], carriers["timepoint"]).reindex(home).to_numpy()
        every, true_n = np.tile(true.sum().to_numpy(), (len(true), 1)), true.to_numpy()
        expected, change, *_ = fates.classify(true_n, every, true_n, sizes, true_n, true_n, 0.05)
        expected = pd.DataFrame({"fate": expected, "change": change}, index=true.index)
        for clone in big.index[big >= 20]:
            rows, meant = here[here["clone"] == clone], expected.loc[names[clone]]
            fate = rows["fate"].iloc[0]
            right, called = right + (fate == meant["fate"]), called + 1
            if fate != meant["fate"] or rows["change"].iloc[0] != meant["change"] or big[clone] > 500:
                print(
                    f"    {clone} {names[clone]}: true cells {true.loc[names[clone]].tolist()} "
                    f"{meant['fate']} ({meant['change']}), found {rows['n'].tolist()} {fate} "
                    f"({rows['change'].iloc[0]} within {rows['basis'].iloc[0]})"
                )
    print(f"  fates of clones of 20 cells or more: {right} of {called} as the true cells say")


def report_mrd(patient):
    for row in pd.read_csv(f"{patient}.mrd.tsv", sep="\t").drop_duplicates("clone").fillna("").itertuples():
        print(f"  {row.clone}: {row.matched_clone} {row.label} {row.verdict}; {row.reason}")


if __name__ == "__main__":
    main()
