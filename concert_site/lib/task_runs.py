"""Keeping the runs of tasks within bounds, in each process of a worker."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from celery import current_task

# Of ticks that have piled up, one in so many seconds is run.
REPEATED_SECONDS = 0.2


_lock = threading.Lock()
# The runs of this process by kind: how many are at work, and when a worker last began one. They end with the process,
# so that no run that was killed stands in the way of the next; two processes that do the same at once are merely a
# waste, for the domain is safe to run twice.
_at_work: Counter[str] = Counter()
_begun_at: dict[str, float] = {}


@contextmanager
def limited_runs(most: int, kind: str) -> Iterator[bool]:
    """Whether fewer than `most` runs of this kind are at work in this process; else this one has nothing to do.

    So a kind can't take all of a worker's threads, however many of its messages there are.
    """
    with _lock:
        may_run = _at_work[kind] < most
        _at_work[kind] += may_run
    try:
        yield may_run
    finally:
        with _lock:
            _at_work[kind] -= may_run


def single_run(task: str) -> AbstractContextManager[bool]:
    """Whether no other run of `task` is at work in this process; else this one has nothing to do."""
    return limited_runs(1, task)


def is_repeated(task: str) -> bool:
    """Whether the worker has begun the same task a moment ago: of messages that have piled up, one is enough."""
    # A proxy, which outside of any task stands for None: the stubs know nothing of that.
    if not bool(current_task) or current_task.request.called_directly:
        return False
    with _lock:
        now = time.monotonic()
        is_soon = now - _begun_at.get(task, -REPEATED_SECONDS) < REPEATED_SECONDS
        if not is_soon:
            _begun_at[task] = now
        return is_soon
