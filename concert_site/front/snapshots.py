"""Answers that are the same for everybody: kept for a moment, made anew in threads of their own."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from django.utils.http import parse_etags

from concert_site.front.lanes import Lane
from concert_site.front.rsgi import Header, Outgoing, Scope
from concert_site.lib.cache import keep_newest
from concert_site.lib.log_context import HEADER, request_id_of
from concert_site.lib.web.headers import NAMES

OK = 200
# What a 304 repeats of the answer that it stands for (RFC 9110, 15.4.5).
REPEATED = {"etag", "cache-control", "vary", "date", HEADER} | NAMES
MOST_KEPT = 1024
# How long one that is being made is waited for where the one before will do: a database that has just fallen silent
# holds up its maker for seconds.
LATE_SECONDS = 1.0
Key = tuple[str, bool]


@dataclass(slots=True)
class Snapshot:
    """A whole answer, ready to be given again."""

    status: int
    headers: list[Header]
    body: bytes
    etag: str | None
    made_at: float

    def respond(self, scope: Scope, transport: Outgoing) -> None:
        headers = self.headers
        if HEADER in scope.headers:
            # Who gave it a number finds that in the answer; others need none, for nothing is logged of it.
            headers = [*headers, (HEADER, request_id_of(scope.headers.get(HEADER)))]
        known = scope.headers.get("if-none-match")
        if known is not None and self.is_named_by(known):
            transport.response_empty(304, repeated(headers))
        else:
            # To a HEAD the web server gives the head.
            transport.response_bytes(self.status, headers, self.body)

    def is_named_by(self, if_none_match: str) -> bool:
        """Whether this If-None-Match names the version; weak tags are as good (RFC 9110, 13.1.2)."""
        known = parse_etags(if_none_match)
        return self.etag is not None and (
            known == ["*"] or self.etag.removeprefix("W/") in {tag.removeprefix("W/") for tag in known}
        )


def repeated(headers: list[Header]) -> list[Header]:
    """The headers that a 304 has of the answer that it stands for."""
    return [pair for pair in headers if pair[0].lower() in REPEATED]


class Snapshots:
    """Snapshots by key: what is at hand for any thread, what is made for who waits in the event loop.

    A key that was found before is made anew in a lane that strangers can't fill with keys that don't exist.
    """

    def __init__(
        self,
        make: Callable[[Key, str], Snapshot],
        *,
        known: Lane,
        unknown: Lane,
        fresh: float,
        stale: float,
        oldest: float = 0.0,
    ) -> None:
        """
        :param make: makes one, in a thread, for a key and the Host of who asked
        :param fresh: seconds for which one is given as it is
        :param stale: and for which it is given while another is made
        :param oldest: and for which it is given where that takes longer than LATE_SECONDS
        """
        self.make = make
        self._known, self._unknown = known, unknown
        self._fresh, self._stale, self._oldest = fresh, stale, oldest
        self._kept: dict[Key, Snapshot] = {}
        self._refused: dict[Key, Snapshot] = {}
        # What is being made, and who waits for it.
        self._asking: dict[Key, list[asyncio.Future[Snapshot | None]]] = {}
        self._changing = threading.Lock()

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Take the loop that is told of what was made. Before anything is asked for."""
        self._loop = loop

    def at_hand(self, key: Key, host: str) -> Snapshot | None:
        """What can be given at once."""
        found = self._kept.get(key) or self._refused.get(key)
        if found is None:
            return None
        age = time.monotonic() - found.made_at
        if age < self._fresh:
            return found
        return found if age < self._stale and found.status == OK and self._ask(key, host) else None

    async def coming(self, key: Key, host: str) -> Snapshot | None:
        """The one that is being made, or the one before if that takes long; None if neither can be had now."""
        if not self._ask(key, host):
            return None
        future: asyncio.Future[Snapshot | None] = self._loop.create_future()
        self._asking[key].append(future)
        kept = self._kept.get(key)
        if kept is None or time.monotonic() - kept.made_at > self._oldest:
            return await future
        await asyncio.wait([future], timeout=LATE_SECONDS)
        return future.result() if future.done() else kept

    def arrived(self, key: Key, snapshot: Snapshot | None) -> None:
        """Keep what was made, and tell whoever waits for it. In the event loop."""
        if snapshot is not None:
            kept, others = (self._kept, self._refused) if snapshot.status == OK else (self._refused, self._kept)
            keep_newest(kept, key, snapshot, most=MOST_KEPT)
            others.pop(key, None)
        with self._changing:
            waiting = self._asking.pop(key, ())
        for future in waiting:
            if not future.done():
                future.set_result(snapshot)

    def _ask(self, key: Key, host: str) -> bool:
        """Have one made, unless one is being made; false if there is no room for that."""
        with self._changing:
            if key not in self._asking:
                lane = self._known if key in self._kept else self._unknown
                if not lane.submit(SnapshotJob(self, key, host, self._loop)):
                    return False
                self._asking[key] = []
            return True


class SnapshotJob:
    """A snapshot that is being made."""

    def __init__(self, snapshots: Snapshots, key: Key, host: str, loop: asyncio.AbstractEventLoop) -> None:
        self._snapshots, self._key, self._host, self._loop = snapshots, key, host, loop

    def run(self) -> None:
        made: Snapshot | None = None
        try:
            made = self._snapshots.make(self._key, self._host)
        finally:
            # A loop that has ended has nobody who waits.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._snapshots.arrived, self._key, made)

    def give_up(self) -> None:
        self._snapshots.arrived(self._key, None)
