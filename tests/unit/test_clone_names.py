"""A clone does not depend on how its genes are spelled: the simulated case with other spellings gives the case's clones."""

import pytest
from helpers.receptor_case import run_case

PLASMA = "CARDGQNYDVLGTPTALDVW_CCSYAGSGTEWVF"


@pytest.fixture(scope="module")
def control(tmp_path_factory):
    return run_case(tmp_path_factory.mktemp("control"))


def test_the_case_as_it_is(control):
    clones = control.clones
    assert clones.loc[clones["label"] == PLASMA, "n_cells"].tolist() == [105]
    assert set(control.fates.loc[control.fates["label"] == PLASMA, "fate"]) == {"persistent"}
    assert (clones["receptor"] == "TCR").sum() == 316
    assert control.matches.loc["IGH_1", "n_carriers"] == 99
