#!/usr/bin/env python3
"""Receptor chains of a patient's kept cells: primary and secondary chains, and chain categories per cell."""

import json
from importlib.metadata import version

import click

PACKAGES = ("click", "numpy", "pandas", "pyarrow")
FILE = click.Path(exists=True, dir_okay=False)
COLUMNS = [
    *("cell_id", "sample", "library", "sequence_id", "locus", "v_call", "d_call", "j_call", "c_call"),
    *("junction", "junction_aa", "productive", "duplicate_count", "consensus_count"),
]
VDJ = ("IGH", "TRB", "TRD")
VJ = ("IGK", "IGL", "TRA", "TRG")


def read_contigs(paths, kept):
    """Contigs of kept, called cells. Returns COLUMNS plus arm ('VDJ', 'VJ' or ''), one row per contig.

    kept: cell ids; contigs of other barcodes count nowhere.
    """
    import numpy as np
    import pandas as pd

    parts = []
    for path in paths:
        try:
            part = pd.read_parquet(path)
        except (OSError, ValueError) as problem:
            raise click.ClickException(
                f"{path}: not a contig table ({problem}); make it with READ_CELLRANGER."
            ) from problem
        missing = [name for name in COLUMNS if name not in part]
        if missing:
            raise click.ClickException(
                f"{path}: column {', '.join(missing)} is missing; make it with READ_CELLRANGER."
            )
        trusted = np.ones(len(part), bool)
        for flag in ("is_cell", "high_confidence"):
            if flag in part:
                trusted &= part[flag].fillna(True).to_numpy(bool)
        parts.append(part.loc[trusted, COLUMNS])
    contigs = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    contigs = contigs[contigs["cell_id"].isin(kept)].reset_index(drop=True)
    for name in ("duplicate_count", "consensus_count"):
        contigs[name] = pd.to_numeric(contigs[name]).fillna(0).astype(np.int64)
    contigs["productive"] = contigs["productive"].fillna(False).astype(bool)
    contigs["arm"] = np.select([contigs["locus"].isin(VDJ), contigs["locus"].isin(VJ)], ["VDJ", "VJ"], "")
    return contigs


def index_chains(contigs):
    """Rank of each contig in its cell, library and arm: 1 primary, 2 secondary, 3.. surplus, 0 not usable.

    scirpy's receptor model (Sturm et al. 2020, doi 10.1093/bioinformatics/btaa611): productive contigs with
    an amino-acid junction, by UMIs, reads, junction and amino-acid junction, all descending.
    """
    import numpy as np
    import pandas as pd

    usable = (contigs["productive"] & contigs["junction_aa"].notna() & (contigs["arm"] != "")).to_numpy()
    table = contigs[usable]
    owner = table.groupby(["cell_id", "library", "arm"], sort=False, observed=True).ngroup().to_numpy()
    texts = [pd.factorize(table[name].fillna(""), sort=True)[0] for name in ("junction_aa", "junction")]
    order = np.lexsort(
        [*(-text for text in texts), -table["consensus_count"], -table["duplicate_count"], owner]
    )
    first = np.r_[True, np.diff(owner[order]) > 0] if len(order) else np.zeros(0, bool)
    start = np.maximum.accumulate(np.where(first, np.arange(len(order)), 0))
    rank = np.zeros(len(contigs), np.int64)
    rank[np.flatnonzero(usable)[order]] = np.arange(len(order)) - start + 1
    return rank


