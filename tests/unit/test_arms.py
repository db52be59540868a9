"""Arms: positions and arms, masked genes, populations and baselines, the score itself."""

import _arms
from _errors import InputError
from _receptors import Lineages

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from helpers.tumour_room import LINEAGES, MASKED, POSITIONS, write_patient
from scipy import sparse

CANDIDATES = Lineages(LINEAGES).malignant


def scored(folder, clones=True):
    """The arms of the patient whose files are in a folder."""
    of_clone = pd.read_parquet(folder / "P.clones.parquet").set_index("cell_id").bcr_clone.dropna() if clones else None
    cells = _arms.populations(pd.read_parquet(folder / "labels.parquet"), of_clone, 20, CANDIDATES)
    paths = sorted(folder.glob("*.cells.h5ad"))
    return _arms.score_arms(paths, cells, _arms.read_positions(POSITIONS), MASKED, min_reference=50)


def test_positions_name_arms():
    table = _arms.read_positions(POSITIONS)
    found = table.arm[["CKS1B", "CDKN2C", "RB1", "TP53", "MYC"]].tolist()
    assert found == ["1q", "1p", "13q", "17p", "8q"]
    assert len(table) == 26807


def test_gtf_of_human_has_arms_and_of_mouse_whole_chromosomes(tmp_path):
    line = '{}\tx\tgene\t{}\t{}\t.\t+\t.\tgene_id "{}"; gene_name "{}";\n'
    human, mouse = tmp_path / "human.gtf", tmp_path / "mouse.gtf"
    exon = '1\tx\texon\t1\t2\t.\t+\t.\tgene_id "ENSG1";\n'
    human.write_text(
        "#!genome\n" + exon + line.format("chr1", 1000, 2000, "ENSG1", "A") + line.format("1", 2e8, 2e8, "ENSG2", "B")
    )
    mouse.write_text(line.format("chr4", 1000, 2000, "ENSMUSG1", "Aa") + line.format("chrX", 5, 9, "ENSMUSG2", "Bb"))
    human, mouse = (_arms.read_positions(POSITIONS, path) for path in (human, mouse))
    assert human.arm.to_dict() == {"A": "1p", "B": "1q"}
    assert mouse.arm.to_dict() == {"Aa": "4"}
    assert set(human.chromosome) == {"chr1"}


def test_masked_genes_are_products_and_states_not_doses():
    positions = _arms.read_positions(POSITIONS)
    asked = [
        "IGHM",
        "JCHAIN",
        "HLA-A",
        "MKI67",
        "RPL13A",
        "GBP1",
        "TP53",
        "RB1",
        "MCL1",
        "IGSF8",
        "TRAF2",
        "NOT_A_GENE",
    ]
    kept = {asked[row] for row in _arms.usable_genes(asked, positions, MASKED)}
    assert kept == {"TP53", "RB1", "MCL1", "IGSF8", "TRAF2"}


def test_populations_by_clone_and_what_is_never_a_baseline():
    labels = pd.DataFrame(
        {
            "cell_id": list("abcdefg"),
            "lineage": ["plasma", "plasma", "plasma", "plasma", "T", "blast", "unassigned"],
            "cell_type": ["plasma cell"] * 4 + ["CD4 T", "B-ALL blast", "unassigned"],
        }
    )
    clones = pd.Series({"a": "c1", "b": "c1", "c": "c2", "f": "c9"})
    table = _arms.populations(labels, clones, min_clone=2, candidates=CANDIDATES)
    assert table.population.tolist() == [
        "c1", "c1", "polyclonal plasma cell", "plasma cell without receptor", "CD4 T", "blasts", "unassigned",
    ]  # fmt: skip
    assert table.index[table.normal].tolist() == ["c", "e"]


def test_moments_give_the_dispersion_of_counts():
    rng = np.random.default_rng(1)
    plain, wide = rng.poisson(4, (4000, 1)), rng.negative_binomial(2, 2 / 6, (4000, 1))
    rest = rng.poisson(3, (4000, 40))
    moments = _arms.Moments(1, 42)
    moments.add(sparse.csr_matrix(np.hstack([plain, wide, rest])), np.zeros(4000, int))
    found = moments.dispersion(np.array([True]))
    assert found[0] < 0.05
    assert found[1] == pytest.approx(0.5, abs=0.1)


def test_arm_scores_are_weighted_sums_over_expectation():
    x = sparse.csr_matrix(np.array([[10, 20, 30, 40], [30, 20, 30, 40]]))
    share, weight = np.full((1, 4), 0.25), np.array([[1.0, 0.5, 1.0, 0.0]])
    part = np.array([0, 1, 2, 3])  # two arms, two halves each
    scores = _arms.arm_scores(x, np.zeros(2, int), share, weight, np.full(4, 10.0), part, 2)
    expected = scores[:, 4:6]
    assert expected[0].tolist() == [0.25 * 100 * 1.5, 0.25 * 100 * 1.0]
    raw = np.array([[(10 + 0.5 * 20) / 37.5, 30 / 25], [(30 + 0.5 * 20) / 45, 30 / 30]])
    centre = [raw[0, 0], raw[1, 0]]  # the arm at half of the information
    assert scores[:, :2] == pytest.approx(raw / np.array(centre)[:, None])


