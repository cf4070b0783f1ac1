"""The list of a draw, streamed to whoever wants to recompute it."""

from collections.abc import Iterator
from datetime import datetime
from threading import BoundedSemaphore

from concert_site.lib.errors import Unavailable
from queueing.domain import draw

# Lists that are read from the database at once in a process. Where bodies aren't written to a file first
# (concert_site.wsgi under another server), each keeps a thread for as long as its reader takes.
MOST_LISTS = 2

open_lists = BoundedSemaphore(MOST_LISTS)


class DrawList:
    """The seed and the list, a piece at a time. The web server closes it, also when the reader has gone away."""

    def __init__(self, schedule_id: int, *, seed: str, opens_at: datetime) -> None:
        if not open_lists.acquire(blocking=False):
            raise Unavailable
        self._is_open = True
        self._head = f"seed,{seed}\n".encode()
        self._entries = draw.entries(schedule_id, opens_at=opens_at)

    def __iter__(self) -> Iterator[bytes]:
        yield self._head
        yield from self._entries

    def close(self) -> None:
        """Make room for the next reader."""
        if self._is_open:
            self._is_open = False
            open_lists.release()
