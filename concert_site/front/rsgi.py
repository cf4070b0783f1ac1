"""What the web server hands over and takes back: the parts of RSGI that are used here."""

from __future__ import annotations

from asyncio import Future
from collections.abc import AsyncIterator
from typing import Any, Protocol

Header = tuple[str, str]


class Headers(Protocol):
    """Lower-case names, values that are ASCII."""

    def items(self) -> list[Header]:
        """Every header; one that came twice is there twice."""

    def get(self, key: str, default: Any = None) -> Any:  # Any: str, or what the caller gave
        """The first header of this name."""

    def __contains__(self, key: str) -> bool: ...


class Scope(Protocol):
    """Request line, headers, and who talks to whom."""

    method: str
    path: str
    query_string: str
    scheme: str
    client: str
    server: str
    http_version: str
    headers: Headers


class Outgoing(Protocol):
    """What a request is answered to: once, from any thread; answers to a client that went away go nowhere."""

    def response_empty(self, status: int, headers: list[Header]) -> None:
        """Answer without a body."""

    def response_bytes(self, status: int, headers: list[Header], body: bytes) -> None:
        """Answer with a body, kept until the reader has it."""

    def response_file(self, status: int, headers: list[Header], file: str) -> None:
        """Answer with a file, read at the reader's pace."""


class Transport(Outgoing, Protocol):
    """One exchange: a body to be read, and an answer to be given."""

    def __call__(self) -> Future[bytes]:
        """All of the body."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The body as it comes."""


class Done:
    """What is awaited where the answer is given already."""

    def __await__(self) -> Any:  # Any: an iterator of nothing
        return iter(())


DONE = Done()
