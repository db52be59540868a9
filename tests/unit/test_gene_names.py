"""Matrices that name genes and files otherwise than Cell Ranger: each is read as the plain one, or refused with its reason."""

import itertools
import json

import _gene_names as gene_names
from _errors import InputError

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
import read_cellranger as reader
import transgene
from click.testing import CliRunner
from helpers.matrix_files import write_h5, write_trio
from scipy import sparse

CARS = reader.ASSETS / "car_names.tsv"


@pytest.fixture(scope="module")
def human(data):
    """Ids and symbols of the 33,538 genes of a real reference, without its virus."""
    with h5py.File(data / "liao_covid_balf/C149/count/filtered_feature_bc_matrix.h5") as file:
        table = pd.DataFrame({key: file["matrix/features"][key].asstr()[:] for key in ("id", "name")})
    return table[table.id.str.startswith("ENSG")]


@pytest.fixture(scope="module")
def mouse(data):
    """Ids and symbols of 1,000 mouse genes."""
    path = data / "djvdj_mouse_spleen/BL6/count/filtered_feature_bc_matrix/features.tsv.gz"
    return pd.read_csv(path, sep="\t", header=None, names=["id", "name", "type"])


def some(human, n):
    """n genes of the reference: mitochondrial ones, then others."""
    first = human.name.str.startswith("MT-")
    return pd.concat([human[first], human[~first]])[:n]


def counts_of(n_cells, n_genes, seed=0):
    return np.random.default_rng(seed).poisson(0.5, (n_cells, n_genes)).astype(np.int32)


def codes(n):
    return [f"{''.join(letters)}-1" for letters in itertools.islice(itertools.product("ACGT", repeat=6), n)]


def message(call, *arguments):
    with pytest.raises(InputError) as caught:
        call(*arguments)
    return str(caught.value)


def spellings(n=16, seed=18):
    """Pairs of prefixes of human and mouse, padded to one length as mkref does or not."""
    rng = np.random.default_rng(seed)
    human, mouse = ["GRCh38", "hg19", "GRCh37", "hg38", "human"], ["mm10", "GRCm39", "mm39", "mouse"]
    tails = ["", "-2020-A", "_premrna", "-2024-A", "-3.0.0", "_and_HIV"]
    for _ in range(n):
        pair = [str(rng.choice(names)) for names in (human, mouse)]
        if rng.random() < 0.5:
            pair = [name + str(rng.choice(tails)) for name in pair]
        sign, padded = str(rng.choice(["_", "_", "-", ":"])), bool(rng.random() < 0.5)
        length = max(map(len, pair)) + 1
        yield tuple(name.ljust(length, sign) if padded else name + sign for name in pair)


@pytest.mark.parametrize(("before", "other"), [("GRCh38_", "mm10___"), *spellings()])
@pytest.mark.parametrize("files", ["h5", "mtx"])
def test_prefixes_are_taken_off_and_human_cells_kept(tmp_path, human, mouse, before, other, files):
    genes, car = some(human, 300), "FMC63_scFv"
    names = [before + name for name in genes.name] + [before + car] + [other + name for name in mouse.name[:200]]
    ids = [before + name for name in genes.id] + [before + car] + [other + name for name in mouse.id[:200]]
    counts = np.zeros((60, len(names)), np.int32)
    counts[:40, :301] = 1 + counts_of(40, 301)
    counts[:40, 301:321] = counts_of(40, 20, 1)  # ambient RNA
    counts[40:55, 301:] = 1 + counts_of(15, 200, 2)
    counts[55:] = 1 + counts_of(5, 501, 3)  # doublets
    if files == "h5":
        genomes = [before.rstrip("_:-")] * 301 + [other.rstrip("_:-")] * 200
        path = write_h5(tmp_path / "a.h5", counts, codes(60), names, id=ids, genome=genomes)
    else:
        path = write_trio(tmp_path, "", counts, codes(60), names, ids)
    adata, warnings = reader.read_counts(path, "S")
    assert list(adata.var_names) == [*genes.name, car]
    assert list(adata.var.gene_ids) == [*genes.id, before + car]
    assert (adata.X.toarray() == counts[:40, :301]).all()
    assert adata.uns["species"] == "human" and adata.uns["species_cells"] == {"human": 40, "mouse": 15, "both": 5}
    assert any("15 mouse cells and 5 with UMIs of both" in text for text in warnings)
    assert any(before in text and other in text for text in warnings)
    assert transgene.car_features(list(adata.var_names), list(adata.var.gene_ids), (), CARS) == [300]


