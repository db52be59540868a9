"""README's commands for a user's own samples, as they are printed, by a user whose PATH holds nothing of the project."""

import csv
import re
import subprocess

from pipeline.conftest import PROJECT


def test_the_readmes_commands_work_as_printed(tmp_path, data):
    readme = (PROJECT / "README.md").read_text(encoding="utf-8")
    block = re.search(r"## Your own samples\n\n```bash\n(.*?)```", readme, re.S)[1]
    samples = data / "multi_layout" / "outs"
    setup, export, search, run = block.splitlines()
    assert setup.startswith("make setup") and "/data/cellranger/*" in search
    search = search.replace("/data/cellranger/*", str(samples)).replace("> samples.csv", f"> {tmp_path}/samples.csv")
    environment = {
        "HOME": str(tmp_path),
        "PATH": "/usr/bin:/bin",
        "NXF_HOME": str(tmp_path / ".nextflow"),
        "NXF_OFFLINE": "true",
    }

    def shell(*lines):
        command = ["/bin/bash", "-euc", "\n".join(lines)]
        done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    shell(export, search)
    with (tmp_path / "samples.csv").open(newline="") as lines:
        rows = [row | {"patient": "P1", "timepoint": "T1", "day": "0"} for row in csv.DictReader(lines)]
    assert rows
    with (tmp_path / "samples.csv").open("w", newline="") as lines:
        table = csv.DictWriter(lines, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    home, run = export.replace("$PWD", str(PROJECT)), run.replace("$PWD", str(PROJECT))
    small = "--qc_only true --min_cells 1 --min_umi 0 --min_genes 1 --max_mito 100"
    printed = shell(home, f"cd {tmp_path}", f"{run} {small}")
    assert f"Results are in {tmp_path}/results" in printed
    assert (tmp_path / "results" / "report" / "multiqc_report.html").exists()


def test_without_the_packages_the_first_task_says_which_command_installs_them(tmp_path):
    command = ["python3", PROJECT / "bin" / "check_inputs.py", "--version"]
    alone = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    done = subprocess.run(command, env=alone, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1 and f"run `make setup` in {PROJECT}" in done.stderr and "Traceback" not in done.stderr
