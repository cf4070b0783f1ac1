"""Keeping the runs of tasks within bounds, in each process of a worker."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import wraps

from celery import Task, current_task, shared_task

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


def single_task(name: str) -> Callable[[Callable[[], None]], Task[[], None]]:
    """Celery's shared_task, for one that has nothing to do while another run of it is at work in this process."""

    def decorate(work: Callable[[], None]) -> Task[[], None]:
        @shared_task(name=name)
        @wraps(work)
        def run() -> None:
            with single_run(name) as may_run:
                if may_run:
                    work()

        return run

    return decorate


def is_repeated() -> bool:
    """Whether the worker has begun this task a moment ago: of messages that have piled up, one is enough."""
    # A proxy, which outside of any task stands for None: the stubs know nothing of that.
    if not bool(current_task) or current_task.request.called_directly:
        return False
    task = current_task.name
    with _lock:
        now = time.monotonic()
        is_soon = now - _begun_at.get(task, -REPEATED_SECONDS) < REPEATED_SECONDS
        if not is_soon:
            _begun_at[task] = now
        return is_soon
