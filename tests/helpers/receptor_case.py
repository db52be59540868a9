"""The receptor steps on the simulated case of 1,500 cells, in process: what becomes of clones where the contig files differ.

result = run_case(tmp_path, lambda tables: tables["P1_T3", "BCR"].update(...))
"""

from collections.abc import Callable
from contextlib import chdir
from functools import cache
from pathlib import Path
from types import SimpleNamespace

from _guards import with_processing
from _receptors import LIBRARY_COLUMNS

import pandas as pd

from helpers.small_receptors import GENES, LIBRARY, LINEAGES, run

LABELS = Path(__file__).resolve().parents[1] / "data" / "simulated_case" / "labels.tsv.gz"
PATIENT = "P1"
FOLDERS = {"BCR": "vdj_b", "TCR": "vdj_t"}
COLUMNS = FOLDERS | {"gamma-delta": "vdj_t_gd"}  # a library that the case itself lacks
Tables = dict[tuple[str, str], pd.DataFrame]


@cache
def simulated() -> tuple[Tables, pd.DataFrame, pd.DataFrame]:
    """Contig tables of the case by sample and library as Cell Ranger writes them (text), its bulk table, its samplesheet."""
    from simulate_case import TIMEPOINTS, Accidents, Simulation, make_contigs, tables

    case = Simulation(Path(), 1500, 1, 1, 1, Accidents())
    samples = {name: case.draw(name) for name in case.plan}
    contigs = {
        (name, library): as_text(make_contigs(sample, library, case.usage, case.seed))
        for name, sample in samples.items()
        for library in FOLDERS
    }
    bulk = tables(case.cohort, {name: pools.bulk for name, pools in case.pools.items()}, case.seed)["mrd"]
    sheet = pd.DataFrame(
        [{"sample": name, "patient": PATIENT, "timepoint": plan[1]} for name, plan in case.plan.items()]
    )
    sheet["day"] = sheet["timepoint"].map(TIMEPOINTS)
    return contigs, bulk, sheet.assign(batch=sheet["sample"], tissue="bone marrow", sort="")


def as_text(table: pd.DataFrame) -> pd.DataFrame:
    """The table as a reader of its CSV sees it: text, '' for missing, booleans in lower case."""
    text = table.astype(object).where(table.notna(), "").astype(str)
    return text.replace({"True": "true", "False": "false"})


def run_case(
    work: Path, change: Callable[[Tables], Tables | None] | None = None, mrd: pd.DataFrame | None = None, **options
) -> SimpleNamespace:
    """READ_CELLRANGER's reading of contigs, CHAINS, CLONOTYPES, CLONE_TABLE, FATES and MRD on the changed case, in `work`.

    change: gets copies of the contig tables by (sample, library) and changes the dictionary (None: the library is missing;
    a table with `cell_id` is written as AIRR TSV, one with `barcode` as Cell Ranger's CSV). mrd: mrd.tsv as CHECK_INPUTS writes
    it (the case's). options: further options by command, such as clonotypes=["--count-ambiguous"]. Returns the written tables.
    """
    import chains
    import clone_table
    import clonotypes
    import fates
    import mrd as mrd_command

    contigs, bulk, sheet = simulated()
    tables: Tables = {key: table.copy() for key, table in contigs.items()}
    tables = (change(tables) if change else None) or tables
    work.mkdir(parents=True, exist_ok=True)
    for library, column in COLUMNS.items():
        sheet = sheet.assign(**{column: [given(tables, name, library) for name in sheet["sample"]]})
    warnings = write_contigs(work, tables)
    labels = pd.read_csv(LABELS, sep="\t", keep_default_na=False)
    has = {
        row["sample"]: " ".join(name for name, columns in LIBRARY_COLUMNS.items() if any(row[c] for c in columns))
        for row in sheet.to_dict("records")
    }
    labels["libraries"] = labels["sample"].map(has)
    labels = with_processing(labels)
    with chdir(work):
        sheet.to_csv("samples.tsv", sep="\t", index=False)
        labels.to_parquet("labels.parquet")
        (bulk if mrd is None else mrd).to_csv("mrd.tsv", sep="\t", index=False)
        same = ["--patient", PATIENT, "--labels", "labels.parquet", "--lineages", LINEAGES]
        files = [f"{name}.contigs.parquet" for name in sheet["sample"]]
        judged, cells, table = (f"{PATIENT}.{name}" for name in ("own_chains.parquet", "clones.parquet", "clones.tsv"))
        pairing = ["--pairing", f"{PATIENT}.pairing.parquet"]
        tables_of_mrd = ["--library", LIBRARY, "--genes", GENES]
        steps = {
            chains: [*files, *same, "--genes", GENES],
            clonotypes: [judged, "--patient", PATIENT, *pairing],
            clone_table: [cells, *same, "--chains", judged],
            fates: [cells, *same, "--samples", "samples.tsv", "--table", table],
            mrd_command: ["mrd.tsv", *same, *tables_of_mrd, "--chains", judged, "--clones", cells, "--table", table],
        }
        for step, arguments in steps.items():
            run(step.main, *arguments, *options.get(step.__name__, ()))
        return SimpleNamespace(
            warnings=warnings,
            chains=pd.read_parquet(judged),
            cells=pd.read_parquet(cells).set_index("cell_id"),
            clones=read(table).set_index("clone"),
            fates=read(f"{PATIENT}.fates.tsv"),
            mrd=read(f"{PATIENT}.mrd.tsv"),
            matches=read(f"{PATIENT}.mrd_matches.tsv").set_index("clone"),
        )


def given(tables: Tables, sample: str, library: str) -> str:
    """Where samples.tsv says that the library lies; '' where it is missing."""
    return f"{sample}/{COLUMNS[library]}" if tables.get((sample, library)) is not None else ""


def write_contigs(work: Path, tables: Tables) -> list[str]:
    """<sample>.contigs.parquet of the case's samples as READ_CELLRANGER writes them; its warnings."""
    from _contigs import read_contigs, schema

    import pyarrow as pa
    import pyarrow.parquet as pq

    parts, warnings = {}, []
    for (sample, library), table in tables.items():
        parts.setdefault(sample, [schema().empty_table()])
        if table is None:
            continue
        folder = work / sample / COLUMNS[library]
        folder.mkdir(parents=True, exist_ok=True)
        airr = "cell_id" in table
        path = folder / ("airr_rearrangement.tsv" if airr else "filtered_contig_annotations.csv")
        table.to_csv(path, sep="\t" if airr else ",", index=False)
        read_table, said = read_contigs(path, sample, COLUMNS[library])
        parts[sample].append(pa.Table.from_pandas(read_table, schema=schema(), preserve_index=False))
        warnings += said
    for sample, pieces in parts.items():
        pq.write_table(pa.concat_tables(pieces), work / f"{sample}.contigs.parquet")
    return warnings


def read(path: str) -> pd.DataFrame:
    return pd.read_csv(path, sep="\t", na_values=[""], keep_default_na=False)
