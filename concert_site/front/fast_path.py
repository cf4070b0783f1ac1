"""The fast path: requests that need no coroutine don't pass the event loop.

granian takes each request, and each body that was waited for, to the loop by `call_soon_threadsafe`, from a thread of
its own that has the interpreter's lock already: a thread to wake, and a lock to hand on, for every step. What the front
can do at once is done there, in that thread; the loop gets the rest. Were granian to work otherwise one day, the loop
would get everything, as RSGI has it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from types import CoroutineType
from typing import Any, Protocol

from concert_site.front.rsgi import Scope, Transport

log = logging.getLogger(__name__)


class Take(Protocol):
    """What answers a request at once, in any thread."""

    def __call__(self, scope: Scope, transport: Transport) -> bool:
        """True if it was answered, or will be; false if the loop is needed."""


class AnyThread:
    """A callback of a future that may run in whatever thread ends the future."""

    def __call__(self, future: Any) -> None:  # Any: of any result
        """Take it. What that raises is a fault of ours, and goes no further (as in `takes`)."""
        try:
            self.take(future)
        except BaseException:
            log.exception("What was waited for could not be taken")

    def take(self, future: Any) -> None:
        """Do what the future was waited for."""
        raise NotImplementedError


def open_for(loop: asyncio.AbstractEventLoop, take: Take) -> None:
    """Have requests that are on their way to this loop taken before they get there."""
    to_loop = loop.call_soon_threadsafe

    def call_soon_threadsafe(callback: Callable[..., object], *args: Any, context: Any = None) -> asyncio.Handle | None:
        if isinstance(callback, AnyThread):
            callback(*args)
            return None
        if len(args) == 2 and isinstance(args[0], CoroutineType):  # noqa: PLR2004  a request: the coroutine, its watcher
            coroutine, watcher = args
            if takes(take, watcher):
                coroutine.close()
                return None
        return to_loop(callback, *args, context=context)

    loop.call_soon_threadsafe = call_soon_threadsafe  # type: ignore[assignment,method-assign]


def takes(take: Take, watcher: Any) -> bool:  # Any: granian's, whose class has no name in Python
    scope, transport = getattr(watcher, "scope", None), getattr(watcher, "proto", None)
    if scope is None or transport is None:
        return False
    try:
        return take(scope, transport)
    except BaseException:
        # Nothing was answered: the loop does so. Whatever it is, it goes no further: once anything was raised at
        # granian's thread, that takes nothing more, from anybody.
        log.exception("%s could not be taken past the event loop", scope.path)
        return False
