#!/usr/bin/env python
"""Back up, verify and restore a house of 200,000 bookings: how long each takes, how large it is, in how much memory.

    .venv/bin/python bench/drills/backup_at_size.py [--rows 200000]

A throw-away site is filled by SQL as bench/audit_million.py fills one, backed up while it runs, verified, stopped, and
replaced by its own backup. The memory is that of the command and of pg_dump or pg_restore, looked at ten times a
second. Ends with 1 if a step fails, if a row is missing, if the audit finds anything, or if one takes more memory than
`--most-megabytes`.
"""

import argparse
import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import stack
from audit_million import FILL, SEATS_A_SHOW
from stack import Stack

# Whoever waits in a line has an account, or the keys between tables couldn't be made anew; and what is in the wallets
# was credited by somebody, for no provider knows of it.
FANS = """
set session_replication_role = replica;
update balance_history set kind = 'ADJUSTMENT', note = 'Filled', actor_id = 1 where kind = 'CHARGE';
insert into users (id, email, name, password, is_active, is_staff, is_superuser, locale)
select n, 'fan' || n || '@frontrow.example', '', '', true, false, false, ''
  from generate_series((select max(id) + 1 from users), (select max(user_id) from waiting_token)) n;
set session_replication_role = default;
"""
# What a step says that has compared all rows with the manifest and asked the audit.
SIGNS = ("as the manifest says", "invariants hold")
PROGRAMS = {"pg_dump", "pg_restore"}
LOOK_SECONDS = 0.1
MEGABYTE = 1024**2


@dataclass(frozen=True)
class Run:
    """A command that has ended: its seconds, what it printed, and the most memory in bytes: its, and the programs'."""

    seconds: float
    said: str
    own: int
    programs: int

    @property
    def megabytes(self) -> float:
        return (self.own + self.programs) / MEGABYTE


def run(site: Stack, *words: str) -> Run:
    """Run a command of the site, and watch what it takes.

    :raises SystemExit: if it fails
    """
    began, own, programs = time.monotonic(), 0, 0
    with tempfile.TemporaryFile("w+") as said:
        process = site.begin(*words, stdout=said, stderr=subprocess.STDOUT)
        seen = psutil.Process(process.pid)
        while process.poll() is None:
            with suppress(psutil.Error):
                own = max(own, seen.memory_info().rss)
                children = [child for child in seen.children(recursive=True) if child.name() in PROGRAMS]
                programs = max(programs, sum(child.memory_info().rss for child in children))
            time.sleep(LOOK_SECONDS)
        said.seek(0)
        text = said.read()
    if process.returncode:
        raise SystemExit(f"{' '.join(words)} failed:\n{text}")
    return Run(time.monotonic() - began, text, own, programs)


def fill(site: Stack, rows: int) -> None:
    sizes = {"fans": rows // 4 + 1, "shows": rows // SEATS_A_SHOW + 1, "seats_a_show": SEATS_A_SHOW}
    with site.connect() as database:
        database.execute(FILL.format(rows=rows, refunds=rows // 10, waiting_from=rows * 6 // 10, **sizes))
        database.execute(FANS)


def measure(site: Stack, up: subprocess.Popen[str], folder: Path, key: Path) -> dict[str, Run]:
    """Each step; the last two look at every row, and have the audit look."""
    made = run(site, "backup", "--to", str(folder / "store"))
    archive = json.loads(made.said.splitlines()[-1])
    print(made.said.splitlines()[0])
    print(f"The archive has {archive['bytes']:,} bytes.", flush=True)
    verified = run(site, "backup", "--verify", archive["backup"], "--identity", str(key))
    up.send_signal(signal.SIGTERM)
    up.wait(stack.PATIENCE_SECONDS)
    restored = run(site, "restore", archive["backup"], "--identity", str(key), "--replace", "frontrow")
    return {"backup": made, "backup --verify": verified, "restore --replace": restored}


def faults(steps: dict[str, Run], most_megabytes: float) -> Iterator[str]:
    for name, each in steps.items():
        if name != "backup" and not all(sign in each.said for sign in SIGNS):
            yield f"{name} doesn't say that every row is there and the audit green:\n{each.said}"
        if each.megabytes > most_megabytes:
            yield f"{name} took {each.megabytes:.0f} MB, more than {most_megabytes:.0f}"


def main() -> int:
    """Run it; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000, help="seats, bookings and places in line to make")
    parser.add_argument("--most-megabytes", type=float, default=300, help="that a step may take in all")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix="frontrow-size-") as folder, stack.throwaway(Stack) as bare:
        Path(folder).chmod(0o711)
        key = Path(folder) / "key.txt"
        public = run(bare, "backup", "--make-key", str(key)).said.strip().partition("=")[2]
        site = Stack(bare.data_dir, bare.port, {**bare.environment, "BACKUP_RECIPIENT": public})
        with stack.launched(site) as up:
            fill(site, asked.rows)
            steps = measure(site, up, Path(folder), key)
    rows = [
        [name, f"{each.seconds:.1f}", f"{each.own / MEGABYTE:.0f}", f"{each.programs / MEGABYTE:.0f}"]
        for name, each in steps.items()
    ]
    print(stack.table(["step", "seconds", "MB of the command", "MB of pg_dump or pg_restore"], rows))
    wrong = list(faults(steps, asked.most_megabytes))
    print(*(wrong or ["Every row is there, and the audit is green."]), sep="\n")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
