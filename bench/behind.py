#!/usr/bin/env python
"""Run a command, such as the suite, on servers as a house of many machines has them, thrown away afterwards.

    .venv/bin/python bench/behind.py [--postgres 16] [--binaries DIR] WHAT COMMAND...

WHAT is one of

    postgres   a PostgreSQL of this version
    pooler     a PgBouncer in transaction mode before it; with --prepare, as 1.21 and later can, statements are prepared
    standby    a PostgreSQL that was the synchronous standby of another. The tests' databases begin as copies of one
               that was made on that; then it was killed with SIGKILL, and this one promoted
    sentinel   a Redis with a replica and three sentinels. Every --every seconds, between two tests, the master is
               killed with SIGKILL; it comes back as a replica of who follows it

The command finds them in its environment; its exit code is ours. Everything listens on the loopback alone.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import servers
import stack
from redis.exceptions import RedisError
from servers import Cluster
from stack import ROOT

from concert_site.embedded import postgres
from concert_site.embedded.redis import server
from concert_site.tests import intermission
from concert_site.tests.pooled import DIRECT
from concert_site.tests.redis_servers import (
    Sentinels,
    in_step,
    program_named,
    sentinels_of_our_own,
)

Environment = dict[str, str]
# As the tests' own: what is lost with the machine is made anew.
SETTINGS = postgres.THROWAWAY_SETTINGS
# On a machine with much else to do nobody may be thought dead who is only late.
DOWN_AFTER_MS = 5000
# Any that needs a database: the first one makes the template of which all tests' databases are copies.
ONE_TEST = "wallet/tests/test_ledger.py::test_first_charge_opens_the_balance_and_books_it"


def programs(options: argparse.Namespace) -> Path:
    return options.binaries or servers.binaries(options.postgres)


def say(cluster: Cluster, how: str = "") -> None:
    """Print what it is."""
    with cluster.connect() as connection:
        said = connection.execute("select version(), left(pg_walfile_name(pg_current_wal_lsn()), 8)::int").fetchone()
    version, timeline = said or ("?", "?")
    print(f"{str(version).partition(' on ')[0]}, timeline {timeline}{how}", flush=True)


@contextmanager
def plain(options: argparse.Namespace, folder: Path) -> Iterator[Environment]:
    with servers.served(programs(options), folder, **SETTINGS) as cluster:
        say(cluster)
        yield {"DATABASE_URL": cluster.url, DIRECT: cluster.url}


@contextmanager
def pooler(options: argparse.Namespace, folder: Path) -> Iterator[Environment]:
    with (
        servers.served(programs(options), folder, **SETTINGS) as cluster,
        servers.pooled(cluster, folder / "pooler") as url,
    ):
        say(cluster, f", behind PgBouncer {'.'.join(map(str, servers.version_of(servers.pgbouncer())))}")
        prepares = "on" if options.prepare else "off"
        yield {"DATABASE_URL": url, DIRECT: cluster.url, "DATABASE_POOLER": "on", "PREPARE_STATEMENTS": prepares}


@contextmanager
def standby(options: argparse.Namespace, folder: Path) -> Iterator[Environment]:
    with servers.paired(programs(options), folder, **SETTINGS | {"synchronous_commit": "on"}) as pair:
        say(pair.primary, ", with a synchronous standby")
        words = [sys.executable, "-m", "pytest", "-q", "-n", "0", ONE_TEST]
        subprocess.run(words, cwd=ROOT, env=os.environ | {"DATABASE_URL": pair.url}, check=True)
        pair.fail_over(notice=0)
        say(pair.primary, ", once its standby, promoted")
        yield {"DATABASE_URL": pair.url, DIRECT: pair.primary.url}


class Killer(threading.Thread):
    """Takes the master away every so many seconds, while no test runs."""

    def __init__(self, found: Sentinels, stage: Path, seconds: float) -> None:
        super().__init__()
        self.servers, self.stage, self.seconds = found, stage, seconds
        self.is_over = threading.Event()
        # How long each time nobody took a write, in seconds.
        self.gaps: list[float] = []
        self.failure: BaseException | None = None

    def run(self) -> None:
        try:
            while not self.is_over.wait(self.seconds):
                with intermission.of(self.stage):
                    self.kill_master()
        except BaseException as error:  # noqa: BLE001  the command's end tells it
            self.failure = error

    def kill_master(self) -> None:
        gone = self.servers.master()
        began = time.monotonic()
        gone.kill()
        stack.wait_for(self.takes_writes, "somebody follows the master")
        self.gaps.append(time.monotonic() - began)
        gone.start(f"replicaof 127.0.0.1 {self.servers.master().port}")
        stack.wait_for(lambda: in_step(gone), "the old master follows the new one")

    def takes_writes(self) -> bool:
        with suppress(RedisError), self.servers.master().client() as client:
            return bool(client.set("intermission", 1))
        return False

    def end(self) -> None:
        """Stop, and tell.

        :raises SystemExit: if it could not do its work
        """
        self.is_over.set()
        self.join()
        print(f"The master was killed {len(self.gaps)} times; the next took writes after (s):", end=" ")
        print(*(f"{gap:.1f}" for gap in self.gaps), flush=True)
        if self.failure:
            raise SystemExit(f"Sentinel: {self.failure}")


@contextmanager
def sentinel(options: argparse.Namespace, folder: Path) -> Iterator[Environment]:
    program = program_named("redis-server" if shutil.which("redis-server") else None) or server()
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    print(f"{said.partition(' sha=')[0]}, a master, a replica and three sentinels", flush=True)
    with sentinels_of_our_own(
        folder, servers=2, sentinels=3, down_after_ms=DOWN_AFTER_MS, program=program
    ) as sentinels:
        killer = Killer(sentinels, folder, options.every)
        killer.start()
        try:
            yield {
                "REDIS_URL": sentinels.url,
                intermission.FOLDER: str(folder),
                "PYTEST_ADDOPTS": f"-p {intermission.__name__}",
            }
        finally:
            killer.end()


KINDS: dict[str, Callable[[argparse.Namespace, Path], AbstractContextManager[Environment]]] = {
    "postgres": plain,
    "pooler": pooler,
    "standby": standby,
    "sentinel": sentinel,
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--postgres", type=int, default=servers.EMBEDDED_VERSION, help="the major version")
    parser.add_argument("--binaries", type=Path, help="the folder of its programs, where it is not one that we find")
    parser.add_argument("--prepare", action="store_true", help="prepare statements through PgBouncer, 1.21 or later")
    parser.add_argument("--every", type=float, default=150, help="seconds between two kills of a master (150)")
    parser.add_argument("what", choices=KINDS)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    with servers.folder_for_servers() as folder, KINDS[options.what](options, folder) as environment:
        return subprocess.run(options.command, env=os.environ | environment, check=False).returncode


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main())
