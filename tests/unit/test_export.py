"""EXPORT: the same numbers in every file, read by the libraries that people read them with."""

import shutil
import subprocess

import anndata as ad
import export
import h5py
import hdf5plugin
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from click.testing import CliRunner

GENES = {"S1": ["CD3D", "MZB1", "LYZ", "ACTB"], "S2": ["MZB1", "CD3D", "ACTB", "EXTRA"]}


@pytest.fixture
def counts(tmp_path, monkeypatch):
    """Two matrices with different genes in different order, one with a cell that was not kept; their counts."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    tables = []
    for sample, genes in GENES.items():
        values = rng.poisson(1.5, (30, 4)).astype(np.int32)
        obs = pd.DataFrame(index=pd.Index([f"{sample}:AC{i}" for i in range(30)], name="cell_id"))
        var = pd.DataFrame({"gene_ids": genes, "genome": "GRCh38"}, index=genes)
        cells = ad.AnnData(sp.csr_matrix(values), obs=obs, var=var)
        cells.write_h5ad(f"{sample}.cells.h5ad", compression=hdf5plugin.FILTERS["zstd"])
        tables.append(pd.DataFrame(values, obs.index, genes))
    joined = pd.concat(tables).fillna(0).drop(index="S2:AC3")
    table = pd.DataFrame(index=joined.index)
    table["sample"] = pd.Categorical(table.index.str[:2])
    table["cell_type"] = pd.Categorical(np.where(np.arange(59) % 3, "CD4 T", "plasma cell"))
    table["isg_score"] = np.arange(59, dtype=np.float32)
    table["isg_high"] = pd.array([None, *([True, False] * 29)], dtype="boolean")
    table["car_umi"] = pd.array([pd.NA] * 59, dtype="Int64")
    table["umap_1"], table["umap_2"] = np.arange(59.0), -np.arange(59.0)
    table.sample(frac=1, random_state=1).reset_index().to_parquet("cells.parquet")
    return joined


@pytest.fixture
def run(project):
    def call(*extra):
        assets = project / "assets"
        tables = ["--colours", str(assets / "colours.tsv"), "--columns", str(assets / "cell_columns.tsv")]
        matrices = [f"{sample}.cells.h5ad" for sample in GENES]
        return CliRunner().invoke(export.main, [*matrices, "--cells", "cells.parquet", *tables, *extra])

    return call


def test_h5mu_holds_counts_and_their_logarithms(counts, run, monkeypatch):
    import mudata

    monkeypatch.setattr(export, "BLOCK", 7)  # cells: many blocks
    done = run()
    assert done.exit_code == 0, done.output
    gex = mudata.read_h5mu("clonewatch.h5mu")["gex"]
    assert list(gex.var_names) == ["CD3D", "MZB1", "LYZ", "ACTB", "EXTRA"]
    expected = counts.loc[gex.obs_names, gex.var_names].to_numpy()
    assert (gex.layers["counts"].toarray() == expected).all()
    assert gex.layers["counts"].dtype == np.int32
    logs = np.log1p(1e4 * expected / expected.sum(1, keepdims=True).clip(1))
    np.testing.assert_allclose(gex.X.toarray(), logs, rtol=1e-5)


def test_every_result_stands_at_its_cell_in_both_files(counts, run):
    import mudata

    run()
    whole, small = mudata.read_h5mu("clonewatch.h5mu"), ad.read_h5ad("cells.h5ad")
    for gex in (whole["gex"], small):
        assert gex.n_obs == 59 and "S2:AC3" not in gex.obs_names
        assert gex.obs.loc["S1:AC7", "isg_score"] == 7 and gex.obs.loc["S2:AC10", "isg_score"] == 39
        assert gex.obsm["X_umap"][gex.obs_names.get_loc("S1:AC7"), 0] == 7
        assert list(gex.obs["isg_high"].cat.categories) == ["no", "yes"] and gex.obs["isg_high"].isna().sum() == 1
        assert "car_umi" not in gex.obs  # nothing known about any cell
    assert (small.X != whole["gex"].X).nnz == 0
    assert list(whole.obs["gex:sample"]) == list(whole["gex"].obs["sample"])


def test_colours_are_those_of_the_project(counts, run, project):
    run()
    small = ad.read_h5ad("cells.h5ad")
    colours = pd.read_csv(project / "assets" / "colours.tsv", sep="\t").query("level == 'cell_type'")
    known = colours.set_index("label")["colour"]
    assert list(small.uns["cell_type_colors"]) == [known[name] for name in small.obs["cell_type"].cat.categories]


def test_scanpy_draws_it(counts, run):
    import matplotlib
    import scanpy

    matplotlib.use("Agg")
    run()
    small = ad.read_h5ad("cells.h5ad")
    scanpy.pl.umap(small, color=["cell_type", "isg_high", "isg_score"], show=False)
    scanpy.pl.dotplot(small, ["CD3D", "MZB1"], groupby="cell_type", show=False)


def test_r_reads_it_as_the_page_says(counts, run, project):
    """The lines of docs/outputs/export.md, where R and hdf5r are installed."""
    ask = ["Rscript", "-e", "library(hdf5r)"]
    if not shutil.which("Rscript") or subprocess.run(ask, capture_output=True).returncode:
        pytest.skip("R with hdf5r is not installed")
    run()
    page = (project / "docs" / "outputs" / "export.md").read_text()
    told = 'cat(sum(counts["MZB1", ]), sum(counts[, "S1:AC7"]), sum(type == "CD4 T"), umap[7, 2])'
    script = page.split("```r\n")[1].split("```")[0] + told
    done = subprocess.run(["Rscript", "-e", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    gex = ad.read_h5ad("cells.h5ad")
    expected = (
        counts["MZB1"].sum(),
        counts.loc["S1:AC7"].sum(),
        (gex.obs["cell_type"] == "CD4 T").sum(),
        gex.obsm["X_umap"][6, 1],
    )
    assert list(map(float, done.stdout.split()[-4:])) == pytest.approx(list(map(float, expected)))


def test_matrices_need_no_plugin_and_may_have_more_entries_than_32_bits_count(counts, run):
    run()
    with h5py.File("clonewatch.h5mu") as file:
        gex = file["mod/gex"]
        for name in ("X", "layers/counts"):
            assert {gex[name][part].compression for part in ("data", "indices")} == {"gzip"}
            assert gex[name]["indptr"].dtype == np.int64


def test_only_what_was_asked_for_is_written(counts, run, tmp_path):
    assert run("--export", "h5ad").exit_code == 0
    assert (tmp_path / "cells.h5ad").exists() and not (tmp_path / "clonewatch.h5mu").exists()
    wrong = run("--export", "h5ad,loom")
    assert wrong.exit_code == 1 and "'loom' is not one of h5mu, h5ad" in wrong.output


def test_cells_without_a_matrix_are_an_error(counts, run, project):
    table = pd.read_parquet("cells.parquet")
    pd.concat([table, table.iloc[:2].assign(cell_id=["S3:A", "S3:B"])]).to_parquet("cells.parquet")
    done = run()
    assert done.exit_code == 1 and "2 of 61 cells are in none of the 2 matrices" in done.output


def test_colours_can_be_told_apart_by_colour_blind_readers(project):
    """At least 12 units of CIE L*a*b* between any two cell types, for usual, protan and deutan eyes (Machado 2009)."""
    colours = pd.read_csv(project / "assets" / "colours.tsv", sep="\t").query("level == 'cell_type'")["colour"]
    rgb = np.array([[int(code[i : i + 2], 16) / 255 for i in (1, 3, 5)] for code in colours])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    deutan = [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]]
    protan = [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]]
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    for eye in (np.eye(3), np.array(deutan), np.array(protan)):
        f = (np.clip(linear @ eye.T, 0, 1) @ xyz.T) / [0.9505, 1, 1.089]
        f = np.where(f > 0.008856, np.cbrt(f), 7.787 * f + 16 / 116)
        lab = np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], 1)
        distance = np.linalg.norm(lab[:, None] - lab[None], axis=-1) + 1000 * np.eye(len(lab))
        assert distance.min() > 12
