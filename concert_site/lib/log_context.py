"""What a line in the log says of the request or task that it comes from: numbers and names of ours, never a person's.

Each thread of a web process or worker has one request or task at a time, and a context variable keeps what is known of
it. A task carries the number of the request that caused it, so that both are found by it.
"""

from __future__ import annotations

import re
from contextvars import ContextVar, Token
from random import getrandbits

HEADER = "x-request-id"
# As proxies write them: UUIDs, hex. Nothing that could be an address, or a line of its own.
WELL_FORMED = re.compile(r"[0-9A-Za-z_-][0-9A-Za-z._-]{6,62}[0-9A-Za-z_-]", re.ASCII)


class LogContext:
    """A request or a task that is at work, as far as it is known."""

    __slots__ = ("request_id", "route", "schedule_id", "task", "task_id", "user_id")

    def __init__(self, request_id: str | None = None, *, task: str | None = None, task_id: str | None = None) -> None:
        self.request_id, self.task, self.task_id = request_id, task, task_id
        self.user_id: int | None = None
        self.schedule_id: int | None = None
        self.route: str | None = None

    def known(self) -> dict[str, object]:
        """What is known, by name."""
        return {name: value for name in self.__slots__ if (value := getattr(self, name)) is not None}


_current: ContextVar[LogContext | None] = ContextVar("log_context", default=None)


def begin(work: LogContext) -> Token[LogContext | None]:
    """Have everything that this thread logs say so; what is returned goes to `end`."""
    return _current.set(work)


def end(token: Token[LogContext | None]) -> None:
    _current.reset(token)


def current() -> LogContext | None:
    return _current.get()


def request_id() -> str | None:
    """The number of the request that is at work here, or that caused the task."""
    work = _current.get()
    return work.request_id if work else None


def note_user(user_id: int) -> None:
    """Who asks."""
    work = _current.get()
    if work is not None:
        work.user_id = user_id


def request_id_of(said: str | None) -> str:
    """The number of a request: what a proxy said (`X-Request-Id`) if it is one, else a new one."""
    return said if said is not None and WELL_FORMED.fullmatch(said) else f"{getrandbits(128):032x}"
