"""A page as Chromium opens it, without a network: what it asked or warned of, elements that a name may have made, its text."""

import os
from pathlib import Path

import pytest

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
# Commands of the shell and a path; HTML with them. Parameters have neither apostrophes nor < and >.
SHELL = "; touch PWNED; $(touch PWNED) `touch PWNED` ../../PWNED"
TRAP = f"<img src=x onerror=alert(1)></script><svg onload=alert(2)>{SHELL}'\"{SHELL}"


def seen(page: Path, press: str = "") -> tuple[list[str], int, str]:
    """Dialogs, elements of TRAP, and the text of a page after every button that `press` selects was pressed."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium at {CHROMIUM}; CHROMIUM names another one")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-gpu"])
        opened, heard = browser.new_context(offline=True).new_page(), []
        opened.on("dialog", lambda dialog: (heard.append(dialog.message), dialog.dismiss()))
        opened.goto(page.as_uri())
        opened.wait_for_timeout(2000)
        for button in opened.locator(press).all() if press else []:
            button.evaluate("button => button.click()")
            opened.wait_for_timeout(100)
        made = opened.locator("[onerror], [onload], img[src='x']").count()
        text = opened.locator("body").inner_text()
        browser.close()
    return heard, made, text
