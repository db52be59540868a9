"""The case report in Chromium, without a network: what a reader can do with it."""

import csv
import json
import os
from pathlib import Path

import pandas as pd
import pytest
import report_case

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium at {CHROMIUM}; CHROMIUM names another one")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
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
        context = browser.new_context(
            viewport={"width": width, "height": 900}, offline=True, accept_downloads=True
        )
        contexts.append(context)
        page, heard = context.new_page(), []
        page.on(
            "console",
            lambda message: heard.append(message.text) if message.type in ("error", "warning") else None,
        )
        page.on("pageerror", lambda error: heard.append(str(error)))
        page.on(
            "request", lambda request: heard.append(request.url) if request.url.startswith("http") else None
        )
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


@pytest.mark.parametrize("kind", ["usual", "hostile"])
@pytest.mark.parametrize("width", [1280, 400])
def test_opens_silently_and_fits_the_screen(opened, kind, width):
    page, heard = opened(kind, width)
    assert heard == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("window.hacked") is None
    assert page.locator("h2").first.is_visible()


def test_the_answer_is_on_the_first_screen(opened):
    page, _ = opened()
    box = page.locator(".answer tbody tr").first.bounding_box()
    assert box["y"] + box["height"] < 900
    assert page.locator(".headline").inner_text().startswith("Plasma cells carry IGH_1.")


def test_every_number_of_the_answer_is_in_its_table(opened, made):
    page, _ = opened()
    numbers = page.evaluate(
        "Array.from(document.querySelectorAll('#answer data'), n => [n.textContent, n.value, n.dataset.table, n.dataset.column, n.dataset.where])"
    )
    assert len(numbers) > 15
    for text, value, name, column, where in numbers:
        table = pd.read_csv(made["usual"].parent / "tables" / name, sep="\t")
        for key, wanted in json.loads(where).items():
            table = table[table[key] == wanted]
        found = table[column].sum()
        assert found == pytest.approx(float(value))
        shown = float(text.replace(",", "").removesuffix(" %")) / (100 if text.endswith("%") else 1)
        assert shown == pytest.approx(found, rel=0.006)


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
        Path(waiting.value.path()).read_text().startswith("<svg")
        and waiting.value.suggested_filename == "P1.mrd.svg"
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


def test_no_serious_violation_of_accessibility(opened):
    """axe-core is not part of the project: AXE_JS names its axe.min.js."""
    source = os.environ.get("AXE_JS")
    if not source:
        pytest.skip("AXE_JS does not name a copy of axe.min.js")
    page, _ = opened()
    page.evaluate(Path(source).read_text())
    found = page.evaluate("axe.run({resultTypes: ['violations']})")["violations"]
    serious = [
        (v["id"], v["nodes"][0]["html"][:200]) for v in found if v["impact"] in ("serious", "critical")
    ]
    assert serious == []


def test_opens_in_under_three_seconds(opened):
    page, _ = opened()
    spent = page.evaluate("performance.getEntriesByType('navigation')[0].duration")
    assert spent < 3000
