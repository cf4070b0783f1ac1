#!/usr/bin/env python
"""Destroy PostgreSQL's data under a sale, and recover it to a moment between two payments, and to the last one.

    .venv/bin/python bench/drills/point_in_time.py [--seats 400] [--rate 20] [--seconds 8]

Needs Debian's postgresql and pgbackrest (apt-get install postgresql-15 pgbackrest) and runs as root or postgres. WAL is
archived by pgBackRest as docs/backup.md has it. Fans pay; a moment is noted while nobody does; they pay on. Then the
server is killed with its data directory. Recovered to that moment, every payment that was answered before it must be
there and none after; recovered as far as the archive goes, what is missing is counted. The audit decides each time.
Ends with 1 on any loss.
"""

import argparse
import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import servers
import stack
from sale import Paid, Sale, payments_in
from servers import Cluster
from stack import Stack

# What docs/backup.md has, but for the paths and a shorter timeout.
ARCHIVE_TIMEOUT_SECONDS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seats", type=int, default=400)
    parser.add_argument("--rate", type=float, default=20, help="payments a second")
    parser.add_argument("--seconds", type=float, default=8, help="of each half of the sale")
    asked = parser.parse_args()
    # Whoever ends us ends what we have started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if shutil.which("pgbackrest") is None:
        raise SystemExit("This drill needs pgbackrest: apt-get install pgbackrest")
    with servers.folder_for_servers() as folder:
        is_lost = drill(folder, asked)
    sys.exit(is_lost)


def drill(folder: Path, asked: argparse.Namespace) -> bool:
    cluster = new_cluster(folder)
    try:
        cluster.initialize(servers.C_LOCALE, "--data-checksums")
        archive = Archive(folder, cluster)
        archive.run("stanza-create")
        timed(lambda: archive.run("backup", "--type=full"), "Base backup by pgBackRest")
        paid, moment = run_sale(cluster, asked)
        before = [one for one in paid if one.at < moment]
        print(f"{len(paid)} payments answered, {len(before)} of them before {at(moment)}.")
        return check(archive, cluster, paid, before, moment)
    finally:
        cluster.stop()


def new_cluster(folder: Path) -> Cluster:
    major = servers.debian_versions()[-1]
    cluster = Cluster(folder / "pg", servers.binaries(major))
    cluster.settings = {
        "archive_mode": "on",
        "archive_command": f"pgbackrest --config={folder}/pgbackrest.conf --stanza=frontrow archive-push %p",
        "archive_timeout": str(ARCHIVE_TIMEOUT_SECONDS),
        "max_connections": "100",
    }
    print(f"PostgreSQL {major}, WAL archived at least every {ARCHIVE_TIMEOUT_SECONDS} s.")
    return cluster


class Archive:
    """pgBackRest's repository of one cluster."""

    def __init__(self, folder: Path, cluster: Cluster) -> None:
        self.folder, self.cluster = folder, cluster
        servers.give_away(folder / "repository")
        (folder / "pgbackrest.conf").write_text(
            f"""[global]
repo1-path={folder}/repository
repo1-retention-full=2
repo1-cipher-type=aes-256-cbc
repo1-cipher-pass=only-for-this-drill
lock-path={folder}/pg
spool-path={folder}/pg
log-level-file=off
log-level-console=warn
start-fast=y
archive-timeout=30

[frontrow]
pg1-path={cluster.data}
pg1-port={cluster.port}
pg1-socket-path={cluster.folder}
pg1-user=frontrow
"""
        )

    def run(self, *words: str) -> None:
        command, *options = words
        config = [f"--config={self.folder}/pgbackrest.conf", "--stanza=frontrow"]
        self.cluster.run("/usr/bin/pgbackrest", *config, *options, command)

    def restore(self, *target: str) -> None:
        """Put the data directory back, and have PostgreSQL replay the log on top."""
        shutil.rmtree(self.cluster.data, ignore_errors=True)
        self.run("restore", *target)
        self.cluster.start()
        stack.wait_for(self.cluster.takes_writes, "it is recovered")


def run_sale(cluster: Cluster, asked: argparse.Namespace) -> tuple[list[Paid], float]:
    """Sell, note a moment, sell on, and destroy the server under it; what was paid, and the moment."""
    with stack.throwaway(Stack, DATABASE_URL=cluster.url, LOG_LEVEL="ERROR") as site, stack.launched(site):
        selling = Sale(site, site.make_audience(asked.seats), asked.rate)
        selling.resume()
        time.sleep(asked.seconds)
        selling.rest()
        moment = time.time()
        # So that the moment lies between two payments by more than clocks are read apart.
        time.sleep(1)
        selling.resume()
        time.sleep(asked.seconds)
        print(f"Killing PostgreSQL while it sells, and deleting its data directory: {at(time.time())}.")
        cluster.stop(signal.SIGKILL)
        shutil.rmtree(cluster.data)
        selling.end()
    return selling.paid, moment


def check(archive: Archive, cluster: Cluster, paid: Sequence[Paid], before: Sequence[Paid], moment: float) -> bool:
    """Recover twice, and compare; whether anything is lost that should not be."""
    timed(lambda: archive.restore("--type=default"), "Recovered as far as the archive goes")
    with psycopg.connect(cluster.url) as connection:
        there = payments_in(connection)
    missing = [one for one in paid if (one.reservation, one.fan) not in there]
    lost_seconds = max((one.at for one in paid), default=0) - min((one.at for one in missing), default=0)
    print(f"  {len(paid) - len(missing)} of {len(paid)} answered payments are there.")
    if missing:
        print(f"  {len(missing)} were in the last {lost_seconds:.1f} s, in WAL that wasn't archived yet.")
    # A segment is closed, then sent: twice the timeout is more than any can take.
    is_lost = bool(missing) and lost_seconds > 2 * ARCHIVE_TIMEOUT_SECONDS
    is_lost |= not finish(cluster, "  ")
    cluster.stop()

    target = ("--type=time", f"--target={at(moment)}", "--target-action=promote")
    timed(lambda: archive.restore(*target), f"Recovered to {at(moment)}")
    with psycopg.connect(cluster.url) as connection:
        there = payments_in(connection)
    lost = [one for one in before if (one.reservation, one.fan) not in there]
    late = [one for one in paid if one.at >= moment and (one.reservation, one.fan) in there]
    print(
        f"  Of {len(before)} payments before: {len(lost)} lost. Of {len(paid) - len(before)} after: {len(late)} there."
    )
    return is_lost or bool(lost or late) or not finish(cluster, "  ")


def finish(cluster: Cluster, indent: str) -> bool:
    """What docs/backup.md has follow a recovery; whether the audit is content."""
    with stack.throwaway(Stack, DATABASE_URL=cluster.url, LOG_LEVEL="ERROR") as site:
        done = site.run("restore", "--recovered")
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line and not line.startswith((" ", "What"))]
    print("\n".join(indent + line for line in lines))
    return done.returncode == 0


def timed(step: Callable[[], None], what: str) -> float:
    started = time.monotonic()
    step()
    took = time.monotonic() - started
    if what:
        print(f"{what}: {took:.1f} s.")
    return took


def at(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S.%f+00")


if __name__ == "__main__":
    main()
