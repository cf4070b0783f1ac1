"""A prototype that was measured and not taken: what changes on a map as server-sent events (seat_transport.py).

An application for the web server beside Frontrow: one task a process asks for the seats and writes what changed to all.
"""

import asyncio
import os
from contextlib import suppress
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "concert_site.settings")
django.setup()

from reservations.queries.availability import LIFETIME_SECONDS, availability_of  # noqa: E402  after django.setup
from reservations.queries.seat_changes import changes_since  # noqa: E402  as above

SCHEDULE = int(os.environ.get("SCHEDULE", "1"))
HEADERS = [("content-type", "text/event-stream"), ("cache-control", "no-store")]


class Stream:
    """Writes to whoever is connected; `Any`: the web server's own transports."""

    def __init__(self) -> None:
        self.readers: set[Any] = set()

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.task = loop.create_task(self.watch())

    async def watch(self) -> None:
        version = ""
        while True:
            found = await asyncio.to_thread(availability_of, SCHEDULE)
            if version and found.version != version:
                body = (await asyncio.to_thread(changes_since, SCHEDULE, version)).body
                for reader in list(self.readers):
                    with suppress(RuntimeError):
                        await reader.send_bytes(b"data: " + body + b"\n\n")
            version = found.version
            await asyncio.sleep(LIFETIME_SECONDS)

    async def __rsgi__(self, scope: Any, protocol: Any) -> None:
        transport = protocol.response_stream(200, HEADERS)
        await transport.send_bytes(b": hello\n\n")
        self.readers.add(transport)
        await protocol.client_disconnect()
        self.readers.discard(transport)


application = Stream()
