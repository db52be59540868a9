"""Small receptor tables for tests: contigs as READ_CELLRANGER writes them, and labels."""

from pathlib import Path

from _guards import with_processing

import numpy as np
import pandas as pd

ASSETS = Path(__file__).resolve().parents[2] / "assets"
LINEAGES, GENES = ASSETS / "lineages.tsv", ASSETS / "receptor_genes.tsv"
LIBRARY = ASSETS / "vdj_library.tsv"
CONTIG = {
    "library": "BCR", "locus": "IGH", "v_call": "IGHV3-21", "d_call": None, "j_call": "IGHJ6", "c_call": "IGHG1",
    "junction": "TGTGCGAGATGG", "junction_aa": "CARW", "productive": True, "is_cell": True, "high_confidence": True,
    "duplicate_count": 10, "consensus_count": 100, "sequence_alignment": None, "germline_alignment": None,
}  # fmt: skip
CODONS = {"A": "GCC", "C": "TGT", "D": "GAC", "F": "TTT", "G": "GGC", "R": "AGA", "S": "AGC", "W": "TGG", "Y": "TAC"}


def contigs(rows: list[dict]) -> pd.DataFrame:
    """Contig table from rows that name `cell_id` and what differs from CONTIG."""
    table = pd.DataFrame([CONTIG | row for row in rows])
    table["sample"] = table["cell_id"].str.split(":").str[0]
    table["sequence_id"] = [f"contig_{i + 1}" for i in range(len(table))]
    return table


def heavy(cell: str, junction: str, umi: int = 50, **more) -> dict:
    return {"cell_id": cell, "junction": junction, "junction_aa": translate(junction), "duplicate_count": umi} | more


def light(cell: str, junction: str, umi: int = 50, locus: str = "IGL", **more) -> dict:
    genes = {"locus": locus, "v_call": f"{locus}V2-23", "j_call": f"{locus}J3", "c_call": f"{locus}C3"}
    return heavy(cell, junction, umi) | genes | more


def alpha_beta(cell: str, alpha: str | None, beta: str | None, umi: int = 8) -> list[dict]:
    rows = []
    for locus, junction in (("TRA", alpha), ("TRB", beta)):
        if junction:
            genes = {
                "library": "TCR",
                "locus": locus,
                "v_call": f"{locus}V1",
                "j_call": f"{locus}J1",
                "c_call": f"{locus}C",
            }
            rows.append(heavy(cell, junction, umi) | genes)
    return rows


def translate(nt: str) -> str:
    """Amino acids of whole codons."""
    letters = "TCAG"
    table = "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG"
    return "".join(
        table[16 * letters.index(a) + 4 * letters.index(b) + letters.index(c)]
        for a, b, c in zip(nt[::3], nt[1::3], nt[2::3], strict=False)
    )


def junctions(n: int, codons: int = 14, seed: int = 0) -> list[str]:
    """n random different junctions from TGT to TGG without stop codons."""
    rng = np.random.default_rng(seed)
    inner = np.array([codon for codon in CODONS.values()])
    return list(dict.fromkeys("TGT" + "".join(rng.choice(inner, codons - 2)) + "TGG" for _ in range(2 * n)))[:n]


def change(junction: str, *places: int) -> str:
    """The junction with another base at each of the places."""
    wobble = str.maketrans("ACGT", "GTAC")
    letters = list(junction)
    for place in places:
        letters[place] = letters[place].translate(wobble)
    return "".join(letters)


def labels(
    cells: dict[str, tuple[str, str]],
    days: dict[str, int] | None = None,
    patient: str = "P1",
    designs: dict[str, tuple[str, str, str]] | None = None,
    libraries: dict[str, str] | None = None,
) -> pd.DataFrame:
    """labels.parquet of cells: name -> (lineage, cell type). The sample is the part before the colon, also the time.

    designs: time point, tissue and sort of a sample, where they are others than its name, '' and ''.
    libraries: of a sample, where they are not both.
    """
    table = pd.DataFrame({"cell_id": list(cells), "patient": patient})
    table["sample"] = table["timepoint"] = table["cell_id"].str.split(":").str[0]
    table["tissue"] = table["sort"] = ""
    table["libraries"] = table["sample"].map(libraries or {}).fillna("BCR TCR")
    table = with_processing(table)
    for sample, design in (designs or {}).items():
        table.loc[table["sample"] == sample, ["timepoint", "tissue", "sort"]] = design
    table["day"] = table["timepoint"].map(days or {}).fillna(0).astype(int)
    table["lineage"], table["cell_type"] = zip(*cells.values(), strict=True) if cells else ([], [])
    table["subset"] = table["cell_type"]
    return table


def run_clones(work: Path, tables: dict[str, pd.DataFrame], cells: pd.DataFrame, *options: str) -> None:
    """CHAINS, CLONOTYPES and CLONE_TABLE of patient P1 in the current folder `work`; options: of CLONOTYPES."""
    import chains
    import clone_table
    import clonotypes

    for name, table in tables.items():
        table.to_parquet(work / f"{name}.contigs.parquet")
    cells.to_parquet(work / "labels.parquet")
    same = ["--patient", "P1", "--labels", "labels.parquet", "--lineages", LINEAGES]
    run(chains.main, *[f"{name}.contigs.parquet" for name in tables], *same, "--genes", GENES)
    judged = "P1.own_chains.parquet"
    run(clonotypes.main, judged, "--patient", "P1", "--pairing", "P1.pairing.parquet", *options)
    run(clone_table.main, "P1.clones.parquet", *same, "--chains", judged)


def run(command, *arguments: str | Path) -> None:
    from click.testing import CliRunner

    result = CliRunner().invoke(command, [str(value) for value in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
