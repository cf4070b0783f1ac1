"""The tour of the API is run as it is written, against a live site, and must print what it says."""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from concert_site.embedded.data_dir import PROJECT
from concert_site.tests.up_process import Up

TOUR = PROJECT / "docs" / "api-tour.md"
BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = "--- end of block ---"
# What differs from one run to the next.
CHANGING = [
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"), "<token>"),
    (re.compile(r"\d{4}-\d\d-\d\dT[0-9:.]+(Z|[+-]\d\d:\d\d)"), "<instant>"),
    (re.compile(r"\d{4}-\d\d-\d\d"), "<date>"),
    (re.compile(r"\b[2-9B-Z]{12}\b"), "<reference>"),
]


@dataclass
class Step:
    """A block of shell, and what the tour says it prints."""

    script: str
    shown: str = ""


def steps_of(text: str) -> list[Step]:
    """The blocks of the tour, in order."""
    steps: list[Step] = []
    for kind, body in BLOCK.findall(text):
        if kind == "sh":
            steps.append(Step(body))
        else:
            steps[-1].shown = body
    return steps


def stable(output: str) -> str:
    """The parts of an output that every run has."""
    for pattern, name in CHANGING:
        output = pattern.sub(name, output)
    return output.strip()


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    up = Up(tmp_path_factory.mktemp("readme") / "data", "--demo", MODE="demo")
    yield up.wait_ready()
    up.discard()


def test_every_block_of_the_tour_prints_what_it_shows(demo):
    steps = steps_of(TOUR.read_text())
    script = "".join(f"{step.script}\necho '{MARK}'\n" for step in steps)

    run = subprocess.run(
        ["bash", "-euo", "pipefail"],
        input=script,
        env=os.environ | {"FRONTROW": f"http://127.0.0.1:{demo.port}", "no_proxy": "*"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert run.returncode == 0, run.stdout + run.stderr
    printed = run.stdout.split(MARK)[:-1]
    assert [stable(each) for each in printed] == [stable(step.shown) for step in steps]


def test_what_a_page_loads_is_collected_packed_and_kept_for_good(demo):
    with urlopen(demo.url) as page:
        addresses = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.read().decode())

    assert addresses
    for address in addresses:
        with urlopen(Request(demo.url.rstrip("/") + address, headers={"Accept-Encoding": "gzip"})) as file:
            assert "immutable" in file.headers["Cache-Control"]
            # A font or a picture is packed as it is.
            assert (file.headers["Content-Encoding"] == "gzip") is not address.endswith((".woff2", ".png"))


def test_the_tour_goes_from_signing_up_to_canceling():
    script = "".join(step.script for step in steps_of(TOUR.read_text()))

    for word in ("auth/signup", "queue-tokens/", "X-Queue-Token", "wallet/charges/", "payments/", "/cancel/"):
        assert word in script


def local_links_of(page):
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
    return [link for link in links if "://" not in link]


def test_every_link_of_a_page_leads_somewhere():
    pages = [*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md")]
    found = [(page, link) for page in pages for link in local_links_of(page)]

    assert len(found) > 100
    assert [(page.name, link) for page, link in found if not (page.parent / link).exists()] == []


def test_the_readme_stays_readable():
    lines = Path(PROJECT / "README.md").read_text().splitlines()

    assert len(lines) <= 220
