"""Nucleotides and amino acids: codons, translation, and stand-in V regions."""

import zlib

import numpy as np
import pandas as pd

AMINO = "ACDEFGHIKLMNPQRSTVWY"
# The usual human codons of each amino acid.
CODONS = {
    "A": "GCC GCT GCA",
    "C": "TGT TGC",
    "D": "GAC GAT",
    "E": "GAG GAA",
    "F": "TTC TTT",
    "G": "GGC GGT GGA GGG",
    "H": "CAC CAT",
    "I": "ATC ATT",
    "K": "AAG AAA",
    "L": "CTG CTC TTG",
    "M": "ATG",
    "N": "AAC AAT",
    "P": "CCC CCT CCA",
    "Q": "CAG CAA",
    "R": "AGA CGG CGA",
    "S": "AGC TCC AGT",
    "T": "ACC ACT ACA",
    "V": "GTG GTC",
    "W": "TGG",
    "Y": "TAC TAT",
}
_TABLE = np.array([[list((CODONS[a].split() * 12)[i].encode()) for i in range(12)] for a in AMINO], np.uint8)
_CODE = np.zeros(256, np.uint8)
_CODE[np.frombuffer(AMINO.encode(), np.uint8)] = np.arange(20)

FRAMEWORKS = {  # fwr1 cdr1 fwr2 cdr2 fwr3
    "IGHV3": ("EVQLVESGGGLVQPGGSLRLSCAAS GFTFSSY AMSWVRQAPGKGLEWVSA ISGSGGS TYYADSVKGRFTISRDNSKNTLYLQMNSLRAEDTAVYY"),
    "IGHV4": ("QVQLQESGPGLVKPSETLSLTCTVS GGSISSY YWSWIRQPPGKGLEWIGY IYYSGS TNYNPSLKSRVTISVDTSKNQFSLKLSSVTAADTAVYY"),
    "IGH": ("QVQLVQSGAEVKKPGASVKVSCKAS GYTFTSY YMHWVRQAPGQGLEWMGI INPSGGS TSYAQKFQGRVTMTRDTSTSTVYMELSSLRSEDTAVYY"),
    "IGK": ("DIQMTQSPSSLSASVGDRVTITC RASQSISSYLN WYQQKPGKAPKLLIY AASSLQS GVPSRFSGSGSGTDFTLTISSLQPEDFATYY"),
    "IGL": ("QSALTQPASVSGSPGQSITISC TGTSSDVGGYNYVS WYQQHPGKAPKLMIY EVSNRPS GVSNRFSGSKSGNTASLTISGLQAEDEADYY"),
    "TRB": ("DAGVTQSPRHEVTEMGQEVTLRC KPISGHNS LFWYRQTMMRGLELLIYF NNNVPI DDSGMPEDRFSAKMPNASFSTLKIQPSEPRDSAVYF"),
    "TRA": ("QKEVEQNSGPLSVPEGAIASLNC TYSDRGSQS FFWYRQYSGKSPELIMFI YSNGDK EDGRFTAQLNKASQYVSLLIRDSQPSDSATYL"),
}
FRAMEWORK_4 = {"IGH": "GQGTLVTVSS", "IGK": "GQGTKVEIK", "IGL": "GGGTKLTVL", "TRB": "GPGTRLTVL", "TRA": "GKGTKLTVTP"}
REGIONS = ("fwr1", "cdr1", "fwr2", "cdr2", "fwr3")


def back_translate(peptides: list[str], rng: np.random.Generator) -> list[str]:
    """Nucleotides of peptides, codons drawn from the usual human ones."""
    letters = np.frombuffer("".join(peptides).encode(), np.uint8)
    bases = _TABLE[_CODE[letters], rng.integers(0, 12, len(letters))].tobytes().decode()
    ends = np.cumsum([3 * len(p) for p in peptides])
    return [bases[end - 3 * len(p) : end] for p, end in zip(peptides, ends, strict=True)]


def translate(nt: str) -> str:
    """Amino acids of in-frame nucleotides (only codons of CODONS occur, and their single-base neighbours)."""
    letters = "TCAG"
    table = "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG"
    order = {letter: i for i, letter in enumerate(letters)}
    return "".join(
        table[16 * order[a] + 4 * order[b] + order[c]] for a, b, c in zip(nt[::3], nt[1::3], nt[2::3], strict=True)
    )


def mutated(nt: str, positions: range, same: bool) -> str:
    """nt with the first transition among the positions that keeps (same) or changes the peptide."""
    transition = {"C": "T", "T": "C", "A": "G", "G": "A"}
    for i in positions:
        changed = nt[:i] + transition[nt[i]] + nt[i + 1 :]
        if "*" not in translate(changed) and (translate(changed) == translate(nt)) == same:
            return changed
    return nt


def frameworks(genes: list[str], locus: str) -> pd.DataFrame:
    """Stand-in V regions per gene: aa and nt of fwr1..fwr3; conserved C and W are never replaced.

    One template per locus family with substitutions per gene: a chain is consistent in itself, but an aligner
    would not give back its V gene from them.
    """
    rows = {}
    for gene in genes:
        template = next(t for k, t in FRAMEWORKS.items() if str(gene).startswith(k) or k == locus)
        rng = np.random.default_rng(zlib.crc32(str(gene).encode()))
        letters = list(template)
        free = [i for i, a in enumerate(letters) if a not in " CW"]
        for i in rng.choice(free, 5, replace=False):
            letters[i] = AMINO[rng.integers(20)].replace("C", "S").replace("W", "Y")
        parts = "".join(letters).split(" ")
        nucleotides = back_translate(parts, rng)
        rows[gene] = dict(zip(REGIONS, parts, strict=True)) | {
            f"{r}_nt": n for r, n in zip(REGIONS, nucleotides, strict=True)
        }
    return pd.DataFrame(rows).T
