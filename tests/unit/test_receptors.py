"""RECEPTORS: scirpy and airr read what is written, and find the same chains."""

import anndata as ad
import awkward as ak
import numpy as np
import pandas as pd
import pytest
import receptors
from click.testing import CliRunner
from conftest import PROJECT

GIVEN = ["--cells", "cells.parquet", "--lineages", str(PROJECT / "assets" / "lineages.tsv")]
LOCI = ("IGH", "IGK", "IGL", "TRA", "TRB", "TRG", "TRD")


@pytest.fixture
def inputs(tmp_path, monkeypatch):
    """Random chains of 400 cells, of every kind of pairing, 1 in 10 ambient; and their cells."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "results").mkdir()
    rng = np.random.default_rng(1)
    n = 1200
    cells = np.array([f"S1:AC{i}" for i in range(400)])
    chains = pd.DataFrame({"cell_id": rng.choice(cells, n), "sequence_id": [f"c{i}" for i in range(n)]})
    weights = np.array([4, 3, 3, 4, 4, 0.3, 0.3])
    chains["locus"] = rng.choice(LOCI, n, p=weights / weights.sum())
    for name, letter in (("v_call", "V"), ("d_call", "D"), ("j_call", "J"), ("c_call", "C")):
        chains[name] = chains["locus"] + letter + "1"
    chains["junction"] = rng.choice(["TGTGCCTGG", "TGTGCATGG", "TGTAAATGG"], n)
    chains["junction_aa"] = np.where(rng.random(n) < 0.05, None, "CAW")
    chains["productive"] = rng.random(n) < 0.9
    chains["duplicate_count"] = rng.integers(1, 9, n)
    chains["consensus_count"] = rng.integers(1, 999, n)
    chains["verdict"] = np.where(rng.random(n) < 0.1, "stray", "own")
    chains.to_parquet("results/P1.own_chains.parquet")
    table = pd.DataFrame({"cell_id": [*cells, "S1:NONE"], "sample": "S1", "lineage": ["T", "plasma"] * 200 + ["T"]})
    table["bcr_clone"] = pd.Categorical(np.where(np.arange(401) % 4, None, "P1.B1"))
    table["tcr_clone"] = pd.Categorical(np.where(np.arange(401) % 3, None, "P1.T1"))
    table["tcr_counted"] = pd.array([True] * 401, dtype="boolean")
    table.to_parquet("cells.parquet")
    return chains


def test_chains_and_their_indices_are_as_scirpy_reads_them(inputs):
    import scirpy as ir

    done = CliRunner().invoke(receptors.main, ["results", *GIVEN])
    assert done.exit_code == 0, done.output
    adata = ad.read_h5ad("airr.h5ad")
    assert set(adata.uns["chain_indices"]) == {"model", "airr_key"}  # no addresses in memory
    own = inputs[(inputs["verdict"] == "own") & inputs["productive"] & inputs["junction_aa"].notna()]
    heavy = own[own["locus"].isin(["IGH", "TRB", "TRD"])].sort_values(
        ["duplicate_count", "consensus_count", "junction"], ascending=False
    )
    best = heavy.drop_duplicates("cell_id").set_index("cell_id")["sequence_id"]
    found = ir.get.airr(adata, "sequence_id", "VDJ_1").dropna()
    assert found.sort_index().to_dict() == best.sort_index().to_dict() and len(best) > 200
    many = heavy["cell_id"].value_counts().loc[lambda n: n > 2].index
    assert len(many) > 5 and (adata.obs.loc[many, "chain_pairing"] == "multichain").all()
    assert len(set(adata.obs["chain_pairing"])) >= 7  # the random chains cover nearly all kinds


def test_fields_have_the_names_and_types_of_airr():
    from _airr_cells import AIRR_FIELDS

    from airr.schema import RearrangementSchema

    types = {name: RearrangementSchema.type(name) for name in AIRR_FIELDS}
    assert None not in types.values()
    assert {name for name, kind in types.items() if kind == "integer"} == {"duplicate_count", "consensus_count"}
    assert {name for name, kind in types.items() if kind == "boolean"} == {"productive"}


def test_a_run_without_own_chains_has_an_empty_modality(inputs):
    inputs.assign(verdict="stray").to_parquet("results/P1.own_chains.parquet")
    done = CliRunner().invoke(receptors.main, ["results", *GIVEN])
    assert done.exit_code == 0, done.output
    assert ad.read_h5ad("airr.h5ad").n_obs == 0


def test_only_own_chains_and_their_cells(inputs):
    CliRunner().invoke(receptors.main, ["results", *GIVEN])
    mine = ad.read_h5ad("airr.h5ad")
    own = inputs[inputs["verdict"] == "own"]
    assert set(mine.obs_names) == set(own["cell_id"])
    assert int(ak.sum(ak.num(mine.obsm["airr"]))) == len(own)


def test_clone_id_follows_the_lineage(inputs):
    CliRunner().invoke(receptors.main, ["results", *GIVEN])
    obs = ad.read_h5ad("airr.h5ad").obs
    both = obs[obs["bcr_clone"].notna() & obs["tcr_clone"].notna()]
    assert (both.loc[both["lineage"] == "T", "clone_id"] == "P1.T1").all()
    assert (both.loc[both["lineage"] == "plasma", "clone_id"] == "P1.B1").all()
    sizes = obs["clone_id"].value_counts()
    assert (obs["clone_id_size"].dropna() == obs["clone_id"].dropna().map(sizes).astype(float)).all()


def test_patients_rearrangements_become_one_valid_airr_file(inputs, tmp_path):
    import airr

    for patient in ("P1", "P2"):
        table = pd.DataFrame({"sequence_id": [f"{patient}:c1"], "cell_id": [f"{patient}:A"]})
        for name in ("sequence", "v_call", "d_call", "j_call", "sequence_alignment", "germline_alignment"):
            table[name] = ""
        for name in (
            "junction",
            "junction_aa",
            "v_cigar",
            "d_cigar",
            "j_cigar",
            "extra" if patient == "P2" else "locus",
        ):
            table[name] = ""
        table["rev_comp"], table["productive"] = "F", "T"
        table.to_csv(f"results/{patient}.airr_rearrangement.tsv", sep="\t", index=False)
    CliRunner().invoke(receptors.main, ["results", *GIVEN])
    assert airr.validate_rearrangement("airr_rearrangement.tsv")
    assert len(pd.read_csv("airr_rearrangement.tsv", sep="\t")) == 2


def test_no_receptors_is_said(tmp_path, monkeypatch, inputs):
    (tmp_path / "empty").mkdir()
    done = CliRunner().invoke(receptors.main, ["empty", *GIVEN])
    assert done.exit_code == 1 and "no *.own_chains.parquet" in done.output


def test_scirpy_draws_the_h5mu_as_it_is(inputs, project):
    """EXPORT's file with both modalities: groups by expression's columns, clones by receptors'."""
    import export
    import hdf5plugin
    import matplotlib
    import mudata
    import scipy.sparse as sp
    import scirpy as ir

    matplotlib.use("Agg")
    table = pd.read_parquet("cells.parquet").assign(cell_type=pd.Categorical(["CD4 T", "NK"] * 200 + ["NK"]))
    table["sample"] = pd.Categorical(table["sample"])
    table["umap_1"], table["umap_2"] = 0.0, 1.0
    table.to_parquet("cells.parquet")
    CliRunner().invoke(receptors.main, ["results", *GIVEN])
    counts = sp.csr_matrix(np.random.default_rng(0).poisson(1, (401, 5)).astype(np.int32))
    names = pd.DataFrame(index=pd.Index(table["cell_id"]))
    matrix = ad.AnnData(counts, obs=names, var=pd.DataFrame(index=list("ABCDE")))
    matrix.write_h5ad("S1.cells.h5ad", compression=hdf5plugin.FILTERS["zstd"])
    assets = project / "assets"
    given = ["--cells", "cells.parquet", "--airr", "airr.h5ad", "--colours", str(assets / "colours.tsv")]
    done = CliRunner().invoke(export.main, ["S1.cells.h5ad", *given, "--columns", str(assets / "cell_columns.tsv")])
    assert done.exit_code == 0, done.output
    whole = mudata.read_h5mu("clonewatch.h5mu")
    assert set(whole.mod) == {"gex", "airr"} and whole.n_obs == 401
    ir.pl.group_abundance(whole, groupby="airr:receptor_subtype", target_col="gex:cell_type")
    ir.pl.clonal_expansion(whole, target_col="airr:clone_id", groupby="gex:cell_type")
    ir.pl.spectratype(whole, color="airr:receptor_subtype")
    ir.pl.vdj_usage(whole)
