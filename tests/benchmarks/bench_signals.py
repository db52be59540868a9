"""Speed of the signals steps: CPU seconds and memory per step, and of the libraries they stand in for. Nothing is asserted.

    python tests/benchmarks/bench_signals.py --work FOLDER [--cells 24732] [--libraries]

`--times 10` repeats every sample's cells, with new barcodes, to show that the cap bounds communication.
"""

import os
import sys
import time
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
    labels, sheet = ("--labels", inputs / "labels.parquet"), ("--samples", inputs / "samples.tsv")
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
    lists = ("--gene-lists", ASSETS / "gene_lists.tsv")
    yield "expression_change", (python, script / "expression_change.py", *sums, *sheet, *lists)
    drawn = [f"{name}.communication_cells.h5ad" for name in names]
    results = [word for name in names for word in ("--scores", f"{name}.communication.parquet")]
    given = (*drawn, *results, "--patient", patient, *pairs, *watch)
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


def libraries(inputs: Path, name: str) -> None:
    """LIANA and decoupler on the same cells of one sample."""
    from _matrices import log_per_10k_without_ig

    import anndata
    import decoupler
    import hdf5plugin  # noqa: F401
    import liana
    import signatures

    cells = anndata.read_h5ad(inputs / f"{name}.cells.h5ad")
    labels = pd.read_parquet(inputs / "labels.parquet").set_index("cell_id")
    cells.obs["group"] = labels.loc[cells.obs_names, "subset"].astype("category").to_numpy()
    cells.X = log_per_10k_without_ig(cells.X, cells.var_names)
    start = time.process_time()
    liana.mt.rank_aggregate(cells, groupby="group", use_raw=False, n_perms=100, min_cells=10, inplace=False)
    print(f"{'LIANA (consensus pairs), ' + name:34}{time.process_time() - start:8.1f} s CPU")
    sets = signatures.read_gmt(ASSETS / "hallmark.gmt")
    net = pd.DataFrame([(key, gene) for key, genes in sets.items() for gene in genes], columns=["source", "target"])
    start = time.process_time()
    decoupler.mt.ulm(cells, net, bsize=1000, empty=False)
    print(f"{'decoupler ulm, ' + name:34}{time.process_time() - start:8.1f} s CPU")


@click.command()
@click.option("--work", required=True, type=click.Path(path_type=Path, resolve_path=True))
@click.option("--cells", default=24732, show_default=True)
@click.option("--times", default=1, show_default=True, help="Repeat every cell.")
@click.option("--libraries", "compare", is_flag=True, help="Also LIANA and decoupler on one sample.")
def main(work, cells, times, compare):
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
    if compare:
        sys.path.insert(0, str(PROJECT / "bin"))
        libraries(inputs, sheet["sample"].iat[-1])


if __name__ == "__main__":
    main()