def chain_categories(contigs, library):
    """scirpy's `chain_qc` for one library. Index cell_id; receptor_type, receptor_subtype, chain_pairing."""
    import numpy as np
    import pandas as pd

    rows = contigs[(contigs["library"] == library) & (contigs["rank"] > 0)]
    cells = pd.Index(rows["cell_id"].unique(), name="cell_id")
    at = cells.get_indexer(rows["cell_id"])
    locus, arm, rank = (rows[name].to_numpy() for name in ("locus", "arm", "rank"))

    def any_of(mask):
        return np.bincount(at[mask], minlength=len(cells)) > 0

    indexed = rank <= 2
    a, b, g, d = (any_of(indexed & (locus == name)) for name in ("TRA", "TRB", "TRG", "TRD"))
    heavy, kappa, lam = (any_of(indexed & (locus == name)) for name in ("IGH", "IGK", "IGL"))
    t, ig = a | b | g | d, heavy | kappa | lam
    multi = any_of(rank > 2)
    subtypes = {
        "multichain": multi,
        "TRA+TRB": (a | b) & ~(g | d | ig),
        "TRG+TRD": (g | d) & ~(a | b | ig),
        "IGH": heavy & ~(kappa | lam | t),
        "IGH+IGL": lam & ~(t | kappa),
        "IGH+IGK": kappa & ~(t | lam),
        "IGH+IGK/L": lam & kappa & heavy & ~t,
    }
    subtype = np.select(list(subtypes.values()), list(subtypes), "ambiguous")
    kind = np.select([multi, t & ~ig, ig & ~t], ["multichain", "TCR", "BCR"], "ambiguous")
    vj1, vj2, vdj1, vdj2 = (
        any_of((arm == name) & (rank == place)) for name in ("VJ", "VDJ") for place in (1, 2)
    )
    pairing = np.select(
        [multi, subtype == "ambiguous", vj2 & vdj2, vj1 & vdj2, vdj1 & vj2, vj1 & vdj1, vdj1],
        ["multichain", "ambiguous", "two full chains", "extra VDJ", "extra VJ", "single pair", "orphan VDJ"],
        "orphan VJ",
    )
    return pd.DataFrame(
        {"receptor_type": kind, "receptor_subtype": subtype, "chain_pairing": pairing}, index=cells
    )


def multiqc(pairing, patient):
    """MultiQC custom content: stacked bars of chain pairing per library."""
    data = {}
    for library in ("bcr", "tcr"):
        counts = pairing[f"chain_pairing_{library}"].value_counts()
        counts = counts[counts.index != "no IR"]
        if len(counts):
            data[f"{patient} {library.upper()}"] = {
                str(name): int(n) for name, n in counts.sort_index().items()
            }
    return {
        "id": "clonewatch_pairing",
        "section_name": "Receptor chain pairing",
        "description": "Cells by chain category of scirpy, ambient contigs included.",
        "plot_type": "bargraph",
        "pconfig": {"id": "clonewatch_pairing_plot", "title": "Receptor chain pairing", "ylab": "cells"},
        "data": data,
    }


@click.command()
@click.argument("contigs", nargs=-1, required=True, type=FILE)
@click.option("--patient", required=True, help="Patient; first part of the names of the output files.")
@click.option("--labels", required=True, type=FILE, help="Kept cells.")
@click.version_option(" ".join(f"{name}={version(name)}" for name in PACKAGES), message="%(version)s")
def main(contigs, patient, labels):
    """Chains of all kept cells of a patient, and the chain category of each cell.

    CONTIGS: the contig tables of the patient's samples.
    """
    import pandas as pd

    cells = pd.read_parquet(labels, columns=["cell_id", "patient"])
    cells = cells[cells["patient"].astype(str) == patient]
    if cells.empty:
        raise click.ClickException(
            f"{labels}: holds no cell of patient {patient}; give the labels of this patient"
        )
    chains = read_contigs(contigs, cells["cell_id"])
    chains["rank"] = index_chains(chains)
    pairing = pd.DataFrame(index=pd.Index(cells["cell_id"], name="cell_id"))
    for library in ("BCR", "TCR"):
        found = chain_categories(chains, library).reindex(pairing.index, fill_value="no IR")
        pairing = pairing.join(found.add_suffix(f"_{library.lower()}"))
    chains.to_parquet(f"{patient}.chains.parquet", compression="zstd", index=False)
    pairing.reset_index().to_parquet(f"{patient}.pairing.parquet", compression="zstd", index=False)
    with open(f"{patient}.chains_mqc.json", "w") as file:
        json.dump(multiqc(pairing, patient), file, indent=1, allow_nan=False)


if __name__ == "__main__":
    main()
