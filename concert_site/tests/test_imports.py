"""Who may import whom: the contracts of pyproject.toml."""

import subprocess
import sys
from pathlib import Path

from concert_site.embedded.data_dir import PROJECT


def test_every_import_keeps_the_contracts():
    # The program and not its Python entry point: it caches the graph of imports and configures logging globally.
    checked = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "0 broken" in checked.stdout
