"""Time, memory and size of EXPORT and of the case report's largest steps on made cells.

    python tests/benchmarks/bench_report.py [cells] [folder] [page]

With `page` no matrices are made and EXPORT is left out: for the page of a million cells.

Matrices: 33,538 genes, about 1,500 entries per cell, in samples of at most 10,000 cells. Nothing is asserted.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(PROJECT / "tests"), str(PROJECT / "bin")]
GENES, ENTRIES, SAMPLE = 33_538, 1_500, 10_000


def matrices(folder: Path, cells: int, counted: bool) -> int:
    """Write cells.parquet and, if `counted`, <sample>.cells.h5ad; returns the bytes of the counts as CSR in memory."""
    import anndata as ad
    import hdf5plugin
    import numpy as np
    import pandas as pd
    import scipy.sparse as sp

    rng, size, tables = np.random.default_rng(0), 0, []
    weight = rng.exponential(size=GENES) ** 3
    chance = np.cumsum(weight / weight.sum())
    var = pd.DataFrame(index=[f"GENE{i}" for i in range(GENES)])
    for number, start in enumerate(range(0, cells, SAMPLE)):
        n = min(SAMPLE, cells - start)
        obs = pd.DataFrame(index=pd.Index([f"S{number}:C{i}" for i in range(n)], name="cell_id"))
        kinds = pd.DataFrame(
            {"cell_id": obs.index, "sample": f"S{number}", "patient": "P1", "timepoint": f"T{number % 3}"}
        )
        tables.append(kinds.assign(day=number % 3 * 30))
        if not counted:
            continue
        columns = np.searchsorted(chance, rng.random(n * ENTRIES)).clip(max=GENES - 1)
        rows = np.repeat(np.arange(n), ENTRIES)
        counts = sp.coo_matrix((np.ones(len(rows), np.int32), (rows, columns)), (n, GENES)).tocsr()
        size += counts.data.nbytes + counts.indices.nbytes + counts.indptr.nbytes
        table = ad.AnnData(counts, obs=obs, var=var)
        table.write_h5ad(folder / f"S{number}.cells.h5ad", compression=hdf5plugin.FILTERS["zstd"])
    table = pd.concat(tables, ignore_index=True)
    kinds = np.array(["plasma cell", "CD8 T", "CD4 T", "NK", "B-ALL blast", "cDC"])
    table["cell_type"] = kinds[rng.integers(0, 6, cells)]
    table["lineage"] = table["cell_type"].map(
        dict(zip(kinds, ["plasma", "T", "T", "NK", "blast", "myeloid"], strict=True))
    )
    table["subset"] = table["cell_type"] + "_" + pd.Series(rng.integers(1, 4, cells).astype(str))
    table["bcr_clone"] = (
        pd.Series(rng.integers(1, 4000, cells)).map("P1.B{}".format).where(table["lineage"] == "plasma")
    )
    table["tcr_clone"] = pd.Series(rng.integers(1, 40000, cells)).map("P1.T{}".format).where(table["lineage"] == "T")
    table["mrd_clone"] = None
    table["isg_score"] = rng.normal(1, 0.3, cells)
    table["isg_high"] = pd.array(table["isg_score"] > 1.3, dtype="boolean")
    table["car_positive"] = pd.array(rng.random(cells) < 0.01, dtype="boolean")
    table["cnv_profile"], table["malignancy"] = "none", "normal"
    table["umap_1"], table["umap_2"] = rng.normal(0, 3, (2, cells)) + rng.integers(0, 6, cells) * 4
    table.to_parquet(folder / "cells.parquet")
    return size


def measure(name: str, *command) -> None:
    """Run a command in the current folder and print its time and peak memory."""
    started = time.perf_counter()
    child = subprocess.Popen([sys.executable, *map(str, command)])
    _, status, used = os.wait4(child.pid, 0)
    spent = time.perf_counter() - started
    if status:
        raise SystemExit(f"{name} failed")
    cpu = used.ru_utime + used.ru_stime
    print(f"{name}\t{spent:.1f} s\t{cpu:.1f} s CPU\t{used.ru_maxrss / 2**20:.2f} GiB", flush=True)


def main() -> None:
    cells = int(sys.argv[1]) if len(sys.argv) > 1 else 25_000
    folder = Path(sys.argv[2] if len(sys.argv) > 2 else tempfile.mkdtemp())
    folder.mkdir(parents=True, exist_ok=True)
    os.chdir(folder)
    counted = "page" not in sys.argv
    if sys.argv[-1] == "make":  # in a process of its own: a child starts with its parent's peak memory
        from helpers import report_case

        report_case.write(folder / "tables")
        size = matrices(folder, cells, counted)
        os.replace("cells.parquet", "tables/cells.parquet")
        print(f"{cells} cells, counts in memory {size / 2**30:.2f} GiB", flush=True)
        return
    subprocess.run([sys.executable, __file__, str(cells), str(folder), *sys.argv[3:], "make"], check=True)
    steps, assets = PROJECT / "bin", PROJECT / "assets"
    colours, columns = ["--colours", assets / "colours.tsv"], ["--columns", assets / "cell_columns.tsv"]
    inputs = sorted(folder.glob("S*.cells.h5ad"))
    if counted:
        measure("EXPORT", steps / "export.py", *inputs, "--cells", "tables/cells.parquet", *colours, *columns)
    patient = ["--patient", "P1"]
    measure("CASE_ANSWER", steps / "case_answer.py", "tables", *patient)
    measure("CASE_FIGURES", steps / "case_figures.py", "tables", *patient, *colours)
    parts = [
        f"--{option}=P1.{kind}.json"
        for option, kind in (("answer", "answer"), ("figures", "figures"), ("charts", "charts"), ("maps", "map"))
    ]
    measure(
        "CASE_REPORT", steps / "case_report.py", "tables", *patient, *parts, "--assets", assets / "report", *columns
    )
    for name in ("clonewatch.h5mu", "cells.h5ad", "P1.case_report.html")[0 if counted else 2 :]:
        print(f"{name}\t{Path(name).stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