@pytest.mark.parametrize("before", ["GRCh38_", "GRCh38_premrna_", "GRCh38-2020-A_", "hg19_", "GRCh38______"])
def test_the_prefix_of_a_single_genome(tmp_path, human, before):
    genes = some(human, 300)
    names = [before + name for name in genes.name]
    path = write_h5(tmp_path / "a.h5", counts_of(9, 300), codes(9), names, id=list(genes.id), genome=[before] * 300)
    adata, _ = reader.read_counts(path, "S")
    assert list(adata.var_names) == list(genes.name) and adata.shape == (9, 300)
    assert adata.uns["species"] == "human" and "species_cells" not in adata.uns


def test_names_without_a_prefix_stay_as_they_are(human, mouse):
    for names in (human.name, mouse.name, human.name[human.name.str.startswith(("HLA-", "MT-", "IGHV"))][:60]):
        assert gene_names.genome_prefixes(names.reset_index(drop=True), ["GRCh38"]) == []


def test_a_construct_with_its_own_genome_is_still_found(tmp_path, human, mouse):
    genes = some(human, 200)
    names = [f"GRCh38_{name}" for name in genes.name] + [f"mm10___{name}" for name in mouse.name[:100]] + ["CAR____CAR"]
    ids = [f"GRCh38_{name}" for name in genes.id] + [f"mm10___{name}" for name in mouse.id[:100]] + ["CAR____CAR"]
    genomes = ["GRCh38"] * 200 + ["mm10"] * 100 + ["CAR"]
    counts = np.zeros((30, 301), np.int32)
    counts[:20, :200], counts[20:, 200:300], counts[:, 300] = 1, 1, 1
    path = write_h5(tmp_path / "a.h5", counts, codes(30), names, id=ids, genome=genomes)
    adata, _ = reader.read_counts(path, "S")
    assert list(adata.var_names) == [*genes.name, "CAR"] and adata.n_obs == 20
    assert transgene.car_features(list(adata.var_names), list(adata.var.gene_ids), (), CARS) == [200]
    assert transgene.car_features(list(adata.var_names), list(adata.var.gene_ids), ("CAR____CAR",), CARS) == [200]


def test_a_reference_named_after_its_construct(tmp_path, human):
    genes = some(human, 200)
    path = write_h5(
        tmp_path / "a.h5",
        counts_of(9, 201),
        codes(9),
        [*genes.name, "CAR_scFv"],
        id=[*genes.id, "CAR_scFv"],
        genome=["GRCh38-2020-A+FMC63"] * 201,
    )
    adata, warnings = reader.read_counts(path, "S")
    assert list(adata.var_names) == [*genes.name, "CAR_scFv"] and adata.uns["species"] == "human" and not warnings
    assert transgene.car_features(list(adata.var_names), list(adata.var.gene_ids), (), CARS) == [200]


WRITTEN = {
    "ids": lambda id, name: (id, id),
    "versions": lambda id, name: (f"{id}.7", f"{id}.7"),
    "ids in both with a prefix": lambda id, name: (f"GRCh38_{id}", f"GRCh38_{id}"),
    "columns exchanged": lambda id, name: (name, id),
    "id before the symbol": lambda id, name: (id, f"{id}_{name}"),
    "symbol before the id": lambda id, name: (f"{name}|{id}.3", f"{name}|{id}.3"),
}


@pytest.mark.parametrize("way", WRITTEN)
def test_ensembl_ids_become_symbols(tmp_path, human, way):
    written = [WRITTEN[way](*gene) for gene in human.itertuples(index=False)] + [("myCAR", "myCAR")]
    ids, names = zip(*written, strict=True)
    counts = sparse.random(5, len(names), 0.1, "csr", random_state=1)
    counts.data[:] = 1
    path = write_h5(tmp_path / "a.h5", counts.astype(int), codes(5), names, id=ids)
    adata, warnings = reader.read_counts(path, "S")
    right = human.name.tolist()
    first = ~pd.Series(right).duplicated().to_numpy()
    assert (adata.var_names[:-1].to_numpy()[first] == np.array(right)[first]).all() and adata.var_names[-1] == "myCAR"
    assert adata.var.gene_ids[:-1].str.replace(r"[.].*", "", regex=True).tolist() == human.id.tolist()
    assert len(warnings) == 1 + ("prefix" in way) and adata.uns["species"] == "human"
    assert transgene.car_features(list(adata.var_names), list(adata.var.gene_ids), ("myCAR",), CARS) == [len(right)]


def test_ids_that_the_table_lacks_stay_and_are_counted(human):
    names = pd.Series(["ENSG00000153563", "ENSG00000182378.14_PAR_Y", "ENSG00000999999", "CAR"])
    plain, _, text = gene_names.with_symbols(names, names, reader.ASSETS / "gene_ids.tsv")
    assert plain.tolist() == ["CD8A", "PLCXD1", "ENSG00000999999", "CAR"] and "2 of 3" in text


