"""Dump the database of a landed state, with the demo in it, for test_upgrades to upgrade.

    git worktree add --detach /tmp/landed <commit>
    .venv/bin/python -m concert_site.tests.upgrades.make_dump /tmp/landed 4-what-landed

The first word of the name is its place in time. The checkout runs by the packages of this Python.
"""

import lzma
import os
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent
# Runs in the checkout, where it may rely on nothing but what the first landed state had.
DUMP = """
import os, subprocess
from concert_site.embedded import postgres
from django.db import connection
asked = connection.get_connection_params()
program = [str(postgres.bin_dir() / "pg_dump"), "--no-owner", "--no-privileges", "--file", os.environ["DUMP_TO"]]
subprocess.run([*program, "-h", asked["host"], "-U", asked["user"], asked["dbname"]], check=True)
"""


def make_dump(checkout: Path, name: str) -> Path:
    """Migrate and load the demo as that state did, in a folder of its own; returns the dump."""
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "dump.sql"
        asked = {"MODE": "demo", "DATA_DIR": f"{folder}/data", "DUMP_TO": str(plain)}
        for words in (["migrate", "-v0"], ["load_demo"], ["shell", "-c", DUMP]):
            subprocess.run([sys.executable, "manage.py", *words], cwd=checkout, env=os.environ | asked, check=True)
        found = FOLDER / f"{name}.sql.xz"
        found.write_bytes(lzma.compress(plain.read_bytes(), preset=9 | lzma.PRESET_EXTREME))
    return found


if __name__ == "__main__":
    print(make_dump(Path(sys.argv[1]).resolve(), sys.argv[2]))
