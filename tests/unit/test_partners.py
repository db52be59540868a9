"""Both chains of a cell: what mutation explains and what contradicts, and clones with two VDJ chains beside doublets."""

from _chain_groups import own_chain_groups
from _genes import Genes
from _partners import one_unit_each

import clonotypes
import numpy as np
import pandas as pd
import pytest
from helpers import small_receptors as receptors
from helpers.receptor_case import run_case, simulated
from helpers.small_receptors import change
from simulator.receptors import Usage

BASES = np.array(list("ACGT"))


def clones_of(rows) -> pd.DataFrame:
    """clone and evidence per cell of own contigs, as CLONOTYPES finds them."""
    table = rows if isinstance(rows, pd.DataFrame) else receptors.contigs(rows)
    table["chain_type"] = np.where(table["locus"] == "IGH", "VDJ", "VJ")
    table = Genes(receptors.GENES).name_chains(table).assign(verdict="own", rank=1)
    return clonotypes.define_clones(
        own_chain_groups(table, "similarity", 0.85), "P1", "BCR", "similarity", 0.85, "attach"
    )


def shared_pairs(found, planted) -> tuple[float, float]:
    """Precision and recall of the pairs of cells of one clone."""
    table = pd.DataFrame({"found": found, "planted": planted}).dropna(subset="planted")

    def pairs(*keys):
        n = table.dropna(subset=list(keys)).groupby(list(keys)).size()
        return (n * (n - 1) / 2).sum()

    return pairs("found", "planted") / pairs("found"), pairs("found", "planted") / pairs("planted")


def mutated(junction: str, rate: float, rng) -> str:
    """The junction with bases exchanged at `rate`, but for the codons of its ends."""
    letters = np.array(list(junction))
    hit = rng.random(len(letters)) < rate
    hit[:3] = hit[-3:] = False
    step = rng.integers(1, 4, len(letters))
    return "".join(np.where(hit, BASES[(np.searchsorted(BASES, letters) + step) % 4], letters))


def lineages(n: int, mutation: float, rng, stray: float = 0.03, naked: float = 0.05) -> tuple[pd.DataFrame, pd.Series]:
    """Contigs of n lineages of usual V-J usage; each cell differs from an earlier one of its lineage in about `mutation` of
    its heavy and four fifths as much of its light junction. Some cells show no light chain, some that of another lineage."""
    usage, rows, planted = Usage(), [], {}
    drawn = {locus: usage.draw(locus, n, rng) for locus in ("IGH", "IGK", "IGL")}
    kappa = rng.random(n) < 0.6
    sizes = np.minimum(rng.geometric(0.35, n) * np.where(rng.random(n) < 0.05, 10, 1), 60)
    for i, size in enumerate(sizes):
        members = [(drawn["IGH"]["cdr3_nt"][i], drawn["IGK" if kappa[i] else "IGL"]["cdr3_nt"][i])]
        for _ in range(size):
            cell, rate = f"S:{len(planted)}", rng.exponential(mutation)
            planted[cell] = i
            before = members[rng.integers(len(members))]
            members.append((mutated(before[0], rate, rng), mutated(before[1], 0.8 * rate, rng)))
            shown = rng.choice(["own", "stray", "none"], p=[1 - stray - naked, stray, naked])
            other = rng.integers(n) if shown == "stray" else i
            locus = "IGK" if kappa[other] else "IGL"
            junction = members[-1][1] if other == i else drawn[locus]["cdr3_nt"][other]
            for name, source, nt in (("IGH", i, members[-1][0]), (locus, other, junction)):
                if name == "IGH" or shown != "none":
                    genes = {"v_call": drawn[name]["v"][source], "j_call": drawn[name]["j"][source]}
                    rows.append({"cell_id": cell, "locus": name, "junction": nt} | genes)
    return receptors.contigs(rows), pd.Series(planted)


@pytest.mark.parametrize("mutation", [0.01, 0.03])
def test_lineages_of_known_mutation_are_found_whole_and_apart(mutation):
    contigs, planted = lineages(500, mutation, np.random.default_rng(1))
    precision, recall = shared_pairs(clones_of(contigs)["clone"].reindex(planted.index), planted)
    assert precision >= 0.99 and recall >= 0.95


