#!/usr/bin/env python3
"""A patient's AIRR rearrangements with clones, and somatic hypermutation where alignments are given."""

from pathlib import Path

from _cli import FILE, command
from _clones import read_labels, with_clones
from _tables import write_table

import click
import numpy as np

# Fields that the AIRR rearrangement schema requires come first; empty where Cell Ranger's CSV does not tell them.
REQUIRED = [
    "sequence_id", "sequence", "rev_comp", "productive", "v_call", "d_call", "j_call", "sequence_alignment",
    "germline_alignment", "junction", "junction_aa", "v_cigar", "d_cigar", "j_cigar",
]  # fmt: skip
FURTHER = [
    "locus", "c_call", "duplicate_count", "consensus_count", "junction_length", "junction_aa_length", "cell_id",
    "clone_id", "sample", "timepoint", "cell_type", "own_probability", "own_verdict", "rule",
]  # fmt: skip
V_COLUMNS = 312  # IMGT numbering: FWR1 to FWR3
V_BASES = 288  # without gaps: at most so many bases before the junction, for what lies further is the leader
WORD = 12  # bases that agree, where sequence and germline have to be laid side by side
MAX_DIFFERENT = 0.3  # of positions: beyond that the two are not aligned
MUTATIONS = [
    "patient", "clone", "locus", "timepoint", "day", "n_sequences", "positions", "mutations", "frequency", "low", "high",
    "median", "rule",
]  # fmt: skip


def airr_table(chains, cells):
    """AIRR rearrangements of kept cells.

    chains: judged chains with sequence_alignment and germline_alignment (null where unknown).
    cells: index cell_id with bcr_clone, tcr_clone, rule, timepoint, cell_type. Clones are given to own chains only.
    """
    import pandas as pd

    table = chains.reset_index(drop=True)
    info = cells.reindex(table["cell_id"]).reset_index(drop=True)
    clone = info["bcr_clone"].where(table["library"] == "BCR", info["tcr_clone"])
    out = pd.DataFrame(index=table.index)
    for name in REQUIRED + FURTHER:
        out[name] = table.get(name, "")
    # Cell Ranger numbers the contigs of a barcode anew in each library: <barcode>_contig_1 is in both.
    contig = table["sequence_id"].where(table["sequence_id"].notna(), [f"row_{row + 1}" for row in table.index])
    named = (table["sample"].astype(str), table["library"].astype(str), contig.astype(str))
    out["sequence_id"] = [":".join(parts) for parts in zip(*named, strict=True)]
    for name in ("sequence_alignment", "germline_alignment"):
        out[name] = out[name].fillna("")
    out["rev_comp"] = "F"
    out["productive"] = table["productive"].map({True: "T", False: "F"})
    out["junction_length"] = table["junction"].str.len().astype("Int64")
    out["junction_aa_length"] = table["junction_aa"].str.len().astype("Int64")
    out["clone_id"] = clone.astype(object).where(table["verdict"] == "own").fillna("")
    for name in ("timepoint", "cell_type", "rule"):
        out[name] = info[name]
    probability = table["p_own"].round(4).astype(object)
    out["own_probability"], out["own_verdict"] = probability.where(probability.notna(), ""), table["verdict"]
    return out


def v_region(sequence: str | None, germline: str | None, junction: str | None) -> tuple[str, str]:
    """The V regions of a sequence and of its germline, base beside base; two empty texts where that is not known.

    The first 312 columns of an alignment with IMGT gaps. Without gaps the bases before the junction: Cell Ranger
    writes both from their own first base, so the shift is taken on which most words of the sequence agree.
    """
    if not isinstance(sequence, str) or not isinstance(germline, str):
        return "", ""
    sequence, germline = sequence.upper(), germline.upper()
    if "." in germline:
        return (sequence[:V_COLUMNS], germline[:V_COLUMNS]) if len(sequence) == len(germline) else ("", "")
    if len(sequence) == len(germline):  # side by side already: what the sequence lacks may lie within the junction
        germline = "".join(base for base, own in zip(germline, sequence, strict=True) if own != "-")
        sequence = sequence.replace("-", "")
    end = sequence.find(junction.upper()) if isinstance(junction, str) else -1
    if end <= 0:
        return "", ""
    shift, start = 0, max(end - V_BASES, 0)
    if len(sequence) != len(germline):
        words = {i: germline.find(sequence[i : i + WORD]) for i in range(start, end - WORD, WORD)}
        shifts = [there - here for here, there in words.items() if there >= 0]
        shift = max(sorted(set(shifts)), key=shifts.count) if shifts else -end
        start = max(start, -shift)
    return sequence[start:end], germline[start + shift : end + shift]


