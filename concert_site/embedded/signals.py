"""SIGINT and SIGTERM: the first asks for an end, the second for a quick one. SIGHUP asks for a reload.

Unless it says that the terminal is gone: that asks for an end, too.
"""

import os
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
        self._reloads_asked = False
        self._has_terminal = has_terminal()
        signal.signal(signal.SIGINT, self._take)
        signal.signal(signal.SIGTERM, self._take)
        signal.signal(signal.SIGHUP, self._take_hangup)

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

    def take_reload(self) -> bool:
        """Whether a reload was asked for since this was last called."""
        is_asked, self._reloads_asked = self._reloads_asked, False
        return is_asked

    def _take_hangup(self, number: int, frame: FrameType | None) -> None:
        if self._has_terminal and not has_terminal():
            self._take(number, frame)
        else:
            self._reloads_asked = True

    def _take(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1
        if self._interrupts:
            raise StopRequested


def has_terminal() -> bool:
    """Whether this process belongs to a terminal that is still there."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
