#!/usr/bin/env python
"""Tear the waiting room apart while fans stand in it, and prove afterwards that nobody lost a place.

    .venv/bin/python bench/torture.py [--lobby 300] [--later 150] [--cap 20] [--processes 8] [--seconds 120]

Two sales open one after the other, with the same fans. Meanwhile Redis is emptied, Redis, worker, web and backends
of PostgreSQL are killed, and at last everything at once with SIGKILL, and started again on the same data. How many
are inside is looked at ten times a second, past the site. Throttles are off. Ends with 1 on any breach.
"""

import argparse
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.queues import Queue
from typing import Any

import psutil
import psycopg
import stack
from redis import Redis, RedisError
from stack import Fan, Show, Stack
from torture_fans import Diary, Task, run_fans
from torture_proofs import Proof, proofs

from concert_site.embedded import web

# Time for the command that makes the show, for the fans' processes, and for the first part of the lobby.
OPENS_IN_SECONDS = 30
SECOND_OPENS_LATER = 4
LOOK_SECONDS = 0.1
ENTRY_SECONDS = 10
INSIDE = "select concert_schedule_id, count(*) from waiting_token where status = 'ACTIVE' group by concert_schedule_id"
CUT = """
select count(pg_terminate_backend(pid)) from pg_stat_activity
 where backend_type = 'client backend' and pid <> pg_backend_pid() and application_name <> 'torture'
"""
# What is to be broken may still be broken from before.
BROKEN_ALREADY = (
    *(OSError, psycopg.OperationalError, RedisError, psutil.Error),
    *(StopIteration, IndexError, ValueError),
)


class Site(Stack):
    """A throw-away site that can be killed and started again on its data."""

    up: subprocess.Popen[str]

    def start(self) -> None:
        self.up = self.launch()
        stack.wait_for_ready(self.up)

    def kill_everything(self) -> None:
        """SIGKILL for `up`, its watchdog, and every program below."""
        up = psutil.Process(self.up.pid)
        for process in [up, *up.children(recursive=True)]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.up.wait()

    def wait_until_ready(self) -> None:
        stack.wait_for(lambda: web.is_ready(web.Address("127.0.0.1", self.port)), "the site comes back")

    def stop(self) -> None:
        self.up.send_signal(signal.SIGTERM)
        self.up.wait(stack.PATIENCE_SECONDS)

    def watcher(self) -> psycopg.Connection[Any]:  # Any: rows of any shape
        """A connection that nobody here cuts."""
        return psycopg.connect(self.database_url, autocommit=True, application_name="torture", connect_timeout=2)

    def redis(self) -> Redis:
        return Redis.from_url(self.redis_url)


@contextmanager
def running(**environment: str) -> Iterator[Site]:
    """The site, started; stopped at the end whatever happens."""
    # Whoever ends us ends the site too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with stack.throwaway(Site, LOG_LEVEL="ERROR", **environment) as site:
        site.start()
        try:
            yield site
        finally:
            site.stop()


class Watcher(threading.Thread):
    """Counts who is inside, past the site, ten times a second; while PostgreSQL is away there is nothing to count."""

    def __init__(self, site: Site, shows: Sequence[Show]) -> None:
        super().__init__(daemon=True)
        self.site = site
        self.inside: dict[int, list[int]] = {show.schedule: [] for show in shows}
        self.is_over = threading.Event()

    def run(self) -> None:
        while not self.is_over.is_set():
            with suppress(psycopg.OperationalError), self.site.watcher() as connection:
                while not self.is_over.wait(LOOK_SECONDS):
                    counted: dict[int, int] = dict(connection.execute(INSIDE).fetchall())
                    for schedule, seen in self.inside.items():
                        seen.append(counted.get(schedule, 0))
            self.is_over.wait(LOOK_SECONDS)


class FaultInjector:
    """Takes things away, and writes down when, in seconds from the first opening."""

    def __init__(self, site: Site, opening: float) -> None:
        self.site, self.opening = site, opening
        self.log: list[tuple[str, str]] = []

    def plan(self) -> list[tuple[float, Callable[[], None]]]:
        """What happens when; the draws are at 0 and SECOND_OPENS_LATER."""
        second = float(SECOND_OPENS_LATER)
        return [
            (-4, self.flush_redis),
            (-2, self.cut_backends),
            (0.1, self.kill_worker),
            (0.5, self.cut_backends),
            (second, self.flush_redis),
            (second + 0.1, self.kill_redis),
            (second + 0.4, self.cut_backends),
            (9, self.flush_redis),
            (11, self.kill_redis),
            (13, self.kill_a_web_worker),
            (15, self.kill_web),
            (18, self.cut_backends),
            (20, self.kill_everything),
            (24, self.flush_redis),
            (26, self.kill_postgres),
            (29, self.kill_worker),
        ]

    def work(self) -> None:
        """Do all of it; what takes long delays what comes after it."""
        delay = 0.0
        for after, step in self.plan():
            time.sleep(max(0.0, self.opening + after + delay - time.monotonic()))
            delay += self.strike(step)

    def strike(self, step: Callable[[], None]) -> float:
        """Take something away, and note it; how many seconds that took."""
        began = time.monotonic()
        try:
            step()
            outcome = (step.__doc__ or "").rstrip(".")
        except BROKEN_ALREADY as error:
            outcome = f"{step.__name__} came to nothing: {error!r}"
        self.log.append((f"{began - self.opening:+.1f}", outcome))
        return time.monotonic() - began

    def flush_redis(self) -> None:
        """Redis emptied."""
        with self.site.redis() as emptied:
            emptied.flushall()

    def cut_backends(self) -> None:
        """All connections to PostgreSQL cut."""
        with self.site.watcher() as connection:
            connection.execute(CUT)

    def kill(self, name: str) -> None:
        os.kill(self.site.pid_of(name), signal.SIGKILL)

    def kill_redis(self) -> None:
        """Redis killed."""
        self.kill("redis")

    def kill_worker(self) -> None:
        """The workers killed."""
        self.kill("ticks")
        self.kill("worker")

    def kill_web(self) -> None:
        """The web server killed."""
        self.kill("web")

    def kill_postgres(self) -> None:
        """PostgreSQL killed."""
        self.kill("postgres")

    def kill_a_web_worker(self) -> None:
        """One of the web server's processes killed."""
        random.choice(psutil.Process(self.site.pid_of("web")).children()).kill()

    def kill_everything(self) -> None:
        """Everything killed, and started again."""
        self.site.kill_everything()
        self.site.start()


