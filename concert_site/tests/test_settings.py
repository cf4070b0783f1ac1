"""What settings.py refuses."""

import os
import subprocess
import sys

from concert_site.embedded.data_dir import PROJECT


def load_settings(mode):
    """Load the settings as the web server does, without manage.py before."""
    return subprocess.run(
        [sys.executable, "-c", "import concert_site.settings"],
        env=os.environ | {"MODE": mode},
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_mode_that_is_misspelled_is_not_taken_for_one_where_money_is_free():
    refused = load_settings("Production")

    assert refused.returncode != 0
    assert refused.stderr.endswith("MODE=Production is not a mode: use production, demo, test.\n")


def test_the_modes_are_known():
    assert load_settings("demo").returncode == 0