def test_real_matrix_by_ensembl_ids(real_data):
    adata, warnings = reader.read_counts(real_data / "nsclc_bcr/count/filtered_feature_bc_matrix.h5", "S")
    assert adata.var_names[0] == "MIR1302-2HG" and "NOC2L" in adata.var_names and "976 of 999" in warnings[0]


def test_cellbender_of_both_versions(tmp_path, human):
    genes, counts = some(human, 200), counts_of(12, 200)
    plain = write_h5(tmp_path / "plain.h5", counts, codes(12), genes.name, id=genes.id)
    right = reader.read_counts(plain, "S")[0]
    old = write_h5(tmp_path / "out_filtered.h5", counts, codes(12), genes.name, id=genes.id, genome=None)
    with h5py.File(old, "a") as file:
        file["matrix/latent_cell_probability"], file["matrix/ambient_expression"] = np.ones(12), np.ones(200)
    new = write_h5(
        tmp_path / "raw_feature_bc_matrix_cellbender_filtered.h5", counts, codes(12), genes.name, id=genes.id
    )
    with h5py.File(new, "a") as file:
        file["droplet_latents/cell_probability"], file["metadata/barcodes_analyzed"] = np.ones(12), np.ones(12)
        file["global_latents/ambient_expression"] = np.ones(200)
    earliest = tmp_path / "v2_filtered.h5"
    with h5py.File(earliest, "w") as file, h5py.File(plain) as source:
        for key in ("data", "indices", "indptr", "shape", "barcodes"):
            source.copy(f"matrix/{key}", file.require_group("background_removed"))
        file["background_removed/genes"] = source["matrix/features/id"][:]
        file["background_removed/gene_names"] = source["matrix/features/name"][:]
        file["metadata/version"] = np.ones(1)
    for path in (old, new, earliest):
        adata, warnings = reader.read_counts(path, "S")
        assert (adata.X != right.X).nnz == 0 and list(adata.var_names) == list(right.var_names) and not warnings
        assert set(adata.var.genome) == {"GRCh38" if path == new else "unknown"}


@pytest.mark.parametrize("prefix", ["GSM900001_P1_T2_", "GSM900001_", "P1-T2.", "P1_T2-"])
@pytest.mark.parametrize(("genes", "packed"), [("features", True), ("genes", False)])
def test_prefixed_files_alone_and_among_others(tmp_path, human, prefix, genes, packed):
    table, counts = some(human, 120), counts_of(8, 120)
    given = (counts, codes(8), table.name.tolist(), table.id.tolist(), genes, packed)
    write_trio(tmp_path / "one", prefix, *given)
    write_trio(tmp_path / "RAW", prefix, *given)
    write_trio(tmp_path / "RAW", "GSM900002_P1_T3_", counts[:4], codes(4), table.name.tolist(), table.id.tolist())
    ways = ["one", f"RAW/{prefix}", f"RAW/{prefix[:-1]}"]
    ways += [f"RAW/{file.name}" for file in (tmp_path / "RAW").iterdir() if file.name.startswith(prefix)]
    assert len(ways) == 6
    for way in ways:
        adata, warnings = reader.read_counts(tmp_path / way, "S")
        assert (adata.X.toarray() == counts).all() and list(adata.var_names) == table.name.tolist() and not warnings
    assert "holds 2 files" in message(reader.read_counts, tmp_path / "RAW", "S")
    assert "does not exist" in message(reader.read_counts, tmp_path / "RAW" / "GSM90000", "S")
    next((tmp_path / "one").glob("*barcodes*")).unlink()
    assert "has no barcodes beside it" in message(reader.read_counts, tmp_path / "one", "S")


def test_raw_matrices_of_starsolo_and_cellbender(tmp_path, human):
    table, counts = some(human, 120), counts_of(8, 120)
    solo = tmp_path / "S1/Solo.out/Gene"
    for folder in ("raw", "filtered"):
        write_trio(solo / folder, "", counts, codes(8), table.name.tolist(), table.id.tolist(), packed=False)
    assert reader.read_counts(solo / "filtered", "S")[0].n_obs == reader.read_counts(solo, "S")[0].n_obs == 8
    for way in ("raw", "raw/matrix.mtx"):
        text = message(reader.read_counts, solo / way, "S")
        assert "a raw matrix" in text and "Gene/filtered" in text and "copy" not in text
    empty = np.vstack([counts, np.zeros((20, 120), int)])
    text = message(reader.read_counts, write_h5(tmp_path / "out.h5", empty, codes(28), table.name), "S")
    assert "28 barcodes, most of them empty" in text and "ends in _filtered" in text


