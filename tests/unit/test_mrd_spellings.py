"""One rearrangement stays one, however a bulk assay writes it; what no library shows is never called not detected."""

from _genes import Genes
from _mrd_testable import reverse_complement

import numpy as np
import pandas as pd
import pytest
from helpers import mrd_case
from helpers import small_receptors as receptors
from helpers.receptor_case import run_case, simulated
from scipy.optimize import brentq
from scipy.stats import beta as beta_distribution

DAYS = {"T1": -210, "T2": 28, "T3": 180}
HEAVY = "TGTGCCCGAGATGGACAAAATTACGACGTGCTCGGCACTCCTACTGCCCTGGACGTGTGG"  # of the case, as the simulator writes it
LAMBDA, KAPPA = "TGCTGCTCCTACGCTGGCTCCGGCACCGAATGGGTCTTC", "TGTCAACAGAGTTACAGTACCCCTCGGACGTTC"
FR3, FR4 = "GCCGAGGACACGGCTGTGTATTAC", "GGCCAAGGGACCACGGTCACCGTCTCCTCAG"
DJ = "TGTAGAGATATTGTAGTGGTGGTAGCTGCTACTACTACTACGGTATGGACGTCTGG"
MUTATED = HEAVY[:5] + "G" + HEAVY[6:7] + "C" + HEAVY[8:]
J = receptors.junctions(200, codons=16, seed=11)
GENES = Genes(receptors.GENES)


def bulk(
    clone: str,
    locus: str = "IGH",
    v: str = "IGHV3-21",
    j: str = "IGHJ6",
    junction: str = HEAVY,
    aa: str = "",
    fraction=0.064,
):
    """A row of the MRD table of day 28."""
    row = {"clone": clone, "locus": locus, "v_call": v, "j_call": j, "junction": junction, "junction_aa": aa}
    return row | {"day": 28, "fraction": fraction}


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """Blasts at T1; a lambda plasma clone, a kappa plasma clone (of IGKV1-39) and other B cells later. No library at T4."""
    rows, cells = {time: [] for time in DAYS}, {}
    for i in range(120):
        cells[f"T1:b{i}"] = ("blast", "B-ALL blast")
        if i % 4 == 0:
            rows["T1"].append(receptors.heavy(f"T1:b{i}", J[2], 2, v_call="IGHV4-34", j_call="IGHJ4", c_call="IGHM"))
    for i in range(20):
        cells[f"T1:t{i}"] = ("T", "CD4 T")
        rows["T1"] += receptors.alpha_beta(f"T1:t{i}", J[100 + i], J[140 + i])
    for time in ("T2", "T3"):
        for i in range(30):
            cells[f"{time}:p{i}"], cells[f"{time}:k{i}"] = [("plasma", "plasma cell")] * 2
            rows[time] += [receptors.heavy(f"{time}:p{i}", HEAVY), receptors.light(f"{time}:p{i}", LAMBDA)]
            kappa = {"locus": "IGK", "v_call": "IGKV1-39", "j_call": "IGKJ1", "c_call": "IGKC"}
            rows[time] += [
                receptors.heavy(f"{time}:k{i}", J[0], v_call="IGHV1-69", j_call="IGHJ4"),
                receptors.light(f"{time}:k{i}", KAPPA, **kappa),
            ]
        for i in range(30):
            cells[f"{time}:n{i}"] = ("B", "naive B")
            rows[time] += [receptors.heavy(f"{time}:n{i}", J[20 + i], 6), receptors.light(f"{time}:n{i}", J[60 + i], 6)]
            cells[f"{time}:t{i}"] = ("T", "CD4 T")
            rows[time] += receptors.alpha_beta(f"{time}:t{i}", J[100 + i], J[140 + i])
    cells |= {f"T4:x{i}": ("B", "naive B") for i in range(200)}
    return mrd_case.attribution(tmp_path_factory.mktemp("case"), rows, cells, DAYS | {"T4": 300})


