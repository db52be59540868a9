#!/usr/bin/env python3
"""What kind of rearrangement a bulk row is, by its genes and its sequence: names of assets/vdj_library.tsv."""

import re

D_GENE = re.compile(r"\b(?:IGH|TC?RB|TC?RD)D\d|\bD[HBD]\d", re.I)
STOP = re.compile(r"(?:[ACGTN]{3})*?(?:TAA|TAG|TGA)")
# Tyrosine, any, cysteine end the V region; tryptophan or phenylalanine, glycine, any, glycine begin FR4 (IMGT 102-104, 118-121).
V_END = re.compile(r"(?=TA[CT][CT][ACGTN][CT](TG[CT]))")
J_START = re.compile(r"(?=(TGG|TT[CT])GG[ACGTN][ACGTN]{3}GG[ACGTN])")
JUNCTION = re.compile(r"TG[CT][ACGTN]*(?:TGG|TT[CT])")
SHORTEST = 15  # bases between the first bases of both conserved residues
COMPLEMENT = str.maketrans("ACGT", "TGCA")


def reverse_complement(text: str) -> str:
    return text.translate(COMPLEMENT)[::-1]


def whole_junction(text: str) -> str:
    """The junction that a sequence is, or holds between its conserved anchors, on either strand; '' where none is found."""
    strands, found = (text, reverse_complement(text)), []
    for strand in strands:
        if JUNCTION.fullmatch(strand):
            return strand
        ends = [place.start(1) for place in J_START.finditer(strand)]
        starts = [place.start(1) for place in V_END.finditer(strand)]
        found += [strand[start : end + 3] for start in starts for end in ends if end - start >= SHORTEST]
    return min(found, key=lambda junction: (hidden_codons(junction) != "", len(junction)), default="")


def hidden_codons(junction: str) -> str:
    """`out of frame`, `stop`, or '' of a junction that a productive transcript may have."""
    return "out of frame" if len(junction) % 3 else "stop" if STOP.match(junction) else ""


def kind_by_genes(row: dict) -> str:
    """Kind of a rearrangement that no library shows, by locus and genes as they are written; '' where these say nothing.

    Without a J gene the name of the clone counts too.
    """
    locus, v, j = (row[name] or "" for name in ("locus", "v_call", "j_call"))
    text = f"{locus} {v} {j or row['clone']}"
    if re.search("INTRON|INTR\\b|-RSS", text, re.I):
        return "intron-RSS"
    if re.search("KDE", text, re.I):
        return "Kde"
    return "D-J" if D_GENE.search(v) else "V-D" if D_GENE.search(j) else ""


def kind_by_sequence(row: dict) -> str:
    """Why a rearrangement that no cell shows was not looked for by sequence, gene and length; '' where it was.

    row: nt, aa (junction as letters that can be read), junction_aa (as written), v, j (sets of genes).
    """
    written = row["junction_aa"] or ""
    if re.search("[_#*]", written):
        return "stop" if "*" in written else "out of frame"
    if not row["nt"]:
        return "amino acids" if row["aa"] else "no junction"
    if not (row["v"] and row["j"]):
        return "no J gene" if row["v"] else "no V gene"
    junction = whole_junction(row["nt"])
    return hidden_codons(junction) if junction else "part"
