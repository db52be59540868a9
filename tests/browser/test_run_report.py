"""MultiQC's page in Chromium: a name of HTML, in every part of a section that steps write, is text."""

from _cli import multiqc_section, write_json

import run_report
from conftest import PROJECT
from helpers.chromium import TRAP, seen


def test_names_of_html_are_text_in_tables_and_plots(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    values = {"verdict": TRAP, "share": 0.5}
    sections = {
        "mrd": multiqc_section("mrd", "Table", TRAP, "table", {f"P1 {TRAP}": values, "P1 IGH_1": values}),
        "bars": multiqc_section(
            "bars", "Bars", TRAP, "bargraph", {f"A {TRAP}": {TRAP: 3}, "B": {TRAP: 2}}, {"ylab": TRAP},
            categories={TRAP: {"name": TRAP, "color": "#000000"}},
        ),
        "lines": multiqc_section("lines", "Lines", TRAP, "linegraph", {TRAP: [[0, 1.0], [5, 2.0]]}, {"xlab": "day"}),
    }  # fmt: skip
    for name, section in sections.items():
        write_json(section, f"P1.{name}_mqc.json")
    run_report.write_page(PROJECT / "assets" / "multiqc_config.yml", "")
    heard, made, text = seen(tmp_path / "multiqc_report.html")
    assert (heard, made) == ([], 0)
    assert text.count("<img src=x onerror=alert(1)>") >= 8 and "&lt;" not in text
