"""The field's own libraries do their steps: where a call of one is replaced by an error, its step fails, and for that reason.

A row of CALLS names a command, what it calls, and a function that writes small inputs into the current folder and returns
the command's arguments. The inputs are written before the call is replaced, so they may come from other commands.
"""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import anndata
import pandas as pd
import pytest
from helpers import small_receptors as receptors
from helpers.cohort import EXCLUDED, write_cohort
from helpers.signals_data import ASSETS, invoke, levels, write_run

PAIRS = ("--interactions", ASSETS / "interactions.tsv")


class Call(NamedTuple):
    """A command of bin/, the dotted name of what it calls, and what writes its inputs and returns its arguments."""

    command: str
    name: str
    prepare: Callable[[], list[Any]]


def of_sample(*more: Any) -> Callable[[], list[Any]]:
    """Arguments of a command on one sample of 60 T and 40 plasma cells with a pair; labels.parquet has their names."""

    def prepare() -> list[Any]:
        profiles = levels({"CD8_ISG+": {"ITGB2": 40}, "Plasma_1": {"ICAM1": 30}})
        write_run(Path(), [("S", "P1", "T1", 0, {"CD8_ISG+": 60, "Plasma_1": 40}, profiles)])
        return ["S.cells.h5ad", "--sample", "S", *more]

    return prepare


def drawn_cells() -> list[Any]:
    """Arguments of COMMUNICATION on what COMMUNICATION_CELLS writes of such a sample."""
    given = of_sample("--labels", "labels.parquet", "--lineages", ASSETS / "lineages.tsv", *PAIRS)()
    assert invoke(import_module("communication_cells"), *given).exit_code == 0
    return ["S.communication_cells.h5ad", *PAIRS, "--watch-list", ASSETS / "watch_list.tsv", "--permutations", 2]


def contigs() -> list[Any]:
    """Arguments of CHAINS on two plasma cells of a clone and a T cell."""
    a, b, c, d = receptors.junctions(4)
    rows = [*receptors.alpha_beta("S:T", c, d)]
    for name, junction in (("S:P1", a), ("S:P2", receptors.change(a, 10))):
        rows += [receptors.heavy(name, junction), receptors.light(name, b)]
    receptors.contigs(rows).to_parquet("S.contigs.parquet")
    cells = {"S:T": ("T", "CD4 T"), "S:P1": ("plasma", "plasma cell"), "S:P2": ("plasma", "plasma cell")}
    receptors.labels(cells).to_parquet("labels.parquet")
    lineages = ("--lineages", ASSETS / "lineages.tsv", "--genes", ASSETS / "receptor_genes.tsv")
    return ["S.contigs.parquet", "--patient", "P1", "--labels", "labels.parquet", *lineages]


def judged(*more: Any) -> Callable[[], list[Any]]:
    """Arguments of CLONOTYPES on what CHAINS writes of them."""

    def prepare() -> list[Any]:
        assert invoke(import_module("chains"), *contigs()).exit_code == 0
        return ["P1.own_chains.parquet", "--patient", "P1", "--pairing", "P1.pairing.parquet", *more]

    return prepare


def own_chains() -> list[Any]:
    """Arguments of RECEPTORS on the same."""
    assert invoke(import_module("clonotypes"), *judged("--clone-rule", "nucleotide")()).exit_code == 0
    pd.read_parquet("labels.parquet").merge(pd.read_parquet("P1.clones.parquet")).to_parquet("cells.parquet")
    return [Path(), "--cells", "cells.parquet", "--lineages", ASSETS / "lineages.tsv"]


def cohort(*more: Any) -> Callable[[], list[Any]]:
    """Arguments of INTEGRATE on two samples of three types of cells."""

    def prepare() -> list[Any]:
        write_cohort(Path(), 150)
        words = [word for name in ("S1", "S2") for word in (f"{name}.cells.h5ad", "--genes", f"{name}.genes.parquet")]
        return [*words, "--samples", "samples.tsv", "--excluded", EXCLUDED, *more]

    return prepare


def read_counts() -> list[Any]:
    """Arguments of QC on one of these samples; all of its cells pass."""
    write_cohort(Path(), 150)
    counts = anndata.read_h5ad("S1.cells.h5ad")
    counts.var["gene_ids"] = [f"ENSG{i:011d}" for i in range(counts.n_vars)]
    counts.uns["species"] = "human"
    counts.write_h5ad("S1.counts.h5ad")
    c, d = receptors.junctions(2)
    receptors.contigs(receptors.alpha_beta("S1:C0", c, d)).to_parquet("S1.contigs.parquet")
    lenient = ("--min-umi", 1, "--min-genes", 1, "--max-mito", 100, "--max-hb", 100)
    return ["S1.counts.h5ad", "--sample", "S1", "--contigs", "S1.contigs.parquet", *lenient]


