"""Real threads with connections of their own."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

from django.db import Error, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

T = TypeVar("T")
# More than any test has at once, and than the server takes.
MOST_THREADS = 100


class Threads:
    """Threads that keep their connections from one step of a test to the next: a new one costs PostgreSQL as much as
    many statements, since it is a process that knows neither tables nor functions.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(MOST_THREADS)
        self._idle: set[BaseDatabaseWrapper] = set()
        self._lock = threading.Lock()
        self._is_over = False

    def submit(self, step: Callable[[], T]) -> Future[T]:
        return self._pool.submit(self._run, step)

    def _run(self, step: Callable[[], T]) -> T:
        own = connections["default"]
        with self._lock:
            self._idle.discard(own)
        try:
            return step()
        except Error:
            # Whatever state it is in.
            own.close()
            raise
        finally:
            with self._lock:
                self._idle.add(own)
                if self._is_over:
                    own.close()

    def end(self) -> None:
        """Close the connections, those that are busy once they aren't."""
        self._pool.shutdown(wait=False)
        with self._lock:
            self._is_over = True
            for each in self._idle:
                each.inc_thread_sharing()
                each.close()


_threads: list[Threads] = []


def threads() -> Threads:
    """Those of this test."""
    if not _threads:
        _threads.append(Threads())
    return _threads[0]


def end_threads() -> None:
    """Have the next step run in a thread that knows nothing, on a new connection: at the end of each test."""
    while _threads:
        _threads.pop().end()


def at_once(steps: list[Callable[[], T]]) -> list[T | Exception]:
    """Run all steps at the same moment; what each returned, or the exception that it raised."""
    barrier = threading.Barrier(len(steps))

    def run(step: Callable[[], T]) -> T:
        connection.ensure_connection()
        barrier.wait(timeout=60)
        return step()

    futures = [threads().submit(partial(run, step)) for step in steps]
    return [outcome_of(future) for future in futures]


def outcome_of(future: Future[T]) -> T | Exception:
    """What a step returned, or the exception that it raised, which the test judges."""
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, Exception):
        return error
    raise error


def start_behind(step: Callable[[], T]) -> Future[T]:
    """Start a step in another thread; return once it waits for a lock that our open transaction holds."""
    future = threads().submit(step)
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
