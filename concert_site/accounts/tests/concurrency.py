"""Real threads with connections of their own."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from django.db import connection

T = TypeVar("T")


def at_once(steps: list[Callable[[], T]]) -> list[T | Exception]:
    """Run all steps at the same moment; what each returned, or the exception that it raised."""
    barrier = threading.Barrier(len(steps))

    def run(step: Callable[[], T]) -> T | Exception:
        try:
            connection.ensure_connection()
            barrier.wait(timeout=60)
            return step()
        except Exception as error:  # noqa: BLE001  the test judges it
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(steps)) as pool:
        return list(pool.map(run, steps))


def start_behind(step: Callable[[], T]) -> Future[T]:
    """Start a step in another thread; return once it waits for a lock that our open transaction holds."""

    def run() -> T:
        try:
            return step()
        finally:
            connection.close()

    pool = ThreadPoolExecutor(1)
    future = pool.submit(run)
    pool.shutdown(wait=False)
    wait_until_blocked(future)
    return future


def wait_until_blocked(future: Future[Any]) -> None:
    """Return once some connection to this database waits for a lock."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not future.done():
        if has_waiting_connection():
            return
        time.sleep(0.01)
    raise AssertionError(f"nobody waits for us: {future}")


def wait_until_calm() -> None:
    """Return once nobody else on this database is in the middle of anything: what a death left open goes after it."""
    deadline = time.monotonic() + 60
    while others_at_work():
        assert time.monotonic() < deadline, "somebody's transaction stays open"
        time.sleep(0.01)


def others_at_work() -> int:
    """How many connections are in a statement or a transaction, besides ours."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select count(*) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid() and state <> 'idle'"
        )
        (found,) = cursor.fetchone()
    return int(found)


def has_waiting_connection() -> bool:
    """Whether one waits now."""
    with connection.cursor() as cursor:
        # Within a transaction pg_stat_activity repeats its first look until told otherwise.
        cursor.execute("select pg_stat_clear_snapshot()")
        cursor.execute(
            "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
        )
        (waiting,) = cursor.fetchone()
    return waiting > 0
