"""Asking for background work sooner than its schedule would have it."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from celery import current_app
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from concert_site.lib.redis import attempt

log = logging.getLogger(__name__)

# A pending mark that nobody took down (its worker was killed) stops mattering after this.
PENDING_SECONDS = 2
# Neither may a run that was killed keep the next ones from their work; two at once are merely a waste.
# Between two rounds of hurrying: slots that become free within it are handed on together.
PAUSE_SECONDS = 0.05
RUNNING_SECONDS = 5


def pending_key(task: str, schedule_id: int) -> str:
    """The mark that a task is under way for a schedule."""
    return f"pending:{task}:{schedule_id}"


def hurry(task: str, *, schedule_id: int) -> bool:
    """Enqueue `task` for a schedule unless it is pending already; return whether it was enqueued.

    Nothing may depend on it: beat finds the same work by itself, and a broker that is away is no error.
    """
    key = pending_key(task, schedule_id)
    if not attempt(lambda redis: redis.set(key, 1, nx=True, ex=PENDING_SECONDS), None):
        return False
    try:
        current_app.send_task(
            task, kwargs={"schedule_id": schedule_id}, queue="ticks", expires=PENDING_SECONDS, retry=False
        )
    except (OperationalError, RedisError, OSError) as error:
        log.warning("%s was not hurried: %s", task, error)
        return False
    return True


class Hurries:
    """Hurries tasks from a thread of its own: enqueueing costs as much as a payment, and nobody waits for it.

    What is asked for again before the thread has got to it is asked for once. A process that is killed loses
    what was not sent yet, which beat makes good within a second.
    """

    def __init__(self) -> None:
        self._wanted: set[tuple[str, int]] = set()
        self._is_sending = False
        self._lock = threading.Lock()
        self._something = threading.Condition(self._lock)
        self._thread: threading.Thread | None = None

    def ask(self, task: str, *, schedule_id: int) -> None:
        """Have `task` hurried for a schedule soon."""
        with self._lock:
            self._wanted.add((task, schedule_id))
            # Started at the first need: a web server forks its workers, and threads don't survive that.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="hurries", daemon=True)
                self._thread.start()
            self._something.notify_all()

    def wait(self, seconds: float = 5.0) -> bool:
        """Wait until all that was asked for has been sent, or given up; whether it has."""
        with self._lock:
            return self._something.wait_for(lambda: not self._wanted and not self._is_sending, timeout=seconds)

    def _run(self) -> None:
        while True:
            with self._lock:
                self._is_sending = False
                self._something.notify_all()
                self._something.wait_for(lambda: self._wanted)
                wanted, self._wanted = self._wanted, set()
                self._is_sending = True
            for task, schedule_id in wanted:
                hurry(task, schedule_id=schedule_id)
            time.sleep(PAUSE_SECONDS)


hurries = Hurries()


def hurry_soon(task: str, *, schedule_id: int) -> None:
    """Hurry `task` for a schedule without making the caller wait for the broker."""
    hurries.ask(task, schedule_id=schedule_id)


def begun(task: str, *, schedule_id: int) -> None:
    """Take the mark down as the task begins, so that what happens from now on can enqueue the next one."""
    attempt(lambda redis: redis.delete(pending_key(task, schedule_id)), 0)


@contextmanager
def alone(task: str, *, seconds: int = RUNNING_SECONDS) -> Iterator[bool]:
    """Whether no other run of `task` is at work; while it is, and for at most `seconds`, this run has nothing to do.

    A convenience, not a guard: the domain is safe to run twice at once, and the mark lapses by itself.
    """
    key = f"running:{task}"
    is_alone = attempt(lambda redis: bool(redis.set(key, 1, nx=True, ex=seconds)), True)
    try:
        yield is_alone
    finally:
        if is_alone:
            attempt(lambda redis: redis.delete(key), 0)
