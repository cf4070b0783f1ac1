"""Asking for background work sooner than its schedule would have it, and keeping it within bounds.

Nothing here compares clocks: hosts may disagree by minutes, and a clock may be set back. Messages carry no expiry,
since the worker would judge it by another clock than the sender's. What piles up is bounded by the length of the queue,
and done once.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from celery import current_app, current_task
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from concert_site.lib.redis import client, try_redis

log = logging.getLogger(__name__)

# A pending mark that nobody took down (its worker was killed) stops mattering after this.
PENDING_SECONDS = 2
# Between two rounds of enqueueing: slots that become free within it are handed on together.
PAUSE_SECONDS = 0.05
# So many messages may wait in a queue before no more are sent that the next second would send anyway: a worker that
# has been away for a day finds these, not those of the day.
MOST_PENDING = 100
# Of ticks that have piled up, one in so many seconds is run.
REPEATED_SECONDS = 0.2

# 1 if the mark was set: it wasn't there, and the queue has room. A mark that is to last longer than any is from before
# Redis's clock was set back, and might stand there for as long as that was.
MARK = """
if redis.call('LLEN', KEYS[2]) >= tonumber(ARGV[2]) then return 0 end
if redis.call('PTTL', KEYS[1]) > tonumber(ARGV[1]) then redis.call('DEL', KEYS[1]) end
return redis.call('SET', KEYS[1], 1, 'NX', 'PX', ARGV[1]) and 1 or 0
"""


def pending_key(task: str, schedule_id: int) -> str:
    """The mark that a task is under way for a schedule."""
    return f"pending:{task}:{schedule_id}"


def queue_of(task: str) -> str:
    """The queue that a task is sent to, unless told otherwise."""
    queue = current_app.amqp.router.route({}, task)["queue"]
    return cast("str", queue.name)


def has_room(queue: str) -> bool:
    """Whether a queue is short enough for one more message that would come again anyway.

    :raises RedisError: while the broker is away
    """
    return client().llen(queue) < MOST_PENDING


def enqueue(task: str, *, schedule_id: int) -> bool:
    """Enqueue `task` for a schedule unless it is pending already; return whether it was enqueued.

    Nothing may depend on it: beat finds the same work by itself, and a broker that is away is no error.
    """
    key, queue = pending_key(task, schedule_id), queue_of(task)
    if not try_redis(lambda redis: redis.eval(MARK, 2, key, queue, str(PENDING_SECONDS * 1000), str(MOST_PENDING)), 0):
        return False
    try:
        current_app.send_task(task, kwargs={"schedule_id": schedule_id}, retry=False)
    except (OperationalError, RedisError, OSError) as error:
        log.warning("%s was not enqueued: %s", task, error)
        return False
    return True


class Enqueuer:
    """Enqueues tasks from a thread of its own: enqueueing costs as much as a payment, and nobody waits for it.

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
        """Have `task` enqueued for a schedule soon."""
        with self._lock:
            self._wanted.add((task, schedule_id))
            # Started at the first need: a web server forks its workers, and threads don't survive that.
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="enqueuer", daemon=True)
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
                enqueue(task, schedule_id=schedule_id)
            time.sleep(PAUSE_SECONDS)


enqueuer = Enqueuer()


def enqueue_soon(task: str, *, schedule_id: int) -> None:
    """Enqueue `task` for a schedule without making the caller wait for the broker."""
    enqueuer.ask(task, schedule_id=schedule_id)


def clear_pending(task: str, *, schedule_id: int) -> None:
    """Take the mark down as the task begins, so that what happens from now on can enqueue the next one."""
    try_redis(lambda redis: redis.delete(pending_key(task, schedule_id)), 0)


class Runs:
    """The runs of this process: how many are at work of each kind, and when a worker last began one.

    A kind that is bounded can't take all of a worker's threads, however many of its messages there are. It ends with
    the process, so that no run that was killed stands in the way of the next; two processes that do the same at once
    are merely a waste, for the domain is safe to run twice.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._at_work: Counter[str] = Counter()
        self._begun_at: dict[str, float] = {}

    def begin(self, kind: str, most: int) -> bool:
        """Count one more run, unless `most` are at work."""
        with self._lock:
            if self._at_work[kind] >= most:
                return False
            self._at_work[kind] += 1
            return True

    def end(self, kind: str) -> None:
        """Count one less."""
        with self._lock:
            self._at_work[kind] -= 1

    def is_repeated(self, kind: str) -> bool:
        """Whether one was begun just now; else this one is."""
        with self._lock:
            now = time.monotonic()
            if now - self._begun_at.get(kind, -REPEATED_SECONDS) < REPEATED_SECONDS:
                return True
            self._begun_at[kind] = now
            return False


runs = Runs()


@contextmanager
def limited_runs(most: int, kind: str) -> Iterator[bool]:
    """Whether fewer than `most` runs of this kind are at work in this process; else this one has nothing to do."""
    may_run = runs.begin(kind, most)
    try:
        yield may_run
    finally:
        if may_run:
            runs.end(kind)


@contextmanager
def single_run(task: str) -> Iterator[bool]:
    """Whether no other run of `task` is at work in this process; else this one has nothing to do."""
    with limited_runs(1, task) as may_run:
        yield may_run


def is_repeated(task: str) -> bool:
    """Whether the worker has begun the same task a moment ago: of messages that have piled up, one is enough."""
    # A proxy, which outside of any task stands for None: the stubs know nothing of that.
    return bool(current_task) and not current_task.request.called_directly and runs.is_repeated(task)
