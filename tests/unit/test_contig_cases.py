"""Contig files as laboratories have them give the clones of the same case in Cell Ranger's tables."""

import pandas as pd
import pytest
from helpers.receptor_case import run_case, simulated, write_contigs

SAMPLES = ("P1_T1", "P1_T2", "P1_T3")
AIRR = {"barcode": "cell_id", "contig_id": "sequence_id", "cdr3": "junction_aa", "cdr3_nt": "junction"}
AIRR |= {f"{segment}_gene": f"{segment}_call" for segment in "vdjc"}
SAME = [
    "cell_id",
    "library",
    "sequence_id",
    "locus",
    "j_call",
    "junction",
    "junction_aa",
    "productive",
    "duplicate_count",
]
DELTA_V = ("TRAV29DV5", "TRAV38-2DV8", "TRDV2")


def tables() -> dict:
    return {key: table.copy() for key, table in simulated()[0].items()}


def contigs_of(work, changed: dict) -> tuple[pd.DataFrame, list[str]]:
    """All contigs of the case as READ_CELLRANGER writes them, and its warnings."""
    work.mkdir()
    warnings = write_contigs(work, changed)
    return pd.concat([pd.read_parquet(work / f"{name}.contigs.parquet") for name in SAMPLES]), warnings


def gamma_delta(table: pd.DataFrame, cells: int = 30) -> pd.DataFrame:
    """The first cells with a beta chain as gamma-delta cells; a third each with two shared V genes and TRDV2."""
    table = table.copy()
    for number, cell in enumerate(table.loc[table["chain"] == "TRB", "barcode"].unique()[:cells]):
        here = table["barcode"] == cell
        delta = ["TRD", DELTA_V[number % 3], "TRDD3", "TRDJ1", "TRDC"]
        for chain, genes in (("TRA", ["TRG", "TRGV9", "", "TRGJP", "TRGC1"]), ("TRB", delta)):
            table.loc[here & (table["chain"] == chain), ["chain", "v_gene", "d_gene", "j_gene", "c_gene"]] = genes
    return table


def with_gamma_delta(tables: dict, airr: bool) -> dict:
    """T2 and T3 with gamma-delta cells; as AIRR without a locus, where V genes alone would say TRA."""
    for name in SAMPLES[1:]:
        table = gamma_delta(tables[name, "TCR"])
        airr_table = table.drop(columns="chain").rename(columns=AIRR | {"umis": "duplicate_count"})
        tables[name, "TCR"] = airr_table if airr else table
    return tables


def test_shared_v_genes_are_delta_by_their_j_genes(tmp_path):
    found = run_case(tmp_path, lambda tables: with_gamma_delta(tables, airr=True))
    contigs = pd.concat([pd.read_parquet(tmp_path / f"{name}.contigs.parquet") for name in SAMPLES])
    assert contigs.loc[contigs["locus"] == "TRD", "sample"].value_counts().to_dict() == {"P1_T2": 31, "P1_T3": 33}
    assert found.cells["tcr_clone"].nunique() == 327
    evidence = found.cells["tcr_evidence"].value_counts()
    assert evidence["VJ unplaced"] == 10 and evidence["multichain"] == 1
    told, _ = contigs_of(tmp_path / "told", with_gamma_delta(tables(), airr=False))
    assert contigs[SAME].equals(told[SAME])


def without_nucleotides(tables: dict, samples=SAMPLES) -> dict:
    return {key: table.drop(columns="cdr3_nt") if key[0] in samples else table for key, table in tables.items()}


@pytest.mark.parametrize("samples", [SAMPLES, ("P1_T3",)])
def test_clones_are_found_by_amino_acids_where_there_is_nothing_else(tmp_path, samples):
    bulk = simulated()[1].assign(junction_aa="")  # as a laboratory gives nucleotides
    unseen = bulk[bulk["clone"] == "IGH_1"].assign(clone="unseen", junction="TGTGCGAGAGATGGGCAGAATTGG")
    found = run_case(tmp_path, lambda tables: without_nucleotides(tables, samples), mrd=pd.concat([bulk, unseen]))
    assert found.cells["bcr_clone"].nunique() == 48 and found.cells["tcr_clone"].nunique() == 316
    assert found.clones.loc[found.clones["label"].eq("CARDGQNYDVLGTPTALDVW_CCSYAGSGTEWVF"), "n_cells"].tolist() == [105]
    assert found.mrd.loc[found.mrd["clone"] == "IGH_1", "verdict"].str.startswith("carried by plasma cells").all()
    everywhere = samples == SAMPLES
    assert found.matches.loc["IGH_1", "matched_by"] == "junction " + ("amino acids" if everywhere else "nucleotides")
    assert found.matches.loc["IGL_2", "n_carriers"] == 16
    lost = found.mrd.loc[found.mrd["clone"] == "unseen", "verdict"].iloc[0]
    assert lost.startswith(
        "not testable: most junctions of the cells are known as amino acids" if everywhere else "not det"
    )
    said = [text for text in found.warnings if "have amino acids, but no junction nucleotides" in text]
    assert len(said) == 2 * len(samples)


def test_umis_of_umi_count_are_those_of_the_case(tmp_path):
    def airr(table):
        return table.drop(columns="chain").rename(columns=AIRR | {"umis": "umi_count", "reads": "duplicate_count"})

    expected, _ = contigs_of(tmp_path / "csv", tables())
    found, _ = contigs_of(tmp_path / "airr", {key: airr(table) for key, table in tables().items()})
    assert found[SAME].equals(expected[SAME])


def test_a_table_edited_by_hand_has_no_gene_called_no(tmp_path):
    def edited(table, word):
        table = table.assign(**{name: table[name].replace("", word) for name in ("d_gene", "c_gene")})
        table.loc[::7, ["cdr3", "cdr3_nt", "productive"]] = word
        table.loc[::5, "c_gene"] = word
        return table

    parts = [
        contigs_of(tmp_path / str(number), {key: edited(table, word) for key, table in tables().items()})
        for number, word in enumerate(("", "No"))
    ]
    assert parts[0][0].equals(parts[1][0]) and parts[0][1] == parts[1][1]
    assert parts[1][0]["c_call"].dropna().str.match("IG|TR").all()


def test_a_gamma_delta_library_adds_to_the_alpha_beta_one(tmp_path):
    added = tables()
    added["P1_T2", "gamma-delta"] = gamma_delta(added["P1_T2", "TCR"]).query("chain == ['TRG', 'TRD']")
    number = len(added["P1_T2", "gamma-delta"])
    before, _ = contigs_of(tmp_path / "without", tables())
    after, _ = contigs_of(tmp_path / "with", added)
    assert number > 50 and len(after) == len(before) + number and set(after["library"]) == {"BCR", "TCR"}
    assert not after.duplicated(["cell_id", "library", "sequence_id"]).any()
    assert after.loc[after["locus"].isin(["TRG", "TRD"]), "library"].eq("TCR").all()
