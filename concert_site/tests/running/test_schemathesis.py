"""The API is tried against its own description: requests made from it, valid and not, alone and one after another.

How much is tried is bounded by examples, not by time, so that a machine that is busy tries as much as any other.
SCHEMATHESIS_EXAMPLES tries more than the suite does, and another SCHEMATHESIS_SEED something else: the suite tries the
same each time, so that it says something about the change that it is run for.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "10"))
HOOKS = Path(__file__).with_name("schemathesis_hooks.py")
SEED = int(os.environ.get("SCHEMATHESIS_SEED", "1"))


@pytest.fixture(scope="module")
def show(up):
    """One that is on sale."""
    return json.loads(up.command("make_show", "--seats=100", "--tickets-per-fan=50"))


@pytest.fixture(scope="module")
def headers(up, show):
    """Of a fan who can afford much, and whose turn it is."""
    fan = json.loads(up.command("make_fans", "1", "--balance=90000000"))
    bearer = f"Bearer {fan['access_token']}"
    join = Request(
        f"{up.url}api/v1/schedules/{show['schedule']}/queue-tokens/", method="POST", headers={"Authorization": bearer}
    )
    with urlopen(join) as answer:
        place = json.load(answer)
    assert place["status"] == "ACTIVE"
    return ["--header", f"Authorization: {bearer}", "--header", f"X-Queue-Token: {place['token']}"]


# What the description itself names is tried each time; what is made up, and one call after another, at night.
@pytest.mark.parametrize("phases", ["coverage", pytest.param("fuzzing,stateful", marks=pytest.mark.nightly)])
def test_nothing_is_found_that_the_description_does_not_have(up, show, headers, phases, tmp_path):
    words = [
        *("run", f"{up.url}api/v1/schema/?format=json", "--include-path-regex", "^/api/", "--checks", "all"),
        *("--generation-database", "none", "--no-color", "--continue-on-failure", "--phases", phases),
        *("--max-examples", str(EXAMPLES), "--seed", str(SEED), *headers),
    ]
    of_show = {"SHOW_SCHEDULE": str(show["schedule"]), "SHOW_SEATS": json.dumps(show["seats"])}
    found = subprocess.run(
        [str(Path(sys.executable).parent / "schemathesis"), *words],
        cwd=tmp_path,
        env=os.environ | {"SCHEMATHESIS_HOOKS": HOOKS.stem, "PYTHONPATH": str(HOOKS.parent), "NO_PROXY": "*"} | of_show,
        capture_output=True,
        text=True,
        timeout=200 + 20 * EXAMPLES,
        check=False,
    )

    assert found.returncode == 0, f"{found.stdout[-20_000:]}{found.stderr}"
    assert re.search(r"[1-9]\d* generated, [1-9]\d* passed", found.stdout), found.stdout