@pytest.mark.parametrize("subject", ["subject1", "subject2"])
def test_published_clones_of_vaccinated_donors(real_data, subject):
    """Turner et al. 2020, doi 10.1038/s41586-020-2711-0: clones by heavy chain, single cells of a lymph node."""
    path = real_data / "influenza_lymph_node_bcr/airr_rearrangement.tsv.gz"
    if not path.exists():
        pytest.skip(f"{path.parent.name} is not among the real data sets")
    contigs = pd.read_csv(path, sep="\t").query("subject_id == @subject")
    published = contigs[contigs["locus"] == "IGH"].set_index("cell_id")["clone_id"]
    contigs = contigs.assign(library="BCR", junction_aa=None, consensus_count=1)
    found = clones_of(contigs)["clone"]
    precision, recall = shared_pairs(found.reindex(published.index), published)
    assert precision >= 0.99 and recall >= 0.93
    # Published clones are of heavy chains alone: a light chain of another locus or length has not come about by mutation.
    light = contigs[contigs["locus"] != "IGH"].drop_duplicates("cell_id").set_index("cell_id")
    kind = light["locus"] + light["junction"].str.len().astype(str)
    agreeing = (published.astype(str) + " " + kind).dropna()
    assert shared_pairs(found.reindex(agreeing.index), agreeing)[1] >= 0.98


HEAVY, LIGHT = receptors.junctions(16, codons=16, seed=5), receptors.junctions(16, codons=11, seed=6)


def test_the_nearer_one_junction_the_further_the_other_may_be():
    """Two cells whose heavy (48 bases) and light junctions (33) differ in so many bases: are they of one clone?"""
    cases = [
        (0, 12, {}, True), (4, 8, {}, True), (7, 8, {}, False), (9, 3, {}, True), (9, 4, {}, False), (12, 0, {}, True),
        (13, 0, {}, False), (2, 2, {"j_call": "IGHJ4"}, True), (2, 2, {"v_call": "IGHV3-48"}, False),
        (2, 2, {"junction": HEAVY[9] + "TGG"}, False),
    ]  # fmt: skip
    rows = []
    for i, (heavy_changes, light_changes, more, _) in enumerate(cases):
        far = receptors.heavy(f"S:b{i}", change(HEAVY[i], *range(3, 3 + heavy_changes))) | more
        rows += [receptors.heavy(f"S:a{i}", HEAVY[i]), receptors.light(f"S:a{i}", LIGHT[i]), far]
        rows += [receptors.light(f"S:b{i}", change(LIGHT[i], *range(3, 3 + light_changes)))]
    clone = clones_of(rows)["clone"]
    same = [clone[f"S:a{i}"] == clone[f"S:b{i}"] for i in range(len(cases))]
    assert same == [one for *_, one in cases] and clone.nunique() == 2 * len(cases) - sum(same)


def test_one_cell_with_another_light_chain_stays_with_its_heavy_chains_clone_and_two_do_not():
    rows = []
    for clone, odd in ((0, 1), (1, 2)):
        for i in range(6):
            rows += [
                receptors.heavy(f"S:{clone}{i}", change(HEAVY[clone], 10 + i)),
                receptors.light(f"S:{clone}{i}", LIGHT[clone]),
            ]
        for i in range(odd):
            cell = f"S:odd{clone}{i}"
            rows += [receptors.heavy(cell, change(HEAVY[clone], 20)), receptors.light(cell, LIGHT[5])]
    found = clones_of(rows)
    assert found["clone"].value_counts().tolist() == [7, 6, 2]
    assert found.loc[["S:odd00", "S:odd10"], "evidence"].tolist() == ["other VJ", "paired"]


def cells_of(name: str, n: int, *chains: dict) -> list[dict]:
    """Rows of n cells that show the chains."""
    return [chain | {"cell_id": f"S:{name}{i}"} for i in range(n) for chain in chains]


A, B, C = ([receptors.heavy("", HEAVY[i]), receptors.light("", LIGHT[i])] for i in range(3))
SECOND = receptors.heavy("", HEAVY[4], 35, v_call="IGHV1-2")


def test_two_vdj_chains_are_a_clones_where_its_cells_show_both_and_doublets_where_they_do_not():
    """A clone with two VDJ chains beside the two largest, of which 5 % of the cells are doublets with the other."""
    rows = cells_of("a", 100, *A) + cells_of("b", 80, *B) + cells_of("ab", 9, *A, *B)
    rows += cells_of("two", 30, *C, SECOND) + cells_of("first", 4, *C) + cells_of("second", 3, SECOND, C[1])
    rows += cells_of("heavy", 2, SECOND) + cells_of("three", 2, *A, *C, SECOND)
    found = clones_of(rows)
    sizes = found["clone"].value_counts()
    assert sizes.tolist() == [100, 80, 39]
    doublets = found[found.index.str.match("S:ab|S:three")]
    assert doublets["clone"].isna().all() and not doublets["counted"].any()
    group = found.index.str.extract(r"S:(\D+)", expand=False)
    words = found.groupby(group)["evidence"].agg(set)
    assert words[["two", "first", "second", "heavy"]].tolist() == [
        {"two VDJ chains"}, {"paired"}, {"paired"}, {"VDJ attached"}
    ]  # fmt: skip
    assert found[group.isin(["two", "first", "second", "heavy"])]["clone"].nunique() == 1
    assert found.loc[group == "two", "counted"].all()


