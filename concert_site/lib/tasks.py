"""Asking for background work sooner than its schedule would have it."""

import logging
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


def begun(task: str, *, schedule_id: int) -> None:
    """Take the mark down as the task begins, so that what happens from now on can enqueue the next one."""
    attempt(lambda redis: redis.delete(pending_key(task, schedule_id)), 0)


@contextmanager
def alone(task: str) -> Iterator[bool]:
    """Whether no other run of `task` is at work; while it is, this run has nothing to do.

    A convenience, not a guard: the domain is safe to run twice at once, and the mark lapses by itself.
    """
    key = f"running:{task}"
    is_alone = attempt(lambda redis: bool(redis.set(key, 1, nx=True, ex=RUNNING_SECONDS)), True)
    try:
        yield is_alone
    finally:
        if is_alone:
            attempt(lambda redis: redis.delete(key), 0)
