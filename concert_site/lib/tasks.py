"""Asking for background work sooner than its schedule would have it.

What sends the messages is plugged in from above (concert_site.celery), so that the domain may ask and know no Celery.

Nothing here compares clocks: hosts may disagree by minutes, and a clock may be set back. Messages carry no expiry,
since the worker would judge it by another clock than the sender's. What piles up is bounded by the length of the queue,
and done once.
"""

import logging
import threading
import time
from typing import Protocol

from concert_site.lib import log_context
from concert_site.lib.log_context import LogContext
from concert_site.lib.redis import broker_client, try_broker

log = logging.getLogger(__name__)

# A pending mark that nobody took down (its worker was killed) stops mattering after this.
PENDING_SECONDS = 2
# Between two rounds of enqueueing: slots that become free within it are handed on together. As often as a tick runs at
# most (task_runs.REPEATED_SECONDS): an enqueue costs as much as a payment.
PAUSE_SECONDS = 0.2
# So many messages may wait in a queue before no more are sent that the next second would send anyway: a worker that
# has been away for a day finds these, not those of the day.
MOST_PENDING = 100

# 1 if the mark was set: it wasn't there, and the queue has room. A mark that is to last longer than any is from before
# Redis's clock was set back, and might stand there for as long as that was.
MARK = """
if redis.call('LLEN', KEYS[2]) >= tonumber(ARGV[2]) then return 0 end
if redis.call('PTTL', KEYS[1]) > tonumber(ARGV[1]) then redis.call('DEL', KEYS[1]) end
return redis.call('SET', KEYS[1], 1, 'NX', 'PX', ARGV[1]) and 1 or 0
"""


def pending_key(task: str, schedule_id: int | None) -> str:
    """The mark that a task is under way, for a schedule or for all there is."""
    return f"pending:{task}:{schedule_id or 'all'}"


class TaskSender(Protocol):
    """What puts a message into a queue."""

    def queue_of(self, task: str) -> str:
        """The queue that a task is sent to."""

    def send(self, task: str, *, schedule_id: int | None) -> None:
        """Send a task, for a schedule or for all there is.

        :raises OSError: while the broker is away
        """


_senders: list[TaskSender] = []


def use_sender(sender: TaskSender) -> None:
    _senders[:] = [sender]


def has_room(queue: str) -> bool:
    """Whether a queue is short enough for one more message that would come again anyway.

    :raises RedisError: while the broker is away
    """
    return broker_client().llen(queue) < MOST_PENDING


def enqueue(task: str, *, schedule_id: int | None = None) -> bool:
    """Enqueue `task`, for a schedule or for all there is, unless it is pending already; return whether it was enqueued.

    Nothing may depend on it: beat finds the same work by itself, and a broker that is away is no error.
    """
    (sender,) = _senders
    key, queue = pending_key(task, schedule_id), sender.queue_of(task)
    if not try_broker(lambda redis: redis.eval(MARK, 2, key, queue, str(PENDING_SECONDS * 1000), str(MOST_PENDING)), 0):
        return False
    try:
        sender.send(task, schedule_id=schedule_id)
    except OSError as error:
        log.warning("%s was not enqueued: %s", task, error)
        return False
    return True


class Enqueuer:
    """Enqueues tasks from a thread of its own: enqueueing costs as much as a payment, and nobody waits for it.

    What is asked for again before the thread has got to it is asked for once. A process that is killed loses
    what was not sent yet, which beat makes good within a second.
    """

    def __init__(self) -> None:
        # What is wanted, and the number of the request that was the first to ask for it.
        self._wanted: dict[tuple[str, int | None], str | None] = {}
        self._is_sending = False
        self._lock = threading.Lock()
        self._something = threading.Condition(self._lock)
        self._thread: threading.Thread | None = None

    def ask(self, task: str, *, schedule_id: int | None) -> None:
        with self._lock:
            self._wanted.setdefault((task, schedule_id), log_context.request_id())
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
                self._something.wait_for(lambda: self._wanted)
                wanted, self._wanted = self._wanted, {}
                self._is_sending = True
            for (task, schedule_id), request_id in wanted.items():
                token = log_context.begin(LogContext(request_id))
                try:
                    enqueue(task, schedule_id=schedule_id)
                except Exception:
                    # Whatever it is, the next one is asked for by somebody else.
                    log.exception("%s was not enqueued", task)
                log_context.end(token)
            with self._lock:
                self._is_sending = False
                self._something.notify_all()
            time.sleep(PAUSE_SECONDS)


enqueuer = Enqueuer()


def enqueue_soon(task: str, *, schedule_id: int | None = None) -> None:
    """Enqueue `task` without making the caller wait for the broker."""
    enqueuer.ask(task, schedule_id=schedule_id)


def clear_pending(task: str, *, schedule_id: int | None = None) -> None:
    """Take the mark down as the task begins, so that what happens from now on can enqueue the next one."""
    try_broker(lambda redis: redis.delete(pending_key(task, schedule_id)), 0)
