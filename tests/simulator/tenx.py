"""Files as Cell Ranger writes them: the v3 matrix, streamed, and the metrics tables."""

import csv
import zlib
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from pathlib import Path

import h5py
import numpy as np
import pandas as pd

BLOCK = 1 << 18  # elements per compressed block of the long arrays


def _packed(values: np.ndarray) -> bytes:
    """One block as HDF5's shuffle and gzip filters store it; unlike h5py, zlib lets other threads run."""
    if len(values) < BLOCK:
        values = np.concatenate([values, np.zeros(BLOCK - len(values), values.dtype)])
    shuffled = values.view(np.uint8).reshape(-1, values.itemsize).T.tobytes()
    return zlib.compress(shuffled, 1)


class _Column:
    """A one-dimensional dataset that grows block by block."""

    def __init__(self, group: h5py.Group, name: str, dtype: str, workers: Executor):
        self.data = group.create_dataset(
            name, (0,), dtype, maxshape=(None,), chunks=(BLOCK,), compression="gzip", compression_opts=1, shuffle=True
        )
        self.dtype, self.workers = np.dtype(dtype), workers
        self.rest: list[np.ndarray] = []
        self.waiting: deque = deque()
        self.size = self.queued = 0

    def append(self, values: np.ndarray) -> None:
        self.size += len(values)
        self.rest.append(values)
        while self.size - self.queued >= BLOCK:
            joined = np.concatenate(self.rest) if len(self.rest) > 1 else self.rest[0]
            self._queue(joined[:BLOCK])
            self.rest = [joined[BLOCK:]]
        while len(self.waiting) > 4:
            self._write()

    def _queue(self, block: np.ndarray) -> None:
        self.waiting.append((self.queued, self.workers.submit(_packed, block.astype(self.dtype))))
        self.queued += len(block)

    def _write(self) -> None:
        offset, packed = self.waiting.popleft()
        self.data.resize((max(self.data.shape[0], offset + BLOCK),))
        self.data.id.write_direct_chunk((offset,), packed.result())

    def close(self) -> None:
        joined = np.concatenate(self.rest) if self.rest else np.empty(0)
        if len(joined):
            self._queue(joined)
        while self.waiting:
            self._write()
        self.data.resize((self.size,))


def write_matrix(
    path: Path,
    features: pd.DataFrame,
    barcodes: np.ndarray,
    tasks: Iterable[Callable[[], tuple[np.ndarray, np.ndarray, np.ndarray]]],
    workers: Executor,
    ahead: int,
    library: str,
) -> dict[str, np.ndarray]:
    """Write a 10x v3 matrix from tasks that each give (data, feature index, genes per barcode).

    features: columns gene_id, gene, feature_type, genome. At most `ahead` tasks are under way, so memory does
    not grow with the number of barcodes. Returns n_genes and n_umi per barcode and cells per gene.
    """
    seen = np.zeros(len(features), np.int64)
    n_genes, n_umi = [], []
    with h5py.File(path, "w") as file:
        file.attrs["filetype"] = "matrix"
        file.attrs["version"] = 2
        file.attrs["chemistry_description"] = "Single Cell 5' R2-only"
        file.attrs["library_ids"] = np.array([library], "S")
        file.attrs["original_gem_groups"] = np.array([1])
        file.attrs["software_version"] = "cellranger-7.1.0"
        matrix = file.create_group("matrix")
        matrix.create_dataset("barcodes", data=barcodes.astype("S18"), compression="gzip", compression_opts=1)
        matrix.create_dataset("shape", data=np.array([len(features), len(barcodes)], np.int32))
        group = matrix.create_group("features")
        group.create_dataset("_all_tag_keys", data=np.array(["genome"], "S"))
        columns = {"id": "gene_id", "name": "gene", "feature_type": "feature_type", "genome": "genome"}
        for name, column in columns.items():
            group.create_dataset(name, data=features[column].to_numpy(str).astype("S"), compression="gzip")
        data = _Column(matrix, "data", "int32", workers)
        indices = _Column(matrix, "indices", "int64", workers)
        for values, index, length in _in_order(tasks, workers, ahead):
            data.append(values)
            indices.append(index)
            seen += np.bincount(index, minlength=len(features))
            n_genes.append(length)
            n_umi.append(np.add.reduceat(np.append(values, 0), np.minimum(np.cumsum(length) - length, len(values))))
            n_umi[-1][length == 0] = 0
        data.close()
        indices.close()
        n_genes = np.concatenate(n_genes)
        indptr = np.concatenate([[0], np.cumsum(n_genes)])
        matrix.create_dataset("indptr", data=indptr.astype(np.int64), compression="gzip", compression_opts=1)
    return {"n_genes": n_genes, "n_umi": np.concatenate(n_umi), "seen": seen}


def _in_order(tasks: Iterable[Callable], workers: Executor, ahead: int) -> Iterable:
    under_way: deque = deque()
    for task in tasks:
        under_way.append(workers.submit(task))
        if len(under_way) >= ahead:
            yield under_way.popleft().result()
    while under_way:
        yield under_way.popleft().result()


def write_metrics(path: Path, values: dict[str, str]) -> None:
    """A metrics_summary.csv in Cell Ranger's wide form: names in the first row, values in the second."""
    with path.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([list(values), list(values.values())])


def gex_metrics(stats: dict[str, np.ndarray], rng: np.random.Generator) -> dict[str, str]:
    """Cell Ranger's gene expression metrics; the sequencing figures are invented around usual values."""
    cells, umi = len(stats["n_umi"]), stats["n_umi"]
    saturation = rng.uniform(0.55, 0.85)
    in_cells = rng.uniform(0.82, 0.96)
    reads = int(umi.sum() / (1 - saturation) / in_cells / 0.55)

    def percent(low: float, high: float) -> str:
        return f"{rng.uniform(low, high):.1%}"

    return {
        "Estimated Number of Cells": f"{cells:,}",
        "Mean Reads per Cell": f"{reads // max(cells, 1):,}",
        "Median Genes per Cell": f"{int(np.median(stats['n_genes'])):,}",
        "Number of Reads": f"{reads:,}",
        "Valid Barcodes": percent(0.93, 0.98),
        "Sequencing Saturation": f"{saturation:.1%}",
        "Q30 Bases in Barcode": percent(0.94, 0.97),
        "Q30 Bases in RNA Read": percent(0.88, 0.94),
        "Q30 Bases in UMI": percent(0.93, 0.97),
        "Reads Mapped to Genome": percent(0.93, 0.97),
        "Reads Mapped Confidently to Genome": percent(0.86, 0.92),
        "Reads Mapped Confidently to Intergenic Regions": percent(0.03, 0.06),
        "Reads Mapped Confidently to Intronic Regions": percent(0.12, 0.25),
        "Reads Mapped Confidently to Exonic Regions": percent(0.55, 0.68),
        "Reads Mapped Confidently to Transcriptome": percent(0.5, 0.62),
        "Reads Mapped Antisense to Gene": percent(0.01, 0.03),
        "Fraction Reads in Cells": f"{in_cells:.1%}",
        "Total Genes Detected": f"{int((stats['seen'] > 0).sum()):,}",
        "Median UMI Counts per Cell": f"{int(np.median(umi)):,}",
    }
