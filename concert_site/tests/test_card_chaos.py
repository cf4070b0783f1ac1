"""A small sale by card while the provider goes wrong and processes are killed; bench/card_chaos.py is the large one."""

import subprocess
import sys

import pytest

from concert_site.embedded.data_dir import PROJECT
from concert_site.tests.up_process import PATIENCE_SECONDS, clean_environment

SMALL = {"rounds": 16, "seats": 24, "seed": "f", "hold": 3, "rate": 8, "every": 1.5, "most-blows": 4, "seconds": 15}
BLOWS = ["--blows", "kill_a_web_worker", "kill_worker", "cut_backends"]


@pytest.mark.processes
def test_a_small_sale_by_card_loses_nothing_whatever_is_killed():
    options = [f"--{name}={value}" for name, value in SMALL.items()]

    done = subprocess.run(
        [sys.executable, "bench/card_chaos.py", *options, *BLOWS],
        cwd=PROJECT,
        env=clean_environment(),
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_SECONDS,
        check=False,
    )

    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "each fan has the tickets or the money" in done.stdout
