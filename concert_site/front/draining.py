"""A web process that is about to end: it goes on serving, and its clients go elsewhere in the meantime.

Whoever is to end it makes a file (DRAIN_FILE) that it looks for ten times a second. From then on each connection ends
with its answer, so that none is cut off in the middle of a request; with `stop` in the file, `/readyz` answers 503, so
that a load balancer sends nobody any more. (While web processes are renewed, others take over: no 503.)
"""

from __future__ import annotations

import json
from pathlib import Path

from concert_site.front.rsgi import Header, Outgoing

STOP = "stop"
CLOSE = ("connection", "close")
BODY = json.dumps({"status": "draining"}).encode()


class DrainFile:
    """What one process knows of its end."""

    def __init__(self, path: str) -> None:
        self._path = Path(path) if path else None
        self.is_draining = self.is_stopping = False

    def check(self) -> None:
        """Look whether the end is near; once it is, it stays so."""
        if self._path is None or self.is_stopping:
            return
        try:
            text = self._path.read_text()
        except OSError:
            return
        self.is_draining, self.is_stopping = True, text.strip() == STOP


class Closing:
    """An exchange whose connection ends with its answer."""

    def __init__(self, transport: Outgoing) -> None:
        self._transport = transport

    def response_empty(self, status: int, headers: list[Header]) -> None:
        self._transport.response_empty(status, [*headers, CLOSE])

    def response_bytes(self, status: int, headers: list[Header], body: bytes) -> None:
        self._transport.response_bytes(status, [*headers, CLOSE], body)

    def response_file(self, status: int, headers: list[Header], file: str) -> None:
        self._transport.response_file(status, [*headers, CLOSE], file)


def respond(transport: Outgoing, headers: list[Header]) -> None:
    """Tell a load balancer to send nobody any more."""
    transport.response_bytes(503, [*headers, ("retry-after", "1")], BODY)