SAME = {
    "control": {}, "lower case": {"junction": HEAVY.lower()}, "alleles": {"v": "IGHV3-21*01", "j": "IGHJ6*02"},
    "zero-padded": {"v": "IGHV03-21*01", "j": "IGHJ06-01*02"}, "names in lower case": {"v": "ighv3-21"},
    "a longer read, 94 nt": {"junction": FR3[5:] + HEAVY + FR4[:15]},
    "a longer read, 115 nt, two differences": {"junction": FR3 + MUTATED + FR4}, "its other strand": {"junction": reverse_complement(FR3 + MUTATED + FR4)},
    "window of 40 nt": {"junction": HEAVY[12:52]}, "window of 59 nt": {"junction": HEAVY[1:]},
    "window, other strand": {"junction": reverse_complement(HEAVY[12:52])}, "cut read": {"junction": HEAVY[15:] + FR4},
    "CDR3 without C and W": {"junction": HEAVY[3:-3]}, "reverse complement": {"junction": reverse_complement(HEAVY)},
    "family alone": {"v": "IGHV3"}, "several, another first": {"v": "IGHV3-11,IGHV3-21"}, "several, slash": {"v": "IGHV3-11/IGHV3-21"},
    "several, short": {"v": "IGHV3-11/21"}, "not told apart by a read": {"v": "IGHV3-11*06"}, "no genes": {"v": "", "j": ""},
    "amino acids": {"junction": "", "aa": "CARDGQNYDVLGTPTALDVW"},
}  # fmt: skip
WORDS = {"a longer read, 94 nt": "junction within a sequence of 94 nt", "window of 40 nt": "window of 40 nt",
         "window of 59 nt": "window of 59 nt", "reverse complement": "junction nucleotides, reverse complement",
         "window, other strand": "window of 40 nt, reverse complement", "amino acids": "junction amino acids",
         "a longer read, 115 nt, two differences": "junction within a sequence of 115 nt"}  # fmt: skip


def test_one_rearrangement_in_every_spelling_is_carried_by_its_cells(case):
    _, clones = case([bulk(name, **row) for name, row in SAME.items()])
    for name in SAME:
        said = clones[name]
        assert said["verdict"].startswith("carried by plasma cells at T2, T3, not at T1: 60 of 60 matched cells"), name
        assert said["n_carriers"] == 60 and said["label"] == clones["control"]["label"]
    assert {name: clones[name]["matched_by"] for name in WORDS} == WORDS
    assert float(clones["a longer read, 115 nt, two differences"]["distance"]) == 2


def test_twins_of_a_light_chain_gene_are_one(case):
    names = ("IGKV1-39", "IGKV1D-39", "IGKV1-39,IGKV1D-39", "IGKV1D-39*01", "IGKV01D-39", "IGKV1(D)-39")
    _, clones = case([bulk(name, "IGK", name, "IGKJ1", KAPPA) for name in names])
    assert {clones[name]["n_carriers"] for name in names} == {60}
    assert {clones[name]["verdict"].split(";")[0] for name in names} == {
        "carried by plasma cells at T2, T3, not at T1: 60 of 60 matched cells"
    }


HIDDEN = {
    "D-J without V": ({"v": "", "junction": DJ, "fraction": 0.3}, "no V gene is named"),
    "D-J, D in v_call": ({"v": "IGHD2-15*01", "junction": DJ, "fraction": 0.3}, "incomplete D-J rearrangement"),
    "V-D": ({"locus": "TRD", "v": "TRDV2*03", "j": "TRDD3*01", "junction": "TGTGCCTGTGACACTGGGGGATACG"}, "incomplete V-D"),
    "Kde by name": ({"locus": "IGK", "v": "", "j": "", "junction": "", "clone": "Vk-Kde"}, "Kde removes IGKC"),
    "Kde in j_call": ({"locus": "IGK", "v": "IGKV2-28", "j": "KDE", "junction": "", "aa": "CMQKYW"}, "Kde removes IGKC"),
    "intron-RSS": ({"locus": "IGK", "v": "intron-RSS", "j": "KDE", "junction": "TGTAGAGCC"}, "intron-RSS and Kde join"),
    "out of frame": ({"v": "IGHV1-2", "junction": J[9][:20] + J[9][21:]}, "out of frame"),
    "stop": ({"v": "IGHV1-2", "junction": J[9][:12] + "TAG" + J[9][15:]}, "a stop codon"),
    "_ in amino acids": ({"v": "IGHV1-2", "junction": "", "aa": "CAR_YFDYW"}, "out of frame"),
    "# in amino acids": ({"v": "IGHV1-2", "junction": "", "aa": "CAR#YFDYW"}, "out of frame"),
    "* in amino acids": ({"v": "IGHV1-2", "junction": "", "aa": "CAR*YFDYW"}, "a stop codon"),
    "amino acids": ({"v": "IGHV1-2", "junction": "", "aa": "CARDWWWFDYW"}, "amino acids alone"),
    "a window of D and J, without V": ({"v": "", "junction": HEAVY[10:] + FR4}, "no V gene is named"),
    "a window, family alone": ({"v": "IGHV3", "junction": HEAVY[10:50]}, "V differs: the same junction"),
    "a window": ({"v": "IGHV1-2", "junction": J[9][1:]}, "no whole junction"),
    "another J": ({"j": "IGHJ4"}, "J differs: the same junction is seen with IGHJ6"),
    "another locus": ({"locus": "IGK", "v": "IGKV1-39", "j": "IGKJ1", "junction": LAMBDA}, "locus differs: the same junction is seen as IGL"),
    "another V": ({"v": "IGHV4-34"}, "V differs: the same junction is seen with IGHV3-21"),
    "a family, two differences": ({"v": "IGHV3", "junction": MUTATED}, "V differs: a junction with 2 mismatches is seen"),
    "locus without library": ({"locus": "TRG", "v": "TRGV9", "j": "TRGJ1", "junction": J[9]}, "no sample that is compared has a gamma-delta"),
}  # fmt: skip


