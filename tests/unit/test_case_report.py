"""The steps of the case report: every kind of run gives a page, and what tables say appears as text."""

import base64
import gzip
import json
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import case_curves
import case_figures
import case_map
import case_report
import numpy as np
import pandas as pd
import pytest
import report_case

ONE, THREE = (("T1", 5),), (("T1", -30), ("T2", 28), ("T3", 180))
TWELVE = tuple((f"T{i}", 30 * i) for i in range(12))


class Page(HTMLParser):
    """Tags, ids and texts of a page, and whether it is well nested enough to be read."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.ids, self.data = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.tags.append((tag, found))
        if "id" in found:
            self.ids.append(found["id"])


@pytest.fixture
def page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def build(**options):
        report_case.write(tmp_path / "tables", **options)
        return report_case.make_page(tmp_path / "tables").read_text()

    return build


@pytest.mark.parametrize(
    ("options", "there", "missing"),
    [
        (
            {},
            ("fig-clones_bcr", "fig-clones_tcr", "fig-mrd", "fig-communication", "fig-change", "map-plasma"),
            (),
        ),
        ({"receptors": ()}, ("fig-composition",), ("add vdj_b", "add vdj_t")),
        ({"receptors": ("TCR",)}, ("fig-clones_tcr",), ("add vdj_b",)),
        ({"receptors": ("BCR",)}, ("fig-clones_bcr",), ("add vdj_t",)),
        ({"times": ONE}, ("fig-mrd", "fig-clones_bcr"), ("two time points",)),
        ({"times": TWELVE}, ("fig-change", "fig-summary"), ()),
        ({"full": False}, ("fig-timeline", "fig-composition"), ("--mrd", "--clinical", "--fish", "--focus")),
    ],
)
def test_every_kind_of_run_gives_a_page(page, options, there, missing):
    text = page(**options)
    found = Page(text)
    assert len(found.ids) == len(set(found.ids))
    for name in there:
        assert name in found.ids
    for words in missing:
        assert words in text
    links = {
        attributes["href"][1:]
        for tag, attributes in found.tags
        if tag == "a" and attributes["href"].startswith("#")
    }
    assert links <= set(found.ids)


def test_a_lost_sample_and_unknown_states_still_give_a_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report_case.write(tmp_path / "tables")
    table = pd.read_parquet("tables/cells.parquet")
    table = table[table["timepoint"] != "T2"].assign(
        isg_score=np.nan, cnv_profile=None, malignancy=None, mrd_clone=None
    )
    table["isg_high"] = pd.array([pd.NA] * len(table), dtype="boolean")
    table.to_parquet("tables/cells.parquet")
    status = pd.read_csv("tables/samples.tsv", sep="\t").assign(status=["pass", "failed", "pass"])
    status.to_csv("tables/qc.tsv", sep="\t", index=False)
    text = report_case.make_page(tmp_path / "tables").read_text()
    assert "0 cells (failed)" in text and "fig-isg_plasma" not in text and "fig-summary" in text


def test_nothing_is_loaded_from_elsewhere(page):
    for tag, attributes in Page(page()).tags:
        for name in ("src", "href", "action", "srcset"):
            assert not str(attributes.get(name, "")).startswith(("http", "//", "file")), (tag, attributes)


def test_hostile_names_are_text(page):
    text = page(name=report_case.HOSTILE)
    assert "<script>window" not in text
    assert "window.hacked" in text  # as text it is there
    assert [attributes for tag, attributes in Page(text).tags if tag == "script"] == [
        {"type": "application/json", "id": "maps"}, {"type": "application/json", "id": "tables"}, {},
    ]  # fmt: skip


def test_drawings_are_svg_with_title_and_finding(page, tmp_path):
    page(name=report_case.HOSTILE)
    drawings = sorted(tmp_path.glob("*.svg"))
    assert len(drawings) >= 12
    for path in drawings:
        root = ElementTree.parse(path).getroot()
        kinds = [child.tag.split("}")[1] for child in root[:2]]
        assert kinds == ["title", "desc"] and root[1].text, path.name


def test_tables_in_the_page_are_the_patients_rows(page, tmp_path):
    text = page()
    held = json.loads(text.split('<script type="application/json" id="tables">')[1].split("</script>")[0])
    csv = gzip.decompress(base64.b64decode(held["P1.mrd.tsv"])).decode()
    table = pd.read_csv(tmp_path / "tables" / "P1.mrd.tsv", sep="\t")
    assert len(csv.splitlines()) == len(table) + 1 and csv.splitlines()[0] == ",".join(table.columns)


def test_rows_of_other_patients_stay_out(tmp_path):
    rows = [{"patient": "P1", "label": "a"}, {"patient": "P2", "label": "b"}]
    pd.DataFrame(rows).to_csv(tmp_path / "composition.tsv", sep="\t", index=False)
    found = case_report.read_tables(tmp_path, {"composition.tsv", "gone.tsv"}, "P1")
    assert list(found) == ["composition.tsv"] and found["composition.tsv"]["rows"] == 1
    assert "P2" not in found["composition.tsv"]["csv"]


def test_equal_runs_give_equal_pages(page):
    assert page() == page()


def unpacked(text, kind):
    return np.frombuffer(base64.b64decode(text), kind)


def test_map_holds_every_cell_and_its_colour():
    table = report_case.cells("P1", list(THREE))
    palette = {"series": {"1": "#111111", "2": "#222222"}, "time": {"1": "#000000"}, "verdict": {"yes": "#D55E00"},
               "cell_type": {"plasma cell": "#D55E00"}}  # fmt: skip
    made = case_map.make_map("all", "All cells", table, palette, 1000, 0)
    assert made["drawn"] == made["total"] == 180 == len(unpacked(made["x"], "<u2"))
    types = made["colourings"][0]
    codes = unpacked(types["values"], "u1")
    counted = dict(zip(types["labels"], np.bincount(codes).tolist(), strict=True))
    assert counted == table["cell_type"].value_counts().to_dict()
    assert dict(zip(types["labels"], types["colours"], strict=True))["plasma cell"] == "#D55E00"
    names = [colouring["name"] for colouring in made["colourings"]]
    assert names == ["cell type", "subset", "time point", "B-cell clone", "T-cell clone", "bulk MRD clone",
                     "interferon score", "arms gained or lost", "malignancy"]  # fmt: skip


def test_a_large_map_is_a_stated_sample_with_all_rare_cells():
    n = 20_000
    table = pd.DataFrame(
        {
            "cell_id": np.arange(n).astype(str),
            "sample": "S",
            "cell_type": np.where(np.arange(n) < 40, "rare", "common"),
        }
    )
    part = case_map.chosen(table, 5000, 0)
    assert (part["cell_type"] == "rare").sum() == 40
    assert 4500 < len(part) < 5500


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-0.2, 0.37), (3, 3), (0, 131_000), (-210, 180)])
def test_steps_are_round_and_inside(low, high):
    for module in (case_curves, case_figures):
        found = module.steps(low, high)
        assert found and all(low - 1e-9 <= value <= high + 1e-9 for value in found) and len(found) <= 8
