"""A real site, a real browser. Skipped where there is no Chromium, but not in CI, which installs one."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from concert_site.tests.browser.visitor import CHROMIUM, PHONE, QUIET, Visitor
from concert_site.tests.up_process import QUICK, Up

FANS = 96
Arrive = Callable[..., Visitor]
MakeShow = Callable[..., dict[str, Any]]


@pytest.fixture(scope="package")
def chromium() -> str:
    """The program."""
    if not CHROMIUM:
        if os.environ.get("CI"):
            pytest.fail("CI needs a Chromium (apt-get install chromium-headless-shell), and found none")
        pytest.skip("no Chromium: install it (apt-get install chromium-headless-shell), or name one in CHROMIUM")
    return CHROMIUM


@pytest.fixture(scope="package")
def up(chromium: str) -> Iterator[Up]:
    """The whole site with its demo: web server, worker, beat, PostgreSQL and Redis. Who signs up owes it some work."""
    folder = Path(tempfile.mkdtemp(prefix="browser-"))
    up = Up(folder / "data", "--demo", MODE="demo", THROTTLE="off", SIGNUP_PROOF_OF_WORK="on", **QUICK)
    try:
        yield up.wait_ready(seconds=120)
    finally:
        up.discard()
        shutil.rmtree(folder)


@pytest.fixture(scope="package")
def fans(up: Up) -> Iterator[dict[str, str]]:
    """Fans with money, each handed out once."""
    return iter(say(up, "make_fans", str(FANS), "--balance=500000"))


@pytest.fixture
def fan(fans: Iterator[dict[str, str]]) -> dict[str, str]:
    """A fan whom no other test knows: `email`, `password`, and 500,000 won."""
    return next(fans)


@pytest.fixture(scope="package")
def make_show(up: Up) -> MakeShow:
    """Make a show with the options of the command of that name."""

    def make(**options: object) -> dict[str, Any]:
        words = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
        (show,) = say(up, "make_show", *words)
        return show

    return make


def say(up: Up, *words: str) -> list[dict[str, Any]]:
    """What a command prints, a line of JSON each."""
    return [json.loads(line) for line in up.command(*words).splitlines()]


# Django refuses its ORM to whoever has an event loop, and Playwright has one while it runs: no test here needs it.
@pytest.fixture(scope="package")
def browser(chromium: str) -> Iterator[Browser]:
    """A browser without windows."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        yield browser
        browser.close()


@pytest.fixture
def arrive(browser: Browser, up: Up) -> Iterator[Arrive]:
    """Open a window, a phone's unless told otherwise; whatever was wrong in it fails the test at its end."""
    visitors: list[Visitor] = []

    def open_window(size: tuple[int, int] = PHONE, **options: object) -> Visitor:
        visitors.append(Visitor.arrive(browser, up.url, size, **options))
        return visitors[-1]

    yield open_window
    complaints = [complaint for visitor in visitors for complaint in visitor.complaints]
    for visitor in visitors:
        visitor.page.context.close()
    assert complaints == []
