"""A clone does not depend on how its genes are spelled: the simulated case with other spellings gives the case's clones."""

import numpy as np
import pytest
from helpers.receptor_case import run_case
from helpers.spellings import spelled, twin_groups

PLASMA = "CARDGQNYDVLGTPTALDVW_CCSYAGSGTEWVF"
SAMPLES = ("P1_T1", "P1_T2", "P1_T3")


@pytest.fixture(scope="module")
def control(tmp_path_factory):
    return run_case(tmp_path_factory.mktemp("control"))


def plasma_clone(result):
    """The clones that have the plasma clone's label, with cells and fate."""
    clones = result.clones[result.clones["label"] == PLASMA]
    fates = result.fates.drop_duplicates("clone").set_index("clone")["fate"]
    return [(row.n_cells, fates[name]) for name, row in clones.iterrows()]


def same_clones(one, other) -> bool:
    """Whether all cells are in the same clones by the same evidence, whatever these are called."""
    columns = ["bcr_evidence", "tcr_evidence", "bcr_clone", "tcr_clone"]
    return one.cells[columns].equals(other.cells[columns])


def test_the_case_as_it_is(control):
    assert plasma_clone(control) == [(105, "persistent")]
    assert (control.clones["receptor"] == "TCR").sum() == 316
    assert control.matches.loc["IGH_1", "n_carriers"] == 99


def kappa(tables, names):
    """The plasma clone's light chain made kappa, by one name per sample; its second light chain left out."""
    for sample, name in zip(SAMPLES, names, strict=True):
        table = tables[sample, "BCR"]
        table = table[table["cdr3"] != "CQVWDSSSDHVVF"].copy()
        lights = table["cdr3"] == PLASMA.split("_")[1]
        genes = {"chain": "IGK", "v_gene": name, "j_gene": "IGKJ1", "c_gene": "IGKC"}
        table.loc[lights, list(genes)] = list(genes.values())
        tables[sample, "BCR"] = table


def test_twins_that_change_with_the_reference_are_one_clone(tmp_path):
    """A newer reference names IGKV1D-39 what an older one named IGKV1-39: the plasma clone, lost and emerging."""
    twins = run_case(tmp_path / "twins", lambda tables: kappa(tables, ["IGKV1-39", "IGKV1-39", "IGKV1D-39"]))
    one_name = run_case(tmp_path / "one", lambda tables: kappa(tables, ["IGKV1-39"] * 3))
    assert plasma_clone(twins) == plasma_clone(one_name) == [(106, "persistent")]
    assert same_clones(twins, one_name)


def test_a_call_of_several_genes_is_the_clone_that_one_of_them_is(tmp_path, control):
    def several(tables):
        table = tables["P1_T3", "BCR"]
        heavy = np.flatnonzero(table["v_gene"] == "IGHV3-21")
        assert len(heavy) > 30
        table.iloc[heavy[::2], table.columns.get_loc("v_gene")] = "IGHV3-21,IGHV3-11"

    assert same_clones(run_case(tmp_path, several), control)


def test_any_spelling_of_any_gene_gives_the_same_clones(tmp_path, control):
    """Every call of the case in a spelling of its own, twins by any of their names, junctions in any case."""
    rng, twins = np.random.default_rng(11), twin_groups()

    def respell(tables):
        for table in tables.values():
            for column in ("v_gene", "j_gene"):
                table[column] = [spelled(name, rng, twins) if name else "" for name in table[column]]
            lower = rng.random(len(table)) < 0.3
            table.loc[lower, "cdr3_nt"] = table.loc[lower, "cdr3_nt"].str.lower()

    result = run_case(tmp_path, respell)
    assert same_clones(result, control)
    assert plasma_clone(result) == [(105, "persistent")]