def test_one_gene_does_not_speak_for_its_arm():
    counts = np.full((1, 200), 5)
    counts[0, 0] = 5000
    share = np.full((1, 200), 1 / 200)
    part = np.repeat([0, 2], 100)
    x = sparse.csr_matrix(counts)
    ratio = _arms.arm_scores(x, np.zeros(1, int), share, np.ones((1, 200)), np.full(200, 0.1), part, 2)[0, :2]
    assert ratio[0] / ratio[1] < 1.3


def test_planted_arms_are_told_cell_by_cell(tmp_path):
    from sklearn.metrics import roc_auc_score

    truth = write_patient(tmp_path)
    result = scored(tmp_path)
    scores = result.cells.set_index("cell_id")
    assert len(scores) == len(truth)
    assert scores.baseline[truth.index[truth.kind == "clone"]].unique().tolist() == ["polyclonal plasma cell"]
    assert scores.baseline[truth.index[truth.kind == "B-ALL blast"]].unique().tolist() == ["own mean"]
    plasma = truth[truth.lineage == "plasma"]
    here = scores.loc[plasma.index]
    assert roc_auc_score(plasma.gain, here["1q"]) > 0.95
    assert roc_auc_score(plasma.loss, -here["13q"]) > 0.85
    assert here.loc[plasma.gain, "1q"].median() == pytest.approx(1.5, abs=0.1)
    assert here.loc[~plasma.gain, "1q"].median() == pytest.approx(1.0, abs=0.06)
    assert _arms.arm_facts(result)["status"] == "assessed"


def test_same_inputs_same_scores_whatever_the_size_of_a_block(tmp_path, monkeypatch):
    write_patient(tmp_path)
    scores = scored(tmp_path).cells
    monkeypatch.setattr(_arms, "BLOCK", 77)
    pd.testing.assert_frame_equal(scores, scored(tmp_path).cells, check_exact=True)


def test_genome_without_positions_is_not_assessable(tmp_path):
    write_patient(tmp_path)
    for path in tmp_path.glob("*.cells.h5ad"):
        data = ad.read_h5ad(path)
        data.var_names = [f"Gene{number}" for number in range(data.n_vars)]
        data.write_h5ad(path)
    scores = scored(tmp_path, clones=False)
    facts = _arms.arm_facts(scores)
    assert facts["status"] == "not assessable"
    assert "only 0 genes" in facts["reason"]
    assert facts["cells"] == len(pd.read_parquet(tmp_path / "labels.parquet"))
    assert scores.arms == [] and not [name for name in scores.cells if name.endswith("expected")]


def test_genes_that_one_sample_lacks_are_left_out(tmp_path):
    write_patient(tmp_path)
    data = ad.read_h5ad(tmp_path / "P_T1.cells.h5ad")
    more = ad.AnnData(np.ones((len(data), 1), np.int32), obs=data.obs, var=pd.DataFrame(index=["CAR_SEQUENCE"]))
    both = ad.concat([more, data], axis=1)  # a gene more, which also moves the others
    both.X = sparse.csr_matrix(both.X)
    both.write_h5ad(tmp_path / "P_T1.cells.h5ad")
    lacking = ad.read_h5ad(tmp_path / "P_T2.cells.h5ad")
    lacking[:, 100:].copy().write_h5ad(tmp_path / "P_T2.cells.h5ad")
    scores = scored(tmp_path)
    genes = set(scores.genes["gene"])
    assert genes and genes <= set(lacking.var_names[100:])
    here = scores.cells.set_index("cell_id")
    truth = pd.read_parquet(tmp_path / "labels.parquet").set_index("cell_id")
    assert len(here) == len(truth)
    assert here.loc[truth.index[truth.lineage == "T"], "1q"].median() == pytest.approx(1.0, abs=0.06)


def test_positions_without_arms_are_one_sentence(tmp_path):
    path = tmp_path / "positions.tsv"
    path.write_text("gene\tchromosome\tstart\tend\nTP53\tchr17\t7668421\t7687490\n")
    with pytest.raises(InputError, match=r"positions.tsv: no column arm; it needs gene, chromosome, start, end, arm"):
        _arms.read_positions(path)


def test_a_users_positions_may_number_chromosomes_and_hold_more_than_autosomes(tmp_path):
    rows = [("A", "1", 5, 9, "p"), ("B", "chr2", 5, 9, "q"), ("A", "1", 50, 90, "q"), ("C", "chrX", 5, 9, "p")]
    table = pd.DataFrame(rows, columns=["gene", "chromosome", "start", "end", "arm"])
    for chosen in (table, table[table.chromosome == "1"]):  # a column of numbers alone, too
        chosen.to_csv(tmp_path / "own.tsv", sep="\t", index=False)
        found = _arms.read_positions(tmp_path / "own.tsv")
        assert found.loc["A", ["chromosome", "arm", "start"]].tolist() == ["chr1", "1p", 5]
        assert found.index.tolist() == [name for name in ("A", "B") if name in set(chosen.gene)]
        assert len(_arms.usable_genes(["A", "C"], found, MASKED)) == 1
