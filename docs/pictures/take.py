"""Take the README's pictures anew, from a demo that was just started (`make demo`) and nobody has used yet.

Within ten minutes of its first start: then the lobby is over.

    .venv/bin/python docs/pictures/take.py http://127.0.0.1:8000

Needs Chromium (`apt install chromium fonts-noto-cjk`). It books, pays and imports a plan like anybody else: take the
pictures of a fresh demo, and throw its data away afterwards.
"""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

HERE = Path(__file__).parent
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--disable-sync"]
PHONE, DESKTOP = (390, 780), (1280, 800)
PASSWORD = "front-row-2026"
QUALITY = 88


@contextmanager
def window(
    browser: Browser, base: str, size: tuple[int, int], scheme: Literal["light", "dark"], who: str
) -> Iterator[Page]:
    """A window in which `who` is logged in."""
    width, height = size
    context = browser.new_context(
        base_url=base,
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        locale="en-US",
        timezone_id="Asia/Seoul",
    )
    page = context.new_page()
    page.goto("/accounts/login/")
    page.fill("input[name=login]", f"{who}@frontrow.example")
    page.fill("input[name=password]", PASSWORD)
    page.press("input[name=password]", "Enter")
    page.wait_for_url("**/")
    # The demo's fan reads Korean; the pictures are for readers of the README.
    page.click("footer button[value=en]")
    page.wait_for_load_state()
    yield page
    context.close()


def keep(page: Page, name: str) -> None:
    """Save what the window shows."""
    page.wait_for_load_state("networkidle")
    Image.open(BytesIO(page.screenshot())).convert("RGB").save(HERE / f"{name}.webp", quality=QUALITY, method=6)


def concert(page: Page, name: str) -> None:
    """Open the page of a concert."""
    page.goto(f"/?search={name}")
    page.click("main a[href*='/concerts/']")
    page.wait_for_url("**/concerts/**")


def fans_pictures(browser: Browser, base: str) -> None:
    """From the programme to the ticket, and a lobby and a line of other concerts."""
    with window(browser, base, DESKTOP, "light", "fan") as page:
        page.goto("/")
        keep(page, "programme")
    with window(browser, base, PHONE, "light", "fan") as page:
        concert(page, "Midnight")
        page.click("main form button")
        page.wait_for_url("**/queue/**")
        keep(page, "lobby")
    with window(browser, base, PHONE, "dark", "fan") as page:
        concert(page, "LUMINA")
        page.click("main form button")
        page.wait_for_url("**/queue/**")
        keep(page, "line")
    with window(browser, base, PHONE, "light", "fan") as page:
        concert(page, "Mahler")
        page.click("main form button")
        page.wait_for_url("**/seats/")
        choose_two(page)
        # The map flies there, and is drawn sharp once it has landed.
        page.wait_for_timeout(2000)
        keep(page, "seats")
        page.get_by_role("button", name="Hold 2 seats").click()
        page.wait_for_url("**/checkout/")
        keep(page, "checkout")
        page.check("#agree")
        page.get_by_role("button", name="Pay ₩").click()
        page.wait_for_url("**/bookings/*/")
        page.locator("a[href*='/ticket/']").first.click()
        page.wait_for_url("**/ticket/")
        keep(page, "ticket")


def choose_two(page: Page) -> None:
    """Choose two free seats of the map by its keys."""
    page.locator(".hall-cursor:enabled").first.focus()
    for key in ("ArrowRight", "Enter", "ArrowRight", "Enter"):
        page.keyboard.press(key)


def staffs_pictures(browser: Browser, base: str) -> None:
    """The first page of the box office, a date, and a seating plan before it is saved."""
    with window(browser, base, DESKTOP, "light", "staff") as page:
        page.goto("/admin/")
        keep(page, "box-office")
        page.goto("/admin/reservations/concertschedule/")
        page.locator("#result_list a[href*='/change/']").first.click()
        page.wait_for_load_state()
        keep(page, "schedule")


def main() -> None:
    """Take them all."""
    base = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        fans_pictures(browser, base)
        staffs_pictures(browser, base)
    print(json.dumps(sorted(path.name for path in HERE.glob("*.webp"))))


main()
