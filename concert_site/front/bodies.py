"""Reading a request's body to its end, within bounds, before any thread is taken for it."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from io import BytesIO
from typing import IO, cast

from concert_site.front.fast_path import AnyThread
from concert_site.front.rsgi import Headers, Transport

# Read in one go. So little that a place for it need not be counted: every connection may have that much.
SMALL = 4_096
SMALL_SECONDS = 10.0
# Larger ones are read piece by piece: within a while and at a rate that the poorest line reaches, and not for ever.
GRACE_SECONDS = 10.0
LEAST_BYTES_A_SECOND = 16_384
MOST_SECONDS = 120.0
# Beyond this a body waits in a file.
IN_MEMORY = 262_144
# Bytes of larger bodies that a process keeps at once, in memory and in files, for all clients together.
MEMORY_BUDGET = 64 * 2**20
FILE_BUDGET = 512 * 2**20
# A refused body is thrown away up to here, so that the answer is heard: a connection closed on unread bytes is reset.
DISCARDED_BYTES = 4 * 2**20
DISCARDING_SECONDS = 2.0


class BodyRefused(Exception):
    """The body can't be taken."""


class BodyTooLarge(BodyRefused):
    """It is longer than its address takes."""


class TooSlow(BodyRefused):
    """It didn't come in time."""


class Malformed(BodyRefused):
    """It isn't what its head announced, or the connection broke."""


class NoRoom(BodyRefused):
    """Too many bytes of others are on their way."""


def small_size(headers: Headers) -> int | None:
    """The length of a body that may be expected whole, 0 without one; None for all others."""
    if "transfer-encoding" in headers:
        return None
    # The web server takes digits alone, and hands over that many bytes or an error.
    size = int(headers.get("content-length", 0))
    return size if size <= SMALL else None


class Expected(AnyThread):
    """A small body that somebody waits for."""

    def __init__(self, reader: BodyReader, then: Callable[[bytes | BodyRefused], None]) -> None:
        self._reader, self._then = reader, then

    def take(self, body: asyncio.Future[bytes]) -> None:
        # RSGI's word for a connection that broke. Raised, it would keep this frame, which keeps the body, which keeps
        # the error: for ever, since the collector doesn't see into granian's futures.
        has_failed = body.exception() is not None
        self.end(Malformed() if has_failed else body.result())

    def end(self, content: bytes | BodyRefused) -> None:
        """Say it, once: the body may arrive in the moment in which its time is up."""
        if self._reader.expected.pop(self, None) is not None:
            self._then(content)


class BodyReader:
    """Reads the bodies of one process: small ones as a whole, others in the event loop."""

    def __init__(self) -> None:
        # Small ones, and until when they have time. A body holds who expects it, who must not hold the body in turn.
        self.expected: dict[Expected, tuple[asyncio.Future[bytes], float]] = {}
        # Until when each reading task has time.
        self._deadlines: dict[asyncio.Task[object], float] = {}
        self._late: set[asyncio.Task[object]] = set()
        self.in_memory = 0
        self.in_files = 0

    def expect(self, incoming: Transport, then: Callable[[bytes | BodyRefused], None]) -> None:
        """Call `then` with a small body, or with why it can't be had. In any thread, as that is."""
        body, expected = incoming(), Expected(self, then)
        self.expected[expected] = body, time.monotonic() + SMALL_SECONDS
        body.add_done_callback(expected)

    async def read(self, incoming: Transport, headers: Headers, limit: int) -> tuple[IO[bytes], int]:
        """The body, at its beginning, and its length.

        :raises TooLarge, TooSlow, Malformed, NoRoom: as they say
        """
        announced = headers.get("content-length")
        if announced is not None and "transfer-encoding" in headers:
            raise Malformed
        # The web server takes digits alone, and hands over that many bytes or an error.
        size = int(announced) if announced is not None else None
        if size == 0:
            return BytesIO(), 0
        if size is not None and size > limit:
            raise BodyTooLarge
        task = cast("asyncio.Task[object]", asyncio.current_task())
        self._deadlines[task] = time.monotonic() + SMALL_SECONDS
        try:
            return await self._read_pieces(incoming, size, limit, task)
        except asyncio.CancelledError:
            if task not in self._late:
                raise
            task.uncancel()
            raise TooSlow from None
        except RuntimeError as error:
            # RSGI's word for a connection that broke, or chunks that are none.
            raise Malformed from error
        finally:
            self._late.discard(task)
            self._deadlines.pop(task, None)

    async def _read_pieces(
        self, incoming: Transport, size: int | None, limit: int, task: asyncio.Task[object]
    ) -> tuple[IO[bytes], int]:
        started = time.monotonic()
        body = Buffered(self)
        empty = 0
        try:
            async for piece in incoming:
                empty += not piece
                body.append(piece, limit)
                in_time = GRACE_SECONDS + body.length / LEAST_BYTES_A_SECOND
                self._deadlines[task] = started + min(in_time, MOST_SECONDS)
        except BaseException:
            body.close()
            raise
        # The end is one empty piece; a second one is where the chunks broke off.
        if empty > 1 or (size is not None and body.length != size):
            body.close()
            raise Malformed
        body.seek(0)
        return body, body.length

    def end_late_ones(self) -> None:
        """Interrupt whoever's time is up. To be called every now and then."""
        now = time.monotonic()
        for task in [task for task, until in self._deadlines.items() if until < now]:
            del self._deadlines[task]
            self._late.add(task)
            task.cancel()
        for expected, (body, until) in list(self.expected.items()):
            if until < now:
                # A future of granian's that was cancelled would keep it.
                body.remove_done_callback(expected)
                body.cancel()
                expected.end(TooSlow())

    async def discard(self, incoming: Transport) -> None:
        """Read on for a moment without keeping anything."""
        left = DISCARDED_BYTES
        try:
            async with asyncio.timeout(DISCARDING_SECONDS):
                async for piece in incoming:
                    left -= len(piece)
                    if left < 0 or not piece:
                        return
        except (TimeoutError, RuntimeError):
            return


class Buffered(tempfile.SpooledTemporaryFile[bytes]):
    """A body of some size: in memory, then in a file that has no name; counted until it is closed."""

    def __init__(self, reader: BodyReader) -> None:
        super().__init__(max_size=IN_MEMORY)
        self._reader = reader
        self.length = 0
        self._is_counted = True

    def append(self, piece: bytes, limit: int) -> None:
        """Write on, if there is room.

        :raises TooLarge: beyond the limit
        :raises NoRoom: if the bodies of all clients together would be too much
        """
        before = self.length
        self.length += len(piece)
        self._count(before, -1)
        self._count(self.length, 1)
        if self.length > limit:
            raise BodyTooLarge
        if self._reader.in_memory > MEMORY_BUDGET or self._reader.in_files > FILE_BUDGET:
            raise NoRoom
        self.write(piece)

    def close(self) -> None:
        if self._is_counted:
            self._is_counted = False
            self._count(self.length, -1)
        super().close()

    def _count(self, length: int, sign: int) -> None:
        if length > IN_MEMORY:
            self._reader.in_files += sign * length
        else:
            self._reader.in_memory += sign * length
