"""Lanes: bounded pools of threads, each with a bounded queue, so that one kind of work can't hold up another."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Protocol

from django.db import connections

from concert_site.lib import metrics
from concert_site.lib.call_stack import with_room

log = logging.getLogger(__name__)


class LaneJob(Protocol):
    """Something to be done in a thread."""

    def run(self) -> None:
        """Do it. Nothing may be raised."""

    def give_up(self) -> None:
        """It waited too long and won't be run. Called in the event loop."""


class Lane:
    """Threads that take work in the order in which it came."""

    def __init__(self, name: str, *, threads: int, waiting: int, seconds: float) -> None:
        """
        :param waiting: how much work may wait, beside what is being done
        :param seconds: and for how long
        """
        self.name = name
        self.threads = threads
        self.waiting = waiting
        self.seconds = seconds
        self._running: list[threading.Thread] = []
        self._queue: SimpleQueue[LaneJob | None] = SimpleQueue()
        # What waits, and until when; whoever takes it out of here, a thread or the clock, has it.
        self._until: dict[LaneJob, float] = {}
        # The threads that are at work.
        self._busy: set[int] = set()

    def start(self) -> None:
        """Start the threads. They end with the process, or after `stop`."""
        for number in range(self.threads):
            name = f"{self.name}-{number}"
            thread = threading.Thread(target=with_room, args=(self._work,), name=name, daemon=True)
            self._running.append(thread)
            thread.start()

    def stop(self, seconds: float) -> None:
        """Have each thread end once nothing waits; wait for that, so many seconds for each."""
        for _ in self._running:
            self._queue.put(None)
        while self._running:
            self._running.pop().join(seconds)

    def submit(self, work: LaneJob) -> bool:
        """Queue work; false if too much waits already."""
        if len(self._until) >= self.waiting:
            metrics.LANE_REFUSED.add(self.name)
            return False
        self._until[work] = time.monotonic() + self.seconds
        self._queue.put(work)
        return True

    def end_late_ones(self) -> None:
        """Give up what has waited too long. To be called every now and then, in the event loop."""
        now = time.monotonic()
        # Oldest first. A copy, in one step: threads take work out meanwhile.
        for work, until in list(self._until.items()):
            if until > now:
                return
            if self._until.pop(work, None) is not None:
                metrics.LANE_REFUSED.add(self.name)
                work.give_up()

    def note_levels(self) -> None:
        """Say how full it is. To be called every now and then."""
        metrics.LANE_THREADS.set(self.threads, self.name)
        metrics.LANE_BUSY.set(len(self._busy), self.name)
        metrics.LANE_WAITING.set(len(self._until), self.name)
        metrics.LANE_REFUSED.start_at_zero(self.name)

    def _work(self) -> None:
        get: Callable[[], LaneJob | None] = self._queue.get
        number = threading.get_ident()
        while (work := get()) is not None:
            until = self._until.pop(work, None)
            if until is not None:
                self._busy.add(number)
                metrics.LANE_SECONDS.observe(self.seconds - (until - time.monotonic()), self.name)
                try:
                    work.run()
                except BaseException:
                    # SystemExit, too, would end the thread, which is needed by the next one.
                    log.exception("Work in lane %s failed", self.name)
                self._busy.discard(number)
            # Not kept until the next one comes: it holds a request and its answer.
            del work
        connections.close_all()