def arrivals(fans: list[Fan], show: Show, opening: float, lobby: int) -> Iterator[tuple[Fan, Show, float]]:
    """When each fan comes: `lobby` of them before the opening, a third of the others with it, the rest later."""
    now = time.monotonic()
    for nth, fan in enumerate(fans):
        if nth < lobby:
            yield fan, show, random.uniform(now, opening - 0.2)
        elif nth % 3 == 0:
            yield fan, show, opening + random.uniform(-0.5, 2)
        else:
            yield fan, show, opening + random.uniform(2, 30)


def run_under_faults(
    injector: FaultInjector, shows: list[Show], fans: list[Fan], opening: float, options: argparse.Namespace
) -> Diary:
    """Let the fans come, while the injector works in this process."""
    diaries: Queue[Diary] = multiprocessing.Queue()
    visits = [
        visit
        for nth, show in enumerate(shows)
        for visit in arrivals(fans, show, opening + nth * SECOND_OPENS_LATER, options.lobby)
    ]
    random.shuffle(visits)
    is_over = multiprocessing.Event()
    tasks = [Task(injector.site.port, visits[nth :: options.processes], is_over) for nth in range(options.processes)]
    clients = [multiprocessing.Process(target=run_fans, args=(task, diaries), daemon=True) for task in tasks]
    for client in clients:
        client.start()
    injector.work()
    threading.Timer(options.seconds, is_over.set).start()
    total = Diary()
    for _ in clients:
        part = diaries.get(timeout=options.seconds + stack.PATIENCE_SECONDS)
        total.answers += part.answers
        total.places += part.places
        total.left |= part.left
        total.paid += part.paid
        total.unfinished += part.unfinished
    print(stack.table(["seconds from the opening", "what was done"], injector.log), "\n")
    return total


def print_answers(diary: Diary) -> None:
    steps: dict[str, Counter[str]] = {}
    for name, count in diary.answers.items():
        step, _, status = name.partition(" ")
        steps.setdefault(step, Counter())[status] += count
    rows = [
        [step, ", ".join(f"{count:,} x {status}" for status, count in sorted(met.items()))]
        for step, met in steps.items()
    ]
    print(stack.table(["call", "answers"], rows), "\n")


def judge(found: list[Proof]) -> bool:
    """Print what was proven; whether all of it holds."""
    rows = [[each.claim, each.seen, "yes" if not each.breaches else f"NO: {len(each.breaches)}"] for each in found]
    print(stack.table(["schedule: claim", "seen", "holds"], rows), "\n")
    for each in found:
        for breach in each.breaches[:5]:
            print(f'BREACH of "{each.claim}": {breach}')
    return not any(each.breaches for each in found)


def audit(site: Site) -> Proof:
    done = site.run("audit")
    said = done.stdout.splitlines()
    return Proof("the audit finds nothing", f"{len(said)} invariants", said if done.returncode else [])


def torture(site: Site, options: argparse.Namespace) -> bool:
    """All of it; whether nothing was breached."""
    fans = site.make_fans(options.lobby + options.later, balance=10_000)
    seats, opens = len(fans) + 100, OPENS_IN_SECONDS
    began = time.monotonic()
    first = site.make_show(seats=seats, price=1000, max_active=options.cap, opens_in=opens)
    opening = time.monotonic() + opens
    left = SECOND_OPENS_LATER + opening - time.monotonic()
    second = site.make_show(seats=seats, price=1000, max_active=options.cap, opens_in=round(left))
    shows = [first, second]
    watcher = Watcher(site, shows)
    watcher.start()
    diary = run_under_faults(FaultInjector(site, opening), shows, fans, opening, options)
    watcher.is_over.set()
    watcher.join()
    site.wait_until_ready()
    print_answers(diary)
    waited = Proof(
        "everybody's turn came",
        f"{time.monotonic() - began:.0f} s",
        ["a fan is left: allow more --seconds"] * diary.unfinished,
    )
    return judge([*proofs(site, shows, diary, watcher.inside, options.cap), waited, audit(site)])


def main() -> int:
    parser = argparse.ArgumentParser(description="Tear the waiting room apart while fans stand in it.")
    parser.add_argument("--lobby", type=int, default=300, help="fans in each lobby")
    parser.add_argument("--later", type=int, default=150, help="fans who come at the opening or after it")
    parser.add_argument("--cap", type=int, default=20, help="fans inside at once")
    parser.add_argument("--processes", type=int, default=8, help="of fans")
    parser.add_argument("--seconds", type=int, default=120, help="from the last blow, after which fans give up")
    with running(TOKEN_ENTRY_SECONDS=str(ENTRY_SECONDS)) as site:
        return 0 if torture(site, parser.parse_args()) else 1


if __name__ == "__main__":
    sys.exit(main())