def lineage() -> list[Any]:
    """Arguments of SUBCLUSTER on the cells of these samples, all of them plasma cells."""
    kinds = write_cohort(Path(), 150)
    cells = pd.DataFrame({"cell_id": kinds.index, "lineage": "plasma", "cell_type": "plasma cell"})
    cells.to_parquet("annotation.parquet")
    facts = {"pass": True, "doublet_score": 0.1, "doublet": False, "has_bcr": True, "has_tcr": False}
    cells[["cell_id"]].assign(sample=kinds.index.str[:2], **facts).to_parquet("all.qc.parquet")
    files = {"subsets": "subsets", "rates": "subset_rates", "resting": "interferon_resting", "markers": "markers"}
    files |= {"lineages": "lineages", "excluded": "excluded_genes"}
    tables = [word for option, name in files.items() for word in (f"--{option}", ASSETS / f"{name}.tsv")]
    given = ("--samples", "samples.tsv", "--annotation", "annotation.parquet", "--metrics", "all.qc.parquet")
    return ["S1.cells.h5ad", "S2.cells.h5ad", *given, "--lineage", "plasma", "--numbered", "Plasma", *tables]


def results() -> list[Any]:
    """Arguments of EXPORT on these samples."""
    kinds = write_cohort(Path(), 150)
    cells = pd.DataFrame({"cell_id": kinds.index, "sample": kinds.index.str[:2], "umap_1": 0.0, "umap_2": 0.0})
    cells.astype({"sample": "category"}).to_parquet("cells.parquet")
    tables = ("--colours", ASSETS / "colours.tsv", "--columns", ASSETS / "cell_columns.tsv")
    return ["S1.cells.h5ad", "S2.cells.h5ad", "--cells", "cells.parquet", *tables]


LABELS = of_sample("--labels", "labels.parquet")
SPACE = ("scanpy.pp.pca", "harmonypy.run_harmony", "scanpy.pp.neighbors", "scanpy.tl.umap")
SETS = ("--isg", ASSETS / "isg_core.tsv", "--gene-sets", ASSETS / "hallmark.gmt")
CALLS = [
    Call("communication", "liana.mt.rank_aggregate", drawn_cells),
    Call("communication", "scanpy.get.aggregate", drawn_cells),
    Call("signatures", "decoupler.mt.ulm", of_sample(*SETS)),
    Call("signatures", "decoupler.mt.aucell", of_sample(*SETS, "--method", "aucell")),
    Call("signatures", "scanpy.tl.score_genes", of_sample(*SETS)),
    Call("pseudobulk", "scanpy.get.aggregate", LABELS),
    Call("chains", "scirpy.pp.index_chains", contigs),
    Call("chains", "scirpy.tl.chain_qc", contigs),
    Call("chains", "scirpy.get.airr", contigs),
    Call("clonotypes", "scirpy.pp.ir_dist", judged()),
    Call("clonotypes", "scirpy.tl.define_clonotype_clusters", judged()),
    Call("clonotypes", "scirpy.tl.define_clonotypes", judged()),  # TCR
    Call("clonotypes", "scirpy.pp.ir_dist", judged("--clone-rule", "amino_acid")),
    Call("clonotypes", "scirpy.tl.define_clonotypes", judged("--clone-rule", "nucleotide")),
    Call("clonotypes", "scirpy.pp.index_chains", judged("--partial", "separate")),
    Call("receptors", "scirpy.pp.index_chains", own_chains),
    Call("receptors", "scirpy.tl.chain_qc", own_chains),
    Call("qc", "scanpy.pp.calculate_qc_metrics", read_counts),
    Call("qc", "scanpy.pp.scrublet", read_counts),
    Call("qc", "scanpy.get.aggregate", read_counts),
    *(Call("integrate", name, cohort()) for name in SPACE),
    Call("integrate", "harmonypy.compute_lisi", cohort()),
    Call("integrate", "scanpy.tl.leiden", cohort("--clustering", "leiden")),
    *(Call("subcluster", name, lineage) for name in ("scanpy.pp.highly_variable_genes", *SPACE)),
    Call("export", "anndata.io.write_elem", results),
    Call("export", "anndata.io.sparse_dataset", results),
    Call("export", "mudata.MuData", results),
]


@pytest.mark.parametrize("call", CALLS, ids=[f"{call.command}-{call.name}" for call in CALLS])
def test_a_step_fails_without_its_library(call, tmp_path, monkeypatch):
    def replaced(*_values, **_named):
        raise RuntimeError(f"in place of {call.name}")

    monkeypatch.chdir(tmp_path)
    arguments = call.prepare()
    monkeypatch.setattr(call.name, replaced)
    result = invoke(import_module(call.command), *arguments)
    assert result.exit_code == 1 and f"in place of {call.name}" in result.output


@pytest.mark.parametrize("command", sorted({call.command for call in CALLS}))
def test_a_step_ends_well_with_its_libraries(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    prepare = next(call.prepare for call in CALLS if call.command == command)
    result = invoke(import_module(command), *prepare())
    assert result.exit_code == 0, result.output


def test_each_library_of_the_field_does_a_step():
    assert {call.name.split(".")[0] for call in CALLS} >= {
        "anndata",
        "decoupler",
        "harmonypy",
        "liana",
        "mudata",
        "scanpy",
        "scirpy",
    }
