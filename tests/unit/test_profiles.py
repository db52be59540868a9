"""Reference profiles: the vendored table, likelihoods against counts, and correlations."""

from _errors import InputError
from _profiles import EXPRESSED, correlations, expressed_rates, log_likelihood, read_profiles

import numpy as np
import pytest
from helpers.planted_cells import MARKERS, PROFILES


def test_the_vendored_profiles_cover_the_types_and_name_none_that_the_table_lacks(project):
    assert set(PROFILES.cell_type) <= set(MARKERS.index)
    assert set(MARKERS.index) - set(PROFILES.cell_type) <= {"T cell", "mononuclear phagocyte"}  # told by their kinds
    assert not PROFILES.counted[PROFILES.cell_type == "B-ALL blast"].any()  # bulk RNA
    assert (project / "assets" / "profiles.parquet").stat().st_size < 1_500_000


def test_a_file_that_is_no_table_of_profiles_is_told(tmp_path):
    (tmp_path / "mine.parquet").write_text("nothing")
    with pytest.raises(InputError, match=r"mine.parquet: no table of profiles"):
        read_profiles(tmp_path / "mine.parquet")


def test_rates_of_cells_that_express_are_geometric_means():
    table = PROFILES._replace(
        cell_type=np.array(["a", "a", "b"]), counted=np.array([True, True, False]), genes=["X", "Y"],
        rate=np.array([[4.0, 0.1], [9, np.nan], [100, 5]]),
    )  # fmt: skip
    np.testing.assert_allclose(expressed_rates(table, ["a"]), [6, np.nan])
    assert np.isnan(expressed_rates(table, ["b"])).all() and EXPRESSED > 0.1


def test_counts_are_likeliest_at_their_own_rate():
    rates = np.array([[0.0], [5.0], [50.0]])
    value = log_likelihood(np.array([[50.0], [0.0]]), np.array([1e5, 1e5]), np.zeros((2, 1)), rates)[..., 0]
    assert value.argmax(1).tolist() == [1, 0]
    soup = log_likelihood(np.array([[50.0]]), np.array([1e5]), np.array([[50.0]]), rates)[0, :, 0]
    assert soup.argmax() == 0  # all of it is ambient


def test_correlations_leave_out_what_is_not_known_and_need_enough_genes():
    rng = np.random.default_rng(0)
    profile = rng.normal(size=(2, 40))
    known = profile.copy()
    known[1, 20:] = np.nan
    found = correlations(profile[:1] * 2 + 1, known)
    assert found[0, 0] == pytest.approx(1) and np.isnan(found[0, 1])
