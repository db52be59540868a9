"""The cells room up to ANNOTATE within this process: its commands one after the other, as the pipeline calls them."""

import contextlib
from pathlib import Path

import annotate
import click
import cnv
import integrate
import malignancy
import pandas as pd
import qc
import read_cellranger
from click.testing import CliRunner

ASSETS = Path(__file__).resolve().parents[2] / "assets"


def call(command: click.Command, *words) -> None:
    """Run a command in the current folder; its own words where it fails."""
    result = CliRunner().invoke(command, [str(word) for word in words])
    if result.exit_code:
        raise RuntimeError(f"{command.name}: {result.output}")


def name_cells(sheet: Path, folder: Path, quality: tuple[str, ...] = ()) -> pd.DataFrame:
    """ANNOTATE's table of the samples of a sheet; quality: options of QC. A sample that fails QC has no cells.

    folder then holds what the steps wrote, among it <sample>.cells.h5ad with the counts of the kept cells.
    """
    rows = pd.read_csv(sheet, dtype=str)
    passed = []
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.chdir(folder):
        for row in rows.to_dict("records"):
            name = row["sample"]
            receptors = ("--vdj-t", row["vdj_t"]) if isinstance(row.get("vdj_t"), str) else ()
            call(read_cellranger.main, "--sample", name, "--gex", row["gex"], *receptors)
            call(qc.main, f"{name}.counts.h5ad", "--sample", name, "--contigs", f"{name}.contigs.parquet", *quality)
            if Path(f"{name}.cells.h5ad").exists():
                passed.append(name)
        kept = rows[rows["sample"].isin(passed)].reindex(
            columns=["sample", "patient", "timepoint", "day", "batch", "tissue"], fill_value=""
        )
        kept.to_csv("samples.tsv", sep="\t", index=False)
        cells = [f"{name}.cells.h5ad" for name in passed]
        genes = [word for name in passed for word in ("--genes", f"{name}.genes.parquet")]
        call(integrate.main, *cells, *genes, "--samples", "samples.tsv", "--excluded", ASSETS / "excluded_genes.tsv")
        contigs = [word for name in passed for word in ("--contigs", f"{name}.contigs.parquet")]
        tables = [
            w for t in ("markers.tsv", "profiles.parquet", "lineages.tsv") for w in (f"--{t.split('.')[0]}", ASSETS / t)
        ]
        call(annotate.main, "integrated.parquet", "expression.npz", *cells, *contigs, *tables)
        return pd.read_parquet("annotation.parquet")


def tumour_calls(folder: Path) -> tuple[int, list[str]]:
    """(malignant cells, chromosome arms with a gain or loss) of each sample of name_cells's folder, as a patient of its own."""
    cells = pd.read_parquet(folder / "annotation.parquet")
    cells["lineage"] = cells["lineage"].astype(str).replace("", "unassigned")
    cells["subset"], cells["patient"] = cells["cell_type"], cells["sample"]
    cells = cells.assign(timepoint="T1", day=0, tissue="", sort="", batch="", libraries="")
    malignant, arms = 0, []
    with contextlib.chdir(folder):
        for name, own in cells.groupby("sample", observed=True):
            own.to_parquet("labels.parquet", index=False)
            given = (
                f"{name}.cells.h5ad",
                "--patient",
                name,
                "--labels",
                "labels.parquet",
                "--lineages",
                ASSETS / "lineages.tsv",
            )
            positions = (
                "--gene-positions",
                ASSETS / "gene_positions_hg38.tsv",
                "--masked",
                ASSETS / "masked_genes.tsv",
            )
            call(cnv.main, *given, *positions)
            programmes = (
                "--programmes",
                ASSETS / "malignant_programmes.tsv",
                "--precursors",
                ASSETS / "precursor_genes.tsv",
            )
            events = ("--cnv", f"{name}.cnv.tsv", "--cnv-cells", f"{name}.cnv.parquet")
            call(malignancy.main, *given, *events, *programmes)
            malignant += int((pd.read_parquet(f"{name}.malignancy.parquet")["malignancy"] == "malignant").sum())
            found = pd.read_csv(f"{name}.cnv.tsv", sep="\t", keep_default_na=False)
            found = found[found["verdict"] == "detected"]
            arms += [f"{name} {row.population} {row.arm} {row.event}" for row in found.itertuples()]
    return malignant, arms
