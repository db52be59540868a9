"""Groups of chains that the clone rule calls the same: against brute force, and in blocks."""

import _chain_groups

import numpy as np
import pandas as pd
from helpers import small_receptors as receptors
from helpers.small_receptors import change


def test_similar_groups_equal_brute_force():
    rng = np.random.default_rng(3)
    base = receptors.junctions(12, codons=8, seed=4)
    near = [change(rng.choice(base), *rng.choice(24, rng.integers(1, 7), replace=False)) for _ in range(150)]
    table = pd.DataFrame({"locus": "IGH", "junction": list(dict.fromkeys(base + near))})
    table["v_gene"], table["j_gene"] = rng.choice(["V1", "V2"], len(table)), "J1"
    found = _chain_groups.similar_groups(table, 0.85)
    label = np.arange(len(table))
    for _ in range(len(table)):
        before = label.copy()
        for i, a in table.iterrows():
            for j, b in table.iterrows():
                same = a["v_gene"] == b["v_gene"] and len(a["junction"]) == len(b["junction"])
                if same and sum(x == y for x, y in zip(a["junction"], b["junction"], strict=True)) >= 0.85 * 24:
                    label[i] = label[j] = min(label[i], label[j])
        if (label == before).all():
            break
    assert len(set(found)) == len(set(label)) == len(set(zip(found, label, strict=True)))


def test_blocks_give_the_same_groups(monkeypatch):
    table = pd.DataFrame({"locus": "IGH", "v_gene": "V", "j_gene": "J"}, index=range(300))
    base = receptors.junctions(300, codons=5, seed=5)
    table = table.iloc[: len(base)].assign(junction=base)
    whole = _chain_groups.similar_groups(table, 0.85)
    monkeypatch.setattr(_chain_groups, "BLOCK", 7)
    assert (_chain_groups.similar_groups(table, 0.85) == whole).all()