def test_what_cannot_be_shown_is_not_testable(case):
    _, clones = case([bulk(**{"clone": name} | row) for name, (row, _) in HIDDEN.items()])
    for name, (row, reason) in HIDDEN.items():
        said = clones[row.get("clone", name)]
        assert said["verdict"].startswith("not testable: ") and reason in said["verdict"], name
        assert said["n_carriers"] == 0 and said["upper_limit"] == said["p_missed"] == ""


def unseen(clone: str, days: dict[int, float], locus: str = "IGH", **genes) -> list[dict]:
    genes = {"v": "IGHV1-2", "j": "IGHJ4", "junction": J[9]} | genes
    return [bulk(clone, locus, fraction=fraction, **genes) | {"day": day} for day, fraction in days.items()]


def limit(cells: int, capture) -> float:
    """The share that is unseen in `cells` with a chance of 5 %, the part of it that shows being distributed as `capture`."""
    share = brentq(lambda s: capture.expect(lambda c: (1 - s * c) ** cells) - 0.05, 1e-6, 1)
    return float(share)


def test_the_limit_is_of_who_would_carry_it_where_there_is_a_library(case):
    beta = {"locus": "TRB", "v": "TRBV9", "j": "TRBJ1-1"}
    _, clones = case(
        unseen("blasts", {-210: 0.3, 28: 0}) + unseen("later", {-210: 0, 28: 0.001, 180: 0.0001})
        + unseen("never", {28: 0, 180: 0}) + unseen("no library", {-210: 0, 28: 0, 300: 0.3})
        + unseen("also", {28: 0.01, 300: 0.3}) + unseen("beta", {-210: 0.3, 28: 0}, **beta)
        + unseen("beta later", {28: 0.3}, **beta)
    )  # fmt: skip
    # 30 of 120 blasts show their heavy chain (plug-in: 8.47 %), all plasma and B cells; none of 120 cells at T2 is a blast.
    most = limit(140, beta_distribution(30.5, 90.5))
    assert 0.0847 < most < 0.09 and float(clones["blasts"]["upper_limit"]) == pytest.approx(most, rel=1e-3)
    assert clones["blasts"]["verdict"] == "not detected (upper limit 8.72 %)"
    assert "25 % of blast cells, 100 % of B cells and 100 % of plasma cells" in clones["blasts"]["reason"]
    assert "bulk there 30 % of DNA, above this limit" in clones["blasts"]["reason"]
    # Of B cells 30 of 30 at T2, and as many at T3, which count as 20.
    later = limit(120, beta_distribution(50.5, 0.5))
    for name in ("later", "also", "beta later"):
        assert float(clones[name]["upper_limit"]) == pytest.approx(later, rel=1e-3), name
    assert "of 120 cells at T2" in clones["later"]["reason"] and "below this limit" in clones["later"]["reason"]
    needed = float(clones["later"]["cells_needed"])
    assert needed == pytest.approx(np.log(0.05) / np.log(1 - 0.001), rel=0.03)
    assert f"below this limit: {needed:,.0f} cells would show it" in clones["later"]["reason"]
    assert float(clones["never"]["upper_limit"]) == pytest.approx(most, rel=1e-3)  # the largest
    assert clones["no library"]["verdict"].startswith(
        "not testable: bulk sees it at T4 only, where there is no BCR library"
    )
    assert clones["beta"]["verdict"].startswith("not testable: such chains are seen in 0 % of blast cells")


def test_a_sample_without_the_library_has_no_share_of_a_clone_and_no_step(case):
    table, clones = case([bulk("H", fraction=0.1) | {"day": day} for day in (-210, 28, 180, 300)])
    assert set(table["timepoint"]) == {"T1", "T2", "T3"} and clones["H"]["agreement"].endswith(
        "of 2 steps in the same direction"
    )


