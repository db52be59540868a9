#!/usr/bin/env python3
"""The page on a run's quality, made by MultiQC, and the run's versions and parameters as files."""

import csv
import shutil
from pathlib import Path

from _cli import FILE, command, read_json, versions, write_json
from _run_sections import METRICS, cellranger_table, comment, funnel, general_table, heat_map, sample_table, violins

import click


def rows_of(path: Path) -> list[dict]:
    """The rows of a TSV, as text; quotation marks are letters like others."""
    with path.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def facts_of(paths: list[Path], ending: str) -> dict[str, dict]:
    """{sample: content} of the JSON files with this ending."""
    contents = [read_json(path) for path in paths if path.name.endswith(ending)]
    return {content["sample"]: content for content in contents}


def sections_of(order: list[str], rows: list[dict], pairs: list[dict], paths: list[Path]) -> list[dict]:
    """The page's sections on samples, those with data.

    order: names of the samples; rows: of qc.tsv; pairs: of identity.tsv; paths: *.read.json, *.qc.json, *.qc.parquet.
    """
    import pandas as pd

    reads, quality = facts_of(paths, ".read.json"), facts_of(paths, ".qc.json")
    columns = ["sample", *(metric[0] for metric in METRICS)]
    frames = [pd.read_parquet(path, columns=columns) for path in paths if path.name.endswith(".qc.parquet")]
    cells = pd.concat(frames or [pd.DataFrame(columns=columns)], ignore_index=True)
    sections = [general_table(rows, reads, quality), sample_table(rows), violins(cells, quality, order)]
    sections += [funnel(quality, order), heat_map(pairs, order), cellranger_table(reads, order)]
    return [section for section in sections if section["data"]]


def versions_yml(lines: list[str]) -> str:
    """YAML of {step: {package: version}}, sorted, from lines `STEP package=version package=version`."""
    import yaml

    entries = [line.split() for line in lines]
    return yaml.safe_dump({step: dict(package.split("=", 1) for package in packages) for step, *packages in entries})


def write_page(config: Path, top: str) -> None:
    """multiqc_report.html and multiqc_report_data from all sections below the current folder; top: HTML of its first lines."""
    import multiqc
    from multiqc.core.update_config import ClConfig

    settings = ClConfig(
        config_files=[config], report_comment=top, filename="multiqc_report.html", run_modules=["custom_content"],
        no_ansi=True,
    )  # fmt: skip
    done = multiqc.run(".", cfg=settings, interactive=False)
    if done.sys_exit_code or not Path("multiqc_report.html").exists():
        raise RuntimeError(f"MultiQC made no page: status {done.sys_exit_code}, {done.message}")


@command()
@click.argument("samples", type=FILE)
@click.argument("files", nargs=-1, type=FILE)
@click.option("--status", required=True, type=FILE, help="qc.tsv of the run.")
@click.option("--warnings", required=True, type=FILE, help="warnings.json of the run.")
@click.option("--identity", required=True, type=FILE, help="identity.tsv of the run.")
@click.option("--failures", required=True, type=FILE, help="Failed steps of the run: step, of, reason.")
@click.option("--config", required=True, type=FILE, help="Configuration of MultiQC.")
@click.option("--versions", "listed", required=True, type=FILE, help="A line `STEP package=version ...` per step.")
@click.option("--parameters", required=True, type=FILE, help="Parameters of the run, as JSON.")
def main(
    samples: Path, files: tuple[Path, ...], status: Path, warnings: Path, identity: Path, failures: Path, config: Path, listed: Path,
    parameters: Path,
) -> None:  # fmt: skip
    """Write the page on SAMPLES (samples.tsv) from FILES: *.read.json, *.qc.json, *.qc.parquet.

    Sections of other steps, *_mqc.json in any folder of the current one, are on the page too.
    """
    rows, order = rows_of(status), [row["sample"] for row in rows_of(samples)]
    for section in sections_of(order, rows, rows_of(identity), sorted(files)):
        write_json(section, f"{section['id']}_mqc.json")
    lines = [*listed.read_text(encoding="utf-8").splitlines(), f"RUN_REPORT {versions(Path(__file__))}"]
    Path("versions.yml").write_text(versions_yml(lines), encoding="utf-8")
    shutil.copyfile("versions.yml", "clonewatch_mqc_versions.yml")  # the name by which MultiQC finds it
    shutil.copyfile(parameters, "params.json")
    write_page(config, comment(rows, read_json(warnings), rows_of(failures)))


if __name__ == "__main__":
    main()
