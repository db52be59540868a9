"""Speed of the signals steps: CPU seconds and memory per step. Nothing is asserted.

    python tests/benchmarks/bench_signals.py --work FOLDER [--cells 24732]

`--times 10` repeats every sample's cells, with new barcodes, to show that the cap bounds communication.
"""

import os
import sys
from pathlib import Path

import click
import pandas as pd
from accept_signals import ASSETS, PROJECT
from simulated import simulate, write_inputs


def measured(name: str, command, folder: Path) -> tuple[str, float, float]:
    """Runs a command; its name, CPU seconds (children included) and peak memory in GB."""
    pid = os.posix_spawn("/bin/sh", ["sh", "-c", f'cd "{folder}" && exec "$@"', "sh", *map(str, command)], os.environ)
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise SystemExit(f"{name} failed")
    return name, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**20


def steps(inputs: Path, names: list[str], patient: str):
    """Name and command of every step."""
    python, script = sys.executable, PROJECT / "bin"
    labels = ("--labels", inputs / "labels.parquet")
    pairs, watch = (("--interactions", ASSETS / "interactions.tsv"), ("--watch-list", ASSETS / "watch_list.tsv"))
    groups = ("--lineages", ASSETS / "lineages.tsv", *pairs)
    sets = ("--isg", ASSETS / "isg_core.tsv", "--gene-sets", ASSETS / "hallmark.gmt")
    for name in names:
        sample = (inputs / f"{name}.cells.h5ad", "--sample", name)
        yield "signatures", (python, script / "signatures.py", *sample, *sets)
        yield "pseudobulk", (python, script / "pseudobulk.py", *sample, *labels)
        yield "communication_cells", (python, script / "communication_cells.py", *sample, *labels, *groups)
        yield (
            "communication",
            (python, script / "communication.py", f"{name}.communication_cells.h5ad", *pairs, *watch),
        )
    scores = [f"{name}.signatures.parquet" for name in names]
    yield "signature_change", (python, script / "signature_change.py", *scores, *labels)
    sums = [f"{name}.pseudobulk.h5ad" for name in names]
    lists = ("--gene-lists", ASSETS / "gene_lists.tsv", "--lineages", ASSETS / "lineages.tsv")
    yield "expression_change", (python, script / "expression_change.py", *sums, *labels, *lists)
    drawn = [f"{name}.communication_cells.h5ad" for name in names]
    results = [word for name in names for word in ("--scores", f"{name}.communication.parquet")]
    given = (*drawn, *results, "--patient", patient, *labels, *pairs, *watch)
    given += ("--lineages", ASSETS / "lineages.tsv")
    yield "communication_change", (python, script / "communication_change.py", *given)


def repeated(inputs: Path, folder: Path, times: int) -> Path:
    """The inputs with every cell `times` times over."""
    import anndata
    import hdf5plugin

    if (folder / "labels.parquet").exists():
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    labels = pd.read_parquet(inputs / "labels.parquet")
    parts = [labels.assign(cell_id=labels["cell_id"] + f"_{number}") for number in range(times)]
    for path in inputs.glob("*.cells.h5ad"):
        cells = anndata.read_h5ad(path)
        joined = anndata.concat({str(number): cells for number in range(times)}, index_unique="_", merge="same")
        joined.write_h5ad(folder / path.name, compression=hdf5plugin.FILTERS["zstd"])
    pd.concat(parts).to_parquet(folder / "labels.parquet", index=False)
    (folder / "samples.tsv").write_text((inputs / "samples.tsv").read_text())
    return folder


@click.command()
@click.option("--work", required=True, type=click.Path(path_type=Path, resolve_path=True))
@click.option("--cells", default=24732, show_default=True)
@click.option("--times", default=1, show_default=True, help="Repeat every cell.")
def main(work, cells, times):
    """Print CPU seconds and peak memory of every signals step on a simulated case."""
    case, inputs = simulate(work / f"case_1_{cells}", cells, 1), work / f"inputs_1_{cells}"
    if not (inputs / "samples.tsv").exists():
        write_inputs(case, inputs)
    if times > 1:
        inputs = repeated(inputs, work / f"inputs_1_{cells}_times_{times}", times)
    sheet = pd.read_csv(inputs / "samples.tsv", sep="\t")
    folder = work / f"bench_{cells}_{times}"
    folder.mkdir(parents=True, exist_ok=True)
    rows = [measured(*step, folder) for step in steps(inputs, list(sheet["sample"]), sheet["patient"].iat[0])]
    table = pd.DataFrame(rows, columns=["step", "cpu", "memory"]).groupby("step", sort=False)
    table = table.agg(runs=("cpu", "size"), cpu=("cpu", "sum"), memory=("memory", "max"))
    print(table.round(2).to_string())
    print(f"{len(pd.read_parquet(inputs / 'labels.parquet')):,} cells: {table['cpu'].sum():.1f} s CPU in all")


if __name__ == "__main__":
    main()