def spelt_gene(gene: str, rng) -> str:
    """A gene as some program writes it, alone, in a list with genes that a bulk read cannot tell from it, or by one of these."""
    names = [gene, *sorted(GENES.unclear[gene])]
    chosen = [names[i] for i in rng.permutation(len(names))[: rng.integers(1, len(names) + 1)]]

    def one(name: str) -> str:
        start, number = name[:4], name[4:]
        if rng.random() < 0.3 and name[:2] == "TR":
            start = "TC" + start[1:]
        if (
            rng.random() < 0.3
            and "-" in number
            and "/" not in number
            and number[0].isdigit()
            and len(number.split("-")[0]) == 1
        ):
            number = "0" + number
        name = start + number + str(rng.choice(["", "*01", "*02"]))
        return str(rng.choice([name, name.lower()]))

    return str(rng.choice([",", ", ", ";", " or "])).join(map(one, chosen))


def spelt_junction(junction: str, rng) -> str:
    """A junction, or what holds it, or a part of it, on either strand."""
    left, right = ("".join(rng.choice(list("ACGT"), rng.integers(70))) for _ in range(2))
    least = min(len(junction), 40)
    start = rng.integers(len(junction) - least + 1)
    change = rng.integers(3, len(junction) - 3, rng.integers(3))
    forms = [
        junction,
        junction.lower(),
        junction[3:-3],
        left + junction + right,
        receptors.change(junction, *set(change)),
    ]
    forms += [junction[start : start + rng.integers(least, len(junction) - start + 1)]]
    form = forms[rng.integers(len(forms))]
    return reverse_complement(form.upper()) if rng.random() < 0.3 else form


def test_planted_clones_of_ten_cells_keep_their_verdict_in_any_spelling(tmp_path):
    """100 clones of 12 plasma cells (or 12 T cells) of genes drawn from the table; each is written in two ways."""
    rng = np.random.default_rng(5)
    rows, cells, written = [], {}, []
    of = {
        start: sorted(gene for gene in GENES.twin if gene.startswith(start))
        for start in ("IGHV", "IGHJ", "TRBV", "TRBJ")
    }
    junctions = receptors.junctions(100, codons=17, seed=3)
    for at, junction in enumerate(junctions):
        locus, kind = ("IGH", ("plasma", "plasma cell")) if at % 2 else ("TRB", ("T", "CD8 T"))
        v, j = (str(rng.choice(of[locus + segment])) for segment in "VJ")
        chain = {"locus": locus, "v_call": v, "j_call": j, "c_call": "IGHG1", "library": "BCR" if at % 2 else "TCR"}
        for i in range(12):
            cells[f"T1:{at}_{i}"] = kind
            rows.append(receptors.heavy(f"T1:{at}_{i}", junction, 20, **chain))
        for way in range(2):
            genes = spelt_gene(v, rng), spelt_gene(j, rng)
            written.append(bulk(f"{at}_{way}", locus, *genes, spelt_junction(junction, rng)) | {"day": 0})
    attribute = mrd_case.attribution(tmp_path, {"T1": rows}, cells, {"T1": 0})
    _, clones = attribute(written)
    right = [
        clones[row["clone"]]["n_carriers"] == 12 and clones[row["clone"]]["verdict"].startswith("carried by")
        for row in written
    ]
    lost = [(row, clones[row["clone"]]["verdict"]) for row, kept in zip(written, right, strict=True) if not kept]
    assert np.mean(right) >= 0.98, lost


def test_the_simulated_case_keeps_its_carriers_and_says_nothing_of_a_time_without_library(tmp_path):
    found = run_case(tmp_path / "all").matches
    assert found["n_carriers"].to_dict() == {"IGKDE_1": 0, "IGKDE_2": 0, "IGH_1": 99, "IGL_1": 105, "IGL_2": 16}
    late = {"patient": "P1", "clone": "late", "locus": "IGH", "v_call": "IGHV1-69", "j_call": "IGHJ4", "junction": J[9]}
    rows = pd.concat(
        [simulated()[1], pd.DataFrame([late | {"day": 28, "fraction": 0}, late | {"day": 180, "fraction": 0.3}])]
    )
    found = run_case(tmp_path / "two", lambda tables: tables | {("P1_T3", "BCR"): None}, mrd=rows).mrd
    assert found.loc[found["clone"] == "late", "verdict"].tolist() == [
        "not testable: bulk sees it at T3 only, where there is no BCR library (or none with contigs)"
    ]
    known = found[found["clone"] == "IGH_1"]
    assert set(known["timepoint"]) == {"T1", "T2"} and known["agreement"].iloc[0].startswith("1 of 1 step")
