"""Acceptance of the signals steps on simulated cases of full size, as a printed table. Nothing is asserted.

python tests/benchmarks/accept_signals.py --work FOLDER [--cells 24732] [--seeds 1,2,3]
"""

import subprocess
import sys
from pathlib import Path

import click
import numpy as np
import pandas as pd
from simulated import simulate, write_inputs

PROJECT = Path(__file__).resolve().parents[2]
ASSETS = PROJECT / "assets"
RAISED = {"T": "CD8_ISG+", "NK": "CD56bright_ISG+", "myeloid": "nonclassical_monocyte"}
NOT_CHANGED = ("kept", "unclear")


def run(step: str, folder: Path, *arguments) -> None:
    """One script of bin/ in `folder`."""
    command = [sys.executable, PROJECT / "bin" / f"{step}.py", *arguments]
    subprocess.run([str(word) for word in command], cwd=folder, check=True)


def run_all(inputs: Path, folder: Path) -> None:
    """All signals steps of one patient, on matrices and labels in `inputs`."""
    folder.mkdir(parents=True, exist_ok=True)
    samples = pd.read_csv(inputs / "samples.tsv", sep="\t")
    patient, names = samples["patient"].iat[0], list(samples["sample"])
    labels, sheet = ("--labels", inputs / "labels.parquet"), ("--samples", inputs / "samples.tsv")
    pairs, watch = (
        ("--interactions", ASSETS / "interactions.tsv"),
        ("--watch-list", ASSETS / "watch_list.tsv"),
    )
    for name in names:
        sample = (inputs / f"{name}.cells.h5ad", "--sample", name)
        sets = ("--isg", ASSETS / "isg_core.tsv", "--gene-sets", ASSETS / "hallmark.gmt")
        run("signatures", folder, *sample, *sets)
        run("communication_cells", folder, *sample, *labels, *pairs)
        run("communication", folder, f"{name}.communication_cells.h5ad", *pairs, *watch)
    scores = [f"{name}.signatures.parquet" for name in names]
    run("signature_summary", folder, *scores, *labels, *sheet)
    run("signature_change", folder, *scores, *labels, *sheet)
    drawn = [f"{name}.communication_cells.h5ad" for name in names]
    run("communication_change", folder, *drawn, "--patient", patient, *sheet, *pairs, *watch)


def signature_rows(folder: Path) -> list[tuple]:
    """Ranks and T2 to T3 increases of the raised subsets."""
    ranks = pd.read_csv(folder / "signature_ranks.tsv", sep="\t")
    change = pd.read_csv(folder / "signature_change.tsv", sep="\t")
    change = change[(change["from"] == "T2") & (change["to"] == "T3") & (change["level"] == "subset")]
    rows = []
    for lineage, subset in RAISED.items():
        for timepoint in ("T2", "T3"):
            at = (
                ranks[(ranks["timepoint"] == timepoint) & (ranks["label"] == subset)]
                .set_index("signature")
                .loc["isg_score"]
            )
            rows.append(
                (f"{subset} first in {lineage} at {timepoint}", at["rank"] == 1, f"lead {at['lead']:.2f}")
            )
        up = change[change["label"] == subset].set_index("signature").loc["isg_score"]
        interval = f"{up['difference']:.3f} ({up['difference_low']:.3f} to {up['difference_high']:.3f})"
        rows.append((f"{subset} ISG score T2 to T3 above zero", up["difference_low"] > 0, interval))
    return rows


def communication_rows(folder: Path, planted: pd.DataFrame) -> list[tuple]:
    """Place of the planted pairs among pairs to plasma cells at T3, and their classes T2 to T3."""
    sample = sorted(folder.glob("*T3.communication.parquet"))[0]
    scores = pd.read_parquet(sample).astype({"source": str, "target": str})
    to_plasma = scores[scores["kept"] & scores["target"].str.startswith("Plasma")].copy()
    to_plasma["place"] = to_plasma["joint_rank"].rank(pct=True)
    change = pd.read_parquet(sorted(folder.glob("*.communication_change.parquet"))[0]).astype(
        {"source": str, "target": str}
    )
    change = change[
        (change["from"] == "T2") & (change["to"] == "T3") & change["target"].str.startswith("Plasma")
    ]
    rows = []
    for pair in planted.itertuples():
        name = f"{pair.sender} {pair.ligand}-{pair.receptor}"
        same = (to_plasma["source"] == pair.sender) & (to_plasma["ligand_complex"] == pair.ligand)
        places = (
            to_plasma.loc[same & (to_plasma["receptor_complex"] == pair.receptor)]
            .groupby("target")["place"]
            .min()
        )
        rows.append((f"{name}: top 5 %", bool((places <= 0.05).any()), places.round(3).to_dict()))
        found = change[(change["source"] == pair.sender) & (change["ligand"] == pair.ligand)]
        found = found[found["receptor"] == pair.receptor].set_index("target")
        good = found["supply_class"].isin(["gained", "strengthened"]).all() and len(found) > 0
        rows.append((f"{name}: supply gained or strengthened", good, found["supply_class"].to_dict()))
        rows.append((f"{name}: per cell", "", found["class"].to_dict()))
    return rows


def unplanted(folder: Path, planted: pd.DataFrame) -> tuple:
    """Share of pairs, planted ones aside, that are called changed per cell between T2 and T3."""
    change = pd.read_parquet(sorted(folder.glob("*.communication_change.parquet"))[0])
    change = change[
        (change["from"] == "T2") & (change["to"] == "T3") & ~change["class"].isin(["not tested", "absent"])
    ]
    names = change["ligand"].astype(str) + "-" + change["receptor"].astype(str)
    rest = change[~names.isin(planted["ligand"] + "-" + planted["receptor"])]
    share = float((~rest["class"].isin(NOT_CHANGED)).mean())
    return (f"unplanted pairs called changed (of {len(rest):,})", share < 0.05, f"{100 * share:.2f} %")


@click.command()
@click.option(
    "--work",
    required=True,
    type=click.Path(path_type=Path, resolve_path=True),
    help="Folder for simulated cases and results.",
)
@click.option("--cells", default=24732, show_default=True)
@click.option("--seeds", default="1,2,3", show_default=True)
def main(work, cells, seeds):
    """Run the signals steps on simulated cases and print what they find of the planted facts."""
    for seed in seeds.split(","):
        case, inputs, results = (work / f"{name}_{seed}_{cells}" for name in ("case", "inputs", "results"))
        simulate(case, cells, int(seed))
        if not (inputs / "samples.tsv").exists():
            write_inputs(case, inputs)
        run_all(inputs, results)
        planted = pd.read_csv(case / "truth" / "interactions.csv")
        rows = [*signature_rows(results), *communication_rows(results, planted), unplanted(results, planted)]
        print(f"\nseed {seed}")
        for what, good, value in rows:
            word = "" if good == "" else "yes" if np.bool_(good) else "NO"
            print(f"  {word:4}{what:70}{value}")


if __name__ == "__main__":
    main()
