"""Own receptor against ambient contigs, with planted truth."""

import json

import _own_chains
from _receptors import Lineages

import chains
import numpy as np
import pandas as pd
import pytest
from helpers import small_receptors as receptors

JUNCTIONS = receptors.junctions(900, seed=1)
CLONE, CLONE_LIGHT, BLAST = JUNCTIONS[0], JUNCTIONS[1], JUNCTIONS[2]


def marrow(soup: float = 0.15, seed: int = 0):
    """Contigs and labels of a marrow whose plasma clone soils everything: (contigs with `truth`, labels).

    300 plasma cells of one clone (60 UMIs), 100 of other clones, 80 naive B (6 UMIs), 200 blasts with a heavy chain of 1 to 3
    UMIs of 500, 900 T and myeloid cells; each cell catches the clone's chains with probability `soup`, mostly 1 UMI.
    """
    rng = np.random.default_rng(seed)
    kinds = {"plasma": 400, "B": 80, "blast": 500, "T": 500, "myeloid": 400}
    cells = {f"S:{kind}{i}": (kind, kind) for kind, n in kinds.items() for i in range(n)}
    rows = []
    for i in range(400):
        pair = (CLONE, CLONE_LIGHT) if i < 300 else (JUNCTIONS[10 + i], JUNCTIONS[410 + i])
        for make, junction, seen in ((receptors.heavy, pair[0], 0.93), (receptors.light, pair[1], 0.95)):
            if rng.random() < seen:
                rows.append(make(f"S:plasma{i}", junction, int(np.ceil(60 * rng.lognormal(0, 0.7)))) | {"truth": True})
    for i in range(80):
        for make, junction in ((receptors.heavy, JUNCTIONS[200 + i]), (receptors.light, JUNCTIONS[300 + i])):
            rows.append(make(f"S:B{i}", junction, int(np.ceil(6 * rng.lognormal(0, 0.6)))) | {"truth": True})
    for i in range(200):
        rows.append(receptors.heavy(f"S:blast{i}", BLAST, int(rng.integers(1, 4))) | {"truth": True})
    for cell in cells:
        for make, junction in ((receptors.heavy, CLONE), (receptors.light, CLONE_LIGHT)):
            if rng.random() < soup:
                rows.append(make(cell, junction, int(rng.choice([1, 1, 1, 2]))) | {"truth": False})
    table = receptors.contigs(rows)
    table["chain_type"] = np.where(table["locus"] == "IGH", "VDJ", "VJ")
    # What the clone's own cells catch of their clone is theirs for all purposes.
    members = {f"S:plasma{i}" for i in range(300)}
    table = table[table["truth"] | ~table["cell_id"].isin(members)]
    first = table.sort_values("truth", ascending=False).drop_duplicates(["cell_id", "junction"])
    return first.sort_index().reset_index(drop=True), receptors.labels(cells)


def judged(table, labels):
    p, ambient, verdict = _own_chains.own_receptor(table, labels, Lineages(receptors.LINEAGES))
    return table.assign(p_own=p, ambient=ambient, verdict=verdict)


@pytest.mark.parametrize("soup", [0.02, 0.15, 0.4])
def test_own_and_ambient_contigs_are_told_apart(soup):
    found = judged(*marrow(soup))
    own = found["verdict"] == "own"
    assert own[found["truth"]].mean() > 0.97
    assert own[~found["truth"]].mean() < 0.01


def test_without_lineages_the_umi_support_alone_decides_most():
    table, labels = marrow(0.15)
    found = judged(table, labels.assign(lineage="unassigned"))
    own = found["verdict"] == "own"
    assert own[found["truth"]].mean() > 0.97
    assert own[~found["truth"]].mean() < 0.03


def test_a_strong_receptor_is_own_whatever_the_label_says():
    table, labels = marrow(0.15)
    wrong = labels.assign(
        lineage=labels["lineage"].where(~labels["cell_id"].isin([f"S:plasma{i}" for i in range(20)]), "T")
    )
    found = judged(table, wrong)
    here = found["cell_id"].isin([f"S:plasma{i}" for i in range(20)]) & found["truth"] & (found["duplicate_count"] > 10)
    assert here.sum() > 20 and (found.loc[here, "verdict"] == "own").all()


def test_a_lineage_alone_never_calls_a_contig_stray():
    table, labels = marrow(0.15)
    unshared = receptors.contigs([receptors.heavy("S:T3", JUNCTIONS[899], 6)]).assign(truth=True, chain_type="VDJ")
    found = judged(pd.concat([table, unshared], ignore_index=True), labels).iloc[-1]
    assert found["verdict"] in ("own", "undecided")


def test_ambient_rates_are_those_planted():
    found = judged(*marrow(0.15))
    rate = found.loc[(found["junction"] == CLONE) & (found["verdict"] == "stray"), "ambient"].median()
    assert 0.1 < rate < 0.2


def test_every_contig_is_in_the_quality_page_by_its_verdict(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table, labels = marrow(0.1)
    table.to_parquet("c.parquet")
    labels.to_parquet("l.parquet")
    arguments = [
        "c.parquet",
        "--patient",
        "P1",
        "--labels",
        "l.parquet",
        "--lineages",
        receptors.LINEAGES,
        "--genes",
        receptors.GENES,
    ]
    receptors.run(chains.main, *arguments)
    verdicts = pd.read_parquet("P1.own_chains.parquet")["verdict"].value_counts().to_dict()
    section = json.loads((tmp_path / "P1.own_chains_mqc.json").read_text())
    assert section["data"]["P1 BCR"] == verdicts and sum(verdicts.values()) == len(table)
    receptors.run(chains.main, *arguments, "--keep-ambient")
    assert (pd.read_parquet("P1.own_chains.parquet")["verdict"] == "own").all()


def test_contigs_of_the_other_receptor_kind_are_not_judged():
    labels = receptors.labels({"S:1": ("B", "naive B")})
    _, beta = receptors.alpha_beta("S:1", *JUNCTIONS[:2])
    table = receptors.contigs([receptors.heavy("S:1", JUNCTIONS[3]), beta | {"library": "BCR"}])
    found = judged(table.assign(chain_type="VDJ"), labels)
    assert found["verdict"].tolist() == ["own", "other"] and np.isnan(found["p_own"].iloc[1])
