#!/usr/bin/env python
"""A site that reads from a real streaming replica: used, late, killed and back, with readers all the time.

    .venv/bin/python bench/drills/replica.py [--postgres 18]

Counts what the replica was asked by its own log. Ends with 1 if a page fails, if a late replica is read, or one that is
well isn't.
"""

import argparse
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import servers
import stack
from servers import Cluster
from stack import Stack

MOST_LAG_SECONDS = 2
DELAY = "20s"


class Reader(threading.Thread):
    """Searches the catalogue for words of its own, past every cache, and counts the answers."""

    def __init__(self, site: Stack) -> None:
        super().__init__(daemon=True)
        self.site, self.answers, self.is_over = site, Counter[int](), threading.Event()
        self.slowest, self.began = 0.0, time.monotonic()
        self.others: list[str] = []

    def run(self) -> None:
        nth = 0
        while not self.is_over.wait(0.1):
            nth += 1
            began = time.monotonic()
            status, said = self.site.ask("GET", f"concerts/?search=word{nth}")
            self.slowest = max(self.slowest, time.monotonic() - began)
            self.answers[status] += 1
            if status != 200:
                self.others.append(f"{time.monotonic() - self.began:.1f} s: {status} {said}")


class Drill:
    """The site, its replica, and what was seen."""

    def __init__(self, site: Stack, primary: Cluster, replica: Cluster) -> None:
        self.site, self.primary, self.replica = site, primary, replica
        self.wrong: list[str] = []

    def state(self) -> str:
        return str(self.site.ask("GET", "/readyz")[1]["replica"])

    def wait_for_state(self, wanted: str) -> float:
        """How long until a probe says so. The site is written to meanwhile, as any that sells is."""
        began = time.monotonic()

        def is_so() -> bool:
            with self.primary.connect() as connection:
                connection.execute("create table if not exists written (at timestamptz)")
                connection.execute("insert into written values (now())")
            return self.state() == wanted

        stack.wait_for(is_so, f"the replica is {wanted}")
        return time.monotonic() - began

    def searches_in(self, seconds: float) -> int:
        """How many searches the replica was asked in this time, once each web process knows what one of them said."""
        time.sleep(MOST_LAG_SECONDS)
        before = self.replica.log.read_text().count('FROM "concert"')
        time.sleep(seconds)
        return self.replica.log.read_text().count('FROM "concert"') - before

    def expect(self, what: str, *, is_asked: bool, seconds: float) -> None:
        asked = self.searches_in(3)
        print(f"{what}: after {seconds:.1f} s; the replica was asked {asked} statements in 3 s", flush=True)
        if (asked > 0) != is_asked:
            self.wrong.append(f"{what}: the replica was asked {asked} statements")

    def delay(self, value: str) -> None:
        with self.replica.connect() as connection:
            connection.execute(f"alter system set recovery_min_apply_delay = '{value}'")
            connection.execute("select pg_reload_conf()")

    def play(self) -> None:
        reader = Reader(self.site)
        reader.start()
        self.expect("well", is_asked=True, seconds=self.wait_for_state("ok"))
        self.delay(DELAY)
        self.expect("late by 20 s", is_asked=False, seconds=self.wait_for_state("late"))
        self.delay("0")
        self.expect("well again", is_asked=True, seconds=self.wait_for_state("ok"))
        self.replica.stop(signal.SIGKILL)
        self.expect("killed", is_asked=False, seconds=self.wait_for_state("away"))
        self.replica.start()
        self.expect("back", is_asked=True, seconds=self.wait_for_state("ok"))
        reader.is_over.set()
        reader.join()
        print(f"answers {dict(reader.answers)}, the slowest after {reader.slowest:.1f} s")
        if set(reader.answers) != {200}:
            self.wrong += [f"readers were answered {dict(reader.answers)}", *reader.others[:10]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--postgres", type=int, default=servers.EMBEDDED_VERSION)
    programs = servers.binaries(parser.parse_args().postgres)
    with (
        servers.folder_for_servers() as folder,
        servers.served(programs, folder) as primary,
        servers.following(primary, folder / "replica", log_statement="all") as replica,
    ):
        more = {"REPLICA_DATABASE_URL": replica.url, "REPLICA_MOST_LAG_SECONDS": str(MOST_LAG_SECONDS)}
        with stack.running(DATABASE_URL=primary.url, LOG_LEVEL="ERROR", **more) as site:
            drill = Drill(site, primary, replica)
            drill.play()
    print("\n".join(drill.wrong) or "Every page was answered, and no late replica was read.")
    return 1 if drill.wrong else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main())
