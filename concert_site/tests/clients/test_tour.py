"""The tour of the API is run as it is written, against a live site, and must print what it says."""

import os
import re
import subprocess
from dataclasses import dataclass
from urllib.request import Request, urlopen

from concert_site.embedded.data_dir import PROJECT

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


def test_every_block_of_the_tour_prints_what_it_shows(up):
    steps = steps_of(TOUR.read_text())
    script = "".join(f"{step.script}\necho '{MARK}'\n" for step in steps)

    run = subprocess.run(
        ["bash", "-euo", "pipefail"],
        input=script,
        env=os.environ | {"FRONTROW": f"http://127.0.0.1:{up.port}", "no_proxy": "*"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert run.returncode == 0, run.stdout + run.stderr
    printed = run.stdout.split(MARK)[:-1]
    assert [stable(each) for each in printed] == [stable(step.shown) for step in steps]


def test_what_a_page_loads_is_collected_packed_and_kept_for_good(up):
    with urlopen(up.url) as page:
        addresses = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.read().decode())

    assert addresses
    for address in addresses:
        with urlopen(Request(up.url.rstrip("/") + address, headers={"Accept-Encoding": "gzip"})) as file:
            assert "immutable" in file.headers["Cache-Control"]
            # A font or a picture is packed as it is.
            assert (file.headers["Content-Encoding"] == "gzip") is not address.endswith((".woff2", ".png"))


def test_the_tour_goes_from_signing_up_to_canceling():
    script = "".join(step.script for step in steps_of(TOUR.read_text()))

    for word in ("auth/signup", "queue-tokens/", "X-Queue-Token", "wallet/charges/", "payments/", "/cancel/"):
        assert word in script