def test_an_h5_of_another_program_is_not_to_be_copied_again(tmp_path):

    path = tmp_path / "S1.h5"
    anndata.AnnData(sparse.csr_matrix(counts_of(4, 5)).astype(np.float32)).write_h5ad(path)
    text = message(reader.read_counts, path, "S")
    assert "no h5 of Cell Ranger or CellBender" in text and "docs/usage/geo.md" in text and "copy" not in text


@pytest.mark.parametrize("change", [np.log1p, lambda x: x / x.sum() * 1e4, lambda x: x - x.mean()])
def test_normalised_matrices_are_asked_for_raw_counts(tmp_path, change):
    path = write_h5(tmp_path / "a.h5", change(counts_of(9, 40).astype(float)), codes(9), [f"G{i}" for i in range(40)])
    text = message(reader.read_counts, path, "S")
    assert "not whole" in text and text.endswith("give raw counts") and "copy" not in text


@pytest.mark.parametrize("symbols", [[f"gene{i}" for i in range(99)], [f"ENSDARG{i:011d}" for i in range(99)]])
def test_genes_that_match_nothing_fail_their_sample_at_reading(tmp_path, monkeypatch, symbols):
    monkeypatch.chdir(tmp_path)
    path = write_h5(tmp_path / "a.h5", counts_of(9, 99), codes(9), symbols, id=symbols, genome=None)
    assert CliRunner().invoke(reader.main, ["--sample", "S", "--gex", str(path)]).exit_code == 0
    facts = json.loads((tmp_path / "S.read.json").read_text())
    assert facts["status"] == "failed" and f"{symbols[0]}, {symbols[1]}" in facts["reason"]
    assert "human symbols or Ensembl ids" in facts["reason"] and not (tmp_path / "S.counts.h5ad").exists()


def test_a_panel_of_human_genes_is_read(tmp_path, monkeypatch, human):
    monkeypatch.chdir(tmp_path)
    names = [*human.name[200:290], *(f"construct{i}" for i in range(9))]
    path = write_h5(tmp_path / "a.h5", counts_of(9, 99), codes(9), names)
    assert CliRunner().invoke(reader.main, ["--sample", "S", "--gex", str(path)]).exit_code == 0
    assert json.loads((tmp_path / "S.read.json").read_text())["status"] == "ok"


@pytest.mark.parametrize("n_mouse", [25, 200, 1000])
@pytest.mark.parametrize("files", ["h5", "mtx"])
def test_a_few_mouse_genes_of_a_large_reference_tell_mouse_cells(tmp_path, human, mouse, n_mouse, files):
    genes = human[:20000]
    names = [f"GRCh38_{name}" for name in genes.name] + [f"mm10___{name}" for name in mouse.name[:n_mouse]]
    ids = [f"GRCh38_{name}" for name in genes.id] + [f"mm10___{name}" for name in mouse.id[:n_mouse]]
    counts = sparse.lil_matrix((30, len(names)), dtype=int)
    counts[:20, :200], counts[20:, 20000:] = 1, 1
    if files == "h5":
        path = write_h5(tmp_path / "a.h5", counts, codes(30), names, id=ids, genome=None)
    else:
        path = write_trio(tmp_path, "", counts, codes(30), names, ids)
    adata, _ = reader.read_counts(path, "S")
    assert adata.shape == (20, 20000) and adata.uns["species_cells"] == {"human": 20, "mouse": 10, "both": 0}
    assert (adata.var.gene_ids.to_numpy() == genes.id.to_numpy()).all()


def test_a_sample_of_mouse_cells_alone_fails(tmp_path, human, mouse):
    names = [f"hg19_{name}" for name in some(human, 100).name] + [f"mm10_{name}" for name in mouse.name[:100]]
    counts = np.zeros((20, 200), int)
    counts[:, 100:] = 1
    path = write_h5(tmp_path / "a.h5", counts, codes(20), names, id=names, genome=None)
    assert "no human cell but 20 mouse cells" in message(reader.read_counts, path, "S")


def test_species_from_ids_else_from_symbols(human, mouse):
    def species(names, ids, genomes=""):
        names = pd.Series(list(names))
        return gene_names.overall_species(
            gene_names.species_of(names, pd.Series(list(ids)), pd.Series(genomes, names.index))
        )

    assert species(human.name[:40], human.id[:40]) == species(human.name[:40], human.name[:40]) == "human"
    assert species(mouse.name[:40], mouse.id[:40]) == species(mouse.name[:40], mouse.name[:40]) == "mouse"
    both = [*human.name[:40], *mouse.name[:40]]
    assert species(both, [*human.id[:40], *mouse.id[:40]]) == "mixed"
    assert species(both, both, ["GRCh38"] * 40 + ["mm10"] * 40) == "mixed"
    assert species(["CD3D"], ["x"]) == "unknown"