def test_a_clone_with_two_vdj_chains_may_itself_be_the_largest_of_those_in_doublets():
    rows = cells_of("two", 100, *C, SECOND) + cells_of("a", 60, *A) + cells_of("both", 6, *A, *C)
    found = clones_of(rows)
    assert found["clone"].value_counts().tolist() == [100, 60]
    assert found.loc["S:both0", "evidence"] == "ambiguous"


@pytest.mark.parametrize(
    ("cells", "same"),
    [
        ([(0, 1)] * 3, True), ([(0, 1)] * 2, False),
        ([(0, 1)] * 5 + [(0, -1)] * 4 + [(1, -1)] * 4, True), ([(0, 1)] * 5 + [(0, -1)] * 5, False),
        ([(1, 0)] * 5 + [(1, -1)] * 5, False), ([(0, 1)] * 2 + [(1, 0)] * 2, True),
    ],
)  # fmt: skip
def test_most_cells_with_either_chain_show_both(cells, same):
    first, second = one_unit_each(*np.array(cells).T)
    assert ((first == second) == same)[second >= 0].all() and set(second[np.array(cells)[:, 1] < 0]) <= {-1}


def test_no_cells_have_no_second_chain():
    none = np.array([], int)
    assert [len(units) for units in one_unit_each(none, none)] == [0, 0]


BLAST, PLASMA, SECOND_NT = "CARYGMDVW", "CARDGQNYDVLGTPTALDVW", "TGTGCGAGAGGCCTCAGTGGCTGGTACTTTGACTACTGG"


def test_a_clone_with_two_vdj_chains_counts_everywhere_beside_doublets_of_the_largest(tmp_path):
    """The simulated case; each cell of the plasma clone with a second VDJ chain, 5 % of the blasts doublets with one of them."""
    chain = {"v_gene": "IGHV4-34", "j_gene": "IGHJ4", "cdr3_nt": SECOND_NT, "cdr3": receptors.translate(SECOND_NT)}

    def change(tables):
        caught = tables["P1_T2", "BCR"].query("cdr3 == @PLASMA")
        for sample in ("P1_T1", "P1_T2", "P1_T3"):
            table = tables[sample, "BCR"]
            plasma = table[table["chain"].eq("IGH") & table["cdr3"].isin([PLASMA, "CARDGQNYDVFGTPTALDVW"])]
            weaker = (0.7 * plasma["umis"].astype(int)).round().clip(1).astype(int).astype(str)
            second = plasma.assign(contig_id=plasma["contig_id"] + "2", umis=weaker, **chain)
            blasts = table.index[table["cdr3"] == BLAST][::20]
            table.loc[blasts, "umis"] = "20"
            barcodes = table.loc[blasts, "barcode"].to_numpy()
            other = caught.head(len(blasts)).assign(barcode=barcodes, umis="20", contig_id="doublet")
            tables[sample, "BCR"] = pd.concat([table, second, other], ignore_index=True)

    bulk = simulated()[1]
    second = bulk[bulk["clone"] == "IGH_1"].assign(clone="IGH_2", v_call="IGHV4-34", j_call="IGHJ4", junction=SECOND_NT)
    result = run_case(tmp_path, change, mrd=pd.concat([bulk, second], ignore_index=True))
    (plasma,), (blast,) = (result.clones.index[result.clones["junction_aa_vdj"] == name] for name in (PLASMA, BLAST))
    assert result.clones.loc[[plasma, blast], "n_cells"].tolist() == [105, 108]
    fates = result.fates[result.fates["clone"] == plasma]
    assert fates["n"].tolist() == [2, 71, 32] and set(fates["fate"]) == {"persistent"}
    assert result.mrd.dropna(subset="matched_clone").groupby("clone")["matched_clone"].unique().str[0].to_dict() == {
        name: plasma for name in ("IGH_1", "IGH_2", "IGL_1", "IGL_2")
    }
    assert result.matches.loc[["IGH_1", "IGH_2"], "n_carriers"].min() >= 80
    chains = result.chains[result.chains["sequence_id"].str.endswith("doublet")]
    evidence = result.cells.loc[chains["cell_id"], "bcr_evidence"]
    assert len(evidence) == 5 and set(evidence) == {"ambiguous"}
