"""The case report in Chromium, without a network: what a reader can do with it."""

import csv
import json
import os
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from helpers import report_case

PROJECT = Path(__file__).resolve().parents[2]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip
AXE = "4.14.1"  # version of axe-core
CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium at {CHROMIUM}; CHROMIUM names another one")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Pages of a usual and of a hostile case, and the folder of the usual one's tables."""
    before, pages = Path.cwd(), {}
    for kind, name in (("usual", ""), ("hostile", report_case.HOSTILE)):
        folder = tmp_path_factory.mktemp(kind)
        os.chdir(folder)
        report_case.write(folder / "tables", name=name)
        pages[kind] = report_case.make_page(folder / "tables")
    os.chdir(before)
    return pages


@pytest.fixture
def opened(browser, made):
    """Opens a page with the network cut; (page, list of errors and requests)."""
    contexts = []

    def call(kind="usual", width=1280):
        context = browser.new_context(viewport={"width": width, "height": 900}, offline=True, accept_downloads=True)
        contexts.append(context)
        page, heard = context.new_page(), []
        page.on("console", lambda message: heard.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on("request", lambda request: heard.append(request.url) if request.url.startswith("http") else None)
        page.goto(made[kind].as_uri())
        page.wait_for_function("document.documentElement.dataset.ready === 'yes'")
        return page, heard

    yield call
    for context in contexts:
        context.close()


def ink(page, name):
    """Share of a map's pixels that are not white."""
    script = """name => { const c = document.querySelector(`canvas[data-map="${name}"]`);
        const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data; let n = 0, sum = 0;
        for (let i = 0; i < d.length; i += 4) { if (d[i] + d[i + 1] + d[i + 2] < 765) n += 1; sum += d[i] * 3 + d[i + 1] * 5 + d[i + 2] * 7; }
        return [n / (d.length / 4), sum]; }"""
    return page.evaluate(script, name)


@pytest.mark.parametrize("width", [1280, 400])
def test_drawings_are_laid_out_for_the_screen(opened, width):
    page, _ = opened(width=width)
    seen = 0
    for figure in page.locator("figure:not(.map)").all():
        if not figure.is_visible():
            continue  # in a tab that is not chosen
        box = figure.locator("svg").bounding_box()
        view = figure.locator("svg").get_attribute("viewBox").split()
        assert box["width"] / float(view[2]) > 0.9  # texts of 10 points and more can be read
        seen += 1
    assert seen >= 8


def test_marks_tell_what_they_show_to_pointer_and_keyboard(opened):
    page, _ = opened()
    note, drawing = page.locator("#note"), page.locator("#fig-mrd svg")
    drawing.focus()
    assert note.is_hidden()
    page.keyboard.press("ArrowRight")
    first = note.inner_text()
    page.keyboard.press("ArrowRight")
    assert note.is_visible() and "day" in first and note.inner_text() != first
    page.keyboard.press("Escape")
    assert note.is_hidden()
    point = drawing.locator('[aria-roledescription="point"]').first
    point.hover()
    page.wait_for_selector("#note:not([hidden])")
    assert note.inner_text() == point.get_attribute("aria-label")


def test_drawings_follow_the_width_of_the_window(opened):
    page, heard = opened()
    wide = page.locator("#fig-mrd svg").bounding_box()["width"]
    page.set_viewport_size({"width": 400, "height": 900})
    page.wait_for_function(
        "before => document.querySelector('#fig-mrd svg').getBoundingClientRect().width < before - 100", arg=wide
    )
    assert heard == [] and page.evaluate("document.documentElement.scrollWidth") <= 400


@pytest.mark.parametrize("kind", ["usual", "hostile"])
@pytest.mark.parametrize("width", [1280, 400])
def test_opens_silently_and_fits_the_screen(opened, kind, width):
    page, heard = opened(kind, width)
    assert heard == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("window.hacked") is None
    assert page.locator("h2").first.is_visible()


def test_each_part_of_the_answer_is_as_wide_as_a_small_screen(opened):
    page, _ = opened(width=400)
    parts = page.locator(".answer tbody td").all()
    assert len(parts) >= 4 and min(part.bounding_box()["width"] for part in parts) > 340


def test_the_answer_is_on_the_first_screen(opened):
    page, _ = opened()
    box = page.locator(".answer tbody tr").first.bounding_box()
    assert box["y"] + box["height"] < 900
    assert page.locator(".headline").inner_text().startswith("Plasma cells carry IGH_1: persistent, with 1q gain.")
    for title in ("What surrounds it", "Warnings"):
        assert page.get_by_role("heading", name=title).bounding_box()["y"] < 900


def test_every_number_of_the_answer_is_in_its_table(opened, made):
    page, _ = opened()
    numbers = page.evaluate(
        "Array.from(document.querySelectorAll('#answer data'), n => [n.textContent, n.value, {...n.dataset}])"
    )
    assert len(numbers) > 15
    for text, value, about in numbers:
        table = report_case.read_table(made["usual"].parent / "tables" / about["table"])
        per = json.loads(about["per"]) if "per" in about else None
        found = report_case.from_table(table, about["column"], json.loads(about["where"]), about.get("bound"), per)
        assert found == pytest.approx(float(value))
        shown = float(text.replace(",", "").removesuffix(" %")) / (100 if text.endswith("%") else 1)
        assert shown == pytest.approx(found, rel=0.006 if "%" in text or found >= 1 else 0.06)


def test_colours_of_a_map_switch_and_single_groups_can_be_shown(opened):
    page, _ = opened()
    share, first = ink(page, "all")
    assert share > 0.001
    page.locator('select[data-map="all"]').select_option(label="interferon score")
    _, second = ink(page, "all")
    assert first != second
    page.locator('select[data-map="all"]').select_option(label="cell type")
    entry = page.locator('.legend[data-map="all"] button').first
    entry.click()
    assert entry.get_attribute("aria-pressed") == "true" and ink(page, "all")[1] not in (first, second)
    entry.click()
    assert ink(page, "all")[1] == first
    assert page.locator('.legend[data-map="all"] button').first.inner_text().endswith(")")


def test_tabs_by_mouse_and_keyboard(opened):
    page, _ = opened()
    tabs = page.get_by_role("tab")
    assert tabs.count() >= 2
    panels = [tabs.nth(at).get_attribute("aria-controls") for at in range(2)]
    tabs.nth(1).click()
    assert page.locator(f"#{panels[1]}").is_visible() and not page.locator(f"#{panels[0]}").is_visible()
    page.keyboard.press("ArrowLeft")
    assert page.locator(f"#{panels[0]}").is_visible()
    assert page.evaluate("document.activeElement.getAttribute('aria-selected')") == "true"


def test_downloads_hold_the_tables_and_drawings(opened, made):
    page, _ = opened()
    with page.expect_download() as waiting:
        page.locator("#fig-mrd [data-csv]").click()
    text = Path(waiting.value.path()).read_text(encoding="utf-8-sig")
    table = pd.read_csv(made["usual"].parent / "tables" / "P1.mrd_curve.tsv", sep="\t")
    assert waiting.value.suggested_filename == "P1.mrd_curve.csv"
    assert len(list(csv.reader(text.splitlines()))) == len(table) + 1
    with page.expect_download() as waiting:
        page.locator("#fig-mrd [data-svg]").click()
    assert (
        Path(waiting.value.path()).read_text().startswith("<svg") and waiting.value.suggested_filename == "P1.mrd.svg"
    )
    with page.expect_download() as waiting:
        page.locator("#map-all [data-png]").click()
    assert Path(waiting.value.path()).read_bytes().startswith(b"\x89PNG")


def test_a_table_opens_and_closes_by_keyboard(opened, made):
    page, _ = opened("hostile")
    button = page.locator("#fig-mrd [data-show]")
    button.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#sheet:not([hidden])")
    table = pd.read_csv(made["hostile"].parent / "tables" / "P1.mrd_curve.tsv", sep="\t")
    assert page.locator("#sheet-body tbody tr").count() == len(table)
    assert report_case.HOSTILE in page.locator("#sheet-body").inner_text()
    page.keyboard.press("Escape")
    assert page.locator("#sheet").is_hidden()
    assert page.evaluate("document.activeElement.dataset.show") == "P1.mrd_curve.tsv"


def test_hostile_names_stand_on_the_page_as_text(opened):
    page, _ = opened("hostile")
    assert page.evaluate("window.hacked") is None
    assert report_case.HOSTILE in page.locator("#answer").inner_text()
    assert page.locator("main script, main iframe, main img").count() == 0


def test_print_shows_everything_but_the_controls(opened):
    page, _ = opened()
    page.emulate_media(media="print")
    for selector in ("nav", ".take", ".tabs"):
        assert not page.locator(selector).first.is_visible()
    panels = page.locator("[role=tabpanel]")
    assert all(panels.nth(at).is_visible() for at in range(panels.count()))
    assert len(page.pdf(format="A4")) > 20_000


@pytest.fixture(scope="session")
def axe(tmp_path_factory):
    """axe-core's script: not part of the project, fetched from npm once; AXE_JS names a copy elsewhere."""
    if os.environ.get("AXE_JS"):
        return Path(os.environ["AXE_JS"]).read_text()
    folder = PROJECT / ".pytest_cache" / f"axe-core-{AXE}"
    source = folder / "node_modules" / "axe-core" / "axe.min.js"
    if not source.exists():
        npm = shutil.which("npm")
        if not npm:
            pytest.skip("neither AXE_JS nor npm is there to give axe-core")
        folder.mkdir(parents=True, exist_ok=True)
        command = [npm, "install", f"axe-core@{AXE}", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        if done.returncode:
            pytest.skip(f"npm could not fetch axe-core: {done.stderr[-200:]}")
    return source.read_text()


@pytest.mark.parametrize("width", [1280, 400])
def test_no_serious_violation_of_accessibility(opened, axe, width):
    page, _ = opened(width=width)
    page.evaluate(axe)
    for details in page.locator("details").all():
        details.evaluate("part => { part.open = true; }")
    for tab in [None, *page.get_by_role("tab").all()]:
        if tab:
            tab.click()
        found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
        serious = [(v["id"], v["nodes"][0]["html"][:200]) for v in found if v["impact"] in ("serious", "critical")]
        assert serious == []


def test_opens_in_under_three_seconds(opened):
    page, _ = opened()
    spent = page.evaluate("performance.getEntriesByType('navigation')[0].duration")
    assert spent < 3000