def v_mutations(sequence: str | None, germline: str | None, junction: str | None) -> tuple[int, int]:
    """(positions compared, differences) of the V region; (0, 0) where it is not known.

    Only positions with A, C, G or T on both sides count, so that a masked D region (N) does not.
    """
    a, b = (np.frombuffer(text.encode(), np.uint8) for text in v_region(sequence, germline, junction))
    if len(a) != len(b):
        return 0, 0
    known = np.isin(a, list(b"ACGT")) & np.isin(b, list(b"ACGT"))
    n, different = int(known.sum()), int((a != b)[known].sum())
    return (n, different) if different <= MAX_DIFFERENT * n else (0, 0)


def hypermutation(chains, cells, patient: str):
    """V-region mutation frequency by clone, locus and time: pooled, with the interval of the sequences' mean.

    Own productive BCR chains with alignments. Frequency: mutations per compared position (0 to 1).
    """
    import pandas as pd

    aligned = chains[(chains["library"] == "BCR") & (chains["verdict"] == "own") & chains["productive"]]
    aligned = aligned[aligned["sequence_alignment"].notna() & aligned["germline_alignment"].notna()]
    columns = (aligned[name] for name in ("sequence_alignment", "germline_alignment", "junction"))
    counts = np.array([v_mutations(*row) for row in zip(*columns, strict=True)], dtype=int).reshape(-1, 2)
    info = cells.reindex(aligned["cell_id"])
    table = pd.DataFrame(
        {
            "clone": info["bcr_clone"].to_numpy(), "locus": aligned["locus"].to_numpy(),
            "timepoint": info["timepoint"].to_numpy(), "day": info["day"].to_numpy(),
            "positions": counts[:, 0], "mutations": counts[:, 1],
        }
    ).dropna(subset="clone")  # fmt: skip
    table = table[table["positions"] > 0]
    table["each"] = table["mutations"] / table["positions"]
    groups = table.groupby(["clone", "locus", "day", "timepoint"], observed=True)
    out = groups[["positions", "mutations"]].sum()
    out["n_sequences"], out["median"] = groups.size(), groups["each"].median()
    out["frequency"] = out["mutations"] / out["positions"]
    half = 1.959964 * groups["each"].std() / np.sqrt(out["n_sequences"])
    out["low"], out["high"] = (out["frequency"] - half).clip(lower=0), (out["frequency"] + half).clip(upper=1)
    out = out.reset_index().assign(patient=patient, rule=cells["rule"].iloc[0])
    return out.sort_values(["clone", "locus", "day"])[MUTATIONS]


@command()
@click.argument("contigs", nargs=-1, required=True, type=FILE)
@click.option("--patient", required=True, help="Patient; first part of the names of the output files.")
@click.option("--chains", required=True, type=FILE, help="Judged chains (parquet).")
@click.option("--clones", required=True, type=FILE, help="Clone per cell (parquet).")
@click.option("--labels", required=True, type=FILE, help="Kept cells with their types.")
def main(contigs: tuple[Path, ...], patient: str, chains: Path, clones: Path, labels: Path) -> None:
    """AIRR rearrangements and hypermutation of a patient. CONTIGS: the contig tables of its samples."""
    import airr
    import pandas as pd

    cells = with_clones(read_labels(labels, patient, ["timepoint", "day", "cell_type"]), clones).set_index("cell_id")
    key = ["cell_id", "library", "sequence_id"]
    columns = [*key, "sequence_alignment", "germline_alignment"]
    aligned = pd.concat([pd.read_parquet(path, columns=columns) for path in contigs], ignore_index=True)
    aligned = aligned.dropna(subset=columns[2:]).drop_duplicates(key)
    judged = pd.read_parquet(chains).merge(aligned, on=key, how="left")
    airr.dump_rearrangement(airr_table(judged, cells), f"{patient}.airr_rearrangement.tsv")
    write_table(hypermutation(judged, cells, patient), f"{patient}.hypermutation.tsv")


if __name__ == "__main__":
    main()
