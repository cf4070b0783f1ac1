"""SIGINT, SIGTERM and SIGHUP: the first asks for an end, the second for a quick one."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class StopRequested(BaseException):
    """Ends a long step of the start; not an error, hence not an Exception."""


class StopSignals:
    """Counts the requests to stop.

    They are noticed between two steps, so that none hits between starting a process and taking it
    down; only a step that was declared interruptible is cut short.
    """

    def __init__(self) -> None:
        self.count = 0
        self._interrupts = False
        signal.signal(signal.SIGINT, self._take)
        signal.signal(signal.SIGTERM, self._take)
        # The terminal was closed.
        signal.signal(signal.SIGHUP, self._take)

    @property
    def is_hurried(self) -> bool:
        return self.count > 1

    def stop_if_asked(self) -> None:
        """A point at which stopping is fine.

        :raises StopRequested: if it was asked for
        """
        if self.count:
            raise StopRequested

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """A step that starts no process and may be cut short anywhere."""
        self.stop_if_asked()
        self._interrupts = True
        try:
            yield
        finally:
            self._interrupts = False

    def _take(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1
        if self._interrupts:
            raise StopRequested
