"""Requests to the front without a web server: the part of RSGI that granian would play."""

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SECONDS = 10


class Headers(dict):
    """Lower-case names; each at most once."""


@dataclass
class Scope:
    method: str
    path: str
    headers: Headers
    query_string: str = ""
    scheme: str = "http"
    client: str = "127.0.0.1:50000"
    server: str = "127.0.0.1:8000"
    http_version: str = "1.1"


@dataclass
class Answer:
    """What a request was answered."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass
class Transport:
    """Takes a body in pieces, keeps the answer."""

    pieces: list[bytes]
    stalls: bool = False
    answer: Answer | None = None
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    loop: asyncio.AbstractEventLoop | None = None

    def __call__(self):
        return asyncio.ensure_future(self._whole())

    async def _whole(self):
        return b"".join([piece async for piece in self])

    async def __aiter__(self):
        for piece in self.pieces:
            yield piece
        if self.stalls:
            await asyncio.Event().wait()

    def response_bytes(self, status, headers, body):
        if self.answer is None:
            self.answer = Answer(status, {name.lower(): value for name, value in headers}, body)
            if self.loop is not None:
                self.loop.call_soon_threadsafe(self.answered.set)

    def response_empty(self, status, headers):
        self.response_bytes(status, headers, b"")

    def response_file(self, status, headers, file):
        self.response_bytes(status, headers, Path(file).read_bytes())


async def ask(front, path, method="GET", *, pieces=(), stalls=False, scheme="http", query="", **headers):
    """One request; a header is named as in Python, content_length for Content-Length."""
    named = {name.replace("_", "-"): value for name, value in ({"host": "localhost"} | headers).items()}
    transport = Transport(list(pieces), stalls)
    scope = Scope(method, path, Headers(named), scheme=scheme, query_string=query)
    begun = time.monotonic()
    await asyncio.wait_for(taken(front, scope, transport), SECONDS)
    # A front that answers because it was interrupted has waited all the same.
    assert time.monotonic() - begun < SECONDS
    return transport.answer


async def taken(front: Any, scope: Any, transport: Transport) -> None:
    """Have the front answer as granian does: past the loop if it takes the request, else as RSGI has it."""
    transport.loop = asyncio.get_running_loop()
    if front.take(scope, transport):
        await transport.answered.wait()
    else:
        await front.__rsgi__(scope, transport)
