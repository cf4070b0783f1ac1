"""Keeping the runs of tasks within bounds, in each process of a worker."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from celery import current_task

# Of ticks that have piled up, one in so many seconds is run.
REPEATED_SECONDS = 0.2


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
