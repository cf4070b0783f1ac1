"""A PostgreSQL that is frozen under a running site: nobody waits for it, and it is back once it goes on."""

import http.client
import json
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress

import psutil
import pytest

from concert_site.tests.up_process import Up, site_in_a_folder, wait_until

# Two as promised, and what a busy machine takes.
SECONDS = 4.0
# More than the web process has threads.
CROWD = 20
OTHERS = ("beat", "ticks", "worker")
SILENT = "PostgreSQL says nothing"
WHO_HANDS_OUT = """
from django.db import connection
cursor = connection.cursor()
cursor.execute("select application_name from pg_stat_activity where application_name like 'beat of %'")
print(*(name for (name,) in cursor.fetchall()))
"""


@pytest.fixture(scope="module")
def up() -> Iterator[Up]:
    with site_in_a_folder("silence") as site:
        yield site.up


@contextmanager
def frozen(up: Up) -> Iterator[None]:
    """Every process of PostgreSQL stopped; none is missed that was just being made."""
    postmaster = psutil.Process(up.pids()["postgres"])
    os.kill(postmaster.pid, signal.SIGSTOP)
    everybody = [postmaster, *postmaster.children(recursive=True)]
    tell(everybody, signal.SIGSTOP)
    try:
        yield
    finally:
        tell(everybody, signal.SIGCONT)


def tell(processes: list[psutil.Process], number: int) -> None:
    """Signal those that are still there."""
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process.pid, number)


def ask(up: Up, path: str) -> tuple[int, float]:
    """The status of an answer, and how many seconds it took."""
    begun = time.monotonic()
    with closing(http.client.HTTPConnection("127.0.0.1", up.port, timeout=30)) as connection:
        connection.request("GET", path)
        return connection.getresponse().status, time.monotonic() - begun


def said_by(up: Up, name: str) -> str:
    return (up.data_dir / "log" / f"{name}.log").read_text()


def last_tick_seconds(up: Up) -> float:
    """How long ago a tick came, as far as is known."""
    with closing(http.client.HTTPConnection("127.0.0.1", up.port, timeout=30)) as connection:
        connection.request("GET", "/readyz")
        return float(json.load(connection.getresponse())["last_tick_seconds"] or "inf")


def crowd(up: Up, path: str) -> list[tuple[int, float]]:
    with ThreadPoolExecutor(CROWD) as pool:
        return list(pool.map(lambda _: ask(up, path), range(CROWD)))


def test_a_frozen_postgres_holds_up_nobody_and_is_back_by_itself(up: Up) -> None:
    # Remembered nowhere.
    path = "/api/v1/concerts/?search=nobody"
    assert {status for status, _ in crowd(up, path)} == {200}
    # One that is frozen before has none to give up: it says that it can't ask for it.
    wait_until(lambda: "beat of" in up.command("shell", "-c", WHO_HANDS_OUT), "beat has its lease", 25)

    with frozen(up):
        first, again = crowd(up, path), crowd(up, path)
        alive, ready = ask(up, "/healthz"), ask(up, "/readyz")
        # Each has given up what it waited on; beat, the lease.
        for name in OTHERS:
            wait_until(lambda name=name: SILENT in said_by(up, name), f"{name} hangs up", 25)
        wait_until(lambda: "hands out nothing for now" in said_by(up, "beat"), "beat gives its lease up", 25)

    assert {status for status, _ in first + again} == {503}
    assert max(seconds for _, seconds in first) < SECONDS
    # By then it is known, and nobody waits at all.
    assert max(seconds for _, seconds in again) < SECONDS / 2
    assert (alive[0], ready[0]) == (200, 503)
    wait_until(lambda: ask(up, path)[0] == 200, "PostgreSQL is asked again")
    for name in ("web", *OTHERS):
        wait_until(lambda name=name: "PostgreSQL answers again" in said_by(up, name), f"{name} works again", 10)
        assert said_by(up, name).count(SILENT) == 1
    wait_until(lambda: last_tick_seconds(up) < 1.5, "beat has its lease again and sends ticks", 10)
