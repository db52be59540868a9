"""AMBIENT: planted shares of ambient RNA, each cell's, and where nothing tells it."""

import json
import re

import _ambient

import ambient
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from helpers import soup_cells

MARROW = {"T": 250, "B": 40, "plasma": 60, "myeloid": 120}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A function that plants a sample, runs the command and returns (facts, cells, soup, evidence, planted kinds and contamination)."""
    monkeypatch.chdir(tmp_path)

    def go(sizes, share, only=None, **planting):
        counts, kind, planted = soup_cells.draw(sizes, share, **planting)
        if only:
            counts, planted, kind = counts[kind == only], planted[kind == only], kind[kind == only]
        soup_cells.write(tmp_path / "S.cells.h5ad", counts)
        done = CliRunner().invoke(ambient.main, ["S.cells.h5ad", "--sample", "S"])
        assert done.exit_code == 0, (done.output, done.exception)
        facts = json.loads((tmp_path / "S.ambient.json").read_text())
        cells, soup = (pd.read_parquet(f"S.{name}.parquet") for name in ("ambient", "soup"))
        return facts, cells, soup.set_index("gene")["share"], pd.read_csv("S.ambient.tsv", sep="\t"), kind, planted

    return go


@pytest.mark.parametrize("depth", [800, 3000])
@pytest.mark.parametrize("share", [0.01, 0.04, 0.1, 0.25])
def test_planted_shares_are_recovered_within_two_points(run, share, depth):
    facts, cells, _, _, _, planted = run(MARROW, share, depth=depth)
    assert facts["estimable"]
    assert abs(facts["contamination"] - share) < max(0.02, 0.15 * share)
    assert facts["contamination_low"] < share < facts["contamination_high"]
    assert abs(cells.contamination.mean() - planted.mean()) < 0.02 + 0.15 * share
    inside = cells.contamination_low.le(planted) & cells.contamination_high.ge(planted)
    assert inside.mean() > 0.8


def test_a_small_cell_holds_a_larger_share_of_soup(run):
    _, cells, _, _, kind, planted = run(MARROW, 0.06)
    means = cells.groupby(kind).contamination.mean()
    assert means["T"] > 2 * means["plasma"]
    assert abs(means - pd.Series(planted).groupby(kind).mean()).max() < 0.03
    assert np.corrcoef(cells.contamination, planted)[0, 1] > 0.7


@pytest.mark.parametrize("kind", list(soup_cells.KINDS))
def test_cells_of_one_kind_tell_nothing_of_their_soup(run, kind):
    facts, cells, *_ = run({kind: 300}, 0.08, red=0.0)
    assert not facts["estimable"] and facts["contamination"] is None and facts["warnings"] == []
    assert facts["contamination_low"] < 0.01 and facts["contamination_high"] > 0.3
    assert cells.contamination.isna().all() and cells.soup_umi.isna().all()
    assert (facts["shape"], facts["rate"]) == pytest.approx(_ambient.PRIOR, rel=0.02)


def test_haemoglobin_without_red_cells_is_all_soup_and_at_its_level(run):
    facts, _, soup, evidence, *_ = run(MARROW, 0.08, red=0.03)
    assert not evidence.loc[evidence["set"] == "erythroid", "counts"].eq("yes").any()
    assert soup["HBB"] == pytest.approx(0.03, rel=0.2) and soup.sum() == pytest.approx(1)
    assert abs(facts["contamination"] - 0.08) < 0.02


def test_much_ambient_rna_is_said(run):
    facts, *_ = run(MARROW, 0.3)
    assert re.fullmatch(
        r"S: ambient RNA is (2|3)\d% of its UMIs .*: faint genes in its cells may be those of others",
        facts["warnings"][0],
    )


def test_a_kind_that_makes_some_of_a_set_does_not_raise_the_estimate():
    rows = [
        ("T", "plasma", 300, 900, 0.05, True),
        ("T", "myeloid", 300, 240, 0.013, True),
        ("B", "myeloid", 300, 2400, 0.013, True),
    ]
    table = pd.DataFrame(rows, columns=["kind", "set", "cells", "umi", "share", "counts"])
    # 60 UMIs of soup per cell by both sets in T cells; ten times as many in B cells.
    found = _ambient.amount(table, 3000.0)
    assert found.share == pytest.approx(0.02, rel=0.15) and found.high < 0.035


def test_doublets_are_no_soup():
    rng = np.random.default_rng(0)
    counts = np.concatenate([rng.poisson(3, 300), rng.poisson(80, 15)])
    kept = _ambient.without_doublets(counts)
    assert kept[:300].all() and not kept[300:].any()
    assert _ambient.without_doublets(rng.poisson(40, 200)).all()


def test_kinds_are_told_by_their_own_genes_and_two_in_a_droplet_by_none():
    umi = pd.DataFrame(0, index=range(5), columns=list(_ambient.KINDS))
    umi.loc[0, "T"], umi.loc[1, "plasma"], umi.loc[2, ["T", "myeloid"]] = 12, 600, [10, 50]
    umi.loc[3, "T"] = 1  # one UMI, of a shallow cell
    umi.loc[4, ["T", "plasma"]] = [12, 60]  # soup of a myeloma
    kinds = _ambient.kinds_of(umi, np.array([3000.0, 3000, 3000, 300, 3000]))
    assert kinds.tolist() == ["T", "plasma", "", "", "T"]
