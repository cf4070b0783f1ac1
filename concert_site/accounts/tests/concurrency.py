"""Real threads with connections of their own."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import Context
from functools import partial
from typing import Any, TypeVar

from django.db import Error, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.pq import TransactionStatus

from concert_site.lib.call_stack import with_room

T = TypeVar("T")
# More than any test has at once, and than the server takes.
MOST_THREADS = 100
# So few of them go on to the next test: each worker's are connections that the server has open.
MOST_KEPT = 24


class Threads:
    """Threads that keep their connections from one step to the next, and from one test to the next: a new one costs
    PostgreSQL as much as twenty statements, since it is a process that knows neither tables nor functions.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(MOST_THREADS)
        self._idle: set[BaseDatabaseWrapper] = set()
        self._busy = 0
        self._lock = threading.Lock()
        self._is_over = False

    def submit(self, step: Callable[[], T]) -> Future[T]:
        return self._pool.submit(self._run, step)

    def _run(self, step: Callable[[], T]) -> T:
        own = connections["default"]
        with self._lock:
            self._idle.discard(own)
            self._busy += 1
        try:
            # A language, say, that an earlier step has chosen is none of this one's.
            return with_room(Context().run, step)
        except Error:
            # Whatever state it is in.
            own.close()
            raise
        finally:
            with self._lock:
                self._busy -= 1
                self._idle.add(own)
                if self._is_over:
                    own.close()

    def can_go_on(self) -> bool:
        """Whether the next test finds nothing of this one in them."""
        with self._lock:
            return not self._busy and len(self._idle) <= MOST_KEPT and all(map(is_as_new, self._idle))

    def end(self) -> None:
        """Close the connections, those that are busy once they aren't."""
        self._pool.shutdown(wait=False)
        with self._lock:
            self._is_over = True
            for each in self._idle:
                each.inc_thread_sharing()
                each.close()


_threads: list[Threads] = []


def is_as_new(each: BaseDatabaseWrapper) -> bool:
    """Whether a connection is at rest, and PostgreSQL at its other end."""
    if each.connection is None:
        return True
    at_rest = each.connection.info.transaction_status == TransactionStatus.IDLE
    return at_rest and each.autocommit and each.is_usable()


def threads() -> Threads:
    """Those of this worker's tests, one after the other."""
    if not _threads:
        _threads.append(Threads())
    return _threads[0]


def rest_threads() -> None:
    """Between two tests."""
    if _threads and not _threads[0].can_go_on():
        end_threads()


def end_threads() -> None:
    """Have the next step run in a thread that knows nothing, on a new connection."""
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
